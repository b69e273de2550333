/**
 * Who asks what: counts by operation and client, written as lines of JSON (NDJSON) and told as metrics. The floor.
 * In: each operation that has ended. Out: lines, once an interval. Clock: per operation (two look-ups and additions); what
 * an operation asks is read once an interval. It knows names of fields, and no value.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Who sent a request, as it says itself. */
export interface ClientName {
  readonly name: string;
  readonly version: string;
}

/** What an operation is and asks. */
export interface OperationUse {
  readonly name: string | undefined;
  readonly type: string;
  /** Coordinates: `User.name`. */
  readonly fields: readonly string[];
}

export interface UsageMetrics {
  operation(name: string, outcome: 'ok' | 'error'): void;
  client(name: string, version: string): void;
  field(coordinate: string, operations: number): void;
  /** Another one has the place of this label. */
  dropOperation(name: string): void;
  dropClient(name: string, version: string): void;
  dropField(coordinate: string): void;
}

export interface UsageOptions<Operation extends object> {
  /** Asked at each flush, once for each operation. */
  readonly describe: (operation: Operation) => OperationUse;
  /** Takes whole lines. */
  readonly write: (lines: string) => Promise<void>;
  readonly metrics: UsageMetrics;
  /** Operations that are known before anybody asks: their names always are labels. */
  readonly isTrusted: (name: string) => boolean;
  /** Pairs of operation and client that are told apart in one interval; all others are counted as one. */
  readonly maxOperations: number;
  /** Further names that a metric tells apart; others are `other`. */
  readonly maxNames: number;
  readonly now: () => number;
}

interface Counts {
  readonly client: ClientName;
  requests: number;
  errors: number;
  durationMs: number;
}

const nobody: ClientName = { name: '', version: '' };
const operationsPerTurn = 20;

export class Usage<Operation extends { readonly name: string | undefined }> {
  private counted = new Map<Operation, Map<string, Counts>>();
  private pairs = 0;
  private others: Counts = { client: nobody, requests: 0, errors: 0, durationMs: 0 };
  private since: number;
  private flushing: Promise<void> = Promise.resolve();
  private readonly operationNames: TopNames;
  private readonly clientNames: TopNames;
  private readonly fieldNames: TopNames;

  constructor(private readonly options: UsageOptions<Operation>) {
    const { maxNames, now, metrics } = options;
    this.since = now();
    this.operationNames = new TopNames(maxNames, metrics.dropOperation);
    this.clientNames = new TopNames(maxNames, (key) => metrics.dropClient(...nameAndVersion(key)));
    // They are of the schema, and no client makes new ones.
    this.fieldNames = new TopNames(20 * maxNames, metrics.dropField, 1);
  }

  /** One operation has ended. */
  count(operation: Operation, client: ClientName = nobody, failed: boolean, durationMs: number): void {
    const counts = this.countsOf(operation, client);
    counts.requests += 1;
    if (failed) counts.errors += 1;
    counts.durationMs += durationMs;
    const { metrics, isTrusted } = this.options;
    const { name = 'anonymous' } = operation;
    metrics.operation(isTrusted(name) ? name : this.operationNames.of(name), failed ? 'error' : 'ok');
    const known = this.clientNames.of(`${client.name}\0${client.version}`);
    if (known === otherName) metrics.client(otherName, '');
    else metrics.client(client.name, client.version);
  }

  private countsOf(operation: Operation, client: ClientName): Counts {
    const key = `${client.name}\0${client.version}`;
    let clients = this.counted.get(operation);
    const known = clients?.get(key);
    if (known) return known;
    if (this.pairs >= this.options.maxOperations) return this.others;
    if (!clients) {
      clients = new Map();
      this.counted.set(operation, clients);
    }
    const counts = { client, requests: 0, errors: 0, durationMs: 0 };
    clients.set(key, counts);
    this.pairs += 1;
    return counts;
  }

