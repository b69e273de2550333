/**
 * Operation files: each operation of a directory of `.graphql` files, with the REST route that its `@rest` declares.
 * In: texts of files. Out: operations without `@rest`, ready to be prepared, or every problem with its place.
 * Clock: per start, and when a file changes. It knows no schema: whether an operation fits one is asked later.
 */
import {
  type ArgumentNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type ValueNode,
  valueFromASTUntyped,
  visit,
} from 'graphql';
import { type PathPart, type RestBinding, type RestMethod, restMethods, routeKey } from '../client/rest/routes';
import { fragmentsOf } from './document';

export interface FileOperation {
  readonly name: string;
  readonly file: string;
  /** The operation and the fragments that it uses, printed, without `@rest`. */
  readonly source: string;
  readonly node: OperationDefinitionNode;
  /** Its comment, for documents of the route. */
  readonly description: string | undefined;
  readonly rest: RestBinding | undefined;
}

export interface FileProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export interface OperationFiles {
  readonly operations: readonly FileOperation[];
  readonly problems: readonly FileProblem[];
}

/** Reads files by their names. Operations must have names, which are unique; routes are unique as well. */
export function readOperationFiles(files: ReadonlyMap<string, string>): OperationFiles {
  const operations: FileOperation[] = [];
  const problems: FileProblem[] = [];
  for (const [file, text] of files) {
    try {
      operations.push(...readFile(file, text));
    } catch (error) {
      problems.push(toProblem(file, error));
    }
  }
  problems.push(...findDoubles(operations));
  return { operations, problems };
}

function toProblem(file: string, error: unknown): FileProblem {
  if (!(error instanceof GraphQLError)) throw error;
  const { line = 1, column = 1 } = error.locations?.[0] ?? {};
  return { file, line, column, message: error.message };
}

function findDoubles(operations: readonly FileOperation[]): FileProblem[] {
  const seen = new Map<string, FileOperation>();
  return operations.flatMap((operation) => {
    const { name, file, rest, node } = operation;
    const route = rest && routeKey(rest.method, rest.path);
    return [`operation ${name}`, ...(route === undefined ? [] : [`route ${route}`])].flatMap((key) => {
      const first = seen.get(key);
      if (first === undefined) {
        seen.set(key, operation);
        return [];
      }
      const { line = 1, column = 1 } = node.loc?.startToken ?? {};
      return [{ file, line, column, message: `The ${key} is declared in ${first.file} (${first.name}) already.` }];
    });
  });
}

function readFile(file: string, text: string): FileOperation[] {
  const document = parse(text, { maxTokens: 100_000 });
  return document.definitions.flatMap((node) => {
    if (node.kind === Kind.FRAGMENT_DEFINITION) return [];
    if (node.kind !== Kind.OPERATION_DEFINITION)
      throw new GraphQLError('Operation files hold operations and fragments alone.', { nodes: node });
    if (!node.name) throw new GraphQLError('An operation of a file must have a name.', { nodes: node });
    const bare = withoutRest(node);
    return [
      {
        name: node.name.value,
        file,
        source: print(withFragments(bare, document)),
        node: bare,
        description: readComment(node),
        rest: readRest(node),
      },
    ];
  });
}

function withoutRest(node: OperationDefinitionNode): OperationDefinitionNode {
  return { ...node, directives: (node.directives ?? []).filter(({ name }) => name.value !== 'rest') };
}

function withFragments(operation: OperationDefinitionNode, document: DocumentNode): DocumentNode {
  const fragments = fragmentsOf(document);
  const used = new Set<FragmentDefinitionNode>();
  const collect = (node: OperationDefinitionNode | FragmentDefinitionNode) => {
    visit(node, {
      FragmentSpread({ name }) {
        const fragment = fragments.get(name.value);
        if (!fragment || used.has(fragment)) return;
        used.add(fragment);
        collect(fragment);
      },
    });
  };
  collect(operation);
  return { kind: Kind.DOCUMENT, definitions: [operation, ...used] };
}

/** The `#` lines right above an operation. */
function readComment(node: OperationDefinitionNode): string | undefined {
  const lines: string[] = [];
  let token = node.loc?.startToken.prev;
  let line = node.loc?.startToken.line ?? 0;
  while (token?.kind === 'Comment' && token.line === line - 1) {
    lines.unshift(token.value.trim());
    line = token.line;
    token = token.prev;
  }
  return lines.length > 0 ? lines.join('\n') : undefined;
}

const knownArguments = ['method', 'path', 'status', 'unwrap', 'body', 'headers', 'partial', 'authenticated', 'example'];

