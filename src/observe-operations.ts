/**
 * What operators are told of operations that have ended: which were slow, and why; who asked what. In: each operation
 * with its context. Out: lines of the log, lines of usage, metrics. Clock: per operation.
 * No document, variable or value of an answer is told, nor that a field with personal data was asked.
 */
import type { ExecutionResult, GraphQLError } from 'graphql';
import type { RefusedOperation } from './client/door';
import type { Config } from './config';
import type { RequestContext } from './context/request-context';
import type { Operation } from './operation/document';
import { readFieldOccurrences } from './operation/facts';
import type { PreparedRequest } from './pipeline';
import type { ClientSubscription } from './query-plan/live-subscriptions';
import { finish } from './slices';
import type { Generation } from './supergraph/generation';
import type { Log } from './telemetry/log';
import type { Metrics } from './telemetry/metrics';
import { createRotatingFile } from './telemetry/rotating-file';
import { summariseFetches } from './telemetry/trail';
import { type OperationUse, Usage } from './telemetry/usage';

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
  { target, generation }: Pick<PreparedRequest, 'target' | 'generation'>,
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

/** Of a subscription that was begun: then its beginning is what is observed. */
export function refusalOf(begun: ClientSubscription | RefusedOperation): ExecutionResult | undefined {
  return 'errors' in begun ? { errors: begun.errors } : undefined;
}

export interface OperationObserver {
  ended(operation: EndedOperation): void;
  /** Writes what is counted and not written yet. Never rejects. */
  close(): Promise<void>;
}

interface ObserverParts {
  readonly metrics: Metrics;
  readonly log: Log;
  /** Of operations that are known before anybody asks. */
  readonly trustedNames: () => ReadonlySet<string>;
  /** What adds text to a file; one of several workers leaves that to its primary. */
  readonly appendTo?: typeof createRotatingFile | undefined;
}

/** Logs slow operations, and counts what is used where that is configured. */
export function observeOperations(
  { usage: config }: Config['telemetry'],
  { metrics, log, trustedNames, appendTo = createRotatingFile }: ObserverParts,
): OperationObserver {
  if (!config) return { ended: logSlowOperation, close: async () => {} };
  const generations = new WeakMap<Operation, Generation>();
  const usage = new Usage<Operation>({
    ...config,
    describe: (operation) => describeUse(operation, generations.get(operation)),
    write: config.file === undefined ? writeToOutput : appendTo({ ...config, file: config.file }),
    metrics: metrics.usage,
    isTrusted: (name) => trustedNames().has(name),
    now: Date.now,
  });
  const flush = () =>
    usage.flush().catch((error: unknown) => log.error({ error: String(error) }, 'Usage could not be written'));
  const timer = setInterval(flush, config.intervalMs).unref();
  return {
    ended(operation) {
      logSlowOperation(operation);
      generations.set(operation.operation, operation.generation);
      usage.count(operation.operation, operation.context.client, operation.error !== undefined, operation.durationMs);
    },
    async close() {
      clearInterval(timer);
      await flush();
    },
  };
}

function writeToOutput(lines: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(lines, (error) => (error ? reject(error) : resolve()));
  });
}

function describeUse(operation: Operation, generation: Generation | undefined): OperationUse {
  const { name, type } = operation;
  const occurrences = generation ? finish(readFieldOccurrences(operation, generation.apiSchema)) : [];
  const coordinates = new Set(occurrences.map(({ coordinate }) => coordinate));
  return { name, type, fields: [...coordinates].filter((field) => !generation?.personal.has(field)) };
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
