/**
 * Who runs a Postgres on a data directory: nobody, a living supergate, or an orphan whose owner is gone.
 * In: the files that Postgres keeps there (`postmaster.pid`, `postmaster.opts`). Clock: once per process.
 * Never signals a process that is not the Postgres of this directory.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../src/telemetry/log';
import { hasCode } from './errors';

/** The owner may be ending just now: restarted tools overlap. */
const OWNER_GRACE_MS = 1_000;
const FAST_SHUTDOWN_MS = 10_000;
const IMMEDIATE_SHUTDOWN_MS = 5_000;

/**
 * Makes sure that no server runs on `directory`: stops an orphan, removes a stale `postmaster.pid`.
 * Throws when a living process owns the server, or when the orphan cannot be stopped.
 */
export async function releaseDataDirectory(directory: string, log: Log): Promise<void> {
  const pidFile = await readFile(join(directory, 'postmaster.pid'), 'utf8').catch(() => undefined);
  if (pidFile === undefined) return;
  const pid = Number(pidFile.split('\n', 1)[0]);
  if (!Number.isInteger(pid) || pid <= 1 || !isPostgresOf(pid, directory)) {
    // Postgres itself would refuse to start when another process has been given this number meanwhile.
    await rm(join(directory, 'postmaster.pid'), { force: true });
    return;
  }
  const owner = await readOwner(directory);
  if (owner !== undefined && (await outlives(owner, OWNER_GRACE_MS))) {
    throw new Error(
      `The data directory ${directory} is in use by another supergate (process ${owner.pid}). ` +
        'Stop that one, or give this one another place with SUPERGATE_DATA_DIR or DATABASE_URL.',
    );
  }
  log.warn({ pid, directory }, 'Stopping a Postgres that an earlier run left behind');
  await stopOrphan(pid, directory);
}

async function stopOrphan(pid: number, directory: string): Promise<void> {
  const steps = [
    ['SIGINT', FAST_SHUTDOWN_MS],
    ['SIGQUIT', IMMEDIATE_SHUTDOWN_MS],
  ] as const;
  for (const [signal, patienceMs] of steps) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (hasCode(error, 'EPERM'))
        throw new Error(`Postgres (process ${pid}) on ${directory} belongs to another user.`);
      if (!hasCode(error, 'ESRCH')) throw error;
    }
    const deadline = Date.now() + patienceMs;
    while (Date.now() < deadline) {
      if (!isPostgresOf(pid, directory)) return;
      await sleep(25);
    }
  }
  throw new Error(`A Postgres (process ${pid}) is still running on ${directory} and does not stop.`);
}

interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the system's own words: a number given again later starts at another time. */
  readonly startedAt: string;
}

/** This process, as `describeSelf` of a later one can be told from it: `pid:start`. */
export function describeSelf(): string {
  return `${process.pid}:${startTime(process.pid) ?? ''}`;
}

async function readOwner(directory: string): Promise<ProcessIdentity | undefined> {
  const options = await readFile(join(directory, 'postmaster.opts'), 'utf8').catch(() => '');
  const [, pid, startedAt] = /supergate\.owner=(\d+):([^"]*)"/.exec(options) ?? [];
  return pid === undefined || startedAt === undefined ? undefined : { pid: Number(pid), startedAt };
}

async function outlives(owner: ProcessIdentity, graceMs: number): Promise<boolean> {
  const deadline = Date.now() + graceMs;
  while (startTime(owner.pid) === owner.startedAt) {
    if (owner.pid === process.pid || Date.now() >= deadline) return true;
    await sleep(25);
  }
  return false;
}

/** Undefined when there is no such process (a zombie is none). */
function startTime(pid: number): string | undefined {
  if (process.platform === 'linux') {
    // proc(5): the name may hold spaces and parentheses; state is field 3, start time field 22.
    const fields = read(`/proc/${pid}/stat`)
      ?.replace(/^.*\) /s, '')
      .split(' ');
    return fields?.[0] === 'Z' ? undefined : fields?.[19];
  }
  return ps(pid, 'lstart')?.replaceAll(/\W+/g, '-');
}

function isPostgresOf(pid: number, directory: string): boolean {
  if (startTime(pid) === undefined) return false;
  const command = process.platform === 'linux' ? read(`/proc/${pid}/cmdline`) : ps(pid, 'command');
  return command?.includes(directory) ?? false;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function ps(pid: number, column: string): string | undefined {
  try {
    return execFileSync('ps', ['-o', `${column}=`, '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}
