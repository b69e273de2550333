/**
 * The reference graph from one command: Postgres, the subgraphs, and with `--gateway` the gateway in front of them.
 * In: arguments and environment (`--help` lists them). Out: a running graph until a signal. Clock: once per process.
 * Never leaves a process behind.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningGateway } from '../src/main';
import { createLog, type Log, type LogLevel } from '../src/telemetry/log';
import { createContentSubgraph } from './content/subgraph';
import { createPaymentsSubgraph } from './payments/subgraph';
import { startEmbeddedPostgres } from './shared/embedded-postgres';
import { hasCode } from './shared/errors';
import { createLocalEvents, type Events } from './shared/events';
import { createLifecycle, type Lifecycle } from './shared/lifecycle';
import { ensureDatabase, printableUrl } from './shared/postgres-server';
import { createRedisEvents } from './shared/redis-events';
import { readServeArguments, type ServeOptions, type SubgraphName } from './shared/serve-options';
import { type RunningSubgraph, type SubgraphDefinition, type SubgraphOptions, startSubgraph } from './shared/subgraph';
import { welcome } from './shared/welcome';
import { createUsersSubgraph, DEFAULT_TOKEN_ISSUER } from './users/subgraph';

const ROOT = join(__dirname, '..');
const DRAIN_MS = 12_000;

/** What is wrong is the user's to mend: printed as one sentence, without a stack. */
class StartProblem extends Error {}

/** A definition with its context type out of sight: the three differ in it, and only `startSubgraph` needs to know. */
type Start = (options: SubgraphOptions) => Promise<RunningSubgraph>;

async function main(): Promise<void> {
  const { env } = process;
  const read = readServeArguments(process.argv.slice(2), env);
  if (read.kind === 'help') {
    process.stdout.write(read.text);
    return;
  }
  if (read.kind === 'problems') {
    process.stderr.write(`${read.problems.join('\n')}\n`);
    process.exitCode = 2;
    return;
  }
  const log = createLog((env.LOG_LEVEL || 'info') as LogLevel);
  const lifecycle = createLifecycle({ log, process, drainMs: DRAIN_MS });
  try {
    await serveGraph(read.options, env, log, lifecycle);
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    lifecycle.end(1);
  }
}

async function serveGraph(
  options: ServeOptions,
  env: NodeJS.ProcessEnv,
  log: Log,
  lifecycle: Lifecycle,
): Promise<void> {
  const database = await openServer(options, log, lifecycle);
  const identitySecret = options.identitySecret ?? randomBytes(32).toString('hex');
  if (options.identitySecret === undefined && !options.gateway) {
    log.warn(
      {},
      'SUPERGATE_IDENTITY_SECRET is not set: it is random in this run, so no gateway can call these subgraphs',
    );
  }
  const events = options.redisUrl === undefined ? createLocalEvents() : createRedisEvents(options.redisUrl, log);
  lifecycle.onEnd('Events', () => events.close());
  const subgraphs = await startSubgraphs(options, env, { log, database, identitySecret, events, lifecycle });
  let gatewayUrl: string | undefined;
  if (options.gateway) {
    const gatewayEnv = { ...addressesOf(subgraphs), ...env, SUPERGATE_IDENTITY_SECRET: identitySecret };
    const gateway = await startGateway(options.gateway.port, gatewayEnv);
    lifecycle.onEnd('The gateway', () => gateway.close());
    gatewayUrl = gateway.url;
  }
  const shown = options.databaseUrl === undefined ? database : printableUrl(database);
  process.stdout.write(welcome({ gatewayUrl, subgraphs, database: shown }));
}

/** The URL of the Postgres server: the given one, or an embedded one that ends with us. */
async function openServer(options: ServeOptions, log: Log, lifecycle: Lifecycle): Promise<string> {
  if (options.databaseUrl !== undefined) return options.databaseUrl;
  const server = await startEmbeddedPostgres({ directory: join(options.dataDirectory, 'postgres'), log });
  let isWanted = true;
  const close = async () => {
    isWanted = false;
    await server.close();
  };
  lifecycle.onEnd('Postgres', close, true);
  void server.ended.then(() => {
    if (!isWanted) return;
    log.error({ log: `${server.directory}.log` }, 'Postgres ended');
    lifecycle.end(1);
  });
  return server.url;
}

