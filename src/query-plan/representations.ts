/**
 * An object of the gathered data -> the representation of an entity that a subgraph is asked about, as the slot where
 * its answer will be. In: the `requires` of a fetch. Out: a function per fetch. Clock: per document (compiled), per request (run).
 */
import { InternalError } from '../errors';
import { type DataObject, escapeText, type GatheredData, isDataObject, readOwn } from './data';
import type { Rewrite } from './rewrites';
import type { SupergraphTypes } from './supergraph-types';

/** What a representation is made of: a field selection of the planner, or ours, which tells where a value is found. */
export type RequiredSelection =
  | {
      readonly kind: 'Field';
      readonly name: string;
      readonly alias?: string | undefined;
      /** The name under which the value travels, where it is not that of the representation's field. */
      readonly from?: string | undefined;
      readonly selections?: readonly RequiredSelection[] | undefined;
    }
  | {
      readonly kind: 'InlineFragment';
      readonly typeCondition?: string | undefined;
      readonly selections: readonly RequiredSelection[];
    };

/** The value whose absence leaves an object without a representation. */
export class Missing {
  constructor(
    readonly container: DataObject,
    readonly key: string,
  ) {}
}

/**
 * The slots of one fetch in one run, numbers that count from 0: by JSON text, and beside it by the values that make up a
 * flat representation.
 */
export class SlotTable {
  private readonly byText = new Map<string, number>();
  private readonly byValues = new Map<string, Map<unknown, unknown>>();
  private lastIdentity: string | undefined = undefined;
  private lastLevel: Map<unknown, unknown> | undefined = undefined;

  constructor(
    readonly data: GatheredData,
    /** A new slot for a representation that is in no table yet. */
    readonly add: (representation: string) => number,
  ) {}

  ofText(representation: string): number {
    let slot = this.byText.get(representation);
    if (slot === undefined) {
      slot = this.add(representation);
      this.byText.set(representation, slot);
    }
    return slot;
  }

  /** Where the slots of one kind of flat representation are found: by their first value. */
  levelOf(identity: string): Map<unknown, unknown> {
    // The objects of a list are of one kind, mostly.
    if (identity === this.lastIdentity && this.lastLevel) return this.lastLevel;
    const level = levelBelow(this.byValues, identity);
    this.lastIdentity = identity;
    this.lastLevel = level;
    return level;
  }
}

/** The slot of an object's representation, or what is missing; `undefined` for objects that the fetch is not about. */
export type FindSlot = (object: DataObject, slots: SlotTable) => number | Missing | undefined;

type Select = (source: DataObject, into: DataObject) => Missing | undefined;

export interface RepresentationOptions {
  readonly rewrite: Rewrite | undefined;
  /** The type of all objects, where that is known: they need not name it. */
  readonly typeName: string | undefined;
}

/**
 * Compiles `requires` for a fetch from `subgraph`. An entity whose keys are all null has no representation; one part of
 * a key may well be null.
 */
export function compileRepresentation(
  subgraph: string,
  requires: readonly RequiredSelection[],
  { rewrite, typeName }: RepresentationOptions,
  types: SupergraphTypes,
): FindSlot {
  if (!rewrite && requires.every(isFlat)) return compileFlat(subgraph, requires, typeName, types);
  const select = compileSelections(requires, types);
  return (object, slots) => {
    if (typeName !== undefined) object.__typename ??= typeName;
    const value: DataObject = {};
    const missing = select(object, value);
    if (missing) return missing;
    rewrite?.(value);
    if (typeof value.__typename !== 'string') return undefined;
    const keys = types.keysOf(subgraph, value.__typename).filter((key) => isComplete(key, value));
    // Below `@interfaceObject` a plan may select requirements of every object, and a key only of those it is about.
    const [first] = keys;
    if (first === undefined) return undefined;
    const identifies = keys.some((key) => key.some((field) => value[field] !== null));
    if (!identifies) return new Missing(object, first[0] ?? '');
    return slots.ofText(JSON.stringify(value));
  };
}

/** `... on User { __typename id }`: the requirements of nearly every fetch. */
function isFlat(selection: RequiredSelection): boolean {
  return (
    selection.kind === 'InlineFragment' &&
    selection.selections.every((field) => field.kind === 'Field' && !field.selections && !field.alias)
  );
}

/** What a representation of one type is made of. */
interface FlatType {
  /** Equal for equal types and fields. */
  readonly identity: string;
  /** At least one, in one order, so that fetches with the same requirements mean the same representation. */
  readonly fields: readonly FlatField[];
  /** By where the object has their fields. */
  readonly keys: readonly (readonly string[])[];
}

interface FlatField {
  /** Where the object has the value. */
  readonly from: string;
  /** The text before the value: `{"__typename":"User","id":`, or `,"name":` of a second one. */
  readonly before: string;
  /** The text after it: the end of the object behind the last one. */
  readonly after: string;
  /** The same with the quotes of a string. */
  readonly beforeString: string;
  readonly afterString: string;
  /** Whether an object without the field answers with something that it inherits. */
  readonly isInherited: boolean;
}

/** The same as the general way, but for objects that were asked about before nothing is put together. */
function compileFlat(
  subgraph: string,
  requires: readonly RequiredSelection[],
  knownName: string | undefined,
  types: SupergraphTypes,
): FindSlot {
  const byType = new Map<string, FlatType | undefined>();
  let lastName: string | undefined;
  let last: FlatType | undefined;
  return (object, slots) => {
    const typeName = knownName ?? object.__typename;
    if (typeof typeName !== 'string') return undefined;
    if (typeName !== lastName) {
      last = byType.get(typeName);
      if (!last && !byType.has(typeName)) {
        last = flatType(subgraph, typeName, requires, types);
        byType.set(typeName, last);
      }
      lastName = typeName;
    }
    return last && findFlat(last, object, slots);
  };
}

