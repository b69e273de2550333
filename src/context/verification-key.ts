/**
 * What an issuer publishes (JWK, PEM, shared secret) becomes a key bound to the algorithms it may be used with.
 * Out: a key, or the reason why it is not one. Clock: per key set.
 * It must never let key material meet an algorithm of another family (RFC 8725 sections 3.1 and 3.2).
 */
import { createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { type Algorithm, algorithms } from './jwt';

export const minimumRsaBits = 2048;
export const minimumSecretBytes = 32;
/** Above it one verification costs milliseconds: nobody issues such keys, somebody may publish one. */
const maximumRsaBits = 8192;

export interface VerificationKey {
  /** `kid`: it selects among the keys of one issuer and does nothing else. */
  readonly keyId: string | undefined;
  /** The algorithms this key may verify, from its type and its own `alg`; never from a token. */
  readonly algorithms: readonly Algorithm[];
  readonly key: KeyObject;
  /** Equal for equal keys with equal restrictions, so that a reload can tell whether anything changed. */
  readonly fingerprint: string;
}

/** A key that must not be used, and why. */
export interface UnusableKey {
  readonly unusable: string;
  /** It would be a key of the right kind, but it is not strong enough. */
  readonly weak?: boolean;
}

/**
 * Reads one entry of a JWKS (RFC 7517). Symmetric, private, encryption, weak and unknown keys are unusable.
 *
 * `{ kty: 'EC', crv: 'P-256', kid: 'k1', x, y }` becomes `{ keyId: 'k1', algorithms: ['ES256'], key }`.
 */
export function keyFromJwk(jwk: unknown): VerificationKey | UnusableKey {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return { unusable: 'not an object' };
  const fields = jwk as Readonly<Record<string, unknown>>;
  if (fields.kty !== 'RSA' && fields.kty !== 'EC') return { unusable: 'not an RSA or EC key' };
  // A published private key is nobody's secret any more: whatever it signs proves nothing.
  if (Object.hasOwn(fields, 'd')) return { unusable: 'a private key' };
  if (fields.use !== undefined && fields.use !== 'sig') return { unusable: 'not for signatures' };
  if (fields.key_ops !== undefined && !(Array.isArray(fields.key_ops) && fields.key_ops.includes('verify'))) {
    return { unusable: 'not for verification' };
  }
  if (fields.kid !== undefined && typeof fields.kid !== 'string') return { unusable: 'a kid that is not a string' };
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
  } catch {
    return { unusable: 'malformed' };
  }
  return publicKey(key, fields.kid, fields.alg);
}

/** Reads one PEM block: a public key (SPKI or PKCS#1) or a certificate. A private key is unusable. */
export function keyFromPem(pem: string, keyId?: string): VerificationKey | UnusableKey {
  if (/PRIVATE KEY-----/.test(pem)) return { unusable: 'a private key' };
  try {
    return publicKey(createPublicKey(pem), keyId, undefined);
  } catch {
    return { unusable: 'not a public key in PEM' };
  }
}

/** Makes a key of a shared secret. One that is short, or that is a public key by mistake, is unusable. */
export function keyFromSecret(secret: string | Uint8Array): VerificationKey | UnusableKey {
  const bytes = Buffer.from(secret as string);
  if (bytes.length < minimumSecretBytes) return { unusable: `shorter than ${minimumSecretBytes} bytes`, weak: true };
  if (/^\s*(-----BEGIN|\{)/.test(bytes.toString('latin1'))) return { unusable: 'a key in PEM or JWK, not a secret' };
  return {
    keyId: undefined,
    algorithms: algorithms.filter(isSymmetric),
    key: createSecretKey(bytes),
    fingerprint: 'secret',
  };
}

/** Whether the algorithm's verifier could also sign. */
export function isSymmetric(algorithm: Algorithm): boolean {
  return algorithm.startsWith('HS');
}

function publicKey(key: KeyObject, keyId: string | undefined, ownAlgorithm: unknown): VerificationKey | UnusableKey {
  const weakness = weaknessOf(key);
  if (weakness !== undefined) return { unusable: weakness, weak: true };
  const byType = algorithmsOf(key);
  const fitting = ownAlgorithm === undefined ? byType : byType.filter((algorithm) => algorithm === ownAlgorithm);
  if (fitting.length === 0) return { unusable: 'no algorithm fits it' };
  const material = key.export({ format: 'der', type: 'spki' }).toString('base64');
  return { keyId, algorithms: fitting, key, fingerprint: JSON.stringify([keyId ?? null, fitting, material]) };
}

function weaknessOf(key: KeyObject): string | undefined {
  if (key.asymmetricKeyType !== 'rsa' && key.asymmetricKeyType !== 'rsa-pss') return undefined;
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < minimumRsaBits) return `RSA below ${minimumRsaBits} bits`;
  if (modulusLength > maximumRsaBits) return `RSA above ${maximumRsaBits} bits`;
  // With the exponent 1 a signature is its own message: anyone can write one.
  if (publicExponent < 3n || publicExponent % 2n === 0n) return 'RSA with an unsafe exponent';
  return undefined;
}

const algorithmOfCurve: Readonly<Record<string, Algorithm>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

function algorithmsOf(key: KeyObject): readonly Algorithm[] {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return algorithms.filter((algorithm) => algorithm.startsWith('RS') || algorithm.startsWith('PS'));
    case 'rsa-pss':
      return algorithms.filter((algorithm) => algorithm.startsWith('PS'));
    case 'ec': {
      const algorithm = algorithmOfCurve[key.asymmetricKeyDetails?.namedCurve ?? ''];
      return algorithm === undefined ? [] : [algorithm];
    }
    default:
      return [];
  }
}
