/**
 * The conformance audits that `graphql-http` ships, over a listening server, on both lanes.
 * Real: sockets, HTTP, Apollo Server. Fake: the schema behind it. Every MUST and every SHOULD passes.
 */
import { serverAudits } from 'graphql-http';
import { startTestServer, stopTestServer, type TestServer } from './http-server';

/** These ask that a GET needs no preflight header. CSRF prevention stays on, and all of them are only MAYs. */
const refusedByCsrfPrevention: Readonly<Record<string, string>> = {
  '5A70': 'a GET without a preflight header is what a foreign page can send',
  D6D5: 'a GET whose only header is Accept is what a foreign page can send',
  '6A70': 'a GET whose only header is Accept is what a foreign page can send',
};

describe.each([
  ['through Apollo Server', false],
  ['on the express lane', true],
])('GraphQL over HTTP %s', (_lane, expressLane) => {
  let server: TestServer;
  let url: string;

  beforeAll(async () => {
    server = await startTestServer({ expressLane });
    url = await server.http.listen(0, '127.0.0.1');
  });
  afterAll(() => stopTestServer(server));

  it.each(serverAudits({ url: () => url }).map(({ id, name, fn }) => ({ id, name, fn })))(
    '$id $name',
    async ({ id, name, fn }) => {
      const result = await fn();
      const reason = refusedByCsrfPrevention[id];
      if (reason === undefined) {
        expect(result).toMatchObject({ status: 'ok' });
        return;
      }
      expect(name).toMatch(/^MAY /);
      expect(result).toMatchObject({ status: 'notice', response: { status: 400 } });
    },
  );

  it.each(Object.keys(refusedByCsrfPrevention))('passes %s once the preflight header is sent', async (id) => {
    const withHeader: typeof fetch = (input, init = {}) =>
      fetch(input, { ...init, headers: { ...init.headers, 'apollo-require-preflight': 'true' } });
    const audit = serverAudits({ url, fetchFn: withHeader }).find((one) => one.id === id);
    await expect(audit?.fn()).resolves.toMatchObject({ status: 'ok' });
  });
});
