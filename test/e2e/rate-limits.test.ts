/**
 * Rate limits over HTTP: two gateways as `supergate serve` starts them, one Redis, one subgraph. Anonymous callers are
 * told apart by the address that a trusted proxy forwards. Observed: status, headers and bodies.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'graphql';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { type RunningGateway, serve } from '../../src/main';
import { limiting } from '../gateway/rate-limit-graph';
import { describeWithRedis, startTestRedis, type TestRedis } from '../support/redis';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';

jest.setTimeout(60_000);

const max = 5;
const sdl = `${limiting}
  type Query { limited: Int @rateLimit(max: ${max}, window: "1h") free: Int }`;

describeWithRedis('rate limits over HTTP', () => {
  const directory = mkdtempSync(join(tmpdir(), 'supergate-limits-'));
  let redis: TestRedis;
  let subgraphs: SubgraphServer;
  let gateways: RunningGateway[];
  let people = 0;

  beforeAll(async () => {
    redis = await startTestRedis();
    subgraphs = await createSubgraphServer({ silent: true });
    const resolvers = { Query: { limited: () => 1, free: () => 2 } };
    const url = subgraphs.mount({ name: 'a', typeDefs: parse(sdl), resolvers });
    writeFileSync(join(directory, 'a.graphql'), sdl);
    const supergraph = join(directory, 'supergraph.yaml');
    writeFileSync(supergraph, `subgraphs: { a: { routing_url: "${url}", schema: { file: ./a.graphql } } }`);
    const config = join(directory, 'gateway.yaml');
    writeFileSync(
      config,
      `server: { port: 0, trustedProxies: [127.0.0.1] }
redis: { url: "${redis.url}", timeoutMs: 500 }
rateLimits:
  namespace: e2e-${process.pid}
  rules: [{ name: general, by: ip, max: 1000, window: 60s }]
overload: { shedding: false }
telemetry: { logLevel: silent }`,
    );
    const options = { supergraph, config, env: {} };
    gateways = await Promise.all([serve(options), serve(options)]);
  });
  afterAll(async () => {
    await Promise.all((gateways ?? []).map((gateway) => gateway.close()));
    await subgraphs?.close();
    await redis?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  interface Answer {
    readonly status: number;
    readonly headers: Headers;
    readonly body: { readonly data?: unknown; readonly errors?: readonly Record<string, unknown>[] };
  }

  async function ask(who: number, query: string, { method = 'POST', gateway = 0 } = {}): Promise<Answer> {
    const url = new URL(gateways[gateway]?.graphqlUrl ?? '');
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'apollo-require-preflight': '1',
      'x-forwarded-for': `198.51.${who >> 8}.${who & 255}`,
    };
    if (method === 'GET') url.searchParams.set('query', query);
    const response = await fetch(url, {
      method,
      headers,
      ...(method === 'POST' && { body: JSON.stringify({ query }) }),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] };
  }

  it('admit exactly as many as a limit says, with the right headers, when 500 ask two gateways at once', async () => {
    for (let trial = 0; trial < 3; trial++) {
      people += 1;
      const who = people;
      const answers = await Promise.all(
        Array.from({ length: 500 }, (_, index) => ask(who, '{ limited }', { gateway: index % 2 })),
      );
      const admitted = answers.filter(({ status }) => status === 200);
      expect({ trial, admitted: admitted.length }).toEqual({ trial, admitted: max });
      const left = admitted.map(({ headers }) => /"Query\.limited";r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]);
      expect(left.sort()).toEqual(['0', '1', '2', '3', '4']);
      for (const { status, headers } of answers.filter((answer) => !admitted.includes(answer))) {
        expect([status, headers.get('retry-after')]).toEqual([429, expect.stringMatching(/^3(600|5\d\d)$/)]);
        expect(headers.get('ratelimit')).toMatch(/"Query\.limited";r=0;t=3(600|5\d\d)$/);
      }
    }
  });

  it('tell quotas on both lanes, and share one budget between them', async () => {
    people += 1;
    const post = await ask(people, '{ limited free }');
    expect(post.headers.get('ratelimit-policy')).toBe(`"general";q=1000;w=60, "Query.limited";q=${max};w=3600`);
    expect(post.headers.get('ratelimit')).toBe(`"general";r=999;t=60, "Query.limited";r=${max - 1};t=3600`);
    expect(post.headers.get('retry-after')).toBeNull();
    const get = await ask(people, '{ limited free }', { method: 'GET', gateway: 1 });
    expect(get.headers.get('ratelimit')).toMatch(`"general";r=998;t=60, "Query.limited";r=${max - 2};t=`);
    const refused = [];
    for (const method of ['POST', 'GET']) {
      await ask(people, '{ a: limited b: limited c: limited }', { method });
      const { status, headers, body } = await ask(people, '{ limited }', { method });
      refused.push({ status, policy: headers.get('ratelimit-policy'), code: body.errors?.[0]?.extensions });
    }
    expect(refused[0]?.status).toBe(429);
    expect(refused[1]).toEqual(refused[0]);
  });

  it('answer 200 beside other fields, with no Retry-After: that is in the error', async () => {
    people += 1;
    await ask(people, '{ a: limited b: limited c: limited d: limited e: limited }');
    const { status, headers, body } = await ask(people, '{ limited free }');
    expect([status, headers.get('retry-after'), body.data]).toEqual([200, null, { limited: null, free: 2 }]);
    expect(body.errors?.[0]).toMatchObject({
      path: ['limited'],
      extensions: { code: 'REQUEST_RATE_LIMITED', policy: 'Query.limited', retryAfterSeconds: expect.any(Number) },
    });
  });

  it('are told in extensions over a WebSocket, out of the same budget', async () => {
    people += 1;
    await ask(people, '{ a: limited b: limited c: limited }');
    const url = gateways[1]?.graphqlUrl.replace('http', 'ws') ?? '';
    const headers = { 'x-forwarded-for': `198.51.${people >> 8}.${people & 255}` };
    class Forwarded extends WebSocket {
      constructor(address: string, protocols: string[]) {
        super(address, protocols, { headers });
      }
    }
    const client = createClient({ url, webSocketImpl: Forwarded, retryAttempts: 0 });
    try {
      const results: unknown[] = [];
      for (const query of ['{ a: limited b: limited }', '{ limited free }']) {
        for await (const result of client.iterate({ query })) results.push(result);
      }
      const limited = {
        name: 'Query.limited',
        max,
        windowSeconds: 3600,
        remaining: 0,
        resetSeconds: expect.any(Number),
      };
      const quotas = [expect.objectContaining({ name: 'general', max: 1000 }), limited];
      expect(results).toEqual([
        { data: { a: 1, b: 1 }, extensions: { rateLimit: expect.objectContaining({ quotas }) } },
        {
          data: { limited: null, free: 2 },
          errors: [expect.anything()],
          extensions: { rateLimit: expect.objectContaining({ quotas }) },
        },
      ]);
    } finally {
      await client.dispose();
    }
  });

  it('have no headers on operations that no rule is for', async () => {
    const { url } = gateways[0] as RunningGateway;
    expect((await fetch(`${url}/health/live`)).headers.get('ratelimit')).toBeNull();
  });

  it('are counted in the metrics, and health tells of Redis', async () => {
    const { url } = gateways[0] as RunningGateway;
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/supergate_rate_limits_total\{rule="Query\.limited",outcome="refused"\} [1-9]/);
    expect(metrics).toMatch(/supergate_rate_limits_total\{rule="general",outcome="allowed"\} [1-9]/);
    expect(metrics).not.toMatch(/supergate_rate_limit_store_failures_total [1-9]/);
    const health = (await (await fetch(`${url}/health`)).json()) as { checks: Record<string, { status: string }> };
    expect(health.checks.redis?.status).toBe('up');
  });
});
