/**
 * Test support: what may be wrong with the answer of a subgraph, by name. `transportFaults` are of connections and HTTP;
 * `bodyFaults` of the JSON text, which may travel in an HTTP answer, in an event stream or over a WebSocket.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';

/** A request as it reached the proxy, whatever became of it. */
export interface ProxiedRequest {
  readonly path: string;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
  /** How many requests this connection had carried before. */
  readonly earlierOnSocket: number;
}

export interface FaultyExchange {
  readonly request: ProxiedRequest;
  readonly response: ServerResponse;
  readonly socket: Socket;
  readonly slowMs: number;
  readonly extraHeaders: Readonly<Record<string, string>>;
  readonly healthy: () => Promise<string>;
}

export type Inject = (exchange: FaultyExchange) => void | Promise<void>;

export const jsonHeaders = { 'content-type': 'application/json; charset=utf-8' };
const html = '<html><body>Bad Gateway at http://10.0.0.7:4001/internal</body></html>';
/** An answer that some other client waits for. */
const forged = '{"data":{"user":{"id":"forged"}}}';

/** Answers with a fixed body. */
function answer(body: string | Buffer, headers: Record<string, string> = jsonHeaders, status = 200): Inject {
  return ({ response, extraHeaders }) => {
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body), ...extraHeaders }).end(body);
  };
}

/** Answers with the healthy answer, packed and labelled. */
function pack(change: (body: Buffer) => Buffer, headers: Record<string, string>): Inject {
  return async ({ response, healthy }) => {
    const body = change(Buffer.from(await healthy()));
    response.writeHead(200, { ...headers, 'content-length': body.length }).end(body);
  };
}

const encoded = (encoding: string, change: (body: Buffer) => Buffer): Inject =>
  pack(change, { ...jsonHeaders, 'content-encoding': encoding });
const half = (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1);
const bomb = Buffer.alloc(5_000_000, ' ');
const gzipBomb = gzipSync(bomb);
const brotliBomb = brotliCompressSync(bomb);

const raw =
  (bytes: string): Inject =>
  ({ socket }) =>
    void socket.end(bytes, 'latin1');
/** The healthy answer behind a head of its own. */
const rawHead =
  (head: (length: number) => string, tail = ''): Inject =>
  async ({ socket, healthy }) => {
    const body = await healthy();
    socket.write(`${head(Buffer.byteLength(body))}\r\n\r\n${body}${tail}`);
  };
const okJson = 'HTTP/1.1 200 OK\r\ncontent-type: application/json';
/** Healthy, but for one header line. */
const header = (line: string): Inject => rawHead((length) => `${okJson}\r\n${line}\r\ncontent-length: ${length}`);
const htmlStatus = (status: number): Inject => answer(html, { 'content-type': 'text/html' }, status);
const redirect = (status: number): Inject => answer('', { location: '/elsewhere' }, status);
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Writes it a character at a time. */
async function dribble(text: string, { slowMs, socket }: FaultyExchange, write: (text: string) => void): Promise<void> {
  for (const character of text) {
    if (socket.destroyed) return;
    write(character);
    await wait(slowMs);
  }
}

/** Writes `bytes` without end, as fast as they are read. */
function endless(bytes: Buffer, headers: Record<string, string>, status = 200): Inject {
  return ({ response, socket }) => {
    response.writeHead(status, headers);
    const more = () => {
      while (!socket.destroyed && response.write(bytes));
      if (!socket.destroyed) response.once('drain', more);
    };
    more();
  };
}

const healthyAnswer: Inject = pack((body) => body, jsonHeaders);

