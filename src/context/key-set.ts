/**
 * The keys of one issuer, as they are now: fixed ones, or a JWKS that is read again when it is old or lacks a key.
 * In: `kid` and algorithm. Out: the one key that fits, or why there is none. Clock: per key set, asked per token.
 * It must never be driven by what tokens say: at most one fetch per 30 s, one at a time, the last good set kept.
 */
import type { Log } from '../telemetry/log';
import type { Algorithm } from './jwt';
import { reasonOf } from './log-lines';
import { keyFromJwk, type UnusableKey, type VerificationKey } from './verification-key';

export type KeySearch =
  | { readonly found: true; readonly key: VerificationKey; readonly keys: readonly VerificationKey[] }
  | { readonly found: false; readonly cause: 'unknown key' | 'ambiguous key' };

export interface KeySet {
  /** Synchronous whenever nothing has to be fetched. Never rejects. */
  find(keyId: string | undefined, algorithm: Algorithm): KeySearch | Promise<KeySearch>;
  /** Whether `keys`, from an earlier search, are still the ones in force: a key that left must verify nothing more. */
  holds(keys: readonly VerificationKey[]): boolean;
  /** Loads what is not loaded yet, for a start-up that likes to be warm. Never rejects. */
  warm(): Promise<void>;
}

/** A demand for an unknown key may cause one fetch in this time; a failed refresh is tried again after it. */
export const demandIntervalMs = 30_000;
/** While nothing was ever loaded, attempts are 1, 2, 4, 8, 16 and then 30 s apart: the issuer may just be starting. */
const firstRetryMs = 1_000;
const maximumKeys = 100;

/** A set that never changes: PEM and shared secret. */
export function createFixedKeySet(keys: readonly VerificationKey[]): KeySet {
  return {
    find: (keyId, algorithm) => selectKey(keys, keyId, algorithm),
    holds: (earlier) => earlier === keys,
    warm: () => Promise.resolve(),
  };
}

export interface ReloadingKeySetOptions {
  /** For the log. */
  readonly issuer: string;
  /** The text of the JWKS; bounded in time and size by whoever provides it. May reject. */
  readonly load: () => Promise<string>;
  /** A set older than this is read again, behind the requests. At least 30 s. */
  readonly refreshMs: number;
  readonly now: () => number;
  readonly log: Log;
  /** What was loaded at start, where start-up requires that (a file). */
  readonly initial?: readonly VerificationKey[];
}

/**
 * A set that is read again: in the background when it is older than `refreshMs`, on demand when a token names a key it
 * does not have. Requests wait for a fetch only when the key is unknown, or when nobody has looked for so long that
 * the set could hold revoked keys (twice `refreshMs`).
 */
export function createReloadingKeySet(options: ReloadingKeySetOptions): KeySet {
  return new ReloadingKeySet(options);
}

class ReloadingKeySet implements KeySet {
  private keys: readonly VerificationKey[] = [];
  private phase: 'empty' | 'loaded' = 'empty';
  private attemptedAt = Number.NEGATIVE_INFINITY;
  private demandAllowedAt = Number.NEGATIVE_INFINITY;
  private refreshAt = Number.NEGATIVE_INFINITY;
  /** Before the first success only: then it has done its work. */
  private failures = 0;
  private inFlight: Promise<void> | undefined;
  /** The fetch that requests must wait for, because what is here is too old to be trusted. */
  private overdue: Promise<void> | undefined;

  constructor(private readonly options: ReloadingKeySetOptions) {
    if (options.initial === undefined) return;
    this.attemptedAt = options.now();
    this.succeed(options.initial);
  }

  find(keyId: string | undefined, algorithm: Algorithm): KeySearch | Promise<KeySearch> {
    const refresh = this.keepFresh();
    return refresh === undefined
      ? this.findOrFetch(keyId, algorithm)
      : refresh.then(() => this.findOrFetch(keyId, algorithm));
  }

  holds(keys: readonly VerificationKey[]): boolean {
    return this.keepFresh() === undefined && keys === this.keys;
  }

  warm(): Promise<void> {
    return this.phase === 'loaded' ? Promise.resolve() : (this.inFlight ?? this.reload());
  }

  private findOrFetch(keyId: string | undefined, algorithm: Algorithm): KeySearch | Promise<KeySearch> {
    const search = selectKey(this.keys, keyId, algorithm);
    if (search.found || search.cause === 'ambiguous key') return search;
    const fetch = this.inFlight ?? (this.options.now() >= this.demandAllowedAt ? this.reload() : undefined);
    return fetch === undefined ? search : fetch.then(() => this.findAfterFetch(keyId, algorithm));
  }

