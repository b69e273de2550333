/**
 * `npm run fuzz -- --cases N --seed S [--gateway ours|deferring|stock] [--keep-going] [--beside] [--minimise operation|graph] [--graph G [--operation O]] [--report FILE]`
 * The long run of the conformance fuzzer. Exit code 1 when an answer was wrong, or an operation was refused with a QUERY_PLAN_ code: these are
 * counted apart. `--beside` tells whether the stock gateway answers what was found, `--minimise` makes it small.
 */
import { appendFileSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type GatewayUnderTest, ourDeferringGateway, ourGateway, stockGateway } from './gateways';
import { describeMismatch, describeSummary } from './report';
import { type FuzzOptions, runFuzz } from './run';

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      cases: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      gateway: { type: 'string', default: 'ours' },
      graph: { type: 'string' },
      operation: { type: 'string' },
      operations: { type: 'string', default: '50' },
      report: { type: 'string' },
      'plan-timeout': { type: 'string', default: '3000' },
      beside: { type: 'boolean', default: false },
      'keep-going': { type: 'boolean', default: false },
      minimise: { type: 'string', default: 'nothing' },
    },
  });
  const gateway = openGateway(values.gateway, Number(values['plan-timeout']));
  const beside = values.beside ? (values.gateway === 'stock' ? ourGateway() : stockGateway()) : undefined;
  if (values.report) rmSync(values.report, { force: true });
  const started = performance.now();
  let told = started;
  try {
    const summary = await runFuzz({
      gateway,
      beside,
      seed: values.seed,
      cases: Number(values.cases),
      operationsPerGraph: Number(values.operations),
      keepGoing: values['keep-going'],
      graph: values.graph === undefined ? undefined : Number(values.graph),
      operation: values.operation === undefined ? undefined : Number(values.operation),
      minimise: readMinimise(values.minimise),
      onFound({ place, difference }) {
        console.log(`${place}  ${difference.detail}`);
      },
      onMismatch(mismatch) {
        const withPlan = values.operation !== undefined;
        const story = describeMismatch(mismatch, { seed: values.seed, gateway: gateway.name, withPlan });
        const text = `## ${mismatch.group}\n\n${story}\n\n`;
        if (values.report) appendFileSync(values.report, text);
        else console.log(text);
      },
      onProgress({ cases, mismatches }) {
        if (performance.now() - told < 5_000) return;
        told = performance.now();
        const rate = (cases / (told - started)) * 1_000;
        console.log(`${cases} cases, ${mismatches} mismatches, ${rate.toFixed(0)} cases/s`);
      },
    });
    const seconds = (performance.now() - started) / 1_000;
    console.log(`${describeSummary(summary)}\n${(summary.cases / seconds).toFixed(0)} cases/s, seed ${values.seed}`);
    return summary.mismatches + summary.refusals > 0 ? 1 : 0;
  } finally {
    await gateway.close();
    await beside?.close();
  }
}

function openGateway(name: string, planTimeoutMs: number): GatewayUnderTest {
  if (name === 'ours') return ourGateway(planTimeoutMs);
  if (name === 'deferring') return ourDeferringGateway(planTimeoutMs);
  if (name === 'stock') return stockGateway();
  throw new Error(`--gateway ${name}: expected ours, deferring or stock`);
}

function readMinimise(text: string): FuzzOptions['minimise'] {
  if (text === 'nothing' || text === 'operation' || text === 'graph') return text;
  throw new Error(`--minimise ${text}: expected operation, graph or nothing`);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 2;
  },
);
