/**
 * Fetches of a query plan -> what execution needs of them: request text, variables, what is expected back.
 * In: FetchNode. Out: a step for root fetches, an interned `EntitySelection` for entity fetches.
 * Clock: per document (compiled), per request (run).
 */
import type { FetchNode } from '@apollo/query-planner';
import {
  type ASTNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionNode,
  type SelectionSetNode,
  stripIgnoredCharacters,
} from 'graphql';
import { type ErrorCode, InternalError, SubgraphError } from '../errors';
import { collectObjects, type DataObject, mergeObject } from './data';
import type { DataPath, ExpectedField, Failure, Failures } from './failures';
import { clientVariableNameOf } from './planning-operation';
import type { Run, Step } from './program';
import { compileRewrites, type Rewrite } from './rewrites';
import type { SubgraphGraphQLError, SubgraphResponse } from './subgraph-call';
import type { SupergraphTypes } from './supergraph-types';

/** A variable of a fetch: its travelling name as JSON, the client's name, its definition. */
export interface FetchVariable {
  readonly key: string;
  readonly clientName: string;
  /** The JSON text of its value, where that is the gateway's own and no client's. */
  readonly ownValue?: string;
  /** `$first:Int!`. */
  readonly definition: string;
}

/** A fetch, ready to be sent and its answer ready to be read. */
export interface CompiledFetch {
  readonly subgraph: string;
  readonly kind: 'query' | 'mutation';
  /** The body up to the variables: `{"query":"…","operationName":"…","variables":{`. */
  readonly head: string;
  readonly variables: readonly FetchVariable[];
  /** What is selected on the root, or on each entity. */
  readonly expected: readonly ExpectedField[];
  /** The text of that selection: `{...on User{name}}`. */
  readonly selectionText: string;
  readonly rewriteOutput: Rewrite | undefined;
}

const representationsVariable = 'representations';

/** Reads a fetch. Of an entity fetch the selection is what stands below `_entities`. */
export function compileFetch(node: FetchNode, types: SupergraphTypes): CompiledFetch {
  const isEntityFetch = node.requires !== undefined;
  const planned = readFetchOperation(node.operation);
  const namesRootType =
    !isEntityFetch && planned.selectionSet.selections.some(({ kind }) => kind === Kind.INLINE_FRAGMENT);
  const operation = namesRootType ? withoutRootTypeName(planned) : planned;
  const [entities] = operation.selectionSet.selections;
  const entitySet = isEntityFetch && entities?.kind === Kind.FIELD ? entities.selectionSet : undefined;
  const set = entitySet ?? operation.selectionSet;
  return {
    subgraph: node.serviceName,
    kind: node.operationKind === 'mutation' ? 'mutation' : 'query',
    head: requestHead(namesRootType ? textOf(operation) : node.operation, node.operationName),
    variables: (operation.variableDefinitions ?? [])
      .map((definition) => ({ name: definition.variable.name.value, text: textOf(definition) }))
      .filter(({ name }) => !(isEntityFetch && name === representationsVariable))
      .map(({ name, text }) => ({
        key: JSON.stringify(name),
        clientName: clientVariableNameOf(name),
        definition: text,
      })),
    expected: expectedFields([set]),
    selectionText: textOf(set),
    rewriteOutput: compileRewrites(node.outputRewrites, types),
  };
}

/** The body of a request up to its variables. */
export function requestHead(operation: string, operationName: string | undefined): string {
  const name = operationName === undefined ? '' : `,"operationName":${JSON.stringify(operationName)}`;
  return `{"query":${JSON.stringify(operation)}${name},"variables":{`;
}

/** The one operation of a fetch. */
export function readFetchOperation(text: string): OperationDefinitionNode {
  const [operation, ...others] = parse(text, { noLocation: true }).definitions;
  // The planner is told neither to keep fragments nor to make them.
  if (operation?.kind !== Kind.OPERATION_DEFINITION || others.length > 0) {
    throw new InternalError('a fetch of the query plan is not one operation');
  }
  return operation;
}

/** Below the root the planner writes `... on Query`, and a subgraph may call its root type by another name. */
function withoutRootTypeName(operation: OperationDefinitionNode): OperationDefinitionNode {
  const selections = operation.selectionSet.selections.map((selection): SelectionNode => {
    if (selection.kind !== Kind.INLINE_FRAGMENT) return selection;
    return { kind: selection.kind, directives: selection.directives ?? [], selectionSet: selection.selectionSet };
  });
  return { ...operation, selectionSet: { kind: Kind.SELECTION_SET, selections } };
}

function textOf(node: ASTNode): string {
  return stripIgnoredCharacters(print(node));
}

/** The fields of selection sets by response name, those of their fragments included whatever their type. */
function expectedFields(sets: readonly SelectionSetNode[]): ExpectedField[] {
  const setsByName = new Map<string, SelectionSetNode[]>();
  const visit = (set: SelectionSetNode): void => {
    for (const selection of set.selections) {
      if (selection.kind === Kind.INLINE_FRAGMENT) visit(selection.selectionSet);
      else if (selection.kind === Kind.FIELD && selection.name.value !== '__typename') {
        const name = (selection.alias ?? selection.name).value;
        const inner = setsByName.get(name) ?? [];
        if (selection.selectionSet) inner.push(selection.selectionSet);
        setsByName.set(name, inner);
      }
    }
  };
  sets.forEach(visit);
  return [...setsByName].map(([name, inner]) => ({
    name,
    selection: inner.length > 0 ? expectedFields(inner) : undefined,
  }));
}

