/**
 * One client's socket: the graphql-transport-ws protocol (github.com/enisdenjo/graphql-ws, PROTOCOL.md).
 * In: frames. Out: messages, or the close codes of the protocol. Clock: per connection.
 * What is asked on it is run by `socket-operations.ts`.
 */
import type { SubscribeMessage } from 'graphql-ws';
import { ClientError, errorTable } from '../errors';
import type { Log } from '../telemetry/log';
import type { ConnectionCounts } from './connection-counts';
import type { SocketIdentity, SocketUpgrade, StopReason } from './door';
import { type ErrorSink, formatErrors } from './error-format';
import { toByteString } from './event-text';
import type { Schedule } from './expiry';
import { Outbox, type OutboxConnection, type OutboxLimits } from './outbox';
import { closeCodes, readMessage } from './socket-messages';
import { SocketOperations, type SocketOperationsDeps } from './socket-operations';

export interface SocketLimits extends OutboxLimits {
  readonly maxOperations: number;
  readonly initTimeoutMs: number;
  /** Without an operation for so long the socket is closed. */
  readonly idleTimeoutMs: number;
}

/** The socket below; what it sends are byte strings. */
export interface Wire extends OutboxConnection {
  close(code: number, reason: string): void;
  terminate(): void;
}

export interface SocketDeps extends SocketOperationsDeps {
  readonly counts: Pick<ConnectionCounts, 'enterCaller' | 'leaveCaller'>;
  readonly schedule: Schedule;
}

type Phase = 'opened' | 'initialising' | 'ready' | 'closed';

export class SocketConnection implements ErrorSink {
  readonly id: string;
  readonly log: Log;
  private phase: Phase = 'opened';
  private refreshing: Promise<void> = Promise.resolve();
  private identity: SocketIdentity = { expiresAt: Number.POSITIVE_INFINITY };
  private readonly operations: SocketOperations;
  private readonly outbox: Outbox;
  private cancelTimer: () => void;

  constructor(
    private readonly wire: Wire,
    private readonly upgrade: SocketUpgrade,
    private readonly limits: SocketLimits,
    private readonly deps: SocketDeps,
  ) {
    this.id = upgrade.id;
    this.log = upgrade.log;
    this.outbox = new Outbox(wire, limits, {
      onDropped: (events) => deps.observer.dropped(events),
      onOverflow: () => this.tooSlow(),
    });
    const whoAsks = () => this.identity;
    this.operations = new SocketOperations(upgrade, this.outbox, deps, whoAsks, () => this.watchIdle());
    const { initTimeoutMs } = limits;
    this.cancelTimer = deps.schedule(
      () => this.close(closeCodes.initTimeout, 'No connection_init came.'),
      initTimeoutMs,
    );
  }

  /** Events that wait for the client. */
  get queueDepth(): number {
    return this.outbox.depth;
  }

  /** A message of the client; undefined for one that is not text. */
  receive(text: string | undefined): void {
    if (this.phase === 'closed') return;
    // Every message is answered: who goes on asking without reading would fill the memory.
    if (this.outbox.isFull) {
      this.tooSlow();
      return;
    }
    let message: ReturnType<typeof readMessage>;
    try {
      message = readMessage(text ?? '');
    } catch {
      this.close(closeCodes.badMessage, 'This is no message of graphql-transport-ws.');
      return;
    }
    switch (message.type) {
      case 'connection_init':
        void this.initialise(message.payload);
        return;
      case 'ping':
        this.ping(message.payload);
        return;
      case 'pong':
        return;
      case 'subscribe':
        this.subscribe(message);
        return;
      case 'complete':
        this.operations.complete(message.id);
        return;
      default:
        this.close(closeCodes.badMessage, `A client does not send ${message.type}.`);
    }
  }

