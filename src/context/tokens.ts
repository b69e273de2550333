/**
 * A token becomes an identity, or a refusal with its cause: RFC 8725, cheap checks first, the signature last.
 * In: the text of a bearer token. Out: a value, at once unless keys must be fetched. Clock: per request (per token
 * for all that costs). It must never tell a client the cause, nor take algorithm, key or address from the token.
 */
import { LRUCache } from 'lru-cache';
import { identityOf, type RefusalCause, readUnverified, refusalOfClaims, type UnverifiedToken } from './claims';
import type { Issuer } from './issuers';
import { type Algorithm, hasValidSignature } from './jwt';
import type { KeySearch } from './key-set';
import type { Identity } from './request-context';
import type { VerificationKey } from './verification-key';

export interface Refusal {
  readonly accepted: false;
  readonly cause: RefusalCause;
}

export type Verdict = { readonly accepted: true; readonly identity: Identity } | Refusal;

export interface TokenVerifier {
  /** Synchronous for a token that was verified before, and whenever the keys are at hand. Never throws or rejects. */
  verify(token: string): Verdict | Promise<Verdict>;
  /** Loads all key sets, for a start-up that likes to be warm; an issuer that is down is not an error. */
  warm(): Promise<void>;
}

export interface TokenVerifierOptions {
  readonly issuers: ReadonlyMap<string, Issuer>;
  readonly now: () => number;
  /** Verified tokens that are remembered; the least recently used leaves first. Default: 5,000. */
  readonly maxCachedTokens?: number;
}

interface CachedToken {
  readonly verdict: Verdict;
  readonly issuer: Issuer;
  /** The key set as it was at the verification: when it changes, the token is verified anew. */
  readonly keys: readonly VerificationKey[];
  /** `exp` without tolerance, in milliseconds: from then on every use is checked in full. */
  readonly until: number;
}

const defaultMaxCachedTokens = 5_000;

/** A verifier for these issuers, with a memory of the tokens that it accepted. */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { issuers, now } = options;
  const cache = new LRUCache<string, CachedToken>({ max: options.maxCachedTokens ?? defaultMaxCachedTokens });
  const accept = (token: string, entry: CachedToken) => cache.set(token, entry);
  return {
    verify(token) {
      const cached = cache.get(token);
      if (cached !== undefined) {
        if (now() < cached.until && cached.issuer.keySet.holds(cached.keys)) return cached.verdict;
        cache.delete(token);
      }
      return verifyToken(token, issuers, now, accept);
    },
    async warm() {
      await Promise.all([...issuers.values()].map((issuer) => issuer.keySet.warm()));
    },
  };
}

/**
 * Verifies one token in full. `onAccepted` is told of each acceptance, with the moment until which it needs no repeat.
 *
 * `eyJ...` becomes `{ accepted: true, identity }` or, for example, `{ accepted: false, cause: 'expired' }`.
 */
export function verifyToken(
  token: string,
  issuers: ReadonlyMap<string, Issuer>,
  now: () => number,
  onAccepted?: (token: string, entry: CachedToken) => void,
): Verdict | Promise<Verdict> {
  const read = readUnverified(token);
  if ('cause' in read) return refuse(read.cause);
  const unverified = read.value;
  const { iss } = unverified.claims;
  const issuer = typeof iss === 'string' ? issuers.get(iss) : undefined;
  if (issuer === undefined) return refuse('unknown issuer');
  const algorithm = issuer.algorithms.find((allowed) => allowed === unverified.algorithm);
  if (algorithm === undefined) return refuse('algorithm');
  // Before the keys: a token that is refused anyhow must not cause a fetch.
  const cause = refusalOfClaims(unverified.claims, issuer, now());
  if (cause !== undefined) return refuse(cause);

  const finish = (search: KeySearch): Verdict => {
    const verdict = verdictOf(token, unverified, issuer, algorithm, search, now());
    if (verdict.accepted && verdict.identity.kind === 'authenticated' && search.found) {
      onAccepted?.(token, { verdict, issuer, keys: search.keys, until: verdict.identity.expiresAt });
    }
    return verdict;
  };
  const search = issuer.keySet.find(unverified.keyId, algorithm);
  return search instanceof Promise ? search.then(finish) : finish(search);
}

function verdictOf(
  token: string,
  { claims }: UnverifiedToken,
  issuer: Issuer,
  algorithm: Algorithm,
  search: KeySearch,
  nowMs: number,
): Verdict {
  if (!search.found) return refuse(search.cause);
  // The keys may have been waited for: the claims must hold now.
  const cause = refusalOfClaims(claims, issuer, nowMs);
  if (cause !== undefined) return refuse(cause);
  const valid = hasValidSignature(token, {
    key: search.key.key,
    algorithm,
    issuer: issuer.issuer,
    audiences: issuer.audiences,
    nowMs,
    clockToleranceMs: issuer.clockToleranceMs,
  });
  return valid ? { accepted: true, identity: identityOf(claims, issuer) } : refuse('signature');
}

function refuse(cause: RefusalCause): Refusal {
  return { accepted: false, cause };
}
