/**
 * The planner thread: a worker that composes subgraphs, loads supergraphs and plans operations, one message at a time.
 * In and out: plain data, by the types below. Clock: per supergraph and per document.
 * The only file that knows Apollo's composition and planner. Import its types alone: loading it loads all of Apollo's.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { composeServices } from '@apollo/composition';
import {
  MutableSelectionSet,
  operationFromDocument,
  type Schema,
  SelectionSet,
  SelectionSetUpdates,
  type ServiceDefinition,
  Supergraph,
} from '@apollo/federation-internals';
import { QueryGraph } from '@apollo/query-graphs';

import wayFunctions = require('@apollo/query-graphs/dist/graphPath');

import {
  type FetchNode,
  type PlanNode,
  type QueryPlan,
  QueryPlanner,
  type SubscriptionNode,
} from '@apollo/query-planner';
import { GraphQLError, parse, printSchema, Source } from 'graphql';
import { Brake, Stopped, TooMuchMemory } from './brake';
import { carryCacheHints } from './carried-hints';
import { type CompositionHintIssue, type CompositionIssue, toHintIssue, toIssues } from './composition-issues';
import { findLostDirectives } from './own-directives';
import { applyAliases } from './plan-aliases';
import { toPlanningDocument } from './planning-sdl';
import { limitWays } from './planning-ways';
import { findPolicyIssues } from './policy-issues';

export interface SubgraphSdl {
  readonly name: string;
  readonly url: string;
  readonly sdl: string;
}

export interface PlanLimits {
  readonly maxEvaluatedPlans: number;
  /** Ways to reach one selection. */
  readonly maxPaths: number;
  /** Fetches of one plan. */
  readonly maxFetches: number;
  /** Fetches of one plan that wait for one another. */
  readonly maxDepth: number;
}

export type PlannerRequest =
  | {
      readonly kind: 'compose';
      readonly subgraphs: readonly SubgraphSdl[];
      /** Names that `@rateLimit(tier:)` may have; undefined: any. */
      readonly tiers?: readonly string[] | undefined;
    }
  | {
      readonly kind: 'open';
      readonly generationId: number;
      readonly supergraphSdl: string;
      readonly limits: PlanLimits;
    }
  | {
      readonly kind: 'plan';
      readonly generationId: number;
      /** One operation. */
      readonly document: string;
      /** The labels of progressive overrides that are on. */
      readonly overrideLabels: readonly string[];
    }
  | { readonly kind: 'close'; readonly generationId: number };

export type PlannerResponse =
  | { readonly kind: 'composed'; readonly supergraphSdl: string; readonly hints: readonly CompositionHintIssue[] }
  | { readonly kind: 'not-composed'; readonly errors: readonly CompositionIssue[] }
  | {
      readonly kind: 'opened';
      readonly apiSchemaSdl: string;
      readonly subgraphs: readonly { readonly name: string; readonly url: string }[];
    }
  | {
      readonly kind: 'not-opened';
      readonly message: string;
      readonly line?: number | undefined;
      readonly column?: number | undefined;
    }
  /** JSON text of a `QueryPlan`: cheaper to hand over than a structured clone, and proof that it is plain data. */
  | { readonly kind: 'planned'; readonly plan: string }
  | {
      readonly kind: 'not-planned';
      readonly code: 'QUERY_PLAN_FAILED' | 'QUERY_PLAN_TOO_LARGE' | 'GENERATION_NOT_OPEN';
      readonly message: string;
    }
  | { readonly kind: 'closed' };

interface Generation {
  readonly planner: QueryPlanner;
  /** What operations are written in: clients cannot see all of it. */
  readonly schema: Schema;
  readonly limits: PlanLimits;
}

/** Answers requests in order; every failure is an answer. Throws `Stopped` alone. */
function createPlannerService(): (request: PlannerRequest) => PlannerResponse {
  const generations = new Map<number, Generation>();
  return (request) => {
    switch (request.kind) {
      case 'compose':
        return compose(request.subgraphs, request.tiers);
      case 'open':
        return open(generations, request.generationId, request.supergraphSdl, request.limits);
      case 'plan':
        return plan(generations.get(request.generationId), request);
      case 'close':
        generations.delete(request.generationId);
        return { kind: 'closed' };
    }
  };
}

