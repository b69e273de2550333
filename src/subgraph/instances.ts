/**
 * Which instance of a subgraph a call goes to: by load and latency, in turn, or by a key, leaving out those that fail.
 * In: weights, and how calls went. Out: an instance, or none when all have failed. Clock: per call; time is handed in.
 * Pure: it knows no URL, no socket and no timer.
 */
import { Circuit, type CircuitSettings, type Verdict } from './circuit';

export type BalancingPolicy = 'powerOfTwo' | 'leastOutstanding' | 'roundRobin' | 'hash';

export interface BalancingSettings {
  readonly policy: BalancingPolicy;
  /** An instance that came back gets its share of calls by degrees, over so long. */
  readonly slowStartMs: number;
  /** Of the instances, from 0 to 1: no more are left out at a time, however they fail. */
  readonly maxEjectedShare: number;
  readonly circuit: CircuitSettings;
}

/** Between two tries of failed instances of one subgraph. */
const probeSpacingMs = 500;
/** How much the latest latency counts. */
const smoothing = 0.2;
/** A failure that came quickly must not make an instance look quick. */
const failurePenaltyMs = 50;
const minWarmth = 0.1;

export class Instance {
  /** Calls under way. */
  outstanding = 0;
  /** Smoothed, in milliseconds. */
  latencyMs = 0;
  /** For turns. */
  credit = 0;

  constructor(
    readonly index: number,
    readonly weight: number,
    readonly circuit: Circuit,
  ) {}

  /** What a call there is expected to wait. */
  get cost(): number {
    return (this.latencyMs + 0.1) * (this.outstanding + 1);
  }
}

/** The instances of one subgraph: at least one. */
export class Instances {
  readonly all: readonly Instance[];
  #ejected = 0;
  #nextProbeAt = 0;
  /** When the last one that came back has its full share. */
  #warmAt = 0;

  constructor(
    weights: readonly number[],
    private readonly settings: BalancingSettings,
    private readonly random: () => number,
    now: number,
  ) {
    // Failures in a row are a reason to ask another one; where there is none, it takes more than a hiccup.
    const inARow = weights.length > 1 ? settings.circuit.consecutiveFailures : Number.POSITIVE_INFINITY;
    const circuit = { ...settings.circuit, consecutiveFailures: inARow };
    this.all = weights.map((weight, index) => new Instance(index, weight, new Circuit(circuit, now)));
  }

  /** Those that are not left out. */
  get available(): number {
    return this.all.length - this.#ejected;
  }

  /**
   * Where a call goes, but for those in `tried`; undefined: nowhere. `key` is for the policy `hash`. A mutation, which
   * cannot be asked of another one, does not try a failed instance while there is a better one.
   */
  pick(now: number, tried: readonly Instance[], isMutation = false, key = ''): Instance | undefined {
    if (this.#ejected === 0 && tried.length === 0) return this.#choose(this.all, now, key);
    const isOpen = (one: Instance) => one.circuit.phase === 'closed' && !tried.includes(one);
    const open = this.all.filter(isOpen);
    const probe = isMutation && open.length > 0 ? undefined : this.#dueProbe(now, tried);
    if (probe !== undefined) this.#nextProbeAt = now + probeSpacingMs;
    return probe ?? this.#choose(open, now, key);
  }

  /** A call to `instance` begins; true when it is a probe, which `end` must be told. */
  begin(instance: Instance, now: number): boolean {
    instance.outstanding++;
    return instance.circuit.begin(now);
  }

  end(instance: Instance, verdict: Verdict, isProbe: boolean, durationMs: number, now: number): void {
    const { circuit } = instance;
    const before = circuit.phase;
    instance.outstanding--;
    if (verdict !== 'none') this.#learn(instance, verdict, durationMs);
    if (circuit.end(verdict, isProbe, now) && this.#mayEject()) circuit.open(now);
    if (before === 'closed' && circuit.phase !== 'closed') this.#ejected++;
    if (before !== 'closed' && circuit.phase === 'closed') {
      this.#ejected--;
      this.#warmAt = now + this.settings.slowStartMs;
    }
  }

  #mayEject(): boolean {
    return this.#ejected + 1 <= this.settings.maxEjectedShare * this.all.length;
  }

  #learn(instance: Instance, verdict: Verdict, durationMs: number): void {
    const latency = verdict === 'good' ? durationMs : Math.max(durationMs, failurePenaltyMs, 2 * instance.latencyMs);
    const known = instance.latencyMs === 0 ? latency : instance.latencyMs;
    instance.latencyMs = Math.min(known + smoothing * (latency - known), 60_000);
  }

  #dueProbe(now: number, tried: readonly Instance[]): Instance | undefined {
    if (this.#ejected === 0 || now < this.#nextProbeAt) return undefined;
    return this.all.find((instance) => instance.circuit.isProbeDue(now) && !tried.includes(instance));
  }

  #choose(from: readonly Instance[], now: number, key: string): Instance | undefined {
    if (from.length <= 1) return from[0];
    switch (this.settings.policy) {
      case 'powerOfTwo': {
        const one = this.#draw(from, now);
        const other = this.#draw(from, now);
        return other.cost < one.cost ? other : one;
      }
      case 'leastOutstanding':
        return least(from, (instance) => (instance.outstanding + 1) / this.#weight(instance, now));
      case 'roundRobin':
        return this.#next(from, now);
      case 'hash':
        // Rendezvous hashing: when one leaves, the keys of the others stay where they are.
        return least(from, (instance) => -Math.log(hash01(key, instance.index)) / instance.weight);
    }
  }

  /** One by chance, by weight. */
  #draw(from: readonly Instance[], now: number): Instance {
    let total = 0;
    for (const instance of from) total += this.#weight(instance, now);
    let left = this.random() * total;
    for (const instance of from) {
      left -= this.#weight(instance, now);
      if (left < 0) return instance;
    }
    return from[from.length - 1] as Instance;
  }

  /** In turn, the turns of the heavier ones spread evenly: each earns its weight, the richest pays for all. */
  #next(from: readonly Instance[], now: number): Instance {
    let total = 0;
    let richest = from[0] as Instance;
    for (const instance of from) {
      const weight = this.#weight(instance, now);
      total += weight;
      instance.credit += weight;
      if (instance.credit > richest.credit) richest = instance;
    }
    richest.credit -= total;
    return richest;
  }

  #weight(instance: Instance, now: number): number {
    if (now >= this.#warmAt) return instance.weight;
    const { closedAt, openings } = instance.circuit;
    if (openings === 0) return instance.weight;
    const warmth = (now - closedAt) / this.settings.slowStartMs;
    return instance.weight * Math.min(1, Math.max(minWarmth, warmth));
  }
}

function least(from: readonly Instance[], cost: (instance: Instance) => number): Instance | undefined {
  let best = from[0];
  let lowest = Number.POSITIVE_INFINITY;
  for (const instance of from) {
    const own = cost(instance);
    if (own >= lowest) continue;
    lowest = own;
    best = instance;
  }
  return best;
}

/** A number over 0 and up to 1 that depends on both, evenly (FNV-1a, mixed). */
function hash01(key: string, index: number): number {
  let hash = 0x811c9dc5 ^ index;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return (((hash ^ (hash >>> 15)) >>> 0) + 1) / 0x1_0000_0000;
}
