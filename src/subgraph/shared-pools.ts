/**
 * The instance pools of a gateway, over all its generations: two with the same endpoint and options share one, so that
 * what is known of its instances outlives a reload. In: a key and how to make one. Out: a lease. Clock: per supergraph.
 */
import { backgroundClock, type SourceDependencies } from './discovery/instance-source';
import type { InstancePool } from './instance-pool';

export interface PoolLease {
  readonly pool: InstancePool;
  /** Tells this pool from every other one there was. */
  readonly serial: number;
  /** Gives it back; the last lease closes the pool. `destroy`: at once, whatever is under way. */
  release(how: 'close' | 'destroy'): Promise<void>;
}

interface Entry {
  readonly pool: InstancePool;
  readonly serial: number;
  leases: number;
}

export class SharedPools {
  readonly #entries = new Map<string, Entry>();
  #serials = 0;

  /** `background`: what discovery and probes of all pools work with. */
  constructor(readonly background: SourceDependencies = { clock: backgroundClock, random: Math.random }) {}

  /** `create` is called when none with this key is in use. */
  lease(key: string, create: () => InstancePool): PoolLease {
    const entry = this.#entries.get(key) ?? this.#open(key, create);
    entry.leases++;
    let isReleased = false;
    return {
      pool: entry.pool,
      serial: entry.serial,
      release: async (how) => {
        if (!isReleased) entry.leases--;
        isReleased = true;
        if (entry.leases > 0) return;
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
        await entry.pool[how]();
      },
    };
  }

  #open(key: string, create: () => InstancePool): Entry {
    const entry = { pool: create(), serial: ++this.#serials, leases: 0 };
    this.#entries.set(key, entry);
    return entry;
  }
}
