/**
 * Three issuers (a JWKS by URL, a PEM, a shared secret), their keys, and tokens that are good but for one change.
 */
import type { TokenVerifier } from '../../src/context/tokens';
import { claimsOf, createFakeJwks, createTestVerifier, ec, forge, jwkOf, rsa } from './forge';

export const key = ec();
export const otherKey = ec();
export const key384 = ec('P-384');
export const key521 = ec('P-521');
export const rsaKey = rsa();
export const pemKey = rsa();
export const weakRsa = rsa(1024);
export const secret = 'an adequately long shared secret for tests';
export const pem = pemKey.publicKey.export({ format: 'pem', type: 'spki' }).toString();
export const der = pemKey.publicKey.export({ format: 'der', type: 'spki' });
export const pkcs1 = pemKey.publicKey.export({ format: 'pem', type: 'pkcs1' }).toString();
export const ecPem = key.publicKey.export({ format: 'pem', type: 'spki' }).toString();

export const urlIssuer = 'https://issuer.test';
export const pemIssuer = 'https://pem.test';
export const secretIssuer = 'https://secret.test';

export const publishedKeys = [
  jwkOf(key.publicKey, { kid: 'es', use: 'sig', alg: 'ES256' }),
  jwkOf(key384.publicKey, { kid: 'es384' }),
  jwkOf(key521.publicKey, { kid: 'es512' }),
  jwkOf(rsaKey.publicKey, { kid: 'rs' }),
  jwkOf(weakRsa.publicKey, { kid: 'weak' }),
  jwkOf(otherKey.publicKey, { kid: 'enc', use: 'enc' }),
  { kty: 'oct', kid: 'oct', k: Buffer.from(secret).toString('base64url'), alg: 'HS256' },
];

export function createVerifier(): TokenVerifier {
  return createTestVerifier(
    [
      {
        issuer: urlIssuer,
        audiences: ['supergate', 'other-api'],
        algorithms: ['ES256', 'ES384', 'ES512', 'RS256', 'PS256'],
        keys: { kind: 'jwksUrl', url: 'https://issuer.test/jwks.json' },
      },
      { issuer: pemIssuer, audiences: ['supergate'], algorithms: ['RS256'], keys: { kind: 'pem', pem } },
      { issuer: secretIssuer, audiences: ['supergate'], keys: { kind: 'sharedSecret', secret } },
    ],
    { jwks: createFakeJwks(publishedKeys) },
  );
}

export const header = { alg: 'ES256', typ: 'JWT', kid: 'es' };
/** A good token of the issuer with a key set by URL, but for the changes. */
export const es = (claims: Record<string, unknown> = {}, changes: Record<string, unknown> = {}): string =>
  forge({ ...header, ...changes }, claimsOf(claims), 'ES256', key.privateKey);
/** A good token of the issuer with one PEM. */
export const rs = (claims: Record<string, unknown> = {}): string =>
  forge({ alg: 'RS256' }, claimsOf({ iss: pemIssuer, ...claims }), 'RS256', pemKey.privateKey);
/** A good token of the issuer with a shared secret. */
export const hs = (claims: Record<string, unknown> = {}): string =>
  forge({ alg: 'HS256' }, claimsOf({ iss: secretIssuer, ...claims }), 'HS256', secret);
/** HS256 with a public key as the secret: the confusion of algorithms. */
export const confused = (material: string | Buffer, iss: string, kid?: string): string =>
  forge({ alg: 'HS256', typ: 'JWT', kid }, claimsOf({ iss }), 'HS256', material);

/** A row of a table of tokens: the cause of the refusal is for the log alone. */
export type Row = [name: string, cause: string, token: () => string];
