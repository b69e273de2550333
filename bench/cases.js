/**
 * What is asked, and the one right answer of each: computed by plain graphql-js over the undivided graph.
 * A case is `{ name, title, query, variables(seed) }`; its answer is the same text for every seed but for the seed.
 */
'use strict';

const { buildSchema, graphql } = require('graphql');
const { fields, seedOf } = require('./graph/data');

const nestedQuery = `
  fragment User on User { id username name }
  fragment Review on Review { id body }
  fragment Product on Product { inStock name price shippingEstimate upc weight }
  query Nested($first: Int!, $seed: String!) {
    users(seed: $seed) {
      ...User
      reviews {
        ...Review
        product {
          ...Product
          reviews {
            ...Review
            author { ...User reviews { ...Review product { ...Product } } }
          }
        }
      }
    }
    topProducts(first: $first, seed: $seed) {
      ...Product
      reviews {
        ...Review
        author { ...User reviews { ...Review product { ...Product } } }
      }
    }
  }`;

const cases = [
  {
    name: 'small',
    title: 'one small subgraph query',
    query: 'query Small($id: ID!) { user(id: $id) { id username name } }',
    variables: (seed) => ({ id: `u1.${seed}` }),
  },
  {
    name: 'two-hops',
    title: 'two hops, 4 KB',
    query: `query TwoHops($seed: String!) {
      users(seed: $seed) { id username name birthday reviews { id body author { id username } product { upc } } }
    }`,
    variables: (seed) => ({ seed }),
  },
  {
    name: 'nested',
    title: 'nested query, 86 KB',
    query: nestedQuery,
    variables: (seed) => ({ first: 5, seed }),
  },
  {
    name: 'list',
    title: 'list of 1,000 entities, 74 KB',
    query: `query List($first: Int!, $seed: String!) {
      topProducts(first: $first, seed: $seed) { upc name price inStock }
    }`,
    variables: (seed) => ({ first: 1_000, seed }),
  },
  {
    name: 'mutation',
    title: 'mutation',
    query: `mutation AddReview($upc: String!, $author: ID!, $body: String!) {
      addReview(upc: $upc, authorId: $author, body: $body) { id body author { id username } product { upc name price } }
    }`,
    variables: (seed) => ({ upc: `p3.${seed}`, author: `u2.${seed}`, body: 'As good as new.' }),
  },
];

const undivided = buildSchema(`
  type Query { users(seed: String!): [User!] user(id: ID!): User topProducts(first: Int!, seed: String!): [Product!] }
  type Mutation { addReview(upc: String!, authorId: ID!, body: String!): Review }
  type User { id: ID! name: String username: String birthday: Int reviews: [Review!] }
  type Review { id: ID! body: String author: User product: Product }
  type Product {
    upc: String! name: String price: Int weight: Int inStock: Boolean shippingEstimate: Int reviews: [Review!]
  }
`);

/** The right answer of a case for a seed, as a value. */
async function expectedAnswer({ query, variables }, seed) {
  const fieldResolver = (source, args, _context, { parentType, fieldName }) => {
    const field = fields[parentType.name]?.[fieldName];
    return field ? field(source, args) : source[fieldName];
  };
  const variableValues = variables(seed);
  const { data, errors } = await graphql({ schema: undivided, source: query, variableValues, fieldResolver });
  if (errors) throw new Error(`the benchmark's own query is wrong: ${errors.join('; ')}`);
  return JSON.parse(JSON.stringify({ data }));
}

/** The HTTP body of a case for a seed. */
function requestBody({ query, variables }, seed) {
  return JSON.stringify({ query, variables: variables(seed) });
}

module.exports = { cases, expectedAnswer, requestBody, seedOf };
