/**
 * `supergate plan` and `supergate check`: what operations cost on a supergraph, and what a new one would break.
 * In: files. Out: text or JSON on standard output, and an exit status. Clock: per command.
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { type Config, ConfigError, createConfig, loadConfig, processEnvironment } from '../config';
import { type Arguments, type Command, defaultSupergraph, messageOf, print, UsageError } from '../config/command-line';
import type { Environment } from '../config/yaml-file';
import { listOperationFiles } from '../operation/operation-library';
import {
  compareReports,
  costOf,
  type OperationChange,
  type OperationReport,
  OperationReporter,
} from './operation-report';

/** What `plan --analyze` found of one query. */
export interface AnalyzedQuery {
  readonly name: string | undefined;
  /** For people. */
  readonly text: string;
  readonly result: object | undefined;
  /** Whether it was answered, or is none that is run. */
  readonly isRun: boolean;
}

/** Runs the queries of a document against live subgraphs: it takes a whole gateway. */
export type AnalyzeQueries = (asked: {
  readonly source: string;
  readonly supergraph: string;
  readonly config: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
  /** The value of a header. */
  readonly authorization: string | undefined;
}) => Promise<readonly AnalyzedQuery[]>;

/** The commands by their names. */
export function createPlanCommands(analyze: AnalyzeQueries): Readonly<Record<string, Command>> {
  return {
    plan: {
      summary: 'Print the query plans of the operations in a file.',
      positional: { name: 'OPERATIONS', help: 'a .graphql file (required)' },
      options: {
        supergraph: {
          type: 'string',
          value: 'FILE',
          help: `supergraph.yaml or a composed supergraph (default ${defaultSupergraph})`,
        },
        config: {
          type: 'string',
          value: 'FILE',
          help: 'gateway.yaml with limits, rate limits and costs (default none)',
        },
        format: { type: 'string', value: 'text|json', help: 'how the plans are told (default text)' },
        analyze: { type: 'boolean', help: 'run the queries against the subgraphs, and tell of each call' },
        variables: { type: 'string', value: 'JSON', help: 'with --analyze: the variables of the queries' },
        authorization: { type: 'string', value: 'TEXT', help: 'with --analyze: the header `authorization`' },
      },
      details: [
        'Fetches are counted as if each sent one request; waves are those that wait for one another. Fields with',
        'arguments travel under names of the gateway (`_0_price`). Conditions (@skip, @include) count as true.',
        'Costs are estimated by @cost and @listSize. What fields require and which limits count the operation is told',
        'as the supergraph and the configuration say it.',
        'Exit status 1 when an operation is refused. --analyze runs queries alone, never mutations.',
      ].join('\n'),
      run: (args) => (args.flag('analyze') ? analyzeCommand(args, analyze) : planCommand(args)),
    },
    check: {
      summary: 'Tell which operations a new supergraph would break, or make cost more.',
      positional: { name: 'NEW', help: 'the new supergraph.yaml or composed supergraph (required)' },
      options: {
        against: { type: 'string', value: 'OLD', help: 'the supergraph that is served now (required)' },
        operations: { type: 'string', value: 'DIR', help: 'directory of .graphql files (default ./operations)' },
        format: { type: 'string', value: 'text|json', help: 'how the result is told (default text)' },
      },
      details: 'Exit status 1 when an operation would break.',
      run: checkCommand,
    },
  };
}

async function planCommand(args: Arguments): Promise<number> {
  const file = args.positional;
  if (file === undefined) throw new UsageError('plan: name the file of the operations');
  const format = readFormat('plan', args);
  const source = readText('plan', file);
  const reporter = await openReporter(args.text('supergraph') ?? defaultSupergraph, args.text('config'));
  try {
    const reports = await reporter.report(source);
    print(format === 'json' ? JSON.stringify(reports, null, 2) : reports.map(toText).join('\n\n'));
    return reports.some(({ outcome }) => outcome.kind === 'refused') ? 1 : 0;
  } finally {
    await reporter.close();
  }
}

async function analyzeCommand(args: Arguments, analyze: AnalyzeQueries): Promise<number> {
  const file = args.positional;
  if (file === undefined) throw new UsageError('plan: name the file of the operations');
  const format = readFormat('plan', args);
  const analyzed = await analyze({
    source: readText('plan', file),
    supergraph: args.text('supergraph') ?? defaultSupergraph,
    config: args.text('config'),
    variables: readVariables(args.text('variables') ?? '{}'),
    authorization: args.text('authorization'),
  });
  const told = analyzed.map(({ name, text }) => `${name ?? '(anonymous)'}: ${text}`).join('\n\n');
  print(format === 'json' ? JSON.stringify(analyzed, null, 2) : told);
  return analyzed.every(({ isRun }) => isRun) ? 0 : 1;
}

