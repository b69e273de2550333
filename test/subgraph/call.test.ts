/** No sockets: exchanges are finished by hand, and time is ours. */
import { openDeadline } from '../../src/context/deadline';
import { SubgraphError } from '../../src/errors';
import { SubgraphBreaker } from '../../src/subgraph/breaker';
import { type CallRecord, type CallSettings, createSubgraphCall } from '../../src/subgraph/call';
import type { Exchange, ExchangeOutcome } from '../../src/subgraph/http';
import { compileRequestHeaders } from '../../src/subgraph/request-headers';
import { silentLog } from '../../src/telemetry/log';
import { failure, failureCode, testContext } from './harness';

function writersOf(own: readonly string[] | 'all') {
  const options = { rules: [], own, reserved: ['x-deadline-ms'] };
  return {
    query: compileRequestHeaders(options, 'users', 'query'),
    mutation: compileRequestHeaders(options, 'users', 'mutation'),
  };
}

const settings: CallSettings = {
  timeoutMs: 1_000,
  rules: { errorExtensions: [], extensions: [] },
  writeHeaders: writersOf('all'),
};

function setUp(
  more: { settings?: Partial<CallSettings>; onCall?: (record: CallRecord) => void; shared?: boolean } = {},
) {
  const exchanges: { exchange: Exchange; finish: (outcome: ExchangeOutcome) => void; cancelled: number }[] = [];
  const records: CallRecord[] = [];
  const timers = new Set<{ callback: () => void; delayMs: number }>();
  const clock = {
    time: 5_000,
    elapsed: () => clock.time,
    schedule: (callback: () => void, delayMs: number) => {
      const timer = { callback, delayMs };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  const call = createSubgraphCall({
    start: (exchange, finish) => {
      const recorded = { exchange, finish, cancelled: 0 };
      exchanges.push(recorded);
      return { shared: more.shared ?? false, cancel: () => void recorded.cancelled++ };
    },
    settings: new Map([['users', { ...settings, ...more.settings }]]),
    clock,
    now: Date.now,
    onCall: more.onCall ?? ((record) => records.push(record)),
  });
  const ask = (context = testContext(), kind: 'query' | 'mutation' = 'query', subgraph = 'users') =>
    call({ subgraph, body: '{}', kind, context });
  return { exchanges, records, timers, clock, ask };
}

const answered = (text: string): ExchangeOutcome => ({ kind: 'answered', status: 200, text });
const refused = new SubgraphError('SUBREQUEST_HTTP_ERROR', 'users', 'No.', { reason: 'ECONNREFUSED' });

describe('a call to a subgraph', () => {
  it('resolves with the answer and leaves no timer behind', async () => {
    const { exchanges, timers, ask } = setUp();
    const context = testContext();
    const call = ask(context);
    exchanges[0]!.finish(answered('{"data":{"user":1}}'));
    await expect(call).resolves.toEqual({ data: { user: 1 }, isPlain: true });
    expect(timers.size).toBe(0);
    expect(context.calls).toEqual({ count: 1, failed: 0 });
  });

  it('tells the subgraph how much time is left, whatever the client says of it', () => {
    const told = (leftMs: number, timeoutMs: number) => {
      const { exchanges, clock, ask } = setUp({ settings: { deadlineHeader: 'x-deadline-ms', timeoutMs } });
      const { deadline } = openDeadline(Date.now() + leftMs, Date.now, () => () => {});
      void ask(testContext({ deadline, headers: { 'x-deadline-ms': '999999' } }));
      const { headers, deadline: toldDeadline } = exchanges[0]!.exchange;
      expect([headers, toldDeadline?.header]).toEqual([[], 'x-deadline-ms']);
      return toldDeadline!.at - clock.time;
    };
    expect(told(60_000, 1_000)).toBe(1_000);
    expect(told(20_000, 30_000)).toBeLessThanOrEqual(20_000);
    expect(told(20_000, 30_000)).toBeGreaterThan(10_000);
  });

  it('rejects with what the exchange failed with', async () => {
    const { exchanges, timers, ask } = setUp();
    const context = testContext();
    const call = ask(context);
    exchanges[0]!.finish({ kind: 'failed', error: refused });
    expect(await failure(call)).toBe(refused);
    expect(timers.size).toBe(0);
    expect(context.calls).toEqual({ count: 1, failed: 1 });
  });

  it('rejects an answer that is not GraphQL', async () => {
    const { exchanges, ask } = setUp();
    const call = ask();
    exchanges[0]!.finish(answered('<html>'));
    expect(await failureCode(call)).toBe('SUBREQUEST_MALFORMED_RESPONSE');
  });

  it('is given up at the time-out of the subgraph', async () => {
    const { exchanges, timers, ask } = setUp();
    const call = ask();
    const [timer] = [...timers];
    expect(timer!.delayMs).toBe(1_000);
    timer!.callback();
    expect(await failureCode(call)).toBe('GATEWAY_TIMEOUT');
    expect(exchanges[0]!.cancelled).toBe(1);
  });

  it('is given up at the deadline of the request', async () => {
    const { exchanges, timers, ask } = setUp();
    const context = testContext();
    const call = ask(context);
    context.timeOut();
    expect(await failureCode(call)).toBe('GATEWAY_TIMEOUT');
    expect(exchanges[0]!.cancelled).toBe(1);
    expect(timers.size).toBe(0);
  });

  it('is not started when the deadline has passed', async () => {
    const { exchanges, ask } = setUp();
    const context = testContext();
    context.timeOut();
    expect(await failureCode(ask(context))).toBe('GATEWAY_TIMEOUT');
    expect(exchanges).toHaveLength(0);
  });

  it('is aborted when the client leaves', async () => {
    const { exchanges, ask } = setUp();
    const context = testContext();
    const calls = [ask(context), ask(context), ask(context)];
    exchanges[1]!.finish(answered('{"data":{}}'));
    context.leave();
    await expect(calls[1]).resolves.toEqual({ data: {}, isPlain: true });
    expect(await failureCode(calls[0]!)).toBe('SUBREQUEST_ABORTED');
    expect(await failureCode(calls[2]!)).toBe('SUBREQUEST_ABORTED');
    expect(exchanges.map((exchange) => exchange.cancelled)).toEqual([1, 0, 1]);
  });

  it('is not started when the client has already left', async () => {
    const { exchanges, timers, ask } = setUp();
    const context = testContext();
    context.leave();
    expect(await failureCode(ask(context))).toBe('SUBREQUEST_ABORTED');
    expect(exchanges).toHaveLength(0);
    expect(timers.size).toBe(0);
  });

  it('is not told of the end of its request when it is over itself', async () => {
    const { exchanges, ask } = setUp();
    const context = testContext();
    const removed = jest.spyOn(context.deadline, 'remove');
    const calls = Array.from({ length: 50 }, () => ask(context));
    for (const { finish } of exchanges) finish(answered('{"data":{}}'));
    await Promise.all(calls);
    expect(removed).toHaveBeenCalledTimes(50);
    context.leave();
    expect(exchanges.map(({ cancelled }) => cancelled)).toEqual(new Array(50).fill(0));
  });

  it('fails for a subgraph without a usable URL', async () => {
    const { exchanges, ask } = setUp();
    const error = await failure(ask(testContext(), 'query', 'nowhere'));
    expect(error).toMatchObject({ code: 'SUBREQUEST_HTTP_ERROR', subgraph: 'nowhere', detail: { reason: 'NO_URL' } });
    expect(exchanges).toHaveLength(0);
  });

  it('carries the headers of the request, but none that belong to a connection', () => {
    const { exchanges, ask } = setUp();
    const headers = {
      'x-identity': 'a',
      connection: 'x-identity',
      'content-length': '1000',
      host: 'elsewhere',
      'transfer-encoding': 'chunked',
      'accept-encoding': 'gzip',
      'x-request-id': '1',
    };
    void ask(testContext({ headers }));
    expect(exchanges[0]!.exchange.headers).toEqual(['x-identity', 'a', 'x-request-id', '1']);
  });

  it('carries only those headers that the subgraph may have', () => {
    const { exchanges, ask } = setUp({ settings: { writeHeaders: writersOf(['x-request-id']) } });
    void ask(testContext({ headers: { 'x-identity': 'a', 'x-request-id': '1' } }));
    expect(exchanges[0]!.exchange.headers).toEqual(['x-request-id', '1']);
  });

  it('is refused at once while the breaker of its subgraph is open, and counts for it otherwise', async () => {
    const settings = {
      failureShare: 0.5,
      slowCallMs: 5_000,
      slowShare: 1,
      minimumCalls: 4,
      openMs: 1_000,
      maxOpenMs: 1_000,
    };
    const breaker = new SubgraphBreaker({ ...settings, codes: ['BUSY'] });
    const { exchanges, clock, ask } = setUp({ settings: { breaker } });
    const bad = answered('{"data":null,"errors":[{"message":"No.","extensions":{"code":"BUSY"}}]}');
    const notCounted = answered('{"data":null,"errors":[{"message":"No.","extensions":{"code":"OTHER"}}]}');
    const unauthorised = { kind: 'failed', error: refused, status: 401 } as const;
    for (const [index, outcome] of [notCounted, unauthorised, bad].entries()) {
      const call = ask().catch(() => undefined);
      exchanges[index]!.finish(outcome);
      await call;
    }
    const left = testContext();
    const givenUp = ask(left);
    left.leave();
    expect([await failureCode(givenUp), breaker.phase]).toEqual(['SUBREQUEST_ABORTED', 'closed']);
    const slow = ask();
    const last = ask();
    exchanges[5]!.finish({ kind: 'failed', error: refused, connection: { reason: 'ECONNRESET', sent: true } });
    await failureCode(last);
    expect(breaker.phase).toBe('open');
    expect(await failureCode(ask())).toBe('SUBGRAPH_UNAVAILABLE');
    expect(exchanges).toHaveLength(6);
    // One that is under way is let alone.
    exchanges[4]!.finish(answered('{"data":{"user":1}}'));
    await expect(slow).resolves.toMatchObject({ data: { user: 1 } });
    expect(exchanges[4]!.cancelled).toBe(0);
    clock.time += 1_000;
    const probe = ask();
    expect(await failureCode(ask())).toBe('SUBGRAPH_UNAVAILABLE');
    exchanges[6]!.finish(answered('{"data":{"user":1}}'));
    await probe;
    expect(breaker.phase).toBe('closed');
  });

  it('tells of each call: how long, how it ended, whether it was shared', async () => {
    const { exchanges, records, clock, ask } = setUp();
    const calls = [ask(), ask(), ask(undefined, 'mutation')];
    clock.time += 12;
    exchanges[0]!.finish(answered('{"data":{}}'));
    exchanges[1]!.finish(answered('{"data":{},"errors":[{"message":"No."}]}'));
    clock.time += 3;
    exchanges[2]!.finish({ kind: 'failed', error: refused });
    await Promise.allSettled(calls);
    const common = { subgraph: 'users', kind: 'query', shared: false };
    expect(records).toEqual([
      { ...common, durationMs: 12, outcome: 'ok' },
      { ...common, durationMs: 12, outcome: 'DOWNSTREAM_SERVICE_ERROR' },
      { ...common, kind: 'mutation', durationMs: 15, outcome: 'SUBREQUEST_HTTP_ERROR' },
    ]);
  });

  it('says that a call was shared', async () => {
    const { exchanges, records, ask } = setUp({ shared: true });
    const call = ask();
    exchanges[0]!.finish(answered('{"data":{}}'));
    await call;
    expect(records).toMatchObject([{ shared: true }]);
  });

  it('is not hurt by a listener that throws', async () => {
    const error = jest.fn();
    const { exchanges, ask } = setUp({
      onCall: () => {
        throw new Error('listener');
      },
    });
    const call = ask(testContext({ log: { ...silentLog, error } }));
    exchanges[0]!.finish(answered('{"data":{}}'));
    await expect(call).resolves.toEqual({ data: {}, isPlain: true });
    expect(error).toHaveBeenCalledTimes(1);
  });

  it('logs a failure once for the exchange, and none when the client left', async () => {
    const warn = jest.fn();
    const context = () => testContext({ log: { ...silentLog, warn } });
    for (const shared of [false, true]) {
      const { exchanges, ask } = setUp({ shared });
      const call = ask(context());
      exchanges[0]!.finish({ kind: 'failed', error: refused });
      await failure(call);
    }
    const { ask } = setUp();
    const left = context();
    const call = ask(left);
    left.leave();
    await failure(call);
    expect(warn.mock.calls).toEqual([
      [{ subgraph: 'users', code: refused.code, detail: refused.detail }, 'A subgraph call failed.'],
    ]);
  });

  it('is not changed by what comes after it has ended', async () => {
    const { exchanges, records, timers, ask } = setUp();
    const context = testContext();
    const call = ask(context);
    const [timer] = [...timers];
    timer!.callback();
    await failure(call);
    exchanges[0]!.finish(answered('{"data":{}}'));
    context.leave();
    timer!.callback();
    expect(records).toHaveLength(1);
    expect(context.calls).toEqual({ count: 1, failed: 1 });
    expect(exchanges[0]!.cancelled).toBe(1);
  });
});
