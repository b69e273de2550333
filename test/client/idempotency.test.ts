import { createIdempotentRequests, executeOnce, type Idempotency } from '../../src/client/idempotency';
import { openRedis, type RedisConnection } from '../../src/redis';
import { silentLog } from '../../src/telemetry/log';
import { describeWithRedis, startTestRedis, type TestRedis } from '../support/redis';
import { startTestServer, stopTestServer, type TestServer } from './http-server';

/**
 * `Idempotency-Key` of GraphQL mutations. Real: HTTP server, sockets, Apollo Server, and Redis in the last suite.
 * Fake: the way behind the door. Observed: answers, and how often mutations ran.
 */
const servers: TestServer[] = [];
async function start(expressLane: boolean, idempotency?: Idempotency): Promise<{ server: TestServer; url: string }> {
  const server = await startTestServer({ expressLane }, idempotency && { idempotency });
  servers.push(server);
  return { server, url: await server.http.listen(0, '127.0.0.1') };
}
afterEach(() => Promise.all(servers.splice(0).map(stopTestServer)));

const accept = 'application/graphql-response+json';
const post = (
  url: string,
  query: string,
  key?: string,
  more: { variables?: object; headers?: Record<string, string>; signal?: AbortSignal } = {},
) => {
  const { variables, headers, ...init } = more;
  const sent = { 'content-type': 'application/json', accept, ...(key !== undefined && { 'idempotency-key': key }) };
  return fetch(url, {
    method: 'POST',
    headers: { ...sent, ...headers },
    body: JSON.stringify({ query, variables }),
    ...init,
  });
};
const increment = 'mutation { increment }';
const codeOf = async (response: Response) =>
  ((await response.json()) as { errors?: { extensions: { code: string } }[] }).errors?.[0]?.extensions.code;

