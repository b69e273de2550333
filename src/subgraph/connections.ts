/**
 * The connections to one origin, and the only file that knows undici. In: bytes to send; out: status, headers, bytes.
 * Own set of undici clients instead of undici's `Pool`: cheaper per call, a call that waits can be cancelled, a reused
 * connection can be told from a fresh one, and none is lost (a `Pool` forgets clients whose first connect failed).
 * Clock: per request. Never repeats a mutation, never throws out of an undici callback.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { buildConnector, Client, type Dispatcher } from 'undici';

export interface ConnectionsOptions {
  /** Sockets at most; further calls wait for one, in order. */
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  /** Offer HTTP/2 in the TLS handshake; plain `http:` stays HTTP/1.1. */
  readonly http2: boolean;
  /** PEM of the authorities to trust instead of the system's. */
  readonly ca?: string;
}

export interface OutgoingRequest {
  readonly path: string;
  /** Name, value, name, value, ... with lower case names. */
  readonly headers: string[];
  readonly body: string;
  /** A query may be sent a second time when a kept-alive connection turns out to be closed. */
  readonly kind: 'query' | 'mutation';
}

/** Why no complete answer came: `reason` is a code such as `ECONNREFUSED`, for the log. */
export interface ConnectionFailure {
  readonly reason: string;
  /** False when it is certain that the subgraph has not seen the request. */
  readonly sent: boolean;
}

/** Told what comes back. After `onEnd`, `onFailure` or a cancellation nothing more is told. None may throw. */
export interface ResponseSink {
  /** Raw header names and values in turn. Told again, from the start, when a query was sent a second time. */
  onHeaders(status: number, headers: readonly Buffer[]): void;
  onData(chunk: Buffer): void;
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

type Connect = (options: buildConnector.Options, callback: buildConnector.Callback) => Socket | TLSSocket;

/** Requests at a time on one HTTP/2 connection; node's servers allow at least as many. */
const http2Streams = 100;

/** What a socket that was closed under us looks like. */
const staleReasons = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'UND_ERR_SOCKET', 'UND_ERR_INFO']);

/** One undici client: at most one socket, which it opens again by itself when it was closed. */
class Connection {
  readonly client: Client;
  running = 0;
  /** Requests at a time: 1, or `http2Streams` once HTTP/2 was agreed on. */
  capacity = 1;
  /** Answers that came over the present socket: 0 means it is fresh. */
  served = 0;
  /** A mutation has it to itself, so that undici has no other request to repeat beside it. */
  exclusive = false;
  /** In the owner's list of those with room. */
  listed = false;
  /** Out of use: its client is destroyed. */
  discarded = false;
  connecting: Socket | undefined;

  constructor(origin: string, connect: Connect, owner: { onCapacity(connection: Connection): void }) {
    this.client = new Client(origin, {
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (options, callback) => {
        this.connecting = connect(options, (...result) => {
          this.connecting = undefined;
          this.served = 0;
          if (result[0] === null) {
            const capacity = 'alpnProtocol' in result[1] && result[1].alpnProtocol === 'h2' ? http2Streams : 1;
            if (capacity !== this.capacity) {
              this.capacity = capacity;
              this.client.pipelining = capacity;
              queueMicrotask(() => owner.onCapacity(this));
            }
          }
          callback(...result);
        });
      },
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

/** One request on its way; undici's handler (its older interface, which hands over headers unparsed). */
class Flight implements Dispatcher.DispatchHandler {
  connection: Connection | undefined;
  #phase: 'waiting' | 'dispatched' | 'sent' | 'answering' | 'done' = 'waiting';
  #reused = false;
  #repeated = false;
  #abort: ((error?: Error) => void) | undefined;

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
    // Undici's `abort` alone would connect again, only to find that the request is gone.
    else if (this.connection?.capacity === 1) this.owner.onDiscard(this);
    else if (phase !== 'dispatched') this.#abort?.();
  }

  onConnect(abort: (error?: Error) => void): void {
    if (this.#phase === 'done') {
      abort();
      return;
    }
    this.#abort = abort;
    this.#phase = 'sent';
    this.#reused = (this.connection?.served ?? 0) > 0;
  }

  onHeaders(status: number, headers: Buffer[]): boolean {
    if (this.#phase === 'done' || status < 200) return true;
    this.#phase = 'answering';
    this.sink.onHeaders(status, headers);
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#phase === 'answering') this.sink.onData(chunk);
    return true;
  }

  onComplete(): void {
    if (this.connection !== undefined) this.connection.served++;
    this.#release();
    if (this.#phase === 'done') return;
    this.#phase = 'done';
    this.sink.onEnd();
  }

  onError(error: Error): void {
    const reason = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
    const connection = this.connection;
    if (connection !== undefined && this.#isStale(reason) && !connection.client.destroyed) {
      this.#repeated = true;
      this.#phase = 'dispatched';
      // The socket of this client is gone, so that it must open a fresh one.
      queueMicrotask(() => (this.#phase === 'done' ? this.owner.onFree(this) : this.#dispatch(connection)));
      return;
    }
    this.#release();
    this.fail(reason);
  }

  /** Later, when undici has tidied up: a request that comes while it fails others breaks an assertion of its. */
  #release(): void {
    queueMicrotask(() => this.owner.onFree(this));
  }

  #isStale(reason: string): boolean {
    return this.#phase === 'sent' && this.#reused && !this.#repeated && !this.exclusive && staleReasons.has(reason);
  }

  #dispatch(connection: Connection): void {
    const { path, headers, body } = this.request;
    connection.client.dispatch(
      { path, method: 'POST', headers, body, idempotent: !this.exclusive, blocking: false },
      this,
    );
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
  readonly #connect: Connect;
  #running = 0;
  #phase: 'open' | 'closing' | 'closed' = 'open';
  #onDrained: (() => void) | undefined;

  constructor(
    private readonly origin: string,
    private readonly options: ConnectionsOptions,
  ) {
    const connector = buildConnector({
      allowH2: options.http2,
      timeout: options.connectTimeoutMs,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    } as buildConnector.BuildOptions) as Connect;
    this.#connect = (target, callback) => {
      const socket = connector(target, callback);
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      return socket;
    };
  }

  get stats(): ConnectionsStats {
    return { sockets: this.#sockets.size, running: this.#running, waiting: this.#waiting.length };
  }

  /** Sends a POST; returns what cancels it. `sink.onFailure` may be called before this returns. */
  send(request: OutgoingRequest, sink: ResponseSink): () => void {
    const flight = new Flight(request, sink, this);
    if (this.#phase !== 'open') {
      flight.fail('CLOSED');
      return () => {};
    }
    const connection = this.#waiting.length === 0 ? this.#take(flight.exclusive) : undefined;
    if (connection === undefined) this.#waiting.push(flight);
    else this.#launch(flight, connection);
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
    const destroyed = this.#connections.map((connection) => connection.client.destroy());
    const closed = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
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
    connection.connecting?.destroy(new Error('cancelled while connecting'));
    void connection.client.destroy();
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
    const connection = new Connection(this.origin, this.#connect, this);
    this.#connections.push(connection);
    return connection;
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
