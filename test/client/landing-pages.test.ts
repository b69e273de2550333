/** The pages as a server hands them out; test/e2e/explorer.test.ts shows them to a browser. */
import { gunzipSync } from 'node:zlib';
import { createFakeDoor } from './fake-door';
import { startTestServer, stopTestServer, type TestServer } from './http-server';

const browserAccept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

describe('the pages', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => stopTestServer(server));
  const policyOf = (headers: Record<string, unknown>) =>
    Object.fromEntries(
      String(headers['content-security-policy'])
        .split('; ')
        .map((directive) => directive.split(/ (.*)/).slice(0, 2)),
    );

  it('are Sandbox for a browser at the GraphQL path', async () => {
    const { statusCode, headers, body } = await server.http.inject({
      url: '/graphql',
      headers: { accept: browserAccept },
    });
    expect(statusCode).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers.vary).toContain('accept');
    expect(body).toContain('initialSubscriptionEndpoint');
    expect(policyOf(headers)).toMatchObject({
      'default-src': "'none'",
      'frame-ancestors': "'none'",
      'connect-src': "'self'",
      'frame-src': 'https://sandbox.embed.apollographql.com',
    });
    expect(policyOf(headers)['script-src']).not.toContain('unsafe');
  });

  it('never hold what a request says', async () => {
    const { body } = await server.http.inject({
      url: '/graphql?query=</script><script>alert(1)</script>',
      headers: { accept: browserAccept, host: '"><script>alert(2)</script>' },
    });
    expect(body).not.toContain('alert');
  });

  it('are the explorer at /graphiql, compressed, with no URL of another host in what it loads', async () => {
    const { headers, rawPayload } = await server.http.inject({
      url: '/graphiql',
      headers: { 'accept-encoding': 'gzip, br' },
    });
    expect(headers['content-encoding']).toBe('gzip');
    expect(rawPayload.length).toBeLessThan(3_500_000);
    const html = gunzipSync(rawPayload).toString();
    expect(html).toMatch(/^<!doctype html>/);
    expect(html).not.toMatch(/<(script|link|img|iframe)[^>]+(src|href)="(https?:)?\/\//);
    expect(policyOf(headers)).toMatchObject({
      'default-src': "'none'",
      'connect-src': "'self'",
      'worker-src': 'blob:',
    });
    expect(policyOf(headers)['script-src']).toMatch(/^'sha256-[\w+/]{43}=' blob:$/);
  });

  it('are the explorer uncompressed for a client that takes no gzip', async () => {
    for (const headers of [{}, { 'accept-encoding': 'gzip;q=0, br' }]) {
      const answer = await server.http.inject({ url: '/graphiql', headers });
      expect(answer.headers['content-encoding']).toBeUndefined();
      expect(answer.body).toMatch(/^<!doctype html>/);
    }
  });

  it('are not sent again to a browser that has the explorer', async () => {
    const first = await server.http.inject({ url: '/graphiql', headers: { 'accept-encoding': 'gzip' } });
    const again = await server.http.inject({
      url: '/graphiql',
      headers: { 'accept-encoding': 'gzip', 'if-none-match': `W/"old", ${first.headers.etag}` },
    });
    expect(again.statusCode).toBe(304);
    expect(again.rawPayload).toHaveLength(0);
  });

  it('send a browser from the root to the GraphQL path', async () => {
    const { statusCode, headers } = await server.http.inject({ url: '/' });
    expect([statusCode, headers.location]).toEqual([302, '/graphql']);
  });

  it('are shown to some alone: to others there is nothing', async () => {
    const door = createFakeDoor();
    const some = await startTestServer(
      {},
      {
        createContext: async (request) => {
          if (request.headers.cookie === 'bad') throw new Error('refused');
          return Object.assign(await door.createContext(request), { who: request.headers.cookie });
        },
        mayExplore: (context) => 'who' in context && context.who === 'admin',
        door,
      },
    );
    const statusesFor = async (cookie?: string) => {
      const headers = { accept: browserAccept, ...(cookie !== undefined && { cookie }) };
      const answers = await Promise.all(['/graphql', '/graphiql'].map((url) => some.http.inject({ url, headers })));
      return answers.map(({ statusCode, body }) => [statusCode, body.startsWith('<!doctype html>')]);
    };
    expect(await statusesFor('admin')).toEqual([
      [200, true],
      [200, true],
    ]);
    for (const other of ['reader', 'bad', undefined]) {
      const [atGraphQL, atExplorer] = await statusesFor(other);
      expect(atGraphQL?.[0]).toBeGreaterThanOrEqual(400);
      expect([atGraphQL?.[1], atExplorer]).toEqual([false, [404, false]]);
    }
    await stopTestServer(some);
  });

  it('are not there when the explorer is off', async () => {
    const off = await startTestServer({ explorer: false });
    const statusOf = async (url: string) =>
      (await off.http.inject({ url, headers: { accept: browserAccept, 'apollo-require-preflight': '1' } })).statusCode;
    expect(await statusOf('/graphiql')).toBe(404);
    expect(await statusOf('/')).toBe(404);
    expect(await statusOf('/graphql?query={hello}')).toBe(200);
    await stopTestServer(off);
  });
});
