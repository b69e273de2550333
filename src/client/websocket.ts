/**
 * The WebSocket door: upgrades of the GraphQL path, on the same port as HTTP; each socket speaks graphql-transport-ws.
 * In: upgrade requests. Out: sockets, or refusals over HTTP before there is one. Clock: per connection.
 * The only file that knows `ws` on this side of the gateway.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { ClientError, type ErrorCode, errorTable } from '../errors';
import { type Log, silentLog } from '../telemetry/log';
import type { ClientMetrics } from '../telemetry/metrics';
import { type ConnectionCountLimits, ConnectionCounts } from './connection-counts';
import { endWith, ignoreUpgrade } from './connections';
import type { TrustedDocuments } from './document-choice';
import type { GraphQLDoor, SocketContexts } from './door';
import { toByteString } from './event-text';
import { scheduleTimer } from './expiry';
import { answerErrors } from './graphql-response';
import { requestIdOf } from './http-paths';
import type { LoadShedder } from './load-shedding';
import type { RightsWatch } from './rights-watch';
import { SocketConnection, type SocketDeps, type SocketLimits, type Wire } from './socket-connection';

export interface WebSocketConfig extends SocketLimits, ConnectionCountLimits {
  readonly graphqlPath: string;
  readonly maxMessageBytes: number;
  /** Between two pings of the gateway; a socket that has not answered the one before is cut. */
  readonly pingIntervalMs: number;
  /** Origins whose pages may connect besides the gateway's own; "*" is all of them. */
  readonly origins: readonly string[];
}

export interface WebSocketDeps {
  readonly door: GraphQLDoor;
  readonly contexts: SocketContexts;
  readonly trusted: TrustedDocuments | undefined;
  /** The client's address, behind proxies that are trusted. */
  readonly ipOf: (request: IncomingMessage) => string;
  readonly shedder?: LoadShedder | undefined;
  readonly metrics: ClientMetrics;
  readonly log: Log;
  readonly watch: RightsWatch;
  readonly random?: () => number;
}

export interface WebSocketDoor {
  /** Events that wait for clients. */
  readonly queueDepth: number;
  /** Closes every socket with 1001, spread over `windowMs`; resolves when all are gone. No new ones are let in. */
  close(windowMs: number): Promise<void>;
}

const protocol = 'graphql-transport-ws';

/** Serves upgrades of the GraphQL path on `server`; any other request that offers one is served as if it had not. */
export function openWebSocketDoor(server: Server, config: WebSocketConfig, deps: WebSocketDeps): WebSocketDoor {
  return new Sockets(server, config, deps);
}

interface Socket {
  readonly socket: WebSocket;
  readonly connection: SocketConnection;
  readonly ip: string;
  hasAnswered: boolean;
}

class Sockets implements WebSocketDoor {
  private readonly webSockets: WebSocketServer;
  private readonly open = new Set<Socket>();
  private readonly counts: ConnectionCounts;
  private readonly connectionDeps: SocketDeps;
  private readonly pings: NodeJS.Timeout;
  private isClosing = false;
  private settleClosed: () => void = () => {};

