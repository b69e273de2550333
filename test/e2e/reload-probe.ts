/**
 * What clients feel of reloads: answers a second apart from reloads and while the supergraph changes all the time, with
 * live subscriptions. Figures on standard output, no test (it measures time); it fails when anything failed.
 * Real: the built gateway in a process of its own; in this one subgraphs, HTTP and WebSocket clients, who wait for one
 * another, so that the figures are at worst too high. The supergraph is a file that is written anew.
 * `npm run build && node --import tsx test/e2e/reload-probe.ts [RELOADS] [SUBSCRIPTIONS] [REQUESTS A SECOND] [EVENT EVERY MS]`
 */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { type Client, createClient } from 'graphql-ws';
import { Agent } from 'undici';
import { WebSocket } from 'ws';
import { BuiltGateway, percentile } from '../support/built-gateway';
import { createEventChannel } from '../support/event-channel';
import { federation } from '../support/graph';
import { createSubgraphServer } from '../support/subgraph-server';

const [reloads = 100, subscriptions = 200, perSecond = 200, eventMs = 250] = process.argv.slice(2).map(Number);
const steadyMs = 15_000;
const reportEvery = 20;
/** Old supergraphs drain. */
const drainMs = 5_000;
/** A thread that is kept for the next supergraph ends when none comes for a minute. */
const spareMs = 65_000;

const ticks = createEventChannel<{ readonly id: string }>();
const product = ({ id }: { id: string }) => ({ id });
const parts = {
  clock: {
    sdl: `type Query { products(first: Int): [Product!]! } type Subscription { tick: Product }
      type Product @key(fields: "id") { id: ID! }`,
    resolvers: {
      Query: { products: () => ['1', '2', '3'].map((id) => ({ id })) },
      Subscription: { tick: { subscribe: () => ticks.listen(), resolve: product } },
    },
  },
  labels: {
    sdl: 'type Product @key(fields: "id") { id: ID! label: String }',
    resolvers: { Product: { __resolveReference: product, label: ({ id }: { id: string }) => `product ${id}` } },
  },
};
const query = '{ products { id label } }';
const expected = JSON.stringify({
  data: { products: ['1', '2', '3'].map((id) => ({ id, label: `product ${id}` })) },
});

/** Asks so many times a second, whether the last ones are answered or not. Some operations are new to the gateway. */
class Load {
  private waits: number[] = [];
  failed = 0;
  private sent = 0;
  private readonly agent = new Agent({ connections: 64 });
  private readonly open = new Set<Promise<void>>();
  private readonly timer: NodeJS.Timeout;
  private readonly begin = performance.now();

  constructor(private readonly url: string) {
    this.timer = setInterval(() => {
      const due = ((performance.now() - this.begin) / 1_000) * perSecond;
      while (this.sent < due) this.send();
    }, 1);
  }

  private send(): void {
    this.sent += 1;
    const text = this.sent % 50 === 0 ? query.replace('products', `products(first: ${this.sent})`) : query;
    const begin = performance.now();
    const asked = this.ask(text).then((answer) => {
      this.waits.push(performance.now() - begin);
      if (answer !== expected) {
        this.failed += 1;
        process.stdout.write(`an operation was answered ${answer}\n`);
      }
      this.open.delete(asked);
    });
    this.open.add(asked);
  }

  private async ask(text: string): Promise<string> {
    try {
      const { origin, pathname: path } = new URL(this.url);
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ query: text });
      const answer = await this.agent.request({ origin, path, method: 'POST', headers, body });
      return await answer.body.text();
    } catch (error) {
      return String(error);
    }
  }

  /** Prints what was waited since the last call, and gives the 99th percentile. */
  async take(name: string): Promise<number> {
    await Promise.all([...this.open]);
    const sorted = this.waits.sort((a, b) => a - b);
    this.waits = [];
    const [half, most, longest] = [0.5, 0.99, 1].map((share) => percentile(sorted, share).toFixed(1));
    process.stdout.write(`${name}: ${sorted.length} answers; p50 ${half}, p99 ${most}, longest ${longest} ms\n`);
    return percentile(sorted, 0.99);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all([...this.open]);
    await this.agent.close();
  }
}

/** One socket and one subscription; `problems` tells of every event that is not the next one. */
class Subscriber {
  private readonly client: Client;
  private last = 0;
  received = 0;
  readonly problems: string[] = [];
  private isOver = false;
  readonly connected: Promise<void>;

