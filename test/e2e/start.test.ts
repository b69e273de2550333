/**
 * What a new user does first: `npm start`, the printed commands, the pages, Ctrl-C.
 * Real: npm, the processes, the embedded Postgres with a fresh data directory, bash and curl. Nothing is fake.
 * Observed: what is printed and answered, and that no process outlives the signal.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seedUserId } from '../../subgraphs/users/seed';

jest.setTimeout(90_000);

const root = join(__dirname, '../..');
const home = mkdtempSync(join(tmpdir(), 'supergate-start-'));
const freePorts = { PORT: '0', PORT_USERS: '0', PORT_PAYMENTS: '0', PORT_CONTENT: '0' };

let npm: ChildProcess;
let output = '';
let url: string;

beforeAll(async () => {
  // Started by root, Postgres runs as another user, who must get in.
  chmodSync(home, 0o755);
  npm = spawn('npm', ['start'], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, SUPERGATE_DATA_DIR: home, ...freePorts },
    // A process group of its own, as in a terminal: Ctrl-C reaches all of it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [npm.stdout, npm.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk;
    });
  }
  await waitUntil(() => output.includes('Ctrl-C stops everything') || npm.exitCode !== null, 60_000);
  url = /^ {2}gateway +(\S+)\/graphql$/m.exec(output)?.[1] ?? '';
  if (url === '') throw new Error(`npm start did not become ready:\n${output}`);
});

afterAll(() => {
  signalGroup('SIGKILL');
  rmSync(home, { recursive: true, force: true });
});

async function waitUntil(condition: () => boolean, timeoutMs: number): Promise<void> {
  for (const end = Date.now() + timeoutMs; !condition() && Date.now() < end; ) await sleep(50);
}

function signalGroup(signal: NodeJS.Signals): void {
  try {
    process.kill(-(npm.pid ?? 0), signal);
  } catch {
    // Nobody is left in it.
  }
}

/** The processes of the group, and Postgres with its keeper, which have groups of their own. */
function leftovers(): string {
  const of = (...args: string[]) => spawnSync('pgrep', ['--list-full', ...args], { encoding: 'utf8' }).stdout;
  return of('--pgroup', String(npm.pid)) + of('--full', home);
}

const get = (path: string, accept = '*/*') => fetch(url + path, { headers: { accept } });

function post(query: string, authorization?: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers, ...(authorization && { authorization }) },
    body: JSON.stringify({ query }),
  });
}

