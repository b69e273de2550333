/**
 * Text -> validated document: parse, limits, validation by the specification, in that order of cost.
 * In: source text, schema, limits. Out: a document or the errors that refuse it. Clock: per document.
 */
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  Lexer,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
  type OperationTypeNode,
  OverlappingFieldsCanBeMergedRule,
  parse,
  Source,
  type SourceLocation,
  specifiedRules,
  TokenKind,
  type VariableDefinitionNode,
  validate,
  visit,
} from 'graphql';
import { ClientError, type ErrorCode } from '../errors';
import { finish, type SlicedWork } from '../slices';
import { DeferLabelsRule, deferName } from './defer';
import { type DocumentLimits, weighDocument } from './limits';
import { nestedListsOf } from './list-nesting';
import { findConflicts } from './overlapping-fields';
import { compileSimpleVariables, type SimpleVariable } from './simple-variables';

/** A document that the schema allows, with its parts found. */
export interface ValidDocument {
  readonly kind: 'valid';
  readonly document: DocumentNode;
  readonly operations: readonly Operation[];
  /** What keeping it costs, with all that is prepared for its operations: an estimate. */
  readonly bytes: number;
}

const bytesOfCharacter = 20;
const bytesOfSelection = 500;

export interface Refused {
  readonly kind: 'refused';
  readonly errors: readonly ClientError[];
}

/** One operation of a valid document. */
export interface Operation {
  readonly type: OperationTypeNode;
  readonly name: string | undefined;
  readonly node: OperationDefinitionNode;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly variables: OperationVariables;
  /** Variables that decide a `@skip` or `@include`, sorted: the operation is planned once for each of their values. */
  readonly conditionVariables: readonly string[];
  /** Whether `@defer` counts: else its fragments are like any others, and the answer is in one piece. */
  readonly defers: boolean;
  /** The same operation, where it may be answered in parts: a query in a document with `@defer`, which counts then. */
  readonly inParts: Operation | undefined;
}

/** What an operation says of its variables. */
export interface OperationVariables {
  readonly definitions: readonly VariableDefinitionNode[];
  readonly simple: readonly SimpleVariable[] | undefined;
  readonly locations: ReadonlyMap<string, SourceLocation>;
  /** Items of lists and fields of input objects, in all of them. */
  readonly maxValues: number;
  /** Whether errors may suggest names of the schema. */
  readonly suggestions: boolean;
}

export interface DocumentOptions {
  readonly limits: DocumentLimits & {
    /** Lists in lists of one operation. */
    readonly maxListDepth: number;
    /** Items of lists and fields of input objects in all variables of a request. */
    readonly maxVariableValues: number;
  };
  /** Validation stops after this many errors. */
  readonly maxErrors: number;
  /**
   * Whether clients may ask `__schema` and `__type`; `some`: authorization says who. Unless all may, error messages
   * suggest no names either.
   */
  readonly introspection: boolean | 'some';
}

/** Parses, limits and validates `text`. Codes: `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED`, `MAX_*_LIMIT`. */
export function* readDocument(
  text: string,
  schema: GraphQLSchema,
  options: DocumentOptions,
): SlicedWork<ValidDocument | Refused> {
  const source = new Source(text);
  const document = parseSource(source, options.limits.maxTokens);
  if (document instanceof ClientError) return { kind: 'refused', errors: [document] };
  yield;
  const checked = yield* checkDocument(document, source, schema, options);
  yield;
  if (checked.kind === 'valid') dropLocations(document);
  return checked;
}

/** Limits and validates a document of which there is no text but what its parser noted. Codes: see `readDocument`. */
export function adoptDocument(
  document: DocumentNode,
  schema: GraphQLSchema,
  options: DocumentOptions,
): ValidDocument | Refused {
  return finish(checkDocument(document, document.loc?.source ?? new Source(''), schema, options));
}

