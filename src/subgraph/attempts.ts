/**
 * One exchange with a subgraph of several instances: picks one, and another one when that fails or is slow to answer.
 * In and out: `StartExchange`. A query may be asked again, within a budget; a mutation only when nobody has seen it.
 * Clock: per request. Never tells who waits of more than one outcome, never leaves an attempt behind.
 */
import { SubgraphError } from '../errors';
import type { Instance } from './balancing';
import type { CallClock } from './call';
import type { Verdict } from './circuit-state';
import type { Exchange, ExchangeOutcome, Route, StartExchange, StartedExchange } from './http';
import type { Instances } from './instances';
import type { RetryBudget } from './retry-budget';

export interface RetrySettings {
  /** Attempts for one query, the first one included; 1: none is repeated. */
  readonly attempts: number;
  /** HTTP statuses of an answer that a query is repeated for. */
  readonly statuses: readonly number[];
  /** The first wait is up to so long, by chance; doubled each time after. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  /** A query without an answer for so long is asked of another instance too; the first answer counts. */
  readonly anotherAfterMs: number;
  /** Lower case: a mutation that carries this header may be repeated, for its subgraph tells repetitions. */
  readonly idempotencyHeader?: string | undefined;
}

/** How an instance is asked. */
export interface AskedInstance {
  /** Host and port. */
  readonly host: string;
  readonly start: StartExchange;
}

export interface AttemptsOptions {
  readonly subgraph: string;
  readonly instances: Instances<AskedInstance>;
  readonly retries: RetrySettings;
  readonly budget: RetryBudget;
  readonly timeoutMs: number;
  /** The policy `hash` keeps equal values of this header together. */
  readonly hashHeader: string | undefined;
  readonly clock: CallClock;
  readonly random: () => number;
  readonly counts: AttemptCounts;
}

/** What happened since the start. */
export interface AttemptCounts {
  /** Attempts after a failed one. */
  retries: number;
  /** Attempts beside a slow one. */
  hedges: number;
  /** Exchanges that were refused at once, for no instance was to be asked. */
  refused: number;
}

/** An attempt that took so long says something of its instance, though nobody waited for its end. */
const tellingMs = 900;

/** Fails as the instances do, and with SUBGRAPH_UNAVAILABLE when none of them is to be asked. */
export function createAttempts(options: AttemptsOptions): StartExchange {
  const isEverRepeated = options.retries.attempts > 1;
  return (exchange, done) => {
    if (isEverRepeated && isRepeatable(exchange, options.retries)) options.budget.deposit();
    const attempts = new Attempts(exchange, done, options);
    attempts.launch();
    return attempts;
  };
}

interface Attempt {
  readonly instance: Instance<AskedInstance>;
  readonly isProbe: boolean;
  readonly startedAt: number;
  started: StartedExchange | undefined;
  isOver: boolean;
}

class Attempts implements StartedExchange {
  readonly shared = false;
  /** In the order of their start; those that failed are among them. */
  readonly #made: Attempt[] = [];
  readonly #startedAt: number;
  #running = 0;
  #over = false;
  #stopTimer: (() => void) | undefined;
  #failure: ExchangeOutcome | undefined;

  constructor(
    private readonly exchange: Exchange,
    private readonly done: (outcome: ExchangeOutcome) => void,
    private readonly options: AttemptsOptions,
  ) {
    this.#startedAt = options.clock.elapsed();
  }

  /** Asks the best instance, one that was not asked before if there is one. */
  launch(): void {
    const { subgraph, instances, counts } = this.options;
    const now = this.options.clock.elapsed();
    const instance = this.#pick(now);
    if (instance !== undefined) {
      this.#ask(instance, now);
      return;
    }
    if (this.#failure === undefined) counts.refused++;
    this.#finish(this.#failure ?? { kind: 'failed', error: unavailable(subgraph, instances.all.length) }, undefined);
  }

  get route(): Route {
    return { instance: this.#made.at(-1)?.instance.target.host, retries: Math.max(0, this.#made.length - 1) };
  }

  cancel(isLate = false): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopTimer?.();
    const now = this.options.clock.elapsed();
    for (const attempt of this.#made) this.#abandon(attempt, isLate, now);
  }

  #pick(now: number): Instance<AskedInstance> | undefined {
    const { instances, hashHeader } = this.options;
    const { kind, headers, affinity = '' } = this.exchange;
    const isMutation = kind === 'mutation';
    const key = hashHeader === undefined ? affinity : headerValue(headers, hashHeader);
    if (this.#made.length === 0) return instances.pick(now, none, isMutation, key);
    const tried = this.#made.map((attempt) => attempt.instance);
    return instances.pick(now, tried, isMutation, key) ?? instances.pick(now, none, isMutation, key);
  }

  #ask(instance: Instance<AskedInstance>, now: number): void {
    const { instances } = this.options;
    const isProbe = instances.begin(instance, now);
    const attempt: Attempt = { instance, isProbe, startedAt: now, started: undefined, isOver: false };
    this.#made.push(attempt);
    this.#running++;
    attempt.started = instance.target.start(this.exchange, (outcome) => this.#onOutcome(attempt, outcome));
    if (!attempt.isOver) this.#watch();
  }

  /** Sees to it that a query does not hang on one slow instance. */
  #watch(): void {
    const { instances, retries, clock } = this.options;
    if (instances.all.length === 1 || this.exchange.kind === 'mutation') return;
    if (this.#made.length >= retries.attempts) return;
    this.#stopTimer = clock.schedule(() => this.#hedge(), retries.anotherAfterMs);
  }

  #hedge(): void {
    const { instances, budget, counts, clock } = this.options;
    const now = clock.elapsed();
    const tried = this.#made.map((attempt) => attempt.instance);
    const instance = instances.pick(now, tried);
    if (instance === undefined || !budget.withdraw()) {
      this.#watch();
      return;
    }
    counts.hedges++;
    this.#ask(instance, now);
  }

  #onOutcome(attempt: Attempt, outcome: ExchangeOutcome): void {
    if (attempt.isOver) return;
    const { instances, clock } = this.options;
    const now = clock.elapsed();
    attempt.isOver = true;
    this.#running--;
    instances.end(attempt.instance, verdictOf(outcome), attempt.isProbe, now - attempt.startedAt, now);
    if (!this.#isRepeatable(outcome)) {
      this.#finish(outcome, attempt);
      return;
    }
    this.#failure = outcome;
    // Another attempt may still succeed.
    if (this.#running > 0) return;
    this.#stopTimer?.();
    const waitMs = this.#waitBeforeRetry(outcome, now);
    if (waitMs === undefined) this.#finish(outcome, attempt);
    else this.#stopTimer = clock.schedule(() => this.launch(), waitMs);
  }

  #isRepeatable(outcome: ExchangeOutcome): boolean {
    const { attempts, statuses } = this.options.retries;
    if (attempts === 1) return false;
    const connection = outcome.kind === 'failed' ? outcome.connection : undefined;
    if (connection?.reason === 'CLOSED' || connection?.reason === 'INVALID_HEADER') return false;
    if (!isRepeatable(this.exchange, this.options.retries)) return connection?.sent === false;
    if (connection !== undefined) return true;
    return outcome.status !== undefined && statuses.includes(outcome.status);
  }

