/**
 * `node bench/subscriptions.js [--subscribers 5000] [--events 20] [--idle 10000] [--per-socket 1] [--distinct]`
 * One topic told to many: what an event costs the gateway, and graphql-ws over a plain graphql-js schema that does the
 * same join (`plain-subscriptions.js`), in microseconds of processor for each delivery; and what subscriptions that wait
 * take of memory.
 * Every event is compared with what it must be. Needs `npm run build`. Exit status 1 when anything is not as it must be.
 */
'use strict';

const { fork } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { parseArgs } = require('node:util');
const { WebSocket, WebSocketServer } = require('ws');
const { processorTime, residentMemory } = require('./process-stats');

const { values: options } = parseArgs({
  options: {
    subscribers: { type: 'string', default: '5000' },
    events: { type: 'string', default: '20' },
    idle: { type: 'string', default: '10000' },
    'per-socket': { type: 'string', default: '1' },
    distinct: { type: 'boolean', default: false },
    only: { type: 'string', default: 'broadcast,idle' },
    cli: { type: 'string', default: join(__dirname, '../dist/cli.js') },
    flags: { type: 'string', default: '' },
  },
});
const atOnce = 100;
const problems = [];
const textOf = (id) => `Event ${id}, with a text of the length that a short message has: about a hundred characters.`;
const labelOf = (id) => `label of ${id}`;

/** The subgraphs, in this process: `events` over graphql-transport-ws, `labels` over HTTP. They count what they are asked. */
class Subgraphs {
  counts = { subscriptions: 0, messages: 0, joins: 0 };
  open = new Map();

  async start() {
    this.server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (part) => {
        body += part;
      });
      request.on('end', () => {
        const { variables } = JSON.parse(body);
        const [key] = Object.keys(variables);
        this.counts.joins += 1;
        const entities = variables[key].map(({ id }) => ({ __typename: 'Tick', label: labelOf(id) }));
        const text = JSON.stringify({ data: { _entities: entities } });
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
        response.end(text);
      });
    });
    const sockets = new WebSocketServer({ server: this.server });
    sockets.on('connection', (socket) => {
      socket.on('message', (data) => this.read(socket, JSON.parse(data)));
      socket.on('close', () => {
        for (const [key, stream] of this.open) if (stream.socket === socket) this.open.delete(key);
      });
    });
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}`;
  }

  read(socket, { type, id, payload }) {
    if (type === 'connection_init') socket.send('{"type":"connection_ack"}');
    else if (type === 'ping') socket.send('{"type":"pong"}');
    else if (type === 'subscribe') {
      this.counts.subscriptions += 1;
      // A field with arguments comes under a name of the gateway's.
      const [, field = 'tick'] = /(\w+): ?tick\(/.exec(payload.query) ?? [];
      this.open.set(`${this.counts.subscriptions}`, { socket, id, field });
    } else if (type === 'complete') {
      for (const [key, stream] of this.open) if (stream.socket === socket && stream.id === id) this.open.delete(key);
    }
  }

  publish(id) {
    const tick = { __typename: 'Tick', id, text: textOf(id) };
    for (const { socket, id: stream, field } of this.open.values()) {
      this.counts.messages += 1;
      socket.send(JSON.stringify({ id: stream, type: 'next', payload: { data: { [field]: tick } } }));
    }
  }
}

const federation = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])\n`;
const schemas = {
  events: `type Query { now: String }
    type Subscription { tick(room: Int): Tick }
    type Tick @key(fields: "id") { id: ID! text: String }`,
  labels: 'type Tick @key(fields: "id") { id: ID! label: String }',
};

