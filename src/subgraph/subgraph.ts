/**
 * One subgraph as the transport sees it: the pool of its instances, where its events come from, how it is asked.
 * In: an endpoint and its options as plain values. Out: `Subgraph`. Clock: made once per generation.
 */

import type { OperationKind } from '../config/headers';
import { compileHeaderCollector, mayQueriesSetCookies } from '../context/client-headers';
import type { Log } from '../telemetry/log';
import { type CallClock, type CallRecord, type CallSettings, systemClock } from './call';
import type { EventSources, SourceEndpoint } from './event-sources';
import { createEventStreamTransport } from './event-stream';
import { InstancePool, usableUrl } from './instance-pool';
import { compileRequestHeaders, type WriteHeaders } from './request-headers';
import type { ResponseRules } from './response';
import { type PoolLease, SharedPools } from './shared-pools';
import type { InstanceAddress, SubgraphEndpoint, SubgraphTransportOptions } from './transport-options';
import { createWebSocketTransport } from './websocket';

export interface TransportDependencies {
  readonly log: Log;
  readonly clock?: CallClock;
  readonly random?: () => number;
  /** What subscriptions are opened by: it outlives this transport. */
  readonly eventSources: EventSources;
  /** Where instances are kept over generations; without it, this transport has its own. */
  readonly pools?: SharedPools;
  /** The gateway's own identity: headers of health checks, and what `connection_init` says. */
  readonly healthHeaders?: () => Readonly<Record<string, string>>;
  /** Told of each finished call, health checks excepted. */
  readonly onCall?: (record: CallRecord) => void;
}

export interface Subgraph {
  readonly source: SourceEndpoint;
  readonly lease: PoolLease;
  readonly settings: CallSettings;
  /** Whether identical queries under way may share an answer. */
  readonly isShared: boolean;
}

/** Undefined for an endpoint without a usable URL; an instance without one is left out. */
export function createSubgraph(
  endpoint: SubgraphEndpoint,
  options: SubgraphTransportOptions,
  dependencies: TransportDependencies,
): Subgraph | undefined {
  const url = usableUrl(endpoint.url);
  const addresses = endpoint.instances ?? [{ url: endpoint.url, weight: 1 }];
  if (url === undefined || addresses.every((address) => usableUrl(address.url) === undefined)) return undefined;
  const rules: ResponseRules = { errorExtensions: options.errorExtensions, extensions: options.extensions };
  const { headerRules, ownHeaders: own, reservedHeaders, timeoutMs, deadlineHeader } = options;
  const reserved = reservedHeaders.concat(deadlineHeader ?? []);
  const headersOf = (kind: OperationKind) =>
    compileRequestHeaders({ rules: headerRules, own, reserved }, endpoint.name, kind);
  const collectorOf = (kind: OperationKind) => compileHeaderCollector(options.responseRules, endpoint.name, kind);
  const collectors = { query: collectorOf('query'), mutation: collectorOf('mutation') };
  const writeHeaders = { query: headersOf('query'), mutation: headersOf('mutation') };
  return {
    source: createSourceEndpoint(endpoint.name, url, options, rules, headersOf('subscription'), dependencies),
    settings: { timeoutMs, rules, writeHeaders, deadlineHeader, collectors },
    isShared: !mayQueriesSetCookies(options.responseRules, endpoint.name),
    lease: leasePool(endpoint.name, addresses, options, dependencies),
  };
}

function leasePool(
  name: string,
  addresses: readonly InstanceAddress[],
  options: SubgraphTransportOptions,
  { pools = new SharedPools(), log, clock = systemClock, random = Math.random }: TransportDependencies,
): PoolLease {
  return pools.lease(JSON.stringify([name, addresses, options]), () => {
    const pool = new InstancePool(name, options, { log, clock, random });
    pool.replace(addresses);
    return pool;
  });
}

function createSourceEndpoint(
  subgraph: string,
  subgraphUrl: URL,
  { subscription, maxResponseBytes, http2, ca }: SubgraphTransportOptions,
  rules: ResponseRules,
  writeHeaders: WriteHeaders,
  { clock = systemClock, healthHeaders: initPayload = () => ({}) }: TransportDependencies,
): SourceEndpoint {
  const { protocol, path, reconnectMs, maxConnections, connectTimeoutMs, keepAliveMs } = subscription;
  const url = new URL(subscription.url ?? subgraphUrl);
  if (path !== undefined) url.pathname = path;
  const isSecure = url.protocol === 'https:' || url.protocol === 'wss:';
  const scheme = protocol === 'sse' ? 'http' : 'ws';
  url.protocol = isSecure ? `${scheme}s:` : `${scheme}:`;
  const limits = { maxConnections, connectTimeoutMs, keepAliveMs, maxEventBytes: maxResponseBytes };
  const options = { url: url.href, ...limits, ca, clock };
  return {
    subgraph,
    key: JSON.stringify([url.href, protocol, limits]),
    createTransport: () =>
      protocol === 'sse'
        ? createEventStreamTransport({ ...options, http2 })
        : createWebSocketTransport({ ...options, initPayload }),
    headersFor: (sources) => {
      const list: string[] = [];
      writeHeaders(sources, list, false);
      return pairsOf(list);
    },
    rules,
    reconnectMs,
  };
}

function pairsOf(list: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1] ?? '']] : [])));
}
