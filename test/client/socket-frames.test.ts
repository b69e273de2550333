import {
  closeFrame,
  frame,
  opcodes,
  openRawWebSocket,
  type RawWebSocket,
  textFrame,
  type UpgradeOptions,
} from '../support/raw-websocket';
import { httpDefaults, startTestServer, stopTestServer, type TestServer } from './http-server';

/**
 * The WebSocket door against whoever knows RFC 6455 and graphql-transport-ws and means harm. Real: HTTP server, `ws`,
 * sockets; the client writes its frames itself. Fake: the way behind the door. Observed: messages, close codes, and that
 * behind the door everything is stopped that one of these sockets has begun.
 */
let server: TestServer;
let port: number;
const sockets: RawWebSocket[] = [];

beforeAll(async () => {
  server = await startTestServer({ subscriptions: { ...httpDefaults.subscriptions, maxMessageBytes: 100_000 } });
  port = Number(new URL(await server.http.listen(0, '127.0.0.1')).port);
});
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.destroy();
  await waitFor(() => server.door.subscriptions.every(({ stopped }) => stopped === 'client'));
  await waitFor(() => server.door.counts.disposed === server.door.requests.length);
});
afterAll(() => stopTestServer(server));

async function waitFor(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const open = async (options?: UpgradeOptions): Promise<RawWebSocket> => {
  const opened = await openRawWebSocket(port, options);
  sockets.push(opened);
  return opened;
};
const subscribe = (id: string, query = 'subscription { ticks }', payload: object = {}) =>
  textFrame({ id, type: 'subscribe', payload: { query, ...payload } });

/** A socket that is acknowledged. */
async function ready(): Promise<RawWebSocket> {
  const opened = await open();
  opened.send(textFrame({ type: 'connection_init' }));
  expect(await opened.message()).toEqual({ type: 'connection_ack' });
  return opened;
}
/** A socket with a subscription that runs. */
async function listening(): Promise<RawWebSocket> {
  const opened = await ready();
  const count = server.door.subscriptions.length + 1;
  opened.send(subscribe('1'));
  await server.door.subscribed(count);
  return opened;
}
async function expectAlive(client: RawWebSocket): Promise<void> {
  client.send(textFrame({ type: 'ping' }));
  expect(await client.message()).toEqual({ type: 'pong' });
}

describe('a message in pieces', () => {
  const message = Buffer.from('{"id":"é","type":"subscribe","payload":{"query":"{ hello }"}}');

  it('is read, wherever it is cut, and with control frames in between', async () => {
    const client = await ready();
    const bytes = [...message].map((byte) => Buffer.from([byte]));
    client.send(
      ...bytes.flatMap((byte, index) => [
        frame(index === 0 ? opcodes.text : opcodes.continuation, byte, { isFinal: index === bytes.length - 1 }),
        ...(index % 20 === 10 ? [frame(opcodes.ping, String(index)), frame(opcodes.pong)] : []),
      ]),
    );
    for (const index of [10, 30, 50])
      expect(await client.next()).toEqual({ opcode: opcodes.pong, payload: Buffer.from(String(index)) });
    expect(await client.message()).toMatchObject({ id: 'é', type: 'next' });
  });

  it('is read when each byte of its frame comes alone', async () => {
    const client = await ready();
    client.socket.setNoDelay();
    for (const byte of textFrame({ type: 'ping' })) {
      client.send(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await client.message()).toEqual({ type: 'pong' });
  });

  it('of thousands of pieces that hold nothing ends the socket', async () => {
    const client = await listening();
    client.send(frame(opcodes.text, '{"type":"ping"', { isFinal: false }));
    const empty = frame(opcodes.continuation, '', { isFinal: false });
    client.send(...Array.from({ length: 50_000 }, () => empty));
    expect(await client.closeCode()).toBe(1008);
  });

  it('is too large when all of it is', async () => {
    const client = await listening();
    client.send(frame(opcodes.text, 'x'.repeat(60_000), { isFinal: false }));
    client.send(frame(opcodes.continuation, 'x'.repeat(60_000)));
    expect(await client.closeCode()).toBe(1009);
  });

  it('is no UTF-8 when a character is cut off at its end', async () => {
    const client = await listening();
    client.send(frame(opcodes.text, message.subarray(0, 8), { isFinal: false }));
    client.send(frame(opcodes.continuation, '"}'));
    expect(await client.closeCode()).toBe(1007);
  });
});

const twoFrames = (second: Buffer) => Buffer.concat([frame(opcodes.text, '{', { isFinal: false }), second]);

describe('a frame that is none', () => {
  it.each<[string, Buffer, number]>([
    ['with the second reserved bit', frame(opcodes.text, '{}', { reserved: 2 }), 1002],
    ['with the third reserved bit', frame(opcodes.text, '{}', { reserved: 1 }), 1002],
    ['that is compressed, which was not agreed on', frame(opcodes.text, '{}', { reserved: 4 }), 1002],
    ...[3, 7, 11, 15].map((opcode): [string, Buffer, number] => [`of opcode ${opcode}`, frame(opcode), 1002]),
    ['that begins a message within another', twoFrames(frame(opcodes.text, '}')), 1002],
    ['that is binary within a text', twoFrames(frame(opcodes.binary, '}')), 1002],
    ['a ping of 126 bytes', frame(opcodes.ping, 'x'.repeat(126)), 1002],
    ['a close of 126 bytes', closeFrame(1000, 'x'.repeat(124)), 1002],
    ['a close in two frames', frame(opcodes.close, '', { isFinal: false }), 1002],
    ['a length of 2^63 bytes', Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]), 1009],
    ['a length of all bits', Buffer.from([0x81, 0xff, 255, 255, 255, 255, 255, 255, 255, 255]), 1009],
  ])('%s ends the socket', async (_name, bytes, code) => {
    const client = await listening();
    client.send(bytes);
    expect(await client.closeCode()).toBe(code);
  });
});

