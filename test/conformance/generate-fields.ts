/**
 * Conformance fuzzer: gives the types of a draft their fields, arguments and the root fields.
 * Part of generation: see `generate-schema.ts`.
 */
import { type Draft, makeField, makeObject } from './draft';
import {
  type ArgumentModel,
  concreteTypes,
  EnumValue,
  type FieldModel,
  type GraphModel,
  type InterfaceModel,
  interfacesOf,
  interfacesWith,
  listOf,
  named,
  nonNull,
  type ObjectModel,
  objectsOf,
  type TypeRef,
  withBase,
} from './model';
import { argumentNames, fieldNames, hostileFieldNames } from './names';
import type { Random } from './random';

/** Interface fields first (all members get them), then each type's own. */
export function generateFields(draft: Draft): void {
  for (const type of interfacesOf(draft.model)) addInterfaceFields(draft, type);
  for (const type of objectsOf(draft.model)) {
    if (type.role === 'entity') addOwnFields(draft, type, draft.rng.between(3, 7));
    else if (type.role === 'value') addOwnFields(draft, type, draft.rng.between(1, 3));
  }
  for (const type of objectsOf(draft.model)) {
    if (type.role === 'entity' && draft.rng.chance(0.25)) addDividedValue(draft, type);
    if (type.role === 'entity' && draft.rng.chance(0.3)) addVersion(draft, type);
  }
}

function addInterfaceFields(draft: Draft, type: InterfaceModel): void {
  const { rng, model } = draft;
  const members = type.members.map((name) => model.types.get(name) as ObjectModel);
  for (const parent of type.parents) {
    const inherited = (model.types.get(parent) as InterfaceModel).fields;
    const fresh = inherited.filter((field) => !hasField(type, field.name));
    for (const field of fresh) type.fields.push(makeField(draft, type.name, field.name, field.type, field));
  }
  if (!type.keyed) addCommonKey(draft, type, members);
  const wanted = type.fields.length + rng.between(1, 3);
  for (let attempt = 0; attempt < 12 && type.fields.length < wanted; attempt++) {
    const name = fieldName(rng);
    if (hasField(type, name) || members.some((member) => isTaken(draft.model, member, name))) continue;
    const template = randomField(draft, type.name, name);
    type.fields.push(template);
    for (const member of members) {
      member.fields.push(memberField(draft, member.name, template));
    }
  }
  if (type.keyed) addObjectFields(draft, type, members);
}

/** A member may promise more than its interface: no null, one type of several; and take more arguments. */
function memberField(draft: Draft, member: string, template: FieldModel): FieldModel {
  const { rng } = draft;
  const { name, members } = template;
  const chosen = members.length > 1 && rng.chance(0.2) ? rng.pick(members) : undefined;
  const type = chosen === undefined ? template.type : withBase(template.type, chosen);
  const stricter = type.kind !== 'nonNull' && rng.chance(0.1);
  const extra: ArgumentModel[] = rng.chance(0.1) ? [{ name: 'more', type: named('Int') }] : [];
  return makeField(draft, member, name, stricter ? nonNull(type) : type, {
    args: [...template.args, ...extra],
    members: chosen === undefined ? members : [chosen],
  });
}

/** `id` in the interface when every member has it alike. */
function addCommonKey(draft: Draft, type: InterfaceModel, members: readonly ObjectModel[]): void {
  if (hasField(type, 'id') || !draft.rng.chance(0.7)) return;
  const ids = members.map((member) => member.fields.find((field) => field.name === 'id'));
  const first = ids[0];
  if (!first || !ids.every((id) => id && JSON.stringify(id.type) === JSON.stringify(first.type))) return;
  type.fields.push(makeField(draft, type.name, 'id', first.type));
}

function addObjectFields(draft: Draft, type: InterfaceModel, members: readonly ObjectModel[]): void {
  const { rng } = draft;
  if (!rng.chance(0.8)) return;
  const wanted = rng.between(1, 2);
  for (let attempt = 0; attempt < 8 && type.objectFields.length < wanted; attempt++) {
    const name = fieldName(rng);
    if (hasField(type, name) || members.some((member) => isTaken(draft.model, member, name))) continue;
    type.objectFields.push(randomField(draft, type.name, name));
  }
}

function addOwnFields(draft: Draft, type: ObjectModel, count: number): void {
  const goal = type.fields.length + count;
  for (let attempt = 0; attempt < 30 && type.fields.length < goal; attempt++) {
    const name = fieldName(draft.rng);
    if (!isTaken(draft.model, type, name)) type.fields.push(randomField(draft, type.name, name));
  }
}

