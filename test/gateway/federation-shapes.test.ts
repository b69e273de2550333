import { type Graph, type GraphSubgraph, startGraph } from '../support/graph';

/**
 * Shapes of federated graphs that gateways get wrong: lists in keys, `@interfaceObject` upon `@interfaceObject`, what
 * is provided below interfaces and unions, unions and enums of which each subgraph knows a part. Real: subgraphs over
 * HTTP, composition, planner thread, engine. The right answers are written out.
 */
const itself = (reference: object) => reference;

interface Shape {
  readonly name: string;
  readonly subgraphs: readonly GraphSubgraph[];
  /** Query and right data. */
  readonly answers: readonly (readonly [query: string, data: object])[];
}

const products = [
  { id: 'p1', pid: 'x1' },
  { id: 'p2', pid: 'x2' },
];

const listKeys: Shape = {
  name: 'lists of objects in keys',
  subgraphs: [
    {
      name: 'products',
      sdl: `type Query { top: Shelf! }
        type Shelf @key(fields: "products { id }") { products: [Product!]! }
        type Product @key(fields: "id") { id: ID! category: Category @shareable }
        type Category @key(fields: "id") { id: ID! }`,
      resolvers: {
        Query: { top: () => ({ products: products.map(({ id }) => ({ id, category: { id: `c${id}` } })) }) },
        Shelf: { __resolveReference: itself },
        Product: { __resolveReference: ({ id }: { id: string }) => ({ id, category: { id: `c${id}` } }) },
      },
    },
    {
      name: 'links',
      sdl: `type Product @key(fields: "id") @key(fields: "id pid") { id: ID! pid: String! }
        type Shelf @key(fields: "products { id }") @key(fields: "products { id pid } first { id }") {
          products: [Product!]! first: Product
        }`,
      resolvers: {
        Product: { __resolveReference: itself, pid: ({ id }: { id: string }) => `x${id.slice(1)}` },
        Shelf: { __resolveReference: (shelf: { products: object[] }) => ({ ...shelf, first: shelf.products[0] }) },
      },
    },
    {
      name: 'prices',
      sdl: `type Product @key(fields: "id pid") { id: ID! pid: String! price: Int }
        type Shelf @key(fields: "products { id pid } first { id }") {
          products: [Product!]! first: Product total: Int cheapest: Product
        }`,
      resolvers: {
        Product: { __resolveReference: itself, price: ({ id }: { id: string }) => Number(id.slice(1)) * 10 },
        Shelf: {
          __resolveReference: itself,
          total: ({ products: given }: { products: { id: string; pid: string }[] }) =>
            given.reduce((sum, { id, pid }) => sum + Number(id.slice(1)) + Number(pid.slice(1)), 0),
          cheapest: ({ first }: { first: { id: string } }) => ({ ...first, pid: `x${first.id.slice(1)}` }),
        },
      },
    },
  ],
  answers: [
    ['{ top { total } }', { top: { total: 6 } }],
    [
      '{ top { cheapest { id price category { id } } products { id pid price } first { pid } } }',
      {
        top: {
          cheapest: { id: 'p1', price: 10, category: { id: 'cp1' } },
          products: [
            { id: 'p1', pid: 'x1', price: 10 },
            { id: 'p2', pid: 'x2', price: 20 },
          ],
          first: { pid: 'x1' },
        },
      },
    ],
  ],
};

const media = [
  { __typename: 'Book', id: 'b1', title: 'Book 1', pages: 10 },
  { __typename: 'Film', id: 'f1', title: 'Film 1', minutes: 90 },
];
const byId = ({ id }: { id: string }) => media.find((one) => one.id === id);

