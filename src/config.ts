/**
 * The configuration: `gateway.yaml` and environment variables in, one checked value with every default filled in out.
 * The floor: it knows no step. Clock: per start. `process.env` is read here and nowhere else.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { adminSchema } from './config/admin';
import { authenticationSchema, subgraphIdentitySchema } from './config/authentication';
import { authorizationSchema } from './config/authorization';
import { cacheSchema } from './config/cache';
import { costSchema } from './config/cost';
import { effectiveSettings, type Setting } from './config/effective';
import { type Flags, overlayEnvironment, variableKey } from './config/environment';
import { headersSchema } from './config/headers';
import { hooksSchema } from './config/hooks';
import { limitsSchema, sharingSchema, timeoutsSchema } from './config/operations';
import { overloadSchema } from './config/overload';
import { plannerSchema } from './config/planner';
import { rateLimitsSchema } from './config/rate-limits';
import { redisSchema } from './config/redis';
import { restSchema } from './config/rest';
import { serverSchema } from './config/server';
import { subgraphsSchema } from './config/subgraphs';
import { subscriptionsSchema } from './config/subscriptions';
import { supergraphSchema } from './config/supergraph';
import { telemetrySchema } from './config/telemetry';
import { trustedDocumentsSchema } from './config/trusted-documents';
import { reloadable } from './config/values';
import {
  checkValue,
  type Environment,
  formatPath,
  formatProblem,
  nearestName,
  type ParsedYaml,
  type Path,
  type Problem,
  parseYaml,
} from './config/yaml-file';

const configSchema = z.strictObject({
  supergraph: supergraphSchema,
  subscriptions: subscriptionsSchema,
  rest: restSchema,
  trustedDocuments: trustedDocumentsSchema,
  server: serverSchema,
  authentication: reloadable(authenticationSchema),
  authorization: reloadable(authorizationSchema),
  subgraphIdentity: subgraphIdentitySchema.optional().describe('Absent: subgraphs are not told who asks.'),
  limits: reloadable(limitsSchema),
  rateLimits: reloadable(rateLimitsSchema),
  cost: reloadable(costSchema),
  cache: reloadable(cacheSchema),
  timeouts: reloadable(timeoutsSchema),
  sharing: sharingSchema,
  overload: overloadSchema,
  planner: plannerSchema,
  redis: redisSchema
    .optional()
    .describe('Where gateways share query plans and counters of rate limits. Absent: each has its own.'),
  headers: reloadable(headersSchema),
  hooks: hooksSchema,
  subgraphs: reloadable(subgraphsSchema),
  telemetry: telemetrySchema,
  admin: adminSchema.optional().describe('Absent: there are no endpoints for operators.'),
});

/** Everything but the supergraph, checked, with every default filled in. */
export type Config = z.output<typeof configSchema>;
/** What may be written: every section and key optional. */
export type ConfigInput = z.input<typeof configSchema>;
type SubgraphDefaults = Config['subgraphs']['defaults'];
type SubgraphOverride = Config['subgraphs']['overrides'][string];
export type SubgraphSettings = SubgraphDefaults & {
  readonly url?: string | undefined;
  readonly instances?: SubgraphOverride['instances'];
  readonly discovery?: SubgraphOverride['discovery'];
  readonly zone?: string | undefined;
  readonly subscription: SubgraphDefaults['subscription'] & { readonly url?: string | undefined };
};

export type LoadedConfig =
  | {
      readonly kind: 'config';
      readonly config: Config;
      /** Every key with its value and where that came from. */
      readonly settings: () => readonly Setting[];
    }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] };

/** A configuration that cannot be used: its message lists every problem, one a line. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
  }
}

/** The variables of this process: the only place that reads them. */
export function processEnvironment(): Environment {
  return process.env;
}

/**
 * Reads `file` (none: defaults alone), lays environment variables and options over it and checks the whole.
 * `check` looks at what the schema cannot see, such as the files that a valid configuration names.
 */
