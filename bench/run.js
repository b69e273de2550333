/**
 * `npm run bench -- [--only supergate,grafbase] [--cases small,nested] [--modes unique] [--seconds 3] [--rounds 3]`
 * Every gateway in one run on this machine, in turns; prints the table and, after a full run, writes `results/`.
 */
'use strict';

const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { cases, seedOf } = require('./cases');
const { contenders, otherBuild, variants } = require('./contenders');
const { Harness } = require('./harness');
const { machineTime, processorTime } = require('./process-stats');
const { soak } = require('./soak');
const { describeMachine, formatMarkdown, median, writeResults } = require('./report');

const modes = ['unique', 'identical'];

function readOptions() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      cases: { type: 'string' },
      modes: { type: 'string' },
      seconds: { type: 'string', default: '3' },
      'warm-up': { type: 'string', default: '3' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: '10' },
      'identical-connections': { type: 'string', default: '50' },
      cli: { type: 'string', default: join(__dirname, '../dist/cli.js') },
      flags: { type: 'string', default: '' },
      against: { type: 'string' },
      'against-flags': { type: 'string', default: '' },
      soak: { type: 'string' },
      output: { type: 'string' },
      'no-token': { type: 'boolean', default: false },
    },
  });
  const isFull = !values.only && !values.cases && !values.modes;
  const named = values.only ?? (values.soak && 'supergate');
  return {
    ...values,
    output: values.output ?? (isFull ? join(__dirname, 'results') : undefined),
    contenders: [
      ...(named === undefined ? contenders : pick([...contenders, ...variants], named, 'only')),
      ...(values.against ? [otherBuild] : []),
    ],
    against: { cli: values.against, flags: wordsOf(values['against-flags']) },
    cases: pick(cases, values.cases, 'cases'),
    modes: pick(
      modes.map((name) => ({ name })),
      values.modes,
      'modes',
    ).map(({ name }) => name),
    durationMs: Number(values.seconds) * 1_000,
    warmUpMs: Number(values['warm-up']) * 1_000,
    flags: wordsOf(values.flags),
    rounds: Number(values.rounds),
    connections: { unique: Number(values.connections), identical: Number(values['identical-connections']) },
  };
}

const wordsOf = (text) => text.split(' ').filter(Boolean);

class UsageError extends Error {}

/** Those of `all` that the comma-separated `list` names; without one, all. */
function pick(all, list, option) {
  if (list === undefined) return all;
  return list.split(',').map((name) => {
    const found = all.find((each) => each.name === name);
    if (!found) throw new UsageError(`--${option}: "${name}" is none of ${all.map((each) => each.name).join(', ')}`);
    return found;
  });
}

/** Starts what is to be measured, one after the other. `entrants` are `{ contender, instances: { unique, identical } }`. */
async function startAll(harness, options) {
  const entrants = [];
  for (const contender of options.contenders) {
    const entrant = { contender, instances: {}, problem: undefined };
    entrants.push(entrant);
    try {
      for (const mode of options.modes) {
        const shared = contender.hasOneProcessPerMode ? undefined : Object.values(entrant.instances)[0];
        entrant.instances[mode] = shared ?? (await harness.start(contender, mode));
        entrant.instances[mode].stop();
      }
      console.error(`${contender.name} is ready`);
    } catch (error) {
      entrant.problem = error.message;
      console.error(`${contender.name}: ${error.message}`);
    }
  }
  return entrants;
}

/** Another gateway is first in each round: none has the quiet or the warm machine for itself. */
function inTurn(entrants, round) {
  return entrants.map((_, index) => entrants[(index + round) % entrants.length]);
}

async function measureRound(harness, options, entrants, round, samples) {
  for (const testCase of options.cases) {
    for (const mode of options.modes) {
      for (const { contender, instances, problem } of inTurn(entrants, round)) {
        if (problem) continue;
        const key = `${contender.name} ${testCase.name} ${mode}`;
        const instance = instances[mode];
        instance.goOn();
        try {
          const sample = await harness.measure(instance, testCase, {
            mode,
            connections: options.connections[mode],
            // The first time the gateway compiles; afterwards it only has to come back to speed.
            warmUpMs: round === 0 ? options.warmUpMs : Math.min(options.warmUpMs, 1_000),
            durationMs: options.durationMs,
            sharedSeed: seedOf(100_000 + round),
          });
          samples.set(key, [...(samples.get(key) ?? []), sample]);
          console.error(`round ${round + 1} ${key}: ${sample.cpuMicroseconds.toFixed(0)} µs`);
        } catch (error) {
          samples.set(key, [...(samples.get(key) ?? []), { problem: error.message }]);
          console.error(`round ${round + 1} ${key}: ${error.message}`);
        }
        instance.stop();
      }
    }
  }
}

/** The median of each figure over the rounds; a wrong answer in any round spoils the row. */
function summarise(samples) {
  const problem = samples.find((sample) => sample.problem)?.problem;
  if (problem) return { problem };
  const names = ['cpuMicroseconds', 'requestsPerSecond', 'p50Ms', 'p99Ms', 'subgraphRequests'];
  const medians = names.map((name) => [name, median(samples.map((sample) => sample[name]))]);
  return { ...Object.fromEntries(medians), peakMemory: Math.max(...samples.map(({ peakMemory }) => peakMemory)) };
}

const readClocks = () => ({ wallMs: performance.now(), all: machineTime(), ours: processorTime(process.pid) });

/** The share of the machine's processors that processes outside this run have taken since `before`. */
function shareOfOthers(before, cores) {
  const now = readClocks();
  const others = now.all - before.all - (now.ours - before.ours);
  return Math.max(0, others / ((now.wallMs - before.wallMs) * 1_000 * cores));
}

async function main() {
  const options = readOptions();
  const machine = describeMachine();
  const harness = new Harness();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  process.once('exit', () => harness.kill());
  try {
    const { cli, flags, against } = options;
    await harness.open({ cli, flags, against, withToken: !options['no-token'] });
    if (options.soak) {
      await soak(harness, options, Number(options.soak));
      return;
    }
    const entrants = await startAll(harness, options);
    const samples = new Map();
    const before = readClocks();
    for (let round = 0; round < options.rounds; round += 1) {
      await measureRound(harness, options, entrants, round, samples);
    }
    const results = {
      machine,
      otherShare: shareOfOthers(before, machine.cores),
      options,
      rows: new Map([...samples].map(([key, list]) => [key, summarise(list)])),
      entrants: entrants.map(({ contender, instances, problem }) => ({
        contender,
        problem,
        peakMemory: Math.max(0, ...Object.values(instances).map((instance) => instance.peakMemory)),
      })),
    };
    console.log(formatMarkdown(results));
    if (options.output) writeResults(results, options.output);
  } finally {
    await harness.close();
  }
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error instanceof UsageError ? error.message : error);
    process.exit(1);
  },
);
