/**
 * One planner thread and the supergraphs that are open on it. A thread that was lost is replaced, and its supergraphs
 * are opened again before anything else runs. Clock: the process.
 * It must never load Apollo's composition or planner itself: it imports their types alone.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { PlannerRequest, PlannerResponse, SubgraphSdl } from './planner-thread';
import { type Outcome, type Restoration, type StoppableWorker, WorkerQueue } from './worker-queue';

export interface PlanningWorkerOptions {
  /** Time for one query plan, from when it begins. */
  readonly timeoutMs: number;
  /** Time to compose, and to load a supergraph. */
  readonly loadTimeoutMs: number;
  readonly maxHeapBytes: number;
  /** A plan that takes longer is stopped when others wait; absent: none is. */
  readonly slowAfterMs: number | undefined;
  /** For tests of what happens to the thread: another worker that speaks the same messages. */
  readonly workerFile?: string | undefined;
  readonly onLost: (reason: string) => void;
}

export type OpenRequest = Extract<PlannerRequest, { kind: 'open' }>;
type PlannerOutcome = Outcome<PlannerResponse>;

export class PlanningWorker {
  private readonly queue: WorkerQueue<PlannerRequest, PlannerResponse>;
  /** Supergraphs by the request that opens them. `lost`: a replaced thread could not; the next plan tries again. */
  private readonly supergraphs = new Map<OpenRequest, 'open' | 'lost'>();
  private readonly opening = new Map<OpenRequest, Promise<PlannerOutcome>>();

  /** Starts the thread. `shutDown` ends it. */
  constructor(private readonly options: PlanningWorkerOptions) {
    this.queue = new WorkerQueue({
      start: () => startWorker(options),
      restore: () => this.restorations(),
      onLost: options.onLost,
      slowAfterMs: options.slowAfterMs,
    });
  }

  /** How many plans wait, besides the one that runs. */
  get waiting(): number {
    return this.queue.waitingCount;
  }

  /** Whether nothing is asked of it. */
  get isFree(): boolean {
    return this.queue.isFree;
  }

  /** `tiers`: see `findPolicyIssues`. */
  compose(subgraphs: readonly SubgraphSdl[], tiers: readonly string[] | undefined): Promise<PlannerOutcome> {
    return this.queue.run({ kind: 'compose', subgraphs, tiers }, this.options.loadTimeoutMs);
  }

  /** Loads a supergraph and keeps it open until `close`; concurrent calls share the work. */
  open(request: OpenRequest, place: 'first' | 'last' = 'last'): Promise<PlannerOutcome> {
    if (!this.supergraphs.has(request)) this.supergraphs.set(request, 'lost');
    let opening = this.opening.get(request);
    if (!opening) {
      opening = this.queue.run(request, this.options.loadTimeoutMs, { place }).then((outcome) => {
        this.opening.delete(request);
        this.settle(request, outcome);
        return outcome;
      });
      this.opening.set(request, opening);
    }
    return opening;
  }

  /** Plans an operation of a supergraph, which is opened first if need be; `stopped` when it is closed meanwhile. */
  async plan(supergraph: OpenRequest, document: string, overrideLabels: readonly string[]): Promise<PlannerOutcome> {
    if (this.supergraphs.get(supergraph) !== 'open') await this.open(supergraph, 'first');
    if (!this.supergraphs.has(supergraph)) return { kind: 'stopped' };
    const { generationId } = supergraph;
    const request: PlannerRequest = { kind: 'plan', generationId, document, overrideLabels };
    return this.queue.run(request, this.options.timeoutMs, { isStoppable: true });
  }

  close(supergraph: OpenRequest): void {
    if (this.supergraphs.get(supergraph) === 'open') this.closeOnThread(supergraph);
    this.supergraphs.delete(supergraph);
  }

  private closeOnThread({ generationId }: OpenRequest): void {
    void this.queue.run({ kind: 'close', generationId }, this.options.loadTimeoutMs);
  }

  private settle(request: OpenRequest, outcome: PlannerOutcome): void {
    const isOpen = outcome.kind === 'answered' && outcome.response.kind === 'opened';
    if (this.supergraphs.has(request)) this.supergraphs.set(request, isOpen ? 'open' : 'lost');
    else if (isOpen) this.closeOnThread(request);
  }

  /** Ends the thread at once; whatever was asked of it is answered `closed`. */
  async shutDown(): Promise<void> {
    this.supergraphs.clear();
    await this.queue.close();
  }

  private restorations(): Restoration<PlannerRequest, PlannerResponse>[] {
    const { loadTimeoutMs: timeoutMs } = this.options;
    return [...this.supergraphs]
      .filter(([, phase]) => phase === 'open')
      .map(([request]) => ({ request, timeoutMs, settle: (outcome) => this.settle(request, outcome) }));
  }
}

function startWorker({ maxHeapBytes, workerFile }: PlanningWorkerOptions): StoppableWorker {
  // The extension of this file tells whether compiled code runs, or the sources through tsx or jest.
  const isSource = __filename.endsWith('.ts');
  const file = workerFile ?? join(__dirname, `planner-thread.${isSource ? 'ts' : 'js'}`);
  const memory = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const signal = new Int32Array(memory);
  const thread = new Worker(file, {
    workerData: memory,
    execArgv: isSource ? ['--require', require.resolve('tsx/cjs')] : [],
    env: { APOLLO_TELEMETRY_DISABLED: 'true' },
    resourceLimits: { maxOldGenerationSizeMb: Math.ceil(maxHeapBytes / 1_000_000) },
  });
  return { thread, stop: (id) => void Atomics.store(signal, 0, id) };
}
