import { type Graph, startGraph } from '../support/graph';
import { createOracle } from '../support/oracle';

/**
 * Ways to write subgraphs: federation 1, root types and directives of other names, types that differ between subgraphs.
 * Real: subgraphs over HTTP, composition, planner thread, engine; plain graphql-js says what is right.
 */
interface Ref {
  readonly id: string;
}
const itself = (reference: object) => reference;

describe('subgraphs of federation 1', () => {
  const reviews = [
    { id: 'r1', author: { id: 'u1', name: 'Ada' }, product: { sku: 'k1', place: { city: 'Rome' } } },
    { id: 'r2', author: { id: 'u2', name: 'Bob' }, product: { sku: 'k2', place: null } },
  ];
  const user = { name: ({ id }: Ref) => (id === 'u1' ? 'Ada' : 'Bob'), email: ({ id }: Ref) => `${id}@example.com` };
  const weightOf = ({ sku }: { sku: string }) => Number(sku.slice(1));
  const shipping = ({ sku, weight }: { sku: string; weight: number }) => `${sku} at ${weight}`;
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph([
      {
        name: 'users',
        sdl: `extend type Query { me: User }
          type User @key(fields: "id") { id: ID! name: String email: String }
          type Place { city: String }`,
        resolvers: { Query: { me: () => ({ id: 'u1' }) }, User: { __resolveReference: itself, ...user } },
      },
      {
        name: 'reviews',
        sdl: `extend type Query { reviews: [Review!]! }
          extend type Mutation { review: Review }
          type Review @key(fields: "id") { id: ID! author: User @provides(fields: "name") product: Product }
          extend type User @key(fields: "id") { id: ID! @external name: String @external reviews: [Review!]! }
          extend type Product @key(fields: "sku") { sku: String! @external place: Place }
          type Place { city: String }`,
        resolvers: {
          Query: { reviews: () => reviews },
          Mutation: { review: () => reviews[1] },
          User: {
            __resolveReference: itself,
            reviews: ({ id }: Ref) => reviews.filter(({ author }) => author.id === id),
          },
        },
      },
      {
        name: 'products',
        sdl: `type Product @key(fields: "sku") @key(fields: "upc { code }") { sku: String! upc: Upc! weight: Int! }
          type Upc { code: String! }`,
        resolvers: {
          Product: {
            __resolveReference: itself,
            weight: weightOf,
            upc: ({ sku }: { sku: string }) => ({ code: `${sku}!` }),
          },
        },
      },
      {
        name: 'stock',
        sdl: `extend type Product @key(fields: "sku") {
            sku: String! @external weight: Int! @external shipping: String! @requires(fields: "weight")
          }`,
        resolvers: { Product: { __resolveReference: itself, shipping } },
      },
    ]);
  }, 30_000);
  afterAll(() => graph.close());

  const oracle = createOracle(
    `type Query { me: User reviews: [Review!]! }
    type Mutation { review: Review }
    type User { id: ID! name: String email: String reviews: [Review!]! }
    type Place { city: String }
    type Review { id: ID! author: User product: Product }
    type Product { sku: String! place: Place upc: Upc! weight: Int! shipping: String! }
    type Upc { code: String! }`,
    {
      Query: { me: () => ({ id: 'u1' }), reviews: () => reviews },
      Mutation: { review: () => reviews[1] },
      User: { ...user, reviews: ({ id }: Ref) => reviews.filter(({ author }) => author.id === id) },
      Product: {
        weight: weightOf,
        upc: ({ sku }: { sku: string }) => ({ code: `${sku}!` }),
        shipping: (product: { sku: string }) => shipping({ ...product, weight: weightOf(product) }),
      },
    },
  );

  it.each([
    ['extended types', '{ me { email reviews { id } name } }'],
    ['@provides', '{ reviews { author { name } } }'],
    ['@requires of the owner', '{ reviews { product { shipping sku } } }'],
    ['several keys', '{ reviews { product { upc { code } weight shipping } } }'],
    ['value types of two subgraphs', '{ reviews { product { place { city __typename } } } }'],
    ['all of it, back and forth', '{ me { reviews { author { email reviews { product { shipping } } } } } }'],
    ['mutations', 'mutation { review { author { email } product { shipping } } }'],
  ])('are served: %s', async (_name, query) => {
    expect(await graph.answer(query)).toBe(await oracle(query));
  });
});

