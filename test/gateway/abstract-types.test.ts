import { type Graph, startGraph } from '../support/graph';
import { createOracle } from '../support/oracle';

/**
 * Real: subgraphs over HTTP, composition, planner thread, engine; plain graphql-js says what is right.
 * `people` and `texts` know different members of the same interfaces and unions.
 */
interface Ref {
  readonly id: string;
}
const user = (id: string) => ({ __typename: 'User', id });
const post = (id: string) => ({ __typename: 'Post', id });
const note = (id: string) => ({ __typename: 'Note', id, label: [`label of ${id}`] });
const values = {
  userName: ({ id }: Ref) => `name of ${id}`,
  postName: ({ id }: Ref, { loud }: { loud?: boolean }) => (loud ? `TITLE OF ${id}` : `title of ${id}`),
  userLabel: ({ id }: Ref) => `user ${id}`,
  postLabel: ({ id }: Ref) => Number(id.slice(1)),
  body: ({ id }: Ref) => `body of ${id}`,
  followers: ({ id }: Ref) => (id === 'u1' ? [user('u2'), null] : []),
  author: ({ id }: Ref) => (id === 'p2' ? null : user('u1')),
  mentions: () => [[user('u1'), post('p1')], [], null, [null, note('n1')]],
};
const itself = (reference: object) => reference;
const root = {
  people: () => [user('u1'), post('p1'), null, user('u2')],
  person: () => user('u2'),
  texts: () => [post('p1'), note('n1'), post('p2')],
  found: () => [note('n1'), user('u1'), post('p2')],
  anything: () => [user('u1'), post('p2')],
};

const subgraphs = [
  {
    name: 'people',
    sdl: `
      type Query { people: [Node]! person: Named! anything: [Any!]! }
      interface Node { id: ID! }
      interface Named implements Node { id: ID! name(loud: Boolean): String! }
      type User implements Node & Named @key(fields: "id") {
        id: ID! name(loud: Boolean): String! label: String! followers: [User]!
      }
      type Post implements Node @key(fields: "id") { id: ID! body: String! }
      union Any = User | Post`,
    resolvers: {
      Query: { people: root.people, person: root.person, anything: root.anything },
      User: { __resolveReference: itself, name: values.userName, label: values.userLabel, followers: values.followers },
      Post: { __resolveReference: itself, body: values.body },
    },
  },
  {
    name: 'texts',
    sdl: `
      type Query { texts: [Node!]! found: [Any!]! }
      interface Node { id: ID! }
      interface Authored implements Node { id: ID! author: Node }
      type Post implements Node & Authored @key(fields: "id") {
        id: ID! author: User name(loud: Boolean): String! label: Int! mentions: [[Node]]!
      }
      type Note implements Node { id: ID! label: [String!]! }
      type User implements Node @key(fields: "id") { id: ID! posts: [Post!]! }
      union Any = User | Post | Note`,
    resolvers: {
      Query: { texts: root.texts, found: root.found },
      Post: {
        __resolveReference: itself,
        author: values.author,
        name: values.postName,
        label: values.postLabel,
        mentions: values.mentions,
      },
      User: { __resolveReference: itself, posts: () => [post('p2')] },
    },
  },
];

const oracle = createOracle(
  `type Query { people: [Node]! person: Named! anything: [Any!]! texts: [Node!]! found: [Any!]! }
  interface Node { id: ID! }
  interface Named implements Node { id: ID! name(loud: Boolean): String! }
  interface Authored implements Node { id: ID! author: Node }
  type User implements Node & Named {
    id: ID! name(loud: Boolean): String! label: String! followers: [User]! posts: [Post!]!
  }
  type Post implements Node & Authored {
    id: ID! author: User name(loud: Boolean): String! label: Int! mentions: [[Node]]! body: String!
  }
  type Note implements Node { id: ID! label: [String!]! }
  union Any = User | Post | Note`,
  {
    Query: root,
    User: {
      name: values.userName,
      label: values.userLabel,
      followers: values.followers,
      posts: () => [post('p2')],
    },
    Post: {
      author: values.author,
      name: values.postName,
      label: values.postLabel,
      mentions: values.mentions,
      body: values.body,
    },
  },
);

