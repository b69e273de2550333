/**
 * Real: keys, signatures, the verifier with three issuers (a JWKS by URL, a PEM, a shared secret).
 * Fake: the clock, the key set server. Observed: the verdict with its cause, which clients never see.
 */
import { createSign } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import type { TokenVerifier } from '../../src/context/tokens';
import { claimsOf, createFakeJwks, createTestVerifier, ec, encode, forge, jwkOf, nowS, rsa, signature } from './forge';

const key = ec();
const otherKey = ec();
const key384 = ec('P-384');
const key521 = ec('P-521');
const rsaKey = rsa();
const pemKey = rsa();
const weakRsa = rsa(1024);
const secret = 'an adequately long shared secret for tests';
const pem = pemKey.publicKey.export({ format: 'pem', type: 'spki' }).toString();
const der = pemKey.publicKey.export({ format: 'der', type: 'spki' });
const pkcs1 = pemKey.publicKey.export({ format: 'pem', type: 'pkcs1' }).toString();
const ecPem = key.publicKey.export({ format: 'pem', type: 'spki' }).toString();

const urlIssuer = 'https://issuer.test';
const pemIssuer = 'https://pem.test';
const secretIssuer = 'https://secret.test';

const publishedKeys = [
  jwkOf(key.publicKey, { kid: 'es', use: 'sig', alg: 'ES256' }),
  jwkOf(key384.publicKey, { kid: 'es384' }),
  jwkOf(key521.publicKey, { kid: 'es512' }),
  jwkOf(rsaKey.publicKey, { kid: 'rs' }),
  jwkOf(weakRsa.publicKey, { kid: 'weak' }),
  jwkOf(otherKey.publicKey, { kid: 'enc', use: 'enc' }),
  { kty: 'oct', kid: 'oct', k: Buffer.from(secret).toString('base64url'), alg: 'HS256' },
];

