/**
 * The same Apollo Server app twice, with one line changed: `@apollo/gateway`, and ours.
 * Real: Apollo Server standalone, HTTP, the subgraphs, both gateways. Nothing is fake.
 * Observed: HTTP answers, what the hooks of a plugin saw, what the subgraphs were sent.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { ApolloServer, type ApolloServerPlugin, type GraphQLResponse, HeaderMap } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import type { GatewayInterface } from '@apollo/server-gateway-interface';
import { GraphQLError, getIntrospectionQuery, type IntrospectionQuery, parse } from 'graphql';
import { createConfig } from '../../src/config';
import { createGateway } from '../../src/gateway';
import { PlannerThread } from '../../src/supergraph/planner-client';
import { silentLog } from '../../src/telemetry/log';
import { federation } from '../support/graph';
import { createSubgraphServer, type SubgraphContext, type SubgraphServer } from '../support/subgraph-server';

jest.setTimeout(30_000);

const root = join(__dirname, '../..');

interface Reference {
  readonly id: string;
}
const subgraphs = {
  catalog: {
    sdl: `
      type Query { products(first: Int = 2): [Product!]! product(id: ID!): Product seller: String search: [Item!]! }
      type Mutation { rename(id: ID!, name: String!): Product }
      interface Named { name: String }
      type Product implements Named @key(fields: "id") { id: ID! name: String price(currency: Currency = EUR): Int weight: Int! }
      type Shop implements Named { name: String city: String }
      union Item = Product | Shop
      enum Currency { EUR USD }`,
    resolvers: {
      Query: {
        products: (_: unknown, { first }: { first: number }) => ['1', '2', '3'].slice(0, first).map((id) => ({ id })),
        product: (_: unknown, { id }: Reference) => (id === '9' ? null : { id }),
        seller: (_: unknown, _args: unknown, { headers }: SubgraphContext) => headers.authorization ?? null,
        search: () => [
          { __typename: 'Product', id: '1' },
          { __typename: 'Shop', name: 'Corner', city: 'Bern' },
        ],
      },
      Mutation: { rename: (_: unknown, { id, name }: Reference & { name: string }) => ({ id, name }) },
      Product: {
        name: ({ id, name }: Reference & { name?: string }) => name ?? `product ${id}`,
        price: ({ id }: Reference, { currency }: { currency: string }) => Number(id) * (currency === 'USD' ? 110 : 100),
        weight: ({ id }: Reference) => Number(id) * 7,
      },
    },
  },
  reviews: {
    sdl: `
      type Query { latest: Review }
      type Product @key(fields: "id") { id: ID! weight: Int! @external reviews: [Review!] postage: Int @requires(fields: "weight") }
      type Review { id: ID! text: String author: Author forbidden: String product: Product }
      type Author { name: String! broken: String! }
 type Subscription { ticks: Int }`,
    resolvers: {
      Query: { latest: () => ({ id: 'r1' }) },
      Product: {
        reviews: ({ id }: Reference) => (id === '2' ? [] : [{ id: `r${id}` }]),
        postage: ({ weight }: { weight: number }) => weight * 2,
      },
      Review: {
        text: ({ id }: Reference) => `text of ${id}`,
        author: () => ({ name: 'ada' }),
        product: () => ({ id: '1' }),
        forbidden: () => {
          throw new GraphQLError('Not yours.', { extensions: { code: 'FORBIDDEN' } });
        },
      },
      Author: {
        broken: () => {
          throw new GraphQLError('It broke.');
        },
      },
    },
  },
};

interface AppContext {
  readonly token: string;
}

interface App {
  readonly url: string;
  /** What the plugin saw, in order. */
  readonly hooks: string[];
  stop(): Promise<void>;
}

/** The app of a user: whatever it does around the gateway must go on as before. */
async function startApp(gateway: GatewayInterface): Promise<App> {
  const hooks: string[] = [];
  const server = new ApolloServer<AppContext>({
    gateway,
    plugins: [recorder(hooks)],
    includeStacktraceInErrorResponses: false,
    formatError: (formatted) => ({ ...formatted, message: `App: ${formatted.message}` }),
  });
  const { url } = await startStandaloneServer(server, {
    listen: { port: 0, host: '127.0.0.1' },
    context: async ({ req }) => {
      if (req.headers.authorization === 'banned') {
        throw new GraphQLError('You are banned.', { extensions: { code: 'BANNED', http: { status: 403 } } });
      }
      return { token: req.headers.authorization ?? 'nobody' };
    },
  });
  return { url, hooks, stop: () => server.stop() };
}

