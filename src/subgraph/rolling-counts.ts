/**
 * How the calls of the last ten seconds ended, a second at a time. In: how each ended, and when. Out: three sums.
 * Clock: per call; time is handed in.
 */

const slots = 10;
const slotMs = 1_000;

type Counts = Readonly<Record<'calls' | 'failures' | 'slow', Uint32Array>>;

export class RollingCounts {
  calls = 0;
  failures = 0;
  slow = 0;
  readonly #slots: Counts = {
    calls: new Uint32Array(slots),
    failures: new Uint32Array(slots),
    slow: new Uint32Array(slots),
  };
  #second = 0;

  add(now: number, isFailure: boolean, isSlow = false): void {
    const second = Math.floor(now / slotMs);
    if (second > this.#second) this.#advance(second);
    this.#count('calls');
    if (isFailure) this.#count('failures');
    if (isSlow) this.#count('slow');
  }

  clear(): void {
    for (let slot = 0; slot < slots; slot++) this.#drop(slot);
  }

  #count(what: keyof Counts): void {
    const slot = this.#second % slots;
    this[what]++;
    this.#slots[what][slot] = (this.#slots[what][slot] ?? 0) + 1;
  }

  #advance(second: number): void {
    const past = Math.max(this.#second, second - slots);
    for (let next = past + 1; next <= second; next++) this.#drop(next % slots);
    this.#second = second;
  }

  #drop(slot: number): void {
    for (const what of ['calls', 'failures', 'slow'] as const) {
      this[what] -= this.#slots[what][slot] ?? 0;
      this.#slots[what][slot] = 0;
    }
  }
}
