/**
 * Test support: a real HTTP server that stands for a subgraph, or before one, and injects one fault of `faults`.
 * In: what a healthy subgraph would answer, or its URL. Out: a URL, what was asked, which sockets are still open.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

/** A request as it reached the proxy, whatever became of it. */
export interface ProxiedRequest {
  readonly path: string;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
  /** How many requests this connection had carried before. */
  readonly earlierOnSocket: number;
}

export interface FaultProxyOptions {
  /** The healthy answer: JSON text, or the URL of a subgraph that gives it. */
  readonly upstream: string | ((request: ProxiedRequest) => string | Promise<string>);
  /** How long slow faults wait: before the first byte, and between two bytes. */
  readonly slowMs?: number;
}

export interface FaultProxy {
  readonly url: string;
  readonly requests: ProxiedRequest[];
  /** Sockets that are open now, and connections accepted ever. */
  readonly sockets: { readonly open: number; readonly accepted: number };
  /**
   * From now on this happens to each request; `refused` closes the port until another fault is set. Answers of a fixed body
   * get `extraHeaders` too.
   */
  inject(fault: FaultKind, extraHeaders?: Readonly<Record<string, string>>): Promise<void>;
  /** Closes all sockets of clients, as a restart does. */
  dropConnections(): void;
  /** Waits, a second at most, until so many sockets are open; returns how many are. */
  settled(open: number): Promise<number>;
  close(): Promise<void>;
}

interface Exchange {
  readonly request: ProxiedRequest;
  readonly response: ServerResponse;
  readonly socket: Socket;
  readonly slowMs: number;
  readonly extraHeaders: Readonly<Record<string, string>>;
  readonly healthy: () => Promise<string>;
}

type Inject = (exchange: Exchange) => void | Promise<void>;

const json = { 'content-type': 'application/json; charset=utf-8' };
const html = '<html><body>Bad Gateway at http://10.0.0.7:4001/internal</body></html>';

/** Answers with a fixed body. */
function answer(body: string | Buffer, headers: Record<string, string> = json, status = 200): Inject {
  return ({ response, extraHeaders }) => {
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body), ...extraHeaders }).end(body);
  };
}

/** Answers with the healthy answer, parsed and changed. */
function distort(change: (answer: { data: Record<string, unknown> }) => unknown): Inject {
  return async ({ response, healthy }) => {
    const changed = change(JSON.parse(await healthy()) as { data: Record<string, unknown> });
    response.writeHead(200, json).end(JSON.stringify(changed));
  };
}

/** Changes the list of entities, which is empty if the healthy answer has none. */
function entities(change: (list: unknown[]) => unknown): Inject {
  return distort(({ data }) => ({ data: { ...data, _entities: change([data._entities ?? []].flat()) } }));
}

const raw =
  (bytes: string): Inject =>
  ({ socket }) =>
    void socket.end(bytes, 'latin1');
const htmlStatus = (status: number): Inject => answer(html, { 'content-type': 'text/html' }, status);
const redirect = (status: number): Inject => answer('', { location: 'http://127.0.0.1:1/elsewhere' }, status);
const healthyAnswer: Inject = async ({ response, healthy }) => {
  const body = await healthy();
  response.writeHead(200, { ...json, 'content-length': Buffer.byteLength(body) }).end(body);
};
const oneError = (error: unknown): Inject => answer(JSON.stringify({ data: { user: null }, errors: [error] }));

/** Writes `bytes` without end, as fast as they are read. */
function endless(bytes: Buffer, headers: Record<string, string>): Inject {
  return ({ response, socket }) => {
    response.writeHead(response.statusCode, headers);
    const more = () => {
      while (!socket.destroyed && response.write(bytes));
      if (!socket.destroyed) response.once('drain', more);
    };
    more();
  };
}

