/**
 * What users tells while it happens: who is online, and what each user should know. Clock: per event.
 * In: events of all subgraphs. Out: streams; while one is open, its user is online.
 */
import { requireUser } from '../shared/access';
import { isUuid } from '../shared/database';
import { badUserInput, notFound } from '../shared/errors';
import { type EventStream, mapEvents } from '../shared/events';
import { type NotificationEvent, notificationTopic } from '../shared/notifications';
import type { UsersContext } from './context';
import type { NotificationResolvers, PresenceResolvers, SubscriptionResolvers } from './generated/resolvers';
import { PRESENCE_TOPIC, type PresenceEvent } from './presence';
import type { UserRow } from './rows';

/** What a notification is about, where another subgraph owns it. */
export type Subject = NotificationEvent['subject'];

const MAX_WATCHED = 100;

/** The events of a topic that `isWanted`; its listener is online. */
async function listen<Event>(
  { caller, events, presence }: UsersContext,
  topic: string,
  isWanted: (event: Event) => boolean = () => true,
): Promise<EventStream<Event>> {
  const userId = requireUser(caller);
  const stream = await events.listen<Event>(topic);
  try {
    const leave = await presence.enter(userId);
    return mapEvents(stream, (event) => (isWanted(event) ? event : undefined), leave);
  } catch (error) {
    await stream.return();
    throw error;
  }
}

async function listenToPresence(
  context: UsersContext,
  userIds: readonly string[],
): Promise<EventStream<PresenceEvent>> {
  if (userIds.length < 1 || userIds.length > MAX_WATCHED || !userIds.every(isUuid)) {
    throw badUserInput(`userIds must be 1 to ${MAX_WATCHED} ids.`, 'userIds');
  }
  const watched = new Set(userIds.map((id) => id.toLowerCase()));
  return await listen<PresenceEvent>(context, PRESENCE_TOPIC, ({ userId }) => watched.has(userId));
}

export const Subscription = {
  presenceChanged: {
    subscribe: (_: unknown, { userIds }, context) => listenToPresence(context, userIds),
    resolve: (event: PresenceEvent) => event,
  },
  notificationReceived: {
    subscribe: (_: unknown, _args, context) =>
      listen<NotificationEvent>(context, notificationTopic(requireUser(context.caller))),
    resolve: (event: NotificationEvent) => event,
  },
} satisfies SubscriptionResolvers<UsersContext>;

export const Presence: PresenceResolvers<UsersContext> = {
  async user({ userId }, _args, { usersById }) {
    const user = await usersById.load(userId);
    if (!user) throw notFound('There is no such user.');
    return user;
  },
};

export const Notification: NotificationResolvers<UsersContext> = {
  subject: ({ subject }, _args, { usersById }) => (subject.kind === 'User' ? usersById.load(subject.id) : subject),
};

/** The type of what a notification is about. */
export const typeOfSubject = (subject: UserRow | Subject): Subject['kind'] =>
  'kind' in subject ? subject.kind : 'User';
