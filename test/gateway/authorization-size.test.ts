import { type Graph, startGraph } from '../support/graph';
import { nobody } from '../support/identities';

jest.setTimeout(60_000);

/** Real: a whole gateway, on a graph with an interface of 150 types of which one is protected. Observed: time, refusals. */
const types = Array.from({ length: 150 }, (_, index) => `type T${index} implements Node { label: String node: Node }`);
const sdl = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@authenticated"])
  type Query { node: Node }
  interface Node { label: String node: Node }
  type Closed implements Node { label: String @authenticated node: Node @authenticated }
  ${types.join('\n')}`;
const resolvers = { Query: { node: () => ({ __typename: 'T7', label: 'seven' }) } };

let graph: Graph;
beforeAll(async () => {
  graph = await startGraph([{ name: 'a', sdl, resolvers }]);
});
afterAll(() => graph?.close());

/** Many tests share this machine. Without a bound it is tens of seconds. */
const generousMs = 8_000;

/** The longest time that a timer was late while `work` ran. */
async function longestPause(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  await work();
  await new Promise((resolve) => setTimeout(resolve, 5));
  clearInterval(timer);
  return longest;
}

describe('a field that one of many types protects', () => {
  it('is answered for the others', async () => {
    expect((await graph.ask(nobody, '{ node { label } }')).data).toEqual({ node: { label: 'seven' } });
  });

  it.each([
    ['with much below it', `{ node { node { ${'label '.repeat(3_000)} } } }`],
    ['nested in itself', `{ node { node { node { node { label } } } } }`],
  ])('is refused %s, before that costs anything', async (_what, query) => {
    let code: unknown;
    const pause = await longestPause(async () => {
      code = (await graph.ask(nobody, query)).errors?.[0]?.extensions.code;
    });
    expect(code).toBe('QUERY_PLAN_TOO_LARGE');
    expect(pause).toBeLessThan(generousMs);
  });

  it('is looked for once, however often it is asked', async () => {
    const pause = await longestPause(() => graph.ask(nobody, `{ node { ${'label '.repeat(9_000)} } }`));
    expect(pause).toBeLessThan(generousMs);
  });
});