/** Every fault, by name. */
export const faults = {
  none: healthyAnswer,
  refused: ({ socket }) => void socket.destroy(),
  'reset before headers': ({ socket }) => void socket.resetAndDestroy(),
  'closed before headers': ({ socket }) => void socket.destroy(),
  'reset after headers': ({ response, socket }) => {
    response.writeHead(200, { ...json, 'content-length': 100 }).write('{"data":');
    setTimeout(() => socket.resetAndDestroy(), 20);
  },
  'closed in the body': ({ response, socket }) => {
    response.writeHead(200, { ...json, 'content-length': 100 }).write('{"data":{}}');
    setTimeout(() => socket.end(), 20);
  },
  'closed in a chunked body': raw(
    'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{"data"',
  ),
  'half-open': ({ socket }) => void socket.pause(),
  'never answers': () => {},
  'headers never end': ({ socket }) => void socket.write('HTTP/1.1 200 OK\r\ncontent-type: appli'),
  'body stalls': ({ response }) => void response.writeHead(200, json).write('{"data":{"us'),
  'slow first byte': async (exchange) => {
    await new Promise((resolve) => setTimeout(resolve, exchange.slowMs));
    await healthyAnswer(exchange);
  },
  'slow body': async ({ response, healthy, slowMs, socket }) => {
    response.writeHead(200, json);
    for (const character of await healthy()) {
      if (socket.destroyed) return;
      response.write(character);
      await new Promise((resolve) => setTimeout(resolve, slowMs));
    }
    response.end();
  },
  'stale keep-alive': (exchange) =>
    exchange.request.earlierOnSocket > 0 ? void exchange.socket.destroy() : healthyAnswer(exchange),
  'stale keep-alive, reset': (exchange) =>
    exchange.request.earlierOnSocket > 0 ? void exchange.socket.resetAndDestroy() : healthyAnswer(exchange),
  'status 400': htmlStatus(400),
  'status 401': htmlStatus(401),
  'status 403': htmlStatus(403),
  'status 404': htmlStatus(404),
  'status 429': answer('slow down', { 'content-type': 'text/plain', 'retry-after': '1' }, 429),
  'status 500': htmlStatus(500),
  'status 502': htmlStatus(502),
  'status 503': answer('', {}, 503),
  'status 500 with other JSON': answer('{"error":"at /srv/app/db.js:12"}', json, 500),
  'status 500 with data only': answer('{"data":{"user":null}}', json, 500),
  'status 500 with an endless page': (exchange) => {
    exchange.response.statusCode = 500;
    return endless(Buffer.alloc(16_384, '<p>'), { 'content-type': 'text/html' })(exchange);
  },
  'status 400 with GraphQL errors': answer(
    '{"errors":[{"message":"Unknown field."}]}',
    { 'content-type': 'application/graphql-response+json' },
    400,
  ),
  'status 204': ({ response }) => void response.writeHead(204).end(),
  'redirect 301': redirect(301),
  'redirect 307': redirect(307),
  'HTML with 200': answer(html, { 'content-type': 'text/html' }),
  'wrong content type': answer('{"data":{"user":null}}', { 'content-type': 'text/plain' }),
  'wrong charset': answer('{"data":{"user":null}}', { 'content-type': 'application/json; charset=utf-16' }),
  'no content type': answer('{"data":{"user":{"id":"1"}}}', {}),
  'not HTTP': raw('+OK POP3 ready\r\n'),
  'invalid chunk': raw(
    'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}',
  ),
  'flood of headers': raw(`HTTP/1.1 200 OK\r\n${`x-fill: ${'a'.repeat(1_000)}\r\n`.repeat(100)}\r\n`),
  'unasked upgrade': raw('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: tls\r\n\r\n'),
  'body longer than announced': raw(
    'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n{"data":{}}',
  ),
  'empty body': answer(''),
  'truncated JSON': answer('{"data":{"user":{"id":'),
  'invalid JSON': answer('{"data":undefined}'),
  'invalid UTF-8': answer(
    Buffer.concat([Buffer.from('{"data":{"user":{"id":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}}}')]),
  ),
  'UTF-16': answer(Buffer.from('{"data":{"user":null}}', 'utf16le')),
  'byte order mark': answer('\ufeff{"data":{"user":{"id":"é"}}}'),
  'huge body': endless(Buffer.alloc(65_536, '1'), json),
  'huge announced body': ({ response }) =>
    void response.writeHead(200, { ...json, 'content-length': 2 ** 40 }).write('{'),
  compressed: answer(gzipSync('{"data":{"user":{"id":"1"}}}'), { ...json, 'content-encoding': 'gzip' }),
  'gzip bomb': (exchange) =>
    answer(gzipSync(Buffer.alloc(5_000_000, ' ')), { ...json, 'content-encoding': 'gzip' })(exchange),
  'broken gzip': answer(gzipSync('{"data":{}}').subarray(0, 20), { ...json, 'content-encoding': 'gzip' }),
  'unknown encoding': answer('{"data":{}}', { ...json, 'content-encoding': 'rot13' }),
  'answer is an array': answer('[{"data":{}}]'),
  'answer is null': answer('null'),
  'answer is a string': answer('"data"'),
  'empty object': answer('{}'),
  'data is a string': answer('{"data":"user"}'),
  'data is an array': answer('{"data":[]}'),
  'data is a number': answer('{"data":1}'),
  'data is null without errors': answer('{"data":null}'),
  'errors is a string': answer('{"data":{"user":null},"errors":"no"}'),
  'errors is empty and no data': answer('{"errors":[]}'),
  'error without message': oneError({ path: ['user'] }),
  'error without path': oneError({ message: 'No.' }),
  'error that is a string': oneError('No.'),
  'error with a wrong path': oneError({ message: 'No.', path: 'user' }),
  'error with internals': oneError({
    message: 'No.',
    extensions: { code: 'DENIED', stacktrace: ['at /srv/app'], host: '10.0.0.7' },
  }),
  'thousands of errors': answer(
    JSON.stringify({ data: { user: null }, errors: Array(5_000).fill({ message: 'No.' }) }),
  ),
  'deep JSON': answer(`{"data":{"user":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`),
  '__proto__ keys': answer(
    '{"data":{"__proto__":{"polluted":true},"user":{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}},"__proto__":{"polluted":true},"extensions":{"__proto__":{"polluted":true}}}',
  ),
  'entities too short': entities((list) => list.slice(1)),
  'entities too long': entities((list) => [...list, ...list, { __typename: 'Extra' }]),
  'entities null': entities(() => null),
  'entities an object': entities((list) => list[0] ?? {}),
  'entities a string': entities(() => 'entities'),
  'entities missing': distort(() => ({ data: {} })),
  'entity null': entities((list) => list.map(() => null)),
  'entity a string': entities((list) => list.map(() => 'entity')),
  'entity of another type': entities((list) => list.map((entity) => ({ ...(entity as object), __typename: 'Other' }))),
  'entities nested in lists': entities((list) => list.map((entity) => [entity])),
} satisfies Record<string, Inject>;

