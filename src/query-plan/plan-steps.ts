/**
 * An operation -> the plans that answer it, one after the other. In: the operation, read for planning. Out: compiled
 * plans. Clock: per document and values of its condition variables.
 */
import { type FieldNode, isNonNullType } from 'graphql';
import type { PlannedFetch } from './fetch-list';
import type { EntityFetch } from './hidden-keys';
import type { OperationPlanner } from './operation-planner';
import type { Program } from './program';
import type { SelectionShape } from './response-shape';

/** One fetch of a plan, for people. */
export interface FetchOutline {
  /** From 1. */
  readonly id: number;
  readonly subgraph: string;
  /** Where its entities are; empty for root fields. `@`: the items of a list. */
  readonly path: readonly string[];
  /** The fetches that have to be done before. */
  readonly after: readonly number[];
  /** What is asked, in the names that travel. */
  readonly operation: string;
}

export function outlineOf(fetches: readonly PlannedFetch[]): readonly FetchOutline[] {
  return fetches.map(({ node, path, after }, index) => ({
    id: index + 1,
    subgraph: node.serviceName,
    path,
    after: [...after].map((fetch) => fetches.indexOf(fetch) + 1).sort((a, b) => a - b),
    operation: node.operation,
  }));
}

export interface CompiledPlan extends Program {
  readonly outline: readonly FetchOutline[];
  readonly isSingleFetch: boolean;
  /** What was compiled, where an answer may come in parts. */
  readonly fetches: readonly PlannedFetch[] | undefined;
  readonly entityFetches: readonly EntityFetch[];
  /** What keeping it costs. */
  readonly bytes: number;
  /** Characters of the operation that was planned. */
  readonly textLength: number;
}

export interface SerialStep {
  readonly plan: CompiledPlan;
  /** For mutations: the root field, when its null would end the operation. */
  readonly required: SelectionShape | undefined;
}

export interface PlanStepsOptions {
  /** Plans the root fields of these names, or all. Rejects with `ClientError`. */
  readonly plan: (operation: OperationPlanner, rootFields?: ReadonlySet<string>) => Promise<CompiledPlan>;
  /** The response shape of these root fields. */
  readonly shapeOf: (nodes: readonly FieldNode[]) => SelectionShape;
}

/** None for an operation that asks no subgraph. Codes: `QUERY_PLAN_FAILED`, `_TIMEOUT`, `_TOO_LARGE`. */
export async function planSteps(
  operation: OperationPlanner,
  { plan, shapeOf }: PlanStepsOptions,
): Promise<SerialStep[]> {
  const rootFields = operation.rootFields();
  if (rootFields.length === 0) return [];
  const whole = await plan(operation);
  // Mutations run one after the other with all that follows from each, unless one subgraph does all at once.
  if (operation.type !== 'mutation' || rootFields.length === 1 || whole.isSingleFetch) {
    return [{ plan: whole, required: undefined }];
  }
  return Promise.all(
    rootFields.map(async ({ name, type, nodes }) => ({
      plan: await plan(operation, new Set([name])),
      required: isNonNullType(type) ? shapeOf(nodes) : undefined,
    })),
  );
}
