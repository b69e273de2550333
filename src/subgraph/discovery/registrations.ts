/**
 * Instances that register themselves, and must do so again and again. In: registrations. Out: addresses, to who follows a
 * subgraph. Clock: by registration; each expires after the TTL of its subgraph. With a store several gateways know the
 * same: what one is told the others learn within a second, and while the store is down nobody expires.
 */
import type { CallClock } from '../call';
import type { InstanceAddress } from '../transport-options';

/** One instance as it registered. */
export interface Registration {
  /** Chosen by the instance; equal ones replace each other. */
  readonly id: string;
  readonly url: string;
  readonly weight: number;
  readonly zone?: string | undefined;
}

export type RegistrationOutcome =
  | { readonly kind: 'registered'; readonly isNew: boolean; readonly ttlMs: number }
  /** Its instances are not found by registration. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'full'; readonly maximum: number };

/** What gateways share. Undefined for everything that is not an answer in time. */
export interface RegistrationStore {
  put(subgraph: string, entry: StoredRegistration, ttlMs: number): Promise<unknown>;
  list(subgraph: string): Promise<readonly StoredRegistration[] | undefined>;
}

/** `gone`: it was taken back, which the others must learn. */
export interface StoredRegistration {
  readonly registration: Registration;
  readonly gone: boolean;
  /** Until it expires. */
  readonly leftMs: number;
}

export interface RegistrationsDependencies {
  readonly clock: CallClock;
  readonly store?: RegistrationStore | undefined;
}

/** Of one subgraph: far more than any has, and a bound on what a client in a loop can do. */
const maxInstances = 1_000;
const pollMs = 1_000;
/** How often those that were not registered again are looked for. */
const sweepMs = 500;

export class Registrations {
  readonly #followed = new Map<string, FollowedSubgraph>();

  constructor(private readonly dependencies: RegistrationsDependencies) {}

  /** Tells the instances of a subgraph from now on, whenever they change; returns what ends it. */
  follow(subgraph: string, ttlMs: number, onInstances: (addresses: readonly InstanceAddress[]) => void): () => void {
    const followed = this.#followed.get(subgraph) ?? new FollowedSubgraph(subgraph, this.dependencies);
    this.#followed.set(subgraph, followed);
    followed.ttlMs = ttlMs;
    return followed.add(onInstances);
  }

  /** Registers an instance, or says that it is still there. */
  register(subgraph: string, registration: Registration): RegistrationOutcome {
    return this.#followed.get(subgraph)?.register(registration) ?? { kind: 'unknown' };
  }

  /** Takes an instance back; false when there is none. */
  deregister(subgraph: string, id: string): boolean {
    return this.#followed.get(subgraph)?.deregister(id) ?? false;
  }

