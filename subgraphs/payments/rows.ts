/**
 * What the payments resolvers hand to each other: rows as SQL answers them, and references as the gateway sends them.
 */
import type { PaymentStatus } from './payment-state';

export type Currency = 'EUR' | 'GBP' | 'JPY' | 'USD';
export type ItemKind = 'POST' | 'MEDIA';
export type TaxClass = 'STANDARD' | 'EDITORIAL';

export interface Money {
  /** In the minor unit of the currency. */
  readonly amount: number;
  readonly currency: Currency;
}

/** What is bought: `{ kind: 'POST', id: '10000000-...' }`. */
export interface Item {
  readonly kind: ItemKind;
  readonly id: string;
}

export interface PaymentRow {
  readonly id: string;
  readonly providerReference: string;
  readonly payerId: string;
  readonly sellerId: string;
  readonly itemId: string;
  readonly itemKind: ItemKind;
  readonly quantity: number;
  readonly amount: number;
  readonly currency: Currency;
  /** The sum of the refunds, in the minor unit. */
  readonly refunded: number;
  readonly status: PaymentStatus;
  readonly method: 'CARD' | 'BANK_TRANSFER' | null;
  readonly failureReason: string | null;
  readonly idempotencyKey: string;
  readonly fingerprint: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** `select ${paymentColumns} from payments` answers `PaymentRow`s. */
export const paymentColumns = `id, provider_reference as "providerReference", payer_id as "payerId",
  seller_id as "sellerId", item_id as "itemId", item_kind as "itemKind", quantity, amount, currency, refunded, status,
  method, failure_reason as "failureReason", idempotency_key as "idempotencyKey", fingerprint,
  created_at as "createdAt", updated_at as "updatedAt"`;

export interface RefundRow {
  readonly id: string;
  readonly paymentId: string;
  readonly amount: number;
  readonly reason: string | null;
  readonly requestedBy: string;
  readonly fingerprint: string;
  readonly createdAt: Date;
}

/** `select ${refundColumns} from refunds` answers `RefundRow`s. */
export const refundColumns = `id, payment_id as "paymentId", amount, reason, requested_by as "requestedBy",
  fingerprint, created_at as "createdAt"`;

export interface PriceRow {
  readonly itemId: string;
  readonly itemKind: ItemKind;
  readonly sellerId: string;
  readonly amount: number;
  readonly currency: Currency;
  readonly updatedAt: Date;
}

/** `select ${priceColumns} from price_list` answers `PriceRow`s. */
export const priceColumns = `item_id as "itemId", item_kind as "itemKind", seller_id as "sellerId", amount, currency,
  updated_at as "updatedAt"`;

/** An entity of another subgraph: this one knows its key alone. */
export interface Reference {
  readonly id: string;
}

/** A post, with what `@requires` brought of content and what `@provides` knows without it. */
export interface PostReference extends Reference {
  readonly author?: Reference;
  readonly discountPercent?: number;
  readonly taxClass?: TaxClass;
}

export interface BookmarkReference {
  readonly userId: string;
  readonly postId: string;
}
