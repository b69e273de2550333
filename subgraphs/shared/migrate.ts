/**
 * Brings a database to the schema this code expects, and fills an empty one with its seed.
 * In: a directory of `0001-name.sql`. Out: rows in `schema_migrations`. Clock: once per start.
 * Never edits history: a migration that was changed after it was applied is an error.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from './database';

interface Migration {
  readonly name: string;
  readonly checksum: string;
  readonly sql: string;
}

// Any two processes that start on one database meet at this lock; advisory locks are per database.
const LOCK = 'select pg_advisory_xact_lock(727274)';

/**
 * Applies what is missing, in order of name, all in one transaction under an advisory lock; answers the names applied.
 * Throws when a file is misnamed, was edited after it was applied, or was applied and is gone.
 */
export async function migrate(db: Database, directory: string): Promise<string[]> {
  const migrations = await readMigrations(directory);
  return await db.transaction(async (tx) => {
    await tx.query(LOCK);
    await tx.query(`create table if not exists schema_migrations (
      name text primary key, checksum text not null, applied_at timestamptz not null default now())`);
    const applied = await tx.query<{ name: string; checksum: string }>('select name, checksum from schema_migrations');
    checkHistory(applied, migrations);
    const known = new Set(applied.map((row) => row.name));
    const missing = migrations.filter((migration) => !known.has(migration.name));
    for (const migration of missing) await apply(tx, migration);
    return missing.map((migration) => migration.name);
  });
}

/** Runs `seed` in a transaction, once in the life of the database, whoever else starts at the same time. */
export async function seedOnce(db: Database, seed: (db: Database) => Promise<void>): Promise<boolean> {
  return await db.transaction(async (tx) => {
    await tx.query(LOCK);
    await tx.query('create table if not exists schema_seed (seeded_at timestamptz not null)');
    if ((await tx.query('select 1 from schema_seed')).length > 0) return false;
    await seed(tx);
    await tx.query('insert into schema_seed (seeded_at) values (now())');
    return true;
  });
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  return await Promise.all(
    names.map(async (name) => {
      if (!/^\d{4}-[a-z0-9-]+\.sql$/.test(name)) throw new Error(`${name}: a migration is named 0001-some-words.sql`);
      const sql = await readFile(join(directory, name), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

function checkHistory(applied: readonly { name: string; checksum: string }[], migrations: readonly Migration[]): void {
  const byName = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const { name, checksum } of applied) {
    const migration = byName.get(name);
    if (!migration) throw new Error(`${name}: this database has a migration that this code does not know`);
    if (migration.checksum !== checksum) {
      throw new Error(`${name}: edited after it was applied to this database; write a new migration instead`);
    }
  }
  const last = applied
    .map((row) => row.name)
    .sort()
    .at(-1);
  const late = migrations.find(
    (m) => last !== undefined && m.name < last && !applied.some((row) => row.name === m.name),
  );
  if (late) throw new Error(`${late.name}: comes before ${last}, which was applied already; give it a later number`);
}

async function apply(tx: Database, migration: Migration): Promise<void> {
  try {
    await tx.query(migration.sql);
  } catch (cause) {
    throw new Error(`${migration.name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  await tx.query('insert into schema_migrations (name, checksum) values ($1, $2)', [
    migration.name,
    migration.checksum,
  ]);
}
