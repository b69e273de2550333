import { buildSchema, getIntrospectionQuery, parse, visit } from 'graphql';
import { createConfig } from '../../src/config';
import {
  adoptDocument,
  type DocumentOptions,
  findOperations,
  type Refused,
  readDocument,
  selectOperation,
  type ValidDocument,
} from '../../src/operation/document';
import { finish } from '../../src/slices';

const schema = buildSchema(`
  type Query { me: User users(ids: [ID!], where: Where): [User] }
  type Mutation { rename(name: String): User }
  type User { id: ID! name(upper: Boolean): String friend: User friends: [User] }
  input Where { name: String and: [Where!] }
`);
const defaults: DocumentOptions = { limits: createConfig().limits, maxErrors: 100, introspection: true };

function read(text: string, options: Partial<DocumentOptions> = {}): ValidDocument | Refused {
  return finish(readDocument(text, schema, { ...defaults, ...options }));
}

function accept(text: string, options?: Partial<DocumentOptions>): ValidDocument {
  const document = read(text, options);
  if (document.kind === 'refused') throw document.errors[0];
  return document;
}

/** Code and message of each error. */
function refuse(text: string, options?: Partial<DocumentOptions>): string[] {
  const document = read(text, options);
  if (document.kind === 'valid') throw new Error('the document was accepted');
  return document.errors.map(({ code, message }) => `${code}: ${message}`);
}

const limited = (limits: Partial<DocumentOptions['limits']>) => ({ limits: { ...defaults.limits, ...limits } });
const repeat = (count: number, write: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => write(index)).join(' ');

describe('parsing', () => {
  it.each([
    '',
    '   ',
    '# only a comment',
    '{',
    '{ me',
    '}',
    '{ me { } }',
    '{ me }}',
    '{ users(ids: [) }',
    '\u0000{ me }',
    'query Q(',
  ])('refuses %j', (text) => {
    expect(refuse(text)).toEqual([expect.stringMatching(/^GRAPHQL_PARSE_FAILED: Syntax Error: /)]);
  });

  it('says where the syntax error is', () => {
    const [error] = (read('{\n  me {\r\n  id ]\n}') as Refused).errors;
    expect(error?.toJSON()).toEqual({
      message: 'Syntax Error: Expected Name, found "]".',
      locations: [{ line: 3, column: 6 }],
      extensions: { code: 'GRAPHQL_PARSE_FAILED' },
    });
  });

  it('counts tokens, and neither comments nor commas nor blanks', () => {
    const text = '{ me { id } } # me and me\n,,, ';
    expect(read(text, limited({ maxTokens: 6 })).kind).toBe('valid');
    expect(refuse(text, limited({ maxTokens: 5 }))).toEqual([
      'MAX_TOKENS_LIMIT: The document has more than the 5 tokens allowed.',
    ]);
  });

  it('stops at the limit, whatever comes after', () => {
    expect(refuse(`{ me { id ${repeat(20_000, () => '@d')} ${'{'.repeat(100_000)}`)).toEqual([
      expect.stringContaining('MAX_TOKENS_LIMIT'),
    ]);
  });

  it.each([
    ['selection sets', '{a'.repeat(200_000)],
    ['lists', `{ users(ids: ${'['.repeat(200_000)}`],
    ['input objects', `{ users(where: ${'{and:'.repeat(200_000)}`],
    ['types', `query($x: ${'['.repeat(200_000)}`],
  ])('refuses %s so deep that the parser runs out of stack', (_name, text) => {
    const codes = refuse(text, limited({ maxTokens: 10_000_000 }));
    expect(codes).toEqual(['MAX_DEPTH_LIMIT: The document is nested too deeply.']);
  });
});

describe('limits', () => {
  it.each([
    ['MAX_DEPTH_LIMIT', { maxDepth: 2 }, '{ me { friend { id } } }'],
    ['MAX_ALIASES_LIMIT', { maxAliases: 1 }, '{ a: me { id } b: me { id } }'],
    ['MAX_ROOT_FIELDS_LIMIT', { maxRootFields: 1 }, '{ me { id } users { id } }'],
    ['MAX_SELECTIONS_LIMIT', { maxSelections: 2 }, '{ me { id name } }'],
    ['MAX_DIRECTIVES_LIMIT', { maxDirectives: 1 }, '{ me { id @skip(if: true) name @skip(if: true) } }'],
  ])('refuse with %s before validation', (code, limits, text) => {
    expect(refuse(text, limited(limits))).toEqual([expect.stringContaining(`${code}: `)]);
    expect(refuse(text.replace('id', 'nope'), limited(limits))).toEqual([expect.stringContaining(`${code}: `)]);
  });

  it.each([
    ['{ users { id } }', 1],
    ['{ me { friends { friends { id } } } }', 2],
    ['{ users { ...F } } fragment F on User { friend { friends { ... { friends { id } } } } }', 3],
    ['query A { me { id } } query B { users { friends { id } } }', 2],
  ])('count the lists of %s that are in one another', (text, lists) => {
    expect(accept(text, limited({ maxListDepth: lists })).operations.length).toBeGreaterThan(0);
    const message = `MAX_LIST_DEPTH_LIMIT: The operation nests more than the ${lists - 1} lists that are allowed.`;
    expect(refuse(text, limited({ maxListDepth: lists - 1 }))).toEqual([message]);
  });

  it('are kept by the introspection query of tools', () => {
    expect(accept(getIntrospectionQuery()).operations).toHaveLength(1);
  });
});

