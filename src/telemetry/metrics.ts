/**
 * The metrics: counts in, the text of `GET /metrics` out. The floor: every step may count here.
 * No registry for all: two gateways in one process do not share numbers. Clock: per request (count), per scrape (render).
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { counters, type Exposed, histograms, renderMetrics } from './exposition';

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

type Samples = Exposed['family'];

/** Metrics that start at zero. */
export function createMetrics(): Metrics {
  const requests = counters();
  const requestDurations = histograms(durationBuckets);
  const inFlight = counters();
  const requestErrors = counters();
  const connectionErrors = counters();
  const subgraphRequests = counters();
  const subgraphDurations = histograms(durationBuckets);
  const requestsInFlight = inFlight.of();
  const eventLoop = monitorEventLoopDelay({ resolution: lagResolutionMs });
  eventLoop.enable();

  return {
    requestStarted() {
      requestsInFlight.value++;
    },
    requestFinished(operation, status, seconds, code) {
      requestsInFlight.value--;
      requests.of(operation, status).value++;
      requestDurations.of(operation).observe(seconds);
      if (code !== undefined) requestErrors.of(code).value++;
    },
    connectionRefused(code) {
      connectionErrors.of(code).value++;
    },
    subgraphRequest(subgraph, outcome, seconds) {
      subgraphRequests.of(subgraph, outcome).value++;
      subgraphDurations.of(subgraph).observe(seconds);
    },
    async render() {
      const samples: Record<MetricName, Samples> = {
        supergate_requests_total: requests,
        supergate_request_duration_seconds: requestDurations,
        supergate_requests_in_flight: inFlight,
        supergate_request_errors_total: requestErrors,
        supergate_connection_errors_total: connectionErrors,
        supergate_subgraph_requests_total: subgraphRequests,
        supergate_subgraph_request_duration_seconds: subgraphDurations,
        supergate_event_loop_lag_seconds: measureEventLoop(eventLoop),
        ...measureProcess(),
      };
      const names = Object.keys(metricCatalogue) as MetricName[];
      return renderMetrics(names.map((name) => ({ name, ...metricCatalogue[name], family: samples[name] })));
    },
    close: () => {
      eventLoop.disable();
    },
  };
}

const nanosecondsPerSecond = 1e9;
const lagResolutionMs = 10;

/** Reads and forgets: each scrape tells of the time since the one before. */
function measureEventLoop(eventLoop: IntervalHistogram): Samples {
  const quantiles = [
    [['0.5'], { value: lagSeconds(eventLoop.percentile(50)) }],
    [['0.99'], { value: lagSeconds(eventLoop.percentile(99)) }],
    [['1'], { value: lagSeconds(eventLoop.max) }],
  ] as const;
  eventLoop.reset();
  return quantiles;
}

/** The process's own numbers are read when they are asked for, so that they cost nothing between scrapes. */
function measureProcess() {
  const single = (value: number): Samples => [[[], { value }]];
  const { user, system } = process.cpuUsage();
  return {
    process_resident_memory_bytes: single(process.memoryUsage.rss()),
    process_heap_bytes: single(process.memoryUsage().heapUsed),
    process_cpu_seconds_total: single((user + system) / 1e6),
    process_start_time_seconds: single(Math.round(Date.now() / 1000 - process.uptime())),
  };
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
