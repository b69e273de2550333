/**
 * The two ways to count, as state of one counter: exact sliding window, and token bucket (GCRA).
 * In: moments in whole milliseconds, costs in whole units. Out: whether a cost fits, and when it will.
 * Clock: per request. `redis-script.ts` holds the same in Lua: whole numbers, so that both always agree.
 */

export type Algorithm = 'sliding-window' | 'token-bucket';

/** At most `max` in any `windowMs`; a token bucket of `max` that refills evenly lets twice as many pass in its first. */
export interface Quota {
  readonly algorithm: Algorithm;
  readonly max: number;
  readonly windowMs: number;
}

/** What one counter has counted. `pending` is what its operation has taken already, and may still give back. */
export interface RateCounter {
  /** Forgets what is over, and corrects moments that lie ahead: the clock was set back. Before anything else. */
  settle(now: number, quota: Quota): void;
  /** 0 when `cost` fits, else the milliseconds until it would; the whole window for one that never fits. */
  waitFor(cost: number, pending: number, now: number, quota: Quota): number;
  /** Counts, whether it fits or not: never more than a full window. */
  take(cost: number, now: number, quota: Quota): void;
  remaining(quota: Quota): number;
  /** Milliseconds until something of what is used comes back; 0 when nothing is used. */
  resetMs(now: number, quota: Quota): number;
  /** What keeping it costs, in numbers. */
  readonly size: number;
  /** After this it counts nothing. */
  readonly expiresAt: number;
}

/** A counter that has counted nothing. */
export function createRateCounter({ algorithm }: Quota): RateCounter {
  return algorithm === 'sliding-window' ? new SlidingWindow() : new TokenBucket();
}

interface Mark {
  readonly at: number;
  cost: number;
}

/** Every charge of the window, the oldest first; charges of one millisecond are one mark. */
class SlidingWindow implements RateCounter {
  private marks: Mark[] = [];
  /** What is before it in `marks` is over: taking it out of the array each time would copy the rest. */
  private start = 0;
  private total = 0;
  expiresAt = 0;

  get size(): number {
    return 2 * this.marks.length;
  }

  private get first(): Mark | undefined {
    return this.marks[this.start];
  }

  settle(now: number, { windowMs }: Quota): void {
    this.bringBack(now);
    for (let first = this.first; first && first.at + windowMs <= now; first = this.first) {
      this.total -= first.cost;
      this.dropFirst();
    }
  }

  private dropFirst(): void {
    this.start += 1;
    if (this.start < 16 || this.start < this.marks.length / 2) return;
    this.marks = this.marks.slice(this.start);
    this.start = 0;
  }

  private bringBack(now: number): void {
    let cost = 0;
    for (let last = this.last; last && last.at > now; last = this.last) {
      cost += last.cost;
      this.marks.pop();
    }
    if (cost > 0) this.mark(cost, now);
  }

  private get last(): Mark | undefined {
    return this.marks.length > this.start ? this.marks[this.marks.length - 1] : undefined;
  }

  waitFor(cost: number, pending: number, now: number, { max, windowMs }: Quota): number {
    let excess = this.total + pending + cost - max;
    if (excess <= 0) return 0;
    for (let index = this.start; index < this.marks.length; index++) {
      const mark = this.marks[index] as Mark;
      excess -= mark.cost;
      if (excess <= 0) return mark.at + windowMs - now;
    }
    return windowMs;
  }

  take(cost: number, now: number, { max, windowMs }: Quota): void {
    const counted = Math.min(cost, max);
    this.mark(counted, now);
    this.total += counted;
    this.expiresAt = now + windowMs;
    // Beyond a full window only the latest decide.
    for (let first = this.first; first && this.total > max; first = this.first) {
      const dropped = Math.min(first.cost, this.total - max);
      first.cost -= dropped;
      this.total -= dropped;
      if (first.cost === 0) this.dropFirst();
    }
  }

  private mark(cost: number, at: number): void {
    const { last } = this;
    if (last?.at === at) last.cost += cost;
    else this.marks.push({ at, cost });
  }

  remaining({ max }: Quota): number {
    return max - this.total;
  }

  resetMs(now: number, { windowMs }: Quota): number {
    const { first } = this;
    return first ? first.at + windowMs - now : 0;
  }
}

/** How full the bucket of what was used is: one unit is `windowMs` high, and `max` run off in a millisecond. */
class TokenBucket implements RateCounter {
  /** At the last charge, which was at `at`. */
  private charged = 0;
  private at = 0;
  /** As it is now. */
  private level = 0;
  readonly size = 3;
  expiresAt = 0;

  settle(now: number, { max, windowMs }: Quota): void {
    this.at = Math.min(this.at, now);
    const elapsed = Math.min(now - this.at, windowMs);
    this.level = Math.max(0, Math.min(this.charged, max * windowMs) - elapsed * max);
  }

  waitFor(cost: number, pending: number, _now: number, { max, windowMs }: Quota): number {
    if (pending + cost > max) return windowMs;
    const excess = this.level + (pending + cost - max) * windowMs;
    return excess <= 0 ? 0 : Math.ceil(excess / max);
  }

  take(cost: number, now: number, { max, windowMs }: Quota): void {
    this.level = Math.min(this.level + cost * windowMs, max * windowMs);
    this.charged = this.level;
    this.at = now;
    this.expiresAt = now + windowMs;
  }

  remaining({ max, windowMs }: Quota): number {
    return Math.floor((max * windowMs - this.level) / windowMs);
  }

  resetMs(_now: number, { max, windowMs }: Quota): number {
    if (this.level === 0) return 0;
    return Math.ceil((this.level % windowMs || windowMs) / max);
  }
}
