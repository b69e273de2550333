/**
 * Real: the server as `supergate serve` starts it, HTTP, WebSocket, REST, two subgraphs over HTTP. Observed: the headers
 * that subgraphs got, and those that clients got.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { createClient } from 'graphql-ws';
import jwt from 'jsonwebtoken';
import { WebSocket } from 'ws';
import { type RunningGateway, serve } from '../../src/main';
import { federation } from '../support/graph';
import { createSubgraphServer, type RawAnswer, type SubgraphServer } from '../support/subgraph-server';

jest.setTimeout(60_000);
const sharedSecret = 'a secret that is only for these tests!!';
const directory = mkdtempSync(join(tmpdir(), 'supergate-headers-'));
let subgraphs: SubgraphServer;
let gateway: RunningGateway;
let raw: Record<string, (() => RawAnswer | Promise<RawAnswer>) | undefined> = {};

beforeAll(async () => {
  subgraphs = await createSubgraphServer({ intercept: ({ subgraph }) => raw[subgraph]?.() });
  const services = [
    { name: 'users', sdl: 'type Query { me: Int } type Mutation { signIn: Int } type Subscription { ticks: Int }' },
    { name: 'carts', sdl: 'type Query { cart: Int }' },
  ].map(({ name, sdl }) => {
    const typeDefs = parse(federation + sdl);
    const ticks = {
      subscribe: async function* () {
        yield { ticks: 1 };
      },
    };
    const resolvers = {
      users: { Query: { me: () => 1 }, Mutation: { signIn: () => 2 }, Subscription: { ticks } },
      carts: { Query: { cart: () => 3 } },
    }[name];
    return { name, typeDefs, url: subgraphs.mount({ name, typeDefs, resolvers: resolvers as never }) };
  });
  const supergraph = join(directory, 'supergraph.graphql');
  writeFileSync(supergraph, composeServices(services).supergraphSdl ?? '');
  mkdirSync(join(directory, 'operations'));
  writeFileSync(join(directory, 'operations/me.graphql'), 'query Me @rest(path: "/me", unwrap: "me") { me }');
  const config = join(directory, 'gateway.yaml');
  writeFileSync(
    config,
    `
authentication: { issuers: [{ issuer: tests, audiences: [api], algorithms: [HS256], sharedSecret: "${sharedSecret}" }] }
rest: { operations: ./operations }
headers:
  requests:
    - { propagate: [x-tenant] }
    - { propagate: [x-cart-id], as: x-id, subgraphs: [carts] }
    - { set: x-plan, claim: plan, default: free }
    - { set: x-wrote, value: "yes", operations: [mutation] }
  responses:
    - { propagate: [set-cookie], operations: [mutation] }
    - { propagate: [cache-control, x-served-by] }
    - { set: x-region, value: eu-1 }
`,
  );
  gateway = await serve({ supergraph, config, port: 0, env: { LOG_LEVEL: 'silent' } });
});
afterAll(async () => {
  await gateway?.close();
  await subgraphs.close();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  raw = {};
  subgraphs.requests.length = 0;
});

const token = (plan: unknown) =>
  jwt.sign({ sub: 'ann', plan }, sharedSecret, { algorithm: 'HS256', issuer: 'tests', audience: 'api', expiresIn: 60 });

const post = (query: string, headers: Record<string, string> = {}) =>
  fetch(gateway.graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
  });

const get = (query: string, headers: Record<string, string> = {}) =>
  fetch(`${gateway.graphqlUrl}?query=${encodeURIComponent(query)}`, {
    headers: { 'apollo-require-preflight': '1', ...headers },
  });

/** What a subgraph got, of the headers that rules speak of. */
const got = (name: string) => {
  const headers = subgraphs.requests.filter(({ subgraph }) => subgraph === name).map((request) => request.headers);
  return headers.map((all) =>
    Object.fromEntries(
      ['x-tenant', 'x-cart-id', 'x-id', 'x-plan', 'x-wrote'].flatMap((key) => (key in all ? [[key, all[key]]] : [])),
    ),
  );
};

const client = { 'x-tenant': 'acme', 'x-cart-id': '7', 'x-plan': 'stolen' };

