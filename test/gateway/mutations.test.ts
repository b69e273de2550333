import { type Graph, startGraph } from '../support/graph';

/**
 * Real: subgraphs over HTTP, composition, planner thread, engine. Observed: answers, and what subgraphs were asked.
 * All subgraphs share one account, so that the order in which they read and write shows in every answer.
 */
let balance = 0;
let log: string[] = [];
const pause = () => new Promise((resolve) => setTimeout(resolve, 5));
const itself = (reference: object) => reference;
const change = (amount: number, id: string) => {
  balance += amount;
  log.push(`${id}:${amount}`);
  return { id };
};
/** The slower the earlier ones, the surer an overtaking later one shows. */
const changeSlowly = async (amount: number, id: string) => {
  await pause();
  return change(amount, id);
};

const subgraphs = [
  {
    name: 'bank',
    sdl: `
      type Query { balance: Int! }
      type Mutation {
        deposit(amount: Int!): Account! fail(with: String = "Refused"): Account! tryFail: Account many(amounts: [Int!]!): [Account!]!
        any(amount: Int!): Party! empty: Account
      }
      type Account @key(fields: "id") { id: ID! }
      type Fund @key(fields: "id") { id: ID! size: Int! }
      union Party = Account | Fund`,
    resolvers: {
      Query: { balance: () => balance },
      Mutation: {
        deposit: (_: unknown, { amount }: { amount: number }) => changeSlowly(amount, 'bank'),
        fail: (_: unknown, { with: message }: { with: string }) => {
          log.push('fail');
          throw new Error(message);
        },
        tryFail: () => {
          log.push('tryFail');
          throw new Error('Refused');
        },
        many: async (_: unknown, { amounts }: { amounts: number[] }) =>
          Promise.all(amounts.map((amount) => changeSlowly(amount, `bank${amount}`))),
        any: async (_: unknown, { amount }: { amount: number }) => ({
          __typename: amount > 0 ? 'Account' : 'Fund',
          ...(await changeSlowly(amount, 'any')),
          size: amount,
        }),
        empty: () => null,
      },
    },
  },
  {
    name: 'shop',
    sdl: `
      type Mutation { buy(price: Int!): Account! refund(price: Int!): Account lose: Account! }
      type Account @key(fields: "id") { id: ID! spent: Int! }`,
    resolvers: {
      Mutation: {
        buy: (_: unknown, { price }: { price: number }) => change(-price, 'shop'),
        refund: (_: unknown, { price }: { price: number }) => change(price, 'shop'),
        lose: () => null,
      },
      Account: { __resolveReference: itself, spent: () => balance },
    },
  },
  {
    name: 'report',
    sdl: `
      type Account @key(fields: "id") { id: ID! balance: Int! history: [String!]! friend: Account }
      type Fund @key(fields: "id") { id: ID! balance: Int! }`,
    resolvers: {
      Account: {
        __resolveReference: itself,
        balance: async () => {
          const read = balance;
          await pause();
          return read;
        },
        history: () => [...log],
        friend: () => ({ id: 'friend' }),
      },
      Fund: { __resolveReference: itself, balance: () => balance },
    },
  },
];

