/**
 * The payments subgraph behind its GraphQL API. Real: HTTP, Postgres, identity tokens. Observed: answers and tables.
 */

import { silentLog } from '../../src/telemetry/log';
import { paymentTransitions } from '../../subgraphs/payments/payment-state';
import { createPaymentsSubgraph } from '../../subgraphs/payments/subgraph';
import { ada, errorsOf, nobody, seedId, startTestSubgraph, type TestSubgraph, user } from './payments-content-support';

interface Payment {
  id: string;
  status: string;
  amount: { amount: number; currency: string };
  refundedAmount: { amount: number };
  refunds: { id: string; amount: { amount: number } }[];
}

const PAYMENT =
  '{ id status method quantity amount { amount currency } refundedAmount { amount } refunds { id amount { amount } } }';
const CREATE = `mutation ($input: PaymentIntentInput!, $key: String!) { it: createPaymentIntent(input: $input, idempotencyKey: $key) ${PAYMENT} }`;
const CONFIRM = `mutation ($id: ID!, $method: PaymentMethod! = CARD) { it: confirmPayment(id: $id, method: $method) ${PAYMENT} }`;
const CANCEL = `mutation ($id: ID!) { it: cancelPayment(id: $id) ${PAYMENT} }`;
const REFUND = `mutation ($input: RefundInput!, $key: String!) {
  it: refundPayment(input: $input, idempotencyKey: $key) { id amount { amount currency } reason requestedBy { id } payment ${PAYMENT} }
}`;

// Post 1 is ada's, 1250 EUR; the buyer is user 3.
const POST = seedId(1, 1);
const buyer = user(3);
const stranger = user(11);

let payments: TestSubgraph;
let keys = 0;

beforeAll(async () => {
  payments = await startTestSubgraph(createPaymentsSubgraph({}, silentLog));
});
afterAll(() => payments.close());

const nextKey = () => `key-${++keys}`;

async function create(input: object = { postId: POST }, caller = buyer): Promise<Payment> {
  const { data } = await payments.ask<{ it: Payment }>(caller, CREATE, { input, key: nextKey() });
  return data.it;
}

async function succeed(input?: object): Promise<Payment> {
  const { id } = await create(input);
  const { data } = await payments.ask<{ it: Payment }>(buyer, CONFIRM, { id });
  return data.it;
}

const refund = (paymentId: string, amount?: number, key = nextKey(), caller = ada) =>
  payments.ask<{ it: { id: string; payment: Payment } | null }>(caller, REFUND, { input: { paymentId, amount }, key });

