/** Real: key files in a directory of the test's own. Fake: the clock. Observed: tokens that the gateway's verifier judges. */
import { createPublicKey } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import jsonwebtoken from 'jsonwebtoken';
import { createDevToken, type DevTokenOptions } from '../../src/context/dev-token';
import { createClock, createFakeJwks, createTestVerifier, ec, jwkOf, nowS, rsa } from './forge';

let root: string;
let keysDirectory: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dev-token-'));
  keysDirectory = join(root, '.data', 'keys');
});
afterEach(() => rmSync(root, { recursive: true }));

const clock = createClock();
const make = (options: Partial<DevTokenOptions> = {}) =>
  createDevToken({ sub: 'user-1', keysDirectory, now: clock.now, ...options });

function issue(options: Partial<DevTokenOptions> = {}) {
  const made = make(options);
  if (!made.issued) throw new Error(made.problem);
  const { header, payload } = jsonwebtoken.decode(made.token, { complete: true })!;
  return { ...made, header, payload: payload as Record<string, unknown> };
}

function addKey(kid: string, pair = ec()): void {
  mkdirSync(keysDirectory, { recursive: true });
  writeFileSync(join(keysDirectory, `${kid}.pem`), pair.privateKey.export({ format: 'pem', type: 'pkcs8' }));
}

