/**
 * The HTTP door: the GraphQL path straight on Node's server, and fastify for pages, health, metrics, CORS and the rest.
 * Clock: per start (assembly), per request (which of both). What is decided is decided in the files beside it.
 * It reads no configuration but what it is given.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import compress from '@fastify/compress';
import cors from '@fastify/cors';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { Log } from '../telemetry/log';
import type { Metrics } from '../telemetry/metrics';
import { type ApolloServerPlugin, createApolloLane } from './apollo-lane';
import { type ConnectionLimits, type Connections, createConnections, type DrainOptions } from './connections';
import type { CreateContext, GraphQLDoor } from './door';
import { createExchangeObserver } from './exchange';
import { createFrameworkErrorHandler, createNotFoundHandler, sendError } from './fastify-replies';
import { createGraphQLHandler, type GraphQLHandler } from './graphql-handler';
import { addHealthRoutes, type HealthSource } from './health';
import { addPageRoutes, explorerPath, renderSandboxPage, sendPage } from './landing-pages';
import { prefersHtml } from './negotiation';
import { readSecurityHeaders } from './security-headers';
import { createServeGraphQL, type ServeGraphQL } from './serve-graphql';

export interface HttpConfig extends ConnectionLimits {
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
}

export interface HttpDeps {
  readonly door: GraphQLDoor;
  readonly createContext: CreateContext;
  readonly health: HealthSource;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly plugins?: readonly ApolloServerPlugin[];
}

export interface HttpServer {
  /** For the doors that take over a connection (`upgrade`). */
  readonly server: Server;
  /** A request without a socket, for tests. */
  readonly inject: FastifyInstance['inject'];
  /** Resolves to the URL of the GraphQL path, with the port that was taken. */
  listen(port: number, host: string): Promise<string>;
  /**
   * Readiness off, `Connection: close` on every answer, no new connections, requests finish, then everything is let go.
   * Never takes much longer than `timeoutMs`. The door's gateway is not stopped: others may still use it.
   */
  close(options?: Partial<DrainOptions>): Promise<void>;
}

/** Assembles the HTTP door and loads the gateway into Apollo Server. Rejects when the gateway does not load. */
export async function createHttpServer(config: HttpConfig, deps: HttpDeps): Promise<HttpServer> {
  const { metrics, log } = deps;
  const plugins = deps.plugins ?? [];
  const apolloLane = createApolloLane({ door: deps.door, introspection: config.introspection, plugins, log });
  await apolloLane.start();

  const securityHeaders = await readSecurityHeaders(fastify());
  const handle = createGraphQLHandler({
    door: deps.door,
    createContext: deps.createContext,
    apolloLane,
    expressLane: config.expressLane && plugins.every((plugin) => plugin.requestDidStart === undefined),
    maxBodyBytes: config.maxBodyBytes,
  });
  const { app, connections, serve } = createApp(config, deps, securityHeaders, handle);
  if (config.compression) {
    await app.register(compress, {
      threshold: 1_024,
      encodings: ['br', 'gzip', 'deflate'],
      globalDecompression: false,
    });
  }
  if (config.cors.origins.length > 0) await app.register(cors, corsOptions(config.cors));
  addGraphQLRoute(app, config, securityHeaders, serve);
  if (config.explorer) addPageRoutes(app, config.graphqlPath);
  addHealthRoutes(app, deps.health, connections.isClosing);
  if (config.metrics) {
    app.get('/metrics', async (_request, reply) => {
      const { contentType, body } = await metrics.render();
      return reply.header('content-type', contentType).header('cache-control', 'no-store').send(body);
    });
  }
  await app.ready();

  let closing: Promise<void> | undefined;
  const close = async ({ timeoutMs = 10_000, idleGraceMs = Math.min(1_000, timeoutMs / 4) }: Partial<DrainOptions>) => {
    await connections.drain({ timeoutMs, idleGraceMs });
    await apolloLane.stop();
    await app.close();
  };
  return {
    server: connections.server,
    inject: app.inject.bind(app) as FastifyInstance['inject'],
    async listen(port, host) {
      await app.listen({ port, host });
      return urlOf(connections.server.address() as AddressInfo, config.graphqlPath);
    },
    close(options = {}) {
      closing ??= close(options);
      return closing;
    },
  };
}

