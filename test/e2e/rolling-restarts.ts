/**
 * Two gateways behind a balancer, restarted in turn under load. Real: the processes, their signals, TCP, a subgraph.
 * The balancer knows only TCP: it gives a new connection to an instance whose `/health/ready` was 200 a moment ago.
 * Observed: what clients see that ask without a pause, idle on kept connections, send half a request, and listen on
 * WebSockets; exit statuses. Run: `node --import tsx test/e2e/rolling-restarts.ts [TIMES]`; it exits with 1 if anything is lost.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'graphql';
import { Agent, request } from 'undici';
import { WebSocket } from 'ws';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';

export interface GatewayProcess {
  readonly child: ChildProcess;
  readonly port: number;
  readonly graphqlUrl: string;
  /** Of standard output and standard error. */
  readonly output: () => string;
  /** Of the endpoints for operators, as soon as they are open. */
  adminUrl(): Promise<string>;
  /** Sends the signal; resolves to the exit status and how long the end took. */
  end(signal: NodeJS.Signals): Promise<{ readonly status: number | null; readonly tookMs: number }>;
}

/** `supergate serve` of the sources, ready; `require` names modules that are loaded before. */
export async function startGatewayProcess(
  directory: string,
  require: readonly string[] = [],
  options: readonly string[] = [],
): Promise<GatewayProcess> {
  const modules = ['tsx/cjs', ...require].flatMap((name) => ['--require', name]);
  const cli = join(__dirname, '../../src/cli.ts');
  const files = [join(directory, 'supergraph.yaml'), '--config', join(directory, 'gateway.yaml')];
  const child = spawn(process.execPath, [...modules, cli, 'serve', ...files, ...options], {
    cwd: join(__dirname, '../..'),
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += chunk;
    });
  const ended = once(child, 'exit');
  const urlIn = () => /is ready at (\S+)/.exec(output)?.[1];
  while (urlIn() === undefined && child.exitCode === null) await sleep(50);
  const graphqlUrl = urlIn();
  if (graphqlUrl === undefined) throw new Error(`the gateway did not start:\n${output}`);
  return {
    child,
    graphqlUrl,
    port: Number(new URL(graphqlUrl).port),
    output: () => output,
    async adminUrl() {
      const opened = /"url":"(\S+?)","msg":"The endpoints for operators are open"/;
      for (;;) {
        const [, url] = opened.exec(output) ?? [];
        if (url !== undefined) return url;
        await sleep(20);
      }
    },
    async end(signal) {
      const begun = performance.now();
      child.kill(signal);
      await ended;
      return { status: child.exitCode, tookMs: performance.now() - begun };
    },
  };
}

/** A directory with the files of a gateway before one subgraph, whose `slow` takes 50 ms. */
export function writeGraph(subgraphs: SubgraphServer, timeouts: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'supergate-ending-'));
  const sdl = 'type Query { hello: String slow: String } type Subscription { never: String }';
  const url = subgraphs.mount({
    name: 'a',
    typeDefs: parse(sdl),
    resolvers: {
      Query: { hello: () => 'world', slow: () => sleep(50, 'done') },
      Subscription: { never: { subscribe: never } },
    },
  });
  writeFileSync(join(directory, 'a.graphql'), sdl);
  writeFileSync(
    join(directory, 'supergraph.yaml'),
    `subgraphs: { a: { routing_url: "${url}", schema: { file: ./a.graphql } } }`,
  );
  writeFileSync(
    join(directory, 'gateway.yaml'),
    `server: { port: 0 }\ntelemetry: { logLevel: warn }\ntimeouts: ${timeouts}\nsubgraphs: { defaults: { subscription: { protocol: websocket } } }\n`,
  );
  return directory;
}

async function* never(): AsyncGenerator<never> {
  await new Promise(() => {});
}

interface Balancer {
  readonly url: string;
  /** This instance may get new connections, whenever it is ready, until it is removed. */
  add(port: number): void;
  remove(port: number): void;
  close(): void;
}

const readinessPollMs = 50;

