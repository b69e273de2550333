/**
 * Where one subgraph runs: its instances, their connections, and how they fare. In: addresses, at the start and whenever
 * they change. Out: `StartExchange`. Clock: of the endpoint: it outlives generations in which that is the same.
 * Never ends a call under way because its instance left: the connections of who left close when they are idle.
 */
import { compileKeptHeaders } from '../context/client-headers';
import type { Log } from '../telemetry/log';
import { type AttemptCounts, createAttempts } from './attempts';
import type { Instance } from './balancing';
import type { CallClock } from './call';
import type { Circuit } from './circuit';
import { Connections, type ConnectionsOptions, type ConnectionsStats } from './connections';
import { createHttpExchange, type StartExchange } from './http';
import { type InstanceEvent, type InstanceListener, Instances } from './instances';
import { RetryBudget } from './retry-budget';
import type { InstanceAddress, SubgraphTransportOptions } from './transport-options';

/** What it takes to ask one instance. */
export interface PooledInstance {
  readonly url: URL;
  /** Host and port: for metrics and the log, never for clients. */
  readonly host: string;
  readonly start: StartExchange;
  readonly connections: Connections;
}

/** How a subgraph fares, counted since its instances were first asked. */
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

export interface PoolDependencies {
  readonly log: Log;
  readonly clock: CallClock;
  readonly random: () => number;
}

interface UsableAddress {
  readonly id: string;
  readonly weight: number;
  readonly tier: number;
  readonly url: URL;
}

const maxConnectTimeoutMs = 5_000;

export class InstancePool implements InstanceListener<PooledInstance> {
  readonly instances: Instances<PooledInstance>;
  readonly start: StartExchange;
  readonly #keepsHeader: ConnectionsOptions['keepsHeader'];
  readonly #counts: AttemptCounts = { retries: 0, hedges: 0, refused: 0 };
  /** Of those that left, until nothing runs there any more. */
  readonly #leaving = new Set<Connections>();

  constructor(
    private readonly subgraph: string,
    private readonly options: SubgraphTransportOptions,
    private readonly dependencies: PoolDependencies,
  ) {
    const { timeoutMs, balancing, retries } = options;
    const { clock, random } = dependencies;
    this.instances = new Instances<PooledInstance>(balancing, random, this);
    this.#keepsHeader = compileKeptHeaders(options.responseRules, subgraph);
    this.start = createAttempts({
      subgraph,
      instances: this.instances,
      retries,
      budget: new RetryBudget(retries.budget),
      timeoutMs,
      hashHeader: balancing.policy === 'hash' ? balancing.hashHeader : undefined,
      clock,
      random,
      counts: this.#counts,
    });
  }

  /** For health checks: a lone instance is asked whatever is known of it, and once. */
  readonly check: StartExchange = (exchange, done) => {
    const [only, ...others] = this.instances.all;
    return only !== undefined && others.length === 0 ? only.target.start(exchange, done) : this.start(exchange, done);
  };

  /** From now on these are the instances; an address without a usable URL is none. */
  replace(addresses: readonly InstanceAddress[]): void {
    const usable = addresses.flatMap((address) => {
      const url = usableUrl(address.url);
      return url === undefined ? [] : [{ id: url.href, weight: address.weight, tier: 0, url }];
    });
    const now = this.dependencies.clock.elapsed();
    for (const { target } of this.instances.replace(usable, now, (address) => this.#open(address))) {
      const { connections } = target;
      this.#leaving.add(connections);
      void connections.close().finally(() => this.#leaving.delete(connections));
    }
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
    const instances = this.instances.all.map(({ circuit, outstanding, target }) => ({
      host: target.host,
      circuit: circuit.phase,
      ejections: circuit.openings,
      outstanding,
    }));
    return { ...this.#counts, instances };
  }

  /** Takes no more calls, waits for those under way, closes all sockets. */
  async close(): Promise<void> {
    await Promise.all(this.#connections().map((connections) => connections.close()));
  }

  /** Closes all sockets at once; calls under way fail. */
  async destroy(): Promise<void> {
    await Promise.all(this.#connections().map((connections) => connections.destroy()));
  }

  #connections(): readonly Connections[] {
    return [...this.instances.all.map(({ target }) => target.connections), ...this.#leaving];
  }

  #open({ url }: UsableAddress): PooledInstance {
    const { timeoutMs, maxConnections, maxWaiting, http2, ca, maxResponseBytes } = this.options;
    const connections = new Connections(url.origin, {
      maxConnections,
      maxWaiting,
      connectTimeoutMs: Math.min(timeoutMs, maxConnectTimeoutMs),
      http2,
      ...(ca !== undefined && { ca }),
      keepsHeader: this.#keepsHeader,
    });
    const path = url.pathname + url.search;
    const start = createHttpExchange({ name: this.subgraph, path, connections, maxResponseBytes });
    return { url, host: url.host, start, connections };
  }

  /** For `Instances`. */
  onEvent(event: InstanceEvent, { target: { host } }: Instance<PooledInstance>): void {
    const { log } = this.dependencies;
    const about = { subgraph: this.subgraph, instance: host };
    if (event === 'ejected') log.warn(about, 'An instance is left out.');
    else if (event === 'returned') log.info(about, 'An instance is back.');
  }
}

/** Credentials in a URL end up in logs and errors; they belong into a header. */
export function usableUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    return undefined;
  return url;
}
