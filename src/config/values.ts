/**
 * The kinds of values that a configuration is made of, each with its bounds and the words for what breaks them.
 * The floor. Clock: per start.
 */
import { isIP } from 'node:net';
import { z } from 'zod';

/** Timers of Node overflow beyond this: a longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

export const milliseconds = () => z.int().min(1).max(maxTimerMs);
export const count = () => z.int().min(1).max(Number.MAX_SAFE_INTEGER);
export const httpUrl = () => z.url({ protocol: /^https?$/, error: 'expected an http or https URL' });
export const text = () => z.string().min(1, { error: 'must not be empty' });
export const list = <T extends z.ZodType>(item: T) => z.array(item).default([]);

const minSecretBytes = 32;
export const secret = () =>
  z.string().refine((value) => Buffer.byteLength(value) >= minSecretBytes, {
    error: `a secret needs at least ${minSecretBytes} bytes`,
  });

/** A value that is shown to nobody: JSON Schema's own word for it is `writeOnly`. */
export const hidden = <T extends z.ZodType>(value: T): T => value.meta({ writeOnly: true });

/** What can change while the gateway runs. What is below it can, too, unless it says otherwise. */
export const reloadable = <T extends z.ZodType>(value: T, can = true): T => value.meta({ reloadable: can });

/** Connection management belongs to the gateway, and a body's length and coding to the body. */
const unforwardableHeaders = [
  'connection',
  'content-encoding',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
export const headerName = () =>
  z
    .string()
    .regex(/^[!#$%&'*+.^_`|~0-9a-z-]+$/, { error: 'expected a header name in lower case' })
    .refine((name) => !unforwardableHeaders.includes(name), {
      error: 'this header belongs to one connection and is never forwarded',
    });

/** `10.0.0.0/8`, `::1`. */
export const addressRange = () =>
  z.string().refine(isAddressRange, { error: 'expected an address or a range such as "10.0.0.0/8" or "::1"' });

function isAddressRange(range: string): boolean {
  const [address = '', prefix, ...more] = range.split('/');
  const bits = { 4: 32, 6: 128 }[isIP(address)];
  if (bits === undefined || more.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
}

export const corsOrigin = () =>
  z.string().refine((value) => value === '*' || (URL.canParse(value) && new URL(value).origin === value), {
    error: 'expected an origin such as "https://app.example.com", or "*"',
  });
