/**
 * What content tells while it happens. In: rows, once they are committed. Out: streams for who may hear them.
 * Clock: per event. A conversation is heard by those who take part in it when they subscribe; nobody ever leaves one.
 */
import { requireUser } from '../shared/access';
import { isUuid } from '../shared/database';
import { notFound } from '../shared/errors';
import { type EventStream, type Events, mapEvents } from '../shared/events';
import { notify } from '../shared/notifications';
import { listenToCalls } from './calls';
import type { ContentContext } from './context';
import type { SubscriptionResolvers } from './generated/resolvers';
import type { MessageRow, PostRow, TypingEvent } from './rows';

type ConversationEvent = 'messageAdded' | 'messageUpdated' | 'messageDeleted' | 'typing';

const TYPING_MS = 10_000;
const POSTS = 'content:postPublished';
const topicOf = (event: ConversationEvent, conversationId: string) => `content:${event}:${conversationId}`;

/** Tells a conversation of a message, and answers it. */
export async function tellMessage(
  events: Events,
  event: Exclude<ConversationEvent, 'typing'>,
  message: MessageRow,
): Promise<MessageRow> {
  await events.publish(topicOf(event, message.conversationId), message);
  return message;
}

/** Tells the others of a conversation, wherever they are, that there is a message. */
export async function notifyOthers({ events, loaders }: ContentContext, message: MessageRow): Promise<void> {
  const participants = await loaders.participantsOf.load(message.conversationId);
  const others = participants.filter(({ userId }) => userId !== message.senderId);
  const subject = { kind: 'Message', id: message.id } as const;
  await Promise.all(others.map(({ userId }) => notify(events, userId, { kind: 'MESSAGE', subject })));
}

/** Tells of a post that this very change published, and answers it. */
export async function tellIfPublished(events: Events, post: PostRow): Promise<PostRow> {
  // One statement sets both to one moment when it publishes; later changes move `updatedAt` alone.
  if (post.publishedAt?.getTime() === post.updatedAt.getTime()) await events.publish(POSTS, post);
  return post;
}

/** Tells that the caller writes, or stopped. Throws UNAUTHENTICATED, NOT_FOUND. */
export async function tellTyping(context: ContentContext, conversationId: string, isTyping: boolean): Promise<Date> {
  const { userId, id } = await requireParticipant(context, conversationId);
  const until = new Date(Date.now() + TYPING_MS);
  const event: TypingEvent = { conversationId: id, userId, until: isTyping ? until : null };
  await context.events.publish(topicOf('typing', id), event);
  return until;
}

/** Throws UNAUTHENTICATED, and NOT_FOUND for who does not take part. */
async function requireParticipant(
  { caller, loaders }: ContentContext,
  conversationId: string,
): Promise<{ readonly userId: string; readonly id: string }> {
  const userId = requireUser(caller);
  const conversation = isUuid(conversationId) ? await loaders.conversation.load(conversationId) : null;
  if (!conversation) throw notFound('There is no such conversation.');
  return { userId, id: conversation.id };
}

async function listenIn(
  context: ContentContext,
  event: ConversationEvent,
  conversationId: string,
): Promise<EventStream<MessageRow>> {
  const { id } = await requireParticipant(context, conversationId);
  return await context.events.listen<MessageRow>(topicOf(event, id));
}

async function listenToTyping(context: ContentContext, conversationId: string): Promise<EventStream<TypingEvent>> {
  const { userId, id } = await requireParticipant(context, conversationId);
  const stream = await context.events.listen<TypingEvent>(topicOf('typing', id));
  return mapEvents(stream, (event) => (event.userId === userId ? undefined : event));
}

async function listenToPosts(context: ContentContext, tag: string | null | undefined): Promise<EventStream<PostRow>> {
  const stream = await context.events.listen<PostRow>(POSTS);
  return mapEvents(stream, (post) => (typeof tag !== 'string' || post.tags.includes(tag) ? post : undefined));
}

/** An event is what its field answers. */
const asIs = <Event>(event: Event): Event => event;

export const Subscription = {
  messageAdded: {
    subscribe: (_: unknown, { conversationId }, context) => listenIn(context, 'messageAdded', conversationId),
    resolve: asIs,
  },
  messageUpdated: {
    subscribe: (_: unknown, { conversationId }, context) => listenIn(context, 'messageUpdated', conversationId),
    resolve: asIs,
  },
  messageDeleted: {
    subscribe: (_: unknown, { conversationId }, context) => listenIn(context, 'messageDeleted', conversationId),
    resolve: asIs,
  },
  typing: {
    subscribe: (_: unknown, { conversationId }, context) => listenToTyping(context, conversationId),
    resolve: asIs,
  },
  callSignal: {
    subscribe: (_: unknown, _args, context) => listenToCalls(context),
    resolve: asIs,
  },
  postPublished: {
    subscribe: (_: unknown, { tag }, context) => listenToPosts(context, tag),
    resolve: asIs,
  },
} satisfies SubscriptionResolvers<ContentContext>;
