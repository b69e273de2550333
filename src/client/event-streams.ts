/**
 * Operations answered as a stream over HTTP: GraphQL over SSE in its distinct connections mode
 * (github.com/enisdenjo/graphql-sse, PROTOCOL.md), and the multipart subscriptions that Apollo's clients speak.
 * In: a prepared operation. Out: `HttpStream`, which `serve-graphql.ts` connects to the response. Clock: per stream.
 */
import type { ErrorCode } from '../errors';
import type { ClientMetrics } from '../telemetry/metrics';
import { type ConnectionCountLimits, ConnectionCounts } from './connection-counts';
import type { Execution, GraphQLDoor, GraphQLParams, LiveSubscription, PreparedOperation, RequestScope } from './door';
import { codeOf, type ErrorSink, formatErrors } from './error-format';
import { type Aside, asideOf, errorCodeOf, eventText, textsOf } from './event-text';
import { stringifyResult } from './graphql-response';
import { Outbox, type OutboxConnection, type OutboxLimits } from './outbox';
import type { RightsWatch, Watched } from './rights-watch';
import { dataSecurityHeaders } from './security-headers';

/** `parts`: one answer whose deferred parts come later (incremental delivery, as of 2022-08-24). */
export type StreamProtocol = 'sse' | 'multipart' | 'parts';

/** The response below. */
export interface StreamWire extends OutboxConnection {
  end(text: string): void;
  destroy(): void;
}

/** A response that goes on: `start` is called once, when its headers are out. */
export interface HttpStream {
  readonly kind: 'stream';
  readonly headers: readonly string[];
  start(wire: StreamWire): RunningStream;
}

export function isStream(answer: object): answer is HttpStream {
  return 'kind' in answer && answer.kind === 'stream';
}

export interface RunningStream {
  /** The client left. */
  closed(): void;
  /** The gateway closes: the stream ends as its protocol ends one. */
  shutDown(): void;
  readonly queueDepth: number;
}

export interface StreamDeps {
  readonly door: Pick<GraphQLDoor, 'execute' | 'subscribe'>;
  readonly limits: OutboxLimits;
  readonly heartbeatMs: number;
  readonly metrics: ClientMetrics;
  readonly watch: Pick<RightsWatch, 'watch'>;
}

interface Framing {
  readonly headers: readonly string[];
  /** Sent at once, so that the client knows that the stream has begun. */
  readonly opening: string;
  next(payload: string): string;
  /** Errors that end the stream. */
  failure(errors: string, execution: string): string;
  readonly ending: string;
  /** Undefined where a client would take it for something else. */
  readonly heartbeat: string | undefined;
}

const common = ['cache-control', 'no-store', 'x-accel-buffering', 'no', ...Object.entries(dataSecurityHeaders).flat()];

/** JSON text has no line breaks, so that one `data` line holds it. */
const sse: Framing = {
  headers: ['content-type', 'text/event-stream; charset=utf-8', ...common],
  opening: ':\n\n',
  next: (payload) => `event: next\ndata: ${payload}\n\n`,
  failure: (_errors, execution) => `event: next\ndata: ${execution}\n\n`,
  ending: 'event: complete\ndata:\n\n',
  heartbeat: ':\n\n',
};

const partOf = (boundary: string) => (json: string) =>
  `\r\ncontent-type: application/json; charset=utf-8\r\n\r\n${json}\r\n--${boundary}`;
const part = partOf('graphql');
const deferredPart = partOf('-');

