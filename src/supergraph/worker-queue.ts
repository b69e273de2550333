/**
 * Runs requests in a worker thread, one at a time, so that the one that does not end or ends the worker is known.
 * A worker that was lost is replaced at once and the requests that waited run on the new one. Clock: the process.
 * It knows nothing of what the requests mean.
 */
import type { Worker } from 'node:worker_threads';

/** What the worker sends: `ready` once it has loaded, then one `answer` for each request, in order. */
export type WorkerMessage<Response> =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly id: number; readonly response: Response };

export type Outcome<Response> =
  | { readonly kind: 'answered'; readonly response: Response }
  | { readonly kind: 'timeout' }
  /** It waited too long to be worth running. */
  | { readonly kind: 'expired' }
  /** `displace` took it away before it ran. */
  | { readonly kind: 'displaced' }
  /** The worker ended while it ran this request, twice. */
  | { readonly kind: 'crashed'; readonly reason: string }
  | { readonly kind: 'closed' };

/** A request that every new worker must run before all others; `settle` is told how it went. */
export interface Restoration<Request, Response> {
  readonly request: Request;
  readonly timeoutMs: number;
  readonly settle: (outcome: Outcome<Response>) => void;
}

export interface WorkerQueueOptions<Request, Response> {
  readonly start: () => Worker;
  readonly restore: () => readonly Restoration<Request, Response>[];
  readonly onLost: (reason: string) => void;
  /** A displaceable request that has run so long is slow. */
  readonly slowAfterMs: number;
  /** `isStuck` or `isFree` has become true. */
  readonly onTurn: () => void;
}

export interface RunOptions {
  readonly place?: 'first' | 'last';
  /** Whether `displace` may take it away. */
  readonly isDisplaceable?: boolean;
}

interface Job<Request, Response> extends Restoration<Request, Response> {
  readonly id: number;
  readonly queuedAt: number;
  readonly isDisplaceable: boolean;
  crashes: number;
}

interface Running<Request, Response> {
  readonly job: Job<Request, Response>;
  readonly deadline: NodeJS.Timeout;
  readonly slowness: NodeJS.Timeout;
  isSlow: boolean;
}

type Phase<Request, Response> =
  | { readonly kind: 'down' }
  | { readonly kind: 'starting'; readonly worker: Worker }
  | { readonly kind: 'idle'; readonly worker: Worker }
  | { readonly kind: 'busy'; readonly worker: Worker; readonly running: Running<Request, Response> }
  | { readonly kind: 'closed' };

const maxCrashes = 2;

export class WorkerQueue<Request, Response> {
  private phase: Phase<Request, Response> = { kind: 'down' };
  private waiting: Job<Request, Response>[] = [];
  private lastId = 0;
  private failedStarts = 0;

  /** Starts the worker; while nothing is asked of it, it keeps no process alive. */
  constructor(private readonly options: WorkerQueueOptions<Request, Response>) {
    this.startWorker();
  }

  /** How many displaceable requests wait. */
  get waitingCount(): number {
    return this.waiting.filter(({ isDisplaceable }) => isDisplaceable).length;
  }

  /** Whether a displaceable request runs longer than it should. */
  get isSlow(): boolean {
    return this.phase.kind === 'busy' && this.phase.running.isSlow;
  }

  /** Whether what is asked now may have to wait long: for a slow request, for one of another kind, or for a worker. */
  get isStuck(): boolean {
    const { phase } = this;
    if (phase.kind === 'busy') return phase.running.isSlow || !phase.running.job.isDisplaceable;
    return phase.kind !== 'idle';
  }

  /** Whether what is asked now runs at once. */
  get isFree(): boolean {
    return this.phase.kind === 'idle' && this.waiting.length === 0;
  }

