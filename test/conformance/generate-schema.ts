/**
 * Conformance fuzzer: makes a random undivided graph (types, fields, keys, arguments). In: a seed.
 * Out: a `GraphModel` whose fields have no owner yet; `split.ts` divides it.
 */
import { type Draft, makeField, makeObject } from './draft';
import { generateFields, generateRoots } from './generate-fields';
import {
  type EnumModel,
  EnumValue,
  type FieldRole,
  type GraphModel,
  type InterfaceModel,
  type KeyModel,
  listOf,
  named,
  nonNull,
  type ObjectModel,
  type Population,
  select,
  type TypeRef,
} from './model';
import { entityNames, interfaceNames, keyNames, subgraphNames, unionNames, valueNames } from './names';
import { Random } from './random';

const populationSize = 8;

/** Makes a graph with `owners` and `sites` still empty. */
export function generateSchema(seed: string): GraphModel {
  const rng = new Random(`${seed}/schema`);
  const count = rng.weighted([
    [2, 2],
    [4, 3],
    [4, 4],
    [1, 5],
    [1, 6],
  ]);
  const model: GraphModel = { seed, subgraphs: rng.sample(subgraphNames, count).sort(), types: new Map() };
  let rank = 0;
  const draft: Draft = { rng, model, nextRank: () => rank++ };
  addLeafTypes(draft);
  addEntities(draft);
  addValueTypes(draft);
  addUnions(draft);
  addInterfaces(draft);
  generateFields(draft);
  generateRoots(draft);
  return model;
}

function addLeafTypes({ rng, model }: Draft): void {
  const color: EnumModel = {
    kind: 'enum',
    name: 'Color',
    values: ['RED', 'GREEN', 'constructor', 'id'],
    ...(rng.chance(0.3) ? { hidden: 'SECRET' } : {}),
  };
  model.types.set('Color', color);
  model.types.set('Unit', { kind: 'enum', name: 'Unit', values: ['KG', 'LB'] });
  if (rng.chance(0.5)) model.types.set('JSON', { kind: 'scalar', name: 'JSON' });
  if (rng.chance(0.4)) model.types.set('Stamp', { kind: 'scalar', name: 'Stamp' });
  model.types.set('Range', {
    kind: 'input',
    name: 'Range',
    fields: [
      { name: 'from', type: nonNull(named('Int')) },
      { name: 'to', type: named('Int'), defaultValue: rng.below(9) },
      { name: 'unit', type: named('Unit'), ...(rng.chance(0.5) ? { defaultValue: new EnumValue('KG') } : {}) },
    ],
  });
  model.types.set('Filter', {
    kind: 'input',
    name: 'Filter',
    fields: [
      { name: 'text', type: named('String') },
      { name: 'range', type: rng.chance(0.4) ? nonNull(named('Range')) : named('Range') },
      { name: 'colors', type: listOf(nonNull(named('Color'))) },
      { name: 'ids', type: listOf(named('ID')) },
      { name: 'and', type: listOf(nonNull(named('Filter'))) },
    ],
  });
}

function addEntities(draft: Draft): void {
  const { rng, model } = draft;
  const names = rng.sample(entityNames, rng.between(2, 5));
  const groups = new Map<string, readonly string[]>();
  if (names.length >= 3 && rng.chance(0.4)) groups.set('Node', names.slice(0, rng.between(2, 3)));
  const left = names.slice(groups.get('Node')?.length);
  if (groups.size > 0 && left.length >= 2 && rng.chance(0.6)) groups.set('Asset', left);
  const keyed = [...groups].map(([name, members]) => keyedInterface(draft, name, members));
  for (const name of names) {
    const group = keyed.find(({ members }) => members.includes(name));
    const population = group?.keyed?.population ?? { name, size: populationSize, types: [name] };
    const entity = makeObject(draft, name, 'entity', population);
    if (!group) continue;
    entity.fields.push(makeField(draft, group.name, 'id', group.fields[0]!.type, { role: wholeKey }));
    entity.keys.push({ selection: [select('id')] });
  }
  for (const name of names) addKeys(draft, draft.model.types.get(name) as ObjectModel);
  for (const type of keyed) model.types.set(type.name, type);
}

/** An interface whose objects are one population and have one key, so that subgraphs may know them as one type. */
function keyedInterface(draft: Draft, name: string, members: readonly string[]): InterfaceModel {
  const keyType = draft.rng.pick([nonNull(named('ID')), nonNull(named('Int')), nonNull(named('String'))]);
  const population: Population = { name, size: populationSize, types: members };
  return {
    kind: 'interface',
    name,
    fields: [makeField(draft, name, 'id', keyType, { role: wholeKey })],
    members: [...members],
    parents: [],
    sites: new Set(),
    keyed: { home: '', key: { selection: [select('id')] }, objects: new Map(), population },
    objectFields: [],
  };
}

const wholeKey: FieldRole = { kind: 'key', component: 0, components: 1 };

function addKeys(draft: Draft, entity: ObjectModel): void {
  const { rng } = draft;
  const count = rng.weighted([
    [5, 1],
    [3, 2],
    [1, 3],
  ]);
  while (entity.keys.length < count) {
    const key = rng.weighted<(draft: Draft, entity: ObjectModel) => KeyModel | undefined>([
      [12, singleKey],
      [4, compositeKey],
      [2, objectKey],
      [2, entityKey],
    ])(draft, entity);
    if (key) entity.keys.push(key);
  }
}

