/**
 * Two servers over two equal doors, one with the express lane: what a client sees must not tell which is which.
 * Observed: status, headers (but for the date and the id) and bytes of every answer.
 */
import { createHash } from 'node:crypto';
import type { InjectOptions } from 'fastify';
import type { GraphQLDoor } from '../../src/client/door';
import { ClientError } from '../../src/errors';
import { expectRefusal } from './answers';
import { createFakeDoor } from './fake-door';
import { sendOver, startTestServer, stopTestServer, type TestServer } from './http-server';

const accepts = [undefined, '*/*', 'application/json', 'application/graphql-response+json'];

const bodies: [string, unknown][] = [
  ['data', { query: '{ hello }' }],
  ['data under aliases', { query: '{ __proto__: hello constructor: echo(text: "x") }' }],
  ['a null', { query: '{ echo }' }],
  ['text of many scripts', { query: '{ echo(text: "žlutý 🐎 \\u2028") }' }],
  ['a masked error', { query: '{ broken }' }],
  ['an error of a subgraph', { query: '{ unreachable hello }' }],
  ['an error in a list', { query: '{ partial }' }],
  ['an error that reaches the root', { query: '{ reached }' }],
  ['a mutation', { query: 'mutation { increment }' }],
  ['a named operation', { query: 'query A { hello } query B { echo }', operationName: 'A' }],
  ['variables', { query: 'query ($n: [Int!]!) { sum(numbers: $n) }', variables: { n: [1, 2] } }],
  ['wrong variables', { query: 'query ($n: [Int!]!) { sum(numbers: $n) }', variables: { n: ['a', null] } }],
  ['no variables', { query: 'query ($n: [Int!]!) { sum(numbers: $n) }', variables: null, extensions: null }],
  ['a syntax error', { query: '{' }],
  ['a validation error', { query: '{ nope }' }],
  ['an unknown operation', { query: '{ hello }', operationName: 'B' }],
  ['introspection', { query: '{ __schema { queryType { name } } }' }],
  ['a subscription', { query: 'subscription { ticks }' }],
  ['a large answer', { query: '{ large(bytes: 5000) }' }],
];

const requests = bodies.flatMap(([name, body]) =>
  accepts.map((accept): [string, InjectOptions] => [
    `${name} for ${accept ?? 'no Accept'}`,
    {
      method: 'POST',
      url: '/graphql',
      headers: { 'content-type': 'application/json', ...(accept !== undefined && { accept }) },
      payload: JSON.stringify(body),
    },
  ]),
);

describe('the express lane', () => {
  let express: TestServer;
  let apollo: TestServer;
  beforeAll(async () => {
    express = await startTestServer({ expressLane: true });
    apollo = await startTestServer({ expressLane: false });
  });
  afterAll(() => Promise.all([stopTestServer(express), stopTestServer(apollo)]));

  it.each(requests)('gives the bytes of Apollo Server for %s', async (_name, request) => {
    const [one, other] = await Promise.all(
      [express, apollo].map(async ({ http }) => {
        const { statusCode, headers, body } = await http.inject(request);
        const { date: _date, 'x-request-id': id, 'content-length': _length, ...rest } = headers;
        return { statusCode, headers: rest, body: body.replaceAll(String(id), 'the id') };
      }),
    );
    expect(one).toEqual(other);
  });
});

const post = (body: unknown, headers: Record<string, string> = {}): InjectOptions => ({
  method: 'POST',
  url: '/graphql',
  headers: { 'content-type': 'application/json', ...headers },
  payload: JSON.stringify(body),
});

/** A door that tells which way an operation came: by `execute`, or by the executor that Apollo Server loaded. */
function countingDoor() {
  const door = createFakeDoor();
  const ways = { express: 0, apollo: 0 };
  const counting: GraphQLDoor = {
    gateway: {
      ...door.gateway,
      async load(options) {
        const { executor } = await door.gateway.load(options);
        return {
          executor: (context) => {
            ways.apollo++;
            return executor!(context);
          },
        };
      },
    },
    prepare: (source, name) => door.prepare(source, name),
    subscribe: door.subscribe,
    execute(prepared, params, context) {
      ways.express++;
      return door.execute(prepared, params, context);
    },
  };
  return { door: { ...door, ...counting }, ways };
}

