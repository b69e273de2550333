import { type Graph, startGraph } from '../support/graph';

/**
 * Real: subgraphs over HTTP, composition, planner thread, engine. Observed: answers, and which subgraphs were asked.
 * `reviews` knows a few fields of others, on some paths only: elsewhere it answers them with a poison.
 */
const itself = (reference: object) => reference;
const provided = { id: 'u1', name: 'Ada', address: { city: 'Rome' }, tags: ['a', 'b'] };
const bare = { id: 'u2', name: 'poison', address: { city: 'poison' }, tags: ['poison'] };

const subgraphs = [
  {
    name: 'users',
    sdl: `
      type User @key(fields: "id") { id: ID! name: String! @shareable email: String! address: Address @shareable tags: [String!]! @shareable }
      type Address { city: String! @shareable street: String! }
      type Robot @key(fields: "id") { id: ID! serial: Int! @shareable }`,
    resolvers: {
      User: {
        __resolveReference: itself,
        name: ({ id }: { id: string }) => (id === 'u1' ? 'Ada' : 'Bob'),
        email: ({ id }: { id: string }) => `${id}@example.com`,
        address: ({ id }: { id: string }) => ({ city: id === 'u1' ? 'Rome' : 'Oslo', street: 'Main' }),
        tags: ({ id }: { id: string }) => (id === 'u1' ? ['a', 'b'] : []),
      },
      Robot: { __resolveReference: itself, serial: () => 7 },
    },
  },
  {
    name: 'reviews',
    sdl: `
      type Query {
        review: Review!
        stars: [User!]! @provides(fields: "name tags")
        latest: [Writer!]! @provides(fields: "... on User { name } ... on Robot { serial }")
        anyone: Writer!
      }
      type Review {
        author: User! @provides(fields: "name address { city }")
        moderator: User!
        readers: [[User]] @provides(fields: "name")
      }
      union Writer = User | Robot
      type User @key(fields: "id") { id: ID! name: String! @external address: Address @external tags: [String!]! @external }
      type Address { city: String! @external }
      type Robot @key(fields: "id") { id: ID! serial: Int! @external }`,
    resolvers: {
      Query: {
        review: () => ({ author: provided, moderator: bare, readers: [[provided, null], [], null] }),
        stars: () => [provided],
        latest: () => [
          { __typename: 'User', ...provided },
          { __typename: 'Robot', id: 'r1', serial: 7 },
        ],
        anyone: () => ({ __typename: 'User', ...bare }),
      },
    },
  },
];

describe('@provides', () => {
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
      'takes provided fields from the subgraph that provides them',
      '{ review { author { name } } }',
      '{"review":{"author":{"name":"Ada"}}}',
      ['reviews'],
    ],
    [
      'takes them under aliases',
      '{ review { who: author { id: name name: id } } }',
      '{"review":{"who":{"id":"Ada","name":"u1"}}}',
      ['reviews'],
    ],
    [
      'asks the owner on a path that provides nothing',
      '{ review { moderator { name } } }',
      '{"review":{"moderator":{"name":"Bob"}}}',
      ['reviews', 'users'],
    ],
    [
      'tells both paths apart in one operation',
      '{ review { moderator { name } author { name } } }',
      '{"review":{"moderator":{"name":"Bob"},"author":{"name":"Ada"}}}',
      ['reviews', 'users'],
    ],
    [
      'asks the owner only for what is not provided',
      '{ stars { name email tags } }',
      '{"stars":[{"name":"Ada","email":"u1@example.com","tags":["a","b"]}]}',
      ['reviews', 'users'],
    ],
    [
      'takes a provided part of a value object',
      '{ review { author { address { city } } } }',
      '{"review":{"author":{"address":{"city":"Rome"}}}}',
      ['reviews'],
    ],
    [
      'merges provided and owned parts of a value object',
      '{ review { author { address { street city } } } }',
      '{"review":{"author":{"address":{"street":"Main","city":"Rome"}}}}',
      ['reviews', 'users'],
    ],
    [
      'provides through lists of lists with nulls',
      '{ review { readers { name } } }',
      '{"review":{"readers":[[{"name":"Ada"},null],[],null]}}',
      ['reviews'],
    ],
    [
      'provides by the type of a union member',
      '{ latest { __typename ... on User { name } ... on Robot { serial } } }',
      '{"latest":[{"__typename":"User","name":"Ada"},{"__typename":"Robot","serial":7}]}',
      ['reviews'],
    ],
    [
      'provides nothing at another field of the same union',
      '{ anyone { ... on User { name } } }',
      '{"anyone":{"name":"Bob"}}',
      ['reviews', 'users'],
    ],
  ])('%s', async (_name, query, data, asked) => {
    expect(await graph.answer(query)).toBe(`{"data":${data}}`);
    expect(graph.requests.map((request) => request.subgraph)).toEqual(asked);
  });

  it('asks the owner about the right entities when one path is provided and one is not', async () => {
    await graph.query('{ review { moderator { email } author { name } } }');
    expect(graph.requests[1]?.variables).toEqual({ representations: [{ __typename: 'User', id: 'u2' }] });
  });
});
