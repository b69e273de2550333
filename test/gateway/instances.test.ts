import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { type ConfigInput, createConfig } from '../../src/config';
import { createGateway, type Gateway } from '../../src/gateway';
import { silentLog } from '../../src/telemetry/log';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy';
import { federation } from '../support/graph';

/**
 * The instances of a subgraph over reloads. Real: two instances behind proxies that can fail, HTTP, composition, planner
 * thread, engine, files. Observed: answers, what instances are asked, what is known of them.
 */
jest.setTimeout(60_000);

const typeDefs = parse(`${federation} type Query { hello: String } type Mutation { touch: String }`);
const answers = () => '{"data":{"hello":"world"}}';
let proxies: readonly FaultProxy[];
let gateway: Gateway;
let sdl: string;
const directory = mkdtempSync(join(tmpdir(), 'supergate-instances-'));
afterAll(() => rmSync(directory, { recursive: true }));

beforeEach(async () => {
  proxies = await Promise.all([startFaultProxy({ upstream: answers }), startFaultProxy({ upstream: answers })]);
  sdl = composeServices([{ name: 'a', typeDefs, url: proxies[0]!.url }]).supergraphSdl ?? '';
});
afterEach(async () => {
  await gateway.stop();
  await Promise.all(proxies.map((proxy) => proxy.close()));
});

type Override = NonNullable<NonNullable<ConfigInput['subgraphs']>['overrides']>[string];
const configOf = (override: Override, more: ConfigInput = {}) =>
  createConfig({
    telemetry: { logLevel: 'silent' },
    sharing: { queries: false, subgraphQueries: false },
    subgraphs: { overrides: { a: override } },
    ...more,
  });
async function start(override: Override): Promise<void> {
  gateway = createGateway({ supergraph: { sdl }, config: configOf(override) }, { log: silentLog });
  await gateway.load();
}
const ask = () => gateway.query({ query: '{ hello }' });
const good = { data: { hello: 'world' } };
const known = () => gateway.current!.transport.resilience().get('a')!;
const both = () => ({ instances: proxies.map(({ url }) => ({ url })) });

/** Clients ask without a pause until `isOver`; resolves to every answer that was not good. */
async function load(isOver: () => boolean): Promise<unknown[]> {
  const bad: unknown[] = [];
  const client = async () => {
    while (!isOver()) {
      const { data, errors } = await ask();
      if (errors !== undefined || data?.hello !== 'world') bad.push({ data, errors });
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  return bad;
}

describe('a reload', () => {
  it('fails no query and forgets nothing of the instances', async () => {
    await start(both());
    await proxies[0]!.inject('status 503');
    while (known().instances[0]!.circuit === 'closed') expect(await ask()).toEqual(good);
    const { ejections, latencyMs } = known().instances[0]!;
    let isOver = false;
    const loading = load(() => isOver);
    for (let round = 1; round <= 5; round++) {
      const before = gateway.current;
      await gateway.update(`${sdl}\n# ${round}`);
      expect(gateway.current).not.toBe(before);
      await before?.gone;
      expect(known().instances[0]!.ejections).toBeGreaterThanOrEqual(ejections);
      expect(known().instances[0]!.latencyMs).toBeGreaterThanOrEqual(latencyMs / 2);
    }
    isOver = true;
    expect(await loading).toEqual([]);
  });

  it('of another part of the configuration forgets nothing either, one of the instances does', async () => {
    await start(both());
    await ask();
    const latencies = () => known().instances.map(({ latencyMs }) => latencyMs > 0);
    while (latencies().includes(false)) await ask();
    await gateway.reconfigure(configOf(both(), { limits: { maxDepth: 20 } }));
    expect(latencies()).toEqual([true, true]);
    await gateway.reconfigure(configOf({ ...both(), maxConnections: 5 }));
    expect(latencies()).toEqual([false, false]);
    expect(await ask()).toEqual(good);
  });
});

describe('a file of instances', () => {
  const write = (path: string, targets: readonly string[]) => {
    writeFileSync(`${path}.new`, JSON.stringify([{ targets }]));
    renameSync(`${path}.new`, path);
  };

  it('is followed without a reload, and no query fails when it changes or breaks', async () => {
    const path = join(directory, 'targets.json');
    const urls = proxies.map(({ url }) => url);
    write(path, [urls[0]!]);
    await start({ discovery: { kind: 'file', path, pollMs: 20 } });
    const { current } = gateway;
    let isOver = false;
    const loading = load(() => isOver);
    const isAsked = async (...expected: boolean[]) => {
      const hosts = () => known().instances.map(({ host }) => host);
      const wanted = urls.filter((_, index) => expected[index]).map((url) => new URL(url).host);
      while (hosts().join() !== wanted.join()) await new Promise((resolve) => setTimeout(resolve, 5));
      for (const [index, proxy] of proxies.entries()) {
        const { length } = proxy.requests;
        while (expected[index] && proxy.requests.length < length + 5) await new Promise(setImmediate);
      }
    };
    await isAsked(true, false);
    write(path, urls);
    await isAsked(true, true);
    write(path, [urls[1]!]);
    await isAsked(false, true);
    writeFileSync(path, '[{"targets": [');
    while (!known().discovery?.isStale) await new Promise((resolve) => setTimeout(resolve, 5));
    await isAsked(false, true);
    write(path, urls);
    await isAsked(true, true);
    isOver = true;
    expect(await loading).toEqual([]);
    expect(gateway.current).toBe(current);
  });
});
