/**
 * A real Redis for a test file: `REDIS_URL`, else a `redis-server` from PATH on a free port, else the suite is skipped
 * with the reason; with CI=true that is a failure, so that nothing is ever silently not tested there.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../subgraphs/shared/embedded-postgres';

export interface TestRedis {
  readonly url: string;
  /** The server's process when it is ours: tests may stop (SIGSTOP), continue or kill it. Undefined with `REDIS_URL`. */
  readonly process: ChildProcess | undefined;
  close(): Promise<void>;
}

/** Why there is no Redis here, or undefined when there is one. */
export function redisUnavailable(): string | undefined {
  if (process.env.REDIS_URL) return undefined;
  const found = spawnSync('redis-server', ['--version']);
  return found.status === 0 ? undefined : 'no REDIS_URL, and no redis-server in PATH';
}

/**
 * `describe` for suites that need Redis. Without one the suite shows as skipped, its name telling why;
 * with CI=true it fails.
 */
export function describeWithRedis(name: string, suite: () => void): void {
  const reason = redisUnavailable();
  if (reason === undefined) describe(name, suite);
  else if (process.env.CI === 'true') {
    it(`${name} has a Redis`, () => {
      throw new Error(reason);
    });
  } else describe.skip(`${name} (${reason})`, suite);
}

/** Starts (or finds) a Redis. An own one listens on 127.0.0.1 alone and writes nothing to disk. */
export async function startTestRedis(): Promise<TestRedis> {
  const given = process.env.REDIS_URL;
  if (given) return { url: given, process: undefined, close: async () => {} };
  return startOwnRedis();
}

export type OwnRedis = TestRedis & { readonly process: ChildProcess };

/** One that the test may stop, kill and start again: at the port of an earlier one, if need be. */
export async function startOwnRedis(givenPort?: number, moreFlags: readonly string[] = []): Promise<OwnRedis> {
  const port = givenPort ?? (await freePort());
  const flags = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--daemonize',
    'no',
    ...moreFlags,
  ];
  const server = spawn('redis-server', flags, { stdio: 'ignore' });
  const ended = once(server, 'exit');
  // A worker that ends early must not leave a server behind.
  const killServer = () => server.kill('SIGKILL');
  process.once('exit', killServer);
  await waitForPort(port, server);
  return {
    url: `redis://127.0.0.1:${port}`,
    process: server,
    async close() {
      process.off('exit', killServer);
      server.kill('SIGCONT');
      server.kill('SIGTERM');
      await ended;
    },
  };
}

async function waitForPort(port: number, server: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (server.exitCode !== null) throw new Error(`redis-server ended with ${server.exitCode}`);
    if (await accepts(port)) return;
    await sleep(20);
  }
  throw new Error('redis-server did not become ready');
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
