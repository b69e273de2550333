/**
 * The sockets below HTTP: Node's server with its time and size limits, answers to what is not HTTP, the graceful end.
 * Clock: per connection. It knows nothing of GraphQL but the shape of an error.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { ErrorCode } from '../errors';
import { bareRefusal } from './graphql-response';
import type { ServerCertificate } from './tls';

export interface ConnectionLimits {
  readonly maxHeaderBytes: number;
  /** Time for a request to send its headers. */
  readonly headersTimeoutMs: number;
  /** Time for a request to arrive whole. */
  readonly requestTimeoutMs: number;
  /** Time an idle connection stays open. */
  readonly keepAliveTimeoutMs: number;
  /** Absent: plain HTTP. */
  readonly certificate?: ServerCertificate | undefined;
}

export interface DrainOptions {
  /** How long idle connections may wait for a next request, to be answered with `Connection: close`. */
  readonly idleGraceMs: number;
  /** After this everything is cut. */
  readonly timeoutMs: number;
}

export interface Connections {
  readonly server: Server;
  readonly isClosing: () => boolean;
  /** For the `clientError` event: answers what is not HTTP, in full and well-formed, and ends the connection. */
  refuse(error: NodeJS.ErrnoException, socket: Duplex): void;
  /** The code with which `refuse` ended the connection of this response, if it did. */
  refusalOf(response: ServerResponse): ErrorCode | undefined;
  /** From now on it says that it closes; everything is served as before. */
  announceClosing(): void;
  /**
   * Stops accepting, asks keep-alive clients to leave, lets every request finish. Resolves when all connections are
   * gone, or were cut at `timeoutMs`. Connections that were upgraded belong to their own door, and are only waited for.
   */
  drain(options: DrainOptions): Promise<void>;
}

/** The latest request of a connection, and its response. */
interface Passing {
  request: IncomingMessage | undefined;
  response: ServerResponse | undefined;
}

const maxConnections = 100_000;
/** How often Node looks for connections that are too slow. */
const maxCheckIntervalMs = 1_000;

/** A server that is not listening yet. `onRefusal` hears of every connection that ended without being HTTP. */
export function createConnections(
  limits: ConnectionLimits,
  listener: RequestListener,
  onRefusal: (code: ErrorCode) => void,
): Connections {
  const passing = new Map<Duplex, Passing>();
  const refused = new WeakMap<ServerResponse, ErrorCode>();
  let phase: 'open' | 'announced' | 'draining' = 'open';

  const { certificate } = limits;
  const hsts = certificate?.hsts;
  const options = serverOptions(limits);
  const serve: RequestListener = (request, response) => {
    const last = passing.get(request.socket);
    if (last !== undefined) {
      last.request = request;
      last.response = response;
    }
    if (phase === 'draining') response.shouldKeepAlive = false;
    if (hsts !== undefined) response.setHeader('strict-transport-security', hsts);
    listener(request, response);
  };
  const server = certificate
    ? createHttps({ ...options, ...certificate.options }, serve)
    : createServer(options, serve);
  server.on(certificate ? 'secureConnection' : 'connection', (socket: Socket) => {
    passing.set(socket, { request: undefined, response: undefined });
    socket.once('close', () => passing.delete(socket));
  });
  // Their number is checked per request, where the answer can be well-formed; Node would drop the rest in silence.
  server.maxHeadersCount = 0;
  server.maxConnections = maxConnections;
  // RFC 9110, section 10.1.1: an expectation that is not known may be ignored. Node answers 417 without a body.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));

  return {
    server,
    isClosing: () => phase !== 'open',
    announceClosing: () => {
      phase = 'announced';
    },
    refusalOf: (response) => refused.get(response),
    refuse(error, socket) {
      const { request, response } = passing.get(socket) ?? {};
      const incomplete = request !== undefined && !request.complete;
      const answered = incomplete && response?.headersSent === true;
      // Who fails at TLS cannot read what would be said.
      const hasNoTls = certificate !== undefined && !passing.has(socket);
      if (hasNoTls || error.code === 'ECONNRESET' || !socket.writable || answered) {
        socket.destroy();
        return;
      }
      const code = refusalCodes.get(error.code ?? '') ?? 'BAD_REQUEST';
      if (incomplete && response !== undefined) refused.set(response, code);
      onRefusal(code);
      endWith(socket, code);
    },
    drain(options) {
      phase = 'draining';
      // Of several that a client has pipelined, the latest ends the connection: none is lost.
      for (const { response } of passing.values()) if (response !== undefined) response.shouldKeepAlive = false;
      return untilGone(server, options);
    },
  };
}

