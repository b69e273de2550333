/**
 * Test support: a real Redis Cluster of the test's own. Three masters divide the slots; the first one has a replica.
 * Needs `redis-server`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from '../../subgraphs/shared/embedded-postgres';
import { type OwnRedis, startOwnRedis } from './redis';

export interface ClusterNode {
  readonly port: number;
  readonly server: OwnRedis;
  /** Straight to this node. */
  readonly admin: Redis;
}

export interface TestRedisCluster {
  /** Of the masters. */
  readonly url: string;
  /** Three masters and the replica of the first. */
  readonly nodes: readonly ClusterNode[];
  /** The node that owns a key, as the second one of the list sees it. */
  ownerOf(key: string): Promise<ClusterNode>;
  /** Starts a node again that was closed. */
  restart(node: ClusterNode): Promise<void>;
  close(): Promise<void>;
}

/** A master that is silent for so long is voted out. */
const nodeTimeoutMs = 1_500;
const slots = 16_384;

/** With the slot of `key` on the first master, which has the replica. */
export async function startRedisCluster(key: string, moreFlags: readonly string[] = []): Promise<TestRedisCluster> {
  const directory = mkdtempSync(join(tmpdir(), 'supergate-cluster-'));
  const nodes: ClusterNode[] = [];
  const start = async (port: number): Promise<ClusterNode> => {
    const flags = ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort()), '--dir', directory];
    const own = ['--cluster-config-file', `${port}.conf`, '--cluster-node-timeout', String(nodeTimeoutMs)];
    const server = await startOwnRedis(port, [...flags, ...own, ...moreFlags]);
    const admin = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
    admin.on('error', () => {});
    return { port, server, admin };
  };
  for (let count = 0; count < 4; count++) nodes.push(await start(await freePort()));
  const [first, second, third, replica] = nodes as [ClusterNode, ClusterNode, ClusterNode, ClusterNode];
  const busPortOf = async ({ admin }: ClusterNode) =>
    Number(((await admin.config('GET', 'cluster-port')) as string[])[1]);
  for (const node of nodes.slice(1))
    await first.admin.call('CLUSTER', 'MEET', '127.0.0.1', node.port, await busPortOf(node));
  const slot = Number(await first.admin.cluster('KEYSLOT', key));
  await divide([first, second, third], slot);
  const id = String(await first.admin.cluster('MYID'));
  const knows = async () => String(await replica.admin.cluster('NODES')).includes(id);
  while (!(await knows())) await sleep(20);
  await replica.admin.call('CLUSTER', 'REPLICATE', id);
  for (const { admin } of nodes) {
    while (!/cluster_state:ok/.test(String(await admin.cluster('INFO')))) await sleep(20);
  }
  while (!/state=online/.test(await first.admin.info('replication'))) await sleep(20);
  return {
    url: `redis://${[first, second, third].map(({ port }) => `127.0.0.1:${port}`).join()}`,
    nodes,
    async ownerOf(wanted) {
      const at = Number(await second.admin.cluster('KEYSLOT', wanted));
      const ranges = (await second.admin.cluster('SLOTS')) as unknown as [number, number, [string, number]][];
      const [, , [, port]] = ranges.find(([from, to]) => from <= at && at <= to)!;
      return nodes.find((node) => node.port === port)!;
    },
    async restart(node) {
      const at = nodes.indexOf(node);
      node.admin.disconnect();
      nodes[at] = await start(node.port);
    },
    async close() {
      for (const { admin, server } of nodes) {
        admin.disconnect();
        await server.close();
      }
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The slots in three parts, that of `slot` to the first. */
async function divide(masters: readonly ClusterNode[], slot: number): Promise<void> {
  const third = Math.ceil(slots / 3);
  for (const [index, { admin }] of masters.entries()) {
    const part = (Math.floor(slot / third) + index) % 3;
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', part * third, Math.min((part + 1) * third, slots) - 1);
  }
}
