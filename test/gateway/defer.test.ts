import { type Graph, startGraph } from '../support/graph';
import { askInParts, joinParts, type Payload } from '../support/parts';

/**
 * Real: subgraphs over HTTP, composition, planner thread, engine. Fake: how long `reviews` takes, which the test decides.
 * Observed: the parts of an answer, in order, and what they make together, compared with the answer in one piece.
 */
interface Ref {
  readonly id: string;
}
let isOpen: Promise<void>;
let openGate: () => void;
const itself = (reference: object) => reference;
const users = ['u1', 'u2'].map((id) => ({ __typename: 'User', id }));

const subgraphs = [
  {
    name: 'users',
    sdl: `
      type Query { user: User users: [User!]! nodes: [Node!] }
      interface Node { id: ID! }
      type User implements Node @key(fields: "id") { id: ID! name: String! city: City! }
      type Robot implements Node @key(fields: "id") { id: ID! model: String! }
      type City { town: String! }`,
    resolvers: {
      Query: { user: () => users[0], users: () => users, nodes: () => [users[0], { __typename: 'Robot', id: 'r1' }] },
      User: { __resolveReference: itself, name: ({ id }: Ref) => `name ${id}`, city: () => ({ town: 'Ulm' }) },
      Robot: { __resolveReference: itself, model: () => 'R2' },
    },
  },
  {
    name: 'reviews',
    sdl: `
      type User @key(fields: "id") { id: ID! reviews: [Review!] rating: Int! strict: Int! }
      type Robot @key(fields: "id") { id: ID! rating: Int! }
      type Review @key(fields: "id") { id: ID! text: String! }`,
    resolvers: {
      User: {
        __resolveReference: itself,
        reviews: async ({ id }: Ref) => {
          await isOpen;
          return [{ id: `${id}-1` }, { id: `${id}-2` }];
        },
        rating: async () => {
          await isOpen;
          return 5;
        },
        strict: ({ id }: Ref) => {
          if (id === 'u2') throw new Error('too strict');
          return 1;
        },
      },
      Robot: { __resolveReference: itself, rating: () => 1 },
      Review: { __resolveReference: itself, text: ({ id }: Ref) => `text ${id}` },
    },
  },
  {
    name: 'votes',
    sdl: 'type Review @key(fields: "id") { id: ID! votes: Int! }',
    resolvers: { Review: { __resolveReference: itself, votes: ({ id }: Ref) => id.length } },
  },
];

describe('@defer', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());
  beforeEach(() => {
    isOpen = new Promise((resolve) => {
      openGate = resolve;
    });
    graph.requests.length = 0;
  });

  /** All payloads; the gate is opened once the first is there. */
  async function payloadsOf(query: string, variables = {}): Promise<Payload[]> {
    const payloads: Payload[] = [];
    for await (const payload of askInParts(graph.gateway, { query, variables })) {
      payloads.push(payload);
      openGate();
    }
    return payloads;
  }

  it('tells what is fast at once, and what is deferred as soon as it is there', async () => {
    expect(await payloadsOf('{ user { name ... @defer(label: "slow") { reviews { text } } } }')).toEqual([
      { data: { user: { name: 'name u1' } }, hasNext: true },
      {
        incremental: [
          { path: ['user'], label: 'slow', data: { reviews: [{ text: 'text u1-1' }, { text: 'text u1-2' }] } },
        ],
        hasNext: false,
      },
    ]);
  });

  it.each([
    ['for each object of a list', '{ users { name ... @defer { rating } } }'],
    ['at the root', '{ users { id } ... @defer { user { rating } } }'],
    ['in a named fragment', '{ user { name ...Slow @defer } } fragment Slow on User { rating reviews { text } }'],
    ['within what is deferred', '{ user { name ... @defer { reviews { text ... @defer { votes } } } } }'],
    ['for objects of an interface', '{ nodes { id ... on User @defer { rating } ... on Robot @defer { rating } } }'],
    ['under aliases', '{ a: user { b: name ... @defer { c: rating } } }'],
    ['beside the same object', '{ user { city { town } ... @defer { city { town } rating } } }'],
  ])('works %s', async (_what, query) => {
    const payloads = await payloadsOf(query);
    expect(payloads.length).toBeGreaterThan(1);
    expect(payloads.map(({ hasNext }) => hasNext)).toEqual(payloads.map((_, index) => index + 1 < payloads.length));
    const whole = await graph.query(query);
    expect(whole.errors).toBeUndefined();
    expect(joinParts(payloads)).toEqual(JSON.parse(JSON.stringify(whole.data)));
  });

  it('sends no request more than without it', async () => {
    const query = '{ users { name ... @defer { rating reviews { text ... @defer { votes } } } } }';
    await payloadsOf(query);
    const deferred = graph.requests.length;
    graph.requests.length = 0;
    await graph.query(query);
    expect(deferred).toBe(graph.requests.length);
  });

  it.each([
    ['what needs no request of its own', '{ user { name ... @defer { city { town } } } }'],
    ['what is not deferred by a condition', '{ user { name ... @defer(if: false) { rating } } }'],
    ['what is asked beside it, too', '{ user { rating ... @defer { rating } } }'],
    [
      'what depends on a variable that is false',
      'query($later: Boolean!) { user { name ... @defer(if: $later) { rating } } }',
    ],
  ])('answers %s in one piece', async (_what, query) => {
    openGate();
    const payloads = await payloadsOf(query, { later: false });
    expect(payloads).toEqual([{ data: JSON.parse(JSON.stringify((await graph.query(query, { later: false })).data)) }]);
  });

  it('is decided by a variable', async () => {
    const query = 'query($later: Boolean!) { user { name ... @defer(if: $later) { rating } } }';
    expect(await payloadsOf(query, { later: true })).toHaveLength(2);
  });

  it('tells errors with the part in which they are, and nulls no further than that', async () => {
    const payloads = await payloadsOf('{ users { name ... @defer { strict } } }');
    expect(payloads[0]).toEqual({ data: { users: [{ name: 'name u1' }, { name: 'name u2' }] }, hasNext: true });
    const parts = payloads.flatMap(({ incremental = [] }) => incremental);
    expect(parts).toEqual([
      { path: ['users', 0], data: { strict: 1 } },
      { path: ['users', 1], data: null, errors: [expect.objectContaining({ path: ['users', 1, 'strict'] })] },
    ]);
  });

  it('tells nothing later of what is null already', async () => {
    const query =
      '{ nodes { id ... on User { strict } ... on Robot { model ... @defer { rating } } } users { strict ... @defer { rating } } }';
    openGate();
    const payloads = await payloadsOf(query);
    expect(payloads).toHaveLength(1);
    expect(payloads[0]).toMatchObject({ data: null });
  });

  it('refuses two equal labels, and labels that are variables', async () => {
    const twice = '{ user { ... @defer(label: "a") { name } ... @defer(label: "a") { rating } } }';
    expect((await graph.query(twice)).errors?.[0]?.message).toBe(
      'Two @defer have the label "a": each needs one of its own.',
    );
    const variable = 'query($label: String) { user { ... @defer(label: $label) { name } } }';
    expect((await graph.query(variable, { label: 'a' })).errors?.[0]?.message).toBe(
      'The label of @defer must be a text, not a variable.',
    );
  });

  it('is answered in one piece where nobody takes parts', async () => {
    openGate();
    expect(await graph.query('{ user { name ... @defer { rating } } }')).toEqual({
      data: { user: { name: 'name u1', rating: 5 } },
    });
  });
});
