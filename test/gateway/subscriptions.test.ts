import type { Identity } from '../../src/context/request-context';
import { createEventChannel } from '../support/event-channel';
import { type Graph, startGraph } from '../support/graph';
import { type LiveClient, type LiveRequest, liveContext, subscribe } from '../support/live-client';

/**
 * Subscriptions joined with data of other subgraphs. Real: subgraphs over HTTP and WebSocket, composition, planner
 * thread, engine. Observed: payloads, what the subgraphs were asked, and which of their subscriptions are open.
 */
jest.setTimeout(10_000);

interface Message {
  readonly id: string;
  readonly text: string | null;
  readonly authorIds: readonly string[];
}

const messages = createEventChannel<Message>();
const items = createEventChannel<{ readonly __typename: string; readonly id: string }>();
const names: Record<string, string> = { 1: 'Ada', 2: 'Bea' };
/** Holds up the answers of `users` for a name. */
let held: Readonly<Record<string, Promise<void>>> = {};

const resolveUser = async ({ id }: { id: string }) => {
  await held[id];
  if (id === 'broken') throw new Error('This user is broken.');
  return { id };
};

let graph: Graph;
beforeAll(async () => {
  graph = await startGraph([
    {
      name: 'chat',
      sdl: `type Query { room: String }
        type Subscription { messageAdded(room: ID! = "1"): Message itemAdded: Item never: Int refused: Int throws: Int }
        union Item = Message | User
        type Message @key(fields: "id") { id: ID! text: String! authors: [User]! }
        type User @key(fields: "id") { id: ID! }`,
      resolvers: {
        Subscription: {
          messageAdded: { subscribe: () => messages.listen(), resolve: (event: Message) => event },
          itemAdded: { subscribe: () => items.listen(), resolve: (event: unknown) => event },
          never: { subscribe: () => createEventChannel<number>().listen() },
          refused: {
            subscribe: () => {
              throw new Error('Not here.');
            },
          },
          throws: {
            subscribe: () => messages.listen(),
            resolve: () => {
              throw new Error('No event.');
            },
          },
        },
        Message: { authors: ({ authorIds }: Message) => authorIds.map((id) => ({ id })) },
      },
    },
    {
      name: 'users',
      sdl: `type User @key(fields: "id") { id: ID! name: String level: Int! }`,
      resolvers: {
        User: { __resolveReference: resolveUser, name: ({ id }: { id: string }) => names[id], level: () => 3 },
      },
    },
    {
      name: 'badges',
      sdl: `type User @key(fields: "id") { id: ID! level: Int! @external badge: String @requires(fields: "level") }`,
      resolvers: {
        User: {
          __resolveReference: (reference: object) => reference,
          badge: ({ level }: { level: number }) => `level ${level}`,
        },
      },
    },
  ]);
});
afterAll(() => graph.close());
beforeEach(() => {
  graph.requests.length = 0;
  held = {};
});
afterEach(async () => {
  for (const client of opened.splice(0)) client.subscription.stop('client');
  await Promise.all([messages.whenListening(0), items.whenListening(0)]);
});

const opened: LiveClient[] = [];
const open = async (request: LiveRequest) => {
  const client = await subscribe(graph.gateway, request);
  opened.push(client);
  return client;
};
const query = 'subscription { added: messageAdded { body: text authors { name } } }';
const hello = (id: string, ...authorIds: string[]): Message => ({ id, text: 'Hello', authorIds });
const added = (...authors: (string | null)[]) => ({
  data: { added: { body: 'Hello', authors: authors.map((name) => name && { name }) } },
});
const until = async (isTrue: () => boolean) => {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
};
const openAtSubgraphs = () => graph.subscriptions.filter(({ isOpen }) => isOpen).length;