  constructor(url: string) {
    this.client = createClient({
      url: url.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      lazy: false,
      retryAttempts: 0,
      onNonLazyError: () => {},
    });
    this.connected = new Promise((resolve) => {
      this.client.on('connected', () => resolve());
    });
    const ended = (how: string) => {
      if (!this.isOver) this.problems.push(how);
    };
    this.client.subscribe<{ tick: { id: string; label: string } }>(
      { query: 'subscription { tick { id label } }' },
      {
        next: (result) => this.receive(result),
        error: (error) => ended(`it failed: ${JSON.stringify(error)}`),
        complete: () => ended('it ended'),
      },
    );
  }

  private receive(result: object & { data?: { tick: { id: string; label: string } } | null | undefined }): void {
    this.received += 1;
    const id = Number(result.data?.tick.id);
    const isNext = this.last === 0 || id === this.last + 1;
    if (!isNext || result.data?.tick.label !== `product ${id}` || Object.keys(result).length > 1)
      this.problems.push(`after ${this.last} came ${JSON.stringify(result)}`);
    this.last = id;
  }

  async close(): Promise<void> {
    this.isOver = true;
    await this.client.dispose();
  }
}

/** What the process has spent so far. */
function spent({ figures }: BuiltGateway): string {
  return `gateway: ${figures.cpuSeconds} s of processor, ${Math.round(figures.rss)} MiB`;
}

async function measure(target: BuiltGateway, write: (number: number) => void): Promise<boolean> {
  const subscribers: Subscriber[] = [];
  while (subscribers.length < subscriptions) {
    const subscriber = new Subscriber(target.url);
    subscribers.push(subscriber);
    await subscriber.connected;
  }
  const load = new Load(target.url);
  await sleep(5_000);
  let published = 0;
  const events = setInterval(() => ticks.publish({ id: String(++published) }), eventMs);
  await sleep(5_000);
  await load.take('warm-up');
  await sleep(steadyMs);
  const steady = await load.take('steady');
  process.stdout.write(`${spent(target)}\n`);
  const before = await target.memory();
  // What waited for the collection did not wait for a reload.
  await load.take('while garbage was collected');
  let reloading = 0;
  for (let number = 1; number <= reloads; number++) {
    write(number);
    await target.until(() => target.served === number);
    if (number % reportEvery === 0 || number === reloads)
      reloading = Math.max(reloading, await load.take(`${number} reloads`));
  }
  process.stdout.write(`${spent(target)}\n`);
  clearInterval(events);
  await sleep(drainMs);
  const drained = await target.memory();
  await sleep(spareMs);
  const after = await target.memory();
  const grown = (['heap', 'rss'] as const).map((kind) =>
    [before, drained, after].map((memory) => memory[kind].toFixed(0)).join(' -> '),
  );
  process.stdout.write(
    'memory after a collection: before the reloads, when all had drained, without the thread for the ',
  );
  process.stdout.write(`next one: heap ${grown[0]}, rss ${grown[1]} MiB\n`);
  const problems = subscribers.flatMap((subscriber) => subscriber.problems);
  const incomplete = subscribers.filter(({ received }) => received !== published).length;
  await Promise.all([load.stop(), ...subscribers.map((subscriber) => subscriber.close())]);
  process.stdout.write(`${subscriptions} subscriptions, ${published} events: ${incomplete} did not get all; `);
  process.stdout.write(`${problems.length} problems ${problems.slice(0, 5).join('; ')}\n`);
  process.stdout.write(
    `failed operations: ${load.failed}; p99 at worst ${(reloading / steady).toFixed(2)} times the steady one\n`,
  );
  return load.failed + problems.length + incomplete === 0;
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'supergate-reload-'));
  const server = await createSubgraphServer({ silent: true });
  const services = Object.entries(parts).map(([name, { sdl, resolvers }]) => {
    const typeDefs = parse(federation + sdl);
    return { name, typeDefs, url: server.mount({ name, typeDefs, resolvers: resolvers as never }) };
  });
  const { supergraphSdl, errors } = composeServices(services);
  if (!supergraphSdl) throw errors?.[0];
  const file = join(directory, 'supergraph.graphql');
  const write = (number: number) => {
    writeFileSync(`${file}.next`, supergraphSdl.replace('type Product', `"Reload ${number}" type Product`));
    renameSync(`${file}.next`, file);
  };
  write(0);
  const config = join(directory, 'gateway.yaml');
  writeFileSync(config, 'server: { port: 0 }\nsubscriptions: { maxConnectionsPerIp: 100000 }\n');
  const target = await BuiltGateway.start([file, '--config', config]);
  try {
    if (!(await measure(target, write))) process.exitCode = 1;
  } finally {
    await target.end('SIGKILL');
    await server.close();
    rmSync(directory, { recursive: true });
  }
}

void main();
