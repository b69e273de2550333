/**
 * Where one subgraph runs: its instances, their connections, and how they fare. In: addresses, given once or told by a
 * source whenever they change. Out: `StartExchange`. Clock: of the endpoint: it outlives generations in which that is the
 * same. Never ends a call under way because its instance left: the connections of who left close when they are idle.
 */
import { compileKeptHeaders } from '../context/client-headers';
import type { Log } from '../telemetry/log';
import { type AttemptCounts, createAttempts } from './attempts';
import { BalancedStreams } from './balanced-streams';
import type { Instance } from './balancing';
import { SubgraphBreaker } from './breaker';
import { limitInFlight } from './bulkhead';
import type { CallClock } from './call';
import type { Circuit } from './circuit';
import { Connections, type ConnectionsOptions, type ConnectionsStats } from './connections';
import {
  createInstanceSource,
  type Discovery,
  type SourceDependencies,
  type SourceListener,
} from './discovery/instance-source';
import { createHttpExchange, type StartExchange } from './http';
import { type InstanceEvent, type InstanceListener, Instances } from './instances';
import { startProbing } from './probes';
import { RetryBudget } from './retry-budget';
import type { StreamTransport } from './stream';
import type { InstanceAddress, SubgraphTransportOptions } from './transport-options';

/** What it takes to ask one instance. */
export interface PooledInstance {
  readonly url: URL;
  /** Instead of what the host of `url` resolves to. */
  readonly address: string | undefined;
  /** Host and port: for metrics and the log, never for clients. */
  readonly host: string;
  readonly start: StartExchange;
  readonly connections: Connections;
  readonly stopProbing: () => void;
}

/** How a subgraph fares, counted since its instances were first asked. */
export interface SubgraphResilience extends Readonly<AttemptCounts> {
  readonly instances: readonly InstanceState[];
  readonly discovery?: DiscoveryState;
  /** Of the subgraph as a whole, where it has one. */
  readonly breaker?: { readonly phase: SubgraphBreaker['phase']; readonly openings: number };
}

export interface InstanceState {
  /** Host and port: for metrics, never for clients. */
  readonly host: string;
  readonly circuit: Circuit['phase'];
  /** How often it was left out. */
  readonly ejections: number;
  readonly outstanding: number;
  /** Smoothed; 0 for one that was not asked yet. */
  readonly latencyMs: number;
}

export interface DiscoveryState {
  readonly kind: Discovery['kind'];
  /** Whether the source failed last: what it told before still holds. */
  readonly isStale: boolean;
  readonly changes: number;
  readonly failures: number;
}

/** Where a subgraph is, as it is configured. */
export interface PoolEndpoint {
  readonly name: string;
  readonly url: URL;
  readonly addresses: readonly InstanceAddress[];
  readonly discovery: Discovery | undefined;
}

export interface PoolDependencies {
  readonly log: Log;
  readonly clock: CallClock;
  readonly random: () => number;
  /** What discovery and probes work with: their timers keep no process alive. */
  readonly background: SourceDependencies;
  /** The gateway's own identity, for probes. */
  readonly healthHeaders: () => Readonly<Record<string, string>>;
}

interface UsableAddress {
  readonly id: string;
  readonly weight: number;
  readonly tier: number;
  readonly url: URL;
  readonly address: string | undefined;
}

export class InstancePool implements InstanceListener<PooledInstance>, SourceListener {
  readonly instances: Instances<PooledInstance>;
  readonly start: StartExchange;
  readonly breaker: SubgraphBreaker | undefined;
  readonly #keepsHeader: ConnectionsOptions['keepsHeader'];
  /** Resolves when the source has told of instances, or of its failure, for the first time. */
  readonly discovered: Promise<void>;
  readonly #counts: AttemptCounts = { retries: 0, hedges: 0, refused: 0 };
  /** Of those that left, until nothing runs there any more. */
  readonly #leaving = new Set<Connections>();
  readonly #streams = new Set<BalancedStreams<PooledInstance>>();
  readonly #stopSource: () => void;
  #changes = 0;
  #failures = 0;
  /** Why the source fails. */
  #failing: string | undefined;
  #setDiscovered = () => {};