  /**
   * Runs a request after those that wait. Its time begins when it runs; then `timeout` costs the worker, and only this
   * request. One that has waited twice its time is given up without running. Never rejects.
   */
  run(
    request: Request,
    timeoutMs: number,
    { place = 'last', isDisplaceable = false }: RunOptions = {},
  ): Promise<Outcome<Response>> {
    if (this.phase.kind === 'closed') return Promise.resolve({ kind: 'closed' });
    return new Promise((settle) => {
      const job = this.createJob({ request, timeoutMs, settle }, isDisplaceable);
      if (place === 'last') this.waiting.push(job);
      else this.waiting.unshift(job);
      if (this.phase.kind === 'down') this.startWorker();
      this.runNext();
    });
  }

  /** Answers what waits and may be run elsewhere with `displaced`. */
  displace(): void {
    const displaced = this.waiting.filter(({ isDisplaceable }) => isDisplaceable);
    this.waiting = this.waiting.filter(({ isDisplaceable }) => !isDisplaceable);
    for (const job of displaced) job.settle({ kind: 'displaced' });
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
    await workerOf(phase)?.terminate();
  }

  private createJob(restoration: Restoration<Request, Response>, isDisplaceable: boolean): Job<Request, Response> {
    this.lastId += 1;
    return { ...restoration, id: this.lastId, queuedAt: performance.now(), isDisplaceable, crashes: 0 };
  }

  private startWorker(): void {
    const worker = this.options.start();
    let reason = 'it ended';
    this.phase = { kind: 'starting', worker };
    worker.on('message', (message: WorkerMessage<Response>) => this.receive(worker, message));
    worker.on('error', (error) => {
      reason = error.message;
    });
    worker.on('exit', () => this.onExit(worker, reason));
    worker.unref();
  }

  private receive(worker: Worker, message: WorkerMessage<Response>): void {
    const { phase } = this;
    // What a worker that was given up still sends is nobody's answer.
    if (workerOf(phase) !== worker) return;
    if (message.kind === 'ready') {
      this.failedStarts = 0;
      this.phase = { kind: 'idle', worker };
    } else if (phase.kind === 'busy' && phase.running.job.id === message.id) {
      stopTimers(phase.running);
      this.phase = { kind: 'idle', worker };
      phase.running.job.settle({ kind: 'answered', response: message.response });
    }
    this.runNext();
  }

  private runNext(): void {
    const { phase } = this;
    if (phase.kind === 'starting' && this.waiting.length > 0) phase.worker.ref();
    if (phase.kind !== 'idle') return;
    const job = this.nextJob();
    if (job === undefined) {
      phase.worker.unref();
      this.options.onTurn();
      return;
    }
    const running: Running<Request, Response> = {
      job,
      deadline: setTimeout(() => this.giveUp(job), job.timeoutMs),
      slowness: setTimeout(() => this.onSlow(running), this.options.slowAfterMs),
      isSlow: false,
    };
    this.phase = { kind: 'busy', worker: phase.worker, running };
    phase.worker.ref();
    phase.worker.postMessage({ id: job.id, request: job.request });
  }

  private nextJob(): Job<Request, Response> | undefined {
    for (;;) {
      const job = this.waiting.shift();
      if (job === undefined || performance.now() - job.queuedAt <= 2 * job.timeoutMs) return job;
      job.settle({ kind: 'expired' });
    }
  }

  private onSlow(running: Running<Request, Response>): void {
    running.isSlow = running.job.isDisplaceable;
    this.options.onTurn();
  }

  private giveUp(job: Job<Request, Response>): void {
    const { phase } = this;
    if (phase.kind !== 'busy' || phase.running.job !== job) return;
    stopTimers(phase.running);
    job.settle({ kind: 'timeout' });
    this.replace(`a request ran longer than ${job.timeoutMs} ms`);
    // Its exit finds another worker in its place and changes nothing.
    phase.worker.terminate().catch(() => {});
  }

  private onExit(worker: Worker, reason: string): void {
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
    this.options.onTurn();
  }
}

function stopTimers({
  deadline,
  slowness,
}: {
  readonly deadline: NodeJS.Timeout;
  readonly slowness: NodeJS.Timeout;
}): void {
  clearTimeout(deadline);
  clearTimeout(slowness);
}

function workerOf<Request, Response>(phase: Phase<Request, Response>): Worker | undefined {
  return phase.kind === 'down' || phase.kind === 'closed' ? undefined : phase.worker;
}
