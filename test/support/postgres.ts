/**
 * A fresh database for a test file, on a real Postgres: `DATABASE_URL`, else 127.0.0.1:5432 (user postgres, trusted),
 * else an embedded server of its own.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/telemetry/log';
import { startEmbeddedPostgres } from '../../subgraphs/shared/embedded-postgres';
import { acceptsConnections, dropDatabase, ensureDatabase } from '../../subgraphs/shared/postgres-server';

export interface TestDatabase {
  readonly url: string;
  /** Drops the database, with whatever connections it still has. Call it in `afterAll`. */
  close(): Promise<void>;
}

interface TestServer {
  readonly url: string;
  close(): Promise<void>;
}

const LOCAL = 'postgres://postgres@127.0.0.1:5432/postgres';

/** A new, empty database; the suites that ask at the same time each get their own. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = await findServer();
  const name = `supergate_test_${process.pid}_${randomBytes(4).toString('hex')}`;
  const url = await ensureDatabase(server.url, name);
  return {
    url,
    async close() {
      await dropDatabase(server.url, name);
      await server.close();
    },
  };
}

async function findServer(): Promise<TestServer> {
  const given = process.env.DATABASE_URL;
  if (given) return { url: given, close: async () => {} };
  if (await acceptsConnections(LOCAL)) return { url: LOCAL, close: async () => {} };
  return await startTemporaryServer();
}

async function startTemporaryServer(): Promise<TestServer> {
  const home = await mkdtemp(join(tmpdir(), 'supergate-postgres-'));
  // Started by root, the server runs as another user, who must get in.
  await chmod(home, 0o755);
  const server = await startEmbeddedPostgres({ directory: join(home, 'data'), log: silentLog, durable: false });
  return {
    url: server.url,
    async close() {
      await server.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}
