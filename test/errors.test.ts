/**
 * Every code of the error table, produced by a running gateway: a code that nothing produces has no scenario here.
 * Real: the server as `supergate serve` starts it, its planner thread, HTTP, the subgraphs. Their misbehaviour is
 * scripted, and one supergraph is composed without the satisfiability check, so that an operation has no plan.
 * Observed: the code and the HTTP status that a client reads.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { GraphQLError, parse } from 'graphql';
import { WebSocket } from 'ws';
import type { SubscriptionSink } from '../src/client/door';
import { createIdempotentRequests } from '../src/client/idempotency';
import { createConfig } from '../src/config';
import { createApiKey } from '../src/context/api-key';
import { openDeadline } from '../src/context/deadline';
import { anonymous } from '../src/context/request-context';
import { ClientError, type ErrorCode, errorTable } from '../src/errors';
import { createGateway, type Gateway } from '../src/gateway';
import { type RunningGateway, serve } from '../src/main';
import type { ClientSubscription } from '../src/query-plan/live-subscriptions';
import { openRedis, type RedisConnection } from '../src/redis';
import { PlannerThread } from '../src/supergraph/planner-client';
import { silentLog } from '../src/telemetry/log';
import { combinatorialSubgraphs } from './supergraph/subgraph-sdl';
import { createEventChannel } from './support/event-channel';
import { federation } from './support/graph';
import { createSubgraphServer, type SubgraphServer } from './support/subgraph-server';

jest.setTimeout(30_000);

const schemas: Readonly<Record<string, string>> = {
  things: `
    type Query { thing: Thing html: Int never: Int refuses: Int forbids: Int lies: Int! number(value: Int): Int total(of: [Int]): Int
      secret: Int @federation__authenticated dear: Int @federation__cost(weight: 101)
      sliced(first: Int): [Int] @federation__listSize(slicingArguments: ["first"]) }
    type Mutation { touch: Int }
    type Subscription { ticks: Int }
    type Thing @key(fields: "id") { id: ID! name: String child: Thing children: [Thing] }`,
  sizes: 'type Thing @key(fields: "id") { id: ID! size: Int }',
  down: 'type Query { unreachable: Int }',
  gone: 'type Query { gone: Int }',
  orphans: 'type Query { orphan: Orphan } type Orphan @key(fields: "id") { id: ID! }',
  unreachable: 'type Orphan @key(fields: "id", resolvable: false) { id: ID! lost: Int }',
};
const resolvers = {
  Query: {
    thing: () => ({ id: '1', name: 'one' }),
    number: (_: unknown, { value }: { value: number }) => value,
    refuses: () => {
      throw new Error('no');
    },
    forbids: () => {
      throw new GraphQLError('Not yours.', { extensions: { code: 'FORBIDDEN' } });
    },
  },
  Subscription: { ticks: { subscribe: () => createEventChannel().listen() } },
};

/** Low enough that each limit is met by a short request. */
const gatewayYaml = `
server: { port: 0, maxBodyBytes: 20000, maxHeaderBytes: 4096, headersTimeoutMs: 500 }
authentication: { apiKeys: { url: http://127.0.0.1:1/ } }
subscriptions: { maxConnectionsPerIp: 1, maxOperationsPerConnection: 1 }
limits: { maxTokens: 400, maxDepth: 8, maxAliases: 5, maxRootFields: 20, maxSelections: 60, maxDirectives: 5, maxListDepth: 2, maxVariableValues: 9 }
authorization: { mode: reject }
redis: { url: "redis://127.0.0.1:1" }
rateLimits:
  rules:
    - { name: once, operation: Once, max: 1, window: 1h }
    - { name: checked, operation: Checked, max: 9, window: 1h, onStoreFailure: closed }
cost: { mode: enforce, maxCost: 100 }
planner: { timeoutMs: 2000, maxFetches: 2, maxEvaluatedPlans: 1000000 }
subgraphs: { defaults: { timeoutMs: 1000 }, overrides: { gone: { health: { minimumCalls: 1 } } } }
`;

