import { type Graph, startGraph } from '../support/graph';

/**
 * Real: subgraphs over HTTP, composition, planner thread, engine. Observed: answers, and the representations that
 * subgraphs were asked about. A reference resolver answers from the representation alone.
 */
type Reference = Readonly<Record<string, unknown>>;
const text = (reference: Reference) => {
  const { __typename, ...key } = reference;
  return JSON.stringify(key);
};
const itself = (reference: Reference) => reference;

const subgraphs = [
  {
    name: 'start',
    sdl: `
      type Query {
        simple: [Simple]! several: Several! composite: [Composite!]! nested: [Nested]! chain: Chain! numbers: [Numbered!]!
        mixed: [Mixed]! stub: Stub! plain: Plain! orders: [Order!]! same: [Simple!]! shared: [Tagged!]! loop: Loop!
      }
      type Simple @key(fields: "id") { id: ID }
      type Several @key(fields: "id") @key(fields: "code") { id: ID! code: String! }
      type Composite @key(fields: "part number") { part: String number: Int }
      type Nested @key(fields: "owner { id address { zip } } rank") { owner: Owner rank: Int! }
      type Owner { id: ID! address: Address name: String }
      type Address { zip: String }
      type Chain @key(fields: "a") { a: ID! }
      type Numbered @key(fields: "n") @key(fields: "big flag kind ratio") {
        n: Int! big: Long! flag: Boolean! kind: Kind! ratio: Float!
      }
      enum Kind { X Y }
      scalar Long
      union Mixed = ById | ByNumber | ByText
      type ById @key(fields: "key") { key: ID! }
      type ByNumber @key(fields: "key") { key: Int! }
      type ByText @key(fields: "key") { key: String }
      type Stub @key(fields: "id", resolvable: false) { id: ID! }
      type Plain @key(fields: "id") @key(fields: "other", resolvable: false) { id: ID! other: ID! }
      type Order @key(fields: "customer { id } line") { customer: Customer! line: Int! }
      type Customer @key(fields: "id") { id: ID! }
      type Tagged @key(fields: "id") { id: ID! tags: [String!]! }
      type Loop @key(fields: "id") { id: ID! next: Loop }`,
    resolvers: {
      Query: {
        simple: () => [{ id: 's1' }, null, { id: null }, { id: 's1' }, { id: 's2' }, { id: '' }],
        several: () => ({ id: 'x', code: 'c' }),
        composite: () => [
          { part: 'p', number: 1 },
          { part: null, number: 2 },
          { part: null, number: null },
        ],
        nested: () => [
          { owner: { id: 'o1', name: 'Ada', address: { zip: '00100' } }, rank: 1 },
          { owner: { id: 'o2', address: null }, rank: 2 },
          null,
        ],
        chain: () => ({ a: 'a1' }),
        numbers: () => [{ n: 0, big: '9007199254740993', flag: false, kind: 'Y', ratio: 0.5 }],
        mixed: () => [
          { __typename: 'ById', key: '1' },
          { __typename: 'ByNumber', key: 1 },
          null,
          { __typename: 'ByText', key: '1' },
          { __typename: 'ByText', key: null },
        ],
        stub: () => ({ id: 'stub' }),
        plain: () => ({ id: 'p1', other: 'o1' }),
        orders: () => [
          { customer: { id: 'c1' }, line: 1 },
          { customer: { id: 'c1' }, line: 2 },
        ],
        same: () => [{ id: 's1' }, { id: 's2' }, { id: 's1' }],
        shared: () => [{ id: 't1', tags: ['a'] }],
        loop: () => ({ id: 'l1' }),
      },
      Plain: { __resolveReference: itself },
      Several: { __resolveReference: itself },
      Chain: { __resolveReference: itself },
      Loop: { __resolveReference: itself, next: ({ id }: Reference) => ({ id: `${id}+` }) },
    },
  },
  {
    name: 'facts',
    sdl: `
      type Simple @key(fields: "id") { id: ID fact: String }
      type Several @key(fields: "code") { code: String! fact: String }
      type Composite @key(fields: "part number") { part: String number: Int fact: String }
      type Nested @key(fields: "owner { id address { zip } } rank") { owner: Owner rank: Int! fact: String }
      type Owner { id: ID! address: Address }
      type Address { zip: String }
      type Chain @key(fields: "a") @key(fields: "b { c }") { a: ID! b: B! fact: String }
      type B { c: ID! }
      type Numbered @key(fields: "n") { n: Int! fact: String }
      type ById @key(fields: "key") { key: ID! fact: String size: Int! }
      type ByNumber @key(fields: "key") { key: Int! fact: String size: String! }
      type ByText @key(fields: "key") { key: String fact: String }
      type Stub @key(fields: "id") { id: ID! fact: String }
      type Plain @key(fields: "other") { other: ID! fact: String }
      type Order @key(fields: "customer { id } line") { customer: Customer! line: Int! fact: String }
      type Customer @key(fields: "id") { id: ID! fact: String }
      type Loop @key(fields: "id") { id: ID! peer: Loop! }`,
    resolvers: {
      Simple: { __resolveReference: itself, fact: text },
      Several: { __resolveReference: itself, fact: text },
      Composite: { __resolveReference: itself, fact: text },
      Nested: { __resolveReference: itself, fact: text },
      Chain: { __resolveReference: itself, b: ({ a }: Reference) => ({ c: `c of ${a}` }), fact: text },
      Numbered: { __resolveReference: itself, fact: text },
      ById: { __resolveReference: itself, fact: text, size: () => 1 },
      ByNumber: { __resolveReference: itself, fact: text, size: () => 'large' },
      ByText: { __resolveReference: itself, fact: text },
      Stub: { __resolveReference: itself, fact: text },
      Plain: { __resolveReference: itself, fact: text },
      Order: { __resolveReference: itself, fact: text },
      Customer: { __resolveReference: itself, fact: text },
      Loop: { __resolveReference: itself, peer: ({ id }: Reference) => ({ id: `${id}'` }) },
    },
  },
  {
    name: 'deep',
    sdl: `
      type Chain @key(fields: "b { c }") @key(fields: "d") { b: B! d: ID! deep: String }
      type B { c: ID! }
      type Numbered @key(fields: "big flag kind ratio") { big: Long! flag: Boolean! kind: Kind! ratio: Float! deep: String }
      enum Kind { X Y }
      scalar Long`,
    resolvers: {
      Chain: { __resolveReference: itself, d: () => 'd1', deep: text },
      Numbered: { __resolveReference: itself, deep: text },
    },
  },
  {
    name: 'deepest',
    sdl: 'type Chain @key(fields: "d") { d: ID! deepest: String }',
    resolvers: { Chain: { __resolveReference: itself, deepest: text } },
  },
];

