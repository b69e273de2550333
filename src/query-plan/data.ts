/**
 * The data of one operation while it is gathered: plain JSON objects as subgraphs sent them, merged without copies.
 * Keys come from outside: only own properties are read, and `__proto__` is never written. Clock: per request.
 */
import type { SupergraphTypes } from './supergraph-types';

export type DataObject = Record<string, unknown>;

export function isDataObject(value: unknown): value is DataObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Own-property read: a subgraph that leaves out `constructor` does not answer with a function. */
export function readOwn(object: DataObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/**
 * Adds what `source` knows to `target`. Both describe the same object: objects and lists are merged part by part, of
 * leaves the later one counts unless it is null, and the concrete `__typename` wins over the interface that an
 * `@interfaceObject` names.
 */
export function mergeObject(target: DataObject, source: DataObject, types: SupergraphTypes): void {
  for (const key of Object.keys(source)) {
    if (key === '__proto__') continue;
    const value = source[key];
    const existing = readOwn(target, key);
    if (existing === undefined || existing === null) {
      target[key] = value;
    } else if (key === '__typename') {
      if (!types.isObject(String(existing)) && value !== null) target[key] = value;
    } else if (value !== null) {
      target[key] = mergeValue(existing, value, types);
    }
  }
}

/** What is known of a value: the parts of both where they are objects, or lists of as many; else the later one. */
function mergeValue(existing: unknown, value: unknown, types: SupergraphTypes): unknown {
  if (value === null || value === undefined) return existing;
  if (isDataObject(existing) && isDataObject(value)) {
    mergeObject(existing, value, types);
    return existing;
  }
  if (!Array.isArray(existing) || !Array.isArray(value) || existing.length !== value.length) return value;
  for (let index = 0; index < value.length; index++) {
    existing[index] = mergeValue(existing[index], value[index], types);
  }
  return existing;
}

/** The objects at `path` below `root`: `['users', '@', 'address']` visits each address of each user. */
export function collectObjects(root: DataObject, path: readonly string[]): DataObject[] {
  const found: DataObject[] = [];
  collectInto(root, path, 0, found);
  return found;
}

function collectInto(value: unknown, path: readonly string[], index: number, found: DataObject[]): void {
  if (value === null || value === undefined || typeof value !== 'object') return;
  if (Array.isArray(value)) {
    const next = path[index] === '@' ? index + 1 : index;
    for (const item of value) collectInto(item, path, next, found);
    return;
  }
  const key = path[index];
  if (key === undefined) found.push(value as DataObject);
  else if (key !== '@') collectInto(readOwn(value as DataObject, key), path, index + 1, found);
}
