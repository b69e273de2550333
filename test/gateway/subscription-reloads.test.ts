import { setTimeout as sleep } from 'node:timers/promises';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { createConfig } from '../../src/config';
import { createGateway, type Gateway } from '../../src/gateway';
import type { SubscriptionObserver } from '../../src/query-plan/live-subscriptions';
import { silentLog } from '../../src/telemetry/log';
import { createEventChannel } from '../support/event-channel';
import { federation } from '../support/graph';
import { type LiveClient, subscribe } from '../support/live-client';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';

/**
 * Subscriptions while the supergraph changes, and while subgraphs are lost. Real: subgraphs over HTTP and WebSocket,
 * composition, planner thread, engine. Observed: payloads, ends, what subgraphs hold open, which generations close.
 */
jest.setTimeout(60_000);

const ticks = createEventChannel<{ readonly id: string }>();
/** As with a subgraph that subscribes elsewhere first: that it has read a subscription does not mean that it listens. */
let listensAfterMs = 0;
const listen = async () => {
  if (listensAfterMs > 0) await sleep(listensAfterMs);
  return ticks.listen();
};
const clock = {
  sdl: 'type Query { now: Int } type Subscription { tick: Tick } type Tick @key(fields: "id") { id: ID! count: Int }',
  resolvers: {
    Subscription: { tick: { subscribe: listen, resolve: (event: unknown) => event } },
    Tick: { count: ({ id }: { id: string }) => Number(id), __resolveReference: (reference: object) => reference },
  },
};
/** `count` has moved from `clock` to `counts`. */
const smallClock = { ...clock, sdl: clock.sdl.replace(' count: Int', '') };
const counts = {
  sdl: 'type Tick @key(fields: "id") { id: ID! count: Int }',
  resolvers: { Tick: { count: ({ id }: { id: string }) => Number(id) } },
};
const labels = {
  sdl: 'type Tick @key(fields: "id") { id: ID! label: String }',
  resolvers: { Tick: { label: ({ id }: { id: string }) => `tick ${id}` } },
};

let server: SubgraphServer;
let gateway: Gateway;
let whole: string;
/** Another subgraph than the one that sends events has a field more. */
let widened: string;
let divided: string;
let withoutLabels: string;
let elsewhere: string;
/** The same subgraph behind an address whose answers take longer. */
let farAway: string;
let proxy: TcpProxy;

beforeAll(async () => {
  server = await createSubgraphServer();
  proxy = await startTcpProxy(Number(new URL(server.urlOf('clock')).port), 40);
  await proxy.inject('slow');
  widened = compose({ clock, labels: { ...labels, sdl: labels.sdl.replace('label', 'extra: Int label') } });
  whole = compose({ clock, labels });
  divided = compose({ clock: smallClock, counts, labels });
  withoutLabels = compose({ clock });
  elsewhere = compose({ clock, labels }, 'elsewhere');
  const { url } = mount('clock', clock, '2');
  farAway = whole.replaceAll(url, Object.assign(new URL(url), { port: proxy.port }).href);
});
afterAll(async () => {
  await gateway.stop();
  await proxy.close();
  await server.close();
});

interface Part {
  readonly sdl: string;
  readonly resolvers: object;
}
function mount(name: string, { sdl, resolvers }: Part, group: string) {
  const typeDefs = parse(federation + sdl);
  return { name, typeDefs, url: server.mount({ name, typeDefs, resolvers: resolvers as never }, group) };
}
function compose(parts: Readonly<Record<string, Part>>, group = Object.values(parts).length.toString()): string {
  const services = Object.entries(parts).map(([name, part]) => mount(name, part, group));
  const { errors, supergraphSdl } = composeServices(services);
  if (supergraphSdl === undefined) throw errors?.[0];
  return supergraphSdl;
}

const ended: string[] = [];
const gaps: string[] = [];
let delivered = 0;
const observer: SubscriptionObserver = {
  started: () => {},
  ended: (_subgraph, reason) => ended.push(reason),
  delivered: (_subgraph, count) => {
    delivered += count;
  },
  gap: (_subgraph, gap) => gaps.push(gap),
};

