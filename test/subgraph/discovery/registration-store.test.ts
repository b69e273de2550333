import { openRedis, type RedisConnection } from '../../../src/redis';
import { createRegistrationStore } from '../../../src/subgraph/discovery/registration-store';
import { silentLog } from '../../../src/telemetry/log';
import { describeWithRedis, startTestRedis, type TestRedis } from '../../support/redis';

/** Real: Redis. Observed: what one gateway reads of what another one wrote. */
describeWithRedis('registrations in Redis', () => {
  let server: TestRedis;
  let redis: RedisConnection;
  const subgraph = `users-${process.pid}-${Date.now()}`;
  beforeAll(async () => {
    server = await startTestRedis();
    redis = openRedis({ url: server.url, timeoutMs: 5_000, log: silentLog });
    while (!redis.isUp()) await new Promise((resolve) => setTimeout(resolve, 10));
  });
  afterAll(async () => {
    await redis.close();
    await server.close();
  });

  const registration = { id: 'a:1', url: 'http://a/graphql', weight: 2.5, zone: 'eu "1" é' };

  it('come back as they were, with the time that is left, and marked when they were taken back', async () => {
    const store = createRegistrationStore(redis);
    expect(await store.list(subgraph)).toEqual([]);
    await store.put(subgraph, { registration, gone: false, leftMs: 60_000 }, 60_000);
    await store.put(subgraph, { registration: { ...registration, id: 'b' }, gone: true, leftMs: 30_000 }, 30_000);
    const found = [...((await store.list(subgraph)) ?? [])].sort((a, b) => b.leftMs - a.leftMs);
    expect(found).toEqual([
      { registration, gone: false, leftMs: expect.any(Number) },
      { registration: { ...registration, id: 'b' }, gone: true, leftMs: expect.any(Number) },
    ]);
    expect(found[0]!.leftMs).toBeLessThanOrEqual(60_000);
    expect(found[0]!.leftMs).toBeGreaterThan(30_000);
  });

  it('expire by the time of Redis', async () => {
    const store = createRegistrationStore(redis);
    await store.put(`${subgraph}-short`, { registration, gone: false, leftMs: 20 }, 20);
    for (;;) {
      const left = await store.list(`${subgraph}-short`);
      if (left?.length === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });

  it('leave out what cannot be read', async () => {
    const put = redis.script("redis.call('HSET', KEYS[1], 'x', ARGV[1]) return 1");
    await put([`supergate:instances:${subgraph}-odd`], ['99999999999999 {"id":1}']);
    expect(await createRegistrationStore(redis).list(`${subgraph}-odd`)).toEqual([]);
  });
});
