/** What a run is told in: Markdown for readers, a picture for the README. Values in, text out. */
'use strict';

const { readFileSync, mkdirSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const { join } = require('node:path');
const { drawResults } = require('./picture');

/** Beyond this share of the processors taken by others, absolute figures are not to be trusted. */
const busyShare = 0.05;
const baselines = [
  { name: 'grafbase', title: 'Grafbase' },
  { name: 'apollo', title: 'stock Apollo' },
  { name: 'hive-rust', title: 'Hive (Rust planner)' },
  { name: 'before', title: 'before' },
];

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function describeMachine() {
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: os.cpus()[0]?.model.trim(),
    cores: os.cpus().length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    node: process.version,
    system: readFileSync('/etc/os-release', 'utf8').match(/PRETTY_NAME="(.*)"/)?.[1] ?? os.platform(),
  };
}

const decimal = (value, digits = 0) =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
const byMagnitude = (value) => decimal(value, value < 1 ? 2 : value < 10 ? 1 : 0);
const mebibytes = (bytes) => decimal(bytes / 2 ** 20);

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

/** The row of one gateway, case and mode; undefined when it was not measured or answered wrongly. */
function createLookup({ rows }) {
  return (name, testCase, mode) => {
    const row = rows.get(`${name} ${testCase.name} ${mode}`);
    return row && !row.problem ? row : undefined;
  };
}

function processorTable({ options, entrants, rows }, mode, find) {
  const body = entrants.map(({ contender, problem }) => [
    contender.name === 'supergate' ? `**${contender.title}**` : contender.title,
    ...options.cases.map((testCase) => {
      if (problem) return 'not run';
      const row = rows.get(`${contender.name} ${testCase.name} ${mode}`);
      return row?.problem ? 'wrong' : row ? decimal(row.cpuMicroseconds) : '';
    }),
  ]);
  const ratios = baselines
    .filter(({ name }) => entrants.some((entrant) => entrant.contender.name === name && !entrant.problem))
    .map(({ name, title }) => [
      `*Supergate to ${title}*`,
      ...options.cases.map((testCase) => {
        const [ours, theirs] = [find('supergate', testCase, mode), find(name, testCase, mode)];
        return ours && theirs ? `*${decimal(ours.cpuMicroseconds / theirs.cpuMicroseconds, 2)}*` : '';
      }),
    ]);
  const hasOurs = entrants.some(({ contender }) => contender.name === 'supergate');
  return table(['', ...options.cases.map(({ title }) => title)], [...body, ...(hasOurs ? ratios : [])]);
}

function detailsTable({ entrants }, testCase, mode, find) {
  const rows = entrants.flatMap(({ contender }) => {
    const row = find(contender.name, testCase, mode);
    if (!row) return [];
    const { cpuMicroseconds, requestsPerSecond, p50Ms, p99Ms, subgraphRequests, peakMemory } = row;
    return [
      [
        contender.title,
        decimal(cpuMicroseconds),
        decimal(requestsPerSecond),
        ...[p50Ms, p99Ms, subgraphRequests].map(byMagnitude),
        mebibytes(peakMemory),
      ],
    ];
  });
  const head = ['', 'CPU µs', 'requests/s', 'p50 ms', 'p99 ms', 'subgraph requests', 'peak MiB'];
  return `#### ${testCase.title}, ${mode} requests\n\n${table(head, rows)}`;
}

function problemsOf({ entrants, rows }) {
  const notRun = entrants
    .filter(({ problem }) => problem)
    .map(({ contender, problem }) => `- ${contender.title} was not run: ${oneLine(problem)}`);
  const wrong = [...rows]
    .filter(([, row]) => row.problem)
    .map(([key, { problem }]) => `- ${key} does not count: ${oneLine(problem)}`);
  return [...notRun, ...wrong].join('\n');
}

const oneLine = (text) => text.replace(/\s+/g, ' ').slice(-300);

const modeTitles = {
  unique: ({ connections }) =>
    `Every request asks for entities of its own, ${connections.unique} connection${connections.unique === 1 ? '' : 's'}`,
  identical: ({ connections }) => `${connections.identical} connections send the same request`,
};

function formatConditions({ machine, options, otherShare }) {
  const { processor, cores, memoryGiB, system, node, date } = machine;
  const conditions = [
    `Measured ${date} on ${cores} cores (${processor}), ${memoryGiB} GiB, ${system}, Node ${node.slice(1)}:`,
    `medians of ${options.rounds} rounds of ${decimal(options.durationMs / 1_000, 1)} s in turns, after a warm-up.`,
    'The load generator, the gateway and the subgraphs share these cores, so requests per second and times are for',
    'comparison within this table; processor time is that of the gateway alone, user and system, with all its threads.',
  ];
  if (otherShare > busyShare) {
    const percent = decimal(otherShare * 100);
    conditions.push(`**The machine was busy: other processes took ${percent} % of it. Trust the ratios alone.**`);
  }
  return conditions.join('\n');
}

function formatMarkdown(results) {
  const { options, entrants } = results;
  const find = createLookup(results);
  const sections = ['## Processor time per request, µs', formatConditions(results)];
  for (const mode of options.modes) {
    sections.push(`### ${modeTitles[mode](options)}`, processorTable(results, mode, find));
  }
  const memory = entrants
    .filter(({ problem }) => !problem)
    .map(({ contender, peakMemory }) => [contender.title, mebibytes(peakMemory), contender.note]);
  sections.push('### Peak memory of the whole run', table(['', 'MiB', 'as configured'], memory));
  const problems = problemsOf(results);
  if (problems) sections.push(`### What does not count\n\n${problems}`);
  sections.push('### In full');
  for (const mode of options.modes) {
    for (const testCase of options.cases) sections.push(detailsTable(results, testCase, mode, find));
  }
  return `${sections.join('\n\n')}\n`;
}

/** Writes `results.md`, `results.svg` and every figure as `results.json` into `directory`. */
function writeResults(results, directory) {
  mkdirSync(directory, { recursive: true });
  const write = (name, text) => writeFileSync(join(directory, name), text);
  write('results.md', `<!-- Written by \`npm run bench\`. -->\n\n${formatMarkdown(results)}`);
  write('results.svg', drawResults(results, createLookup(results)));
  const { machine, otherShare, rows } = results;
  write('results.json', `${JSON.stringify({ machine, otherShare, rows: Object.fromEntries(rows) }, null, 2)}\n`);
}

module.exports = { describeMachine, formatMarkdown, median, writeResults };
