/**
 * The only joining place: planner thread, generations, transports and the pipeline become one gateway object.
 * In: a supergraph and configuration, both values; nothing is read here. Out: a `GatewayInterface` for Apollo Server,
 * and the same way open to our own doors. Clock: per process.
 */
import type {
  GatewayExecutor,
  GatewayInterface,
  GatewayLoadResult,
  GatewaySchemaLoadOrUpdateCallback,
  GatewayUnsubscriber,
} from '@apollo/server-gateway-interface';
import type { ExecutionResult, GraphQLSchema } from 'graphql';
import type { RefusedOperation, SubscriptionSink } from './client/door';
import { withStatus } from './client/error-format';
import { type Config, createConfig } from './config';
import { type Asker, type AskerOptions, askerOf, withContext } from './context/asker';
import { headersWithoutSay } from './context/create-request-context';
import { limitTime, longestTimeoutMs } from './context/deadline';
import { compileHeaderSources, type ReadHeaderSources } from './context/header-sources';
import { HookRunner, type Hooks } from './context/hooks';
import { anonymous, type RequestContext } from './context/request-context';
import type { SubgraphIdentity } from './context/subgraph-identity';
import { createSubscriptionContexts } from './context/subscription-contexts';
import { ClientError, InternalError } from './errors';
import { answerWithHooks, beforeOperation, executeWithHooks } from './hooks';
import { type EndedOperation, observed, refusalOf } from './observe-operations';
import { createSupergraphHooks, openGeneration, openPools, type TransportDependencies } from './open-generation';
import type { Refused } from './operation/document';
import type { RawVariables } from './operation/variables';
import { type PreparedRequest, prepareDocument, prepareSource, renewPrepared } from './pipeline';
import { createPolicies, openCounters, type PolicyDependencies } from './policy/create-policies';
import type { RateLimiter } from './policy/rate-limiter';
import { createResponseCache, responseCacheSettings } from './query-plan/create-response-cache';
import type { Answer } from './query-plan/engine';
import type { ClientSubscription, LiveSubscriptions, SubscriptionObserver } from './query-plan/live-subscriptions';
import type { ResponseCache } from './query-plan/response-cache';
import { SharedExecutions } from './query-plan/shared-executions';
import { openRedis, type RedisConnection } from './redis';
import { systemClock } from './subgraph/call';
import type { Registrations } from './subgraph/discovery/registrations';
import { EventSources } from './subgraph/event-sources';
import type { SubgraphTransport } from './subgraph/pools';
import { SharedPools } from './subgraph/shared-pools';
import { openSubscriptions } from './subscribe';
import type { Generation } from './supergraph/generation';
import { Generations, type SupergraphStatus, type UpdateOutcome } from './supergraph/generations';
import type { KnownDocuments } from './supergraph/known-documents';
import { type ManagedSupergraph, type SupergraphInput, toManager } from './supergraph/manager';
import type { OverrideDependencies } from './supergraph/override-labels';
import { PlannerThread } from './supergraph/planner-client';
import { createLog, type Log } from './telemetry/log';

export interface GatewayOptions extends AskerOptions {
  /**
   * A composed supergraph, as `supergate compose` or `rover supergraph compose` writes it; or who brings one after the
   * other: `watchSupergraph` of `supergraph/watched-source`, or any manager of `@apollo/gateway`.
   */
  readonly supergraph: SupergraphInput;
  /** From `createConfig` or `loadConfig`; without it, every default. */
  readonly config?: Config;
}

