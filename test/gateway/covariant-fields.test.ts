import { type Graph, startGraph } from '../support/graph';
import { createOracle } from '../support/oracle';

/**
 * Objects whose fields are of narrower types than those of their interfaces: non-null instead of nullable, one type
 * instead of an interface, and so on below. Real: subgraphs over HTTP, composition, planner thread, engine; plain
 * graphql-js says what is right.
 */
const itself = (reference: object) => reference;
const user = (id: string) => ({ __typename: 'User', id });
const team = (id: string) => ({ __typename: 'Team', id });
const root = {
  owned: () => [
    { __typename: 'Post', id: 'p1' },
    { __typename: 'Note', id: 'n1' },
    { __typename: 'Page', id: 'g1' },
  ],
  posts: () => [{ __typename: 'Post', id: 'p2' }],
};
const values = {
  postOwner: () => user('u1'),
  postOwners: () => [user('u1'), user('u2')],
  noteOwner: () => team('t1'),
  noteOwners: () => [null, team('t2')],
  pageOwner: () => null,
  name: ({ id }: { id: string }) => `name of ${id}`,
  chief: () => user('u9'),
  size: ({ id }: { id: string }) => id.length,
};

const subgraphs = [
  {
    name: 'texts',
    sdl: `
      type Query { owned: [Owned!]! posts: [Post!]! }
      interface Owned { id: ID owner: Owner owners: [Owner] }
      interface Owner { id: ID chief: Owner }
      type Post implements Owned @key(fields: "id") { id: ID! owner: User owners: [User] }
      type Note implements Owned { id: ID owner: Team owners: [Team] }
      type Page implements Owned { id: ID! owner: Owner owners: [Owner] }
      type User implements Owner @key(fields: "id") { id: ID! chief: User }
      type Team implements Owner @key(fields: "id") { id: ID! chief: Owner }`,
    resolvers: {
      Query: root,
      Post: { __resolveReference: itself, owner: values.postOwner, owners: values.postOwners },
      Note: { owner: values.noteOwner, owners: values.noteOwners },
      Page: { owner: values.pageOwner, owners: () => null },
      User: { __resolveReference: itself, chief: values.chief },
      Team: { __resolveReference: itself, chief: values.chief },
    },
  },
  {
    name: 'people',
    sdl: `
      interface Owner { id: ID name: String size: Int }
      type User implements Owner @key(fields: "id") { id: ID! name: String! size: Int! }
      type Team implements Owner @key(fields: "id") { id: ID! name: String size: Int }`,
    resolvers: {
      User: { __resolveReference: itself, name: values.name, size: values.size },
      Team: { __resolveReference: itself, name: values.name, size: () => null },
    },
  },
];

const oracle = createOracle(
  `type Query { owned: [Owned!]! posts: [Post!]! }
  interface Owned { id: ID owner: Owner owners: [Owner] }
  interface Owner { id: ID chief: Owner name: String size: Int }
  type Post implements Owned { id: ID! owner: User owners: [User] }
  type Note implements Owned { id: ID owner: Team owners: [Team] }
  type Page implements Owned { id: ID! owner: Owner owners: [Owner] }
  type User implements Owner { id: ID! chief: User name: String! size: Int! }
  type Team implements Owner { id: ID! chief: Owner name: String size: Int }`,
  {
    Query: root,
    Post: { owner: values.postOwner, owners: values.postOwners },
    Note: { owner: values.noteOwner, owners: values.noteOwners },
    Page: { owner: values.pageOwner, owners: () => null },
    User: { chief: values.chief, name: values.name, size: values.size },
    Team: { chief: values.chief, name: values.name, size: () => null },
  },
);

describe('fields of narrower types than the interface has', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());

  it.each([
    '{ owned { id owner { id } } }',
    '{ owned { id owner { id name size chief { id name } } owners { id name chief { name } } } }',
    '{ owned { ... on Post { p: id owner { n: name i: id chief { size } } } ... on Note { owner { id name } owners { id } } } }',
    '{ owned { owner { id } ... on Post { owner { n: name i: id chief { j: id } } } } }',
    '{ owned { ... on Post { owner { n: name i: id chief { j: id } } } owner { id chief { name id } } } }',
    '{ posts { ... on Owned { id owner { id name chief { id name } } } o: owners { name id } } }',
    '{ posts { ... on Owned { id owner { ... on Owner { id size } ... on User { n: name } ... on Team { name } } } } }',
    '{ owned { __typename a: id owner { b: id c: name ... on User { e: id d: chief { c: name } } } } }',
    '{ owned { x: owner { id } y: owner { id name } ... on Post { x: owner { n: name } } ... on Page { y: owner { size } } } }',
  ])('are answered as the undivided schema answers them: %s', async (query) => {
    expect(await graph.answer(query)).toBe(await oracle(query));
  });
});