  constructor(
    private readonly server: Server,
    private readonly config: WebSocketConfig,
    private readonly deps: WebSocketDeps,
  ) {
    this.webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: config.maxMessageBytes,
      perMessageDeflate: false,
      autoPong: false,
      handleProtocols: (offered) => (offered.has(protocol) ? protocol : false),
    });
    this.counts = new ConnectionCounts(config);
    this.connectionDeps = this.createConnectionDeps();
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.upgrade(request, socket, head),
    );
    this.pings = setInterval(() => this.pingAll(), config.pingIntervalMs).unref();
  }

  get queueDepth(): number {
    let depth = 0;
    for (const { connection } of this.open) depth += connection.queueDepth;
    return depth;
  }

  private createConnectionDeps(): SocketDeps {
    const { door, contexts, trusted, metrics, watch, shedder } = this.deps;
    return {
      door,
      counts: this.counts,
      shedder,
      contexts,
      trusted,
      watch,
      observer: {
        operationStarted: (operation) => metrics.operationStarted('websocket', operation),
        operationEnded: (operation, code) => metrics.operationEnded('websocket', operation, code),
        dropped: (events) => metrics.eventsDropped('websocket', events),
      },
      encodeEvent: createEventEncoder(),
      schedule: scheduleTimer,
    };
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const [path] = (request.url ?? '').split('?');
    if (path !== this.config.graphqlPath || request.headers.upgrade?.toLowerCase() !== 'websocket') {
      ignoreUpgrade(this.server, request, socket, head);
      return;
    }
    socket.on('error', destroy);
    const ip = this.deps.ipOf(request);
    const refusal = this.refusalOf(request, ip);
    if (refusal !== undefined) {
      const error = new ClientError(refusal, errorTable[refusal].description);
      const id = requestIdOf(request);
      endWith(socket, answerErrors([error], 'application/json', { id, log: silentLog }), id);
      return;
    }
    this.webSockets.handleUpgrade(request, socket, head, (webSocket) => this.connect(webSocket, socket, request, ip));
  }

  private refusalOf(request: IncomingMessage, ip: string): ErrorCode | undefined {
    if (request.rawHeaders.length > maxHeaderEntries) return 'REQUEST_HEADERS_TOO_LARGE';
    if (!this.isOriginAllowed(request)) return 'FORBIDDEN_ORIGIN';
    return this.isClosing || !this.counts.hasRoom(ip) ? 'TOO_MANY_CONNECTIONS' : undefined;
  }

  /** Browsers send `Origin` and cookies from any page: only pages of known origins may speak for their users. */
  private isOriginAllowed({ headers }: IncomingMessage): boolean {
    const { origin, host } = headers;
    if (origin === undefined) return true;
    const { origins } = this.config;
    if (origins.includes('*') || origins.includes(origin)) return true;
    return URL.canParse(origin) && new URL(origin).host === host;
  }

  private connect(socket: WebSocket, stream: Duplex, request: IncomingMessage, ip: string): void {
    if (socket.protocol !== protocol) {
      socket.on('error', () => {});
      socket.close(4406, `The subprotocol is ${protocol}.`);
      return;
    }
    const { log, metrics } = this.deps;
    const id = randomUUID();
    const upgrade = { id, rawHeaders: request.rawHeaders, ip, log };
    const connection = new SocketConnection(wireOf(socket, stream), upgrade, this.config, this.connectionDeps);
    const entry: Socket = { socket, connection, ip, hasAnswered: true };
    this.open.add(entry);
    this.counts.enter(ip);
    metrics.connectionOpened();
    socket.on('message', (data, isBinary) => {
      // Whoever sends is there.
      entry.hasAnswered = true;
      connection.receive(isBinary ? undefined : data.toString());
    });
    socket.on('pong', () => {
      entry.hasAnswered = true;
    });
    socket.on('ping', (data) => {
      entry.hasAnswered = true;
      // Who does not read the answers gets none (RFC 6455 section 5.5.3 wants the last one alone).
      if (stream.writableLength < maxPongBytes) socket.pong(data);
    });
    // `ws` has closed it with the code of the mistake (1002, 1007, 1008, 1009).
    socket.on('error', () => {});
    socket.on('close', (code) => {
      connection.closed();
      this.forget(entry);
      metrics.connectionClosed(code);
    });
  }

  private forget(entry: Socket): void {
    this.open.delete(entry);
    this.counts.leave(entry.ip);
    if (this.isClosing && this.open.size === 0) this.settleClosed();
  }

  private pingAll(): void {
    for (const entry of this.open) {
      if (!entry.hasAnswered) {
        entry.socket.terminate();
        continue;
      }
      entry.hasAnswered = false;
      entry.socket.ping();
    }
  }

  async close(windowMs: number): Promise<void> {
    this.isClosing = true;
    clearInterval(this.pings);
    if (this.open.size === 0) return;
    const gone = new Promise<void>((resolve) => {
      this.settleClosed = resolve;
    });
    const { random = Math.random } = this.deps;
    // Not all clients come back to the next gateway in one moment.
    for (const { connection } of this.open)
      setTimeout(() => connection.close(1001, 'The gateway closes.', 'shutdown'), random() * windowMs * spreadShare);
    const cut = setTimeout(() => {
      for (const { socket } of this.open) socket.terminate();
    }, windowMs);
    await gone;
    clearTimeout(cut);
  }
}

/** Of the window: the rest is for clients to answer the close. */
const spreadShare = 0.7;
/** Names and values. */
const maxHeaderEntries = 400;
/** Of a control frame, without its code. */
const maxReasonBytes = 123;
/** What may wait for a client that is sent a pong. */
const maxPongBytes = 65_536;

/**
 * Messages go past `ws`, in one piece: its way takes two writes and some objects for each, and an event is told to many.
 * Both write whole frames at once, so that none comes between the parts of another.
 */
function wireOf(socket: WebSocket, stream: Duplex): Wire {
  return {
    get bufferedBytes() {
      return stream.writableLength;
    },
    send: (message) => {
      if (socket.readyState === WebSocket.OPEN) stream.write(frameHeader(message.length) + message, 'latin1');
    },
    onDrain: (callback) => stream.on('drain', callback),
    close: (code, reason) => socket.close(code, fitReason(reason)),
    terminate: () => socket.terminate(),
  };
}

/** Cut to what a close frame holds (RFC 6455 section 5.5): it may quote the client, and a longer one is an exception. */
function fitReason(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.length <= maxReasonBytes) return reason;
  // Between two characters: the first byte that is left out begins one.
  let end = maxReasonBytes;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

/** Of an unmasked text frame that is the whole message (RFC 6455 section 5.2), as a byte string. */
function frameHeader(bytes: number): string {
  if (bytes < 126) return String.fromCharCode(0x81, bytes);
  if (bytes < 65_536) return String.fromCharCode(0x81, 126, bytes >>> 8, bytes & 0xff);
  const low = [24, 16, 8, 0].map((shift) => (bytes >>> shift) & 0xff);
  return String.fromCharCode(0x81, 127, 0, 0, 0, 0, ...low);
}

/** Remembers the last event, for the many clients that are told the same. */
function createEventEncoder(): SocketDeps['encodeEvent'] {
  let last = { payload: '', bytes: '' };
  return (payload) => {
    if (last.payload !== payload) last = { payload, bytes: toByteString(payload) };
    return last.bytes;
  };
}

/** Not a closure: it would keep the whole request as long as the socket lives. */
function destroy(this: Duplex): void {
  this.destroy();
}
