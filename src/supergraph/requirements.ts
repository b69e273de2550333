/**
 * How fields are had that require others (`@requires`): of which subgraph, by which entry of the planner's supergraph,
 * and what has to be there first. In: a supergraph SDL. Out: a table of such fields. Clock: per supergraph.
 */
import { type ConstDirectiveNode, type DocumentNode, Kind, type SelectionSetNode } from 'graphql';
import type { FieldRequirements, RequirementWay, SupergraphTypes } from '../query-plan/supergraph-types';
import type { SlicedWork } from '../slices';
import {
  type CompositeDefinition,
  directivesOf,
  entryNames,
  isComposite,
  isResolvableKey,
  parseFieldSet,
  plainEntriesOf,
  readArgument,
  requiringJoins,
} from './join-directives';

/** `subgraphNames`: by the value of `join__Graph`. */
export function* readRequirements(
  document: DocumentNode,
  subgraphNames: ReadonlyMap<string, string>,
): SlicedWork<Pick<SupergraphTypes, 'requirementsOf' | 'requiringFields' | 'entriesOf'>> {
  const composites = document.definitions.filter(isComposite);
  const provided = yield* readProvided(composites);
  const reader = new RequirementReader(document, provided, subgraphNames);
  const table = new Map<string, FieldRequirements>();
  // Interfaces first: what an `@interfaceObject` resolves is resolved so for every object of the interface.
  const interfaces = composites.filter(({ kind }) => kind === Kind.INTERFACE_TYPE_DEFINITION);
  const objects = composites.filter(({ kind }) => kind === Kind.OBJECT_TYPE_DEFINITION);
  for (const type of [...interfaces, ...objects]) {
    yield;
    reader.read(type, table);
  }
  yield;
  const plainEntries = plainEntriesOf(document);
  // Few operations ask for them.
  const entriesOf = (typeName: string, fieldName: string) => {
    const type = composites.find(({ name }) => name.value === typeName);
    const entries = type ? plainEntries(type).filter(({ field }) => field.name.value === fieldName) : [];
    return entries.length === 0 || !type ? undefined : entries.flatMap(({ graph }) => reader.waysInto(type, graph));
  };
  return {
    entriesOf,
    requirementsOf: (typeName, fieldName) => table.get(`${typeName}.${fieldName}`),
    requiringFields: new Set([...table.keys()].map((coordinate) => coordinate.slice(coordinate.indexOf('.') + 1))),
  };
}

/** Names of fields that some subgraph answers on some path though they are another's. */
function* readProvided(composites: readonly CompositeDefinition[]): SlicedWork<ReadonlySet<string>> {
  const provided = new Set<string>();
  for (const { fields = [] } of composites) {
    yield;
    for (const directive of fields.flatMap((field) => directivesOf(field, 'join__field'))) {
      const provides = readArgument(directive, 'provides');
      if (typeof provides === 'string') addFieldNames(parseFieldSet(provides), provided);
    }
  }
  return provided;
}

class RequirementReader {
  private readonly entryName: (graph: string, typeName: string) => string;

  constructor(
    document: DocumentNode,
    private readonly provided: ReadonlySet<string>,
    private readonly subgraphNames: ReadonlyMap<string, string>,
  ) {
    this.entryName = entryNames(document);
  }

  read(type: CompositeDefinition, table: Map<string, FieldRequirements>): void {
    for (const field of type.fields ?? []) {
      const name = field.name.value;
      const inherited = (type.interfaces ?? []).flatMap((parent) => {
        const requirements = table.get(`${parent.name.value}.${name}`);
        return requirements ? [requirements] : [];
      });
      const own = requiringJoins(field).flatMap((directive) => this.readWays(type, directive));
      const isAnswered = directivesOf(field, 'join__field').some(
        (directive) =>
          readArgument(directive, 'graph') !== undefined &&
          readArgument(directive, 'requires') === undefined &&
          readArgument(directive, 'external') !== true &&
          readArgument(directive, 'usedOverridden') !== true,
      );
      const [first, ...others] = inherited;
      const isProvided = this.provided.has(name);
      if (
        first &&
        others.length === 0 &&
        own.length === 0 &&
        !isAnswered &&
        (!isProvided || first.includes(undefined))
      ) {
        table.set(`${type.name.value}.${name}`, first);
      } else if (first || own.length > 0) {
        const ways = new Set([...(isAnswered ? [undefined] : []), ...own, ...inherited.flat()]);
        table.set(`${type.name.value}.${name}`, [...ways, ...(isProvided ? [undefined] : [])]);
      }
    }
  }

  /** One for each key by which the subgraph can be asked. */
  private readWays(type: CompositeDefinition, directive: ConstDirectiveNode): RequirementWay[] {
    const graph = String(readArgument(directive, 'graph'));
    const label = readArgument(directive, 'overrideLabel');
    const override =
      typeof label === 'string' ? { label, isOn: readArgument(directive, 'override') !== undefined } : undefined;
    const required = parseFieldSet(String(readArgument(directive, 'requires')));
    return this.waysInto(type, graph).map((way) => ({
      ...way,
      override,
      needs: { kind: Kind.SELECTION_SET, selections: [...way.needs.selections, ...required.selections] },
    }));
  }

  /** One for each key by which the subgraph can be asked, and nothing is required but that. */
  waysInto(type: CompositeDefinition, graph: string): RequirementWay[] {
    const subgraph = this.subgraphNames.get(graph);
    if (subgraph === undefined) return [];
    const entity = type.name.value;
    const entry = this.entryName(graph, entity);
    return this.keysIn(type, graph).map((key) => ({
      subgraph,
      entity,
      entry,
      override: undefined,
      needs: parseFieldSet(key),
    }));
  }

  /** The key that most subgraphs know comes first: it is likely at hand. */
  private keysIn(type: CompositeDefinition, graph: string): string[] {
    const joins = directivesOf(type, 'join__type');
    const count = (key: string) => joins.filter((directive) => readArgument(directive, 'key') === key).length;
    return joins
      .filter((directive) => readArgument(directive, 'graph') === graph && isResolvableKey(directive))
      .flatMap((directive) => {
        const key = readArgument(directive, 'key');
        return typeof key === 'string' ? [key] : [];
      })
      .sort((a, b) => count(b) - count(a));
  }
}

function addFieldNames(set: SelectionSetNode, into: Set<string>): void {
  for (const selection of set.selections) {
    if (selection.kind === Kind.FIELD) into.add(selection.name.value);
    if (selection.kind !== Kind.FRAGMENT_SPREAD && selection.selectionSet) addFieldNames(selection.selectionSet, into);
  }
}
