import { type Graph, type GraphSubgraph, startGraph } from '../support/graph';

/**
 * Corners of federation that gateways refuse, or answer wrongly: subgraphs that need one another in turn, keys that
 * nobody may know, objects that a union of one subgraph lacks, interfaces without objects. Real: subgraphs over HTTP,
 * composition, planner thread, engine. The right answers are written out, with the codes of errors beside them.
 */
const itself = (reference: object) => reference;
interface Ref {
  readonly id: string;
}

interface Corner {
  readonly name: string;
  readonly subgraphs: readonly GraphSubgraph[];
  /** Query, right data, and the codes of the errors beside it. */
  readonly answers: readonly (readonly [query: string, data: object, ...codes: string[]])[];
}

const years: Readonly<Record<string, number>> = { w1: 1, w2: 20 };

const inTurn: Corner = {
  name: 'subgraphs that require of one another, in turn',
  subgraphs: [
    {
      name: 'feed',
      sdl: `type Query { stories: [Story!]! }
        type Story @key(fields: "id") {
          id: ID! fresh: Boolean! @external seasoned: Boolean! @requires(fields: "fresh")
          verdict: String! @external headline: String! @requires(fields: "verdict")
        }
        type Writer @key(fields: "id") { id: ID! years: Int! }`,
      resolvers: {
        Query: { stories: () => [{ id: 's1' }, { id: 's2' }] },
        Story: {
          __resolveReference: itself,
          seasoned: ({ fresh }: { fresh: boolean }) => !fresh,
          headline: ({ verdict }: { verdict: string }) => `${verdict}!`,
        },
        Writer: { __resolveReference: itself, years: ({ id }: Ref) => years[id] },
      },
    },
    {
      name: 'staff',
      sdl: `type Story @key(fields: "id") {
          id: ID! writer: Writer! fresh: Boolean! @requires(fields: "writer { years }")
          seasoned: Boolean! @external verdict: String! @requires(fields: "seasoned")
        }
        type Writer @key(fields: "id") { id: ID! years: Int! @external }`,
      resolvers: {
        Story: {
          __resolveReference: itself,
          writer: ({ id }: Ref) => ({ id: `w${id.slice(1)}` }),
          fresh: ({ writer }: { writer: { years: number } }) => writer.years < 10,
          verdict: ({ seasoned }: { seasoned: boolean }) => (seasoned ? 'good' : 'young'),
        },
        Writer: { __resolveReference: itself },
      },
    },
  ],
  answers: [
    ['{ stories { fresh } }', { stories: [{ fresh: true }, { fresh: false }] }],
    ['{ stories { seasoned } }', { stories: [{ seasoned: false }, { seasoned: true }] }],
    ['{ stories { headline } }', { stories: [{ headline: 'young!' }, { headline: 'good!' }] }],
  ],
};

const unknownIds: Corner = {
  name: 'a shared root field whose objects have no id there',
  subgraphs: [
    {
      name: 'people',
      sdl: `type Query { thing(id: ID!): Thing @shareable person(id: ID!): Person }
        interface Thing { id: ID! }
        type Person implements Thing @key(fields: "id") { id: ID! name: String! }
        type Room implements Thing @key(fields: "id") { id: ID! @external owner: Person! }`,
      resolvers: {
        Query: {
          thing: (_: unknown, { id }: Ref) =>
            id.startsWith('p') ? { __typename: 'Person', id, name: id } : { __typename: 'Room', id: 'POISON' },
          person: (_: unknown, { id }: Ref) => ({ id, name: id }),
        },
        Person: { __resolveReference: ({ id }: Ref) => ({ id, name: id }) },
        Room: { __resolveReference: itself, owner: () => ({ id: 'p1', name: 'p1' }) },
      },
    },
    {
      name: 'rooms',
      sdl: `type Query { thing(id: ID!): Thing @shareable room(id: ID!): Room }
        interface Thing { id: ID! }
        type Room implements Thing @key(fields: "id") { id: ID! title: String! }
        type Person implements Thing @key(fields: "id") { id: ID! @external rooms: [Room!]! }`,
      resolvers: {
        Query: {
          thing: (_: unknown, { id }: Ref) =>
            id.startsWith('r') ? { __typename: 'Room', id, title: id } : { __typename: 'Person', id: 'POISON' },
          room: (_: unknown, { id }: Ref) => ({ id, title: id }),
        },
        Room: { __resolveReference: ({ id }: Ref) => ({ id, title: id }) },
        Person: { __resolveReference: itself, rooms: () => [{ id: 'r1', title: 'r1' }] },
      },
    },
  ],
  answers: [
    [
      '{ a: thing(id: "p1") { __typename } b: thing(id: "r1") { __typename } }',
      { a: { __typename: 'Person' }, b: { __typename: 'Room' } },
    ],
    [
      '{ a: thing(id: "p1") { ... on Person { id name } } b: thing(id: "r1") { ... on Room { id title } } }',
      { a: { id: 'p1', name: 'p1' }, b: { id: 'r1', title: 'r1' } },
    ],
    ['{ a: thing(id: "p1") { ... on Room { id } } b: thing(id: "r1") { ... on Person { id } } }', { a: {}, b: {} }],
    [
      '{ room(id: "r1") { id title owner { id name } } }',
      { room: { id: 'r1', title: 'r1', owner: { id: 'p1', name: 'p1' } } },
    ],
    [
      '{ person(id: "p1") { name rooms { id title } } }',
      { person: { name: 'p1', rooms: [{ id: 'r1', title: 'r1' }] } },
    ],
    // Each subgraph knows the ids of one type alone.
    ['{ a: thing(id: "p1") { id } b: thing(id: "r1") { id } }', { a: { id: 'p1' }, b: { id: 'r1' } }],
  ],
};

