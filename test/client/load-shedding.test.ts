/** No sockets, no timers: the event loop is as late as each test says, and requests begin and end by hand. */
import type { RequestScope } from '../../src/client/door';
import { LoadShedder, type LoadSheddingConfig } from '../../src/client/load-shedding';

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
  const leave = (count: number) => {
    for (const end of ends.splice(0, count)) end();
  };
  return { shedder, changes, turns, come, leave, refused: () => refused };
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
    const { shedder, turns, come, leave, changes, refused } = setUp();
    for (let turn = 0; turn < 8; turn++) {
      come(125);
      turns(1, 50);
    }
    expect(changes).toEqual([]);
    turns(1, 50);
    expect(shedder.limit).toBe(64);
    expect(come(100)).toBe(0);
    expect(refused()).toBe(100);
    expect(changes).toEqual([true]);
    leave(950);
    expect(come(100)).toBe(14);
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
    const { shedder, turns, come, leave } = setUp({ maxEventLoopDelayMs: 50 });
    come(1_000);
    turns(9, 60);
    leave(940);
    for (let round = 0; round < 20; round++) {
      come(100);
      turns(1, 5);
    }
    const limit = shedder.limit;
    expect(limit).toBeGreaterThan(80);
    turns(3, 15);
    expect(shedder.limit).toBe(Math.floor(limit * 0.8));
  });

  it('waits for those that are too many to leave, before it makes the limit any lower', () => {
    const { shedder, turns, come, leave } = setUp();
    come(1_000);
    turns(9, 50);
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
    expect(shedder.limit).toBe(16);
    expect(come(100)).toBe(16);
  });

  it('lets more in as soon as there is time, and everybody once there is time to spare', () => {
    const { shedder, turns, come, leave, changes } = setUp();
    come(1_000);
    turns(9, 50);
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
