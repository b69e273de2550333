import { connect } from 'node:net';
import type { HttpConfig } from '../../src/client/http';
import { ClientError } from '../../src/errors';
import { httpDefaults, startTestServer, stopTestServer, type TestServer } from './http-server';

/**
 * Operations as streams over HTTP. Real: HTTP server, sockets, both protocols. Fake: the way behind the door, whose
 * subscriptions send what the test says. Observed: status, headers and the bytes of the stream.
 */
let server: TestServer;
let url: string;
const leaving: AbortController[] = [];

async function start(subscriptions: Partial<HttpConfig['subscriptions']> = {}, config: Partial<HttpConfig> = {}) {
  server = await startTestServer({
    ...config,
    subscriptions: { ...httpDefaults.subscriptions, pingIntervalMs: 60_000, ...subscriptions },
  });
  url = await server.http.listen(0, '127.0.0.1');
}
afterEach(async () => {
  for (const client of leaving.splice(0)) client.abort();
  await stopTestServer(server);
});

const sse = 'text/event-stream';
const multipart = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json';

interface Stream {
  readonly response: Response;
  /** Reads on until the text holds this, and returns all of it. */
  until(part: string): Promise<string>;
  /** All of it, once it has ended. */
  readonly text: Promise<string>;
  leave(): void;
}

async function ask(query: string, accept: string, init: RequestInit & { variables?: object } = {}): Promise<Stream> {
  const client = new AbortController();
  leaving.push(client);
  const { variables, ...rest } = init;
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify({ query, variables }),
    signal: client.signal,
    ...rest,
  });
  let text = '';
  const waiting = new Set<() => void>();
  const whole = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      for (const check of [...waiting]) check();
    }
    return text;
  })();
  whole.catch(() => {});
  return {
    response,
    text: whole,
    leave: () => client.abort(),
    until: (part) =>
      new Promise((resolve) => {
        const check = () => {
          if (!text.includes(part)) return;
          waiting.delete(check);
          resolve(text);
        };
        waiting.add(check);
        check();
      }),
  };
}

const subscription = 'subscription { ticks }';
const tick = (number: number) => JSON.stringify({ data: { ticks: number } });

describe('an answer in parts', () => {
  const query = '{ hello ... @defer(label: "slow") { partial } }';
  const rest = '{"incremental":[{"data":{"gated":"open"},"path":[],"label":"slow"}],"hasNext":false}';
  const accept = 'multipart/mixed;deferSpec=20220824,application/json';
  const part = (json: string) => `\r\ncontent-type: application/json; charset=utf-8\r\n\r\n${json}\r\n---`;

  it('is told part by part, as Apollo clients read it', async () => {
    await start();
    const { response, text, until } = await ask('{ hello ... @defer(label: "slow") { sum(numbers: 1) } }', accept);
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'multipart/mixed;boundary="-";deferSpec=20220824',
    ]);
    const first = `---${part('{"data":{"hello":"hello world","sum":1},"hasNext":true}')}`;
    expect(await until('true}\r\n---')).toBe(first);
    server.door.openGate();
    expect(await text).toBe(`${first}${part(rest)}--\r\n`);
    expect(server.door.counts.disposed).toBe(1);
  });

  it('is told in an event stream as well, with the errors of each part', async () => {
    await start();
    server.door.openGate();
    const { text } = await ask(query, sse);
    const [, first, second, ...others] = (await text).split('event: next\ndata: ');
    expect(JSON.parse(first ?? '')).toMatchObject({
      data: { hello: 'hello world', partial: ['one', null] },
      errors: [{ path: ['partial', 1] }],
      hasNext: true,
    });
    expect(second).toBe(`${rest}\n\nevent: complete\ndata:\n\n`);
    expect(others).toEqual([]);
  });

  it.each([
    ['for who takes only one', query, 'application/json'],
    ['for who takes multipart for subscriptions alone', query, multipart],
    ['for who takes another version of it', query, 'multipart/mixed;deferSpec=20991231,application/json'],
    ['where nothing is deferred', '{ hello }', accept],
  ])('is in one piece %s', async (_name, text, accepted) => {
    await start();
    const { response } = await ask(text, accepted);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  });

  it('is given up when the client leaves', async () => {
    await start();
    const { until, leave } = await ask(query, accept);
    await until('true}\r\n---');
    leave();
    await waitFor(() => server.door.requests[0]?.left === true);
    server.door.openGate();
    await waitFor(() => server.door.counts.disposed === 1);
  });

  it('is told to its end while the gateway closes', async () => {
    await start();
    const { until, text } = await ask(query, accept);
    await until('true}\r\n---');
    const closed = server.http.close({ idleGraceMs: 0, timeoutMs: 2_000 });
    server.door.openGate();
    expect(await text).toContain(rest);
    await closed;
  });
});

