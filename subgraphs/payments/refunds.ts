/**
 * Money back. In: the caller and input. Out: a refund row; the payment moves with it in one transaction.
 */

import { isAdmin, requireUser } from '../shared/access';
import { type Database, isUniqueViolation } from '../shared/database';
import { badUserInput, conflict, forbidden } from '../shared/errors';
import type { Events } from '../shared/events';
import type { Caller } from '../shared/identity';
import { checkIdempotencyKey, fingerprintOf, sameInput } from './idempotency';
import { withMoves } from './moves';
import { assertTransition } from './payment-state';
import { lockReadable } from './payments';
import { type PaymentRow, type RefundRow, refundColumns } from './rows';

const MAX_REFUNDS = 50;
const MAX_REASON_LENGTH = 500;

export interface RefundRequest {
  readonly paymentId: string;
  readonly amount?: number | null | undefined;
  readonly reason?: string | null | undefined;
}

/**
 * Refunds a part, or all that is left. The payment's row is locked first, so refunds of one payment queue.
 * Throws UNAUTHENTICATED, NOT_FOUND, FORBIDDEN (the payer), BAD_USER_INPUT (amount, reason), CONFLICT (status, key).
 */
export async function refundPayment(
  db: Database,
  events: Events,
  caller: Caller,
  input: RefundRequest,
  idempotencyKey: string,
): Promise<RefundRow> {
  const requestedBy = requireUser(caller);
  checkIdempotencyKey(idempotencyKey);
  checkReason(input.reason);
  const fingerprint = fingerprintOf(input.paymentId.toLowerCase(), input.amount, input.reason);
  try {
    return await withMoves(db, events, async (tx, advance) => {
      const payment = await lockReadable(tx, caller, input.paymentId);
      if (payment.sellerId !== requestedBy && !isAdmin(caller))
        throw forbidden('Only the seller and an ADMIN may refund.');
      const known = await findByKey(tx, requestedBy, idempotencyKey);
      if (known) return sameInput(known, fingerprint);
      const amount = await refundableAmount(tx, payment, input.amount);
      const refunded = payment.refunded + amount;
      await advance(payment, refunded === payment.amount ? 'REFUNDED' : 'PARTIALLY_REFUNDED', { refunded });
      return await insertRefund(tx, payment, amount, input.reason, requestedBy, idempotencyKey, fingerprint);
    });
  } catch (error) {
    // The key went to another payment at the same moment; on one payment the lock has settled it.
    if (isUniqueViolation(error, 'refunds_idempotency')) {
      throw conflict('This idempotency key was used with another input.');
    }
    throw error;
  }
}

function checkReason(reason: string | null | undefined): void {
  if (reason && (reason.length > MAX_REASON_LENGTH || reason.includes('\0'))) {
    throw badUserInput(`reason must be at most ${MAX_REASON_LENGTH} characters, without NUL.`, 'input.reason');
  }
}

async function refundableAmount(tx: Database, payment: PaymentRow, wanted: number | null | undefined): Promise<number> {
  assertTransition(payment.status, 'REFUNDED');
  const left = payment.amount - payment.refunded;
  const amount = wanted ?? left;
  if (amount < 1 || amount > left) throw badUserInput(`amount must be between 1 and ${left}.`, 'input.amount');
  const sql = 'select count(*) as count from refunds where payment_id = $1';
  const [made] = await tx.query<{ count: number }>(sql, [payment.id]);
  if (made && made.count >= MAX_REFUNDS - 1 && amount < left) {
    throw conflict(`A payment has at most ${MAX_REFUNDS} refunds: refund all that is left.`);
  }
  return amount;
}

async function findByKey(tx: Database, requestedBy: string, key: string): Promise<RefundRow | undefined> {
  const sql = `select ${refundColumns} from refunds where requested_by = $1 and idempotency_key = $2`;
  return (await tx.query<RefundRow>(sql, [requestedBy, key]))[0];
}

async function insertRefund(
  tx: Database,
  payment: PaymentRow,
  amount: number,
  reason: string | null | undefined,
  requestedBy: string,
  idempotencyKey: string,
  fingerprint: string,
): Promise<RefundRow> {
  const [refund] = await tx.query<RefundRow>(
    `insert into refunds (payment_id, amount, reason, requested_by, idempotency_key, fingerprint)
     values ($1, $2, $3, $4, $5, $6) returning ${refundColumns}`,
    [payment.id, amount, reason ?? null, requestedBy, idempotencyKey, fingerprint],
  );
  if (!refund) throw new Error('A refund was not written');
  return refund;
}
