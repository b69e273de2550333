/**
 * The main thread's side of the planner thread: composition, loading and planning as promises.
 * In: SDL and documents. Out: SDL, hints, query plans; refusals as `ClientError`. Clock: per supergraph and per document.
 * It must never load Apollo's composition or planner itself: it imports their types alone.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { QueryPlan } from '@apollo/query-planner';
import { ClientError, InternalError } from '../errors';
import { type Log, silentLog } from '../telemetry/log';
import type { PlanLimits, PlannerRequest, PlannerResponse, SubgraphSdl } from './planner-thread';
import { type Outcome, type Restoration, WorkerQueue } from './worker-queue';

/** The section `planner` of the configuration fits. */
export interface PlannerThreadOptions extends PlanLimits {
  /** Time for one query plan, from when it begins. */
  readonly timeoutMs: number;
  /** Time to compose, and to load a supergraph. */
  readonly loadTimeoutMs: number;
  readonly maxQueued: number;
  readonly maxHeapBytes: number;
  readonly log?: Log;
  /** For tests of what happens to the thread: another worker that speaks the same messages. */
  readonly workerFile?: string;
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

type Queue = WorkerQueue<PlannerRequest, PlannerResponse>;
type OpenRequest = Extract<PlannerRequest, { kind: 'open' }>;

interface Generation {
  readonly request: OpenRequest;
  /** `lost`: a replaced thread could not open it; the next plan tries again. */
  phase: 'open' | 'lost' | 'closed';
  reopening?: Promise<void> | undefined;
}

export class PlannerThread {
  private readonly log: Log;
  private readonly planning: Queue;
  private readonly generations = new Set<Generation>();
  private readonly composing = new Set<Queue>();
  private lastGenerationId = 0;

  /** Starts the thread, which loads while the caller reads its files. `close` ends it. */
  constructor(private readonly options: PlannerThreadOptions) {
    this.log = options.log ?? silentLog;
    this.planning = this.startQueue();
  }

  /** Composes subgraphs. While a supergraph is open, a thread of its own does it, so that planning goes on. */
  async compose(subgraphs: readonly SubgraphSdl[]): Promise<CompositionResult> {
    const queue = this.generations.size === 0 ? this.planning : this.startQueue();
    if (queue !== this.planning) this.composing.add(queue);
    try {
      const response = answerOf(
        await queue.run({ kind: 'compose', subgraphs }, this.options.loadTimeoutMs),
        'The composition',
      );
      if (response.kind === 'composed' || response.kind === 'not-composed') return response;
      throw new InternalError(`the planner thread answered a composition with ${response.kind}`);
    } finally {
      if (this.composing.delete(queue)) await queue.close();
    }
  }

  /** Loads a supergraph and keeps it open until its handle is closed. Rejects with `InvalidSupergraphError`. */
  async open(supergraphSdl: string): Promise<PlannerHandle> {
    this.lastGenerationId += 1;
    const { maxEvaluatedPlans, maxFetches, maxDepth } = this.options;
    const limits = { maxEvaluatedPlans, maxFetches, maxDepth };
    const request: OpenRequest = { kind: 'open', generationId: this.lastGenerationId, supergraphSdl, limits };
    const response = answerOf(await this.planning.run(request, this.options.loadTimeoutMs), 'Loading the supergraph');
    if (response.kind === 'not-opened')
      throw new InvalidSupergraphError(response.message, response.line, response.column);
    if (response.kind !== 'opened')
      throw new InternalError(`the planner thread answered an opening with ${response.kind}`);
    const generation: Generation = { request, phase: 'open' };
    this.generations.add(generation);
    const { apiSchemaSdl, subgraphs } = response;
    return {
      apiSchemaSdl,
      subgraphs,
      plan: (document, operationName) => this.plan(generation, document, operationName),
      close: () => this.closeGeneration(generation),
    };
  }

  /** Ends the thread at once; whatever was asked of it is rejected. */
  async close(): Promise<void> {
    this.generations.clear();
    await Promise.all([this.planning, ...this.composing].map((queue) => queue.close()));
  }

