/**
 * A graph with limits of every kind, and callers of it. Real: composition, planner, pipeline, subgraphs over HTTP.
 * Observed: answers, what a request has used of its limits, and how often a field was resolved.
 */
import type { ExecutionResult } from 'graphql';
import { openDeadline } from '../../src/context/deadline';
import { anonymous, type Identity, type RequestContext } from '../../src/context/request-context';
import type { Gateway } from '../../src/gateway';
import { rateLimitDefinition, rateLimitSpec } from '../../src/policy/rate-limit-declarations';
import { silentLog } from '../../src/telemetry/log';
import { type Graph, type GraphOptions, startGraph } from '../support/graph';

/** What a subgraph begins with that limits its fields. */
export const limiting = `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9",
    import: ["@key", "@shareable", "@composeDirective", "@authenticated", "@interfaceObject"])
  @link(url: "${rateLimitSpec}/v1.0", import: ["@rateLimit"])
  @composeDirective(name: "@rateLimit")
  ${rateLimitDefinition}
`;

const schema = `${limiting}
  type Query {
    free: Int
    guarded: Int @authenticated @rateLimit(max: 1, window: "1h", by: "ip")
    twice: Int @rateLimit(max: 2, window: "1h")
    thrice: Int @rateLimit(max: 3, window: "1h")
    sure: Int! @rateLimit(max: 2, window: "1h")
    peek: Int @rateLimit(tier: "codes", readOnly: true)
    byArgument(input: Lookup, id: ID): Int @rateLimit(max: 1, window: "1h", identityArgs: ["input.email", "id"])
    list(ids: [ID!]): Int @rateLimit(max: 5, window: "1h", arrayLengthField: "ids")
    everybody: Int @rateLimit(max: 2, window: "1h", by: "global")
    address: Int @rateLimit(max: 1, window: "1h", by: "ip")
    keys: Int @rateLimit(max: 1, window: "1h", by: "apiKey")
    me: Person
    node: Node
    report: Report
    anything: Anything
  }
  type Mutation {
    login(email: String!): Int @rateLimit(tier: "login", message: "Too many attempts.")
    refresh: Int @rateLimit(tier: "login")
    send(text: String): Int @rateLimit(max: 2, window: "1h")
  }
  input Lookup { email: String tags: [String!] }
  type Person { id: ID name: String @rateLimit(max: 1, window: "1h") friend: Person }
  interface Node { id: ID }
  type Report implements Node @rateLimit(max: 1, window: "1h") { id: ID text: String }
  type Note implements Node { id: ID @rateLimit(max: 1, window: "1h") }
  union Anything = Report | Note
`;

export interface LimitedGraph extends Graph {
  /** How often each root field was resolved. */
  readonly resolved: Map<string, number>;
  as(caller: Partial<Caller>, query: string, variables?: Readonly<Record<string, unknown>>): Promise<Answered>;
}

export interface Caller {
  readonly identity: Identity;
  readonly clientAddress: string;
  readonly asksCost: boolean;
}

export interface Answered {
  readonly result: ExecutionResult;
  /** Paths of the fields that a limit refused; `operation` for the whole. */
  readonly refused: readonly string[];
  readonly codes: readonly unknown[];
  readonly context: RequestContext;
}

export async function startLimitedGraph(options: GraphOptions = {}): Promise<LimitedGraph> {
  const resolved = new Map<string, number>();
  const count = (name: string, value: unknown) => (): unknown => {
    resolved.set(name, (resolved.get(name) ?? 0) + 1);
    return value;
  };
  const numbers = 'free guarded twice thrice sure peek byArgument list everybody address keys'.split(' ');
  const report = { __typename: 'Report', id: 'r', text: 'text' };
  const resolvers = {
    Query: {
      ...Object.fromEntries(numbers.map((name) => [name, count(name, 1)])),
      me: count('me', { id: 'm', name: 'Me', friend: { id: 'f', name: 'Friend' } }),
      node: count('node', report),
      report: count('report', report),
      anything: count('anything', report),
    },
    Mutation: { login: count('login', 1), refresh: count('refresh', 1), send: count('send', 1) },
  };
  const graph = await startGraph([{ name: 'all', sdl: schema, resolvers }], options);
  return { ...graph, resolved, as: (caller, query, variables) => ask(graph.gateway, caller, query, variables) };
}

export async function ask(
  gateway: Gateway,
  { identity = anonymous, clientAddress = '192.0.2.1', asksCost = false }: Partial<Caller>,
  query: string,
  variables: Readonly<Record<string, unknown>> = {},
): Promise<Answered> {
  const prepared = gateway.prepare(query, undefined);
  if (prepared.kind === 'refused') throw prepared.errors[0];
  const { deadline, dispose } = openDeadline(Date.now() + 20_000, Date.now);
  const context: RequestContext = {
    id: 'test',
    identity,
    clientAddress,
    asksCost,
    deadline,
    log: silentLog,
    subgraphHeaders: {},
    calls: { count: 0, failed: 0 },
    told: {},
  };
  const answer = await gateway.answer(prepared, variables, context).finally(dispose);
  const result = answer.kind === 'text' ? (JSON.parse(answer.body) as ExecutionResult) : answer.result;
  const errors = result.errors ?? [];
  const limited = errors.filter(({ extensions }) => /RATE_LIMIT/.test(String(extensions.code)));
  return {
    result,
    refused: limited.map(({ path }) => path?.join('.') ?? 'operation'),
    codes: errors.map(({ extensions }) => extensions.code),
    context,
  };
}
