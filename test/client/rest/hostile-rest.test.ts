import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { sign } from 'jsonwebtoken';
import { type RunningGateway, serve } from '../../../src/main';
import { federation } from '../../support/graph';
import { createSubgraphServer, type SubgraphServer } from '../../support/subgraph-server';

/**
 * Hundreds of bad REST requests: each is answered with its status and a problem document, and nothing is executed.
 * Real: the whole gateway, sockets, a subgraph. Observed: status, type and code of answers, what the subgraph was asked.
 */
const schema = `
  enum Color { RED GREEN }
  input ThingInput { name: String! size: Int color: Color = RED tags: [String!] part: PartInput }
  input PartInput { weight: Float! }
  type Thing { id: ID! name: String! }
  type Query { thing(id: ID!): Thing things(first: Int, colors: [Color!], big: Boolean, min: Float): [Thing!]! own: String }
  type Mutation { add(input: ThingInput!): Thing! rename(id: ID!, name: String!): Thing remove(id: ID!): Boolean pay(key: String!): Int! }
`;
const operations = `
  query ThingById($id: ID!) @rest(path: "/things/{id}", unwrap: "thing") { thing(id: $id) { id name } }
  query Things($first: Int = 2, $colors: [Color!], $big: Boolean, $min: Float) @rest(path: "/things", unwrap: "things") {
    things(first: $first, colors: $colors, big: $big, min: $min) { id }
  }
  query Own @rest(path: "/own", unwrap: "own", authenticated: true) { own }
  mutation Add($input: ThingInput!) @rest(path: "/things", body: "input", unwrap: "add") { add(input: $input) { id } }
  mutation Rename($id: ID!, $name: String!) @rest(method: PATCH, path: "/things/{id}", unwrap: "rename") { rename(id: $id, name: $name) { id } }
  mutation Remove($id: ID!) @rest(method: DELETE, path: "/things/{id}", status: 204) { remove(id: $id) }
  mutation Pay($key: String!) @rest(path: "/pay", headers: ["Idempotency-Key: key"], unwrap: "pay") { pay(key: $key) }
`;
const sharedSecret = 'a-secret-of-tests-with-over-32-bytes';
const token = () => sign({}, sharedSecret, { subject: 'ada', issuer: 'tests', audience: 'supergate', expiresIn: 600 });
let directory: string;
let subgraph: SubgraphServer;
let gateway: RunningGateway;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'supergate-hostile-rest-'));
  subgraph = await createSubgraphServer();
  const typeDefs = parse(federation + schema);
  const resolvers = { Mutation: { add: () => ({ id: '1', name: 'a' }), pay: () => 1 }, Query: { things: () => [] } };
  const url = subgraph.mount({ name: 'things', typeDefs, resolvers });
  writeFileSync(
    join(directory, 'supergraph.graphql'),
    composeServices([{ name: 'things', typeDefs, url }]).supergraphSdl!,
  );
  mkdirSync(join(directory, 'operations'));
  writeFileSync(join(directory, 'operations/things.graphql'), operations);
  const issuer = `{ issuer: tests, audiences: [supergate], algorithms: [HS256], sharedSecret: ${sharedSecret} }`;
  writeFileSync(
    join(directory, 'gateway.yaml'),
    `
server: { port: 0, maxBodyBytes: 100000, cors: { origins: [https://a.test] }, headersTimeoutMs: 2000, requestTimeoutMs: 2000 }
authentication: { issuers: [${issuer}] }
rest:
  operations: ./operations
  proxy:
    - { path: /hook, method: POST, subgraph: things, target: /hook, contentTypes: [application/json], maxRequestBytes: 1000 }
    - { path: /upload, method: POST, subgraph: things, target: /up, contentTypes: [multipart/form-data], authenticated: true, maxRequestBytes: 5000 }
    - { path: "/files/{id}", method: GET, subgraph: things, target: "/files/{id}" }
    - { path: /secret, method: DELETE, subgraph: things, target: /secret, audience: { roles: [ADMIN] } }
`,
  );
  const [graph, config] = [join(directory, 'supergraph.graphql'), join(directory, 'gateway.yaml')];
  gateway = await serve({ supergraph: graph, config, env: { LOG_LEVEL: 'silent' } });
});
afterAll(async () => {
  await gateway.close();
  await subgraph.close();
  rmSync(directory, { recursive: true });
});

