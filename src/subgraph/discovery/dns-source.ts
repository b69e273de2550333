/**
 * Instances by DNS: the addresses of a host name, or SRV records with their priorities and weights, asked again when the
 * records expire. In: a name and how to look it up. Out: addresses. Clock: by the TTL of the records.
 * A name that cannot be resolved, even one that is said not to exist, changes nothing.
 */
import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';
import type { CallClock } from '../call';
import type { InstanceAddress } from '../transport-options';
import type { InstanceSource, SourceListener } from './instance-source';

export interface DnsSettings {
  readonly kind: 'dns' | 'srv';
  /** For `srv`: such as `_graphql._tcp.users.internal`. */
  readonly name?: string | undefined;
  /** Records are asked for again when they expire, but not before and not after so long. */
  readonly minTtlMs: number;
  readonly maxTtlMs: number;
  /** Instead of those of this machine: `10.0.0.2`, `10.0.0.2:8600`. */
  readonly servers?: readonly string[] | undefined;
}

export interface AddressRecord {
  readonly address: string;
  /** In seconds. */
  readonly ttl: number;
}

/** RFC 2782. */
export interface ServiceRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** DNS, as far as it is asked. All reject when there is no such record. */
export interface Lookup {
  resolve4(name: string): Promise<readonly AddressRecord[]>;
  resolve6(name: string): Promise<readonly AddressRecord[]>;
  resolveSrv(name: string): Promise<readonly ServiceRecord[]>;
}

interface DnsDependencies {
  readonly clock: CallClock;
  readonly random: () => number;
  readonly lookup?: Lookup | undefined;
}

const queryTimeoutMs = 2_000;
/** RFC 2782: a weight of 0 is a very small chance. */
const leastWeight = 0.1;

/** Until the first answer the subgraph is where its URL says; with `srv`, nowhere. */
export function createDnsSource(settings: DnsSettings, url: URL, dependencies: DnsDependencies): InstanceSource {
  return {
    open: (listener) => {
      // Only names are looked up.
      if (settings.kind === 'dns') listener.onInstances([{ url: url.href, weight: 1 }]);
      if (settings.kind === 'dns' && isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0) return () => {};
      const refreshing = new Refreshing(settings, url, dependencies, listener);
      void refreshing.run();
      return () => refreshing.stop();
    },
  };
}

interface Found {
  readonly addresses: readonly InstanceAddress[];
  readonly ttlMs: number;
}

class Refreshing {
  #isStopped = false;
  #stopTimer = () => {};
  #failures = 0;
  readonly #lookup: Lookup;

  constructor(
    private readonly settings: DnsSettings,
    private readonly url: URL,
    private readonly dependencies: DnsDependencies,
    private readonly listener: SourceListener,
  ) {
    this.#lookup = dependencies.lookup ?? createLookup(settings.servers);
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopTimer();
  }

  async run(): Promise<void> {
    const { minTtlMs, maxTtlMs, kind } = this.settings;
    let ttlMs: number;
    try {
      const found = await (kind === 'dns' ? this.#findHost() : this.#findService());
      if (this.#isStopped) return;
      this.#failures = 0;
      ttlMs = Math.max(minTtlMs, Math.min(maxTtlMs, found.ttlMs));
      this.listener.onInstances(found.addresses);
    } catch (error) {
      if (this.#isStopped) return;
      ttlMs = Math.min(maxTtlMs, minTtlMs * 2 ** Math.min(this.#failures++, 20));
      this.listener.onFailure(reasonOf(error));
    }
    // Gateways that began together do not go on asking together.
    const delayMs = ttlMs * (1 + 0.1 * this.dependencies.random());
    this.#stopTimer = this.dependencies.clock.schedule(() => void this.run(), delayMs);
  }

  async #findHost(): Promise<Found> {
    const records = await this.#addressesOf(this.url.hostname);
    return {
      addresses: records.map(({ address }) => ({ url: this.url.href, weight: 1, address })),
      ttlMs: leastTtlMs(records),
    };
  }

  async #findService(): Promise<Found> {
    // A sole target of "." says that there is none.
    const services = (await this.#lookup.resolveSrv(this.settings.name ?? '')).filter(({ name }) => name !== '');
    const found = await Promise.all(
      services.map(async (service) => ({ service, records: await this.#addressesOf(service.name) })),
    );
    const addresses = found.flatMap(({ service: { name, port, weight, priority }, records }) => {
      const url = new URL(this.url);
      url.hostname = name;
      url.port = String(port);
      return records.map(({ address }) => ({ url: url.href, weight: weight || leastWeight, priority, address }));
    });
    return { addresses, ttlMs: leastTtlMs(found.flatMap(({ records }) => records)) };
  }

  /** Those of IPv4, or where there are none those of IPv6: a host with both is one instance. */
  async #addressesOf(name: string): Promise<readonly AddressRecord[]> {
    try {
      return await this.#lookup.resolve4(name);
    } catch (error) {
      return this.#lookup.resolve6(name).catch(() => {
        throw error;
      });
    }
  }
}

function createLookup(servers: readonly string[] | undefined): Lookup {
  const resolver = new dns.Resolver({ timeout: queryTimeoutMs, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);
  return {
    resolve4: (name) => resolver.resolve4(name, { ttl: true }),
    resolve6: (name) => resolver.resolve6(name, { ttl: true }),
    resolveSrv: (name) => resolver.resolveSrv(name),
  };
}

function leastTtlMs(records: readonly AddressRecord[]): number {
  return Math.min(Number.MAX_SAFE_INTEGER, ...records.map(({ ttl }) => ttl * 1_000));
}

function reasonOf(error: unknown): string {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === 'string' ? code : String(error);
}
