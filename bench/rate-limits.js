/**
 * `node bench/rate-limits.js [--trials 100] [--faults]`
 * Two gateway processes, one Redis of their own: 500 concurrent requests against a limit of 5, in each trial of somebody
 * else; then, with `--faults`, Redis frozen, killed, read-only, full and flushed under load. Every answer is looked at.
 * Needs `npm run build` and a `redis-server`. Exit status 1 when anything is not as it must be.
 */
'use strict';

const { spawn } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { createServer, request, Agent } = require('node:http');
const { connect } = require('node:net');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { parseArgs } = require('node:util');

const { values: options } = parseArgs({
  options: {
    trials: { type: 'string', default: '100' },
    faults: { type: 'boolean', default: false },
    timeout: { type: 'string', default: '100' },
    cli: { type: 'string', default: join(__dirname, '../dist/cli.js') },
  },
});
const max = 5;
const concurrent = 500;
const longestMs = 150;
const children = [];
const problems = [];

const sdl = `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@composeDirective"])
  @link(url: "https://specs.supergate.dev/rateLimit/v1.0", import: ["@rateLimit"])
  @composeDirective(name: "@rateLimit")
directive @rateLimit(max: Int, window: String, onStoreFailure: String) repeatable on FIELD_DEFINITION
type Query {
  free: Int
  local: Int @rateLimit(max: ${max}, window: "1h")
  open: Int @rateLimit(max: ${max}, window: "1h", onStoreFailure: "open")
  closed: Int @rateLimit(max: ${max}, window: "1h", onStoreFailure: "closed")
}`;

function run(file, args) {
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  child.once('exit', (code) => {
    if (!child.isExpected) problems.push(`${args[0]} ended with ${code}`);
  });
  children.push(child);
  return child;
}

async function end(child, signal = 'SIGKILL') {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.isExpected = true;
  child.kill('SIGCONT');
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await ended;
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

async function waitFor(port) {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const isOpen = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isOpen) return;
    await sleep(50);
  }
  throw new Error(`nothing listens on ${port}`);
}

async function startRedis(port) {
  const child = run('redis-server', [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
  ]);
  await waitFor(port);
  return child;
}

/** One command over a connection of its own: no client library is needed for that. */
function command(port, ...words) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const text = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('');
    socket.once('error', reject).once('data', (bytes) => {
      resolve(bytes.toString());
      socket.destroy();
    });
    socket.write(`*${words.length}\r\n${text}`);
  });
}

const agent = new Agent({ keepAlive: true, maxSockets: concurrent });

function ask(port, who, field) {
  const body = JSON.stringify({ query: `{ ${field} }` });
  const headers = { 'content-type': 'application/json', 'content-length': body.length, 'x-forwarded-for': who };
  return new Promise((resolve) => {
    const begin = performance.now();
    const call = request({ port, host: '127.0.0.1', path: '/graphql', method: 'POST', headers, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.once('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, text, ms: performance.now() - begin });
      });
    });
    call.once('error', (error) => resolve({ status: 0, headers: {}, text: error.message, ms: 0 }));
    call.end(body);
  });
}

let people = 0;
const newcomer = () => {
  people += 1;
  return `10.${people >> 16}.${(people >> 8) & 255}.${people & 255}`;
};

const flood = (ports, field, count, who = newcomer()) =>
  Promise.all(Array.from({ length: count }, (_, index) => ask(ports[index % ports.length], who, field)));

const admitted = (answers) => answers.filter(({ status }) => status === 200);

function checkTrial(trial, answers) {
  const passed = admitted(answers);
  const left = passed.map(({ headers }) => /"Query\.local";r=(\d+)/.exec(headers.ratelimit ?? '')?.[1]).sort();
  const refused = answers.filter(({ status }) => status !== 200);
  const wrong = refused.filter(({ status, headers }) => {
    return (
      status !== 429 || !/^3\d{3}$/.test(headers['retry-after'] ?? '') || !/r=0;t=3\d{3}/.test(headers.ratelimit ?? '')
    );
  });
  const isRight = passed.length === max && left.join('') === '01234' && wrong.length === 0;
  if (!isRight) {
    problems.push(
      `trial ${trial}: ${passed.length} admitted (left ${left}), ${wrong.length} wrong refusals ${wrong[0]?.text ?? ''}`,
    );
  }
  return isRight;
}

async function runTrials(ports) {
  let right = 0;
  const begin = performance.now();
  for (let trial = 1; trial <= Number(options.trials); trial += 1) {
    if (checkTrial(trial, await flood(ports, 'local', concurrent))) right += 1;
  }
  const seconds = ((performance.now() - begin) / 1_000).toFixed(1);
  console.log(`${right} of ${options.trials} trials of ${concurrent} requests: exactly ${max} admitted (${seconds} s)`);
}

