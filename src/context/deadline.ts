/**
 * Until when a request is worth working for: a moment, and the signal that fires then or when the client leaves.
 * In: the moment. Out: a Deadline, with the two ways to end it. Clock: per request.
 * It must never leave a timer behind: whoever opens it disposes it when the answer is out.
 */
import type { Deadline } from './request-context';

/** Why the signal fired: `signal.reason` is one of these, so that 504 and 499 can be told apart. */
export class RequestEnded extends Error {
  constructor(readonly kind: 'deadline' | 'client left') {
    super(kind === 'deadline' ? 'The deadline of the request has passed' : 'The client has left');
  }
}

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
  /** The client is gone: fires the signal, unless the request was over already. */
  clientLeft(): void;
  /** The request is over: nothing fires any more. May be called twice. */
  dispose(): void;
}

/** Opens the deadline `at` (milliseconds since the epoch); one that has passed fires on the next turn. */
export function openDeadline(at: number, now: () => number, startTimer: StartTimer = startNodeTimer): OpenDeadline {
  const controller = new AbortController();
  let phase: 'open' | 'over' = 'open';
  const end = (kind: RequestEnded['kind']) => {
    if (phase === 'over') return;
    dispose();
    controller.abort(new RequestEnded(kind));
  };
  const stopTimer = startTimer(Math.max(0, at - now()), () => end('deadline'));
  const dispose = () => {
    phase = 'over';
    stopTimer();
  };
  return { deadline: { at, signal: controller.signal }, clientLeft: () => end('client left'), dispose };
}
