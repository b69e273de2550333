/**
 * Whether each event may still go to one client, where that is asked: rights and rate limits, once for every event.
 * In: the payloads of a topic. Out: those that are admitted, in order; after one that was not, a gap.
 * Clock: per event and client. Nobody waits for it: what it is too slow for is left out.
 */
import { gapText } from '../client/event-text';

/** `changed`: the rights are others than those that the subscription was planned with. */
export type EventVerdict = 'admitted' | 'limited' | 'changed';

export interface EventGateHooks {
  deliver(payload: string, hasGap: boolean): void;
  /** Called for each event that finds other rights; the event is left out. */
  onChanged(): void;
}

/** Events of one client that may wait for their verdicts. */
const maxAdmitting = 256;

export class EventGate {
  private last: Promise<void> | undefined;
  private admitting = 0;
  /** Events were left out after the last one that waits; and after the last one that was decided. */
  private hasSkipped = false;
  private isAfterLoss = false;
  private isClosed = false;

  constructor(private readonly hooks: EventGateHooks) {}

  /** Delivers the event if `admit`, which may not reject, says so, after those that came before. */
  push(payload: string, hasGap: boolean, admit: () => Promise<EventVerdict>): void {
    if (this.admitting >= maxAdmitting) {
      this.hasSkipped = true;
      return;
    }
    this.admitting += 1;
    const isAfterSkipped = this.hasSkipped;
    this.hasSkipped = false;
    const before = this.last ?? Promise.resolve();
    this.last = before.then(async () => {
      this.isAfterLoss ||= isAfterSkipped;
      if (!this.isClosed) this.conclude(payload, hasGap, await admit());
      this.admitting -= 1;
    });
  }

  private conclude(payload: string, hasGap: boolean, verdict: EventVerdict): void {
    if (this.isClosed) return;
    if (verdict === 'admitted') {
      const isMarked = this.isAfterLoss && !hasGap;
      this.isAfterLoss = false;
      this.hooks.deliver(isMarked ? gapText(payload, 'NOT_ADMITTED') : payload, hasGap || isMarked);
      return;
    }
    this.isAfterLoss = true;
    if (verdict === 'changed') this.hooks.onChanged();
  }

  /** Calls back once everything that was pushed before is decided: at once when nothing waits. */
  whenDecided(callback: () => void): void {
    if (this.admitting === 0) callback();
    else void this.last?.then(callback);
  }

  /** Nothing is delivered any more. */
  close(): void {
    this.isClosed = true;
  }
}
