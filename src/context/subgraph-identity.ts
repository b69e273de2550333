/**
 * Tells subgraphs who asks: a short-lived token that only the gateway can sign, sent as `supergate-identity`.
 * In: an identity. Out: the header's value, the same string for the same identity as long as it is fresh.
 * Clock: per identity and half-life. It must never carry the client's token, nor a claim that is not on the list.
 */
import type { KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { signToken } from './jwt';
import type { Identity } from './request-context';
import { keyFromSecret } from './verification-key';

export const subgraphIdentityHeader = 'supergate-identity';

export interface SubgraphIdentityOptions {
  /** Shared with the subgraphs; at least 32 bytes. */
  readonly secret: string | Uint8Array;
  readonly now: () => number;
  /** How long a token lives, in milliseconds: 2 s to 60 s (subgraphs refuse longer lives). Default: 60 s. */
  readonly lifetimeMs?: number;
  /** Names of claims that are passed on, below `claims`. Default: none. */
  readonly claims?: readonly string[];
  /** Identities whose token is remembered. Default: 5,000. */
  readonly maxCachedIdentities?: number;
}

export interface SubgraphIdentity {
  /** The header's value. Equal identities get the identical string for half a lifetime: shared fetches depend on it. */
  tokenFor(identity: Identity): string;
  /** The header's value for what the gateway asks for itself (schema, health, API keys): a service token, of nobody. */
  ownToken(): string;
  /** The same text for identities that subgraphs cannot tell apart. */
  scopeOf(identity: Identity): string;
}

interface SignedIdentity {
  readonly token: string;
  readonly staleAt: number;
}

const maximumLifetimeMs = 60_000;
const minimumLifetimeMs = 2_000;
const defaultMaxCachedIdentities = 5_000;
/** No identity's content is this text: those are JSON. */
const ownKey = 'gateway';
const ownContent = { svc: 'gateway', roles: [], scopes: [] };

/** A signer of identities. Throws an `Error` for a weak secret or a lifetime out of bounds. */
export function createSubgraphIdentity(options: SubgraphIdentityOptions): SubgraphIdentity {
  const { now, claims = [], lifetimeMs = maximumLifetimeMs } = options;
  if (!(lifetimeMs >= minimumLifetimeMs && lifetimeMs <= maximumLifetimeMs)) {
    throw new Error(`subgraphIdentity.lifetimeMs must be between ${minimumLifetimeMs} and ${maximumLifetimeMs}`);
  }
  const secret = keyFromSecret(options.secret);
  if ('unusable' in secret) throw new Error(`subgraphIdentity.secret is ${secret.unusable}`);
  const cache = new LRUCache<string, SignedIdentity>({
    max: options.maxCachedIdentities ?? defaultMaxCachedIdentities,
  });
  // An identity lives as long as its token is remembered: the key by content need not be built for it again.
  const keys = new WeakMap<Identity, string>();
  const keyOf = (identity: Identity): string => {
    const known = keys.get(identity);
    if (known !== undefined) return known;
    const key = JSON.stringify(contentOf(identity, claims));
    keys.set(identity, key);
    return key;
  };

  const tokenOf = (key: string, content: () => Record<string, unknown>): string => {
    const nowMs = now();
    const known = cache.get(key);
    if (known !== undefined && nowMs < known.staleAt) return known.token;
    const token = sign(content(), secret.key, nowMs, lifetimeMs);
    cache.set(key, { token, staleAt: nowMs + lifetimeMs / 2 });
    return token;
  };
  return {
    tokenFor: (identity) => tokenOf(keyOf(identity), () => contentOf(identity, claims)),
    ownToken: () => tokenOf(ownKey, () => ownContent),
    scopeOf: keyOf,
  };
}

/** What is told of an identity. An anonymous one has no `sub`: a subgraph cannot mistake it for somebody. */
function contentOf(identity: Identity, names: readonly string[]): Record<string, unknown> {
  if (identity.kind === 'anonymous') return { roles: [], scopes: [] };
  const { subject, issuer, roles, scopes, credential, claims } = identity;
  const passed = names.filter((name) => Object.hasOwn(claims, name)).map((name) => [name, claims[name]]);
  return {
    sub: subject,
    // `sub` is unique within its issuer only: with several issuers two people may share one.
    sub_iss: issuer,
    roles,
    scopes,
    // A subgraph may allow a person what it does not allow a key of theirs.
    ...(credential.kind === 'apiKey' && { api_key: credential.id }),
    // Below a name of their own, claims cannot pose as the gateway's.
    ...(passed.length === 0 ? {} : { claims: Object.fromEntries(passed) }),
  };
}

function sign(content: Record<string, unknown>, key: KeyObject, nowMs: number, lifetimeMs: number): string {
  const issuedAt = Math.floor(nowMs / 1000);
  const claims = { ...content, iss: 'supergate', aud: 'subgraphs', iat: issuedAt };
  return signToken({ ...claims, exp: issuedAt + Math.floor(lifetimeMs / 1000) }, key, { algorithm: 'HS256' });
}
