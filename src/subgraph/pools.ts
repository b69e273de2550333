/**
 * The transport to all subgraphs of one supergraph: one set of connections each, one call for the engine, their health.
 * In: names, URLs and options as plain values; out: `SubgraphTransport`. Reads no environment.
 * Clock: made once per generation, which closes it when it has drained.
 */
import { SubgraphError } from '../errors';
import type { FindSubgraphSource, SubgraphCall, SubgraphSource } from '../query-plan/subgraph-call';
import { type CallClock, createSubgraphCall, systemClock } from './call';
import type { ConnectionsStats } from './connections';
import type { Forward } from './forward';
import { type Exchange, httpError, type StartExchange } from './http';
import { shareInFlight } from './in-flight';
import type { SubgraphResilience } from './instance-pool';
import { isGraphQL, probeBody } from './probes';
import { createSubgraph, type Subgraph, type TransportDependencies } from './subgraph';
import type { SubgraphEndpoint, SubgraphTransportOptions } from './transport-options';

export interface SubgraphHealth {
  readonly healthy: boolean;
  readonly durationMs: number;
}

export interface SubgraphTransport {
  readonly call: SubgraphCall;
  readonly findSource: FindSubgraphSource;
  /** Asks each subgraph for `{ __typename }`; those who ask at the same time share the answer. Never rejects. */
  checkHealth(timeoutMs: number): Promise<ReadonlyMap<string, SubgraphHealth>>;
  /** By subgraph name. */
  stats(): ReadonlyMap<string, ConnectionsStats>;
  /** Passes on what is not GraphQL. */
  readonly forward: Forward;
  /** By subgraph name. */
  resilience(): ReadonlyMap<string, SubgraphResilience>;
  /** Resolves when the instances of every subgraph are known, or could not be learned. */
  discovered(): Promise<void>;
  /** Gives back its pools; those that no other generation uses take no more calls, and close when they are idle. */
  close(): Promise<void>;
  /** The same at once: calls under way there fail with SUBREQUEST_HTTP_ERROR. */
  destroy(): Promise<void>;
}

/** Makes the transport. An endpoint without a usable URL is logged, and each call to it fails. */
export function createSubgraphTransport(
  endpoints: readonly SubgraphEndpoint[],
  options: SubgraphTransportOptions,
  dependencies: TransportDependencies,
): SubgraphTransport {
  const clock = dependencies.clock ?? systemClock;
  const subgraphs = new Map<string, Subgraph>();
  for (const endpoint of endpoints) {
    const subgraph = createSubgraph(endpoint, { ...options, ...endpoint.options }, dependencies);
    if (subgraph !== undefined) subgraphs.set(endpoint.name, subgraph);
    else
      dependencies.log.warn({ subgraph: endpoint.name }, 'A subgraph has no usable URL: every call to it will fail.');
  }
  const startAny: StartExchange = (exchange, done) =>
    (subgraphs.get(exchange.subgraph)?.lease.pool.start ?? failUnreachable)(exchange, done);
  const checkAny: StartExchange = (exchange, done) =>
    (subgraphs.get(exchange.subgraph)?.lease.pool.check ?? failUnreachable)(exchange, done);
  const settings = new Map([...subgraphs].map(([name, subgraph]) => [name, subgraph.settings] as const));
  const leases = [...subgraphs].map(([name, { lease }]) => [name, lease] as const);
  let health: Promise<ReadonlyMap<string, SubgraphHealth>> | undefined;
  return {
    call: createSubgraphCall({
      start: shareWhereAllowed(subgraphs, startAny, options.sharing),
      settings,
      clock,
      now: Date.now,
      onCall: dependencies.onCall,
    }),
    findSource: ({ subgraph, body, scope }) => {
      const source = subgraphs.get(subgraph)?.source;
      return source ? dependencies.eventSources.find(source, body, scope) : unreachableSource(subgraph);
    },
    checkHealth: (timeoutMs) => {
      const headers = Object.entries(dependencies.healthHeaders?.() ?? {}).flat();
      health ??= checkAll(endpoints, headers, checkAny, clock, timeoutMs).finally(() => {
        health = undefined;
      });
      return health;
    },
    forward: async (request) => {
      const known = subgraphs.get(request.subgraph);
      if (known) return known.forward(request);
      throw httpError(request.subgraph, 0);
    },
    stats: () => new Map(leases.map(([name, { pool }]) => [name, pool.stats] as const)),
    resilience: () => new Map(leases.map(([name, { pool }]) => [name, pool.resilience] as const)),
    discovered: async () => {
      await Promise.all(leases.map(([, { pool }]) => pool.discovered));
    },
    close: async () => {
      await Promise.all(leases.map(([, lease]) => lease.release('close')));
    },
    destroy: async () => {
      await Promise.all(leases.map(([, lease]) => lease.release('destroy')));
    },
  };
}

function shareWhereAllowed(
  subgraphs: ReadonlyMap<string, Subgraph>,
  start: StartExchange,
  sharing: SubgraphTransportOptions['sharing'],
): StartExchange {
  if (sharing === false) return start;
  const shared = shareInFlight(start, sharing);
  if ([...subgraphs.values()].every(({ isShared }) => isShared)) return shared;
  // A mutation of whatever subgraph is the end of sharing with the queries before it.
  const isAlone = ({ kind, subgraph }: Exchange) => kind === 'query' && subgraphs.get(subgraph)?.isShared === false;
  return (exchange, done) => (isAlone(exchange) ? start : shared)(exchange, done);
}

/** Of a subgraph without a usable URL. */
function unreachableSource(subgraph: string): SubgraphSource {
  const error = new SubgraphError('SUBREQUEST_HTTP_ERROR', subgraph, `Subgraph '${subgraph}' could not be reached.`);
  return {
    key: subgraph,
    open: (_opening, events) => {
      let isOver = false;
      queueMicrotask(() => isOver || events.onEnd({ kind: 'lost', error }));
      return () => {
        isOver = true;
      };
    },
  };
}

const failUnreachable: StartExchange = (exchange, done) => {
  done({ kind: 'failed', error: httpError(exchange.subgraph, 0) });
  return { shared: false, cancel: () => {} };
};

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
    const exchange: Exchange = { subgraph, body: probeBody, kind: 'query', headers };
    const started = start(exchange, (outcome) => finish(isGraphQL(subgraph, outcome)));
    cancel = () => started.cancel();
  });
}