describe('keys', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());
  beforeEach(() => {
    graph.requests.length = 0;
  });
  const representations = (request: number) => graph.requests[request]?.variables.representations;
  const fact = (key: object) => JSON.stringify(JSON.stringify(key));

  it('asks for each entity once and answers all of them, without those that have no key', async () => {
    expect(await graph.answer('{ simple { fact } }')).toBe(
      `{"data":{"simple":[{"fact":${fact({ id: 's1' })}},null,{"fact":null},{"fact":${fact({ id: 's1' })}},{"fact":${fact({ id: 's2' })}},{"fact":${fact({ id: '' })}}]}}`,
    );
    expect(representations(1)).toEqual(['s1', 's2', ''].map((id) => ({ __typename: 'Simple', id })));
  });

  it('asks nobody when no entity has a key', async () => {
    await graph.answer('{ composite { fact } }');
    expect(representations(1)).toEqual([
      { __typename: 'Composite', part: 'p', number: 1 },
      { __typename: 'Composite', part: null, number: 2 },
    ]);
  });

  it('sends the key that the other subgraph knows', async () => {
    expect(await graph.answer('{ several { fact id } }')).toBe(
      `{"data":{"several":{"fact":${fact({ code: 'c' })},"id":"x"}}}`,
    );
  });

  it('answers entities of composite keys, null in part', async () => {
    expect(await graph.answer('{ composite { number fact } }')).toBe(
      `{"data":{"composite":[{"number":1,"fact":${fact({ number: 1, part: 'p' })}},{"number":2,"fact":${fact({ number: 2, part: null })}},{"number":null,"fact":null}]}}`,
    );
  });

  it('sends nested keys, and nothing of the objects besides', async () => {
    expect(await graph.answer('{ nested { owner { name } fact } }')).toBe(
      `{"data":{"nested":[{"owner":{"name":"Ada"},"fact":${fact({ owner: { id: 'o1', address: { zip: '00100' } }, rank: 1 })}},{"owner":{"name":null},"fact":${fact({ owner: { id: 'o2', address: null }, rank: 2 })}},null]}}`,
    );
  });

  it('sends keys that are entities', async () => {
    expect(await graph.answer('{ orders { fact customer { fact } } }')).toBe(
      `{"data":{"orders":[{"fact":${fact({ customer: { id: 'c1' }, line: 1 })},"customer":{"fact":${fact({ id: 'c1' })}}},{"fact":${fact({ customer: { id: 'c1' }, line: 2 })},"customer":{"fact":${fact({ id: 'c1' })}}}]}}`,
    );
  });

  it('goes from key to key over four subgraphs', async () => {
    expect(await graph.answer('{ chain { deepest deep fact } }')).toBe(
      `{"data":{"chain":{"deepest":${fact({ d: 'd1' })},"deep":${fact({ b: { c: 'c of a1' } })},"fact":${fact({ a: 'a1' })}}}}`,
    );
    expect(graph.requests.map(({ subgraph }) => subgraph)).toEqual(['start', 'facts', 'deep', 'deepest']);
  });

  it('sends keys of any scalar as they came', async () => {
    expect(await graph.answer('{ numbers { fact deep } }')).toBe(
      `{"data":{"numbers":[{"fact":${fact({ n: 0 })},"deep":${fact({ big: '9007199254740993', flag: false, kind: 'Y', ratio: 0.5 })}}]}}`,
    );
  });

  it('sends keys whose type differs between members of a union', async () => {
    const query = '{ mixed { ... on ById { fact } ... on ByNumber { fact } ... on ByText { fact } } }';
    expect(await graph.answer(query)).toBe(
      `{"data":{"mixed":[{"fact":${fact({ key: '1' })}},{"fact":${fact({ key: 1 })}},null,{"fact":${fact({ key: '1' })}},{"fact":null}]}}`,
    );
  });

  it('answers such keys beside what they lead to', async () => {
    const query =
      '{ mixed { ... on ById { key s: size } ... on ByNumber { number: key t: size } ... on ByText { fact text: key } } }';
    expect(await graph.answer(query)).toBe(
      `{"data":{"mixed":[{"key":"1","s":1},{"number":1,"t":"large"},null,{"fact":${fact({ key: '1' })},"text":"1"},{"fact":null,"text":null}]}}`,
    );
  });

  it('follows a stub that its own subgraph cannot resolve', async () => {
    expect(await graph.answer('{ stub { fact } }')).toBe(`{"data":{"stub":{"fact":${fact({ id: 'stub' })}}}}`);
  });

  it('uses a non-resolvable key beside a resolvable one to leave', async () => {
    expect(await graph.answer('{ plain { fact } }')).toBe(`{"data":{"plain":{"fact":${fact({ other: 'o1' })}}}}`);
  });

  it('returns to a subgraph that it came from', async () => {
    expect(await graph.answer('{ loop { peer { next { peer { next { id } } } } } }')).toBe(
      `{"data":{"loop":{"peer":{"next":{"peer":{"next":{"id":"l1'+'+"}}}}}}}`,
    );
  });

  it('answers keys without asking anyone for them', async () => {
    expect(await graph.answer('{ loop { peer { id } } same { id } }')).toBe(
      '{"data":{"loop":{"peer":{"id":"l1\'"}},"same":[{"id":"s1"},{"id":"s2"},{"id":"s1"}]}}',
    );
  });

  it.each([
    ['the key', '{ same { id: fact } }', `[{"id":X},{"id":Y},{"id":X}]`],
    [
      'the key and back',
      '{ same { id: fact fact: id } }',
      `[{"id":X,"fact":"s1"},{"id":Y,"fact":"s2"},{"id":X,"fact":"s1"}]`,
    ],
    [
      '__typename',
      '{ same { t: fact typename: __typename } }',
      `[{"t":X,"typename":"Simple"},{"t":Y,"typename":"Simple"},{"t":X,"typename":"Simple"}]`,
    ],
  ])('reads the right entity whatever alias takes the name of %s', async (_name, query, expected) => {
    const data = expected.replaceAll('X', fact({ id: 's1' })).replaceAll('Y', fact({ id: 's2' }));
    expect(await graph.answer(query)).toBe(`{"data":{"same":${data}}}`);
    expect(representations(1)).toEqual(['s1', 's2'].map((id) => ({ __typename: 'Simple', id })));
  });

  it('reads the right entity whatever alias takes the name of a part of the key', async () => {
    expect(await graph.answer('{ nested { owner: rank rank: fact } }')).toBe(
      `{"data":{"nested":[{"owner":1,"rank":${fact({ owner: { id: 'o1', address: { zip: '00100' } }, rank: 1 })}},{"owner":2,"rank":${fact({ owner: { id: 'o2', address: null }, rank: 2 })}},null]}}`,
    );
    expect(await graph.answer('{ nested { owner { id: name address: id } fact } }')).toBe(
      `{"data":{"nested":[{"owner":{"id":"Ada","address":"o1"},"fact":${fact({ owner: { id: 'o1', address: { zip: '00100' } }, rank: 1 })}},{"owner":{"id":null,"address":"o2"},"fact":${fact({ owner: { id: 'o2', address: null }, rank: 2 })}},null]}}`,
    );
  });
});

