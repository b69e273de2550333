import { buildSubgraphSchema } from '@apollo/subgraph';
import { type ExecutionResult, execute, parse } from 'graphql';
import { type Graph, startGraph } from '../support/graph';

/**
 * Null propagation (specification 6.4.4). Real: subgraphs over HTTP, composition, planner thread, engine; plain
 * graphql-js says which data is left. Values that the undivided schema lacks are null in the subgraph that has them.
 */
interface Ref {
  readonly id: string;
}
const itself = (reference: object) => reference;
/** What fails: ids that end in `n` have null in their non-null fields, those that end in `e` throw. */
const value = ({ id }: Ref) => {
  if (id.endsWith('e')) throw new Error(`${id} failed`);
  return id.endsWith('n') ? null : `value of ${id}`;
};
const refs = (...ids: (string | null)[]) => ids.map((id) => id && { id });
const root = {
  item: (_: unknown, { id }: Ref) => ({ id }),
  must: (_: unknown, { id }: Ref) => ({ id }),
  nullable: () => refs('a', 'bn', 'c', 'de'),
  items: () => refs('a', 'bn', 'c'),
  strict: () => refs('a', 'be'),
  grid: () => [refs('a', 'bn'), [], refs('c')],
  strictGrid: () => [refs('a'), refs('bn', 'c')],
  any: () => [
    { __typename: 'Item', id: 'an' },
    { __typename: 'Leaf', name: null },
    { __typename: 'Leaf', name: 'x' },
  ],
  hole: () => null,
  holes: () => [{ id: 'a' }, null],
};
const links = {
  next: ({ id }: Ref) => ({ id: `${id}n` }),
  sure: ({ id }: Ref) => ({ id: `${id}n` }),
  box: (ref: Ref) => ref,
};
const rootFields = `item(id: ID!): Item must(id: ID!): Item! nullable: [Item] items: [Item]! strict: [Item!] grid: [[Item!]]!
  strictGrid: [[Item!]!] any: [Any] hole: Item! holes: [Item!]!`;
const sdl = {
  start: `
    type Query { ${rootFields} }
    type Item @key(fields: "id") { id: ID! next: Item sure: Item! }
    type Leaf { name: String! }
    union Any = Item | Leaf`,
  facts: `
    type Item @key(fields: "id") { id: ID! value: String! loose: String box: Box! }
    type Box { value: String! loose: String }`,
};
const subgraphs = [
  {
    name: 'start',
    sdl: sdl.start,
    resolvers: { Query: root, Item: { __resolveReference: itself, next: links.next, sure: links.sure } },
  },
  {
    name: 'facts',
    sdl: sdl.facts,
    resolvers: {
      Item: { __resolveReference: itself, value, loose: value, box: links.box },
      Box: { value, loose: value },
    },
  },
];
const whole = buildSubgraphSchema({
  typeDefs: parse(`
    type Query { ${rootFields} }
    type Item { id: ID! next: Item sure: Item! value: String! loose: String box: Box! }
    type Box { value: String! loose: String }
    type Leaf { name: String! }
    union Any = Item | Leaf`),
  resolvers: { Query: root, Item: { ...links, value, loose: value }, Box: { value, loose: value } } as never,
});
const oracle = (query: string) => execute({ schema: whole, document: parse(query) }) as Promise<ExecutionResult>;
const paths = ({ errors = [] }: ExecutionResult) => errors.map(({ path }) => JSON.stringify(path)).sort();

describe('null propagation', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());

  it.each([
    ['leaves a null where it is allowed', '{ item(id: "n") { id loose } }'],
    ['reports an error where null is allowed', '{ item(id: "e") { id loose } }'],
    ['empties the nearest nullable field', '{ item(id: "n") { id value } }'],
    ['empties it for an error', '{ i: item(id: "e") { id v: value } }'],
    ['empties all data', '{ must(id: "n") { id value } item(id: "a") { value } }'],
    ['empties all data for an error', '{ item(id: "a") { value } must(id: "e") { value } }'],
    ['empties items of a list', '{ nullable { id value } }'],
    ['empties items of a non-null list', '{ items { id value } }'],
    ['empties a list of non-null items', '{ strict { id value } }'],
    ['empties the inner list', '{ grid { id value } }'],
    ['empties both lists', '{ strictGrid { id value } }'],
    ['empties a member of a union', '{ any { ... on Leaf { name } ... on Item { value } } }'],
    ['empties through a plain object', '{ item(id: "n") { id box { loose value } } }'],
    ['empties through entities', '{ item(id: "x") { id next { id sure { value } } } }'],
    ['empties through non-null entities', '{ item(id: "x") { id sure { id value } } }'],
    ['reports a null of a non-null root field', '{ hole { id } }'],
    ['reports a null item of a non-null list', '{ holes { id } }'],
    [
      'reports each of two nulls that bubble to different places',
      '{ a: item(id: "n") { value } b: item(id: "e") { value } c: item(id: "c") { value } }',
    ],
    [
      'names the client path through aliases, lists and entities',
      '{ g: grid { n: next { i: id s: sure { b: box { l: loose v: value } } } } }',
    ],
    [
      'names each place of an entity that failed',
      '{ a: nullable { v: value } b: nullable { w: value } c: nullable { id } }',
    ],
    [
      'names paths through members of a union',
      '{ x: any { ... on Item { y: next { z: value } w: box { v: value } } } }',
    ],
    ['answers what else was asked of an emptied list', '{ strict { value } items { id } }'],
  ])('%s', async (_name, query) => {
    const [answered, right] = [await graph.query(query), await oracle(query)];
    expect(JSON.stringify(answered.data)).toBe(JSON.stringify(right.data));
    expect(paths(answered)).toEqual(paths(right));
  });

  it('reports one error for the null that empties, not for its brothers', async () => {
    expect(await graph.answer('{ item(id: "e") { box { value second: value } value } }')).toBe(
      '{"errors":[{"message":"e failed","path":["item","box","value"],' +
        '"extensions":{"code":"DOWNSTREAM_SERVICE_ERROR","serviceName":"facts"}}],"data":{"item":null}}',
    );
  });

  it('empties one name of a field and not another that asked nothing wrong', async () => {
    const query = '{ a: nullable { value } b: nullable { box { loose } } }';
    expect(JSON.stringify((await graph.query(query)).data)).toBe(JSON.stringify((await oracle(query)).data));
  });

  it('words a null without a cause as the specification does', async () => {
    expect(await graph.answer('{ h: hole { id } }')).toBe(
      '{"errors":[{"message":"Cannot return null for non-nullable field Query.hole.","path":["h"],' +
        '"extensions":{"code":"DOWNSTREAM_SERVICE_ERROR","serviceName":"start"}}],"data":null}',
    );
  });
});
