import { type Graph, startGraph } from '../support/graph';
import { createOracle, type Oracle } from '../support/oracle';

/**
 * Real: subgraphs over HTTP, composition, planner thread, engine; plain graphql-js says what is right.
 * Values are functions of the entity; a field with requirements writes them into its value, so that a wrong route,
 * a wrong argument or a missing requirement shows.
 */
interface Product {
  readonly id: string;
}
const numberOf = ({ id }: Product) => Number(id.slice(1));
const price = (product: Product, { currency = 'EUR' }: { currency?: string }) =>
  `${numberOf(product) * 10} ${currency}`;
const weight = (product: Product) => (product.id === 'p9' ? null : numberOf(product) / 2);
const box = (product: Product) => ({ width: numberOf(product), depth: 2, label: `box of ${product.id}` });
const parts = (product: Product) => [
  { name: `${product.id}-lid`, grams: 1 },
  { name: `${product.id}-body`, grams: numberOf(product) },
];
const maker = (product: Product) => ({ id: `m${numberOf(product) % 2}` });
const cover = (product: Product) =>
  numberOf(product) % 2
    ? { __typename: 'Round', radius: numberOf(product), colour: 'red' }
    : { __typename: 'Square', side: numberOf(product), colour: 'blue' };
const products = ['p1', 'p2', 'p3'].map((id) => ({ id }));
const ofId = (_: unknown, { id }: { id: string }) => ({ id });
const itself = (reference: object) => reference;

/** What the requiring fields make of their requirements. */
const rules = {
  shipping: (p: { price: string; weight: number | null }) => `ship ${p.price} at ${p.weight}`,
  total: (p: { shipping: string }) => `total of (${p.shipping})`,
  summary: (p: { total: string; weight: number | null }) => `sum of (${p.total}) at ${p.weight}`,
  volume: (p: { box: { width: number; depth: number } | null }) => (p.box ? p.box.width * p.box.depth : null),
  grams: (p: { parts: { grams: number }[] }) => p.parts.map((part) => part.grams),
  origin: (p: { maker: { country: string } }) => `made in ${p.maker.country}`,
  area: (p: { cover: { radius?: number; side?: number } }) => `r${p.cover.radius} s${p.cover.side}`,
  dollars: (p: { price: string }) => `dollars: ${p.price}`,
  pounds: (p: { price: string }) => `pounds: ${p.price}`,
};
const country = ({ id }: { id: string }) => (id === 'm0' ? 'IS' : 'PE');