describe('header rules', () => {
  it('decide what each subgraph gets over HTTP, on either lane', async () => {
    for (const ask of [post, get]) {
      subgraphs.requests.length = 0;
      expect(await (await ask('{ me cart }', client)).json()).toEqual({ data: { me: 1, cart: 3 } });
      expect(got('users')).toEqual([{ 'x-tenant': 'acme', 'x-plan': 'free' }]);
      expect(got('carts')).toEqual([{ 'x-tenant': 'acme', 'x-id': '7', 'x-plan': 'free' }]);
    }
  });

  it('tell mutations from queries, and take claims of the token', async () => {
    await post('mutation { signIn }', { authorization: `Bearer ${token('gold')}` });
    expect(got('users')).toEqual([{ 'x-plan': 'gold', 'x-wrote': 'yes' }]);
  });

  it('refuse a claim that would split the request, and ask nobody', async () => {
    const answer = await post('{ me }', { authorization: `Bearer ${token('gold\r\nx-admin: yes')}` });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('The claim \\"plan\\" cannot be written into a header.');
    expect(subgraphs.requests).toEqual([]);
  });

  it('hold for REST routes', async () => {
    const answer = await fetch(new URL('/api/me', gateway.url), { headers: client });
    expect([answer.status, answer.headers.get('x-region')]).toEqual([200, 'eu-1']);
    expect(got('users')).toEqual([{ 'x-tenant': 'acme', 'x-plan': 'free' }]);
  });

  it('hold for queries and subscriptions of a WebSocket, by the headers of its upgrade', async () => {
    class Socket extends WebSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols, { headers: client });
      }
    }
    const socket = createClient({
      url: gateway.graphqlUrl.replace('http', 'ws'),
      webSocketImpl: Socket,
      retryAttempts: 0,
    });
    for (const query of ['{ me }', 'subscription { ticks }']) {
      const events: unknown[] = [];
      for await (const event of socket.iterate({ query })) events.push(event);
      expect(events).toHaveLength(1);
    }
    expect(got('users')).toEqual([{ 'x-tenant': 'acme', 'x-plan': 'free' }]);
    const headers = subgraphs.subscriptions.at(-1)?.headers ?? {};
    expect(headers).toMatchObject({ 'x-tenant': 'acme', 'x-plan': 'free' });
    expect(Object.keys(headers)).not.toContain('sec-websocket-key');
    await socket.dispose();
  });

  it('keep requests apart that differ in a header that is forwarded, and let others share', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    raw.users = async () => {
      await held;
      return { body: '{"data":{"me":1}}' };
    };
    const tenants = ['acme', 'acme', 'other'];
    const answers = tenants.map((tenant) => post('{ me }', { 'x-tenant': tenant }));
    while (subgraphs.requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
    release();
    for (const answer of await Promise.all(answers)) expect(await answer.json()).toEqual({ data: { me: 1 } });
    expect(new Set(got('users').map((headers) => headers['x-tenant']))).toEqual(new Set(['acme', 'other']));
  });

  it('give clients the headers of subgraphs, beside those of the gateway', async () => {
    const headers = { 'x-served-by': 'users-1', 'set-cookie': 'a=1', 'cache-control': 'max-age=60', 'x-secret': '1' };
    raw.users = () => ({ headers, body: '{"data":{"me":1}}' });
    for (const ask of [post, get]) {
      const answer = await ask('{ me }');
      expect(answer.headers.get('x-served-by')).toBe('users-1');
      expect(answer.headers.get('cache-control')).toBe('max-age=60');
      expect(answer.headers.get('x-region')).toBe('eu-1');
      expect(answer.headers.get('set-cookie')).toBeNull();
      expect(answer.headers.get('x-secret')).toBeNull();
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('give everybody who shares an answer its headers', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    raw.users = async () => {
      await held;
      return { headers: { 'x-served-by': 'users-1' }, body: '{"data":{"me":1}}' };
    };
    const answers = [post('{ me }'), post('{ me }'), post('{ other: me }')];
    while (subgraphs.requests.length < 1) await new Promise((resolve) => setImmediate(resolve));
    release();
    for (const answer of await Promise.all(answers)) expect(answer.headers.get('x-served-by')).toBe('users-1');
  });

  it('give the client of a mutation its cookies, each on a line, and no cache the answer', async () => {
    const headers = { 'set-cookie': ['a=1; HttpOnly', 'b=2'] as never, 'cache-control': 'max-age=60' };
    raw.users = () => ({ headers, body: '{"data":{"signIn":2}}' });
    const answer = await post('mutation { signIn }');
    expect(answer.headers.getSetCookie()).toEqual(['a=1; HttpOnly', 'b=2']);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('let no cache keep an answer with errors, or one that a silent subgraph has a part in', async () => {
    const users = { headers: { 'cache-control': 'public, max-age=60' }, body: '{"data":{"me":1}}' };
    raw.users = () => users;
    expect((await post('{ me cart }')).headers.get('cache-control')).toBe('no-store');
    raw.users = () => ({ ...users, body: '{"data":{"me":null},"errors":[{"message":"No."}]}' });
    expect((await post('{ me }')).headers.get('cache-control')).toBe('no-store');
  });
});
