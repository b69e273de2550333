import { buildSchema, parse } from 'graphql';
import { findOperations } from '../../src/operation/document';
import { readFieldOccurrences } from '../../src/operation/facts';
import { readCosts } from '../../src/policy/cost-declarations';
import { evaluate, FieldCosts } from '../../src/policy/cost-parts';
import { compileCost, countAnswer } from '../../src/policy/cost-plan';
import { finish } from '../../src/slices';

/** Plain data: a schema that declares its costs, documents and variables in, numbers out. */
const types = `
  type Query {
    me: User number: Int dear: Int @cost(weight: 5) status: Status paid: Money node: Node found: Found
    users: [User] tags: [String] five: [User] @listSize(assumedSize: 5)
    first(first: Int, last: Int): [User] @listSize(slicingArguments: ["first", "last"])
    loose(first: Int, last: Int): [User]
      @listSize(assumedSize: 4, slicingArguments: ["first", "last"], requireOneSlicingArgument: false)
    usual(first: Int = 3): [User] @listSize(slicingArguments: ["first"])
    page(first: Int!): Page @listSize(slicingArguments: ["first"], sizedFields: ["edges", "nodes"])
    weighty: [User] @cost(weight: 2) @listSize(assumedSize: 5)
    search(text: String @cost(weight: 3), filter: Filter, ids: [ID] @cost(weight: 2)): User
  }
  type Mutation { touch: Int rename(name: String): User }
  type Subscription { joined: User }
  interface Node { id: ID name: String }
  union Found = User | Report
  type User implements Node { id: ID name: String friends: [User] best: User pages(first: Int): Page
    @listSize(slicingArguments: ["first"], sizedFields: ["edges"]) }
  type Report implements Node @cost(weight: 20) { id: ID name: String @cost(weight: 7) }
  type Page { edges: [Edge] nodes: [User] total: Int }
  type Edge { node: User }
  input Filter { name: String age: Int @cost(weight: 4) inner: [Filter] }
  enum Status @cost(weight: 2) { A } scalar Money @cost(weight: 3)
`;
const definitions = `directive @cost(weight: Int!) on FIELD_DEFINITION | OBJECT | SCALAR | ENUM | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION
  directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!],
    requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
  directive @link(url: String!, import: [String]) repeatable on SCHEMA
  schema @link(url: "https://specs.apollo.dev/link/v1.0")
    @link(url: "https://specs.apollo.dev/cost/v0.1", import: ["@cost", "@listSize"])
    { query: Query mutation: Mutation subscription: Subscription }`;
const schema = buildSchema(definitions + types);
const declarations = readCosts(parse(definitions + types));
const defaultListSize = 10;

function compile(text: string, enforces = true) {
  const [operation] = findOperations(parse(text));
  if (!operation) throw new Error('no operation');
  const occurrences = finish(readFieldOccurrences(operation, schema));
  const costs = new FieldCosts({ declarations, schema, defaultListSize, enforces });
  return finish(compileCost(operation.type, occurrences, costs));
}

const inputOf = (variables: Readonly<Record<string, unknown>>) => ({ variables, known: new Map<string, number>() });

function estimate(text: string, variables: Readonly<Record<string, unknown>> = {}): number {
  return evaluate(compile(text).estimate, inputOf(variables));
}

it('has nothing to say against the declarations', () => expect(declarations.problems).toEqual([]));