export const transportFaults = {
  none: healthyAnswer,
  refused: ({ socket }) => void socket.destroy(),
  'reset before headers': ({ socket }) => void socket.resetAndDestroy(),
  'closed before headers': ({ socket }) => void socket.destroy(),
  'half-closed before headers': ({ socket }) => void socket.end(),
  'reset after headers': ({ response, socket }) => {
    response.writeHead(200, { ...jsonHeaders, 'content-length': 100 }).write('{"data":');
    setTimeout(() => socket.resetAndDestroy(), 20);
  },
  'closed in the body': ({ response, socket }) => {
    response.writeHead(200, { ...jsonHeaders, 'content-length': 100 }).write('{"data":{}}');
    setTimeout(() => socket.end(), 20);
  },
  'closed in a chunked body': raw(
    'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{"data"',
  ),
  'half-open': ({ socket }) => void socket.pause(),
  'never answers': () => {},
  'headers never end': ({ socket }) => void socket.write('HTTP/1.1 200 OK\r\ncontent-type: appli'),
  'slow headers': (exchange) =>
    dribble(`${okJson}\r\nx-fill: ${'a'.repeat(1_000)}`, exchange, (text) => exchange.socket.write(text)),
  'body stalls': ({ response }) => void response.writeHead(200, jsonHeaders).write('{"data":{"us'),
  'slow first byte': async (exchange) => {
    await wait(exchange.slowMs);
    await healthyAnswer(exchange);
  },
  'slow body': async (exchange) => {
    const { response, healthy } = exchange;
    response.writeHead(200, jsonHeaders);
    await dribble(await healthy(), exchange, (text) => response.write(text));
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
  'status 429': answer('slow down', { 'content-type': 'text/plain', 'retry-after': '60' }, 429),
  'status 500': htmlStatus(500),
  'status 502': htmlStatus(502),
  'status 503': answer('', {}, 503),
  'status 503 for a minute': answer('', { 'retry-after': '60' }, 503),
  'status 503 until a date': answer('', { 'retry-after': 'Fri, 31 Dec 2100 23:59:59 GMT' }, 503),
  'status 500 with other JSON': answer('{"error":"at /srv/app/db.js:12"}', jsonHeaders, 500),
  'status 500 with data only': answer('{"data":{"user":null}}', jsonHeaders, 500),
  'status 500 with an endless page': endless(Buffer.alloc(16_384, '<p>'), { 'content-type': 'text/html' }, 500),
  'status 400 with GraphQL errors': answer(
    '{"errors":[{"message":"Unknown field."}]}',
    { 'content-type': 'application/graphql-response+json' },
    400,
  ),
  'status 204': ({ response }) => void response.writeHead(204).end(),
  'status 304': ({ response }) => void response.writeHead(304).end(),
  'redirect 301': redirect(301),
  'redirect 302': redirect(302),
  'redirect 303': redirect(303),
  'redirect 307': redirect(307),
  'redirect 308': redirect(308),
  'HTML with 200': answer(html, { 'content-type': 'text/html' }),
  'wrong content type': answer('{"data":{"user":null}}', { 'content-type': 'text/plain' }),
  'wrong charset': answer('{"data":{"user":null}}', { 'content-type': 'application/json; charset=utf-16' }),
  'no content type': pack((body) => body, {}),
  'not HTTP': raw('+OK POP3 ready\r\n'),
  'invalid chunk': raw(
    'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}',
  ),
  'flood of headers': raw(`HTTP/1.1 200 OK\r\n${`x-fill: ${'a'.repeat(1_000)}\r\n`.repeat(100)}\r\n`),
  'thousands of headers': raw(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(5_000)}\r\n`),
  'two lengths': header('content-length: 7'),
  'length and chunks': header('transfer-encoding: chunked'),
  'length below zero': rawHead(() => `${okJson}\r\ncontent-length: -5`),
  'header split by a carriage return': header('x-a: b\rset-cookie: c=d'),
  'header over two lines': header('x-a: b\r\n c'),
  'header without a colon': header('x-a'),
  'header name with a space': header('content-length : 5'),
  'NUL in a header': header('x-a: \0'),
  'unasked upgrade': raw('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: tls\r\n\r\n'),
  'interim responses': rawHead(
    (length) =>
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${okJson}\r\nconnection: close\r\ncontent-length: ${length}`,
  ),
  'interim responses without end': raw('HTTP/1.1 100 Continue\r\n\r\n'.repeat(1_000)),
  'HTTP/1.0': async ({ socket, healthy }) => {
    socket.end(`HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n${await healthy()}`);
  },
  'HTTP/1.0 with chunks': raw('HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'),
  'connection: close': pack((body) => body, { ...jsonHeaders, connection: 'close' }),
  'body shorter than announced': async ({ socket, healthy }) => {
    const body = await healthy();
    socket.end(`${okJson}\r\ncontent-length: ${body.length + 1}\r\n\r\n${body}`);
  },
  'body longer than announced': raw(`${okJson}\r\ncontent-length: 5\r\n\r\n{"data":{}}`),
  'two answers': rawHead(
    (length) => `${okJson}\r\ncontent-length: ${length}`,
    `${okJson}\r\ncontent-length: ${forged.length}\r\n\r\n${forged}`,
  ),
  'another answer later': async (exchange) => {
    await healthyAnswer(exchange);
    setTimeout(() => exchange.socket.write(`${okJson}\r\ncontent-length: ${forged.length}\r\n\r\n${forged}`), 5);
  },
  'huge body': endless(Buffer.alloc(65_536, '1'), jsonHeaders),
  'huge announced body': ({ response }) =>
    void response.writeHead(200, { ...jsonHeaders, 'content-length': 2 ** 40 }).write('{'),
  gzip: encoded('gzip', (body) => gzipSync(body)),
  deflate: encoded('deflate', (body) => deflateSync(body)),
  brotli: encoded('br', (body) => brotliCompressSync(body)),
  'gzip bomb': encoded('gzip', () => gzipBomb),
  'brotli bomb': encoded('br', () => brotliBomb),
  'truncated gzip': encoded('gzip', (body) => half(gzipSync(body))),
  'truncated deflate': encoded('deflate', (body) => half(deflateSync(body))),
  'truncated brotli': encoded('br', (body) => half(brotliCompressSync(body))),
  'gzip that is none': encoded('gzip', (body) => body),
  'gzip in gzip': encoded('gzip, gzip', (body) => gzipSync(gzipSync(body))),
  'unknown encoding': encoded('rot13', (body) => body),
} satisfies Record<string, Inject>;

