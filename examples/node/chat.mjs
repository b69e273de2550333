/**
 * Two users of the reference graph, live: what happens is printed, one line for each event.
 * `npm start` in one terminal, `node examples/node/chat.mjs` in another.
 */
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

const url = process.env.GATEWAY_URL ?? 'http://127.0.0.1:4000/graphql';

async function ask(token, query, variables = {}) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await response.json();
  if (errors) throw new Error(errors.map(({ message }) => message).join(' '));
  return data;
}

/** A user who is signed in, with one socket for everything that is told to them. */
async function signIn(username) {
  const query = 'mutation ($input: LoginInput!) { login(input: $input) { accessToken user { id } } }';
  const { login } = await ask(undefined, query, { input: { username, password: 'supergate-demo' } });
  const client = createClient({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${login.accessToken}` },
  });
  return {
    id: login.user.id,
    ask: (text, variables) => ask(login.accessToken, text, variables),
    /** Prints events, and resolves with each that is waited for. */
    listen(text, variables) {
      const events = client.iterate({ query: text, variables });
      return async () => {
        const { value } = await events.next();
        console.log(`${username} hears ${JSON.stringify(value.data ?? value.errors)}`);
        return value.data;
      };
    },
    leave: () => client.dispose(),
  };
}

const [ada, grace] = await Promise.all([signIn('ada'), signIn('grace')]);

const begin = 'mutation ($input: StartConversationInput!) { startConversation(input: $input) { id } }';
const input = { title: 'Example', participantIds: [grace.id], message: 'Hello Grace' };
const { startConversation } = await ada.ask(begin, { input });
const conversationId = startConversation.id;

const nextMessage = grace.listen(
  'subscription ($id: ID!) { messageAdded(conversationId: $id) { body sender { displayName } } }',
  { id: conversationId },
);
const nextTyping = grace.listen(
  'subscription ($id: ID!) { typing(conversationId: $id) { user { displayName } until } }',
  {
    id: conversationId,
  },
);
const nextSignal = grace.listen(
  'subscription { callSignal { __typename from { displayName } call { id media conversation { title } } } }',
);

// An iterator subscribes when its first event is asked for; a subscription that begins takes a moment.
const heard = [nextTyping(), nextMessage(), nextSignal()];
await new Promise((resolve) => setTimeout(resolve, Number(process.env.WAIT_MS ?? 500)));
await ada.ask('mutation ($id: ID!) { startTyping(conversationId: $id) }', { id: conversationId });
await heard[0];
await ada.ask('mutation ($id: ID!) { sendMessage(conversationId: $id, body: "May I call you?") { id } }', {
  id: conversationId,
});
await heard[1];
const { callInitiate } = await ada.ask('mutation ($input: CallInitiateInput!) { callInitiate(input: $input) { id } }', {
  input: { conversationId, calleeId: grace.id, media: 'VIDEO' },
});
await heard[2];
const accepted = nextSignal();
await grace.ask('mutation ($id: ID!) { callAccept(id: $id) { status } }', callInitiate);
await accepted;
await ada.ask('mutation ($id: ID!) { callEnd(id: $id) { status } }', callInitiate);

const list = '{ notifications(first: 1) { unreadCount nodes { kind subject { ... on Message { body } } } } }';
console.log(`grace was notified: ${JSON.stringify((await grace.ask(list)).notifications)}`);
await Promise.all([ada.leave(), grace.leave()]);
