/**
 * Conformance fuzzer: an executable subgraph over a world. It knows only what a subgraph knows: external and overridden
 * fields answer poison, fields with @requires are made of what the representation holds, a reference is looked up by
 * the keys that it carries.
 */
import { buildSubgraphSchema } from '@apollo/subgraph';
import {
  type ConstArgumentNode,
  type ConstDirectiveNode,
  type DocumentNode,
  type GraphQLField,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  type InterfaceTypeDefinitionNode,
  isAbstractType,
  isListType,
  isObjectType,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  type SelectionSetNode,
} from 'graphql';
import {
  baseOf,
  concreteTypes,
  type FieldModel,
  fieldOf,
  type ObjectModel,
  type RequiredSelection,
  select,
} from './model';
import { recordMutation } from './monolith';
import { nameInModel } from './print-sdl';
import {
  canonical,
  collect,
  fieldValue,
  type Instance,
  isGhost,
  requiredTruth,
  truth,
  typeOfNumber,
  type World,
} from './world';

type Representation = Readonly<Record<string, unknown>>;

/** An instance as this subgraph holds it. */
interface Held extends Instance {
  readonly representation?: Representation;
  /** What a @provides on the way here brought along. */
  readonly provided?: readonly RequiredSelection[];
}

/** Field names by type that a subgraph declares and must not answer. */
type Poisoned = ReadonlyMap<string, ReadonlySet<string>>;

/** Makes the schema of one subgraph with its resolvers; `documents` are all subgraphs' SDL (they tell what is overridden). */
export function buildSubgraph(world: World, name: string, documents: ReadonlyMap<string, DocumentNode>): GraphQLSchema {
  const typeDefs = documents.get(name)!;
  const schema = buildSubgraphSchema({ typeDefs });
  const poisoned = overriddenFields(name, documents);
  const external = fieldsWith(typeDefs, 'external');
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('_')) continue;
    if (isAbstractType(type)) type.resolveType = (value: Instance) => value.type;
    if (!isObjectType(type)) continue;
    const typeName = nameInModel(type.name);
    for (const field of Object.values(type.getFields())) {
      const model = fieldOf(world.model, typeName, field.name);
      if (!model) continue;
      field.resolve = resolverOf(world, name, typeName, field, model, {
        overridden: poisoned.get(typeName)?.has(field.name) ?? false,
        external: external.get(typeName)?.has(field.name) ?? false,
      });
    }
  }
  addEntities(world, schema, typeDefs);
  return schema;
}

function resolverOf(
  world: World,
  subgraph: string,
  typeName: string,
  field: GraphQLField<unknown, unknown>,
  model: FieldModel,
  declared: { overridden: boolean; external: boolean },
): (source: unknown, args: Record<string, unknown>) => unknown {
  const providedHere = model.provides.get(subgraph);
  return (source, args) => {
    if (typeName === 'Mutation') recordMutation(world, field.name, args);
    const object = (source ?? { type: typeName, seed: 'root' }) as Held;
    const brought = object.provided?.find((part) => part.kind === 'field' && part.name === field.name);
    if (declared.overridden) return poison(field.type);
    if (declared.external && !brought) return poison(field.type);
    const nested = brought?.kind === 'field' ? brought.selections : providedHere;
    // Where it was before, a field is not made of what it requires now.
    const isMade = !declared.external && model.overriddenIn !== subgraph;
    if (!isMade || !model.requires) return hold(truth(world, object, model, args), nested);
    return hold(fieldValue(world, object, model, args, requiredValues(world, object, model.requires)), nested);
  };
}

/** What the representation says of the required fields; what it lacks shows as such in the hash. */
function requiredValues(world: World, object: Held, required: readonly RequiredSelection[]): unknown {
  const brought = required.filter((part) => part.kind === 'field' && provides(object, part.name));
  const sent = required.filter((part) => !brought.includes(part));
  const values = readRepresentation(world, object.type, object.representation ?? {}, sent);
  return brought.length > 0 ? Object.assign(values, requiredTruth(world, object, brought)) : values;
}

