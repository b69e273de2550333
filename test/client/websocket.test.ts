import { once } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { HttpConfig } from '../../src/client/http';
import { ClientError } from '../../src/errors';
import { httpDefaults, startTestServer, stopTestServer, type TestServer } from './http-server';

/**
 * The WebSocket door. Real: HTTP server, `ws`, sockets, the protocol. Fake: the way behind the door, whose
 * subscriptions send what the test says. Observed: messages, close codes, and what is stopped behind the door.
 */
let server: TestServer;
let url: string;
const open = new Set<WebSocket>();

async function start(subscriptions: Partial<HttpConfig['subscriptions']> = {}, config: Partial<HttpConfig> = {}) {
  server = await startTestServer({
    ...config,
    subscriptions: { ...httpDefaults.subscriptions, ...subscriptions },
  });
  url = (await server.http.listen(0, '127.0.0.1')).replace('http', 'ws');
}
afterEach(async () => {
  for (const socket of open) socket.terminate();
  open.clear();
  await stopTestServer(server);
});

interface Message {
  readonly type: string;
  readonly id?: string;
  readonly payload?: never;
}

interface Client {
  readonly socket: WebSocket;
  send(message: object | string): void;
  /** The next message that was not read yet. */
  next(): Promise<Message>;
  readonly closed: Promise<{ code: number; reason: string }>;
}

async function connectClient(
  options: { protocol?: string[]; headers?: Record<string, string>; path?: string } = {},
): Promise<Client> {
  const { protocol = ['graphql-transport-ws'], headers = {}, path = url } = options;
  const socket = new WebSocket(path, protocol, { headers });
  open.add(socket);
  const messages: Message[] = [];
  const readers: ((message: Message) => void)[] = [];
  socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as Message;
    const reader = readers.shift();
    if (reader) reader(message);
    else messages.push(message);
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => {});
  return {
    socket,
    closed,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    next: () => {
      const message = messages.shift();
      return message ? Promise.resolve(message) : new Promise((resolve) => readers.push(resolve));
    },
  };
}

async function ready(payload?: object): Promise<Client> {
  const client = await connectClient();
  client.send({ type: 'connection_init', ...(payload && { payload }) });
  expect(await client.next()).toEqual({ type: 'connection_ack' });
  return client;
}

const subscribe = (id: string, query = 'subscription { ticks }', variables?: object) => ({
  id,
  type: 'subscribe',
  payload: { query, ...(variables && { variables }) },
});
const tick = (number: number) => JSON.stringify({ data: { ticks: number } });

