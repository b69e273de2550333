/**
 * Conformance fuzzer: a mismatch as text that a person can work with: where it came from, what was asked, what was
 * right, what came, and how Apollo plans it.
 */
import { operationFromDocument, Supergraph } from '@apollo/federation-internals';
import { prettyFormatQueryPlan, QueryPlanner } from '@apollo/query-planner';
import type { LoggedRequest } from '../support/subgraph-server';
import { printCase } from './case';
import type { Mismatch, Summary } from './run';

/** The whole story of one mismatch. */
export function describeMismatch(
  mismatch: Mismatch,
  run: { seed: string; gateway: string; withPlan: boolean },
): string {
  const { graph, case: drawn, difference, expected, got, place } = mismatch;
  const [index, operation] = place.split('/');
  return [
    `${difference.detail}`,
    `again: npm run fuzz -- --gateway ${run.gateway} --seed ${run.seed} --graph ${index} --operation ${operation}`,
    `weather: ${JSON.stringify(graph.world.weather)}`,
    `operation${drawn.operationName ? ` ${drawn.operationName}` : ''}:\n${printCase(drawn)}`,
    `variables: ${JSON.stringify(drawn.variables)}`,
    `expected: ${JSON.stringify({ data: expected.data, errors: expected.errors })}`,
    `got:      ${JSON.stringify(got)}`,
    ...[...graph.subgraphs].map(([name, sdl]) => `--- subgraph ${name}\n${sdl}`),
    ...mismatch.requests.map(describeRequest),
    // Planning has no limits here: it is left to the run of the one operation.
    ...(run.withPlan ? [`--- Apollo's plan\n${planOf(mismatch)}`] : []),
  ].join('\n');
}

function describeRequest({ subgraph, query, variables, answer }: LoggedRequest): string {
  return `>>> ${subgraph}: ${query} ${JSON.stringify(variables)}\n<<< ${answer ?? '(no answer)'}`;
}

/** Apollo's plan for the client's operation: ours may be another. */
function planOf({ graph, case: drawn }: Mismatch): string {
  try {
    const supergraph = Supergraph.build(graph.supergraphSdl, { supportedFeatures: null });
    const options = drawn.operationName ? { operationName: drawn.operationName } : {};
    const operation = operationFromDocument(supergraph.apiSchema(), drawn.document, options);
    return prettyFormatQueryPlan(new QueryPlanner(supergraph).buildQueryPlan(operation));
  } catch (error) {
    return String(error);
  }
}

/** Counts, and the kinds of mismatch by how often they came. */
export function describeSummary(summary: Summary): string {
  const dropped = [...summary.dropped.values()].reduce((sum, count) => sum + count, 0);
  const share = Math.round((100 * dropped) / Math.max(1, dropped + summary.graphs));
  const reasons = [...summary.dropped].map(([reason, count]) => `${reason} ${count}`).join(', ');
  const kinds = [...summary.kinds].sort(([, a], [, b]) => b.count - a.count);
  return [
    `${summary.cases} cases over ${summary.graphs} graphs; ${share} % of the draws dropped (${reasons || 'none'}); ` +
      `${summary.invalid} invalid operations; ${summary.refusals} refused; ${summary.mismatches} mismatches of ${kinds.length} kinds`,
    ...[...summary.refused].map(
      ([kind, { count, first }]) => `${String(count).padStart(6)}  ${kind}  (first at ${first.place})`,
    ),
    ...kinds.map(([kind, { count, first }]) => `${String(count).padStart(6)}  ${kind}  (first at ${first.place})`),
  ].join('\n');
}
