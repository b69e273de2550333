/** No sockets, no timers: the event loop is as late as each test says, and requests begin and end by hand. */
import type { RequestScope } from '../../src/client/door';
import { LoadShedder, type LoadSheddingConfig } from '../../src/client/load-shedding';
import { percentile, simulateLoop } from './simulated-loop';

const sampleMs = 10;

function setUp(config: Partial<LoadSheddingConfig> = {}) {
  const changes: boolean[] = [];
  let refused = 0;
  let time = 0;
  let sample = () => {};
  const shedder = new LoadShedder(
    { maxEventLoopDelayMs: 20, maxInFlight: 10_000, priority: { operations: [], tiers: [] }, ...config },
    {
      elapsed: () => time,
      schedule: (callback) => {
        sample = callback;
        return () => {
          sample = () => {};
        };
      },
      onChange: (isShedding) => changes.push(isShedding),
      onRefused: () => {
        refused++;
      },
      tierOf: (scope) => (scope as unknown as { tier: string }).tier,
    },
  );
  const turns = (count: number, delayMs: number) => {
    for (let turn = 0; turn < count; turn++) {
      time += sampleMs + delayMs;
      sample();
    }
  };
  /** The turn that has begun takes so long until now. */
  const pass = (ms: number) => {
    time += ms;
  };
  const ends: (() => void)[] = [];
  /** So many requests come; how many are let in, and stay. */
  const come = (count: number) => {
    let admitted = 0;
    for (let request = 0; request < count; request++) {
      if (shedder.judge([]) !== 'admit') continue;
      ends.push(shedder.begin());
      admitted++;
    }
    return admitted;
  };
  /** A thousand come, and the event loop is later and later. */
  const overwhelm = (delayMs: number) => {
    come(1_000);
    turns(3, delayMs);
    pass(delayMs + sampleMs + 1);
    expect(come(1)).toBe(0);
  };
  const leave = (count: number) => {
    for (const end of ends.splice(0, count)) end();
  };
  return { shedder, changes, turns, pass, come, overwhelm, leave, refused: () => refused };
}

const scope = (tier?: string) => ({ tier }) as unknown as RequestScope;

