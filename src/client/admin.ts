/**
 * The admin door: a table of routes for operators, as JSON, on a port of its own. In: routes; out: a server.
 * Clock: per request, seldom. It knows no route; operators may do everything, instances what is marked as theirs.
 * Pages that a browser on this machine shows must never get in: neither by name (DNS rebinding) nor by a form.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Log } from '../telemetry/log';

export interface AdminRequest {
  /** What follows `?`. */
  readonly query: URLSearchParams;
  /** The JSON of the body; undefined where there is none. */
  readonly body: unknown;
}

/** JSON, or text with its media type. */
export type AdminAnswer =
  | { readonly status?: number; readonly json: unknown }
  | { readonly status?: number; readonly text: string; readonly contentType: string };

/** One endpoint. What `handle` throws is answered with 500, and told in the log. */
export interface AdminRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `/caches/flush`. */
  readonly path: string;
  /** One sentence, for `GET /` and the documents. */
  readonly summary: string;
  /** Also for whoever has the token of instances. */
  readonly isForInstances?: boolean;
  handle(request: AdminRequest): AdminAnswer | Promise<AdminAnswer>;
}

export interface AdminDoorOptions {
  readonly routes: readonly AdminRoute[];
  /** Asked as `Authorization: Bearer`; without it, everybody who reaches the port may. */
  readonly token: string | undefined;
  /** Opens the routes that are for instances; nothing without `token`. */
  readonly registrationToken?: string | undefined;
  readonly log: Log;
}

export interface AdminDoor {
  /** Resolves to its URL, with the port that was taken. */
  listen(port: number, host: string): Promise<string>;
  /** Ends at once: operators wait for nothing here. */
  close(): Promise<void>;
}

const maxBodyBytes = 1_000_000;
const requestTimeoutMs = 10_000;

/** A door that does not listen yet. */
export function createAdminDoor(options: AdminDoorOptions): AdminDoor {
  const server = createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
    answer(options, request)
      .catch((error: unknown) => {
        options.log.error({ error: String(error), path: pathOf(request) }, 'An admin endpoint failed');
        return refusal(500, 'The endpoint failed; the log says why.');
      })
      .then((answered) => send(response, answered));
  });
  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          const { port: taken } = server.address() as AddressInfo;
          resolve(`http://${host.includes(':') ? `[${host}]` : host}:${taken}`);
        });
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer({ routes, ...tokens }: AdminDoorOptions, request: IncomingMessage): Promise<AdminAnswer> {
  const caller = callerOf(request, tokens);
  if (typeof caller === 'object') return caller;
  const allowed = caller === 'operator' ? routes : routes.filter(({ isForInstances }) => isForInstances);
  const path = pathOf(request);
  if (path === '/') return { json: allowed.map(({ method, path, summary }) => ({ method, path, summary })) };
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const isHere = (route: AdminRoute) => route.path === path;
  const route = allowed.find((candidate) => isHere(candidate) && candidate.method === method);
  if (!route) return noRoute(caller, routes.filter(isHere));
  const body = await readJson(request);
  if (body.kind === 'refused') return body.answer;
  return route.handle({ query: new URL(request.url ?? '/', 'http://admin').searchParams, body: body.value });
}

type Caller = 'operator' | 'instance';

function noRoute(caller: Caller, here: readonly AdminRoute[]): AdminAnswer {
  if (caller === 'instance') return refusal(403, 'The token of instances is for registrations alone.');
  if (here.length === 0) return refusal(404, 'There is no such endpoint; GET / lists them.');
  return refusal(405, `Use ${here.map(({ method }) => method).join(' or ')}.`);
}

/** Who asks, or why this request is not let in. */
function callerOf(
  { headers }: IncomingMessage,
  { token, registrationToken }: Pick<AdminDoorOptions, 'token' | 'registrationToken'>,
): Caller | AdminAnswer {
  if (token !== undefined) {
    const [, given = ''] = /^Bearer (.+)$/i.exec(headers.authorization ?? '') ?? [];
    if (isSame(given, token)) return 'operator';
    if (registrationToken !== undefined && isSame(given, registrationToken)) return 'instance';
    return refusal(401, 'Give the admin token as Authorization: Bearer.');
  }
  const isPage = headers.origin !== undefined || !['none', undefined].includes(headers['sec-fetch-site'] as string);
  const isHere = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/i.test(headers.host ?? '');
  if (isPage || !isHere) return refusal(403, 'Only programs on this machine may ask; for others set admin.token.');
  return 'operator';
}

/** As fast for a wrong token as for the right one. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '/';
}

type Body =
  | { readonly kind: 'read'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly answer: AdminAnswer };

async function readJson(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= maxBodyBytes) chunks.push(chunk);
  }
  if (size > maxBodyBytes) return { kind: 'refused', answer: refusal(413, `At most ${maxBodyBytes} bytes.`) };
  const text = Buffer.concat(chunks).toString('utf8');
  try {
    return { kind: 'read', value: text.trim() === '' ? undefined : JSON.parse(text) };
  } catch {
    return { kind: 'refused', answer: refusal(400, 'The body is not JSON.') };
  }
}

/** An answer that says why not. */
export function refusal(status: number, error: string): AdminAnswer {
  return { status, json: { error } };
}

function send(response: ServerResponse, answered: AdminAnswer): void {
  const isText = 'text' in answered;
  const body = isText ? answered.text : `${JSON.stringify(answered.json, null, 2)}\n`;
  response.writeHead(answered.status ?? 200, {
    'content-type': isText ? answered.contentType : 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}
