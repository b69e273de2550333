/**
 * What payers hear of their payments. Real: Postgres, sockets of graphql-ws, the provider's signed webhook.
 */
import type { Client } from 'graphql-ws';
import { silentLog } from '../../src/telemetry/log';
import { createPaymentsSubgraph } from '../../subgraphs/payments/subgraph';
import { signWebhook } from '../../subgraphs/payments/webhook-signature';
import { createLocalEvents } from '../../subgraphs/shared/events';
import { NOTIFICATIONS_TOPIC } from '../../subgraphs/shared/notifications';
import { hear, openSocket, until } from './live-support';
import { ada, errorsOf, nobody, seedId, startTestSubgraph, type TestSubgraph, user } from './payments-content-support';

const events = createLocalEvents();
const [payer, other] = [user(10), user(11)];
const CHANGED = 'subscription ($id: ID) { it: paymentStatusChanged(id: $id) { id status refundedAmount { amount } } }';
let payments: TestSubgraph;
let socket: Client;
let intents = 0;

beforeAll(async () => {
  payments = await startTestSubgraph(createPaymentsSubgraph({}, silentLog), events);
  socket = openSocket(payments.url);
});

afterAll(async () => {
  await socket.dispose();
  await payments.close();
});

async function begin(): Promise<string> {
  intents += 1;
  const query =
    'mutation ($input: PaymentIntentInput!, $key: String!) { it: createPaymentIntent(input: $input, idempotencyKey: $key) { id } }';
  const [price] = await payments.db.query<{ id: string }>(
    "select item_id as id from price_list where item_kind = 'POST' and seller_id <> $1 order by 1 limit 1",
    [payer.id],
  );
  const { data } = await payments.ask<{ it: { id: string } }>(payer, query, {
    input: { postId: price?.id },
    key: `live-${intents}`,
  });
  return data.it.id;
}

const listeners = () => events.listeners(`payments:paymentStatusChanged:${payer.id}`);

describe('paymentStatusChanged', () => {
  it('tells the payer of every step, in order, and nobody else', async () => {
    const id = await begin();
    const heard = hear(socket, payer, CHANGED);
    const stranger = hear(socket, other, CHANGED, { id });
    const inbox = await events.listen(NOTIFICATIONS_TOPIC);
    await until(() => listeners() === 1 && events.listeners(`payments:paymentStatusChanged:${other.id}`) === 1);
    await payments.ask(payer, 'mutation ($id: ID!) { confirmPayment(id: $id) { id } }', { id });
    const refund =
      'mutation ($input: RefundInput!) { it: refundPayment(input: $input, idempotencyKey: "live") { id } }';
    for (let time = 0; time < 2; time += 1) await payments.ask(ada, refund, { input: { paymentId: id, amount: 1 } });
    await payments.ask(ada, refund.replace('"live"', '"rest"'), { input: { paymentId: id } });
    await until(() => heard.events.length === 4);
    expect(heard.events.map(({ it }) => [it.id, it.status, it.refundedAmount.amount])).toEqual([
      [id, 'PROCESSING', 0],
      [id, 'SUCCEEDED', 0],
      [id, 'PARTIALLY_REFUNDED', 1],
      [id, 'REFUNDED', expect.any(Number)],
    ]);
    expect(stranger.events).toEqual([]);
    expect((await inbox.next()).value).toMatchObject({
      userId: payer.id,
      kind: 'PAYMENT',
      subject: { kind: 'Payment', id },
    });
    await inbox.return();
    heard.stop();
    stranger.stop();
    await until(() => listeners() === 0);
  });

  it('tells of one payment only, when asked so, and not of what was refused', async () => {
    const [one, two] = [await begin(), await begin()];
    const heard = hear(socket, payer, CHANGED, { id: two.toUpperCase() });
    await until(() => listeners() === 1);
    const cancel = (id: string) => payments.ask(payer, 'mutation ($id: ID!) { cancelPayment(id: $id) { id } }', { id });
    await cancel(one);
    await cancel(two);
    expect(errorsOf(await cancel(two))).toEqual(['CONFLICT cancelPayment']);
    await until(() => heard.events.length === 1);
    expect(heard.events.map(({ it }) => [it.id, it.status])).toEqual([[two, 'CANCELED']]);
    heard.stop();
    await until(() => listeners() === 0);
  });

  it('tells what the provider decided', async () => {
    const id = await begin();
    await payments.ask(payer, 'mutation ($id: ID!) { confirmPayment(id: $id, method: BANK_TRANSFER) { id } }', { id });
    const heard = hear(socket, payer, CHANGED);
    await until(() => listeners() === 1);
    const [row] = await payments.db.query<{ reference: string }>(
      'select provider_reference as reference from payments where id = $1',
      [id],
    );
    const body = JSON.stringify({ id: 'evt_live', type: 'payment.failed', data: { reference: row?.reference } });
    const headers = { 'webhook-signature': signWebhook(body, 'whsec_development_only', Math.floor(Date.now() / 1000)) };
    for (let time = 0; time < 2; time += 1) {
      const { status } = await fetch(`${payments.url}/webhooks/provider`, { method: 'POST', headers, body });
      expect(status).toBe(200);
    }
    await until(() => heard.events.length > 0);
    expect(heard.events.map(({ it }) => it.status)).toEqual(['FAILED']);
    heard.stop();
    await until(() => listeners() === 0);
  });

  it('is not for who did not sign in', async () => {
    const refused = hear(socket, nobody, CHANGED, { id: seedId(6, 1) });
    await until(() => refused.hasEnded);
    expect(refused.errors.map(({ extensions }) => extensions?.code)).toEqual(['UNAUTHENTICATED']);
  });
});