interface Bad {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
}

/** Sends the path as it is, which `fetch` would tidy up. */
function send({ method = 'GET', path, headers = {}, body }: Bad) {
  return new Promise<{ status: number; type: string | undefined; body: string }>((resolve, reject) => {
    const { hostname, port } = new URL(gateway.url);
    const isChunked = 'transfer-encoding' in headers;
    const length = body === undefined || isChunked ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const options = {
      hostname,
      port,
      method,
      path: `/api/v1${path}`,
      headers: { ...length, ...headers },
      agent: false,
    };
    const outgoing = httpRequest(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'], body: text });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const json = { 'content-type': 'application/json' };
type Case = readonly [name: string, bad: Bad, status: number, code: string];

const paths = [
  '',
  '/nothing',
  '/things/1/2',
  '/thing',
  '/THINGS',
  '/things//1',
  '/',
  '//things',
  '/things/1/',
  '/pay/1',
  '/files',
  '/files/a/b',
  '/hook/x',
  '/own/1',
  '/things;a=b',
  '/.%00/x/y',
];
const unknown: Case[] = paths.flatMap((path) =>
  ['GET', 'POST', 'DELETE'].map((method): Case => {
    const isMalformed = path.includes('%00');
    return [`${method} ${path}`, { method, path }, isMalformed ? 400 : 404, isMalformed ? 'BAD_REQUEST' : 'NOT_FOUND'];
  }),
);
const parts = [
  'a%2Fb',
  'a%2fb',
  '%2F..%2F',
  '%5C',
  'a%5cb',
  '%00',
  'a%00b',
  '%0d%0aX:1',
  '%0A',
  '%7F',
  '%',
  '%zz',
  '%ff',
  '%c0%af',
  '%e2%82',
  '..%2f..%2fetc',
];
const encoded = ['/things/', '/files/'].flatMap((start) => [
  ...parts.map((part): Case => [start + part, { path: start + part }, 400, 'BAD_REQUEST']),
  ...['..', '%2e%2e', '.', '%2e', ''].map(
    (part): Case => [`${start}${part} `, { path: start + part }, 404, 'NOT_FOUND'],
  ),
]);
const methods = [
  ['PUT', '/things'],
  ['DELETE', '/things'],
  ['PATCH', '/things'],
  ['POST', '/things/1'],
  ['PUT', '/things/1'],
  ['GET', '/pay'],
  ['PUT', '/pay'],
  ['GET', '/hook'],
  ['DELETE', '/hook'],
  ['GET', '/upload'],
  ['POST', '/files/1'],
  ['TRACE', '/things'],
  ['PROPFIND', '/things'],
  ['GET', '/secret'],
].map(([method, path]): Case => [`${method} ${path}`, { method: method!, path: path! }, 405, 'METHOD_NOT_ALLOWED']);
const searches = [
  'first=two',
  'first=1.5',
  'first=',
  'first=1e3',
  'first=0x10',
  'first=3000000000',
  'first=-',
  'first=%201',
  'first=1%20',
  'first=1%00',
  'first=+1',
  'big=1',
  'big=yes',
  'big=TRUE',
  'big=',
  'min=abc',
  'min=Infinity',
  'min=NaN',
  'min=1,5',
  'min=1e999',
  'colors=BLUE',
  'colors=red',
  'colors=',
  'colors=RED,GREEN',
  'first=1&first=2',
  'big=true&big=true',
  'x=1',
  '__proto__=1',
  'constructor=1',
  'First=1',
  'first[]=1',
  'id=1',
  '=1',
  'first=%ff',
  'first=%zz',
  'first%00=1',
  '%c0%ae=1',
  '?first=1',
  `${'colors=RED&'.repeat(201)}`,
].map((search): Case => [search.slice(0, 30), { path: `/things?${search}` }, 400, 'BAD_USER_INPUT']);
const elsewhere: Case[] = [
  ['a parameter of the path', { path: '/things/1?id=2' }, 400, 'BAD_USER_INPUT'],
  [
    'a parameter of a body',
    { method: 'POST', path: '/things?input=1', headers: json, body: '{"name":"a"}' },
    400,
    'BAD_USER_INPUT',
  ],
  [
    'a parameter that a body gives too',
    { method: 'PATCH', path: '/things/1?name=a', headers: json, body: '{"name":"b"}' },
    400,
    'BAD_USER_INPUT',
  ],
  [
    'a body that gives what the path gives',
    { method: 'PATCH', path: '/things/1', headers: json, body: '{"id":"2","name":"b"}' },
    400,
    'BAD_USER_INPUT',
  ],
  ['a parameter of a DELETE', { method: 'DELETE', path: '/things/1?x=1' }, 400, 'BAD_USER_INPUT'],
  ['a parameter of a proxied route', { path: '/files/1?x=1' }, 400, 'BAD_REQUEST'],
  ['a body of a GET', { path: '/things', headers: json, body: '{}' }, 400, 'BAD_REQUEST'],
  ['a body of a proxied GET', { path: '/files/1', headers: json, body: '{}' }, 400, 'BAD_REQUEST'],
];
const types = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=b',
  'application/xml',
  'application/json; charset=latin1',
  'application/jsonx',
  'json',
  '',
];
const typed = [
  ['POST', '/things'],
  ['PATCH', '/things/1'],
  ['POST', '/hook'],
].flatMap(([method, path]) =>
  types
    .filter((type) => path !== '/hook' || !type.includes('charset'))
    .map((type): Case => {
      const bad = { method: method!, path: path!, headers: { 'content-type': type }, body: '{"name":"a"}' };
      return [`${method} ${path} of "${type}"`, bad, 415, 'UNSUPPORTED_MEDIA_TYPE'];
    }),
);
const coded: Case[] = [
  ['zstd', Buffer.from('x'), 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ['gzip, gzip', Buffer.from('x'), 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ['gzip', Buffer.from('no gzip'), 400, 'BAD_REQUEST'],
  ['br', Buffer.from('no brotli'), 400, 'BAD_REQUEST'],
  ['gzip', gzipSync(`{"name":"${'x'.repeat(1_000_000)}"}`), 413, 'PAYLOAD_TOO_LARGE'],
].map(([coding, body, status, code]): Case => {
  const headers = { ...json, 'content-encoding': String(coding) };
  return [
    `a body as ${coding}`,
    { method: 'POST', path: '/things', headers, body: body as Buffer },
    status as number,
    String(code),
  ];
});
const bodies: readonly (readonly [string | Buffer, string])[] = [
  ['{', 'BAD_REQUEST'],
  ['{"name":"a",}', 'BAD_REQUEST'],
  ["{'name':'a'}", 'BAD_REQUEST'],
  ['{"name":"a"} {}', 'BAD_REQUEST'],
  ['{"name":"a\u0000"}', 'BAD_REQUEST'],
  [Buffer.from([0x22, 0xff, 0x22]), 'BAD_REQUEST'],
  ['['.repeat(600) + ']'.repeat(600), 'BAD_REQUEST'],
  ['[]', 'BAD_USER_INPUT'],
  ['null', 'BAD_USER_INPUT'],
  ['1', 'BAD_USER_INPUT'],
  ['"a"', 'BAD_USER_INPUT'],
  ['true', 'BAD_USER_INPUT'],
  ['{}', 'BAD_USER_INPUT'],
  ['{"name":1}', 'BAD_USER_INPUT'],
  ['{"name":null}', 'BAD_USER_INPUT'],
  ['{"name":["a"]}', 'BAD_USER_INPUT'],
  ['{"name":"a","size":"b"}', 'BAD_USER_INPUT'],
  ['{"name":"a","size":1.5}', 'BAD_USER_INPUT'],
  ['{"name":"a","size":3000000000}', 'BAD_USER_INPUT'],
  ['{"name":"a","color":"BLUE"}', 'BAD_USER_INPUT'],
  ['{"name":"a","color":0}', 'BAD_USER_INPUT'],
  ['{"name":"a","tags":[1]}', 'BAD_USER_INPUT'],
  ['{"name":"a","tags":[null]}', 'BAD_USER_INPUT'],
  ['{"name":"a","part":{}}', 'BAD_USER_INPUT'],
  ['{"name":"a","part":{"weight":"x"}}', 'BAD_USER_INPUT'],
  ['{"name":"a","part":[{"weight":1},{"weight":1}]}', 'BAD_USER_INPUT'],
  ['{"name":"a","nope":1}', 'BAD_USER_INPUT'],
  ['{"name":"a","__proto__":{"size":1}}', 'BAD_USER_INPUT'],
  ['{"name":"a","constructor":1}', 'BAD_USER_INPUT'],
  ['{"input":{"name":"a"}}', 'BAD_USER_INPUT'],
  ['{"name":"a","name":"b"}', 'BAD_REQUEST'],
  ['{"name":"a","n\\u0061me":"b"}', 'BAD_REQUEST'],
];
const bodied = bodies.map(([body, code]): Case => {
  return [`the body ${String(body).slice(0, 40)}`, { method: 'POST', path: '/things', headers: json, body }, 400, code];
});
const large: Case[] = [
  [
    'a large body',
    { method: 'POST', path: '/things', headers: json, body: `{"name":"${'x'.repeat(100_001)}"}` },
    413,
    'PAYLOAD_TOO_LARGE',
  ],
  [
    'a large body of a webhook',
    { method: 'POST', path: '/hook', headers: json, body: 'x'.repeat(1_001) },
    413,
    'PAYLOAD_TOO_LARGE',
  ],
  [
    'a large body in chunks',
    { method: 'POST', path: '/hook', headers: { ...json, 'transfer-encoding': 'chunked' }, body: 'x'.repeat(5_000) },
    413,
    'PAYLOAD_TOO_LARGE',
  ],
  ['a webhook without a body', { method: 'POST', path: '/hook', headers: json }, 400, 'BAD_REQUEST'],
  [
    'a webhook that is coded',
    { method: 'POST', path: '/hook', headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync('{}') },
    415,
    'UNSUPPORTED_MEDIA_TYPE',
  ],
];
const asks: Case[] = ['text/html', 'image/png', 'application/xml', 'application/json;q=0', 'text/event-stream'].map(
  (accept) => {
    return [`accepts ${accept}`, { path: '/things', headers: { accept } }, 406, 'NOT_ACCEPTABLE'];
  },
);
const credentials: Case[] = ['/things', '/own', '/files/1'].flatMap((path) =>
  [
    'Bearer',
    'Bearer x',
    'Bearer a.b.c',
    `Bearer ${sign({}, 'x'.repeat(40), { issuer: 'tests', audience: 'supergate', subject: 'ada', expiresIn: 60 })}`,
  ].map(
    (authorization): Case => [
      `${path} as ${authorization.slice(0, 20)}`,
      { path, headers: { authorization } },
      401,
      'UNAUTHENTICATED',
    ],
  ),
);
const form = { 'content-type': 'multipart/form-data; boundary=b' };
const rights: Case[] = [
  ['nobody at /own', { path: '/own' }, 401, 'UNAUTHENTICATED'],
  ['nobody who uploads', { method: 'POST', path: '/upload', headers: form, body: '--b--' }, 401, 'UNAUTHENTICATED'],
  ['nobody at /secret', { method: 'DELETE', path: '/secret' }, 401, 'UNAUTHENTICATED'],
  [
    'a form of another site',
    { method: 'POST', path: '/upload', headers: { ...form, cookie: 'a=b' }, body: '--b--' },
    401,
    'UNAUTHENTICATED',
  ],
  [
    'a DELETE of another site',
    { method: 'DELETE', path: '/things/1', headers: { cookie: 'a=b' } },
    400,
    'CSRF_PREVENTED',
  ],
];
const origin = 'https://a.test';
const heads: Case[] = [
  ['many headers', { path: '/things', headers: { 'x-many': Array(201).fill('1') } }, 431, 'REQUEST_HEADERS_TOO_LARGE'],
  [
    'two types',
    {
      method: 'POST',
      path: '/things',
      headers: { 'content-type': ['application/json', 'text/plain'] },
      body: '{"name":"a"}',
    },
    400,
    'BAD_REQUEST',
  ],
  ['another origin at no route', { path: '/nothing', headers: { origin } }, 404, 'NOT_FOUND'],
  ['another origin at the prefix', { path: '', headers: { origin } }, 404, 'NOT_FOUND'],
  ['another origin, badly encoded', { path: '/things/%zz', headers: { origin } }, 400, 'BAD_REQUEST'],
  [
    'another origin, with no method of ours',
    { method: 'TRACE', path: '/things', headers: { origin } },
    405,
    'METHOD_NOT_ALLOWED',
  ],
  [
    'another origin, with a strange method',
    { method: 'PROPFIND', path: '/things', headers: { origin } },
    404,
    'NOT_FOUND',
  ],
].map(([name, bad, status, code]): Case => [name as string, bad as Bad, status as number, code as string]);
const keys: Case[] = ['a b', 'x'.repeat(256), ''].map((key) => {
  const bad = { method: 'POST', path: '/things', headers: { ...json, 'idempotency-key': key }, body: '{"name":"a"}' };
  return [`the key "${key.slice(0, 5)}"`, bad, 400, 'BAD_REQUEST'];
});

const cases: Case[] = [
  ...unknown,
  ...encoded,
  ...methods,
  ...searches,
  ...elsewhere,
  ...typed,
  ...coded,
  ...bodied,
  ...large,
  ...asks,
  ...credentials,
  ...rights,
  ...keys,
  ...heads,
];

const post =
  'POST /api/v1/things HTTP/1.1\r\nhost: x\r\nx-request-id: request-42\r\ncontent-type: application/json\r\n';
const upload = 'POST /api/v1/hook HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
const rawCases: (readonly [name: string, bytes: string, status: number, code: string])[] = [
  ['no such method', 'FROB /api/v1/things HTTP/1.1\r\nhost: x\r\n\r\n', 400, 'BAD_REQUEST'],
  ['a blank in the path', 'GET /api/v1/things/a b HTTP/1.1\r\nhost: x\r\n\r\n', 400, 'BAD_REQUEST'],
  ['a byte beyond ASCII in the path', 'GET /api/v1/things/\xe9 HTTP/1.1\r\nhost: x\r\n\r\n', 400, 'BAD_REQUEST'],
  ['a NUL in a header', 'GET /api/v1/things HTTP/1.1\r\nhost: x\r\na: b\x00\r\n\r\n', 400, 'BAD_REQUEST'],
  ['no host', 'GET /api/v1/things HTTP/1.1\r\n\r\n', 400, 'BAD_REQUEST'],
  ['two hosts', 'GET /api/v1/things HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n', 400, 'BAD_REQUEST'],
  [
    'a long header',
    `GET /api/v1/things HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(40_000)}\r\n\r\n`,
    431,
    'REQUEST_HEADERS_TOO_LARGE',
  ],
  [
    'a long URL',
    `GET /api/v1/things?${'x'.repeat(40_000)} HTTP/1.1\r\nhost: x\r\n\r\n`,
    431,
    'REQUEST_HEADERS_TOO_LARGE',
  ],
  ['two lengths', `${upload}content-length: 1\r\ncontent-length: 2\r\n\r\n{}`, 400, 'BAD_REQUEST'],
  ['a bad chunk', `${post}transfer-encoding: chunked\r\n\r\nzz\r\n`, 400, 'BAD_REQUEST'],
  ['a bad chunk for a subgraph', `${upload}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n`, 400, 'BAD_REQUEST'],
  ['a body that does not come', `${post}content-length: 9\r\n\r\n{`, 408, 'REQUEST_TIMEOUT'],
  ['noise after a request', 'GET /api/v1/nothing HTTP/1.1\r\nhost: x\r\n\r\n', 404, 'NOT_FOUND'],
];

/** Sends bytes as they are, and resolves with the last answer when the connection is over, or idle. */
function sendBytes(bytes: string): Promise<{ head: string; body: string }> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      text += chunk;
      const [, length] = /content-length: (\d+)/.exec(text) ?? [];
      const [head = '', body = ''] = text.split('\r\n\r\n');
      if (length === undefined || Buffer.byteLength(body) < Number(length)) return;
      socket.destroy();
      resolve({ head, body });
    });
    socket.on('error', () => resolve({ head: 'RESET', body: '' }));
    socket.write(bytes, 'latin1');
  });
}

