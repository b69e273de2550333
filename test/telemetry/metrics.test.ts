import { metricCatalogue, renderMetricCatalogue } from '../../src/telemetry/metric-catalogue';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics';

describe('the metrics', () => {
  let metrics: Metrics;
  beforeEach(() => {
    metrics = createMetrics();
  });
  afterEach(() => metrics.close());
  const lines = async (start: string) =>
    (await metrics.render()).body.split('\n').filter((line) => line.startsWith(start));

  it('are those of the catalogue, with its types and help', async () => {
    metrics.requestStarted();
    metrics.requestFinished('query', 200, 0.01, 'BAD_REQUEST');
    metrics.connectionRefused('REQUEST_TIMEOUT');
    metrics.subgraphRequest('users', 'ok', 0.005);
    const { body } = await metrics.render();
    const types = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]);
    const helps = [...body.matchAll(/^# HELP (\S+) (.+)$/gm)].map(([, name, help]) => [name, help]);
    const catalogue = Object.entries(metricCatalogue);
    expect(new Map(types as [string, string][])).toEqual(new Map(catalogue.map(([name, { type }]) => [name, type])));
    expect(new Map(helps as [string, string][])).toEqual(new Map(catalogue.map(([name, { help }]) => [name, help])));
  });

  it('count requests by operation type and status', async () => {
    for (const status of [200, 200, 400]) {
      metrics.requestStarted();
      metrics.requestFinished('query', status, 0.02, undefined);
    }
    metrics.requestStarted();
    expect(await lines('supergate_requests_total')).toEqual([
      'supergate_requests_total{operation_type="query",status="200"} 2',
      'supergate_requests_total{operation_type="query",status="400"} 1',
    ]);
    expect(await lines('supergate_requests_in_flight')).toEqual(['supergate_requests_in_flight 1']);
    expect(await lines('supergate_request_duration_seconds_sum')).toEqual([
      'supergate_request_duration_seconds_sum{operation_type="query"} 0.06',
    ]);
  });

  it('put a duration into every bucket that is long enough', async () => {
    metrics.requestFinished('mutation', 200, 0.03, undefined);
    const buckets = await lines('supergate_request_duration_seconds_bucket');
    const filled = buckets.filter((line) => line.endsWith(' 1')).map((line) => /le="([^"]+)"/.exec(line)?.[1]);
    expect(filled).toEqual(['0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10', '30', '+Inf']);
  });

  it('count subgraph requests by subgraph and outcome', async () => {
    metrics.subgraphRequest('users', 'ok', 0.005);
    metrics.subgraphRequest('users', 'GATEWAY_TIMEOUT', 10);
    metrics.subgraphRequest('we\n"ird', 'ok', 0.005);
    expect(await lines('supergate_subgraph_requests_total')).toEqual([
      'supergate_subgraph_requests_total{subgraph="users",outcome="ok"} 1',
      'supergate_subgraph_requests_total{subgraph="users",outcome="GATEWAY_TIMEOUT"} 1',
      'supergate_subgraph_requests_total{subgraph="we\\n\\"ird",outcome="ok"} 1',
    ]);
  });

  it('tell of the instances of subgraphs as they are now', async () => {
    const instance = { host: 'a:1', circuit: 'open', ejections: 2, outstanding: 3, latencyMs: 40 };
    const state = { retries: 5, hedges: 6, instances: [instance], discovery: { changes: 7, failures: 8 } };
    metrics.observeSubgraphs(() => new Map([['users', state]]));
    expect(await lines('supergate_subgraph_')).toEqual([
      'supergate_subgraph_instance_up{subgraph="users",instance="a:1"} 0',
      'supergate_subgraph_ejections_total{subgraph="users",instance="a:1"} 2',
      'supergate_subgraph_instance_requests_in_flight{subgraph="users",instance="a:1"} 3',
      'supergate_subgraph_instance_latency_seconds{subgraph="users",instance="a:1"} 0.04',
      'supergate_subgraph_discoveries_total{subgraph="users",outcome="changed"} 7',
      'supergate_subgraph_discoveries_total{subgraph="users",outcome="failed"} 8',
      'supergate_subgraph_repetitions_total{subgraph="users",reason="retry"} 5',
      'supergate_subgraph_repetitions_total{subgraph="users",reason="hedge"} 6',
    ]);
  });

  it('tell of the process, in numbers that make sense', async () => {
    const value = async (name: string) => Number((await lines(`${name} `))[0]?.split(' ')[1]);
    expect(await value('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
    expect(await value('process_heap_bytes')).toBeGreaterThan(1_000_000);
    expect(await value('process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(await value('process_start_time_seconds')).toBeLessThanOrEqual(Date.now() / 1_000);
  });

  it('see an event loop that was blocked, once', async () => {
    const worst = async () => Number((await lines('supergate_event_loop_lag_seconds{quantile="1"}'))[0]?.split(' ')[1]);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const end = performance.now() + 200;
    while (performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(await worst()).toBeGreaterThan(0.15);
    expect(await worst()).toBeLessThan(0.15);
  });

  it('are not shared between two gateways of one process', async () => {
    const other = createMetrics();
    other.requestFinished('query', 200, 0.01, undefined);
    expect(await lines('supergate_requests_total')).toEqual([]);
    other.close();
  });

  it('cost a few microseconds a request', () => {
    const rounds = 20_000;
    const started = performance.now();
    for (let round = 0; round < rounds; round++) {
      metrics.requestStarted();
      metrics.requestFinished('query', 200, 0.004, undefined);
    }
    const microseconds = ((performance.now() - started) * 1_000) / rounds;
    expect(microseconds).toBeLessThan(50);
  });

  it('can be printed as a table', () => {
    const table = renderMetricCatalogue().split('\n');
    expect(table).toHaveLength(2 + Object.keys(metricCatalogue).length);
    expect(table[2]).toMatch(
      /^\| `supergate_requests_total` \| counter \| requests \| `operation_type` `status` \| .+ \|$/,
    );
  });
});
