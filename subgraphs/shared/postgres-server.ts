/**
 * Databases on a Postgres server: make one, drop one, and the URL of each.
 * In: the URL of a server. Out: the URL of a database on it. Clock: once per start.
 */
import { openDatabase } from './database';
import { hasCode } from './errors';

/** The same server and credentials, another database: `('postgres://u:p@h/postgres', 'x')` gives `postgres://u:p@h/x`. */
export function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** The URL without its password, for people to read. */
export function printableUrl(url: string): string {
  const printable = new URL(url);
  if (printable.password !== '') printable.password = '***';
  return printable.href;
}

/** Creates the database when it is missing, whoever else does so at the same time; answers its URL. */
export async function ensureDatabase(serverUrl: string, name: string): Promise<string> {
  await onServer(serverUrl, async (query) => {
    const found = await query('select 1 from pg_database where datname = $1', [name]);
    if (found.length > 0) return;
    try {
      await query(`create database ${identifier(name)} template template0`);
    } catch (error) {
      // 42P04 and 23505: somebody else created it between the question and the statement.
      if (!hasCode(error, '42P04', '23505')) throw error;
    }
  });
  return databaseUrl(serverUrl, name);
}

/** Drops the database when it is there, ending whatever connections it has. */
export async function dropDatabase(serverUrl: string, name: string): Promise<void> {
  await onServer(serverUrl, (query) => query(`drop database if exists ${identifier(name)} with (force)`));
}

/** Whether a server answers on this URL and lets us in. */
export async function acceptsConnections(serverUrl: string): Promise<boolean> {
  return await onServer(serverUrl, (query) => query('select 1')).then(
    () => true,
    () => false,
  );
}

type Query = (sql: string, params?: readonly unknown[]) => Promise<object[]>;

async function onServer<Result>(serverUrl: string, work: (query: Query) => Promise<Result>): Promise<Result> {
  const server = openDatabase(serverUrl, { maxConnections: 1 });
  try {
    return await work((sql, params) => server.query(sql, params));
  } finally {
    await server.close();
  }
}

function identifier(name: string): string {
  if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) throw new Error(`${name}: not a plain database name`);
  return `"${name}"`;
}
