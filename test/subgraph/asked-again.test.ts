/**
 * What a subgraph says of when it wants to be asked again, and what it is told then. Real: the transport, sockets, an
 * HTTP server. Time is ours: a wait ends when the test says so. Observed: the waits, and the headers of each attempt.
 */
import { openDeadline } from '../../src/context/deadline';
import type { CallClock } from '../../src/subgraph/call';
import { defaultTransportOptions } from '../../src/subgraph/transport-options';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy';
import { testContext, testTransport } from './harness';

const timeoutMs = 20_000;

/** Time that passes only up to the next wait for an attempt, which `next` resolves to. */
function heldClock() {
  let now = 1_000;
  let resolve = (_delayMs: number) => {};
  const clock: CallClock = {
    elapsed: () => now,
    schedule: (callback, delayMs) => {
      let isOver = delayMs === timeoutMs;
      if (!isOver) {
        queueMicrotask(() => {
          if (isOver) return;
          now += delayMs;
          resolve(delayMs);
          callback();
        });
      }
      return () => {
        isOver = true;
      };
    },
  };
  const next = () =>
    new Promise<number>((waited) => {
      resolve = waited;
    });
  return { clock, next };
}

describe('a subgraph that wants to be asked again later', () => {
  let proxy: FaultProxy;
  beforeEach(async () => {
    proxy = await startFaultProxy({ upstream: () => '{"data":{"user":{"id":"1"}}}' });
  });
  afterEach(() => proxy.close());

  async function askTwice(headers: Record<string, string>) {
    const { clock, next } = heldClock();
    const transport = testTransport(proxy.url, { timeoutMs, deadlineHeader: 'x-deadline-ms' }, { clock });
    const { deadline } = openDeadline(Date.now() + 60_000, Date.now, () => () => {});
    try {
      await proxy.inject('status 503', headers);
      const waited = next();
      const call = transport.call({ subgraph: 'users', body: '{}', kind: 'query', context: testContext({ deadline }) });
      const waitedMs = await waited;
      await proxy.inject('none');
      await call;
      return { waitedMs, told: proxy.requests.map(({ headers: sent }) => Number(sent['x-deadline-ms'])) };
    } finally {
      await transport.destroy();
    }
  }

  it.each([
    ['seconds', '5', undefined],
    ['a date', 'Sun, 06 Nov 1994 08:49:42 GMT', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ['a date of RFC 850', 'Sunday, 06-Nov-94 08:49:42 GMT', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ['a date of asctime', 'Sun Nov  6 08:49:42 1994', 'Sunday, 06-Nov-94 08:49:37 GMT'],
  ])('is left alone for as long as it says in %s, and told what is left then', async (_form, retryAfter, date) => {
    expect(await askTwice({ 'retry-after': retryAfter, ...(date && { date }) })).toEqual({
      waitedMs: 5_000,
      told: [20_000, 15_000],
    });
  });

  it.each([
    ['nothing', ''],
    ['a date that is over', 'Sun, 06 Nov 1994 08:49:30 GMT'],
    ['no number', '5s'],
    ['a number below 0', '-5'],
    ['a number that is too large', '99999999999'],
    ['no date', 'Xxx, 99 Xxx 1994 99:99:99 GMT'],
    ['a date of another form', '2031-11-06T08:49:42Z'],
  ])('is asked again as usual when it says %s', async (_what, retryAfter) => {
    const { waitedMs, told } = await askTwice({ 'retry-after': retryAfter, date: 'Sun, 06 Nov 1994 08:49:37 GMT' });
    expect(waitedMs).toBeLessThanOrEqual(defaultTransportOptions.retries.backoffMs);
    expect(told[0]! - told[1]!).toBe(Math.ceil(waitedMs));
  });

  it('counts from its own clock where the answer has no date', async () => {
    const { waitedMs } = await askTwice({
      'retry-after': new Date(Date.now() + 10_000).toUTCString(),
      date: 'no date',
    });
    expect(waitedMs).toBeGreaterThan(5_000);
    expect(waitedMs).toBeLessThanOrEqual(10_000);
  });
});
