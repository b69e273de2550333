/**
 * What a token says, read strictly: header and payload of a compact JWS, then the claims that decide (RFC 7519).
 * In: text from the client. Out: plain values, an identity, or the cause of the refusal. Clock: per token.
 * Nothing here proves anything: the signature does. It must never read an inherited property or guess a type.
 */
import type { Identity } from './request-context';

/** Longest token that is looked at at all, in bytes. */
export const maximumTokenBytes = 8192;

/** Why a token is refused. For the log and the metrics only: a client reads one text for all of them. */
export type RefusalCause =
  | 'too large'
  | 'malformed'
  | 'forbidden header'
  | 'wrong type'
  | 'unknown issuer'
  | 'algorithm'
  | 'audience'
  | 'subject'
  | 'expiry'
  | 'expired'
  | 'not yet valid'
  | 'issued in the future'
  | 'unknown key'
  | 'ambiguous key'
  | 'signature';

export type Claims = Readonly<Record<string, unknown>>;

export interface UnverifiedToken {
  readonly algorithm: unknown;
  readonly keyId: string | undefined;
  readonly claims: Claims;
}

/** What the issuer's configuration says about claims. */
export interface ClaimRules {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly clockToleranceMs: number;
  readonly subjectClaim: string;
  readonly rolesClaim: string;
  /** Read in this order; the first that is present counts. */
  readonly scopesClaims: readonly string[];
  readonly tierClaim: string;
}

type Read<T> = { readonly cause: RefusalCause } | { readonly value: T };

const compact = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)$/;
/** Keys brought along, extensions, encryption, compression, nesting: refused even where they would be ignored. */
const forbiddenHeaders = ['crit', 'jku', 'x5u', 'jwk', 'x5c', 'zip', 'enc', 'epk', 'b64', 'cty'];
/** RFC 8725 section 3.11: a token made for something else (logout, a security event, a proof) is not a login. */
const acceptedTypes = new Set(['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt']);
/** Letters, marks, digits, punctuation and spaces: no controls, format characters, surrogates, line separators. */
const printable = /^[^\p{C}\p{Zl}\p{Zp}]{1,255}$/u;
const tokenCredential = Object.freeze({ kind: 'token' as const });
/** Throws on invalid bytes, and leaves a byte order mark for JSON to refuse. */
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** The last second that a Date can hold. */
const lastSecond = 8.64e12;

/** Reads header and payload of a token whose signature was not looked at yet. Never throws. */
export function readUnverified(token: string): Read<UnverifiedToken> {
  if (token.length > maximumTokenBytes) return { cause: 'too large' };
  const segments = compact.exec(token);
  if (segments === null) return { cause: 'malformed' };
  const header = jsonOfSegment(segments[1] ?? '');
  const claims = jsonOfSegment(segments[2] ?? '');
  if (header === undefined || claims === undefined || !isCanonical(segments[3] ?? '')) return { cause: 'malformed' };
  if (forbiddenHeaders.some((name) => Object.hasOwn(header, name))) return { cause: 'forbidden header' };
  const { typ, kid } = header;
  if (typ !== undefined && !(typeof typ === 'string' && acceptedTypes.has(typ.toLowerCase()))) {
    return { cause: 'wrong type' };
  }
  if (kid !== undefined && !(typeof kid === 'string' && printable.test(kid))) return { cause: 'malformed' };
  return { value: { algorithm: header.alg, keyId: kid, claims } };
}

/** The cause for which the claims are refused at `nowMs`, or undefined when they hold (RFC 7519 section 4.1). */
export function refusalOfClaims(claims: Claims, rules: ClaimRules, nowMs: number): RefusalCause | undefined {
  const { iss, aud, exp, nbf, iat } = claims;
  if (iss !== rules.issuer) return 'unknown issuer';
  if (!audiencesOf(aud).some((audience) => rules.audiences.includes(audience))) return 'audience';
  if (!isSubject(claimAt(claims, rules.subjectClaim))) return 'subject';
  if (!isMoment(exp)) return 'expiry';
  if (nowMs >= exp * 1000 + rules.clockToleranceMs) return 'expired';
  const latestMs = nowMs + rules.clockToleranceMs;
  if (nbf !== undefined && !(isMoment(nbf) && nbf * 1000 <= latestMs)) return 'not yet valid';
  if (iat !== undefined && !(isMoment(iat) && iat * 1000 <= latestMs)) return 'issued in the future';
  return undefined;
}

/** The identity that verified claims speak of. It is shared by the requests of a token, therefore frozen. */
export function identityOf(claims: Claims, rules: ClaimRules): Identity {
  const scopesClaim = rules.scopesClaims.find((name) => claimAt(claims, name) !== undefined);
  return Object.freeze({
    kind: 'authenticated' as const,
    credential: tokenCredential,
    subject: claimAt(claims, rules.subjectClaim) as string,
    issuer: rules.issuer,
    roles: Object.freeze(namesOf(claimAt(claims, rules.rolesClaim), 'array')),
    scopes: Object.freeze(namesOf(scopesClaim === undefined ? undefined : claimAt(claims, scopesClaim), 'either')),
    tier: nameOf(claimAt(claims, rules.tierClaim)),
    expiresAt: (claims.exp as number) * 1000,
    claims: deepFreeze(claims),
  });
}

function jsonOfSegment(segment: string): Record<string, unknown> | undefined {
  const bytes = canonicalBytes(segment);
  if (bytes === undefined) return undefined;
  try {
    // Two subjects that differ only in invalid bytes must not become one by replacement characters.
    const value: unknown = JSON.parse(strictUtf8.decode(bytes));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    // Without a prototype `constructor` is absent and `__proto__` is a name like any other.
    return Object.assign(Object.create(null) as Record<string, unknown>, value);
  } catch {
    return undefined;
  }
}

/** One token, one spelling: padding bits that are not zero would give the same bytes under many names. */
function canonicalBytes(segment: string): Buffer | undefined {
  const bytes = Buffer.from(segment, 'base64url');
  return bytes.toString('base64url') === segment ? bytes : undefined;
}

function isCanonical(segment: string): boolean {
  return canonicalBytes(segment) !== undefined;
}

function audiencesOf(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return [claim];
  return Array.isArray(claim) && claim.every((item) => typeof item === 'string') ? claim : [];
}

function isSubject(value: unknown): value is string {
  return typeof value === 'string' && printable.test(value) && value.trim() === value;
}

/** A NumericDate: seconds since the epoch, as a number that is a moment. */
function isMoment(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= lastSecond;
}

/** The claim of that very name, else the one at that path: `realm_access.roles`. Own properties only. */
export function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const step of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[step];
  }
  return value;
}

/** One name in a claim; a claim of another shape says nothing. */
function nameOf(claim: unknown): string | undefined {
  return typeof claim === 'string' && printable.test(claim) ? claim : undefined;
}

/** Names in a claim; a claim of another shape grants nothing. `"a b"` and `["a", "b"]` are both `['a', 'b']`. */
function namesOf(claim: unknown, form: 'array' | 'either'): readonly string[] {
  if (typeof claim === 'string' && form === 'either') return claim.split(' ').filter((name) => printable.test(name));
  if (!Array.isArray(claim) || !claim.every((name) => typeof name === 'string' && printable.test(name))) return [];
  return [...claim];
}

function deepFreeze(root: Claims): Claims {
  const pending: unknown[] = [root];
  // A loop, not a recursion: eight kilobytes of brackets are four thousand levels.
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value !== 'object' || value === null) continue;
    Object.freeze(value);
    pending.push(...Object.values(value));
  }
  return root;
}
