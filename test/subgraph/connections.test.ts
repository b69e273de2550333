/**
 * Real: the connections, both channels, sockets, TLS, HTTP/1.1 and HTTP/2 servers on loopback.
 * Observed: what a sink is told, and how many sockets and requests the server saw.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { type ConnectionFailure, Connections, type ConnectionsOptions } from '../../src/subgraph/connections';

const cert = readFileSync(join(__dirname, 'tls/localhost.cert.pem'), 'utf8');
const key = readFileSync(join(__dirname, 'tls/localhost.key.pem'), 'utf8');

interface Told {
  status: number;
  text: string;
  ended: boolean;
  failure: ConnectionFailure | undefined;
  cancel: () => void;
  done: Promise<Told>;
}

const opened: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

function connect(origin: string, options: Partial<ConnectionsOptions> = {}): Connections {
  const connections = new Connections(origin, {
    maxConnections: 10,
    connectTimeoutMs: 1_000,
    http2: false,
    ...options,
  });
  opened.push(() => connections.destroy());
  return connections;
}

function send(connections: Connections, body = '{}', kind: 'query' | 'mutation' = 'query'): Told {
  let finish: (told: Told) => void;
  const told: Told = {
    status: 0,
    text: '',
    ended: false,
    failure: undefined,
    cancel: () => {},
    done: new Promise((resolve) => {
      finish = resolve;
    }),
  };
  told.cancel = connections.send(
    { path: '/', headers: ['content-type', 'application/json'], body, kind },
    {
      onHeaders: (status) => {
        told.status = status;
      },
      onData: (chunk) => {
        told.text += chunk.toString();
      },
      onEnd: () => {
        told.ended = true;
        finish(told);
      },
      onFailure: (failure) => {
        told.failure = failure;
        finish(told);
      },
    },
  );
  return told;
}

type Answer = (body: string, response: ServerResponse, socket: Socket) => void;

/** A server that knows which sockets and bodies it has seen; `protocol` decides the scheme. */
async function serve(answer: Answer, protocol: 'http' | 'https' | 'h2' = 'http') {
  const seen = { bodies: [] as string[], sockets: new Set<Socket>(), accepted: 0 };
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      seen.bodies.push(body);
      answer(body, response, request.socket);
    });
  };
  let server: Server;
  if (protocol === 'http') server = createServer({ keepAliveTimeout: 60_000 }, handle);
  else if (protocol === 'https') server = createTlsServer({ cert, key }, handle);
  else server = createSecureServer({ cert, key, allowHTTP1: true }, handle as never);
  server.on('connection', (socket: Socket) => {
    seen.accepted++;
    seen.sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => seen.sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = (server.address() as AddressInfo).port;
  opened.push(async () => {
    for (const socket of seen.sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { seen, origin: `${protocol === 'http' ? 'http' : 'https'}://127.0.0.1:${port}` };
}

/** An answer that waits to be let go, one by one. */
function gate(): { answer: Answer; waiting: (() => void)[]; arrived(count: number): Promise<void> } {
  const waiting: (() => void)[] = [];
  return {
    waiting,
    answer: (body, response) => void waiting.push(() => response.end(body)),
    arrived: (count) => until(() => waiting.length >= count),
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const echo: Answer = (body, response) => response.end(body);

describe('connections to a subgraph', () => {
  it('are kept alive and used again', async () => {
    const { seen, origin } = await serve(echo);
    const connections = connect(origin);
    for (let i = 0; i < 20; i++)
      expect(await send(connections, `"${i}"`).done).toMatchObject({ status: 200, text: `"${i}"` });
    expect(seen.accepted).toBe(1);
    expect(connections.stats).toEqual({ sockets: 1, running: 0, waiting: 0 });
  });

  it('are bounded, and calls wait for one in order', async () => {
    const { answer, waiting, arrived } = gate();
    const { seen, origin } = await serve(answer);
    const connections = connect(origin, { maxConnections: 2 });
    const calls = ['1', '2', '3', '4', '5'].map((body) => send(connections, body));
    await arrived(2);
    expect(connections.stats).toEqual({ sockets: 2, running: 2, waiting: 3 });
    for (let i = 0; i < 5; i++) {
      await arrived(1);
      waiting.shift()!();
      await until(() => calls.filter((call) => call.ended).length === i + 1);
    }
    expect(calls.map((call) => call.text)).toEqual(['1', '2', '3', '4', '5']);
    expect([...seen.bodies.slice(0, 2)].sort()).toEqual(['1', '2']);
    expect(seen.bodies.slice(2)).toEqual(['3', '4', '5']);
    expect(seen.accepted).toBe(2);
  });

  it('never see a call that was cancelled while it waited', async () => {
    const { answer, waiting, arrived } = gate();
    const { seen, origin } = await serve(answer);
    const connections = connect(origin, { maxConnections: 1 });
    const [first, second, third] = [send(connections, '1'), send(connections, '2'), send(connections, '3')];
    await arrived(1);
    second!.cancel();
    expect(connections.stats.waiting).toBe(1);
    waiting.shift()!();
    await arrived(1);
    waiting.shift()!();
    await third!.done;
    await first!.done;
    expect(seen.bodies).toEqual(['1', '3']);
    expect(second).toMatchObject({ ended: false, failure: undefined });
  });

  it('go with a call that is cancelled while it runs, and give room to the next at once', async () => {
    const { answer, waiting, arrived } = gate();
    const { seen, origin } = await serve(answer);
    const connections = connect(origin, { maxConnections: 1 });
    const first = send(connections, '1');
    await arrived(1);
    first.cancel();
    expect(connections.stats).toMatchObject({ running: 0, waiting: 0 });
    await until(() => seen.sockets.size === 0);

    const second = send(connections, '2');
    await arrived(2);
    waiting.pop()!();
    expect(await second.done).toMatchObject({ text: '2' });
    expect(first).toMatchObject({ ended: false, failure: undefined });
    expect(seen.accepted).toBe(2);
  });

  it.each(['http', 'https', 'h2'] as const)('go to the address that was found for the name: %s', async (protocol) => {
    const hosts: (string | undefined)[] = [];
    const { origin } = await serve((body, response) => {
      const { headers } = response.req as IncomingMessage;
      hosts.push((headers[':authority'] as string | undefined) ?? headers.host);
      response.end(body);
    }, protocol);
    const { port } = new URL(origin);
    // Where `localhost` is in the certificate, nothing else resolves here.
    const name = protocol === 'http' ? 'users.test' : 'localhost';
    const at = (host: string, address: string) =>
      connect(`${new URL(origin).protocol}//${host}:${port}`, { address, tls: { ca: cert }, http2: protocol === 'h2' });
    expect(await send(at(name, '127.0.0.1')).done).toMatchObject({ status: 200 });
    expect(hosts).toEqual([`${name}:${port}`]);
    expect(await send(at(name, '127.0.0.9')).done).toMatchObject({ failure: { reason: 'ECONNREFUSED', sent: false } });
    if (protocol === 'http') return;
    // The address is in the certificate, the name is not.
    const { failure } = await send(at('users.test', '127.0.0.1')).done;
    expect(failure?.reason).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it.each(['http', 'https', 'h2'] as const)('carry a question without a body: %s', async (protocol) => {
    const asked: unknown[] = [];
    const { origin } = await serve((body, response) => {
      const { method, url, headers } = response.req as IncomingMessage;
      asked.push({ method, url, body, mark: headers['x-mark'] });
      response.writeHead(204).end();
    }, protocol);
    const connections = connect(origin, { tls: { ca: cert }, http2: protocol === 'h2' });
    for (let i = 0; i < 2; i++) {
      const status = await new Promise((resolve, reject) => {
        let seen = 0;
        connections.send(
          { method: 'GET', path: '/health?a=1', headers: ['x-mark', 'yes'], body: '', kind: 'query' },
          {
            onHeaders: (code) => {
              seen = code;
            },
            onData: () => {},
            onEnd: () => resolve(seen),
            onFailure: reject,
          },
        );
      });
      expect(status).toBe(204);
    }
    const question = { method: 'GET', url: '/health?a=1', body: '', mark: 'yes' };
    expect(asked).toEqual([question, question]);
  });

  it('are given up while they are being made when nobody waits', async () => {
    // A server that never takes part in the TLS handshake: the connection is never made.
    const sockets = new Set<Socket>();
    const server = createTcpServer((socket) => {
      sockets.add(socket.once('close', () => sockets.delete(socket)).resume());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    opened.push(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    const connections = connect(`https://127.0.0.1:${port}`, { connectTimeoutMs: 60_000 });

    const call = send(connections);
    await until(() => sockets.size === 1);
    call.cancel();

    await until(() => sockets.size === 0 && connections.stats.sockets === 0);
    expect(connections.stats).toMatchObject({ running: 0, waiting: 0 });
    expect(call).toMatchObject({ ended: false, failure: undefined });
  });

  it('are not lost when the first connect fails', async () => {
    const { seen, origin } = await serve(echo);
    const closed = connect(origin.replace(/\d+$/, '1'), { maxConnections: 1 });
    const failures = await Promise.all([send(closed).done, send(closed).done, send(closed).done]);
    for (const { failure } of failures) expect(failure).toEqual({ reason: 'ECONNREFUSED', sent: false });
    await until(() => closed.stats.sockets === 0);
    expect(closed.stats).toEqual({ sockets: 0, running: 0, waiting: 0 });
    expect(seen.accepted).toBe(0);
  });

  it.each<[string, Answer]>([
    ['closed', (_body, _response, socket) => void socket.destroy()],
    ['reset', (_body, _response, socket) => void socket.resetAndDestroy()],
  ])('that were %s while they rested never surface: a query is sent again on a fresh one', async (_how, drop) => {
    const used = new Set<Socket>();
    const { seen, origin } = await serve((body, response, socket) => {
      // The second request on a socket finds it closed, as when the subgraph's keep-alive time is over.
      if (used.has(socket)) drop(body, response, socket);
      else response.end(body);
      used.add(socket);
    });
    const connections = connect(origin);
    await Promise.all(['1', '2', '3'].map((body) => send(connections, body).done));
    const again = await Promise.all(['4', '5', '6', '7'].map((body) => send(connections, body).done));
    expect(again.map((call) => call.text)).toEqual(['4', '5', '6', '7']);
    expect(seen.bodies).toHaveLength(3 + 3 + 4);
  });

  it('send a query again once only, and not at all on a fresh connection', async () => {
    const { seen, origin } = await serve((body, response, socket) => {
      if (body === 'good') response.end(body);
      else socket.destroy();
    });
    const connections = connect(origin);
    expect(await send(connections, 'bad').done).toMatchObject({ failure: { sent: true } });
    expect(seen.bodies).toEqual(['bad']);
    await send(connections, 'good').done;
    expect(await send(connections, 'bad').done).toMatchObject({ failure: { sent: true } });
    expect(seen.bodies).toEqual(['bad', 'good', 'bad', 'bad']);
  });

  it('never send a mutation again', async () => {
    const { seen, origin } = await serve((body, response, socket) => {
      if (body === 'good') response.end(body);
      else socket.destroy();
    });
    const connections = connect(origin);
    await send(connections, 'good').done;
    expect(await send(connections, 'pay', 'mutation').done).toMatchObject({ failure: { sent: true } });
    expect(seen.bodies).toEqual(['good', 'pay']);
  });

  it('do not send a query again when its answer had begun', async () => {
    const { seen, origin } = await serve((body, response, socket) => {
      if (body === 'good') response.end(body);
      else {
        response.writeHead(200, { 'content-length': 100 }).write('half');
        setTimeout(() => socket.destroy(), 10);
      }
    });
    const connections = connect(origin);
    await send(connections, 'good').done;
    expect(await send(connections, 'half').done).toMatchObject({ status: 200, text: 'half', failure: { sent: true } });
    expect(seen.bodies).toEqual(['good', 'half']);
  });

  it('refuse a header that would split the request', async () => {
    const { seen, origin } = await serve(echo);
    const failures: ConnectionFailure[] = [];
    connect(origin).send(
      { path: '/', headers: ['x-identity', 'a\r\nx-admin: yes'], body: '{}', kind: 'query' },
      { onHeaders: () => {}, onData: () => {}, onEnd: () => {}, onFailure: (failure) => void failures.push(failure) },
    );
    expect(failures).toEqual([{ reason: 'INVALID_HEADER', sent: false }]);
    expect(seen.bodies).toEqual([]);
  });

  it('finish what is under way when they are closed, and take nothing new', async () => {
    const { answer, waiting, arrived } = gate();
    const { seen, origin } = await serve(answer);
    const connections = connect(origin, { maxConnections: 1 });
    const calls = [send(connections, '1'), send(connections, '2')];
    await arrived(1);
    const closed = connections.close();
    expect(await send(connections, '3').done).toMatchObject({ failure: { reason: 'CLOSED', sent: false } });
    waiting.shift()!();
    await arrived(1);
    waiting.shift()!();
    await closed;
    expect(calls.map((call) => call.text)).toEqual(['1', '2']);
    expect(connections.stats).toEqual({ sockets: 0, running: 0, waiting: 0 });
    await until(() => seen.sockets.size === 0);
  });

  it('fail what is under way when they are destroyed', async () => {
    const { answer, arrived } = gate();
    const { seen, origin } = await serve(answer);
    const connections = connect(origin, { maxConnections: 1 });
    const calls = [send(connections, '1'), send(connections, '2')];
    await arrived(1);
    await connections.destroy();
    expect((await calls[0]!.done).failure).toMatchObject({ sent: true });
    expect((await calls[1]!.done).failure).toMatchObject({ sent: false });
    expect(connections.stats).toEqual({ sockets: 0, running: 0, waiting: 0 });
    await until(() => seen.sockets.size === 0);
  });

  it('trust only the authorities they are told to', async () => {
    const { seen, origin } = await serve(echo, 'https');
    expect((await send(connect(origin)).done).failure).toMatchObject({ sent: false });
    expect(seen.bodies).toEqual([]);
    expect(await send(connect(origin, { tls: { ca: cert } }), '1').done).toMatchObject({ text: '1' });
  });
});

describe('connections that speak HTTP/2', () => {
  it('carry many queries at a time on one socket', async () => {
    const { answer, waiting, arrived } = gate();
    const { seen, origin } = await serve(answer, 'h2');
    const connections = connect(origin, { http2: true, tls: { ca: cert } });
    const first = send(connections, '0');
    await arrived(1);
    waiting.shift()!();
    await first.done;

    const calls = Array.from({ length: 50 }, (_, i) => send(connections, `${i + 1}`));
    await arrived(50);
    for (const finish of waiting.reverse()) finish();
    await Promise.all(calls.map((call) => call.done));

    expect(calls.map((call) => call.text)).toEqual(calls.map((_, i) => `${i + 1}`));
    expect(seen.accepted).toBe(1);
    expect(connections.stats).toEqual({ sockets: 1, running: 0, waiting: 0 });
  });

  it('lose only the stream of a call that is cancelled', async () => {
    const { answer, waiting, arrived } = gate();
    const { seen, origin } = await serve(answer, 'h2');
    const connections = connect(origin, { http2: true, tls: { ca: cert } });
    const first = send(connections, '0');
    await arrived(1);
    waiting.shift()!();
    await first.done;

    const [kept, given] = [send(connections, 'kept'), send(connections, 'given up')];
    await arrived(2);
    given!.cancel();
    waiting.shift()!();
    expect(await kept!.done).toMatchObject({ text: 'kept' });
    expect(connections.stats).toEqual({ sockets: 1, running: 0, waiting: 0 });
    expect(seen.accepted).toBe(1);
  });

  it('keep a mutation apart, so that no broken connection repeats it', async () => {
    const { answer, waiting, arrived } = gate();
    const { seen, origin } = await serve(answer, 'h2');
    const connections = connect(origin, { http2: true, tls: { ca: cert } });
    const first = send(connections, '0');
    await arrived(1);
    waiting.shift()!();
    await first.done;

    const calls = [send(connections, 'a'), send(connections, 'pay', 'mutation'), send(connections, 'b')];
    await arrived(3);
    expect(connections.stats.sockets).toBe(2);
    for (const socket of seen.sockets) socket.destroy();
    await until(() => calls[1]!.failure !== undefined);
    expect(seen.bodies.filter((body) => body === 'pay')).toHaveLength(1);
    for (const call of calls) call.cancel();
  });

  it('let no query join a mutation', async () => {
    const { answer, waiting, arrived } = gate();
    const { seen, origin } = await serve(answer, 'h2');
    const connections = connect(origin, { http2: true, tls: { ca: cert } });
    const first = send(connections, '0');
    await arrived(1);
    waiting.shift()!();
    await first.done;

    const calls = [send(connections, 'pay', 'mutation'), send(connections, 'a')];
    await arrived(2);
    expect(seen.accepted).toBe(2);
    for (const finish of waiting) finish();
    await Promise.all(calls.map((call) => call.done));
  });

  it('send a query again when the connection was closed under it', async () => {
    let drop = false;
    const { seen, origin } = await serve((body, response) => {
      if (!drop) response.end(body);
      else {
        drop = false;
        for (const socket of seen.sockets) socket.destroy();
      }
    }, 'h2');
    const connections = connect(origin, { http2: true, tls: { ca: cert } });
    await send(connections, '1').done;
    drop = true;
    expect(await send(connections, '2').done).toMatchObject({ text: '2' });
    expect(seen.bodies).toEqual(['1', '2', '2']);
  });

  it('fall back to HTTP/1.1, one call at a time on each', async () => {
    const { answer, waiting, arrived } = gate();
    const { seen, origin } = await serve(answer, 'https');
    const connections = connect(origin, { http2: true, tls: { ca: cert } });
    const calls = [send(connections, '1'), send(connections, '2')];
    await arrived(2);
    expect(seen.accepted).toBe(2);
    for (const finish of waiting) finish();
    await Promise.all(calls.map((call) => call.done));
  });
});
