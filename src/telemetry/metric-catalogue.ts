/**
 * Every metric there is: name, type, unit, labels and meaning. The floor. Clock: per start.
 * They are created from this table, and the tables of the documents are printed from it.
 */

import type { Aggregator } from './exposition';

interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly unit:
    | 'requests'
    | 'operations'
    | 'errors'
    | 'fields'
    | 'connections'
    | 'subscriptions'
    | 'events'
    | 'cost'
    | 'instances'
    | 'subgraphs'
    | 'supergraphs'
    | 'entries'
    | 'seconds'
    | 'bytes';
  readonly labels: readonly string[];
  /** Of several workers; default: their sum. */
  readonly aggregator?: Aggregator;
  readonly help: string;
}

/** Every metric there is: they are created from this table, and the table of docs/metrics.md is printed from it. */
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
  supergate_body_bytes: {
    type: 'histogram',
    unit: 'bytes',
    labels: ['direction'],
    help: 'Bodies of GraphQL requests and of their answers (request, response), as they are on the wire.',
  },
  supergate_operation_phase_seconds: {
    type: 'histogram',
    unit: 'seconds',
    labels: ['phase'],
    help: 'Steps of an operation: prepare (read and validate, where that is not done ahead), plan (only what is not remembered), admit (policies; with plan), execute.',
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
  supergate_requests_shed_total: {
    type: 'counter',
    unit: 'requests',
    labels: [],
    help: 'Requests refused with OVERLOADED because there was too much to do; of those refused by their headers nothing else is counted.',
  },
  supergate_request_limit: {
    type: 'gauge',
    unit: 'requests',
    labels: [],
    help: 'Requests that are let in at a time: `overload.maxInFlight`, or fewer while there is too much to do.',
  },
  supergate_unauthorized_fields_total: {
    type: 'counter',
    unit: 'fields',
    labels: ['missing', 'outcome'],
    help: 'Fields asked by clients that may not read them, by what was missing (authenticated, scopes, policies) and outcome (filtered, rejected, dry run). Once for each place in an operation.',
  },
  supergate_rate_limits_total: {
    type: 'counter',
    unit: 'operations',
    labels: ['rule', 'outcome'],
    help: 'Operations that a rate limit counts, by its name and outcome (allowed, refused).',
  },
  supergate_operation_cost: {
    type: 'histogram',
    unit: 'cost',
    labels: ['counted'],
    help: 'What operations cost, where costs are measured or enforced: as they were estimated before planning (estimated), or as their answers were (actual, where that is counted).',
  },
  supergate_operation_cost_exceeded_total: {
    type: 'counter',
    unit: 'operations',
    labels: ['reason', 'outcome'],
    help: 'Operations that cost more than the maximum, or have no slicing argument where one is required (slicing arguments), by outcome: refused, or only measured. Spent budgets are told by `supergate_rate_limits_total` for the rule cost.',
  },
  supergate_rate_limit_store_failures_total: {
    type: 'counter',
    unit: 'operations',
    labels: [],
    help: 'Operations whose rate limits Redis could not count: decided by `onStoreFailure` of each rule.',
  },
  supergate_cache_answers_total: {
    type: 'counter',
    unit: 'operations',
    labels: ['outcome'],
    help: 'Queries whose answer may be kept, by outcome: hit, miss, stale (given though it is old), unavailable (Redis did not say).',
  },
  supergate_cache_invalidated_tags_total: {
    type: 'counter',
    unit: 'events',
    labels: [],
    help: 'Tags that were called old by this gateway, after mutations or by its administrators.',
  },
  supergate_cache_bytes: {
    type: 'gauge',
    unit: 'bytes',
    labels: [],
    help: 'Memory that kept answers take in this process; 0 where Redis keeps them.',
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
  supergate_subgraph_instance_up: {
    type: 'gauge',
    unit: 'instances',
    labels: ['subgraph', 'instance'],
    aggregator: 'average',
    help: 'Whether an instance (host and port) of a subgraph is asked: 0 while it is left out after failures.',
  },
  supergate_subgraph_ejections_total: {
    type: 'counter',
    unit: 'events',
    labels: ['subgraph', 'instance'],
    help: 'How often an instance of a subgraph was left out after failures; starts anew when a supergraph brings another endpoint.',
  },
  supergate_subgraph_instance_requests_in_flight: {
    type: 'gauge',
    unit: 'requests',
    labels: ['subgraph', 'instance'],
    help: 'Calls under way at an instance of a subgraph.',
  },
  supergate_subgraph_instance_latency_seconds: {
    type: 'gauge',
    unit: 'seconds',
    labels: ['subgraph', 'instance'],
    aggregator: 'average',
    help: 'What calls to an instance of a subgraph take, smoothed, as balancing sees it: failures are made to look slow.',
  },
  supergate_subgraph_discoveries_total: {
    type: 'counter',
    unit: 'events',
    labels: ['subgraph', 'outcome'],
    help: 'How often the instances of a subgraph changed by discovery, or could not be learned (failed): those known before are asked then.',
  },
  supergate_subgraph_breaker_open: {
    type: 'gauge',
    unit: 'subgraphs',
    labels: ['subgraph'],
    help: 'Whether the breaker of a subgraph as a whole is open or half-open: 1 while it is not asked, where there is one.',
  },
  supergate_subgraph_breaker_openings_total: {
    type: 'counter',
    unit: 'events',
    labels: ['subgraph'],
    help: 'How often the breaker of a subgraph opened, failed tries while it was open included.',
  },
  supergate_subgraph_repetitions_total: {
    type: 'counter',
    unit: 'requests',
    labels: ['subgraph', 'reason'],
    help: 'Queries asked once more: after a failure (retry), or beside an attempt that is slow (hedge); starts anew when a supergraph brings another endpoint.',
  },
  supergate_supergraph_updates_total: {
    type: 'counter',
    unit: 'supergraphs',
    labels: ['outcome'],
    help: 'Supergraphs that were offered: served, refused (the old one stays), or unreadable (its source fails).',
  },
  supergate_config_reloads_total: {
    type: 'counter',
    unit: 'events',
    labels: ['outcome'],
    help: 'Readings of the configuration while the gateway runs: reloaded, or refused (the one before stays).',
  },
  supergate_prepared_lookups_total: {
    type: 'counter',
    unit: 'events',
    labels: ['cache', 'outcome'],
    help: 'Look-ups of documents that were read, and of query plans that were made, by outcome (hit, miss); starts anew with each supergraph.',
  },
  supergate_prepared_entries: {
    type: 'gauge',
    unit: 'entries',
    labels: ['cache'],
    help: 'Documents and query plans that are kept.',
  },
  supergate_prepared_bytes: {
    type: 'gauge',
    unit: 'bytes',
    labels: ['cache'],
    help: 'The memory of these, estimated.',
  },
  supergate_operations_total: {
    type: 'counter',
    unit: 'operations',
    labels: ['operation', 'outcome'],
    help: 'Operations by name and outcome (ok, error), where usage is counted: those of operation files and trusted documents, and the `maxNames` that are asked most beside them; all others are other.',
  },
  supergate_clients_total: {
    type: 'counter',
    unit: 'operations',
    labels: ['client', 'version'],
    help: 'Operations by the name and version that clients tell: the `maxNames` that ask most, and other.',
  },
  supergate_fields_total: {
    type: 'counter',
    unit: 'operations',
    labels: ['field'],
    help: 'Operations that ask a field (`User.name`), told once an interval; no field with `@tag(name: "pii")`.',
  },
  supergate_websocket_connections: {
    type: 'gauge',
    unit: 'connections',
    labels: [],
    help: 'WebSockets of clients that are open.',
  },
  supergate_websocket_closed_total: {
    type: 'counter',
    unit: 'connections',
    labels: ['code'],
    help: 'WebSockets of clients that were closed, by close code; other: none of the protocol.',
  },
  supergate_live_operations: {
    type: 'gauge',
    unit: 'operations',
    labels: ['transport', 'operation_type'],
    help: 'Operations that run on WebSockets, event streams (sse) and multipart streams.',
  },
  supergate_live_operations_total: {
    type: 'counter',
    unit: 'operations',
    labels: ['transport', 'outcome'],
    help: 'The same once they ended, by outcome: ok, or the code of the first error.',
  },
  supergate_live_events_dropped_total: {
    type: 'counter',
    unit: 'events',
    labels: ['transport'],
    help: 'Events that were not sent because a client reads too slowly.',
  },
  supergate_live_events_queued: {
    type: 'gauge',
    unit: 'events',
    labels: [],
    help: 'Events that wait for slow clients.',
  },
  supergate_subscriptions_active: {
    type: 'gauge',
    unit: 'subscriptions',
    labels: ['subgraph'],
    help: 'Subscriptions of clients that go on, by the subgraph that sends their events.',
  },
  supergate_subscriptions_started_total: {
    type: 'counter',
    unit: 'subscriptions',
    labels: ['subgraph'],
    help: 'Subscriptions of clients that were admitted.',
  },
  supergate_subscriptions_ended_total: {
    type: 'counter',
    unit: 'subscriptions',
    labels: ['subgraph', 'reason'],
    help: 'Subscriptions of clients that ended, by reason: client, slow, shutdown, complete, or an error code.',
  },
  supergate_subscription_events_total: {
    type: 'counter',
    unit: 'events',
    labels: ['subgraph'],
    help: 'Events delivered, one for each subscription that got it.',
  },
  supergate_subscription_gaps_total: {
    type: 'counter',
    unit: 'events',
    labels: ['subgraph', 'reason'],
    help: 'Events before which others may have been lost: RECONNECTED (the subgraph was gone), OVERLOADED (they came faster than they could be joined).',
  },
  supergate_event_loop_lag_seconds: {
    type: 'gauge',
    unit: 'seconds',
    labels: ['quantile'],
    aggregator: 'max',
    help: 'How late the event loop ran its timers since the last scrape: quantiles 0.5, 0.99 and 1.',
  },
  process_resident_memory_bytes: { type: 'gauge', unit: 'bytes', labels: [], help: 'Resident memory of the process.' },
  process_heap_bytes: { type: 'gauge', unit: 'bytes', labels: [], help: 'Memory that JavaScript objects use.' },
  process_gc_seconds_total: {
    type: 'counter',
    unit: 'seconds',
    labels: ['kind'],
    help: 'Time in which garbage was collected, by kind (minor, major, incremental, weakcb).',
  },
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
    aggregator: 'min',
    help: 'When the process started, in seconds since the epoch.',
  },
} as const satisfies Record<string, MetricDefinition>;

/** The catalogue as a Markdown table, for docs/metrics.md. */
export function renderMetricCatalogue(): string {
  const rows = Object.entries(metricCatalogue).map(([name, { type, unit, labels, help }]) => {
    return `| \`${name}\` | ${type} | ${unit} | ${labels.map((label) => `\`${label}\``).join(' ')} | ${help} |`;
  });
  return ['| metric | type | unit | labels | meaning |', '|---|---|---|---|---|', ...rows].join('\n');
}
