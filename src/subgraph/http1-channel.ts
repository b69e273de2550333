/**
 * A channel over a bare socket, HTTP/1.1, one request at a time: about half of what undici costs.
 * In and out: `Channel`. Clock: per request. A socket that did anything unexpected is destroyed, never used again:
 * bytes that nobody asked for, a response before its request was out, any doubt of the parser.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Channel, ChannelHandler, ChannelOptions, OutgoingRequest } from './channel';
import { type AnswerHeaders, type Http1Listener, ResponseParser } from './http1-response';

/** Idle sockets go after this, if the server does not say how long it keeps them. */
const idleMs = 4_000;
const maxIdleMs = 600_000;
/** Before the server closes one: a request must not meet its end on the way. */
const idleMarginMs = 1_000;
const tcpKeepAliveMs = 60_000;

const token = /^[!#$%&'*+\-.^_`|~\w]+$/;
const plainValue = /^[\t\x20-\x7e]*$/;
const latinValue = /^[\t\x20-\x7e\x80-\xff]*$/;

interface Running {
  readonly handler: ChannelHandler;
  readonly bytes: RequestBytes;
}

export class Http1Channel implements Channel, Http1Listener {
  isDestroyed = false;
  readonly #url: URL;
  readonly #parser: ResponseParser;
  #socket: Socket | undefined;
  #isConnected = false;
  #running: Running | undefined;
  /** When an idle socket is too old to be used, on the clock of `performance.now`. */
  #usableUntil = 0;
  #idleTimer: NodeJS.Timeout | undefined;

  /** `readBuffer` is where sockets read to. All channels of a thread may share it: what is read is used up at once. */
  constructor(
    origin: string,
    private readonly options: ChannelOptions,
    private readonly readBuffer: Buffer,
  ) {
    this.#url = new URL(origin);
    this.#parser = new ResponseParser(this, options.keepsHeader);
  }

  dispatch(request: OutgoingRequest, handler: ChannelHandler): void {
    const bytes = this.isDestroyed ? undefined : requestBytes(request, this.#url.host);
    if (bytes === undefined) {
      handler.onError(this.isDestroyed ? 'CLOSED' : 'INVALID_HEADER');
      return;
    }
    this.#running = { handler, bytes };
    if (this.#socket !== undefined && performance.now() > this.#usableUntil) this.#drop();
    if (this.#socket === undefined) this.#open();
    else if (this.#isConnected) this.#write();
  }

  async destroy(): Promise<void> {
    this.isDestroyed = true;
    this.#fail('CLOSED');
  }

  onHead(status: number, headers: AnswerHeaders): void {
    this.#running?.handler.onHeaders(status, headers);
  }

  onBody(bytes: Buffer, isLast: boolean): void {
    this.#running?.handler.onData(bytes, isLast);
  }

  onComplete(): void {
    const running = this.#running;
    this.#running = undefined;
    const { keepAlive, keepAliveSeconds } = this.#parser;
    const keptMs = Number.isNaN(keepAliveSeconds) ? idleMs : keepAliveSeconds * 1_000 - idleMarginMs;
    // A response to half a request: the other half would be read as the next one.
    if (!keepAlive || keptMs <= 0 || (this.#socket?.writableLength ?? 0) > 0) this.#drop();
    else this.#rest(Math.min(keptMs, maxIdleMs));
    running?.handler.onComplete();
  }

  onMalformed(reason: string): void {
    this.#fail(reason);
  }

  #open(): void {
    const { hostname, port, protocol } = this.#url;
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    const isSecure = protocol === 'https:';
    const { tls, address = host } = this.options;
    const target = {
      host: address,
      port: Number(port === '' ? (isSecure ? 443 : 80) : port),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: tcpKeepAliveMs,
      // Without it each read allocates 64 KB, and passes through a stream that nobody needs.
      onread: {
        buffer: this.readBuffer,
        callback: (length: number, buffer: Uint8Array) => this.#read(socket, length, buffer),
      },
    };
    const socket: Socket = isSecure
      ? connectTls({ ...target, ...(isIP(host) === 0 && { servername: host }), ...tls })
      : connectTcp(target);
    this.#socket = socket;
    this.#isConnected = false;
    this.#usableUntil = Number.POSITIVE_INFINITY;
    this.#watch(socket, isSecure ? 'secureConnect' : 'connect');
    this.options.onSocket(socket);
  }

  #watch(socket: Socket, connected: 'connect' | 'secureConnect'): void {
    const late = setTimeout(() => this.#lose(socket, 'CONNECT_TIMEOUT'), this.options.connectTimeoutMs);
    socket.once(connected, () => {
      clearTimeout(late);
      if (socket !== this.#socket) return;
      this.#isConnected = true;
      this.options.onConnected(1);
      this.#write();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => this.#lose(socket, error.code ?? error.name));
    socket.on('end', () => {
      if (socket === this.#socket) this.#parser.end();
      this.#lose(socket, 'SOCKET_CLOSED');
    });
    socket.once('close', () => {
      clearTimeout(late);
      this.#lose(socket, 'SOCKET_CLOSED');
    });
  }

  #write(): void {
    const running = this.#running;
    const socket = this.#socket;
    if (running === undefined || socket === undefined) return;
    this.#parser.begin();
    running.handler.onSent(() => this.#fail('ABORTED'));
    if (running !== this.#running) return;
    const { head, body, encoding } = running.bytes;
    if (body === undefined) {
      socket.write(head, encoding);
      return;
    }
    socket.cork();
    socket.write(head, 'latin1');
    socket.write(body, encoding);
    socket.uncork();
  }

  #read(socket: Socket, length: number, buffer: Uint8Array): boolean {
    if (socket !== this.#socket) return true;
    const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, length);
    const read = this.#running === undefined ? 0 : this.#parser.read(bytes);
    if (read < length && socket === this.#socket) this.#fail('UNASKED_BYTES');
    return true;
  }

  /** The socket rests, until it is needed or too old. */
  #rest(keptMs: number): void {
    this.#usableUntil = performance.now() + keptMs;
    // One timer for all rests: it looks when it fires whether the time has come.
    this.#idleTimer ??= setTimeout(() => this.#checkIdle(), keptMs).unref();
  }

  #checkIdle(): void {
    this.#idleTimer = undefined;
    if (this.#running !== undefined || this.#socket === undefined) return;
    const leftMs = this.#usableUntil - performance.now();
    if (leftMs <= 0) this.#drop();
    else this.#idleTimer = setTimeout(() => this.#checkIdle(), leftMs).unref();
  }

  #lose(socket: Socket, reason: string): void {
    if (socket === this.#socket) this.#fail(reason);
  }

  /** Gives up the socket, and the request that is on it. */
  #fail(reason: string): void {
    const running = this.#running;
    this.#running = undefined;
    this.#drop();
    running?.handler.onError(reason);
  }

  #drop(): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    this.#parser.stop();
    socket?.destroy();
  }
}

interface RequestBytes {
  /** With the body in one piece, where `body` is absent. */
  readonly head: string;
  readonly body: string | undefined;
  /** Of the last piece. */
  readonly encoding: 'latin1' | 'utf8';
}

/** Up to here one piece is cheaper to write than two; beyond, the text that they are joined to is what costs. */
const maxJoinedLength = 8_192;

/** What one write sends; undefined for a header that would split the request. */
function requestBytes(
  { path, headers, body, method = 'POST' }: OutgoingRequest,
  host: string,
): RequestBytes | undefined {
  const length = Buffer.byteLength(body);
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\ncontent-length: ${length}\r\n`;
  let isPlain = true;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? '';
    const value = headers[index + 1] ?? '';
    if (!plainValue.test(value)) {
      if (!latinValue.test(value)) return undefined;
      isPlain = false;
    }
    if (!token.test(name)) return undefined;
    head += `${name}: ${value}\r\n`;
  }
  head += '\r\n';
  const encoding = length === body.length ? 'latin1' : 'utf8';
  // Headers are Latin-1, whatever the body is.
  if (isPlain && body.length <= maxJoinedLength) return { head: head + body, body: undefined, encoding };
  return { head, body, encoding };
}
