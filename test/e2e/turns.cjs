/**
 * Preloaded into a gateway that is probed: tells on file descriptor 3 how much processor time its main thread took from
 * one turn of the event loop to the next, in milliseconds, a line for each turn that took some. Others wait so long on an
 * idle machine; wall time would tell of what else runs on it. Linux alone.
 */
const { openSync, readSync, writeSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');

if (isMainThread) {
  const schedstat = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const buffer = Buffer.alloc(64);
  const processorMs = () =>
    Number(buffer.toString('latin1', 0, readSync(schedstat, buffer, 0, 64, 0)).split(' ')[0]) / 1e6;
  let last = processorMs();
  setInterval(() => {
    const now = processorMs();
    if (now - last > 3) writeSync(3, `${(now - last).toFixed(1)}\n`);
    last = now;
  }, 1).unref();
}