function createApp(
  config: HttpConfig,
  { log, metrics }: HttpDeps,
  securityHeaders: Readonly<Record<string, string>>,
  handle: GraphQLHandler,
) {
  const { maxBodyBytes } = config;
  let connections: Connections | undefined;
  const serve = createServeGraphQL({
    handle,
    observer: createExchangeObserver(metrics),
    log,
    maxBodyBytes,
    compression: config.compression,
    refusalOf: (response) => connections?.refusalOf(response),
  });
  const app = fastify({
    bodyLimit: maxBodyBytes,
    trustProxy: config.trustedProxies.length > 0 ? [...config.trustedProxies] : false,
    requestIdHeader: false,
    genReqId: requestIdOf,
    // A server that closes still answers what it accepted.
    return503OnClosing: false,
    frameworkErrors: createFrameworkErrorHandler(log, securityHeaders, maxBodyBytes),
    serverFactory: (listener) => {
      const route = createRouter(config, serve, listener as RequestListener);
      connections = createConnections(config, route, (code) => metrics.connectionRefused(code));
      return connections.server;
    },
    clientErrorHandler: (error, socket) => connections?.refuse(error, socket),
  });
  if (connections === undefined) throw new Error('fastify did not make its server');

  const notFound = createNotFoundHandler(allowedMethods(config), log, maxBodyBytes);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id).headers(securityHeaders);
    // Here, and not only after the body: fastify would read and judge it first.
    if (request.is404) notFound(request, reply);
    else done();
  });
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, log, maxBodyBytes));
  app.setNotFoundHandler(notFound);
  return { app, connections, serve };
}

/** The usual request goes past fastify; one that a hook of fastify has a say in, or that has another URL, does not. */
function createRouter(config: HttpConfig, serve: ServeGraphQL, fastifyListener: RequestListener): RequestListener {
  const { graphqlPath } = config;
  const hasCors = config.cors.origins.length > 0;
  const hasProxies = config.trustedProxies.length > 0;
  return (request, response) => {
    const usual = request.method === 'POST' && request.url === graphqlPath && !hasProxies;
    if (usual && !(hasCors && request.headers.origin !== undefined)) {
      serve(request, response, requestIdOf(request), request.socket.remoteAddress ?? '');
    } else fastifyListener(request, response);
  };
}

function addGraphQLRoute(
  app: FastifyInstance,
  config: HttpConfig,
  securityHeaders: Readonly<Record<string, string>>,
  serve: ServeGraphQL,
): void {
  const page = config.explorer ? renderSandboxPage() : undefined;
  app.route({
    method: ['GET', 'POST'],
    url: config.graphqlPath,
    exposeHeadRoute: false,
    onRequest(request, reply) {
      if (page !== undefined && request.method === 'GET' && prefersHtml(request.headers.accept)) {
        sendPage(reply, page);
        return;
      }
      handOver(reply, securityHeaders);
      serve(request.raw, reply.raw, request.id, request.ip);
    },
    handler: (_request, reply) => reply,
  });
}

/** Takes the response from fastify, with the headers that its hooks (CORS) have set. */
function handOver(reply: FastifyReply, securityHeaders: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined && !Object.hasOwn(securityHeaders, name)) reply.raw.setHeader(name, value);
  }
  reply.hijack();
}

/** A caller's id is kept when it is short and printable, so that one id runs through all logs; else a new one. */
function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{8,64}$/.test(given) ? given : randomUUID();
}

function corsOptions({ origins, credentials }: HttpConfig['cors']) {
  return {
    origin: origins.includes('*') ? '*' : [...origins],
    credentials,
    methods: ['GET', 'POST'],
    exposedHeaders: ['x-request-id', 'retry-after'],
    maxAge: 600,
    strictPreflight: false,
  };
}

function allowedMethods(config: HttpConfig): ReadonlyMap<string, string> {
  const get = 'GET, HEAD, OPTIONS';
  const reads = [
    '/health',
    '/health/live',
    '/health/ready',
    ...(config.metrics ? ['/metrics'] : []),
    ...(config.explorer ? ['/', explorerPath] : []),
  ];
  return new Map([[config.graphqlPath, 'GET, POST, OPTIONS'], ...reads.map((path): [string, string] => [path, get])]);
}

function urlOf({ address, family, port }: AddressInfo, path: string): string {
  const unspecified = address === '0.0.0.0' || address === '::';
  const host = unspecified ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
  return `http://${host}:${port}${path}`;
}
