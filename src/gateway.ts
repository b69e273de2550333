/**
 * The only joining place: planner thread, generations, transports and the pipeline become one gateway object.
 * In: a supergraph and configuration, both values; nothing is read here. Out: a `GatewayInterface` for Apollo Server,
 * and the same way open to our own doors. Clock: per process.
 */
import { randomUUID } from 'node:crypto';
import type {
  GatewayExecutor,
  GatewayInterface,
  GatewayLoadResult,
  GatewaySchemaLoadOrUpdateCallback,
  GatewayUnsubscriber,
} from '@apollo/server-gateway-interface';
import { type ExecutionResult, GraphQLError, type GraphQLSchema } from 'graphql';
import { type Config, createConfig, subgraphSettings } from './config';
import { openDeadline } from './context/deadline';
import { anonymous, type RequestContext } from './context/request-context';
import { type ErrorCode, errorTable, InternalError } from './errors';
import type { Refused } from './operation/document';
import type { RawVariables } from './operation/variables';
import {
  answerOperation,
  executeOperation,
  type PreparedRequest,
  prepareDocument,
  prepareSource,
  renewPrepared,
} from './pipeline';
import type { Answer } from './query-plan/engine';
import { SharedExecutions } from './query-plan/shared-executions';
import { openRedis, type RedisConnection } from './redis';
import type { CallRecord } from './subgraph/call';
import { createSubgraphTransport, defaultTransportOptions, type SubgraphTransport } from './subgraph/pools';
import { Generation } from './supergraph/generation';
import { PlannerThread } from './supergraph/planner-client';
import { createLog, type Log } from './telemetry/log';

export interface GatewayOptions {
  /** A composed supergraph, as `supergate compose` or `rover supergraph compose` writes it. */
  readonly supergraph: { readonly sdl: string };
  /** From `createConfig` or `loadConfig`; without it, every default. */
  readonly config?: Config;
  /** Headers for subgraphs when Apollo Server calls, from the context value its `context` function made. */
  readonly subgraphHeaders?: (contextValue: unknown) => Readonly<Record<string, string>>;
}

/** What the gateway works with; every part has a real default. */
export interface GatewayDependencies {
  readonly log?: Log;
  /** A planner thread that is running already. The gateway closes it when it stops. */
  readonly planner?: PlannerThread;
  /** A connection that is there already, instead of the configured one. The gateway closes it when it stops. */
  readonly redis?: RedisConnection;
  /**
   * Names of the headers that every subgraph gets; of all others in `subgraphHeaders` each gets what its
   * `forwardHeaders` name. Without it, every subgraph gets all of them.
   */
  readonly ownHeaders?: readonly string[];
  /** Headers of the gateway's own calls to subgraphs: is it there? */
  readonly subgraphHealthHeaders?: () => Readonly<Record<string, string>>;
  /** Told of each finished call to a subgraph. */
  readonly onSubgraphCall?: (record: CallRecord) => void;
  /** The request context behind a context value of Apollo Server; without it one is made for each operation. */
  readonly contextOf?: (contextValue: unknown) => RequestContext;
}

export interface GatewayRequest {
  readonly query: string;
  readonly operationName?: string | undefined;
  readonly variables?: RawVariables | undefined;
}

/** A federated graph. `load` (Apollo Server calls it) must have resolved before anything else. */
export interface Gateway extends GatewayInterface {
  load(options?: unknown): Promise<GatewayLoadResult>;
  /** Parses, limits and validates once per document. Never throws. */
  prepare(source: string, operationName: string | undefined): PreparedRequest | Refused;
  /** Answers what `prepare` prepared. Never rejects. */
  execute(prepared: PreparedRequest, variables: RawVariables, context: RequestContext): Promise<ExecutionResult>;
  /** The same in the cheapest form: a clean answer is finished text. */
  answer(prepared: PreparedRequest, variables: RawVariables, context: RequestContext): Promise<Answer>;
  /** `prepare` and `execute` in one, for callers without a door of their own: an anonymous request with the configured deadline. */
  query(request: GatewayRequest): Promise<ExecutionResult>;
  /**
   * Serves another supergraph from now on, once it is ready and its hot operations are planned; operations under way
   * end as they began. Rejects when it cannot be served, and the old one stays. One at a time: of several that wait
   * the last is taken. `load` must have been called.
   */
  update(supergraphSdl: string): Promise<UpdateOutcome>;
  /** Undefined where no Redis is used. */
  readonly redisStatus: 'up' | 'down' | undefined;
  /** The generation that new operations run under; undefined until `load`. */
  readonly current: Generation<SubgraphTransport> | undefined;
}