  private findAfterFetch(keyId: string | undefined, algorithm: Algorithm): KeySearch {
    const search = selectKey(this.keys, keyId, algorithm);
    // A fetch that did not help counts, the first one too: otherwise a flood at start would cause two.
    if (!search.found && this.phase === 'loaded') this.demandAllowedAt = this.attemptedAt + demandIntervalMs;
    return search;
  }

  /** Starts a refresh that is due; returns it only when requests must wait for it. */
  private keepFresh(): Promise<void> | undefined {
    const now = this.options.now();
    // A wall clock that was set back must not put the next attempt out of reach.
    if (now < this.attemptedAt) this.attemptedAt = this.refreshAt = this.demandAllowedAt = now;
    if (this.phase === 'empty') return undefined;
    if (now >= this.refreshAt && this.inFlight === undefined) {
      const forgotten = now >= this.refreshAt + this.options.refreshMs;
      const refresh = this.reload();
      if (forgotten) this.overdue = refresh;
    }
    return this.overdue;
  }

  private reload(): Promise<void> {
    this.attemptedAt = this.options.now();
    const interval = this.phase === 'loaded' ? demandIntervalMs : retryDelayMs(this.failures);
    this.refreshAt = this.demandAllowedAt = this.attemptedAt + interval;
    this.inFlight = this.attempt().finally(() => {
      this.inFlight = this.overdue = undefined;
    });
    return this.inFlight;
  }

  private async attempt(): Promise<void> {
    try {
      const { keys, ignored } = parseKeySet(await this.options.load());
      if (this.succeed(keys) && ignored.length > 0) {
        const reasons = ignored.map(({ index, unusable }) => `keys[${index}]: ${unusable}`);
        this.options.log.warn({ issuer: this.options.issuer, reasons }, 'Some keys of an issuer cannot be used');
      }
    } catch (error) {
      this.failures += 1;
      this.options.log.warn(
        { issuer: this.options.issuer, reason: reasonOf(error) },
        'The key set of an issuer could not be read',
      );
    }
  }

  /** Returns whether the set is another one than before: only then is the array another one. */
  private succeed(keys: readonly VerificationKey[]): boolean {
    // The first set may be read a second before a rotation: it leaves one look free, from then on all are counted.
    if (this.phase === 'empty') this.demandAllowedAt = this.attemptedAt;
    const changed = this.phase === 'empty' || fingerprintOf(keys) !== fingerprintOf(this.keys);
    if (changed) this.keys = keys;
    this.phase = 'loaded';
    this.refreshAt = this.attemptedAt + this.options.refreshMs;
    return changed;
  }
}

export interface ParsedKeySet {
  readonly keys: readonly VerificationKey[];
  readonly ignored: readonly (UnusableKey & { readonly index: number })[];
}

/**
 * Reads a JWKS (RFC 7517 section 5). Keys that cannot be used are left out and named with the reason; what is not a
 * JWKS at all throws, and the caller keeps what it had. `{"keys": []}` is a JWKS: it withdraws every key.
 */
export function parseKeySet(text: string): ParsedKeySet {
  const document: unknown = JSON.parse(text);
  const entries = typeof document === 'object' && document !== null ? (document as { keys?: unknown }).keys : undefined;
  if (!Array.isArray(entries)) throw new Error('The document is not a JWKS: it has no array "keys"');
  if (entries.length > maximumKeys) throw new Error(`The JWKS has more than ${maximumKeys} keys`);
  const keys: VerificationKey[] = [];
  const ignored: (UnusableKey & { index: number })[] = [];
  entries.forEach((entry: unknown, index) => {
    const key = keyFromJwk(entry);
    if ('unusable' in key) ignored.push({ ...key, index });
    else keys.push(key);
  });
  return { keys, ignored };
}

/** The one key that fits. Two that fit are refused: trying keys until one matches is not selecting. */
function selectKey(keys: readonly VerificationKey[], keyId: string | undefined, algorithm: Algorithm): KeySearch {
  const fitting = keys.filter((key) => key.algorithms.includes(algorithm));
  const named = keyId === undefined ? [] : fitting.filter((key) => key.keyId === keyId);
  // Keys without a name (PEM, shared secret, some JWKS) cannot be selected by one: then only their number speaks.
  const candidates = keyId === undefined ? fitting : named.length > 0 ? named : fitting.filter(isNameless);
  const [key] = candidates;
  if (key === undefined) return { found: false, cause: 'unknown key' };
  if (candidates.length > 1) return { found: false, cause: 'ambiguous key' };
  return { found: true, key, keys };
}

function isNameless(key: VerificationKey): boolean {
  return key.keyId === undefined;
}

function retryDelayMs(failures: number): number {
  return Math.min(firstRetryMs * 2 ** failures, demandIntervalMs);
}

function fingerprintOf(keys: readonly VerificationKey[]): string {
  return keys
    .map((key) => key.fingerprint)
    .sort()
    .join('\n');
}