  /** Writes what was counted since the last time, one after the other. Rejects as `write` does: then it is lost. */
  flush(): Promise<void> {
    const { counted, others, since, options } = this;
    this.counted = new Map();
    this.pairs = 0;
    this.others = { client: nobody, requests: 0, errors: 0, durationMs: 0 };
    this.since = options.now();
    const until = this.since;
    for (const names of [this.operationNames, this.clientNames, this.fieldNames]) names.age();
    const flushed = this.flushing.then(() => this.writeAll(counted, others, since, until));
    this.flushing = flushed.catch(() => {});
    return flushed;
  }

  private async writeAll(
    counted: ReadonlyMap<Operation, ReadonlyMap<string, Counts>>,
    others: Counts,
    since: number,
    until: number,
  ): Promise<void> {
    const times = { since: new Date(since).toISOString(), until: new Date(until).toISOString() };
    let lines = '';
    let read = 0;
    for (const [operation, clients] of counted) {
      const { name, type, fields } = this.options.describe(operation);
      let requests = 0;
      for (const counts of clients.values()) {
        requests += counts.requests;
        lines += lineOf({ ...times, operation: name ?? null, type, ...told(counts), fields });
      }
      for (const field of fields) this.options.metrics.field(this.fieldNames.of(field), requests);
      read += 1;
      if (read % operationsPerTurn === 0) await nextTurn();
    }
    if (others.requests > 0)
      lines += lineOf({ ...times, operation: otherName, type: null, ...told(others), fields: [] });
    if (lines !== '') await this.options.write(lines);
  }
}

function told({ client, requests, errors, durationMs }: Counts) {
  return { client: client.name, version: client.version, requests, errors, durationMs: Math.round(durationMs) };
}

function lineOf(use: object): string {
  return `${JSON.stringify(use)}\n`;
}

function nameAndVersion(key: string): [name: string, version: string] {
  const end = key.indexOf('\0');
  return [key.slice(0, end), key.slice(end + 1)];
}

export const otherName = 'other';

/**
 * Names that clients choose, for labels of metrics: those that are asked most, all others are `other`. A name that was
 * seen often takes a free place, or that of one that is asked less than half as often. What is long ago counts less.
 */
export class TopNames {
  private known = new Map<string, number>();
  private candidates = new Map<string, number>();
  /** No known name was counted less often. */
  private least = 0;

  /** `onDropped` is told whose place was taken. */
  constructor(
    private readonly max: number,
    private readonly onDropped: (name: string) => void,
    private readonly seenOften = 10,
  ) {}

  of(name: string): string {
    const count = this.known.get(name);
    if (count !== undefined) {
      this.known.set(name, count + 1);
      return name;
    }
    const seen = (this.candidates.get(name) ?? 0) + 1;
    if (seen >= this.seenOften && this.makeRoom(seen)) {
      this.candidates.delete(name);
      this.known.set(name, seen);
      this.least = Math.min(this.least, seen);
      return name;
    }
    // Names that are seen once only displace one another.
    if (seen === 1 && this.candidates.size >= 10 * this.max) this.candidates = new Map();
    this.candidates.set(name, seen);
    return otherName;
  }

  /** An interval is over. */
  age(): void {
    this.known = halved(this.known);
    this.candidates = halved(this.candidates);
    this.least /= 2;
  }

  private makeRoom(seen: number): boolean {
    if (this.known.size < this.max) return true;
    if (seen <= 2 * this.least) return false;
    let [rarest = '', least = Number.POSITIVE_INFINITY] = [...this.known][0] ?? [];
    for (const [name, count] of this.known) if (count < least) [rarest, least] = [name, count];
    this.least = least;
    if (seen <= 2 * least) return false;
    this.known.delete(rarest);
    this.onDropped(rarest);
    return true;
  }
}

function halved(counts: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...counts].map(([name, count]) => [name, count / 2]));
}
