import {
  buildSchema,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  OverlappingFieldsCanBeMergedRule,
  parse,
  validate,
} from 'graphql';
import { findConflicts } from '../../src/operation/overlapping-fields';

/** Two judges of each document: ours, and the rule of graphql-js that it replaces. */
const schema = buildSchema(`
  type Query { pet: Pet named: Named dog: Dog cat: Cat any: Any pets: [Pet] petsToo: [Pet]! f(a: Int, b: In): Int g: Int h: Int! s: String }
  input In { x: Int y: Int }
  interface Pet { name(upper: Boolean): String nick: String mate: Pet kin: Pet toys: [Toy] }
  interface Named { name(upper: Boolean): String }
  type Dog implements Pet & Named { name(upper: Boolean): String nick: String mate: Dog kin: Pet toys: [Toy] barks: Boolean volume: Int size: Int! friend: Cat }
  type Cat implements Pet & Named { name(upper: Boolean): String nick: String mate: Cat kin: Pet toys: [Toy] meows: Boolean volume: String size: Int friend: Dog }
  type Toy { name: String owner: Pet price(in: String): Int }
  union Any = Dog | Cat | Toy
`);

function judge(query: string, maxErrors = 100) {
  const { definitions } = parse(query);
  const operations = definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION) as OperationDefinitionNode[];
  const fragments = definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION) as FragmentDefinitionNode[];
  const byName = new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
  return findConflicts(schema, operations, byName, maxErrors).map(({ message }) => message);
}

function reference(query: string): string[] {
  return validate(schema, parse(query), [OverlappingFieldsCanBeMergedRule]).map(({ message }) => message);
}

const advice = 'Use different aliases on the fields to fetch both if this was intentional.';

describe('fields that can be merged', () => {
  it.each([
    ['equal fields', '{ g g pet { name name } pet { name nick } }'],
    ['equal arguments, in any order', '{ f(a: 1, b: {x: 1, y: 2}) f(b: {y: 2, x: 1}, a: 1) }'],
    ['equal variables', 'query($a: Int) { f(a: $a) f(a: $a) }'],
    ['equal aliases of equal fields', '{ x: g x: g }'],
    ['different arguments under different aliases', '{ x: f(a: 1) y: f(a: 2) }'],
    ['directives, which do not count', '{ g @skip(if: true) g @include(if: false) g }'],
    ['type names', '{ __typename pet { __typename } pet { __typename ... on Dog { __typename } } }'],
    ['introspection', '{ __schema { types { name } } __schema { types { kind } } __type(name: "A") { name } }'],
    ['different fields of different object types', '{ pet { ... on Dog { x: barks } ... on Cat { x: meows } } }'],
    [
      'different arguments on different object types',
      '{ pet { ... on Dog { name(upper: true) } ... on Cat { name } } }',
    ],
    [
      'different fields deep in different object types',
      '{ pet { ... on Dog { mate { x: name } } ... on Cat { mate { x: nick } } } }',
    ],
    ['different fields of different members of a union', '{ any { ... on Dog { x: nick } ... on Toy { x: name } } }'],
    [
      'a fragment that is spread twice',
      '{ pet { ...F } pet { ...F mate { ...F } } } fragment F on Pet { name toys { name } }',
    ],
    ['fragments that agree', '{ pet { ...A ...B } } fragment A on Pet { x: name } fragment B on Dog { x: name }'],
    [
      'composite types of different names',
      '{ pet { ... on Dog { x: friend { nick } } ... on Cat { x: friend { nick } } } }',
    ],
    ['several operations that differ', 'query A { x: g } query B { x: s }'],
  ])('are %s', (_name, query) => {
    expect(reference(query)).toEqual([]);
    expect(judge(query)).toEqual([]);
  });
});

