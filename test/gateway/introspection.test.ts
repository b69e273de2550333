import { buildSchema, getIntrospectionQuery, graphqlSync } from 'graphql';
import { type Graph, startGraph } from '../support/graph';

/** Real: subgraphs over HTTP, composition, planner thread, engine; graphql-js over the API schema says what is right. */
const apiSchema = `
  "What can be asked."
  type Query {
    "Who asks."
    me(
      "In full."
      full: Boolean = true
      of: Of = { colour: RED, list: [1] }
    ): User
    old: String @deprecated(reason: "gone")
  }
  type User implements Node { id: ID! name: String! }
  interface Node { id: ID! }
  union Any = User
  enum Colour { RED GREEN @deprecated(reason: "No longer supported") }
  input Of { colour: Colour! list: [Int!]! = [1, 2] old: Int @deprecated(reason: "gone") }
  scalar Date @specifiedBy(url: "https://example.com/date")`;
const subgraphSdl = apiSchema
  .replace('type User implements Node {', 'type User implements Node @key(fields: "id") {')
  .replace('me(', 'any: Any date: Date me(');

describe('introspection', () => {
  let graph: Graph;
  const schema = buildSchema(
    `${apiSchema.replace('me(', 'any: Any date: Date me(')}
    directive @defer(label: String, if: Boolean! = true) on FRAGMENT_SPREAD | INLINE_FRAGMENT`,
  );
  beforeAll(async () => {
    graph = await startGraph([
      { name: 'users', sdl: subgraphSdl, resolvers: { Query: { me: () => ({ id: 'u1', name: 'Ada' }) } } },
    ]);
  }, 30_000);
  afterAll(() => graph.close());
  beforeEach(() => {
    graph.requests.length = 0;
  });
  const right = (source: string, variableValues = {}) =>
    JSON.stringify(graphqlSync({ schema, source, variableValues }));

  it('answers the query of every tool as an undivided schema does', async () => {
    const query = getIntrospectionQuery({ descriptions: true, specifiedByUrl: true, inputValueDeprecation: true });
    const { data } = await graph.query(query);
    const { data: expected } = graphqlSync({ schema, source: query });
    const sorted = (value: unknown): string =>
      JSON.stringify(value, (_key, part) =>
        Array.isArray(part) ? [...part].sort((a, b) => (String(a?.name) < String(b?.name) ? -1 : 1)) : part,
      );
    expect(sorted(data)).toBe(sorted(expected));
    expect(graph.requests).toEqual([]);
  });

  it.each([
    ['types under aliases', '{ a: __type(name: "User") { n: name kind } b: __type(name: "Nobody") { name } }'],
    [
      'deprecated fields when asked',
      '{ __type(name: "Query") { fields(includeDeprecated: true) { name isDeprecated deprecationReason } } }',
    ],
    ['no deprecated fields when not', '{ __type(name: "Query") { fields { name } } }'],
    [
      'deprecated values and inputs',
      '{ a: __type(name: "Colour") { enumValues(includeDeprecated: true) { name } } b: __type(name: "Of") { inputFields(includeDeprecated: true) { name defaultValue } } }',
    ],
    [
      'through fragments',
      '{ ...F } fragment F on Query { __schema { queryType { ...T } } } fragment T on __Type { name ofType { name } __typename }',
    ],
    ['__typename everywhere', '{ __schema { __typename queryType { __typename } } __typename }'],
    [
      'with conditions',
      '{ __schema @skip(if: true) { queryType { name } } __type(name: "Node") { name @skip(if: true) kind } }',
    ],
    ['the same field twice', '{ __schema { queryType { name } } __schema { queryType { kind } } }'],
  ])('answers %s', async (_name, query) => {
    expect(await graph.answer(query)).toBe(right(query));
    expect(graph.requests).toEqual([]);
  });

  it('answers with variables', async () => {
    const query =
      'query ($n: String!, $d: Boolean = true) { __type(name: $n) { name fields(includeDeprecated: $d) { name } } }';
    expect(await graph.answer(query, { n: 'Query' })).toBe(right(query, { n: 'Query' }));
  });

  it('stands among data in the order of the client', async () => {
    expect(
      await graph.answer('{ a: __typename me { __typename name } __type(name: "User") { name } m: me { id } }'),
    ).toBe('{"data":{"a":"Query","me":{"__typename":"User","name":"Ada"},"__type":{"name":"User"},"m":{"id":"u1"}}}');
    expect(graph.requests).toHaveLength(1);
  });

  it('takes hostile names', async () => {
    expect(
      await graph.answer(
        '{ __proto__: __type(name: "__proto__") { name } constructor: __schema { __proto__: __typename } }',
      ),
    ).toBe('{"data":{"__proto__":null,"constructor":{"__proto__":"__Schema"}}}');
  });

  it('shows nothing of the machinery', async () => {
    const text = await graph.answer(
      '{ __schema { types { name } directives { name } queryType { fields { name } } } }',
    );
    for (const hidden of [
      '_Entity',
      '_entities',
      '_service',
      '_Any',
      'join__',
      'link__',
      'core__',
      'federation__',
      '"key"',
    ]) {
      expect(text).not.toContain(hidden);
    }
  });
});

describe('introspection switched off', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(
      [{ name: 'users', sdl: 'type Query { name: String }', resolvers: { Query: { name: () => 'Ada' } } }],
      {
        config: { server: { introspection: false } },
      },
    );
  }, 30_000);
  afterAll(() => graph.close());

  it.each([
    '{ __schema { queryType { name } } }',
    '{ ...F } fragment F on Query { x: __type(name: "Query") { name } }',
  ])('refuses %s', async (query) => {
    const { data, errors } = await graph.query(query);
    expect(data).toBeUndefined();
    expect(new Set(errors?.map(({ extensions }) => extensions.code))).toEqual(new Set(['GRAPHQL_VALIDATION_FAILED']));
  });

  it('answers __typename, and suggests no names', async () => {
    expect(await graph.answer('{ __typename name }')).toBe('{"data":{"__typename":"Query","name":"Ada"}}');
    const { errors } = await graph.query('{ nam }');
    expect(errors?.map(({ message }) => message)).toEqual(['Cannot query field "nam" on type "Query".']);
  });
});
