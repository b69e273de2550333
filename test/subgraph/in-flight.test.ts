/** No sockets: exchanges are recorded and finished by hand; time and turns of the event loop are ours. */
import { SubgraphError } from '../../src/errors';
import type { Exchange, ExchangeOutcome, StartExchange } from '../../src/subgraph/http';
import { type SharingOptions, shareInFlight } from '../../src/subgraph/in-flight';

interface Recorded {
  readonly exchange: Exchange;
  readonly finish: (outcome: ExchangeOutcome) => void;
  cancelled: boolean;
}

const answered = (text = '{"data":{}}'): ExchangeOutcome => ({ kind: 'answered', status: 200, text });
const failed: ExchangeOutcome = { kind: 'failed', error: new SubgraphError('SUBREQUEST_HTTP_ERROR', 'users', 'No.') };

function setUp(options: SharingOptions = { ignoredHeaders: ['x-request-id'] }) {
  const exchanges: Recorded[] = [];
  const deferred: (() => void)[] = [];
  const clock = { time: 0, elapsed: () => clock.time, defer: (next: () => void) => void deferred.push(next) };
  const start: StartExchange = (exchange, finish) => {
    const recorded: Recorded = { exchange, finish, cancelled: false };
    exchanges.push(recorded);
    return {
      shared: false,
      cancel: () => {
        recorded.cancelled = true;
      },
    };
  };
  const share = shareInFlight(start, options, clock);
  /** Starts an exchange and keeps what its waiter was told. */
  const ask = (more: Partial<Exchange> = {}) => {
    const told: ExchangeOutcome[] = [];
    const exchange: Exchange = { subgraph: 'users', body: '{"query":"{ me }"}', kind: 'query', headers: [], ...more };
    const started = share(exchange, (outcome) => told.push(outcome));
    return { told, shared: started.shared, cancel: () => started.cancel() };
  };
  return { exchanges, deferred, clock, ask, share };
}