const steps = {
  both: { __typename: 'Both', label: 'both' },
  left: { __typename: 'Left', l: 'l' },
  right: { __typename: 'Right', r: 'r' },
};
const everyStep = 'steps { __typename ... on Both { label } ... on Left { l } ... on Right { r } }';

const partialUnions: Corner = {
  name: 'a union below values that two subgraphs share, with other members in each',
  subgraphs: [
    {
      name: 'left',
      sdl: `type Query { ofLeft: Box shared: Box @shareable }
        type Box @key(fields: "id") { id: ID! path: Path @shareable }
        type Path @shareable { steps: [Step!]! }
        union Step = Both | Left
        type Both @shareable { label: String }
        type Left { l: String }`,
      resolvers: {
        Query: {
          ofLeft: () => ({ id: '1', path: { steps: [steps.both, steps.left] } }),
          shared: () => ({ id: '1', path: { steps: [steps.both] } }),
        },
        Box: { __resolveReference: ({ id }: Ref) => ({ id, path: { steps: [steps.both, steps.left] } }) },
      },
    },
    {
      name: 'right',
      sdl: `type Query { ofRight: Box shared: Box @shareable }
        type Box @key(fields: "id") { id: ID! path: Path @shareable otherPath: Path }
        type Path @shareable { steps: [Step!]! }
        union Step = Both | Right
        type Both @shareable { label: String }
        type Right { r: String }`,
      resolvers: {
        Query: {
          ofRight: () => ({ id: '1', path: { steps: [steps.both, steps.right] } }),
          shared: () => ({ id: '1', path: { steps: [steps.both] } }),
        },
        Box: {
          __resolveReference: ({ id }: Ref) => ({ id, path: { steps: [steps.both, steps.right] } }),
          otherPath: () => ({ steps: [steps.both, steps.right] }),
        },
      },
    },
  ],
  answers: [
    [`{ ofLeft { path { ${everyStep} } } }`, { ofLeft: { path: { steps: [steps.both, steps.left] } } }],
    [`{ ofRight { path { ${everyStep} } } }`, { ofRight: { path: { steps: [steps.both, steps.right] } } }],
    [
      '{ ofLeft { path { steps { __typename ... on Right { r } } } } }',
      { ofLeft: { path: { steps: [{ __typename: 'Both' }, { __typename: 'Left' }] } } },
    ],
    ['{ ofLeft { path { steps { ... on Right { r } } } } }', { ofLeft: { path: { steps: [{}, {}] } } }],
    [`{ shared { path { ${everyStep} } } }`, { shared: { path: { steps: [steps.both] } } }],
    [`{ ofLeft { otherPath { ${everyStep} } } }`, { ofLeft: { otherPath: { steps: [steps.both, steps.right] } } }],
  ],
};

const clip = { __typename: 'Clip', id: '1', title: 'title 1', seconds: 100 };

