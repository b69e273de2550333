/**
 * What the doors are handed: the gateway, contexts, health and routes in the words in which each door asks for them.
 * In: parts that run already. Out: values of `client/door.ts` and its neighbours. Clock: per process.
 * Doors give back what they were handed, having seen less of it: the casts are here.
 */
import { randomUUID } from 'node:crypto';
import { parse } from 'graphql';
import type {
  GraphQLDoor,
  LiveSubscription,
  RefusedOperation,
  RequestScope,
  Rights,
  SocketContexts,
  SocketIdentity,
} from './client/door';
import type { HealthCheck, HealthSource } from './client/health';
import type { HttpConfig, HttpDeps, RestDeps } from './client/http';
import { createIdempotentRequests } from './client/idempotency';
import { openApiSettings } from './client/rest/openapi';
import type { Config } from './config';
import { costHeader } from './config/cost';
import { compileClientHeaders } from './context/client-headers';
import type { Authentication } from './context/create-authentication';
import { createRequestContexts, type RequestContexts } from './context/create-request-context';
import { compileHeaderSources, type ReadHeaderSources } from './context/header-sources';
import type { HookRunner } from './context/hooks';
import type { Identity, RequestContext } from './context/request-context';
import type { SubgraphIdentity } from './context/subgraph-identity';
import { createTrails } from './explain';
import type { Gateway } from './gateway';
import { afterOnRequest } from './hooks';
import type { KnownOperations } from './open-operations';
import { inParts, notReady, type PreparedRequest } from './pipeline';
import { describeRateLimits } from './policy/rate-limit-texts';
import { isOfAudience } from './policy/requirements';
import type { RedisConnection } from './redis';
import type { RestRouteTable } from './supergraph/rest-routes';
import type { Log } from './telemetry/log';
import type { Metrics } from './telemetry/metrics';
import type { Tracer } from './telemetry/traces';

const healthTimeoutMs = 1_500;

/** What runs behind the doors. */
export interface DoorParts {
  readonly gateway: Gateway;
  readonly contexts: RequestContexts;
  readonly operations: KnownOperations;
  readonly redis: RedisConnection | undefined;
  readonly metrics: Metrics;
  readonly tracer: Tracer | undefined;
  readonly log: Log;
}

/** How the HTTP door is configured. */
export function httpConfigOf({ server, telemetry, subscriptions, overload }: Config): HttpConfig {
  return {
    ...server,
    introspection: server.introspection !== false,
    explorer: server.explorer !== false,
    metrics: telemetry.metrics,
    expressLane: true,
    subscriptions,
    overload,
  };
}

/** What the HTTP door, with the sockets and routes on it, works with. */
export function httpDepsOf(config: Config, parts: DoorParts): HttpDeps {
  const { gateway, contexts, operations, redis, metrics, tracer, log } = parts;
  return {
    door: doorOf(gateway),
    createContext: (request) => afterOnRequest(gateway.hooks, contexts.openHttp(request), request.rawHeaders),
    ...explorersOf(config),
    sockets: socketContextsOf(contexts, gateway.hooks),
    tierOf: (scope) => tierOf((scope as RequestScope & RequestContext).identity),
    rights: rightsOf(contexts),
    trusted: operations.trusted,
    idempotency: {
      requests: createIdempotentRequests(config.rest.idempotencyMs, redis),
      callerOf: (scope) => callerOf((scope as RequestScope & RequestContext).identity),
    },
    rest: operations.rest && restDepsOf(config, operations.rest, gateway),
    health: healthOf(gateway, operations),
    metrics,
    log,
    tracer,
  };
}

function restDepsOf(config: Config, table: RestRouteTable, gateway: Gateway): RestDeps {
  const routes = () => table.routes;
  const { prefixes, docs } = config.rest;
  const graph = () => {
    const { current } = gateway;
    if (!current) return undefined;
    const { apiSchema: schema, supergraphSdl } = current;
    return { schema, limitsOf: describeRateLimits(parse(supergraphSdl), schema, config) };
  };
  const pages = { ...openApiSettings(config), routes, graph };
  return {
    routes,
    prefixes,
    proxy: {
      forward: async (request, scope) => {
        const { current } = gateway;
        if (!current) throw notReady();
        return current.transport.forward({ ...request, context: scope as RequestScope & RequestContext });
      },
      limit: async (scope) => {
        const verdict = await gateway.current?.policies?.limitRoute?.(scope as RequestScope & RequestContext);
        return verdict?.kind === 'refused' ? verdict.errors : [];
      },
      isOfAudience: (scope, audience) => isOfAudience((scope as RequestScope & RequestContext).identity, audience),
    },
    pages: docs ? pages : undefined,
  };
}

function callerOf(identity: Identity): string | undefined {
  return identity.kind === 'anonymous' ? undefined : JSON.stringify([identity.issuer, identity.subject]);
}