describe('createPaymentIntent', () => {
  it('begins a payment at the price of the list, in integer minor units', async () => {
    expect(await create({ postId: POST, quantity: 3 })).toMatchObject({
      status: 'REQUIRES_CONFIRMATION',
      quantity: 3,
      amount: { amount: 3750, currency: 'EUR' },
      refundedAmount: { amount: 0 },
      refunds: [],
    });
    expect(await create({ mediaId: seedId(3, 1) })).toMatchObject({ quantity: 1, amount: { amount: 350 } });
  });

  it('makes one payment of 20 concurrent calls with one key', async () => {
    const key = nextKey();
    const before = await countPayments();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => payments.ask<{ it: Payment }>(buyer, CREATE, { input: { postId: POST }, key })),
    );
    expect(answers.flatMap(errorsOf)).toEqual([]);
    expect(new Set(answers.map(({ data }) => data.it.id)).size).toBe(1);
    expect(await countPayments()).toBe(before + 1);
  });

  it('lets one of two inputs win when they race for one key, and refuses the other', async () => {
    const key = nextKey();
    const answers = await Promise.all(
      [1, 2, 1, 2].map((quantity) => payments.ask(buyer, CREATE, { input: { postId: POST, quantity }, key })),
    );
    expect(answers.flatMap(errorsOf)).toEqual(['CONFLICT it', 'CONFLICT it']);
  });

  it('answers the same payment to the same key and input later, whatever became of price and payment', async () => {
    const key = nextKey();
    const input = { postId: seedId(1, 2) };
    const first = await payments.ask<{ it: Payment }>(buyer, CREATE, { input, key });
    await payments.ask(buyer, CONFIRM, { id: first.data.it.id });
    await payments.db.query('delete from price_list where item_id = $1', [seedId(1, 2)]);
    const again = await payments.ask<{ it: Payment }>(buyer, CREATE, { input, key });
    expect(again.data.it).toMatchObject({ id: first.data.it.id, status: 'SUCCEEDED', amount: first.data.it.amount });
  });

  it('refuses the same key with another input with CONFLICT', async () => {
    const key = nextKey();
    await payments.ask(buyer, CREATE, { input: { postId: POST }, key });
    for (const input of [{ postId: POST, quantity: 2 }, { postId: seedId(1, 3) }, { postId: POST, quote: 'x' }]) {
      expect(errorsOf(await payments.ask(buyer, CREATE, { input, key }))).toEqual(['CONFLICT it']);
    }
  });

  it('keeps the keys of users apart', async () => {
    const key = nextKey();
    const mine = await payments.ask<{ it: Payment }>(buyer, CREATE, { input: { postId: POST }, key });
    const theirs = await payments.ask<{ it: Payment }>(stranger, CREATE, { input: { postId: POST }, key });
    expect(theirs.data.it.id).not.toBe(mine.data.it.id);
  });

  it.each([
    ['no item', {}, 'input'],
    ['two items', { postId: POST, mediaId: seedId(3, 1) }, 'input'],
    ['an id that is none', { postId: 'x' }, 'input.postId'],
    ['an empty id', { mediaId: '' }, 'input.mediaId'],
    ['nothing of it', { postId: POST, quantity: 0 }, 'input.quantity'],
    ['too much of it', { postId: POST, quantity: 101 }, 'input.quantity'],
    ['two of a media item', { mediaId: seedId(3, 1), quantity: 2 }, 'input.quantity'],
    ['a quote that is none', { postId: POST, quote: 'x.y' }, 'input.quote'],
    ['a quote for media', { mediaId: seedId(3, 1), quote: 'x.y' }, 'input.quote'],
  ])('refuses %s and names the field', async (_, input, argument) => {
    const { errors } = await payments.ask(buyer, CREATE, { input, key: nextKey() });
    expect(errors?.map(({ extensions }) => extensions)).toEqual([{ code: 'BAD_USER_INPUT', argument }]);
  });

  it('refuses what is not for sale, a bad key, and nobody', async () => {
    const notForSale = { input: { postId: seedId(1, 5) }, key: nextKey() };
    expect(errorsOf(await payments.ask(buyer, CREATE, notForSale))).toEqual(['NOT_FOUND it']);
    const badKey = { input: { postId: POST }, key: 'two words' };
    expect(errorsOf(await payments.ask(buyer, CREATE, badKey))).toEqual(['BAD_USER_INPUT it']);
    const fine = { input: { postId: POST }, key: nextKey() };
    expect(errorsOf(await payments.ask(nobody, CREATE, fine))).toEqual(['UNAUTHENTICATED it']);
    const foreign = { ...buyer, id: 'auth0|alice' };
    expect(errorsOf(await payments.ask(foreign, CREATE, fine))).toEqual(['FORBIDDEN it']);
  });

  async function countPayments(): Promise<number> {
    const [row] = await payments.db.query<{ count: number }>('select count(*) as count from payments');
    return row!.count;
  }
});

describe('a quote', () => {
  const QUOTE = `query ($it: [_Any!]!, $quantity: Int!) {
    _entities(representations: $it) { ... on Post { checkoutTotal(quantity: $quantity) { amount } checkoutQuote(quantity: $quantity) { total { amount } token } } }
  }`;
  interface Quoted {
    _entities: [
      { checkoutTotal: { amount: number }; checkoutQuote: { total: { amount: number }; token: string } | null },
    ];
  }
  const representation = { __typename: 'Post', id: POST, discountPercent: 15 };
  const ask = (quantity: number) => payments.ask<Quoted>(buyer, QUOTE, { it: [representation], quantity });

  it('carries the discount of content into the payment', async () => {
    const [{ checkoutTotal, checkoutQuote }] = (await ask(3)).data._entities;
    expect(checkoutTotal.amount).toBe(3188);
    expect(checkoutQuote?.total.amount).toBe(3188);
    const payment = await create({ postId: POST, quantity: 3, quote: checkoutQuote?.token });
    expect(payment.amount).toEqual({ amount: 3188, currency: 'EUR' });
  });

  it('is worth nothing to somebody else or for more copies', async () => {
    const quote = (await ask(1)).data._entities[0].checkoutQuote?.token;
    for (const [caller, quantity] of [
      [stranger, 1],
      [buyer, 2],
    ] as const) {
      const input = { postId: POST, quantity, quote };
      expect(errorsOf(await payments.ask(caller, CREATE, { input, key: nextKey() }))).toEqual(['BAD_USER_INPUT it']);
    }
  });

  it('is given to nobody who is not signed in', async () => {
    const answer = await payments.ask<Quoted>(nobody, QUOTE, { it: [representation], quantity: 1 });
    expect(errorsOf(answer)).toEqual(['UNAUTHENTICATED _entities.0.checkoutQuote']);
    expect(answer.data._entities[0]).toEqual({ checkoutTotal: { amount: 1063 }, checkoutQuote: null });
  });
});