describe('an operation is estimated', () => {
  it.each([
    ['a leaf is free', '{ number }', 0],
    ['an object costs 1', '{ me { name } }', 1],
    ['so does each object below it', '{ me { best { best { name } } } }', 3],
    ['each alias costs', '{ a: me { id } b: me { id } }', 2],
    ['what is written twice costs once', '{ me { id } me { name } ...F } fragment F on Query { me { name } }', 1],
    [
      'a fragment costs wherever it is spread',
      '{ a: me { ...F } b: me { ...F } } fragment F on User { best { id } }',
      4,
    ],
    ['a mutation costs 10 more', 'mutation { touch }', 10],
    ['and its objects', 'mutation { rename { name best { id } } }', 12],
    ['a subscription costs what an event does', 'subscription { joined { id } }', 1],
    ['__typename is free', '{ __typename me { __typename } }', 1],
    ['a list of unknown length has 10 items', '{ users { name } }', 10],
    ['lists multiply', '{ users { friends { name best { id } } } }', 10 * (1 + 10 * 2)],
    ['a list of leaves is free', '{ tags }', 0],
    ['assumedSize says how long', '{ five { name } }', 5],
    ['a slicing argument says how long', '{ first(first: 7) { name } }', 7],
    ['or another one', '{ first(last: 3) { best { id } } }', 6],
    ['a default value is one', '{ usual { id } }', 3],
    ['a value of the client stands above the default', '{ usual(first: 8) { id } }', 8],
    ['the larger of several counts', '{ loose(first: 2, last: 6) { id } }', 6],
    ['without any, assumedSize', '{ loose { id } }', 4],
    ['below nothing there is nothing', '{ first(first: -5) { id } }', 0],
    ['sized fields have the size, others have not', '{ page(first: 5) { total edges { node { id } } } }', 1 + 5 * 2],
    ['all of them', '{ page(first: 5) { nodes { id } edges { node { id } } } }', 1 + 5 + 5 * 2],
    ['also through a fragment', '{ page(first: 5) { ...F } } fragment F on Page { edges { node { id } } }', 11],
    [
      'sized again below',
      '{ page(first: 2) { nodes { pages(first: 3) { edges { node { id } } } } } }',
      1 + 2 * (1 + 1 + 6),
    ],
    ['a weight of its own', '{ dear }', 5],
    ['for each item', '{ weighty { name } }', 10],
    ['with what is below it', '{ weighty { best { id } } }', 15],
    ['a weight of its enum', '{ status }', 2],
    ['a weight of its scalar', '{ paid }', 3],
    ['an interface costs as its dearest object', '{ node { id } }', 20],
    ['and so do its fields', '{ node { name } }', 27],
    ['a union too', '{ found { ... on Report { id } } }', 20],
    ['arguments with weight', '{ search(text: "a") { id } }', 4],
    ['null is none', '{ search(text: null) { id } }', 1],
    ['an input object costs 1', '{ search(filter: { name: "a" }) { id } }', 2],
    ['and the weights of its fields', '{ search(filter: { age: 1, inner: [{ age: 2 }, {}] }) { id } }', 1 + 5 + 5 + 1],
    ['a list of arguments costs its weight and that of each item', '{ search(ids: ["1", "2", "3"]) { id } }', 1 + 8],
  ])('%s: %s', (_why, query, cost) => expect(estimate(query)).toBe(cost));

  it.each([
    ['query($n: Int) { first(first: $n) { id } }', { n: 30 }, 30],
    ['query($n: Int = 20) { loose(first: $n) { id } }', { n: 20 }, 20],
    ['query($n: Int) { loose(first: $n) { id } }', {}, 4],
    ['query($n: Int) { loose(first: $n) { id } }', { n: null }, 4],
    ['query($n: Int!) { users { pages(first: $n) { edges { node { id } } } } }', { n: 4 }, 10 * (1 + 1 + 8)],
    ['query($a: Boolean!) { me @include(if: $a) { id } users @skip(if: $a) { id } }', { a: true }, 1],
    ['query($a: Boolean!) { me @include(if: $a) { id } users @skip(if: $a) { id } }', { a: false }, 10],
    ['query($f: Filter) { search(filter: $f) { id } }', { f: { age: 1, inner: [{ age: 2 }, {}] } }, 12],
    ['query($f: Filter) { search(filter: $f) { id } }', {}, 1],
    ['query($i: Int) { search(filter: { age: $i, inner: [{ age: $i }] }) { id } }', { i: 3 }, 1 + 5 + 5],
    ['query($ids: [ID]) { search(ids: $ids) { id } }', { ids: ['1', '2', '3'] }, 9],
  ])('by its variables: %s %j', (query, variables, cost) => expect(estimate(query, variables)).toBe(cost));

  it('once for all requests where no variable decides', () => {
    expect(compile('query($t: String) { search(ids: [$t]) { id } first(first: 3) { id } }').estimate).toEqual(
      expect.any(Function),
    );
    expect(compile('query($t: String) { me { name } first(first: 3) { id } users { friends { id } } }').estimate).toBe(
      1 + 3 + 110,
    );
  });
});

describe('requireOneSlicingArgument', () => {
  it.each([
    ['{ first { id } }', {}],
    ['{ first(first: null) { id } }', {}],
    ['{ first(first: 1, last: 1) { id } }', {}],
    ['query($n: Int) { first(first: $n) { id } }', {}],
    ['query($n: Int) { first(first: $n) { id } }', { n: null }],
    ['query($n: Int, $m: Int) { first(first: $n, last: $m) { id } }', { n: 1, m: 1 }],
    ['{ me { pages { edges { node { id } } } } }', {}],
  ])('refuses %s %j', (query, variables) => {
    expect(() => estimate(query, variables)).toThrow(
      expect.objectContaining({ code: 'LIST_SIZE_ARGUMENT_REQUIRED', path: expect.anything() }),
    );
    expect(evaluate(compile(query, false).estimate, inputOf(variables))).toBeGreaterThan(0);
  });

  it('asks nothing of a field that is skipped', () => {
    expect(estimate('query($no: Boolean!) { me { id } first @include(if: $no) { id } }', { no: false })).toBe(1);
  });
});

describe('an answer is counted', () => {
  const count = (query: string, data: unknown, variables = {}) => countAnswer(compile(query), data, inputOf(variables));

  it.each([
    ['objects that are there', '{ me { best { id } } }', { me: { best: null } }, 1],
    [
      'items that are there',
      '{ users { friends { id } } }',
      { users: [{ friends: [{}, {}] }, null, { friends: [] }] },
      4,
    ],
    ['aliases', '{ a: me { id } b: dear }', { a: { id: '1' }, b: 3 }, 6],
    ['leaves with weight', '{ dear status }', { dear: 1, status: null }, 5],
    ['a mutation', 'mutation { touch }', { touch: 1 }, 10],
    ['arguments of what was asked', '{ search(text: "a") { id } }', { search: null }, 3],
    ['no answer', '{ users { id } }', null, 0],
    [
      'names that are not just names',
      '{ __proto__: me { id } constructor: me { id } }',
      JSON.parse('{"__proto__":{}}'),
      1,
    ],
    [
      'one name of several types as the dearest',
      '{ node { ...on User { x: id } ...on Report { x: name } } }',
      { node: { x: 'a' } },
      27,
    ],
  ])('%s: %s', (_why, query, data, cost) => expect(count(query, data)).toBe(cost));
});

it('weighs the widest document that limits allow, and a list in a variable that many arguments share, at once', () => {
  const aliases = Array.from({ length: 1_000 }, (_, index) => `a${index}: search(filter: $f) { best { id } }`).join(
    ' ',
  );
  const cost = compile(`query($f: Filter) { ${aliases} }`);
  const inner = Array.from({ length: 10_000 }, () => ({ age: 1 }));
  const before = process.cpuUsage();
  expect(evaluate(cost.estimate, inputOf({ f: { inner } }))).toBe(1_000 * (2 + 1 + 1 + 50_000 - 1));
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(1_000_000);
});
