/**
 * The cache of answers, from configuration: whose answers it keeps, and in which store. In: configuration and the Redis
 * that there is. Out: the cache, or one that keeps nothing and tells ages alone. Clock: per process.
 */
import type { Config } from '../config';
import type { CacheObserver } from '../policy/cache-policies';
import { everyAnswer } from '../policy/cache-tags';
import { type AnswerStore, MemoryAnswers } from './answer-store';
import { RedisAnswers, type SharedScripts } from './redis-answer-store';
import { ResponseCache, type ResponseCacheSettings } from './response-cache';

/** `redis`: absent where this gateway is alone. */
export function createResponseCache(
  config: Config,
  caching: CacheObserver | undefined,
  redis: SharedScripts | undefined,
): ResponseCache {
  const { maxBytes, shared, namespace } = config.cache;
  const cache: ResponseCache = new ResponseCache({
    settings: responseCacheSettings(config),
    openStore(): AnswerStore {
      if (!redis || !shared) return new MemoryAnswers(maxBytes);
      const maxLifetimeMs = () => cache.maxLifetimeMs;
      return new RedisAnswers({ scripts: redis, namespace, maxLifetimeMs, everything: everyAnswer });
    },
    now: Date.now,
    onOutcome: caching?.looked,
    onInvalidated: caching?.invalidated,
  });
  caching?.observe(() => cache.bytes);
  return cache;
}

/** What can change while the cache runs. */
export function responseCacheSettings({ cache, timeouts }: Config): ResponseCacheSettings {
  const { answers, staleWhileRevalidateMs = 0, staleIfErrorMs = 0, maxStoredMs, maxAnswerBytes } = cache;
  const timeoutMs = timeouts.operationMs;
  return { answers, staleWhileRevalidateMs, staleIfErrorMs, maxStoredMs, maxAnswerBytes, timeoutMs };
}
