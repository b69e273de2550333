/**
 * The metrics: counts in, the text of `GET /metrics` out. The floor: every step may count here.
 * No registry for all: two gateways in one process do not share numbers. Clock: per request (count), per scrape (render).
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { counters, type Exposed, histograms, type MetricSamples, renderMetrics, sampleMetrics } from './exposition';
import {
  lagResolutionMs,
  measureCaches,
  measureEventLoop,
  measureProcess,
  measureSubgraphs,
  observeGarbage,
} from './measurements';
import { metricCatalogue } from './metric-catalogue';
import type { UsageMetrics } from './usage';

/** Names of the catalogue. */
type MetricName = keyof typeof metricCatalogue;

/** Seconds. From a cached answer to the longest deadline, about two steps to a doubling where answers are common. */
const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Seconds: what is remembered takes less than a tenth of a millisecond. */
const phaseBuckets = [0.000_1, 0.000_25, 0.000_5, ...durationBuckets];

/** Bytes. */
const sizeBuckets = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/** From a field of one object to a hundred thousand of them. */
const costBuckets = [1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 1_000_000];

export type MeasuredOperation = 'query' | 'mutation' | 'subscription' | 'unknown';

/** `prepare`: read and validate; `plan`: where it is not remembered; `admit`: policies, with `plan`; `execute`. */
export type OperationPhase = 'prepare' | 'plan' | 'admit' | 'execute';

export interface Metrics {
  requestStarted(): void;
  /** `code` is that of the answer's first error. */
  requestFinished(operation: MeasuredOperation, status: number, seconds: number, code: string | undefined): void;
  /** Of bodies, in bytes: as they came, and as they went. */
  requestSizes(request: number, response: number): void;
  /** One step of an operation took so long. */
  phaseEnded(phase: OperationPhase, seconds: number): void;
  connectionRefused(code: string): void;
  /** A request was refused because there is too much to do. */
  requestShed(): void;
  /** `read` is asked at each scrape. */
  observeLimit(read: () => number): void;
  /** `missing` and `outcome` are of fixed sets. */
  fieldsUnauthorized(missing: string, outcome: string, fields: number): void;
  /** `rule` is of the configuration or the supergraph. */
  rateLimitMet(rule: string, outcome: 'allowed' | 'refused'): void;
  rateLimitStoreFailed(): void;
  readonly costs: CostMetrics;
  readonly caching: CachingMetrics;
  /** `outcome` is `ok` or an error code: a fixed set, never text from outside. */
  subgraphRequest(subgraph: string, outcome: string, seconds: number): void;
  /** `read` is asked at each scrape. */
  observeSubgraphs(read: () => ReadonlyMap<string, SubgraphState>): void;
  supergraphUpdate(outcome: 'served' | 'refused' | 'unreadable'): void;
  readonly subscriptions: SubscriptionMetrics;
  readonly clients: ClientMetrics;
  readonly usage: UsageMetrics;
  /** `read` is asked at each scrape, by name of the cache. */
  observeCaches(read: () => Readonly<Record<string, CacheState>>): void;
  configReloaded(outcome: 'reloaded' | 'refused'): void;
  /** The exposition format of Prometheus. */
  render(): Promise<{ contentType: string; body: string }>;
  /** The same as data, for a process that adds up several. */
  samples(): Promise<MetricSamples>;
  /** Ends the measurement of the event loop. */
  close(): void;
}

/** How a cache fares, since it was made. */
export interface CacheState {
  readonly entries: number;
  /** Estimated. */
  readonly bytes: number;
  readonly hits: number;
  readonly misses: number;
}

/** How a subgraph and its instances fare. */
export interface SubgraphState {
  readonly retries: number;
  readonly hedges: number;
  readonly instances: readonly InstanceState[];
  /** Where instances are learned while the gateway runs. */
  readonly discovery?: { readonly changes: number; readonly failures: number };
  readonly breaker?: { readonly phase: string; readonly openings: number };
}

interface InstanceState {
  readonly host: string;
  readonly circuit: string;
  readonly ejections: number;
  readonly outstanding: number;
  readonly latencyMs: number;
}

/** What happens to subscriptions; labels are names of subgraphs and words of ours. */
export interface SubscriptionMetrics {
  started(subgraph: string): void;
  ended(subgraph: string, reason: string): void;
  delivered(subgraph: string, count: number): void;
  gap(subgraph: string, reason: string): void;
}

