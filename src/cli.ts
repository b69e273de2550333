#!/usr/bin/env node
/**
 * The command line: words in, exit status out (0 done, 1 failed, 2 wrong arguments, configuration or supergraph).
 * Clock: the process. It decides nothing of its own: every command calls one function of the gateway.
 */
import cluster from 'node:cluster';
import { existsSync, writeFileSync } from 'node:fs';
import { type Config, ConfigError, configJsonSchema, createConfig, loadConfig, processEnvironment } from './config';
import {
  type Arguments,
  type Command,
  commandHelp,
  defaultConfig,
  defaultSupergraph,
  generalHelp,
  messageOf,
  print,
  readArguments,
  tell,
  UsageError,
} from './config/command-line';
import { registrationProblems } from './config/discovery';
import { type Setting, shownValue } from './config/effective';
import { tlsProblems } from './config/tls';
import { suggest } from './config/yaml-file';
import { authenticationProblems } from './context/create-authentication';
import { createDevToken, devTokenDefaults } from './context/dev-token';
import { createKeyCommands } from './context/key-commands';
import { readPort, serveCommand } from './serve-command';
import {
  type Composition,
  CompositionError,
  type CompositionHint,
  type CompositionProblem,
  composeSupergraph,
  formatCompositionProblem,
} from './supergraph/composition';
import { createOpenApiCommand } from './supergraph/openapi-command';
import { createPlanCommands } from './supergraph/plan-commands';
import { PlannerThread } from './supergraph/planner-client';
import { readSupergraphSource } from './supergraph/sources';

/** Every command by its name. */
export const commands: Readonly<Record<string, Command>> = {
  serve: {
    summary: 'Serve a supergraph over HTTP.',
    positional: {
      name: 'SUPERGRAPH',
      help: `supergraph.yaml, or a composed supergraph: .graphql file or URL (default ${defaultSupergraph})`,
    },
    options: {
      config: { type: 'string', value: 'FILE', help: `configuration (default ${defaultConfig}, if there is one)` },
      port: { type: 'string', value: 'PORT', help: 'port to listen on, 0 for a free one (default 4000)' },
      host: { type: 'string', value: 'HOST', help: 'address to listen on (default 127.0.0.1)' },
      workers: { type: 'string', value: 'N|auto', help: 'processes that share the port (auto: one for each core)' },
      'watch-config': { type: 'boolean', help: 'read the configuration anew when its file changes' },
    },
    details: [
      'Environment: PORT, HOST, LOG_LEVEL, REDIS_URL, SUPERGATE_ZONE, SUPERGATE_TRUSTED_PROXIES, SUPERGATE_IDENTITY_SECRET,',
      'SUPERGATE_ADMIN_TOKEN, SUPERGATE_REGISTRATION_TOKEN and SUBGRAPH_<NAME>_URL (or _URLS, of its instances) stand above',
      'the configuration file; --port and --host stand above both. NODE_ENV=production switches introspection and the',
      'explorer off, unless the file says otherwise. The first SIGINT or SIGTERM lets running requests finish.',
      'SIGHUP reads the configuration anew, or, with --workers, replaces them one after the other (not where a terminal is',
      'attached); SIGUSR2 switches debug lines on and off.',
    ].join('\n'),
    run: (args) => serveCommand(args, { supergraph: defaultSupergraph, config: defaultConfig }, { print, tell }),
  },
  compose: {
    summary: 'Compose subgraphs to a supergraph, or tell every error with its position.',
    positional: { name: 'SUPERGRAPH', help: `supergraph.yaml (default ${defaultSupergraph})` },
    options: {
      output: {
        type: 'string',
        short: 'o',
        value: 'FILE',
        help: 'write the supergraph there instead of standard output',
      },
      format: { type: 'string', value: 'text|json', help: 'how the result is told (default text)' },
    },
    details: [
      'text: the supergraph on standard output; errors and warnings on standard error, each as',
      '      subgraph: file:line:column CODE message',
      'json: one object { ok, supergraphSdl, output, errors, hints } on standard output.',
    ].join('\n'),
    run: composeCommand,
  },
  token: {
    summary: 'Sign a development token of the local issuer.',
    options: {
      sub: { type: 'string', value: 'ID', help: 'who the token is for (required)' },
      roles: { type: 'string', value: 'A,B', help: 'roles, separated by commas' },
      scopes: { type: 'string', value: 'A,B', help: 'scopes, separated by commas' },
      expires: {
        type: 'string',
        value: 'TIME',
        help: `30s, 15m, 2h; at most 24h (default ${devTokenDefaults.expires})`,
      },
      keys: {
        type: 'string',
        value: 'DIR',
        help: `directory of the signing keys (default ${devTokenDefaults.keysDirectory})`,
      },
      issuer: { type: 'string', value: 'URL', help: `default ${devTokenDefaults.issuer}` },
      audience: { type: 'string', value: 'NAME', help: `default ${devTokenDefaults.audience}` },
    },
    details: 'Use it as: curl -H "authorization: Bearer $(supergate token --sub ID)" ...',
    run: tokenCommand,
  },
  ...createPlanCommands((asked) => {
    const { analyzeQueries } = require('./analyze') as typeof import('./analyze');
    return analyzeQueries(asked);
  }),
  ...createOpenApiCommand(),
  ...createKeyCommands(),
  config: {
    summary: 'Check a configuration, show what counts and why, or print its JSON Schema.',
    positional: { name: 'FILE', help: `configuration (default ${defaultConfig})` },
    options: {
      validate: { type: 'boolean', help: 'check the file, and tell every problem (the default)' },
      print: { type: 'boolean', help: 'print every key with its value and where that comes from' },
      schema: { type: 'boolean', help: 'print the JSON Schema of the configuration, for editors' },
      port: { type: 'string', value: 'PORT', help: 'as for serve' },
      host: { type: 'string', value: 'HOST', help: 'as for serve' },
    },
    details: [
      '--print shows secrets as (hidden), and marks what can change while the gateway runs with *:',
      '  KEY: VALUE  # default, FILE:LINE, environment variable NAME or option --NAME',
    ].join('\n'),
    run: configCommand,
  },
};