/** Calm enough that what a request waits is Redis' doing: so many every 50 ms, of each kind. */
async function loadWhile(ports, work) {
  const answers = { free: [], local: [], open: [], closed: [] };
  const pending = [];
  let goesOn = true;
  const load = (async () => {
    while (goesOn) {
      for (const field of Object.keys(answers)) {
        for (const port of ports) {
          pending.push(
            ask(port, newcomer(), field).then((answer) => answers[field].push({ ...answer, at: performance.now() })),
          );
        }
      }
      await sleep(50);
    }
  })();
  await work();
  goesOn = false;
  await load;
  await Promise.all(pending);
  return answers;
}

async function runFault(name, ports, { fail, mend, isFailing = true }) {
  await flood(ports, 'local', 4);
  let failedAt = 0;
  let mendedAt = 0;
  let exactMs = Number.NaN;
  const answers = await loadWhile(ports, async () => {
    await sleep(500);
    failedAt = performance.now();
    await fail();
    await sleep(isFailing ? 4_000 : 200);
    await mend();
    mendedAt = performance.now();
    while (performance.now() - mendedAt < 3_000) {
      if (admitted(await flood(ports, 'local', 20)).length === max) {
        exactMs = performance.now() - mendedAt;
        break;
      }
      await sleep(20);
    }
  });
  const slowest = Object.entries(answers).map(([field, list]) => [field, Math.max(...list.map(({ ms }) => ms))]);
  const during = answers.closed.filter(({ at }) => at > failedAt + 500 && at < mendedAt);
  const say = (problem) => problems.push(`${name}: ${problem}`);
  if (answers.free.some(({ status }) => status !== 200)) say('a request without a limit failed');
  if (answers.open.some(({ status }) => status !== 200)) say('an open limit refused');
  if (answers.local.some(({ status }) => status !== 200)) say('a local limit refused a newcomer');
  if (isFailing && during.some(({ status }) => status !== 503)) say('a closed limit let pass');
  // On a busy machine everything takes longer: what has no limit tells how much.
  const [[, freeMs]] = slowest;
  const allowedMs = longestMs + (freeMs > longestMs ? freeMs : 0);
  for (const [field, ms] of slowest) if (ms > allowedMs) say(`${field} took ${ms.toFixed(0)} ms`);
  if (!(exactMs <= 2_000)) say(`not exact again within 2 s`);
  const times = slowest.map(([field, ms]) => `${field} ${ms.toFixed(0)}`).join(', ');
  console.log(`${name}: exact again after ${exactMs.toFixed(0)} ms; slowest answers in ms: ${times}`);
}

async function runFaults(ports, site) {
  const { redisPort } = site;
  const config = (key, value) => command(redisPort, 'CONFIG', 'SET', key, value);
  await runFault('frozen', ports, {
    fail: () => site.redis.kill('SIGSTOP'),
    mend: () => site.redis.kill('SIGCONT'),
  });
  await runFault('killed', ports, {
    fail: () => end(site.redis),
    mend: async () => {
      site.redis = await startRedis(redisPort);
    },
  });
  await runFault('read-only', ports, {
    fail: () => command(redisPort, 'REPLICAOF', '127.0.0.1', '1'),
    mend: () => command(redisPort, 'REPLICAOF', 'NO', 'ONE'),
  });
  await runFault('out of memory', ports, {
    fail: () => config('maxmemory', '1'),
    mend: () => config('maxmemory', '0'),
  });
  await runFault('flushed', ports, { fail: () => command(redisPort, 'FLUSHALL'), mend: () => {}, isFailing: false });
}

async function main() {
  const directory = mkdtempSync(join(tmpdir(), 'supergate-rate-limits-'));
  const subgraph = createServer((incoming, response) => {
    incoming.resume().once('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end('{"data":{"free":1,"local":1,"open":1,"closed":1}}');
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => subgraph.once('listening', resolve));
  try {
    const redisPort = await freePort();
    const site = { redisPort, redis: await startRedis(redisPort) };
    writeFileSync(join(directory, 'a.graphql'), sdl);
    const supergraph = join(directory, 'supergraph.yaml');
    const url = `http://127.0.0.1:${subgraph.address().port}/`;
    writeFileSync(supergraph, `subgraphs: { a: { routing_url: "${url}", schema: { file: ./a.graphql } } }`);
    const config = join(directory, 'gateway.yaml');
    writeFileSync(
      config,
      JSON.stringify({
        server: { trustedProxies: ['127.0.0.1'] },
        redis: { url: `redis://127.0.0.1:${redisPort}`, timeoutMs: Number(options.timeout) },
        telemetry: { logLevel: 'silent' },
      }),
    );
    const ports = [await freePort(), await freePort()];
    for (const port of ports)
      run(process.execPath, [options.cli, 'serve', supergraph, '--config', config, '--port', String(port)]);
    for (const port of ports) await waitFor(port);
    for (let warm = 0; warm < 3; warm += 1) {
      for (const field of ['free', 'local', 'open', 'closed']) await flood(ports, field, 100);
    }
    await runTrials(ports);
    if (options.faults) await runFaults(ports, site);
  } finally {
    agent.destroy();
    subgraph.close();
    subgraph.closeAllConnections();
    for (const child of children) await end(child);
    rmSync(directory, { recursive: true, force: true });
  }
  for (const problem of problems) console.log(`NOT AS IT MUST BE: ${problem}`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

main();
