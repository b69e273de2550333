/** Tokens whose header is hostile: algorithms, names of keys, parameters that bring keys or rules along. */
import { deflateRawSync } from 'node:zlib';
import { claimsOf, encode, forge, jwkOf, signature } from './forge';
import {
  confused,
  der,
  ecPem,
  es,
  header,
  key,
  otherKey,
  pem,
  pemIssuer,
  pemKey,
  pkcs1,
  publishedKeys,
  type Row,
  rsaKey,
  secret,
  secretIssuer,
  urlIssuer,
  weakRsa,
} from './world';

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
/** Each with a cause for the log. */
export const hostileHeaderRows: readonly Row[] = [...algorithmRows, ...keyRows, ...headerRows];