describe('a close frame', () => {
  it.each([1000, 1001, 1011, 3000, 4000, 4499, 4999])('of code %d is answered with the same', async (code) => {
    const client = await listening();
    client.send(closeFrame(code, 'Good bye.'));
    expect(await client.closeCode()).toBe(code);
  });

  it('without a code is answered', async () => {
    const client = await listening();
    client.send(frame(opcodes.close));
    expect(await client.closeCode()).toBe(1005);
  });

  it.each([0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535])(
    'of the reserved code %d is a mistake',
    async (code) => {
      const client = await listening();
      client.send(closeFrame(code));
      expect(await client.closeCode()).toBe(1002);
    },
  );

  it('of half a code is a mistake', async () => {
    const client = await listening();
    client.send(frame(opcodes.close, 'x'));
    expect(await client.closeCode()).toBe(1002);
  });

  it('whose reason is no UTF-8 is a mistake', async () => {
    const client = await listening();
    client.send(closeFrame(1000, Buffer.from([0xff])));
    expect(await client.closeCode()).toBe(1007);
  });

  it('is the last thing that is heard', async () => {
    const client = await listening();
    const { prepared } = server.door.counts;
    client.send(closeFrame(1000), subscribe('2'), textFrame({ type: 'ping' }));
    expect(await client.closeCode()).toBe(1000);
    expect(await client.next()).toBeUndefined();
    expect(server.door.counts.prepared).toBe(prepared);
  });

  it('of the gateway is the last thing that is done', async () => {
    const client = await listening();
    const { prepared } = server.door.counts;
    client.send(textFrame('nothing'), subscribe('2'), textFrame({ type: 'connection_init' }), textFrame('nothing'));
    expect(await client.closeCode()).toBe(4400);
    expect(server.door.counts.prepared).toBe(prepared);
  });
});

it('a connection that ends without a word leaves nothing', async () => {
  const [half, reset, cut] = [await listening(), await listening(), await listening()];
  half.socket.end();
  reset.socket.resetAndDestroy();
  cut.send(subscribe('2').subarray(0, 20));
  cut.socket.end();
  await waitFor(() => server.door.subscriptions.every(({ stopped }) => stopped === 'client'));
});

