/**
 * Idempotency keys: how a client repeats a mutation without repeating its effect. Pure.
 * The keys live beside what they made (`unique (payer_id, idempotency_key)`), so that the database settles races.
 */
import { createHash } from 'node:crypto';
import { badUserInput, conflict } from '../shared/errors';

/** Throws BAD_USER_INPUT when `key` is not 1 to 200 printable ASCII characters. */
export function checkIdempotencyKey(key: string): void {
  if (!/^[\x21-\x7e]{1,200}$/.test(key)) {
    throw badUserInput('idempotencyKey must be 1 to 200 printable ASCII characters.', 'idempotencyKey');
  }
}

/** A hash of what was asked for; the order of `parts` counts. */
export function fingerprintOf(...parts: readonly (string | number | null | undefined)[]): string {
  return createHash('sha256')
    .update(JSON.stringify(parts.map((part) => part ?? null)))
    .digest('hex');
}

/** What the key made before. Throws CONFLICT when it was made of another input. */
export function sameInput<Row extends { readonly fingerprint: string }>(made: Row, fingerprint: string): Row {
  if (made.fingerprint === fingerprint) return made;
  throw conflict('This idempotency key was used with another input.');
}
