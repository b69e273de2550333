/**
 * Subscriptions at one subgraph over graphql-transport-ws: many on each socket, few sockets. In and out: `stream.ts`.
 * Who asks travels with each subscription, in `extensions.headers` of its request; `connection_init` speaks for the
 * gateway itself. Clock: per subscription and event. A subgraph that breaks the protocol loses its socket, no more.
 */
import { isIP, type LookupFunction } from 'node:net';
import { WebSocket } from 'ws';
import type { CallClock } from './call';
import type { StreamHandlers, StreamRequest, StreamTransport, StreamTransportOptions } from './stream';

export interface WebSocketOptions extends StreamTransportOptions {
  /** What `connection_init` says of the gateway. */
  readonly initPayload: () => Readonly<Record<string, string>>;
  readonly clock: CallClock;
}

/** Another socket is opened when each has so many, as long as there may be more. */
const streamsPerSocket = 1_000;
/** An empty socket is kept for who comes next. */
const idleMs = 5_000;

/** Makes the transport of one subgraph; sockets are opened when they are needed. */
export function createWebSocketTransport(options: WebSocketOptions): StreamTransport {
  const sockets = new Set<GraphQLSocket>();
  const choose = (): GraphQLSocket => {
    let best: GraphQLSocket | undefined;
    for (const socket of sockets) if (!best || socket.size < best.size) best = socket;
    if (best && (best.size < streamsPerSocket || sockets.size >= options.maxConnections)) return best;
    const opened: GraphQLSocket = new GraphQLSocket(options, () => sockets.delete(opened));
    sockets.add(opened);
    return opened;
  };
  return {
    open: (request, handlers) => choose().subscribe(request, handlers),
    close: () => {
      for (const socket of sockets) socket.close();
    },
  };
}

interface Stream {
  readonly id: string;
  /** Until it is sent. */
  message: string;
  readonly handlers: StreamHandlers;
}

/** 4400 of the protocol: the other side said what it may not say. */
const badMessage = 4400;

class GraphQLSocket {
  private readonly socket: WebSocket;
  private readonly streams = new Map<string, Stream>();
  /** Subscribed since the last ping: the pong to the next one proves that the subgraph has read them. */
  private unproven: Stream[] = [];
  private proving: Stream[] | undefined;
  private phase: 'connecting' | 'initialising' | 'ready' | 'closed' = 'connecting';
  private lastId = 0;
  private isAlive = true;
  private reason = '';
  private stopTimer: () => void;
  private stopIdleTimer = () => {};

  constructor(
    private readonly options: WebSocketOptions,
    private readonly onClosed: () => void,
  ) {
    const { url, address, maxEventBytes, connectTimeoutMs, tls, clock } = options;
    this.socket = new WebSocket(url, 'graphql-transport-ws', {
      maxPayload: maxEventBytes,
      perMessageDeflate: false,
      ...tls,
      ...(address !== undefined && { lookup: lookupOf(address) }),
    });
    this.stopTimer = clock.schedule(() => this.drop('CONNECT_TIMEOUT'), connectTimeoutMs);
    this.socket.on('open', () => this.onOpen());
    this.socket.on('message', (data, isBinary) => this.onMessage(data as Buffer, isBinary));
    this.socket.on('pong', () => {
      this.isAlive = true;
    });
    this.socket.on('error', (error) => {
      this.reason ||= 'code' in error ? String(error.code) : 'SOCKET_ERROR';
    });
    this.socket.on('close', (code) => this.onClose(code));
  }

  get size(): number {
    return this.streams.size;
  }

  subscribe({ body, headers }: StreamRequest, handlers: StreamHandlers): () => void {
    this.stopIdleTimer();
    this.lastId += 1;
    const id = String(this.lastId);
    // `body` is an object with members.
    const extensions = Object.keys(headers).length > 0 ? `,"extensions":${JSON.stringify({ headers })}` : '';
    const message = `{"id":"${id}","type":"subscribe","payload":${body.slice(0, -1)}${extensions}}}`;
    const stream = { id, message, handlers };
    this.streams.set(id, stream);
    if (this.phase === 'ready') this.send(stream);
    return () => this.unsubscribe(stream);
  }

  close(): void {
    this.socket.close(1000);
    this.onClose(1000);
  }

  private closeWhenIdle(): void {
    this.stopIdleTimer();
    this.stopIdleTimer = this.options.clock.schedule(() => this.close(), idleMs);
  }