/** What the gateway works with; every part has a real default. */
export interface GatewayDependencies extends PolicyDependencies, OverrideDependencies, TransportDependencies {
  readonly log?: Log;
  /** A planner thread that is running already. The gateway closes it when it stops. */
  readonly planner?: PlannerThread;
  /** A connection that is there already, instead of the configured one. The gateway closes it when it stops. */
  readonly redis?: RedisConnection;
  /** Told when a supergraph is served, refused, or cannot be had. */
  readonly onSupergraphStatus?: (status: SupergraphStatus) => void;
  /** Told of each query and mutation that was executed. May not throw. */
  readonly onOperation?: ((ended: EndedOperation) => void) | undefined;
  /** Functions on the way of each request; see `context/hooks.ts`. */
  readonly hooks?: Hooks | undefined;
  /** Told of subscriptions and their events. */
  readonly subscriptions?: SubscriptionObserver;
  /** How subgraphs are told who asks, where `ownHeaders` say it: the events of a subscription need it anew. */
  readonly subgraphIdentity?: SubgraphIdentity | undefined;
  /** Prepares what is known before anybody asks; see `GenerationsOptions.makeReady`. */
  readonly knownDocuments?: Pick<KnownDocuments, 'makeReady'> | undefined;
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
  /** Reads a long new document in slices, ahead of `prepare`; undefined when there is nothing to wait for. */
  readAhead(source: string): Promise<void> | undefined;
  /** Parses, limits and validates once per document. Never throws. */
  prepare(source: string, operationName: string | undefined): PreparedRequest | Refused;
  /** Answers what `prepare` prepared. Never rejects. */
  execute(prepared: PreparedRequest, variables: RawVariables, context: RequestContext): Promise<ExecutionResult>;
  /** The same in the cheapest form: a clean answer is finished text. */
  answer(prepared: PreparedRequest, variables: RawVariables, context: RequestContext): Promise<Answer>;
  /** Begins a subscription that `prepare` prepared; what befalls it is told to `sink`. Never rejects. */
  subscribe(
    prepared: PreparedRequest,
    variables: RawVariables,
    context: RequestContext,
    sink: SubscriptionSink,
  ): Promise<ClientSubscription | RefusedOperation>;
  /** `prepare` and `execute` in one, for callers without a door of their own: an anonymous request with the configured deadline. */
  query(request: GatewayRequest): Promise<ExecutionResult>;
  /**
   * Serves another supergraph from now on, once it is ready and its hot operations are planned; operations under way
   * end as they began. Rejects when it cannot be served, and the old one stays. One at a time: of several that wait
   * the last is taken. `load` must have been called.
   */
  update(supergraphSdl: string): Promise<UpdateOutcome>;
  /**
   * Works by another configuration from now on: limits, policies and subgraphs; counters go on, operations under way
   * end as they began. Rejects when the supergraph cannot be served by it, and the old one stays.
   */
  reconfigure(config: Config): Promise<void>;
  /**
   * Calls old every kept answer that has one of these tags: `Post` (all that hold posts), `Post:7` (this one), `*` (all).
   * Resolves when no gateway that shares them gives them again, or when the store does not answer.
   */
  invalidate(tags: readonly string[]): Promise<void>;
  /** How the newest supergraph that was offered fares; undefined until `load`. */
  readonly supergraphStatus: SupergraphStatus | undefined;
  /** Where instances of subgraphs may register themselves; undefined until `load`. */
  readonly registrations: Registrations | undefined;
  /** Undefined where there are none. */
  readonly hooks: HookRunner | undefined;
  /** What runs has so long; default: `timeouts.drainMs`. */
  stop(withinMs?: number): Promise<void>;
  /** Undefined where no Redis is used. */
  readonly redisStatus: 'up' | 'down' | undefined;
  /** The generation that new operations run under; undefined until `load`. */
  readonly current: Generation<SubgraphTransport> | undefined;
  /** Since when, in milliseconds since the epoch. */
  readonly currentSince: number;
}

/** Makes a gateway: `new ApolloServer({ gateway: createGateway({ supergraph: { sdl } }) })`. */
export function createGateway(options: GatewayOptions, dependencies: GatewayDependencies = {}): Gateway {
  return new Supergate(options, dependencies);
}

class Supergate implements Gateway {
  private config: Config;
  private readonly log: Log;
  private readonly listeners = new Set<GatewaySchemaLoadOrUpdateCallback>();
  private readonly generations: Generations<SubgraphTransport>;
  private readonly bySchema = new WeakMap<GraphQLSchema, Generation<SubgraphTransport>>();
  /** One for all generations: who asks after a mutation under an old one must not join a query from before it. */
  private readonly sharedQueries = new SharedExecutions<Answer>(headersWithoutSay);
  private readonly eventSources: EventSources;
  private readHeaderSources: ReadHeaderSources;
  readonly hooks: HookRunner | undefined;
  private readonly live: LiveSubscriptions;
  private pools = new SharedPools();
  private planner: PlannerThread | undefined;
  private redis: RedisConnection | undefined;
  private counters: RateLimiter | undefined;
  /** One for all generations: what is old is old under each. */
  private responses: ResponseCache | undefined;
  private managed: ManagedSupergraph | undefined;
  private loading: Promise<GatewayLoadResult> | undefined;

