/**
 * Several workers that serve one port. Real: the primary, its workers, their signals, TCP, a subgraph. Nothing is fake.
 * Observed: answers of keep-alive clients, process ids, metrics of all, the exit status.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';
import { type GatewayProcess, startGatewayProcess, writeGraph } from './rolling-restarts';

jest.setTimeout(240_000);

let subgraphs: SubgraphServer;
let directory: string;
let gateway: GatewayProcess;
let adminUrl = '';
const maxMemoryBytes = 800_000_000;

beforeAll(async () => {
  subgraphs = await createSubgraphServer();
  directory = writeGraph(subgraphs, '{}');
  writeFileSync(
    join(directory, 'gateway.yaml'),
    `server: { port: 0, workerMaxMemoryBytes: ${maxMemoryBytes} }
admin: { port: 0 }
telemetry: { logLevel: info, usage: { file: ./usage.ndjson, intervalMs: 200, maxFileBytes: 500, maxFiles: 1000 } }
timeouts: { readinessMs: 0, drainMs: 10000 }
`,
  );
  // Loaded in each process: one that is told so takes much memory, all count as having run for long, and who adds to a
  // file is noted.
  const preloaded = join(directory, 'preloaded.cjs');
  writeFileSync(
    preloaded,
    `process.uptime = () => 1_000; process.on('SIGUSR1', () => { process.kept = Buffer.alloc(${maxMemoryBytes}, 1); });
const files = require('node:fs/promises');
const { appendFile } = files;
files.appendFile = (...given) => {
  require('node:fs').appendFileSync(${JSON.stringify(join(directory, 'writers'))}, process.pid + ' ');
  return appendFile(...given);
};`,
  );
  gateway = await startGatewayProcess(directory, [preloaded], ['--workers', '2']);
  adminUrl = await gateway.adminUrl();
});
afterAll(async () => {
  gateway?.child.kill('SIGKILL');
  await subgraphs?.close();
  rmSync(directory, { recursive: true });
});

const admin = async (path: string) => (await fetch(adminUrl + path)).json() as Promise<Record<string, object>>;
/** Of the workers that are ready. */
const pids = async () => Object.keys(await admin('/log-level')).map(Number);

/** Clients that keep their connections, and ask until they are told to end. `lost`: what they got instead of an answer. */
function startClients(count: number, query = '{ hello }') {
  let isOver = false;
  const seen = { answered: 0, lost: [] as string[] };
  const client = async () => {
    const dispatcher = new Agent({ connections: 1, pipelining: 1, keepAliveTimeout: 60_000 });
    const options = { method: 'POST', headers: { 'content-type': 'application/json' }, dispatcher } as const;
    while (!isOver) {
      try {
        const answer = await request(gateway.graphqlUrl, { ...options, body: JSON.stringify({ query }) });
        const text = await answer.body.text();
        if (text === '{"data":{"hello":"world"}}') seen.answered += 1;
        else seen.lost.push(text);
      } catch (error) {
        seen.lost.push(String((error as NodeJS.ErrnoException).code ?? error));
      }
      await sleep(5);
    }
    await dispatcher.close();
  };
  const running = Array.from({ length: count }, client);
  return {
    seen,
    async answeredMore(many: number) {
      const goal = seen.answered + many;
      while (seen.answered < goal) await sleep(20);
    },
    async end() {
      isOver = true;
      await Promise.all(running);
      return seen;
    },
  };
}