function serverOptions(limits: ConnectionLimits) {
  return {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: Math.max(limits.requestTimeoutMs, limits.headersTimeoutMs),
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    // Checked per request, where the answer can be well-formed.
    requireHostHeader: false,
    connectionsCheckingInterval: Math.min(maxCheckIntervalMs, limits.headersTimeoutMs),
  };
}

/** What Node's parser and timers say, by their codes; whatever else it says is a malformed request. */
const refusalCodes: ReadonlyMap<string, ErrorCode> = new Map([
  ['HPE_HEADER_OVERFLOW', 'REQUEST_HEADERS_TOO_LARGE'],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 'PAYLOAD_TOO_LARGE'],
  ['ERR_HTTP_REQUEST_TIMEOUT', 'REQUEST_TIMEOUT'],
]);

const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Payload Too Large',
  431: 'Request Header Fields Too Large',
};

/** How long a refused client may take to read its answer. */
const lingerMs = 1_000;

function endWith(socket: Duplex, code: ErrorCode): void {
  const { status, body } = bareRefusal(code);
  const head = [
    `HTTP/1.1 ${status} ${reasons[status] ?? 'Bad Request'}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    `x-request-id: ${randomUUID()}`,
    'connection: close',
  ];
  // Destroying at once would reset the connection under a client that is still sending, and its answer would be lost.
  const linger = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(linger));
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.resume();
}

async function untilGone(server: Server, { idleGraceMs, timeoutMs }: DrainOptions): Promise<void> {
  const timers: NodeJS.Timeout[] = [];
  const late = new Promise<'late'>((resolve) => {
    timers.push(setTimeout(() => resolve('late'), timeoutMs));
  });
  let isOver = false;
  const closeIdle = async () => {
    // A timer that is late comes before what was sent meanwhile: whoever waits to be read is not idle.
    await nextTurn();
    if (isOver) return;
    server.closeIdleConnections();
    timers.push(setTimeout(closeIdle, idleCheckMs));
  };
  await acceptWaiting(server, timeoutMs * acceptShare);
  timers.push(setTimeout(closeIdle, idleGraceMs));
  const gone = new Promise<'gone'>((resolve) => {
    // http.Server's own close would cut idle connections now, under requests that are on their way.
    NetServer.prototype.close.call(server, () => resolve('gone'));
  });
  const end = await Promise.race([gone, late]);
  isOver = true;
  for (const timer of timers) clearTimeout(timer);
  if (end === 'gone') return;
  server.closeAllConnections();
  // Those who still work for a cut connection hear of it, and may say so in the log.
  await sleep(cutMs);
}

const idleCheckMs = 50;
/** Of the time to close: on a machine that is busy, accepting all who wait takes long. */
const acceptShare = 0.5;
const cutMs = 100;

/** Turns of the event loop without a new connection, after which none waits: each turn accepts one. */
const quietTurns = 3;

/**
 * Connections that the kernel took and this process has not would be reset with the listening socket.
 * Resolves when they are accepted, after `timeoutMs` at the latest: a flood must not keep the server open.
 */
async function acceptWaiting(server: Server, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let quiet = 0;
  const onConnection = () => {
    quiet = 0;
  };
  server.on('connection', onConnection);
  while (quiet < quietTurns && performance.now() < deadline) {
    quiet++;
    await nextTurn();
  }
  server.off('connection', onConnection);
}