describe('operations', () => {
  beforeEach(() => start());

  it('answers a query that defers with its parts', async () => {
    const client = await ready();
    client.send(subscribe('d', '{ hello ... @defer(label: "slow") { sum(numbers: 1) } }'));
    expect(await client.next()).toMatchObject({ id: 'd', type: 'next', payload: { hasNext: true } });
    server.door.openGate();
    const incremental = [{ path: [], label: 'slow', data: { gated: 'open' } }];
    expect(await client.next()).toEqual({ id: 'd', type: 'next', payload: { incremental, hasNext: false } });
    expect(await client.next()).toEqual({ id: 'd', type: 'complete' });
  });

  it('answers a query and a mutation with one result each, as over HTTP', async () => {
    const client = await ready();
    client.send(subscribe('q', 'query ($name: String) { hello(name: $name) }', { name: 'Ada' }));
    expect(await client.next()).toEqual({ id: 'q', type: 'next', payload: { data: { hello: 'hello Ada' } } });
    expect(await client.next()).toEqual({ id: 'q', type: 'complete' });
    client.send(subscribe('q', 'mutation { increment }'));
    expect(await client.next()).toMatchObject({ payload: { data: { increment: 1 } } });
  });

  it('masks what went wrong inside, as over HTTP', async () => {
    const client = await ready();
    client.send(subscribe('1', '{ broken }'));
    const { payload } = await client.next();
    expect(JSON.stringify(payload)).toContain('INTERNAL_SERVER_ERROR');
    expect(JSON.stringify(payload)).not.toContain('hunter2');
  });

  it('ends an operation whose document is bad, and not the socket', async () => {
    const client = await ready();
    client.send(subscribe('1', '{ hello '));
    expect(await client.next()).toMatchObject({
      id: '1',
      type: 'error',
      payload: [{ extensions: { code: 'GRAPHQL_PARSE_FAILED' } }],
    });
    client.send(subscribe('1', '{ nothing }'));
    expect(await client.next()).toMatchObject({ type: 'error', payload: [{ message: expect.any(String) }] });
    client.send(subscribe('1', 'subscription { ticks }', { refuse: true }));
    expect(await client.next()).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' } }],
    });
    client.send(subscribe('1', '{ hello }'));
    expect(await client.next()).toMatchObject({ type: 'next' });
  });

  it('hands on the events of a subscription in order, and its end', async () => {
    const client = await ready();
    client.send(subscribe('s'));
    await server.door.subscribed(1);
    const { sink } = server.door.subscriptions[0]!;
    for (const number of [1, 2, 3]) sink.next(tick(number), false);
    sink.end({ kind: 'complete' });
    for (const number of [1, 2, 3])
      expect(await client.next()).toEqual({ id: 's', type: 'next', payload: { data: { ticks: number } } });
    expect(await client.next()).toEqual({ id: 's', type: 'complete' });
  });

  it('stops behind the door what the client completes, and sends nothing of it any more', async () => {
    const client = await ready();
    client.send(subscribe('a'));
    client.send(subscribe('b'));
    await server.door.subscribed(2);
    client.send({ id: 'a', type: 'complete' });
    client.send({ type: 'ping' });
    expect(await client.next()).toEqual({ type: 'pong' });
    const [a, b] = server.door.subscriptions;
    expect([a?.stopped, b?.stopped]).toEqual(['client', undefined]);
    a?.sink.next(tick(1), false);
    b?.sink.next(tick(2), false);
    expect(await client.next()).toMatchObject({ id: 'b' });
  });

  it('stops a query that the client completes before it is answered', async () => {
    const client = await ready();
    client.send(subscribe('g', '{ gated }'));
    await server.door.gateReached;
    client.send({ id: 'g', type: 'complete' });
    client.send({ type: 'ping' });
    await client.next();
    expect(server.door.requests).toEqual([{ left: true }]);
    server.door.openGate();
    client.send(subscribe('h', '{ hello }'));
    expect(await client.next()).toMatchObject({ id: 'h', type: 'next' });
  });

  it('stops behind the door what a client leaves behind', async () => {
    const client = await ready();
    for (const id of ['1', '2', '3']) client.send(subscribe(id));
    await server.door.subscribed(3);
    client.socket.terminate();
    await waitFor(() => server.door.subscriptions.every(({ stopped }) => stopped === 'client'));
    await waitFor(() => server.door.counts.disposed === 3);
  });

  it('takes an id again once its operation is over', async () => {
    const client = await ready();
    client.send(subscribe('1'));
    await server.door.subscribed(1);
    client.send({ id: '1', type: 'complete' });
    client.send(subscribe('1', '{ hello }'));
    expect(await client.next()).toMatchObject({ id: '1', type: 'next' });
  });

  it.each([1, 50, 80, 100, 65_000, 65_500, 65_536, 200_000])('carries a text of %d bytes', async (bytes) => {
    const client = await ready();
    client.send(subscribe('1', `{ large(bytes: ${bytes}) }`));
    const { payload } = await client.next();
    expect(payload).toEqual({ data: { large: 'x'.repeat(bytes) } });
  });

  it('carries texts of every script, in answers, events, errors and ids', async () => {
    const text = 'é ж 漢 😀 \u2028';
    const client = await ready();
    client.send(subscribe(text, 'query ($text: String) { echo(text: $text) }', { text }));
    expect(await client.next()).toEqual({ id: text, type: 'next', payload: { data: { echo: text } } });
    expect(await client.next()).toEqual({ id: text, type: 'complete' });
    client.send(subscribe(text));
    await server.door.subscribed(1);
    const { sink } = server.door.subscriptions[0]!;
    for (const data of [{ text }, { plain: 'a' }, { text }]) {
      sink.next(JSON.stringify({ data }), false);
      expect(await client.next()).toEqual({ id: text, type: 'next', payload: { data } });
    }
    sink.end({ kind: 'error', errors: [new ClientError('UNAUTHENTICATED', text)] });
    expect(await client.next()).toMatchObject({ id: text, type: 'error', payload: [{ message: text }] });
  });

  it('lets no id break out of its message', async () => {
    const client = await ready();
    const id = '"},"type":"complete","x":{"\\u2028';
    client.send(subscribe(id, '{ hello }'));
    expect(await client.next()).toEqual({ id, type: 'next', payload: { data: { hello: 'hello world' } } });
  });
});