const valueTypes = `
  type Box { width: Int! depth: Int! label: String! }
  type Part { name: String! grams: Int! }
  type Round { radius: Int! colour: String! }
  type Square { side: Int! colour: String! }
  union Cover = Round | Square
`;
const shareable = valueTypes.replaceAll(/type (\w+) \{/g, 'type $1 @shareable {');

const subgraphs = [
  {
    name: 'catalog',
    sdl: `
      type Query { products: [Product!]! product(id: ID!): Product shelf: [Item!]! grid: [[Product!]!]! }
      type Mutation { touch(id: ID!): Product! }
      interface Item { id: ID! }
      type Product implements Item @key(fields: "id") {
        id: ID! price(currency: String = "EUR"): String! weight: Float box: Box parts: [Part!]! maker: Maker! cover: Cover!
      }
      type Leaflet implements Item { id: ID! title: String! }
      type Maker @key(fields: "id") { id: ID! }
      ${shareable}`,
    resolvers: {
      Query: {
        products: () => products,
        product: ofId,
        shelf: () => [
          { __typename: 'Product', id: 'p1' },
          { __typename: 'Leaflet', id: 'l1', title: 'Hi' },
        ],
        grid: () => [[{ id: 'p1' }, { id: 'p2' }], [], [{ id: 'p3' }]],
      },
      Mutation: { touch: ofId },
      Product: { __resolveReference: itself, price, weight, box, parts, maker, cover },
    },
  },
  {
    name: 'makers',
    sdl: `type Maker @key(fields: "id") { id: ID! country: String! star: Product }
      type Product @key(fields: "id", resolvable: false) { id: ID! }`,
    resolvers: {
      Maker: {
        __resolveReference: itself,
        country,
        star: ({ id }: { id: string }) => ({ id: id === 'm0' ? 'p2' : 'p1' }),
      },
    },
  },
  {
    name: 'shipping',
    sdl: `
      type Product @key(fields: "id") {
        id: ID!
        price(currency: String = "EUR"): String! @external
        weight: Float @external
        box: Box @external
        parts: [Part!]! @external
        maker: Maker! @external
        cover: Cover! @external
        shipping: String! @requires(fields: "price weight")
        volume: Int @requires(fields: "box { width depth }")
        grams: [Int!]! @requires(fields: "parts { grams }")
        origin: String! @requires(fields: "maker { country }")
        area: String! @requires(fields: "cover { ... on Round { radius } ... on Square { side } }")
        dollars: String! @requires(fields: "price(currency: \\"USD\\")")
      }
      type Maker @key(fields: "id") { id: ID! country: String! @external }
      ${shareable}`,
    resolvers: {
      Product: {
        __resolveReference: itself,
        shipping: rules.shipping,
        volume: rules.volume,
        grams: rules.grams,
        origin: rules.origin,
        area: rules.area,
        dollars: rules.dollars,
      },
    },
  },
  {
    name: 'accounting',
    sdl: `type Product @key(fields: "id") {
      id: ID!
      shipping: String! @external
      price(currency: String = "EUR"): String! @external
      total: String! @requires(fields: "shipping")
      pounds: String! @requires(fields: "price(currency: \\"GBP\\")")
    }`,
    resolvers: { Product: { __resolveReference: itself, total: rules.total, pounds: rules.pounds } },
  },
  {
    name: 'reports',
    sdl: `type Product @key(fields: "id") {
      id: ID! total: String! @external weight: Float @external summary: String! @requires(fields: "total weight")
    }`,
    resolvers: { Product: { __resolveReference: itself, summary: rules.summary } },
  },
];

const whole = {
  shipping: (p: Product) => rules.shipping({ price: price(p, {}), weight: weight(p) }),
  total: (p: Product) => rules.total({ shipping: whole.shipping(p) }),
  summary: (p: Product) => rules.summary({ total: whole.total(p), weight: weight(p) }),
};
const oracle: Oracle = createOracle(
  `type Query { products: [Product!]! product(id: ID!): Product shelf: [Item!]! grid: [[Product!]!]! }
  type Mutation { touch(id: ID!): Product! }
  interface Item { id: ID! }
  type Leaflet implements Item { id: ID! title: String! }
  type Maker { id: ID! country: String! star: Product }
  type Product implements Item {
    id: ID! price(currency: String = "EUR"): String! weight: Float box: Box parts: [Part!]! maker: Maker! cover: Cover!
    shipping: String! volume: Int grams: [Int!]! origin: String! area: String! dollars: String! pounds: String!
    total: String! summary: String!
  } ${valueTypes}`,
  {
    Query: subgraphs[0]?.resolvers.Query,
    Mutation: subgraphs[0]?.resolvers.Mutation,
    Maker: subgraphs[1]?.resolvers.Maker,
    Product: {
      price,
      weight,
      box,
      parts,
      maker,
      cover,
      ...whole,
      volume: (p: Product) => rules.volume({ box: box(p) }),
      grams: (p: Product) => rules.grams({ parts: parts(p) }),
      origin: (p: Product) => rules.origin({ maker: { country: country(maker(p)) } }),
      area: (p: Product) => rules.area({ cover: cover(p) }),
      dollars: (p: Product) => rules.dollars({ price: price(p, { currency: 'USD' }) }),
      pounds: (p: Product) => rules.pounds({ price: price(p, { currency: 'GBP' }) }),
    },
  },
);

describe('@requires', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());

  it('fetches what a field requires and leaves it out of the answer', async () => {
    expect(await graph.answer('{ product(id: "p4") { shipping } }')).toBe(
      '{"data":{"product":{"shipping":"ship 40 EUR at 2"}}}',
    );
  });

  it('hands over a required null as it is', async () => {
    expect(await graph.answer('{ product(id: "p9") { shipping } }')).toBe(
      '{"data":{"product":{"shipping":"ship 90 EUR at null"}}}',
    );
  });

  it.each([
    ['answers required and requiring fields in the order of the client', '{ products { shipping weight id price } }'],
    ['requires a field of a value object', '{ products { volume } }'],
    ['merges a required object with what the client asks of it', '{ products { box { label } volume } }'],
    ['requires a field of each object in a list', '{ products { parts { name } grams } }'],
    ['requires a field of an entity of a third subgraph', '{ products { origin maker { id } } }'],
    ['requires fields of the members of a union', '{ products { area cover { ... on Square { colour } } } }'],
    ['follows a chain of two', '{ product(id: "p2") { total } }'],
    ['follows a chain of three over four subgraphs', '{ products { summary } }'],
    ['follows a chain beside its own links', '{ products { summary total shipping weight price } }'],
    ['follows a chain in a list of lists', '{ grid { summary volume } }'],
    ['follows a chain below another entity', '{ product(id: "p3") { maker { star { summary origin } } } }'],
    ['follows a chain after a mutation', 'mutation { touch(id: "p2") { summary area } }'],
    ['follows a chain behind an interface', '{ shelf { id ... on Product { summary } ... on Leaflet { title } } }'],
    [
      'follows a chain through fragments',
      `{ shelf { ...A } } fragment A on Item { ...B id } fragment B on Product { t: total ...C } fragment C on Item { ... on Product { summary } }`,
    ],
    [
      'keeps aliases with the names of requirements apart',
      '{ products { price: id weight: shipping shipping: volume } }',
    ],
    ['keeps aliases of requirements apart', '{ products { p: price w: weight s: shipping } }'],
    ['keeps aliases with names of required objects apart', '{ products { box: parts { width: name } volume } }'],
    ['keeps aliases inside required objects apart', '{ products { box { width: label label: depth } volume } }'],
    ['keeps aliases inside required lists apart', '{ products { parts { grams: name name: grams } grams } }'],
    ['keeps aliases inside required unions apart', '{ products { cover { ... on Round { radius: colour } } area } }'],
    ['requires with a literal argument', '{ products { dollars } }'],
    ['requires beside the same field with another argument', '{ products { dollars price(currency: "EUR") } }'],
    ['requires beside the same field with the same argument', '{ products { dollars price(currency: "USD") } }'],
  ])('%s', async (_name, query) => {
    expect(await graph.answer(query)).toBe(await oracle(query));
  });

  it('keeps a variable of the client apart from the literal that a field requires', async () => {
    const query = 'query Q($c: String) { products { a: price(currency: $c) dollars price(currency: "JPY") } }';
    expect(await graph.answer(query, { c: 'CHF' })).toBe(await oracle(query, { c: 'CHF' }));
  });

  // The planner names a required field plainly, whatever its arguments: of several, one would serve all.
  it.each([
    ['the client without arguments', '{ products { dollars price } }'],
    ['another with other arguments', '{ products { dollars pounds } }'],
    ['another without arguments', '{ products { dollars shipping } }'],
    ['two others and the client', '{ products { shipping pounds dollars price(currency: "JPY") } }'],
    ['another in a fragment', '{ products { ...A ... on Product { pounds } } } fragment A on Product { dollars }'],
    ['another behind an interface', '{ shelf { ... on Product { p: pounds d: dollars s: shipping } } }'],
    ['another in a nested entity', '{ products { dollars maker { star { pounds shipping } } } }'],
    ['another along a chain', '{ products { summary dollars } }'],
  ])('serves a field that requires with arguments what %s asks differently', async (_name, query) => {
    expect(await graph.answer(query)).toBe(await oracle(query));
  });
});
