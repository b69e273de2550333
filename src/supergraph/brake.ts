/**
 * Stops a plan under way, on the planner thread: the planner has no place for that, so methods that it calls all the
 * time are made to look whether it should end. A stopped plan leaves the thread as it was, with its supergraphs; to end
 * the thread instead is for what does not heed this. In: the id of the request to stop, by shared memory.
 * Clock: per document.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** The plan was stopped because the main thread asked for it. */
export class Stopped extends Error {}

/** The plan was stopped because it holds more memory than is allowed. */
export class TooMuchMemory extends Error {}

/** What one plan may hold. Hard ones that can be planned in time hold half of it. */
const maxBytes = 64_000_000;
/** What a plan may leave behind until the garbage is collected at once, instead of some day. */
const maxGarbageBytes = 30_000_000;
/** Some milliseconds of planning. */
const looksPerMeasurement = 10_000;

export class Brake {
  private readonly signal: Int32Array;
  private readonly gc: () => void;
  private id = 0;
  private looks = 0;
  private bytesAtStart = 0;

  /** `memory`: four bytes, into which the main thread writes the id of a request to stop. */
  constructor(memory: SharedArrayBuffer) {
    this.signal = new Int32Array(memory);
    setFlagsFromString('--expose-gc');
    this.gc = runInNewContext('gc');
  }

  /** Makes each call of a method a place where work can be stopped. */
  addPlace<Name extends string>(prototype: Record<Name, unknown>, name: Name): void {
    const method = prototype[name];
    if (typeof method !== 'function') throw new Error(`there is no method ${name} to stop the planner in`);
    const look = () => this.look();
    prototype[name] = function (this: unknown, ...values: unknown[]) {
      look();
      return method.apply(this, values);
    };
  }

  /** Runs `work`, which throws `Stopped` or `TooMuchMemory` when it is stopped. */
  run<T>(id: number, work: () => T): T {
    this.id = id;
    this.looks = 0;
    this.bytesAtStart = getHeapStatistics().used_heap_size;
    try {
      return work();
    } finally {
      this.id = 0;
    }
  }

  /** Gives back what the last work has left behind, when that is much. */
  collectGarbage(): void {
    if (this.bytesSinceStart() > maxGarbageBytes) this.gc();
  }

  /** Gives back all that nobody needs any more. */
  collectAllGarbage(): void {
    this.gc();
  }

  private look(): void {
    if (this.id === 0) return;
    if (Atomics.load(this.signal, 0) === this.id) throw new Stopped();
    this.looks += 1;
    if (this.looks % looksPerMeasurement !== 0 || this.bytesSinceStart() <= maxBytes) return;
    this.gc();
    if (this.bytesSinceStart() > maxBytes) throw new TooMuchMemory();
  }

  private bytesSinceStart(): number {
    const bytes = getHeapStatistics().used_heap_size;
    // Less than at the start: that was garbage of others, whose room is not the work's to fill.
    this.bytesAtStart = Math.min(this.bytesAtStart, bytes);
    return bytes - this.bytesAtStart;
  }
}