type Json = Record<string, unknown>;

/** The healthy answer, parsed and changed. */
const distort = (change: (answer: { data: Json }) => unknown) => (healthy: string) =>
  JSON.stringify(change(JSON.parse(healthy) as { data: Json }));
/** The list of entities, which is empty if the healthy answer has none. */
const entities = (change: (list: unknown[]) => unknown) =>
  distort(({ data }) => ({ data: { ...data, _entities: change([data._entities ?? []].flat()) } }));
/** Nothing but nulls, and this error. */
const oneError = (error: unknown) =>
  distort(({ data }) => ({ data: Object.fromEntries(Object.keys(data).map((key) => [key, null])), errors: [error] }));
/** Each value below `data`. */
const eachValue = (change: (value: unknown) => unknown) =>
  distort(({ data }) => ({
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, change(value)])),
  }));
const always = (body: string | Buffer) => () => body;
/** Keys that JSON.stringify would not write twice, or not at all. */
const before = (keys: string) => (healthy: string) => healthy.replaceAll('{', `{${keys},`);

/** What is made of a healthy answer. */
export const bodyFaults = {
  'empty body': always(''),
  'truncated JSON': (healthy: string) => healthy.slice(0, -3),
  'invalid JSON': always('{"data":undefined}'),
  'two values': (healthy: string) => healthy + healthy,
  'invalid UTF-8': (healthy: string) => Buffer.from(healthy.replace('{', '{"x":"\xc3\x28",'), 'latin1'),
  'UTF-16': (healthy: string) => Buffer.from(healthy, 'utf16le'),
  'byte order mark': (healthy: string) => `\ufeff${healthy.replace('{', '{"x":"é",')}`,
  'answer is an array': (healthy: string) => `[${healthy}]`,
  'answer is null': always('null'),
  'answer is a string': always('"data"'),
  'answer is a number': always('1'),
  'empty object': always('{}'),
  'data is a string': always('{"data":"user"}'),
  'data is an array': always('{"data":[]}'),
  'data is a number': always('{"data":1}'),
  'data is null without errors': always('{"data":null}'),
  'data is null with an error': always('{"data":null,"errors":[{"message":"No."}]}'),
  'data is empty': always('{"data":{}}'),
  'errors is a string': always('{"data":{"user":null},"errors":"no"}'),
  'errors is an object': always('{"data":{"user":null},"errors":{"message":"no"}}'),
  'errors is empty and no data': always('{"errors":[]}'),
  'error without message': oneError({ path: ['user'] }),
  'error without path': oneError({ message: 'No.' }),
  'error that is a string': oneError('No.'),
  'error that is null': oneError(null),
  'error with a path that is none': oneError({ message: 'No.', path: 'user' }),
  'error with a path of wrong types': oneError({ message: 'No.', path: [null, {}, -1, 1.5, ['user']] }),
  'error with a path that leads nowhere': oneError({ message: 'No.', path: ['__proto__', 'x', 4_000_000_000] }),
  'error with a message of a wrong type': oneError({ message: { toString: 'No.' } }),
  'error with a huge message': oneError({ message: 'No! '.repeat(50_000) }),
  'error with a hostile message': oneError({ message: '\u0000\u001b[31m</script>\u2028"\\\ud800', extensions: 7 }),
  'error with internals': oneError({
    message: 'No.',
    locations: [{ line: 1, column: 1 }],
    extensions: { code: 'DENIED', stacktrace: ['at /srv/app'], host: '10.0.0.7', exception: { host: '10.0.0.7' } },
  }),
  'thousands of errors': distort(({ data }) => ({ data, errors: Array(5_000).fill({ message: 'No.' }) })),
  'deep JSON': (healthy: string) =>
    healthy.replace(/"data":\{("\w+"):/, `"data":{$1:${'['.repeat(20_000)}${']'.repeat(20_000)},"x":`),
  'duplicate keys': before('"id":"0","id":"9"'),
  '__proto__ keys': before(
    '"__proto__":{"polluted":true,"id":"polluted"},"constructor":{"prototype":{"polluted":true}}',
  ),
  'extra fields': before('"secret":"at /srv/app","_service":{"sdl":"type Query"}'),
  'value is a string': eachValue(() => 'at /srv/app'),
  'value is a number': eachValue(() => 1e21),
  'value is a list': eachValue((value) => [[value]]),
  'value is an empty object': eachValue(() => ({})),
  'value is null': eachValue(() => null),
  'entities too short': entities((list) => list.slice(1)),
  'entities too long': entities((list) => [...list, ...list, { __typename: 'Extra' }]),
  'entities null': entities(() => null),
  'entities an object': entities((list) => list[0] ?? {}),
  'entities a string': entities(() => 'entities'),
  'entity null': entities((list) => list.map(() => null)),
  'entity a string': entities((list) => list.map(() => 'entity')),
  'entity of another type': entities((list) => list.map((entity) => ({ ...(entity as object), __typename: 'Other' }))),
  'entities nested in lists': entities((list) => list.map((entity) => [entity])),
} satisfies Record<string, (healthy: string) => string | Buffer>;

export type BodyFault = keyof typeof bodyFaults;
export type FaultKind = keyof typeof transportFaults | BodyFault;

export const faultKinds = [...Object.keys(transportFaults), ...Object.keys(bodyFaults)] as FaultKind[];

export function isBodyFault(fault: FaultKind): fault is BodyFault {
  return Object.hasOwn(bodyFaults, fault);
}
