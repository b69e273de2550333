/**
 * The life of an API key, and the sources of credentials, through a whole gateway.
 * Real: the server as `supergate serve` starts it, its planner thread, HTTP, the users subgraph on Postgres, signatures.
 * Observed: what clients are answered. Records of keys count for one second; the end of an overlap is
 * brought about in the table.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { createApiKey } from '../../src/context/api-key';
import { type RunningGateway, serve } from '../../src/main';
import { SEED_PASSWORD } from '../../subgraphs/users/seed';
import { DEFAULT_TOKEN_ISSUER } from '../../subgraphs/users/subgraph';
import { TEST_SECRET } from '../subgraphs/shared-call';
import { adaId, graceId, type RunningUsers, startUsers } from '../subgraphs/users-support';

jest.setTimeout(60_000);

const directory = mkdtempSync(join(tmpdir(), 'supergate-api-keys-'));
let users: RunningUsers;
let gateway: RunningGateway;
let adminToken: string;
const clients: Client[] = [];

beforeAll(async () => {
  users = await startUsers();
  const [supergraph, config] = [join(directory, 'supergraph.yaml'), join(directory, 'gateway.yaml')];
  const schema = join(__dirname, '../../subgraphs/users/schema.graphql');
  writeFileSync(
    supergraph,
    `subgraphs:\n  users: { routing_url: "${users.url}/graphql", schema: { file: "${schema}" } }\n`,
  );
  writeFileSync(
    config,
    `
server: { port: 0 }
authentication:
  issuers:
    - issuer: ${DEFAULT_TOKEN_ISSUER}
      audiences: [supergate]
      algorithms: [ES256]
      jwksUrl: ${users.url}/.well-known/jwks.json
  sources: { cookie: __Host-session, extensions: true }
  apiKeys:
    url: ${users.url}/.well-known/api-keys
    issuer: ${DEFAULT_TOKEN_ISSUER}
    cacheMs: 1000
subscriptions: { recheckMs: 200 }
`,
  );
  const env = { LOG_LEVEL: 'silent', SUPERGATE_IDENTITY_SECRET: TEST_SECRET };
  gateway = await serve({ supergraph, config, env });
  const { body } = await post({
    query: `mutation { login(input: { username: "ada", password: "${SEED_PASSWORD}" }) { accessToken } }`,
  });
  adminToken = body.data.login.accessToken;
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.dispose()));
  await gateway?.close();
  await users?.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly challenge: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers whose shape they state themselves
  readonly body: any;
}

async function request(init: RequestInit, search = ''): Promise<Answer> {
  const response = await fetch(gateway.graphqlUrl + search, init);
  const challenge = response.headers.get('www-authenticate');
  return { status: response.status, challenge, body: await response.json() };
}

function post(body: object, headers: Record<string, string> = {}): Promise<Answer> {
  const own = { 'content-type': 'application/json', ...headers };
  return request({ method: 'POST', headers: own, body: JSON.stringify(body) });
}

const asAdmin = async (query: string) => (await post({ query }, { authorization: `Bearer ${adminToken}` })).body.data;
const me = { query: '{ me { username roles } }' };
const withKey = (key: string) => post(me, { 'x-api-key': key });

async function makeKey(ownerId = graceId, roles = 'USER'): Promise<{ id: string; key: string }> {
  const input = `{ name: "Partner", ownerId: "${ownerId}", roles: [${roles}], tier: "gold" }`;
  const { key, apiKey } = (await asAdmin(`mutation { createApiKey(input: ${input}) { key apiKey { id } } }`))
    .createApiKey;
  return { id: apiKey.id, key };
}

/** Waits until the gateway has seen a change: the records of keys count for one second. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; Date.now() < end; await sleep(100)) if (await condition()) return;
  throw new Error('it did not happen');
}

const refusal = {
  status: 401,
  challenge: 'Bearer realm="supergate", error="invalid_token"',
  body: { errors: [{ message: 'The credentials were refused.', extensions: { code: 'UNAUTHENTICATED' } }] },
};

describe('an API key', () => {
  it('is made by an admin, speaks for its owner, is rotated with an overlap, and is revoked', async () => {
    const { id, key } = await makeKey();
    expect(await withKey(key)).toMatchObject({ status: 200, body: { data: { me: { username: 'grace' } } } });

    const rotate = `mutation { rotateApiKey(id: "${id}", overlapSeconds: 3600) { key } }`;
    const next: string = (await asAdmin(rotate)).rotateApiKey.key;
    expect((await withKey(next)).status).toBe(200);
    expect((await withKey(key)).status).toBe(200);
    await users.db.query(`update api_keys set previous_until = now() where id = $1`, [id]);
    await until(async () => (await withKey(key)).status === 401);
    expect(await withKey(next)).toMatchObject({ status: 200, body: { data: { me: { username: 'grace' } } } });

    await asAdmin(`mutation { revokeApiKey(id: "${id}") { revokedAt } }`);
    await until(async () => (await withKey(next)).status === 401);
    expect(await withKey(next)).toEqual(refusal);
  });

  it('ends the subscriptions that it began when it is revoked, and no others', async () => {
    const [lost, kept] = [await makeKey(), await makeKey()];
    const told: string[] = [];
    const listen = ({ key }: { key: string }, name: string) => {
      const client = createClient({
        url: gateway.graphqlUrl.replace('http', 'ws'),
        webSocketImpl: WebSocket,
        connectionParams: { 'x-api-key': key },
        retryAttempts: 0,
      });
      clients.push(client);
      const query = `subscription { presenceChanged(userIds: ["${adaId}"]) { online } }`;
      client.subscribe(
        { query },
        {
          next: () => {},
          error: (error) => told.push(`${name}: ${JSON.stringify(error)}`),
          complete: () => told.push(`${name} is complete`),
        },
      );
    };
    listen(lost, 'lost');
    listen(kept, 'kept');
    await until(async () => users.events.listeners('users:presenceChanged') === 2);
    await asAdmin(`mutation { revokeApiKey(id: "${lost.id}") { revokedAt } }`);
    await until(async () => told.length > 0);
    expect(told).toEqual([expect.stringMatching(/^lost: .*UNAUTHENTICATED/)]);
    await until(async () => users.events.listeners('users:presenceChanged') === 1);
  });

  it('has the roles of the key, not all of its owner, and manages no keys', async () => {
    const ask = async (query: string, { key }: { key: string }) => (await post({ query }, { 'x-api-key': key })).body;
    const refused = (code: string) => ({ data: null, errors: [{ extensions: { code } }] });
    const [plain, admin] = [await makeKey(adaId), await makeKey(adaId, 'ADMIN')];
    expect(await ask('{ users(first: 1) { nodes { id } } }', plain)).toMatchObject(
      refused('UNAUTHORIZED_FIELD_OR_TYPE'),
    );
    expect(await ask('{ users(first: 1) { nodes { id } } }', admin)).toMatchObject({ data: expect.anything() });
    expect(await ask('{ apiKeys { nodes { id } } }', admin)).toMatchObject(refused('FORBIDDEN'));
  });

  it('is refused in the same words, whatever is wrong with it', async () => {
    const { id, key } = await makeKey();
    const wrong = ['x', '', createApiKey().key, createApiKey(id).key, key.slice(0, -1), `${key}, ${key}`];
    for (const value of wrong) expect(await withKey(value)).toEqual(refusal);
    expect(await post(me, { authorization: `Bearer ${key}` })).toEqual(refusal);
  });
});

describe('a token', () => {
  const ada = { status: 200, body: { data: { me: { username: 'ada' } } } };
  const cookie = () => ({ cookie: `theme=dark; __Host-session=${adminToken}` });

  it.each<[string, () => Promise<Answer>]>([
    ['the header', () => post(me, { authorization: `Bearer ${adminToken}` })],
    ['the cookie', () => post(me, cookie())],
    ['the extensions', () => post({ ...me, extensions: { authorization: `Bearer ${adminToken}` } })],
    [
      'the cookie of a GET with a preflight header',
      () =>
        request(
          { headers: { ...cookie(), 'apollo-require-preflight': '1' } },
          `?query=${encodeURIComponent(me.query)}`,
        ),
    ],
  ])('is taken from %s', async (_name, ask) => expect(await ask()).toMatchObject(ada));

  it.each<[string, () => Promise<Answer>]>([
    ['header and cookie', () => post(me, { authorization: `Bearer ${adminToken}`, ...cookie() })],
    [
      'header and extensions',
      () =>
        post(
          { ...me, extensions: { authorization: `Bearer ${adminToken}` } },
          { authorization: `Bearer ${adminToken}` },
        ),
    ],
    ['cookie and API key', async () => post(me, { ...cookie(), 'x-api-key': (await makeKey()).key })],
  ])('is refused from two sources at once: %s', async (_name, ask) => expect(await ask()).toEqual(refusal));

  const mutation = 'mutation { updateProfile(input: { bio: "written by another site" }) { id } }';
  it.each<[string, string, () => Promise<Answer>]>([
    [
      'a form',
      'CSRF_PREVENTED',
      () => post({ query: mutation }, { ...cookie(), 'content-type': 'application/x-www-form-urlencoded' }),
    ],
    ['text', 'CSRF_PREVENTED', () => post({ query: mutation }, { ...cookie(), 'content-type': 'text/plain' })],
    ['a link', 'CSRF_PREVENTED', () => request({ headers: cookie() }, `?query=${encodeURIComponent(me.query)}`)],
    [
      'a GET with a preflight header that would change something',
      'METHOD_NOT_ALLOWED',
      () =>
        request(
          { headers: { ...cookie(), 'apollo-require-preflight': '1' } },
          `?query=${encodeURIComponent(mutation)}`,
        ),
    ],
  ])('in a cookie does nothing for %s of another site', async (_name, code, ask) => {
    expect((await ask()).body.errors[0].extensions.code).toBe(code);
    const [row] = await users.db.query<{ bio: string }>(`select bio from users where username = 'ada'`);
    expect(row?.bio).not.toContain('another site');
  });
});
