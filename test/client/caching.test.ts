/**
 * What HTTP clients and caches are told of answers that hold. Real: a gateway with a cache, its two lanes and its REST
 * routes, subgraphs over HTTP. Observed: status, headers and bytes, and whether a subgraph was asked.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InjectOptions } from 'fastify';
import { sign } from 'jsonwebtoken';
import { createHttpServer, type HttpServer } from '../../src/client/http';
import { createConfig } from '../../src/config';
import { createAuthentication } from '../../src/context/create-authentication';
import type { RequestContext } from '../../src/context/request-context';
import { createContexts, httpConfigOf, httpDepsOf } from '../../src/doors';
import { openLibrary, openOperations } from '../../src/open-operations';
import { silentLog } from '../../src/telemetry/log';
import { createMetrics } from '../../src/telemetry/metrics';
import { type CachedGraph, startCachedGraph } from '../gateway/cached-graph';

jest.setTimeout(60_000);

const sharedSecret = 'a-secret-of-tests-with-over-32-bytes';
const token = (subject: string) =>
  sign({}, sharedSecret, { subject, issuer: 'tests', audience: 'supergate', expiresIn: 60 });

const files = `
  query OnePost($id: ID!) @rest(path: "/posts/{id}", unwrap: "post") { post(id: $id) { id title } }
  query Mine @rest(path: "/mine", unwrap: "mine") { mine { id secret } }
  query Members @rest(path: "/members", authenticated: true) { count }
  query Late @rest(path: "/late", unwrap: "late") { late { x } }
  query Failing @rest(path: "/failing") { failing count }
`;

let directory: string;
let graph: CachedGraph;
let servers: { readonly express: HttpServer; readonly apollo: HttpServer };
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'supergate-caching-'));
  writeFileSync(join(directory, 'posts.graphql'), files);
  const settings = {
    cache: { answers: 'private' },
    rest: { operations: directory },
    server: { cors: { origins: ['https://app.example'] } },
    headers: { requests: [{ propagate: ['accept-language'] }] },
    authentication: { issuers: [{ issuer: 'tests', audiences: ['supergate'], algorithms: ['HS256'], sharedSecret }] },
  } as const;
  graph = await startCachedGraph(settings, { contextOf: (value) => value as RequestContext });
  const config = createConfig(settings as never);
  const authentication = createAuthentication(config.authentication, {
    subgraphIdentity: undefined,
    log: silentLog,
    now: Date.now,
  });
  const contexts = createContexts(config, authentication, undefined, silentLog);
  const library = await openLibrary(config, silentLog);
  const operations = await openOperations(config, library, graph.gateway, silentLog);
  const open = async (expressLane: boolean) => {
    const metrics = createMetrics();
    closers.push(() => metrics.close());
    const parts = {
      gateway: graph.gateway,
      contexts,
      operations,
      redis: undefined,
      metrics,
      tracer: undefined,
      log: silentLog,
    };
    return createHttpServer({ ...httpConfigOf(config), expressLane }, httpDepsOf(config, parts));
  };
  servers = { express: await open(true), apollo: await open(false) };
  closers.push(
    () => operations.close(),
    () => authentication.close(),
  );
});
afterAll(async () => {
  for (const server of Object.values(servers)) await server.close({ idleGraceMs: 0, timeoutMs: 1_000 });
  for (const close of closers) await close();
  await graph.close();
  rmSync(directory, { recursive: true });
});
beforeEach(() => graph.resolved.clear());

const get = (query: string, headers: Record<string, string> = {}): InjectOptions => ({
  method: 'GET',
  url: `/graphql?query=${encodeURIComponent(query)}`,
  headers: { 'apollo-require-preflight': 'true', accept: 'application/json', ...headers },
});
const post = (query: string, headers: Record<string, string> = {}): InjectOptions => ({
  method: 'POST',
  url: '/graphql',
  headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
  payload: JSON.stringify({ query }),
});
const route = (path: string, headers: Record<string, string> = {}): InjectOptions => ({
  method: 'GET',
  url: `/api/v1${path}`,
  headers,
});
const signedIn = (subject: string) => ({ authorization: `Bearer ${token(subject)}` });

describe.each(['express', 'apollo'] as const)('GraphQL, by the lane %s', (lane) => {
  const send = (request: InjectOptions) => servers[lane].inject(request);

  it('tells how long an answer holds, for whom, and what it depends on', async () => {
    const { headers, body } = await send(get('{ count }'));
    const digest = createHash('sha256').update(body).digest('base64url').slice(0, 27);
    expect(headers).toMatchObject({
      'cache-control': 'public, max-age=120',
      vary: 'accept, origin, accept-language',
      etag: `"${digest}"`,
    });
    const personal = await send(get('{ mine { secret } }', signedIn('ann')));
    expect(personal.headers).toMatchObject({
      'cache-control': 'private, max-age=60',
      vary: 'accept, origin, accept-language, authorization, cookie',
    });
  });

  it('answers 304 to who has it, without asking a subgraph, and without what belongs to a body', async () => {
    const { headers } = await send(get('{ count }'));
    graph.resolved.clear();
    for (const tag of [String(headers.etag), `"x", W/${headers.etag}`, '*']) {
      const again = await send(get('{ count }', { 'if-none-match': tag }));
      expect([again.statusCode, again.body]).toEqual([304, '']);
      expect(again.headers).toMatchObject({ etag: headers.etag, 'cache-control': 'public, max-age=120' });
      expect([again.headers['content-type'], again.headers['content-length']]).toEqual([undefined, undefined]);
      expect(again.headers['x-request-id']).toBeTruthy();
    }
    expect(graph.resolved.size).toBe(0);
    expect((await send(get('{ count }', { 'if-none-match': '"other"' }))).statusCode).toBe(200);
  });

  it('has another tag for another media type, and none for a POST, which is not asked conditionally', async () => {
    const plain = await send(get('{ count }'));
    const other = await send(get('{ count }', { accept: 'application/graphql-response+json' }));
    expect(other.body).toBe(plain.body);
    expect(other.headers.etag).not.toBe(plain.headers.etag);
    const posted = await send(post('{ count }', { 'if-none-match': String(plain.headers.etag) }));
    expect([posted.statusCode, posted.body, posted.headers.etag]).toEqual([200, plain.body, undefined]);
    expect(posted.headers['cache-control']).toBe('public, max-age=120');
  });

  it.each([
    ['errors', '{ failing count }'],
    ['fields that were left out', '{ guarded count }'],
    ['no age', '{ late { x } }'],
    ['a mistake', '{ nope }'],
    ['the schema', '{ __schema { queryType { name } } }'],
  ])('lets nobody keep an answer with %s', async (_name, query) => {
    const { headers } = await send(get(query));
    expect([headers['cache-control'], headers.etag]).toEqual(['no-store', undefined]);
  });

  it('weakens the tag of a compressed answer, which is a 304 all the same', async () => {
    const { headers } = await send(get('{ long }', { 'accept-encoding': 'gzip' }));
    expect([headers['content-encoding'], headers.etag]).toEqual(['gzip', expect.stringMatching(/^W\/"/)]);
    expect(headers.vary).toBe('accept, origin, accept-language, accept-encoding');
    const again = await send(get('{ long }', { 'if-none-match': String(headers.etag), 'accept-encoding': 'gzip' }));
    expect(again.statusCode).toBe(304);
    expect((await send(get('{ long }'))).headers.vary).toBe('accept, origin, accept-language, accept-encoding');
  });

  it('varies by the origin too, where pages of others may read it', async () => {
    const { headers } = await send(get('{ count }', { origin: 'https://app.example' }));
    expect(headers.vary).toBe('accept, origin, accept-language');
    expect(headers['access-control-allow-origin']).toBe('https://app.example');
  });
});

describe('both lanes', () => {
  it.each(['{ count }', '{ posts { title author { name } } }', '{ post(id: "x") { id title } }', '{ failing }'])(
    'answer %s with the same bytes and headers, kept or not',
    async (query) => {
      const answers = [];
      for (const send of [get, post]) {
        for (const server of [servers.express, servers.apollo, servers.express, servers.apollo]) {
          const { statusCode, headers, body } = await server.inject(send(query));
          const { date: _date, age: _age, 'x-request-id': id, etag, ...rest } = headers;
          answers.push(
            JSON.stringify({ statusCode, rest, etag: send === get ? etag : 'none', body }).replaceAll(String(id), 'id'),
          );
        }
      }
      expect(new Set(answers.slice(0, 4)).size).toBe(1);
      expect(new Set(answers.slice(4)).size).toBe(1);
    },
  );
});

describe('REST', () => {
  const send = (request: InjectOptions) => servers.express.inject(request);

  it('tells the same of its answers, with a tag of its own', async () => {
    const first = await send(route('/posts/r1'));
    expect(first.headers['cache-control']).toBe('public, max-age=60');
    const again = await send(route('/posts/r1', { 'if-none-match': String(first.headers.etag) }));
    expect([again.statusCode, again.body, again.headers.etag]).toEqual([304, '', first.headers.etag]);
    expect(graph.resolved.get('post')).toBe(1);
    const asGraphQL = await send(get('query { post(id: "r1") { id title } }'));
    expect(asGraphQL.headers.etag).not.toBe(first.headers.etag);
    expect((await send(route('/posts/r2', { 'if-none-match': String(first.headers.etag) }))).statusCode).toBe(200);
  });

  it('has a new tag once a mutation has changed what is in it', async () => {
    const before = await send(route('/posts/r3'));
    await send(post('mutation { editPost(id: "r3") { id } }'));
    const after = await send(route('/posts/r3', { 'if-none-match': String(before.headers.etag) }));
    expect([after.statusCode, after.json()]).toEqual([200, { id: 'r3', title: 'r3 v1' }]);
    expect(after.headers.etag).not.toBe(before.headers.etag);
  });

  it('never gives one what is another’s, whatever tag they send', async () => {
    const hers = await send(route('/mine', signedIn('ann')));
    const his = await send(route('/mine', { ...signedIn('bob'), 'if-none-match': String(hers.headers.etag) }));
    expect([hers.statusCode, his.statusCode]).toEqual([200, 200]);
    expect(his.body).not.toBe(hers.body);
    for (const { headers } of [hers, his]) {
      expect(headers).toMatchObject({
        'cache-control': 'private, max-age=60',
        vary: 'accept, origin, accept-language, authorization, cookie',
      });
    }
  });

  it('lets nobody share what needs a sign-in', async () => {
    expect((await send(route('/members'))).statusCode).toBe(401);
    const { headers } = await send(route('/members', signedIn('ann')));
    expect(headers['cache-control']).toBe('private, max-age=120');
    expect(headers.vary).toContain('authorization');
  });

  it('answers 404 for what is not there, kept or not', async () => {
    for (const headers of [{}, {}, { 'if-none-match': '*' }]) {
      const answer = await send(route('/posts/absent', headers));
      expect([answer.statusCode, answer.headers['cache-control']]).toEqual([404, 'no-store']);
    }
    expect(graph.resolved.get('post')).toBe(1);
  });

  it('keeps to its client alone what has no age, and lets nobody keep a failure', async () => {
    expect((await send(route('/late'))).headers['cache-control']).toBe('private, no-cache');
    const failed = await send(route('/failing'));
    expect([failed.statusCode, failed.headers['cache-control']]).toEqual([502, 'no-store']);
  });
});
