import { type Graph, startGraph } from '../support/graph';
import { createOracle } from '../support/oracle';

/**
 * Real: subgraphs over HTTP, composition, planner thread, engine; plain graphql-js says what is right.
 * Value types have no key: their parts come from two subgraphs through their parents, and are merged by position.
 */
interface Ref {
  readonly id: string;
}
const numberOf = ({ id }: Ref) => Number(id.slice(1));
const itself = (reference: object) => reference;
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Each subgraph knows its own part of these. */
const price = (item: Ref) =>
  item.id === 'i3'
    ? null
    : { amount: numberOf(item) * 10, currency: 'EUR', tax: { rate: numberOf(item), region: 'north' } };
const prices = (item: Ref) => range(numberOf(item)).map((n) => (n === 1 ? null : { ...price({ id: `i${n + 4}` }) }));
const box = (item: Ref) => ({
  size: { width: numberOf(item), height: 2, unit: 'cm' },
  sides: range(2).map((n) => ({ width: n, height: 9, unit: 'mm' })),
});
const cover = (item: Ref) =>
  numberOf(item) % 2
    ? { __typename: 'Round', radius: numberOf(item), colour: 'red' }
    : { __typename: 'Square', side: numberOf(item), colour: 'blue' };
const settings = { theme: 'dark', limits: { posts: 5, likes: 7 }, language: 'la' };
const items = () => ['i1', 'i2', 'i3'].map((id) => ({ id }));

const subgraphs = [
  {
    name: 'a',
    sdl: `
      type Query { items: [Item!]! settings: Settings! @shareable me: Me! @shareable status: Status! }
      type Mutation { rename: Renamed! }
      type Renamed { ok: Boolean! query: Query! }
      type Item @key(fields: "id") {
        id: ID! price: Price @shareable prices: [Price]! @shareable box: Box! @shareable cover: Cover! @shareable
        both: Int! @shareable
      }
      type Price { amount: Int! currency: String! @shareable tax: Tax! @shareable }
      type Tax { rate: Int! }
      type Box { size: Size! @shareable sides: [Size!]! @shareable }
      type Size { width: Int! unit: String! @shareable }
      union Cover = Round | Square
      type Round { radius: Int! colour: String! @shareable }
      type Square { side: Int! }
      type Settings { theme: String! limits: Limits! @shareable }
      type Limits { posts: Int! }
      type Me { name: String! settings: Settings! @shareable }
      enum Status { OPEN CLOSED }`,
    resolvers: {
      Query: {
        items,
        settings: () => settings,
        me: () => ({ name: 'Ada', settings }),
        status: () => 'OPEN',
      },
      Mutation: { rename: () => ({ ok: true, query: {} }) },
      Item: { __resolveReference: itself, price, prices, box, cover, both: () => 1 },
    },
  },
  {
    name: 'b',
    sdl: `
      type Query { settings: Settings! @shareable me: Me! @shareable status2: Status! }
      type Item @key(fields: "id") {
        id: ID! price: Price @shareable prices: [Price]! @shareable box: Box! @shareable cover: Cover! @shareable
        both: Int! @shareable rank: Int!
      }
      type Price { currency: String! @shareable tax: Tax! @shareable }
      type Tax { region: String! }
      type Box { size: Size! @shareable sides: [Size!]! @shareable }
      type Size { height: Int! unit: String! @shareable }
      union Cover = Round | Square
      type Round { colour: String! @shareable }
      type Square { colour: String! }
      type Settings { limits: Limits! @shareable language: String! }
      type Limits { likes: Int! }
      type Me { settings: Settings! @shareable age: Int! }
      enum Status { OPEN CLOSED }`,
    resolvers: {
      Query: { settings: () => settings, me: () => ({ age: 36, settings }), status2: () => 'CLOSED' },
      Item: { __resolveReference: itself, price, prices, box, cover, both: () => 1, rank: numberOf },
    },
  },
];

