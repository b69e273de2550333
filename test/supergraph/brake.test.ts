/**
 * Work that is stopped. What counts memory runs in a thread of its own, as the planner does: on the heap of a process that
 * has run other tests nobody knows what is whose.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Brake, Stopped } from '../../src/supergraph/brake';

class Work {
  step(): void {}
}

/**
 * Allocates `bytes` in steps, letting go of them whenever it holds `atOnce`, after others have left `garbage` bytes.
 * Answers with the name of what stopped it, or `done`.
 */
async function hold(bytes: number, { atOnce, garbage = 0 }: { readonly atOnce: number; readonly garbage?: number }) {
  const program = `
    require(${JSON.stringify(join(__dirname, '../support/load-typescript.cjs'))});
    const { Brake } = require(${JSON.stringify(join(__dirname, '../../src/supergraph/brake.ts'))});
    class Work { step() {} }
    const brake = new Brake(new SharedArrayBuffer(4));
    brake.addPlace(Work.prototype, 'step');
    const allocate = (held, count) => { while (held.length < count) held.push(new Array(100).fill(0.5)); };
    allocate([], ${garbage / 800});
    const work = new Work();
    try {
      brake.run(9, () => {
        const held = [];
        for (let step = 1; step <= ${bytes / 800}; step++) {
          held.push(new Array(100).fill(0.5));
          work.step();
          if (held.length * 800 >= ${atOnce}) held.length = 0;
        }
      });
      require('node:worker_threads').parentPort.postMessage('done');
    } catch (error) {
      require('node:worker_threads').parentPort.postMessage(error.constructor.name);
    }`;
  const worker = new Worker(program, { eval: true });
  const [ended] = (await once(worker, 'message')) as [string];
  await worker.terminate();
  return ended;
}

describe('the brake', () => {
  const memory = new SharedArrayBuffer(4);
  const signal = new Int32Array(memory);
  const brake = new Brake(memory);
  brake.addPlace(Work.prototype as never, 'step' as never);

  it('stops the work that it is asked to stop, and no other', () => {
    const work = new Work();
    const run = (id: number) =>
      brake.run(id, () => {
        for (let index = 0; index < 10; index++) {
          if (index === 5) signal[0] = 7;
          work.step();
        }
        return 'done';
      });
    expect(run(6)).toBe('done');
    expect(() => run(7)).toThrow(Stopped);
    expect(run(8)).toBe('done');
    expect(() => work.step()).not.toThrow();
  });

  it('stops work that holds too much memory, not work that leaves much behind', async () => {
    await expect(hold(250_000_000, { atOnce: 1_000_000 })).resolves.toBe('done');
    await expect(hold(250_000_000, { atOnce: 250_000_000 })).resolves.toBe('TooMuchMemory');
  });

  it('does not let work hold more because others have left garbage before it', async () => {
    await expect(hold(400_000_000, { atOnce: 400_000_000, garbage: 100_000_000 })).resolves.toBe('TooMuchMemory');
  });

  it('has no place that is not there', () => {
    expect(() => brake.addPlace(Work.prototype as never, 'leap' as never)).toThrow('leap');
  });
});
