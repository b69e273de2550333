/**
 * When the gateway is asked more than it can answer: who is refused at once, so that the others are answered in time.
 * In: how late the event loop is, and how many requests are under way. Out: a verdict for each new one.
 * Clock: per request (judge), every few milliseconds (observe). It never looks at a body, and never ends what runs.
 */
import { ClientError } from '../errors';
import type { Log } from '../telemetry/log';
import type { Metrics } from '../telemetry/metrics';
import type { RequestScope } from './door';

export interface LoadSheddingConfig {
  /** An event loop that is later than this all the time, while many requests come, has too much to do. */
  readonly maxEventLoopDelayMs: number;
  /** Requests under way at most, however quick the event loop is. */
  readonly maxInFlight: number;
  /** Who is never refused. */
  readonly priority: {
    readonly header?: { readonly name: string; readonly values: readonly string[] } | undefined;
    readonly operations: readonly string[];
    readonly tiers: readonly string[];
  };
}

export interface LoadSheddingDeps {
  /** Milliseconds, only for differences. */
  readonly elapsed: () => number;
  /** Returns what cancels it. May not keep the process alive. */
  readonly schedule: (callback: () => void, delayMs: number) => () => void;
  /** Told when it begins to refuse, and when it has ended. */
  readonly onChange: (isShedding: boolean) => void;
  readonly onRefused: () => void;
  /** What the caller has paid for. */
  readonly tierOf: (scope: RequestScope) => string | undefined;
}

/**
 * `ask`: there is too much to do, but it may be of an operation, or by somebody, with priority: `hasPriority` tells, once
 * that is known.
 */
export type LoadVerdict = 'admit' | 'ask' | 'refuse';

export const retryAfterSeconds = 1;

const sampleMs = 10;
/** One late turn is a pause of the collector, or one large document. */
const lateTurns = 3;
/** Once requests are refused, there is no need to be as sure. */
const lateTurnsShedding = 2;
/** Hundreds of requests at once make it late too, and are done a moment later: too much is what does not end, or grows. */
const lateForLongMs = 2_000;
/** More than come at once: while the event loop gets no less late, this is too much. */
const manyRequests = 600;
/** How late it may be once requests are refused: those that are let in shall be answered as quickly as ever. */
const targetMs = 5;
/** So many under way are never too many: it is not they who make it late. */
const fewRequests = 64;
/** However late the event loop is, so many are let in: a machine that others keep busy still answers. */
const minLimit = 8;
const shrink = 0.8;
const growth = 0.02;
/** Turns in time, with room to spare, after which nothing is limited any more. */
const calmTurns = 50;

export class LoadShedder {
  #inFlight = 0;
  /** Infinite while there is time for everything. */
  #limit = Number.POSITIVE_INFINITY;
  /** Late turns without one in time between them, how long they took, and how many requests came meanwhile. */
  #late = 0;
  #lateMs = 0;
  #came = 0;
  /** How late the last sample was (0: in time), and when the next one is due. */
  #delayMs = 0;
  #dueAt = 0;
  #calm = 0;
  #stop: () => void;

  constructor(
    private readonly config: LoadSheddingConfig,
    private readonly deps: LoadSheddingDeps,
  ) {
    this.#stop = this.#sample();
  }

