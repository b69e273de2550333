/**
 * A graph with ages of every kind, and callers of it. Real: composition by the planner thread, planner, pipeline,
 * subgraphs over HTTP. Observed: answers, what is told of their ages, and how often a field was resolved.
 */

import type { ExecutionResult } from 'graphql';
import { parse } from 'graphql';
import { createConfig } from '../../src/config';
import { openDeadline } from '../../src/context/deadline';
import { anonymous, type Identity, type RequestContext } from '../../src/context/request-context';
import { createGateway, type Gateway, type GatewayDependencies } from '../../src/gateway';
import type { CacheOutcome } from '../../src/policy/cache-policies';
import { PlannerThread } from '../../src/supergraph/planner-client';
import { silentLog } from '../../src/telemetry/log';
import { createSubgraphServer, type SubgraphServer } from '../support/subgraph-server';

/** As Apollo Server has it: composition alone would drop it. */
const plainControl = `
  enum CacheControlScope { PUBLIC PRIVATE }
  directive @cacheControl(maxAge: Int, scope: CacheControlScope, inheritMaxAge: Boolean)
    on FIELD_DEFINITION | OBJECT | INTERFACE | UNION
`;

/** As our specification has it. */
const linkedControl = `
  extend schema @link(url: "https://specs.supergate.dev/cacheControl/v1.0", import: ["@cacheControl"])
    @composeDirective(name: "@cacheControl")
  enum CacheControlScope { PUBLIC PRIVATE }
  directive @cacheControl(maxAge: Int, scope: CacheControlScope, inheritMaxAge: Boolean)
    repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION
`;

const link = (...imports: string[]) =>
  `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: [${imports.map((name) => `"@${name}"`)}])`;

const posts = `${link('key', 'authenticated', 'shareable')} ${plainControl}
  type Query {
    post(id: ID!): Post @cacheControl(maxAge: 60)
    posts: [Post!] @cacheControl(maxAge: 30)
    none: Post
    late: Part
    count: Int @cacheControl(maxAge: 120)
    stats: Stats @cacheControl(maxAge: 240)
    guarded: Int @cacheControl(maxAge: 60) @authenticated
    mine: Mine @cacheControl(maxAge: 60)
    node: Node @cacheControl(maxAge: 600)
    hit: Hit @cacheControl(maxAge: 600)
    failing: Int @cacheControl(maxAge: 60)
    flaky: Int @cacheControl(maxAge: 60)
    long: String @cacheControl(maxAge: 60)
    echo(text: String, number: Int): String @cacheControl(maxAge: 60)
  }
  type Mutation {
    editPost(id: ID!): Post
    refused: Post
    touch(id: ID!): Boolean
  }
  interface Node @cacheControl(maxAge: 500) { id: ID! short: Int }
  union Hit = Post | Note
  type Note implements Node @cacheControl(maxAge: 10) { id: ID! short: Int @cacheControl(maxAge: 5) }
  type Stats @cacheControl(maxAge: 200) { a: Int b: Part c: Part @cacheControl(inheritMaxAge: true) d: Int @cacheControl(maxAge: 20) }
  type Part { x: Int }
  type Mine { id: ID secret: Int @cacheControl(scope: PRIVATE) }
  type Post implements Node @key(fields: "id") @cacheControl(maxAge: 90) {
    id: ID! short: Int title: String related: Post @cacheControl(inheritMaxAge: true) author: Author
  }
  type Author @key(fields: "id") @cacheControl(maxAge: 400) { id: ID! shared: Int @shareable @cacheControl(maxAge: 300) }
`;

const authors = `${link('key', 'shareable', 'composeDirective')} ${linkedControl}
  type Query { me: Author @cacheControl(maxAge: 50, scope: PRIVATE) }
  type Author @key(fields: "id") { id: ID! name: String shared: Int @shareable @cacheControl(maxAge: 15) }
`;

export interface Told {
  readonly data: unknown;
  readonly codes: readonly unknown[];
  /** `public 60`; undefined: not to be kept. */
  readonly age: string | undefined;
  readonly context: RequestContext;
}

export interface CachedGraph {
  readonly gateway: Gateway;
  readonly server: SubgraphServer;
  readonly supergraphSdl: string;
  readonly resolved: Map<string, number>;
  readonly outcomes: CacheOutcome[];
  /** What the resolvers of `post`, `posts` and `echo` wait for. */
  gate: Promise<void>;
  /** Whether `flaky` fails by its transport. */
  breaks: boolean;
  ask(query: string, caller?: Caller): Promise<Told>;
  close(): Promise<void>;
}

export interface Caller {
  readonly identity?: Identity;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly asksCost?: boolean;
}

/** The supergraph of all tests of a file, with the addresses of its subgraphs left open. */
const template: { sdl?: Promise<string> } = {};

async function composeTemplate(): Promise<string> {
  const composed = await compose([
    { name: 'posts', sdl: posts, url: 'http://posts.open' },
    { name: 'authors', sdl: authors, url: 'http://authors.open' },
  ]);
  if (composed.kind !== 'composed') throw new Error(JSON.stringify(composed));
  return composed.supergraphSdl;
}

/** Composes plain subgraphs as `supergate compose` does. */
export async function compose(subgraphs: readonly { name: string; url: string; sdl: string }[]) {
  const planner = new PlannerThread({ ...createConfig().planner, log: silentLog });
  try {
    return await planner.compose(subgraphs);
  } finally {
    await planner.close();
  }
}

