/**
 * One supergraph, made ready: API schema, planner handle, engine, documents, connections to its subgraphs. Immutable:
 * a reload makes another one. Every operation runs wholly under one generation and holds a lease on it; a retired one
 * closes with its last lease. In: supergraph SDL and what `gateway.ts` hands in. Clock: per supergraph.
 */
import { createHash } from 'node:crypto';
import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { DocumentNode, GraphQLSchema } from 'graphql';
import { ClientError, InternalError } from '../errors';
import {
  type DocumentOptions,
  type Operation,
  type Refused,
  selectOperation,
  type ValidDocument,
} from '../operation/document';
import { DocumentCache } from '../operation/document-cache';
import { OperationFacts } from '../operation/facts';
import type { CreatePolicies, Policies } from '../policy/admission';
import type { CachePolicies, CacheSubject } from '../policy/cache-policies';
import { type Answer, Engine, type EngineLimits } from '../query-plan/engine';
import type { ResponseCache } from '../query-plan/response-cache';
import type { SharedExecutions } from '../query-plan/shared-executions';
import type { FindSubgraphSource, SubgraphCall } from '../query-plan/subgraph-call';
import { Slices } from '../slices';
import type { CacheState, OperationPhase } from '../telemetry/metrics';
import { type OverrideDependencies, OverrideLabels } from './override-labels';
import { type SharedPlansOptions, sharePlans } from './plan-store';
import type { PlannerHandle, PlannerThread } from './planner-client';
import { buildValidSchema, parseSdl } from './sliced-schema';
import { readSupergraphTypes, readTagged } from './supergraph-types';

/** The transport of one generation, as `src/subgraph/` makes it. */
export interface GenerationTransport {
  readonly call: SubgraphCall;
  readonly findSource: FindSubgraphSource;
  close(): Promise<void>;
  destroy(): Promise<void>;
}

export interface GenerationOptions<Transport extends GenerationTransport> {
  readonly planner: PlannerThread;
  readonly engineLimits: EngineLimits;
  readonly documentOptions: DocumentOptions;
  /** Validated documents that are kept, in bytes of memory (estimated). */
  readonly documentCacheMaxBytes: number;
  /** Queries under way, for identical ones to join; absent when that is switched off. */
  readonly sharedQueries: SharedExecutions<Answer> | undefined;
  /** Where plans are shared with other gateways; absent when each plans for itself. */
  readonly sharedPlans: SharedPlansOptions | undefined;
  readonly createPolicies: CreatePolicies;
  readonly createCaching: (subject: CacheSubject) => Caching | undefined;
  readonly overrides: OverrideDependencies;
  /** Told how long each step of an operation took. */
  readonly onPhase?: ((phase: OperationPhase, seconds: number) => void) | undefined;
  readonly createTransport: (subgraphs: readonly { readonly name: string; readonly url: string }[]) => Transport;
}

/** Which answers may be kept, and where they are. */
export interface Caching {
  readonly policies: CachePolicies;
  readonly responses: ResponseCache;
}

/** An operation that is asked often, in a form that another generation can prepare. */
export interface HotOperation {
  readonly source: string;
  readonly operationName: string | undefined;
  /** As in `CheckedVariables`. */
  readonly conditions: string;
  readonly uses: number;
}

/** `serving` -> `draining` (retired, leases are left) -> `closed`. */
type Phase = 'serving' | 'draining' | 'closed';

export class Generation<Transport extends GenerationTransport = GenerationTransport> {
  readonly sharedQueries: SharedExecutions<Answer> | undefined;
  private readonly onPhase: GenerationOptions<Transport>['onPhase'];
  private phase: Phase = 'serving';
  private leases = 0;
  private drainTimer: NodeJS.Timeout | undefined;
  /** When it is closed and everything is given back. */
  readonly gone: Promise<void>;
  private settleGone: () => void = () => {};