export type UpdateOutcome =
  /** `warmed`: how many operations were prepared before it was served. */
  | { readonly kind: 'swapped'; readonly generation: string; readonly warmed: number }
  /** The same text is served already. */
  | { readonly kind: 'unchanged' }
  /** Another update came before this one had begun. */
  | { readonly kind: 'superseded' };

/** Headers that differ from request to request and have no say in an answer. */
const headersWithoutSay: ReadonlySet<string> = new Set(['x-request-id', 'traceparent', 'tracestate']);

/** Makes a gateway: `new ApolloServer({ gateway: createGateway({ supergraph: { sdl } }) })`. */
export function createGateway(options: GatewayOptions, dependencies: GatewayDependencies = {}): Gateway {
  return new Supergate(options, dependencies);
}

class Supergate implements Gateway {
  current: Generation<SubgraphTransport> | undefined;
  private readonly config: Config;
  private readonly log: Log;
  private readonly listeners = new Set<GatewaySchemaLoadOrUpdateCallback>();
  /** Every generation that is not closed yet. */
  private readonly generations = new Set<Generation<SubgraphTransport>>();
  private readonly bySchema = new WeakMap<GraphQLSchema, Generation<SubgraphTransport>>();
  /** One for all generations: who asks after a mutation under an old one must not join a query from before it. */
  private readonly sharedQueries: SharedExecutions<Answer> | undefined;
  private planner: PlannerThread | undefined;
  private redis: RedisConnection | undefined;
  private loading: Promise<GatewayLoadResult> | undefined;
  private updating: Promise<unknown> = Promise.resolve();
  private lastUpdate = 0;
  private isStopped = false;

  constructor(
    private readonly options: GatewayOptions,
    private readonly dependencies: GatewayDependencies,
  ) {
    this.config = options.config ?? createConfig();
    this.log = dependencies.log ?? createLog(this.config.telemetry.logLevel);
    this.sharedQueries = this.config.sharing.queries ? new SharedExecutions(headersWithoutSay) : undefined;
  }

  load(): Promise<GatewayLoadResult> {
    this.loading ??= this.loadNow();
    return this.loading;
  }

  private async loadNow(): Promise<GatewayLoadResult> {
    const { redis, planner } = this.config;
    this.planner = this.dependencies.planner ?? new PlannerThread({ ...planner, log: this.log });
    this.redis = this.dependencies.redis ?? (redis && openRedis({ ...redis, log: this.log }));
    try {
      this.current = await this.openGeneration(this.planner, this.options.supergraph.sdl);
    } catch (error) {
      await Promise.all([this.planner.close(), this.redis?.close()]);
      throw error;
    }
    this.warnOfOpenFields(this.options.supergraph.sdl);
    for (const listener of this.listeners) this.announce(listener);
    return { executor: this.executor };
  }

  update(supergraphSdl: string): Promise<UpdateOutcome> {
    this.lastUpdate += 1;
    const turn = this.lastUpdate;
    const updated = this.updating.then(() => this.updateNow(supergraphSdl, turn));
    this.updating = updated.catch(() => {});
    return updated;
  }

