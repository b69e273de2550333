/**
 * Traces, from a client's `traceparent` to a collector. Real: the gateway as `supergate serve` starts it, a subgraph,
 * OTLP over HTTP. Fake: the collector, which keeps what it is sent. Observed: spans, headers of the subgraph, answers.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { attributesOf, type CollectedSpan, type SpanCollector, startSpanCollector } from '../support/span-collector';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';
import { type GatewayProcess, startGatewayProcess, writeGraph } from './rolling-restarts';

jest.setTimeout(90_000);

let collector: SpanCollector;
const traceId = '0af7651916cd43dd8448eb211c80319c';
let subgraphs: SubgraphServer;
let directory: string;
let gateway: GatewayProcess;

async function start(otlpUrl: string | undefined, b3 = 'off'): Promise<void> {
  const tracing = otlpUrl === undefined ? '' : `tracing: { otlpUrl: "${otlpUrl}", sampleRatio: 1, b3: ${b3} }`;
  writeFileSync(
    join(directory, 'gateway.yaml'),
    `server: { port: 0 }\ntelemetry: { ${tracing} }\ntimeouts: { readinessMs: 0, drainMs: 2000 }`,
  );
  gateway = await startGatewayProcess(directory);
}

beforeAll(async () => {
  collector = await startSpanCollector();
  subgraphs = await createSubgraphServer({
    intercept: ({ query }) => (query.includes('slow') ? { status: 500, body: 'broken' } : undefined),
  });
  directory = writeGraph(subgraphs, '{}');
});
afterAll(async () => {
  gateway?.child.kill('SIGKILL');
  await subgraphs?.close();
  collector?.close();
  rmSync(directory, { recursive: true });
});

async function ask(init: RequestInit, search = ''): Promise<string> {
  return (await fetch(gateway.graphqlUrl + search, init)).text();
}

const post = (query: string, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify({ query }),
});
const parentOf = (flags: string) => ({ traceparent: `00-${traceId}-b7ad6b7169203331-${flags}` });
/** The spans of the operation, by name. */
function traceOf(operationName: string): ReadonlyMap<string, CollectedSpan> {
  const root = collector.spans.find((span) => attributesOf(span)['graphql.operation.name'] === operationName);
  const own = collector.spans.filter((span) => span.traceId === root?.traceId);
  const ofRoot = own.filter((span) => span.parentSpanId === root?.spanId);
  const deeper = own.filter((span) => ofRoot.some(({ spanId }) => spanId === span.parentSpanId));
  return new Map([root, ...ofRoot, ...deeper].flatMap((span) => (span ? [[span.name, span]] : [])));
}

