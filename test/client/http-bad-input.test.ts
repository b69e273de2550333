/**
 * One case for each thing that a client may get wrong, on both lanes: its status, its code, a well-formed answer,
 * nothing of the inside in it, and a server that goes on. Real: fastify, Apollo Server, the whole client stage, and
 * once sockets: only there requests go past fastify. Fake: the schema behind it.
 */
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { InjectOptions } from 'fastify';
import { errorTable } from '../../src/errors';
import { expectRefusal } from './answers';
import { type Send, sendOver, startTestServer, stopTestServer, type TestServer } from './http-server';

const json = { 'content-type': 'application/json' };
const post = (payload: string | Buffer, headers: Record<string, string> = {}): InjectOptions => ({
  method: 'POST',
  url: '/graphql',
  headers: { ...json, ...headers },
  payload,
});
const query = (body: unknown, headers: Record<string, string> = {}) => post(JSON.stringify(body), headers);
const get = (search: string, headers: Record<string, string> = {}): InjectOptions => ({
  method: 'GET',
  url: `/graphql${search}`,
  headers: { 'apollo-require-preflight': 'true', ...headers },
});
const hello = JSON.stringify({ query: '{ hello }' });
const bomb = Buffer.alloc(20_000_000, ' ');
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

type Case = [name: string, request: InjectOptions, code: keyof typeof errorTable];

