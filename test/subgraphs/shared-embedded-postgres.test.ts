/**
 * Real: the embedded Postgres, its data directory, processes that are killed. Owners other than this process are
 * children that run the same code through tsx. Observed: processes, files, and whether data survived.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../src/telemetry/log';
import { openDatabase } from '../../subgraphs/shared/database';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../subgraphs/shared/embedded-postgres';

jest.setTimeout(60_000);

const warnings: string[] = [];
const log: Log = { error: () => {}, warn: (_, message) => warnings.push(message), info: () => {}, debug: () => {} };
const running = new Set<{ close(): Promise<void> }>();
let home: string;
let directory: string;
let template: string;

// Initialising takes longest: done once, then copied.
beforeAll(async () => {
  template = await mkdtemp(join(tmpdir(), 'supergate-embedded-template-'));
  await chmod(template, 0o755);
  await (await startEmbeddedPostgres({ directory: join(template, 'postgres'), log, durable: false })).close();
});

afterAll(() => rm(template, { recursive: true, force: true }));

beforeEach(async () => {
  warnings.length = 0;
  home = await mkdtemp(join(tmpdir(), 'supergate-embedded-'));
  await chmod(home, 0o755);
  directory = join(home, 'postgres');
  spawnSync('cp', ['-a', join(template, 'postgres'), directory]);
});

afterEach(async () => {
  for (const server of running) await server.close();
  running.clear();
  // Whatever a failed test left behind.
  for (const pid of postgresPids()) killIfThere(pid);
  await rm(home, { recursive: true, force: true });
});

async function start(): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ directory, log, durable: false });
  running.add(server);
  return server;
}

/** The server's processes on this test's data directory. */
function postgresPids(): number[] {
  const found = spawnSync('pgrep', ['-f', `postgres -D ${directory}`], { encoding: 'utf8' });
  return found.stdout.split('\n').filter(Boolean).map(Number);
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was about to end by itself.
  }
}

async function waitUntil(condition: () => boolean, what: string): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (condition()) return;
    await sleep(20);
  }
  throw new Error(`It never came true that ${what}`);
}

