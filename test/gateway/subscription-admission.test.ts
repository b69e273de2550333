import type { RequestContext } from '../../src/context/request-context';
import { createEventChannel } from '../support/event-channel';
import { type Graph, startGraph } from '../support/graph';
import { someone } from '../support/identities';
import { type LiveClient, liveContext, subscribe } from '../support/live-client';

/**
 * Rate limits and rights of subscriptions: when they begin, and by option at each event. Real: subgraph, composition,
 * policies, counters in memory. Observed: payloads, ends and what is told of the beginning.
 */
jest.setTimeout(30_000);

const events = createEventChannel<{ readonly text: string }>();
const sdl = `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@policy", "@composeDirective"])
  @link(url: "https://specs.supergate.dev/rateLimit/v1.0", import: ["@rateLimit"])
  @composeDirective(name: "@rateLimit")
directive @rateLimit(max: Int, window: String, tier: String, by: String, algorithm: String, identityArgs: [String!],
  arrayLengthField: String, uncountRejected: Boolean, readOnly: Boolean, onStoreFailure: String, message: String
) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE
type Query { a: Int }
type Subscription {
  limited: Event @rateLimit(max: 3, window: "1h")
  open: Event
  staff: Event @policy(policies: [["staff"]])
}
type Event { text: String secret: String @policy(policies: [["insider"]]) }`;

const granted = new Set<string>();
const open = (admitEvents: boolean): Promise<Graph> => {
  const field = { subscribe: () => events.listen(), resolve: (event: unknown) => event };
  const Event = { secret: () => 'secret' };
  const resolvers = { Subscription: { limited: field, open: field, staff: field }, Event };
  const policies = { staff: () => granted.has('staff'), insider: () => granted.has('insider') };
  const config = { subscriptions: { admitEvents }, cost: { mode: 'measure', extensions: 'always' } };
  return startGraph([{ name: 'events', sdl, resolvers }], { config, dependencies: { policies } });
};

let graph: Graph;
const clients: LiveClient[] = [];
let people = 0;
const listen = async (query: string): Promise<LiveClient> => {
  people += 1;
  const client = await subscribe(graph.gateway, { query, identity: someone({ subject: `p${people}` }) });
  clients.push(client);
  return client;
};
const publish = (...texts: string[]) => {
  for (const text of texts) events.publish({ text });
};
const textsOf = ({ results }: LiveClient) =>
  (results as { data: Record<string, { text: string }> }[]).map(({ data }) => Object.values(data)[0]?.text);

beforeEach(() => {
  granted.clear();
  for (const name of ['staff', 'insider']) granted.add(name);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.subscription.stop('client');
  await events.whenListening(0);
});

describe('a subscription that is admitted when it begins', () => {
  beforeAll(async () => {
    graph = await open(false);
  });
  afterAll(() => graph.close());

  it('counts once, however many events it has, and is refused when its limit is reached', async () => {
    people += 1;
    const identity = someone({ subject: `p${people}` });
    const query = 'subscription { limited { text } }';
    for (let time = 0; time < 3; time++) clients.push(await subscribe(graph.gateway, { query, identity }));
    await expect(subscribe(graph.gateway, { query, identity })).rejects.toMatchObject({
      extensions: { code: 'REQUEST_RATE_LIMITED' },
    });
    await events.whenListening(1);
    publish('a', 'b', 'c', 'd', 'e');
    await Promise.all(clients.map((client) => client.received(5)));
  });

  it('notes what is left of its limits, for its first event', async () => {
    const prepared = graph.gateway.prepare('subscription { limited { text } }', undefined);
    if (prepared.kind === 'refused') throw prepared.errors[0];
    people += 1;
    const told: NonNullable<RequestContext['told']> = {};
    const context = { ...liveContext({ identity: someone({ subject: `p${people}` }) }), told };
    const live = await graph.gateway.subscribe(prepared, {}, context, { next: () => {}, end: () => {} });
    expect(told.rateLimits?.quotas).toMatchObject([{ name: 'Subscription.limited', max: 3, remaining: 2 }]);
    if (live.kind === 'live') live.stop('client');
  });

  it('is told beside it what it costs', async () => {
    const { subscription } = await listen('subscription { open { text } }');
    expect(subscription.extensions).toEqual({ cost: expect.objectContaining({ estimated: expect.any(Number) }) });
    await events.whenListening(1);
  });

  it('does not ask for rights again', async () => {
    const client = await listen('subscription { staff { text } }');
    await events.whenListening(1);
    granted.clear();
    publish('a');
    await client.received(1);
    expect(textsOf(client)).toEqual(['a']);
  });
});

describe('a subscription of which each event is admitted', () => {
  beforeAll(async () => {
    graph = await open(true);
  });
  afterAll(() => graph.close());

  it('loses the events that are more than its limit allows, and nobody else does', async () => {
    const limited = await listen('subscription { limited { text } }');
    const other = await listen('subscription { open { text } }');
    await events.whenListening(2);
    publish('a', 'b', 'c', 'd');
    await Promise.all([limited.received(2), other.received(4)]);
    // What is refused is refused by now: events of one client are admitted in order.
    publish('e');
    await other.received(5);
    expect(textsOf(limited)).toEqual(['a', 'b']);
    expect(limited.end).toBeUndefined();
  });

  it('ends when its field is not for the client any more', async () => {
    const client = await listen('subscription { staff { text } }');
    await events.whenListening(1);
    publish('a');
    await client.received(1);
    granted.delete('staff');
    publish('b');
    expect(await client.ended).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHORIZED_FIELD_OR_TYPE' } }] });
    expect(textsOf(client)).toEqual(['a']);
  });

  it('goes on without the fields that are not for the client any more', async () => {
    const client = await listen('subscription { open { text secret } }');
    await events.whenListening(1);
    publish('a');
    await client.received(1);
    granted.delete('insider');
    publish('never told');
    const isOpened = () => graph.subscriptions.some(({ isOpen, query }) => isOpen && !query.includes('secret'));
    while (!isOpened()) await new Promise((resolve) => setTimeout(resolve, 5));
    await events.whenListening(1);
    publish('b');
    await client.received(2);
    expect(client.results).toMatchObject([
      { data: { open: { text: 'a', secret: 'secret' } } },
      { data: { open: { text: 'b', secret: null } } },
    ]);
  });

  it('ends with the subgraph after what came before', async () => {
    const client = await listen('subscription { open { text } }');
    await events.whenListening(1);
    publish('a', 'b');
    events.complete();
    expect(await client.ended).toEqual({ kind: 'complete' });
    expect(textsOf(client)).toEqual(['a', 'b']);
  });

  it('goes on as who asks since the token was refreshed', async () => {
    const client = await listen('subscription { limited { text } }');
    await events.whenListening(1);
    publish('a', 'b');
    await client.received(2);
    await client.subscription.reauthorise(liveContext({ identity: someone({ subject: `p${people}` }) }));
    publish('too many');
    const next = await listen('subscription { open { text } }');
    await events.whenListening(2);
    publish('the other hears it');
    await next.received(1);
    expect(client.payloads).toHaveLength(2);
  });
});
