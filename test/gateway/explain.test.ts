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
import { type Graph, startGraph } from '../support/graph';
import { someone } from '../support/identities';

jest.setTimeout(60_000);

const itself = (reference: object) => reference;
const users = {
  name: 'users',
  sdl: 'type Query { users: [User!]! me: User broken: Int sure: Sure } type User @key(fields: "id") { id: ID! name: String } type Sure { value: Int! }',
  resolvers: {
    Query: {
      users: () => [{ id: '1' }, { id: '2' }, { id: '1' }],
      me: () => ({ id: '1' }),
      broken: () => {
        throw new Error('no');
      },
      sure: () => ({ value: null }),
    },
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

describe('who may be told', () => {
  const token = 'a-token-of-thirty-two-bytes-or-more';
  const trailFor = (explain: object | undefined, headers: readonly string[], identity = anonymous) =>
    createTrails(createConfig({ telemetry: { explain: explain as never } }).telemetry)?.(headers, identity)
      ?.isExplained;

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
