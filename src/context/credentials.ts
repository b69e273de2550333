/**
 * Finds the credential of a request or a connection, in the sources that are configured: headers, a cookie, the payload
 * of `connection_init`, `extensions`. In: names and values as they came. Out: the one credential, none, or an unreadable
 * one. Clock: per request. It must never choose between two credentials, nor read node's `headers`: there the first of
 * two Authorization headers silently wins.
 */

/** What a door found. */
export type Credential =
  | { readonly kind: 'none' }
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'apiKey'; readonly key: string }
  | { readonly kind: 'unreadable'; readonly cause: 'several credentials' | 'not a bearer token' | 'not an API key' };

export interface CredentialSources {
  /** The header `Authorization`. */
  readonly header: boolean;
  /** The name of a cookie that holds a token. */
  readonly cookie?: string | undefined;
  /** The payload of a WebSocket's `connection_init` (and of its later `ping`s). */
  readonly connectionInit: boolean;
  /** The `extensions` of an operation. */
  readonly extensions: boolean;
  /** The header of API keys, in lower case; absent: there are none. */
  readonly apiKeyHeader?: string | undefined;
}

/** Names and values in turn, as node's `rawHeaders` has them. */
type RawHeaders = readonly string[];

export interface CredentialReader {
  ofRequest(rawHeaders: RawHeaders, extensions: unknown): Credential;
  /** `rawHeaders` of the request that became a WebSocket, and the payload of its `connection_init`. */
  ofConnection(rawHeaders: RawHeaders, payload: unknown): Credential;
  /** One operation of a connection: its `extensions`. */
  ofOperation(extensions: unknown): Credential;
  /** The payload of a `ping`. */
  ofPayload(payload: unknown): Credential;
  /** Whether a connection may come without credentials, because each of its operations may bring them. */
  readonly perOperation: boolean;
}

const none: Credential = { kind: 'none' };
const several: Credential = { kind: 'unreadable', cause: 'several credentials' };
/** b64token of RFC 6750: no comma, no space, hence no second credential in the same header. */
const bearer = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;
const token = /^[A-Za-z0-9._~+/-]+=*$/;
const printableAscii = /^[\x21-\x7e]+$/;

/**
 * A reader of these sources. `{ "authorization": "Bearer x.y.z" }` in a payload or in `extensions` says the same as the
 * header of that name, in any case of letters. An empty value or another scheme is unreadable, not anonymous: who shows
 * a credential wants it to count.
 */
export function createCredentialReader(sources: CredentialSources): CredentialReader {
  const fromHeaders = (rawHeaders: RawHeaders) => readHeaders(rawHeaders, sources);
  const fromPayload = (payload: unknown) => readPayload(payload, sources.apiKeyHeader);
  return {
    ofRequest: (rawHeaders, extensions) =>
      oneOf(fromHeaders(rawHeaders), sources.extensions ? fromPayload(extensions) : none),
    ofConnection: (rawHeaders, payload) =>
      oneOf(fromHeaders(rawHeaders), sources.connectionInit ? fromPayload(payload) : none),
    ofOperation: (extensions) => (sources.extensions ? fromPayload(extensions) : none),
    ofPayload: (payload) => (sources.connectionInit ? fromPayload(payload) : none),
    perOperation: sources.extensions,
  };
}

/** All values of a header, in order; `name` in lower case. */
export function headerValues(rawHeaders: RawHeaders, name: string): readonly string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    if (isNamed(rawHeaders[index], name)) values.push(rawHeaders[index + 1] ?? '');
  }
  return values;
}

function isNamed(given: string | undefined, name: string): boolean {
  // Most names have another length: only the rest is worth a new string.
  return given?.length === name.length && given.toLowerCase() === name;
}

/** Two credentials are refused even where they are equal: two readers may each see another one. */
function oneOf(first: Credential, second: Credential): Credential {
  if (first.kind === 'none') return second;
  return second.kind === 'none' ? first : several;
}

function readHeaders(rawHeaders: RawHeaders, { header, cookie, apiKeyHeader }: CredentialSources): Credential {
  let found = none;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    const value = rawHeaders[index + 1] ?? '';
    if (header && isNamed(name, 'authorization')) found = oneOf(found, toBearer(value));
    else if (cookie !== undefined && isNamed(name, 'cookie')) found = oneOf(found, readCookie(value, cookie));
    else if (apiKeyHeader !== undefined && isNamed(name, apiKeyHeader)) found = oneOf(found, toApiKey(value));
  }
  return found;
}

/** RFC 6265 section 5.4: `a=1; b=2`. A cookie's name is compared exactly. */
function readCookie(header: string, name: string): Credential {
  let found = none;
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
    const value = pair.slice(equals + 1).trim();
    found = oneOf(found, token.test(value) ? { kind: 'bearer', token: value } : unreadableToken);
  }
  return found;
}

function readPayload(payload: unknown, apiKeyHeader: string | undefined): Credential {
  if (typeof payload !== 'object' || payload === null) return none;
  let found = none;
  for (const name of Object.keys(payload)) {
    const isToken = isNamed(name, 'authorization');
    if (!isToken && !(apiKeyHeader !== undefined && isNamed(name, apiKeyHeader))) continue;
    const value = (payload as Readonly<Record<string, unknown>>)[name];
    if (value !== null && value !== undefined) found = oneOf(found, isToken ? toBearer(value) : toApiKey(value));
  }
  return found;
}

const unreadableToken: Credential = { kind: 'unreadable', cause: 'not a bearer token' };

function toBearer(value: unknown): Credential {
  const found = typeof value === 'string' ? bearer.exec(value)?.[1] : undefined;
  return found === undefined ? unreadableToken : { kind: 'bearer', token: found };
}

function toApiKey(value: unknown): Credential {
  const isKey = typeof value === 'string' && printableAscii.test(value);
  return isKey ? { kind: 'apiKey', key: value } : { kind: 'unreadable', cause: 'not an API key' };
}