describe('load shedding', () => {
  it('lets everybody in while the event loop is in time', () => {
    const { turns, come, changes } = setUp();
    expect(come(2_000)).toBe(2_000);
    turns(100, 15);
    expect(come(1_000)).toBe(1_000);
    expect(changes).toEqual([]);
  });

  it('is not moved by one pause, however long', () => {
    const { turns, come, changes } = setUp();
    come(500);
    turns(2, 400);
    turns(1, 0);
    turns(2, 400);
    expect(come(500)).toBe(500);
    expect(changes).toEqual([]);
  });

  it('is not moved by hundreds of requests at once, even where a busy machine takes a second for them', () => {
    const { turns, come, leave, changes } = setUp();
    for (let burst = 0; burst < 100; burst++) {
      expect(come(500)).toBe(500);
      turns(20, 50);
      leave(500);
      turns(1, 0);
    }
    expect(changes).toEqual([]);
  });

  it('lets few in at a time when the event loop is late and more come all the time; those that were let in go first', () => {
    const { shedder, turns, pass, come, leave, changes, refused } = setUp();
    for (let turn = 0; turn < 4; turn++) {
      come(150);
      turns(1, 50);
    }
    expect(changes).toEqual([]);
    // This turn takes longer than the one before.
    pass(61);
    expect(come(100)).toBe(0);
    expect(shedder.limit).toBe(64);
    expect(refused()).toBe(100);
    expect(changes).toEqual([true]);
    leave(550);
    expect(come(100)).toBe(14);
  });

  it('lets in what came during a pause, for which each turn takes less than the one before', () => {
    const { pass, turns, come, leave, changes } = setUp();
    turns(1, 400);
    for (const tookMs of [300, 200, 100, 50]) {
      expect(come(700)).toBe(700);
      pass(tookMs);
      expect(come(1)).toBe(1);
      leave(600);
      turns(1, tookMs);
    }
    expect(changes).toEqual([]);
  });

  it('does the same for few that are much work, after two seconds', () => {
    const { shedder, turns, come } = setUp();
    come(70);
    turns(3, 500);
    expect(shedder.limit).toBe(10_000);
    turns(1, 500);
    expect(shedder.limit).toBe(64);
  });

  it('is stricter about time once it refuses', () => {
    const { shedder, turns, come, leave, overwhelm } = setUp({ maxEventLoopDelayMs: 50 });
    overwhelm(60);
    leave(940);
    for (let round = 0; round < 20; round++) {
      come(100);
      turns(1, 5);
    }
    const limit = shedder.limit;
    expect(limit).toBeGreaterThan(70);
    turns(2, 8);
    expect(shedder.limit).toBe(Math.floor(limit * 0.8));
  });

  it('waits for those that are too many to leave, before it makes the limit any lower', () => {
    const { shedder, turns, come, leave, overwhelm } = setUp();
    overwhelm(50);
    leave(936);
    for (let round = 0; round < 20; round++) {
      come(200);
      turns(1, 5);
    }
    const { limit } = shedder;
    come(200);
    leave(1);
    turns(3, 50);
    expect(shedder.limit).toBe(Math.floor(limit * 0.8));
    turns(20, 50);
    expect(shedder.limit).toBe(Math.floor(limit * 0.8));
  });

  it('always lets some in, and does not blame those few for a machine that others keep busy', () => {
    const { shedder, turns, come, leave } = setUp();
    come(10);
    turns(50, 500);
    expect(come(1)).toBe(1);
    come(500);
    for (let round = 0; round < 100; round++) {
      turns(1, 500);
      leave(500);
    }
    expect(shedder.limit).toBe(8);
    expect(come(100)).toBe(8);
  });

  it('lets more in as soon as there is time, and everybody once there is time to spare', () => {
    const { shedder, turns, come, leave, changes, overwhelm } = setUp();
    overwhelm(50);
    leave(900);
    for (let round = 0; round < 30; round++) {
      come(200);
      turns(1, 5);
    }
    expect(shedder.limit).toBeGreaterThan(100);
    leave(2_000);
    turns(50, 1);
    expect(come(5_000)).toBe(5_000);
    expect(changes).toEqual([true, false]);
  });

  it('never has more under way than the bound, however quick the event loop is', () => {
    const { come, leave } = setUp({ maxInFlight: 100 });
    expect(come(1_000)).toBe(100);
    leave(7);
    expect(come(1_000)).toBe(7);
  });

  it('counts a request that ends twice once', () => {
    const { shedder } = setUp({ maxInFlight: 1 });
    const end = shedder.begin();
    end();
    end();
    shedder.begin();
    expect(shedder.judge([])).toBe('refuse');
  });

  it('lets in who has the header of priority', () => {
    const header = { name: 'x-priority', values: ['high', 'urgent'] };
    const { shedder } = setUp({ maxInFlight: 1, priority: { header, operations: [], tiers: [] } });
    shedder.begin();
    expect(shedder.judge(['X-Priority', 'urgent'])).toBe('admit');
    expect(shedder.judge(['x-priority', 'low'])).toBe('refuse');
    expect(shedder.judge(['x-other', 'high'])).toBe('refuse');
  });

  it('looks at the operation and the tier, where they may have priority', () => {
    const { shedder, refused } = setUp({ maxInFlight: 1, priority: { operations: ['Pay'], tiers: ['gold'] } });
    expect(shedder.judge([])).toBe('admit');
    shedder.begin();
    expect(shedder.judge([])).toBe('ask');
    expect(refused()).toBe(0);
    shedder.demandPriority('Pay', scope());
    shedder.demandPriority('Read', scope('gold'));
    for (const tier of [undefined, 'silver']) {
      expect(() => shedder.demandPriority('Read', scope(tier))).toThrow(
        expect.objectContaining({ code: 'OVERLOADED', headers: { 'retry-after': '1' } }),
      );
    }
    expect(() => shedder.demandPriority(undefined, scope())).toThrow();
    expect(refused()).toBe(3);
  });
});

describe('load shedding, in an event loop of its own time', () => {
  // Milliseconds of the processor for a request: 500 to 10,000 requests a second are what it can do.
  describe.each([0.1, 0.5, 1, 2])('where a request takes %d ms', (costMs) => {
    const capacity = 1_000 / costMs;

    it('refuses none at nine tenths of what it can do, nor of 500 at once', () => {
      for (const share of [0.5, 0.9]) {
        const figures = simulateLoop([{ perSecond: share * capacity, forMs: 10_000 }], costMs);
        expect(figures[0]!.refusedMs).toEqual([]);
      }
      const quiet = { perSecond: 0.3 * capacity, forMs: 3_000 };
      const bursts = simulateLoop([quiet, { ...quiet, burst: 500 }, { ...quiet, burst: 500 }], costMs);
      expect(bursts.flatMap(({ refusedMs }) => refusedMs)).toEqual([]);
    });

    it('serves as many as it can of three times as many, soon and quickly, and everybody when that is over', () => {
      const half = { perSecond: 0.5 * capacity, forMs: 3_000 };
      // More than 600 have to come before it is sure, and those are worked off.
      const overload = { perSecond: 3 * capacity, forMs: 1_500 + 600 * costMs };
      const [, first, later, after] = simulateLoop([half, overload, { ...overload, forMs: 5_000 }, half], costMs);
      expect(percentile(first!.refusedMs, 0.99)).toBeLessThan(900 * costMs + 100);
      expect(percentile(later!.servedMs, 0.99)).toBeLessThan(50 + 10 * costMs);
      expect(percentile(later!.refusedMs, 0.99)).toBeLessThan(40);
      // Refusals cost too: a tenth of the processor and more, where there are thirty a millisecond.
      expect(later!.servedMs.length).toBeGreaterThan(0.35 * 5 * capacity);
      expect(after!.refusedMs.length).toBeLessThan(0.02 * after!.servedMs.length);
    });
  });
});
