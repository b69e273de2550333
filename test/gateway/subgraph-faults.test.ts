import { openDeadline } from '../../src/context/deadline';
import { anonymous } from '../../src/context/request-context';
import { silentLog } from '../../src/telemetry/log';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy';
import { type FaultKind, faultKinds, isBodyFault, type ProxiedRequest } from '../support/faults';
import { type Graph, startGraph } from '../support/graph';
import { subscribe } from '../support/live-client';

/**
 * Every fault of a subgraph at every place where it can show: a fetch of root fields, a fetch of entities, a subscription
 * over WebSocket and one over SSE. Real: composition, planner thread, engine, transport, sockets; `accounts` is well,
 * `users` (and `streams`, the same over SSE) is the proxy. Observed: the answers. What is well is there, what is not has an
 * error with path, code and subgraph, nothing internal is told, every answer comes, every connection is closed.
 */
jest.setTimeout(30_000);

const ids = [{ id: '1' }, { id: '2' }];
const user = 'type User @key(fields: "id")';
const subgraphs = [
  {
    name: 'accounts',
    sdl: `type Query { hello: String them: [User!]! } ${user} { id: ID! email: String }`,
    resolvers: {
      Query: { hello: () => 'hi', them: () => ids },
      User: { __resolveReference: (one: object) => one, email: ({ id }: { id: string }) => `${id}@example.org` },
    },
  },
  {
    name: 'users',
    sdl: `type Query { user: User } type Subscription { user: User } ${user} { id: ID! name: String }`,
    resolvers: {},
  },
  {
    name: 'streams',
    sdl: `type Query { streams: Int } type Subscription { streamed: User } ${user} { id: ID! }`,
    resolvers: {},
  },
];

