import { type Graph, startGraph } from '../support/graph';

/** `@context` and `@fromContext` (federation 2.8). Real: subgraphs over HTTP, composition, planner thread, engine. */
const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.8", import: [
  "@key", "@external", "@shareable", "@context", "@fromContext"
])\n`;
const itself = (reference: object) => reference;
interface Ref {
  readonly id: string;
}

const sellers = [
  { __typename: 'Farm', name: 'Hill', tags: ['new', 'ripe'], crates: [{ id: 'egg' }] },
  { __typename: 'Stand', owner: null, tags: [], crates: [{ id: 'egg' }, { id: 'jam' }] },
];

const subgraphs = [
  {
    name: 'shops',
    sdl: `${link}
      type Query { shops: [Shop!]! shop(id: ID!): Shop sellers: [Seller!]! }
      interface Seller { crates: [Crate!]! }
      type Farm implements Seller @context(name: "seller") { name: String! tags: [String!]! crates: [Crate!]! }
      type Stand implements Seller @context(name: "seller") { owner: String tags: [String!]! crates: [Crate!]! }
      type Shop @key(fields: "id") @context(name: "shop") { id: ID! currency: String! address: Address @shareable items: [Item!]! }
      type Address { city: String! @shareable }
      type Crate @key(fields: "id") {
        id: ID!
        offer(
          by: String @fromContext(field: "$seller ... on Farm { name } ... on Stand { owner }")
          amount: Int
        ): Deal
        labels(tags: [String] @fromContext(field: "$seller { tags }")): String!
        both(
          by: String @fromContext(field: "$seller ... on Farm { name } ... on Stand { owner }")
          tags: [String] @fromContext(field: "$seller { tags }")
        ): String
      }
      type Deal { text: String! }
      type Item @key(fields: "id") {
        id: ID!
        price(amount: Int = 1, currency: String @fromContext(field: "$shop { currency }")): String!
        place(city: String @fromContext(field: "$shop { address { city } }")): String
      }`,
    resolvers: {
      Query: {
        shops: () => [{ id: 's1' }, { id: 's2' }],
        shop: (_: unknown, { id }: Ref) => ({ id }),
        sellers: () => sellers,
      },
      Shop: {
        __resolveReference: itself,
        currency: ({ id }: Ref) => (id === 's1' ? 'EUR' : 'USD'),
        address: ({ id }: Ref) => (id === 's1' ? { city: 'Rome' } : null),
        items: ({ id }: Ref) => [{ id: `${id}-a` }, { id: 'both' }],
      },
      Crate: {
        __resolveReference: itself,
        offer: ({ id }: Ref, { by, amount }: { by: string | null; amount?: number }) => ({
          text: `${id} by ${by} ${amount}`,
        }),
        labels: ({ id }: Ref, { tags }: { tags: string[] }) => `${id}: ${tags}`,
        both: ({ id }: Ref, { by, tags }: { by: string | null; tags: string[] | null }) => `${id} ${by} ${tags}`,
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

  it.each([
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

  it('lets no variable of the client stand for a contextual argument', async () => {
    const injected = Object.fromEntries(
      [0, 1, 2, 3].flatMap((a) => [0, 1, 2].map((b) => [`contextualArgument_${a}_${b}`, 'GBP'])),
    );
    const query = 'query ($id: ID!) { shop(id: $id) { items { price } } }';
    expect(await graph.answer(query, { id: 's1', ...injected })).not.toContain('GBP');
  });

  // Apollo's planner has no plan where the context is set on the objects behind an interface.
  it('hands down the context of what stands behind an interface, as lists and as nulls', async () => {
    expect(await graph.answer('{ sellers { crates { offer { text } } } }')).toBe(
      '{"data":{"sellers":[{"crates":[{"offer":{"text":"egg by Hill undefined"}}]},' +
        '{"crates":[{"offer":{"text":"egg by null undefined"}},{"offer":{"text":"jam by null undefined"}}]}]}}',
    );
    expect(await graph.answer('{ sellers { crates { labels } } }')).toBe(
      '{"data":{"sellers":[{"crates":[{"labels":"egg: new,ripe"}]},{"crates":[{"labels":"egg: "},{"labels":"jam: "}]}]}}',
    );
  });

  // The planner forgets one of two contextual arguments of one field.
  it('refuses to answer without the value of an argument', async () => {
    const { data, errors } = await graph.query('{ sellers { crates { both } } }');
    expect(data).toBeUndefined();
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['QUERY_PLAN_FAILED']);
  });

  it('keeps variables of the client apart whose names are those of contextual arguments', async () => {
    const names = [0, 1, 2, 3, 4, 5].flatMap((a) => [0, 1, 2, 3].map((b) => `contextualArgument_${a}_${b}`));
    const definitions = names.map((name) => `$${name}: Int`).join();
    const fields = names.map((name, index) => `a${index}: offer(amount: $${name}) { text }`).join(' ');
    const variables = Object.fromEntries(names.map((name, index) => [name, index]));
    const { data, errors } = await graph.query(
      `query (${definitions}) { sellers { crates { ${fields} } } }`,
      variables,
    );
    expect(errors).toBeUndefined();
    const sellers = (data?.sellers ?? []) as readonly { crates: readonly object[] }[];
    expect(sellers[0]?.crates[0]).toEqual(
      Object.fromEntries(names.map((_, index) => [`a${index}`, { text: `egg by Hill ${index}` }])),
    );
  });
});
