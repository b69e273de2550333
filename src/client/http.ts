/**
 * The HTTP door: the GraphQL path straight on Node's server, and fastify for pages, health, metrics, CORS and the rest.
 * Clock: per start (assembly), per request (which of both). What is decided is decided in the files beside it.
 * It reads no configuration but what it is given.
 */
import type { RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server as SecureServer } from 'node:tls';
import compress from '@fastify/compress';
import cors from '@fastify/cors';
import fastify, { type FastifyInstance } from 'fastify';
import type { ServerTls } from '../config/tls';
import type { ErrorCode } from '../errors';
import type { Log } from '../telemetry/log';
import type { Metrics } from '../telemetry/metrics';
import type { Tracer } from '../telemetry/traces';
import { type ApolloServerPlugin, createApolloLane } from './apollo-lane';
import { createClientAddress } from './client-address';
import type { ConnectionCountLimits } from './connection-counts';
import {
  type ConnectionLimits,
  type Connections,
  createConnections,
  type DrainOptions,
  type ServeRequest,
} from './connections';
import type { TrustedDocuments } from './document-choice';
import type { GraphQLDoor, RequestScope, Rights, SocketContexts } from './door';
import { type StreamDeps, StreamRegistry } from './event-streams';
import { createExchangeObserver } from './exchange';
import { scheduleTimer } from './expiry';
import { createFrameworkErrorHandler, createNotFoundHandler, handOver, sendError } from './fastify-replies';
import { createGraphQLHandler, type GraphQLHandler } from './graphql-handler';
import { type AnswerRefusal, answerErrors } from './graphql-response';
import { addHealthRoutes, type HealthSource } from './health';
import { allowedMethods, corsOptions, requestIdOf, urlOf } from './http-paths';
import type { Idempotency } from './idempotency';
import {
  addPageRoutes,
  createPageGuard,
  type PageGuard,
  type PageGuardDeps,
  renderSandboxPage,
  sendPage,
} from './landing-pages';
import { type LoadShedder, openLoadShedder } from './load-shedding';
import { prefersHtml } from './negotiation';
import type { OutboxLimits, SlowConsumerPolicy } from './outbox';
import { addRestPages, type RestPagesOptions } from './rest/pages';
import { problemOf } from './rest/respond';
import { createRestDoor, type RestDoor, type RestOptions } from './rest/serve-rest';
import { RightsWatch } from './rights-watch';
import { readSecurityHeaders } from './security-headers';
import { createServeGraphQL, type ServeGraphQL } from './serve-graphql';
import { openRedirect, type Redirect, ServerCertificate } from './tls';
import { openWebSocketDoor, type WebSocketDoor } from './websocket';

export interface HttpConfig extends Omit<ConnectionLimits, 'certificate'> {
  /** Absent: clients speak plain HTTP. */
  readonly tls?: ServerTls | undefined;
  readonly graphqlPath: string;
  /** Of a request body, before and after it is inflated. */
  readonly maxBodyBytes: number;
  readonly compression: boolean;
  readonly cors: { readonly origins: readonly string[]; readonly credentials: boolean };
  readonly introspection: boolean;
  /** Apollo Sandbox at the GraphQL path, GraphiQL at `/graphiql`. */
  readonly explorer: boolean;
  /** Prometheus's numbers at `/metrics`. */
  readonly metrics: boolean;
  /** Whether prepared POSTs skip Apollo Server. Off by itself when a plugin with request hooks is installed. */
  readonly expressLane: boolean;
  /** Addresses or CIDR ranges whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  readonly subscriptions: SubscriptionsConfig;
  readonly overload: Parameters<typeof openLoadShedder>[0];
}

export interface SubscriptionsConfig extends ConnectionCountLimits {
  readonly websocket: boolean;
  readonly eventStreams: boolean;
  readonly maxOperationsPerConnection: number;
  readonly maxMessageBytes: number;
  readonly initTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly recheckMs: number;
  readonly slowConsumers: SlowConsumerPolicy;
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
}

export interface HttpDeps extends PageGuardDeps {
  readonly door: GraphQLDoor;
  readonly sockets: SocketContexts;
  /** What a caller has paid for. */
  readonly tierOf: (context: RequestScope) => string | undefined;
  readonly rights: Rights;
  /** Documents that clients may name by an id. */
  readonly trusted?: TrustedDocuments | undefined;
  /** Of mutations that are sent with an `Idempotency-Key`, by every HTTP door. */
  readonly idempotency: Idempotency;
  /** Absent: there are no REST routes. */
  readonly rest?: RestDeps | undefined;
  readonly health: HealthSource;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly tracer?: Tracer | undefined;
  readonly plugins?: readonly ApolloServerPlugin[];
}

