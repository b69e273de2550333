import { buildSchema, lexicographicSortSchema, parse, printSchema } from 'graphql';
import { finish } from '../../src/slices';
import { readRequirements } from '../../src/supergraph/requirements';
import { buildValidSchema, parseSdl } from '../../src/supergraph/sliced-schema';

const everything = `
  """All of it.""" schema { query: Root mutation: Mutation }
  directive @mark(with: [Int!] = [1, 2]) repeatable on FIELD | OBJECT
  """Says "hello".""" type Root implements Node & Named { id: ID! name: String other(a: In = { x: "é" }, c: Colour = RED): Any self: Root }
  type Mutation { do(one: One!): Boolean! @deprecated(reason: "so") }
  interface Node { id: ID! } interface Named implements Node { id: ID! name: String }
  type Hidden implements Node { id: ID! }
  union Any = Root | Mutation
  enum Colour { RED GREEN @deprecated }
  input In { n: In x: String = "a" } input One @oneOf { a: Int b: String }
  scalar JSON @specifiedBy(url: "https://example.com")`;

describe('a schema that is built in slices', () => {
  it.each([
    ['of every kind of type', everything],
    ['without a schema definition', 'type Query { a: Int } type Mutation { b: Int } type Subscription { c: Int }'],
    ['of a query alone', 'directive @skip(if: Boolean!) on FIELD type Query { a: Query }'],
  ])('is that of graphql-js: %s', (_name, sdl) => {
    const [ours, theirs] = [finish(buildValidSchema(sdl)), buildSchema(sdl)];
    expect(printSchema(ours)).toBe(printSchema(theirs));
    expect(Object.keys(ours.getTypeMap())).toEqual(Object.keys(theirs.getTypeMap()));
    expect(ours.getDirectives().map(String)).toEqual(theirs.getDirectives().map(String));
    expect(printSchema(lexicographicSortSchema(ours))).toBe(printSchema(lexicographicSortSchema(theirs)));
    for (const type of Object.values(theirs.getTypeMap())) {
      if (!('getTypes' in type) && !('getInterfaces' in type)) continue;
      expect(String(ours.getType(type.name))).toBe(String(type));
    }
    expect(ours.getRootType('query' as never)?.name).toBe(theirs.getQueryType()?.name);
  });

  it('can stop at each type while what is required of others is read', () => {
    const types = Array.from({ length: 50 }, (_, index) => `type T${index} { a: Int }`).join(' ');
    const work = readRequirements(parse(`type Query { a: Int } ${types}`), new Map());
    let steps = 0;
    while (!work.next().done) steps += 1;
    expect(steps).toBeGreaterThan(2 * 50);
  });

  it('comes from the same document, or the same syntax error', () => {
    expect(finish(parseSdl(everything))).toEqual({ ...parse(everything, { noLocation: true }) });
    for (const broken of ['', 'type A {', 'type A { a: Int } }']) {
      const messageOf = (make: () => unknown) => {
        try {
          return String(make());
        } catch (error) {
          return String(error);
        }
      };
      expect(messageOf(() => finish(parseSdl(broken)))).toBe(messageOf(() => parse(broken)));
    }
  });

  it('stops at every type', () => {
    const work = buildValidSchema(Array.from({ length: 100 }, (_, i) => `type T${i} { a: Int }`).join(' '));
    let stops = 0;
    while (!work.next().done) stops += 1;
    expect(stops).toBeGreaterThan(200);
  });
});
