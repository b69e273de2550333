/**
 * What waits for one client that reads slowly: bounded in messages and bytes, so that it costs nobody else anything.
 * In: messages as they come. Out: the same to the connection as fast as it takes them, or fewer, with the loss marked.
 * Clock: per message. It never waits: who sends goes on at once.
 */

/** The connection below. */
export interface OutboxConnection {
  /** Bytes that were handed to it and are not in the network yet. */
  readonly bufferedBytes: number;
  send(message: string): void;
  /** Calls back whenever what was too much for it has left for the network. */
  onDrain(callback: () => void): void;
}

export type SlowConsumerPolicy = 'dropOldest' | 'latestOnly' | 'disconnect';

export interface OutboxLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly slowConsumers: SlowConsumerPolicy;
}

/** An event of the stream `id`. */
export interface OutboxEvent {
  readonly id: string;
  /** Written when its turn comes. `hasGap`: events of this stream were dropped before it. */
  write(hasGap: boolean): string;
  readonly bytes: number;
}

type Entry =
  | { readonly kind: 'event'; readonly event: OutboxEvent }
  /** An answer of the protocol, which must not be lost. */
  | { readonly kind: 'control'; readonly id: string | undefined; readonly message: string };

/** Up to so much is left to the connection, so that it never runs dry. */
const highWaterBytes = 65_536;

export class Outbox {
  private waiting: Entry[] = [];
  private waitingBytes = 0;
  private waitingEvents = 0;
  /** Streams that have lost events since their last one. */
  private readonly gaps = new Set<string>();

  constructor(
    private readonly connection: OutboxConnection,
    private readonly limits: OutboxLimits,
    private readonly hooks: { readonly onDropped: (events: number) => void; readonly onOverflow: () => void },
  ) {
    connection.onDrain(() => this.flush());
  }

  /** Events that wait. */
  get depth(): number {
    return this.waitingEvents;
  }

  sendEvent(event: OutboxEvent): void {
    if (this.waiting.length === 0 && this.connection.bufferedBytes < highWaterBytes) {
      this.connection.send(event.write(this.gaps.size > 0 && this.gaps.delete(event.id)));
      return;
    }
    if (this.limits.slowConsumers === 'latestOnly') this.dropWhere((entry) => entry.event.id === event.id);
    this.push({ kind: 'event', event });
    this.makeRoom();
  }

  /** Sends an answer of the protocol after everything that waits for the same stream. It is never dropped: see `isFull`. */
  sendControl(message: string, id?: string): void {
    const entry = { kind: 'control', id, message } as const;
    if (this.waiting.length === 0 && this.connection.bufferedBytes < highWaterBytes) this.hand(entry);
    else this.push(entry);
  }

  /** More waits than a client that reads could leave: nothing more should be done for it. */
  get isFull(): boolean {
    return this.waitingBytes > 2 * this.limits.maxBytes;
  }

  /** Hands everything that waits to the connection, however slow it is, and then the end. */
  sendLast(end: () => void): void {
    for (const entry of this.waiting.splice(0)) this.hand(entry);
    this.clear();
    end();
  }

  /** Forgets the events of a stream that the client wants no more. */
  forget(id: string): void {
    this.gaps.delete(id);
    this.remove((entry) => entry.event.id === id);
  }

  /** Nothing is sent any more. */
  clear(): void {
    this.waiting = [];
    this.waitingBytes = 0;
    this.waitingEvents = 0;
    this.gaps.clear();
  }

  private push(entry: Entry): void {
    this.waiting.push(entry);
    this.waitingBytes += bytesOf(entry);
    if (entry.kind === 'event') this.waitingEvents += 1;
  }

  private makeRoom(): void {
    const { maxMessages, maxBytes, slowConsumers } = this.limits;
    const isOver = () => this.waitingEvents > maxMessages || this.waitingBytes > maxBytes;
    if (!isOver()) return;
    if (slowConsumers === 'disconnect') {
      this.hooks.onOverflow();
      return;
    }
    let left = this.waitingEvents;
    // The newest stays, however large: a client that reads at last gets something.
    this.dropWhere(() => left-- > 1 && isOver());
  }

  /** Drops events, from the oldest, and remembers what is missing. */
  private dropWhere(isDropped: (entry: Extract<Entry, { kind: 'event' }>) => boolean): void {
    const dropped = this.remove(isDropped);
    for (const { event } of dropped) this.gaps.add(event.id);
    if (dropped.length > 0) this.hooks.onDropped(dropped.length);
  }

  private remove(
    isRemoved: (entry: Extract<Entry, { kind: 'event' }>) => boolean,
  ): Extract<Entry, { kind: 'event' }>[] {
    const removed: Extract<Entry, { kind: 'event' }>[] = [];
    const kept: Entry[] = [];
    for (const entry of this.waiting) {
      if (entry.kind === 'event' && isRemoved(entry)) {
        removed.push(entry);
        this.waitingBytes -= entry.event.bytes;
        this.waitingEvents -= 1;
      } else kept.push(entry);
    }
    if (removed.length > 0) this.waiting = kept;
    return removed;
  }

  private flush(): void {
    while (this.connection.bufferedBytes < highWaterBytes) {
      const entry = this.waiting.shift();
      if (entry === undefined) return;
      this.waitingBytes -= bytesOf(entry);
      if (entry.kind === 'event') this.waitingEvents -= 1;
      this.hand(entry);
    }
  }

  private hand(entry: Entry): void {
    if (entry.kind === 'control') this.connection.send(entry.message);
    else this.connection.send(entry.event.write(this.gaps.delete(entry.event.id)));
  }
}

function bytesOf(entry: Entry): number {
  return entry.kind === 'event' ? entry.event.bytes : entry.message.length;
}
