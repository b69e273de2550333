/**
 * What clients feel of instances that fail: one of three killed, frozen, made slow; all of them killed, and back. Figures
 * on standard output, no test (it measures time); it fails when a query failed that should not.
 * Real: the gateway, three instances, each a process of its own, HTTP. Clients, instances and gateway share the machine.
 * Run: `node --import tsx test/e2e/instances-probe.ts [CLIENTS] [SECONDS OF EACH PART]`
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Asked, startThreeInstances, type ThreeInstances, tally } from './three-instances';

const [clients = 10, seconds = 5] = process.argv.slice(2).map(Number);
const quickMs = 50;

function report(name: string, asked: readonly Asked[]): void {
  const times = asked.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  const at = (share: number) => Math.round(times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0);
  const outcomes = JSON.stringify(tally(asked));
  console.log(`${name.padEnd(18)} ${outcomes} p50 ${at(0.5)} p99 ${at(0.99)} max ${at(1)} ms`);
}

/** Reports `seconds` under load from the moment of the fault on; returns how many failed. */
async function measure(graph: ThreeInstances, name: string, fault: () => unknown): Promise<number> {
  const { soFar, stop } = graph.load(clients);
  await sleep(1_000);
  const before = soFar.length;
  await fault();
  await sleep(seconds * 1_000);
  const asked = (await stop()).slice(before);
  report(name, asked);
  return asked.length - (tally(asked).ok ?? 0);
}

async function measureAll(graph: ThreeInstances): Promise<void> {
  const { instances } = graph;
  const { stop } = graph.load(clients);
  await sleep(1_000);
  await Promise.all(instances.map((instance) => instance.kill()));
  // Later requests: those since the circuits are open.
  await sleep(1_000);
  await stop();
  const open = graph.load(clients);
  await sleep(seconds * 1_000);
  const asked = await open.stop();
  report('all killed', asked);
  const quick = asked.filter(({ tookMs }) => tookMs <= quickMs).length;
  console.log(`  within ${quickMs} ms: ${((100 * quick) / asked.length).toFixed(2)} %`);
  await Promise.all(instances.map((instance) => instance.start()));
  const recoveredAt = performance.now();
  while ((await graph.ask()).outcome !== 'ok') await sleep(20);
  console.log(`  first answer ${Math.round(performance.now() - recoveredAt)} ms after they were back`);
  let inARow = 0;
  while (inARow < 30) inARow = (await graph.ask()).outcome === 'ok' ? inARow + 1 : 0;
  console.log(`  thirty in a row ${Math.round(performance.now() - recoveredAt)} ms after they were back`);
}

async function measureTries(graph: ThreeInstances): Promise<void> {
  const { instances } = graph;
  const { stop } = graph.load(clients);
  await Promise.all(instances.map((instance) => instance.answer({ status: 503 })));
  await sleep(1_500);
  const count = async () => (await Promise.all(instances.map((one) => one.requests()))).reduce((a, b) => a + b, 0);
  const before = await count();
  const startedAt = performance.now();
  await sleep(seconds * 1_000);
  const tries = (await count()) - before;
  await stop();
  const each = tries / ((performance.now() - startedAt) / 1_000);
  console.log(`all answer 503     ${each.toFixed(2)} tries a second`);
}

async function main(): Promise<void> {
  const graph = await startThreeInstances();
  const [one, two, three] = graph.instances;
  try {
    let failed = await measure(graph, 'nothing', () => {});
    failed += await measure(graph, 'one killed', () => one?.kill());
    failed += await measure(graph, 'back', () => one?.start());
    failed += await measure(graph, 'one frozen', () => two?.freeze());
    failed += await measure(graph, 'goes on', () => two?.thaw());
    failed += await measure(graph, 'one slow (3 s)', () => three?.answer({ delayMs: 3_000 }));
    failed += await measure(graph, 'quick again', () => three?.answer({ delayMs: 2 }));
    await measureAll(graph);
    await measureTries(graph);
    console.log(`${failed} queries failed that should not`);
    if (failed > 0) process.exitCode = 1;
  } finally {
    await graph.close();
  }
}

void main();
