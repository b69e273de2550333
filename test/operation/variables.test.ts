import { buildSchema, getVariableValues, parse } from 'graphql';
import { createConfig } from '../../src/config';
import { findOperations, type Operation, type Refused, readDocument } from '../../src/operation/document';
import { type CheckedVariables, checkVariables } from '../../src/operation/variables';
import { finish } from '../../src/slices';

const schema = buildSchema(`
  scalar JSON
  enum Colour { RED GREEN }
  input Where { name: String and: [Where!] not: Where colour: Colour }
  type Query { f(n: Int, list: [Int!], where: Where, json: JSON, s: String): Int g: Int }
`);

function operationOf(text: string, introspection = true): Operation {
  const { limits } = createConfig();
  const document = finish(readDocument(text, schema, { limits, maxErrors: 100, introspection }));
  if (document.kind === 'refused') throw document.errors[0];
  return document.operations[0] as Operation;
}

function check(text: string, variables: Record<string, unknown>, introspection?: boolean): CheckedVariables | Refused {
  return checkVariables(schema, operationOf(text, introspection), variables);
}

function refuse(text: string, variables: Record<string, unknown>, introspection?: boolean) {
  const checked = check(text, variables, introspection);
  if (checked.kind === 'checked') throw new Error('the variables were accepted');
  return checked.errors;
}

