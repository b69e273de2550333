/**
 * How a gateway's process ends. Real: the process, its signals, sockets of every state, a subgraph. Nothing is fake.
 * Observed: what clients read until the end, the exit status, and how long it took.
 */
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';
import { type GatewayProcess, rollingRestarts, startGatewayProcess, writeGraph } from './rolling-restarts';

jest.setTimeout(180_000);

describe('a gateway that is told to end', () => {
  const drainMs = 2_000;
  let release: () => void = () => {};
  let subgraphs: SubgraphServer;
  let directory: string;
  let gateway: GatewayProcess;

  beforeAll(async () => {
    const gate = new Promise<undefined>((resolve) => {
      release = () => resolve(undefined);
    });
    subgraphs = await createSubgraphServer({ intercept: ({ query }) => (query.includes('slow') ? gate : undefined) });
    directory = writeGraph(subgraphs, `{ readinessMs: 0, drainMs: ${drainMs} }`);
  });
  afterAll(async () => {
    release();
    gateway?.child.kill('SIGKILL');
    await subgraphs?.close();
    rmSync(directory, { recursive: true });
  });

  const ask = (query: string) =>
    fetch(gateway.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });

  /** Resolves when the subgraph has been asked for `slow`. */
  async function slowIsUnderWay(): Promise<void> {
    while (!subgraphs.requests.some(({ query }) => query.includes('slow'))) await sleep(20);
  }

  it('exits with 0 within the grace time, whatever state connections are in', async () => {
    gateway = await startGatewayProcess(directory);
    const head = 'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
    const sent = ['', 'POST /gra', head, `${head}content-length: 100\r\n\r\n{"que`];
    const sockets = sent.map((text) => {
      const socket = connect(gateway.port, '127.0.0.1', () => socket.write(text));
      socket.on('error', () => {});
      return socket;
    });
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    await (await ask('{ hello }')).text();
    const { status, tookMs } = await gateway.end('SIGTERM');
    expect(status).toBe(0);
    expect(tookMs).toBeLessThan(drainMs + 10_000);
    for (const socket of sockets) socket.destroy();
  });

  it('ends at once at a second signal', async () => {
    gateway = await startGatewayProcess(directory);
    const cut = ask('{ slow }').catch((error: Error) => error.name);
    await slowIsUnderWay();
    const ended = gateway.end('SIGTERM');
    await sleep(700);
    gateway.child.kill('SIGTERM');
    expect((await ended).status).toBe(143);
    expect(await cut).toBe('TypeError');
  });

  it('answers what runs and exits with 1 after an error that nobody caught', async () => {
    const crash = join(directory, 'crash.cjs');
    writeFileSync(crash, "process.on('SIGUSR1', () => { Promise.reject(new Error('out of nowhere')); });");
    gateway = await startGatewayProcess(directory, [crash]);
    subgraphs.requests.length = 0;
    const running = ask('{ slow }');
    await slowIsUnderWay();
    const ended = gateway.end('SIGUSR1');
    while (!gateway.output().includes('out of nowhere')) await sleep(20);
    release();
    expect(await (await running).json()).toEqual({ data: { slow: 'done' } });
    expect((await ended).status).toBe(1);
  });
});

describe('two gateways behind a balancer', () => {
  it('lose nothing when they are restarted in turn under load', async () => {
    const { lost, answered, closeCodes, exits } = await rollingRestarts(2);
    expect(lost).toEqual([]);
    expect(answered).toBeGreaterThan(100);
    expect(Object.keys(closeCodes)).toEqual(['1001']);
    expect(exits.map(({ status }) => status)).toEqual([0, 0]);
  });
});
