/**
 * Where answers are kept: by key, with the tags by which they can be called old. Clock: per request. Nothing is looked
 * for when tags are called old: each tag remembers when that was, and an answer that began before is not given again.
 * So one is never kept that was asked for before a mutation, and is answered after it.
 */
import { LRUCache } from 'lru-cache';

/** An answer as it is kept. */
export interface KeptAnswer {
  /** `{"data":{…}}` */
  readonly body: string;
  /** A digest of `body`; undefined where it is not kept. */
  readonly etag: string | undefined;
  /** What subgraphs say to the client beside it: names and values in turn. */
  readonly headers: readonly string[] | undefined;
  /** A subgraph says that it is for its client alone. */
  readonly isPrivate: boolean;
  /** Milliseconds since the epoch. */
  readonly storedAt: number;
  readonly maxAgeMs: number;
}

/** What became of a look. Moments are of the store: larger is later, and none is there twice for different things. */
export interface Look {
  readonly at: number;
  /** When last anything was called old. */
  readonly invalidatedAt: number;
  readonly kept: KeptAnswer | undefined;
}

export interface AnswerStore {
  /** Undefined when the store does not answer. */
  read(key: string): Look | undefined | Promise<Look | undefined>;
  /** `at`: of the look before it was asked for. Does not wait. `lifetimeMs`: after it nobody takes the answer. */
  write(key: string, kept: KeptAnswer, entry: { tags: readonly string[]; at: number; lifetimeMs: number }): void;
  /** Calls old what has one of the tags. */
  invalidate(tags: readonly string[]): void | Promise<void>;
  /** Memory of this process that it takes. */
  readonly bytes: number;
}

interface Entry {
  readonly kept: KeptAnswer;
  readonly tags: readonly string[];
  readonly at: number;
}

/** Tags that are remembered; the moment of the oldest one that is forgotten stands for all. */
const maxTags = 50_000;
const bytesOfEntry = 500;

/** The answers of this process alone. */
export class MemoryAnswers implements AnswerStore {
  private readonly entries: LRUCache<string, Entry>;
  private readonly invalidated: LRUCache<string, number>;
  private moment = 0;
  private invalidatedAt = 0;
  private forgottenAt = 0;

  constructor(maxBytes: number) {
    this.entries = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: ({ kept, tags }, key) =>
        bytesOfEntry + 2 * (key.length + kept.body.length + tags.reduce((sum, tag) => sum + tag.length + 20, 0)),
    });
    this.invalidated = new LRUCache({
      max: maxTags,
      dispose: (at, _tag, reason) => {
        if (reason === 'evict') this.forgottenAt = Math.max(this.forgottenAt, at);
      },
    });
  }

  get bytes(): number {
    return this.entries.calculatedSize;
  }

  read(key: string): Look {
    this.moment += 1;
    const entry = this.entries.get(key);
    const isOld = entry && this.isOld(entry);
    if (isOld) this.entries.delete(key);
    return { at: this.moment, invalidatedAt: this.invalidatedAt, kept: isOld ? undefined : entry?.kept };
  }

  private isOld({ tags, at }: Entry): boolean {
    if (this.invalidatedAt < at) return false;
    return this.forgottenAt > at || tags.some((tag) => (this.invalidated.peek(tag) ?? 0) > at);
  }

  write(key: string, kept: KeptAnswer, { tags, at }: { tags: readonly string[]; at: number }): void {
    this.entries.set(key, { kept, tags, at });
  }

  invalidate(tags: readonly string[]): void {
    this.moment += 1;
    this.invalidatedAt = this.moment;
    for (const tag of tags) this.invalidated.set(tag, this.moment);
  }
}
