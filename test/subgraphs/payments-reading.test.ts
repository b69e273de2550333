/**
 * What payments adds to the entities of the graph, over the seed: values, pages, and how many statements they cost.
 */

import { silentLog } from '../../src/telemetry/log';
import { createPaymentsSubgraph } from '../../subgraphs/payments/subgraph';
import { ada, errorsOf, seedId, startTestSubgraph, type TestSubgraph, user } from './payments-content-support';

let payments: TestSubgraph;
beforeAll(async () => {
  payments = await startTestSubgraph(createPaymentsSubgraph({}, silentLog));
});
afterAll(() => payments.close());

const entities = (selection: string) => `query ($it: [_Any!]!) { _entities(representations: $it) { ${selection} } }`;
const post = (number: number, more: object = {}) => ({ __typename: 'Post', id: seedId(1, number), ...more });

describe('entities of other subgraphs', () => {
  it('have a price when they are on the list, whatever kind of media they are', async () => {
    const it = [post(7), post(5), post(999), { __typename: 'Media', id: seedId(3, 1) }];
    const { data } = await payments.ask(
      ada,
      entities('... on Post { price { amount currency } } ... on Media { price { amount } }'),
      { it },
    );
    expect(data).toEqual({
      _entities: [
        { price: { amount: 1750, currency: 'USD' } },
        { price: null },
        { price: null },
        { price: { amount: 350 } },
      ],
    });
  });

  it('compute totals and tax of what content tells of a post', async () => {
    const it = [
      post(7, { discountPercent: 15, taxClass: 'EDITORIAL' }),
      post(5, { discountPercent: 0, taxClass: 'STANDARD' }),
    ];
    const selection =
      '... on Post { checkoutTotal(quantity: 3) { amount currency } checkoutTax(quantity: 3) { amount } }';
    const { data } = await payments.ask(user(3), entities(selection), { it });
    expect(data).toEqual({
      _entities: [
        { checkoutTotal: { amount: 4463, currency: 'USD' }, checkoutTax: { amount: 292 } },
        { checkoutTotal: null, checkoutTax: null },
      ],
    });
  });

  it('name the quantity that is out of bounds', async () => {
    const it = [post(7, { discountPercent: 0 })];
    const { errors } = await payments.ask(ada, entities('... on Post { checkoutTotal(quantity: 0) { amount } }'), {
      it,
    });
    expect(errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', argument: 'quantity' });
  });

  it('count the copies that were sold and not wholly refunded', async () => {
    // Post 1 was bought by users 3 (1) and 8 (3), and in vain by 4; post 15 by 6, who got the money back, and by 1.
    const { data } = await payments.ask(ada, entities('... on Post { purchaseCount }'), {
      it: [post(1), post(15), post(4)],
    });
    expect(data).toEqual({ _entities: [{ purchaseCount: 4 }, { purchaseCount: 1 }, { purchaseCount: 0 }] });
  });

  it('sum what a user earned, less refunds, in each currency', async () => {
    const selection = '... on User { balance { amount currency } gbp: balance(currency: GBP) { amount } }';
    const it = [2, 8, 12].map((number) => ({ __typename: 'User', id: seedId(0, number) }));
    expect((await payments.ask(ada, entities(selection), { it })).data).toEqual({
      _entities: [
        // Post 3 sold for 2700, of which 1350 went back, and for 1350; payment 18 for a podcast is not confirmed.
        { balance: { amount: 2700, currency: 'EUR' }, gbp: { amount: 0 } },
        { balance: { amount: 1620, currency: 'EUR' }, gbp: { amount: 2250 } },
        { balance: { amount: 0, currency: 'EUR' }, gbp: { amount: 0 } },
      ],
    });
  });

  it('tell of a bookmark whether its user paid, and only to that user and an ADMIN', async () => {
    const of = (user: number, post: number) => ({
      __typename: 'Bookmark',
      userId: seedId(0, user),
      postId: seedId(1, post),
    });
    const query = entities('... on Bookmark { purchased }');
    const it = [of(3, 3), of(3, 7), of(6, 15), of(1, 15)];
    expect((await payments.ask(ada, query, { it })).data).toEqual({
      _entities: [{ purchased: true }, { purchased: false }, { purchased: false }, { purchased: true }],
    });
    expect(errorsOf(await payments.ask(user(3), query, { it }))).toEqual([
      'FORBIDDEN _entities.2.purchased',
      'FORBIDDEN _entities.3.purchased',
    ]);
  });
});

describe('pages', () => {
  interface Page {
    payments: {
      nodes: { id: string }[];
      edges: { cursor: string }[];
      pageInfo: { hasNextPage: boolean; endCursor: string };
    };
  }
  const query = `query ($first: Int, $after: String) {
    payments(first: $first, after: $after) { nodes { id } edges { cursor } pageInfo { hasNextPage endCursor } }
  }`;

  it('walk through all payments of the caller, each once, newest first', async () => {
    const seen: string[] = [];
    let after: string | undefined;
    for (let pages = 1; ; pages += 1) {
      const { data } = await payments.ask<Page>(user(3), query, { first: 1, after });
      seen.push(...data.payments.nodes.map(({ id }) => id));
      if (!data.payments.pageInfo.hasNextPage) break;
      after = data.payments.pageInfo.endCursor;
      expect(pages).toBeLessThan(10);
    }
    expect(seen).toEqual([seedId(6, 13), seedId(6, 2), seedId(6, 1)]);
  });

  it.each([
    [{ first: 0 }, 'first'],
    [{ first: 101 }, 'first'],
    [{ after: 'x' }, 'after'],
    [{ after: Buffer.from('["payments",1,2]').toString('base64url') }, 'after'],
  ])('refuse %j', async (variables, argument) => {
    const { errors } = await payments.ask(user(3), query, variables);
    expect(errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', argument });
  });
});

describe('batching', () => {
  const ALL = Array.from({ length: 25 }, (_, index) => index + 1);

  it('answers any number of entities with one statement for each relation', async () => {
    const it = ALL.map((number) => post(number, { discountPercent: 10, taxClass: 'STANDARD' }));
    const selection = `... on Post {
      price { amount } checkoutTotal(quantity: 2) { amount } checkoutTax(quantity: 2) { amount } purchaseCount
      purchases(first: 2) { nodes { id payer { id } refunds { id payment { id } amount { amount } } } }
    }`;
    const statements = await payments.statementsDuring(async () => {
      expect(errorsOf(await payments.ask(ada, entities(selection), { it }))).toEqual([]);
    });
    // Prices, counts, purchases, refunds, and the payments of the refunds.
    expect(statements).toHaveLength(5);
  });

  it('answers any number of users, payments, refunds and bookmarks with one statement for each relation', async () => {
    const it = [
      ...ALL.slice(0, 12).map((number) => ({ __typename: 'User', id: seedId(0, number) })),
      ...ALL.slice(0, 20).map((number) => ({ __typename: 'Payment', id: seedId(6, number) })),
      ...ALL.slice(0, 4).map((number) => ({ __typename: 'Refund', id: seedId(7, number) })),
      ...ALL.slice(0, 12).map((number) => ({
        __typename: 'Bookmark',
        userId: seedId(0, number),
        postId: seedId(1, number),
      })),
    ];
    const selection = `
      ... on User { balance { amount } payments { nodes { status } } }
      ... on Payment { status } ... on Refund { reason } ... on Bookmark { purchased }`;
    const statements = await payments.statementsDuring(async () => {
      expect(errorsOf(await payments.ask(ada, entities(selection), { it }))).toEqual([]);
    });
    // Balances, pages, payments, refunds, the payments of the refunds, pairs.
    expect(statements.length).toBeLessThanOrEqual(6);
  });

  it('keeps aliases with other arguments apart', async () => {
    const selection =
      '... on Post { one: purchases(first: 1) { nodes { id } } two: purchases(first: 2) { nodes { id } } }';
    const { data } = await payments.ask(ada, entities(selection), { it: [post(15)] });
    expect(data).toEqual({
      _entities: [
        { one: { nodes: [{ id: seedId(6, 14) }] }, two: { nodes: [{ id: seedId(6, 14) }, { id: seedId(6, 5) }] } },
      ],
    });
  });
});
