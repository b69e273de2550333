/**
 * Which route a request is for: method and path in, the route with the texts of its path variables out.
 * Clock: per set of operations (build), per request (find). A path is taken apart once, before anything is decoded.
 */
import type { DocumentNode, GraphQLInputType } from 'graphql';

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
}

export interface RestVariable {
  readonly name: string;
  readonly type: GraphQLInputType;
  readonly hasDefault: boolean;
}

/** A REST route: an operation that a path stands for, ready to be asked. */
export interface RestRoute extends RestBinding {
  readonly operationName: string;
  readonly operation: 'query' | 'mutation';
  readonly source: string;
  /** The same, parsed: the operation first, then its fragments. */
  readonly document: DocumentNode;
  readonly description: string | undefined;
  /** Whether each level of the way selects one field and nothing else. */
  readonly isSole: boolean;
  readonly variables: readonly RestVariable[];
}

export type Found =
  | { readonly kind: 'route'; readonly route: RestRoute; readonly values: ReadonlyMap<string, string> }
  /** The path is known, the method is not: what `Allow` says. */
  | { readonly kind: 'method'; readonly allow: string }
  | { readonly kind: 'malformed'; readonly message: string }
  | { readonly kind: 'none' };

interface Branch {
  readonly literals: Map<string, Branch>;
  variable: Branch | undefined;
  readonly routes: Map<RestMethod, RestRoute>;
}

const createBranch = (): Branch => ({ literals: new Map(), variable: undefined, routes: new Map() });

/** Longer than any honest path. */
const maxParts = 20;

export class RestRoutes {
  private readonly root = createBranch();

  constructor(readonly all: readonly RestRoute[]) {
    for (const route of all) this.add(route);
  }

  private add(route: RestRoute): void {
    let branch = this.root;
    for (const part of route.path) {
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
    for (const [index, part] of route.path.entries())
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
