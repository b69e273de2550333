/**
 * What gateways share in a Redis Cluster, and what becomes of it while nodes fail. Real: two gateways, subgraphs over HTTP,
 * three masters and the replica of the one that counts, all processes of the test's own. Observed: who was admitted, what
 * is kept where, and what health tells.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createIdempotentRequests } from '../../src/client/idempotency';
import { RedisAnswers } from '../../src/query-plan/redis-answer-store';
import { openRedis, type RedisConnection } from '../../src/redis';
import { createRegistrationStore } from '../../src/subgraph/discovery/registration-store';
import { silentLog } from '../../src/telemetry/log';
import { describeWithRedis } from '../support/redis';
import { type ClusterNode, startRedisCluster, type TestRedisCluster } from '../support/redis-cluster';
import { type LimitedGraph, startLimitedGraph } from './rate-limit-graph';

jest.setTimeout(120_000);

const max = 5;
const counters = '{supergate}:limit';

describeWithRedis('two gateways with one Redis Cluster', () => {
  let cluster: TestRedisCluster;
  let graphs: LimitedGraph[];
  let people = 0;
  let turn = 0;

  beforeAll(async () => {
    // What other nodes have can still be asked while one is down.
    cluster = await startRedisCluster(counters, ['--cluster-require-full-coverage', 'no']);
    const rule = { max, window: '1h' };
    const config = {
      redis: { url: cluster.url, timeoutMs: 400 },
      rateLimits: {
        rules: [
          { name: 'local', operation: 'Local', ...rule },
          { name: 'open', operation: 'Open', ...rule, onStoreFailure: 'open' as const },
          { name: 'closed', operation: 'Closed', ...rule, onStoreFailure: 'closed' as const },
        ],
      },
    };
    graphs = await Promise.all([startLimitedGraph({ config }), startLimitedGraph({ config })]);
    await exactAgain();
  });
  afterAll(async () => {
    await Promise.all((graphs ?? []).map((graph) => graph.close()));
    await cluster?.close();
  });

  /** Asks so often at once, of both gateways in turn. */
  async function flood(operation: string, count: number, who = `192.0.2.${people}`) {
    const codes = new Set<unknown>();
    let admitted = 0;
    const asked = Array.from({ length: count }, async () => {
      turn += 1;
      const graph = graphs[turn % graphs.length] as LimitedGraph;
      const answered = await graph.as({ clientAddress: who }, `query ${operation} { free }`);
      if (answered.codes.length === 0) admitted += 1;
      else codes.add(answered.codes[0]);
    });
    await Promise.all(asked);
    return { admitted, codes: [...codes] };
  }

  const statuses = () => graphs.map(({ gateway }) => gateway.redisStatus);

  /** Until all nodes answer both gateways; then they count together, for a newcomer. */
  async function exactAgain(): Promise<void> {
    const endsAt = performance.now() + 20_000;
    while (statuses().some((status) => status !== 'up') && performance.now() < endsAt) {
      await flood('Local', 2, '198.51.100.1');
      await sleep(20);
    }
    expect(statuses()).toEqual(['up', 'up']);
    people += 1;
    expect((await flood('Local', 40)).admitted).toBe(max);
  }

  /** Until a master that another took over from is ready to do the same. */
  async function isReplica({ port }: ClusterNode): Promise<void> {
    const { admin } = cluster.nodes.find((node) => node.port === port) as ClusterNode;
    while (!/role:slave[\s\S]*master_link_status:up/.test(await admin.info('replication'))) await sleep(50);
  }

  async function connect(url = cluster.url, password?: string): Promise<RedisConnection> {
    const connection = openRedis({ url, cluster: true, password, timeoutMs: 5_000, log: silentLog });
    const endsAt = performance.now() + 5_000;
    while (!connection.isUp() && performance.now() < endsAt) await sleep(10);
    return connection;
  }

  it('admit exactly as many as a limit says, however many ask at once', async () => {
    for (let trial = 0; trial < 5; trial++) {
      people += 1;
      const { admitted, codes } = await flood('Local', 200);
      expect({ trial, admitted, codes }).toEqual({ trial, admitted: max, codes: ['REQUEST_RATE_LIMITED'] });
    }
  });

  it('charge all rules of an operation together', async () => {
    const [first, second] = graphs as [LimitedGraph, LimitedGraph];
    const caller = { clientAddress: '192.0.2.240' };
    const query = 'query Local { twice thrice everybody address }';
    expect((await first.as(caller, query)).refused).toEqual([]);
    expect((await second.as(caller, query)).refused).toEqual(['address']);
  });

  it('find plans on every node, knowing one of them alone, with a password', async () => {
    const masters = cluster.nodes.slice(0, 3);
    for (const { admin } of cluster.nodes) {
      await admin.config('SET', 'masterauth', 'a secret:@/');
      await admin.config('SET', 'requirepass', 'a secret:@/');
    }
    const connections = [
      await connect(`redis://127.0.0.1:${masters[1]!.port}`, 'a secret:@/'),
      await connect(`redis://:${encodeURIComponent('a secret:@/')}@127.0.0.1:${masters[2]!.port}`),
    ];
    try {
      const sizes = () => Promise.all(masters.map(({ admin }) => admin.dbsize()));
      const before = await sizes();
      const keys = Array.from({ length: 60 }, (_, index) => `plan ${index}`);
      for (const key of keys) connections[0]!.set(key, `of ${key}`, 60_000);
      for (const key of keys) expect([key, await connections[1]!.get(key)]).toEqual([key, `of ${key}`]);
      for (const [index, size] of (await sizes()).entries()) expect(size).toBeGreaterThan(before[index]!);
      const stranger = openRedis({ url: cluster.url, timeoutMs: 200, log: silentLog });
      expect(await stranger.get('plan 1')).toBeUndefined();
      await stranger.close();
    } finally {
      await Promise.all(connections.map((connection) => connection.close()));
      for (const { admin } of cluster.nodes) {
        await admin.config('SET', 'requirepass', '');
        // A replica that has a password does not get on with a master that asks for none.
        await admin.config('SET', 'masterauth', '');
      }
    }
  });

  it('share answers and what makes them old, keys of mutations, and registrations', async () => {
    const connections = [await connect(), await connect()] as const;
    try {
      const [one, other] = connections.map((scripts) => {
        return new RedisAnswers({ scripts, namespace: 'shop', maxLifetimeMs: () => 60_000, everything: '*' });
      }) as [RedisAnswers, RedisAnswers];
      const kept = { body: '{"data":1}', storedAt: 1, maxAgeMs: 60_000 } as Parameters<RedisAnswers['write']>[1];
      const keys = Array.from({ length: 20 }, (_, index) => `answer ${index}`);
      for (const key of keys) {
        const { at } = (await one.read(key))!;
        one.write(key, kept, { tags: ['Post', `${key} tag`], at, lifetimeMs: 60_000 });
        expect((await other.read(key))?.kept).toEqual(kept);
      }
      await other.invalidate(['answer 3 tag', 'Unrelated']);
      const left = await Promise.all(keys.map(async (key) => (await one.read(key))?.kept !== undefined));
      expect(left.flatMap((isKept, index) => (isKept ? [] : index))).toEqual([3]);

      const requests = connections.map((connection) => createIdempotentRequests(60_000, connection));
      for (let index = 0; index < 10; index++) {
        const first = await requests[0]!.begin('ada', `key-${index}`, 'same');
        expect(first.kind).toBe('first');
        await expect(requests[1]!.begin('ada', `key-${index}`, 'same')).rejects.toThrow('still runs');
      }

      const stores = connections.map(createRegistrationStore);
      for (const subgraph of ['users', 'posts', 'stock', 'carts']) {
        const registration = { id: 'a', url: `http://${subgraph}`, weight: 1 };
        await stores[0]!.put(subgraph, { registration, gone: false, leftMs: 60_000 }, 60_000);
        expect(await stores[1]!.list(subgraph)).toMatchObject([{ registration }]);
      }
    } finally {
      await Promise.all(connections.map((connection) => connection.close()));
    }
  });

  it('go on without a pause when the counters move to another node', async () => {
    const owner = await cluster.ownerOf(counters);
    const replica = cluster.nodes.at(-1) as ClusterNode;
    const who = '192.0.2.241';
    await flood('Closed', 2, who);
    for (let round = 0; (await cluster.ownerOf(counters)) === owner; round++) {
      // The others may not agree at once; who is a master already refuses.
      if (round % 50 === 0) await replica.admin.cluster('FAILOVER').catch(() => {});
      const { codes } = await flood('Local', 4, '198.51.100.1');
      expect(codes).not.toContain('RATE_LIMITS_UNAVAILABLE');
      await sleep(20);
    }
    await exactAgain();
    expect((await flood('Closed', 20, who)).admitted).toBe(max - 2);
    await isReplica(owner);
  });

  it('count on while a node is down that has no counters, and say so', async () => {
    const other = cluster.nodes[2] as ClusterNode;
    await other.server.close();
    try {
      while (statuses().includes('up')) await sleep(20);
      people += 1;
      for (const name of ['Local', 'Closed', 'Open']) {
        expect([name, (await flood(name, 40)).admitted]).toEqual([name, max]);
      }
    } finally {
      await cluster.restart(other);
    }
    await exactAgain();
  });

  it.each(['frozen', 'killed'])(
    'decide as each rule says while the node that counts is %s, until another takes over',
    async (fault) => {
      const owner = await cluster.ownerOf(counters);
      people += 1;
      await flood('Local', 2);
      if (fault === 'frozen') owner.server.process.kill('SIGSTOP');
      else await owner.server.close();
      try {
        await flood('Open', 4);
        const [open, closed, free] = await Promise.all([flood('Open', 20), flood('Closed', 20), flood('Free', 20)]);
        expect([open.admitted, free.admitted]).toEqual([20, 20]);
        expect(closed).toEqual({ admitted: 0, codes: ['RATE_LIMITS_UNAVAILABLE'] });
        const local = await flood('Local', 40);
        expect(local.admitted).toBeLessThanOrEqual(2 * max);
        expect(statuses()).toEqual(['down', 'down']);
        const endsAt = performance.now() + 20_000;
        while ((await cluster.ownerOf(counters)) === owner && performance.now() < endsAt) await sleep(50);
        // Without the one that fails.
        await exactAgain();
      } finally {
        if (fault === 'frozen') owner.server.process.kill('SIGCONT');
        else await cluster.restart(owner);
      }
      await isReplica(owner);
    },
  );
});
