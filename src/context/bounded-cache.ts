/**
 * A map with a bound: the least recently used entry leaves when a new one would exceed it.
 * For things that are cheap to lose and dear to make: verified tokens, signed tokens. Clock: per request.
 * It must never decide whether an entry is still valid: its owner does, at every reading.
 */
export class BoundedCache<K, V> {
  private readonly entries = new Map<K, V>();

  /** `maxEntries` is at least 1. */
  constructor(private readonly maxEntries: number) {
    if (!Number.isInteger(maxEntries) || maxEntries < 1)
      throw new RangeError('A cache needs room for at least one entry');
  }

  get size(): number {
    return this.entries.size;
  }

  /** The entry, which is now the most recently used one. */
  get(key: K): V | undefined {
    const value = this.entries.get(key);
    if (value === undefined) return undefined;
    // A Map iterates in the order of insertion: to insert anew is to move to the end.
    this.entries.delete(key);
    this.entries.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.entries.delete(key);
    if (this.entries.size >= this.maxEntries) {
      const eldest = this.entries.keys().next();
      if (!eldest.done) this.entries.delete(eldest.value);
    }
    this.entries.set(key, value);
  }

  delete(key: K): void {
    this.entries.delete(key);
  }
}
