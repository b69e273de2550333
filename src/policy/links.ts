/**
 * Which features a schema is linked to, and what it calls their directives: `@link(url:, as:, import:, for:)`
 * (https://specs.apollo.dev/link/v1.0, section "Name conventions"). In: a supergraph or subgraph. Out: names that can be
 * relied on: a directive is known by the URL that it comes from, never by how it is written. Clock: per supergraph.
 */
import {
  type ConstDirectiveNode,
  type ConstObjectValueNode,
  type ConstValueNode,
  type DocumentNode,
  Kind,
  type TypeNode,
  valueFromASTUntyped,
} from 'graphql';

/** A supergraph that is not served, because something that it demands could not be enforced. */
export class UnenforceableError extends Error {}

export interface LinkedFeature {
  /** Without the version: `https://specs.apollo.dev/policy`. */
  readonly identity: string;
  /** `0.1` */
  readonly version: string;
  /** `SECURITY`: who does not know the feature must not serve the supergraph. */
  readonly purpose: string | undefined;
  /** What a directive of the feature is called here: `policy` -> `federation__policy`. */
  directiveName(name: string): string;
  /** What is imported, by the names that it has here. */
  readonly importedNames: ReadonlySet<string>;
}

/**
 * The features that `schema @link(...)` names, those of `@core` (federation 2.0) as well. `assumedName`: what `@link`
 * is called where nothing says so, as in subgraphs.
 */
export function readLinks(schema: DocumentNode, assumedName?: string): LinkedFeature[] {
  const directives = schemaDirectives(schema);
  const linkNames = new Set(directives.filter(linksItself).map(({ name }) => name.value));
  if (linkNames.size === 0 && assumedName !== undefined) linkNames.add(assumedName);
  return directives.filter(({ name }) => linkNames.has(name.value)).flatMap((directive) => readLink(directive) ?? []);
}

/** The directives that a subgraph hands on to the supergraph: `@composeDirective(name: "@a")` -> `a`. */
export function composedNames(schema: DocumentNode, links: readonly LinkedFeature[]): ReadonlySet<string> {
  const federation = links.find(({ identity }) => identity === specsUrl('federation'));
  const compose = federation?.directiveName('composeDirective');
  const names = schemaDirectives(schema)
    .filter(({ name }) => name.value === compose)
    .flatMap((directive) => textArgument(directive, 'name') ?? []);
  return new Set(names.map(withoutAt));
}

function schemaDirectives(schema: DocumentNode): ConstDirectiveNode[] {
  return schema.definitions.flatMap((definition) =>
    definition.kind === Kind.SCHEMA_DEFINITION || definition.kind === Kind.SCHEMA_EXTENSION
      ? (definition.directives ?? [])
      : [],
  );
}

/** The directive that links to the specification of links is the one whose other uses are links too. */
function linksItself(directive: ConstDirectiveNode): boolean {
  const feature = readLink(directive);
  if (feature?.identity !== specsUrl('link') && feature?.identity !== specsUrl('core')) return false;
  return directive.name.value === feature.directiveName(feature.identity.slice(specsUrl('').length));
}

export function specsUrl(name: string): string {
  return `https://specs.apollo.dev/${name}`;
}

function readLink(directive: ConstDirectiveNode): LinkedFeature | undefined {
  const url = textArgument(directive, 'url') ?? textArgument(directive, 'feature');
  const parts = url === undefined ? null : /^(.*\/([^/]+))\/v(\d+\.\d+)\/?$/.exec(url);
  if (!parts) return undefined;
  const [, identity = '', name = '', version = ''] = parts;
  const prefix = textArgument(directive, 'as') ?? name;
  const imported = readImports(argumentOf(directive, 'import'));
  return {
    identity,
    version,
    purpose: textArgument(directive, 'for'),
    importedNames: new Set(imported.values()),
    directiveName(wanted) {
      return imported.get(`@${wanted}`) ?? (wanted === name ? prefix : `${prefix}__${wanted}`);
    },
  };
}

/** `["@a", { name: "@b", as: "@c" }]` -> `@a` is `a`, `@b` is `c`. */
function readImports(list: ConstValueNode | undefined): ReadonlyMap<string, string> {
  const imported = new Map<string, string>();
  for (const item of list?.kind === Kind.LIST ? list.values : []) {
    if (item.kind === Kind.STRING) imported.set(item.value, withoutAt(item.value));
    if (item.kind !== Kind.OBJECT) continue;
    const { name, as } = textFields(item);
    if (name !== undefined) imported.set(name, withoutAt(as ?? name));
  }
  return imported;
}

function textFields({ fields }: ConstObjectValueNode): { readonly name?: string; readonly as?: string } {
  return Object.fromEntries(
    fields.flatMap(({ name, value }) => (value.kind === Kind.STRING ? [[name.value, value.value]] : [])),
  );
}

function withoutAt(name: string): string {
  return name.replace(/^@/, '');
}

function argumentOf(directive: ConstDirectiveNode, name: string): ConstValueNode | undefined {
  return directive.arguments?.find((argument) => argument.name.value === name)?.value;
}

/** A string or enum argument. */
function textArgument(directive: ConstDirectiveNode, name: string): string | undefined {
  const value = argumentOf(directive, name);
  return value?.kind === Kind.STRING || value?.kind === Kind.ENUM ? value.value : undefined;
}

/** The value of an argument as plain data; undefined when it is not given. */
export function readArgument(directive: ConstDirectiveNode, name: string): unknown {
  const value = argumentOf(directive, name);
  return value && valueFromASTUntyped(value);
}

/** Whether a type as it is written is a list. */
export function isList(type: TypeNode): boolean {
  return type.kind === Kind.NON_NULL_TYPE ? isList(type.type) : type.kind === Kind.LIST_TYPE;
}

/** The name of a type as it is written: `[User!]!` -> `User`. */
export function namedTypeOf(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedTypeOf(type.type);
}