async function start(reconnectMs: number): Promise<Gateway> {
  const config = createConfig({
    telemetry: { logLevel: 'silent' },
    subgraphs: { defaults: { subscription: { reconnectMs } } },
  });
  const started = createGateway({ supergraph: { sdl: whole }, config }, { log: silentLog, subscriptions: observer });
  await started.load();
  return started;
}
beforeEach(async () => {
  if (gateway) await gateway.update(variant(whole, 0));
  else gateway = await start(10_000);
  server.subscriptions.length = 0;
  ended.length = 0;
  gaps.length = 0;
  delivered = 0;
});
afterEach(async () => {
  for (const client of opened.splice(0)) client.subscription.stop('client');
  await ticks.whenListening(0);
});

const variant = (sdl: string, number: number) => `${sdl}\n# ${number}`;
const labelled = 'subscription { tick { count label } }';
const bare = 'subscription { tick { id } }';
const tick = (id: number) => ({ data: { tick: { count: id, label: `tick ${id}` } } });
const opened: LiveClient[] = [];
const openMany = async (count: number, query = labelled, on = gateway): Promise<LiveClient[]> => {
  const clients = await Promise.all(Array.from({ length: count }, () => subscribe(on, { query })));
  opened.push(...clients);
  return clients;
};

describe('a reload', () => {
  it('keeps every stream and the subscription at the subgraph, and no old generation', async () => {
    const clients = await openMany(100);
    await ticks.whenListening(1);
    const old = gateway.current;
    for (let round = 1; round <= 20; round++) {
      ticks.publish({ id: String(round) });
      await gateway.update(variant(whole, round));
    }
    ticks.publish({ id: '21' });
    await Promise.all(clients.map((client) => client.received(21)));
    for (const client of clients)
      expect(client.results).toEqual(Array.from({ length: 21 }, (_, index) => tick(index + 1)));
    await old?.gone;
    expect(server.subscriptions).toHaveLength(1);
    expect(delivered).toBe(2_100);
    expect(gaps).toEqual([]);
  });

  const changes: readonly (readonly [string, () => readonly string[]])[] = [
    ['nothing of it', () => [variant(whole, 1), variant(whole, 2)]],
    ['another subgraph', () => [variant(widened, 1), variant(whole, 1)]],
    ['the address of the subgraph, to a slower one and back', () => [farAway, variant(whole, 1), variant(farAway, 1)]],
    ['what the subgraph is asked', () => [divided, variant(whole, 1), variant(divided, 1)]],
    ['what it is asked and its address', () => [divided, farAway, variant(divided, 1)]],
  ];
  it.each(changes)('loses and repeats no event that comes while it changes %s', async (_name, supergraphs) => {
    const [client] = await openMany(1);
    await ticks.whenListening(1);
    let published = 0;
    const timer = setInterval(() => {
      published += 1;
      ticks.publish({ id: String(published) });
    }, 1);
    listensAfterMs = 30;
    for (const sdl of supergraphs()) await gateway.update(sdl);
    listensAfterMs = 0;
    clearInterval(timer);
    await client?.received(published);
    expect(client?.results).toEqual(Array.from({ length: published }, (_, index) => tick(index + 1)));
    expect(gaps).toEqual([]);
    await ticks.whenListening(1);
  });

  it('joins by the new plan from then on, and opens another subscription before it closes the first one', async () => {
    const [client] = await openMany(1);
    await ticks.whenListening(1);
    ticks.publish({ id: '1' });
    await client?.received(1);
    await gateway.update(divided);
    expect(server.subscriptions).toHaveLength(2);
    await ticks.whenListening(1);
    ticks.publish({ id: '2' });
    await client?.received(2);
    expect(client?.results).toEqual([tick(1), tick(2)]);
    expect(server.subscriptions.map(({ isOpen }) => isOpen)).toEqual([false, true]);
    expect(server.subscriptions[1]?.query).not.toContain('count');
  });

  it('follows a subgraph to another address', async () => {
    const [client] = await openMany(1);
    await ticks.whenListening(1);
    await gateway.update(elsewhere);
    await ticks.whenListening(1);
    ticks.publish({ id: '1' });
    await client?.received(1);
    expect(client?.results).toEqual([tick(1)]);
    expect(gaps).toEqual([]);
  });

  it('ends only those that no longer validate, with the reason', async () => {
    const [[lost], [kept]] = await Promise.all([openMany(1), openMany(1, bare)]);
    await ticks.whenListening(2);
    await gateway.update(withoutLabels);
    const end = await lost?.ended;
    expect(end).toMatchObject({ kind: 'error', errors: [{ extensions: { code: 'SUBSCRIPTION_SCHEMA_RELOAD' } }] });
    expect(end?.kind === 'error' && end.errors[0]?.message).toContain('Cannot query field "label"');
    await ticks.whenListening(1);
    ticks.publish({ id: '1' });
    await kept?.received(1);
    expect(kept?.end).toBeUndefined();
    expect(ended).toEqual(['SUBSCRIPTION_SCHEMA_RELOAD']);
  });

  it('plans one that comes while it happens for the new generation', async () => {
    const updates = (async () => {
      for (let round = 1; round <= 5; round++) await gateway.update(variant(whole, round));
    })();
    const clients: LiveClient[] = [];
    let isOver = false;
    void updates.then(() => {
      isOver = true;
    });
    while (!isOver) {
      clients.push(...(await openMany(1)));
      await sleep(5);
    }
    await ticks.whenListening(1);
    ticks.publish({ id: '1' });
    await Promise.all(clients.map((client) => client.received(1)));
    for (const client of clients) expect(client.results).toEqual([tick(1)]);
  });
});

