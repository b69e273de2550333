/**
 * Conformance fuzzer: the data. Every value is a function of the seed, the type, the instance, the field, its
 * arguments and (for a field with @requires) the required values, so every wrong route shows in the answer.
 */
import {
  baseOf,
  type FieldModel,
  fieldOf,
  type GraphModel,
  interfacesWith,
  type ObjectModel,
  objectOf,
  type Population,
  type RequiredSelection,
  type TypeRef,
} from './model';
import { hashOf } from './random';

/** An object: for an entity `seed` is its number in its population, for a value what it was made from. */
export interface Instance {
  readonly type: string;
  readonly seed: string;
  /** Mutations run when it was made, on payloads. */
  readonly sequence?: number;
}

/** What may go wrong besides plain nulls in nullable places. */
export interface Weather {
  /** Null where the type forbids it, and entities that only their reference knows. */
  readonly nulls: boolean;
  /** Resolvers that throw, and enum values that clients may not see. */
  readonly errors: boolean;
}

/** What one operation changes: reset before each. */
export interface Counter {
  mutations: number;
  /** Root fields of mutations with their arguments, in the order they ran. */
  readonly log: string[];
}

export interface World {
  readonly model: GraphModel;
  readonly weather: Weather;
  readonly counter: Counter;
}

/** A text that is equal for equal values, whatever the order of their keys. */
export function canonical(value: unknown): string {
  if (value === undefined) return 'undefined';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    if ('toJSON' in value && typeof value.toJSON === 'function') return canonical(value.toJSON());
    const record = value as Record<string, unknown>;
    return `{${Object.keys(record)
      .sort()
      .map((key) => `${key}:${canonical(record[key])}`)
      .join(',')}}`;
  }
  return JSON.stringify(value);
}

/** The true value of a field, as the undivided graph answers it. */
export function truth(
  world: World,
  object: Instance,
  field: FieldModel,
  args: Readonly<Record<string, unknown>>,
): unknown {
  const required = field.requires ? requiredTruth(world, object, field.requires) : undefined;
  return fieldValue(world, object, field, args, required);
}

/** The value of a field when its requirements have the given values. */
export function fieldValue(
  world: World,
  object: Instance,
  field: FieldModel,
  args: Readonly<Record<string, unknown>>,
  required: unknown,
): unknown {
  const { role } = field;
  if (field.name === '__typename') return object.type;
  if (role?.kind === 'key') return keyComponent(world, field, Number(object.seed));
  if (role?.kind === 'keyObject') return { type: baseOf(field.type), seed: object.seed };
  if (role?.kind === 'version') return world.counter.mutations;
  if (role?.kind === 'sequence') return object.sequence ?? world.counter.mutations;
  if (isGhost(world, object)) return null;
  const place = [world.model.seed, field.dataOf, object.seed, field.name, canonical(args), canonical(required)].join(
    '|',
  );
  if (world.weather.errors && field.mayFail && hashOf(`${place}|throws`) % 9 === 0) throw new Error('resolver failed');
  return build(world, field, field.type, place, field.nonNullIn.size === 0);
}

function build(world: World, field: FieldModel, type: TypeRef, place: string, mayBeNull: boolean): unknown {
  if (type.kind === 'nonNull') {
    const fails = world.weather.nulls && field.mayFail && hashOf(`${place}|null!`) % 12 === 0;
    return fails ? null : build(world, field, type.of, place, false);
  }
  if (mayBeNull && hashOf(`${place}|null`) % 15 === 0) return null;
  if (type.kind === 'list') {
    const length = [0, 1, 1, 2, 2, 2, 3, 3][hashOf(`${place}|length`) % 8]!;
    return Array.from({ length }, (_, index) => build(world, field, type.of, `${place}.${index}`, true));
  }
  const custom = world.model.types.get(type.name);
  if (!custom || custom.kind === 'scalar') return leaf(type.name, place);
  if (custom.kind === 'enum') {
    const hidden = world.weather.errors && field.mayFail && custom.hidden !== undefined;
    const values = hidden ? [...custom.values, custom.hidden!] : custom.values;
    return values[hashOf(place) % values.length];
  }
  return instance(world, field, type.name, place);
}

function instance(world: World, field: FieldModel, base: string, place: string): Instance {
  const members = field.members.length > 0 ? field.members : [base];
  const type = objectOf(world.model, members[hashOf(`${place}|type`) % members.length]!);
  if (type.role === 'root') return { type: type.name, seed: 'root' };
  if (type.population) {
    const numbers = numbersOf(type.population, type.name);
    return { type: type.name, seed: String(numbers[hashOf(place) % numbers.length]) };
  }
  const sequence = type.role === 'payload' ? { sequence: world.counter.mutations } : {};
  return { type: type.name, seed: `${hashOf(place).toString(36)}${hashOf(`${place}+`).toString(36)}`, ...sequence };
}

function numbersOf(population: Population, type: string): number[] {
  const numbers = Array.from({ length: population.size }, (_, number) => number);
  return numbers.filter((number) => typeOfNumber(population, number) === type);
}

export function typeOfNumber(population: Population, number: number): string {
  return population.types[number % population.types.length]!;
}

