/**
 * The Lua script in a real Redis against the store in memory, with one clock for both that the test sets: random
 * requests at random moments, backwards at times. Observed: every field of every outcome.
 */
import { Redis } from 'ioredis';
import { MemoryStore } from '../../src/policy/memory-store';
import { createRateCounter, type RateCounter } from '../../src/policy/rate-counters';
import {
  type ChargeOutcome,
  type ChargeRequest,
  type CounterUse,
  decideCharges,
} from '../../src/policy/rate-limit-store';
import { chargeScript, readScriptAnswer, writeScriptRequest } from '../../src/policy/redis-script';
import { describeWithRedis, startTestRedis, type TestRedis } from '../support/redis';
import { createRandom, randomQuota, randomRequest } from './rate-limit-scenario';

jest.setTimeout(60_000);

describeWithRedis('the script in Redis', () => {
  let redis: TestRedis;
  let client: Redis;
  const prefix = `script-test:${process.pid}:`;
  const script = chargeScript('local now = tonumber(ARGV[2])');
  /** Redis' own time must not end a counter before the test's does. */
  const lasting = script.replace(/('PX'|'PEXPIRE', key), counter\.window/g, '$1, 600000');

  beforeAll(async () => {
    redis = await startTestRedis();
    client = new Redis(redis.url);
  });
  afterAll(async () => {
    client.disconnect();
    await redis.close();
  });

  async function charge(request: ChargeRequest, now: number, seed: number, { notAfter = 0, text = lasting } = {}) {
    const keys = request.counters.map(({ key, quota }) => `${prefix}${seed}:${quota.algorithm}:${key}`);
    const answer = await client.eval(text, keys.length, ...keys, writeScriptRequest(request, notAfter), now);
    return readScriptAnswer(answer);
  }

  /** Sixty random requests at moments that `nextMoment` makes, decided by Redis and by `decide`. */
  async function compare(
    seed: number,
    nextMoment: (now: number, random: () => number) => number,
    decide: (request: ChargeRequest, now: number) => ChargeOutcome,
  ): Promise<number> {
    const random = createRandom(seed);
    const quotas = Array.from({ length: 3 }, () => randomQuota(random));
    let now = 1_700_000_000_000;
    let refusals = 0;
    for (let step = 0; step < 60; step++) {
      now = nextMoment(now, random);
      const request = randomRequest(random, quotas);
      const outcome = decide(request, now);
      refusals += outcome.refused.length;
      const expected = { kind: 'decided', now, outcome };
      expect({ seed, step, answer: await charge(request, now, seed) }).toEqual({ seed, step, answer: expected });
    }
    return refusals;
  }

  it('decides as the memory store does, whatever is asked and when', async () => {
    let refusals = 0;
    for (let seed = 1; seed <= 60; seed++) {
      let now = 0;
      const memory = new MemoryStore({ maxBytes: 1_000_000, now: () => now });
      refusals += await compare(
        seed,
        (before, random) => before + Math.floor(random() * 60),
        (request, moment) => {
          now = moment;
          return memory.charge(request);
        },
      );
    }
    expect(refusals).toBeGreaterThan(500);
  });

  it('decides as the counters do when the clock of Redis is set back, and never waits longer than a window', async () => {
    for (let seed = 101; seed <= 160; seed++) {
      const counters = new Map<string, RateCounter>();
      const counterOf = ({ key, quota }: CounterUse, now: number) => {
        const counter = counters.get(key) ?? createRateCounter(quota);
        counters.set(key, counter);
        counter.settle(now, quota);
        return counter;
      };
      await compare(
        seed,
        (before, random) => before + (random() < 0.2 ? -Math.floor(random() * 400) : Math.floor(random() * 60)),
        (request, now) => {
          const used = request.counters.map((use) => counterOf(use, now));
          const outcome = decideCharges(request, used, now);
          for (const { counter, waitMs } of outcome.refused) {
            expect(waitMs).toBeLessThanOrEqual(request.counters[counter]?.quota.windowMs ?? 0);
          }
          return outcome;
        },
      );
    }
  });

  it('charges nothing when nobody waits for it any more', async () => {
    const request = randomRequest(createRandom(7), [{ algorithm: 'sliding-window', max: 5, windowMs: 1_000 }]);
    expect(await charge(request, 2_000, 0, { notAfter: 1_999 })).toEqual({ kind: 'late', now: 2_000 });
    expect(await client.keys(`${prefix}0:*`)).toEqual([]);
  });

  it('leaves no counter behind for longer than its window', async () => {
    const quotas = [{ algorithm: 'sliding-window', max: 5, windowMs: 5_000 } as const];
    const request = randomRequest(createRandom(3), quotas);
    const single = { ...request, units: [{ scope: 'operation', parent: undefined, charges: [oneUnit] } as const] };
    await charge(single, Date.now(), -1, { text: script });
    const [key = ''] = await client.keys(`${prefix}-1:*`);
    const lifetime = await client.pttl(key);
    expect(lifetime).toBeGreaterThan(0);
    expect(lifetime).toBeLessThanOrEqual(5_000);
  });
});

const oneUnit = { counter: 0, cost: 1, countsRejected: false, isReadOnly: false } as const;
