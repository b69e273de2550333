/**
 * Subscriptions at subgraphs, over all generations of a gateway: identical ones are one, and one that is lost is asked
 * for again while somebody waits. In: what to ask of whom. Out: events. Clock: per subscription and event.
 * It never stops reading a subgraph, and leaves none with a subscription that nobody listens to.
 */
import { SubgraphError } from '../errors';
import type {
  SourceOpening,
  SubgraphEvents,
  SubgraphResponse,
  SubgraphSource,
  SubgraphStreamEnd,
} from '../query-plan/subgraph-call';
import type { Log } from '../telemetry/log';
import type { CallClock } from './call';
import { httpError } from './http';
import { type ResponseRules, readAnswer, readErrors } from './response';
import type { StreamEnd, StreamTransport } from './stream';

/** Where one subgraph sends its events, and how it is asked. */
export interface SourceEndpoint {
  readonly subgraph: string;
  /** Equal texts stand for one and the same transport. */
  readonly key: string;
  createTransport(): StreamTransport;
  /** Which of the request's headers it may have. */
  headersFor(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>>;
  readonly rules: ResponseRules;
  /** How long a lost subscription is asked for again. */
  readonly reconnectMs: number;
}

export interface EventSourcesDependencies {
  readonly clock: CallClock;
  /** From 0 to 1, below 1. */
  readonly random: () => number;
  readonly log: Log;
}

export class EventSources {
  private readonly sources = new Map<string, Source>();
  private readonly transports = new Map<string, StreamTransport>();

  constructor(private readonly dependencies: EventSourcesDependencies) {}

  /** Subscriptions that are open at subgraphs. */
  get size(): number {
    return this.sources.size;
  }

  find(endpoint: SourceEndpoint, body: string, scope: string): SubgraphSource {
    const key = JSON.stringify([endpoint.subgraph, endpoint.key, scope, body]);
    return { key, open: (opening, events) => this.open(key, endpoint, body, opening, events) };
  }

  private open(
    key: string,
    endpoint: SourceEndpoint,
    body: string,
    opening: SourceOpening,
    events: SubgraphEvents,
  ): () => void {
    let source = this.sources.get(key);
    if (!source) {
      const transport = this.transportOf(endpoint);
      source = new Source(endpoint, body, transport, this.dependencies, () => this.sources.delete(key));
      this.sources.set(key, source);
    }
    return source.join(opening, events);
  }

  /** Kept when nothing is open: it has no connections then, or soon. */
  private transportOf(endpoint: SourceEndpoint): StreamTransport {
    let transport = this.transports.get(endpoint.key);
    if (!transport) {
      transport = endpoint.createTransport();
      this.transports.set(endpoint.key, transport);
    }
    return transport;
  }

  close(): void {
    for (const transport of this.transports.values()) transport.close();
    this.transports.clear();
  }
}

interface Participant {
  readonly opening: SourceOpening;
  readonly events: SubgraphEvents;
  knowsEstablished: boolean;
  isGone: boolean;
}

const firstRetryMs = 250;
const longestRetryMs = 10_000;

/** One subscription at one subgraph, for all who take part in it. */
class Source {
  private readonly participants = new Set<Participant>();
  private phase: 'opening' | 'established' | 'waiting' | 'over' = 'waiting';
  private wasEstablished = false;
  private afterGap = false;
  private attempts = 0;
  private lostAt = 0;
  private establishedAt = 0;
  private stopStream = () => {};
  private stopTimer = () => {};

  constructor(
    private readonly endpoint: SourceEndpoint,
    private readonly body: string,
    private readonly transport: StreamTransport,
    private readonly dependencies: EventSourcesDependencies,
    private readonly onOver: () => void,
  ) {}

  join(opening: SourceOpening, events: SubgraphEvents): () => void {
    const participant: Participant = { opening, events, knowsEstablished: false, isGone: false };
    this.participants.add(participant);
    if (this.participants.size === 1 && this.attempts === 0) {
      this.lostAt = this.dependencies.clock.elapsed();
      queueMicrotask(() => this.connect());
    } else if (this.phase === 'established') queueMicrotask(() => this.tellEstablished(participant));
    return () => this.leave(participant);
  }

  private leave(participant: Participant): void {
    participant.isGone = true;
    this.participants.delete(participant);
    if (this.participants.size === 0) this.finish();
  }

