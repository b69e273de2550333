import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { GraphQLError, parse } from 'graphql';
import { sign } from 'jsonwebtoken';
import { type RunningGateway, serve } from '../../../src/main';
import { federation } from '../../support/graph';
import { validateOpenApi } from '../../support/openapi';
import { createSubgraphServer, type SubgraphServer } from '../../support/subgraph-server';

/**
 * REST routes of a whole gateway. Real: files, server, sockets, planner, engine, subgraph over HTTP. Observed: answers, and
 * how often the subgraph was asked.
 */
const schema = `
  enum Color { RED GREEN }
  input ThingInput { name: String! size: Int color: Color = RED tags: [String!] part: PartInput }
  input PartInput { weight: Float! }
  type Thing { id: ID! name: String! size: Int broken: String old: Int @deprecated(reason: "no") }
  type Thins { nodes: [Thing!]! pageInfo: PageInfo! }
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type Query {
    thing(id: ID!): Thing
    things(first: Int! = 2, after: String, colors: [Color!], big: Boolean, min: Float): Thins!
    echo(text: String): String
    mine: String
    conflict: Int
    wrong(size: Int): Int
  }
  type Mutation { add(input: ThingInput!): Thing! rename(id: ID!, name: String!): Thing remove(id: ID!): Boolean pay(key: String!): Int! }
`;
const operations = `
  # One thing.
  query Thing($id: ID!) @rest(path: "/things/{id}", unwrap: "thing") { thing(id: $id) { id name size old } }
  query Special @rest(path: "/things/special", unwrap: "thing") { thing(id: "special") { id } }
  query Things($first: Int! = 2, $after: String, $colors: [Color!], $big: Boolean, $min: Float)
    @rest(path: "/things", unwrap: "things", example: { first: 1, colors: [RED] }) {
    things(first: $first, after: $after, colors: $colors, big: $big, min: $min) { nodes { id } pageInfo { hasNextPage endCursor } }
  }
  query Whole($id: ID!, $text: String) @rest(path: "/whole/{id}") { thing(id: $id) { id } echo(text: $text) }
  query Partial($id: ID!) @rest(path: "/partial/{id}", unwrap: "thing", partial: true) { thing(id: $id) { id broken } }
  query Full($id: ID!) @rest(path: "/full/{id}", unwrap: "thing") { thing(id: $id) { id broken } }
  query Mine @rest(path: "/mine", unwrap: "mine") { mine }
  query Own @rest(path: "/own", unwrap: "echo", authenticated: true) { echo(text: "own") }
  query Limited($id: ID!) @rest(path: "/limited/{id}", unwrap: "thing") { thing(id: $id) { id } }
  query Conflict @rest(path: "/conflict", unwrap: "conflict") { conflict }
  query Header($token: String) @rest(path: "/header", headers: ["X-Token: token"]) { echo(text: $token) }
  mutation Add($input: ThingInput!) @rest(path: "/things", body: "input", unwrap: "add", example: { input: { name: "new" } }) { add(input: $input) { id name } }
  mutation Rename($id: ID!, $name: String!) @rest(method: PATCH, path: "/things/{id}", unwrap: "rename") { rename(id: $id, name: $name) { id name } }
  mutation Remove($id: ID!) @rest(method: DELETE, path: "/things/{id}", status: 204) { remove(id: $id) }
  mutation Pay($key: String!) @rest(path: "/pay", headers: ["Idempotency-Key: key"], unwrap: "pay") { pay(key: $key) }
`;
let added = 0;
let held: Promise<void> = Promise.resolve();
const thing = (id: string) => (id === 'none' ? null : { id, name: `thing ${id}`, size: 3, old: 1 });
const resolvers = {
  Thing: {
    broken: () => {
      throw new GraphQLError('it is broken', { extensions: { code: 'DOWNSTREAM' } });
    },
  },
  Query: {
    thing: (_: unknown, { id }: { id: string }) => thing(id),
    things: (_: unknown, { first, after }: { first: number; after?: string }) => ({
      nodes: Array.from({ length: first }, (_each, index) => thing(`${after ?? ''}${index}`)),
      pageInfo: { hasNextPage: after === undefined, endCursor: 'c&1' },
    }),
    echo: (_: unknown, { text }: { text: string }) => text,
    mine: () => {
      throw new GraphQLError('Sign in first.', { extensions: { code: 'UNAUTHENTICATED' } });
    },
    conflict: () => {
      throw new GraphQLError('It is taken.', { extensions: { code: 'CONFLICT', argument: 'input.name' } });
    },
  },
  Mutation: {
    add: async (_: unknown, { input }: { input: { name: string } }) => {
      added += 1;
      await held;
      return { id: String(added), name: input.name };
    },
    rename: (_: unknown, { id, name }: { id: string; name: string }) => ({ id, name }),
    remove: () => true,
    pay: (_: unknown, { key }: { key: string }) => key.length,
  },
};

