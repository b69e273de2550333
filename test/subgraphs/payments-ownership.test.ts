/**
 * Who may read and do what in payments. Real: HTTP, Postgres, identity tokens. Observed: answers.
 */
import { silentLog } from '../../src/telemetry/log';
import { createPaymentsSubgraph } from '../../subgraphs/payments/subgraph';
import type { Caller } from '../../subgraphs/shared/identity';
import { ada, errorsOf, nobody, seedId, startTestSubgraph, type TestSubgraph, user } from './payments-content-support';

// Post 1 is ada's; payment 13 of user 3 waits for confirmation.
const POST = seedId(1, 1);
const buyer = user(3);
const stranger = user(11);

let payments: TestSubgraph;
beforeAll(async () => {
  payments = await startTestSubgraph(createPaymentsSubgraph({}, silentLog));
});
afterAll(() => payments.close());

describe('ownership', () => {
  const READ = 'query ($id: ID!) { payment(id: $id) { id } }';
  const USER = `query ($it: [_Any!]!) { _entities(representations: $it) { ... on User { payments { nodes { id } } balance { amount } } } }`;
  const self = { it: [{ __typename: 'User', id: buyer.id }] };

  it('shows a payment to its payer, its seller and an ADMIN, and is null for others as for unknown ids', async () => {
    // Payment 2: user 3 bought of user 2.
    const id = seedId(6, 2);
    for (const caller of [user(3), user(2), ada]) {
      expect((await payments.ask(caller, READ, { id })).data).toEqual({ payment: { id } });
    }
    for (const [caller, unknown] of [
      [stranger, id],
      [user(1), id],
      [ada, seedId(6, 999)],
      [ada, 'x'],
    ] as const) {
      const answer = await payments.ask(caller, READ, { id: unknown });
      expect([answer.data, answer.errors]).toEqual([{ payment: null }, undefined]);
    }
    expect(errorsOf(await payments.ask(nobody, READ, { id }))).toEqual(['UNAUTHENTICATED payment']);
  });

  it('does not show a payment or a refund through a reference either', async () => {
    const [refunded] = await payments.db.query<{ reference: string }>(
      'select provider_reference as reference from payments where id = $1',
      [seedId(6, 2)],
    );
    const it = [
      { __typename: 'Payment', id: seedId(6, 2) },
      { __typename: 'Payment', providerReference: refunded?.reference },
      { __typename: 'Refund', id: seedId(7, 1) },
    ];
    const query = 'query ($it: [_Any!]!) { _entities(representations: $it) { __typename } }';
    expect((await payments.ask(stranger, query, { it })).data).toEqual({ _entities: [null, null, null] });
    expect((await payments.ask(buyer, query, { it })).data).toEqual({
      _entities: [{ __typename: 'Payment' }, { __typename: 'Payment' }, { __typename: 'Refund' }],
    });
  });

  it('shows payments and balance of a user to that user and an ADMIN alone', async () => {
    expect(errorsOf(await payments.ask(buyer, USER, self))).toEqual([]);
    expect(errorsOf(await payments.ask(ada, USER, self))).toEqual([]);
    for (const [caller, code] of [
      [stranger, 'FORBIDDEN'],
      [nobody, 'UNAUTHENTICATED'],
    ] as const) {
      const answer = await payments.ask(caller, USER, self);
      expect(errorsOf(answer).sort()).toEqual([`${code} _entities.0.balance`, `${code} _entities.0.payments`]);
      expect(answer.data).toEqual({ _entities: [{ payments: null, balance: null }] });
    }
  });

  it('lets only the payer confirm and cancel', async () => {
    const id = seedId(6, 13);
    for (const field of ['confirmPayment', 'cancelPayment']) {
      const mutation = `mutation ($id: ID!) { it: ${field}(id: $id) { id } }`;
      expect(errorsOf(await payments.ask(ada, mutation, { id }))).toEqual(['FORBIDDEN it']);
      expect(errorsOf(await payments.ask(stranger, mutation, { id }))).toEqual(['NOT_FOUND it']);
      expect(errorsOf(await payments.ask(nobody, mutation, { id }))).toEqual(['UNAUTHENTICATED it']);
    }
  });

  it('lets only an ADMIN set prices, within bounds', async () => {
    const input = { postId: POST, sellerId: ada.id, price: { amount: 1250, currency: 'EUR' } };
    expect(errorsOf(await setPrice(input, user(1)))).toEqual(['FORBIDDEN setPrice']);
    expect(errorsOf(await setPrice(input, nobody))).toEqual(['UNAUTHENTICATED setPrice']);
    expect(errorsOf(await setPrice({ ...input, sellerId: 'x' }))).toEqual(['BAD_USER_INPUT setPrice']);
    for (const amount of [0, 100_000_000]) {
      const answer = await setPrice({ ...input, price: { amount, currency: 'EUR' } });
      expect(answer.errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', argument: 'input.price.amount' });
    }
    expect((await setPrice(input)).data).toEqual({ setPrice: { post: { id: POST }, price: { amount: 1250 } } });
  });

  it('shows of the purchases of a post what the caller may read', async () => {
    const query =
      'query ($it: [_Any!]!) { _entities(representations: $it) { ... on Post { purchases { nodes { payer { id } } } } } }';
    const payersSeenBy = async (caller: Caller) => {
      const { data } = await payments.ask<{ _entities: [{ purchases: { nodes: { payer: { id: string } }[] } }] }>(
        caller,
        query,
        { it: [{ __typename: 'Post', id: seedId(1, 15) }] },
      );
      return data._entities[0].purchases.nodes.map(({ payer }) => payer.id);
    };
    const all = [seedId(0, 1), seedId(0, 6)];
    expect(await payersSeenBy(ada)).toEqual(all);
    expect(await payersSeenBy(user(8))).toEqual(all);
    expect(await payersSeenBy(user(6))).toEqual([seedId(0, 6)]);
    expect(await payersSeenBy(stranger)).toEqual([]);
    expect(await payersSeenBy(nobody)).toEqual([]);
  });
});

async function setPrice(input: object, caller: Caller = ada) {
  const query = 'mutation ($input: PriceInput!) { setPrice(input: $input) { post { id } price { amount } } }';
  return await payments.ask(caller, query, { input });
}
