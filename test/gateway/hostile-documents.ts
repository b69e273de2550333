/** Test support: requests that are known to break GraphQL servers, for the graph of hostile-graph.ts. */
import { getIntrospectionQuery } from 'graphql';

export interface HostileRequest {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly operationName?: string;
}

const times = (count: number, write: (index: number) => string, separator = ' '): string =>
  Array.from({ length: count }, (_, index) => write(index)).join(separator);

/** Each fragment spreads the next one twice: `levels` lines of text stand for 2 ** levels selections. */
export function doublingFragments(levels: number, type = 'User', inner = 'friend'): string {
  const body = (index: number): string =>
    index === levels - 1 ? 'id' : `a${index}: ${inner} { ...F${index + 1} } b${index}: ${inner} { ...F${index + 1} }`;
  return `{ ${type === 'User' ? 'me' : 'node'} { ...F0 } } ${times(levels, (index) => `fragment F${index} on ${type} { ${body(index)} }`)}`;
}

/** The same without aliases: one level of fragments is spread in two inline fragments. */
export function doublingSpreads(levels: number, type: string): string {
  const body = (index: number): string =>
    index === levels - 1 ? 'id' : `...F${index + 1} ... on ${type} { ...F${index + 1} }`;
  return `{ node { ...F0 } } ${times(levels, (index) => `fragment F${index} on ${type} { ${body(index)} }`)}`;
}

/** Reused fragments over an interface: each level asks twelve types for the level below. */
export function abstractFragments(levels: number, types = 12): string {
  const body = (index: number): string =>
    index === levels - 1
      ? 'id'
      : times(types, (type) => `... on Thing${type} { things { ...F${index + 1} } post { author { id } } }`);
  return `{ things { ...F0 } } ${times(levels, (index) => `fragment F${index} on Thing { ${body(index)} }`)}`;
}