  private constructor(
    /** The first characters of the SDL's SHA-256. */
    readonly id: string,
    readonly supergraphSdl: string,
    readonly apiSchema: GraphQLSchema,
    readonly engine: Engine,
    readonly transport: Transport,
    private readonly plannerHandle: PlannerHandle,
    /** Undefined when everybody may do everything. */
    readonly policies: Policies | undefined,
    /** Undefined when no answer may be kept. */
    readonly caching: Caching | undefined,
    /** Undefined when no override is progressive. */
    readonly overrides: OverrideLabels | undefined,
    private readonly documents: DocumentCache,
    /** Coordinates with `@tag(name: "pii")`, of fields or of whole types: nothing tells that they were asked. */
    readonly personal: ReadonlySet<string>,
    options: GenerationOptions<Transport>,
  ) {
    this.sharedQueries = options.sharedQueries;
    this.onPhase = options.onPhase;
    this.gone = new Promise((resolve) => {
      this.settleGone = resolve;
    });
  }

  /** Opens a supergraph on the planner thread and builds everything on it. Rejects when it cannot be served. */
  static async open<Transport extends GenerationTransport>(
    supergraphSdl: string,
    options: GenerationOptions<Transport>,
  ): Promise<Generation<Transport>> {
    const plannerHandle = await options.planner.open(supergraphSdl);
    try {
      return await Generation.build(supergraphSdl, plannerHandle, options);
    } catch (error) {
      plannerHandle.close();
      throw error;
    }
  }

  private static async build<Transport extends GenerationTransport>(
    sdl: string,
    plannerHandle: PlannerHandle,
    options: GenerationOptions<Transport>,
  ): Promise<Generation<Transport>> {
    const { subgraphs } = plannerHandle;
    const slices = new Slices();
    // A large supergraph takes time; requests under the generation that serves need not wait for all of it.
    const apiSchema = await slices.run(buildValidSchema(plannerHandle.apiSchemaSdl));
    const supergraph = await slices.run(parseSdl(sdl));
    const types = await slices.run(readSupergraphTypes(supergraph));
    await yieldToOthers();
    const planner = options.sharedPlans
      ? sharePlans(plannerHandle, { sdl, subgraphs }, options.sharedPlans)
      : plannerHandle;
    const engine = new Engine({
      apiSchema,
      types,
      planner,
      limits: options.engineLimits,
      slices,
      onPhase: options.onPhase,
    });
    await yieldToOthers();
    const { documentOptions, documentCacheMaxBytes } = options;
    const documents = new DocumentCache(apiSchema, documentOptions, documentCacheMaxBytes, slices);
    const id = createHash('sha256').update(sdl).digest('hex').slice(0, 12);
    const subject = { supergraph, apiSchema, facts: new OperationFacts(apiSchema), slices };
    await yieldToOthers();
    const policies = options.createPolicies(subject);
    await yieldToOthers();
    const isProtected = policies?.isProtected ?? (() => false);
    const caching = options.createCaching({ ...subject, isProtected });
    await yieldToOthers();
    const overrides = OverrideLabels.read(supergraph, options.overrides);
    await yieldToOthers();
    const personal = readTagged(supergraph, 'pii');
    const transport = options.createTransport(subgraphs);
    return new Generation(
      id,
      sdl,
      apiSchema,
      engine,
      transport,
      plannerHandle,
      policies,
      caching,
      overrides,
      documents,
      personal,
      options,
    );
  }

  /** Tells of a step that began then; answers the time now. */
  phaseEnded(phase: OperationPhase, startedAt: number): number {
    const now = performance.now();
    this.onPhase?.(phase, (now - startedAt) / 1_000);
    return now;
  }

  get subgraphNames(): readonly string[] {
    return this.plannerHandle.subgraphs.map(({ name }) => name);
  }

  /** Parses, limits and validates `source`, once as long as it is remembered. */
  readDocument(source: string): ValidDocument | Refused {
    return this.documents.read(source);
  }