describe('the state machine', () => {
  it('settles a card at once and leaves a transfer to the provider', async () => {
    expect(await succeed()).toMatchObject({ status: 'SUCCEEDED', method: 'CARD' });
    const { id } = await create();
    const transfer = await payments.ask<{ it: Payment }>(buyer, CONFIRM, { id, method: 'BANK_TRANSFER' });
    expect(transfer.data.it).toMatchObject({ status: 'PROCESSING', method: 'BANK_TRANSFER' });
  });

  it('refuses to confirm, cancel or refund a payment in each status where that is forbidden', async () => {
    // Of the seed: 13 REQUIRES_CONFIRMATION, 7 PROCESSING, 1 SUCCEEDED, 10 FAILED, 12 CANCELED, 2 and 5 refunded.
    const confirm = { 7: 9, 1: 3, 10: 2, 12: 11, 2: 3, 5: 6 };
    for (const [number, payer] of Object.entries(confirm)) {
      const id = seedId(6, Number(number));
      expect(errorsOf(await payments.ask(user(payer), CONFIRM, { id }))).toEqual(['CONFLICT it']);
      expect(errorsOf(await payments.ask(user(payer), CANCEL, { id }))).toEqual(['CONFLICT it']);
    }
    for (const number of [13, 7, 10, 12, 5]) {
      expect(errorsOf(await refund(seedId(6, number)))).toEqual(['CONFLICT it']);
    }
  });

  it('lets one of a concurrent confirmation and cancellation win', async () => {
    const { id } = await create();
    const answers = await Promise.all([CONFIRM, CANCEL, CONFIRM, CANCEL].map((it) => payments.ask(buyer, it, { id })));
    expect(answers.flatMap(errorsOf)).toEqual(['CONFLICT it', 'CONFLICT it', 'CONFLICT it']);
  });

  it('is the same in code and database', async () => {
    const inCode = Object.entries(paymentTransitions).flatMap(([from, follow]) => follow.map((to) => `${from} ${to}`));
    const rows = await payments.db.query<{ move: string }>(
      `select from_status || ' ' || to_status as move from payment_transitions`,
    );
    expect(rows.map(({ move }) => move).sort()).toEqual(inCode.sort());
  });

  it('holds in the database where the code forgets it', async () => {
    const { db } = payments;
    const { id } = await succeed();
    const update = (set: string) => db.query(`update payments set ${set} where id = $1`, [id]);
    await expect(update(`status = 'PROCESSING'`)).rejects.toThrow(
      'a payment that is SUCCEEDED cannot become PROCESSING',
    );
    await expect(update('amount = 1')).rejects.toThrow('what a payment began with never changes');
    await expect(update(`payer_id = seller_id`)).rejects.toThrow('what a payment began with never changes');
    await expect(update(`status = 'REFUNDED'`)).rejects.toThrow('payments_status_tells_refunded');
    await expect(update(`status = 'REFUNDED', refunded = amount`)).rejects.toThrow('do not add up');
    await expect(update(`refunded = amount + 1`)).rejects.toThrow();
    await expect(
      db.query(
        `insert into refunds (payment_id, amount, requested_by, idempotency_key, fingerprint)
         values ($1, 1, $2, 'behind', 'x')`,
        [id, ada.id],
      ),
    ).rejects.toThrow('do not add up');
    await expect(
      db.query(
        `insert into payments (payer_id, seller_id, item_id, item_kind, quantity, amount, currency, status,
           idempotency_key, fingerprint) values ($1, $1, $1, 'POST', 1, 1, 'EUR', 'SUCCEEDED', 'behind', 'x')`,
        [ada.id],
      ),
    ).rejects.toThrow('a payment begins as REQUIRES_CONFIRMATION');
  });
});