export const nested = (levels: number, field = 'friend'): string =>
  `{ me { ${`${field} { `.repeat(levels)}id${' }'.repeat(levels)} } }`;

/** Two subgraphs in turn, each hop a list of two. */
export const acrossSubgraphs = (hops: number): string =>
  `{ me { ${'posts { author { '.repeat(hops)}id${' } }'.repeat(hops)} } }`;

export const aliases = (count: number, field = 'me { id }'): string => `{ ${times(count, (i) => `a${i}: ${field}`)} }`;

export const chainedFragments = (count: number): string =>
  `{ me { ...F0 } } ${times(count, (i) => `fragment F${i} on User { id ${i === count - 1 ? '' : `...F${i + 1}`} }`)}`;

export const fragmentCycle = (count: number): string =>
  `{ me { ...F0 } } ${times(count, (i) => `fragment F${i} on User { id ...F${(i + 1) % count} }`)}`;

export const unknownDirectives = (count: number): string => `{ me { id ${times(count, (i) => `@d${i % 10}`)} } }`;

/** `across` inline fragments of `down` fields each, all of the same response name. */
export const overlappingFields = (across: number, down: number): string =>
  `{ ${times(across, (a) => `... { ${times(down, (d) => `x: echo(text: "${a * down + d}")`)} }`)} }`;

export const equalOverlappingFields = (across: number, down: number): string =>
  `{ ${times(across, () => `... { ${times(down, () => 'me { friend { id } }')} }`)} }`;

export const unknownFields = (count: number): string => `{ ${times(count, (i) => `nam${i}`)} }`;

export const manyOperations = (count: number): string => times(count, (i) => `query Q${i} { me { id } }`);

/** Every operation uses every variable of one fragment. */
export const operationsTimesUsages = (operations: number, usages: number): string =>
  `${times(operations, (i) => `query Q${i}($x: Int) { me { ...F } }`)} fragment F on User { name(numbers: [${times(usages, () => '$x')}]) }`;

/** One long literal, used wherever its fragment is spread. */
export const reusedLiteral = (spreads: number, items: number): string =>
  `{ ${times(spreads, (i) => `a${i}: me { ...F }`)} } fragment F on User { name(numbers: [${times(items, () => '1', ',')}]) }`;

export const reusedString = (spreads: number, length: number): string =>
  `{ ${times(spreads, (i) => `a${i}: me { ...F }`)} } fragment F on User { name(format: "${'x'.repeat(length)}") }`;

export const reusedAlias = (spreads: number, length: number): string =>
  `{ ${times(spreads, (i) => `a${i}: me { ...F }`)} } fragment F on User { ${'x'.repeat(length)}: id }`;

export const deepList = (depth: number): string => `{ echo(json: ${'['.repeat(depth)}${']'.repeat(depth)}) }`;

export const deepObject = (depth: number): string => `{ echo(filter: ${'{not:'.repeat(depth)}{}${'}'.repeat(depth)}) }`;

export const deepType = (depth: number): string =>
  `query($x: ${'['.repeat(depth)}Int${']'.repeat(depth)}) { echo(json: $x) }`;

export const wideList = (items: number): string => `{ echo(numbers: [${times(items, () => '1', ',')}]) }`;
export const wrongList = (items: number): string => `{ echo(numbers: [${times(items, () => '"x"', ',')}]) }`;

export function deepValue(depth: number, key?: string): unknown {
  const open = key === undefined ? '[' : `{"${key}":`;
  const close = key === undefined ? ']' : '}';
  return JSON.parse(`${open.repeat(depth)}null${close.repeat(depth)}`);
}

/** A valid document of about `tokens` tokens, all of it different and reaching two subgraphs. */
export const largeValid = (tokens: number): string =>
  `{ ${times(Math.floor(tokens / 16), (i) => `a${i}: me { id name(format: "${i}") posts { title } }`)} }`;

/** A valid document without aliases: distinct arguments make distinct fields under distinct parents. */
export const largePlain = (tokens: number): string =>
  `{ me { ${times(Math.floor(tokens / 24), () => '... on User { id name friend { id name posts { id title author { id } } } }')} } }`;

/** An interface whose types are completed by another subgraph, at each level: the plan multiplies by the types. */
export const wideInterface = (levels: number): string =>
  `{ wide { ${times(levels, (i) => (i % 2 === 0 ? 'far {' : 'next {'))} id score ${'}'.repeat(levels)} } }`;

/** As much as an introspection query may ask, `copies` times. */
export const nestedIntrospection = (copies: number): string =>
  `{ ${times(copies, (i) => `a${i}: __schema { types { name fields { name type { name fields { name } } } } }`)} }`;

/** All doors of a maze, `depth` levels deep: each of four subgraphs could open each door. */
export function mazeOf(depth: number, doors = 5): string {
  const leaves = 'leaf0 leaf1 leaf2 leaf3';
  const inside = (level: number): string =>
    level === 0 ? leaves : `${leaves} ${times(doors, (door) => `door${door} { ${inside(level - 1)} }`)}`;
  return `{ maze { ${inside(depth)} } }`;
}

export const introspection = getIntrospectionQuery({
  descriptions: true,
  specifiedByUrl: true,
  directiveIsRepeatable: true,
  schemaDescription: true,
  inputValueDeprecation: true,
  oneOf: true,
});

const listOf = (length: number) => Array.from({ length }, () => 'x');

/** Every line of the threats table and its relatives, by name. */
export const hostileRequests: Readonly<Record<string, HostileRequest>> = {
  'reused fragments, 20 levels': { query: doublingFragments(20) },
  'reused fragments, 12 levels': { query: doublingFragments(12) },
  'reused spreads without aliases, 20 levels': { query: doublingSpreads(20, 'User') },
  'reused spreads without aliases, 13 levels': { query: doublingSpreads(13, 'User') },
  'reused spreads over an interface, 20 levels': { query: doublingSpreads(20, 'Node') },
  'reused spreads over an interface, 13 levels': { query: doublingSpreads(13, 'Node') },
  'fragments over 12 types, 20 levels': { query: abstractFragments(20) },
  'fragments over 12 types, 3 levels': { query: abstractFragments(3) },
  'fragments over 12 types, 4 levels': { query: abstractFragments(4) },
  '20,000 wrong items in a list variable': {
    query: 'query($l: [Int!]) { echo(numbers: $l) }',
    variables: { l: listOf(20_000) },
  },
  '9,900 wrong items in a list variable': {
    query: 'query($l: [Int!]) { echo(numbers: $l) }',
    variables: { l: listOf(9_900) },
  },
  '30 levels across subgraphs': { query: acrossSubgraphs(15) },
  '20 levels across subgraphs': { query: acrossSubgraphs(9) },
  '3,000 aliases of one field': { query: aliases(3_000) },
  '999 aliases of one field': { query: aliases(999) },
  '199 aliases of one field': { query: aliases(199) },
  '10,000 chained fragments': { query: chainedFragments(10_000) },
  '900 chained fragments': { query: chainedFragments(900) },
  '190 chained fragments': { query: chainedFragments(190) },
  'a cycle of 190 fragments': { query: fragmentCycle(190) },
  'a cycle of 900 fragments': { query: fragmentCycle(900) },
  '3,000 levels': { query: nested(3_000) },
  '40 levels': { query: nested(40) },
  '22 levels': { query: nested(22) },
  '100,000 unknown directives': { query: unknownDirectives(100_000) },
  '499 unknown directives': { query: unknownDirectives(499) },
  'overlapping fields 100 x 100': { query: overlappingFields(100, 100) },
  'overlapping fields 40 x 40': { query: overlappingFields(40, 40) },
  'equal overlapping fields 100 x 100': { query: equalOverlappingFields(100, 100) },
  'equal overlapping fields 40 x 40': { query: equalOverlappingFields(40, 40) },
  'equal overlapping fields 30 x 30': { query: equalOverlappingFields(30, 30) },
  '5,000 unknown fields': { query: unknownFields(5_000) },
  '1,500 operations': { query: manyOperations(1_500), operationName: 'Q7' },
  '1,200 operations': { query: manyOperations(1_200), operationName: 'Q7' },
  '400 operations times 3,000 usages': { query: operationsTimesUsages(400, 3_000), operationName: 'Q7' },
  '60 operations times 5,000 usages': { query: operationsTimesUsages(60, 5_000), operationName: 'Q7' },
  '150 uses of a list of 5,000': { query: reusedLiteral(150, 5_000) },
  '150 uses of a string of 90 KB': { query: reusedString(150, 90_000) },
  '150 uses of an alias of 90 KB': { query: reusedAlias(150, 90_000) },
  'a list literal 7,000 deep': { query: deepList(7_000) },
  'a list literal 1,000 deep': { query: deepList(1_000) },
  'an object literal 3,000 deep': { query: deepObject(3_000) },
  'an object literal 800 deep': { query: deepObject(800) },
  'a type 7,000 deep': { query: deepType(7_000) },
  'a type 1,000 deep': { query: deepType(1_000) },
  'a list literal of 9,900': { query: wideList(9_900) },
  'a list literal of 14,000': { query: wideList(14_000) },
  'a list literal of 14,000 wrong': { query: wrongList(14_000) },
  'a list variable 45,000 deep': {
    query: 'query($x: JSON) { echo(json: $x) }',
    variables: { x: deepValue(45_000) },
  },
  'an input object variable 9,000 deep': {
    query: 'query($x: Filter) { echo(filter: $x) }',
    variables: { x: deepValue(9_000, 'not') },
  },
  'variables named __proto__': {
    query: 'query($__proto__: String, $constructor: [Int!]) { echo(text: $__proto__, numbers: $constructor) }',
    variables: JSON.parse('{"__proto__":"x","constructor":[1],"toString":{"__proto__":{"polluted":true}}}'),
  },
  '90 KB in a wrong variable': {
    query: 'query($x: Int) { echo(numbers: [$x]) }',
    variables: { x: 'x'.repeat(90_000) },
  },
  '90 KB in a wrong literal': { query: `{ echo(numbers: "${'x'.repeat(90_000)}") }` },
  '90 KB as a field name': { query: `{ ${'x'.repeat(90_000)} }` },
  '90 KB as an operation name': { query: `query ${'x'.repeat(90_000)} { ${times(100, (i) => `n${i}(a: $b${i})`)} }` },
  '100 errors after 95,000 lines': { query: `${'\n'.repeat(95_000)}{ ${times(120, (i) => `n${i}`)} }` },
  '20 wrong variables after 95,000 lines': {
    query: `${'\n'.repeat(95_000)}query($l: [Int!]) { echo(numbers: $l) }`,
    variables: { l: listOf(100) },
  },
  'a syntax error after 95,000 lines': { query: `${'\n'.repeat(95_000)}{` },
  '95 KB of comments': { query: `${'#\n'.repeat(47_500)}{ me { id } }` },
  '95 KB of one string': { query: `{ echo(text: "${'x'.repeat(95_000)}") }` },
  'a valid document of 14,500 tokens': { query: largePlain(14_500) },
  'a valid document of 9,900 tokens': { query: largePlain(9_900) },
  'a valid document of 2,900 tokens, aliased': { query: largeValid(2_900) },
  'a valid document of 9,900 tokens, aliased': {
    query: `{ me { ${times(900, (i) => `a${i}: name(format: "${i}")`)} friend { ${times(90, (i) => `b${i}: posts { title(upper: true) author { name } }`)} } } }`,
  },
  'a maze, all doors 3 deep': { query: mazeOf(3) },
  'a maze, all doors 2 deep': { query: mazeOf(2) },
  'a maze, one door 12 deep': { query: mazeOf(12, 1) },
  'a maze, two doors 7 deep': { query: mazeOf(7, 2) },
  'an interface across subgraphs, 4 levels': { query: wideInterface(4) },
  'an interface across subgraphs, 3 levels': { query: wideInterface(3) },
  'an interface across subgraphs, 2 levels': { query: wideInterface(2) },
  'introspection 150 times': { query: nestedIntrospection(150) },
  'introspection 20 times': { query: nestedIntrospection(20) },
  introspection: { query: introspection },
};