function recorder(hooks: string[]): ApolloServerPlugin<AppContext> {
  return {
    async serverWillStart({ schema }) {
      hooks.push(`schema: ${Object.keys(schema.getQueryType()?.getFields() ?? {}).sort()}`);
      return { schemaDidLoadOrUpdate: () => void hooks.push('schemaDidLoadOrUpdate') };
    },
    async requestDidStart({ contextValue }) {
      hooks.push(`requestDidStart for ${contextValue.token}`);
      return {
        didResolveSource: async ({ queryHash }) => void hooks.push(`didResolveSource ${queryHash.slice(0, 6)}`),
        parsingDidStart: async () => async (error) => void hooks.push(`parsed ${error?.name ?? ''}`),
        validationDidStart: async () => async (errors) => void hooks.push(`validated ${errors?.length ?? 0}`),
        async didResolveOperation({ operationName, operation }) {
          hooks.push(`didResolveOperation ${operationName} ${operation?.operation}`);
          if (operationName === 'Vetoed') throw new GraphQLError('No.', { extensions: { code: 'VETOED' } });
        },
        responseForOperation: async ({ operationName }) => (operationName === 'Answered' ? ownResponse() : null),
        executionDidStart: async () => ({
          executionDidEnd: async (error) => void hooks.push(`executed ${error?.name ?? ''}`),
        }),
        didEncounterErrors: async ({ errors }) =>
          void hooks.push(`errors ${errors.map(({ path, extensions }) => `${path} ${extensions?.code}`)}`),
        async willSendResponse({ response }) {
          hooks.push('willSendResponse');
          response.http.headers.set('x-app', 'mine');
        },
      };
    },
  };
}

function ownResponse(): GraphQLResponse {
  return {
    http: { headers: new HeaderMap() },
    body: { kind: 'single', singleResult: { data: { own: 1 } } },
  };
}

let server: SubgraphServer;
let stock: App;
let ours: App;
let planner: PlannerThread;
let supergraphSdl: string;

beforeAll(async () => {
  server = await createSubgraphServer();
  const services = Object.entries(subgraphs).map(([name, { sdl, resolvers }]) => {
    const typeDefs = parse(federation + sdl);
    return { name, typeDefs, url: server.mount({ name, typeDefs, resolvers: resolvers as never }) };
  });
  services.push({
    name: 'down',
    typeDefs: parse(`${federation} type Query { gone: Int }`),
    url: 'http://127.0.0.1:1/',
  });
  const { supergraphSdl: sdl = '', errors } = composeServices(services);
  if (errors) throw errors[0];
  supergraphSdl = sdl;
  stock = await startApp(await createStockGateway(sdl));
  planner = new PlannerThread(createConfig().planner);
  ours = await startApp(
    createGateway(
      {
        supergraph: { sdl },
        subgraphHeaders: (contextValue) => ({ authorization: (contextValue as AppContext).token }),
      },
      { log: silentLog, planner },
    ),
  );
});

afterAll(async () => {
  await Promise.all([stock?.stop(), ours?.stop()]);
  await server?.close();
});

async function createStockGateway(supergraphSdl: string): Promise<GatewayInterface> {
  // Read when the module is loaded and when a gateway is made.
  process.env.APOLLO_TELEMETRY_DISABLED = 'true';
  const { ApolloGateway, RemoteGraphQLDataSource } = await import('@apollo/gateway');
  return new ApolloGateway({
    supergraphSdl,
    buildService: ({ url = '' }) =>
      new RemoteGraphQLDataSource<AppContext>({
        url,
        willSendRequest({ request, context }) {
          request.http?.headers.set('authorization', context.token ?? 'the gateway');
        },
      }),
  });
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | null>;
  readonly body: unknown;
  readonly hooks: readonly string[];
  /** What the subgraphs were sent as authorization. */
  readonly tokens: readonly unknown[];
}

interface AppRequest {
  readonly query?: string;
  readonly variables?: Record<string, unknown>;
  readonly operationName?: string;
  readonly extensions?: object;
  readonly headers?: Record<string, string>;
  readonly method?: 'GET';
}