  /** What is registered, by subgraph, and for how long. */
  list(): ReadonlyMap<string, readonly (Registration & { readonly expiresInMs: number })[]> {
    return new Map([...this.#followed].map(([name, followed]) => [name, followed.list()] as const));
  }
}

interface Entry {
  readonly registration: Registration;
  expiresAt: number;
}

class FollowedSubgraph {
  /** As the newest follower wants it. */
  ttlMs = 0;
  readonly #entries = new Map<string, Entry>();
  readonly #followers = new Set<(addresses: readonly InstanceAddress[]) => void>();
  #told: string | undefined;
  /** Nothing is told before the store was asked: it may know of many. */
  #isReady: boolean;
  #isStoreDown = false;
  #stopTimers: readonly (() => void)[] = [];

  constructor(
    private readonly subgraph: string,
    private readonly dependencies: RegistrationsDependencies,
  ) {
    this.#isReady = dependencies.store === undefined;
  }

  /** Its work in the background begins with the first follower and ends with the last; its entries stay. */
  add(follower: (addresses: readonly InstanceAddress[]) => void): () => void {
    this.#followers.add(follower);
    if (this.#isReady) {
      const addresses = this.#addresses();
      this.#told = JSON.stringify(addresses);
      follower(addresses);
    }
    if (this.#followers.size === 1) this.#begin();
    return () => {
      this.#followers.delete(follower);
      if (this.#followers.size === 0) for (const stop of this.#stopTimers) stop();
    };
  }

  register(registration: Registration): RegistrationOutcome {
    if (this.#followers.size === 0) return { kind: 'unknown' };
    this.#sweep();
    const isNew = !this.#entries.has(registration.id);
    if (isNew && this.#entries.size >= maxInstances) return { kind: 'full', maximum: maxInstances };
    const { ttlMs, subgraph } = this;
    this.#entries.set(registration.id, { registration, expiresAt: this.#now + ttlMs });
    void this.dependencies.store?.put(subgraph, { registration, gone: false, leftMs: ttlMs }, ttlMs);
    this.#tell();
    return { kind: 'registered', isNew, ttlMs };
  }

  deregister(id: string): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    this.#entries.delete(id);
    const { registration } = entry;
    void this.dependencies.store?.put(this.subgraph, { registration, gone: true, leftMs: this.ttlMs }, this.ttlMs);
    this.#tell();
    return true;
  }

  list() {
    return [...this.#entries.values()].map(({ registration, expiresAt }) => ({
      ...registration,
      expiresInMs: Math.max(0, Math.round(expiresAt - this.#now)),
    }));
  }

  get #now(): number {
    return this.dependencies.clock.elapsed();
  }

  #begin(): void {
    const { clock, store } = this.dependencies;
    const repeat = (work: () => void | Promise<void>, everyMs: number) => {
      let stop = () => {};
      let isStopped = false;
      const tick = async () => {
        await work();
        if (!isStopped) stop = clock.schedule(() => void tick(), everyMs);
      };
      void tick();
      return () => {
        isStopped = true;
        stop();
      };
    };
    const sweeping = repeat(() => this.#sweep(), sweepMs);
    this.#stopTimers = store === undefined ? [sweeping] : [sweeping, repeat(() => this.#learn(store), pollMs)];
  }

  /** What the store does not know is what this gateway was told alone, or what was lost with it: it expires in its time. */
  async #learn(store: RegistrationStore): Promise<void> {
    const stored = await store.list(this.subgraph);
    const now = this.#now;
    this.#isStoreDown = stored === undefined;
    this.#isReady = true;
    for (const { registration, gone, leftMs } of stored ?? []) {
      const known = this.#entries.get(registration.id);
      const expiresAt = now + leftMs;
      if (gone) {
        // Unless it has been registered here since.
        if (known !== undefined && known.expiresAt <= expiresAt) this.#entries.delete(registration.id);
      } else if (known === undefined || known.expiresAt < expiresAt) {
        this.#entries.set(registration.id, { registration, expiresAt });
      }
    }
    this.#tell();
  }

  /** While the store is down, an instance may be known to another gateway to be there: none expires. */
  #sweep(): void {
    if (this.#isStoreDown) {
      for (const entry of this.#entries.values()) entry.expiresAt = Math.max(entry.expiresAt, this.#now + 2 * pollMs);
      return;
    }
    for (const [id, { expiresAt }] of this.#entries) if (expiresAt <= this.#now) this.#entries.delete(id);
    this.#tell();
  }

  #addresses(): readonly InstanceAddress[] {
    return [...this.#entries.values()]
      .map(({ registration: { url, weight, zone } }) => ({ url, weight, ...(zone !== undefined && { zone }) }))
      .sort((a, b) => (a.url < b.url ? -1 : 1));
  }

  #tell(): void {
    if (!this.#isReady) return;
    const addresses = this.#addresses();
    const told = JSON.stringify(addresses);
    if (told === this.#told) return;
    this.#told = told;
    for (const follower of this.#followers) follower(addresses);
  }
}
