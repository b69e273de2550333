/**
 * What the content resolvers hand to each other: rows as SQL answers them, `kind` telling the GraphQL type.
 */

import type { CallStatus } from './call-state';

export interface PostRow {
  readonly kind: 'Post';
  readonly id: string;
  readonly slug: string;
  readonly title: string;
  readonly body: string;
  readonly tags: string[];
  readonly status: 'DRAFT' | 'PUBLISHED';
  readonly authorId: string;
  readonly discountPercent: number;
  readonly taxClass: 'STANDARD' | 'EDITORIAL';
  readonly purchaseCount: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly publishedAt: Date | null;
}

/** `select ${postColumns} from posts` answers `PostRow`s. */
export const postColumns = `'Post' as kind, id, slug, title, body, tags, status, author_id as "authorId",
  discount_percent as "discountPercent", tax_class as "taxClass", purchase_count as "purchaseCount",
  created_at as "createdAt", updated_at as "updatedAt", published_at as "publishedAt"`;

export interface MediaRow {
  readonly kind: 'Video' | 'Podcast';
  readonly id: string;
  readonly title: string;
  readonly url: string;
  readonly durationSeconds: number;
  readonly creatorId: string;
  /** Set for a Video. */
  readonly height: number | null;
  /** Set for a Podcast. */
  readonly episode: number | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly publishedAt: Date;
}

/** `select ${mediaColumns} from media` answers `MediaRow`s. */
export const mediaColumns = `kind, id, title, url, duration_seconds as "durationSeconds", creator_id as "creatorId",
  height, episode, created_at as "createdAt", updated_at as "updatedAt", published_at as "publishedAt"`;

export interface AnnouncementRow {
  readonly kind: 'Announcement';
  readonly id: string;
  readonly title: string;
  readonly body: string;
  readonly level: 'INFO' | 'WARNING' | 'CRITICAL';
  readonly authorId: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** `select ${announcementColumns} from announcements` answers `AnnouncementRow`s. */
export const announcementColumns = `'Announcement' as kind, id, title, body, level, author_id as "authorId",
  created_at as "createdAt", updated_at as "updatedAt"`;

/** Everything the feed and the search may hold. */
export type PublishedRow = PostRow | AnnouncementRow | MediaRow;

export interface ConversationRow {
  readonly kind: 'Conversation';
  readonly id: string;
  readonly title: string;
  readonly topicKind: 'Post' | 'Payment' | null;
  readonly topicId: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** `select ${conversationColumns} from conversations` answers `ConversationRow`s. */
export const conversationColumns = `'Conversation' as kind, id, title, topic_kind as "topicKind",
  topic_id as "topicId", created_at as "createdAt", updated_at as "updatedAt"`;

export interface ParticipantRow {
  readonly conversationId: string;
  readonly userId: string;
  readonly joinedAt: Date;
}

export interface MessageRow {
  readonly kind: 'Message';
  readonly id: string;
  readonly conversationId: string;
  readonly senderId: string;
  readonly body: string;
  readonly edited: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** `select ${messageColumns} from messages` answers `MessageRow`s. */
export const messageColumns = `'Message' as kind, id, conversation_id as "conversationId", sender_id as "senderId",
  body, edited, created_at as "createdAt", updated_at as "updatedAt"`;

export interface TypingEvent {
  readonly conversationId: string;
  readonly userId: string;
  readonly until: Date | null;
}

export interface CallRow {
  readonly id: string;
  readonly conversationId: string;
  readonly callerId: string;
  readonly calleeId: string;
  readonly media: 'AUDIO' | 'VIDEO';
  readonly status: CallStatus;
  /** Whose offer waits for its answer. */
  readonly offeredBy: string | null;
  readonly createdAt: Date;
  readonly ringsUntil: Date;
  readonly answeredAt: Date | null;
  readonly endedAt: Date | null;
}

/** `select ${callColumns} from calls` answers `CallRow`s. */
export const callColumns = `id, conversation_id as "conversationId", caller_id as "callerId", callee_id as "calleeId",
  media, case when status = 'RINGING' and rings_until <= now() then 'MISSED' else status end as status,
  offered_by as "offeredBy", created_at as "createdAt", rings_until as "ringsUntil", answered_at as "answeredAt",
  ended_at as "endedAt"`;

/** The events of `callSignal`. */
export type CallSignalEvent = CallStepEvent | CallDescriptionEvent | CallCandidateEvent;

interface CallEvent {
  readonly call: CallRow;
  readonly fromId: string;
}

export interface CallStepEvent extends CallEvent {
  readonly kind: 'CallIncoming' | 'CallAccepted' | 'CallRejected' | 'CallEnded';
}

export interface CallDescriptionEvent extends CallEvent {
  readonly kind: 'CallOffer' | 'CallAnswer';
  readonly sdp: string;
}

export interface CallCandidateEvent extends CallEvent {
  readonly kind: 'CallIceCandidate';
  readonly candidate: string;
  readonly sdpMid: string | null;
  readonly sdpMLineIndex: number | null;
  readonly usernameFragment: string | null;
}

export interface BookmarkRow {
  readonly userId: string;
  readonly postId: string;
  readonly note: string | null;
  readonly createdAt: Date;
}

/** `select ${bookmarkColumns} from bookmarks` answers `BookmarkRow`s. */
export const bookmarkColumns = `user_id as "userId", post_id as "postId", note, created_at as "createdAt"`;

/** Everything that `node(id)` may answer. */
export type NodeRow = PublishedRow | ConversationRow | MessageRow;

/** An entity of another subgraph: this one knows its key alone. */
export interface Reference {
  readonly id: string;
}

/** A user, with what `@requires` brought of users. */
export interface UserReference extends Reference {
  readonly displayName?: string;
  readonly isStaff?: boolean;
}
