/**
 * Conformance fuzzer: the run. Draws graphs and operations from a seed, asks the reference and the gateway, compares.
 * In: options. Out: a summary with the mismatches, each already made small. Deterministic by its seed.
 */

import { createSubgraphServer, type LoggedRequest, type SubgraphServer } from '../support/subgraph-server';
import { type Case, isMutation, printCase } from './case';
import { type Answer, compareAnswers, type Difference, type ExpectedAnswer, refusalOf } from './compare';
import type { GatewayUnderTest, RunningGateway } from './gateways';
import { generateCase } from './generate-operation';
import { buildGraph, composeGraph, type Graph } from './graph';
import { minimiseCase } from './minimise';
import { minimiseGraph } from './minimise-graph';
import { hashOf, Random } from './random';

export interface FuzzOptions {
  readonly gateway: GatewayUnderTest;
  /** Asked what the gateway got wrong: tells defects that both have from those of one. */
  readonly beside?: GatewayUnderTest | undefined;
  readonly seed: string;
  readonly cases: number;
  readonly operationsPerGraph: number;
  /** Goes on after the first mismatch. */
  readonly keepGoing: boolean;
  /** One graph only, by its number in the run. */
  readonly graph?: number | undefined;
  /** One operation of that graph only. */
  readonly operation?: number | undefined;
  /** What is made small of the first mismatch of each kind: that takes time. */
  readonly minimise: 'nothing' | 'operation' | 'graph';
  /** Told of every mismatch and refusal, as it is found. */
  readonly onFound?: (found: Mismatch) => void;
  /** Told of the first mismatch of each kind, made small. */
  readonly onMismatch?: (mismatch: Mismatch) => void;
  readonly onProgress?: (summary: Summary) => void;
}

export interface Mismatch {
  readonly graph: Graph;
  readonly case: Case;
  /** `7/12`: graph and operation of the run. */
  readonly place: string;
  readonly difference: Difference;
  readonly expected: ExpectedAnswer;
  readonly got: Answer;
  /** What the gateway asked the subgraphs. */
  readonly requests: readonly LoggedRequest[];
  /** What it is counted under; the fingerprint when it has no other. */
  readonly group?: string;
}

export interface Summary {
  cases: number;
  graphs: number;
  /** Draws that did not make a graph, by reason. */
  readonly dropped: Map<string, number>;
  /** Draws that did not make a valid operation. */
  invalid: number;
  /** Operations that were refused with an error of planning: no wrong answers, and no right ones. */
  refusals: number;
  /** Of those, the ones that ran out of time. */
  late: number;
  /** Refusals by code (and what the other gateway did), with the first of each. */
  readonly refused: Map<string, { readonly first: Mismatch; count: number }>;
  mismatches: number;
  /** The first mismatch of each kind, and how many were of it. */
  readonly kinds: Map<string, { readonly first: Mismatch; count: number }>;
}

const timeoutMs = 60_000;

/** Queries under way at once. */
const atOnce = 6;

/** Some answers come later than others, so that they are joined in all orders: how much is a function of the request. */
async function answerLate({ query, variables }: LoggedRequest): Promise<undefined> {
  const waitMs = [0, 0, 0, 1, 3, 8][hashOf(query + JSON.stringify(variables)) % 6];
  if (waitMs) await new Promise((resolve) => setTimeout(resolve, waitMs));
}

/** Runs the fuzzer to the end, or to the first mismatch. */
export async function runFuzz(options: FuzzOptions): Promise<Summary> {
  const summary: Summary = {
    cases: 0,
    graphs: 0,
    dropped: new Map(),
    invalid: 0,
    refusals: 0,
    late: 0,
    refused: new Map(),
    mismatches: 0,
    kinds: new Map(),
  };
  const server = await createSubgraphServer({ intercept: answerLate });
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
    const late = () => summary.late;
    const before = late();
    for (const batch of batchesOf(drawCases(options, graph, index, summary))) {
      const found = await runBatch({ graph, gateway, server }, batch);
      for (const one of found) options.onFound?.(one);
      const mismatches = found.filter(({ got }) => !refusalOf(got));
      summary.cases += batch.length;
      for (const refusal of found.filter((one) => !mismatches.includes(one))) {
        await countRefusal(options, summary, refusal, { graph, gateway, server });
      }
      summary.mismatches += mismatches.length;
      for (const mismatch of mismatches) {
        const told = await compareBeside(options, { graph, gateway, server }, mismatch);
        await record(options, summary, told, { graph, gateway, server });
      }
      if (mismatches.length > 0 && !options.keepGoing) return;
      // A graph on which planning takes too long again and again is left.
      if (late() - before > 2) return;
    }
  } finally {
    await gateway.stop();
    server.unmount(seed.replace(/\W/g, '-'));
  }
}

interface PlacedCase {
  readonly place: string;
  readonly drawn: Case;
}

function drawCases(options: FuzzOptions, graph: Graph, index: number, summary: Summary): PlacedCase[] {
  const cases: PlacedCase[] = [];
  const wanted = Math.min(options.operationsPerGraph, options.cases - summary.cases);
  const last = options.operation === undefined ? options.operationsPerGraph : options.operation + 1;
  for (let operation = options.operation ?? 0; operation < last && cases.length < wanted; operation++) {
    const drawn = generateCase(graph.reference.schema, new Random(`${graph.seed}/${operation}`));
    if (drawn) cases.push({ place: `${index}/${operation}`, drawn });
    else summary.invalid++;
  }
  return cases;
}