export function loadConfig({
  file,
  env,
  flags,
  check = () => [],
}: {
  readonly file?: string | undefined;
  readonly env: Environment;
  readonly flags?: Flags | undefined;
  readonly check?: (config: Config) => readonly { readonly path: Path; readonly message: string }[];
}): LoadedConfig {
  const parsed = file === undefined ? emptyFile : readConfigFile(file, env);
  if (parsed.problems.length > 0) return { kind: 'problems', problems: parsed.problems };
  const { value, origin } = overlayEnvironment(parsed, env, flags);
  if (file !== undefined) resolvePaths(value, dirname(file));
  const checked = checkValue(configSchema, value, origin);
  if (checked.kind === 'problems') return checked;
  const problems = check(checked.value).map(({ path, message }) => {
    return { ...origin.locate(path, 'value'), path: formatPath(path), message };
  });
  if (problems.length > 0) return { kind: 'problems', problems };
  const settings = () => effectiveSettings(configJsonSchema(), value, origin);
  return { kind: 'config', config: checked.value, settings };
}

/** A configuration from a value, for embedders: `createConfig({ limits: { maxDepth: 20 } })`. Throws `ConfigError`. */
export function createConfig(input: ConfigInput = {}): Config {
  const checked = checkValue(configSchema, structuredClone(input), {
    locate: () => ({ file: 'config' }),
    isText: () => false,
  });
  if (checked.kind === 'problems') throw new ConfigError(checked.problems);
  return checked.value;
}

/** JSON Schema of `gateway.yaml`, for editors. */
export function configJsonSchema(): object {
  return z.toJSONSchema(configSchema, { io: 'input' });
}

interface Reloadable {
  readonly reloadable?: boolean;
  readonly properties?: Readonly<Record<string, Reloadable>>;
}

/** `config` with those keys of `next` that can change while the gateway runs. */
export function withReloadable(config: Config, next: Config): Config {
  return takeReloadable(configJsonSchema(), config, next, false) as Config;
}

/** A mark holds for what is below it, down to another mark. */
function takeReloadable(shape: Reloadable, before: unknown, after: unknown, isReloadable: boolean): unknown {
  const can = shape.reloadable ?? isReloadable;
  if (!shape.properties || !isObject(before) || !isObject(after)) return can ? after : before;
  const joined = Object.entries(shape.properties).map(
    ([name, child]) => [name, takeReloadable(child, before[name], after[name], can)] as const,
  );
  return Object.fromEntries(joined.filter(([, value]) => value !== undefined));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The settings of one subgraph: its overrides over the defaults. */
export function subgraphSettings({ subgraphs }: Config, name: string): SubgraphSettings {
  const { defaults, overrides, zone } = subgraphs;
  const key = [name, variableKey(name)].find((candidate) => Object.hasOwn(overrides, candidate));
  const { subscription, balancing, health, retries, breaker, ...given } =
    (key === undefined ? undefined : overrides[key]) ?? {};
  return {
    ...defaults,
    ...withoutUndefined(given),
    zone,
    balancing: { ...defaults.balancing, ...withoutUndefined(balancing ?? {}) },
    health: {
      ...defaults.health,
      ...withoutUndefined(health ?? {}),
      probe: { ...defaults.health.probe, ...withoutUndefined(health?.probe ?? {}) },
    },
    retries: { ...defaults.retries, ...withoutUndefined(retries ?? {}) },
    breaker: { ...defaults.breaker, ...withoutUndefined(breaker ?? {}) },
    subscription: { ...defaults.subscription, ...withoutUndefined(subscription ?? {}) },
  };
}

function withoutUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined));
}

