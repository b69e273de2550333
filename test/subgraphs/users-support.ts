/**
 * The users subgraph as it runs: real Postgres with its seed, HTTP, signatures, scrypt (at a low cost).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/telemetry/log';
import { type Database, openDatabase } from '../../subgraphs/shared/database';
import { createLocalEvents, type Events } from '../../subgraphs/shared/events';
import type { Caller } from '../../subgraphs/shared/identity';
import { startSubgraph } from '../../subgraphs/shared/subgraph';
import { createPasswords } from '../../subgraphs/users/passwords';
import { seedUserId } from '../../subgraphs/users/seed';
import { createUsersSubgraph } from '../../subgraphs/users/subgraph';
import { createTestDatabase } from '../support/postgres';
import { type Answer, call, TEST_SECRET, user } from './shared-call';

export const adaId = seedUserId(1);
export const graceId = seedUserId(2);
export const ada = user(adaId, 'ADMIN');
export const grace = user(graceId);

export interface RunningUsers {
  readonly url: string;
  readonly db: Database;
  /** The SQL statements that the subgraph ran so far. */
  readonly queries: string[];
  readonly events: Events;
  ask(caller: Caller, query: string, variables?: Record<string, unknown>): Promise<Answer>;
  close(): Promise<void>;
}

/** Starts users on a database of its own. */
export async function startUsers(): Promise<RunningUsers> {
  const keysDirectory = await mkdtemp(join(tmpdir(), 'supergate-keys-'));
  const database = await createTestDatabase();
  const db = openDatabase(database.url);
  const queries: string[] = [];
  const events = createLocalEvents();
  // Cheap hashes, for there are many sign-ins; the recommended cost has its own test.
  const passwords = createPasswords({ ln: 10, r: 8, p: 1 });
  const subgraph = await startSubgraph(
    await createUsersSubgraph({ SIGNING_KEYS_DIR: keysDirectory }, silentLog, passwords),
    {
      databaseUrl: database.url,
      port: 0,
      identitySecret: TEST_SECRET,
      log: silentLog,
      events,
      onQuery: (sql) => queries.push(sql),
    },
  );
  return {
    url: subgraph.url,
    db,
    queries,
    events,
    ask: (caller, query, variables) => call(subgraph.url, caller, query, variables),
    async close() {
      await subgraph.close();
      await db.close();
      await database.close();
      await rm(keysDirectory, { recursive: true });
    },
  };
}
