/** Pure: no sockets, time and chance are ours. */
import { type BalancingSettings, type Instance, Instances } from '../../src/subgraph/instances';

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
  const instances = new Instances(weights, { ...settings, ...more }, chance(), 0);
  const call = (now: number, latencyMs: (instance: Instance) => number = () => 10, key?: string) => {
    const instance = instances.pick(now, [], false, key);
    if (instance === undefined) return undefined;
    const isProbe = instances.begin(instance, now);
    instances.end(instance, 'good', isProbe, latencyMs(instance), now);
    return instance.index;
  };
  const fail = (index: number, now: number, times = 3) => {
    const instance = instances.all[index]!;
    for (let i = 0; i < times; i++) instances.end(instance, 'bad', instances.begin(instance, now), 5, now);
  };
  const tally = (calls: number, now: number, latencyMs?: (instance: Instance) => number) => {
    const counts = weights.map(() => 0);
    for (let i = 0; i < calls; i++) {
      const index = call(now, latencyMs);
      if (index !== undefined) counts[index]!++;
    }
    return counts;
  };
  return { instances, call, fail, tally };
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
    const [slow] = tally(3_000, 0, ({ index }) => (index === 0 ? 500 : 5)) as [number];
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
    expect(instances.pick(0, [])?.index).toBe(1);
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

  it('are tried at most twice a second, however many failed', () => {
    const { instances, fail } = setUp(Array.from({ length: 20 }, () => 1));
    for (const { index } of instances.all) fail(index, 0);
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
    expect(instances.pick(5_000, [], true)?.index).toBe(1);
    expect(instances.pick(5_000, [])?.index).toBe(0);
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
});
