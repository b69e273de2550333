import { parse } from 'graphql';
import { readAuthorizationTable } from '../../src/policy/authorization-table';

/** Plain data: a composed supergraph in, who may read which field out. */
const links = ['authenticated', 'requiresScopes', 'policy']
  .map((name) => `@link(url: "https://specs.apollo.dev/${name}/v0.1", for: SECURITY)`)
  .join(' ');
const schema = (more = '') =>
  `schema @link(url: "https://specs.apollo.dev/link/v1.0") ${links} ${more} { query: Query }\n`;

/** `{ 'User.name': 'authenticated scopes:[["a"]]' }` */
function read(sdl: string): Record<string, string> {
  const { fields } = readAuthorizationTable(parse(sdl));
  const rows = [...fields].flatMap(([type, requirements]) =>
    [...requirements].map(([field, requirement]) => {
      const told = requirement.map((clause) =>
        clause.kind === 'authenticated' ? 'authenticated' : `${clause.kind}:${JSON.stringify(clause.anyOf)}`,
      );
      return [`${type}.${field}`, told.sort().join(' ')];
    }),
  );
  return Object.fromEntries(rows);
}

describe('the table', () => {
  it('folds what is written on a field, on its type and on the type that it returns', () => {
    const table = read(`${schema()}
      type Query { a: Int @authenticated b: Paper c: [Mark!]! d: Side open: Int }
      type Paper @requiresScopes(scopes: [["p"]]) { text: String @policy(policies: [["x", "y"], ["z"]]) }
      scalar Mark @policy(policies: [["m"]])
      enum Side @authenticated { L R }`);
    expect(table).toEqual({
      'Query.a': 'authenticated',
      'Query.b': 'scopes:[["p"]]',
      'Query.c': 'policies:[["m"]]',
      'Query.d': 'authenticated',
      'Paper.text': 'policies:[["x","y"],["z"]] scopes:[["p"]]',
    });
  });

  it('leaves an implementation open where the interface says no more than its implementations do', () => {
    const table = read(`${schema()}
      type Query { node: Node }
      interface Node @requiresScopes(scopes: [["a", "b"]]) { id: ID name: String @authenticated }
      type A implements Node @requiresScopes(scopes: [["a"]]) { id: ID name: String @authenticated }
      type B implements Node @requiresScopes(scopes: [["b"]]) { id: ID name: String }
      type C implements Node { id: ID name: String }`);
    expect(table).toEqual({
      'A.id': 'scopes:[["a"]]',
      'A.name': 'authenticated scopes:[["a"]]',
      'B.id': 'scopes:[["b"]]',
      'B.name': 'scopes:[["b"]]',
    });
  });

  it('protects every implementation of an interface that says more than they do', () => {
    const table = read(`${schema()}
      type Query { node: Node open: A }
      interface Node @authenticated { id: ID name: String @requiresScopes(scopes: [["n"]]) }
      type A implements Node { id: ID name: String }`);
    expect(table).toEqual({
      'Query.node': 'authenticated',
      'Query.open': 'authenticated',
      'A.id': 'authenticated',
      'A.name': 'authenticated scopes:[["n"]]',
    });
  });

  it('protects what is made of protected fields, at any depth, through interfaces too', () => {
    const table = read(`${schema()}
      type Query { me: User }
      interface Owner { ssn: String }
      type User implements Owner @join__type(graph: A, key: "id") {
        id: ID ssn: String @authenticated account: Account
        score: Int @join__field(graph: B, requires: "ssn")
        rank: Int @join__field(graph: B, requires: "account { owner { ssn } ... on Account { open } }")
        badge: Int @join__field(graph: C, requires: "rank")
        free: Int @join__field(graph: C, requires: "account { open }")
      }
      type Account { owner: Owner open: Int }`);
    expect(table).toEqual({
      'User.ssn': 'authenticated',
      'User.score': 'authenticated',
      'User.rank': 'authenticated',
      'User.badge': 'authenticated',
    });
  });

  it('protects what is made of protected fields of the objects around', () => {
    const table = read(`${schema('@link(url: "https://specs.apollo.dev/context/v0.1", for: SECURITY)')}
      type Query { t: T }
      type T @context(name: "a__c") { u: U prop: String @authenticated owner: T }
      type U {
        one: Int @join__field(graph: A, contextArguments: [{ context: "a__c", name: "x", type: "String", selection: " { prop }" }])
        two: Int @join__field(graph: A, contextArguments: [{ context: "a__c", name: "x", type: "String", selection: "... on T { owner { prop } }" }])
        three: Int @join__field(graph: A, contextArguments: [{ context: "a__d", name: "x", type: "String", selection: "{ prop }" }])
      }`);
    expect(table).toEqual({ 'T.prop': 'authenticated', 'U.one': 'authenticated', 'U.two': 'authenticated' });
  });

  it('knows which keys are protected', () => {
    const { keys } = readAuthorizationTable(
      parse(`${schema()} type Query { me: User }
        interface Pet @join__type(graph: A, key: "tag { code }") { tag: Tag }
        type Cat implements Pet { tag: Tag }
        type Tag { code: ID @authenticated }
        type User @join__type(graph: A, key: "id") @join__type(graph: B, key: "ssn") { id: ID ssn: ID @authenticated }`),
    );
    expect([...keys]).toEqual([
      ['Cat', [[{ kind: 'authenticated' }]]],
      ['User', [[{ kind: 'authenticated' }]]],
    ]);
  });

  it('takes a list for what is none, as input coercion does', () => {
    const table = read(`${schema()} type Query {
      a: Int @requiresScopes(scopes: "x") b: Int @requiresScopes(scopes: ["x", "y"]) c: Int @policy(policies: []) }`);
    expect(table).toEqual({ 'Query.a': 'scopes:[["x"]]', 'Query.b': 'scopes:[["x"],["y"]]', 'Query.c': 'policies:[]' });
  });

  it('does not take a directive of the same name for one that is linked', () => {
    const renamed = schema().replaceAll('authenticated/v0.1"', 'authenticated/v0.1", as: "signedIn"');
    expect(read(`${renamed} type Query { a: Int @authenticated b: Int @signedIn }`)).toEqual({
      'Query.b': 'authenticated',
    });
  });

  it('is empty without links', () => {
    expect(
      read('schema @link(url: "https://specs.apollo.dev/link/v1.0") { query: Query } type Query { a: Int }'),
    ).toEqual({});
  });
});