describe('the protocol', () => {
  beforeEach(() => start({ initTimeoutMs: 200 }));

  it('closes with 4408 when no connection_init comes', async () => {
    const { closed } = await connectClient();
    expect(await closed).toMatchObject({ code: 4408 });
  });

  it('closes with 4401 for an operation before the acknowledgement', async () => {
    const client = await connectClient();
    client.send(subscribe('1'));
    expect(await client.closed).toMatchObject({ code: 4401 });
    expect(server.door.counts.prepared).toBe(0);
  });

  it('closes with 4429 for a second connection_init', async () => {
    const client = await ready();
    client.send({ type: 'connection_init' });
    expect(await client.closed).toMatchObject({ code: 4429 });
  });

  it('closes with 4409 for an id that is in use, and stops what ran', async () => {
    const client = await ready();
    client.send(subscribe('1'));
    await server.door.subscribed(1);
    client.send(subscribe('1'));
    expect(await client.closed).toMatchObject({ code: 4409 });
    expect(server.door.subscriptions[0]?.stopped).toBe('client');
  });

  it.each(['\u0001'.repeat(40), '漢'.repeat(40), '😀'.repeat(30)])(
    'closes with 4409 for an id in use that does not fit into the reason: %j',
    async (id) => {
      const client = await ready();
      client.send(subscribe(id));
      client.send(subscribe(id));
      const { code, reason } = await client.closed;
      expect(code).toBe(4409);
      expect(reason).toContain('There is an operation');
      expect(reason).not.toContain('\ufffd');
    },
  );

  it.each([
    ['no JSON', 'hello'],
    ['no object', '[]'],
    ['no type', '{}'],
    ['an unknown type', '{"type":"start","id":"1"}'],
    ['a message of the server', '{"type":"connection_ack"}'],
    ['a subscribe without a query', '{"type":"subscribe","id":"1","payload":{}}'],
    ['a subscribe without an id', '{"type":"subscribe","payload":{"query":"{ hello }"}}'],
    ['a complete without an id', '{"type":"complete"}'],
    ['an id that is no text', '{"type":"complete","id":7}'],
    ['a payload that is no object', '{"type":"connection_init","payload":[]}'],
  ])('closes with 4400 for %s', async (_name, text) => {
    const client = await ready();
    client.send(text);
    expect(await client.closed).toMatchObject({ code: 4400 });
  });

  it('closes with 4400 for a binary message', async () => {
    const client = await ready();
    client.socket.send(Buffer.from('{"type":"ping"}'), { binary: true });
    expect(await client.closed).toMatchObject({ code: 4400 });
  });

  it('closes with 1007 for text that is no UTF-8', async () => {
    const client = await ready();
    client.socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false });
    expect(await client.closed).toMatchObject({ code: 1007 });
  });

  it('closes with 1009 for a message over the limit', async () => {
    const client = await ready();
    client.send(subscribe('1', `{ hello(name: "${'x'.repeat(1_000_001)}") }`));
    expect(await client.closed).toMatchObject({ code: 1009 });
  });

  it('closes with 4406 for another subprotocol', async () => {
    const { closed } = await connectClient({ protocol: [] });
    expect(await closed).toMatchObject({ code: 4406 });
  });

  it('ignores a complete of an unknown id, and answers pings at any time', async () => {
    const client = await connectClient();
    client.send({ type: 'ping', payload: { a: 1 } });
    expect(await client.next()).toEqual({ type: 'pong' });
    client.send({ type: 'connection_init' });
    await client.next();
    client.send({ id: 'none', type: 'complete' });
    client.send({ type: 'pong' });
    client.send({ type: 'ping' });
    expect(await client.next()).toEqual({ type: 'pong' });
  });

  it.each([
    ['bad', 4401, 'The credentials were refused.'],
    ['crash', 4500, 'Internal server error'],
  ])('closes for credentials that are %s', async (token, code, reason) => {
    const client = await connectClient();
    client.send({ type: 'connection_init', payload: { token } });
    expect(await client.closed).toEqual({ code, reason });
  });

  it('never dies of what is thrown at the socket below it', async () => {
    const { port } = new URL(url);
    const raw = connect(Number(port), '127.0.0.1');
    raw.write(
      'GET /graphql HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n' +
        'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
        'sec-websocket-protocol: graphql-transport-ws\r\n\r\n',
    );
    await once(raw, 'data');
    raw.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]));
    raw.on('data', () => {});
    await once(raw, 'close');
    const client = await ready();
    client.send({ type: 'ping' });
    expect(await client.next()).toEqual({ type: 'pong' });
  });
});

