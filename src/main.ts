/**
 * A server from files: configuration and supergraph are read, everything is joined, the HTTP door opens.
 * In: paths, overrides and the environment. Out: a running gateway. Clock: once per process.
 * Problems of the user's files are thrown as `ConfigError` and `CompositionError`, whose messages name file and line.
 */
import { randomUUID } from 'node:crypto';
import type {
  GraphQLDoor,
  LiveSubscription,
  RefusedOperation,
  RequestScope,
  SocketContexts,
  SocketIdentity,
} from './client/door';
import type { HealthCheck, HealthSource } from './client/health';
import { createHttpServer, type HttpDeps, type RestDeps } from './client/http';
import { createIdempotentRequests } from './client/rest/idempotency';
import { type Config, ConfigError, loadConfig, strayOverrides } from './config';
import { costHeader } from './config/cost';
import { type Authentication, authenticationProblems, createAuthentication } from './context/create-authentication';
import { createRequestContexts, type RequestContexts, requestIdHeader } from './context/create-request-context';
import type { Identity, RequestContext } from './context/request-context';
import { createSubgraphIdentity, type SubgraphIdentity, subgraphIdentityHeader } from './context/subgraph-identity';
import { createGateway, type Gateway } from './gateway';
import { readOperationFiles } from './operation/operation-files';
import type { PreparedRequest } from './pipeline';
import { isOfAudience } from './policy/requirements';
import { openRedis, type RedisConnection } from './redis';
import { PlannerThread } from './supergraph/planner-client';
import { RestRouteTable, readOperationDirectory } from './supergraph/rest-routes';
import { watchSupergraph } from './supergraph/watched-source';
import { createLog, type Log } from './telemetry/log';
import { createMetrics, type Metrics } from './telemetry/metrics';
import type { Tracer, TracingOptions } from './telemetry/traces';

