/**
 * What an operation asks, field by field: one walk with its fragments expanded, for whoever decides about fields
 * (authorization, rate limits, cost). In: a valid operation. Out: its field occurrences, outer before inner.
 * Clock: per document, when first asked for. The limits of documents bound the walk.
 */
import {
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isListType,
  isNonNullType,
  isUnionType,
  Kind,
  SchemaMetaFieldDef,
  type SelectionNode,
  type SelectionSetNode,
  TypeMetaFieldDef,
} from 'graphql';
import { InternalError } from '../errors';
import { finish, type SlicedWork } from '../slices';
import type { Operation } from './document';

/**
 * A field at one place of the response, as asked of one type. `{ me { name } me { name } }` asks `User.name` once;
 * `{ node { id ...on User { id } } }` asks `Node.id` and `User.id`, at the same path.
 */
export interface FieldOccurrence {
  /** The type that the field is written on. */
  readonly parentType: GraphQLObjectType | GraphQLInterfaceType;
  /** `User.name`, by the type that the field is written on; `Query.__schema` and `Query.__type` as well. */
  readonly coordinate: string;
  readonly field: GraphQLField<unknown, unknown>;
  /** Every node that the client wrote for it here, the first one first: they agree in name and arguments. */
  readonly nodes: readonly [FieldNode, ...FieldNode[]];
  readonly responseName: string;
  /** The field that it stands below; undefined at the root. */
  readonly parent: FieldOccurrence | undefined;
  /** How many lists there are around it: each multiplies how often it is answered. Its own is not counted. */
  readonly listDepth: number;
  /** Undefined when it is always asked; else it is when all conditions of any of these are as told. */
  readonly conditions: readonly Conditions[] | undefined;
}

/** What `@skip` and `@include` on the way to a field demand of variables. */
export type Conditions = readonly { readonly variable: string; readonly is: boolean }[];

/** The occurrences of every field of an operation but `__typename`; what is below `__schema` is left out. */
export function* readFieldOccurrences(
  operation: Operation,
  schema: GraphQLSchema,
): SlicedWork<readonly FieldOccurrence[]> {
  const rootType = schema.getRootType(operation.type);
  if (!rootType) throw new InternalError('a validated operation has no root type');
  const walk = new Walk(operation, schema);
  yield* walk.read([{ set: operation.node.selectionSet, type: rootType, conditions: [] }], undefined, 0);
  return walk.found;
}

/** Response names from the root, without the indexes of lists. */
export function responsePathOf(occurrence: FieldOccurrence): string[] {
  const path: string[] = [];
  for (let at: FieldOccurrence | undefined = occurrence; at; at = at.parent) path.unshift(at.responseName);
  return path;
}

/** Whether these values of the variables (coerced) ask the field. */
export function isAsked({ conditions }: FieldOccurrence, variables: Readonly<Record<string, unknown>>): boolean {
  if (!conditions) return true;
  return conditions.some((all) => all.every(({ variable, is }) => (variables[variable] === true) === is));
}

/** Remembers the occurrences of operations as long as these live. */
export class OperationFacts {
  private readonly known = new WeakMap<Operation, readonly FieldOccurrence[]>();

  constructor(private readonly schema: GraphQLSchema) {}

  of(operation: Operation): readonly FieldOccurrence[] {
    return this.known.get(operation) ?? finish(this.read(operation));
  }

  /** The same with stops on the way, for an operation that may be long. */
  *read(operation: Operation): SlicedWork<readonly FieldOccurrence[]> {
    const occurrences = this.known.get(operation) ?? (yield* readFieldOccurrences(operation, this.schema));
    this.known.set(operation, occurrences);
    return occurrences;
  }
}

interface PlacedSet {
  readonly set: SelectionSetNode;
  readonly type: GraphQLCompositeType;
  readonly conditions: Conditions;
}

/** A field while the sets that ask it are read. */
interface Draft {
  readonly parentType: GraphQLObjectType | GraphQLInterfaceType;
  readonly responseName: string;
  readonly nodes: [FieldNode, ...FieldNode[]];
  /** Of each node. */
  readonly conditions: Conditions[];
}

