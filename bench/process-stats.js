/** What Linux says of a process and all its children: processor time, peak memory. Reads `/proc`. */
'use strict';

const { execFileSync } = require('node:child_process');
const { readdirSync, readFileSync, writeFileSync } = require('node:fs');

const microsecondsPerTick = 1_000_000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** The process and everything it has started, directly or not. */
function processTree(pid) {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(processTree)];
}

/** Processor time of the tree in microseconds: user and system, all threads, and children that have ended. */
function processorTime(pid) {
  let ticks = 0;
  for (const each of processTree(pid)) {
    const stat = readFileSync(`/proc/${each}/stat`, 'utf8');
    // The second field is a name in parentheses that may hold spaces; utime is the 14th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    for (const field of fields.slice(11, 15)) ticks += Number(field);
  }
  return ticks * microsecondsPerTick;
}

/** Processor time that the machine has spent on anything at all since it started, in microseconds. */
function machineTime() {
  const [user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/ +/).slice(1);
  return [user, nice, system, irq, softirq].reduce((sum, ticks) => sum + Number(ticks), 0) * microsecondsPerTick;
}

/** What the tree's processes say of their memory in `/proc/PID/status`, in bytes, summed. */
function memoryOf(pid, field) {
  const line = new RegExp(`${field}:\\s*(\\d+) kB`);
  return processTree(pid).reduce((sum, each) => {
    return sum + Number(readFileSync(`/proc/${each}/status`, 'utf8').match(line)?.[1] ?? 0) * 1_024;
  }, 0);
}

/** The most memory that the tree held at once since the last `resetPeakMemory`, in bytes (the sum of its processes). */
const peakMemory = (pid) => memoryOf(pid, 'VmHWM');

/** The memory that the tree holds now, in bytes. */
const residentMemory = (pid) => memoryOf(pid, 'VmRSS');

function resetPeakMemory(pid) {
  for (const each of processTree(pid)) writeFileSync(`/proc/${each}/clear_refs`, '5');
}

function signalTree(pid, signal) {
  for (const each of processTree(pid)) process.kill(each, signal);
}

module.exports = { machineTime, peakMemory, processorTime, resetPeakMemory, residentMemory, signalTree };