function provides(object: Held, name: string): boolean {
  const absent = !object.representation || !Object.hasOwn(object.representation, name);
  return absent && (object.provided?.some((part) => part.kind === 'field' && part.name === name) ?? false);
}

function readRepresentation(
  world: World,
  typeName: string,
  source: Representation,
  selections: readonly RequiredSelection[],
): Record<string, unknown> {
  return collect(
    world.model,
    typeName,
    selections,
    (field) => (Object.hasOwn(source, field.name) ? source[field.name] : 'missing requirement'),
    (value, nested, field) => {
      if (typeof value !== 'object' || value === null) return 'misshapen requirement';
      const part = value as Representation;
      const base = baseOf(field.type);
      return readRepresentation(world, typeOfPart(world, base, part, nested), part, nested);
    },
  );
}

/** A requirement tells its type only when it asks for it: else the fragment tells it whose fields are all there. */
function typeOfPart(
  world: World,
  base: string,
  part: Representation,
  selections: readonly RequiredSelection[],
): string {
  if (world.model.types.get(base)?.kind === 'object') return base;
  if (typeof part.__typename === 'string') return part.__typename;
  const fragments = selections.flatMap((selection) => (selection.kind === 'fragment' ? [selection] : []));
  const fits = fragments.find((fragment) =>
    fragment.selections.every((selection) => 'name' in selection && Object.hasOwn(part, selection.name)),
  );
  const others = concreteTypes(world.model, base).filter((name) => !fragments.some(({ on }) => on === name));
  return fits?.on ?? others[0] ?? base;
}

/** Marks the instances in a value with what a @provides brings along. */
function hold(value: unknown, provided: readonly RequiredSelection[] | undefined): unknown {
  if (!provided || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => hold(item, provided));
  if (!('seed' in value) || !('type' in value)) return value;
  const here = provided.flatMap((part) => {
    if (part.kind === 'field') return [part];
    return part.on === value.type ? part.selections : [];
  });
  return { ...value, provided: here };
}

/** A value of the right type that no data function makes. */
function poison(type: GraphQLOutputType): unknown {
  const inner = getNullableType(type);
  if (isListType(inner)) return [poison(inner.ofType as GraphQLOutputType)];
  switch (getNamedType(inner).name) {
    case 'String':
    case 'ID':
    case 'Stamp':
    case 'JSON':
      return 'POISON';
    case 'Int':
      return -666_666;
    case 'Float':
      return -666.5;
    default:
      throw new Error('POISON');
  }
}

/** Fields that another subgraph answers always, and those that are still answered where they were before. */
function overriddenFields(name: string, documents: ReadonlyMap<string, DocumentNode>): Poisoned {
  const found = new Map<string, Set<string>>();
  for (const [owner, document] of documents) {
    const moved = fieldsWith(document, 'override', (applied) =>
      isNotYetOverridden(applied) ? owner === name : argumentOf(applied) === name,
    );
    for (const [type, fields] of moved) found.set(type, new Set([...(found.get(type) ?? []), ...fields]));
  }
  return found;
}

function isNotYetOverridden({ arguments: args = [] }: ConstDirectiveNode): boolean {
  return args.some(({ value }) => value.kind === Kind.STRING && value.value === 'percent(0)');
}

/** Fields by type that carry a directive, optionally one that fits. */
function fieldsWith(
  document: DocumentNode,
  directive: string,
  fits: (applied: ConstDirectiveNode) => boolean = () => true,
): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION) continue;
    const fields = (definition.fields ?? []).filter((field) =>
      field.directives?.some((applied) => applied.name.value === directive && fits(applied)),
    );
    found.set(nameInModel(definition.name.value), new Set(fields.map((field) => field.name.value)));
  }
  return found;
}

