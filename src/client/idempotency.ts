/**
 * `Idempotency-Key`: an unsafe request that is sent twice is executed once, and answered twice alike.
 * In: who asks, the key, a fingerprint of the request. Out: go on, the first answer again, or a refusal. Clock: per
 * request. Where gateways share a Redis, they share this; one that does not answer refuses rather than repeats.
 */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { ClientError } from '../errors';
import type { RedisConnection } from '../redis';
import type { RequestScope } from './door';
import type { HttpAnswer } from './graphql-response';

export type Attempt =
  /** `settle` is called once: with the answer to repeat, or without one when the request may be sent again. */
  | { readonly kind: 'first'; settle(answer: HttpAnswer | undefined): void }
  | { readonly kind: 'again'; readonly answer: HttpAnswer };

export interface IdempotentRequests {
  /**
   * Throws IDEMPOTENCY_KEY_CONFLICT when the key was used for another request, or its first one still runs;
   * BAD_REQUEST for a key that is none; IDEMPOTENCY_UNAVAILABLE when the store does not answer.
   */
  begin(scope: string, key: string, fingerprint: string): Promise<Attempt>;
}

/** Who sends a request under a key, and which. */
export interface KeyedRequest {
  /** The same text for all requests of one caller; undefined for nobody in particular. */
  readonly caller: string | undefined;
  readonly key: string;
  readonly fingerprint: string;
}

/** What the doors need for it. */
export interface Idempotency {
  readonly requests: IdempotentRequests;
  readonly callerOf: (context: RequestScope) => string | undefined;
}

/**
 * The answer of `execute`, or that of the first request with this key: it has `idempotency-replayed: true`.
 * Every answer is kept, errors as well, for what failed may have been done; but 429 and 503, which say that nothing was.
 * Throws what `IdempotentRequests.begin` throws. When `execute` rejects, the request may be sent again.
 */
export async function executeOnce(
  requests: IdempotentRequests,
  { caller, key, fingerprint }: KeyedRequest,
  execute: () => Promise<HttpAnswer>,
): Promise<HttpAnswer> {
  const attempt = await requests.begin(caller ?? '', key, fingerprint);
  if (attempt.kind === 'again')
    return { ...attempt.answer, headers: [...attempt.answer.headers, 'idempotency-replayed', 'true'] };
  let answer: HttpAnswer | undefined;
  try {
    answer = await execute();
    return answer;
  } finally {
    attempt.settle(answer && answer.status !== 429 && answer.status !== 503 ? answer : undefined);
  }
}

/** What is kept of a request: whose it was, and its answer once there is one. */
interface Kept {
  readonly fingerprint: string;
  readonly answer?: HttpAnswer;
}

interface Store {
  /** What is kept under a key, or undefined after `mine` was put there. */
  claim(key: string, mine: Kept): Promise<Kept | undefined>;
  put(key: string, kept: Kept): void;
  remove(key: string): void;
}

/** Printable, and no longer than a header should be. */
const acceptableKey = /^[\x21-\x7e]{1,255}$/;

export function createIdempotentRequests(lifetimeMs: number, redis: RedisConnection | undefined): IdempotentRequests {
  const store = redis ? createRedisStore(redis, lifetimeMs) : createMemoryStore(lifetimeMs);
  return {
    async begin(scope, key, fingerprint) {
      if (!acceptableKey.test(key))
        throw new ClientError('BAD_REQUEST', 'An Idempotency-Key has 1 to 255 printable characters and no blanks.');
      const name = digest(`${scope.length}:${scope}${key}`);
      const print = digest(fingerprint);
      const kept = await store.claim(name, { fingerprint: print });
      if (!kept) {
        return {
          kind: 'first',
          settle: (answer) => (answer ? store.put(name, { fingerprint: print, answer }) : store.remove(name)),
        };
      }
      if (kept.fingerprint !== print)
        throw new ClientError('IDEMPOTENCY_KEY_CONFLICT', 'This Idempotency-Key was used for another request.');
      if (!kept.answer)
        throw new ClientError('IDEMPOTENCY_KEY_CONFLICT', 'The first request with this Idempotency-Key still runs.');
      return { kind: 'again', answer: kept.answer };
    },
  };
}

const digest = (text: string) => createHash('sha256').update(text).digest('base64url');

const maxKeptBytes = 50_000_000;

function createMemoryStore(lifetimeMs: number): Store {
  const sizeOf = ({ answer }: Kept) => 500 + 2 * (answer?.body.length ?? 0);
  const kept = new LRUCache<string, Kept>({ maxSize: maxKeptBytes, sizeCalculation: sizeOf, ttl: lifetimeMs });
  return {
    async claim(key, mine) {
      const found = kept.get(key);
      if (!found) kept.set(key, mine);
      return found;
    },
    put: (key, value) => void kept.set(key, value),
    remove: (key) => void kept.delete(key),
  };
}

const claimScript = `
local kept = redis.call('GET', KEYS[1])
if kept then return kept end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ''`;
const removeScript = `return redis.call('DEL', KEYS[1])`;
const prefix = 'supergate:idempotency:';

function createRedisStore(redis: RedisConnection, lifetimeMs: number): Store {
  const claim = redis.script(claimScript);
  const remove = redis.script(removeScript);
  return {
    async claim(key, mine) {
      const found = await claim([prefix + key], [JSON.stringify(mine), String(lifetimeMs)]);
      if (typeof found !== 'string')
        throw new ClientError('IDEMPOTENCY_UNAVAILABLE', 'Whether this request was sent before cannot be told now.');
      return found === '' ? undefined : (JSON.parse(found) as Kept);
    },
    put: (key, value) => redis.set(prefix + key, JSON.stringify(value), lifetimeMs),
    remove: (key) => void remove([prefix + key], []),
  };
}
