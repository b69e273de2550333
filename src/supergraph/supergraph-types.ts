/**
 * The supergraph SDL -> what execution must know of its types (`SupergraphTypes`). Read from the text alone: building
 * Apollo's model of the supergraph is the planner thread's work. Clock: per supergraph.
 */
import {
  type ConstDirectiveNode,
  type DocumentNode,
  type GraphQLSchema,
  Kind,
  type TypeDefinitionNode,
  visit,
} from 'graphql';
import type { SupergraphTypes } from '../query-plan/supergraph-types';
import type { SlicedWork } from '../slices';
import { isComposite, parseFieldSet, readArgument, readSubgraphNames } from './join-directives';
import { readRequirements } from './requirements';
import { buildSchemaOf } from './sliced-schema';

/** Reads a composed supergraph (join specification v0.1 to v0.5). */
export function* readSupergraphTypes(document: DocumentNode): SlicedWork<SupergraphTypes> {
  const definitions = document.definitions.filter(isTypeDefinition);
  const objects = new Set<string>();
  const members = new Map<string, Set<string>>();
  const interfaceObjects = new Set<string>();
  const fieldNames = new Set<string>();
  const subgraphNames = readSubgraphNames(definitions);
  const keys = new Map<string, string[][]>();

  for (const definition of definitions) {
    yield;
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

  const requirements = yield* readRequirements(document, subgraphNames);
  const schema = yield* buildWholeSchema(document);
  return {
    schema,
    isObject: (name) => objects.has(name),
    matches: (typeName, condition) => typeName === condition || members.get(condition)?.has(typeName) === true,
    keysOf: (subgraph, typeName) => keys.get(entityId(subgraph, typeName)) ?? noKeys,
    interfaceObjects,
    ...requirements,
    fieldNames,
  };
}

const noKeys: readonly (readonly string[])[] = [];

function entityId(subgraph: string, typeName: string): string {
  return `${typeName}@${subgraph}`;
}

function addTo(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  if (set) set.add(value);
  else sets.set(key, new Set([value]));
}

function topLevelFields(key: string): string[] {
  return parseFieldSet(key).selections.flatMap((selection) =>
    selection.kind === Kind.FIELD ? [selection.name.value] : [],
  );
}

/** Without directives: they are most of the text. */
function* buildWholeSchema({ definitions, ...document }: DocumentNode): SlicedWork<GraphQLSchema> {
  const plain: DocumentNode['definitions'][number][] = [];
  for (const definition of definitions) {
    if (definition.kind !== Kind.DIRECTIVE_DEFINITION) plain.push(visit(definition, { Directive: () => null }));
    yield;
  }
  return yield* buildSchemaOf({ ...document, definitions: plain });
}

function isTypeDefinition(definition: { readonly kind: Kind }): definition is TypeDefinitionNode {
  return definition.kind.endsWith('TypeDefinition');
}

/** Coordinates of the fields that have `@tag(name:)` of this name, themselves or by their types. */
export function readTagged({ definitions }: DocumentNode, tag: string): ReadonlySet<string> {
  const isTagged = ({ directives = [] }: { readonly directives?: readonly ConstDirectiveNode[] }) =>
    directives.some((directive) => directive.name.value === 'tag' && readArgument(directive, 'name') === tag);
  const tagged = new Set<string>();
  for (const definition of definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION) continue;
    const isWhole = isTagged(definition);
    for (const field of definition.fields ?? [])
      if (isWhole || isTagged(field)) tagged.add(`${definition.name.value}.${field.name.value}`);
  }
  return tagged;
}
