/**
 * The three subgraphs and their seeds as one graph. Real: HTTP, Postgres, composition, Apollo's own gateway as executor.
 * Observed: that entities, keys and seeds of the three fit together; what a gateway owes is tested elsewhere.
 */
process.env.APOLLO_TELEMETRY_DISABLED = 'true';

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { parse } from 'graphql';
import { silentLog } from '../../src/telemetry/log';
import { createContentSubgraph } from '../../subgraphs/content/subgraph';
import { createPaymentsSubgraph } from '../../subgraphs/payments/subgraph';
import { type Caller, IDENTITY_HEADER, signIdentity } from '../../subgraphs/shared/identity';
import { createUsersSubgraph } from '../../subgraphs/users/subgraph';
import { ada, nobody, seedId, startTestSubgraph, type TestSubgraph, user } from './payments-content-support';
import { testKey } from './shared-call';

interface GatewayContext {
  readonly caller: Caller;
}

let keysDirectory: string;
let subgraphs: TestSubgraph[] = [];
let server: ApolloServer<GatewayContext>;

class IdentityDataSource extends RemoteGraphQLDataSource<GatewayContext> {
  override willSendRequest({
    request,
    context,
  }: Parameters<NonNullable<RemoteGraphQLDataSource<GatewayContext>['willSendRequest']>>[0]) {
    request.http?.headers.set(IDENTITY_HEADER, signIdentity('caller' in context ? context.caller : nobody, testKey));
  }
}

