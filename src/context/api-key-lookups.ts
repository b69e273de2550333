/**
 * Asks a key store for keys by id: together what is asked together, one question at a time, each id once.
 * In: ids that clients sent. Out: records, nothing, or a rejection when nobody can tell. Clock: per unknown or old key.
 * It must never let clients decide how many questions the store gets.
 */
import type { Log } from '../telemetry/log';
import type { ApiKeyRecord } from './api-key';
import { reasonOf } from './log-lines';

/** Where keys are stored. Declared here; `api-key-file.ts` and `api-key-http.ts` are two of them. */
export interface ApiKeySource {
  /** The records of those keys that exist and are not revoked. May reject. At most 100 ids. */
  find(ids: readonly string[]): Promise<ReadonlyMap<string, ApiKeyRecord>>;
  /** Remembers when keys were used last (milliseconds since the epoch). May reject. */
  recordUses(uses: ReadonlyMap<string, number>): Promise<void>;
}

export interface ApiKeyLookups {
  /** Rejects when the store does not answer, or when too many ids are waiting. */
  find(id: string): Promise<ApiKeyRecord | undefined>;
}

const maxBatch = 100;
const maxWaiting = 1_000;
/** A store that failed is left alone for this time: requests must not queue up for its timeout one after another. */
const pauseMs = 1_000;

interface Waiting {
  readonly promise: Promise<ApiKeyRecord | undefined>;
  readonly resolve: (record: ApiKeyRecord | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Lookups in `source`. While one question is under way, further ids are gathered for the next. */
export function createApiKeyLookups(source: ApiKeySource, now: () => number, log: Log): ApiKeyLookups {
  const waiting = new Map<string, Waiting>();
  const asked = new Map<string, Waiting>();
  let failedAt = Number.NEGATIVE_INFINITY;

  const ask = async () => {
    const batch = [...waiting].slice(0, maxBatch);
    for (const [id, entry] of batch) {
      waiting.delete(id);
      asked.set(id, entry);
    }
    try {
      const records = await source.find(batch.map(([id]) => id));
      for (const [id, { resolve }] of batch) resolve(records.get(id));
    } catch (error) {
      failedAt = now();
      log.warn({ reason: reasonOf(error), keys: batch.length }, 'API keys could not be looked up');
      for (const { reject } of [...batch.map(([, entry]) => entry), ...waiting.values()]) reject(error);
      waiting.clear();
    }
    asked.clear();
    if (waiting.size > 0) void ask();
  };

  return {
    find(id) {
      const underWay = asked.get(id) ?? waiting.get(id);
      if (underWay !== undefined) return underWay.promise;
      const sinceFailure = now() - failedAt;
      if (sinceFailure >= 0 && sinceFailure < pauseMs) return Promise.reject(new Error('the store failed just now'));
      if (waiting.size >= maxWaiting) return Promise.reject(new Error('too many API keys are being looked up'));
      const entry = createWaiting();
      waiting.set(id, entry);
      // What comes in this turn travels in one question.
      if (waiting.size === 1 && asked.size === 0) queueMicrotask(() => void ask());
      return entry.promise;
    },
  };
}

function createWaiting(): Waiting {
  let resolve!: Waiting['resolve'];
  let reject!: Waiting['reject'];
  const promise = new Promise<ApiKeyRecord | undefined>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
