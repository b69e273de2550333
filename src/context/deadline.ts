/**
 * Until when a request is worth working for: a moment, and those who are told when it comes or when the client leaves.
 * In: the moment. Out: a Deadline, with the two ways to end it. Clock: per request, hence no AbortController: it costs
 * more than everything else here together. It must never leave a timer behind: who opens it disposes of it.
 */
import type { Deadline, DeadlineListener, RequestEnd } from './request-context';

/** Calls `fire` once after `delayMs`, unless the returned function was called before. */
export type StartTimer = (delayMs: number, fire: () => void) => () => void;

/** Node's timers; a pending one does not keep the process alive. */
export const startNodeTimer: StartTimer = (delayMs, fire) => {
  const timer = setTimeout(fire, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
};

export interface OpenDeadline {
  readonly deadline: Deadline;
  /** The client is gone: tells all listeners, unless the request was over already. */
  clientLeft(): void;
  /** The request is over: nothing fires any more. May be called twice. */
  dispose(): void;
}

/** Opens the deadline `at` (milliseconds since the epoch); one that has passed ends on the next turn. */
export function openDeadline(at: number, now: () => number, startTimer: StartTimer = startNodeTimer): OpenDeadline {
  const deadline = new RequestDeadline(at);
  let phase: 'open' | 'over' = 'open';
  const dispose = () => {
    phase = 'over';
    stopTimer();
  };
  const end = (reason: RequestEnd) => {
    if (phase === 'over') return;
    dispose();
    deadline.end(reason);
  };
  const stopTimer = startTimer(Math.max(0, at - now()), () => end('deadline'));
  return { deadline, clientLeft: () => end('client left'), dispose };
}

class RequestDeadline implements Deadline {
  ended: RequestEnd | undefined = undefined;
  /** As many as the request has calls under way: few enough to be searched. */
  #listeners: DeadlineListener[] = [];

  constructor(readonly at: number) {}

  add(listener: DeadlineListener): void {
    this.#listeners.push(listener);
  }

  remove(listener: DeadlineListener): void {
    const listeners = this.#listeners;
    const index = listeners.lastIndexOf(listener);
    if (index === -1) return;
    const last = listeners.pop();
    if (last !== undefined && last !== listener) listeners[index] = last;
  }

  end(reason: RequestEnd): void {
    this.ended = reason;
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener.onRequestEnd(reason);
  }
}
