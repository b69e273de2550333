/**
 * Conformance fuzzer: divides an undivided graph into subgraphs. In: a model without owners. Out: the same model,
 * each field with owners, each type with its sites. It does not prove that the parts compose: composition does.
 */
import {
  baseOf,
  type FieldModel,
  type GraphModel,
  type InterfaceModel,
  interfacesOf,
  type ObjectModel,
  objectOf,
  objectsOf,
} from './model';
import {
  addSite,
  allowedSubgraphs,
  close,
  declarationOf,
  entitiesOf,
  interfaceFieldsIn,
  isKeyField,
} from './ownership';
import { Random } from './random';
import { addProvides, addRequirements, markFailures } from './split-dependencies';

/** Why a candidate was given up before composition. */
export class Undividable extends Error {}

/** How often a graph divides its fields in which way: some do one thing much, others hardly. */
export interface Temper {
  readonly shares: number;
  readonly requires: number;
  readonly provides: number;
  readonly overrides: number;
}

function drawTemper(rng: Random): Temper {
  return {
    shares: rng.pick([0.03, 0.15, 0.15, 0.5]),
    requires: rng.pick([0.1, 0.35, 0.35, 0.7]),
    provides: rng.pick([0.05, 0.2, 0.2, 0.6]),
    overrides: rng.pick([0.03, 0.1, 0.1, 0.35]),
  };
}

/** Assigns owners and sites in place; throws `Undividable` when the draws contradict each other. */
export function splitGraph(model: GraphModel): void {
  const rng = new Random(`${model.seed}/split`);
  const temper = drawTemper(rng);
  placeKeyedInterfaces(model, rng);
  for (const entity of entitiesOf(model)) placeEntity(model, entity, rng);
  for (const entity of entitiesOf(model)) ownEntityFields(model, entity, rng, temper);
  ownRootFields(model, rng, temper);
  close(model, rng);
  divideValues(model, rng);
  addRequirements(model, rng, temper.requires);
  close(model, rng);
  addProvides(model, rng, temper.provides);
  close(model, rng);
  settleInterfaces(model, rng);
  overrideSome(model, rng, temper.overrides);
  narrowSome(model, rng);
  hideSome(model, rng);
  hideType(model, rng);
  markFailures(model, rng);
  refuseContradictions(model);
}

function placeKeyedInterfaces(model: GraphModel, rng: Random): void {
  for (const type of interfacesOf(model)) {
    if (!type.keyed) continue;
    const [home, ...others] = rng.shuffle(model.subgraphs) as [string, ...string[]];
    const objects = type.objectFields.length > 0 ? others.slice(0, rng.between(1, 2)) : [];
    type.keyed = { ...type.keyed, home };
    type.sites.add(home);
    for (const name of objects) {
      type.keyed.objects.set(name, { keys: [{ key: type.keyed.key, resolvable: true }], externals: new Set() });
    }
    if (objects.length === 0) type.objectFields.length = 0;
    for (const field of type.objectFields) {
      field.owners.add(rng.pick(objects));
      if (objects.length > 1 && rng.chance(0.2)) for (const name of objects) field.owners.add(name);
    }
  }
}

function keyedInterfaceOf(model: GraphModel, entity: ObjectModel): InterfaceModel | undefined {
  return interfacesOf(model).find((type) => type.keyed && type.members.includes(entity.name));
}

function placeEntity(model: GraphModel, entity: ObjectModel, rng: Random): void {
  const allowed = allowedSubgraphs(model, entity.name);
  const keyed = keyedInterfaceOf(model, entity)?.keyed;
  const hub = keyed?.home ?? rng.pick(allowed);
  const count = rng.weighted([
    [1, 1],
    [4, 2],
    [4, 3],
    [2, 4],
  ]);
  const others = rng.sample(
    allowed.filter((subgraph) => subgraph !== hub),
    count - 1,
  );
  addSite(entity, hub, entity.keys);
  for (const subgraph of others) addSite(entity, subgraph, rng.part(entity.keys, 0.5));
}