/** Queries that may run at once; each mutation alone, since mutations count. */
function batchesOf(cases: readonly PlacedCase[]): PlacedCase[][] {
  const batches: PlacedCase[][] = [];
  let open: PlacedCase[] = [];
  for (const one of cases) {
    const mutation = isMutation(one.drawn);
    if (open.length > 0 && (mutation || open.length === atOnce)) {
      batches.push(open);
      open = [];
    }
    if (mutation) batches.push([one]);
    else open.push(one);
  }
  if (open.length > 0) batches.push(open);
  return batches;
}

/** Runs cases at once. A mismatch is asked again alone: then its subgraph requests are known. */
async function runBatch(bench: Bench, batch: readonly PlacedCase[]): Promise<Mismatch[]> {
  const results = await Promise.all(batch.map(({ drawn, place }) => runCase(bench, drawn, place)));
  const mismatches: Mismatch[] = [];
  for (const found of results) {
    if (!found) continue;
    if (refusalOf(found.got)) {
      mismatches.push(found);
      continue;
    }
    const alone = await runCase(bench, found.case, found.place);
    const { difference } = found;
    const together = { ...difference, fingerprint: `only beside others: ${difference.fingerprint}` };
    mismatches.push(alone ?? { ...found, difference: together });
  }
  return mismatches;
}

async function countRefusal(options: FuzzOptions, summary: Summary, refusal: Mismatch, bench: Bench): Promise<void> {
  const code = refusalOf(refusal.got)!;
  summary.refusals++;
  if (code === 'QUERY_PLAN_TIMEOUT') summary.late++;
  const fingerprint = { ...refusal.difference, fingerprint: `refused: ${code}` };
  const told = await compareBeside(options, bench, { ...refusal, difference: fingerprint });
  const group = told.group ?? told.difference.fingerprint;
  const known = summary.refused.get(group);
  if (known) {
    known.count++;
    return;
  }
  const first = { ...told, group };
  summary.refused.set(group, { first, count: 1 });
  options.onMismatch?.(first);
}

/** Says in the fingerprint whether the other gateway is wrong as well. */
async function compareBeside({ beside }: FuzzOptions, bench: Bench, mismatch: Mismatch): Promise<Mismatch> {
  if (!beside) return mismatch;
  const gateway = await beside.start(bench.graph.supergraphSdl);
  try {
    const other = await runCase({ ...bench, gateway }, mismatch.case, mismatch.place);
    const silent = other && refusalOf(other.got) ? 'gave up' : 'too';
    const suffix = `${beside.name} ${other ? silent : 'right'}`;
    return { ...mismatch, group: `${mismatch.difference.fingerprint} [${suffix}]` };
  } finally {
    await gateway.stop();
  }
}

/** Counts a mismatch; the first of its kind is made small. */
async function record(options: FuzzOptions, summary: Summary, mismatch: Mismatch, bench: Bench): Promise<void> {
  const group = mismatch.group ?? mismatch.difference.fingerprint;
  const known = summary.kinds.get(group);
  if (known) {
    known.count++;
    return;
  }
  let small = mismatch;
  // Of very many kinds only the first are worth the time.
  const worthIt = summary.kinds.size < 40;
  if (options.minimise !== 'nothing' && worthIt) {
    small = await minimiseCase(small, (drawn) => runCase(bench, drawn, mismatch.place));
  }
  if (options.minimise === 'graph' && worthIt) {
    const reduced = small;
    small = await minimiseGraph(reduced, (subgraphs) => tryDivision(options, bench.server, reduced, subgraphs));
  }
  small = { ...small, group };
  summary.kinds.set(group, { first: small, count: 1 });
  options.onMismatch?.(small);
}

/** Asks the same of a gateway over other subgraphs, if they compose. */
async function tryDivision(
  options: FuzzOptions,
  server: SubgraphServer,
  mismatch: Mismatch,
  subgraphs: ReadonlyMap<string, string>,
): Promise<Mismatch | undefined> {
  const group = 'smaller';
  const composed = composeGraph(mismatch.graph.world, subgraphs, group, server);
  if ('dropped' in composed) return undefined;
  const graph: Graph = { ...mismatch.graph, subgraphs, supergraphSdl: composed.supergraphSdl };
  const gateway = await options.gateway.start(graph.supergraphSdl);
  try {
    return await runCase({ graph, gateway, server }, mismatch.case, mismatch.place);
  } finally {
    await gateway.stop();
    server.unmount(group);
  }
}

/** What a case runs on. */
export interface Bench {
  readonly graph: Graph;
  readonly gateway: RunningGateway;
  readonly server: SubgraphServer;
}

/** Asks both and compares; the mismatch, if it is one. */
export async function runCase(bench: Bench, drawn: Case, place: string): Promise<Mismatch | undefined> {
  const { graph, gateway, server } = bench;
  const { counter } = graph.world;
  counter.mutations = 0;
  counter.log.length = 0;
  const expected = await graph.reference.execute(drawn.document, structuredClone(drawn.variables), drawn.operationName);
  const expectedLog = counter.log.join('\n');
  counter.mutations = 0;
  counter.log.length = 0;
  server.requests.length = 0;
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
  return difference && { graph, case: drawn, place, difference, expected, got, requests: [...server.requests] };
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