/** Each part ends with the boundary of the next, so that a client reads it at once. */
const multipart: Framing = {
  headers: ['content-type', 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0', ...common],
  opening: `--graphql${part('{}')}`,
  next: (payload) => part(`{"payload":${payload}}`),
  failure: (errors) => part(`{"payload":null,"errors":${errors}}`),
  ending: '--\r\n',
  heartbeat: part('{}'),
};

const parts: Framing = {
  headers: ['content-type', 'multipart/mixed;boundary="-";deferSpec=20220824', ...common],
  opening: '---',
  next: deferredPart,
  failure: (errors) => deferredPart(`{"errors":${errors},"hasNext":false}`),
  ending: '--\r\n',
  heartbeat: undefined,
};

const framings: Readonly<Record<StreamProtocol, Framing>> = { sse, multipart, parts };

/** A stream of one refusal: clients of event streams do not read the body of an HTTP error. */
export function streamRefusal(protocol: StreamProtocol, errors: readonly unknown[], sink: ErrorSink): HttpStream {
  const framing = framings[protocol];
  return {
    kind: 'stream',
    headers: framing.headers,
    start(wire) {
      wire.end(framing.opening + failureOf(framing, errors, sink) + framing.ending);
      return { closed() {}, shutDown() {}, queueDepth: 0 };
    },
  };
}

export interface StreamRequest {
  readonly prepared: PreparedOperation;
  readonly params: GraphQLParams;
  readonly context: RequestScope;
  /** The beginning of the answer, where it is there already. */
  readonly execution?: Execution;
}

/** The stream of an operation; a query or mutation is a stream of one result, or of its parts. */
export function streamOperation(protocol: StreamProtocol, request: StreamRequest, deps: StreamDeps): HttpStream {
  return {
    kind: 'stream',
    headers: framings[protocol].headers,
    start: (wire) => new OperationStream(protocol, request, wire, deps),
  };
}

/** One stream has one operation; the outbox wants names. */
const onlyId = '';

class OperationStream implements RunningStream {
  private readonly framing: Framing;
  private readonly outbox: Outbox;
  private readonly heartbeat: NodeJS.Timeout | undefined;
  private live: LiveSubscription | undefined;
  private watched: Watched | undefined;
  /** Told with the first event. */
  private aside: Aside | undefined;
  private isOver = false;

  constructor(
    protocol: StreamProtocol,
    private readonly request: StreamRequest,
    private readonly wire: StreamWire,
    private readonly deps: StreamDeps,
  ) {
    this.framing = framings[protocol];
    const transport = protocol === 'sse' ? 'sse' : 'multipart';
    this.outbox = new Outbox(wire, deps.limits, {
      onDropped: (events) => deps.metrics.eventsDropped(transport, events),
      onOverflow: () => this.abandon('slow'),
    });
    this.outbox.sendControl(this.framing.opening);
    const { heartbeat } = this.framing;
    if (heartbeat !== undefined) {
      // Where events wait, nobody needs a sign of life.
      const beat = () => {
        if (this.outbox.depth === 0) this.outbox.sendControl(heartbeat);
      };
      this.heartbeat = setInterval(beat, deps.heartbeatMs).unref();
    }
    deps.metrics.operationStarted(transport, request.prepared.operation);
    void this.run().then((code) => deps.metrics.operationEnded(transport, request.prepared.operation, code));
  }

  get queueDepth(): number {
    return this.outbox.depth;
  }

  /** Resolves when the stream is over, with the code of the error that ended it. Never rejects. */
  private async run(): Promise<ErrorCode | undefined> {
    const { prepared, params, context } = this.request;
    const { door } = this.deps;
    try {
      if (prepared.operation === 'subscription') return await this.follow();
      const execution = this.request.execution ?? (await door.execute(prepared, params, context, true));
      for await (const text of textsOf(execution, context)) {
        if (this.isOver) break;
        // Not an event that could be dropped.
        this.outbox.sendControl(this.framing.next(text));
      }
      this.finish('');
      return errorCodeOf(execution);
    } catch (error) {
      return this.fail([error]);
    } finally {
      context.dispose();
    }
  }

  private async follow(): Promise<ErrorCode | undefined> {
    const { prepared, params, context } = this.request;
    let settle: (code: ErrorCode | undefined) => void = () => {};
    const over = new Promise<ErrorCode | undefined>((resolve) => {
      settle = resolve;
    });
    this.onOver = settle;
    const live = await this.deps.door.subscribe(prepared, params, context, {
      next: (payload, hasExtensions) => this.sendEvent(payload, hasExtensions),
      end: (end) => {
        if (end.kind === 'complete') this.finish('');
        settle(end.kind === 'complete' ? undefined : this.fail(end.errors));
      },
    });
    // Each event has a deadline of its own.
    context.dispose();
    if (live.kind === 'refused') return this.fail(live.errors);
    this.live = live;
    this.aside = asideOf(live, context);
    if (this.isOver) live.stop('client');
    else this.watched = this.deps.watch.watch(live, context);
    return over;
  }

  private onOver: (code: ErrorCode | undefined) => void = () => {};

  private sendEvent(payload: string, hasExtensions: boolean): void {
    if (this.isOver) return;
    const write = (isAfterLoss: boolean) => {
      const { aside } = this;
      this.aside = undefined;
      return this.framing.next(eventText(payload, hasExtensions, isAfterLoss, aside));
    };
    this.outbox.sendEvent({ id: onlyId, bytes: payload.length, write });
  }

  private fail(errors: readonly unknown[]): ErrorCode {
    this.finish(failureOf(this.framing, errors, this.request.context));
    return codeOf(errors[0]);
  }

  private finish(last: string): void {
    if (this.isOver) return;
    this.isOver = true;
    clearInterval(this.heartbeat);
    this.watched?.stop();
    this.outbox.sendLast(() => this.wire.end(last + this.framing.ending));
  }

  private abandon(reason: 'client' | 'slow'): void {
    if (reason === 'slow') this.wire.destroy();
    this.isOver = true;
    clearInterval(this.heartbeat);
    this.watched?.stop();
    this.outbox.clear();
    this.live?.stop(reason);
    this.request.context.clientLeft();
    this.onOver(undefined);
  }

  closed(): void {
    if (!this.isOver) this.abandon('client');
    this.outbox.clear();
  }

  shutDown(): void {
    // An answer ends by itself.
    if (this.isOver || this.request.prepared.operation !== 'subscription') return;
    this.finish('');
    this.live?.stop('shutdown');
    this.onOver(undefined);
  }
}

function failureOf(framing: Framing, errors: readonly unknown[], sink: ErrorSink): string {
  const formatted = formatErrors(errors, sink);
  return framing.failure(JSON.stringify(formatted), stringifyResult({ errors: formatted }));
}

/** Every stream that goes on. */
export class StreamRegistry {
  private readonly running = new Map<RunningStream, { readonly ip: string; readonly caller: string | undefined }>();
  private readonly counts: ConnectionCounts;

  constructor(limits: ConnectionCountLimits) {
    this.counts = new ConnectionCounts(limits);
  }

  /** Counts one more of this address and caller, if there is room; each needs an `add` or a `giveBack`. */
  take(ip: string, caller: string | undefined): boolean {
    if (!this.counts.hasRoom(ip) || !this.counts.enterCaller(caller)) return false;
    this.counts.enter(ip);
    return true;
  }

  giveBack(ip: string, caller: string | undefined): void {
    this.counts.leave(ip);
    this.counts.leaveCaller(caller);
  }

  add(stream: RunningStream, ip: string, caller: string | undefined): void {
    this.running.set(stream, { ip, caller });
  }

  remove(stream: RunningStream): void {
    const taken = this.running.get(stream);
    if (taken && this.running.delete(stream)) this.giveBack(taken.ip, taken.caller);
  }

  /** Events that wait for clients. */
  get queueDepth(): number {
    let depth = 0;
    for (const { queueDepth } of this.running.keys()) depth += queueDepth;
    return depth;
  }

  /** Ends every stream as its protocol does, spread over `windowMs`. */
  shutDown(windowMs: number, random: () => number = Math.random): void {
    for (const stream of this.running.keys()) setTimeout(() => stream.shutDown(), random() * windowMs);
  }
}
