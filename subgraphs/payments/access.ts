/**
 * Who may do what in payments, beyond what holds everywhere. In: the caller and a row. Out: a decision.
 */
import { callerId, isAdmin } from '../shared/access';
import type { Caller } from '../shared/identity';
import type { PaymentRow } from './rows';

/** Payer, seller and ADMIN read a payment; for everybody else it does not exist. */
export function mayRead(caller: Caller, payment: PaymentRow): boolean {
  const id = callerId(caller);
  return isAdmin(caller) || (id !== null && (id === payment.payerId || id === payment.sellerId));
}
