/**
 * The webhook of the payment provider. Real: HTTP and Postgres. Fake: the provider, and the clock of signatures.
 */
import { request } from 'undici';
import { silentLog } from '../../src/telemetry/log';
import { createPaymentsSubgraph } from '../../subgraphs/payments/subgraph';
import { signWebhook } from '../../subgraphs/payments/webhook-signature';
import { startTestSubgraph, type TestSubgraph, user } from './payments-content-support';

const SECRET = 'the secret that the provider and payments share';
const NEXT_SECRET = 'the secret that will take its place next week';
const NOW = 1_800_000_000;
const buyer = user(3);

let payments: TestSubgraph;
let events = 0;

beforeAll(async () => {
  const env = { PAYMENTS_WEBHOOK_SECRET: `${SECRET},${NEXT_SECRET}` };
  payments = await startTestSubgraph(createPaymentsSubgraph(env, silentLog, () => NOW * 1000));
});
afterAll(() => payments.close());

const nextId = () => `evt_${++events}`;
const sign = (body: string, secret = SECRET, at = NOW) => ({ 'webhook-signature': signWebhook(body, secret, at) });

async function post(
  body: string | Buffer,
  headers: Record<string, string> = {},
): Promise<{ status: number; answer: unknown }> {
  const response = await request(`${payments.url}/webhooks/provider`, { method: 'POST', headers, body });
  return { status: response.statusCode, answer: await response.body.json() };
}

async function deliver(event: object): Promise<{ status: number; answer: unknown }> {
  const body = JSON.stringify(event);
  return await post(body, sign(body));
}

/** A payment that waits for its transfer, with the name that the provider knows it by. */
async function transfer(): Promise<{ id: string; reference: string }> {
  const key = nextId();
  const created = await payments.ask<{ it: { id: string } }>(
    buyer,
    'mutation ($postId: ID!, $key: String!) { it: createPaymentIntent(input: { postId: $postId }, idempotencyKey: $key) { id } }',
    { postId: '10000000-0000-4000-8000-000000000001', key },
  );
  const { id } = created.data.it;
  await payments.ask(buyer, 'mutation ($id: ID!) { confirmPayment(id: $id, method: BANK_TRANSFER) { id } }', { id });
  const [row] = await payments.db.query<{ reference: string }>(
    'select provider_reference as reference from payments where id = $1',
    [id],
  );
  return { id, reference: row!.reference };
}

async function read(id: string): Promise<unknown> {
  const { data } = await payments.ask<{ payment: unknown }>(
    buyer,
    'query ($id: ID!) { payment(id: $id) { status failureReason } }',
    { id },
  );
  return data.payment;
}

const event = (type: string, reference: string, more: object = {}) => ({
  id: nextId(),
  type,
  data: { reference, ...more },
});

