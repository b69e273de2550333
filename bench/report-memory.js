/** Preloaded into a process under `--expose-gc`: tells its memory after a collection, when its parent asks. */
'use strict';

process.on('message', () => {
  for (let round = 0; round < 3; round += 1) global.gc();
  process.send(process.memoryUsage());
});
process.channel?.unref();
