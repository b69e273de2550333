import { type Graph, startGraph } from '../support/graph';
import { createOracle } from '../support/oracle';

/** Real: subgraphs over HTTP, composition, planner thread, engine; plain graphql-js says what is right. */
interface Ref {
  readonly id: string;
}
const itself = (reference: object) => reference;
const root = { user: () => ({ id: 'u1' }), users: () => [{ id: 'u1' }, { id: 'u2' }], version: () => 1 };
const users = {
  name: ({ id }: Ref, { upper }: { upper?: boolean }) => (upper ? `NAME ${id}` : `name ${id}`),
  friend: () => ({ id: 'u2' }),
};
const facts = { age: ({ id }: Ref) => id.length, city: ({ id }: Ref) => ({ zip: `zip ${id}`, town: `town ${id}` }) };
const city = 'type City { zip: String! town: String! }';

const subgraphs = [
  {
    name: 'users',
    sdl: `
      type Query { user: User! users: [User!]! version: Int! }
      type User @key(fields: "id") { id: ID! name(upper: Boolean): String! friend: User! }`,
    resolvers: { Query: root, User: { __resolveReference: itself, ...users } },
  },
  {
    name: 'facts',
    sdl: `type User @key(fields: "id") { id: ID! age: Int! city: City! } ${city}`,
    resolvers: { User: { __resolveReference: itself, ...facts } },
  },
];
const oracle = createOracle(
  `type Query { user: User! users: [User!]! version: Int! }
  type User { id: ID! name(upper: Boolean): String! friend: User! age: Int! city: City! } ${city}`,
  { Query: root, User: { ...users, ...facts } },
);

describe('@skip and @include', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());
  beforeEach(() => {
    graph.requests.length = 0;
  });

  it.each([
    [
      'decides literals',
      '{ user { name @skip(if: true) age @include(if: true) id @skip(if: false) city @include(if: false) { zip } } }',
    ],
    ['answers an object whose every field is skipped', '{ user { name @skip(if: true) age @include(if: false) } }'],
    ['answers a list of such objects', '{ users { age @skip(if: true) } }'],
    [
      'answers an entity whose every field of another subgraph is skipped',
      '{ user { id city @skip(if: true) { zip } } }',
    ],
    [
      'answers a value object whose every field is skipped',
      '{ user { city { zip @skip(if: true) town @include(if: false) } } }',
    ],
    ['leaves out the whole query', '{ user @skip(if: true) { name } version @include(if: false) }'],
    ['keeps a field that is there with and without', '{ user { age @skip(if: true) age } }'],
    ['keeps it at its first place that counts', '{ user { age @skip(if: true) name age } }'],
    ['keeps it whichever comes first', '{ user { age name age @skip(if: true) } }'],
    [
      'merges the selections of what is kept',
      '{ user { city { zip } city @skip(if: true) { town } friend @include(if: true) { name } friend { age } } }',
    ],
    ['skips a fragment and keeps the same field outside', '{ user { ... @skip(if: true) { age name } name } }'],
    [
      'decides a spread and keeps another of the same fragment',
      '{ user { ...F @skip(if: true) id ...F } } fragment F on User { age }',
    ],
    ['decides __typename', '{ user { __typename @skip(if: true) t: __typename @include(if: true) } __typename }'],
    [
      'needs both of both',
      '{ user { age @skip(if: false) @include(if: false) name @include(if: true) @skip(if: false) } }',
    ],
    [
      'decides aliases of one field apart',
      '{ user { a: name @skip(if: true) b: name c: name(upper: true) @include(if: false) } }',
    ],
  ])('%s', async (_name, query) => {
    expect(await graph.answer(query)).toBe(await oracle(query));
  });

  it.each([
    ['a field', 'query ($a: Boolean!, $b: Boolean!) { user { name @skip(if: $a) age @include(if: $b) id } }'],
    [
      'the only fields of an entity',
      'query ($a: Boolean!, $b: Boolean!) { user { age @skip(if: $a) city @include(if: $b) { zip } } }',
    ],
    [
      'a field both ways',
      'query ($a: Boolean!, $b: Boolean!) { user { x: age @skip(if: $a) @include(if: $b) age @skip(if: $b) } }',
    ],
    [
      'an entity',
      'query ($a: Boolean!, $b: Boolean!) { user { friend @skip(if: $a) { age } friend @include(if: $b) { name } } }',
    ],
    [
      'fragments',
      'query ($a: Boolean!, $b: Boolean!) { user { ...F @skip(if: $a) ... @include(if: $b) { ...F name } } } fragment F on User { age friend { id @skip(if: $b) name @include(if: $a) } }',
    ],
    [
      'root fields',
      'query ($a: Boolean!, $b: Boolean!) { user @skip(if: $a) { age } version @include(if: $b) users @include(if: $a) { name } }',
    ],
    [
      'nested conditions',
      'query ($a: Boolean!, $b: Boolean!) { user @include(if: $a) { friend @include(if: $b) { age @include(if: $a) city @skip(if: $a) { zip } } } version }',
    ],
    [
      'a variable that is an argument too',
      'query ($a: Boolean!, $b: Boolean!) { user { name(upper: $a) @skip(if: $b) n: name(upper: $b) @include(if: $a) } version }',
    ],
  ])('decides variables of %s', async (_name, query) => {
    for (const a of [true, false]) {
      for (const b of [true, false]) {
        expect(await graph.answer(query, { a, b })).toBe(await oracle(query, { a, b }));
      }
    }
  });

  it('decides by defaults', async () => {
    const query =
      'query ($on: Boolean = true, $off: Boolean! = false) { user { age @include(if: $on) name @include(if: $off) id } }';
    expect(await graph.answer(query)).toBe('{"data":{"user":{"age":2,"id":"u1"}}}');
    expect(await graph.answer(query, { on: false, off: true })).toBe('{"data":{"user":{"name":"name u1","id":"u1"}}}');
  });

  // A nullable variable with a default may stand for `Boolean!` (5.8.5), but its null may not.
  it.each(['Boolean! = true', 'Boolean = true'])('refuses null for a condition of type %s', async (type) => {
    const { errors, data } = await graph.query(`query ($on: ${type}) { user { age @include(if: $on) } }`, { on: null });
    expect(data).toBeUndefined();
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
  });

  it('asks no subgraph whose fields are all skipped', async () => {
    const query = 'query ($a: Boolean!) { user { name age @skip(if: $a) } }';
    await graph.query(query, { a: true });
    expect(graph.requests.map(({ subgraph }) => subgraph)).toEqual(['users']);
    graph.requests.length = 0;
    await graph.query('{ __typename user @skip(if: true) { name } }');
    expect(graph.requests).toEqual([]);
  });
});
