/**
 * Whether a subgraph as a whole is asked. It opens by the share of calls of the last ten seconds that failed, or were
 * slow, however its instances fare. In: how calls ended, and when. Clock: per call; time is handed in.
 */
import { CircuitState, type OpenTimes, type Verdict } from './circuit-state';

export interface BreakerSettings extends OpenTimes {
  /** Of the calls of ten seconds: from 0 to 1. */
  readonly failureShare: number;
  /** A call that takes longer is slow. */
  readonly slowCallMs: number;
  /** Of the calls of ten seconds: from 0 to 1. */
  readonly slowShare: number;
  /** With fewer calls in ten seconds their shares say nothing. */
  readonly minimumCalls: number;
  /** Codes of GraphQL errors that count as failures. */
  readonly codes: readonly string[];
}

/** How a call that was let through began, which its end must tell. */
export type Passage = 'call' | 'probe';

export class SubgraphBreaker extends CircuitState {
  constructor(
    readonly settings: BreakerSettings,
    /** Told when it opens and when it closes. */
    private readonly onChange: (isOpen: boolean) => void = () => {},
  ) {
    super(settings);
  }

  /** A call wants to begin; undefined: it must not. */
  begin(now: number): Passage | undefined {
    if (this.phase === 'closed') return 'call';
    if (!this.isProbeDue(now)) return undefined;
    this.beginProbe(now);
    return 'probe';
  }

  /** A call ended. One that nobody waited for (`none`) says something only when it was slow. */
  end(passage: Passage, verdict: Verdict, durationMs: number, now: number): void {
    const isSlow = durationMs >= this.settings.slowCallMs;
    if (passage === 'probe') {
      this.endProbe(isSlow ? 'bad' : verdict, now);
      return;
    }
    // What began before it opened says nothing of the time since.
    if (this.phase !== 'closed' || (verdict === 'none' && !isSlow)) return;
    this.recent.add(now, verdict === 'bad', isSlow);
    if ((verdict === 'bad' || isSlow) && this.#isTripped()) this.open(now);
  }

  override open(now: number): void {
    const wasClosed = this.phase === 'closed';
    super.open(now);
    if (wasClosed) this.onChange(true);
  }

  protected override close(now: number): void {
    super.close(now);
    this.onChange(false);
  }

  #isTripped(): boolean {
    const { failureShare, slowShare, minimumCalls } = this.settings;
    const { calls, failures, slow } = this.recent;
    if (calls < minimumCalls) return false;
    return (failures > 0 && failures >= failureShare * calls) || (slow > 0 && slow >= slowShare * calls);
  }
}
