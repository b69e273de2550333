import { getIntrospectionQuery, parse } from 'graphql';
import { createConfig } from '../../src/config';
import type { ErrorCode } from '../../src/errors';
import { type DocumentLimits, weighDocument } from '../../src/operation/limits';

const generous: DocumentLimits = {
  maxTokens: 1_000_000,
  maxDepth: 1_000,
  maxAliases: 1_000_000,
  maxRootFields: 1_000_000,
  maxSelections: 1_000_000,
  maxDirectives: 1_000_000,
};

function outcome(query: string, limits: Partial<DocumentLimits> = {}): ErrorCode | number {
  const weight = weighDocument(parse(query), { ...generous, ...limits });
  return 'selections' in weight ? weight.selections : weight.code;
}

const times = (count: number, text: string): string => Array.from({ length: count }, () => text).join(' ');
const nest = (levels: number): string => `{ ${'a { '.repeat(levels - 1)}a${' }'.repeat(levels - 1)} }`;

/** Each limit at, below and above the value that a document has. */
function expectBound(limit: keyof DocumentLimits, code: ErrorCode, value: number, query: string): void {
  const allowed = [value, value + 1].map((bound) => typeof outcome(query, { [limit]: bound }));
  expect({ query, allowed, above: outcome(query, { [limit]: value - 1 }) }).toEqual({
    query,
    allowed: ['number', 'number'],
    above: code,
  });
}

describe('maxDepth', () => {
  it.each([
    ['nested fields', 5, nest(5)],
    ['fields in inline fragments, which are no level', 3, '{ ... { a { ... on T { ... { a { a } } } } } }'],
    [
      'fields in fragments, added to where they are spread',
      5,
      '{ a { a { ...F } } } fragment F on T { a { a { a } } }',
    ],
    ['the deepest of several fields', 4, '{ a a { a } a { a { a { a } } } a { a } }'],
    ['the deepest of several operations', 3, 'query A { a } query B { a { a { a } } } query C { a }'],
    ['a fragment that no operation spreads', 4, '{ a } fragment F on T { a { a { a { a } } } }'],
    ['mutations', 3, 'mutation { a { a { a } } }'],
    ['subscriptions', 3, 'subscription { a { a { a } } }'],
    ['introspection', 4, '{ __schema { types { fields { name } } } }'],
    ['fields that are named like introspection', 3, '{ __schema: a { __type: a { __typename: a } } }'],
    [
      'fragments that are named like introspection',
      4,
      '{ a { ...__schema } } fragment __schema on T { a { a { a } } }',
    ],
    ['operations that are named like introspection', 3, 'query IntrospectionQuery { a { a { a } } }'],
  ])('counts %s', (_name, depth, query) => expectBound('maxDepth', 'MAX_DEPTH_LIMIT', depth, query));

  it('is not all: selection sets nest 200 deep at most, whatever they are', () => {
    const inline = (levels: number) => `{ ${'... { '.repeat(levels)}a${' }'.repeat(levels)} }`;
    const chain = (levels: number) =>
      `{ ...F0 } ${Array.from({ length: levels }, (_, i) => `fragment F${i} on T { a ...F${i + 1} }`).join(' ')} fragment F${levels} on T { a }`;
    const reversed = (levels: number) =>
      chain(levels)
        .split(/(?=fragment)/)
        .reverse()
        .join(' ');
    for (const write of [inline, chain, reversed]) {
      expect([write(190), write(210)].map((query) => typeof outcome(query) === 'number')).toEqual([true, false]);
      expect(outcome(write(210))).toBe('MAX_DEPTH_LIMIT');
    }
  });

  it.each([
    ['lists', (levels: number) => `{ a(x: ${'['.repeat(levels)}1${']'.repeat(levels)}) }`],
    ['input objects', (levels: number) => `{ a(x: ${'{x: '.repeat(levels)}1${'}'.repeat(levels)}) }`],
    ['lists of a directive', (levels: number) => `{ a @d(x: ${'['.repeat(levels)}1${']'.repeat(levels)}) }`],
    ['lists of a default', (levels: number) => `query($x: T = ${'['.repeat(levels)}1${']'.repeat(levels)}) { a }`],
  ])('bounds the %s of values at 50', (_name, write) => {
    expect([typeof outcome(write(50)), outcome(write(51))]).toEqual(['number', 'MAX_DEPTH_LIMIT']);
  });

  it('bounds the lists of types', () => {
    const type = (levels: number) => `query($x: ${'['.repeat(levels)}T!${']!'.repeat(levels)}) { a }`;
    expect([typeof outcome(type(49)), outcome(type(60))]).toEqual(['number', 'MAX_DEPTH_LIMIT']);
  });
});

describe('maxAliases', () => {
  it.each([
    ['aliases', 3, '{ x: a y: a { z: a } a }'],
    [
      'aliases of fragments, wherever they are spread',
      6,
      '{ a { ...F } a { ...F } ... { ...F } } fragment F on T { x: a y: a }',
    ],
    [
      'aliases of fragments in fragments',
      8,
      '{ ...A ...A } fragment A on T { ...B ...B } fragment B on T { x: a y: a }',
    ],
    ['aliases of introspection', 2, '{ x: __schema { y: types { name } } }'],
    ['aliases that change nothing', 1, '{ a: a }'],
    ['the most of several operations', 2, 'query A { x: a y: a } query B { x: a }'],
  ])('counts %s', (_name, aliases, query) => expectBound('maxAliases', 'MAX_ALIASES_LIMIT', aliases, query));

  it('allows aliases of 250 characters', () => {
    const alias = (length: number) => `{ ${'x'.repeat(length)}: a }`;
    expect([outcome(alias(250)), outcome(alias(251))]).toEqual([11, 'MAX_ALIASES_LIMIT']);
  });
});