function createVerifier(): TokenVerifier {
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

let verifier: TokenVerifier;
beforeEach(() => {
  verifier = createVerifier();
});

const header = { alg: 'ES256', typ: 'JWT', kid: 'es' };
/** A good token of the issuer with a key set by URL, but for the changes. */
const es = (claims: Record<string, unknown> = {}, changes: Record<string, unknown> = {}): string =>
  forge({ ...header, ...changes }, claimsOf(claims), 'ES256', key.privateKey);
/** A good token of the issuer with one PEM. */
const rs = (claims: Record<string, unknown> = {}): string =>
  forge({ alg: 'RS256' }, claimsOf({ iss: pemIssuer, ...claims }), 'RS256', pemKey.privateKey);
/** A good token of the issuer with a shared secret. */
const hs = (claims: Record<string, unknown> = {}): string =>
  forge({ alg: 'HS256' }, claimsOf({ iss: secretIssuer, ...claims }), 'HS256', secret);
/** HS256 with a public key as the secret: the confusion of algorithms. */
const confused = (material: string | Buffer, iss: string, kid?: string): string =>
  forge({ alg: 'HS256', typ: 'JWT', kid }, claimsOf({ iss }), 'HS256', material);

function replaceSignature(token: string, replacement: string): string {
  return `${token.slice(0, token.lastIndexOf('.'))}.${replacement}`;
}

/** Drops the last byte of the signature. */
function shorten(token: string): string {
  const bytes = Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url');
  return replaceSignature(token, bytes.subarray(0, -1).toString('base64url'));
}

/** Flips one bit in the middle of a segment. */
function tamper(token: string, segment: 0 | 1 | 2): string {
  const segments = token.split('.');
  const bytes = Buffer.from(segments[segment]!, 'base64url');
  bytes[bytes.length >> 1]! ^= 1;
  segments[segment] = bytes.toString('base64url');
  return segments.join('.');
}

/** Sets the unused low bits of the last character: other text, same bytes. */
function respell(segment: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return segment.slice(0, -1) + alphabet[alphabet.indexOf(segment.at(-1)!) + 1];
}

describe('a token that is right', () => {
  it.each([
    ['ES256 by kid', () => es()],
    ['ES384 by kid', () => forge({ alg: 'ES384', kid: 'es384' }, claimsOf(), 'ES384', key384.privateKey)],
    ['ES512 by kid', () => forge({ alg: 'ES512', kid: 'es512' }, claimsOf(), 'ES512', key521.privateKey)],
    ['RS256 by kid', () => forge({ alg: 'RS256', kid: 'rs' }, claimsOf(), 'RS256', rsaKey.privateKey)],
    ['PS256 with an RSA key', () => forge({ alg: 'PS256', kid: 'rs' }, claimsOf(), 'PS256', rsaKey.privateKey)],
    ['no kid where one key fits', () => es({}, { kid: undefined })],
    ['RS256 with the one PEM', () => rs()],
    [
      'a kid where the only key has no name',
      () => forge({ alg: 'RS256', kid: 'x' }, claimsOf({ iss: pemIssuer }), 'RS256', pemKey.privateKey),
    ],
    ['HS256 with the shared secret', () => hs()],
    ['the access token type', () => es({}, { typ: 'at+jwt' })],
    ['no type', () => es({}, { typ: undefined })],
    ['several audiences, one of them ours', () => es({ aud: ['elsewhere', 'supergate'] })],
    ['the second of our audiences', () => es({ aud: 'other-api' })],
    ['no iat', () => es({ iat: undefined })],
    ['an expiry within the tolerance', () => es({ exp: nowS - 4 })],
    ['a start within the tolerance', () => es({ nbf: nowS + 4 })],
    ['a subject in another script', () => es({ sub: 'Ваня 🙂' })],
    ['a fractional expiry', () => es({ exp: nowS + 60.5 })],
  ])('is accepted: %s', async (_name, token) => {
    expect(await verifier.verify(token())).toMatchObject({ accepted: true, identity: { kind: 'authenticated' } });
  });

  it('becomes an identity with subject, issuer, roles, scopes, expiry and claims', async () => {
    const verdict = await verifier.verify(es({ roles: ['ADMIN', 'USER'], scopes: ['read', 'write'], tier: 'gold' }));
    expect(verdict).toMatchObject({
      accepted: true,
      identity: {
        kind: 'authenticated',
        subject: 'user-1',
        issuer: urlIssuer,
        roles: ['ADMIN', 'USER'],
        scopes: ['read', 'write'],
        expiresAt: (nowS + 600) * 1000,
        claims: expect.objectContaining({ tier: 'gold' }),
      },
    });
  });
});

type Row = [name: string, cause: string, token: () => string];

const noneRows = ['none', 'None', 'NONE', 'nOnE', 'none ', ' none', 'no\u017fe'].flatMap((alg): Row[] => [
  [
    `${JSON.stringify(alg)} without a signature`,
    'algorithm',
    () => `${encode({ ...header, alg })}.${encode(claimsOf())}.`,
  ],
  [`${JSON.stringify(alg)} with a signature`, 'algorithm', () => es({}, { alg })],
]);

const algorithmRows: Row[] = [
  ...noneRows,
  ['the empty algorithm', 'algorithm', () => es({}, { alg: '' })],
  ['no algorithm', 'algorithm', () => es({}, { alg: undefined })],
  ['a numeric algorithm', 'algorithm', () => es({}, { alg: 256 })],
  ['an algorithm in a list', 'algorithm', () => es({}, { alg: ['ES256'] })],
  ['an algorithm in lower case', 'algorithm', () => es({}, { alg: 'es256' })],
  ['an algorithm named like an inherited property', 'algorithm', () => es({}, { alg: 'constructor' })],
  [
    'the algorithm hidden in __proto__',
    'algorithm',
    () => forge(`{"__proto__":{"alg":"ES256"},"kid":"es"}`, claimsOf(), 'ES256', key.privateKey),
  ],
  ['EdDSA, which is not supported', 'algorithm', () => es({}, { alg: 'EdDSA' })],
  [
    'an algorithm of the key that the issuer is not allowed (PS512)',
    'algorithm',
    () => forge({ alg: 'PS512', kid: 'rs' }, claimsOf(), 'PS512', rsaKey.privateKey),
  ],
  [
    'RS384 where only RS256 is allowed',
    'algorithm',
    () => forge({ alg: 'RS384' }, claimsOf({ iss: pemIssuer }), 'RS384', pemKey.privateKey),
  ],
  ['HS256 with the PEM as secret', 'algorithm', () => confused(pem, pemIssuer)],
  ['HS256 with the PEM without its last newline as secret', 'algorithm', () => confused(pem.trimEnd(), pemIssuer)],
  ['HS256 with the PEM with CRLF as secret', 'algorithm', () => confused(pem.replaceAll('\n', '\r\n'), pemIssuer)],
  ['HS256 with the PKCS#1 PEM as secret', 'algorithm', () => confused(pkcs1, pemIssuer)],
  ['HS256 with the DER as secret', 'algorithm', () => confused(der, pemIssuer)],
  ['HS256 with the DER in base64 as secret', 'algorithm', () => confused(der.toString('base64'), pemIssuer)],
  ['HS256 with the JWK as secret', 'algorithm', () => confused(JSON.stringify(publishedKeys[3]), urlIssuer, 'rs')],
  [
    'HS256 with the modulus as secret',
    'algorithm',
    () => confused(Buffer.from(String(publishedKeys[3]!.n), 'base64url'), urlIssuer, 'rs'),
  ],
  ['HS256 with an EC public key as secret', 'algorithm', () => confused(ecPem, urlIssuer, 'es')],
  ['HS256 with the empty secret', 'algorithm', () => confused('', urlIssuer, 'es')],
  [
    'HS512 where only HS256 is allowed',
    'algorithm',
    () => forge({ alg: 'HS512' }, claimsOf({ iss: secretIssuer }), 'HS512', secret),
  ],
  ['HS256 with a symmetric key from the JWKS', 'algorithm', () => confused(secret, urlIssuer, 'oct')],
  [
    'RS256 for an issuer with a shared secret',
    'algorithm',
    () => forge({ alg: 'RS256' }, claimsOf({ iss: secretIssuer }), 'RS256', rsaKey.privateKey),
  ],
];

const keyRows: Row[] = [
  [
    'RS256 with the kid of an EC key',
    'unknown key',
    () => forge({ alg: 'RS256', kid: 'es' }, claimsOf(), 'RS256', rsaKey.privateKey),
  ],
  ['ES256 with the kid of an RSA key', 'unknown key', () => es({}, { kid: 'rs' })],
  ['ES384 with the kid of a P-256 key', 'unknown key', () => es({}, { alg: 'ES384' })],
  ['ES256 with the kid of a P-384 key', 'unknown key', () => es({}, { kid: 'es384' })],
  [
    'RS256 with a key of 1,024 bits',
    'unknown key',
    () => forge({ alg: 'RS256', kid: 'weak' }, claimsOf(), 'RS256', weakRsa.privateKey),
  ],
  [
    'a key that is for encryption',
    'unknown key',
    () => forge({ alg: 'ES256', kid: 'enc' }, claimsOf(), 'ES256', otherKey.privateKey),
  ],
  ['a kid that nobody published', 'unknown key', () => es({}, { kid: 'nobody' })],
  ['a kid in another case', 'unknown key', () => es({}, { kid: 'ES' })],
  ['a kid with a space behind', 'unknown key', () => es({}, { kid: 'es ' })],
  ['a kid that is a path', 'unknown key', () => es({}, { kid: '../../../../dev/null' })],
  ['a kid that is an absolute path', 'unknown key', () => es({}, { kid: '/proc/sys/kernel/randomize_va_space' })],
  ['a kid that is SQL', 'unknown key', () => es({}, { kid: `x' UNION SELECT 'secret' -- ` })],
  ['a kid that is a URL', 'unknown key', () => es({}, { kid: 'http://169.254.169.254/latest/meta-data' })],
  ['a kid that is a command', 'unknown key', () => es({}, { kid: 'es;$(id)' })],
  ['a kid that is an inherited property', 'unknown key', () => es({}, { kid: '__proto__' })],
  ['an empty kid', 'malformed', () => es({}, { kid: '' })],
  ['a numeric kid', 'malformed', () => es({}, { kid: 0 })],
  ['a null kid', 'malformed', () => es({}, { kid: null })],
  ['a kid that is a list', 'malformed', () => es({}, { kid: ['es'] })],
  ['a kid that is an object', 'malformed', () => es({}, { kid: { toString: 'es' } })],
  ['a kid with a NUL', 'malformed', () => es({}, { kid: 'es\u0000' })],
  ['a kid with a line break', 'malformed', () => es({}, { kid: 'es\nx' })],
  ['a kid of 5,000 characters', 'malformed', () => es({}, { kid: 'e'.repeat(5000) })],
  [
    'the kid of one issuer at another',
    'signature',
    () => forge({ alg: 'RS256', kid: 'rs' }, claimsOf({ iss: pemIssuer }), 'RS256', rsaKey.privateKey),
  ],
];

const headerRows: Row[] = [
  ['crit', 'forbidden header', () => es({}, { crit: ['exp'] })],
  ['an empty crit', 'forbidden header', () => es({}, { crit: [] })],
  ['crit with b64', 'forbidden header', () => es({}, { crit: ['b64'], b64: false })],
  ['b64 without crit', 'forbidden header', () => es({}, { b64: false })],
  ['jku', 'forbidden header', () => es({}, { jku: 'https://attacker.test/jwks.json' })],
  ['jku with the true address', 'forbidden header', () => es({}, { jku: 'https://issuer.test/jwks.json' })],
  ['x5u', 'forbidden header', () => es({}, { x5u: 'https://attacker.test/cert.pem' })],
  [
    'an embedded jwk that signs',
    'forbidden header',
    () => forge({ ...header, jwk: jwkOf(otherKey.publicKey) }, claimsOf(), 'ES256', otherKey.privateKey),
  ],
  ['an embedded jwk that is the true key', 'forbidden header', () => es({}, { jwk: publishedKeys[0] })],
  ['x5c', 'forbidden header', () => es({}, { x5c: ['MIIB'] })],
  ['a null jku', 'forbidden header', () => es({}, { jku: null })],
  ['zip', 'forbidden header', () => es({}, { zip: 'DEF' })],
  [
    'a payload that is compressed',
    'malformed',
    () => {
      const input = `${encode(header)}.${deflateRawSync(JSON.stringify(claimsOf())).toString('base64url')}`;
      return `${input}.${signature(input, 'ES256', key.privateKey)}`;
    },
  ],
  ['a nested token', 'forbidden header', () => es({}, { cty: 'JWT' })],
  ['an encryption in three parts', 'forbidden header', () => es({}, { enc: 'A256GCM' })],
  ['an ephemeral key', 'forbidden header', () => es({}, { epk: publishedKeys[0] })],
  ['a JWE', 'malformed', () => `${encode({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.AAAA.AAAA.AAAA.AAAA`],
  ['a logout token', 'wrong type', () => es({}, { typ: 'logout+jwt' })],
  ['a security event', 'wrong type', () => es({}, { typ: 'secevent+jwt' })],
  ['a proof of possession', 'wrong type', () => es({}, { typ: 'dpop+jwt' })],
  ['a type that is no text', 'wrong type', () => es({}, { typ: 7 })],
  ['a null type', 'wrong type', () => es({}, { typ: null })],
];

const signatureRows: Row[] = [
  ['a signature of another key', 'signature', () => forge(header, claimsOf(), 'ES256', otherKey.privateKey)],
  ['no signature', 'signature', () => replaceSignature(es(), '')],
  ['zeros as signature (psychic)', 'signature', () => replaceSignature(es(), Buffer.alloc(64).toString('base64url'))],
  [
    'zero r',
    'signature',
    () => replaceSignature(es(), Buffer.concat([Buffer.alloc(32), Buffer.alloc(32, 1)]).toString('base64url')),
  ],
  [
    'zero s',
    'signature',
    () => replaceSignature(es(), Buffer.concat([Buffer.alloc(32, 1), Buffer.alloc(32)]).toString('base64url')),
  ],
  ['ones as signature', 'signature', () => replaceSignature(es(), Buffer.alloc(64, 0xff).toString('base64url'))],
  [
    'a signature in DER',
    'signature',
    () => {
      const input = es().slice(0, es().lastIndexOf('.'));
      return `${input}.${createSign('sha256').update(input).sign(key.privateKey).toString('base64url')}`;
    },
  ],
  ['a signature that is cut', 'signature', () => shorten(es())],
  ['a signature that is longer', 'signature', () => `${es()}AAAA`],
  ['a signature of one bit less', 'signature', () => tamper(es(), 2)],
  [
    'a payload that was changed',
    'signature',
    () => {
      const [head, , tail] = es().split('.');
      return `${head}.${encode(claimsOf({ roles: ['ADMIN'] }))}.${tail}`;
    },
  ],
  [
    'a header that was changed',
    'signature',
    () => {
      const [, body, tail] = es().split('.');
      return `${encode({ ...header, typ: 'at+jwt' })}.${body}.${tail}`;
    },
  ],
  [
    'an HMAC of another secret',
    'signature',
    () => forge({ alg: 'HS256' }, claimsOf({ iss: secretIssuer }), 'HS256', `${secret}.`),
  ],
  ['an HMAC that is cut', 'signature', () => shorten(hs())],
  ['zeros as HMAC', 'signature', () => replaceSignature(hs(), Buffer.alloc(32).toString('base64url'))],
  ['zeros as RSA signature', 'signature', () => replaceSignature(rs(), Buffer.alloc(256).toString('base64url'))],
  [
    'one as RSA signature',
    'signature',
    () => replaceSignature(rs(), Buffer.concat([Buffer.alloc(255), Buffer.of(1)]).toString('base64url')),
  ],
  [
    'RSA-PSS under the name of RS256',
    'signature',
    () => forge({ alg: 'RS256', kid: 'rs' }, claimsOf(), 'PS256', rsaKey.privateKey),
  ],
  [
    'PKCS#1 under the name of PS256',
    'signature',
    () => forge({ alg: 'PS256', kid: 'rs' }, claimsOf(), 'RS256', rsaKey.privateKey),
  ],
];

const claimRows: Row[] = [
  ['no expiry', 'expiry', () => es({ exp: undefined })],
  ['a null expiry', 'expiry', () => es({ exp: null })],
  ['an expiry in text', 'expiry', () => es({ exp: String(nowS + 600) })],
  ['an expiry as a date', 'expiry', () => es({ exp: '2099-01-01T00:00:00Z' })],
  ['an expiry in a list', 'expiry', () => es({ exp: [nowS + 600] })],
  ['an expiry that is true', 'expiry', () => es({ exp: true })],
  [
    'an infinite expiry',
    'expiry',
    () => forge(header, JSON.stringify(claimsOf()).replace(String(nowS + 600), '1e999'), 'ES256', key.privateKey),
  ],
  ['an expiry beyond all dates', 'expiry', () => es({ exp: 1e300 })],
  ['a negative expiry', 'expiry', () => es({ exp: -1 })],
  ['an expiry long ago', 'expired', () => es({ exp: nowS - 3600 })],
  ['an expiry just outside the tolerance', 'expired', () => es({ exp: nowS - 5 })],
  ['an expiry at zero', 'expired', () => es({ exp: 0 })],
  ['a start in the future', 'not yet valid', () => es({ nbf: nowS + 6 })],
  ['a start in text', 'not yet valid', () => es({ nbf: '0' })],
  ['a null start', 'not yet valid', () => es({ nbf: null })],
  ['an issue in the future', 'issued in the future', () => es({ iat: nowS + 6 })],
  ['an issue in text', 'issued in the future', () => es({ iat: '0' })],
  ['no issuer', 'unknown issuer', () => es({ iss: undefined })],
  ['an unknown issuer', 'unknown issuer', () => es({ iss: 'https://attacker.test' })],
  ['the issuer with a slash', 'unknown issuer', () => es({ iss: `${urlIssuer}/` })],
  ['the issuer in another case', 'unknown issuer', () => es({ iss: 'https://ISSUER.test' })],
  ['the issuer with a space', 'unknown issuer', () => es({ iss: ` ${urlIssuer}` })],
  ['the issuer in a list', 'unknown issuer', () => es({ iss: [urlIssuer] })],
  ['an issuer named like an inherited property', 'unknown issuer', () => es({ iss: '__proto__' })],
  [
    'the issuer hidden in __proto__',
    'unknown issuer',
    () => forge(header, `{"__proto__":${JSON.stringify(claimsOf())}}`, 'ES256', key.privateKey),
  ],
  [
    "another issuer's name over this issuer's key",
    'unknown key',
    () => forge({ alg: 'RS256', kid: 'nobody' }, claimsOf(), 'RS256', pemKey.privateKey),
  ],
  [
    "this issuer's name over the secret issuer's key",
    'algorithm',
    () => forge({ alg: 'HS256' }, claimsOf(), 'HS256', secret),
  ],
  ['no audience', 'audience', () => es({ aud: undefined })],
  ['a null audience', 'audience', () => es({ aud: null })],
  ['an empty audience', 'audience', () => es({ aud: '' })],
  ['an empty list of audiences', 'audience', () => es({ aud: [] })],
  ['another audience', 'audience', () => es({ aud: 'elsewhere' })],
  ['an audience of another issuer only', 'audience', () => rs({ aud: 'other-api' })],
  ['the audience with more behind', 'audience', () => es({ aud: 'supergate-admin' })],
  ['the audience in another case', 'audience', () => es({ aud: 'Supergate' })],
  ['the audience in a list in a list', 'audience', () => es({ aud: [['supergate']] })],
  ['an audience list with a number', 'audience', () => es({ aud: ['supergate', 1] })],
  ['an audience that is an object', 'audience', () => es({ aud: { supergate: true } })],
  ['no subject', 'subject', () => es({ sub: undefined })],
  ['a null subject', 'subject', () => es({ sub: null })],
  ['an empty subject', 'subject', () => es({ sub: '' })],
  ['a blank subject', 'subject', () => es({ sub: '   ' })],
  ['a numeric subject', 'subject', () => es({ sub: 1 })],
  ['a subject that is an object', 'subject', () => es({ sub: { id: 'user-1' } })],
  ['a subject with a NUL', 'subject', () => es({ sub: 'user-1\u0000' })],
  ['a subject with a line break', 'subject', () => es({ sub: 'user-1\r\nx-role: admin' })],
  ['a subject with a tab', 'subject', () => es({ sub: 'user\t1' })],
  ['a subject with a delete character', 'subject', () => es({ sub: 'user-1\u007f' })],
  ['a subject with a zero-width space', 'subject', () => es({ sub: 'user\u200b-1' })],
  ['a subject that is written backwards', 'subject', () => es({ sub: '\u202e1-resu' })],
  ['a subject with a lone surrogate', 'subject', () => es({ sub: 'user\ud800' })],
  ['a subject with a line separator', 'subject', () => es({ sub: 'user\u2028' })],
  ['a subject with a space before', 'subject', () => es({ sub: ' user-1' })],
  ['a subject of 256 characters', 'subject', () => es({ sub: 'u'.repeat(256) })],
];

const shapeRows: Row[] = [
  ['the empty text', 'malformed', () => ''],
  ['one word', 'malformed', () => 'token'],
  ['two dots', 'malformed', () => '..'],
  ['two parts', 'malformed', () => es().split('.').slice(0, 2).join('.')],
  ['four parts', 'malformed', () => `${es()}.AAAA`],
  ['a dot behind', 'malformed', () => `${es()}.`],
  ['a space before', 'malformed', () => ` ${es()}`],
  ['a line break behind', 'malformed', () => `${es()}\n`],
  ['a NUL behind', 'malformed', () => `${es()}\u0000`],
  ['padding', 'malformed', () => es().replace('.', '=.')],
  ['the other base64 alphabet', 'malformed', () => es().replace('.', '+/.')],
  ['a header that is not base64url', 'malformed', () => `!!!!.${es().split('.')[1]}.AAAA`],
  ['a header that is not JSON', 'malformed', () => forge('not json', claimsOf(), 'ES256', key.privateKey)],
  ['a header that is null', 'malformed', () => forge('null', claimsOf(), 'ES256', key.privateKey)],
  ['a header that is a list', 'malformed', () => forge('[]', claimsOf(), 'ES256', key.privateKey)],
  ['a header that is a text', 'malformed', () => forge('"ES256"', claimsOf(), 'ES256', key.privateKey)],
  ['a payload that is not JSON', 'malformed', () => forge(header, 'not json', 'ES256', key.privateKey)],
  ['a payload that is null', 'malformed', () => forge(header, 'null', 'ES256', key.privateKey)],
  ['a payload that is a list', 'malformed', () => forge(header, [claimsOf()], 'ES256', key.privateKey)],
  [
    'a payload that is cut',
    'malformed',
    () => forge(header, JSON.stringify(claimsOf()).slice(0, -1), 'ES256', key.privateKey),
  ],
  [
    'a payload with a byte order mark',
    'malformed',
    () => forge(header, `\ufeff${JSON.stringify(claimsOf())}`, 'ES256', key.privateKey),
  ],
  [
    'a payload that is not UTF-8',
    'malformed',
    () => {
      const bytes = Buffer.from(JSON.stringify(claimsOf({ sub: 'user-?' })));
      bytes[bytes.indexOf('?')] = 0xff;
      const input = `${encode(header)}.${bytes.toString('base64url')}`;
      return `${input}.${signature(input, 'ES256', key.privateKey)}`;
    },
  ],
  [
    'a payload in UTF-16',
    'malformed',
    () => {
      const input = `${encode(header)}.${Buffer.from(JSON.stringify(claimsOf()), 'utf16le').toString('base64url')}`;
      return `${input}.${signature(input, 'ES256', key.privateKey)}`;
    },
  ],
  [
    'the same signature in another spelling',
    'malformed',
    () => {
      const [head, body, tail] = es().split('.');
      return `${head}.${body}.${respell(tail!)}`;
    },
  ],
  ['brackets without end', 'malformed', () => forge(header, '['.repeat(5000), 'ES256', key.privateKey)],
  ['a token of 8,193 bytes', 'too large', () => es({}, {}).padEnd(8193, 'A')],
  ['a good token that is too large', 'too large', () => es({ padding: 'x'.repeat(8000) })],
  ['a megabyte', 'too large', () => 'A'.repeat(1_000_000)],
  ['a megabyte of dots', 'too large', () => '.'.repeat(1_000_000)],
];

describe('a hostile token', () => {
  it.each([...algorithmRows, ...keyRows, ...headerRows])(
    'is refused by its header: %s (%s)',
    async (_name, cause, token) => {
      expect(await verifier.verify(token())).toEqual({ accepted: false, cause });
    },
  );

  it.each(signatureRows)('is refused by its signature: %s (%s)', async (_name, cause, token) => {
    expect(await verifier.verify(token())).toEqual({ accepted: false, cause });
  });

  it.each(claimRows)('is refused by its claims: %s (%s)', async (_name, cause, token) => {
    expect(await verifier.verify(token())).toEqual({ accepted: false, cause });
  });

  it.each(shapeRows)('is refused by its shape: %s (%s)', async (_name, cause, token) => {
    expect(await verifier.verify(token())).toEqual({ accepted: false, cause });
  });

  it('leaves a good token of the same verifier accepted', async () => {
    for (const [, , token] of [...algorithmRows, ...keyRows, ...signatureRows]) await verifier.verify(token());
    expect(await verifier.verify(es())).toMatchObject({ accepted: true });
  });

  it('changes no prototype', async () => {
    await verifier.verify(
      forge(header, `{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}`, 'ES256', key.privateKey),
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('roles and scopes', () => {
  const granted = async (claims: Record<string, unknown>): Promise<unknown> => {
    const verdict = await verifier.verify(es(claims));
    if (!verdict.accepted || verdict.identity.kind !== 'authenticated') return verdict;
    return { roles: verdict.identity.roles, scopes: verdict.identity.scopes };
  };

  it.each<[string, Record<string, unknown>, readonly string[], readonly string[]]>([
    ['lists', { roles: ['A'], scopes: ['r', 'w'] }, ['A'], ['r', 'w']],
    ['scopes separated by spaces', { scopes: 'r  w' }, ['USER'], ['r', 'w']],
    ['scope, where scopes is missing', { scopes: undefined, scope: 'r w' }, ['USER'], ['r', 'w']],
    ['scopes before scope', { scopes: ['r'], scope: 'w' }, ['USER'], ['r']],
    ['nothing', { roles: undefined, scopes: undefined }, [], []],
  ])('are read from %s', async (_name, claims, roles, scopes) => {
    expect(await granted(claims)).toEqual({ roles, scopes });
  });

  it.each<[string, Record<string, unknown>]>([
    ['a role in text', { roles: 'ADMIN' }],
    ['an object of roles', { roles: { ADMIN: true } }],
    ['a list with a number', { roles: ['ADMIN', 1] }],
    ['a list in a list', { roles: [['ADMIN']] }],
    ['a role with a control character', { roles: ['ADMIN\u0000'] }],
    ['an inherited list', { roles: { __proto__: ['ADMIN'] } }],
    ['null', { roles: null }],
  ])('grant nothing in another shape: %s', async (_name, claims) => {
    expect(await granted(claims)).toMatchObject({ roles: [] });
  });

  it('come from the claims that the issuer is configured with, by name or by path', async () => {
    const configured = createTestVerifier([
      {
        issuer: secretIssuer,
        audiences: ['supergate'],
        keys: { kind: 'sharedSecret', secret },
        rolesClaim: 'realm_access.roles',
        scopesClaim: 'https://a.test/scp',
      },
    ]);
    const token = hs({ realm_access: { roles: ['ADMIN'] }, 'https://a.test/scp': 'r w', roles: ['X'], scopes: ['x'] });
    expect(await configured.verify(token)).toMatchObject({ identity: { roles: ['ADMIN'], scopes: ['r', 'w'] } });
  });

  it('cannot be changed by one request for the next', async () => {
    const token = es({ nested: { list: [1] } });
    const verdict = await verifier.verify(token);
    if (!verdict.accepted || verdict.identity.kind !== 'authenticated') throw new Error('expected an identity');
    const { identity } = verdict;
    expect(() => (identity.roles as string[]).push('ADMIN')).toThrow(TypeError);
    expect(() => (identity.claims.nested as { list: number[] }).list.push(2)).toThrow(TypeError);
    expect(() => Object.assign(identity, { subject: 'root' })).toThrow(TypeError);
  });
});
