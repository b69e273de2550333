/**
 * The configuration: `gateway.yaml` and environment variables in, one checked value with every default filled in out.
 * The floor: it knows no step. Clock: per start. `process.env` is read here and nowhere else.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { overlayEnvironment, variableKey } from './config/environment';
import { corsOrigin, count, headerName, httpUrl, list, milliseconds, secret, text } from './config/values';
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

const asymmetricAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'] as const;
const symmetricAlgorithms = ['HS256', 'HS384', 'HS512'] as const;

const serverSchema = z
  .strictObject({
    host: text().default('127.0.0.1').describe('Address to listen on.'),
    port: z.int().min(0).max(65_535).default(4000).describe('TCP port; 0 takes a free one.'),
    graphqlPath: z
      .string()
      .regex(/^\/[^?#\s]*$/, { error: 'expected a path that begins with "/"' })
      .default('/graphql')
      .describe('Where GraphQL is answered.'),
    maxBodyBytes: count().default(1_000_000).describe('Request bodies over it are refused with 413, after inflation.'),
    maxHeaderBytes: count().default(16_384).describe('Request headers over it are refused with 431.'),
    headersTimeoutMs: milliseconds().default(10_000).describe('Time for a request to send its headers.'),
    requestTimeoutMs: milliseconds().default(30_000).describe('Time for a request to arrive whole.'),
    keepAliveTimeoutMs: milliseconds().default(72_000).describe('Time an idle connection stays open.'),
    compression: z.boolean().default(true).describe('Compress answers for clients that accept it.'),
    cors: z
      .strictObject({
        origins: list(corsOrigin()).describe('Origins whose pages may call; "*" is all of them.'),
        credentials: z.boolean().default(false).describe('Whether those pages may send cookies.'),
      })
      .refine((cors) => !(cors.credentials && cors.origins.includes('*')), {
        error: '"*" cannot be combined with credentials: name the origins',
        path: ['origins'],
      })
      .prefault({}),
    introspection: z
      .boolean()
      .default(true)
      .describe('Answer introspection queries (default false when NODE_ENV is production).'),
    explorer: z
      .boolean()
      .default(true)
      .describe('Serve the landing page and /graphiql (default false when NODE_ENV is production).'),
  })
  .prefault({});

/** Where an issuer's verification keys come from: exactly one of these is given. */
const keySources = ['jwksUrl', 'jwksFile', 'publicKeyFile', 'sharedSecret'] as const;

export type IssuerKeys =
  | { readonly kind: 'jwksUrl'; readonly url: string }
  | { readonly kind: 'jwksFile' | 'publicKeyFile'; readonly file: string }
  | { readonly kind: 'sharedSecret'; readonly secret: string };

const issuerSchema = z
  .strictObject({
    issuer: text().describe('The exact `iss` of its tokens.'),
    audiences: z
      .array(text())
      .min(1, { error: 'name at least one audience' })
      .describe('A token must be meant for one of these (`aud`).'),
    algorithms: z
      .array(z.enum([...asymmetricAlgorithms, ...symmetricAlgorithms]))
      .min(1, { error: 'name at least one algorithm' })
      .describe('No other one is accepted.'),
    jwksUrl: httpUrl().optional().describe('A JWK set to fetch. Give exactly one of the four sources of keys.'),
    jwksFile: text().optional().describe('A JWK set; the path is relative to this file.'),
    publicKeyFile: text().optional().describe('Public keys or certificates as PEM; the path is relative to this file.'),
    sharedSecret: secret().optional().describe('For HS algorithms alone.'),
    clockToleranceMs: z.int().min(0).max(60_000).default(5_000).describe('How far clocks may differ.'),
    rolesClaim: text().exactOptional().describe('The claim, or path of claims, that lists roles (default `roles`).'),
    scopesClaim: text().exactOptional().describe('The claim that lists scopes (default `scopes`, else `scope`).'),
  })
  .refine((issuer) => givenKeySources(issuer).length === 1, {
    error: ({ input }) =>
      `give exactly one of ${keySources.join(', ')}; given: ${givenKeySources(input).join(', ') || 'none'}`,
    // Beside other mistakes too: all problems are told at once.
    when: ({ value }) => typeof value === 'object' && value !== null,
  })
  .superRefine((issuer, check) => {
    const isShared = issuer.sharedSecret !== undefined;
    for (const [index, algorithm] of issuer.algorithms.entries()) {
      if (algorithm.startsWith('HS') === isShared) continue;
      const message = isShared
        ? `${algorithm} cannot use a shared secret`
        : `${algorithm} needs sharedSecret: a public key must never serve as one`;
      check.addIssue({ code: 'custom', message, path: ['algorithms', index] });
    }
  })
  .transform(({ jwksUrl, jwksFile, publicKeyFile, sharedSecret, ...issuer }) => ({
    ...issuer,
    keys: toIssuerKeys(jwksUrl, jwksFile, publicKeyFile, sharedSecret),
  }));