function* checkDocument(
  document: DocumentNode,
  source: Source,
  schema: GraphQLSchema,
  options: DocumentOptions,
): SlicedWork<ValidDocument | Refused> {
  const weight = weighDocument(document, options.limits);
  if (weight instanceof ClientError) return { kind: 'refused', errors: [weight] };
  yield;
  const errors = yield* findErrors(document, source, schema, options);
  if (errors.length > 0) {
    const locate = createLocator(source.body);
    return { kind: 'refused', errors: errors.map((error) => describe(error, 'GRAPHQL_VALIDATION_FAILED', locate)) };
  }
  yield;
  const { maxListDepth, maxVariableValues } = options.limits;
  const operations = findOperations(document, options.introspection === true, maxVariableValues, weight.defers);
  if (operations.some(({ node, fragments }) => nestedListsOf(node, fragments, schema) > maxListDepth)) {
    const message = `The operation nests more than the ${maxListDepth} lists that are allowed.`;
    return { kind: 'refused', errors: [new ClientError('MAX_LIST_DEPTH_LIMIT', message)] };
  }
  const bytes = source.body.length * bytesOfCharacter + weight.selections * bytesOfSelection;
  return { kind: 'valid', document, operations, bytes };
}

function parseSource(source: Source, maxTokens: number): DocumentNode | ClientError {
  try {
    return parse(source, { maxTokens });
  } catch (error) {
    // The parser recurses with the nesting of the text: running out of stack means too deep, and harms nothing.
    if (error instanceof RangeError) return new ClientError('MAX_DEPTH_LIMIT', 'The document is nested too deeply.');
    if (!(error instanceof GraphQLError)) throw error;
    if (hasMoreTokens(source, maxTokens)) {
      return new ClientError('MAX_TOKENS_LIMIT', `The document has more than the ${maxTokens} tokens allowed.`);
    }
    return describe(error, 'GRAPHQL_PARSE_FAILED', createLocator(source.body));
  }
}

function hasMoreTokens(source: Source, maxTokens: number): boolean {
  const lexer = new Lexer(source);
  try {
    for (let count = 0; count <= maxTokens; count++) {
      if (lexer.advance().kind === TokenKind.EOF) return false;
    }
    return true;
  } catch {
    return false;
  }
}

/** All but the one whose time follows the square of the document: `findConflicts` takes its place. */
const rules = [...specifiedRules.filter((rule) => rule !== OverlappingFieldsCanBeMergedRule), DeferLabelsRule];

/**
 * Suggesting names compares with every name of the schema, for each error: that is for people, who write documents
 * of some length and make some mistakes.
 */
const maxSuggested = 3;
const maxSuggestedLength = 20_000;

function* findErrors(
  document: DocumentNode,
  source: Source,
  schema: GraphQLSchema,
  { introspection, maxErrors }: DocumentOptions,
): SlicedWork<readonly GraphQLError[]> {
  const text = source.body;
  // graphql-js walks the text from its start for each error, to count lines: `describe` does it once for all of them.
  source.body = '';
  try {
    const active = introspection ? rules : [...rules, NoSchemaIntrospectionCustomRule];
    const errors = validate(schema, document, active, { maxErrors, hideSuggestions: true });
    if (errors.length > 0) {
      const suggest = introspection === true && errors.length <= maxSuggested && text.length <= maxSuggestedLength;
      return suggest ? validate(schema, document, active) : errors;
    }
    yield;
    const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
    // graphql-js finds nothing wrong with what it cannot execute.
    const impossible = operations.filter(({ operation }) => !schema.getRootType(operation));
    if (impossible.length > 0) return impossible.slice(0, maxErrors).map(hasNoRootType);
    return findConflicts(schema, operations, fragmentsOf(document), maxErrors);
  } finally {
    source.body = text;
  }
}

function hasNoRootType(node: OperationDefinitionNode): GraphQLError {
  return new GraphQLError(`The schema has no ${node.operation} type.`, { nodes: [node] });
}

const maxMessageLength = 500;
/** graphql-js names every fragment of a cycle. */
const maxLocations = 10;

/** An error of graphql-js with a code of ours; long values that a client sent are not sent back whole. */
function describe(error: GraphQLError, code: ErrorCode, locate: (position: number) => SourceLocation): ClientError {
  const { positions } = error;
  return new DocumentError(code, shorten(error.message), positions?.slice(0, maxLocations).map(locate));
}

export function shorten(message: string): string {
  return message.length > maxMessageLength ? `${message.slice(0, maxMessageLength)}…` : message;
}

/** A refusal that says where in the document its cause is, without keeping the document. */
export class DocumentError extends ClientError {
  declare readonly locations: readonly SourceLocation[] | undefined;

