import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { StreamEnd, StreamHandlers, StreamTransport } from '../../src/subgraph/stream';
import { createWebSocketTransport } from '../../src/subgraph/websocket';

/**
 * The client of graphql-transport-ws against servers that break the protocol. Real: sockets. The test is the server: it
 * sends what it likes. Time is that of the test. Observed: what a subscription is told, and what the server reads.
 */
jest.setTimeout(10_000);

/** Timers that the test fires. */
class TestClock {
  readonly timers = new Set<{ readonly callback: () => void; readonly delayMs: number }>();
  elapsed = () => 0;
  schedule = (callback: () => void, delayMs: number) => {
    const timer = { callback, delayMs };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  };
  fire(delayMs: number): void {
    for (const timer of [...this.timers]) {
      if (timer.delayMs !== delayMs) continue;
      this.timers.delete(timer);
      timer.callback();
    }
  }
}

const connectTimeoutMs = 5_000;
const keepAliveMs = 15_000;
const idleMs = 5_000;

let server: WebSocketServer;
let clock: TestClock;
let transport: StreamTransport;
/** In order of connection, each with what it has sent. */
let sockets: { readonly socket: WebSocket; readonly read: Record<string, unknown>[] }[];
/** Answers what clients send, where the test leaves it to this. */
let polite: boolean;

beforeEach(async () => {
  sockets = [];
  polite = true;
  clock = new TestClock();
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'graphql-transport-ws' });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    const read: Record<string, unknown>[] = [];
    sockets.push({ socket, read });
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as Record<string, unknown>;
      read.push(message);
      if (polite && message.type === 'connection_init') socket.send('{"type":"connection_ack"}');
      if (polite && message.type === 'ping') socket.send('{"type":"pong"}');
    });
  });
  const { port } = server.address() as AddressInfo;
  transport = createTransport(`ws://127.0.0.1:${port}/graphql`);
});
afterEach(async () => {
  transport.close();
  for (const socket of server.clients) socket.terminate();
  await new Promise((resolve) => server.close(resolve));
  expect(clock.timers.size).toBe(0);
});

function createTransport(url: string, maxConnections = 2, address?: string): StreamTransport {
  const limits = { address, maxConnections, connectTimeoutMs, keepAliveMs, maxEventBytes: 1_000 };
  return createWebSocketTransport({ url, ...limits, initPayload: () => ({ 'supergate-identity': 'me' }), clock });
}

/** A subscription, and what it was told. */
function open(query = 'subscription { a }', headers: Record<string, string> = {}) {
  const told: unknown[] = [];
  let settle: (end: StreamEnd) => void = () => {};
  const ended = new Promise<StreamEnd>((resolve) => {
    settle = resolve;
  });
  const handlers: StreamHandlers = {
    onEstablished: () => told.push('established'),
    onPayload: (payload) => told.push(payload),
    onEnd: (end) => {
      told.push(end.kind);
      settle(end);
    },
  };
  const stop = transport.open({ body: JSON.stringify({ query, variables: {} }), headers }, handlers);
  return { told, ended, stop };
}

const until = async (isTrue: () => boolean) => {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
};
const typesRead = () => sockets.map(({ read }) => read.map(({ type }) => type));
async function subscribed(count = 1): Promise<WebSocket> {
  const subscriptions = () => sockets.flatMap(({ read }) => read.filter(({ type }) => type === 'subscribe'));
  await until(() => subscriptions().length === count);
  return sockets[0]!.socket;
}