  /** Undefined: it is not repeated. */
  #waitBeforeRetry(outcome: ExchangeOutcome, now: number): number | undefined {
    const { retries, instances, budget, counts, random, timeoutMs } = this.options;
    const made = this.#made.length;
    if (made >= retries.attempts) return undefined;
    const isElsewhere = instances.all.length > made;
    const backoffMs = Math.min(retries.maxBackoffMs, retries.backoffMs * 2 ** (made - 1));
    // Who asks to be left alone for some time says nothing of the others.
    const askedMs = isElsewhere ? 0 : (outcome.retryAfterMs ?? 0);
    const waitMs = Math.max(askedMs, random() * backoffMs);
    if (now - this.#startedAt + waitMs >= timeoutMs) return undefined;
    // A subgraph that has not seen the request does not carry its load.
    const isFree = isElsewhere && outcome.kind === 'failed' && outcome.connection?.sent === false;
    if (!isFree && !budget.withdraw()) return undefined;
    counts.retries++;
    return waitMs;
  }

  #finish(outcome: ExchangeOutcome, winner: Attempt | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopTimer?.();
    if (this.#running > 0) this.#abandonOthers(winner);
    this.done(outcome);
  }

  /** Those that began before the winner were overtaken, which says something of their instances. */
  #abandonOthers(winner: Attempt | undefined): void {
    const now = this.options.clock.elapsed();
    let isOvertaken = true;
    for (const attempt of this.#made) {
      if (attempt === winner) isOvertaken = false;
      this.#abandon(attempt, isOvertaken, now);
    }
  }

  #abandon(attempt: Attempt, isLate: boolean, now: number): void {
    if (attempt.isOver) return;
    attempt.isOver = true;
    this.#running--;
    const durationMs = now - attempt.startedAt;
    const { retries, timeoutMs } = this.options;
    const isTelling = isLate && durationMs >= Math.min(tellingMs, 0.9 * retries.anotherAfterMs, 0.9 * timeoutMs);
    this.options.instances.end(attempt.instance, isTelling ? 'bad' : 'none', attempt.isProbe, durationMs, now);
    attempt.started?.cancel(isLate);
  }
}

function isRepeatable({ kind, headers }: Exchange, { idempotencyHeader }: RetrySettings): boolean {
  if (kind === 'query') return true;
  return idempotencyHeader !== undefined && headerValue(headers, idempotencyHeader) !== '';
}

const none: readonly Instance<AskedInstance>[] = [];

/** GraphQL errors and answers of a wrong form come from an instance that lives. */
function verdictOf(outcome: ExchangeOutcome): Verdict {
  if (outcome.kind === 'answered') return isGatewayStatus(outcome.status) ? 'bad' : 'good';
  if (outcome.connection !== undefined) return isOurs(outcome.connection.reason) ? 'none' : 'bad';
  return outcome.status !== undefined && outcome.status >= 500 ? 'bad' : 'good';
}

/** Of a failed connection: a full queue, a closed transport and a header that cannot be sent are on this side. */
export function isOurs(reason: string): boolean {
  return reason === 'QUEUE_FULL' || reason === 'CLOSED' || reason === 'INVALID_HEADER';
}

function isGatewayStatus(status: number): boolean {
  return status === 502 || status === 503 || status === 504;
}

export function headerValue(headers: readonly string[], name: string): string {
  const index = headers.indexOf(name);
  return index === -1 ? '' : (headers[index + 1] ?? '');
}

export function unavailable(subgraph: string, instances: number): SubgraphError {
  const message = `Subgraph '${subgraph}' is not available.`;
  const reason = instances === 0 ? 'NO_INSTANCES' : 'ALL_INSTANCES_FAILED';
  return new SubgraphError('SUBGRAPH_UNAVAILABLE', subgraph, message, { reason });
}
