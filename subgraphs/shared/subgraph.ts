/**
 * One subgraph as a running server: migrate, seed, build the schema, listen.
 * In: a definition. Out: `POST /graphql` (for the gateway alone), `GET /health`, and the subgraph's own routes.
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
import { parse } from 'graphql';
import type { Log } from '../../src/telemetry/log';
import { type Database, openDatabase } from './database';
import { createErrorMask } from './errors';
import {
  graphqlRefusal,
  type HttpRequest,
  type HttpResponse,
  type HttpRoute,
  jsonResponse,
  startHttpServer,
} from './http-server';
import { type Caller, IDENTITY_HEADER, IdentityRefused, identityKey, verifyIdentity } from './identity';
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
  /** Runs for every request; make loaders here. */
  createContext(request: SubgraphRequest, db: Database): Context;
  /** Plain HTTP routes. They are reachable without the gateway's token and must protect themselves. */
  routes?(db: Database): readonly HttpRoute[];
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
  const db = openDatabase(options.databaseUrl, {
    ...(options.onQuery && { onQuery: options.onQuery }),
    onConnectionError: (error) =>
      options.log.warn({ subgraph: definition.name, cause: error.message }, 'A database connection broke'),
  });
  try {
    const apollo = await createApollo(definition, options.log);
    await migrate(db, definition.migrationsDirectory);
    if (options.seed ?? true) await seedOnce(db, (tx) => definition.seed(tx));
    await apollo.start();
    const graphql = graphqlRoute(definition, { apollo, db, key, options });
    const http = await startHttpServer(
      [graphql, healthRoute(definition.name, db), ...(definition.routes?.(db) ?? [])],
      {
        host: options.host ?? '127.0.0.1',
        port: options.port,
        maxBodyBytes: MAX_BODY_BYTES,
        log: options.log,
      },
    );
    return {
      name: definition.name,
      url: http.url,
      port: http.port,
      async close() {
        await http.close();
        await apollo.stop();
        await db.close();
      },
    };
  } catch (error) {
    await db.close();
    throw error;
  }
}

interface GraphQLParts<Context extends object> {
  readonly apollo: ApolloServer<Context>;
  readonly db: Database;
  readonly key: KeyObject;
  readonly options: SubgraphOptions;
}

function graphqlRoute<Context extends object>(
  definition: SubgraphDefinition<Context>,
  { apollo, db, key, options }: GraphQLParts<Context>,
): HttpRoute {
  return {
    method: 'POST',
    path: '/graphql',
    async handle(request) {
      let caller: Caller;
      try {
        caller = verifyIdentity(request.headers[IDENTITY_HEADER], key, options.userIssuer);
      } catch (error) {
        if (!(error instanceof IdentityRefused)) throw error;
        options.log.warn({ subgraph: definition.name, cause: error.message }, 'Refused a request without identity');
        return graphqlRefusal(401, 'UNAUTHENTICATED', 'Only the gateway may call this subgraph.');
      }
      return await execute(apollo, request, () => definition.createContext(toSubgraphRequest(request, caller), db));
    },
  };
}

async function createApollo<Context extends object>(
  definition: SubgraphDefinition<Context>,
  log: Log,
): Promise<ApolloServer<Context>> {
  const typeDefs = parse(await readFile(definition.schemaFile, 'utf8'));
  const resolvers = definition.resolvers as GraphQLResolverMap<unknown>;
  return new ApolloServer<Context>({
    schema: buildSubgraphSchema({ typeDefs, resolvers }),
    // Both stand behind the identity token, as everything at /graphql does, `{ _service { sdl } }` too.
    introspection: true,
    csrfPrevention: true,
    includeStacktraceInErrorResponses: false,
    formatError: createErrorMask(log),
    stopOnTerminationSignals: false,
    plugins: [ApolloServerPluginLandingPageDisabled(), ApolloServerPluginInlineTraceDisabled()],
    logger: apolloLogger(definition.name, log),
  });
}

/** Apollo Server's own words, in our log. */
function apolloLogger(subgraph: string, log: Log) {
  const write = (level: keyof Log) => (message: unknown) => log[level]({ subgraph }, String(message));
  return { debug: write('debug'), info: write('debug'), warn: write('warn'), error: write('error') };
}

function toSubgraphRequest(request: HttpRequest, caller: Caller): SubgraphRequest {
  const requestId = request.headers['x-request-id'];
  return { caller, headers: request.headers, requestId: typeof requestId === 'string' ? requestId : undefined };
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
