/**
 * Reading the join directives of a supergraph SDL. Clock: per supergraph. It must stay light: both threads load it.
 */
import {
  type ConstDirectiveNode,
  type DirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type InterfaceTypeDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
  type OperationTypeNode,
  parse,
  type SelectionSetNode,
  type TypeDefinitionNode,
} from 'graphql';
import { namedTypeOf } from '../policy/links';

export type CompositeDefinition = ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode;

export function isComposite(definition: { readonly kind: Kind }): definition is CompositeDefinition {
  return definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.INTERFACE_TYPE_DEFINITION;
}

/** An argument as JavaScript sees it: text of strings and enum values, booleans. */
export function readArgument(
  directive: DirectiveNode | ConstDirectiveNode,
  name: string,
): string | boolean | undefined {
  const value = directive.arguments?.find((argument) => argument.name.value === name)?.value;
  return value && 'value' in value ? value.value : undefined;
}

/** The directives of one name that stand at a definition. */
export function directivesOf(
  node: { readonly directives?: readonly ConstDirectiveNode[] | undefined },
  name: string,
): ConstDirectiveNode[] {
  return (node.directives ?? []).filter((directive) => directive.name.value === name);
}

/** The `@join__field` that require something. */
export function requiringJoins(field: FieldDefinitionNode): ConstDirectiveNode[] {
  return directivesOf(field, 'join__field').filter(
    (directive) => typeof readArgument(directive, 'requires') === 'string',
  );
}

/** Where an entity is asked for a field that leads to other objects, by a key and without requirements. */
export interface PlainEntry {
  readonly graph: string;
  readonly field: FieldDefinitionNode;
  /** How the subgraph declares it; undefined where it is simply the field of every subgraph which has the type. */
  readonly join: ConstDirectiveNode | undefined;
}

/** Finds them for the fields that a type of the supergraph has in common with an interface. */
export function plainEntriesOf(document: DocumentNode): (definition: CompositeDefinition) => PlainEntry[] {
  const composites = new Set<string>();
  const interfaceFields = new Map<string, readonly FieldDefinitionNode[]>();
  for (const definition of document.definitions) {
    if (!isComposite(definition) && definition.kind !== Kind.UNION_TYPE_DEFINITION) continue;
    composites.add(definition.name.value);
    if (definition.kind === Kind.INTERFACE_TYPE_DEFINITION) {
      interfaceFields.set(definition.name.value, definition.fields ?? []);
    }
  }
  return (definition) => {
    const { interfaces = [], fields = [] } = definition;
    // Of federation 1, where types have owners, other rules hold.
    const isOwned = directivesOf(definition, 'join__owner').length > 0;
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION || interfaces.length === 0 || isOwned) return [];
    const common = new Set(
      interfaces.flatMap(({ name }) => interfaceFields.get(name.value)?.map((field) => field.name.value) ?? []),
    );
    const types = directivesOf(definition, 'join__type');
    const graphs = new Set(types.map((join) => String(readArgument(join, 'graph'))));
    const entered = new Set(types.filter(isResolvableKey).map((join) => String(readArgument(join, 'graph'))));
    // What entities are found by is asked where they stand.
    const keys = types.map((join) => ` ${String(readArgument(join, 'key') ?? '')} `);
    return fields
      .filter((field) => common.has(field.name.value) && composites.has(namedTypeOf(field.type)))
      .filter((field) => !keys.some((key) => key.includes(` ${field.name.value} `)))
      .flatMap((field) => answersOf(field, graphs).filter(({ graph }) => entered.has(graph)));
  };
}

/** Whether a `@join__type` tells a key by which its subgraph can be asked. */
export function isResolvableKey(join: ConstDirectiveNode): boolean {
  return typeof readArgument(join, 'key') === 'string' && readArgument(join, 'resolvable') !== false;
}

function answersOf(field: FieldDefinitionNode, graphs: ReadonlySet<string>): PlainEntry[] {
  const joins = directivesOf(field, 'join__field');
  if (joins.length === 0) return [...graphs].map((graph) => ({ graph, field, join: undefined }));
  const notPlain = ['requires', 'external', 'usedOverridden', 'overrideLabel', 'contextArguments'];
  return joins.flatMap((join) => {
    const graph = readArgument(join, 'graph');
    const isPlain = join.arguments?.every(({ name }) => !notPlain.includes(name.value));
    return typeof graph === 'string' && isPlain ? [{ graph, field, join }] : [];
  });
}

/** A field set such as `id owner { name }`. Throws `GraphQLError` for a syntax error. */
export function parseFieldSet(text: string): SelectionSetNode {
  const [operation] = parse(`{${text}}`, { noLocation: true }).definitions;
  if (operation?.kind === Kind.OPERATION_DEFINITION) return operation.selectionSet;
  return { kind: Kind.SELECTION_SET, selections: [] };
}

/** `USERS` -> `users`, from the values of the enum `join__Graph`. */
export function readSubgraphNames(definitions: readonly TypeDefinitionNode[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const definition of definitions) {
    if (definition.kind !== Kind.ENUM_TYPE_DEFINITION || definition.name.value !== 'join__Graph') continue;
    for (const value of definition.values ?? []) {
      const directive = value.directives?.find((node) => node.name.value === 'join__graph');
      const name = directive && readArgument(directive, 'name');
      if (typeof name === 'string') names.set(value.name.value, name);
    }
  }
  return names;
}

const defaultRootTypeNames = { query: 'Query', mutation: 'Mutation', subscription: 'Subscription' };

export function rootTypeNameOf(document: DocumentNode, operation: OperationTypeNode | 'query'): string {
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.SCHEMA_DEFINITION) continue;
    const named = definition.operationTypes.find((candidate) => candidate.operation === operation);
    if (named) return named.type.name.value;
  }
  return defaultRootTypeNames[operation];
}

/**
 * The name of the root field, and of its type, at which the planner enters a subgraph with an entity: `_in_USERS_User`
 * is of no other supergraph's making.
 */
export function entryNames(document: DocumentNode): (graph: string, typeName: string) => string {
  const names = document.definitions
    .filter(isComposite)
    .flatMap(({ name, fields = [] }) => [name, ...fields.map((field) => field.name)]);
  let prefix = '_in_';
  while (names.some(({ value }) => value.startsWith(prefix))) prefix = `_${prefix}`;
  // The length tells where the graph ends and the type begins.
  return (graph, typeName) => `${prefix}${graph.length}_${graph}_${typeName}`;
}