describe('a supergraph that could not be protected', () => {
  it.each([
    [
      'an unknown feature for security',
      '@link(url: "https://example.com/vault/v1.0", for: SECURITY)',
      'https://example.com/vault/v1.0',
    ],
    ['a version that is not known', '@link(url: "https://specs.apollo.dev/policy/v0.2", for: SECURITY)', 'policy/v0.2'],
    [
      'such a version without a purpose',
      '@link(url: "https://specs.apollo.dev/authenticated/v1.0")',
      'authenticated/v1.0',
    ],
  ])('is refused: %s', (_what, link, named) => {
    expect(() => read(`${schema(link)} type Query { a: Int }`)).toThrow(named);
  });

  it.each([
    '@requiresScopes',
    '@requiresScopes(scopes: null)',
    '@policy(policies: [[1]])',
    '@policy(policies: [[["a"]]])',
  ])('is refused: %s', (directive) => {
    expect(() => read(`${schema()} type Query { a: Int ${directive} }`)).toThrow('without lists of names');
  });

  it('is not one with features for execution, or without a purpose', () => {
    const more =
      '@link(url: "https://specs.apollo.dev/join/v0.5", for: EXECUTION) @link(url: "https://a.example/tag/v0.3")';
    expect(read(`${schema(more)} type Query { a: Int }`)).toEqual({});
  });
});