describe('an upgrade', () => {
  const statusOf = (headers: Record<string, string>, path = url): Promise<number> =>
    new Promise((resolve) => {
      const socket = new WebSocket(path, ['graphql-transport-ws'], { headers });
      open.add(socket);
      socket.on('open', () => resolve(101));
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
      socket.on('error', () => {});
    });

  it('of a page of a foreign origin is refused with 403, of one`s own or a known one let in', async () => {
    await start({}, { cors: { origins: ['https://app.test'], credentials: false } });
    const { host } = new URL(url);
    expect(await statusOf({ origin: 'https://evil.test' })).toBe(403);
    expect(await statusOf({ origin: 'null' })).toBe(403);
    expect(await statusOf({ origin: `http://${host}.evil.test` })).toBe(403);
    expect(await statusOf({ origin: `http://${host}` })).toBe(101);
    expect(await statusOf({ origin: 'https://app.test' })).toBe(101);
    expect(await statusOf({})).toBe(101);
  });

  it('of another path is served as if it had not been offered', async () => {
    await start();
    expect(await statusOf({}, url.replace('/graphql', '/other'))).toBe(404);
  });

  it('with hundreds of headers is refused', async () => {
    await start();
    const headers = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`x-${index}`, '1']));
    expect(await statusOf(headers)).toBe(431);
  });

  it('beyond what one address may hold is refused with 429, until one is closed', async () => {
    await start({ maxConnectionsPerIp: 2 });
    const [first] = [await ready(), await ready()];
    expect(await statusOf({})).toBe(429);
    first.socket.close();
    await first.closed;
    await waitFor(async () => (await statusOf({})) === 101);
  });

  it('beyond what one identity may hold is closed with 1013, until one is closed', async () => {
    await start({ maxConnectionsPerIdentity: 2 });
    const payload = { token: String(Date.now() + 60_000) };
    const [first] = [await ready(payload), await ready(payload)];
    const third = await connectClient();
    third.send({ type: 'connection_init', payload });
    expect(await third.closed).toMatchObject({ code: 1013 });
    await ready({ token: String(Date.now() + 70_000) });
    await ready();
    first.socket.close();
    await first.closed;
    await waitFor(async () => {
      const next = await connectClient();
      next.send({ type: 'connection_init', payload });
      return Promise.race([next.next().then(() => true), next.closed.then(() => false)]);
    });
  });

  it('is not served where it is switched off', async () => {
    await start({ websocket: false });
    const socket = new WebSocket(url, ['graphql-transport-ws']);
    open.add(socket);
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toMatch(/400|405|hang up/);
  });
});

