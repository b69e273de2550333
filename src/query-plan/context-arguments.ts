/**
 * Arguments that come from the objects around an entity (`@fromContext`): its fetch is asked once for each combination
 * of values, under variables of its own. In: the `contextRewrites` of a fetch. Out: fetches that carry their values.
 * Clock: per document (compiled), per request (divide). No value may come from a variable of the client.
 */
import type { FetchDataRewrite, FetchNode } from '@apollo/query-planner';
import { parse, print, stripIgnoredCharacters, visit } from 'graphql';
import { type DataObject, isDataObject, readOwn } from './data';
import { type CompiledFetch, compileFetch } from './fetch';
import type { SupergraphTypes } from './supergraph-types';

/** Reads a value from an object and those around it, the outermost first. */
type Read = (lineage: readonly DataObject[]) => unknown;

const conditionPrefix = '... on ';

export class ContextArguments {
  /** By name of the variable, the places where its value may stand. */
  private readonly readers = new Map<string, Read[]>();
  /** The fetch for the first, second, … combination of values: its variables have names of their own. */
  private readonly fetches: CompiledFetch[] = [];

  /** `number`: of this fetch among those of its program with arguments from a context. */
  constructor(
    private readonly node: FetchNode,
    private readonly number: number,
    private readonly types: SupergraphTypes,
  ) {
    for (const rewrite of node.contextRewrites ?? []) {
      const readers = this.readers.get(rewrite.renameKeyTo) ?? [];
      this.readers.set(rewrite.renameKeyTo, [...readers, compileRead(rewrite, types)]);
    }
  }

  /** The objects at `path` below `root`, by the fetch that carries their values. */
  divide(root: DataObject, path: readonly string[]): ReadonlyMap<CompiledFetch, readonly DataObject[]> {
    const groups = new Map<string, DataObject[]>();
    visitObjects(root, path, 0, [], (lineage) => {
      const object = lineage[lineage.length - 1];
      if (!object) return;
      const values = JSON.stringify([...this.readers.values()].map((readers) => readFirst(readers, lineage)));
      const group = groups.get(values);
      if (group) group.push(object);
      else groups.set(values, [object]);
    });
    return new Map([...groups].map(([values, objects], index) => [this.fetchWith(index, values), objects]));
  }

  private fetchWith(index: number, valuesText: string): CompiledFetch {
    const values: readonly unknown[] = JSON.parse(valuesText);
    const own = new Map(
      [...this.readers.keys()].map((name, at) => [this.nameOf(name, index), JSON.stringify(values[at])]),
    );
    let fetch = this.fetches[index];
    if (!fetch) {
      fetch = compileFetch({ ...this.node, operation: this.operationFor(index) }, this.types);
      this.fetches[index] = fetch;
    }
    const variables = fetch.variables.map((variable) => {
      const ownValue = own.get(JSON.parse(variable.key));
      return ownValue === undefined ? variable : { ...variable, ownValue };
    });
    return { ...fetch, variables };
  }

  /** Fetches that travel in one request must not share a variable. */
  private nameOf(name: string, index: number): string {
    return `${name}_${this.number}_${index}`;
  }

  private operationFor(index: number): string {
    const renamed = visit(parse(this.node.operation, { noLocation: true }), {
      Name: (node, _key, parent) => {
        const isVariable = parent && 'kind' in parent && parent.kind === 'Variable';
        if (!isVariable || !this.readers.has(node.value)) return undefined;
        return { ...node, value: this.nameOf(node.value, index) };
      },
    });
    return stripIgnoredCharacters(print(renamed));
  }
}

/** Null where nothing is found: contextual arguments are nullable. */
function readFirst(readers: readonly Read[], lineage: readonly DataObject[]): unknown {
  for (const read of readers) {
    const value = read(lineage);
    if (value !== undefined) return value;
  }
  return null;
}

/** `['..', '... on Shop', 'address', 'city']`: up to the object around, and down from there. */
function compileRead(rewrite: FetchDataRewrite, types: SupergraphTypes): Read {
  const up = rewrite.path.filter((element) => element === '..').length;
  const down = rewrite.path.slice(up);
  return (lineage) => readPath(lineage[lineage.length - 1 - up], down, 0, types);
}

function readPath(value: unknown, path: readonly string[], index: number, types: SupergraphTypes): unknown {
  const element = path[index];
  if (element === undefined) return value;
  if (Array.isArray(value)) return value.map((item) => readPath(item, path, index, types));
  if (!isDataObject(value)) return value === null ? null : undefined;
  if (!element.startsWith(conditionPrefix)) return readPath(readOwn(value, element), path, index + 1, types);
  const typeName = readOwn(value, '__typename');
  const fits = typeof typeName !== 'string' || types.matches(typeName, element.slice(conditionPrefix.length));
  return fits ? readPath(value, path, index + 1, types) : undefined;
}

/** Visits the objects at a path, each with those that lead to it. */
function visitObjects(
  value: unknown,
  path: readonly string[],
  index: number,
  around: readonly DataObject[],
  visitor: (lineage: readonly DataObject[]) => void,
): void {
  if (Array.isArray(value)) {
    const next = path[index] === '@' ? index + 1 : index;
    for (const item of value) visitObjects(item, path, next, around, visitor);
    return;
  }
  if (!isDataObject(value)) return;
  const lineage = [...around, value];
  const key = path[index];
  if (key === undefined) visitor(lineage);
  else if (key !== '@') visitObjects(readOwn(value, key), path, index + 1, lineage, visitor);
}
