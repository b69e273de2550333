/**
 * Test support: a supergraph that gives hostile documents what they need. Entities that refer to one another across
 * subgraphs, an interface and a union of many types, recursive input types, a scalar that takes anything, and a type
 * whose every field can be had from four subgraphs.
 */
import type { GraphSubgraph } from '../support/graph';

const kinds = Array.from({ length: 12 }, (_, index) => `Thing${index}`);
const shared = (index: number): GraphSubgraph => ({
  name: `maze${index}`,
  sdl: `${index === 0 ? 'type Query { maze: Maze }' : ''}
    type Maze @key(fields: "id") {
      id: ID! leaf${index}: Int
      ${[0, 1, 2, 3, 4].map((door) => `door${door}: Maze @shareable`).join(' ')}
    }`,
  resolvers: index === 0 ? { Query: { maze: () => ({ id: '1' }) } } : {},
});

const user = { id: 'u1', name: 'Ada' };
const post = { id: 'p1', title: 'Title' };

const people: GraphSubgraph = {
  name: 'people',
  sdl: `scalar JSON
    enum Colour { RED GREEN }
    input Filter { not: Filter any: [Filter!] text: String colour: Colour }
    type Query {
      wide: Wide
      me: User
      users(first: Int): [User!]!
      node: Node
      things: [Thing]
      search: [Result]
      echo(text: String, numbers: [Int!], filter: Filter, json: JSON): String
    }
    type Mutation { rename(name: String): User }
    type Subscription { renamed: User }
    interface Node { id: ID! node: Node things: [Thing] }
    interface Thing implements Node { id: ID! node: Node things: [Thing] colour: Colour }
    interface Wide { id: ID! next: Wide }
    ${kinds.map((_name, index) => `type Wide${index} implements Wide @key(fields: "id") { id: ID! next: Wide }`).join('\n')}
    union Result = User | ${kinds.join(' | ')}
    type User implements Node @key(fields: "id") {
      id: ID! name(format: String, numbers: [Int!], json: JSON): String friend: User node: Node things: [Thing]
    }
    ${kinds
      .map(
        (name, index) => `type ${name} implements Thing & Node @key(fields: "id") {
          id: ID! node: Node things: [Thing] colour: Colour own${index}: Int
        }`,
      )
      .join('\n')}`,
  resolvers: {
    Query: {
      wide: () => ({ __typename: 'Wide0', id: 'w' }),
      me: () => user,
      users: (_: unknown, { first = 2 }: { first?: number }) => Array.from({ length: first }, () => user),
      node: () => ({ __typename: 'User', ...user }),
      things: () => [{ __typename: 'Thing0', id: 't' }],
      search: () => [{ __typename: 'User', ...user }],
      echo: (_: unknown, { text }: { text?: string }) => text ?? 'echo',
    },
    Node: { __resolveType: ({ __typename }: { __typename: string }) => __typename },
    User: { friend: () => user, __resolveReference: () => user },
  },
};

const posts: GraphSubgraph = {
  name: 'posts',
  sdl: `type User @key(fields: "id") { id: ID! posts: [Post!]! }
    interface Wide { id: ID! far: Wide score: Int }
    ${kinds.map((_name, index) => `type Wide${index} implements Wide @key(fields: "id") { id: ID! far: Wide score: Int }`).join('\n')}
    type Post @key(fields: "id") { id: ID! title(upper: Boolean): String author: User }
    ${kinds.map((name, index) => `type ${name} @key(fields: "id") { id: ID! other${index}: Int post: Post }`).join('\n')}`,
  resolvers: {
    User: { posts: () => [post, { ...post, id: 'p2' }] },
    Post: { author: () => user },
  },
};

export const hostileGraph: readonly GraphSubgraph[] = [people, posts, ...[0, 1, 2, 3].map(shared)];