  private async initialise(payload: unknown): Promise<void> {
    if (this.phase !== 'opened') {
      this.close(closeCodes.secondInit, 'Too many connection_init.');
      return;
    }
    this.phase = 'initialising';
    this.cancelTimer();
    try {
      const identity = await this.deps.contexts.connect(this.upgrade, payload);
      if (this.hasClosed()) return;
      if (!this.deps.counts.enterCaller(identity.caller)) {
        throw new ClientError('TOO_MANY_CONNECTIONS', 'This identity has as many connections open as it may.');
      }
      this.phase = 'ready';
      this.identity = identity;
      this.outbox.sendControl('{"type":"connection_ack"}');
      this.watchIdle();
    } catch (error) {
      const code = error instanceof ClientError ? errorTable[error.code].closeCode : 0;
      this.close(code || 4500, error instanceof ClientError ? error.message : 'Internal server error');
    }
  }

  /** A `ping` may carry the next token: then every subscription goes on as whom that one names, if he may. */
  private ping(payload: unknown): void {
    if (this.phase !== 'ready' || payload === undefined) {
      this.outbox.sendControl('{"type":"pong"}');
      return;
    }
    // One after the other: the last one that is sent counts, however long each takes to be checked.
    this.refreshing = this.refreshing.then(() => this.refresh(payload));
  }

  /** Never rejects. */
  private async refresh(payload: unknown): Promise<void> {
    if (this.hasClosed()) return;
    try {
      const last = this.identity;
      const next = await this.deps.contexts.refresh(last, this.upgrade, payload);
      if (this.hasClosed()) return;
      if (next === last) {
        this.outbox.sendControl('{"type":"pong"}');
        return;
      }
      this.identity = next;
      await this.operations.reauthorise();
      const until = Number.isFinite(next.expiresAt) ? { expiresAt: new Date(next.expiresAt).toISOString() } : {};
      this.sendPong({ refreshed: true, ...until });
    } catch (error) {
      // Whatever the old credential still allows goes on until it expires.
      this.sendPong({ refreshed: false, errors: formatErrors([error], this) });
    }
  }

  private sendPong(payload: object): void {
    if (!this.hasClosed()) this.outbox.sendControl(toByteString(JSON.stringify({ type: 'pong', payload })));
  }

  private subscribe({ id, payload }: SubscribeMessage): void {
    if (this.phase !== 'ready') {
      this.close(closeCodes.unauthorized, 'Send connection_init first, and wait for its answer.');
      return;
    }
    if (this.operations.has(id)) {
      this.close(closeCodes.duplicateId, `There is an operation ${JSON.stringify(id.slice(0, 40))} already.`);
      return;
    }
    const { maxOperations } = this.limits;
    if (this.operations.size >= maxOperations) {
      const text = `One connection may run ${maxOperations} operations at a time.`;
      this.operations.refuse(id, new ClientError('MAX_OPERATIONS_LIMIT', text));
      return;
    }
    this.cancelTimer();
    this.operations.start(id, payload);
  }

  private watchIdle(): void {
    if (this.phase !== 'ready' || this.operations.size > 0) return;
    this.cancelTimer();
    const idle = () => this.close(closeCodes.goingAway, 'The connection was idle.');
    this.cancelTimer = this.deps.schedule(idle, this.limits.idleTimeoutMs);
  }

  private tooSlow(): void {
    this.log.warn({ id: this.id }, 'a WebSocket client reads too slowly and is disconnected');
    this.close(closeCodes.tooSlow, 'The client reads too slowly.', 'slow');
    // What it does not read, it does not read a close frame either.
    this.wire.terminate();
  }

  /** Closes the socket. What runs for it ends, at the subgraphs as well. */
  close(code: number, reason: string, because: StopReason = 'client'): void {
    if (this.phase === 'closed') return;
    this.wire.close(code, reason);
    this.closed(because);
  }

  /** The socket is gone, whoever closed it. May be called twice. */
  closed(because: StopReason = 'client'): void {
    if (this.phase === 'closed') return;
    if (this.phase === 'ready') this.deps.counts.leaveCaller(this.identity.caller);
    this.phase = 'closed';
    this.cancelTimer();
    this.outbox.clear();
    this.operations.stopAll(because);
  }

  private hasClosed(): boolean {
    return this.phase === 'closed';
  }
}