/** Another process that owns the server. */
async function startElsewhere(): Promise<ChildProcess> {
  const module = JSON.stringify(join(__dirname, '../../subgraphs/shared/embedded-postgres.ts'));
  const silent = '{ error() {}, warn() {}, info() {}, debug() {} }';
  const script = `require(${module}).startEmbeddedPostgres({ directory: ${JSON.stringify(directory)}, log: ${silent}, durable: false })
    .then(() => { process.stdout.write('ready'); setInterval(() => {}, 1000); }, (error) => { process.stdout.write(error.message); process.exit(1); })`;
  const child = spawn(process.execPath, ['--require', 'tsx/cjs', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add({ close: async () => void child.kill('SIGKILL') });
  const [first] = await once(child.stdout, 'data');
  expect(String(first)).toBe('ready');
  return child;
}

async function query(url: string, sql: string): Promise<object[]> {
  const db = openDatabase(url);
  return await db.query(sql).finally(() => db.close());
}

describe('the embedded Postgres', () => {
  it('keeps its data from one start to the next, and runs nothing in between', async () => {
    const first = await start();
    await query(first.url, 'create table kept as select 42 as n');
    await first.close();
    expect(postgresPids()).toEqual([]);
    const second = await start();
    expect(await query(second.url, 'select n from kept')).toEqual([{ n: 42 }]);
  });

  it('lets nobody in without the password, which only the owner of the data can read', async () => {
    const { url } = await start();
    const withoutPassword = new URL(url);
    withoutPassword.password = 'guess';
    await expect(query(withoutPassword.href, 'select 1')).rejects.toThrow(/password authentication failed/);
    expect((await stat(directory)).mode & 0o077).toBe(0);
  });

  it('leaves only the data directory and its log', async () => {
    await rm(directory, { recursive: true });
    await (await start()).close();
    expect((await readdir(home)).sort()).toEqual(['postgres', 'postgres.log']);
  });

  it('refuses a directory that a living process uses, this one or another', async () => {
    await startElsewhere();
    await expect(start()).rejects.toThrow(/in use by another supergate \(process \d+\).*SUPERGATE_DATA_DIR/);
  });

  it('makes one server of two that start at the same time on a new directory', async () => {
    await rm(directory, { recursive: true });
    const results = await Promise.allSettled([start(), start()]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { message: expect.stringMatching(/in use by another supergate/) },
    });
  });

  it('ends with its owner, even when that is killed with SIGKILL', async () => {
    const owner = await startElsewhere();
    expect(postgresPids()).not.toEqual([]);
    owner.kill('SIGKILL');
    await waitUntil(() => postgresPids().length === 0, 'Postgres ended');
    expect(await readFile(`${directory}.log`, 'utf8')).toContain('database system is shut down');
  });

  it('starts at once after its owner was killed, while the old server is still ending', async () => {
    const owner = await startElsewhere();
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    const { url } = await start();
    expect(await query(url, 'select 1 as n')).toEqual([{ n: 1 }]);
  });

  it('stops an orphan that lost owner and keeper, and says so', async () => {
    const owner = await startElsewhere();
    // The keeper and its watcher, two shells, would stop the server: the watcher goes first, it sees the keeper's end.
    const keeper = spawnSync('pgrep', ['-f', `keeper .*postgres -D ${directory}`], { encoding: 'utf8' }).stdout;
    for (const pid of keeper.split('\n').filter(Boolean).reverse()) process.kill(Number(pid), 'SIGKILL');
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    await sleep(300);
    const [orphan] = await readPostmasterPid();
    expect(() => process.kill(orphan, 0)).not.toThrow();
    const { url } = await start();
    expect(await query(url, 'select 1 as n')).toEqual([{ n: 1 }]);
    expect(warnings).toEqual(['Stopping a Postgres that an earlier run left behind']);
    expect((await readPostmasterPid())[0]).not.toBe(orphan);
  });

  it('recovers when server, keeper and owner were all killed', async () => {
    const owner = await startElsewhere();
    for (const pid of postgresPids()) killIfThere(pid);
    owner.kill('SIGKILL');
    await waitUntil(() => postgresPids().length === 0, 'all were gone');
    expect(existsSync(join(directory, 'postmaster.pid'))).toBe(true);
    const { url } = await start();
    expect(await query(url, 'select 1 as n')).toEqual([{ n: 1 }]);
  });

  it('does not take a process that was given the old number for a server', async () => {
    await (await start()).close();
    await writeFile(join(directory, 'postmaster.pid'), `${process.pid}\n${directory}\n0\n5432\n\n127.0.0.1\n`);
    const { url } = await start();
    expect(await query(url, 'select 1 as n')).toEqual([{ n: 1 }]);
  });

  it('makes a new password when the old one was lost', async () => {
    const first = await start();
    await first.close();
    await rm(join(directory, 'supergate-password'));
    const second = await start();
    expect(await query(second.url, 'select 1 as n')).toEqual([{ n: 1 }]);
    expect(new URL(second.url).password).not.toBe(new URL(first.url).password);
  });

  it('tells when the server ends by itself', async () => {
    const { ended } = await start();
    const [pid] = await readPostmasterPid();
    process.kill(pid, 'SIGKILL');
    await expect(ended).resolves.toBeUndefined();
  });

  it('tells why the server does not start', async () => {
    await (await start()).close();
    await writeFile(join(directory, 'postgresql.auto.conf'), "shared_buffers = 'much'\n");
    await expect(start()).rejects.toThrow(/did not start[\s\S]*shared_buffers/);
  });

  async function readPostmasterPid(): Promise<[number]> {
    return [Number((await readFile(join(directory, 'postmaster.pid'), 'utf8')).split('\n')[0])];
  }
});
