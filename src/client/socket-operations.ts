/**
 * The operations of one client's socket, from `subscribe` to `complete`, by their ids.
 * In: what the client asks, and who it is. Out: messages of graphql-transport-ws. Clock: per operation, per event.
 * Queries and mutations come the same way as over HTTP. A bad document ends its operation, never the socket.
 */
import type { SubscribeMessage } from 'graphql-ws';
import type { ClientError } from '../errors';
import type { Log } from '../telemetry/log';
import type { TrustedDocuments } from './document-choice';
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
import { type Aside, asideOf, errorCodeOf, eventText, nextMessagePrefix, textsOf, toByteString } from './event-text';
import type { LoadShedder } from './load-shedding';
import type { Outbox } from './outbox';
import type { RightsWatch, Watched } from './rights-watch';
import { readSubscribe } from './socket-messages';

export interface SocketObserver {
  operationStarted(operation: PreparedOperation['operation']): void;
  /** `code`: the first error's; undefined when it went well. */
  operationEnded(operation: PreparedOperation['operation'], code: string | undefined): void;
  dropped(events: number): void;
}

export interface SocketOperationsDeps {
  readonly door: Pick<GraphQLDoor, 'prepare' | 'execute' | 'subscribe'>;
  readonly contexts: SocketContexts;
  readonly trusted?: TrustedDocuments | undefined;
  /** Absent: nobody is refused for there being too much to do. */
  readonly shedder?: LoadShedder | undefined;
  readonly watch: Pick<RightsWatch, 'watch'>;
  readonly observer: SocketObserver;
  /** `toByteString`, which does it once for the many clients that are told the same. */
  readonly encodeEvent: (payload: string) => string;
}

interface Operation {
  live: LiveSubscription | undefined;
  watched: Watched | undefined;
  scope: RequestScope | undefined;
  /** There is too much to do: see `LoadShedder`. */
  needsPriority: boolean;
  /** Told with its first event. */
  aside: Aside | undefined;
  /** What is before the payload of each of its events, in bytes. */
  prefix: string;
  /** The client completed it, or the socket is gone: nothing of it is sent any more. */
  isOver: boolean;
}

export class SocketOperations implements ErrorSink {
  readonly id: string;
  readonly log: Log;
  private readonly running = new Map<string, Operation>();

  constructor(
    private readonly upgrade: SocketUpgrade,
    private readonly outbox: Outbox,
    private readonly deps: SocketOperationsDeps,
    /** Who speaks on the socket now. */
    private readonly whoAsks: () => SocketIdentity,
    /** Called when one has ended. */
    private readonly onEnded: () => void,
  ) {
    this.id = upgrade.id;
    this.log = upgrade.log;
  }

  get size(): number {
    return this.running.size;
  }

  has(id: string): boolean {
    return this.running.has(id);
  }

  /** Begins an operation; its id must be free. */
  start(id: string, payload: SubscribeMessage['payload']): void {
    const operation: Operation = {
      live: undefined,
      watched: undefined,
      scope: undefined,
      needsPriority: false,
      aside: undefined,
      prefix: '',
      isOver: false,
    };
    this.running.set(id, operation);
    void this.run(id, operation, payload);
  }

  /** Refuses one that does not begin. */
  refuse(id: string, error: ClientError): void {
    this.sendErrors(id, [error]);
  }

  /** Every subscription goes on as whom the socket speaks for now, if he may. */
  async reauthorise(): Promise<void> {
    await Promise.all([...this.running.values()].map((operation) => this.reauthoriseOne(operation)));
  }

  private async reauthoriseOne({ watched }: Operation): Promise<void> {
    if (!watched) return;
    await watched.become(await this.deps.contexts.open(this.whoAsks(), this.upgrade, undefined));
  }

  /** Never rejects. */
  private async run(id: string, operation: Operation, payload: SubscribeMessage['payload']): Promise<void> {
    const { shedder, contexts } = this.deps;
    operation.needsPriority = shedder?.hasRoom(this.upgrade.rawHeaders) === false;
    const leave = shedder?.begin();
    try {
      const scope = await contexts.open(this.whoAsks(), this.upgrade, payload.extensions ?? undefined);
      operation.scope = scope;
      try {
        if (!operation.isOver) await this.answer(id, operation, payload, scope);
      } finally {
        operation.scope = undefined;
        scope.dispose();
      }
    } catch (error) {
      this.end(id, operation, () => this.sendErrors(id, [error]));
    } finally {
      leave?.();
    }
  }

