/**
 * An API key becomes an identity, or a refusal with its cause: the record by the id, the secret by its hash.
 * In: the text of a key. Out: a value, at once for a key that was used a moment ago. Clock: per request (the store is
 * asked per key and `cacheMs`). It must never keep a key's text, nor tell by time or words how near a guess was.
 */
import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Log } from '../telemetry/log';
import { type ApiKeyRecord, hashOfApiKey, idOfApiKey } from './api-key';
import { type ApiKeySource, createApiKeyLookups } from './api-key-lookups';
import { type StartTimer, startNodeTimer } from './deadline';
import { createLineBudget, reasonOf } from './log-lines';
import type { Identity } from './request-context';

export type ApiKeyVerdict =
  | { readonly accepted: true; readonly identity: Identity }
  | { readonly accepted: false; readonly cause: 'malformed' | 'unknown key' | 'wrong secret' | 'expired' }
  /** The store does not answer, and nothing fresh enough is remembered. */
  | { readonly accepted: false; readonly cause: 'unavailable' };

export interface ApiKeyVerifier {
  /** Synchronous for a key whose record is fresh. Never throws or rejects. */
  verify(key: string): ApiKeyVerdict | Promise<ApiKeyVerdict>;
  /** The same for an identity that a key became before, on a connection: is its secret still good, and for what? */
  renew(identity: Identity): ApiKeyVerdict | Promise<ApiKeyVerdict>;
  /** Tells the store of the last uses, and stops. Never rejects. */
  close(): Promise<void>;
}

export interface ApiKeyOptions {
  /** Asked in this order: the first that has a key answers for it. */
  readonly sources: readonly ApiKeySource[];
  /** Within which `subject` is unique; subgraphs read it as `sub_iss`. */
  readonly issuer: string;
  /** How long a record counts: a revoked key is refused after this time at the latest, if the store answers. */
  readonly cacheMs: number;
  /** How much longer a known key counts while the store does not answer. */
  readonly maxStaleMs: number;
  readonly now: () => number;
  readonly log: Log;
  readonly startTimer?: StartTimer;
  /** Keys, and as many ids that are no key, that are remembered. Default: 10,000. */
  readonly maxCachedKeys?: number;
}

interface Candidate {
  readonly sha256: Buffer;
  readonly verdict: ApiKeyVerdict;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

interface KnownKey {
  /** The record as text: while it stays the same, its identities stay the same objects. */
  readonly text: string;
  readonly candidates: readonly Candidate[];
  readonly uses: KeyUses;
  readonly loadedAt: number;
}

const defaultMaxCachedKeys = 10_000;
const useIntervalMs = 30_000;
const demandIntervalMs = 1_000;
/** The last moment that a Date can hold: a key without expiry. */
const never = 8.64e15;

/** A verifier of API keys with a memory of records. Starts a timer, which `close` stops. */
export function createApiKeyVerifier(options: ApiKeyOptions): ApiKeyVerifier {
  const { now, log } = options;
  const stores = options.sources.map((source) => ({
    find: createApiKeyLookups(source, now, log).find,
    uses: new KeyUses(source, options),
  }));
  const records = new KeyRecords(options, stores);
  const hashes = new WeakMap<Identity, Buffer>();
  const finish = (sha256: Buffer, id: string, known: KnownKey | undefined): ApiKeyVerdict => {
    const verdict = verdictOf(sha256, known, now());
    if (!verdict.accepted) return verdict;
    known?.uses.record(id, now());
    if (!hashes.has(verdict.identity)) hashes.set(verdict.identity, sha256);
    return verdict;
  };
  const look = (sha256: Buffer, id: string): ApiKeyVerdict | Promise<ApiKeyVerdict> => {
    const known = records.find(id);
    if (known instanceof Promise) {
      return known.then(
        (found) => finish(sha256, id, found),
        () => ({ accepted: false, cause: 'unavailable' }),
      );
    }
    const verdict = finish(sha256, id, known);
    // It may have been rotated a moment ago: who just got a new secret should not have to wait.
    const again = !verdict.accepted && verdict.cause === 'wrong secret' ? records.findAnew(id) : undefined;
    return again?.then((found) => finish(sha256, id, found)) ?? verdict;
  };
  return {
    verify(key) {
      const id = idOfApiKey(key);
      return id === undefined ? { accepted: false, cause: 'malformed' } : look(hashOfApiKey(key), id);
    },
    renew(identity) {
      const sha256 = hashes.get(identity);
      const isKey = identity.kind === 'authenticated' && identity.credential.kind === 'apiKey';
      if (sha256 === undefined || !isKey) return { accepted: false, cause: 'unknown key' };
      return look(sha256, identity.credential.id);
    },
    close: async () => void (await Promise.all(stores.map(({ uses }) => uses.close()))),
  };
}

const nobody: readonly Candidate[] = [
  { sha256: Buffer.alloc(32), verdict: { accepted: false, cause: 'unknown key' }, until: never },
];

/** Compares with every hash, whichever fits, and with one where there is no key: the same work for every guess. */
function verdictOf(sha256: Buffer, known: KnownKey | undefined, nowMs: number): ApiKeyVerdict {
  let matching: Candidate | undefined;
  for (const candidate of known?.candidates ?? nobody) {
    if (timingSafeEqual(candidate.sha256, sha256)) matching = candidate;
  }
  if (matching === undefined) return { accepted: false, cause: known === undefined ? 'unknown key' : 'wrong secret' };
  return nowMs < matching.until ? matching.verdict : { accepted: false, cause: 'expired' };
}

interface KeyStore {
  find(id: string): Promise<ApiKeyRecord | undefined>;
  readonly uses: KeyUses;
}

/** What is known of keys, and of ids that are none: both bounded, apart, so that guesses cannot displace keys. */
class KeyRecords {
  private readonly known: LRUCache<string, KnownKey>;
  private readonly unknown: LRUCache<string, number>;
  /** When a record was read again because of a secret that did not fit. */
  private readonly demands: LRUCache<string, number>;

