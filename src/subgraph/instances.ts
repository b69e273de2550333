/**
 * The instances of one subgraph: who there is, who is left out after failures, who is preferred. In: who there is, how
 * calls and probes went. Out: an instance for a call, or none when all have failed. Clock: per call; time is handed in.
 * Pure: it knows no URL, no socket and no timer. A call that began ends, whether its instance is still there or not.
 */
import { Balancer, type ChoiceSettings, Instance, type Placement } from './balancing';
import { Circuit, type CircuitSettings } from './circuit';
import type { Verdict } from './circuit-state';

export interface BalancingSettings extends ChoiceSettings {
  /** Of the instances, from 0 to 1: no more are left out at a time, however they fail. */
  readonly maxEjectedShare: number;
  readonly circuit: CircuitSettings;
}

/** How often in a row active probes must agree. */
export interface ProbeThresholds {
  readonly failures: number;
  readonly successes: number;
}

export type InstanceEvent = 'added' | 'removed' | 'ejected' | 'returned';

/** Told what befalls instances; may not throw. */
export interface InstanceListener<Target> {
  onEvent(event: InstanceEvent, instance: Instance<Target>): void;
}

/** Between two tries of failed instances of one subgraph. */
const probeSpacingMs = 500;
/** A tier is enough for itself while so much of it is there. */
const sufficientShare = 0.5;

export class Instances<Target = unknown> {
  #all: readonly Instance<Target>[] = [];
  /** Those that are not left out. */
  #open: readonly Instance<Target>[] = [];
  /** Of these, those of the tiers that are asked. */
  #preferred: readonly Instance<Target>[] = [];
  #nextProbeAt = 0;
  readonly #balancer: Balancer;

  constructor(
    private readonly settings: BalancingSettings,
    random: () => number,
    private readonly listener?: InstanceListener<Target>,
  ) {
    this.#balancer = new Balancer(settings, random);
  }

  get all(): readonly Instance<Target>[] {
    return this.#all;
  }

  /** Those that are not left out. */
  get available(): number {
    return this.#open.length;
  }

  /**
   * From now on these are the instances. Who stays keeps its state; who is new begins slowly, as quick as the others are
   * on average, unless there was none before. Returns who left.
   */
  replace<P extends Placement>(placements: readonly P[], now: number, targetOf: (placement: P) => Target) {
    const before = new Map(this.#all.map((instance) => [instance.id, instance] as const));
    const latencyMs = meanLatency(this.#all);
    const added: Instance<Target>[] = [];
    const next = new Map<string, Instance<Target>>();
    for (const placement of placements) {
      if (next.has(placement.id)) continue;
      const known = before.get(placement.id);
      const instance = known ?? new Instance(placement, targetOf(placement), new Circuit(this.settings.circuit));
      before.delete(placement.id);
      instance.weight = placement.weight;
      instance.tier = placement.tier;
      next.set(placement.id, instance);
      if (known !== undefined) continue;
      added.push(instance);
      instance.latencyMs = latencyMs;
      if (this.#all.length > 0) this.#balancer.warm(instance, now);
    }
    const removed = [...before.values()];
    this.#all = [...next.values()];
    this.#sort();
    for (const instance of added) this.listener?.onEvent('added', instance);
    for (const instance of removed) this.listener?.onEvent('removed', instance);
    return removed;
  }

  /**
   * Where a call goes, but for those in `tried`; undefined: nowhere. `key` is for the policy `hash`. A mutation, which
   * cannot be asked of another one, does not try a failed instance while there is a better one.
   */
  pick(now: number, tried: readonly Instance[], isMutation = false, key = ''): Instance<Target> | undefined {
    const hasFailed = this.#open.length < this.#all.length;
    if (!hasFailed && tried.length === 0) return this.#balancer.choose(this.#preferred, now, key);
    const open = this.#without(tried);
    const probe = isMutation && open.length > 0 ? undefined : this.#dueProbe(now, tried);
    if (probe !== undefined) this.#nextProbeAt = now + probeSpacingMs;
    return probe ?? this.#balancer.choose(open, now, key);
  }

  /** A call to `instance` begins; true when it is a probe, which `end` must be told. */
  begin(instance: Instance<Target>, now: number): boolean {
    instance.outstanding++;
    return instance.circuit.begin(now);
  }

  end(instance: Instance<Target>, verdict: Verdict, isProbe: boolean, durationMs: number, now: number): void {
    instance.outstanding--;
    if (verdict !== 'none') instance.learn(verdict === 'good', durationMs);
    const { circuit } = instance;
    const before = circuit.phase;
    // Failures in a row are a reason to ask another one; where there is none, it takes more than a hiccup.
    const isAlone = this.#all.length === 1;
    if (circuit.end(verdict, isProbe, now, isAlone) && this.#mayEject()) circuit.open(now);
    this.#note(instance, before, now);
  }

  /** An active probe of `instance` ended. */
  probed(instance: Instance<Target>, isGood: boolean, thresholds: ProbeThresholds, now: number): void {
    const { circuit } = instance;
    const before = circuit.phase;
    const inARow = circuit.countProbe(isGood);
    if (isGood && inARow >= thresholds.successes) circuit.release(now);
    else if (!isGood && inARow >= thresholds.failures && (before !== 'closed' || this.#mayEject())) circuit.hold(now);
    this.#note(instance, before, now);
  }

  #note(instance: Instance<Target>, before: Circuit['phase'], now: number): void {
    const isOpen = instance.circuit.phase === 'closed';
    if (isOpen === (before === 'closed')) return;
    if (isOpen) this.#balancer.warm(instance, now);
    this.#sort();
    if (this.#all.includes(instance)) this.listener?.onEvent(isOpen ? 'returned' : 'ejected', instance);
  }

  #sort(): void {
    this.#open = this.#all.filter(({ circuit }) => circuit.phase === 'closed');
    const tiers = [...new Set(this.#all.map(({ tier }) => tier))].sort((a, b) => a - b);
    this.#preferred = this.#open;
    if (tiers.length <= 1) return;
    for (const highest of tiers) {
      const isNear = ({ tier }: Instance) => tier <= highest;
      const open = this.#open.filter(isNear);
      if (open.length === 0 || open.length < sufficientShare * this.#all.filter(isNear).length) continue;
      this.#preferred = open;
      return;
    }
  }

  #without(tried: readonly Instance[]): readonly Instance<Target>[] {
    if (tried.length === 0) return this.#preferred;
    const isNew = (instance: Instance) => !tried.includes(instance);
    const preferred = this.#preferred.filter(isNew);
    return preferred.length > 0 ? preferred : this.#open.filter(isNew);
  }

  #mayEject(): boolean {
    const ejected = this.#all.length - this.#open.length;
    return ejected + 1 <= this.settings.maxEjectedShare * this.#all.length;
  }

  #dueProbe(now: number, tried: readonly Instance[]): Instance<Target> | undefined {
    if (this.#open.length === this.#all.length || now < this.#nextProbeAt) return undefined;
    return this.#all.find((instance) => instance.circuit.isProbeDue(now) && !tried.includes(instance));
  }
}

/** Of those that were asked; 0 when none was. */
function meanLatency(instances: readonly Instance[]): number {
  const known = instances.filter(({ latencyMs }) => latencyMs > 0);
  return known.reduce((sum, { latencyMs }) => sum + latencyMs, 0) / Math.max(1, known.length);
}
