/**
 * Plans of an operation's parts -> its fetches, each with those that have to be done before. A fetch waits for what
 * brings the values that it sends, and for nothing else. In: plain data of the planner. Out: fetches in an order in
 * which they can be run. Clock: per document.
 */
import type { FetchNode, PlanNode, QueryPlan, SubscriptionNode } from '@apollo/query-planner';
import { Kind, type SelectionSetNode } from 'graphql';
import { InternalError } from '../errors';
import { namesOf } from './data';
import { readFetchOperation } from './fetch';
import type { RequiredSelection } from './representations';

export interface PlannedFetch {
  /** As it was planned, or is written in the words of the planner. */
  node: FetchNode;
  /** Where its objects are: travelling names, and `@` for the items of a list or nothing. */
  readonly path: readonly string[];
  /** The type of all its objects, where that is known: `__typename` may not have been asked there. */
  typeName: string | undefined;
  /** What representations are made of; undefined for root fields. */
  requires: readonly RequiredSelection[] | undefined;
  /** What must be there first, and what it brings: `users.name`, whatever lists lie between. */
  readonly reads: readonly string[];
  readonly writes: Set<string>;
  readonly after: Set<PlannedFetch>;
  /** The fetch of a subscription's events. */
  readonly isPrimary: boolean;
}

/** Something that a plan needs is fetched nowhere before: the text says what, for the log. */
export class UnsoundPlan extends Error {}

/** The fetches of a plan of `document`. Throws `UnsoundPlan`. */
export function listFetches({ node }: QueryPlan, document: string): PlannedFetch[] {
  const fetches: PlannedFetch[] = [];
  if (node) listInto(fetches, node, [], []);
  const isWritten = (path: string) => fetches.some(({ writes }) => writes.has(path));
  const unanswered = findUnanswered(readFetchOperation(document).selectionSet, [], isWritten);
  if (unanswered) throw new UnsoundPlan(`${unanswered} is fetched nowhere`);
  return fetches;
}

/** The first field that is fetched nowhere. What stands under type conditions may well match no object. */
function findUnanswered(
  { selections }: SelectionSetNode,
  path: readonly string[],
  isWritten: (path: string) => boolean,
): string | undefined {
  for (const selection of selections) {
    if (selection.kind !== Kind.FIELD || selection.name.value === '__typename') continue;
    const below = [...path, (selection.alias ?? selection.name).value];
    if (!isWritten(below.join('.'))) return below.join('.');
    const unanswered = selection.selectionSet && findUnanswered(selection.selectionSet, below, isWritten);
    if (unanswered) return unanswered;
  }
  return undefined;
}

/** Lists what is below `node`; `before`: what is done before it. Returns the fetches that it added. */
function listInto(
  fetches: PlannedFetch[],
  node: PlanNode | SubscriptionNode,
  path: readonly string[],
  before: readonly PlannedFetch[],
): PlannedFetch[] {
  switch (node.kind) {
    case 'Fetch': {
      const fetch = createFetch(node, path, node.requires);
      const [missing] = [...waitFor(fetch, before), ...findUnknownContexts(node, path, before)];
      if (missing) throw new UnsoundPlan(`${node.serviceName} at ${path.join('.')} needs ${missing}`);
      fetches.push(fetch);
      return [fetch];
    }
    case 'Flatten':
      return listInto(fetches, node.node, [...path, ...node.path.map(String)], before);
    case 'Parallel':
      return node.nodes.flatMap((child) => listInto(fetches, child, path, before));
    case 'Sequence': {
      const done: PlannedFetch[] = [];
      for (const child of node.nodes) done.push(...listInto(fetches, child, path, [...before, ...done]));
      return done;
    }
    case 'Subscription': {
      const primary = createFetch(node.primary, path, undefined, { isPrimary: true });
      fetches.push(primary);
      return [primary, ...(node.rest ? listInto(fetches, node.rest, path, [primary]) : [])];
    }
    default:
      // Conditions are decided before planning, and nothing that is planned here is deferred.
      throw new InternalError(`the query plan has an unexpected ${node.kind} node`);
  }
}

