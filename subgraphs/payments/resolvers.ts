/**
 * The fields of `schema.graphql`, each a line or two: rules are in the files that it names.
 */

import { requireSelf, requireUser } from '../shared/access';
import { type Connection, readPage, toConnection } from '../shared/connection';
import { conflict } from '../shared/errors';
import { DateTime } from '../shared/scalars';
import { checkoutTotal, includedTax } from './checkout';
import type { PaymentsContext } from './context';
import type { Resolvers } from './generated/resolvers';
import { Subscription } from './live';
import { createLoaders, type PaymentPage, paymentKeys } from './loaders';
import { cancelPayment, confirmPayment, createIntent } from './payments';
import { setPrice } from './prices';
import { refundPayment } from './refunds';
import type { Money, PaymentRow, PostReference, PriceRow, Reference } from './rows';

interface PageArguments {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
}

const MAX_INT = 2 ** 31 - 1;

export const resolvers: Resolvers<PaymentsContext> = {
  DateTime,
  Query: {
    payment: (_, { id }, { caller, loaders }) => {
      requireUser(caller);
      return loaders.payment.load(id);
    },
    payments: (_, args, { caller, loaders }) => {
      const userId = requireUser(caller);
      return connect(args, (page) => loaders.paymentsOfPayer(page).load(userId));
    },
  },
  Mutation: {
    createPaymentIntent: (_, { input, idempotencyKey }, context) =>
      mutate(context, () => createIntent(context.db, context.quotes, context.caller, input, idempotencyKey)),
    confirmPayment: (_, { id, method }, context) =>
      mutate(context, () => confirmPayment(context.db, context.events, context.caller, id, method)),
    cancelPayment: (_, { id }, context) =>
      mutate(context, () => cancelPayment(context.db, context.events, context.caller, id)),
    refundPayment: (_, { input, idempotencyKey }, context) =>
      mutate(context, () => refundPayment(context.db, context.events, context.caller, input, idempotencyKey)),
    setPrice: (_, { input }, context) => mutate(context, () => setPrice(context.db, context.caller, input)),
  },
  Subscription,
  Node: { __resolveType: (row) => ('payerId' in row ? 'Payment' : 'Refund') },
  Timestamped: { __resolveType: (row) => ('payerId' in row ? 'Payment' : 'Refund') },
  Payment: {
    __resolveReference: (reference, { loaders }) =>
      'id' in reference
        ? loaders.payment.load(reference.id)
        : loaders.paymentByReference.load(reference.providerReference),
    payer: (payment) => ({ id: payment.payerId }),
    seller: (payment) => ({ id: payment.sellerId }),
    post: postOf,
    media: mediaOf,
    amount: money,
    refundedAmount: ({ refunded, currency }) => ({ amount: refunded, currency }),
    refunds: (payment, _, { loaders }) => loaders.refundsOfPayment.load(payment.id),
  },
  Refund: {
    __resolveReference: async ({ id }, { loaders }) => {
      const refund = await loaders.refund.load(id);
      return refund && (await loaders.payment.load(refund.paymentId)) ? refund : null;
    },
    payment: async (refund, _, { loaders }) => present(await loaders.payment.load(refund.paymentId)),
    amount: async (refund, _, { loaders }) => {
      const { currency } = present(await loaders.payment.load(refund.paymentId));
      return { amount: refund.amount, currency };
    },
    requestedBy: (refund) => ({ id: refund.requestedBy }),
    updatedAt: (refund) => refund.createdAt,
  },
  PriceListEntry: {
    post: postOf,
    media: mediaOf,
    seller: (price) => ({ id: price.sellerId }),
    price: money,
  },
  User: {
    __resolveReference: (reference) => reference,
    payments: (user, args, { caller, loaders }) => {
      requireSelf(caller, user.id);
      return connect(args, (page) => loaders.paymentsOfPayer(page).load(user.id));
    },
    balance: async (user, { currency }, { caller, loaders }) => {
      requireSelf(caller, user.id);
      const earned = await loaders.earned(currency).load(user.id);
      if (earned && earned.amount > MAX_INT) throw conflict('The balance is more than an Int can tell.');
      return { amount: earned?.amount ?? 0, currency };
    },
  },
  Post: {
    __resolveReference: (reference) => reference as PostReference,
    price: priceOf,
    checkoutTotal: totalOf,
    checkoutTax: async (post, args, context) => {
      const total = await totalOf(post, args, context);
      return total && includedTax(total, present(post.taxClass));
    },
    checkoutQuote: async (post, { quantity }, context) => {
      const userId = requireUser(context.caller);
      const total = await totalOf(post, { quantity }, context);
      return total && { total, ...context.quotes.sign({ userId, postId: post.id, quantity }, total) };
    },
    purchases: (post, args, { loaders }) => connect(args, (page) => loaders.paymentsOfItem(page).load(post.id)),
    purchaseCount: async (post, _, { loaders }) => (await loaders.soldCount.load(post.id))?.count ?? 0,
  },
  Media: {
    __resolveReference: (reference) => reference,
    price: priceOf,
  },
  Bookmark: {
    __resolveReference: (reference) => reference,
    purchased: ({ userId, postId }, _, { caller, loaders }) => {
      requireSelf(caller, userId);
      return loaders.hasPaid(userId, postId);
    },
  },
};

/** What a mutation answers, and what follows it, is read anew. */
async function mutate<Result>(context: PaymentsContext, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } finally {
    context.loaders = createLoaders(context.db, context.caller);
  }
}

async function connect(
  args: PageArguments,
  load: (page: PaymentPage) => Promise<PaymentRow[]>,
): Promise<Connection<PaymentRow>> {
  const page = readPage('payments', paymentKeys, args);
  return toConnection(page, await load(page), (row) => [row.createdAt, row.id]);
}

function money({ amount, currency }: Money): Money {
  return { amount, currency };
}

/** The author is who is paid: what `@provides` promises. */
function postOf({ itemKind, itemId, sellerId }: PaymentRow | PriceRow): PostReference | null {
  return itemKind === 'POST' ? { id: itemId, author: { id: sellerId } } : null;
}

function mediaOf({ itemKind, itemId }: PaymentRow | PriceRow): Reference | null {
  return itemKind === 'MEDIA' ? { id: itemId } : null;
}

async function priceOf(item: Reference, _: unknown, { loaders }: PaymentsContext): Promise<Money | null> {
  const price = await loaders.price.load(item.id);
  return price && money(price);
}

async function totalOf(
  post: PostReference,
  { quantity }: { readonly quantity: number },
  context: PaymentsContext,
): Promise<Money | null> {
  const price = await priceOf(post, undefined, context);
  return price && checkoutTotal(price, quantity, present(post.discountPercent));
}

/** For what the schema guarantees: its absence is a defect, not an answer. */
function present<Value>(value: Value | null | undefined): Value {
  if (value === null || value === undefined) throw new Error('A value that the schema guarantees is missing');
  return value;
}
