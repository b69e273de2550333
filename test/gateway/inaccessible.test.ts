import { type Graph, startGraph } from '../support/graph';

/** Real: subgraphs over HTTP, composition, planner thread, engine. Observed: answers, and what subgraphs were asked. */
const itself = (reference: object) => reference;
const subgraphs = [
  {
    name: 'accounts',
    sdl: `
      type Query {
        user: User! secret: String @inaccessible
        level(of: Level = LOW, audit: Boolean @inaccessible): Level levels: [Level!]! maybe: [Level]
        thing: Thing things: [Thing]! strict: [Thing!] node: Node nodes: [Node] find(by: Filter): String
      }
      type User implements Node @key(fields: "number") {
        id: ID! number: Int! @inaccessible name: String! password: String! @inaccessible
      }
      type Ghost implements Node @inaccessible { id: ID! @shareable }
      type Coin { value: Int! }
      interface Node { id: ID! }
      union Thing = Coin | Ghost
      enum Level { LOW HIGH SECRET @inaccessible }
      input Filter { name: String debug: Boolean @inaccessible }`,
    resolvers: {
      Query: {
        user: () => ({ id: 'u1', number: 7, name: 'Ada', password: 'hunter2' }),
        level: () => 'SECRET',
        levels: () => ['LOW', 'SECRET', 'HIGH'],
        maybe: () => ['LOW', 'SECRET', null],
        thing: () => ({ __typename: 'Ghost', id: 'g1' }),
        things: () => [
          { __typename: 'Coin', value: 1 },
          { __typename: 'Ghost', id: 'g1' },
        ],
        strict: () => [
          { __typename: 'Coin', value: 1 },
          { __typename: 'Ghost', id: 'g1' },
        ],
        node: () => ({ __typename: 'Ghost', id: 'g1' }),
        nodes: () => [
          { __typename: 'User', id: 'u2', name: 'Bob', number: 8 },
          { __typename: 'Ghost', id: 'g1' },
        ],
        find: (_: unknown, { by }: { by: object }) => JSON.stringify(by),
      },
    },
  },
  {
    name: 'badges',
    sdl: `type User @key(fields: "number") {
      number: Int! @inaccessible
      password: String! @external
      strength: Int! @requires(fields: "password")
      haunts: Ghost @inaccessible @requires(fields: "password")
      hauntedBy: String @requires(fields: "password")
      badges: [String!]!
    }
    type Ghost @inaccessible { id: ID! @shareable }`,
    resolvers: {
      User: {
        __resolveReference: itself,
        badges: ({ number }: { number: number }) => [`badge ${number}`],
        strength: ({ password }: { password: string }) => password.length,
        hauntedBy: ({ password }: { password: string }) => `who knows ${password.length} letters`,
      },
    },
  },
];

const wrongEnum = (field: string, path: string) =>
  `{"message":"Enum \\"Level\\" cannot represent the value of field ${field}.","path":${path},"extensions":{"code":"INVALID_SUBGRAPH_DATA","serviceName":"accounts"}}`;
const wrongType = (type: string, path: string) =>
  `{"message":"A value of type \\"${type}\\" is of a type that cannot stand here.","path":${path},"extensions":{"code":"INVALID_SUBGRAPH_DATA","serviceName":"accounts"}}`;

describe('@inaccessible', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());

  it('serves a supergraph in which a field of a hidden type has requirements', async () => {
    expect(await graph.answer('{ user { hauntedBy } }')).toBe('{"data":{"user":{"hauntedBy":"who knows 7 letters"}}}');
  });

  it('uses a key that clients cannot see', async () => {
    expect(await graph.answer('{ user { badges name } }')).toBe(
      '{"data":{"user":{"badges":["badge 7"],"name":"Ada"}}}',
    );
  });

  it('uses a requirement that clients cannot see', async () => {
    expect(await graph.answer('{ user { strength } }')).toBe('{"data":{"user":{"strength":7}}}');
  });

  it('lets no alias stand for a hidden key', async () => {
    expect(await graph.answer('{ user { number: name password: id badges strength } }')).toBe(
      '{"data":{"user":{"number":"Ada","password":"u1","badges":["badge 7"],"strength":7}}}',
    );
  });

  it.each([
    ['a root field', '{ secret }', 'Cannot query field "secret" on type "Query".'],
    ['a field', '{ user { password } }', 'Cannot query field "password" on type "User".'],
    ['a key', '{ user { number } }', 'Cannot query field "number" on type "User". Did you mean "name"?'],
    ['a type', '{ nodes { ... on Ghost { id } } }', 'Unknown type "Ghost".'],
    ['an argument', '{ level(audit: true) }', 'Unknown argument "audit" on field "Query.level".'],
    ['an enum value', '{ level(of: SECRET) }', 'Value "SECRET" does not exist in "Level" enum.'],
    ['an input field', '{ find(by: { debug: true }) }', 'Field "debug" is not defined by type "Filter".'],
  ])('refuses %s as if it did not exist', async (_name, query, message) => {
    const { errors } = await graph.query(query);
    expect(errors?.map((error) => [error.message, error.extensions.code])).toEqual([
      [message, 'GRAPHQL_VALIDATION_FAILED'],
    ]);
  });

  it.each([
    ['an enum value', 'query ($v: Level) { level(of: $v) }', { v: 'SECRET' }],
    ['an input field', 'query ($v: Filter) { find(by: $v) }', { v: { debug: true } }],
  ])('refuses %s in variables', async (_name, query, variables) => {
    const { errors } = await graph.query(query, variables);
    expect(errors?.map((error) => error.extensions.code)).toEqual(['BAD_USER_INPUT']);
  });

  it('lets no hidden enum value out, and does not name it', async () => {
    expect(await graph.answer('{ l: level }')).toBe(
      `{"errors":[${wrongEnum('Query.level', '["l"]')}],"data":{"l":null}}`,
    );
    expect(await graph.answer('{ maybe }')).toBe(
      `{"errors":[${wrongEnum('Query.maybe', '["maybe",1]')}],"data":{"maybe":["LOW",null,null]}}`,
    );
    expect(await graph.answer('{ levels }')).toBe(
      `{"errors":[${wrongEnum('Query.levels', '["levels",1]')}],"data":null}`,
    );
  });

  it('lets no object of a hidden type out, and does not name it', async () => {
    expect(await graph.answer('{ thing { __typename } node { id } }')).toBe(
      `{"errors":[${wrongType('Thing', '["thing"]')},${wrongType('Node', '["node"]')}],"data":{"thing":null,"node":null}}`,
    );
    expect(await graph.answer('{ nodes { id } things { ... on Coin { value } } }')).toBe(
      `{"errors":[${wrongType('Node', '["nodes",1]')},${wrongType('Thing', '["things",1]')}],"data":{"nodes":[{"id":"u2"},null],"things":[{"value":1},null]}}`,
    );
    expect(await graph.answer('{ strict { __typename } }')).toBe(
      `{"errors":[${wrongType('Thing', '["strict",1]')}],"data":{"strict":null}}`,
    );
  });

  it('hides everything from introspection', async () => {
    const text = await graph.answer(`{
      __schema { types { name fields { name args { name } } inputFields { name } enumValues { name } possibleTypes { name } } }
    }`);
    for (const hidden of ['Ghost', 'SECRET', 'password', 'number', 'audit', 'debug', 'secret', 'inaccessible']) {
      expect(text).not.toContain(`"${hidden}"`);
    }
    expect(await graph.answer('{ __type(name: "Ghost") { name } }')).toBe('{"data":{"__type":null}}');
  });
});
