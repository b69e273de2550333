/**
 * Real: Postgres, HTTP, Apollo Server. Made up: one small subgraph with a field for every way to fail.
 * Observed: status, body and the log, as a caller that may or may not be the gateway sees them.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';
import type { Log } from '../../src/telemetry/log';
import { notFound } from '../../subgraphs/shared/errors';
import { identityKey, signIdentity } from '../../subgraphs/shared/identity';
import { type RunningSubgraph, type SubgraphDefinition, startSubgraph } from '../../subgraphs/shared/subgraph';
import { createTestDatabase, type TestDatabase } from '../support/postgres';
import { anonymous, call, codes, post, TEST_SECRET, testKey, user } from './shared-call';

const SCHEMA = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Query { whoami: String broken: String sql: String missing: String slow: String }
`;

describe('a subgraph', () => {
  let database: TestDatabase;
  let directory: string;
  let subgraph: RunningSubgraph;
  const logged: string[] = [];
  const write = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { error: write, warn: write, info: write, debug: write };
  let definition: SubgraphDefinition<{ caller: string; db: { query(sql: string): Promise<object[]> } }>;

  beforeAll(async () => {
    database = await createTestDatabase();
    directory = await mkdtemp(join(tmpdir(), 'supergate-subgraph-'));
    await writeFile(join(directory, 'schema.graphql'), SCHEMA);
    await writeFile(join(directory, '0001-things.sql'), 'create table things (id int primary key)');
    definition = {
      name: 'things',
      schemaFile: join(directory, 'schema.graphql'),
      migrationsDirectory: directory,
      resolvers: {
        Query: {
          whoami: (_: unknown, _args: unknown, context: { caller: string }) => context.caller,
          broken: () => {
            throw new Error('the password is hunter2');
          },
          sql: (_: unknown, _args: unknown, { db }: { db: { query(sql: string): Promise<object[]> } }) =>
            db.query('select * from no_such_table'),
          missing: () => {
            throw notFound('There is no such thing.');
          },
          slow: () => new Promise((resolve) => setTimeout(resolve, 300, 'done')),
        },
      },
      seed: async (db) => {
        await db.query('insert into things values (1)');
      },
      createContext: ({ caller }, db) => ({ caller: caller.kind === 'user' ? caller.id : 'nobody', db }),
      routes: () => [
        {
          method: 'POST',
          path: '/echo',
          handle: async ({ body, headers, url }) => ({ status: 202, body: `${url} ${headers['x-a']} ${body}` }),
        },
      ],
    };
    subgraph = await start();
  });

  afterAll(async () => {
    await subgraph.close();
    await database.close();
    await rm(directory, { recursive: true });
  });

  const start = () =>
    startSubgraph(definition, {
      databaseUrl: database.url,
      port: 0,
      identitySecret: TEST_SECRET,
      userIssuer: 'https://ours',
      log,
    });

  const askWith = (headers: Record<string, string>) => post(subgraph.url, headers, { query: '{ whoami }' });
  const now = () => Math.floor(Date.now() / 1000);
  const good = () => ({ iss: 'supergate', aud: 'subgraphs', iat: now(), exp: now() + 30, sub: 'u1' });
  const sign = (claims: object, key: jwt.Secret = testKey, algorithm: jwt.Algorithm = 'HS256') => ({
    'supergate-identity': jwt.sign(claims, key, { algorithm }),
  });

  describe('identity', () => {
    it('believes the gateway that somebody calls', async () => {
      expect(await askWith(sign(good()))).toEqual({ status: 200, data: { whoami: 'u1' }, errors: undefined });
    });

    it('believes the gateway that nobody signed in', async () => {
      expect((await call(subgraph.url, anonymous, '{ whoami }')).data).toEqual({ whoami: 'nobody' });
    });

    it("takes another issuer's subject for nobody: its ids are not those of our users", async () => {
      expect((await askWith(sign({ ...good(), sub_iss: 'https://theirs' }))).data).toEqual({ whoami: 'nobody' });
      expect((await askWith(sign({ ...good(), sub_iss: 'https://ours' }))).data).toEqual({ whoami: 'u1' });
    });

    it('takes the gateway, when it asks for itself, for nobody', async () => {
      expect((await call(subgraph.url, { kind: 'gateway' }, '{ whoami }')).data).toEqual({ whoami: 'nobody' });
    });

    const { exp: _exp, ...immortal } = good();
    const refused: [string, () => Record<string, string>][] = [
      ['no header', () => ({})],
      ['a bare user id', () => ({ 'x-user-id': 'u1', 'x-user-roles': 'ADMIN' })],
      ['a bare word', () => ({ 'supergate-identity': 'u1' })],
      ["a client's bearer token", () => ({ authorization: `Bearer ${signIdentity(user('u1'), testKey)}` })],
      ['another secret', () => sign(good(), identityKey('another-secret-of-32-bytes-or-more-ok'))],
      ['alg none', () => ({ 'supergate-identity': jwt.sign(good(), '', { algorithm: 'none' }) })],
      ['another algorithm of the same key', () => sign(good(), testKey, 'HS512')],
      ['a wrong audience', () => sign({ ...good(), aud: 'supergate' })],
      ['a wrong issuer', () => sign({ ...good(), iss: 'https://users.supergate.local' })],
      ['an expired token', () => sign({ ...good(), iat: now() - 60, exp: now() - 10 })],
      ['no expiry', () => sign(immortal)],
      ['a long life', () => sign({ ...good(), exp: now() + 3600 })],
      ['a long life, dated in the future', () => sign({ ...good(), iat: now() + 3570, exp: now() + 3600 })],
      ['an empty subject', () => sign({ ...good(), sub: '' })],
      ['roles that are no list', () => sign({ ...good(), roles: 'ADMIN' })],
      ['an API key that is no text', () => sign({ ...good(), api_key: ['k'] })],
      ['a service token with a subject', () => sign({ ...good(), svc: 'gateway' })],
      ['a service token of another service', () => sign({ ...good(), sub: undefined, svc: 'cron' })],
    ];
    it.each(refused)('refuses %s with 401', async (_name, headers) => {
      const answer = await askWith(headers());
      expect(answer.status).toBe(401);
      expect(answer.data).toBeUndefined();
      expect(codes(answer)).toEqual(['UNAUTHENTICATED']);
    });

    it('tells its schema to the gateway alone', async () => {
      const query = '{ _service { sdl } }';
      expect((await post(subgraph.url, {}, { query })).status).toBe(401);
      expect((await call(subgraph.url, anonymous, query)).data._service.sdl).toContain('whoami');
    });

    it('refuses to start with a secret under 32 bytes', async () => {
      const options = { databaseUrl: database.url, port: 0, identitySecret: 'short', log };
      await expect(startSubgraph(definition, options)).rejects.toThrow(/32 bytes/);
    });
  });

  describe('errors', () => {
    it('passes a refusal on', async () => {
      const answer = await call(subgraph.url, anonymous, '{ missing }');
      expect(answer.errors).toEqual([
        expect.objectContaining({ message: 'There is no such thing.', extensions: { code: 'NOT_FOUND' } }),
      ]);
    });

    it.each(['broken', 'sql'])('masks an unexpected error (%s) and logs it', async (field) => {
      logged.length = 0;
      const answer = await call(subgraph.url, anonymous, `{ ${field} }`);
      expect(answer.errors).toEqual([
        {
          message: 'Internal server error',
          path: [field],
          locations: expect.anything(),
          extensions: { code: 'INTERNAL_SERVER_ERROR' },
        },
      ]);
      expect(logged).toEqual([expect.stringMatching(/A resolver failed unexpectedly .*(hunter2|no_such_table)/)]);
    });

    it('answers a body that is not JSON with 400 in JSON', async () => {
      const headers = { 'supergate-identity': signIdentity(anonymous, testKey), 'content-type': 'application/json' };
      const response = await fetch(`${subgraph.url}/graphql`, { method: 'POST', headers, body: '{"query":' });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
    });

    it('answers a body over the limit with 413', async () => {
      const answer = await askWith({ ...sign(good()), 'x-filler': 'a' });
      expect(answer.status).toBe(200);
      const headers = { ...sign(good()), 'content-type': 'application/json' };
      const body = JSON.stringify({ query: '{ whoami }', filler: 'x'.repeat(4 * 1024 * 1024) });
      const status = await fetch(`${subgraph.url}/graphql`, { method: 'POST', headers, body }).then(
        (response) => response.status,
        // The connection may be gone before the client has sent everything.
        () => 413,
      );
      expect(status).toBe(413);
      expect((await askWith(sign(good()))).status).toBe(200);
    });

    it('answers unknown paths with 404 and unknown methods with 405', async () => {
      expect((await fetch(`${subgraph.url}/nothing`)).status).toBe(404);
      const response = await fetch(`${subgraph.url}/graphql`);
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('POST');
    });
  });

  it('serves its own routes without a token and with the raw body', async () => {
    const response = await fetch(`${subgraph.url}/echo?q=1`, {
      method: 'POST',
      headers: { 'x-a': 'b' },
      body: ' {"z": 1 } ',
    });
    expect([response.status, await response.text()]).toEqual([202, '/echo?q=1 b  {"z": 1 } ']);
  });

  it('tells its health, which is that of its database', async () => {
    const healthy = await fetch(`${subgraph.url}/health`);
    expect([healthy.status, await healthy.json()]).toEqual([200, { status: 'ok', subgraph: 'things', database: 'ok' }]);
    const lost = await createTestDatabase();
    const orphan = await startSubgraph(definition, {
      databaseUrl: lost.url,
      port: 0,
      identitySecret: TEST_SECRET,
      log,
    });
    await lost.close();
    const failing = await fetch(`${orphan.url}/health`);
    expect([failing.status, await failing.json()]).toEqual([
      503,
      { status: 'failing', subgraph: 'things', database: 'unreachable' },
    ]);
    await orphan.close();
  });

  it('migrates and seeds once, however often and however many times at once it starts', async () => {
    const others = await Promise.all([start(), start(), start()]);
    await Promise.all(others.map((other) => other.close()));
    expect(others.map(({ name }) => name)).toEqual(['things', 'things', 'things']);
  });

  it('finishes running requests when it closes, and then listens no more', async () => {
    const closing = await start();
    const running = call(closing.url, anonymous, '{ slow }');
    await new Promise((resolve) => setTimeout(resolve, 100));
    const closed = closing.close();
    expect((await running).data).toEqual({ slow: 'done' });
    await closed;
    await expect(fetch(`${closing.url}/health`)).rejects.toThrow();
  });

  it('rejects with the cause when its port is taken', async () => {
    const options = { databaseUrl: database.url, port: subgraph.port, identitySecret: TEST_SECRET, log };
    await expect(startSubgraph(definition, options)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('bounds header floods', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { 'x-flood': 'a'.repeat(20_000) };
      request(`${subgraph.url}/health`, { headers }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(431);
  });
});
