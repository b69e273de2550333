/**
 * The way of an operation, in code: prepare -> execute. Every door (HTTP, Apollo Server, later WebSocket and REST)
 * calls these two. In: text, variables, a RequestContext. Out: an execution result; it never rejects.
 * Clock: per request; what can be done once per document is remembered by the generation.
 */
import { type DocumentNode, type ExecutionResult, GraphQLError } from 'graphql';
import type { RequestContext } from './context/request-context';
import { ClientError, InternalError } from './errors';
import { type Operation, type Refused, selectOperation, type ValidDocument } from './operation/document';
import { checkVariables, type RawVariables } from './operation/variables';
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

/** Answers a prepared query or mutation. What clients and subgraphs do wrong is in the result. */
export async function executeOperation(
  { target, generation }: PreparedRequest,
  variables: RawVariables,
  context: RequestContext,
): Promise<ExecutionResult> {
  try {
    if (target.type === 'subscription') throw subscriptionsElsewhere();
    const checked = checkVariables(generation.apiSchema, target, variables);
    if (checked.kind === 'refused') return { errors: checked.errors };
    const executable = await generation.engine.prepare(target, checked);
    const { data, errors } = await generation.engine.execute(executable, checked, context, generation.transport.call);
    return errors.length > 0 ? { errors, data } : { data };
  } catch (error) {
    if (error instanceof ClientError) return { errors: [error] };
    context.log.error({ error: describe(error) }, 'An operation failed for a reason that is ours');
    return { errors: [maskedError(context.id)] };
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