export interface RestDeps extends Pick<RestOptions, 'routes' | 'prefixes' | 'proxy'> {
  /** Absent: neither /openapi.json nor /docs. */
  readonly pages: RestPagesOptions | undefined;
}

export interface HttpServer {
  /** For the doors that take over a connection (`upgrade`). */
  readonly server: Server;
  /** A request without a socket, for tests. */
  readonly inject: FastifyInstance['inject'];
  /** Resolves to the URL of the GraphQL path, with the port that was taken. */
  listen(port: number, host: string): Promise<string>;
  /**
   * Readiness off; after `readinessMs` `Connection: close` on every answer, no new connections, requests finish, and
   * everything is let go. Never takes much longer than `readinessMs` and `timeoutMs` together. The door's gateway is not stopped: others may still use it.
   */
  close(options?: Partial<CloseOptions>): Promise<void>;
}

export interface CloseOptions extends DrainOptions {
  /** How long everything is served as before, for balancers that read `/health/ready` to look away. */
  readonly readinessMs: number;
}

/** Assembles the HTTP door and loads the gateway into Apollo Server. Rejects when the gateway does not load. */
export async function createHttpServer(config: HttpConfig, deps: HttpDeps): Promise<HttpServer> {
  const { metrics, log } = deps;
  const plugins = deps.plugins ?? [];
  const apolloLane = createApolloLane({ door: deps.door, introspection: config.introspection, plugins, log });
  await apolloLane.start();

  const securityHeaders = await readSecurityHeaders(fastify(), config.tls === undefined);
  const watch = createRightsWatch(config, deps);
  const shedder = openLoadShedder(config.overload, deps);
  const certificate = config.tls && new ServerCertificate(config.tls, log);
  const handle = createGraphQLHandler({
    door: deps.door,
    shedder,
    createContext: deps.createContext,
    apolloLane,
    expressLane: config.expressLane && plugins.every((plugin) => plugin.requestDidStart === undefined),
    maxBodyBytes: config.maxBodyBytes,
    trusted: deps.trusted,
    idempotency: deps.idempotency,
    streams: config.subscriptions.eventStreams ? streamDeps(config, deps, watch) : undefined,
  });
  const streams = new StreamRegistry(config.subscriptions);
  const { app, connections, serve, rest } = createApp(config, deps, securityHeaders, {
    handle,
    streams,
    shedder,
    certificate,
  });
  const sockets = config.subscriptions.websocket
    ? openSockets(connections.server, config, deps, watch, shedder)
    : undefined;
  metrics.clients.observeQueues(() => streams.queueDepth + (sockets?.queueDepth ?? 0));
  if (config.compression) {
    await app.register(compress, {
      threshold: 1_024,
      encodings: ['br', 'gzip', 'deflate'],
      globalDecompression: false,
    });
  }
  if (config.cors.origins.length > 0) await app.register(cors, corsOptions(config.cors, rest !== undefined));
  const isShown = createPageGuard(deps);
  addGraphQLRoute(app, config, securityHeaders, serve, isShown);
  if (config.explorer) addPageRoutes(app, config.graphqlPath, isShown);
  if (rest) addRestRoutes(app, deps.rest?.prefixes ?? [], securityHeaders, rest);
  if (deps.rest?.pages) addRestPages(app, deps.rest.pages);
  addHealthRoutes(app, deps.health, connections.isClosing);
  if (config.metrics) {
    app.get('/metrics', async (_request, reply) => {
      const { contentType, body } = await metrics.render();
      return reply.header('content-type', contentType).header('cache-control', 'no-store').send(body);
    });
  }
  await app.ready();

  let closing: Promise<void> | undefined;
  let redirect: Redirect | undefined;
  const close = async (options: Partial<CloseOptions>) => {
    const { readinessMs = 0, timeoutMs = 10_000, idleGraceMs = Math.min(1_000, timeoutMs / 4) } = options;
    connections.announceClosing();
    if (readinessMs > 0 && connections.server.listening) await sleep(readinessMs);
    streams.shutDown(timeoutMs * streamsShare);
    await Promise.all([connections.drain({ timeoutMs, idleGraceMs }), sockets?.close(timeoutMs)]);
    watch.close();
    await apolloLane.stop();
    await app.close();
    shedder?.close();
    certificate?.close();
    await redirect?.close();
  };
  return {
    server: connections.server,
    inject: app.inject.bind(app) as FastifyInstance['inject'],
    async listen(port, host) {
      await app.listen({ port, host });
      const address = connections.server.address() as AddressInfo;
      certificate?.watch(connections.server as Server & SecureServer);
      const from = config.tls?.redirectPort;
      if (from !== undefined) redirect = await openRedirect(from, host, address.port);
      if (redirect) log.info({ port: redirect.port }, 'HTTP is sent to HTTPS.');
      return urlOf(address, config.graphqlPath, certificate !== undefined);
    },
    close(options = {}) {
      closing ??= close(options);
      return closing;
    },
  };
}

