/**
 * The connections to one origin: bounded, kept alive, given to calls in order. In: bytes to send; out: status, headers,
 * bytes. A call that waits can be cancelled, a reused connection is told from a fresh one, and none is lost.
 * Clock: per request. Never repeats a mutation.
 */
import type { Socket } from 'node:net';
import type { TlsSettings } from '../config/tls';
import type { Channel, ChannelHandler, OutgoingRequest } from './channel';
import { Http1Channel } from './http1-channel';
import type { AnswerHeaders } from './http1-response';
import { UndiciChannel } from './undici-channel';

export interface ConnectionsOptions {
  /** Sockets at most; further calls wait for one, in order. */
  readonly maxConnections: number;
  /** Calls that wait at most; without it, any number. A further one fails with `QUEUE_FULL`. */
  readonly maxWaiting?: number;
  readonly connectTimeoutMs: number;
  /** Where to connect to instead of what the origin's host resolves to. */
  readonly address?: string | undefined;
  /** Offer HTTP/2 in the TLS handshake; plain `http:` stays HTTP/1.1. */
  readonly http2: boolean;
  readonly tls?: TlsSettings | undefined;
  /** Which headers of answers (lower case names) are wanted besides those that are always told. */
  readonly keepsHeader?: ((name: string) => boolean) | undefined;
}

/** Why no complete answer came: `reason` is a code such as `ECONNREFUSED`, for the log. */
export interface ConnectionFailure {
  readonly reason: string;
  /** False when it is certain that the subgraph has not seen the request. */
  readonly sent: boolean;
}

/** Told what comes back. After `onEnd`, `onFailure` or a cancellation nothing more is told. None may throw. */
export interface ResponseSink {
  /** Told again, from the start, when a query was sent a second time. */
  onHeaders(status: number, headers: AnswerHeaders): void;
  /** The bytes are lent for the time of the call. `isLast`: there is nothing more, as far as that is known already. */
  onData(bytes: Buffer, isLast: boolean): void;
  onEnd(): void;
  onFailure(failure: ConnectionFailure): void;
}

export interface ConnectionsStats {
  /** Sockets, connecting ones included. */
  readonly sockets: number;
  /** Calls that are on a connection. */
  readonly running: number;
  /** Calls that wait for a connection. */
  readonly waiting: number;
}

/** What a socket that was closed under us looks like, to node, to undici and to our own channel. */
const staleReasons = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
  'UND_ERR_SOCKET',
  'UND_ERR_INFO',
  'SOCKET_CLOSED',
]);

/** Where the sockets of an origin read to: what node reads at a time. */
const readBufferBytes = 65_536;

/** A channel, and what runs on it. */
class Connection {
  readonly channel: Channel;
  running = 0;
  /** Requests at a time: more than 1 once HTTP/2 was agreed on. */
  capacity = 1;
  /** Answers that came over the present socket: 0 means it is fresh. */
  served = 0;
  /** A mutation has it to itself, so that no other request beside it is repeated with it. */
  exclusive = false;
  /** In the owner's list of those with room. */
  listed = false;
  /** Out of use: its channel is destroyed. */
  discarded = false;

  constructor(
    open: (onConnected: (capacity: number) => void) => Channel,
    owner: { onCapacity(connection: Connection): void },
  ) {
    this.channel = open((capacity) => {
      this.served = 0;
      if (capacity === this.capacity) return;
      this.capacity = capacity;
      queueMicrotask(() => owner.onCapacity(this));
    });
  }

  hasRoom(exclusive: boolean): boolean {
    if (this.discarded) return false;
    return exclusive ? this.running === 0 : !this.exclusive && this.running < this.capacity;
  }
}

interface FlightOwner {
  /** The connection of this flight has room again. */
  onFree(flight: Flight): void;
  /** It was cancelled before it had a connection. */
  onLeftQueue(flight: Flight): void;
  /** It was cancelled and had its connection to itself: the connection goes too. */
  onDiscard(flight: Flight): void;
}

/** One request on its way. */
class Flight implements ChannelHandler {
  connection: Connection | undefined;
  #phase: 'waiting' | 'dispatched' | 'sent' | 'answering' | 'done' = 'waiting';
  #reused = false;
  #repeated = false;
  #abort: (() => void) | undefined;

