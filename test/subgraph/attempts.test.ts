/** No sockets: exchanges are ended by hand, time and chance are ours. */
import { SubgraphError } from '../../src/errors';
import { type AskedInstance, createAttempts, type RetrySettings } from '../../src/subgraph/attempts';
import type { ExchangeOutcome, StartExchange, StartedExchange } from '../../src/subgraph/http';
import { Instances } from '../../src/subgraph/instances';
import { RetryBudget } from '../../src/subgraph/retry-budget';
import { defaultTransportOptions } from '../../src/subgraph/transport-options';

const error = new SubgraphError('SUBREQUEST_HTTP_ERROR', 'users', 'No.');
const good: ExchangeOutcome = { kind: 'answered', status: 200, text: '{"data":{}}' };
const refused: ExchangeOutcome = { kind: 'failed', error, connection: { reason: 'ECONNREFUSED', sent: false } };
const reset: ExchangeOutcome = { kind: 'failed', error, connection: { reason: 'ECONNRESET', sent: true } };
const status = (code: number, retryAfterMs?: number): ExchangeOutcome => ({
  kind: 'failed',
  error,
  status: code,
  ...(retryAfterMs !== undefined && { retryAfterMs }),
});

interface Asked {
  readonly instance: number;
  cancelled: boolean;
  end(outcome: ExchangeOutcome): void;
}

