/**
 * Counters in the memory of this process: exact within it. Bounded: what counts nothing any more is dropped as others
 * come, and when live counters alone are too many, the one that was asked longest ago. Clock: per request.
 */
import { createRateCounter, type RateCounter } from './rate-counters';
import {
  type ChargeOutcome,
  type ChargeRequest,
  type CounterUse,
  decideCharges,
  type RateLimitStore,
} from './rate-limit-store';

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

/** A counter in the ring of all. A `Map` in the order of use would be built anew every few requests. */
class Entry {
  before: Entry = this;
  after: Entry = this;
  /** What it is taken to cost; 0 while it is not in the ring. */
  size = 0;

  constructor(
    readonly key: string,
    readonly counter: RateCounter,
  ) {}

  leave(): void {
    this.before.after = this.after;
    this.after.before = this.before;
  }

  joinBefore(next: Entry): void {
    this.after = next;
    this.before = next.before;
    next.before.after = this;
    next.before = this;
  }
}

export class MemoryStore implements RateLimitStore {
  private readonly entries = new Map<string, Entry>();
  /** Stands between the entry that was asked last, before it, and the one that was asked longest ago, after it. */
  private readonly ring = new Entry('', createRateCounter({ algorithm: 'token-bucket', max: 1, windowMs: 1 }));
  private readonly maxSize: number;
  private readonly now: () => number;
  private size = 0;

  constructor({ maxBytes, now = () => performance.now() }: MemoryStoreOptions) {
    this.maxSize = maxBytes / 8;
    this.now = now;
  }

  /** How many counters are kept. */
  get count(): number {
    return this.entries.size;
  }

  charge(request: ChargeRequest): ChargeOutcome {
    const now = Math.floor(this.now());
    const entries = request.counters.map((use) => this.settled(use, now));
    const outcome = decideCharges(
      request,
      entries.map(({ counter }) => counter),
      now,
    );
    for (const entry of entries) this.keep(entry, now);
    this.sweep(now);
    return outcome;
  }

  /** Takes over what another store has counted, where that is more: so this one goes on from there if it must. */
  learn({ counters }: ChargeRequest, outcome: ChargeOutcome): void {
    const now = Math.floor(this.now());
    for (const [index, use] of counters.entries()) {
      const { quota } = use;
      const entry = this.settled(use, now);
      const missing = entry.counter.remaining(quota) - (outcome.counters[index]?.remaining ?? quota.max);
      if (missing > 0) entry.counter.take(missing, now, quota);
      this.keep(entry, now);
    }
    this.sweep(now);
  }

  private settled({ key, quota }: CounterUse, now: number): Entry {
    const entry = this.entries.get(key) ?? new Entry(key, createRateCounter(quota));
    entry.counter.settle(now, quota);
    return entry;
  }

  private keep(entry: Entry, now: number): void {
    const { counter } = entry;
    if (counter.expiresAt <= now) {
      if (entry.size > 0) this.drop(entry);
      return;
    }
    if (entry.size === 0) this.entries.set(entry.key, entry);
    const size = ownSize + counter.size;
    this.size += size - entry.size;
    entry.size = size;
    entry.leave();
    entry.joinBefore(this.ring);
  }

  private drop(entry: Entry): void {
    this.entries.delete(entry.key);
    this.size -= entry.size;
    entry.size = 0;
    entry.leave();
  }

  private sweep(now: number): void {
    let looked = 0;
    for (let entry = this.ring.after; entry !== this.ring; entry = this.ring.after) {
      looked += 1;
      const isOver = looked <= sweptAtOnce && entry.counter.expiresAt <= now;
      if (!isOver && this.size <= this.maxSize) return;
      this.drop(entry);
    }
  }
}
