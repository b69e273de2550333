/**
 * Every hostile token over HTTP, on both lanes. Real: sockets, the HTTP door, the request context, the verifier, keys.
 * Fake: what is behind the door, the clock. Observed: the whole answer, byte for byte, and that a good token passes.
 */
import { createAuthenticator } from '../../src/context/authenticate';
import { createRequestContexts } from '../../src/context/create-request-context';
import { createCredentialReader } from '../../src/context/credentials';
import { silentLog } from '../../src/telemetry/log';
import { claimsOf, createClock, forge } from '../context/forge';
import { hostileClaimRows, hostileShapeRows, hostileSignatureRows } from '../context/hostile-claims';
import { hostileHeaderRows } from '../context/hostile-headers';
import { createVerifier, es, header, key } from '../context/world';
import { type Send, sendOver, startTestServer, stopTestServer, type TestServer } from './http-server';

const clock = createClock();
const rows = [...hostileHeaderRows, ...hostileSignatureRows, ...hostileClaimRows, ...hostileShapeRows];
/** What node's client can put into a header that the server takes. */
const sendable = rows
  .map(([name, , token]): [string, string] => [name, token()])
  .filter(([, token]) => /^[\x21-\x7e]*$/.test(token) && token.length < 12_000);

let server: TestServer;
let send: Send;
beforeAll(async () => {
  const contexts = createRequestContexts({
    authenticator: createAuthenticator({ tokens: createVerifier(), required: false, now: clock.now }),
    credentials: createCredentialReader({ header: true, cookie: 'session', connectionInit: true, extensions: true }),
    log: silentLog,
    now: clock.now,
    timeoutMs: 30_000,
  });
  server = await startTestServer({ expressLane: true }, { createContext: (request) => contexts.openHttp(request) });
  send = sendOver(await server.http.listen(0, '127.0.0.1'));
});
afterAll(() => stopTestServer(server));

const query = '{ hello }';
const ways: Readonly<Record<string, (token: string) => Parameters<Send>[0]>> = {
  'the express lane': (token) => ({
    method: 'POST',
    url: '/graphql',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    payload: JSON.stringify({ query }),
  }),
  'the lane of Apollo Server': (token) => ({
    method: 'GET',
    url: `/graphql?query=${encodeURIComponent(query)}`,
    headers: { 'apollo-require-preflight': '1', authorization: `Bearer ${token}` },
  }),
  extensions: (token) => ({
    method: 'POST',
    url: '/graphql',
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify({ query, extensions: { authorization: `Bearer ${token}` } }),
  }),
};

describe.each(Object.entries(ways))('over %s', (_name, requestWith) => {
  it('every hostile token gets one and the same answer', async () => {
    expect(sendable.length).toBeGreaterThan(160);
    const answers = new Map<string, string[]>();
    for (const [name, token] of sendable) {
      const { statusCode, headers, body } = await send(requestWith(token));
      const { date: _date, 'x-request-id': _id, ...others } = headers;
      const answer = JSON.stringify({ statusCode, others, body });
      answers.set(answer, [...(answers.get(answer) ?? []), name]);
    }
    // Where there are several answers, the names tell whose.
    expect([...answers.values()].slice(1)).toEqual([]);
    const [answer = '{}'] = answers.keys();
    expect(JSON.parse(answer)).toMatchObject({
      statusCode: 401,
      others: { 'www-authenticate': 'Bearer realm="supergate", error="invalid_token"' },
      body: '{"errors":[{"message":"The credentials were refused.","extensions":{"code":"UNAUTHENTICATED"}}]}',
    });
  });

  it('a good token is answered then as before', async () => {
    for (const token of [es(), forge(header, claimsOf({ sub: 'user-2' }), 'ES256', key.privateKey)]) {
      const answer = await send(requestWith(token));
      expect([answer.statusCode, answer.json()]).toEqual([200, { data: { hello: 'hello world' } }]);
    }
  });
});
