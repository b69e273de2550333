/**
 * The reference graph live, as a client sees it: a gateway as `supergate serve` starts it, over graphql-ws.
 * Real: Postgres, the three subgraphs, the gateway, the tokens of users. Observed: events, joined with other subgraphs.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Events } from '../../subgraphs/shared/events';
import { SEED_PASSWORD, seedUserId } from '../../subgraphs/users/seed';
import { until } from '../subgraphs/live-support';
import { type ReferenceGraph, startReferenceGraph } from '../support/reference-graph';

jest.setTimeout(60_000);

let gateway: ReferenceGraph;
let events: Events;
const sockets: Pick<Client, 'dispose'>[] = [];

/** The clock of tokens, for all who read it: some keep `Date.now` from the start. */
let laterMs = 0;
const realNow = Date.now;
Date.now = () => realNow() + laterMs;

beforeAll(async () => {
  gateway = await startReferenceGraph();
  events = gateway.events;
});

afterAll(async () => {
  Date.now = realNow;
  await Promise.all(sockets.map((socket) => socket.dispose()));
  await gateway?.close();
});

// biome-ignore lint/suspicious/noExplicitAny: the tests state the shapes that they read
type Data = any;

async function ask(token: string | undefined, query: string, variables: object = {}): Promise<Data> {
  const response = await fetch(gateway.graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const answer = (await response.json()) as { data: Data; errors?: unknown };
  expect(answer.errors).toBeUndefined();
  return answer.data;
}

async function signIn(username: string): Promise<string> {
  const query = 'mutation ($input: LoginInput!) { login(input: $input) { accessToken } }';
  const { login } = await ask(undefined, query, { input: { username, password: SEED_PASSWORD } });
  return login.accessToken;
}

function subscribe(token: string, query: string, variables: Record<string, unknown> = {}): { readonly told: Data[] } {
  const socket = createClient({
    url: gateway.graphqlUrl.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token}` },
    retryAttempts: 0,
  });
  sockets.push(socket);
  const told: Data[] = [];
  socket.subscribe(
    { query, variables },
    { next: (event) => told.push(event), error: (error) => told.push(error), complete: () => told.push('complete') },
  );
  return { told };
}

/** A client that can send a `ping` with a payload. */
function openSocket() {
  const socket = new WebSocket(gateway.graphqlUrl.replace('http', 'ws'), 'graphql-transport-ws');
  const messages: Data[] = [];
  socket.on('message', (data) => messages.push(JSON.parse(String(data))));
  const opened = once(socket, 'open');
  sockets.push({ dispose: () => socket.terminate() });
  return {
    send: async (message: object) => {
      await opened;
      socket.send(JSON.stringify(message));
    },
    next: async () => {
      await until(() => messages.length > 0);
      return messages.shift();
    },
  };
}

const start = 'mutation ($input: StartConversationInput!) { startConversation(input: $input) { id } }';
const send = 'mutation ($id: ID!, $body: String!) { sendMessage(conversationId: $id, body: $body) { id } }';

describe('@defer', () => {
  /** The request of docs/defer.md. */
  const query =
    '{ feed(first: 1) { nodes { ... on Post { title ... @defer(label: "price") { price { amount } } } } } }';

  it('tells titles, and then prices, in parts of one answer', async () => {
    const page = readFileSync(join(__dirname, '../../docs/defer.md'), 'utf8').replaceAll('\\"', '"');
    expect(page).toContain(query);
    const accept = 'multipart/mixed;deferSpec=20220824, application/json';
    const headers = { 'content-type': 'application/json', accept };
    const response = await fetch(gateway.graphqlUrl, { method: 'POST', headers, body: JSON.stringify({ query }) });
    const [, ...parts] = (await response.text()).split('---');
    const [beginning, rest, end] = parts.map((part) => part.split('\r\n\r\n')[1]?.trim() ?? part);
    expect(JSON.parse(beginning ?? '')).toMatchObject({
      data: { feed: { nodes: [{ title: expect.any(String) }] } },
      hasNext: true,
    });
    const path = ['feed', 'nodes', 0];
    const incremental = [{ data: { price: { amount: expect.any(Number) } }, path, label: 'price' }];
    expect(JSON.parse(rest ?? '')).toEqual({ incremental, hasNext: false });
    expect(end).toBe('--\r\n');
  });
});

describe('the reference graph', () => {
  it('tells a subscriber of a message, with the name of its sender from users and the price of its topic from payments', async () => {
    const [ada, grace] = await Promise.all([signIn('ada'), signIn('grace')]);
    const { feed } = await ask(grace, '{ feed(first: 100) { nodes { ... on Post { id title price { amount } } } } }');
    const post = feed.nodes.find(({ price }: Data) => price);
    const input = { title: 'Live', participantIds: [seedUserId(2)], message: 'First', postId: post.id };
    const { startConversation } = await ask(ada, start, { input });
    const { id } = startConversation;
    const query = `subscription ($id: ID!) { messageAdded(conversationId: $id) { body sender { displayName }
      conversation { topic { ... on Post { title price { amount } } } } } }`;
    const { told } = subscribe(grace, query, { id });
    await until(() => events.listeners(`content:messageAdded:${id}`) === 1);
    await ask(ada, send, { id, body: 'Do you hear me?' });
    await until(() => told.length > 0);
    expect(told).toEqual([
      {
        data: {
          messageAdded: {
            body: 'Do you hear me?',
            sender: { displayName: 'Ada Lovelace' },
            conversation: { topic: { title: post.title, price: post.price } },
          },
        },
      },
    ]);
  });

  it('notifies a user of what happens in every subgraph, joined with what that one knows', async () => {
    const [ada, alan] = await Promise.all([signIn('ada'), signIn('alan')]);
    const query = `subscription { notificationReceived { kind subject {
      ... on Message { body sender { displayName } } ... on Payment { status amount { amount } } ... on User { displayName } } } }`;
    const { told } = subscribe(alan, query);
    await until(() => events.listeners(`notification:${seedUserId(5)}`) === 1);
    await ask(ada, start, { input: { title: 'Live', participantIds: [seedUserId(5)], message: 'Look' } });
    await until(() => told.length === 1);
    await ask(ada, 'mutation ($id: ID!) { setRoles(userId: $id, roles: [USER]) { id } }', { id: seedUserId(5) });
    await until(() => told.length === 2);
    const { feed } = await ask(
      alan,
      '{ feed(first: 100) { nodes { ... on Post { id price { amount } author { username } } } } }',
    );
    const post = feed.nodes.find(({ price, author }: Data) => price && author.username !== 'alan');
    const { it } = await ask(
      alan,
      'mutation ($id: ID!) { it: createPaymentIntent(input: { postId: $id }, idempotencyKey: "live-e2e") { id } }',
      { id: post.id },
    );
    await ask(alan, 'mutation ($id: ID!) { cancelPayment(id: $id) { id } }', { id: it.id });
    await until(() => told.length === 3);
    expect(told.map(({ data }) => data.notificationReceived)).toEqual([
      { kind: 'MESSAGE', subject: { body: 'Look', sender: { displayName: 'Ada Lovelace' } } },
      { kind: 'ACCOUNT', subject: { displayName: 'Alan Turing' } },
      { kind: 'PAYMENT', subject: { status: 'CANCELED', amount: post.price } },
    ]);
    const { notifications } = await ask(
      alan,
      `{ notifications(first: 2) { unreadCount nodes { kind readAt subject {
      ... on Payment { status } ... on User { displayName } } } } }`,
    );
    expect(notifications).toEqual({
      unreadCount: 3,
      nodes: [
        { kind: 'PAYMENT', readAt: null, subject: { status: 'CANCELED' } },
        { kind: 'ACCOUNT', readAt: null, subject: { displayName: 'Alan Turing' } },
      ],
    });
    expect(await ask(alan, 'mutation { markNotificationsRead }')).toEqual({ markNotificationsRead: 3 });
  });

  it('carries a call between two users, joined with who they are', async () => {
    const [linus, barbara] = await Promise.all([signIn('linus'), signIn('barbara')]);
    const input = { title: 'Call', participantIds: [seedUserId(6)], message: 'May I call?' };
    const { id: conversationId } = (await ask(linus, start, { input })).startConversation;
    const query = `subscription { callSignal { __typename from { displayName } call { id media caller { username } }
      ... on CallOffer { sdp } } }`;
    const { told } = subscribe(barbara, query);
    await until(() => events.listeners(`content:callSignal:${seedUserId(6)}`) === 1);
    const initiate = 'mutation ($input: CallInitiateInput!) { it: callInitiate(input: $input) { id } }';
    const { it } = await ask(linus, initiate, {
      input: { conversationId, calleeId: seedUserId(6), media: 'VIDEO' },
    });
    await ask(barbara, 'mutation ($id: ID!) { callAccept(id: $id) { status } }', it);
    await ask(linus, 'mutation ($id: ID!) { callOffer(id: $id, sdp: "v=0") { status } }', it);
    await until(() => told.length === 3);
    const call = { id: it.id, media: 'VIDEO', caller: { username: 'linus' } };
    expect(told.map(({ data }) => data.callSignal)).toEqual([
      { __typename: 'CallIncoming', from: { displayName: 'Linus Torvalds' }, call },
      { __typename: 'CallAccepted', from: { displayName: 'Barbara Liskov' }, call },
      { __typename: 'CallOffer', from: { displayName: 'Linus Torvalds' }, call, sdp: 'v=0' },
    ]);
  });

  it('does not tell who takes no part', async () => {
    const [ada, alan] = await Promise.all([signIn('ada'), signIn('alan')]);
    const input = { title: 'Private', participantIds: [seedUserId(2)], message: 'First' };
    const { startConversation } = await ask(ada, start, { input });
    const { told } = subscribe(alan, 'subscription ($id: ID!) { messageAdded(conversationId: $id) { body } }', {
      id: startConversation.id,
    });
    await until(() => told.length > 0);
    expect(JSON.stringify(told[0])).toContain('NOT_FOUND');
    expect(events.listeners(`content:messageAdded:${startConversation.id}`)).toBe(0);
  });

  it('goes on over ten refreshed tokens on one socket, long after the first has expired', async () => {
    const ada = await signIn('ada');
    const signedIn =
      'mutation { it: login(input: { username: "grace", password: "supergate-demo" }) { accessToken refreshToken } }';
    let { it: tokens } = await ask(undefined, signedIn);
    const input = { title: 'Long', participantIds: [seedUserId(2)], message: 'First' };
    const { id } = (await ask(ada, start, { input })).startConversation;
    const socket = openSocket();
    await socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${tokens.accessToken}` } });
    expect(await socket.next()).toEqual({ type: 'connection_ack' });
    const query = 'subscription ($id: ID!) { messageAdded(conversationId: $id) { body sender { displayName } } }';
    await socket.send({ type: 'subscribe', id: '1', payload: { query, variables: { id } } });
    await until(() => events.listeners(`content:messageAdded:${id}`) === 1);
    for (let round = 1; round <= 10; round++) {
      // Tokens live 15 minutes.
      laterMs += 600_000;
      const refresh = 'mutation ($token: String!) { it: refresh(refreshToken: $token) { accessToken refreshToken } }';
      tokens = (await ask(undefined, refresh, { token: tokens.refreshToken })).it;
      await socket.send({ type: 'ping', payload: { authorization: `Bearer ${tokens.accessToken}` } });
      expect(await socket.next()).toMatchObject({ type: 'pong', payload: { refreshed: true } });
      await ask(tokens.accessToken, send, { id, body: `Message ${round}` });
      expect(await socket.next()).toEqual({
        type: 'next',
        id: '1',
        payload: { data: { messageAdded: { body: `Message ${round}`, sender: { displayName: 'Grace Hopper' } } } },
      });
    }
    expect(events.listeners(`content:messageAdded:${id}`)).toBe(1);
  });
});
