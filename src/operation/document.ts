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
  parse,
  Source,
  specifiedRules,
  TokenKind,
  validate,
  visit,
} from 'graphql';
import { ClientError } from '../errors';
import { type DocumentLimits, findBrokenLimit } from './limits';

/** A document that the schema allows, with its parts found. */
export interface ValidDocument {
  readonly kind: 'valid';
  readonly document: DocumentNode;
  readonly operations: readonly Operation[];
}

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
  /** Variables that decide a `@skip` or `@include`, sorted: the operation is planned once for each of their values. */
  readonly conditionVariables: readonly string[];
}

export interface DocumentOptions {
  readonly limits: DocumentLimits;
  /** Validation stops after this many errors. */
  readonly maxErrors: number;
  /** Whether clients may ask `__schema` and `__type`; without it, error messages suggest no names either. */
  readonly introspection: boolean;
}

/** Parses and validates `source`. Codes: `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED`, `MAX_*_LIMIT`. */
export function readDocument(source: string, schema: GraphQLSchema, options: DocumentOptions): ValidDocument | Refused {
  const parsed = parseSource(source, options.limits.maxTokens);
  if (parsed instanceof ClientError) return { kind: 'refused', errors: [parsed] };
  return validateDocument(parsed, schema, options);
}

/** The refusal of a document that breaks a limit. */
export function refuseOverLimits(document: DocumentNode, limits: DocumentLimits): Refused | undefined {
  const broken = findBrokenLimit(document, limits);
  return broken && { kind: 'refused', errors: [broken] };
}

function validateDocument(
  document: DocumentNode,
  schema: GraphQLSchema,
  options: DocumentOptions,
): ValidDocument | Refused {
  const refused = refuseOverLimits(document, options.limits);
  if (refused) return refused;
  const rules = options.introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
  const errors = validate(schema, document, rules, {
    maxErrors: options.maxErrors,
    hideSuggestions: !options.introspection,
  });
  if (errors.length > 0) {
    return { kind: 'refused', errors: errors.map((error) => asClientError(error, 'GRAPHQL_VALIDATION_FAILED')) };
  }
  return { kind: 'valid', document, operations: findOperations(document) };
}

function parseSource(source: string, maxTokens: number): DocumentNode | ClientError {
  try {
    return parse(source, { maxTokens });
  } catch (error) {
    // The parser recurses with the nesting of the text: running out of stack means too deep, and harms nothing.
    if (error instanceof RangeError) return new ClientError('MAX_DEPTH_LIMIT', 'The document is nested too deeply.');
    if (!(error instanceof GraphQLError)) throw error;
    if (hasMoreTokens(source, maxTokens)) {
      return new ClientError('MAX_TOKENS_LIMIT', `The document has more than the ${maxTokens} tokens allowed.`);
    }
    return asClientError(error, 'GRAPHQL_PARSE_FAILED');
  }
}

function hasMoreTokens(source: string, maxTokens: number): boolean {
  const lexer = new Lexer(new Source(source));
  try {
    for (let count = 0; count <= maxTokens; count++) {
      if (lexer.advance().kind === TokenKind.EOF) return false;
    }
    return true;
  } catch {
    return false;
  }
}

const maxMessageLength = 500;

/** The same error with a code of ours; long values that a client sent are not sent back whole. */
export function asClientError(error: GraphQLError, code: ClientError['code']): ClientError {
  const message =
    error.message.length > maxMessageLength ? `${error.message.slice(0, maxMessageLength)}…` : error.message;
  const { source, positions } = error;
  return new ClientError(code, message, source && positions ? { source, positions } : {});
}

/** The operations of a valid document. */
export function findOperations(document: DocumentNode): Operation[] {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  const operations: Operation[] = [];
  for (const node of document.definitions) {
    if (node.kind !== Kind.OPERATION_DEFINITION) continue;
    operations.push({
      type: node.operation,
      name: node.name?.value,
      node,
      fragments,
      conditionVariables: findConditionVariables(node, fragments),
    });
  }
  return operations;
}

function findConditionVariables(
  operation: OperationDefinitionNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): string[] {
  const found = new Set<string>();
  const seen = new Set<string>();
  const search = (root: OperationDefinitionNode | FragmentDefinitionNode): void => {
    visit(root, {
      Directive: (directive) => {
        if (directive.name.value !== 'skip' && directive.name.value !== 'include') return;
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
