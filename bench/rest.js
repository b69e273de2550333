/**
 * `node bench/rest.js [--rounds 12] [--requests 1500]`
 * What a REST route costs beside the GraphQL operation that it is, and what a 304 and a kept answer cost: processor time
 * of one gateway process, the ways in turn in each round. Needs `npm run build`. Exit status 1 when REST costs more than
 * 1.15 times the GraphQL operation.
 */
'use strict';

const { spawn } = require('node:child_process');
const { mkdirSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { createServer, request, Agent } = require('node:http');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { parseArgs } = require('node:util');

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '12' },
    requests: { type: 'string', default: '1500' },
    cli: { type: 'string', default: join(__dirname, '../dist/cli.js') },
  },
});
const rounds = Number(options.rounds);
const requests = Number(options.requests);
const connections = 8;
const ids = 100;

const user = (name) => `query ${name}($id: ID!)`;
const fields = '{ id username displayName bio avatarUrl }';
const operations = `
${user('UserById')} @rest(path: "/users/{id}", unwrap: "user") { user(id: $id) ${fields} }
${user('KeptById')} @rest(path: "/kept/{id}", unwrap: "kept") { kept(id: $id) ${fields} }
`;
const sdl = `directive @cacheControl(maxAge: Int) on FIELD_DEFINITION
type User { id: ID! username: String! displayName: String! bio: String avatarUrl: String }
type Query { user(id: ID!): User kept(id: ID!): User @cacheControl(maxAge: 3600) }`;
/** What the gateway of the reference graph is asked to do for each request; a limit that nobody reaches. */
const config = `server: { port: 0 }
rest: { operations: ./operations }
cache: { answers: public }
subgraphIdentity: { secret: a-secret-of-the-bench-of-32-bytes }
rateLimits:
  rules: [{ name: general, by: global, max: 1000000, window: 1s, algorithm: token-bucket }]
cost: { mode: measure, actual: true }
`;

function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

/** Answers `user` and `kept` with the same person, for any id. */
const subgraph = createServer((incoming, outgoing) => {
  let body = '';
  incoming.on('data', (chunk) => {
    body += chunk;
  });
  incoming.on('end', () => {
    const { query, variables } = JSON.parse(body);
    const person = { username: 'ada', displayName: 'Ada Lovelace', bio: 'Wrote the first program.', avatarUrl: null };
    const name = /\{\s*(\w+:)?\s*(user|kept|_0_user|_0_kept)/.exec(query);
    const key = name?.[1] ? name[1].slice(0, -1) : name?.[2];
    const text = JSON.stringify({ data: { [key]: { id: Object.values(variables)[0], ...person } } });
    outgoing.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    outgoing.end(text);
  });
});

const agent = new Agent({ keepAlive: true, maxSockets: connections });

function send(base, { method = 'GET', path, headers = {}, body, status }) {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${base}${path}`, { method, headers, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => {
        if (response.statusCode !== status) reject(new Error(`${path}: ${response.statusCode} ${text}`));
        else resolve({ text, headers: response.headers });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function processorSeconds(base) {
  const { text } = await send(base, { path: '/metrics', status: 200 });
  return Number(/^process_cpu_seconds_total (\S+)$/m.exec(text)[1]);
}

/** Microseconds of processor time for one request. */
async function measure(base, requestOf) {
  const before = await processorSeconds(base);
  let next = 0;
  const work = async () => {
    while (next < requests) await send(base, requestOf(next++ % ids));
  };
  await Promise.all(Array.from({ length: connections }, work));
  return ((await processorSeconds(base)) - before) * (1e6 / requests);
}

const json = { 'content-type': 'application/json' };
const graphql = (field, id) => ({
  method: 'POST',
  path: '/graphql',
  headers: json,
  body: JSON.stringify({ query: `${user('Bench')} { ${field}(id: $id) ${fields} }`, variables: { id: String(id) } }),
  status: 200,
});
const rest = (route, id, headers = {}, status = 200) => ({ path: `/api/v1/${route}/${id}`, headers, status });

async function main() {
  const directory = mkdtempSync(join(tmpdir(), 'supergate-rest-'));
  const port = await listen(subgraph);
  mkdirSync(join(directory, 'operations'));
  writeFileSync(join(directory, 'operations/users.graphql'), operations);
  writeFileSync(join(directory, 'users.graphql'), sdl);
  const routing = `federation_version: =2.9.0\nsubgraphs:\n  users:\n    routing_url: http://127.0.0.1:${port}\n    schema: { file: ./users.graphql }\n`;
  writeFileSync(join(directory, 'supergraph.yaml'), routing);
  writeFileSync(join(directory, 'gateway.yaml'), config);
  const args = [options.cli, 'serve', join(directory, 'supergraph.yaml'), '--config', join(directory, 'gateway.yaml')];
  const gateway = spawn(process.execPath, args, {
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  gateway.stdout.on('data', (chunk) => {
    if (output.length < 10_000) output += chunk;
  });
  try {
    const found = () => /http:\/\/127\.0\.0\.1:\d+(?=\/graphql)/.exec(output);
    for (let attempt = 0; attempt < 600 && !found(); attempt += 1) await sleep(50);
    if (!found()) throw new Error(`the gateway did not start: ${output}`);
    process.exitCode = await compare(found()[0]);
  } finally {
    gateway.kill('SIGTERM');
    subgraph.close();
    agent.destroy();
    rmSync(directory, { recursive: true });
  }
}

async function compare(base) {
  const tags = [];
  for (let id = 0; id < ids; id += 1) tags.push((await send(base, rest('kept', id))).headers.etag);
  const ways = {
    'GraphQL, executed': (id) => graphql('user', id),
    'REST, executed': (id) => rest('users', id),
    'GraphQL, kept': (id) => graphql('kept', id),
    'REST, kept': (id) => rest('kept', id),
    'REST, 304': (id) => rest('kept', id, { 'if-none-match': tags[id] }, 304),
  };
  const names = Object.keys(ways);
  const results = new Map(names.map((name) => [name, []]));
  // The first rounds warm what is compiled while it runs.
  for (let round = -3; round < rounds; round += 1) {
    for (const name of names) {
      const cost = await measure(base, ways[name]);
      if (round >= 0) results.get(name).push(cost);
    }
  }
  // What others do on the machine only adds: the cheaper rounds tell more.
  const quartile = (name) => [...results.get(name)].sort((one, other) => one - other)[Math.floor(rounds / 4)];
  const shares = new Map(names.map((name) => [name, quartile(name) / quartile(names[0])]));
  for (const name of names) {
    const cost = quartile(name).toFixed(0).padStart(5);
    console.log(`${name.padEnd(20)} ${cost} µs a request, ${shares.get(name).toFixed(2)} of the GraphQL operation`);
  }
  return shares.get('REST, executed') > 1.15 ? 1 : 0;
}

main();