describe('two workers', () => {
  it('serve one port, and tell their metrics together', async () => {
    expect(await pids()).toHaveLength(2);
    const clients = startClients(6);
    await clients.answeredMore(100);
    const { answered, lost } = await clients.end();
    expect(lost).toEqual([]);
    const byWorker = Object.values(await admin('/caches')) as { documents: { hits: number; misses: number } }[];
    expect(byWorker.filter(({ documents }) => documents.hits + documents.misses > 0)).toHaveLength(2);
    const metrics = await (await fetch(gateway.graphqlUrl.replace('/graphql', '/metrics'))).text();
    expect(metrics).toContain(`\nsupergate_requests_total{operation_type="query",status="200"} ${answered}\n`);
    expect(await (await fetch(`${adminUrl}/metrics`)).text()).toContain(`status="200"} ${answered}\n`);
  });

  it('are replaced one after the other at SIGHUP, and nobody loses an answer', async () => {
    const before = await pids();
    const clients = startClients(6);
    await clients.answeredMore(50);
    gateway.child.kill('SIGHUP');
    let now = before;
    while (now.length !== 2 || now.some((pid) => before.includes(pid))) {
      await sleep(100);
      now = await pids();
    }
    await clients.answeredMore(50);
    expect((await clients.end()).lost).toEqual([]);
  });

  it('write usage into one file, which is put aside when it is full, and lose no line', async () => {
    const clients = startClients(6, 'query Counted { hello }');
    await clients.answeredMore(300);
    const { answered, lost } = await clients.end();
    expect(lost).toEqual([]);
    const names = () => readdirSync(directory).filter((name) => name.startsWith('usage.ndjson'));
    const written = () =>
      names()
        .flatMap((name) => readFileSync(join(directory, name), 'utf8').trimEnd().split('\n'))
        .map((line) => JSON.parse(line) as { operation: string; requests: number })
        .filter(({ operation }) => operation === 'Counted')
        .reduce((sum, { requests }) => sum + requests, 0);
    while (written() < answered) await sleep(100);
    expect(written()).toBe(answered);
    expect(names().length).toBeGreaterThan(2);
    // Two who put it aside at a time could lose lines.
    const writers = readFileSync(join(directory, 'writers'), 'utf8').trim().split(' ').map(Number);
    expect([...new Set(writers)]).toEqual([gateway.child.pid]);
  });

  it('are replaced when they take too much memory, and nobody loses an answer', async () => {
    const [heavy = 0, other = 0] = await pids();
    const clients = startClients(6);
    await clients.answeredMore(50);
    process.kill(heavy, 'SIGUSR1');
    let now = [heavy];
    while (now.length !== 2 || now.includes(heavy)) {
      await sleep(100);
      now = await pids();
    }
    await clients.answeredMore(50);
    expect((await clients.end()).lost).toEqual([]);
    expect(now).toContain(other);
    expect(gateway.output()).toContain(`"worker":${heavy},"bytes"`);
  });

  it('go on when one is killed, and another one takes its place', async () => {
    const before = await pids();
    const clients = startClients(6);
    await clients.answeredMore(50);
    process.kill(before[0] as number, 'SIGKILL');
    let now = before;
    while (now.length !== 2 || now.includes(before[0] as number)) {
      await sleep(100);
      now = await pids();
    }
    const { lost } = clients.seen;
    // What was on its way in the killed one is lost, and nothing else: at most one request of each client.
    expect(lost.length).toBeLessThanOrEqual(6);
    const lostByThen = lost.length;
    await clients.answeredMore(100);
    expect((await clients.end()).lost).toHaveLength(lostByThen);
    expect(gateway.output()).toContain('A worker was lost: another one is started');
  });

  it('end with their primary: what runs is answered, and the exit status is 0', async () => {
    const running = await pids();
    const slow = fetch(gateway.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"query":"{ slow }"}',
    });
    while (!subgraphs.requests.some(({ query }) => query.includes('slow'))) await sleep(20);
    const { status } = await gateway.end('SIGTERM');
    expect(status).toBe(0);
    expect(await (await slow).json()).toEqual({ data: { slow: 'done' } });
    for (const pid of running) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});

describe('workers that cannot start', () => {
  it('end the primary with their status, and say once why', async () => {
    writeFileSync(
      join(directory, 'broken.yaml'),
      'subgraphs: { a: { routing_url: "http://a/", schema: { file: ./none } } }',
    );
    const words = ['serve', join(directory, 'broken.yaml'), '--workers', '2', '--port', '0'];
    const child = spawn(process.execPath, ['--require', 'tsx/cjs', join(__dirname, '../../src/cli.ts'), ...words]);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        output += chunk;
      });
    const [status] = await once(child, 'close');
    expect(output.match(/broken\.yaml/g)).toHaveLength(1);
    expect(status).toBe(2);
  });
});