function givenKeySources(issuer: unknown): readonly string[] {
  return keySources.filter((source) => (issuer as Record<string, unknown>)[source] !== undefined);
}

function toIssuerKeys(jwksUrl = '', jwksFile = '', publicKeyFile = '', sharedSecret = ''): IssuerKeys {
  if (jwksUrl !== '') return { kind: 'jwksUrl', url: jwksUrl };
  if (jwksFile !== '') return { kind: 'jwksFile', file: jwksFile };
  if (publicKeyFile !== '') return { kind: 'publicKeyFile', file: publicKeyFile };
  return { kind: 'sharedSecret', secret: sharedSecret };
}

const authenticationSchema = z
  .strictObject({
    required: z.boolean().default(false).describe('Refuse anonymous requests.'),
    issuers: list(issuerSchema),
  })
  .refine(({ issuers }) => new Set(issuers.map(({ issuer }) => issuer)).size === issuers.length, {
    error: 'two issuers have the same name',
    path: ['issuers'],
  })
  .prefault({});

const subgraphIdentitySchema = z.strictObject({
  secret: secret().describe('Signs the header that tells subgraphs who asks.'),
  lifetimeMs: z.int().min(2_000).max(60_000).default(60_000).describe('How long such a header is good.'),
  claims: list(text()).describe('Claims of the token to pass on besides subject, roles and scopes.'),
});

/** So that reading and validating a document holds other requests up for less than 50 ms. */
const limitsSchema = z
  .strictObject({
    maxTokens: count().default(10_000).describe('Tokens of a document.'),
    maxDepth: count().default(25).describe('Nested levels of an operation; the introspection query has 15.'),
    maxAliases: count().default(1_000).describe('Aliases, with fragments expanded.'),
    maxRootFields: count().default(200).describe('Root fields, with fragments expanded.'),
    maxSelections: count()
      .default(10_000)
      .describe('Fields, fragments and argument values, with fragments expanded; a definition counts for ten.'),
    maxDirectives: count().default(500).describe('Directives of a document.'),
    maxErrors: count().default(100).describe('Errors in one answer.'),
  })
  .prefault({});

const timeoutsSchema = z
  .strictObject({
    operationMs: milliseconds().default(30_000).describe('From the arrival of an operation to its answer.'),
    drainMs: milliseconds().default(10_000).describe('Time that running requests have when the gateway closes.'),
  })
  .prefault({});

const sharingSchema = z
  .strictObject({
    queries: z.boolean().default(true).describe('Identical queries under way of one identity share one execution.'),
    subgraphQueries: z.boolean().default(true).describe('Identical queries under way to a subgraph share one request.'),
  })
  .prefault({});

const plannerSchema = z
  .strictObject({
    timeoutMs: milliseconds().default(3_000).describe('Time for one query plan.'),
    loadTimeoutMs: milliseconds().default(120_000).describe('Time to compose a supergraph, or to load one.'),
    maxEvaluatedPlans: count()
      .default(1_000)
      .describe('Candidate plans that are compared before the best so far is taken.'),
    maxPaths: count().default(2_000).describe('Ways to reach one selection through subgraphs that are compared.'),
    maxFetches: count().default(500).describe('Fetches of one query plan.'),
    maxDepth: count().default(50).describe('Fetches of one query plan that wait for one another.'),
    maxQueued: count().default(1_000).describe('Operations that wait to be planned.'),
    maxHeapBytes: count().min(64_000_000).default(2_000_000_000).describe('Memory of the planner thread.'),
    cacheMaxBytes: count().default(50_000_000).describe('Memory of the cached query plans of one supergraph.'),
    sharedLifetimeMs: milliseconds().default(86_400_000).describe('Time that a query plan is kept in Redis.'),
    warmOperations: z
      .int()
      .min(0)
      .max(10_000)
      .default(200)
      .describe('Operations asked most that a new supergraph plans before it is served.'),
    warmTimeoutMs: milliseconds().default(10_000).describe('Time for that; the others are planned when asked.'),
  })
  .prefault({});

const redisSchema = z.strictObject({
  url: z
    .url({ protocol: /^rediss?$/, error: 'expected a redis or rediss URL' })
    .describe('`redis://host:port`, `rediss://` for TLS; with user, password and database where needed.'),
  timeoutMs: milliseconds().default(50).describe('Time for one answer; without it the gateway goes on alone.'),
});

/** What can be set for all subgraphs and for one. */
const subgraphShape = {
  timeoutMs: milliseconds().describe('Time for one request to a subgraph.'),
  maxResponseBytes: count().describe('Answers over it are an error, after inflation.'),
  maxConnections: count().describe('Connections to one subgraph.'),
  http2: z.boolean().describe('Speak HTTP/2 where the subgraph offers it.'),
  forwardHeaders: z.array(headerName()).describe("Headers of the client's request that subgraphs receive."),
};