export interface ServeOptions {
  /** A `supergraph.yaml`, a composed supergraph as `.graphql`, or the URL of one. */
  readonly supergraph: string;
  /** A `gateway.yaml`; without it, every default. */
  readonly config?: string | undefined;
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

export interface RunningGateway {
  /** Of the server: `http://127.0.0.1:4000`. */
  readonly url: string;
  readonly graphqlUrl: string;
  readonly log: Log;
  /** Drains: readiness off, then no new connections, running operations finish. */
  close(): Promise<void>;
}

const healthTimeoutMs = 1_500;

/** Starts a gateway; everything that was started is ended again when it fails. */
export async function serve(options: ServeOptions): Promise<RunningGateway> {
  const loaded = loadConfig({ file: options.config, env: options.env, check: authenticationProblems });
  if (loaded.kind === 'problems') throw new ConfigError(loaded.problems);
  const { config } = loaded;
  const log = createLog(config.telemetry.logLevel);
  const identity = config.subgraphIdentity && createSubgraphIdentity({ ...config.subgraphIdentity, now: Date.now });
  const planner = new PlannerThread({ ...config.planner, rateLimitTiers: Object.keys(config.rateLimits.tiers), log });
  return open(options, config, planner, identity, log);
}

/** What a call of the gateway itself carries, so that subgraphs know it. */
function identityHeaders(identity: SubgraphIdentity | undefined): Readonly<Record<string, string>> {
  return identity ? { [subgraphIdentityHeader]: identity.ownToken() } : {};
}

async function open(
  options: ServeOptions,
  config: Config,
  planner: PlannerThread,
  identity: SubgraphIdentity | undefined,
  log: Log,
): Promise<RunningGateway> {
  const metrics = createMetrics();
  const supergraph = watchSupergraph({
    ...config.supergraph,
    source: options.supergraph,
    env: options.env,
    identityHeaders: () => identityHeaders(identity),
    log,
  });
  const redis = config.redis && openRedis({ ...config.redis, log });
  const gateway = createGateway(
    { supergraph, config },
    {
      log,
      planner,
      ...(redis && { redis }),
      onSupergraphStatus: ({ kind }) => metrics.supergraphUpdate(kind),
      ownHeaders: [requestIdHeader, subgraphIdentityHeader],
      subgraphHealthHeaders: () => identityHeaders(identity),
      onSubgraphCall: ({ subgraph, outcome, durationMs }) =>
        metrics.subgraphRequest(subgraph, outcome, durationMs / 1_000),
      subgraphIdentity: identity,
      subscriptions: metrics.subscriptions,
      onUnauthorized: metrics.fieldsUnauthorized,
      onRateLimit: metrics.rateLimitMet,
      costs: metrics.costs,
      onRateLimitStoreFailure: metrics.rateLimitStoreFailed,
      contextOf: (contextValue) => contextValue as RequestContext,
    },
  );
  metrics.observeSubgraphs(() => gateway.current?.transport.resilience() ?? new Map());
  await gateway.load();
  try {
    return await openDoors(options, config, { gateway, redis, metrics, identity, log });
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}

async function openDoors(
  options: ServeOptions,
  config: Config,
  parts: {
    gateway: Gateway;
    redis: RedisConnection | undefined;
    metrics: Metrics;
    identity: SubgraphIdentity | undefined;
    log: Log;
  },
): Promise<RunningGateway> {
  const { gateway, redis, metrics, identity, log } = parts;
  const authentication = createAuthentication(config.authentication, {
    subgraphIdentity: identity,
    log,
    now: Date.now,
  });
  const contexts = createContexts(config, authentication, identity, log);
  const rest = await openRest(config, gateway, log);
  const tracer = config.telemetry.tracing && loadTracer(config.telemetry.tracing);
  const http = await createHttpServer(
    {
      ...config.server,
      introspection: config.server.introspection !== false,
      explorer: config.server.explorer !== false,
      metrics: config.telemetry.metrics,
      expressLane: true,
      subscriptions: config.subscriptions,
    },
    {
      door: doorOf(gateway),
      createContext: (request) => contexts.openHttp(request),
      ...explorersOf(config),
      sockets: socketContextsOf(contexts),
      expiryOf: (scope) => expiryOf((scope as RequestScope & RequestContext).identity),
      rest: rest && restDepsOf(config, { table: rest, gateway, redis }),
      health: healthOf(gateway),
      metrics,
      log,
      tracer,
    },
  );
  for (const stray of strayOverrides(config, gateway.current?.subgraphNames ?? [])) log.warn({}, stray);
  const graphqlUrl = await http.listen(options.port ?? config.server.port, options.host ?? config.server.host);
  log.info({ url: graphqlUrl, subgraphs: gateway.current?.subgraphNames, generation: gateway.current?.id }, 'ready');
  return {
    url: new URL(graphqlUrl).origin,
    graphqlUrl,
    log,
    close: async () => {
      await http.close({ readinessMs: config.timeouts.readinessMs, timeoutMs: config.timeouts.drainMs });
      rest?.close();
      await authentication.close();
      await gateway.stop();
      await tracer?.close();
      metrics.close();
    },
  };
}

/** Reads the operation files and makes routes of them. Throws `ConfigError` with every problem. */
async function openRest({ rest }: Config, gateway: Gateway, log: Log): Promise<RestRouteTable | undefined> {
  const { operations: directory } = rest;
  if (directory === undefined) return undefined;
  const files = await readOperationDirectory(directory).catch((error: unknown) => {
    throw new ConfigError([{ file: directory, path: 'rest.operations', message: `cannot be read: ${error}` }]);
  });
  const { operations, problems } = readOperationFiles(files);
  const table = new RestRouteTable(operations, gateway, log);
  const wrong = problems.length > 0 ? problems : await table.open();
  if (wrong.length > 0) {
    table.close();
    throw new ConfigError(wrong.map((problem) => ({ ...problem, path: '' })));
  }
  return table;
}

function restDepsOf(
  { rest, authentication }: Config,
  { table, gateway, redis }: { table: RestRouteTable; gateway: Gateway; redis: RedisConnection | undefined },
): RestDeps {
  const routes = () => table.routes;
  const { prefixes, docs, idempotencyMs } = rest;
  const pages = {
    title: 'Supergate',
    version: '1',
    prefixes,
    apiKeyHeader: authentication.apiKeys?.header,
    routes,
    schema: () => gateway.current?.apiSchema,
  };
  return {
    routes,
    prefixes,
    idempotency: createIdempotentRequests(idempotencyMs, redis),
    callerOf: (scope) => callerOf((scope as RequestScope & RequestContext).identity),
    pages: docs ? pages : undefined,
  };
}

function callerOf(identity: Identity): string | undefined {
  return identity.kind === 'anonymous' ? undefined : JSON.stringify([identity.issuer, identity.subject]);
}

/** Loaded here, because it is much, and most gateways trace nothing. */
function loadTracer(options: TracingOptions): Tracer {
  const { createTracer } = require('./telemetry/opentelemetry') as typeof import('./telemetry/opentelemetry');
  return createTracer(options);
}

function explorersOf({ server: { explorer } }: Config): Pick<HttpDeps, 'mayExplore'> {
  if (typeof explorer === 'boolean') return {};
  return { mayExplore: (scope) => isOfAudience((scope as RequestScope & RequestContext).identity, explorer) };
}

function createContexts(
  config: Config,
  { authenticator, credentials }: Authentication,
  identity: SubgraphIdentity | undefined,
  log: Log,
): RequestContexts {
  return createRequestContexts({
    authenticator,
    credentials,
    ...(identity && { subgraphIdentity: identity }),
    forwardHeaders: forwardedHeaders(config),
    ...(isTold(config) && { costHeader }),
    log,
    now: Date.now,
    timeoutMs: config.timeouts.operationMs,
  });
}

/** Whether clients may ask what their operations cost. */
function isTold({ cost }: Config): boolean {
  return cost.mode !== 'off' && cost.extensions === 'header';
}

/** Of an identity, in milliseconds since the epoch. */
function expiryOf(identity: Identity): number {
  return identity.kind === 'anonymous' ? Number.POSITIVE_INFINITY : identity.expiresAt;
}

interface ConnectedIdentity extends SocketIdentity {
  readonly identity: Identity;
}

/** Who speaks on WebSockets, in the words of their door. */
function socketContextsOf(contexts: RequestContexts): SocketContexts {
  const { connections } = contexts;
  const connected = (identity: Identity): ConnectedIdentity => ({ identity, expiresAt: expiryOf(identity) });
  // What `connect` and `refresh` gave out comes back: the door has seen less of it.
  const of = (given: SocketIdentity) => (given as ConnectedIdentity).identity;
  return {
    connect: async ({ rawHeaders, ip, log }, payload) =>
      connected(await connections.connect({ rawHeaders, payload, ip, log })),
    async refresh(given, { ip, log }, payload) {
      const next = await connections.refresh(of(given), { ip, log, payload });
      return next === of(given) ? given : connected(next);
    },
    async open(given, { rawHeaders, ip, log }, extensions) {
      const identity = await connections.operate(of(given), { ip, log, extensions });
      return contexts.open({ id: randomUUID(), identity, ip, rawHeaders });
    },
  };
}

/** The client's headers that at least one subgraph gets. */
function forwardedHeaders({ subgraphs: { defaults, overrides } }: Config): readonly string[] {
  const all = [defaults, ...Object.values(overrides)].flatMap(({ forwardHeaders }) => forwardHeaders ?? []);
  return [...new Set(all)];
}

function doorOf(gateway: Gateway): GraphQLDoor {
  return {
    gateway,
    prepare: (source, operationName) => {
      const reading = gateway.readAhead(source);
      return reading
        ? reading.then(() => gateway.prepare(source, operationName))
        : gateway.prepare(source, operationName);
    },
    // What `prepare` and `createContext` gave out comes back: the door has seen less of it.
    subscribe: (prepared, { variables = {} }, scope, sink) =>
      gateway.subscribe(
        prepared as PreparedRequest,
        variables,
        scope as RequestScope & RequestContext,
        sink,
      ) as Promise<LiveSubscription | RefusedOperation>,
    execute: (prepared, { variables = {} }, scope) =>
      gateway.answer(prepared as PreparedRequest, variables, scope as RequestScope & RequestContext),
  };
}

function healthOf(gateway: Gateway): HealthSource {
  return {
    ready: () => gateway.current !== undefined,
    async checks() {
      const { current } = gateway;
      if (!current) return { gateway: { status: 'down' } };
      const subgraphs = await current.transport.checkHealth(healthTimeoutMs);
      const resilience = current.transport.resilience();
      const checks: Record<string, HealthCheck> = { gateway: { status: 'up', generation: current.id } };
      const { supergraphStatus } = gateway;
      if (supergraphStatus) {
        // Why it was refused names addresses and files: the log has it.
        const { kind, since } = supergraphStatus;
        const status = kind === 'served' ? 'up' : 'degraded';
        checks.supergraph = { status, newest: kind, since: new Date(since).toISOString() };
      }
      if (gateway.redisStatus) checks.redis = { status: gateway.redisStatus };
      for (const [name, { healthy, durationMs }] of subgraphs) {
        const { instances = [] } = resilience.get(name) ?? {};
        const available = instances.filter(({ circuit }) => circuit === 'closed').length;
        const status = !healthy ? 'down' : available < instances.length ? 'degraded' : 'up';
        const known = instances.length > 1 ? { instances: instances.length, available } : {};
        checks[`subgraph:${name}`] = { status, durationMs: Math.round(durationMs), ...known };
      }
      return checks;
    },
  };
}
