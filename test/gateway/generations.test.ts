import { composeServices } from '@apollo/composition';
import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import { parse } from 'graphql';
import { createConfig } from '../../src/config';
import { openDeadline } from '../../src/context/deadline';
import { anonymous, type RequestContext } from '../../src/context/request-context';
import { createGateway, type Gateway, type GatewayDependencies } from '../../src/gateway';
import { silentLog } from '../../src/telemetry/log';
import { federation } from '../support/graph';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';
import { WatchedPlanner } from '../support/watched-planner';

/**
 * A gateway whose supergraph changes. Real: subgraphs over HTTP, composition, planner thread, engine, Apollo Server.
 * Observed: answers, what the planner thread is asked, which generations are closed.
 */
jest.setTimeout(60_000);

/** A promise that the test settles. */
function defer(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const itself = (reference: object) => reference;
let held = Promise.resolve();
const users = `type Query { users: [User!]! held: String } type Mutation { rename: String }
  type User @key(fields: "id") { id: ID! name: String }`;
const posts = 'type User @key(fields: "id") { id: ID! posts(first: Int): [Post!]! } type Post { title: String }';
const resolvers = {
  users: {
    Query: { users: () => [{ id: '1', name: 'Ada' }], held: () => held.then(() => 'free') },
    User: { __resolveReference: itself, name: () => 'Ada' },
  },
  posts: { User: { __resolveReference: itself, posts: () => [{ title: 'Notes' }] } },
};

let server: SubgraphServer;
let planner: WatchedPlanner;
let gateway: Gateway;
/** Without `User.posts`, and with it; `text` makes others of the same. */
let small: string;
let large: string;

beforeAll(async () => {
  server = await createSubgraphServer({ silent: true });
  const services = Object.entries({ users, posts }).map(([name, sdl]) => {
    const typeDefs = parse(federation + sdl);
    return { name, typeDefs, url: server.mount({ name, typeDefs, resolvers: resolvers[name as 'users'] as never }) };
  });
  const compose = (some: typeof services) => {
    const { errors, supergraphSdl } = composeServices(some);
    if (supergraphSdl === undefined) throw errors?.[0];
    return supergraphSdl;
  };
  small = compose(services.slice(0, 1));
  large = compose(services);
});
afterAll(() => server.close());

const variant = (sdl: string, number: number) => `${sdl}\n# ${number}`;

async function start(
  sdl: string,
  config: Parameters<typeof createConfig>[0] = {},
  dependencies: GatewayDependencies = {},
): Promise<Gateway> {
  const complete = createConfig({ ...config, telemetry: { logLevel: 'silent' } });
  planner = new WatchedPlanner(complete.planner);
  gateway = createGateway({ supergraph: { sdl }, config: complete }, { log: silentLog, planner, ...dependencies });
  await gateway.load();
  return gateway;
}
beforeEach(() => {
  held = Promise.resolve();
});
afterEach(() => gateway.stop());

function createContext(): RequestContext {
  const { deadline } = openDeadline(Date.now() + 5_000, Date.now);
  const calls = { count: 0, failed: 0 };
  return { id: 'r1', identity: anonymous, deadline, log: silentLog, subgraphHeaders: {}, calls };
}

const postsQuery = '{ users { name posts { title } } }';
const postsAnswer = { data: { users: [{ name: 'Ada', posts: [{ title: 'Notes' }] }] } };

describe('another configuration', () => {
  it('counts for new operations, and for supergraphs that come later', async () => {
    await start(large);
    await gateway.reconfigure(createConfig({ limits: { maxDepth: 1 } }));
    expect((await gateway.query({ query: postsQuery })).errors?.[0]?.extensions.code).toBe('MAX_DEPTH_LIMIT');
    await gateway.update(variant(large, 1));
    expect((await gateway.query({ query: postsQuery })).errors?.[0]?.extensions.code).toBe('MAX_DEPTH_LIMIT');
    await gateway.reconfigure(createConfig());
    expect(await gateway.query({ query: postsQuery })).toEqual(postsAnswer);
  });

  it('leaves operations under way as they began, and the status of a supergraph that was refused', async () => {
    await start(small);
    const gate = defer();
    held = gate.promise;
    const underWay = gateway.query({ query: '{ held }' });
    await expect(gateway.update('type Query')).rejects.toThrow();
    await gateway.reconfigure(createConfig({ limits: { maxTokens: 1 } }));
    gate.resolve();
    expect(await underWay).toEqual({ data: { held: 'free' } });
    expect(gateway.supergraphStatus?.kind).toBe('refused');
  });

  it('goes on with what was counted', async () => {
    const rules = (max: number) => ({
      rateLimits: { rules: [{ name: 'all', max, window: '1h', by: 'global' as const }] },
    });
    await start(small, rules(2));
    const codes = async () => (await gateway.query({ query: '{ held }' })).errors?.[0]?.extensions.code;
    expect([await codes(), await codes(), await codes()]).toEqual([undefined, undefined, 'REQUEST_RATE_LIMITED']);
    await gateway.reconfigure(createConfig(rules(3)));
    expect([await codes(), await codes()]).toEqual([undefined, 'REQUEST_RATE_LIMITED']);
  });
});

describe('an update of the supergraph', () => {
  it('serves what the new one has, and no more what the old one had', async () => {
    await start(small);
    expect((await gateway.query({ query: postsQuery })).errors).toBeDefined();
    expect(await gateway.update(large)).toMatchObject({ kind: 'swapped', generation: gateway.current?.id });
    expect(await gateway.query({ query: postsQuery })).toEqual(postsAnswer);
    await gateway.update(small);
    expect((await gateway.query({ query: postsQuery })).errors?.[0]?.extensions.code).toBe('GRAPHQL_VALIDATION_FAILED');
  });

  it('fails no operation across 20 updates under load', async () => {
    await start(large, { planner: { warmOperations: 10 } });
    let isOver = false;
    const failed: unknown[] = [];
    const generations = new Set<unknown>();
    let answered = 0;
    const client = async (id: number) => {
      for (let count = 0; !isOver; count++) {
        // New operations beside known ones, so that planning goes on as well.
        const first = count % 10 === 0 ? `(first: ${id * 1_000_000 + count})` : '';
        const result = await gateway.query({ query: `{ users { name posts${first} { title } } }` });
        answered += 1;
        if (JSON.stringify(result) !== JSON.stringify(postsAnswer)) failed.push(result);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const clients = Promise.all(Array.from({ length: 4 }, (_, id) => client(id)));
    for (let number = 0; number < 20; number++) {
      await gateway.update(variant(large, number));
      generations.add(gateway.current);
    }
    isOver = true;
    await clients;
    expect(failed).toEqual([]);
    expect(generations.size).toBe(20);
    expect(answered).toBeGreaterThan(100);
    expect(planner.opened.map(({ closed }) => closed)).toEqual([...Array(20).fill(true), false]);
  });

  it('plans what is asked most before it is served', async () => {
    await start(large, { planner: { warmOperations: 3 } });
    const conditional = 'query ($a: Boolean!) { users { id name @include(if: $a) } }';
    for (let count = 0; count < 5; count++) {
      await gateway.query({ query: postsQuery });
      await gateway.query({ query: 'query One { users { id } } query Two { users { name } }', operationName: 'Two' });
      await gateway.query({ query: conditional, variables: { a: false } });
    }
    await gateway.query({ query: conditional, variables: { a: true } });
    expect(await gateway.update(variant(large, 1))).toMatchObject({ warmed: 3 });
    const { planned } = planner.opened[1]!;
    const before = planned.length;
    await gateway.query({ query: postsQuery });
    await gateway.query({ query: 'query One { users { id } } query Two { users { name } }', operationName: 'Two' });
    await gateway.query({ query: conditional, variables: { a: false } });
    expect(planned.length - before).toBe(0);
    await gateway.query({ query: '{ users { posts(first: 1) { title } } }' });
    expect(planned.length - before).toBe(1);
  });

  it('remembers from generation to generation what is asked most, and forgets what was asked once', async () => {
    await start(large);
    for (let count = 0; count < 9; count++) await gateway.query({ query: postsQuery });
    await gateway.query({ query: '{ users { id } }' });
    expect(await gateway.update(variant(large, 1))).toMatchObject({ warmed: 2 });
    expect(await gateway.update(variant(large, 2))).toMatchObject({ warmed: 1 });
    expect(gateway.current?.hotOperations(10)).toMatchObject([{ source: postsQuery, uses: 2 }]);
  });

  it('leaves out hot operations that the new schema does not allow', async () => {
    await start(large);
    await gateway.query({ query: postsQuery });
    await gateway.query({ query: '{ users { id } }' });
    expect(await gateway.update(small)).toMatchObject({ warmed: 1 });
  });

  it('is served in time when its hot operations are not planned in time', async () => {
    await start(large, { planner: { warmTimeoutMs: 1 } });
    for (let count = 0; count < 20; count++)
      await gateway.query({ query: `{ users { posts(first: ${count}) { title } } }` });
    const { warmed } = (await gateway.update(variant(large, 1))) as { warmed: number };
    expect(warmed).toBeLessThan(20);
    expect(await gateway.query({ query: postsQuery })).toEqual(postsAnswer);
  });

  it.each([
    ['no GraphQL', () => 'type Query {'],
    ['no supergraph', () => 'type Query { a: Int }'],
    ['a part of one', () => large.slice(0, large.length / 2)],
  ])('is refused when it is %s, and the old one stays', async (_name, sdl) => {
    await start(large);
    const old = gateway.current;
    const told: unknown[] = [];
    gateway.onSchemaLoadOrUpdate((schema) => told.push(schema));
    told.length = 0;
    await expect(gateway.update(sdl())).rejects.toThrow();
    expect([gateway.current, told]).toEqual([old, []]);
    expect(await gateway.query({ query: postsQuery })).toEqual(postsAnswer);
    await expect(gateway.update(small)).resolves.toMatchObject({ kind: 'swapped' });
  });

  it('is none when the text is the same', async () => {
    await start(large);
    const old = gateway.current;
    expect(await gateway.update(large)).toEqual({ kind: 'unchanged' });
    expect([gateway.current, planner.opened.length]).toEqual([old, 1]);
  });

  it('waits for the one before it; of those that wait the last is taken', async () => {
    await start(large);
    const { promise, resolve } = defer();
    planner.gate = promise;
    const [first, second, third] = [1, 2, 3].map((number) => gateway.update(variant(large, number)));
    await new Promise(setImmediate);
    resolve();
    expect(await first).toEqual({ kind: 'superseded' });
    expect(await second).toEqual({ kind: 'superseded' });
    expect(await third).toMatchObject({ kind: 'swapped' });
    expect(gateway.current?.supergraphSdl).toBe(variant(large, 3));
    const { promise: again, resolve: go } = defer();
    planner.gate = again;
    const begun = gateway.update(variant(large, 4));
    await new Promise(setImmediate);
    const last = gateway.update(variant(large, 5));
    go();
    expect(await begun).toMatchObject({ kind: 'swapped' });
    expect(await last).toMatchObject({ kind: 'swapped' });
    expect(gateway.current?.supergraphSdl).toBe(variant(large, 5));
  });

  it('rejects before the gateway is loaded and after it has stopped', async () => {
    await start(small);
    await gateway.stop();
    await expect(gateway.update(large)).rejects.toThrow('stopped');
    expect(gateway.current).toBeUndefined();
  });

  it('leaves nothing open when the gateway stops in the middle of it', async () => {
    await start(small);
    const { promise, resolve } = defer();
    planner.gate = promise;
    const update = gateway.update(large);
    await new Promise(setImmediate);
    const stopped = gateway.stop();
    resolve();
    await expect(update).rejects.toThrow();
    await stopped;
    expect(gateway.current).toBeUndefined();
  });

  it('tells every listener, one that fails included', async () => {
    await start(small);
    const told: string[] = [];
    let fails = false;
    gateway.onSchemaLoadOrUpdate(() => {
      if (fails) throw new Error('no');
    });
    gateway.onSchemaLoadOrUpdate(({ coreSupergraphSdl }) => told.push(coreSupergraphSdl));
    fails = true;
    await gateway.update(large);
    expect(told).toEqual([small, large]);
  });
});

describe('a generation that is replaced', () => {
  it('closes when the last operation under it has ended, which ends as it began', async () => {
    await start(small);
    const old = gateway.current!;
    const { promise, resolve } = defer();
    held = promise;
    const running = [gateway.query({ query: '{ held }' }), gateway.query({ query: '{ held users { name } }' })];
    await gateway.update(large);
    expect([old.isClosed, planner.opened[0]?.closed]).toEqual([false, false]);
    resolve();
    expect(await Promise.all(running)).toEqual([
      { data: { held: 'free' } },
      { data: { held: 'free', users: [{ name: 'Ada' }] } },
    ]);
    await old.gone;
    expect([old.isClosed, planner.opened[0]?.closed, gateway.current?.isClosed]).toEqual([true, true, false]);
  });

  it('closes at once when nothing runs under it', async () => {
    await start(small);
    const old = gateway.current!;
    await gateway.update(large);
    await old.gone;
    expect([old.isClosed, planner.opened[0]?.closed]).toEqual([true, true]);
  });

  it('closes when its time is up, whatever runs', async () => {
    await start(small, { timeouts: { drainMs: 30, operationMs: 300 } });
    const { promise, resolve } = defer();
    held = promise;
    const old = gateway.current!;
    old.acquire();
    await gateway.update(large);
    await old.gone;
    expect(planner.opened[0]?.closed).toBe(true);
    old.release();
    resolve();
  });

  it('is not waited for beyond drainMs when the gateway stops', async () => {
    await start(small, { timeouts: { drainMs: 30 } });
    const { promise, resolve } = defer();
    held = promise;
    const running = gateway.query({ query: '{ held }' });
    await gateway.update(large);
    await gateway.stop();
    expect(planner.opened.map(({ closed }) => closed)).toEqual([true, true]);
    resolve();
    expect((await running).errors).toHaveLength(1);
  });

  it('gives what it prepared to the one that is served, when it is closed already', async () => {
    await start(large);
    const prepared = gateway.prepare(postsQuery, undefined);
    const gone = gateway.prepare('{ users { posts { title } } }', undefined);
    if (prepared.kind === 'refused' || gone.kind === 'refused') throw prepared;
    await gateway.update(variant(large, 1));
    await prepared.generation.gone;
    const context = createContext();
    expect(await gateway.execute(prepared, {}, context)).toEqual(postsAnswer);
    expect(await gateway.answer(prepared, {}, context)).toEqual({ kind: 'text', body: JSON.stringify(postsAnswer) });
    await gateway.update(small);
    const { errors } = await gateway.execute(gone, {}, context);
    expect(errors?.[0]?.extensions?.code).toBe('GRAPHQL_VALIDATION_FAILED');
  });
});

describe('Apollo Server over a gateway that is updated', () => {
  let apollo: ApolloServer;
  let reached: ReturnType<typeof defer>;
  let gate: ReturnType<typeof defer>;
  afterEach(() => apollo.stop());

  /** Holds up operations named `Slow` between their validation and their execution. */
  const slow: ApolloServerPlugin = {
    async requestDidStart() {
      return {
        async didResolveOperation({ operationName }) {
          if (operationName !== 'Slow') return;
          reached.resolve();
          await gate.promise;
        },
      };
    },
  };

  async function startApollo(): Promise<void> {
    [reached, gate] = [defer(), defer()];
    await start(large);
    apollo = new ApolloServer({ gateway, plugins: [slow], stopOnTerminationSignals: false });
    await apollo.start();
  }

  async function ask(query: string): Promise<string> {
    const { body } = await apollo.executeOperation({ query });
    if (body.kind !== 'single') throw new Error('the answer is incremental');
    const { data, errors } = body.singleResult;
    return errors === undefined ? JSON.stringify({ data }) : String(errors[0]?.extensions?.code);
  }

  it('validates and executes under the new schema', async () => {
    await startApollo();
    await gateway.update(small);
    expect(await ask(postsQuery)).toBe('GRAPHQL_VALIDATION_FAILED');
    await gateway.update(variant(large, 1));
    expect(await ask(postsQuery)).toBe(JSON.stringify(postsAnswer));
  });

  it('executes an operation under the schema that it was validated against, while that is there', async () => {
    await startApollo();
    const hold = defer();
    held = hold.promise;
    const running = ask('{ held }');
    const asked = ask(`query Slow ${postsQuery}`);
    await reached.promise;
    await gateway.update(small);
    gate.resolve();
    expect(await asked).toBe(JSON.stringify(postsAnswer));
    hold.resolve();
    expect(await running).toBe('{"data":{"held":"free"}}');
  });

  it('validates again when that is closed: no operation sees half of two schemas', async () => {
    await startApollo();
    const old = gateway.current!;
    const asked = ask(`query Slow ${postsQuery}`);
    await reached.promise;
    await gateway.update(small);
    await old.gone;
    gate.resolve();
    expect(await asked).toBe('GRAPHQL_VALIDATION_FAILED');
  });

  it('finds its hot operations planned', async () => {
    await startApollo();
    for (let count = 0; count < 3; count++) await ask(postsQuery);
    await gateway.update(variant(large, 1));
    const { length } = planner.opened[1]!.planned;
    expect(await ask(postsQuery)).toBe(JSON.stringify(postsAnswer));
    expect([length, planner.opened[1]!.planned.length]).toEqual([1, 1]);
  });
});
