/**
 * Conversations and messages. In: the caller and input. Out: rows, or refusals.
 * Who does not take part learns nothing, not even that there is a conversation; ADMINs are no exception.
 */

import { requireUser } from '../shared/access';
import { type Database, isUuid } from '../shared/database';
import { badUserInput, forbidden, notFound } from '../shared/errors';
import type { Caller } from '../shared/identity';
import type { StartConversationInput } from './generated/resolvers';
import { afterOf, type ContentLoaders, type NewestPage } from './loaders';
import { type ConversationRow, conversationColumns, type MessageRow, messageColumns } from './rows';
import { checkText, MAX_MESSAGE, MAX_TITLE } from './validate';

const MAX_OTHERS = 19;

interface Topic {
  readonly kind: 'Post' | 'Payment' | null;
  readonly id: string | null;
}

/** A page of the conversations that `userId` takes part in, the latest first. */
export function conversationsOf(db: Database, userId: string, page: NewestPage): Promise<ConversationRow[]> {
  return db.query<ConversationRow>(
    `select ${conversationColumns} from conversations
     where id in (select conversation_id from participants where user_id = $1)
       and (updated_at, id) < ($2::timestamptz, $3::uuid)
     order by updated_at desc, id desc limit $4`,
    [userId, ...afterOf(page), page.limit],
  );
}

/** Throws UNAUTHENTICATED, BAD_USER_INPUT, NOT_FOUND (the post). */
export async function startConversation(
  db: Database,
  loaders: ContentLoaders,
  caller: Caller,
  input: StartConversationInput,
): Promise<ConversationRow> {
  const userId = requireUser(caller);
  checkText(input.title, 'input.title', MAX_TITLE);
  checkText(input.message, 'input.message', MAX_MESSAGE);
  const others = readOthers(input.participantIds, userId);
  const topic = await readTopic(loaders, input);
  return await db.transaction(async (tx) => {
    const [conversation] = await tx.query<ConversationRow>(
      `insert into conversations (title, topic_kind, topic_id) values ($1, $2, $3) returning ${conversationColumns}`,
      [input.title, topic.kind, topic.id],
    );
    if (!conversation) throw new Error('A conversation was not written');
    await tx.query('insert into participants (conversation_id, user_id) select $1, unnest($2::uuid[])', [
      conversation.id,
      [userId, ...others],
    ]);
    await insertMessage(tx, conversation.id, userId, input.message);
    return conversation;
  });
}

/** All but the caller, each once. Throws BAD_USER_INPUT when they are none, too many or no ids. */
function readOthers(participantIds: readonly string[], userId: string): string[] {
  if (!participantIds.every(isUuid)) throw badUserInput('This is not an id.', 'input.participantIds');
  const others = new Set(participantIds.map((id) => id.toLowerCase()));
  others.delete(userId);
  if (others.size < 1 || others.size > MAX_OTHERS) {
    throw badUserInput(`There must be 1 to ${MAX_OTHERS} other participants.`, 'input.participantIds');
  }
  return [...others];
}

async function readTopic(loaders: ContentLoaders, { postId, paymentId }: StartConversationInput): Promise<Topic> {
  if (typeof postId === 'string' && typeof paymentId === 'string') {
    throw badUserInput('Give at most one of postId and paymentId.', 'input');
  }
  if (typeof paymentId === 'string') {
    // Whether there is such a payment, and who may read it, payments decides when the topic is read.
    if (!isUuid(paymentId)) throw badUserInput('This is not an id.', 'input.paymentId');
    return { kind: 'Payment', id: paymentId };
  }
  if (typeof postId !== 'string') return { kind: null, id: null };
  const post = await loaders.post.load(postId);
  if (!post) throw notFound('There is no such post.');
  return { kind: 'Post', id: post.id };
}

/** Throws UNAUTHENTICATED, BAD_USER_INPUT, NOT_FOUND. */
export async function sendMessage(
  db: Database,
  loaders: ContentLoaders,
  caller: Caller,
  conversationId: string,
  body: string,
): Promise<MessageRow> {
  const userId = requireUser(caller);
  checkText(body, 'body', MAX_MESSAGE);
  const conversation = await loaders.conversation.load(conversationId);
  if (!conversation) throw notFound('There is no such conversation.');
  return await db.transaction(async (tx) => {
    await tx.query('update conversations set updated_at = now() where id = $1', [conversation.id]);
    return await insertMessage(tx, conversation.id, userId, body);
  });
}

async function insertMessage(
  tx: Database,
  conversationId: string,
  senderId: string,
  body: string,
): Promise<MessageRow> {
  const [message] = await tx.query<MessageRow>(
    `insert into messages (conversation_id, sender_id, body) values ($1, $2, $3) returning ${messageColumns}`,
    [conversationId, senderId, body],
  );
  if (!message) throw new Error('A message was not written');
  return message;
}

/** Throws UNAUTHENTICATED, BAD_USER_INPUT, NOT_FOUND, FORBIDDEN. */
export async function editMessage(
  db: Database,
  loaders: ContentLoaders,
  caller: Caller,
  id: string,
  body: string,
): Promise<MessageRow> {
  const { id: messageId } = await requireOwn(loaders, caller, id);
  checkText(body, 'body', MAX_MESSAGE);
  const [message] = await db.query<MessageRow>(
    `update messages set body = $2, edited = true, updated_at = now() where id = $1 returning ${messageColumns}`,
    [messageId, body],
  );
  if (!message) throw noSuchMessage();
  return message;
}

/** Answers what the message was. Throws UNAUTHENTICATED, NOT_FOUND, FORBIDDEN. */
export async function deleteMessage(
  db: Database,
  loaders: ContentLoaders,
  caller: Caller,
  id: string,
): Promise<MessageRow> {
  const message = await requireOwn(loaders, caller, id);
  const deleted = await db.query('delete from messages where id = $1 returning id', [message.id]);
  if (deleted.length === 0) throw noSuchMessage();
  return message;
}

async function requireOwn(loaders: ContentLoaders, caller: Caller, id: string): Promise<MessageRow> {
  const userId = requireUser(caller);
  const message = await loaders.message.load(id);
  if (!message) throw noSuchMessage();
  if (message.senderId !== userId) throw forbidden('Only the sender may do this.');
  return message;
}

const noSuchMessage = () => notFound('There is no such message.');
