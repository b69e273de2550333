/**
 * The metrics, over prom-client: counts in, the text of `GET /metrics` out. The floor: every step may count here.
 * Its own registry: two gateways in one process do not share numbers. Clock: per request (count), per scrape (render).
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly unit: 'requests' | 'errors' | 'connections' | 'seconds' | 'bytes';
  readonly labels: readonly string[];
  readonly help: string;
}

/** Every metric there is: they are created from this table, and the README's table is printed from it. */
export const metricCatalogue = {
  supergate_requests_total: {
    type: 'counter',
    unit: 'requests',
    labels: ['operation_type', 'status'],
    help: 'GraphQL requests answered, by operation type (unknown: refused before its document was read) and HTTP status.',
  },
  supergate_request_duration_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: ['operation_type'],
    help: 'Time from the headers of a GraphQL request to the end of its answer.',
  },
  supergate_requests_in_flight: {
    type: 'gauge',
    unit: 'requests',
    labels: [],
    help: 'GraphQL requests that are being answered.',
  },
  supergate_request_errors_total: {
    type: 'counter',
    unit: 'errors',
    labels: ['code'],
    help: 'GraphQL requests whose answer holds errors, by the code of the first one.',
  },
  supergate_connection_errors_total: {
    type: 'counter',
    unit: 'connections',
    labels: ['code'],
    help: 'Connections ended because what they sent was not HTTP, was too large or came too slowly.',
  },
  supergate_subgraph_requests_total: {
    type: 'counter',
    unit: 'requests',
    labels: ['subgraph', 'outcome'],
    help: 'Calls to a subgraph, by outcome: ok, or an error code (DOWNSTREAM_SERVICE_ERROR: it answered with GraphQL errors). Identical queries in flight share one HTTP request and count each.',
  },
  supergate_subgraph_request_duration_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: ['subgraph'],
    help: 'Time from a call to a subgraph to its parsed answer.',
  },
  supergate_event_loop_lag_seconds: {
    type: 'gauge',
    unit: 'seconds',
    labels: ['quantile'],
    help: 'How late the event loop ran its timers since the last scrape: quantiles 0.5, 0.99 and 1.',
  },
  process_resident_memory_bytes: { type: 'gauge', unit: 'bytes', labels: [], help: 'Resident memory of the process.' },
  process_heap_bytes: { type: 'gauge', unit: 'bytes', labels: [], help: 'Memory that JavaScript objects use.' },
  process_cpu_seconds_total: {
    type: 'counter',
    unit: 'seconds',
    labels: [],
    help: 'CPU time of the process, user and system.',
  },
  process_start_time_seconds: {
    type: 'gauge',
    unit: 'seconds',
    labels: [],
    help: 'When the process started, in seconds since the epoch.',
  },
} as const satisfies Record<string, MetricDefinition>;

type MetricName = keyof typeof metricCatalogue;

/** Seconds. From a cached answer to the longest deadline, about two steps to a doubling where answers are common. */
const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export type MeasuredOperation = 'query' | 'mutation' | 'subscription' | 'unknown';

export interface Metrics {
  requestStarted(): void;
  /** `code` is that of the answer's first error. */
  requestFinished(operation: MeasuredOperation, status: number, seconds: number, code: string | undefined): void;
  connectionRefused(code: string): void;
  /** `outcome` is `ok` or an error code: a fixed set, never text from outside. */
  subgraphRequest(subgraph: string, outcome: string, seconds: number): void;
  /** The exposition format of Prometheus. */
  render(): Promise<{ contentType: string; body: string }>;
  /** Ends the measurement of the event loop. */
  close(): void;
}

