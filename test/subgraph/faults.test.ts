/**
 * Real: the transport, undici, sockets, an HTTP server that injects one fault at a time.
 * Observed: the error of the call, how long it took, and the sockets that are left open.
 */
import { openDeadline } from '../../src/context/deadline';
import { SubgraphError } from '../../src/errors';
import { type CallClock, systemClock } from '../../src/subgraph/call';
import type { SubgraphTransport } from '../../src/subgraph/pools';
import { defaultTransportOptions } from '../../src/subgraph/transport-options';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy';
import { type FaultKind, faultKinds } from '../support/faults';
import { failure, testContext, testTransport } from './harness';

const body = '{"query":"{ user { id } }"}';
/** The deadline of calls that have one: healthy calls have none, so that a busy machine does not look like a fault. */
const deadlineMs = 100;

/** What each fault must lead to: an error code, or the answer. */
const expected: Record<string, FaultKind[]> = {
  SUBREQUEST_HTTP_ERROR: [
    'refused',
    'reset before headers',
    'closed before headers',
    'half-closed before headers',
    'reset after headers',
    'closed in the body',
    'closed in a chunked body',
    'status 400',
    'status 401',
    'status 403',
    'status 404',
    'status 429',
    'status 500',
    'status 502',
    'status 503',
    'status 503 for a minute',
    'status 503 until a date',
    'status 500 with other JSON',
    'status 500 with data only',
    'status 500 with an endless page',
    'redirect 301',
    'redirect 302',
    'redirect 303',
    'redirect 307',
    'redirect 308',
    'status 304',
    'not HTTP',
    'invalid chunk',
    'flood of headers',
    'thousands of headers',
    'two lengths',
    'length and chunks',
    'length below zero',
    'header split by a carriage return',
    'header over two lines',
    'header without a colon',
    'header name with a space',
    'NUL in a header',
    'interim responses without end',
    'HTTP/1.0 with chunks',
    'body shorter than announced',
    'unasked upgrade',
  ],
  SUBREQUEST_MALFORMED_RESPONSE: [
    'status 204',
    'HTML with 200',
    'wrong content type',
    'wrong charset',
    'body longer than announced',
    'empty body',
    'truncated JSON',
    'invalid JSON',
    'two values',
    'invalid UTF-8',
    'UTF-16',
    'huge body',
    'huge announced body',
    'gzip bomb',
    'brotli bomb',
    'truncated deflate',
    'truncated brotli',
    'gzip that is none',
    'gzip in gzip',
    'truncated gzip',
    'unknown encoding',
    'answer is an array',
    'answer is null',
    'answer is a string',
    'answer is a number',
    'empty object',
    'data is a string',
    'data is an array',
    'data is a number',
    'data is null without errors',
    'errors is a string',
    'errors is an object',
    'errors is empty and no data',
  ],
  GATEWAY_TIMEOUT: ['half-open', 'never answers', 'headers never end', 'slow headers', 'body stalls', 'slow body'],
  answered: [
    'none',
    'slow first byte',
    'stale keep-alive',
    'stale keep-alive, reset',
    'no content type',
    'byte order mark',
    'gzip',
    'deflate',
    'brotli',
    'interim responses',
    'HTTP/1.0',
    'connection: close',
    'two answers',
    'another answer later',
    'status 400 with GraphQL errors',
    'error without message',
    'error without path',
    'error that is a string',
    'error that is null',
    'error with a path that is none',
    'error with a path of wrong types',
    'error with a path that leads nowhere',
    'error with a message of a wrong type',
    'error with a huge message',
    'error with a hostile message',
    'data is null with an error',
    'data is empty',
    'duplicate keys',
    'extra fields',
    'value is a string',
    'value is a number',
    'value is a list',
    'value is an empty object',
    'value is null',
    'error with internals',
    'thousands of errors',
    'deep JSON',
    '__proto__ keys',
    // Whether entities fit what was asked for, only the engine can know.
    'entities too short',
    'entities too long',
    'entities null',
    'entities an object',
    'entities a string',
    'entity null',
    'entity a string',
    'entity of another type',
    'entities nested in lists',
  ],
};

/** Measures time, but for that in which this process did not get the processor: what runs here is that much later. */
function startWatch(): () => number {
  const tickMs = 5;
  const startedAt = performance.now();
  let lastAt = startedAt;
  let stolenMs = 0;
  const take = () => {
    const now = performance.now();
    stolenMs += Math.max(0, now - lastAt - 2 * tickMs);
    lastAt = now;
  };
  const timer = setInterval(take, tickMs);
  return () => {
    clearInterval(timer);
    take();
    return performance.now() - startedAt - stolenMs;
  };
}

