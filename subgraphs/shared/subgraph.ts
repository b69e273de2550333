/**
 * One subgraph as a running server: migrate, seed, build the schema, listen.
 * In: a definition. Out: `/graphql` over POST and WebSocket (for the gateway alone), `GET /health`, own routes.
 * Convention: `subgraphs/<name>/subgraph.ts` exports `create<Name>Subgraph(env: NodeJS.ProcessEnv): SubgraphDefinition`,
 * `subgraphs/<name>/context.ts` the context type, `<name>/migrations/0001-*.sql` the tables.
 */
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { ApolloServer, HeaderMap, type HTTPGraphQLResponse } from '@apollo/server';
import {
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { GraphQLResolverMap } from '@apollo/subgraph/dist/schema-helper';
import { type GraphQLSchema, parse } from 'graphql';
import type { Log } from '../../src/telemetry/log';
import { type Database, openDatabase } from './database';
import { createErrorMask } from './errors';
import { createLocalEvents, type Events } from './events';
import {
  graphqlRefusal,
  type HttpRequest,
  type HttpResponse,
  type HttpRoute,
  jsonResponse,
  startHttpServer,
} from './http-server';
import { type Caller, IDENTITY_HEADER, IdentityRefused, identityKey, verifyIdentity } from './identity';
import { createLiveServer, type LiveServer } from './live';
import { migrate, seedOnce } from './migrate';

/** What a subgraph knows of a GraphQL request before it is executed. */
export interface SubgraphRequest {
  readonly caller: Caller;
  readonly headers: IncomingHttpHeaders;
  /** Of the gateway, for the log. */
  readonly requestId: string | undefined;
}

/** All that makes a subgraph: schema, resolvers, tables, data. */
export interface SubgraphDefinition<Context extends object> {
  readonly name: string;
  /** Absolute path of `schema.graphql`. */
  readonly schemaFile: string;
  /** Types and their fields, as the generated `Resolvers` type describes them. */
  readonly resolvers: object;
  /** Absolute path of the directory with `0001-name.sql`. */
  readonly migrationsDirectory: string;
  /** Fills an empty database; runs once in its life, in a transaction. Deterministic. */
  seed(db: Database): Promise<void>;
  /** Runs for every request and every event of a subscription; make loaders here. */
  createContext(request: SubgraphRequest, db: Database, events: Events): Context;
  /** Work beside requests; what comes back ends it. Neither may throw. */
  run?(db: Database, events: Events): () => Promise<void>;
  /**
   * Plain HTTP routes. They are reachable without the gateway's token and must protect themselves; `callerOf` tells who
   * calls, undefined for somebody without a valid token.
   */
  routes?(
    db: Database,
    callerOf: (headers: IncomingHttpHeaders) => Caller | undefined,
    events: Events,
  ): readonly HttpRoute[];
}

export interface SubgraphOptions {
  readonly databaseUrl: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly host?: string;
  /** Shared with the gateway, at least 32 bytes. */
  readonly identitySecret: string;
  /** The issuer whose subjects are our users; subjects of others are anonymous. Without it, all are users. */
  readonly userIssuer?: string;
  readonly log: Log;
  /** Shared by the subgraphs of a process, whose it is to close; without it, events stay within this subgraph. */
  readonly events?: Events;
  /** Whether to fill an empty database (default: yes). */
  readonly seed?: boolean;
  /** Told of every SQL statement; for tests that count. */
  readonly onQuery?: (sql: string) => void;
}

export interface RunningSubgraph {
  readonly name: string;
  /** Base URL; GraphQL is at `/graphql`. */
  readonly url: string;
  readonly port: number;
  /** Lets running requests finish, then closes the connections to the database. */
  close(): Promise<void>;
}

const GRAPHQL_PATH = '/graphql';
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const HEALTH_TIMEOUT_MS = 2_000;

/**
 * Starts one subgraph. Rejects, with everything closed again, when the secret is too short, the database cannot be
 * reached or migrated, the schema does not build, or the port is taken (`EADDRINUSE`).
 */
export async function startSubgraph<Context extends object>(
  definition: SubgraphDefinition<Context>,
  options: SubgraphOptions,
): Promise<RunningSubgraph> {
  const key = identityKey(options.identitySecret);
  const events = options.events ?? createLocalEvents();
  const db = openDatabase(options.databaseUrl, {
    ...(options.onQuery && { onQuery: options.onQuery }),
    onConnectionError: (error) =>
      options.log.warn({ subgraph: definition.name, cause: error.message }, 'A database connection broke'),
  });
  try {
    const schema = await buildSchema(definition);
    const apollo = createApollo<Context>(definition.name, schema, options.log);
    await migrate(db, definition.migrationsDirectory);
    if (options.seed ?? true) await seedOnce(db, (tx) => definition.seed(tx));
    await apollo.start();
    const callerOf = (headers: IncomingHttpHeaders) => readCaller(definition.name, headers, key, options);
    const createContext = (headers: IncomingHttpHeaders, caller: Caller) =>
      definition.createContext(toSubgraphRequest(headers, caller), db, events);
    const live = serveLive(schema, callerOf, createContext, options.log);
    const graphql = graphqlRoute(apollo, callerOf, createContext);
    const http = await startHttpServer(
      [graphql, healthRoute(definition.name, db), ...(definition.routes?.(db, callerOf, events) ?? [])],
      {
        host: options.host ?? '127.0.0.1',
        port: options.port,
        maxBodyBytes: MAX_BODY_BYTES,
        log: options.log,
        sockets: { path: GRAPHQL_PATH, upgrade: live.upgrade },
      },
    );
    const endWork = definition.run?.(db, events);
    return {
      name: definition.name,
      url: http.url,
      port: http.port,
      async close() {
        // Together: the server is closed when its sockets are, and takes none from now on.
        await Promise.all([http.close(), live.close()]);
        await endWork?.();
        if (!options.events) await events.close();
        await apollo.stop();
        await db.close();
      },
    };
  } catch (error) {
    await db.close();
    throw error;
  }
}

/** Whom the gateway vouches for; undefined, and a line in the log, without its token. */
function readCaller(
  subgraph: string,
  headers: IncomingHttpHeaders,
  key: KeyObject,
  { userIssuer, log }: SubgraphOptions,
): Caller | undefined {
  try {
    return verifyIdentity(headers[IDENTITY_HEADER], key, userIssuer);
  } catch (error) {
    if (!(error instanceof IdentityRefused)) throw error;
    log.warn({ subgraph, cause: error.message }, 'Refused a request without identity');
    return undefined;
  }
}

type CallerOf = (headers: IncomingHttpHeaders) => Caller | undefined;
type CreateContext<Context> = (headers: IncomingHttpHeaders, caller: Caller) => Context;

function serveLive(
  schema: GraphQLSchema,
  callerOf: CallerOf,
  createContext: CreateContext<object>,
  log: Log,
): LiveServer {
  return createLiveServer({
    schema,
    maxMessageBytes: MAX_BODY_BYTES,
    callerOf,
    createContext: (caller, headers) => createContext(headers, caller),
    formatError: createErrorMask(log),
  });
}

function graphqlRoute<Context extends object>(
  apollo: ApolloServer<Context>,
  callerOf: CallerOf,
  createContext: CreateContext<Context>,
): HttpRoute {
  return {
    method: 'POST',
    path: GRAPHQL_PATH,
    async handle(request) {
      const caller = callerOf(request.headers);
      if (!caller) return graphqlRefusal(401, 'UNAUTHENTICATED', 'Only the gateway may call this subgraph.');
      return await execute(apollo, request, () => createContext(request.headers, caller));
    },
  };
}

async function buildSchema({
  schemaFile,
  resolvers,
}: Pick<SubgraphDefinition<object>, 'schemaFile' | 'resolvers'>): Promise<GraphQLSchema> {
  const typeDefs = parse(await readFile(schemaFile, 'utf8'));
  return buildSubgraphSchema({ typeDefs, resolvers: resolvers as GraphQLResolverMap<unknown> });
}

function createApollo<Context extends object>(
  subgraph: string,
  schema: GraphQLSchema,
  log: Log,
): ApolloServer<Context> {
  return new ApolloServer<Context>({
    schema,
    // Both stand behind the identity token, as everything at /graphql does, `{ _service { sdl } }` too.
    introspection: true,
    csrfPrevention: true,
    includeStacktraceInErrorResponses: false,
    formatError: createErrorMask(log),
    stopOnTerminationSignals: false,
    plugins: [ApolloServerPluginLandingPageDisabled(), ApolloServerPluginInlineTraceDisabled()],
    logger: apolloLogger(subgraph, log),
  });
}

/** Apollo Server's own words, in our log. */
function apolloLogger(subgraph: string, log: Log) {
  const write = (level: keyof Log) => (message: unknown) => log[level]({ subgraph }, String(message));
  return { debug: write('debug'), info: write('debug'), warn: write('warn'), error: write('error') };
}

function toSubgraphRequest(headers: IncomingHttpHeaders, caller: Caller): SubgraphRequest {
  const requestId = headers['x-request-id'];
  return { caller, headers, requestId: typeof requestId === 'string' ? requestId : undefined };
}

async function execute<Context extends object>(
  apollo: ApolloServer<Context>,
  request: HttpRequest,
  createContext: () => Context,
): Promise<HttpResponse> {
  let body: unknown;
  try {
    body = JSON.parse(request.body.toString('utf8'));
  } catch {
    return graphqlRefusal(400, 'BAD_REQUEST', 'The body is not JSON.');
  }
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  const response = await apollo.executeHTTPGraphQLRequest({
    httpGraphQLRequest: { method: 'POST', headers, search: '', body },
    context: async () => createContext(),
  });
  return {
    status: response.status ?? 200,
    headers: Object.fromEntries(response.headers),
    body: await textOf(response),
  };
}

async function textOf({ body }: HTTPGraphQLResponse): Promise<string> {
  if (body.kind === 'complete') return body.string;
  let text = '';
  for await (const chunk of body.asyncIterator) text += chunk;
  return text;
}

function healthRoute(subgraph: string, db: Database): HttpRoute {
  return {
    method: 'GET',
    path: '/health',
    async handle() {
      const database = (await answers(db)) ? 'ok' : 'unreachable';
      const status = database === 'ok' ? 'ok' : 'failing';
      return jsonResponse(database === 'ok' ? 200 : 503, { status, subgraph, database });
    },
  };
}

async function answers(db: Database): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), HEALTH_TIMEOUT_MS);
  });
  const probe = db.query('select 1').then(
    () => true,
    () => false,
  );
  const healthy = await Promise.race([probe, timeout]);
  clearTimeout(timer);
  return healthy;
}
