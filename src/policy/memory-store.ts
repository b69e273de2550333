/**
 * Counters in the memory of this process: exact within it. Bounded: what counts nothing any more is dropped as others
 * come, and when live counters alone are too many, the one that was asked longest ago. Clock: per request.
 */
import { createRateCounter, type RateCounter } from './rate-counters';
import { type ChargeOutcome, type ChargeRequest, decideCharges, type RateLimitStore } from './rate-limit-store';

/** A counter without its numbers, and its key: measured, in numbers of eight bytes. */
const ownSize = 40;
/** How many of the oldest are looked at when one is added: more leave than come. */
const sweptAtOnce = 2;

export interface MemoryStoreOptions {
  /** Of all counters, estimated. */
  readonly maxBytes: number;
  /** Milliseconds of a clock that never goes back; a new gateway begins to count anew. */
  readonly now?: () => number;
}

export class MemoryStore implements RateLimitStore {
  /** The least recently asked first. */
  private readonly counters = new Map<string, RateCounter>();
  private readonly maxSize: number;
  private readonly now: () => number;
  private size = 0;

  constructor({ maxBytes, now = () => performance.now() }: MemoryStoreOptions) {
    this.maxSize = maxBytes / 8;
    this.now = now;
  }

  /** How many counters are kept. */
  get count(): number {
    return this.counters.size;
  }

  charge(request: ChargeRequest): ChargeOutcome {
    const now = Math.floor(this.now());
    const counters = request.counters.map(({ key, quota }) => {
      const counter = this.take(key) ?? createRateCounter(quota);
      counter.settle(now, quota);
      return counter;
    });
    const outcome = decideCharges(request, counters, now);
    for (const [index, { key }] of request.counters.entries()) this.keep(key, counters[index] as RateCounter, now);
    this.sweep(now);
    return outcome;
  }

  /** Takes over what another store has counted, where that is more: so this one goes on from there if it must. */
  learn({ counters }: ChargeRequest, outcome: ChargeOutcome): void {
    const now = Math.floor(this.now());
    for (const [index, { key, quota }] of counters.entries()) {
      const counter = this.take(key) ?? createRateCounter(quota);
      counter.settle(now, quota);
      const missing = counter.remaining(quota) - (outcome.counters[index]?.remaining ?? quota.max);
      if (missing > 0) counter.take(missing, now, quota);
      this.keep(key, counter, now);
    }
    this.sweep(now);
  }

  private take(key: string): RateCounter | undefined {
    const counter = this.counters.get(key);
    if (!counter) return undefined;
    this.drop(key, counter);
    return counter;
  }

  private keep(key: string, counter: RateCounter, now: number): void {
    if (counter.expiresAt <= now) return;
    this.counters.set(key, counter);
    this.size += ownSize + counter.size;
  }

  private drop(key: string, counter: RateCounter): void {
    this.counters.delete(key);
    this.size -= ownSize + counter.size;
  }

  private sweep(now: number): void {
    let looked = 0;
    for (const [key, counter] of this.counters) {
      looked += 1;
      const isOver = looked <= sweptAtOnce && counter.expiresAt <= now;
      if (!isOver && this.size <= this.maxSize) return;
      this.drop(key, counter);
    }
  }
}