const subgraphsSchema = z
  .strictObject({
    defaults: z
      .strictObject({
        timeoutMs: subgraphShape.timeoutMs.default(10_000),
        maxResponseBytes: subgraphShape.maxResponseBytes.default(50_000_000),
        maxConnections: subgraphShape.maxConnections.default(100),
        http2: subgraphShape.http2.default(false),
        forwardHeaders: subgraphShape.forwardHeaders.default([]),
      })
      .prefault({}),
    overrides: z
      .record(
        z.string(),
        z
          .strictObject({ url: httpUrl().describe('Instead of the routing URL of the supergraph.'), ...subgraphShape })
          .partial(),
      )
      .default({}),
  })
  .prefault({});

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const telemetrySchema = z
  .strictObject({
    logLevel: z.enum(logLevels).default('info').describe('Of the JSON lines on standard output.'),
    metrics: z.boolean().default(true).describe('Serve /metrics.'),
  })
  .prefault({});

const configSchema = z.strictObject({
  server: serverSchema,
  authentication: authenticationSchema,
  subgraphIdentity: subgraphIdentitySchema.optional().describe('Absent: subgraphs are not told who asks.'),
  limits: limitsSchema,
  timeouts: timeoutsSchema,
  sharing: sharingSchema,
  planner: plannerSchema,
  redis: redisSchema.optional().describe('Where gateways share query plans. Absent: each plans for itself.'),
  subgraphs: subgraphsSchema,
  telemetry: telemetrySchema,
});

/** Everything but the supergraph, checked, with every default filled in. */
export type Config = z.output<typeof configSchema>;
/** What may be written: every section and key optional. */
export type ConfigInput = z.input<typeof configSchema>;
export type IssuerConfig = Config['authentication']['issuers'][number];
export type SubgraphSettings = Config['subgraphs']['defaults'] & { readonly url?: string | undefined };

export type LoadedConfig =
  | { readonly kind: 'config'; readonly config: Config }
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
 * Reads `file` (none: defaults alone), lays the environment variables over it and checks the whole.
 * `check` looks at what the schema cannot see, such as the files that a valid configuration names.
 */
export function loadConfig({
  file,
  env,
  check = () => [],
}: {
  readonly file?: string | undefined;
  readonly env: Environment;
  readonly check?: (config: Config) => readonly { readonly path: Path; readonly message: string }[];
}): LoadedConfig {
  const parsed = file === undefined ? emptyFile : readConfigFile(file, env);
  if (parsed.problems.length > 0) return { kind: 'problems', problems: parsed.problems };
  const { value, origin } = overlayEnvironment(parsed, env);
  if (file !== undefined) resolvePaths(value, dirname(file));
  const checked = checkValue(configSchema, value, origin);
  if (checked.kind === 'problems') return checked;
  const problems = check(checked.value).map(({ path, message }) => {
    return { ...origin.locate(path, 'value'), path: formatPath(path), message };
  });
  return problems.length > 0 ? { kind: 'problems', problems } : { kind: 'config', config: checked.value };
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

/** The settings of one subgraph: its overrides over the defaults. */
export function subgraphSettings({ subgraphs: { defaults, overrides } }: Config, name: string): SubgraphSettings {
  const key = [name, variableKey(name)].find((candidate) => Object.hasOwn(overrides, candidate));
  const given = Object.entries(key === undefined ? {} : (overrides[key] ?? {})).filter(
    ([, value]) => value !== undefined,
  );
  return { ...defaults, ...Object.fromEntries(given) };
}

/** What is set for subgraphs that the supergraph does not have, one sentence each: it composes without them. */
export function strayOverrides({ subgraphs: { overrides } }: Config, names: readonly string[]): readonly string[] {
  const known = new Set(names.flatMap((name) => [name, variableKey(name)]));
  return Object.keys(overrides)
    .filter((key) => !known.has(key))
    .map((key) => {
      const nearest = nearestName(key, names);
      const hint = nearest === undefined ? `it has ${names.join(', ')}` : `did you mean "${nearest}"?`;
      return `settings for "${key}", which the supergraph does not have; ${hint}`;
    });
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

/** Paths in the file are relative to the file, not to where the process was started: made absolute in place. */
function resolvePaths(value: unknown, directory: string): void {
  const { authentication } = (value ?? {}) as { authentication?: { issuers?: unknown } | null };
  const issuers: readonly unknown[] = Array.isArray(authentication?.issuers) ? authentication.issuers : [];
  for (const issuer of issuers as (Record<string, unknown> | null)[]) {
    for (const key of ['jwksFile', 'publicKeyFile']) {
      const path = issuer?.[key];
      if (issuer && typeof path === 'string') issuer[key] = resolve(directory, path);
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
