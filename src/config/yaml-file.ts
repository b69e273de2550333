/**
 * Reads a YAML file against a zod schema: the value, or every problem at once with its path, line and column.
 * `${env.NAME}` and `${env.NAME:-default}` in string values become the variable's text. The floor: any step may use it.
 * Clock: per start. It never puts a value into a message (it may be a secret), only names and positions.
 */
import { isMap, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import { z } from 'zod';

export type Path = readonly (string | number)[];
export type Environment = Readonly<Record<string, string | undefined>>;

/** Something wrong in a file (or an environment variable, which has no line). */
export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line?: number;
  readonly column?: number;
  /** `server.port`, empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

/** Where a value came from, so that a problem can point at it. */
export interface Origin {
  locate(path: Path, part: 'key' | 'value'): Pick<Problem, 'file' | 'line' | 'column'>;
  /** Whether the value was written as text that may stand for a number or boolean (an environment variable). */
  isText(path: Path): boolean;
}

export interface ParsedYaml {
  readonly value: unknown;
  readonly origin: Origin;
  readonly problems: readonly Problem[];
}

export type Checked<T> =
  | { readonly kind: 'valid'; readonly value: T }
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] };

/** `gateway.yaml:3:5 server.prot: unknown key "prot"; did you mean "port"?` */
export function formatProblem({ file, line, column, path, message }: Problem): string {
  const position = line === undefined ? file : `${file}:${line}:${column ?? 1}`;
  return path === '' ? `${position} ${message}` : `${position} ${path}: ${message}`;
}

/** `['issuers', 0, 'jwksUrl']` becomes `issuers[0].jwksUrl`. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

/** Parses YAML 1.2 and substitutes environment variables; syntax errors and unset variables come back as problems. */
export function parseYaml(file: string, text: string, env: Environment): ParsedYaml {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const problems: Problem[] = document.errors.map((error) => ({
    ...at(error.pos[0]),
    path: '',
    message: error.message,
  }));
  const substituted = new Set<unknown>();
  visit(document, {
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'string') return;
      const { result, faults } = interpolate(node.value, env);
      if (result !== node.value) substituted.add(node);
      node.value = result;
      for (const message of faults) problems.push({ ...at(node.range?.[0] ?? 0), path: '', message });
    },
  });
  const origin: Origin = {
    locate: (path, part) => at(offsetOf(document.contents, path, part)),
    isText: (path) => substituted.has(document.getIn(path, true)),
  };
  if (problems.length > 0) return { value: undefined, origin, problems };
  try {
    return { value: document.toJS() ?? {}, origin, problems };
  } catch (error) {
    // Aliases that multiply beyond the parser's bound.
    return {
      value: undefined,
      origin,
      problems: [{ file, path: '', message: error instanceof Error ? error.message : 'unreadable YAML' }],
    };
  }
}

/**
 * Where in a YAML file a line and column of one of its block texts (`sdl: |`) stand, both from 1.
 * `start` is where the text's value begins; a text that is not a literal block is located by that alone.
 */
export function locateWithin(file: string, start: { line: number; column: number }, line: number, column: number) {
  const lines = file.split('\n');
  if (lines[start.line - 1]?.[start.column - 1] !== '|') return start;
  const first = lines.slice(start.line).find((candidate) => candidate.trim() !== '') ?? '';
  const indent = first.length - first.trimStart().length;
  return { line: start.line + line, column: indent + column };
}

function interpolate(text: string, env: Environment): { result: string; faults: string[] } {
  const faults: string[] = [];
  const result = text.replace(/\$\{([^}]*)\}/g, (whole, inner: string) => {
    const match = /^env\.([A-Za-z_]\w*)(?::-(.*))?$/s.exec(inner);
    if (match === null) {
      if (/^\s*env\b/i.test(inner))
        faults.push(`"${whole}" is not an environment variable: write \${env.NAME} or \${env.NAME:-default}`);
      return whole;
    }
    const [, name = '', fallback] = match;
    const value = env[name] || fallback;
    if (value === undefined) faults.push(`environment variable ${name} is not set`);
    return value ?? '';
  });
  return { result, faults };
}

/** The offset of what is at `path`, or of its nearest ancestor that was written in the file. */
function offsetOf(root: Node | null, path: Path, part: 'key' | 'value'): number {
  let node: unknown = root;
  let offset = 0;
  for (const [index, step] of path.entries()) {
    const pair = isMap(node)
      ? node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step))
      : undefined;
    const next = pair === undefined && typeof step === 'number' && isCollection(node) ? node.items[step] : pair?.value;
    if (next === undefined && pair === undefined) return offset;
    const isLast = index === path.length - 1;
    offset =
      (isLast && part === 'value' ? rangeStart(next) : undefined) ??
      rangeStart(pair?.key) ??
      rangeStart(next) ??
      offset;
    node = next;
  }
  return offset;
}

function isCollection(node: unknown): node is { items: unknown[] } {
  return typeof node === 'object' && node !== null && Array.isArray((node as { items?: unknown }).items);
}

function rangeStart(node: unknown): number | undefined {
  const range = typeof node === 'object' && node !== null ? (node as Node).range : undefined;
  return range?.[0];
}

