import { checkoutTotal, includedTax } from '../../subgraphs/payments/checkout';
import { checkIdempotencyKey, fingerprintOf, sameInput } from '../../subgraphs/payments/idempotency';
import { assertTransition, type PaymentStatus, paymentTransitions } from '../../subgraphs/payments/payment-state';
import { createQuotes } from '../../subgraphs/payments/quotes';
import { signWebhook, TOLERANCE_S, verifyWebhook } from '../../subgraphs/payments/webhook-signature';
import { badUserInput } from '../../subgraphs/shared/errors';

const euros = (amount: number) => ({ amount, currency: 'EUR' as const });

describe('checkout totals', () => {
  it.each([
    [1050, 3, 15, 2678, 'half a cent up'],
    [1050, 1, 0, 1050, 'no discount'],
    [999, 1, 50, 500, 'half a cent up'],
    [1, 1, 90, 0, 'less than half a cent down'],
    [999_999, 100, 0, 99_999_900, 'near the largest'],
  ])('are exact: %i x %i less %i percent is %i (%s)', (amount, quantity, discount, total) => {
    expect(checkoutTotal(euros(amount), quantity, discount)).toEqual(euros(total));
  });

  it.each([0, -1, 101])('refuse the quantity %i and name the argument', (quantity) => {
    expect(() => checkoutTotal(euros(100), quantity, 0)).toThrow(
      expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT', argument: 'quantity' } }),
    );
  });

  it('refuse a total over the largest payment', () => {
    expect(() => checkoutTotal(euros(1_000_000), 100, 0)).toThrow(
      badUserInput('One payment cannot exceed 99999999 minor units.'),
    );
  });

  it('treat a discount that is no percentage as a defect, not as input', () => {
    expect(() => checkoutTotal(euros(100), 1, 120)).toThrow('discountPercent of content is not a percentage');
  });

  it('contain the tax of their class', () => {
    expect(includedTax(euros(11_900), 'STANDARD')).toEqual(euros(1900));
    expect(includedTax(euros(10_700), 'EDITORIAL')).toEqual(euros(700));
    expect(includedTax(euros(1), 'STANDARD')).toEqual(euros(0));
  });
});

describe('the state machine', () => {
  const all = Object.keys(paymentTransitions) as PaymentStatus[];
  const pairs = all.flatMap((from) => all.map((to) => [from, to] as const));

  it('has an end that every payment can reach', () => {
    expect(all.filter((status) => paymentTransitions[status].length === 0)).toEqual(['REFUNDED', 'FAILED', 'CANCELED']);
  });

  it.each(pairs.filter(([from, to]) => !paymentTransitions[from].includes(to)))('refuses %s to %s', (from, to) => {
    expect(() => assertTransition(from, to)).toThrow(
      expect.objectContaining({ extensions: { code: 'CONFLICT', from, to } }),
    );
  });

  it.each(pairs.filter(([from, to]) => paymentTransitions[from].includes(to)))('allows %s to %s', (from, to) => {
    expect(() => assertTransition(from, to)).not.toThrow();
  });
});

describe('idempotency', () => {
  it('tells inputs apart, also where text would run together', () => {
    expect(fingerprintOf('a', 'bc')).not.toBe(fingerprintOf('ab', 'c'));
    expect(fingerprintOf('1')).not.toBe(fingerprintOf(1));
    expect(fingerprintOf('a', undefined)).toBe(fingerprintOf('a', null));
  });

  it('answers what was made of the same input and refuses another with CONFLICT', () => {
    const made = { fingerprint: fingerprintOf('a') };
    expect(sameInput(made, fingerprintOf('a'))).toBe(made);
    expect(() => sameInput(made, fingerprintOf('b'))).toThrow(
      expect.objectContaining({ extensions: { code: 'CONFLICT' } }),
    );
  });

  it.each([
    ['empty', ''],
    ['too long', 'x'.repeat(201)],
    ['two words', 'two words'],
    ['with NUL', 'nul\0'],
    ['not ASCII', 'käse'],
  ])('refuses a key that is %s', (_, key) => {
    expect(() => checkIdempotencyKey(key)).toThrow(
      expect.objectContaining({ extensions: { code: 'BAD_USER_INPUT', argument: 'idempotencyKey' } }),
    );
  });
});

