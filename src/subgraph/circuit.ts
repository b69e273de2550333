/**
 * Whether one instance may be asked: closed (yes), open (no), half-open (one call tries). In: how calls ended, and when.
 * A circuit opens after failures in a row, or by their share of the last ten seconds; each opening lasts longer.
 * Clock: per call; time is handed in. It decides nothing about calls under way: they end as they end.
 */

export interface CircuitSettings {
  /** So many failures in a row open it. */
  readonly consecutiveFailures: number;
  /** Of the calls of the last ten seconds: from 0 to 1. */
  readonly failureShare: number;
  /** With fewer calls in ten seconds their share says nothing. */
  readonly minimumCalls: number;
  /** How long it is open the first time; doubled each time after. */
  readonly openMs: number;
  readonly maxOpenMs: number;
}

/** What a call says of its instance. `none`: nothing, such as one that the client did not wait for. */
export type Verdict = 'good' | 'bad' | 'none';

/** A probe without an answer for so long does not keep others from trying. */
const probePatienceMs = 2_000;
/** Closed for so long, an instance is as good as new. */
const forgivenAfterMs = 30_000;

/** Of one instance. */
export class Circuit {
  phase: 'closed' | 'open' | 'halfOpen' = 'closed';
  /** Since when it is closed. */
  closedAt: number;
  openings = 0;
  #inARow = 0;
  #doublings = 0;
  #nextProbeAt = 0;
  /** Active probes say that it is down: calls do not try. */
  #isHeld = false;
  /** Above 0: so many good active probes in a row; below: bad ones. */
  #probesInARow = 0;
  readonly #recent = new RollingCounts();

  constructor(
    private readonly settings: CircuitSettings,
    now: number,
  ) {
    this.closedAt = now;
  }

  /** Whether a call may try if the instance is back. */
  isProbeDue(now: number): boolean {
    return this.phase !== 'closed' && !this.#isHeld && now >= this.#nextProbeAt;
  }

  /** A call begins; true when it is a probe, which its end must tell. */
  begin(now: number): boolean {
    if (this.phase === 'closed') return false;
    this.phase = 'halfOpen';
    this.#nextProbeAt = now + probePatienceMs;
    return true;
  }

  /** A call ended. True: the circuit should open, which `open` does. `isAlone`: failures in a row do not count. */
  end(verdict: Verdict, isProbe: boolean, now: number, isAlone = false): boolean {
    if (isProbe) this.#endProbe(verdict, now);
    // What began before it opened says nothing of the time since.
    if (isProbe || this.phase !== 'closed' || verdict === 'none') return false;
    const isBad = verdict === 'bad';
    this.#recent.add(now, isBad);
    this.#inARow = isBad ? this.#inARow + 1 : 0;
    return isBad && this.#isTripped(isAlone);
  }

  open(now: number): void {
    if (now - this.closedAt > forgivenAfterMs) this.#doublings = 0;
    const { openMs, maxOpenMs } = this.settings;
    this.phase = 'open';
    this.openings++;
    this.#nextProbeAt = now + Math.min(maxOpenMs, openMs * 2 ** this.#doublings);
    this.#doublings = Math.min(this.#doublings + 1, 30);
  }

  /** An active probe ended; returns how many in a row ended so. */
  countProbe(isGood: boolean): number {
    const inARow = this.#probesInARow;
    this.#probesInARow = isGood ? Math.max(inARow, 0) + 1 : Math.min(inARow, 0) - 1;
    return Math.abs(this.#probesInARow);
  }

  /** Opens it until `release`: calls do not try meanwhile. */
  hold(now: number): void {
    if (this.phase === 'closed') this.open(now);
    this.#isHeld = true;
  }

  /** Closes it. */
  release(now: number): void {
    this.#isHeld = false;
    if (this.phase !== 'closed') this.#close(now);
  }

  #endProbe(verdict: Verdict, now: number): void {
    if (this.phase === 'closed') return;
    if (verdict === 'bad') this.open(now);
    else if (verdict === 'none' || this.#isHeld) {
      this.phase = 'open';
      this.#nextProbeAt = now;
    } else this.#close(now);
  }

  #close(now: number): void {
    this.phase = 'closed';
    this.closedAt = now;
    this.#inARow = 0;
    this.#recent.clear();
  }

  #isTripped(isAlone: boolean): boolean {
    const { consecutiveFailures, failureShare, minimumCalls } = this.settings;
    const { calls, failures } = this.#recent;
    return (
      (!isAlone && this.#inARow >= consecutiveFailures) || (calls >= minimumCalls && failures >= failureShare * calls)
    );
  }
}

const slots = 10;
const slotMs = 1_000;

/** Calls and failures of the last ten seconds, a second at a time. */
class RollingCounts {
  calls = 0;
  failures = 0;
  readonly #calls = new Uint32Array(slots);
  readonly #failures = new Uint32Array(slots);
  #second = 0;

  add(now: number, isFailure: boolean): void {
    const second = Math.floor(now / slotMs);
    if (second !== this.#second) this.#advance(second);
    const slot = second % slots;
    this.calls++;
    this.#calls[slot] = (this.#calls[slot] ?? 0) + 1;
    if (!isFailure) return;
    this.failures++;
    this.#failures[slot] = (this.#failures[slot] ?? 0) + 1;
  }

  clear(): void {
    this.calls = 0;
    this.failures = 0;
    this.#calls.fill(0);
    this.#failures.fill(0);
  }

  #advance(second: number): void {
    if (second - this.#second >= slots) this.clear();
    else for (let past = this.#second + 1; past <= second; past++) this.#drop(past % slots);
    this.#second = second;
  }

  #drop(slot: number): void {
    this.calls -= this.#calls[slot] ?? 0;
    this.failures -= this.#failures[slot] ?? 0;
    this.#calls[slot] = 0;
    this.#failures[slot] = 0;
  }
}
