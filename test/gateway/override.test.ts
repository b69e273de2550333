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
      interface Entry { id: ID! label: String half: String all: String }
      type Order implements Entry @key(fields: "id") {
        id: ID! label: String price: Int! status: String shipping: String note: String half: String all: String
        weight: String size: String
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
        weight: () => 'legacy',
        size: () => 'legacy',
      },
    },
  },
  {
    name: 'orders',
    sdl: `
      type Query { moved: String @override(from: "legacy") newest: Order! latest: Recent }
      interface Recent { id: ID! half: String all: String }
      type Order implements Recent @key(fields: "id") {
        id: ID!
        label: String @override(from: "legacy")
        status: String @override(from: "legacy")
        half: String @override(from: "legacy", label: "percent(0)")
        all: String @override(from: "legacy", label: "percent(100)")
        price: Int! @external
        shipping: String @override(from: "legacy") @requires(fields: "price")
        weight: String @override(from: "legacy", label: "percent(100)") @requires(fields: "price")
        size: String @override(from: "legacy", label: "percent(0)") @requires(fields: "price")
        ghost: String @override(from: "departed")
      }`,
    resolvers: {
      Query: { moved: () => 'here', newest: () => ({ id: 'o9' }), latest: () => ({ __typename: 'Order', id: 'o9' }) },
      Order: {
        __resolveReference: itself,
        label: ({ id }: { id: string }) => `label of ${id}`,
        status: ({ id }: { id: string }) => (id === 'o2' ? null : 'open'),
        half: () => 'orders',
        all: () => 'orders',
        shipping: ({ price }: { price: number }) => `ship ${price}`,
        weight: ({ price }: { price: number }) => `weighs ${price}`,
        size: () => 'orders',
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
      'leaves the old subgraph at a hundred of a hundred',
      '{ orders { all } }',
      '{"orders":[{"all":"orders"},{"all":"orders"}]}',
      ['legacy', 'orders'],
    ],
    [
      'leaves the old subgraph at a hundred of a hundred, with what the new one requires',
      '{ orders { weight } }',
      '{"orders":[{"weight":"weighs 10"},{"weight":"weighs 20"}]}',
      ['legacy', 'orders'],
    ],
    [
      'stays with the old subgraph at none of a hundred, whatever the new one requires',
      '{ newest { size } }',
      '{"newest":{"size":"legacy"}}',
      ['orders', 'legacy'],
    ],
    [
      'leaves the old subgraph at a hundred of a hundred, behind an interface',
      '{ first { all } latest { all } }',
      '{"first":{"all":"orders"},"latest":{"all":"orders"}}',
      ['legacy', 'orders', 'orders'],
    ],
    [
      'stays with the old subgraph at none of a hundred, behind an interface',
      '{ first { half } latest { half } }',
      '{"first":{"half":"legacy"},"latest":{"half":"legacy"}}',
      ['legacy', 'orders', 'legacy'],
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
});

/**
 * Progressive overrides: which labels are on is decided for each request. `draw` is what would be random, `on` the
 * custom labels.
 */
describe('@override with a label', () => {
  const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.7", import: [
    "@key", "@override"
  ])\n`;
  const moving = [
    {
      name: 'old',
      sdl: `${link}
        type Query { parcels: [Parcel!]! }
        type Parcel @key(fields: "id") { id: ID! route: String weight: String stamp: String plain: String }`,
      resolvers: {
        Query: { parcels: () => [{ id: 'p1' }] },
        Parcel: {
          __resolveReference: itself,
          route: () => 'old',
          weight: () => 'old',
          stamp: () => 'old',
          plain: () => 'old',
        },
      },
    },
    {
      name: 'new',
      sdl: `${link}
        type Parcel @key(fields: "id") {
          id: ID!
          route: String @override(from: "old", label: "percent(20)")
          weight: String @override(from: "old", label: "percent(60.5)")
          stamp: String @override(from: "old", label: "new-stamps")
        }`,
      resolvers: {
        Parcel: { __resolveReference: itself, route: () => 'new', weight: () => 'new', stamp: () => 'new' },
      },
    },
  ];
  let graph: Graph;
  let draw = 0;
  let draws = 0;
  /** Before `draw`, for requests at the same time. */
  const drawsToCome: number[] = [];
  let on: readonly string[] = [];
  const asked: unknown[] = [];
  beforeAll(async () => {
    graph = await startGraph(moving, {
      dependencies: {
        random: () => {
          draws += 1;
          return drawsToCome.shift() ?? draw;
        },
        overrideLabels: (context, labels) => {
          asked.push([context.id.length > 0, ...labels]);
          return on;
        },
      },
    });
  }, 30_000);
  afterAll(() => graph.close());

  it.each([
    [0.1999, '{"route":"new","weight":"new"}'],
    [0.2, '{"route":"old","weight":"new"}'],
    [0.605, '{"route":"old","weight":"old"}'],
  ])('moves as many requests as the percentage says: a draw of %d', async (value, parcel) => {
    draw = value;
    expect(await graph.answer('{ parcels { route weight } }')).toBe(`{"data":{"parcels":[${parcel}]}}`);
  });

  it('asks who embeds the gateway about other labels, for operations that they matter to', async () => {
    on = ['new-stamps', 'unknown'];
    asked.length = 0;
    expect(await graph.answer('{ parcels { stamp } }')).toBe('{"data":{"parcels":[{"stamp":"new"}]}}');
    on = [];
    expect(await graph.answer('{ parcels { ...S } } fragment S on Parcel { stamp }')).toBe(
      '{"data":{"parcels":[{"stamp":"old"}]}}',
    );
    await graph.query('{ parcels { route } }');
    expect(asked).toEqual([
      [true, 'new-stamps'],
      [true, 'new-stamps'],
    ]);
  });

  it('draws nothing for an operation that no label matters to', async () => {
    draws = 0;
    await graph.query('{ parcels { plain id } }');
    expect(draws).toBe(0);
  });

  it('does not share an answer between requests that are decided otherwise', async () => {
    drawsToCome.push(0, 0.9);
    const answers = await Promise.all([1, 2].map(() => graph.answer('{ parcels { weight } }')));
    expect(answers).toEqual(['{"data":{"parcels":[{"weight":"new"}]}}', '{"data":{"parcels":[{"weight":"old"}]}}']);
  });
});
