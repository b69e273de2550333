import { type Graph, startGraph } from '../support/graph';

/**
 * What the planner does wrong and this gateway mends, as the fuzzer found it. Real: subgraphs over HTTP, composition,
 * planner thread, engine.
 */
const itself = (reference: object) => reference;
const store = (id: string) => ({ __typename: 'Store', id });

/**
 * `Account.label` and `Ticket.label` differ in type: where both are asked, the planner gives one of them an alias.
 * `Shop.label` is another subgraph's, so that each type is asked on its own.
 */
const labels = [
  {
    name: 'one',
    sdl: `
      type Query { named: [Named] }
      interface Named { id: ID! label: Label }
      type Account implements Named @key(fields: "id") {
        id: ID! label: Label! @provides(fields: "... on Store { far }")
      }
      type Ticket implements Named @key(fields: "id") { id: ID! label: Label }
      type Shop implements Named @key(fields: "id") { id: ID! label: Label @external }
      union Label = Ticket | Meta | Span | Store
      interface Located { name: Int }
      type Meta implements Located { name: Int! }
      type Span implements Located { name: Int }
      type Store @key(fields: "id") { id: ID! far: String @external }`,
    resolvers: {
      Query: {
        named: () => [
          { __typename: 'Account', id: 'a1', label: { ...store('s1'), far: 'far of s1' } },
          { __typename: 'Ticket', id: 't1', label: store('s2') },
          {
            __typename: 'Ticket',
            id: 't2',
            label: { __typename: 'Ticket', id: 't3', label: { __typename: 'Span', name: null } },
          },
          {
            __typename: 'Account',
            id: 'a2',
            label: { __typename: 'Ticket', id: 't4', label: { __typename: 'Meta', name: 4 } },
          },
          { __typename: 'Shop', id: 'h1' },
        ],
      },
    },
  },
  {
    name: 'two',
    sdl: `
      type Shop @key(fields: "id") { id: ID! label: Label }
      type Store @key(fields: "id") { id: ID! far: String @shareable }
      union Label = Store | Ticket
      type Ticket @key(fields: "id") { id: ID! }`,
    resolvers: {
      Shop: { __resolveReference: itself, label: () => store('s5') },
      Store: { __resolveReference: itself, far: ({ id }: { id: string }) => `far of ${id}` },
    },
  },
];

describe('fields of two types that conflict', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(labels);
  }, 30_000);
  afterAll(() => graph.close());

  it('are answered with what is fetched below the one that is renamed', async () => {
    expect(await graph.answer('{ named { label { ... on Store { far } } } }')).toBe(
      '{"data":{"named":[{"label":{"far":"far of s1"}},{"label":{"far":"far of s2"}},{"label":{}},{"label":{}},{"label":{"far":"far of s5"}}]}}',
    );
  });

  it('are answered when others conflict below them', async () => {
    expect(await graph.answer('{ named { label { ... on Ticket { label { ... on Located { name } } } } } }')).toBe(
      '{"data":{"named":[{"label":{}},{"label":{}},{"label":{"label":{"name":null}}},{"label":{"label":{"name":4}}},{"label":{}}]}}',
    );
  });
});
