import { readOperationFiles } from '../../../src/operation/operation-files';

const read = (text: string) => readOperationFiles(new Map([['a.graphql', text]]));
const problemOf = (text: string) => {
  const { problems } = read(text);
  return problems.map(({ file, line, column, message }) => `${file}:${line}:${column} ${message}`).join('\n');
};

it('takes each operation with the fragments that it uses, without @rest, and its comment', () => {
  const { operations, problems } = read(`
    # One user.
    # By id.
    query User($id: ID!) @rest(path: "/users/{id}", unwrap: "user") @other { user(id: $id) { ...A } }
    query Free { me { ...B } }
    fragment A on User { ...B }
    fragment B on User { id }
    fragment C on User { name }
  `);
  expect(problems).toEqual([]);
  const [user, free] = operations;
  expect(user).toMatchObject({
    name: 'User',
    description: 'One user.\nBy id.',
    rest: {
      method: 'GET',
      path: [
        { kind: 'literal', text: 'users' },
        { kind: 'variable', name: 'id' },
      ],
      status: 200,
      unwrap: ['user'],
      body: undefined,
      partial: false,
    },
  });
  expect(user?.source).toMatch(/^query User\(\$id: ID!\) @other \{[\s\S]*fragment A[\s\S]*fragment B/);
  expect(user?.source).not.toContain('fragment C');
  expect(free?.rest).toBeUndefined();
});

it('answers 201 to a POST, and takes a mutation for a POST', () => {
  const { operations } = read('mutation Add($name: String) @rest(path: "/things") { add(name: $name) }');
  expect(operations[0]?.rest).toMatchObject({ method: 'POST', status: 201 });
});

it.each([
  ['a syntax error', 'query A {', '1:10 Syntax Error: Expected Name, found <EOF>.'],
  ['an operation without a name', 'query { a }', '1:1 An operation of a file must have a name.'],
  ['a type', 'type A { a: Int }', '1:1 Operation files hold operations and fragments alone.'],
  ['an unknown argument', 'query A @rest(path: "/a", url: "/b") { a }', '1:27 @rest knows no argument "url"'],
  ['no path', 'query A @rest { a }', '1:9 @rest(path:) must be given.'],
  ['a path without a slash', 'query A @rest(path: "a") { a }', 'must be a path that begins with "/"'],
  ['a path with dots', 'query A @rest(path: "/a/../b") { a }', 'must be made of parts'],
  ['a path with a variable that there is not', 'query A @rest(path: "/{id}") { a }', 'there is no $id'],
  ['an unknown method', 'query A @rest(method: FETCH, path: "/a") { a }', 'must be one of GET, POST'],
  ['a mutation by GET', 'mutation A @rest(method: GET, path: "/a") { a }', 'A mutation is no GET'],
  ['a subscription', 'subscription A @rest(path: "/a") { a }', 'A subscription has no REST route'],
  ['a status of failure', 'query A @rest(path: "/a", status: 404) { a }', 'must be a status of success'],
  [
    'a body that is no variable',
    'query A @rest(method: POST, path: "/a", body: "b") { a }',
    'must be the name of a variable',
  ],
  ['a header that is no pair', 'query A @rest(path: "/a", headers: ["x"]) { a }', 'a list of texts such as'],
  ['two @rest', 'query A @rest(path: "/a") @rest(path: "/b") { a }', '@rest stands once'],
])('refuses %s at its place', (_name, text, message) => {
  expect(problemOf(text)).toContain(message);
});

it('refuses two operations of one name, and two routes that one path could mean', () => {
  const other = 'query B($b: ID!) @rest(path: "/a/{b}") { b(b: $b) }';
  expect(problemOf(`query A($a: ID!) @rest(path: "/a/{a}") { a(a: $a) }\n${other}`)).toBe(
    'a.graphql:2:1 The route GET a/{} is declared in a.graphql (A) already.',
  );
  expect(problemOf('query A { a }\nquery A { b }')).toContain('The operation A is declared');
});
