/**
 * Writes the generated parts of README.md and docs/: `npm run docs`. `test/docs.test.ts` tells when they have drifted.
 * In: the tables and help texts of the code. Out: Markdown between `<!-- generated: NAME -->` and `<!-- end -->`.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, print } from 'graphql';
import { type AdminParts, createAdminRoutes } from '../src/admin-routes';
import { commands, runCli } from '../src/cli';
import { configJsonSchema } from '../src/config';
import { type ErrorDefinition, errorTable } from '../src/errors';
import { cacheControlDefinition } from '../src/policy/cache-declarations';
import { rateLimitDefinition } from '../src/policy/rate-limit-declarations';
import { renderMetricCatalogue } from '../src/telemetry/metric-catalogue';
import { EXAMPLE_QUERY } from '../subgraphs/shared/welcome';
import { alerts } from './monitoring';

const root = join(__dirname, '..');
const marked = /(<!-- generated: ([\w ]+) -->\n)[\s\S]*?(<!-- end -->)/g;

/** Answers `text` with every generated part as it should be. Throws for a part that nothing generates. */
export async function renderDocs(text: string): Promise<string> {
  const parts = await renderParts();
  return text.replace(marked, (_whole, begin: string, name: string, end: string) => {
    const part = parts.get(name);
    if (part === undefined) throw new Error(`nothing generates "${name}"`);
    return `${begin}${part}\n${end}`;
  });
}

async function renderParts(): Promise<ReadonlyMap<string, string>> {
  const parts = new Map([
    ['errors', renderErrors()],
    ['configuration', renderConfiguration()],
    ['metrics', renderMetricCatalogue()],
    ['admin endpoints', renderAdminEndpoints()],
    ['alerts', renderAlertTexts()],
    ['directive cacheControl', fence('graphql', cacheControlDefinition)],
    ['directive rateLimit', fence('graphql', rateLimitDefinition)],
    ['query', fence('graphql', print(parse(EXAMPLE_QUERY)))],
  ]);
  for (const command of Object.keys(commands)) {
    parts.set(`help ${command}`, fence('text', await captureHelp(command)));
  }
  return parts;
}

function renderErrors(): string {
  const definitions: readonly [string, ErrorDefinition][] = Object.entries(errorTable);
  const rows = definitions.map(([code, { httpStatus, inAnswer, retry, description }]) => {
    return [`\`${code}\``, inAnswer ? '200' : String(httpStatus), retry ? 'yes' : '', description];
  });
  return table(['code', 'HTTP', 'retry', 'meaning'], rows);
}

function renderAlertTexts(): string {
  return alerts.map(({ name, summary, action }) => `### ${name}\n\n${summary} ${action}`).join('\n\n');
}

function renderAdminEndpoints(): string {
  // Nothing is asked of the parts until an endpoint is.
  const routes = createAdminRoutes({} as AdminParts);
  return table(
    ['endpoint', 'meaning'],
    routes.map(({ method, path, summary }) => [`\`${method} ${path}\``, summary]),
  );
}

/** The part of JSON Schema that a configuration's description needs. */
interface ConfigNode {
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, ConfigNode>>;
  readonly additionalProperties?: ConfigNode | boolean;
  readonly items?: ConfigNode;
}

function renderConfiguration(): string {
  const { properties = {} } = configJsonSchema() as ConfigNode;
  const rows = Object.entries(properties).flatMap(([section, node]) =>
    leavesOf(node, '').map(([key, leaf]) => [`\`${section}\``, `\`${key}\``, defaultOf(leaf), meaningOf(leaf)]),
  );
  return table(['section', 'key', 'default', 'meaning'], rows);
}

/** Keys with a value: `cors.origins`, `issuers[].audiences`, `overrides.NAME.url`. */
function leavesOf(node: ConfigNode, path: string): [string, ConfigNode][] {
  const { properties, additionalProperties: more, items } = node;
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([key, child]) => leavesOf(child, path === '' ? key : `${path}.${key}`));
  }
  if (typeof more === 'object') return leavesOf(more, `${path}.NAME`);
  if (items?.properties !== undefined) return leavesOf(items, `${path}[]`);
  return [[path, node]];
}

function defaultOf(node: ConfigNode): string {
  return node.default === undefined ? '' : `\`${JSON.stringify(node.default)}\``;
}

function meaningOf({ description = '', enum: ofValue, items }: ConfigNode): string {
  const values = ofValue ?? items?.enum;
  return values === undefined ? description : `${description} ${values.map((value) => `\`${value}\``).join(' ')}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n');
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trim()}\n\`\`\``;
}

/** The documents with generated parts. */
export function documentFiles(): readonly string[] {
  const chapters = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  return [join(root, 'README.md'), ...chapters.map((name) => join(root, 'docs', name))];
}

/** What `supergate COMMAND --help` prints. */
async function captureHelp(command: string): Promise<string> {
  const { write } = process.stdout;
  let printed = '';
  process.stdout.write = (text: string | Uint8Array) => {
    printed += String(text);
    return true;
  };
  try {
    await runCli([...command.split(' '), '--help']);
  } finally {
    process.stdout.write = write;
  }
  return printed;
}

async function main(): Promise<void> {
  for (const file of documentFiles()) writeFileSync(file, await renderDocs(readFileSync(file, 'utf8')));
}

if (require.main === module) void main();
