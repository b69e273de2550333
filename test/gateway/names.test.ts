import { type Graph, startGraph } from '../support/graph';
import { createOracle } from '../support/oracle';
import type { RawAnswer } from '../support/subgraph-server';

/**
 * Names that are not just names. Real: subgraphs over HTTP, composition, planner thread, engine; plain graphql-js says
 * what is right. Observed: answers, what subgraphs were asked, and the prototypes of the process.
 */
interface Ref {
  readonly id: string;
}
const itself = (reference: object) => reference;
/** Computed, so that nobody takes these objects for promises by mistake. */
const then = 'then';
const hostile = [
  'then',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'toJSON',
  '_0_name',
  'length',
];
const fieldOf =
  (name: string) =>
  ({ id }: Ref) =>
    `${name} of ${id}`;
const fields = Object.fromEntries(hostile.map((name) => [name, fieldOf(name)]));
const fieldSdl = hostile.map((name) => `${name}: String`).join(' ');
const far = Object.fromEntries(hostile.map((name) => [`${name}2`, fieldOf(`${name}2`)]));
const farSdl = Object.keys(far)
  .map((name) => `${name}: String`)
  .join(' ');
const root = {
  user: (_: unknown, { id = 'u1' }: { id?: string }) => ({ id }),
  constructor: () => ({ id: 'root' }),
  [then]: () => 'then',
};
const name = ({ id }: Ref, args: { representations?: string; then?: string }) =>
  `name of ${id}${args.representations ?? ''}${args.then ?? ''}`;
const box = ({ id }: Ref) => ({ constructor: `c ${id}`, prototype: { [then]: 1, hasOwnProperty: 2 } });

const subgraphs = [
  {
    name: 'names',
    sdl: `
      type Query { user(id: String): User constructor: constructor then: String users: [User!]! }
      type User @key(fields: "id") { id: ID! name(representations: String, then: String): String ${fieldSdl} }
      type constructor @key(fields: "id") { id: ID! then: toString }
      enum toString { valueOf then }`,
    resolvers: {
      Query: { ...root, users: () => ['u1', 'u2'].map((id) => ({ id })) },
      User: { __resolveReference: itself, name, ...fields },
      constructor: { __resolveReference: itself, [then]: () => 'valueOf' },
    },
  },
  {
    name: 'far',
    sdl: `
      type User @key(fields: "id") { id: ID! echo(representations: [String], constructor: In): String box: Box ${farSdl} }
      type constructor @key(fields: "id") { id: ID! prototype: [[constructor]] }
      type Box { constructor: String prototype: hasOwnProperty }
      type hasOwnProperty { then: Int hasOwnProperty: Int }
      input In { prototype: String then: [toString] }
      enum toString { valueOf then }`,
    resolvers: {
      User: { __resolveReference: itself, echo: (_: unknown, args: object) => JSON.stringify(args), box, ...far },
      constructor: { __resolveReference: itself, prototype: () => [[{ id: 'inner' }, null]] },
    },
  },
];
const oracle = createOracle(
  `type Query { user(id: String): User constructor: constructor then: String users: [User!]! }
  type User {
    id: ID! name(representations: String, then: String): String ${fieldSdl} ${farSdl}
    echo(representations: [String], constructor: In): String box: Box
  }
  type constructor { id: ID! then: toString prototype: [[constructor]] }
  type Box { constructor: String prototype: hasOwnProperty }
  type hasOwnProperty { then: Int hasOwnProperty: Int }
  input In { prototype: String then: [toString] }
  enum toString { valueOf then }`,
  {
    Query: subgraphs[0]?.resolvers.Query,
    User: { name, ...fields, ...far, ...subgraphs[1]?.resolvers.User },
    constructor: { [then]: () => 'valueOf', prototype: () => [[{ id: 'inner' }, null]] },
  },
);

