/**
 * A server from files: configuration and supergraph are read, everything is joined, the HTTP door opens.
 * In: paths, overrides and the environment. Out: a running gateway. Clock: once per process.
 * Problems of the user's files are thrown as `ConfigError` and `CompositionError`, whose messages name file and line.
 */
import type { GraphQLDoor, RequestScope } from './client/door';
import type { HealthCheck, HealthSource } from './client/health';
import { createHttpServer } from './client/http';
import { type Config, ConfigError, loadConfig, strayOverrides } from './config';
import { createAuthenticator } from './context/authenticate';
import { createRequestContexts, type RequestContexts, requestIdHeader } from './context/create-request-context';
import { configuredIssuerProblems, createIssuers } from './context/issuers';
import { createFetchText } from './context/jwks-fetch';
import { anonymous, type RequestContext } from './context/request-context';
import { createSubgraphIdentity, type SubgraphIdentity, subgraphIdentityHeader } from './context/subgraph-identity';
import { createTokenVerifier } from './context/tokens';
import { createGateway, type Gateway } from './gateway';
import type { PreparedRequest } from './pipeline';
import { CompositionError, composeSupergraph } from './supergraph/composition';
import { PlannerThread } from './supergraph/planner-client';
import { readSupergraphSource } from './supergraph/sources';
import { createLog, type Log } from './telemetry/log';
import { createMetrics } from './telemetry/metrics';

export interface ServeOptions {
  /** A `supergraph.yaml`, or a composed supergraph as `.graphql`. */
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
  /** Drains: no new connections, running operations finish. */
  close(): Promise<void>;
}

const healthTimeoutMs = 1_500;

/** Starts a gateway; everything that was started is ended again when it fails. */
export async function serve(options: ServeOptions): Promise<RunningGateway> {
  const loaded = loadConfig({ file: options.config, env: options.env, check: configuredIssuerProblems });
  if (loaded.kind === 'problems') throw new ConfigError(loaded.problems);
  const { config } = loaded;
  const log = createLog(config.telemetry.logLevel);
  const identity = config.subgraphIdentity && createSubgraphIdentity({ ...config.subgraphIdentity, now: Date.now });
  const planner = new PlannerThread({ ...config.planner, log });
  try {
    const sdl = await composeFile(options, planner, identity, log);
    return await open(options, config, sdl, planner, identity, log);
  } catch (error) {
    await planner.close();
    throw error;
  }
}

async function composeFile(
  { supergraph, env }: ServeOptions,
  planner: PlannerThread,
  identity: SubgraphIdentity | undefined,
  log: Log,
): Promise<string> {
  const read = await readSupergraphSource(supergraph, { env, headers: () => identityHeaders(identity) });
  if (read.kind === 'problems') throw new ConfigError(read.problems);
  const composition = await composeSupergraph(read.source, planner);
  if (composition.kind === 'failed') throw new CompositionError(supergraph, composition.errors);
  for (const { code, message } of composition.hints) log.debug({ code }, message);
  return composition.supergraphSdl;
}

/** What a call of the gateway itself carries, so that subgraphs know it. */
function identityHeaders(identity: SubgraphIdentity | undefined): Readonly<Record<string, string>> {
  return identity ? { [subgraphIdentityHeader]: identity.tokenFor(anonymous) } : {};
}

async function open(
  options: ServeOptions,
  config: Config,
  sdl: string,
  planner: PlannerThread,
  identity: SubgraphIdentity | undefined,
  log: Log,
): Promise<RunningGateway> {
  const metrics = createMetrics();
  const gateway = createGateway(
    { supergraph: { sdl }, config },
    {
      log,
      planner,
      ownHeaders: [requestIdHeader, subgraphIdentityHeader],
      subgraphHealthHeaders: () => identityHeaders(identity),
      onSubgraphCall: ({ subgraph, outcome, durationMs }) =>
        metrics.subgraphRequest(subgraph, outcome, durationMs / 1_000),
      contextOf: (contextValue) => contextValue as RequestContext,
    },
  );
  const contexts = createContexts(config, identity, log);
  const http = await createHttpServer(
    { ...config.server, metrics: config.telemetry.metrics, expressLane: true, trustedProxies: [] },
    {
      door: doorOf(gateway),
      createContext: (request) => contexts.openHttp(request),
      health: healthOf(gateway),
      metrics,
      log,
    },
  );
  for (const stray of strayOverrides(config, gateway.current?.subgraphNames ?? [])) log.warn({}, stray);
  const graphqlUrl = await http.listen(options.port ?? config.server.port, options.host ?? config.server.host);
  log.info({ url: graphqlUrl, subgraphs: gateway.current?.subgraphNames, generation: gateway.current?.id }, 'ready');
  return {
    url: new URL(graphqlUrl).origin,
    graphqlUrl,
    close: async () => {
      await http.close({ timeoutMs: config.timeouts.drainMs });
      await gateway.stop();
      metrics.close();
    },
  };
}

function createContexts(config: Config, identity: SubgraphIdentity | undefined, log: Log): RequestContexts {
  const { required } = config.authentication;
  const issuers = createIssuers(config.authentication.issuers, { fetchText: createFetchText(), now: Date.now, log });
  const tokens = createTokenVerifier({ issuers, now: Date.now });
  // The keys are fetched while the gateway starts; an issuer that is down does not hold it up.
  void tokens.warm();
  return createRequestContexts({
    authenticator: createAuthenticator({ tokens, required }),
    ...(identity && { subgraphIdentity: identity }),
    forwardHeaders: forwardedHeaders(config),
    log,
    now: Date.now,
    timeoutMs: config.timeouts.operationMs,
  });
}

/** The client's headers that at least one subgraph gets. */
function forwardedHeaders({ subgraphs: { defaults, overrides } }: Config): readonly string[] {
  const all = [defaults, ...Object.values(overrides)].flatMap(({ forwardHeaders }) => forwardHeaders ?? []);
  return [...new Set(all)];
}

function doorOf(gateway: Gateway): GraphQLDoor {
  return {
    gateway,
    prepare: (source, operationName) => gateway.prepare(source, operationName),
    // What `prepare` and `createContext` gave out comes back: the door has seen less of it.
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
      const checks: Record<string, HealthCheck> = { gateway: { status: 'up', generation: current.id } };
      if (gateway.redisStatus) checks.redis = { status: gateway.redisStatus };
      for (const [name, { healthy, durationMs }] of subgraphs) {
        checks[`subgraph:${name}`] = { status: healthy ? 'up' : 'down', durationMs: Math.round(durationMs) };
      }
      return checks;
    },
  };
}
