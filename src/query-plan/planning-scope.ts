/**
 * The client's operation -> scopes: what is asked of the objects at each place, merged. A field with requirements is
 * set apart there, and what it requires is asked beside it like anything else, so that requirements of requirements
 * come out by themselves. Clock: per document and values of its condition variables.
 */
import {
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  getNamedType,
  isAbstractType,
  isCompositeType,
  Kind,
} from 'graphql';
import { ClientError, InternalError } from '../errors';
import { typeCondition } from './data';
import type { OperationFieldNames } from './field-names';
import type { SelectionReader, TypedSelectionSet } from './selections';
import type { FieldRequirements, RequirementWay, SupergraphTypes } from './supergraph-types';

export interface PlanningOptions {
  /** Over the whole schema of the supergraph. */
  readonly reader: SelectionReader;
  readonly names: OperationFieldNames;
  readonly types: SupergraphTypes;
  readonly formulation: Formulation;
  /** Fields that were read, and written: below objects that are all asked the same, each is read once. */
  readonly count: { read: number; written: number };
  /** Tells how to have a field with requirements: a way, or undefined for leaving it to the planner. */
  choose(place: string, ways: FieldRequirements): RequirementWay | undefined;
}

/**
 * How an operation is put to the planner: as it is; with every field asked of concrete types alone, when the planner
 * fails; or cut below abstract types as well, when it has too many ways: each entity's fields are fetched apart.
 */
export type Formulation = 'plain' | 'concrete' | 'cut';

/** A field of a scope: the nodes that ask it, and what they select below it. */
export interface ScopeField {
  /** Under which it travels. */
  readonly name: string;
  readonly nodes: FieldNode[];
  readonly type: GraphQLOutputType;
  readonly sets: TypedSelectionSet[];
  /** Where it stands. */
  readonly scope: Scope;
  /** What is asked below it, once that is read. */
  inner: Scope | undefined;
  /** Set for a field that is fetched apart. */
  readonly way: RequirementWay | undefined;
}

/** A field with requirements, where it stands. */
export interface Choice {
  readonly place: string;
  readonly field: ScopeField;
  readonly ways: FieldRequirements;
}

/** What is asked of objects of one type, merged: fields by travelling name, fragments by type condition. */
export interface Scope {
  readonly type: GraphQLCompositeType;
  /** Travelling names from the root, and `... on User` where not all objects are meant. */
  readonly path: readonly string[];
  /** The scope whose fragment this one is. */
  readonly outer: Scope | undefined;
  /** The field below which it is. */
  readonly parent: ScopeField | undefined;
  readonly fields: Map<string, ScopeField>;
  readonly fragments: Map<string, Scope>;
  /** Fields with requirements: each could be had in several ways. */
  readonly choices: Choice[];
  asksTypename: boolean;
  /** In an operation that is cut: what is asked below a field by whatever object has it. */
  readonly shared: Map<string, Scope>;
}

/**
 * A field that is asked of some objects of an interface alone is read for each of their types, with all that is
 * selected below it. So many take some tens of milliseconds.
 */
export const maxFields = 25_000;

/** Requirements that require themselves, on ever deeper objects, end here. */
const maxDepth = 200;

/** Code: `QUERY_PLAN_TOO_LARGE`. */
export function tooLarge(reason: string): ClientError {
  return new ClientError('QUERY_PLAN_TOO_LARGE', `The operation ${reason}.`);
}

export function tooManyFields(): ClientError {
  return tooLarge('has a query plan of more fields than are allowed');
}

/** The scope of an operation. Nothing below its fields is read yet. */
export function readRootScope(
  sets: readonly TypedSelectionSet[],
  type: GraphQLCompositeType,
  options: PlanningOptions,
): Scope {
  return readScope(sets, type, [], undefined, options);
}

/** What is asked below a field; undefined for a leaf. Once it is read, nothing may be added to the field. */
export function innerScopeOf(field: ScopeField, options: PlanningOptions): Scope | undefined {
  const type = getNamedType(field.type);
  if (!isCompositeType(type)) return undefined;
  if (field.inner) return field.inner;
  field.inner =
    sharedScopeOf(field, type, options) ??
    readScope(field.sets, type, [...pathInside(field.scope), field.name], field, options);
  return field.inner;
}

/** Objects of an abstract type that are all asked the same are one place: else each level had a multiple of them. */
function sharedScopeOf(field: ScopeField, type: GraphQLCompositeType, options: PlanningOptions): Scope | undefined {
  const { outer } = field.scope;
  if (!outer || options.formulation !== 'cut') return undefined;
  const known = outer.shared.get(field.name);
  if (known) return known.type === type && isSameAsked(field, known.parent) ? known : undefined;
  const scope = readScope(field.sets, type, [...pathInside(outer), field.name], field, options);
  outer.shared.set(field.name, scope);
  return scope;
}

function isSameAsked({ nodes }: ScopeField, other: ScopeField | undefined): boolean {
  return nodes.length === other?.nodes.length && nodes.every((node, index) => node === other.nodes[index]);
}

/** The path of the objects that a scope is about: without those that its type conditions leave out. */
export function pathInside({ outer, path, type }: Scope): readonly string[] {
  return outer ? [...pathInside(outer), typeCondition(type.name)] : path;
}

/** A scope beside `scope`, of the same objects, that asks something else. */
export function readBeside(scope: Scope, set: TypedSelectionSet, options: PlanningOptions): Scope {
  return readScope([set], scope.type, scope.path, scope.parent, options);
}

