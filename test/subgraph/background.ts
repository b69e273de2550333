/** Shared by the suites of discovery: a clock that is moved by hand, and who listens to a source. */
import type { SourceListener } from '../../src/subgraph/discovery/instance-source';
import type { InstanceAddress } from '../../src/subgraph/transport-options';

export function handClock() {
  const timers = new Set<{ at: number; callback: () => void }>();
  const clock = {
    now: 0,
    elapsed: () => clock.now,
    schedule: (callback: () => void, delayMs: number) => {
      const timer = { at: clock.now + delayMs, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    /** When timers are due, counted from now. */
    get due() {
      return [...timers].map(({ at }) => at - clock.now).sort((a, b) => a - b);
    },
    /** Lets time pass, and what it starts come to rest. */
    async pass(ms: number) {
      await rest();
      const end = clock.now + ms;
      for (;;) {
        const next = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        timers.delete(next);
        clock.now = next.at;
        next.callback();
        await rest();
      }
      clock.now = end;
    },
  };
  return clock;
}

/** Everything that waits for nothing but promises is over. */
export async function rest(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

export function listen() {
  const told: (readonly InstanceAddress[])[] = [];
  const failures: string[] = [];
  const listener: SourceListener = {
    onInstances: (addresses) => void told.push(addresses),
    onFailure: (reason) => void failures.push(reason),
  };
  return { told, failures, listener };
}
