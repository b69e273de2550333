/**
 * The REST routes of the reference graph, as a client of them sees them that a public generator made from /openapi.json,
 * and as a person tries them in Swagger UI. Real: Postgres, the three subgraphs, the gateway with its own gateway.yaml, the
 * generated client, TypeScript, Chromium. Observed: answers, that each route was asked, what pages ask of the outside.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningGateway, serve } from '../../src/main';
import { silentLog } from '../../src/telemetry/log';
import { createContentSubgraph } from '../../subgraphs/content/subgraph';
import { createPaymentsSubgraph } from '../../subgraphs/payments/subgraph';
import { signWebhook } from '../../subgraphs/payments/webhook-signature';
import { createLocalEvents } from '../../subgraphs/shared/events';
import { createPasswords } from '../../subgraphs/users/passwords';
import { SEED_PASSWORD, seedUserId } from '../../subgraphs/users/seed';
import { createUsersSubgraph } from '../../subgraphs/users/subgraph';
import { startTestSubgraph, type TestSubgraph } from '../subgraphs/payments-content-support';
import { TEST_SECRET } from '../subgraphs/shared-call';
import { describeInBrowser, openBrowser, type TestBrowser } from '../support/browser';
import { misfitsOf, type OpenApiDocument, validateOpenApi } from '../support/openapi';

jest.setTimeout(120_000);

const root = join(__dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'supergate-routes-'));
const webhookSecret = 'the secret that the provider and payments share';
const events = createLocalEvents();
let subgraphs: TestSubgraph[] = [];
let gateway: RunningGateway;

// biome-ignore lint/suspicious/noExplicitAny: the generated client has types of its own, which `tsc` checks below
type Generated = any;

beforeAll(async () => {
  const users = await createUsersSubgraph(
    { SIGNING_KEYS_DIR: join(directory, 'keys') },
    silentLog,
    createPasswords({ ln: 10, r: 8, p: 1 }),
  );
  subgraphs = await Promise.all([
    startTestSubgraph(users, events),
    startTestSubgraph(createPaymentsSubgraph({ PAYMENTS_WEBHOOK_SECRET: webhookSecret }, silentLog), events),
    startTestSubgraph(createContentSubgraph({ UPLOADS_DIR: join(directory, 'uploads') }), events),
  ]);
  const urls = subgraphs.map(({ url }) => url);
  gateway = await serve({
    supergraph: join(root, 'supergraph.yaml'),
    config: join(root, 'gateway.yaml'),
    port: 0,
    env: {
      LOG_LEVEL: 'silent',
      SUPERGATE_IDENTITY_SECRET: TEST_SECRET,
      SUPERGATE_DATA_DIR: directory,
      USERS_JWKS_URL: `${urls[0]}/.well-known/jwks.json`,
      USERS_API_KEYS_URL: `${urls[0]}/.well-known/api-keys`,
      SUBGRAPH_USERS_URL: `${urls[0]}/graphql`,
      SUBGRAPH_PAYMENTS_URL: `${urls[1]}/graphql`,
      SUBGRAPH_CONTENT_URL: `${urls[2]}/graphql`,
    },
  });
});
afterAll(async () => {
  await gateway?.close();
  await Promise.all(subgraphs.map((subgraph) => subgraph.close()));
  rmSync(directory, { recursive: true, force: true });
});

describe('a client that a public generator made', () => {
  let document: OpenApiDocument;
  let generated: Generated;
  const asked = new Set<string>();
  const answered = new Set<string>();

  beforeAll(async () => {
    document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as OpenApiDocument;
    const input = join(directory, 'openapi.json');
    writeFileSync(input, JSON.stringify(document));
    const generator = join(root, 'node_modules/openapi-typescript-codegen/bin/index.js');
    const output = join(directory, 'client');
    execFileSync(process.execPath, [
      generator,
      '--input',
      input,
      '--output',
      output,
      '--client',
      'fetch',
      '--useOptions',
    ]);
    generated = require(output);
    generated.OpenAPI.BASE = `${gateway.url}/api/v1`;
  });

  /** Calls one operation as who has the token; without one, as nobody. */
  async function call(operation: string, given: object = {}, token?: string): Promise<Generated> {
    generated.OpenAPI.TOKEN = token;
    asked.add(operation.toLowerCase());
    const answer: unknown = await generated.DefaultService[operation](given);
    answered.add(operation.toLowerCase());
    expect(misfitsOf(document, operation, answer)).toEqual([]);
    return answer;
  }
  const refused = (asking: Promise<unknown>) =>
    asking.then(
      () => 'answered',
      ({ status, body }: { status: number; body: { code: string } }) => [status, body.code],
    );
  const signIn = async (username: string) => {
    const session = await call('login', { requestBody: { username, password: SEED_PASSWORD } });
    return session.accessToken as string;
  };
  let ada: string;
  let linus: string;
  let grace: string;

  it('comes from a document that is valid OpenAPI', () => {
    expect(validateOpenApi(document)).toEqual({ valid: true });
  });

  it('has types that TypeScript accepts', () => {
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--types',
      '',
      '--lib',
      'es2022,dom',
      '--target',
      'es2022',
    ];
    const modules = ['--module', 'esnext', '--moduleResolution', 'bundler'];
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    execFileSync(process.execPath, [tsc, ...options, ...modules, join(directory, 'client/index.ts')]);
  });

  it('registers, signs in, and keeps and ends a session', async () => {
    const requestBody = { username: 'hedy', email: 'hedy@example.com', password: 'frequency hopping' };
    const { user, refreshToken, accessToken } = await call('register', { requestBody });
    expect(user).toMatchObject({ username: 'hedy' });
    expect(await refused(call('register', { requestBody }))).toEqual([409, 'CONFLICT']);
    expect(await refused(call('me'))).toEqual([401, 'UNAUTHENTICATED']);
    expect(await call('me', {}, accessToken)).toMatchObject({ username: 'hedy', email: 'hedy@example.com' });
    const next = await call('refresh', { requestBody: { refreshToken } });
    await call('logout', { requestBody: { refreshToken: next.refreshToken } });
    expect(await refused(call('refresh', { requestBody: { refreshToken: next.refreshToken } }))).toEqual([
      401,
      'UNAUTHENTICATED',
    ]);
    const wrong = { requestBody: { username: 'hedy', password: 'wrong password' } };
    expect(await refused(call('login', wrong))).toEqual([401, 'UNAUTHENTICATED']);
    [ada, linus, grace] = (await Promise.all(['ada', 'linus', 'grace'].map(signIn))) as [string, string, string];
  });

  it('reads and changes users', async () => {
    expect(await call('updateMe', { requestBody: { bio: 'Kernels.' } }, linus)).toMatchObject({ bio: 'Kernels.' });
    const id = seedUserId(3);
    expect(await call('updateUser', { id, requestBody: { bio: 'Diving.' } }, ada)).toMatchObject({
      id,
      bio: 'Diving.',
    });
    expect(await refused(call('updateUser', { id, requestBody: { bio: 'x' } }, grace))).toEqual([403, 'FORBIDDEN']);
    expect(await call('userById', { id })).toMatchObject({ username: 'linus', bio: 'Diving.' });
    expect(await refused(call('userById', { id: seedUserId(99) }))).toEqual([404, 'NOT_FOUND']);
    expect(await call('profile', { id: seedUserId(1) })).toMatchObject({
      username: 'ada',
      posts: { nodes: expect.arrayContaining([expect.objectContaining({ price: { amount: 1250, currency: 'EUR' } })]) },
    });
    const { nodes, pageInfo } = await call('listUsers', { first: 2 }, ada);
    const next = await call('listUsers', { first: 2, after: pageInfo.endCursor }, ada);
    expect([...nodes, ...next.nodes].map(({ username }: Generated) => username)).toEqual([
      'ada',
      'alan',
      'barbara',
      'dennis',
    ]);
  });

  it('writes posts', async () => {
    const { id } = await call(
      'createPost',
      { requestBody: { title: 'Hello', body: 'World', tags: ['a', 'b'] } },
      grace,
    );
    expect((await call('listPosts', { first: 1 })).nodes[0]).toMatchObject({ id, title: 'Hello', tags: ['a', 'b'] });
    const changed = await call('updatePost', { id, requestBody: { title: 'Good bye' } }, grace);
    expect(changed).toMatchObject({ title: 'Good bye' });
    expect(await call('postById', { id })).toMatchObject({ title: 'Good bye', body: 'World', status: 'PUBLISHED' });
    expect(await refused(call('deletePost', { id }, linus))).toEqual([403, 'FORBIDDEN']);
    await call('deletePost', { id }, grace);
    expect(await refused(call('postById', { id }))).toEqual([404, 'NOT_FOUND']);
  });

  let conversationId: string;
  it('talks', async () => {
    const requestBody = { title: 'Lunch', participantIds: [seedUserId(2)], message: 'Hungry?' };
    const begun = await call('startConversation', { requestBody }, linus);
    const { nodes } = await call('listConversations', { first: 1 }, grace);
    conversationId = nodes[0].id;
    expect(conversationId).toBe(begun.id);
    expect(await call('conversationById', { id: conversationId }, grace)).toMatchObject({ title: 'Lunch' });
    const { id } = await call('sendMessage', { id: conversationId, requestBody: { body: 'Yes' } }, grace);
    expect(await call('editMessage', { id, requestBody: { body: 'Yes!' } }, grace)).toMatchObject({
      body: 'Yes!',
      edited: true,
    });
    expect((await call('listMessages', { id: conversationId }, linus)).nodes[0]).toMatchObject({ id, body: 'Yes!' });
    await call('deleteMessage', { id }, grace);
    expect(await refused(call('conversationById', { id: conversationId }, ada))).not.toBe('answered');
  });

  it('rings', async () => {
    const ring = () =>
      call('initiateCall', { requestBody: { conversationId, calleeId: seedUserId(2), media: 'AUDIO' } }, linus);
    const { id } = await ring();
    expect(await call('callById', { id }, grace)).toMatchObject({ status: 'RINGING', caller: { id: seedUserId(3) } });
    expect(await call('acceptCall', { id }, grace)).toMatchObject({ status: 'ACCEPTED' });
    await call('offerCall', { id, requestBody: { sdp: 'v=0' } }, linus);
    await call('answerCall', { id, requestBody: { sdp: 'v=0' } }, grace);
    await call('addIceCandidate', { id, requestBody: { candidate: '' } }, linus);
    expect(await call('endCall', { id }, linus)).toMatchObject({ status: 'ENDED' });
    const second = await ring();
    expect(await call('rejectCall', { id: second.id }, grace)).toMatchObject({ status: 'REJECTED' });
    expect(await refused(call('callById', { id }))).toEqual([401, 'UNAUTHORIZED_FIELD_OR_TYPE']);
  });

  it('pays, once for each key, and is told by the provider', async () => {
    const begin = (idempotencyKey: string, number: number) =>
      call(
        'createPaymentIntent',
        { idempotencyKey, requestBody: { postId: `10000000-0000-4000-8000-00000000000${number}` } },
        linus,
      );
    const first = await begin('key-1', 4);
    expect(await begin('key-1', 4)).toEqual(first);
    expect(await refused(begin('key-1', 8))).toEqual([409, 'IDEMPOTENCY_KEY_CONFLICT']);
    const paid = await call('confirmPayment', { id: first.id, requestBody: { method: 'CARD' } }, linus);
    expect(paid.status).toBe('SUCCEEDED');
    const refund = { requestBody: { paymentId: first.id, amount: 100 }, idempotencyKey: 'refund-1' };
    expect(await call('refundPayment', refund, grace)).toMatchObject({ amount: { amount: 100, currency: 'EUR' } });
    const second = await begin('key-2', 8);
    expect(await call('cancelPayment', { id: second.id }, linus)).toMatchObject({ status: 'CANCELED' });

    const third = await begin('key-3', 9);
    await call('confirmPayment', { id: third.id, requestBody: { method: 'BANK_TRANSFER' } }, linus);
    const sql = 'select provider_reference as reference from payments where id = $1';
    const [row] = await (subgraphs[1] as TestSubgraph).db.query<{ reference: string }>(sql, [third.id]);
    const requestBody = { id: 'evt_1', type: 'payment.succeeded', data: { reference: row?.reference } };
    const now = Math.floor(Date.now() / 1_000);
    const deliver = (webhookSignature: string) => call('postPaymentsWebhook', { requestBody, webhookSignature });
    const text = JSON.stringify(requestBody);
    expect(await refused(deliver(signWebhook(text, 'the secret of somebody else, as long', now)))).toEqual([
      401,
      'SIGNATURE_REFUSED',
    ]);
    expect(await refused(deliver(signWebhook(text, webhookSecret, now - 3_600)))).toEqual([401, 'SIGNATURE_REFUSED']);
    expect(await deliver(signWebhook(text, webhookSecret, now))).toEqual({ status: 'processed' });
    expect(await deliver(signWebhook(text, webhookSecret, now))).toEqual({ status: 'duplicate' });
    expect(await call('paymentById', { id: third.id }, linus)).toMatchObject({ status: 'SUCCEEDED' });
    expect(await refused(call('paymentById', { id: third.id }, ada))).toBe('answered');
    expect(await refused(call('paymentById', { id: third.id }))).toEqual([401, 'UNAUTHENTICATED']);
    const { nodes } = await call('listPayments', { first: 3 }, linus);
    expect(nodes.map(({ id }: Generated) => id)).toEqual([third.id, second.id, first.id]);
  });

  it('reads its notifications', async () => {
    let list: Generated;
    do list = await call('listNotifications', { unread: true }, linus);
    while (list.nodes.length === 0);
    expect(list.nodes[0]).toMatchObject({ readAt: null, subject: { __typename: expect.any(String) } });
    expect(await call('markNotificationsRead', { requestBody: {} }, linus)).toBeGreaterThan(0);
    expect(await refused(call('listNotifications'))).toEqual([401, 'UNAUTHORIZED_FIELD_OR_TYPE']);
  });

  it('uploads and downloads', async () => {
    const bytes = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(50_000, 7)]);
    const file = new Blob([Uint8Array.from(bytes)], { type: 'image/png' });
    const { id, ...told } = await call('postUpload', { formData: { file } }, linus);
    expect(told).toMatchObject({ contentType: 'image/png', bytes: bytes.length });
    const answer = await fetch(`${gateway.url}/api/v1/files/${id}`);
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
    // The client reads what is no JSON as text.
    expect(await call('getFilesId', { id })).toEqual(expect.any(String));
    expect(await refused(call('postUpload', { formData: { file } }))).toEqual([401, 'UNAUTHENTICATED']);
    const page = new Blob(['<script>alert(1)</script>'], { type: 'text/html' });
    expect(await refused(call('postUpload', { formData: { file: page } }, linus))).toEqual([415, 'TYPE_NOT_ALLOWED']);
  });

  it('administers, and nobody but an ADMIN does', async () => {
    const admin = (token?: string): [string, object][] => [
      ['adminUsers', { first: 2 }],
      ['setRoles', { id: seedUserId(12), requestBody: { roles: ['USER', 'EDITOR'] } }],
      ['adminApiKeys', { first: 1 }],
      ['createApiKey', { requestBody: { input: undefined, name: token ?? 'k', ownerId: seedUserId(3) } }],
      ['createAnnouncement', { requestBody: { title: 'Hear', body: 'Hear' } }],
      [
        'setPrice',
        {
          requestBody: {
            postId: '10000000-0000-4000-8000-000000000001',
            sellerId: seedUserId(1),
            price: { amount: 1300, currency: 'EUR' },
          },
        },
      ],
      ['rotateApiKey', { id: 'none', requestBody: {} }],
      ['revokeApiKey', { id: 'none' }],
      ['deleteAnnouncement', { id: seedUserId(1) }],
    ];
    for (const [operation, given] of admin()) {
      expect([operation, await refused(call(operation, given))]).toEqual([operation, [401, expect.any(String)]]);
      expect([operation, await refused(call(operation, given, linus))]).toEqual([operation, [403, expect.any(String)]]);
    }
    for (const [operation, given] of admin('integration').slice(0, 6)) {
      expect([operation, await refused(call(operation, given, ada))]).toEqual([operation, 'answered']);
    }
    const { apiKey, key } = await call('createApiKey', { requestBody: { name: 'other', ownerId: seedUserId(3) } }, ada);
    const asKey = await fetch(`${gateway.url}/api/v1/users/me`, { headers: { 'x-api-key': key } });
    expect(await asKey.json()).toMatchObject({ username: 'linus' });
    await call('rotateApiKey', { id: apiKey.id, requestBody: { overlapSeconds: 60 } }, ada);
    await call('revokeApiKey', { id: apiKey.id }, ada);
    const { id } = await call('createAnnouncement', { requestBody: { title: 'Gone', body: 'Soon' } }, ada);
    await call('deleteAnnouncement', { id }, ada);
  });

  it('has asked every route that there is, and was answered by each as the document says', () => {
    const all = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );
    expect(all.filter((operation) => !asked.has(operation.toLowerCase()))).toEqual([]);
    expect(all.filter((operation) => !answered.has(operation.toLowerCase()))).toEqual([]);
    expect(all.length).toBeGreaterThan(45);
  });
});

