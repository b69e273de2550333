/**
 * Whether one instance may be asked. It is left out after failures in a row, or by their share of the last ten seconds.
 * In: how calls and active probes ended, and when. Clock: per call; time is handed in.
 */
import { CircuitState, type OpenTimes, type Verdict } from './circuit-state';

export interface CircuitSettings extends OpenTimes {
  /** So many failures in a row open it. */
  readonly consecutiveFailures: number;
  /** Of the calls of the last ten seconds: from 0 to 1. */
  readonly failureShare: number;
  /** With fewer calls in ten seconds their share says nothing. */
  readonly minimumCalls: number;
}

/** Of one instance. */
export class Circuit extends CircuitState {
  #inARow = 0;
  /** Active probes say that it is down: calls do not try. */
  #isHeld = false;
  /** Above 0: so many good active probes in a row; below: bad ones. */
  #probesInARow = 0;

  constructor(private readonly settings: CircuitSettings) {
    super(settings);
  }

  override isProbeDue(now: number): boolean {
    return !this.#isHeld && super.isProbeDue(now);
  }

  /** A call begins; true when it is a probe, which its end must tell. */
  begin(now: number): boolean {
    if (this.phase === 'closed') return false;
    this.beginProbe(now);
    return true;
  }

  /** A call ended. True: the circuit should open, which `open` does. `isAlone`: failures in a row do not count. */
  end(verdict: Verdict, isProbe: boolean, now: number, isAlone = false): boolean {
    if (isProbe) this.endProbe(this.#isHeld && verdict === 'good' ? 'none' : verdict, now);
    // What began before it opened says nothing of the time since.
    if (isProbe || this.phase !== 'closed' || verdict === 'none') return false;
    const isBad = verdict === 'bad';
    this.recent.add(now, isBad);
    this.#inARow = isBad ? this.#inARow + 1 : 0;
    return isBad && this.#isTripped(isAlone);
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
    if (this.phase !== 'closed') this.close(now);
  }

  protected override close(now: number): void {
    super.close(now);
    this.#inARow = 0;
  }

  #isTripped(isAlone: boolean): boolean {
    const { consecutiveFailures, failureShare, minimumCalls } = this.settings;
    const { calls, failures } = this.recent;
    return (
      (!isAlone && this.#inARow >= consecutiveFailures) || (calls >= minimumCalls && failures >= failureShare * calls)
    );
  }
}