describe('variables', () => {
  it('travel as they were sent, and are coerced to decide conditions', () => {
    const raw = { list: 1, extra: 'x' };
    const checked = check('query($list: [Int!], $n: Int = 7) { f(list: $list, n: $n) }', raw);
    expect(checked).toMatchObject({ kind: 'checked', coerced: { list: [1], n: 7 }, conditions: '' });
    expect((checked as CheckedVariables).raw).toBe(raw);
  });

  it('hold as many values as allowed, wherever these are', () => {
    const { maxVariableValues } = createConfig().limits;
    const numbers = (count: number) => Array.from({ length: count }, () => 1);
    const text = 'query($list: [Int!], $where: Where, $json: JSON) { f(list: $list, where: $where, json: $json) }';
    const some = maxVariableValues - 10;
    expect(check(text, { list: numbers(some), where: { and: [{ name: 'a' }] }, json: [1, [2]] }).kind).toBe('checked');
    const message = `The variables hold more than the ${maxVariableValues} values that are allowed.`;
    for (const variables of [
      { list: numbers(maxVariableValues + 1) },
      { list: numbers(some), json: { a: numbers(10) } },
      { where: { and: Array.from({ length: maxVariableValues / 2 }, () => ({ name: 'a' })) } },
      { list: Array.from({ length: 20_000 }, () => 'wrong') },
    ]) {
      expect(refuse(text, variables).map((error) => [error.code, error.message])).toEqual([
        ['MAX_VARIABLE_VALUES_LIMIT', message],
      ]);
    }
  });

  it.each([
    ['Int', [0, -0, 7, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 1.5, Number.NaN, '1', true, null, {}, [1], undefined]],
    ['Float', [0, 1.5, 1e300, Infinity, '1.5', null, [1.5]]],
    ['String', ['', 'ü', 1, false, null, ['a'], {}]],
    ['ID', ['1', 1, 1.5, null, ['1']]],
    ['Boolean', [true, false, 'true', 0, null]],
    ['[Int!]', [[], [1, 2], [1, null], ['1'], 1, null, [[1]]]],
    ['[[ID]!]!', [[], [['1', null], []], [null], [[1]], null, '1']],
  ])('of the type %s are what graphql-js makes of them', (type, values) => {
    const graph = buildSchema('type Query { g(id: ID, float: Float): Int }');
    for (const definition of [`$v: ${type}`, `$v: ${type.replace(/!?$/, '!')}`, `$v: ${type} = null`]) {
      if (definition.endsWith('! = null')) continue;
      const operation = findOperations(parse(`query(${definition}) { g }`))[0] as Operation;
      for (const raw of [{}, { other: 1 }, ...values.map((v) => ({ v }))]) {
        const expected = getVariableValues(graph, operation.variables.definitions, raw);
        const checked = checkVariables(graph, operation, raw);
        expect(checked.kind).toBe(expected.errors ? 'refused' : 'checked');
        if (checked.kind === 'checked') expect(checked.coerced).toEqual(expected.coerced);
        else
          expect(checked.errors.map(({ message }) => message)).toEqual(expected.errors?.map(({ message }) => message));
      }
    }
  });

  it('do not matter to an operation that has none', () => {
    expect(check('{ g }', { x: 1 })).toEqual({ kind: 'checked', raw: {}, coerced: {}, conditions: '' });
  });

  it('say by their values which form of the operation runs', () => {
    const query = 'query($b: Boolean!, $a: Boolean = true) { f @include(if: $b) g @skip(if: $a) }';
    const conditions = [{ b: false }, { b: true, a: false }, { b: true }].map(
      (variables) => (check(query, variables) as CheckedVariables).conditions,
    );
    expect(conditions).toEqual(['tf', 'ft', 'tt']);
  });

  it.each([
    [
      'a value of another type',
      'query($n: Int) { f(n: $n) }',
      { n: 'x' },
      'Variable "$n" got invalid value "x"; Int cannot represent non-integer value: "x"',
    ],
    [
      'nothing where something is required',
      'query($n: Int!) { f(n: $n) }',
      {},
      'Variable "$n" of required type "Int!" was not provided.',
    ],
    [
      'null where something is required',
      'query($n: Int!) { f(n: $n) }',
      { n: null },
      'Variable "$n" of non-null type "Int!" must not be null.',
    ],
    [
      'an item of another type',
      'query($l: [Int!]) { f(list: $l) }',
      { l: [1, 2.5] },
      'Variable "$l" got invalid value 2.5 at "l[1]"; Int cannot represent non-integer value: 2.5',
    ],
    [
      'an unknown field',
      'query($w: Where) { f(where: $w) }',
      { w: { nam: 'x' } },
      'Variable "$w" got invalid value { nam: "x" }; Field "nam" is not defined by type "Where". Did you mean "name", "and", or "not"?',
    ],
    [
      'an unknown enum value',
      'query($w: Where) { f(where: $w) }',
      { w: { colour: 'REED' } },
      'Variable "$w" got invalid value "REED" at "w.colour"; Value "REED" does not exist in "Colour" enum. Did you mean the enum value "RED" or "GREEN"?',
    ],
    [
      'a null condition',
      'query($a: Boolean = true) { g @skip(if: $a) }',
      { a: null },
      'Variable "$a" decides a condition and must not be null.',
    ],
  ])('are refused when there is %s', (_name, text, variables, message) => {
    expect(refuse(`\n${text}`, variables).map((error) => error.toJSON())).toEqual([
      { message, locations: [{ line: 2, column: 7 }], extensions: { code: 'BAD_USER_INPUT' } },
    ]);
  });

  it('name no names of the schema where introspection is off', () => {
    const query = 'query($w: Where) { f(where: $w) }';
    for (const w of [{ nam: 'x' }, { colour: 'REED' }]) {
      expect(refuse(query, { w }, false)[0]?.message).not.toContain('Did you mean');
    }
  });

  it('stop being checked after 20 errors', () => {
    const list = Array.from({ length: 9_000 }, () => 'x');
    const errors = refuse('query($l: [Int!]) { f(list: $l) }', { l: list });
    expect(errors).toHaveLength(21);
    expect(errors.at(-1)?.message).toContain('Too many errors processing variables');
  });

  it('are not sent back whole', () => {
    const errors = refuse('query($n: Int, $l: [Int!]) { f(n: $n, list: $l) }', {
      n: 'x'.repeat(100_000),
      l: Array.from({ length: 100 }, () => 'y'.repeat(10_000)),
    });
    expect(JSON.stringify(errors).length).toBeLessThan(20_000);
  });

  it.each([
    ['lists', 'query($x: JSON) { f(json: $x) }', (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`],
    ['objects', 'query($x: JSON) { f(json: $x) }', (depth: number) => `${'{"k":'.repeat(depth)}1${'}'.repeat(depth)}`],
    [
      'input objects',
      'query($x: Where) { f(where: $x) }',
      (depth: number) => `${'{"not":'.repeat(depth)}null${'}'.repeat(depth)}`,
    ],
    [
      'input lists',
      'query($x: Where) { f(where: $x) }',
      (depth: number) => `${'{"and":['.repeat(depth / 2)}${']}'.repeat(depth / 2)}`,
    ],
  ])('are refused when their %s nest deeper than 200', (_name, text, write) => {
    expect(check(text, { x: JSON.parse(write(200)) }).kind).toBe('checked');
    for (const depth of [202, 10_000, 100_000]) {
      expect(refuse(text, { x: JSON.parse(write(depth)) })).toMatchObject([
        {
          code: 'BAD_USER_INPUT',
          message: 'Variable "$x" is nested deeper than 200 levels.',
          locations: [{ line: 1, column: 7 }],
        },
      ]);
    }
  });

  it('may have the names of what every object has', () => {
    const query =
      'query($__proto__: String, $constructor: Int = 3, $toString: Int) { f(s: $__proto__, n: $constructor) g: f(n: $toString) }';
    const raw = JSON.parse('{"__proto__":"x"}') as Record<string, unknown>;
    const checked = check(query, raw) as CheckedVariables;
    expect(JSON.stringify(checked.coerced)).toBe('{"__proto__":"x","constructor":3}');
    expect(Object.getPrototypeOf(checked.coerced)).toBe(Object.prototype);
  });

  it('leave prototypes alone, whatever keys their values have', () => {
    const json = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}') as unknown;
    expect(check('query($x: JSON) { f(json: $x) }', { x: json }).kind).toBe('checked');
    expect(refuse('query($x: Where) { f(where: $x) }', { x: json })[0]?.message).toContain(
      '"__proto__" is not defined',
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
