/**
 * Whether a webhook came from the provider, just now. In: header, raw body, secrets, time. Out: a verdict. Pure.
 * `webhook-signature: t=1700000000,v1=<hex HMAC-SHA256 of "t.body">`; several `v1` while a secret is being changed.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** How far the provider's clock and the travel of a webhook may be off, in seconds, to either side. */
export const TOLERANCE_S = 300;
const MAX_HEADER_LENGTH = 1024;

export type SignatureVerdict =
  | { readonly valid: true }
  /** The cause is for the log; the sender learns only that it was refused. */
  | { readonly valid: false; readonly cause: 'missing' | 'malformed' | 'outside tolerance' | 'mismatch' };

/** The header a provider sends; for tests and for trying the endpoint by hand. `timestamp` in seconds. */
export function signWebhook(body: string | Buffer, secret: string, timestamp: number): string {
  return `t=${timestamp},v1=${digest(body, secret, String(timestamp)).toString('hex')}`;
}

/** Compares in constant time. `nowMs` in milliseconds since the epoch. */
export function verifyWebhook(
  header: string | readonly string[] | undefined,
  body: Buffer,
  secrets: readonly string[],
  nowMs: number,
): SignatureVerdict {
  if (header === undefined) return { valid: false, cause: 'missing' };
  const parsed = typeof header === 'string' ? parseHeader(header) : undefined;
  if (!parsed) return { valid: false, cause: 'malformed' };
  if (Math.abs(nowMs / 1000 - Number(parsed.timestamp)) > TOLERANCE_S) {
    return { valid: false, cause: 'outside tolerance' };
  }
  const expected = secrets.map((secret) => digest(body, secret, parsed.timestamp));
  const matches = parsed.signatures.some((given) => expected.some((wanted) => timingSafeEqual(given, wanted)));
  return matches ? { valid: true } : { valid: false, cause: 'mismatch' };
}

function digest(body: string | Buffer, secret: string, timestamp: string): Buffer {
  return createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest();
}

function parseHeader(header: string): { timestamp: string; signatures: Buffer[] } | undefined {
  if (header.length > MAX_HEADER_LENGTH) return undefined;
  const parts = header.split(',').map((part) => part.trim());
  const timestamps = parts.filter((part) => /^t=\d{1,12}$/.test(part)).map((part) => part.slice(2));
  const signatures = parts
    .filter((part) => /^v1=[0-9a-f]{64}$/i.test(part))
    .map((part) => Buffer.from(part.slice(3), 'hex'));
  const [timestamp] = timestamps;
  if (timestamp === undefined || timestamps.length > 1 || signatures.length === 0) return undefined;
  return { timestamp, signatures };
}