function setUp(count: number, more: Partial<RetrySettings> & { share?: number; burst?: number } = {}) {
  const asked: Asked[] = [];
  const timers = new Set<{ at: number; callback: () => void }>();
  const clock = {
    now: 0,
    elapsed: () => clock.now,
    schedule: (callback: () => void, delayMs: number) => {
      const timer = { at: clock.now + delayMs, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  const { retries, balancing } = defaultTransportOptions;
  const roundRobin = { ...balancing, policy: 'roundRobin' as const };
  const instances = new Instances<AskedInstance>(roundRobin, () => 0.5);
  const placements = Array.from({ length: count }, (_, instance) => ({ id: `${instance}`, weight: 1, tier: 0 }));
  instances.replace(placements, 0, ({ id }) => ({
    host: id,
    start: (_exchange, end) => {
      const one: Asked = { instance: Number(id), cancelled: false, end };
      asked.push(one);
      return {
        shared: false,
        cancel: () => {
          one.cancelled = true;
        },
      };
    },
  }));
  const counts = { retries: 0, hedges: 0, refused: 0 };
  const { share = 0.08, burst = 30, ...settings } = more;
  const start = createAttempts({
    subgraph: 'users',
    instances,
    retries: { ...retries, ...settings },
    budget: new RetryBudget({ share, burst }),
    timeoutMs: 10_000,
    hashHeader: undefined,
    clock,
    random: () => 0.5,
    counts,
  });
  const outcomes: ExchangeOutcome[] = [];
  const ask = (kind: 'query' | 'mutation' = 'query', headers: readonly string[] = []): StartedExchange =>
    start({ subgraph: 'users', body: '{}', kind, headers }, (outcome) => outcomes.push(outcome));
  const pass = (ms: number) => {
    const end = clock.now + ms;
    for (;;) {
      const next = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      timers.delete(next);
      clock.now = next.at;
      next.callback();
    }
    clock.now = end;
  };
  return { asked, timers, instances, counts, outcomes, ask, pass };
}

describe('an exchange with a subgraph of several instances', () => {
  it('is one attempt when that is answered, and leaves no timer behind', () => {
    const { asked, timers, outcomes, ask } = setUp(3);
    ask();
    asked[0]!.end(good);
    expect([asked.length, outcomes, timers.size]).toEqual([1, [good], 0]);
  });

  it.each([
    ['a connection that is refused', refused],
    ['a connection that is reset', reset],
    ['502', status(502)],
    ['503', status(503)],
    ['504', status(504)],
    ['503 with GraphQL errors', { kind: 'answered', status: 503, text: '{"errors":[{"message":"No."}]}' }],
  ] as const)('is asked of another instance after %s', (_what, outcome) => {
    const { asked, outcomes, counts, ask, pass } = setUp(3);
    ask();
    asked[0]!.end(outcome);
    expect(outcomes).toEqual([]);
    pass(25);
    expect(asked[1]!.instance).not.toBe(asked[0]!.instance);
    asked[1]!.end(good);
    expect([outcomes, counts.retries]).toEqual([[good], 1]);
  });

  it.each([
    ['500', status(500)],
    ['404', status(404)],
    ['an answer that is not GraphQL', { kind: 'failed', error }],
    ['GraphQL errors', { kind: 'answered', status: 200, text: '{"errors":[{"message":"No."}]}' }],
    ['connections that are closed on this side', { ...reset, connection: { reason: 'CLOSED', sent: false } }],
  ] as const)('is not repeated after %s', (_what, outcome) => {
    const { asked, timers, outcomes, ask } = setUp(3);
    ask();
    asked[0]!.end(outcome as ExchangeOutcome);
    expect([asked.length, outcomes, timers.size]).toEqual([1, [outcome], 0]);
  });

  it('ends with the last failure after so many attempts, the wait doubled each time', () => {
    const { asked, outcomes, ask, pass } = setUp(1, { backoffMs: 100 });
    ask();
    asked[0]!.end(status(502));
    pass(49);
    expect(asked).toHaveLength(1);
    pass(1);
    asked[1]!.end(status(503));
    pass(99);
    expect(asked).toHaveLength(2);
    pass(1);
    asked[2]!.end(status(504));
    pass(10_000);
    expect([asked.length, outcomes]).toEqual([3, [status(504)]]);
  });

  it('never sends a mutation again that somebody may have seen', () => {
    const { asked, outcomes, ask, pass } = setUp(3);
    for (const outcome of [reset, status(503), status(502)]) {
      ask('mutation');
      asked.at(-1)!.end(outcome);
      pass(20_000);
    }
    expect([asked.length, outcomes.length]).toEqual([3, 3]);
  });

  it('never asks a second instance for a mutation that is slow', () => {
    const { asked, ask, pass } = setUp(3);
    ask('mutation');
    pass(9_000);
    expect(asked).toHaveLength(1);
  });

  it('takes a mutation to another instance when its connection was refused', () => {
    const { asked, outcomes, ask, pass } = setUp(3);
    ask('mutation');
    asked[0]!.end(refused);
    pass(25);
    asked[1]!.end(good);
    expect(outcomes).toEqual([good]);
  });

  it('heeds Retry-After where there is no other instance, if the deadline allows', () => {
    const patient = setUp(1);
    patient.ask();
    patient.asked[0]!.end(status(503, 2_000));
    patient.pass(1_999);
    expect(patient.asked).toHaveLength(1);
    patient.pass(1);
    expect(patient.asked).toHaveLength(2);
    const late = setUp(1);
    late.ask();
    late.asked[0]!.end(status(503, 10_000));
    expect(late.outcomes).toEqual([status(503, 10_000)]);
  });

  it('asks another instance at once though one wants to be left alone', () => {
    const { asked, ask, pass } = setUp(2);
    ask();
    asked[0]!.end(status(503, 60_000));
    pass(25);
    expect(asked).toHaveLength(2);
  });

  it('is repeated when it is a mutation that carries a key by which its subgraph tells repetitions', () => {
    const { asked, outcomes, ask, pass } = setUp(2, { idempotencyHeader: 'idempotency-key' });
    ask('mutation', ['x-other', '1']);
    asked[0]!.end(reset);
    expect([asked.length, outcomes]).toEqual([1, [reset]]);
    ask('mutation', ['idempotency-key', 'k1']);
    asked[1]!.end(reset);
    pass(25);
    asked[2]!.end(good);
    expect([asked.length, outcomes]).toEqual([3, [reset, good]]);
    // A second one beside it could be done twice at the same time.
    ask('mutation', ['idempotency-key', 'k2']);
    pass(5_000);
    expect(asked).toHaveLength(4);
  });

  it('is repeated no more than the budget allows: a flapping subgraph gets 1.1 times the requests', () => {
    const { asked, counts, ask, pass } = setUp(1);
    const requests = 2_000;
    for (let i = 0; i < requests; i++) {
      const before = asked.length;
      ask();
      for (let made = before; made < asked.length; made++) {
        asked[made]!.end(asked.length % 10 === 0 ? status(503) : good);
        pass(100);
      }
    }
    expect(asked.length).toBeGreaterThan(requests);
    expect(asked.length).toBeLessThanOrEqual(1.1 * requests);
    expect(counts.refused).toBe(0);
  });

  it('does not charge the budget for an instance that has not seen the request', () => {
    const { asked, outcomes, ask, pass } = setUp(3, { share: 0, burst: 1 });
    for (let i = 0; i < 20; i++) {
      ask();
      if (asked.at(-1)!.instance === 0) {
        asked.at(-1)!.end(refused);
        pass(25);
      }
      asked.at(-1)!.end(good);
    }
    expect(outcomes).toEqual(Array.from({ length: 20 }, () => good));
  });

  it('is asked of a second instance when the first is slow, and the first answer counts', () => {
    const { asked, timers, outcomes, counts, ask, pass } = setUp(3);
    ask();
    pass(999);
    expect(asked).toHaveLength(1);
    pass(1);
    expect(asked).toHaveLength(2);
    asked[1]!.end(good);
    asked[0]!.end(good);
    expect([outcomes, counts.hedges, asked[0]!.cancelled, timers.size]).toEqual([[good], 1, true, 0]);
  });

  it('lets a slow first attempt win, and says nothing against the second', () => {
    const { asked, instances, outcomes, ask, pass } = setUp(2);
    for (let i = 0; i < 10; i++) {
      ask();
      pass(1_500);
      asked.at(-2)!.end(good);
      expect(asked.at(-1)!.cancelled).toBe(true);
    }
    expect(outcomes).toHaveLength(10);
    expect(instances.available).toBe(2);
  });

  it('waits for the other attempt when one of two fails', () => {
    const { asked, outcomes, ask, pass } = setUp(2);
    ask();
    pass(1_000);
    asked[1]!.end(reset);
    pass(3_000);
    expect(outcomes).toEqual([]);
    asked[0]!.end(good);
    expect(outcomes).toEqual([good]);
  });

  it('leaves out an instance that is overtaken again and again', () => {
    const { asked, instances, ask, pass } = setUp(2);
    for (let i = 0; i < 40 && instances.available === 2; i++) {
      ask();
      if (asked.at(-1)!.instance === 0) pass(1_000);
      asked.at(-1)!.end(good);
    }
    expect(instances.all[0]!.circuit.phase).toBe('open');
    expect(instances.available).toBe(1);
  });

  it('fails at once with SUBGRAPH_UNAVAILABLE when all are left out', () => {
    const { asked, instances, outcomes, counts, ask } = setUp(2, { attempts: 1 });
    while (instances.available > 0) {
      ask();
      asked.at(-1)!.end(refused);
    }
    const before = asked.length;
    ask();
    expect(asked).toHaveLength(before);
    expect(outcomes.at(-1)).toMatchObject({ error: { code: 'SUBGRAPH_UNAVAILABLE', subgraph: 'users' } });
    expect(counts.refused).toBe(1);
  });

  it('takes every attempt back when nobody waits, and tells nothing any more', () => {
    const { asked, timers, instances, outcomes, ask, pass } = setUp(3);
    const exchange = ask();
    pass(1_000);
    exchange.cancel();
    for (const one of asked) one.end(good);
    expect(asked.map(({ cancelled }) => cancelled)).toEqual([true, true]);
    expect([outcomes, timers.size]).toEqual([[], 0]);
    expect(instances.all.map(({ outstanding }) => outstanding)).toEqual([0, 0, 0]);
  });

  it('does not repeat what nobody waits for any more', () => {
    const { asked, ask, pass } = setUp(1);
    const exchange = ask();
    asked[0]!.end(status(503));
    exchange.cancel();
    pass(10_000);
    expect(asked).toHaveLength(1);
  });

  it('holds it against an instance that calls are given up for lateness, not that clients leave', () => {
    const { instances, ask, pass } = setUp(2, { attempts: 1 });
    const giveUp = (isLate: boolean) => {
      for (let i = 0; i < 20; i++) {
        const exchange = ask();
        pass(5_000);
        exchange.cancel(isLate);
      }
    };
    giveUp(false);
    expect(instances.available).toBe(2);
    giveUp(true);
    expect(instances.available).toBe(0);
  });

  it('ends once though an instance fails before it could be told to', () => {
    const { instances } = setUp(1);
    const answersAtOnce: StartExchange = (_exchange, end) => {
      end(good);
      return { shared: false, cancel: () => {} };
    };
    instances.replace([{ id: 'another', weight: 1, tier: 0 }], 0, () => ({ host: 'another', start: answersAtOnce }));
    const outcomes: ExchangeOutcome[] = [];
    const { retries } = defaultTransportOptions;
    createAttempts({
      subgraph: 'users',
      instances,
      retries,
      budget: new RetryBudget(retries.budget),
      timeoutMs: 1_000,
      hashHeader: undefined,
      clock: { elapsed: () => 0, schedule: () => () => {} },
      random: () => 0.5,
      counts: { retries: 0, hedges: 0, refused: 0 },
    })({ subgraph: 'users', body: '{}', kind: 'query', headers: [] }, (outcome) => outcomes.push(outcome));
    expect(outcomes).toEqual([good]);
    expect(instances.all[0]!.outstanding).toBe(0);
  });
});
