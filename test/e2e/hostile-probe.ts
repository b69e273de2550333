/**
 * How long others wait while somebody sends hostile requests, and how long the main thread's turns are: a table on standard
 * output, no test (it measures time).
 * Real: the built gateway in a process of its own, subgraphs and clients over HTTP in this one.
 * Run: `npm run build && node --import tsx test/e2e/hostile-probe.ts [PART OF A NAME] [--get] [--cpu-prof …]`
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'graphql';
import { stringify } from 'yaml';
import { type HostileRequest, hostileRequests, mazeOf } from '../gateway/hostile-documents';
import { hostileGraph } from '../gateway/hostile-graph';
import { federation } from '../support/graph';
import { createSubgraphServer } from '../support/subgraph-server';

interface Target {
  readonly url: string;
  readonly pid: number;
  /** Processor time of the main thread's longest turns since the last call, in milliseconds, the longest first. */
  takeTurns(): readonly number[];
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly ms: number;
}

/** The probes: one operation that the gateway knows, and new ones. */
const knownEveryMs = 5;
const newEveryMs = 40;
/** Each hostile request is sent so many times at once, as different texts. */
const copies = 3;

const nodeOptions = process.argv.filter((argument) => /^--(cpu-prof|require)/.test(argument));
const useGet = process.argv.includes('--get');
const wanted = process.argv.slice(2).find((argument) => !argument.startsWith('--')) ?? '';

function send(url: string, agent: Agent, body: HostileRequest, method: 'GET' | 'POST' = 'POST'): Promise<Answer> {
  const begin = performance.now();
  const payload = method === 'POST' ? JSON.stringify(body) : '';
  const search = method === 'GET' ? `?query=${encodeURIComponent(body.query)}` : '';
  const headers = { 'content-type': 'application/json', 'apollo-require-preflight': 'x' };
  return new Promise((resolve, reject) => {
    const sent = request(url + search, { method, agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, body: text, ms: performance.now() - begin });
      });
    });
    sent.on('error', reject);
    sent.end(payload);
  });
}

/** Sends an ordinary operation now and then, whether the last one is answered or not. */
class Probe {
  waits: number[] = [];
  private readonly agent = new Agent({ keepAlive: true });
  private readonly timer: NodeJS.Timeout;
  private count = 0;
  private readonly open = new Set<Promise<void>>();

  constructor(url: string, everyMs: number, write: (count: number) => string) {
    this.timer = setInterval(() => {
      const asked = send(url, this.agent, { query: write(this.count++) }).then(({ status, body, ms }) => {
        if (status !== 200 || body.includes('"errors"')) throw new Error(`a probe was answered ${status} ${body}`);
        this.waits.push(ms);
        this.open.delete(asked);
      });
      this.open.add(asked);
    }, everyMs);
  }

  /** The waits since the last call, of all that were sent. */
  async take(): Promise<string> {
    await Promise.all([...this.open]);
    const sorted = this.waits.sort((a, b) => a - b);
    this.waits = [];
    const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0);
    return [0.5, 0.99, 1].map(at).join(', ');
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all([...this.open]);
    this.agent.destroy();
  }
}

function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1_024);
  return { now: read('VmRSS'), peak: read('VmHWM') };
}