function compose(subgraphs: readonly SubgraphSdl[], tiers: readonly string[] | undefined): PlannerResponse {
  const services: ServiceDefinition[] = [];
  const errors: CompositionIssue[] = [];
  for (const { name, url, sdl } of subgraphs) {
    try {
      const typeDefs = parse(new Source(sdl, name));
      const service = { name, url, typeDefs };
      services.push(service);
      errors.push(...findLostDirectives(name, typeDefs), ...findPolicyIssues(service, tiers));
    } catch (error) {
      const { line, column } = (error instanceof GraphQLError && error.locations?.[0]) || { line: 1, column: 1 };
      errors.push({
        code: 'INVALID_GRAPHQL',
        message: messageOf(error),
        locations: [{ subgraph: name, line, column }],
      });
    }
  }
  if (errors.length > 0) return { kind: 'not-composed', errors };
  try {
    const result = composeServices(services);
    if (result.errors !== undefined) return { kind: 'not-composed', errors: toIssues(result.errors, services) };
    return {
      kind: 'composed',
      supergraphSdl: carryCacheHints(
        result.supergraphSdl,
        services.map(({ typeDefs }) => typeDefs),
      ),
      hints: result.hints.map((hint) => toHintIssue(hint, services)),
    };
  } catch (error) {
    return { kind: 'not-composed', errors: [{ code: 'COMPOSITION_FAILED', message: messageOf(error), locations: [] }] };
  }
}

function open(
  generations: Map<number, Generation>,
  id: number,
  supergraphSdl: string,
  limits: PlanLimits,
): PlannerResponse {
  try {
    const options = { supportedFeatures: null, validateSupergraph: false };
    const supergraph = Supergraph.build(supergraphSdl, options);
    const planned = Supergraph.build(toPlanningDocument(supergraphSdl), options);
    const planner = new QueryPlanner(planned, {
      // Fragments are expanded (limits count them so): finding where to reuse them costs time without bound.
      reuseQueryFragments: false,
      generateQueryFragments: false,
      debug: { maxEvaluatedPlans: limits.maxEvaluatedPlans, pathsLimit: limits.maxPaths },
    });
    const apiSchemaSdl = printSchema(supergraph.apiSchema().toGraphQLJSSchema({ includeDefer: true }));
    generations.set(id, { planner, schema: planned.schema, limits });
    return {
      kind: 'opened',
      apiSchemaSdl,
      subgraphs: supergraph.subgraphsMetadata().map(({ name, url }) => ({ name, url })),
    };
  } catch (error) {
    const position = error instanceof GraphQLError ? error.locations?.[0] : undefined;
    return { kind: 'not-opened', message: messageOf(error), line: position?.line, column: position?.column };
  }
}

function plan(
  generation: Generation | undefined,
  { document, overrideLabels }: Extract<PlannerRequest, { kind: 'plan' }>,
): PlannerResponse {
  if (generation === undefined)
    return { kind: 'not-planned', code: 'GENERATION_NOT_OPEN', message: 'the supergraph is not loaded' };
  const { planner, schema, limits } = generation;
  try {
    const operation = operationFromDocument(schema, parse(document));
    limitEvaluations(planner, limits, document);
    const overrideConditions = new Map(overrideLabels.map((label) => [label, true]));
    const queryPlan = planner.buildQueryPlan(operation, { overrideConditions });
    const { fetches, depth } = measure(queryPlan.node);
    if (fetches > limits.maxFetches)
      return tooLarge(`${fetches} fetches, and at most ${limits.maxFetches} are allowed`);
    if (depth > limits.maxDepth)
      return tooLarge(`${depth} fetches one after another, and at most ${limits.maxDepth} are allowed`);
    let plan = JSON.stringify(queryPlan satisfies QueryPlan);
    if (plan.includes('"outputRewrites"')) plan = JSON.stringify(queryPlan, mendFetch);
    if (plan.length > maxPlanLength) return tooLarge('a longer text than is allowed');
    return { kind: 'planned', plan };
  } catch (error) {
    if (error instanceof Stopped) throw error;
    if (error instanceof TooMuchMemory) return tooLarge('more memory than is allowed');
    // The planner has no other way to say so.
    if (messageOf(error).startsWith('Too many options generated')) return tooLarge('more choices than are allowed');
    return { kind: 'not-planned', code: 'QUERY_PLAN_FAILED', message: messageOf(error) };
  }
}

