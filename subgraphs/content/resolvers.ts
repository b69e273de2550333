/**
 * The fields of `schema.graphql`, each a line or two: rules are in the files that it names.
 */

import { isSelf, requireSelf, requireUser } from '../shared/access';
import { type Connection, readPage, toConnection } from '../shared/connection';
import { badUserInput } from '../shared/errors';
import { DateTime } from '../shared/scalars';
import { bookmarkPost, removeBookmark } from './bookmarks';
import { describeCall, findCall, initiateCall, sendCandidate, stepCall } from './calls';
import type { ContentContext } from './context';
import { conversationsOf, deleteMessage, editMessage, sendMessage, startConversation } from './conversations';
import type { MutationResolvers, QueryResolvers, Resolvers } from './generated/resolvers';
import { notifyOthers, Subscription, tellIfPublished, tellMessage, tellTyping } from './live';
import { bookmarkKey, createLoaders, type NewestPage, newestFirst } from './loaders';
import { createAnnouncement, createPost, deleteAnnouncement, deletePost, updatePost } from './posts';
import { findNode, readFeed, search } from './published';
import type { CallSignalEvent, ConversationRow, MediaRow, MessageRow, Reference } from './rows';

interface PageArguments {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
}

const Query: QueryResolvers<ContentContext> = {
  post: (_, { id }, { loaders }) => loaders.post.load(id),
  postBySlug: (_, { slug }, { loaders }) => loaders.postBySlug.load(slug),
  feed: async (_, args, { db, loaders }) => {
    const page = readPage('feed', newestFirst, args);
    const { edges, nodes, pageInfo } = toConnection(page, await readFeed(db, loaders, page), (row) => [
      row.publishedAt,
      row.id,
    ]);
    return {
      edges: edges.map(({ cursor, node }) => ({ cursor, node: node.item })),
      nodes: nodes.map(({ item }) => item),
      pageInfo,
    };
  },
  search: (_, { text, first }, { db, loaders }) => search(db, loaders, text, first),
  node: (_, { id }, { loaders }) => findNode(loaders, id),
  media: (_, { id }, { loaders }) => loaders.media.load(id),
  conversation: (_, { id }, { caller, loaders }) => {
    requireUser(caller);
    return loaders.conversation.load(id);
  },
  call: (_, { id }, { caller, db }) => findCall(db, caller, id),
  conversations: (_, args, { caller, db }) => {
    const userId = requireUser(caller);
    return connect(
      'conversations',
      args,
      (page) => conversationsOf(db, userId, page),
      (row) => [row.updatedAt, row.id],
    );
  },
};

const Mutation: MutationResolvers<ContentContext> = {
  createPost: (_, { input }, context) =>
    mutate(context, async () => tellIfPublished(context.events, await createPost(context.db, context.caller, input))),
  updatePost: (_, { id, input }, context) =>
    mutate(context, async () =>
      tellIfPublished(context.events, await updatePost(context.db, context.loaders, context.caller, id, input)),
    ),
  deletePost: (_, { id }, context) =>
    mutate(context, () => deletePost(context.db, context.loaders, context.caller, id)),
  createAnnouncement: (_, { input }, context) =>
    mutate(context, () => createAnnouncement(context.db, context.caller, input)),
  deleteAnnouncement: (_, { id }, context) => mutate(context, () => deleteAnnouncement(context.db, context.caller, id)),
  startConversation: (_, { input }, context) =>
    mutate(context, async () => {
      const conversation = await startConversation(context.db, context.loaders, context.caller, input);
      const message = await context.loaders.lastMessageOf.load(conversation.id);
      if (message) await notifyOthers(context, message);
      return conversation;
    }),
  sendMessage: (_, { conversationId, body }, context) =>
    mutate(context, async () => {
      const message = await sendMessage(context.db, context.loaders, context.caller, conversationId, body);
      await tellMessage(context.events, 'messageAdded', message);
      await notifyOthers(context, message);
      return message;
    }),
  editMessage: (_, { id, body }, context) =>
    mutate(context, async () => {
      const message = await editMessage(context.db, context.loaders, context.caller, id, body);
      return await tellMessage(context.events, 'messageUpdated', message);
    }),
  deleteMessage: (_, { id }, context) =>
    mutate(context, async () => {
      const message = await deleteMessage(context.db, context.loaders, context.caller, id);
      return (await tellMessage(context.events, 'messageDeleted', message)).id;
    }),
  bookmarkPost: (_, { postId, note }, context) =>
    mutate(context, () => bookmarkPost(context.db, context.loaders, context.caller, postId, note)),
  removeBookmark: (_, { postId }, context) => mutate(context, () => removeBookmark(context.db, context.caller, postId)),
  callInitiate: (_, { input }, context) => initiateCall(context, input),
  callAccept: (_, { id }, context) => stepCall(context, id, 'accept'),
  callReject: (_, { id }, context) => stepCall(context, id, 'reject'),
  callEnd: (_, { id }, context) => stepCall(context, id, 'end'),
  callOffer: (_, { id, sdp }, context) => describeCall(context, id, 'offer', sdp),
  callAnswer: (_, { id, sdp }, context) => describeCall(context, id, 'answer', sdp),
  callIceCandidate: (_, { id, input }, context) => sendCandidate(context, id, input),
  startTyping: (_, { conversationId }, context) => tellTyping(context, conversationId, true),
  stopTyping: async (_, { conversationId }, context) => {
    await tellTyping(context, conversationId, false);
    return true;
  },
};