/** The values that a client sent for the variables of a fetch, as the inside of a JSON object. */
export function variablesText(variables: readonly FetchVariable[], values: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (const { key, clientName, ownValue } of variables) {
    if (ownValue === undefined && !Object.hasOwn(values, clientName)) continue;
    text += `${text === '' ? '' : ','}${key}:${ownValue ?? JSON.stringify(values[clientName])}`;
  }
  return text;
}

/** The part of a run that talks to subgraphs. */
export type Sender = Pick<Run, 'call' | 'context' | 'data' | 'variables'>;

/** Sends a request. What the subgraph or the way to it did wrong is a value. */
export async function send(
  { call, context, data }: Sender,
  { subgraph, kind }: CompiledFetch,
  body: string,
  entities?: number,
): Promise<SubgraphResponse | Failure> {
  try {
    const answer = await call({ subgraph, body, kind, context, entities });
    if (!answer.isPlain) data.isPlain = false;
    return answer;
  } catch (error) {
    if (!(error instanceof SubgraphError)) throw error;
    return { message: error.message, extensions: { code: error.code, serviceName: subgraph } };
  }
}

export function isFailure(answer: SubgraphResponse | Failure): answer is Failure {
  return 'message' in answer;
}

/** The body of a request for root fields. */
export function rootBody({ head, variables }: CompiledFetch, values: Readonly<Record<string, unknown>>): string {
  return `${head}${variablesText(variables, values)}}}`;
}

/**
 * A step that asks a subgraph for root fields and merges its answer into the objects at `path`: the root.
 * `isAlone`: no entities follow from it, or would wait for it.
 */
export function rootStep(
  fetch: CompiledFetch,
  path: readonly string[],
  types: SupergraphTypes,
  isAlone: boolean,
): Step {
  return async (run) => {
    const targets = collectObjects(run.data, path, types);
    if (targets.length === 0) return;
    const sent = send(run, fetch, rootBody(fetch, run.variables));
    const answer = await (isAlone ? sent : run.entities.track(sent));
    for (const target of targets) mergeRootAnswer(fetch, run, target, answer, types);
  };
}

/** Merges an answer with root fields into `target`. */
export function mergeRootAnswer(
  fetch: CompiledFetch,
  { failures }: Pick<Run, 'failures'>,
  target: DataObject,
  answer: SubgraphResponse | Failure,
  types: SupergraphTypes,
): void {
  if (isFailure(answer)) {
    failures.placeAtMissing(target, fetch.expected, answer);
    return;
  }
  const { data, errors = [] } = answer;
  if (data) {
    fetch.rewriteOutput?.(data);
    mergeObject(target, data, types);
  }
  placeErrors(fetch, failures, target, errors, 0, data);
}

export function failureOf(error: SubgraphGraphQLError, subgraph: string): Failure {
  const code: ErrorCode = 'DOWNSTREAM_SERVICE_ERROR';
  return { message: error.message, extensions: { code, ...error.extensions, serviceName: subgraph } };
}

/**
 * Places the errors of one `answer` at the nulls they left in `target`, their paths without the first `skip` elements.
 * A null of a non-null field empties its parents: when it has emptied the whole answer, an error explains what is
 * missing beside it too.
 */
export function placeErrors(
  fetch: CompiledFetch,
  failures: Failures,
  target: DataObject,
  errors: readonly SubgraphGraphQLError[],
  skip: number,
  answer: DataObject | null | undefined,
): void {
  const placed = errors.map((error) => ({
    error,
    failure: failureOf(error, fetch.subgraph),
    path: error.path?.slice(skip) ?? [],
  }));
  for (const { error, failure, path } of placed) {
    if (path.length === 0) placeGeneralErrors(fetch, failures, [target], [error]);
    // A path to what nobody asked explains whatever is missing.
    else if (isAsked(fetch, path) || !failures.placeAtMissing(target, fetch.expected, failure))
      failures.placeAtPath(target, path, failure, answer);
  }
  const [first] = placed;
  if (!answer && first && first.path.length > 0) {
    failures.emptied.add(target);
    failures.placeAtMissing(target, fetch.expected, first.failure, first.path);
  }
}

function isAsked({ expected }: CompiledFetch, [first]: DataPath): boolean {
  return expected.some(({ name }) => name === first);
}

/** Places errors that say nothing of where they happened at whatever is missing. */
export function placeGeneralErrors(
  fetch: CompiledFetch,
  failures: Failures,
  targets: readonly DataObject[],
  errors: readonly SubgraphGraphQLError[],
): void {
  for (const error of errors) {
    const failure = failureOf(error, fetch.subgraph);
    const placed = targets.filter((target) => failures.placeAtMissing(target, fetch.expected, failure));
    if (placed.length === 0) failures.unplaced.push(failure);
  }
}