describe('interfaces and unions', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());

  it.each([
    ['answers fields of the interface', '{ people { id } texts { id } }'],
    ['answers __typename at any place and under any name', '{ people { t: __typename id __typename } }'],
    ['answers __typename alone', '{ found { __typename } anything { kind: __typename } }'],
    ['answers fragments without __typename', '{ people { ... on User { label } ... on Post { body } } }'],
    ['answers objects that no fragment is about as empty', '{ found { ... on Note { id } } }'],
    ['answers a fragment that asks only __typename', '{ found { ... on User { __typename } } }'],
    ['answers a fragment on a type that this subgraph does not return', '{ people { id ... on Note { label } } }'],
    ['gets members from two subgraphs', '{ people { ... on User { posts { id } } ... on Post { name } } }'],
    ['gets the parts of one member from two subgraphs', '{ texts { ... on Post { body name } } }'],
    ['answers a fragment on an interface inside a union', '{ found { ... on Node { id } } }'],
    [
      'answers a concrete fragment inside an interface inside a union',
      '{ found { ... on Node { ... on Post { body } } } }',
    ],
    [
      'answers an interface inside a concrete fragment',
      '{ people { ... on User { ... on Node { id } ... on Named { name } } } }',
    ],
    ['answers an interface that another one implements', '{ people { ... on Named { name } } }'],
    ['answers an interface that only another subgraph knows', '{ people { ... on Authored { author { id } } } }'],
    ['answers an interface as type of a field', '{ person { name __typename ... on User { label posts { body } } } }'],
    [
      'answers a covariant field of an interface',
      '{ texts { ... on Authored { author { id ... on User { label } } } } }',
    ],
    [
      'answers it beside the field of the object',
      '{ texts { ... on Authored { author { id } } ... on Post { author { label } } } }',
    ],
    ['merges fields of overlapping fragments', '{ people { ... on Node { id } ... on User { id label } id } }'],
    [
      'keeps the order of the client through fragments',
      '{ people { ... on User { label } id ... on User { name } __typename } }',
    ],
    ['answers one response name by type', '{ found { ... on User { x: name } ... on Post { x: name(loud: true) } } }'],
    [
      'answers equal names with different arguments',
      '{ found { ... on User { name } ... on Post { name(loud: true) } } }',
    ],
    [
      'answers fields whose type differs by member',
      '{ found { ... on User { a: label } ... on Post { b: label } ... on Note { c: label } } }',
    ],
    [
      'swaps names between members',
      '{ found { ... on User { label: id id: label } ... on Post { name: id id: name } } }',
    ],
    [
      'answers lists of lists of an interface',
      '{ texts { ... on Post { mentions { __typename id ... on Post { body } } } } }',
    ],
    ['answers nulls in lists of an interface', '{ people { ... on User { followers { name } } } }'],
    [
      'answers named fragments',
      `{ found { ...A ...B } people { ...B } } fragment A on Any { ...C ... on Post { body } }
      fragment B on Node { id ...C } fragment C on User { label posts { ...D } } fragment D on Authored { author { id } }`,
    ],
    ['answers a fragment without a condition', '{ found { ... { __typename ... on User { ... { name } } } } }'],
    ['answers nested members', '{ texts { ... on Post { author { posts { mentions { ... on User { label } } } } } } }'],
    [
      'answers the same path by two conditions',
      `{ found {
      ... on User { posts { id } } ... on Named { ... on User { posts { body } } } ... on Node { ... on User { posts { name } } } } }`,
    ],
  ])('%s', async (_name, query) => {
    expect(await graph.answer(query)).toBe(await oracle(query));
  });

  it('decides fragments by variables', async () => {
    const query = `query Q($a: Boolean!, $b: Boolean = false) {
      people { ... on User @include(if: $a) { label } ... on Node @skip(if: $b) { id } ...P @include(if: $b) }
    } fragment P on Post { body }`;
    for (const variables of [{ a: true }, { a: false, b: true }, { a: true, b: true }, { a: false, b: false }]) {
      expect(await graph.answer(query, variables)).toBe(await oracle(query, variables));
    }
  });
});