function leaf(name: string, place: string): unknown {
  const hash = hashOf(place);
  switch (name) {
    case 'Int':
      return (hash % 4001) - 2000;
    case 'Float':
      return hash % 3 === 0 ? hash % 100 : (hash % 10007) / 16;
    case 'Boolean':
      return hash % 2 === 0;
    case 'ID':
      return hash % 2 === 0 ? `${hash % 1000}` : `i-${hash.toString(36)}`;
    case 'JSON':
      return json(hash);
    default:
      return hash % 9 === 0 ? ['', 'ü "q" \\ \u2028 ✓', 'null', '__proto__'][hash % 4] : `s-${hash.toString(36)}`;
  }
}

/** Looks like entities, errors and lists, and is none of them. */
function json(hash: number): unknown {
  switch (hash % 6) {
    case 0:
      return { __typename: 'User', id: hash % 50, nested: { b: [1, null, { z: 1, a: 2 }], a: null } };
    case 1:
      return [[hash % 9], [], [{ id: 'x' }, null]];
    case 2:
      return JSON.parse(`{ "__proto__": { "polluted": ${hash % 100} }, "constructor": 1, "then": "t" }`) as unknown;
    case 3:
      return hash % 1000;
    case 4:
      return {};
    default:
      return `json-${hash.toString(36)}`;
  }
}

function keyComponent(world: World, field: FieldModel, number: number): unknown {
  const role = field.role as { component: number; components: number };
  const part = role.components === 1 ? number : role.component === 0 ? number % 2 : Math.floor(number / 2);
  const base = baseOf(field.type);
  // Of two components one may be null: the other and the null are still the whole key.
  if (field.type.kind !== 'nonNull' && role.components === 2 && part === 0) return null;
  if (base === 'Int') return part * 3 + 1;
  if (base === 'Boolean') return part === 1;
  const custom = world.model.types.get(base);
  if (custom?.kind === 'enum') return custom.values[part % custom.values.length];
  return base === 'ID' ? `${part + 10}` : `k-${part}`;
}

/** An instance that only its reference knows: all but its key is null, and no subgraph resolves it. */
export function isGhost(world: World, object: Instance): boolean {
  if (!world.weather.nulls) return false;
  const type = world.model.types.get(object.type);
  if (type?.kind !== 'object' || !mayBeGhost(world.model, type)) return false;
  return hashOf(`${world.model.seed}|${type.name}|${object.seed}|ghost`) % 7 === 0;
}

function mayBeGhost(model: GraphModel, type: ObjectModel): boolean {
  if (type.role !== 'entity' || type.keys.length !== 1 || type.population!.types.length > 1) return false;
  if (interfacesWith(model, type.name).some((other) => other.keyed)) return false;
  // What others depend on must not vanish.
  return type.fields.every((field) => field.role?.kind === 'key' || field.mayFail);
}

/** The true value of a required selection. */
export function requiredTruth(
  world: World,
  object: Instance,
  selections: readonly RequiredSelection[],
): Record<string, unknown> {
  return collect(
    world.model,
    object.type,
    selections,
    (field, args) => truth(world, object, field, args),
    (value, nested) => requiredTruth(world, value as Instance, nested),
  );
}

const typenameField: FieldModel = {
  name: '__typename',
  type: { kind: 'named', name: 'String' },
  args: [],
  rank: -1,
  dataOf: '',
  members: [],
  owners: new Set(),
  provides: new Map(),
  provided: false,
  inaccessible: false,
  mayFail: false,
  nonNullIn: new Set(),
};

type Descend = (value: unknown, nested: readonly RequiredSelection[], field: FieldModel) => unknown;

/**
 * Makes the value that a required selection has: names to leaf values, nested objects and lists alike. The same shape
 * is read off a representation, so both sides hash the same text.
 */
export function collect(
  model: GraphModel,
  typeName: string,
  selections: readonly RequiredSelection[],
  read: (field: FieldModel, args: Readonly<Record<string, unknown>>) => unknown,
  descend: Descend,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const selection of selections) {
    if (selection.kind === 'fragment') {
      if (selection.on === typeName)
        Object.assign(result, collect(model, typeName, selection.selections, read, descend));
      continue;
    }
    const field = selection.name === '__typename' ? typenameField : fieldOf(model, typeName, selection.name);
    if (!field) throw new Error(`${typeName}.${selection.name} is required and unknown`);
    const value = read(field, withDefaults(field, selection.args));
    result[selection.name] =
      selection.selections.length > 0 ? deep(value, selection.selections, field, descend) : value;
  }
  return result;
}

function deep(value: unknown, nested: readonly RequiredSelection[], field: FieldModel, descend: Descend): unknown {
  if (Array.isArray(value)) return value.map((item) => deep(item, nested, field, descend));
  return value === null || value === undefined ? value : descend(value, nested, field);
}

function withDefaults(field: FieldModel, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const args: Record<string, unknown> = { ...given };
  for (const { name, defaultValue } of field.args) {
    if (!(name in args) && defaultValue !== undefined) args[name] = defaultValue;
  }
  return args;
}
