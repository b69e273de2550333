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
import { createForward, type Forward } from './forward';
import { InstancePool, type PoolEndpoint, usableUrl } from './instance-pool';
import { compileRequestHeaders, type WriteHeaders } from './request-headers';
import type { ResponseRules } from './response';
import { type PoolLease, SharedPools } from './shared-pools';
import type { StreamTransport } from './stream';
import type { SubgraphEndpoint, SubgraphTransportOptions } from './transport-options';
import { createWebSocketTransport } from './websocket';

export interface TransportDependencies {
  readonly log: Log;
  readonly clock?: CallClock;
  readonly random?: () => number;
  /** What subscriptions are opened by: it outlives this transport. */
  readonly eventSources: EventSources;
  /** Where instances are kept over generations; without it, this transport has its own. */
  readonly pools?: SharedPools;
  /** The gateway's own identity: headers of health checks and probes, and what `connection_init` says. */
  readonly healthHeaders?: () => Readonly<Record<string, string>>;
  /** Told of each finished call, health checks excepted. */
  readonly onCall?: (record: CallRecord) => void;
}

export interface Subgraph {
  readonly source: SourceEndpoint;
  readonly lease: PoolLease;
  readonly settings: CallSettings;
  readonly forward: Forward;
  /** Whether identical queries under way may share an answer. */
  readonly isShared: boolean;
}

/** Undefined for an endpoint without a usable URL; an instance without one is left out. */
export function createSubgraph(
  endpoint: SubgraphEndpoint,
  options: SubgraphTransportOptions,
  dependencies: TransportDependencies,
): Subgraph | undefined {
  const { name, discovery } = endpoint;
  const url = usableUrl(endpoint.url);
  const addresses = endpoint.instances ?? [{ url: endpoint.url, weight: 1 }];
  if (url === undefined) return undefined;
  if (discovery === undefined && addresses.every((address) => usableUrl(address.url) === undefined)) return undefined;
  const rules: ResponseRules = { errorExtensions: options.errorExtensions, extensions: options.extensions };
  const { headerRules, ownHeaders: own, reservedHeaders, timeoutMs, deadlineHeader, balancing } = options;
  const reserved = reservedHeaders.concat(deadlineHeader ?? []);
  const headersOf = (kind: OperationKind) => compileRequestHeaders({ rules: headerRules, own, reserved }, name, kind);
  const collectorOf = (kind: OperationKind) => compileHeaderCollector(options.responseRules, name, kind);
  const collectors = { query: collectorOf('query'), mutation: collectorOf('mutation') };
  const writeHeaders = { query: headersOf('query'), mutation: headersOf('mutation') };
  const keepsIdentities = balancing.policy === 'hash' && balancing.hashHeader === undefined;
  const lease = leasePool({ name, url, addresses, discovery }, options, dependencies);
  const { instances, breaker } = lease.pool;
  const settings = { timeoutMs, rules, writeHeaders, deadlineHeader, collectors, keepsIdentities, breaker };
  return {
    source: createSourceEndpoint(name, lease, options, rules, headersOf('subscription'), dependencies),
    settings,
    forward: createForward({
      instances,
      settings,
      hashHeader: balancing.policy === 'hash' ? balancing.hashHeader : undefined,
      clock: dependencies.clock ?? systemClock,
      tls: options.tls,
      onCall: dependencies.onCall,
    }),
    isShared: !mayQueriesSetCookies(options.responseRules, name),
    lease,
  };
}

function leasePool(
  endpoint: PoolEndpoint,
  options: SubgraphTransportOptions,
  {
    pools = new SharedPools(),
    log,
    clock = systemClock,
    random = Math.random,
    healthHeaders = () => ({}),
  }: TransportDependencies,
): PoolLease {
  const dependencies = { log, clock, random, background: pools.background, healthHeaders };
  // What else is set may change without a say in how instances are chosen and asked.
  const { headerRules, ownHeaders, reservedHeaders, deadlineHeader, subscription, ...kept } = options;
  return pools.lease(JSON.stringify([endpoint, kept]), () => new InstancePool(endpoint, options, dependencies));
}

/** Events come from the subgraph's instances, unless they have a URL of their own. */
function createSourceEndpoint(
  subgraph: string,
  { pool, serial }: PoolLease,
  options: SubgraphTransportOptions,
  rules: ResponseRules,
  writeHeaders: WriteHeaders,
  dependencies: TransportDependencies,
): SourceEndpoint {
  const { clock = systemClock } = dependencies;
  const { url, protocol, path, reconnectMs, ...limits } = options.subscription;
  const openAt = (target: StreamTarget) => openStreams(target, options, dependencies);
  return {
    subgraph,
    key: JSON.stringify([url ?? serial, path, protocol, limits, options.tls]),
    createTransport: () => (url === undefined ? pool.openStreams(openAt, clock) : openAt({ url: new URL(url) })),
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

interface StreamTarget {
  readonly url: URL;
  readonly address?: string | undefined;
}

function openStreams(
  target: StreamTarget,
  { subscription, maxResponseBytes: maxEventBytes, http2, tls }: SubgraphTransportOptions,
  { clock = systemClock, healthHeaders: initPayload = () => ({}) }: TransportDependencies,
): StreamTransport {
  const { protocol, path, maxConnections, connectTimeoutMs, keepAliveMs } = subscription;
  const url = new URL(target.url);
  if (path !== undefined) url.pathname = path;
  const isSecure = url.protocol === 'https:' || url.protocol === 'wss:';
  const scheme = protocol === 'sse' ? 'http' : 'ws';
  url.protocol = isSecure ? `${scheme}s:` : `${scheme}:`;
  const limits = { maxConnections, connectTimeoutMs, keepAliveMs, maxEventBytes };
  const options = { url: url.href, address: target.address, ...limits, tls, clock };
  return protocol === 'sse'
    ? createEventStreamTransport({ ...options, http2 })
    : createWebSocketTransport({ ...options, initPayload });
}
