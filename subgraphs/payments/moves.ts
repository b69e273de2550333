/**
 * Payments that move on: the only statement that changes a status, and those who are told of it.
 * In: a locked payment. Out: its new row, and events for its payer once the move is committed.
 */
import type { Database } from '../shared/database';
import type { Events } from '../shared/events';
import { notify } from '../shared/notifications';
import { assertTransition, type PaymentStatus } from './payment-state';
import { type PaymentRow, paymentColumns } from './rows';

/** What `advance` may set beside the status. */
interface Changes {
  readonly method?: 'CARD' | 'BANK_TRANSFER';
  readonly failureReason?: string;
  /** The new sum of all refunds. */
  readonly refunded?: number;
}

/** Moves a locked payment on, with what belongs to the move. Throws CONFLICT when the state machine forbids it. */
export type Advance = (payment: PaymentRow, to: PaymentStatus, changes?: Changes) => Promise<PaymentRow>;

/** Where the moves of a user's payments are heard. */
export const movesTopic = (payerId: string): string => `payments:paymentStatusChanged:${payerId}`;

/** Runs `work` in a transaction; when it is committed, the payers are told of every move of it, in their order. */
export async function withMoves<Result>(
  db: Database,
  events: Events,
  work: (tx: Database, advance: Advance) => Promise<Result>,
): Promise<Result> {
  const moves: PaymentRow[] = [];
  const result = await db.transaction((tx) =>
    work(tx, async (payment, to, changes) => {
      const moved = await advance(tx, payment, to, changes);
      moves.push(moved);
      return moved;
    }),
  );
  for (const payment of moves) {
    await events.publish(movesTopic(payment.payerId), payment);
    await notify(events, payment.payerId, { kind: 'PAYMENT', subject: { kind: 'Payment', id: payment.id } });
  }
  return result;
}

async function advance(
  tx: Database,
  payment: PaymentRow,
  to: PaymentStatus,
  changes: Changes = {},
): Promise<PaymentRow> {
  assertTransition(payment.status, to);
  const [moved] = await tx.query<PaymentRow>(
    `update payments set status = $2, method = coalesce($3, method), failure_reason = coalesce($4, failure_reason),
       refunded = coalesce($5, refunded), updated_at = now()
     where id = $1 returning ${paymentColumns}`,
    [payment.id, to, changes.method ?? null, changes.failureReason ?? null, changes.refunded ?? null],
  );
  if (!moved) throw new Error('A locked payment is gone');
  return moved;
}
