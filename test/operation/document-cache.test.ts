import { buildSchema, parse } from 'graphql';
import { createConfig } from '../../src/config';
import { DocumentCache } from '../../src/operation/document-cache';

const schema = buildSchema('type Query { a(x: Int): Int }');
const options = { limits: createConfig().limits, maxErrors: 100, introspection: true };
const create = (maxBytes = 1_000_000): DocumentCache => new DocumentCache(schema, options, maxBytes);

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

  it('keeps no stack of a refusal: it would hold the whole document', () => {
    const refused = create().read('{ a(z: 1) }');
    const stacks = 'errors' in refused ? refused.errors.map(({ stack }) => stack) : [];
    expect(stacks).toEqual(['Unknown argument "z" on field "Query.a". Did you mean "x"?']);
  });

  it('adopts a document of the host once, or knows it by its text', () => {
    const cache = create();
    const document = parse('{ a }');
    expect(cache.adopt(document, undefined)).toBe(cache.adopt(document, '{ a }'));
    expect(cache.adopt(parse('{ a }'), undefined)).not.toBe(cache.adopt(document, undefined));
    const known = cache.read('{ a(x: 1) }');
    expect(cache.adopt(parse('{ a(x: 1) }'), '{ a(x: 1) }')).toBe(known);
  });
});
