/**
 * `@cacheControl` as it is written in a schema: SDL of a subgraph or a supergraph in, hints by coordinate out, and every
 * mistake with its place. The convention is Apollo Server's, which many subgraphs follow already. Clock: per supergraph.
 */
import {
  type ASTNode,
  type ConstDirectiveNode,
  type ConstValueNode,
  type DirectiveDefinitionNode,
  type DocumentNode,
  Kind,
  print,
} from 'graphql';
import { suggest } from '../config/yaml-file';
import { readLinks } from './links';

/** What one `@cacheControl` says. */
export interface CacheHint {
  readonly maxAgeMs: number | undefined;
  readonly isPrivate: boolean;
  /** Takes the age of what it stands below. */
  readonly inherits: boolean;
}

export interface CacheHintProblem {
  readonly coordinate: string;
  readonly message: string;
  readonly node?: ASTNode;
}

export interface CacheHints {
  /** `Query.feed`, or `Post` for every field that answers one. Of several subgraphs there may be several. */
  readonly hints: ReadonlyMap<string, readonly CacheHint[]>;
  readonly problems: readonly CacheHintProblem[];
}

export const cacheControlSpec = 'https://specs.supergate.dev/cacheControl';

/** What subgraphs define that link it; `docs/caching.md` tells what each argument means. */
export const cacheControlDefinition = `directive @cacheControl(
  maxAge: Int
  scope: CacheControlScope
  inheritMaxAge: Boolean
) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION

enum CacheControlScope {
  PUBLIC
  PRIVATE
}`;

const argumentNames: readonly string[] = ['maxAge', 'scope', 'inheritMaxAge'];
const scopes: readonly string[] = ['PUBLIC', 'PRIVATE'];

/**
 * What `@cacheControl` is called in a schema. `isLinked`: it comes from our specification; else it is Apollo Server's,
 * which has none. Undefined where the name is somebody else's.
 */
export function cacheControlOf(
  document: DocumentNode,
): { readonly name: string; readonly isLinked: boolean } | undefined {
  const links = readLinks(document, 'link');
  const link = links.find(({ identity }) => identity === cacheControlSpec);
  if (link) return { name: link.directiveName('cacheControl'), isLinked: true };
  const isForeign = links.some(({ importedNames }) => importedNames.has('cacheControl'));
  return isForeign ? undefined : { name: 'cacheControl', isLinked: false };
}

/** Reads all of `document`; `supergraph`: only what is linked counts, for composition hands on nothing else. */
export function readCacheHints(document: DocumentNode, kind: 'subgraph' | 'supergraph'): CacheHints {
  const directive = cacheControlOf(document);
  if (!directive || (kind === 'supergraph' && !directive.isLinked)) return { hints: new Map(), problems: [] };
  const link = readLinks(document, 'link').find(({ identity }) => identity === cacheControlSpec);
  if (link && link.version !== '1.0') {
    const message = `version ${link.version} is unknown: this gateway knows ${cacheControlSpec}/v1.0`;
    return { hints: new Map(), problems: [{ coordinate: `@${directive.name}`, message }] };
  }
  return new Reader(document, directive.name, directive.isLinked).read();
}

class Reader {
  private readonly hints = new Map<string, CacheHint[]>();
  private readonly problems: CacheHintProblem[] = [];

  constructor(
    private readonly document: DocumentNode,
    private readonly directive: string,
    private readonly isLinked: boolean,
  ) {}

  read(): CacheHints {
    for (const node of this.document.definitions) {
      switch (node.kind) {
        case Kind.DIRECTIVE_DEFINITION:
          if (this.isLinked && node.name.value === this.directive) this.checkDefinition(node);
          break;
        case Kind.UNION_TYPE_DEFINITION:
        case Kind.UNION_TYPE_EXTENSION:
          this.readUses(node, node.name.value);
          break;
        case Kind.OBJECT_TYPE_DEFINITION:
        case Kind.OBJECT_TYPE_EXTENSION:
        case Kind.INTERFACE_TYPE_DEFINITION:
        case Kind.INTERFACE_TYPE_EXTENSION:
          this.readUses(node, node.name.value);
          for (const field of node.fields ?? []) this.readUses(field, `${node.name.value}.${field.name.value}`);
          break;
      }
    }
    return { hints: this.hints, problems: this.problems };
  }

  /** Of two subgraphs that differ composition would take one, unless both may stand there. */
  private checkDefinition(node: DirectiveDefinitionNode): void {
    const coordinate = `@${this.directive}`;
    if (!node.repeatable)
      this.problems.push({
        coordinate,
        message: 'it must be repeatable: subgraphs may differ, and the least counts',
        node,
      });
    for (const argument of node.arguments ?? []) this.checkName(argument.name.value, coordinate, argument);
  }

  private checkName(name: string, coordinate: string, node: ASTNode): boolean {
    if (argumentNames.includes(name)) return true;
    const message = `there is no argument "${name}"${suggest(name, argumentNames)}`;
    this.problems.push({ coordinate, message, node });
    return false;
  }

  private readUses(
    { directives = [] }: { readonly directives?: readonly ConstDirectiveNode[] | undefined },
    coordinate: string,
  ): void {
    for (const use of directives) {
      if (use.name.value !== this.directive) continue;
      const hint = this.readUse(use, coordinate);
      if (hint) this.hints.set(coordinate, [...(this.hints.get(coordinate) ?? []), hint]);
    }
  }

  private readUse(use: ConstDirectiveNode, coordinate: string): CacheHint | undefined {
    const before = this.problems.length;
    const say = (message: string, node: ASTNode) => void this.problems.push({ coordinate, message, node });
    const values = new Map<string, ConstValueNode>();
    for (const argument of use.arguments ?? []) {
      const name = argument.name.value;
      if (this.checkName(name, coordinate, argument) && argument.value.kind !== Kind.NULL)
        values.set(name, argument.value);
    }
    const maxAge = values.get('maxAge');
    if (maxAge && (maxAge.kind !== Kind.INT || Number(maxAge.value) < 0))
      say(`maxAge must be a whole number of seconds, 0 or more, not ${print(maxAge)}`, maxAge);
    const scope = values.get('scope');
    const word = scope?.kind === Kind.ENUM || scope?.kind === Kind.STRING ? scope.value : undefined;
    if (scope && (word === undefined || !scopes.includes(word)))
      say(`scope must be PUBLIC or PRIVATE, not ${print(scope)}${suggest(word ?? '', scopes)}`, scope);
    const inherit = values.get('inheritMaxAge');
    if (inherit && inherit.kind !== Kind.BOOLEAN)
      say(`inheritMaxAge must be true or false, not ${print(inherit)}`, inherit);
    if (this.problems.length > before) return undefined;
    return {
      maxAgeMs: maxAge?.kind === Kind.INT ? 1_000 * Number(maxAge.value) : undefined,
      isPrivate: word === 'PRIVATE',
      inherits: inherit?.kind === Kind.BOOLEAN && inherit.value,
    };
  }
}