function ownEntityFields(model: GraphModel, entity: ObjectModel, rng: Random, { shares }: Temper): void {
  const sites = [...entity.sites.keys()];
  for (const field of entity.fields) {
    if (isKeyField(field)) continue;
    const allowed = allowedSubgraphs(model, baseOf(field.type));
    const possible = sites.filter((subgraph) => allowed.includes(subgraph));
    if (possible.length === 0) throw new Undividable('no subgraph for a field');
    field.owners.add(rng.pick(possible));
    if (rng.chance(shares)) field.owners.add(rng.pick(possible));
    if (baseIsDivided(model, field)) for (const subgraph of possible) field.owners.add(subgraph);
  }
}

function baseIsDivided(model: GraphModel, field: FieldModel): boolean {
  const type = model.types.get(baseOf(field.type));
  return type?.kind === 'object' && type.role === 'dividedValue';
}

function ownRootFields(model: GraphModel, rng: Random, { shares }: Temper): void {
  for (const root of objectsOf(model).filter((type) => type.role === 'root')) {
    for (const field of root.fields) {
      const allowed = allowedSubgraphs(model, baseOf(field.type));
      if (allowed.length === 0) throw new Undividable('no subgraph for a root field');
      field.owners.add(rng.pick(allowed));
      if (root.name === 'Query' && rng.chance(shares)) field.owners.add(rng.pick(allowed));
    }
  }
}

function divideValues(model: GraphModel, rng: Random): void {
  for (const type of objectsOf(model)) {
    if (type.role !== 'dividedValue') continue;
    const sites = [...type.sites.keys()];
    for (const field of type.fields) {
      const allowed = allowedSubgraphs(model, baseOf(field.type)).filter((subgraph) => sites.includes(subgraph));
      if (allowed.length === 0) throw new Undividable('no subgraph for a part');
      field.owners.add(rng.pick(allowed));
      if (rng.chance(0.3)) field.owners.add(rng.pick(allowed));
    }
    // Every subgraph that has the type needs a field of it.
    for (const subgraph of sites) {
      const allowed = type.fields.filter((field) => allowedSubgraphs(model, baseOf(field.type)).includes(subgraph));
      if (type.fields.some((field) => field.owners.has(subgraph))) continue;
      if (allowed.length === 0) throw new Undividable('an empty part');
      rng.pick(allowed).owners.add(subgraph);
    }
  }
  close(model, rng);
}

/** Each interface needs a field in each subgraph that declares it, and each of its fields somewhere. */
function settleInterfaces(model: GraphModel, rng: Random): void {
  for (let round = 0; round < 20; round++) {
    const empty = interfacesOf(model).flatMap((type) =>
      [...type.sites]
        .filter((subgraph) => interfaceFieldsIn(model, type, subgraph).length === 0)
        .map((subgraph) => ({ type, subgraph })),
    );
    if (empty.length === 0) return;
    for (const { type, subgraph } of empty) shareOneField(model, rng, type, subgraph);
    close(model, rng);
  }
  throw new Undividable('interfaces do not settle');
}

function shareOneField(model: GraphModel, rng: Random, type: InterfaceModel, subgraph: string): void {
  const members = type.members.map((name) => objectOf(model, name)).filter((member) => member.sites.has(subgraph));
  const missing = (template: FieldModel): { member: ObjectModel; field: FieldModel }[] =>
    members
      .map((member) => ({ member, field: member.fields.find((other) => other.name === template.name)! }))
      .filter(({ member, field }) => !declarationOf(member, field, subgraph));
  const possible = type.fields.filter((template) =>
    missing(template).every(
      ({ field }) => !field.requires && allowedSubgraphs(model, baseOf(field.type)).includes(subgraph),
    ),
  );
  if (possible.length === 0) throw new Undividable('an empty interface');
  for (const { field } of missing(rng.pick(possible))) field.owners.add(subgraph);
}

