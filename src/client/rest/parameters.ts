/**
 * What a REST request gives its operation: path, query string, headers and JSON body in, variables out.
 * Clock: per request. Texts are read by the type of their variable; what is JSON already is checked where all variables
 * are. Every problem is told at once, by the name of its field.
 */
import type { IncomingHttpHeaders } from 'node:http';
import {
  type GraphQLInputType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isScalarType,
} from 'graphql';
import type { RestRoute, RestVariable } from './routes';

export interface FieldProblem {
  /** As the client wrote it: a path or query parameter, a header, a member of the body. */
  readonly field: string;
  readonly message: string;
}

export type Parameters =
  | { readonly kind: 'variables'; readonly variables: Readonly<Record<string, unknown>> }
  | { readonly kind: 'problems'; readonly problems: readonly FieldProblem[] };

export interface RestRequest {
  readonly values: ReadonlyMap<string, string>;
  /** The query string, without its `?`. */
  readonly search: string;
  readonly headers: IncomingHttpHeaders;
  /** The parsed body; undefined when there is none. */
  readonly body: unknown;
}

/** Query strings with more parameters are no honest client's. */
const maxParameters = 200;

/** Reads the variables of a route. Never throws. */
export function readParameters(route: RestRoute, request: RestRequest): Parameters {
  const reading = new Reading(route);
  for (const [name, text] of request.values) reading.text(name, name, [text]);
  for (const [header, name] of route.headers) {
    const value = request.headers[header];
    if (value !== undefined) reading.text(name, header, [String(value)]);
  }
  reading.search(request.search);
  reading.body(request.body);
  reading.missing();
  return reading.result();
}

class Reading {
  // Names are those of the operation's variables: none comes from the client.
  private readonly variables: Record<string, unknown> = Object.create(null);
  private readonly problems: FieldProblem[] = [];
  private readonly byName: ReadonlyMap<string, RestVariable>;
  private readonly elsewhere: ReadonlySet<string>;

  constructor(private readonly route: RestRoute) {
    this.byName = new Map(route.variables.map((variable) => [variable.name, variable]));
    const inPath = route.path.flatMap((part) => (part.kind === 'variable' ? [part.name] : []));
    this.elsewhere = new Set([...inPath, ...route.headers.values(), ...(route.body === undefined ? [] : [route.body])]);
  }

  text(name: string, field: string, texts: readonly string[]): void {
    const variable = this.byName.get(name);
    if (!variable) return;
    const read = readTexts(variable.type, texts);
    if (read.kind === 'value') this.variables[name] = read.value;
    else this.problems.push({ field, message: read.message });
  }

  /** Without a body, whatever is left of the variables comes from here; with one, what the body does not give. */
  search(search: string): void {
    const { given, problems } = readSearch(search);
    this.problems.push(...problems);
    for (const [name, texts] of given) {
      if (this.isFree(name)) this.text(name, name, texts);
      else this.problems.push({ field: shorten(name), message: 'is no parameter of this route' });
    }
  }

  body(body: unknown): void {
    if (body === undefined) return;
    const { body: whole } = this.route;
    if (whole !== undefined) {
      // What must be there is missing, whatever was sent in its place.
      if (body !== null || !isNonNullType(this.byName.get(whole)?.type)) this.variables[whole] = body;
      return;
    }
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      this.problems.push({ field: 'body', message: 'must be a JSON object' });
      return;
    }
    for (const [name, value] of Object.entries(body)) {
      if (!this.isFree(name)) this.problems.push({ field: shorten(name), message: 'is no field of this body' });
      else if (name in this.variables) this.problems.push({ field: name, message: 'is given in the URL already' });
      else this.variables[name] = value;
    }
  }

  private isFree(name: string): boolean {
    return this.byName.has(name) && !this.elsewhere.has(name);
  }

  missing(): void {
    const failed = new Set(this.problems.map(({ field }) => field));
    for (const { name, type, defaultValue } of this.route.variables) {
      if (!isNonNullType(type) || defaultValue !== undefined || name in this.variables) continue;
      const field = this.fieldOf(name);
      if (!failed.has(field)) this.problems.push({ field, message: 'is required' });
    }
  }

  private fieldOf(name: string): string {
    if (name === this.route.body) return 'body';
    for (const [header, variable] of this.route.headers) if (variable === name) return header;
    return name;
  }

  result(): Parameters {
    const { problems, variables } = this;
    return problems.length > 0 ? { kind: 'problems', problems } : { kind: 'variables', variables };
  }
}

type Read = { readonly kind: 'value'; readonly value: unknown } | { readonly kind: 'wrong'; readonly message: string };

function readTexts(type: GraphQLInputType, texts: readonly string[]): Read {
  const nullable = getNullableType(type);
  if (isListType(nullable)) {
    const values: unknown[] = [];
    for (const text of texts) {
      const read = readText(nullable.ofType, text);
      if (read.kind === 'wrong') return read;
      values.push(read.value);
    }
    return { kind: 'value', value: values };
  }
  const [text = '', ...others] = texts;
  if (others.length > 0) return { kind: 'wrong', message: 'is given more than once' };
  return readText(nullable, text);
}

/** A text as a value of a type, as a client of GraphQL would have sent it in JSON. */
function readText(type: GraphQLInputType, text: string): Read {
  const nullable = getNullableType(type);
  const value = (read: unknown): Read => ({ kind: 'value', value: read });
  const wrong = (expected: string): Read => ({ kind: 'wrong', message: `must be ${expected}` });
  if (isEnumType(nullable)) {
    if (nullable.getValue(text)) return value(text);
    return wrong(
      `one of ${nullable
        .getValues()
        .map(({ name }) => name)
        .join(', ')}`,
    );
  }
  if (isInputObjectType(nullable) || isListType(nullable)) return wrong('in the body: it has parts');
  if (!isScalarType(nullable)) return value(text);
  switch (nullable.name) {
    case 'Int':
      return /^-?\d{1,10}$/.test(text) && Math.abs(Number(text)) <= 2_147_483_647
        ? value(Number(text))
        : wrong('a whole number');
    case 'Float':
      return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) && Number.isFinite(Number(text))
        ? value(Number(text))
        : wrong('a number');
    case 'Boolean':
      return text === 'true' || text === 'false' ? value(text === 'true') : wrong('true or false');
    default:
      return value(text);
  }
}

/** The parameters of a query string, without its `?`, and those that cannot be read. */
export function readSearch(search: string): {
  readonly given: ReadonlyMap<string, readonly string[]>;
  readonly problems: readonly FieldProblem[];
} {
  const given = new Map<string, string[]>();
  const problems: FieldProblem[] = [];
  const parts = search.split('&').filter((part) => part !== '');
  if (parts.length > maxParameters)
    return { given, problems: [{ field: '?', message: `has more than ${maxParameters} parameters` }] };
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = decodeText(equals < 0 ? part : part.slice(0, equals));
    const text = equals < 0 ? '' : decodeText(part.slice(equals + 1));
    if (name === undefined || text === undefined)
      problems.push({ field: shorten(name ?? part), message: 'is not well encoded' });
    else given.set(name, [...(given.get(name) ?? []), text]);
  }
  return { given, problems };
}

/** A part of a query string as a form writes it (`+` is a blank); undefined for what is no UTF-8, and for NUL. */
function decodeText(text: string): string | undefined {
  if (!/[%+]/.test(text)) return text;
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    return decoded.includes('\0') ? undefined : decoded;
  } catch {
    return undefined;
  }
}

/** Names of clients are told back, but not at any length. */
function shorten(name: string): string {
  return name.length > 60 ? `${name.slice(0, 60)}…` : name;
}
