/**
 * What the HTTP door's assembly must know of requests, paths and addresses. Values in, values out; nothing is remembered.
 * Clock: per start, but for the id of a request.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpConfig, HttpDeps } from './http';
import { explorerPath } from './landing-pages';
import { docsPath, openApiPath } from './rest/pages';
import { restMethods } from './rest/routes';

/** A caller's id is kept when it is short and printable, so that one id runs through all logs; else a new one. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{8,64}$/.test(given) ? given : randomUUID();
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
      ...(hasRest ? ['link', 'idempotency-replayed'] : []),
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