function explorersOf({ server: { explorer } }: Config): Pick<HttpDeps, 'mayExplore'> {
  if (typeof explorer === 'boolean') return {};
  return { mayExplore: (scope) => isOfAudience((scope as RequestScope & RequestContext).identity, explorer) };
}

/** Who asks, for every door. */
export function createContexts(
  config: Config,
  { authenticator, credentials }: Authentication,
  identity: SubgraphIdentity | undefined,
  log: Log,
): RequestContexts {
  return createRequestContexts({
    authenticator,
    credentials,
    ...(identity && { subgraphIdentity: identity }),
    readHeaderSources: headerSourcesOf(config),
    createClientHeaders: compileClientHeaders(config.headers.responses, config.hooks.module !== undefined),
    ...(isTold(config) && { costHeader }),
    createTrail: createTrails(config.telemetry),
    readsClients: config.telemetry.usage !== undefined,
    log,
    now: Date.now,
    timeoutMs: config.timeouts.operationMs,
    clientTimeout: clientTimeoutOf(config),
  });
}

function clientTimeoutOf({ timeouts: { clientHeader: header, maxClientMs: maxMs } }: Config) {
  return header === undefined ? undefined : { header, maxMs };
}

/** Whether clients may ask what their operations cost. */
function isTold({ cost }: Config): boolean {
  return cost.mode !== 'off' && cost.extensions === 'header';
}

function tierOf(identity: Identity): string | undefined {
  return identity.kind === 'anonymous' ? undefined : identity.tier;
}

/** Of an identity, in milliseconds since the epoch. */
function expiryOf(identity: Identity): number {
  return identity.kind === 'anonymous' ? Number.POSITIVE_INFINITY : identity.expiresAt;
}

/** How long clients may go on, in the words of their doors. */
function rightsOf(contexts: RequestContexts): Rights {
  return {
    expiryOf: (scope) => expiryOf((scope as RequestScope & RequestContext).identity),
    renew: (scope) => contexts.renew(scope as RequestScope & RequestContext),
    callerOf: (scope) => callerOf((scope as RequestScope & RequestContext).identity),
  };
}

interface ConnectedIdentity extends SocketIdentity {
  readonly identity: Identity;
}

/** Who speaks on WebSockets, in the words of their door. */
function socketContextsOf(contexts: RequestContexts, hooks: HookRunner | undefined): SocketContexts {
  const connected = (identity: Identity): ConnectedIdentity => {
    return { identity, expiresAt: expiryOf(identity), caller: callerOf(identity) };
  };
  // What `connect` and `refresh` gave out comes back: the door has seen less of it.
  const of = (given: SocketIdentity) => (given as ConnectedIdentity).identity;
  return {
    connect: async ({ rawHeaders, ip, log }, payload) =>
      connected(await contexts.connections.connect({ rawHeaders, payload, ip, log })),
    async refresh(given, { ip, log }, payload) {
      const next = await contexts.connections.refresh(of(given), { ip, log, payload });
      return next === of(given) ? given : connected(next);
    },
    async open(given, { rawHeaders, ip, log }, extensions) {
      const identity = await contexts.connections.operate(of(given), { ip, log, extensions });
      const opened = contexts.open({ id: randomUUID(), identity, ip, rawHeaders, extensions });
      return afterOnRequest(hooks, opened, rawHeaders);
    },
  };
}

/** What a pattern of header rules never matches: credentials. */
function headerSourcesOf({ headers, authentication: { apiKeys } }: Config): ReadHeaderSources {
  return compileHeaderSources(headers.requests, apiKeys ? [apiKeys.header] : []);
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
    execute: (prepared, { variables = {} }, scope, takesParts = false) => {
      const [asked, context] = [prepared as PreparedRequest, scope as RequestScope & RequestContext];
      return gateway.answer(takesParts ? inParts(asked, context) : asked, variables, context);
    },
  };
}

/** What the health endpoints tell. */
function healthOf(gateway: Gateway, { rest }: KnownOperations): HealthSource {
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
      if (rest && rest.problems.length > 0) checks.operations = { status: 'degraded', misfits: rest.problems.length };
      if (gateway.redisStatus) checks.redis = { status: gateway.redisStatus };
      for (const [name, { healthy, durationMs }] of subgraphs) {
        const { instances = [], discovery, breaker } = resilience.get(name) ?? {};
        const available = instances.filter(({ circuit }) => circuit === 'closed').length;
        const isBroken = breaker !== undefined && breaker.phase !== 'closed';
        const isDegraded = available < instances.length || discovery?.isStale || isBroken;
        const status = !healthy ? 'down' : isDegraded ? 'degraded' : 'up';
        const count = instances.length > 1 || discovery ? { instances: instances.length, available } : {};
        const source = discovery && { discovery: { kind: discovery.kind, status: discovery.isStale ? 'stale' : 'up' } };
        checks[`subgraph:${name}`] = {
          status,
          durationMs: Math.round(durationMs),
          ...count,
          ...source,
          ...(breaker && { breaker: breaker.phase }),
        };
      }
      return checks;
    },
  };
}