const knownElsewhere: Corner = {
  name: 'a type of an interface that a third subgraph knows without the interface',
  subgraphs: [
    {
      name: 'media',
      sdl: `type Query { media: Media }
        interface Media @key(fields: "id") { id: ID! title: String }
        type Clip implements Media @key(fields: "id") { id: ID! title: String seconds: Int }
        type Text implements Media @key(fields: "id") { id: ID! title: String words: Int }`,
      resolvers: {
        Query: { media: () => clip },
        Media: { __resolveReference: () => clip },
        Clip: { __resolveReference: () => clip },
      },
    },
    {
      name: 'credits',
      sdl: 'extend type Clip @key(fields: "id") { id: ID! credit: String }',
      resolvers: { Clip: { __resolveReference: itself, credit: ({ id }: Ref) => `credit ${id}` } },
    },
    {
      name: 'lists',
      sdl: `type Query { list: List }
        type List { id: ID! first: Media }
        type Media @key(fields: "id") @interfaceObject { id: ID! }`,
      resolvers: { Query: { list: () => ({ id: 'l', first: { id: '1' } }) }, Media: { __resolveReference: itself } },
    },
  ],
  answers: [
    [
      '{ media { id title ... on Clip { seconds credit } ... on Text { words } } list { first { id ... on Clip { seconds } } } }',
      {
        media: { id: '1', title: 'title 1', seconds: 100, credit: 'credit 1' },
        list: { first: { id: '1', seconds: 100 } },
      },
    ],
    ['{ list { first { ... on Clip { credit } } } }', { list: { first: { credit: 'credit 1' } } }],
    ['{ list { first { ... on Text { words } id } } }', { list: { first: { id: '1' } } }],
  ],
};

const noObjects: Corner = {
  name: 'an interface without objects',
  subgraphs: [
    {
      name: 'empty',
      sdl: `type Query { ghost: Ghost bread: Food }
        interface Ghost @key(fields: "id") { id: ID! }
        type Food @key(fields: "id") @interfaceObject { id: ID! }`,
      resolvers: {
        Query: { ghost: () => ({ id: 'g' }), bread: () => ({ id: 'f1' }) },
        Food: { __resolveReference: itself },
        Ghost: { __resolveType: () => 'Nobody' },
      },
    },
    {
      name: 'full',
      sdl: `type Query { seen: Ghost }
        type Ghost @key(fields: "id") @interfaceObject { id: ID! sound: String }
        interface Food @key(fields: "id") { id: ID! name: String }
        type Bread implements Food @key(fields: "id") { id: ID! name: String }`,
      resolvers: {
        Query: { seen: () => ({ id: 'g', sound: 'boo' }) },
        Ghost: { __resolveReference: itself, sound: () => 'boo' },
        Food: { __resolveReference: ({ id }: Ref) => ({ __typename: 'Bread', id, name: 'Rye' }) },
        Bread: { __resolveReference: ({ id }: Ref) => ({ id, name: 'Rye' }) },
      },
    },
  ],
  answers: [
    ['{ seen { id sound } }', { seen: { id: 'g', sound: 'boo' } }],
    ['{ seen { id } }', { seen: { id: 'g' } }],
    ['{ ghost { id } }', { ghost: null }, 'DOWNSTREAM_SERVICE_ERROR'],
    ['{ ghost { sound } }', { ghost: null }, 'DOWNSTREAM_SERVICE_ERROR'],
    ['{ bread { ... on Bread { id } } }', { bread: { id: 'f1' } }],
    ['{ bread { id name __typename } }', { bread: { id: 'f1', name: 'Rye', __typename: 'Bread' } }],
  ],
};

const nullOnTheWay: Corner = {
  name: 'a subgraph on the way to a key that does not know the object',
  subgraphs: [
    {
      name: 'shelves',
      sdl: 'type Query { shelf: [Slot] } type Slot { book: Book } type Book @key(fields: "upc") { upc: ID! }',
      resolvers: {
        Query: { shelf: () => ['b1', 'b2', 'b3'].map((upc) => ({ book: { upc } })) },
        Book: { __resolveReference: itself },
      },
    },
    {
      name: 'index',
      sdl: 'type Book @key(fields: "id") @key(fields: "upc") { id: ID! upc: ID! }',
      resolvers: {
        Book: {
          __resolveReference: ({ upc, id = upc?.slice(1) }: { upc?: string; id?: string }) =>
            id === '3' ? null : { id, upc: `b${id}` },
        },
      },
    },
    {
      name: 'authors',
      sdl: 'type Book @key(fields: "id") { id: ID! author: Author } type Author { name: String }',
      resolvers: { Book: { __resolveReference: itself, author: ({ id }: Ref) => ({ name: `A${id}` }) } },
    },
  ],
  answers: [
    [
      '{ shelf { book { upc author { name } } } }',
      {
        shelf: [
          { book: { upc: 'b1', author: { name: 'A1' } } },
          { book: { upc: 'b2', author: { name: 'A2' } } },
          { book: { upc: 'b3', author: null } },
        ],
      },
    ],
  ],
};