let directory: string;
let subgraph: SubgraphServer;
let gateway: RunningGateway;
let supergraph: string;
const sharedSecret = 'a-secret-of-tests-with-over-32-bytes';
const token = (subject: string) =>
  sign({}, sharedSecret, { subject, issuer: 'tests', audience: 'supergate', expiresIn: 60 });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'supergate-rest-'));
  subgraph = await createSubgraphServer();
  const typeDefs = parse(federation + schema);
  const url = subgraph.mount({ name: 'things', typeDefs, resolvers });
  supergraph = join(directory, 'supergraph.graphql');
  writeFileSync(supergraph, composeServices([{ name: 'things', typeDefs, url }]).supergraphSdl!);
  mkdirSync(join(directory, 'operations'));
  writeFileSync(join(directory, 'operations/things.graphql'), operations);
  gateway = await start(
    'rest: { operations: ./operations }\nrateLimits: { rules: [{ name: few, route: "GET /limited/{id}", max: 2, window: 1h }] }',
  );
});
afterAll(async () => {
  await gateway.close();
  await subgraph.close();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  added = 0;
  held = Promise.resolve();
});

async function start(yaml: string): Promise<RunningGateway> {
  const config = join(directory, 'gateway.yaml');
  const issuer = `{ issuer: tests, audiences: [supergate], algorithms: [HS256], sharedSecret: ${sharedSecret} }`;
  writeFileSync(config, `${yaml}\nserver: { port: 0 }\nauthentication: { issuers: [${issuer}] }\n`);
  return serve({ supergraph, config, env: { LOG_LEVEL: 'silent' } });
}

const json = { 'content-type': 'application/json' };
const get = (path: string, headers: Record<string, string> = {}) => fetch(`${gateway.url}/api/v1${path}`, { headers });
const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  fetch(`${gateway.url}/api/v1${path}`, {
    method,
    headers: { ...json, ...headers },
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
  });

