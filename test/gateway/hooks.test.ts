/**
 * Real: the server as `supergate serve` starts it, with a module of hooks on disk; HTTP, a WebSocket, two subgraphs.
 * Observed: answers, what subgraphs got, and what the hooks were told (they write it to the state of the process).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { createConfig } from '../../src/config';
import type { Hooks } from '../../src/context/hooks';
import { createGateway } from '../../src/gateway';
import { loadHookModule } from '../../src/hooks';
import { serve } from '../../src/main';
import { silentLog } from '../../src/telemetry/log';
import { federation, type Graph, startGraph } from '../support/graph';
import { createSubgraphServer } from '../support/subgraph-server';

jest.setTimeout(60_000);
const subgraphs = [
  {
    name: 'users',
    sdl: 'type Query { me: Int } type Mutation { change: Int }',
    resolvers: { Query: { me: () => 1 }, Mutation: { change: () => 2 } },
  },
  { name: 'carts', sdl: 'type Query { cart: Int }', resolvers: { Query: { cart: () => 3 } } },
];
let hooks: Hooks = {};
let graph: Graph;

beforeAll(async () => {
  // Each test sets its own: the runner sees what is set when a hook is called for.
  const current: Hooks = {
    onRequest: (context) => hooks.onRequest?.(context),
    onOperation: (context) => hooks.onOperation?.(context),
    onSubgraphRequest: (context) => hooks.onSubgraphRequest?.(context),
    onSubgraphResponse: (context) => hooks.onSubgraphResponse?.(context),
    onResponse: (context) => hooks.onResponse?.(context),
  };
  graph = await startGraph(subgraphs, { dependencies: { hooks: current }, config: { hooks: { timeoutMs: 50 } } });
});
afterAll(() => graph.close());
beforeEach(() => {
  hooks = {};
  graph.requests.length = 0;
});

const failed = { message: 'A hook of the gateway failed.', extensions: { code: 'HOOK_FAILED' } };

describe('hooks', () => {
  it('are told of an operation on its way, and share a state', async () => {
    const told: unknown[] = [];
    hooks = {
      onOperation: ({ operation, variables, identity, state }) => {
        state.began = true;
        told.push(['operation', operation, variables, identity.kind]);
      },
      onSubgraphRequest: ({ subgraph, kind, state }) => {
        told.push(['request', subgraph, kind, state.began]);
        return { headers: { 'x-tenant': 'acme' } };
      },
      onSubgraphResponse: ({ subgraph, codes }) => void told.push(['response', subgraph, codes]),
      onResponse: ({ codes, state }) => {
        told.push(['end', codes, state.began]);
        return { extensions: { build: 7 } };
      },
    };
    expect(await graph.query('query Q { me }')).toEqual({ data: { me: 1 }, extensions: { build: 7 } });
    expect(told).toEqual([
      ['operation', { type: 'query', name: 'Q' }, {}, 'anonymous'],
      ['request', 'users', 'query', true],
      ['response', 'users', []],
      ['end', [], true],
    ]);
    expect(graph.requests[0]?.headers['x-tenant']).toBe('acme');
  });

  it('refuse an operation before anything is asked, in their own words', async () => {
    hooks = { onOperation: ({ refuse }) => refuse('BAD_USER_INPUT', 'No such tenant.') };
    const { errors, data } = await graph.query('{ me }');
    expect([errors?.[0]?.message, errors?.[0]?.extensions.code, data]).toEqual([
      'No such tenant.',
      'BAD_USER_INPUT',
      undefined,
    ]);
    expect(graph.requests).toEqual([]);
  });

  it.each<[string, Hooks]>([
    [
      'throw',
      {
        onOperation: () => {
          throw new Error('secret cause');
        },
      },
    ],
    ['reject', { onOperation: async () => Promise.reject(new Error('secret cause')) }],
    ['do not end in time', { onOperation: () => new Promise<never>(() => {}) }],
    ['refuse with a code that there is not', { onOperation: ({ refuse }) => refuse('NO_SUCH_CODE' as never, 'x') }],
    ['answer a header that is none', { onResponse: () => ({ headers: { 'x-a': 'b\r\nc: d' } }) }],
  ])('that %s are a defined error, which tells nothing', async (_what, failing) => {
    hooks = failing;
    expect(JSON.parse(JSON.stringify(await graph.query('{ me }')))).toEqual({ errors: [failed] });
  });

  it('of a subgraph fail its fields alone', async () => {
    hooks = {
      onSubgraphRequest: ({ subgraph }) => {
        if (subgraph === 'carts') throw new Error('broken');
      },
    };
    const result = JSON.parse(JSON.stringify(await graph.query('{ me cart }')));
    expect(result).toEqual({
      errors: [{ ...failed, path: ['cart'], extensions: { code: 'HOOK_FAILED', serviceName: 'carts' } }],
      data: { me: 1, cart: null },
    });
    hooks = { onSubgraphResponse: ({ refuse }) => refuse('DOWNSTREAM_SERVICE_ERROR', 'Not this answer.') };
    const refused = await graph.query('mutation { change }');
    expect(refused.errors?.[0]).toMatchObject({ message: 'Not this answer.', path: ['change'] });
    expect(refused.data).toEqual({ change: null });
  });

  it('never write what belongs to the gateway or to a connection', async () => {
    hooks = { onSubgraphRequest: () => ({ headers: { 'x-deadline-ms': '1', 'content-length': '1', 'x-own': 'a' } }) };
    expect(await graph.query('{ me }')).toEqual({ data: { me: 1 } });
    expect(graph.requests[0]?.headers).toMatchObject({ 'x-own': 'a' });
    expect(Number(graph.requests[0]?.headers['x-deadline-ms'])).toBeGreaterThan(1);
  });

  it('cost nothing where there are none', async () => {
    const sdl = composeServices([
      { name: 'a', typeDefs: parse(`${federation} type Query { a: Int }`), url: 'http://localhost:1' },
    ]);
    const gateway = createGateway(
      { supergraph: { sdl: sdl.supergraphSdl ?? '' }, config: createConfig({ telemetry: { logLevel: 'silent' } }) },
      { log: silentLog },
    );
    expect(gateway.hooks).toBeUndefined();
  });
});

describe('a module of hooks', () => {
  const directory = mkdtempSync(join(tmpdir(), 'supergate-hooks-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  const moduleOf = (name: string, text: string) => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };

  it('exports hooks and policies', async () => {
    const path = moduleOf('good.cjs', 'exports.onOperation = () => {}; exports.policies = { mine: () => true };');
    const loaded = await loadHookModule(path);
    expect(Object.keys(loaded.hooks)).toEqual(['onOperation']);
    expect(loaded.policies.mine?.({} as never)).toBe(true);
  });

  it.each([
    ['onOperatio.cjs', 'exports.onOperatio = () => {};', 'exports "onOperatio"; known are onRequest, onOperation'],
    ['number.cjs', 'exports.onOperation = 1;', 'exports "onOperation", which is no function'],
    ['policies.cjs', 'exports.policies = { mine: 1 };', 'the policy "mine" is no function'],
    ['broken.cjs', 'throw new Error("no");', 'cannot be loaded'],
  ])('is refused with its reason: %s', async (name, text, problem) => {
    await expect(loadHookModule(moduleOf(name, text))).rejects.toThrow(problem);
  });
});

describe('hooks of a server', () => {
  it('let requests in, or not, and add headers to answers, over HTTP and WebSockets', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'supergate-hooks-'));
    const at = (name: string) => join(directory, name);
    const typeDefs = parse(`${federation} type Query { me: Int }`);
    const server = await createSubgraphServer();
    const url = server.mount({ name: 'a', typeDefs, resolvers: { Query: { me: () => 1 } } as never });
    writeFileSync(at('supergraph.graphql'), composeServices([{ name: 'a', typeDefs, url }]).supergraphSdl ?? '');
    writeFileSync(
      at('hooks.cjs'),
      `exports.onRequest = ({ header, clientAddress, refuse, state }) => {
        state.tenant = header('x-tenant');
        if (state.tenant === undefined) refuse('UNAUTHENTICATED', 'Which tenant? ' + typeof clientAddress);
      };
      exports.onResponse = ({ state }) => ({ headers: { 'x-tenant': state.tenant, 'content-length': '1' } });`,
    );
    writeFileSync(
      at('gateway.yaml'),
      'server: { port: 0 }\nhooks: { module: ./hooks.cjs }\ntelemetry: { logLevel: silent }\n',
    );
    const gateway = await serve({ supergraph: at('supergraph.graphql'), config: at('gateway.yaml'), env: {} });
    const ask = (headers: Record<string, string>) =>
      fetch(gateway.graphqlUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{"query":"{ me }"}',
      });
    const answer = await ask({ 'x-tenant': 'acme' });
    expect([await answer.json(), answer.headers.get('x-tenant')]).toEqual([{ data: { me: 1 } }, 'acme']);
    const refused = await ask({});
    expect([refused.status, await refused.json()]).toEqual([
      401,
      { errors: [{ message: 'Which tenant? string', extensions: { code: 'UNAUTHENTICATED' } }] },
    ]);
    const socket = createClient({
      url: gateway.graphqlUrl.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      retryAttempts: 0,
    });
    const ended = new Promise<unknown>((resolve) => {
      socket.subscribe({ query: '{ me }' }, { next: resolve, error: resolve, complete: () => {} });
    });
    expect(await ended).toMatchObject([{ message: 'Which tenant? string' }]);
    await socket.dispose();
    await gateway.close();
    await server.close();
    rmSync(directory, { recursive: true });
  });
});
