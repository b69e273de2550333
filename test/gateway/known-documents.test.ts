import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { createConfig } from '../../src/config';
import { createGateway, type Gateway } from '../../src/gateway';
import { type RunningGateway, serve } from '../../src/main';
import { documentsOf, readManifest } from '../../src/operation/manifests';
import { readOperationFiles } from '../../src/operation/operation-files';
import { KnownDocuments } from '../../src/supergraph/known-documents';
import { silentLog } from '../../src/telemetry/log';
import { federation } from '../support/graph';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';
import { WatchedPlanner } from '../support/watched-planner';

/**
 * What is known before anybody asks, under supergraphs and files that change. Real: files, planner thread, engine, subgraph,
 * and for the last suite the whole server. Observed: what is planned when, which supergraph serves, routes.
 */
jest.setTimeout(60_000);

const full = 'type Query { a: Int b: Int }';
const less = 'type Query { a: Int }';
let directory: string;
let subgraph: SubgraphServer;
let url: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'supergate-known-'));
  subgraph = await createSubgraphServer({ silent: true });
  const resolvers = { Query: { a: () => 1, b: () => 2 } };
  url = subgraph.mount({ name: 'numbers', typeDefs: parse(federation + full), resolvers });
});
afterAll(async () => {
  await subgraph.close();
  rmSync(directory, { recursive: true });
});

function compose(sdl: string): string {
  const { errors, supergraphSdl } = composeServices([{ name: 'numbers', typeDefs: parse(federation + sdl), url }]);
  if (supergraphSdl === undefined) throw errors?.[0];
  return supergraphSdl;
}

const { operations } = readOperationFiles(
  new Map([['a.graphql', 'query A { a }\nquery B($x: Boolean!) { b @skip(if: $x) a }']]),
);
const manifest = readManifest('m.json', JSON.stringify({ c: 'query C { c: a b }', sub: 'query D { nothing }' }));
const set = { operations, documents: [...documentsOf(operations), ...manifest.documents], names: new Set<string>() };

describe('known documents', () => {
  let gateway: Gateway;
  let planner: WatchedPlanner;
  let lines: string[];
  afterEach(() => gateway.stop());

  async function start(misfits: 'report' | 'hold'): Promise<void> {
    const config = createConfig({ telemetry: { logLevel: 'silent' } });
    planner = new WatchedPlanner(config.planner);
    lines = [];
    const log = { ...silentLog, error: (fields: object) => void lines.push(JSON.stringify(fields)) };
    const knownDocuments = new KnownDocuments({ current: set }, { misfits, timeoutMs: 10_000, log });
    gateway = createGateway(
      { supergraph: { sdl: compose(full) }, config },
      { log: silentLog, planner, knownDocuments },
    );
    await gateway.load();
  }
  const ask = (source: string, variables = {}) => gateway.query({ query: source, variables });

  it('are planned before the first request, with each value of their conditions, and not again', async () => {
    await start('report');
    const planned = planner.opened[0]?.planned ?? [];
    const before = planned.length;
    expect(before).toBeGreaterThanOrEqual(3);
    const [a, b, c] = set.documents.map(({ text }) => text) as [string, string, string];
    expect(await ask(a)).toEqual({ data: { a: 1 } });
    expect(await ask(b, { x: true })).toEqual({ data: { a: 1 } });
    expect(await ask(b, { x: false })).toEqual({ data: { a: 1, b: 2 } });
    expect(await ask(c)).toEqual({ data: { c: 1, b: 2 } });
    expect(planned.length).toBe(before);
  });

  it('are planned before a newer supergraph serves, though nobody asked them', async () => {
    await start('report');
    await gateway.update(`${compose(full)}\n# 2`);
    const planned = planner.opened[1]?.planned ?? [];
    const before = planned.length;
    expect(before).toBeGreaterThanOrEqual(3);
    await ask('query A {\n  a\n}');
    expect(planned.length).toBe(before);
  });

  it('that a newer supergraph does not allow are told, and it serves', async () => {
    await start('report');
    lines.length = 0;
    expect(await gateway.update(compose(less))).toMatchObject({ kind: 'swapped' });
    expect(lines.join()).toContain('c: Cannot query field \\"b\\"');
    expect(gateway.supergraphStatus?.kind).toBe('served');
  });

  it('hold a newer supergraph that does not allow them, and another one that does is served', async () => {
    await start('hold');
    const { current } = gateway;
    await expect(gateway.update(compose(less))).rejects.toThrow(
      /3 of 4 known documents do not fit it: B: Cannot query/,
    );
    expect(gateway.current).toBe(current);
    expect(gateway.supergraphStatus).toMatchObject({ kind: 'refused' });
    expect(await ask('{ b }')).toEqual({ data: { b: 2 } });
    const allowed = compose(full.replace('b: Int', 'b: Int nothing: Int'));
    expect(await gateway.update(allowed)).toMatchObject({ kind: 'swapped' });
    expect(planner.opened[1]?.closed).toBe(true);
  });
});

