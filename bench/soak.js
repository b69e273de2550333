/**
 * `--soak MINUTES`: every case in turn, without a pause, and what the gateway's memory does meanwhile.
 * A line a minute, read after each case; at the end how much more it holds than when it was warm. Answers are checked as in a measurement.
 */
'use strict';

const { seedOf } = require('./cases');
const { peakMemory, processorTime, residentMemory } = require('./process-stats');

const minuteMs = 60_000;
const mebibytes = (bytes) => Math.round(bytes / 2 ** 20);

/** One minute of load; gives what was held at its end and spent in it. */
async function loadForAMinute(harness, instance, { cases, modes, connections }, minute) {
  const shifts = cases.flatMap((testCase) => modes.map((mode) => ({ testCase, mode })));
  const cpuBefore = processorTime(instance.pid);
  const resident = [];
  let requests = 0;
  for (const { testCase, mode } of shifts) {
    const result = await harness.measure(instance, testCase, {
      mode,
      connections: connections[mode],
      warmUpMs: 0,
      durationMs: minuteMs / shifts.length,
      sharedSeed: seedOf(100_000 + minute),
    });
    requests += result.requests;
    resident.push(residentMemory(instance.pid));
  }
  return {
    requests,
    // What comes and goes with garbage is above the least.
    least: Math.min(...resident),
    most: Math.max(...resident),
    cpuMicroseconds: (processorTime(instance.pid) - cpuBefore) / requests,
  };
}

/** Loads each gateway for `minutes` in turn, and tells of each. */
async function soak(harness, options, minutes) {
  for (const contender of options.contenders) {
    const instance = await harness.start(contender, options.modes[0]);
    console.log(`\n${contender.title}: ${minutes} minutes of ${options.cases.map(({ name }) => name).join(', ')}\n`);
    console.log(
      '| minute | requests | CPU µs a request | resident MiB, least | most |\n| --: | --: | --: | --: | --: |',
    );
    const held = [];
    for (let minute = 1; minute <= minutes; minute += 1) {
      const { requests, cpuMicroseconds, least, most } = await loadForAMinute(harness, instance, options, minute);
      held.push(least);
      const figures = [minute, requests, Math.round(cpuMicroseconds), mebibytes(least), mebibytes(most)];
      console.log(`| ${figures.join(' | ')} |`);
    }
    const peak = Math.max(instance.peakMemory, peakMemory(instance.pid));
    // The first minute compiles and fills caches.
    const growth =
      held.length > 1 ? `, ${mebibytes(held.at(-1) - held[1])} MiB more at least than in the second minute` : '';
    console.log(`\nPeak ${mebibytes(peak)} MiB${growth}.`);
    await instance.end();
  }
}

module.exports = { soak };
