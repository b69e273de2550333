import { type Graph, startGraph } from '../support/graph';

/**
 * Two fields that require one field with different arguments: the operation is planned in parts, one after the other.
 * Real: subgraphs over HTTP, composition, planner thread, engine. What one part was sent must not show in another.
 */
const readings: Readonly<Record<string, readonly (object | null)[]>> = {
  wind: [{ value: 1 }, { value: 2 }],
  rain: [null, { value: 4 }],
};
const values = ({ readings: given }: { readings: readonly ({ value: number } | null)[] }) =>
  given.map((reading) => reading?.value ?? null).join(' ');
const itself = (reference: object) => reference;

const subgraphs = [
  {
    name: 'stations',
    sdl: `
      type Query { stations: [Station!]! }
      type Station @key(fields: "id") { id: ID! readings(of: String!): [Reading]! }
      type Reading { value: Int }`,
    resolvers: {
      Query: { stations: () => [{ id: 's1' }] },
      Station: { __resolveReference: itself, readings: (_: unknown, { of }: { of: string }) => readings[of] ?? [] },
    },
  },
  {
    name: 'trends',
    sdl: `
      type Station @key(fields: "id") {
        id: ID!
        readings(of: String!): [Reading]! @external
        wind: String! @requires(fields: "readings(of: \\"wind\\") { value }")
        rain: String! @requires(fields: "readings(of: \\"rain\\") { value }")
        forecast: Forecast! @requires(fields: "readings(of: \\"rain\\") { value }")
      }
      type Forecast { query: Query! }
      type Query { total: Int }
      type Reading { value: Int @external }`,
    resolvers: {
      Query: { total: () => 1 },
      Station: { __resolveReference: itself, wind: values, rain: values, forecast: () => ({ query: {} }) },
    },
  },
];

describe('fields that require one field with different arguments', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  }, 30_000);
  afterAll(() => graph.close());

  it.each([
    ['nulls after values', '{ stations { wind rain } }', '{"wind":"1 2","rain":" 4"}'],
    ['values after nulls', '{ stations { rain wind } }', '{"rain":" 4","wind":"1 2"}'],
    [
      'beside the field itself',
      '{ stations { wind readings(of: "rain") { value } rain } }',
      '{"wind":"1 2","readings":[null,{"value":4}],"rain":" 4"}',
    ],
  ])('get each its own: %s', async (_name, query, station) => {
    expect(await graph.answer(query)).toBe(`{"data":{"stations":[${station}]}}`);
  });

  it('lead back to the root, which several subgraphs answer', async () => {
    expect(await graph.answer('{ stations { forecast { query { total stations { wind } } } } }')).toBe(
      '{"data":{"stations":[{"forecast":{"query":{"total":1,"stations":[{"wind":"1 2"}]}}}]}}',
    );
  });
});
