/**
 * Saved posts. In: the caller and a post. Out: rows, or refusals.
 */

import { requireUser } from '../shared/access';
import { type Database, isUuid } from '../shared/database';
import { conflict, notFound } from '../shared/errors';
import type { Caller } from '../shared/identity';
import type { ContentLoaders } from './loaders';
import { type BookmarkRow, bookmarkColumns } from './rows';
import { checkText, MAX_NOTE } from './validate';

const MAX_BOOKMARKS = 500;

/** Saves, or changes the note. Throws UNAUTHENTICATED, BAD_USER_INPUT, NOT_FOUND, CONFLICT (500 bookmarks). */
export async function bookmarkPost(
  db: Database,
  loaders: ContentLoaders,
  caller: Caller,
  postId: string,
  note: string | null | undefined,
): Promise<BookmarkRow> {
  const userId = requireUser(caller);
  if (typeof note === 'string') checkText(note, 'note', MAX_NOTE);
  const post = await loaders.post.load(postId);
  if (!post) throw notFound('There is no such post.');
  const [bookmark] = await db.query<BookmarkRow>(
    `insert into bookmarks (user_id, post_id, note)
     select $1, $2, $3 where (select count(*) from bookmarks where user_id = $1 and post_id <> $2) < $4
     on conflict (user_id, post_id) do update set note = excluded.note returning ${bookmarkColumns}`,
    [userId, post.id, note ?? null, MAX_BOOKMARKS],
  );
  if (!bookmark) throw conflict(`There may be at most ${MAX_BOOKMARKS} bookmarks: remove one first.`);
  return bookmark;
}

/** Whether there was one. Throws UNAUTHENTICATED. */
export async function removeBookmark(db: Database, caller: Caller, postId: string): Promise<boolean> {
  const userId = requireUser(caller);
  if (!isUuid(postId)) return false;
  const sql = 'delete from bookmarks where user_id = $1 and post_id = $2 returning post_id';
  return (await db.query(sql, [userId, postId])).length > 0;
}
