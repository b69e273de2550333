/**
 * The cache of answers, from configuration: whose answers it keeps, and in which store. In: configuration and the Redis
 * that there is. Out: the cache, or one that keeps nothing and tells ages alone. Clock: per process.
 */
import type { Config } from '../config';
import type { CacheObserver } from '../policy/cache-policies';
import { everyAnswer } from '../policy/cache-tags';
import { type AnswerStore, MemoryAnswers } from './answer-store';
import { RedisAnswers, type SharedScripts } from './redis-answer-store';
import { ResponseCache } from './response-cache';

/** `redis`: absent where this gateway is alone. */
export function createResponseCache(
  config: Config,
  caching: CacheObserver | undefined,
  redis: SharedScripts | undefined,
): ResponseCache {
  const { answers, staleWhileRevalidateMs = 0, staleIfErrorMs = 0, maxStoredMs, maxAnswerBytes } = config.cache;
  const cache = new ResponseCache({
    store: answers === 'none' ? undefined : createStore(config, redis),
    keepsPrivate: answers === 'private',
    staleWhileRevalidateMs,
    staleIfErrorMs,
    maxStoredMs,
    maxAnswerBytes,
    timeoutMs: config.timeouts.operationMs,
    now: Date.now,
    onOutcome: caching?.looked,
    onInvalidated: caching?.invalidated,
  });
  caching?.observe(() => cache.bytes);
  return cache;
}

function createStore({ cache }: Config, redis: SharedScripts | undefined): AnswerStore {
  if (!redis || !cache.shared) return new MemoryAnswers(cache.maxBytes);
  const { maxStoredMs, staleWhileRevalidateMs = 0, staleIfErrorMs = 0, namespace } = cache;
  const maxLifetimeMs = maxStoredMs + Math.max(staleWhileRevalidateMs, staleIfErrorMs);
  return new RedisAnswers({ scripts: redis, namespace, maxLifetimeMs, everything: everyAnswer });
}
