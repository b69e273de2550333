/**
 * The events of a subgraph of several instances: each stream is opened at one of them, and at another one when that
 * cannot be. In: the subgraph's instances, how one is subscribed to. Out: `StreamTransport`. Clock: per subscription.
 * A stream at an instance that is gone ends as lost: who listens opens it again, which is elsewhere then.
 */
import type { Instance } from './balancing';
import type { CallClock } from './call';
import type { Verdict } from './circuit-state';
import type { Instances } from './instances';
import type { StreamHandlers, StreamRequest, StreamTransport } from './stream';

export interface BalancedStreamsOptions<Target> {
  readonly instances: Instances<Target>;
  /** How the streams of one instance are opened; asked once for each. */
  readonly openAt: (target: Target) => StreamTransport;
  readonly clock: CallClock;
}

/** An instance that lost a stream is the last one that is asked for another, for so long. */
const distrustMs = 10_000;

interface Place {
  readonly transport: StreamTransport;
  lostAt: number;
}

export class BalancedStreams<Target> implements StreamTransport {
  readonly #places = new Map<Instance<Target>, Place>();

  constructor(private readonly options: BalancedStreamsOptions<Target>) {}

  open(request: StreamRequest, handlers: StreamHandlers): () => void {
    const opening = new Opening(this, request, handlers);
    opening.next('ALL_INSTANCES_FAILED');
    return () => opening.stop();
  }

  close(): void {
    for (const { transport } of this.#places.values()) transport.close();
    this.#places.clear();
  }

  /** Streams at instances that are not there any more are lost. */
  drop(instance: Instance<Target>): void {
    const place = this.#places.get(instance);
    this.#places.delete(instance);
    place?.transport.close();
  }

  /** For `Opening`: one that was not tried yet; undefined when there is none. */
  pick(tried: readonly Instance<Target>[]): Instance<Target> | undefined {
    const { instances, clock } = this.options;
    const now = clock.elapsed();
    const distrusted = [...this.#places].flatMap(([instance, { lostAt }]) =>
      now - lostAt < distrustMs ? [instance] : [],
    );
    if (distrusted.length === 0) return instances.pick(now, tried);
    return instances.pick(now, [...tried, ...distrusted]) ?? instances.pick(now, tried);
  }

  /** For `Opening`: subscribes there. `settle` is called once: whether the instance took the subscription. */
  openAt(instance: Instance<Target>, request: StreamRequest, handlers: StreamHandlers) {
    const { instances, clock, openAt } = this.options;
    const place = this.#places.get(instance) ?? {
      transport: openAt(instance.target),
      lostAt: Number.NEGATIVE_INFINITY,
    };
    this.#places.set(instance, place);
    const isProbe = instances.begin(instance, clock.elapsed());
    let isSettled = false;
    const settle = (verdict: Verdict) => {
      if (isSettled) return;
      isSettled = true;
      // What a subscription takes says nothing of how long calls take, nor is it one of them while it goes on.
      instances.end(instance, verdict, isProbe, instance.latencyMs, clock.elapsed());
    };
    const stop = place.transport.open(request, {
      onEstablished: () => {
        settle('good');
        handlers.onEstablished();
      },
      onPayload: (payload) => {
        settle('good');
        handlers.onPayload(payload);
      },
      onEnd: (end) => {
        settle(end.kind === 'lost' ? 'bad' : 'good');
        if (end.kind === 'lost') place.lostAt = clock.elapsed();
        handlers.onEnd(end);
      },
    });
    return () => {
      settle('none');
      stop();
    };
  }
}

/** One subscription, until an instance has taken it. */
class Opening<Target> {
  readonly #tried: Instance<Target>[] = [];
  #isEstablished = false;
  #isStopped = false;
  #stop = () => {};

  constructor(
    private readonly streams: BalancedStreams<Target>,
    private readonly request: StreamRequest,
    private readonly handlers: StreamHandlers,
  ) {}

  stop(): void {
    this.#isStopped = true;
    this.#stop();
  }

  /** Asks the next instance; `reason` is why the one before failed. */
  next(reason: string): void {
    const instance = this.streams.pick(this.#tried);
    if (instance === undefined || this.#tried.includes(instance)) {
      this.handlers.onEnd({ kind: 'lost', reason });
      return;
    }
    this.#tried.push(instance);
    let hasEnded = false;
    const stop = this.streams.openAt(instance, this.request, {
      onEstablished: () => {
        this.#isEstablished = true;
        this.handlers.onEstablished();
      },
      onPayload: (payload) => {
        this.#isEstablished = true;
        this.handlers.onPayload(payload);
      },
      onEnd: (end) => {
        hasEnded = true;
        if (end.kind !== 'lost' || this.#isEstablished) this.handlers.onEnd(end);
        else if (!this.#isStopped) this.next(end.reason);
      },
    });
    // It may have failed before this returned: another one is open then.
    if (!hasEnded) this.#stop = stop;
  }
}