  private async updateNow(supergraphSdl: string, turn: number): Promise<UpdateOutcome> {
    await this.loading;
    const { current: old, planner } = this;
    if (!old || !planner) throw new InternalError('the gateway is updated before it has loaded, or after it stopped');
    if (turn !== this.lastUpdate) return { kind: 'superseded' };
    if (supergraphSdl === old.supergraphSdl) return { kind: 'unchanged' };
    const next = await this.openGeneration(planner, supergraphSdl);
    const { warmOperations, warmTimeoutMs } = this.config.planner;
    const warmed = await next.warm(old.hotOperations(warmOperations), warmTimeoutMs);
    if (this.isStopped) {
      await next.retire(0);
      throw new InternalError('the gateway stopped while it was updated');
    }
    this.current = next;
    // Whatever runs under the old one has its own deadline, and is not cut short for a reload.
    const { drainMs, operationMs } = this.config.timeouts;
    void old.retire(Math.max(drainMs, operationMs));
    this.warnOfOpenFields(supergraphSdl);
    this.announceToAll();
    this.log.info({ generation: next.id, previous: old.id, warmed }, 'Another supergraph is served');
    return { kind: 'swapped', generation: next.id, warmed };
  }

  /** Fields that their authors believe to be protected. */
  private warnOfOpenFields(supergraphSdl: string): void {
    const links = supergraphSdl.matchAll(/https:\/\/specs\.apollo\.dev\/(authenticated|requiresScopes|policy)\/v/g);
    const directives = [...links].map(([, name]) => `@${name}`);
    if (directives.length === 0) return;
    this.log.warn(
      { directives },
      'The supergraph uses directives that are not enforced yet: anybody may ask its fields',
    );
  }

  private async openGeneration(planner: PlannerThread, supergraphSdl: string): Promise<Generation<SubgraphTransport>> {
    const { limits, planner: plannerConfig, server } = this.config;
    const { redis: store, log } = this;
    const generation = await Generation.open(supergraphSdl, {
      planner,
      engineLimits: { maxErrors: limits.maxErrors, planCacheMaxBytes: plannerConfig.cacheMaxBytes },
      documentOptions: { limits, maxErrors: limits.maxErrors, introspection: server.introspection },
      documentCacheMaxBytes: plannerConfig.cacheMaxBytes,
      sharedQueries: this.sharedQueries,
      sharedPlans: store && { store, lifetimeMs: plannerConfig.sharedLifetimeMs, settings: plannerConfig, log },
      createTransport: (subgraphs) => this.createTransport(subgraphs),
    });
    this.generations.add(generation);
    void generation.gone.then(() => this.generations.delete(generation));
    this.bySchema.set(generation.apiSchema, generation);
    return generation;
  }

  private createTransport(subgraphs: readonly { readonly name: string; readonly url: string }[]): SubgraphTransport {
    const endpoints = subgraphs.map(({ name, url }) => {
      const { url: override, forwardHeaders, ...settings } = subgraphSettings(this.config, name);
      const allowed = [...forwardHeaders, ...(this.dependencies.ownHeaders ?? [])];
      const forward = this.dependencies.ownHeaders && { forwardHeaders: allowed };
      return { name, url: override ?? url, options: { ...settings, ...forward } };
    });
    const { onSubgraphCall, subgraphHealthHeaders } = this.dependencies;
    const sharing = this.config.sharing.subgraphQueries ? defaultTransportOptions.sharing : false;
    return createSubgraphTransport(
      endpoints,
      { ...defaultTransportOptions, sharing },
      {
        log: this.log,
        ...(subgraphHealthHeaders && { healthHeaders: subgraphHealthHeaders }),
        ...(onSubgraphCall && { onCall: onSubgraphCall }),
      },
    );
  }

  get redisStatus(): 'up' | 'down' | undefined {
    return this.redis && (this.redis.isUp() ? 'up' : 'down');
  }

  onSchemaLoadOrUpdate(callback: GatewaySchemaLoadOrUpdateCallback): GatewayUnsubscriber {
    this.listeners.add(callback);
    if (this.current) this.announce(callback);
    return () => this.listeners.delete(callback);
  }

