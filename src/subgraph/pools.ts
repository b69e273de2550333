/**
 * The transport to all subgraphs of one supergraph: one set of connections each, one call for the engine, their health.
 * In: names, URLs and options as plain values; out: `SubgraphTransport`. Reads no environment.
 * Clock: made once per generation, which closes it when it has drained.
 */
import type { SubgraphCall } from '../query-plan/subgraph-call';
import type { Log } from '../telemetry/log';
import { type CallClock, type CallRecord, type CallSettings, createSubgraphCall, systemClock } from './call';
import { Connections, type ConnectionsStats } from './connections';
import { createHttpExchange, type Exchange, type ExchangeOutcome, httpError, type StartExchange } from './http';
import { shareInFlight } from './in-flight';
import { type ResponseRules, readResponse } from './response';

export interface SubgraphTransportOptions {
  /** From the call to the last byte of the answer, waiting for a connection included. */
  readonly timeoutMs: number;
  /** Of an answer's body, before and after decompression. */
  readonly maxResponseBytes: number;
  /** Sockets to one subgraph; further calls wait for one. */
  readonly maxConnections: number;
  /** Offer HTTP/2 to `https:` subgraphs. */
  readonly http2: boolean;
  /** Names of the request's subgraph headers that a subgraph gets; without it, all of them. */
  readonly forwardHeaders?: readonly string[];
  /** PEM of the authorities to trust for `https:` subgraphs instead of the system's. */
  readonly ca?: string;
  /** Names in a subgraph's `errors[].extensions` that may pass beside `code`. */
  readonly errorExtensions: readonly string[];
  /** Names in a subgraph's response `extensions` that may pass. */
  readonly extensions: readonly string[];
  /** Identical queries under way share one exchange, unless false; see `SharingOptions` for the headers. */
  readonly sharing: false | { readonly ignoredHeaders: readonly string[] };
}

export const defaultTransportOptions: SubgraphTransportOptions = {
  timeoutMs: 30_000,
  maxResponseBytes: 10 * 1024 * 1024,
  maxConnections: 256,
  http2: false,
  errorExtensions: [],
  extensions: [],
  sharing: { ignoredHeaders: ['x-request-id', 'traceparent', 'tracestate'] },
};

/** `options` lays over those of all subgraphs; sharing is common to all. */
export interface SubgraphEndpoint {
  readonly name: string;
  readonly url: string;
  readonly options?: Partial<Omit<SubgraphTransportOptions, 'sharing'>>;
}

export interface TransportDependencies {
  readonly log: Log;
  readonly clock?: CallClock;
  /** Headers of health checks: the gateway's own identity. */
  readonly healthHeaders?: () => Readonly<Record<string, string>>;
  /** Told of each finished call, health checks excepted. */
  readonly onCall?: (record: CallRecord) => void;
}

export interface SubgraphHealth {
  readonly healthy: boolean;
  readonly durationMs: number;
}

export interface SubgraphTransport {
  readonly call: SubgraphCall;
  /** Asks each subgraph for `{ __typename }`; those who ask at the same time share the answer. Never rejects. */
  checkHealth(timeoutMs: number): Promise<ReadonlyMap<string, SubgraphHealth>>;
  /** By subgraph name. */
  stats(): ReadonlyMap<string, ConnectionsStats>;
  /** Takes no more calls, waits for those under way, closes all sockets. */
  close(): Promise<void>;
  /** Closes all sockets at once; calls under way fail with SUBREQUEST_HTTP_ERROR. */
  destroy(): Promise<void>;
}

interface Subgraph {
  readonly connections: Connections;
  readonly start: StartExchange;
  readonly settings: CallSettings;
}

const maxConnectTimeoutMs = 5_000;
const healthBody = '{"query":"{ __typename }"}';

