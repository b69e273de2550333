/**
 * Password hashes: scrypt with its parameters and salt beside the hash, so that the cost can be raised later.
 * In: a password. Out: `$scrypt$ln=15,r=8,p=3$salt$hash`. The work runs on the thread pool, not on the event loop.
 * Never compares in a time that tells how much was right.
 */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

export interface PasswordCost {
  /** log2 of N: memory is `128 * r * 2 ** ln` bytes. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

export interface Passwords {
  /** The hash to store for `password`. */
  hash(password: string): Promise<string>;
  /**
   * Whether `password` has this hash. Without a hash (an unknown user) it works just as long and answers false.
   * Rejects when the stored hash is not one of ours.
   */
  verify(password: string, stored: string | undefined): Promise<boolean>;
}

/** 32 MiB and three passes: the OWASP recommendation for this memory; about 0.2 s. */
export const recommendedCost: PasswordCost = { ln: 15, r: 8, p: 3 };
const HASH_BYTES = 32;
const SALT_BYTES = 16;
const MAX_LN = 18;

/** Hashes at `cost` from now on; what was hashed at another cost is still verified. */
export function createPasswords(cost: PasswordCost = recommendedCost): Passwords {
  const nobodysHash = format(cost, Buffer.alloc(SALT_BYTES), Buffer.alloc(HASH_BYTES));
  return {
    async hash(password) {
      const salt = randomBytes(SALT_BYTES);
      return format(cost, salt, await derive(password, salt, cost, HASH_BYTES));
    },
    async verify(password, stored) {
      const { cost: storedCost, salt, hash } = parse(stored ?? nobodysHash);
      const candidate = await derive(password, salt, storedCost, hash.length);
      return timingSafeEqual(candidate, hash) && stored !== undefined;
    },
  };
}

function format({ ln, r, p }: PasswordCost, salt: Buffer, hash: Buffer): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

function parse(stored: string): { cost: PasswordCost; salt: Buffer; hash: Buffer } {
  const match = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([\w-]+)\$([\w-]+)$/.exec(stored);
  const [, ln, r, p, salt = '', hash = ''] = match ?? [];
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) };
  if (!match || cost.ln > MAX_LN) throw new Error('A stored password hash has an unknown format');
  return { cost, salt: Buffer.from(salt, 'base64url'), hash: Buffer.from(hash, 'base64url') };
}

function derive(password: string, salt: Buffer, { ln, r, p }: PasswordCost, length: number): Promise<Buffer> {
  const N = 2 ** ln;
  const options: ScryptOptions = { N, r, p, maxmem: 256 * N * r };
  // The same characters typed on another keyboard may be other code points.
  const normalised = password.normalize('NFKC');
  return new Promise((resolve, reject) => {
    scrypt(normalised, salt, length, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