  private async plan(generation: Generation, document: string, operationName: string | undefined): Promise<QueryPlan> {
    if (generation.phase === 'closed') throw new InternalError('the generation is closed');
    if (this.planning.size >= this.options.maxQueued) {
      throw new ClientError('QUERY_PLAN_TIMEOUT', 'Too many operations wait to be planned.');
    }
    if (generation.phase === 'lost') await this.reopen(generation);
    const { generationId } = generation.request;
    return this.planOf(
      await this.planning.run({ kind: 'plan', generationId, document, operationName }, this.options.timeoutMs),
    );
  }

  private async reopen(generation: Generation): Promise<void> {
    generation.reopening ??= this.planning
      .run(generation.request, this.options.loadTimeoutMs, 'first')
      .then((outcome) => {
        generation.reopening = undefined;
        setPhase(generation, outcome);
      });
    await generation.reopening;
  }

  private planOf(outcome: Outcome<PlannerResponse>): QueryPlan {
    if (outcome.kind === 'timeout')
      throw new ClientError('QUERY_PLAN_TIMEOUT', 'The operation could not be planned in time.');
    if (outcome.kind === 'closed') throw new InternalError('the planner thread is closed');
    if (outcome.kind === 'crashed') return this.refuse(outcome.reason);
    const { response } = outcome;
    if (response.kind === 'planned') return JSON.parse(response.plan) as QueryPlan;
    if (response.kind !== 'not-planned')
      throw new InternalError(`the planner thread answered a plan with ${response.kind}`);
    if (response.code === 'QUERY_PLAN_TOO_LARGE') throw new ClientError(response.code, response.message);
    return this.refuse(response.message);
  }

  /** The planner's own words name subgraphs: they are for the log. */
  private refuse(reason: string): never {
    this.log.error({ code: 'QUERY_PLAN_FAILED', reason }, 'an operation could not be planned');
    throw new ClientError('QUERY_PLAN_FAILED', 'No query plan answers this operation.');
  }

  private closeGeneration(generation: Generation): void {
    generation.phase = 'closed';
    if (!this.generations.delete(generation)) return;
    const { generationId } = generation.request;
    void this.planning.run({ kind: 'close', generationId }, this.options.loadTimeoutMs);
  }

  private startQueue(): Queue {
    const queue: Queue = new WorkerQueue({
      start: () => startWorker(this.options),
      restore: () => (queue === this.planning ? this.restorations() : []),
      onLost: (reason) => this.log.warn({ reason }, 'the planner thread was lost'),
    });
    return queue;
  }

  private restorations(): Restoration<PlannerRequest, PlannerResponse>[] {
    const { loadTimeoutMs: timeoutMs } = this.options;
    return [...this.generations]
      .filter(({ phase }) => phase === 'open')
      .map((generation) => ({
        request: generation.request,
        timeoutMs,
        settle: (outcome) => setPhase(generation, outcome),
      }));
  }
}

function setPhase(generation: Generation, outcome: Outcome<PlannerResponse>): void {
  if (generation.phase === 'closed') return;
  generation.phase = outcome.kind === 'answered' && outcome.response.kind === 'opened' ? 'open' : 'lost';
}

function startWorker({ maxHeapBytes, workerFile }: PlannerThreadOptions): Worker {
  // The extension of this file tells whether compiled code runs, or the sources through tsx or jest.
  const isSource = __filename.endsWith('.ts');
  const file = workerFile ?? join(__dirname, `planner-thread.${isSource ? 'ts' : 'js'}`);
  return new Worker(file, {
    execArgv: isSource ? ['--require', require.resolve('tsx/cjs')] : [],
    env: { APOLLO_TELEMETRY_DISABLED: 'true' },
    resourceLimits: { maxOldGenerationSizeMb: Math.ceil(maxHeapBytes / 1_000_000) },
  });
}

/** The answer to a composition or loading: everything else is a failure of the thread, not of the supergraph. */
function answerOf(outcome: Outcome<PlannerResponse>, what: string): PlannerResponse {
  switch (outcome.kind) {
    case 'answered':
      return outcome.response;
    case 'timeout':
      throw new InternalError(`${what} took longer than planner.loadTimeoutMs.`);
    case 'crashed':
      throw new InternalError(`${what} ended the planner thread: ${outcome.reason}`);
    case 'closed':
      throw new InternalError('the planner thread is closed');
  }
}