/** Metrics that start at zero. Counting costs about a microsecond: label children are looked up once and kept. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const requests = counter(registry, 'supergate_requests_total');
  const requestDurations = histogram(registry, 'supergate_request_duration_seconds');
  const inFlight = gauge(registry, 'supergate_requests_in_flight');
  const requestErrors = counter(registry, 'supergate_request_errors_total');
  const connectionErrors = counter(registry, 'supergate_connection_errors_total');
  const subgraphRequests = counter(registry, 'supergate_subgraph_requests_total');
  const subgraphDurations = histogram(registry, 'supergate_subgraph_request_duration_seconds');
  const eventLoop = measureProcess(registry);

  const countRequest = kept((operation, status) => requests.labels(operation, status));
  const timeRequest = kept((operation) => requestDurations.labels(operation));
  const countError = kept((code) => requestErrors.labels(code));
  const countSubgraph = kept((subgraph, outcome) => subgraphRequests.labels(subgraph, outcome));
  const timeSubgraph = kept((subgraph) => subgraphDurations.labels(subgraph));

  return {
    requestStarted: () => inFlight.inc(),
    requestFinished(operation, status, seconds, code) {
      inFlight.dec();
      countRequest(operation, String(status)).inc();
      timeRequest(operation).observe(seconds);
      if (code !== undefined) countError(code).inc();
    },
    connectionRefused: (code) => connectionErrors.inc({ code }),
    subgraphRequest(subgraph, outcome, seconds) {
      countSubgraph(subgraph, outcome).inc();
      timeSubgraph(subgraph).observe(seconds);
    },
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
    close: () => {
      eventLoop.disable();
    },
  };
}

/** Remembers what `create` made for each combination of label values. */
function kept<T>(create: (first: string, second: string) => T): (first: string, second?: string) => T {
  const children = new Map<string, T>();
  return (first, second = '') => {
    const key = `${first}\n${second}`;
    const known = children.get(key);
    if (known !== undefined) return known;
    const child = create(first, second);
    children.set(key, child);
    return child;
  };
}

function options(registry: Registry, name: MetricName) {
  const { help, labels } = metricCatalogue[name];
  return { name, help, labelNames: labels, registers: [registry] };
}

const counter = (registry: Registry, name: MetricName) => new Counter<string>(options(registry, name));
const gauge = (registry: Registry, name: MetricName) => new Gauge<string>(options(registry, name));
const histogram = (registry: Registry, name: MetricName) =>
  new Histogram<string>({ ...options(registry, name), buckets: durationBuckets });

const nanosecondsPerSecond = 1e9;
const lagResolutionMs = 10;

/** The process's own numbers are read when they are asked for, so that they cost nothing between scrapes. */
function measureProcess(registry: Registry): IntervalHistogram {
  const eventLoop = monitorEventLoopDelay({ resolution: lagResolutionMs });
  eventLoop.enable();
  new Gauge<string>({
    ...options(registry, 'supergate_event_loop_lag_seconds'),
    collect() {
      this.set({ quantile: '0.5' }, lagSeconds(eventLoop.percentile(50)));
      this.set({ quantile: '0.99' }, lagSeconds(eventLoop.percentile(99)));
      this.set({ quantile: '1' }, lagSeconds(eventLoop.max));
      eventLoop.reset();
    },
  });
  new Gauge({
    ...options(registry, 'process_resident_memory_bytes'),
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    ...options(registry, 'process_heap_bytes'),
    collect() {
      this.set(process.memoryUsage().heapUsed);
    },
  });
  new Counter({
    ...options(registry, 'process_cpu_seconds_total'),
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  gauge(registry, 'process_start_time_seconds').set(Math.round(Date.now() / 1000 - process.uptime()));
  return eventLoop;
}

/** The measured interval holds the resolution itself; an interval that was never measured reads as 0 or NaN. */
function lagSeconds(nanoseconds: number): number {
  const lag = nanoseconds / nanosecondsPerSecond - lagResolutionMs / 1000;
  return lag > 0 && lag < 86_400 ? lag : 0;
}

/** The catalogue as a Markdown table, for the README. */
export function renderMetricCatalogue(): string {
  const rows = Object.entries(metricCatalogue).map(([name, { type, unit, labels, help }]) => {
    return `| \`${name}\` | ${type} | ${unit} | ${labels.map((label) => `\`${label}\``).join(' ')} | ${help} |`;
  });
  return ['| metric | type | unit | labels | meaning |', '|---|---|---|---|---|', ...rows].join('\n');
}
