import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Real: the process, its arguments, files, output, exit status and signals. Subgraphs are not running and not asked.
jest.setTimeout(60_000);
const cli = join(__dirname, '../../src/cli.ts');
const directory = mkdtempSync(join(tmpdir(), 'supergate-cli-'));
const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(directory, { recursive: true });
});

interface Run {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  readonly status: Promise<number | null>;
}

/** Starts `supergate ...args` in a directory of its own, without the environment of this process. */
function start(args: readonly string[], env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, ['--require', require.resolve('tsx/cjs'), cli, ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH ?? '', LOG_LEVEL: 'silent', ...env },
  });
  running.add(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk;
  });
  const status = once(child, 'close').then(([code]) => {
    running.delete(child);
    return code;
  });
  return { child, output, status };
}

async function run(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const { output, status } = start(args);
  return { status: await status, ...output };
}

function write(name: string, text: string): string {
  writeFileSync(join(directory, name), text);
  return name;
}

const link = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])\n';
write('users.graphql', `${link}type Query { user: User x: Int @shareable }\ntype User @key(fields: "id") { id: ID! }`);
write('posts.graphql', `${link}type Query { x: Int! @shareable }\ntype User @key(fields: "id") { id: ID! posts: Int }`);
write('broken.graphql', `${link}type Query {\n  a: Nope\n}`);
const entry = (name: string) =>
  `  ${name}: { routing_url: "http://127.0.0.1:9/graphql", schema: { file: ${name}.graphql } }\n`;
write('supergraph.yaml', `federation_version: 2\nsubgraphs:\n${entry('users')}${entry('posts')}`);
write('broken.yaml', `subgraphs:\n${entry('users')}${entry('broken')}`);

describe('supergate', () => {
  it('prints its help and its version', async () => {
    const help = await run('--help');
    expect(help).toMatchObject({ status: 0, stderr: '' });
    for (const command of ['serve', 'compose', 'token', 'key create', 'key revoke', 'config'])
      expect(help.stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    expect(await run('--version')).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' });
  });

  it('exits with 2 for words that it does not know, and names the nearest', async () => {
    expect(await run('srve')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('did you mean "serve"?'),
    });
    expect(await run('serve', '--prot', '1')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('did you mean "--port"?'),
    });
  });
});

describe('supergate compose', () => {
  it('prints the supergraph of ./supergraph.yaml, and hints as warnings with positions', async () => {
    const { status, stdout, stderr } = await run('compose');
    expect(status).toBe(0);
    expect(stdout).toContain('join__Graph');
    expect(stderr).toMatch(
      /^warning: posts: posts.graphql:2:14 INCONSISTENT_BUT_COMPATIBLE_FIELD_TYPE .*\n {2}also users: users.graphql:2:25$/m,
    );
  });

  it('writes a file, and tells the rest as JSON', async () => {
    const { status, stdout } = await run('compose', 'supergraph.yaml', '-o', 'out.graphql', '--format', 'json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      supergraphSdl: null,
      output: 'out.graphql',
      errors: [],
      hints: [{ level: 'INFO' }],
    });
    expect(readFileSync(join(directory, 'out.graphql'), 'utf8')).toContain('join__Graph');
  });

  it('exits with 2 and every error with its position where they do not compose', async () => {
    const { status, stdout, stderr } = await run('compose', 'broken.yaml');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('broken: broken.graphql:3:6 INVALID_GRAPHQL Unknown type Nope\n');
    const json = await run('compose', 'broken.yaml', '--format', 'json');
    expect(json.status).toBe(2);
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: false,
      errors: [
        { code: 'INVALID_GRAPHQL', locations: [{ subgraph: 'broken', file: 'broken.graphql', line: 3, column: 6 }] },
      ],
    });
  });

  it('exits with 2 for a file that is not there', async () => {
    expect(await run('compose', 'nope.yaml')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^nope.yaml cannot be read: ENOENT/),
    });
  });
});

