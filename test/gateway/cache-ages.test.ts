/** How long answers hold, and for whom. Real: composition of both kinds of declarations, planner, subgraphs over HTTP. */
import { printSchema } from 'graphql';
import { createConfig } from '../../src/config';
import { createGateway } from '../../src/gateway';
import { someone } from '../support/identities';
import { type CachedGraph, compose, startCachedGraph } from './cached-graph';

jest.setTimeout(60_000);

let graph: CachedGraph;

beforeAll(async () => {
  graph = await startCachedGraph();
});
afterAll(() => graph.close());

const ageOf = async (query: string, caller = {}) => (await graph.ask(query, caller)).age;

describe('the age of an answer', () => {
  it('is the least of all its fields: through lists, fragments and conditions', async () => {
    expect(await ageOf('{ post(id: 1) { title } }')).toBe('public 60');
    expect(await ageOf('{ post(id: 1) { title } posts { id } }')).toBe('public 30');
    expect(await ageOf('{ ...F } fragment F on Query { posts { ...on Post { title } } count }')).toBe('public 30');
    expect(await ageOf('{ stats { a ...D @include(if: false) } } fragment D on Stats { d }')).toBe('public 240');
    expect(await ageOf('query($if: Boolean!) { stats { a d @include(if: $if) } }', { variables: { if: false } })).toBe(
      'public 20',
    );
  });

  it('is that of the field above that of its type, of the type where the field says nothing, and none without either', async () => {
    expect(await ageOf('{ stats { a } }')).toBe('public 240');
    expect(await ageOf('{ post(id: 1) { author { id } } }')).toBe('public 60');
    expect(await ageOf('{ none { title } }')).toBe('public 90');
    expect(await ageOf('{ stats { b { x } } }')).toBeUndefined();
    expect(await ageOf('{ stats { c { x } } }')).toBe('public 240');
    expect(await ageOf('{ post(id: 1) { related { id } } }')).toBe('public 60');
  });

  it('of an interface or union is that of none of its types exceeded', async () => {
    expect(await ageOf('{ node { id } }')).toBe('public 600');
    expect(await ageOf('{ node { short } }')).toBe('public 5');
    expect(await ageOf('{ node { ...on Post { short } } }')).toBe('public 600');
    expect(await ageOf('{ hit { ...on Note { short } } }')).toBe('public 5');
  });

  it('is the least of what several subgraphs say of one field, declared with a link or without', async () => {
    expect(await ageOf('{ post(id: 1) { author { shared } } }')).toBe('public 15');
    expect(await ageOf('{ post(id: 1) { author { name } } }')).toBe('public 60');
  });

  it('is private as soon as one field is, or may not be read by everybody', async () => {
    expect(await ageOf('{ mine { id } }')).toBe('public 60');
    expect(await ageOf('{ mine { id secret } }')).toBe('private 60');
    expect(await ageOf('{ late { x } }')).toBeUndefined();
    expect(await ageOf('{ me { id } count }')).toBe('private 50');
    const ann = { identity: someone({ subject: 'ann' }) };
    expect(await ageOf('{ guarded count }', ann)).toBe('private 60');
  });

  it('is private where a subgraph is sent a credential of the client', async () => {
    expect(await ageOf('{ count }', { headers: { cookie: 'a=b' } })).toBe('private 120');
    expect(await ageOf('{ count }', { headers: { 'accept-language': 'de' } })).toBe('public 120');
  });

  it('is none with errors, with fields that were excluded, with what is told of costs, of the schema, of a mutation', async () => {
    expect(await ageOf('{ failing count }')).toBeUndefined();
    expect(await ageOf('{ guarded count }')).toBeUndefined();
    expect(await ageOf('{ count __schema { queryType { name } } }')).toBeUndefined();
    expect(await ageOf('{ __typename }')).toBeUndefined();
    expect(await ageOf('mutation { editPost(id: 9) { id } }')).toBeUndefined();
  });
});

describe('a default age', () => {
  it('holds for root fields and objects that say nothing', async () => {
    const other = await startCachedGraph({ cache: { defaultMaxAgeMs: 7_000 } });
    try {
      expect((await other.ask('{ late { x } }')).age).toBe('public 7');
      expect((await other.ask('{ stats { b { x } } }')).age).toBe('public 7');
      expect((await other.ask('{ late { x } mine { secret } }')).age).toBe('private 7');
    } finally {
      await other.close();
    }
  });
});

describe('a declaration that cannot be kept', () => {
  const plain = (uses: string) =>
    `directive @cacheControl(maxAge: Int, scope: String, inheritMaxAge: Boolean, ttl: Int) on FIELD_DEFINITION | OBJECT
    type Query { a: Int ${uses} }`;
  const problems = async (sdl: string) => {
    const composed = await compose([{ name: 'a', url: 'http://a', sdl }]);
    return composed.kind === 'not-composed' ? composed.errors.map(({ code, message }) => `${code} ${message}`) : [];
  };

  it('is an error of composition that names its place, what is wrong and what there is', async () => {
    expect(await problems(plain('@cacheControl(maxAge: -1)'))).toEqual([
      'INVALID_CACHE_CONTROL Query.a: maxAge must be a whole number of seconds, 0 or more, not -1',
    ]);
    expect(await problems(plain('@cacheControl(maxAge: 1, scope: "PRIVAT")'))).toEqual([
      'INVALID_CACHE_CONTROL Query.a: scope must be PUBLIC or PRIVATE, not "PRIVAT"; did you mean "PRIVATE"?',
    ]);
    expect(await problems(plain('@cacheControl(ttl: 1)'))).toEqual([
      'INVALID_CACHE_CONTROL Query.a: there is no argument "ttl"',
    ]);
  });

  it('is one that is linked and not composed, or of which only one could stand', async () => {
    const linked = (compose: string, repeatable: string) =>
      `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@composeDirective"])
        @link(url: "https://specs.supergate.dev/cacheControl/v1.0", import: ["@cacheControl"]) ${compose}
      directive @cacheControl(maxAge: Int) ${repeatable} on FIELD_DEFINITION type Query { a: Int @cacheControl(maxAge: 1) }`;
    expect((await problems(linked('', 'repeatable')))[0]).toContain('DIRECTIVE_NOT_COMPOSED');
    expect((await problems(linked('@composeDirective(name: "@cacheControl")', '')))[0]).toContain('must be repeatable');
    expect(await problems(linked('@composeDirective(name: "@cacheControl")', 'repeatable'))).toEqual([]);
  });

  it('is taken from a schema of federation 1 too, whatever its root types are called', async () => {
    const sdl = `schema { query: Root } ${plain('').replace('type Query { a: Int  }', '')}
      type Root { a: Int @cacheControl(maxAge: 3, scope: "PRIVATE") }`;
    const composed = await compose([{ name: 'a', url: 'http://a', sdl }]);
    if (composed.kind !== 'composed') throw new Error(JSON.stringify(composed));
    expect(composed.supergraphSdl).toMatch(/a: Int @cacheControl\(maxAge: 3, scope: "PRIVATE"\)/);
    // It can be served, and clients see nothing of it.
    const config = createConfig({ telemetry: { logLevel: 'silent' } });
    const gateway = createGateway({ supergraph: { sdl: composed.supergraphSdl }, config });
    await gateway.load();
    expect(printSchema(gateway.current!.apiSchema)).not.toContain('acheControl');
    await gateway.stop();
  });
});
