/**
 * What the log lines of this step share: a reason that may be logged, and a bound on how many lines there are.
 * Clock: per line. A flood of refusals must not become a flood of the log.
 */
import { isNativeError } from 'node:util/types';

/** What an error says; nothing of a thrown value that is no error. */
export function reasonOf(error: unknown): string {
  return isNativeError(error) ? error.message : 'unknown';
}

export interface LineBudget {
  /** The number of lines that were suppressed since the last one, when this one may be written; else undefined. */
  admit(): number | undefined;
}

const intervalMs = 10_000;
const defaultMaxLines = 20;

/** A budget of `maxLines` (default 20) lines in 10 s. */
export function createLineBudget(now: () => number, maxLines = defaultMaxLines): LineBudget {
  let intervalStart = Number.NEGATIVE_INFINITY;
  let written = 0;
  let suppressed = 0;
  return {
    admit() {
      const elapsed = now() - intervalStart;
      // A clock that was set back must not silence the log.
      if (elapsed >= intervalMs || elapsed < 0) {
        intervalStart = now();
        written = 0;
      }
      if (written >= maxLines) {
        suppressed += 1;
        return undefined;
      }
      written += 1;
      const told = suppressed;
      suppressed = 0;
      return told;
    },
  };
}
