import { type Graph, startGraph } from '../support/graph';
import { createOracle } from '../support/oracle';

/**
 * Requirements of requirements, on other entities than the one that requires. Real: subgraphs over HTTP, composition,
 * planner thread, engine; plain graphql-js says what is right. Every value tells what it was made of.
 */
interface Ref {
  readonly id: string;
}
const itself = (reference: object) => reference;
const rules = {
  zone: (c: { region: string }) => `zone(${c.region})`,
  band: (p: { weight: number }) => `band(${p.weight})`,
  quote: (o: { customer: { zone: string } | null; lines: ({ product: { band: string } } | null)[] }) =>
    `quote(${o.customer?.zone}; ${o.lines.map((line) => line?.product.band)})`,
  invoice: (o: { quote: string; customer: { tier: number; zone: string } | null }) =>
    `invoice(${o.quote} ${o.customer?.tier} ${o.customer?.zone})`,
  label: (i: { owner: { zone?: string; band?: string } | null }) => `label(${i.owner?.zone} ${i.owner?.band})`,
  rating: (c: { orders: { quote: string }[] }) => `rating(${c.orders.map(({ quote }) => quote)})`,
  route: (c: { rating: string; zone: string }) => `route(${c.rating} ${c.zone})`,
};
const order = {
  customer: ({ id }: Ref) => (id === 'o3' ? null : { id: `c${id.slice(1)}` }),
  lines: ({ id }: Ref) =>
    id === 'o2' ? [] : [{ product: { id: `p${id.slice(1)}` } }, null, { product: { id: 'p9' } }],
};
const customer = {
  region: ({ id }: Ref) => `region ${id}`,
  tier: ({ id }: Ref) => Number(id.slice(1)),
  orders: ({ id }: Ref) => [{ id: `o${id.slice(1)}` }, { id: 'o2' }],
};
const product = { weight: ({ id }: Ref) => Number(id.slice(1)) * 10 };
const item = {
  owner: ({ id }: Ref) =>
    ({
      i1: { __typename: 'Customer', id: 'c1' },
      i2: { __typename: 'Product', id: 'p2' },
    })[id] ?? null,
};
const root = {
  orders: () => ['o1', 'o2', 'o3'].map((id) => ({ id })),
  order: (_: unknown, reference: Ref) => reference,
  customers: () => [{ id: 'c1' }, { id: 'c2' }],
  items: () => ['i1', 'i2', 'i3'].map((id) => ({ id })),
  inbox: () => [
    { __typename: 'Order', id: 'o1' },
    { __typename: 'Item', id: 'i2' },
    { __typename: 'Customer', id: 'c2' },
  ],
};
const rootFields = 'orders: [Order!]! order(id: ID!): Order customers: [Customer!]! items: [Item!]! inbox: [Thing!]!';

const subgraphs = [
  {
    name: 'orders',
    sdl: `
      type Query { ${rootFields} }
      union Thing = Order | Item | Customer
      union Owner = Customer | Product
      type Order @key(fields: "id") { id: ID! customer: Customer lines: [Line]! }
      type Line @shareable { product: Product! }
      type Customer @key(fields: "id") { id: ID! orders: [Order!]! }
      type Product @key(fields: "id") { id: ID! }
      type Item @key(fields: "id") { id: ID! owner: Owner }`,
    resolvers: {
      Query: root,
      Order: { __resolveReference: itself, ...order },
      Customer: { __resolveReference: itself, orders: customer.orders },
      Item: { __resolveReference: itself, ...item },
    },
  },
  {
    name: 'facts',
    sdl: `
      type Customer @key(fields: "id") { id: ID! region: String! tier: Int! }
      type Product @key(fields: "id") { id: ID! weight: Int! }`,
    resolvers: {
      Customer: { __resolveReference: itself, region: customer.region, tier: customer.tier },
      Product: { __resolveReference: itself, ...product },
    },
  },
  {
    name: 'zones',
    sdl: `
      type Customer @key(fields: "id") { id: ID! region: String! @external zone: String! @requires(fields: "region") }
      type Product @key(fields: "id") { id: ID! weight: Int! @external band: String! @requires(fields: "weight") }`,
    resolvers: {
      Customer: { __resolveReference: itself, zone: rules.zone },
      Product: { __resolveReference: itself, band: rules.band },
    },
  },
  {
    name: 'quotes',
    sdl: `
      type Order @key(fields: "id") {
        id: ID! customer: Customer @external lines: [Line]! @external
        quote: String! @requires(fields: "customer { zone } lines { product { band } }")
      }
      type Line @shareable { product: Product! }
      type Customer @key(fields: "id") { id: ID! zone: String! @external }
      type Product @key(fields: "id") { id: ID! band: String! @external }
      union Owner = Customer | Product
      type Item @key(fields: "id") {
        id: ID! owner: Owner @external
        label: String! @requires(fields: "owner { ... on Customer { zone } ... on Product { band } }")
      }`,
    resolvers: {
      Order: { __resolveReference: itself, quote: rules.quote },
      Item: { __resolveReference: itself, label: rules.label },
    },
  },
  {
    name: 'invoices',
    sdl: `
      type Order @key(fields: "id") {
        id: ID! quote: String! @external customer: Customer @external
        invoice: String! @requires(fields: "quote customer { tier zone }")
      }
      type Customer @key(fields: "id") {
        id: ID! tier: Int! @external zone: String! @external orders: [Order!]! @external
        rating: String! @requires(fields: "orders { quote }")
      }`,
    resolvers: {
      Order: { __resolveReference: itself, invoice: rules.invoice },
      Customer: { __resolveReference: itself, rating: rules.rating },
    },
  },
  {
    name: 'routes',
    sdl: `type Customer @key(fields: "id") {
      id: ID! rating: String! @external zone: String! @external route: String! @requires(fields: "rating zone")
    }`,
    resolvers: { Customer: { __resolveReference: itself, route: rules.route } },
  },
];

