/**
 * Relay-style pages over keyset SQL. In: `first` and `after`. Out: a limit and the keys to continue after, then edges.
 * A cursor holds the sort keys of its row and the name of its list; it grants nothing, so it is not signed.
 * Timestamps keep milliseconds: sort by `timestamptz(3)` columns, or rows within one millisecond would be skipped.
 */

import { isUuid } from './database';
import { badUserInput } from './errors';

const MAX_FIRST = 100;
const DEFAULT_FIRST = 20;
const MAX_CURSOR_LENGTH = 1024;

interface KeyTypes {
  readonly uuid: string;
  readonly text: string;
  readonly integer: number;
  readonly timestamp: Date;
}
export type KeyKind = keyof KeyTypes;
export type Keys<Kinds extends readonly KeyKind[]> = { -readonly [Index in keyof Kinds]: KeyTypes[Kinds[Index]] };

/** What to ask of the database: `limit` is one more than the client wants, to see whether there is a next page. */
export interface Page<Kinds extends readonly KeyKind[]> {
  readonly list: string;
  readonly first: number;
  readonly limit: number;
  readonly after: Keys<Kinds> | undefined;
}

export interface PageInfo {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly startCursor: string | null;
  readonly endCursor: string | null;
}

export interface Connection<Node> {
  readonly edges: { readonly cursor: string; readonly node: Node }[];
  readonly nodes: Node[];
  readonly pageInfo: PageInfo;
}

/**
 * Checks a client's paging arguments. `readPage('feed', ['timestamp', 'uuid'], { first: 10, after })` answers
 * `{ first: 10, limit: 11, after: [Date, 'uuid'] }`. Throws BAD_USER_INPUT when `first` is not 1..100 or when `after`
 * is not a cursor of this list.
 */
export function readPage<const Kinds extends readonly KeyKind[]>(
  list: string,
  kinds: Kinds,
  args: { readonly first?: number | null | undefined; readonly after?: string | null | undefined },
): Page<Kinds> {
  const first = args.first ?? DEFAULT_FIRST;
  if (!Number.isInteger(first) || first < 1 || first > MAX_FIRST) {
    throw badUserInput(`first must be between 1 and ${MAX_FIRST}.`, 'first');
  }
  const after = args.after === null || args.after === undefined ? undefined : readCursor(list, kinds, args.after);
  return { list, first, limit: first + 1, after };
}

/** Makes a connection of up to `page.limit` rows in their order; `keysOf` answers the sort keys of a row. */
export function toConnection<const Kinds extends readonly KeyKind[], Row>(
  page: Page<Kinds>,
  rows: readonly Row[],
  keysOf: (row: Row) => Keys<Kinds>,
): Connection<Row> {
  const nodes = rows.slice(0, page.first);
  const edges = nodes.map((node) => ({ node, cursor: writeCursor(page.list, keysOf(node)) }));
  return {
    edges,
    nodes,
    pageInfo: {
      hasNextPage: rows.length > page.first,
      hasPreviousPage: page.after !== undefined,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

function writeCursor(list: string, keys: readonly unknown[]): string {
  return Buffer.from(JSON.stringify([list, ...keys])).toString('base64url');
}

function readCursor<const Kinds extends readonly KeyKind[]>(list: string, kinds: Kinds, cursor: string): Keys<Kinds> {
  const parts = parseCursor(cursor);
  if (!parts || parts.length !== kinds.length + 1 || parts[0] !== list) throw badCursor();
  return kinds.map((kind, index) => readKey(kind, parts[index + 1])) as Keys<Kinds>;
}

function parseCursor(cursor: string): unknown[] | undefined {
  if (cursor.length > MAX_CURSOR_LENGTH) return undefined;
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(parts) ? parts : undefined;
  } catch {
    return undefined;
  }
}

function readKey(kind: KeyKind, value: unknown): KeyTypes[KeyKind] {
  switch (kind) {
    case 'uuid':
      if (isUuid(value)) return value;
      break;
    case 'text':
      // Postgres text cannot hold NUL.
      if (typeof value === 'string' && !value.includes('\0')) return value;
      break;
    case 'integer':
      if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
      break;
    case 'timestamp': {
      const date = typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) ? new Date(value) : undefined;
      if (date && !Number.isNaN(date.getTime())) return date;
      break;
    }
  }
  throw badCursor();
}

const badCursor = () => badUserInput('after is not a cursor of this list.', 'after');
