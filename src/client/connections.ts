/**
 * The sockets below HTTP: Node's server with its time and size limits, answers to what is not HTTP, the graceful end.
 * Clock: per connection. It knows nothing of GraphQL but the shape of an error.
 */
import { randomUUID } from 'node:crypto';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { createServer as createHttps } from 'node:https';
import { Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { ClientError, type ErrorCode, errorTable } from '../errors';
import { silentLog } from '../telemetry/log';
import type { AnswerRefusal, HttpAnswer } from './graphql-response';
import { requestIdOf } from './http-paths';
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
  refuse(error: ParseError, socket: Duplex): void;
  /** What answers to this request, and lines of the log, name it by. */
  idOf(request: IncomingMessage): string;
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

/** What Node's parser says: why, in its own fixed words, and what it was given last. */
export interface ParseError extends NodeJS.ErrnoException {
  readonly reason?: string;
  readonly rawPacket?: unknown;
}

/** `id` will be the answer's `x-request-id`. */
export type ServeRequest = (request: IncomingMessage, response: ServerResponse, id: string) => void;

/** The latest request of a connection, and its response. */
interface Passing {
  request: IncomingMessage | undefined;
  response: ServerResponse | undefined;
  id: string;
}

const maxConnections = 100_000;
/** How often Node looks for connections that are too slow. */
const maxCheckIntervalMs = 1_000;

/** A server that is not listening yet. `onRefusal` hears of every connection that ended without being HTTP. */
export function createConnections(
  limits: ConnectionLimits,
  listener: ServeRequest,
  answerRefusal: AnswerRefusal,
  onRefusal: (code: ErrorCode) => void,
): Connections {
  const passing = new Map<Duplex, Passing>();
  const refused = new WeakMap<ServerResponse, ErrorCode>();
  let phase: 'open' | 'announced' | 'draining' = 'open';

  const { certificate } = limits;
  const hsts = certificate?.hsts;
  const options = serverOptions(limits);
  const serve: RequestListener = (request, response) => {
    const id = requestIdOf(request);
    const last = passing.get(request.socket);
    if (last !== undefined) {
      last.request = request;
      last.response = response;
      last.id = id;
    }
    if (phase === 'draining') response.shouldKeepAlive = false;
    if (hsts !== undefined) response.setHeader('strict-transport-security', hsts);
    listener(request, response, id);
  };
  const server = certificate
    ? createHttps({ ...options, ...certificate.options }, serve)
    : createServer(options, serve);
  server.on(certificate ? 'secureConnection' : 'connection', (socket: Socket) => {
    passing.set(socket, { request: undefined, response: undefined, id: '' });
    socket.once('close', () => passing.delete(socket));
    lingerAtEnd(socket, () => passing.get(socket)?.request);
  });
  // Their number is checked per request, where the answer can be well-formed; Node would drop the rest in silence.
  server.maxHeadersCount = 0;
  server.maxConnections = maxConnections;
  // RFC 9110, section 10.1.1: an expectation that is not known may be ignored. Node answers 417 without a body.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));

  const refuse: Connections['refuse'] = (error, socket) => {
    const { request, response, id: lastId = '' } = passing.get(socket) ?? {};
    const incomplete = request !== undefined && !request.complete;
    const answered = incomplete && response?.headersSent === true;
    // Who fails at TLS cannot read what would be said.
    const hasNoTls = certificate !== undefined && !passing.has(socket);
    if (hasNoTls || error.code === 'ECONNRESET' || !socket.writable || answered) {
      socket.destroy();
      return;
    }
    const refusal = toRefusal(error);
    if (incomplete && response !== undefined) refused.set(response, refusal.code);
    onRefusal(refusal.code);
    const id = incomplete ? lastId : randomUUID();
    // Who sent one request before speaks the same language still.
    const url = incomplete ? request.url : (urlIn(error.rawPacket) ?? request?.url);
    endWith(socket, answerRefusal(refusal, url, { id, log: silentLog }), id);
  };
  /** A timer that is late comes before what was sent meanwhile: what has arrived since is no refusal. */
  const refuseIfStillLate: Connections['refuse'] = async (error, socket) => {
    const before = passing.get(socket)?.request;
    const wasComplete = before?.complete === true;
    await nextTurn();
    const request = passing.get(socket)?.request;
    const hasArrived = request !== before || (!wasComplete && request?.complete === true);
    if (!socket.destroyed && !hasArrived) refuse(error, socket);
  };

  return {
    server,
    isClosing: () => phase !== 'open',
    announceClosing: () => {
      phase = 'announced';
    },
    refusalOf: (response) => refused.get(response),
    idOf(request) {
      const last = passing.get(request.socket);
      return last?.request === request ? last.id : requestIdOf(request);
    },
    refuse: (error, socket) =>
      error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? refuseIfStillLate(error, socket) : refuse(error, socket),
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

const tlsHandshake = 0x16;

function toRefusal({ code: cause = '', reason, rawPacket }: ParseError): ClientError {
  const code = refusalCodes.get(cause);
  if (code !== undefined) return new ClientError(code, errorTable[code].description);
  if (Buffer.isBuffer(rawPacket) && rawPacket[0] === tlsHandshake)
    return new ClientError('BAD_REQUEST', 'This port speaks plain HTTP, not TLS.');
  return new ClientError('BAD_REQUEST', `The request is not valid HTTP${reason === undefined ? '' : `: ${reason}`}.`);
}

/** The target of a request whose line begins what was sent, however the rest went wrong. */
function urlIn(packet: unknown): string | undefined {
  return Buffer.isBuffer(packet) ? /^[A-Za-z]{1,20} (\S+)/.exec(packet.toString('latin1', 0, 1_024))?.[1] : undefined;
}

/** How long a refused client may take to read its answer. */
const lingerMs = 1_000;

/** Writes an answer where Node has no response for it, and ends the connection. */
export function endWith(socket: Duplex, { status, headers, body }: HttpAnswer, id: string): void {
  const own = ['x-request-id', id, 'content-length', String(Buffer.byteLength(body)), 'connection', 'close'];
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...headerLines([...headers, ...own])];
  // Destroying at once would reset the connection under a client that is still sending, and its answer would be lost.
  const linger = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(linger));
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.resume();
}

/**
 * Node ends a connection for good with its last answer. While the client still sends, that would be a reset, and the
 * answer would be lost: what comes is read and thrown away for a moment.
 */
function lingerAtEnd(socket: Socket, latest: () => IncomingMessage | undefined): void {
  const destroySoon = socket.destroySoon.bind(socket);
  socket.destroySoon = () => {
    if (latest()?.complete !== false) {
      destroySoon();
      return;
    }
    socket.end();
    const linger = setTimeout(() => socket.destroy(), lingerMs);
    socket.once('close', () => clearTimeout(linger));
  };
}

function headerLines(list: readonly string[]): string[] {
  return list.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${list[index + 1]}`] : []));
}

/**
 * Serves a request as if it had not asked for another protocol (RFC 9110, section 7.8): some clients offer HTTP/2 with
 * their first request. Node has let go of the connection by then, so it gets it anew, with the request before what follows.
 */
export function ignoreUpgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = request;
  const kept = rawHeaders.filter((_item, index) => !ofUpgrade.has((rawHeaders[index & ~1] ?? '').toLowerCase()));
  const lines = [`${method} ${url} HTTP/${httpVersion}`, ...headerLines(kept)];
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket);
}

/** `Connection` names them still, which means nothing without them. */
const ofUpgrade: ReadonlySet<string> = new Set(['upgrade', 'http2-settings']);

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
