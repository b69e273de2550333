/**
 * One subgraph as the transport sees it: its instances, their connections, and the way in which they are asked.
 * In: an endpoint and its options as plain values. Out: `Subgraph`. Clock: made once per generation.
 */

import type { Log } from '../telemetry/log';
import { type AttemptCounts, createAttempts } from './attempts';
import { type CallClock, type CallRecord, type CallSettings, passingHeaders, systemClock } from './call';
import type { Circuit } from './circuit';
import { Connections } from './connections';
import type { EventSources, SourceEndpoint } from './event-sources';
import { createEventStreamTransport } from './event-stream';
import { createHttpExchange, type StartExchange } from './http';
import { Instances } from './instances';
import type { ResponseRules } from './response';
import { RetryBudget } from './retry-budget';
import type { SubgraphEndpoint, SubgraphTransportOptions } from './transport-options';
import { createWebSocketTransport } from './websocket';

export interface TransportDependencies {
  readonly log: Log;
  readonly clock?: CallClock;
  readonly random?: () => number;
  /** What subscriptions are opened by: it outlives this transport. */
  readonly eventSources: EventSources;
  /** The gateway's own identity: headers of health checks, and what `connection_init` says. */
  readonly healthHeaders?: () => Readonly<Record<string, string>>;
  /** Told of each finished call, health checks excepted. */
  readonly onCall?: (record: CallRecord) => void;
}

export interface Subgraph {
  readonly source: SourceEndpoint;
  /** One for each instance. */
  readonly connections: readonly Connections[];
  readonly start: StartExchange;
  /** For health checks: a lone instance is asked whatever is known of it, and once. */
  readonly check: StartExchange;
  readonly settings: CallSettings;
  resilience(): SubgraphResilience;
}

/** How a subgraph fares, counted since the supergraph was loaded. */
export interface SubgraphResilience extends Readonly<AttemptCounts> {
  readonly instances: readonly InstanceState[];
}

export interface InstanceState {
  /** Host and port: for metrics, never for clients. */
  readonly host: string;
  readonly circuit: Circuit['phase'];
  /** How often it was left out. */
  readonly ejections: number;
  readonly outstanding: number;
}

const maxConnectTimeoutMs = 5_000;

/** Undefined for an endpoint without a usable URL; an instance without one is left out. */
export function createSubgraph(
  endpoint: SubgraphEndpoint,
  options: SubgraphTransportOptions,
  dependencies: TransportDependencies,
): Subgraph | undefined {
  const url = usableUrl(endpoint.url);
  const given = endpoint.instances ?? [{ url: endpoint.url, weight: 1 }];
  const addresses = given.flatMap(({ url: text, weight }) => {
    const usable = usableUrl(text);
    return usable ? [{ url: usable, weight }] : [];
  });
  if (url === undefined || addresses.length === 0) return undefined;
  const rules: ResponseRules = { errorExtensions: options.errorExtensions, extensions: options.extensions };
  const names = options.forwardHeaders?.map((name) => name.toLowerCase());
  const forwardHeaders = names === undefined ? 'all' : new Set(names);
  return {
    source: createSourceEndpoint(endpoint.name, url, options, { rules, forwardHeaders }, dependencies),
    settings: { timeoutMs: options.timeoutMs, rules, forwardHeaders, deadlineHeader: options.deadlineHeader },
    ...createInstances(endpoint.name, addresses, options, dependencies),
  };
}

function createInstances(
  name: string,
  addresses: readonly { readonly url: URL; readonly weight: number }[],
  options: SubgraphTransportOptions,
  { clock = systemClock, random = Math.random }: TransportDependencies,
): Pick<Subgraph, 'connections' | 'start' | 'check' | 'resilience'> {
  const { timeoutMs, maxResponseBytes, balancing, retries } = options;
  const connections = addresses.map(({ url }) => openConnections(url, options));
  const starts = addresses.map(({ url }, index) =>
    createHttpExchange({
      name,
      path: url.pathname + url.search,
      connections: connections[index] as Connections,
      maxResponseBytes,
    }),
  );
  const weights = addresses.map(({ weight }) => weight);
  const instances = new Instances(weights, balancing, random, clock.elapsed());
  const counts: AttemptCounts = { retries: 0, hedges: 0, refused: 0 };
  const start = createAttempts({
    subgraph: name,
    instances,
    starts,
    retries,
    budget: new RetryBudget(retries.budget),
    timeoutMs,
    hashHeader: balancing.policy === 'hash' ? balancing.hashHeader : undefined,
    clock,
    random,
    counts,
  });
  const [only, ...others] = starts;
  return {
    connections,
    start,
    check: only !== undefined && others.length === 0 ? only : start,
    resilience: () => ({
      ...counts,
      instances: instances.all.map(({ circuit, outstanding }, index) => ({
        host: addresses[index]?.url.host ?? '',
        circuit: circuit.phase,
        ejections: circuit.openings,
        outstanding,
      })),
    }),
  };
}

function openConnections(url: URL, options: SubgraphTransportOptions): Connections {
  const { timeoutMs, maxConnections, maxWaiting, http2, ca } = options;
  const connectTimeoutMs = Math.min(timeoutMs, maxConnectTimeoutMs);
  const trust = ca === undefined ? {} : { ca };
  return new Connections(url.origin, { maxConnections, maxWaiting, connectTimeoutMs, http2, ...trust });
}

/** Credentials in a URL end up in logs and errors; they belong into a header. */
function usableUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    return undefined;
  return url;
}

function createSourceEndpoint(
  subgraph: string,
  subgraphUrl: URL,
  { subscription, maxResponseBytes, http2, ca }: SubgraphTransportOptions,
  { rules, forwardHeaders }: Pick<CallSettings, 'rules' | 'forwardHeaders'>,
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
    headersFor: (headers) => passingHeaders(headers, forwardHeaders),
    rules,
    reconnectMs,
  };
}
