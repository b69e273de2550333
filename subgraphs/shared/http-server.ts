/**
 * A small HTTP server for a subgraph: exact routes, bounded bodies, a clean end.
 * In: routes. Out: a listening server. Clock: per request. Never answers with what an unexpected error says.
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Duplex, pipeline, Readable } from 'node:stream';
import type { Log } from '../../src/telemetry/log';
import { loggable } from './errors';

export interface HttpRequest {
  readonly headers: IncomingHttpHeaders;
  /** The bytes as they came: a signature over them can be checked. */
  readonly body: Buffer;
  /** Path and query: `/webhooks/payments?x=1`. */
  readonly url: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream must have its length in `headers`. */
  readonly body?: string | Buffer | Readable;
}

interface RoutePlace {
  readonly method: 'GET' | 'POST';
  /** Compared exactly with the path of the request, without its query; with `/*` at its end, whatever part stands there. */
  readonly path: string;
}

export interface BufferedRoute extends RoutePlace {
  readonly handle: (request: HttpRequest) => Promise<HttpResponse>;
}

/** One that reads the body itself, and bounds it; what it leaves is not read. */
export interface StreamedRoute extends RoutePlace {
  readonly receive: (request: IncomingMessage) => Promise<HttpResponse>;
}

export type HttpRoute = BufferedRoute | StreamedRoute;

export interface HttpServer {
  /** The base URL, `http://127.0.0.1:4001`. */
  readonly url: string;
  readonly port: number;
  /** Stops accepting, lets running requests finish for up to five seconds, then ends all connections. */
  close(): Promise<void>;
}

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly maxBodyBytes: number;
  readonly log: Log;
  /** Takes connections at this path that ask to become WebSockets; they are its own, to close before the server is. */
  readonly sockets?: {
    readonly path: string;
    readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  };
}

const DRAIN_MS = 5_000;

/** An answer in JSON. */
export function jsonResponse(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  const contentType = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
  return { status, headers: { ...contentType, ...headers }, body: JSON.stringify(value) };
}

/** A refusal in the shape of a GraphQL answer, so that a GraphQL client can read it. */
export function graphqlRefusal(status: number, code: string, message: string): HttpResponse {
  return jsonResponse(status, { errors: [{ message, extensions: { code } }] });
}

/** Starts listening; rejects with the system's error (`EADDRINUSE`) when it cannot. */
export async function startHttpServer(routes: readonly HttpRoute[], options: HttpServerOptions): Promise<HttpServer> {
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 65_000 });
  let closing = false;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (closing) response.setHeader('connection', 'close');
    void answer(routes, options, request)
      .catch((error: unknown) => {
        options.log.error(loggable(error), 'A route failed unexpectedly');
        return graphqlRefusal(500, 'INTERNAL_SERVER_ERROR', 'Internal server error');
      })
      .then((result) => send(request, response, result));
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const isKnown = options.sockets?.path === request.url?.split('?', 1)[0];
    if (options.sockets && isKnown && !closing) options.sockets.upgrade(request, socket, head);
    else socket.end(`HTTP/1.1 ${closing ? '503 Service Unavailable' : '404 Not Found'}\r\nconnection: close\r\n\r\n`);
  });
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    port,
    async close() {
      if (closing) return;
      closing = true;
      await drain(server);
    },
  };
}

function listen(server: Server, { host, port }: HttpServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function drain(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const force = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  // A kept-alive connection whose last request began before the close turns idle only later.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  await closed;
  clearTimeout(force);
  clearInterval(sweep);
}

async function answer(
  routes: readonly HttpRoute[],
  options: HttpServerOptions,
  request: IncomingMessage,
): Promise<HttpResponse> {
  const url = request.url ?? '/';
  const path = url.split('?', 1)[0];
  const onPath = routes.filter((route) => isAt(route.path, path ?? ''));
  if (onPath.length === 0) return graphqlRefusal(404, 'NOT_FOUND', 'There is nothing at this path.');
  const route = onPath.find((candidate) => candidate.method === request.method);
  if (!route) {
    const refused = graphqlRefusal(405, 'METHOD_NOT_ALLOWED', 'The method is not one of this path.');
    return { ...refused, headers: { ...refused.headers, allow: onPath.map(({ method }) => method).join(', ') } };
  }
  if ('receive' in route) return await route.receive(request);
  const body = await readBody(request, options.maxBodyBytes);
  if (!body) return graphqlRefusal(413, 'PAYLOAD_TOO_LARGE', 'The request body is larger than allowed.');
  return await route.handle({ headers: request.headers, body, url });
}

function isAt(routePath: string, path: string): boolean {
  if (!routePath.endsWith('/*')) return routePath === path;
  const start = routePath.slice(0, -1);
  return path.startsWith(start) && path.length > start.length && !path.includes('/', start.length);
}

/** Answers undefined when the body is larger than allowed, without holding the rest of it. */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(request: IncomingMessage, response: ServerResponse, { status, headers, body }: HttpResponse): void {
  // What was not read of the request cannot be told from the next one: the connection ends here.
  if (!request.complete) response.setHeader('connection', 'close');
  if (body instanceof Readable) {
    response.writeHead(status, headers);
    // Who reads a part learns from the end of the connection that it is none.
    pipeline(body, response, () => {});
    return;
  }
  const bytes = typeof body === 'string' ? Buffer.from(body) : (body ?? Buffer.alloc(0));
  response.writeHead(status, { ...headers, 'content-length': bytes.length });
  response.end(bytes);
}
