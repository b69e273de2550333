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
}

export interface UsageOptions<Operation extends object> {
  /** Asked at each flush, once for each operation. */
  readonly describe: (operation: Operation) => OperationUse;
  /** Takes whole lines. */
  readonly write: (lines: string) => Promise<void>;
  readonly metrics: UsageMetrics;
  /** Pairs of operation and client that are told apart in one interval; all others are counted as one. */
  readonly maxOperations: number;
  /** Names that a metric tells apart; others are `other`. */
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
  private readonly operationNames: BoundedNames;
  private readonly clientNames: BoundedNames;
  private readonly fieldNames: BoundedNames;

  constructor(private readonly options: UsageOptions<Operation>) {
    const { maxNames, now } = options;
    this.since = now();
    this.operationNames = new BoundedNames(maxNames);
    this.clientNames = new BoundedNames(maxNames);
    // They are of the schema, and no client makes new ones.
    this.fieldNames = new BoundedNames(20 * maxNames, 1);
  }

  /** One operation has ended. */
  count(operation: Operation, client: ClientName = nobody, failed: boolean, durationMs: number): void {
    const counts = this.countsOf(operation, client);
    counts.requests += 1;
    if (failed) counts.errors += 1;
    counts.durationMs += durationMs;
    const { metrics } = this.options;
    metrics.operation(this.operationNames.of(operation.name ?? 'anonymous'), failed ? 'error' : 'ok');
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

export const otherName = 'other';

/**
 * Names that clients choose, for labels of metrics: one is told apart once it was seen so often, as long as there is
 * room; all others are `other`. Those that are seen once only displace one another.
 */
export class BoundedNames {
  private readonly known = new Set<string>();
  private candidates = new Map<string, number>();

  constructor(
    private readonly max: number,
    private readonly seenOften = 10,
  ) {}

  of(name: string): string {
    if (this.known.has(name)) return name;
    if (this.known.size >= this.max) return otherName;
    const seen = (this.candidates.get(name) ?? 0) + 1;
    if (seen < this.seenOften) {
      if (this.candidates.size >= 10 * this.max) this.candidates = new Map();
      this.candidates.set(name, seen);
      return otherName;
    }
    this.candidates.delete(name);
    this.known.add(name);
    return name;
  }
}