/** Of the time that the server has to close: streams end within it, so that clients do not come back all at once. */
const streamsShare = 0.5;

function outboxLimits({ subscriptions }: HttpConfig): OutboxLimits {
  const { maxQueuedMessages: maxMessages, maxQueuedBytes: maxBytes, slowConsumers } = subscriptions;
  return { maxMessages, maxBytes, slowConsumers };
}

function createRightsWatch({ subscriptions: { recheckMs } }: HttpConfig, { rights }: HttpDeps): RightsWatch {
  return new RightsWatch({ rights, recheckMs, now: Date.now, schedule: scheduleTimer });
}

function streamDeps(config: HttpConfig, { door, metrics }: HttpDeps, watch: RightsWatch): StreamDeps {
  return {
    door,
    limits: outboxLimits(config),
    heartbeatMs: config.subscriptions.pingIntervalMs,
    metrics: metrics.clients,
    watch,
  };
}

function openSockets(
  server: Server,
  config: HttpConfig,
  deps: HttpDeps,
  watch: RightsWatch,
  shedder: LoadShedder | undefined,
): WebSocketDoor {
  const { subscriptions, graphqlPath, cors } = config;
  const clientAddress = createClientAddress(config.trustedProxies);
  return openWebSocketDoor(
    server,
    {
      ...subscriptions,
      ...outboxLimits(config),
      maxOperations: subscriptions.maxOperationsPerConnection,
      graphqlPath,
      origins: cors.origins,
    },
    {
      door: deps.door,
      contexts: deps.sockets,
      trusted: deps.trusted,
      ipOf: (request) => clientAddress(request, request.socket.remoteAddress ?? ''),
      metrics: deps.metrics.clients,
      log: deps.log,
      watch,
      shedder,
    },
  );
}

interface AppParts {
  readonly handle: GraphQLHandler;
  readonly streams: StreamRegistry;
  readonly shedder: LoadShedder | undefined;
  readonly certificate: ServerCertificate | undefined;
}

