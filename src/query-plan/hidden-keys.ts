/**
 * Fields that would be answered through a key that the client may not read: a subgraph is sent the key, and what it
 * makes of it is the key in other words. In: the entity fetches of a plan, and what is hidden. Out: coordinates of the
 * fields that depend on it. Clock: per document and excluded fields.
 */
import type { FetchNode, QueryPlanSelectionNode } from '@apollo/query-planner';
import {
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  Kind,
  parse,
  type SelectionSetNode,
} from 'graphql';
import { ClientError } from '../errors';
import type { ExcludedFields } from '../policy/admission';
import type { SupergraphTypes } from './supergraph-types';

/** What one entity fetch is sent, and its text. */
export type EntityFetch = Pick<FetchNode, 'requires' | 'operation'>;

/** Why a field of a type is hidden, by the index of the reason. */
type ReasonOf = (typeName: string, fieldName: string) => number | undefined;

interface Planned {
  readonly steps: readonly { readonly plan: { readonly entityFetches: readonly EntityFetch[] } }[];
}

/** What is known of types: those that clients see, and those of the supergraph. */
interface KnownTypes {
  readonly schema: GraphQLSchema;
  readonly types: SupergraphTypes;
}

/**
 * Builds an operation again without what hangs on hidden keys, until nothing does. Code: `QUERY_PLAN_FAILED`, when a
 * hidden key is fetched though nothing that the client asks hangs on it.
 */
export async function excludeDependents<Executable extends Planned>(
  first: Executable,
  build: (excluded: ExcludedFields) => Promise<Executable>,
  excluded: ExcludedFields,
  known: KnownTypes,
): Promise<Executable> {
  const dependents = new Map<string, number>();
  const reasonOf: ReasonOf = (type, field) => dependents.get(`${type}.${field}`) ?? excluded.reasonOfKey?.(type, field);
  const rest: ExcludedFields = {
    ...excluded,
    reasonOf: (type, node) => excluded.reasonOf(type, node) ?? dependents.get(`${type.name}.${node.name.value}`),
  };
  for (let executable = first; ; ) {
    const fetches = executable.steps.flatMap(({ plan }) => plan.entityFetches);
    const found = findDependents(fetches, reasonOf, known);
    if (found.size === 0) return executable;
    const before = dependents.size;
    for (const [coordinate, reason] of found) dependents.set(coordinate, reason);
    if (dependents.size === before) {
      throw new ClientError('QUERY_PLAN_FAILED', 'No query plan answers this operation.');
    }
    executable = await build(rest);
  }
}

/** `User.tax` -> the reason of the key that it hangs on; what hangs on such a field in turn is found too. */
export function findDependents(
  fetches: readonly EntityFetch[],
  reasonOf: ReasonOf,
  { schema, types }: KnownTypes,
): ReadonlyMap<string, number> {
  const dependents = new Map<string, number>();
  const objectsOf = (name: string): readonly string[] => {
    const type = schema.getType(name);
    return isCompositeType(type) && isAbstractType(type) ? schema.getPossibleTypes(type).map(nameOf) : [name];
  };
  const reasonOfAny: ReasonOf = (typeName, fieldName) => {
    for (const name of objectsOf(typeName)) {
      const reason = dependents.get(`${name}.${fieldName}`) ?? reasonOf(name, fieldName);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };
  for (let size = -1; size !== dependents.size; ) {
    size = dependents.size;
    for (const { requires = [], operation } of fetches) {
      const reason = reasonOfSelections(requires, undefined, reasonOfAny, types);
      if (reason === undefined) continue;
      for (const { typeName, fieldName } of entityFieldsOf(operation)) {
        for (const name of objectsOf(typeName)) {
          const coordinate = `${name}.${fieldName}`;
          if (!dependents.has(coordinate)) dependents.set(coordinate, reason);
        }
      }
    }
  }
  return dependents;
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}

function reasonOfSelections(
  selections: readonly QueryPlanSelectionNode[],
  typeName: string | undefined,
  reasonOf: ReasonOf,
  types: SupergraphTypes,
): number | undefined {
  for (const selection of selections) {
    const reason =
      selection.kind === 'InlineFragment'
        ? reasonOfSelections(selection.selections, selection.typeCondition ?? typeName, reasonOf, types)
        : typeName && reasonOfField(selection, typeName, reasonOf, types);
    if (typeof reason === 'number') return reason;
  }
  return undefined;
}

function reasonOfField(
  { name, selections = [] }: Extract<QueryPlanSelectionNode, { kind: 'Field' }>,
  typeName: string,
  reasonOf: ReasonOf,
  types: SupergraphTypes,
): number | undefined {
  const type = types.schema.getType(typeName);
  const field = type && 'getFields' in type ? type.getFields()[name] : undefined;
  const inner = field && getNamedType(field.type).name;
  return reasonOf(typeName, name) ?? reasonOfSelections(selections, inner, reasonOf, types);
}

/** The fields that are asked of entities, by the type that they are asked of. */
function entityFieldsOf(operation: string): { readonly typeName: string; readonly fieldName: string }[] {
  const [definition] = parse(operation, { noLocation: true }).definitions;
  if (definition?.kind !== Kind.OPERATION_DEFINITION) return [];
  const [entities] = definition.selectionSet.selections;
  return entities?.kind === Kind.FIELD && entities.selectionSet ? fieldsOf(entities.selectionSet, undefined) : [];
}

function fieldsOf(set: SelectionSetNode, typeName: string | undefined): { typeName: string; fieldName: string }[] {
  return set.selections.flatMap((selection) => {
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      return fieldsOf(selection.selectionSet, selection.typeCondition?.name.value ?? typeName);
    }
    if (selection.kind !== Kind.FIELD || typeName === undefined || selection.name.value === '__typename') return [];
    return [{ typeName, fieldName: selection.name.value }];
  });
}