describe('limits of a connection', () => {
  it('refuses one operation more than may run at a time, and only that', async () => {
    await start({ maxOperationsPerConnection: 2 });
    const client = await ready();
    for (const id of ['1', '2', '3']) client.send(subscribe(id));
    expect(await client.next()).toMatchObject({
      id: '3',
      type: 'error',
      payload: [{ extensions: { code: 'MAX_OPERATIONS_LIMIT' } }],
    });
    client.send({ id: '1', type: 'complete' });
    client.send(subscribe('3', '{ hello }'));
    expect(await client.next()).toMatchObject({ id: '3', type: 'next' });
  });

  it('closes one that runs nothing for so long', async () => {
    await start({ idleTimeoutMs: 100 });
    const client = await ready();
    expect(await client.closed).toMatchObject({ code: 1001 });
  });

  it('cuts one that answers no ping, and stops what ran for it', async () => {
    await start({ pingIntervalMs: 50 });
    const client = await ready();
    client.send(subscribe('1'));
    await server.door.subscribed(1);
    (client.socket as unknown as { _socket: { pause(): void } })._socket.pause();
    await waitFor(() => server.door.subscriptions[0]?.stopped === 'client');
  });
});

jest.setTimeout(60_000);

describe('a client that means harm', () => {
  /** Server sides of the sockets, in the order in which they came. */
  const sides: Duplex[] = [];
  const watchSides = () => {
    sides.length = 0;
    server.http.server.on('upgrade', (_request, side: Duplex) => sides.push(side));
  };
  const turn = () => new Promise(setImmediate);
  const pause = ({ socket }: Client) => (socket as unknown as { _socket: { pause(): void } })._socket.pause();

  it('is cut when it goes on asking and reads no answer', async () => {
    await start({ maxQueuedBytes: 10_000 });
    watchSides();
    const client = await ready();
    pause(client);
    const id = 'x'.repeat(50_000);
    let sent = 0;
    while (!sides[0]?.destroyed && sent < 3_000) {
      client.send(subscribe(`${sent}${id}`, '{ nothing }'));
      sent += 1;
      if (sent % 10 === 0) await turn();
      expect(sides[0]?.writableLength).toBeLessThan(1_000_000);
    }
    expect(sides[0]?.destroyed).toBe(true);
  });

  it('fills no memory with pings whose pongs it does not read', async () => {
    await start();
    watchSides();
    const client = await ready();
    pause(client);
    for (let number = 1; number <= 100_000; number++) {
      client.socket.ping('x'.repeat(125));
      if (number % 1_000 === 0) {
        while (client.socket.bufferedAmount > 1_000_000) await turn();
        expect(sides[0]?.writableLength).toBeLessThan(100_000);
      }
    }
    const other = await ready();
    other.socket.ping('here');
    expect(String((await once(other.socket, 'pong'))[0])).toBe('here');
  });

  it('leaves nothing behind with a storm of subscriptions that it ends at once', async () => {
    await start();
    const client = await ready();
    const ids = Array.from({ length: 2_000 }, (_, index) => String(index));
    for (const id of ids) {
      client.send(subscribe(id));
      client.send({ id, type: 'complete' });
    }
    client.send({ type: 'ping' });
    while ((await client.next()).type !== 'pong');
    await waitFor(() => server.door.subscriptions.every(({ stopped }) => stopped === 'client'));
    await waitFor(() => server.door.counts.disposed === server.door.requests.length);
    client.send(subscribe('1', '{ hello }'));
    expect(await client.next()).toMatchObject({ id: '1', type: 'next' });
  });

  it('gets an error for each of thousands of operations beyond those that may run', async () => {
    await start({ maxOperationsPerConnection: 10 });
    const client = await ready();
    for (let number = 0; number < 3_000; number++) client.send(subscribe(String(number)));
    for (let number = 10; number < 3_000; number++)
      expect(await client.next()).toMatchObject({ id: String(number), type: 'error' });
    await server.door.subscribed(10);
    expect(server.door.subscriptions).toHaveLength(10);
  });

  it('that completes a subscription while it begins, leaves none', async () => {
    await start();
    const client = await ready();
    let begin = () => {};
    server.door.beforeSubscribe = new Promise((resolve) => {
      begin = resolve;
    });
    client.send(subscribe('1'));
    await waitFor(() => server.door.requests.length === 1);
    client.send({ id: '1', type: 'complete' });
    client.send({ type: 'ping' });
    await client.next();
    begin();
    await server.door.subscribed(1);
    await waitFor(() => server.door.subscriptions[0]?.stopped === 'client');
    server.door.subscriptions[0]?.sink.next(tick(1), false);
    client.send({ type: 'ping' });
    expect(await client.next()).toEqual({ type: 'pong' });
  });

  it.each([
    ['a second connection_init before the answer to the first', { type: 'connection_init' }, 4429],
    ['an operation before the answer to connection_init', subscribe('1', '{ hello }'), 4401],
  ])('is closed for %s', async (_name, message, code) => {
    await start();
    const client = await connectClient();
    client.send({ type: 'connection_init' });
    client.send(message);
    expect(await client.closed).toMatchObject({ code });
  });

  it.each<[string, readonly number[], number]>([
    ['a frame without a mask', [0x81, 0x02, 0x7b, 0x7d], 1002],
    ['an unknown opcode', [0x83, 0x80, 0, 0, 0, 0], 1002],
    ['a reserved bit', [0xc1, 0x80, 0, 0, 0, 0], 1002],
    ['a continuation of nothing', [0x80, 0x80, 0, 0, 0, 0], 1002],
    ['a ping in two frames', [0x09, 0x80, 0, 0, 0, 0], 1002],
    ['a length of 2^60 bytes', [0x81, 0xff, 0x10, 0, 0, 0, 0, 0, 0, 0], 1009],
  ])('is closed for %s', async (_name, bytes, code) => {
    await start();
    const client = await ready();
    client.send(subscribe('1'));
    await server.door.subscribed(1);
    (client.socket as unknown as { _socket: Duplex })._socket.write(Buffer.from(bytes));
    expect(await client.closed).toMatchObject({ code });
    await waitFor(() => server.door.subscriptions[0]?.stopped === 'client');
  });

  it.each([
    [
      'of an old version',
      'sec-websocket-version: 7\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
      /^HTTP\/1.1 4\d\d/,
    ],
    ['without a key', 'sec-websocket-version: 13', /^HTTP\/1.1 400/],
    ['to another protocol', 'upgrade: h2c', /^HTTP\/1.1 400 Bad Request/],
  ])('is told of an upgrade %s', async (_name, headers, answer) => {
    await start();
    const raw = connect(Number(new URL(url).port), '127.0.0.1');
    const upgrade = headers.startsWith('upgrade') ? '' : 'upgrade: websocket\r\n';
    raw.write(`GET /graphql HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n${upgrade}${headers}\r\n\r\n`);
    const [data] = await once(raw, 'data');
    expect(String(data)).toMatch(answer);
    raw.destroy();
  });
});

