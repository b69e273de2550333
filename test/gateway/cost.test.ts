/**
 * Costs as a client meets them. Real: composition, planner, pipeline, subgraphs over HTTP, Redis where one is there.
 * Observed: answers, what is told beside them, what observers are told, and how often subgraphs were asked.
 */
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { createConfig } from '../../src/config';
import type { Identity } from '../../src/context/request-context';
import { createGateway } from '../../src/gateway';
import { silentLog } from '../../src/telemetry/log';
import { type Graph, startGraph } from '../support/graph';
import { someone } from '../support/identities';
import { describeWithRedis, startOwnRedis } from '../support/redis';
import { type Answered, ask } from './rate-limit-graph';

jest.setTimeout(60_000);

const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9",
  import: ["@key", "@shareable", "@authenticated", { name: "@cost", as: "@weight" }, "@listSize"])\n`;

const people = `${link}
  type Query {
    me: Person people(first: Int): [Person] @listSize(slicingArguments: ["first"])
    dear: Int @weight(weight: 60) secret: Int @weight(weight: 1000) @authenticated
  }
  type Mutation { touch: Int }
  type Person @key(fields: "id") { id: ID! name: String friends: [Person] }`;
const posts = `${link}
  type Person @key(fields: "id") { id: ID! posts(first: Int): Posts @listSize(slicingArguments: ["first"], sizedFields: ["items"]) }
  type Posts { items: [Post] total: Int } type Post { title: String author: Person }`;

const person = { __typename: 'Person', id: '1', name: 'Ann', friends: [{ id: '2', name: 'Ben' }] };
const subgraphs = [
  {
    name: 'people',
    sdl: people,
    resolvers: {
      Query: { me: () => person, people: () => [person, person], dear: () => 1, secret: () => 1 },
      Mutation: { touch: () => 1 },
      Person: { __resolveReference: () => person },
    },
  },
  {
    name: 'posts',
    sdl: posts,
    resolvers: {
      Person: {
        __resolveReference: ({ id }: { id: string }) => ({ id }),
        posts: () => ({ items: [{ title: 'a' }, { title: 'b' }], total: 2 }),
      },
    },
  },
];

const told: unknown[][] = [];
const costs = {
  estimated: (cost: number) => void told.push(['estimated', cost]),
  counted: (cost: number) => void told.push(['counted', cost]),
  exceeded: (reason: string, refused: boolean) => void told.push(['exceeded', reason, refused]),
};

const open = (cost: object, more: object = {}): Promise<Graph> =>
  startGraph(subgraphs, { config: { cost, ...more }, dependencies: { costs } });

let who = 0;
const newcomer = (rights: Parameters<typeof someone>[0] = {}): { identity: Identity } => {
  who += 1;
  return { identity: someone({ subject: `p${who}`, ...rights }) };
};
beforeEach(() => {
  told.length = 0;
});

describe('costs that are enforced', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await open({ mode: 'enforce', maxCost: 100, extensions: 'always', actual: true });
  });
  afterAll(() => graph.close());
  beforeEach(() => {
    graph.requests.length = 0;
  });

  it('refuse what is estimated to cost too much before anything is asked', async () => {
    const result = await graph.query('{ people(first: 50) { friends { name } } }');
    expect(result.data).toBeUndefined();
    expect(result.errors?.map(({ message, extensions }) => ({ message, extensions }))).toEqual([
      {
        message:
          'The operation would cost 550, more than the 100 that are allowed: ask for shorter lists, or for less of each item.',
        extensions: { code: 'COST_ESTIMATED_TOO_EXPENSIVE', cost: { estimated: 550, max: 100 } },
      },
    ]);
    expect(graph.requests).toEqual([]);
    expect(told).toEqual([
      ['estimated', 550],
      ['exceeded', 'maximum', true],
    ]);
  });

  it('are told with the answer, over subgraphs, with what it did cost', async () => {
    const result = await graph.query('{ people(first: 4) { name posts(first: 5) { items { title } } } }');
    expect(result.errors).toBeUndefined();
    // 4 * (1 + 1 + 5) estimated; two people have Posts with two items each.
    expect(result.extensions).toEqual({ cost: { estimated: 28, actual: 8, max: 100 } });
    expect(told).toEqual([
      ['estimated', 28],
      ['counted', 8],
    ]);
  });

  it('follow variables from request to request', async () => {
    const query = 'query($n: Int) { people(first: $n) { name } }';
    expect((await graph.query(query, { n: 100 })).extensions).toMatchObject({ cost: { estimated: 100 } });
    expect((await graph.query(query, { n: 101 })).errors?.[0]?.extensions.code).toBe('COST_ESTIMATED_TOO_EXPENSIVE');
    expect((await graph.query(query, { n: 1 })).extensions).toMatchObject({ cost: { estimated: 1 } });
  });

  it('refuse a list without the argument that says how long it is', async () => {
    const { errors } = await graph.query('{ a: me { posts { items { title } } } }');
    expect(errors?.map(({ message, path, extensions }) => [message, path, extensions.code])).toEqual([
      [
        'Person.posts needs exactly one of the arguments "first": it decides how long the list is.',
        ['a', 'posts'],
        'LIST_SIZE_ARGUMENT_REQUIRED',
      ],
    ]);
    expect(told).toEqual([['exceeded', 'slicing arguments', true]]);
  });

  it('do not count what authorization leaves out', async () => {
    const result = await graph.query('{ secret dear }');
    expect(result.data).toEqual({ secret: null, dear: 1 });
    expect(result.extensions).toEqual({ cost: { estimated: 60, actual: 60, max: 100 } });
    const signedIn = await graph.ask(someone(), '{ secret dear }');
    expect(signedIn.errors?.[0]?.extensions).toMatchObject({ cost: { estimated: 1060 } });
  });

  it('weigh mutations and answers with nulls', async () => {
    expect((await graph.query('mutation { touch }')).extensions).toMatchObject({ cost: { estimated: 10, actual: 10 } });
  });
});

describe('costs that are measured', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await open({ mode: 'measure', maxCost: 10, budget: { max: 10, window: '1h' } });
  });
  afterAll(() => graph.close());

  it('refuse nothing, spend nothing, and tell the operator what would be refused', async () => {
    for (let time = 0; time < 3; time++) expect((await graph.query('{ dear }')).data).toEqual({ dear: 1 });
    expect(told.slice(0, 2)).toEqual([
      ['estimated', 60],
      ['exceeded', 'maximum', false],
    ]);
    expect((await graph.query('{ people { name } }')).errors).toBeUndefined();
  });

  it('are told to a client only who asks', async () => {
    const told = async (asksCost: boolean) => (await ask(graph.gateway, { asksCost }, '{ me { name } }')).result;
    expect((await told(false)).extensions).toBeUndefined();
    expect((await told(true)).extensions).toEqual({ cost: { estimated: 1, max: 10 } });
  });
});

it('costs that are off are never read, however they are declared', async () => {
  const graph = await open({});
  expect((await graph.query('{ people { name } dear }')).errors).toBeUndefined();
  expect(graph.gateway.current?.policies?.weigh).toBeUndefined();
  expect(told).toEqual([]);
  await graph.close();
});

it('a supergraph whose costs make no sense is not served while they count', async () => {
  const typeDefs = parse(people.replace('weight: 60', 'weight: -60'));
  const { supergraphSdl = '', errors } = composeServices([{ name: 'people', url: 'http://127.0.0.1:1', typeDefs }]);
  expect(errors).toBeUndefined();
  const gateway = createGateway(
    { supergraph: { sdl: supergraphSdl }, config: createConfig({ cost: { mode: 'measure' } }) },
    { log: silentLog },
  );
  await expect(gateway.load()).rejects.toThrow('Query.dear: @weight needs a weight of 0 or more, not -60');
});

const budget = { max: 150, window: '1h', overrides: { gold: { max: 300 } } };
const spending = { mode: 'enforce', maxCost: 100, budget };

const budgetOf = ({ context }: Answered) => context.told?.rateLimits?.quotas.find(({ name }) => name === 'cost');

function describeBudget(next: () => Graph): void {
  it('is spent by what operations are estimated to cost, and then refuses', async () => {
    const caller = newcomer();
    const first = await ask(next().gateway, caller, '{ dear a: me { id } }');
    expect(first.result.errors).toBeUndefined();
    expect(budgetOf(first)).toEqual({ name: 'cost', max: 150, windowMs: 3_600_000, remaining: 89, resetMs: 3_600_000 });
    expect((await ask(next().gateway, caller, '{ dear }')).result.errors).toBeUndefined();
    const refused = await ask(next().gateway, caller, '{ dear }');
    expect(refused.result.errors?.map(({ message, extensions }) => ({ message, extensions }))).toEqual([
      {
        message: expect.stringMatching(/^The operation would cost 60, and that is not left of the 150/),
        extensions: { code: 'COST_BUDGET_EXCEEDED', policy: 'cost', retryAfterSeconds: expect.any(Number) },
      },
    ]);
    expect(refused.context.told?.rateLimits?.retryAfterMs).toBeGreaterThan(3_000_000);
    // What is refused costs nothing, and what fits is answered.
    expect((await ask(next().gateway, caller, '{ people(first: 29) { id } }')).result.errors).toBeUndefined();
    expect((await ask(next().gateway, caller, '{ me { id } }')).codes).toEqual(['COST_BUDGET_EXCEEDED']);
    expect((await ask(next().gateway, newcomer(), '{ dear }')).result.errors).toBeUndefined();
  });

  it('is another one for another tier', async () => {
    const caller = newcomer({ tier: 'gold' });
    const codes = [];
    for (let time = 0; time < 6; time++) codes.push(...(await ask(next().gateway, caller, '{ dear }')).codes);
    expect(codes).toEqual(['COST_BUDGET_EXCEEDED']);
  });

  it('is exact when many ask at once', async () => {
    const caller = newcomer();
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => ask(next().gateway, caller, '{ people(first: 10) { id } }')),
    );
    expect(answers.filter(({ codes }) => codes.length === 0)).toHaveLength(15);
  });

  it('is not spent by what costs too much or has no slicing argument', async () => {
    const caller = newcomer();
    for (const query of ['{ people(first: 101) { id } }', '{ people { id } }'])
      await ask(next().gateway, caller, query);
    expect(budgetOf(await ask(next().gateway, caller, '{ me { id } }'))?.remaining).toBe(149);
  });
}

describe('a budget in memory', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await open(spending);
  });
  afterAll(() => graph.close());
  describeBudget(() => graph);
});

describeWithRedis('a budget of two gateways with one Redis', () => {
  let redis: Awaited<ReturnType<typeof startOwnRedis>>;
  let graphs: Graph[];
  let turn = 0;
  beforeAll(async () => {
    redis = await startOwnRedis();
    const more = {
      redis: { url: redis.url, timeoutMs: 400 },
      rateLimits: { rules: [{ name: 'all', max: 1_000, window: '1h' }] },
    };
    graphs = await Promise.all([open(spending, more), open(spending, more)]);
  });
  afterAll(async () => {
    await Promise.all(graphs.map((graph) => graph.close()));
    await redis.close();
  });
  // Every call goes to the other gateway, which has a rule of another kind beside the budget.
  describeBudget(() => graphs[turn++ % 2] as Graph);
});