let directory: string;
let subgraphs: SubgraphServer;
let server: RunningGateway;
let supergraphSdl: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'supergate-errors-'));
  subgraphs = await createSubgraphServer({
    intercept: async ({ query }) => {
      if (query.includes('html')) return { body: '<p>Bad gateway</p>', headers: { 'content-type': 'text/html' } };
      if (query.includes('never')) await new Promise((resolve) => setTimeout(resolve, 3_000).unref());
      return query.includes('lies') ? { body: '{"data":{"lies":null}}' } : undefined;
    },
  });
  supergraphSdl = compose();
  const [supergraph, config] = [join(directory, 'supergraph.graphql'), join(directory, 'gateway.yaml')];
  writeFileSync(supergraph, supergraphSdl);
  writeFileSync(config, gatewayYaml);
  server = await serve({ supergraph, config, env: { LOG_LEVEL: 'silent' } });
});

afterAll(async () => {
  await server?.close();
  await subgraphs?.close();
  rmSync(directory, { recursive: true, force: true });
});

function compose(): string {
  const services = Object.entries(schemas).map(([name, sdl]) => {
    const typeDefs = parse(federation + sdl);
    const url =
      name === 'down' || name === 'gone'
        ? 'http://127.0.0.1:1/'
        : subgraphs.mount({ name, typeDefs, resolvers: name === 'things' ? resolvers : {} });
    return { name, typeDefs, url };
  });
  const hostile = combinatorialSubgraphs(4, 5).map(({ sdl, ...rest }) => ({ ...rest, typeDefs: parse(sdl) }));
  const composed = composeServices([...services, ...hostile], { runSatisfiability: false });
  if (composed.errors) throw composed.errors[0];
  return composed.supergraphSdl;
}

interface Observed {
  readonly code: string | undefined;
  /** Undefined where no HTTP answer was made. */
  readonly status: number | undefined;
}

async function observe(response: Response): Promise<Observed> {
  const { errors } = (await response.json()) as { errors?: { extensions?: { code?: string } }[] };
  return { code: errors?.[0]?.extensions?.code, status: response.status };
}

const json = { 'content-type': 'application/json' };
const preflight = { 'apollo-require-preflight': 'yes' };

async function request(path: string, init: RequestInit): Promise<Observed> {
  return await observe(await fetch(new URL(path, server.graphqlUrl), init));
}

const post = (body: unknown, headers: Record<string, string> = {}) =>
  request('/graphql', { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(body) });
const ask = (query: string) => post({ query });
const repeat = (count: number, part: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => part(index)).join(' ');

/** A client that connects, sends nothing more than the beginning of a request, and waits. */
async function sendBeginning(): Promise<Observed> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.write('POST /graphql HTTP/1.1\r\nhost: slow');
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), code: JSON.parse(body).errors[0].extensions.code };
}

/** Two requests of one Idempotency-Key, before there is an answer to the first. */
async function sentTwice(redis: RedisConnection | undefined): Promise<Observed> {
  const requests = createIdempotentRequests(60_000, redis);
  try {
    await requests.begin('ada', 'key', 'one');
    await requests.begin('ada', 'key', 'one');
  } catch (error) {
    return { code: (error as ClientError).code, status: undefined };
  }
  return { code: undefined, status: undefined };
}