/** The text of a directive's first argument: `from` of @override, `fields` of @key. */
function argumentOf(directive: ConstDirectiveNode): string {
  const value = directive.arguments?.[0]?.value;
  return value?.kind === Kind.STRING ? value.value : '';
}

type Lookup = (representation: Representation) => Held | null;

function addEntities(world: World, schema: GraphQLSchema, typeDefs: DocumentNode): void {
  const field = schema.getQueryType()?.getFields()._entities;
  if (!field) return;
  const lookups = new Map<string, Lookup>();
  for (const definition of typeDefs.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION) continue;
    const keys = (definition.directives ?? []).filter(
      (directive) => directive.name.value === 'key' && !(directive.arguments ?? []).some(isResolvableFalse),
    );
    const selections = keys.map((directive) => keySelections(argumentOf(directive)));
    if (selections.length > 0) lookups.set(definition.name.value, lookupOf(world, definition, selections));
  }
  field.resolve = (_source, args: { representations: readonly Representation[] }) =>
    args.representations.map((representation) => {
      try {
        const lookup = lookups.get(String(representation.__typename));
        if (!lookup) throw new Error(`no entity type "${representation.__typename}" here`);
        return lookup(representation);
      } catch (error) {
        return error;
      }
    });
  const entity = schema.getType('_Entity');
  if (isAbstractType(entity)) entity.resolveType = (value: Instance) => value.type;
}

function isResolvableFalse(argument: ConstArgumentNode): boolean {
  return argument.name.value === 'resolvable' && argument.value.kind === Kind.BOOLEAN && !argument.value.value;
}

function keySelections(fields: string): RequiredSelection[] {
  const [operation] = parse(`{ ${fields} }`).definitions;
  const convert = (set: SelectionSetNode | undefined): RequiredSelection[] =>
    (set?.selections ?? []).flatMap((selection) =>
      selection.kind === Kind.FIELD ? [select(selection.name.value, convert(selection.selectionSet))] : [],
    );
  return operation?.kind === Kind.OPERATION_DEFINITION ? convert(operation.selectionSet) : [];
}

/** Finds instances by any of the keys that a representation carries whole; all that it carries must agree. */
function lookupOf(
  world: World,
  definition: ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode,
  keys: readonly (readonly RequiredSelection[])[],
): Lookup {
  const name = definition.name.value;
  const indexes = keys.map((selections) => ({ selections, byKey: indexByKey(world, name, selections) }));
  const isInterface = definition.kind === Kind.INTERFACE_TYPE_DEFINITION;
  return (representation) => {
    const found = indexes
      .filter(({ selections }) =>
        selections.every((part) => 'name' in part && Object.hasOwn(representation, part.name)),
      )
      .map(({ selections, byKey }) =>
        byKey.get(canonical(readRepresentation(world, name, representation, selections))),
      );
    const [instance] = found;
    if (!instance || found.some((other) => other?.seed !== instance.seed)) {
      throw new Error(`no entity "${name}" for ${JSON.stringify(representation)}`);
    }
    if (isGhost(world, instance)) return null;
    const asObject = world.model.types.get(name)?.kind === 'interface' && !isInterface;
    return { ...instance, ...(asObject ? { type: name } : {}), representation };
  };
}

function indexByKey(world: World, name: string, selections: readonly RequiredSelection[]): Map<string, Instance> {
  const byKey = new Map<string, Instance>();
  const type = world.model.types.get(name)!;
  const population = type.kind === 'interface' ? type.keyed!.population : (type as ObjectModel).population!;
  for (let number = 0; number < population.size; number++) {
    const concrete = typeOfNumber(population, number);
    if (type.kind === 'object' && concrete !== name) continue;
    const instance: Instance = { type: concrete, seed: String(number) };
    byKey.set(canonical(requiredTruth(world, instance, selections)), instance);
  }
  return byKey;
}