/** What `users` and `streams` answer when they are well. */
function healthy({ body }: ProxiedRequest): string {
  const { query = '' } = body === '' ? {} : (JSON.parse(body) as { query?: string });
  if (query.includes('_entities')) return '{"data":{"_entities":[{"name":"Ada"},{"name":"Bea"}]}}';
  const field = /\{\s*(\w+)/.exec(query)?.[1] ?? '';
  return JSON.stringify({ data: { [field]: { __typename: 'User', id: '1' } } });
}

const places = ['root fields', 'entities', 'events'] as const;
type Outcomes = readonly string[];

/** What comes of each fault, in the order of `places`: the code of the errors, or that the answer is well or null. */
const http: Outcomes = ['SUBREQUEST_HTTP_ERROR', 'SUBREQUEST_HTTP_ERROR', 'lost'];
const malformed: Outcomes = ['SUBREQUEST_MALFORMED_RESPONSE', 'SUBREQUEST_MALFORMED_RESPONSE', 'lost'];
const malformedEvent: Outcomes = Array(3).fill('SUBREQUEST_MALFORMED_RESPONSE');
const late: Outcomes = ['GATEWAY_TIMEOUT', 'GATEWAY_TIMEOUT', 'lost'];
/** Answers that are no event stream, nor the beginning of a WebSocket. */
const well: Outcomes = ['well', 'well', 'lost'];
const wellEvent: Outcomes = ['well', 'well', 'well'];
const failed: Outcomes = Array(3).fill('DOWNSTREAM_SERVICE_ERROR');
const wrong: Outcomes = ['INVALID_SUBGRAPH_DATA', 'SUBREQUEST_MALFORMED_RESPONSE', 'INVALID_SUBGRAPH_DATA'];
const noUser: Outcomes = ['null', 'SUBREQUEST_MALFORMED_RESPONSE', 'null'];
const noEntities: Outcomes = ['well', 'SUBREQUEST_MALFORMED_RESPONSE', 'well'];

const expected: Record<FaultKind, Outcomes> = {
  none: wellEvent,
  refused: http,
  'reset before headers': http,
  'closed before headers': http,
  'half-closed before headers': http,
  'reset after headers': http,
  'closed in the body': http,
  'closed in a chunked body': http,
  'half-open': late,
  'never answers': late,
  'headers never end': late,
  'slow headers': late,
  'body stalls': late,
  'slow body': late,
  'slow first byte': well,
  'stale keep-alive': well,
  'stale keep-alive, reset': well,
  'status 400': http,
  'status 401': http,
  'status 403': http,
  'status 404': http,
  'status 429': http,
  'status 500': http,
  'status 502': http,
  'status 503': http,
  'status 503 for a minute': http,
  'status 503 until a date': http,
  'status 500 with other JSON': http,
  'status 500 with data only': http,
  'status 500 with an endless page': http,
  'status 400 with GraphQL errors': ['DOWNSTREAM_SERVICE_ERROR', 'DOWNSTREAM_SERVICE_ERROR', 'lost'],
  'status 204': malformed,
  'status 304': http,
  'redirect 301': http,
  'redirect 302': http,
  'redirect 303': http,
  'redirect 307': http,
  'redirect 308': http,
  'HTML with 200': malformed,
  'wrong content type': malformed,
  'wrong charset': malformed,
  'no content type': well,
  'not HTTP': http,
  'invalid chunk': http,
  'flood of headers': http,
  'thousands of headers': http,
  'two lengths': http,
  'length and chunks': http,
  'length below zero': http,
  'header split by a carriage return': http,
  'header over two lines': http,
  'header without a colon': http,
  'header name with a space': http,
  'NUL in a header': http,
  'unasked upgrade': http,
  'interim responses': well,
  'interim responses without end': http,
  'HTTP/1.0': well,
  'HTTP/1.0 with chunks': http,
  'connection: close': well,
  'body shorter than announced': http,
  'body longer than announced': malformed,
  'two answers': well,
  'another answer later': well,
  'huge body': malformed,
  'huge announced body': malformed,
  gzip: well,
  deflate: well,
  brotli: well,
  'gzip bomb': malformed,
  'brotli bomb': malformed,
  'truncated gzip': malformed,
  'truncated deflate': malformed,
  'truncated brotli': malformed,
  'gzip that is none': malformed,
  'gzip in gzip': malformed,
  'unknown encoding': malformed,
  'empty body': malformedEvent,
  'truncated JSON': malformedEvent,
  'invalid JSON': malformedEvent,
  'two values': malformedEvent,
  'invalid UTF-8': malformed,
  'UTF-16': malformedEvent,
  'byte order mark': ['well', 'well', 'SUBREQUEST_MALFORMED_RESPONSE'],
  'answer is an array': malformedEvent,
  'answer is null': malformedEvent,
  'answer is a string': malformedEvent,
  'answer is a number': malformedEvent,
  'empty object': malformedEvent,
  'data is a string': malformedEvent,
  'data is an array': malformedEvent,
  'data is a number': malformedEvent,
  'data is null without errors': malformedEvent,
  'data is null with an error': failed,
  'data is empty': noUser,
  'errors is a string': malformedEvent,
  'errors is an object': malformedEvent,
  'errors is empty and no data': malformedEvent,
  'error without message': failed,
  'error without path': failed,
  'error that is a string': failed,
  'error that is null': failed,
  'error with a path that is none': failed,
  'error with a path of wrong types': failed,
  'error with a path that leads nowhere': failed,
  'error with a message of a wrong type': failed,
  'error with a huge message': failed,
  'error with a hostile message': failed,
  'error with internals': ['DENIED', 'DENIED', 'DENIED'],
  'thousands of errors': Array(3).fill('well, with DOWNSTREAM_SERVICE_ERROR'),
  'deep JSON': wrong,
  'duplicate keys': wellEvent,
  '__proto__ keys': wellEvent,
  'extra fields': wellEvent,
  'value is a string': wrong,
  'value is a number': wrong,
  'value is a list': wrong,
  'value is an empty object': wrong,
  'value is null': noUser,
  'entities too short': noEntities,
  'entities too long': noEntities,
  'entities null': noEntities,
  'entities an object': noEntities,
  'entities a string': noEntities,
  'entity null': ['well', 'null', 'well'],
  'entity a string': noEntities,
  'entity of another type': wellEvent,
  'entities nested in lists': noEntities,
};

/** Over a WebSocket, what is no JSON is no message either: the subgraph has broken the protocol. */
const noMessage: readonly FaultKind[] = [
  'empty body',
  'truncated JSON',
  'invalid JSON',
  'two values',
  'UTF-16',
  'byte order mark',
];

interface ClientError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions: { readonly code: string; readonly serviceName?: string };
}
interface ClientAnswer<T> {
  readonly data: T;
  readonly errors?: readonly ClientError[];
}
interface User {
  readonly id: string;
  readonly email: string;
}

/** Nothing of subgraphs but their names, and of errors but their own messages. */
const internal = /127\.0\.0\.1|localhost|10\.0\.0\.7|\/srv|node_modules|\bat \S+:\d|<html|polluted|forged|stacktrace/;

