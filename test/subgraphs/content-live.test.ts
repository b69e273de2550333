/**
 * What content tells while it happens. Real: Postgres, sockets of graphql-ws, identity tokens.
 * Observed: what each subscriber hears, and that nobody listens any more when all have gone.
 */
import type { Client } from 'graphql-ws';
import { createContentSubgraph } from '../../subgraphs/content/subgraph';
import { createLocalEvents } from '../../subgraphs/shared/events';
import { hear, openSocket, until } from './live-support';
import { ada, errorsOf, nobody, startTestSubgraph, type TestSubgraph, user } from './payments-content-support';
import { anonymous } from './shared-call';

const events = createLocalEvents();
const [linus, grace, stranger] = [user(3), user(2), user(9)];
let content: TestSubgraph;
let socket: Client;
let conversationId: string;

const ADDED =
  'subscription ($id: ID!) { it: messageAdded(conversationId: $id) { id body sender { id } conversation { lastMessage { body } } } }';
const UPDATED = 'subscription ($id: ID!) { it: messageUpdated(conversationId: $id) { id body edited createdAt } }';
const DELETED =
  'subscription ($id: ID!) { it: messageDeleted(conversationId: $id) { id sender { id } conversation { id } } }';
const TYPING = 'subscription ($id: ID!) { it: typing(conversationId: $id) { user { id } until conversation { id } } }';
const SEND = 'mutation ($id: ID!, $body: String!) { it: sendMessage(conversationId: $id, body: $body) { id } }';

beforeAll(async () => {
  content = await startTestSubgraph(createContentSubgraph(), events);
  socket = openSocket(content.url);
});

afterAll(async () => {
  await socket.dispose();
  await content.close();
});

beforeEach(async () => {
  const start = 'mutation ($input: StartConversationInput!) { it: startConversation(input: $input) { id } }';
  const input = { title: 'Engines', participantIds: [grace.id], message: 'Hello' };
  const { data } = await content.ask<{ it: { id: string } }>(linus, start, { input });
  conversationId = data.it.id;
});

const listeners = (event: string) => events.listeners(`content:${event}:${conversationId}`);

async function send(body: string): Promise<string> {
  const { data } = await content.ask<{ it: { id: string } }>(linus, SEND, { id: conversationId, body });
  return data.it.id;
}