beforeAll(async () => {
  keysDirectory = await mkdtemp(join(tmpdir(), 'supergate-keys-'));
  const users = await createUsersSubgraph({ SIGNING_KEYS_DIR: keysDirectory }, silentLog);
  const running = await Promise.all([
    startTestSubgraph(users),
    startTestSubgraph(createPaymentsSubgraph({}, silentLog)),
    startTestSubgraph(createContentSubgraph()),
  ]);
  subgraphs = running;
  const services = await Promise.all(
    ['users', 'payments', 'content'].map(async (name, index) => ({
      name,
      url: `${running[index]?.url}/graphql`,
      typeDefs: parse(await readFile(join(__dirname, `../../subgraphs/${name}/schema.graphql`), 'utf8')),
    })),
  );
  const { supergraphSdl } = composeServices(services);
  if (!supergraphSdl) throw new Error('no supergraph');
  const gateway = new ApolloGateway({
    // It refuses a supergraph with features for security that it does not know.
    supergraphSdl: supergraphSdl.replace(/(authenticated|requiresScopes|policy)(\/v0\.1"), for: SECURITY/g, '$1$2'),
    buildService: ({ url }) => new IdentityDataSource({ url: url ?? '' }),
  });
  server = new ApolloServer<GatewayContext>({ gateway });
  await server.start();
});

afterAll(async () => {
  await server.stop();
  await Promise.all(subgraphs.map((subgraph) => subgraph.close()));
  await rm(keysDirectory, { recursive: true });
});

async function ask(caller: Caller, query: string, variables: Record<string, unknown> = {}): Promise<unknown> {
  const { body } = await server.executeOperation({ query, variables }, { contextValue: { caller } });
  if (body.kind !== 'single') throw new Error('not a single answer');
  expect(body.singleResult.errors).toBeUndefined();
  return JSON.parse(JSON.stringify(body.singleResult.data));
}

describe('the reference graph', () => {
  it('answers a query that crosses all three', async () => {
    const query = `{ me { username byline balance { amount } posts(first: 2, after: null) { nodes { status title price { amount currency }
      checkoutTotal(quantity: 2) { amount } } } bookmarks { nodes { note purchased post { title purchaseCount author { displayName } } } } } }`;
    expect(await ask(ada, query)).toEqual({
      me: {
        username: 'ada',
        byline: 'Ada Lovelace, staff',
        // Post 1 was sold for 1250 and 3750, post 2 for 792, the video for 350.
        balance: { amount: 6142 },
        posts: {
          nodes: [
            { status: 'DRAFT', title: 'Draft: what the engine cannot do', price: null, checkoutTotal: null },
            {
              status: 'PUBLISHED',
              title: 'A table of Bernoulli numbers, worked by hand',
              price: { amount: 990, currency: 'EUR' },
              checkoutTotal: { amount: 1584 },
            },
          ],
        },
        bookmarks: {
          nodes: [
            {
              note: null,
              purchased: true,
              post: {
                title: 'The shortest path, over coffee',
                purchaseCount: 1,
                author: { displayName: 'Edsger Dijkstra' },
              },
            },
            {
              note: 'For the chapter on log books',
              purchased: false,
              post: { title: 'The moth in relay seventy', purchaseCount: 3, author: { displayName: 'Grace Hopper' } },
            },
          ],
        },
      },
    });
  });

  it('provides no author that content would not name', async () => {
    const query = `query ($after: String) { payments(first: 100, after: $after) { nodes {
      provided: post { author { username } } seller { username } } } }`;
    interface Row {
      provided: { author: { username: string } } | null;
      seller: { username: string };
    }
    for (let number = 1; number <= 12; number += 1) {
      const { payments } = (await ask(user(number), query)) as { payments: { nodes: Row[] } };
      for (const { provided, seller } of payments.nodes) if (provided) expect(provided.author).toEqual(seller);
    }
    const [listed, written] = await Promise.all([
      subgraphs[1]?.db.query('select item_id as id, seller_id as "by" from price_list order by 1'),
      subgraphs[2]?.db.query<{ id: string }>(
        'select id, author_id as "by" from posts union all select id, creator_id from media order by 1',
      ),
    ]);
    const forSale = new Set(listed?.map((row) => (row as { id: string }).id));
    expect(listed).toEqual(written?.filter(({ id }) => forSale.has(id)));
    expect(listed?.length).toBeGreaterThan(20);
  });

  it('prices media of every kind that a feed may hold', async () => {
    const query =
      '{ feed(first: 100) { nodes { __typename ... on Media { title price { amount } creator { username } } } } }';
    const { feed } = (await ask(nobody, query)) as { feed: { nodes: { __typename: string; price?: unknown }[] } };
    const media = feed.nodes.filter(({ price }) => price !== undefined);
    expect(media.map(({ __typename }) => __typename).sort()).toEqual([
      'Podcast',
      'Podcast',
      'Podcast',
      'Video',
      'Video',
      'Video',
    ]);
    expect(media.filter(({ price }) => price !== null)).toHaveLength(4);
  });

  it('buys with a discount: quote, intent, confirmation, refund, and what follows of it', async () => {
    const buyer = user(10);
    const quoted = (await ask(
      buyer,
      '{ postBySlug(slug: "can-machines-think") { id checkoutQuote(quantity: 2) { total { amount } token } } }',
    )) as {
      postBySlug: { id: string; checkoutQuote: { total: { amount: number }; token: string } };
    };
    const {
      id: postId,
      checkoutQuote: { token: quote, total },
    } = quoted.postBySlug;
    expect(total.amount).toBe(999);
    const { it } = (await ask(
      buyer,
      `mutation ($input: PaymentIntentInput!) { it: createPaymentIntent(input: $input, idempotencyKey: "live") { id amount { amount } media { title } post { title author { username } } } }`,
      { input: { postId, quantity: 2, quote } },
    )) as { it: { id: string } };
    expect(it).toMatchObject({
      amount: { amount: 999 },
      media: null,
      post: { title: 'Can machines think?', author: { username: 'alan' } },
    });
    await ask(buyer, 'mutation ($id: ID!) { confirmPayment(id: $id) { status } }', { id: it.id });
    await ask(
      user(5),
      'mutation ($input: RefundInput!) { refundPayment(input: $input, idempotencyKey: "live") { amount { amount } payment { payer { username } } } }',
      { input: { paymentId: it.id, amount: 99 } },
    );
    expect(await ask(user(5), '{ me { balance { amount } } }')).toEqual({ me: { balance: { amount: 1150 } } });
  });

  it('shows a payment in a conversation to who may read it', async () => {
    const query =
      'query ($id: ID!) { conversation(id: $id) { topic { __typename ... on Payment { status post { title } } } participants { user { username } } } }';
    const participants = [{ user: { username: 'grace' } }, { user: { username: 'linus' } }];
    const topic = { __typename: 'Payment', status: 'PARTIALLY_REFUNDED', post: { title: 'The moth in relay seventy' } };
    expect(await ask(user(3), query, { id: seedId(4, 2) })).toEqual({ conversation: { topic, participants } });
  });
});
