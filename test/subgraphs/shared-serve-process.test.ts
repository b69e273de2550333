/**
 * `serve.ts` as the process that a user starts: embedded Postgres, the users subgraph, ports that are free.
 * Observed: what it prints, its exit code, and which processes are left.
 */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityKey, signIdentity } from '../../subgraphs/shared/identity';
import { seedUserId } from '../../subgraphs/users/seed';
import { user } from './shared-call';

jest.setTimeout(60_000);

const ROOT = join(__dirname, '../..');
const SECRET = 'the-secret-of-this-test-of-32-bytes-or-more';
const started: ChildProcessWithoutNullStreams[] = [];
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'supergate-serve-'));
  await chmod(home, 0o755);
});

afterAll(async () => {
  for (const child of started) child.kill('SIGKILL');
  await rm(home, { recursive: true, force: true });
});

interface Serve {
  readonly child: ChildProcessWithoutNullStreams;
  readonly output: () => string;
  readonly exited: Promise<unknown[]>;
}

function serve(words: string[], env: Record<string, string> = {}): Serve {
  const child = spawn(process.execPath, ['--import', 'tsx', 'subgraphs/serve.ts', ...words], {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      SUPERGATE_DATA_DIR: home,
      SUPERGATE_IDENTITY_SECRET: SECRET,
      PORT_USERS: '0',
      ...env,
    },
  });
  started.push(child);
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return { child, output: () => output, exited: once(child, 'close') };
}

async function ready(running: Serve): Promise<string> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const url = /users +(http\S+)\/graphql/.exec(running.output())?.[1];
    if (url !== undefined) return url;
    if (running.child.exitCode !== null) break;
    await sleep(30);
  }
  throw new Error(`It did not become ready: ${running.output()}`);
}

const leftovers = () => spawnSync('pgrep', ['-fa', home], { encoding: 'utf8' }).stdout;

describe('serve.ts', () => {
  it('serves a subgraph, and on SIGINT ends with code 0 and leaves no process', async () => {
    const running = serve(['users']);
    const url = await ready(running);
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'supergate-identity': signIdentity(user(seedUserId(1)), identityKey(SECRET)),
      },
      body: JSON.stringify({ query: '{ me { username } }' }),
    });
    expect(await response.json()).toEqual({ data: { me: { username: 'ada' } } });
    running.child.kill('SIGINT');
    expect(await running.exited).toEqual([0, null]);
    expect(leftovers()).toBe('');
  });

  it('leaves no process when SIGTERM comes while it starts', async () => {
    const running = serve(['users']);
    await sleep(1_500);
    running.child.kill('SIGTERM');
    await running.exited;
    for (let attempt = 0; attempt < 200 && leftovers() !== ''; attempt++) await sleep(50);
    expect(leftovers()).toBe('');
  });

  it('starts again after SIGKILL, with its data', async () => {
    const first = serve(['users']);
    await ready(first);
    first.child.kill('SIGKILL');
    await first.exited;
    const second = serve(['users']);
    await ready(second);
    second.child.kill('SIGTERM');
    expect(await second.exited).toEqual([0, null]);
    expect(leftovers()).toBe('');
  });

  it('ends with code 1 and the name of the variable when a port is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const running = serve(['users'], { PORT_USERS: String(port) });
    expect(await running.exited).toEqual([1, null]);
    expect(running.output()).toContain(`Port ${port} (users) is taken: stop what uses it, or set PORT_USERS.`);
    expect(leftovers()).toBe('');
    holder.close();
  });

  it('ends with code 1 and a sentence when the database cannot be reached', async () => {
    const running = serve(['users'], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/postgres' });
    expect(await running.exited).toEqual([1, null]);
    expect(running.output()).toMatch(/The database cannot be reached: .*127\.0\.0\.1:1/);
    expect(running.output()).not.toMatch(/\n {4}at /);
  });

  it('ends with code 2 when it is asked for something that there is not', async () => {
    const running = serve(['orders']);
    expect(await running.exited).toEqual([2, null]);
    expect(running.output()).toContain('orders: there is no such subgraph');
  });
});
