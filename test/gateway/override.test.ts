import { type Graph, startGraph } from '../support/graph';

/**
 * Real: subgraphs over HTTP, composition, planner thread, engine. Observed: answers, and which subgraphs were asked.
 * `legacy` answers every field that moved away with a poison.
 */
const itself = (reference: object) => reference;
const poison = () => 'poison';

const subgraphs = [
  {
    name: 'legacy',
    sdl: `
      type Query { orders: [Order!]! first: Entry moved: String }
      type Mutation { rename(id: ID!): Order }
      interface Entry { id: ID! label: String }
      type Order implements Entry @key(fields: "id") {
        id: ID! label: String price: Int! status: String shipping: String note: String half: String all: String
      }`,
    resolvers: {
      Query: {
        orders: () => [{ id: 'o1' }, { id: 'o2' }],
        first: () => ({ __typename: 'Order', id: 'o1' }),
        moved: poison,
      },
      Mutation: { rename: (_: unknown, reference: object) => reference },
      Order: {
        __resolveReference: itself,
        label: poison,
        price: ({ id }: { id: string }) => Number(id.slice(1)) * 10,
        status: poison,
        shipping: poison,
        note: ({ id }: { id: string }) => `note of ${id}`,
        half: () => 'legacy',
        all: () => 'legacy',
      },
    },
  },
  {
    name: 'orders',
    sdl: `
      type Query { moved: String @override(from: "legacy") newest: Order! }
      type Order @key(fields: "id") {
        id: ID!
        label: String @override(from: "legacy")
        status: String @override(from: "legacy")
        half: String @override(from: "legacy", label: "percent(0)")
        all: String @override(from: "legacy", label: "percent(100)")
        price: Int! @external
        shipping: String @override(from: "legacy") @requires(fields: "price")
        ghost: String @override(from: "departed")
      }`,
    resolvers: {
      Query: { moved: () => 'here', newest: () => ({ id: 'o9' }) },
      Order: {
        __resolveReference: itself,
        label: ({ id }: { id: string }) => `label of ${id}`,
        status: ({ id }: { id: string }) => (id === 'o2' ? null : 'open'),
        half: () => 'orders',
        all: () => 'orders',
        shipping: ({ price }: { price: number }) => `ship ${price}`,
        ghost: () => 'boo',
      },
    },
  },
  {
    name: 'billing',
    sdl: `type Order @key(fields: "id") { id: ID! status: String @external invoice: String @requires(fields: "status") }`,
    resolvers: {
      Order: { __resolveReference: itself, invoice: ({ status }: { status: string | null }) => `invoice: ${status}` },
    },
  },
];

describe('@override', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());
  beforeEach(() => {
    graph.requests.length = 0;
  });

  it.each([
    ['asks a root field of its new subgraph alone', '{ moved }', '{"moved":"here"}', ['orders']],
    [
      'leaves the old subgraph for a field that moved',
      '{ orders { status label } }',
      '{"orders":[{"status":"open","label":"label of o1"},{"status":null,"label":"label of o2"}]}',
      ['legacy', 'orders'],
    ],
    [
      'stays with the old subgraph for a field that did not move',
      '{ orders { note } }',
      '{"orders":[{"note":"note of o1"},{"note":"note of o2"}]}',
      ['legacy'],
    ],
    [
      'asks nobody else when the new subgraph began',
      '{ newest { id label } }',
      '{"newest":{"id":"o9","label":"label of o9"}}',
      ['orders'],
    ],
    [
      'returns to the old subgraph for what stayed there',
      '{ newest { label note } }',
      '{"newest":{"label":"label of o9","note":"note of o9"}}',
      ['orders', 'legacy'],
    ],
    [
      'moves a field that requires one of the old subgraph',
      '{ newest { shipping } }',
      '{"newest":{"shipping":"ship 90"}}',
      ['orders', 'legacy', 'orders'],
    ],
    [
      'feeds a requirement from the new subgraph',
      '{ orders { invoice } }',
      '{"orders":[{"invoice":"invoice: open"},{"invoice":"invoice: null"}]}',
      ['legacy', 'orders', 'billing'],
    ],
    [
      'moves a field behind an interface',
      '{ first { id label } }',
      '{"first":{"id":"o1","label":"label of o1"}}',
      ['legacy', 'orders'],
    ],
    [
      'moves a field after a mutation',
      'mutation { rename(id: "o5") { label } }',
      '{"rename":{"label":"label of o5"}}',
      ['legacy', 'orders'],
    ],
    [
      'accepts an override from a subgraph that is gone',
      '{ newest { ghost } }',
      '{"newest":{"ghost":"boo"}}',
      ['orders'],
    ],
    [
      'stays with the old subgraph at none of a hundred',
      '{ orders { half } }',
      '{"orders":[{"half":"legacy"},{"half":"legacy"}]}',
      ['legacy'],
    ],
  ])('%s', async (_name, query, data, asked) => {
    expect(await graph.answer(query)).toBe(`{"data":${data}}`);
    expect(graph.requests.map((request) => request.subgraph)).toEqual(asked);
  });

  // The planner is told no override labels: every progressive override counts as off.
  it.failing('leaves the old subgraph at a hundred of a hundred', async () => {
    expect(await graph.answer('{ orders { all } }')).toBe('{"data":{"orders":[{"all":"orders"},{"all":"orders"}]}}');
  });
});
