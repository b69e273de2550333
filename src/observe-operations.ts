/**
 * What operators are told of operations that have ended: which were slow, and why. In: each operation with its context.
 * Out: lines of the log. Clock: per operation. No document, variable or value of an answer is told.
 */
import type { ExecutionResult, GraphQLError } from 'graphql';
import type { RequestContext } from './context/request-context';
import type { Operation } from './operation/document';
import type { PreparedRequest } from './pipeline';
import type { Generation } from './supergraph/generation';
import { summariseFetches } from './telemetry/trail';

export interface EndedOperation {
  readonly operation: Operation;
  readonly generation: Generation;
  readonly context: RequestContext;
  readonly durationMs: number;
  /** The first one of the answer. */
  readonly error: GraphQLError | undefined;
}

/** The same answer; `onOperation` is told when it is there. */
export function observed<T>(
  onOperation: ((ended: EndedOperation) => void) | undefined,
  { target, generation }: PreparedRequest,
  context: RequestContext,
  answered: Promise<T>,
  resultOf: (answer: T) => ExecutionResult | undefined,
): Promise<T> {
  if (!onOperation) return answered;
  const startedAt = performance.now();
  return answered.then((answer) => {
    const error = resultOf(answer)?.errors?.[0];
    onOperation({ operation: target, generation, context, durationMs: performance.now() - startedAt, error });
    return answer;
  });
}

/** One line for an operation that took longer than `telemetry.slowOperationMs`. */
export function logSlowOperation({ operation, context, durationMs, error }: EndedOperation): void {
  const { trail, log } = context;
  if (trail?.slowMs === undefined || durationMs <= trail.slowMs) return;
  log.warn(
    {
      operation: operation.name?.slice(0, maxNameLength),
      type: operation.type,
      durationMs: Math.round(durationMs),
      code: error?.extensions.code,
      fetches: summariseFetches(trail.fetches),
      entities: trail.entities,
    },
    'An operation was slow',
  );
}

const maxNameLength = 100;
