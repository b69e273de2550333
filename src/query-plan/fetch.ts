/**
 * One fetch of a query plan -> a function that asks the subgraph and merges its answer.
 * In: FetchNode and the path it is about. Out: a step of the program, its request body finished up to the variables
 * and representations. Clock: per document (compiled), per request (run).
 */
import type { FetchNode } from '@apollo/query-planner';
import { Kind, parse, type SelectionSetNode } from 'graphql';
import { type ErrorCode, InternalError, SubgraphError } from '../errors';
import { collectObjects, type DataObject, isDataObject, mergeObject } from './data';
import type { ExpectedField, Failure } from './failures';
import type { Step } from './program';
import { type BuildRepresentation, compileRepresentation } from './representations';
import { compileRewrites, type Rewrite } from './rewrites';
import type { SubgraphGraphQLError, SubgraphResponse } from './subgraph-call';
import type { SupergraphTypes } from './supergraph-types';

interface CompiledFetch {
  readonly subgraph: string;
  readonly kind: 'query' | 'mutation';
  /** The body up to the variables: `{"query":"…","operationName":"…","variables":{`. */
  readonly head: string;
  /** Variables to send: the travelling name, and the client's. */
  readonly variables: readonly { readonly key: string; readonly name: string }[];
  /** What is selected on the root, or on each entity. */
  readonly expected: readonly ExpectedField[];
  readonly rewriteOutput: Rewrite | undefined;
  readonly types: SupergraphTypes;
}

/** Compiles a fetch about the objects at `path`. `clientNames` leads from travelling variable names to the client's. */
export function compileFetch(
  node: FetchNode,
  path: readonly string[],
  clientNames: (name: string) => string,
  types: SupergraphTypes,
): Step {
  const selectionSet = operationSelectionSet(node.operation);
  const isEntityFetch = node.requires !== undefined;
  const expected = expectedFields(selectionSet);
  const fetch: CompiledFetch = {
    subgraph: node.serviceName,
    kind: node.operationKind === 'mutation' ? 'mutation' : 'query',
    head: requestHead(node),
    variables: (node.variableUsages ?? [])
      .filter((name) => !(isEntityFetch && name === 'representations'))
      .map((name) => ({ key: JSON.stringify(name), name: clientNames(name) })),
    expected: isEntityFetch ? (expected[0]?.selection ?? []) : expected,
    rewriteOutput: compileRewrites(node.outputRewrites, types),
    types,
  };
  if (!node.requires) return (run) => runRootFetch(fetch, path, run);
  const rewriteInput = compileRewrites(node.inputRewrites, types);
  const build = compileRepresentation(node.serviceName, node.requires, rewriteInput, types);
  return (run) => runEntityFetch(fetch, path, build, run);
}

function requestHead(node: FetchNode): string {
  const name = node.operationName === undefined ? '' : `,"operationName":${JSON.stringify(node.operationName)}`;
  return `{"query":${JSON.stringify(node.operation)}${name},"variables":{`;
}

function operationSelectionSet(operation: string): { set: SelectionSetNode; fragments: Map<string, SelectionSetNode> } {
  const fragments = new Map<string, SelectionSetNode>();
  let set: SelectionSetNode | undefined;
  for (const definition of parse(operation, { noLocation: true }).definitions) {
    if (definition.kind === Kind.OPERATION_DEFINITION) set = definition.selectionSet;
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition.selectionSet);
  }
  if (!set) throw new InternalError('a fetch of the query plan has no operation');
  return { set, fragments };
}

/** The fields of a selection set by response name, those of its fragments included whatever their type. */
function expectedFields({ set, fragments }: ReturnType<typeof operationSelectionSet>): ExpectedField[] {
  const byName = new Map<string, ExpectedField>();
  const visit = (selectionSet: SelectionSetNode): void => {
    for (const selection of selectionSet.selections) {
      if (selection.kind === Kind.INLINE_FRAGMENT) visit(selection.selectionSet);
      else if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const fragment = fragments.get(selection.name.value);
        if (fragment) visit(fragment);
      } else if (selection.name.value !== '__typename') {
        const name = (selection.alias ?? selection.name).value;
        const inner = selection.selectionSet && expectedFields({ set: selection.selectionSet, fragments });
        const before = byName.get(name)?.selection ?? [];
        byName.set(name, { name, selection: inner ? [...before, ...inner] : undefined });
      }
    }
  };
  visit(set);
  return [...byName.values()];
}

type Run = Parameters<Step>[0];

function requestBody(fetch: CompiledFetch, run: Run, representations?: readonly string[]): string {
  let body = fetch.head;
  let separator = '';
  for (const { key, name } of fetch.variables) {
    if (!Object.hasOwn(run.variables, name)) continue;
    body += `${separator}${key}:${JSON.stringify(run.variables[name])}`;
    separator = ',';
  }
  if (representations) body += `${separator}"representations":[${representations.join(',')}]`;
  return `${body}}}`;
}

async function send(
  fetch: CompiledFetch,
  run: Run,
  representations?: readonly string[],
): Promise<SubgraphResponse | Failure> {
  const body = requestBody(fetch, run, representations);
  try {
    return await run.call({ subgraph: fetch.subgraph, body, kind: fetch.kind, context: run.context });
  } catch (error) {
    if (!(error instanceof SubgraphError)) throw error;
    return { message: error.message, extensions: { code: error.code, serviceName: fetch.subgraph } };
  }
}

function isFailure(answer: SubgraphResponse | Failure): answer is Failure {
  return 'message' in answer;
}

function failureOf(error: SubgraphGraphQLError, subgraph: string): Failure {
  const code: ErrorCode = 'DOWNSTREAM_SERVICE_ERROR';
  return { message: error.message, extensions: { code, ...error.extensions, serviceName: subgraph } };
}