  constructor(
    private readonly options: GatewayOptions,
    private readonly dependencies: GatewayDependencies,
  ) {
    this.config = options.config ?? createConfig();
    this.log = dependencies.log ?? createLog(this.config.telemetry.logLevel);
    this.generations = this.createGenerations();
    this.hooks = dependencies.hooks && new HookRunner(dependencies.hooks, this.config.hooks.timeoutMs);
    this.readHeaderSources = compileHeaderSources(this.config.headers.requests, []);
    this.eventSources = new EventSources({ clock: systemClock, random: Math.random, log: this.log });
    this.live = openSubscriptions({
      current: () => this.current,
      contexts: createSubscriptionContexts({
        subgraphIdentity: dependencies.subgraphIdentity,
        now: Date.now,
        timeoutMs: () => this.config.timeouts.operationMs,
      }),
      observer: dependencies.subscriptions,
      admitEvents: this.config.subscriptions.admitEvents,
      schedule: systemClock.schedule,
    });
  }

  private createGenerations(): Generations<SubgraphTransport> {
    const { planner, supergraph } = this.config;
    const timeoutsNow = () => this.config.timeouts;
    return new Generations({
      open: (supergraphSdl) => this.openGeneration(supergraphSdl, this.config),
      warmOperations: planner.warmOperations,
      warmTimeoutMs: planner.warmTimeoutMs,
      // Whatever runs under an old one has its own deadline, and is not cut short for a reload.
      get retireMs() {
        return longestTimeoutMs(timeoutsNow());
      },
      maxDraining: supergraph.maxDraining,
      log: this.log,
      makeReady: async (generation, isFirst) => this.dependencies.knownDocuments?.makeReady(generation, isFirst),
      onServed: (generation) => this.served(generation),
      onStatus: (status) => this.dependencies.onSupergraphStatus?.(status),
      now: Date.now,
    });
  }

  get current(): Generation<SubgraphTransport> | undefined {
    return this.generations.current;
  }

  get currentSince(): number {
    return this.generations.currentSince;
  }

  get supergraphStatus(): SupergraphStatus | undefined {
    return this.generations.status;
  }

  load(): Promise<GatewayLoadResult> {
    this.loading ??= this.loadNow();
    return this.loading;
  }

  private async loadNow(): Promise<GatewayLoadResult> {
    const { redis, planner, rateLimits } = this.config;
    const rateLimitTiers = Object.keys(rateLimits.tiers);
    this.planner = this.dependencies.planner ?? new PlannerThread({ ...planner, rateLimitTiers, log: this.log });
    this.redis = this.dependencies.redis ?? (redis && openRedis({ ...redis, log: this.log }));
    this.counters = openCounters(this.config, this.dependencies, this.redis);
    this.responses = createResponseCache(this.config, this.dependencies.caching, this.redis);
    this.pools = openPools(this.redis);
    try {
      this.managed = await toManager(this.options.supergraph).initialize(
        createSupergraphHooks(this.planner, this.generations, this.dependencies),
      );
      await this.generations.load(this.managed.supergraphSdl);
    } catch (error) {
      await this.managed?.cleanup?.();
      await Promise.all([this.planner.close(), this.redis?.close()]);
      throw error;
    }
    return { executor: this.executor };
  }

  update(supergraphSdl: string): Promise<UpdateOutcome> {
    return this.generations.update(supergraphSdl);
  }

  private async served(generation: Generation<SubgraphTransport>): Promise<void> {
    this.bySchema.set(generation.apiSchema, generation);
    this.announceToAll();
    this.managed?.onServed?.(generation.supergraphSdl);
    await this.live.replan();
  }

  async reconfigure(config: Config): Promise<void> {
    await this.generations.reopen(
      (supergraphSdl) => this.openGeneration(supergraphSdl, config),
      () => {
        this.config = config;
        this.readHeaderSources = compileHeaderSources(config.headers.requests, []);
        this.responses?.reconfigure(responseCacheSettings(config));
        if (this.planner) this.planner.rateLimitTiers = Object.keys(config.rateLimits.tiers);
      },
    );
  }

