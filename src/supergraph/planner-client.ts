/**
 * The main thread's side of the planner thread: composition, loading and planning as promises.
 * In: SDL and documents. Out: SDL, hints, query plans; refusals as `ClientError`. Clock: per supergraph and per document.
 * It must never load Apollo's composition or planner itself: it imports their types alone.
 */
import type { QueryPlan } from '@apollo/query-planner';
import { ClientError, InternalError } from '../errors';
import { type Log, silentLog } from '../telemetry/log';
import { PlanRefusals } from './plan-refusals';
import type { PlanLimits, PlannerResponse, SubgraphSdl } from './planner-thread';
import { type OpenRequest, PlanningWorker, type PlanningWorkerOptions } from './planning-worker';
import type { Outcome } from './worker-queue';

/** The section `planner` of the configuration fits. */
export interface PlannerThreadOptions
  extends PlanLimits,
    Pick<PlanningWorkerOptions, 'timeoutMs' | 'loadTimeoutMs' | 'maxHeapBytes' | 'workerFile'> {
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
  plan(document: string, operationName?: string): Promise<QueryPlan>;
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
  readonly request: OpenRequest;
  readonly refusals: PlanRefusals;
  isClosed: boolean;
}

/** What waits behind a plan that takes longer is planned on a second thread. */
const slowAfterMs = 100;
/** The second thread, started when it is needed first, ends when it was not for so long. */
const reliefIdleMs = 60_000;

/**
 * Two threads at most: what waits behind a slow plan on one is planned on the other, so that an operation that is
 * hard to plan is not felt by others. The second one runs only while it is needed.
 */
export class PlannerThread {
  private readonly log: Log;
  private readonly primary: PlanningWorker;
  private relief: PlanningWorker | undefined;
  private reliefTimer: NodeJS.Timeout | undefined;
  private readonly generations = new Set<Generation>();
  private readonly composing = new Set<PlanningWorker>();
  private lastGenerationId = 0;

  /** Starts the thread, which loads while the caller reads its files. `close` ends it. */
  constructor(private readonly options: PlannerThreadOptions) {
    this.log = options.log ?? silentLog;
    this.primary = this.startWorker();
  }

  /** Composes subgraphs. While a supergraph is open, a thread of its own does it, so that planning goes on. */
  async compose(subgraphs: readonly SubgraphSdl[]): Promise<CompositionResult> {
    const worker = this.generations.size === 0 ? this.primary : this.startWorker();
    if (worker !== this.primary) this.composing.add(worker);
    try {
      const response = answerOf(await worker.compose(subgraphs), 'The composition');
      if (response.kind === 'composed' || response.kind === 'not-composed') return response;
      throw new InternalError(`the planner thread answered a composition with ${response.kind}`);
    } finally {
      if (this.composing.delete(worker)) await worker.shutDown();
    }
  }

  /** Loads a supergraph and keeps it open until its handle is closed. Rejects with `InvalidSupergraphError`. */
  async open(supergraphSdl: string): Promise<PlannerHandle> {
    this.lastGenerationId += 1;
    const { maxEvaluatedPlans, maxPaths, maxFetches, maxDepth } = this.options;
    const limits = { maxEvaluatedPlans, maxPaths, maxFetches, maxDepth };
    const request: OpenRequest = { kind: 'open', generationId: this.lastGenerationId, supergraphSdl, limits };
    const generation: Generation = { request, refusals: new PlanRefusals(), isClosed: false };
    try {
      const response = answerOf(await this.primary.open(request), 'Loading the supergraph');
      if (response.kind === 'not-opened')
        throw new InvalidSupergraphError(response.message, response.line, response.column);
      if (response.kind !== 'opened')
        throw new InternalError(`the planner thread answered an opening with ${response.kind}`);
      this.generations.add(generation);
      const { apiSchemaSdl, subgraphs } = response;
      return {
        apiSchemaSdl,
        subgraphs,
        plan: (document, operationName) => this.plan(generation, document, operationName),
        close: () => this.closeGeneration(generation),
      };
    } catch (error) {
      this.primary.close(request);
      throw error;
    }
  }

