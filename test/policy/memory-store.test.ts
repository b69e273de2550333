/**
 * The store in memory, with a clock that the test sets: against `graphql-rate-limit` as the oracle of what its
 * arguments mean, one call after the other; and what it keeps. No I/O.
 */
import { getGraphQLRateLimiter } from 'graphql-rate-limit';
import { MemoryStore } from '../../src/policy/memory-store';
import type { Quota } from '../../src/policy/rate-counters';
import type { ChargeRequest } from '../../src/policy/rate-limit-store';
import { createRandom } from './rate-limit-scenario';

interface CallOptions {
  readonly cost?: number;
  readonly countsRejected?: boolean;
  readonly isReadOnly?: boolean;
}

function call(key: string, quota: Quota, options: CallOptions = {}): ChargeRequest {
  const { cost = 1, countsRejected = false, isReadOnly = false } = options;
  const charges = [{ counter: 0, cost, countsRejected, isReadOnly }];
  return {
    counters: [{ key, quota }],
    units: [{ charges, scope: 'operation', parent: undefined }],
    refusesWholly: false,
    hasFreeRootFields: true,
  };
}

const sliding = (max: number, windowMs: number): Quota => ({ algorithm: 'sliding-window', max, windowMs });
const bucket = (max: number, windowMs: number): Quota => ({ algorithm: 'token-bucket', max, windowMs });

describe('the store in memory', () => {
  let now = 0;
  const open = (maxBytes = 1_000_000) => new MemoryStore({ maxBytes, now: () => now });
  const admits = (store: MemoryStore, request: ChargeRequest) => !store.charge(request).isWhollyRefused;

  beforeEach(() => {
    now = 1_000_000;
  });
  afterEach(() => jest.restoreAllMocks());

  it('decides call after call as graphql-rate-limit does, whatever the arguments', async () => {
    jest.spyOn(Date, 'now').mockImplementation(() => now);
    let refusals = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const random = createRandom(seed);
      const max = 1 + Math.floor(random() * 6);
      const windowMs = 50 + Math.floor(random() * 500);
      const store = open();
      const oracle = getGraphQLRateLimiter({ identifyContext: ({ who }: { who: string }) => who });
      for (let step = 0; step < 60; step++) {
        now += Math.floor(random() * 60);
        const who = random() < 0.5 ? 'a' : 'b';
        const ids = Array.from({ length: Math.floor(random() * 4) });
        const uncountRejected = random() < 0.5;
        const readOnly = random() < 0.1;
        const theirs = await oracle(
          { parent: null, args: { ids }, context: { who }, info: { fieldName: 'f' } } as never,
          { max, window: `${windowMs}ms`, arrayLengthField: 'ids', uncountRejected, readOnly } as never,
        );
        const cost = Math.max(1, ids.length);
        const options = { cost, countsRejected: !uncountRejected, isReadOnly: readOnly };
        const ours = admits(store, call(who, sliding(max, windowMs), options));
        refusals += ours ? 0 : 1;
        expect({ seed, step, admitted: ours }).toEqual({ seed, step, admitted: theirs === undefined });
      }
    }
    expect(refusals).toBeGreaterThan(300);
  });

  it('a sliding window admits exactly `max` in any window, and tells when the next one is', () => {
    const store = open();
    const quota = sliding(3, 1_000);
    for (const at of [0, 400, 900]) {
      now = 1_000_000 + at;
      expect(admits(store, call('a', quota))).toBe(true);
    }
    now = 1_000_000 + 999;
    expect(store.charge(call('a', quota)).refused).toEqual([{ unit: 0, counter: 0, waitMs: 1 }]);
    expect(store.charge(call('a', quota, { cost: 2 })).refused[0]?.waitMs).toBe(401);
    now += 1;
    expect(admits(store, call('a', quota))).toBe(true);
    expect(admits(store, call('a', quota))).toBe(false);
  });

  it('a token bucket admits `max` at once, then one for each part of the window', () => {
    const store = open();
    const quota = bucket(4, 1_000);
    for (let count = 0; count < 4; count++) expect(admits(store, call('a', quota))).toBe(true);
    expect(store.charge(call('a', quota)).refused[0]?.waitMs).toBe(250);
    now += 249;
    expect(admits(store, call('a', quota))).toBe(false);
    now += 1;
    expect(admits(store, call('a', quota))).toBe(true);
    expect(admits(store, call('a', quota))).toBe(false);
    now += 10_000;
    expect(store.charge(call('a', quota)).counters).toEqual([{ remaining: 3, resetMs: 250 }]);
  });

  it('a token bucket never drifts, with parts that are no whole milliseconds', () => {
    const store = open();
    const quota = bucket(7, 1_000);
    let admitted = 0;
    for (let tick = 0; tick < 100_000; tick++) {
      now += 1;
      if (admits(store, call('a', quota))) admitted += 1;
    }
    expect(admitted).toBe(7 + 700 - 1);
  });

  it('counts what is refused for as long as somebody goes on, in bounded memory', () => {
    const store = open();
    const quota = sliding(3, 1_000);
    for (let count = 0; count < 5_000; count++) {
      now += 10;
      store.charge(call('a', quota, { countsRejected: true }));
    }
    expect(admits(store, call('a', quota))).toBe(false);
    now += 999;
    expect(admits(store, call('a', quota))).toBe(true);
  });

  it('charges all counters of a unit or none', () => {
    const store = open();
    const both = (first: number): ChargeRequest => ({
      ...call('a', sliding(5, 1_000)),
      counters: [
        { key: 'a', quota: sliding(5, 1_000) },
        { key: 'b', quota: sliding(1, 1_000) },
      ],
      units: [
        {
          scope: 'operation',
          parent: undefined,
          charges: [
            { counter: 0, cost: first, countsRejected: false, isReadOnly: false },
            { counter: 1, cost: 1, countsRejected: false, isReadOnly: false },
          ],
        },
      ],
    });
    expect(store.charge(both(1)).isWhollyRefused).toBe(false);
    expect(store.charge(both(1)).isWhollyRefused).toBe(true);
    expect(store.charge(both(1)).counters.map(({ remaining }) => remaining)).toEqual([4, 0]);
  });

  it('forgets what counts nothing any more as others come', () => {
    const store = open();
    for (let who = 0; who < 500; who++) store.charge(call(`old ${who}`, sliding(5, 1_000)));
    now += 1_000;
    for (let who = 0; who < 300; who++) store.charge(call(`new ${who}`, sliding(5, 1_000)));
    expect(store.count).toBeLessThanOrEqual(301);
  });

  it('stays in its bounds under a million of identities, and keeps who is asked often', () => {
    const store = open(1_000_000);
    const quota = sliding(2, 3_600_000);
    admits(store, call('known', quota));
    admits(store, call('known', quota));
    let most = 0;
    for (let who = 0; who < 1_000_000; who++) {
      store.charge(call(`p${who}`, quota));
      if (who % 1_000 === 0) {
        expect(admits(store, call('known', quota))).toBe(false);
        most = Math.max(most, store.count);
      }
    }
    expect(most).toBeLessThan(1_000_000 / 8 / 40);
  });

  it('learns what another store has counted, and never forgets what it counted itself', () => {
    const store = open();
    const request = call('a', sliding(5, 1_000));
    const told = (remaining: number) => ({
      isWhollyRefused: false,
      refused: [],
      counters: [{ remaining, resetMs: 0 }],
    });
    store.learn(request, told(2));
    store.learn(request, told(4));
    expect(admits(store, request)).toBe(true);
    expect(admits(store, request)).toBe(true);
    expect(admits(store, request)).toBe(false);
  });
});