  constructor(code: ErrorCode, message: string, locations: readonly SourceLocation[] | undefined) {
    super(code, message);
    this.locations = locations;
  }
}

/** Line and column of a position in `text`, from 1 (specification 7.1.2). The text is read once, at the first call. */
function createLocator(text: string): (position: number) => SourceLocation {
  let starts: number[] | undefined;
  return (position) => {
    starts ??= lineStarts(text);
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= position) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: position - (starts[low] ?? 0) + 1 };
  };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (const match of text.matchAll(/\r\n|[\n\r]/g)) starts.push(match.index + match[0].length);
  return starts;
}

/** Drops what the parser noted of the text: it holds every token of it, several times the size of the document. */
function dropLocations(node: object): void {
  if ('loc' in node) node.loc = undefined;
  for (const value of Object.values(node)) if (typeof value === 'object' && value !== null) dropLocations(value);
}

/** The fragments of a document by their names. */
export function fragmentsOf({ definitions }: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  return fragments;
}

/** The operations of a valid document; of the others see `OperationVariables`. */
export function findOperations(
  document: DocumentNode,
  suggestions = true,
  maxValues = Number.POSITIVE_INFINITY,
  defers = false,
): Operation[] {
  const fragments = fragmentsOf(document);
  const operations: Operation[] = [];
  for (const node of document.definitions) {
    if (node.kind !== Kind.OPERATION_DEFINITION) continue;
    const whole = {
      type: node.operation,
      name: node.name?.value,
      node,
      fragments,
      variables: { ...describeVariables(node.variableDefinitions ?? []), suggestions, maxValues },
      conditionVariables: findConditionVariables(node, fragments, conditionNames),
      defers: false,
      inParts: undefined,
    };
    if (!defers || node.operation !== 'query') operations.push(whole);
    else {
      const conditionVariables = findConditionVariables(node, fragments, [...conditionNames, deferName]);
      operations.push({ ...whole, inParts: { ...whole, conditionVariables, defers: true } });
    }
  }
  return operations;
}

const conditionNames: readonly string[] = ['skip', 'include'];

function describeVariables(
  definitions: readonly VariableDefinitionNode[],
): Pick<OperationVariables, 'definitions' | 'simple' | 'locations'> {
  const locations = new Map<string, SourceLocation>();
  const body = definitions[0]?.loc?.source.body;
  const locate = body === undefined ? undefined : createLocator(body);
  for (const { variable, loc } of definitions) {
    if (loc && locate) locations.set(variable.name.value, locate(loc.start));
  }
  // graphql-js would look for line and column again, for each error.
  const kept = definitions.map(({ loc: _loc, ...definition }) => definition);
  return { definitions: kept, simple: compileSimpleVariables(kept), locations };
}

/** The variables of the arguments `if` of these directives. */
function findConditionVariables(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  directiveNames: readonly string[],
): string[] {
  if (!operation.variableDefinitions?.length) return [];
  const found = new Set<string>();
  const seen = new Set<string>();
  const search = (root: OperationDefinitionNode | FragmentDefinitionNode): void => {
    visit(root, {
      Directive: (directive) => {
        if (!directiveNames.includes(directive.name.value)) return;
        const value = directive.arguments?.find((argument) => argument.name.value === 'if')?.value;
        if (value?.kind === Kind.VARIABLE) found.add(value.name.value);
      },
      FragmentSpread: (spread) => {
        const name = spread.name.value;
        const fragment = fragments.get(name);
        if (!fragment || seen.has(name)) return;
        seen.add(name);
        search(fragment);
      },
    });
  };
  search(operation);
  return [...found].sort();
}

/** The operation that a request names. Code: `OPERATION_RESOLUTION_FAILURE`. */
export function selectOperation(document: ValidDocument, operationName: string | undefined): Operation | ClientError {
  const { operations } = document;
  const [first] = operations;
  if (operationName === undefined || operationName === '') {
    if (first && operations.length === 1) return first;
    const message = first
      ? 'The document has several operations: say which one by operationName.'
      : 'The document has no operation.';
    return new ClientError('OPERATION_RESOLUTION_FAILURE', message);
  }
  const named = operations.find((operation) => operation.name === operationName);
  return (
    named ??
    new ClientError('OPERATION_RESOLUTION_FAILURE', `Unknown operation named "${operationName.slice(0, 100)}".`)
  );
}
