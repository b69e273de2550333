/**
 * Who calls, as the gateway vouches for it: a short-lived HS256 token in the header `supergate-identity`.
 * In: the header. Out: a Caller. Clock: per request. A bare user id in a header never means anything here.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';

export const IDENTITY_HEADER = 'supergate-identity';
const ISSUER = 'supergate';
const AUDIENCE = 'subgraphs';
/** The longest life a token may have, and the clock difference that is forgiven, in seconds. */
const MAX_LIFETIME_S = 60;
const CLOCK_TOLERANCE_S = 5;

/**
 * The person behind the request; `anonymous` when the gateway vouches for the request but nobody signed in, `gateway`
 * when it asks for itself (schema, health, API keys).
 */
export type Caller =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'gateway' }
  | {
      readonly kind: 'user';
      readonly id: string;
      readonly roles: readonly string[];
      readonly scopes: readonly string[];
      /** The id of the API key that speaks for the user; absent when it is the user. */
      readonly apiKey?: string;
    };

/** The request did not come from the gateway, or its token is not one to believe. The cause is for the log only. */
export class IdentityRefused extends Error {}

/** The shared secret as a key (a string would cost a millisecond per token). Throws when shorter than 32 bytes. */
export function identityKey(secret: string): KeyObject {
  const key = createSecretKey(secret, 'utf8');
  if ((key.symmetricKeySize ?? 0) < 32) throw new Error('SUPERGATE_IDENTITY_SECRET must be at least 32 bytes long');
  return key;
}

/**
 * The caller named by the gateway's token. Throws `IdentityRefused` when there is none or it is not valid.
 * With `userIssuer`, subjects of any other issuer (`sub_iss`) are anonymous: their ids are not those of our users.
 */
export function verifyIdentity(
  header: string | readonly string[] | undefined,
  key: KeyObject,
  userIssuer?: string,
): Caller {
  if (typeof header !== 'string' || header === '') throw new IdentityRefused('no identity token');
  const claims = decode(header, key);
  const { exp, iat, sub, svc, api_key: apiKey } = claims;
  if (typeof exp !== 'number') throw new IdentityRefused('no expiry');
  const bornAt = typeof iat === 'number' ? iat : Date.now() / 1000;
  if (exp - bornAt > MAX_LIFETIME_S || exp - Date.now() / 1000 > MAX_LIFETIME_S + CLOCK_TOLERANCE_S) {
    throw new IdentityRefused('lives too long');
  }
  if (svc !== undefined) return readService(svc, sub);
  const isForeign = userIssuer !== undefined && claims.sub_iss !== undefined && claims.sub_iss !== userIssuer;
  if (sub === undefined || isForeign) return { kind: 'anonymous' };
  if (typeof sub !== 'string' || sub === '') throw new IdentityRefused('bad subject');
  if (apiKey !== undefined && typeof apiKey !== 'string') throw new IdentityRefused('bad API key');
  const user = { kind: 'user', id: sub, roles: strings(claims.roles), scopes: strings(claims.scopes) } as const;
  return apiKey === undefined ? user : { ...user, apiKey };
}

/** A service token speaks for nobody: with a subject it is not one. */
function readService(svc: unknown, sub: unknown): Caller {
  if (svc !== 'gateway' || sub !== undefined) throw new IdentityRefused('bad service token');
  return { kind: 'gateway' };
}

/** The token the gateway sends, for tests and tools that stand in for it. */
export function signIdentity(caller: Caller, key: KeyObject, lifetimeSeconds = 30): string {
  return jwt.sign(claimsOf(caller), key, {
    algorithm: 'HS256',
    issuer: ISSUER,
    audience: AUDIENCE,
    expiresIn: lifetimeSeconds,
  });
}

function claimsOf(caller: Caller): object {
  switch (caller.kind) {
    case 'anonymous':
      return {};
    case 'gateway':
      return { svc: 'gateway' };
    case 'user': {
      const { id, roles, scopes, apiKey } = caller;
      return { sub: id, roles, scopes, ...(apiKey !== undefined && { api_key: apiKey }) };
    }
  }
}

function decode(token: string, key: KeyObject): jwt.JwtPayload {
  let claims: jwt.JwtPayload | string;
  try {
    claims = jwt.verify(token, key, {
      algorithms: ['HS256'],
      issuer: ISSUER,
      audience: AUDIENCE,
      clockTolerance: CLOCK_TOLERANCE_S,
    });
  } catch (cause) {
    throw new IdentityRefused(cause instanceof Error ? cause.message : 'not valid', { cause });
  }
  if (typeof claims === 'string') throw new IdentityRefused('not an object');
  return claims;
}

function strings(value: unknown): readonly string[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new IdentityRefused('roles and scopes are lists of strings');
}