  private openGeneration(supergraphSdl: string, config: Config): Promise<Generation<SubgraphTransport>> {
    const { dependencies, planner, redis, counters, responses, log, sharedQueries, eventSources, pools } = this;
    if (!planner || !counters || !responses) throw new InternalError('a supergraph is opened without a planner thread');
    const policies = { createPolicies: createPolicies(config, dependencies, counters), sharedQueries, responses };
    const parts = { planner, redis, log, eventSources, pools, ...policies, ...dependencies, hooks: this.hooks };
    return openGeneration(supergraphSdl, config, parts);
  }

  get registrations(): Registrations | undefined {
    return this.pools.background.registrations;
  }

  invalidate(tags: readonly string[]): Promise<void> {
    const meant = this.current?.caching?.policies.meantBy(tags) ?? tags;
    return this.responses?.invalidate(meant) ?? Promise.resolve();
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

  readAhead(source: string): Promise<void> | undefined {
    return this.current?.readAhead(source);
  }

  prepare(source: string, operationName: string | undefined): PreparedRequest | Refused {
    return prepareSource(this.current, source, operationName);
  }

  execute(prepared: PreparedRequest, variables: RawVariables, context: RequestContext): Promise<ExecutionResult> {
    const renewed = renewPrepared(prepared, this.current);
    if (renewed.kind === 'refused') return Promise.resolve({ errors: renewed.errors });
    limitTime(this.config.timeouts.operations, context, renewed);
    const executed = executeWithHooks(this.hooks, renewed, variables, context);
    return observed(this.dependencies.onOperation, renewed, context, executed, (result) => result);
  }

  answer(prepared: PreparedRequest, variables: RawVariables, context: RequestContext): Promise<Answer> {
    const renewed = renewPrepared(prepared, this.current);
    if (renewed.kind === 'refused') return Promise.resolve({ kind: 'result', result: { errors: renewed.errors } });
    limitTime(this.config.timeouts.operations, context, renewed);
    const answered = answerWithHooks(this.hooks, renewed, variables, context);
    return observed(this.dependencies.onOperation, renewed, context, answered, (answer) =>
      answer.kind === 'result' ? answer.result : undefined,
    );
  }

  async subscribe(
    { generation, target, operationName }: PreparedRequest,
    variables: RawVariables,
    context: RequestContext,
    sink: SubscriptionSink,
  ): Promise<ClientSubscription | RefusedOperation> {
    const source = generation.sourceOf(target);
    if (source === undefined) throw new InternalError('a subscription was prepared without its text');
    const errors = await beforeOperation(this.hooks, { operation: target.type, operationName }, variables, context);
    if (errors) return { kind: 'refused', errors };
    const begun = this.live.subscribe({ source, operationName, variables }, context, sink);
    return observed(this.dependencies.onOperation, { target, generation }, context, begun, refusalOf);
  }

  async query({ query, operationName, variables = {} }: GatewayRequest): Promise<ExecutionResult> {
    await this.readAhead(query);
    const prepared = this.prepare(query, operationName);
    if (prepared.kind === 'refused') return { errors: prepared.errors };
    return this.withContext({ subgraphHeaders: {}, identity: anonymous }, (context) =>
      this.execute(prepared, variables, context),
    );
  }

  private readonly executor: GatewayExecutor = async ({ schema, document, source, request, context: contextValue }) => {
    // The host began under this schema, which may not be the current one any more.
    const generation = this.bySchema.get(schema) ?? this.current;
    if (source !== undefined) await generation?.readAhead(source);
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
    const asker = askerOf(this.options, contextValue);
    return withStatus(await this.withContext(asker, (context) => this.execute(prepared, variables, context)));
  };

  private withContext<T>(asker: Asker, use: (context: RequestContext) => Promise<T>): Promise<T> {
    const { log, readHeaderSources } = this;
    return withContext(asker, { log, readHeaderSources, timeoutMs: this.config.timeouts.operationMs }, use);
  }

  async stop(withinMs = this.config.timeouts.drainMs): Promise<void> {
    await this.managed?.cleanup?.();
    await this.generations.stop(withinMs);
    this.live.endAll(new ClientError('SUPERGRAPH_NOT_READY', 'The gateway is stopping.'));
    this.eventSources.close();
    await Promise.all([this.planner?.close(), this.redis?.close()]);
  }
}