  constructor(
    private readonly endpoint: PoolEndpoint,
    private readonly options: SubgraphTransportOptions,
    private readonly dependencies: PoolDependencies,
  ) {
    const { timeoutMs, balancing, retries } = options;
    const { clock, random, background } = dependencies;
    this.instances = new Instances<PooledInstance>(balancing, random, this);
    this.breaker = options.breaker && new SubgraphBreaker(options.breaker, (isOpen) => this.#onBreaker(isOpen));
    this.#keepsHeader = compileKeptHeaders(options.responseRules, endpoint.name);
    const start = createAttempts({
      subgraph: endpoint.name,
      instances: this.instances,
      retries,
      budget: new RetryBudget(retries.budget),
      timeoutMs,
      hashHeader: balancing.policy === 'hash' ? balancing.hashHeader : undefined,
      clock,
      random,
      counts: this.#counts,
    });
    const { maxInFlight, maxQueued } = options;
    this.start = maxInFlight === undefined ? start : limitInFlight(endpoint.name, start, { maxInFlight, maxQueued });
    this.discovered = new Promise((resolve) => {
      this.#setDiscovered = resolve;
    });
    const { name, url, addresses, discovery } = endpoint;
    if (discovery === undefined) this.onInstances(addresses);
    this.#stopSource = discovery
      ? createInstanceSource(name, discovery, url, background).open(this)
      : this.#setDiscovered;
  }

  /** For health checks: a lone instance is asked whatever is known of it, and once. */
  readonly check: StartExchange = (exchange, done) => {
    const [only, ...others] = this.instances.all;
    return only !== undefined && others.length === 0 ? only.target.start(exchange, done) : this.start(exchange, done);
  };

  /** For the source: an address without a usable URL is no instance. */
  onInstances(addresses: readonly InstanceAddress[]): void {
    const { log, clock } = this.dependencies;
    const { name, discovery } = this.endpoint;
    const usable = addresses.flatMap((address) => this.#usable(address));
    if (usable.length < addresses.length)
      log.warn({ subgraph: name }, 'An instance has no usable URL: it is not asked.');
    if (this.#failing !== undefined) log.info({ subgraph: name }, 'The instances of a subgraph are known again.');
    this.#failing = undefined;
    const before = new Set(this.instances.all);
    const removed = this.instances.replace(usable, clock.elapsed(), (address) => this.#open(address));
    for (const instance of removed) this.#letGo(instance);
    const added = this.instances.all.filter((instance) => !before.has(instance));
    if (discovery !== undefined && added.length + removed.length > 0) {
      this.#changes++;
      const hosts = (of: readonly Instance<PooledInstance>[]) => of.map(({ target: { host } }) => host);
      log.info(
        { subgraph: name, added: hosts(added), removed: hosts(removed) },
        'The instances of a subgraph changed.',
      );
    }
    this.#setDiscovered();
  }

  /** For the source: what is known stays. */
  onFailure(reason: string): void {
    this.#failures++;
    if (reason !== this.#failing) {
      const about = { subgraph: this.endpoint.name, discovery: this.endpoint.discovery?.kind, reason };
      this.dependencies.log.warn(about, 'The instances of a subgraph could not be learned: those known are asked.');
    }
    this.#failing = reason;
    this.#setDiscovered();
  }

  /** For `Instances`. */
  onEvent(event: InstanceEvent, { target: { host }, circuit }: Instance<PooledInstance>): void {
    const { log } = this.dependencies;
    const { all, available } = this.instances;
    const about = { subgraph: this.endpoint.name, instance: host, ejections: circuit.openings };
    const others = { instances: all.length, available };
    if (event === 'ejected') log.warn({ ...about, ...others }, 'An instance is left out.');
    else if (event === 'returned') log.info({ ...about, ...others }, 'An instance is back.');
  }

  /** Where events come from, over all instances; who is given it closes it. */
  openStreams(openAt: (target: PooledInstance) => StreamTransport, clock: CallClock): StreamTransport {
    const streams = new BalancedStreams({ instances: this.instances, openAt, clock });
    this.#streams.add(streams);
    return streams;
  }

  get stats(): ConnectionsStats {
    const sum = { sockets: 0, running: 0, waiting: 0 };
    for (const { stats } of this.#connections()) {
      sum.sockets += stats.sockets;
      sum.running += stats.running;
      sum.waiting += stats.waiting;
    }
    return sum;
  }

  get resilience(): SubgraphResilience {
    const hosts = new Set<string>();
    const instances = this.instances.all.map(({ circuit, outstanding, latencyMs, target: { host, url } }) => ({
      // Several paths of one host are told apart, others are not made longer.
      host: hosts.size < hosts.add(host).size ? host : host + url.pathname + url.search,
      circuit: circuit.phase,
      ejections: circuit.openings,
      outstanding,
      latencyMs,
    }));
    const { discovery } = this.endpoint;
    const breaker = this.breaker && { breaker: { phase: this.breaker.phase, openings: this.breaker.openings } };
    if (discovery === undefined) return { ...this.#counts, instances, ...breaker };
    const isStale = this.#failing !== undefined;
    const state = { kind: discovery.kind, isStale, changes: this.#changes, failures: this.#failures };
    return { ...this.#counts, instances, discovery: state, ...breaker };
  }

  /** Takes no more calls, waits for those under way, closes all sockets. */
  async close(): Promise<void> {
    this.#stop();
    await Promise.all(this.#connections().map((connections) => connections.close()));
  }

  /** Closes all sockets at once; calls under way fail. */
  async destroy(): Promise<void> {
    this.#stop();
    await Promise.all(this.#connections().map((connections) => connections.destroy()));
  }

  #onBreaker(isOpen: boolean): void {
    const about = { subgraph: this.endpoint.name };
    if (isOpen)
      this.dependencies.log.warn(about, 'A subgraph is not asked: too many of its calls failed or were slow.');
    else this.dependencies.log.info(about, 'A subgraph is asked again.');
  }

  #stop(): void {
    this.#stopSource();
    for (const { target } of this.instances.all) target.stopProbing();
  }

  #connections(): readonly Connections[] {
    return [...this.instances.all.map(({ target }) => target.connections), ...this.#leaving];
  }

  #letGo(instance: Instance<PooledInstance>): void {
    const { connections, stopProbing } = instance.target;
    stopProbing();
    for (const streams of this.#streams) streams.drop(instance);
    this.#leaving.add(connections);
    void connections.close().finally(() => this.#leaving.delete(connections));
  }

  #usable({ url: text, weight, zone, priority = 0, address }: InstanceAddress): readonly UsableAddress[] {
    const url = usableUrl(text);
    if (url === undefined) return [];
    const own = this.options.zone;
    const isElsewhere = own !== undefined && zone !== undefined && zone !== own;
    const id = address === undefined ? url.href : `${url.href} ${address}`;
    return [{ id, weight, tier: 2 * priority + (isElsewhere ? 1 : 0), url, address }];
  }

  #open({ id, url, address }: UsableAddress): PooledInstance {
    const { timeoutMs, firstByteTimeoutMs, maxConnections, maxWaiting, http2, tls, maxResponseBytes, probe } =
      this.options;
    const { background, healthHeaders, clock } = this.dependencies;
    const { name: subgraph } = this.endpoint;
    const options: Omit<ConnectionsOptions, 'maxConnections'> = {
      connectTimeoutMs: Math.min(timeoutMs, this.options.connectTimeoutMs),
      address,
      http2,
      tls,
    };
    const connections = new Connections(url.origin, {
      ...options,
      maxConnections,
      maxWaiting,
      keepsHeader: this.#keepsHeader,
    });
    const path = url.pathname + url.search;
    const onProbed = (isGood: boolean) => {
      const instance = this.instances.all.find((one) => one.id === id);
      if (instance && probe) this.instances.probed(instance, isGood, probe, clock.elapsed());
    };
    const probing = { subgraph, url, connections: options, headers: healthHeaders, ...background, onProbed };
    return {
      url,
      address,
      host: address === undefined ? url.host : hostAt(address, url),
      start: createHttpExchange({ name: subgraph, path, connections, maxResponseBytes, firstByteTimeoutMs, clock }),
      connections,
      stopProbing: probe ? startProbing({ ...probing, settings: probe }) : () => {},
    };
  }
}

function hostAt(address: string, { port, protocol }: URL): string {
  const known = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
  return `${address.includes(':') ? `[${address}]` : address}:${known}`;
}

/** Credentials in a URL end up in logs and errors; they belong into a header. */
export function usableUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    return undefined;
  return url;
}
