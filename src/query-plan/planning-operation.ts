/**
 * The client's operation -> the operation that is planned: conditions decided, fragments merged, every field under
 * its travelling name, `__typename` wherever an object's type decides what it answers, introspection left out.
 * Equal texts share one plan, so formatting, comments, aliases and unused fragments do not matter.
 * Clock: per document and values of its condition variables.
 */
import {
  type DirectiveNode,
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLOutputType,
  getNamedType,
  isAbstractType,
  isCompositeType,
  Kind,
  print,
  type ValueNode,
  visit,
} from 'graphql';
import { InternalError } from '../errors';
import type { Operation } from '../operation/document';
import type { OperationFieldNames } from './field-names';
import type { OperationPart } from './operation-parts';
import type { SelectionReader, TypedSelectionSet } from './selections';
import type { ArgumentRequirements } from './supergraph-types';

/** `representations`, and with a number after it, belong to entity fetches: a client's travel under another name. */
function variableNameOf(name: string): string {
  return /^_*representations\d*$/.test(name) ? `_${name}` : name;
}

/** The client's name for a variable of a fetch. */
export function clientVariableNameOf(name: string): string {
  return /^_+representations\d*$/.test(name) ? name.slice(1) : name;
}

export interface PlanningOptions {
  readonly reader: SelectionReader;
  readonly names: OperationFieldNames;
  /** Interfaces that some subgraph knows only as `@interfaceObject`: asking their `__typename` may cost a fetch. */
  readonly interfaceObjects: ReadonlySet<string>;
  readonly argumentRequirements: ArgumentRequirements;
}

/** What writing passes down. */
interface Writing extends PlanningOptions {
  readonly variables: Set<string>;
  /** Fields with requirements that were written. */
  readonly used: Set<string>;
  /** The part that is written; without it, everything. */
  readonly part: OperationPart | undefined;
}

/** A field of a scope: the nodes that ask it, and what they select below it. */
interface ScopeField {
  /** `Product.price`, on the type that it is asked of. */
  readonly coordinate: string;
  readonly nodes: FieldNode[];
  readonly type: GraphQLOutputType;
  readonly sets: TypedSelectionSet[];
}

/** What is asked of objects of one type, merged: fields by travelling name, fragments by type condition. */
interface Scope {
  readonly type: GraphQLCompositeType;
  /** The scope whose fragment this one is. */
  readonly outer: Scope | undefined;
  readonly fields: Map<string, ScopeField>;
  readonly fragments: Map<string, Scope>;
  asksTypename: boolean;
}

/** One root field of an operation, as text to plan. */
export interface PlanningRootField {
  readonly name: string;
  readonly text: string;
  readonly variables: ReadonlySet<string>;
  readonly type: GraphQLOutputType;
  /** The client's nodes of this field. */
  readonly nodes: readonly FieldNode[];
  /** Coordinates of fields with requirements that stand in the text. */
  readonly used: ReadonlySet<string>;
}

/**
 * The root fields to plan, in order; of one part of the operation, where it has to be planned in parts.
 * Empty when the operation asks only introspection and `__typename`.
 */
export function buildRootFields(
  operation: Operation,
  rootType: GraphQLCompositeType,
  options: PlanningOptions,
  part?: OperationPart,
): PlanningRootField[] {
  const scope = readScope([{ set: operation.node.selectionSet, type: rootType }], rootType, options);
  return [...scope.fields].flatMap(([name, field]) => {
    const writing: Writing = { ...options, variables: new Set(), used: new Set(), part };
    const text = writeField(name, field, writing);
    if (text === '') return [];
    return [{ name, text, variables: writing.variables, type: field.type, nodes: field.nodes, used: writing.used }];
  });
}

/** The text to plan for some root fields of an operation, with just the variables that they use. */
export function writeOperation(operation: Operation, fields: readonly PlanningRootField[]): string {
  const used = new Set(fields.flatMap((field) => [...field.variables]));
  const definitions = (operation.node.variableDefinitions ?? [])
    .filter((definition) => used.has(definition.variable.name.value))
    .map((definition) => {
      const fallback = definition.defaultValue ? `=${print(definition.defaultValue)}` : '';
      return `$${variableNameOf(definition.variable.name.value)}:${print(definition.type)}${fallback}`;
    });
  const variables = definitions.length > 0 ? `(${definitions.join(',')})` : '';
  const name = operation.name === undefined ? '' : ` ${operation.name}`;
  return `${operation.type}${name}${variables}{${fields.map((field) => field.text).join(' ')}}`;
}

function createScope(type: GraphQLCompositeType, outer: Scope | undefined): Scope {
  return { type, outer, fields: new Map(), fragments: new Map(), asksTypename: false };
}

function readScope(sets: readonly TypedSelectionSet[], type: GraphQLCompositeType, options: PlanningOptions): Scope {
  const scope = createScope(type, undefined);
  for (const typed of sets) readInto(scope, typed, options);
  return scope;
}

