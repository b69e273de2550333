/**
 * What clients feel when they ask more than the gateway can answer. Figures on standard output, no test (it measures
 * time). Real: the built gateway in a process of its own, over HTTP; the clients, and a subgraph, in one process each.
 * First the capacity is sought (as many as are answered by a fixed number of clients), then requests come at half of it,
 * at three times of it, and at half of it again, whether earlier ones are answered or not.
 * Run: `npm run build && node --import tsx test/e2e/overload-probe.ts [SECONDS] [ENTITIES] [CONNECTIONS]`
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';

const [seconds = 10, entities = 200, maxOpen = 400] = process.argv.slice(2).map(Number);
const nodes = Array.from({ length: entities }, (_, index) => ({ id: String(index), name: `name of "${index}"` }));
const subgraphAnswer = JSON.stringify({ data: { things: nodes } });
/** Much work for the gateway, little for the subgraph: so the clients can ask more than it can answer. */
const fields = Array.from({ length: 10 }, (_, index) => `a${index}: name`).join(' ');
const body = JSON.stringify({ query: `{ things { id ${fields} } }` });

interface Figures {
  served: number[];
  refused: number[];
  failed: number;
  unsent: number;
}

function percentile(values: number[], share: number): string {
  if (values.length === 0) return '-';
  const sorted = [...values].sort((one, other) => one - other);
  return (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1);
}