describe('subgraphs with other names for roots and directives', () => {
  let count = 0;
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph([
      {
        name: 'one',
        sdl: `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: [{ name: "@key", as: "@primary" }])
          schema { query: Root mutation: Change }
          type Root { thing: Thing! root: Root }
          type Change { add: Thing! }
          type Thing @primary(fields: "id") { id: ID! name: String! @federation__shareable }`,
        resolvers: {
          Root: { thing: () => ({ id: 't1', name: 'Thing' }), root: () => ({}) },
          Change: { add: () => ({ id: `t${++count}`, name: 'New' }) },
        },
      },
      {
        name: 'two',
        sdl: `extend schema @link(url: "https://specs.apollo.dev/federation/v2.0", as: "fed")
          schema { query: Ask mutation: Do }
          type Ask { other: Thing! }
          type Do { remove: Thing! }
          type Thing @fed__key(fields: "id") { id: ID! size: Int! }`,
        resolvers: {
          Ask: { other: () => ({ id: 't22' }) },
          Do: { remove: () => ({ id: `t${count--}` }) },
          Thing: { __resolveReference: itself, size: ({ id }: Ref) => id.length },
        },
      },
    ]);
  }, 30_000);
  afterAll(() => graph.close());

  it.each([
    [
      'queries',
      '{ thing { size name } other { size } __typename }',
      '{"thing":{"size":2,"name":"Thing"},"other":{"size":3},"__typename":"Query"}',
    ],
    [
      'the root below the root',
      '{ root { __typename root { thing { id } other { id } } } }',
      '{"root":{"__typename":"Query","root":{"thing":{"id":"t1"},"other":{"id":"t22"}}}}',
    ],
    [
      'fragments on the root',
      '{ ...F ... on Query { a: thing { size } } } fragment F on Query { thing { id } }',
      '{"thing":{"id":"t1"},"a":{"size":2}}',
    ],
    [
      'mutations',
      'mutation { add { size } remove { id } again: add { id } __typename ... on Mutation { last: remove { size } } }',
      '{"add":{"size":2},"remove":{"id":"t1"},"again":{"id":"t1"},"__typename":"Mutation","last":{"size":2}}',
    ],
  ])('are served: %s', async (_name, query, data) => {
    expect(await graph.answer(query)).toBe(`{"data":${data}}`);
  });
});

describe('types that differ between subgraphs', () => {
  let graph: Graph;
  const echo = (_: unknown, args: object) => JSON.stringify(args);
  beforeAll(async () => {
    graph = await startGraph([
      {
        name: 'wide',
        sdl: `directive @loud(times: Int = 1) on FIELD
          type Query { items: [Item!]! state: State wide(in: In, a: Int = 7, only: Int): String }
          interface Shape { id: ID! }
          type Item implements Shape @key(fields: "id") { id: ID! note(a: Int = 2): String @shareable count: Int! @shareable }
          enum State { ON OFF BROKEN }
          input In { a: Int = 1 b: [String!] only: Int nested: In }`,
        resolvers: {
          Query: { items: () => [{ id: 'x' }], state: () => 'BROKEN', wide: echo },
          Item: { __resolveReference: itself, note: echo, count: () => 1 },
        },
      },
      {
        name: 'narrow',
        sdl: `directive @loud(times: Int = 1) on FIELD
          type Query { narrow(in: In): String shape: Shape loud: [Loud!]! }
          interface Shape { id: ID! count: Int }
          type Item implements Shape @key(fields: "id") { id: ID! note(a: Int = 2): String @shareable count: Int! @shareable far: String }
          type Loud { text: String }
          enum State { ON OFF }
          input In { a: Int = 1 b: [String!] nested: In }`,
        resolvers: {
          Query: { narrow: echo, shape: () => ({ __typename: 'Item', id: 'y' }), loud: () => [{ text: 'hi' }] },
          Item: { __resolveReference: itself, note: echo, count: () => 2, far: ({ id }: Ref) => `far ${id}` },
        },
      },
    ]);
  }, 30_000);
  afterAll(() => graph.close());
  beforeEach(() => {
    graph.requests.length = 0;
  });

  it('lets out every enum value that one subgraph knows', async () => {
    expect(await graph.answer('{ state }')).toBe('{"data":{"state":"BROKEN"}}');
  });

  it('takes input fields that all subgraphs know, with their defaults', async () => {
    expect(await graph.answer('{ wide(in: { b: ["x"], nested: {} }) narrow(in: { a: null }) }')).toBe(
      String.raw`{"data":{"wide":"{\"in\":{\"a\":1,\"b\":[\"x\"],\"nested\":{\"a\":1}},\"a\":7}","narrow":"{\"in\":{\"a\":null}}"}}`,
    );
    const { errors } = await graph.query('{ wide(in: { only: 1 }) }');
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['GRAPHQL_VALIDATION_FAILED']);
  });

  it('takes variables, absent ones and nulls for arguments with defaults', async () => {
    const query = 'query ($a: Int, $in: In) { wide(a: $a, in: $in) items { far note(a: $a) } }';
    expect(await graph.answer(query)).toBe(
      String.raw`{"data":{"wide":"{\"a\":7}","items":[{"far":"far x","note":"{\"a\":2}"}]}}`,
    );
    expect(await graph.answer(query, { a: null, in: { b: 'one' } })).toBe(
      String.raw`{"data":{"wide":"{\"in\":{\"a\":1,\"b\":[\"one\"]},\"a\":null}","items":[{"far":"far x","note":"{\"a\":null}"}]}}`,
    );
  });

  it('answers an interface whose fields differ', async () => {
    expect(await graph.answer('{ shape { id ... on Item { count far note } } }')).toBe(
      String.raw`{"data":{"shape":{"id":"y","count":2,"far":"far y","note":"{\"a\":2}"}}}`,
    );
  });

  it('hands a directive of the client on', async () => {
    const query = 'query ($n: Int = 2) { loud { text @loud(times: $n) plain: text } }';
    expect(await graph.answer(query, { n: 3 })).toBe('{"data":{"loud":[{"text":"hi","plain":"hi"}]}}');
    expect(graph.requests[0]?.query).toContain('@loud(times:$n)');
    expect(graph.requests[0]?.variables).toEqual({ n: 3 });
  });
});
