/**
 * Every kind of null that has a cause, and what an explained request is told of it. Real: composition, planner, engine,
 * policies, transport, breaker, subgraphs over HTTP. Observed: `extensions.trace.whyNull`.
 */
import type { ExecutionResult } from 'graphql';
import { openDeadline } from '../../src/context/deadline';
import { anonymous, type RequestContext } from '../../src/context/request-context';
import type { NullCause } from '../../src/explain';
import { rateLimitDefinition, rateLimitSpec } from '../../src/policy/rate-limit-declarations';
import { silentLog } from '../../src/telemetry/log';
import { Trail } from '../../src/telemetry/trail';
import { type Graph, startGraph } from '../support/graph';

jest.setTimeout(60_000);

const known = (reference: { id: string }) => (reference.id === '1' ? reference : null);
const users = {
  name: 'users',
  sdl: `extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@authenticated", "@composeDirective"])
    @link(url: "${rateLimitSpec}/v1.0", import: ["@rateLimit"]) @composeDirective(name: "@rateLimit")
    ${rateLimitDefinition}
    type Query {
      users: [User!]! secret: Int @authenticated limited: Int @rateLimit(max: 1, window: "1h") fine: Int number: Int
      nothing: Int
    }
    type User @key(fields: "id") { id: ID! }`,
  resolvers: {
    Query: { users: () => [{ id: '1' }, { id: '2' }], limited: () => 1, fine: () => 1, nothing: () => null },
  },
};
const posts = {
  name: 'posts',
  sdl: `type Query { broken: Int } type User @key(fields: "id") { id: ID! posts: Int sure: Profile } type Profile { posts: Int! }`,
  resolvers: { User: { __resolveReference: known, posts: () => 3, sure: () => ({ posts: 3 }) } },
};
const strict = {
  name: 'strict',
  sdl: 'type Query { slow: Int } type User @key(fields: "id") { id: ID! must: Int! }',
  resolvers: { Query: { slow: () => new Promise(() => {}) }, User: { __resolveReference: known, must: () => 1 } },
};

let graph: Graph;
beforeAll(async () => {
  graph = await startGraph([users, posts, strict], {
    config: {
      sharing: { queries: false, subgraphQueries: false },
      subgraphs: { overrides: { posts: { breaker: { enabled: true, minimumCalls: 1, codes: ['NO'] } } } },
    },
    intercept: ({ query }) => {
      if (query.includes('number')) return { status: 200, body: '{"data":{"number":"no number"}}' };
      return query.includes('broken') ? { status: 500, body: 'no' } : undefined;
    },
  });
});
afterAll(() => graph.close());

async function whyNull(query: string, deadlineMs = 20_000): Promise<readonly NullCause[]> {
  const prepared = graph.gateway.prepare(query, undefined);
  if (prepared.kind === 'refused') throw prepared.errors[0];
  const { deadline, dispose } = openDeadline(Date.now() + deadlineMs, Date.now);
  const context: RequestContext = {
    id: 'r1',
    identity: anonymous,
    deadline,
    log: silentLog,
    subgraphHeaders: {},
    calls: { count: 0, failed: 0 },
    trail: new Trail(true),
    told: {},
  };
  const answer = await graph.gateway.answer(prepared, {}, context).finally(dispose);
  const result = (answer.kind === 'text' ? JSON.parse(answer.body) : answer.result) as ExecutionResult;
  const { trace } = result.extensions as { trace: { whyNull: readonly NullCause[] } };
  return trace.whyNull;
}

describe('why a value is null is told', () => {
  it('where who asks may not read it', async () => {
    expect(await whyNull('{ fine secret }')).toEqual([
      {
        path: ['secret'],
        causedAt: ['secret'],
        code: 'UNAUTHORIZED_FIELD_OR_TYPE',
        message: expect.any(String),
        rule: 'authorization: who asks may not read it',
        subgraph: undefined,
        fetches: [],
        status: undefined,
      },
    ]);
  });

  it('where a rate limit is used up', async () => {
    await whyNull('{ limited }');
    expect(await whyNull('{ fine limited }')).toMatchObject([
      { path: ['limited'], code: 'REQUEST_RATE_LIMITED', rule: 'a rate limit is used up', fetches: [] },
    ]);
  });

  it('where a subgraph does not know an entity, though no error says so', async () => {
    expect(await whyNull('{ users { id posts sure { posts } } }')).toEqual(
      ['posts', 'sure'].map((name) => ({
        path: ['users', 1, name],
        causedAt: ['users', 1, name],
        rule: 'the subgraph does not know the entity',
        subgraph: 'posts',
        fetches: [1],
        status: 200,
      })),
    );
  });

  it('where that takes its parents with it', async () => {
    expect(await whyNull('{ users { id must } }')).toMatchObject([
      {
        path: [],
        causedAt: ['users', 1, 'must'],
        code: 'INVALID_SUBGRAPH_DATA',
        rule: 'the subgraph does not know the entity; a value that may not be null is below, and takes its parents with it',
        subgraph: 'strict',
      },
    ]);
  });

  it('where a value is of another type', async () => {
    expect(await whyNull('{ number }')).toMatchObject([
      {
        path: ['number'],
        code: 'INVALID_SUBGRAPH_DATA',
        rule: expect.stringContaining('what the schema does not allow'),
      },
    ]);
  });

  it('where a subgraph did not answer before the deadline', async () => {
    expect(await whyNull('{ fine slow }', 100)).toMatchObject([
      {
        path: ['slow'],
        code: 'GATEWAY_TIMEOUT',
        subgraph: 'strict',
        fetches: [expect.any(Number)],
        rule: 'the subgraph did not answer in time',
      },
    ]);
  });

  it('where a subgraph failed, and where its breaker is open since', async () => {
    const failed = await whyNull('{ fine broken }');
    expect(failed).toMatchObject([{ path: ['broken'], code: 'SUBREQUEST_HTTP_ERROR', subgraph: 'posts', status: 500 }]);
    for (let tries = 0; tries < 20; tries += 1) {
      const [{ code } = { code: '' }] = await whyNull('{ fine broken }');
      if (code === 'SUBGRAPH_UNAVAILABLE') break;
    }
    expect(await whyNull('{ fine broken }')).toMatchObject([
      {
        path: ['broken'],
        code: 'SUBGRAPH_UNAVAILABLE',
        subgraph: 'posts',
        rule: 'no instance of the subgraph is asked at present',
      },
    ]);
  });

  it('but not where a subgraph wishes it', async () => {
    expect(await whyNull('{ nothing }')).toEqual([]);
  });
});
