/**
 * Identical queries to a subgraph that are under way at the same time share one exchange. In and out: `StartExchange`.
 * What is shared is the text of the answer, so that each waiter parses its own and may change what it got.
 * Clock: per request. Never shares a mutation, nor anything between requests whose headers differ.
 */
import type { Exchange, ExchangeOutcome, Route, StartExchange, StartedExchange } from './http';

export interface SharingOptions {
  /**
   * Lower case names of headers that differ from request to request and have no say in the answer (request id, trace).
   * The exchange carries those of whoever came first, and its deadline. Never list one of identity.
   */
  readonly ignoredHeaders: readonly string[];
}

/** Time and turns of the event loop; those of this process but in tests. */
export interface SharingClock {
  /** Milliseconds, only for differences. */
  elapsed(): number;
  /** Calls back in a later turn of the event loop. */
  defer(continuation: () => void): void;
}

type Done = (outcome: ExchangeOutcome) => void;

/**
 * How long an exchange may be joined: one that hangs on a dead connection would otherwise be kept alive, and hanging, by
 * all who go on joining it.
 */
const joinableMs = 1_000;

/** Characters of answers handed out in one turn of the event loop: each waiter parses them, about 5 ms together. */
const textPerTurn = 1_000_000;

const systemSharingClock: SharingClock = { elapsed: () => performance.now(), defer: (next) => setImmediate(next) };

/**
 * Wraps `start` so that a query joins an identical one under way: same subgraph, same headers, same body. Each waiter
 * cancels for itself; the exchange ends with the last one. A failure goes to those who wait, and is not kept.
 * A query never joins one that began before a mutation ended: who has just written reads what was written.
 */
export function shareInFlight(
  start: StartExchange,
  options: SharingOptions,
  clock: SharingClock = systemSharingClock,
): StartExchange {
  const table = new InFlightTable(new Set(options.ignoredHeaders));
  let mutations = 0;

  function startMutation(exchange: Exchange, done: Done): StartedExchange {
    const started = start(exchange, (outcome) => {
      mutations++;
      done(outcome);
    });
    const cancel = (isLate?: boolean) => {
      mutations++;
      started.cancel(isLate);
    };
    return {
      shared: false,
      get route() {
        return started.route;
      },
      cancel,
    };
  }

  return (exchange, done) => {
    if (exchange.kind !== 'query') return startMutation(exchange, done);
    const now = clock.elapsed();
    const hash = table.hash(exchange);
    const running = table.find(hash, exchange, mutations, now - joinableMs);
    if (running !== undefined) return running.join(done, true);
    const shared = new SharedExchange(hash, exchange, mutations, now, clock, table);
    table.add(shared);
    const waiter = shared.join(done, false);
    shared.run(start);
    return waiter;
  };
}

class Waiter implements StartedExchange {
  gone = false;

  constructor(
    private readonly exchange: SharedExchange,
    readonly done: Done,
    readonly shared: boolean,
  ) {}

  get route(): Route | undefined {
    return this.exchange.route;
  }

  cancel(isLate?: boolean): void {
    if (this.gone) return;
    this.gone = true;
    this.exchange.leave(isLate);
  }
}

class SharedExchange {
  /** The next one in the same bucket of the table. */
  next: SharedExchange | undefined;
  readonly #waiters: Waiter[] = [];
  #waiting = 0;
  #handedOut = 0;
  #started: StartedExchange | undefined;
  #outcome: ExchangeOutcome | undefined;

  constructor(
    readonly hash: number,
    readonly exchange: Exchange,
    /** How many mutations had ended when it began. */
    readonly mutations: number,
    readonly startedAt: number,
    private readonly clock: SharingClock,
    private readonly table: InFlightTable,
  ) {}

  get route(): Route | undefined {
    return this.#started?.route;
  }

