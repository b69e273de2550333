/**
 * Parts of an operation that must not be planned together, because they require one field with different arguments
 * and the planner would fetch one value for both. Clock: per document.
 */
import type { ArgumentRequirements } from './supergraph-types';

/** What one plan answers of an operation. */
export interface OperationPart {
  /** Fields (coordinates) with requirements that belong to this part. */
  readonly own: ReadonlySet<string>;
  /** Those that belong to the others. */
  readonly others: ReadonlySet<string>;
  /** Whether it answers the rest of the operation too. */
  readonly hasRest: boolean;
}

/**
 * Shares the fields with requirements among as few parts as it easily can. One part, or none, when nothing conflicts.
 * `['Product.dollars', 'Product.pounds']` -> two parts, the first with the rest of the operation.
 */
export function divideOperation(used: Iterable<string>, requirements: ArgumentRequirements): OperationPart[] {
  const groups: { readonly own: Set<string>; readonly values: Map<string, string> }[] = [];
  const all = new Set(used);
  for (const coordinate of all) {
    const own = requirements.get(coordinate);
    if (!own) continue;
    const fits = ({ values }: { readonly values: ReadonlyMap<string, string> }) =>
      [...own].every(([name, value]) => (values.get(name) ?? value) === value);
    let group = groups.find(fits);
    if (!group) {
      group = { own: new Set(), values: new Map() };
      groups.push(group);
    }
    group.own.add(coordinate);
    for (const [name, value] of own) group.values.set(name, value);
  }
  return toParts(groups.map(({ own }) => own));
}

/** Every field with requirements in a part of its own: another formulation, when the planner fails at the whole. */
export function divideWholly(used: Iterable<string>): OperationPart[] {
  return toParts([...new Set(used)].map((coordinate) => new Set([coordinate])));
}

function toParts(groups: readonly ReadonlySet<string>[]): OperationPart[] {
  const all = groups.flatMap((own) => [...own]);
  return groups.map((own, index) => ({
    own,
    others: new Set(all.filter((coordinate) => !own.has(coordinate))),
    hasRest: index === 0,
  }));
}
