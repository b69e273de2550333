/**
 * What `serve.ts` is to do, from its arguments and the environment.
 * In: words and variables. Out: ServeOptions, a help text, or every problem with them. Clock: once per process.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const subgraphNames = ['users', 'payments', 'content'] as const;
export type SubgraphName = (typeof subgraphNames)[number];

const defaultPorts: Readonly<Record<SubgraphName, number>> = { users: 4001, payments: 4002, content: 4003 };
const DEFAULT_HOST = '127.0.0.1';

export interface ServeOptions {
  readonly subgraphs: readonly { readonly name: SubgraphName; readonly port: number; readonly portVariable: string }[];
  readonly host: string;
  /** Undefined: an embedded Postgres. */
  readonly databaseUrl: string | undefined;
  /** Absolute path; holds `postgres/` and `keys/`. */
  readonly dataDirectory: string;
  /** Undefined: events of subscriptions stay within this process. */
  readonly redisUrl: string | undefined;
  /** Undefined: a random one for this run. */
  readonly identitySecret: string | undefined;
  readonly gateway: { readonly port: number | undefined } | undefined;
}

export type ServeArguments =
  | { readonly kind: 'serve'; readonly options: ServeOptions }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'problems'; readonly problems: readonly string[] };

const HELP = `Usage: npm run subgraph -- [users] [payments] [content] [--gateway] [--port 4000]

Starts the named subgraphs (default: all three) in one process.

  --gateway    then starts the gateway on ./supergraph.yaml and ./gateway.yaml
  --port N     of the gateway
  --help       this text

Environment:
  DATABASE_URL               a Postgres server (the databases supergate_users ... are created when missing);
                             without it an embedded Postgres runs, its data in SUPERGATE_DATA_DIR/postgres
  REDIS_URL                  carries the events of subscriptions between processes; without it they stay in this one
  SUPERGATE_DATA_DIR         default .data
  SUPERGATE_IDENTITY_SECRET  32 bytes or more, shared with the gateway; random for each run when unset
  PORT_USERS, PORT_PAYMENTS, PORT_CONTENT    default 4001, 4002, 4003; 0 takes any free port
  SUBGRAPH_HOST              the address that subgraphs listen on, default 127.0.0.1
  SIGNING_KEYS_DIR           keys of the users subgraph, default SUPERGATE_DATA_DIR/keys
  UPLOADS_DIR                files of the content subgraph, default SUPERGATE_DATA_DIR/uploads
  TOKEN_ISSUER, TOKEN_AUDIENCE    of its tokens, default https://users.supergate.local and supergate
  PAYMENTS_WEBHOOK_SECRET    of the payment provider, 32 bytes or more, several separated by commas;
                             a published one when unset, refused when NODE_ENV is production
  PAYMENTS_QUOTE_SECRET      signs quotes; random for each run when unset
  LOG_LEVEL                  default info
`;

/** Reads the command line (without `node` and the script's name) and the environment; tells all problems at once. */
export function readServeArguments(words: readonly string[], env: NodeJS.ProcessEnv): ServeArguments {
  const problems: string[] = [];
  const parsed = parseWords(words);
  if (typeof parsed === 'string') return { kind: 'problems', problems: [parsed] };
  if (parsed.values.help) return { kind: 'help', text: HELP };
  const names = parsed.positionals.filter(isSubgraphName);
  for (const word of parsed.positionals) {
    if (!isSubgraphName(word))
      problems.push(`${word}: there is no such subgraph; there are ${subgraphNames.join(', ')}`);
  }
  const gateway = parsed.values.gateway ?? false;
  if (parsed.values.port !== undefined && !gateway) problems.push('--port is the port of the gateway: add --gateway');
  const gatewayPort = readPort('--port', parsed.values.port, problems);
  const chosen = names.length > 0 ? subgraphNames.filter((name) => names.includes(name)) : subgraphNames;
  const subgraphs = chosen.map((name) => {
    const portVariable = `PORT_${name.toUpperCase()}`;
    return { name, portVariable, port: readPort(portVariable, env[portVariable], problems) ?? defaultPorts[name] };
  });
  const identitySecret = env.SUPERGATE_IDENTITY_SECRET || undefined;
  if (identitySecret !== undefined && Buffer.byteLength(identitySecret) < 32) {
    problems.push('SUPERGATE_IDENTITY_SECRET must be at least 32 bytes long');
  }
  const databaseUrl = env.DATABASE_URL || undefined;
  if (databaseUrl !== undefined && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
    problems.push('DATABASE_URL must be like postgres://user:password@host:5432/postgres');
  }
  const redisUrl = env.REDIS_URL || undefined;
  if (redisUrl !== undefined && !/^rediss?:\/\//.test(redisUrl)) {
    problems.push('REDIS_URL must be like redis://user:password@host:6379/0');
  }
  if (problems.length > 0) return { kind: 'problems', problems };
  const options: ServeOptions = {
    subgraphs,
    host: env.SUBGRAPH_HOST || DEFAULT_HOST,
    databaseUrl,
    redisUrl,
    dataDirectory: resolve(env.SUPERGATE_DATA_DIR || '.data'),
    identitySecret,
    gateway: gateway ? { port: gatewayPort } : undefined,
  };
  return { kind: 'serve', options };
}

function parseWords(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { gateway: { type: 'boolean' }, port: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function isSubgraphName(word: string): word is SubgraphName {
  return subgraphNames.some((name) => name === word);
}

function readPort(name: string, text: string | undefined, problems: string[]): number | undefined {
  if (text === undefined || text === '') return undefined;
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  problems.push(`${name} must be a port, 0 to 65535, not "${text}"`);
  return undefined;
}