describe('a subgraph that fails', () => {
  let proxy: FaultProxy;
  let transport: SubgraphTransport;
  /** Timers of calls that have neither fired nor been stopped. */
  const pending = new Set<object>();
  const clock: CallClock = {
    elapsed: systemClock.elapsed,
    schedule: (callback, delayMs) => {
      const timer = {};
      pending.add(timer);
      const stop = systemClock.schedule(() => {
        pending.delete(timer);
        callback();
      }, delayMs);
      return () => {
        pending.delete(timer);
        stop();
      };
    },
  };

  beforeEach(async () => {
    pending.clear();
    proxy = await startFaultProxy({ upstream: () => '{"data":{"user":{"id":"1"}}}', slowMs: 30 });
    transport = testTransport(proxy.url, { maxResponseBytes: 1_000_000 }, { clock });
  });
  afterEach(async () => {
    await transport.destroy();
    await proxy.close();
  });

  const ask = (context = testContext(), kind: 'query' | 'mutation' = 'query') =>
    transport.call({ subgraph: 'users', body, kind, context });

  const askBriefly = (kind: 'query' | 'mutation' = 'query') => {
    const { deadline } = openDeadline(Date.now() + deadlineMs, Date.now);
    return ask(testContext({ deadline }), kind);
  };

  it('has an expectation for every fault that the proxy knows', () => {
    expect(Object.values(expected).flat().sort()).toEqual([...faultKinds].sort());
  });

  for (const code of ['SUBREQUEST_HTTP_ERROR', 'SUBREQUEST_MALFORMED_RESPONSE', 'GATEWAY_TIMEOUT']) {
    for (const fault of expected[code]!) {
      for (const connection of ['fresh', 'kept-alive']) {
        it(`is a ${code} on a ${connection} connection, in time and telling nothing: ${fault}`, async () => {
          if (connection === 'kept-alive') await ask();
          await proxy.inject(fault);
          const stopWatch = startWatch();

          const error = await failure(code === 'GATEWAY_TIMEOUT' ? askBriefly() : ask());
          const tookMs = stopWatch();

          expect(error).toBeInstanceOf(SubgraphError);
          expect(error.code).toBe(code);
          expect(error.subgraph).toBe('users');
          expect(error.message).toMatch(/^Subgraph 'users' [a-zA-Z ,:-]+\.$/);
          expect(JSON.stringify(error.detail ?? {})).not.toMatch(/127\.0\.0\.1|10\.0\.0\.7|html|\/srv/);
          // Some are asked three times, with waits of up to 75 ms between.
          expect(tookMs).toBeLessThan(deadlineMs + 500);
          expect(transport.stats().get('users')).toMatchObject({ running: 0, waiting: 0 });
          expect(pending.size).toBe(0);
          // A redirect leads to another path of the same server.
          expect(new Set(proxy.requests.map(({ path }) => path))).toEqual(
            new Set(proxy.requests.length > 0 ? ['/graphql'] : []),
          );
        });
      }
    }
  }

  for (const fault of expected.answered!) {
    it(`is answered: ${fault}`, async () => {
      await ask();
      await proxy.inject(fault);

      await expect(ask()).resolves.toHaveProperty('data');

      expect(transport.stats().get('users')).toMatchObject({ running: 0, waiting: 0 });
    });
  }

  for (const fault of faultKinds) {
    it(`leaves no socket open after the transport is closed: ${fault}`, async () => {
      await proxy.inject(fault);
      await Promise.allSettled([askBriefly(), askBriefly(), askBriefly('mutation')]);

      await transport.close();

      expect(transport.stats().get('users')).toEqual({ sockets: 0, running: 0, waiting: 0 });
      await proxy.inject('none');
      expect(await proxy.settled(0)).toBe(0);
      expect(pending.size).toBe(0);
    });
  }

  it.each([
    'never answers',
    'headers never end',
    'body stalls',
    'huge body',
    'status 500 with an endless page',
  ] as const)('closes the socket of a call that was given up: %s', async (fault) => {
    await proxy.inject(fault);

    await failure(askBriefly());

    expect(await proxy.settled(0)).toBe(0);
  });

  it.each(['never answers', 'half-open'] as const)(
    'is given up when its first byte does not come in time: %s',
    async (fault) => {
      await transport.destroy();
      transport = testTransport(proxy.url, {
        firstByteTimeoutMs: 20,
        retries: { ...defaultTransportOptions.retries, attempts: 2 },
      });
      await proxy.inject(fault);

      expect((await failure(ask())).code).toBe('GATEWAY_TIMEOUT');

      expect(transport.stats().get('users')).toMatchObject({ running: 0, waiting: 0 });
      await proxy.inject('none');
      await expect(ask()).resolves.toMatchObject({ data: { user: { id: '1' } } });
    },
  );

  it.each(['two answers', 'another answer later'] as const)(
    'never gives what nobody asked for to the next one: %s',
    async (fault) => {
      await proxy.inject(fault);
      await expect(ask()).resolves.toMatchObject({ data: { user: { id: '1' } } });
      expect(await proxy.settled(0)).toBe(0);
      await proxy.inject('none');
      await expect(ask()).resolves.toMatchObject({ data: { user: { id: '1' } } });
    },
  );

  it('recovers as soon as the subgraph does', async () => {
    for (const fault of ['refused', 'never answers', 'not HTTP', 'huge body'] as const) {
      await proxy.inject(fault);
      await failure(askBriefly());
      await proxy.inject('none');

      await expect(ask()).resolves.toMatchObject({ data: { user: { id: '1' } } });
    }
  });

  it('keeps the connection after an answer that was refused for what it says', async () => {
    for (const fault of ['HTML with 200', 'status 500', 'invalid JSON', 'thousands of errors'] as const) {
      await proxy.inject(fault);
      await ask().catch(() => {});
    }
    expect(proxy.sockets).toMatchObject({ accepted: 1, open: 1 });
  });
});