/** Checks `value` against `schema`. It may change `value` in place (see `repair`). */
export function checkValue<S extends z.ZodType>(schema: S, value: unknown, origin: Origin): Checked<z.output<S>> {
  let result = schema.safeParse(value);
  if (!result.success && result.error.issues.filter((issue) => repair(value, issue, origin)).length > 0) {
    result = schema.safeParse(value);
  }
  if (result.success) return { kind: 'valid', value: result.data };
  const known = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as KnownShape;
  const problems = result.error.issues.flatMap((issue) => toProblems(issue, value, known, origin));
  return { kind: 'problems', problems: problems.sort(byPosition) };
}

/**
 * Replaces in place what has an evident meaning, and tells whether it did: a text from the environment where a number,
 * a boolean or a list (with commas) is asked for, and a section whose every line is commented out (YAML reads `server:` as null).
 */
function repair(value: unknown, issue: z.core.$ZodIssue, origin: Origin): boolean {
  const path = issue.path as Path;
  const parent = valueAt(value, path.slice(0, -1)) as Record<string | number, unknown> | undefined;
  const last = path.at(-1);
  if (issue.code !== 'invalid_type' || parent === undefined || last === undefined) return false;
  const found = valueAt(value, path);
  const text = typeof found === 'string' && origin.isText(path) ? found : '';
  if (found === null && /^(object|record)$/.test(issue.expected)) parent[last] = {};
  else if (issue.expected === 'boolean' && /^(true|false)$/.test(text)) parent[last] = text === 'true';
  else if (issue.expected === 'array' && text !== '') parent[last] = text.split(',').map((item) => item.trim());
  else if (/^(number|int)$/.test(issue.expected) && /^-?\d+(\.\d+)?$/.test(text)) parent[last] = Number(text);
  else return false;
  return true;
}

/** The part of JSON Schema that tells which keys are known where. */
interface KnownShape {
  readonly properties?: Readonly<Record<string, KnownShape>>;
  readonly additionalProperties?: KnownShape | boolean;
  readonly items?: KnownShape;
}

function toProblems(issue: z.core.$ZodIssue, value: unknown, known: KnownShape, origin: Origin): Problem[] {
  const path = issue.path as Path;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const at = [...path, key];
      return { ...origin.locate(at, 'key'), path: formatPath(at), message: unknownKeyMessage(key, path, known) };
    });
  }
  const found = valueAt(value, path);
  const position = origin.locate(path, found === undefined ? 'key' : 'value');
  return [{ ...position, path: formatPath(path), message: describeIssue(issue, found) }];
}

function byPosition(a: Problem, b: Problem): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

function describeIssue(issue: z.core.$ZodIssue, found: unknown): string {
  if (issue.code === 'invalid_type') {
    if (found === undefined) return 'this key is required';
    const kind =
      found === null
        ? 'nothing'
        : Array.isArray(found)
          ? 'a list'
          : typeof found === 'object'
            ? 'a map'
            : `a ${typeof found}`;
    return `expected ${issue.expected === 'record' ? 'object' : issue.expected}, got ${kind}`;
  }
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String);
    const nearest = typeof found === 'string' ? nearestName(found, values) : undefined;
    return nearest === undefined
      ? `expected one of ${values.join(', ')}`
      : `expected one of ${values.join(', ')}; did you mean "${nearest}"?`;
  }
  if (issue.code === 'too_small' && typeof found === 'number') return `must be at least ${issue.minimum}`;
  if (issue.code === 'too_big' && typeof found === 'number') return `must be at most ${issue.maximum}`;
  return issue.message;
}

function unknownKeyMessage(key: string, parent: Path, known: KnownShape): string {
  const here = Object.keys(shapeAt(known, parent)?.properties ?? {});
  const nearest = nearestName(key, here);
  if (nearest !== undefined) return `unknown key "${key}"; did you mean "${nearest}"?`;
  const elsewhere = findKey(known, key, []);
  if (elsewhere !== undefined) return `unknown key "${key}"; did you mean "${elsewhere}"?`;
  return `unknown key "${key}"; known here: ${here.join(', ')}`;
}

function shapeAt(shape: KnownShape | undefined, path: Path): KnownShape | undefined {
  return path.reduce<KnownShape | undefined>((current, step) => {
    if (typeof step === 'number') return current?.items;
    const more = current?.additionalProperties;
    return current?.properties?.[step] ?? (typeof more === 'object' ? more : undefined);
  }, shape);
}

function findKey(shape: KnownShape, key: string, path: string[]): string | undefined {
  for (const [name, child] of Object.entries(shape.properties ?? {})) {
    const found = name === key ? [...path, name].join('.') : findKey(child, key, [...path, name]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((current, step) => {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, step)) return undefined;
    return (current as Record<string | number, unknown>)[step];
  }, value);
}

/** The candidate with the fewest edits from `name`, if it is near enough to be what was meant: `prot` -> `port`. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(2, Math.floor(name.length / 3)) ? best.candidate : undefined;
}

/** `; did you mean "--port"?`, or nothing where no name is near. */
export function suggest(name: string, candidates: readonly string[], prefix = ''): string {
  const nearest = nearestName(name.replace(/^-+/, ''), candidates);
  return nearest === undefined ? '' : `; did you mean "${prefix}${nearest}"?`;
}

/** Insertions, deletions, substitutions and swaps of neighbours, each one edit (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(substituted, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (beforePrevious[j - 2] ?? 0) + 1);
      row.push(best);
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}