interface Surroundings {
  readonly log: Log;
  readonly database: string;
  readonly identitySecret: string;
  readonly events: Events;
  readonly lifecycle: Lifecycle;
}

async function startSubgraphs(
  options: ServeOptions,
  env: NodeJS.ProcessEnv,
  { log, database, identitySecret, events, lifecycle }: Surroundings,
): Promise<RunningSubgraph[]> {
  const { dataDirectory } = options;
  const definitionEnv = {
    ...env,
    SIGNING_KEYS_DIR: env.SIGNING_KEYS_DIR || join(dataDirectory, 'keys'),
    UPLOADS_DIR: env.UPLOADS_DIR || join(dataDirectory, 'uploads'),
  };
  return await Promise.all(
    options.subgraphs.map(async ({ name, port, portVariable }) => {
      const [start, databaseUrl] = await Promise.all([
        starters[name](definitionEnv, log),
        ensureDatabase(database, `supergate_${name}`),
      ]);
      const userIssuer = env.TOKEN_ISSUER || DEFAULT_TOKEN_ISSUER;
      const given = { databaseUrl, port, host: options.host, identitySecret, userIssuer, events, log };
      const subgraph = await start(given).catch((error: unknown) => {
        if (!hasCode(error, 'EADDRINUSE')) throw error;
        throw new StartProblem(`Port ${port} (${name}) is taken: stop what uses it, or set ${portVariable}.`);
      });
      lifecycle.onEnd(`The subgraph ${name}`, () => subgraph.close());
      return subgraph;
    }),
  );
}

const starters: Readonly<Record<SubgraphName, (env: NodeJS.ProcessEnv, log: Log) => Promise<Start>>> = {
  users: async (env, log) => starter(await createUsersSubgraph(env, log)),
  payments: async (env, log) => starter(createPaymentsSubgraph(env, log)),
  content: async (env) => starter(createContentSubgraph(env)),
};

function starter<Context extends object>(definition: SubgraphDefinition<Context>): Start {
  return (options) => startSubgraph(definition, options);
}

/** Where the gateway finds the subgraphs of this run, whatever ports they have; variables that are set stand above. */
function addressesOf(subgraphs: readonly RunningSubgraph[]): Record<string, string> {
  const addresses = subgraphs.map(({ name, url }) => [`SUBGRAPH_${name.toUpperCase()}_URL`, `${url}/graphql`]);
  const users = subgraphs.find(({ name }) => name === 'users');
  return {
    ...Object.fromEntries(addresses),
    ...(users && {
      USERS_JWKS_URL: `${users.url}/.well-known/jwks.json`,
      USERS_API_KEYS_URL: `${users.url}/.well-known/api-keys`,
    }),
  };
}

async function startGateway(port: number | undefined, env: NodeJS.ProcessEnv): Promise<RunningGateway> {
  // Loaded only when wanted: a subgraph alone must not carry composition and planner.
  const { serve } = await import('../src/main.js');
  const config = join(ROOT, 'gateway.yaml');
  const options = { supergraph: join(ROOT, 'supergraph.yaml'), config: existsSync(config) ? config : undefined };
  try {
    return await serve({ ...options, port, env });
  } catch (error) {
    if (!hasCode(error, 'EADDRINUSE')) throw error;
    throw new StartProblem('The port of the gateway is taken: stop what uses it, or choose another with --port.');
  }
}

function describe(error: unknown): string {
  if (error instanceof StartProblem) return error.message;
  if (!(error instanceof Error)) return String(error);
  if (hasCode(error, 'ECONNREFUSED')) return `The database cannot be reached: ${error.message || 'connection refused'}`;
  return error.message || error.name;
}

void main();
