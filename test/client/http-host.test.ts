/**
 * What the host adds around an operation: ids, the log line, metrics, persisted queries, compression, CORS, headers.
 * Real: fastify, its plugins, Apollo Server. Fake: the schema behind it; no sockets.
 */
import { createHash } from 'node:crypto';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { InjectOptions } from 'fastify';
import type { HttpConfig } from '../../src/client/http';
import { expectRefusal } from './answers';
import { createFakeDoor } from './fake-door';
import { startTestServer, stopTestServer, type TestServer } from './http-server';

let server: TestServer;
const start = async (config: Partial<HttpConfig> = {}) => {
  server = await startTestServer(config);
  return server;
};
afterEach(() => stopTestServer(server));

const post = (body: unknown, headers: Record<string, string> = {}): InjectOptions => ({
  method: 'POST',
  url: '/graphql',
  headers: { 'content-type': 'application/json', ...headers },
  payload: JSON.stringify(body),
});
const requestLines = () => server.lines.filter(({ message }) => message === 'request');

describe('the request id', () => {
  it('is new for each request, and on every kind of answer', async () => {
    const { http } = await start();
    const requests = [
      post({ query: '{ hello }' }),
      post({ query: '{' }),
      ...['/graphiql', '/graphql', '/health', '/metrics', '/nothing', '/%E0%A4%A'].map((url) => ({ url })),
    ];
    const answers = await Promise.all(requests.map((request) => http.inject(request)));
    const ids = answers.map(({ headers }) => headers['x-request-id']);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(ids).size).toBe(requests.length);
  });

  it('is the one that the caller gave, when it is short and printable', async () => {
    const { http } = await start();
    const given = async (id: string) =>
      (await http.inject(post({ query: '{ hello }' }, { 'x-request-id': id }))).headers['x-request-id'];
    expect(await given('caller-0123456789')).toBe('caller-0123456789');
    for (const id of ['short', 'x'.repeat(65), 'has spaces in it', '{"level":50,"message":"forged"}', 'a\tbcdefgh']) {
      expect(await given(id)).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});

describe('the log', () => {
  it('has one line for each request, with its operation, status and subgraph calls', async () => {
    const { http } = await start();
    const { headers } = await http.inject(post({ query: 'query Greet { hello }' }));
    expect(requestLines()).toEqual([
      {
        level: 'info',
        message: 'request',
        id: headers['x-request-id'],
        operation: 'Greet',
        type: 'query',
        status: 200,
        code: undefined,
        durationMs: expect.any(Number),
        subgraphCalls: 2,
      },
    ]);
  });

  it('has the code of a refused request, and a type that is unknown', async () => {
    const { http } = await start();
    await http.inject(post({ query: '{' }));
    expect(requestLines()).toMatchObject([{ status: 400, code: 'GRAPHQL_PARSE_FAILED', type: 'unknown' }]);
  });

  it('never holds a token, a variable, a document or a URL', async () => {
    const { http } = await start();
    const secrets = { authorization: 'Bearer secret-token', cookie: 'session=secret-cookie' };
    await http.inject(
      post({ query: 'query ($p: String) { echo(text: $p) }', variables: { p: 'secret-variable' } }, secrets),
    );
    await http.inject(post({ query: '{ echo(text: "secret-literal") nope }' }, secrets));
    await http.inject({
      url: '/graphql?query={echo(text:"secret-search")}',
      headers: { 'apollo-require-preflight': '1', ...secrets },
    });
    await http.inject(post('secret-body', secrets));
    expect(requestLines()).toHaveLength(4);
    expect(JSON.stringify(server.lines)).not.toContain('secret');
  });

  it('cuts an operation name that is long', async () => {
    const { http } = await start();
    await http.inject(post({ query: `query ${'N'.repeat(5_000)} { hello }` }));
    expect(String(requestLines()[0]?.operation)).toHaveLength(100);
  });

  it('has no line for pages, health and metrics', async () => {
    const { http } = await start();
    for (const url of ['/health', '/metrics', '/graphiql']) await http.inject({ url });
    await http.inject({ url: '/graphql', headers: { accept: 'text/html' } });
    expect(requestLines()).toEqual([]);
  });
});

describe('GET /metrics', () => {
  const metric = async (text: string) => {
    const { body } = await server.http.inject({ url: '/metrics' });
    return body.split('\n').find((line) => line.startsWith(text));
  };

  it('counts requests by operation type and status, and errors by code', async () => {
    const { http } = await start();
    await http.inject(post({ query: '{ hello }' }));
    await http.inject(post({ query: '{ unreachable }' }));
    await http.inject(post({ query: 'mutation { increment }' }));
    await http.inject(post({ query: '{' }));
    expect(await metric('supergate_requests_total{operation_type="query",status="200"}')).toMatch(/ 2$/);
    expect(await metric('supergate_requests_total{operation_type="mutation",status="200"}')).toMatch(/ 1$/);
    expect(await metric('supergate_requests_total{operation_type="unknown",status="400"}')).toMatch(/ 1$/);
    expect(await metric('supergate_request_errors_total{code="SUBREQUEST_HTTP_ERROR"}')).toMatch(/ 1$/);
    expect(await metric('supergate_request_duration_seconds_count{operation_type="query"}')).toMatch(/ 2$/);
    expect(await metric('supergate_requests_in_flight')).toBe('supergate_requests_in_flight 0');
  });

  it('is in the format of Prometheus, and not cached', async () => {
    const { http } = await start();
    const { headers } = await http.inject({ url: '/metrics' });
    expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(headers['cache-control']).toBe('no-store');
  });

  it('is not there when metrics are switched off', async () => {
    const { http } = await start({ metrics: false });
    expect((await http.inject({ url: '/metrics' })).statusCode).toBe(404);
    expect((await http.inject({ method: 'POST', url: '/metrics' })).statusCode).toBe(404);
  });
});

describe('automatic persisted queries', () => {
  const query = 'query Kept { hello }';
  const persistedQuery = { version: 1, sha256Hash: createHash('sha256').update(query).digest('hex') };
  const byHash = (method: 'GET' | 'POST'): InjectOptions =>
    method === 'POST'
      ? post({ extensions: { persistedQuery } })
      : {
          url: `/graphql?extensions=${encodeURIComponent(JSON.stringify({ persistedQuery }))}`,
          headers: { 'x-apollo-operation-name': 'Kept' },
        };

  it('are not found, then registered, then found by POST and by GET', async () => {
    const { http } = await start({ expressLane: true });
    const miss = await http.inject(byHash('POST'));
    expectRefusal(miss, 200, 'PERSISTED_QUERY_NOT_FOUND');
    expect(miss.json().errors[0].message).toBe('PersistedQueryNotFound');
    const register = await http.inject(post({ query, extensions: { persistedQuery } }));
    expect(register.json()).toEqual({ data: { hello: 'hello world' } });
    for (const method of ['POST', 'GET'] as const) {
      expect((await http.inject(byHash(method))).json()).toEqual({ data: { hello: 'hello world' } });
    }
    expect(requestLines().at(-1)).toMatchObject({ operation: 'Kept', type: 'query' });
  });

  it('are not registered for a document that was refused', async () => {
    const { http } = await start();
    const bad = '{ nope }';
    const hash = { version: 1, sha256Hash: createHash('sha256').update(bad).digest('hex') };
    await http.inject(post({ query: bad, extensions: { persistedQuery: hash } }));
    const answer = await http.inject(post({ extensions: { persistedQuery: hash } }));
    expectRefusal(answer, 200, 'PERSISTED_QUERY_NOT_FOUND');
  });
});

describe('the context of a request', () => {
  it.each([
    ['on the express lane', true],
    ['through Apollo Server', false],
  ])('is disposed of once, however the request ends %s', async (_lane, expressLane) => {
    const { http, door } = await start({ expressLane });
    await http.inject(post({ query: '{ hello }' }));
    await http.inject(post({ query: '{ broken }' }));
    await http.inject(post({ query: '{' }));
    await http.inject(post({ query: 'subscription { ticks }' }));
    expect(door.counts.disposed).toBe(4);
  });
});

describe('a document', () => {
  it('is prepared before Apollo Server sees it, and not executed when it is refused', async () => {
    const { http, door } = await start();
    await http.inject(post({ query: '{ nope }' }));
    expect(door.counts).toMatchObject({ prepared: 1, executed: 0 });
  });

  it('is not prepared for a client whose credentials are refused', async () => {
    const { http, door } = await start();
    await http.inject(post({ query: '{ hello }' }, { authorization: 'Bearer bad' }));
    expect(door.counts.prepared).toBe(0);
  });

  it('may not introspect when introspection is off', async () => {
    server = await startTestServer({ introspection: false }, { door: createFakeDoor({ introspection: false }) });
    const answer = await server.http.inject(post({ query: '{ __schema { queryType { name } } }' }));
    expectRefusal(answer, 400, 'GRAPHQL_VALIDATION_FAILED');
  });
});

describe('compression', () => {
  const large = { query: '{ large(bytes: 5000) }' };
  const data = { data: { large: 'x'.repeat(5_000) } };

  it.each([
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
  ])('uses %s for a large answer to a client that takes it', async (coding, inflate) => {
    const { http } = await start();
    const answer = await http.inject(post(large, { 'accept-encoding': coding }));
    expect(answer.headers['content-encoding']).toBe(coding);
    expect(JSON.parse(inflate(answer.rawPayload).toString())).toEqual(data);
  });

  it('tells caches of the coding beside what else an answer varies by', async () => {
    const { http } = await start({ cors: { origins: ['https://app.example.com'], credentials: true } });
    const headers = { 'accept-encoding': 'gzip', origin: 'https://app.example.com' };
    expect((await http.inject(post(large, headers))).headers.vary).toBe('Origin, accept-encoding');
    expect((await http.inject(post(large, { 'accept-encoding': 'gzip' }))).headers.vary).toMatch(/accept-encoding$/);
  });

  it('leaves small answers, clients that ask for none, and a gateway that switched it off', async () => {
    const { http } = await start();
    const small = await http.inject(post({ query: '{ hello }' }, { 'accept-encoding': 'gzip' }));
    const plain = await http.inject(post(large));
    expect([small, plain].map(({ headers }) => headers['content-encoding'])).toEqual([undefined, undefined]);
    await stopTestServer(server);
    const off = await (await start({ compression: false })).http.inject(post(large, { 'accept-encoding': 'gzip' }));
    expect(off.headers['content-encoding']).toBeUndefined();
    expect(off.json()).toEqual(data);
  });
});

describe('CORS', () => {
  const origin = 'https://app.example.com';
  const preflight = (from: string): InjectOptions => ({
    method: 'OPTIONS',
    url: '/graphql',
    headers: {
      origin: from,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    },
  });

  it('permits an origin of the list, with credentials when configured', async () => {
    const { http } = await start({ cors: { origins: [origin], credentials: true } });
    const answer = await http.inject(preflight(origin));
    expect(answer.statusCode).toBe(204);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': 'content-type',
      'access-control-allow-methods': 'GET, POST',
    });
    const actual = await http.inject(post({ query: '{ hello }' }, { origin }));
    expect(actual.headers['access-control-allow-origin']).toBe(origin);
    expect(actual.headers['access-control-expose-headers']).toContain('x-request-id');
    expect(actual.headers.vary).toContain('Origin');
  });

  it.each(['https://evil.example.com', 'https://app.example.com.evil.com', 'http://app.example.com', 'null'])(
    'permits nothing to %s',
    async (foreign) => {
      const { http } = await start({ cors: { origins: [origin], credentials: true } });
      for (const request of [preflight(foreign), post({ query: '{ hello }' }, { origin: foreign })]) {
        expect((await http.inject(request)).headers['access-control-allow-origin']).toBeUndefined();
      }
    },
  );

  it('permits nobody by default', async () => {
    const { http } = await start();
    const answer = await http.inject(preflight(origin));
    expect(answer.statusCode).toBe(204);
    expect(answer.headers.allow).toBe('GET, POST, OPTIONS');
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('puts its headers on errors too, so that a page can read them', async () => {
    const { http } = await start({ cors: { origins: ['*'], credentials: false } });
    const answer = await http.inject(post({ query: '{' }, { origin }));
    expectRefusal(answer, 400, 'GRAPHQL_PARSE_FAILED');
    expect(answer.headers['access-control-allow-origin']).toBe('*');
  });
});

describe('the security headers', () => {
  const common = {
    'content-security-policy': "default-src 'none';frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  };
  const documents = {
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'strict-transport-security': expect.stringContaining('max-age='),
  };

  it.each<[string, InjectOptions, object]>([
    ['of GraphQL', post({ query: '{ hello }' }), common],
    ['of GraphQL with errors', post({ query: '{' }), common],
    ['of health', { url: '/health' }, { ...common, ...documents }],
    ['of a path that is not there', { url: '/nothing' }, { ...common, ...documents }],
  ])('forbid an answer %s to run, to be framed, to be sniffed and to be cached', async (_name, request, expected) => {
    const { http } = await start();
    const { headers } = await http.inject(request);
    expect(headers).toMatchObject(expected);
    expect(headers['x-powered-by']).toBeUndefined();
    expect(headers.server).toBeUndefined();
  });

  it('of GraphQL are those that mean something for JSON, each once', async () => {
    const { http } = await start();
    const { headers } = await http.inject(post({ query: '{ hello }' }));
    const { date: _date, connection: _connection, 'x-request-id': _id, ...others } = headers;
    expect(others).toEqual({
      ...common,
      'content-type': 'application/json; charset=utf-8',
      'content-length': String('{"data":{"hello":"hello world"}}'.length),
    });
  });
});

describe('the address of a client', () => {
  const seen = async (config: Partial<HttpConfig>) => {
    const door = createFakeDoor();
    const ips: string[] = [];
    server = await startTestServer(config, {
      door,
      createContext: (request) => {
        ips.push(request.ip);
        return door.createContext(request);
      },
    });
    await server.http.inject(post({ query: '{ hello }' }, { 'x-forwarded-for': '203.0.113.9' }));
    return ips;
  };

  it('is taken from X-Forwarded-For behind a trusted proxy', async () => {
    expect(await seen({ trustedProxies: ['127.0.0.0/8'] })).toEqual(['203.0.113.9']);
  });

  it('is that of the connection for everybody else', async () => {
    expect(await seen({})).toEqual(['127.0.0.1']);
    await stopTestServer(server);
    expect(await seen({ trustedProxies: ['10.0.0.0/8'] })).toEqual(['127.0.0.1']);
  });
});
