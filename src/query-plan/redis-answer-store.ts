/**
 * Answers that gateways share in Redis, and what makes them old. In: keys and answers. Out: what any of them has kept.
 * Clock: per request. A Redis that does not answer is as good as none: answers are made, and not kept. What could not be
 * called old meanwhile is called old before anything of it is read again.
 */
import { createHash } from 'node:crypto';
import type { AnswerStore, KeptAnswer, Look } from './answer-store';

/** A script of `redis.ts`: undefined for everything that is not an answer in time. */
type RunScript = (keys: readonly string[], values: readonly string[]) => Promise<unknown>;

export interface SharedScripts {
  script(lua: string): RunScript;
}

/** Undefined for what no gateway of this kind has written. */
function readKept(meta: string | undefined, body: string | undefined): KeptAnswer | undefined {
  if (typeof meta !== 'string' || typeof body !== 'string') return undefined;
  try {
    const kept = JSON.parse(meta) as Omit<KeptAnswer, 'body'>;
    return typeof kept.storedAt === 'number' && typeof kept.maxAgeMs === 'number' ? { ...kept, body } : undefined;
  } catch {
    return undefined;
  }
}

/** Redis' own clock in microseconds: whatever gateways think it is. Sixteen digits, so that texts compare as numbers. */
const now = `local time = redis.call('TIME')
local now = time[1] .. string.format('%06d', time[2])`;

/** KEYS: answer, moment of the last invalidation. ARGV: prefix of tags. */
const readScript = `${now}
local last = redis.call('GET', KEYS[2]) or '0'
local kept = redis.call('HMGET', KEYS[1], 'at', 'tags', 'meta', 'body')
if not kept[1] then return { now, last } end
if last >= kept[1] then
  for _, tag in ipairs(cjson.decode(kept[2])) do
    local old = redis.call('GET', ARGV[1] .. tag)
    if old and old >= kept[1] then
      redis.call('UNLINK', KEYS[1])
      return { now, last }
    end
  end
end
return { now, last, kept[3], kept[4] }`;

/** KEYS: answer. ARGV: moment, tags, what is known of it, text, lifetime. */
const writeScript = `redis.call('HSET', KEYS[1], 'at', ARGV[1], 'tags', ARGV[2], 'meta', ARGV[3], 'body', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1`;

/** KEYS: moment of the last invalidation. ARGV: prefix of tags, lifetime, tags. */
const invalidateScript = `${now}
for index = 3, #ARGV do redis.call('SET', ARGV[1] .. ARGV[index], now, 'PX', ARGV[2]) end
redis.call('SET', KEYS[1], now, 'PX', ARGV[2])
return 1`;

export interface RedisAnswersOptions {
  readonly scripts: SharedScripts;
  readonly namespace: string;
  /** No answer lives longer. */
  readonly maxLifetimeMs: () => number;
  /** Called with all tags when there are too many to be remembered until Redis answers. */
  readonly everything: string;
}

const maxPending = 10_000;
/** Of one script. */
const maxTagsAtOnce = 1_000;

export class RedisAnswers implements AnswerStore {
  readonly bytes = 0;
  private readonly runRead: RunScript;
  private readonly runWrite: RunScript;
  private readonly runInvalidate: RunScript;
  private readonly prefix: string;
  /** What Redis was not told yet. */
  private pending = new Set<string>();

  constructor(private readonly options: RedisAnswersOptions) {
    this.runRead = options.scripts.script(readScript);
    this.runWrite = options.scripts.script(writeScript);
    this.runInvalidate = options.scripts.script(invalidateScript);
    // In braces: scripts read what belongs to an answer, so a Redis Cluster must have all of it on one node.
    this.prefix = `{${options.namespace}:answers}:`;
  }

  async read(key: string): Promise<Look | undefined> {
    if (this.pending.size > 0 && !(await this.flush())) return undefined;
    const read = await this.runRead([this.answerKey(key), this.lastKey], [this.tagPrefix]);
    if (!Array.isArray(read)) return undefined;
    const [at, invalidatedAt, meta, body] = read as (string | undefined)[];
    return { at: Number(at), invalidatedAt: Number(invalidatedAt), kept: readKept(meta, body) };
  }

  write(
    key: string,
    { body, ...meta }: KeptAnswer,
    { tags, at, lifetimeMs }: { tags: readonly string[]; at: number; lifetimeMs: number },
  ): void {
    const values = [String(at), JSON.stringify(tags), JSON.stringify(meta), body, String(Math.ceil(lifetimeMs))];
    void this.runWrite([this.answerKey(key)], values);
  }

  async invalidate(tags: readonly string[]): Promise<void> {
    for (const tag of tags) this.pending.add(tag);
    if (this.pending.size > maxPending) this.pending = new Set([this.options.everything]);
    await this.flush();
  }

  /** Whether Redis knows all of it. */
  private async flush(): Promise<boolean> {
    const tags = [...this.pending].slice(0, maxTagsAtOnce);
    // An execution may begin before the invalidation, and be written after it, and live as long again.
    const lifetimeMs = 2 * this.options.maxLifetimeMs();
    const told = await this.runInvalidate([this.lastKey], [this.tagPrefix, String(lifetimeMs), ...tags]);
    if (told === undefined) return false;
    for (const tag of tags) this.pending.delete(tag);
    return this.pending.size === 0 || this.flush();
  }

  private answerKey(key: string): string {
    return this.prefix + createHash('sha256').update(key).digest('base64url');
  }

  private get lastKey(): string {
    return `${this.prefix}invalidated`;
  }

  private get tagPrefix(): string {
    return `${this.prefix}tag:`;
  }
}
