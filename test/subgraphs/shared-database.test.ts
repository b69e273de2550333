import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, isUniqueViolation, openDatabase } from '../../subgraphs/shared/database';
import { migrate, seedOnce } from '../../subgraphs/shared/migrate';
import { databaseUrl, ensureDatabase, printableUrl } from '../../subgraphs/shared/postgres-server';
import { createTestDatabase, type TestDatabase } from '../support/postgres';

let server: TestDatabase;
let home: string;
let db: Database;

beforeAll(async () => {
  server = await createTestDatabase();
  home = await mkdtemp(join(tmpdir(), 'supergate-migrations-'));
  db = openDatabase(server.url);
});

afterAll(async () => {
  await db.close();
  await server.close();
  await rm(home, { recursive: true });
});

beforeEach(() => db.query('drop schema public cascade').then(() => db.query('create schema public')));

let directories = 0;
async function migrations(files: Record<string, string>): Promise<string> {
  const directory = join(home, String(directories++));
  await mkdir(directory);
  for (const [name, sql] of Object.entries(files)) await writeFile(join(directory, name), sql);
  return directory;
}

describe('migrate', () => {
  const first = 'create table a (id int); insert into a values (1);';

  it('applies files in order of name, each once', async () => {
    const directory = await migrations({ '0002-more.sql': 'insert into a values (2)', '0001-first.sql': first });
    expect(await migrate(db, directory)).toEqual(['0001-first.sql', '0002-more.sql']);
    expect(await migrate(db, directory)).toEqual([]);
    expect(await db.query('select id from a order by id')).toEqual([{ id: 1 }, { id: 2 }]);
  });

  it('applies each once when several processes start together', async () => {
    const directory = await migrations({ '0001-first.sql': first });
    const others = [1, 2, 3].map(() => openDatabase(server.url));
    const applied = await Promise.all(others.map((other) => migrate(other, directory)));
    expect(applied.flat()).toEqual(['0001-first.sql']);
    await Promise.all(others.map((other) => other.close()));
  });

  it('refuses a file that was edited after it was applied', async () => {
    await migrate(db, await migrations({ '0001-first.sql': first }));
    const edited = await migrations({ '0001-first.sql': `${first} -- harmless` });
    await expect(migrate(db, edited)).rejects.toThrow(/0001-first.sql: edited after/);
  });

  it('refuses a file that comes before one already applied', async () => {
    await migrate(db, await migrations({ '0002-second.sql': first }));
    const late = await migrations({ '0001-late.sql': 'select 1', '0002-second.sql': first });
    await expect(migrate(db, late)).rejects.toThrow(/0001-late.sql: comes before 0002-second.sql/);
  });

  it('refuses a database that is ahead of the code', async () => {
    await migrate(db, await migrations({ '0001-first.sql': first }));
    await expect(migrate(db, await migrations({}))).rejects.toThrow(/does not know/);
  });

  it('refuses a file whose name has no order', async () => {
    await expect(migrate(db, await migrations({ 'first.sql': first }))).rejects.toThrow(
      /first.sql: a migration is named/,
    );
  });

  it('applies all or nothing, and names the file that failed', async () => {
    const directory = await migrations({ '0001-first.sql': first, '0002-bad.sql': 'create tabel b ()' });
    await expect(migrate(db, directory)).rejects.toThrow(/0002-bad.sql: syntax error/);
    expect(await db.query(`select to_regclass('a') as a, to_regclass('schema_migrations') as m`)).toEqual([
      { a: null, m: null },
    ]);
  });
});

describe('seedOnce', () => {
  it('seeds once, even when several start together', async () => {
    await db.query('create table s (id int)');
    const seed = async (tx: Database) => void (await tx.query('insert into s values (1)'));
    const done = await Promise.all([seedOnce(db, seed), seedOnce(db, seed), seedOnce(db, seed)]);
    expect(done.filter(Boolean)).toHaveLength(1);
    expect(await db.query('select * from s')).toHaveLength(1);
  });

  it('seeds again after a seed that failed', async () => {
    await expect(seedOnce(db, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await seedOnce(db, async () => {})).toBe(true);
  });
});

describe('a transaction', () => {
  beforeEach(() => db.query('create table t (id int primary key)'));

  it('leaves nothing when its work rejects, and the connection is good again', async () => {
    const work = db.transaction(async (tx) => {
      await tx.query('insert into t values (1)');
      throw new Error('changed my mind');
    });
    await expect(work).rejects.toThrow('changed my mind');
    expect(await db.query('select * from t')).toEqual([]);
  });

  it('rolls an inner one back alone', async () => {
    await db.transaction(async (tx) => {
      await tx.query('insert into t values (1)');
      const inner = tx.transaction((nested) => nested.query('insert into t values (1)'));
      await expect(inner.catch((error: unknown) => isUniqueViolation(error, 't_pkey'))).resolves.toBe(true);
      await tx.query('insert into t values (2)');
    });
    expect(await db.query('select id from t order by id')).toEqual([{ id: 1 }, { id: 2 }]);
  });
});

describe('values', () => {
  it('reads bigint as a safe integer, moments as Date, dates as text', async () => {
    const [row] = await db.query(
      `select 9007199254740991::bigint as n, '2026-11-21T00:00:00Z'::timestamptz as at, '2026-11-21'::date as day`,
    );
    expect(row).toEqual({ n: 9007199254740991, at: new Date('2026-11-21T00:00:00Z'), day: '2026-11-21' });
  });

  it('refuses a bigint that a number cannot hold rather than round it', async () => {
    await expect(db.query('select 9007199254740993::bigint as n')).rejects.toThrow(RangeError);
  });
});

describe('a server', () => {
  it('creates a database once when several ask at the same time', async () => {
    const name = `${new URL(server.url).pathname.slice(1)}_x`;
    const urls = await Promise.all([1, 2, 3].map(() => ensureDatabase(server.url, name)));
    expect(new Set(urls)).toEqual(new Set([databaseUrl(server.url, name)]));
    await db.query(`drop database ${name}`);
  });

  it('refuses names that need quoting', async () => {
    await expect(ensureDatabase(server.url, 'x"; drop table y')).rejects.toThrow(/not a plain database name/);
  });

  it('hides the password of a URL that people read', () => {
    expect(printableUrl('postgres://u:p@h:1/d')).toBe('postgres://u:***@h:1/d');
  });
});