async function openSocket(): Promise<WebSocket> {
  for (;;) {
    const socket = new WebSocket(server.graphqlUrl.replace('http', 'ws'), ['graphql-transport-ws']);
    const opened = await new Promise<boolean>((resolve) => {
      socket.once('open', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    // One that another scenario has left may be counted still.
    if (opened) return socket;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function upgradeStatus(headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = new WebSocket(server.graphqlUrl.replace('http', 'ws'), ['graphql-transport-ws'], { headers });
    socket.once('unexpected-response', (_request, response) => {
      response.resume();
      resolve(response.statusCode);
    });
    socket.on('error', () => {});
  });
}

async function readMetrics(): Promise<string> {
  return await (await fetch(new URL('/metrics', server.url))).text();
}

/** A client that leaves while a subgraph works: nobody reads the code, so the metrics are asked for it. */
async function leave(): Promise<Observed> {
  const body = JSON.stringify({ query: '{ never }' });
  await fetch(server.graphqlUrl, { method: 'POST', headers: json, body, signal: AbortSignal.timeout(200) }).catch(
    () => undefined,
  );
  for (let attempt = 0; attempt < 100; attempt++) {
    const counted = (await readMetrics()).includes('subgraph="things",outcome="SUBREQUEST_ABORTED"} 1');
    if (counted) return { code: 'SUBREQUEST_ABORTED', status: undefined };
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { code: undefined, status: undefined };
}

/** A gateway as an embedder makes it, in a state that a server never shows to a client. */
async function embedded(state: 'not loaded' | 'without its planner thread'): Promise<Observed> {
  const config = createConfig();
  const planner = new PlannerThread(config.planner);
  const gateway = createGateway({ supergraph: { sdl: supergraphSdl }, config }, { planner, log: silentLog });
  if (state !== 'not loaded') await gateway.load();
  await planner.close();
  const { errors } = await gateway.query({ query: '{ thing { id } }' });
  await gateway.stop();
  return { code: errors?.[0]?.extensions.code as string | undefined, status: undefined };
}

/** A gateway with a budget that the first operation spends. */
async function spent(): Promise<Observed> {
  const config = createConfig({ cost: { mode: 'enforce', maxCost: 101, budget: { max: 101, window: '1h' } } });
  const gateway = createGateway({ supergraph: { sdl: supergraphSdl }, config }, { log: silentLog });
  await gateway.load();
  await gateway.query({ query: '{ dear }' });
  const { errors } = await gateway.query({ query: '{ dear }' });
  await gateway.stop();
  return { code: errors?.[0]?.extensions.code as string | undefined, status: undefined };
}

/** A subscription of an embedder, ended by what `befall` does; subgraph `things` never sends an event. */
async function subscribed(befall: (gateway: Gateway, subscription: ClientSubscription) => unknown): Promise<Observed> {
  const config = createConfig({ telemetry: { logLevel: 'silent' } });
  const gateway = createGateway({ supergraph: { sdl: supergraphSdl }, config }, { log: silentLog });
  await gateway.load();
  const prepared = gateway.prepare('subscription { ticks }', undefined);
  if (prepared.kind === 'refused') throw prepared.errors[0];
  const { deadline, dispose } = openDeadline(Date.now() + 5_000, Date.now);
  const calls = { count: 0, failed: 0 };
  const context = { id: 'r1', identity: anonymous, deadline, log: silentLog, subgraphHeaders: {}, calls };
  const code = await new Promise<unknown>((resolve, reject) => {
    const sink: SubscriptionSink = {
      next: () => {},
      end: (end) => resolve(end.kind === 'error' && end.errors[0]?.extensions.code),
    };
    gateway.subscribe(prepared, {}, context, sink).then((subscription) => {
      if (subscription.kind === 'refused') reject(subscription.errors[0]);
      else void befall(gateway, subscription);
    }, reject);
  });
  dispose();
  await gateway.stop();
  return { code: code as string, status: undefined };
}

/** A request to a gateway that takes one at a time, and has one. */
async function overloaded(): Promise<Observed> {
  const config = join(directory, 'overloaded.yaml');
  writeFileSync(config, 'server: { port: 0 }\noverload: { maxInFlight: 1 }\n');
  const supergraph = join(directory, 'supergraph.graphql');
  const gateway = await serve({ supergraph, config, env: { LOG_LEVEL: 'silent' } });
  const left = new AbortController();
  const send = (query: string, signal: AbortSignal | null = null) =>
    fetch(gateway.graphqlUrl, { method: 'POST', headers: json, body: JSON.stringify({ query }), signal });
  try {
    const first = send('{ never }', left.signal).catch(() => undefined);
    let observed = await observe(await send('{ thing { id } }'));
    // The first may not have come yet.
    while (observed.code === undefined) observed = await observe(await send('{ thing { id } }'));
    left.abort();
    await first;
    return observed;
  } finally {
    await gateway.close();
  }
}

/** A request to a gateway with a hook that fails. */
async function hookFails(): Promise<Observed> {
  const gateway = createGateway(
    { supergraph: { sdl: supergraphSdl } },
    {
      log: silentLog,
      hooks: {
        onOperation: () => {
          throw new Error('broken');
        },
      },
    },
  );
  await gateway.load();
  const { errors } = await gateway.query({ query: '{ thing { id } }' });
  await gateway.stop();
  return { code: errors?.[0]?.extensions.code as string, status: undefined };
}

/** One request to a gateway that knows a single document, `one`. */
async function listed(body: object, requireId = false): Promise<Observed> {
  const [config, manifest] = [join(directory, 'listed.yaml'), join(directory, 'manifest.json')];
  writeFileSync(manifest, '{"one":"query One { thing { id } }"}');
  const section = `{ files: [./manifest.json], mode: only, requireId: ${requireId} }`;
  writeFileSync(config, `server: { port: 0 }\ntrustedDocuments: ${section}\n`);
  const supergraph = join(directory, 'supergraph.graphql');
  const gateway = await serve({ supergraph, config, env: { LOG_LEVEL: 'silent' } });
  try {
    return await observe(
      await fetch(gateway.graphqlUrl, { method: 'POST', headers: json, body: JSON.stringify(body) }),
    );
  } finally {
    await gateway.close();
  }
}

const scenarios: Readonly<Record<ErrorCode, () => Promise<Observed>>> = {
  BAD_REQUEST: () => request('/graphql', { method: 'POST', headers: json, body: '{"query":' }),
  GRAPHQL_PARSE_FAILED: () => ask('{ thing '),
  GRAPHQL_VALIDATION_FAILED: () => ask('{ nothing }'),
  BAD_USER_INPUT: () => post({ query: 'query($v: Int) { number(value: $v) }', variables: { v: 'one' } }),
  OPERATION_RESOLUTION_FAILURE: () => post({ query: 'query A { thing { id } }', operationName: 'B' }),
  PERSISTED_QUERY_NOT_FOUND: () => post({ extensions: { persistedQuery: { version: 1, sha256Hash: '0'.repeat(64) } } }),
  PERSISTED_QUERY_NOT_IN_LIST: () => listed({ documentId: 'two' }),
  PERSISTED_QUERY_ID_REQUIRED: () => listed({ query: '{ thing { id } }', variables: {} }, true),
  QUERY_NOT_IN_SAFELIST: () => listed({ query: '{ thing { name } }' }),
  CANNOT_SEND_PQ_ID_AND_BODY: () => listed({ documentId: 'one', query: '{ thing { id } }' }),
  CSRF_PREVENTED: () => request('/graphql?query={thing{id}}', { method: 'GET' }),
  MAX_TOKENS_LIMIT: () => ask(`{ ${repeat(500, () => 'number')} }`),
  MAX_DEPTH_LIMIT: () => ask(`{ thing ${'{ child '.repeat(10)} { id } ${'}'.repeat(10)} }`),
  MAX_ALIASES_LIMIT: () => ask(`{ ${repeat(6, (index) => `a${index}: number`)} }`),
  MAX_ROOT_FIELDS_LIMIT: () => ask(`{ ${repeat(30, () => 'number')} }`),
  MAX_SELECTIONS_LIMIT: () => ask(`{ thing { ${repeat(70, () => 'id')} } }`),
  MAX_DIRECTIVES_LIMIT: () => ask(`{ thing { ${repeat(6, () => 'id @include(if: true)')} } }`),
  MAX_LIST_DEPTH_LIMIT: () => ask('{ thing { children { children { children { id } } } } }'),
  MAX_VARIABLE_VALUES_LIMIT: () =>
    post({ query: 'query($v: [Int]) { total(of: $v) }', variables: { v: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] } }),
  COST_ESTIMATED_TOO_EXPENSIVE: () => ask('{ dear }'),
  LIST_SIZE_ARGUMENT_REQUIRED: () => ask('{ sliced }'),
  COST_BUDGET_EXCEEDED: spent,
  AUTHENTICATION_UNAVAILABLE: () => post({ query: '{ thing { id } }' }, { 'x-api-key': createApiKey().key }),
  UNAUTHENTICATED: () => post({ query: '{ thing { id } }' }, { authorization: 'Bearer of.nothing.good' }),
  UNAUTHORIZED_FIELD_OR_TYPE: () => ask('{ secret }'),
  FORBIDDEN_ORIGIN: async () => ({
    code: 'FORBIDDEN_ORIGIN',
    status: await upgradeStatus({ origin: 'https://evil.test' }),
  }),
  HOOK_FAILED: hookFails,
  OVERLOADED: overloaded,
  TOO_MANY_CONNECTIONS: async () => {
    const first = await openSocket();
    const status = await upgradeStatus({});
    first.terminate();
    return { code: 'TOO_MANY_CONNECTIONS', status };
  },
  MAX_OPERATIONS_LIMIT: async () => {
    const socket = await openSocket();
    const code = await new Promise<string>((resolve) => {
      socket.on('message', (data) => {
        const { type, payload } = JSON.parse(String(data)) as {
          type: string;
          payload: { extensions: { code: string } }[];
        };
        if (type === 'connection_ack')
          for (const id of ['1', '2'])
            socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query: '{ never }' } }));
        else if (type === 'error') resolve(payload[0]?.extensions.code ?? '');
      });
      socket.send('{"type":"connection_init"}');
    });
    socket.terminate();
    return { code, status: undefined };
  },
  IDEMPOTENCY_KEY_CONFLICT: () => sentTwice(undefined),
  IDEMPOTENCY_UNAVAILABLE: async () => {
    const redis = openRedis({ url: 'redis://127.0.0.1:1', timeoutMs: 50, log: silentLog });
    const observed = await sentTwice(redis);
    await redis.close();
    return observed;
  },
  REQUEST_RATE_LIMITED: async () => {
    await ask('query Once { number }');
    return ask('query Once { number }');
  },
  RATE_LIMITS_UNAVAILABLE: () => ask('query Checked { number }'),
  METHOD_NOT_ALLOWED: () => request('/graphql?query=mutation{touch}', { method: 'GET', headers: preflight }),
  NOT_ACCEPTABLE: () => post({ query: '{ thing { id } }' }, { accept: 'image/png' }),
  NOT_FOUND: () => request('/nowhere', { method: 'GET' }),
  REQUEST_TIMEOUT: sendBeginning,
  PAYLOAD_TOO_LARGE: () => ask(`{ thing { id } } # ${'x'.repeat(20_000)}`),
  UNSUPPORTED_MEDIA_TYPE: () =>
    post({ query: '{ thing { id } }' }, { 'content-type': 'application/json; charset=latin1' }),
  REQUEST_HEADERS_TOO_LARGE: () => post({ query: '{ thing { id } }' }, { padding: 'x'.repeat(5_000) }),
  SUBREQUEST_HTTP_ERROR: () => ask('{ unreachable }'),
  SUBGRAPH_UNAVAILABLE: async () => {
    await ask('{ gone }');
    return ask('{ gone }');
  },
  SUBREQUEST_MALFORMED_RESPONSE: () => ask('{ html }'),
  SUBREQUEST_ABORTED: leave,
  INVALID_SUBGRAPH_DATA: () => ask('{ lies }'),
  DOWNSTREAM_SERVICE_ERROR: () => ask('{ refuses }'),
  GATEWAY_TIMEOUT: () => ask('{ never }'),
  QUERY_PLAN_FAILED: () => ask('{ orphan { lost } }'),
  QUERY_PLAN_TIMEOUT: () => ask(`{ t { ${repeat(5, (index) => `f${index} { leaf0 leaf1 leaf2 leaf3 }`)} } }`),
  QUERY_PLAN_TOO_LARGE: () => ask('{ thing { size } html unreachable }'),
  SUPERGRAPH_NOT_READY: () => embedded('not loaded'),
  SUBSCRIPTION_NOT_SUPPORTED: () => ask('subscription { ticks }'),
  SUBSCRIPTION_SCHEMA_RELOAD: () => subscribed((gateway) => gateway.update(supergraphSdl.replaceAll('ticks', 'tocks'))),
  SUBSCRIPTION_JWT_EXPIRED: () =>
    subscribed((_gateway, subscription) =>
      subscription.fail(new ClientError('SUBSCRIPTION_JWT_EXPIRED', 'The token expired.')),
    ),
  INTERNAL_SERVER_ERROR: () => embedded('without its planner thread'),
};

function countOf(metrics: string): number {
  return Number(/supergate_request_errors_total\{code="DOWNSTREAM_SERVICE_ERROR"\} (\d+)/.exec(metrics)?.[1] ?? 0);
}

describe('the error table', () => {
  it('has a scenario for every code', () => {
    expect(Object.keys(scenarios).sort()).toEqual(Object.keys(errorTable).sort());
  });

  it.each(Object.entries(scenarios))('%s is what a client reads', async (code, produce) => {
    const { httpStatus, inAnswer } = errorTable[code as ErrorCode];
    const observed = await produce();
    expect(observed.code).toBe(code);
    if (observed.status !== undefined) expect(observed.status).toBe(inAnswer ? 200 : httpStatus);
  });

  it('leaves a subgraph the code that it chose, and counts it as the error of a subgraph', async () => {
    const before = countOf(await readMetrics());
    expect(await ask('{ forbids }')).toEqual({ code: 'FORBIDDEN', status: 200 });
    expect(countOf(await readMetrics())).toBe(before + 1);
  });
});