  private async answer(
    id: string,
    operation: Operation,
    payload: SubscribeMessage['payload'],
    scope: RequestScope,
  ): Promise<void> {
    const { door, observer, trusted, shedder } = this.deps;
    const { params, source } = readSubscribe(payload, trusted);
    const prepared = await door.prepare(source, params.operationName);
    if (prepared.kind === 'refused') {
      this.end(id, operation, () => this.sendErrors(id, prepared.errors));
      return;
    }
    // Subscriptions are bounded in number, and thousands may come at once: after a restart, all of them do.
    if (operation.needsPriority && prepared.operation !== 'subscription')
      shedder?.demandPriority(prepared.operationName ?? undefined, scope);
    observer.operationStarted(prepared.operation);
    if (prepared.operation === 'subscription') {
      await this.follow(id, operation, prepared, params, scope);
      return;
    }
    const execution = await door.execute(prepared, params, scope, true);
    for await (const text of textsOf(execution, scope)) {
      if (operation.isOver) break;
      // Not an event that could be dropped.
      this.send(`${nextMessagePrefix(id)}${text}}`, id);
    }
    observer.operationEnded(prepared.operation, errorCodeOf(execution));
    this.end(id, operation, () => this.sendComplete(id));
  }

  private async follow(
    id: string,
    operation: Operation,
    prepared: PreparedOperation,
    params: Parameters<GraphQLDoor['execute']>[1],
    scope: RequestScope,
  ): Promise<void> {
    const { door, observer, watch } = this.deps;
    const identity = this.whoAsks();
    const live = await door.subscribe(prepared, params, scope, {
      next: (text, hasExtensions) => {
        if (!operation.isOver) this.sendEvent(id, operation, text, hasExtensions);
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
    operation.aside = asideOf(live, scope);
    // It was completed, or ended, while it began.
    if (operation.isOver) live.stop('client');
    else operation.watched = watch.watch(live, scope);
    // The token was refreshed while it began.
    if (identity !== this.whoAsks())
      await this.reauthoriseOne(operation).catch((error: ClientError) => live.fail(error));
  }

  /** Ends an operation for the client, unless it has ended it itself. */
  private end(id: string, operation: Operation, tell: () => void): void {
    if (operation.isOver) return;
    operation.isOver = true;
    operation.watched?.stop();
    this.running.delete(id);
    tell();
    this.onEnded();
  }

  /** The client wants no more of it. Of an unknown id: it has ended meanwhile, which is no mistake. */
  complete(id: string): void {
    const operation = this.running.get(id);
    if (!operation) return;
    this.running.delete(id);
    this.outbox.forget(id);
    this.stop(operation, 'client');
    this.onEnded();
  }

  /** The socket is gone: what runs for it ends, at the subgraphs as well. */
  stopAll(reason: StopReason): void {
    const running = [...this.running.values()];
    this.running.clear();
    for (const operation of running) this.stop(operation, reason);
  }

  private stop(operation: Operation, reason: StopReason): void {
    operation.isOver = true;
    operation.watched?.stop();
    if (operation.live) {
      operation.live.stop(reason);
      this.deps.observer.operationEnded('subscription', undefined);
    }
    operation.scope?.clientLeft();
  }

  private sendEvent(id: string, operation: Operation, payload: string, hasExtensions: boolean): void {
    const { encodeEvent } = this.deps;
    this.outbox.sendEvent({
      id,
      bytes: payload.length,
      write: (isAfterLoss) => {
        const { aside } = operation;
        operation.aside = undefined;
        operation.prefix ||= toByteString(nextMessagePrefix(id));
        return `${operation.prefix}${encodeEvent(eventText(payload, hasExtensions, isAfterLoss, aside))}}`;
      },
    });
  }

  private sendErrors(id: string, errors: readonly unknown[]): void {
    this.send(JSON.stringify({ id, type: 'error', payload: formatErrors(errors, this) }), id);
  }

  private sendComplete(id: string): void {
    this.send(JSON.stringify({ id, type: 'complete' }), id);
  }

  private send(message: string, id: string): void {
    this.outbox.sendControl(toByteString(message), id);
  }
}
