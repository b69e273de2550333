/**
 * Password hashes: scrypt with its parameters and salt beside the hash, so that the cost can be raised later.
 * In: a password. Out: `$scrypt$ln=15,r=8,p=3$salt$hash`. The work runs on the thread pool, not on the event loop.
 * Never compares in a time that tells how much was right.
 */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

interface Parameters {
  /** log2 of N. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

/** 32 MiB and three passes: the OWASP recommendation for this memory. */
const CURRENT: Parameters = { ln: 15, r: 8, p: 3 };
const HASH_BYTES = 32;
const SALT_BYTES = 16;
const MAX_LN = 18;

/** The hash to store for `password`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return format(CURRENT, salt, await derive(password, salt, CURRENT, HASH_BYTES));
}

/**
 * Whether `password` has this hash. Without a hash (an unknown user) it works just as long and answers false.
 * Throws when the stored hash is not one of ours.
 */
export async function verifyPassword(password: string, stored: string | undefined): Promise<boolean> {
  const { parameters, salt, hash } = parse(stored ?? nobodysHash);
  const candidate = await derive(password, salt, parameters, hash.length);
  return timingSafeEqual(candidate, hash) && stored !== undefined;
}

function format({ ln, r, p }: Parameters, salt: Buffer, hash: Buffer): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

const nobodysHash = format(CURRENT, Buffer.alloc(SALT_BYTES), Buffer.alloc(HASH_BYTES));

function parse(stored: string): { parameters: Parameters; salt: Buffer; hash: Buffer } {
  const match = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([\w-]+)\$([\w-]+)$/.exec(stored);
  const [, ln, r, p, salt = '', hash = ''] = match ?? [];
  const parameters = { ln: Number(ln), r: Number(r), p: Number(p) };
  if (!match || parameters.ln > MAX_LN) throw new Error('A stored password hash has an unknown format');
  return { parameters, salt: Buffer.from(salt, 'base64url'), hash: Buffer.from(hash, 'base64url') };
}

function derive(password: string, salt: Buffer, { ln, r, p }: Parameters, length: number): Promise<Buffer> {
  const N = 2 ** ln;
  const options: ScryptOptions = { N, r, p, maxmem: 256 * N * r };
  // The same characters typed on another keyboard may be other code points.
  const normalised = password.normalize('NFKC');
  return new Promise((resolve, reject) => {
    scrypt(normalised, salt, length, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
