/**
 * The generation that serves, and the way to the next one: open, warm, swap one reference, drain the old.
 * In: supergraph SDL. Out: `current`; refusals, which leave the old one serving. Clock: per supergraph.
 */
import { InternalError } from '../errors';
import type { Log } from '../telemetry/log';
import type { Generation, GenerationTransport } from './generation';

export type UpdateOutcome =
  /** `warmed`: how many operations were prepared before it was served. */
  | { readonly kind: 'swapped'; readonly generation: string; readonly warmed: number }
  /** The same text is served already. */
  | { readonly kind: 'unchanged' }
  /** Another update came before this one had begun. */
  | { readonly kind: 'superseded' };

/** How the newest supergraph that was offered fares: `refused` and `unreadable` leave an older one serving. */
export type SupergraphStatus =
  | { readonly kind: 'served'; readonly since: number }
  | { readonly kind: 'refused' | 'unreadable'; readonly since: number; readonly reason: string };

export interface GenerationsOptions<Transport extends GenerationTransport> {
  readonly open: (supergraphSdl: string) => Promise<Generation<Transport>>;
  readonly warmOperations: number;
  readonly warmTimeoutMs: number;
  /** Time for what runs under a generation that was replaced. */
  readonly retireMs: number;
  /** Replaced generations that may still drain; the oldest beyond it is closed, whatever runs. */
  readonly maxDraining: number;
  readonly log: Log;
  /** Called before a generation serves, to prepare it. Resolves with why it must not replace another, or nothing. */
  readonly makeReady: (generation: Generation<Transport>, isFirst: boolean) => Promise<string | undefined>;
  /** A generation serves from now on; called once for each. The one before is retired when it has resolved. */
  readonly onServed: (generation: Generation<Transport>) => Promise<void>;
  readonly onStatus: (status: SupergraphStatus) => void;
  readonly now: () => number;
}

export class Generations<Transport extends GenerationTransport> {
  /** What new operations run under; undefined until `load`, and after `stop`. */
  current: Generation<Transport> | undefined;
  /** Since when, in milliseconds since the epoch. */
  currentSince = 0;
  private lastStatus: SupergraphStatus | undefined;
  /** Every generation that is not closed yet, in the order of opening. */
  private readonly alive = new Set<Generation<Transport>>();
  private updating: Promise<unknown> = Promise.resolve();
  private lastUpdate = 0;
  private isStopped = false;

  constructor(private readonly options: GenerationsOptions<Transport>) {}

  get status(): SupergraphStatus | undefined {
    return this.lastStatus;
  }

  /** Opens and serves the first one. Rejects when it cannot be served. */
  load(supergraphSdl: string): Promise<void> {
    const loaded = this.loadNow(supergraphSdl);
    this.updating = loaded.catch(() => {});
    return loaded;
  }

  private async loadNow(supergraphSdl: string): Promise<void> {
    const first = await this.open(supergraphSdl);
    await this.options.makeReady(first, true);
    await this.refuseIfStopped(first);
    await this.serve(first);
    // One that was kept from before may serve because the newest cannot be had.
    if (!this.lastStatus) this.setStatus({ kind: 'served', since: this.options.now() });
  }

  /** See `Gateway.update`. */
  update(supergraphSdl: string): Promise<UpdateOutcome> {
    this.lastUpdate += 1;
    const turn = this.lastUpdate;
    const updated = this.updating.then(() => this.updateNow(supergraphSdl, turn));
    this.updating = updated.catch(() => {});
    return updated;
  }

  /** Opens the supergraph that serves once more, in another way. Rejects when it cannot be served so; the old one stays. */
  reopen(open: (supergraphSdl: string) => Promise<Generation<Transport>>, onSwapped: () => void): Promise<void> {
    const reopened = this.updating.then(async () => {
      const { current: old } = this;
      if (!old) throw new InternalError('the gateway is configured before it has loaded, or after it stopped');
      await this.replace(old, old.supergraphSdl, open, onSwapped);
    });
    this.updating = reopened.catch(() => {});
    return reopened;
  }

  /** The newest supergraph could not be had at all: its source fails. */
  reportUnreadable(reason: string): void {
    const last = this.lastStatus;
    if (last?.kind === 'unreadable' && last.reason === reason) return;
    this.options.log.error({ reason }, 'No newer supergraph can be had; the one that is served stays');
    this.setStatus({ kind: 'unreadable', since: this.options.now(), reason });
  }

  private async updateNow(supergraphSdl: string, turn: number): Promise<UpdateOutcome> {
    const { current: old } = this;
    if (!old) throw new InternalError('the gateway is updated before it has loaded, or after it stopped');
    if (turn !== this.lastUpdate) return { kind: 'superseded' };
    if (supergraphSdl === old.supergraphSdl) {
      if (this.lastStatus?.kind !== 'served') this.setStatus({ kind: 'served', since: this.options.now() });
      return { kind: 'unchanged' };
    }
    try {
      return await this.replace(old, supergraphSdl, this.options.open, () =>
        this.setStatus({ kind: 'served', since: this.options.now() }),
      );
    } catch (error) {
      if (!this.isStopped) this.refused(error);
      throw error;
    }
  }

  private async replace(
    old: Generation<Transport>,
    supergraphSdl: string,
    open: (supergraphSdl: string) => Promise<Generation<Transport>>,
    onSwapped: () => void,
  ): Promise<UpdateOutcome> {
    const { warmOperations, warmTimeoutMs, makeReady, log } = this.options;
    const next = await this.open(supergraphSdl, open);
    const reason = await makeReady(next, false);
    if (reason !== undefined) {
      await next.retire(0);
      throw new Error(reason);
    }
    const warmed = await next.warm(old.hotOperations(warmOperations), warmTimeoutMs);
    await this.refuseIfStopped(next);
    const served = this.serve(next);
    onSwapped();
    await served;
    this.retire(old);
    const message = next.id === old.id ? 'The supergraph is served in another way' : 'Another supergraph is served';
    log.info({ generation: next.id, previous: old.id, warmed }, message);
    return { kind: 'swapped', generation: next.id, warmed };
  }

  private async open(supergraphSdl: string, open = this.options.open): Promise<Generation<Transport>> {
    const generation = await open(supergraphSdl);
    this.alive.add(generation);
    void generation.gone.then(() => this.alive.delete(generation));
    return generation;
  }

  private async refuseIfStopped(generation: Generation<Transport>): Promise<void> {
    if (!this.isStopped) return;
    await generation.retire(0);
    throw new InternalError('the gateway stopped while it loaded a supergraph');
  }

  private serve(generation: Generation<Transport>): Promise<void> {
    this.current = generation;
    this.currentSince = this.options.now();
    return this.options.onServed(generation);
  }

  private retire(old: Generation<Transport>): void {
    void old.retire(this.options.retireMs);
    const draining = [...this.alive].filter((generation) => generation !== this.current);
    for (const oldest of draining.slice(0, -this.options.maxDraining)) void oldest.retire(0);
  }

  private refused(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.options.log.error({ reason }, 'A supergraph is refused; the one that is served stays');
    this.setStatus({ kind: 'refused', since: this.options.now(), reason });
  }

  private setStatus(status: SupergraphStatus): void {
    this.lastStatus = status;
    this.options.onStatus(status);
  }

  /** Nothing new runs from now on; resolves when everything is given back, at the latest after `drainMs`. */
  async stop(drainMs: number): Promise<void> {
    this.isStopped = true;
    this.current = undefined;
    await Promise.all([...this.alive].map((generation) => generation.retire(drainMs)));
  }
}
