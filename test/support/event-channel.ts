/**
 * Test support: events that a test publishes and subscription resolvers listen to. A listener that is returned is gone
 * at once, and counted: `subscribe: () => channel.listen()`.
 */

export interface EventChannel<T> {
  publish(event: T): void;
  /** Ends all listeners. */
  complete(): void;
  listen(): AsyncIterableIterator<T>;
  /** Who listens now. */
  readonly listeners: number;
  /** Resolves when so many listen. */
  whenListening(count: number): Promise<void>;
}

export function createEventChannel<T>(): EventChannel<T> {
  const queues = new Set<Listener<T>>();
  const waiting = new Set<() => void>();
  const changed = () => {
    for (const check of [...waiting]) check();
  };
  return {
    publish: (event) => {
      for (const queue of queues) queue.push(event);
    },
    complete: () => {
      for (const queue of [...queues]) void queue.return();
    },
    listen: () => {
      const queue: Listener<T> = new Listener<T>(() => {
        queues.delete(queue);
        changed();
      });
      queues.add(queue);
      changed();
      return queue;
    },
    get listeners() {
      return queues.size;
    },
    whenListening: (count) =>
      new Promise((resolve) => {
        const check = () => {
          if (queues.size !== count) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  };
}

class Listener<T> implements AsyncIterableIterator<T> {
  private readonly events: T[] = [];
  private waiting: ((result: IteratorResult<T>) => void) | undefined;
  private isOver = false;

  constructor(private readonly onReturn: () => void) {}

  push(event: T): void {
    const { waiting } = this;
    this.waiting = undefined;
    if (waiting) waiting({ value: event, done: false });
    else this.events.push(event);
  }

  next(): Promise<IteratorResult<T>> {
    const event = this.events.shift();
    if (event !== undefined) return Promise.resolve({ value: event, done: false });
    if (this.isOver) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => {
      this.waiting = resolve;
    });
  }

  return(): Promise<IteratorResult<T>> {
    if (!this.isOver) {
      this.isOver = true;
      this.onReturn();
      this.waiting?.({ value: undefined, done: true });
    }
    return Promise.resolve({ value: undefined, done: true });
  }

  throw(error: unknown): Promise<IteratorResult<T>> {
    void this.return();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
