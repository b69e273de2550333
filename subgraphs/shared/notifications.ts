/**
 * What all subgraphs tell one user. In: what happened, and to whom. Out: an event that the users subgraph keeps, and hands
 * on to the user alone. Clock: per event.
 */
import { randomUUID } from 'node:crypto';
import type { Events } from './events';

export interface NotificationEvent {
  readonly id: string;
  readonly userId: string;
  readonly kind: 'MESSAGE' | 'PAYMENT' | 'ACCOUNT';
  /** What it is about: an entity, by the subgraph that owns it. */
  readonly subject: { readonly kind: 'Message' | 'Payment' | 'User'; readonly id: string };
  readonly createdAt: Date;
  readonly readAt: Date | null;
}

/** Where the users subgraph hears what is to be kept. */
export const NOTIFICATIONS_TOPIC = 'users:notifications';

/** Where the notifications of a user are heard, once they are kept. */
export const notificationTopic = (userId: string): string => `notification:${userId}`;

/** Tells a user, wherever that user listens, now or later. */
export async function notify(
  events: Events,
  userId: string,
  { kind, subject }: Pick<NotificationEvent, 'kind' | 'subject'>,
): Promise<void> {
  const event: NotificationEvent = { id: randomUUID(), userId, kind, subject, createdAt: new Date(), readAt: null };
  await events.publish(NOTIFICATIONS_TOPIC, event);
}