describe('an upgrade', () => {
  const headOf = async (options: UpgradeOptions) => (await open(options)).head;

  it('agrees on no compression', async () => {
    const headers = {
      'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits, x-webkit-deflate-frame',
    };
    const client = await open({ headers });
    expect(client.head).toMatch(/^HTTP\/1.1 101 /);
    expect(client.head.toLowerCase()).not.toContain('sec-websocket-extensions');
  });

  it.each(['graphql-ws, graphql-transport-ws', 'graphql-transport-ws,other', ' graphql-transport-ws '])(
    'of the subprotocols "%s" takes its own',
    async (offered) => {
      const client = await open({ headers: { 'sec-websocket-protocol': offered } });
      expect(client.head.toLowerCase()).toContain('sec-websocket-protocol: graphql-transport-ws\r\n');
    },
  );

  it.each([undefined, 'graphql-ws', 'GraphQL-Transport-WS', 'graphql-transport-ws2'])(
    'of the subprotocol %s alone is closed with 4406',
    async (offered) => {
      const client = await open({ headers: { 'sec-websocket-protocol': offered } });
      expect(client.head.toLowerCase()).not.toContain('sec-websocket-protocol');
      client.send(textFrame({ type: 'connection_init' }), subscribe('1'));
      expect(await client.closeCode()).toBe(4406);
    },
  );

  it.each<[string, UpgradeOptions, RegExp]>([
    ['of an empty list of subprotocols', { headers: { 'sec-websocket-protocol': '' } }, /^HTTP\/1.1 400 /],
    ['of a subprotocol twice', { headers: { 'sec-websocket-protocol': 'a, a' } }, /^HTTP\/1.1 400 /],
    ['with a key that is too short', { headers: { 'sec-websocket-key': 'AA==' } }, /^HTTP\/1.1 400 /],
    ['by POST', { method: 'POST' }, /^HTTP\/1.1 405 /],
    ['of another path', { path: '/graphql/other' }, /^HTTP\/1.1 404 /],
    ['of a path that hides another', { path: '/other?/graphql' }, /^HTTP\/1.1 404 /],
    ['of a whole URL elsewhere', { path: 'http://evil.test/other' }, /^HTTP\/1.1 404 /],
    ['of a foreign page', { headers: { origin: 'http://evil.test' } }, /^HTTP\/1.1 403 /],
    ['of a page without an origin', { headers: { origin: 'null' } }, /^HTTP\/1.1 403 /],
    ['of an origin that is none', { headers: { origin: '//gateway.test' } }, /^HTTP\/1.1 403 /],
    ['to several protocols', { headers: { upgrade: 'h2c, websocket' } }, /^HTTP\/1.1 400 /],
  ])('%s is refused over HTTP', async (_name, options, status) => {
    const head = await headOf(options);
    expect(head).toMatch(status);
    expect(head.toLowerCase()).not.toContain('sec-websocket-accept');
  });

  it('with a body takes that for frames, which it is not', async () => {
    const body = '{"query":"mutation { increment }"}';
    const client = await open({ headers: { 'content-length': String(body.length) }, body });
    expect(await client.closeCode()).toBe(1002);
    expect(server.door.counts.incremented).toBe(0);
  });

  it('with its first messages in the same packet is served', async () => {
    const client = await open({ body: textFrame({ type: 'connection_init' }) });
    expect(await client.message()).toEqual({ type: 'connection_ack' });
  });
});

describe('a payload', () => {
  const deep = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

  it.each(['1', '"token"', 'true', '[]', '[{}]'])('of connection_init must be an object, not %s', async (payload) => {
    const client = await open();
    client.send(textFrame(`{"type":"connection_init","payload":${payload}}`));
    expect(await client.closeCode()).toBe(4400);
  });

  it.each(['null', '{}', deep(15_000), '{"__proto__":{"token":"bad"},"constructor":1}'])(
    'of connection_init may be anything else',
    async (payload) => {
      const client = await open();
      client.send(textFrame(`{"type":"connection_init","payload":${payload}}`));
      expect(await client.message()).toEqual({ type: 'connection_ack' });
      await expectAlive(client);
    },
  );

  it.each([
    'null',
    '"{ hello }"',
    '[]',
    '{"query":null}',
    '{"query":["{ hello }"]}',
    '{"query":"{ hello }","variables":[]}',
    '{"query":"{ hello }","variables":"{}"}',
    '{"query":"{ hello }","variables":1}',
    '{"query":"{ hello }","operationName":1}',
    '{"query":"{ hello }","extensions":"{}"}',
    '{"query":"{ hello }","extensions":[]}',
  ])('of subscribe may not be %s', async (payload) => {
    const client = await listening();
    client.send(textFrame(`{"id":"2","type":"subscribe","payload":${payload}}`));
    expect(await client.closeCode()).toBe(4400);
  });

  it.each(['', 1, null, true, {}, ['1']])('needs the id of an operation that is a text, not %j', async (id) => {
    const client = await listening();
    client.send(textFrame(JSON.stringify({ id, type: 'subscribe', payload: { query: '{ hello }' } })));
    expect(await client.closeCode()).toBe(4400);
  });

  it.each([
    { id: '1', type: 'next', payload: { data: {} } },
    { id: '1', type: 'error', payload: [{ message: 'No.' }] },
    { type: 'connection_ack' },
    { type: 'start', id: '1' },
    { type: 'Ping' },
    { type: ['ping'] },
  ])('is not taken in what only servers say, or nobody: %j', async (message) => {
    const client = await listening();
    client.send(textFrame(message));
    expect(await client.closeCode()).toBe(4400);
  });

  it('may ask for variables that are nested deep, and gets an answer', async () => {
    const client = await ready();
    client.send(textFrame(`{"id":"1","type":"subscribe","payload":{"query":"{ hello }","variables":${deep(15_000)}}}`));
    expect(await client.message()).toMatchObject({ id: '1', type: 'next' });
    expect(await client.message()).toEqual({ id: '1', type: 'complete' });
    await expectAlive(client);
  });
});

