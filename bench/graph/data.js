/**
 * What the graph knows. Everything is a pure function of an entity's number and of the seed that its id carries:
 * another seed is another set of entities of the same shape and size, so that no request can share with another.
 */
'use strict';

const seedLength = 9;
const seedPattern = /s\d{8}/g;
const userCount = 6;
const reviewCount = 26;
const reviewedProductCount = 9;

/** The `number`th seed, always as long: `seedOf(7)` is `s00000007`. */
function seedOf(number) {
  return `s${String(number).padStart(seedLength - 1, '0')}`;
}

/** `u3.s00000007` and back: the number of an entity and the seed of its request. */
function readId(id) {
  const dot = id.indexOf('.');
  return { number: Number(id.slice(1, dot)), seed: id.slice(dot + 1) };
}

const names = ['Uri Goldshtein', 'Dotan Simha', 'Kamil Kisiela', 'Arda Tanrikulu', 'Gil Gardosh', 'Laurin Quast'];
const bodies = [
  'Love it, would buy again!',
  'Too expensive for me.',
  'Could be better, much.',
  'Prefer something else.',
];

function createUser(number, seed) {
  const name = names[number % names.length];
  const username = `${name.slice(0, 1)}${name.slice(name.indexOf(' ') + 1)}${number}`.toLowerCase();
  return { __typename: 'User', id: `u${number}.${seed}`, name, username, birthday: 1_900 + number };
}

function createProduct(number, seed) {
  const price = 100 + ((number * 379) % 1_800);
  const weight = 50 + ((number * 131) % 950);
  return {
    __typename: 'Product',
    upc: `p${number}.${seed}`,
    name: `Product ${number}`,
    price,
    weight,
    inStock: number % 3 !== 0,
    shippingEstimate: shippingEstimate({ price, weight }),
  };
}

function createReview(number, seed) {
  return {
    __typename: 'Review',
    id: `r${number}.${seed}`,
    body: bodies[number % bodies.length],
    authorNumber: number % userCount,
    productNumber: (number * 5) % reviewedProductCount,
  };
}

/** Free for the expensive, by weight for the rest: computed from what `@requires` brings. */
function shippingEstimate({ price, weight }) {
  return price > 1_000 ? 0 : Math.round(weight / 2);
}

const reviewNumbers = Array.from({ length: reviewCount }, (_, number) => number);
const reviewsOfUser = Array.from({ length: userCount }, (_, user) =>
  reviewNumbers.filter((number) => number % userCount === user),
);
const reviewsOfProduct = Array.from({ length: reviewedProductCount }, (_, product) =>
  reviewNumbers.filter((number) => (number * 5) % reviewedProductCount === product),
);

/** The whole graph as resolvers on lazily made objects: `field(parent, args)`. */
const fields = {
  Query: {
    users: (_, { seed }) => Array.from({ length: userCount }, (_, number) => createUser(number, seed)),
    user: (_, { id }) => entityOf('User', { id }),
    topProducts: (_, { first, seed }) => Array.from({ length: first }, (_, number) => createProduct(number, seed)),
  },
  Mutation: {
    addReview: (_, { upc, authorId, body }) => {
      const product = readId(upc);
      const authorNumber = readId(authorId).number;
      const id = `r900.${product.seed}`;
      return { __typename: 'Review', id, body, authorNumber, productNumber: product.number };
    },
  },
  User: {
    reviews: ({ id }) => {
      const { number, seed } = readId(id);
      return reviewsOfUser[number].map((review) => createReview(review, seed));
    },
  },
  Product: {
    reviews: ({ upc }) => {
      const { number, seed } = readId(upc);
      return (reviewsOfProduct[number] ?? []).map((review) => createReview(review, seed));
    },
  },
  Review: {
    author: ({ id, authorNumber }) => createUser(authorNumber, readId(id).seed),
    product: ({ id, productNumber }) => createProduct(productNumber, readId(id).seed),
  },
};

/** The entity that a representation names. A gateway that sends a wrong `@requires` value gets null for it. */
function entityOf(typename, representation) {
  const { number, seed } = readId(representation.id ?? representation.upc);
  if (typename === 'User') return createUser(number, seed);
  if (typename === 'Review') return createReview(number, seed);
  const product = createProduct(number, seed);
  const { price, weight } = representation;
  return { ...product, shippingEstimate: price === undefined ? null : shippingEstimate({ price, weight }) };
}

module.exports = { entityOf, fields, seedLength, seedOf, seedPattern };
