import { composeServices } from '@apollo/composition';
import { ApolloServer } from '@apollo/server';
import { parse } from 'graphql';
import { createConfig } from '../../src/config';
import { createGateway, type GatewayDependencies } from '../../src/gateway';
import { silentLog } from '../../src/telemetry/log';
import { type Graph, startGraph } from '../support/graph';
import { nobody, someone } from '../support/identities';
import { createSubgraphServer } from '../support/subgraph-server';

jest.setTimeout(60_000);

/** Real: a subgraph over HTTP, composition, planner thread, the whole gateway. Observed: answers, counts, the log. */
const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: [
  "@key", "@authenticated", "@requiresScopes", "@policy"])\n`;
const sdl = `${link}
  type Query { me: User open: Int scoped: Int @requiresScopes(scopes: [["s"]]) vip: Int @policy(policies: [["vip"]]) }
  type Mutation { write: Int @authenticated }
  type User { name: String secret: String @authenticated friends: [User!]! }`;
const user = { name: 'Ann', secret: 'x', friends: () => [{ name: 'Bob', secret: 'y' }] };
const resolvers = {
  Query: { me: () => user, open: () => 1, scoped: () => 2, vip: () => 3 },
  Mutation: { write: () => 1 },
};

const counted: unknown[][] = [];
const logged: object[] = [];
const dependencies: GatewayDependencies = {
  policies: { vip: () => false },
  onUnauthorized: (...counts) => void counted.push(counts),
  log: { ...silentLog, info: (fields: object) => void logged.push(fields) },
};
const start = (authorization: object, server: object = {}): Promise<Graph> =>
  startGraph([{ name: 'a', sdl, resolvers }], { config: { authorization, server }, dependencies });

beforeEach(() => {
  counted.length = 0;
  logged.length = 0;
});

describe('mode filter', () => {
  it('counts the fields of an operation by what was missing', async () => {
    const graph = await start({});
    await graph.ask(nobody, '{ me { secret friends { secret } } scoped vip open }');
    expect(counted.sort()).toEqual([
      ['authenticated', 'filtered', 2],
      ['policies', 'filtered', 1],
      ['scopes', 'filtered', 1],
    ]);
    await graph.ask(someone(), '{ me { secret } }');
    expect(counted).toHaveLength(3);
    await graph.close();
  });
});

describe('mode reject', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await start({ mode: 'reject' });
  });
  afterAll(() => graph.close());

  it('refuses the whole operation, with an error for each place, and asks nothing of subgraphs', async () => {
    graph.requests.length = 0;
    const { data, errors } = await graph.ask(nobody, '{ open me { secret friends { s: secret } } }');
    expect(data).toBeUndefined();
    expect(errors?.map(({ path, extensions }) => [path, extensions.code])).toEqual([
      [['me', 'secret'], 'UNAUTHORIZED_FIELD_OR_TYPE'],
      [['me', 'friends', 's'], 'UNAUTHORIZED_FIELD_OR_TYPE'],
    ]);
    expect(graph.requests).toEqual([]);
    expect(counted).toEqual([['authenticated', 'rejected', 2]]);
  });

  it('refuses a mutation before it runs', async () => {
    graph.requests.length = 0;
    expect((await graph.ask(nobody, 'mutation { write }')).data).toBeUndefined();
    expect(graph.requests).toEqual([]);
    expect((await graph.ask(someone(), 'mutation { write }')).data).toEqual({ write: 1 });
  });

  it('answers an operation whose variables ask nothing that is protected', async () => {
    const query = 'query ($all: Boolean!) { open me { name secret @include(if: $all) } }';
    expect(await graph.ask(nobody, query, { all: false })).toEqual({ data: { open: 1, me: { name: 'Ann' } } });
    expect((await graph.ask(nobody, query, { all: true })).data).toBeUndefined();
  });

  it('tells at most as many errors as an answer may have', async () => {
    const aliases = Array.from({ length: 150 }, (_, index) => `a${index}: secret`).join(' ');
    expect((await graph.ask(nobody, `{ me { ${aliases} } }`)).errors).toHaveLength(100);
  });
});

describe('a dry run', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await start({ dryRun: true, mode: 'reject' }, { introspection: { roles: ['ADMIN'] } });
  });
  afterAll(() => graph.close());

  it('answers everything and tells in extensions, log and counts what would be refused', async () => {
    const result = await graph.ask(nobody, 'query Q { me { name secret } vip }');
    expect(result).toEqual({
      data: { me: { name: 'Ann', secret: 'x' }, vip: 3 },
      extensions: {
        authorizationErrors: [
          {
            message: 'Unauthorized field or type',
            path: ['me', 'secret'],
            extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' },
          },
          { message: 'Unauthorized field or type', path: ['vip'], extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' } },
        ],
      },
    });
    expect(counted.sort()).toEqual([
      ['authenticated', 'dry run', 1],
      ['policies', 'dry run', 1],
    ]);
    expect(logged).toContainEqual({ operation: 'Q', unauthorized: [['me', 'secret'], ['vip']] });
  });

  it('tells nothing to who may read all of it, and shares nothing that it tells', async () => {
    const query = '{ me { secret } }';
    const [denied, allowed] = await Promise.all([graph.ask(nobody, query), graph.ask(someone(), query)]);
    expect(denied.extensions).toBeDefined();
    expect(allowed).toEqual({ data: { me: { secret: 'x' } } });
  });

  it('does not open what configuration closes: the schema', async () => {
    const { data, errors } = await graph.ask(someone(), '{ me { secret } __schema { description } }');
    expect(data).toBeUndefined();
    expect(errors?.[0]?.path).toEqual(['__schema']);
    expect((await graph.ask(someone({ roles: ['ADMIN'] }), '{ __schema { description } }')).errors).toBeUndefined();
  });
});

function compose(typeDefs: string): string {
  const composed = composeServices([{ name: 'a', url: 'http://127.0.0.1:1/', typeDefs: parse(link + typeDefs) }]);
  if (composed.errors) throw composed.errors[0];
  return composed.supergraphSdl;
}

describe('a supergraph that cannot be protected', () => {
  const open = compose('type Query { a: Int }');
  const unknown = compose('type Query { a: Int @policy(policies: [["vip", "role:ADMIN"], ["other"]]) }');
  const create = (supergraph: string, more: GatewayDependencies = {}, authorization = {}) =>
    createGateway(
      { supergraph: { sdl: supergraph }, config: createConfig({ authorization }) },
      { log: silentLog, ...more },
    );

  it('is not loaded, and told which policies are missing', async () => {
    await expect(create(unknown).load()).rejects.toThrow(
      'The supergraph cannot be protected: policy "other" is not defined: give a function for it, or a claim in authorization.policies; policy "vip" is not defined',
    );
  });

  it('does not take the place of one that is served', async () => {
    const gateway = create(open);
    await gateway.load();
    const before = gateway.current;
    await expect(gateway.update(unknown)).rejects.toThrow('policy "vip" is not defined');
    expect(gateway.current).toBe(before);
    await gateway.stop();
  });
});

describe('in an Apollo Server app', () => {
  it('the option `identity` says who asks; without it nobody is signed in', async () => {
    const server = await createSubgraphServer();
    const typeDefs = parse(sdl);
    const composed = composeServices([{ name: 'a', url: server.mount({ name: 'a', typeDefs, resolvers }), typeDefs }]);
    const supergraph = { sdl: composed.supergraphSdl ?? '' };
    const ask = async (options: Partial<Parameters<typeof createGateway>[0]>) => {
      const gateway = createGateway({ supergraph, ...options }, { log: silentLog, policies: { vip: () => true } });
      const apollo = new ApolloServer({ gateway });
      const { body } = await apollo.executeOperation(
        { query: '{ me { secret } scoped vip }' },
        { contextValue: { scope: 's' } },
      );
      await apollo.stop();
      return body.kind === 'single' ? body.singleResult.data : undefined;
    };
    expect(await ask({})).toEqual({ me: { secret: null }, scoped: null, vip: 3 });
    const identity = (contextValue: unknown) => someone({ scopes: [(contextValue as { scope: string }).scope] });
    expect(await ask({ identity })).toEqual({ me: { secret: 'x' }, scoped: 2, vip: 3 });
    await server.close();
  });
});
