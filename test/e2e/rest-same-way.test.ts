/**
 * One operation over GraphQL, by its id, and over its REST route: the same budget, the same line in the log, the same trace.
 * Real: the gateway as `supergate serve` starts it, a subgraph, OTLP over HTTP. Fake: the collector, which keeps what it
 * is sent. Observed: spans, lines, what is left of a limit.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attributesOf, type SpanCollector, startSpanCollector } from '../support/span-collector';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';
import { type GatewayProcess, startGatewayProcess, writeGraph } from './rolling-restarts';

jest.setTimeout(90_000);

let collector: SpanCollector;
const traceIds = { graphql: '1'.repeat(32), rest: '2'.repeat(32), proxy: '3'.repeat(32) };
const parent = (traceId: string) => ({ traceparent: `00-${traceId}-b7ad6b7169203331-01` });
let subgraphs: SubgraphServer;
let directory: string;
let gateway: GatewayProcess;
let limits: (string | null)[];
let answers: string[];

beforeAll(async () => {
  collector = await startSpanCollector();
  subgraphs = await createSubgraphServer();
  directory = writeGraph(subgraphs, '{}');
  mkdirSync(join(directory, 'operations'));
  writeFileSync(
    join(directory, 'operations/hello.graphql'),
    'query Hello @rest(path: "/hello", unwrap: "hello") { hello }',
  );
  writeFileSync(
    join(directory, 'gateway.yaml'),
    `
server: { port: 0 }
telemetry: { tracing: { otlpUrl: "${collector.url}", sampleRatio: 1 } }
timeouts: { readinessMs: 0, drainMs: 2000 }
rest:
  operations: ./operations
  proxy: [{ path: /elsewhere, method: POST, subgraph: a, target: /nothing }]
rateLimits: { rules: [{ name: all, max: 4, window: 1h }] }
`,
  );
  gateway = await startGatewayProcess(directory);
  const { origin } = new URL(gateway.graphqlUrl);
  const overGraphQL = (headers: Record<string, string> = {}) =>
    fetch(gateway.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json', ...headers },
      body: '{"documentId":"Hello"}',
    });
  const overRest = (headers: Record<string, string> = {}) => fetch(`${origin}/api/v1/hello`, { headers });
  const proxied = () => fetch(`${origin}/api/v1/elsewhere`, { method: 'POST', headers: parent(traceIds.proxy) });
  const asked = [
    await overGraphQL(parent(traceIds.graphql)),
    await overRest(parent(traceIds.rest)),
    await proxied(),
    await overGraphQL(),
    await overRest(),
    await overGraphQL(),
  ];
  limits = asked.map(({ status, headers }) => `${status} ${/r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]}`);
  answers = await Promise.all(asked.map((answer) => answer.text()));
  // Whoever closes has sent every span.
  await gateway.end('SIGTERM');
});
afterAll(async () => {
  gateway?.child.kill('SIGKILL');
  await subgraphs?.close();
  collector?.close();
  rmSync(directory, { recursive: true });
});

const lines = () =>
  gateway
    .output()
    .split('\n')
    .filter((line) => line.includes('"msg":"request"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

it('answers the same data', () => {
  expect(answers.slice(0, 2)).toEqual(['{"data":{"hello":"world"}}', '"world"']);
});

it('draws from one budget', () => {
  expect(limits).toEqual(['200 3', '200 2', '404 1', '200 0', '429 0', '429 0']);
});

it('writes one line for each, with the same fields', () => {
  const [graphql, rest, proxied, , refused] = lines();
  const common = { operation: 'Hello', type: 'query', status: 200, subgraphCalls: 1 };
  expect(graphql).toMatchObject({ ...common, traceId: traceIds.graphql });
  expect(rest).toMatchObject({ ...common, traceId: traceIds.rest, route: 'GET /hello' });
  const { route: _route, ...others } = rest ?? {};
  expect(Object.keys(others).sort()).toEqual(Object.keys(graphql ?? {}).sort());
  expect(proxied).toMatchObject({ route: 'POST /elsewhere', status: 404, subgraphCalls: 1, traceId: traceIds.proxy });
  expect(refused).toMatchObject({ route: 'GET /hello', operation: 'Hello', code: 'REQUEST_RATE_LIMITED', status: 429 });
  expect(lines()).toHaveLength(6);
});

it('makes the same spans, below a root that is named after the route', () => {
  const traceOf = (traceId: string) => collector.spans.filter((span) => span.traceId === traceId);
  const namesOf = (traceId: string) =>
    traceOf(traceId)
      .map(({ name }) => name)
      .sort();
  const steps = ['admission', 'context', 'execution', 'operation', 'subgraph a'];
  expect(namesOf(traceIds.graphql)).toEqual([...steps, 'query'].sort());
  expect(namesOf(traceIds.rest)).toEqual([...steps, 'GET /hello'].sort());
  const root = traceOf(traceIds.rest).find(({ name }) => name === 'GET /hello');
  expect(root?.parentSpanId).toBe('b7ad6b7169203331');
  expect(attributesOf(root)).toMatchObject({
    'http.request.method': 'GET',
    'http.route': '/hello',
    'graphql.operation.type': 'query',
    'graphql.operation.name': 'Hello',
    'http.response.status_code': 200,
  });
  expect(namesOf(traceIds.proxy)).toEqual(['POST /elsewhere', 'context', 'subgraph a']);
});