function findFlat(flat: FlatType, object: DataObject, slots: SlotTable): number | Missing {
  let level = slots.levelOf(flat.identity);
  const last = flat.fields.length - 1;
  let hasNull = false;
  for (let index = 0; index <= last; index++) {
    const field = flat.fields[index] as FlatField;
    const value = field.isInherited ? readOwn(object, field.from) : object[field.from];
    if (value === undefined) return new Missing(object, field.from);
    if (value === null) hasNull = true;
    else if (typeof value === 'object') return slots.ofText(flatText(flat, object, slots.data.isPlain));
    if (index < last) {
      level = levelBelow(level, value);
      continue;
    }
    if (hasNull && !flat.keys.some((key) => key.some((name) => object[name] !== null))) {
      return new Missing(object, flat.keys[0]?.[0] ?? '');
    }
    let slot = level.get(value) as number | undefined;
    if (slot === undefined) {
      slot = slots.add(flatText(flat, object, slots.data.isPlain));
      level.set(value, slot);
    }
    return slot;
  }
  throw new InternalError('a representation has no fields');
}

function levelBelow<Key>(level: Map<Key, unknown>, key: Key): Map<unknown, unknown> {
  let below = level.get(key) as Map<unknown, unknown> | undefined;
  if (!below) {
    below = new Map();
    level.set(key, below);
  }
  return below;
}

function flatText({ fields }: FlatType, object: DataObject, isPlain: boolean): string {
  let text = '';
  for (const { from, before, beforeString, after, afterString } of fields) {
    const value = readOwn(object, from);
    if (typeof value === 'string') text += `${beforeString}${isPlain ? value : escapeText(value)}${afterString}`;
    else text += before + JSON.stringify(value ?? null) + after;
  }
  return text;
}

function flatType(
  subgraph: string,
  typeName: string,
  requires: readonly RequiredSelection[],
  types: SupergraphTypes,
): FlatType | undefined {
  const sources = new Map<string, string>();
  for (const fragment of requires) {
    if (fragment.kind !== 'InlineFragment') continue;
    if (fragment.typeCondition !== undefined && !types.matches(typeName, fragment.typeCondition)) continue;
    for (const field of fragment.selections) {
      if (field.kind === 'Field') sources.set(field.name, field.from ?? field.name);
    }
  }
  const keys = types.keysOf(subgraph, typeName).filter((key) => key.every((field) => sources.has(field)));
  if (!sources.delete('__typename') || keys.length === 0) return undefined;
  const names = [...sources.keys()].sort();
  const head = `{"__typename":${JSON.stringify(typeName)}`;
  const fields = names.map((name, index) => {
    const from = sources.get(name) ?? name;
    const before = `${index === 0 ? head : ''},${JSON.stringify(name)}:`;
    const after = index === names.length - 1 ? '}' : '';
    const isInherited = from in Object.prototype;
    return { from, before, after, beforeString: `${before}"`, afterString: `"${after}`, isInherited };
  });
  const identity = [typeName, ...names].join();
  const keySources = keys.map((key) => key.map((name) => sources.get(name) ?? name));
  return { identity, fields, keys: keySources };
}

function isComplete(key: readonly string[], value: DataObject): boolean {
  return key.every((field) => Object.hasOwn(value, field));
}

function compileSelections(selections: readonly RequiredSelection[], types: SupergraphTypes): Select {
  const steps = selections.map((selection) => {
    const inner = selection.selections ? compileSelections(selection.selections, types) : undefined;
    if (selection.kind === 'Field') {
      const isAbstract = selection.selections?.some(({ kind }) => kind === 'InlineFragment');
      const name = selection.alias ?? selection.name;
      return compileField(name, selection.from ?? name, inner && isAbstract ? withTypename(inner) : inner);
    }
    return compileFragment(selection.typeCondition, inner, types);
  });
  return (source, into) => {
    for (const step of steps) {
      const missing = step(source, into);
      if (missing) return missing;
    }
    return undefined;
  };
}

function compileFragment(condition: string | undefined, inner: Select | undefined, types: SupergraphTypes): Select {
  return (source, into) => {
    if (condition !== undefined) {
      const typeName = readOwn(source, '__typename');
      if (typeof typeName !== 'string' || !types.matches(typeName, condition)) return undefined;
    }
    return inner?.(source, into);
  };
}

/** A required object of several possible types brings its type: a subgraph could not tell what it was given. */
function withTypename(select: Select): Select {
  return (source, into) => {
    if (Object.hasOwn(source, '__typename')) into.__typename = source.__typename;
    return select(source, into);
  };
}

function compileField(name: string, from: string, inner: Select | undefined): Select {
  return (source, into) => {
    const value = readOwn(source, from);
    if (value === undefined) return new Missing(source, from);
    if (!inner) {
      into[name] = value;
      return undefined;
    }
    const selected = selectValue(value, inner, readOwn(into, name));
    if (selected.missing) return selected.missing;
    into[name] = selected.value;
    return undefined;
  };
}

/** Selects from an object, or from each of a list; `before` is what another selection of the same field found. */
function selectValue(value: unknown, select: Select, before: unknown): { value?: unknown; missing?: Missing } {
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const [index, item] of value.entries()) {
      const selected = selectValue(item, select, Array.isArray(before) ? before[index] : undefined);
      if (selected.missing) return selected;
      items.push(selected.value);
    }
    return { value: items };
  }
  if (!isDataObject(value)) return { value };
  const into = isDataObject(before) ? before : {};
  const missing = select(value, into);
  return missing ? { missing } : { value: into };
}
