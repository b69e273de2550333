import { parse } from 'graphql';
import { readCosts } from '../../src/policy/cost-declarations';

/** Plain data: a supergraph as composition writes it, without the definitions that nothing here reads. */
const supergraph = (body: string, link = 'url: "https://specs.apollo.dev/cost/v0.1", import: ["@cost", "@listSize"]') =>
  parse(`schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(${link}) { query: Query } ${body}`);
const problemsOf = (body: string) =>
  readCosts(supergraph(body)).problems.map(({ coordinate, message }) => `${coordinate}: ${message}`);

describe('declarations of cost', () => {
  const declared = `type Query @W { posts(first: Int @W): [Post] @W @S post: Post }
    type Post { id: ID } input Filter { text: String @W } scalar Date @W enum Color @W { RED }`;
  const written = (cost: string, listSize: string) =>
    declared.replaceAll('@W', `@${cost}(weight: 3)`).replace('@S', `@${listSize}(assumedSize: 7)`);
  const coordinates = ['Query', 'Query.posts', 'Query.posts(first:)', 'Filter.text', 'Date', 'Color'];

  it.each([
    ['imported', 'cost', 'listSize', 'import: ["@cost", "@listSize"]'],
    ['renamed', 'weight', 'size', 'import: [{ name: "@cost", as: "@weight" }, { name: "@listSize", as: "@size" }]'],
    ['not imported', 'cost', 'cost__listSize', 'import: []'],
    ['under another prefix', 'price', 'price__listSize', 'as: "price"'],
  ])('are known by their link: %s', (_how, cost, listSize, link) => {
    const read = readCosts(supergraph(written(cost, listSize), `url: "https://specs.apollo.dev/cost/v0.1", ${link}`));
    expect(read.problems).toEqual([]);
    expect([...read.weights.keys()].sort()).toEqual([...coordinates].sort());
    expect(read.listSizes.get('Query.posts')?.assumedSize).toBe(7);
  });

  it('are not what only has their name', () => {
    const read = readCosts(supergraph(written('cost', 'listSize'), 'url: "https://example.com/cost/v0.1"'));
    expect([read.weights.size, read.listSizes.size, read.problems]).toEqual([0, 0, []]);
  });

  it('are told with their coordinate when they are wrong', () => {
    const problems = problemsOf(`
      type Query {
        a: Int @cost(weight: -1)
        b(x: Int @cost(weight: "5")): Int @cost
        c(first: Int): [Int] @listSize(slicingArguments: ["frist"])
        d(first: [Int], after: String): [Int] @listSize(slicingArguments: ["first", "after"])
        e: Int @listSize(assumedSize: 3)
        f: [Int] @listSize(assumedSize: -3)
        g: Page @listSize(assumedSize: 3, sizedFields: ["items", "total", "nothing"])
        h: [Int] @listSize(slicingArguments: [1], requireOneSlicingArgument: "no")
      }
      type Page { items: [Int!]! total: Int }
      input I { a: Int @cost(weight: 1.5) }`);
    expect(problems).toEqual([
      'Query.a: @cost needs a weight of 0 or more, not -1',
      'Query.b: @cost needs a weight of 0 or more, not none',
      'Query.b(x:): @cost needs a weight of 0 or more, not "5"',
      'Query.c: slicingArguments: there is no argument "frist"',
      'Query.d: slicingArguments: "first" must be Int, not [Int]',
      'Query.d: slicingArguments: "after" must be Int, not String',
      'Query.e: @listSize belongs on a list, or names the lists below the field as sizedFields',
      'Query.f: assumedSize must be 0 or more, not -3',
      'Query.g: sizedFields: "total" is no list',
      'Query.g: sizedFields: Page has no field "nothing"',
      'Query.h: slicingArguments must be a list of names',
      'Query.h: requireOneSlicingArgument must be true or false',
      'I.a: @cost needs a weight of 0 or more, not 1.5',
    ]);
  });

  it('of a version that is unknown are refused', () => {
    const link = 'url: "https://specs.apollo.dev/cost/v0.2", import: ["@cost"]';
    expect(readCosts(supergraph('type Query { a: Int }', link)).problems).toEqual([
      { coordinate: '@cost', message: expect.stringContaining('version 0.2 is unknown') },
    ]);
  });
});