  private unsubscribe(stream: Stream): void {
    if (!this.forget(stream.id)) return;
    if (this.phase === 'ready') this.socket.send(`{"id":"${stream.id}","type":"complete"}`);
  }

  private onOpen(): void {
    this.phase = 'initialising';
    this.socket.send(JSON.stringify({ type: 'connection_init', payload: this.options.initPayload() }));
  }

  private onMessage(data: Buffer, isBinary: boolean): void {
    // Whatever comes shows that somebody is there.
    this.isAlive = true;
    const message = isBinary ? undefined : parseMessage(data.toString());
    if (this.phase === 'closed') return;
    if (!message || !this.take(message)) this.drop('PROTOCOL', badMessage);
  }

  /** False when the protocol does not allow the message. Unknown ids are allowed: they may have been ended just now. */
  private take(message: Message): boolean {
    switch (message.type) {
      case 'connection_ack':
        return this.onAcknowledged();
      case 'ping':
        this.socket.send('{"type":"pong"}');
        return true;
      case 'pong':
        this.onPong();
        return true;
      default:
        return this.phase === 'ready' && typeof message.id === 'string' && this.takeOf(message.id, message);
    }
  }

  private takeOf(id: string, { type, payload }: Message): boolean {
    const handlers = this.streams.get(id)?.handlers;
    switch (type) {
      case 'next':
        handlers?.onPayload(payload);
        return true;
      case 'error':
        this.forget(id);
        handlers?.onEnd({ kind: 'refused', errors: payload });
        return true;
      case 'complete':
        this.forget(id);
        handlers?.onEnd({ kind: 'complete' });
        return true;
      default:
        return false;
    }
  }

  private forget(id: string): boolean {
    if (!this.streams.delete(id)) return false;
    if (this.streams.size === 0) this.closeWhenIdle();
    return true;
  }

  private onAcknowledged(): boolean {
    if (this.phase !== 'initialising') return false;
    this.phase = 'ready';
    this.stopTimer();
    this.keepAlive();
    for (const stream of this.streams.values()) this.send(stream);
    return true;
  }

  private send(stream: Stream): void {
    this.socket.send(stream.message);
    stream.message = '';
    this.unproven.push(stream);
    if (!this.proving) this.prove();
  }

  /** The protocol does not acknowledge a subscription, but messages are read in order. */
  private prove(): void {
    this.proving = this.unproven;
    this.unproven = [];
    this.socket.send('{"type":"ping"}');
  }

  private onPong(): void {
    const proven = this.proving ?? [];
    this.proving = undefined;
    for (const stream of proven) if (this.streams.has(stream.id)) stream.handlers.onEstablished();
    if (this.unproven.length > 0) this.prove();
  }

  private keepAlive(): void {
    this.isAlive = true;
    const check = () => {
      if (!this.isAlive) {
        this.drop('KEEP_ALIVE_TIMEOUT');
        return;
      }
      this.isAlive = false;
      this.socket.ping();
      this.stopTimer = this.options.clock.schedule(check, this.options.keepAliveMs);
    };
    this.stopTimer = this.options.clock.schedule(check, this.options.keepAliveMs);
  }

  private drop(reason: string, closeCode?: number): void {
    this.reason ||= reason;
    if (closeCode !== undefined && this.socket.readyState === WebSocket.OPEN) this.socket.close(closeCode);
    else this.socket.terminate();
    this.onClose(closeCode ?? 0);
  }

  private onClose(code: number): void {
    if (this.phase === 'closed') return;
    this.leave();
    const end = { kind: 'lost', reason: this.reason || `CLOSED_${code}` } as const;
    const streams = [...this.streams.values()];
    this.streams.clear();
    for (const { handlers } of streams) handlers.onEnd(end);
  }

  private leave(): void {
    this.phase = 'closed';
    this.stopTimer();
    this.stopIdleTimer();
    this.onClosed();
  }
}

interface Message {
  readonly type: unknown;
  readonly id?: unknown;
  readonly payload?: unknown;
}

function parseMessage(text: string): Message | undefined {
  try {
    const message: unknown = JSON.parse(text);
    return typeof message === 'object' && message !== null && 'type' in message ? message : undefined;
  } catch {
    return undefined;
  }
}

/** Finds the same address for every name. */
function lookupOf(address: string): LookupFunction {
  const family = isIP(address);
  return (_hostname, { all }, callback) => {
    if (all) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}