describe('a non-resolvable key beside a resolvable one', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph([
      {
        name: 'orders',
        sdl: `type Query { order: Order! }
          type Order { item: Item! }
          type Item @key(fields: "sku") { sku: ID! note: String }`,
        resolvers: { Query: { order: () => ({ item: { sku: 'k1' } }) }, Item: { note: () => 'fine' } },
      },
      {
        name: 'stock',
        // The planner takes the first key it finds to come back to a subgraph, resolvable or not.
        sdl: `type Item @key(fields: "code", resolvable: false) @key(fields: "sku") { code: ID! sku: ID! count: Int! }`,
        resolvers: {
          Item: {
            __resolveReference: ({ sku }: Reference) => (sku === undefined ? null : { sku, code: `code of ${sku}` }),
            count: ({ sku }: Reference) => String(sku).length,
          },
        },
      },
      {
        name: 'labels',
        sdl: 'type Item @key(fields: "code") { code: ID! label: String! }',
        resolvers: { Item: { __resolveReference: itself, label: ({ code }: Reference) => `label for ${code}` } },
      },
      {
        name: 'sums',
        sdl: `type Item @key(fields: "code") @key(fields: "sku") {
          code: ID! sku: ID! count: Int! @external total: String! @requires(fields: "count")
        }`,
        resolvers: {
          Item: {
            __resolveReference: ({ sku, ...rest }: Reference) => ({ code: `code of ${sku}`, sku, ...rest }),
            total: ({ count }: Reference) => `total ${count}`,
          },
        },
      },
    ]);
  }, 30_000);
  afterAll(() => graph.close());

  it.each([
    ['leads on', '{ order { item { label } } }', '{"label":"label for code of k1"}'],
    [
      'leads on and back',
      '{ order { item { label count note total } } }',
      '{"label":"label for code of k1","count":2,"note":"fine","total":"total 2"}',
    ],
    [
      'does so under aliases',
      '{ order { item { sku: total code: sku c: code } } }',
      '{"sku":"total 2","code":"k1","c":"code of k1"}',
    ],
  ])('%s', async (_name, query, item) => {
    expect(await graph.answer(query)).toBe(`{"data":{"order":{"item":${item}}}}`);
  });
});
