import type { ExecutionResult } from 'graphql';
import { type Graph, startGraph } from '../support/graph';
import { nobody, someone } from '../support/identities';

jest.setTimeout(60_000);

/**
 * Real: subgraphs over HTTP, composition, planner thread, the whole gateway. Fake: who asks, and a policy function.
 * Observed: answers, and what was asked of subgraphs. The directives come under the names that their authors chose.
 */
const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: [
  "@key", "@requires", "@external", "@interfaceObject", "@shareable",
  { name: "@authenticated", as: "@signedIn" }, { name: "@policy", as: "@only" }
])\n`;

const subgraphs = [
  {
    name: 'people',
    sdl: `${link}
      type Query {
        me: User! user: User node(id: ID = "u1"): Node nodes: [Node!]! pets: [Pet!]! found: [Found!]! open: Int
        rank: Rank level(of: Level): Level vault: Vault staff: Int @only(policies: [["role:ADMIN"], ["office", "awake"]])
        both: Int @signedIn @federation__requiresScopes(scopes: [["a", "b"], ["c"]]) slow: Int @only(policies: [["slow"]])
        broken: Int @only(policies: [["broken"]]) paid: Int @only(policies: [["paid"]])
      }
      type Mutation { touch: Int erase: Int @only(policies: [["role:ADMIN"]]) }
      interface Node { id: ID! label: String }
      interface Pet @key(fields: "id") { id: ID! name: String }
      type Cat implements Pet @key(fields: "id") { id: ID! name: String @signedIn }
      type Dog implements Pet @key(fields: "id") { id: ID! name: String }
      type User implements Node @key(fields: "id") {
        id: ID! label: String @signedIn name: String! ssn: String @federation__requiresScopes(scopes: [["ssn"]])
        self: User email: String! @signedIn badge: Badge
      }
      type Badge @key(fields: "number") { number: ID! @federation__requiresScopes(scopes: [["badges"]]) color: String }
      type Team implements Node @key(fields: "id") { id: ID! label: String }
      type Vault @signedIn { gold: Int }
      type Secret @only(policies: [["role:ADMIN"]]) { word: String }
      union Found = User | Team | Secret
      scalar Rank @signedIn
      enum Level @signedIn { LOW HIGH }`,
    resolvers: {
      Query: {
        me: () => ({ id: 'u1' }),
        user: () => ({ id: 'u1' }),
        node: () => ({ __typename: 'User', id: 'u1' }),
        nodes: () => [
          { __typename: 'User', id: 'u1' },
          { __typename: 'Team', id: 't1' },
        ],
        pets: () => [
          { __typename: 'Cat', id: 'c1', name: 'Tom' },
          { __typename: 'Dog', id: 'd1', name: 'Rex' },
        ],
        found: () => [
          { __typename: 'Secret', word: 'xyzzy' },
          { __typename: 'User', id: 'u1' },
        ],
        open: () => 1,
        rank: () => 'general',
        level: () => 'HIGH',
        vault: () => ({ gold: 7 }),
        staff: () => 2,
        both: () => 3,
        slow: () => 4,
        broken: () => 5,
        paid: () => 6,
      },
      Mutation: { touch: () => 1, erase: () => 1 },
      User: {
        label: () => 'Ann',
        name: () => 'Ann',
        ssn: () => '123',
        self: () => ({ id: 'u1' }),
        email: () => 'a@b',
        badge: () => ({ number: '7', color: 'red' }),
      },
      Team: { label: () => 'Team' },
      Cat: { __resolveReference: ({ id }: { id: string }) => ({ id, name: 'Tom' }) },
    },
  },
  {
    name: 'tax',
    sdl: `${link}
      type User @key(fields: "id") {
        id: ID! ssn: String @external
        tax: String @requires(fields: "ssn") @federation__requiresScopes(scopes: [["ssn"]])
      }
      type Badge @key(fields: "number") { number: ID! doors: [Door!] level: Int }
      type Door @key(fields: "name") { name: String! open: Boolean }
      type Pet @interfaceObject @key(fields: "id") { id: ID! chip: String @only(policies: [["role:ADMIN"]]) owner: String }`,
    resolvers: {
      User: { tax: ({ ssn }: { ssn: string }) => `tax of ${ssn}` },
      Badge: { doors: () => [{ name: 'front', open: true }], level: () => 3 },
      Pet: { chip: () => 'chip', owner: () => 'Ann' },
    },
  },
];

const awake = jest.fn(() => true);
let graph: Graph;

beforeAll(async () => {
  graph = await startGraph(subgraphs, {
    config: {
      server: { introspection: { roles: ['ADMIN'] } },
      authorization: {
        policyTimeoutMs: 50,
        policies: {
          office: { claim: 'place.kind', equals: 'office' },
          paid: { claim: 'plans', anyOf: ['gold', 'silver'] },
        },
      },
    },
    dependencies: {
      policies: {
        awake,
        slow: () => new Promise(() => {}),
        broken: () => Promise.reject(new Error('database down at 10.0.0.7')),
      },
    },
  });
});
afterAll(() => graph.close());
beforeEach(() => {
  graph.requests.length = 0;
  awake.mockClear();
});

const denied = (result: ExecutionResult) =>
  result.errors?.map(({ message, path, extensions }) => {
    expect([message, extensions]).toEqual(['Unauthorized field or type', { code: 'UNAUTHORIZED_FIELD_OR_TYPE' }]);
    return path?.join('.');
  });
const asked = () => graph.requests.map(({ query }) => query).join('\n');
const admin = someone({ roles: ['ADMIN'] });

describe('a protected field', () => {
  it('is null for who may not read it, with an error at its path, and is not fetched', async () => {
    const result = await graph.ask(nobody, '{ me { name label } }');
    expect(result.data).toEqual({ me: { name: 'Ann', label: null } });
    expect(denied(result)).toEqual(['me.label']);
    expect(asked()).not.toContain('label');
  });

  it('is answered to who may', async () => {
    expect(await graph.ask(someone(), '{ me { name label } }')).toEqual({
      data: { me: { name: 'Ann', label: 'Ann' } },
    });
  });

  it('takes the object around it along when it may not be null', async () => {
    const result = await graph.ask(nobody, '{ user { name email } open }');
    expect(result.data).toEqual({ user: null, open: 1 });
    expect(denied(result)).toEqual(['user.email']);
  });

  it('is not reached by an alias, though it takes the name of an open field', async () => {
    const result = await graph.ask(nobody, '{ me { name: label x: label } }');
    expect(result.data).toEqual({ me: { name: null, x: null } });
    expect(denied(result)).toEqual(['me.name', 'me.x']);
  });

  it('is not reached through an interface, which answers it for other types', async () => {
    const result = await graph.ask(nobody, '{ nodes { id label } node { label } }');
    expect(result.data).toEqual({
      nodes: [
        { id: 'u1', label: null },
        { id: 't1', label: 'Team' },
      ],
      node: { label: null },
    });
    expect(denied(result)).toEqual(['nodes.0.label', 'node.label']);
    expect(asked().replace(/\s+/g, '')).not.toContain('...onUser{label');
  });

  it('is not reached through fragments on an implementing type, on the interface in it, or both', async () => {
    const result = await graph.ask(
      nobody,
      `{ node { ...U ...on User { ...on Node { b: label } } ...on Node { ...on User { c: label } } } }
       fragment U on User { a: label }`,
    );
    expect(result.data).toEqual({ node: { a: null, b: null, c: null } });
    expect(denied(result)).toEqual(['node.a', 'node.b', 'node.c']);
    expect(asked()).not.toContain('label');
  });

  it('is not reached through a union', async () => {
    const result = await graph.ask(nobody, '{ found { ...on User { label } ...on Secret { word } } }');
    expect(result.data).toEqual({ found: [{ word: null }, { label: null }] });
    expect(denied(result)).toEqual(['found.0.word', 'found.1.label']);
    expect(asked()).not.toMatch(/word|label/);
  });

  it('is not reached as a requirement of another field', async () => {
    const result = await graph.ask(someone(), '{ me { tax } }');
    expect(result.data).toEqual({ me: { tax: null } });
    expect(denied(result)).toEqual(['me.tax']);
    expect(asked()).not.toContain('ssn');
    expect(await graph.ask(someone({ scopes: ['ssn'] }), '{ me { tax } }')).toEqual({
      data: { me: { tax: 'tax of 123' } },
    });
  });

  it('is not reached as a key: what another subgraph makes of it is refused too', async () => {
    const query = '{ me { badge { color doors { name } l: level } } }';
    const result = await graph.ask(someone(), query);
    expect(result.data).toEqual({ me: { badge: { color: 'red', doors: null, l: null } } });
    expect(denied(result)).toEqual(['me.badge.doors', 'me.badge.l']);
    expect(asked()).not.toContain('number');
    expect((await graph.ask(someone({ scopes: ['badges'] }), query)).data).toEqual({
      me: { badge: { color: 'red', doors: [{ name: 'front' }], l: 3 } },
    });
    expect(await graph.ask(nobody, '{ me { badge { color } } }')).toEqual({
      data: { me: { badge: { color: 'red' } } },
    });
  });

  it('is not reached through an @interfaceObject, on the interface or on a type', async () => {
    const result = await graph.ask(someone(), '{ pets { id chip owner ...on Dog { c: chip } } }');
    expect(result.data).toEqual({
      pets: [
        { id: 'c1', chip: null, owner: 'Ann' },
        { id: 'd1', chip: null, owner: 'Ann', c: null },
      ],
    });
    expect(denied(result)).toEqual(['pets.0.chip', 'pets.1.chip', 'pets.1.c']);
    expect(asked()).not.toContain('chip');
    const open = await graph.ask(admin, '{ pets { chip } }');
    expect(open).toEqual({ data: { pets: [{ chip: 'chip' }, { chip: 'chip' }] } });
  });

  it('of one type leaves that of another open, where both implement an interface of an entity', async () => {
    const result = await graph.ask(nobody, '{ pets { name owner } }');
    expect(result.data).toEqual({
      pets: [
        { name: null, owner: 'Ann' },
        { name: 'Rex', owner: 'Ann' },
      ],
    });
  });

  it.each([
    ['an object', 'vault { gold }', 'vault'],
    ['a scalar', 'rank', 'rank'],
    ['an enum', 'level', 'level'],
  ])('is one that returns %s which is protected', async (_what, field, path) => {
    const result = await graph.ask(nobody, `{ open ${field} }`);
    expect(result.data).toEqual({ open: 1, [path]: null });
    expect(denied(result)).toEqual([path]);
    expect((await graph.ask(someone(), `{ ${field} }`)).errors).toBeUndefined();
  });

  it('of a mutation does not run; the others do', async () => {
    const result = await graph.ask(someone(), 'mutation { touch erase }');
    expect(result.data).toEqual({ touch: 1, erase: null });
    expect(denied(result)).toEqual(['erase']);
    expect(asked()).not.toContain('erase');
  });

  it('is not named by an error of the subgraph, which is not asked', async () => {
    const result = await graph.ask(nobody, '{ both staff }');
    expect(result.data).toEqual({ both: null, staff: null });
    expect(graph.requests).toEqual([]);
  });

  it('that the variables do not ask is not refused', async () => {
    const query = 'query ($deep: Boolean!) { me { name label @include(if: $deep) } }';
    expect(await graph.ask(nobody, query, { deep: false })).toEqual({ data: { me: { name: 'Ann' } } });
    expect(denied(await graph.ask(nobody, query, { deep: true }))).toEqual(['me.label']);
  });
});

describe('requirements', () => {
  it.each([
    [{ scopes: ['a'] }, false],
    [{ scopes: ['a', 'b'] }, true],
    [{ scopes: ['c'] }, true],
    [{ scopes: ['b', 'A'] }, false],
    [{ roles: ['c'] }, false],
  ])('of scopes are met by %j: %s', async (rights, isMet) => {
    const { data } = await graph.ask(someone(rights), '{ both }');
    expect(data).toEqual({ both: isMet ? 3 : null });
  });

  it('of roles and claims are met by the claims of the token', async () => {
    const inOffice = { claims: { place: { kind: 'office' } } };
    expect((await graph.ask(admin, '{ staff }')).data).toEqual({ staff: 2 });
    expect((await graph.ask(someone(inOffice), '{ staff }')).data).toEqual({ staff: 2 });
    expect((await graph.ask(someone({ roles: ['admin'] }), '{ staff }')).data).toEqual({ staff: null });
    expect((await graph.ask(someone({ claims: { 'place.kind': 'home' } }), '{ staff }')).data).toEqual({ staff: null });
    expect((await graph.ask(someone({ claims: { plans: ['silver'] } }), '{ paid }')).data).toEqual({ paid: 6 });
    expect((await graph.ask(someone({ claims: { plans: 'gold' } }), '{ paid }')).data).toEqual({ paid: 6 });
    expect((await graph.ask(someone({ claims: { plans: ['none'] } }), '{ paid }')).data).toEqual({ paid: null });
    expect((await graph.ask(nobody, '{ paid }')).data).toEqual({ paid: null });
  });

  it('of functions are asked once for an operation, with who asks', async () => {
    const identity = someone({ claims: { place: { kind: 'office' } } });
    await graph.ask(identity, 'query Q { staff a: staff b: staff }');
    expect(awake.mock.calls).toEqual([[{ identity, requestId: 'test', operation: { type: 'query', name: 'Q' } }]]);
    await graph.ask(identity, '{ open }');
    expect(awake).toHaveBeenCalledTimes(1);
  });

  it('are not met by functions that fail or do not answer, which hold up nothing else', async () => {
    const result = await graph.ask(admin, '{ slow broken open }');
    expect(result.data).toEqual({ slow: null, broken: null, open: 1 });
    expect(denied(result)).toEqual(['slow', 'broken']);
  });
});

describe('what one request may read', () => {
  it('is not shared with another of the same operation under way', async () => {
    const query = '{ me { id label ssn } }';
    const people = [nobody, someone(), someone({ scopes: ['ssn'] }), nobody, someone()];
    const results = await Promise.all(people.map((identity) => graph.ask(identity, query)));
    expect(results.map(({ data }) => data?.me)).toEqual([
      { id: 'u1', label: null, ssn: null },
      { id: 'u1', label: 'Ann', ssn: null },
      { id: 'u1', label: 'Ann', ssn: '123' },
      { id: 'u1', label: null, ssn: null },
      { id: 'u1', label: 'Ann', ssn: null },
    ]);
  });

  it('is not what a plan of somebody else has fetched before', async () => {
    const query = '{ me { ssn label } }';
    expect((await graph.ask(someone({ scopes: ['ssn'] }), query)).data).toEqual({ me: { ssn: '123', label: 'Ann' } });
    expect((await graph.ask(nobody, query)).data).toEqual({ me: { ssn: null, label: null } });
    expect((await graph.ask(someone({ scopes: ['ssn'] }), query)).data).toEqual({ me: { ssn: '123', label: 'Ann' } });
    expect((await graph.ask(someone(), query)).data).toEqual({ me: { ssn: null, label: 'Ann' } });
  });

  it('may change from one request of an identity to the next, while the first is under way', async () => {
    const identity = someone({ claims: { place: { kind: 'office' } } });
    awake.mockReturnValueOnce(true).mockReturnValueOnce(false);
    const results = await Promise.all([graph.ask(identity, '{ staff }'), graph.ask(identity, '{ staff }')]);
    expect(results.map(({ data }) => data?.staff)).toEqual([2, null]);
  });
});

describe('introspection for some', () => {
  it('is refused to others, with what else the operation asks', async () => {
    const result = await graph.ask(someone(), '{ open __schema { types { name } } }');
    expect(result.data).toBeNull();
    expect(denied(result)).toEqual(['__schema']);
    expect(graph.requests).toEqual([]);
    const type = await graph.ask(nobody, '{ open t: __type(name: "User") { name } }');
    expect(type.data).toEqual({ open: 1, t: null });
    const named = await graph.ask(
      nobody,
      'query IntrospectionQuery { ...F } fragment F on Query { __schema { types { name } } }',
    );
    expect(named.data).toBeNull();
  });

  it('is answered to those, and nothing else tells names to anybody', async () => {
    const result = await graph.ask(admin, '{ __type(name: "Vault") { name } }');
    expect(result).toEqual({ data: { __type: { name: 'Vault' } } });
    const { errors } = await graph.ask(admin, '{ vaul { gold } }');
    expect(errors?.[0]?.message).toBe('Cannot query field "vaul" on type "Query".');
  });
});