describe('a token that expires', () => {
  beforeEach(() => start());

  it('ends the subscriptions with SUBSCRIPTION_JWT_EXPIRED and leaves the socket open', async () => {
    const client = await ready({ token: String(Date.now() + 1_000) });
    client.send(subscribe('1'));
    expect(await client.next()).toMatchObject({
      id: '1',
      type: 'error',
      payload: [{ extensions: { code: 'SUBSCRIPTION_JWT_EXPIRED' } }],
    });
    client.send(subscribe('2', '{ hello }'));
    expect(await client.next()).toMatchObject({
      id: '2',
      type: 'error',
      payload: [{ extensions: { code: 'UNAUTHENTICATED' } }],
    });
  });

  it('is replaced by the one of a ping, and the subscriptions go on', async () => {
    const client = await ready({ token: String(Date.now() + 1_000) });
    client.send(subscribe('1'));
    await server.door.subscribed(1);
    for (let turn = 1; turn <= 10; turn++) {
      const expiresAt = Date.now() + 1_000 + turn;
      client.send({ type: 'ping', payload: { token: String(expiresAt) } });
      expect(await client.next()).toEqual({
        type: 'pong',
        payload: { refreshed: true, expiresAt: new Date(expiresAt).toISOString() },
      });
      await new Promise((resolve) => setTimeout(resolve, 110));
    }
    server.door.subscriptions[0]?.sink.next(tick(1), false);
    expect(await client.next()).toMatchObject({ id: '1', type: 'next' });
    expect(server.door.subscriptions[0]?.renewed).toBe(10);
  });

  it('stays when the next one is refused, and says why', async () => {
    const client = await ready({ token: String(Date.now() + 60_000) });
    client.send({ type: 'ping', payload: { token: 'bad' } });
    expect(await client.next()).toMatchObject({
      type: 'pong',
      payload: { refreshed: false, errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] },
    });
    client.send(subscribe('1', '{ hello }'));
    expect(await client.next()).toMatchObject({ type: 'next' });
  });
});