describe('maxRootFields', () => {
  it.each([
    ['root fields', 3, '{ a a a { a a a a } }'],
    ['those of fragments', 5, '{ a ...F ... { ...F } } fragment F on T { a a { a a } }'],
    ['introspection and type names', 3, '{ __typename __schema { description } a }'],
    ['the most of several operations', 2, 'query A { a } query B { a a } fragment F on T { a a a a a }'],
  ])('counts %s', (_name, fields, query) => expectBound('maxRootFields', 'MAX_ROOT_FIELDS_LIMIT', fields, query));
});

describe('maxSelections', () => {
  it.each([
    ['fields and fragments', 5, '{ a { a } ... { a } a }'],
    ['fragments as expanded', 11, '{ ...A ...A a } fragment A on T { ...B ...B } fragment B on T { a }'],
    ['all operations together', 4, 'query A { a a } query B { a { a } }'],
    ['values of arguments', 1 + 1 + 3 + 1, '{ a(x: [1, "s", E], z: 1) }'],
    ['values of input objects', 1 + 1 + 2, '{ a(x: {k: 1, l: null}) }'],
    ['values wherever their fragment is spread', 2 * (1 + 1 + 3), '{ ...F ...F } fragment F on T { a(x: [1, 2]) }'],
    ['directives and their values', 3, '{ a @d(if: $x) }'],
    [
      'directives of operations, variables and fragments',
      7,
      'query($v: T = 1 @d) @d { ...F } fragment F on T @d { a }',
    ],
    ['variables and their defaults', 1 + 1 + 3, 'query($v: T = [1, 2]) { a }'],
    ['long strings as several values', 1 + 1 + 10, `{ a(x: "${'s'.repeat(640)}") }`],
    [
      'long variable names as several values',
      1 + 1 + 1 + 10,
      `query($${'v'.repeat(640)}: T) { a(x: $${'v'.repeat(640)}) }`,
    ],
  ])('counts %s', (_name, selections, query) => {
    const total = selections + 10 * parse(query).definitions.length;
    expect(outcome(query)).toBe(total);
    expectBound('maxSelections', 'MAX_SELECTIONS_LIMIT', total, query);
  });

  it('refuses what doubles with each line, in the time of its text', () => {
    const doubling = (spreads: string) =>
      `{ ...F0 } ${Array.from({ length: 60 }, (_, i) => `fragment F${i} on T { ${spreads.replaceAll('F', `F${i + 1}`)} }`).join(' ')} fragment F60 on T { a }`;
    for (const spreads of ['...F ...F', 'x: a { ...F } y: a { ...F }', '... on A { ...F } ... on B { ...F }']) {
      expect(outcome(doubling(spreads))).toBe('MAX_SELECTIONS_LIMIT');
    }
  });

  it('counts fragments that nobody spreads on their own', () => {
    const fragment = `fragment F on T { ${times(30, 'a')} }`;
    expect(outcome(`{ a } ${fragment}`, { maxSelections: 29 })).toBe('MAX_SELECTIONS_LIMIT');
  });

  it('survives cycles and unknown fragments, which validation refuses', () => {
    expect(outcome('{ ...A } fragment A on T { a { ...B } } fragment B on T { ...A ...Nobody }')).toEqual(
      expect.any(Number),
    );
    expect(outcome('{ ...A } fragment A on T { ...A ...A a { ...A } }')).toEqual(expect.any(Number));
  });
});

describe('maxDirectives', () => {
  it.each([
    ['directives as written', 3, '{ a @d @d ...F ...F ...F } fragment F on T { a @d }'],
    ['directives of every place', 6, 'query($v: T @d) @d { a @d ... @d { ...F @d } } fragment F on T @d { a }'],
    ['directives of fragments that nobody spreads', 2, '{ a } fragment F on T { a @d @d }'],
    ['directives of all operations', 2, 'query A @d { a } query B @d { a }'],
    ['known directives', 2, '{ a @skip(if: false) @include(if: true) }'],
  ])('counts %s', (_name, directives, query) =>
    expectBound('maxDirectives', 'MAX_DIRECTIVES_LIMIT', directives, query),
  );
});

describe('the refusal', () => {
  it('names the limit', () => {
    expect(weighDocument(parse(nest(6)), { ...generous, maxDepth: 5 })).toMatchObject({
      message: 'The operation is nested more than the 5 levels that are allowed.',
      extensions: { code: 'MAX_DEPTH_LIMIT' },
    });
  });

  it('spares the introspection query of tools under the default limits', () => {
    const query = getIntrospectionQuery({
      descriptions: true,
      specifiedByUrl: true,
      directiveIsRepeatable: true,
      schemaDescription: true,
      inputValueDeprecation: true,
      oneOf: true,
    });
    expect(outcome(query, createConfig().limits)).toEqual(expect.any(Number));
  });
});
