/**
 * The one file that knows `pg`: a pool, transactions, and nothing else of it leaves this file.
 * `bigint` columns come as safe integers, `timestamptz` as Date, `numeric` and `date` as text.
 */
import { Pool, type PoolClient, types } from 'pg';
import { hasCode } from './errors';

/** A database, or a transaction on it: both answer queries the same way. */
export interface Database {
  /** Runs one statement with `$1` parameters and answers its rows. */
  query<Row extends object>(sql: string, params?: readonly unknown[]): Promise<Row[]>;
  /** Commits what `work` did, or nothing of it when `work` rejects. Inside a transaction: a savepoint. */
  transaction<Result>(work: (tx: Database) => Promise<Result>): Promise<Result>;
  /** Waits for running queries, then ends all connections. Refused inside a transaction. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Told of every statement, before it runs; for tests that count and logs that trace. */
  readonly onQuery?: (sql: string) => void;
  /** An idle connection broke; the pool replaces it by itself. */
  readonly onConnectionError?: (error: Error) => void;
  readonly maxConnections?: number;
}

const INT8 = 20;
const DATE = 1082;

function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError('A bigint of the database is not a safe integer');
  return value;
}

function typeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === INT8) return parseInt8;
  if (oid === DATE) return (text) => text;
  return types.getTypeParser(oid, format as 'text');
}

/** Opens a pool on `url` (`postgres://user:password@host:port/database`); connects with the first query. */
export function openDatabase(url: string, options: DatabaseOptions = {}): Database {
  const pool = new Pool({
    connectionString: url,
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 15_000,
    idleTimeoutMillis: 30_000,
    types: { getTypeParser: typeParser as typeof types.getTypeParser },
  });
  // Without a listener, a restart of the server would end this process.
  let isOpen = true;
  pool.on('error', (error) => {
    // While we close, the server may end a connection before our goodbye arrives.
    if (isOpen) options.onConnectionError?.(error);
  });
  const onQuery = options.onQuery ?? (() => {});
  return {
    async query<Row extends object>(sql: string, params: readonly unknown[] = []): Promise<Row[]> {
      onQuery(sql);
      return (await pool.query<Row>(sql, [...params])).rows;
    },
    transaction: (work) => runTransaction(pool, onQuery, work),
    close() {
      isOpen = false;
      return pool.end();
    },
  };
}

async function runTransaction<Result>(
  pool: Pool,
  onQuery: (sql: string) => void,
  work: (tx: Database) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await work(clientDatabase(client, onQuery, 1));
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((cause: Error) => {
      broken = cause;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

function clientDatabase(client: PoolClient, onQuery: (sql: string) => void, depth: number): Database {
  return {
    async query<Row extends object>(sql: string, params: readonly unknown[] = []): Promise<Row[]> {
      onQuery(sql);
      // Without parameters pg takes the simple protocol, which allows several statements: migrations need that.
      return (await (params.length === 0 ? client.query<Row>(sql) : client.query<Row>(sql, [...params]))).rows;
    },
    async transaction(work) {
      const savepoint = `nested_${depth}`;
      await client.query(`savepoint ${savepoint}`);
      try {
        const result = await work(clientDatabase(client, onQuery, depth + 1));
        await client.query(`release savepoint ${savepoint}`);
        return result;
      } catch (error) {
        await client.query(`rollback to savepoint ${savepoint}`);
        throw error;
      }
    },
    close: () => Promise.reject(new Error('A transaction cannot be closed')),
  };
}

/** Whether `error` is Postgres refusing a duplicate (23505), on `constraint` when that is given. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (!hasCode(error, '23505')) return false;
  return constraint === undefined || ('constraint' in error && error.constraint === constraint);
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a client's ID can be a key at all; what is not, is simply not found, and must not reach SQL as uuid. */
export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}
