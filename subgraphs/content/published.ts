/**
 * What everybody reads, of all kinds: the feed, the search, and anything by its id. Out: rows in the order asked for.
 */
import type { Database } from '../shared/database';
import { badUserInput } from '../shared/errors';
import { afterOf, type ContentLoaders, type NewestPage } from './loaders';
import type { NodeRow, PublishedRow } from './rows';

interface Found {
  readonly kind: PublishedRow['kind'];
  readonly id: string;
}

export interface FeedRow {
  readonly item: PublishedRow;
  readonly id: string;
  readonly publishedAt: Date;
}

const MAX_RESULTS = 50;
const MAX_SEARCH_LENGTH = 200;

/** A page of all that is published, newest first. */
export async function readFeed(db: Database, loaders: ContentLoaders, page: NewestPage): Promise<FeedRow[]> {
  const found = await db.query<Found & { publishedAt: Date }>(
    `select kind, id, published_at as "publishedAt" from published
     where (published_at, id) < ($1::timestamptz, $2::uuid) order by published_at desc, id desc limit $3`,
    [...afterOf(page), page.limit],
  );
  const items = await Promise.all(found.map((row) => load(loaders, row)));
  // What was deleted between the two statements is left out.
  return found.flatMap(({ id, publishedAt }, index) => {
    const item = items[index];
    return item ? [{ item, id, publishedAt }] : [];
  });
}

/** Best match first. Throws BAD_USER_INPUT when `text` is blank or over 200 characters, or `first` is not 1..50. */
export async function search(
  db: Database,
  loaders: ContentLoaders,
  text: string,
  first: number | null | undefined,
): Promise<PublishedRow[]> {
  const limit = first ?? 20;
  if (text.trim() === '' || text.length > MAX_SEARCH_LENGTH || text.includes('\0')) {
    throw badUserInput(`text must be 1 to ${MAX_SEARCH_LENGTH} characters.`, 'text');
  }
  if (limit < 1 || limit > MAX_RESULTS) throw badUserInput(`first must be between 1 and ${MAX_RESULTS}.`, 'first');
  const found = await db.query<Found>(
    `select kind, id from published, websearch_to_tsquery('english', $1) as words
     where search @@ words order by ts_rank_cd(search, words) desc, published_at desc, id limit $2`,
    [text, limit],
  );
  const rows = await Promise.all(found.map((row) => load(loaders, row)));
  return rows.filter((row) => row !== null);
}

function load(loaders: ContentLoaders, { kind, id }: Found): Promise<PublishedRow | null> {
  switch (kind) {
    case 'Post':
      return loaders.post.load(id);
    case 'Announcement':
      return loaders.announcement.load(id);
    default:
      return loaders.media.load(id);
  }
}

/** Anything that content keeps, as far as the caller may read it: the ids of all kinds are distinct. */
export async function findNode(loaders: ContentLoaders, id: string): Promise<NodeRow | null> {
  const candidates: readonly (NodeRow | null)[] = await Promise.all([
    loaders.post.load(id),
    loaders.announcement.load(id),
    loaders.media.load(id),
    loaders.conversation.load(id),
    loaders.message.load(id),
  ]);
  return candidates.find((row) => row !== null) ?? null;
}
