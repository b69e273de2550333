/** Waiting for the end of tokens, with a clock and timers of its own. */
import { onExpiry } from '../../src/client/expiry';

function createTimers() {
  let time = 0;
  let pending: { readonly at: number; readonly callback: () => void }[] = [];
  const delays = new Set<number>();
  return {
    delays,
    now: () => time,
    schedule(callback: () => void, delayMs: number) {
      delays.add(delayMs);
      const timer = { at: time + delayMs, callback };
      pending.push(timer);
      return () => {
        pending = pending.filter((other) => other !== timer);
      };
    },
    runTo(end: number) {
      for (;;) {
        const [next] = pending.sort((one, other) => one.at - other.at);
        if (!next || next.at > end) break;
        pending.shift();
        time = next.at;
        next.callback();
      }
      time = end;
    },
  };
}

it.each([0, 1, 1_024, 1_025, 900_000, 86_400_123, 2 ** 31 + 5])('a moment %s ms away is told then, and once', (at) => {
  const timers = createTimers();
  const told: number[] = [];
  onExpiry(at, timers, () => told.push(timers.now()));
  timers.runTo(at - 1);
  expect(told).toEqual([]);
  timers.runTo(at + 2 ** 31);
  expect(told).toEqual([at]);
});

it('nothing is told of what was cancelled, at any step', () => {
  const timers = createTimers();
  const told: number[] = [];
  const cancel = onExpiry(900_000, timers, () => told.push(1));
  timers.runTo(700_000);
  cancel();
  timers.runTo(2_000_000);
  expect(told).toEqual([]);
});

it('many moments are waited for by few delays, because Node remembers each of them', () => {
  const timers = createTimers();
  for (let at = 0; at < 100_000; at += 1) onExpiry(900_000 + at * 7, timers, () => {})();
  expect(timers.delays.size).toBeLessThan(5);
});
