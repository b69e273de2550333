/**
 * A server from files: configuration and supergraph are read, everything is joined, the HTTP door opens.
 * In: paths, overrides and the environment. Out: a running gateway. Clock: once per process.
 * Problems of the user's files are thrown as `ConfigError` and `CompositionError`, whose messages name file and line.
 */
import { createAdminRoutes, openAdmin } from './admin-routes';
import type { AdminRoute } from './client/admin';
import { createHttpServer } from './client/http';
import { type Config, ConfigError, type LoadedConfig, loadConfig, strayOverrides } from './config';
import { registrationProblems } from './config/discovery';
import { tlsProblems } from './config/tls';
import { authenticationProblems } from './context/create-authentication';
import { requestIdHeader } from './context/create-request-context';
import type { RequestContext } from './context/request-context';
import { createSubgraphIdentity, type SubgraphIdentity, subgraphIdentityHeader } from './context/subgraph-identity';
import { httpConfigOf, httpDepsOf } from './doors';
import { createGateway, type Gateway } from './gateway';
import { type HookModule, loadHookModule } from './hooks';
import { type OperationObserver, observeOperations } from './observe-operations';
import { openLibrary, openOperations } from './open-operations';
import type { OperationLibrary } from './operation/operation-library';
import { openRedis, type RedisConnection } from './redis';
import { ConfigReload, type ConfigReloadOptions, type ReloadOutcome } from './reload-config';
import { KnownDocuments } from './supergraph/known-documents';
import { PlannerThread } from './supergraph/planner-client';
import { watchSupergraph } from './supergraph/watched-source';
import type { MetricSamples } from './telemetry/exposition';
import { type AdjustableLog, createLog, type Log } from './telemetry/log';
import { createMetrics, type Metrics } from './telemetry/metrics';
import type { Tracer, TracingOptions } from './telemetry/traces';
import type { PrimaryLink } from './worker';

export interface ServeOptions {
  /** A `supergraph.yaml`, a composed supergraph as `.graphql`, or the URL of one. */
  readonly supergraph: string;
  /** A `gateway.yaml`; without it, every default. */
  readonly config?: string | undefined;
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Whether `config` is read anew when the file changes. */
  readonly watchConfig?: boolean;
  /** What it has of its primary, where it is one of several workers: the metrics of all, and who writes their files. */
  readonly worker?: Pick<PrimaryLink, 'renderMetrics' | 'appendTo'>;
  /** Ends the process as the first SIGTERM does, when an operator asks for it. Without it, the server closes. */
  readonly drain?: () => void;
}

export interface RunningGateway {
  /** Of the server: `http://127.0.0.1:4000`. */
  readonly url: string;
  readonly graphqlUrl: string;
  /** Of one worker: above it, another one takes its place. */
  readonly maxMemoryBytes: number | undefined;
  /** Of the endpoints for operators, where there are any. */
  readonly adminUrl: string | undefined;
  /** The same endpoints, to be asked directly. */
  readonly adminRoutes: readonly AdminRoute[];
  /** Its metrics, to be added to those of other processes. */
  samples(): Promise<MetricSamples>;
  readonly log: AdjustableLog;
  /** Reads the configuration anew, and takes over what can change while it runs. Never rejects. */
  reload(): Promise<ReloadOutcome>;
  /** Drains: readiness off, then no new connections, running operations finish. */
  close(closing?: { readonly readinessMs?: number }): Promise<void>;
}

/** Starts a gateway; everything that was started is ended again when it fails. */
export async function serve(options: ServeOptions): Promise<RunningGateway> {
  const { config: file, env, port, host } = options;
  const check = (read: Config) => [
    ...authenticationProblems(read),
    ...registrationProblems(read),
    ...tlsProblems(read),
  ];
  const load = () => loadConfig({ file, env, flags: { port, host }, check });
  const loaded = load();
  if (loaded.kind === 'problems') throw new ConfigError(loaded.problems);
  const { config } = loaded;
  const log = createLog(config.telemetry.logLevel, config.telemetry.redact);
  const identity = config.subgraphIdentity && createSubgraphIdentity({ ...config.subgraphIdentity, now: Date.now });
  const library = await openLibrary(config, log);
  const { module } = config.hooks;
  const functions = module === undefined ? undefined : await loadHookModule(module);
  const planner = new PlannerThread({ ...config.planner, rateLimitTiers: Object.keys(config.rateLimits.tiers), log });
  return open(options, config, { planner, functions, library, identity, log, loaded, load });
}

/** What a call of the gateway itself carries, so that subgraphs know it. */
function identityHeaders(identity: SubgraphIdentity | undefined): Readonly<Record<string, string>> {
  return identity ? { [subgraphIdentityHeader]: identity.ownToken() } : {};
}

const none: ReadonlySet<string> = new Set();

/** What is there before the gateway. */
interface BaseParts {
  readonly library: OperationLibrary | undefined;
  /** Of the host. */
  readonly functions: HookModule | undefined;
  readonly identity: SubgraphIdentity | undefined;
  readonly log: AdjustableLog;
  readonly loaded: ConfigReloadOptions['loaded'];
  readonly load: () => LoadedConfig;
}

