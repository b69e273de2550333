/**
 * What the HTTP door's assembly must know of requests, paths and addresses. Values in, values out; nothing is remembered.
 * Clock: per start, but for the id of a request.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ClientError } from '../errors';
import type { HttpConfig, HttpDeps } from './http';
import { explorerPath } from './landing-pages';
import { docsPath, openApiPath } from './rest/pages';
import { restMethods } from './rest/routes';

/** A caller's id is kept when it is short and printable, so that one id runs through all logs; else a new one. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{8,64}$/.test(given) ? given : randomUUID();
}

/** Far above what clients and proxies send. Node counts bytes alone, and thousands of tiny headers fit. */
const maxHeaderCount = 200;

/** Two readers of one request (a proxy and this gateway) must never see two different ones of these. */
const onceHeaders: readonly string[] = ['host', 'content-type'];

/**
 * Refuses a request whose headers are too many, or leave open what is asked (RFC 9112, section 3.2), at whatever path.
 * Throws REQUEST_HEADERS_TOO_LARGE, BAD_REQUEST.
 */
export function checkHeaderList({ rawHeaders, headers, httpVersion }: IncomingMessage): void {
  if (rawHeaders.length > 2 * maxHeaderCount)
    throw new ClientError('REQUEST_HEADERS_TOO_LARGE', `The request has more than ${maxHeaderCount} headers.`);
  if (headers.host === undefined && httpVersion === '1.1')
    throw new ClientError('BAD_REQUEST', 'The request has no Host header.');
  const seen: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    // Most are of another length: they need no comparison.
    if (name.length !== 4 && name.length !== 12) continue;
    const known = name.toLowerCase();
    if (!onceHeaders.includes(known)) continue;
    if (seen.includes(known)) throw new ClientError('BAD_REQUEST', `The header "${known}" is given twice.`);
    seen.push(known);
  }
}

/** The path and query string of a request's target: proxies may send the whole URL (RFC 9112, section 3.2.2). */
export function targetOf(url = ''): string {
  return url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?#]*/i, '');
}

/** For `@fastify/cors`. */
export function corsOptions({ origins, credentials }: HttpConfig['cors'], hasRest: boolean) {
  return {
    origin: origins.includes('*') ? '*' : [...origins],
    credentials,
    methods: hasRest ? [...restMethods] : ['GET', 'POST'],
    exposedHeaders: [
      'x-request-id',
      'etag',
      'age',
      'retry-after',
      'ratelimit',
      'ratelimit-policy',
      ...(hasRest ? ['link', 'idempotency-replayed', 'x-partial-errors'] : []),
    ],
    maxAge: 600,
    strictPreflight: false,
  };
}

/** The methods of each path, for a 405 and OPTIONS. */
export function allowedMethods(config: HttpConfig, { rest }: HttpDeps): ReadonlyMap<string, string> {
  const get = 'GET, HEAD, OPTIONS';
  const reads = [
    '/health',
    '/health/live',
    '/health/ready',
    ...(config.metrics ? ['/metrics'] : []),
    ...(config.explorer ? ['/', explorerPath] : []),
    ...(rest?.pages ? [openApiPath, docsPath] : []),
  ];
  return new Map([[config.graphqlPath, 'GET, POST, OPTIONS'], ...reads.map((path): [string, string] => [path, get])]);
}

/** The URL of a path on a server that listens. */
export function urlOf({ address, family, port }: AddressInfo, path: string, isSecure = false): string {
  const unspecified = address === '0.0.0.0' || address === '::';
  const host = unspecified ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
  return `${isSecure ? 'https' : 'http'}://${host}:${port}${path}`;
}
