/**
 * An hour of everything at once, against the reference graph: queries, mutations, subscribers over WebSocket and streams
 * who come and go, REST, reloads of the supergraph and of the configuration, bad input. A line every five minutes, and a
 * verdict: nothing failed, no event lost, memory at most 5 % above what it was when warm, descriptors back where they
 * were, p99 and processor time of a request flat. The exit status is 1 where one of these is missed.
 * Real: the built gateway and the three subgraphs with Postgres, each in a process of its own. Rate limits are raised.
 * `npm run build && nice node --import tsx test/e2e/soak-probe.ts [MINUTES] [REQUESTS A SECOND] [GUESTS] [MINUTES A LINE]`
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { BuiltGateway, figuresOf, percentile } from '../support/built-gateway';
import { Guests, Listener } from './soak-live';
import { Caller, createKinds, Load, User, usernames } from './soak-load';

const [minutes = 60, perSecond = 20, guestCount = 20, lineMinutes = 5] = process.argv.slice(2).map(Number);
const root = join(__dirname, '../..');
const reloadEveryMs = 70_000;
const renewEveryMs = 240_000;
/** What is compared with the last lines: the first ones fill caches. */
const warmLines = 2;
const allowed = { memory: 1.05, p99: 1.5, cpu: 1.15, fds: 3 };

interface Line {
  readonly heap: number;
  readonly rss: number;
  readonly p99: number;
  /** Processor time of the gateway for each request, in ms. */
  readonly cpu: number;
}

const print = (text: string) => void process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