function createApp(
  config: HttpConfig,
  deps: HttpDeps,
  securityHeaders: Readonly<Record<string, string>>,
  { handle, streams, shedder, certificate }: AppParts,
) {
  const { log, metrics } = deps;
  const { maxBodyBytes, compression } = config;
  let connections: Connections | undefined;
  const observer = createExchangeObserver(metrics);
  const clientAddress = createClientAddress(config.trustedProxies);
  const refusalOf = (response: ServerResponse) => connections?.refusalOf(response);
  const shared = { shedder, observer, log, maxBodyBytes, compression, clientAddress, refusalOf, tracer: deps.tracer };
  const serve = createServeGraphQL({ ...shared, handle, streams, callerOf: deps.rights.callerOf });
  const { door, createContext, idempotency } = deps;
  const rest = deps.rest && createRestDoor({ ...shared, ...deps.rest, door, createContext, idempotency });
  const answerRefusal: AnswerRefusal = (error, url, sink) =>
    url !== undefined && rest?.pathOf(url) !== undefined
      ? problemOf([error], sink, false)
      : answerErrors([error], 'application/json', sink);
  const failures = { answerRefusal, log, maxBodyBytes };
  const app = fastify({
    bodyLimit: maxBodyBytes,
    requestIdHeader: false,
    genReqId: (request) => connections?.idOf(request) ?? requestIdOf(request),
    // A server that closes still answers what it accepted.
    return503OnClosing: false,
    frameworkErrors: createFrameworkErrorHandler(securityHeaders, failures),
    serverFactory: (listener) => {
      const route = createRouter(config, serve, rest, listener as RequestListener);
      const onRefusal = (code: ErrorCode) => metrics.connectionRefused(code);
      connections = createConnections({ ...config, certificate }, route, answerRefusal, onRefusal);
      return connections.server;
    },
    clientErrorHandler: (error, socket) => connections?.refuse(error, socket),
  });
  if (connections === undefined) throw new Error('fastify did not make its server');

  const notFound = createNotFoundHandler(allowedMethods(config, deps), failures);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id).headers(securityHeaders);
    // Here, and not only after the body: fastify would read and judge it first.
    if (request.is404) notFound(request, reply);
    else done();
  });
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, failures));
  app.setNotFoundHandler(notFound);
  return { app, connections, serve, rest };
}

/** The usual request goes past fastify; one that a hook of fastify has a say in, or that has another URL, does not. */
function createRouter(
  config: HttpConfig,
  serve: ServeGraphQL,
  rest: RestDoor | undefined,
  fastifyListener: RequestListener,
): ServeRequest {
  const { graphqlPath } = config;
  const hasCors = config.cors.origins.length > 0;
  return (request, response, id) => {
    const { method, url = '', headers } = request;
    if (hasCors && headers.origin !== undefined) fastifyListener(request, response);
    else if (method === 'POST' && url === graphqlPath) serve(request, response, id);
    else if (rest?.pathOf(url) !== undefined) rest.serve(request, response, id);
    else fastifyListener(request, response);
  };
}

/** For requests that a hook of fastify has a say in. */
function addRestRoutes(
  app: FastifyInstance,
  prefixes: readonly string[],
  securityHeaders: Readonly<Record<string, string>>,
  rest: RestDoor,
): void {
  for (const url of prefixes.flatMap((prefix) => [prefix, `${prefix}/*`])) {
    app.route({
      method: app.supportedMethods,
      url,
      onRequest(request, reply) {
        handOver(reply, securityHeaders);
        rest.serve(request.raw, reply.raw, request.id);
      },
      handler: (_request, reply) => reply,
    });
  }
}

function addGraphQLRoute(
  app: FastifyInstance,
  config: HttpConfig,
  securityHeaders: Readonly<Record<string, string>>,
  serve: ServeGraphQL,
  isShown: PageGuard,
): void {
  const page = config.explorer ? renderSandboxPage() : undefined;
  app.route({
    method: ['GET', 'POST'],
    url: config.graphqlPath,
    exposeHeadRoute: false,
    async onRequest(request, reply) {
      const wantsPage = page !== undefined && request.method === 'GET' && prefersHtml(request.headers.accept);
      if (wantsPage && (await isShown(request))) return sendPage(reply, page);
      handOver(reply, securityHeaders);
      serve(request.raw, reply.raw, request.id);
      return reply;
    },
    handler: (_request, reply) => reply,
  });
}
