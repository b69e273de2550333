/**
 * What content reads, batched. In: keys of one request. Out: rows. Clock: per request, and anew after each mutation.
 * Drafts come only to their author and ADMINs, conversations and messages only to participants.
 */

import { callerId, isAdmin } from '../shared/access';
import type { Page } from '../shared/connection';
import { type Database, isUuid } from '../shared/database';
import type { Caller } from '../shared/identity';
import { createRowLoader, createRowsLoader, type Loader, perArguments } from '../shared/loader';
import {
  type AnnouncementRow,
  announcementColumns,
  type BookmarkRow,
  bookmarkColumns,
  type ConversationRow,
  conversationColumns,
  type MediaRow,
  type MessageRow,
  mediaColumns,
  messageColumns,
  type ParticipantRow,
  type PostRow,
  postColumns,
} from './rows';

/** The order of all lists: newest first. */
export const newestFirst = ['timestamp', 'uuid'] as const;
export type NewestPage = Page<typeof newestFirst>;

interface MessageCount {
  readonly conversationId: string;
  readonly senderId: string;
  readonly count: number;
}

export interface ContentLoaders {
  readonly post: Loader<PostRow | null>;
  readonly postBySlug: Loader<PostRow | null>;
  readonly announcement: Loader<AnnouncementRow | null>;
  readonly media: Loader<MediaRow | null>;
  readonly conversation: Loader<ConversationRow | null>;
  readonly message: Loader<MessageRow | null>;
  /** By `bookmarkKey`. */
  readonly bookmark: Loader<BookmarkRow | null>;
  readonly mediaOfPost: Loader<(MediaRow & { readonly postId: string })[]>;
  readonly participantsOf: Loader<ParticipantRow[]>;
  readonly messageCountsOf: Loader<MessageCount[]>;
  readonly lastMessageOf: Loader<MessageRow | null>;
  readonly postCount: Loader<{ readonly authorId: string; readonly count: number } | null>;
  readonly postsOfAuthor: (page: NewestPage) => Loader<PostRow[]>;
  readonly messagesOf: (page: NewestPage) => Loader<MessageRow[]>;
  readonly bookmarksOf: (page: NewestPage) => Loader<BookmarkRow[]>;
}

