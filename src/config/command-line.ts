/**
 * How the command line is read: a table of commands in, checked arguments, help texts and refusals out.
 * The floor: it knows no command. Clock: the process.
 */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { suggest } from './yaml-file';

export interface OptionHelp {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly help: string;
}

export interface Arguments {
  readonly positional: string | undefined;
  /** The value of an option that takes one. */
  text(option: string): string | undefined;
  flag(option: string): boolean;
}

export interface Command {
  readonly summary: string;
  readonly positional?: { readonly name: string; readonly help: string };
  readonly options: Readonly<Record<string, OptionHelp>>;
  /** Below the options. */
  readonly details?: string;
  /** Answers the exit status. */
  run(args: Arguments): Promise<number> | number;
}

/** Arguments that make no sense: exit status 2, with the way to the help. */
export class UsageError extends Error {}

/** Checks the words after a command's name against its options. Throws `UsageError`, naming the nearest option. */
export function readArguments(name: string, command: Command, args: readonly string[]): Arguments {
  const { options } = command;
  const config = { args: [...args], options, allowPositionals: true } satisfies ParseArgsConfig;
  const shorts = new Set(Object.values(options).map(({ short }) => short));
  for (const token of parseArgs({ ...config, strict: false, tokens: true }).tokens) {
    if (token.kind !== 'option' || Object.hasOwn(options, token.name)) continue;
    if (token.rawName.startsWith('--') || !shorts.has(token.name)) {
      throw new UsageError(
        `${name}: unknown option "${token.rawName}"${suggest(token.name, Object.keys(options), '--')}`,
      );
    }
  }
  const { values, positionals } = parseStrictly(name, config);
  const [positional, extra] = positionals;
  const surplus = command.positional === undefined ? positional : extra;
  if (surplus !== undefined) throw new UsageError(`${name}: unexpected argument "${surplus}"`);
  return {
    positional,
    text: (option) => (typeof values[option] === 'string' ? values[option] : undefined),
    flag: (option) => values[option] === true,
  };
}

function parseStrictly(
  name: string,
  config: ParseArgsConfig,
): { values: Record<string, unknown>; positionals: string[] } {
  try {
    return parseArgs({ ...config, strict: true });
  } catch (error) {
    // Node's sentence names the option; what follows it explains escapes.
    throw new UsageError(`${name}: ${messageOf(error).split('\n')[0]}`);
  }
}

const secondsIn: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** `15m` is 900 seconds, `30d` 2,592,000; undefined for anything else. */
export function readSeconds(text: string): number | undefined {
  const [, amount = '', unit = ''] = /^([1-9]\d{0,5})([smhd])$/.exec(text) ?? [];
  const seconds = secondsIn[unit];
  return seconds === undefined ? undefined : Number(amount) * seconds;
}

/** `a, b` is `['a', 'b']`; a missing list is empty, an empty name or one with a space is a mistake: undefined. */
export function readNames(list: string | undefined): readonly string[] | undefined {
  if (list === undefined || list.trim() === '') return [];
  const names = list.split(',').map((name) => name.trim());
  return names.every((name) => /^[^\p{C}\s]{1,255}$/u.test(name)) ? names : undefined;
}

/** What `--help` prints. */
export function generalHelp(commands: Readonly<Record<string, Command>>): string {
  const width = Math.max(...Object.keys(commands).map(({ length }) => length));
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    'Supergate: a federated GraphQL gateway.',
    '',
    'Usage: supergate COMMAND [ARGUMENTS]',
    '',
    ...lines,
    '',
    'supergate COMMAND --help tells more; supergate --version prints the version.',
    'Exit status: 0 done, 1 failed, 2 wrong arguments, configuration or supergraph.',
  ].join('\n');
}

/** What `COMMAND --help` prints. */
export function commandHelp(name: string, { summary, positional, options, details }: Command): string {
  const rows: [string, string][] = positional === undefined ? [] : [[positional.name, positional.help]];
  for (const [option, { short, value, help }] of Object.entries(options)) {
    rows.push([
      `${short === undefined ? '' : `-${short}, `}--${option}${value === undefined ? '' : ` ${value}`}`,
      help,
    ]);
  }
  rows.push(['-h, --help', 'print this']);
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    summary,
    '',
    `Usage: supergate ${name}${positional === undefined ? '' : ` [${positional.name}]`} [OPTIONS]`,
    '',
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
    ...(details === undefined ? [] : ['', details]),
  ].join('\n');
}

export function messageOf(error: unknown): string {
  return (error as { message?: string } | undefined)?.message || String(error);
}

/** Where the supergraph is when a command is not told. */
export const defaultSupergraph = './supergraph.yaml';

/** And where the configuration is, if there is one. */
export const defaultConfig = './gateway.yaml';

/** Prints a result, and answers the exit status that a result has. */
export function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

/** Tells what is no result: problems, and what was done. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}
