/**
 * A query plan -> a program: nested functions that run fetches in sequence and in parallel and gather their data.
 * In: the planner's plain data. Out: one step. Clock: per document (compiled), per request (run).
 */
import type { PlanNode, QueryPlan, SubscriptionNode } from '@apollo/query-planner';
import type { RequestContext } from '../context/request-context';
import { InternalError } from '../errors';
import type { DataObject } from './data';
import type { Failures } from './failures';
import { compileFetch } from './fetch';
import { clientVariableNameOf } from './planning-operation';
import type { SubgraphCall } from './subgraph-call';
import type { SupergraphTypes } from './supergraph-types';

/** What one execution of a program works on. */
export interface Run {
  readonly root: DataObject;
  readonly failures: Failures;
  /** As the client sent them. */
  readonly variables: Readonly<Record<string, unknown>>;
  readonly context: RequestContext;
  readonly call: SubgraphCall;
}

/** Never rejects for what a subgraph did: that is placed in `run.failures`. */
export type Step = (run: Run) => Promise<void>;

/** Compiles a plan of a query or mutation. */
export function compileProgram(plan: QueryPlan, types: SupergraphTypes): Step {
  if (!plan.node) return async () => {};
  return compileNode(plan.node, [], types);
}

function compileNode(node: PlanNode | SubscriptionNode, path: readonly string[], types: SupergraphTypes): Step {
  switch (node.kind) {
    case 'Fetch':
      return compileFetch(node, path, clientVariableNameOf, types);
    case 'Flatten':
      return compileNode(node.node, [...path, ...node.path.map(String)], types);
    case 'Sequence': {
      const steps = node.nodes.map((child) => compileNode(child, path, types));
      return async (run) => {
        for (const step of steps) await step(run);
      };
    }
    case 'Parallel': {
      const steps = node.nodes.map((child) => compileNode(child, path, types));
      return async (run) => {
        await Promise.all(steps.map((step) => step(run)));
      };
    }
    default:
      // Conditions are decided before planning, and what is planned here is neither deferred nor a subscription.
      throw new InternalError(`the query plan has an unexpected ${node.kind} node`);
  }
}