async function startGateway(directory, { url }) {
  for (const [name, sdl] of Object.entries(schemas))
    writeFileSync(join(directory, `${name}.graphql`), federation + sdl);
  const subgraphs = Object.keys(schemas).map(
    (name) => `  ${name}: { routing_url: "${url}", schema: { file: ./${name}.graphql } }`,
  );
  writeFileSync(join(directory, 'supergraph.yaml'), `subgraphs:\n${subgraphs.join('\n')}\n`);
  const subscriptions =
    'subscriptions: { maxConnectionsPerIp: 100000, maxOperationsPerConnection: 1000, idleTimeoutMs: 3600000 }';
  writeFileSync(
    join(directory, 'gateway.yaml'),
    `server: { port: 0 }\ntelemetry: { logLevel: info }\n${subscriptions}\n`,
  );
  const args = ['serve', join(directory, 'supergraph.yaml'), '--config', join(directory, 'gateway.yaml')];
  const execArgv = [
    '--expose-gc',
    '--require',
    join(__dirname, 'report-memory.js'),
    ...options.flags.split(' ').filter(Boolean),
  ];
  return start(options.cli, args, execArgv, /ready at (http[^\s"]+)/);
}

async function start(file, args, execArgv, readyAt) {
  const child = fork(file, args, {
    execArgv,
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (part) => {
    if (output.length < 100_000) output += part;
  });
  for (;;) {
    const found = readyAt.exec(output);
    if (found) return { child, address: found[1] };
    if (child.exitCode !== null) throw new Error(`${file} ended:\n${output}`);
    await sleep(20);
  }
}

async function end({ child }) {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Clients, each of whom must be told every event once, in order. */
class Clients {
  received = 0;
  sockets = [];
  waiting = () => {};

  async open(url, count, perSocket, payloadOf) {
    const sockets = Math.ceil(count / perSocket);
    for (let from = 0; from < sockets; from += atOnce) {
      const length = Math.min(atOnce, sockets - from);
      await Promise.all(Array.from({ length }, (_, index) => this.connect(url, from + index, perSocket, payloadOf)));
    }
  }

  async connect(url, number, perSocket, payloadOf) {
    const socket = new WebSocket(url, 'graphql-transport-ws', { perMessageDeflate: false });
    socket.setMaxListeners(0);
    this.sockets.push(socket);
    socket.on('error', (error) => problems.push(String(error)));
    await once(socket, 'open');
    socket.send('{"type":"connection_init"}');
    await once(socket, 'message');
    for (let index = 0; index < perSocket; index += 1) {
      // As clients do: an id that nobody else has.
      const id = crypto.randomUUID();
      const payload = payloadOf(number * perSocket + index);
      socket.send(JSON.stringify({ id, type: 'subscribe', payload }));
      socket.on('message', (data) => this.read(id, data));
    }
    // Answered after what was sent before it was read.
    const answered = new Promise((resolve) => {
      const isPong = (data) => {
        if (String(data) !== '{"type":"pong"}') return;
        socket.off('message', isPong);
        resolve();
      };
      socket.on('message', isPong);
    });
    socket.send('{"type":"ping"}');
    await answered;
  }

  read(id, data) {
    const text = String(data);
    if (text === '{"type":"pong"}') return;
    const message = JSON.parse(text);
    if (message.id !== id) return;
    if (JSON.stringify(message.payload) !== this.expected) problems.push(`instead of ${this.expected} came ${text}`);
    this.received += 1;
    if (this.received === this.wanted) this.waiting();
  }

  /** Resolves when every client has been told. */
  async hear(id, count, publish) {
    this.received = 0;
    this.wanted = count;
    this.expected = JSON.stringify({ data: { tick: { id, text: textOf(id), label: labelOf(id) } } });
    const heard = new Promise((resolve) => {
      this.waiting = resolve;
    });
    publish();
    await heard;
  }

  close() {
    for (const socket of this.sockets) socket.terminate();
  }
}

const query = 'subscription { tick { id text label } }';
const roomQuery = 'subscription ($room: Int) { tick(room: $room) { id text label } }';
const warmUp = 3;

async function broadcast(name, target, url, publish, subgraphs) {
  const subscribers = Number(options.subscribers);
  const events = Number(options.events);
  const clients = new Clients();
  await clients.open(url, subscribers, 1, () => ({ query }));
  // Those who subscribed last may not be heard yet.
  await sleep(2_000);
  for (let number = 1; number <= warmUp; number += 1)
    await clients.hear(`w${number}`, subscribers, () => publish(`w${number}`));
  const before = { ...subgraphs.counts };
  const cpu = processorTime(target.child.pid);
  const begin = performance.now();
  for (let number = 1; number <= events; number += 1)
    await clients.hear(`e${number}`, subscribers, () => publish(`e${number}`));
  const spent = (processorTime(target.child.pid) - cpu) / (events * subscribers);
  const took = (performance.now() - begin) / events;
  const asked = Object.keys(before).map((key) => `${(subgraphs.counts[key] - before[key]) / events} ${key}`);
  process.stdout.write(
    `${name}: ${spent.toFixed(2)} µs of processor for each delivery, ${took.toFixed(0)} ms for each event to ` +
      `${subscribers} subscribers; for each event ${asked.slice(1).join(', ')}\n`,
  );
  clients.close();
  return spent;
}

async function broadcastPlain(subgraphs, sharing, targets) {
  const plain = await start(join(__dirname, 'plain-subscriptions.js'), [subgraphs.url, sharing], [], /ready at (\d+)/);
  targets.push(plain);
  const publish = (id) => plain.child.stdin.write(`${JSON.stringify({ id, text: textOf(id) })}\n`);
  const name = `graphql-ws, ${sharing ? 'one join shared by all' : 'each its own join'}`;
  return broadcast(name, plain, `ws://127.0.0.1:${plain.address}/graphql`, publish, subgraphs);
}

async function memoryOf({ child }) {
  child.send('memory');
  const [{ heapUsed, external, rss }] = await once(child, 'message');
  return { heap: heapUsed, external, rss: Math.max(rss, residentMemory(child.pid)) };
}

async function idle(target, subgraphs) {
  const count = Number(options.idle);
  const clients = new Clients();
  // The way is compiled, and the first of everything is made.
  await clients.open(target.address.replace('http', 'ws'), 200, 1, () => ({ query }));
  clients.close();
  await sleep(1_000);
  const before = await memoryOf(target);
  const payloadOf = (room) => (options.distinct ? { query: roomQuery, variables: { room } } : { query });
  const waiting = new Clients();
  await waiting.open(target.address.replace('http', 'ws'), count, Number(options['per-socket']), payloadOf);
  await sleep(3_000);
  const after = await memoryOf(target);
  const each = (key) => `${((after[key] - before[key]) / count / 1_024).toFixed(2)} KiB of ${key}`;
  process.stdout.write(
    `${count} subscriptions that wait, ${options['per-socket']} on each socket, ${subgraphs.open.size} at the subgraph: ` +
      `${each('rss')}, ${each('heap')}, ${each('external')} each\n`,
  );
  if ((after.rss - before.rss) / count > 15_000) problems.push('a subscription that waits takes more than 15 KB');
  await waiting.hear('idle', count, () => subgraphs.publish('idle'));
  waiting.close();
}

async function main() {
  const directory = mkdtempSync(join(tmpdir(), 'supergate-bench-'));
  const subgraphs = new Subgraphs();
  await subgraphs.start();
  const gateway = await startGateway(directory, subgraphs);
  const targets = [gateway];
  try {
    if (options.only.includes('broadcast')) {
      const ours = await broadcast(
        'supergate',
        gateway,
        gateway.address.replace('http', 'ws'),
        (id) => subgraphs.publish(id),
        subgraphs,
      );
      for (const sharing of ['', 'shared']) {
        const theirs = await broadcastPlain(subgraphs, sharing, targets);
        process.stdout.write(`${(theirs / ours).toFixed(1)} times below\n`);
        if (sharing === '' && theirs < 5 * ours)
          problems.push('a delivery costs more than a fifth of what it costs there');
      }
    }
    if (options.only.includes('idle')) await idle(gateway, subgraphs);
  } finally {
    await Promise.all(targets.map(end));
    rmSync(directory, { recursive: true });
  }
  for (const problem of problems.slice(0, 5)) process.stdout.write(`wrong: ${problem}\n`);
  process.exit(problems.length > 0 ? 1 : 0);
}

void main();
