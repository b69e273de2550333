/**
 * Conformance fuzzer: who declares what in a divided model, and the closure that brings each type to every subgraph
 * that names it.
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
  type RequiredSelection,
  type Site,
} from './model';
import type { Random } from './random';

export function entitiesOf(model: GraphModel): ObjectModel[] {
  return objectsOf(model).filter((type) => type.role === 'entity');
}

/** How a subgraph declares a field of an object type; `undefined` when it does not. */
export function declarationOf(
  type: ObjectModel,
  field: FieldModel,
  subgraph: string,
): 'owned' | 'external' | 'overridden' | undefined {
  const site = type.sites.get(subgraph);
  if (!site && type.role !== 'root') return undefined;
  if (site?.externals.has(field.name)) return 'external';
  if (field.overriddenIn === subgraph) return 'overridden';
  return field.owners.has(subgraph) ? 'owned' : undefined;
}

/** Names of the fields that an interface has in a subgraph: those that each member there declares, be it as
 * external or overridden. */
export function interfaceFieldsIn(model: GraphModel, type: InterfaceModel, subgraph: string): FieldModel[] {
  const members = type.members.map((name) => objectOf(model, name)).filter((member) => member.sites.has(subgraph));
  return type.fields.filter((template) =>
    members.every((member) => {
      const field = member.fields.find((other) => other.name === template.name);
      return field !== undefined && declarationOf(member, field, subgraph) !== undefined;
    }),
  );
}

/** Subgraphs in which a type may be: members of an interface object may not be where it is an object. */
export function allowedSubgraphs(model: GraphModel, typeName: string): string[] {
  const type = model.types.get(typeName);
  const names = type?.kind === 'object' ? [typeName] : type && 'members' in type ? [...type.members] : [];
  const keyed = interfacesOf(model).filter(
    (other) => other.keyed && other.name !== typeName && other.members.some((member) => names.includes(member)),
  );
  return model.subgraphs.filter((subgraph) => keyed.every((other) => !other.keyed!.objects.has(subgraph)));
}

/** Declares the entity in a subgraph, with the fields of its keys there. */
export function addSite(entity: ObjectModel, subgraph: string, keys: readonly ObjectModel['keys'][number][]): Site {
  const site: Site = { keys: keys.map((key) => ({ key, resolvable: true })), externals: new Set() };
  entity.sites.set(subgraph, site);
  return site;
}

/** Whether the field takes part in a key: such fields are owned wherever a site has that key. */
export function isKeyField(field: FieldModel): boolean {
  return field.role?.kind === 'key' || field.role?.kind === 'keyObject';
}

/** Brings every type to every subgraph that needs it, until nothing changes. */
export function close(model: GraphModel, rng: Random): void {
  for (let changed = true; changed; ) {
    changed = false;
    for (const type of objectsOf(model)) {
      for (const [subgraph, site] of type.sites) {
        for (const { key } of site.keys) changed = ownKeyFields(model, rng, type, key.selection, subgraph) || changed;
      }
      for (const field of type.fields) {
        for (const subgraph of model.subgraphs) {
          if (declarationOf(type, field, subgraph)) changed = need(model, rng, field, subgraph) || changed;
        }
      }
    }
    for (const type of interfacesOf(model)) {
      for (const parent of type.parents) changed = inheritSites(model, type, parent) || changed;
      for (const subgraph of type.sites) {
        // A member's field may be of a narrower type, and bring that alone.
        for (const field of interfaceFieldsIn(model, type, subgraph)) {
          changed = need(model, rng, field, subgraph) || changed;
        }
      }
      for (const field of type.objectFields) {
        for (const subgraph of field.owners) changed = need(model, rng, field, subgraph) || changed;
      }
      for (const subgraph of type.keyed ? [type.keyed.home] : []) {
        for (const member of type.members) changed = needObject(model, rng, member, subgraph) || changed;
      }
    }
  }
}

/** An interface that implements another is declared only beside it: else the merged types disagree. */
function inheritSites(model: GraphModel, type: InterfaceModel, parentName: string): boolean {
  const parent = model.types.get(parentName) as InterfaceModel;
  const before = parent.sites.size + type.sites.size;
  for (const subgraph of type.sites) parent.sites.add(subgraph);
  for (const subgraph of parent.sites) {
    if (type.members.some((member) => objectOf(model, member).sites.has(subgraph))) type.sites.add(subgraph);
  }
  return parent.sites.size + type.sites.size > before;
}

function ownKeyFields(
  model: GraphModel,
  rng: Random,
  type: ObjectModel,
  selection: readonly RequiredSelection[],
  subgraph: string,
): boolean {
  let changed = false;
  for (const part of selection) {
    if (part.kind !== 'field') continue;
    const field = type.fields.find((other) => other.name === part.name)!;
    changed ||= !field.owners.has(subgraph);
    field.owners.add(subgraph);
    if (part.selections.length === 0) continue;
    const nested = objectOf(model, baseOf(field.type));
    changed = needObject(model, rng, nested.name, subgraph) || changed;
    changed = ownKeyFields(model, rng, nested, part.selections, subgraph) || changed;
  }
  return changed;
}

/** Makes the types of a field's result known in a subgraph. */
function need(model: GraphModel, rng: Random, field: FieldModel, subgraph: string): boolean {
  const type = model.types.get(baseOf(field.type));
  if (!type || type.kind === 'enum' || type.kind === 'scalar' || type.kind === 'input') return false;
  if (type.kind === 'object') return needObject(model, rng, type.name, subgraph);
  if (type.kind === 'interface' && type.keyed?.objects.has(subgraph)) return false;
  let changed = false;
  if (type.kind === 'interface') {
    changed = !type.sites.has(subgraph);
    type.sites.add(subgraph);
  } else {
    const members = type.sites.get(subgraph) ?? new Set();
    type.sites.set(subgraph, members);
    for (const member of field.members) {
      changed ||= !members.has(member);
      members.add(member);
    }
  }
  for (const member of field.members) changed = needObject(model, rng, member, subgraph) || changed;
  return changed;
}

/** Declares an object type in a subgraph, an entity as a mere reference; tells whether that was new. */
export function needObject(model: GraphModel, rng: Random, name: string, subgraph: string): boolean {
  const type = objectOf(model, name);
  if (type.role === 'root') return shareRootField(model, rng, type, subgraph);
  if (type.sites.has(subgraph)) return false;
  if (type.role === 'entity') {
    const site = addSite(type, subgraph, rng.part(type.keys, 0.4));
    // A mere reference: nothing can be fetched there that is not known already.
    if (rng.chance(0.4)) for (const key of site.keys) key.resolvable = false;
  } else {
    type.sites.set(subgraph, { keys: [], externals: new Set() });
    if (type.role !== 'dividedValue') for (const field of type.fields) field.owners.add(subgraph);
  }
  return true;
}

/** A subgraph that leads back to the root needs a field there. */
function shareRootField(model: GraphModel, rng: Random, root: ObjectModel, subgraph: string): boolean {
  const possible = root.fields.filter((field) => allowedSubgraphs(model, baseOf(field.type)).includes(subgraph));
  if (possible.length === 0 || root.fields.some((field) => field.owners.has(subgraph))) return false;
  rng.pick(possible).owners.add(subgraph);
  return true;
}