describe('supergate plan', () => {
  const feed = 'query Feed { user { id posts } }\nquery Mine { user { id } }\n';

  it('prints fetches, waves and what each subgraph is asked, for each operation', async () => {
    write('feed.graphql', feed);
    const { status, stdout } = await run('plan', 'feed.graphql');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^query Feed: 2 fetches in 2 waves from users, posts\ncost 1\nsequence\n {2}fetch from users\n/,
    );
    expect(stdout).toMatch(/ {2}fetch from posts at user\n[\s\S]*\.\.\. on User \{\s+posts\s+\}/);
    expect(stdout).toContain('\nquery Mine: 1 fetch in 1 wave from users\n');
  });

  it('tells what it costs, what its fields require, and which limits of a configuration count it', async () => {
    write(
      'guarded.graphql',
      `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9",
        import: ["@authenticated", "@requiresScopes", "@cost", "@listSize"])
      type Query { secrets(first: Int): [Secret] @listSize(slicingArguments: ["first"]) @authenticated }
      type Secret { text: String @requiresScopes(scopes: [["a", "b"], ["c"]]) @cost(weight: 4) }`,
    );
    write(
      'guarded.yaml',
      'federation_version: 2\nsubgraphs:\n  guarded:\n    routing_url: http://127.0.0.1:1\n    schema: { file: guarded.graphql }\n',
    );
    write(
      'limits.yaml',
      'rateLimits: { rules: [{ name: all, max: 100, window: 60s }] }\ncost: { defaultListSize: 3, budget: { max: 20000, window: 1h } }\n',
    );
    write(
      'secrets.graphql',
      'query Some { secrets(first: 7) { text } } query Any($n: Int) { secrets(first: $n) { text } }',
    );
    const args = ['secrets.graphql', '--supergraph', 'guarded.yaml', '--config', 'limits.yaml'];
    const { status, stdout } = await run('plan', ...args);
    expect(status).toBe(0);
    expect(stdout.split('\n').slice(0, 7)).toEqual([
      'query Some: 1 fetch in 1 wave from guarded',
      'cost 35',
      'requires Query.secrets: authenticated',
      'requires Secret.text: scopes a and b, or c',
      'limited all: 100 in 60 s by identity',
      'limited cost: cost 20000 in 3600 s by identity',
      'fetch from guarded',
    ]);
    expect(stdout).toContain('\nquery Any: 1 fetch in 1 wave from guarded\ncost 15 without values of its variables\n');
    write('bad-limits.yaml', 'cost: { mode: sometimes }\n');
    const bad = await run('plan', ...args.slice(0, 4), 'bad-limits.yaml');
    expect(bad).toMatchObject({ status: 2, stderr: expect.stringContaining('cost.mode') });
  });

  it('exits with 1 and the place of the error for an operation that is refused', async () => {
    write('wrong.graphql', 'query Wrong {\n  user { nope }\n}');
    const { status, stdout } = await run('plan', 'wrong.graphql', '--format', 'json');
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual([
      { outcome: { kind: 'refused', errors: [expect.stringMatching(/^2:10 GRAPHQL_VALIDATION_FAILED .*"nope"/)] } },
    ]);
  });

  it('exits with 2 without a file, or one that cannot be read', async () => {
    expect(await run('plan')).toMatchObject({ status: 2, stderr: expect.stringContaining('name the file') });
    expect(await run('plan', 'none.graphql')).toMatchObject({ status: 2, stderr: expect.stringContaining('ENOENT') });
    expect(await run('plan', 'feed.graphql', '--format', 'xml')).toMatchObject({ status: 2 });
  });
});

describe('supergate check', () => {
  beforeAll(() => {
    mkdirSync(join(directory, 'operations/deep'), { recursive: true });
    write('operations/feed.graphql', 'query Feed { user { id posts } }\nquery Mine { user { id } }');
    write('operations/deep/x.graphql', '{ x }');
    // `posts` has moved to users, `x` is gone.
    write('one.graphql', `${link}type Query { user: User }\ntype User @key(fields: "id") { id: ID! posts: Int }`);
    write('one.yaml', `subgraphs:\n${entry('one')}`);
  });

  it('tells what would break, and what would cost less, and exits with 1', async () => {
    const { status, stdout } = await run('check', 'one.yaml', '--against', 'supergraph.yaml');
    expect(status).toBe(1);
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^broken: deep\/x\.graphql \(anonymous\): 1:3 GRAPHQL_VALIDATION_FAILED .*"x"/),
      'cheaper: feed.graphql Feed: 2 fetches in 2 waves before, 1 fetch in 1 wave now',
      '3 operations, 1 would break',
      '',
    ]);
  });

  it('exits with 0 where nothing breaks: an operation may cost more, or work at last', async () => {
    const { status, stdout } = await run('check', 'supergraph.yaml', '--against', 'one.yaml', '--format', 'json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual([
      { file: 'deep/x.graphql', operation: null, kind: 'mended', detail: '1 fetch in 1 wave' },
      {
        file: 'feed.graphql',
        operation: 'Feed',
        kind: 'costlier',
        detail: '1 fetch in 1 wave before, 2 fetches in 2 waves now',
      },
      { file: 'feed.graphql', operation: 'Mine', kind: 'same', detail: '1 fetch in 1 wave' },
    ]);
  });

  it('exits with 2 where a supergraph or the operations are missing', async () => {
    for (const args of [[], ['one.yaml'], ['one.yaml', '--against', 'none.yaml']])
      expect(await run('check', ...args)).toMatchObject({ status: 2 });
    const empty = await run('check', 'one.yaml', '--against', 'one.yaml', '--operations', 'nowhere');
    expect(empty).toMatchObject({ status: 2, stderr: expect.stringContaining('nowhere cannot be read') });
  });
});

describe('supergate token', () => {
  it('prints a token on standard output and nothing else there', async () => {
    const { status, stdout } = await run('token', '--sub', 'ada', '--roles', 'ADMIN', '--keys', 'keys');
    expect(status).toBe(0);
    const [, payload = ''] = stdout.trim().split('.');
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({ sub: 'ada', roles: ['ADMIN'] });
  });

  it('exits with 2 for whom it is not told', async () => {
    expect(await run('token')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('--sub ID is required'),
    });
  });
});

