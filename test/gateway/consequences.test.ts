import { type Graph, startGraph } from '../support/graph';

/**
 * What cannot be fetched because something before it failed, or was null. Real: subgraphs over HTTP, composition,
 * planner thread, engine. Observed: at which field an error is told, and that none is where null was the answer.
 */
const itself = (reference: object) => reference;
const fail = () => {
  throw new Error('resolver failed');
};

const subgraphs = [
  {
    name: 'stores',
    sdl: `
      type Query { store: Store things: [Thing] }
      type Store @key(fields: "sku") { sku: ID! }
      interface Thing { id: ID! }
      type Crate implements Thing @key(fields: "id") @key(fields: "code") { id: ID! code: ID inner: Crate }
      type Bag implements Thing @key(fields: "id") { id: ID! inner: Crate }`,
    resolvers: {
      Query: {
        store: () => ({ sku: 's1' }),
        things: () => [
          { __typename: 'Crate', id: 'c1', inner: { id: 'c2', code: 'k2' } },
          { __typename: 'Bag', id: 'b1', inner: { id: 'c3', code: null } },
        ],
      },
    },
  },
  {
    name: 'numbers',
    sdl: 'type Store @key(fields: "sku") @key(fields: "number") { sku: ID! number: Int! related: Store! }',
    resolvers: { Store: { __resolveReference: itself, number: () => 1, related: fail } },
  },
  {
    name: 'parts',
    sdl: `
      type Store @key(fields: "number") { number: Int! part: String }
      type Crate @key(fields: "code") { code: ID label: String }`,
    resolvers: {
      Store: { __resolveReference: itself, part: () => 'part' },
      Crate: { __resolveReference: itself, label: () => 'label' },
    },
  },
];

/** Both answer with the same boxes. What `numbers` is asked of one box takes the others with it, or all that it answers. */
const halves = [
  {
    name: 'numbers',
    sdl: `
      type Query { boxes: [Box!] @shareable total: [Int!]! }
      type Box @key(fields: "id") { id: ID! size: Int! depth: Int weight: Int! code: Int! }`,
    resolvers: {
      Query: {
        boxes: () => ['b1', 'b2'].map((id) => ({ id, size: 1, depth: 2, code: 3 })),
        total: () => [null],
      },
      Box: { weight: ({ id }: { id: string }) => (id === 'b2' ? fail() : 1) },
    },
  },
  {
    name: 'texts',
    sdl: 'type Query { boxes: [Box!] @shareable } type Box { name: String }',
    // Answers last: what it knows of the boxes is joined to the null of the other.
    resolvers: {
      Query: { boxes: () => new Promise((resolve) => setTimeout(resolve, 20, [{ name: 'one' }, { name: 'two' }])) },
    },
  },
  {
    name: 'weighers',
    sdl: `
      type Box @key(fields: "id") {
        id: ID! size: Int! @external weight: Int! @external
        large: Boolean @requires(fields: "size")
        heavy: Boolean @requires(fields: "weight")
      }`,
    resolvers: { Box: { __resolveReference: itself, large: () => true, heavy: () => true } },
  },
];

describe('what one subgraph answers and another has no part of because something failed there', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(halves);
  }, 30_000);
  afterAll(() => graph.close());

  const placesOf = async (query: string) => {
    const { data, errors = [] } = JSON.parse(await graph.answer(query));
    return { data, paths: errors.map(({ path }: { path: unknown[] }) => path.join('.')) };
  };

  it('is told at the item of a list where it happened, not at the first that misses something', async () => {
    expect(await placesOf('{ boxes { size weight name } }')).toEqual({
      data: { boxes: null },
      paths: ['boxes.1.weight'],
    });
  });

  it('is told where it happened, not at what could not be fetched without its key', async () => {
    expect(await placesOf('{ boxes { name large } total }')).toEqual({ data: null, paths: ['total.0'] });
  });

  it('is told where something is missing when the client did not ask for what failed', async () => {
    expect(await placesOf('{ boxes { name depth heavy } }')).toEqual({
      data: {
        boxes: [
          { name: 'one', depth: null, heavy: null },
          { name: 'two', depth: null, heavy: null },
        ],
      },
      paths: ['boxes.0.depth', 'boxes.0.heavy', 'boxes.1.depth', 'boxes.1.heavy'],
    });
  });
});

describe('what cannot be fetched', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());

  it('because a field beside it failed is told at that field, once', async () => {
    const { data, errors } = JSON.parse(await graph.answer('{ store { part number label: related { sku } } }'));
    expect(data).toEqual({ store: null });
    expect(errors.map(({ path }: { path: unknown }) => path)).toEqual([['store', 'label']]);
  });

  it('because its key is null is null, and no error', async () => {
    expect(await graph.answer('{ things { ... on Crate { inner { label } } ... on Bag { inner { label } } } }')).toBe(
      '{"data":{"things":[{"inner":{"label":"label"}},{"inner":{"label":null}}]}}',
    );
  });
});
