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
import { createConfig } from '../src/config';
import { type ErrorCode, errorTable } from '../src/errors';
import { createGateway } from '../src/gateway';
import { type RunningGateway, serve } from '../src/main';
import { PlannerThread } from '../src/supergraph/planner-client';
import { silentLog } from '../src/telemetry/log';
import { combinatorialSubgraphs } from './supergraph/subgraph-sdl';
import { federation } from './support/graph';
import { createSubgraphServer, type SubgraphServer } from './support/subgraph-server';

jest.setTimeout(30_000);

const schemas: Readonly<Record<string, string>> = {
  things: `
    type Query { thing: Thing html: Int never: Int refuses: Int forbids: Int lies: Int! number(value: Int): Int }
    type Mutation { touch: Int }
    type Subscription { ticks: Int }
    type Thing @key(fields: "id") { id: ID! name: String child: Thing }`,
  sizes: 'type Thing @key(fields: "id") { id: ID! size: Int }',
  down: 'type Query { unreachable: Int }',
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
};

/** Low enough that each limit is met by a short request. */
const gatewayYaml = `
server: { port: 0, maxBodyBytes: 20000, maxHeaderBytes: 4096, headersTimeoutMs: 500 }
limits: { maxTokens: 400, maxDepth: 8, maxAliases: 5, maxRootFields: 20, maxSelections: 60, maxDirectives: 5 }
planner: { timeoutMs: 2000, maxFetches: 2, maxEvaluatedPlans: 1000000 }
subgraphs: { defaults: { timeoutMs: 1000 } }
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
      name === 'down'
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

const scenarios: Readonly<Record<ErrorCode, () => Promise<Observed>>> = {
  BAD_REQUEST: () => request('/graphql', { method: 'POST', headers: json, body: '{"query":' }),
  GRAPHQL_PARSE_FAILED: () => ask('{ thing '),
  GRAPHQL_VALIDATION_FAILED: () => ask('{ nothing }'),
  BAD_USER_INPUT: () => post({ query: 'query($v: Int) { number(value: $v) }', variables: { v: 'one' } }),
  OPERATION_RESOLUTION_FAILURE: () => post({ query: 'query A { thing { id } }', operationName: 'B' }),
  PERSISTED_QUERY_NOT_FOUND: () => post({ extensions: { persistedQuery: { version: 1, sha256Hash: '0'.repeat(64) } } }),
  CSRF_PREVENTED: () => request('/graphql?query={thing{id}}', { method: 'GET' }),
  MAX_TOKENS_LIMIT: () => ask(`{ ${repeat(500, () => 'number')} }`),
  MAX_DEPTH_LIMIT: () => ask(`{ thing ${'{ child '.repeat(10)} { id } ${'}'.repeat(10)} }`),
  MAX_ALIASES_LIMIT: () => ask(`{ ${repeat(6, (index) => `a${index}: number`)} }`),
  MAX_ROOT_FIELDS_LIMIT: () => ask(`{ ${repeat(30, () => 'number')} }`),
  MAX_SELECTIONS_LIMIT: () => ask(`{ thing { ${repeat(70, () => 'id')} } }`),
  MAX_DIRECTIVES_LIMIT: () => ask(`{ thing { ${repeat(6, () => 'id @include(if: true)')} } }`),
  UNAUTHENTICATED: () => post({ query: '{ thing { id } }' }, { authorization: 'Bearer of.nothing.good' }),
  METHOD_NOT_ALLOWED: () => request('/graphql?query=mutation{touch}', { method: 'GET', headers: preflight }),
  NOT_ACCEPTABLE: () => post({ query: '{ thing { id } }' }, { accept: 'image/png' }),
  NOT_FOUND: () => request('/nowhere', { method: 'GET' }),
  REQUEST_TIMEOUT: sendBeginning,
  PAYLOAD_TOO_LARGE: () => ask(`{ thing { id } } # ${'x'.repeat(20_000)}`),
  UNSUPPORTED_MEDIA_TYPE: () =>
    post({ query: '{ thing { id } }' }, { 'content-type': 'application/json; charset=latin1' }),
  REQUEST_HEADERS_TOO_LARGE: () => post({ query: '{ thing { id } }' }, { padding: 'x'.repeat(5_000) }),
  SUBREQUEST_HTTP_ERROR: () => ask('{ unreachable }'),
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
