/**
 * Rate limits that two gateways count in one Redis, and what becomes of them while Redis fails. Real: gateways,
 * subgraphs over HTTP, a redis-server of the test's own that is stopped, killed, filled and flushed under load.
 * Observed: who was admitted, how long each request took, and how often fields were resolved.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { describeWithRedis, startOwnRedis } from '../support/redis';
import { type LimitedGraph, startLimitedGraph } from './rate-limit-graph';

jest.setTimeout(120_000);

const max = 5;

describeWithRedis('two gateways with one Redis', () => {
  let redis: Awaited<ReturnType<typeof startOwnRedis>>;
  let graphs: LimitedGraph[];
  let admin: Redis;
  let people = 0;
  let turn = 0;

  beforeAll(async () => {
    redis = await startOwnRedis();
    admin = openAdmin();
    const rule = { max, window: '1h' };
    const config = {
      // Longer than a machine that is busy with other tests keeps a healthy Redis waiting.
      redis: { url: redis.url, timeoutMs: 400 },
      rateLimits: {
        rules: [
          { name: 'local', operation: 'Local', ...rule },
          { name: 'open', operation: 'Open', ...rule, onStoreFailure: 'open' },
          { name: 'closed', operation: 'Closed', ...rule, onStoreFailure: 'closed' },
          { name: 'bucket', operation: 'Bucket', ...rule, algorithm: 'token-bucket' },
        ],
      },
    };
    graphs = await Promise.all([startLimitedGraph({ config }), startLimitedGraph({ config })]);
  });
  afterAll(async () => {
    admin.disconnect();
    await Promise.all(graphs.map((graph) => graph.close()));
    await redis.close();
  });
  beforeEach(() => {
    people += 1;
  });
  afterEach(() => exactAgain());

  function openAdmin(): Redis {
    const client = new Redis(redis.url, { retryStrategy: () => 100, maxRetriesPerRequest: null });
    client.on('error', () => {});
    return client;
  }

  interface Outcome {
    readonly admitted: number;
    readonly codes: ReadonlySet<unknown>;
    readonly slowestMs: number;
  }

  /** Asks so often at once, of both gateways in turn. */
  async function flood(operation: string, count: number, who = `192.0.2.${people}`): Promise<Outcome> {
    const codes = new Set<unknown>();
    let admitted = 0;
    let slowestMs = 0;
    const asked = Array.from({ length: count }, async () => {
      turn += 1;
      const before = performance.now();
      const graph = graphs[turn % graphs.length] as LimitedGraph;
      const answered = await graph.as({ clientAddress: who }, `query ${operation} { free }`);
      slowestMs = Math.max(slowestMs, performance.now() - before);
      if (answered.codes.length === 0) admitted += 1;
      else codes.add(answered.codes[0]);
    });
    await Promise.all(asked);
    return { admitted, codes, slowestMs };
  }

  /** Asks one after the other. */
  async function ask(operation: string, count: number): Promise<Outcome> {
    let all: Outcome = { admitted: 0, codes: new Set(), slowestMs: 0 };
    for (let time = 0; time < count; time++) {
      const one = await flood(operation, 1);
      all = {
        admitted: all.admitted + one.admitted,
        codes: new Set([...all.codes, ...one.codes]),
        slowestMs: Math.max(all.slowestMs, one.slowestMs),
      };
    }
    return all;
  }

  /** Whether both count together, with a newcomer. Waits for it for two seconds. */
  async function exactAgain(): Promise<void> {
    const endsAt = performance.now() + 2_000;
    while (graphs.some(({ gateway }) => gateway.redisStatus !== 'up') && performance.now() < endsAt) {
      // Some troubles are only known to be over by asking.
      await flood('Local', 2, '198.51.100.1');
      await sleep(20);
    }
    people += 1;
    expect((await flood('Local', 40)).admitted).toBe(max);
  }

  it.each(['Local', 'Bucket'])('admit exactly as many as a limit says, however many ask at once: %s', async (name) => {
    for (let trial = 0; trial < 5; trial++) {
      people += 1;
      const { admitted, codes } = await flood(name, 200);
      expect({ trial, admitted, codes: [...codes] }).toEqual({ trial, admitted: max, codes: ['REQUEST_RATE_LIMITED'] });
    }
  });

  it('make one round trip for all rules of an operation', async () => {
    await flood('Local', 2);
    const before = await callsOf(admin, 'evalsha');
    const [graph] = graphs as [LimitedGraph];
    await graph.as({ clientAddress: '192.0.2.200' }, 'query Local { twice thrice everybody address }');
    expect((await callsOf(admin, 'evalsha')) - before).toBe(1);
  });

  it('leave Redis alone for operations without limits', async () => {
    const before = await callsOf(admin, 'evalsha');
    await flood('Free', 10);
    expect((await callsOf(admin, 'evalsha')) - before).toBe(0);
  });

  it('keep all counters where a cluster wants them, and nobody’s name in them', async () => {
    const [graph] = graphs as [LimitedGraph];
    await graph.as({ clientAddress: '192.0.2.201' }, 'mutation { login(email: "me@example.com") send }');
    const keys = await admin.keys('*limit*');
    expect(keys.length).toBeGreaterThan(1);
    expect(keys.filter((key) => !/^\{supergate\}:limit:[\w:.-]+:[\w-]{22}$/.test(key))).toEqual([]);
  });

  describe.each([
    ['frozen', async () => void redis.process.kill('SIGSTOP'), async () => void redis.process.kill('SIGCONT')],
    ['killed', () => redis.close(), restart],
  ])('while Redis is %s', (_name, fail, mend) => {
    it('decide as each rule says, and nobody waits for it', async () => {
      await ask('Local', 2);
      await fail();
      try {
        // Until it is known, some wait for it: not longer than they are told.
        const first = await flood('Open', 20);
        expect([first.admitted, first.slowestMs < 3_000]).toEqual([20, true]);
        const [open, closed, free] = await Promise.all([ask('Open', 20), ask('Closed', 20), ask('Free', 20)]);
        expect(open.admitted).toBe(20);
        expect(free.admitted).toBe(20);
        expect([closed.admitted, [...closed.codes]]).toEqual([0, ['RATE_LIMITS_UNAVAILABLE']]);
        // Each counts alone, and goes on from what Redis said last.
        const local = await ask('Local', 20);
        expect(local.admitted).toBeGreaterThanOrEqual(1);
        expect(local.admitted).toBeLessThanOrEqual(2 * max);
        expect(graphs.map(({ gateway }) => gateway.redisStatus)).toEqual(['down', 'down']);
      } finally {
        await mend();
      }
      await exactAgain();
    });
  });

  async function restart(): Promise<void> {
    redis = await startOwnRedis(Number(new URL(redis.url).port));
  }

  it('do not charge later what a frozen Redis was asked', async () => {
    await flood('Local', 2, 'warm');
    redis.process.kill('SIGSTOP');
    const who = '192.0.2.250';
    const asked = flood('Open', 20, who);
    await sleep(800);
    redis.process.kill('SIGCONT');
    expect((await asked).admitted).toBe(20);
    await exactAgain();
    expect((await flood('Open', 40, who)).admitted).toBe(max);
  });

  it.each([
    ['takes no writes', ['min-replicas-to-write', '1'], ['min-replicas-to-write', '0']],
    ['is out of memory', ['maxmemory', '1'], ['maxmemory', '0']],
  ] as const)('go on when Redis %s', async (_name, fail, mend) => {
    await admin.config('SET', ...fail);
    expect((await ask('Open', 20)).admitted).toBe(20);
    expect([...(await ask('Closed', 3)).codes]).toEqual(['RATE_LIMITS_UNAVAILABLE']);
    expect((await ask('Free', 3)).admitted).toBe(3);
    await admin.config('SET', ...mend);
  });

  it('go on when Redis becomes a replica', async () => {
    await admin.replicaof('127.0.0.1', 1);
    expect((await ask('Open', 20)).admitted).toBe(20);
    expect([...(await ask('Closed', 3)).codes]).toEqual(['RATE_LIMITS_UNAVAILABLE']);
    await admin.replicaof('NO', 'ONE');
  });

  it('begin anew when Redis is flushed, its scripts too', async () => {
    await flood('Local', 40);
    await admin.flushall();
    await admin.script('FLUSH');
    expect((await flood('Local', 40)).admitted).toBe(max);
  });
});

async function callsOf(admin: Redis, command: string): Promise<number> {
  const stats = await admin.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}
