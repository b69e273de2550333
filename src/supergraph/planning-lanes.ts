/**
 * Plans operations on two lanes. On the quick one, a thread of each supergraph, a plan that takes long is stopped when
 * others wait; when that has happened to it twice it goes on the slow one, a thread that all share and that runs only
 * while it is needed. So an operation that is hard to plan is felt by others for some 50 ms, not for seconds.
 * Clock: per document.
 */
import type { PlannerResponse } from './planner-thread';
import type { OpenRequest, PlanningWorker } from './planning-worker';
import type { Outcome } from './worker-queue';

/** A plan that takes longer is stopped when others wait. Most take a tenth of it. */
export const slowAfterMs = 50;
/** The slow lane ends when nobody needed it for so long. */
const idleMs = 60_000;
/** An easy plan may have been slow for a reason of the thread, and would wait for seconds on the slow lane. */
const quickTurns = 2;

/** The thread on which no plan is stopped for others, of all supergraphs. */
export class SlowLane {
  private worker: PlanningWorker | undefined;
  private idleTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly start: () => PlanningWorker,
    private readonly end: (worker: PlanningWorker) => Promise<void>,
  ) {}

  /** How many plans wait, besides the one that runs. */
  get waiting(): number {
    return this.worker?.waiting ?? 0;
  }

  plan(
    supergraph: OpenRequest,
    document: string,
    overrideLabels: readonly string[],
  ): Promise<Outcome<PlannerResponse>> {
    if (!this.worker) {
      this.worker = this.start();
      this.idleTimer = setTimeout(() => this.endIfFree(), idleMs).unref();
    }
    this.idleTimer?.refresh();
    return this.worker.plan(supergraph, document, overrideLabels);
  }

  /** What was asked under that supergraph before is still planned. */
  close(supergraph: OpenRequest): void {
    this.worker?.close(supergraph);
  }

  private endIfFree(): void {
    if (!this.worker) return;
    if (!this.worker.isFree) {
      this.idleTimer?.refresh();
      return;
    }
    void this.end(this.worker);
    this.worker = undefined;
  }
}

/** The lanes of one supergraph. */
export class PlanningLanes {
  private isClosed = false;

  /** `quick`: the supergraph is open on it, and no other one that serves. */
  constructor(
    private readonly supergraph: OpenRequest,
    private quick: PlanningWorker | undefined,
    private readonly slow: SlowLane,
  ) {}

  /** How many plans wait, besides those that run. */
  get waiting(): number {
    return (this.quick?.waiting ?? 0) + this.slow.waiting;
  }

  async plan(document: string, overrideLabels: readonly string[]): Promise<Outcome<PlannerResponse>> {
    for (let turn = 0; turn < quickTurns && this.quick; turn++) {
      const outcome = await this.quick.plan(this.supergraph, document, overrideLabels);
      if (outcome.kind !== 'stopped') return outcome;
    }
    if (this.isClosed) return { kind: 'closed' };
    return this.slow.plan(this.supergraph, document, overrideLabels);
  }

  /** Gives its own thread away, where it has one left: what is planned from now on takes the slow lane. */
  giveUpQuick(): PlanningWorker | undefined {
    const { quick } = this;
    quick?.close(this.supergraph);
    this.quick = undefined;
    return quick;
  }

  /** Closes the supergraph; gives its own thread back. */
  close(): PlanningWorker | undefined {
    this.isClosed = true;
    this.slow.close(this.supergraph);
    return this.giveUpQuick();
  }
}