describe('validation', () => {
  it.each([
    ['an unknown field', '{ nope }', 'Cannot query field "nope" on type "Query".'],
    [
      'a field without a selection',
      '{ me }',
      'Field "me" of type "User" must have a selection of subfields. Did you mean "me { ... }"?',
    ],
    ['an unknown fragment', '{ me { ...F } }', 'Unknown fragment "F".'],
    ['an unused fragment', '{ me { id } } fragment F on User { id }', 'Fragment "F" is never used.'],
    ['a cycle', '{ me { ...F } } fragment F on User { friend { ...F } }', 'Cannot spread fragment "F" within itself.'],
    ['an undefined variable', '{ users(ids: $ids) { id } }', 'Variable "$ids" is not defined.'],
    [
      'conflicting fields',
      '{ me { x: id x: name } }',
      'Fields "x" conflict because "id" and "name" are different fields. Use different aliases on the fields to fetch both if this was intentional.',
    ],
    ['definitions of types', 'type User { id: ID! }', 'The "User" definition is not executable.'],
    [
      'two anonymous operations',
      '{ me { id } } { me { id } }',
      'This anonymous operation must be the only defined operation.',
    ],
    ['equal names', 'query A { me { id } } query A { me { id } }', 'There can be only one operation named "A".'],
    [
      'introspection that loops',
      '{ __type(name: "User") { fields { type { fields { type { fields { name } } } } } } }',
      'Maximum introspection depth exceeded',
    ],
  ])('refuses %s', (_name, text, message) => {
    expect(refuse(text)).toContain(`GRAPHQL_VALIDATION_FAILED: ${message}`);
  });

  it('tells every mistake with its place', () => {
    const { errors } = read('{\n  me { nam }\r\n\r  x }') as Refused;
    expect(errors.map((error) => error.toJSON())).toEqual([
      {
        message: 'Cannot query field "nam" on type "User". Did you mean "name"?',
        locations: [{ line: 2, column: 8 }],
        extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
      },
      {
        message: 'Cannot query field "x" on type "Query".',
        locations: [{ line: 4, column: 3 }],
        extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
      },
    ]);
  });

  it('refuses an operation of a kind that the schema has not, with its place', () => {
    const document = read('query A { me { id } }\nsubscription B { anything }');
    expect(document).toMatchObject({
      kind: 'refused',
      errors: [
        {
          code: 'GRAPHQL_VALIDATION_FAILED',
          message: 'The schema has no subscription type.',
          locations: [{ line: 2, column: 1 }],
        },
      ],
    });
  });

  it('stops after a number of errors', () => {
    const messages = refuse(`{ ${repeat(100, (i) => `n${i}`)} }`, { maxErrors: 7 });
    expect(messages).toHaveLength(8);
    expect(messages.at(-1)).toContain('Too many validation errors');
  });

  it('suggests names for some mistakes, and for many it compares none', () => {
    expect(refuse('{ me { nam frend { id } } }').filter((message) => message.includes('Did you mean'))).toHaveLength(2);
    expect(refuse(`{ me { ${repeat(50, () => 'nam')} } }`).join()).not.toContain('Did you mean');
  });

  it('suggests no names where introspection is off', () => {
    const closed = { introspection: false };
    expect(refuse('{ me { nam } }', closed)).toEqual([
      'GRAPHQL_VALIDATION_FAILED: Cannot query field "nam" on type "User".',
    ]);
    expect(refuse('{ __schema { types { name } } }', closed)).toEqual([
      expect.stringContaining('GraphQL introspection has been disabled'),
      expect.stringContaining('GraphQL introspection has been disabled'),
    ]);
    expect(accept('{ me { __typename } }', closed).operations).toHaveLength(1);
  });

  it('sends no long value of the client back', () => {
    const long = 'x'.repeat(50_000);
    for (const text of [`{ ${long} }`, `{ users(ids: {k: "${long}"}) { id } }`, `{ me { ...${long} } }`]) {
      expect(Math.max(...refuse(text).map((message) => message.length))).toBeLessThan(600);
    }
    const cycle = `{ me { ...F0 } } ${repeat(150, (i) => `fragment F${i} on User { ...F${(i + 1) % 150} }`)}`;
    const { errors } = read(cycle) as Refused;
    expect(JSON.stringify(errors).length).toBeLessThan(10_000);
  });

  it('finds the place of every error in one walk over the lines', () => {
    const lines = 50_000;
    const { errors } = read(`${'\n'.repeat(lines)}{ ${repeat(120, (i) => `n${i}`)} }`) as Refused;
    expect(errors[99]?.locations).toEqual([{ line: lines + 1, column: expect.any(Number) }]);
  });
});

