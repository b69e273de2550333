import { type Graph, startGraph } from '../support/graph';

/** Real: subgraphs over HTTP, composition, planner thread, engine. Observed: answers, and what subgraphs were asked. */
describe('entities of two subgraphs', () => {
  let graph: Graph;
  const posts = [
    { id: 'p1', title: 'One', author: { id: 'ada' } },
    { id: 'p2', title: 'Two', author: { id: 'ada' } },
    { id: 'p3', title: 'Three', author: { id: 'bob' } },
  ];

  beforeAll(async () => {
    graph = await startGraph([
      {
        name: 'users',
        sdl: 'type Query { me: User } type User @key(fields: "id") { id: ID! name: String! }',
        resolvers: {
          Query: { me: () => ({ id: 'ada', name: 'Ada' }) },
          User: {
            __resolveReference: async ({ id }: { id: string }) => {
              if (id === 'bob') throw new Error('Bob is hidden');
              return { id, name: 'Ada' };
            },
          },
        },
      },
      {
        name: 'posts',
        sdl: `type Query { posts(first: Int): [Post]! }
          type Post @key(fields: "id") { id: ID! title(upper: Boolean): String! author: User }
          type User @key(fields: "id") { id: ID! posts: [Post!]! }`,
        resolvers: {
          Query: { posts: (_: unknown, { first = 3 }: { first?: number }) => posts.slice(0, first) },
          Post: {
            title: (post: { title: string }, { upper }: { upper?: boolean }) =>
              upper ? post.title.toUpperCase() : post.title,
          },
          User: { posts: ({ id }: { id: string }) => posts.filter((post) => post.author.id === id) },
        },
      },
    ]);
  });
  afterAll(() => graph.close());
  beforeEach(() => {
    graph.requests.length = 0;
  });

  it('answers in the order and names of the client', async () => {
    const result = await graph.query(
      'query Q($u: Boolean) { me { n: name posts { loud: title(upper: $u) title } id } }',
      { u: true },
    );
    expect(JSON.stringify(result)).toBe(
      '{"data":{"me":{"n":"Ada","posts":[{"loud":"ONE","title":"One"},{"loud":"TWO","title":"Two"}],"id":"ada"}}}',
    );
  });

  it('asks for equal entities once', async () => {
    await graph.query('{ posts(first: 2) { author { name } } }');
    const [, entities] = graph.requests;
    expect(entities?.variables).toEqual({ representations: [{ __typename: 'User', id: 'ada' }] });
  });

  it('never sends an aliased value as a key', async () => {
    const result = await graph.query('{ posts(first: 1) { author { id: name } } }');
    expect(graph.requests[1]?.variables).toEqual({ representations: [{ __typename: 'User', id: 'ada' }] });
    expect(result).toEqual({ data: { posts: [{ author: { id: 'Ada' } }] } });
  });

  it('reports the failure of one entity at the client path, once, with code and subgraph', async () => {
    const result = await graph.query('{ p: posts { t: title a: author { n: name } } }');
    expect(result.data).toEqual({
      p: [
        { t: 'One', a: { n: 'Ada' } },
        { t: 'Two', a: { n: 'Ada' } },
        { t: 'Three', a: null },
      ],
    });
    expect(result.errors?.map((error) => error.toJSON())).toEqual([
      {
        message: 'Bob is hidden',
        path: ['p', 2, 'a', 'n'],
        extensions: { code: 'DOWNSTREAM_SERVICE_ERROR', serviceName: 'users' },
      },
    ]);
  });
});
