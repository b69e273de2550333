/**
 * The plans of an operation's parts -> all of its fetches. A field that was planned at the entry of its subgraph is
 * fetched by its entities, where they are, once what it requires is there.
 * In: plain data of the planner. Out: fetches in an order in which they can be run. Clock: per document.
 */
import type { FetchNode, QueryPlan, QueryPlanSelectionNode } from '@apollo/query-planner';
import { Kind, type OperationDefinitionNode, print, type SelectionNode, stripIgnoredCharacters } from 'graphql';
import { InternalError } from '../errors';
import type { SlicedWork } from '../slices';
import { readFetchOperation } from './fetch';
import { createFetch, listFetches, type PlannedFetch, UnsoundPlan, waitFor } from './fetch-list';
import type { ApartField, OperationPart } from './operation-parts';
import type { RequiredSelection } from './representations';

/**
 * Joins the plans of an operation's parts; the first is of the operation itself. What one subgraph is asked about the
 * same objects is asked at once. Throws `UnsoundPlan`.
 */
export function* joinParts(
  parts: readonly OperationPart[],
  plans: readonly QueryPlan[],
): SlicedWork<readonly PlannedFetch[]> {
  const entries: PlannedFetch[] = [];
  const fetches: PlannedFetch[] = [];
  for (const [index, plan] of plans.entries()) {
    yield;
    const part = parts[index];
    if (!part) throw new InternalError('there are more plans than parts');
    const listed = listFetches(plan, part.text);
    if (!part.apart) {
      fetches.push(...listed);
      continue;
    }
    const placed = placeApart(part.apart, listed);
    entries.push(placed.entry);
    fetches.push(placed.entry, ...placed.others);
  }
  for (const entry of entries) {
    yield;
    // The planner leaves out what no subgraph can answer with: then there will be no objects to fetch this for.
    waitFor(
      entry,
      fetches.filter((other) => !dependsOn(other, entry)),
    );
  }
  if (entries.length === 0) return fetches;
  let united = inOrder(fetches);
  for (const entry of entries) {
    yield;
    united = uniteWith(united, entry);
  }
  return inOrder(united);
}

/** Turns the root field at which the planner entered the subgraph into a fetch of the entities at the part's path. */
function placeApart(apart: ApartField, listed: readonly PlannedFetch[]) {
  const [first, ...rest] = listed;
  // Others without requirements are of root fields too, where a field below leads back to the root.
  if (!first || rest.some(({ requires, path }) => !requires && path.length === 0))
    throw new UnsoundPlan('a part does not begin with one fetch');
  const entry = createFetch(enterEntity(first.node, apart), apart.path, apart.requires, apart);
  const placed = new Map([[first, entry]]);
  for (const fetch of rest) {
    const path = [...apart.innerPath, ...fetch.path.slice(1)];
    placed.set(fetch, createFetch(fetch.node, path, fetch.requires));
  }
  const others = rest.map((fetch) => {
    const copy = placed.get(fetch) as PlannedFetch;
    for (const other of fetch.after) copy.after.add(placed.get(other) ?? other);
    return copy;
  });
  return { entry, others };
}

function enterEntity(node: FetchNode, { way, requires, isRenamed }: ApartField): FetchNode {
  const operation = readFetchOperation(node.operation);
  const [root] = operation.selectionSet.selections;
  if (root?.kind !== Kind.FIELD || !root.selectionSet) throw new InternalError('a part is planned without its entry');
  const selections = root.selectionSet.selections.filter(
    (selection) => selection.kind !== Kind.FIELD || selection.name.value !== '__typename',
  );
  const { outputRewrites } = node;
  return {
    ...node,
    requires: typed(way.entity, requires),
    operation: writeEntityFetch([operation], way.entity, selections),
    ...(isRenamed && { inputRewrites: [{ kind: 'ValueSetter', path: ['__typename'], setValueTo: way.entity }] }),
    ...(outputRewrites && {
      outputRewrites: outputRewrites.map((rewrite) => ({ ...rewrite, path: rewrite.path.slice(1) })),
    }),
  };
}

/** Requirements as the planner writes them. */
function typed(typeCondition: string, requires: readonly RequiredSelection[]): QueryPlanSelectionNode[] {
  const selections = requires.flatMap((selection) => (selection.kind === 'Field' ? [selection] : selection.selections));
  return [{ kind: 'InlineFragment', typeCondition, selections: selections as QueryPlanSelectionNode[] }];
}