/** Runs the command line `args` (without node and script) and sets the exit status. */
export async function runCli(args: readonly string[]): Promise<void> {
  try {
    process.exitCode = await dispatch(args);
  } catch (error) {
    process.exitCode = report(error);
  }
  // The line to its primary would keep a worker that does not serve.
  if (cluster.isWorker && process.exitCode !== 0) process.exit();
}

async function dispatch(words: readonly string[]): Promise<number> {
  const [name, ...rest] = joinCommand(words);
  if (name === '--help' || name === '-h' || name === 'help') return print(generalHelp(commands));
  if (name === '--version' || name === '-V') return print(version());
  if (name === undefined) throw new UsageError('give a command');
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const second = secondWords(name);
    if (second.length > 0) throw new UsageError(`${name}: give one of ${second.join(', ')}`);
    const kind = name.startsWith('-') ? 'option' : 'command';
    throw new UsageError(`unknown ${kind} "${name}"${suggest(name, Object.keys(commands))}`);
  }
  if (rest.includes('--help') || rest.includes('-h')) return print(commandHelp(name, command));
  return command.run(readArguments(name, command, rest));
}

/** `key create --name x` is the command `key create`. */
function joinCommand([first = '', second = '', ...rest]: readonly string[]): readonly string[] {
  const joined = `${first} ${second}`;
  return Object.hasOwn(commands, joined) ? [joined, ...rest] : [first, second, ...rest].filter((word) => word !== '');
}

/** The commands that begin with this word, without it. */
function secondWords(name: string): readonly string[] {
  const prefix = `${name} `;
  return Object.keys(commands).flatMap((command) => (command.startsWith(prefix) ? command.slice(prefix.length) : []));
}

async function composeCommand(args: Arguments): Promise<number> {
  const file = args.positional ?? defaultSupergraph;
  const format = args.text('format') ?? 'text';
  const output = args.text('output');
  if (format !== 'text' && format !== 'json')
    throw new UsageError(`compose: --format must be text or json, not "${format}"`);
  const composition = await composeFile(file);
  if (composition.kind === 'composed' && output !== undefined) writeOutput(output, composition.supergraphSdl);
  if (format === 'json') print(JSON.stringify(toJson(composition, output), null, 2));
  else tellComposition(composition, file, output);
  return composition.kind === 'composed' ? 0 : 2;
}

