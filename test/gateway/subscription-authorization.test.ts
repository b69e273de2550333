import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { createEventChannel } from '../support/event-channel';
import { type Graph, startGraph } from '../support/graph';
import { someone } from '../support/identities';
import { type LiveClient, liveContext, subscribe } from '../support/live-client';

/**
 * Who may subscribe to what, from the first event to the last refresh. Real: subgraphs, composition, planner thread,
 * policies, engine. Observed: payloads and ends of clients, subscriptions at the subgraph.
 */
jest.setTimeout(30_000);

const events = createEventChannel<{ readonly text: string; readonly secret: string }>();
const link = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@requiresScopes"])`;
const sdl = (protection: string) => `${link}
  type Query { a: Int }
  type Subscription { open: Event closed: Event @requiresScopes(scopes: [["closed"]]) }
  type Event { text: String ${protection} secret: String @requiresScopes(scopes: [["secret"]]) }`;
const subscription = { subscribe: () => events.listen(), resolve: (event: unknown) => event };

let graph: Graph;
beforeAll(async () => {
  const resolvers = { Subscription: { open: subscription, closed: subscription } };
  graph = await startGraph([{ name: 'events', sdl: sdl(''), resolvers }]);
});
afterAll(() => graph.close());
afterEach(async () => {
  for (const client of clients.splice(0)) client.subscription.stop('client');
  await events.whenListening(0);
});

const clients: LiveClient[] = [];
async function open(query: string, scopes: readonly string[]): Promise<LiveClient> {
  const client = await subscribe(graph.gateway, { query, identity: someone({ scopes }) });
  clients.push(client);
  return client;
}
const asking = (scopes: readonly string[]) => liveContext({ identity: someone({ scopes }) });
const whole = 'subscription { open { text secret } }';
const closed = 'subscription { closed { text } }';
const publish = () => events.publish({ text: 'hello', secret: 'x' });
const codes = (result: unknown) =>
  (result as { errors?: { extensions: { code: string } }[] }).errors?.map(({ extensions }) => extensions.code);

describe('a subscription', () => {
  it('is refused when its field is not for who asks, and the subgraph hears nothing of it', async () => {
    graph.server.subscriptions.length = 0;
    await expect(open(closed, [])).rejects.toMatchObject({ extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' } });
    expect(graph.subscriptions).toEqual([]);
  });

  it('gives each what they may read', async () => {
    const [few, all] = [await open(whole, []), await open(whole, ['secret'])];
    await events.whenListening(2);
    publish();
    await Promise.all([few.received(1), all.received(1)]);
    expect(few.results).toMatchObject([{ data: { open: { text: 'hello', secret: null } } }]);
    expect(codes(few.results[0])).toEqual(['UNAUTHORIZED_FIELD_OR_TYPE']);
    expect(all.results).toEqual([{ data: { open: { text: 'hello', secret: 'x' } } }]);
  });

  it('goes on when a refreshed token keeps its rights, and ends when it does not', async () => {
    const client = await open(closed, ['closed']);
    const other = await open('subscription { open { text } }', ['closed']);
    await events.whenListening(2);
    for (let round = 0; round < 10; round++) await client.subscription.reauthorise(asking(['closed', `x${round}`]));
    publish();
    await client.received(1);
    await Promise.all([client, other].map((one) => one.subscription.reauthorise(asking([]))));
    expect(await client.ended).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' } }] });
    publish();
    await other.received(2);
    expect(client.payloads).toHaveLength(1);
  });

  it('loses the fields that a refreshed token may not read', async () => {
    const client = await open(whole, ['secret']);
    await events.whenListening(1);
    await client.subscription.reauthorise(asking([]));
    await events.whenListening(1);
    publish();
    await client.received(1);
    expect(client.results).toMatchObject([{ data: { open: { text: 'hello', secret: null } } }]);
  });

  it('loses the fields that another supergraph protects', async () => {
    const client = await open('subscription { open { text } }', []);
    await events.whenListening(1);
    const url = graph.server.urlOf('events');
    const typeDefs = parse(sdl('@requiresScopes(scopes: [["secret"]])'));
    const { supergraphSdl = '' } = composeServices([{ name: 'events', typeDefs, url }]);
    await graph.gateway.update(supergraphSdl);
    await events.whenListening(1);
    publish();
    await client.received(1);
    expect(client.results).toMatchObject([{ data: { open: { text: null } } }]);
  });
});