describe('the choice of a lane', () => {
  let server: TestServer;
  afterEach(() => stopTestServer(server));

  it('takes the express lane for a POST of plain JSON and for a GET, but not for a text to be kept by its hash', async () => {
    const { door, ways } = countingDoor();
    server = await startTestServer({ expressLane: true }, { door });
    await server.http.inject(post({ query: '{ hello }' }));
    expect(ways).toEqual({ express: 1, apollo: 0 });
    await server.http.inject({
      method: 'GET',
      url: '/graphql?query={hello}',
      headers: { 'apollo-require-preflight': 'true' },
    });
    expect(ways).toEqual({ express: 2, apollo: 0 });
    const sha256Hash = createHash('sha256').update('{ hello }').digest('hex');
    const extensions = { persistedQuery: { version: 1, sha256Hash } };
    await server.http.inject(post({ query: '{ hello }', extensions }));
    expect(ways).toEqual({ express: 2, apollo: 1 });
    await server.http.inject(post({ extensions }));
    expect(ways).toEqual({ express: 3, apollo: 1 });
  });

  it('takes the lane of Apollo Server when a plugin listens to requests', async () => {
    const { door, ways } = countingDoor();
    const seen: (string | null | undefined)[] = [];
    const plugin = {
      async requestDidStart() {
        return {
          async didResolveOperation({ operationName }: { operationName: string | null }) {
            seen.push(operationName);
          },
        };
      },
    };
    server = await startTestServer({ expressLane: true }, { door, plugins: [plugin] });
    await server.http.inject(post({ query: 'query Seen { hello }' }));
    expect(ways).toEqual({ express: 0, apollo: 1 });
    expect(seen).toEqual(['Seen']);
  });

  it('keeps the express lane when a plugin listens to the server alone', async () => {
    const { door, ways } = countingDoor();
    server = await startTestServer({ expressLane: true }, { door, plugins: [{ async serverWillStart() {} }] });
    await server.http.inject(post({ query: '{ hello }' }));
    expect(ways).toEqual({ express: 1, apollo: 0 });
  });

  it('lets a plugin refuse an operation, set a header and change the response', async () => {
    const plugin = {
      async requestDidStart() {
        return {
          async didResolveOperation({ operationName }: { operationName: string | null }) {
            if (operationName === 'Refused') throw new ClientError('UNAUTHENTICATED', 'not you');
          },
          // biome-ignore lint/suspicious/noExplicitAny: the shape is Apollo's
          async willSendResponse({ response }: any) {
            response.http.headers.set('x-plugin', 'was here');
            response.body.singleResult.extensions = { seen: true };
          },
        };
      },
    };
    server = await startTestServer({}, { plugins: [plugin] });
    const good = await server.http.inject(post({ query: '{ hello }' }));
    expect(good.headers['x-plugin']).toBe('was here');
    expect(good.json()).toEqual({ data: { hello: 'hello world' }, extensions: { seen: true } });
    const bad = await server.http.inject(post({ query: 'query Refused { hello }' }));
    expect(bad.statusCode).toBe(401);
    expect(bad.json().errors).toEqual([{ message: 'not you', extensions: { code: 'UNAUTHENTICATED' } }]);
  });

  it.each<[string, (http: { status?: number; headers: Map<string, string> }) => void]>([
    ['a header that would split the answer', ({ headers }) => void headers.set('x-plugin', 'a\r\nset-cookie: b')],
    ['a header whose name is none', ({ headers }) => void headers.set('x plugin', 'a')],
    [
      'a status that does not exist',
      (http) => {
        http.status = 2_000;
      },
    ],
  ])('masks a plugin that sets %s', async (_name, change) => {
    const plugin = {
      async requestDidStart() {
        return {
          // biome-ignore lint/suspicious/noExplicitAny: the shape is Apollo's
          async willSendResponse({ response }: any) {
            change(response.http);
          },
        };
      },
    };
    server = await startTestServer({}, { plugins: [plugin] });
    const sent = sendOver(await server.http.listen(0, '127.0.0.1'));
    for (const send of [sent, (request: InjectOptions) => server.http.inject(request)]) {
      const answer = await send(post({ query: '{ hello }' }));
      expectRefusal(answer, 500, 'INTERNAL_SERVER_ERROR');
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
    expect(server.lines.filter(({ status }) => status === 500)).toHaveLength(2);
  });

  it('masks a plugin that crashes, with the id of the request', async () => {
    const plugin = {
      async requestDidStart() {
        return {
          async didResolveSource() {
            throw new Error('postgres://root:hunter2@db.internal');
          },
        };
      },
    };
    server = await startTestServer({}, { plugins: [plugin] });
    const answer = await server.http.inject(post({ query: '{ hello }' }));
    expect(answer.statusCode).toBe(500);
    expect(answer.json()).toEqual({
      errors: [
        {
          message: 'Internal server error',
          extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: answer.headers['x-request-id'] },
        },
      ],
    });
    expect(server.lines.some(({ err }) => String(err).includes('hunter2'))).toBe(true);
  });
});
