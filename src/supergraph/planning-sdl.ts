/**
 * The supergraph SDL that the planner reads. It knows nothing of `@requires`: a field with requirements is external
 * where it stands, and can be had at an entry of its own, a root field that `query-plan/` asks once the requirements
 * are there. Fields that entities have in common with an interface have entries too: there an operation can be cut that has
 * too many ways to be planned whole. In: a supergraph. Out: the same for planning. Clock: per supergraph, on the planner thread.
 */
import {
  type ConstDirectiveNode,
  type DefinitionNode,
  type DocumentNode,
  type FieldDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  type SchemaDefinitionNode,
} from 'graphql';
import {
  type CompositeDefinition,
  directivesOf,
  entryNames,
  isComposite,
  type PlainEntry,
  plainEntriesOf,
  readArgument,
  requiringJoins,
  rootTypeNameOf,
} from './join-directives';

/** What takes part in planning: the definitions, changed, and what is added to them. */
interface Entry {
  readonly name: string;
  readonly graph: string;
  readonly fields: readonly FieldDefinitionNode[];
}

/** Rewrites a composed supergraph (join specification v0.1 to v0.5). */
export function toPlanningDocument(supergraphSdl: string): DocumentNode {
  const document = parse(supergraphSdl);
  const nameOf = entryNames(document);
  const composites = document.definitions.filter(isComposite);
  const plainEntries = plainEntriesOf(document);
  const entries = composites.flatMap((definition) => readEntries(definition, plainEntries(definition), nameOf));
  const queryType = rootTypeNameOf(document, 'query');
  const labelled = labelledGraphs(composites);
  const definitions = document.definitions.map((definition): DefinitionNode => {
    if (definition.kind === Kind.SCHEMA_DEFINITION) return withoutHiding(definition);
    if (!isComposite(definition)) return definition;
    const plain = withoutLabelled(withoutRequirements(withoutUnusableKeys(definition)), labelled);
    return plain.name.value === queryType ? withEntries(plain, entries) : plain;
  });
  return { ...document, definitions: [...definitions, ...entries.map(entryType)] };
}

/**
 * Operations are planned in the whole schema: without its link, `@inaccessible` hides nothing there. What is at an entry
 * may be of a hidden type.
 */
function withoutHiding(definition: SchemaDefinitionNode): SchemaDefinitionNode {
  const directives = (definition.directives ?? []).filter((directive) => {
    const url = readArgument(directive, 'url') ?? readArgument(directive, 'feature');
    return !String(url).startsWith('https://specs.apollo.dev/inaccessible/');
  });
  return { ...definition, directives };
}

/**
 * Drops `@join__type(graph: A, key: "x", resolvable: false)` where the type has a resolvable key in A as well: to come
 * back to a subgraph, the planner takes the first key it finds there, resolvable or not.
 */
function withoutUnusableKeys<T extends CompositeDefinition>(definition: T): T {
  const joins = directivesOf(definition, 'join__type').filter(
    (directive) => readArgument(directive, 'key') !== undefined,
  );
  const isResolvable = (directive: ConstDirectiveNode) => readArgument(directive, 'resolvable') !== false;
  const resolvable = new Set(joins.filter(isResolvable).map((directive) => readArgument(directive, 'graph')));
  const unusable = joins.filter(
    (directive) => !isResolvable(directive) && resolvable.has(readArgument(directive, 'graph')),
  );
  if (unusable.length === 0) return definition;
  return { ...definition, directives: definition.directives?.filter((directive) => !unusable.includes(directive)) };
}

/** Subgraphs by field of an interface (`Node.name`) that answer it for some object only while a label is on, or off. */
function labelledGraphs(composites: readonly CompositeDefinition[]): ReadonlyMap<string, ReadonlySet<string>> {
  const graphs = new Map<string, Set<string>>();
  for (const { interfaces = [], fields = [] } of composites) {
    for (const field of fields) {
      for (const directive of directivesOf(field, 'join__field')) {
        if (readArgument(directive, 'overrideLabel') === undefined) continue;
        for (const { name } of interfaces) {
          const coordinate = `${name.value}.${field.name.value}`;
          graphs.set(coordinate, (graphs.get(coordinate) ?? new Set()).add(String(readArgument(directive, 'graph'))));
        }
      }
    }
  }
  return graphs;
}

/**
 * The planner heeds labels where it asks an object for a field, and not where it asks an interface: so it may not, of those
 * subgraphs.
 */