describe('a bad REST request', () => {
  it.each(cases)('is a problem document: %s', async (_name, bad, status, code) => {
    const before = subgraph.requests.length;
    const answer = await send(bad);
    const told = JSON.parse(answer.body) as {
      status: number;
      code: string;
      requestId: string;
      detail: string;
    };
    expect([answer.status, told.status, told.code]).toEqual([status, status, code]);
    expect(answer.type).toBe('application/problem+json; charset=utf-8');
    expect(told.requestId).toMatch(/^[\w-]{8,}$/);
    expect(answer.body.length).toBeLessThan(3_000);
    expect(answer.body).not.toMatch(/127\.0\.0\.1|node_modules|\bat .*\.ts/);
    expect(subgraph.requests.length).toBe(before);
  });

  it.each(rawCases)('is a problem document where the path is known: %s', async (_name, bytes, status, code) => {
    const before = subgraph.requests.length;
    const { head, body } = await sendBytes(bytes);
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head).toContain('content-type: application/problem+json; charset=utf-8');
    const told = JSON.parse(body) as { status: number; code: string; requestId: string };
    expect([told.status, told.code]).toEqual([status, code]);
    expect(head).toContain(`x-request-id: ${bytes.includes('request-42') ? 'request-42' : told.requestId}`);
    expect(told.requestId).toHaveLength(bytes.includes('request-42') ? 10 : 36);
    expect(subgraph.requests.length).toBe(before);
  });

  it('is an answer of GraphQL where nobody knows of a path', async () => {
    for (const bytes of ['\x16\x03\x01\x02\x00\x01', 'GET /graphql HTTP/1.1\r\nhost: x\r\na: \x01\r\n\r\n']) {
      const { head, body } = await sendBytes(bytes);
      expect(head).toContain('content-type: application/json');
      expect(JSON.parse(body)).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
    }
  });

  it('is read to its end, so that a client that leaves with its answer has it', async () => {
    const large = `POST /api/v1/things HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n`;
    const { head } = await sendBytes(`${large}content-length: 9000000\r\n\r\n${'x'.repeat(9_000_000)}`);
    expect(head).toMatch(/^HTTP\/1.1 413 /);
  });

  it('is not one that offers another protocol, or names the whole URL', async () => {
    const upgrade = 'connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n';
    const add = `POST /api/v1/things HTTP/1.1\r\nhost: x\r\n${upgrade}content-type: application/json\r\ncontent-length: 12\r\n\r\n`;
    expect((await sendBytes(`${add}{"name":"a"}`)).head).toMatch(/^HTTP\/1.1 201 /);
    expect((await sendBytes('GET http://x/api/v1/things HTTP/1.1\r\nhost: x\r\n\r\n')).head).toMatch(/^HTTP\/1.1 200 /);
  });

  it('is told from a good one of the same kind', async () => {
    const good: Bad[] = [
      { path: '/things?first=1&colors=RED&colors=GREEN&big=true&min=1.5' },
      { method: 'POST', path: '/things', headers: json, body: '{"name":"a"}' },
      { method: 'POST', path: '/pay', headers: { 'idempotency-key': 'good' } },
      { path: '/own', headers: { authorization: `Bearer ${token()}` } },
    ];
    const statuses = await Promise.all(good.map(async (each) => (await send(each)).status));
    // What is null there is no such thing: it was asked for.
    expect(statuses).toEqual([200, 201, 201, 404]);
  });

  it('lets pages of known origins read what answers tell beside their data', async () => {
    const { headers } = await fetch(`${gateway.url}/api/v1/things`, { headers: { origin } });
    const exposed = headers.get('access-control-expose-headers')?.split(', ');
    expect(exposed).toEqual(expect.arrayContaining(['link', 'etag', 'idempotency-replayed', 'x-partial-errors']));
  });

  it('with the key of another one is a conflict', async () => {
    const pay = (body: string) =>
      send({ method: 'POST', path: '/things', headers: { ...json, 'idempotency-key': 'k' }, body });
    expect((await pay('{"name":"a"}')).status).toBe(201);
    const other = await pay('{"name":"b"}');
    expect([other.status, JSON.parse(other.body)]).toEqual([
      409,
      expect.objectContaining({ code: 'IDEMPOTENCY_KEY_CONFLICT' }),
    ]);
  });

  it('comes in more than two hundred kinds', () => {
    expect(cases.length).toBeGreaterThan(200);
  });
});
