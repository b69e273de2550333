/**
 * Batching: many keys of one request become one SQL statement. The one file that knows `dataloader`.
 * Clock: per request; make loaders in `createContext`, never share them between requests.
 */
import DataLoader from 'dataloader';
import { isUuid } from './database';

/** Loads by key, collecting the keys asked for in one turn. */
export interface Loader<Value> {
  load(key: string): Promise<Value>;
  /** Forgets a key after a mutation changed what it stands for. */
  clear(key: string): void;
}

/**
 * One row for each key, or null. `createRowLoader((ids) => db.query('... where id = any($1)', [ids]), (row) => row.id)`.
 * Keys that `accepts` refuses (by default: all that are no UUID) are null without asking.
 */
export function createRowLoader<Row>(
  fetchRows: (keys: readonly string[]) => Promise<readonly Row[]>,
  keyOf: (row: Row) => string,
  accepts: (key: string) => boolean = isUuid,
): Loader<Row | null> {
  return wrap(async (keys) => {
    const rows = await fetchIfAny(fetchRows, keys.filter(accepts));
    const byKey = new Map(rows.map((row) => [keyOf(row), row]));
    return keys.map((key) => byKey.get(key) ?? null);
  });
}

/** All rows for each key (a one-to-many relation), in the order of `fetchRows`. */
export function createRowsLoader<Row>(
  fetchRows: (keys: readonly string[]) => Promise<readonly Row[]>,
  keyOf: (row: Row) => string,
  accepts: (key: string) => boolean = isUuid,
): Loader<Row[]> {
  return wrap(async (keys) => {
    const groups = new Map<string, Row[]>(keys.map((key) => [key, []]));
    for (const row of await fetchIfAny(fetchRows, keys.filter(accepts))) groups.get(keyOf(row))?.push(row);
    return keys.map((key) => groups.get(key) ?? []);
  });
}

async function fetchIfAny<Row>(
  fetchRows: (keys: readonly string[]) => Promise<readonly Row[]>,
  keys: readonly string[],
): Promise<readonly Row[]> {
  return keys.length === 0 ? [] : await fetchRows(keys);
}

function wrap<Value>(batch: (keys: readonly string[]) => Promise<Value[]>): Loader<Value> {
  // UUIDs are compared as Postgres writes them: in lower case.
  const canonical = (key: string) => (isUuid(key) ? key.toLowerCase() : key);
  const loader = new DataLoader<string, Value>((keys) => batch(keys));
  return {
    load: (key) => loader.load(canonical(key)),
    clear: (key) => {
      loader.clear(canonical(key));
    },
  };
}

/** One loader for each distinct value of the arguments, so that aliases with other arguments do not meet. */
export function perArguments<Args, Value>(create: (args: Args) => Loader<Value>): (args: Args) => Loader<Value> {
  const known = new Map<string, Loader<Value>>();
  return (args) => {
    const key = JSON.stringify(args);
    const loader = known.get(key) ?? create(args);
    known.set(key, loader);
    return loader;
  };
}