/** Sends a path as it is, which `fetch` would tidy up. */
function raw(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(gateway.url);
    httpRequest({ hostname, port, path, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

describe('a route', () => {
  it('answers what its operation selects, unwrapped, under every prefix', async () => {
    const response = await get('/things/7');
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    expect(await response.json()).toEqual({ id: '7', name: 'thing 7', size: 3, old: 1 });
    expect(response.headers.get('x-request-id')).toBeTruthy();
    const other = await fetch(`${gateway.url}/api/things/7`);
    expect(await other.json()).toMatchObject({ id: '7' });
    expect(await (await get('/whole/7?text=a')).json()).toEqual({ thing: { id: '7' }, echo: 'a' });
  });

  it('of literals comes before one of variables', async () => {
    expect(await (await get('/things/special')).json()).toEqual({ id: 'special' });
  });

  it('reads query parameters by the types of their variables', async () => {
    const response = await get('/things?first=1&colors=RED&colors=GREEN&big=true&min=-1.5e3');
    expect(await response.json()).toEqual({ nodes: [{ id: '0' }], pageInfo: { hasNextPage: true, endCursor: 'c&1' } });
    const { variables } = subgraph.requests.at(-1)!;
    expect(Object.values(variables ?? {})).toEqual(expect.arrayContaining([1, ['RED', 'GREEN'], true, -1500]));
  });

  it('takes a query string as it is: what stands after a second question mark belongs to it', async () => {
    const first = await get('/whole/7?text=a?b+c%2Bd');
    expect(await first.json()).toMatchObject({ echo: 'a?b c+d' });
    const page = await get('/things?first=1&big=true&colors=RED&after=a?b');
    expect((await page.json()) as object).toMatchObject({ nodes: [{ id: 'a?b0' }] });
  });

  it('links to the next page of a connection, and not beyond the last', async () => {
    const first = await get('/things?first=1');
    expect(first.headers.get('link')).toBe('</api/v1/things?first=1&after=c%261>; rel="next"');
    const last = await fetch(new URL(/<(.*)>/.exec(first.headers.get('link')!)![1]!, gateway.url));
    expect([last.status, last.headers.get('link')]).toEqual([200, null]);
  });

  it('takes variables from headers, and decodes what is in the path', async () => {
    expect(await (await get('/header', { 'x-token': 'abc' })).json()).toEqual({ echo: 'abc' });
    expect(await (await get('/things/a%20b%C3%A9')).json()).toMatchObject({ id: 'a bé' });
  });

  it('takes the body as one variable, or its members as variables', async () => {
    const created = await send('POST', '/things', { name: 'new', part: { weight: 1 } });
    expect([created.status, await created.json()]).toEqual([201, { id: '1', name: 'new' }]);
    const renamed = await send('PATCH', '/things/9', { name: 'other' });
    expect([renamed.status, await renamed.json()]).toEqual([200, { id: '9', name: 'other' }]);
    const removed = await send('DELETE', '/things/9');
    expect([removed.status, await removed.text()]).toEqual([204, '']);
  });

  it('answers HEAD as GET, without a body', async () => {
    const response = await fetch(`${gateway.url}/api/v1/things/7`, { method: 'HEAD' });
    const body = await (await get('/things/7')).text();
    expect([response.status, response.headers.get('content-length')]).toEqual([200, String(body.length)]);
  });

  it('tells its methods to OPTIONS', async () => {
    const response = await fetch(`${gateway.url}/api/v1/things/7`, { method: 'OPTIONS' });
    expect([response.status, response.headers.get('allow')]).toEqual([204, 'GET, PATCH, DELETE, HEAD, OPTIONS']);
  });
});

describe('caching', () => {
  it('answers 304 to who has it already, and says that only the client itself may keep it', async () => {
    const first = await get('/things/7');
    const etag = first.headers.get('etag')!;
    expect(etag).toMatch(/^"[\w-]{27}"$/);
    expect(first.headers.get('cache-control')).toBe('private, no-cache');
    for (const tag of [etag, `"x", W/${etag}`, '*']) {
      const again = await get('/things/7', { 'if-none-match': tag });
      expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag]);
    }
    expect((await get('/things/8', { 'if-none-match': etag })).status).toBe(200);
  });
});

describe('a failure', () => {
  async function problem(response: Promise<Response>) {
    const answered = await response;
    expect(answered.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(answered.headers.get('cache-control')).toBe('no-store');
    const body = (await answered.json()) as Record<string, unknown>;
    expect(body).toMatchObject({ status: answered.status, requestId: answered.headers.get('x-request-id') });
    return { ...body, response: answered } as unknown as {
      status: number;
      code: string;
      detail: string;
      errors?: unknown;
      response: Response;
    };
  }

  it.each<[string, () => Promise<Response>, number, string]>([
    ['an unknown path', () => get('/nothing'), 404, 'NOT_FOUND'],
    ['a path that ends too soon', () => get('/things/'), 404, 'NOT_FOUND'],
    ['what is not there', () => get('/things/none'), 404, 'NOT_FOUND'],
    ['an error of a subgraph', () => get('/full/1'), 502, 'DOWNSTREAM'],
    ['a subgraph that wants a sign-in', () => get('/mine'), 401, 'UNAUTHENTICATED'],
    ['a conflict that a subgraph tells', () => get('/conflict'), 409, 'CONFLICT'],
    ['a wrong accept', () => get('/things/1', { accept: 'text/html' }), 406, 'NOT_ACCEPTABLE'],
    [
      'an accept that rules JSON out',
      () => get('/things/1', { accept: 'application/json;q=0' }),
      406,
      'NOT_ACCEPTABLE',
    ],
    [
      'a wrong type of body',
      () => send('POST', '/things', '{}', { 'content-type': 'text/plain' }),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    [
      'a POST of nothing that a page of another site could have sent',
      () => fetch(`${gateway.url}/api/v1/things`, { method: 'POST', headers: { cookie: 'session=1' } }),
      400,
      'CSRF_PREVENTED',
    ],
    ['a body that is no JSON', () => send('POST', '/things', '{'), 400, 'BAD_REQUEST'],
    ['a name that is given twice', () => send('PATCH', '/things/1', '{"name":"a","name":"b"}'), 400, 'BAD_REQUEST'],
    [
      'a body that is too large',
      () => send('POST', '/things', { name: 'x'.repeat(1_000_001) }),
      413,
      'PAYLOAD_TOO_LARGE',
    ],
    ['a token that is bad', () => get('/things/1', { authorization: 'Bearer x' }), 401, 'UNAUTHENTICATED'],
  ])('is a problem document for %s', async (_name, ask, status, code) => {
    expect(await problem(ask())).toMatchObject({ status, code });
    expect(added).toBe(0);
  });

  it('tells a client that must sign in how', async () => {
    const { response } = await problem(get('/mine'));
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });

  it('tells who is nobody in particular to sign in where a route says so, and asks no subgraph', async () => {
    const before = subgraph.requests.length;
    const { status, code, response } = await problem(get('/own'));
    expect([status, code, response.headers.get('www-authenticate')]).toEqual([401, 'UNAUTHENTICATED', 'Bearer']);
    expect(subgraph.requests.length).toBe(before);
    const own = await get('/own', { authorization: `Bearer ${token('ada')}` });
    expect([own.status, await own.json()]).toEqual([200, 'own']);
    const { paths } = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { security?: unknown }>>;
    };
    expect(paths['/own']?.get?.security).toEqual([{ bearer: [] }]);
    expect(paths['/mine']?.get?.security).toBeUndefined();
  });

  it('tells which methods a path has', async () => {
    const { status, response } = await problem(send('PUT', '/things/1', {}));
    expect([status, response.headers.get('allow')]).toEqual([405, 'GET, PATCH, DELETE, HEAD, OPTIONS']);
  });

  it.each<[string, () => Promise<Response>, unknown]>([
    ['a number that is none', () => get('/things?first=two'), [{ field: 'first', message: 'must be a whole number' }]],
    [
      'a number that is too large',
      () => get('/things?first=3000000000'),
      [{ field: 'first', message: 'must be a whole number' }],
    ],
    [
      'a choice that there is not',
      () => get('/things?colors=BLUE'),
      [{ field: 'colors', message: 'must be one of RED, GREEN' }],
    ],
    ['a yes that is none', () => get('/things?big=1'), [{ field: 'big', message: 'must be true or false' }]],
    [
      'a parameter that is given twice',
      () => get('/things?first=1&first=2'),
      [{ field: 'first', message: 'is given more than once' }],
    ],
    [
      'a parameter that there is not',
      () => get('/things?x=1&__proto__=2'),
      [
        { field: 'x', message: 'is no parameter of this route' },
        { field: '__proto__', message: 'is no parameter of this route' },
      ],
    ],
    [
      'a path variable in the query',
      () => get('/things/1?id=2'),
      [{ field: 'id', message: 'is no parameter of this route' }],
    ],
    [
      'a field that there is not',
      () => send('PATCH', '/things/1', { name: 'a', nope: 1 }),
      [{ field: 'nope', message: 'is no field of this body' }],
    ],
    ['a field that is missing', () => send('PATCH', '/things/1', {}), [{ field: 'name', message: 'is required' }]],
    ['a body that is missing', () => send('POST', '/things'), [{ field: 'body', message: 'is required' }]],
    [
      'a body that is missing, with its type',
      () => fetch(`${gateway.url}/api/v1/things`, { method: 'POST' }),
      [{ field: 'body', message: 'is required' }],
    ],
    [
      'a body that is no object',
      () => send('PATCH', '/things/1', [1]),
      expect.arrayContaining([{ field: 'body', message: 'must be a JSON object' }]),
    ],
    [
      'a header that is missing',
      () => send('POST', '/pay', {}),
      [{ field: 'idempotency-key', message: 'is required' }],
    ],
    [
      'a value of another type in the body',
      () => send('POST', '/things', { name: 'a', size: 'b' }),
      [{ field: 'size', message: expect.stringContaining('Int') }],
    ],
    [
      'a missing value deep in the body',
      () => send('POST', '/things', { name: 'a', part: {} }),
      [{ field: 'part', message: expect.stringContaining('weight') }],
    ],
    [
      'a body that is null',
      () => send('POST', '/things', null as never, json),
      [{ field: 'body', message: 'is required' }],
    ],
    [
      'a body of another type',
      () => send('POST', '/things', []),
      [{ field: 'body', message: expect.not.stringContaining('$') }],
    ],
    [
      'a value deep in a body',
      () => send('POST', '/things', { name: 'a', tags: ['b', 1] }),
      [{ field: 'tags[1]', message: expect.stringMatching(/^String/) }],
    ],
    ['what is no UTF-8', () => get('/things?after=%ff'), [{ field: 'after', message: 'is not well encoded' }]],
  ])('names the field of %s, and executes nothing', async (_name, ask, errors) => {
    const before = subgraph.requests.length;
    const { status, errors: told } = await problem(ask());
    expect(told).toEqual(errors);
    if (status === 400) expect(subgraph.requests.length).toBe(before);
  });

  it.each([
    ['/api/v1/things/a%2Fb', 400],
    ['/api/v1/things/%00', 400],
    ['/api/v1/things/%ff', 400],
    ['/api/v1/things/..', 404],
    ['/api/v1/things/%2e%2e', 404],
    ['/api/v1/../metrics', 404],
    ['/api/v1//things/1', 404],
    [`/api/v1/${'a/'.repeat(50)}`, 404],
    ['/api/v1', 404],
    ['/api/v10/things/1', 404],
  ])('of the path %s is %i', async (path, status) => {
    expect(await raw(path)).toBe(status);
  });

  it('beside data is an answer where parts are wanted, with their number told', async () => {
    const response = await get('/partial/1');
    expect([response.status, response.headers.get('x-partial-errors')]).toEqual([200, '1']);
    expect(await response.json()).toEqual({ id: '1', broken: null });
  });
});

describe('a limit of a route', () => {
  it('counts requests to the route, and not the same operation over GraphQL', async () => {
    const overGraphQL = async () => {
      const body = JSON.stringify({ documentId: 'Limited', variables: { id: '1' } });
      return (
        (await (await fetch(gateway.graphqlUrl, { method: 'POST', headers: json, body })).json()) as { data: unknown }
      ).data;
    };
    expect((await get('/limited/1')).headers.get('ratelimit')).toMatch(/^"few";r=1;/);
    for (let index = 0; index < 3; index++) expect(await overGraphQL()).toEqual({ thing: { id: '1' } });
    // Another value of its variable, and the other prefix, are the same route.
    expect((await fetch(`${gateway.url}/api/limited/2`)).status).toBe(200);
    const refused = await get('/limited/3');
    expect([refused.status, refused.headers.get('content-type')]).toEqual([
      429,
      'application/problem+json; charset=utf-8',
    ]);
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await refused.json()).toMatchObject({ code: 'REQUEST_RATE_LIMITED' });
    expect((await get('/things/1')).status).toBe(200);
  });
});

describe('an Idempotency-Key', () => {
  const add = (key: string, body: object = { name: 'a' }, headers: Record<string, string> = {}) =>
    send('POST', '/things', body, { 'idempotency-key': key, ...headers });

  it('lets a request that is sent twice run once, and be answered alike', async () => {
    const first = await add('k1');
    const second = await add('k1');
    expect([second.status, await second.json()]).toEqual([first.status, await first.json()]);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(added).toBe(1);
  });

  it('is refused for another request, and while the first one runs', async () => {
    await add('k2');
    const other = await add('k2', { name: 'b' });
    expect([other.status, ((await other.json()) as { code: string }).code]).toEqual([409, 'IDEMPOTENCY_KEY_CONFLICT']);
    let free = () => {};
    held = new Promise((resolve) => {
      free = resolve;
    });
    const running = add('k3');
    while (added < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    expect((await add('k3')).status).toBe(409);
    free();
    expect((await running).status).toBe(201);
    expect(added).toBe(2);
  });

  it('is one`s own: another caller with the same key runs', async () => {
    const as = (sub: string) => ({ authorization: `Bearer ${token(sub)}` });
    expect((await add('k4', undefined, as('ada'))).status).toBe(201);
    expect((await add('k4', undefined, as('bob'))).headers.get('idempotency-replayed')).toBeNull();
    expect((await add('k4', undefined, as('ada'))).headers.get('idempotency-replayed')).toBe('true');
    expect(added).toBe(2);
  });

  it('with blanks is refused', async () => {
    expect((await add('a b')).status).toBe(400);
  });
});

describe('the documents', () => {
  const printOpenApi = (...args: string[]) =>
    spawnSync(
      process.execPath,
      ['--require', require.resolve('tsx/cjs'), join(__dirname, '../../../src/cli.ts'), 'openapi', ...args],
      { encoding: 'utf8', cwd: directory, env: { PATH: process.env.PATH } },
    );

  it('are printed by the command line as the gateway serves them', async () => {
    const served = await (await fetch(`${gateway.url}/openapi.json`)).json();
    const { status, stdout, stderr } = printOpenApi('supergraph.graphql');
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toEqual(served);
  });

  it('are not printed of operations that do not fit, or of none', () => {
    mkdirSync(join(directory, 'misfits'), { recursive: true });
    writeFileSync(join(directory, 'misfits/other.graphql'), 'query Other @rest(path: "/other") { nothing }');
    writeFileSync(join(directory, 'misfits.yaml'), 'rest: { operations: ./misfits }');
    const misfit = printOpenApi('supergraph.graphql', '--config', 'misfits.yaml');
    expect([misfit.status, misfit.stdout]).toEqual([2, '']);
    expect(misfit.stderr).toMatch(/misfits\/other.graphql:1:1 Other: Cannot query field "nothing"/);
    writeFileSync(join(directory, 'none.yaml'), 'server: { port: 0 }');
    const none = printOpenApi('supergraph.graphql', '--config', 'none.yaml');
    expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('names neither rest.operations')]);
  });

  it('describe every route in valid OpenAPI 3.1', async () => {
    const document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, unknown>>;
      components: unknown;
    };
    expect(validateOpenApi(document)).toEqual({ valid: true });
    const { paths } = document;
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining(['/things/{id}', '/things', '/whole/{id}', '/pay', '/header']),
    );
    expect(paths['/things/{id}']?.get).toMatchObject({
      operationId: 'Thing',
      summary: 'One thing.',
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      responses: {
        200: {
          content: {
            'application/json': {
              schema: {
                type: 'object',
                required: ['id', 'name', 'size', 'old'],
                properties: { id: { type: 'string' }, size: { type: ['integer', 'null'] }, old: { deprecated: true } },
              },
            },
          },
        },
      },
    });
    expect(document.components).toMatchObject({
      schemas: {
        ThingInput: {
          required: ['name'],
          properties: { part: { anyOf: [{ $ref: '#/components/schemas/PartInput' }, { type: 'null' }] } },
        },
      },
    });
  });

  it('tell what is sent when nothing is, and what may be, and how often', async () => {
    const { paths, components } = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { parameters: unknown; requestBody: unknown; responses: unknown }>>;
      components: unknown;
    };
    expect(paths['/things']?.get?.parameters).toMatchObject([
      { name: 'first', required: false, schema: { type: 'integer', default: 2 }, example: 1 },
      { name: 'after', schema: { type: 'string' } },
      { name: 'colors', example: ['RED'] },
      { name: 'big' },
      { name: 'min' },
    ]);
    expect(paths['/things']?.post?.requestBody).toMatchObject({
      content: { 'application/json': { example: { name: 'new' } } },
    });
    expect(components).toMatchObject({ schemas: { ThingInput: { properties: { color: { default: 'RED' } } } } });
    expect(paths['/limited/{id}']?.get?.responses).toMatchObject({
      429: { description: 'A rate limit is reached: "few" allows 2 in 3600 s.' },
    });
    expect(paths['/things/{id}']?.get?.responses).toMatchObject({
      429: { $ref: '#/components/responses/TooManyRequests' },
    });
  });

  it('come with a page that loads nothing from outside', async () => {
    const page = await (await fetch(`${gateway.url}/docs`)).text();
    for (const [, url] of page.matchAll(/(?:src|href)="([^"]+)"/g)) {
      expect(url).toMatch(/^\/docs\//);
      expect((await fetch(`${gateway.url}${url}`)).status).toBe(200);
    }
  });
});

