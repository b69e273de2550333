import { type Graph, startGraph } from '../support/graph';
import { createOracle } from '../support/oracle';

/**
 * Real: subgraphs over HTTP, composition, planner thread, engine; plain graphql-js says what is right.
 * `library` knows the concrete media, `reviews` and `shop` know only the interface, as an object.
 */
interface Media {
  readonly id: string;
}
const media = [
  { __typename: 'Book', id: 'b1', title: 'Iliad', pages: 700 },
  { __typename: 'Film', id: 'f1', title: 'Troy', minutes: 163 },
  { __typename: 'Book', id: 'b2', title: 'Odyssey', pages: 500 },
];
const byId = (id: string) => media.find((item) => item.id === id) ?? null;
const load = ({ id }: Media) => byId(id);
const score = ({ id }: Media) => id.charCodeAt(1) - 48 + (id.startsWith('b') ? 10 : 20);
const relatedIds: Readonly<Record<string, readonly (string | null)[]>> = { b1: ['f1', null, 'b2'], f1: ['b1'], b2: [] };
const priceOf = (title: string) => `${title.length} EUR`;
const author = ({ id }: Media) => ({ id: `a-${id}` });
const authorName = ({ id }: Media) => `Author ${id}`;

const subgraphs = [
  {
    name: 'library',
    sdl: `
      type Query { media: [Media!]! books: [Book!]! things: [Thing!]! one(id: ID!): Media }
      interface Media @key(fields: "id") { id: ID! title: String! author: Author! note: String }
      type Book implements Media @key(fields: "id") { id: ID! title: String! author: Author! note: String! pages: Int! }
      type Film implements Media @key(fields: "id") { id: ID! title: String! author: Author! note: String minutes: Int! }
      type Author @key(fields: "id") { id: ID! name: String! }
      type Place { city: String! best: Media }
      union Thing = Book | Film | Place`,
    resolvers: {
      Query: {
        media: () => media,
        books: () => media.filter((item) => item.__typename === 'Book'),
        things: () => [media[1], { __typename: 'Place', city: 'Troy', best: media[0] }, media[2]],
        one: (_: unknown, { id }: Media) => byId(id),
      },
      Media: { __resolveReference: load },
      Book: { __resolveReference: load, author },
      Film: { __resolveReference: load, author },
      Author: { __resolveReference: (reference: Media) => reference, name: authorName },
    },
  },
  {
    name: 'reviews',
    sdl: `
      type Query { top: [Media!]! best: Media! lost: Media }
      type Mutation { vote(id: ID!): Media! }
      type Media @key(fields: "id") @interfaceObject { id: ID! score: Int! related: [Media]! review: Review! }
      type Review { text: String! media: Media! }`,
    resolvers: {
      Query: { top: () => [{ id: 'f1' }, { id: 'b2' }], best: () => ({ id: 'b1' }), lost: () => ({ id: 'x9' }) },
      Mutation: { vote: (_: unknown, reference: Media) => reference },
      Media: {
        __resolveReference: (reference: Media) => reference,
        score,
        related: ({ id }: Media) => relatedIds[id]?.map((other) => other && { id: other }) ?? [],
        review: (item: Media) => ({ text: `about ${item.id}`, media: item }),
      },
    },
  },
  {
    name: 'shop',
    sdl: `type Media @key(fields: "id") @interfaceObject {
      id: ID! title: String! @external price: String! @requires(fields: "title") stock: Int
    }`,
    resolvers: {
      Media: {
        __resolveReference: (reference: Media) => reference,
        price: ({ title }: { title: string }) => priceOf(title),
        stock: score,
      },
    },
  },
];

const fields = `id: ID! title: String! author: Author! score: Int! related: [Media]! review: Review! price: String! stock: Int`;
const common = {
  author,
  score,
  related: ({ id }: Media) => relatedIds[id]?.map((other) => other && byId(other)) ?? [],
  review: (item: Media) => ({ text: `about ${item.id}`, media: byId(item.id) }),
  price: ({ title }: { title: string }) => priceOf(title),
  stock: score,
};
const oracle = createOracle(
  `type Query {
    media: [Media!]! books: [Book!]! things: [Thing!]! one(id: ID!): Media top: [Media!]! best: Media!
  }
  type Mutation { vote(id: ID!): Media! }
  interface Media { ${fields} }
  type Book implements Media { ${fields} pages: Int! }
  type Film implements Media { ${fields} minutes: Int! }
  type Author { id: ID! name: String! }
  type Review { text: String! media: Media! }
  type Place { city: String! best: Media }
  union Thing = Book | Film | Place`,
  {
    Query: { ...subgraphs[0]?.resolvers.Query, top: () => [byId('f1'), byId('b2')], best: () => byId('b1') },
    Mutation: { vote: (_: unknown, { id }: Media) => byId(id) },
    Book: common,
    Film: common,
    Author: { name: authorName },
  },
);