describe('supergate key', () => {
  it('makes, lists, rotates and ends keys that gateway.yaml can name', async () => {
    const made = await run('key', 'create', '--name', 'Partner', '--subject', 'grace', '--tier', 'gold');
    expect(made).toMatchObject({ status: 0, stdout: expect.stringMatching(/^sgk_[a-z2-7]{12}_[\w-]{43}\n$/) });
    const id = made.stdout.split('_')[1] ?? '';
    write('keys.yaml', 'authentication: { apiKeys: { file: .data/api-keys.json } }\n');
    expect(await run('config', 'keys.yaml')).toMatchObject({ status: 0 });
    expect(await run('key', 'rotate', id, '--overlap', '1h')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(`sgk_${id}_`),
      stderr: expect.stringContaining('the old secret counts until'),
    });
    expect(await run('key', 'revoke', id)).toMatchObject({ status: 0 });
    expect(await run('key', 'list')).toMatchObject({ status: 0, stdout: expect.stringContaining(`${id}  revoked`) });
  });

  it('exits with 2 for what it does not know, and for a file of keys that cannot be used', async () => {
    expect(await run('key')).toMatchObject({ status: 2, stderr: expect.stringContaining('create, list, rotate') });
    expect(await run('key', 'lst')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('create, list, rotate'),
    });
    expect(await run('key', 'revoke', 'abcdefghijkl', '--file', 'none.json')).toMatchObject({ status: 2 });
    write('broken-keys.json', '{"keys":1}');
    write('broken-keys.yaml', 'authentication: { apiKeys: { file: broken-keys.json } }\n');
    expect(await run('config', 'broken-keys.yaml')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^broken-keys.yaml:1:.* authentication.apiKeys.file: cannot be used: keys/),
    });
  });
});

describe('supergate config', () => {
  it('exits with 2 and every problem of a configuration', async () => {
    write('bad-gateway.yaml', 'server:\n  prot: 1\n  port: x\n');
    expect(await run('config', 'bad-gateway.yaml')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^bad-gateway.yaml:2:3 .*"port"\?\nbad-gateway.yaml:3:9 server.port: .*\n$/),
    });
  });

  it('prints what counts, where it comes from, and what can change while the gateway runs', async () => {
    write(
      'good-gateway.yaml',
      'limits:\n  maxDepth: 7\nsubgraphIdentity: { secret: "not-to-be-shown-not-to-be-shown-not" }\n',
    );
    const { status, stdout } = await run('config', '--print', 'good-gateway.yaml', '--port', '4100');
    expect(status).toBe(0);
    expect(stdout).toContain('\nlimits.maxDepth*: 7  # good-gateway.yaml:2\n');
    expect(stdout).toContain('\nserver.port: 4100  # option --port\n');
    expect(stdout).toContain('\nserver.host: "127.0.0.1"  # default\n');
    expect(stdout).toContain('\ntelemetry.logLevel*: "silent"  # environment variable LOG_LEVEL\n');
    expect(stdout).not.toContain('not-to-be-shown');
    expect(await run('config', '--validate', 'good-gateway.yaml')).toMatchObject({ status: 0 });
  });

  it('prints its JSON Schema', async () => {
    const { status, stdout } = await run('config', '--schema');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object', properties: { server: {}, limits: {} } });
  });
});

describe('supergate serve', () => {
  async function urlOf({ child, output }: Run): Promise<string> {
    for (;;) {
      const url = /ready at (http:\S+)/.exec(output.stdout)?.[1];
      if (url !== undefined) return url;
      await Promise.race([
        once(child.stdout!, 'data'),
        once(child, 'close').then(() => Promise.reject(new Error(output.stderr))),
      ]);
    }
  }

  it('says where it is ready, answers there, and ends with 0 on SIGTERM', async () => {
    const server = start(['serve', '--port', '0']);
    const url = await urlOf(server);
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"query":"{ __typename }"}',
    });
    expect(await response.json()).toEqual({ data: { __typename: 'Query' } });
    server.child.kill('SIGTERM');
    expect(await server.status).toBe(0);
    expect(server.output.stderr).toContain('SIGTERM: closing');
  });

  it('exits with 2 before it listens where arguments, configuration or supergraph are wrong', async () => {
    write('not-a-supergraph.graphql', 'type Query {\n  a: [\n');
    expect(await run('serve', '--port', '70000')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('0 to 65535'),
    });
    expect(await run('serve', '--config', 'nope.yaml')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^nope.yaml cannot be read/),
    });
    expect(await run('serve', 'broken.yaml', '--port', '0')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('broken.graphql:3:6'),
    });
    expect(await run('serve', 'not-a-supergraph.graphql', '--port', '0')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^not-a-supergraph.graphql:3:1 .*Syntax Error/),
    });
  });

  it('exits with 1 where the port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const { status, stderr } = await run('serve', '--port', String(port));
    other.close();
    expect(status).toBe(1);
    expect(stderr).toContain('EADDRINUSE');
  });
});