describe('quotes', () => {
  let now = 1_800_000_000_000;
  const quotes = createQuotes('secret', () => now);
  const subject = { userId: 'u', postId: 'p', quantity: 2 };
  const verify = (token: string, of = subject) => quotes.verify(token, of, 'input.quote');

  it('are worth their total to their user, for their post and quantity', () => {
    expect(verify(quotes.sign(subject, euros(1234)).token)).toEqual(euros(1234));
  });

  it.each([
    ['user', { ...subject, userId: 'v' }],
    ['post', { ...subject, postId: 'q' }],
    ['quantity', { ...subject, quantity: 3 }],
  ])('are worth nothing with another %s', (_, other) => {
    const { token } = quotes.sign(subject, euros(1));
    expect(() => verify(token, other)).toThrow('The quote is not valid for this purchase.');
  });

  it('are refused when their payload, signature or secret is not ours', () => {
    const { token } = quotes.sign(subject, euros(1234));
    const cheaper = Buffer.from(JSON.stringify(['u', 'p', 2, 1, 'EUR', now + 1e6])).toString('base64url');
    const forged = [`${cheaper}.${token.split('.')[1]}`, token.split('.')[0]!, `${token}.x`, '', '.', 'x'.repeat(2000)];
    forged.push(createQuotes('another', () => now).sign(subject, euros(1)).token);
    for (const attempt of forged) expect(() => verify(attempt)).toThrow('The quote is not valid for this purchase.');
  });

  it('expire after 15 minutes', () => {
    const { token, expiresAt } = quotes.sign(subject, euros(1234));
    now = expiresAt.getTime() - 1;
    expect(verify(token)).toEqual(euros(1234));
    now += 1;
    expect(() => verify(token)).toThrow('The quote has expired');
  });
});

describe('webhook signatures', () => {
  const now = 1_800_000_000;
  const body = Buffer.from('{"id":"evt_1"}');
  const verify = (header: string | string[] | undefined, secrets = ['new', 'old'], at = now) =>
    verifyWebhook(header, body, secrets, at * 1000);
  const good = signWebhook(body, 'new', now);

  it('are accepted under each valid secret, and among signatures of unknown ones', () => {
    expect(verify(good)).toEqual({ valid: true });
    expect(verify(signWebhook(body, 'old', now))).toEqual({ valid: true });
    expect(verify(`${good.replace('v1=', `v1=${'0'.repeat(64)},v0=x,v1=`)}`)).toEqual({ valid: true });
  });

  it('hold for five minutes to both sides', () => {
    expect(verify(good, ['new'], now + TOLERANCE_S)).toEqual({ valid: true });
    expect(verify(good, ['new'], now - TOLERANCE_S)).toEqual({ valid: true });
    expect(verify(good, ['new'], now + TOLERANCE_S + 1)).toEqual({ valid: false, cause: 'outside tolerance' });
    expect(verify(good, ['new'], now - TOLERANCE_S - 1)).toEqual({ valid: false, cause: 'outside tolerance' });
  });

  it('are bound to the body, the timestamp and the secret', () => {
    const mismatch = { valid: false, cause: 'mismatch' };
    expect(verifyWebhook(good, Buffer.from('{"id":"evt_2"}'), ['new'], now * 1000)).toEqual(mismatch);
    expect(verify(good.replace(`t=${now}`, `t=${now + 1}`))).toEqual(mismatch);
    expect(verify(signWebhook(body, 'unknown', now))).toEqual(mismatch);
    expect(verify(good, [])).toEqual(mismatch);
  });

  it.each([
    ['empty', ''],
    ['without signature', 't=1'],
    ['without timestamp', `v1=${'0'.repeat(64)}`],
    ['with a timestamp in words', `t=now,v1=${'0'.repeat(64)}`],
    ['with a short signature', `t=${now},v1=abc`],
    ['with two timestamps', `${good},t=${now}`],
    ['very long', `${good},${'x'.repeat(2000)}`],
  ])('that are malformed are refused: %s', (_, header) => {
    expect(verify(header)).toEqual({ valid: false, cause: 'malformed' });
  });

  it('that are missing or sent twice are refused', () => {
    expect(verify(undefined)).toEqual({ valid: false, cause: 'missing' });
    expect(verify([good, good])).toEqual({ valid: false, cause: 'malformed' });
  });
});