/** What becomes of answers that may be kept. `outcome` is of a fixed set. */
export interface CachingMetrics {
  looked(outcome: string): void;
  invalidated(tags: number): void;
  /** `read` is asked at each scrape. */
  observe(read: () => number): void;
}

/** What operations cost. `reason` is of a fixed set. */
export interface CostMetrics {
  estimated(cost: number): void;
  counted(cost: number): void;
  exceeded(reason: string, refused: boolean): void;
}

export type LiveTransport = 'websocket' | 'sse' | 'multipart';

/** What clients hold open. `code` is of the error table. */
export interface ClientMetrics {
  connectionOpened(): void;
  connectionClosed(closeCode: number): void;
  operationStarted(transport: LiveTransport, operation: MeasuredOperation): void;
  operationEnded(transport: LiveTransport, operation: MeasuredOperation, code: string | undefined): void;
  eventsDropped(transport: LiveTransport, events: number): void;
  /** `depth` is asked at each scrape. */
  observeQueues(depth: () => number): void;
}

type Samples = Exposed['family'];

/** Metrics that start at zero. */
export function createMetrics(): Metrics {
  const requests = counters();
  const requestDurations = histograms(durationBuckets);
  const sizes = histograms(sizeBuckets);
  const phases = histograms(phaseBuckets);
  const inFlight = counters();
  const requestErrors = counters();
  const connectionErrors = counters();
  const shed = counters();
  const shedRequests = shed.of();
  let readLimit = () => 0;
  const unauthorizedFields = counters();
  const rateLimits = counters();
  const rateLimitStoreFailures = counters();
  const costs = histograms(costBuckets);
  const costsExceeded = counters();
  const caching = { answers: counters(), invalidated: counters(), readBytes: () => 0 };
  const subgraphRequests = counters();
  const subgraphDurations = histograms(durationBuckets);
  const supergraphUpdates = counters();
  let readSubgraphs: () => ReadonlyMap<string, SubgraphState> = () => new Map();
  const clients = {
    sockets: counters(),
    closed: counters(),
    running: counters(),
    operations: counters(),
    dropped: counters(),
    queueDepth: () => 0,
  };
  const usage = { operations: counters(), clients: counters(), fields: counters() };
  const configReloads = counters();
  let readCaches: () => Readonly<Record<string, CacheState>> = () => ({});
  const openSockets = clients.sockets.of();
  const subscriptions = {
    active: counters(),
    started: counters(),
    ended: counters(),
    events: counters(),
    gaps: counters(),
  };
  const requestsInFlight = inFlight.of();
  const eventLoop = monitorEventLoopDelay({ resolution: lagResolutionMs });
  eventLoop.enable();
  const garbage = observeGarbage();

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
    requestSizes(request, response) {
      sizes.of('request').observe(request);
      sizes.of('response').observe(response);
    },
    phaseEnded(phase, seconds) {
      phases.of(phase).observe(seconds);
    },
    connectionRefused(code) {
      connectionErrors.of(code).value++;
    },
    requestShed() {
      shedRequests.value++;
    },
    observeLimit(read) {
      readLimit = read;
    },
    fieldsUnauthorized(missing, outcome, fields) {
      unauthorizedFields.of(missing, outcome).value += fields;
    },
    rateLimitMet(rule, outcome) {
      rateLimits.of(rule, outcome).value++;
    },
    rateLimitStoreFailed() {
      rateLimitStoreFailures.of().value++;
    },
    costs: {
      estimated(cost) {
        costs.of('estimated').observe(cost);
      },
      counted(cost) {
        costs.of('actual').observe(cost);
      },
      exceeded(reason, refused) {
        costsExceeded.of(reason, refused ? 'refused' : 'measured').value++;
      },
    },
    caching: {
      looked(outcome) {
        caching.answers.of(outcome).value++;
      },
      invalidated(tags) {
        caching.invalidated.of().value += tags;
      },
      observe(read) {
        caching.readBytes = read;
      },
    },
    subgraphRequest(subgraph, outcome, seconds) {
      subgraphRequests.of(subgraph, outcome).value++;
      subgraphDurations.of(subgraph).observe(seconds);
    },
    observeSubgraphs(read) {
      readSubgraphs = read;
    },
    supergraphUpdate(outcome) {
      supergraphUpdates.of(outcome).value++;
    },
    subscriptions: {
      started(subgraph) {
        subscriptions.active.of(subgraph).value++;
        subscriptions.started.of(subgraph).value++;
      },
      ended(subgraph, reason) {
        subscriptions.active.of(subgraph).value--;
        subscriptions.ended.of(subgraph, reason).value++;
      },
      delivered(subgraph, count) {
        subscriptions.events.of(subgraph).value += count;
      },
      gap(subgraph, reason) {
        subscriptions.gaps.of(subgraph, reason).value++;
      },
    },
    clients: {
      connectionOpened() {
        openSockets.value++;
      },
      connectionClosed(closeCode) {
        openSockets.value--;
        clients.closed.of(knownCloseCodes.has(closeCode) ? closeCode : 'other').value++;
      },
      operationStarted(transport, operation) {
        clients.running.of(transport, operation).value++;
      },
      operationEnded(transport, operation, code) {
        clients.running.of(transport, operation).value--;
        clients.operations.of(transport, code ?? 'ok').value++;
      },
      eventsDropped(transport, events) {
        clients.dropped.of(transport).value += events;
      },
      observeQueues(depth) {
        clients.queueDepth = depth;
      },
    },
    usage: {
      operation(name, outcome) {
        usage.operations.of(name, outcome).value++;
      },
      client(name, version) {
        usage.clients.of(name, version).value++;
      },
      field(coordinate, operations) {
        usage.fields.of(coordinate).value += operations;
      },
      dropOperation: (name) => usage.operations.delete(name),
      dropClient: (name, version) => usage.clients.delete(name, version),
      dropField: (coordinate) => usage.fields.delete(coordinate),
    },
    observeCaches(read) {
      readCaches = read;
    },
    configReloaded(outcome) {
      configReloads.of(outcome).value++;
    },
    render: () => renderMetrics(exposed()),
    samples: () => sampleMetrics(exposed()),
    close: () => {
      eventLoop.disable();
      garbage.close();
    },
  };

  function exposed(): Exposed[] {
    const samples: Record<MetricName, Samples> = {
      supergate_requests_total: requests,
      supergate_request_duration_seconds: requestDurations,
      supergate_body_bytes: sizes,
      supergate_operation_phase_seconds: phases,
      supergate_requests_in_flight: inFlight,
      supergate_request_errors_total: requestErrors,
      supergate_connection_errors_total: connectionErrors,
      supergate_requests_shed_total: shed,
      supergate_request_limit: [[[], { value: readLimit() }]],
      supergate_unauthorized_fields_total: unauthorizedFields,
      supergate_rate_limits_total: rateLimits,
      supergate_operation_cost: costs,
      supergate_operation_cost_exceeded_total: costsExceeded,
      supergate_rate_limit_store_failures_total: rateLimitStoreFailures,
      supergate_cache_answers_total: caching.answers,
      supergate_cache_invalidated_tags_total: caching.invalidated,
      supergate_cache_bytes: [[[], { value: caching.readBytes() }]],
      supergate_subgraph_requests_total: subgraphRequests,
      supergate_subgraph_request_duration_seconds: subgraphDurations,
      ...measureSubgraphs(readSubgraphs()),
      supergate_supergraph_updates_total: supergraphUpdates,
      supergate_config_reloads_total: configReloads,
      ...measureCaches(readCaches()),
      supergate_operations_total: usage.operations,
      supergate_clients_total: usage.clients,
      supergate_fields_total: usage.fields,
      supergate_websocket_connections: clients.sockets,
      supergate_websocket_closed_total: clients.closed,
      supergate_live_operations: clients.running,
      supergate_live_operations_total: clients.operations,
      supergate_live_events_dropped_total: clients.dropped,
      supergate_live_events_queued: [[[], { value: clients.queueDepth() }]],
      supergate_subscriptions_active: subscriptions.active,
      supergate_subscriptions_started_total: subscriptions.started,
      supergate_subscriptions_ended_total: subscriptions.ended,
      supergate_subscription_events_total: subscriptions.events,
      supergate_subscription_gaps_total: subscriptions.gaps,
      supergate_event_loop_lag_seconds: measureEventLoop(eventLoop),
      process_gc_seconds_total: garbage.seconds,
      ...measureProcess(),
    };
    const names = Object.keys(metricCatalogue) as MetricName[];
    return names.map((name) => ({ name, ...metricCatalogue[name], family: samples[name] }));
  }
}

/** RFC 6455, section 7.4.1, and graphql-transport-ws: clients may send any. */
const knownCloseCodes: ReadonlySet<number> = new Set([
  1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, 4400, 4401, 4403, 4406, 4408, 4409, 4429,
  4500,
]);