  constructor(
    readonly request: OutgoingRequest,
    private readonly sink: ResponseSink,
    private readonly owner: FlightOwner,
  ) {}

  get exclusive(): boolean {
    return this.request.kind === 'mutation';
  }

  launch(connection: Connection): void {
    this.connection = connection;
    this.#phase = 'dispatched';
    this.#dispatch(connection);
  }

  fail(reason: string): void {
    if (this.#phase === 'done') return;
    const sent = this.#phase === 'sent' || this.#phase === 'answering';
    this.#phase = 'done';
    this.sink.onFailure({ reason, sent });
  }

  /** Ends the call: a waiting one leaves the queue, a running one takes its socket (HTTP/2: its stream) with it. */
  cancel(): void {
    const phase = this.#phase;
    this.#phase = 'done';
    if (phase === 'done') return;
    if (phase === 'waiting') this.owner.onLeftQueue(this);
    else if (this.connection?.capacity === 1) this.owner.onDiscard(this);
    else if (phase !== 'dispatched') this.#abort?.();
  }

  onSent(abort: () => void): void {
    if (this.#phase === 'done') {
      abort();
      return;
    }
    this.#abort = abort;
    this.#phase = 'sent';
    this.#reused = (this.connection?.served ?? 0) > 0;
  }

  onHeaders(status: number, headers: AnswerHeaders): void {
    if (this.#phase === 'done') return;
    this.#phase = 'answering';
    this.sink.onHeaders(status, headers);
  }

  onData(bytes: Buffer, isLast: boolean): void {
    if (this.#phase === 'answering') this.sink.onData(bytes, isLast);
  }

  onComplete(): void {
    if (this.connection !== undefined) this.connection.served++;
    this.#release();
    if (this.#phase === 'done') return;
    this.#phase = 'done';
    this.sink.onEnd();
  }

  onError(reason: string): void {
    const connection = this.connection;
    if (connection !== undefined && this.#isStale(reason) && !connection.channel.isDestroyed) {
      this.#repeated = true;
      this.#phase = 'dispatched';
      // The socket of this channel is gone, so that it must open a fresh one.
      queueMicrotask(() => (this.#phase === 'done' ? this.owner.onFree(this) : this.#dispatch(connection)));
      return;
    }
    this.#release();
    this.fail(reason);
  }

  /** Later, when the channel has tidied up: undici breaks an assertion of its when it is used while it fails others. */
  #release(): void {
    queueMicrotask(() => this.owner.onFree(this));
  }

  #isStale(reason: string): boolean {
    return this.#phase === 'sent' && this.#reused && !this.#repeated && !this.exclusive && staleReasons.has(reason);
  }

  #dispatch(connection: Connection): void {
    connection.channel.dispatch(this.request, this);
  }
}

/** The connections to one origin (`http://host:port`): opened when needed, kept alive, the latest used first. */
export class Connections implements FlightOwner {
  readonly #connections: Connection[] = [];
  /** Those with room; the last one is taken first, so that the others may fall idle and close. */
  readonly #free: Connection[] = [];
  /** An array: a `Set` that lives long while entries come and go keeps dead ones from being collected. */
  readonly #waiting: Flight[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #readBuffer = Buffer.allocUnsafeSlow(readBufferBytes);
  #running = 0;
  #phase: 'open' | 'closing' | 'closed' = 'open';
  #onDrained: (() => void) | undefined;

  constructor(
    private readonly origin: string,
    private readonly options: ConnectionsOptions,
  ) {}

  get stats(): ConnectionsStats {
    return { sockets: this.#sockets.size, running: this.#running, waiting: this.#waiting.length };
  }

  /** Sends a request; returns what cancels it. `sink.onFailure` may be called before this returns. */
  send(request: OutgoingRequest, sink: ResponseSink): () => void {
    const flight = new Flight(request, sink, this);
    if (this.#phase !== 'open') {
      flight.fail('CLOSED');
      return () => {};
    }
    const connection = this.#waiting.length === 0 ? this.#take(flight.exclusive) : undefined;
    if (connection !== undefined) this.#launch(flight, connection);
    else if (this.#waiting.length < (this.options.maxWaiting ?? Number.POSITIVE_INFINITY)) this.#waiting.push(flight);
    else flight.fail('QUEUE_FULL');
    return () => flight.cancel();
  }

  /** Takes no more calls, lets those under way finish, then closes all sockets. */
  async close(): Promise<void> {
    if (this.#phase === 'open') this.#phase = 'closing';
    if (this.#running > 0 || this.#waiting.length > 0) {
      await new Promise<void>((resolve) => {
        const earlier = this.#onDrained;
        this.#onDrained = () => {
          earlier?.();
          resolve();
        };
      });
    }
    await this.destroy();
  }

  /** Closes all sockets at once; calls under way fail. */
  async destroy(): Promise<void> {
    this.#phase = 'closed';
    for (const flight of this.#waiting.splice(0)) flight.fail('CLOSED');
    const closed = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    const destroyed = this.#connections.map((connection) => connection.channel.destroy());
    for (const socket of this.#sockets) socket.destroy(new Error('the connections were destroyed'));
    await Promise.all([...destroyed, ...closed]);
    this.#tellDrained();
  }

  onFree(flight: Flight): void {
    const connection = flight.connection;
    if (connection === undefined) return;
    flight.connection = undefined;
    this.#running--;
    connection.running--;
    if (flight.exclusive) connection.exclusive = false;
    this.#list(connection);
    this.#serveWaiting();
    this.#tellDrained();
  }

  onLeftQueue(flight: Flight): void {
    const index = this.#waiting.indexOf(flight);
    if (index !== -1) this.#waiting.splice(index, 1);
    this.#tellDrained();
  }

  onDiscard(flight: Flight): void {
    const { connection } = flight;
    if (connection === undefined) return;
    this.#connections.splice(this.#connections.indexOf(connection), 1);
    connection.discarded = true;
    void connection.channel.destroy();
    this.onFree(flight);
  }

  /** For `Connection`: it agreed on another protocol than last time. */
  onCapacity(connection: Connection): void {
    this.#list(connection);
    this.#serveWaiting();
  }

  #take(exclusive: boolean): Connection | undefined {
    for (let i = this.#free.length - 1; i >= 0; i--) {
      const connection = this.#free[i];
      if (connection?.hasRoom(exclusive)) return connection;
    }
    if (this.#connections.length >= this.options.maxConnections) return undefined;
    const connection = new Connection((onConnected) => this.#open(onConnected), this);
    this.#connections.push(connection);
    return connection;
  }

  #open(onConnected: (capacity: number) => void): Channel {
    const { connectTimeoutMs, address, tls, http2, keepsHeader } = this.options;
    const options = {
      connectTimeoutMs,
      address,
      keepsHeader,
      tls,
      onConnected,
      onSocket: (socket: Socket) => {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      },
    };
    const mayBeHttp2 = http2 && this.origin.startsWith('https:');
    return mayBeHttp2
      ? new UndiciChannel(this.origin, options)
      : new Http1Channel(this.origin, options, this.#readBuffer);
  }

  #launch(flight: Flight, connection: Connection): void {
    this.#running++;
    connection.running++;
    if (flight.exclusive) connection.exclusive = true;
    this.#list(connection);
    flight.launch(connection);
  }

  /** Keeps `#free` true for one connection; the one that leaves is nearly always the last. */
  #list(connection: Connection): void {
    const hasRoom = connection.hasRoom(false);
    if (hasRoom === connection.listed) return;
    connection.listed = hasRoom;
    if (hasRoom) this.#free.push(connection);
    else this.#free.splice(this.#free.lastIndexOf(connection), 1);
  }

  #serveWaiting(): void {
    for (let flight = this.#waiting[0]; flight !== undefined; flight = this.#waiting[0]) {
      const connection = this.#take(flight.exclusive);
      if (connection === undefined) return;
      this.#waiting.shift();
      this.#launch(flight, connection);
    }
  }

  #tellDrained(): void {
    if (this.#phase === 'open' || this.#running > 0 || this.#waiting.length > 0) return;
    const onDrained = this.#onDrained;
    this.#onDrained = undefined;
    onDrained?.();
  }
}