async function open(
  options: ServeOptions,
  config: Config,
  { planner, ...base }: BaseParts & { readonly planner: PlannerThread },
): Promise<RunningGateway> {
  const { library, functions, identity, log } = base;
  const own = createMetrics();
  const metrics = options.worker ? { ...own, render: options.worker.renderMetrics } : own;
  const supergraph = watchSupergraph({
    ...config.supergraph,
    source: options.supergraph,
    env: options.env,
    identityHeaders: () => identityHeaders(identity),
    log,
  });
  const trustedNames = () => library?.current.names ?? none;
  const observer = observeOperations(config.telemetry, {
    metrics,
    log,
    trustedNames,
    appendTo: options.worker?.appendTo,
  });
  const redis = config.redis && openRedis({ ...config.redis, log });
  const gateway = createGateway(
    { supergraph, config },
    {
      log,
      planner,
      ...(redis && { redis }),
      knownDocuments: library && knownDocumentsOf(library, config, log),
      onSupergraphStatus: ({ kind }) => metrics.supergraphUpdate(kind),
      ownHeaders: [requestIdHeader, subgraphIdentityHeader],
      subgraphHealthHeaders: () => identityHeaders(identity),
      onSubgraphCall: ({ subgraph, outcome, durationMs }) =>
        metrics.subgraphRequest(subgraph, outcome, durationMs / 1_000),
      subgraphIdentity: identity,
      ...functions,
      onOperation: observer.ended,
      onPhase: metrics.phaseEnded,
      subscriptions: metrics.subscriptions,
      onUnauthorized: metrics.fieldsUnauthorized,
      onRateLimit: metrics.rateLimitMet,
      costs: metrics.costs,
      caching: metrics.caching,
      onRateLimitStoreFailure: metrics.rateLimitStoreFailed,
      contextOf: (contextValue) => contextValue as RequestContext,
    },
  );
  metrics.observeCaches(() => gateway.current?.caches ?? {});
  metrics.observeSubgraphs(() => gateway.current?.transport.resilience() ?? new Map());
  await gateway.load();
  try {
    return await openDoors(options, config, { ...base, gateway, redis, metrics, observer });
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}

async function openDoors(
  options: ServeOptions,
  config: Config,
  parts: BaseParts & {
    gateway: Gateway;
    redis: RedisConnection | undefined;
    metrics: Metrics;
    observer: OperationObserver;
  },
): Promise<RunningGateway> {
  const { gateway, library, redis, metrics, log } = parts;
  const reload = new ConfigReload(parts);
  const { contexts } = reload;
  const unwatch = options.watchConfig && options.config ? reload.watch(options.config) : () => {};
  const operations = await openOperations(config, library, gateway, log);
  const tracer = config.telemetry.tracing && loadTracer(config.telemetry.tracing, log);
  const doors = httpDepsOf(config, { gateway, contexts, operations, redis, metrics, tracer, log });
  const http = await createHttpServer(httpConfigOf(config), doors);
  for (const stray of strayOverrides(config, gateway.current?.subgraphNames ?? [])) log.warn({}, stray);
  const close = async (closing: { readonly readinessMs?: number } = {}) => {
    unwatch();
    const { drainMs } = reload.config.timeouts;
    const { readinessMs = reload.config.timeouts.readinessMs } = closing;
    const endsAt = performance.now() + readinessMs + drainMs;
    await http.close({ readinessMs, timeoutMs: drainMs });
    await operations.close();
    await reload.close();
    await gateway.stop(Math.max(0, endsAt - performance.now()));
    await Promise.all([tracer?.close(), parts.observer.close()]);
    metrics.close();
    await admin?.close();
  };
  const drain = options.drain ?? close;
  const adminParts = { gateway, health: doors.health, metrics, reload, log, drain };
  // Of several workers, the primary has the port.
  const admin = options.worker ? undefined : await openAdmin(config.admin, adminParts);
  const graphqlUrl = await http.listen(config.server.port, config.server.host).catch(async (error: unknown) => {
    await admin?.close();
    throw error;
  });
  log.info({ url: graphqlUrl, subgraphs: gateway.current?.subgraphNames, generation: gateway.current?.id }, 'ready');
  return {
    url: new URL(graphqlUrl).origin,
    graphqlUrl,
    maxMemoryBytes: config.server.workerMaxMemoryBytes,
    adminUrl: admin?.url,
    adminRoutes: createAdminRoutes(adminParts),
    samples: () => metrics.samples(),
    log,
    reload: () => reload.reload(),
    close,
  };
}

function knownDocumentsOf(library: OperationLibrary, { trustedDocuments, planner }: Config, log: Log): KnownDocuments {
  return new KnownDocuments(library, { misfits: trustedDocuments.misfits, timeoutMs: planner.warmTimeoutMs, log });
}

/** Loaded here, because it is much, and most gateways trace nothing. */
function loadTracer(options: TracingOptions, log: Log): Tracer {
  const { createTracer } = require('./telemetry/opentelemetry') as typeof import('./telemetry/opentelemetry');
  return createTracer(options, log);
}
