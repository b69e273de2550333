/**
 * Writes the alert rules and the dashboard from the metrics catalogue: `npm run monitoring`.
 * `test/deploy/monitoring.test.ts` tells when they have drifted. Out: deploy/alerts.yaml (Prometheus), deploy/dashboard.json (Grafana).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { metricCatalogue } from '../src/telemetry/metric-catalogue';

export type MetricName = keyof typeof metricCatalogue;

interface Alert {
  readonly name: string;
  readonly metrics: readonly MetricName[];
  readonly expr: string;
  readonly for: string;
  readonly severity: 'page' | 'ticket';
  readonly summary: string;
  /** What to do: docs/operations.md prints it. */
  readonly action: string;
}

/** Each expression may use the metrics it lists, and no other. */
export const alerts: readonly Alert[] = [
  {
    name: 'SupergateServerErrors',
    metrics: ['supergate_requests_total'],
    expr: 'sum(rate(supergate_requests_total{status=~"5.."}[5m])) / sum(rate(supergate_requests_total[5m])) > 0.02',
    for: '5m',
    severity: 'page',
    summary: 'More than 2 % of requests are answered with 5xx.',
    action: 'Look at the codes in `supergate_request_errors_total`, then at the log lines with that code.',
  },
  {
    name: 'SupergateSlow',
    metrics: ['supergate_request_duration_seconds'],
    expr: 'histogram_quantile(0.99, sum by (le) (rate(supergate_request_duration_seconds_bucket{operation_type="query"}[5m]))) > 2',
    for: '10m',
    severity: 'ticket',
    summary: 'One query in a hundred takes longer than 2 s.',
    action: 'Compare with `supergate_subgraph_request_duration_seconds`: a subgraph, or the gateway (event loop lag)?',
  },
  {
    name: 'SupergateSubgraphFails',
    metrics: ['supergate_subgraph_requests_total'],
    expr: 'sum by (subgraph) (rate(supergate_subgraph_requests_total{outcome!~"ok|DOWNSTREAM_SERVICE_ERROR|SUBREQUEST_ABORTED"}[5m])) / sum by (subgraph) (rate(supergate_subgraph_requests_total[5m])) > 0.05',
    for: '5m',
    severity: 'page',
    summary: 'More than 5 % of the calls to subgraph {{ $labels.subgraph }} fail.',
    action: 'The label `outcome` tells how: GATEWAY_TIMEOUT is slow, SUBREQUEST_HTTP_ERROR is down or broken.',
  },
  {
    name: 'SupergateSupergraphRefused',
    metrics: ['supergate_supergraph_updates_total'],
    expr: 'increase(supergate_supergraph_updates_total{outcome=~"refused|unreadable"}[10m]) > 0',
    for: '0m',
    severity: 'ticket',
    summary: 'A new supergraph is not served; the one before is.',
    action: 'The log says why. `supergate compose` and `supergate check` tell the same before a deployment.',
  },
  {
    name: 'SupergateRateLimitStoreFails',
    metrics: ['supergate_rate_limit_store_failures_total'],
    expr: 'rate(supergate_rate_limit_store_failures_total[5m]) > 0',
    for: '5m',
    severity: 'page',
    summary: 'Redis cannot count rate limits.',
    action: 'Every rule does what its `onStoreFailure` says until Redis answers within `redis.timeoutMs`.',
  },
  {
    name: 'SupergateEventLoopLag',
    metrics: ['supergate_event_loop_lag_seconds'],
    expr: 'supergate_event_loop_lag_seconds{quantile="0.99"} > 0.1',
    for: '5m',
    severity: 'ticket',
    summary:
      'The event loop is more than 100 ms late: the instance has too little CPU, or somebody sends what is too large.',
    action: 'Add instances; look for large answers and lower `limits`.',
  },
  {
    name: 'SupergateEventsDropped',
    metrics: ['supergate_live_events_dropped_total'],
    expr: 'rate(supergate_live_events_dropped_total[5m]) > 1',
    for: '10m',
    severity: 'ticket',
    summary: 'Clients read events more slowly than they come.',
    action: 'See `subscriptions.slowConsumers` and `maxQueuedMessages`.',
  },
];

/** The rules as Prometheus reads them. */
export function renderAlerts(): string {
  const rules = alerts.map(({ name, expr, for: duration, severity, summary }) => ({
    alert: name,
    expr,
    for: duration,
    labels: { severity },
    annotations: { summary, runbook: `docs/operations.md#${name.toLowerCase()}` },
  }));
  return `# Written by \`npm run monitoring\`.\n${stringify({ groups: [{ name: 'supergate', rules }] }, { lineWidth: 0 })}`;
}

/** One panel for each metric, in the order of the catalogue. */
export function renderDashboard(): string {
  const panels = Object.entries(metricCatalogue).map(([name, metric], index) => ({
    id: index + 1,
    type: 'timeseries',
    title: name,
    description: metric.help,
    datasource: { type: 'prometheus', uid: '$datasource' },
    gridPos: { h: 8, w: 8, x: (index % 3) * 8, y: Math.floor(index / 3) * 8 },
    fieldConfig: { defaults: { unit: unitOf(metric.unit, metric.type) }, overrides: [] },
    targets: [{ refId: 'A', ...queryOf(name, metric.type, metric.labels) }],
  }));
  const datasource = { name: 'datasource', type: 'datasource', query: 'prometheus' };
  const dashboard = {
    uid: 'supergate',
    title: 'Supergate',
    schemaVersion: 39,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
  };
  return `${JSON.stringify({ ...dashboard, templating: { list: [datasource] }, panels }, null, 2)}\n`;
}

function queryOf(name: string, type: string, labels: readonly string[]): { expr: string; legendFormat: string } {
  const by = labels.length > 0 ? ` by (${labels.join(', ')})` : '';
  const legendFormat = labels.map((label) => `{{${label}}}`).join(' ') || name;
  if (type === 'counter') return { expr: `sum${by} (rate(${name}[5m]))`, legendFormat };
  if (type === 'gauge')
    return { expr: labels.includes('quantile') ? `max${by} (${name})` : `sum${by} (${name})`, legendFormat };
  return {
    expr: `histogram_quantile(0.99, sum by (${['le', ...labels].join(', ')}) (rate(${name}_bucket[5m])))`,
    legendFormat: `p99 ${legendFormat}`,
  };
}

function unitOf(unit: string, type: string): string {
  if (unit === 'seconds') return type === 'counter' ? 'percentunit' : 's';
  if (unit === 'bytes') return 'bytes';
  return type === 'counter' ? 'cps' : 'short';
}

if (require.main === module) {
  const root = join(__dirname, '..');
  writeFileSync(join(root, 'deploy/alerts.yaml'), renderAlerts());
  writeFileSync(join(root, 'deploy/dashboard.json'), renderDashboard());
}
