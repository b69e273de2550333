import { buildSchema, parse } from 'graphql';
import { createConfig } from '../../src/config';
import { DocumentCache } from '../../src/operation/document-cache';
import { Slices } from '../../src/slices';

const schema = buildSchema('type Query { a(x: Int): Int }');
const options = { limits: createConfig().limits, maxErrors: 100, introspection: true };
const create = (maxBytes = 1_000_000): DocumentCache => new DocumentCache(schema, options, maxBytes, new Slices());

describe('the cache of documents', () => {
  it('reads an accepted document once', () => {
    const cache = create();
    expect(cache.read('{ a }')).toBe(cache.read('{ a }'));
    expect(cache.read('{ a }')).not.toBe(cache.read('{ a } '));
  });

  it.each([
    ['a syntax error', '{'],
    ['an unknown field', '{ b }'],
    ['too many root fields', `{ ${'a '.repeat(300)} }`],
  ])('refuses %s once', (_name, text) => {
    const cache = create();
    const refused = cache.read(text);
    expect(refused.kind).toBe('refused');
    expect(cache.read(text)).toBe(refused);
  });

  it('keeps accepted documents whatever is refused meanwhile', () => {
    const cache = create(100_000);
    const known = cache.read('{ a }');
    for (let index = 0; index < 120; index++) cache.read(`{ b${index} ${'#'.repeat(50_000)}\n}`);
    expect(cache.read('{ a }')).toBe(known);
  });

  it('forgets refusals, and documents, when there are too many', () => {
    const cache = create(100_000);
    const [valid, refused] = [cache.read('{ a }'), cache.read('{ b }')];
    for (let index = 0; index < 120; index++) {
      cache.read(`{ a(x: ${index}) }`);
      cache.read(`{ b${index} ${'#'.repeat(50_000)}\n}`);
    }
    expect(cache.read('{ a }')).not.toBe(valid);
    expect(cache.read('{ b }')).not.toBe(refused);
  });

  it('reads a long document ahead once, in turns of the event loop, and has it then', async () => {
    const cache = create();
    const text = `{ a ${'#'.repeat(3_000)}\n}`;
    let turns = 0;
    const count = () => {
      turns += 1;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    const [one, other] = [cache.readAhead(text), cache.readAhead(text)];
    expect(one).toBe(other);
    await one;
    clearImmediate(timer);
    expect(turns).toBeGreaterThan(0);
    expect(cache.readAhead(text)).toBeUndefined();
    expect(cache.read(text)).toBe(cache.read(text));
  });

  it.each(['{', `{ b ${'#'.repeat(3_000)}\n}`])('reads ahead what it refuses as well: %.10s', async (text) => {
    const cache = create();
    await cache.readAhead(text);
    expect(cache.readAhead(text)).toBeUndefined();
    expect(cache.read(text).kind).toBe('refused');
  });

  it('keeps no stack of a refusal: it would hold the whole document', () => {
    const refused = create().read('{ a(z: 1) }');
    const stacks = 'errors' in refused ? refused.errors.map(({ stack }) => stack) : [];
    expect(stacks).toEqual(['Unknown argument "z" on field "Query.a". Did you mean "x"?']);
  });

  it('reads the text of a document that a host has parsed, or adopts it once', () => {
    const cache = create();
    const document = parse('{ a }');
    expect(cache.adopt(document, '{ a }')).toBe(cache.read('{ a }'));
    expect(cache.adopt(document, undefined)).toBe(cache.adopt(document, undefined));
    expect(cache.adopt(parse('{ a }'), undefined)).not.toBe(cache.adopt(document, undefined));
  });

  it.each([undefined, '{ b }'])('refuses what a host did not validate, its text being %s', (text) => {
    const cache = create();
    const refused = cache.adopt(parse('{ b }'), text);
    expect(refused).toMatchObject({
      kind: 'refused',
      errors: [{ code: 'GRAPHQL_VALIDATION_FAILED', locations: [{ line: 1, column: 3 }] }],
    });
  });
});
