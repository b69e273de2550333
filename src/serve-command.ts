/**
 * `supergate serve`: one process, or a primary with workers. In: arguments. Out: an exit status, or a server that runs
 * until a signal ends it. Clock: per process.
 */
import cluster from 'node:cluster';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type AdminParts, createAdminRoutes, openAdminRoutes } from './admin-routes';
import { type Config, ConfigError, loadConfig, processEnvironment } from './config';
import { type Arguments, UsageError } from './config/command-line';
import { authenticationProblems } from './context/create-authentication';
import type { RunningGateway, ServeOptions } from './main';
import { endProcess } from './process-end';
import { InvalidSupergraphError } from './supergraph/planner-client';
import { createLog, type Log, type LogLevel } from './telemetry/log';
import { linkToPrimary } from './worker';
import { WorkerFailed, Workers } from './workers';

/** What the terminal is told: results, which answer the exit status of a result; and everything else. */
export interface Terminal {
  readonly print: (text: string) => number;
  readonly tell: (text: string) => void;
}

/** `defaults`: the files that are meant when none is named. */
export async function serveCommand(
  args: Arguments,
  defaults: { readonly supergraph: string; readonly config: string },
  terminal: Terminal,
): Promise<number> {
  const supergraph = args.positional ?? defaults.supergraph;
  const port = readPort(args.text('port'));
  const host = args.text('host');
  const config = args.text('config') ?? (existsSync(defaults.config) ? defaults.config : undefined);
  const options: ServeOptions = {
    supergraph,
    env: processEnvironment(),
    watchConfig: args.flag('watch-config'),
    ...(config && { config }),
    ...(port !== undefined && { port }),
    ...(host && { host }),
  };
  const count = readWorkers(args.text('workers'));
  if (count !== undefined && cluster.isPrimary) return serveWithWorkers(options, count, terminal);
  try {
    return await (cluster.isWorker ? serveAsWorker(options) : serveAlone(options, terminal));
  } catch (error) {
    if (!(error instanceof InvalidSupergraphError)) throw error;
    const position = error.line === undefined ? '' : `:${error.line}:${error.column ?? 1}`;
    terminal.tell(`${supergraph}${position} this is not a composed supergraph: ${error.message}`);
    return 2;
  }
}

/** Loaded here, because the other commands, and a primary, need nothing of the server. */
function loadServer(): typeof import('./main') {
  return require('./main') as typeof import('./main');
}

async function serveAlone(options: ServeOptions, { print, tell }: Terminal): Promise<number> {
  let end = () => {};
  const server = await loadServer().serve({ ...options, drain: () => end() });
  end = endProcess({ process, close: () => server.close(), log: server.log, tell });
  listenToOperators(server, () => server.reload());
  return print(`supergate serves ${options.supergraph} and is ready at ${server.graphqlUrl}`);
}

async function serveAsWorker(options: ServeOptions): Promise<number> {
  let end = () => {};
  const link = linkToPrimary(process);
  const server = await loadServer().serve({ ...options, worker: link, drain: () => end() });
  const close = () => server.close(link.isReplaced() ? { readinessMs: 0 } : {});
  end = endProcess({ process, close, log: server.log, tell: () => {} });
  // Its primary answers SIGHUP; a terminal sends it to all.
  listenToOperators(server, () => {});
  link.attach(server, end, server.maxMemoryBytes);
  return 0;
}

/** How much longer than its own grace time a worker may take. */
const extraMs = 10_000;

async function serveWithWorkers(options: ServeOptions, count: number, { print, tell }: Terminal): Promise<number> {
  const { config: file, env, port, host } = options;
  const loaded = loadConfig({ file, env, flags: { port, host }, check: authenticationProblems });
  if (loaded.kind === 'problems') throw new ConfigError(loaded.problems);
  const { config } = loaded;
  const log = createLog(config.telemetry.logLevel, config.telemetry.redact);
  warnOfOwnState(config, count, log);
  const { readinessMs, drainMs } = config.timeouts;
  const workers = new Workers({ count, graceMs: readinessMs + drainMs + extraMs, log });
  let url: string;
  try {
    url = await workers.start();
  } catch (error) {
    // It has told why.
    if (error instanceof WorkerFailed) return error.status;
    throw error;
  }
  const end = endProcess({ process, close: () => workers.close(), log, tell });
  // No worker outlives its primary, however that ends.
  process.on('exit', () => workers.signal('SIGKILL'));
  if (!process.stdin.isTTY) process.on('SIGHUP', () => void workers.restart());
  process.on('SIGUSR2', () => workers.signal('SIGUSR2'));
  // Only what they are called is read here: each worker answers for itself.
  const routes = workers.adminRoutes(createAdminRoutes({} as AdminParts), end);
  await openAdminRoutes(config.admin, routes, log);
  return print(`supergate serves ${options.supergraph} with ${count} workers and is ready at ${url}`);
}

function warnOfOwnState({ redis }: Config, count: number, log: Log): void {
  if (redis || count === 1) return;
  log.warn(
    { workers: count },
    'Each worker counts rate limits and keeps caches for itself: set redis.url to share them',
  );
}

/** Signals that change how it runs. A terminal sends SIGHUP when it closes: then the process ends with it. */
function listenToOperators({ log }: RunningGateway, onHangup: () => unknown): void {
  if (cluster.isWorker || !process.stdin.isTTY) process.on('SIGHUP', () => void onHangup());
  let before: LogLevel | undefined;
  process.on('SIGUSR2', () => {
    const next = before ?? 'debug';
    before = before === undefined ? log.level : undefined;
    if (before) log.level = next;
    // While the line can be seen.
    log.info({ debug: before !== undefined }, 'The log has another level');
    log.level = next;
  });
}

const maxWorkers = 256;

function readWorkers(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === 'auto') return availableParallelism();
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= maxWorkers) return count;
  throw new UsageError(`serve: --workers must be "auto" or a number from 1 to ${maxWorkers}, not "${text}"`);
}

/** Undefined where none is given. Throws `UsageError`. */
export function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw new UsageError(`--port must be a number from 0 to 65535, not "${text}"`);
  return port;
}