describe('an event', () => {
  it('is joined with data of other subgraphs, in the order and under the names of the client', async () => {
    const client = await open({ query });
    await messages.whenListening(1);
    messages.publish(hello('1', '1'));
    messages.publish(hello('2', '2'));
    await client.received(2);
    expect(client.payloads).toEqual([JSON.stringify(added('Ada')), JSON.stringify(added('Bea'))]);
  });

  it('asks each entity once', async () => {
    const client = await open({ query });
    await messages.whenListening(1);
    messages.publish(hello('1', '1', '2', '1'));
    await client.received(1);
    expect(client.results).toEqual([added('Ada', 'Bea', 'Ada')]);
    expect(graph.requests).toHaveLength(1);
    expect(graph.requests[0]?.variables.representations).toHaveLength(2);
  });

  it('is joined through @requires', async () => {
    const client = await open({ query: 'subscription { messageAdded { authors { badge } } }' });
    await messages.whenListening(1);
    messages.publish(hello('1', '1'));
    await client.received(1);
    expect(client.results).toEqual([{ data: { messageAdded: { authors: [{ badge: 'level 3' }] } } }]);
  });

  it('is of any type that a union has', async () => {
    const client = await open({
      query: 'subscription { itemAdded { __typename ... on User { name } ... on Message { text } } }',
    });
    await items.whenListening(1);
    items.publish({ __typename: 'User', id: '2' });
    items.publish({ __typename: 'Message', ...hello('7') });
    await client.received(2);
    expect(client.results).toEqual([
      { data: { itemAdded: { __typename: 'User', name: 'Bea' } } },
      { data: { itemAdded: { __typename: 'Message', text: 'Hello' } } },
    ]);
  });

  it('follows @skip and @include', async () => {
    const conditional =
      'subscription($names: Boolean!) { messageAdded { text authors @include(if: $names) { name } } }';
    const [without, withNames] = await Promise.all(
      [false, true].map((value) => open({ query: conditional, variables: { names: value } })),
    );
    await messages.whenListening(2);
    messages.publish(hello('1', '1'));
    await Promise.all([without?.received(1), withNames?.received(1)]);
    expect(without?.results).toEqual([{ data: { messageAdded: { text: 'Hello' } } }]);
    expect(withNames?.results).toEqual([{ data: { messageAdded: { text: 'Hello', authors: [{ name: 'Ada' }] } } }]);
    expect(graph.requests).toHaveLength(1);
  });

  it('keeps its healthy part when another subgraph fails, and the next one is whole', async () => {
    const client = await open({ query });
    await messages.whenListening(1);
    messages.publish(hello('1', '1', 'broken'));
    messages.publish(hello('2', '2'));
    await client.received(2);
    const [first, second] = client.results as [
      { data: unknown; errors: { path: unknown; message: string }[] },
      unknown,
    ];
    expect(first.data).toEqual({ added: { body: 'Hello', authors: [{ name: 'Ada' }, { name: null }] } });
    expect(first.errors).toMatchObject([{ message: 'This user is broken.', path: ['added', 'authors', 1, 'name'] }]);
    expect(second).toEqual(added('Bea'));
  });

  it('that is wrong itself is an error in its place, and the stream goes on', async () => {
    const client = await open({ query: 'subscription { messageAdded { text } }' });
    await messages.whenListening(1);
    messages.publish({ ...hello('1'), text: null });
    messages.publish(hello('2'));
    await client.received(2);
    expect(client.results).toMatchObject([
      { data: { messageAdded: null }, errors: [{ path: ['messageAdded', 'text'] }] },
      { data: { messageAdded: { text: 'Hello' } } },
    ]);
  });

  it('that a subgraph fails to make is an error', async () => {
    const client = await open({ query: 'subscription { throws }' });
    await messages.whenListening(1);
    messages.publish(hello('1'));
    await client.received(1);
    const error = { message: 'No event.', path: ['throws'], extensions: { code: 'DOWNSTREAM_SERVICE_ERROR' } };
    expect(client.results).toMatchObject([{ data: { throws: null }, errors: [error] }]);
  });

  it('does not overtake one whose join takes longer', async () => {
    let release = () => {};
    held = {
      1: new Promise((resolve) => {
        release = resolve;
      }),
    };
    const client = await open({ query });
    await messages.whenListening(1);
    messages.publish(hello('1', '1'));
    messages.publish(hello('2', '2'));
    await until(() => graph.requests.length === 2);
    expect(client.payloads).toEqual([]);
    release();
    await client.received(2);
    expect(client.results).toEqual([added('Ada'), added('Bea')]);
  });
});

describe('clients who ask the same', () => {
  it('share one subscription at the subgraph, one join for each event, and one text', async () => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => open({ query })));
    await messages.whenListening(1);
    messages.publish(hello('1', '1'));
    await Promise.all(clients.map((client) => client.received(1)));
    expect(new Set(clients.map(({ payloads: [payload] }) => payload)).size).toBe(1);
    expect(graph.requests).toHaveLength(1);
    expect(openAtSubgraphs()).toBe(1);
  });

  it('share the subscription at the subgraph even when they name fields otherwise', async () => {
    const one = await open({ query: 'subscription { messageAdded { text } }' });
    const other = await open({ query: 'subscription { messageAdded { words: text } }' });
    await messages.whenListening(1);
    messages.publish(hello('1'));
    await Promise.all([one.received(1), other.received(1)]);
    expect(one.results).toEqual([{ data: { messageAdded: { text: 'Hello' } } }]);
    expect(other.results).toEqual([{ data: { messageAdded: { words: 'Hello' } } }]);
    expect(openAtSubgraphs()).toBe(1);
  });

  it('share nothing when subgraphs are told different things of them', async () => {
    const clients = await Promise.all(['a', 'b', 'a'].map((tenant) => open({ query, headers: { tenant } })));
    await messages.whenListening(2);
    messages.publish(hello('1', '1'));
    await Promise.all(clients.map((client) => client.received(1)));
    expect(graph.requests).toHaveLength(2);
    const tenants = graph.subscriptions.filter(({ isOpen }) => isOpen).map(({ headers }) => headers.tenant);
    expect(tenants.sort()).toEqual(['a', 'b']);
    expect(graph.requests.map(({ headers }) => headers.tenant).sort()).toEqual(['a', 'b']);
  });

  it('share nothing when their variables differ', async () => {
    const rooms = 'subscription($room: ID!) { messageAdded(room: $room) { text } }';
    await Promise.all(['1', '2', '1'].map((room) => open({ query: rooms, variables: { room } })));
    await messages.whenListening(2);
    const variables = graph.subscriptions.filter(({ isOpen }) => isOpen).map((one) => one.variables.room);
    expect(variables.sort()).toEqual(['1', '2']);
  });

  it('go on when the first of them leaves', async () => {
    const [first, second] = await Promise.all([open({ query }), open({ query })]);
    await messages.whenListening(1);
    first?.subscription.stop('client');
    messages.publish(hello('1', '1'));
    await second?.received(1);
    expect(first?.payloads).toEqual([]);
  });
});

