/**
 * What a request is told of itself, and operators of slow ones. Real: composition, planner, engine, transport, subgraphs
 * over HTTP. Observed: `extensions`, calls of the subgraphs, lines of the log.
 */
import { createConfig } from '../../src/config';
import { openDeadline } from '../../src/context/deadline';
import { anonymous, type RequestContext } from '../../src/context/request-context';
import { createTrails } from '../../src/explain';
import { logSlowOperation } from '../../src/observe-operations';
import { type Log, silentLog } from '../../src/telemetry/log';
import { Trail } from '../../src/telemetry/trail';
import { createEventChannel } from '../support/event-channel';
import { type Graph, startGraph } from '../support/graph';
import { someone } from '../support/identities';
import { subscribe } from '../support/live-client';

jest.setTimeout(60_000);

const itself = (reference: object) => reference;
const changes = createEventChannel<string>();
let added = 0;
const users = {
  name: 'users',
  sdl: `type Query { users: [User!]! me: User broken: Int sure: Sure } type Mutation { add: Int }
    type Subscription { changed: User }
    type User @key(fields: "id") { id: ID! name: String } type Sure { value: Int! }`,
  resolvers: {
    Query: {
      users: () => [{ id: '1' }, { id: '2' }, { id: '1' }],
      me: () => ({ id: '1' }),
      broken: () => {
        throw new Error('no');
      },
      sure: () => ({ value: null }),
    },
    Mutation: { add: () => ++added },
    Subscription: { changed: { subscribe: () => changes.listen(), resolve: (id: string) => ({ id }) } },
    User: { __resolveReference: itself, name: () => 'Ada' },
  },
};
const posts = {
  name: 'posts',
  sdl: 'type User @key(fields: "id") { id: ID! posts: Int }',
  resolvers: { User: { __resolveReference: itself, posts: () => 3 } },
};

const lines: Record<string, unknown>[] = [];
const log: Log = { ...silentLog, warn: (fields, message) => void lines.push({ ...fields, message }) };
let failing = false;
let graph: Graph;
beforeAll(async () => {
  graph = await startGraph([users, posts], {
    dependencies: { onOperation: logSlowOperation },
    intercept: ({ query }) => (failing && query.includes('posts') ? { status: 503, body: 'broken' } : undefined),
    config: { subgraphs: { defaults: { retries: { attempts: 2, backoffMs: 1 } } } },
  });
});
afterAll(() => graph.close());
beforeEach(() => {
  failing = false;
  lines.length = 0;
});

function contextWith(trail: Trail | undefined): RequestContext {
  const { deadline } = openDeadline(Date.now() + 20_000, Date.now);
  const calls = { count: 0, failed: 0 };
  return { id: 'r1', identity: anonymous, deadline, log, subgraphHeaders: {}, calls, trail };
}

async function run(query: string, trail: Trail | undefined) {
  const prepared = graph.gateway.prepare(query, undefined);
  if (prepared.kind === 'refused') throw prepared.errors[0];
  const answer = await graph.gateway.answer(prepared, {}, contextWith(trail));
  const result = answer.kind === 'text' ? JSON.parse(answer.body) : answer.result;
  return result as { data: unknown; errors?: unknown[]; extensions?: Record<string, Record<string, unknown>> };
}

describe('an explained request', () => {
  it('is told its plan, and each fetch with its instance, entities asked and reused', async () => {
    const { data, extensions } = await run('{ users { name posts } }', new Trail(true));
    expect(data).toEqual({ users: Array.from({ length: 3 }, () => ({ name: 'Ada', posts: 3 })) });
    expect(extensions?.queryPlan).toMatchObject({
      text: expect.stringMatching(/^fetch 1 from users\n {4}.*\nfetch 2 from posts at users\.@ after 1\n {4}.*$/),
      steps: [
        [
          { id: 1, subgraph: 'users', path: [], after: [] },
          { id: 2, subgraph: 'posts', path: ['users', '@'], after: [1] },
        ],
      ],
    });
    expect(extensions?.trace).toMatchObject({
      fetches: [
        { index: 0, subgraph: 'users', outcome: 'ok', status: 200, retries: 0, shared: false },
        { index: 1, subgraph: 'posts', outcome: 'ok', entities: 2, instance: expect.stringMatching(/^127.*:\d+$/) },
      ],
      entities: { posts: { asked: 2, reused: 1 } },
      whyNull: [],
    });
  });

  it('is told of each null why it is one: path, fetch, status and rule', async () => {
    failing = true;
    const { extensions } = await run('{ me { name posts } broken sure { value } }', new Trail(true));
    expect(extensions?.trace).toMatchObject({
      fetches: [
        { outcome: 'DOWNSTREAM_SERVICE_ERROR' },
        { subgraph: 'posts', outcome: 'SUBREQUEST_HTTP_ERROR', status: 503, retries: 1 },
      ],
      whyNull: expect.arrayContaining([
        expect.objectContaining({
          path: ['me', 'posts'],
          code: 'SUBREQUEST_HTTP_ERROR',
          subgraph: 'posts',
          fetches: [1],
          status: 503,
        }),
        expect.objectContaining({ path: ['broken'], code: expect.any(String), subgraph: 'users', fetches: [0] }),
        expect.objectContaining({
          path: ['sure'],
          causedAt: ['sure', 'value'],
          rule: expect.stringContaining('takes its parents'),
        }),
      ]),
    });
  });

  it('runs for itself, and tells nobody else', async () => {
    graph.requests.length = 0;
    const [explained, other] = await Promise.all([
      run('{ me { name } }', new Trail(true)),
      run('{ me { name } }', undefined),
    ]);
    expect(explained.extensions).toBeDefined();
    expect(other).toEqual({ data: { me: { name: 'Ada' } } });
  });
});

