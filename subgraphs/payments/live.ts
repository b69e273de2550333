/**
 * What payments tells while it happens. In: moves of payments. Out: a stream for each payer. Clock: per event.
 */
import { requireUser } from '../shared/access';
import { type EventStream, mapEvents } from '../shared/events';
import type { PaymentsContext } from './context';
import type { SubscriptionResolvers } from './generated/resolvers';
import { movesTopic } from './moves';
import type { PaymentRow } from './rows';

async function listen(
  { caller, events }: PaymentsContext,
  id: string | null | undefined,
): Promise<EventStream<PaymentRow>> {
  const stream = await events.listen<PaymentRow>(movesTopic(requireUser(caller)));
  const wanted = id?.toLowerCase();
  return mapEvents(stream, (payment) => (wanted === undefined || payment.id === wanted ? payment : undefined));
}

export const Subscription = {
  paymentStatusChanged: {
    subscribe: (_: unknown, { id }, context) => listen(context, id),
    resolve: (payment: PaymentRow) => payment,
  },
} satisfies SubscriptionResolvers<PaymentsContext>;
