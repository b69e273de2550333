/**
 * `@cacheControl` as subgraphs of Apollo Server declare it: without a link, so that composition drops it. In: a composed
 * supergraph and its subgraphs. Out: the supergraph with their hints, linked. Runs in the planner thread.
 * Clock: per supergraph.
 */
import {
  type ConstDirectiveNode,
  type DefinitionNode,
  type DocumentNode,
  Kind,
  type OperationTypeNode,
  parse,
  print,
} from 'graphql';
import { type CacheHint, cacheControlOf, cacheControlSpec, readCacheHints } from '../policy/cache-declarations';
import { readLinks } from '../policy/links';
import { directivesOf, isComposite, rootTypeNameOf } from './join-directives';

/** How the supergraph writes a scope. */
type ScopeKind = 'enum' | 'text';
type Hints = ReadonlyMap<string, readonly CacheHint[]>;

/** The same text where there is nothing to carry. */
export function carryCacheHints(supergraphSdl: string, subgraphs: readonly DocumentNode[]): string {
  const hints = collectHints(subgraphs);
  if (hints.size === 0) return supergraphSdl;
  const supergraph = parse(supergraphSdl, { noLocation: true });
  const link = readLinks(supergraph).find(({ identity }) => identity === cacheControlSpec);
  const isTaken = supergraph.definitions.some(
    (node) => node.kind === Kind.DIRECTIVE_DEFINITION && node.name.value === 'cacheControl',
  );
  const name = link?.directiveName('cacheControl') ?? (isTaken ? 'supergateCacheControl' : 'cacheControl');
  const definitions = supergraph.definitions.map((node) => addHints(node, name, hints, scopeKindOf(supergraph, name)));
  if (link) return print({ ...supergraph, definitions });
  const linked = definitions.map((node) =>
    node.kind === Kind.SCHEMA_DEFINITION
      ? { ...node, directives: [...(node.directives ?? []), ...linkAs(isTaken ? name : undefined)] }
      : node,
  );
  return print({ ...supergraph, definitions: [...linked, ...definitionOf(name)] });
}

function collectHints(subgraphs: readonly DocumentNode[]): Hints {
  const all = new Map<string, CacheHint[]>();
  for (const document of subgraphs) {
    if (cacheControlOf(document)?.isLinked !== false) continue;
    const roots = new Map(
      (['query', 'mutation', 'subscription'] as OperationTypeNode[]).map((type) => [
        rootTypeNameOf(document, type),
        type.charAt(0).toUpperCase() + type.slice(1),
      ]),
    );
    for (const [coordinate, hints] of readCacheHints(document, 'subgraph').hints) {
      const [type = '', ...field] = coordinate.split('.');
      // Composition gives root types their usual names.
      const composed = [roots.get(type) ?? type, ...field].join('.');
      all.set(composed, [...(all.get(composed) ?? []), ...hints]);
    }
  }
  return all;
}

/** As the definition says that is there; ours, where there is none, takes text: an enum would have to be somebody's. */
function scopeKindOf({ definitions }: DocumentNode, name: string): ScopeKind {
  for (const node of definitions) {
    if (node.kind !== Kind.DIRECTIVE_DEFINITION || node.name.value !== name) continue;
    const type = node.arguments?.find((argument) => argument.name.value === 'scope')?.type;
    return type && print(type) !== 'String' ? 'enum' : 'text';
  }
  return 'text';
}

function addHints(node: DefinitionNode, name: string, hints: Hints, scope: ScopeKind): DefinitionNode {
  const of = (coordinate: string) => (hints.get(coordinate) ?? []).map((hint) => directiveOf(name, hint, scope));
  if (node.kind === Kind.UNION_TYPE_DEFINITION)
    return { ...node, directives: [...(node.directives ?? []), ...of(node.name.value)] };
  if (!isComposite(node)) return node;
  const fields = node.fields?.map((field) => ({
    ...field,
    directives: [...(field.directives ?? []), ...of(`${node.name.value}.${field.name.value}`)],
  }));
  const directives = [...(node.directives ?? []), ...of(node.name.value)];
  return { ...node, directives, ...(fields && { fields }) };
}

function directiveOf(name: string, { maxAgeMs, isPrivate, inherits }: CacheHint, scope: ScopeKind): ConstDirectiveNode {
  const said = [
    ...(maxAgeMs === undefined ? [] : [`maxAge: ${maxAgeMs / 1_000}`]),
    ...(isPrivate ? [scope === 'enum' ? 'scope: PRIVATE' : 'scope: "PRIVATE"'] : []),
    ...(inherits ? ['inheritMaxAge: true'] : []),
  ];
  const [directive] = directivesIn(`@${name}${said.length > 0 ? `(${said.join(', ')})` : ''}`, name);
  return directive as ConstDirectiveNode;
}

function linkAs(alias: string | undefined): readonly ConstDirectiveNode[] {
  const rest = alias === undefined ? 'import: ["@cacheControl"]' : `as: "${alias}"`;
  return directivesIn(`@link(url: "${cacheControlSpec}/v1.0", ${rest})`, 'link');
}

function directivesIn(text: string, name: string): readonly ConstDirectiveNode[] {
  const [node] = parse(`scalar S ${text}`, { noLocation: true }).definitions;
  return node?.kind === Kind.SCALAR_TYPE_DEFINITION ? directivesOf(node, name) : [];
}

function definitionOf(name: string): readonly DefinitionNode[] {
  const sdl = `directive @${name}(maxAge: Int, scope: String, inheritMaxAge: Boolean)
    repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION`;
  return parse(sdl, { noLocation: true }).definitions;
}
