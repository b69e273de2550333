/**
 * What all subgraphs tell one user. In: what happened. Out: an event that the users subgraph hands on, to the user alone.
 */
import { randomUUID } from 'node:crypto';
import type { Events } from './events';

export interface NotificationEvent {
  readonly id: string;
  readonly kind: 'MESSAGE' | 'PAYMENT' | 'ACCOUNT';
  /** What it is about: an entity, by the subgraph that owns it. */
  readonly subject: { readonly kind: 'Message' | 'Payment' | 'User'; readonly id: string };
  readonly createdAt: Date;
}

/** Where the notifications of a user are heard. */
export const notificationTopic = (userId: string): string => `notification:${userId}`;

/** Tells a user, wherever that user listens. */
export async function notify(
  events: Events,
  userId: string,
  { kind, subject }: Pick<NotificationEvent, 'kind' | 'subject'>,
): Promise<void> {
  const event: NotificationEvent = { id: randomUUID(), kind, subject, createdAt: new Date() };
  await events.publish(notificationTopic(userId), event);
}
