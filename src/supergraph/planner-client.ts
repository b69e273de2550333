/**
 * The main thread's side of the planner threads: composition, loading and planning as promises.
 * In: SDL and documents. Out: SDL, hints, query plans; refusals as `ClientError`. Clock: per supergraph and per document.
 * It must never load Apollo's composition or planner itself: it imports their types alone.
 */
import type { QueryPlan } from '@apollo/query-planner';
import { ClientError, InternalError } from '../errors';
import { planKey } from '../query-plan/operation-planner';
import { type Log, silentLog } from '../telemetry/log';
import { PlanRefusals } from './plan-refusals';
import type { PlanLimits, PlannerResponse, SubgraphSdl } from './planner-thread';
import { PlanningLanes, SlowLane, slowAfterMs } from './planning-lanes';
import { type OpenRequest, PlanningWorker, type PlanningWorkerOptions } from './planning-worker';
import type { Outcome } from './worker-queue';

/** The section `planner` of the configuration fits. */
export interface PlannerThreadOptions
  extends PlanLimits,
    Pick<PlanningWorkerOptions, 'timeoutMs' | 'loadTimeoutMs' | 'maxHeapBytes' | 'workerFile'> {
  /** Names that `@rateLimit(tier:)` may have in subgraphs that are composed; absent: any. */
  readonly rateLimitTiers?: readonly string[] | undefined;
  readonly maxQueued: number;
  readonly log?: Log;
}

export type CompositionResult = Extract<PlannerResponse, { kind: 'composed' | 'not-composed' }>;

/** A supergraph that is open for planning. */
export interface PlannerHandle {
  /** With descriptions and deprecations, without anything inaccessible. */
  readonly apiSchemaSdl: string;
  readonly subgraphs: readonly { readonly name: string; readonly url: string }[];
  /** Rejects with `QUERY_PLAN_FAILED`, `QUERY_PLAN_TIMEOUT` or `QUERY_PLAN_TOO_LARGE`. The document is valid already. */
  plan(document: string, overrideLabels?: readonly string[]): Promise<QueryPlan>;
  /** Another supergraph serves from now on: the next one that is opened may take its thread. */
  retire(): void;
  close(): void;
}

/** A text that is not a supergraph; the position, where there is one, is in that text. */
export class InvalidSupergraphError extends Error {
  constructor(
    message: string,
    readonly line: number | undefined,
    readonly column: number | undefined,
  ) {
    super(message);
  }
}

interface Generation {
  readonly lanes: PlanningLanes;
  readonly refusals: PlanRefusals;
  phase: 'open' | 'retired' | 'closed';
}

/** A thread that nobody needs is kept so long: it has loaded what takes most of the time to open a supergraph. */
const spareMs = 60_000;

/**
 * A thread for the supergraph that serves and one for the next, so that what loads, composes or drains is in nobody's
 * way, and one for all operations that are hard to plan. The threads of supergraphs that were replaced are used again.
 */
export class PlannerThread {
  private readonly log: Log;
  private readonly workers = new Set<PlanningWorker>();
  /** A thread on which no supergraph is open. */
  private spare: PlanningWorker | undefined;
  private spareTimer: NodeJS.Timeout | undefined;
  private readonly slowLane: SlowLane;
  /** Those that are open, in the order of opening. */
  private readonly generations = new Set<Generation>();
  private lastGenerationId = 0;
  private isClosed = false;
  /** See the option: another configuration may know others. */
  rateLimitTiers: readonly string[] | undefined;

  /** Starts a thread, which loads while the caller reads its files. `close` ends it. */
  constructor(private readonly options: PlannerThreadOptions) {
    this.log = options.log ?? silentLog;
    this.rateLimitTiers = options.rateLimitTiers;
    this.slowLane = new SlowLane(
      () => this.startWorker(undefined),
      (worker) => this.endWorker(worker),
    );
    this.spare = this.startWorker(slowAfterMs);
  }

  /** Composes subgraphs, without holding up the planning of open supergraphs. */
  async compose(subgraphs: readonly SubgraphSdl[]): Promise<CompositionResult> {
    const worker = this.takeThread();
    try {
      const response = answerOf(await worker.compose(subgraphs, this.rateLimitTiers), 'The composition');
      if (response.kind === 'composed' || response.kind === 'not-composed') return response;
      throw new InternalError(`the planner thread answered a composition with ${response.kind}`);
    } finally {
      this.keepSpare(worker);
    }
  }

  /** Loads a supergraph and keeps it open until its handle is closed. Rejects with `InvalidSupergraphError`. */
  async open(supergraphSdl: string): Promise<PlannerHandle> {
    this.lastGenerationId += 1;
    const { maxEvaluatedPlans, maxPaths, maxFetches, maxDepth } = this.options;
    const limits = { maxEvaluatedPlans, maxPaths, maxFetches, maxDepth };
    const request: OpenRequest = { kind: 'open', generationId: this.lastGenerationId, supergraphSdl, limits };
    const quick = this.takeThread();
    try {
      const response = answerOf(await quick.open(request), 'Loading the supergraph');
      if (response.kind === 'not-opened')
        throw new InvalidSupergraphError(response.message, response.line, response.column);
      if (response.kind !== 'opened')
        throw new InternalError(`the planner thread answered an opening with ${response.kind}`);
      const lanes = new PlanningLanes(request, quick, this.slowLane);
      return this.handleOf({ lanes, refusals: new PlanRefusals(), phase: 'open' }, response);
    } catch (error) {
      quick.close(request);
      this.keepSpare(quick);
      throw error;
    }
  }