/** The planner takes one limit for all operations, and to compare two plans takes the longer the larger they are. */
function limitEvaluations(planner: QueryPlanner, { maxEvaluatedPlans }: PlanLimits, document: string): void {
  const share = Math.min(1, fullyComparedLength / document.length);
  // biome-ignore lint/complexity/useLiteralKeys: the planner has no other place for it.
  Object.assign(planner['config'].debug, { maxEvaluatedPlans: Math.ceil(maxEvaluatedPlans * share) });
}

/** Characters of an operation for which as many plans are compared as are allowed. */
const fullyComparedLength = 100;

/** A replacer for `JSON.stringify`. */
function mendFetch(_key: string, value: unknown): unknown {
  return isFetch(value) ? applyAliases(value) : value;
}

function isFetch(value: unknown): value is FetchNode {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Fetch';
}

/** Characters: the main thread reads it at once. */
const maxPlanLength = 500_000;

function tooLarge(reason: string): PlannerResponse {
  return {
    kind: 'not-planned',
    code: 'QUERY_PLAN_TOO_LARGE',
    message: `The query plan of the operation needs ${reason}.`,
  };
}

interface PlanSize {
  readonly fetches: number;
  /** Fetches on the longest chain. */
  readonly depth: number;
}

function measure(node: PlanNode | SubscriptionNode | undefined): PlanSize {
  switch (node?.kind) {
    case undefined:
      return { fetches: 0, depth: 0 };
    case 'Fetch':
      return { fetches: 1, depth: 1 };
    case 'Flatten':
      return measure(node.node);
    case 'Sequence':
      return inSequence(node.nodes.map(measure));
    case 'Parallel':
      return inParallel(node.nodes.map(measure));
    case 'Condition':
      return inParallel([measure(node.ifClause), measure(node.elseClause)]);
    case 'Defer':
      return inSequence([
        measure(node.primary.node),
        inParallel(node.deferred.map((deferred) => measure(deferred.node))),
      ]);
    case 'Subscription':
      return inSequence([measure(node.primary), measure(node.rest)]);
  }
}

function inSequence(sizes: readonly PlanSize[]): PlanSize {
  return { fetches: sum(sizes.map(({ fetches }) => fetches)), depth: sum(sizes.map(({ depth }) => depth)) };
}

function inParallel(sizes: readonly PlanSize[]): PlanSize {
  return {
    fetches: sum(sizes.map(({ fetches }) => fetches)),
    depth: sizes.reduce((most, { depth }) => Math.max(most, depth), 0),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Where the planner is all the time, whether it looks for ways, compares them or makes fetches of them. */
function createBrake(memory: SharedArrayBuffer): Brake {
  const brake = new Brake(memory);
  brake.addPlace(QueryGraph.prototype, 'outEdges');
  brake.addPlace(SelectionSet.prototype, 'isEmpty');
  brake.addPlace(SelectionSetUpdates.prototype, 'isEmpty');
  for (const name of ['get', 'clone', 'updates'] as const) brake.addPlace(MutableSelectionSet.prototype, name);
  return brake;
}

if (parentPort !== null) {
  const port = parentPort;
  const answer = createPlannerService();
  limitWays(wayFunctions);
  const brake = createBrake(workerData);
  port.on('message', ({ id, request }: { id: number; request: PlannerRequest }) => {
    try {
      const response = request.kind === 'plan' ? brake.run(id, () => answer(request)) : answer(request);
      port.postMessage({ kind: 'answer', id, response });
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      port.postMessage({ kind: 'stopped', id });
    }
    // A thread that waits for the next supergraph holds nothing of the last one.
    if (request.kind === 'close') brake.collectAllGarbage();
    else brake.collectGarbage();
  });
  port.postMessage({ kind: 'ready' });
}
