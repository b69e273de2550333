/**
 * Makes the data directory of the embedded Postgres, whole or not at all, and keeps its password inside it.
 * In: an Installation. Out: a directory that `postgres -D` accepts. Clock: once in the life of the directory.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Installation } from './embedded-postgres-install';
import { hasCode } from './errors';

/** Inside the data directory, so that the two can never be of different ages. */
const PASSWORD_FILE = 'supergate-password';
const DRAFT = '.init-';

/** Runs `initdb` beside the data directory and moves the result into place; does nothing when it is there already. */
export async function initialiseCluster(installation: Installation): Promise<void> {
  const { directory, initdb, account } = installation;
  const version = await readFile(join(directory, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version !== undefined) return;
  await removeDrafts(directory);
  const draft = `${directory}${DRAFT}${process.pid}-${randomBytes(4).toString('hex')}`;
  const passwordFile = `${draft}.password`;
  await mkdir(draft, { mode: 0o700 });
  await writeSecret(installation, passwordFile, randomBytes(24).toString('base64url'));
  await own(installation, draft);
  // The built-in locale sorts and folds alike on every machine. `--no-sync`: the first start syncs what matters.
  const flags = ['--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8'];
  flags.push('--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-sync', '--no-instructions');
  await runToEnd(initdb, [`--pgdata=${draft}`, ...flags], account);
  await rename(passwordFile, join(draft, PASSWORD_FILE));
  await rename(draft, directory).catch(async (error: unknown) => {
    // Another process was first; its directory is as good as ours.
    await rm(draft, { recursive: true, force: true });
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  });
}

/** The password of the user `postgres`, empty when its file was lost. */
export async function readPassword(installation: Installation): Promise<string> {
  const path = join(installation.directory, PASSWORD_FILE);
  const found = await readFile(path, 'utf8').catch(() => '');
  return found.trim();
}

/** Sets a new password when its file was lost, in single-user mode: no server may be running. */
export async function restorePassword(installation: Installation): Promise<void> {
  if ((await readPassword(installation)) !== '') return;
  const password = randomBytes(24).toString('base64url');
  const flags = ['--single', '-D', installation.directory, 'postgres'];
  await runToEnd(installation.postgres, flags, installation.account, `alter user postgres password '${password}'\n`);
  await writeSecret(installation, join(installation.directory, PASSWORD_FILE), password);
}

async function removeDrafts(directory: string): Promise<void> {
  const parent = dirname(directory);
  const prefix = `${basename(directory)}${DRAFT}`;
  for (const name of await readdir(parent)) {
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (name.startsWith(prefix) && !exists(pid)) await rm(join(parent, name), { recursive: true, force: true });
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

async function writeSecret(installation: Installation, path: string, secret: string): Promise<void> {
  await writeFile(path, `${secret}\n`, { mode: 0o600 });
  await own(installation, path);
}

async function own({ account }: Installation, path: string): Promise<void> {
  if ('uid' in account) await chown(path, account.uid, account.gid);
}

async function runToEnd(command: string, args: string[], account: Installation['account'], input = ''): Promise<void> {
  const child = spawn(command, args, {
    ...account,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
  });
  let output = '';
  const collect = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-4_000);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  child.stdin.end(input);
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const [code] = (await once(child, 'close')) as [number | null];
  process.off('exit', kill);
  if (code !== 0) throw new Error(`${basename(command)} failed (${code ?? 'killed'}):\n${output.trim()}`);
}
