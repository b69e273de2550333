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

/** A timer's longest delay; what is farther away is looked at again then. */
const maxDelayMs = 2 ** 31 - 1;

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
    const leftMs = expiresAt - now();
    cancel = schedule(leftMs > maxDelayMs ? wait : check, Math.min(Math.max(leftMs, 0), maxDelayMs));
  };
  // Timers may fire a little early.
  const check = () => {
    if (now() < expiresAt) wait();
    else expired();
  };
  wait();
  return () => cancel();
}
