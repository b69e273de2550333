/**
 * A subgraph of the reference graph, running on a fresh database, and a client that stands in for the gateway.
 * Real: HTTP, Postgres, identity tokens. Observed: answers, and every SQL statement.
 */
import { silentLog } from '../../src/telemetry/log';
import { type Database, openDatabase } from '../../subgraphs/shared/database';
import type { Events } from '../../subgraphs/shared/events';
import type { Caller } from '../../subgraphs/shared/identity';
import { type SubgraphDefinition, startSubgraph } from '../../subgraphs/shared/subgraph';
import { createTestDatabase } from '../support/postgres';
import { call, TEST_SECRET } from './shared-call';

export interface Answer<Data> {
  readonly data: Data;
  readonly errors: readonly { message: string; path?: unknown; extensions: Record<string, unknown> }[] | undefined;
}

export interface TestSubgraph {
  readonly url: string;
  /** The subgraph's database, behind its back. */
  readonly db: Database;
  /** Sends a document as the gateway would, for `caller`. */
  ask<Data = Record<string, unknown>>(
    caller: Caller,
    query: string,
    variables?: Record<string, unknown>,
  ): Promise<Answer<Data>>;
  /** The statements that `work` made the subgraph send. */
  statementsDuring(work: () => Promise<unknown>): Promise<string[]>;
  close(): Promise<void>;
}

/** User `number` of the seed: 1 is ada, who is ADMIN there. */
export function user(number: number, ...roles: string[]): Caller & { kind: 'user' } {
  return { kind: 'user', id: seedId(0, number), roles: ['USER', ...roles], scopes: [] };
}

export const ada = user(1, 'ADMIN');
export const nobody: Caller = { kind: 'anonymous' };

/** `seedId(1, 3)` is the third post; 0 users, 2 announcements, 3 media, 4 conversations, 5 messages, 6 payments, 7 refunds. */
export function seedId(table: number, number: number): string {
  return `${table}0000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

/** The codes of all errors of an answer, with their paths: `['FORBIDDEN user.balance']`. */
export function errorsOf(answer: Answer<unknown>): string[] {
  return (answer.errors ?? []).map(
    ({ extensions, path }) => `${extensions.code} ${Array.isArray(path) ? path.join('.') : ''}`,
  );
}

/** Starts `definition` with its seed, on a database of its own. */
export async function startTestSubgraph<Context extends object>(
  definition: SubgraphDefinition<Context>,
  events?: Events,
): Promise<TestSubgraph> {
  const database = await createTestDatabase();
  const statements: string[] = [];
  const running = await startSubgraph(definition, {
    databaseUrl: database.url,
    port: 0,
    identitySecret: TEST_SECRET,
    log: silentLog,
    ...(events && { events }),
    onQuery: (sql) => statements.push(sql),
  });
  const db = openDatabase(database.url);
  return {
    url: running.url,
    db,
    ask: (caller, query, variables) => call(running.url, caller, query, variables),
    async statementsDuring(work) {
      statements.length = 0;
      await work();
      return [...statements];
    },
    async close() {
      await running.close();
      await db.close();
      await database.close();
    },
  };
}