/** `operations`: those whose name and variables it has. */
function writeEntityFetch(
  operations: readonly OperationDefinitionNode[],
  typeName: string,
  selections: readonly SelectionNode[],
): string {
  const [first] = operations;
  const definitions = operations.flatMap(({ variableDefinitions = [] }) => variableDefinitions.map(print));
  const variables = [
    ...new Set(['$representations:[_Any!]!', ...definitions.filter((text) => !text.startsWith('$representations:'))]),
  ];
  const fields = [...new Set(selections.map(print))].join(' ');
  return stripIgnoredCharacters(
    `query ${first?.name?.value ?? ''}(${variables.join(' ')}){_entities(representations:$representations){...on ${typeName}{${fields}}}}`,
  );
}

interface EntityFetch {
  readonly typeName: string;
  readonly operation: OperationDefinitionNode;
  readonly selections: readonly SelectionNode[];
  readonly required: readonly RequiredSelection[];
}

/** A fetch about entities of one type, which nothing has to be renamed for. */
function readEntityFetch({ node, requires = [] }: PlannedFetch): EntityFetch | undefined {
  const [requirement, ...others] = requires;
  if (requirement?.kind !== 'InlineFragment' || others.length > 0) return undefined;
  if (node.inputRewrites?.length || node.outputRewrites?.length || node.contextRewrites?.length) return undefined;
  const operation = readFetchOperation(node.operation);
  const [entities] = operation.selectionSet.selections;
  const [fragment, ...rest] = (entities?.kind === Kind.FIELD && entities.selectionSet?.selections) || [];
  if (fragment?.kind !== Kind.INLINE_FRAGMENT || rest.length > 0) return undefined;
  const typeName = fragment.typeCondition?.name.value;
  if (typeName === undefined || typeName !== requirement.typeCondition) return undefined;
  return { typeName, operation, selections: fragment.selectionSet.selections, required: requirement.selections };
}

/** Adds to a fetch of entities what else its subgraph is asked about the same objects and need not wait for. */
function uniteWith(fetches: readonly PlannedFetch[], entry: PlannedFetch): readonly PlannedFetch[] {
  return fetches.includes(entry)
    ? fetches.filter((other) => other === entry || !takeOver(entry, other, fetches))
    : fetches;
}

/** Whether `entry` asks from now on what `other` asked. */
function takeOver(entry: PlannedFetch, other: PlannedFetch, fetches: readonly PlannedFetch[]): boolean {
  if (entry.node.serviceName !== other.node.serviceName || placeOf(entry) !== placeOf(other)) return false;
  const [own, added] = [readEntityFetch(entry), readEntityFetch(other)];
  if (!own || !added || own.typeName !== added.typeName) return false;
  if (dependsOn(entry, other) || dependsOn(other, entry)) return false;
  const sources = sourcesOf(own.required);
  for (const [name, source] of sourcesOf(added.required)) if ((sources.get(name) ?? source) !== source) return false;
  const selections = [...own.selections, ...added.selections];
  const operation = writeEntityFetch([own.operation, added.operation], own.typeName, selections);
  const required = [...own.required, ...added.required];
  entry.node = { ...entry.node, operation, requires: typed(own.typeName, required) };
  entry.requires = [{ kind: 'InlineFragment', typeCondition: own.typeName, selections: required }];
  for (const write of other.writes) entry.writes.add(write);
  for (const earlier of other.after) entry.after.add(earlier);
  for (const fetch of fetches) if (fetch.after.delete(other)) fetch.after.add(entry);
  return true;
}

function placeOf({ path }: PlannedFetch): string {
  return path.filter((element) => element !== '@').join('.');
}

/** Where each required value, at any depth, is taken from: `price` twice may mean two prices. */
function sourcesOf(
  selections: readonly RequiredSelection[],
  above = '',
  sources = new Map<string, string>(),
): Map<string, string> {
  for (const selection of selections) {
    const isField = selection.kind === 'Field';
    const name = isField ? `${above}.${selection.alias ?? selection.name}` : above;
    if (isField) sources.set(name, selection.from ?? selection.alias ?? selection.name);
    sourcesOf(selection.selections ?? [], name, sources);
  }
  return sources;
}

function dependsOn(fetch: PlannedFetch, other: PlannedFetch, seen = new Set<PlannedFetch>()): boolean {
  if (fetch.after.has(other)) return true;
  seen.add(fetch);
  return [...fetch.after].some((earlier) => !seen.has(earlier) && dependsOn(earlier, other, seen));
}

/** Each after those that it waits for. Throws `UnsoundPlan` for fetches that wait for one another. */
function inOrder(fetches: readonly PlannedFetch[]): readonly PlannedFetch[] {
  const ordered = new Set<PlannedFetch>();
  while (ordered.size < fetches.length) {
    const before = ordered.size;
    for (const fetch of fetches) if ([...fetch.after].every((earlier) => ordered.has(earlier))) ordered.add(fetch);
    if (ordered.size === before) throw new UnsoundPlan('fetches wait for one another');
  }
  return [...ordered];
}
