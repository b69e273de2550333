/**
 * Identical queries to a subgraph that are under way at the same time share one exchange. In and out: `StartExchange`.
 * What is shared is the text of the answer, so that each waiter parses its own and may change what it got.
 * Clock: per request. Never shares a mutation, nor anything between requests whose headers differ.
 */
import type { Exchange, ExchangeOutcome, StartExchange, StartedExchange } from './http';

export interface SharingOptions {
  /**
   * Lower case names of headers that differ from request to request and have no say in the answer (request id, trace,
   * what is left of the deadline). The exchange carries those of whoever came first. Never list one of identity.
   */
  readonly ignoredHeaders: readonly string[];
}

/**
 * How long an exchange may be joined: one that hangs on a dead connection would otherwise be kept alive, and hanging, by
 * all who go on joining it.
 */
const joinableMs = 1_000;

/** Characters of answers handed out in one turn of the event loop: each waiter parses them, about 5 ms together. */
const textPerTurn = 1_000_000;

/** Time and turns of the event loop; those of this process but in tests. */
export interface SharingClock {
  /** Milliseconds, only for differences. */
  elapsed(): number;
  /** Calls back in a later turn of the event loop. */
  defer(continuation: () => void): void;
}

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
  const ignored = new Set(options.ignoredHeaders);
  const inFlight = new Map<string, SharedExchange>();
  let mutations = 0;

  function startMutation(exchange: Exchange, done: (outcome: ExchangeOutcome) => void): StartedExchange {
    const started = start(exchange, (outcome) => {
      mutations++;
      done(outcome);
    });
    return {
      shared: false,
      cancel: () => {
        mutations++;
        started.cancel();
      },
    };
  }

  return (exchange, done) => {
    if (exchange.kind !== 'query') return startMutation(exchange, done);
    const key = `${mutations} ${keyOf(exchange, ignored)}`;
    const running = inFlight.get(key);
    if (running !== undefined && clock.elapsed() - running.startedAt < joinableMs) return running.join(done, true);
    const shared: SharedExchange = new SharedExchange(clock, () => {
      if (inFlight.get(key) === shared) inFlight.delete(key);
    });
    inFlight.set(key, shared);
    const waiter = shared.join(done, false);
    shared.run(start, exchange);
    return waiter;
  };
}

interface Waiter extends StartedExchange {
  readonly done: (outcome: ExchangeOutcome) => void;
}

class SharedExchange {
  readonly startedAt: number;
  readonly #waiters = new Set<Waiter>();
  #started: StartedExchange | undefined;
  #outcome: ExchangeOutcome | undefined;

  constructor(
    private readonly clock: SharingClock,
    private readonly forget: () => void,
  ) {
    this.startedAt = clock.elapsed();
  }

  run(start: StartExchange, exchange: Exchange): void {
    this.#started = start(exchange, (outcome) => {
      this.forget();
      this.#outcome = outcome;
      this.#handOut(outcome);
    });
  }

  join(done: (outcome: ExchangeOutcome) => void, shared: boolean): StartedExchange {
    const waiter: Waiter = { shared, done, cancel: () => this.#leave(waiter) };
    this.#waiters.add(waiter);
    return waiter;
  }

  #leave(waiter: Waiter): void {
    if (!this.#waiters.delete(waiter) || this.#waiters.size > 0 || this.#outcome !== undefined) return;
    this.forget();
    this.#started?.cancel();
  }

  #handOut(outcome: ExchangeOutcome): void {
    let handedOut = 0;
    for (const waiter of this.#waiters) {
      if (handedOut > textPerTurn) {
        this.clock.defer(() => this.#handOut(outcome));
        return;
      }
      this.#waiters.delete(waiter);
      waiter.done(outcome);
      if (outcome.kind === 'answered') handedOut += outcome.text.length;
    }
  }
}

/** Lengths stand before what they measure, so that no header value can be read as another header. */
function keyOf(exchange: Exchange, ignored: ReadonlySet<string>): string {
  const { subgraph, headers, body } = exchange;
  let key = `${subgraph.length}:${subgraph}`;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? '';
    const value = headers[i + 1] ?? '';
    if (!ignored.has(name)) key += `${name.length}:${name}${value.length}:${value}`;
  }
  return `${key}|${body}`;
}