describe('refundPayment', () => {
  it('gives back parts until nothing is left', async () => {
    const { id } = await succeed();
    const first = await refund(id, 1000);
    expect(first.data.it?.payment).toMatchObject({ status: 'PARTIALLY_REFUNDED', refundedAmount: { amount: 1000 } });
    expect(errorsOf(await refund(id, 251))).toEqual(['BAD_USER_INPUT it']);
    const rest = await refund(id);
    expect(rest.data.it?.payment).toMatchObject({
      status: 'REFUNDED',
      refundedAmount: { amount: 1250 },
      refunds: [{ amount: { amount: 1000 } }, { amount: { amount: 250 } }],
    });
    expect(errorsOf(await refund(id, 1))).toEqual(['CONFLICT it']);
  });

  it('never gives back more than was paid, however many refunds race', async () => {
    const { id } = await succeed();
    const answers = await Promise.all(Array.from({ length: 10 }, () => refund(id, 700)));
    expect(answers.flatMap(errorsOf)).toEqual(Array.from({ length: 9 }, () => 'BAD_USER_INPUT it'));
    const [row] = await payments.db.query<{ refunded: number; total: number }>(
      `select refunded, (select sum(amount) from refunds where payment_id = payments.id) as total
       from payments where id = $1`,
      [id],
    );
    expect(row).toEqual({ refunded: 700, total: 700 });
  });

  it('makes one refund of 20 concurrent calls with one key', async () => {
    const { id } = await succeed();
    const key = nextKey();
    const answers = await Promise.all(Array.from({ length: 20 }, () => refund(id, 10, key)));
    expect(new Set(answers.map(({ data }) => data.it?.id)).size).toBe(1);
    expect(answers[0]?.data.it?.payment.refunds).toHaveLength(1);
  });

  it('refuses a key that refunded something else, also when both come at once', async () => {
    const [one, two] = [await succeed(), await succeed()];
    const key = nextKey();
    const answers = await Promise.all([refund(one.id, 10, key), refund(two.id, 10, key)]);
    expect(answers.flatMap(errorsOf)).toEqual(['CONFLICT it']);
    expect(errorsOf(await refund(one.id, 11, key))).toEqual(['CONFLICT it']);
  });

  it('is for the seller and for an ADMIN, and tells others as little as they may know', async () => {
    const { id } = await succeed();
    expect(errorsOf(await refund(id, 1, nextKey(), user(1)))).toEqual([]);
    expect(errorsOf(await refund(id, 1, nextKey(), buyer))).toEqual(['FORBIDDEN it']);
    expect(errorsOf(await refund(id, 1, nextKey(), stranger))).toEqual(['NOT_FOUND it']);
    expect(errorsOf(await payments.ask(nobody, REFUND, { input: { paymentId: id }, key: nextKey() }))).toEqual([
      'UNAUTHENTICATED it',
    ]);
  });

  it('refuses amounts and reasons out of bounds', async () => {
    const { id } = await succeed();
    for (const amount of [0, -5, 1251, 2 ** 31 - 1]) {
      expect(errorsOf(await refund(id, amount))).toEqual(['BAD_USER_INPUT it']);
    }
    for (const reason of ['x'.repeat(501), 'nul\0']) {
      const answer = await payments.ask(ada, REFUND, { input: { paymentId: id, reason }, key: nextKey() });
      expect(errorsOf(answer)).toEqual(['BAD_USER_INPUT it']);
    }
    expect(errorsOf(await refund('not-an-id', 1))).toEqual(['NOT_FOUND it']);
  });

  it('keeps the list of refunds bounded: the fiftieth must give back all that is left', async () => {
    const { id } = await succeed();
    for (let count = 1; count < 50; count += 1) await refund(id, 1);
    expect(errorsOf(await refund(id, 1))).toEqual(['CONFLICT it']);
    const last = await refund(id);
    expect(last.data.it?.payment).toMatchObject({ status: 'REFUNDED' });
    expect(last.data.it?.payment.refunds).toHaveLength(50);
  }, 30_000);
});
