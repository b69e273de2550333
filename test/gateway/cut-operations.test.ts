import { type Graph, startGraph } from '../support/graph';

/**
 * Operations with so many ways through the subgraphs that the planner does not plan them whole: they are cut below
 * abstract types. Real: subgraphs over HTTP, composition, planner thread, engine. Each type asks `far` of one subgraph
 * and `next` of the other, and any of twelve may follow, so that each level has twelve times as many ways.
 */
interface Ref {
  readonly __typename: string;
  readonly id: string;
}
const kinds = Array.from({ length: 12 }, (_, index) => `Wide${index}`);
const after = ({ __typename, id }: Ref, name: string): Ref | null => {
  if (id.length > 7) return null;
  const index = (Number(__typename.slice(4)) + name.length) % 12;
  return { __typename: `Wide${index}`, id: `${id}${name[0]}` };
};
const typed = (typeName: string) => (reference: { id: string }) => ({ ...reference, __typename: typeName });
const ofEach = (fields: object) =>
  Object.fromEntries(kinds.map((name) => [name, { __resolveReference: typed(name), ...fields }]));
const scoreOf = ({ id }: Ref) => (id.endsWith('f') ? null : id.length);

const subgraphs = [
  {
    name: 'people',
    sdl: `
      type Query { wide: Wide wides: [Wide!]! }
      interface Wide { id: ID! next: Wide }
      type Plain implements Wide { id: ID! next: Wide far(loud: Boolean): Wide score: Int note: String }
      ${kinds.map((name) => `type ${name} implements Wide @key(fields: "id") { id: ID! next: Wide nexts: [Wide!]! }`).join('\n')}`,
    resolvers: {
      Query: {
        wide: () => ({ __typename: 'Wide0', id: 'w' }),
        wides: () => [
          { __typename: 'Wide3', id: 'v' },
          {
            __typename: 'Plain',
            id: 'p',
            note: 'plain',
            next: { __typename: 'Wide1', id: 'pn' },
            far: { __typename: 'Wide2', id: 'pf' },
          },
          { __typename: 'Wide5', id: 'u' },
        ],
      },
      ...ofEach({
        next: (ref: Ref) => after(ref, 'next'),
        nexts: (ref: Ref) => [after(ref, 'next'), after(ref, 'nexts')],
      }),
    },
  },
  {
    name: 'posts',
    sdl: `
      interface Wide { id: ID! far(loud: Boolean): Wide score: Int }
      ${kinds.map((name) => `type ${name} implements Wide @key(fields: "id") { id: ID! far(loud: Boolean): Wide score: Int }`).join('\n')}`,
    resolvers: ofEach({ far: (ref: Ref) => after(ref, 'far'), score: scoreOf }),
  },
];

jest.setTimeout(120_000);

describe('an operation that is cut', () => {
  let graph: Graph;
  beforeAll(async () => {
    // Not the time of a busy machine is tested, but what the planner makes of it.
    graph = await startGraph(subgraphs, {
      config: { planner: { timeoutMs: 60_000 }, timeouts: { operationMs: 90_000 } },
    });
  }, 30_000);
  afterAll(() => graph.close());

  async function ask(query: string, variables = {}) {
    graph.requests.length = 0;
    return { answer: await graph.answer(query, variables), requests: graph.requests.map(({ subgraph }) => subgraph) };
  }

  it('is answered with one request for each change of subgraph', async () => {
    const { answer, requests } = await ask('{ wide { far { next { far { next { id score } } } } } }');
    expect(answer).toBe('{"data":{"wide":{"far":{"next":{"far":{"next":{"id":"wfnfn","score":5}}}}}}}');
    expect(requests).toEqual(['people', 'posts', 'people', 'posts', 'people', 'posts']);
  });

  it('is answered like others: lists, aliases, arguments, null, and objects that no key leads to', async () => {
    const query = `query ($loud: Boolean) {
      wides {
        __typename
        a: far(loud: $loud) { next { __typename far { next { id } } } }
        far { score next { far { score } } }
        ... on Plain { note }
        ... on Wide5 { nexts { id far { next { far { id } } } } }
      }
    }`;
    const { answer } = await ask(query, { loud: true });
    const below = (id: string, next: string) => ({
      a: { next: { __typename: next, far: { next: { id: `${id}fnfn` } } } },
      far: { score: null, next: { far: { score: null } } },
    });
    expect(JSON.parse(answer)).toEqual({
      data: {
        wides: [
          { __typename: 'Wide3', ...below('v', 'Wide10') },
          { __typename: 'Plain', ...below('p', 'Wide6'), note: 'plain' },
          {
            __typename: 'Wide5',
            ...below('u', 'Wide0'),
            nexts: [
              { id: 'un', far: { next: { far: { id: 'unfnf' } } } },
              { id: 'un', far: { next: { far: { id: 'unfnf' } } } },
            ],
          },
        ],
      },
    });
  });

  it('is refused when it is too large in another way', async () => {
    const fields = kinds.map((name) => `... on ${name} { far { next { far { next { id } } } } }`).join(' ');
    const inside = (depth: number): string => (depth === 0 ? 'id' : `${fields} far { next { ${inside(depth - 1)} } }`);
    const { answer, requests } = await ask(`{ wide { ${inside(3)} } }`);
    expect(JSON.parse(answer).errors[0].extensions.code).toBe('QUERY_PLAN_TOO_LARGE');
    expect(requests).toEqual([]);
  });
});
