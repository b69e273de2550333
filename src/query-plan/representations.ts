/**
 * An object of the gathered data -> the representation of an entity that a subgraph is asked about.
 * In: the `requires` of a fetch. Out: a function per fetch. Clock: per document (compiled), per request (run).
 */
import type { QueryPlanSelectionNode } from '@apollo/query-planner';
import { type DataObject, isDataObject, readOwn } from './data';
import type { Rewrite } from './rewrites';
import type { SupergraphTypes } from './supergraph-types';

/** A representation, or why there is none: the object and key whose value is missing. */
export type Representation =
  | { readonly kind: 'representation'; readonly value: DataObject }
  | { readonly kind: 'missing'; readonly container: DataObject; readonly key: string }
  /** The object is not of a type that this fetch is about. */
  | { readonly kind: 'other type' };

export type BuildRepresentation = (object: DataObject) => Representation;

interface Missing {
  readonly container: DataObject;
  readonly key: string;
}

type Select = (source: DataObject, into: DataObject) => Missing | undefined;

/**
 * Compiles `requires` for a fetch from `subgraph`. An entity whose keys are all null has no representation; one part of
 * a key may well be null.
 */
export function compileRepresentation(
  subgraph: string,
  requires: readonly QueryPlanSelectionNode[],
  rewrite: Rewrite | undefined,
  types: SupergraphTypes,
): BuildRepresentation {
  const select = compileSelections(requires, types);
  return (object) => {
    const value: DataObject = {};
    const missing = select(object, value);
    if (missing) return { kind: 'missing', ...missing };
    if (typeof value.__typename !== 'string') return { kind: 'other type' };
    rewrite?.(value);
    const keys = types.keysOf(subgraph, value.__typename).filter((key) => isComplete(key, value));
    // Below `@interfaceObject` a plan may select requirements of every object, and a key only of those it is about.
    const [first] = keys;
    if (first === undefined) return { kind: 'other type' };
    const identifies = keys.some((key) => key.some((field) => value[field] !== null));
    return identifies ? { kind: 'representation', value } : { kind: 'missing', container: object, key: first[0] ?? '' };
  };
}

function isComplete(key: readonly string[], value: DataObject): boolean {
  return key.every((field) => Object.hasOwn(value, field));
}

function compileSelections(selections: readonly QueryPlanSelectionNode[], types: SupergraphTypes): Select {
  const steps = selections.map((selection) => {
    const inner = selection.selections ? compileSelections(selection.selections, types) : undefined;
    if (selection.kind === 'Field') {
      const isAbstract = selection.selections?.some(({ kind }) => kind === 'InlineFragment');
      return compileField(selection.alias ?? selection.name, inner && isAbstract ? withTypename(inner) : inner);
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

function compileField(name: string, inner: Select | undefined): Select {
  return (source, into) => {
    const value = readOwn(source, name);
    if (value === undefined) return { container: source, key: name };
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
