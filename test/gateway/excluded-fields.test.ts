import type { GraphQLObjectType } from 'graphql';
import { openDeadline } from '../../src/context/deadline';
import { anonymous } from '../../src/context/request-context';
import type { ExcludedFields } from '../../src/policy/admission';
import { silentLog } from '../../src/telemetry/log';
import { type Graph, startGraph } from '../support/graph';

jest.setTimeout(60_000);

/**
 * Real: subgraphs over HTTP, planner thread, engine. Fake: the policy, a list of coordinates that are excluded.
 * Observed: the answer, and what was asked of subgraphs.
 */
const subgraphs = [
  {
    name: 'things',
    sdl: `
      type Query { me: User! node: Node nodes: [Node!]! things: [Thing!]! count: Int total: Int! users: [User!]! }
      type Mutation { add(n: Int!): Int set: Int! }
      interface Node { id: ID! secret: String }
      type User implements Node @key(fields: "id") { id: ID! secret: String name: String! boss: User team: Team! }
      type Team implements Node @key(fields: "id") { id: ID! secret: String }
      union Thing = User | Team`,
    resolvers: {
      Query: {
        me: () => ({ id: 'u1' }),
        node: () => ({ __typename: 'Team', id: 't1' }),
        nodes: () => [
          { __typename: 'User', id: 'u1' },
          { __typename: 'Team', id: 't1' },
        ],
        things: () => [
          { __typename: 'Team', id: 't1' },
          { __typename: 'User', id: 'u1' },
        ],
        users: () => [{ id: 'u1' }, { id: 'u2' }],
        count: () => 1,
        total: () => 2,
      },
      Mutation: { add: (_: unknown, { n }: { n: number }) => n, set: () => 1 },
      User: {
        secret: ({ id }: { id: string }) => `secret of ${id}`,
        name: () => 'Ann',
        boss: () => ({ id: 'u2' }),
        team: () => ({ id: 't1' }),
      },
      Team: { secret: () => 'secret of the team' },
    },
  },
  {
    name: 'pay',
    sdl: 'type User @key(fields: "id") { id: ID! salary: Int bonus: Int! }',
    resolvers: { User: { salary: () => 10, bonus: () => 3 } },
  },
];

let graph: Graph;
beforeAll(async () => {
  graph = await startGraph(subgraphs);
});
afterAll(() => graph.close());

