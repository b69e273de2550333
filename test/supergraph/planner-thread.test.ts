import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { FetchNode, PlanNode, QueryPlan, SubscriptionNode } from '@apollo/query-planner';
import { createConfig } from '../../src/config';
import { InvalidSupergraphError, PlannerThread, type PlannerThreadOptions } from '../../src/supergraph/planner-client';
import type { SubgraphSdl } from '../../src/supergraph/planner-thread';
import { chainOfSubgraphs, combinatorialSubgraphs, subgraph } from './subgraph-sdl';

// Real: the worker thread, Apollo's composition and planner. Observed: what comes back over the thread's messages.
jest.setTimeout(30_000);
const threads: PlannerThread[] = [];
afterAll(() => Promise.all(threads.map((thread) => thread.close())));

function start(options: Partial<PlannerThreadOptions> = {}): PlannerThread {
  const thread = new PlannerThread({ ...createConfig().planner, timeoutMs: 30_000, ...options });
  threads.push(thread);
  return thread;
}

const thread = start();
// Without an open supergraph, a thread composes itself: no other one has to be started for it.
const composer = start();

async function compose(subgraphs: readonly SubgraphSdl[]): Promise<string> {
  const result = await composer.compose(subgraphs);
  if (result.kind === 'not-composed') throw new Error(result.errors.map(({ message }) => message).join('\n'));
  return result.supergraphSdl;
}

function fetchesOf(node: QueryPlan['node'] | PlanNode): FetchNode[] {
  if (node === undefined) return [];
  if (node.kind === 'Fetch') return [node];
  if (node.kind === 'Flatten') return fetchesOf(node.node);
  if (node.kind === 'Sequence' || node.kind === 'Parallel') return node.nodes.flatMap(fetchesOf);
  throw new Error(`no test makes a ${node.kind}`);
}

const users = subgraph(
  'users',
  `"""Where it begins"""
   type Query { user(id: ID!, language: String = "en"): User  old: Int @deprecated(reason: "use user")  hidden: Int @inaccessible }
   type Subscription { changed: User }
   "A person" type User @key(fields: "id") { id: ID! name: String }`,
);
const posts = subgraph(
  'posts',
  'type User @key(fields: "id") { id: ID! posts: [Post!]! } type Post { title: String author: User }',
);

describe('an open supergraph', () => {
  it('tells the API schema with descriptions, defaults and deprecations, without what is inaccessible', async () => {
    const handle = await thread.open(await compose([users, posts]));
    expect(handle.apiSchemaSdl).toContain('"""Where it begins"""');
    expect(handle.apiSchemaSdl).toContain('"""A person"""');
    expect(handle.apiSchemaSdl).toContain('user(id: ID!, language: String = "en"): User');
    expect(handle.apiSchemaSdl).toContain('@deprecated(reason: "use user")');
    expect(handle.apiSchemaSdl).not.toMatch(/hidden|join__|_entities/);
    expect(handle.subgraphs).toEqual([
      { name: 'posts', url: 'http://posts.example/graphql' },
      { name: 'users', url: 'http://users.example/graphql' },
    ]);
  });

  it('plans queries as plain data', async () => {
    const handle = await thread.open(await compose([users, posts]));
    const plan = await handle.plan('query Q($id: ID!) { user(id: $id) { name posts { title } } }');
    const [first, second] = fetchesOf(plan.node);
    expect(first).toMatchObject({ serviceName: 'users', operationKind: 'query', variableUsages: ['id'] });
    expect(second).toMatchObject({ serviceName: 'posts', operation: expect.stringContaining('_entities') });
    expect(second?.requires).toEqual([
      {
        kind: 'InlineFragment',
        typeCondition: 'User',
        selections: [
          { kind: 'Field', name: '__typename' },
          { kind: 'Field', name: 'id' },
        ],
      },
    ]);
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });

  it('plans subscriptions', async () => {
    const handle = await thread.open(await compose([users, posts]));
    const { node } = await handle.plan('subscription { changed { name posts { title } } }');
    const { kind, primary, rest } = node as SubscriptionNode;
    expect([kind, primary.serviceName, fetchesOf(rest)[0]?.serviceName]).toEqual(['Subscription', 'users', 'posts']);
  });

  it('plans directives that gate fields for security', async () => {
    const secured: SubgraphSdl = {
      ...users,
      sdl: `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@authenticated"])
            type Query { secret: Int @authenticated }`,
    };
    const handle = await thread.open(await compose([secured]));
    expect(fetchesOf((await handle.plan('{ secret }')).node)).toHaveLength(1);
  });

  it('expands fragments: no subgraph receives a fragment of the client', async () => {
    const handle = await thread.open(await compose([users, posts]));
    const plan = await handle.plan(
      '{ a: user(id: 1) { ...F } b: user(id: 2) { ...F } } fragment F on User { id name posts { title } }',
    );
    expect(JSON.stringify(plan)).not.toMatch(/\.\.\.F|fragment F/);
  });
});

