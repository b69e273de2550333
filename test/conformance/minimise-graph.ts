/**
 * Conformance fuzzer: makes the subgraphs of a mismatch small. In: a mismatch and a way to ask with other SDL.
 * Out: the smallest SDL that greedy deletion finds and that still composes and shows it. The reference stays whole:
 * data depends on names alone.
 */
import {
  type DefinitionNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  parse,
  print,
  type TypeNode,
} from 'graphql';
import type { Mismatch } from './run';

type Subgraphs = ReadonlyMap<string, string>;

/** What can be deleted: a subgraph, a type in it, or a field of that. */
interface Unit {
  readonly subgraph: string;
  readonly type?: string;
  readonly field?: string;
}

const maxAttempts = 160;

/** Deletes subgraphs, types and fields as long as `attempt` still finds the mismatch. */
export async function minimiseGraph(
  mismatch: Mismatch,
  attempt: (subgraphs: Subgraphs) => Promise<Mismatch | undefined>,
): Promise<Mismatch> {
  let best = mismatch;
  let attempts = 0;
  for (const unitsOf of [subgraphUnits, typeUnits, fieldUnits, fieldUnits]) {
    let units = unitsOf(best.graph.subgraphs);
    for (
      let size = Math.ceil(units.length / 2);
      size >= 1 && units.length > 0;
      size = size === 1 ? 0 : Math.ceil(size / 2)
    ) {
      for (let start = 0; start < units.length && attempts < maxAttempts; ) {
        const chunk = units.slice(start, start + size);
        attempts++;
        const smaller = without(best.graph.subgraphs, chunk);
        const result = smaller && (await attempt(smaller));
        if (result?.difference.fingerprint === mismatch.difference.fingerprint) {
          best = result;
          units = units.filter((unit) => !chunk.includes(unit));
        } else {
          start += size;
        }
      }
    }
  }
  return best;
}

function subgraphUnits(subgraphs: Subgraphs): Unit[] {
  return [...subgraphs.keys()].map((subgraph) => ({ subgraph }));
}

function typeUnits(subgraphs: Subgraphs): Unit[] {
  return [...subgraphs].flatMap(([subgraph, sdl]) =>
    parse(sdl).definitions.flatMap((definition) => {
      const type = nameOf(definition);
      return type ? [{ subgraph, type }] : [];
    }),
  );
}

function fieldUnits(subgraphs: Subgraphs): Unit[] {
  return [...subgraphs].flatMap(([subgraph, sdl]) =>
    parse(sdl).definitions.flatMap((definition) => {
      if (!('fields' in definition) || definition.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION) return [];
      const type = nameOf(definition) ?? '';
      return (definition.fields ?? []).map((field) => ({ subgraph, type, field: field.name.value }));
    }),
  );
}

function nameOf(definition: DefinitionNode): string | undefined {
  return 'name' in definition && definition.kind !== Kind.DIRECTIVE_DEFINITION ? definition.name?.value : undefined;
}

function without(subgraphs: Subgraphs, units: readonly Unit[]): Subgraphs | undefined {
  const result = new Map<string, string>();
  for (const [name, sdl] of subgraphs) {
    const here = units.filter((unit) => unit.subgraph === name);
    if (here.some((unit) => unit.type === undefined)) continue;
    const document = settle(deleteUnits(parse(sdl), here));
    if (losesMembers(parse(sdl), document)) return undefined;
    if (document.definitions.length > 1) result.set(name, print(document));
  }
  return result.size > 0 ? result : undefined;
}

/** Whether an abstract type is left without one of its members: data may still be of that type. */
function losesMembers(before: DocumentNode, after: DocumentNode): boolean {
  const left = new Set(after.definitions.map(nameOf));
  const kept = membersOf(after);
  return [...membersOf(before)].some(
    ([type, members]) => left.has(type) && [...members].some((member) => !kept.get(type)?.has(member)),
  );
}

function membersOf(document: DocumentNode): Map<string, Set<string>> {
  const members = new Map<string, Set<string>>();
  const add = (type: string, member: string): void => {
    members.set(type, (members.get(type) ?? new Set()).add(member));
  };
  for (const definition of document.definitions) {
    if (definition.kind === Kind.UNION_TYPE_DEFINITION) {
      for (const member of definition.types ?? []) add(definition.name.value, member.name.value);
    }
    if (definition.kind === Kind.OBJECT_TYPE_DEFINITION) {
      for (const parent of definition.interfaces ?? []) add(parent.name.value, definition.name.value);
    }
  }
  return members;
}

function deleteUnits(document: DocumentNode, units: readonly Unit[]): DocumentNode {
  const definitions = document.definitions
    .filter((definition) => !units.some((unit) => unit.field === undefined && unit.type === nameOf(definition)))
    .map((definition): DefinitionNode => {
      if (!('fields' in definition)) return definition;
      const kept = (definition.fields ?? []).filter(
        (field) => !units.some((unit) => unit.type === nameOf(definition) && unit.field === field.name.value),
      );
      return { ...definition, fields: kept } as DefinitionNode;
    });
  return { ...document, definitions };
}

const builtIn = ['Int', 'Float', 'String', 'Boolean', 'ID'];

/** Follows each deletion to its ends: fields of deleted types, empty types, interfaces and members that are gone. */
function settle(document: DocumentNode): DocumentNode {
  let current = document;
  for (let round = 0; round < 10; round++) {
    const names = new Set([...builtIn, ...current.definitions.map((definition) => nameOf(definition) ?? '')]);
    const definitions = current.definitions.flatMap((definition) => settleDefinition(definition, names));
    if (print({ ...current, definitions }) === print(current)) break;
    current = { ...current, definitions };
  }
  return current;
}

function settleDefinition(definition: DefinitionNode, names: ReadonlySet<string>): DefinitionNode[] {
  if (definition.kind === Kind.UNION_TYPE_DEFINITION) {
    const types = (definition.types ?? []).filter((member) => names.has(member.name.value));
    return types.length > 0 ? [{ ...definition, types }] : [];
  }
  if (!('fields' in definition)) return [definition];
  const known = (definition.fields ?? []) as readonly (FieldDefinitionNode | InputValueDefinitionNode)[];
  const fields = known.filter((field) => names.has(baseName(field.type)));
  if (fields.length === 0) return [];
  const parents = 'interfaces' in definition ? (definition.interfaces ?? []) : undefined;
  const interfaces = parents?.filter((parent) => names.has(parent.name.value));
  return [{ ...definition, fields, ...(interfaces ? { interfaces } : {}) } as DefinitionNode];
}

function baseName(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : baseName(type.type);
}