  /** Reads a long new document in slices, ahead of `readDocument`; undefined when there is nothing to wait for. */
  readAhead(source: string): Promise<void> | undefined {
    return this.documents.readAhead(source);
  }

  /** The same for a document that the host has parsed, by its text where there is one. */
  adoptDocument(document: DocumentNode, source: string | undefined): ValidDocument | Refused {
    return this.documents.adopt(document, source);
  }

  /** The text of the document that an operation is part of, where it is known. */
  sourceOf(operation: Operation): string | undefined {
    return this.documents.textOf(operation);
  }

  /** By name. */
  get caches(): Readonly<Record<'documents' | 'plans', CacheState>> {
    return { documents: this.documents.state, plans: this.engine.planCache };
  }

  /** Everything is read and planned anew when it is asked next. */
  flushCaches(): void {
    this.documents.flush();
    this.engine.flush();
  }

  /** What is asked most, that first. */
  hotOperations(limit: number): HotOperation[] {
    return this.engine.mostUsed(limit).flatMap(({ operation, conditions, uses }) => {
      const source = this.sourceOf(operation);
      return source === undefined ? [] : [{ source, operationName: operation.name, conditions, uses }];
    });
  }

  /**
   * Validates and prepares what another generation was asked most, one after the other, so that new operations of
   * others are planned in between. What this schema does not allow is left out. Resolves with how many are ready.
   */
  async warm(operations: readonly HotOperation[], withinMs: number): Promise<number> {
    const endsAt = performance.now() + withinMs;
    let ready = 0;
    for (const operation of operations) {
      const leftMs = endsAt - performance.now();
      if (leftMs <= 0) break;
      if (await withTimeout(this.warmOne(operation), leftMs)) ready += 1;
      await yieldToOthers();
    }
    return ready;
  }

  private async warmOne({ source, operationName, conditions, uses }: HotOperation): Promise<boolean> {
    const document = this.readDocument(source);
    if (document.kind === 'refused') return false;
    const operation = selectOperation(document, operationName);
    if (operation instanceof ClientError || operation.type === 'subscription') return false;
    try {
      // What was asked long ago counts less with each generation.
      await this.engine.warm(operation, conditions, Math.floor(uses / 2));
      return true;
    } catch {
      return false;
    }
  }

  /** Whether nothing can run under it any more. */
  get isClosed(): boolean {
    return this.phase === 'closed';
  }

  /** Takes a lease: until `release` is called as often, the generation stays. It must not be closed. */
  acquire(): void {
    if (this.phase === 'closed') throw new InternalError('an operation began under a closed generation');
    this.leases += 1;
  }

  release(): void {
    this.leases -= 1;
    if (this.leases === 0 && this.phase === 'draining') this.close();
  }

  /**
   * Closes with the last lease, or after `withinMs`, whatever still runs. Resolves when everything is given back.
   * Called again, its time begins anew.
   */
  retire(withinMs: number): Promise<void> {
    if (this.phase === 'serving') {
      this.phase = 'draining';
      this.plannerHandle.retire();
    }
    clearTimeout(this.drainTimer);
    this.drainTimer = setTimeout(() => this.destroy(), withinMs).unref();
    if (this.leases === 0 && this.phase === 'draining') this.close();
    return this.gone;
  }

  private close(): void {
    this.phase = 'closed';
    this.plannerHandle.close();
    const finish = () => this.finish();
    void this.transport.close().then(finish, finish);
  }

  private destroy(): void {
    this.phase = 'closed';
    this.plannerHandle.close();
    const finish = () => this.finish();
    void this.transport.destroy().then(finish, finish);
  }

  private finish(): void {
    clearTimeout(this.drainTimer);
    this.settleGone();
  }
}

/** Whether `work` brings true within that time; it goes on if it does not. */
async function withTimeout(work: Promise<boolean>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const elapsed = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  try {
    return await Promise.race([work, elapsed]);
  } finally {
    clearTimeout(timer);
  }
}
