/**
 * A gateway that takes one request at a time, and has one. Real: HTTP, WebSocket, sockets. Fake: the way behind the door.
 * Observed: who is refused, how, and who is not.
 */
import { WebSocket } from 'ws';
import { RestRoutes } from '../../src/client/rest/routes';
import { createFakeDoor } from './fake-door';
import { sendOver, startTestServer, stopTestServer, type TestServer } from './http-server';

const nothing = () => Promise.reject(new Error('nothing is asked'));
const rest = {
  routes: () => new RestRoutes([]),
  prefixes: ['/api/v1'],
  proxy: { forward: nothing, limit: nothing, isOfAudience: () => false },
  pages: undefined,
};
let server: TestServer;
let url: string;
let first: Promise<{ statusCode: number }>;

beforeEach(async () => {
  const door = createFakeDoor();
  const priority = { header: { name: 'x-priority', values: ['high'] }, operations: ['Pay'], tiers: [] };
  const overload = { shedding: true, maxEventLoopDelayMs: 60_000, maxInFlight: 1, priority };
  server = await startTestServer(
    { overload, expressLane: true, cors: { origins: ['https://a.test'], credentials: false } },
    { door, rest },
  );
  url = await server.http.listen(0, '127.0.0.1');
  first = post('{ gated }');
  await server.door.gateReached;
});
afterEach(async () => {
  server.door.openGate();
  expect((await first).statusCode).toBe(200);
  await stopTestServer(server);
});

const post = (query: string, headers: Record<string, string> = {}) =>
  sendOver(url)({
    method: 'POST',
    url: '/graphql',
    headers: { 'content-type': 'application/json', ...headers },
    payload: JSON.stringify({ query }),
  });

describe('a gateway with more to do than it can', () => {
  it('refuses on every lane with 503, Retry-After and a well-formed answer', async () => {
    const preflight = { 'apollo-require-preflight': '1' };
    const answers = [
      await post('{ hello }'),
      await post('{ hello }', { origin: 'https://a.test' }),
      await sendOver(url)({ url: '/graphql?query={hello}', headers: preflight }),
    ];
    for (const answer of answers) {
      expect(answer.statusCode).toBe(503);
      expect(answer.headers['retry-after']).toBe('1');
      expect(answer.headers['x-request-id']).toMatch(/^[\w-]{36}$/);
      expect(answer.headers['cache-control']).toBe('no-store');
      expect(answer.json().errors[0].extensions).toEqual({ code: 'OVERLOADED', retryAfterSeconds: 1 });
    }
    expect(answers[1]?.headers['access-control-allow-origin']).toBe('https://a.test');
    expect(server.door.counts.executed).toBe(1);
    const metrics = (await sendOver(url)({ url: '/metrics' })).body;
    expect(metrics).toContain('supergate_requests_shed_total 3');
    expect(metrics).toContain('supergate_request_limit 1');
  });

  it('keeps the connection of who was refused with a large body', async () => {
    const payload = JSON.stringify({ query: `{ hello(name: "${'x'.repeat(900_000)}") }` });
    const headers = { 'content-type': 'application/json' };
    for (let time = 0; time < 3; time++) {
      expect((await sendOver(url)({ method: 'POST', url: '/graphql', headers, payload })).statusCode).toBe(503);
    }
  });

  it('answers health and metrics', async () => {
    for (const path of ['/health', '/health/live', '/health/ready', '/metrics']) {
      expect((await sendOver(url)({ url: path })).statusCode).toBe(200);
    }
  });

  it('lets those with priority in: by a header, or by the operation', async () => {
    expect((await post('{ hello }', { 'x-priority': 'high' })).statusCode).toBe(200);
    expect((await post('{ hello }', { 'x-priority': 'low' })).statusCode).toBe(503);
    expect((await post('query Pay { hello }')).statusCode).toBe(200);
    expect((await post('query Read { hello }')).statusCode).toBe(503);
  });

  it('ends a query of a WebSocket with the error, and lets subscriptions and those with priority in', async () => {
    const socket = new WebSocket(url.replace('http', 'ws'), ['graphql-transport-ws']);
    const messages: { type: string; id?: string; payload?: { extensions: object }[] }[] = [];
    const ended = new Promise<void>((resolve) => {
      socket.on('message', (data) => {
        messages.push(JSON.parse(String(data)));
        const last = messages.at(-1)?.type;
        if (last === 'connection_ack') {
          for (const [id, query] of [
            ['1', '{ hello }'],
            ['2', 'subscription { ticks }'],
            ['3', 'query Pay { hello }'],
          ])
            socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query } }));
        }
        if (messages.filter(({ type }) => type === 'error' || type === 'complete').length === 2) resolve();
      });
    });
    socket.on('open', () => socket.send('{"type":"connection_init"}'));
    await Promise.all([ended, server.door.subscribed(1)]);
    const errors = messages.filter(({ type }) => type === 'error');
    expect(errors.map(({ id }) => id)).toEqual(['1']);
    for (const { payload } of errors)
      expect(payload?.[0]?.extensions).toEqual({ code: 'OVERLOADED', retryAfterSeconds: 1 });
    expect(messages.find(({ type }) => type === 'next')).toMatchObject({ id: '3' });
    socket.terminate();
  });

  it('lets everybody in again as soon as there is room', async () => {
    expect((await post('{ hello }')).statusCode).toBe(503);
    server.door.openGate();
    await first;
    let answer = await post('{ hello }');
    // The room of the first one is free once its connection says so.
    while (answer.statusCode === 503) answer = await post('{ hello }');
    expect(answer.statusCode).toBe(200);
  });
});

it('refuses REST with a problem document that has the id of the request', async () => {
  const overload = {
    shedding: true,
    maxEventLoopDelayMs: 60_000,
    maxInFlight: 0,
    priority: { operations: [], tiers: [] },
  };
  const busy = await startTestServer({ overload }, { rest });
  const headers = { 'x-request-id': 'request-42' };
  const answer = await sendOver(await busy.http.listen(0, '127.0.0.1'))({ url: '/api/v1/things', headers });
  await stopTestServer(busy);
  const { statusCode, headers: told } = answer;
  expect([statusCode, told['content-type'], told['retry-after']]).toEqual([
    503,
    'application/problem+json; charset=utf-8',
    '1',
  ]);
  expect(answer.json()).toMatchObject({ status: 503, code: 'OVERLOADED', requestId: 'request-42' });
});
