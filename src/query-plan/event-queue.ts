/**
 * The events of one topic on their way to its subscribers: joined several at a time, delivered in order.
 * In: events. Out: their payloads. Whoever sends events is never held up: over its bound the oldest that waits is
 * dropped, and the one after it says so. Clock: per event.
 */

/** Why events may be missing before one that is delivered. */
export type Gap = 'RECONNECTED' | 'OVERLOADED';

export interface EventQueueOptions<Event> {
  /** The payload of an event. May not reject. */
  readonly join: (event: Event, gap: Gap | undefined) => Promise<string>;
  /** A promise when it takes several turns: what comes next waits for it. May not reject. */
  readonly deliver: (payload: string, gap: Gap | undefined) => Promise<void> | undefined;
  /** Events that are joined at a time. */
  readonly maxJoining: number;
  /** Events that wait for that. */
  readonly maxWaiting: number;
}

interface Entry<Event> {
  readonly event: Event | undefined;
  readonly onReached: (() => void) | undefined;
  gap: Gap | undefined;
  phase: 'waiting' | 'joining' | 'ready';
  payload: string;
}

export class EventQueue<Event> {
  private readonly entries: Entry<Event>[] = [];
  private waiting = 0;
  private joining = 0;
  private isDelivering = false;

  constructor(private readonly options: EventQueueOptions<Event>) {}

  push(event: Event, gap: Gap | undefined): void {
    this.entries.push({ event, onReached: undefined, gap, phase: 'waiting', payload: '' });
    this.waiting += 1;
    if (this.waiting > this.options.maxWaiting && this.joining >= this.options.maxJoining) this.dropOldest();
    this.startJoins();
  }

  /** Calls back between what was pushed before and what is pushed later, or when all is forgotten. */
  whenReached(onReached: () => void): void {
    this.entries.push({ event: undefined, onReached, gap: undefined, phase: 'ready', payload: '' });
    this.deliverReady();
  }

  /** Resolves when everything that was pushed before is delivered. */
  reached(): Promise<void> {
    return new Promise((resolve) => this.whenReached(resolve));
  }

  /** Forgets what has not been delivered. */
  clear(): void {
    this.waiting = 0;
    for (const { onReached } of this.entries.splice(0)) onReached?.();
  }

  private startJoins(): void {
    if (this.waiting === 0) return;
    for (const entry of this.entries) {
      if (this.joining >= this.options.maxJoining) return;
      if (entry.phase === 'waiting' && entry.event !== undefined) this.startJoin(entry, entry.event);
    }
  }

  private startJoin(entry: Entry<Event>, event: Event): void {
    entry.phase = 'joining';
    this.waiting -= 1;
    this.joining += 1;
    void this.options.join(event, entry.gap).then((payload) => {
      entry.phase = 'ready';
      entry.payload = payload;
      this.joining -= 1;
      this.deliverReady();
      this.startJoins();
    });
  }

  private deliverReady(): void {
    if (this.isDelivering) return;
    for (let entry = this.entries[0]; entry?.phase === 'ready'; entry = this.entries[0]) {
      this.entries.shift();
      if (entry.onReached) entry.onReached();
      else {
        const delivered = this.options.deliver(entry.payload, entry.gap);
        if (!delivered) continue;
        this.isDelivering = true;
        void delivered.then(() => {
          this.isDelivering = false;
          this.deliverReady();
        });
        return;
      }
    }
  }

  private dropOldest(): void {
    const index = this.entries.findIndex(({ phase }) => phase === 'waiting');
    const next = this.entries.slice(index + 1).find(({ phase }) => phase === 'waiting');
    const [dropped] = this.entries.splice(index, 1);
    this.waiting -= 1;
    if (next) next.gap ??= dropped?.gap ?? 'OVERLOADED';
  }
}