describe('fields that conflict', () => {
  it.each([
    ['different fields', '{ x: g x: f }', 'Fields "x" conflict because "g" and "f" are different fields.'],
    ['a field and an alias of its name', '{ g g: f }', 'Fields "g" conflict because "g" and "f" are different fields.'],
    [
      'a type name and another field',
      '{ x: __typename x: s }',
      'Fields "x" conflict because "__typename" and "s" are different fields.',
    ],
    ['different values', '{ f(a: 1) f(a: 2) }', 'Fields "f" conflict because they have differing arguments.'],
    ['a value and none', '{ f(a: 1) f }', 'Fields "f" conflict because they have differing arguments.'],
    [
      'a value and a variable',
      'query($a: Int) { f(a: 1) f(a: $a) }',
      'Fields "f" conflict because they have differing arguments.',
    ],
    [
      'a string and an enum value that reads the same',
      '{ pet { toys { price(in: "A") price(in: A) } } }',
      'Fields "price" conflict because they have differing arguments.',
    ],
    [
      'fields in inline fragments',
      '{ ... { x: g } ... { x: s } }',
      'Fields "x" conflict because "g" and "s" are different fields.',
    ],
    [
      'fields in fragments',
      '{ ...A ...B } fragment A on Query { x: g } fragment B on Query { x: f }',
      'Fields "x" conflict because "g" and "f" are different fields.',
    ],
    [
      'fields in a fragment of a fragment',
      '{ x: s ...A } fragment A on Query { ...B } fragment B on Query { x: g }',
      'Fields "x" conflict because "s" and "g" are different fields.',
    ],
    [
      'an interface and an object type',
      '{ pet { x: name ... on Dog { x: nick } } }',
      'Fields "x" conflict because "name" and "nick" are different fields.',
    ],
    [
      'two interfaces',
      '{ any { ... on Pet { x: nick } ... on Named { x: name } } }',
      'Fields "x" conflict because "nick" and "name" are different fields.',
    ],
    [
      'an object type and an interface that it is not of',
      '{ any { ... on Toy { x: price } ... on Pet { x: nick } } }',
      'Fields "x" conflict because "nick" and "price" are different fields.',
    ],
    [
      'types of different object types',
      '{ pet { ... on Dog { volume } ... on Cat { volume } } }',
      'Fields "volume" conflict because they return conflicting types "Int" and "String".',
    ],
    [
      'a non-null type and a nullable one',
      '{ pet { ... on Dog { size } ... on Cat { size } } }',
      'Fields "size" conflict because they return conflicting types "Int!" and "Int".',
    ],
    [
      'a list and one',
      '{ any { ... on Dog { x: toys { name } } ... on Toy { x: owner { name } } } }',
      'Fields "x" conflict because they return conflicting types "[Toy]" and "Pet".',
    ],
    [
      'a leaf and an object',
      '{ any { ... on Dog { x: nick } ... on Toy { x: owner { name } } } }',
      'Fields "x" conflict because they return conflicting types "String" and "Pet".',
    ],
    [
      'fields below equal fields',
      '{ pet { x: name } pet { x: nick } }',
      'Fields "pet" conflict because subfields "x" conflict because "name" and "nick" are different fields.',
    ],
    [
      'fields two levels below equal fields',
      '{ pet { mate { x: name } } ... { pet { mate { x: nick } } } }',
      'Fields "pet" conflict because subfields "mate" conflict because subfields "x" conflict because "name" and "nick" are different fields.',
    ],
    [
      'fields below one field',
      '{ g pet { mate { x: name x: nick } } }',
      'Fields "x" conflict because "name" and "nick" are different fields.',
    ],
    [
      'an abstract type with the second object type alone',
      '{ pet { mate { x: name } ... on Dog { mate { y: nick } } ... on Cat { mate { x: nick } } } }',
      'Fields "mate" conflict because subfields "x" conflict because "name" and "nick" are different fields.',
    ],
    [
      'types below different object types',
      '{ pet { ... on Dog { mate { volume } } ... on Cat { mate { volume } } } }',
      'Fields "mate" conflict because subfields "volume" conflict because they return conflicting types "Int" and "String".',
    ],
    [
      'the second of several operations',
      'query A { g } query B { g: s g }',
      'Fields "g" conflict because "s" and "g" are different fields.',
    ],
    [
      'mutual spreads below one another',
      '{ pet { ...A } } fragment A on Pet { mate { ...B } mate { x: nick } } fragment B on Pet { x: name }',
      'Fields "mate" conflict because subfields "x" conflict because "name" and "nick" are different fields.',
    ],
  ])('are %s', (_name, query, message) => {
    expect(reference(query)).not.toEqual([]);
    expect(judge(query)).toEqual([`${message.slice(0, -1)}. ${advice}`]);
  });

  it('are reported at the nodes that disagree', () => {
    const { definitions } = parse('{ x: g x: f }');
    const [error] = findConflicts(schema, definitions as OperationDefinitionNode[], new Map(), 1);
    expect(error?.locations).toEqual([
      { line: 1, column: 3 },
      { line: 1, column: 8 },
    ]);
  });

  it('are reported up to a number', () => {
    const query = `{ ${Array.from({ length: 9 }, (_, i) => `x${i}: g x${i}: f`).join(' ')} }`;
    expect([judge(query, 4).length, judge(query).length]).toEqual([4, 9]);
  });
});

describe('the work', () => {
  const repeat = (count: number, write: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => write(index)).join(' ');

  it.each([
    ['a field that is repeated 3,000 times', `{ ${repeat(3_000, () => 'pet { mate { name } }')} }`],
    ['3,000 inline fragments', `{ pet { ${repeat(3_000, () => '... on Dog { mate { name } }')} } }`],
    [
      'a chain of 500 fragments',
      `{ pet { ...F0 } } ${repeat(500, (i) => `fragment F${i} on Pet { name ${i < 499 ? `...F${i + 1}` : ''} }`)}`,
    ],
    [
      '500 fragments beside one another',
      `{ pet { ${repeat(500, (i) => `...F${i}`)} } } ${repeat(500, (i) => `fragment F${i} on Pet { mate { name } }`)}`,
    ],
    [
      'an interface beside its types, 8 levels deep',
      `{ pet ${'{ name ... on Dog { mate { name } } ... on Cat { mate { name } } mate '.repeat(8)}{ name }${' }'.repeat(8)} }`,
    ],
  ])('is too little to refuse %s', (_name, query) => {
    expect(judge(query)).toEqual([]);
  });

  it('ends with a refusal when types and interfaces are nested in one another without end', () => {
    const level = (depth: number): string =>
      depth === 0
        ? 'name'
        : `kin { ${level(depth - 1)} } ... on Dog { kin { ${level(depth - 1)} } } ... on Cat { kin { ${level(depth - 1)} } }`;
    expect(judge(`{ pet { ${level(7)} } }`)).toEqual([expect.stringContaining('too often')]);
  });
});