/** A value type of which several subgraphs know different fields, reached through its entity only. */
function addDividedValue(draft: Draft, entity: ObjectModel): void {
  const name = `${entity.name}Part`;
  if (draft.model.types.has(name) || hasField(entity, 'part')) return;
  const value = makeObject(draft, name, 'dividedValue');
  addOwnFields(draft, value, draft.rng.between(2, 4));
  const type = draft.rng.pick([
    named(name),
    nonNull(named(name)),
    listOf(named(name)),
    listOf(nonNull(listOf(named(name)))),
    nonNull(listOf(listOf(nonNull(named(name))))),
  ]);
  entity.fields.push(makeField(draft, entity.name, 'part', type, { members: [name] }));
}

function addVersion(draft: Draft, entity: ObjectModel): void {
  if (hasField(entity, 'version')) return;
  entity.fields.push(makeField(draft, entity.name, 'version', nonNull(named('Int')), { role: { kind: 'version' } }));
}

/** Query with a way to most types, and in most graphs mutations. */
export function generateRoots(draft: Draft): void {
  const { rng, model } = draft;
  const query = makeObject(draft, 'Query', 'root');
  const composites = compositeNames(model);
  for (const name of rng.shuffle(composites)) {
    const field = `${name.charAt(0).toLowerCase()}${name.slice(1)}${rng.pick(['', 's', 'By'])}`;
    if (!hasField(query, field) && rng.chance(0.75)) query.fields.push(randomField(draft, 'Query', field, name));
  }
  addOwnFields(draft, query, rng.between(1, 3));
  const [entity] = objectsOf(model);
  if (entity?.role === 'entity' && rng.chance(0.1) && !hasField(entity, 'query')) {
    entity.fields.push(makeField(draft, entity.name, 'query', named('Query')));
  }
  if (!rng.chance(0.6)) return;
  const payload = makeObject(draft, 'Receipt', 'payload');
  payload.fields.push(makeField(draft, 'Receipt', 'sequence', nonNull(named('Int')), { role: { kind: 'sequence' } }));
  addOwnFields(draft, payload, rng.between(1, 3));
  if (rng.chance(0.3)) payload.fields.push(makeField(draft, 'Receipt', 'query', nonNull(named('Query'))));
  const mutation = makeObject(draft, 'Mutation', 'root');
  const count = rng.between(2, 5);
  for (let index = 0; index < count; index++) mutation.fields.push(mutationField(draft, `do${index}`));
}

function mutationField(draft: Draft, name: string): FieldModel {
  const { rng, model } = draft;
  const args = rng.chance(0.5) ? randomArguments(draft) : [];
  if (rng.chance(0.2)) {
    return makeField(draft, 'Mutation', name, named('Int'), { role: { kind: 'sequence' }, args });
  }
  const entities = objectsOf(model).filter((type) => type.role === 'entity');
  const target = rng.chance(0.5) ? 'Receipt' : rng.pick(entities).name;
  return makeField(draft, 'Mutation', name, named(target), { args, members: [target] });
}

function compositeNames(model: GraphModel): string[] {
  return [...model.types.values()]
    .filter((type) => type.kind === 'interface' || type.kind === 'union' || isFreeObject(type))
    .map((type) => type.name);
}

function isFreeObject(type: { kind: string; role?: string }): boolean {
  return type.kind === 'object' && (type.role === 'entity' || type.role === 'value');
}

/** Whether a type has a field of that name, itself or from an interface object. */
function isTaken(model: GraphModel, type: ObjectModel, name: string): boolean {
  return hasField(type, name) || interfacesWith(model, type.name).some((other) => hasField(other, name));
}

function hasField(type: ObjectModel | InterfaceModel, name: string): boolean {
  return (
    type.fields.some((field) => field.name === name) ||
    (type.kind === 'interface' && type.objectFields.some((field) => field.name === name))
  );
}

function fieldName(rng: Random): string {
  return rng.chance(0.04) ? rng.pick(hostileFieldNames) : rng.pick(fieldNames);
}

function randomField(draft: Draft, dataOf: string, name: string, base?: string): FieldModel {
  const { rng, model } = draft;
  const target = base ?? randomOutputName(draft, dataOf);
  const all = concreteTypes(model, target);
  const members = all.length > 1 && rng.chance(0.4) ? rng.part(all, 0.6) : all;
  const args = rng.chance(0.3) ? randomArguments(draft) : [];
  return makeField(draft, dataOf, name, wrap(rng, named(target)), { args, members });
}

