/**
 * When what proves an identity ends: connections outlive tokens. Clock: per connection.
 * In: a moment. Out: one call when it has come, however far away it is.
 */

/** Calls back after so long; returns what cancels it. */
export type Schedule = (callback: () => void, delayMs: number) => () => void;

/** A timer of Node, which keeps no process alive. */
export const scheduleTimer: Schedule = (callback, delayMs) => {
  const timer = setTimeout(callback, delayMs).unref();
  return () => clearTimeout(timer);
};

/** What is farther away is waited for in steps, of powers of two. */
const maxStepMs = 2 ** 30;
const minStepMs = 1_024;

/**
 * Node keeps a list for each delay that there is a timer of, until that would have fired, though all were cancelled: to
 * wait for each moment by a delay of its own would leave thousands of them behind.
 */
function stepTowards(leftMs: number): number {
  if (leftMs <= minStepMs) return Math.max(leftMs, 0);
  return Math.min(maxStepMs, 2 ** Math.floor(Math.log2(leftMs)));
}

/**
 * Calls `expired` once at `expiresAt` (milliseconds since the epoch; infinite: never), at once for a moment that is
 * past. Returns what cancels it.
 */
export function onExpiry(
  expiresAt: number,
  { now, schedule }: { readonly now: () => number; readonly schedule: Schedule },
  expired: () => void,
): () => void {
  if (!Number.isFinite(expiresAt)) return () => {};
  let cancel: () => void;
  const wait = () => {
    cancel = schedule(check, stepTowards(expiresAt - now()));
  };
  // Timers may fire a little early, too.
  const check = () => {
    if (now() < expiresAt) wait();
    else expired();
  };
  wait();
  return () => cancel();
}
