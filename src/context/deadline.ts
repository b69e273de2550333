/**
 * Until when a request is worth working for: a moment, and those who are told when it comes or when the client leaves.
 * In: the moment. Out: a Deadline, with the two ways to end it. Clock: per request, hence no AbortController: it costs
 * more than everything else here together. It must never leave a timer behind: who opens it disposes of it.
 */
import type { Deadline, DeadlineListener, RequestContext, RequestEnd } from './request-context';

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
  const start = (moment: number) => startTimer(Math.max(0, moment - now()), () => end('deadline'));
  const deadline = new RequestDeadline(at, (next) => {
    if (phase === 'over') return;
    stopTimer();
    stopTimer = start(next);
  });
  let stopTimer = start(at);
  return { deadline, clientLeft: () => end('client left'), dispose };
}

class RequestDeadline implements Deadline {
  ended: RequestEnd | undefined = undefined;
  /** As many as the request has calls under way: few enough to be searched. */
  #listeners: DeadlineListener[] = [];

  constructor(
    public at: number,
    private readonly onMove: (at: number) => void,
  ) {}

  move(at: number): void {
    if (at === this.at) return;
    this.at = at;
    this.onMove(at);
  }

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

/** How long operations of these names and types may take; absent: of all. */
export interface TimeoutRule {
  readonly names?: readonly string[] | undefined;
  readonly types?: readonly string[] | undefined;
  readonly timeoutMs: number;
}

/** Gives an operation its own deadline, by the first rule that fits it: sooner if its client waits less. */
export function limitTime(
  rules: readonly TimeoutRule[],
  { deadline, arrivedAt, clientTimeoutMs }: RequestContext,
  { operation, operationName }: { readonly operation: string; readonly operationName: string | undefined },
): void {
  if (rules.length === 0 || arrivedAt === undefined || deadline.ended !== undefined) return;
  const rule = rules.find(
    ({ names, types }) => (names?.includes(operationName ?? '') ?? true) && (types?.includes(operation) ?? true),
  );
  if (rule) deadline.move?.(arrivedAt + Math.min(rule.timeoutMs, clientTimeoutMs ?? rule.timeoutMs));
}

/** Of all that anything under way may take, or a gateway that closes waits for. */
export function longestTimeoutMs(timeouts: {
  readonly operationMs: number;
  readonly drainMs: number;
  readonly operations: readonly TimeoutRule[];
  readonly clientHeader?: string | undefined;
  readonly maxClientMs: number;
}): number {
  const ofClients = timeouts.clientHeader === undefined ? 0 : timeouts.maxClientMs;
  const own = timeouts.operations.map(({ timeoutMs }) => timeoutMs);
  return Math.max(timeouts.drainMs, timeouts.operationMs, ofClients, ...own);
}