  private announce(callback: GatewaySchemaLoadOrUpdateCallback): void {
    if (!this.current) return;
    callback({ apiSchema: this.current.apiSchema, coreSupergraphSdl: this.current.supergraphSdl });
  }

  /** One listener that throws keeps no other from knowing. */
  private announceToAll(): void {
    for (const listener of this.listeners) {
      try {
        this.announce(listener);
      } catch (error) {
        this.log.error({ error: String(error) }, 'A listener failed at the update of the schema');
      }
    }
  }

  prepare(source: string, operationName: string | undefined): PreparedRequest | Refused {
    return prepareSource(this.current, source, operationName);
  }

  execute(prepared: PreparedRequest, variables: RawVariables, context: RequestContext): Promise<ExecutionResult> {
    const renewed = renewPrepared(prepared, this.current);
    if (renewed.kind === 'refused') return Promise.resolve({ errors: renewed.errors });
    return executeOperation(renewed, variables, context);
  }

  answer(prepared: PreparedRequest, variables: RawVariables, context: RequestContext): Promise<Answer> {
    const renewed = renewPrepared(prepared, this.current);
    if (renewed.kind === 'refused') return Promise.resolve({ kind: 'result', result: { errors: renewed.errors } });
    return answerOperation(renewed, variables, context);
  }

  async query({ query, operationName, variables = {} }: GatewayRequest): Promise<ExecutionResult> {
    const prepared = this.prepare(query, operationName);
    if (prepared.kind === 'refused') return { errors: prepared.errors };
    return this.withContext({}, (context) => this.execute(prepared, variables, context));
  }

  private readonly executor: GatewayExecutor = async ({ schema, document, source, request, context: contextValue }) => {
    // The document was validated against this schema, which may not be the current one any more.
    const generation = this.bySchema.get(schema) ?? this.current;
    const prepared =
      generation === undefined || generation.isClosed
        ? prepareSource(this.current, source, request.operationName)
        : prepareDocument(generation, document, source, request.operationName);
    const variables = request.variables ?? {};
    const { contextOf } = this.dependencies;
    if (contextOf) {
      if (prepared.kind === 'refused') return { errors: prepared.errors };
      return this.execute(prepared, variables, contextOf(contextValue));
    }
    if (prepared.kind === 'refused') return withStatus({ errors: prepared.errors });
    const subgraphHeaders = this.options.subgraphHeaders?.(contextValue) ?? {};
    return withStatus(await this.withContext(subgraphHeaders, (context) => this.execute(prepared, variables, context)));
  };

  /** Runs `use` with a context of its own, for callers that have made none. */
  private async withContext<T>(
    subgraphHeaders: Readonly<Record<string, string>>,
    use: (context: RequestContext) => Promise<T>,
  ): Promise<T> {
    const { deadline, dispose } = openDeadline(Date.now() + this.config.timeouts.operationMs, Date.now);
    const calls = { count: 0, failed: 0 };
    try {
      return await use({ id: randomUUID(), identity: anonymous, deadline, log: this.log, subgraphHeaders, calls });
    } finally {
      dispose();
    }
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.current = undefined;
    const { drainMs } = this.config.timeouts;
    await Promise.all([...this.generations].map((generation) => generation.retire(drainMs)));
    await Promise.all([this.planner?.close(), this.redis?.close()]);
  }
}

/** Apollo Server answers 400 to an operation without data, whatever refused it, unless the error names a status. */
function withStatus(result: ExecutionResult): ExecutionResult {
  const [first, ...others] = result.errors ?? [];
  if (first === undefined || result.data !== undefined) return result;
  const { httpStatus: status } = errorTable[first.extensions.code as ErrorCode];
  const extensions = { ...first.extensions, http: { status } };
  const told = new GraphQLError(first.message, { originalError: first, extensions });
  // The refusals of documents know their place without keeping the document.
  Object.assign(told, { locations: first.locations });
  return { errors: [told, ...others] };
}
