/**
 * Real: a directory of keys. Fake: the clock. Observed: which key signs, which are published, what is on disk.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/telemetry/log';
import { addSigningKey, openKeyRing } from '../../subgraphs/users/key-ring';

const START = Date.parse('2026-11-21T02:10:00Z');
let home: string;
let directory: string;
let clock: number;
const now = () => clock;
const open = () => openKeyRing({ directory, log: silentLog, now, maxAgeMs: 3_000 });

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'supergate-keys-'));
  directory = join(home, 'deep', 'keys');
  clock = START;
});

afterEach(() => rm(home, { recursive: true }));

const kids = async (ring: Awaited<ReturnType<typeof open>>) => (await ring.publicKeys()).keys.map((key) => key.kid);

describe('the key ring', () => {
  it('makes a missing directory with one key that only its owner can read', async () => {
    const ring = await open();
    const names = await readdir(directory);
    expect(names).toEqual([expect.stringMatching(/^k20261121T021000Z-[0-9a-f]{4}\.pem$/)]);
    expect(((await stat(join(directory, names[0]!))).mode & 0o777).toString(8)).toBe('600');
    expect(((await stat(directory)).mode & 0o777).toString(8)).toBe('700');
    expect(await kids(ring)).toEqual([(await ring.signingKey()).kid]);
    expect(await readdir(join(home, 'deep'))).toEqual(['keys']);
  });

  it('makes one directory when several start at once, and all use its key', async () => {
    const rings = await Promise.all([open(), open(), open(), open()]);
    const signing = await Promise.all(rings.map(async (ring) => (await ring.signingKey()).kid));
    expect(new Set(signing).size).toBe(1);
    expect(await readdir(directory)).toEqual([`${signing[0]}.pem`]);
  });

  it('keeps its key across restarts', async () => {
    const { kid } = await (await open()).signingKey();
    expect((await (await open()).signingKey()).kid).toBe(kid);
  });

  it('publishes no private part', async () => {
    const [jwk] = (await (await open()).publicKeys()).keys;
    expect(jwk).toEqual({
      kty: 'EC',
      crv: 'P-256',
      x: expect.any(String),
      y: expect.any(String),
      kid: expect.any(String),
      use: 'sig',
      alg: 'ES256',
    });
  });

  it('picks up a new key within seconds, signs with it, and publishes both', async () => {
    const ring = await open();
    const { kid: old } = await ring.signingKey();
    const next = await addSigningKey(directory, START + 1_000);
    clock += 2_999;
    expect((await ring.signingKey()).kid).toBe(old);
    clock += 1;
    expect((await ring.signingKey()).kid).toBe(next);
    expect(await kids(ring)).toEqual([old, next]);
  });

  it('publishes a key of the future at once, and signs with it from its moment on', async () => {
    const ring = await open();
    const { kid: old } = await ring.signingKey();
    const next = await addSigningKey(directory, START + 60_000);
    clock += 5_000;
    expect((await ring.signingKey()).kid).toBe(old);
    expect(await kids(ring)).toEqual([old, next]);
    clock = START + 60_000;
    expect((await ring.signingKey()).kid).toBe(next);
  });

  it('forgets a key that was removed', async () => {
    const ring = await open();
    const { kid: old } = await ring.signingKey();
    const next = await addSigningKey(directory, START + 1_000);
    await unlink(join(directory, `${old}.pem`));
    clock += 5_000;
    expect(await kids(ring)).toEqual([next]);
  });

  it('keeps the last good keys while the directory holds a broken one', async () => {
    const ring = await open();
    const { kid } = await ring.signingKey();
    const broken = join(directory, 'k20261121T021001Z-beef.pem');
    await writeFile(broken, 'half a key');
    clock += 5_000;
    expect(await kids(ring)).toEqual([kid]);
    await unlink(broken);
    const next = await addSigningKey(directory, START + 1_000);
    clock += 5_000;
    expect(await kids(ring)).toEqual([kid, next]);
  });

  it('ignores drafts and other files', async () => {
    const ring = await open();
    await writeFile(join(directory, 'README'), 'hello');
    await writeFile(join(directory, 'k20271121T021001Z-beef.pem.draft'), 'half a key');
    clock += 5_000;
    expect(await kids(ring)).toHaveLength(1);
  });

  it.each([
    ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['another curve', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ])('does not start with a key of %s', async (_name, generate) => {
    await open();
    const pem = generate().privateKey.export({ format: 'pem', type: 'pkcs8' });
    await writeFile(join(directory, 'k20261121T021001Z-beef.pem'), pem);
    await expect(open()).rejects.toThrow(/k20261121T021001Z-beef.pem is not an ES256/);
  });
});
