import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { buildSchema, parse } from 'graphql';
import { findOperations } from '../../src/operation/document';
import { complete } from '../../src/query-plan/complete';
import type { DataObject } from '../../src/query-plan/data';
import { Failures } from '../../src/query-plan/failures';
import { createFieldNameTable, OperationFieldNames } from '../../src/query-plan/field-names';
import { SelectionShape } from '../../src/query-plan/response-shape';
import { compileResponseWriter } from '../../src/query-plan/response-writer';
import { SelectionReader } from '../../src/query-plan/selections';
import { finish } from '../../src/slices';

/** Plain data in, text out: no subgraphs. What the writer writes must be what completion answers, or nothing. */
const schema = buildSchema(`
  type Query {
    text: String  must: String!  key: ID  int: Int  float: Float  flag: Boolean  on: Boolean  flags: [Boolean]  size: Kind  json: JSON
    list: [Int!]  lists: [[String]]  user: User  users: [User!]!  media: Media  any: [Any]
  }
  enum Kind { BIG SMALL }
  scalar JSON
  type User { id: ID!  name: String  kind: Kind!  friend: User }
  interface Media { title: String }
  type Book implements Media { title: String  pages: Int! }
  type Film implements Media { title: String  minutes: Int }
  union Any = Book | User
`);

function prepare(query: string) {
  const [operation] = findOperations(parse(query));
  const type = schema.getQueryType();
  if (!operation || !type) throw new Error('no operation');
  const reader = new SelectionReader(schema, operation.fragments, new Map());
  const names = new OperationFieldNames(createFieldNameTable({ schema, fieldNames: new Set() }), undefined);
  const shape = new SelectionShape(type, [{ set: operation.node.selectionSet, type }], { reader, names });
  const compiled = finish(compileResponseWriter(shape));
  return {
    write:
      compiled &&
      ((root: DataObject, { isPlain = false, shared = new Set<unknown>() } = {}) =>
        compiled({ root, isPlain, shared })),
    complete: (data: Record<string, unknown>) =>
      complete({
        shape,
        data,
        failures: new Failures(),
        introspection: new Map(),
        reasons: [],
        maxErrors: 10,
      }),
  };
}

const everything = `{
  text must key int float flag size json list lists
  user { id name kind friend { n: name __typename } }
  users { id kind } media { __typename title ... on Book { pages } ... on Film { minutes } } any { ... on User { id } }
}`;

const clean = {
  text: 'a',
  must: 'b',
  key: '1',
  int: -3,
  float: 1.5,
  flag: false,
  size: 'BIG',
  json: { __proto__x: [1, null, { b: 'x' }] },
  list: [1, 2],
  lists: [['a', null], null, []],
  user: { id: 'u', name: null, kind: 'SMALL', friend: { name: 'n', internal: 1 } },
  users: [],
  media: { __typename: 'Book', title: null, pages: 3 },
  any: [{ __typename: 'User', id: 'u' }, null, { __typename: 'Book' }],
};

