import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatProblem } from '../../src/config/yaml-file';
import { readSupergraphSource, type SourceOptions, type SubgraphSource } from '../../src/supergraph/sources';

// Real: the files. Fake: the network (a `fetch` that a test answers). Observed: subgraphs, or the printed problems.
const directory = mkdtempSync(join(tmpdir(), 'supergate-sources-'));
const file = join(directory, 'supergraph.yaml');
afterAll(() => rmSync(directory, { recursive: true }));

const noNetwork: typeof fetch = () => Promise.reject(new Error('no test gave an answer'));

async function read(yaml: string, options: Partial<SourceOptions> = {}) {
  writeFileSync(file, yaml);
  return readSupergraphSource(file, { env: {}, fetch: noNetwork, ...options });
}

async function subgraphsOf(yaml: string, options?: Partial<SourceOptions>): Promise<readonly SubgraphSource[]> {
  const result = await read(yaml, options);
  if (result.kind === 'problems') throw new Error(result.problems.map(formatProblem).join('\n'));
  if (result.source.kind === 'supergraph') throw new Error('it was read as a supergraph');
  return result.source.subgraphs;
}

async function problemsOf(yaml: string, options?: Partial<SourceOptions>): Promise<string[]> {
  const result = await read(yaml, options);
  if (result.kind === 'source') throw new Error('it was accepted');
  return result.problems.map((problem) => formatProblem(problem).replaceAll(directory, '.'));
}

function entry(schema: string, rest = '    routing_url: http://users.example\n'): string {
  return `subgraphs:\n  users:\n${rest}    schema:\n      ${schema}\n`;
}

describe('a schema file', () => {
  it('is read relative to supergraph.yaml, and keeps its positions', async () => {
    writeFileSync(join(directory, 'users.graphql'), 'type Query { a: Int }');
    const [users] = await subgraphsOf(`federation_version: =2.9.0\n${entry('file: ./users.graphql')}`);
    expect(users).toMatchObject({ name: 'users', url: 'http://users.example', sdl: 'type Query { a: Int }' });
    expect(users?.locate(3, 5)).toEqual({ file: join(directory, 'users.graphql'), line: 3, column: 5 });
  });

  it('that cannot be read is a problem at its place in supergraph.yaml, like all others', async () => {
    const yaml = `${entry('file: nope.graphql')}  posts: { routing_url: "http://p", schema: { file: neither.graphql } }\n`;
    expect(await problemsOf(yaml)).toEqual([
      expect.stringMatching(/^\.\/supergraph.yaml:5:13 subgraphs.users.schema.file: cannot be read: ENOENT/),
      expect.stringMatching(/^\.\/supergraph.yaml:6:53 subgraphs.posts.schema.file: cannot be read: ENOENT/),
    ]);
  });
});

describe('a schema in supergraph.yaml itself', () => {
  it('keeps its positions in that file', async () => {
    const [users] = await subgraphsOf(entry('sdl: |\n\n        type Query {\n          a: Int\n        }'));
    expect(users?.sdl).toBe('\ntype Query {\n  a: Int\n}\n');
    // `a` stands on line 3 of the SDL and on line 8 of the file.
    expect(users?.locate(3, 3)).toEqual({ file, line: 8, column: 11 });
  });

  it('is located as a whole where it is written on one line', async () => {
    const [users] = await subgraphsOf(entry('sdl: "type Query { a: Int }"'));
    expect(users?.locate(1, 14)).toEqual({ file, line: 5, column: 12 });
  });
});

