/**
 * Sockets of a subgraph: who may open one, what a bad operation ends. Real: Postgres, ws, the content subgraph.
 */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { createContentSubgraph } from '../../subgraphs/content/subgraph';
import { createLocalEvents } from '../../subgraphs/shared/events';
import { IDENTITY_HEADER, signIdentity } from '../../subgraphs/shared/identity';
import { hear, openSocket, until } from './live-support';
import { startTestSubgraph, type TestSubgraph, user } from './payments-content-support';
import { anonymous, testKey } from './shared-call';

const events = createLocalEvents();
const POSTS = 'subscription { postPublished { id } }';
let content: TestSubgraph;

beforeAll(async () => {
  content = await startTestSubgraph(createContentSubgraph(), events);
});

afterAll(() => content.close());

/** The close code of a socket that says `first`. */
async function closeCode(first: string, path = '/graphql'): Promise<number> {
  const socket = new WebSocket(content.url.replace('http', 'ws') + path, 'graphql-transport-ws');
  await once(socket, 'open');
  socket.send(first);
  const [code] = (await once(socket, 'close')) as [number];
  return code;
}

describe('a socket of a subgraph', () => {
  it.each([
    ['says nothing of itself', {}],
    ['has a forged token', { [IDENTITY_HEADER]: 'e30.e30.e30' }],
    ['speaks for a user', { [IDENTITY_HEADER]: signIdentity(user(1), testKey) }],
    ['speaks for nobody', { [IDENTITY_HEADER]: signIdentity(anonymous, testKey) }],
  ])('is closed with 4403 when it %s', async (_, payload) => {
    expect(await closeCode(JSON.stringify({ type: 'connection_init', payload }))).toBe(4403);
  });

  it('is not opened at other paths', async () => {
    const socket = new WebSocket(`${content.url.replace('http', 'ws')}/elsewhere`, 'graphql-transport-ws');
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toContain('404');
  });

  it.each([
    ['without an identity', undefined, POSTS, 'UNAUTHENTICATED'],
    ['that does not parse', anonymous, 'subscription {', 'GRAPHQL_PARSE_FAILED'],
    ['that is not valid', anonymous, 'subscription { nothing }', 'GRAPHQL_VALIDATION_FAILED'],
    ['that is a query', anonymous, '{ feed { nodes { __typename } } }', 'BAD_USER_INPUT'],
    ['that is a mutation', anonymous, 'mutation { deletePost(id: "1") }', 'BAD_USER_INPUT'],
  ])('ends an operation %s, and nothing else', async (_, caller, query, code) => {
    const socket = openSocket(content.url);
    const other = hear(socket, anonymous, POSTS);
    await until(() => events.listeners('content:postPublished') === 1);
    const refused = hear(socket, caller, query);
    await until(() => refused.hasEnded);
    expect(refused.errors.map(({ extensions }) => extensions?.code)).toEqual([code]);
    expect(other.hasEnded).toBe(false);
    await socket.dispose();
    await until(() => events.listeners('content:postPublished') === 0);
  });

  it('is closed with 1001 when the subgraph ends', async () => {
    const ending = await startTestSubgraph(createContentSubgraph());
    const socket = new WebSocket(`${ending.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    const closed = once(socket, 'close');
    await ending.close();
    expect((await closed)[0]).toBe(1001);
  });
});