describe('keys that are not resolvable', () => {
  const catalog = subgraph(
    'catalog',
    `type Query { product: Product }
     type Product @key(fields: "sku", resolvable: false) @key(fields: "id") {
       id: ID! sku: ID! label: String
     }`,
  );
  const stock = subgraph(
    'stock',
    'type Query { best: Product } type Product @key(fields: "id") @key(fields: "sku") { id: ID! sku: ID! weight: Int }',
  );

  it('are not used to come back to a subgraph that has a resolvable one', async () => {
    const sdl = await compose([catalog, stock]);
    expect(sdl).toContain('resolvable: false');
    const handle = await thread.open(sdl);
    const last = fetchesOf((await handle.plan('{ best { label } }')).node).at(-1);
    expect(last?.serviceName).toBe('catalog');
    expect(JSON.stringify(last?.requires)).toContain('"id"');
    expect(JSON.stringify(last?.requires)).not.toContain('"sku"');
  });

  it('still let a subgraph refer to what another one resolves', async () => {
    const reviews = subgraph(
      'reviews',
      'type Query { review: Product } type Product @key(fields: "sku", resolvable: false) { sku: ID! }',
    );
    const handle = await thread.open(await compose([reviews, stock]));
    const fetches = fetchesOf((await handle.plan('{ review { weight } }')).node);
    expect(fetches.map(({ serviceName }) => serviceName)).toEqual(['reviews', 'stock']);
    expect(JSON.stringify(fetches[1]?.requires)).toContain('"sku"');
  });
});

describe('refusals', () => {
  it('names the position of a text that is no GraphQL, and says of GraphQL that it is no supergraph', async () => {
    await expect(thread.open('type Query {\n  a: [\n')).rejects.toMatchObject({ line: 3, column: 1 });
    await expect(thread.open('type Query { a: Int }')).rejects.toThrow(InvalidSupergraphError);
  });

  it('does not tell the client what the planner says', async () => {
    const handle = await thread.open(await compose([users, posts]));
    await expect(handle.plan('{ nope }')).rejects.toMatchObject({
      code: 'QUERY_PLAN_FAILED',
      message: 'No query plan answers this operation.',
    });
  });

  it('refuses plans with too many fetches, in all or one after the other', async () => {
    const sdl = await compose(chainOfSubgraphs(5));
    const deep = '{ all0 { next { next { next { next { more4: f4x0 } } } } } }';
    const shallow = await start({ maxFetches: 2 }).open(sdl);
    await expect(shallow.plan(deep)).rejects.toMatchObject({
      code: 'QUERY_PLAN_TOO_LARGE',
      message: expect.stringContaining('at most 2'),
    });
    const narrow = await start({ maxDepth: 2 }).open(sdl);
    await expect(narrow.plan(deep)).rejects.toMatchObject({
      code: 'QUERY_PLAN_TOO_LARGE',
      message: expect.stringContaining('one after another'),
    });
    await expect(narrow.plan('{ all0 { f0x0 } all1 { f1x0 } all2 { f2x0 } }')).resolves.toMatchObject({
      kind: 'QueryPlan',
    });
  });
});

describe('operations with choices without number', () => {
  const leaves = [0, 1, 2, 3].map((index) => `leaf${index}`).join(' ');
  const maze = (depth: number): string => (depth === 0 ? leaves : `${leaves} f0 { ${maze(depth - 1)} }`);

  it('are planned, since of many ways that lead to the same place the best is followed', async () => {
    const handle = await thread.open(await compose(combinatorialSubgraphs(5, 6)));
    const fetches = fetchesOf((await handle.plan(`{ t { ${maze(12)} } }`)).node);
    // At each of 13 places, each of the other three subgraphs is asked for its leaves.
    expect(new Set(fetches.map(({ serviceName }) => serviceName))).toEqual(new Set(['c0', 'c1', 'c2', 'c3']));
    expect(fetches.length).toBeLessThanOrEqual(1 + 13 * 3);
  });

  it('are refused when even the ways to one selection that are followed are too many', async () => {
    const handle = await start({ maxPaths: 4 }).open(await compose(combinatorialSubgraphs(5, 6)));
    await expect(handle.plan(`{ t { ${maze(1)} } }`)).rejects.toMatchObject({
      code: 'QUERY_PLAN_TOO_LARGE',
      message: 'The query plan of the operation needs more choices than are allowed.',
    });
  });

  it('are refused when their plan is too long to read', async () => {
    const handle = await thread.open(await compose([users, posts]));
    const title = 'posts { title }';
    const fields = Array.from(
      { length: 400 },
      (_, index) => `a${index}: user(id: "${'x'.repeat(1_500)}") { ${title} }`,
    );
    await expect(handle.plan(`{ ${fields.join(' ')} }`)).rejects.toMatchObject({
      code: 'QUERY_PLAN_TOO_LARGE',
      message: expect.stringContaining('longer text'),
    });
  });
});

describe('other work of the process', () => {
  it('goes on while thirty subgraphs are composed and loaded', async () => {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const begin = performance.now();
    await thread.open(await compose(chainOfSubgraphs(30)));
    const elapsedMs = performance.now() - begin;
    delay.disable();
    // A part of the time, not a number of milliseconds: the machine may be busy with other things.
    expect(delay.max / 1e6).toBeLessThan(elapsedMs / 4);
  });

  it('goes on after an operation that has plans without number was given up', async () => {
    const hostile = start({ timeoutMs: 4_000, maxEvaluatedPlans: 100_000_000 });
    const handle = await hostile.open(await compose(combinatorialSubgraphs(5, 6)));
    const leaves = [0, 1, 2, 3].map((index) => `leaf${index}`).join(' ');
    const fields = [0, 1, 2, 3, 4, 5].map((index) => `f${index} { ${leaves} }`).join(' ');
    const refused = handle.plan(`{ t { ${fields} } }`).catch((error) => error.code);
    const victim = handle.plan('{ t { leaf0 } }');
    expect(fetchesOf((await victim).node)).toHaveLength(1);
    // Which comes first depends on the machine: the deadline, or what one plan may hold of its memory.
    expect(['QUERY_PLAN_TIMEOUT', 'QUERY_PLAN_TOO_LARGE']).toContain(await refused);
  });
});
