/**
 * Conformance fuzzer: the run. Draws graphs and operations from a seed, asks the reference and the gateway, compares.
 * In: options. Out: a summary with the mismatches, each already made small. Deterministic by its seed.
 */

import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';
import { type Answer, compareAnswers, type Difference } from './compare';
import type { GatewayUnderTest, RunningGateway } from './gateways';
import { type Case, generateCase, printCase } from './generate-operation';
import { buildGraph, type Graph } from './graph';
import { minimiseCase } from './minimise';
import { Random } from './random';

export interface FuzzOptions {
  readonly gateway: GatewayUnderTest;
  readonly seed: string;
  readonly cases: number;
  readonly operationsPerGraph: number;
  /** Goes on after the first mismatch. */
  readonly keepGoing: boolean;
  /** One graph only, by its number in the run. */
  readonly graph?: number | undefined;
  /** Makes each kind of mismatch small, at the cost of time. */
  readonly minimise: boolean;
  readonly onProgress?: (summary: Summary) => void;
}

export interface Mismatch {
  readonly graph: Graph;
  readonly case: Case;
  /** `7/12`: graph and operation of the run. */
  readonly place: string;
  readonly difference: Difference;
  readonly expected: Answer;
  readonly got: Answer;
}

export interface Summary {
  cases: number;
  graphs: number;
  /** Draws that did not make a graph, by reason. */
  readonly dropped: Map<string, number>;
  /** Draws that did not make a valid operation. */
  invalid: number;
  mismatches: number;
  /** The first mismatch of each kind, and how many were of it. */
  readonly kinds: Map<string, { readonly first: Mismatch; count: number }>;
}

const timeoutMs = 20_000;

/** Runs the fuzzer to the end, or to the first mismatch. */
export async function runFuzz(options: FuzzOptions): Promise<Summary> {
  const summary: Summary = { cases: 0, graphs: 0, dropped: new Map(), invalid: 0, mismatches: 0, kinds: new Map() };
  const server = await createSubgraphServer({ silent: true });
  try {
    for (let index = options.graph ?? 0; summary.cases < options.cases; index++) {
      await runGraph(options, index, server, summary);
      options.onProgress?.(summary);
      if (options.graph !== undefined || (summary.mismatches > 0 && !options.keepGoing)) break;
    }
  } finally {
    await server.close();
  }
  return summary;
}

async function runGraph(options: FuzzOptions, index: number, server: SubgraphServer, summary: Summary): Promise<void> {
  const seed = `${options.seed}/${index}`;
  const graph = buildGraph(seed, server);
  if ('dropped' in graph) {
    summary.dropped.set(graph.dropped, (summary.dropped.get(graph.dropped) ?? 0) + 1);
    return;
  }
  summary.graphs++;
  const gateway = await options.gateway.start(graph.supergraphSdl);
  try {
    for (let operation = 0; operation < options.operationsPerGraph && summary.cases < options.cases; operation++) {
      const drawn = generateCase(graph.reference.schema, new Random(`${seed}/${operation}`));
      if (!drawn) {
        summary.invalid++;
        continue;
      }
      summary.cases++;
      const mismatch = await runCase(graph, gateway, drawn, `${index}/${operation}`);
      if (!mismatch) continue;
      summary.mismatches++;
      await record(options, summary, mismatch, gateway);
      if (!options.keepGoing) return;
    }
  } finally {
    await gateway.stop();
    server.unmount(seed.replace(/\W/g, '-'));
  }
}

async function record(
  options: FuzzOptions,
  summary: Summary,
  mismatch: Mismatch,
  gateway: RunningGateway,
): Promise<void> {
  const small = options.minimise ? await minimiseCase(mismatch, (drawn) => again(mismatch, gateway, drawn)) : mismatch;
  const kind = small.difference.fingerprint;
  const known = summary.kinds.get(kind);
  if (known) known.count++;
  if (!known) summary.kinds.set(kind, { first: small, count: 1 });
}

function again(mismatch: Mismatch, gateway: RunningGateway, drawn: Case): Promise<Mismatch | undefined> {
  return runCase(mismatch.graph, gateway, drawn, mismatch.place);
}

/** Asks both and compares; the mismatch, if it is one. */
export async function runCase(
  graph: Graph,
  gateway: RunningGateway,
  drawn: Case,
  place: string,
): Promise<Mismatch | undefined> {
  const { counter } = graph.world;
  counter.mutations = 0;
  counter.log.length = 0;
  const expected = await graph.reference.execute(drawn.document, structuredClone(drawn.variables), drawn.operationName);
  const expectedLog = counter.log.join('\n');
  counter.mutations = 0;
  counter.log.length = 0;
  const got = await ask(gateway, drawn);
  const mutationsDiffer = counter.log.join('\n') !== expectedLog;
  const difference =
    compareAnswers(expected, got) ??
    (mutationsDiffer
      ? {
          kind: 'mutations',
          fingerprint: 'other mutations ran',
          detail: `${expectedLog}\nbut:\n${counter.log.join('\n')}`,
        }
      : undefined);
  return difference && { graph, case: drawn, place, difference, expected, got };
}

async function ask(gateway: RunningGateway, drawn: Case): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Answer>((resolve) => {
    timer = setTimeout(() => resolve({ errors: [{ message: 'no answer in time' }] }), timeoutMs);
  });
  try {
    const answer = gateway.execute(printCase(drawn), structuredClone(drawn.variables), drawn.operationName);
    return await Promise.race([answer, late]);
  } catch (error) {
    return { errors: [{ message: `thrown: ${error instanceof Error ? error.message : String(error)}` }] };
  } finally {
    clearTimeout(timer);
  }
}