/** `config`: of the gateway. `world`: whose subgraphs it has, instead of its own. */
export async function startCachedGraph(
  config: Readonly<Record<string, unknown>> = {},
  dependencies: GatewayDependencies = {},
  world?: CachedGraph,
): Promise<CachedGraph> {
  const resolved = new Map<string, number>();
  const outcomes: CacheOutcome[] = [];
  const server = await createSubgraphServer();
  const titles = new Map<string, number>();
  const count = (name: string) => resolved.set(name, (resolved.get(name) ?? 0) + 1);
  const postOf = (id: string) => {
    return { __typename: 'Post', id, short: 1, title: `${id} v${titles.get(id) ?? 0}`, author: { id: 'a' } };
  };
  const counted =
    (name: string, answer: (source: never, args: never) => unknown) => async (source: never, args: never) => {
      count(name);
      await graph.gate;
      return answer(source, args);
    };
  const who = (name: string) => counted(name, () => ({ id: '1', secret: resolved.get(name) }));
  const resolvers = {
    Query: {
      post: counted('post', (_, { id }: { id: string }) => (id === 'absent' && !titles.has(id) ? null : postOf(id))),
      posts: counted('posts', () => ['1', '2'].map(postOf)),
      none: counted('none', () => postOf('1')),
      late: counted('late', () => ({ x: 1 })),
      count: counted('count', () => resolved.get('count')),
      stats: counted('stats', () => ({ a: 1, b: { x: 1 }, c: { x: 2 }, d: 3 })),
      guarded: counted('guarded', () => resolved.get('guarded')),
      mine: who('mine'),
      node: counted('node', () => postOf('1')),
      hit: counted('hit', () => postOf('1')),
      failing: counted('failing', () => {
        throw new Error('no');
      }),
      flaky: counted('flaky', () => resolved.get('flaky')),
      long: counted('long', () => 'x'.repeat(5_000)),
      echo: counted('echo', (_, { text, number }: { text: string; number: number }) => `${text} ${number}`),
    },
    Mutation: {
      editPost: (_: unknown, { id }: { id: string }) => {
        titles.set(id, (titles.get(id) ?? 0) + 1);
        return postOf(id);
      },
      refused: () => {
        throw new Error('you may not');
      },
      touch: (_: unknown, { id }: { id: string }) => {
        titles.set(id, (titles.get(id) ?? 0) + 1);
        return true;
      },
    },
    Node: { __resolveType: () => 'Post' },
    Hit: { __resolveType: () => 'Post' },
    Post: { __resolveReference: ({ id }: { id: string }) => postOf(id), related: () => postOf('2') },
    Author: { __resolveReference: ({ id }: { id: string }) => ({ id, shared: 1 }) },
  };
  const people = {
    Query: { me: counted('me', () => ({ id: 'a' })) },
    Author: { __resolveReference: ({ id }: { id: string }) => ({ id }), name: () => 'Ann', shared: () => 1 },
  };
  template.sdl ??= composeTemplate();
  const postsUrl = server.mount({ name: 'posts', typeDefs: parse(posts), resolvers: resolvers as never });
  const authorsUrl = server.mount({ name: 'authors', typeDefs: parse(authors), resolvers: people as never });
  const own = (await template.sdl).replace('http://posts.open', postsUrl).replace('http://authors.open', authorsUrl);
  const supergraphSdl = world?.supergraphSdl ?? own;
  const gateway = createGateway(
    { supergraph: { sdl: supergraphSdl }, config: createConfig({ ...config, telemetry: { logLevel: 'silent' } }) },
    {
      log: silentLog,
      caching: { looked: (outcome) => outcomes.push(outcome), invalidated: () => {}, observe: () => {} },
      ...dependencies,
    },
  );
  await gateway.load();
  const graph: CachedGraph = {
    gateway,
    server,
    supergraphSdl,
    resolved,
    outcomes,
    gate: Promise.resolve(),
    breaks: false,
    ask: (query, caller = {}) => ask(gateway, query, caller),
    close: async () => {
      await gateway.stop();
      await server.close();
    },
  };
  return graph;
}

export async function ask(
  gateway: Gateway,
  query: string,
  { identity = anonymous, variables = {}, headers = {}, asksCost = false }: Caller = {},
): Promise<Told> {
  const prepared = gateway.prepare(query, undefined);
  if (prepared.kind === 'refused') throw prepared.errors[0];
  const { deadline, dispose } = openDeadline(Date.now() + 20_000, Date.now);
  const context: RequestContext = {
    id: 'test',
    identity,
    asksCost,
    deadline,
    log: silentLog,
    subgraphHeaders: { 'x-request-id': String(Math.random()), ...headers },
    calls: { count: 0, failed: 0 },
    told: {},
  };
  const answer = await gateway.answer(prepared, variables, context).finally(dispose);
  const result = answer.kind === 'text' ? (JSON.parse(answer.body) as ExecutionResult) : answer.result;
  const caching = context.told?.caching;
  return {
    data: result.data && JSON.parse(JSON.stringify(result.data)),
    codes: (result.errors ?? []).map(({ extensions }) => extensions.code),
    age: caching && `${caching.isPrivate ? 'private' : 'public'} ${caching.maxAgeMs / 1_000}`,
    context,
  };
}