/** `path`: where its objects are. */
export function createFetch(
  node: FetchNode,
  path: readonly string[],
  requires: readonly RequiredSelection[] | undefined,
  { isPrimary = false, typeName }: { readonly isPrimary?: boolean; readonly typeName?: string | undefined } = {},
): PlannedFetch {
  const writes = writesOf(node, namesOf(path));
  return { node, path, requires, reads: readsOf(requires, path), writes, after: new Set(), isPrimary, typeName };
}

function readsOf(requires: readonly RequiredSelection[] | undefined, path: readonly string[]): string[] {
  const names = namesOf(path);
  if (!requires) return names.length > 0 ? [names.join('.')] : [];
  return requires.flatMap((selection) => readsBelow(selection, names));
}

function readsBelow(selection: RequiredSelection, path: readonly string[]): string[] {
  const inner = selection.selections ?? [];
  if (selection.kind === 'InlineFragment') return inner.flatMap((other) => readsBelow(other, path));
  const here = [...path, selection.from ?? selection.alias ?? selection.name];
  return [here.join('.'), ...inner.flatMap((other) => readsBelow(other, here))];
}

/** Lets `fetch` wait for those of `others` that bring what it sends. Returns what none of them does. */
export function waitFor(fetch: PlannedFetch, others: readonly PlannedFetch[]): string[] {
  return fetch.reads.filter((read) => {
    const writers = others.filter(({ writes }) => writes.has(read));
    for (const writer of writers) fetch.after.add(writer);
    // An object's type may be known without being asked.
    return writers.length === 0 && !read.endsWith('__typename');
  });
}

function writesOf(node: FetchNode, path: readonly string[]): Set<string> {
  const { selectionSet } = readFetchOperation(node.operation);
  const [root] = selectionSet.selections;
  const isOfEntities = root?.kind === Kind.FIELD && root.name.value === '_entities';
  const written = new Set(writesBelow((isOfEntities && root.selectionSet) || selectionSet, path));
  const rewrites = (node.outputRewrites ?? []).filter((rewrite) => rewrite.kind === 'KeyRenamer');
  // What is renamed may stand below something else that is.
  for (let size = 0; size < written.size; ) {
    size = written.size;
    for (const rewrite of rewrites) addRenamed(written, [...path, ...namesOf(rewrite.path)], rewrite.renameKeyTo);
  }
  return written;
}

/** Adds what is at `path` and below it under its new name too. */
function addRenamed(written: Set<string>, path: readonly string[], name: string): void {
  const from = path.join('.');
  const to = [...path.slice(0, -1), name].join('.');
  for (const write of [...written]) {
    if (write === from || write.startsWith(`${from}.`)) written.add(to + write.slice(from.length));
  }
}

function writesBelow(set: SelectionSetNode, path: readonly string[]): string[] {
  return set.selections.flatMap((selection) => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return [];
    if (selection.kind === Kind.INLINE_FRAGMENT) return writesBelow(selection.selectionSet, path);
    const here = [...path, (selection.alias ?? selection.name).value];
    return [here.join('.'), ...(selection.selectionSet ? writesBelow(selection.selectionSet, here) : [])];
  });
}

/** The arguments from a context whose value is fetched nowhere before: of two of one field, the planner forgets one. */
function findUnknownContexts(
  { contextRewrites = [] }: FetchNode,
  path: readonly string[],
  before: readonly PlannedFetch[],
): string[] {
  const known = new Set<string>();
  for (const rewrite of contextRewrites) {
    const up = rewrite.path.filter((element) => element === '..').length;
    const read = namesOf([...namesOf(path).slice(0, namesOf(path).length - up), ...rewrite.path.slice(up)]).join('.');
    if (before.some(({ writes }) => writes.has(read))) known.add(rewrite.renameKeyTo);
  }
  return contextRewrites.map(({ renameKeyTo }) => renameKeyTo).filter((name) => !known.has(name));
}
