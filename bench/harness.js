/** Starts, questions, stops and ends the processes of a run. Nothing that was started outlives `close`. */
'use strict';

const { fork, spawn } = require('node:child_process');
const { createPublicKey, generateKeyPairSync, sign } = require('node:crypto');
const { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:net');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { isDeepStrictEqual } = require('node:util');
const { expectedAnswer, requestBody, seedOf } = require('./cases');
const { composeSupergraph, protectSubgraphs, readSubgraphs } = require('./graph/compose');
const { placeholder } = require('./load');
const { peakMemory, resetPeakMemory, signalTree } = require('./process-stats');

const startTimeoutMs = 90_000;
const issuer = 'https://issuer.bench';

const once = (child) => new Promise((resolve) => child.once('message', resolve));

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A signed access token and the key that verifies it. */
function createToken() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1_000);
  const claims = { iss: issuer, aud: 'bench', sub: 'client-1', iat: now, exp: now + 86_400, scope: 'read write' };
  const signed = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' });
  return { token: `${signed}.${signature.toString('base64url')}`, publicKey };
}

/** One running gateway. While others are measured it is stopped: it takes no processor time and keeps its state. */
class Instance {
  constructor(child, port, logFile) {
    this.child = child;
    this.port = port;
    this.logFile = logFile;
    this.peakMemory = 0;
  }

  get pid() {
    return this.child.pid;
  }

  get hasEnded() {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  stop() {
    if (!this.hasEnded) signalTree(this.pid, 'SIGSTOP');
  }

  goOn() {
    if (!this.hasEnded) signalTree(this.pid, 'SIGCONT');
  }

  /** The most memory since the last call, in bytes. */
  takePeakMemory() {
    const bytes = peakMemory(this.pid);
    this.peakMemory = Math.max(this.peakMemory, bytes);
    resetPeakMemory(this.pid);
    return bytes;
  }

  async end() {
    if (this.hasEnded) return;
    this.goOn();
    signalTree(this.pid, 'SIGTERM');
    for (let waited = 0; !this.hasEnded && waited < 5_000; waited += 50) await sleep(50);
    if (!this.hasEnded) signalTree(this.pid, 'SIGKILL');
  }
}

class Harness {
  instances = [];

  async open({ cli, flags, against, withToken }) {
    this.builds = { cli, flags, against };
    this.directory = mkdtempSync(join(tmpdir(), 'supergate-bench-'));
    this.subgraphProcess = fork(join(__dirname, 'graph/subgraphs.js'), { stdio: 'inherit' });
    const { urls } = await once(this.subgraphProcess);
    this.loadProcess = fork(join(__dirname, 'load.js'), { stdio: 'inherit' });
    this.subgraphs = readSubgraphs(urls);
    this.supergraphFile = join(this.directory, 'supergraph.graphql');
    writeFileSync(this.supergraphFile, composeSupergraph(this.subgraphs));
    this.protectedSupergraphFile = join(this.directory, 'protected.graphql');
    writeFileSync(this.protectedSupergraphFile, composeSupergraph(protectSubgraphs(this.subgraphs)));
    const { token, publicKey } = createToken();
    this.publicKey = publicKey;
    this.headers = {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(withToken && { authorization: `Bearer ${token}` }),
    };
  }

  /** Starts a gateway and resolves when it answers. Rejects with what it wrote when it ends or is too slow. */
  async start(contender, mode) {
    const directory = join(this.directory, `${contender.name}-${mode}`);
    mkdirSync(directory);
    const port = await freePort();
    const { supergraphFile, protectedSupergraphFile, subgraphs, publicKey, builds } = this;
    const files = { supergraphFile, protectedSupergraphFile };
    const site = { directory, port, mode, ...files, subgraphs, publicKey, issuer, ...builds };
    const command = contender.command(site);
    const logFile = join(directory, 'log');
    const log = openSync(logFile, 'a');
    const child = spawn(command.file, command.args, {
      cwd: directory,
      env: { ...process.env, NODE_ENV: 'production', ...command.env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const instance = new Instance(child, port, logFile);
    this.instances.push(instance);
    await this.waitUntilReady(instance);
    return instance;
  }

  async waitUntilReady(instance) {
    for (const begin = Date.now(); Date.now() - begin < startTimeoutMs; await sleep(100)) {
      if (instance.hasEnded) break;
      const answer = await this.ask(instance, JSON.stringify({ query: '{ __typename }' })).catch(() => undefined);
      if (answer?.includes('"Query"')) return;
    }
    throw new Error(`does not start: ${readFileSync(instance.logFile, 'utf8').trim().slice(-500)}`);
  }

  async ask({ port }, body) {
    const url = `http://127.0.0.1:${port}/graphql`;
    const response = await fetch(url, { method: 'POST', headers: this.headers, body });
    return response.text();
  }

  /** Asks for several seeds at once; throws unless each answer is right. Gives an answer with its seed replaced. */
  async verify(instance, testCase, seeds = [1, 2, 3, 4, 1, 5].map(seedOf)) {
    const answers = await Promise.all(
      seeds.map(async (seed) => {
        const text = await this.ask(instance, requestBody(testCase, seed));
        const expected = await expectedAnswer(testCase, seed);
        if (!isDeepStrictEqual(JSON.parse(text), expected)) throw new Error(`wrong answer: ${text.slice(0, 300)}`);
        return text.replaceAll(seed, placeholder);
      }),
    );
    return answers[0];
  }

  /** Requests that the subgraphs have had. */
  async countSubgraphRequests() {
    this.subgraphProcess.send({ count: true });
    return (await once(this.subgraphProcess)).count;
  }

  /** One measurement of one gateway: verifies, warms up, measures. */
  async measure(instance, testCase, { mode, connections, warmUpMs, durationMs, sharedSeed }) {
    const response = await this.verify(instance, testCase);
    const body = requestBody(testCase, placeholder);
    const headers = { host: `127.0.0.1:${instance.port}`, ...this.headers, 'content-length': Buffer.byteLength(body) };
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const request = `POST /graphql HTTP/1.1\r\n${head.join('')}\r\n${body}`;
    const { pid, port } = instance;
    this.loadProcess.send({
      run: {
        pid,
        port,
        request,
        response,
        connections,
        warmUpMs,
        durationMs,
        ...(mode === 'identical' && { sharedSeed }),
      },
    });
    const warm = await once(this.loadProcess);
    if (warm.result) throw new Error(warm.result.problems[0]);
    instance.takePeakMemory();
    const before = await this.countSubgraphRequests();
    this.loadProcess.send({ go: true });
    const { result } = await once(this.loadProcess);
    if (result.problems.length > 0) throw new Error(result.problems[0]);
    const subgraphRequests = (await this.countSubgraphRequests()) - before;
    return { ...result, peakMemory: instance.takePeakMemory(), subgraphRequests: subgraphRequests / result.requests };
  }

  /** The last resort, when there is no time to wait: stopped processes would stay for ever. */
  kill() {
    for (const instance of this.instances) if (!instance.hasEnded) signalTree(instance.pid, 'SIGKILL');
    this.removeFiles();
  }

  removeFiles() {
    if (this.directory && !process.env.BENCH_KEEP) rmSync(this.directory, { recursive: true, force: true });
  }

  async close() {
    await Promise.all(this.instances.map((instance) => instance.end()));
    this.subgraphProcess?.kill();
    this.loadProcess?.kill();
    this.removeFiles();
  }
}

module.exports = { Harness };