describe('hostile names', () => {
  let graph: Graph;
  let intercept: (() => RawAnswer | undefined) | undefined;
  const prototypes = () =>
    [Object, Array, Function, String, Map, Promise].map(({ prototype }) =>
      Object.getOwnPropertyNames(prototype).join(),
    );
  const untouched = prototypes();
  beforeAll(async () => {
    graph = await startGraph(subgraphs, {
      intercept: ({ subgraph }) => (subgraph === 'far' ? intercept?.() : undefined),
    });
  }, 30_000);
  afterAll(() => graph.close());
  beforeEach(() => {
    graph.requests.length = 0;
    intercept = undefined;
  });
  afterEach(() => {
    expect(prototypes()).toEqual(untouched);
  });

  const aliases = [...hostile, '__proto__', '__defineGetter__', 'id', '__typename2', 'representations', '_entities'];
  it.each(aliases)('answers under the alias %s', async (alias) => {
    const query = `{ ${alias}: user { ${alias}: name } user(id: "x") { ${alias}: then2 name } }`;
    expect(await graph.answer(query)).toBe(await oracle(query));
  });

  it('answers under all of them at once, in lists', async () => {
    const query = `{ users { ${aliases.map((alias, n) => `${alias}: ${n % 2 ? 'name' : 'then2'}`).join(' ')} } }`;
    expect(await graph.answer(query)).toBe(await oracle(query));
  });

  it.each([
    ['fields of both subgraphs', `{ user { ${[...Object.keys(far), ...hostile].join(' ')} } }`],
    ['root fields and types', '{ constructor { then prototype { id prototype { then } } __typename } then }'],
    ['value types', '{ user { box { prototype { hasOwnProperty then __typename } constructor __typename } } }'],
    [
      'fields that swap names',
      '{ user { then: constructor constructor: then then2: toString toString: then2 id: toJSON toJSON: id } }',
    ],
    [
      'type conditions',
      '{ constructor { ... on constructor { then ...constructor } } } fragment constructor on constructor { prototype { id } }',
    ],
    [
      'fragments',
      '{ user { ...then ...toString } } fragment then on User { then } fragment toString on User { then2 valueOf }',
    ],
    ['an operation', 'query constructor { user { name } }'],
    [
      'input fields and enum values',
      '{ user { echo(representations: ["a"], constructor: { prototype: "p", then: [then, valueOf] }) } }',
    ],
    ['arguments', '{ user { name(representations: "r", then: "t") } }'],
  ])('answers %s of such names', async (_name, query) => {
    expect(await graph.answer(query)).toBe(await oracle(query));
  });

  it.each([
    ['representations', { representations: '!' }],
    ['_representations', { _representations: '!' }],
    ['__proto__', JSON.parse('{"__proto__":"!"}')],
    ['constructor', { constructor: '!' }],
    ['then', { [then]: '!' }],
    ['toString', { toString: '!' }],
  ])('takes a variable named %s', async (variable, variables) => {
    const query = `query ($${variable}: String, $id: String = "v") {
      user(id: $id) { name(representations: $${variable}) then2 echo(representations: [$${variable}]) }
    }`;
    expect(await graph.answer(query, variables)).toBe(await oracle(query, variables));
  });

  it('takes both of two variables that the planner could confuse', async () => {
    const query = `query ($representations: String, $_representations: String) {
      user { then2 echo(representations: [$representations, $_representations]) }
    }`;
    const variables = { representations: 'a', _representations: 'b' };
    expect(await graph.answer(query, variables)).toBe(await oracle(query, variables));
  });

  it('takes such a variable as a condition', async () => {
    const query =
      'query ($representations: Boolean!, $__proto__: Boolean!) { user { then2 @skip(if: $representations) name @include(if: $__proto__) } }';
    const variables = JSON.parse('{"representations":true,"__proto__":true}');
    expect(await graph.answer(query, variables)).toBe('{"data":{"user":{"name":"name of u1"}}}');
  });

  it.each([
    ['an entity', '{"data":{"_entities":[{"__proto__":{"polluted":1,"name":"x"},"then2":"ok"}]}}'],
    [
      'its values',
      '{"data":{"_entities":[{"then2":"ok","box":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}]}}',
    ],
    [
      'data',
      '{"data":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"_entities":[{"then2":"ok"}]}}',
    ],
    ['the answer', '{"__proto__":{"polluted":1},"data":{"_entities":[{"then2":"ok"}]}}'],
    ['extensions', '{"data":{"_entities":[{"then2":"ok"}]},"extensions":{"__proto__":{"polluted":1}}}'],
  ])('lets keys named __proto__ in %s change nothing', async (_name, body) => {
    intercept = () => ({ body });
    expect(await graph.answer('{ user { name then2 } }')).toBe('{"data":{"user":{"name":"name of u1","then2":"ok"}}}');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('lets keys named __proto__ in errors change nothing', async () => {
    intercept = () => ({
      body: '{"data":{"_entities":[null]},"errors":[{"message":"No","path":["_entities",0,"__proto__","polluted"],"extensions":{"__proto__":{"polluted":1},"code":"X"}}]}',
    });
    expect(await graph.answer('{ user { name then2 } }')).toBe(
      '{"errors":[{"message":"No","path":["user","then2"],"extensions":{"code":"X","serviceName":"far"}}],"data":{"user":{"name":"name of u1","then2":null}}}',
    );
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it.each(['__proto__', 'constructor', 'toString'])(
    'takes %s for a type name of a subgraph as any unknown type',
    async (typeName) => {
      intercept = () => ({ body: `{"data":{"_entities":[{"__typename":"${typeName}","then2":"ok"}]}}` });
      expect(await graph.answer('{ user { then2 __typename } }')).toBe(
        '{"data":{"user":{"then2":"ok","__typename":"User"}}}',
      );
    },
  );

  it('answers with values that can be awaited, whatever their names', async () => {
    const { data } = await graph.query('{ then user { then: name } }');
    expect(await data).toBe(data);
    expect(Object.keys(data ?? {})).toEqual(['then', 'user']);
  });
});
