/**
 * How often queries to one subgraph may be repeated: a share of those that are asked, so that a subgraph in trouble is
 * not asked twice as much. Clock: per request.
 */

export interface RetryBudgetSettings {
  /** Of the queries: 0.08 means that eight of a hundred may be repeated. */
  readonly share: number;
  /** What is not used is saved up to so many. */
  readonly burst: number;
}

/** So much is there at the start. */
const startingTokens = 10;

/** Of one subgraph. */
export class RetryBudget {
  #tokens: number;

  constructor(private readonly settings: RetryBudgetSettings) {
    this.#tokens = Math.min(startingTokens, settings.burst);
  }

  /** A query is asked for the first time. */
  deposit(): void {
    const { share, burst } = this.settings;
    this.#tokens = Math.min(burst, this.#tokens + share);
  }

  /** Whether one may be repeated, which counts. */
  withdraw(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
