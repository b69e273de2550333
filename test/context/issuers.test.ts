/** Real: keys and files. Observed: the problems of a configuration, all at once, each with its path. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createIssuers, type IssuerOptions, issuerProblems, type KeySource } from '../../src/context/issuers';
import { silentLog } from '../../src/telemetry/log';
import { claimsOf, createClock, createFakeJwks, createTestVerifier, ec, forge, jwkOf, rsa } from './forge';

const key = ec();
const rsaKey = rsa();
const weakRsa = rsa(1024);
const pemOf = (publicKey: typeof key.publicKey): string => publicKey.export({ format: 'pem', type: 'spki' }).toString();
const privatePem = key.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'issuers-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const fileWith = (name: string, text: string): string => {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
};
const jwksFile = (name: string, ...keys: unknown[]): KeySource => ({
  kind: 'jwksFile',
  file: fileWith(name, JSON.stringify({ keys })),
});

const sound: IssuerOptions = {
  issuer: 'https://issuer.test',
  audiences: ['supergate'],
  keys: { kind: 'jwksUrl', url: 'https://issuer.test/jwks.json' },
};
const secretOf = (length: number): KeySource => ({ kind: 'sharedSecret', secret: 's'.repeat(length) });

describe('an issuer that is configured well', () => {
  it.each<[string, () => Partial<IssuerOptions>]>([
    ['a JWKS by URL', () => ({})],
    ['a JWKS by http', () => ({ keys: { kind: 'jwksUrl', url: 'http://127.0.0.1:4001/jwks' } })],
    ['a JWKS in a file', () => ({ keys: jwksFile('good.json', jwkOf(key.publicKey)) })],
    [
      'a symmetric key beside a good one',
      () => ({ keys: jwksFile('oct.json', { kty: 'oct', k: 'AA' }, jwkOf(key.publicKey)) }),
    ],
    ['a PEM', () => ({ keys: { kind: 'pem', pem: pemOf(key.publicKey) } })],
    ['a PEM in a file', () => ({ keys: { kind: 'publicKeyFile', file: fileWith('good.pem', pemOf(key.publicKey)) } })],
    ['two PEMs', () => ({ keys: { kind: 'pem', pem: pemOf(key.publicKey) + pemOf(rsaKey.publicKey) } })],
    ['a secret of 32 bytes', () => ({ keys: secretOf(32) })],
    ['a tolerance of 60 s', () => ({ clockToleranceMs: 60_000 })],
  ])('has no problem: %s', (_name, changes) => {
    expect(issuerProblems([{ ...sound, ...changes() }])).toEqual([]);
  });
});

describe('an issuer that is configured badly', () => {
  const rows: [name: string, changes: () => Partial<IssuerOptions>, path: string, message: RegExp][] = [
    ['an empty name', () => ({ issuer: ' ' }), '0.issuer', /empty/],
    ['a subject without a claim', () => ({ subjectClaim: '' }), '0.subjectClaim', /empty/],
    ['a tier without a claim', () => ({ tierClaim: '' }), '0.tierClaim', /empty/],
    ['no audience', () => ({ audiences: [] }), '0.audiences', /empty/],
    ['an empty audience', () => ({ audiences: [''] }), '0.audiences', /empty/],
    ['a tolerance over 60 s', () => ({ clockToleranceMs: 60_001 }), '0.clockToleranceMs', /between 0 and 60000/],
    ['a negative tolerance', () => ({ clockToleranceMs: -1 }), '0.clockToleranceMs', /between/],
    ['a tolerance that is no number', () => ({ clockToleranceMs: Number.NaN }), '0.clockToleranceMs', /between/],
    ['no algorithm', () => ({ algorithms: [] }), '0.algorithms', /empty/],
    ['the algorithm none', () => ({ algorithms: ['none' as 'HS256'] }), '0.algorithms', /none is not one of/],
    ['an unknown algorithm', () => ({ algorithms: ['EdDSA' as 'HS256'] }), '0.algorithms', /EdDSA is not one of/],
    [
      'HS256 beside public keys',
      () => ({ algorithms: ['ES256', 'HS256'] }),
      '0.algorithms',
      /HS256 cannot be used with public keys/,
    ],
    [
      'RS256 with a shared secret',
      () => ({ keys: secretOf(32), algorithms: ['HS256', 'RS256'] }),
      '0.algorithms',
      /RS256 cannot be used with a shared secret/,
    ],
    ['a secret of 31 bytes', () => ({ keys: secretOf(31) }), '0.keys.secret', /shorter than 32 bytes/],
    ['an empty secret', () => ({ keys: secretOf(0) }), '0.keys.secret', /shorter/],
    [
      'a public key as shared secret',
      () => ({ keys: { kind: 'sharedSecret', secret: pemOf(key.publicKey) } }),
      '0.keys.secret',
      /PEM or JWK/,
    ],
    [
      'a JWK as shared secret',
      () => ({ keys: { kind: 'sharedSecret', secret: JSON.stringify(jwkOf(key.publicKey)) } }),
      '0.keys.secret',
      /PEM or JWK/,
    ],
    ['a PEM that is none', () => ({ keys: { kind: 'pem', pem: 'hello' } }), '0.keys.pem', /not a public key in PEM/],
    ['a private key', () => ({ keys: { kind: 'pem', pem: privatePem } }), '0.keys.pem', /private key/],
    [
      'an RSA key of 1,024 bits',
      () => ({ keys: { kind: 'pem', pem: pemOf(weakRsa.publicKey) } }),
      '0.keys.pem',
      /RSA below 2048 bits/,
    ],
    [
      'a curve without algorithm',
      () => ({ keys: { kind: 'pem', pem: pemOf(ec('secp256k1').publicKey) } }),
      '0.keys.pem',
      /no algorithm fits/,
    ],
    [
      'a key that no allowed algorithm can use',
      () => ({ algorithms: ['RS256'], keys: { kind: 'pem', pem: pemOf(key.publicKey) } }),
      '0.keys.pem',
      /none of RS256/,
    ],
    [
      'one name for two PEMs',
      () => ({ keys: { kind: 'pem', keyId: 'k', pem: pemOf(key.publicKey) + pemOf(rsaKey.publicKey) } }),
      '0.keys.pem',
      /several keys/,
    ],
    [
      'a PEM file that is missing',
      () => ({ keys: { kind: 'publicKeyFile', file: join(directory, 'absent.pem') } }),
      '0.keys.file',
      /cannot be read/,
    ],
    [
      'a weak key in a PEM file',
      () => ({ keys: { kind: 'publicKeyFile', file: fileWith('weak.pem', pemOf(weakRsa.publicKey)) } }),
      '0.keys.file',
      /RSA below 2048/,
    ],
    [
      'a JWKS file that is missing',
      () => ({ keys: { kind: 'jwksFile', file: join(directory, 'absent.json') } }),
      '0.keys.file',
      /cannot be read/,
    ],
    [
      'a JWKS file that is not JSON',
      () => ({ keys: { kind: 'jwksFile', file: fileWith('bad.json', '{') } }),
      '0.keys.file',
      /cannot be read/,
    ],
    [
      'a JWKS file with a weak key',
      () => ({ keys: jwksFile('weak.json', jwkOf(key.publicKey), jwkOf(weakRsa.publicKey)) }),
      '0.keys.file',
      /keys\[1\] is RSA below 2048 bits/,
    ],
    [
      'a JWKS file without a usable key',
      () => ({ keys: jwksFile('none.json') }),
      '0.keys.file',
      /no key that can be used/,
    ],
    ['a URL that is none', () => ({ keys: { kind: 'jwksUrl', url: 'issuer.test/jwks' } }), '0.keys.url', /http/],
    ['a URL of a file', () => ({ keys: { kind: 'jwksUrl', url: 'file:///etc/passwd' } }), '0.keys.url', /http/],
    [
      'a URL with a password',
      () => ({ keys: { kind: 'jwksUrl', url: 'https://u:p@issuer.test/' } }),
      '0.keys.url',
      /credentials/,
    ],
    [
      'a refresh every second',
      () => ({ keys: { kind: 'jwksUrl', url: 'https://issuer.test/', refreshMs: 1000 } }),
      '0.keys.refreshMs',
      /at least 30000/,
    ],
    ['an empty claim for roles', () => ({ rolesClaim: '' }), '0.rolesClaim', /empty/],
  ];

  it.each(rows)('is told so: %s', (_name, changes, path, message) => {
    const problems = issuerProblems([{ ...sound, ...changes() }]);
    expect(problems.map((problem) => problem.path.join('.'))).toEqual([path]);
    expect(problems[0]?.message).toMatch(message);
  });

  it('is told everything at once, and that its name is taken', () => {
    const problems = issuerProblems([sound, { ...sound, audiences: [], clockToleranceMs: 61_000 }]);
    expect(problems.map(({ path }) => path.join('.'))).toEqual(['1.audiences', '1.clockToleranceMs', '1.issuer']);
  });

  it('never becomes an issuer', () => {
    const dependencies = { fetchText: createFakeJwks().fetchText, now: Date.now, log: silentLog };
    expect(() => createIssuers([{ ...sound, keys: secretOf(8) }], dependencies)).toThrow(
      'issuers.0.keys.secret: is shorter than 32 bytes',
    );
  });
});

describe('a JWKS in a file', () => {
  it('is there at start and is read again for an unknown kid', async () => {
    const next = ec();
    const keys = jwksFile('rotating.json', jwkOf(key.publicKey, { kid: 'k1' }));
    const clock = createClock();
    const verifier = createTestVerifier([{ ...sound, keys }], { clock });
    const token = (pair: typeof key, kid: string) => forge({ alg: 'ES256', kid }, claimsOf(), 'ES256', pair.privateKey);
    expect(verifier.verify(token(key, 'k1'))).toMatchObject({ accepted: true });
    jwksFile('rotating.json', jwkOf(next.publicKey, { kid: 'k2' }));
    expect(await verifier.verify(token(next, 'k2'))).toMatchObject({ accepted: true });
    expect(verifier.verify(token(key, 'k1'))).toEqual({ accepted: false, cause: 'unknown key' });
  });
});

describe('two issuers', () => {
  it('do not verify for each other, not even with one kid', async () => {
    const other = ec();
    const verifier = createTestVerifier([
      { ...sound, issuer: 'https://a.test', keys: { kind: 'pem', pem: pemOf(key.publicKey), keyId: 'k' } },
      { ...sound, issuer: 'https://b.test', keys: { kind: 'pem', pem: pemOf(other.publicKey), keyId: 'k' } },
    ]);
    const token = (iss: string, pair: typeof key) =>
      forge({ alg: 'ES256', kid: 'k' }, claimsOf({ iss }), 'ES256', pair.privateKey);
    expect(await verifier.verify(token('https://a.test', key))).toMatchObject({ accepted: true });
    expect(await verifier.verify(token('https://b.test', other))).toMatchObject({ accepted: true });
    expect(await verifier.verify(token('https://a.test', other))).toEqual({ accepted: false, cause: 'signature' });
    expect(await verifier.verify(token('https://b.test', key))).toEqual({ accepted: false, cause: 'signature' });
  });
});
