/** Tokens with a hostile signature, hostile claims or a hostile shape. */
import { createSign } from 'node:crypto';
import { claimsOf, encode, forge, nowS, signature } from './forge';
import { es, header, hs, key, otherKey, pemKey, type Row, rs, rsaKey, secret, secretIssuer, urlIssuer } from './world';

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
export const hostileSignatureRows: Row[] = [
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
export const hostileClaimRows: Row[] = [
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

export const hostileShapeRows: Row[] = [
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
