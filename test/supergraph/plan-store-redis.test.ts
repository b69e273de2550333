import { randomInt } from 'node:crypto';
import { createConfig } from '../../src/config';
import { createGateway, type Gateway } from '../../src/gateway';
import { openRedis, type RedisConnection } from '../../src/redis';
import type { Log } from '../../src/telemetry/log';
import { silentLog } from '../../src/telemetry/log';
import { type Graph, startGraph } from '../support/graph';
import { describeWithRedis, startTestRedis, type TestRedis } from '../support/redis';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { WatchedPlanner } from '../support/watched-planner';

/**
 * Gateways that share plans. Real: Redis (behind a TCP proxy that can be slow, frozen or gone), subgraphs over HTTP,
 * planner threads, engines. Observed: answers, the log, and what each planner is asked.
 */
jest.setTimeout(30_000);
const itself = (reference: object) => reference;

interface Instance {
  readonly gateway: Gateway;
  /** Operations that its planner was asked. */
  readonly planned: readonly string[];
}

describeWithRedis('gateways with one Redis', () => {
  let redis: TestRedis;
  let graph: Graph;
  let proxy: TcpProxy;
  /** Straight to Redis, for looking and spoiling. */
  let direct: RedisConnection;
  const instances: Gateway[] = [];

  beforeAll(async () => {
    redis = await startTestRedis();
    graph = await startGraph([
      {
        name: 'users',
        sdl: 'type Query { users: [User!]! } type User @key(fields: "id") { id: ID! name(n: Int): String }',
        resolvers: { Query: { users: () => [{ id: '1' }] }, User: { __resolveReference: itself, name: () => 'Ada' } },
      },
      {
        name: 'posts',
        sdl: 'type User @key(fields: "id") { id: ID! posts: [Post!]! } type Post { title: String }',
        resolvers: { User: { __resolveReference: itself, posts: () => [{ title: 'Notes' }] } },
      },
    ]);
    direct = openRedis({ url: redis.url, timeoutMs: 1_000, log: silentLog });
  });
  afterAll(async () => {
    await direct.close();
    await graph.close();
    await redis.close();
  });
  beforeEach(async () => {
    proxy = await startTcpProxy(Number(new URL(redis.url).port || 6379));
  });
  afterEach(async () => {
    await Promise.all(instances.splice(0).map((gateway) => gateway.stop()));
    await proxy.close();
  });

  async function start(log: Log = silentLog): Promise<Instance> {
    const config = createConfig({
      redis: { url: `redis://127.0.0.1:${proxy.port}`, timeoutMs: 50 },
      telemetry: { logLevel: 'silent' },
    });
    const planner = new WatchedPlanner(config.planner);
    const gateway = createGateway(
      { supergraph: { sdl: graph.gateway.current!.supergraphSdl }, config },
      { log, planner },
    );
    instances.push(gateway);
    await gateway.load();
    return { gateway, planned: planner.opened[0]!.planned };
  }

  /** An operation that no test has asked before. */
  const freshQuery = () => `{ users { name(n: ${randomInt(2 ** 31)}) posts { title } } }`;
  const answer = { data: { users: [{ name: 'Ada', posts: [{ title: 'Notes' }] }] } };

  async function keysOf(): Promise<string[]> {
    const { Redis } = await import('ioredis');
    const client = new Redis(redis.url);
    const keys = await client.keys('supergate:plan:*');
    client.disconnect();
    return keys;
  }

  it('plan an operation once between them', async () => {
    const query = freshQuery();
    const first = await start();
    expect(await first.gateway.query({ query })).toEqual(answer);
    const second = await start();
    expect(await second.gateway.query({ query })).toEqual(answer);
    expect([first.planned.length, second.planned.length]).toEqual([1, 0]);
  });

  it('plan anew what Redis has in another shape', async () => {
    const before = new Set(await keysOf());
    const query = freshQuery();
    await (await start()).gateway.query({ query });
    const [key] = (await keysOf()).filter((other) => !before.has(other));
    const plan = await direct.get(key!);
    direct.set(key!, plan!.replace('"serviceName":"posts"', '"serviceName":"payments"'), 60_000);
    const second = await start();
    expect(await second.gateway.query({ query })).toEqual(answer);
    expect(second.planned).toHaveLength(1);
    expect(await direct.get(key!)).toBe(plan);
  });

  it.each(['gone', 'frozen', 'slow'] as const)('answer as ever when Redis is %s from the start', async (fault) => {
    await proxy.inject(fault);
    const lines: string[] = [];
    const { gateway, planned } = await start({ ...silentLog, warn: (_, message) => lines.push(message) });
    for (let count = 0; count < 5; count++) expect(await gateway.query({ query: freshQuery() })).toEqual(answer);
    expect(planned).toHaveLength(5);
    expect(lines.length).toBeLessThanOrEqual(1);
  });

  it.each(['gone', 'frozen', 'slow'] as const)('answer as ever when Redis becomes %s', async (fault) => {
    const lines: string[] = [];
    const { gateway, planned } = await start({ ...silentLog, warn: (_, message) => lines.push(message) });
    await gateway.query({ query: freshQuery() });
    await proxy.inject(fault);
    for (let count = 0; count < 10; count++) expect(await gateway.query({ query: freshQuery() })).toEqual(answer);
    expect(planned).toHaveLength(11);
    expect(lines).toEqual(['Redis fails: the gateway goes on without it']);
  });
});