/** Before every row: where the first page begins. */
const NEWEST = ['infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];

/** The key of `loaders.bookmark`. */
export const bookmarkKey = (userId: string, postId: string): string => `${userId}:${postId}`.toLowerCase();

/** The two parameters that a page of `(moment, id) < ($n, $m)` continues after. */
export const afterOf = (page: NewestPage): readonly unknown[] => page.after ?? NEWEST;

/** The loaders of one request by `caller`. */
export function createLoaders(db: Database, caller: Caller): ContentLoaders {
  return { ...createEntityLoaders(db, caller), ...createRelationLoaders(db), ...createPageLoaders(db, caller) };
}

type EntityNames = 'post' | 'postBySlug' | 'announcement' | 'media' | 'conversation' | 'message' | 'bookmark';

function createEntityLoaders(db: Database, caller: Caller): Pick<ContentLoaders, EntityNames> {
  const reader = callerId(caller);
  const postsBy = (column: string) => (keys: readonly string[]) =>
    db.query<PostRow>(
      `select ${postColumns} from posts
       where ${column} = any($1) and (status = 'PUBLISHED' or author_id = $2::uuid or $3::boolean)`,
      [keys, reader, isAdmin(caller)],
    );
  const select = <Row extends object>(columns: string, table: string, condition = '') => {
    const sql = `select ${columns} from ${table} as it where id = any($1) ${condition}`;
    return (ids: readonly string[]) => db.query<Row>(sql, condition === '' ? [ids] : [ids, reader]);
  };
  const takesPart = (conversation: string) =>
    `and exists (select 1 from participants p where p.conversation_id = it.${conversation} and p.user_id = $2::uuid)`;
  const idOf = (row: { readonly id: string }) => row.id;
  return {
    post: createRowLoader(postsBy('id'), idOf),
    postBySlug: createRowLoader(postsBy('slug'), (post) => post.slug, isSlug),
    announcement: createRowLoader(select<AnnouncementRow>(announcementColumns, 'announcements'), idOf),
    media: createRowLoader(select<MediaRow>(mediaColumns, 'media'), idOf),
    conversation: createRowLoader(select<ConversationRow>(conversationColumns, 'conversations', takesPart('id')), idOf),
    message: createRowLoader(select<MessageRow>(messageColumns, 'messages', takesPart('conversation_id')), idOf),
    bookmark: createRowLoader(
      (keys) => bookmarksByKey(db, keys),
      (row) => bookmarkKey(row.userId, row.postId),
      (key) => key.split(':').length === 2 && key.split(':').every(isUuid),
    ),
  };
}

const isSlug = (key: string) => /^[a-z0-9-]{1,120}$/.test(key);

function bookmarksByKey(db: Database, keys: readonly string[]): Promise<BookmarkRow[]> {
  const pairs = keys.map((key) => key.split(':'));
  return db.query<BookmarkRow>(
    `select ${bookmarkColumns} from bookmarks
     where (user_id, post_id) in (select * from unnest($1::uuid[], $2::uuid[]))`,
    [pairs.map(([userId]) => userId), pairs.map(([, postId]) => postId)],
  );
}

type RelationNames = 'mediaOfPost' | 'participantsOf' | 'messageCountsOf' | 'lastMessageOf' | 'postCount';

function createRelationLoaders(db: Database): Pick<ContentLoaders, RelationNames> {
  const byKeys =
    <Row extends object>(sql: string) =>
    (keys: readonly string[]) =>
      db.query<Row>(sql, [keys]);
  return {
    mediaOfPost: createRowsLoader(
      byKeys<MediaRow & { postId: string }>(
        `select m.*, post_id as "postId" from post_media
         cross join lateral (select ${mediaColumns} from media where id = media_id) m
         where post_id = any($1) order by post_id, position`,
      ),
      (row) => row.postId,
    ),
    participantsOf: createRowsLoader(
      byKeys<ParticipantRow>(
        `select conversation_id as "conversationId", user_id as "userId", joined_at as "joinedAt" from participants
         where conversation_id = any($1) order by joined_at, user_id`,
      ),
      (row) => row.conversationId,
    ),
    messageCountsOf: createRowsLoader(
      byKeys<MessageCount>(
        `select conversation_id as "conversationId", sender_id as "senderId", count(*) as count from messages
         where conversation_id = any($1) group by conversation_id, sender_id`,
      ),
      (row) => row.conversationId,
    ),
    lastMessageOf: createRowLoader(
      byKeys<MessageRow>(
        `select distinct on (conversation_id) ${messageColumns} from messages
         where conversation_id = any($1) order by conversation_id, created_at desc, id desc`,
      ),
      (row) => row.conversationId,
    ),
    postCount: createRowLoader(
      byKeys<{ authorId: string; count: number }>(
        `select author_id as "authorId", count(*) as count from posts
         where author_id = any($1) and status = 'PUBLISHED' group by author_id`,
      ),
      (row) => row.authorId,
    ),
  };
}

type PageNames = 'postsOfAuthor' | 'messagesOf' | 'bookmarksOf';

function createPageLoaders(db: Database, caller: Caller): Pick<ContentLoaders, PageNames> {
  const reader = callerId(caller);
  const pageOf = <Row extends object>(sql: string, page: NewestPage, ...more: unknown[]) => {
    return (keys: readonly string[]) => db.query<Row>(sql, [keys, ...afterOf(page), page.limit, ...more]);
  };
  return {
    postsOfAuthor: perArguments((page) =>
      createRowsLoader(
        pageOf<PostRow>(
          `select p.* from unnest($1::uuid[]) as author(key) cross join lateral (
             select ${postColumns} from posts
             where author_id = author.key and (created_at, id) < ($2::timestamptz, $3::uuid)
               and (status = 'PUBLISHED' or author_id = $5::uuid or $6::boolean)
             order by created_at desc, id desc limit $4
           ) p order by p."createdAt" desc, p.id desc`,
          page,
          reader,
          isAdmin(caller),
        ),
        (row) => row.authorId,
      ),
    ),
    messagesOf: perArguments((page) =>
      createRowsLoader(
        pageOf<MessageRow>(
          `select m.* from unnest($1::uuid[]) as conversation(key) cross join lateral (
             select ${messageColumns} from messages
             where conversation_id = conversation.key and (created_at, id) < ($2::timestamptz, $3::uuid)
             order by created_at desc, id desc limit $4
           ) m order by m."createdAt" desc, m.id desc`,
          page,
        ),
        (row) => row.conversationId,
      ),
    ),
    bookmarksOf: perArguments((page) =>
      createRowsLoader(
        pageOf<BookmarkRow>(
          `select b.* from unnest($1::uuid[]) as owner(key) cross join lateral (
             select ${bookmarkColumns} from bookmarks
             where user_id = owner.key and (created_at, post_id) < ($2::timestamptz, $3::uuid)
             order by created_at desc, post_id desc limit $4
           ) b order by b."createdAt" desc, b."postId" desc`,
          page,
        ),
        (row) => row.userId,
      ),
    ),
  };
}