describe('a subscription that ends at the client', () => {
  it('ends at the subgraph, with the last of those who share it', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => open({ query })));
    await messages.whenListening(1);
    for (const client of clients.slice(1)) client.subscription.stop('client');
    expect(messages.listeners).toBe(1);
    clients[0]?.subscription.stop('client');
    await until(() => openAtSubgraphs() === 0);
  });

  it('ends at the subgraph when it ends before it has begun there', async () => {
    for (let round = 0; round < 20; round++) {
      const client = await open({ query });
      client.subscription.stop('client');
    }
    // A later one on the same socket: the subgraph has read all before it.
    const last = await open({ query: 'subscription { itemAdded { __typename } }' });
    await items.whenListening(1);
    await until(() => openAtSubgraphs() === 1);
    last.subscription.stop('client');
  });

  it('is told nothing more, even of events that were being joined', async () => {
    let release = () => {};
    held = {
      1: new Promise((resolve) => {
        release = resolve;
      }),
    };
    const [leaving, staying] = await Promise.all([open({ query }), open({ query })]);
    await messages.whenListening(1);
    messages.publish(hello('1', '1'));
    await until(() => graph.requests.length === 1);
    leaving?.subscription.stop('client');
    leaving?.subscription.stop('client');
    release();
    await staying?.received(1);
    expect(leaving?.payloads).toEqual([]);
    expect(leaving?.end).toBeUndefined();
  });
});

describe('a subscription that ends at the subgraph', () => {
  it('completes, after the events that came before', async () => {
    let release = () => {};
    held = {
      1: new Promise((resolve) => {
        release = resolve;
      }),
    };
    const client = await open({ query });
    await messages.whenListening(1);
    messages.publish(hello('1', '1'));
    messages.complete();
    await until(() => graph.requests.length === 1);
    release();
    expect(await client.ended).toEqual({ kind: 'complete' });
    expect(client.results).toEqual([added('Ada')]);
  });

  it('tells the errors of a subgraph that cannot begin it', async () => {
    const client = await open({ query: 'subscription { refused }' });
    expect(await client.ended).toEqual({ kind: 'complete' });
    const extensions = { code: 'DOWNSTREAM_SERVICE_ERROR', serviceName: 'chat' };
    expect(client.results).toMatchObject([{ data: { refused: null }, errors: [{ message: 'Not here.', extensions }] }]);
  });
});

describe('a subscription is refused', () => {
  it.each([
    ['with a wrong variable', 'subscription($room: ID!) { messageAdded(room: $room) { text } }', 'BAD_USER_INPUT'],
    ['with a field that does not exist', 'subscription { nothing }', 'GRAPHQL_VALIDATION_FAILED'],
    ['with two root fields', 'subscription { never refused }', 'GRAPHQL_VALIDATION_FAILED'],
    ['when conditions leave no field', 'subscription { never @skip(if: true) }', 'BAD_USER_INPUT'],
  ])('%s', async (_name, wrong, code) => {
    await expect(open({ query: wrong })).rejects.toMatchObject({ extensions: { code } });
    expect(openAtSubgraphs()).toBe(0);
  });
});

describe('another identity', () => {
  const identity = (subject: string): Identity =>
    ({ kind: 'authenticated', subject, issuer: 'i', roles: [], scopes: [], claims: {} }) as unknown as Identity;

  it('loses no event when subgraphs are told something else of it', async () => {
    const client = await open({ query, identity: identity('ada'), headers: { authorization: 'one' } });
    await messages.whenListening(1);
    messages.publish(hello('1', '1'));
    await client.received(1);
    const context = liveContext({ headers: { authorization: 'two' } });
    await client.subscription.reauthorise(context);
    await messages.whenListening(1);
    messages.publish(hello('2', '2'));
    await client.received(2);
    expect(client.results).toEqual([added('Ada'), added('Bea')]);
    expect(graph.requests.map(({ headers }) => headers.authorization)).toEqual(['one', 'two']);
  });

  it('changes nothing at the subgraph when that is told the same', async () => {
    const client = await open({ query, identity: identity('ada') });
    await messages.whenListening(1);
    const before = graph.subscriptions.length;
    for (let round = 0; round < 10; round++) {
      await client.subscription.reauthorise(liveContext());
    }
    messages.publish(hello('1', '1'));
    await client.received(1);
    expect(graph.subscriptions).toHaveLength(before);
  });
});
