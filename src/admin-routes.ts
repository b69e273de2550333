/**
 * The endpoints for operators: what they read and change, over the parts of a server that runs. In: those parts.
 * Out: routes for `client/admin.ts`. Clock: per admin request. Secrets are in no answer; addresses and reasons are.
 */
import { createHash } from 'node:crypto';
import { type AdminRoute, createAdminDoor, refusal } from './client/admin';
import { createHealthReporter, type HealthSource } from './client/health';
import { createRegistrationRoutes } from './client/registration-routes';
import type { Config } from './config';
import { type Setting, shownValue } from './config/effective';
import type { Gateway } from './gateway';
import type { ConfigReload } from './reload-config';
import { type AdjustableLog, type Log, type LogLevel, logLevels } from './telemetry/log';
import type { Metrics } from './telemetry/metrics';

export interface AdminParts {
  readonly gateway: Gateway;
  readonly health: HealthSource;
  readonly metrics: Metrics;
  readonly reload: Pick<ConfigReload, 'settings' | 'reload'>;
  readonly log: AdjustableLog;
  /** Lets what runs finish and ends the process, as the first SIGTERM does. */
  readonly drain: () => unknown;
}

export interface Admin {
  readonly url: string;
  close(): Promise<void>;
}

/** Opens the door for operators, where one is configured. Rejects when its port cannot be had. */
export async function openAdmin(config: Config['admin'], parts: AdminParts): Promise<Admin | undefined> {
  return openAdminRoutes(config, config ? createAdminRoutes(parts) : [], parts.log);
}

/** The same for these routes. */
export async function openAdminRoutes(
  config: Config['admin'],
  routes: readonly AdminRoute[],
  log: Log,
): Promise<Admin | undefined> {
  if (!config) return undefined;
  const { port, host, ...tokens } = config;
  const door = createAdminDoor({ routes, token: tokens.token, registrationToken: tokens.registrationToken, log });
  const url = await door.listen(port, host);
  log.info({ url }, 'The endpoints for operators are open');
  return { url, close: door.close };
}

/** Every endpoint of a server. */
export function createAdminRoutes(parts: AdminParts): readonly AdminRoute[] {
  const { gateway, reload, log, drain } = parts;
  return [
    ...readingRoutes(parts),
    ...createRegistrationRoutes(() => gateway.registrations),
    {
      method: 'POST',
      path: '/caches/flush',
      summary: 'Forgets every document and query plan of the generation that serves.',
      handle() {
        gateway.current?.flushCaches();
        log.info({}, 'The caches were flushed by an operator');
        return { json: gateway.current?.caches ?? {} };
      },
    },
    {
      method: 'POST',
      path: '/cache/invalidate',
      summary: 'Calls old what was answered with these tags: {"tags": ["Post:7", "User"]}, or ["*"] for all.',
      async handle({ body }) {
        const { tags } = (body ?? {}) as { tags?: readonly unknown[] };
        const isGiven = Array.isArray(tags) && tags.length > 0 && tags.every((tag) => typeof tag === 'string' && tag);
        if (!isGiven) return refusal(400, 'Give {"tags": [...]}: names of types, or "Type:key", or "*".');
        await gateway.invalidate(tags as readonly string[]);
        log.info({ tags }, 'Answers were called old by an operator');
        return { json: { tags } };
      },
    },
    {
      method: 'POST',
      path: '/config/reload',
      summary: 'Reads the configuration anew, and tells what changed and what needs a restart; 422 with problems.',
      async handle() {
        const json = await reload.reload();
        return { status: json.kind === 'refused' ? 422 : 200, json };
      },
    },
    {
      method: 'PUT',
      path: '/log-level',
      summary: 'Sets the level of the log until the next start: {"level": "debug"}.',
      handle({ body }) {
        const { level } = (body ?? {}) as { level?: LogLevel };
        if (level === undefined || !logLevels.includes(level))
          return refusal(400, `Give {"level": ...}, one of ${logLevels.join(', ')}.`);
        log.level = level;
        return { json: { level } };
      },
    },
    {
      method: 'POST',
      path: '/drain',
      summary: 'Lets running requests finish and ends the process, as SIGTERM does.',
      handle() {
        drain();
        return { status: 202, json: { draining: true } };
      },
    },
  ];
}

/** Those that change nothing. */
function readingRoutes({ gateway, health, metrics, reload, log }: AdminParts): readonly AdminRoute[] {
  const report = createHealthReporter(health, () => health.ready());
  return [
    {
      method: 'GET',
      path: '/health',
      summary: 'Tells how each part fares.',
      async handle() {
        const json = await report();
        return { status: json.status === 'down' ? 503 : 200, json };
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      summary: 'The metrics, for Prometheus.',
      async handle() {
        const { contentType, body } = await metrics.render();
        return { contentType, text: body };
      },
    },
    {
      method: 'GET',
      path: '/config',
      summary: 'Every key of the configuration with its value and where that came from; secrets are hidden.',
      handle: () => ({
        json: Object.fromEntries(reload.settings.map((setting) => [setting.path, shownSetting(setting)])),
      }),
    },
    {
      method: 'GET',
      path: '/generation',
      summary: 'The supergraph that serves, and how the newest one fared that was offered.',
      handle: () => ({ json: generationOf(gateway) }),
    },
    {
      method: 'GET',
      path: '/caches',
      summary: 'Entries, bytes, hits and misses of each cache.',
      handle: () => ({ json: gateway.current?.caches ?? {} }),
    },
    {
      method: 'GET',
      path: '/log-level',
      summary: 'The level of the log.',
      handle: () => ({ json: { level: log.level } }),
    },
    {
      method: 'GET',
      path: '/instances',
      summary: 'The instances of each subgraph: circuit, requests under way, times left out.',
      handle: () => ({ json: Object.fromEntries(gateway.current?.transport.resilience() ?? []) }),
    },
  ];
}

function shownSetting(setting: Setting) {
  return { value: shownValue(setting), source: setting.source };
}

function generationOf({ current, currentSince, supergraphStatus }: Gateway) {
  const time = (since: number) => new Date(since).toISOString();
  return {
    current: current && {
      id: current.id,
      sha256: createHash('sha256').update(current.supergraphSdl).digest('hex'),
      since: time(currentSince),
      subgraphs: current.subgraphNames,
    },
    newest: supergraphStatus && { ...supergraphStatus, since: time(supergraphStatus.since) },
  };
}
