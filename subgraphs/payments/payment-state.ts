/**
 * The life of a payment: the one place that says which status may follow which.
 * In: two statuses. Out: nothing, or a refusal. The table `payment_transitions` holds the same for the database.
 */
import { GraphQLError } from 'graphql';
import { refusal } from '../shared/errors';

export type PaymentStatus =
  | 'REQUIRES_CONFIRMATION'
  | 'PROCESSING'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'CANCELED'
  | 'PARTIALLY_REFUNDED'
  | 'REFUNDED';

/** What may follow each status; an empty list is an end. */
export const paymentTransitions: Readonly<Record<PaymentStatus, readonly PaymentStatus[]>> = {
  REQUIRES_CONFIRMATION: ['PROCESSING', 'CANCELED'],
  PROCESSING: ['SUCCEEDED', 'FAILED'],
  SUCCEEDED: ['PARTIALLY_REFUNDED', 'REFUNDED'],
  PARTIALLY_REFUNDED: ['PARTIALLY_REFUNDED', 'REFUNDED'],
  REFUNDED: [],
  FAILED: [],
  CANCELED: [],
};

/** Throws CONFLICT, with both statuses in its extensions, when `to` may not follow `from`. */
export function assertTransition(from: PaymentStatus, to: PaymentStatus): void {
  if (paymentTransitions[from].includes(to)) return;
  throw refusal('CONFLICT', `A payment that is ${from} cannot become ${to}.`, { from, to });
}

/** Whether `error` is the refusal of a transition or another conflict. */
export function isConflict(error: unknown): boolean {
  return error instanceof GraphQLError && error.extensions.code === 'CONFLICT';
}
