import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConfig } from '../../src/config';
import {
  type Composition,
  CompositionError,
  composeSupergraph,
  formatCompositionProblem,
} from '../../src/supergraph/composition';
import { PlannerThread } from '../../src/supergraph/planner-client';
import { readSupergraphSource } from '../../src/supergraph/sources';
import { subgraph } from './subgraph-sdl';

// Real: files, the worker thread, Apollo's composition. Observed: the lines that a user reads.
jest.setTimeout(30_000);
const directory = mkdtempSync(join(tmpdir(), 'supergate-composition-'));
const thread = new PlannerThread(createConfig().planner);
afterAll(async () => {
  await thread.close();
  rmSync(directory, { recursive: true });
});

/** Composes subgraphs by name; line 1 of each file links the federation directives. */
async function compose(subgraphs: Record<string, string>): Promise<Composition> {
  const entries = Object.entries(subgraphs).map(([name, sdl]) => {
    writeFileSync(join(directory, `${name}.graphql`), subgraph(name, sdl).sdl);
    return `  ${name}:\n    routing_url: http://${name}.example\n    schema: { file: ${name}.graphql }\n`;
  });
  const file = join(directory, 'supergraph.yaml');
  writeFileSync(file, `federation_version: 2\nsubgraphs:\n${entries.join('')}`);
  const read = await readSupergraphSource(file, { env: {} });
  if (read.kind === 'problems') throw new Error(JSON.stringify(read.problems));
  return composeSupergraph(read.source, thread);
}

async function errorsOf(subgraphs: Record<string, string>): Promise<string[]> {
  const composition = await compose(subgraphs);
  if (composition.kind === 'composed') throw new Error('it composed');
  return composition.errors.map((error) =>
    formatCompositionProblem(error, 'supergraph.yaml').replaceAll(`${directory}/`, ''),
  );
}

describe('an error of composition', () => {
  it('is a directive of ours that would be dropped', async () => {
    const sdl = 'directive @rateLimit(max: Int) on FIELD_DEFINITION\ntype Query { a: Int @rateLimit(max: 1) }';
    expect(await errorsOf({ a: sdl })).toEqual([
      expect.stringMatching(
        /^a: a.graphql:3:21 DIRECTIVE_NOT_COMPOSED @rateLimit is applied, .*@federation__composeDirective/,
      ),
    ]);
  });

  it('points at a type that is missing', async () => {
    expect(await errorsOf({ a: 'type Query {\n  user: User\n}', b: 'type Query { x: Int }' })).toEqual([
      'a: a.graphql:3:9 INVALID_GRAPHQL Unknown type User',
    ]);
  });

  it('points at every key that selects what is not there, in every subgraph', async () => {
    const errors = await errorsOf({
      a: 'type Query { user: User }\ntype User @key(fields: "id nope") { id: ID! }',
      b: 'type Post @key(fields: "id {") { id: ID! }',
    });
    expect(errors).toEqual([
      expect.stringMatching(/^a: a.graphql:3:11 KEY_INVALID_FIELDS On type "User", .*"nope"/),
      expect.stringMatching(/^b: b.graphql:2:11 KEY_INVALID_FIELDS On type "Post", .*Syntax Error/),
    ]);
  });

  it('points at every syntax error, in every subgraph', async () => {
    expect(await errorsOf({ a: 'type Query {\n  user User\n}', b: 'type [' })).toEqual([
      'a: a.graphql:3:8 INVALID_GRAPHQL Syntax Error: Expected ":", found Name "User".',
      'b: b.graphql:2:6 INVALID_GRAPHQL Syntax Error: Expected Name, found "[".',
    ]);
  });

  it('points at a field that no query can reach', async () => {
    const [error] = await errorsOf({
      a: 'type Query { user: User }\ntype User @key(fields: "id") { id: ID! }',
      b: 'type User @key(fields: "email") {\n  email: ID!\n}',
    });
    expect(error).toMatch(/^b: b.graphql:3:3 SATISFIABILITY_ERROR The following supergraph API query:\n {2}\{/);
    expect(error).toContain('cannot find field "User.email"');
  });

  it('points at each subgraph that takes part in it', async () => {
    expect(await errorsOf({ a: 'type Query { x: Int }', b: 'type Query {\n  x: Int }' })).toEqual([
      expect.stringMatching(/^a: a.graphql:2:14 INVALID_FIELD_SHARING .*\n {2}also b: b.graphql:3:3$/),
    ]);
  });

  it('points at the second of two definitions', async () => {
    expect(await errorsOf({ a: 'type Query { x: Int }\ntype Query { y: Int }' })).toEqual([
      'a: a.graphql:3:6 INVALID_GRAPHQL There can be only one type named "Query".',
    ]);
  });

  it('is not the only one of its subgraph that is told, though composition stops there', async () => {
    const a = 'type Query {\n  x: Nope\n  y: Neither\n  x: Int\n}\nscalar FieldSet';
    expect(await errorsOf({ a, b: 'type Query { z(f: federation__FieldSet): Nor }' })).toEqual([
      expect.stringMatching(/^a: a.graphql:3:6 INVALID_GRAPHQL Unknown type "?Nope/),
      expect.stringMatching(/^a: a.graphql:4:6 INVALID_GRAPHQL Unknown type "?Neither/),
      expect.stringMatching(/^a: a.graphql:5:3 INVALID_GRAPHQL Field "Query.x" can only be defined once/),
      expect.stringMatching(/^b: b.graphql:2:42 INVALID_GRAPHQL Unknown type "?Nor/),
    ]);
  });

  it('points at the supergraph file where it belongs to no subgraph', async () => {
    expect(await errorsOf({ a: 'type A { x: Int }', b: 'type B { x: Int }' })).toEqual([
      expect.stringMatching(/^supergraph: supergraph.yaml:1:1 NO_QUERIES /),
    ]);
  });

  it('becomes, with all others, the message of one error to throw', async () => {
    const composition = await compose({ a: 'type Query { x: Nope y: Neither }' });
    if (composition.kind === 'composed') throw new Error('it composed');
    const { message } = new CompositionError('supergraph.yaml', composition.errors);
    expect(message.split('\n')).toEqual([
      expect.stringContaining('a.graphql:2:17'),
      expect.stringContaining('a.graphql:2:25'),
    ]);
  });
});

describe('a hint of composition', () => {
  it('has a level, a code and the positions of what it compares', async () => {
    const composition = await compose({
      a: 'type Query { x: Int @shareable }',
      b: 'type Query {\n  x: Int! @shareable }',
    });
    if (composition.kind === 'failed') throw new Error('it did not compose');
    expect(composition.hints).toContainEqual({
      level: 'INFO',
      code: 'INCONSISTENT_BUT_COMPATIBLE_FIELD_TYPE',
      message: expect.stringContaining('"Query.x"'),
      locations: [
        { subgraph: 'a', file: join(directory, 'a.graphql'), line: 2, column: 14 },
        { subgraph: 'b', file: join(directory, 'b.graphql'), line: 3, column: 3 },
      ],
    });
  });
});

describe('a supergraph that is composed already', () => {
  it('is handed on as it is', async () => {
    const source = { kind: 'supergraph', file: 'x.graphql', sdl: 'anything' } as const;
    expect(await composeSupergraph(source, thread)).toEqual({ kind: 'composed', supergraphSdl: 'anything', hints: [] });
  });
});
