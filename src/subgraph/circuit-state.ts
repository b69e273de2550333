/**
 * The phases of a circuit breaker: closed (asked), open (not asked), half-open (one call tries), and when they change.
 * What opens one says who extends this: `circuit.ts` for an instance, `breaker.ts` for a whole subgraph.
 * Clock: per call; time is handed in. It decides nothing about calls under way: they end as they end.
 */
import { RollingCounts } from './rolling-counts';

export interface OpenTimes {
  /** How long it is open the first time; doubled each time after. */
  readonly openMs: number;
  readonly maxOpenMs: number;
}

/** What a call says of whom it asked. `none`: nothing, such as one that the client did not wait for. */
export type Verdict = 'good' | 'bad' | 'none';

/** A probe without an answer for so long does not keep others from trying. */
const probePatienceMs = 2_000;
/** Closed for so long, it is as good as new. */
const forgivenAfterMs = 30_000;

export abstract class CircuitState {
  phase: 'closed' | 'open' | 'halfOpen' = 'closed';
  openings = 0;
  protected readonly recent = new RollingCounts();
  #closedAt = Number.NEGATIVE_INFINITY;
  #doublings = 0;
  #nextProbeAt = 0;

  protected constructor(private readonly times: OpenTimes) {}

  /** Whether a call may try. */
  isProbeDue(now: number): boolean {
    return this.phase !== 'closed' && now >= this.#nextProbeAt;
  }

  /** One that was closed, or half-open, opens: the longer the more often it did. */
  open(now: number): void {
    // It closes only after a probe: time spent open or trying forgives nothing.
    if (this.phase === 'closed' && now - this.#closedAt > forgivenAfterMs) this.#doublings = 0;
    const { openMs, maxOpenMs } = this.times;
    this.phase = 'open';
    this.openings++;
    this.#nextProbeAt = now + Math.min(maxOpenMs, openMs * 2 ** this.#doublings);
    this.#doublings = Math.min(this.#doublings + 1, 30);
  }

  protected close(now: number): void {
    this.phase = 'closed';
    this.#closedAt = now;
    this.recent.clear();
  }

  protected beginProbe(now: number): void {
    this.phase = 'halfOpen';
    this.#nextProbeAt = now + probePatienceMs;
  }

  /** After one that said nothing, another may try at once. */
  protected endProbe(verdict: Verdict, now: number): void {
    if (this.phase === 'closed') return;
    if (verdict === 'bad') this.open(now);
    else if (verdict === 'good') this.close(now);
    else {
      this.phase = 'open';
      this.#nextProbeAt = now;
    }
  }
}
