/**
 * From one source of events to the one that follows it, without losing or repeating an event: both are open for a while
 * and send the same, each in its order, neither in step with the other. In: the events of both. Out: which of them count.
 * Clock: per event, while a source is followed by another. An event is known by what both sources are asked.
 */
import type { SubgraphResponse } from './subgraph-call';

/** An event that waits until the source that sent it has taken over. */
export interface HeldEvent {
  readonly response: SubgraphResponse;
  readonly afterGap: boolean;
}

/** What is remembered of each source; a handover takes milliseconds. */
const maxRemembered = 256;

export class Handover {
  /** What the former source sent since the next one was asked. */
  private given: unknown[] = [];
  /** What the next one sent and the former one has not, so far. */
  private held: HeldEvent[] = [];
  /** What the former one sent after the event by which both were found to be in step: the next one will send it, too. */
  private repeats: unknown[] = [];

  /**
   * An event of the former source. True when the next one has sent it already and holds it: it takes over now. If not,
   * the event counts.
   */
  takeFormer(response: SubgraphResponse): boolean {
    if (this.held.some((event) => areSame(factsOf(event.response), factsOf(response)))) return true;
    // It belongs to the caller, who joins more into it.
    this.given.push(structuredClone(factsOf(response)));
    if (this.given.length > maxRemembered) this.given.shift();
    return false;
  }

  /** An event of the next source. True when that takes over now. */
  takeNext(response: SubgraphResponse, afterGap: boolean): boolean {
    const index = this.given.findLastIndex((facts) => areSame(facts, factsOf(response)));
    if (index >= 0) {
      // It comes a second time, as will what the former one sent after it. What was held was sent before.
      this.repeats = this.given.slice(index + 1);
      this.held = [];
      return true;
    }
    this.held.push({ response, afterGap });
    return this.held.length > maxRemembered;
  }

  /** The next source has taken over: what it sent before counts now. */
  release(): readonly HeldEvent[] {
    this.given = [];
    return this.held.splice(0);
  }

  /** Whether an event that the next source sends after it has taken over was given by the former one. */
  isRepeated(response: SubgraphResponse): boolean {
    const isRepeated = this.repeats.length > 0 && areSame(this.repeats[0], factsOf(response));
    // In order, or not at all.
    this.repeats = isRepeated ? this.repeats.slice(1) : [];
    return isRepeated;
  }
}

function factsOf({ data, errors }: SubgraphResponse): unknown {
  return data ?? errors?.map(({ message }) => message);
}

/** Whether two answers to different questions tell of one event: in what both have they agree, and that is something. */
function areSame(one: unknown, other: unknown): boolean {
  return agreement(one, other) === 'same';
}

type Agreement = 'same' | 'different' | 'unknown';

function agreement(one: unknown, other: unknown): Agreement {
  if (!isComposite(one) || !isComposite(other)) return one === other ? 'same' : 'different';
  if (Array.isArray(one) !== Array.isArray(other)) return 'different';
  if (Array.isArray(one) && one.length !== (other as readonly unknown[]).length) return 'different';
  let all: Agreement = 'unknown';
  for (const [key, value] of Object.entries(one)) {
    if (!Object.hasOwn(other, key)) continue;
    const part = agreement(value, (other as Record<string, unknown>)[key]);
    if (part === 'different') return part;
    // Which type it is says nothing of which event.
    if (part === 'same' && key !== '__typename') all = part;
  }
  return all;
}

function isComposite(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