async function runRootFetch(fetch: CompiledFetch, path: readonly string[], run: Run): Promise<void> {
  const targets = collectObjects(run.root, path);
  if (targets.length === 0) return;
  const answer = await send(fetch, run);
  for (const target of targets) {
    if (isFailure(answer)) {
      run.failures.placeAtMissing(target, fetch.expected, answer);
      continue;
    }
    const { data, errors } = answer;
    if (data) {
      fetch.rewriteOutput?.(data);
      mergeObject(target, data, fetch.types);
    }
    placeErrors(fetch, run, target, errors ?? [], 0, !data);
  }
}

async function runEntityFetch(
  fetch: CompiledFetch,
  path: readonly string[],
  build: BuildRepresentation,
  run: Run,
): Promise<void> {
  const asked = collectRepresentations(fetch, path, build, run);
  if (asked.size === 0) return;
  const answer = await send(fetch, run, [...asked.keys()]);
  const groups = [...asked.values()];
  const entities = isFailure(answer) ? undefined : answer.data?._entities;
  if (isFailure(answer)) return failAll(fetch, run, groups, answer);
  const errors = answer.errors ?? [];
  if (!Array.isArray(entities) || entities.length !== groups.length) {
    const [first] = errors;
    return failAll(fetch, run, groups, first ? failureOf(first, fetch.subgraph) : malformedEntities(fetch));
  }
  const byEntity = errorsByEntity(errors, groups.length);
  for (const [index, targets] of groups.entries()) {
    const entity: unknown = entities[index];
    if (isDataObject(entity)) fetch.rewriteOutput?.(entity);
    const own = byEntity.get(index) ?? [];
    for (const target of targets) {
      if (isDataObject(entity)) mergeObject(target, entity, fetch.types);
      else if (entity !== null && own.length === 0) {
        run.failures.placeAtMissing(target, fetch.expected, malformedEntities(fetch));
      }
      placeErrors(fetch, run, target, own, 2, !isDataObject(entity));
    }
  }
  placeGeneralErrors(fetch, run, groups.flat(), byEntity.get(undefined) ?? []);
}

/** Objects at `path` by the representation that stands for them: equal ones are asked once. */
function collectRepresentations(
  fetch: CompiledFetch,
  path: readonly string[],
  build: BuildRepresentation,
  run: Run,
): Map<string, DataObject[]> {
  const asked = new Map<string, DataObject[]>();
  for (const target of new Set(collectObjects(run.root, path))) {
    const representation = build(target);
    if (representation.kind === 'representation') {
      const text = JSON.stringify(representation.value);
      const group = asked.get(text);
      if (group) group.push(target);
      else asked.set(text, [target]);
    } else if (representation.kind === 'missing') {
      // What is missing because of a failure fails what depends on it, for the same reason.
      const [cause] = run.failures.find(representation.container, representation.key) ?? [];
      if (cause) run.failures.placeAtMissing(target, fetch.expected, cause.failure);
    }
  }
  return asked;
}

function malformedEntities(fetch: CompiledFetch): Failure {
  const code: ErrorCode = 'SUBREQUEST_MALFORMED_RESPONSE';
  const message = `Subgraph '${fetch.subgraph}' did not answer with the entities it was asked for.`;
  return { message, extensions: { code, serviceName: fetch.subgraph } };
}

function failAll(fetch: CompiledFetch, run: Run, groups: readonly (readonly DataObject[])[], failure: Failure): void {
  for (const targets of groups) {
    for (const target of targets) run.failures.placeAtMissing(target, fetch.expected, failure);
  }
}

/** Errors by the index in `_entities` that their path names; under `undefined` those that name none of them. */
function errorsByEntity(
  errors: readonly SubgraphGraphQLError[],
  count: number,
): Map<number | undefined, SubgraphGraphQLError[]> {
  const groups = new Map<number | undefined, SubgraphGraphQLError[]>();
  for (const error of errors) {
    const index = error.path?.[0] === '_entities' ? error.path[1] : undefined;
    const key = typeof index === 'number' && index < count ? index : undefined;
    const group = groups.get(key);
    if (group) group.push(error);
    else groups.set(key, [error]);
  }
  return groups;
}

/**
 * Places the errors of one answer at the nulls they left in `target`, their paths without the first `skip` elements.
 * A null of a non-null field empties its parents: when it has emptied the whole answer, an error explains what is
 * missing beside it too.
 */
function placeErrors(
  fetch: CompiledFetch,
  run: Run,
  target: DataObject,
  errors: readonly SubgraphGraphQLError[],
  skip: number,
  isEmptied: boolean,
): void {
  for (const error of errors) {
    const path = error.path?.slice(skip) ?? [];
    if (path.length > 0) run.failures.placeAtPath(target, path, failureOf(error, fetch.subgraph));
    else placeGeneralErrors(fetch, run, [target], [error]);
  }
  const [first] = errors;
  const path = first?.path?.slice(skip) ?? [];
  if (isEmptied && first && path.length > 0) {
    run.failures.placeAtMissing(target, fetch.expected, failureOf(first, fetch.subgraph), path);
  }
}

/** Places errors that say nothing of where they happened at whatever is missing. */
function placeGeneralErrors(
  fetch: CompiledFetch,
  run: Run,
  targets: readonly DataObject[],
  errors: readonly SubgraphGraphQLError[],
): void {
  for (const error of errors) {
    const failure = failureOf(error, fetch.subgraph);
    const placed = targets.filter((target) => run.failures.placeAtMissing(target, fetch.expected, failure));
    if (placed.length === 0) run.failures.unplaced.push(failure);
  }
}
