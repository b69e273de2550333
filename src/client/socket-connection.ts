/**
 * One client's socket: the graphql-transport-ws protocol (github.com/enisdenjo/graphql-ws, PROTOCOL.md).
 * In: frames. Out: messages, or the close codes of the protocol. Clock: per connection, per operation.
 * Queries and mutations come the same way as over HTTP. A bad document ends its operation, never the socket.
 */
import { parseMessage, type SubscribeMessage } from 'graphql-ws';
import { ClientError, errorTable } from '../errors';
import type { Log } from '../telemetry/log';
import type {
  GraphQLDoor,
  LiveSubscription,
  PreparedOperation,
  RequestScope,
  SocketContexts,
  SocketIdentity,
  SocketUpgrade,
  StopReason,
} from './door';
import { codeOf, type ErrorSink, formatErrors } from './error-format';
import { errorCodeOf, markGap, nextMessage, textOf } from './event-text';
import { onExpiry, type Schedule } from './expiry';
import { Outbox, type OutboxConnection, type OutboxLimits } from './outbox';

export interface SocketLimits extends OutboxLimits {
  readonly maxOperations: number;
  readonly initTimeoutMs: number;
  /** Without an operation for so long the socket is closed. */
  readonly idleTimeoutMs: number;
}

/** The socket below, as `ws` has it. */
export interface Wire extends OutboxConnection {
  close(code: number, reason: string): void;
  terminate(): void;
}

export interface SocketObserver {
  operationStarted(operation: PreparedOperation['operation']): void;
  /** `code`: the first error's; undefined when it went well. */
  operationEnded(operation: PreparedOperation['operation'], code: string | undefined): void;
  dropped(events: number): void;
}

export interface SocketDeps {
  readonly door: Pick<GraphQLDoor, 'prepare' | 'execute' | 'subscribe'>;
  readonly contexts: SocketContexts;
  readonly observer: SocketObserver;
  /** The frame of an event, made once for all clients that have the same id for it. */
  readonly frameOf: (id: string, payload: string) => Buffer;
  readonly now: () => number;
  readonly schedule: Schedule;
}

/** The protocol's close codes. */
const closeCodes = {
  badMessage: 4400,
  unauthorized: 4401,
  initTimeout: 4408,
  duplicateId: 4409,
  secondInit: 4429,
  goingAway: 1001,
  tooSlow: 1013,
} as const;

type Phase = 'opened' | 'initialising' | 'ready' | 'closed';

interface Operation {
  live: LiveSubscription | undefined;
  scope: RequestScope | undefined;
  /** The client completed it, or the socket is gone: nothing of it is sent any more. */
  isOver: boolean;
}

export class SocketConnection implements ErrorSink {
  readonly id: string;
  readonly log: Log;
  private phase: Phase = 'opened';
  private identity: SocketIdentity = { expiresAt: Number.POSITIVE_INFINITY };
  private readonly operations = new Map<string, Operation>();
  private readonly outbox: Outbox;
  private cancelTimer: () => void;
  private cancelExpiry: () => void = () => {};

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

  get operationCount(): number {
    return this.operations.size;
  }

  /** A message of the client; undefined for one that is not text. */
  receive(text: string | undefined): void {
    if (this.phase === 'closed') return;
    let message: ReturnType<typeof parseMessage>;
    try {
      message = parseMessage(text ?? '');
    } catch {
      this.close(closeCodes.badMessage, 'This is no message of graphql-transport-ws.');
      return;
    }
    switch (message.type) {
      case 'connection_init':
        void this.initialise(message.payload);
        return;
      case 'ping':
        void this.ping(message.payload);
        return;
      case 'pong':
        return;
      case 'subscribe':
        this.subscribe(message);
        return;
      case 'complete':
        this.complete(message.id);
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
      this.phase = 'ready';
      this.become(identity);
      this.outbox.sendControl('{"type":"connection_ack"}');
      this.watchIdle();
    } catch (error) {
      const code = error instanceof ClientError ? errorTable[error.code].closeCode : 0;
      this.close(code || 4500, error instanceof ClientError ? error.message : 'Internal server error');
    }
  }

  private become(identity: SocketIdentity): void {
    this.identity = identity;
    this.cancelExpiry();
    this.cancelExpiry = onExpiry(identity.expiresAt, this.deps, () => this.expire());
  }

  private expire(): void {
    const error = new ClientError('SUBSCRIPTION_JWT_EXPIRED', 'The token has expired and was not refreshed.');
    for (const { live } of [...this.operations.values()]) live?.fail(error);
  }

  /** A `ping` may carry the next token: then every subscription goes on as whom that one names, if he may. */
  private async ping(payload: unknown): Promise<void> {
    if (this.phase !== 'ready' || payload === undefined) {
      this.outbox.sendControl('{"type":"pong"}');
      return;
    }
    try {
      const last = this.identity;
      const next = await this.deps.contexts.refresh(last, this.upgrade, payload);
      if (this.hasClosed()) return;
      if (next === last) {
        this.outbox.sendControl('{"type":"pong"}');
        return;
      }
      this.become(next);
      await this.reauthorise();
      const until = Number.isFinite(next.expiresAt) ? { expiresAt: new Date(next.expiresAt).toISOString() } : {};
      this.sendPong({ refreshed: true, ...until });
    } catch (error) {
      // Whatever the old credential still allows goes on until it expires.
      this.sendPong({ refreshed: false, errors: formatErrors([error], this) });
    }
  }

  private sendPong(payload: object): void {
    if (!this.hasClosed()) this.outbox.sendControl(JSON.stringify({ type: 'pong', payload }));
  }

