/**
 * Proves that a query plan gives every field what it requires, before the plan is believed: the planner is known to
 * fetch a requirement too late, or a field with requirements where nothing is required. Clock: per document.
 * In: the planner's plain data. Out: the first thing that is wrong with it, or nothing.
 */
import type { FetchNode, PlanNode, QueryPlan, QueryPlanSelectionNode } from '@apollo/query-planner';
import { Kind, parse, type SelectionSetNode } from 'graphql';
import type { SupergraphTypes } from './supergraph-types';

/** What is wrong with a plan, for the log; `undefined` for a sound one. */
export function findPlanDefect(plan: QueryPlan, types: SupergraphTypes): string | undefined {
  if (!plan.node || plan.node.kind === 'Subscription') return undefined;
  return new PlanCheck(types).check(plan.node, [], new Set());
}

/** Paths of fields whose values are there: `users.name`, whatever lists lie between. */
type Available = Set<string>;

class PlanCheck {
  constructor(private readonly types: SupergraphTypes) {}

  /** Walks a node in the order of execution, adding to `available` what it fetches. */
  check(node: PlanNode, path: readonly string[], available: Available): string | undefined {
    switch (node.kind) {
      case 'Fetch':
        return this.checkFetch(node, path, available);
      case 'Flatten':
        return this.check(node.node, [...path, ...node.path.map(String).filter((part) => part !== '@')], available);
      case 'Sequence': {
        for (const child of node.nodes) {
          const defect = this.check(child, path, available);
          if (defect) return defect;
        }
        return undefined;
      }
      case 'Parallel': {
        // Neighbours may rely on what was there before, never on each other.
        const results = node.nodes.map((child) => {
          const own = new Set(available);
          return { defect: this.check(child, path, own), own };
        });
        for (const { own } of results) for (const value of own) available.add(value);
        return results.find(({ defect }) => defect)?.defect;
      }
      default:
        return undefined;
    }
  }

  private checkFetch(node: FetchNode, path: readonly string[], available: Available): string | undefined {
    const late = findMissing(node.requires ?? [], path, available);
    if (late)
      return `${node.serviceName} at ${path.join('.')} requires ${late}, which is fetched too late or not at all`;
    const [operation] = parse(node.operation, { noLocation: true }).definitions;
    if (operation?.kind !== Kind.OPERATION_DEFINITION) return undefined;
    const [entities] = operation.selectionSet.selections;
    if (node.requires && entities?.kind === Kind.FIELD && entities.selectionSet) {
      const given = new Set(node.requires.flatMap(fieldNames));
      return this.checkSelection(node.serviceName, entities.selectionSet, undefined, path, given, available);
    }
    const root = this.types.rootTypeName(node.operationKind);
    return this.checkSelection(node.serviceName, operation.selectionSet, root, path, new Set(), available);
  }

  /** `given`: the names of fields that the subgraph was sent, or provides, for the objects of this selection. */
  private checkSelection(
    subgraph: string,
    set: SelectionSetNode,
    typeName: string | undefined,
    path: readonly string[],
    given: ReadonlySet<string>,
    available: Available,
  ): string | undefined {
    for (const selection of set.selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) continue;
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        const inner = selection.typeCondition?.name.value ?? typeName;
        const defect = this.checkSelection(subgraph, selection.selectionSet, inner, path, given, available);
        if (defect) return defect;
        continue;
      }
      const name = selection.name.value;
      const responseName = selection.alias?.value ?? name;
      available.add([...path, responseName].join('.'));
      // What the planner renames is found under its own name afterwards.
      if (responseName.startsWith(`${name}__alias_`)) available.add([...path, name].join('.'));
      if (typeName === undefined) continue;
      // Its own keys a subgraph knows without being told.
      const known = this.types.keysOf(subgraph, typeName).flat();
      const required = this.types.requiredFields(subgraph, typeName, name).filter((field) => !known.includes(field));
      if (!required.every((field) => given.has(field))) {
        return `${subgraph} is asked for ${typeName}.${name} at ${path.join('.')} without ${required.join(', ')}`;
      }
      if (!selection.selectionSet) continue;
      const provided = new Set(this.types.providedFields(subgraph, typeName, name));
      const inner = this.types.fieldType(typeName, name);
      const below = [...path, responseName];
      const defect = this.checkSelection(subgraph, selection.selectionSet, inner, below, provided, available);
      if (defect) return defect;
    }
    return undefined;
  }
}

function fieldNames(selection: QueryPlanSelectionNode): string[] {
  return selection.kind === 'Field' ? [selection.alias ?? selection.name] : selection.selections.flatMap(fieldNames);
}

/** The path of the first required field that is not available. */
function findMissing(
  selections: readonly QueryPlanSelectionNode[],
  path: readonly string[],
  available: Available,
): string | undefined {
  for (const selection of selections) {
    if (selection.kind === 'InlineFragment') {
      const missing = findMissing(selection.selections, path, available);
      if (missing) return missing;
      continue;
    }
    const below = [...path, selection.alias ?? selection.name];
    if (selection.name !== '__typename' && !available.has(below.join('.'))) return below.join('.');
    const missing = findMissing(selection.selections ?? [], below, available);
    if (missing) return missing;
  }
  return undefined;
}
