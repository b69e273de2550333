import { createHash } from 'node:crypto';
import { documentsOf, findConflictingIds, readManifest } from '../../src/operation/manifests';
import { readOperationFiles } from '../../src/operation/operation-files';
import type { OperationSet } from '../../src/operation/operation-library';
import { createTrustedDocuments, type TrustedDocumentsOptions } from '../../src/operation/trusted-documents';
import { silentLog } from '../../src/telemetry/log';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const read = (value: unknown) => readManifest('m.json', JSON.stringify(value));

describe('a manifest', () => {
  it('of Apollo gives ids to bodies', () => {
    const operation = { id: 'a1', name: 'A', type: 'query', body: 'query A {\n  a\n}' };
    const { documents, problems } = read({
      format: 'apollo-persisted-query-manifest',
      version: 1,
      operations: [operation],
    });
    expect(problems).toEqual([]);
    expect(documents).toEqual([{ id: 'a1', text: operation.body, stripped: 'query A{a}', file: 'm.json' }]);
  });

  it('of relay-compiler, or of the client preset of GraphQL Code Generator, is an object from ids to texts', () => {
    const { documents } = read({ '0f3c': 'query A { a }', 'sha256:ab': 'query B { b }' });
    expect(documents.map(({ id, text }) => [id, text])).toEqual([
      ['0f3c', 'query A { a }'],
      ['sha256:ab', 'query B { b }'],
    ]);
  });

  it.each([
    ['no JSON', '{', 'is no JSON'],
    ['a list', '[]', 'expected apollo-persisted-query-manifest'],
    ['another format', '{"format":"x","version":1,"operations":[]}', 'expected apollo-persisted-query-manifest'],
    ['another version', '{"format":"apollo-persisted-query-manifest","version":2,"operations":[]}', 'version 1'],
    [
      'an operation that is null',
      '{"format":"apollo-persisted-query-manifest","version":1,"operations":[null]}',
      'no id',
    ],
    ['a text that is a number', '{"a":1}', 'document "a": has no text or no id'],
    ['a text that is no GraphQL', '{"a":"query { a(b: \\"x }"}', 'document "a": Syntax Error'],
  ])('that is %s is told', (_name, json, message) => {
    const { problems } = readManifest('m.json', json);
    expect(problems).toEqual([{ file: 'm.json', line: 1, column: 1, message: expect.stringContaining(message) }]);
  });

  it('may repeat a document of another file, and gives no other text to its id', () => {
    const first = readManifest('a.json', '{"x":"query A { a }"}').documents;
    expect(findConflictingIds([...first, ...readManifest('b.json', '{"x":"query A{a}"}').documents])).toEqual([]);
    expect(findConflictingIds([...first, ...readManifest('b.json', '{"x":"query A { b }"}').documents])).toEqual([
      { file: 'b.json', line: 1, column: 1, message: 'The id "x" stands for another document in a.json.' },
    ]);
  });
});

function setOf(manifest: Readonly<Record<string, string>>, files = ''): OperationSet {
  const { operations } = readOperationFiles(new Map([['o.graphql', files]].filter(([, text]) => text !== '') as never));
  return { operations, documents: [...documentsOf(operations), ...read(manifest).documents], names: new Set() };
}

function list(set: OperationSet, options: Partial<TrustedDocumentsOptions> = {}) {
  return createTrustedDocuments(
    { current: set },
    { mode: 'only', requireId: false, dryRun: false, log: silentLog, ...options },
  );
}

