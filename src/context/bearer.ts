/**
 * Reads the credential of an HTTP request from its headers as they arrived (RFC 6750 section 2.1).
 * In: node's `rawHeaders`. Out: a credential, none, or one that cannot be read. Clock: per request.
 * It must never read node's `headers`: there the first of two Authorization headers silently wins.
 */

/** What a door found. Other sources (cookie, connection_init, API key) become further kinds. */
export type Credential =
  | { readonly kind: 'none' }
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'unreadable'; readonly cause: 'several headers' | 'not a bearer token' };

const none: Credential = { kind: 'none' };
/** b64token of RFC 6750: no comma, no space, hence no second credential in the same header. */
const bearer = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * The bearer token of a request.
 *
 * `['Host', 'a', 'Authorization', 'Bearer x.y.z']` becomes `{ kind: 'bearer', token: 'x.y.z' }`. An empty header or
 * another scheme is unreadable, not anonymous: who shows a credential wants it to count.
 */
export function readCredential(rawHeaders: readonly string[]): Credential {
  const [value, ...others] = headerValues(rawHeaders, 'authorization');
  if (value === undefined) return none;
  if (others.length > 0) return { kind: 'unreadable', cause: 'several headers' };
  const token = bearer.exec(value)?.[1];
  return token === undefined ? { kind: 'unreadable', cause: 'not a bearer token' } : { kind: 'bearer', token };
}

/** All values of a header, in order; `name` in lower case. `rawHeaders` is name, value, name, value. */
export function headerValues(rawHeaders: readonly string[], name: string): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const given = rawHeaders[index];
    // Most names have another length: only the rest is worth a new string.
    if (given?.length === name.length && given.toLowerCase() === name) values.push(rawHeaders[index + 1] ?? '');
  }
  return values;
}
