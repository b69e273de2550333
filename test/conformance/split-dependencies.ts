/**
 * Conformance fuzzer: what one field needs of others across subgraphs: @requires, @provides, and which fields may
 * fail because nothing needs them. Part of the division: see `split.ts`.
 */
import { randomInputValue } from './generate-fields';
import {
  baseOf,
  concreteTypes,
  type FieldModel,
  type GraphModel,
  interfacesOf,
  type ObjectModel,
  objectOf,
  objectsOf,
  type RequiredSelection,
  type Site,
  select,
} from './model';
import { allowedSubgraphs, declarationOf, entitiesOf, interfaceFieldsIn, isKeyField, needObject } from './ownership';
import type { Random } from './random';

/** Lets some fields require fields that their owner does not have, declared there as external. */
export function addRequirements(model: GraphModel, rng: Random, chance: number): void {
  for (const entity of entitiesOf(model)) {
    for (const field of entity.fields) {
      const [owner] = field.owners;
      if (field.owners.size !== 1 || !owner || field.role || !rng.chance(chance)) continue;
      if (!entity.sites.get(owner)?.keys.some((key) => key.resolvable)) continue;
      require(model, rng, entity.fields, entity.sites.get(owner)!, field, owner);
    }
  }
  for (const type of interfacesOf(model)) {
    for (const [subgraph, site] of type.keyed?.objects ?? []) {
      const own = type.objectFields.filter((field) => field.owners.size === 1 && field.owners.has(subgraph));
      for (const field of own) {
        if (rng.chance(chance))
          require(model, rng, interfaceFieldsIn(model, type, type.keyed!.home), site, field, subgraph);
      }
    }
  }
}

function require(
  model: GraphModel,
  rng: Random,
  siblings: readonly FieldModel[],
  site: Site,
  field: FieldModel,
  owner: string,
): void {
  const candidates = siblings.filter(
    (other) =>
      other.rank < field.rank &&
      !other.owners.has(owner) &&
      other.role?.kind !== 'version' &&
      !site.keys.some(({ key }) => key.selection.some((part) => part.kind === 'field' && part.name === other.name)),
  );
  const chosen = rng.sample(candidates, rng.between(1, 2));
  const selections = chosen.flatMap((other) => {
    const selection = requiredField(model, rng, other, owner, field.rank, 0);
    if (selection) site.externals.add(other.name);
    return selection ? [selection] : [];
  });
  if (selections.length > 0) field.requires = selections;
}

function requiredField(
  model: GraphModel,
  rng: Random,
  field: FieldModel,
  subgraph: string,
  below: number,
  depth: number,
): RequiredSelection | undefined {
  const args = requiredArguments(model, rng, field);
  const base = model.types.get(baseOf(field.type));
  if (!base || base.kind === 'enum' || base.kind === 'scalar') return select(field.name, [], args);
  if (depth > 1 || base.kind === 'input' || (base.kind === 'object' && base.role === 'root')) return undefined;
  if (!allowedSubgraphs(model, base.name).includes(subgraph)) return undefined;
  if (base.kind === 'object') {
    const nested = requiredParts(model, rng, base, subgraph, below, depth);
    return nested.length > 0 ? select(field.name, nested, args) : undefined;
  }
  if (base.kind === 'interface' && base.keyed?.objects.has(subgraph)) return undefined;
  const fragments = field.members.flatMap((member): RequiredSelection[] => {
    const nested = rng.chance(0.7) ? requiredParts(model, rng, objectOf(model, member), subgraph, below, depth) : [];
    return nested.length > 0 ? [{ kind: 'fragment', on: member, selections: nested }] : [];
  });
  const common = base.kind === 'interface' && base.fields.some((other) => other.name === 'id') && rng.chance(0.4);
  const nested = common ? [select('id'), ...fragments] : fragments;
  if (nested.length > 0 && rng.chance(0.3)) nested.unshift(select('__typename'));
  return nested.length > 0 ? select(field.name, nested, args) : undefined;
}

/** Fields of a type that a requirement may name in this subgraph; those it does not own become external. */
function requiredParts(
  model: GraphModel,
  rng: Random,
  type: ObjectModel,
  subgraph: string,
  below: number,
  depth: number,
): RequiredSelection[] {
  if (type.role === 'dividedValue') return [];
  needObject(model, rng, type.name, subgraph);
  const site = type.sites.get(subgraph)!;
  const fields = type.fields.filter((field) => field.rank < below && field.role?.kind !== 'version');
  return rng.sample(fields, rng.between(1, 2)).flatMap((field) => {
    const selection = requiredField(model, rng, field, subgraph, below, depth + 1);
    const keyed = site.keys.some(({ key }) => key.selection.some((part) => 'name' in part && part.name === field.name));
    if (!selection) return [];
    if (type.role === 'entity' && !keyed && !declarationOf(type, field, subgraph)) site.externals.add(field.name);
    return [selection];
  });
}

function requiredArguments(model: GraphModel, rng: Random, field: FieldModel): Record<string, unknown> {
  const given = field.args.filter(
    (argument) => (argument.type.kind === 'nonNull' && argument.defaultValue === undefined) || rng.chance(0.5),
  );
  return Object.fromEntries(given.map(({ name, type }) => [name, randomInputValue(rng, model, type, 1)]));
}

/** Lets some paths bring along fields of an entity that their subgraph does not own otherwise. */
export function addProvides(model: GraphModel, rng: Random, chance: number): void {
  const added = interfacesOf(model).map(({ name, objectFields }) => ({ name, fields: objectFields }));
  for (const type of [...objectsOf(model), ...added]) {
    for (const field of type.fields) {
      if (isKeyField(field) || type.name === 'Mutation') continue;
      for (const subgraph of field.owners) {
        if (!rng.chance(chance)) continue;
        const provided = providedSelections(model, rng, field, subgraph);
        if (provided.length > 0) field.provides.set(subgraph, provided);
      }
    }
  }
}

