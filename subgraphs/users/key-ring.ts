/**
 * The keys that sign access tokens: a directory of PKCS#8 PEM files named `<kid>.pem`, a kid beginning with the moment
 * it was made (`k20261121T021000Z-1f0c`). The last by name signs, all are published. Clock: read every few seconds.
 * To rotate: add a file; remove the old one when its last token has expired. A key with a moment to come is published
 * at once and signs from then on, so that nobody meets a token before its key.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Log } from '../../src/telemetry/log';
import { hasCode, loggable } from '../shared/errors';

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  /** As published: public parts alone. */
  readonly jwk: Readonly<JsonWebKey>;
}

export interface KeyRing {
  /** The key that signs now. */
  signingKey(): Promise<SigningKey>;
  /** What is published at `/.well-known/jwks.json`. */
  publicKeys(): Promise<{ readonly keys: readonly Readonly<JsonWebKey>[] }>;
}

export interface KeyRingOptions {
  readonly directory: string;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** How old what we know of the directory may be. */
  readonly maxAgeMs?: number;
}

const DEFAULT_MAX_AGE_MS = 3_000;
const KEY_FILE = /^[A-Za-z0-9][A-Za-z0-9._-]*\.pem$/;
const MOMENT = /^k(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/;

/**
 * Opens the directory, or makes it with one key (mode 600). Rejects when it holds no usable key.
 * Later, an unreadable directory or file leaves the last good keys in place and is logged.
 */
export async function openKeyRing(options: KeyRingOptions): Promise<KeyRing> {
  const { directory, log, now = Date.now, maxAgeMs = DEFAULT_MAX_AGE_MS } = options;
  let keys = await readOrCreate(directory, now());
  let readAt = now();
  let reading: Promise<void> | undefined;

  const read = async () => {
    try {
      keys = await readKeys(directory, keys);
    } catch (error) {
      log.error({ ...loggable(error), directory }, 'The signing keys could not be read again; the known ones stay');
    }
    readAt = now();
    reading = undefined;
  };
  const current = async (): Promise<readonly SigningKey[]> => {
    if (now() - readAt >= maxAgeMs) {
      reading ??= read();
      await reading;
    }
    return keys;
  };
  return {
    async signingKey() {
      const known = await current();
      const key = known.findLast(({ kid }) => momentOf(kid) <= now()) ?? known[0];
      if (!key) throw new Error(`${directory} holds no signing key`);
      return key;
    },
    publicKeys: async () => ({ keys: (await current()).map(({ jwk }) => jwk) }),
  };
}

/** Adds a key to the directory and answers its kid; `at` is when it begins to sign. */
export async function addSigningKey(directory: string, at: number): Promise<string> {
  const { kid, pem } = await generateKey(at);
  const path = join(directory, `${kid}.pem`);
  // A reader must never see half a file: drafts do not end in .pem.
  await writeFile(`${path}.draft`, pem, { mode: 0o600, flag: 'wx' });
  await rename(`${path}.draft`, path);
  return kid;
}

async function readOrCreate(directory: string, now: number): Promise<SigningKey[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  if (!names.some((name) => KEY_FILE.test(name))) await createDirectory(directory, now);
  const keys = await readKeys(directory, []);
  if (keys.length === 0) throw new Error(`${directory} holds no key named <kid>.pem`);
  return keys;
}

/** Made elsewhere and moved here whole: of two processes that do so at once, one wins and both use its key. */
async function createDirectory(directory: string, now: number): Promise<void> {
  await mkdir(dirname(directory), { recursive: true });
  const draft = await mkdtemp(`${directory}.new-`);
  try {
    await addSigningKey(draft, now);
    await rename(draft, directory);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
}

async function readKeys(directory: string, known: readonly SigningKey[]): Promise<SigningKey[]> {
  const names = (await readdir(directory)).filter((name) => KEY_FILE.test(name)).sort();
  if (names.length === 0) throw new Error(`${directory} holds no key named <kid>.pem`);
  const byKid = new Map(known.map((key) => [key.kid, key]));
  return await Promise.all(
    names.map(async (name) => {
      const kid = name.slice(0, -'.pem'.length);
      return byKid.get(kid) ?? readKey(kid, await readFile(join(directory, name), 'utf8'));
    }),
  );
}

function readKey(kid: string, pem: string): SigningKey {
  const privateKey = createPrivateKey(pem);
  if (privateKey.asymmetricKeyType !== 'ec' || privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new Error(`${kid}.pem is not an ES256 (P-256) private key`);
  }
  const { kty, crv, x, y } = createPublicKey(privateKey).export({ format: 'jwk' }) as JsonWebKey;
  return { kid, privateKey, jwk: { kty, crv, x, y, kid, use: 'sig', alg: 'ES256' } as JsonWebKey };
}

async function generateKey(at: number): Promise<{ kid: string; pem: string }> {
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const moment = new Date(at).toISOString().replace(/\.\d+/, '').replace(/[-:]/g, '');
  const kid = `k${moment}-${randomBytes(2).toString('hex')}`;
  return { kid, pem: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string };
}

/** A kid of another form has always begun. */
function momentOf(kid: string): number {
  const [, year, month, day, hour, minute, second] = MOMENT.exec(kid)?.map(Number) ?? [];
  return year === undefined ? 0 : Date.UTC(year, (month ?? 1) - 1, day, hour, minute, second);
}
