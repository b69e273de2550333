/** No timers: time is handed in. */
import { type BreakerSettings, SubgraphBreaker } from '../../src/subgraph/breaker';

const defaults: BreakerSettings = {
  failureShare: 0.5,
  slowCallMs: 1_000,
  slowShare: 0.8,
  minimumCalls: 10,
  openMs: 1_000,
  maxOpenMs: 4_000,
  codes: [],
};

function setUp(settings: Partial<BreakerSettings> = {}) {
  const changes: boolean[] = [];
  const breaker = new SubgraphBreaker({ ...defaults, ...settings }, (isOpen) => changes.push(isOpen));
  const call = (now: number, end: 'good' | 'bad' | 'none', durationMs = 10) => {
    const passage = breaker.begin(now - durationMs);
    if (passage !== undefined) breaker.end(passage, end, durationMs, now);
    return passage;
  };
  const calls = (count: number, now: number, end: 'good' | 'bad' | 'none', durationMs?: number) => {
    for (let index = 0; index < count; index++) call(now, end, durationMs);
  };
  return { breaker, changes, call, calls };
}

describe('the breaker of a subgraph', () => {
  it('opens by the share of calls that failed, once there were enough', () => {
    const { breaker, calls, changes } = setUp();
    calls(5, 1_000, 'good');
    calls(4, 1_100, 'bad');
    expect(breaker.phase).toBe('closed');
    calls(1, 1_200, 'bad');
    expect([breaker.phase, breaker.openings, changes]).toEqual(['open', 1, [true]]);
    expect(breaker.begin(1_300)).toBeUndefined();
  });

  it('opens by the share of calls that were slow, whatever they answered', () => {
    const { breaker, calls } = setUp();
    calls(3, 1_000, 'good');
    calls(6, 3_000, 'good', 1_500);
    calls(5, 4_000, 'none', 1_500);
    expect(breaker.phase).toBe('closed');
    calls(1, 4_000, 'good', 1_500);
    expect(breaker.phase).toBe('open');
  });

  it('does not count a call that its client gave up soon', () => {
    const { breaker, calls } = setUp();
    calls(100, 1_000, 'none');
    calls(9, 1_000, 'bad');
    expect(breaker.phase).toBe('closed');
  });

  it('forgets what is older than ten seconds', () => {
    const { breaker, calls } = setUp();
    calls(9, 1_000, 'bad');
    calls(9, 11_000, 'bad');
    expect(breaker.phase).toBe('closed');
    calls(9, 60_000, 'bad');
    expect(breaker.phase).toBe('closed');
    calls(1, 60_500, 'bad');
    expect(breaker.phase).toBe('open');
  });

  it('lets one call try after a time that doubles, and closes when that goes well', () => {
    const { breaker, calls, call, changes } = setUp();
    calls(10, 1_000, 'bad');
    expect(call(1_900, 'good')).toBeUndefined();
    expect(breaker.begin(2_000)).toBe('probe');
    expect([breaker.phase, breaker.begin(2_001)]).toEqual(['halfOpen', undefined]);
    breaker.end('probe', 'bad', 10, 2_010);
    expect([breaker.phase, breaker.begin(3_900)]).toEqual(['open', undefined]);
    expect(breaker.begin(4_010)).toBe('probe');
    breaker.end('probe', 'good', 10, 4_020);
    expect([breaker.phase, changes]).toEqual(['closed', [true, false]]);
    expect(call(4_030, 'bad')).toBe('call');
    expect(breaker.phase).toBe('closed');
  });

  it('stays open after a probe that was slow, and tries again after one that nobody waited for', () => {
    const { breaker, calls } = setUp();
    calls(10, 1_000, 'bad');
    expect(breaker.begin(2_000)).toBe('probe');
    breaker.end('probe', 'good', 1_500, 3_500);
    expect(breaker.phase).toBe('open');
    expect(breaker.begin(5_500)).toBe('probe');
    breaker.end('probe', 'none', 10, 5_510);
    expect(breaker.begin(5_511)).toBe('probe');
  });

  it('lets another call try when a probe does not end', () => {
    const { breaker, calls } = setUp();
    calls(10, 1_000, 'bad');
    expect(breaker.begin(2_000)).toBe('probe');
    expect(breaker.begin(3_999)).toBeUndefined();
    expect(breaker.begin(4_000)).toBe('probe');
  });

  it('is not moved by calls that began before it opened', () => {
    const { breaker, calls } = setUp();
    const passage = breaker.begin(500);
    calls(10, 1_000, 'bad');
    breaker.end(passage ?? 'call', 'good', 600, 1_100);
    expect(breaker.phase).toBe('open');
  });

  it('is open for no longer than allowed, and as at first after a good half minute', () => {
    const { breaker, calls } = setUp();
    calls(10, 1_000, 'bad');
    let now = 1_000;
    for (const waitMs of [1_000, 2_000, 4_000, 4_000]) {
      expect(breaker.begin(now + waitMs - 1)).toBeUndefined();
      now += waitMs;
      expect(breaker.begin(now)).toBe('probe');
      breaker.end('probe', 'bad', 1, now);
    }
    now += 4_000;
    expect(breaker.begin(now)).toBe('probe');
    breaker.end('probe', 'good', 1, now);
    now += 31_000;
    calls(10, now, 'bad');
    expect(breaker.begin(now + 1_000)).toBe('probe');
  });
});
