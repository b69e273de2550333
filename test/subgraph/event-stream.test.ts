import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createEventStreamTransport } from '../../src/subgraph/event-stream';
import type { StreamEnd, StreamTransport } from '../../src/subgraph/stream';

/**
 * The client of GraphQL over SSE against a server that the test scripts. Real: HTTP. Time is that of the test.
 * Observed: what a subscription is told, and what the server reads and sees closed.
 */
jest.setTimeout(10_000);

let server: Server;
let transport: StreamTransport;
let timers: Set<{ readonly callback: () => void; readonly delayMs: number }>;
let requests: { readonly message: IncomingMessage; readonly response: ServerResponse; body: string }[];
const connectTimeoutMs = 5_000;
const keepAliveMs = 15_000;

beforeEach(async () => {
  timers = new Set();
  requests = [];
  server = createServer((message, response) => {
    const request = { message, response, body: '' };
    message.on('data', (bytes) => {
      request.body += String(bytes);
    });
    message.on('end', () => requests.push(request));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  transport = createEventStreamTransport({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql?a=b`,
    maxConnections: 3,
    connectTimeoutMs,
    keepAliveMs,
    maxEventBytes: 1_000,
    http2: false,
    clock: {
      elapsed: () => 0,
      schedule: (callback, delayMs) => {
        const timer = { callback, delayMs };
        timers.add(timer);
        return () => timers.delete(timer);
      },
    },
  });
});
afterEach(async () => {
  transport.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  expect(timers.size).toBe(0);
});

const until = async (isTrue: () => boolean) => {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
};
function open() {
  const told: unknown[] = [];
  let settle: (end: StreamEnd) => void = () => {};
  const ended = new Promise<StreamEnd>((resolve) => {
    settle = resolve;
  });
  const stop = transport.open(
    { body: '{"query":"subscription { a }"}', headers: { 'x-tenant': 'one' } },
    {
      onEstablished: () => told.push('established'),
      onPayload: (payload) => told.push(payload),
      onEnd: settle,
    },
  );
  return { told, ended, stop };
}
/** Opens a stream, which the server begins to answer. */
async function opened(
  status = 200,
  headers: Record<string, string> = { 'content-type': 'text/event-stream; charset=utf-8' },
) {
  const client = open();
  await until(() => requests.length === 1);
  const { message, response, body } = requests[0]!;
  response.writeHead(status, headers);
  response.flushHeaders();
  return { ...client, message, response, body };
}
function fire(delayMs: number): void {
  for (const timer of [...timers]) {
    if (timer.delayMs !== delayMs) continue;
    timers.delete(timer);
    timer.callback();
  }
}

describe('a subscription over SSE', () => {
  it('asks with a POST for an event stream, and is established by its headers', async () => {
    const { told, stop, message, body } = await opened();
    await until(() => told.length === 1);
    expect(told).toEqual(['established']);
    expect(message).toMatchObject({ method: 'POST', url: '/graphql?a=b' });
    expect(message.headers).toMatchObject({ accept: 'text/event-stream', 'x-tenant': 'one' });
    expect(body).toBe('{"query":"subscription { a }"}');
    stop();
    await until(() => message.destroyed);
  });

  it('is told each event, however its bytes are cut and its lines end', async () => {
    const { told, ended, response } = await opened();
    const text = [
      ': hello\n\n',
      'event: next\ndata: {"data":{"a":"ä"}}\n\n',
      'event:next\r\ndata:{"data":\r\ndata:{"a":2}}\r\nid: 7\r\n\r\n',
      'event: next\rdata: {"data":{"a":3}}\r\r',
      'event: other\ndata: {}\n\n',
      'event: complete\ndata\n\n',
    ].join('');
    for (const byte of Buffer.from(text)) {
      response.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await ended).toEqual({ kind: 'complete' });
    expect(told).toEqual(['established', { data: { a: 'ä' } }, { data: { a: 2 } }, { data: { a: 3 } }]);
  });

  it('is told of an event that is not JSON', async () => {
    const { told, stop, response } = await opened();
    response.write('event: next\ndata: hello\n\n');
    await until(() => told.length === 2);
    expect(told[1]).toBeUndefined();
    stop();
  });

  it.each([
    ['ends without a word', (response: ServerResponse) => response.end(), 'ENDED'],
    ['breaks off', (response: ServerResponse) => response.destroy(), /SOCKET_CLOSED|ECONNRESET/],
    ['is not UTF-8', (response: ServerResponse) => response.write(Buffer.of(0xff, 0xff)), 'NOT_UTF8'],
    ['has an event without end', (response: ServerResponse) => response.write('x'.repeat(2_000)), 'TOO_LARGE'],
    ['has too many lines', (response: ServerResponse) => response.write('data: xxxxxxx\n'.repeat(200)), 'TOO_LARGE'],
  ])('is lost when the stream %s', async (_name, act, reason) => {
    const { ended, response } = await opened();
    act(response);
    expect(await ended).toMatchObject({ kind: 'lost', reason: expect.stringMatching(reason) });
  });

  it.each([
    [200, { 'content-type': 'application/json' }, { kind: 'lost', reason: 'CONTENT_TYPE' }],
    [
      200,
      { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' },
      { kind: 'lost', reason: 'CONTENT_TYPE' },
    ],
    [302, { location: 'http://127.0.0.1:1/' }, { kind: 'lost', reason: 'STATUS_302' }],
    [503, {}, { kind: 'lost', reason: 'STATUS_503' }],
    [400, { 'content-type': 'application/json' }, { kind: 'status', status: 400 }],
  ])('does not begin with status %i and %j', async (status, headers, end) => {
    const { told, ended } = await opened(status, headers as Record<string, string>);
    expect(await ended).toMatchObject(end);
    expect(told).toEqual([]);
  });

  it('is lost when the subgraph does not answer', async () => {
    const { ended } = open();
    await until(() => requests.length === 1);
    fire(connectTimeoutMs);
    expect(await ended).toEqual({ kind: 'lost', reason: 'CONNECT_TIMEOUT' });
    await until(() => requests[0]!.message.destroyed);
  });

  it('is lost when nothing comes for long, not even a comment', async () => {
    const { told, ended } = await opened();
    await until(() => told.length === 1);
    fire(2 * keepAliveMs);
    expect(await ended).toEqual({ kind: 'lost', reason: 'KEEP_ALIVE_TIMEOUT' });
  });
});
