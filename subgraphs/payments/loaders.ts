/**
 * What payments reads, batched. In: keys of one request. Out: rows. Clock: per request, and anew after each mutation.
 * Payments come only to those who may read them.
 */

import { callerId, isAdmin } from '../shared/access';
import type { Page } from '../shared/connection';
import { type Database, isUuid } from '../shared/database';
import type { Caller } from '../shared/identity';
import { createRowLoader, createRowsLoader, type Loader, perArguments } from '../shared/loader';
import { mayRead } from './access';
import {
  type Currency,
  type PaymentRow,
  type PriceRow,
  paymentColumns,
  priceColumns,
  type RefundRow,
  refundColumns,
} from './rows';

/** The order of all lists of payments: newest first. */
export const paymentKeys = ['timestamp', 'uuid'] as const;
export type PaymentPage = Page<typeof paymentKeys>;
/** Before every row: where the first page begins. */
const NEWEST = ['infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];

export interface PaymentsLoaders {
  readonly payment: Loader<PaymentRow | null>;
  readonly paymentByReference: Loader<PaymentRow | null>;
  readonly refund: Loader<RefundRow | null>;
  readonly refundsOfPayment: Loader<RefundRow[]>;
  readonly price: Loader<PriceRow | null>;
  readonly soldCount: Loader<{ readonly itemId: string; readonly count: number } | null>;
  readonly earned: (currency: Currency) => Loader<{ readonly sellerId: string; readonly amount: number } | null>;
  readonly paymentsOfPayer: (page: PaymentPage) => Loader<PaymentRow[]>;
  readonly paymentsOfItem: (page: PaymentPage) => Loader<PaymentRow[]>;
  readonly hasPaid: (userId: string, itemId: string) => Promise<boolean>;
}

/** The loaders of one request by `caller`. */
export function createLoaders(db: Database, caller: Caller): PaymentsLoaders {
  const readable = (rows: readonly PaymentRow[]) => rows.filter((row) => mayRead(caller, row));
  const paymentsBy = (column: string) => async (keys: readonly string[]) =>
    readable(await db.query<PaymentRow>(`select ${paymentColumns} from payments where ${column} = any($1)`, [keys]));
  const paid = createRowLoader(
    (keys) => paidPairs(db, keys),
    (key) => key,
    isPairKey,
  );
  return {
    payment: createRowLoader(paymentsBy('id'), (row) => row.id),
    paymentByReference: createRowLoader(paymentsBy('provider_reference'), (row) => row.providerReference),
    refund: createRowLoader(
      (ids) => db.query<RefundRow>(`select ${refundColumns} from refunds where id = any($1)`, [ids]),
      (row) => row.id,
    ),
    refundsOfPayment: createRowsLoader(
      (ids) =>
        db.query<RefundRow>(`select ${refundColumns} from refunds where payment_id = any($1) order by created_at, id`, [
          ids,
        ]),
      (row) => row.paymentId,
    ),
    price: createRowLoader(
      (ids) => db.query<PriceRow>(`select ${priceColumns} from price_list where item_id = any($1)`, [ids]),
      (row) => row.itemId,
    ),
    soldCount: createRowLoader(
      (ids) => countSold(db, ids),
      (row) => row.itemId,
    ),
    earned: perArguments((currency) =>
      createRowLoader(
        (ids) => sumEarned(db, currency, ids),
        (row) => row.sellerId,
      ),
    ),
    paymentsOfPayer: perArguments((page) =>
      createRowsLoader(
        (ids) => pagesOfPayers(db, page, ids),
        (row) => row.payerId,
      ),
    ),
    paymentsOfItem: perArguments((page) =>
      createRowsLoader(
        (ids) => pagesOfItems(db, caller, page, ids),
        (row) => row.itemId,
      ),
    ),
    hasPaid: async (userId, itemId) => (await paid.load(pairKey(userId, itemId))) !== null,
  };
}

function countSold(db: Database, itemIds: readonly string[]) {
  return db.query<{ itemId: string; count: number }>(
    `select item_id as "itemId", sum(quantity) as count from payments
     where item_id = any($1) and status in ('SUCCEEDED', 'PARTIALLY_REFUNDED') group by item_id`,
    [itemIds],
  );
}

function sumEarned(db: Database, currency: Currency, sellerIds: readonly string[]) {
  return db.query<{ sellerId: string; amount: number }>(
    `select seller_id as "sellerId", sum(amount - refunded) as amount from payments
     where seller_id = any($1) and currency = $2 and status in ('SUCCEEDED', 'PARTIALLY_REFUNDED') group by seller_id`,
    [sellerIds, currency],
  );
}

function pagesOfPayers(db: Database, page: PaymentPage, payerIds: readonly string[]) {
  return db.query<PaymentRow>(
    `select p.* from unnest($1::uuid[]) as payer(key) cross join lateral (
       select ${paymentColumns} from payments
       where payer_id = payer.key and (created_at, id) < ($2::timestamptz, $3::uuid)
       order by created_at desc, id desc limit $4
     ) p order by p."createdAt" desc, p.id desc`,
    [payerIds, ...(page.after ?? NEWEST), page.limit],
  );
}

function pagesOfItems(db: Database, caller: Caller, page: PaymentPage, itemIds: readonly string[]) {
  const reader = callerId(caller);
  return db.query<PaymentRow>(
    `select p.* from unnest($1::uuid[]) as item(key) cross join lateral (
       select ${paymentColumns} from payments
       where item_id = item.key and (created_at, id) < ($2::timestamptz, $3::uuid)
         and ($5::boolean or payer_id = $6::uuid or seller_id = $6::uuid)
       order by created_at desc, id desc limit $4
     ) p order by p."createdAt" desc, p.id desc`,
    [itemIds, ...(page.after ?? NEWEST), page.limit, isAdmin(caller), reader],
  );
}

const pairKey = (userId: string, itemId: string) => `${userId}:${itemId}`.toLowerCase();
const isPairKey = (key: string) => key.split(':').length === 2 && key.split(':').every(isUuid);

/** Which of the pairs `user:item` are of a user who paid for the item, and has not got all the money back. */
async function paidPairs(db: Database, keys: readonly string[]): Promise<string[]> {
  const pairs = keys.map((key) => key.split(':'));
  const rows = await db.query<{ userId: string; itemId: string }>(
    `select distinct payer_id as "userId", item_id as "itemId" from payments
     where (payer_id, item_id) in (select * from unnest($1::uuid[], $2::uuid[]))
       and status in ('SUCCEEDED', 'PARTIALLY_REFUNDED')`,
    [pairs.map(([userId]) => userId), pairs.map(([, itemId]) => itemId)],
  );
  return rows.map(({ userId, itemId }) => pairKey(userId, itemId));
}