describeInBrowser('Swagger UI in a browser', () => {
  let browser: TestBrowser;
  afterEach(() => browser.close());

  it('tries a route out, signs in, and asks nothing of the outside', async () => {
    browser = await openBrowser();
    const page = await browser.newPage();
    page.setDefaultTimeout(100_000);
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) complaints.push(message.text());
    });
    await page.goto(`${gateway.url}/docs`, { waitUntil: 'domcontentloaded' });
    const tryOut = async (operation: string) => {
      const block = page.locator(`[id$="-${operation}"]`);
      await block.locator('.opblock-summary-control').click();
      await block.locator('.try-out__btn').click();
      return block;
    };
    const posts = await tryOut('ListPosts');
    await posts.locator('tr[data-param-name="first"] input').fill('2');
    await posts.locator('.execute').click();
    const live = posts.locator('.live-responses-table .response');
    await live.locator('.response-col_status >> text=200').waitFor();
    expect(await live.locator('.microlight').first().textContent()).toContain('"nodes"');

    const { accessToken } = (await (
      await fetch(`${gateway.url}/api/v1/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: 'barbara', password: SEED_PASSWORD }),
      })
    ).json()) as { accessToken: string };
    await page.click('.auth-wrapper .authorize');
    await page.fill('input[aria-label="auth-bearer-value"]', accessToken);
    await page.click('.auth-btn-wrapper .authorize');
    await page.click('.auth-btn-wrapper .btn-done');
    const me = await tryOut('Me');
    await me.locator('.execute').click();
    await me.locator('.live-responses-table .response .response-col_status >> text=200').waitFor();
    expect(await me.locator('.live-responses-table .microlight').first().textContent()).toContain('"barbara"');
    expect(complaints).toEqual([]);
    expect(browser.outside).toEqual([]);
  });
});