  private handleOf(
    generation: Generation,
    { apiSchemaSdl, subgraphs }: Extract<PlannerResponse, { kind: 'opened' }>,
  ): PlannerHandle {
    this.generations.add(generation);
    return {
      apiSchemaSdl,
      subgraphs,
      plan: (document, overrideLabels = []) => this.plan(generation, document, overrideLabels),
      retire: () => {
        if (generation.phase === 'open') generation.phase = 'retired';
      },
      close: () => this.closeGeneration(generation),
    };
  }

  private closeGeneration(generation: Generation): void {
    generation.phase = 'closed';
    if (!this.generations.delete(generation)) return;
    const thread = generation.lanes.close();
    if (thread) this.keepSpare(thread);
  }

  /** Ends the threads at once; whatever was asked of them is rejected. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.spareTimer);
    this.generations.clear();
    await Promise.all([...this.workers].map((worker) => this.endWorker(worker)));
  }

  private async plan(generation: Generation, document: string, overrideLabels: readonly string[]): Promise<QueryPlan> {
    if (generation.phase === 'closed') throw new InternalError('the generation is closed');
    const key = planKey(document, overrideLabels);
    const known = generation.refusals.find(key);
    if (known) throw known;
    if (generation.lanes.waiting >= this.options.maxQueued) throw tooManyWait();
    const outcome = await generation.lanes.plan(document, overrideLabels);
    const planned = this.planOf(outcome);
    if (!(planned instanceof ClientError)) return planned;
    // That others were in the way says nothing about this operation.
    if (outcome.kind !== 'expired') generation.refusals.add(key, planned);
    throw planned;
  }

  private planOf(outcome: Outcome<PlannerResponse>): QueryPlan | ClientError {
    switch (outcome.kind) {
      case 'timeout':
        return new ClientError('QUERY_PLAN_TIMEOUT', 'The operation could not be planned in time.');
      case 'expired':
        return tooManyWait();
      case 'stopped':
        throw new InternalError('a plan was stopped on the slow lane');
      case 'closed':
        throw new InternalError('the planner thread is closed');
      case 'crashed':
        return this.failed(outcome.reason);
      case 'answered':
        return this.planIn(outcome.response);
    }
  }

  private planIn(response: PlannerResponse): QueryPlan | ClientError {
    if (response.kind === 'planned') return JSON.parse(response.plan) as QueryPlan;
    if (response.kind !== 'not-planned')
      throw new InternalError(`the planner thread answered a plan with ${response.kind}`);
    if (response.code === 'QUERY_PLAN_TOO_LARGE') return new ClientError(response.code, response.message);
    return this.failed(response.message);
  }

  /** The planner's own words name subgraphs: they are for the log. */
  private failed(reason: string): ClientError {
    this.log.error({ code: 'QUERY_PLAN_FAILED', reason }, 'an operation could not be planned');
    return new ClientError('QUERY_PLAN_FAILED', 'No query plan answers this operation.');
  }

  /** A thread for a supergraph: of three at most, since those that were replaced need none of their own. */
  private takeThread(): PlanningWorker {
    return this.takeSpare() ?? this.takeFromRetired() ?? this.startWorker(slowAfterMs);
  }

  private takeFromRetired(): PlanningWorker | undefined {
    for (const { phase, lanes } of this.generations) {
      const thread = phase === 'retired' ? lanes.giveUpQuick() : undefined;
      if (thread) return thread;
    }
    return undefined;
  }

  private takeSpare(): PlanningWorker | undefined {
    clearTimeout(this.spareTimer);
    const { spare } = this;
    this.spare = undefined;
    return spare;
  }

  /** Keeps a thread for the next supergraph; for a while only, when there are others. */
  private keepSpare(worker: PlanningWorker): void {
    if (this.spare || this.isClosed) {
      void this.endWorker(worker);
      return;
    }
    this.spare = worker;
    if (this.generations.size === 0) return;
    this.spareTimer = setTimeout(() => {
      const unused = this.takeSpare();
      if (unused) void this.endWorker(unused);
    }, spareMs).unref();
  }

  private startWorker(slow: number | undefined): PlanningWorker {
    const { timeoutMs, loadTimeoutMs, maxHeapBytes, workerFile } = this.options;
    const worker = new PlanningWorker({
      timeoutMs,
      loadTimeoutMs,
      maxHeapBytes,
      workerFile,
      slowAfterMs: slow,
      onLost: (reason) => this.log.warn({ reason }, 'the planner thread was lost'),
    });
    if (this.isClosed) void worker.shutDown();
    else this.workers.add(worker);
    return worker;
  }

  private async endWorker(worker: PlanningWorker): Promise<void> {
    this.workers.delete(worker);
    await worker.shutDown();
  }
}

function tooManyWait(): ClientError {
  return new ClientError('QUERY_PLAN_TIMEOUT', 'Too many operations wait to be planned.');
}

/** The answer to a composition or loading: everything else is a failure of the thread, not of the supergraph. */
function answerOf(outcome: Outcome<PlannerResponse>, what: string): PlannerResponse {
  switch (outcome.kind) {
    case 'answered':
      return outcome.response;
    case 'timeout':
    case 'expired':
    case 'stopped':
      throw new InternalError(`${what} took longer than planner.loadTimeoutMs.`);
    case 'crashed':
      throw new InternalError(`${what} ended the planner thread: ${outcome.reason}`);
    case 'closed':
      throw new InternalError('the planner thread is closed');
  }
}
