/**
 * The price list: what is for sale, for how much, and who is paid. Kept by ADMINs, for they know who wrote what.
 */

import { requireAdmin } from '../shared/access';
import { type Database, isUuid } from '../shared/database';
import { badUserInput } from '../shared/errors';
import type { Caller } from '../shared/identity';
import { MAX_AMOUNT } from './checkout';
import { type IntentInput, readItem } from './payments';
import { type Money, type PriceRow, priceColumns } from './rows';

export interface PriceRequest extends Pick<IntentInput, 'postId' | 'mediaId'> {
  readonly sellerId: string;
  readonly price: Money;
}

/** Sets or changes a price. Throws UNAUTHENTICATED, FORBIDDEN, BAD_USER_INPUT. */
export async function setPrice(db: Database, caller: Caller, input: PriceRequest): Promise<PriceRow> {
  requireAdmin(caller);
  const item = readItem(input);
  if (!isUuid(input.sellerId)) throw badUserInput('This is not an id.', 'input.sellerId');
  const { amount, currency } = input.price;
  if (amount < 1 || amount > MAX_AMOUNT) {
    throw badUserInput(`A price is between 1 and ${MAX_AMOUNT} minor units.`, 'input.price.amount');
  }
  const [price] = await db.query<PriceRow>(
    `insert into price_list (item_id, item_kind, seller_id, amount, currency) values ($1, $2, $3, $4, $5)
     on conflict (item_id) do update set item_kind = excluded.item_kind, seller_id = excluded.seller_id,
       amount = excluded.amount, currency = excluded.currency, updated_at = now()
     returning ${priceColumns}`,
    [item.id, item.kind, input.sellerId.toLowerCase(), amount, currency],
  );
  if (!price) throw new Error('A price was not written');
  return price;
}