/** Makes the transport. An endpoint without a usable URL is logged, and each call to it fails. */
export function createSubgraphTransport(
  endpoints: readonly SubgraphEndpoint[],
  options: SubgraphTransportOptions,
  dependencies: TransportDependencies,
): SubgraphTransport {
  const clock = dependencies.clock ?? systemClock;
  const subgraphs = new Map<string, Subgraph>();
  for (const endpoint of endpoints) {
    const subgraph = createSubgraph(endpoint, { ...options, ...endpoint.options });
    if (subgraph !== undefined) subgraphs.set(endpoint.name, subgraph);
    else
      dependencies.log.warn({ subgraph: endpoint.name }, 'A subgraph has no usable URL: every call to it will fail.');
  }
  const startAny: StartExchange = (exchange, done) => startIn(subgraphs, exchange, done);
  const settings = new Map([...subgraphs].map(([name, subgraph]) => [name, subgraph.settings] as const));
  const all = [...subgraphs.values()].map((subgraph) => subgraph.connections);
  let health: Promise<ReadonlyMap<string, SubgraphHealth>> | undefined;
  return {
    call: createSubgraphCall({
      start: options.sharing === false ? startAny : shareInFlight(startAny, options.sharing),
      settings,
      clock,
      onCall: dependencies.onCall,
    }),
    checkHealth: (timeoutMs) => {
      const headers = Object.entries(dependencies.healthHeaders?.() ?? {}).flat();
      health ??= checkAll(endpoints, headers, startAny, clock, timeoutMs).finally(() => {
        health = undefined;
      });
      return health;
    },
    stats: () => new Map([...subgraphs].map(([name, subgraph]) => [name, subgraph.connections.stats] as const)),
    close: async () => {
      await Promise.all(all.map((connections) => connections.close()));
    },
    destroy: async () => {
      await Promise.all(all.map((connections) => connections.destroy()));
    },
  };
}

function createSubgraph(endpoint: SubgraphEndpoint, options: SubgraphTransportOptions): Subgraph | undefined {
  const url = URL.canParse(endpoint.url) ? new URL(endpoint.url) : undefined;
  // Credentials in a URL end up in logs and errors; they belong into a header.
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    return undefined;
  const { timeoutMs, maxResponseBytes, maxConnections, http2, ca } = options;
  const connectTimeoutMs = Math.min(timeoutMs, maxConnectTimeoutMs);
  const trust = ca === undefined ? {} : { ca };
  const connections = new Connections(url.origin, { maxConnections, connectTimeoutMs, http2, ...trust });
  const path = url.pathname + url.search;
  const rules: ResponseRules = { errorExtensions: options.errorExtensions, extensions: options.extensions };
  const forwardHeaders = options.forwardHeaders?.map((name) => name.toLowerCase());
  return {
    connections,
    start: createHttpExchange({ name: endpoint.name, path, connections, maxResponseBytes }),
    settings: { timeoutMs, rules, forwardHeaders: forwardHeaders === undefined ? 'all' : new Set(forwardHeaders) },
  };
}

function startIn(
  subgraphs: ReadonlyMap<string, Subgraph>,
  exchange: Exchange,
  done: (outcome: ExchangeOutcome) => void,
): ReturnType<StartExchange> {
  const subgraph = subgraphs.get(exchange.subgraph);
  if (subgraph !== undefined) return subgraph.start(exchange, done);
  done({ kind: 'failed', error: httpError(exchange.subgraph, 0) });
  return { shared: false, cancel: () => {} };
}

async function checkAll(
  endpoints: readonly SubgraphEndpoint[],
  headers: readonly string[],
  start: StartExchange,
  clock: CallClock,
  timeoutMs: number,
): Promise<ReadonlyMap<string, SubgraphHealth>> {
  const checks = endpoints.map(
    async ({ name }) => [name, await checkOne(name, headers, start, clock, timeoutMs)] as const,
  );
  return new Map(await Promise.all(checks));
}

function checkOne(
  subgraph: string,
  headers: readonly string[],
  start: StartExchange,
  clock: CallClock,
  timeoutMs: number,
): Promise<SubgraphHealth> {
  const startedAt = clock.elapsed();
  return new Promise((resolve) => {
    let cancel = () => {};
    const finish = (healthy: boolean) => {
      stopTimer();
      resolve({ healthy, durationMs: clock.elapsed() - startedAt });
    };
    const stopTimer = clock.schedule(() => {
      cancel();
      finish(false);
    }, timeoutMs);
    const exchange: Exchange = { subgraph, body: healthBody, kind: 'query', headers };
    const started = start(exchange, (outcome) => finish(isGraphQL(subgraph, outcome)));
    cancel = () => started.cancel();
  });
}

/** Errors in GraphQL, such as a refusal of the anonymous, come from a subgraph that lives. */
function isGraphQL(subgraph: string, outcome: ExchangeOutcome): boolean {
  if (outcome.kind === 'failed') return false;
  try {
    readResponse(subgraph, outcome.status, outcome.text, { errorExtensions: [], extensions: [] });
    return true;
  } catch {
    return false;
  }
}