describe.each([
  ['express lane', true],
  ['Apollo lane', false],
])('an Idempotency-Key on the %s', (_lane, expressLane) => {
  it('lets a mutation that is sent twice run once, and be answered alike', async () => {
    const { server, url } = await start(expressLane);
    const first = await post(url, increment, 'k1');
    const second = await post(url, increment, 'k1');
    expect([second.status, await second.text()]).toEqual([first.status, await first.text()]);
    expect([first, second].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true']);
    expect(second.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'));
    expect(server.door.counts.incremented).toBe(1);
    await post(url, increment, 'k2');
    await post(url, increment);
    expect(server.door.counts.incremented).toBe(3);
  });

  it('is refused for another mutation, other variables, and while the first one runs', async () => {
    const { server, url } = await start(expressLane);
    const by = 'mutation ($by: Int) { increment(by: $by) }';
    await post(url, by, 'k1', { variables: { by: 5 } });
    for (const [query, variables] of [
      [by, { by: 6 }],
      [increment, { by: 5 }],
    ] as const) {
      const refused = await post(url, query, 'k1', { variables });
      expect([refused.status, await codeOf(refused)]).toEqual([409, 'IDEMPOTENCY_KEY_CONFLICT']);
    }
    expect(server.door.counts.incremented).toBe(5);
    const running = post(url, 'mutation { incrementGated }', 'k2');
    await server.door.gateReached;
    expect((await post(url, 'mutation { incrementGated }', 'k2')).status).toBe(409);
    server.door.openGate();
    expect((await running).status).toBe(200);
    expect(server.door.counts.incremented).toBe(6);
  });

  it('repeats an answer with errors: what failed may have been done', async () => {
    const { server, url } = await start(expressLane);
    const first = await (await post(url, 'mutation { fail }', 'k1')).json();
    expect(await (await post(url, 'mutation { fail }', 'k1')).json()).toEqual(first);
    expect(server.door.counts.incremented).toBe(1);
  });

  it('counts for nothing on a query', async () => {
    const { server, url } = await start(expressLane);
    for (const name of ['a', 'b']) {
      const answer = await post(url, `{ hello(name: "${name}") }`, 'k1');
      expect(await answer.json()).toEqual({ data: { hello: `hello ${name}` } });
    }
    expect(server.door.counts.executed).toBe(2);
  });

  it.each([
    ['with blanks', 'a b'],
    ['that is too long', 'x'.repeat(256)],
    ['that is empty', ''],
  ])('%s is refused, and nothing runs', async (_name, key) => {
    const { server, url } = await start(expressLane);
    const answer = await post(url, increment, key);
    expect([answer.status, await codeOf(answer)]).toEqual([400, 'BAD_REQUEST']);
    expect(server.door.counts.executed).toBe(0);
  });

  it('of a document that is refused is free again', async () => {
    const { url } = await start(expressLane);
    expect((await post(url, 'mutation { nothing }', 'k1')).status).toBe(400);
    expect((await post(url, increment, 'k1')).status).toBe(200);
  });
});

describe('an Idempotency-Key', () => {
  it('lets a mutation end though its client has left, so that the next attempt reads the answer', async () => {
    const { server, url } = await start(true);
    const leaving = new AbortController();
    const left = post(url, 'mutation { incrementGated }', 'k1', { signal: leaving.signal }).catch(() => 'left');
    await server.door.gateReached;
    leaving.abort();
    await left;
    server.door.openGate();
    let again: Response;
    do again = await post(url, 'mutation { incrementGated }', 'k1');
    while (again.status === 409);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    expect([server.door.counts.incremented, server.door.requests[0]?.left]).toEqual([1, false]);
  });

  it('is not for a stream', async () => {
    const { server, url } = await start(true);
    const answer = await post(url, increment, 'k1', { headers: { accept: 'text/event-stream' } });
    expect([answer.status, await codeOf(answer)]).toEqual([406, 'NOT_ACCEPTABLE']);
    expect(server.door.counts.executed).toBe(0);
  });

  it('is kept for its caller alone', async () => {
    let caller = 'ada';
    const requests = createIdempotentRequests(60_000, undefined);
    const { server, url } = await start(true, { requests, callerOf: () => caller });
    await post(url, increment, 'k1');
    caller = 'bob';
    await post(url, increment, 'k1');
    expect(server.door.counts.incremented).toBe(2);
  });

  it.each([429, 503])('may be sent again after a %i, which says that nothing was done', async (status) => {
    const requests = createIdempotentRequests(60_000, undefined);
    const keyed = { caller: 'ada', key: 'k', fingerprint: 'f' };
    const answer = (code: number) => async () => ({ status: code, headers: [], body: '', code: undefined });
    await executeOnce(requests, keyed, answer(status));
    expect((await executeOnce(requests, keyed, answer(504))).status).toBe(504);
    expect((await executeOnce(requests, keyed, answer(200))).status).toBe(504);
  });

  it('may be sent again when the first attempt threw', async () => {
    const requests = createIdempotentRequests(60_000, undefined);
    const keyed = { caller: 'ada', key: 'k', fingerprint: 'f' };
    await expect(executeOnce(requests, keyed, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    const answer = { status: 200, headers: [], body: 'done', code: undefined };
    expect(await executeOnce(requests, keyed, async () => answer)).toEqual(answer);
  });
});

describeWithRedis('two gateways with one Redis', () => {
  let redis: TestRedis;
  const connections: RedisConnection[] = [];
  beforeAll(async () => {
    redis = await startTestRedis();
  });
  afterAll(() => redis.close());
  afterEach(() => Promise.all(connections.splice(0).map((connection) => connection.close())));

  it('run a mutation once of those that come to both at a time', async () => {
    const open = async () => {
      const connection = openRedis({ url: redis.url, timeoutMs: 5_000, log: silentLog });
      connections.push(connection);
      while (!connection.isUp()) await new Promise((resolve) => setTimeout(resolve, 5));
      return start(true, { requests: createIdempotentRequests(60_000, connection), callerOf: () => 'ada' });
    };
    const gateways = await Promise.all([open(), open()]);
    const ran = () => gateways.reduce((sum, { server }) => sum + server.door.counts.incremented, 0);
    for (let round = 1; round <= 10; round++) {
      const key = `${process.pid}-${Date.now()}-${round}`;
      const send = ({ url }: { url: string }) => post(url, increment, key);
      const answers = await Promise.all([...gateways, ...gateways].map(send));
      for (const { status } of answers) expect([200, 409]).toContain(status);
      expect(answers.some(({ status }) => status === 200)).toBe(true);
      expect(ran()).toBe(round);
      let replay: Response;
      do replay = await send(gateways[round % 2] as { url: string });
      while (replay.status === 409);
      expect([replay.status, replay.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
      expect(ran()).toBe(round);
    }
  });
});
