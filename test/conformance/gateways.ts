/**
 * Conformance fuzzer: the gateways it can test, each behind one small interface. Ours is the subject; the stock one
 * calibrates the harness, since its defects are known.
 */
import type { ApolloGateway } from '@apollo/gateway';
import { parse } from 'graphql';
import { createConfig } from '../../src/config';
import { createGateway } from '../../src/gateway';
import { PlannerThread } from '../../src/supergraph/planner-client';
import { silentLog } from '../../src/telemetry/log';
import type { Answer, AnswerError } from './compare';

export interface RunningGateway {
  execute(query: string, variables: Record<string, unknown>, operationName?: string): Promise<Answer>;
  stop(): Promise<void>;
}

export interface GatewayUnderTest {
  readonly name: string;
  start(supergraphSdl: string): Promise<RunningGateway>;
  /** Ends what all its gateways share. */
  close(): Promise<void>;
}

/** Supergate: one planner thread for all graphs of a run. */
export function ourGateway(planTimeoutMs = 10_000): GatewayUnderTest {
  const config = createConfig({ telemetry: { logLevel: 'fatal' }, planner: { timeoutMs: planTimeoutMs } });
  const planner = new PlannerThread({ ...config.planner, log: silentLog });
  const shared: PlannerThread = Object.assign(Object.create(planner) as PlannerThread, { close: async () => {} });
  return {
    name: 'ours',
    async start(sdl) {
      const gateway = createGateway({ supergraph: { sdl }, config }, { planner: shared, log: silentLog });
      await gateway.load();
      return {
        async execute(query, variables, operationName) {
          const { data, errors } = await gateway.query({ query, variables, operationName });
          return { data, errors: errors?.map((error) => error.toJSON()) };
        },
        stop: () => gateway.stop(),
      };
    },
    close: () => planner.close(),
  };
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** `@apollo/gateway`, with the errors it makes for nulls counted as errors. */
export function stockGateway(): GatewayUnderTest {
  return {
    name: 'stock',
    async start(supergraphSdl) {
      const gateway = await loadStock(supergraphSdl);
      const { executor } = await gateway.load();
      type Request = Parameters<typeof executor>[0];
      return {
        async execute(query, variables, operationName) {
          const document = parse(query);
          const operations = document.definitions.filter((definition) => definition.kind === 'OperationDefinition');
          const operation = operations.find(({ name }) => operations.length === 1 || name?.value === operationName);
          const request = { query, variables, ...(operationName ? { operationName } : {}) };
          const context = {
            request,
            document,
            operation,
            operationName: operationName ?? null,
            queryHash: query,
            source: query,
            context: {},
            cache: undefined,
            logger: quiet,
            metrics: {},
            overallCachePolicy: {},
          };
          const { data, errors, extensions } = await executor(context as unknown as Request);
          const completion = (extensions?.valueCompletion ?? []) as readonly AnswerError[];
          return { data, errors: [...((errors ?? []) as readonly AnswerError[]), ...completion] };
        },
        stop: () => gateway.stop(),
      };
    },
    close: async () => {},
  };
}

async function loadStock(supergraphSdl: string): Promise<ApolloGateway> {
  // Read when the module is loaded and when a gateway is made.
  process.env.APOLLO_TELEMETRY_DISABLED = 'true';
  const stock = await import('@apollo/gateway');
  // Its planner has no time limit, and runs here: some operations would take all memory.
  const queryPlannerConfig = { debug: { maxEvaluatedPlans: 500, pathsLimit: 500 } };
  return new stock.ApolloGateway({ supergraphSdl, logger: quiet, queryPlannerConfig });
}
