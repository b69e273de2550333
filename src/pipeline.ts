/**
 * The way of an operation, in code: prepare -> execute. Every door (HTTP, Apollo Server, later WebSocket and REST)
 * calls these two. In: text, variables, a RequestContext. Out: an execution result; it never rejects.
 * Clock: per request; what can be done once per document is remembered by the generation.
 */
import { type DocumentNode, type ExecutionResult, GraphQLError } from 'graphql';
import type { RequestContext } from './context/request-context';
import { ClientError, InternalError } from './errors';
import { type Operation, type Refused, selectOperation, type ValidDocument } from './operation/document';
import { type CheckedVariables, checkVariables, type RawVariables } from './operation/variables';
import type { Completed } from './query-plan/complete';
import type { Answer, ExecutableOperation } from './query-plan/engine';
import type { Generation } from './supergraph/generation';

/** An operation that may run, under the generation that validated it. */
export interface PreparedRequest {
  readonly kind: 'prepared';
  readonly operation: Operation['type'];
  readonly operationName: string | undefined;
  readonly target: Operation;
  readonly generation: Generation;
}

/** Parses, limits and validates `source` and picks the operation that the request names. */
export function prepareSource(
  generation: Generation | undefined,
  source: string,
  operationName: string | undefined,
): PreparedRequest | Refused {
  if (!generation) return { kind: 'refused', errors: [notReady()] };
  return pickOperation(generation, generation.readDocument(source), operationName);
}

/** The same for a document that the host has parsed and validated against this generation. */
export function prepareDocument(
  generation: Generation,
  document: DocumentNode,
  source: string | undefined,
  operationName: string | undefined,
): PreparedRequest | Refused {
  return pickOperation(generation, generation.adoptDocument(document, source), operationName);
}

/** The same, unless its generation has drained and closed since: then as `current` sees it, from the text. */
export function renewPrepared(prepared: PreparedRequest, current: Generation | undefined): PreparedRequest | Refused {
  const { generation, target, operationName } = prepared;
  if (!generation.isClosed) return prepared;
  const source = generation.sourceOf(target);
  if (source === undefined) return { kind: 'refused', errors: [notReady()] };
  return prepareSource(current, source, operationName);
}

function pickOperation(
  generation: Generation,
  document: ValidDocument | Refused,
  operationName: string | undefined,
): PreparedRequest | Refused {
  if (document.kind === 'refused') return document;
  const target = selectOperation(document, operationName);
  if (target instanceof ClientError) return { kind: 'refused', errors: [target] };
  return { kind: 'prepared', operation: target.type, operationName: target.name, target, generation };
}

/**
 * Answers a prepared query or mutation with values, under a lease on its generation, which must not be closed.
 * What clients and subgraphs do wrong is in the result.
 */
export async function executeOperation(
  prepared: PreparedRequest,
  variables: RawVariables,
  context: RequestContext,
): Promise<ExecutionResult> {
  const run = async (executable: ExecutableOperation, checked: CheckedVariables) => {
    const { engine, transport } = prepared.generation;
    return toResult(await engine.execute(executable, checked, context, transport.call));
  };
  return refuseOr(prepared, variables, context, run, (result) => result);
}

/** Answers a prepared query or mutation in the cheapest form. */
export async function answerOperation(
  prepared: PreparedRequest,
  variables: RawVariables,
  context: RequestContext,
): Promise<Answer> {
  const { engine, transport, sharedQueries } = prepared.generation;
  const execute = async (executable: ExecutableOperation, checked: CheckedVariables): Promise<Answer> => {
    const answer = await engine.executeToText(executable, checked, context, transport.call);
    if (typeof answer === 'string') return { kind: 'text', body: `{"data":${answer}}` };
    return { kind: 'result', result: toResult(answer) };
  };
  const run = (executable: ExecutableOperation, checked: CheckedVariables): Promise<Answer> => {
    if (prepared.operation === 'mutation')
      return execute(executable, checked).finally(() => sharedQueries?.mutationEnded());
    if (!sharedQueries) return execute(executable, checked);
    return sharedQueries.share(prepared.target, checked, context, () => execute(executable, checked));
  };
  return refuseOr(prepared, variables, context, run, (result) => ({ kind: 'result', result }));
}

function toResult({ data, errors }: Completed): ExecutionResult {
  return errors.length > 0 ? { errors, data } : { data };
}

/** Checks variables, prepares and runs; whatever refuses the operation on the way is an answer too. */
async function refuseOr<T>(
  { target, generation }: PreparedRequest,
  variables: RawVariables,
  context: RequestContext,
  run: (executable: ExecutableOperation, checked: CheckedVariables) => Promise<T>,
  refuse: (result: ExecutionResult) => T,
): Promise<T> {
  generation.acquire();
  try {
    if (target.type === 'subscription') throw subscriptionsElsewhere();
    const checked = checkVariables(generation.apiSchema, target, variables);
    if (checked.kind === 'refused') return refuse({ errors: checked.errors });
    return await run(await generation.engine.prepare(target, checked), checked);
  } catch (error) {
    if (error instanceof ClientError) return refuse({ errors: [error] });
    context.log.error({ error: describe(error) }, 'An operation failed for a reason that is ours');
    return refuse({ errors: [maskedError(context.id)] });
  } finally {
    generation.release();
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function maskedError(requestId: string): GraphQLError {
  return new GraphQLError(`Internal error. The request id is ${requestId}.`, {
    extensions: { code: 'INTERNAL_SERVER_ERROR' },
    originalError: new InternalError('masked'),
  });
}

function notReady(): ClientError {
  return new ClientError('SUPERGRAPH_NOT_READY', 'The gateway has no supergraph yet.');
}

function subscriptionsElsewhere(): ClientError {
  return new ClientError('SUBSCRIPTION_NOT_SUPPORTED', 'Subscriptions are not served on this transport.');
}