  private connect(): void {
    const [first] = this.participants;
    if (this.phase !== 'waiting' || !first) return;
    this.phase = 'opening';
    this.attempts += 1;
    const headers = this.endpoint.headersFor(first.opening.headers());
    let isCurrent = true;
    const stop = this.transport.open(
      { body: this.body, headers },
      {
        onEstablished: () => isCurrent && this.onEstablished(),
        onPayload: (payload) => isCurrent && this.onPayload(payload),
        onEnd: (end) => {
          if (!isCurrent) return;
          isCurrent = false;
          this.onStreamEnd(end);
        },
      },
    );
    this.stopStream = () => {
      isCurrent = false;
      stop();
    };
  }

  private onEstablished(): void {
    if (this.phase !== 'opening') return;
    this.phase = 'established';
    this.wasEstablished = true;
    this.establishedAt = this.dependencies.clock.elapsed();
    for (const participant of this.participants) this.tellEstablished(participant);
  }

  private tellEstablished(participant: Participant): void {
    if (participant.isGone || participant.knowsEstablished || this.phase === 'over') return;
    participant.knowsEstablished = true;
    participant.events.onEstablished();
  }

  private onPayload(payload: unknown): void {
    // An event proves it, whatever else was expected as the proof.
    this.onEstablished();
    const { afterGap } = this;
    this.afterGap = false;
    const response = this.readPayload(payload);
    const others = [...this.participants];
    const last = others.pop();
    for (const { events, isGone } of others) if (!isGone) events.onEvent(structuredClone(response), afterGap);
    if (last && !last.isGone) last.events.onEvent(response, afterGap);
  }

  /** An event that is no answer of GraphQL is an error to the clients, and the next one may be good. */
  private readPayload(payload: unknown): SubgraphResponse {
    const { subgraph, rules } = this.endpoint;
    try {
      return readAnswer({ subgraph, status: 200, isPlain: false }, payload, rules);
    } catch (error) {
      if (!(error instanceof SubgraphError)) throw error;
      this.dependencies.log.warn({ subgraph, code: error.code, detail: error.detail }, 'An event was not GraphQL.');
      return {
        data: undefined,
        isPlain: false,
        errors: [{ message: error.message, extensions: { code: error.code } }],
      };
    }
  }

  private onStreamEnd(end: StreamEnd): void {
    const { subgraph, rules } = this.endpoint;
    if (end.kind === 'complete') this.end(end);
    else if (end.kind === 'refused') this.end({ kind: 'refused', errors: readErrors(end.errors, rules) });
    else if (end.kind === 'status') this.end({ kind: 'lost', error: httpError(subgraph, end.status) });
    else this.onLoss(end.reason);
  }

  private onLoss(reason: string): void {
    const { clock, random, log } = this.dependencies;
    const { subgraph, reconnectMs } = this.endpoint;
    if (this.phase === 'established') {
      // One that is lost again and again is asked for less and less often.
      const hasHeld = clock.elapsed() - this.establishedAt > longestRetryMs;
      if (hasHeld) this.attempts = 0;
      // One that is lost each time before anything came was never back.
      if (hasHeld || !this.afterGap) this.lostAt = clock.elapsed();
    }
    this.phase = 'waiting';
    this.afterGap = this.wasEstablished;
    log.warn({ subgraph, reason, attempts: this.attempts }, 'A subscription at a subgraph was lost.');
    const isWorthIt = this.wasEstablished || [...this.participants].some(({ opening }) => opening.isPatient);
    const leftMs = this.lostAt + reconnectMs - clock.elapsed();
    if (!isWorthIt || leftMs <= 0) {
      const message = `Subgraph '${subgraph}' ${this.wasEstablished ? 'was lost and could not be reached again' : 'could not be reached'}.`;
      this.end({ kind: 'lost', error: new SubgraphError('SUBREQUEST_HTTP_ERROR', subgraph, message, { reason }) });
      return;
    }
    // Half of it by chance: all who were lost at once do not come back at once.
    const delayMs = Math.min(longestRetryMs, firstRetryMs * 2 ** this.attempts) * (0.5 + random() / 2);
    this.stopTimer = clock.schedule(() => this.connect(), Math.min(delayMs, leftMs));
  }

  private end(end: SubgraphStreamEnd): void {
    const participants = [...this.participants];
    this.participants.clear();
    this.finish();
    for (const participant of participants) if (!participant.isGone) participant.events.onEnd(end);
  }

  private finish(): void {
    if (this.phase === 'over') return;
    this.phase = 'over';
    this.stopTimer();
    this.stopStream();
    this.onOver();
  }
}