describe('a gateway whose files change', () => {
  let gateway: RunningGateway;
  afterEach(() => gateway.close());
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);

  async function start(section: string): Promise<void> {
    mkdirSync(join(directory, 'operations'), { recursive: true });
    write(
      'operations/a.graphql',
      'query A @rest(path: "/a", unwrap: "a") { a }\nquery B @rest(path: "/b", unwrap: "b") { b }',
    );
    write('m.json', '{"one":"query One { a }"}');
    write('supergraph.graphql', compose(full));
    write(
      'gateway.yaml',
      `server: { port: 0 }\nrest: { operations: ./operations }\ntrustedDocuments: { files: [./m*.json], ${section} }\n`,
    );
    const [supergraph, config] = [join(directory, 'supergraph.graphql'), join(directory, 'gateway.yaml')];
    gateway = await serve({ supergraph, config, env: { LOG_LEVEL: 'silent' } });
  }
  const route = async (path: string) => (await fetch(`${gateway.url}/api${path}`)).status;
  const byId = async (documentId: string): Promise<unknown> => {
    const body = JSON.stringify({ documentId });
    const response = await fetch(gateway.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    return ((await response.json()) as { data?: unknown }).data;
  };
  const health = async () =>
    (await (await fetch(`${gateway.url}/health`)).json()) as { checks: Record<string, unknown> };

  async function until(holds: () => Promise<boolean>): Promise<void> {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  it('serves what is added, and keeps what it has when a change is wrong', async () => {
    await start('mode: only');
    expect([await route('/a'), await byId('one'), await byId('A')]).toEqual([200, { a: 1 }, { a: 1 }]);
    write('m2.json', '{"two":"query Two { b }"}');
    write('operations/c.graphql', 'query C @rest(path: "/c", unwrap: "a") { a }');
    await until(async () => (await route('/c')) === 200);
    expect(await byId('two')).toEqual({ b: 2 });
    write('operations/c.graphql', 'query C @rest(path: "/d", unwrap: "c") { c }');
    write('m2.json', '{"three":"query Two { b }"}');
    // The wrong file holds the right one back, until it is mended.
    write('operations/c.graphql', 'query C @rest(path: "/d", unwrap: "a") { a }');
    await until(async () => (await route('/d')) === 200);
    expect([await route('/c'), await byId('three'), await byId('two')]).toEqual([404, { b: 2 }, undefined]);
  });

  it('has no route that a newer supergraph does not allow, and says so', async () => {
    await start('misfits: report');
    write('supergraph.graphql', compose(less));
    await until(async () => (await route('/b')) === 404);
    expect(await route('/a')).toBe(200);
    await until(async () => 'operations' in (await health()).checks);
    expect((await health()).checks).toMatchObject({ operations: { status: 'degraded', misfits: 1 } });
    write('supergraph.graphql', compose(full));
    await until(async () => (await route('/b')) === 200);
  });

  it('keeps every route where misfits hold a newer supergraph', async () => {
    await start('misfits: hold');
    write('supergraph.graphql', compose(less));
    await until(
      async () =>
        (await health()).checks.supergraph !== undefined &&
        /refused/.test(JSON.stringify((await health()).checks.supergraph)),
    );
    expect([await route('/a'), await route('/b')]).toEqual([200, 200]);
  });
});
