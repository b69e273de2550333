/**
 * At most so many calls of one subgraph under way, over all its instances, and so many that wait for their turn: a slow
 * subgraph keeps its share of the gateway, and no more. In and out: `StartExchange`. Clock: per call.
 * Calls that are shared count once. It never lets a call wait that nobody waits for.
 */
import { SubgraphError } from '../errors';
import type { Exchange, ExchangeOutcome, Route, StartExchange, StartedExchange } from './http';

export interface BulkheadSettings {
  readonly maxInFlight: number;
  /** Further ones fail at once. */
  readonly maxQueued: number;
}

type Done = (outcome: ExchangeOutcome) => void;

/** Wraps `start`. A call for which there is no room fails with SUBREQUEST_HTTP_ERROR, and was not sent. */
export function limitInFlight(subgraph: string, start: StartExchange, settings: BulkheadSettings): StartExchange {
  const bulkhead = new Bulkhead(subgraph, start, settings);
  return (exchange, done) => bulkhead.take(exchange, done);
}

class Bulkhead {
  #running = 0;
  readonly #waiting: Passenger[] = [];

  constructor(
    private readonly subgraph: string,
    readonly start: StartExchange,
    private readonly settings: BulkheadSettings,
  ) {}

  take(exchange: Exchange, done: Done): StartedExchange {
    const passenger = new Passenger(this, exchange, done);
    if (this.#running < this.settings.maxInFlight) this.#board(passenger);
    else if (this.#waiting.length < this.settings.maxQueued) this.#waiting.push(passenger);
    else {
      const message = `Subgraph '${this.subgraph}' has as many calls under way as allowed.`;
      const error = new SubgraphError('SUBREQUEST_HTTP_ERROR', this.subgraph, message, { reason: 'QUEUE_FULL' });
      done({ kind: 'failed', error, connection: { reason: 'QUEUE_FULL', sent: false } });
    }
    return passenger;
  }

  leaveQueue(passenger: Passenger): void {
    const index = this.#waiting.indexOf(passenger);
    if (index !== -1) this.#waiting.splice(index, 1);
  }

  leave(): void {
    this.#running--;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#board(next);
  }

  #board(passenger: Passenger): void {
    this.#running++;
    passenger.begin();
  }
}

class Passenger implements StartedExchange {
  readonly shared = false;
  #phase: 'waiting' | 'running' | 'over' = 'waiting';
  #started: StartedExchange | undefined;

  constructor(
    private readonly bulkhead: Bulkhead,
    private readonly exchange: Exchange,
    private readonly done: Done,
  ) {}

  get route(): Route | undefined {
    return this.#started?.route;
  }

  begin(): void {
    this.#phase = 'running';
    this.#started = this.bulkhead.start(this.exchange, (outcome) => {
      if (this.#phase !== 'running') return;
      this.#phase = 'over';
      this.bulkhead.leave();
      this.done(outcome);
    });
  }

  cancel(isLate?: boolean): void {
    const phase = this.#phase;
    this.#phase = 'over';
    if (phase === 'waiting') this.bulkhead.leaveQueue(this);
    if (phase !== 'running') return;
    this.#started?.cancel(isLate);
    this.bulkhead.leave();
  }
}