const interfaceObjects: Shape = {
  name: 'interface objects that require one another',
  subgraphs: [
    {
      name: 'catalog',
      sdl: `type Query { media: [Media!]! }
        interface Media @key(fields: "id") { id: ID! title: String! }
        type Book implements Media @key(fields: "id") { id: ID! title: String! pages: Int }
        type Film implements Media @key(fields: "id") { id: ID! title: String! minutes: Int }`,
      resolvers: {
        Query: { media: () => media },
        Media: { __resolveReference: byId, __resolveType: ({ __typename }: { __typename: string }) => __typename },
        Book: { __resolveReference: byId },
        Film: { __resolveReference: byId },
      },
    },
    {
      name: 'reviews',
      sdl: 'type Media @key(fields: "id") @interfaceObject { id: ID! reviews: Int! }',
      resolvers: { Media: { __resolveReference: itself, reviews: ({ id }: { id: string }) => id.charCodeAt(0) } },
    },
    {
      name: 'scores',
      sdl: `type Media @key(fields: "id") @interfaceObject {
          id: ID! reviews: Int! @external title: String! @external
          score: String! @requires(fields: "reviews title")
        }`,
      resolvers: {
        Media: {
          __resolveReference: itself,
          score: ({ title, reviews }: { title: string; reviews: number }) => `${title}: ${reviews}`,
        },
      },
    },
    {
      name: 'ranks',
      sdl: `type Query { ranked: [Media!]! }
        type Media @key(fields: "id") @interfaceObject {
          id: ID! score: String! @external reviews: Int! @external
          rank: String! @requires(fields: "score reviews")
          next: Media
        }`,
      resolvers: {
        Query: { ranked: () => [{ id: 'f1' }, { id: 'b1' }] },
        Media: {
          __resolveReference: itself,
          rank: ({ score, reviews }: { score: string; reviews: number }) => `${score}/${reviews}`,
          next: ({ id }: { id: string }) => (id === 'f1' ? { id: 'b1' } : null),
        },
      },
    },
  ],
  answers: [
    ['{ media { rank } }', { media: [{ rank: 'Book 1: 98/98' }, { rank: 'Film 1: 102/102' }] }],
    ['{ ranked { rank } }', { ranked: [{ rank: 'Film 1: 102/102' }, { rank: 'Book 1: 98/98' }] }],
    [
      '{ ranked { __typename ... on Book { pages score } ... on Film { rank next { __typename rank next { id } } } } }',
      {
        ranked: [
          {
            __typename: 'Film',
            rank: 'Film 1: 102/102',
            next: { __typename: 'Book', rank: 'Book 1: 98/98', next: null },
          },
          { __typename: 'Book', pages: 10, score: 'Book 1: 98' },
        ],
      },
    ],
    [
      '{ media { ... on Film { next { score title } } } }',
      { media: [{}, { next: { score: 'Book 1: 98', title: 'Book 1' } }] },
    ],
  ],
};

const animals = [
  { __typename: 'Dog', id: 'd1', name: 'Rex provided' },
  { __typename: 'Cat', id: 'c1', name: 'Tom provided' },
];

const provided: Shape = {
  name: 'what is provided below interfaces and unions',
  subgraphs: [
    {
      name: 'zoo',
      sdl: `type Query {
          animals: [Animal] @provides(fields: "... on Dog { name owner { city } }") pets: [Pet]
          guest: Pet @provides(fields: "... on Cat { name }")
        }
        interface Animal { id: ID! }
        union Pet = Dog | Cat
        type Dog implements Animal @key(fields: "id") { id: ID! name: String @external owner: Owner @external }
        type Cat implements Animal @key(fields: "id") { id: ID! name: String @external }
        type Owner @key(fields: "id") { id: ID! city: String @external }`,
      resolvers: {
        Query: {
          animals: () => [{ ...animals[0], owner: { id: 'o1', city: 'Rome provided' } }, animals[1]],
          pets: () => animals,
          guest: () => animals[1],
        },
      },
    },
    {
      name: 'names',
      sdl: `interface Animal { id: ID! name: String }
        type Dog implements Animal @key(fields: "id") { id: ID! name: String @shareable owner: Owner @shareable }
        type Cat implements Animal @key(fields: "id") { id: ID! name: String @shareable }
        type Owner @key(fields: "id") { id: ID! city: String @shareable }`,
      resolvers: {
        Dog: { __resolveReference: itself, name: () => 'Rex', owner: () => ({ id: 'o1', city: 'Rome' }) },
        Cat: { __resolveReference: itself, name: () => 'Tom' },
        Owner: { __resolveReference: itself, city: () => 'Rome' },
      },
    },
  ],
  answers: [
    [
      '{ animals { ... on Dog { name owner { id city } } ... on Cat { name } } }',
      { animals: [{ name: 'Rex provided', owner: { id: 'o1', city: 'Rome provided' } }, { name: 'Tom' }] },
    ],
    [
      '{ pets { ... on Dog { name owner { city } } ... on Cat { name } } }',
      { pets: [{ name: 'Rex', owner: { city: 'Rome' } }, { name: 'Tom' }] },
    ],
    [
      '{ guest { __typename ... on Animal { id } ... on Cat { name } } }',
      { guest: { __typename: 'Cat', id: 'c1', name: 'Tom provided' } },
    ],
  ],
};

const song = { __typename: 'Song', id: 's1', title: 'Song', length: 3 };
const movie = { __typename: 'Movie', id: 'm1', title: 'Movie', minutes: 90 };
const book = { __typename: 'Book', id: 'b1', title: 'Book', pages: 5 };

