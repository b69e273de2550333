/**
 * Runs requests in a worker thread, one at a time, so that the one that does not end or ends the worker is known. One
 * that may be stopped is asked to, for others or at its deadline; the worker is ended only if it does not heed that. A
 * worker that was lost is replaced at once and the requests that waited run on the new one. Clock: the process.
 * It knows nothing of what the requests mean.
 */
import type { Worker } from 'node:worker_threads';

/** What the worker sends: `ready` once it has loaded, then one `answer` or `stopped` for each request, in order. */
export type WorkerMessage<Response> =
  | { readonly kind: 'ready' }
  | { readonly kind: 'stopped'; readonly id: number }
  | { readonly kind: 'answer'; readonly id: number; readonly response: Response };

export type Outcome<Response> =
  | { readonly kind: 'answered'; readonly response: Response }
  | { readonly kind: 'timeout' }
  /** It waited too long to be worth running. */
  | { readonly kind: 'expired' }
  /** It was slow and stopped for others. */
  | { readonly kind: 'stopped' }
  /** The worker ended while it ran this request, twice. */
  | { readonly kind: 'crashed'; readonly reason: string }
  | { readonly kind: 'closed' };

/** A request that every new worker must run before all others; `settle` is told how it went. */
export interface Restoration<Request, Response> {
  readonly request: Request;
  readonly timeoutMs: number;
  readonly settle: (outcome: Outcome<Response>) => void;
}

export interface StoppableWorker {
  readonly thread: Worker;
  /** Asks it to stop the request of this id. */
  readonly stop: (id: number) => void;
}

export interface WorkerQueueOptions<Request, Response> {
  readonly start: () => StoppableWorker;
  readonly restore: () => readonly Restoration<Request, Response>[];
  readonly onLost: (reason: string) => void;
  /** A request that may be stopped, has run so long and has others wait is stopped; absent: it may go on. */
  readonly slowAfterMs: number | undefined;
}

export interface RunOptions {
  readonly place?: 'first' | 'last';
  /** Whether the worker can stop it. */
  readonly isStoppable?: boolean;
}

interface Job<Request, Response> extends Restoration<Request, Response> {
  readonly id: number;
  readonly queuedAt: number;
  readonly isStoppable: boolean;
  crashes: number;
}

interface Running<Request, Response> {
  readonly job: Job<Request, Response>;
  deadline: NodeJS.Timeout;
  readonly slowness: NodeJS.Timeout | undefined;
  /** `slow`: it is stopped when somebody comes to wait. */
  phase: 'running' | 'slow' | 'stopping' | 'overdue';
}

type Phase<Request, Response> =
  | { readonly kind: 'down' }
  | { readonly kind: 'starting'; readonly worker: StoppableWorker }
  | { readonly kind: 'idle'; readonly worker: StoppableWorker }
  | { readonly kind: 'busy'; readonly worker: StoppableWorker; readonly running: Running<Request, Response> }
  | { readonly kind: 'closed' };

const maxCrashes = 2;
/** Time to heed that it should stop: some garbage may have to be collected first. */
const stopMs = 500;

export class WorkerQueue<Request, Response> {
  private phase: Phase<Request, Response> = { kind: 'down' };
  private waiting: Job<Request, Response>[] = [];
  private lastId = 0;
  private failedStarts = 0;

  /** Starts the worker; while nothing is asked of it, it keeps no process alive. */
  constructor(private readonly options: WorkerQueueOptions<Request, Response>) {
    this.startWorker();
  }

  /** How many requests wait that may be stopped. */
  get waitingCount(): number {
    return this.waiting.filter(({ isStoppable }) => isStoppable).length;
  }

  /** Whether nothing runs or waits. */
  get isFree(): boolean {
    return this.phase.kind !== 'busy' && this.waiting.length === 0;
  }

  /**
   * Runs a request after those that wait. Its time begins when it runs; then `timeout` costs the worker, and only this
   * request. One that has waited twice its time is given up without running. Never rejects.
   */
  run(
    request: Request,
    timeoutMs: number,
    { place = 'last', isStoppable = false }: RunOptions = {},
  ): Promise<Outcome<Response>> {
    if (this.phase.kind === 'closed') return Promise.resolve({ kind: 'closed' });
    return new Promise((settle) => {
      const job = this.createJob({ request, timeoutMs, settle }, isStoppable);
      if (place === 'last') this.waiting.push(job);
      else this.waiting.unshift(job);
      if (this.phase.kind === 'down') this.startWorker();
      this.runNext();
      this.stopSlow();
    });
  }

  /** Ends the worker at once: what runs or waits is answered `closed`. */
  async close(): Promise<void> {
    const { phase } = this;
    this.phase = { kind: 'closed' };
    const unanswered = this.waiting.splice(0);
    if (phase.kind === 'busy') {
      stopTimers(phase.running);
      unanswered.unshift(phase.running.job);
    }
    for (const job of unanswered) job.settle({ kind: 'closed' });
    await workerOf(phase)?.thread.terminate();
  }

  private createJob(restoration: Restoration<Request, Response>, isStoppable: boolean): Job<Request, Response> {
    this.lastId += 1;
    return { ...restoration, id: this.lastId, queuedAt: performance.now(), isStoppable, crashes: 0 };
  }