async function send(app: App, { headers = {}, method, ...params }: AppRequest): Promise<Answer> {
  app.hooks.length = 0;
  server.requests.length = 0;
  const search = Object.entries(params).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const response = method
    ? await fetch(`${app.url}?${new URLSearchParams(search)}`, { headers })
    : await fetch(app.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(params),
      });
  const text = await response.text();
  return {
    status: response.status,
    headers: Object.fromEntries(
      ['content-type', 'cache-control', 'x-app'].map((name) => [name, response.headers.get(name)]),
    ),
    body: JSON.parse(text),
    hooks: [...app.hooks],
    tokens: [...new Set(server.requests.map((request) => request.headers.authorization))],
  };
}

const hash = (text: string) => createHash('sha256').update(text).digest('hex');
const persisted = 'query Persisted { latest { id text } }';
const persistedQuery = { persistedQuery: { version: 1, sha256Hash: hash(persisted) } };
const preflight = { 'apollo-require-preflight': 'yes' };

const requests: Readonly<Record<string, AppRequest>> = {
  'a field': { query: '{ product(id: 1) { name } }' },
  'a null': { query: '{ product(id: 9) { name } }' },
  'a list over two subgraphs': { query: '{ products(first: 3) { id name reviews { text author { name } } } }' },
  '@requires': { query: '{ products { postage } }' },
  'aliases, also of keys': {
    query: '{ products { key: id eur: price usd: price(currency: USD) reviews { id } } }',
  },
  'variables with defaults': {
    query:
      'query List($first: Int = 1, $currency: Currency) { products(first: $first) { price(currency: $currency) } }',
    variables: { currency: 'USD' },
  },
  'the named one of two operations': { query: 'query A { seller } query B { latest { id } }', operationName: 'B' },
  'fragments, an interface and a union': {
    query:
      '{ search { __typename ...N ... on Shop { city } ... on Product { reviews { id } } } } fragment N on Named { name }',
  },
  '@skip and @include': {
    query:
      'query($yes: Boolean!) { latest { id @skip(if: $yes) text @include(if: $yes) author @skip(if: $yes) { name } } }',
    variables: { yes: true },
  },
  'a cycle through both subgraphs': { query: '{ latest { product { name reviews { product { weight } } } } }' },
  'a mutation': { query: 'mutation { rename(id: 2, name: "new") { id name postage } }' },
  'introspection beside data': {
    query: '{ __typename __type(name: "Item") { kind possibleTypes { name } } latest { id } }',
  },
  'the token of the context': { query: '{ seller latest { id } }', headers: { authorization: 'me' } },
  'a context function that refuses': { query: '{ seller }', headers: { authorization: 'banned' } },
  'a plugin that refuses': { query: 'query Vetoed { seller }' },
  'a plugin that answers': { query: 'query Answered { seller }' },
  'a syntax error': { query: '{ seller ' },
  'a field that there is not': { query: '{ sellers }' },
  'no query': { query: '' },
  'a wrong variable': { query: 'query($id: ID!) { product(id: $id) { id } }', variables: {} },
  'an error that empties its parent': { query: '{ latest { id author { name broken } } }' },
  'an error of a subgraph': { query: '{ latest { id forbidden } }' },
  'a GET': { method: 'GET', query: '{ seller }', headers: preflight },
  'a GET that a foreign page could send': { method: 'GET', query: '{ seller }' },
  'a GET of a mutation': { method: 'GET', query: 'mutation { rename(id: 1, name: "x") { id } }', headers: preflight },
  'a persisted query that is not known': { extensions: persistedQuery },
  'a persisted query that is registered': { query: persisted, extensions: persistedQuery },
  'a persisted query by its hash': { extensions: persistedQuery },
  'a persisted query by its hash, as GET': { method: 'GET', extensions: persistedQuery, headers: preflight },
};