describe('a valid document', () => {
  it('keeps nothing of the text', () => {
    const found: unknown[] = [];
    visit(accept('query($ids: [ID!] = ["1"]) { users(ids: $ids) { ...F } } fragment F on User { id }').document, {
      enter: (node) => void found.push(node.loc),
    });
    expect(found.filter((location) => location !== undefined)).toEqual([]);
    expect(found.length).toBeGreaterThan(10);
  });

  it('knows its operations, their fragments and what decides their conditions', () => {
    const { operations } = accept(
      `
      query Some($b: Boolean!, $a: Boolean!, $n: Boolean) {
        me { ...F name(upper: $n) id @skip(if: true) }
      }
      mutation Other { rename(name: "x") { id } }
      query Third($a: Boolean!, $b: Boolean!) { me { ...F } }
      fragment F on User { id @include(if: $a) friend { id @skip(if: $b) } }`.replace(
        'query Third($a: Boolean!)',
        'query Third($a: Boolean!, $b: Boolean!)',
      ),
    );
    expect(operations.map(({ name, type, conditionVariables }) => [name, type, conditionVariables])).toEqual([
      ['Some', 'query', ['a', 'b']],
      ['Other', 'mutation', []],
      ['Third', 'query', ['a', 'b']],
    ]);
    expect([...(operations[0]?.fragments.keys() ?? [])]).toEqual(['F']);
    expect(operations[0]?.variables.locations.get('a')).toEqual({ line: 2, column: 32 });
  });

  it('weighs more the more it selects', () => {
    const small = accept('{ me { id } }').bytes;
    const spread = accept(`{ me { ${repeat(50, () => '...F')} } } fragment F on User { id name friend { id } }`).bytes;
    expect(spread).toBeGreaterThan(10 * small);
  });
});

describe('adopting a document of the host', () => {
  const adopt = (text: string) =>
    adoptDocument(parse(text, { noLocation: true }), schema, { ...defaults, ...limited({ maxDepth: 2 }) });

  it('checks limits and rules, and leaves the document as it is', () => {
    expect(adopt('{ me { id } }')).toMatchObject({ kind: 'valid', operations: [{ type: 'query' }] });
    expect(adopt('{ me { friend { id } } }')).toMatchObject({ kind: 'refused', errors: [{ code: 'MAX_DEPTH_LIMIT' }] });
    expect(adopt('{ nope }')).toMatchObject({ kind: 'refused', errors: [{ code: 'GRAPHQL_VALIDATION_FAILED' }] });
    const document = parse('{ me { id } }');
    adoptDocument(document, schema, defaults);
    expect(document.loc?.source.body).toBe('{ me { id } }');
  });
});

describe('choosing an operation', () => {
  const choose = (text: string, name?: string) => {
    const chosen = selectOperation({ ...accept('{ me { id } }'), operations: findOperations(parse(text)) }, name);
    return 'node' in chosen ? (chosen.name ?? 'anonymous') : `${chosen.code}: ${chosen.message}`;
  };

  it('takes the only one, or the named one', () => {
    expect(choose('{ me { id } }')).toBe('anonymous');
    expect(choose('query A { me { id } }')).toBe('A');
    expect(choose('query A { me { id } }', '')).toBe('A');
    expect(choose('query A { me { id } } query B { me { id } }', 'B')).toBe('B');
    expect(choose('query __proto__ { me { id } } query B { me { id } }', '__proto__')).toBe('__proto__');
  });

  it.each([
    ['none', 'fragment F on User { id }', undefined, 'The document has no operation.'],
    [
      'several and no name',
      'query A { me { id } } query B { me { id } }',
      undefined,
      'The document has several operations: say which one by operationName.',
    ],
    ['an unknown name', 'query A { me { id } }', 'B', 'Unknown operation named "B".'],
    ['a name for an anonymous one', '{ me { id } }', 'A', 'Unknown operation named "A".'],
    ['the name of a fragment', 'query A { me { id } } fragment F on User { id }', 'F', 'Unknown operation named "F".'],
    ['a name of every object', 'query A { me { id } }', 'constructor', 'Unknown operation named "constructor".'],
    ['a long name', 'query A { me { id } }', 'x'.repeat(5_000), `Unknown operation named "${'x'.repeat(100)}".`],
  ])('refuses %s', (_name, text, name, message) => {
    expect(choose(text, name)).toBe(`OPERATION_RESOLUTION_FAILURE: ${message}`);
  });
});