function withoutLabelled<T extends CompositeDefinition>(
  definition: T,
  labelled: ReadonlyMap<string, ReadonlySet<string>>,
): T {
  if (definition.kind !== Kind.INTERFACE_TYPE_DEFINITION || labelled.size === 0) return definition;
  const graphs = graphsOf(definition);
  const fields = (definition.fields ?? []).map((field) => {
    const left = labelled.get(`${definition.name.value}.${field.name.value}`);
    if (!left) return field;
    const own = directivesOf(field, 'join__field');
    // A field without `@join__field` is one of every subgraph that its type is joined to.
    const joins = own.length > 0 ? own : graphs.map((graph) => join('join__field', graph));
    const directives = joins.map((directive) =>
      left.has(String(readArgument(directive, 'graph'))) ? asExternal(directive) : directive,
    );
    return {
      ...field,
      directives: [...(field.directives ?? []).filter((other) => !own.includes(other)), ...directives],
    };
  });
  return { ...definition, fields };
}

/** Another subgraph is overridden still, while the label is on. */
function asExternal(directive: ConstDirectiveNode): ConstDirectiveNode {
  const isLabelled = readArgument(directive, 'overrideLabel') !== undefined;
  const names = isLabelled ? ['graph', 'type', 'override', 'overrideLabel'] : ['graph', 'type'];
  const kept = directive.arguments?.filter(({ name }) => names.includes(name.value)) ?? [];
  return { ...directive, arguments: [...kept, argument('external', { kind: Kind.BOOLEAN, value: true })] };
}

function withoutRequirements<T extends CompositeDefinition>(definition: T): T {
  if (!definition.fields) return definition;
  const requiring = definition.fields.flatMap(requiringJoins);
  const fields = definition.fields.map((field) => ({
    ...field,
    directives: field.directives?.map((directive) =>
      requiring.includes(directive) ? asExternal(directive) : directive,
    ),
  }));
  return { ...definition, fields };
}

/** An entry for each subgraph that resolves fields of the type with requirements, or `plain` ones. */
function readEntries(
  definition: CompositeDefinition,
  plain: readonly PlainEntry[],
  nameOf: ReturnType<typeof entryNames>,
): Entry[] {
  const requiring = (definition.fields ?? []).flatMap((field) =>
    requiringJoins(field).map((join) => ({ graph: String(readArgument(join, 'graph')), field, join })),
  );
  const byGraph = new Map<string, FieldDefinitionNode[]>();
  for (const { graph, field, join } of [...requiring, ...plain]) {
    const fields = byGraph.get(graph) ?? [];
    byGraph.set(graph, fields);
    fields.push({ ...field, directives: join ? [atEntry(join)] : [] });
  }
  return [...byGraph].map(([graph, fields]) => ({
    name: nameOf(graph, definition.name.value),
    graph,
    fields,
  }));
}

function entryType({ name, graph, fields }: Entry): ObjectTypeDefinitionNode {
  return {
    kind: Kind.OBJECT_TYPE_DEFINITION,
    name: { kind: Kind.NAME, value: name },
    directives: [join('join__type', graph)],
    fields,
  };
}

function withEntries(query: CompositeDefinition, entries: readonly Entry[]): CompositeDefinition {
  const graphs = graphsOf(query);
  const missing = [...new Set(entries.map(({ graph }) => graph))].filter((graph) => !graphs.includes(graph));
  // A field without `@join__field` is one of every subgraph that its type is joined to.
  const fields = (query.fields ?? []).map((field) =>
    missing.length === 0 || directivesOf(field, 'join__field').length > 0
      ? field
      : { ...field, directives: [...(field.directives ?? []), ...graphs.map((graph) => join('join__field', graph))] },
  );
  const roots = entries.map(
    ({ name, graph }): FieldDefinitionNode => ({
      kind: Kind.FIELD_DEFINITION,
      name: { kind: Kind.NAME, value: name },
      type: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: name } },
      directives: [join('join__field', graph)],
    }),
  );
  return {
    ...query,
    directives: [...(query.directives ?? []), ...missing.map((graph) => join('join__type', graph))],
    fields: [...fields, ...roots],
  };
}

/** The subgraphs that a type is joined to. */
function graphsOf(definition: CompositeDefinition): string[] {
  const graphs = directivesOf(definition, 'join__type').map((directive) => String(readArgument(directive, 'graph')));
  return [...new Set(graphs)];
}

/** What of a `@join__field` counts at an entry, where there is no other subgraph to override. */
function atEntry(directive: ConstDirectiveNode): ConstDirectiveNode {
  const kept = new Set(['graph', 'type', 'provides', 'contextArguments']);
  return { ...directive, arguments: (directive.arguments ?? []).filter(({ name }) => kept.has(name.value)) };
}

function join(name: string, graph: string): ConstDirectiveNode {
  return {
    kind: Kind.DIRECTIVE,
    name: { kind: Kind.NAME, value: name },
    arguments: [argument('graph', { kind: Kind.ENUM, value: graph })],
  };
}

function argument(name: string, value: NonNullable<ConstDirectiveNode['arguments']>[number]['value']) {
  return { kind: Kind.ARGUMENT, name: { kind: Kind.NAME, value: name }, value } as const;
}
