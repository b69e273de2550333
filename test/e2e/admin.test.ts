/**
 * The endpoints for operators of a gateway as `supergate serve` starts it. Real: the process, its files, a subgraph.
 * Observed: what the endpoints answer and change.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';
import { type GatewayProcess, startGatewayProcess, writeGraph } from './rolling-restarts';

jest.setTimeout(90_000);

const secret = 'not-to-be-shown-not-to-be-shown-not';
let subgraphs: SubgraphServer;
let directory: string;
let gateway: GatewayProcess;
let adminUrl = '';

beforeAll(async () => {
  subgraphs = await createSubgraphServer();
  directory = writeGraph(subgraphs, '{}');
  writeFileSync(
    join(directory, 'gateway.yaml'),
    `server: { port: 0 }\nadmin: { port: 0 }\ntelemetry: { explain: { token: ${secret} } }\nsubgraphIdentity:\n  secret: ${secret}\ntimeouts: { readinessMs: 0, drainMs: 2000 }\nrest: { operations: ./operations }\n`,
  );
  mkdirSync(join(directory, 'operations'));
  writeFileSync(
    join(directory, 'operations/hello.graphql'),
    'query Hello @rest(path: "/hello", unwrap: "hello") { hello }',
  );
  gateway = await startGatewayProcess(directory);
  adminUrl = await gateway.adminUrl();
});
afterAll(async () => {
  gateway?.child.kill('SIGKILL');
  await subgraphs?.close();
  rmSync(directory, { recursive: true });
});

const admin = (path: string, method = 'GET', body?: unknown) =>
  fetch(adminUrl + path, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
const json = async (path: string, method?: string, body?: unknown) => (await admin(path, method, body)).json();
const ask = (query: string) =>
  fetch(gateway.graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  }).then((answer) => answer.json());

describe('an explained request', () => {
  it('is told on both lanes how its answer came to be, and only with the token', async () => {
    const headers = { 'content-type': 'application/json', 'x-supergate-explain': secret };
    const query = '{ hello }';
    const posted = await fetch(gateway.graphqlUrl, { method: 'POST', headers, body: JSON.stringify({ query }) });
    const got = await fetch(`${gateway.graphqlUrl}?query=${encodeURIComponent(query)}`, { headers });
    for (const answer of [posted, got]) {
      expect(await answer.json()).toMatchObject({
        data: { hello: 'world' },
        extensions: {
          queryPlan: { steps: [[{ subgraph: 'a' }]] },
          trace: { fetches: [{ outcome: 'ok' }], whyNull: [] },
        },
      });
    }
    expect(await ask(query)).toEqual({ data: { hello: 'world' } });
  });

  it('is told on a socket by what its extensions say, and nothing to others on it', async () => {
    const socket = new WebSocket(gateway.graphqlUrl.replace('http', 'ws'), 'graphql-transport-ws');
    await once(socket, 'open');
    const results: { payload: { extensions?: unknown } }[] = [];
    const both = new Promise<void>((resolve) => {
      socket.on('message', (text) => {
        const message = JSON.parse(String(text)) as { type: string; payload: object };
        if (message.type === 'next') results.push(message);
        if (results.length === 2) resolve();
      });
    });
    const send = (message: object) => socket.send(JSON.stringify(message));
    send({ type: 'connection_init' });
    await once(socket, 'message');
    const query = '{ hello }';
    for (const extensions of [{ 'x-supergate-explain': secret }, { 'x-supergate-explain': 'another' }])
      send({ type: 'subscribe', id: extensions['x-supergate-explain'], payload: { query, extensions } });
    await both;
    socket.terminate();
    expect(results).toEqual(
      expect.arrayContaining([
        {
          id: secret,
          type: 'next',
          payload: { data: { hello: 'world' }, extensions: expect.objectContaining({ trace: expect.anything() }) },
        },
        { id: 'another', type: 'next', payload: { data: { hello: 'world' } } },
      ]),
    );
  });

  it('of a REST route is answered as ever', async () => {
    const url = gateway.graphqlUrl.replace('/graphql', '/api/v1/hello');
    const answer = await fetch(url, { headers: { 'x-supergate-explain': secret } });
    expect([answer.status, await answer.text()]).toEqual([200, '"world"']);
  });

  it('is run by `supergate plan --analyze`, against the subgraphs', async () => {
    writeFileSync(join(directory, 'asked.graphql'), 'query A { hello } mutation M { x }');
    writeFileSync(join(directory, 'query.graphql'), 'query A { hello } query B { slow }');
    const analyze = async (file: string) => {
      const words = ['plan', join(directory, file), '--analyze', '--supergraph', join(directory, 'supergraph.yaml')];
      // The subgraph is in this process: it must not wait.
      const child = spawn(process.execPath, ['--require', 'tsx/cjs', join(__dirname, '../../src/cli.ts'), ...words]);
      let stdout = '';
      child.stdout.on('data', (chunk) => {
        stdout += chunk;
      });
      const [status] = await once(child, 'close');
      return { status, stdout };
    };
    const { stdout, status } = await analyze('query.graphql');
    expect(stdout).toMatch(/^A: fetch 1 from a\n.*\nanswered in [\d.]+ ms\ncall 0: a ok in .*\n\nB: fetch 1 from a\n/);
    expect(status).toBe(0);
    expect(await analyze('asked.graphql')).toMatchObject({ status: 1, stdout: expect.stringContaining('refused') });
  });
});

describe('the endpoints for operators', () => {
  it('tell health, metrics, the generation and the instances', async () => {
    expect(await json('/health')).toMatchObject({ status: 'up', checks: { 'subgraph:a': { status: 'up' } } });
    await ask('{ hello }');
    const metrics = await (await admin('/metrics')).text();
    expect(metrics).toMatch(/\nsupergate_requests_in_flight \d+\n/);
    for (const phase of ['prepare', 'plan', 'admit', 'execute'])
      expect(metrics).toMatch(new RegExp(`supergate_operation_phase_seconds_count\\{phase="${phase}"\\} [1-9]`));
    for (const direction of ['request', 'response'])
      expect(metrics).toMatch(new RegExp(`supergate_body_bytes_sum\\{direction="${direction}"\\} [1-9]`));
    expect(metrics).toMatch(/supergate_prepared_entries\{cache="plans"\} [1-9]/);
    expect(await json('/generation')).toMatchObject({
      current: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/), subgraphs: ['a'] },
      newest: { kind: 'served' },
    });
    expect(await json('/instances')).toMatchObject({
      a: { instances: [{ host: expect.stringMatching(/^127/), circuit: 'closed', outstanding: 0 }] },
    });
  });

  it('show where each value of the configuration comes from, and no secret', async () => {
    const answer = await admin('/config');
    const text = await answer.text();
    expect(text).not.toContain(secret);
    expect(JSON.parse(text)).toMatchObject({
      'server.port': { value: 0, source: expect.stringMatching(/gateway\.yaml:1$/) },
      'subgraphIdentity.secret': { value: '(hidden)', source: expect.stringMatching(/gateway\.yaml:5$/) },
      'server.graphqlPath': { value: '/graphql', source: 'default' },
    });
  });

  it('show what is cached, and forget it', async () => {
    await ask('{ hello }');
    await ask('{ hello }');
    // The operation of the route is the other one.
    const before = (await json('/caches')) as Record<string, { entries: number; hits: number }>;
    expect(before).toMatchObject({ documents: { entries: 2 }, plans: { entries: 2, misses: 2 } });
    expect(before.documents?.hits).toBeGreaterThan(0);
    expect(await json('/caches/flush', 'POST')).toMatchObject({ documents: { entries: 0 }, plans: { entries: 0 } });
    expect(await ask('{ hello }')).toEqual({ data: { hello: 'world' } });
    expect(await json('/caches')).toMatchObject({ plans: { entries: 1, misses: 3 } });
  });

  it('call answers old by their tags', async () => {
    for (const body of [undefined, {}, { tags: [] }, { tags: 'Post' }, { tags: ['Post', 7] }, { tags: [''] }])
      expect((await admin('/cache/invalidate', 'POST', body)).status).toBe(400);
    expect(await json('/cache/invalidate', 'POST', { tags: ['Post:7', '*'] })).toEqual({ tags: ['Post:7', '*'] });
  });

  it('change the level of the log', async () => {
    expect((await admin('/log-level', 'PUT', { level: 'loud' })).status).toBe(400);
    expect(await json('/log-level', 'PUT', { level: 'error' })).toEqual({ level: 'error' });
    expect(await json('/log-level')).toEqual({ level: 'error' });
    await ask('query Quiet { hello }');
    expect(await json('/log-level', 'PUT', { level: 'info' })).toEqual({ level: 'info' });
    await ask('query Loud { hello }');
    while (!gateway.output().includes('"operation":"Loud"')) await sleep(20);
    expect(gateway.output()).not.toContain('"operation":"Quiet"');
  });

  it('end the process as SIGTERM does', async () => {
    const ended = new Promise((resolve) => gateway.child.once('exit', resolve));
    expect(await json('/drain', 'POST')).toEqual({ draining: true });
    expect(await ended).toBe(0);
  });
});