describe('an Apollo Server app with our gateway', () => {
  it('starts with the same schema, and tells plugins of it', () => {
    expect(ours.hooks).toEqual(stock.hooks);
  });

  it.each(Object.entries(requests))('answers %s as with @apollo/gateway', async (_name, request) => {
    const expected = await send(stock, request);
    const answer = await send(ours, request);
    expect(answer).toEqual(expected);
  });

  it('answers introspection as with @apollo/gateway, and that @defer is known', async () => {
    const request = { query: getIntrospectionQuery() };
    const expected = (await send(stock, request)).body as { data: IntrospectionQuery };
    const { data } = (await send(ours, request)).body as { data: IntrospectionQuery };
    const directives = data.__schema.directives.filter(({ name }) => name !== 'defer');
    expect({ data: { __schema: { ...data.__schema, directives } } }).toEqual(expected);
    expect(directives).toHaveLength(data.__schema.directives.length - 1);
  });

  it('reads the field that was asked for where an alias has the name of a key, unlike @apollo/gateway', async () => {
    const request = { query: '{ product(id: 1) { id: name reviews { id } } }' };
    const product = { id: 'product 1', reviews: [{ id: 'r1' }] };
    expect(await send(ours, request)).toMatchObject({ body: { data: { product } } });
    expect(await send(stock, request)).not.toMatchObject({ body: { data: { product } } });
  });

  it('names a subgraph that is down by its code, and tells no address, unlike @apollo/gateway', async () => {
    const request = { query: '{ gone latest { id } }' };
    const { status, body } = await send(ours, request);
    const extensions = { code: 'SUBREQUEST_HTTP_ERROR', serviceName: 'down' };
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { data: { gone: null, latest: { id: 'r1' } }, errors: [{ path: ['gone'], extensions }] },
    });
    expect(JSON.stringify(body)).not.toContain('127.0.0.1');
    expect(JSON.stringify((await send(stock, request)).body)).toContain('127.0.0.1');
  });

  it('takes an unknown operation name for a mistake of the client, unlike @apollo/gateway', async () => {
    const request = { query: 'query A { seller }', operationName: 'B' };
    const errors = [{ extensions: { code: 'OPERATION_RESOLUTION_FAILURE' } }];
    expect(await send(ours, request)).toMatchObject({ status: 400, body: { errors } });
    expect(await send(stock, request)).toMatchObject({ status: 500 });
  });

  it('takes a subscription for a mistake of the client, unlike @apollo/gateway', async () => {
    expect(await send(ours, { query: 'subscription { ticks }' })).toMatchObject({
      status: 400,
      body: { errors: [{ extensions: { code: 'SUBSCRIPTION_NOT_SUPPORTED' } }] },
    });
    expect(await send(stock, { query: 'subscription { ticks }' })).toMatchObject({ status: 500 });
  });

  it('counts callers by the address that the app knows, and refuses with 429 and Retry-After', async () => {
    const rules = [{ name: 'once', by: 'ip', max: 1, window: '1h' } as const];
    const gateway = createGateway(
      {
        supergraph: { sdl: supergraphSdl },
        config: createConfig({ rateLimits: { rules } }),
        clientAddress: (contextValue) => (contextValue as AppContext).token,
      },
      { log: silentLog },
    );
    const app = await startApp(gateway);
    const ask = (authorization: string) =>
      fetch(app.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization },
        body: JSON.stringify({ query: '{ product(id: 1) { id } }' }),
      });
    try {
      const statuses = [];
      for (const address of ['192.0.2.1', '192.0.2.2']) statuses.push((await ask(address)).status);
      const refused = await ask('192.0.2.1');
      expect([...statuses, refused.status]).toEqual([200, 200, 429]);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(3_500);
    } finally {
      await app.stop();
    }
  });

  it('answers with the status of the error table, and masks what is its own fault', async () => {
    await planner.close();
    expect(await send(ours, { query: '{ products { weight } }' })).toMatchObject({
      status: 500,
      body: {
        errors: [{ message: expect.stringMatching(/^App: Internal/), extensions: { code: 'INTERNAL_SERVER_ERROR' } }],
      },
    });
  });
});

describe('the example of the README', () => {
  it('is an app that answers', async () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    const example = /<!-- example -->\n```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
    expect(example).toContain("require('supergate')");
    const directory = mkdtempSync(join(tmpdir(), 'supergate-example-'));
    writeFileSync(join(directory, 'supergraph.graphql'), supergraphSdl);
    const app = join(directory, 'app.js');
    // The sources stand for the package: they are what is tested, and may be newer than what was built.
    writeFileSync(app, example.replace("'supergate'", JSON.stringify(join(root, 'src/gateway.ts'))));
    const child = spawn(process.execPath, ['--require', require.resolve('tsx/cjs'), app], {
      cwd: directory,
      env: { PATH: process.env.PATH, NODE_PATH: join(root, 'node_modules'), PORT: '0' },
    });
    try {
      const [ready] = await once(child.stdout, 'data');
      const url = /http\S+/.exec(String(ready))?.[0] ?? '';
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer of-the-client' },
        body: '{"query":"{ seller latest { id } }"}',
      });
      expect(await response.json()).toEqual({ data: { seller: 'Bearer of-the-client', latest: { id: 'r1' } } });
    } finally {
      child.kill('SIGKILL');
      rmSync(directory, { recursive: true });
    }
  });
});