function keyTypeOf(rng: Random): TypeRef {
  const name = rng.weighted([
    [4, 'ID'],
    [2, 'Int'],
    [2, 'String'],
  ]);
  return rng.chance(0.85) ? nonNull(named(name)) : named(name);
}

function freeName(entity: ObjectModel, name: string): boolean {
  return !entity.fields.some((field) => field.name === name);
}

function singleKey(draft: Draft, entity: ObjectModel): KeyModel | undefined {
  const name = draft.rng.pick(keyNames);
  if (!freeName(entity, name)) return undefined;
  entity.fields.push(makeField(draft, entity.name, name, keyTypeOf(draft.rng), { role: wholeKey }));
  return { selection: [select(name)] };
}

function compositeKey(draft: Draft, entity: ObjectModel): KeyModel | undefined {
  const { rng } = draft;
  if (!freeName(entity, 'region') || !freeName(entity, 'number')) return undefined;
  // A nullable component is null for half of the instances: null is then a legal part of a key.
  const region = rng.pick([named('String'), nonNull(named('Color')), nonNull(named('Boolean')), named('Int')]);
  const first = makeField(draft, entity.name, 'region', region, { role: { kind: 'key', component: 0, components: 2 } });
  const second = makeField(draft, entity.name, 'number', nonNull(named(rng.pick(['Int', 'ID']))), {
    role: { kind: 'key', component: 1, components: 2 },
  });
  entity.fields.push(first, second);
  return { selection: rng.shuffle([select('region'), select('number')]) };
}

function objectKey(draft: Draft, entity: ObjectModel): KeyModel | undefined {
  const { rng, model } = draft;
  const name = `${entity.name}Ref`;
  if (model.types.has(name)) return undefined;
  const object = makeObject(draft, name, 'keyObject', entity.population);
  const parts = rng.chance(0.5) ? 1 : 2;
  for (let component = 0; component < parts; component++) {
    const role: FieldRole = { kind: 'key', component, components: parts };
    object.fields.push(makeField(draft, name, ['id', 'part'][component]!, keyTypeOf(rng), { role }));
  }
  entity.fields.push(makeField(draft, entity.name, 'ref', nonNull(named(name)), { role: { kind: 'keyObject' } }));
  const nested = select(
    'ref',
    object.fields.map((field) => select(field.name)),
  );
  const other = rng.chance(0.3) ? entity.keys[0]?.selection.filter((part) => part.kind === 'field') : undefined;
  return { selection: [...(other ?? []), nested] };
}

function entityKey(draft: Draft, entity: ObjectModel): KeyModel | undefined {
  const { rng, model } = draft;
  const others = [...model.types.values()].filter(
    (type): type is ObjectModel =>
      type.kind === 'object' &&
      type.role === 'entity' &&
      type.name !== entity.name &&
      type.population?.types.length === 1 &&
      type.keys[0]?.selection.length === 1 &&
      isLeafKey(type.keys[0]),
  );
  if (others.length === 0 || !freeName(entity, 'twin')) return undefined;
  const other = rng.pick(others);
  entity.fields.push(
    makeField(draft, entity.name, 'twin', nonNull(named(other.name)), { role: { kind: 'keyObject' } }),
  );
  return { selection: [select('twin', other.keys[0]!.selection)] };
}

function isLeafKey(key: KeyModel): boolean {
  return key.selection.every((part) => part.kind === 'field' && part.selections.length === 0);
}

function addValueTypes(draft: Draft): void {
  for (const name of draft.rng.sample(valueNames, draft.rng.between(1, 2))) makeObject(draft, name, 'value');
}

function addUnions({ rng, model }: Draft): void {
  const members = [...model.types.values()]
    .filter((type) => type.kind === 'object' && (type.role === 'entity' || type.role === 'value'))
    .map((type) => type.name);
  for (const name of rng.sample(
    unionNames,
    rng.weighted([
      [2, 0],
      [4, 1],
      [2, 2],
    ]),
  )) {
    model.types.set(name, {
      kind: 'union',
      name,
      members: rng.sample(members, rng.between(2, 4)).sort(),
      sites: new Map(),
    });
  }
}

function addInterfaces({ rng, model }: Draft): void {
  const candidates = [...model.types.values()]
    .filter((type) => type.kind === 'object' && (type.role === 'entity' || type.role === 'value'))
    .map((type) => type.name);
  let previous: { name: string; members: string[]; parents: string[] } | undefined;
  for (const name of rng.sample(
    interfaceNames,
    rng.weighted([
      [2, 0],
      [4, 1],
      [3, 2],
      [1, 3],
    ]),
  )) {
    const nested = previous !== undefined && rng.chance(0.4);
    const members = nested ? rng.part(previous!.members, 0.7) : rng.sample(candidates, rng.between(2, 4)).sort();
    const parents: string[] = nested ? [previous!.name, ...previous!.parents] : [];
    model.types.set(name, {
      kind: 'interface',
      name,
      fields: [],
      members,
      parents,
      sites: new Set(),
      objectFields: [],
    });
    previous = { name, members, parents };
  }
}
