import { type Graph, startGraph } from '../support/graph';
import { createOracle } from '../support/oracle';

/**
 * Real: subgraphs over HTTP, composition, planner thread, engine; plain graphql-js says what is right.
 * Lists whose parts come from two subgraphs: entities inside lists of lists, and value types merged by position.
 */
interface Ref {
  readonly id: string;
}
const itself = (reference: object) => reference;
const cell = (id: string) => ({ id });
const mark = (n: number) => ({ left: `left ${n}`, right: `right ${n}`, unit: 'mm' });
const root = {
  flat: () => [cell('a'), null, cell('b'), cell('a')],
  empty: () => [],
  none: () => null,
  grid: () => [[cell('a'), cell('b')], [], [cell('c')]],
  ragged: () => [[cell('a'), null], null, [], [null]],
  cube: () => [[[cell('a')], []], [], [[cell('b'), cell('a')]]],
  numbers: () => [[1, 2], [], [3, null], null],
  mixed: () => [
    [
      { __typename: 'Cell', id: 'a' },
      { __typename: 'Wall', height: 3 },
    ],
    [null],
  ],
  many: (_: unknown, { count }: { count: number }) => Array.from({ length: count }, (_item, n) => cell(`n${n % 7}`)),
};
const cellFields = {
  name: ({ id }: Ref) => `name of ${id}`,
  neighbours: ({ id }: Ref) => (id === 'a' ? [[cell('b'), null], [cell('c')]] : [[]]),
  tags: ({ id }: Ref) => (id === 'b' ? null : [[id], [], ['x', null]]),
  marks: ({ id }: Ref) => (id === 'c' ? null : [[mark(1), null, mark(2)], [], null, [mark(3)]]),
  row: () => [mark(4), mark(5)],
};
const rootFields = `flat: [Cell] empty: [Cell!]! none: [[Cell]] grid: [[Cell!]!]! ragged: [[Cell]] cube: [[[Cell!]!]!]!
  numbers: [[Int]] mixed: [[Any]] many(count: Int!): [Cell!]!`;

const subgraphs = [
  {
    name: 'start',
    sdl: `
      type Query { ${rootFields} }
      type Cell @key(fields: "id") { id: ID! marks: [[Mark]] @shareable row: [Mark!]! @shareable }
      type Mark { left: String! unit: String! @shareable }
      type Wall { height: Int! }
      union Any = Cell | Wall`,
    resolvers: { Query: root, Cell: { __resolveReference: itself, marks: cellFields.marks, row: cellFields.row } },
  },
  {
    name: 'facts',
    sdl: `
      type Cell @key(fields: "id") {
        id: ID! name: String! neighbours: [[Cell]!]! tags: [[String]!] marks: [[Mark]] @shareable row: [Mark!]! @shareable
      }
      type Mark { right: String! unit: String! @shareable }`,
    resolvers: { Cell: { __resolveReference: itself, ...cellFields } },
  },
];

const oracle = createOracle(
  `type Query { ${rootFields} }
  type Cell { id: ID! name: String! neighbours: [[Cell]!]! tags: [[String]!] marks: [[Mark]] row: [Mark!]! }
  type Mark { left: String! right: String! unit: String! }
  type Wall { height: Int! }
  union Any = Cell | Wall`,
  { Query: root, Cell: cellFields },
);

describe('lists', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());
  beforeEach(() => {
    graph.requests.length = 0;
  });

  it.each([
    ['answers entities in a list with nulls', '{ flat { name id } }'],
    ['answers empty and null lists', '{ empty { name } none { name } }'],
    ['answers entities in a list of lists', '{ grid { name } }'],
    ['answers entities in a list of lists with nulls', '{ ragged { id name } }'],
    ['answers entities three lists deep', '{ cube { name } }'],
    ['answers lists of lists of leaves', '{ numbers flat { tags } }'],
    ['answers lists of lists below lists of lists', '{ grid { neighbours { name neighbours { id name } } } }'],
    ['answers members of a union in lists of lists', '{ mixed { ... on Cell { name } ... on Wall { height } } }'],
    ['joins values in lists of lists by position', '{ grid { marks { left right } } }'],
    ['joins values in lists of lists with nulls', '{ ragged { marks { right unit left } } }'],
    ['joins values in a list by position', '{ flat { row { right left } } }'],
    ['joins values under several names', '{ flat { a: row { left } b: row { right } row { unit } } }'],
    ['joins values in lists below entities of another subgraph', '{ flat { neighbours { marks { left right } } } }'],
    ['keeps aliases of both sides apart', '{ grid { marks { left: right right: left } name: id id: name } }'],
  ])('%s', async (_name, query) => {
    expect(await graph.answer(query)).toBe(await oracle(query));
  });

  it('asks for the equal entities of a long list once', async () => {
    const query = 'query ($count: Int!) { many(count: $count) { id name } }';
    expect(await graph.answer(query, { count: 500 })).toBe(await oracle(query, { count: 500 }));
    const representations = graph.requests[1]?.variables.representations;
    expect(representations).toEqual([0, 1, 2, 3, 4, 5, 6].map((n) => ({ __typename: 'Cell', id: `n${n}` })));
  });

  it('asks nobody about the entities of an empty list', async () => {
    expect(await graph.answer('{ empty { name } none { name } }')).toBe('{"data":{"empty":[],"none":null}}');
    expect(graph.requests.map(({ subgraph }) => subgraph)).toEqual(['start']);
  });
});