function readVariables(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {}
  throw new UsageError('plan: --variables must be a JSON object');
}

function toText({ name, outcome }: OperationReport): string {
  if (outcome.kind === 'refused')
    return `${name ?? 'refused'}:\n${outcome.errors.map((line) => `  ${line}`).join('\n')}`;
  const from = outcome.subgraphs.length > 0 ? ` from ${outcome.subgraphs.join(', ')}` : '';
  const { cost, authorization, rateLimits } = outcome;
  const lines = [
    `${outcome.operation} ${name ?? '(anonymous)'}: ${costOf(outcome)}${from}`,
    `cost ${cost.estimated}${cost.dependsOnVariables ? ' without values of its variables' : ''}`,
    ...authorization.map((line) => `requires ${line}`),
    ...rateLimits.map((line) => `limited ${line}`),
    outcome.plan,
  ];
  return lines.join('\n').trimEnd();
}

interface CheckedFile {
  readonly file: string;
  readonly change: OperationChange;
}

async function checkCommand(args: Arguments): Promise<number> {
  const { positional: next } = args;
  const last = args.text('against');
  if (next === undefined) throw new UsageError('check: name the new supergraph');
  if (last === undefined) throw new UsageError('check: --against OLD is required');
  const format = readFormat('check', args);
  const documents = await readOperations(args.text('operations') ?? './operations');
  const changes = await compare(last, next, documents);
  print(format === 'json' ? JSON.stringify(changes.map(flatten), null, 2) : changesToText(changes));
  return changes.some(({ change }) => change.kind === 'broken') ? 1 : 0;
}

async function compare(last: string, next: string, documents: ReadonlyMap<string, string>): Promise<CheckedFile[]> {
  const old = await openReporter(last);
  try {
    const young = await openReporter(next);
    try {
      const changes: CheckedFile[] = [];
      for (const [file, source] of documents) {
        const [before, after] = [await old.report(source), await young.report(source)];
        for (const change of compareDocument(before, after)) changes.push({ file, change });
      }
      return changes;
    } finally {
      await young.close();
    }
  } finally {
    await old.close();
  }
}

/** A document that is refused as a whole stands for each of its operations. */
function compareDocument(before: readonly OperationReport[], after: readonly OperationReport[]): OperationChange[] {
  const longer = before.length > after.length ? before : after;
  return longer.flatMap(({ name }, index) => {
    const last = before[index] ?? before[0];
    const next = after[index] ?? after[0];
    return last && next ? [compareReports({ ...last, name }, { ...next, name })] : [];
  });
}

function changesToText(changes: readonly CheckedFile[]): string {
  const lines = changes
    .filter(({ change }) => change.kind !== 'same')
    .map(({ file, change }) => `${change.kind}: ${file} ${change.name ?? '(anonymous)'}: ${change.detail}`);
  const broken = changes.filter(({ change }) => change.kind === 'broken').length;
  return [...lines, `${changes.length} operations, ${broken} would break`].join('\n');
}

function flatten({ file, change }: CheckedFile): object {
  return { file, operation: change.name ?? null, kind: change.kind, detail: change.detail };
}

async function openReporter(file: string, configFile?: string): Promise<OperationReporter> {
  const env = processEnvironment();
  const policies = configFile === undefined ? createConfig() : readConfig(configFile, env);
  const { planner, limits } = policies;
  const documents = { limits, maxErrors: limits.maxErrors, introspection: true };
  return OperationReporter.open(file, { planner, documents, policies, env });
}

function readConfig(file: string, env: Environment): Config {
  const loaded = loadConfig({ file, env });
  if (loaded.kind === 'problems') throw new ConfigError(loaded.problems);
  return loaded.config;
}

function readFormat(command: string, args: Arguments): 'text' | 'json' {
  const format = args.text('format') ?? 'text';
  if (format === 'text' || format === 'json') return format;
  throw new UsageError(`${command}: --format must be text or json, not "${format}"`);
}

function readText(command: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${command}: ${file} cannot be read: ${messageOf(error)}`);
  }
}

/** The operations of a directory, by their paths in it. */
async function readOperations(directory: string): Promise<ReadonlyMap<string, string>> {
  const files = await listOperationFiles(directory).catch((error: unknown) => {
    throw new UsageError(`check: ${directory} cannot be read: ${messageOf(error)}`);
  });
  if (files.length === 0) throw new UsageError(`check: ${directory} has no .graphql file`);
  return new Map(files.map((file) => [relative(directory, file), readText('check', file)]));
}
