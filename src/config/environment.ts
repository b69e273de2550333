/**
 * Lays environment variables over the configuration file, before it is checked. The floor. Clock: per start.
 * It is given the variables: `src/config.ts` alone reads those of the process.
 */
import type { Environment, Origin, ParsedYaml, Path } from './yaml-file';

interface Overlay {
  /** `environment variable PORT`, `option --port`. */
  readonly source: string;
  readonly path: readonly string[];
  readonly value: unknown;
}

const variables: Readonly<Record<string, readonly string[]>> = {
  HOST: ['server', 'host'],
  PORT: ['server', 'port'],
  LOG_LEVEL: ['telemetry', 'logLevel'],
  REDIS_URL: ['redis', 'url'],
  REDIS_CLUSTER: ['redis', 'cluster'],
  REDIS_PASSWORD: ['redis', 'password'],
  SUPERGATE_TRUSTED_PROXIES: ['server', 'trustedProxies'],
  SUPERGATE_ZONE: ['subgraphs', 'zone'],
  SUPERGATE_IDENTITY_SECRET: ['subgraphIdentity', 'secret'],
  SUPERGATE_ADMIN_TOKEN: ['admin', 'token'],
  SUPERGATE_REGISTRATION_TOKEN: ['admin', 'registrationToken'],
};

/** Options of the command line that stand above everything else. */
export interface Flags {
  readonly port?: number | undefined;
  readonly host?: string | undefined;
}

/** Lays variables, and options above them, over what the file says. Such a value is located by its variable's name. */
export function overlayEnvironment(
  parsed: ParsedYaml,
  env: Environment,
  flags: Flags = {},
): { value: unknown; origin: Origin } {
  const root = structuredClone(parsed.value);
  const overlays = [
    ...namedOverlays(env),
    ...subgraphOverlays(env, root),
    ...productionDefaults(env, root),
    ...Object.entries(flags).flatMap(([key, value]) =>
      value === undefined ? [] : [{ source: `option --${key}`, path: ['server', key], value }],
    ),
  ];
  const applied = new Map<string, string>();
  for (const { source, path, value } of overlays) {
    if (setAt(root, path, value)) applied.set(path.join('\0'), source);
  }
  /** What is in a list is located as the list is. */
  const sourceAt = (path: Path): string | undefined =>
    applied.get(path.join('\0')) ?? (typeof path.at(-1) === 'number' ? sourceAt(path.slice(0, -1)) : undefined);
  return {
    value: root,
    origin: {
      locate(path, part) {
        const file = sourceAt(path);
        return file === undefined ? parsed.origin.locate(path, part) : { file };
      },
      isText: (path) => sourceAt(path) !== undefined || parsed.origin.isText(path),
    },
  };
}

function namedOverlays(env: Environment): Overlay[] {
  return Object.entries(variables).flatMap(([variable, path]) =>
    env[variable] ? [{ source: sourceOf(variable), path, value: env[variable] }] : [],
  );
}

/**
 * `SUBGRAPH_MY_USERS_URL` is the URL of `my-users`, `my_users` or `MyUsers` alike: an exact name in the file wins the key.
 * `SUBGRAPH_MY_USERS_URLS`, with commas, are those of its instances.
 */
function subgraphOverlays(env: Environment, root: unknown): Overlay[] {
  const inFile = Object.keys((root as { subgraphs?: { overrides?: object } } | null)?.subgraphs?.overrides ?? {});
  return Object.entries(env).flatMap(([variable, value]) => {
    const [, name, isList] = /^SUBGRAPH_(\w+)_URL(S?)$/.exec(variable) ?? [];
    if (name === undefined || !value) return [];
    const keys = inFile.filter((key) => variableKey(key) === name.toLowerCase());
    return (keys.length > 0 ? keys : [name.toLowerCase()]).map((key) => ({
      source: sourceOf(variable),
      path: ['subgraphs', 'overrides', key, isList ? 'instances' : 'url'],
      value: isList ? value.split(',').map((url) => ({ url: url.trim() })) : value,
    }));
  });
}

/** What helps a developer helps an attacker: off in production, unless the file says otherwise. */
function productionDefaults(env: Environment, root: unknown): Overlay[] {
  if (env.NODE_ENV !== 'production') return [];
  const server = (root as { server?: object } | null)?.server;
  return ['introspection', 'explorer'].flatMap((key) => {
    const isGiven = typeof server === 'object' && server !== null && Object.hasOwn(server, key);
    return isGiven ? [] : [{ source: sourceOf('NODE_ENV'), path: ['server', key], value: false }];
  });
}

function sourceOf(variable: string): string {
  return `environment variable ${variable}`;
}

/** How a subgraph's name is written in a variable, in lower case: `my-users` -> `my_users`. */
export function variableKey(name: string): string {
  return name.replace(/\W/g, '_').toLowerCase();
}

/** Sets a value, making maps on the way; false when something that is not a map stands there (the check will tell). */
function setAt(root: unknown, path: readonly string[], value: unknown): boolean {
  let node = root;
  for (const [index, step] of path.entries()) {
    if (typeof node !== 'object' || node === null || Array.isArray(node)) return false;
    const map = node as Record<string, unknown>;
    if (index === path.length - 1) map[step] = value;
    else if (!Object.hasOwn(map, step) || map[step] === null) map[step] = {};
    node = map[step];
  }
  return true;
}