describe('an id', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', '\0', ' ', '\ud800', 'x'.repeat(50_000)])(
    'is nothing but a name',
    async (id) => {
      const client = await ready();
      const count = server.door.subscriptions.length + 1;
      client.send(subscribe(id));
      await server.door.subscribed(count);
      server.door.subscriptions.at(-1)?.sink.next('{"data":{"ticks":1}}', false);
      expect(await client.message()).toEqual({ id, type: 'next', payload: { data: { ticks: 1 } } });
      client.send(textFrame({ id, type: 'complete' }));
      await expectAlive(client);
      expect(server.door.subscriptions.at(-1)?.stopped).toBe('client');
      client.send(subscribe(id, '{ hello }'));
      expect(await client.message()).toMatchObject({ id, type: 'next' });
    },
  );

  it('of an operation that was refused is free again', async () => {
    const client = await ready();
    for (let turn = 0; turn < 30; turn++) {
      client.send(subscribe('1', '{ nothing }'));
      expect(await client.message()).toMatchObject({ id: '1', type: 'error' });
    }
  });

  it('that was completed twice, or never begun, is no mistake', async () => {
    const client = await listening();
    for (const id of ['1', '1', '2']) client.send(textFrame({ id, type: 'complete' }));
    await expectAlive(client);
  });
});

describe('a new token', () => {
  /** Tokens are checked when the test says so: calls of what is returned check one. */
  function holdChecks(): { readonly waiting: (() => void)[]; release(): void } {
    const { sockets: contexts } = server.door;
    const { refresh } = contexts;
    const waiting: (() => void)[] = [];
    const held: typeof refresh = async (...given) => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return refresh(...given);
    };
    Object.assign(contexts, { refresh: held });
    return { waiting, release: () => Object.assign(contexts, { refresh }) };
  }
  const refreshed = (at: number) => ({
    type: 'pong',
    payload: { refreshed: true, expiresAt: new Date(at).toISOString() },
  });
  const refreshWith = (at: number) => textFrame({ type: 'ping', payload: { token: String(at) } });

  it('counts as the last one that was sent, whichever of them could be checked first', async () => {
    const client = await listening();
    const { waiting, release } = holdChecks();
    const first = Date.now() + 60_000;
    client.send(refreshWith(first), refreshWith(first + 1), textFrame({ type: 'ping' }));
    expect(await client.message()).toEqual({ type: 'pong' });
    for (let checked = 0; checked < 2; checked++) {
      await waitFor(() => waiting.length > 0);
      waiting.pop()?.();
    }
    expect([await client.message(), await client.message()]).toEqual([refreshed(first), refreshed(first + 1)]);
    release();
  });

  it('holds up no event, and no other message', async () => {
    const client = await listening();
    const { waiting, release } = holdChecks();
    const at = Date.now() + 60_000;
    client.send(refreshWith(at), textFrame({ type: 'ping' }));
    expect(await client.message()).toEqual({ type: 'pong' });
    server.door.subscriptions.at(-1)?.sink.next('{"data":{"ticks":1}}', false);
    expect(await client.message()).toMatchObject({ id: '1', type: 'next' });
    waiting.pop()?.();
    expect(await client.message()).toEqual(refreshed(at));
    release();
  });
});