describe('POST /webhooks/provider', () => {
  it('ends a transfer as the provider tells', async () => {
    const [paid, bounced] = [await transfer(), await transfer()];
    expect(await deliver(event('payment.succeeded', paid.reference))).toEqual({
      status: 200,
      answer: { status: 'processed' },
    });
    expect(await deliver(event('payment.failed', bounced.reference, { reason: 'account_closed' }))).toMatchObject({
      status: 200,
    });
    expect(await read(paid.id)).toEqual({ status: 'SUCCEEDED', failureReason: null });
    expect(await read(bounced.id)).toEqual({ status: 'FAILED', failureReason: 'account_closed' });
  });

  it('accepts a signature with either secret while one takes the place of the other', async () => {
    const { id, reference } = await transfer();
    const body = JSON.stringify(event('payment.succeeded', reference));
    expect(await post(body, sign(body, NEXT_SECRET))).toMatchObject({ status: 200 });
    expect(await read(id)).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('answers a replay without doing it again', async () => {
    const { reference } = await transfer();
    const told = event('payment.succeeded', reference);
    expect(await deliver(told)).toMatchObject({ answer: { status: 'processed' } });
    expect(await deliver(told)).toEqual({ status: 200, answer: { status: 'duplicate' } });
  });

  it('does once what is delivered 10 times at once', async () => {
    const { reference } = await transfer();
    const told = event('payment.succeeded', reference);
    const answers = await Promise.all(Array.from({ length: 10 }, () => deliver(told)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(answers.filter(({ answer }) => (answer as { status: string }).status === 'processed')).toHaveLength(1);
  });

  it('refuses another event under an id that is known', async () => {
    const [one, two] = [await transfer(), await transfer()];
    const told = event('payment.succeeded', one.reference);
    await deliver(told);
    expect(await deliver({ ...told, data: { reference: two.reference } })).toMatchObject({ status: 409 });
    expect(await read(two.id)).toMatchObject({ status: 'PROCESSING' });
  });

  it('refuses a wrong, foreign, old, early or missing signature with 401 and one answer, and does nothing', async () => {
    const { id, reference } = await transfer();
    const body = JSON.stringify(event('payment.succeeded', reference));
    const refused = { status: 401, answer: { status: 'refused', code: 'SIGNATURE_REFUSED' } };
    expect(await post(body, sign(`${body} `))).toEqual(refused);
    expect(await post(body, sign(body, 'whsec_development_only'))).toEqual(refused);
    expect(await post(body, sign(body, SECRET, NOW - 301))).toEqual(refused);
    expect(await post(body, sign(body, SECRET, NOW + 301))).toEqual(refused);
    expect(await post(body, { 'webhook-signature': 'v1=' })).toEqual(refused);
    expect(await post(body)).toEqual(refused);
    expect(await read(id)).toMatchObject({ status: 'PROCESSING' });
  });

  it('lets the provider try again what does not fit yet', async () => {
    const key = nextId();
    const { data } = await payments.ask<{ it: { id: string } }>(
      buyer,
      'mutation ($postId: ID!, $key: String!) { it: createPaymentIntent(input: { postId: $postId }, idempotencyKey: $key) { id } }',
      { postId: '10000000-0000-4000-8000-000000000001', key },
    );
    const { id } = data.it;
    const [row] = await payments.db.query<{ reference: string }>(
      'select provider_reference as reference from payments where id = $1',
      [id],
    );
    const told = event('payment.succeeded', row!.reference);
    expect(await deliver(told)).toMatchObject({ status: 409 });
    await payments.ask(buyer, 'mutation ($id: ID!) { confirmPayment(id: $id, method: BANK_TRANSFER) { id } }', { id });
    expect(await deliver(told)).toMatchObject({ status: 200, answer: { status: 'processed' } });
  });

  it('refuses an end that comes after another end', async () => {
    const { id, reference } = await transfer();
    await deliver(event('payment.failed', reference));
    expect(await deliver(event('payment.succeeded', reference))).toMatchObject({ status: 409 });
    expect(await read(id)).toEqual({ status: 'FAILED', failureReason: 'unknown' });
  });

  it('answers 404 for a payment that it does not know', async () => {
    expect(await deliver(event('payment.succeeded', '60000000-0000-4000-9000-999999999999'))).toMatchObject({
      status: 404,
    });
    expect(await deliver(event('payment.succeeded', 'pay_1'))).toMatchObject({ status: 404 });
  });

  it('keeps and ignores types that it does not know', async () => {
    expect(await deliver(event('invoice.created', 'x'))).toEqual({ status: 200, answer: { status: 'ignored' } });
  });

  it.each([
    ['no JSON', 'x'],
    ['null', 'null'],
    ['a list', '[]'],
    ['no id', '{"type":"t","data":{"reference":"r"}}'],
    ['an id that is no text', '{"id":1,"type":"t","data":{"reference":"r"}}'],
    ['no data', '{"id":"e","type":"t"}'],
    ['NUL', '{"id":"e\\u0000","type":"t","data":{"reference":"r"}}'],
    ['a very long id', JSON.stringify({ id: 'e'.repeat(201), type: 't', data: { reference: 'r' } })],
  ])('refuses %s with 400', async (_, body) => {
    expect(await post(body, sign(body))).toEqual({ status: 400, answer: { status: 'refused', code: 'BAD_REQUEST' } });
  });

  it('refuses a body over 64 KB and other methods', async () => {
    const body = JSON.stringify({ ...event('t', 'r'), padding: 'x'.repeat(65_536) });
    expect(await post(body, sign(body))).toMatchObject({ status: 413 });
    const get = await request(`${payments.url}/webhooks/provider`);
    expect(get.statusCode).toBe(405);
    await get.body.dump();
  });
});

describe('the secrets of payments', () => {
  it('must be there in production, and long enough everywhere', () => {
    expect(() => createPaymentsSubgraph({ NODE_ENV: 'production' }, silentLog)).toThrow(
      'PAYMENTS_WEBHOOK_SECRET must be set',
    );
    const short = { PAYMENTS_WEBHOOK_SECRET: `${SECRET},short` };
    expect(() => createPaymentsSubgraph(short, silentLog)).toThrow('at least 32 bytes');
    expect(() =>
      createPaymentsSubgraph({ NODE_ENV: 'production', ...short, PAYMENTS_WEBHOOK_SECRET: SECRET }, silentLog),
    ).not.toThrow();
  });
});
