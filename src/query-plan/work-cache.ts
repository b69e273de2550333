/**
 * Remembers what work has brought, by bytes: concurrent calls for one key share the work, failures are forgotten.
 * In: keys and work. Out: the promise of its result. Clock: per document.
 */
import { LRUCache } from 'lru-cache';
import type { CacheState } from '../telemetry/metrics';

export class WorkCache<Value> {
  private readonly underWay = new Map<string, Promise<Value>>();
  private readonly done: LRUCache<string, Promise<Value>>;
  private hits = 0;
  private misses = 0;

  /** `bytesOf`: what keeping a result costs, its key included. */
  constructor(
    maxBytes: number,
    private readonly bytesOf: (value: Value, key: string) => number,
  ) {
    this.done = new LRUCache({ maxSize: maxBytes });
  }

  get state(): CacheState {
    const { hits, misses, done } = this;
    return { entries: done.size, bytes: done.calculatedSize, hits, misses };
  }

  /** Forgets every result; what is under way is still shared. */
  flush(): void {
    this.done.clear();
  }

  /** The result for `key`, of earlier work, of work under way, or of `work`. Rejects as `work` does. */
  get(key: string, work: () => Promise<Value>): Promise<Value> {
    const known = this.done.get(key) ?? this.underWay.get(key);
    if (known) {
      this.hits += 1;
      return known;
    }
    this.misses += 1;
    const working = work();
    this.underWay.set(key, working);
    working.then(
      (value) => {
        this.underWay.delete(key);
        this.done.set(key, working, { size: Math.max(1, Math.ceil(this.bytesOf(value, key))) });
      },
      () => this.underWay.delete(key),
    );
    return working;
  }
}