describe('a development token', () => {
  it('is accepted by a gateway that trusts the local issuer', async () => {
    const { token, keyId } = issue({ roles: 'ADMIN,USER', scopes: 'read:user, write:post' });
    const publicKey = createPublicKey(readFileSync(join(keysDirectory, `${keyId}.pem`)));
    const verifier = createTestVerifier(
      [
        {
          issuer: 'https://users.supergate.local',
          audiences: ['supergate'],
          keys: { kind: 'jwksUrl', url: 'http://127.0.0.1/jwks' },
        },
      ],
      { clock, jwks: createFakeJwks([jwkOf(publicKey, { kid: keyId })]) },
    );
    expect(await verifier.verify(token)).toMatchObject({
      accepted: true,
      identity: { subject: 'user-1', roles: ['ADMIN', 'USER'], scopes: ['read:user', 'write:post'] },
    });
  });

  it('has ES256, kid, and the claims that the users subgraph gives', () => {
    const { header, payload, keyId, expiresAt } = issue();
    expect(header).toEqual({ alg: 'ES256', typ: 'JWT', kid: keyId });
    expect(payload).toEqual({
      sub: 'user-1',
      roles: [],
      scopes: [],
      iss: 'https://users.supergate.local',
      aud: 'supergate',
      iat: nowS,
      exp: nowS + 900,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(expiresAt.getTime()).toBe((nowS + 900) * 1000);
  });

  it('takes issuer and audience from the caller', () => {
    expect(issue({ issuer: 'https://a.test', audience: 'b' }).payload).toMatchObject({
      iss: 'https://a.test',
      aud: 'b',
    });
  });

  it.each([
    ['30s', 30],
    ['1s', 1],
    ['15m', 900],
    ['2h', 7200],
    ['24h', 86_400],
    ['1440m', 86_400],
    ['86400s', 86_400],
  ])('lives as long as --expires says: %s', (expires, seconds) => {
    expect(issue({ expires }).payload.exp).toBe(nowS + seconds);
  });

  it.each([
    '',
    '15',
    'm',
    '0s',
    '-5m',
    '1.5h',
    '25h',
    '1441m',
    '86401s',
    '2d',
    '15 m',
    '15M',
    '1e3s',
    '999999999h',
    '٣s',
  ])('is not issued for --expires %j', (expires) => {
    expect(make({ expires })).toEqual({ issued: false, problem: expect.stringContaining('--expires') });
  });

  it.each(['', ' ', ' a', 'a ', 'a\nb', 'a\u0000', 'x'.repeat(256)])('is not issued for --sub %j', (sub) => {
    expect(make({ sub })).toEqual({ issued: false, problem: expect.stringContaining('--sub') });
  });

  it.each(['a,,b', ',', 'a b', 'a,\n'])('is not issued for --roles %j', (roles) => {
    expect(make({ roles })).toEqual({ issued: false, problem: expect.stringContaining('--roles') });
  });

  it('is not issued for --scopes with a gap', () => {
    expect(make({ scopes: 'a,,b' })).toEqual({ issued: false, problem: expect.stringContaining('--scopes') });
  });

  it('leaves the disk alone when the words are wrong', () => {
    make({ sub: '' });
    expect(existsSync(keysDirectory)).toBe(false);
  });
});

describe('the key of a development token', () => {
  it('is made when there is none, for the eyes of its owner alone', () => {
    const { keyId } = issue();
    expect(keyId).toMatch(/^k20261121T\d{6}Z-[0-9a-f]{4}$/);
    expect(readdirSync(keysDirectory)).toEqual([`${keyId}.pem`]);
    expect(statSync(join(keysDirectory, `${keyId}.pem`)).mode & 0o777).toBe(0o600);
    expect(statSync(keysDirectory).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(root, '.data'))).toEqual(['keys']);
  });

  it('is made in a directory that is empty', () => {
    mkdirSync(keysDirectory, { recursive: true });
    expect(issue().keyId).toMatch(/^k2026/);
  });

  it('is the same for the next token', () => {
    expect(issue().keyId).toBe(issue().keyId);
  });

  it('is the newest by name', () => {
    addKey('k20250101T000000Z-ffff');
    addKey('k20261121T021000Z-0000');
    addKey('k20260601T000000Z-eeee');
    expect(issue().keyId).toBe('k20261121T021000Z-0000');
  });

  it('is not one whose moment is still to come, unless there is no other', () => {
    addKey('k20270101T000000Z-ffff');
    expect(issue().keyId).toBe('k20270101T000000Z-ffff');
    addKey('k20261121T120000Z-0000');
    addKey('k20261121T120001Z-0000');
    expect(issue().keyId).toBe('k20261121T120000Z-0000');
  });

  it('is not a file of another kind', () => {
    addKey('k20250101T000000Z-ffff');
    writeFileSync(join(keysDirectory, 'z.txt'), 'x');
    writeFileSync(join(keysDirectory, '.zz.pem'), 'x');
    expect(issue().keyId).toBe('k20250101T000000Z-ffff');
  });

  it.each<[string, () => void, string]>([
    [
      'is not a key',
      () => {
        addKey('k1');
        writeFileSync(join(keysDirectory, 'k2.pem'), 'x');
      },
      'cannot be used',
    ],
    ['is RSA', () => addKey('k1', rsa()), 'not an ES256'],
    ['is on another curve', () => addKey('k1', ec('P-384')), 'not an ES256'],
    [
      'is missing beside other files',
      () => {
        mkdirSync(keysDirectory, { recursive: true });
        writeFileSync(join(keysDirectory, 'a.txt'), '');
      },
      'holds no key',
    ],
    [
      'is in a directory that is a file',
      () => {
        mkdirSync(join(root, '.data'));
        writeFileSync(keysDirectory, '');
      },
      'cannot be used',
    ],
  ])('is a problem, told in words, when it %s', (_name, prepare, words) => {
    prepare();
    const before = existsSync(keysDirectory) && statSync(keysDirectory).isDirectory() ? readdirSync(keysDirectory) : [];
    expect(make()).toEqual({ issued: false, problem: expect.stringContaining(words) });
    expect(readdirSync(join(root, '.data'))).toEqual(['keys']);
    if (before.length > 0) expect(readdirSync(keysDirectory)).toEqual(before);
  });

  it('never appears in a problem', () => {
    addKey('k1', ec('P-384'));
    chmodSync(join(keysDirectory, 'k1.pem'), 0o644);
    expect(JSON.stringify(make())).not.toContain('PRIVATE');
  });
});
