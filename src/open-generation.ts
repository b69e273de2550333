/**
 * Opens a generation from configuration: the planner, policies and plan store it works with, and the transports to its
 * subgraphs with the settings of each. In: a supergraph SDL and what runs already. Clock: per supergraph.
 */
import { type Config, subgraphSettings } from './config';
import { readSubgraphTls } from './config/tls';
import { mayQueriesSetCookies } from './context/client-headers';
import type { HookRunner } from './context/hooks';
import type { CreatePolicies } from './policy/admission';
import { createCachePolicies } from './policy/cache-policies';
import { compileVarying } from './policy/cache-varying';
import type { Answer } from './query-plan/engine';
import type { ResponseCache } from './query-plan/response-cache';
import type { SharedExecutions } from './query-plan/shared-executions';
import type { RedisConnection } from './redis';
import type { CallRecord } from './subgraph/call';
import { backgroundClock } from './subgraph/discovery/instance-source';
import { createRegistrationStore } from './subgraph/discovery/registration-store';
import { Registrations } from './subgraph/discovery/registrations';
import type { EventSources } from './subgraph/event-sources';
import { withHooks } from './subgraph/hooked-call';
import { createSubgraphTransport, type SubgraphTransport } from './subgraph/pools';
import { SharedPools } from './subgraph/shared-pools';
import { defaultTransportOptions, resilienceOptions } from './subgraph/transport-options';
import { Generation } from './supergraph/generation';
import type { Generations } from './supergraph/generations';
import { checkSubgraphs, createDataSource, type SupergraphHooks } from './supergraph/manager';
import type { OverrideDependencies } from './supergraph/override-labels';
import type { PlannerThread } from './supergraph/planner-client';
import type { Log } from './telemetry/log';
import type { OperationPhase } from './telemetry/metrics';

/** What concerns the calls to subgraphs. */
export interface TransportDependencies {
  /**
   * Names of the headers that every subgraph gets; of all others in `subgraphHeaders` each gets what the rules of the
   * configuration say. Without it, every subgraph gets all of them, and the rules are applied to that.
   */
  readonly ownHeaders?: readonly string[];
  /** Headers of the gateway's own calls to subgraphs: is it there? */
  readonly subgraphHealthHeaders?: () => Readonly<Record<string, string>>;
  /** Told how long each step of an operation took. */
  readonly onPhase?: (phase: OperationPhase, seconds: number) => void;
  /** Told of each finished call to a subgraph. */
  readonly onSubgraphCall?: (record: CallRecord) => void;
}

interface GenerationParts extends TransportDependencies, OverrideDependencies {
  readonly hooks: HookRunner | undefined;
  readonly planner: PlannerThread;
  readonly redis: RedisConnection | undefined;
  readonly log: Log;
  readonly sharedQueries: SharedExecutions<Answer> | undefined;
  readonly responses: ResponseCache;
  readonly createPolicies: CreatePolicies;
  readonly eventSources: EventSources;
  readonly pools: SharedPools;
}

/** Sources of instances that have not told of any after so long are not waited for. */
const discoveryPatienceMs = 2_000;

/** What instances are kept in over all generations, with what their sources work with. */
export function openPools(redis: RedisConnection | undefined): SharedPools {
  const store = redis && createRegistrationStore(redis);
  const clock = backgroundClock;
  return new SharedPools({ clock, random: Math.random, registrations: new Registrations({ clock, store }) });
}