describe('a credential that is looked at again', () => {
  it('ends what it began once it was revoked, and nothing of another socket', async () => {
    await start({ recheckMs: 20 });
    const [client, other] = [await ready({ token: String(Date.now() + 60_000) }), await ready()];
    for (const one of [client, other]) one.send(subscribe('1'));
    await server.door.subscribed(2);
    server.door.renewal = async (scope) => {
      if (Number.isFinite(server.door.rights.expiryOf(scope)))
        throw new ClientError('UNAUTHENTICATED', 'The credentials were refused.');
      return undefined;
    };
    expect(await client.next()).toMatchObject({
      id: '1',
      type: 'error',
      payload: [{ extensions: { code: 'UNAUTHENTICATED' } }],
    });
    client.send({ type: 'ping' });
    expect(await client.next()).toEqual({ type: 'pong' });
    server.door.subscriptions[1]?.sink.next(tick(1), false);
    expect(await other.next()).toMatchObject({ id: '1', type: 'next' });
  });
});

describe('what policies tell of the beginning of a subscription', () => {
  const told = { cost: { estimated: 3 } };
  const begin = async () => {
    await start();
    const client = await ready();
    client.send(subscribe('1', 'subscription { ticks }', { told }));
    await server.door.subscribed(1);
    const { sink } = server.door.subscriptions[0]!;
    return { client, sink };
  };

  it('comes with its first event, and with no other', async () => {
    const { client, sink } = await begin();
    sink.next(tick(1), false);
    sink.next(tick(2), false);
    expect(await client.next()).toMatchObject({ payload: { data: { ticks: 1 }, extensions: told } });
    expect(await client.next()).toEqual({ id: '1', type: 'next', payload: { data: { ticks: 2 } } });
  });

  it('has what is left of its limits, as headers would over HTTP', async () => {
    await start();
    const quota = { name: 'general', max: 5, windowMs: 60_000, remaining: 4, resetMs: 1_500 };
    server.door.told = { rateLimits: { quotas: [quota], retryAfterMs: undefined } };
    const client = await ready();
    client.send(subscribe('1'));
    await server.door.subscribed(1);
    server.door.subscriptions[0]?.sink.next(tick(1), false);
    const { payload } = await client.next();
    expect(payload).toEqual({
      data: { ticks: 1 },
      extensions: {
        rateLimit: { quotas: [{ name: 'general', max: 5, windowSeconds: 60, remaining: 4, resetSeconds: 2 }] },
      },
    });
  });

  it('stands beside a gap', async () => {
    const { client, sink } = await begin();
    const gap = { reason: 'RECONNECTED' };
    sink.next(JSON.stringify({ data: { ticks: 1 }, extensions: { gap } }), true);
    expect(await client.next()).toMatchObject({ payload: { data: { ticks: 1 }, extensions: { gap, ...told } } });
  });
});

