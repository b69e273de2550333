/**
 * Rewrites that the planner attaches to a fetch: renamed keys in what comes back (two types of one selection whose
 * fields could not share a name), set values in what is sent (`__typename` of an `@interfaceObject`).
 * In: rewrites of a plan. Out: functions that change data in place. Clock: per document (compiled), per request (run).
 */
import type { FetchDataRewrite } from '@apollo/query-planner';
import { type DataObject, isDataObject, mergeValue, readOwn } from './data';
import type { SupergraphTypes } from './supergraph-types';

export type Rewrite = (value: DataObject) => void;

const conditionPrefix = '... on ';

/** One function for all rewrites of a fetch, or `undefined` when there are none. */
export function compileRewrites(
  rewrites: readonly FetchDataRewrite[] | undefined,
  types: SupergraphTypes,
): Rewrite | undefined {
  if (!rewrites || rewrites.length === 0) return undefined;
  // The deepest first: a path may lead through a key that another rewrite renames.
  const steps = [...rewrites]
    .sort((a, b) => b.path.length - a.path.length)
    .map((rewrite) => compileRewrite(rewrite, types));
  return (value) => {
    for (const step of steps) step(value);
  };
}

function compileRewrite(rewrite: FetchDataRewrite, types: SupergraphTypes): Rewrite {
  const last = rewrite.path[rewrite.path.length - 1] ?? '';
  const change: Rewrite =
    rewrite.kind === 'ValueSetter'
      ? (object) => {
          object[last] = rewrite.setValueTo;
        }
      : (object) => {
          if (!Object.hasOwn(object, last)) return;
          // Of an interface and of one of its objects the same may be asked under both names.
          const known = readOwn(object, rewrite.renameKeyTo);
          object[rewrite.renameKeyTo] = known === undefined ? object[last] : mergeValue(known, object[last], types);
          delete object[last];
        };
  return rewrite.path.slice(0, -1).reduceRight<Rewrite>((next, element) => enter(element, next, types), change);
}

function enter(element: string, next: Rewrite, types: SupergraphTypes): Rewrite {
  if (element.startsWith(conditionPrefix)) {
    const condition = element.slice(conditionPrefix.length);
    return (object) => {
      const typeName = readOwn(object, '__typename');
      if (typeof typeName !== 'string' || types.matches(typeName, condition)) next(object);
    };
  }
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) visit(item);
    else if (isDataObject(value)) next(value);
  };
  return (object) => visit(readOwn(object, element));
}
