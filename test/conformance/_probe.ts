import { writeSync } from 'node:fs';
import { createSubgraphServer } from '../support/subgraph-server';
import { printCase } from './case';
import { ourGateway } from './gateways';
import { generateCase } from './generate-operation';
import { buildGraph } from './graph';
import { Random } from './random';
import { runCase } from './run';

const log = (t: string) => writeSync(2, `${t}\n`);
(async () => {
  const server = await createSubgraphServer();
  const ours = ourGateway();
  const [seed, from, to] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
  for (let i = from; i < to; i++) {
    let t0 = performance.now();
    const g = buildGraph(`${seed}/${i}`, server);
    const tg = performance.now() - t0;
    if ('dropped' in g) {
      if (tg > 1500) log(`graph ${i} dropped after ${tg}`);
      continue;
    }
    t0 = performance.now();
    const gw = await ours.start(g.supergraphSdl);
    const ts = performance.now() - t0;
    if (tg > 1500 || ts > 1500) log(`graph ${i} ${tg} start ${ts}`);
    for (let j = 0; j < 50; j++) {
      const c = generateCase(g.reference.schema, new Random(`${g.seed}/${j}`));
      if (!c) continue;
      t0 = performance.now();
      if (process.argv[5]) log(`${i}/${j}`);
      const m = await runCase({ graph: g, gateway: gw, server }, c, `${i}/${j}`);
      const t = performance.now() - t0;
      if (t > 1500)
        log(
          `${i}/${j} ${t.toFixed(0)} ms ${m?.difference.fingerprint} ${printCase(c).length} chars, heap ${process.memoryUsage().heapUsed >> 20}`,
        );
    }
    await gw.stop();
  }
  await server.close();
  await ours.close();
})();