const oracle = createOracle(
  `type Query {
    items: [Item!]! settings: Settings! me: Me! status: Status! status2: Status!
  }
  type Mutation { rename: Renamed! }
  type Renamed { ok: Boolean! query: Query! }
  type Item { id: ID! price: Price prices: [Price]! box: Box! cover: Cover! both: Int! rank: Int! }
  type Price { amount: Int! currency: String! tax: Tax! }
  type Tax { rate: Int! region: String! }
  type Box { size: Size! sides: [Size!]! }
  type Size { width: Int! height: Int! unit: String! }
  union Cover = Round | Square
  type Round { radius: Int! colour: String! }
  type Square { side: Int! colour: String! }
  type Settings { theme: String! limits: Limits! language: String! }
  type Limits { posts: Int! likes: Int! }
  type Me { name: String! age: Int! settings: Settings! }
  enum Status { OPEN CLOSED }`,
  {
    Query: {
      items,
      settings: () => settings,
      me: () => ({ name: 'Ada', age: 36, settings }),
      status: () => 'OPEN',
      status2: () => 'CLOSED',
    },
    Mutation: { rename: () => ({ ok: true, query: {} }) },
    Item: { price, prices, box, cover, both: () => 1, rank: numberOf },
  },
);

describe('@shareable and value types', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());
  beforeEach(() => {
    graph.requests.length = 0;
  });

  it.each([
    ['joins the parts of a value of two subgraphs', '{ items { price { tax { region rate } amount } } }'],
    ['joins values inside values', '{ items { box { size { height width unit } } } }'],
    ['joins lists of values by position', '{ items { box { sides { height unit width } } } }'],
    ['joins lists with nulls by position', '{ items { prices { amount tax { region rate } } } }'],
    [
      'joins members of a union',
      '{ items { cover { ... on Round { colour radius } ... on Square { colour side } } } }',
    ],
    ['joins a union with __typename', '{ items { cover { __typename ... on Square { side colour } } } }'],
    ['joins values of the query root', '{ settings { language theme } }'],
    ['joins values inside values of the query root', '{ settings { limits { likes posts } } }'],
    [
      'joins values two levels below the query root',
      '{ me { age name settings { limits { likes posts } theme language } } }',
    ],
    [
      'joins under aliases',
      '{ s: settings { theme: language language: theme } items { p: price { currency: amount c: currency } } }',
    ],
    ['joins one value asked under two names', '{ items { a: price { amount } b: price { tax { region } } } }'],
    [
      'joins through fragments',
      '{ items { ...A ...B } } fragment A on Item { box { size { width } } } fragment B on Item { box { size { height } } }',
    ],
    ['returns to the query root from a mutation', 'mutation { rename { ok query { settings { language theme } } } }'],
    [
      'returns to the query root and follows entities',
      'mutation { rename { query { items { rank price { amount } } } } }',
    ],
    ['answers one enum of two subgraphs', '{ status2 status }'],
  ])('%s', async (_name, query) => {
    expect(await graph.answer(query)).toBe(await oracle(query));
  });

  it('asks one subgraph for what both share', async () => {
    expect(await graph.answer('{ items { id both price { currency } } }')).toBe(
      '{"data":{"items":[{"id":"i1","both":1,"price":{"currency":"EUR"}},{"id":"i2","both":1,"price":{"currency":"EUR"}},{"id":"i3","both":1,"price":null}]}}',
    );
    expect(graph.requests.map(({ subgraph }) => subgraph)).toEqual(['a']);
  });

  it('asks one subgraph for shared fields of the query root', async () => {
    expect(await graph.answer('{ me { age } settings { language } }')).toBe(
      '{"data":{"me":{"age":36},"settings":{"language":"la"}}}',
    );
    expect(graph.requests.map(({ subgraph }) => subgraph)).toEqual(['b']);
  });
});
