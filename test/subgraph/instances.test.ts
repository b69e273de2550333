/** Pure: no sockets, time and chance are ours. */
import type { Instance } from '../../src/subgraph/balancing';
import { type BalancingSettings, Instances } from '../../src/subgraph/instances';

const settings: BalancingSettings = {
  policy: 'powerOfTwo',
  slowStartMs: 10_000,
  maxEjectedShare: 1,
  circuit: { consecutiveFailures: 3, failureShare: 0.5, minimumCalls: 20, openMs: 1_000, maxOpenMs: 4_000 },
};

/** Numbers that look like chance and are the same each time. */
function chance(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function setUp(weights: readonly number[], more: Partial<BalancingSettings> = {}) {
  const instances = new Instances<number>({ ...settings, ...more }, chance());
  const place = (index: number, weight = 1, tier = 0) => ({ id: `http://users-${index}/`, index, weight, tier });
  const replace = (placements: readonly ReturnType<typeof place>[], now: number) =>
    instances.replace(placements, now, ({ index }) => index).map(({ target }) => target);
  replace(
    weights.map((weight, index) => place(index, weight)),
    0,
  );
  const call = (now: number, latencyMs: (instance: Instance<number>) => number = () => 10, key?: string) => {
    const instance = instances.pick(now, [], false, key);
    if (instance === undefined) return undefined;
    const isProbe = instances.begin(instance, now);
    instances.end(instance, 'good', isProbe, latencyMs(instance), now);
    return instance.target;
  };
  const fail = (index: number, now: number, times = 3) => {
    const instance = instances.all[index]!;
    for (let i = 0; i < times; i++) instances.end(instance, 'bad', instances.begin(instance, now), 5, now);
  };
  const tally = (calls: number, now: number, latencyMs?: (instance: Instance<number>) => number) => {
    const counts = weights.map(() => 0);
    for (let i = 0; i < calls; i++) {
      const index = call(now, latencyMs);
      if (index !== undefined) counts[index]!++;
    }
    return counts;
  };
  return { instances, place, replace, call, fail, tally };
}

describe('the instances of a subgraph', () => {
  it('are asked in turn, each by its weight', () => {
    const { call } = setUp([2, 1, 1], { policy: 'roundRobin' });
    expect(Array.from({ length: 8 }, () => call(0))).toEqual([0, 1, 2, 0, 0, 1, 2, 0]);
  });

  it('share calls by weight when all are as quick', () => {
    const { tally } = setUp([3, 1]);
    const [heavy, light] = tally(4_000, 0) as [number, number];
    expect(heavy / light).toBeGreaterThan(2.2);
    expect(heavy / light).toBeLessThan(4);
  });

  it('that are slow get few calls, but some', () => {
    const { tally } = setUp([1, 1, 1]);
    const [slow] = tally(3_000, 0, ({ target }) => (target === 0 ? 500 : 5)) as [number];
    expect(slow).toBeLessThan(500);
    expect(slow).toBeGreaterThan(100);
  });

  it('that fail quickly do not look quick', () => {
    const { instances, fail } = setUp([1, 1]);
    fail(0, 0, 2);
    expect(instances.all[0]!.latencyMs).toBeGreaterThanOrEqual(50);
  });

  it('are chosen by the fewest calls under way', () => {
    const { instances } = setUp([1, 1, 1], { policy: 'leastOutstanding' });
    instances.begin(instances.all[0]!, 0);
    instances.begin(instances.all[2]!, 0);
    expect(instances.pick(0, [])?.target).toBe(1);
  });

  it('keep the keys of the others when one fails', () => {
    const { call, fail } = setUp([1, 1, 1], { policy: 'hash' });
    const keys = Array.from({ length: 300 }, (_, i) => `user-${i}`);
    const before = keys.map((key) => call(0, undefined, key));
    expect(new Set(before).size).toBe(3);
    expect(keys.map((key) => call(0, undefined, key))).toEqual(before);
    fail(1, 0);
    const after = keys.map((key) => call(0, undefined, key));
    expect(after.every((index, i) => (before[i] === 1 ? index !== 1 : index === before[i]))).toBe(true);
  });

  it('leave out the one that failed in a row, and no call goes there', () => {
    const { instances, fail, tally } = setUp([1, 1, 1]);
    fail(1, 0);
    expect(instances.available).toBe(2);
    expect(tally(100, 500)[1]).toBe(0);
  });

  it('forgive failures with a success between them', () => {
    const { instances, fail } = setUp([1, 1]);
    fail(0, 0, 2);
    instances.end(instances.all[0]!, 'good', instances.begin(instances.all[0]!, 0), 5, 0);
    fail(0, 0, 2);
    expect(instances.available).toBe(2);
  });

  it('leave out one by the share of its failures, and forget those of more than ten seconds ago', () => {
    const { instances, fail } = setUp([1, 1], { circuit: { ...settings.circuit, consecutiveFailures: 1_000 } });
    fail(0, 0, 19);
    fail(0, 20_000, 1);
    expect(instances.available).toBe(2);
    fail(0, 29_000, 19);
    expect(instances.available).toBe(1);
  });

  it('do not give up a lone one for failures in a row, but for their share', () => {
    const { instances, fail } = setUp([1]);
    fail(0, 0, 19);
    expect(instances.pick(0, [])).toBeDefined();
    fail(0, 0, 1);
    expect(instances.pick(0, [])).toBeUndefined();
  });

  it('leave out no more than the configured share', () => {
    const { instances, fail } = setUp([1, 1, 1], { maxEjectedShare: 0.5 });
    for (const index of [0, 1, 2]) fail(index, 0, 30);
    expect(instances.available).toBe(2);
  });

  it('try one that failed with a single call, and take it back when that is answered', () => {
    const { instances, fail } = setUp([1, 1]);
    fail(0, 0);
    fail(1, 0);
    expect(instances.pick(999, [])).toBeUndefined();
    const probed = instances.pick(1_000, [])!;
    const isProbe = instances.begin(probed, 1_000);
    expect(isProbe).toBe(true);
    expect(instances.pick(1_400, [])).toBeUndefined();
    instances.end(probed, 'good', isProbe, 5, 1_450);
    expect(instances.available).toBe(1);
    expect(instances.pick(1_460, [])).toBe(probed);
  });

  it('wait twice as long after each failed try, up to the limit', () => {
    const { instances, fail } = setUp([1, 1]);
    fail(0, 0);
    const tries: number[] = [];
    for (let now = 0; now < 20_000; now += 100) {
      const picked = instances.pick(now, [instances.all[1]!]);
      if (picked === undefined) continue;
      tries.push(now);
      instances.end(picked, 'bad', instances.begin(picked, now), 5, now);
    }
    expect(tries).toEqual([1_000, 3_000, 7_000, 11_000, 15_000, 19_000]);
  });

  it('wait no shorter again because they were well for long before', () => {
    const { instances, fail } = setUp([1, 1]);
    fail(0, 100_000);
    const tries: number[] = [];
    for (let now = 100_000; now < 160_000; now += 100) {
      const picked = instances.pick(now, [instances.all[1]!]);
      if (picked === undefined) continue;
      tries.push(now - 100_000);
      instances.end(picked, 'bad', instances.begin(picked, now), 5, now);
    }
    expect(tries.slice(0, 4)).toEqual([1_000, 3_000, 7_000, 11_000]);
    expect(tries.at(-1)! - tries.at(-2)!).toBe(4_000);
  });

  it('are tried at most twice a second, however many failed', () => {
    const { instances, fail } = setUp(Array.from({ length: 20 }, () => 1));
    for (const { target } of instances.all) fail(target, 0);
    let tries = 0;
    for (let now = 0; now < 10_000; now += 10) {
      const picked = instances.pick(now, []);
      if (picked === undefined) continue;
      tries++;
      instances.end(picked, 'bad', instances.begin(picked, now), 5, now);
    }
    expect(tries).toBeLessThanOrEqual(20);
    expect(tries).toBeGreaterThan(10);
  });

  it.each([1, 3, 10])('answer again within five seconds, however long all %d of them were away', (count) => {
    for (let awayMs = 20_000; awayMs < 140_000; awayMs += 7_300) {
      const { instances, fail } = setUp(Array.from({ length: count }, () => 1));
      for (const { target } of instances.all) fail(target, 0, 30);
      const triedUntil = (end: number, verdict: 'good' | 'bad', from: number) => {
        let now = from;
        for (; now < end; now += 20) {
          const picked = instances.pick(now, []);
          if (picked === undefined) continue;
          instances.end(picked, verdict, instances.begin(picked, now), 5, now);
          if (verdict === 'good') break;
        }
        return now;
      };
      const backAt = triedUntil(awayMs, 'bad', 0);
      expect(triedUntil(backAt + 20_000, 'good', backAt) - backAt).toBeLessThan(5_000);
    }
  });

  it('are tried again when a try stays without an answer, or nobody waited for it', () => {
    const { instances, fail } = setUp([1, 1]);
    fail(0, 0);
    fail(1, 0);
    const first = instances.pick(1_000, [])!;
    instances.begin(first, 1_000);
    const second = instances.pick(1_500, [])!;
    expect(second).not.toBe(first);
    instances.end(second, 'none', instances.begin(second, 1_500), 5, 1_600);
    expect(instances.pick(2_000, [])).toBe(second);
    instances.begin(second, 2_000);
    expect(instances.pick(3_000, [])).toBe(first);
  });

  it('do not try one that failed with a mutation while another is there', () => {
    const { instances, fail } = setUp([1, 1]);
    fail(0, 0);
    expect(instances.pick(5_000, [], true)?.target).toBe(1);
    expect(instances.pick(5_000, [])?.target).toBe(0);
  });

  it('let what began before a failure say nothing of the time after it', () => {
    const { instances, fail } = setUp([1, 1]);
    instances.begin(instances.all[0]!, 0);
    fail(0, 0);
    instances.end(instances.all[0]!, 'good', false, 5, 10);
    expect(instances.available).toBe(1);
  });

  it('give one that came back its share by degrees', () => {
    const { instances, fail, tally } = setUp([1, 1]);
    fail(0, 0);
    const back = instances.pick(1_000, [])!;
    instances.end(back, 'good', instances.begin(back, 1_000), 10, 1_000);
    instances.all[0]!.latencyMs = 10;
    const [cold] = tally(1_000, 1_500) as [number];
    const [warm] = tally(1_000, 11_000) as [number];
    expect(cold).toBeLessThan(250);
    expect(warm).toBeGreaterThan(400);
  });

  it('begin with equal shares', () => {
    const { tally } = setUp([1, 1, 1], { policy: 'roundRobin' });
    expect(tally(300, 0)).toEqual([100, 100, 100]);
  });

  it('keep the calls of a key together, and go by load without a key', () => {
    const { instances, call } = setUp([1, 1, 1], { policy: 'hash' });
    const asked = Array.from({ length: 100 }, () => call(0, undefined, ''));
    expect(new Set(asked).size).toBe(3);
    const [first] = instances.all;
    for (let i = 0; i < 50; i++) instances.begin(first!, 0);
    const busy = Array.from({ length: 100 }, () => call(0, undefined, ''));
    expect(busy.filter((index) => index === 0).length).toBeLessThan(20);
  });

  it('pass a key on to the same next one while the first has more than its bound of calls', () => {
    const { instances, call } = setUp([1, 1, 1], { policy: 'hash', hashLoadFactor: 1.25 });
    const first = call(0, undefined, 'user-1')!;
    const begun = Array.from({ length: 9 }, () => instances.pick(0, [], false, 'user-1')!);
    for (const instance of begun) instances.begin(instance, 0);
    // Nine begin one after the other: none ever has more than ceil(1.25 * 9 / 3).
    expect(call(0, undefined, 'user-1')).not.toBe(first);
    for (const instance of begun) instances.end(instance, 'none', false, 1, 0);
    for (let calls = 1; calls <= 30; calls++) {
      instances.begin(instances.pick(0, [], false, 'user-1')!, 0);
      const most = Math.max(...instances.all.map(({ outstanding }) => outstanding));
      expect(most).toBeLessThanOrEqual(Math.ceil((1.25 * calls) / 3));
    }
    for (const instance of instances.all) instance.outstanding = 0;
    expect(call(0, undefined, 'user-1')).toBe(first);
  });

  it('of a higher tier are asked only while fewer than half of the lower ones are there', () => {
    const { instances, place, replace, fail, tally } = setUp([1, 1, 1, 1], { policy: 'roundRobin' });
    replace([place(0), place(1), place(2, 1, 1), place(3, 1, 1)], 0);
    expect(tally(100, 0)).toEqual([50, 50, 0, 0]);
    fail(0, 0);
    expect(tally(100, 0)).toEqual([0, 100, 0, 0]);
    fail(1, 0);
    expect(tally(100, 0)).toEqual([0, 0, 50, 50]);
    const back = instances.pick(1_000, [])!;
    expect(back.target).toBe(0);
    instances.end(back, 'good', instances.begin(back, 1_000), 5, 1_000);
    expect(tally(100, 1_001)).toEqual([100, 0, 0, 0]);
  });

  it('of a higher tier help out before a failed attempt is repeated where it failed', () => {
    const { instances, place, replace } = setUp([1, 1]);
    replace([place(0), place(1, 1, 1)], 0);
    expect(instances.pick(0, [])?.target).toBe(0);
    expect(instances.pick(0, [instances.all[0]!])?.target).toBe(1);
  });

  it('keep what is known of those that stay when others come and go', () => {
    const { instances, place, replace, fail } = setUp([1, 1, 1]);
    fail(1, 0);
    instances.all[0]!.latencyMs = 70;
    const [first, second] = instances.all;
    expect(replace([place(1, 5), place(0), place(3)], 100)).toEqual([2]);
    expect(instances.all.slice(0, 2)).toEqual([second, first]);
    expect(second).toMatchObject({ weight: 5, circuit: { phase: 'open' } });
    expect(first!.latencyMs).toBe(70);
    expect(instances.available).toBe(2);
    for (let i = 0; i < 100; i++) expect(instances.pick(100, [])?.target).not.toBe(2);
  });

  it('let calls to one that left end, and count it no more', () => {
    const { instances, place, replace } = setUp([1, 1]);
    const gone = instances.all[1]!;
    const calls = Array.from({ length: 30 }, () => instances.begin(gone, 0));
    replace([place(0)], 0);
    for (const isProbe of calls) instances.end(gone, 'bad', isProbe, 5, 10);
    expect([gone.outstanding, instances.available, instances.all.length]).toEqual([0, 1, 1]);
  });

  it('may all leave and come back, and those that come to none have their full share at once', () => {
    const { instances, place, replace, tally } = setUp([1, 1], { policy: 'roundRobin' });
    replace([], 0);
    expect(instances.pick(0, [])).toBeUndefined();
    replace([place(0), place(1)], 0);
    expect(tally(100, 0)).toEqual([50, 50]);
  });

  it('give one that is new its share by degrees, and take it for as quick as the others', () => {
    const { instances, place, replace, tally } = setUp([1, 1], { policy: 'powerOfTwo' });
    tally(100, 0, () => 20);
    replace([place(0), place(1)], 0);
    expect(instances.all[1]!.latencyMs).toBeCloseTo(20);
    replace([place(0)], 0);
    replace([place(0), place(1)], 1_000);
    expect(instances.all[1]!.latencyMs).toBeCloseTo(20);
    const [, cold] = tally(1_000, 1_100, () => 20) as [number, number];
    const [, warm] = tally(1_000, 11_000, () => 20) as [number, number];
    expect(cold).toBeLessThan(250);
    expect(warm).toBeGreaterThan(400);
  });

  it('take the same address twice for one', () => {
    const { instances, place, replace } = setUp([1]);
    replace([place(0), place(0)], 0);
    expect(instances.all).toHaveLength(1);
  });

  it('are left out and taken back by active probes that agree, and no call tries them meanwhile', () => {
    const { instances } = setUp([1, 1]);
    const [first] = instances.all;
    const probe = (isGood: boolean, now: number) =>
      instances.probed(first!, isGood, { failures: 2, successes: 2 }, now);
    probe(false, 0);
    probe(true, 0);
    probe(false, 0);
    expect(instances.available).toBe(2);
    probe(false, 0);
    expect(instances.available).toBe(1);
    for (let now = 0; now < 60_000; now += 1_000) expect(instances.pick(now, [])?.target).toBe(1);
    probe(true, 60_000);
    expect(instances.available).toBe(1);
    probe(true, 60_000);
    expect(instances.available).toBe(2);
  });

  it('are not left out by active probes beyond the configured share', () => {
    const { instances } = setUp([1, 1], { maxEjectedShare: 0.5 });
    for (const instance of instances.all) instances.probed(instance, false, { failures: 1, successes: 1 }, 0);
    expect(instances.available).toBe(1);
  });

  it('tell who came, left, was left out and came back, each once', () => {
    const told: string[] = [];
    const onEvent = (event: string, { id }: Instance) => told.push(`${event} ${id}`);
    const instances = new Instances<undefined>(settings, chance(), { onEvent });
    const place = (id: string) => ({ id, weight: 1, tier: 0 });
    instances.replace([place('a'), place('b')], 0, () => undefined);
    const [, b] = instances.all;
    for (let i = 0; i < 5; i++) instances.end(b!, 'bad', instances.begin(b!, 0), 5, 0);
    instances.end(b!, 'good', instances.begin(b!, 1_000), 5, 1_000);
    instances.replace([place('a')], 2_000, () => undefined);
    expect(told).toEqual(['added a', 'added b', 'ejected b', 'returned b', 'removed b']);
  });
});
