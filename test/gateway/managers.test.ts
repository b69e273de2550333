import { IntrospectAndCompose, LocalCompose, type SupergraphManager } from '@apollo/gateway';
import { parse } from 'graphql';
import { createConfig } from '../../src/config';
import { createGateway, type Gateway } from '../../src/gateway';
import type { SupergraphStatus } from '../../src/supergraph/generations';
import type { SupergraphHooks } from '../../src/supergraph/manager';
import { silentLog } from '../../src/telemetry/log';
import { federation } from '../support/graph';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';

/**
 * Supergraphs that a manager brings, as `@apollo/gateway` defines them. Real: Apollo's managers, subgraphs over HTTP,
 * planner thread, engine. Observed: answers and the status that the gateway tells.
 */
jest.setTimeout(60_000);

let server: SubgraphServer;
let url: string;
let gateway: Gateway | undefined;
const typeDefs = parse(`${federation} type Query { greeting: String }`);
const statuses: SupergraphStatus[] = [];
beforeAll(async () => {
  server = await createSubgraphServer({ silent: true });
  url = server.mount({ name: 'words', typeDefs, resolvers: { Query: { greeting: () => 'hello' } } });
});
afterAll(() => server.close());
beforeEach(() => {
  statuses.length = 0;
});
afterEach(() => gateway?.stop());

async function load(supergraph: Parameters<typeof createGateway>[0]['supergraph']): Promise<Gateway> {
  const config = createConfig({ telemetry: { logLevel: 'silent' } });
  const onSupergraphStatus = (status: SupergraphStatus) => statuses.push(status);
  gateway = createGateway({ supergraph, config }, { log: silentLog, onSupergraphStatus });
  await gateway.load();
  return gateway;
}

const greeting = { data: { greeting: 'hello' } };

it.each<[string, () => SupergraphManager]>([
  [
    'IntrospectAndCompose, which asks the subgraphs',
    () => new IntrospectAndCompose({ subgraphs: [{ name: 'words', url }], subgraphHealthCheck: true }),
  ],
  ['LocalCompose', () => new LocalCompose({ localServiceList: [{ name: 'words', url, typeDefs }] })],
])('serves what a manager of Apollo brings: %s', async (_name, create) => {
  const served = await load(create());
  expect(await served.query({ query: '{ greeting }' })).toEqual(greeting);
  expect(statuses).toMatchObject([{ kind: 'served' }]);
});

describe('a manager of one`s own', () => {
  let hooks: SupergraphHooks;
  let sdl: string;
  let cleanups = 0;
  const cleanup = async () => {
    cleanups += 1;
  };
  const initialize = async (given: SupergraphHooks) => {
    hooks = given;
    const composed = await given.compose([
      { name: 'words', url, sdl: `${federation} type Query { greeting: String }` },
    ]);
    if (composed.kind === 'not-composed') throw new Error('it does not compose');
    sdl = composed.supergraphSdl;
    return { supergraphSdl: sdl, cleanup };
  };

  it('updates, is refused without a rejection, and recovers', async () => {
    const served = await load(initialize);
    await hooks.update(`${sdl}\n# 2`);
    const second = served.current;
    await hooks.update('type Query {');
    expect([served.current, served.supergraphStatus?.kind]).toEqual([second, 'refused']);
    await hooks.update(`${sdl}\n# 2`);
    hooks.reportUnreadable('the registry is down');
    hooks.reportUnreadable('the registry is down');
    await hooks.update(`${sdl}\n# 2`);
    expect(statuses.map(({ kind }) => kind)).toEqual(['served', 'served', 'refused', 'served', 'unreadable', 'served']);
    expect(await served.query({ query: '{ greeting }' })).toEqual(greeting);
  });

  it('can ask whether the subgraphs of a supergraph answer', async () => {
    await load(initialize);
    await expect(hooks.healthCheck(sdl)).resolves.toBeUndefined();
    await expect(hooks.healthCheck(sdl.replace(url, 'http://127.0.0.1:1/graphql'))).rejects.toThrow(
      'These subgraphs do not answer: words.',
    );
  });

  it('is cleaned up when the gateway stops, and when its supergraph cannot be served', async () => {
    cleanups = 0;
    await (await load(initialize)).stop();
    expect(cleanups).toBe(1);
    await expect(load(async () => ({ supergraphSdl: 'type Query {', cleanup }))).rejects.toThrow();
    expect(cleanups).toBe(2);
  });

  it('that has nothing to bring fails the load with its own error', async () => {
    await expect(load(() => Promise.reject(new Error('no registry')))).rejects.toThrow('no registry');
  });
});

it('closes the oldest of the replaced supergraphs when more are draining than allowed', async () => {
  const words = await server.mount({ name: 'words2', typeDefs, resolvers: {} });
  const first = await load(async ({ compose }) => {
    const composed = await compose([
      { name: 'words2', url: words, sdl: `${federation} type Query { greeting: String }` },
    ]);
    if (composed.kind === 'not-composed') throw new Error('it does not compose');
    return { supergraphSdl: composed.supergraphSdl };
  });
  const { supergraphSdl } = first.current!;
  const held = [];
  for (let number = 0; number < 5; number++) {
    first.current!.acquire();
    held.push(first.current!);
    await first.update(`${supergraphSdl}\n# ${number}`);
  }
  await held[1]!.gone;
  expect(held.map(({ isClosed }) => isClosed)).toEqual([true, true, false, false, false]);
  for (const generation of held) generation.release();
});