describe('a subgraph that is lost', () => {
  it('is subscribed to again while the client stays, who sees the gap', async () => {
    const clients = await openMany(10);
    await ticks.whenListening(1);
    for (const socket of server.sockets) socket.terminate();
    await ticks.whenListening(0);
    await ticks.whenListening(1);
    ticks.publish({ id: '1' });
    ticks.publish({ id: '2' });
    await Promise.all(clients.map((client) => client.received(2)));
    const marked = { ...tick(1), extensions: { gap: { reason: 'RECONNECTED' } } };
    for (const client of clients) expect(client.results).toEqual([marked, tick(2)]);
    expect(gaps).toEqual(['RECONNECTED']);
    expect(ended).toEqual([]);
  });

  it('is an error of its subscriptions alone when it does not come back in time', async () => {
    const impatient = await start(300);
    const [client] = await openMany(1, labelled, impatient);
    await ticks.whenListening(1);
    server.refuseSockets = true;
    for (const socket of server.sockets) socket.terminate();
    expect(await client?.ended).toMatchObject({
      kind: 'error',
      errors: [{ extensions: { code: 'SUBREQUEST_HTTP_ERROR', serviceName: 'clock' } }],
    });
    server.refuseSockets = false;
    expect((await impatient.query({ query: '{ now }' })).errors).toBeUndefined();
    await impatient.stop();
  });

  it('refuses a new subscription at once', async () => {
    server.refuseSockets = true;
    const [client] = await openMany(1);
    expect(await client?.ended).toMatchObject({
      kind: 'error',
      errors: [{ extensions: { code: 'SUBREQUEST_HTTP_ERROR' } }],
    });
    server.refuseSockets = false;
  });
});

describe('a gateway that stops', () => {
  it('ends every subscription here and at the subgraphs', async () => {
    const stopping = await start(10_000);
    const clients = await openMany(5, labelled, stopping);
    await ticks.whenListening(1);
    await stopping.stop();
    await ticks.whenListening(0);
    for (const client of clients) {
      expect(await client.ended).toMatchObject({ errors: [{ extensions: { code: 'SUPERGRAPH_NOT_READY' } }] });
    }
    expect(server.subscriptions.every(({ isOpen }) => !isOpen)).toBe(true);
  });
});