let proxy: FaultProxy;
let graph: Graph;
beforeAll(async () => {
  proxy = await startFaultProxy({ upstream: healthy, slowMs: 30 });
  const { url } = proxy;
  const subscription = { reconnectMs: 1, connectTimeoutMs: 500 };
  const defaults = { maxResponseBytes: 1_000_000, health: { minimumCalls: 1_000_000 }, subscription };
  const overrides = { users: { url }, streams: { url, subscription: { protocol: 'sse' } } };
  graph = await startGraph(subgraphs, { config: { subgraphs: { defaults, overrides } } });
  for (const query of [rootQuery, entityQuery]) await ask(query, 10_000);
});
afterAll(async () => {
  await proxy.inject('none');
  await graph.close();
  expect(await proxy.settled(0)).toBe(0);
  await proxy.close();
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

const rootQuery = '{ hello user { id email } }';
const entityQuery = '{ them { email name } }';

/** The answer to a client who waits so long. */
async function ask<T>(query: string, patienceMs: number): Promise<ClientAnswer<T>> {
  const prepared = graph.gateway.prepare(query, undefined);
  if (prepared.kind === 'refused') throw prepared.errors[0];
  const { deadline, dispose } = openDeadline(Date.now() + patienceMs, Date.now);
  const calls = { count: 0, failed: 0 };
  const context = { id: 'test', identity: anonymous, deadline, log: silentLog, subgraphHeaders: {}, calls };
  const answer = await graph.gateway.answer(prepared, {}, context).finally(dispose);
  const text = answer.kind === 'text' ? answer.body : JSON.stringify(answer.result);
  expect(text).not.toMatch(internal);
  return JSON.parse(text) as ClientAnswer<T>;
}

/** Fails where an error has not what it must have. */
function codeOf(errors: readonly ClientError[], path?: RegExp): string {
  for (const error of errors) {
    expect(error.extensions.serviceName).toMatch(/^(users|streams)$/);
    expect(error.message.length).toBeLessThanOrEqual(2_003);
    if (path) expect(JSON.stringify(error.path)).toMatch(path);
  }
  const codes = [...new Set(errors.map(({ extensions }) => extensions.code))];
  expect(codes).toHaveLength(1);
  return codes[0]!;
}

/** What became of a part of the answer that is `value` when all is well. */
function outcomeOf(value: unknown, whole: unknown, errors: readonly ClientError[] | undefined, path: RegExp): string {
  if (value === null) return errors ? codeOf(errors, path) : 'null';
  expect(value).toEqual(whole);
  return errors ? `well, with ${codeOf(errors)}` : 'well';
}

const ada = { id: '1', email: '1@example.org' };
const observe: Record<(typeof places)[number], (fault: FaultKind, patienceMs: number) => Promise<string>> = {
  'root fields': async (_fault, patienceMs) => {
    const { data, errors } = await ask<{ hello: string; user: User | null }>(rootQuery, patienceMs);
    expect(data.hello).toBe('hi');
    return outcomeOf(data.user, ada, errors, /^\["user"/);
  },
  entities: async (_fault, patienceMs) => {
    const { data, errors } = await ask<{ them: { email: string; name: string | null }[] }>(entityQuery, patienceMs);
    expect(data.them.map(({ email }) => email)).toEqual(['1@example.org', '2@example.org']);
    const names = data.them.map(({ name }) => name);
    if (errors && names[0] === null) expect(errors).toHaveLength(2);
    return outcomeOf(names[0] === null ? null : names, ['Ada', 'Bea'], errors, /^\["them",[01],"name"\]/);
  },
  events: async (fault) => {
    const [overSocket, overStream] = [await observeEvents('user'), await observeEvents('streamed')];
    if (noMessage.includes(fault)) expect(overSocket).toBe('lost');
    else expect(overSocket).toBe(overStream);
    return overStream;
  },
};

async function observeEvents(field: 'user' | 'streamed'): Promise<string> {
  const live = await subscribe(graph.gateway, { query: `subscription { ${field} { id email } }` });
  const end = JSON.parse(JSON.stringify(await live.ended)) as { kind: string; errors?: ClientError[] };
  expect(JSON.stringify([end, live.payloads])).not.toMatch(internal);
  if (end.kind === 'error') {
    expect(codeOf(end.errors ?? [])).toBe('SUBREQUEST_HTTP_ERROR');
    return 'lost';
  }
  const [event, ...others] = live.results as ClientAnswer<Record<string, User | null>>[];
  expect([end.kind, others]).toEqual(['complete', []]);
  return outcomeOf(event!.data[field], ada, event!.errors, new RegExp(`^\\["${field}"`));
}

describe.each(places.map((place, index) => ({ place, index })))(
  'a subgraph that fails at $place',
  ({ place, index }) => {
    it.each(faultKinds)('leaves the rest of the answer as it is: %s', async (fault) => {
      await proxy.inject(fault);
      // A WebSocket that is open already knows nothing of what befalls connections.
      if (place === 'events' && !isBodyFault(fault)) proxy.dropConnections();
      proxy.requests.length = 0;
      const outcome = expected[fault][index]!;
      const isLate = outcome === 'GATEWAY_TIMEOUT';

      expect(await observe[place](fault, isLate ? 150 : 10_000)).toBe(outcome);

      // Its second answer comes when nobody waits: whoever asks on that connection meanwhile would be given it.
      if (fault === 'another answer later') await proxy.settled(0);
      // Where a redirect leads is never asked.
      expect(proxy.requests.filter(({ path }) => path !== '/graphql')).toEqual([]);
      if (isLate || !isBodyFault(fault)) {
        await proxy.inject('none');
        expect(await observe[place]('none', 10_000)).toBe('well');
      }
    });
  },
);