function providedSelections(model: GraphModel, rng: Random, field: FieldModel, subgraph: string): RequiredSelection[] {
  const base = model.types.get(baseOf(field.type));
  if (!base) return [];
  if (base.kind === 'object') return providedFields(model, rng, base, subgraph);
  if (base.kind === 'interface' && base.keyed?.objects.has(subgraph)) return [];
  return concreteTypes(model, base.name)
    .filter((member) => field.members.includes(member) && rng.chance(0.6))
    .flatMap((member): RequiredSelection[] => {
      const selections = providedFields(model, rng, objectOf(model, member), subgraph);
      return selections.length > 0 ? [{ kind: 'fragment', on: member, selections }] : [];
    });
}

function providedFields(model: GraphModel, rng: Random, type: ObjectModel, subgraph: string): RequiredSelection[] {
  const site = type.sites.get(subgraph);
  if (type.role !== 'entity' || !site) return [];
  const candidates = type.fields.filter(
    (field) =>
      !field.owners.has(subgraph) &&
      field.role === undefined &&
      field.args.length === 0 &&
      allowedSubgraphs(model, baseOf(field.type)).includes(subgraph),
  );
  return rng.sample(candidates, rng.between(1, 2)).flatMap((field) => {
    const base = model.types.get(baseOf(field.type));
    const leaf = !base || base.kind === 'enum' || base.kind === 'scalar';
    const nested = leaf ? [] : providedValue(model, rng, base, subgraph);
    if (!leaf && nested.length === 0) return [];
    site.externals.add(field.name);
    field.provided = true;
    return [select(field.name, nested)];
  });
}

function providedValue(
  model: GraphModel,
  rng: Random,
  type: { kind: string; name: string },
  subgraph: string,
): RequiredSelection[] {
  if (type.kind !== 'object') return [];
  const value = objectOf(model, type.name);
  if (value.role !== 'value') return [];
  needObject(model, rng, value.name, subgraph);
  const leaves = value.fields.filter((field) => {
    const base = model.types.get(baseOf(field.type));
    return field.args.length === 0 && (!base || base.kind === 'enum' || base.kind === 'scalar');
  });
  return rng.sample(leaves, 2).map((field) => select(field.name));
}

/**
 * Marks the fields that may be null where their type forbids it, or fail: those that nothing requires, provides or
 * uses as a key, and that cannot take such a field down with them.
 */
export function markFailures(model: GraphModel, rng: Random): void {
  const solid = solidTypes(model);
  const needed = neededFields(model);
  for (const type of objectsOf(model)) {
    for (const field of type.fields) {
      if (!field.role && field.owners.size > 1 && field.type.kind !== 'nonNull' && rng.chance(0.15)) {
        field.nonNullIn.add(rng.pick([...field.owners]));
      }
      const nullableRoot = type.name !== 'Mutation' || field.type.kind !== 'nonNull';
      field.mayFail =
        !field.role &&
        !solid.has(type.name) &&
        !needed.has(`${type.name}.${field.name}`) &&
        field.nonNullIn.size === 0 &&
        nullableRoot;
    }
  }
  for (const type of interfacesOf(model)) {
    for (const field of type.objectFields) {
      field.mayFail = type.members.every((name) => !solid.has(name) && !needed.has(`${name}.${field.name}`));
    }
  }
}

function neededFields(model: GraphModel): Set<string> {
  const needed = new Set<string>();
  for (const { type, selections } of dependencies(model)) {
    for (const name of concreteTypes(model, type)) {
      for (const part of selections) if (part.kind === 'field') needed.add(`${name}.${part.name}`);
    }
  }
  return needed;
}

/** Types below a required or provided field, and those whose null would reach them. */
function solidTypes(model: GraphModel): Set<string> {
  const solid = new Set<string>();
  const add = (name: string): void => {
    for (const concrete of concreteTypes(model, name)) {
      if (solid.has(concrete)) continue;
      solid.add(concrete);
      for (const field of objectOf(model, concrete).fields) {
        if (JSON.stringify(field.type).includes('nonNull')) add(baseOf(field.type));
      }
    }
  };
  for (const { type, nested } of dependencies(model)) if (nested) add(type);
  for (const type of objectsOf(model)) if (type.role === 'keyObject' || type.role === 'payload') add(type.name);
  return solid;
}

interface Dependency {
  /** The type the selections are made on. */
  readonly type: string;
  readonly selections: readonly RequiredSelection[];
  /** Whether they are below another required field. */
  readonly nested: boolean;
}

function dependencies(model: GraphModel): Dependency[] {
  const found: Dependency[] = [];
  const visit = (type: string, selections: readonly RequiredSelection[], nested: boolean): void => {
    found.push({ type, selections, nested });
    for (const part of selections) {
      if (part.kind === 'fragment') {
        visit(part.on, part.selections, nested);
        continue;
      }
      if (part.selections.length === 0) continue;
      for (const concrete of concreteTypes(model, type)) {
        const field = objectOf(model, concrete).fields.find((other) => other.name === part.name);
        if (field) visit(baseOf(field.type), part.selections, true);
      }
    }
  };
  for (const type of objectsOf(model)) {
    for (const field of type.fields) {
      if (field.requires) visit(type.name, field.requires, false);
      for (const selections of field.provides.values()) visit(baseOf(field.type), selections, true);
    }
  }
  for (const type of interfacesOf(model)) {
    for (const field of type.objectFields) {
      if (field.requires) visit(type.name, field.requires, false);
      for (const selections of field.provides.values()) visit(baseOf(field.type), selections, true);
    }
  }
  return found;
}
