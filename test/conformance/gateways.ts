/**
 * Conformance fuzzer: the gateways it can test, each behind one small interface. Ours is the subject; the stock one
 * calibrates the harness, since its defects are known.
 */
import { createConfig } from '../../src/config';
import { createGateway } from '../../src/gateway';
import { PlannerThread } from '../../src/supergraph/planner-client';
import { silentLog } from '../../src/telemetry/log';
import type { Answer } from './compare';
import { StockProcess } from './stock-process';

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
  const config = createConfig({
    telemetry: { logLevel: 'fatal' },
    planner: { timeoutMs: planTimeoutMs },
    // Answers are compared here, not limits.
    limits: { maxDepth: 1_000, maxDirectives: 10_000, maxTokens: 100_000, maxSelections: 1_000_000, maxErrors: 10_000 },
  });
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

/** `@apollo/gateway`, with the errors it makes for nulls counted as errors. */
export function stockGateway(timeoutMs = 10_000): GatewayUnderTest {
  const process = new StockProcess(timeoutMs);
  return {
    name: 'stock',
    async start(supergraphSdl) {
      await process.start(supergraphSdl);
      return {
        execute: (query, variables, operationName) => process.execute(query, variables, operationName),
        stop: async () => {},
      };
    },
    close: async () => process.close(),
  };
}
