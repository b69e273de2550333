/**
 * Protected fields in parts of answers. Real: subgraphs over HTTP, composition, planner thread, engine, policies.
 * Observed: every payload as text, and what subgraphs were asked.
 */
import { textsOf } from '../../src/client/event-text';
import { openDeadline } from '../../src/context/deadline';
import type { Identity } from '../../src/context/request-context';
import { inParts } from '../../src/pipeline';
import { silentLog } from '../../src/telemetry/log';
import { type Graph, startGraph } from '../support/graph';
import { nobody, someone } from '../support/identities';

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
    const prepared = graph.gateway.prepare(query, undefined);
    if (prepared.kind === 'refused') throw prepared.errors[0];
    const { deadline, dispose } = openDeadline(Date.now() + 20_000, Date.now);
    const calls = { count: 0, failed: 0 };
    const common = { id: 'test', identity, deadline, log: silentLog, subgraphHeaders: {}, calls, told: {} };
    const context = { ...common, dispose, clientLeft() {} };
    const answer = await graph.gateway.answer(inParts(prepared, context), {}, context);
    const payloads: string[] = [];
    for await (const text of textsOf(answer, context)) payloads.push(text);
    dispose();
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
