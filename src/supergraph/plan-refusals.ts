/**
 * Operations of one generation that could not be planned, remembered for a while: asking for one again costs a lookup
 * and not the planner's whole deadline. Clock: per document.
 */
import { LRUCache } from 'lru-cache';
import { ClientError, type ErrorCode } from '../errors';

/** Whether a plan is found in time depends on what else the machine does. */
const rememberedMs = 60_000;
const maxBytes = 2_000_000;

interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly forgetAt: number;
}

/** Bounded; the least recently asked is forgotten first. */
export class PlanRefusals {
  private readonly refusals = new LRUCache<string, Refusal>({
    maxSize: maxBytes,
    sizeCalculation: (_refusal, key) => key.length + 500,
  });

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** The refusal of an operation, as a new error; undefined when it is worth another try. */
  find(key: string): ClientError | undefined {
    const refusal = this.refusals.get(key);
    if (!refusal) return undefined;
    if (this.now() < refusal.forgetAt) return new ClientError(refusal.code, refusal.message);
    this.refusals.delete(key);
    return undefined;
  }

  add(key: string, { code, message }: ClientError): void {
    this.refusals.set(key, { code, message, forgetAt: this.now() + rememberedMs });
  }
}