  private startWorker(): void {
    const worker = this.options.start();
    let reason = 'it ended';
    this.phase = { kind: 'starting', worker };
    const { thread } = worker;
    thread.on('message', (message: WorkerMessage<Response>) => this.receive(worker, message));
    thread.on('error', (error) => {
      reason = error.message;
    });
    thread.on('exit', () => this.onExit(worker, reason));
    thread.unref();
  }

  private receive(worker: StoppableWorker, message: WorkerMessage<Response>): void {
    const { phase } = this;
    // What a worker that was given up still sends is nobody's answer.
    if (workerOf(phase) !== worker) return;
    if (message.kind === 'ready') {
      this.failedStarts = 0;
      this.phase = { kind: 'idle', worker };
    } else if (phase.kind === 'busy' && phase.running.job.id === message.id) {
      stopTimers(phase.running);
      this.phase = { kind: 'idle', worker };
      phase.running.job.settle(outcomeOf(message, phase.running));
    }
    this.runNext();
  }

  private runNext(): void {
    const { phase } = this;
    if (phase.kind === 'starting' && this.waiting.length > 0) phase.worker.thread.ref();
    if (phase.kind !== 'idle') return;
    const job = this.nextJob();
    if (job === undefined) {
      phase.worker.thread.unref();
      return;
    }
    const { slowAfterMs } = this.options;
    const running: Running<Request, Response> = {
      job,
      deadline: setTimeout(() => this.onDeadline(running), job.timeoutMs),
      slowness:
        job.isStoppable && slowAfterMs !== undefined ? setTimeout(() => this.onSlow(running), slowAfterMs) : undefined,
      phase: 'running',
    };
    this.phase = { kind: 'busy', worker: phase.worker, running };
    phase.worker.thread.ref();
    phase.worker.thread.postMessage({ id: job.id, request: job.request });
  }

  private nextJob(): Job<Request, Response> | undefined {
    for (;;) {
      const job = this.waiting.shift();
      if (job === undefined || performance.now() - job.queuedAt <= 2 * job.timeoutMs) return job;
      job.settle({ kind: 'expired' });
    }
  }

  private onSlow(running: Running<Request, Response>): void {
    running.phase = 'slow';
    this.stopSlow();
  }

  private stopSlow(): void {
    const { phase } = this;
    if (phase.kind !== 'busy' || phase.running.phase !== 'slow' || this.waiting.length === 0) return;
    phase.running.phase = 'stopping';
    phase.worker.stop(phase.running.job.id);
  }

  private onDeadline(running: Running<Request, Response>): void {
    const { phase } = this;
    if (phase.kind !== 'busy' || phase.running !== running) return;
    if (!running.job.isStoppable) {
      this.giveUp(running.job);
      return;
    }
    running.phase = 'overdue';
    running.deadline = setTimeout(() => this.giveUp(running.job), stopMs);
    phase.worker.stop(running.job.id);
  }

  private giveUp(job: Job<Request, Response>): void {
    const { phase } = this;
    if (phase.kind !== 'busy' || phase.running.job !== job) return;
    stopTimers(phase.running);
    job.settle({ kind: 'timeout' });
    this.replace(`a request ran longer than ${job.timeoutMs} ms`);
    // Its exit finds another worker in its place and changes nothing.
    phase.worker.thread.terminate().catch(() => {});
  }

  private onExit(worker: StoppableWorker, reason: string): void {
    const { phase } = this;
    if (workerOf(phase) !== worker) return;
    if (phase.kind === 'busy') {
      const { job } = phase.running;
      stopTimers(phase.running);
      job.crashes += 1;
      if (job.crashes < maxCrashes) this.waiting.unshift(job);
      else job.settle({ kind: 'crashed', reason });
    }
    if (phase.kind === 'starting') this.failedStarts += 1;
    if (this.failedStarts < maxCrashes) this.replace(reason);
    else this.giveUpStarting(reason);
  }

  /** A worker that cannot even load: everything that waits has failed, and the next request tries anew. */
  private giveUpStarting(reason: string): void {
    this.failedStarts = 0;
    this.phase = { kind: 'down' };
    this.options.onLost(reason);
    for (const job of this.waiting.splice(0)) job.settle({ kind: 'crashed', reason });
  }

  private replace(reason: string): void {
    this.startWorker();
    const queued = new Set(this.waiting.map(({ request }) => request));
    const restorations = this.options.restore().filter(({ request }) => !queued.has(request));
    this.waiting.unshift(...restorations.map((restoration) => this.createJob(restoration, false)));
    this.options.onLost(reason);
    this.runNext();
  }
}

function outcomeOf<Request, Response>(
  message: Exclude<WorkerMessage<Response>, { kind: 'ready' }>,
  { phase }: Running<Request, Response>,
): Outcome<Response> {
  if (message.kind === 'answer') return { kind: 'answered', response: message.response };
  return { kind: phase === 'overdue' ? 'timeout' : 'stopped' };
}

function stopTimers({ deadline, slowness }: Pick<Running<unknown, unknown>, 'deadline' | 'slowness'>): void {
  clearTimeout(deadline);
  clearTimeout(slowness);
}

function workerOf<Request, Response>(phase: Phase<Request, Response>): StoppableWorker | undefined {
  return phase.kind === 'down' || phase.kind === 'closed' ? undefined : phase.worker;
}
