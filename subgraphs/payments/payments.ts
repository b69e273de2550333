/**
 * The life of a payment in SQL: begin, confirm, cancel, settle. In: the caller and checked input. Out: rows.
 */

import { requireUser } from '../shared/access';
import { type Database, isUuid } from '../shared/database';
import { badUserInput, forbidden, notFound } from '../shared/errors';
import type { Events } from '../shared/events';
import type { Caller } from '../shared/identity';
import { mayRead } from './access';
import { checkoutTotal, checkQuantity } from './checkout';
import { checkIdempotencyKey, fingerprintOf, sameInput } from './idempotency';
import { withMoves } from './moves';
import type { Quotes } from './quotes';
import { type Item, type Money, type PaymentRow, type PriceRow, paymentColumns, priceColumns } from './rows';

export interface IntentInput {
  readonly postId?: string | null | undefined;
  readonly mediaId?: string | null | undefined;
  readonly quantity?: number | undefined;
  readonly quote?: string | null | undefined;
}

/**
 * Begins a payment, or answers the one that the same key and input began before.
 * Throws UNAUTHENTICATED, BAD_USER_INPUT, NOT_FOUND (not for sale), CONFLICT (key used with another input).
 */
export async function createIntent(
  db: Database,
  quotes: Quotes,
  caller: Caller,
  input: IntentInput,
  idempotencyKey: string,
): Promise<PaymentRow> {
  const payerId = requireUser(caller);
  checkIdempotencyKey(idempotencyKey);
  const item = readItem(input);
  const quantity = input.quantity ?? 1;
  const fingerprint = fingerprintOf(item.kind, item.id, quantity, input.quote);
  // Before anything of today is looked at: a repeated request outlives its quote and its price.
  const known = await findByKey(db, payerId, idempotencyKey);
  if (known) return sameInput(known, fingerprint);
  const price = await priceOf(db, item);
  const total = intentTotal(quotes, payerId, item, price, quantity, input.quote);
  const [made] = await db.query<PaymentRow>(
    `insert into payments (payer_id, seller_id, item_id, item_kind, quantity, amount, currency,
       idempotency_key, fingerprint)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (payer_id, idempotency_key) do nothing returning ${paymentColumns}`,
    [payerId, price.sellerId, item.id, item.kind, quantity, total.amount, total.currency, idempotencyKey, fingerprint],
  );
  if (made) return made;
  const winner = await findByKey(db, payerId, idempotencyKey);
  if (!winner) throw new Error('A payment that was in the way is gone');
  return sameInput(winner, fingerprint);
}

/** Exactly one of both ids, as a key. Throws BAD_USER_INPUT. */
export function readItem(input: Pick<IntentInput, 'postId' | 'mediaId'>): Item {
  const { postId, mediaId } = input;
  if ((postId === undefined || postId === null) === (mediaId === undefined || mediaId === null)) {
    throw badUserInput('Give exactly one of postId and mediaId.', 'input');
  }
  const [kind, id, argument] =
    typeof postId === 'string'
      ? (['POST', postId, 'input.postId'] as const)
      : (['MEDIA', mediaId, 'input.mediaId'] as const);
  if (!isUuid(id)) throw badUserInput('This is not an id.', argument);
  return { kind, id: id.toLowerCase() };
}

function intentTotal(
  quotes: Quotes,
  payerId: string,
  item: Item,
  price: PriceRow,
  quantity: number,
  quote: string | null | undefined,
): Money {
  checkQuantity(quantity, 'input.quantity');
  if (item.kind === 'MEDIA' && quantity !== 1) throw badUserInput('A media item is bought once.', 'input.quantity');
  if (quote === null || quote === undefined) return checkoutTotal(price, quantity, 0, 'input.quantity');
  if (item.kind === 'MEDIA') throw badUserInput('Quotes are for posts.', 'input.quote');
  return quotes.verify(quote, { userId: payerId, postId: item.id, quantity }, 'input.quote');
}

async function findByKey(db: Database, payerId: string, key: string): Promise<PaymentRow | undefined> {
  const sql = `select ${paymentColumns} from payments where payer_id = $1 and idempotency_key = $2`;
  return (await db.query<PaymentRow>(sql, [payerId, key]))[0];
}

async function priceOf(db: Database, item: Item): Promise<PriceRow> {
  const sql = `select ${priceColumns} from price_list where item_id = $1 and item_kind = $2`;
  const [price] = await db.query<PriceRow>(sql, [item.id, item.kind]);
  if (!price) throw notFound('This is not for sale.');
  return price;
}

/** The payer confirms: a card settles at once, a transfer waits for the provider. Throws as `ownPayment`, CONFLICT. */
export async function confirmPayment(
  db: Database,
  events: Events,
  caller: Caller,
  id: string,
  method: 'CARD' | 'BANK_TRANSFER',
): Promise<PaymentRow> {
  return await withMoves(db, events, async (tx, advance) => {
    const processing = await advance(await ownPayment(tx, caller, id), 'PROCESSING', { method });
    return method === 'CARD' ? await advance(processing, 'SUCCEEDED') : processing;
  });
}

/** The payer gives up what is not confirmed. Throws as `ownPayment`, CONFLICT. */
export async function cancelPayment(db: Database, events: Events, caller: Caller, id: string): Promise<PaymentRow> {
  return await withMoves(db, events, async (tx, advance) => advance(await ownPayment(tx, caller, id), 'CANCELED'));
}

/** Throws NOT_FOUND for who may not know of the payment, FORBIDDEN for who may see it and did not make it. */
async function ownPayment(tx: Database, caller: Caller, id: string): Promise<PaymentRow> {
  const userId = requireUser(caller);
  const payment = await lockReadable(tx, caller, id);
  if (payment.payerId !== userId) throw forbidden('Only the payer may do this.');
  return payment;
}

/** Holds a payment until the transaction ends. Throws NOT_FOUND when there is none or the caller may not read it. */
export async function lockReadable(tx: Database, caller: Caller, id: string): Promise<PaymentRow> {
  const payment = isUuid(id) ? await lock(tx, 'id', id) : undefined;
  if (!payment || !mayRead(caller, payment)) throw notFound('There is no such payment.');
  return payment;
}

/** Holds the payment that the provider calls `reference`; undefined when there is none. */
export async function lockByReference(tx: Database, reference: string): Promise<PaymentRow | undefined> {
  return isUuid(reference) ? await lock(tx, 'provider_reference', reference) : undefined;
}

async function lock(tx: Database, column: string, key: string): Promise<PaymentRow | undefined> {
  const sql = `select ${paymentColumns} from payments where ${column} = $1 for update`;
  return (await tx.query<PaymentRow>(sql, [key]))[0];
}