const kindOf = <Kind extends string>(row: { readonly kind: Kind }): Kind => row.kind;
const authorOf = ({ authorId }: { readonly authorId: string }): Reference => ({ id: authorId });
const signallerOf = ({ fromId }: CallSignalEvent): Reference => ({ id: fromId });
const senderOf = ({ senderId }: MessageRow): Reference => ({ id: senderId });
const conversationOf = async (
  { conversationId }: { readonly conversationId: string },
  _: unknown,
  { loaders }: ContentContext,
): Promise<ConversationRow> => present(await loaders.conversation.load(conversationId));
const creatorOf = ({ creatorId }: MediaRow): Reference => ({ id: creatorId });

export const resolvers: Resolvers<ContentContext> = {
  DateTime,
  Query,
  Mutation,
  Subscription,
  Node: { __resolveType: kindOf },
  Timestamped: { __resolveType: kindOf },
  FeedItem: { __resolveType: kindOf },
  SearchResult: { __resolveType: kindOf },
  Topic: { __resolveType: (topic) => ('kind' in topic ? 'Post' : 'Payment') },
  Media: {
    __resolveType: kindOf,
    __resolveReference: ({ id }, { loaders }) => loaders.media.load(id),
  },
  Video: {
    __resolveReference: ({ id }, context) => mediaOfKind('Video', id, context),
    creator: creatorOf,
    height: (video) => present(video.height),
  },
  Podcast: {
    __resolveReference: ({ id }, context) => mediaOfKind('Podcast', id, context),
    creator: creatorOf,
    episode: (podcast) => present(podcast.episode),
  },
  Post: {
    __resolveReference: (reference, { loaders }) =>
      'id' in reference ? loaders.post.load(reference.id) : loaders.postBySlug.load(reference.slug),
    author: authorOf,
    excerpt: ({ body }, { length }) => excerptOf(body, length),
    media: (post, _, { loaders }) => loaders.mediaOfPost.load(post.id),
  },
  Announcement: {
    __resolveReference: ({ id }, { loaders }) => loaders.announcement.load(id),
    author: authorOf,
  },
  Conversation: {
    __resolveReference: ({ id }, { loaders }) => loaders.conversation.load(id),
    topic: ({ topicKind, topicId }, _, { loaders }) => {
      if (topicKind === null || topicId === null) return null;
      return topicKind === 'Post' ? loaders.post.load(topicId) : { id: topicId };
    },
    participants: (conversation, _, { loaders }) => loaders.participantsOf.load(conversation.id),
    messages: ({ id }, args, { loaders }) =>
      connect(
        'messages',
        args,
        (page) => loaders.messagesOf(page).load(id),
        (row) => [row.createdAt, row.id],
      ),
    lastMessage: ({ id }, _, { loaders }) => loaders.lastMessageOf.load(id),
  },
  Participant: {
    __resolveReference: async (reference, { loaders }) => {
      const conversation = await loaders.conversation.load(reference.conversation.id);
      const participants = conversation ? await loaders.participantsOf.load(conversation.id) : [];
      return participants.find(({ userId }) => userId === reference.user?.id.toLowerCase()) ?? null;
    },
    conversation: conversationOf,
    user: ({ userId }) => ({ id: userId }),
    messageCount: async ({ conversationId, userId }, _, { loaders }) => {
      const counts = await loaders.messageCountsOf.load(conversationId);
      return counts.find(({ senderId }) => senderId === userId)?.count ?? 0;
    },
  },
  Message: {
    __resolveReference: ({ id }, { loaders }) => loaders.message.load(id),
    conversation: conversationOf,
    sender: senderOf,
  },
  DeletedMessage: {
    conversation: conversationOf,
    sender: senderOf,
  },
  Typing: {
    conversation: conversationOf,
    user: ({ userId }) => ({ id: userId }),
  },
  Call: {
    conversation: conversationOf,
    caller: ({ callerId }) => ({ id: callerId }),
    callee: ({ calleeId }) => ({ id: calleeId }),
  },
  CallSignal: { __resolveType: kindOf },
  CallIncoming: { from: signallerOf },
  CallAccepted: { from: signallerOf },
  CallRejected: { from: signallerOf },
  CallEnded: { from: signallerOf },
  CallOffer: { from: signallerOf },
  CallAnswer: { from: signallerOf },
  CallIceCandidate: { from: signallerOf },
  Bookmark: {
    // Null, not a refusal: an error here would fail every entity of the same request.
    __resolveReference: ({ userId, postId }, { caller, loaders }) =>
      isSelf(caller, userId) ? loaders.bookmark.load(bookmarkKey(userId, postId)) : null,
    user: ({ userId }) => ({ id: userId }),
    post: ({ postId }, _, { loaders }) => loaders.post.load(postId),
  },
  User: {
    __resolveReference: (reference) => reference,
    byline: ({ displayName, isStaff }) => (isStaff ? `${present(displayName)}, staff` : present(displayName)),
    posts: ({ id }, args, { loaders }) =>
      connect(
        'posts',
        args,
        (page) => loaders.postsOfAuthor(page).load(id),
        (row) => [row.createdAt, row.id],
      ),
    postCount: async ({ id }, _, { loaders }) => (await loaders.postCount.load(id))?.count ?? 0,
    bookmarks: ({ id }, args, { caller, loaders }) => {
      requireSelf(caller, id);
      return connect(
        'bookmarks',
        args,
        (page) => loaders.bookmarksOf(page).load(id),
        (row) => [row.createdAt, row.postId],
      );
    },
  },
};