describe('subscriptions of content', () => {
  it('tell all participants of a message, each with what is true at that moment', async () => {
    const heard = [
      hear(socket, linus, ADDED, { id: conversationId }),
      hear(socket, grace, ADDED, { id: conversationId }),
    ];
    await until(() => listeners('messageAdded') === 2);
    const ids = [await send('one'), await send('two')];
    await until(() => heard.every((each) => each.events.length === 2));
    for (const { events: told } of heard) {
      expect(told).toEqual(
        ['one', 'two'].map((body, index) => ({
          it: {
            id: ids[index],
            body,
            sender: { id: linus.id },
            conversation: { lastMessage: { body: expect.any(String) } },
          },
        })),
      );
      // Nothing that was loaded for the first event is shown again for the second.
      expect(told[1].it.conversation.lastMessage.body).toBe('two');
    }
    for (const each of heard) each.stop();
    await until(() => listeners('messageAdded') === 0);
  });

  it('tell of changes and deletions', async () => {
    const updated = hear(socket, grace, UPDATED, { id: conversationId });
    const deleted = hear(socket, grace, DELETED, { id: conversationId });
    await until(() => listeners('messageUpdated') === 1 && listeners('messageDeleted') === 1);
    const id = await send('tpyo');
    await content.ask(linus, 'mutation ($id: ID!) { editMessage(id: $id, body: "typo") { id } }', { id });
    await content.ask(linus, 'mutation ($id: ID!) { deleteMessage(id: $id) }', { id });
    await until(() => deleted.events.length === 1);
    expect(updated.events).toEqual([
      { it: { id, body: 'typo', edited: true, createdAt: expect.stringMatching(/Z$/) } },
    ]);
    expect(deleted.events).toEqual([{ it: { id, sender: { id: linus.id }, conversation: { id: conversationId } } }]);
    updated.stop();
    deleted.stop();
  });

  it('tell the others who is writing and who stopped, not the writer', async () => {
    const [own, other] = [linus, grace].map((caller) => hear(socket, caller, TYPING, { id: conversationId }));
    await until(() => listeners('typing') === 2);
    const tell = (field: string) =>
      content.ask(linus, `mutation ($id: ID!) { ${field}(conversationId: $id) }`, { id: conversationId });
    const { data } = await tell('startTyping');
    await tell('stopTyping');
    await until(() => other?.events.length === 2);
    const event = { user: { id: linus.id }, conversation: { id: conversationId } };
    expect(other?.events).toEqual([{ it: { ...event, until: data.startTyping } }, { it: { ...event, until: null } }]);
    expect(own?.events).toEqual([]);
    own?.stop();
    other?.stop();
  });

  it.each([ADDED, UPDATED, DELETED, TYPING])('are for participants alone: %#', async (query) => {
    for (const [caller, id, code] of [
      [stranger, conversationId, 'NOT_FOUND'],
      [ada, conversationId, 'NOT_FOUND'],
      [linus, 'no id', 'NOT_FOUND'],
      [nobody, conversationId, 'UNAUTHENTICATED'],
    ] as const) {
      const refused = hear(socket, caller, query, { id });
      await until(() => refused.hasEnded);
      expect([refused.events, refused.errors.map(({ extensions }) => extensions?.code)]).toEqual([[], [code]]);
    }
  });

  it.each(['startTyping', 'stopTyping'])('%s is for participants alone', async (field) => {
    const query = `mutation ($id: ID!) { it: ${field}(conversationId: $id) }`;
    expect(errorsOf(await content.ask(stranger, query, { id: conversationId }))).toEqual(['NOT_FOUND it']);
    expect(errorsOf(await content.ask(nobody, query, { id: conversationId }))).toEqual(['UNAUTHENTICATED it']);
  });

  it('tell everybody of a post when it is published for the first time, and with a tag of those that have it', async () => {
    const all = hear(socket, anonymous, 'subscription { it: postPublished { title tags author { id } } }');
    const some = hear(socket, anonymous, 'subscription { it: postPublished(tag: "engines") { title } }');
    await until(() => events.listeners('content:postPublished') === 2);
    const create = 'mutation ($input: CreatePostInput!) { it: createPost(input: $input) { id } }';
    const update = 'mutation ($id: ID!, $input: UpdatePostInput!) { it: updatePost(id: $id, input: $input) { id } }';
    const draft = { title: 'Draft', body: 'x', tags: ['engines'], status: 'DRAFT' };
    const { data } = await content.ask<{ it: { id: string } }>(linus, create, { input: draft });
    const change = (input: object) => content.ask(linus, update, { id: data.it.id, input });
    await change({ title: 'Still a draft' });
    await change({ status: 'PUBLISHED', title: 'Out' });
    await change({ title: 'Out, corrected' });
    await content.ask(linus, create, { input: { title: 'At once', body: 'x' } });
    await until(() => all.events.length === 2);
    expect(all.events).toEqual([
      { it: { title: 'Out', tags: ['engines'], author: { id: linus.id } } },
      { it: { title: 'At once', tags: [], author: { id: linus.id } } },
    ]);
    expect(some.events).toEqual([{ it: { title: 'Out' } }]);
    all.stop();
    some.stop();
  });

  it('end when their socket is lost', async () => {
    const other = openSocket(content.url);
    hear(other, linus, ADDED, { id: conversationId });
    await until(() => listeners('messageAdded') === 1);
    other.terminate();
    await until(() => listeners('messageAdded') === 0);
  });
});
