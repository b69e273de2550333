/**
 * Posts and announcements: written, changed, deleted. In: the caller and input. Out: rows, or refusals.
 */
import { randomBytes } from 'node:crypto';
import { requireAdmin, requireUser } from '../shared/access';
import { type Database, isUuid } from '../shared/database';
import { badUserInput, forbidden, notFound } from '../shared/errors';
import type { Caller } from '../shared/identity';
import { mayEdit } from './access';
import type { CreateAnnouncementInput, CreatePostInput, UpdatePostInput } from './generated/resolvers';
import type { ContentLoaders } from './loaders';
import { type AnnouncementRow, announcementColumns, type PostRow, postColumns } from './rows';
import { checkDiscount, checkMediaIds, checkTags, checkText, MAX_MESSAGE, MAX_POST_BODY, MAX_TITLE } from './validate';

const MAX_SLUG_LENGTH = 100;

/** Throws UNAUTHENTICATED, BAD_USER_INPUT. */
export async function createPost(db: Database, caller: Caller, input: CreatePostInput): Promise<PostRow> {
  const authorId = requireUser(caller);
  checkInput(input);
  return await db.transaction(async (tx) => {
    const slug = slugOf(input.title);
    const post =
      (await insertPost(tx, authorId, slug, input)) ??
      (await insertPost(tx, authorId, `${slug}-${randomBytes(4).toString('hex')}`, input));
    if (!post) throw new Error('A random name of a post is taken');
    await setMedia(tx, post.id, input.mediaIds ?? []);
    return post;
  });
}

function checkInput(input: CreatePostInput | UpdatePostInput): void {
  const { title, body, tags, discountPercent, mediaIds } = input;
  if (typeof title === 'string') checkText(title, 'input.title', MAX_TITLE);
  if (typeof body === 'string') checkText(body, 'input.body', MAX_POST_BODY);
  if (tags) checkTags(tags, 'input.tags');
  if (typeof discountPercent === 'number') checkDiscount(discountPercent, 'input.discountPercent');
  if (mediaIds) checkMediaIds(mediaIds, 'input.mediaIds');
}

/** `slugOf('Über Maschinen, Teil 2')` is `uber-maschinen-teil-2`; `post` where nothing is left. */
export function slugOf(title: string): string {
  const words = title
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-');
  return words.slice(0, MAX_SLUG_LENGTH).replace(/^-+|-+$/g, '') || 'post';
}

/** Answers nothing when the slug is taken. */
async function insertPost(
  tx: Database,
  authorId: string,
  slug: string,
  input: CreatePostInput,
): Promise<PostRow | undefined> {
  const status = input.status ?? 'PUBLISHED';
  const [post] = await tx.query<PostRow>(
    `insert into posts (slug, title, body, tags, status, author_id, discount_percent, published_at)
     values ($1, $2, $3, $4, $5, $6, $7, case when $5 = 'PUBLISHED' then now() end)
     on conflict (slug) do nothing returning ${postColumns}`,
    [slug, input.title, input.body, input.tags ?? [], status, authorId, input.discountPercent ?? 0],
  );
  return post;
}

async function setMedia(tx: Database, postId: string, mediaIds: readonly string[]): Promise<void> {
  await tx.query('delete from post_media where post_id = $1', [postId]);
  if (mediaIds.length === 0) return;
  const kept = await tx.query(
    `insert into post_media (post_id, media_id, position)
     select $1, media.id, given.position from unnest($2::uuid[]) with ordinality as given(id, position)
     join media on media.id = given.id returning media_id`,
    [postId, mediaIds],
  );
  if (kept.length < mediaIds.length) throw badUserInput('There is no such media item.', 'input.mediaIds');
}

/** Throws UNAUTHENTICATED, BAD_USER_INPUT, NOT_FOUND, FORBIDDEN. */
export async function updatePost(
  db: Database,
  loaders: ContentLoaders,
  caller: Caller,
  id: string,
  input: UpdatePostInput,
): Promise<PostRow> {
  await requireEditable(loaders, caller, id);
  checkInput(input);
  return await db.transaction(async (tx) => {
    const [post] = await tx.query<PostRow>(
      `update posts set title = coalesce($2, title), body = coalesce($3, body), tags = coalesce($4, tags),
         status = coalesce($5, status), discount_percent = coalesce($6, discount_percent), updated_at = now(),
         published_at = case coalesce($5, status) when 'PUBLISHED' then coalesce(published_at, now()) end
       where id = $1 returning ${postColumns}`,
      [
        id,
        input.title ?? null,
        input.body ?? null,
        input.tags ?? null,
        input.status ?? null,
        input.discountPercent ?? null,
      ],
    );
    if (!post) throw noSuchPost();
    if (input.mediaIds) await setMedia(tx, post.id, input.mediaIds);
    return post;
  });
}

/** Answers the id. Throws UNAUTHENTICATED, NOT_FOUND, FORBIDDEN. */
export async function deletePost(db: Database, loaders: ContentLoaders, caller: Caller, id: string): Promise<string> {
  const post = await requireEditable(loaders, caller, id);
  await db.query('delete from posts where id = $1', [post.id]);
  return post.id;
}

/** Who may not read a draft learns nothing of it; who may read a post and not change it is told so. */
async function requireEditable(loaders: ContentLoaders, caller: Caller, id: string): Promise<PostRow> {
  requireUser(caller);
  const post = await loaders.post.load(id);
  if (!post) throw noSuchPost();
  if (!mayEdit(caller, post)) throw forbidden('Only the author and an ADMIN may do this.');
  return post;
}

const noSuchPost = () => notFound('There is no such post.');

/** Throws UNAUTHENTICATED, FORBIDDEN, BAD_USER_INPUT. */
export async function createAnnouncement(
  db: Database,
  caller: Caller,
  input: CreateAnnouncementInput,
): Promise<AnnouncementRow> {
  const authorId = requireAdmin(caller);
  checkText(input.title, 'input.title', MAX_TITLE);
  checkText(input.body, 'input.body', MAX_MESSAGE);
  const [announcement] = await db.query<AnnouncementRow>(
    `insert into announcements (title, body, level, author_id) values ($1, $2, $3, $4)
     returning ${announcementColumns}`,
    [input.title, input.body, input.level ?? 'INFO', authorId],
  );
  if (!announcement) throw new Error('An announcement was not written');
  return announcement;
}

/** Answers the id. Throws UNAUTHENTICATED, FORBIDDEN, NOT_FOUND. */
export async function deleteAnnouncement(db: Database, caller: Caller, id: string): Promise<string> {
  requireAdmin(caller);
  const sql = 'delete from announcements where id = $1 returning id';
  const [deleted] = isUuid(id) ? await db.query<{ id: string }>(sql, [id]) : [];
  if (!deleted) throw notFound('There is no such announcement.');
  return deleted.id;
}
