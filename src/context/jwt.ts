/**
 * The one file that knows jsonwebtoken: a signature is checked here, or made here, with a KeyObject.
 * In: a compact JWS and the one key and algorithm it must have. Out: yes or no. Clock: per token, not per request.
 * It must never choose an algorithm or a key, and never be handed a string as a key.
 */
import type { KeyObject } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';

/** The signature algorithms that jsonwebtoken knows (no EdDSA). `none` is not one of them. */
export const algorithms = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
] as const;

export type Algorithm = (typeof algorithms)[number];

/** What a signature is checked against, all of it known from configuration before the token is read. */
export interface SignatureExpectation {
  readonly key: KeyObject;
  readonly algorithm: Algorithm;
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  readonly clockToleranceMs: number;
}

/**
 * Whether the token's signature is that of `key` under exactly `algorithm` (RFC 7515 section 5.2). Issuer, audience
 * and times are looked at a second time by the library; the strict checks are those of `claims.ts`. Never throws.
 */
export function hasValidSignature(token: string, expected: SignatureExpectation): boolean {
  try {
    jsonwebtoken.verify(token, expected.key, {
      algorithms: [expected.algorithm],
      issuer: expected.issuer,
      audience: [...expected.audiences] as [string, ...string[]],
      clockTimestamp: expected.nowMs / 1000,
      clockTolerance: expected.clockToleranceMs / 1000,
    });
    return true;
  } catch {
    return false;
  }
}

/** Signs `claims`, which have an `iat`, under the header `{alg, typ: "JWT", kid}`. Throws when the key does not fit. */
export function signToken(
  claims: Readonly<Record<string, unknown>> & { readonly iat: number },
  key: KeyObject,
  options: { readonly algorithm: Algorithm; readonly keyId?: string },
): string {
  return jsonwebtoken.sign({ ...claims }, key, {
    algorithm: options.algorithm,
    ...(options.keyId === undefined ? {} : { keyid: options.keyId }),
  });
}