  constructor(
    private readonly options: ApiKeyOptions,
    private readonly stores: readonly KeyStore[],
  ) {
    const max = options.maxCachedKeys ?? defaultMaxCachedKeys;
    this.known = new LRUCache({ max });
    this.unknown = new LRUCache({ max });
    this.demands = new LRUCache({ max });
  }

  /** Undefined: there is no such key. Rejects when nobody can tell. */
  find(id: string): KnownKey | undefined | Promise<KnownKey | undefined> {
    const { cacheMs } = this.options;
    const known = this.known.get(id);
    if (known === undefined) {
      const missedAt = this.unknown.get(id);
      return missedAt !== undefined && this.ageOf(missedAt) < cacheMs ? undefined : this.load(id);
    }
    const age = this.ageOf(known.loadedAt);
    if (age >= cacheMs) return this.load(id).catch((error: unknown) => this.staleOr(error, known));
    // Behind the requests: a key in use is always fresh and nobody waits for it.
    if (age >= cacheMs / 2) this.load(id).catch(() => {});
    return known;
  }

  /** Reads a known record again, at most once a second for each key; undefined when that was done already. */
  findAnew(id: string): Promise<KnownKey | undefined> | undefined {
    const askedAt = this.demands.get(id);
    if (askedAt !== undefined && this.ageOf(askedAt) < demandIntervalMs) return undefined;
    this.demands.set(id, this.options.now());
    const known = this.known.get(id);
    return this.load(id).catch(() => known);
  }

  private staleOr(error: unknown, known: KnownKey): KnownKey {
    if (this.ageOf(known.loadedAt) < this.options.cacheMs + this.options.maxStaleMs) return known;
    throw error;
  }

  /** A clock that was set back makes things old, not young. */
  private ageOf(moment: number): number {
    const age = this.options.now() - moment;
    return age < 0 ? Number.POSITIVE_INFINITY : age;
  }

  private async load(id: string): Promise<KnownKey | undefined> {
    const asOf = this.options.now();
    for (const { find, uses } of this.stores) {
      const record = await find(id);
      if (record === undefined) continue;
      const known = this.toKnown(record, uses, asOf);
      this.unknown.delete(id);
      this.known.set(id, known);
      return known;
    }
    this.known.delete(id);
    this.unknown.set(id, asOf);
    return undefined;
  }

  private toKnown(record: ApiKeyRecord, uses: KeyUses, loadedAt: number): KnownKey {
    const text = JSON.stringify(record);
    const before = this.known.peek(record.id);
    if (before?.text === text) return { ...before, uses, loadedAt };
    const candidates = record.hashes.map(({ sha256, until }) => {
      const expiresAt = Math.min(record.expiresAt ?? never, until ?? never);
      const identity = identityOf(record, this.options.issuer, expiresAt);
      return { sha256, until: expiresAt, verdict: { accepted: true, identity } as const };
    });
    return { text, candidates, uses, loadedAt };
  }
}

function identityOf(record: ApiKeyRecord, issuer: string, expiresAt: number): Identity {
  return Object.freeze({
    kind: 'authenticated' as const,
    credential: Object.freeze({ kind: 'apiKey' as const, id: record.id }),
    subject: record.subject,
    issuer,
    roles: Object.freeze([...record.roles]),
    scopes: Object.freeze([...record.scopes]),
    tier: record.tier,
    expiresAt,
    claims: Object.freeze({}),
  });
}

/** When keys were used last, told to the store twice a minute. What it could not take is told again. */
class KeyUses {
  private uses = new Map<string, number>();
  private stopTimer: () => void;
  private readonly failures: ReturnType<typeof createLineBudget>;

  constructor(
    private readonly source: ApiKeySource,
    private readonly options: ApiKeyOptions,
  ) {
    this.failures = createLineBudget(options.now, 1);
    this.stopTimer = this.startTimer();
  }

  record(id: string, at: number): void {
    if (this.uses.size < (this.options.maxCachedKeys ?? defaultMaxCachedKeys) || this.uses.has(id)) {
      this.uses.set(id, at);
    }
  }

  close(): Promise<void> {
    this.stopTimer();
    return this.flush();
  }

  private startTimer(): () => void {
    const start = this.options.startTimer ?? startNodeTimer;
    return start(useIntervalMs, () => {
      this.stopTimer = this.startTimer();
      void this.flush();
    });
  }

  private async flush(): Promise<void> {
    if (this.uses.size === 0) return;
    const told = this.uses;
    this.uses = new Map();
    try {
      await this.source.recordUses(told);
    } catch (error) {
      if (this.failures.admit() !== undefined) {
        this.options.log.warn({ reason: reasonOf(error) }, 'The last uses of API keys could not be recorded');
      }
      for (const [id, at] of told) if (!this.uses.has(id)) this.record(id, at);
    }
  }
}
