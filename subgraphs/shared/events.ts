/**
 * Events between mutations and subscriptions, by topic. In: what happened, once it is committed. Out: async iterators.
 * Clock: per event. In this process; `redis-events.ts` carries them between processes. A slow reader loses its oldest
 * events, and nobody waits for it.
 */

export interface Events {
  /** Tells all listeners of all instances. Resolves when it is on its way; never rejects: what cannot be told is logged. */
  publish(topic: string, payload: unknown): Promise<void>;
  /** Resolves when everything published from now on will be heard. Rejects when that cannot be had. */
  listen<Payload>(topic: string): Promise<EventStream<Payload>>;
  /** How many listen to a topic in this process. */
  listeners(topic: string): number;
  /** Ends all streams. */
  close(): Promise<void>;
}

/** Everything on one topic. Unlike an async generator, it ends at once when it is returned while it waits. */
export interface EventStream<Payload> extends AsyncIterableIterator<Payload, undefined> {
  return(): Promise<IteratorReturnResult<undefined>>;
  throw(error: unknown): Promise<IteratorReturnResult<undefined>>;
}

/** Waiting events for one reader. */
export const MAX_WAITING = 256;

/** Those who listen in this process: the core of both kinds of `Events`. */
export class Listeners {
  private readonly byTopic = new Map<string, Set<Listener>>();

  /** `onEmpty` is told when the last one of the topic has gone. */
  add(topic: string, onEmpty: () => void = () => {}): Listener {
    const all = this.byTopic.get(topic) ?? new Set();
    this.byTopic.set(topic, all);
    const listener: Listener = new Listener(() => {
      all.delete(listener);
      if (all.size > 0 || this.byTopic.get(topic) !== all) return;
      this.byTopic.delete(topic);
      onEmpty();
    });
    all.add(listener);
    return listener;
  }

  deliver(topic: string, payload: unknown): void {
    for (const listener of this.byTopic.get(topic) ?? []) listener.push(payload);
  }

  count(topic: string): number {
    return this.byTopic.get(topic)?.size ?? 0;
  }

  end(): void {
    for (const all of [...this.byTopic.values()]) for (const listener of [...all]) void listener.return();
  }
}

class Listener implements EventStream<unknown> {
  private readonly events: unknown[] = [];
  private readonly readers: ((result: IteratorResult<unknown, undefined>) => void)[] = [];
  private hasEnded = false;

  constructor(private readonly onEnd: () => void) {}

  push(value: unknown): void {
    const reader = this.readers.shift();
    if (reader) {
      reader({ done: false, value });
      return;
    }
    if (this.events.length >= MAX_WAITING) this.events.shift();
    this.events.push(value);
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.events.length > 0) return Promise.resolve({ done: false, value: this.events.shift() });
    if (this.hasEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.readers.push(resolve));
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    const end = { done: true, value: undefined } as const;
    if (!this.hasEnded) {
      this.hasEnded = true;
      this.events.length = 0;
      this.onEnd();
      for (const reader of this.readers.splice(0)) reader(end);
    }
    return Promise.resolve(end);
  }

  throw(): Promise<IteratorReturnResult<undefined>> {
    return this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Events of one process. */
export function createLocalEvents(): Events {
  const listeners = new Listeners();
  return {
    publish: async (topic, payload) => listeners.deliver(topic, payload),
    listen: async <Payload>(topic: string) => listeners.add(topic) as EventStream<unknown> as EventStream<Payload>,
    listeners: (topic) => listeners.count(topic),
    close: async () => listeners.end(),
  };
}

/** What `map` makes of each event; events of which it makes undefined are left out. */
export function mapEvents<From, To>(
  stream: AsyncIterator<From>,
  map: (event: From) => To | undefined | Promise<To | undefined>,
  onEnd: () => void = () => {},
): EventStream<To> {
  let hasEnded = false;
  const end = async (): Promise<IteratorReturnResult<undefined>> => {
    if (!hasEnded) {
      hasEnded = true;
      onEnd();
      await stream.return?.();
    }
    return { done: true, value: undefined };
  };
  return {
    async next() {
      for (;;) {
        const result = await stream.next();
        if (result.done || hasEnded) return end();
        const value = await map(result.value);
        if (value !== undefined) return { done: false, value };
      }
    },
    return: end,
    throw: end,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