/** What a mutation answers, and what follows it, is read anew. */
async function mutate<Result>(context: ContentContext, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } finally {
    context.loaders = createLoaders(context.db, context.caller);
  }
}

async function connect<Row>(
  list: string,
  args: PageArguments,
  load: (page: NewestPage) => Promise<Row[]>,
  keysOf: (row: Row) => [Date, string],
): Promise<Connection<Row>> {
  const page = readPage(list, newestFirst, args);
  return toConnection(page, await load(page), keysOf);
}

async function mediaOfKind(kind: MediaRow['kind'], id: string, { loaders }: ContentContext): Promise<MediaRow | null> {
  const media = await loaders.media.load(id);
  return media?.kind === kind ? media : null;
}

/** At most `length` characters, cut after a word and marked with an ellipsis when there is more. */
function excerptOf(body: string, length: number): string {
  if (length < 10 || length > 1000) throw badUserInput('length must be between 10 and 1000.', 'length');
  const characters = Array.from(body);
  if (characters.length <= length) return body;
  const cut = characters.slice(0, length - 1).join('');
  const end = cut.lastIndexOf(' ');
  return `${cut.slice(0, end > 0 ? end : undefined).trimEnd()}…`;
}

/** For what the schema guarantees: its absence is a defect, not an answer. */
function present<Value>(value: Value | null | undefined): Value {
  if (value === null || value === undefined) throw new Error('A value that the schema guarantees is missing');
  return value;
}
