import { buildSchema, parse } from 'graphql';
import { findOperations } from '../../src/operation/document';
import { isAsked, OperationFacts, readFieldOccurrences, responsePathOf } from '../../src/operation/facts';
import { finish } from '../../src/slices';

/** Plain data: a schema, a document, and what is found in it. */
const schema = buildSchema(`
  type Query { me: User node: Node any: [Thing!]! matrix: [[User]!] }
  interface Node { id: ID! }
  type User implements Node { id: ID! name(short: Boolean): String friends(first: Int): [User!]! }
  type Post implements Node { id: ID! author: User! }
  union Thing = User | Post`);

function read(text: string) {
  const [operation] = findOperations(parse(text));
  if (!operation) throw new Error('no operation');
  return finish(readFieldOccurrences(operation, schema));
}

const describeAll = (text: string) =>
  read(text).map((found) => `${responsePathOf(found).join('.')} ${found.coordinate} ${found.listDepth}`);

describe('the facts of an operation', () => {
  it('are its fields with their paths, fragments expanded, lists around them counted', () => {
    expect(
      describeAll(`{ m: me { ...F } any { ...on Post { author { name } } ...F } matrix { id } }
        fragment F on User { friends { friends { n: name } } }`),
    ).toEqual([
      'm Query.me 0',
      'm.friends User.friends 0',
      'm.friends.friends User.friends 1',
      'm.friends.friends.n User.name 2',
      'any Query.any 0',
      'any.author Post.author 1',
      'any.author.name User.name 1',
      'any.friends User.friends 1',
      'any.friends.friends User.friends 2',
      'any.friends.friends.n User.name 3',
      'matrix Query.matrix 0',
      'matrix.id User.id 2',
    ]);
  });

  it('have one occurrence for a field that is written twice, and one for each alias', () => {
    expect(describeAll('{ me { name } me { name id } you: me { name } }')).toEqual([
      'me Query.me 0',
      'me.name User.name 0',
      'me.id User.id 0',
      'you Query.me 0',
      'you.name User.name 0',
    ]);
    expect(read('{ me { name } me { name } }').map(({ nodes }) => nodes.length)).toEqual([2, 2]);
  });

  it('tell the type that a field is written on, at one path several', () => {
    expect(describeAll('{ node { id ...on User { id } ...on Node { id } } }')).toEqual([
      'node Query.node 0',
      'node.id Node.id 0',
      'node.id User.id 0',
    ]);
  });

  it('know introspection by its coordinates, and leave out __typename', () => {
    expect(describeAll('{ __typename s: __schema { types { name } } __type(name: "User") { name } }')).toEqual([
      's Query.__schema 0',
      '__type Query.__type 0',
    ]);
  });

  it('say for which values of its conditions a field is asked', () => {
    const found = read(`query ($a: Boolean!, $b: Boolean!) {
      me @include(if: $a) { name @skip(if: $b) ...on User @include(if: $b) { id } }
      me { id @include(if: true) }
      node @skip(if: true) { id }
      any { ...on User @include(if: false) { id } }
    }`);
    const asked = (a: boolean, b: boolean) =>
      found.filter((occurrence) => isAsked(occurrence, { a, b })).map(({ coordinate }) => coordinate);
    expect(asked(true, true)).toEqual(['Query.me', 'User.id', 'Query.any']);
    expect(asked(true, false)).toEqual(['Query.me', 'User.name', 'User.id', 'Query.any']);
    expect(asked(false, true)).toEqual(['Query.me', 'User.id', 'Query.any']);
  });

  it('are read once for an operation', () => {
    const [operation] = findOperations(parse('{ me { id } }'));
    if (!operation) throw new Error('no operation');
    const facts = new OperationFacts(schema);
    expect(facts.of(operation)).toBe(facts.of(operation));
  });
});