const cases: Case[] = [
  ['an empty body', post(''), 'BAD_REQUEST'],
  ['a body of spaces', post('   '), 'BAD_REQUEST'],
  ['malformed JSON', post('{ "query": '), 'BAD_REQUEST'],
  ['a truncated body', post(hello.slice(0, -3)), 'BAD_REQUEST'],
  ['two JSON values', post(`${hello}${hello}`), 'BAD_REQUEST'],
  ['JSON with a comment', post(`/* hi */ ${hello}`), 'BAD_REQUEST'],
  ['JSON null', post('null'), 'BAD_REQUEST'],
  ['a JSON string', post('"{ hello }"'), 'BAD_REQUEST'],
  ['a JSON number', post('42'), 'BAD_REQUEST'],
  ['an array (batching is off)', query([{ query: '{ hello }' }]), 'BAD_REQUEST'],
  ['an empty array', post('[]'), 'BAD_REQUEST'],
  ['arrays nested 100,000 deep', post(nested(100_000)), 'BAD_REQUEST'],
  ['variables nested 400,000 deep', post(`{"query":"{ hello }","variables":{"x":${nested(400_000)}}}`), 'BAD_REQUEST'],
  [
    'objects nested 1,000 deep',
    post(`{"query":"{ hello }","extensions":${'{"x":'.repeat(1_000)}1${'}'.repeat(1_000)}}`),
    'BAD_REQUEST',
  ],
  ['an object without members', post('{}'), 'BAD_REQUEST'],
  ['a raw NUL in the body', post('{"query":"{ hello \u0000 }"}'), 'BAD_REQUEST'],
  ['bytes that are not UTF-8', post(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])), 'BAD_REQUEST'],
  ['UTF-8 that encodes a surrogate', post(Buffer.from('{"query":"\xed\xa0\x80"}', 'latin1')), 'BAD_REQUEST'],
  ['UTF-16', post(Buffer.from(hello, 'utf16le')), 'BAD_REQUEST'],
  ['"query" twice', post('{"query":"{ hello }","query":"mutation { increment }"}'), 'BAD_REQUEST'],
  ['"query" twice, once escaped', post('{"query":"{ hello }","\\u0071uery":"{ echo }"}'), 'BAD_REQUEST'],
  ['"variables" twice', post('{"variables":{},"query":"{ hello }","variables":{}}'), 'BAD_REQUEST'],
  [
    '"query" twice behind many other members',
    post(`{${Array.from({ length: 50 }, (_, i) => `"x${i}":1`).join()},"query":"{hello}","query":"{echo}"}`),
    'BAD_REQUEST',
  ],
  ['no query', query({ variables: {} }), 'BAD_REQUEST'],
  ['an empty query', query({ query: '' }), 'BAD_REQUEST'],
  ['a null query', query({ query: null }), 'BAD_REQUEST'],
  ['a query that is a number', query({ query: 1 }), 'BAD_REQUEST'],
  ['a query that is an object', query({ query: { kind: 'Document', definitions: [] } }), 'BAD_REQUEST'],
  ['a query that is a list', query({ query: ['{ hello }'] }), 'BAD_REQUEST'],
  ['variables that are a string', query({ query: '{ hello }', variables: '{}' }), 'BAD_REQUEST'],
  ['variables that are a list', query({ query: '{ hello }', variables: [] }), 'BAD_REQUEST'],
  ['variables that are false', query({ query: '{ hello }', variables: false }), 'BAD_REQUEST'],
  ['extensions that are a string', query({ query: '{ hello }', extensions: 'x' }), 'BAD_REQUEST'],
  ['extensions that are a list', query({ query: '{ hello }', extensions: [] }), 'BAD_REQUEST'],
  ['an operation name that is a number', query({ query: '{ hello }', operationName: 1 }), 'BAD_REQUEST'],
  ['a persisted query that is a string', query({ extensions: { persistedQuery: 'abc' } }), 'BAD_REQUEST'],
  [
    'a persisted query of version 2',
    query({ extensions: { persistedQuery: { version: 2, sha256Hash: 'a'.repeat(64) } } }),
    'BAD_REQUEST',
  ],
  [
    'a persisted query whose hash is a path',
    query({ extensions: { persistedQuery: { version: 1, sha256Hash: '../../etc/passwd' } } }),
    'BAD_REQUEST',
  ],
  [
    'a persisted query under the hash of another',
    query({ query: '{ hello }', extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } } }),
    'BAD_REQUEST',
  ],
  ['a syntax error', query({ query: '{ hello' }), 'GRAPHQL_PARSE_FAILED'],
  ['a query of spaces', query({ query: '   ' }), 'GRAPHQL_PARSE_FAILED'],
  ['an escaped NUL in the query', query({ query: '{ hello \u0000 }' }), 'GRAPHQL_PARSE_FAILED'],
  ['a lone surrogate in a string of the query', query({ query: '{ echo(text: "\ud800") }' }), 'GRAPHQL_PARSE_FAILED'],
  ['an unknown field', query({ query: '{ nope }' }), 'GRAPHQL_VALIDATION_FAILED'],
  [
    'an unknown operation name',
    query({ query: 'query A { hello }', operationName: 'B' }),
    'OPERATION_RESOLUTION_FAILURE',
  ],
  [
    'an operation name that is a lone surrogate',
    query({ query: 'query A { hello }', operationName: '\ud800' }),
    'OPERATION_RESOLUTION_FAILURE',
  ],
  [
    'two operations and no name',
    query({ query: 'query A { hello } query B { hello }' }),
    'OPERATION_RESOLUTION_FAILURE',
  ],
  ['fragments alone', query({ query: 'fragment F on Query { hello }' }), 'GRAPHQL_VALIDATION_FAILED'],
  [
    'a variable of the wrong type',
    query({ query: 'query ($n: [Int!]!) { sum(numbers: $n) }', variables: { n: ['one'] } }),
    'BAD_USER_INPUT',
  ],
  ['a missing variable', query({ query: 'query ($n: [Int!]!) { sum(numbers: $n) }' }), 'BAD_USER_INPUT'],
  ['a subscription', query({ query: 'subscription { ticks }' }), 'SUBSCRIPTION_NOT_SUPPORTED'],
  ['a refused token', query({ query: '{ hello }' }, { authorization: 'Bearer bad' }), 'UNAUTHENTICATED'],
  ['a crash of the context', query({ query: '{ hello }' }, { authorization: 'Bearer crash' }), 'INTERNAL_SERVER_ERROR'],

  ['no content type', { method: 'POST', url: '/graphql', payload: Buffer.from(hello) }, 'CSRF_PREVENTED'],
  ['an empty content type', post(hello, { 'content-type': '' }), 'UNSUPPORTED_MEDIA_TYPE'],
  ['text/plain', post(hello, { 'content-type': 'text/plain' }), 'CSRF_PREVENTED'],
  ['text/plain that claims JSON', post(hello, { 'content-type': 'text/plain; application/json' }), 'CSRF_PREVENTED'],
  ['TEXT/PLAIN', post(hello, { 'content-type': 'TEXT/PLAIN;charset=UTF-8' }), 'CSRF_PREVENTED'],
  ['a form', post('query={hello}', { 'content-type': 'application/x-www-form-urlencoded' }), 'CSRF_PREVENTED'],
  ['a multipart form', post('--x--', { 'content-type': 'multipart/form-data; boundary=x' }), 'CSRF_PREVENTED'],
  [
    'text/plain with a preflight header',
    post(hello, { 'content-type': 'text/plain', 'apollo-require-preflight': 'true' }),
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  [
    'text/plain with an empty preflight header',
    post(hello, { 'content-type': 'text/plain', 'apollo-require-preflight': '' }),
    'CSRF_PREVENTED',
  ],
  ['application/graphql', post('{ hello }', { 'content-type': 'application/graphql' }), 'UNSUPPORTED_MEDIA_TYPE'],
  ['application/xml', post('<query/>', { 'content-type': 'application/xml' }), 'UNSUPPORTED_MEDIA_TYPE'],
  ['a content type without a subtype', post(hello, { 'content-type': 'json' }), 'UNSUPPORTED_MEDIA_TYPE'],
  ['charset utf-16', post(hello, { 'content-type': 'application/json; charset=utf-16' }), 'UNSUPPORTED_MEDIA_TYPE'],
  [
    'charset latin1, quoted',
    post(hello, { 'content-type': 'application/json; charset="iso-8859-1"' }),
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  [
    'charset utf-7 before utf-8',
    post(hello, { 'content-type': 'application/json; charset=utf-7; charset=utf-8' }),
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  ['an unknown content coding', post(hello, { 'content-encoding': 'zstd' }), 'UNSUPPORTED_MEDIA_TYPE'],
  [
    'two content codings',
    post(gzipSync(gzipSync(hello)), { 'content-encoding': 'gzip, gzip' }),
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  ['plain text that claims gzip', post(hello, { 'content-encoding': 'gzip' }), 'BAD_REQUEST'],
  ['truncated gzip', post(gzipSync(hello).subarray(0, 20), { 'content-encoding': 'gzip' }), 'BAD_REQUEST'],
  ['a gzip bomb', post(gzipSync(bomb), { 'content-encoding': 'gzip' }), 'PAYLOAD_TOO_LARGE'],
  ['a deflate bomb', post(deflateSync(bomb), { 'content-encoding': 'deflate' }), 'PAYLOAD_TOO_LARGE'],
  ['a brotli bomb', post(brotliCompressSync(bomb), { 'content-encoding': 'br' }), 'PAYLOAD_TOO_LARGE'],
  ['a body over the limit', query({ query: `{ echo(text: "${'x'.repeat(1_000_000)}") }` }), 'PAYLOAD_TOO_LARGE'],
  ['an Accept that cannot be met', query({ query: '{ hello }' }, { accept: 'image/png' }), 'NOT_ACCEPTABLE'],
  [
    'an Accept that forbids JSON',
    query({ query: '{ hello }' }, { accept: '*/*, application/*;q=0' }),
    'NOT_ACCEPTABLE',
  ],

  ['a GET without a preflight header', { method: 'GET', url: '/graphql?query={hello}' }, 'CSRF_PREVENTED'],
  ['a GET without a query', get(''), 'BAD_REQUEST'],
  ['a GET with an empty query', get('?query='), 'BAD_REQUEST'],
  ['a GET with two queries', get('?query={hello}&query={echo}'), 'BAD_REQUEST'],
  ['a GET whose variables are not JSON', get('?query={hello}&variables={'), 'BAD_REQUEST'],
  ['a GET whose variables are a list', get('?query={hello}&variables=[]'), 'BAD_REQUEST'],
  [
    'a GET whose variables are nested 1,000 deep',
    get(`?query={hello}&variables={"x":${nested(1_000)}}`),
    'BAD_REQUEST',
  ],
  ['a GET whose extensions are a string', get('?query={hello}&extensions="x"'), 'BAD_REQUEST'],
  ['a GET with a broken percent escape', get('?query=%7Bhello%E0%A4%A'), 'GRAPHQL_PARSE_FAILED'],
  ['a GET with a type of text', get('?query={hello}', { 'content-type': 'text/plain' }), 'UNSUPPORTED_MEDIA_TYPE'],
  [
    'a GET with a type of a form',
    get('?query={hello}', { 'content-type': 'multipart/form-data' }),
    'UNSUPPORTED_MEDIA_TYPE',
  ],
  ['a GET with an unreadable type', get('?query={hello}', { 'content-type': 'message/' }), 'UNSUPPORTED_MEDIA_TYPE'],
  ['a GET that asks for a mutation', get('?query=mutation{increment}'), 'METHOD_NOT_ALLOWED'],
  ['a GET that asks for a subscription', get('?query=subscription{ticks}'), 'SUBSCRIPTION_NOT_SUPPORTED'],

  ['PUT', { ...query({ query: '{ hello }' }), method: 'PUT' }, 'METHOD_NOT_ALLOWED'],
  ['PATCH', { ...query({ query: '{ hello }' }), method: 'PATCH' }, 'METHOD_NOT_ALLOWED'],
  ['DELETE', { method: 'DELETE', url: '/graphql' }, 'METHOD_NOT_ALLOWED'],
  ['POST to a path that has only GET', { ...query({}), url: '/health' }, 'METHOD_NOT_ALLOWED'],
  ['an unknown path', { method: 'GET', url: '/nothing/here' }, 'NOT_FOUND'],
  ['a POST to an unknown path', { ...query({ query: '{ hello }' }), url: '/graphql/v2' }, 'NOT_FOUND'],
  ['a path that climbs', { method: 'GET', url: '/graphql/../../etc/passwd' }, 'NOT_FOUND'],
  ['a path that cannot be decoded', { method: 'GET', url: '/%E0%A4%A' }, 'BAD_REQUEST'],
  ['a path with a NUL', { method: 'GET', url: '/graphql%00' }, 'NOT_FOUND'],
];

describe.each([
  ['through Apollo Server', false, false],
  ['on the express lane', true, false],
  ['on the express lane, over a socket', true, true],
])('a bad request %s', (_lane, expressLane, overSocket) => {
  let server: TestServer;
  let send: Send;
  beforeAll(async () => {
    server = await startTestServer({ expressLane });
    send = overSocket ? sendOver(await server.http.listen(0, '127.0.0.1')) : (request) => server.http.inject(request);
  });
  afterAll(() => stopTestServer(server));

  it.each(cases)('that is %s is refused in full', async (_name, request, code) => {
    const { incremented } = server.door.counts;
    const answer = await send(request);
    expectRefusal(answer, errorTable[code].httpStatus, code);
    expect(server.door.counts.incremented).toBe(incremented);
    const next = await send(query({ query: '{ hello }' }));
    expect(next.json()).toEqual({ data: { hello: 'hello world' } });
  });

  it('that is a GET of a mutation names the method that is allowed', async () => {
    const answer = await send(get('?query=mutation{increment}'));
    expect(answer.headers.allow).toBe('POST');
  });

  it('that has the wrong method names those that are allowed', async () => {
    const answer = await send({ method: 'DELETE', url: '/graphql' });
    expect(answer.headers.allow).toBe('GET, POST, OPTIONS');
  });

  it('that has an unknown content coding names those that are known', async () => {
    const answer = await send(post(hello, { 'content-encoding': 'zstd' }));
    expect(answer.headers['accept-encoding']).toBe('gzip, deflate, br');
  });

  it('that has refused credentials is challenged', async () => {
    const answer = await send(query({ query: '{ hello }' }, { authorization: 'Bearer bad' }));
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
  });

  it('that crashes the context is masked with the id under which the log has it', async () => {
    const answer = await send(query({ query: '{ hello }' }, { authorization: 'Bearer crash' }));
    const id = String(answer.headers['x-request-id']);
    expect(answer.json()).toEqual({
      errors: [{ message: 'Internal server error', extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: id } }],
    });
    const line = server.lines.find((one) => one.level === 'error' && one.id === id);
    expect(String(line?.err)).toContain('hunter2');
  });

  it('that holds 20,000 wrong items is answered shortly', async () => {
    const numbers = Array.from({ length: 20_000 }, (_, index) => `wrong ${index}`);
    const started = performance.now();
    const answer = await send(query({ query: 'query ($n: [Int!]!) { sum(numbers: $n) }', variables: { n: numbers } }));
    expectRefusal(answer, 400, 'BAD_USER_INPUT');
    expect(answer.body.length).toBeLessThan(100_000);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('that holds one wrong item of a megabyte is not quoted in full', async () => {
    const answer = await send(
      query({ query: 'query ($n: [Int!]!) { sum(numbers: $n) }', variables: { n: ['x'.repeat(900_000)] } }),
    );
    expectRefusal(answer, 400, 'BAD_USER_INPUT');
    expect(answer.body.length).toBeLessThan(5_000);
  });

  it('that holds more than 200 headers is refused', async () => {
    const many = Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`x-${index}`, '1']));
    const answer = await send(query({ query: '{ hello }' }, many));
    expectRefusal(answer, 431, 'REQUEST_HEADERS_TOO_LARGE');
  });
});

describe('an odd but good request', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => stopTestServer(server));

  it.each<[string, InjectOptions, unknown]>([
    ['a byte order mark', post(`\ufeff${hello}`), { hello: 'hello world' }],
    [
      'a charset in quotes and capitals',
      post(hello, { 'content-type': 'Application/JSON; Charset="UTF-8"' }),
      { hello: 'hello world' },
    ],
    ['a gzip body', post(gzipSync(hello), { 'content-encoding': 'gzip' }), { hello: 'hello world' }],
    ['a deflate body', post(deflateSync(hello), { 'content-encoding': 'deflate' }), { hello: 'hello world' }],
    ['a brotli body', post(brotliCompressSync(hello), { 'content-encoding': 'br' }), { hello: 'hello world' }],
    ['a coding of identity', post(hello, { 'content-encoding': 'identity' }), { hello: 'hello world' }],
    [
      'variables nested 400 deep',
      post(`{"query":"{ hello }","variables":{"x":${nested(400)}}}`),
      { hello: 'hello world' },
    ],
    [
      'brackets inside a string',
      query({ query: `{ echo(text: "${'['.repeat(1_000)}") }` }),
      { echo: '['.repeat(1_000) },
    ],
    ['an unknown member', query({ query: '{ hello }', id: 7 }), { hello: 'hello world' }],
    [
      'a member called __proto__',
      post(`{"__proto__":{"query":"{ echo }"},"query":"{ hello }"}`),
      { hello: 'hello world' },
    ],
    [
      'names that repeat below the top level',
      post('{"query":"query($t:String){echo(text:$t)}","variables":{"t":"a","t":"b"}}'),
      { echo: 'b' },
    ],
    [
      'strings full of quotes, braces and backslashes',
      query({ query: 'query ($t: String) { echo(text: $t) }', variables: { t: '\\"},"query":"\\\\' } }),
      { echo: '\\"},"query":"\\\\' },
    ],
    [
      'a lone surrogate in a variable',
      post('{"query":"query($t:String){echo(text:$t)}","variables":{"t":"\\ud800"}}'),
      { echo: '\ud800' },
    ],
    ['an empty operation name', query({ query: '{ hello }', operationName: '' }), { hello: 'hello world' }],
    [
      'a GET with everything',
      get('?query=query($n:String){hello(name:$n)}&variables={"n":"you"}&extensions={}'),
      { hello: 'hello you' },
    ],
    ['a GET typed as JSON', { ...get('?query={hello}'), headers: json }, { hello: 'hello world' }],
    ['a GET whose variables are null', get('?query={hello}&variables=null'), { hello: 'hello world' }],
  ])('with %s is answered', async (_name, request, data) => {
    const answer = await server.http.inject(request);
    expect(answer.json()).toEqual({ data });
    expect(answer.statusCode).toBe(200);
  });
});
