/**
 * The load generator, a process of its own. One message `{ run }` in, `{ warm: true }` out after the warm-up, any
 * message in to begin, `{ result }` out. It keeps each connection busy with one request at a time and stops by letting
 * the last ones finish, so that processor time and subgraph requests belong to exactly the requests it counts.
 * Every answer is compared with the expected bytes; one that differs is parsed and compared as a value.
 */
'use strict';

const { connect } = require('node:net');
const { performance } = require('node:perf_hooks');
const { isDeepStrictEqual } = require('node:util');
const { seedLength, seedOf } = require('./graph/data');
const { processorTime } = require('./process-stats');

const placeholder = '#'.repeat(seedLength);
const headerEnd = Buffer.from('\r\n\r\n');
const lineEnd = Buffer.from('\r\n');
/** A gateway that answers no more must not hold up the run. */
const lastAnswerMs = 30_000;
// Far from the seeds that the harness verifies with, and never used twice.
let nextSeed = 1_000_000;

/** Bytes with holes for a seed: `{ bytes, offsets }`. */
function createTemplate(text) {
  const bytes = Buffer.from(text);
  const offsets = [];
  for (let at = bytes.indexOf(placeholder); at >= 0; at = bytes.indexOf(placeholder, at + seedLength)) offsets.push(at);
  return { bytes, offsets };
}

function fill({ bytes, offsets }, seed) {
  for (let digit = 0; digit < seedLength; digit += 1) {
    const code = seed.charCodeAt(digit);
    for (let index = 0; index < offsets.length; index += 1) bytes[offsets[index] + digit] = code;
  }
  return bytes;
}

/** The length of the whole response at the start of `buffer`, and its body; undefined while bytes are missing. */
function readResponse(buffer, length) {
  const end = buffer.subarray(0, Math.min(length, 4_096)).indexOf(headerEnd);
  if (end < 0) return undefined;
  const head = buffer.latin1Slice(0, end);
  const bodyStart = end + headerEnd.length;
  const contentLength = /\r\ncontent-length: *(\d+)/i.exec(head);
  const status = Number(head.slice(9, 12));
  if (contentLength) {
    const size = bodyStart + Number(contentLength[1]);
    return length < size ? undefined : { status, body: buffer.subarray(bodyStart, size) };
  }
  const body = readChunks(buffer.subarray(0, length), bodyStart);
  return body && { status, body };
}

function readChunks(buffer, start) {
  const parts = [];
  for (let at = start; ; ) {
    const line = buffer.indexOf(lineEnd, at);
    if (line < 0) return undefined;
    const size = Number.parseInt(buffer.latin1Slice(at, line), 16);
    const next = line + 2 + size + 2;
    if (next > buffer.length) return undefined;
    if (size === 0) return parts.length === 1 ? parts[0] : Buffer.concat(parts);
    parts.push(buffer.subarray(line + 2, line + 2 + size));
    at = next;
  }
}

/** One connection: `ask()` sends a request and resolves when its answer has come and been compared. */
class Connection {
  constructor(run) {
    this.run = run;
    this.request = createTemplate(run.request);
    this.expected = createTemplate(run.response);
    this.buffer = Buffer.alloc(1 << 18);
    this.length = 0;
    this.seed = '';
  }

  open() {
    return new Promise((resolve, reject) => {
      this.socket = connect(this.run.port, '127.0.0.1', resolve);
      this.socket.setNoDelay(true);
      this.socket.on('data', (chunk) => this.receive(chunk));
      this.socket.on('error', (error) => (this.settle ? this.finish(error.message) : reject(error)));
      this.socket.on('close', () => this.settle && this.finish('the connection was closed'));
    });
  }

  ask() {
    if (this.socket.destroyed) return Promise.resolve('the connection was closed');
    const seed = this.run.sharedSeed ?? seedOf(nextSeed++);
    if (seed !== this.seed) {
      fill(this.request, seed);
      this.seed = seed;
      this.isExpectedFilled = false;
    }
    this.length = 0;
    return new Promise((resolve) => {
      this.settle = resolve;
      this.socket.write(this.request.bytes);
    });
  }

  receive(chunk) {
    if (this.length + chunk.length > this.buffer.length) {
      this.buffer = Buffer.concat([this.buffer], (this.length + chunk.length) * 2);
    }
    this.length += chunk.copy(this.buffer, this.length);
    const response = readResponse(this.buffer, this.length);
    if (response) this.finish(this.problemOf(response));
  }

  problemOf({ status, body }) {
    if (status !== 200) return `status ${status}: ${body.toString('utf8', 0, 300)}`;
    if (!this.isExpectedFilled) fill(this.expected, this.seed);
    this.isExpectedFilled = true;
    if (body.equals(this.expected.bytes)) return undefined;
    const isSame = isDeepStrictEqual(JSON.parse(body.toString()), JSON.parse(this.expected.bytes.toString()));
    return isSame ? undefined : `wrong answer: ${body.toString('utf8', 0, 300)}`;
  }

  finish(problem) {
    const { settle } = this;
    this.settle = undefined;
    settle?.(problem);
  }
}

/** Keeps every connection busy for `durationMs`, then lets the last requests finish. A warm-up asks for more. */
async function drive(connections, durationMs, { minRequests = 0, maxMs = durationMs } = {}) {
  const latencies = [];
  const problems = [];
  const begin = performance.now();
  const giveUp = () => {
    for (const connection of connections) connection.finish(`no answer within ${lastAnswerMs} ms`);
  };
  const timer = setTimeout(giveUp, maxMs + lastAnswerMs);
  const isOver = (now) => now >= begin + maxMs || (now >= begin + durationMs && latencies.length >= minRequests);
  await Promise.all(
    connections.map(async (connection) => {
      for (let now = performance.now(); !isOver(now) && problems.length < 10; ) {
        const problem = await connection.ask();
        const after = performance.now();
        latencies.push(after - now);
        now = after;
        if (problem) problems.push(problem);
      }
    }),
  );
  clearTimeout(timer);
  return { latencies, problems, elapsedMs: performance.now() - begin };
}

const nextMessage = () => new Promise((resolve) => process.once('message', resolve));

async function measure(run) {
  const connections = Array.from({ length: run.connections }, () => new Connection(run));
  await Promise.all(connections.map((connection) => connection.open()));
  // Compilers of machine code count calls, not seconds.
  const warmUp = await drive(connections, run.warmUpMs, { minRequests: 2_000, maxMs: 4 * run.warmUpMs });
  process.send({ warm: true });
  await nextMessage();
  const before = processorTime(run.pid);
  const { latencies, problems, elapsedMs } = await drive(connections, run.durationMs);
  const processorMicroseconds = processorTime(run.pid) - before;
  for (const { socket } of connections) socket.destroy();
  latencies.sort((a, b) => a - b);
  const percentile = (share) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))];
  return {
    requests: latencies.length,
    problems: [...warmUp.problems, ...problems],
    cpuMicroseconds: processorMicroseconds / latencies.length,
    requestsPerSecond: (latencies.length / elapsedMs) * 1_000,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
  };
}

async function main() {
  process.on('disconnect', () => process.exit(0));
  for (;;) {
    const { run } = await nextMessage();
    const result = await measure(run).catch((error) => ({ problems: [error.message], requests: 0 }));
    process.send({ result });
  }
}

if (require.main === module) main();

module.exports = { placeholder };
