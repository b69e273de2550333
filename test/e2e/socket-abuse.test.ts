/**
 * Clients of every bad manner at once, against a whole gateway. Real: the gateway as `supergate serve` starts it, a
 * subgraph over graphql-transport-ws, sockets and event streams. Observed: who still listens at the subgraph when all of them have gone,
 * what the gateway counts, and that a good client is served all the time.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { parse } from 'graphql';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { type RunningGateway, serve } from '../../src/main';
import { createEventChannel } from '../support/event-channel';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';

jest.setTimeout(120_000);

const rounds = 6;
const clientsPerRound = 45;
const ticks = createEventChannel<number>();
const directory = mkdtempSync(join(tmpdir(), 'supergate-abuse-'));
let subgraph: SubgraphServer;
let gateway: RunningGateway;

beforeAll(async () => {
  subgraph = await createSubgraphServer({ silent: true });
  const sdl = 'type Query { now: Int } type Subscription { tick(room: Int): Int }';
  const tick = { subscribe: () => ticks.listen(), resolve: (number: number) => number };
  const url = subgraph.mount({
    name: 'clock',
    typeDefs: parse(sdl),
    resolvers: { Query: { now: () => 1 }, Subscription: { tick } },
  });
  writeFileSync(join(directory, 'clock.graphql'), sdl);
  const supergraph = join(directory, 'supergraph.yaml');
  writeFileSync(supergraph, `subgraphs: { clock: { routing_url: "${url}", schema: { file: ./clock.graphql } } }`);
  const config = join(directory, 'gateway.yaml');
  writeFileSync(
    config,
    'server: { port: 0 }\ntelemetry: { logLevel: silent }\nsubscriptions: { initTimeoutMs: 300 }\n',
  );
  gateway = await serve({ supergraph, config, env: {} });
});
afterAll(async () => {
  await gateway?.close();
  await subgraph?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** The same sequence for the same seed. */
function createDice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % sides;
  };
}

const subscribe = (id: string, room: number) =>
  JSON.stringify({ id, type: 'subscribe', payload: { query: `subscription { tick(room: ${room}) }` } });

/** What one socket does before it ends: nothing of it is well-behaved for long. */
async function misbehave(url: string, dice: (sides: number) => number): Promise<void> {
  const socket = new WebSocket(url, 'graphql-transport-ws');
  socket.on('error', () => {});
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once('open', () => resolve(true));
    socket.once('close', () => resolve(false));
  });
  if (!isOpen) return;
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  if (dice(8) > 0) socket.send('{"type":"connection_init"}');
  if (dice(4) > 0) await Promise.race([closed, new Promise((resolve) => socket.once('message', resolve))]);
  for (let step = dice(30); step > 0 && socket.readyState === WebSocket.OPEN; step--) {
    const id = String(dice(6));
    switch (dice(9)) {
      case 0:
        socket.send(JSON.stringify({ id, type: 'complete' }));
        break;
      case 1:
        socket.send(JSON.stringify({ id: `${id} bad`, type: 'subscribe', payload: { query: 'subscription { nope' } }));
        break;
      case 2:
        socket.send(JSON.stringify({ id: `${id} query`, type: 'subscribe', payload: { query: '{ now }' } }));
        break;
      case 3:
        await turn();
        break;
      case 4:
        await sleep(dice(10));
        break;
      case 5:
        socket.send(subscribe(`${id} ended`, dice(3)));
        socket.send(JSON.stringify({ id: `${id} ended`, type: 'complete' }));
        break;
      default:
        // Sometimes of an id that is in use, which closes the socket.
        socket.send(subscribe(dice(20) === 0 ? id : `${id} ${step}`, dice(3)));
    }
  }
  switch (dice(4)) {
    case 0:
      socket.terminate();
      break;
    case 1:
      socket.send('not a message');
      break;
    case 2:
      socket.send(Buffer.from([1, 2, 3]), { binary: true });
      break;
    default:
      socket.close();
  }
  await closed;
}

const streamTypes = ['text/event-stream', 'multipart/mixed;subscriptionSpec=1.0,application/json'];

/** What one event stream does: it is left before it has begun, while it goes on, or in the middle of an event. */
async function abandon(dice: (sides: number) => number): Promise<void> {
  const client = new AbortController();
  const query = dice(6) === 0 ? 'subscription { nope' : `subscription { tick(room: ${dice(3)}) }`;
  const leave = () => client.abort();
  if (dice(3) === 0) setTimeout(leave, dice(20));
  try {
    const { body } = await fetch(gateway.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: streamTypes[dice(2)] ?? '', 'last-event-id': '3' },
      body: JSON.stringify({ query }),
      signal: client.signal,
    });
    setTimeout(leave, dice(40));
    for await (const _chunk of body ?? []) if (dice(3) === 0) leave();
  } catch {
    // It has left.
  }
}

const active = async (): Promise<string | undefined> => {
  const text = await (await fetch(gateway.graphqlUrl.replace('/graphql', '/metrics'))).text();
  return /^supergate_websocket_connections(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1];
};

it('leaves no subscription at the subgraph, and serves a good client all the time', async () => {
  const url = gateway.graphqlUrl.replace('http', 'ws');
  const good = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 });
  const heard: unknown[] = [];
  good.subscribe(
    { query: 'subscription { tick }' },
    {
      next: ({ data }) => heard.push(data?.tick),
      error: (error) => heard.push(error),
      complete: () => heard.push('end'),
    },
  );
  await ticks.whenListening(1);
  for (let round = 1; round <= rounds; round++) {
    await Promise.all(
      Array.from({ length: clientsPerRound }, (_, index) => {
        const dice = createDice(round * 1_000 + index);
        return index % 3 === 0 ? abandon(dice) : misbehave(url, dice);
      }),
    );
    ticks.publish(round);
  }
  await ticks.whenListening(1);
  while (heard.length < rounds) await sleep(5);
  expect(heard).toEqual(Array.from({ length: rounds }, (_, index) => index + 1));
  expect(subgraph.subscriptions.length).toBeGreaterThan(rounds);
  const opened = () => subgraph.subscriptions.filter(({ isOpen }) => isOpen);
  while (opened().length > 1) await sleep(5);
  await good.dispose();
  await ticks.whenListening(0);
  while (opened().length > 0) await sleep(5);
  while ((await active()) !== '0') await sleep(20);
});