async function composeFile(file: string): Promise<Composition> {
  const planner = new PlannerThread(createConfig().planner);
  try {
    const read = await readSupergraphSource(file, { env: processEnvironment() });
    if (read.kind === 'problems') throw new ConfigError(read.problems);
    if (read.source.kind === 'supergraph')
      throw new UsageError(`compose: ${file} is no supergraph.yaml: composed already?`);
    return await composeSupergraph(read.source, planner);
  } finally {
    await planner.close();
  }
}

function writeOutput(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new UsageError(`compose: ${file} cannot be written: ${messageOf(error)}`);
  }
}

function toJson(composition: Composition, output: string | undefined): object {
  const isComposed = composition.kind === 'composed';
  return {
    ok: isComposed,
    supergraphSdl: isComposed && output === undefined ? composition.supergraphSdl : null,
    output: isComposed ? (output ?? null) : null,
    errors: isComposed ? [] : composition.errors,
    hints: isComposed ? composition.hints : [],
  };
}

function tellComposition(composition: Composition, file: string, output: string | undefined): void {
  const problems: readonly (CompositionProblem | CompositionHint)[] =
    composition.kind === 'composed' ? composition.hints : composition.errors;
  const prefix = composition.kind === 'composed' ? 'warning: ' : '';
  for (const problem of problems) tell(prefix + formatCompositionProblem(problem, file));
  if (composition.kind === 'failed') tell(`${file} does not compose: ${count(problems.length, 'error')}`);
  else if (output === undefined) print(composition.supergraphSdl.trimEnd());
  else tell(`wrote ${output}${problems.length > 0 ? `, with ${count(problems.length, 'warning')}` : ''}`);
}

function tokenCommand(args: Arguments): number {
  const sub = args.text('sub');
  if (sub === undefined) throw new UsageError('token: --sub ID is required');
  const given = {
    roles: 'roles',
    scopes: 'scopes',
    expires: 'expires',
    keysDirectory: 'keys',
    issuer: 'issuer',
    audience: 'audience',
  };
  const options = Object.entries(given).flatMap(([key, option]) => {
    const value = args.text(option);
    return value === undefined ? [] : [[key, value]];
  });
  const token = createDevToken({ sub, ...Object.fromEntries(options) });
  if (!token.issued) throw new UsageError(`token: ${token.problem}`);
  tell(`for ${sub}, signed with key ${token.keyId}, until ${token.expiresAt.toISOString()}`);
  return print(token.token);
}

function configCommand(args: Arguments): number {
  if (args.flag('schema')) return print(JSON.stringify(configJsonSchema(), null, 2));
  const isPrinted = args.flag('print');
  const file = args.positional ?? (isPrinted && !existsSync(defaultConfig) ? undefined : defaultConfig);
  const flags = { port: readPort(args.text('port')), host: args.text('host') };
  const check = (config: Config) => [
    ...authenticationProblems(config),
    ...registrationProblems(config),
    ...tlsProblems(config),
  ];
  const loaded = loadConfig({ file, env: processEnvironment(), flags, check });
  if (loaded.kind === 'problems') throw new ConfigError(loaded.problems);
  if (isPrinted) return print(loaded.settings().map(formatSetting).join('\n'));
  return print(`${file} is a valid configuration`);
}

/** `limits.maxDepth*: 25  # default`. */
function formatSetting(setting: Setting): string {
  const { path, source, isReloadable } = setting;
  return `${path}${isReloadable ? '*' : ''}: ${JSON.stringify(shownValue(setting))}  # ${source}`;
}

/** Tells what went wrong and returns the exit status for it. */
function report(error: unknown): number {
  if (error instanceof UsageError) {
    tell(`supergate: ${error.message}\nRun "supergate --help" for how to use it.`);
    return 2;
  }
  if (error instanceof ConfigError || error instanceof CompositionError) {
    tell(error.message);
    return 2;
  }
  tell(`supergate: ${messageOf(error)}`);
  return 1;
}

function version(): string {
  const { version } = require('../package.json') as { version: string };
  return version;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

if (require.main === module) void runCli(process.argv.slice(2));
