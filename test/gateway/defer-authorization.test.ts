/**
 * Protected fields in parts of answers. Real: subgraphs over HTTP, composition, planner thread, engine, policies.
 * Observed: every payload as text, and what subgraphs were asked.
 */
import type { Identity } from '../../src/context/request-context';
import { type Graph, startGraph } from '../support/graph';
import { nobody, someone } from '../support/identities';
import { askInParts } from '../support/parts';

jest.setTimeout(30_000);
const itself = (reference: object) => reference;
const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@authenticated"])\n`;

const subgraphs = [
  {
    name: 'users',
    sdl: `${link} type Query { user: User node: Node } interface Node { id: ID! }
      type User implements Node @key(fields: "id") { id: ID! name: String }`,
    resolvers: {
      Query: { user: () => ({ id: 'u1' }), node: () => ({ __typename: 'User', id: 'u1' }) },
      User: { __resolveReference: itself, name: () => 'Ada' },
    },
  },
  {
    name: 'secrets',
    sdl: `${link} type User @key(fields: "id") { id: ID! open: String secret: String @authenticated }`,
    resolvers: { User: { __resolveReference: itself, open: () => 'said', secret: () => 'hush' } },
  },
];

describe('a protected field that is deferred', () => {
  let graph: Graph;
  beforeAll(async () => {
    graph = await startGraph(subgraphs);
  });
  afterAll(() => graph.close());
  beforeEach(() => {
    graph.requests.length = 0;
  });

  async function payloadsOf(identity: Identity, query: string): Promise<string> {
    const payloads: string[] = [];
    for await (const payload of askInParts(graph.gateway, { query }, identity)) payloads.push(JSON.stringify(payload));
    return payloads.join('\n');
  }

  it.each([
    ['alone', '{ user { name ... @defer { secret } } }'],
    ['beside an open one', '{ user { name ... @defer { open secret } } }'],
    ['under an alias', '{ user { name ... @defer { name: name open: secret } } }'],
    ['in a named fragment', '{ user { name ...Late @defer } } fragment Late on User { secret }'],
    ['within what is deferred', '{ user { ... @defer { open ... @defer { secret } } } }'],
    ['at the root', '{ ... @defer { user { secret } } }'],
    ['through an interface', '{ node { id ... on User @defer { secret } } }'],
    ['at once, with another one deferred', '{ user { secret ... @defer { open } } }'],
  ])('is in no part for who may not read it, nor asked for: %s', async (_name, query) => {
    const [stranger, reader] = await Promise.all([payloadsOf(nobody, query), payloadsOf(someone(), query)]);
    expect(stranger).not.toContain('hush');
    expect(stranger).toContain('UNAUTHORIZED_FIELD_OR_TYPE');
    expect(reader).toContain('hush');
    expect(reader).not.toContain('UNAUTHORIZED_FIELD_OR_TYPE');
    const asked = () => /\bsecret\b/.test(JSON.stringify(graph.requests));
    expect(asked()).toBe(true);
    graph.requests.length = 0;
    await payloadsOf(nobody, query);
    expect(asked()).toBe(false);
  });
});
