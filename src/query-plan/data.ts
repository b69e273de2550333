/**
 * The data of one operation while it is gathered: plain JSON objects as subgraphs sent them, merged without copies.
 * Keys come from outside: only own properties are read, and `__proto__` is never written. Clock: per request.
 */
import type { SupergraphTypes } from './supergraph-types';

export type DataObject = Record<string, unknown>;

/** What one operation has gathered, and what helps to write it. */
export interface GatheredData {
  readonly root: DataObject;
  /** Whether no string of it needs an escape in JSON. */
  isPlain: boolean;
  /** Objects and lists that stand in more than one place. */
  readonly shared: Set<unknown>;
}

export function isDataObject(value: unknown): value is DataObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Own-property read: a subgraph that leaves out `constructor` does not answer with a function. What JSON tells is never
 * one, and what objects inherit always is, but for `__proto__`: that is cheaper to see than whose property it is.
 */
export function readOwn(object: DataObject, key: string): unknown {
  if (key === '__proto__') return undefined;
  const value = object[key];
  return typeof value === 'function' ? undefined : value;
}

/** Above this, the native function is faster than a look at each character. */
const maxScannedLength = 48;

/** What stands between the quotes of a JSON string. */
export function escapeText(value: string): string {
  if (value.length > maxScannedLength) return JSON.stringify(value).slice(1, -1);
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (code < 32 || code === 34 || code === 92 || (code >= 0xd800 && code <= 0xdfff)) {
      return JSON.stringify(value).slice(1, -1);
    }
  }
  return value;
}

/**
 * Adds what `source` knows to `target`. Both describe the same object: objects and lists are merged part by part, of
 * leaves the later one counts unless it is null, and the concrete `__typename` wins over the interface that an
 * `@interfaceObject` names.
 */
export function mergeObject(
  target: DataObject,
  source: DataObject,
  types: SupergraphTypes,
  depth = 0,
  merged?: MergedObjects,
): void {
  let known = merged;
  if (depth > maxPlainDepth) {
    known ??= new MergedObjects();
    if (!known.add(target, source)) return;
  }
  // Unlike `Object.keys`, this makes no list. Nothing that data inherits is enumerable.
  for (const key in source) {
    if (key === '__proto__') continue;
    const value = source[key];
    const existing = readOwn(target, key);
    if (existing === undefined || existing === null) {
      target[key] = value;
    } else if (key === '__typename') {
      if (!types.isObject(String(existing)) && value !== null) target[key] = value;
    } else if (value !== null) {
      target[key] = mergeValue(existing, value, types, depth + 1, known);
    }
  }
}

/** Data so deep may be without end: an entity that leads to itself stands below itself, since its answers are shared. */
const maxPlainDepth = 50;

/** The objects that one merge has put together so far. */
class MergedObjects {
  private readonly sources = new Map<DataObject, Set<DataObject>>();

  /** False when these two are merged already, or are being merged. */
  add(target: DataObject, source: DataObject): boolean {
    const known = this.sources.get(target) ?? new Set();
    this.sources.set(target, known);
    if (known.has(source)) return false;
    known.add(source);
    return true;
  }
}

/** Notes what stands in a second place from now on: the objects and lists that `source` was merged from. */
export function noteShared(source: DataObject, shared: Set<unknown>): void {
  for (const key of Object.keys(source)) {
    const value = source[key];
    if (typeof value === 'object' && value !== null) shared.add(value);
  }
}

/** What is known of a value: the parts of both where they are objects, or lists of as many; else the later one. */
export function mergeValue(
  existing: unknown,
  value: unknown,
  types: SupergraphTypes,
  depth = 0,
  merged?: MergedObjects,
): unknown {
  if (value === null || value === undefined || value === existing) return existing;
  if (isDataObject(existing) && isDataObject(value)) {
    mergeObject(existing, value, types, depth, merged);
    return existing;
  }
  if (!Array.isArray(existing) || !Array.isArray(value) || existing.length !== value.length) return value;
  for (let index = 0; index < value.length; index++) {
    existing[index] = mergeValue(existing[index], value[index], types, depth, merged);
  }
  return existing;
}

/** An element of a path that leaves objects of other types out. */
export function typeCondition(typeName: string): string {
  return `... on ${typeName}`;
}

const conditionStart = typeCondition('');

/** The names alone that a path consists of. */
export function namesOf(path: readonly string[]): string[] {
  return path.filter((element) => element !== '@' && !element.startsWith(conditionStart));
}

/**
 * The objects at `path` below the root: `['users', '@', '... on Author', 'address']` visits the address of each
 * author; what is below something shared once.
 */
export function collectObjects(
  { root, shared }: GatheredData,
  path: readonly string[],
  types: SupergraphTypes,
): DataObject[] {
  const found: DataObject[] = [];
  const visits = shared.size === 0 || path.length > maxNotedDepth ? undefined : new Visits(shared);
  new Collection(path, found, visits, types).collect(root, 0);
  return found;
}

/** More than a type has: what is nested deeper is no list of objects. */
const maxNestedLists = 100;

class Collection {
  constructor(
    private readonly path: readonly string[],
    private readonly found: DataObject[],
    private readonly visits: Visits | undefined,
    private readonly types: SupergraphTypes,
  ) {}

  /** `lists`: how many lists `value` stands in, one in the other. */
  collect(value: unknown, index: number, lists = 0): void {
    if (value === null || value === undefined || typeof value !== 'object') return;
    if (this.visits?.isRepeated(value, index)) return;
    const key = this.path[index];
    if (Array.isArray(value)) {
      if (lists >= maxNestedLists) return;
      const next = key === '@' ? index + 1 : index;
      for (const item of value) this.collect(item, next, lists + 1);
    } else if (key === undefined) this.found.push(value as DataObject);
    else if (key.startsWith(conditionStart)) {
      if (this.fits(value as DataObject, key.slice(conditionStart.length))) this.collect(value, index + 1);
    } else if (key !== '@') this.collect(readOwn(value as DataObject, key), index + 1);
  }

  private fits(object: DataObject, condition: string): boolean {
    const typeName = readOwn(object, '__typename');
    return typeof typeName !== 'string' || this.types.matches(typeName, condition);
  }
}

/** Bits of a number. */
const maxNotedDepth = 30;

/** At which elements of a path shared values were met before. */
class Visits {
  private readonly depths = new Map<unknown, number>();

  constructor(private readonly shared: ReadonlySet<unknown>) {}

  isRepeated(value: object, index: number): boolean {
    if (!this.shared.has(value)) return false;
    const depths = this.depths.get(value) ?? 0;
    this.depths.set(value, depths | (1 << index));
    return (depths & (1 << index)) !== 0;
  }
}
