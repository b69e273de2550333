/**
 * Real: connections over bare sockets, servers that write bytes as they like. Fake: nothing.
 * Observed: what a call is told, what the server received, and which socket it came by.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionFailure, Connections } from '../../src/subgraph/connections';

const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
const good = `${head}content-length: 2\r\n\r\n{}`;

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** A server that answers each write of a client, the whole request as they are small, by `answer`. */
async function serve(answer: (request: string, socket: Socket, socketNumber: number) => void) {
  const requests: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    const number = sockets.push(socket) - 1;
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      requests.push(bytes.toString('latin1'));
      answer(bytes.toString('latin1'), socket, number);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const connections = new Connections(origin, {
    maxConnections: 4,
    connectTimeoutMs: 1_000,
    http2: false,
  });
  opened.push(async () => {
    await connections.destroy();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { connections, requests, sockets, origin };
}

interface Outcome {
  status?: number;
  text?: string;
  failure?: ConnectionFailure;
}

function send(
  connections: Connections,
  body = '{}',
  headers: string[] = [],
  kind: 'query' | 'mutation' = 'query',
): Promise<Outcome> {
  return new Promise((resolve) => {
    let status = 0;
    const pieces: Buffer[] = [];
    connections.send(
      { path: '/graphql?a=b', headers, body, kind },
      {
        onHeaders: (given) => {
          status = given;
        },
        onData: (bytes) => {
          pieces.push(Buffer.from(bytes));
        },
        onEnd: () => resolve({ status, text: Buffer.concat(pieces).toString() }),
        onFailure: (failure) => resolve({ failure }),
      },
    );
  });
}

describe('a request over a bare socket', () => {
  it('is what HTTP/1.1 asks for', async () => {
    const { connections, requests, origin } = await serve((_request, socket) => socket.write(good));
    await send(connections, '{"query":"{ me }"}', ['content-type', 'application/json', 'x-tab', 'a\tb']);
    expect(requests).toEqual([
      [
        'POST /graphql?a=b HTTP/1.1',
        `host: ${new URL(origin).host}`,
        'connection: keep-alive',
        'content-length: 18',
        'content-type: application/json',
        'x-tab: a\tb',
        '',
        '{"query":"{ me }"}',
      ].join('\r\n'),
    ]);
  });

  it('carries headers in Latin-1 and a body in UTF-8, each beside the other', async () => {
    const { connections, requests } = await serve((_request, socket) => socket.write(good));
    const bodies = ['plain', 'žluť 🐎', '"\u00e9"'];
    for (const body of bodies) {
      for (const value of ['plain', 'caf\xe9']) await send(connections, body, ['x-name', value]);
    }
    const received = requests.map((request) => {
      const [headers = '', body = ''] = request.split('\r\n\r\n');
      const length = Number(/content-length: (\d+)/.exec(headers)?.[1]);
      return [/x-name: (.*)/.exec(headers)?.[1], Buffer.from(body, 'latin1').toString('utf8'), length === body.length];
    });
    expect(received).toEqual(bodies.flatMap((body) => ['plain', 'caf\xe9'].map((value) => [value, body, true])));
  });

  it.each([
    ['x-identity', 'a\r\nx-admin: yes'],
    ['x-identity', 'a\nb'],
    ['x-identity', 'a\rb'],
    ['x-identity', 'a\0b'],
    ['x-identity', 'a\u0100b'],
    ['x-identity: yes\r\nx-admin', 'yes'],
    ['x identity', 'yes'],
    ['', 'yes'],
  ])('is not sent with the header %j: %j', async (name, value) => {
    const { connections, requests } = await serve((_request, socket) => socket.write(good));
    const { failure } = await send(connections, '{}', [name, value]);
    expect(failure).toEqual({ reason: 'INVALID_HEADER', sent: false });
    expect(await send(connections)).toEqual({ status: 200, text: '{}' });
    expect(requests).toHaveLength(1);
  });
});

describe('a socket', () => {
  it('is used again after an answer of each kind that tells its end', async () => {
    const answers = [
      good,
      `${head}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
      'HTTP/1.1 204 No Content\r\n\r\n',
      `HTTP/1.1 100 Continue\r\n\r\n${good}`,
    ];
    const { connections, sockets } = await serve((_request, socket) => socket.write(answers.shift() ?? good));
    const statuses: (number | undefined)[] = [];
    for (let index = 0; index < 5; index++) statuses.push((await send(connections)).status);
    expect(statuses).toEqual([200, 200, 204, 200, 200]);
    expect(sockets).toHaveLength(1);
  });

  it.each([
    ['says that it closes', `${head}connection: close\r\ncontent-length: 2\r\n\r\n{}`, '{}'],
    ['speaks HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}', '{}'],
    ['sends more than it has announced', `${good}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged`, '{}'],
    ['keeps it for less than a second', `${head}keep-alive: timeout=1\r\ncontent-length: 2\r\n\r\n{}`, '{}'],
  ])('is not used again when its server %s', async (_name, bytes, text) => {
    const { connections, sockets } = await serve((_request, socket) => socket.write(bytes));
    for (let index = 0; index < 3; index++) expect(await send(connections)).toEqual({ status: 200, text });
    expect(sockets).toHaveLength(3);
  });

  it('is not used again when bytes come that nobody asked for', async () => {
    const { connections, sockets } = await serve((_request, socket, number) => {
      socket.write(good);
      if (number === 0) setTimeout(() => socket.write(`${head}content-length: 6\r\n\r\nforged`), 5);
    });
    expect(await send(connections)).toEqual({ status: 200, text: '{}' });
    await sleep(30);
    expect(await send(connections, '{}', [], 'mutation')).toEqual({ status: 200, text: '{}' });
    expect(sockets).toHaveLength(2);
  });

  it('is not used again when the answer came before the request was out', async () => {
    const { connections, sockets } = await serve((request, socket, number) => {
      if (number > 0) socket.write(good);
      else if (request.startsWith('POST')) {
        socket.pause();
        socket.write(good);
      }
    });
    expect(await send(connections, 'x'.repeat(20_000_000))).toEqual({ status: 200, text: '{}' });
    expect(await send(connections)).toEqual({ status: 200, text: '{}' });
    expect(sockets).toHaveLength(2);
  });

  it('carries an answer that ends with the connection', async () => {
    const { connections } = await serve((_request, socket) => {
      socket.write(`${head}\r\n{"data":`);
      setTimeout(() => socket.end('{}}'), 5);
    });
    expect(await send(connections)).toEqual({ status: 200, text: '{"data":{}}' });
  });

  it.each([
    ['another protocol', '+OK POP3 ready\r\n\r\n', 'NOT_HTTP'],
    ['two lengths', `${head}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`, 'BAD_HEADER'],
    ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', 'UNASKED_RESPONSE'],
  ])('that speaks %s is closed, and its request fails', async (_name, bytes, reason) => {
    const { connections, sockets } = await serve((_request, socket, number) =>
      socket.write(number === 0 ? bytes : good),
    );
    expect(await send(connections)).toEqual({ failure: { reason, sent: true } });
    expect(await send(connections)).toEqual({ status: 200, text: '{}' });
    await sleep(20);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, false]);
  });

  it('brings an answer that comes byte by byte, and one that is larger than what is read at a time', async () => {
    const large = JSON.stringify({ data: 'žluť '.repeat(100_000) });
    const { connections, sockets } = await serve(async (request, socket) => {
      if (request.includes('large')) {
        socket.write(`${head}content-length: ${Buffer.byteLength(large)}\r\n\r\n${large}`);
        return;
      }
      socket.setNoDelay(true);
      for (const byte of `${head}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`) {
        socket.write(byte);
        await new Promise(setImmediate);
      }
    });
    expect(await send(connections, 'slow')).toEqual({ status: 200, text: '{}' });
    expect((await send(connections, 'large')).text === large).toBe(true);
    expect(sockets).toHaveLength(1);
  });

  it('does not mix answers that are read at the same time', async () => {
    const { connections } = await serve(async (request, socket) => {
      const body = JSON.stringify(request.slice(-1).repeat(200_000));
      const bytes = `${head}content-length: ${body.length}\r\n\r\n${body}`;
      for (let at = 0; at < bytes.length; at += 30_000) {
        socket.write(bytes.slice(at, at + 30_000));
        await new Promise(setImmediate);
      }
    });
    const texts = await Promise.all(['a', 'b', 'c', 'd'].map(async (name) => (await send(connections, name)).text));
    const expected = ['a', 'b', 'c', 'd'].map((name) => JSON.stringify(name.repeat(200_000)));
    expect(texts.map((text, index) => text === expected[index])).toEqual([true, true, true, true]);
  });

  it('is closed when it has rested for as long as its server keeps it, less a second', async () => {
    const { connections, sockets } = await serve((_request, socket) =>
      socket.write(`${head}keep-alive: timeout=2\r\ncontent-length: 2\r\n\r\n{}`),
    );
    await send(connections);
    expect(connections.stats.sockets).toBe(1);
    await sleep(1_300);
    expect(connections.stats.sockets).toBe(0);
    await send(connections);
    expect(sockets).toHaveLength(2);
  });

  it('finds its server by a name with several addresses, of which one is refused', async () => {
    const { origin } = await serve((_request, socket) => socket.write(good));
    const connections = new Connections(origin.replace('127.0.0.1', 'localhost'), {
      maxConnections: 1,
      connectTimeoutMs: 1_000,
      http2: false,
    });
    opened.push(() => connections.destroy());
    for (let index = 0; index < 2; index++) expect(await send(connections)).toEqual({ status: 200, text: '{}' });
  });

  it('that cannot be made in time is given up', async () => {
    // A server that never takes part in the TLS handshake.
    const { origin } = await serve(() => {});
    const connections = new Connections(origin.replace('http:', 'https:'), {
      maxConnections: 1,
      connectTimeoutMs: 50,
      http2: false,
    });
    opened.push(() => connections.destroy());
    expect(await send(connections)).toEqual({ failure: { reason: 'CONNECT_TIMEOUT', sent: false } });
    expect(connections.stats).toMatchObject({ running: 0, waiting: 0 });
  });
});
