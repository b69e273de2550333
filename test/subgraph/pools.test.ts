/** Real: the whole transport and HTTP, before it a proxy that can fail. Observed: what the subgraph was asked. */
import type { CallRecord } from '../../src/subgraph/call';
import { createSubgraphTransport, type SubgraphTransport } from '../../src/subgraph/pools';
import { defaultTransportOptions } from '../../src/subgraph/transport-options';
import { type Log, silentLog } from '../../src/telemetry/log';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy';
import type { ProxiedRequest } from '../support/faults';
import { failure, failureCode, testContext, testEventSources, testTransport } from './harness';

const body = '{"query":"{ user { id } }"}';

describe('the transport to subgraphs', () => {
  let proxy: FaultProxy;
  let transport: SubgraphTransport;
  let answer: (request: ProxiedRequest) => string | Promise<string>;

  beforeEach(async () => {
    answer = () => '{"data":{"user":{"id":"1"}}}';
    proxy = await startFaultProxy({ upstream: (request) => answer(request) });
    transport = testTransport(proxy.url);
  });
  afterEach(async () => {
    await transport.destroy();
    await proxy.close();
  });

  const ask = (context = testContext(), kind: 'query' | 'mutation' = 'query') =>
    transport.call({ subgraph: 'users', body, kind, context });

  /** Answers stay away until the function returned is called. */
  function holdAnswers(): () => void {
    let release: () => void = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    answer = () => released.then(() => '{"data":{"user":{"id":"1"}}}');
    return release;
  }

  async function asked(count: number): Promise<void> {
    while (proxy.requests.length < count) await new Promise((resolve) => setTimeout(resolve, 2));
  }

  it('posts the body with the headers of the request', async () => {
    await ask(testContext({ headers: { 'x-identity': 'ada', 'x-request-id': 'r1' } }));
    expect(proxy.requests).toHaveLength(1);
    expect(proxy.requests[0]!.body).toBe(body);
    expect(proxy.requests[0]!.headers).toMatchObject({
      'content-type': 'application/json',
      accept: 'application/graphql-response+json,application/json',
      'x-identity': 'ada',
      'x-request-id': 'r1',
    });
  });

  it('lets several waiters share an exchange, each with an answer of its own', async () => {
    const release = holdAnswers();
    const calls = ['r1', 'r2', 'r3'].map((id) =>
      ask(testContext({ headers: { 'x-identity': 'ada', 'x-request-id': id } })),
    );
    const other = ask(testContext({ headers: { 'x-identity': 'bob', 'x-request-id': 'r4' } }));
    await asked(2);
    release();
    const answers = await Promise.all(calls);
    await other;
    expect(proxy.requests.map((request) => request.headers['x-identity']).sort()).toEqual(['ada', 'bob']);
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]!.data).not.toBe(answers[1]!.data);
    expect(answers[0]!.data?.user).not.toBe(answers[2]!.data?.user);
  });

  it('closes the connection of a shared exchange when its last waiter leaves', async () => {
    holdAnswers();
    const contexts = [testContext(), testContext()];
    const calls = contexts.map((context) => ask(context));
    await asked(1);
    contexts[0]!.leave();
    expect(await failureCode(calls[0]!)).toBe('SUBREQUEST_ABORTED');
    expect(transport.stats().get('users')).toMatchObject({ running: 1 });
    contexts[1]!.leave();
    expect(await failureCode(calls[1]!)).toBe('SUBREQUEST_ABORTED');
    expect(await proxy.settled(0)).toBe(0);
    expect(proxy.requests).toHaveLength(1);
  });

  it('sends each mutation for itself', async () => {
    const release = holdAnswers();
    const calls = [ask(undefined, 'mutation'), ask(undefined, 'mutation')];
    await asked(2);
    release();
    await Promise.all(calls);
    expect(proxy.requests).toHaveLength(2);
  });

  it('shares nothing when it is told so', async () => {
    await transport.destroy();
    transport = testTransport(proxy.url, { sharing: false });
    const release = holdAnswers();
    const calls = [ask(), ask()];
    await asked(2);
    release();
    await Promise.all(calls);
  });

  it('never shows a restart of the subgraph to a query', async () => {
    for (let round = 0; round < 20; round++) {
      const contexts = ['a', 'b', 'c', 'd'].map((name) => testContext({ headers: { 'x-identity': name } }));
      const answers = Promise.all(contexts.map((context) => ask(context)));
      await expect(answers).resolves.toHaveLength(4);
      proxy.dropConnections();
    }
  });

  it('gives a subgraph its own options', async () => {
    const records: CallRecord[] = [];
    const endpoints = [
      { name: 'users', url: proxy.url },
      { name: 'partner', url: proxy.url, options: { ownHeaders: ['x-request-id'], maxResponseBytes: 10 } },
    ];
    const both = createSubgraphTransport(endpoints, defaultTransportOptions, {
      log: silentLog,
      eventSources: testEventSources(),
      onCall: (record) => records.push(record),
    });
    const context = testContext({ headers: { 'x-identity': 'ada', 'x-request-id': 'r1' } });
    await both.call({ subgraph: 'users', body, kind: 'query', context });
    const partner = both.call({ subgraph: 'partner', body, kind: 'query', context });
    expect(await failureCode(partner)).toBe('SUBREQUEST_MALFORMED_RESPONSE');
    await both.destroy();
    expect(proxy.requests[0]!.headers).toHaveProperty('x-identity', 'ada');
    expect(proxy.requests[1]!.headers).not.toHaveProperty('x-identity');
    expect(proxy.requests[1]!.headers).toHaveProperty('x-request-id', 'r1');
    expect(records.map(({ subgraph, outcome }) => [subgraph, outcome])).toEqual([
      ['users', 'ok'],
      ['partner', 'SUBREQUEST_MALFORMED_RESPONSE'],
    ]);
  });

  it('keeps path and query of a URL', async () => {
    await transport.destroy();
    transport = testTransport(`${proxy.url}/v2?tenant=1`);
    await ask();
    expect(proxy.requests.map((request) => request.path)).toEqual(['/graphql/v2?tenant=1']);
  });

  it.each(['', 'users:4001', 'ftp://127.0.0.1/', 'http://ada:secret@127.0.0.1/', '/graphql'])(
    'starts with a URL such as "%s", says so, and fails its calls',
    async (url) => {
      const warnings: unknown[] = [];
      const log: Log = { ...silentLog, warn: (...line) => void warnings.push(line) };
      const broken = testTransport(url, {}, { log });
      const error = await failure(broken.call({ subgraph: 'users', body, kind: 'query', context: testContext() }));
      expect(error).toMatchObject({ code: 'SUBREQUEST_HTTP_ERROR', detail: { reason: 'NO_URL' } });
      expect(warnings).toEqual([[{ subgraph: 'users' }, expect.stringContaining('no usable URL')]]);
      expect([...(await broken.checkHealth(100))]).toMatchObject([['users', { healthy: false }]]);
      await broken.close();
    },
  );

  it('finds a subgraph healthy that answers in GraphQL, and no other', async () => {
    const healthy = async () => (await transport.checkHealth(200)).get('users')?.healthy;
    expect(await healthy()).toBe(true);
    expect(proxy.requests[0]!.body).toBe('{"query":"{ __typename }"}');
    for (const [fault, expected] of [
      ['status 400 with GraphQL errors', true],
      ['HTML with 200', false],
      ['status 503', false],
      ['never answers', false],
      ['refused', false],
      ['none', true],
    ] as const) {
      await proxy.inject(fault);
      expect([fault, await healthy()]).toEqual([fault, expected]);
    }
  });

  it('asks once for the health of a subgraph, however many want to know', async () => {
    const release = holdAnswers();
    const checks = [transport.checkHealth(5_000), transport.checkHealth(5_000), transport.checkHealth(5_000)];
    await asked(1);
    release();
    await Promise.all(checks);
    expect(proxy.requests).toHaveLength(1);
  });

  it('drains: what is under way is answered, what comes then is refused', async () => {
    const release = holdAnswers();
    const call = ask();
    await asked(1);
    const closed = transport.close();
    expect(await failureCode(ask(testContext({ headers: { 'x-identity': 'late' } })))).toBe('SUBREQUEST_HTTP_ERROR');
    release();
    await expect(call).resolves.toHaveProperty('data');
    await closed;
    expect(await proxy.settled(0)).toBe(0);
  });
});
