/**
 * Charges what a plan asks, in the shared store, and without it as each rule says: `open`, `closed` or `local`.
 * Clock: per request. Never rejects, and never waits longer than the shared store does.
 */
import type { OnStoreFailure } from '../config/rate-limits';
import type { MemoryStore } from './memory-store';
import type { ChargeOutcome, ChargeRequest, RateLimitStore } from './rate-limit-store';

/** A request with what becomes of each counter while the shared store cannot tell. */
export interface LimiterRequest extends ChargeRequest {
  readonly onStoreFailure: readonly OnStoreFailure[];
}

export interface LimiterOutcome extends ChargeOutcome {
  /** False: counters that are `closed` refused, and those that are `open` were not asked. */
  readonly isShared: boolean;
}

export interface RateLimiterOptions {
  /** Of this process. */
  readonly local: MemoryStore;
  /** Absent: this process is alone. */
  readonly shared?: RateLimitStore | undefined;
  readonly onStoreFailure?: (() => void) | undefined;
}

/** How soon to ask again when a counter is closed. */
const closedMs = 1_000;

export class RateLimiter {
  constructor(private readonly options: RateLimiterOptions) {}

  charge(request: LimiterRequest): LimiterOutcome | Promise<LimiterOutcome> {
    const { local, shared } = this.options;
    if (!shared) return asShared(local.charge(request));
    const answer = shared.charge(request);
    if (!(answer instanceof Promise)) return asShared(answer);
    return answer.then((outcome) => {
      if (!outcome) return this.chargeAlone(request);
      if (request.onStoreFailure.includes('local')) local.learn(request, outcome);
      return asShared(outcome);
    });
  }

  private chargeAlone(request: LimiterRequest): LimiterOutcome {
    this.options.onStoreFailure?.();
    const modes = request.onStoreFailure;
    const counters = request.counters.map((use, index) =>
      modes[index] === 'closed' ? { ...use, key: `closed|${use.key}`, quota: closedQuota } : use,
    );
    const units = request.units.map((unit) => ({
      ...unit,
      charges: unit.charges
        .filter(({ counter }) => modes[counter] !== 'open')
        .map((charge) => (modes[charge.counter] === 'closed' ? { ...charge, isReadOnly: true } : charge)),
    }));
    return { ...this.options.local.charge({ ...request, counters, units }), isShared: false };
  }
}

/** Spelled out: a spread would give each outcome a hidden class of its own. */
function asShared({ isWhollyRefused, refused, counters }: ChargeOutcome): LimiterOutcome {
  return { isWhollyRefused, refused, counters, isShared: true };
}

/** Fits nothing. */
const closedQuota = { algorithm: 'sliding-window', max: 0, windowMs: closedMs } as const;
