/**
 * Long work of the main thread in slices: one slice in each turn of the event loop, whoever it is for, so that neither
 * one long work nor many at once hold other requests up. Clock: the process.
 */

/** Work that can stop wherever it yields. */
export type SlicedWork<T> = Generator<void, T, void>;

/** Milliseconds. */
const sliceMs = 5;
/** Of a work that may well be short; many may begin in one turn. */
const beginningMs = 1;

/** The same without stopping. */
export function finish<T>(work: SlicedWork<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

export class Slices {
  private readonly waiting: (() => void)[] = [];
  private isScheduled = false;

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** The same, but a short beginning at once: its result when that was all of it. Throws what it throws at once. */
  begin<T>(work: SlicedWork<T>): T | Promise<T> {
    const endsAt = this.now() + beginningMs;
    do {
      const step = work.next();
      if (step.done) return step.value;
    } while (this.now() < endsAt);
    return this.run(work);
  }

  /** Runs `work` to its end, one slice at a turn. Rejects with what it throws. */
  async run<T>(work: SlicedWork<T>): Promise<T> {
    for (;;) {
      await this.turn();
      const endsAt = this.now() + sliceMs;
      do {
        const step = work.next();
        if (step.done) return step.value;
      } while (this.now() < endsAt);
    }
  }

  private turn(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.waiting.shift()?.();
      if (this.waiting.length > 0) this.schedule();
    });
  }
}
