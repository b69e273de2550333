/**
 * Three instances of a subgraph that fail under load. Real: the gateway, the instances, their signals, HTTP.
 * Observed: what clients are answered and what instances are asked. How quickly, `instances-probe.ts` tells.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { startThreeInstances, type ThreeInstances, tally } from './three-instances';

jest.setTimeout(120_000);

describe('three instances of a subgraph', () => {
  let graph: ThreeInstances;
  beforeAll(async () => {
    graph = await startThreeInstances();
  });
  afterAll(() => graph?.close());

  /** Clients ask; when each has had some answers, `fault` happens; they go on until `requests` more have been answered. */
  async function under(fault: () => unknown, requests = 600) {
    const { soFar, stop } = graph.load(10);
    const answered = async (count: number) => {
      while (soFar.length < count) await sleep(10);
    };
    await answered(200);
    await fault();
    await answered(soFar.length + requests);
    return tally(await stop());
  }
  const recovered = async () => {
    const { length } = graph.instances;
    for (let inARow = 0; inARow < 20 * length; ) inARow = (await graph.ask()).outcome === 'ok' ? inARow + 1 : 0;
  };
  const [first, second, third] = [0, 1, 2].map((index) => () => graph.instances[index]!);

  it('fail no query when one of them is killed, nor when it is back', async () => {
    expect(Object.keys(await under(() => first!().kill()))).toEqual(['ok']);
    expect(Object.keys(await under(() => first!().start()))).toEqual(['ok']);
  });

  it('fail no query when one of them is frozen, nor when it goes on', async () => {
    expect(Object.keys(await under(() => second!().freeze()))).toEqual(['ok']);
    expect(Object.keys(await under(() => second!().thaw()))).toEqual(['ok']);
  });

  it('fail no query when one of them is slow', async () => {
    expect(Object.keys(await under(() => third!().answer({ delayMs: 3_000 })))).toEqual(['ok']);
    expect(Object.keys(await under(() => third!().answer({ delayMs: 2 })))).toEqual(['ok']);
  });

  it('fail with a code when all are killed, and answer again when they are back', async () => {
    await Promise.all(graph.instances.map((instance) => instance.kill()));
    while ((await graph.ask()).outcome !== 'SUBGRAPH_UNAVAILABLE');
    const { stop, soFar } = graph.load(5);
    while (soFar.length < 300) await sleep(10);
    const counts = tally(await stop());
    // But for the few that try whether an instance is back.
    expect(counts.SUBGRAPH_UNAVAILABLE).toBeGreaterThanOrEqual(0.9 * soFar.length);
    expect(counts.ok).toBeUndefined();
    await Promise.all(graph.instances.map((instance) => instance.start()));
    await recovered();
  });

  it('are tried at most twice a second while all of them fail', async () => {
    const count = async () => {
      const counts = await Promise.all(graph.instances.map((instance) => instance.requests()));
      return counts.reduce((sum, requests) => sum + requests, 0);
    };
    await Promise.all(graph.instances.map((instance) => instance.answer({ status: 503 })));
    while ((await graph.ask()).outcome !== 'SUBGRAPH_UNAVAILABLE');
    const { stop } = graph.load(5);
    const before = await count();
    const startedAt = performance.now();
    await sleep(3_000);
    const tries = (await count()) - before;
    const seconds = (performance.now() - startedAt) / 1_000;
    await stop();
    expect(tries).toBeLessThanOrEqual(2 * seconds + 2);
    await Promise.all(graph.instances.map((instance) => instance.answer({ status: 200 })));
    await recovered();
  });
});