async function startBalancer(): Promise<Balancer> {
  const known = new Set<number>();
  const ready = new Set<number>();
  let turn = 0;
  const server: Server = createServer({ allowHalfOpen: true }, (client) => {
    turn += 1;
    const instance = connect({ port: [...ready][turn % ready.size] ?? 1, host: '127.0.0.1', allowHalfOpen: true });
    client.pipe(instance).pipe(client);
    client.on('error', () => instance.destroy());
    instance.on('error', () => client.resetAndDestroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  /** One question after the other to each, so that no late answer stands above a newer one. */
  const watch = async (port: number) => {
    for (; known.has(port); await sleep(readinessPollMs)) {
      if (await isReady(port)) ready.add(port);
      else ready.delete(port);
    }
    ready.delete(port);
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    add(port) {
      known.add(port);
      void watch(port);
    },
    remove: (port) => void known.delete(port),
    close() {
      known.clear();
      server.close();
    },
  };
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health/ready`, { headers: { connection: 'close' } })).status === 200;
  } catch {
    return false;
  }
}

export interface Outcome {
  readonly answered: number;
  /** What a client saw instead of an answer. */
  readonly lost: readonly string[];
  /** Close codes of the WebSockets that were open, one for each time one ended. */
  readonly closeCodes: Readonly<Record<string, number>>;
  /** How connections ended that were idle after an answer, or on which half a request was sent. */
  readonly idleEnds: Readonly<Record<string, number>>;
  readonly halfSentEnds: Readonly<Record<string, number>>;
  readonly exits: readonly { readonly status: number | null; readonly tookMs: number }[];
}

const clientCount = 20;
const socketCount = 10;
const waitingCount = 5;
const drainMs = 10_000;
const readinessMs = 1_000;
/** What docs/operations.md asks for beside both. */
const graceMs = 5_000;

/** Restarts the two gateways in turn, so many times in all, while clients ask without a pause. */
export async function rollingRestarts(times: number): Promise<Outcome> {
  const subgraphs = await createSubgraphServer({ silent: true });
  const directory = writeGraph(subgraphs, `{ readinessMs: ${readinessMs}, drainMs: ${drainMs} }`);
  const instances = await Promise.all([startGatewayProcess(directory), startGatewayProcess(directory)]);
  const balancer = await startBalancer();
  for (const { port } of instances) balancer.add(port);
  await sleep(500);
  const load = startLoad(balancer.url);
  const exits: Outcome['exits'][number][] = [];
  try {
    await sleep(500);
    for (let time = 0; time < times; time++) {
      const which = time % instances.length;
      const old = instances[which] as GatewayProcess;
      exits.push(await old.end('SIGTERM'));
      balancer.remove(old.port);
      instances[which] = await startGatewayProcess(directory);
      balancer.add(instances[which].port);
      // Until both have clients again.
      await sleep(500);
    }
    return { ...(await load.end()), exits };
  } finally {
    await load.end();
    balancer.close();
    for (const { child } of instances) child.kill('SIGKILL');
    await subgraphs.close();
    rmSync(directory, { recursive: true });
  }
}

function startLoad(url: string) {
  let isOver = false;
  let answered = 0;
  const lost: string[] = [];
  const closeCodes: Record<string, number> = {};
  const client = async (index: number) => {
    const dispatcher = new Agent({ connections: 1, pipelining: 1, keepAliveTimeout: 60_000 });
    const query = index % 2 === 0 ? '{ hello }' : '{ slow }';
    const expected = index % 2 === 0 ? '{"data":{"hello":"world"}}' : '{"data":{"slow":"done"}}';
    const headers = { 'content-type': 'application/json' };
    while (!isOver) {
      try {
        const answer = await request(url, { method: 'POST', headers, body: JSON.stringify({ query }), dispatcher });
        const text = await answer.body.text();
        if (text === expected) answered += 1;
        else lost.push(`${answer.statusCode} ${text}`);
      } catch (error) {
        lost.push(String((error as NodeJS.ErrnoException).code ?? error));
      }
      await sleep(10);
    }
    await dispatcher.close();
  };
  const socket = async () => {
    while (!isOver) {
      const opened = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws');
      opened.on('error', () => {});
      opened.on('open', () => opened.send('{"type":"connection_init"}'));
      opened.on('message', (text) => {
        if (String(text).includes('connection_ack'))
          opened.send('{"id":"1","type":"subscribe","payload":{"query":"subscription { never }"}}');
      });
      sockets.add(opened);
      const [code] = (await once(opened, 'close')) as [number];
      sockets.delete(opened);
      if (!isOver) closeCodes[code] = (closeCodes[code] ?? 0) + 1;
      await sleep(50);
    }
  };
  const sockets = new Set<WebSocket>();
  const waiting = new Set<Socket>();
  const idleEnds: Record<string, number> = {};
  const halfSentEnds: Record<string, number> = {};
  /** Sends some bytes, and waits for as long as it is let: connects again when it is not. */
  const waiter = async (bytes: string, ends: Record<string, number>) => {
    const { port, hostname } = new URL(url);
    while (!isOver) {
      const opened = connect(Number(port), hostname, () => opened.write(bytes));
      waiting.add(opened);
      let answer = '';
      let problem: string | undefined;
      opened.on('data', (chunk) => {
        answer += chunk;
      });
      opened.on('error', (error: NodeJS.ErrnoException) => {
        problem = error.code;
      });
      await once(opened, 'close').catch(() => {});
      waiting.delete(opened);
      const end = problem ?? (/^HTTP\/1.1 (\d+)/.exec(answer)?.[1] || 'closed');
      if (!isOver) ends[end] = (ends[end] ?? 0) + 1;
      await sleep(50);
    }
  };
  const body = '{"query":"{ hello }"}';
  const head = `POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  const running = [
    ...Array.from({ length: clientCount }, (_, index) => client(index)),
    ...Array.from({ length: socketCount }, socket),
    ...Array.from({ length: waitingCount }, () => waiter(head + body, idleEnds)),
    ...Array.from({ length: waitingCount }, () => waiter(head + body.slice(0, 5), halfSentEnds)),
  ];
  return {
    async end() {
      isOver = true;
      for (const opened of sockets) opened.terminate();
      for (const opened of waiting) opened.destroy();
      await Promise.all(running);
      return { answered, lost, closeCodes, idleEnds, halfSentEnds };
    },
  };
}

if (require.main === module) {
  void rollingRestarts(Number(process.argv[2] ?? 20)).then(({ exits, ...seen }) => {
    const slowest = Math.round(Math.max(...exits.map(({ tookMs }) => tookMs)));
    const statuses = exits.map(({ status }) => status);
    process.stdout.write(`${JSON.stringify({ ...seen, statuses, slowestExitMs: slowest }, null, 2)}\n`);
    const isInTime = slowest < readinessMs + drainMs + graceMs;
    // An idle connection has its answer; a client that has it and is reset learns of it as of a loss when it asks again.
    const isLost = seen.lost.length > 0 || Object.keys(seen.idleEnds).some((end) => end !== '200');
    if (isLost || !isInTime || statuses.some((status) => status !== 0)) process.exitCode = 1;
  });
}
