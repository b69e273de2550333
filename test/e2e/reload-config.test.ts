/**
 * A gateway whose `gateway.yaml` changes. Real: the process, its signals, the file, a subgraph over HTTP.
 * Observed: answers, headers that the subgraph gets, lines of the log.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sign } from 'jsonwebtoken';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';
import { type GatewayProcess, startGatewayProcess, writeGraph } from './rolling-restarts';

jest.setTimeout(120_000);

let subgraphs: SubgraphServer;
let directory: string;
let gateway: GatewayProcess;
let told = 0;

beforeAll(async () => {
  subgraphs = await createSubgraphServer();
  directory = writeGraph(subgraphs, '{}');
});
beforeEach(async () => {
  configure('');
  gateway = await startGatewayProcess(directory, [], ['--watch-config']);
  told = 0;
});
afterEach(() => void gateway.child.kill('SIGKILL'));
afterAll(async () => {
  await subgraphs.close();
  rmSync(directory, { recursive: true });
});

function configure(more: string): void {
  writeFileSync(join(directory, 'gateway.yaml'), `server: { port: 0 }\n${more}`);
}

/** Resolves when the gateway has told of one more reload, taken over or refused. */
async function reloaded(): Promise<string> {
  const message = /.*(The configuration was read anew|A configuration is refused).*/g;
  for (;;) {
    const lines = gateway.output().match(message) ?? [];
    const line = lines[told];
    if (line !== undefined) {
      told += 1;
      return line;
    }
    await sleep(20);
  }
}

function fetchHello(headers: Record<string, string>): Promise<Response> {
  return fetch(`${gateway.graphqlUrl}?query=%7Bhello%7D`, { headers: { 'apollo-require-preflight': '1', ...headers } });
}

async function ask(query: string, headers: Record<string, string> = {}) {
  const answer = await fetch(gateway.graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
  });
  return { status: answer.status, text: await answer.text() };
}

describe('a changed configuration', () => {
  it('is taken over without a restart: limits, headers, who may, and the level of the log', async () => {
    const custom = { 'x-custom': 'yes' };
    expect((await ask('{ hello }', custom)).text).toBe('{"data":{"hello":"world"}}');
    expect(subgraphs.requests.at(-1)?.headers).not.toHaveProperty('x-custom');
    configure('headers: { requests: [{ propagate: [x-custom] }] }\nlimits: { maxRootFields: 1 }\n');
    expect(await reloaded()).toContain('"changed":["limits.maxRootFields","headers.requests');
    expect((await ask('{ hello }', custom)).text).toBe('{"data":{"hello":"world"}}');
    expect(subgraphs.requests.at(-1)?.headers['x-custom']).toBe('yes');
    expect((await ask('{ a: hello b: hello }')).text).toContain('MAX_ROOT_FIELDS_LIMIT');

    configure('authentication: { required: true }\ntelemetry: { logLevel: error }\n');
    // Of the line that says so, the level decides: the answer tells instead.
    while ((await ask('{ hello }')).status !== 401) await sleep(20);
    configure('');
    while ((await ask('{ hello }')).status !== 200) await sleep(20);
    expect((await ask('{ a: hello b: hello }')).status).toBe(200);
  });

  it('keeps answers, and tells for whom, as it says then; and no more when it says so', async () => {
    const key = 'a-secret-of-thirty-two-bytes-or-more';
    const cache = 'cache: { answers: private, defaultMaxAgeMs: 600000 }';
    const authentication = (more: string) =>
      `authentication: { ${more} issuers: [{ issuer: i, audiences: [a], algorithms: [HS256], sharedSecret: ${key} }] }`;
    const authorization = `Bearer ${sign({ sub: 'ada' }, key, { issuer: 'i', audience: 'a', expiresIn: '1h' })}`;
    const told = async () => (await fetchHello({ authorization })).headers.get('cache-control');
    const asked = async (times: number) => {
      subgraphs.requests.length = 0;
      for (let time = 0; time < times; time += 1) await told();
      return subgraphs.requests.length;
    };
    configure(`${cache}\n${authentication('')}`);
    expect(await reloaded()).toContain('"cache.answers","cache.defaultMaxAgeMs"');
    expect(await told()).toContain('public');
    expect(await asked(3)).toBe(0);
    configure(`${cache}\n${authentication('required: true,')}`);
    expect(await reloaded()).toContain('"changed":["authentication.required"]');
    expect(await told()).toContain('private');
    configure(authentication(''));
    await reloaded();
    expect(await told()).toBe('no-store');
    expect(await asked(3)).toBe(3);
  });

  it('says what counts only after a restart', async () => {
    writeFileSync(
      join(directory, 'gateway.yaml'),
      'server: { port: 0, graphqlPath: /other }\nlimits: { maxDepth: 9 }\n',
    );
    expect(await reloaded()).toContain('"changed":["limits.maxDepth"]');
    while (!gateway.output().includes('"needRestart":["server.graphqlPath"]')) await sleep(20);
    expect((await ask('{ hello }')).status).toBe(200);
  });

  it('changes nothing when there is a problem with it, and is read at SIGHUP, too', async () => {
    configure('limits: { maxDepth: none }\ntimeouts: { operationMs: 5 }\n');
    gateway.child.kill('SIGHUP');
    expect(await reloaded()).toMatch(/gateway\.yaml:2:\d+ limits\.maxDepth: expected/);
    expect((await ask('{ slow }')).text).toBe('{"data":{"slow":"done"}}');
    configure('limits: { maxDepth: 9 }\n');
    while (!/read anew/.test(await reloaded())) await sleep(20);
    expect((await ask('{ hello }')).status).toBe(200);
  });
});

describe('SIGUSR2', () => {
  it('switches debug lines on, and off again', async () => {
    for (const debug of [true, false]) {
      gateway.child.kill('SIGUSR2');
      while (!gateway.output().includes(`"debug":${debug},"msg":"The log has another level"`)) await sleep(20);
    }
  });
});