/** In its own process: a subgraph that costs as little as it can. */
function serveSubgraph(): void {
  const server = createServer((incoming, response) => {
    incoming.resume();
    incoming.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end(subgraphAnswer));
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
}

/** A connection that carries one request at a time, at the least cost: node's own client would be slower than the gateway. */
class Lane {
  private readonly socket: Socket;
  private done: ((status: number) => void) | undefined;
  private head = '';
  private status = 0;
  private left = -1;

  constructor(private readonly url: URL) {
    this.socket = connect(Number(url.port), url.hostname).setNoDelay(true);
    this.socket.on('data', (chunk) => this.read(chunk));
    this.socket.on('error', () => {});
    this.socket.on('close', () => this.end(0));
  }

  get isOpen(): boolean {
    return !this.socket.destroyed;
  }

  send(): Promise<number> {
    return new Promise((resolve) => {
      this.done = resolve;
      this.socket.write(
        `POST ${this.url.pathname} HTTP/1.1\r\nhost: ${this.url.host}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private read(chunk: Buffer): void {
    if (this.left >= 0) this.left -= chunk.length;
    else {
      this.head += chunk.toString('latin1');
      const end = this.head.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.status = Number(this.head.slice(9, 12));
      this.left = Number(/content-length: (\d+)/i.exec(this.head)?.[1]) - (this.head.length - end - 4);
      this.head = '';
    }
    if (this.left === 0) this.end(this.status);
  }

  private end(status: number): void {
    const { done } = this;
    this.done = undefined;
    this.left = -1;
    done?.(status);
  }
}

const idle: Lane[] = [];

async function ask(url: string, figures: Figures): Promise<void> {
  const begin = performance.now();
  let lane = idle.pop();
  while (lane && !lane.isOpen) lane = idle.pop();
  lane ??= new Lane(new URL(url));
  const status = await lane.send();
  const took = performance.now() - begin;
  if (status === 200) figures.served.push(took);
  else if (status === 503) figures.refused.push(took);
  else figures.failed++;
  idle.push(lane);
}

const none = (): Figures => ({ served: [], refused: [], failed: 0, unsent: 0 });

/** So many clients, each of whom asks again as soon as it is answered: answers a second. */
async function seekCapacity(url: string, clients: number): Promise<number> {
  const figures = none();
  const end = performance.now() + 5_000;
  const client = async () => {
    while (performance.now() < end) await ask(url, figures);
  };
  await Promise.all(Array.from({ length: clients }, client));
  return figures.served.length / 5;
}

/** Requests at a rate, whether earlier ones are answered or not. */
async function load(url: string, perSecond: number, forMs: number): Promise<Figures> {
  const figures = none();
  const open = new Set<Promise<void>>();
  const begin = performance.now();
  let begun = 0;
  while (performance.now() - begin < forMs) {
    const due = Math.floor(((performance.now() - begin) / 1_000) * perSecond);
    for (; begun < due; begun++) {
      // What this process cannot send in time says nothing of the gateway.
      if (open.size >= maxOpen) figures.unsent++;
      else {
        const one = ask(url, figures).finally(() => open.delete(one));
        open.add(one);
      }
    }
    await sleep(1);
  }
  await Promise.all(open);
  return figures;
}

function memoryMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
}

function report(what: string, perSecond: number, { served, refused, failed, unsent }: Figures, pid: number): void {
  const times = (values: number[]) => `p50 ${percentile(values, 0.5)} p99 ${percentile(values, 0.99)} ms`;
  const asked = `${Math.round(perSecond)}/s${unsent > 0 ? ` (${unsent} not sent)` : ''}`;
  process.stdout.write(
    `${what.padEnd(22)} ${asked}: served ${served.length} ${times(served)}; refused ${refused.length} ${times(refused)}; failed ${failed}; ${memoryMb(pid).toFixed(0)} MB\n`,
  );
}

async function startGateway(directory: string, supergraph: string): Promise<{ gateway: ChildProcess; url: string }> {
  const config = join(directory, 'gateway.yaml');
  writeFileSync(config, process.env.PROBE_CONFIG ?? 'sharing: { queries: false, subgraphQueries: false }');
  const gateway = spawn(process.execPath, ['dist/cli.js', 'serve', supergraph, '--config', config], {
    env: { ...process.env, LOG_LEVEL: 'warn', PORT: '0', NODE_ENV: 'production', PROBE: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  const url = await new Promise<string>((resolve, reject) => {
    gateway.once('exit', () => reject(new Error(`the gateway ended: ${text}`)));
    gateway.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = /http:\/\/[\d.]+:\d+\/graphql/.exec(text);
      if (found) resolve(found[0]);
    });
  });
  return { gateway, url };
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'supergate-overload-'));
  const subgraph = fork(__filename, [], { env: { ...process.env, PROBE_ROLE: 'subgraph' } });
  let gateway: ChildProcess | undefined;
  try {
    const port = await new Promise<number>((resolve) =>
      subgraph.once('message', (message) => resolve(Number(message))),
    );
    const typeDefs = parse('type Query { things: [Thing!]! } type Thing { id: ID! name: String! }');
    const composed = composeServices([{ name: 'things', typeDefs, url: `http://127.0.0.1:${port}/graphql` }]);
    const supergraph = join(directory, 'supergraph.graphql');
    writeFileSync(supergraph, composed.supergraphSdl ?? '');
    const started = await startGateway(directory, supergraph);
    gateway = started.gateway;
    const { url } = started;
    const pid = gateway.pid ?? 0;
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const text = await answer.text();
    if (!text.includes('"a9":"name of')) throw new Error(`no answer: ${text.slice(0, 200)}`);
    // Node accepts one connection in a turn: new ones would be measured, not requests.
    await Promise.all(Array.from({ length: maxOpen }, () => ask(url, none())));
    await load(url, 100, 1_000);
    await seekCapacity(url, 12);
    const capacity = await seekCapacity(url, 12);
    process.stdout.write(
      `capacity with 12 clients: ${Math.round(capacity)} answers a second, of ${entities} objects with 11 fields\n`,
    );
    const run = async (what: string, share: number, ms: number) =>
      report(what, capacity * share, await load(url, capacity * share, ms), pid);
    await run('half', 0.5, seconds * 1_000);
    await run('nine tenths', 0.9, seconds * 1_000);
    await run('three times', 3, seconds * 1_000);
    await run('half, first second', 0.5, 1_000);
    await run('half, after', 0.5, seconds * 1_000);
  } finally {
    for (const lane of idle) lane.close();
    gateway?.kill('SIGKILL');
    subgraph.kill();
    rmSync(directory, { recursive: true });
  }
}

if (process.env.PROBE_ROLE === 'subgraph') serveSubgraph();
else void main();