describe('the response writer', () => {
  it('writes what completion answers, in the order and names of the client', () => {
    const { write, complete } = prepare(everything);
    expect(write?.(clean)).toBe(JSON.stringify(complete(clean).data));
    expect(write?.(clean, { isPlain: true })).toBe(write?.(clean));
  });

  it('writes absent values one by one beside those that are there', () => {
    const { write, complete } = prepare(everything);
    const data = { ...clean, text: null, int: undefined, size: null, json: null, user: null, media: null };
    expect(write?.(data)).toBe(JSON.stringify(complete(data).data));
    expect(write?.(data, { isPlain: true })).toBe(write?.(data));
  });

  it.each([
    { flag: true, on: false, flags: [true, false, null], int: 1 },
    { flag: false, on: true, flags: [], int: 1 },
    { flag: null, on: true, flags: null, int: 1 },
  ])('writes what is true and what is not, beside one another and among others: %j', (data) => {
    const { write, complete } = prepare('{ int flag on again: flag flags one: int last: on }');
    expect(write?.(data)).toBe(JSON.stringify(complete(data).data));
  });

  it('writes what stands in several places for each selection', () => {
    const { write, complete } = prepare(`{
      user { friend { id friend { id name } } }
      users { id friend { id kind friend { name } } }
    }`);
    const ring: DataObject = { id: 'r', name: 'Ring', kind: 'BIG' };
    ring.friend = ring;
    const data = { user: { id: 'u', friend: ring }, users: [ring, ring, { id: 'v', friend: ring }] };
    expect(write?.(data, { shared: new Set([ring, data.users]) })).toBe(JSON.stringify(complete(data).data));
  });

  it('writes a row of many fields', () => {
    const names = Array.from({ length: 100 }, (_, index) => `a${index}`);
    const { write, complete } = prepare(`{ ${names.map((name) => `${name}: text`).join(' ')} int }`);
    expect(write?.({ text: 'x', int: 1 })).toBe(JSON.stringify(complete({ text: 'x', int: 1 }).data));
    expect(write?.({ text: null, int: 1 })).toBe(JSON.stringify(complete({ text: null, int: 1 }).data));
  });

  it.each([
    ['quotes, backslashes and control characters', 'a"b\\c\n\t\u0000\u001f'],
    ['line separators and emoji', '\u2028\u2029 😀 ü'],
    ['lone surrogates', '\ud800 and \udfff'],
    ['a long text', `${'x'.repeat(500)}"`],
    ['code', "'+(()=>{throw 1})()+'"],
  ])('writes %s as JSON does', (_name, text) => {
    const { write } = prepare('{ text }');
    expect(write?.({ text })).toBe(JSON.stringify({ text }));
  });

  it.each([0, -0, 1e21, 1e-9, 123456789.125])('writes the number %p as JSON does', (float) => {
    expect(prepare('{ float }').write?.({ float })).toBe(JSON.stringify({ float }));
  });

  it.each(['__proto__', 'constructor', 'then', 'toString', 'hasOwnProperty', 'prototype'])(
    'takes %s for a name like any other',
    (name) => {
      const { write, complete } = prepare(`{ ${name}: text user { ${name}: id } }`);
      const data = { text: 'a', user: { id: 'b' } };
      expect(write?.(data)).toBe(`{"${name}":"a","user":{"${name}":"b"}}`);
      expect(JSON.stringify(complete(data).data)).toBe(write?.(data));
    },
  );

  it.each([
    ['a null that may not be', '{ must }', { must: null }],
    ['a missing value that may not be', '{ must }', {}],
    ['a null in a list that may not have one', '{ list }', { list: [1, null] }],
    ['a value instead of a list', '{ list }', { list: 1 }],
    ['a list instead of an object', '{ user { id } }', { user: [] }],
    ['a text instead of an object', '{ user { id } }', { user: 'u' }],
    ['a number for a String', '{ text }', { text: 1 }],
    ['a fraction for an Int', '{ int }', { int: 1.5 }],
    ['an Int out of range', '{ int }', { int: 2 ** 31 }],
    ['a Float that is not finite', '{ float }', { float: Infinity }],
    ['an unknown enum value', '{ size }', { size: 'HUGE' }],
    ['an enum value that is a name of Object.prototype', '{ size }', { size: 'constructor' }],
    ['an object of no type', '{ media { title } }', { media: { title: 'x' } }],
    ['an object of another type', '{ media { title } }', { media: { __typename: 'User', title: 'x' } }],
    ['an object of an unknown type', '{ media { title } }', { media: { __typename: '__proto__', title: 'x' } }],
  ])('leaves %s to completion', (_name, query, data) => {
    expect(prepare(query).write?.(data as Record<string, unknown>)).toBeUndefined();
  });

  it('leaves introspection to completion', () => {
    expect(prepare('{ text __schema { queryType { name } } }').write).toBeUndefined();
  });

  it('is not there where code may not be generated, and nothing else changes', () => {
    const writer = JSON.stringify(join(__dirname, '../../src/query-plan/response-writer'));
    const program = `console.log(typeof require(${writer}).compileResponseWriter({}).next().value)`;
    const flags = ['--disallow-code-generation-from-strings', '--require', require.resolve('tsx/cjs')];
    expect(execFileSync(process.execPath, [...flags, '-e', program], { encoding: 'utf8' })).toBe('undefined\n');
  });
});

describe('completion', () => {
  it('captures no stack for an error of an answer, and for others as before', () => {
    const { errors } = prepare('{ text must }').complete({ text: 1, must: null });
    expect(errors.length).toBeGreaterThan(0);
    for (const { stack = '' } of errors) expect(stack).not.toMatch(/\n +at /);
    expect(new Error('of ours').stack).toMatch(/\n +at /);
  });
});
