/**
 * Test support: a whole graph in one call. Real subgraphs over HTTP, composed by Apollo's composition, behind our
 * gateway with its real planner thread.
 */
import { composeServices } from '@apollo/composition';
import type { ExecutionResult } from 'graphql';
import { parse } from 'graphql';
import { createConfig } from '../../src/config';
import { openDeadline } from '../../src/context/deadline';
import type { Identity } from '../../src/context/request-context';
import { createGateway, type Gateway, type GatewayDependencies } from '../../src/gateway';
import type { Answer } from '../../src/query-plan/engine';
import { silentLog } from '../../src/telemetry/log';
import {
  createSubgraphServer,
  type LoggedRequest,
  type LoggedSubscription,
  type SubgraphServer,
  type SubgraphServerOptions,
} from './subgraph-server';

export interface GraphSubgraph {
  readonly name: string;
  /** SDL without the `@link`: `federation` is put before it, unless it begins with `extend`: a link of its own, or federation 1. */
  readonly sdl: string;
  readonly resolvers: object;
}

export interface Graph {
  readonly gateway: Gateway;
  /** What the subgraphs were asked, in order of arrival. Empty it with `requests.length = 0`. */
  readonly requests: LoggedRequest[];
  /** The subscriptions that subgraphs got, in order of arrival. */
  readonly subscriptions: readonly LoggedSubscription[];
  readonly server: SubgraphServer;
  query(query: string, variables?: Readonly<Record<string, unknown>>, operationName?: string): Promise<ExecutionResult>;
  /** The same as the JSON text that a client gets: it shows the order of keys. */
  answer(query: string, variables?: Readonly<Record<string, unknown>>): Promise<string>;
  /** The same as our own doors ask it, for somebody. */
  ask(identity: Identity, query: string, variables?: Readonly<Record<string, unknown>>): Promise<ExecutionResult>;
  close(): Promise<void>;
}

export const federation = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: [
  "@key", "@requires", "@provides", "@external", "@shareable", "@override", "@inaccessible", "@interfaceObject", "@tag"
])\n`;

export interface GraphOptions extends SubgraphServerOptions {
  /** Of the gateway; telemetry is silent in any case. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly dependencies?: GatewayDependencies;
}

/** Starts the subgraphs and the gateway. Throws the first composition error. */
export async function startGraph(
  subgraphs: readonly GraphSubgraph[],
  { config = {}, dependencies = {}, ...options }: GraphOptions = {},
): Promise<Graph> {
  const server = await createSubgraphServer(options);
  const gateway = await openGateway(subgraphs, server, config, dependencies).catch(async (error: unknown) => {
    await server.close();
    throw error;
  });
  const query: Graph['query'] = (text, variables = {}, operationName = undefined) =>
    gateway.query({ query: text, variables, operationName });
  return {
    gateway,
    requests: server.requests,
    subscriptions: server.subscriptions,
    server,
    query,
    answer: async (text, variables) => JSON.stringify(await query(text, variables)),
    ask: async (identity, text, variables = {}) => {
      const prepared = gateway.prepare(text, undefined);
      if (prepared.kind === 'refused') return { errors: prepared.errors };
      const { deadline, dispose } = openDeadline(Date.now() + 20_000, Date.now);
      const calls = { count: 0, failed: 0 };
      const context = {
        id: 'test',
        identity,
        deadline,
        log: dependencies.log ?? silentLog,
        subgraphHeaders: {},
        calls,
      };
      return resultOf(await gateway.answer(prepared, variables, context).finally(dispose));
    },
    close: async () => {
      await gateway.stop();
      await server.close();
    },
  };
}

function resultOf(answer: Answer): ExecutionResult {
  return answer.kind === 'text' ? (JSON.parse(answer.body) as ExecutionResult) : answer.result;
}

async function openGateway(
  subgraphs: readonly GraphSubgraph[],
  server: SubgraphServer,
  config: GraphOptions['config'],
  dependencies: GatewayDependencies,
): Promise<Gateway> {
  const services = subgraphs.map(({ name, sdl, resolvers }) => {
    const typeDefs = parse(sdl.trimStart().startsWith('extend') ? sdl : federation + sdl);
    const url = server.mount({ name, typeDefs, resolvers: resolvers as never });
    return { name, typeDefs, url };
  });
  const composed = composeServices(services);
  if (composed.errors) throw composed.errors[0];
  const gateway = createGateway(
    {
      supergraph: { sdl: composed.supergraphSdl },
      config: createConfig({ ...config, telemetry: { logLevel: 'silent' } }),
    },
    { log: silentLog, ...dependencies },
  );
  await gateway.load();
  return gateway;
}