const reasons = [
  { message: 'Not for you', extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' } },
  { message: 'Too often', extensions: { code: 'REQUEST_RATE_LIMITED', retryAfterMs: 5 } },
];

/** By coordinate or alias: all for the first reason, but those of `tooOften`. */
function exclude(coordinates: readonly string[], tooOften: readonly string[] = []): ExcludedFields {
  const is = (list: readonly string[], type: GraphQLObjectType, name: string) => list.includes(`${type.name}.${name}`);
  return {
    key: [...coordinates, ...tooOften].join(),
    reasonOf: (type, { name, alias }) => {
      if (is(coordinates, type, name.value)) return 0;
      return is(tooOften, type, (alias ?? name).value) ? 1 : undefined;
    },
  };
}

async function ask(query: string, excluded: ExcludedFields) {
  graph.requests.length = 0;
  const { gateway } = graph;
  const prepared = gateway.prepare(query, undefined);
  if (prepared.kind === 'refused' || !gateway.current) throw new Error('refused');
  const { engine, transport } = gateway.current;
  const variables = { kind: 'checked', raw: {}, coerced: {}, conditions: '' } as const;
  const executable = await engine.prepare(prepared.target, variables, excluded);
  const { deadline, dispose } = openDeadline(Date.now() + 20_000, Date.now);
  const context = { id: '1', identity: anonymous, deadline, log: silentLog, subgraphHeaders: {} };
  const calls = { count: 0, failed: 0 };
  const { data, errors } = await engine.execute(executable, variables, { ...context, calls }, transport.call, reasons);
  dispose();
  const told = errors.map(({ message, path }) => `${path?.join('.')}: ${message}`);
  return { data, errors: told, asked: graph.requests.map(({ query }) => query).join('\n') };
}

describe('an excluded field', () => {
  it('is null with an error at its path, under any alias, and is not fetched', async () => {
    const { data, errors, asked } = await ask('{ me { id secret s: secret } }', exclude(['User.secret']));
    expect(data).toEqual({ me: { id: 'u1', secret: null, s: null } });
    expect(errors).toEqual(['me.secret: Not for you', 'me.s: Not for you']);
    expect(asked).not.toContain('secret');
  });

  it('takes with it what only it needs: keys, and the subgraph that would have answered', async () => {
    const { data, errors } = await ask('{ me { name salary } }', exclude(['User.salary']));
    expect(data).toEqual({ me: { name: 'Ann', salary: null } });
    expect(errors).toEqual(['me.salary: Not for you']);
    expect(graph.requests.map(({ subgraph }) => subgraph)).toEqual(['things']);
    expect(graph.requests[0]?.query).not.toContain('id');
  });

  it('nulls what may not hold a null, with one error', async () => {
    const { data, errors } = await ask('{ node { id } me { boss { name } } }', exclude(['User.name']));
    expect(data).toEqual({ node: { id: 't1' }, me: { boss: null } });
    expect(errors).toEqual(['me.boss.name: Not for you']);
  });

  it('has an error for each object of a list', async () => {
    const { data, errors } = await ask('{ users { id secret } }', exclude(['User.secret']));
    expect(data).toEqual({
      users: [
        { id: 'u1', secret: null },
        { id: 'u2', secret: null },
      ],
    });
    expect(errors).toEqual(['users.0.secret: Not for you', 'users.1.secret: Not for you']);
  });

  it('is excluded for one type of an interface and answered for the others', async () => {
    const { data, errors, asked } = await ask('{ nodes { id secret } node { s: secret } }', exclude(['User.secret']));
    expect(data).toEqual({
      nodes: [
        { id: 'u1', secret: null },
        { id: 't1', secret: 'secret of the team' },
      ],
      node: { s: 'secret of the team' },
    });
    expect(errors).toEqual(['nodes.0.secret: Not for you']);
    expect(asked.replace(/\s+/g, '')).toContain('...onTeam{secret}');
    expect(asked.replace(/\s+/g, '')).not.toContain('...onUser{secret}');
  });

  it('is excluded through fragments on interfaces and unions, named or not', async () => {
    const { data, errors, asked } = await ask(
      `{ things { ...F ... on Node { ... on User { x: secret } } } } fragment F on Node { secret }`,
      exclude(['User.secret']),
    );
    expect(data).toEqual({ things: [{ secret: 'secret of the team' }, { secret: null, x: null }] });
    expect(errors).toEqual(['things.1.secret: Not for you', 'things.1.x: Not for you']);
    expect(asked.replace(/\s+/g, '')).not.toContain('...onUser{secret}');
  });

  it('is excluded for every type of an interface', async () => {
    const { data, asked } = await ask('{ nodes { secret } }', exclude(['User.secret', 'Team.secret']));
    expect(data).toEqual({ nodes: [{ secret: null }, { secret: null }] });
    expect(asked).not.toContain('secret');
  });

  it('leaves the object around it, though nothing else is asked of it', async () => {
    const { data, errors } = await ask('{ me { secret boss { secret } } }', exclude(['User.secret']));
    expect(data).toEqual({ me: { secret: null, boss: { secret: null } } });
    expect(errors).toEqual(['me.secret: Not for you', 'me.boss.secret: Not for you']);
  });

  it('may be one of several aliases, with a reason of its own', async () => {
    const { data, errors } = await ask('{ a: count b: count me { secret } }', exclude(['User.secret'], ['Query.b']));
    expect(data).toEqual({ a: 1, b: null, me: { secret: null } });
    expect(errors).toEqual(['b: Too often', 'me.secret: Not for you']);
  });

  it('at the root is not asked of anybody; when it may not be null, nothing is', async () => {
    expect(await ask('{ count }', exclude(['Query.count']))).toEqual({
      data: { count: null },
      errors: ['count: Not for you'],
      asked: '',
    });
    expect(await ask('{ me { id } count total }', exclude(['Query.total', 'Query.count']))).toEqual({
      data: null,
      errors: ['count: Not for you', 'total: Not for you'],
      asked: '',
    });
  });

  it('of a mutation does not run, the others do; none does when the answer is null in any case', async () => {
    const some = await ask('mutation { a: add(n: 1) b: add(n: 2) }', exclude([], ['Mutation.a']));
    expect(some.data).toEqual({ a: null, b: 2 });
    expect(graph.requests).toHaveLength(1);
    const none = await ask('mutation { add(n: 1) set }', exclude(['Mutation.set']));
    expect(none).toEqual({ data: null, errors: ['set: Not for you'], asked: '' });
  });

  it('may be introspection', async () => {
    const { data, errors } = await ask('{ count __schema { types { name } } }', exclude(['Query.__schema']));
    expect(data).toBeNull();
    expect(errors).toEqual(['__schema: Not for you']);
    const type = await ask('{ count __type(name: "User") { name } }', exclude(['Query.__type']));
    expect(type.data).toEqual({ count: 1, __type: null });
  });

  it('is reported at most as often as errors are told', async () => {
    const aliases = Array.from({ length: 30 }, (_, index) => `a${index}: secret`).join(' ');
    const many = await ask(`{ users { ${aliases} } nodes { ${aliases} } }`, exclude(['User.secret', 'Team.secret']));
    expect(many.errors).toHaveLength(100);
  });

  it('is excluded for those who get that verdict alone: the operation of others is another one', async () => {
    const query = '{ me { id secret } }';
    await ask(query, exclude(['User.secret']));
    expect(await graph.answer(query)).toBe('{"data":{"me":{"id":"u1","secret":"secret of u1"}}}');
  });
});