  /** Ends the threads at once; whatever was asked of them is rejected. */
  async close(): Promise<void> {
    this.generations.clear();
    clearTimeout(this.reliefTimer);
    const { relief } = this;
    this.relief = undefined;
    await Promise.all(
      [this.primary, ...(relief ? [relief] : []), ...this.composing].map((worker) => worker.shutDown()),
    );
  }

  private async plan(generation: Generation, document: string, operationName: string | undefined): Promise<QueryPlan> {
    if (generation.isClosed) throw new InternalError('the generation is closed');
    const key = operationName === undefined ? document : `${operationName}\n${document}`;
    const known = generation.refusals.find(key);
    if (known) throw known;
    if (this.primary.waiting + (this.relief?.waiting ?? 0) >= this.options.maxQueued) {
      throw new ClientError('QUERY_PLAN_TIMEOUT', 'Too many operations wait to be planned.');
    }
    let outcome: Outcome<PlannerResponse>;
    do {
      outcome = await this.chooseWorker().plan(generation.request, document, operationName);
    } while (outcome.kind === 'displaced');
    const planned = this.planOf(outcome);
    if (!(planned instanceof ClientError)) return planned;
    // That others were in the way says nothing about this operation.
    if (outcome.kind !== 'expired') generation.refusals.add(key, planned);
    throw planned;
  }

  /** A thread that is not stuck, the first one by preference; when both are slow, the one for which fewer wait. */
  private chooseWorker(): PlanningWorker {
    const { primary } = this;
    if (!primary.isStuck) return primary;
    if (primary.isSlow) this.relief ??= this.startRelief();
    const { relief } = this;
    if (!relief || (relief.isStuck && !relief.isSlow)) return primary;
    this.reliefTimer?.refresh();
    return relief.isStuck && relief.waiting >= primary.waiting ? primary : relief;
  }

  private startRelief(): PlanningWorker {
    const relief = this.startWorker();
    for (const { request } of this.generations) void relief.open(request);
    this.reliefTimer = setTimeout(() => this.endRelief(relief), reliefIdleMs).unref();
    return relief;
  }

  private endRelief(relief: PlanningWorker): void {
    if (!relief.isFree) {
      this.reliefTimer?.refresh();
      return;
    }
    if (this.relief === relief) this.relief = undefined;
    void relief.shutDown();
  }

  /** What waits behind a thread that is stuck goes to the one that is free. */
  private balance(): void {
    const { primary, relief } = this;
    if (!relief) {
      if (primary.isSlow && primary.waiting > 0) this.relief = this.startRelief();
      return;
    }
    if (primary.isStuck && relief.isFree) primary.displace();
    if (relief.isStuck && primary.isFree) relief.displace();
  }

  private planOf(outcome: Outcome<PlannerResponse>): QueryPlan | ClientError {
    switch (outcome.kind) {
      case 'timeout':
        return new ClientError('QUERY_PLAN_TIMEOUT', 'The operation could not be planned in time.');
      case 'expired':
      case 'displaced':
        return new ClientError('QUERY_PLAN_TIMEOUT', 'Too many operations wait to be planned.');
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

  private closeGeneration(generation: Generation): void {
    generation.isClosed = true;
    if (!this.generations.delete(generation)) return;
    this.primary.close(generation.request);
    this.relief?.close(generation.request);
  }

  private startWorker(): PlanningWorker {
    const { timeoutMs, loadTimeoutMs, maxHeapBytes, workerFile } = this.options;
    return new PlanningWorker({
      timeoutMs,
      loadTimeoutMs,
      maxHeapBytes,
      workerFile,
      slowAfterMs,
      onLost: (reason) => this.log.warn({ reason }, 'the planner thread was lost'),
      onTurn: () => this.balance(),
    });
  }
}

/** The answer to a composition or loading: everything else is a failure of the thread, not of the supergraph. */
function answerOf(outcome: Outcome<PlannerResponse>, what: string): PlannerResponse {
  switch (outcome.kind) {
    case 'answered':
      return outcome.response;
    case 'timeout':
    case 'expired':
    case 'displaced':
      throw new InternalError(`${what} took longer than planner.loadTimeoutMs.`);
    case 'crashed':
      throw new InternalError(`${what} ended the planner thread: ${outcome.reason}`);
    case 'closed':
      throw new InternalError('the planner thread is closed');
  }
}