describe('@interfaceObject', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs, { config: { planner: { timeoutMs: 1_500 } } });
  }, 30_000);
  afterAll(() => graph.close());
  beforeEach(() => {
    graph.requests.length = 0;
  });

  it.each([
    ['adds fields to the interface', '{ media { id score title } }'],
    ['adds fields to each implementation', '{ books { score pages review { text } } }'],
    ['adds fields beside __typename', '{ media { kind: __typename score __typename } }'],
    ['names concrete types where only the object is known', '{ top { __typename id } }'],
    ['names them under an alias alone', '{ top { t: __typename } }'],
    ['answers the fields of the object alone', '{ top { id score } }'],
    ['joins the fields of the interface', '{ top { score title } }'],
    ['joins a single object', '{ best { title score author { name } } }'],
    ['answers under a concrete type condition', '{ top { ... on Book { pages } ... on Film { minutes } } }'],
    ['answers a field of the object under a concrete condition', '{ top { ... on Book { score } id } }'],
    [
      'answers different fields of the object by type',
      '{ top { ... on Book { score } ... on Film { review { text } } } }',
    ],
    ['answers under a condition on the interface', '{ top { ... on Media { score ... on Film { title minutes } } } }'],
    ['leads to objects of its own', '{ media { related { id score } } }'],
    ['leads to concrete objects', '{ media { related { __typename title ... on Book { pages } } } }'],
    ['leads three deep', '{ best { related { related { related { title score __typename } } } } }'],
    ['leads through a plain object', '{ top { review { text media { title review { media { __typename } } } } } }'],
    ['requires a field of the implementations', '{ media { price } }'],
    ['requires beside what the client asks', '{ top { price title: id id: title } }'],
    ['requires on implementations', '{ books { price } best { related { price } } }'],
    ['requires for some, beside a field of all', '{ media { stock ... on Film { price } } }'],
    ['requires for some, beside a field of others', '{ media { ... on Book { price } ... on Film { stock } } }'],
    ['requires for some, by a fragment in a fragment', '{ media { stock ... on Film { ... on Media { price } } } }'],
    ['requires for some behind a union', '{ things { ... on Media { stock } ... on Film { price } } }'],
    ['requires where only the object is known', '{ top { stock ... on Book { price } ... on Film { stock price } } }'],
    ['is reached through a union', '{ things { ... on Media { score } ... on Place { city best { price } } } }'],
    ['is reached through members of a union', '{ things { __typename ... on Book { score } ... on Film { price } } }'],
    [
      'is reached by fragments',
      '{ top { ...A } } fragment A on Media { ...B score } fragment B on Book { pages review { text } }',
    ],
    ['is reached after a mutation', 'mutation { vote(id: "f1") { score title __typename ... on Film { minutes } } }'],
    ['keeps aliases with names of keys apart', '{ top { id: title title: id score: __typename __typename } }'],
    ['answers a null object', '{ one(id: "none") { score } }'],
  ])('%s', async (_name, query) => {
    expect(await graph.answer(query)).toBe(await oracle(query));
  });

  it('asks nobody for the concrete type when nothing depends on it', async () => {
    await graph.query('{ top { id score review { text } } }');
    expect(graph.requests.map(({ subgraph }) => subgraph)).toEqual(['reviews']);
  });

  it.each([
    ['under a condition', '{ media { ... on Book { score } } }', 1],
    ['under a condition, with what it requires', '{ media { ... on Book { price } } }', 1],
    ['under a condition, with what it requires asked of all', '{ media { title ... on Book { price } } }', 1],
    ['under a condition where only the object was known', '{ top { ... on Book { score } } }', 2],
  ])('sends only objects that match: %s', async (_name, query, index) => {
    expect(await graph.answer(query)).toBe(await oracle(query));
    const representations = graph.requests[index]?.variables.representations as readonly { readonly id?: string }[];
    expect(representations.map(({ id }) => id?.[0])).toEqual(representations.map(() => 'b'));
  });

  it('answers null and an error for an object whose type nobody knows', async () => {
    expect(await graph.answer('{ lost { id __typename } best { id } }')).toBe(
      '{"errors":[{"message":"A value of type \\"Media\\" is of a type that cannot stand here.","path":["lost"],' +
        '"extensions":{"code":"INVALID_SUBGRAPH_DATA","serviceName":"reviews"}}],"data":{"lost":null,"best":{"id":"b1"}}}',
    );
  });

  it('answers null for an object that a field required of its type alone has emptied', async () => {
    const { data, errors } = JSON.parse(await graph.answer('{ best { related { id note } } }'));
    expect(data).toEqual({ best: { related: [{ id: 'f1', note: null }, null, null] } });
    expect(errors.map(({ path }: { path: unknown }) => path)).toEqual([['best', 'related', 2, 'note']]);
  });

  it('answers a field with requirements under a condition where only the object is known', async () => {
    const query = '{ top { ... on Book { price } } }';
    expect(await graph.answer(query)).toBe(await oracle(query));
  });
});
