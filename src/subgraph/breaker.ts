/**
 * Whether a subgraph as a whole is asked: closed (yes), open (no), half-open (one call tries). It opens by the share of
 * calls of the last ten seconds that failed, or were slow, however its instances fare. In: how calls ended, and when.
 * Clock: per call; time is handed in. It decides nothing about calls under way: a slow one ends as it ends.
 */

export interface BreakerSettings {
  /** Of the calls of ten seconds: from 0 to 1. */
  readonly failureShare: number;
  /** A call that takes longer is slow. */
  readonly slowCallMs: number;
  /** Of the calls of ten seconds: from 0 to 1. */
  readonly slowShare: number;
  /** With fewer calls in ten seconds their shares say nothing. */
  readonly minimumCalls: number;
  /** How long it is open the first time; doubled each time after. */
  readonly openMs: number;
  readonly maxOpenMs: number;
  /** Codes of GraphQL errors that count as failures. */
  readonly codes: readonly string[];
}

/** How a call that was let through began, which its end must tell. */
export type Passage = 'call' | 'probe';

export type CallEnd = 'good' | 'bad' | 'none';

const slots = 10;
const slotMs = 1_000;
/** A probe without an end for so long does not keep others from trying. */
const probePatienceMs = 2_000;
/** Closed for so long, a subgraph is as good as new. */
const forgivenAfterMs = 30_000;

interface Slot {
  calls: number;
  failed: number;
  slow: number;
}

const emptySlot = (): Slot => ({ calls: 0, failed: 0, slow: 0 });

export class SubgraphBreaker {
  phase: 'closed' | 'open' | 'halfOpen' = 'closed';
  openings = 0;
  #closedAt = Number.NEGATIVE_INFINITY;
  #doublings = 0;
  #nextProbeAt = 0;
  #second = 0;
  readonly #recent = Array.from({ length: slots }, emptySlot);

  constructor(
    readonly settings: BreakerSettings,
    /** Told when it opens and when it closes. */
    private readonly onChange: (isOpen: boolean) => void = () => {},
  ) {}

  /** A call wants to begin; undefined: it must not. */
  begin(now: number): Passage | undefined {
    if (this.phase === 'closed') return 'call';
    if (now < this.#nextProbeAt) return undefined;
    this.phase = 'halfOpen';
    this.#nextProbeAt = now + probePatienceMs;
    return 'probe';
  }

  /** A call ended. One that nobody waited for (`none`) says something only when it was slow. */
  end(passage: Passage, end: CallEnd, durationMs: number, now: number): void {
    const isSlow = durationMs >= this.settings.slowCallMs;
    if (passage === 'probe') {
      this.#endProbe(isSlow ? 'bad' : end, now);
      return;
    }
    // What began before it opened says nothing of the time since.
    if (this.phase !== 'closed' || (end === 'none' && !isSlow)) return;
    const slot = this.#slotAt(now);
    slot.calls++;
    if (end === 'bad') slot.failed++;
    if (isSlow) slot.slow++;
    if ((end === 'bad' || isSlow) && this.#isTripped()) this.#open(now);
  }

  #endProbe(end: CallEnd, now: number): void {
    if (this.phase === 'closed') return;
    if (end === 'bad') this.#open(now);
    else if (end === 'none') {
      this.phase = 'open';
      this.#nextProbeAt = now;
    } else {
      this.phase = 'closed';
      this.#closedAt = now;
      for (const slot of this.#recent) Object.assign(slot, emptySlot());
      this.onChange(false);
    }
  }

  #open(now: number): void {
    const { openMs, maxOpenMs } = this.settings;
    if (this.phase === 'closed') {
      if (now - this.#closedAt > forgivenAfterMs) this.#doublings = 0;
      this.onChange(true);
    }
    this.phase = 'open';
    this.openings++;
    this.#nextProbeAt = now + Math.min(maxOpenMs, openMs * 2 ** this.#doublings);
    this.#doublings = Math.min(this.#doublings + 1, 30);
  }

  #isTripped(): boolean {
    const { failureShare, slowShare, minimumCalls } = this.settings;
    const sum = emptySlot();
    for (const { calls, failed, slow } of this.#recent) {
      sum.calls += calls;
      sum.failed += failed;
      sum.slow += slow;
    }
    if (sum.calls < minimumCalls) return false;
    return (
      (sum.failed > 0 && sum.failed >= failureShare * sum.calls) || (sum.slow > 0 && sum.slow >= slowShare * sum.calls)
    );
  }

  #slotAt(now: number): Slot {
    const second = Math.floor(now / slotMs);
    for (let past = Math.max(this.#second + 1, second - slots + 1); past <= second; past++) {
      Object.assign(this.#recent[past % slots] as Slot, emptySlot());
    }
    this.#second = Math.max(this.#second, second);
    return this.#recent[this.#second % slots] as Slot;
  }
}