describe('a client that does not read', () => {
  const large = 'x'.repeat(20_000);
  const event = (number: number) => JSON.stringify({ data: { ticks: number, large } });

  async function blocked(): Promise<Client> {
    const client = await ready();
    client.send(subscribe('1'));
    await server.door.subscribed(1);
    (client.socket as unknown as { _socket: { pause(): void } })._socket.pause();
    return client;
  }
  const resume = ({ socket }: Client) => (socket as unknown as { _socket: { resume(): void } })._socket.resume();
  /** Far more than the kernel's buffers hold. */
  const flood = async (): Promise<void> => {
    for (let number = 1; number <= 2_000; number++) {
      server.door.subscriptions[0]?.sink.next(event(number), false);
      if (number % 50 === 0) await new Promise(setImmediate);
    }
  };

  it('loses the oldest events and is told so when it reads again', async () => {
    await start({ maxQueuedMessages: 10 });
    const client = await blocked();
    await flood();
    resume(client);
    const numbers: number[] = [];
    const gaps: number[] = [];
    while (numbers.at(-1) !== 2_000) {
      const { payload } = (await client.next()) as unknown as {
        payload: { data: { ticks: number }; extensions?: { gap: { reason: string } } };
      };
      if (payload.extensions) gaps.push(payload.data.ticks);
      if (payload.extensions) expect(payload.extensions.gap.reason).toBe('SLOW_CONSUMER');
      numbers.push(payload.data.ticks);
    }
    expect(numbers.length).toBeLessThan(2_000);
    // Each place where a number is missing is marked, and no other.
    expect(gaps).toEqual(numbers.filter((number, index) => number !== (numbers[index - 1] ?? 0) + 1));
  });

  it('gets the latest event alone where that is configured', async () => {
    await start({ slowConsumers: 'latestOnly' });
    const client = await blocked();
    await flood();
    resume(client);
    const numbers: number[] = [];
    while (numbers.at(-1) !== 2_000)
      numbers.push(((await client.next()) as unknown as { payload: { data: { ticks: number } } }).payload.data.ticks);
    expect(numbers.at(-2)).toBeLessThan(1_999);
  });

  it('is disconnected where that is configured, and slows no other', async () => {
    await start({ slowConsumers: 'disconnect', maxQueuedMessages: 10 });
    await blocked();
    const other = await ready();
    other.send(subscribe('1'));
    await server.door.subscribed(2);
    await flood();
    server.door.subscriptions[1]?.sink.next(tick(1), false);
    expect(await other.next()).toMatchObject({ type: 'next' });
    expect(server.door.subscriptions[0]?.stopped).toBe('slow');
  });
});

describe('the end of the server', () => {
  it('closes every socket with 1001 within the time it has, and stops what ran', async () => {
    await start();
    const clients = [await ready(), await ready(), await ready()];
    for (const client of clients) client.send(subscribe('1'));
    await server.door.subscribed(3);
    const [codes] = await Promise.all([
      Promise.all(clients.map(({ closed }) => closed)),
      server.http.close({ timeoutMs: 500, idleGraceMs: 0 }),
    ]);
    expect(codes.map(({ code }) => code)).toEqual([1001, 1001, 1001]);
    expect(server.door.subscriptions.map(({ stopped }) => stopped)).toEqual(['shutdown', 'shutdown', 'shutdown']);
  });
});

async function waitFor(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}