export type FaultKind = keyof typeof faults;

/** Starts the proxy on a free port; it is healthy until `inject`. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const sockets = new Set<Socket>();
  const carried = new WeakMap<Socket, number>();
  const requests: ProxiedRequest[] = [];
  let accepted = 0;
  let fault: FaultKind = 'none';
  let extraHeaders: Readonly<Record<string, string>> = {};

  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('error', () => {});
    response.on('error', () => {});
    incoming.on('end', () => {
      const { socket, headers } = incoming;
      const earlierOnSocket = carried.get(socket) ?? 0;
      carried.set(socket, earlierOnSocket + 1);
      const request = { path: incoming.url ?? '', body: Buffer.concat(chunks).toString(), headers, earlierOnSocket };
      requests.push(request);
      const healthy = async () => askUpstream(options.upstream, request);
      const { slowMs = 50 } = options;
      void Promise.resolve(faults[fault]({ request, response, socket, slowMs, extraHeaders, healthy }));
    });
  });
  server.on('connection', (socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  const port = await listen(server, 0);
  const dropConnections = () => {
    for (const socket of sockets) socket.destroy();
  };

  return {
    url: `http://127.0.0.1:${port}/graphql`,
    requests,
    sockets: {
      get open() {
        return sockets.size;
      },
      get accepted() {
        return accepted;
      },
    },
    dropConnections,
    inject: async (next, headers = {}) => {
      fault = next;
      extraHeaders = headers;
      if (next === 'refused') await stop(server, dropConnections);
      else if (!server.listening) await listen(server, port);
    },
    settled: async (open) => {
      for (let waited = 0; sockets.size !== open && waited < 1_000; waited += 5) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return sockets.size;
    },
    close: () => stop(server, dropConnections),
  };
}

async function askUpstream(upstream: FaultProxyOptions['upstream'], request: ProxiedRequest): Promise<string> {
  if (typeof upstream !== 'string') return upstream(request);
  const { host, connection, 'content-length': length, ...headers } = request.headers;
  const forwarded = Object.entries(headers).map(([name, value]) => [name, String(value)] as [string, string]);
  const answered = await fetch(upstream, { method: 'POST', headers: forwarded, body: request.body });
  return answered.text();
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function stop(server: Server, dropConnections: () => void): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  dropConnections();
  await closed;
}
