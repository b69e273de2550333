/**
 * Conformance fuzzer: the gateways it can test, each behind one small interface. Ours is the subject; the stock one
 * calibrates the harness, since its defects are known.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  type ExecutionResult,
  type FragmentSpreadNode,
  type InlineFragmentNode,
  Kind,
  parse,
  print,
  visit,
} from 'graphql';
import { createConfig } from '../../src/config';
import { openDeadline } from '../../src/context/deadline';
import { anonymous } from '../../src/context/request-context';
import { createGateway, type Gateway, type GatewayRequest } from '../../src/gateway';
import { PlannerThread } from '../../src/supergraph/planner-client';
import { silentLog } from '../../src/telemetry/log';
import { askInParts, joinParts, type Payload } from '../support/parts';
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
export function ourGateway(planTimeoutMs = 10_000, execute = executeAsText): GatewayUnderTest {
  const config = createConfig({
    telemetry: { logLevel: 'fatal' },
    planner: { timeoutMs: planTimeoutMs },
    // Answers are compared here, not limits.
    limits: {
      maxDepth: 1_000,
      maxListDepth: 1_000,
      maxDirectives: 10_000,
      maxTokens: 100_000,
      maxSelections: 1_000_000,
      maxErrors: 10_000,
    },
  });
  const planner = new PlannerThread({ ...config.planner, log: silentLog });
  const shared: PlannerThread = Object.assign(Object.create(planner) as PlannerThread, { close: async () => {} });
  return {
    name: 'ours',
    async start(sdl) {
      const gateway = createGateway({ supergraph: { sdl }, config }, { planner: shared, log: silentLog });
      await gateway.load();
      return {
        execute: (query, variables, operationName) => execute(gateway, { query, variables, operationName }),
        stop: () => gateway.stop(),
      };
    },
    close: () => planner.close(),
  };
}

/**
 * Answers with text as HTTP clients get it where it comes as text, else with values. A query is asked for both: where
 * they are not the same, that is an error. A mutation runs once.
 */
async function executeAsText(gateway: Gateway, request: GatewayRequest): Promise<Answer> {
  const prepared = gateway.prepare(request.query, request.operationName);
  if (prepared.kind === 'refused') return plainAnswer({ errors: prepared.errors });
  const { deadline, dispose } = openDeadline(Date.now() + 50_000, Date.now);
  const calls = { count: 0, failed: 0 };
  const context = { id: 'fuzz', identity: anonymous, deadline, log: silentLog, subgraphHeaders: {}, calls };
  const answer = await gateway.answer(prepared, request.variables ?? {}, context).finally(dispose);
  if (answer.kind === 'result') return plainAnswer(answer.result);
  const asText = JSON.parse(answer.body) as Answer;
  if (prepared.operation === 'mutation') return asText;
  const asValues = plainAnswer(await gateway.query(request));
  if (!asValues.errors && answer.body === JSON.stringify({ data: asValues.data })) return asText;
  return { ...asText, errors: [{ message: 'The text of the answer is not that of its values.' }] };
}

function plainAnswer({ data, errors }: ExecutionResult): Answer {
  return { data, errors: errors?.map((error) => error.toJSON()) };
}

/** The same, with every fragment of a query deferred: where the parts do not make the whole, that is an error. */
export function ourDeferringGateway(planTimeoutMs?: number): GatewayUnderTest {
  return { ...ourGateway(planTimeoutMs, executeInParts), name: 'deferring' };
}

async function executeInParts(gateway: Gateway, request: GatewayRequest): Promise<Answer> {
  const whole = plainAnswer(await gateway.query(request));
  // What a null takes with it depends on what is deferred.
  if (!whole.data || whole.errors) return whole;
  const prepared = gateway.prepare(request.query, request.operationName);
  if (prepared.kind === 'refused' || prepared.operation !== 'query') return whole;
  const payloads: Payload[] = [];
  const deferring = { ...request, query: deferFragments(request.query) };
  for await (const payload of askInParts(gateway, deferring)) payloads.push(payload);
  if (isDeepStrictEqual(joinParts(payloads), JSON.parse(JSON.stringify(whole.data)))) return whole;
  return { ...whole, errors: [{ message: `The parts are not the whole: ${JSON.stringify(payloads)}` }] };
}

function deferFragments(query: string): string {
  const deferred = { kind: Kind.DIRECTIVE, name: { kind: Kind.NAME, value: 'defer' } } as const;
  const withDefer = <N extends InlineFragmentNode | FragmentSpreadNode>(node: N): N => {
    return { ...node, directives: [...(node.directives ?? []), deferred] };
  };
  return print(visit(parse(query), { InlineFragment: { leave: withDefer }, FragmentSpread: withDefer }));
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