  private async reauthorise(): Promise<void> {
    const running = [...this.operations.values()].filter(({ live }) => live !== undefined);
    await Promise.all(
      running.map(async ({ live }) => {
        const scope = await this.deps.contexts.open(this.identity, this.upgrade, undefined);
        try {
          await live?.reauthorise(scope);
        } finally {
          scope.dispose();
        }
      }),
    );
  }

  private subscribe(message: SubscribeMessage): void {
    const { id, payload } = message;
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
      this.sendErrors(id, [new ClientError('MAX_OPERATIONS_LIMIT', text)]);
      return;
    }
    this.cancelTimer();
    const operation: Operation = { live: undefined, scope: undefined, isOver: false };
    this.operations.set(id, operation);
    void this.run(id, operation, payload);
  }

  /** Never rejects. */
  private async run(id: string, operation: Operation, payload: SubscribeMessage['payload']): Promise<void> {
    try {
      const scope = await this.deps.contexts.open(this.identity, this.upgrade, payload.extensions ?? undefined);
      operation.scope = scope;
      try {
        if (!operation.isOver) await this.answer(id, operation, payload, scope);
      } finally {
        operation.scope = undefined;
        scope.dispose();
      }
    } catch (error) {
      this.end(id, operation, () => this.sendErrors(id, [error]));
    }
  }

  private async answer(
    id: string,
    operation: Operation,
    { query, operationName, variables, extensions }: SubscribeMessage['payload'],
    scope: RequestScope,
  ): Promise<void> {
    const { door, observer } = this.deps;
    const params = {
      query,
      operationName: operationName ?? undefined,
      variables: variables ?? undefined,
      extensions: extensions ?? undefined,
    };
    const prepared = await door.prepare(query, params.operationName);
    if (prepared.kind === 'refused') {
      this.end(id, operation, () => this.sendErrors(id, prepared.errors));
      return;
    }
    observer.operationStarted(prepared.operation);
    if (prepared.operation === 'subscription') {
      await this.follow(id, operation, prepared, params, scope);
      return;
    }
    const execution = await door.execute(prepared, params, scope);
    observer.operationEnded(prepared.operation, errorCodeOf(execution));
    this.end(id, operation, () => {
      // Not an event that could be dropped.
      this.outbox.sendControl(nextMessage(id, textOf(execution, scope)), id);
      this.sendComplete(id);
    });
  }

  private async follow(
    id: string,
    operation: Operation,
    prepared: PreparedOperation,
    params: Parameters<GraphQLDoor['execute']>[1],
    scope: RequestScope,
  ): Promise<void> {
    const { door, observer } = this.deps;
    const live = await door.subscribe(prepared, params, scope, {
      next: (text, hasGap) => {
        if (!operation.isOver) this.sendEvent(id, text, hasGap);
      },
      end: (end) => {
        observer.operationEnded('subscription', end.kind === 'error' ? codeOf(end.errors[0]) : undefined);
        this.end(id, operation, () => {
          if (end.kind === 'complete') this.sendComplete(id);
          else this.sendErrors(id, end.errors);
        });
      },
    });
    if (live.kind === 'refused') {
      observer.operationEnded('subscription', codeOf(live.errors[0]));
      this.end(id, operation, () => this.sendErrors(id, live.errors));
      return;
    }
    operation.live = live;
    // It was completed, or ended, while it began.
    if (operation.isOver) live.stop('client');
  }

  /** Ends an operation for the client, unless it has ended it itself. */
  private end(id: string, operation: Operation, tell: () => void): void {
    if (operation.isOver) return;
    operation.isOver = true;
    this.operations.delete(id);
    tell();
    this.watchIdle();
  }

  /** The client wants no more of it. Of an unknown id: it has ended meanwhile, which is no mistake. */
  private complete(id: string): void {
    const operation = this.operations.get(id);
    if (!operation) return;
    this.operations.delete(id);
    this.outbox.forget(id);
    this.stop(operation, 'client');
    this.watchIdle();
  }

  private stop(operation: Operation, reason: StopReason): void {
    operation.isOver = true;
    if (operation.live) {
      operation.live.stop(reason);
      this.deps.observer.operationEnded('subscription', undefined);
    }
    operation.scope?.clientLeft();
  }

  private watchIdle(): void {
    if (this.phase !== 'ready' || this.operations.size > 0) return;
    this.cancelTimer();
    const idle = () => this.close(closeCodes.goingAway, 'The connection was idle.');
    this.cancelTimer = this.deps.schedule(idle, this.limits.idleTimeoutMs);
  }

  private sendEvent(id: string, payload: string, hasExtensions: boolean): void {
    const { frameOf } = this.deps;
    this.outbox.sendEvent({
      id,
      bytes: payload.length,
      write: (hasGap) => frameOf(id, hasGap ? markGap(payload, hasExtensions) : payload),
    });
  }

  private sendErrors(id: string, errors: readonly unknown[]): void {
    this.outbox.sendControl(JSON.stringify({ id, type: 'error', payload: formatErrors(errors, this) }), id);
  }

  private sendComplete(id: string): void {
    this.outbox.sendControl(JSON.stringify({ id, type: 'complete' }), id);
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
    this.phase = 'closed';
    this.cancelTimer();
    this.cancelExpiry();
    this.outbox.clear();
    const running = [...this.operations.values()];
    this.operations.clear();
    for (const operation of running) this.stop(operation, because);
  }

  private hasClosed(): boolean {
    return this.phase === 'closed';
  }
}