  run(start: StartExchange): void {
    this.#started = start(this.exchange, (outcome) => {
      this.table.remove(this);
      this.#outcome = outcome;
      this.#handOut(outcome);
    });
  }

  join(done: Done, shared: boolean): StartedExchange {
    const waiter = new Waiter(this, done, shared);
    this.#waiters.push(waiter);
    this.#waiting++;
    return waiter;
  }

  /** One waiter has gone. */
  leave(isLate?: boolean): void {
    this.#waiting--;
    if (this.#waiting > 0 || this.#outcome !== undefined) return;
    this.table.remove(this);
    this.#started?.cancel(isLate);
  }

  #handOut(outcome: ExchangeOutcome): void {
    let characters = 0;
    while (this.#handedOut < this.#waiters.length) {
      if (characters > textPerTurn) {
        this.clock.defer(() => this.#handOut(outcome));
        return;
      }
      const waiter = this.#waiters[this.#handedOut++];
      if (waiter === undefined || waiter.gone) continue;
      waiter.gone = true;
      waiter.done(outcome);
      if (outcome.kind === 'answered') characters += outcome.text.length;
    }
  }
}

const buckets = 1024;

/**
 * The exchanges under way, by what they carry. Not a `Map`: one that lives long while entries come and go at each request
 * leaves a trail of dead tables in the old generation, each of which keeps its last entries alive until the next full
 * collection; that alone was measured to cost 10 microseconds a call.
 */
class InFlightTable {
  readonly #buckets: (SharedExchange | undefined)[] = new Array(buckets).fill(undefined);

  constructor(private readonly ignoredHeaders: ReadonlySet<string>) {}

  hash(exchange: Exchange): number {
    const { subgraph, headers, body } = exchange;
    let hash = mix(mix(0, body), subgraph);
    for (let i = 0; i + 1 < headers.length; i += 2) {
      if (!this.ignoredHeaders.has(headers[i] ?? '')) hash = mix(hash, headers[i + 1] ?? '');
    }
    return hash & (buckets - 1);
  }

  find(hash: number, exchange: Exchange, mutations: number, startedAfter: number): SharedExchange | undefined {
    let candidate = this.#buckets[hash];
    while (candidate !== undefined) {
      const fits = candidate.mutations === mutations && candidate.startedAt > startedAfter;
      if (fits && this.#isIdentical(candidate.exchange, exchange)) return candidate;
      candidate = candidate.next;
    }
    return undefined;
  }

  add(shared: SharedExchange): void {
    shared.next = this.#buckets[shared.hash];
    this.#buckets[shared.hash] = shared;
  }

  remove(shared: SharedExchange): void {
    let before: SharedExchange | undefined;
    let candidate = this.#buckets[shared.hash];
    while (candidate !== undefined && candidate !== shared) {
      before = candidate;
      candidate = candidate.next;
    }
    if (candidate === undefined) return;
    if (before === undefined) this.#buckets[shared.hash] = shared.next;
    else before.next = shared.next;
    shared.next = undefined;
  }

  #isIdentical(one: Exchange, other: Exchange): boolean {
    if (one.subgraph !== other.subgraph || one.headers.length !== other.headers.length) return false;
    for (let i = 0; i + 1 < one.headers.length; i += 2) {
      const name = one.headers[i] ?? '';
      if (name !== other.headers[i]) return false;
      if (one.headers[i + 1] !== other.headers[i + 1] && !this.ignoredHeaders.has(name)) return false;
    }
    return one.body === other.body;
  }
}

/** Mixes at most 64 characters of a text into a hash: its end, where variables stand, and some of all before. */
function mix(start: number, text: string): number {
  let hash = (start ^ text.length) | 0;
  const tail = Math.max(0, text.length - 32);
  for (let i = tail; i < text.length; i++) hash = Math.imul(hash, 31) + text.charCodeAt(i);
  const step = Math.max(1, tail >> 5);
  for (let i = 0; i < tail; i += step) hash = Math.imul(hash, 31) + text.charCodeAt(i);
  // The low bits choose the bucket: let the high ones have a say.
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
}