const print = (...cells: readonly (string | number)[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);

async function measure({ url, pid, takeTurns }: Target): Promise<void> {
  const known = new Probe(url, knownEveryMs, () => '{ me { id } }');
  const cold = new Probe(url, newEveryMs, (count) => `{ me { a${count}: name(format: "${count}") posts { title } } }`);
  const agent = new Agent({ keepAlive: true });
  print(
    'request',
    'answer',
    'bytes',
    'ms',
    'known: p50, p99, longest',
    'new: p50, p99, longest',
    'turns, CPU ms',
    'MiB',
  );
  print(...Array.from({ length: 8 }, () => '---'));
  const row = async (name: string, answers: readonly Answer[]) => {
    await sleep(200);
    const [ours, others] = [await known.take(), await cold.take()];
    const [first] = answers;
    const answer = first ? `${first.status} ${/"code":"(\w+)"/.exec(first.body)?.[1] ?? ''}` : '';
    const bytes = Math.max(0, ...answers.map(({ body }) => body.length));
    const ms = Math.round(Math.max(0, ...answers.map((one) => one.ms)));
    const turns = takeTurns().slice(0, 3).map(Math.round).join(', ');
    print(name, answer, bytes, ms, ours, others, turns, memoryOf(pid).now);
  };
  await sleep(3_000);
  await Promise.all([known.take(), cold.take()]);
  takeTurns();
  await sleep(2_000);
  await row('(nothing)', []);
  for (const [name, hostile] of Object.entries(hostileRequests)) {
    // Deep values come from a parser: `JSON.stringify` cannot write them.
    if (!name.includes(wanted) || (/ deep$/.test(name) && hostile.variables)) continue;
    const texts = Array.from({ length: copies }, (_, index) => `${hostile.query} # ${index}`);
    const method = useGet && hostile.query.length < 8_000 && !hostile.variables ? 'GET' : 'POST';
    const ask = (query: string) => send(url, agent, { ...hostile, query }, method);
    await row(name, await Promise.all(texts.map(ask)));
  }
  const until = performance.now() + 15_000;
  const attack = async (client: number) => {
    const answers: Answer[] = [];
    for (let count = 0; performance.now() < until; count++) {
      const query = mazeOf(7, 2).replace('{', `{ echo(text: "${client} ${count}")`);
      answers.push(await send(url, agent, { query }));
    }
    return answers;
  };
  const answers = await Promise.all(Array.from({ length: 4 }, (_, client) => attack(client)));
  await row('4 clients that send what is hard to plan, for 15 s', answers.flat());
  for (const probe of [known, cold]) await probe.stop();
  agent.destroy();
  await sleep(3_000);
  const { now, peak } = memoryOf(pid);
  process.stdout.write(`\nMiB after 3 s of rest: ${now}, at most: ${peak}\n`);
}

async function startGateway(
  directory: string,
): Promise<{ gateway: ChildProcess; target: Target; close(): Promise<void> }> {
  const server = await createSubgraphServer({ silent: true });
  const subgraphs: Record<string, unknown> = {};
  for (const { name, sdl, resolvers } of hostileGraph) {
    const url = server.mount({ name, typeDefs: parse(federation + sdl), resolvers: resolvers as never });
    writeFileSync(join(directory, `${name}.graphql`), federation + sdl);
    subgraphs[name] = { routing_url: url, schema: { file: `./${name}.graphql` } };
  }
  writeFileSync(join(directory, 'supergraph.yaml'), stringify({ subgraphs }));
  // Policies that refuse nothing, and read every operation.
  const rule = { name: 'all', by: 'global', max: 1_000_000, window: '60s', algorithm: 'token-bucket' };
  // It is asked how long others wait, not who is sent away.
  const config = { cost: { mode: 'measure' }, rateLimits: { rules: [rule] }, overload: { shedding: false } };
  writeFileSync(join(directory, 'gateway.yaml'), stringify(config));
  const cli = join(__dirname, '../../dist/cli.js');
  const gateway = spawn(
    process.execPath,
    ['--require', join(__dirname, 'turns.cjs'), ...nodeOptions, cli, 'serve', 'supergraph.yaml', '--port', '0'],
    {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    },
  );
  let turns: number[] = [];
  (gateway.stdio[3] as Readable).on('data', (text) => turns.push(...String(text).trim().split('\n').map(Number)));
  const takeTurns = () => {
    const taken = turns.sort((a, b) => b - a);
    turns = [];
    return taken;
  };
  let output = '';
  for await (const chunk of gateway.stdout as Readable) {
    output += chunk;
    if (output.includes('ready at')) break;
  }
  const url = /ready at (\S+)/.exec(output)?.[1];
  if (!url) throw new Error(`the gateway did not start:\n${output}`);
  return { gateway, target: { url, pid: gateway.pid ?? 0, takeTurns }, close: () => server.close() };
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'supergate-hostile-'));
  const { gateway, target, close } = await startGateway(directory);
  try {
    await measure(target);
  } finally {
    gateway.kill(nodeOptions.length > 0 ? 'SIGTERM' : 'SIGKILL');
    if (nodeOptions.length > 0) await once(gateway, 'exit');
    rmSync(directory, { recursive: true });
    await close();
  }
}

void main();
