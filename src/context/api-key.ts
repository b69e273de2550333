/**
 * An API key: `sgk_<id>_<secret>`, and what is stored of it.
 * In: text from a client, or JSON from a key store. Out: an id, a hash, a checked record. Clock: per key, per request.
 *
 * The secret has 256 random bits. Nobody can guess it, so that one SHA-256 protects it as well as a slow hash would,
 * and costs microseconds at every request. The id is public: it finds the record and opens nothing.
 */
import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';

export interface NewApiKey {
  readonly id: string;
  /** Shown once, never stored. */
  readonly key: string;
  readonly sha256: Buffer;
}

/** What a gateway needs to know of a key. */
export interface ApiKeyRecord {
  readonly id: string;
  /** Two while a rotation overlaps: the old one until its moment, in milliseconds since the epoch. */
  readonly hashes: readonly { readonly sha256: Buffer; readonly until: number | undefined }[];
  /** Whom a request with the key counts as. */
  readonly subject: string;
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  readonly tier: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
}

const secretBytes = 32;
const idLength = 12;
const idAlphabet = 'abcdefghijklmnopqrstuvwxyz234567';
const form = /^sgk_([a-z2-7]{12})_[A-Za-z0-9_-]{43}$/;
const idForm = /^[a-z2-7]{12}$/;

/** A new secret, for a new key or (with its `id`) for a rotation. */
export function createApiKey(id = newId()): NewApiKey {
  const key = `sgk_${id}_${randomBytes(secretBytes).toString('base64url')}`;
  return { id, key, sha256: hashOfApiKey(key) };
}

/** The id in a key; undefined for what is not of a key's form. */
export function idOfApiKey(key: string): string | undefined {
  return form.exec(key)?.[1];
}

/** SHA-256 of the whole text. */
export function hashOfApiKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** Five bits of a byte are one letter of 32. */
function newId(): string {
  return Array.from(randomBytes(idLength), (byte) => idAlphabet[byte & 31]).join('');
}

const name = () => z.string().regex(/^[^\p{C}\p{Zl}\p{Zp}]{1,255}$/u);
const moment = () => z.iso.datetime();

/** The fields of a record as JSON has them, in the file and over HTTP. */
export const apiKeyFields = {
  id: z.string().regex(idForm),
  subject: name(),
  roles: z.array(name()).max(100),
  scopes: z.array(name()).max(100),
  tier: name().nullish(),
  expiresAt: moment().nullish(),
  hashes: z
    .array(z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), until: moment().nullish() }))
    .min(1)
    .max(2),
};

export type ApiKeyFields = z.output<z.ZodObject<typeof apiKeyFields>>;

/** Moments and hashes as values that are compared. */
export function toApiKeyRecord({ hashes, tier, expiresAt, ...fields }: ApiKeyFields): ApiKeyRecord {
  return {
    id: fields.id,
    subject: fields.subject,
    roles: fields.roles,
    scopes: fields.scopes,
    tier: tier ?? undefined,
    expiresAt: toMilliseconds(expiresAt),
    hashes: hashes.map(({ sha256, until }) => ({ sha256: Buffer.from(sha256, 'hex'), until: toMilliseconds(until) })),
  };
}

function toMilliseconds(text: string | null | undefined): number | undefined {
  return text === null || text === undefined ? undefined : Date.parse(text);
}
