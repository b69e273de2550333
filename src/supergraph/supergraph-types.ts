/**
 * The supergraph SDL -> what execution must know of its types (`SupergraphTypes`). Read from the text alone: building
 * Apollo's model of the supergraph is the planner thread's work. Clock: per supergraph.
 */
import {
  type ConstDirectiveNode,
  type InterfaceTypeDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  type SelectionSetNode,
  type TypeDefinitionNode,
} from 'graphql';
import type { SupergraphTypes } from '../query-plan/supergraph-types';
import { readArgumentRequirements, readFieldFacts } from './requirements';

/** Reads a composed supergraph (join specification v0.1 to v0.5). */
export function readSupergraphTypes(supergraphSdl: string): SupergraphTypes {
  const document = parse(supergraphSdl, { noLocation: true });
  const definitions = document.definitions.filter(isTypeDefinition);
  const objects = new Set<string>();
  const members = new Map<string, Set<string>>();
  const interfaceObjects = new Set<string>();
  const fieldNames = new Set<string>();
  const subgraphNames = readSubgraphNames(definitions);
  const keys = new Map<string, string[][]>();

  for (const definition of definitions) {
    const name = definition.name.value;
    if (definition.kind === Kind.OBJECT_TYPE_DEFINITION) objects.add(name);
    if (definition.kind === Kind.UNION_TYPE_DEFINITION) {
      for (const member of definition.types ?? []) addTo(members, name, member.name.value);
    }
    if (!isComposite(definition)) continue;
    for (const field of definition.fields ?? []) fieldNames.add(field.name.value);
    // Interfaces count as members too: an `@interfaceObject` answers with an interface for its `__typename`.
    for (const parent of definition.interfaces ?? []) addTo(members, parent.name.value, name);
    for (const directive of definition.directives ?? []) {
      if (directive.name.value !== 'join__type') continue;
      if (readArgument(directive, 'isInterfaceObject') === true) interfaceObjects.add(name);
      const subgraph = subgraphNames.get(String(readArgument(directive, 'graph')));
      const key = readArgument(directive, 'key');
      if (subgraph === undefined || typeof key !== 'string') continue;
      const entity = entityId(subgraph, name);
      keys.set(entity, [...(keys.get(entity) ?? []), topLevelFields(key)]);
    }
  }

  const composites = definitions.filter(isComposite);
  const rootTypeNames = new Map(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.SCHEMA_DEFINITION
        ? definition.operationTypes.map(({ operation, type }) => [operation, type.name.value] as const)
        : [],
    ),
  );
  return {
    isObject: (name) => objects.has(name),
    matches: (typeName, condition) => typeName === condition || members.get(condition)?.has(typeName) === true,
    keysOf: (subgraph, typeName) => keys.get(entityId(subgraph, typeName)) ?? noKeys,
    interfaceObjects,
    argumentRequirements: readArgumentRequirements(composites),
    ...readFieldFacts(composites, subgraphNames),
    rootTypeName: (operation) => rootTypeNames.get(operation) ?? defaultRootTypeNames[operation],
    fieldNames,
  };
}

const defaultRootTypeNames = { query: 'Query', mutation: 'Mutation', subscription: 'Subscription' };

const noKeys: readonly (readonly string[])[] = [];

function entityId(subgraph: string, typeName: string): string {
  return `${typeName}@${subgraph}`;
}

function addTo(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  if (set) set.add(value);
  else sets.set(key, new Set([value]));
}

/** `USERS` -> `users`, from the values of the enum `join__Graph`. */
function readSubgraphNames(definitions: readonly TypeDefinitionNode[]): Map<string, string> {
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

function readArgument(directive: ConstDirectiveNode, name: string): string | boolean | undefined {
  const value = directive.arguments?.find((argument) => argument.name.value === name)?.value;
  return value && 'value' in value ? value.value : undefined;
}

function topLevelFields(key: string): string[] {
  const [operation] = parse(`{${key}}`, { noLocation: true }).definitions;
  const set: SelectionSetNode | undefined =
    operation?.kind === Kind.OPERATION_DEFINITION ? operation.selectionSet : undefined;
  return (set?.selections ?? []).flatMap((selection) => (selection.kind === Kind.FIELD ? [selection.name.value] : []));
}

function isComposite(
  definition: TypeDefinitionNode,
): definition is ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode {
  return definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.INTERFACE_TYPE_DEFINITION;
}

function isTypeDefinition(definition: { readonly kind: Kind }): definition is TypeDefinitionNode {
  return definition.kind.endsWith('TypeDefinition');
}
