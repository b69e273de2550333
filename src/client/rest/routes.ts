/**
 * Which route a request is for: method and path in, the route with the texts of its path variables out.
 * Clock: per set of operations (build), per request (find). A path is taken apart once, before anything is decoded.
 */
import type { DocumentNode, GraphQLInputType } from 'graphql';
import type { ProxyConfig } from '../../config/rest';

export const restMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type RestMethod = (typeof restMethods)[number];

export type PathPart =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'variable'; readonly name: string };

/** What `@rest` says. */
export interface RestBinding {
  readonly method: RestMethod;
  /** Literal parts and `{variable}` parts: `/users/{id}`. */
  readonly path: readonly PathPart[];
  /** Of an answer with data. */
  readonly status: number;
  /** Response names from `data` to what is answered; empty: the whole data. */
  readonly unwrap: readonly string[];
  /** The variable that is the whole JSON body; undefined: the members of the body are variables. */
  readonly body: string | undefined;
  /** Variables by the header (lower case) that gives them. */
  readonly headers: ReadonlyMap<string, string>;
  /** Whether nobody in particular is told to sign in first. */
  readonly authenticated: boolean;
  /** Whether an answer with errors beside its data is an answer, or a failure. */
  readonly partial: boolean;
  /** Values of variables, as clients may send them: for documents of the route. */
  readonly example: Readonly<Record<string, unknown>>;
}

export interface RestVariable {
  readonly name: string;
  readonly type: GraphQLInputType;
  /** As a client would write it in JSON; undefined: there is none. */
  readonly defaultValue: unknown;
}

/** A REST route: an operation that a path stands for, ready to be asked. */
export interface RestRoute extends RestBinding {
  readonly kind: 'operation';
  /** `GET /users/{id}`: what limits, the log and traces call it. */
  readonly name: string;
  readonly operationName: string;
  readonly operation: 'query' | 'mutation';
  readonly source: string;
  /** The same, parsed: the operation first, then its fragments. */
  readonly document: DocumentNode;
  readonly description: string | undefined;
  /** Whether each level of the way selects one field and nothing else. */
  readonly isSole: boolean;
  readonly variables: readonly RestVariable[];
  /** What the JSON body may name, each once. */
  readonly bodyNames: readonly string[];
}

/** A route that a subgraph answers itself. */
export interface ProxyRoute extends ProxyConfig {
  readonly kind: 'proxy';
  readonly name: string;
  readonly parts: readonly PathPart[];
  /** The path at the subgraph, of which the variables are those of `parts`. */
  readonly targetParts: readonly PathPart[];
}

export function toProxyRoute(config: ProxyConfig): ProxyRoute {
  const { method, path, target } = config;
  return { ...config, kind: 'proxy', name: `${method} ${path}`, parts: partsOf(path), targetParts: partsOf(target) };
}

function partsOf(path: string): readonly PathPart[] {
  return path
    .slice(1)
    .split('/')
    .map((part) =>
      part.startsWith('{') ? { kind: 'variable', name: part.slice(1, -1) } : { kind: 'literal', text: part },
    );
}

/** `/users/{id}`. */
export function writePath(path: readonly PathPart[]): string {
  return `/${path.map((part) => (part.kind === 'literal' ? part.text : `{${part.name}}`)).join('/')}`;
}

/** The same for two routes that the same requests would come to. */
export function routeKey(method: RestMethod, path: readonly PathPart[]): string {
  return `${method} ${path.map((part) => (part.kind === 'literal' ? part.text : '{}')).join('/')}`;
}

export type AnyRoute = RestRoute | ProxyRoute;

export type Found =
  | { readonly kind: 'route'; readonly route: AnyRoute; readonly values: ReadonlyMap<string, string> }
  /** The path is known, the method is not: what `Allow` says. */
  | { readonly kind: 'method'; readonly allow: string }
  | { readonly kind: 'malformed'; readonly message: string }
  | { readonly kind: 'none' };

interface Branch {
  readonly literals: Map<string, Branch>;
  variable: Branch | undefined;
  readonly routes: Map<RestMethod, AnyRoute>;
}

const createBranch = (): Branch => ({ literals: new Map(), variable: undefined, routes: new Map() });

/** Longer than any honest path. */
const maxParts = 20;

export class RestRoutes {
  private readonly root = createBranch();

  constructor(
    readonly operations: readonly RestRoute[],
    readonly proxies: readonly ProxyRoute[] = [],
  ) {
    for (const route of operations) this.add(route, route.path);
    for (const route of proxies) this.add(route, route.parts);
  }

  private add(route: AnyRoute, path: readonly PathPart[]): void {
    let branch = this.root;
    for (const part of path) {
      if (part.kind === 'variable') {
        branch.variable ??= createBranch();
        branch = branch.variable;
      } else {
        const next = branch.literals.get(part.text) ?? createBranch();
        branch.literals.set(part.text, next);
        branch = next;
      }
    }
    branch.routes.set(route.method, route);
  }

  /** `path` is what follows the prefix, as it was sent: `/users/7`, still encoded, without a query. */
  find(method: string, path: string): Found {
    const parts = path.slice(1).split('/');
    if (parts.length > maxParts) return { kind: 'none' };
    const texts: string[] = [];
    for (const part of parts) {
      const text = decodePart(part);
      if (text === undefined) return { kind: 'malformed', message: 'The path is not well encoded.' };
      texts.push(text);
    }
    const branch = findBranch(this.root, texts, 0);
    if (!branch) return { kind: 'none' };
    const route = branch.routes.get((method === 'HEAD' ? 'GET' : method) as RestMethod);
    if (!route) return { kind: 'method', allow: allowOf(branch) };
    const values = new Map<string, string>();
    for (const [index, part] of (route.kind === 'proxy' ? route.parts : route.path).entries())
      if (part.kind === 'variable') values.set(part.name, texts[index] ?? '');
    return { kind: 'route', route, values };
  }
}

/** Literals come first: `/users/me` before `/users/{id}`. */
function findBranch(branch: Branch, texts: readonly string[], index: number): Branch | undefined {
  const text = texts[index];
  if (text === undefined) return branch.routes.size > 0 ? branch : undefined;
  const literal = branch.literals.get(text);
  const found = literal && findBranch(literal, texts, index + 1);
  if (found) return found;
  // An empty part, and what some server or file system would read as a place, is no value.
  if (!branch.variable || text === '' || text === '.' || text === '..') return undefined;
  return findBranch(branch.variable, texts, index + 1);
}

function allowOf({ routes }: Branch): string {
  const methods = [...routes.keys()];
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
}

/** Undefined for what is no UTF-8, and for what must not be in a name: control characters and encoded slashes. */
function decodePart(part: string): string | undefined {
  if (!part.includes('%')) return hasControl(part) ? undefined : part;
  try {
    const text = decodeURIComponent(part);
    return hasControl(text) || text.includes('/') || text.includes('\\') ? undefined : text;
  } catch {
    return undefined;
  }
}

function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
