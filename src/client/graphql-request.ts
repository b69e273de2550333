/**
 * An HTTP request to the GraphQL path in, `GraphQLParams` out (GraphQL over HTTP, section 5). Clock: per request.
 * First the headers (before the body is read), then the parameters. Every fault is a `ClientError`.
 */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { ClientError } from '../errors';
import type { GraphQLParams } from './door';
import { parseJson } from './json-text';
import { checkBodyHeaders, checkJsonType, inflateBody, parseContentType, parseJsonBody } from './request-body';

/** A browser sends these to another origin without a preflight, so they prove nothing about who wrote the request. */
const simpleTypes: readonly string[] = ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain'];

/** A custom header forces a preflight. These two are Apollo's, and every Apollo client sends the first. */
const preflightHeaders = ['x-apollo-operation-name', 'apollo-require-preflight'] as const;

/**
 * Refuses a request by its headers alone.
 * Throws CSRF_PREVENTED for a request that a foreign page can make without a preflight, and UNSUPPORTED_MEDIA_TYPE.
 */
export function checkHeaders(method: 'GET' | 'POST', headers: IncomingHttpHeaders): void {
  // A GET has no body to type, and a type that browsers misjudge has been a way around CSRF prevention.
  if (method === 'GET' && headers['content-type'] !== undefined) checkJsonType(headers['content-type'], 'GET');
  preventCsrf(headers);
  if (method === 'POST') checkBodyHeaders(headers, method);
}

/** The same for requests that do nothing without rights: a page of another site can lend them its reader's cookies alone. */
export function preventCookieCsrf(headers: IncomingHttpHeaders): void {
  if (headers.cookie !== undefined && headers.authorization === undefined) preventCsrf(headers);
}

/** Throws CSRF_PREVENTED for a request that a page of another site can make without a preflight. */
export function preventCsrf(headers: IncomingHttpHeaders): void {
  const contentType = headers['content-type'];
  if (contentType !== undefined && !simpleTypes.includes(parseContentType(contentType).essence)) return;
  if (preflightHeaders.some((name) => headers[name] !== undefined && headers[name] !== '')) return;
  throw new ClientError(
    'CSRF_PREVENTED',
    `A page of another site could have made this request. Send the content type application/json, or one of the headers ${preflightHeaders.join(', ')}.`,
  );
}

/** The parameters of a POST: its body is inflated, decoded and narrowed. Throws BAD_REQUEST, PAYLOAD_TOO_LARGE. */
export function readPost(
  headers: IncomingHttpHeaders,
  body: Buffer | undefined,
  maxBodyBytes: number,
): GraphQLParams | Promise<GraphQLParams> {
  const coding = headers['content-encoding'];
  if (coding === undefined || body === undefined) return narrowParams(parseJsonBody(body));
  return inflateBody(body, coding, maxBodyBytes).then((plain) => narrowParams(parseJsonBody(plain)));
}

/** The parameters of a GET: `search` is the query string, with or without its `?`. Throws BAD_REQUEST. */
export function readGet(search: string): GraphQLParams {
  const given = new URLSearchParams(search);
  return narrowParams({
    query: single(given, 'query'),
    documentId: single(given, 'documentId'),
    doc_id: single(given, 'doc_id'),
    id: single(given, 'id'),
    operationName: single(given, 'operationName'),
    variables: jsonOf(given, 'variables'),
    extensions: jsonOf(given, 'extensions'),
  });
}

function single(given: URLSearchParams, name: string): string | undefined {
  const values = given.getAll(name);
  if (values.length > 1) throw new ClientError('BAD_REQUEST', `The URL gives "${name}" more than once.`);
  return values[0];
}

function jsonOf(given: URLSearchParams, name: string): unknown {
  const text = single(given, name);
  return text === undefined || text === '' ? undefined : parseJson(text, `"${name}" in the URL`);
}

/** The one place where the parameters stop being unknown. `null` means absent (GraphQL over HTTP, section 5.1). */
function narrowParams(given: Readonly<Record<string, unknown>>): GraphQLParams {
  const { query, operationName, variables, extensions } = given;
  return {
    query: stringOr('query', query),
    documentId: documentIdOf(given),
    // Some clients send an empty name for "no name"; no operation can have it.
    operationName: stringOr('operationName', operationName) || undefined,
    variables: objectOr('variables', variables),
    extensions: objectOr('extensions', extensions),
  };
}

/** `documentId` is that of GraphQL over HTTP; Relay's networks send the others, and never a text beside them. */
function documentIdOf({ query, documentId, doc_id, id }: Readonly<Record<string, unknown>>): string | undefined {
  const given = stringOr('documentId', documentId) ?? (query ? undefined : (doc_id ?? id));
  return typeof given === 'string' && given !== '' ? given : undefined;
}

function stringOr(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new ClientError('BAD_REQUEST', `"${name}" must be a string.`);
  return value;
}

function objectOr(name: string, value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new ClientError('BAD_REQUEST', `"${name}" must be an object.`);
  }
  return value as Readonly<Record<string, unknown>>;
}

/**
 * The SHA-256, in hex, by which a request names its document (automatic persisted queries), or undefined.
 * Throws BAD_REQUEST when the extension is malformed or names another document than the one it comes with.
 */
export function persistedQueryOf(params: GraphQLParams): string | undefined {
  const persisted = params.extensions?.persistedQuery;
  if (persisted === undefined || persisted === null) return undefined;
  const { version, sha256Hash } = persisted as { version?: unknown; sha256Hash?: unknown };
  if (version !== 1) throw new ClientError('BAD_REQUEST', '"persistedQuery" must be an object of version 1.');
  if (typeof sha256Hash !== 'string' || !/^[0-9a-f]{64}$/.test(sha256Hash)) {
    throw new ClientError('BAD_REQUEST', '"sha256Hash" must be a SHA-256 in lower case hexadecimal.');
  }
  if (params.query && createHash('sha256').update(params.query).digest('hex') !== sha256Hash) {
    throw new ClientError('BAD_REQUEST', '"sha256Hash" is not the hash of "query".');
  }
  return sha256Hash;
}