describe('the list of trusted documents', () => {
  const text = 'query A { a }';

  it('finds a document by its id and by its hash, with and without its prefix', () => {
    const documents = list(setOf({ x: text }));
    for (const id of ['x', sha256(text), `sha256:${sha256(text)}`]) expect(documents.find(id)).toBe(text);
    for (const id of ['', 'y', 'sha256:y', '__proto__', sha256('query B { b }')])
      expect(documents.find(id)).toBeUndefined();
  });

  it('finds an operation of a file by its name, without its route', () => {
    const documents = list(setOf({}, 'query One($id: ID!) @rest(path: "/{id}") { one(id: $id) }'));
    expect(documents.find('One')).toBe('query One($id: ID!) {\n  one(id: $id)\n}');
  });

  it('takes an id that was chosen before a hash that was not', () => {
    const other = 'query B { b }';
    expect(list(setOf({ [sha256(text)]: other, x: text })).find(sha256(text))).toBe(other);
  });

  it('follows a set that changes', () => {
    const library = { current: setOf({ x: text }) };
    const options = { mode: 'only', requireId: false, dryRun: false, log: silentLog } as const;
    const documents = createTrustedDocuments(library, options);
    expect(documents.judge('query B { b }', undefined)?.code).toBe('QUERY_NOT_IN_SAFELIST');
    library.current = setOf({ x: 'query B { b }' });
    expect(documents.find('x')).toBe('query B { b }');
    expect(documents.judge('query B { b }', undefined)).toBeUndefined();
    expect(documents.judge(text, undefined)?.code).toBe('QUERY_NOT_IN_SAFELIST');
  });

  it('lets everything run in mode allow', () => {
    const documents = list(setOf({ x: text }), { mode: 'allow' });
    expect([documents.takesOthers, documents.judge('{ b }', undefined)]).toEqual([true, undefined]);
  });

  it.each([
    ['as it is in the file', text],
    ['with other blanks, commas and comments', '\n query A\n{ # that is a\n  a,,, }'],
  ])('lets a text run that is on it, %s', (_name, sent) => {
    expect(list(setOf({ x: text })).judge(sent, undefined)).toBeUndefined();
    expect(list(setOf({ x: text }), { requireId: true }).judge(sent, undefined)?.code).toBe(
      'PERSISTED_QUERY_ID_REQUIRED',
    );
  });

  it.each([
    ['another field', 'query A { b }'],
    ['another name', 'query B { a }'],
    ['one more operation', 'query A { a } query B { b }'],
    ['a syntax error', 'query A { a'],
    ['a long text', `query A { a } #${'x'.repeat(200_000)}`],
    ['a field beside introspection', 'query A { __schema { queryType { name } } b }'],
    ['an operation beside introspection', 'query A { __schema { queryType { name } } } mutation B { b }'],
    ['a fragment at the root of introspection', 'query A { __typename ...F } fragment F on Query { b }'],
    ['__schema in a comment', '{ b } # __schema'],
  ])('refuses %s', (_name, sent) => {
    expect(list(setOf({ x: text })).judge(sent, undefined)?.code).toBe('QUERY_NOT_IN_SAFELIST');
  });

  it.each(['{ __schema { types { name } } }', 'query I { __type(name: "A") { name } __typename }'])(
    'leaves introspection to those who decide on it: %s',
    (sent) => {
      expect(list(setOf({ x: text })).judge(sent, undefined)).toBeUndefined();
      expect(list(setOf({ x: text }), { requireId: true }).judge(sent, undefined)).toBeUndefined();
    },
  );

  it('tells in a dry run, once, what it would refuse, and neither its text nor its values', () => {
    const lines: unknown[] = [];
    const log = { ...silentLog, warn: (fields: object) => void lines.push(fields) };
    const documents = list(setOf({ x: text }), { dryRun: true, log });
    const sent = 'query Secret { b(password: "hunter2") }';
    for (let index = 0; index < 3; index++) expect(documents.judge(sent, undefined)).toBeUndefined();
    expect(documents.judge(text, undefined)).toBeUndefined();
    expect(documents.takesOthers).toBe(true);
    expect(lines).toEqual([{ operation: 'Secret', sha256: sha256(sent), code: 'QUERY_NOT_IN_SAFELIST' }]);
  });
});
