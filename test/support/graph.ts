/**
 * Test support: a whole graph in one call. Real subgraphs over HTTP, composed by Apollo's composition, behind our
 * gateway with its real planner thread.
 */
import { composeServices } from '@apollo/composition';
import type { ExecutionResult } from 'graphql';
import { parse } from 'graphql';
import { createConfig } from '../../src/config';
import { createGateway, type Gateway } from '../../src/gateway';
import { silentLog } from '../../src/telemetry/log';
import { createSubgraphServer, type LoggedRequest, type SubgraphServerOptions } from './subgraph-server';

export interface GraphSubgraph {
  readonly name: string;
  /** SDL without the `@link`: `federation` is put before it. */
  readonly sdl: string;
  readonly resolvers: object;
}

export interface Graph {
  readonly gateway: Gateway;
  /** What the subgraphs were asked, in order of arrival. Empty it with `requests.length = 0`. */
  readonly requests: LoggedRequest[];
  query(query: string, variables?: Readonly<Record<string, unknown>>, operationName?: string): Promise<ExecutionResult>;
  close(): Promise<void>;
}

export const federation = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: [
  "@key", "@requires", "@provides", "@external", "@shareable", "@override", "@inaccessible", "@interfaceObject", "@tag"
])\n`;

/** Starts the subgraphs and the gateway. Throws the first composition error. */
export async function startGraph(
  subgraphs: readonly GraphSubgraph[],
  options: SubgraphServerOptions = {},
): Promise<Graph> {
  const server = await createSubgraphServer(options);
  const services = subgraphs.map(({ name, sdl, resolvers }) => {
    const typeDefs = parse(federation + sdl);
    const url = server.mount({ name, typeDefs, resolvers: resolvers as never });
    return { name, typeDefs, url };
  });
  const composed = composeServices(services);
  if (composed.errors) throw composed.errors[0];
  const config = createConfig({ telemetry: { logLevel: 'silent' } });
  const gateway = createGateway({ supergraph: { sdl: composed.supergraphSdl }, config }, { log: silentLog });
  await gateway.load();
  return {
    gateway,
    requests: server.requests,
    query: (query, variables = {}, operationName = undefined) => gateway.query({ query, variables, operationName }),
    close: async () => {
      await gateway.stop();
      await server.close();
    },
  };
}