const whole = {
  zone: (c: Ref) => rules.zone({ region: customer.region(c) }),
  band: (p: Ref) => rules.band({ weight: product.weight(p) }),
  quote: (o: Ref) => {
    const owner = order.customer(o);
    return rules.quote({
      customer: owner && { zone: whole.zone(owner) },
      lines: order.lines(o).map((line) => line && { product: { band: whole.band(line.product) } }),
    });
  },
  invoice: (o: Ref) => {
    const owner = order.customer(o);
    return rules.invoice({
      quote: whole.quote(o),
      customer: owner && { tier: customer.tier(owner), zone: whole.zone(owner) },
    });
  },
  rating: (c: Ref) => rules.rating({ orders: customer.orders(c).map((o) => ({ quote: whole.quote(o) })) }),
  route: (c: Ref): string => rules.route({ rating: whole.rating(c), zone: whole.zone(c) }),
  label: (i: Ref) => {
    const owner = item.owner(i);
    if (!owner) return rules.label({ owner: null });
    return rules.label({
      owner: owner.__typename === 'Customer' ? { zone: whole.zone(owner) } : { band: whole.band(owner) },
    });
  },
};
const oracle = createOracle(
  `type Query { ${rootFields} }
  union Thing = Order | Item | Customer
  union Owner = Customer | Product
  type Order { id: ID! customer: Customer lines: [Line]! quote: String! invoice: String! }
  type Line { product: Product! }
  type Customer { id: ID! orders: [Order!]! region: String! tier: Int! zone: String! rating: String! route: String! }
  type Product { id: ID! weight: Int! band: String! }
  type Item { id: ID! owner: Owner label: String! }`,
  {
    Query: root,
    Order: { ...order, quote: whole.quote, invoice: whole.invoice },
    Customer: { ...customer, zone: whole.zone, rating: whole.rating, route: whole.route },
    Product: { ...product, band: whole.band },
    Item: { ...item, label: whole.label },
  },
);

describe('nested requirements', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());

  it.each([
    ['of an entity that requires', '{ orders { quote } }'],
    ['of an entity that requires, by id', '{ order(id: "o5") { quote } }'],
    ['of two levels', '{ orders { invoice } }'],
    [
      'of two levels beside their parts',
      '{ orders { invoice quote customer { zone tier region } lines { product { band weight } } } }',
    ],
    ['of members of a union', '{ items { label } }'],
    [
      'of members of a union beside their parts',
      '{ items { label owner { ... on Product { weight } ... on Customer { zone } } } }',
    ],
    ['of a list of entities that require', '{ customers { rating } }'],
    ['of three levels, back and forth', '{ customers { route } }'],
    [
      'of three levels beside other entities',
      '{ customers { route orders { invoice } } orders { customer { route } } }',
    ],
    [
      'under aliases that take all names',
      '{ orders { customer: invoice lines: quote zone: id quote: customer { zone: id id: region tier: route } } }',
    ],
    [
      'under aliases inside required objects',
      '{ orders { quote customer { zone: tier tier: zone } lines { product { band: weight weight: id } } } }',
    ],
    ['behind a union', '{ inbox { ... on Order { invoice } ... on Item { label } ... on Customer { route } } }'],
    [
      'behind fragments',
      '{ inbox { ...A ...B } } fragment A on Order { ...C invoice } fragment B on Customer { rating orders { ...C } } fragment C on Order { quote }',
    ],
    ['below one another', '{ customers { orders { customer { orders { invoice } } } } }'],
  ])('are fetched in time: %s', async (_name, query) => {
    expect(await graph.answer(query)).toBe(await oracle(query));
  });

  it('are fetched in time: decided by variables', async () => {
    const query =
      'query ($a: Boolean!, $id: ID!) { order(id: $id) { invoice @include(if: $a) customer @skip(if: $a) { route } quote } }';
    for (const a of [true, false]) {
      expect(await graph.answer(query, { a, id: 'o4' })).toBe(await oracle(query, { a, id: 'o4' }));
    }
  });
});