/** Rejects when the supergraph cannot be served. Its instances are known then, if they can be learned quickly. */
export async function openGeneration(
  supergraphSdl: string,
  config: Config,
  parts: GenerationParts,
): Promise<Generation<SubgraphTransport>> {
  const { limits, planner: settings, server, sharing, headers, cache } = config;
  const introspection = typeof server.introspection === 'object' ? 'some' : server.introspection;
  const { redis: store, log, planner } = parts;
  // A cookie that an answer sets is for one client.
  // Hooks may give two requests that look alike different headers.
  const mayDiffer = parts.hooks?.hooks.onSubgraphRequest !== undefined;
  const setsCookies = mayQueriesSetCookies(headers.responses);
  const cachingOptions = { ...cache, defaultMaxAgeMs: cache.defaultMaxAgeMs ?? 0, varying: compileVarying(config) };
  const generation = await Generation.open(supergraphSdl, {
    planner,
    engineLimits: { maxErrors: limits.maxErrors, planCacheMaxBytes: settings.cacheMaxBytes },
    documentOptions: { limits, maxErrors: limits.maxErrors, introspection },
    documentCacheMaxBytes: settings.cacheMaxBytes,
    sharedQueries: sharing.queries && !setsCookies && !mayDiffer ? parts.sharedQueries : undefined,
    sharedPlans: store && { store, lifetimeMs: settings.sharedLifetimeMs, settings, log },
    createPolicies: parts.createPolicies,
    createCaching: (subject) => {
      const policies = setsCookies ? undefined : createCachePolicies(subject, cachingOptions);
      return policies && { policies, responses: parts.responses };
    },
    onPhase: parts.onPhase,
    overrides: parts,
    createTransport: (subgraphs) => openTransport(subgraphs, config, parts),
  });
  let stopTimer = () => {};
  const late = new Promise<void>((resolve) => {
    stopTimer = backgroundClock.schedule(resolve, discoveryPatienceMs);
  });
  await Promise.race([generation.transport.discovered(), late]);
  stopTimer();
  return generation;
}

function openTransport(
  subgraphs: readonly { readonly name: string; readonly url: string }[],
  config: Config,
  { ownHeaders, onSubgraphCall, subgraphHealthHeaders, eventSources, pools, log, hooks }: GenerationParts,
): SubgraphTransport {
  const endpoints = subgraphs.map(({ name, url }) => {
    const { url: override, instances, discovery, tls, ...settings } = subgraphSettings(config, name);
    const deadlineHeader = settings.deadlineHeader || undefined;
    // Read for each supergraph: a new certificate is taken with the next one.
    const trust = tls && { tls: readSubgraphTls(tls) };
    const options = { ...settings, ...resilienceOptions(settings), deadlineHeader, ...trust };
    return { name, url: override ?? instances?.[0]?.url ?? url, instances, discovery, options };
  });
  const sharing = config.sharing.subgraphQueries ? defaultTransportOptions.sharing : false;
  const reservedHeaders = subgraphs.flatMap(({ name }) => subgraphSettings(config, name).deadlineHeader || []);
  const { requests: headerRules, responses: responseRules } = config.headers;
  const headers = { headerRules, responseRules, ownHeaders: ownHeaders ?? ('all' as const), reservedHeaders };
  const options = { ...defaultTransportOptions, sharing, ...headers };
  const transport = createSubgraphTransport(endpoints, options, {
    log,
    eventSources,
    pools,
    ...(subgraphHealthHeaders && { healthHeaders: subgraphHealthHeaders }),
    ...(onSubgraphCall && { onCall: onSubgraphCall }),
  });
  const untouchable = new Set([...reservedHeaders, ...(ownHeaders ?? []), 'traceparent', 'tracestate']);
  return hooks ? { ...transport, call: withHooks(transport.call, hooks, untouchable) } : transport;
}

/** What a source of supergraphs may ask of the gateway. Why one is refused is told by `generations`. */
export function createSupergraphHooks(
  planner: PlannerThread,
  generations: Pick<Generations<SubgraphTransport>, 'update' | 'reportUnreadable'>,
  { subgraphHealthHeaders = () => ({}) }: TransportDependencies,
): SupergraphHooks {
  const getDataSource: SupergraphHooks['getDataSource'] = (subgraph) =>
    createDataSource(subgraph, subgraphHealthHeaders);
  const ignore = () => {};
  return {
    update: (supergraphSdl) => generations.update(supergraphSdl).then(ignore, ignore),
    healthCheck: (supergraphSdl) => checkSubgraphs(supergraphSdl, getDataSource),
    getDataSource,
    compose: (subgraphs) => planner.compose(subgraphs),
    reportUnreadable: (reason) => generations.reportUnreadable(reason),
  };
}