function readInto(scope: Scope, { set, type: lexicalType }: TypedSelectionSet, options: PlanningOptions): void {
  const { reader } = options;
  for (const selection of set.selections) {
    if (!reader.isIncluded(selection)) continue;
    if (selection.kind === Kind.FIELD) {
      readField(scope, selection, lexicalType, options);
      continue;
    }
    const inner = reader.resolveFragment(selection, lexicalType);
    if (reader.covers(inner.type, scope.type)) readInto(scope, inner, options);
    else if (reader.overlaps(inner.type, scope.type))
      readInto(fragmentScope(scope, inner.type, reader), inner, options);
  }
}

/** The scope of `... on type` inside `scope`. A type that is wholly inside the scope's moves up beside it. */
function fragmentScope(scope: Scope, type: GraphQLCompositeType, reader: SelectionReader): Scope {
  if (scope.outer && reader.covers(scope.type, type)) return fragmentScope(scope.outer, type, reader);
  let inner = scope.fragments.get(type.name);
  if (!inner) {
    inner = createScope(type, scope);
    scope.fragments.set(type.name, inner);
  }
  return inner;
}

function readField(scope: Scope, node: FieldNode, lexicalType: GraphQLCompositeType, options: PlanningOptions): void {
  const fieldName = node.name.value;
  if (fieldName === '__typename') scope.asksTypename = true;
  if (fieldName.startsWith('__')) return;
  const name = options.names.nameOf(node, lexicalType);
  const definition = 'getFields' in scope.type ? scope.type.getFields()[fieldName] : undefined;
  if (!definition) throw new InternalError(`a validated document selects an unknown field of ${scope.type.name}`);
  let field = scope.fields.get(name);
  if (!field) {
    field = { coordinate: `${scope.type.name}.${fieldName}`, nodes: [], type: definition.type, sets: [] };
    scope.fields.set(name, field);
  }
  field.nodes.push(node);
  const type = getNamedType(definition.type);
  if (node.selectionSet && isCompositeType(type)) field.sets.push({ set: node.selectionSet, type });
}

/** Empty when the field is of another part. */
function writeField(name: string, field: ScopeField, writing: Writing): string {
  const { part, used } = writing;
  const { coordinate } = field;
  if (part?.others.has(coordinate)) return '';
  const isOwn = part === undefined || part.hasRest || part.own.has(coordinate);
  const [node] = field.nodes;
  if (!node) throw new InternalError('a field of a scope has no node');
  const type = getNamedType(field.type);
  if (!isCompositeType(type)) {
    if (!isOwn) return '';
    if (writing.argumentRequirements.has(coordinate)) used.add(coordinate);
    return writeHead(name, node, writing.variables);
  }
  const scope = readScope(field.sets, type, writing);
  // All that stands below a field of this part belongs to it too.
  const inner = isOwn && part ? { ...writing, part: { ...part, hasRest: true } } : writing;
  const body = writeScope(scope, inner, isOwn && needsTypename(scope, writing));
  if (!isOwn && body === '') return '';
  if (writing.argumentRequirements.has(coordinate)) used.add(coordinate);
  const typename = !isOwn && needsTypename(scope, writing) ? '__typename ' : '';
  return `${writeHead(name, node, writing.variables)}{${body === '' ? '__typename' : typename + body}}`;
}

function writeScope(scope: Scope, writing: Writing, withTypename: boolean): string {
  const parts: string[] = withTypename ? ['__typename'] : [];
  for (const [name, field] of scope.fields) {
    const text = writeField(name, field, writing);
    if (text !== '') parts.push(text);
  }
  for (const fragment of scope.fragments.values()) {
    const body = writeScope(fragment, writing, false);
    if (body !== '') parts.push(`...on ${fragment.type.name}{${body}}`);
  }
  return parts.join(' ');
}

function writeHead(name: string, node: FieldNode, variables: Set<string>): string {
  const alias = name === node.name.value ? '' : `${name}:`;
  return `${alias}${node.name.value}${writeArguments(node, variables)}${writeDirectives(node, variables)}`;
}

function needsTypename(scope: Scope, options: PlanningOptions): boolean {
  if (!isAbstractType(scope.type)) return false;
  const isUniform = scope.fragments.size === 0 && !scope.asksTypename;
  return !(isUniform && options.interfaceObjects.has(scope.type.name));
}

function writeArguments(node: FieldNode, variables: Set<string>): string {
  if (!node.arguments || node.arguments.length === 0) return '';
  const written = node.arguments.map((argument) => `${argument.name.value}:${writeValue(argument.value, variables)}`);
  return `(${written.join(',')})`;
}

function writeDirectives(node: FieldNode, variables: Set<string>): string {
  return (node.directives ?? [])
    .filter((directive) => directive.name.value !== 'skip' && directive.name.value !== 'include')
    .map((directive) => ` ${writeValue(directive, variables)}`)
    .join('');
}

/** Prints a value or directive with variables under their travelling names, and notes which it uses. */
function writeValue(node: ValueNode | DirectiveNode, variables: Set<string>): string {
  const travelling = visit(node, {
    Variable: (variable) => {
      variables.add(variable.name.value);
      const name = variableNameOf(variable.name.value);
      return name === variable.name.value ? undefined : { ...variable, name: { ...variable.name, value: name } };
    },
  });
  return print(travelling);
}