/** What is set for subgraphs that the supergraph does not have, one sentence each: it composes without them. */
export function strayOverrides({ subgraphs, headers }: Config, names: readonly string[]): readonly string[] {
  const known = new Set(names.flatMap((name) => [name, variableKey(name)]));
  const ruled = [...headers.requests, ...headers.responses].flatMap((rule) => rule.subgraphs ?? []);
  const hintFor = (key: string) => {
    const nearest = nearestName(key, names);
    return nearest === undefined ? `it has ${names.join(', ')}` : `did you mean "${nearest}"?`;
  };
  return [
    ...Object.keys(subgraphs.overrides)
      .filter((key) => !known.has(key))
      .map((key) => `settings for "${key}", which the supergraph does not have; ${hintFor(key)}`),
    ...[...new Set(ruled)]
      .filter((name) => !names.includes(name))
      .map((name) => `header rules for "${name}", which the supergraph does not have; ${hintFor(name)}`),
  ];
}

const emptyFile: ParsedYaml = {
  value: {},
  origin: { locate: () => ({ file: 'defaults' }), isText: () => false },
  problems: [],
};

function readConfigFile(file: string, env: Environment): ParsedYaml {
  const content = readText(file);
  if (content.kind === 'read') return parseYaml(file, content.text, env);
  return { ...emptyFile, problems: [{ file, path: '', message: content.message }] };
}

interface TlsOwner {
  tls?: Record<string, unknown> | null;
}

/** Paths in the file are relative to the file, not to where the process was started: made absolute in place. */
function resolvePaths(value: unknown, directory: string): void {
  const { authentication, supergraph, rest, trustedDocuments, subgraphs, telemetry, server, redis, hooks } = (value ??
    {}) as {
    server?: TlsOwner | null;
    redis?: TlsOwner | null;
    hooks?: { module?: unknown } | null;
    telemetry?: { usage?: { file?: unknown } | null } | null;
    authentication?: { issuers?: unknown; apiKeys?: unknown } | null;
    supergraph?: { lastGoodFile?: unknown } | null;
    rest?: { operations?: unknown } | null;
    trustedDocuments?: { files?: unknown } | null;
    subgraphs?: {
      defaults?: TlsOwner | null;
      overrides?: Record<string, ({ discovery?: { path?: unknown } | null } & TlsOwner) | null> | null;
    } | null;
  };
  if (typeof supergraph?.lastGoodFile === 'string')
    supergraph.lastGoodFile = resolve(directory, supergraph.lastGoodFile);
  const usage = telemetry?.usage;
  if (typeof usage?.file === 'string') usage.file = resolve(directory, usage.file);
  if (typeof hooks?.module === 'string') hooks.module = resolve(directory, hooks.module);
  if (typeof rest?.operations === 'string') rest.operations = resolve(directory, rest.operations);
  if (trustedDocuments && Array.isArray(trustedDocuments.files))
    trustedDocuments.files = trustedDocuments.files.map((file: unknown) =>
      typeof file === 'string' ? resolve(directory, file) : file,
    );
  for (const owner of [server, redis, subgraphs?.defaults, ...Object.values(subgraphs?.overrides ?? {})]) {
    const { tls } = owner ?? {};
    for (const key of ['caFile', 'certFile', 'keyFile']) {
      const path = tls?.[key];
      if (tls && typeof path === 'string') tls[key] = resolve(directory, path);
    }
  }
  for (const override of Object.values(subgraphs?.overrides ?? {})) {
    const discovery = override?.discovery;
    if (typeof discovery?.path === 'string') discovery.path = resolve(directory, discovery.path);
  }
  const issuers: readonly unknown[] = Array.isArray(authentication?.issuers) ? authentication.issuers : [];
  for (const owner of [...issuers, authentication?.apiKeys] as (Record<string, unknown> | null | undefined)[]) {
    for (const key of ['jwksFile', 'publicKeyFile', 'file']) {
      const path = owner?.[key];
      if (owner && typeof path === 'string') owner[key] = resolve(directory, path);
    }
  }
}

function readText(file: string): { kind: 'read'; text: string } | { kind: 'failed'; message: string } {
  try {
    return { kind: 'read', text: readFileSync(file, 'utf8') };
  } catch (error) {
    return { kind: 'failed', message: `cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}