describe('an event stream', () => {
  it('is a result and its end for a query', async () => {
    await start();
    const { response, text } = await ask('{ hello }', sse);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await text).toBe(':\n\nevent: next\ndata: {"data":{"hello":"hello world"}}\n\nevent: complete\ndata:\n\n');
  });

  it('hands on the events of a subscription as they come, and its end', async () => {
    await start();
    const stream = await ask(subscription, sse);
    await server.door.subscribed(1);
    const { sink } = server.door.subscriptions[0]!;
    sink.next(tick(1), false);
    await stream.until('event: next\ndata: {"data":{"ticks":1}}\n\n');
    sink.next(tick(2), false);
    sink.end({ kind: 'complete' });
    expect(await stream.text).toBe(
      `:\n\nevent: next\ndata: ${tick(1)}\n\nevent: next\ndata: ${tick(2)}\n\nevent: complete\ndata:\n\n`,
    );
    expect(server.door.counts.disposed).toBeGreaterThan(0);
  });

  it.each([
    ['that is no GraphQL', '{ hello', 'GRAPHQL_PARSE_FAILED'],
    ['that does not fit the schema', '{ nothing }', 'GRAPHQL_VALIDATION_FAILED'],
  ])('tells the errors of a document %s as a result', async (_name, query, code) => {
    await start();
    const { response, text } = await ask(query, sse);
    expect(response.status).toBe(200);
    expect(await text).toMatch(
      new RegExp(`^:\\n\\nevent: next\\ndata: \\{"errors":.*"${code}".*\\n\\nevent: complete\\n`),
    );
  });

  it('tells the errors that end a subscription, or do not let it begin', async () => {
    await start();
    const refused = await ask(subscription, sse, { variables: { refuse: true } });
    expect(await refused.text).toMatch(
      /event: next\ndata: \{"errors".*UNAUTHORIZED_FIELD_OR_TYPE.*\n\nevent: complete/,
    );
    server.door.expiresAt = Date.now() + 50;
    const expired = await ask(subscription, sse);
    expect(await expired.text).toMatch(/SUBSCRIPTION_JWT_EXPIRED/);
  });

  it('tells what policies say of its beginning with the first event', async () => {
    await start();
    const stream = await ask(subscription, sse, { variables: { told: { cost: { estimated: 3 } } } });
    await server.door.subscribed(1);
    const { sink } = server.door.subscriptions[0]!;
    for (const number of [1, 2]) sink.next(tick(number), false);
    const text = await stream.until(`data: ${tick(2)}\n\n`);
    expect(text).toContain('data: {"data":{"ticks":1},"extensions":{"cost":{"estimated":3}}}\n\n');
  });

  it('ends when its credential was revoked', async () => {
    await start({ recheckMs: 20 });
    const stream = await ask(subscription, sse);
    await server.door.subscribed(1);
    server.door.renewal = () => Promise.reject(new ClientError('UNAUTHENTICATED', 'The credentials were refused.'));
    expect(await stream.text).toMatch(/event: next\ndata: \{"errors".*UNAUTHENTICATED.*\n\nevent: complete/);
  });

  it('is refused over HTTP itself for a credential that is refused, and for what is no GraphQL request', async () => {
    await start();
    const headers = { 'content-type': 'application/json', accept: sse };
    const bad = await ask(subscription, sse, { headers: { ...headers, authorization: 'Bearer bad' } });
    expect([bad.response.status, bad.response.headers.get('content-type')]).toEqual([
      401,
      'application/json; charset=utf-8',
    ]);
    const broken = await ask('', sse, { headers, body: '{' });
    expect(broken.response.status).toBe(400);
  });

  it('is served over GET with a preflight header, but never for a mutation', async () => {
    await start();
    const get = (query: string, headers: Record<string, string> = { 'apollo-require-preflight': 'yes' }) =>
      fetch(`${url}?query=${encodeURIComponent(query)}`, { headers: { accept: sse, ...headers } });
    expect(await (await get('{ hello }')).text()).toContain('hello world');
    expect((await get('{ hello }', {})).status).toBe(400);
    expect((await get('mutation { increment }')).status).toBe(405);
    expect(server.door.counts.incremented).toBe(0);
  });

  it('stops behind the door what a client leaves', async () => {
    await start();
    const stream = await ask(subscription, sse);
    await server.door.subscribed(1);
    stream.leave();
    await waitFor(() => server.door.subscriptions[0]?.stopped === 'client');
  });

  it.each([sse, multipart])('stops for a client that leaves in the middle of an event (%s)', async (accept) => {
    await start();
    const { port } = new URL(url);
    const body = JSON.stringify({ query: subscription });
    const raw = connect(Number(port), '127.0.0.1');
    raw.write(
      `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\naccept: ${accept}\r\n` +
        `content-length: ${body.length}\r\n\r\n${body}`,
    );
    await server.door.subscribed(1);
    raw.pause();
    const [live] = server.door.subscriptions;
    // More than the network takes at once: the rest of the event is on its way when the client has gone.
    live?.sink.next(JSON.stringify({ data: { ticks: 1, large: 'x'.repeat(20_000_000) } }), false);
    raw.resetAndDestroy();
    await waitFor(() => live?.stopped === 'client');
    expect((await (await ask('{ hello }', sse)).text).includes('hello world')).toBe(true);
  });

  it('begins anew for a client that names the last event that it had: events have no ids', async () => {
    await start();
    const headers = { 'content-type': 'application/json', accept: sse, 'last-event-id': '7' };
    const stream = await ask(subscription, sse, { headers });
    expect(stream.response.status).toBe(200);
    await server.door.subscribed(1);
    server.door.subscriptions[0]?.sink.next(tick(1), false);
    expect(await stream.until(tick(1))).toBe(`:\n\nevent: next\ndata: ${tick(1)}\n\n`);
  });

  it('beats its heart, so that nobody between takes it for dead', async () => {
    await start({ pingIntervalMs: 20 });
    const stream = await ask(subscription, sse);
    await stream.until(':\n\n:\n\n:\n\n');
  });

  it('beyond what one address may hold is refused with 429', async () => {
    await start({ maxConnectionsPerIp: 1 });
    const first = await ask(subscription, sse);
    await server.door.subscribed(1);
    const { response } = await ask(subscription, sse);
    expect(response.status).toBe(429);
    first.leave();
    await waitFor(() => server.door.subscriptions[0]?.stopped === 'client');
    await waitFor(async () => {
      const next = await ask(subscription, sse);
      return next.response.status === 200;
    });
  });

  it('beyond what one identity may hold is refused with 429, until one has gone', async () => {
    await start({ maxConnectionsPerIdentity: 1 });
    server.door.expiresAt = Date.now() + 60_000;
    const first = await ask(subscription, sse);
    await server.door.subscribed(1);
    expect((await ask(subscription, sse)).response.status).toBe(429);
    first.leave();
    await waitFor(async () => (await ask(subscription, sse)).response.status === 200);
  });

  it('ends as its protocol does when the server closes', async () => {
    await start();
    const stream = await ask(subscription, sse);
    await server.door.subscribed(1);
    await server.http.close({ timeoutMs: 400, idleGraceMs: 0 });
    expect(await stream.text).toMatch(/event: complete\ndata:\n\n$/);
    expect(server.door.subscriptions[0]?.stopped).toBe('shutdown');
  });

  it('is not served where it is switched off', async () => {
    await start({ eventStreams: false });
    const { response } = await ask(subscription, `${sse}, application/json;q=0.5`);
    expect(response.status).toBe(400);
  });
});

describe('a multipart subscription', () => {
  /** The JSON of each part, as a client reads it. */
  const partsOf = (text: string) =>
    text
      .split('--graphql')
      .map((part) => part.split('\r\n\r\n')[1])
      .filter((json) => json !== undefined)
      .map((json) => JSON.parse(json) as unknown);

  it('sends each event as a part that is whole at once, and closes the last boundary', async () => {
    await start();
    const stream = await ask(subscription, multipart);
    expect(stream.response.headers.get('content-type')).toBe('multipart/mixed;boundary="graphql";subscriptionSpec=1.0');
    await server.door.subscribed(1);
    const { sink } = server.door.subscriptions[0]!;
    sink.next(tick(1), false);
    await stream.until(`{"payload":${tick(1)}}\r\n--graphql`);
    sink.end({ kind: 'complete' });
    const text = await stream.text;
    expect(partsOf(text)).toEqual([{}, { payload: { data: { ticks: 1 } } }]);
    expect(text).toMatch(/--graphql--\r\n$/);
  });

  it('beats its heart with parts that say nothing, between events that are whole', async () => {
    await start({ pingIntervalMs: 20 });
    const stream = await ask(subscription, multipart);
    await server.door.subscribed(1);
    const { sink } = server.door.subscriptions[0]!;
    const heartbeat = `\r\n\r\n{}\r\n--graphql`;
    while (partsOf(await stream.until(heartbeat)).length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
    sink.next(tick(1), false);
    await stream.until(tick(1));
    sink.end({ kind: 'complete' });
    const parts = partsOf(await stream.text);
    expect(parts.filter((part) => JSON.stringify(part) !== '{}')).toEqual([{ payload: { data: { ticks: 1 } } }]);
  });

  it('tells an error that ends it beside an empty payload', async () => {
    await start();
    server.door.expiresAt = Date.now() + 50;
    const { text } = await ask(subscription, multipart);
    expect(partsOf(await text).at(-1)).toMatchObject({
      payload: null,
      errors: [{ extensions: { code: 'SUBSCRIPTION_JWT_EXPIRED' } }],
    });
  });

  it('is not what a query is answered with', async () => {
    await start();
    const { response, text } = await ask('{ hello }', multipart);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(JSON.parse(await text)).toEqual({ data: { hello: 'hello world' } });
  });

  it('refuses a document over HTTP, since nothing has begun', async () => {
    await start();
    const { response } = await ask('subscription { nothing }', multipart);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  });
});

describe('a subscription that asks for no stream', () => {
  it('is refused, and told what to ask for', async () => {
    await start();
    const { response, text } = await ask(subscription, 'application/json');
    expect(response.status).toBe(400);
    expect(await text).toMatch(/SUBSCRIPTION_NOT_SUPPORTED/);
  });
});

async function waitFor(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}