describe('operation files that are wrong', () => {
  it.each([
    ['do not fit the schema', 'query A @rest(path: "/a") { nothing }', /a\.graphql:1:1 .*Cannot query field "nothing"/],
    ['are no GraphQL', 'query A {', /a\.graphql:1:10 .*Syntax Error/],
    [
      'unwrap what is not selected',
      'query A @rest(path: "/a", unwrap: "thing.size") { thing(id: 1) { id } }',
      /a\.graphql:1:1 A: @rest\(unwrap: "thing\.size"\) must name what is selected, along objects; "size" is not/,
    ],
    [
      'unwrap what is in a list',
      'query A @rest(path: "/a", unwrap: "things.nodes.id") { things { ...T } } fragment T on Thins { nodes { id } }',
      /along objects; "id" is not/,
    ],
    [
      'have an example that cannot be sent',
      'query A($first: Int!) @rest(path: "/a", example: { first: "two" }) { things(first: $first) { nodes { id } } }',
      /A: @rest\(example:\) gives "first" a value that it cannot have: Int cannot represent/,
    ],
  ])('keep the gateway from starting when they %s', async (_name, text, message) => {
    mkdirSync(join(directory, 'wrong'), { recursive: true });
    writeFileSync(join(directory, 'wrong/a.graphql'), text);
    await expect(start('rest: { operations: ./wrong }')).rejects.toThrow(message);
  });

  it('cannot be in a directory that is not there', async () => {
    await expect(start('rest: { operations: ./nowhere }')).rejects.toThrow(/rest\.operations.*cannot be read/);
  });
});