class Walk {
  readonly found: FieldOccurrence[] = [];

  constructor(
    private readonly operation: Operation,
    private readonly schema: GraphQLSchema,
  ) {}

  *read(sets: readonly PlacedSet[], parent: FieldOccurrence | undefined, listDepth: number): SlicedWork<void> {
    const drafts = new Map<string, Draft>();
    for (const placed of sets) {
      this.collect(placed, drafts);
      yield;
    }
    for (const draft of drafts.values()) {
      const { parentType, responseName, nodes, conditions } = draft;
      const field = fieldOf(parentType, nodes[0]);
      const occurrence: FieldOccurrence = {
        parentType,
        coordinate: `${parentType.name}.${field.name}`,
        field,
        nodes,
        responseName,
        parent,
        listDepth,
        conditions: conditions.some(({ length }) => length === 0) ? undefined : conditions,
      };
      this.found.push(occurrence);
      const type = getNamedType(field.type);
      if (!isCompositeType(type) || field.name.startsWith('__')) continue;
      const inner = nodes.flatMap(({ selectionSet }, index) =>
        selectionSet ? [{ set: selectionSet, type, conditions: conditions[index] ?? [] }] : [],
      );
      yield* this.read(inner, occurrence, listDepth + countLists(field.type));
    }
  }

  private collect({ set, type, conditions }: PlacedSet, drafts: Map<string, Draft>): void {
    for (const selection of set.selections) {
      const own = readConditions(selection, conditions);
      if (!own) continue;
      if (selection.kind === Kind.FIELD) {
        if (selection.name.value !== '__typename') addTo(drafts, selection, type, own);
        continue;
      }
      const fragment =
        selection.kind === Kind.INLINE_FRAGMENT ? selection : this.operation.fragments.get(selection.name.value);
      if (!fragment) throw new InternalError('a validated document spreads an unknown fragment');
      const condition = fragment.typeCondition && this.schema.getType(fragment.typeCondition.name.value);
      if (condition && !isCompositeType(condition)) throw new InternalError('a fragment is on a type without fields');
      this.collect({ set: fragment.selectionSet, type: condition ?? type, conditions: own }, drafts);
    }
  }
}

function addTo(drafts: Map<string, Draft>, node: FieldNode, parentType: GraphQLCompositeType, own: Conditions): void {
  if (isUnionType(parentType)) throw new InternalError('a validated document selects a field of a union');
  const responseName = (node.alias ?? node.name).value;
  const key = `${parentType.name}.${responseName}`;
  const draft = drafts.get(key);
  if (draft) {
    draft.nodes.push(node);
    draft.conditions.push(own);
  } else drafts.set(key, { parentType, responseName, nodes: [node], conditions: [own] });
}

/** The conditions around a selection and its own; `undefined` when it is never asked. */
function readConditions(selection: SelectionNode, around: Conditions): Conditions | undefined {
  let conditions = around;
  for (const directive of selection.directives ?? []) {
    const name = directive.name.value;
    if (name !== 'skip' && name !== 'include') continue;
    const is = name === 'include';
    const value = directive.arguments?.[0]?.value;
    if (value?.kind === Kind.VARIABLE) conditions = [...conditions, { variable: value.name.value, is }];
    else if (value?.kind === Kind.BOOLEAN && value.value !== is) return undefined;
  }
  return conditions;
}

function fieldOf(type: GraphQLObjectType | GraphQLInterfaceType, node: FieldNode): GraphQLField<unknown, unknown> {
  const name = node.name.value;
  if (name === '__schema') return SchemaMetaFieldDef;
  if (name === '__type') return TypeMetaFieldDef;
  const field = type.getFields()[name];
  if (!field) throw new InternalError(`a validated document selects an unknown field of ${type.name}`);
  return field;
}

/** How many lists there are in a type. */
export function countLists(type: GraphQLOutputType): number {
  if (isNonNullType(type)) return countLists(type.ofType);
  return isListType(type) ? 1 + countLists(type.ofType) : 0;
}
