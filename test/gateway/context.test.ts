import { type Graph, startGraph } from '../support/graph';

/** `@context` and `@fromContext` (federation 2.8). Real: subgraphs over HTTP, composition, planner thread, engine. */
const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.8", import: [
  "@key", "@external", "@shareable", "@context", "@fromContext"
])\n`;
const itself = (reference: object) => reference;
interface Ref {
  readonly id: string;
}

const subgraphs = [
  {
    name: 'shops',
    sdl: `${link}
      type Query { shops: [Shop!]! shop(id: ID!): Shop }
      type Shop @key(fields: "id") @context(name: "shop") { id: ID! currency: String! address: Address @shareable items: [Item!]! }
      type Address { city: String! @shareable }
      type Item @key(fields: "id") {
        id: ID!
        price(amount: Int = 1, currency: String @fromContext(field: "$shop { currency }")): String!
        place(city: String @fromContext(field: "$shop { address { city } }")): String
      }`,
    resolvers: {
      Query: { shops: () => [{ id: 's1' }, { id: 's2' }], shop: (_: unknown, { id }: Ref) => ({ id }) },
      Shop: {
        __resolveReference: itself,
        currency: ({ id }: Ref) => (id === 's1' ? 'EUR' : 'USD'),
        address: ({ id }: Ref) => (id === 's1' ? { city: 'Rome' } : null),
        items: ({ id }: Ref) => [{ id: `${id}-a` }, { id: 'both' }],
      },
      Item: {
        __resolveReference: itself,
        price: ({ id }: Ref, { amount, currency }: { amount: number; currency: string }) =>
          `${id}: ${amount} ${currency}`,
        place: (_: unknown, { city }: { city?: string }) => city ?? null,
      },
    },
  },
  {
    name: 'far',
    sdl: `${link} type Item @key(fields: "id") { id: ID! twin: Item }`,
    resolvers: { Item: { __resolveReference: itself, twin: ({ id }: Ref) => ({ id: `twin of ${id}` }) } },
  },
];

describe('@fromContext', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());

  it('answers what does not depend on a context', async () => {
    expect(await graph.answer('{ shops { currency items { id twin { id } } } }')).toBe(
      '{"data":{"shops":[' +
        '{"currency":"EUR","items":[{"id":"s1-a","twin":{"id":"twin of s1-a"}},{"id":"both","twin":{"id":"twin of both"}}]},' +
        '{"currency":"USD","items":[{"id":"s2-a","twin":{"id":"twin of s2-a"}},{"id":"both","twin":{"id":"twin of both"}}]}]}}',
    );
  });

  it('hides contextual arguments from clients', async () => {
    const { errors } = await graph.query('{ shops { items { price(currency: "GBP") } } }');
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['GRAPHQL_VALIDATION_FAILED']);
  });

  // The `contextRewrites` of a fetch are not executed: such operations are refused.
  it.failing.each([
    [
      'of one object',
      '{ shop(id: "s1") { items { price } } }',
      '{"shop":{"items":[{"price":"s1-a: 1 EUR"},{"price":"both: 1 EUR"}]}}',
    ],
    [
      'of each object, for equal entities too',
      '{ shops { items { price } } }',
      '{"shops":[{"items":[{"price":"s1-a: 1 EUR"},{"price":"both: 1 EUR"}]},{"items":[{"price":"s2-a: 1 USD"},{"price":"both: 1 USD"}]}]}',
    ],
    [
      'beside arguments of the client, under aliases',
      '{ shop(id: "s2") { items { currency: id a: price(amount: 3) b: price } } }',
      '{"shop":{"items":[{"currency":"s2-a","a":"s2-a: 3 USD","b":"s2-a: 1 USD"},{"currency":"both","a":"both: 3 USD","b":"both: 1 USD"}]}}',
    ],
    [
      'of a nested object, null in part',
      '{ shops { items { place } } }',
      '{"shops":[{"items":[{"place":"Rome"},{"place":"Rome"}]},{"items":[{"place":null},{"place":null}]}]}',
    ],
    [
      'further above, over another subgraph',
      '{ shops { items { twin { price } } } }',
      '{"shops":[{"items":[{"twin":{"price":"twin of s1-a: 1 EUR"}},{"twin":{"price":"twin of both: 1 EUR"}}]},{"items":[{"twin":{"price":"twin of s2-a: 1 USD"}},{"twin":{"price":"twin of both: 1 USD"}}]}]}',
    ],
  ])('hands down the context %s', async (_name, query, data) => {
    expect(await graph.answer(query)).toBe(`{"data":${data}}`);
  });

  it('refuses an operation that needs a context rather than answer it wrongly', async () => {
    const { data, errors } = await graph.query('{ shop(id: "s1") { items { price } } }');
    expect(data).toBeUndefined();
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['QUERY_PLAN_FAILED']);
  });

  it('lets no variable of the client stand for a contextual argument', async () => {
    const injected = Object.fromEntries(
      [0, 1, 2, 3].flatMap((a) => [0, 1, 2].map((b) => [`contextualArgument_${a}_${b}`, 'GBP'])),
    );
    const query = 'query ($id: ID!) { shop(id: $id) { items { price } } }';
    expect(await graph.answer(query, { id: 's1', ...injected })).not.toContain('GBP');
  });
});