/** Subgraphs and Postgres, with a data directory of their own; resolves to their addresses. */
async function startSubgraphs(home: string, secret: string) {
  const ports = { PORT_USERS: '0', PORT_PAYMENTS: '0', PORT_CONTENT: '0' };
  const child = spawn(process.execPath, ['--import', 'tsx', join(root, 'subgraphs/serve.ts')], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      SUPERGATE_DATA_DIR: home,
      SUPERGATE_IDENTITY_SECRET: secret,
      LOG_LEVEL: 'warn',
      ...ports,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  while (!text.includes('Ready.')) {
    if (child.exitCode !== null) throw new Error(`the subgraphs ended: ${text}`);
    await sleep(50);
  }
  const url = (name: string) => new RegExp(`^ +${name} +(\\S+)/graphql$`, 'm').exec(text)?.[1] ?? '';
  return { child, users: url('users'), payments: url('payments'), content: url('content') };
}

type Subgraphs = Awaited<ReturnType<typeof startSubgraphs>>;

/** The files of the reference graph in a directory of their own, so that they can be changed. */
function writeFiles(directory: string): { readonly touch: (number: number) => void } {
  for (const name of [
    'supergraph.yaml',
    'operations',
    'subgraphs/users/schema.graphql',
    'subgraphs/payments/schema.graphql',
    'subgraphs/content/schema.graphql',
  ])
    cpSync(join(root, name), join(directory, name), { recursive: true });
  const config = parse(readFileSync(join(root, 'gateway.yaml'), 'utf8')) as Record<string, never>;
  const rateLimits = {
    tiers: {
      general: { max: 1_000_000, window: '60s', algorithm: 'token-bucket' },
      uploads: { max: 100, window: '60s' },
    },
    rules: [
      { name: 'general', tier: 'general' },
      { name: 'writes', rootType: 'mutation', max: 100_000, window: '60s' },
    ],
  };
  const own = { server: { port: 0 }, admin: { port: 0 }, rateLimits, supergraph: { pollMs: 1_000 } };
  writeFileSync(join(directory, 'gateway.yaml'), stringify({ ...config, ...own }));
  const schema = join(directory, 'subgraphs/content/schema.graphql');
  const text = readFileSync(schema, 'utf8');
  return {
    touch(number) {
      writeFileSync(`${schema}.next`, text.replace('Tells everybody something.', `Tells everybody (${number}).`));
      renameSync(`${schema}.next`, schema);
    },
  };
}

/** The sum of a gauge over its labels. */
function gauge(metrics: string, name: string): number {
  const lines = metrics.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

async function soak(gateway: BuiltGateway, subgraphs: Subgraphs, touch: (number: number) => void): Promise<boolean> {
  const caller = new Caller(gateway.url);
  const users = usernames.map((username) => new User(caller, username));
  for (const user of users) await user.signIn();
  const { feed } = (await caller.ask('{ feed(first: 100) { nodes { ... on Post { id } } } }')) as unknown as {
    feed: { nodes: { id?: string }[] };
  };
  const postIds = feed.nodes.flatMap(({ id }) => (id === undefined ? [] : [id]));
  await sleep(2_000);
  const subgraphsPid = subgraphs.child.pid ?? 0;
  const base = { gateway: gateway.figures.fds, subgraphs: figuresOf(subgraphsPid).fds };
  print(`base: ${base.gateway} descriptors of the gateway, ${base.subgraphs} of the subgraphs`);

  const told = new Map<string, number>();
  const load = new Load(createKinds(caller, users, postIds), perSecond, (what) => {
    const kind = what.split(':')[0] ?? '';
    told.set(kind, (told.get(kind) ?? 0) + 1);
    if ((told.get(kind) ?? 0) <= 20) print(`FAILED ${what}`);
  });
  const fail = (kind: string, error: unknown) => load.fail(kind, error);
  for (const user of users) user.said = 0;
  const listeners = users.map((user) => new Listener(gateway.url, user, fail));
  await Promise.all(listeners.map(({ listening }) => listening));
  const guests = new Guests(gateway.url, users, guestCount, fail);
  let reloads = 0;
  const reloading = setInterval(() => {
    touch(++reloads);
    if (reloads % 5 === 0)
      void fetch(`${gateway.adminUrl}/config/reload`, { method: 'POST' }).catch((error) => fail('reload', error));
  }, reloadEveryMs);
  const renewing = setInterval(() => {
    for (const user of users) void user.renew().catch((error) => fail('refresh', error));
    setTimeout(() => {
      for (const listener of listeners) listener.renew();
    }, 5_000);
  }, renewEveryMs);
  const lateness = monitorEventLoopDelay({ resolution: 10 });
  lateness.enable();

  const lines: Line[] = [];
  let failed = 0;
  const total = Math.round(minutes / lineMinutes);
  let cpuBefore = gateway.figures.cpuSeconds;
  for (let number = 1; number <= total; number += 1) {
    await sleep(lineMinutes * 60_000);
    const { waits, counts, failures, unsent } = load.take();
    const { cpuSeconds, threads, fds } = gateway.figures;
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
    const { heap, rss } = await gateway.memory();
    const requests = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const [half, p99] = [0.5, 0.99].map((share) => percentile(waits, share)) as [number, number];
    const line = { heap, rss, p99, cpu: ((cpuSeconds - cpuBefore) * 1_000) / requests };
    cpuBefore = gateway.figures.cpuSeconds;
    lines.push(line);
    const kinds = [...failures].map(([kind, count]) => `${kind} ${count}`);
    failed += [...failures.values()].reduce((sum, count) => sum + count, 0);
    const own = figuresOf(subgraphsPid);
    print(
      [
        `minute ${number * lineMinutes}: ${requests} requests (${unsent} not sent), failures: ${kinds.join(', ') || 'none'}`,
        `RSS ${rss.toFixed(0)} MiB, heap ${heap.toFixed(1)} MiB, ${fds} descriptors, ${threads} threads`,
        `subscriptions: ${gauge(metrics, 'supergate_subscriptions_active')} of ${gauge(metrics, 'supergate_websocket_connections')} sockets and the streams; subgraphs ${own.fds} descriptors, ${own.rss.toFixed(0)} MiB`,
        `p50 ${half.toFixed(1)}, p99 ${p99.toFixed(1)} ms, ${line.cpu.toFixed(2)} ms of processor a request (this process late: p99 ${(lateness.percentile(99) / 1e6).toFixed(0)} ms)`,
        `${guests.came} guests, ${gateway.served} reloads served`,
      ].join('\n         '),
    );
    lateness.reset();
  }

  clearInterval(reloading);
  clearInterval(renewing);
  await load.stop();
  await guests.leave();
  // What is said last must be heard, too.
  await sleep(2_000);
  failed += [...load.take().failures.values()].reduce((sum, count) => sum + count, 0);
  const lost = listeners.reduce((sum, { user, heard }) => sum + Math.abs(user.said - heard), 0);
  const said = users.reduce((sum, user) => sum + user.said, 0);
  for (const listener of listeners) listener.close();
  await caller.close();
  const after = await settled(gateway, subgraphsPid, base);
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  const left = ['supergate_subscriptions_active', 'supergate_live_operations'].map((name) => gauge(metrics, name));
  return verdict(lines, [
    [`failures: ${failed}`, failed === 0],
    [`messages said ${said}, not heard exactly once by their listener ${lost}`, lost === 0],
    [`reloads ${reloads}, served ${gateway.served}`, reloads === gateway.served],
    [`subscriptions left: ${left[0]}, operations of clients: ${left[1]}`, left.every((count) => count === 0)],
    [`descriptors of the gateway: ${base.gateway} -> ${after.gateway}`, after.gateway <= base.gateway + allowed.fds],
    [
      `descriptors of the subgraphs: ${base.subgraphs} -> ${after.subgraphs}`,
      after.subgraphs <= base.subgraphs + allowed.fds,
    ],
  ]);
}

/** Descriptors when they are back at the base, or after two minutes: idle connections to subgraphs stay for a while. */
async function settled(
  gateway: BuiltGateway,
  subgraphsPid: number,
  base: { readonly gateway: number; readonly subgraphs: number },
) {
  const now = () => ({ gateway: gateway.figures.fds, subgraphs: figuresOf(subgraphsPid).fds });
  for (let waited = 0; waited < 120; waited += 1) {
    const { gateway: own, subgraphs } = now();
    if (own <= base.gateway && subgraphs <= base.subgraphs) break;
    await sleep(1_000);
  }
  return now();
}

const median = (values: readonly number[]) =>
  percentile(
    [...values].sort((one, other) => one - other),
    0.5,
  );

/** Compares the last third of the lines with the first one after warm-up; medians, for others use the machine too. */
function verdict(lines: readonly Line[], facts: readonly (readonly [string, boolean])[]): boolean {
  const warm = lines.slice(Math.min(warmLines, lines.length - 1));
  const third = Math.max(1, Math.floor(warm.length / 3));
  const compare = (name: string, of: (line: Line) => number, most: number): readonly [string, boolean] => {
    const [first, last] = [warm.slice(0, third), warm.slice(-third)].map((some) => median(some.map(of))) as [
      number,
      number,
    ];
    return [
      `${name}: ${first.toFixed(2)} -> ${last.toFixed(2)}, ${((last / first - 1) * 100).toFixed(1)} %`,
      last <= first * most,
    ];
  };
  const all = [
    ...facts,
    compare('RSS after a collection, MiB', ({ rss }) => rss, allowed.memory),
    compare('heap after a collection, MiB', ({ heap }) => heap, allowed.memory),
    compare('processor time of a request, ms', ({ cpu }) => cpu, allowed.cpu),
    compare('p99, ms', ({ p99 }) => p99, allowed.p99),
  ];
  for (const [text, isGood] of all) print(`${isGood ? 'good ' : 'BAD  '} ${text}`);
  return all.every(([, isGood]) => isGood);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'supergate-soak-'));
  // Started by root, Postgres runs as another user, who must get in.
  chmodSync(directory, 0o755);
  const secret = randomBytes(32).toString('hex');
  const subgraphs = await startSubgraphs(directory, secret);
  let gateway: BuiltGateway | undefined;
  try {
    const { touch } = writeFiles(directory);
    gateway = await BuiltGateway.start(
      [join(directory, 'supergraph.yaml'), '--config', join(directory, 'gateway.yaml')],
      {
        SUBGRAPH_USERS_URL: `${subgraphs.users}/graphql`,
        SUBGRAPH_PAYMENTS_URL: `${subgraphs.payments}/graphql`,
        SUBGRAPH_CONTENT_URL: `${subgraphs.content}/graphql`,
        USERS_JWKS_URL: `${subgraphs.users}/.well-known/jwks.json`,
        USERS_API_KEYS_URL: `${subgraphs.users}/.well-known/api-keys`,
        SUPERGATE_IDENTITY_SECRET: secret,
      },
    );
    const isGood = await soak(gateway, subgraphs, touch);
    const status = await gateway.end('SIGTERM');
    print(`${status === 0 ? 'good ' : 'BAD  '} exit status of the gateway ${status}`);
    if (!isGood || status !== 0) process.exitCode = 1;
  } finally {
    await gateway?.end('SIGKILL');
    await end(subgraphs.child);
    rmSync(directory, { recursive: true });
  }
}

void main();