describe('npm start', () => {
  it('prints commands that answer what the README says', () => {
    const commands = output.split('\n').filter((line) => /^(TOKEN=|curl )/.test(line));
    expect(commands).toHaveLength(2);
    const { stdout, stderr } = spawnSync('bash', ['-c', commands.join('\n')], { encoding: 'utf8' });
    expect(stderr).toBe('');
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    const told = /<!-- answer -->\n```json\n([\s\S]*?)```/.exec(readme)?.[1] ?? 'null';
    expect(JSON.parse(stdout)).toEqual(JSON.parse(told));
  });

  const signToken = () => {
    const words = ['token', '--sub', seedUserId(1), '--roles', 'USER,ADMIN', '--keys', join(home, 'keys')];
    const options = { cwd: root, encoding: 'utf8' } as const;
    return spawnSync('node', ['--require', 'tsx/cjs', 'src/cli.ts', ...words], options).stdout.trim();
  };

  it('keeps the feed for everybody, until somebody writes, edits or deletes a post', async () => {
    const authorization = `Bearer ${signToken()}`;
    const route = `${url}/api/v1/content/posts`;
    const feed = async (tag = '') => {
      const response = await fetch(`${route}?first=1`, { headers: { 'if-none-match': tag } });
      const { status, headers } = response;
      const body = status === 200 ? ((await response.json()) as { nodes: { title: string }[] }) : undefined;
      return {
        status,
        etag: headers.get('etag') ?? '',
        age: headers.get('cache-control'),
        title: body?.nodes[0]?.title,
      };
    };
    const write = async (method: string, path: string, body?: object) => {
      const headers = { 'content-type': 'application/json', authorization };
      const response = await fetch(route + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
      return (await response.json().catch(() => ({}))) as { id: string };
    };
    const before = await feed();
    expect(before.age).toBe('public, max-age=30');
    expect((await feed(before.etag)).status).toBe(304);
    const { id } = await write('POST', '', { title: 'Fresh', body: 'Just now.' });
    expect(await feed(before.etag)).toMatchObject({ status: 200, title: 'Fresh' });
    await write('PATCH', `/${id}`, { title: 'Fresher' });
    expect((await feed()).title).toBe('Fresher');
    await write('DELETE', `/${id}`);
    expect((await feed()).title).toBe(before.title);
  });

  it('takes the token that `supergate token` signs with its keys, and no other', async () => {
    const token = signToken();
    const answer = await post('{ me { username } }', `Bearer ${token}`);
    expect(await answer.json()).toEqual({ data: { me: { username: 'ada' } } });
    const [head, body] = token.split('.');
    const forged = await post('{ me { username } }', `Bearer ${head}.${body}.${'A'.repeat(86)}`);
    expect(forged.status).toBe(401);
    expect(forged.headers.get('www-authenticate')).toMatch(/^Bearer/);
  });

  it('takes the API key that `supergate key` makes, until it is revoked', async () => {
    const supergate = (...words: string[]) => {
      const args = ['--require', 'tsx/cjs', 'src/cli.ts', 'key', ...words, '--file', join(home, 'api-keys.json')];
      return spawnSync('node', args, { cwd: root, encoding: 'utf8' }).stdout.trim();
    };
    const key = supergate('create', '--name', 'Partner', '--subject', seedUserId(1), '--roles', 'USER');
    const ask = () => post('{ me { username } }', undefined, { 'x-api-key': key });
    expect(await (await ask()).json()).toEqual({ data: { me: { username: 'ada' } } });
    supergate('revoke', key.split('_')[1] ?? '');
    for (const end = Date.now() + 30_000; Date.now() < end && (await ask()).status !== 401; ) await sleep(500);
    expect((await ask()).status).toBe(401);
  });

  it('answers anonymous requests, refuses what the schema protects, and leaves the rest to the subgraphs', async () => {
    const open = await post('{ me { username } search(text: "compiler", first: 1) { __typename } }');
    expect(await open.json()).toEqual({ data: { me: null, search: [{ __typename: 'Post' }] } });
    const closed = await post('{ users { nodes { username } } }');
    expect(closed.status).toBe(200);
    expect(await closed.json()).toMatchObject({
      data: null,
      errors: [{ path: ['users'], extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' } }],
    });
    const own = await post('{ userByUsername(username: "grace") { displayName balance { amount } } }');
    expect(await own.json()).toMatchObject({
      data: { userByUsername: { displayName: 'Grace Hopper', balance: null } },
      errors: [{ extensions: { code: 'UNAUTHENTICATED', serviceName: 'payments' } }],
    });
  });

  it('is healthy in all its parts', async () => {
    expect((await get('/health/live')).status).toBe(200);
    expect((await get('/health/ready')).status).toBe(200);
    const { status, checks } = (await (await get('/health')).json()) as { status: string; checks: object };
    expect({ status, parts: Object.keys(checks).sort() }).toEqual({
      status: 'up',
      parts: ['gateway', 'memory', 'subgraph:content', 'subgraph:payments', 'subgraph:users', 'supergraph'],
    });
  });

  it('counts requests and the calls to each subgraph for Prometheus', async () => {
    const metrics = await (await get('/metrics')).text();
    expect(metrics).toMatch(/^supergate_requests_total\{operation_type="query",status="200"\} \d+$/m);
    for (const subgraph of ['users', 'payments', 'content']) {
      expect(metrics).toMatch(
        new RegExp(`^supergate_subgraph_requests_total\\{subgraph="${subgraph}",outcome="ok"`, 'm'),
      );
    }
  });

  it('shows Sandbox and the offline explorer to a browser', async () => {
    const sandbox = await get('/graphql', 'text/html');
    expect(sandbox.headers.get('content-type')).toMatch(/^text\/html/);
    expect(await sandbox.text()).toContain('EmbeddedSandbox');
    const explorer = await get('/graphiql', 'text/html');
    expect(explorer.headers.get('content-type')).toMatch(/^text\/html/);
    expect(await explorer.text()).toContain('graphiql');
  });

  it('writes one JSON object a line into its log, without tokens, passwords and variables', async () => {
    const query = 'query Traced { me { username } }';
    await post(query);
    await waitUntil(() => output.includes('"operation":"Traced"'), 5_000);
    const lines = output.split('\n').filter((line) => line.startsWith('{'));
    const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(records).toContainEqual(
      expect.objectContaining({ operation: 'Traced', status: 200, durationMs: expect.any(Number), subgraphCalls: 1 }),
    );
    expect(lines.join('\n')).not.toMatch(/supergate-demo|eyJ|Bearer/);
  });

  it('leaves no process behind after Ctrl-C', async () => {
    expect(leftovers()).toContain('postgres');
    signalGroup('SIGINT');
    if (npm.exitCode === null) await once(npm, 'exit');
    await waitUntil(() => leftovers() === '', 10_000);
    expect(leftovers()).toBe('');
    await expect(get('/health/live')).rejects.toThrow();
  });
});