describe('an explained mutation', () => {
  it('is told each step, and runs once', async () => {
    graph.requests.length = 0;
    const { data, extensions } = await run('mutation { one: add add }', new Trail(true));
    expect(data).toEqual({ one: 1, add: 2 });
    expect(extensions?.queryPlan).toMatchObject({ steps: [[{ id: 1, subgraph: 'users' }]] });
    expect(extensions?.trace).toMatchObject({ fetches: [{ kind: 'mutation', outcome: 'ok' }] });
  });
});

describe('an explained subscription', () => {
  const ofUser = 'subscription { changed { name posts } }';

  it('is told its plan with the first event, and with each event how it was joined; others are told nothing', async () => {
    const explained = await listen(new Trail(true));
    const other = await listen(undefined);
    // What is explained is joined for itself, from the same events.
    await changes.whenListening(1);
    failing = true;
    changes.publish('1');
    await Promise.all([explained.received(1), other.received(1)]);
    failing = false;
    changes.publish('2');
    await Promise.all([explained.received(2), other.received(2)]);
    expect(explained.subscription.extensions?.queryPlan).toMatchObject({
      steps: [[{ subgraph: 'users' }, { subgraph: 'posts' }]],
    });
    expect(explained.results).toMatchObject([
      {
        data: { changed: { name: 'Ada', posts: null } },
        extensions: { trace: { fetches: [{ status: 503 }], whyNull: [{ path: ['changed', 'posts'] }] } },
      },
      { data: { changed: { posts: 3 } }, extensions: { trace: { fetches: [{ outcome: 'ok' }], whyNull: [] } } },
    ]);
    expect(other.subscription.extensions).toBeUndefined();
    expect(other.results).toMatchObject([{ data: { changed: { posts: null } } }, { data: { changed: { posts: 3 } } }]);
    expect(other.payloads.join()).not.toContain('trace');
    for (const { subscription } of [explained, other]) subscription.stop('client');
  });

  function listen(trail: Trail | undefined) {
    return subscribe(graph.gateway, { query: ofUser, trail });
  }
});

describe('who may be told', () => {
  const token = 'a-token-of-thirty-two-bytes-or-more';
  const trailFor = (
    explain: object | undefined,
    rawHeaders: readonly string[],
    identity = anonymous,
    extensions = {},
  ) =>
    createTrails(createConfig({ telemetry: { explain: explain as never } }).telemetry)?.({
      rawHeaders,
      extensions,
      identity,
    })?.isExplained;

  it('is nobody, but who gives the token, or has the role and asks', () => {
    expect(trailFor(undefined, ['x-supergate-explain', token])).toBeUndefined();
    expect(trailFor({ token }, ['X-Supergate-Explain', token])).toBe(true);
    expect(trailFor({ token }, ['x-supergate-explain', 'x'])).toBeUndefined();
    expect(trailFor({ token }, ['other', token])).toBeUndefined();
    const audience = { roles: ['admin'] };
    const admin = someone({ roles: ['admin'] });
    expect(trailFor({ audience }, ['x-supergate-explain', '1'], admin as never)).toBe(true);
    expect(trailFor({ audience }, [], admin as never)).toBeUndefined();
    expect(trailFor({ audience }, ['x-supergate-explain', '1'])).toBeUndefined();
    expect(() => createConfig({ telemetry: { explain: {} } })).toThrow('say who may');
  });

  it('is who says the same in the extensions of the operation, where headers cannot be set', () => {
    expect(trailFor({ token }, [], anonymous, { 'x-supergate-explain': token })).toBe(true);
    expect(trailFor({ token }, [], anonymous, { 'x-supergate-explain': 'x' })).toBeUndefined();
    expect(trailFor({ token }, [], anonymous, { 'x-supergate-explain': [token] })).toBeUndefined();
  });
});

describe('a slow operation', () => {
  it('has a line with what it did at subgraphs, and no values', async () => {
    await run('query Slow { users { name posts } }', new Trail(false, 0));
    expect(lines).toEqual([
      expect.objectContaining({
        message: 'An operation was slow',
        operation: 'Slow',
        type: 'query',
        fetches: [
          expect.stringMatching(/^users ok \d+ ms after \d+ ms, \d+ bytes, from 127/),
          expect.stringContaining('2 entities'),
        ],
        entities: { posts: { asked: 2, reused: 1 } },
      }),
    ]);
    expect(JSON.stringify(lines)).not.toContain('Ada');
  });

  it('has none when it was quick', async () => {
    await run('{ me { name } }', new Trail(false, 600_000));
    expect(lines).toEqual([]);
  });
});