describe('a subscription over graphql-transport-ws', () => {
  it('goes to the address that was found for the name', async () => {
    const { port } = server.address() as AddressInfo;
    transport = createTransport(`ws://users.test:${port}/graphql`, 2, '127.0.0.1');
    const connected = once(server, 'connection');
    open();
    const [, request] = await connected;
    expect(request.headers.host).toBe(`users.test:${port}`);
  });

  it('says who speaks on the socket, and who asks in each operation', async () => {
    const { told, stop } = open('subscription { a }', { 'x-tenant': 'one' });
    await until(() => told.length === 1);
    expect(told).toEqual(['established']);
    expect(sockets[0]?.read).toEqual([
      { type: 'connection_init', payload: { 'supergate-identity': 'me' } },
      {
        id: '1',
        type: 'subscribe',
        payload: { query: 'subscription { a }', variables: {}, extensions: { headers: { 'x-tenant': 'one' } } },
      },
      { type: 'ping' },
    ]);
    stop();
    stop();
    await until(() => sockets[0]?.read.length === 4);
    expect(sockets[0]?.read[3]).toEqual({ id: '1', type: 'complete' });
  });

  it('shares a socket with the others, and is told what is its own', async () => {
    const [one, other] = [open(), open()];
    const socket = await subscribed(2);
    expect(sockets).toHaveLength(1);
    socket.send('{"id":"2","type":"next","payload":{"data":{"a":2}}}');
    await until(() => other.told.includes('established') && other.told.length === 2);
    expect(one.told).toEqual(['established']);
    one.stop();
    socket.send('{"id":"1","type":"next","payload":{"data":{"a":1}}}');
    socket.send('{"id":"2","type":"complete"}');
    expect(await other.ended).toEqual({ kind: 'complete' });
    expect(one.told).toEqual(['established']);
  });

  it('ends once, however often the subgraph completes', async () => {
    const { told, ended } = open();
    const socket = await subscribed();
    for (let round = 0; round < 3; round++) socket.send('{"id":"1","type":"complete"}');
    socket.send('{"id":"1","type":"next","payload":{"data":{"a":1}}}');
    socket.send('{"id":"1","type":"error","payload":[{"message":"late"}]}');
    await ended;
    const next = open();
    await until(() => next.told.length === 1);
    expect(told.filter((word) => word === 'complete')).toHaveLength(1);
    expect(next.told).toEqual(['established']);
    next.stop();
  });

  it('passes the errors with which a subgraph refuses it', async () => {
    const { ended } = open();
    const socket = await subscribed();
    socket.send('{"id":"1","type":"error","payload":[{"message":"No"}]}');
    expect(await ended).toEqual({ kind: 'refused', errors: [{ message: 'No' }] });
  });

  it('takes no harm from ids that nobody gave', async () => {
    const { told, stop } = open();
    const socket = await subscribed();
    for (const id of ['0', '99', '__proto__', 'constructor', '']) {
      socket.send(JSON.stringify({ id, type: 'next', payload: { data: {} } }));
      socket.send(JSON.stringify({ id, type: 'complete' }));
    }
    socket.send('{"id":"1","type":"next","payload":{"data":{"a":1}}}');
    await until(() => told.length === 2);
    expect(told[1]).toEqual({ data: { a: 1 } });
    stop();
  });

  it.each([
    ['text that is not JSON', 'hello'],
    ['JSON that is no message', '[]'],
    ['a number', '1'],
    ['an unknown type', '{"type":"data","id":"1"}'],
    ['an event without an id', '{"type":"next","payload":{}}'],
    ['an id that is no string', '{"type":"next","id":1,"payload":{}}'],
    ['a second acknowledgement', '{"type":"connection_ack"}'],
    ['a frame of bytes', Buffer.from('{"type":"ping"}')],
    ['a frame that is too large', `{"type":"ping","payload":"${'x'.repeat(2_000)}"}`],
  ])('is lost, and the socket with it, after %s', async (_name, frame) => {
    const [one, other] = [open(), open()];
    const socket = await subscribed(2);
    socket.send(frame);
    expect(await one.ended).toMatchObject({ kind: 'lost' });
    expect(await other.ended).toMatchObject({ kind: 'lost' });
    const later = open();
    await until(() => later.told.length === 1);
    expect(sockets).toHaveLength(2);
    later.stop();
  });

  it('is lost when the subgraph never acknowledges the connection', async () => {
    polite = false;
    const { ended } = open();
    await until(() => typesRead()[0]?.length === 1);
    clock.fire(connectTimeoutMs);
    expect(await ended).toEqual({ kind: 'lost', reason: 'CONNECT_TIMEOUT' });
  });

  it('is lost when the subgraph sends events before it has acknowledged the connection', async () => {
    polite = false;
    const { told, ended } = open();
    await until(() => typesRead()[0]?.length === 1);
    sockets[0]?.socket.send('{"id":"1","type":"next","payload":{"data":{"a":1}}}');
    expect(await ended).toEqual({ kind: 'lost', reason: 'PROTOCOL' });
    expect(told).toEqual(['lost']);
  });

  it.each([1000, 1001, 1013, 4400, 4401, 4403, 4500])('is lost when the subgraph closes with %i', async (code) => {
    polite = false;
    const { ended } = open();
    await until(() => sockets.length === 1);
    sockets[0]?.socket.close(code);
    expect(await ended).toEqual({ kind: 'lost', reason: `CLOSED_${code}` });
  });

  it('is lost when nobody listens', async () => {
    transport.close();
    transport = createTransport('ws://127.0.0.1:1/');
    expect(await open().ended).toEqual({ kind: 'lost', reason: 'ECONNREFUSED' });
  });

  it('is lost when the socket is silent though it was asked', async () => {
    const { told, ended } = open();
    const socket = await subscribed();
    await until(() => told.length === 1);
    // Neither frames nor pongs come from a machine that is gone.
    (socket as unknown as { _socket: { pause(): void } })._socket.pause();
    clock.fire(keepAliveMs);
    clock.fire(keepAliveMs);
    expect(await ended).toEqual({ kind: 'lost', reason: 'KEEP_ALIVE_TIMEOUT' });
  });

  it('is not told of a pong that nobody asked for', async () => {
    polite = false;
    const { told, stop } = open();
    await until(() => typesRead()[0]?.length === 1);
    sockets[0]?.socket.send('{"type":"pong"}');
    sockets[0]?.socket.send('{"type":"connection_ack"}');
    await subscribed();
    expect(told).toEqual([]);
    stop();
  });

  it('is answered when the subgraph pings', async () => {
    const { stop } = open();
    const socket = await subscribed();
    socket.send('{"type":"ping"}');
    await until(() => typesRead()[0]?.includes('pong') ?? false);
    stop();
  });
});

describe('the sockets to one subgraph', () => {
  it('are as few as may be, and no more than configured', async () => {
    const streams = Array.from({ length: 2_500 }, () => open());
    await subscribed(2_500);
    expect(sockets).toHaveLength(2);
    for (const { stop } of streams) stop();
  });

  it('are closed when nothing was asked on them for a while', async () => {
    const { stop } = open();
    const socket = await subscribed();
    stop();
    const again = open();
    await subscribed(2);
    expect(sockets).toHaveLength(1);
    again.stop();
    clock.fire(idleMs);
    await once(socket, 'close');
    expect(server.clients.size).toBe(0);
  });
});
