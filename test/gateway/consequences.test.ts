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