const parts: Shape = {
  name: 'unions and enums of which each subgraph knows a part',
  subgraphs: [
    {
      name: 'left',
      sdl: `type Query { media: Media @shareable song: Media viewer: Viewer @shareable shade(of: Shade!): String }
        union Media = Book | Song
        type Viewer @shareable { media: Media song: Media }
        type Book @key(fields: "id") { id: ID! title: String @shareable shades: [Tone!] }
        type Song { title: String! length: Int }
        enum Shade { DARK LIGHT PALE }
        enum Tone { DARK }`,
      resolvers: {
        Query: {
          media: () => book,
          song: () => song,
          viewer: () => ({ media: book, song }),
          shade: (_: unknown, { of }: { of: string }) => of,
        },
        Book: { __resolveReference: () => book, shades: () => ['DARK'] },
      },
    },
    {
      name: 'right',
      sdl: `type Query { media: Media @shareable movie: Media viewer: Viewer @shareable bright(of: Shade!): String }
        union Media = Book | Movie
        type Viewer { media: Media @shareable movie: Media }
        type Book @key(fields: "id") { id: ID! title: String @shareable pages: Int tone: Tone }
        type Movie { title: Int minutes: Int }
        enum Shade { LIGHT PALE }
        enum Tone { DARK LIGHT }`,
      resolvers: {
        Query: {
          media: () => book,
          movie: () => movie,
          viewer: () => ({ media: book, movie }),
          bright: (_: unknown, { of }: { of: string }) => `bright ${of}`,
        },
        Book: { __resolveReference: () => book, tone: () => 'LIGHT' },
        Movie: { title: () => 7 },
      },
    },
  ],
  answers: [
    [
      '{ media { __typename ... on Book { title pages tone shades } ... on Song { length } ... on Movie { minutes } } }',
      { media: { __typename: 'Book', title: 'Book', pages: 5, tone: 'LIGHT', shades: ['DARK'] } },
    ],
    [
      '{ song { ... on Song { t: title } ... on Movie { u: title } } movie { ... on Song { t: title } ... on Movie { u: title minutes } } }',
      { song: { t: 'Song' }, movie: { u: 7, minutes: 90 } },
    ],
    [
      '{ viewer { media { ... on Book { pages } ... on Movie { minutes } } song { __typename } movie { __typename ... on Movie { minutes } ... on Book { title } } } }',
      { viewer: { media: { pages: 5 }, song: { __typename: 'Song' }, movie: { __typename: 'Movie', minutes: 90 } } },
    ],
    ['{ shade(of: LIGHT) bright(of: PALE) }', { shade: 'LIGHT', bright: 'bright PALE' }],
  ],
};

const overridden: Shape = {
  name: 'fields of an interface that are overridden in some of its types',
  subgraphs: [
    {
      name: 'old',
      sdl: `type Query { feed: [Post] }
        interface Post { id: ID! created: String text: String }
        type Image implements Post @key(fields: "id") { id: ID! created: String text: String @shareable }
        type Words implements Post @key(fields: "id") { id: ID! created: String text: String @shareable }`,
      resolvers: {
        Query: {
          feed: () => [
            { __typename: 'Image', id: 'i1' },
            { __typename: 'Words', id: 'w1' },
          ],
        },
        Image: { created: () => 'POISON', text: () => 'image' },
        Words: { created: () => 'old words', text: () => 'words' },
      },
    },
    {
      name: 'new',
      sdl: `type Query { images: [Post] }
        interface Post { id: ID! created: String }
        type Image implements Post @key(fields: "id") { id: ID! created: String @override(from: "old") }
        type Words implements Post @key(fields: "id") { id: ID! created: String @external }`,
      resolvers: {
        Query: {
          images: () => [
            { __typename: 'Image', id: 'i2' },
            { __typename: 'Words', id: 'w2' },
          ],
        },
        Image: { __resolveReference: itself, created: ({ id }: { id: string }) => `new ${id}` },
        Words: { __resolveReference: itself, created: () => 'POISON' },
      },
    },
  ],
  answers: [
    ['{ feed { created } }', { feed: [{ created: 'new i1' }, { created: 'old words' }] }],
    [
      '{ images { id created text } }',
      {
        images: [
          { id: 'i2', created: 'new i2', text: 'image' },
          { id: 'w2', created: 'old words', text: 'words' },
        ],
      },
    ],
    ['{ feed { ... on Image { created } ... on Words { id } } }', { feed: [{ created: 'new i1' }, { id: 'w1' }] }],
  ],
};

describe.each([listKeys, interfaceObjects, provided, parts, overridden])('$name', ({ subgraphs, answers }) => {
  let graph: Graph | undefined;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph?.close());

  it.each(answers)('answers %s', async (query, data) => {
    expect(JSON.parse((await graph?.answer(query)) ?? '')).toEqual({ data });
  });
});