describe('mutations', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());
  beforeEach(() => {
    graph.requests.length = 0;
    balance = 0;
    log = [];
  });
  const asked = () => graph.requests.map(({ subgraph }) => subgraph);

  it('asks one subgraph for all its root fields in one request', async () => {
    expect(await graph.answer('mutation { a: deposit(amount: 1) { id } b: deposit(amount: 2) { id } }')).toBe(
      '{"data":{"a":{"id":"bank"},"b":{"id":"bank"}}}',
    );
    expect(asked()).toEqual(['bank']);
    expect(log).toEqual(['bank:1', 'bank:2']);
  });

  it('runs root fields of two subgraphs in the order of the client', async () => {
    const query = 'mutation { a: deposit(amount: 5) { id } b: buy(price: 1) { spent } c: deposit(amount: 7) { id } }';
    expect(await graph.answer(query)).toBe('{"data":{"a":{"id":"bank"},"b":{"spent":4},"c":{"id":"bank"}}}');
    expect(log).toEqual(['bank:5', 'shop:-1', 'bank:7']);
  });

  it('finishes the reads of one root field before the next one writes', async () => {
    const query = `mutation { a: deposit(amount: 5) { balance } b: buy(price: 1) { balance } c: deposit(amount: 7) { balance } }`;
    expect(await graph.answer(query)).toBe('{"data":{"a":{"balance":5},"b":{"balance":4},"c":{"balance":11}}}');
    expect(asked()).toEqual(['bank', 'report', 'shop', 'report', 'bank', 'report']);
  });

  it('finishes the reads between two root fields of one subgraph', async () => {
    const query = 'mutation { a: deposit(amount: 1) { spent balance } b: deposit(amount: 2) { balance spent } }';
    expect(await graph.answer(query)).toBe('{"data":{"a":{"spent":1,"balance":1},"b":{"balance":3,"spent":3}}}');
  });

  it('runs equal root fields once for each response name', async () => {
    const query =
      'mutation { a: deposit(amount: 3) { balance } b: deposit(amount: 3) { balance } a: deposit(amount: 3) { id } }';
    expect(await graph.answer(query)).toBe('{"data":{"a":{"balance":3,"id":"bank"},"b":{"balance":6}}}');
    expect(log).toEqual(['bank:3', 'bank:3']);
  });

  it('keeps the order through inline and named fragments', async () => {
    const query = `mutation {
      ... on Mutation { a: deposit(amount: 1) { balance } }
      ...F
      ... { c: deposit(amount: 4) { balance } }
    } fragment F on Mutation { b: buy(price: 2) { balance } ... on Mutation { x: refund(price: 8) { balance } } }`;
    expect(await graph.answer(query)).toBe(
      '{"data":{"a":{"balance":1},"b":{"balance":-1},"x":{"balance":7},"c":{"balance":11}}}',
    );
    expect(log).toEqual(['bank:1', 'shop:-2', 'shop:8', 'bank:4']);
  });

  it('runs a root field at its first place when a later fragment adds to it', async () => {
    const query = `mutation { a: deposit(amount: 1) { id } b: buy(price: 2) { id } ... on Mutation { a: deposit(amount: 1) { balance } } }`;
    expect(await graph.answer(query)).toBe('{"data":{"a":{"id":"bank","balance":1},"b":{"id":"shop"}}}');
    expect(log).toEqual(['bank:1', 'shop:-2']);
  });

  it('leaves out what is skipped', async () => {
    const query = `mutation M($on: Boolean!) {
      a: deposit(amount: 1) @include(if: $on) { balance } b: buy(price: 2) @skip(if: $on) { balance } c: refund(price: 4) { balance }
    }`;
    expect(await graph.answer(query, { on: true })).toBe('{"data":{"a":{"balance":1},"c":{"balance":5}}}');
    expect(log).toEqual(['bank:1', 'shop:4']);
  });

  it('sends variables to the root fields that use them', async () => {
    const query = `mutation M($x: Int!, $y: Int = 3) { a: deposit(amount: $x) { balance } b: buy(price: $y) { balance } }`;
    expect(await graph.answer(query, { x: 10 })).toBe('{"data":{"a":{"balance":10},"b":{"balance":7}}}');
  });

  it('follows lists, unions and entities from a root field', async () => {
    const query = `mutation {
      many(amounts: [1, 2]) { id friend { id balance } }
      any(amount: -1) { __typename ... on Account { balance } ... on Fund { balance size } }
      p: any(amount: 1) { ... on Account { balance id } }
    }`;
    expect(await graph.answer(query)).toBe(
      '{"data":{"many":[{"id":"bank1","friend":{"id":"friend","balance":3}},{"id":"bank2","friend":{"id":"friend","balance":3}}],' +
        '"any":{"__typename":"Fund","balance":2,"size":-1},"p":{"balance":3,"id":"any"}}}',
    );
  });

  it('answers __typename, null and introspection among root fields', async () => {
    expect(await graph.answer('mutation { t: __typename empty { balance } buy(price: 1) { balance } }')).toBe(
      '{"data":{"t":"Mutation","empty":null,"buy":{"balance":-1}}}',
    );
    expect(asked()).toEqual(['bank', 'shop', 'report']);
  });

  it('goes on after a nullable root field that failed', async () => {
    const query = 'mutation { a: tryFail { id } b: buy(price: 1) { balance } }';
    expect(await graph.answer(query)).toBe(
      '{"errors":[{"message":"Refused","path":["a"],"extensions":{"code":"DOWNSTREAM_SERVICE_ERROR","serviceName":"bank"}}],' +
        '"data":{"a":null,"b":{"balance":-1}}}',
    );
  });

  it('stops after a non-null root field that failed', async () => {
    const query = 'mutation { a: deposit(amount: 1) { id } b: fail(with: "No") { id } c: buy(price: 1) { balance } }';
    expect(await graph.answer(query)).toBe(
      '{"errors":[{"message":"No","path":["b"],"extensions":{"code":"DOWNSTREAM_SERVICE_ERROR","serviceName":"bank"}}],"data":null}',
    );
    expect(log).toEqual(['bank:1', 'fail']);
  });

  it('stops after a non-null root field that is null without an error', async () => {
    expect(await graph.answer('mutation { lose { id } deposit(amount: 1) { id } }')).toBe(
      '{"errors":[{"message":"Cannot return null for non-nullable field Mutation.lose.","path":["lose"],"extensions":{"code":"DOWNSTREAM_SERVICE_ERROR","serviceName":"shop"}}],"data":null}',
    );
    expect(log).toEqual([]);
  });

  it('answers a query root field after mutations from other operations', async () => {
    await graph.query('mutation { deposit(amount: 9) { id } }');
    expect(await graph.answer('{ balance }')).toBe('{"data":{"balance":9}}');
  });
});