const providedInPart: Corner = {
  name: 'provided fields that nobody asks for',
  subgraphs: [
    {
      name: 'owner',
      sdl: `type Item @key(fields: "id") { id: ID! name: String! @shareable note: String! @shareable extra: String! }`,
      resolvers: { Item: { __resolveReference: itself, extra: ({ id }: Ref) => `extra ${id}`, name: () => 'POISON' } },
    },
    {
      name: 'provider',
      sdl: `type Query { item: Item @provides(fields: "name note") items: [Item!]! @provides(fields: "name note") }
        type Item @key(fields: "id") { id: ID! name: String! @external note: String! @external }`,
      resolvers: {
        Query: {
          item: () => ({ id: '1', name: 'one' }),
          items: () => [
            { id: '1', name: 'one' },
            { id: '2', name: 'two' },
          ],
        },
        Item: {
          note: () => {
            throw new Error('nobody asked for this');
          },
        },
      },
    },
  ],
  answers: [
    ['{ item { id } }', { item: { id: '1' } }],
    ['{ item { id shown: name ... { extra } } }', { item: { id: '1', shown: 'one', extra: 'extra 1' } }],
    [
      '{ items { ...F ... on Item @skip(if: true) { note } } } fragment F on Item { name extra }',
      {
        items: [
          { name: 'one', extra: 'extra 1' },
          { name: 'two', extra: 'extra 2' },
        ],
      },
    ],
  ],
};

const price = ({ base }: { base: number }, { in: unit }: { in: string }) => (unit === 'EUR' ? 2 * base : base);

const argumentsThatDiffer: Corner = {
  name: 'fields that require one field with other arguments each, at two depths',
  subgraphs: [
    {
      name: 'goods',
      sdl: `type Query { goods: [Good!]! }
        type Good @key(fields: "id") { id: ID! price(in: String!): Int kind: Kind }
        type Kind { average(in: String!): Int }`,
      resolvers: {
        Query: { goods: () => [1, 2].map((base) => ({ id: `${base}`, base, kind: { base: 10 * base } })) },
        Good: {
          __resolveReference: ({ id }: Ref) => ({ id, base: Number(id), kind: { base: 10 * Number(id) } }),
          price,
        },
        Kind: { average: price },
      },
    },
    {
      name: 'post',
      sdl: `type Good @key(fields: "id") {
          id: ID! price(in: String!): Int @external kind: Kind @external
          fee: Int @requires(fields: "price(in: \\"USD\\")") feeInEuro: Int @requires(fields: "price(in: \\"EUR\\")")
          isDear: Boolean @requires(fields: "kind { average(in: \\"EUR\\") }")
          isDearAbroad: Boolean @requires(fields: "kind { average(in: \\"USD\\") }")
        }
        type Kind @external { average(in: String!): Int }`,
      resolvers: {
        Good: {
          __resolveReference: itself,
          fee: ({ price: base }: { price: number }) => base * 100,
          feeInEuro: ({ price: base }: { price: number }) => base * 1_000,
          isDear: ({ kind }: { kind: { average: number } }) => kind.average > 30,
          isDearAbroad: ({ kind }: { kind: { average: number } }) => kind.average > 30,
        },
      },
    },
  ],
  answers: [
    [
      '{ goods { fee feeInEuro isDear isDearAbroad price(in: "EUR") kind { average(in: "USD") } } }',
      {
        goods: [
          { fee: 100, feeInEuro: 2_000, isDear: false, isDearAbroad: false, price: 2, kind: { average: 10 } },
          { fee: 200, feeInEuro: 4_000, isDear: true, isDearAbroad: false, price: 4, kind: { average: 20 } },
        ],
      },
    ],
  ],
};

const corners = [
  inTurn,
  unknownIds,
  partialUnions,
  knownElsewhere,
  noObjects,
  nullOnTheWay,
  providedInPart,
  argumentsThatDiffer,
];

describe.each(corners)('$name', ({ subgraphs, answers }) => {
  let graph: Graph | undefined;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph?.close());

  it.each(answers.map(([query, data, ...codes]) => ({ query, data, codes })))('answers $query', async (given) => {
    const { query, data, codes } = given;
    const answer = await graph?.query(query);
    expect(answer?.data).toEqual(data);
    expect(answer?.errors?.map(({ extensions }) => extensions.code) ?? []).toEqual(codes);
  });
});
