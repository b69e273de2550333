import { Brake, Stopped, TooMuchMemory } from '../../src/supergraph/brake';

class Work {
  readonly held: number[][] = [];
  step(size: number): void {
    if (size > 0) this.held.push(new Array(size).fill(0.5));
  }
}

describe('the brake', () => {
  const memory = new SharedArrayBuffer(4);
  const signal = new Int32Array(memory);
  const brake = new Brake(memory);
  brake.addPlace(Work.prototype as never, 'step' as never);

  /** Allocates so many bytes in steps, and lets go of them whenever it holds `atOnce`. */
  function hold(bytes: number, { atOnce }: { readonly atOnce: number }): string {
    return brake.run(9, () => {
      const work = new Work();
      for (let step = 1; step <= bytes / 800; step++) {
        work.step(100);
        if (work.held.length * 800 >= atOnce) work.held.length = 0;
      }
      return 'done';
    });
  }

  it('stops the work that it is asked to stop, and no other', () => {
    const work = new Work();
    const run = (id: number) =>
      brake.run(id, () => {
        for (let index = 0; index < 10; index++) {
          if (index === 5) signal[0] = 7;
          work.step(0);
        }
        return 'done';
      });
    expect(run(6)).toBe('done');
    expect(() => run(7)).toThrow(Stopped);
    expect(run(8)).toBe('done');
    expect(() => work.step(0)).not.toThrow();
  });

  it('stops work that holds too much memory, not work that leaves much behind', () => {
    expect(hold(250_000_000, { atOnce: 1_000_000 })).toBe('done');
    expect(() => hold(250_000_000, { atOnce: 250_000_000 })).toThrow(TooMuchMemory);
  });

  it('does not let work hold more because others have left garbage before it', () => {
    const others: number[][] = [];
    for (let bytes = 0; bytes < 250_000_000; bytes += 8_000) others.push(new Array(1_000).fill(0.5));
    others.length = 0;
    expect(() => hold(250_000_000, { atOnce: 250_000_000 })).toThrow(TooMuchMemory);
  });

  it('has no place that is not there', () => {
    expect(() => brake.addPlace(Work.prototype as never, 'leap' as never)).toThrow('leap');
  });
});