describe('a gateway that traces', () => {
  beforeAll(async () => {
    await start(collector.url);
    await ask(post('query ByPost { hello }', parentOf('01')));
    const search = `?query=${encodeURIComponent('query ByGet { hello }')}`;
    await ask({ headers: { 'apollo-require-preflight': '1', ...parentOf('01') } }, search);
    await ask(post('query Failing { slow }', { traceparent: 'nonsense' }));
    await ask(post('query Unsampled { hello }', parentOf('00')));
    // Whoever closes has sent every span.
    await gateway.end('SIGTERM');
  });

  it.each(['ByPost', 'ByGet'])('continues the trace of %s, with a span for each step and each fetch', (name) => {
    const trace = traceOf(name);
    const root = trace.get('query');
    expect(root).toMatchObject({ traceId, parentSpanId: 'b7ad6b7169203331' });
    expect(attributesOf(root)).toMatchObject({
      'http.request.method': name === 'ByPost' ? 'POST' : 'GET',
      'graphql.operation.type': 'query',
      'http.response.status_code': 200,
    });
    expect([...trace.keys()].sort()).toEqual(
      ['query', 'context', 'operation', 'admission', 'execution', 'subgraph a'].sort(),
    );
    const call = trace.get('subgraph a');
    expect(call?.parentSpanId).toBe(trace.get('execution')?.spanId);
    expect(attributesOf(call)).toMatchObject({
      'http.request.method': 'POST',
      'http.response.status_code': 200,
      'server.address': '127.0.0.1',
    });
    const { headers } = subgraphs.requests[name === 'ByPost' ? 0 : 1] ?? {};
    expect(headers?.traceparent).toBe(`00-${traceId}-${call?.spanId}-01`);
  });

  it('begins a trace where there is none, and marks what went wrong', () => {
    const trace = traceOf('Failing');
    expect(trace.get('query')?.traceId).not.toBe(traceId);
    expect(trace.get('query')?.parentSpanId ?? '').toBe('');
    expect(trace.get('subgraph a')?.status.code).toBe(2);
    expect(attributesOf(trace.get('subgraph a'))).toMatchObject({ 'error.type': 'SUBREQUEST_HTTP_ERROR' });
  });

  it('records nothing of a trace that is not sampled, but hands it on', () => {
    expect(traceOf('Unsampled').size).toBe(0);
    const last = subgraphs.requests.at(-1);
    expect(last?.headers.traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
  });

  it('names the trace in the lines of the log', () => {
    const lines = gateway
      .output()
      .split('\n')
      .filter((line) => line.includes('"operation":"ByPost"'));
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([expect.objectContaining({ traceId })]);
  });
});

describe('a gateway that is asked for headers of Zipkin', () => {
  it('continues the trace that they name, and writes them beside its own', async () => {
    await start('http://127.0.0.1:9/v1/traces', 'multi');
    await ask(post('query OfZipkin { hello }', { b3: `${traceId}-b7ad6b7169203331-1` }));
    const single = subgraphs.requests.at(-1)?.headers;
    expect(single).toMatchObject({ 'x-b3-traceid': traceId, 'x-b3-sampled': '1' });
    expect(single?.traceparent).toBe(`00-${traceId}-${single?.['x-b3-spanid']}-01`);
    const several = { 'x-b3-traceid': traceId, 'x-b3-spanid': 'b7ad6b7169203331', 'x-b3-sampled': '0' };
    await ask(post('query OfZipkin { hello }', several));
    expect(subgraphs.requests.at(-1)?.headers).toMatchObject({ 'x-b3-traceid': traceId, 'x-b3-sampled': '0' });
    await gateway.end('SIGTERM');
  });
});

describe('a gateway whose collector is', () => {
  const silent = createServer(() => {});
  beforeAll(() => once(silent.listen(0, '127.0.0.1'), 'listening'));
  afterAll(() => {
    silent.close();
    silent.closeAllConnections();
  });

  it.each([
    ['gone', () => 9],
    ['silent', () => (silent.address() as AddressInfo).port],
  ])('%s answers, says so once, and ends with 0', async (_, port) => {
    await start(`http://127.0.0.1:${port()}/v1/traces`);
    // More spans than may wait.
    for (let round = 0; round < 100; round += 1) {
      const asked = Array.from({ length: 10 }, () => ask(post('{ hello }')));
      expect(new Set(await Promise.all(asked))).toEqual(new Set(['{"data":{"hello":"world"}}']));
    }
    expect((await gateway.end('SIGTERM')).status).toBe(0);
    expect(gateway.output().match(/Spans could not be sent/g)).toHaveLength(1);
    expect(gateway.output()).not.toMatch(/unhandled|uncaught/i);
  });
});

describe('a gateway that does not trace', () => {
  it('tells subgraphs of no trace', async () => {
    await start(undefined);
    await ask(post('{ hello }', parentOf('01')));
    expect(subgraphs.requests.at(-1)?.headers.traceparent).toBeUndefined();
    await gateway.end('SIGTERM');
  });

  it('loads nothing that makes or sends spans', () => {
    const list = 'Object.keys(require.cache).filter((name) => /opentelemetry.(sdk|exporter)/.test(name)).length';
    const { stdout } = spawnSync('node', ['--require', 'tsx/cjs', '-p', `require('./src/main'); ${list}`], {
      cwd: join(__dirname, '../..'),
      encoding: 'utf8',
    });
    expect(stdout.trim()).toBe('0');
  });
});
