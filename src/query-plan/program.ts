/**
 * A query plan -> a program: nested functions that run fetches in sequence and in parallel and gather their data.
 * In: the planner's plain data. Out: one step. Clock: per document (compiled), per request (run).
 */
import type { FetchNode, PlanNode, QueryPlan, SubscriptionNode } from '@apollo/query-planner';
import type { RequestContext } from '../context/request-context';
import { ClientError, InternalError } from '../errors';
import type { DataObject } from './data';
import { entityStep } from './entity-fetch';
import type { EntityLoader } from './entity-loader';
import type { Failures } from './failures';
import { type CompiledFetch, compileFetch, rootStep } from './fetch';
import { compileRepresentation } from './representations';
import { compileRewrites } from './rewrites';
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
  readonly entities: EntityLoader;
}

/** Never rejects for what a subgraph did: that is placed in `run.failures`. */
export type Step = (run: Run) => Promise<void>;

/** Compiles a plan of a query or mutation. */
export function compileProgram(plan: QueryPlan, types: SupergraphTypes): Step {
  if (!plan.node) return async () => {};
  return new ProgramCompiler(types).compile(plan.node, []);
}

class ProgramCompiler {
  /** Entity fetches by what they ask of whom: equal ones are one object, so that their answers are shared. */
  private readonly entityFetches = new Map<string, CompiledFetch>();

  constructor(private readonly types: SupergraphTypes) {}

  compile(node: PlanNode | SubscriptionNode, path: readonly string[]): Step {
    switch (node.kind) {
      case 'Fetch':
        return this.compileFetch(node, path);
      case 'Flatten':
        return this.compile(node.node, [...path, ...node.path.map(String)]);
      case 'Sequence': {
        const steps = node.nodes.map((child) => this.compile(child, path));
        return async (run) => {
          for (const step of steps) await step(run);
        };
      }
      case 'Parallel': {
        const steps = node.nodes.map((child) => this.compile(child, path));
        return async (run) => {
          await Promise.all(steps.map((step) => step(run)));
        };
      }
      default:
        // Conditions are decided before planning, and what is planned here is neither deferred nor a subscription.
        throw new InternalError(`the query plan has an unexpected ${node.kind} node`);
    }
  }

  private compileFetch(node: FetchNode, path: readonly string[]): Step {
    const { types } = this;
    // Without its value an argument from a context would be answered wrongly, or from a variable of the client.
    if (node.contextRewrites?.length) {
      throw new ClientError(
        'QUERY_PLAN_FAILED',
        'The operation needs arguments from a context, which are not supported.',
      );
    }
    const fetch = compileFetch(node, types);
    if (!node.requires) return rootStep(fetch, path, types);
    const identity = [
      fetch.subgraph,
      fetch.selectionText,
      ...fetch.variables.map(({ definition }) => definition),
    ].join();
    const known = this.entityFetches.get(identity) ?? fetch;
    this.entityFetches.set(identity, known);
    const rewriteInput = compileRewrites(node.inputRewrites, types);
    return entityStep(known, path, compileRepresentation(fetch.subgraph, node.requires, rewriteInput, types), types);
  }
}