describe('a schema of a running subgraph', () => {
  const yaml = entry('subgraph_url: http://users.example/graphql\n      introspection_headers: { x-team: core }', '');

  it('is asked for by _service, with the headers of the file and of the gateway', async () => {
    const requests: [string, RequestInit][] = [];
    const answer = (async (url: string, init: RequestInit) => {
      requests.push([url, init]);
      return Response.json({ data: { _service: { sdl: 'type Query { a: Int }' } } });
    }) as unknown as typeof fetch;
    const [users] = await subgraphsOf(yaml, { fetch: answer, headers: (name) => ({ 'x-identity': `for ${name}` }) });
    expect(users).toMatchObject({ sdl: 'type Query { a: Int }', url: 'http://users.example/graphql' });
    const [[url, init]] = requests as [[string, RequestInit]];
    expect(url).toBe('http://users.example/graphql');
    expect(init).toMatchObject({
      method: 'POST',
      redirect: 'error',
      headers: { 'x-team': 'core', 'x-identity': 'for users' },
    });
    expect(JSON.parse(String(init.body)).query).toContain('_service { sdl }');
    expect(users?.locate(2, 3)).toEqual({ file: 'http://users.example/graphql', line: 2, column: 3 });
  });

  const failures: [string, () => Promise<Response>, RegExp][] = [
    [
      'it refuses connections',
      () => Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })),
      /connect ECONNREFUSED$/,
    ],
    ['it answers an HTTP error', async () => new Response('no', { status: 503 }), /HTTP status 503$/],
    ['it answers no JSON', async () => new Response('<html>'), /introspection failed: /],
    [
      'it is no subgraph',
      async () => Response.json({ errors: [{ message: 'no field _service' }] }),
      /no _service\.sdl/,
    ],
  ];
  it.each(failures)('is a problem at its URL in supergraph.yaml when %s', async (_when, answer, reason) => {
    const [problem] = await problemsOf(yaml, { fetch: answer as unknown as typeof fetch });
    expect(problem).toMatch(/^\.\/supergraph.yaml:4:21 subgraphs.users.schema.subgraph_url: /);
    expect(problem).toMatch(reason);
  });
});

describe('supergraph.yaml', () => {
  it('takes one place for each schema, and a routing URL unless the schema has one', async () => {
    expect(await problemsOf(entry('file: a\n      sdl: b'))).toEqual([
      expect.stringMatching(
        /:5:7 subgraphs.users.schema: give exactly one of file, subgraph_url, sdl; given: file, sdl$/,
      ),
    ]);
    expect(await problemsOf(entry('sdl: "type Query { a: Int }"', ''))).toEqual([
      expect.stringMatching(/subgraphs.users.routing_url: .*required/),
    ]);
  });

  it('refuses keys that it does not know, with their position and the nearest known name', async () => {
    expect(await problemsOf(`federation_versoin: 2\n${entry('fiel: a')}`)).toEqual([
      './supergraph.yaml:1:1 federation_versoin: unknown key "federation_versoin"; did you mean "federation_version"?',
      './supergraph.yaml:6:7 subgraphs.users.schema.fiel: unknown key "fiel"; did you mean "file"?',
      expect.stringMatching(/^\.\/supergraph.yaml:6:7 .*given: none$/),
    ]);
  });

  it('refuses URLs that are none, versions that are none, and to have no subgraphs', async () => {
    expect(await problemsOf(entry('sdl: a', '    routing_url: users\n'))).toEqual([
      expect.stringMatching(/:3:18 .*expected an http or https URL$/),
    ]);
    expect((await problemsOf(`federation_version: two\n${entry('sdl: a')}`))[0]).toMatch(
      /:1:21 federation_version: expected/,
    );
    expect(await problemsOf('subgraphs: {}\n')).toEqual([
      './supergraph.yaml:1:12 subgraphs: name at least one subgraph',
    ]);
    expect(await problemsOf('')).toEqual(['./supergraph.yaml:1:1 subgraphs: this key is required']);
  });

  it('takes values from the environment', async () => {
    const yaml = entry('sdl: "type Query { a: Int }"', `    routing_url: http://\${env.USERS_HOST:-localhost}:4001\n`);
    expect((await subgraphsOf(yaml))[0]?.url).toBe('http://localhost:4001');
    expect((await subgraphsOf(yaml, { env: { USERS_HOST: 'users' } }))[0]?.url).toBe('http://users:4001');
  });
});

describe('a file of another kind', () => {
  it('is a composed supergraph', async () => {
    const composed = join(directory, 'supergraph.graphql');
    writeFileSync(composed, 'schema { query: Query }');
    const expected = { kind: 'supergraph', file: composed, sdl: 'schema { query: Query }' };
    expect(await readSupergraphSource(composed, { env: {} })).toEqual({ kind: 'source', source: expected });
  });

  it('that does not exist is a problem', async () => {
    const result = await readSupergraphSource(join(directory, 'nope.graphql'), { env: {} });
    expect(result).toMatchObject({ kind: 'problems', problems: [{ message: expect.stringContaining('ENOENT') }] });
  });
});
