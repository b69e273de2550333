import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { createConfig } from '../../src/config';
import { createGateway, type Gateway } from '../../src/gateway';
import { silentLog } from '../../src/telemetry/log';
import { createEventChannel } from '../support/event-channel';
import { federation } from '../support/graph';
import { type LiveClient, subscribe } from '../support/live-client';
import { createSubgraphServer } from '../support/subgraph-server';

/**
 * Subscriptions at a subgraph of two instances. Real: both of them over WebSocket or SSE, composition, planner thread,
 * engine. Observed: who holds the subscription, and what clients are sent when that instance is gone.
 */
jest.setTimeout(60_000);

const sdl = 'type Query { now: Int } type Subscription { tick: Int }';
const typeDefs = parse(federation + sdl);

/** One instance of the subgraph. */
interface Clock {
  readonly url: string;
  /** Subscriptions that it holds. */
  readonly listeners: number;
  whenListening(): Promise<void>;
  publish(tick: number): void;
  /** The process is gone: its sockets are closed, nobody listens at its port. */
  kill(): Promise<void>;
}

async function startWebSocketClock(): Promise<Clock> {
  const ticks = createEventChannel<{ tick: number }>();
  const server = await createSubgraphServer();
  let closing: Promise<void> | undefined;
  const resolvers = { Subscription: { tick: { subscribe: () => ticks.listen() } } };
  const url = server.mount({ name: 'clock', typeDefs, resolvers: resolvers as never });
  return {
    url,
    get listeners() {
      return ticks.listeners;
    },
    whenListening: () => ticks.whenListening(1),
    publish: (tick) => ticks.publish({ tick }),
    kill: () => {
      closing ??= server.close();
      return closing;
    },
  };
}

async function startEventStreamClock(): Promise<Clock> {
  const streams = new Set<ServerResponse>();
  let onStream = () => {};
  const server: Server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      streams.add(response);
      response.on('close', () => streams.delete(response));
      onStream();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    get listeners() {
      return streams.size;
    },
    whenListening: () =>
      new Promise((resolve) => {
        onStream = resolve;
        if (streams.size > 0) resolve();
      }),
    publish: (tick) => {
      for (const stream of streams) stream.write(`event: next\ndata: {"data":{"tick":${tick}}}\n\n`);
    },
    kill: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

describe.each([
  ['websocket', startWebSocketClock],
  ['sse', startEventStreamClock],
] as const)('subscriptions over %s at two instances', (protocol, start) => {
  let clocks: readonly Clock[];
  let gateway: Gateway;
  let client: LiveClient | undefined;

  beforeEach(async () => {
    clocks = await Promise.all([start(), start()]);
  });
  afterEach(async () => {
    client?.subscription.stop('client');
    await gateway.stop();
    await Promise.all(clocks.map((clock) => clock.kill()));
  });

  async function open(where: object): Promise<void> {
    const { supergraphSdl = '' } = composeServices([{ name: 'clock', typeDefs, url: clocks[0]!.url }]);
    const config = createConfig({
      telemetry: { logLevel: 'silent' },
      subgraphs: { defaults: { subscription: { protocol } }, overrides: { clock: where } },
    });
    gateway = createGateway({ supergraph: { sdl: supergraphSdl }, config }, { log: silentLog });
    await gateway.load();
  }

  /** The instance that holds the subscription, and the other one. */
  async function listen(): Promise<readonly [Clock, Clock]> {
    client = await subscribe(gateway, { query: 'subscription { tick }' });
    await Promise.race(clocks.map((clock) => clock.whenListening()));
    const [first, second] = clocks as [Clock, Clock];
    return first.listeners > 0 ? [first, second] : [second, first];
  }

  it('go on at the other one when theirs is killed, and clients are told of the gap', async () => {
    await open({ instances: clocks.map(({ url }) => ({ url })) });
    const [holder, other] = await listen();
    holder.publish(1);
    await client!.received(1);
    await holder.kill();
    await other.whenListening();
    other.publish(2);
    await client!.received(2);
    expect(client!.results).toEqual([
      { data: { tick: 1 } },
      { data: { tick: 2 }, extensions: { gap: { reason: 'RECONNECTED' } } },
    ]);
    expect(client!.end).toBeUndefined();
  });

  it('begin at the other one when one is dead from the start', async () => {
    await open({ instances: clocks.map(({ url }) => ({ url })) });
    const [dead, living] = clocks as [Clock, Clock];
    await dead.kill();
    for (let i = 0; i < 5; i++) {
      client = await subscribe(gateway, { query: 'subscription { tick }' });
      await living.whenListening();
      living.publish(i);
      await client.received(1);
      expect(client.results).toEqual([{ data: { tick: i } }]);
      client.subscription.stop('client');
      while (living.listeners > 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
  });

  it('go over to the other one when theirs is taken back, though it lives', async () => {
    await open({ discovery: { kind: 'registration' } });
    const register = (clock: Clock) =>
      gateway.registrations!.register('clock', { id: clock.url, url: clock.url, weight: 1 });
    clocks.forEach(register);
    const [holder, other] = await listen();
    holder.publish(1);
    await client!.received(1);
    gateway.registrations!.deregister('clock', holder.url);
    await other.whenListening();
    other.publish(2);
    await client!.received(2);
    expect(client!.results[1]).toEqual({ data: { tick: 2 }, extensions: { gap: { reason: 'RECONNECTED' } } });
    while (holder.listeners > 0) await new Promise((resolve) => setTimeout(resolve, 2));
  });
});
