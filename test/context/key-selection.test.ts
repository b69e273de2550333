/**
 * Real: keys, signatures, the verifier. Fake: the clock, the server of the key set.
 * Observed: which of an issuer's keys a token may use, and which keys nobody may.
 */
import { claimsOf, createFakeJwks, createTestVerifier, ec, forge, jwkOf, rsa } from './forge';

const first = ec();
const second = ec();
const rsaKey = rsa();
const weakRsa = rsa(1024);
const smallExponent = rsa(2048, 3);

const published = (key: ReturnType<typeof ec>, kid: string, more = {}) => jwkOf(key.publicKey, { kid, ...more });
const tokenOf = (key: ReturnType<typeof ec>, kid?: string) =>
  forge({ alg: 'ES256', kid }, claimsOf(), 'ES256', key.privateKey);
const rsaTokenOf = (key: ReturnType<typeof rsa>, kid: string, alg = 'RS256') =>
  forge({ alg, kid }, claimsOf(), alg, key.privateKey);

describe('selection of a key', () => {
  const rows: [name: string, keys: () => unknown[], token: () => string, verdict: true | string][] = [
    [
      'no kid and one fitting key',
      () => [published(first, 'k1'), jwkOf(rsaKey.publicKey, { kid: 'r' })],
      () => tokenOf(first),
      true,
    ],
    [
      'no kid and two fitting keys',
      () => [published(first, 'k1'), published(second, 'k2')],
      () => tokenOf(first),
      'ambiguous key',
    ],
    ['no kid and no fitting key', () => [jwkOf(rsaKey.publicKey, { kid: 'r' })], () => tokenOf(first), 'unknown key'],
    [
      'one kid for two keys',
      () => [published(first, 'k1'), published(second, 'k1')],
      () => tokenOf(first, 'k1'),
      'ambiguous key',
    ],
    [
      'one kid for an EC and an RSA key',
      () => [published(first, 'k1'), jwkOf(rsaKey.publicKey, { kid: 'k1' })],
      () => tokenOf(first, 'k1'),
      true,
    ],
    ['a kid, and one key without one', () => [jwkOf(first.publicKey)], () => tokenOf(first, 'k1'), true],
    [
      'a kid, and two keys without one',
      () => [jwkOf(first.publicKey), jwkOf(second.publicKey)],
      () => tokenOf(first, 'k1'),
      'ambiguous key',
    ],
    [
      'a key bound to another algorithm',
      () => [jwkOf(rsaKey.publicKey, { kid: 'r', alg: 'PS256' })],
      () => rsaTokenOf(rsaKey, 'r'),
      'unknown key',
    ],
    [
      'a key bound to this algorithm',
      () => [jwkOf(rsaKey.publicKey, { kid: 'r', alg: 'PS256' })],
      () => rsaTokenOf(rsaKey, 'r', 'PS256'),
      true,
    ],
    [
      'a key bound to an algorithm of another family',
      () => [published(first, 'k1', { alg: 'HS256' })],
      () => tokenOf(first, 'k1'),
      'unknown key',
    ],
    ['a key for encryption', () => [published(first, 'k1', { use: 'enc' })], () => tokenOf(first, 'k1'), 'unknown key'],
    [
      'a key for an unknown use',
      () => [published(first, 'k1', { use: 'SIG' })],
      () => tokenOf(first, 'k1'),
      'unknown key',
    ],
    [
      'a key that may only sign',
      () => [published(first, 'k1', { key_ops: ['sign'] })],
      () => tokenOf(first, 'k1'),
      'unknown key',
    ],
    [
      'a key that may verify',
      () => [published(first, 'k1', { key_ops: ['verify'] })],
      () => tokenOf(first, 'k1'),
      true,
    ],
    ['a private key', () => [jwkOf(first.privateKey, { kid: 'k1' })], () => tokenOf(first, 'k1'), 'unknown key'],
    [
      'an RSA key of 1,024 bits',
      () => [jwkOf(weakRsa.publicKey, { kid: 'w' })],
      () => rsaTokenOf(weakRsa, 'w'),
      'unknown key',
    ],
    [
      'an RSA key with the exponent 3',
      () => [jwkOf(smallExponent.publicKey, { kid: 's' })],
      () => rsaTokenOf(smallExponent, 's'),
      true,
    ],
    [
      'an RSA key of 16,384 bits',
      () => [{ kty: 'RSA', kid: 'r', e: 'AQAB', n: Buffer.alloc(2048, 0xff).toString('base64url') }],
      () => rsaTokenOf(rsaKey, 'r'),
      'unknown key',
    ],
    [
      'an RSA key with the exponent 1',
      () => [{ ...jwkOf(rsaKey.publicKey), kid: 'r', e: 'AQ' }],
      () => rsaTokenOf(rsaKey, 'r'),
      'unknown key',
    ],
    [
      'an RSA key with an even exponent',
      () => [{ ...jwkOf(rsaKey.publicKey), kid: 'r', e: 'AQAA' }],
      () => rsaTokenOf(rsaKey, 'r'),
      'unknown key',
    ],
    ['a symmetric key', () => [{ kty: 'oct', kid: 'k1', k: 'c2VjcmV0' }], () => tokenOf(first, 'k1'), 'unknown key'],
    [
      'an Edwards key',
      () => [{ kty: 'OKP', crv: 'Ed25519', kid: 'k1', x: 'A'.repeat(43) }],
      () => tokenOf(first, 'k1'),
      'unknown key',
    ],
    [
      'a curve that no algorithm uses',
      () => [jwkOf(ec('secp256k1').publicKey, { kid: 'k1' })],
      () => tokenOf(first, 'k1'),
      'unknown key',
    ],
    [
      'a point that is not on its curve',
      () => [{ ...published(first, 'k1'), x: published(second, 'k2').x }],
      () => tokenOf(first, 'k1'),
      'unknown key',
    ],
    ['a numeric kid', () => [jwkOf(first.publicKey, { kid: 1 })], () => tokenOf(first), 'unknown key'],
  ];

  it.each(rows)('is by kid, type and algorithm: %s', async (_name, keys, token, expected) => {
    const verifier = createTestVerifier(
      [
        {
          issuer: 'https://issuer.test',
          audiences: ['supergate'],
          algorithms: ['ES256', 'RS256', 'PS256'],
          keys: { kind: 'jwksUrl', url: 'https://issuer.test/jwks.json' },
        },
      ],
      { jwks: createFakeJwks(keys()) },
    );
    const verdict = await verifier.verify(token());
    expect(verdict.accepted || verdict.cause).toBe(expected);
  });
});