function randomOutputName({ rng, model }: Draft, dataOf: string): string {
  const leaf = rng.weighted([
    [4, 'String'],
    [3, 'Int'],
    [1, 'Float'],
    [1, 'Boolean'],
    [1, 'ID'],
    [1, 'Color'],
    [1, 'JSON'],
    [1, 'Stamp'],
  ]);
  const known = model.types.has(leaf) || !['JSON', 'Stamp'].includes(leaf) ? leaf : 'String';
  // Types inside values stay mostly leaves: nesting through entities is what matters.
  const leafWeight = model.types.get(dataOf)?.kind === 'object' && isValue(model, dataOf) ? 0.75 : 0.5;
  if (rng.chance(leafWeight)) return known;
  const entities = objectsOf(model).filter((type) => type.role === 'entity');
  return rng.chance(0.45) ? rng.pick(entities).name : rng.pick(compositeNames(model));
}

function isValue(model: GraphModel, name: string): boolean {
  const type = model.types.get(name);
  return type?.kind === 'object' && type.role !== 'entity' && type.role !== 'root';
}

function wrap(rng: Random, type: TypeRef): TypeRef {
  return rng.weighted<() => TypeRef>([
    [36, () => type],
    [20, () => nonNull(type)],
    [10, () => listOf(type)],
    [6, () => listOf(nonNull(type))],
    [6, () => nonNull(listOf(nonNull(type)))],
    [3, () => nonNull(listOf(type))],
    [3, () => listOf(listOf(type))],
    [2, () => listOf(nonNull(listOf(nonNull(type))))],
  ])();
}

function randomArguments(draft: Draft): ArgumentModel[] {
  return draft.rng.sample(argumentNames, draft.rng.between(1, 2)).map((name) => randomArgument(draft, name));
}

function randomArgument({ rng, model }: Draft, name: string): ArgumentModel {
  const base = rng.pick([
    'Int',
    'Int',
    'String',
    'String',
    'ID',
    'Boolean',
    'Float',
    'Color',
    'Filter',
    'Range',
    'JSON',
  ]);
  const known = named(model.types.has(base) || base !== 'JSON' ? base : 'String');
  const type = rng.weighted<TypeRef>([
    [6, known],
    [2, nonNull(known)],
    [1, listOf(known)],
    [1, listOf(nonNull(known))],
    [1, listOf(listOf(nonNull(known)))],
  ]);
  const defaultValue = rng.chance(0.35) ? randomInputValue(rng, model, type, 1) : undefined;
  return { name, type, ...(defaultValue === undefined ? {} : { defaultValue }) };
}

/** A value of an input type in its coerced form, object fields with their defaults filled in. */
export function randomInputValue(rng: Random, model: GraphModel, type: TypeRef, depth: number): unknown {
  if (type.kind === 'nonNull') return randomInputValue(rng, model, type.of, depth) ?? forcedValue(rng, model, type.of);
  if (rng.chance(0.1)) return null;
  return forcedValue(rng, model, type, depth);
}

function forcedValue(rng: Random, model: GraphModel, type: TypeRef, depth = 0): unknown {
  if (type.kind === 'nonNull') return forcedValue(rng, model, type.of, depth);
  if (type.kind === 'list') {
    return Array.from({ length: rng.below(3) }, () => randomInputValue(rng, model, type.of, depth - 1));
  }
  const custom = model.types.get(type.name);
  if (custom?.kind === 'enum') return new EnumValue(rng.pick(custom.values));
  if (custom?.kind === 'input') {
    const entries = custom.fields.flatMap((field) => {
      const required = field.type.kind === 'nonNull' && field.defaultValue === undefined;
      const given = required || (depth > 0 && rng.chance(0.5));
      const value = given ? randomInputValue(rng, model, field.type, depth - 1) : field.defaultValue;
      return value === undefined ? [] : [[field.name, value] as const];
    });
    return Object.fromEntries(entries);
  }
  return leafValue(rng, type.name);
}

function leafValue(rng: Random, name: string): unknown {
  switch (name) {
    case 'Int':
      return rng.between(-3, 20);
    case 'Float':
      return rng.below(40) / 4;
    case 'Boolean':
      return rng.chance(0.5);
    case 'JSON':
      // Only what graphql-js can print as a default.
      return rng.pick<unknown>(['text', 7, true]);
    default:
      return rng.pick(['USD', 'EUR', '', 'q"uo\\te', 'line\nbreak', 'ü\u2028✓', '5']);
  }
}