/** Moves some fields with @override: the old subgraph still declares them, and would answer wrongly. */
function overrideSome(model: GraphModel, rng: Random, chance: number): void {
  for (const type of objectsOf(model)) {
    if (type.role !== 'entity' && type.name !== 'Query') continue;
    for (const field of type.fields) {
      const [owner] = field.owners;
      if (field.owners.size !== 1 || field.provides.size > 0 || isKeyField(field)) continue;
      if (!rng.chance(chance)) continue;
      const old = [...(type.role === 'root' ? model.subgraphs : type.sites.keys())].filter(
        (subgraph) =>
          subgraph !== owner &&
          !type.sites.get(subgraph)?.externals.has(field.name) &&
          knowsResult(model, field, subgraph),
      );
      if (old.length === 0) continue;
      field.overriddenIn = rng.pick(old);
      if (rng.chance(0.4)) field.overrideLabel = rng.pick(['percent(100)', 'percent(0)']);
    }
  }
}

/** Lets one of several subgraphs that share a field promise the one type that its objects are of. */
function narrowSome(model: GraphModel, rng: Random): void {
  for (const type of objectsOf(model)) {
    for (const field of type.fields) {
      const base = model.types.get(baseOf(field.type));
      const isAbstract = base?.kind === 'union' || (base?.kind === 'interface' && !base.keyed);
      if (isAbstract && field.members.length === 1 && field.owners.size > 1 && rng.chance(0.5)) {
        field.narrowIn = rng.pick([...field.owners]);
      }
    }
  }
}

/** Whether the types of a field's result are in a subgraph: it may bring none there, nor their keys. */
function knowsResult(model: GraphModel, field: FieldModel, subgraph: string): boolean {
  const base = model.types.get(baseOf(field.type));
  if (!base || base.kind === 'enum' || base.kind === 'scalar') return true;
  if (base.kind === 'input' || !field.members.every((name) => objectOf(model, name).sites.has(subgraph))) return false;
  if (base.kind !== 'union') return base.sites.has(subgraph);
  return field.members.every((name) => base.sites.get(subgraph)?.has(name));
}

function hideSome(model: GraphModel, rng: Random): void {
  for (const entity of entitiesOf(model)) {
    for (const field of entity.fields) {
      const inInterface = interfacesOf(model).some(
        (type) => type.members.includes(entity.name) && type.fields.some((other) => other.name === field.name),
      );
      if (!inInterface && rng.chance(0.05)) field.inaccessible = true;
    }
    if (entity.fields.every((field) => field.inaccessible)) entity.fields[0]!.inaccessible = false;
  }
}

/** Hides an object type that stands beside others in unions and interfaces, and the fields that are of that type alone. */
function hideType(model: GraphModel, rng: Random): void {
  if (!rng.chance(0.2)) return;
  const mayHide = ({ name, role, population }: ObjectModel): boolean => {
    if (role !== 'value' && role !== 'entity') return false;
    if (population && population.types.length > 1) return false;
    const groups = [...model.types.values()].filter((type) => type.kind === 'union' || type.kind === 'interface');
    const ofInterfaces = interfacesOf(model).flatMap(({ fields, objectFields }) => [...fields, ...objectFields]);
    return (
      groups.every(({ members }) => !members.includes(name) || members.length > 2) &&
      groups.some(({ members }) => members.includes(name)) &&
      ofInterfaces.every(({ type }) => baseOf(type) !== name)
    );
  };
  const candidates = objectsOf(model).filter(mayHide);
  if (candidates.length === 0) return;
  const type = rng.pick(candidates);
  type.hidden = true;
  for (const object of objectsOf(model)) {
    for (const field of object.fields) if (baseOf(field.type) === type.name) field.inaccessible = true;
    if (object.fields.every((field) => field.inaccessible)) throw new Undividable('nothing but what is hidden');
  }
}

function refuseContradictions(model: GraphModel): void {
  for (const type of interfacesOf(model)) {
    for (const subgraph of type.keyed?.objects.keys() ?? []) {
      if (type.sites.has(subgraph)) throw new Undividable('interface and interface object in one subgraph');
      for (const member of type.members) {
        if (objectOf(model, member).sites.has(subgraph)) throw new Undividable('member beside its interface object');
      }
    }
  }
  for (const type of model.types.values()) {
    if (type.kind !== 'union' || type.sites.size === 0) continue;
    const members = [...type.sites.values()].flatMap((names) => [...names]);
    if (members.every((name) => objectOf(model, name).hidden)) throw new Undividable('nothing but what is hidden');
  }
  const query = objectOf(model, 'Query');
  if (query.fields.length === 0) throw new Undividable('an empty query root');
}