  /** Requests that are let in at a time. */
  get limit(): number {
    return Math.min(this.#limit, this.config.maxInFlight);
  }

  /** By what is known before the body. A refusal is counted. */
  judge(rawHeaders: readonly string[]): LoadVerdict {
    if (this.hasRoom(rawHeaders)) return 'admit';
    const { operations, tiers } = this.config.priority;
    if (operations.length > 0 || tiers.length > 0) return 'ask';
    this.deps.onRefused();
    return 'refuse';
  }

  /** Whether there is room for another request, or for one with these headers. */
  hasRoom(rawHeaders: readonly string[]): boolean {
    if (this.#inFlight > fewRequests && this.#isGrowing()) this.#become(fewRequests);
    if (this.#inFlight < this.limit) return true;
    const { header } = this.config.priority;
    return header !== undefined && valuesOf(rawHeaders, header.name).some((value) => header.values.includes(value));
  }

  /** The rest of `ask`: throws OVERLOADED for who has no priority. */
  demandPriority(operationName: string | undefined, scope: RequestScope): void {
    const { operations, tiers } = this.config.priority;
    if (operationName !== undefined && operations.includes(operationName)) return;
    const tier = tiers.length > 0 ? this.deps.tierOf(scope) : undefined;
    if (tier !== undefined && tiers.includes(tier)) return;
    this.deps.onRefused();
    throw overloaded();
  }

  /** A request that was let in is under way; the result is called when it is not any more, and may be again. */
  begin(): () => void {
    this.#inFlight++;
    this.#came++;
    let isOver = false;
    return () => {
      if (!isOver) this.#inFlight--;
      isOver = true;
    };
  }

  close(): void {
    this.#stop();
  }

  #sample(): () => void {
    this.#dueAt = this.deps.elapsed() + sampleMs;
    return this.deps.schedule(() => {
      this.#observe(this.deps.elapsed() - this.#dueAt);
      this.#stop = this.#sample();
    }, sampleMs);
  }

  #observe(delayMs: number): void {
    const isShedding = this.#limit !== Number.POSITIVE_INFINITY;
    const { maxEventLoopDelayMs } = this.config;
    const isLate = delayMs > (isShedding ? Math.min(targetMs, maxEventLoopDelayMs) : maxEventLoopDelayMs);
    this.#late = isLate ? this.#late + 1 : 0;
    this.#lateMs = isLate ? this.#lateMs + delayMs + sampleMs : 0;
    this.#delayMs = isLate ? delayMs : 0;
    if (!isLate) this.#came = 0;
    if (isShedding) this.#adjust(isLate);
    else if (this.#late >= lateTurns && this.#lateMs >= lateForLongMs && this.#inFlight > fewRequests)
      this.#become(fewRequests);
  }

  /** What came during a pause is worked off in turns that get shorter; what is too much makes each longer than the last. */
  #isGrowing(): boolean {
    if (this.#late === 0 || this.#came < manyRequests || this.#limit !== Number.POSITIVE_INFINITY) return false;
    return this.deps.elapsed() - this.#dueAt > this.#delayMs;
  }

  #adjust(isLate: boolean): void {
    const isFull = this.#inFlight >= this.#limit * 0.8;
    this.#calm = isLate || isFull ? 0 : this.#calm + 1;
    if (this.#calm >= calmTurns) this.#become(Number.POSITIVE_INFINITY);
    else if (!isLate && isFull) this.#limit += Math.max(1, this.#limit * growth);
    // Until those that are too many have left, nothing is known of the limit that they were too many for.
    else if (this.#late >= lateTurnsShedding && this.#inFlight <= this.#limit)
      this.#limit = Math.max(minLimit, Math.floor(this.#limit * shrink));
  }

  #become(limit: number): void {
    const wasShedding = this.#limit !== Number.POSITIVE_INFINITY;
    this.#limit = limit;
    this.#calm = 0;
    const isShedding = limit !== Number.POSITIVE_INFINITY;
    if (isShedding !== wasShedding) this.deps.onChange(isShedding);
  }
}

function valuesOf(rawHeaders: readonly string[], name: string): readonly string[] {
  return rawHeaders.filter((_item, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}

/** With the time of this process. Undefined where nobody is to be refused. */
export function openLoadShedder(
  config: LoadSheddingConfig & { readonly shedding: boolean },
  { metrics, log, tierOf }: { metrics: Metrics; log: Log; tierOf: LoadSheddingDeps['tierOf'] },
): LoadShedder | undefined {
  if (!config.shedding) return undefined;
  const shedder = new LoadShedder(config, {
    elapsed: () => performance.now(),
    schedule: (callback, delayMs) => {
      const timer = setTimeout(callback, delayMs).unref();
      return () => clearTimeout(timer);
    },
    onChange: (isShedding) =>
      isShedding
        ? log.warn({}, 'There is too much to do: requests are refused.')
        : log.info({}, 'There is time for everything again.'),
    onRefused: metrics.requestShed,
    tierOf,
  });
  metrics.observeLimit(() => shedder.limit);
  return shedder;
}

export function overloaded(): ClientError {
  return new ClientError('OVERLOADED', 'The gateway has more to do than it can: try again later.', {
    headers: { 'retry-after': String(retryAfterSeconds) },
    extensions: { retryAfterSeconds },
  });
}