function readRest(node: OperationDefinitionNode): RestBinding | undefined {
  const [directive, second] = (node.directives ?? []).filter(({ name }) => name.value === 'rest');
  if (!directive) return undefined;
  if (second) throw new GraphQLError('@rest stands once on an operation.', { nodes: second });
  if (node.operation === 'subscription')
    throw new GraphQLError('A subscription has no REST route: it is served as an event stream.', { nodes: directive });
  const given = new Map((directive.arguments ?? []).map((argument) => [argument.name.value, argument]));
  for (const [name, argument] of given) {
    if (!knownArguments.includes(name))
      throw new GraphQLError(`@rest knows no argument "${name}"; it has ${knownArguments.join(', ')}.`, {
        nodes: argument,
      });
  }
  const variables = new Set((node.variableDefinitions ?? []).map(({ variable }) => variable.name.value));
  const read = new RestReader(given, variables, directive);
  const method = read.method(node.operation === 'query' ? 'GET' : 'POST');
  if (method === 'GET' && node.operation === 'mutation')
    throw new GraphQLError('A mutation is no GET: a GET must not change anything.', { nodes: directive });
  return {
    method,
    path: read.path(),
    status: read.status(method),
    unwrap: (read.text('unwrap') ?? '').split('.').filter((part) => part !== ''),
    body: read.variable('body'),
    headers: read.headers(),
    partial: read.flag('partial'),
    authenticated: read.flag('authenticated'),
    example: read.example(),
  };
}

type AstNode = NonNullable<OperationDefinitionNode['directives']>[number];

class RestReader {
  constructor(
    private readonly given: ReadonlyMap<string, ArgumentNode>,
    private readonly variables: ReadonlySet<string>,
    private readonly directive: AstNode,
  ) {}

  private value(name: string): unknown {
    const node: ValueNode | undefined = this.given.get(name)?.value;
    return node === undefined ? undefined : valueFromASTUntyped(node);
  }

  private refuse(name: string, expected: string): never {
    throw new GraphQLError(`@rest(${name}:) must be ${expected}.`, { nodes: this.given.get(name) ?? this.directive });
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    if (value !== undefined && typeof value !== 'string') this.refuse(name, 'a string');
    return value as string | undefined;
  }

  flag(name: string): boolean {
    const value = this.value(name) ?? false;
    return typeof value === 'boolean' ? value : this.refuse(name, 'true or false');
  }

  method(otherwise: RestMethod): RestMethod {
    const value = this.value('method') ?? otherwise;
    const method = restMethods.find((known) => known === value);
    return method ?? this.refuse('method', `one of ${restMethods.join(', ')}`);
  }

  status(method: RestMethod): number {
    const value = this.value('status') ?? (method === 'POST' ? 201 : 200);
    const isSuccess = typeof value === 'number' && Number.isInteger(value) && value >= 200 && value < 300;
    return isSuccess ? value : this.refuse('status', 'a status of success, 200 to 299');
  }

  variable(name: string): string | undefined {
    const value = this.text(name);
    if (value !== undefined && !this.variables.has(value)) this.refuse(name, `the name of a variable of the operation`);
    return value;
  }

  path(): readonly PathPart[] {
    const text = this.text('path');
    if (text === undefined) this.refuse('path', 'given');
    if (!text.startsWith('/')) this.refuse('path', 'a path that begins with "/"');
    return text
      .slice(1)
      .split('/')
      .map((part) => this.pathPart(part));
  }

  private pathPart(part: string): PathPart {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name !== undefined) {
      if (!this.variables.has(name)) this.refuse('path', `made of literals and variables; there is no $${name}`);
      return { kind: 'variable', name };
    }
    if (!/^[A-Za-z0-9._~-]+$/.test(part) || part === '.' || part === '..')
      this.refuse('path', 'made of parts such as "users" and "{id}"');
    return { kind: 'literal', text: part };
  }

  example(): Readonly<Record<string, unknown>> {
    const value = this.value('example') ?? {};
    const isOfVariables =
      typeof value === 'object' &&
      !Array.isArray(value) &&
      Object.keys(value).every((name) => this.variables.has(name));
    if (!isOfVariables) this.refuse('example', 'an object with values of variables of the operation');
    return value as Readonly<Record<string, unknown>>;
  }

  headers(): ReadonlyMap<string, string> {
    const value = this.value('headers') ?? [];
    const entries = (Array.isArray(value) ? value : [value]).map((entry): [string, string] => {
      const [, header, variable] = /^([!#$%&'*+.^_`|~\w-]+):\s*(\w+)$/.exec(String(entry)) ?? [];
      if (header === undefined || variable === undefined || !this.variables.has(variable))
        this.refuse('headers', 'a list of texts such as "Idempotency-Key: key", each with a variable of the operation');
      return [header.toLowerCase(), variable];
    });
    return new Map(entries);
  }
}