function readScope(
  sets: readonly TypedSelectionSet[],
  type: GraphQLCompositeType,
  path: readonly string[],
  parent: ScopeField | undefined,
  options: PlanningOptions,
): Scope {
  if (path.length > maxDepth) throw tooLarge('requires fields too deep');
  const scope = createScope(type, path, undefined, parent);
  for (const typed of sets) readInto(scope, typed, options);
  return scope;
}

function createScope(
  type: GraphQLCompositeType,
  path: readonly string[],
  outer: Scope | undefined,
  parent: ScopeField | undefined,
): Scope {
  return {
    type,
    path,
    outer,
    parent,
    fields: new Map(),
    fragments: new Map(),
    choices: [],
    asksTypename: false,
    shared: new Map(),
  };
}

function readInto(scope: Scope, typed: TypedSelectionSet, options: PlanningOptions): void {
  const { reader } = options;
  for (const selection of typed.set.selections) {
    if (!reader.isIncluded(selection)) continue;
    if (selection.kind === Kind.FIELD) {
      readField(scope, selection, typed, options);
      continue;
    }
    const inner = { ...reader.resolveFragment(selection, typed.type), isRequired: typed.isRequired };
    if (reader.covers(inner.type, scope.type)) readInto(scope, inner, options);
    else if (isPossible(scope, inner.type, reader)) readInto(fragmentScope(scope, inner.type, reader), inner, options);
  }
}

/** The scope of `... on type` inside `scope`. A type that is wholly inside the scope's moves up beside it. */
function fragmentScope(scope: Scope, type: GraphQLCompositeType, reader: SelectionReader): Scope {
  if (scope.outer && reader.covers(scope.type, type)) return fragmentScope(scope.outer, type, reader);
  let inner = scope.fragments.get(type.name);
  if (!inner) {
    inner = createScope(type, scope.path, scope, scope.parent);
    scope.fragments.set(type.name, inner);
  }
  return inner;
}

/** Reads a field that is written in the selection set `within`. */
function readField(scope: Scope, node: FieldNode, within: TypedSelectionSet, options: PlanningOptions): void {
  const { reader, names } = options;
  const fieldName = node.name.value;
  if (fieldName === '__typename') scope.asksTypename = true;
  if (fieldName.startsWith('__')) return;
  const answering = within.isRequired ? undefined : reader.answeringTypes(scope.type, node);
  const objects = answering ?? objectsThatDiffer(scope.type, fieldName, options);
  if (objects) {
    for (const type of objects) {
      if (isWithin(scope, type, reader)) readField(fragmentScope(scope, type, reader), node, within, options);
    }
    return;
  }
  options.count.read += 1;
  if (options.count.read > maxFields) throw tooManyFields();
  const name = names.nameOf(node, within.type);
  const field = scope.fields.get(name) ?? addField(scope, name, fieldName, options);
  field.nodes.push(node);
  const below = reader.fieldSet(node, within.type);
  if (below) field.sets.push({ ...below, isRequired: within.isRequired });
}

/** Whether some object of `type` may stand where the fragment of this scope does: else its condition never holds. */
function isPossible(scope: Scope, type: GraphQLCompositeType, reader: SelectionReader): boolean {
  const objects = isAbstractType(type) ? reader.schema.getPossibleTypes(type) : [type];
  return objects.some((object) => isWithin(scope, object, reader));
}

/** Whether objects of `type` may stand where the fragment of this scope does. */
function isWithin(scope: Scope | undefined, type: GraphQLCompositeType, reader: SelectionReader): boolean {
  return !scope || (reader.covers(scope.type, type) && isWithin(scope.outer, type, reader));
}

function addField(scope: Scope, name: string, fieldName: string, options: PlanningOptions): ScopeField {
  const { type } = scope;
  const definition = 'getFields' in type ? type.getFields()[fieldName] : undefined;
  if (!definition) throw new InternalError(`a validated document selects an unknown field of ${type.name}`);
  const ways = options.types.requirementsOf(type.name, fieldName) ?? entriesOf(scope, fieldName, options);
  const place = ways ? [...scope.path, type.name, name].join('.') : '';
  const way = ways && options.choose(place, ways);
  const field: ScopeField = { name, nodes: [], type: definition.type, sets: [], scope, inner: undefined, way };
  scope.fields.set(name, field);
  if (ways) scope.choices.push({ place, field, ways });
  if (way) readInto(scope, { set: way.needs, type, isRequired: true }, options);
  return field;
}

/** The ways to have a field apart from its neighbours, where the operation is cut. */
function entriesOf({ outer, type }: Scope, fieldName: string, { formulation, types }: PlanningOptions) {
  return formulation === 'cut' && outer ? types.entriesOf(type.name, fieldName) : undefined;
}

/** The objects of an interface, when they differ in what the field requires: each is asked in its own way. */
function objectsThatDiffer(
  type: GraphQLCompositeType,
  fieldName: string,
  { reader, types, formulation }: PlanningOptions,
): readonly GraphQLObjectType[] | undefined {
  if (!isAbstractType(type)) return undefined;
  if (formulation === 'plain' && !types.requiringFields.has(fieldName)) return undefined;
  const objects = reader.schema.getPossibleTypes(type);
  if (formulation !== 'plain') return objects;
  const all = objects.map(({ name }) => types.requirementsOf(name, fieldName));
  if (all.every((ways) => ways === undefined)) return undefined;
  const own = types.requirementsOf(type.name, fieldName);
  return own !== undefined && all.every((ways) => ways === own) ? undefined : objects;
}