describe('identical queries in flight', () => {
  it('share one exchange, and each is told its text', () => {
    const { exchanges, ask } = setUp();
    const waiters = [ask(), ask(), ask()];
    expect(exchanges).toHaveLength(1);
    expect(waiters.map((waiter) => waiter.shared)).toEqual([false, true, true]);

    exchanges[0]!.finish(answered());

    expect(waiters.map((waiter) => waiter.told)).toEqual([[answered()], [answered()], [answered()]]);
  });

  it.each<[string, Partial<Exchange>]>([
    ['subgraph', { subgraph: 'posts' }],
    ['body', { body: '{"query":"{ you }"}' }],
    ['header value', { headers: ['x-identity', 'b'] }],
    ['header name', { headers: ['x-identitz', 'a'] }],
    ['number of headers', { headers: [] }],
  ])('are not identical with another %s', (_what, other) => {
    const { exchanges, ask } = setUp();
    ask({ headers: ['x-identity', 'a'] });
    expect(ask({ headers: ['x-identity', 'a'], ...other }).shared).toBe(false);
    expect(exchanges).toHaveLength(2);
  });

  it('are told apart when header values look like other headers', () => {
    const { exchanges, ask } = setUp();
    ask({ headers: ['a', 'x', 'b', 'y'] });
    ask({ headers: ['a', 'x1:b1:y'] });
    ask({ headers: ['a', 'x', 'b', 'y|{"query":"{ me }"}'], body: '' });
    ask({ headers: ['a', 'x\nb: y'] });
    expect(exchanges).toHaveLength(4);
  });

  it('share in spite of headers that have no say in the answer', () => {
    const { ask } = setUp();
    ask({ headers: ['x-request-id', '1', 'x-identity', 'a'] });
    expect(ask({ headers: ['x-request-id', '2', 'x-identity', 'a'] }).shared).toBe(true);
    expect(ask({ headers: ['x-request-id', '2', 'x-identity', 'b'] }).shared).toBe(false);
  });

  it('never include mutations', () => {
    const { exchanges, ask } = setUp();
    ask({ kind: 'mutation' });
    expect(ask({ kind: 'mutation' }).shared).toBe(false);
    expect(ask({ kind: 'query' }).shared).toBe(false);
    expect(exchanges).toHaveLength(3);
  });

  it('are not joined once answered', () => {
    const { exchanges, ask } = setUp();
    ask();
    exchanges[0]!.finish(answered());
    const later = ask();
    expect(later.shared).toBe(false);
    expect(later.told).toEqual([]);
    expect(exchanges).toHaveLength(2);
  });

  it('fail together, and the failure is not kept', () => {
    const { exchanges, ask } = setUp();
    const waiters = [ask(), ask()];
    exchanges[0]!.finish(failed);
    expect(waiters.map((waiter) => waiter.told)).toEqual([[failed], [failed]]);

    const later = ask();
    exchanges[1]!.finish(answered());
    expect(later.told).toEqual([answered()]);
  });

  it('go on for the others when one leaves, whoever it is', () => {
    const { exchanges, ask } = setUp();
    const [first, second, third] = [ask(), ask(), ask()];
    first.cancel();
    third.cancel();
    expect(exchanges[0]!.cancelled).toBe(false);

    exchanges[0]!.finish(answered());

    expect([first.told, second.told, third.told]).toEqual([[], [answered()], []]);
  });

  it('end when the last one leaves, and the next one starts anew', () => {
    const { exchanges, ask } = setUp();
    const waiters = [ask(), ask()];
    waiters[0]!.cancel();
    waiters[0]!.cancel();
    expect(exchanges[0]!.cancelled).toBe(false);
    waiters[1]!.cancel();
    expect(exchanges[0]!.cancelled).toBe(true);

    expect(ask().shared).toBe(false);
    expect(exchanges).toHaveLength(2);
  });

  it('are not joined after a mutation has ended, so that who has written reads what was written', () => {
    const { exchanges, ask } = setUp();
    ask();
    ask({ kind: 'mutation', subgraph: 'posts' });
    expect(ask().shared).toBe(true);
    exchanges[1]!.finish(answered());
    expect(ask().shared).toBe(false);

    ask({ kind: 'mutation' }).cancel();
    expect(ask().shared).toBe(false);
  });

  it('are not joined after a second, so that a dead connection is not kept waiting for by newcomers', () => {
    const { exchanges, clock, ask } = setUp();
    const hanging = ask();
    clock.time = 999;
    expect(ask().shared).toBe(true);
    clock.time = 1_000;
    const newcomer = ask();
    expect(newcomer.shared).toBe(false);

    exchanges[1]!.finish(answered());
    expect(newcomer.told).toEqual([answered()]);
    expect(hanging.told).toEqual([]);

    const third = ask();
    exchanges[0]!.finish(failed);
    expect(ask().shared).toBe(true);
    expect(third.told).toEqual([]);
  });

  it('are told apart among thousands, whichever ends first', () => {
    const { exchanges, ask } = setUp();
    const bodyOf = (i: number) => `{"query":"query($id:ID!){user(id:$id){name}}","variables":{"id":"${i}"}}`;
    const waiters = Array.from({ length: 3_000 }, (_, i) => ask({ body: bodyOf(i) }));
    const joined = waiters.map((_, i) => ask({ body: bodyOf(i) }));
    expect(joined.every((waiter) => waiter.shared)).toBe(true);
    expect(exchanges).toHaveLength(3_000);
    // 1,999 has no factor in common with 3,000: every exchange ends once, in a scattered order.
    for (let i = 0; i < 3_000; i++) exchanges[(i * 1_999) % 3_000]!.finish(answered(`${(i * 1_999) % 3_000}`));
    expect(waiters.map((waiter) => waiter.told)).toEqual(waiters.map((_, i) => [answered(`${i}`)]));
    expect(joined.map((waiter) => waiter.told)).toEqual(waiters.map((_, i) => [answered(`${i}`)]));
    expect(ask({ body: bodyOf(7) }).shared).toBe(false);
  });

  it('get large answers over several turns of the event loop', () => {
    const { exchanges, deferred, ask } = setUp();
    const waiters = [ask(), ask(), ask(), ask()];
    const large = answered('x'.repeat(600_000));
    exchanges[0]!.finish(large);
    expect(waiters.map((waiter) => waiter.told.length)).toEqual([1, 1, 0, 0]);

    waiters[2]!.cancel();
    deferred.shift()!();

    expect(waiters.map((waiter) => waiter.told.length)).toEqual([1, 1, 0, 1]);
    expect(deferred).toHaveLength(0);
    expect(exchanges[0]!.cancelled).toBe(false);
  });

  it('are told at once when the exchange fails before it has started', () => {
    const told: ExchangeOutcome[] = [];
    const share = shareInFlight(
      (_exchange, done) => {
        done(failed);
        return { shared: false, cancel: () => {} };
      },
      { ignoredHeaders: [] },
    );
    const exchange: Exchange = { subgraph: 'users', body: '', kind: 'query', headers: [] };
    share(exchange, (outcome) => told.push(outcome));
    share(exchange, (outcome) => told.push(outcome));
    expect(told).toEqual([failed, failed]);
  });
});
