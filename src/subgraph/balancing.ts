/**
 * Which of several instances gets a call: by load and latency, in turn, or by a key. In: those that may be asked, time
 * and chance. Out: one of them. Clock: per call. Pure: it knows no URL, no socket and no timer, and not who failed.
 */
import type { Circuit } from './circuit';

export type BalancingPolicy = 'powerOfTwo' | 'leastOutstanding' | 'roundRobin' | 'hash';

/** How the transport is told of an instance. */
export interface Placement {
  /** Tells it from the others, and is the same in every gateway. */
  readonly id: string;
  readonly weight: number;
  /** From 0: those of a higher one are asked when too many of the lower ones fail. */
  readonly tier: number;
}

/** How much the latest latency counts. */
const smoothing = 0.2;
/** A failure that came quickly must not make an instance look quick. */
const failurePenaltyMs = 50;
const maxLatencyMs = 60_000;
const minWarmth = 0.1;

/** `Target` is what it takes to ask it. */
export class Instance<Target = unknown> {
  readonly id: string;
  weight: number;
  tier: number;
  /** Calls under way. */
  outstanding = 0;
  /** Smoothed, in milliseconds. */
  latencyMs = 0;
  /** For turns. */
  credit = 0;
  /** From when on its share grows; long ago for those of the start. */
  warmingSince = Number.NEGATIVE_INFINITY;
  /** For keys. */
  readonly seed: number;

  constructor(
    { id, weight, tier }: Placement,
    readonly target: Target,
    readonly circuit: Circuit,
  ) {
    this.id = id;
    this.weight = weight;
    this.tier = tier;
    this.seed = hashText(id, 0x811c9dc5);
  }

  /** What a call there is expected to wait. */
  get cost(): number {
    return (this.latencyMs + 0.1) * (this.outstanding + 1);
  }

  learn(isGood: boolean, durationMs: number): void {
    const latency = isGood ? durationMs : Math.max(durationMs, failurePenaltyMs, 2 * this.latencyMs);
    const known = this.latencyMs === 0 ? latency : this.latencyMs;
    this.latencyMs = Math.min(known + smoothing * (latency - known), maxLatencyMs);
  }
}

export interface ChoiceSettings {
  readonly policy: BalancingPolicy;
  /** An instance that is new or came back gets its share of calls by degrees, over so long. */
  readonly slowStartMs: number;
  /** For `hash`: one with more calls under way than so many times the mean passes keys on; without it, none does. */
  readonly hashLoadFactor?: number | undefined;
}

/** Chooses by one policy. */
export class Balancer {
  /** When the last one that is new or came back has its full share. */
  #warmAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly settings: ChoiceSettings,
    private readonly random: () => number,
  ) {}

  /** From now on `instance` gets its share by degrees. */
  warm(instance: Instance, now: number): void {
    instance.warmingSince = now;
    this.#warmAt = now + this.settings.slowStartMs;
  }

  /** One of `from`, undefined when that is empty. `key` is for the policy `hash`; without one it goes by load. */
  choose<T>(from: readonly Instance<T>[], now: number, key: string): Instance<T> | undefined {
    if (from.length <= 1) return from[0];
    switch (this.settings.policy) {
      case 'powerOfTwo':
        return this.#betterOfTwo(from, now);
      case 'leastOutstanding':
        return least(from, (instance) => (instance.outstanding + 1) / this.#weight(instance, now));
      case 'roundRobin':
        return this.#next(from, now);
      case 'hash':
        return key === '' ? this.#betterOfTwo(from, now) : this.#ofKey(from, key);
    }
  }

  #betterOfTwo<T>(from: readonly Instance<T>[], now: number): Instance<T> {
    const one = this.#draw(from, now);
    const other = this.#draw(from, now);
    return other.cost < one.cost ? other : one;
  }

  /**
   * Rendezvous hashing: when one leaves, the keys of the others stay where they are. With bounded loads (Mirrokni,
   * Thorup, Zadimoghaddam 2016) those that one has no room for go to the next in the order of their key.
   */
  #ofKey<T>(from: readonly Instance<T>[], key: string): Instance<T> | undefined {
    const factor = this.settings.hashLoadFactor;
    let roomy = from;
    if (factor !== undefined) {
      let calls = 1;
      let weights = 0;
      for (const { outstanding, weight } of from) {
        calls += outstanding;
        weights += weight;
      }
      const hasRoom = (one: Instance) => one.outstanding < Math.ceil((factor * calls * one.weight) / weights);
      if (!from.every(hasRoom)) roomy = from.filter(hasRoom);
    }
    return least(roomy, (instance) => -Math.log(unit(hashText(key, instance.seed))) / instance.weight);
  }

  /** One by chance, by weight. */
  #draw<T>(from: readonly Instance<T>[], now: number): Instance<T> {
    let total = 0;
    for (const instance of from) total += this.#weight(instance, now);
    let left = this.random() * total;
    for (const instance of from) {
      left -= this.#weight(instance, now);
      if (left < 0) return instance;
    }
    return from[from.length - 1] as Instance<T>;
  }

  /** In turn, the turns of the heavier ones spread evenly: each earns its weight, the richest pays for all. */
  #next<T>(from: readonly Instance<T>[], now: number): Instance<T> {
    let total = 0;
    let richest = from[0] as Instance<T>;
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
    const warmth = (now - instance.warmingSince) / this.settings.slowStartMs;
    return instance.weight * Math.min(1, Math.max(minWarmth, warmth));
  }
}

function least<T>(from: readonly Instance<T>[], cost: (instance: Instance) => number): Instance<T> | undefined {
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

/** FNV-1a, mixed: 32 bits that depend evenly on `text` and `seed`. */
function hashText(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return hash ^ (hash >>> 15);
}

/** The same as a number over 0 and up to 1. */
function unit(hash: number): number {
  return ((hash >>> 0) + 1) / 0x1_0000_0000;
}
