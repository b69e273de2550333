import { EventEmitter } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { type Outcome, type Restoration, WorkerQueue } from '../../src/supergraph/worker-queue';

// Fake: the worker (it answers when a test says so) and the timers. Real: the queue. Observed: messages and outcomes.
class FakeWorker extends EventEmitter {
  readonly received: string[] = [];
  isReferenced = true;
  isTerminated = false;
  private lastId = 0;

  postMessage({ id, request }: { id: number; request: string }): void {
    this.lastId = id;
    this.received.push(request);
  }

  ref(): void {
    this.isReferenced = true;
  }

  unref(): void {
    this.isReferenced = false;
  }

  async terminate(): Promise<number> {
    this.isTerminated = true;
    this.emit('exit', 1);
    return 1;
  }

  ready(): void {
    this.emit('message', { kind: 'ready' });
  }

  answer(response: string): void {
    this.emit('message', { kind: 'answer', id: this.lastId, response });
  }

  stopped(): void {
    this.emit('message', { kind: 'stopped', id: this.lastId });
  }

  crash(reason: string): void {
    this.emit('error', new Error(reason));
    this.emit('exit', 1);
  }
}

class Scene {
  readonly workers: FakeWorker[] = [];
  readonly lost: string[] = [];
  /** Ids of the requests that were asked to stop. */
  readonly stops: number[] = [];
  restorations: Restoration<string, string>[] = [];
  readonly queue = new WorkerQueue<string, string>({
    start: () => {
      const worker = new FakeWorker();
      this.workers.push(worker);
      return { thread: worker as unknown as Worker, stop: (id) => this.stops.push(id) };
    },
    restore: () => this.restorations,
    onLost: (reason) => this.lost.push(reason),
    slowAfterMs: 100,
  });

  get worker(): FakeWorker {
    return this.workers.at(-1)!;
  }

  run(request: string, timeoutMs = 1_000): { promise: Promise<Outcome<string>>; outcome?: Outcome<string> } {
    const result: { promise: Promise<Outcome<string>>; outcome?: Outcome<string> } = {
      promise: this.queue.run(request, timeoutMs),
    };
    void result.promise.then((outcome) => {
      result.outcome = outcome;
    });
    return result;
  }
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('requests', () => {
  it('wait until the worker has loaded, then run one at a time in order', async () => {
    const scene = new Scene();
    const [a, b] = [scene.run('a'), scene.run('b')];
    expect(scene.worker.received).toEqual([]);
    scene.worker.ready();
    expect(scene.worker.received).toEqual(['a']);
    scene.worker.answer('A');
    expect(scene.worker.received).toEqual(['a', 'b']);
    scene.worker.answer('B');
    expect(await Promise.all([a.promise, b.promise])).toEqual([
      { kind: 'answered', response: 'A' },
      { kind: 'answered', response: 'B' },
    ]);
  });

  it('keep the process alive only while there are some', async () => {
    const scene = new Scene();
    expect(scene.worker.isReferenced).toBe(false);
    scene.run('a');
    expect(scene.worker.isReferenced).toBe(true);
    scene.worker.ready();
    scene.worker.answer('A');
    expect(scene.worker.isReferenced).toBe(false);
  });
});

describe('a request that does not end', () => {
  it('costs the worker, and the others run on the next one', async () => {
    const scene = new Scene();
    const [hostile, victim] = [scene.run('hostile'), scene.run('victim', 5_000)];
    const [first] = scene.workers;
    first!.ready();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(hostile.outcome).toEqual({ kind: 'timeout' });
    expect(first!.isTerminated).toBe(true);
    expect(victim.outcome).toBeUndefined();
    scene.worker.ready();
    expect(scene.worker.received).toEqual(['victim']);
    scene.worker.answer('V');
    expect(await victim.promise).toEqual({ kind: 'answered', response: 'V' });
    expect(scene.lost).toEqual(['a request ran longer than 1000 ms']);
    expect(scene.workers).toHaveLength(2);
  });

  it('has its time counted from when it runs, not from when it was asked', async () => {
    const scene = new Scene();
    const [slow, next] = [scene.run('slow'), scene.run('next')];
    scene.worker.ready();
    await jest.advanceTimersByTimeAsync(900);
    scene.worker.answer('S');
    await jest.advanceTimersByTimeAsync(900);
    scene.worker.answer('N');
    expect((await slow.promise).kind).toBe('answered');
    expect((await next.promise).kind).toBe('answered');
  });

  it('is not run at all once it has waited twice its time', async () => {
    const scene = new Scene();
    scene.run('slow', 60_000);
    const late = scene.run('late', 1_000);
    scene.worker.ready();
    await jest.advanceTimersByTimeAsync(2_001);
    scene.worker.answer('S');
    expect(await late.promise).toEqual({ kind: 'expired' });
    expect(scene.worker.received).toEqual(['slow']);
  });

  it('leaves no answer to a later request when its worker speaks after all', async () => {
    const scene = new Scene();
    const [first] = scene.workers;
    scene.run('hostile');
    const victim = scene.run('victim');
    first!.ready();
    await jest.advanceTimersByTimeAsync(1_000);
    first!.answer('too late');
    scene.worker.ready();
    expect(victim.outcome).toBeUndefined();
    scene.worker.answer('V');
    expect(await victim.promise).toEqual({ kind: 'answered', response: 'V' });
  });
});

describe('a request that can be stopped', () => {
  const stoppable = { isStoppable: true };

  it('is asked to when it is slow and others wait, and they run', async () => {
    const scene = new Scene();
    scene.worker.ready();
    const slow = scene.queue.run('slow', 60_000, stoppable);
    const other = scene.run('other', 60_000);
    await jest.advanceTimersByTimeAsync(99);
    expect(scene.stops).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(scene.stops).toEqual([1]);
    scene.worker.stopped();
    expect(await slow).toEqual({ kind: 'stopped' });
    scene.worker.answer('O');
    expect(await other.promise).toEqual({ kind: 'answered', response: 'O' });
    expect([scene.workers.length, scene.queue.isFree]).toEqual([1, true]);
  });

  it('goes on while nobody waits, and is asked to stop once somebody does', async () => {
    const scene = new Scene();
    scene.worker.ready();
    void scene.queue.run('slow', 60_000, stoppable);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(scene.stops).toEqual([]);
    for (const name of ['one', 'two']) scene.run(name);
    expect(scene.stops).toEqual([1]);
  });

  it('may answer all the same', async () => {
    const scene = new Scene();
    scene.worker.ready();
    const slow = scene.queue.run('slow', 60_000, stoppable);
    scene.run('other');
    await jest.advanceTimersByTimeAsync(100);
    scene.worker.answer('S');
    expect(await slow).toEqual({ kind: 'answered', response: 'S' });
  });

  it('is stopped at its deadline, and costs the worker only when it does not heed that', async () => {
    const scene = new Scene();
    scene.worker.ready();
    const heeding = scene.queue.run('heeding', 1_000, stoppable);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(scene.stops).toEqual([1]);
    scene.worker.stopped();
    expect(await heeding).toEqual({ kind: 'timeout' });
    expect(scene.lost).toEqual([]);
    const deaf = scene.queue.run('deaf', 1_000, stoppable);
    await jest.advanceTimersByTimeAsync(1_500);
    expect(await deaf).toEqual({ kind: 'timeout' });
    expect([scene.stops, scene.lost.length, scene.workers.length]).toEqual([[1, 2], 1, 2]);
  });

  it('is not asked to when it cannot be, or is to have all its time', async () => {
    const scene = new Scene();
    scene.worker.ready();
    scene.run('fixed', 60_000);
    scene.run('other', 60_000);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(scene.stops).toEqual([]);
  });
});

describe('a worker that crashes', () => {
  it('is replaced, and what it ran is run once more', async () => {
    const scene = new Scene();
    const a = scene.run('a');
    scene.worker.ready();
    scene.worker.crash('out of memory');
    scene.worker.ready();
    expect(scene.worker.received).toEqual(['a']);
    scene.worker.answer('A');
    expect(await a.promise).toEqual({ kind: 'answered', response: 'A' });
    expect(scene.lost).toEqual(['out of memory']);
  });

  it('twice on one request fails that request and no other', async () => {
    const scene = new Scene();
    const [poison, victim] = [scene.run('poison'), scene.run('victim')];
    for (const _ of [1, 2]) {
      scene.worker.ready();
      scene.worker.crash('out of memory');
    }
    expect(await poison.promise).toEqual({ kind: 'crashed', reason: 'out of memory' });
    scene.worker.ready();
    scene.worker.answer('V');
    expect(await victim.promise).toEqual({ kind: 'answered', response: 'V' });
  });

  it('while idle is replaced without anybody noticing', async () => {
    const scene = new Scene();
    scene.worker.ready();
    scene.worker.crash('gone');
    const a = scene.run('a');
    scene.worker.ready();
    scene.worker.answer('A');
    expect(await a.promise).toEqual({ kind: 'answered', response: 'A' });
  });

  it('as it loads, twice, fails what waits; the next request tries again', async () => {
    const scene = new Scene();
    const a = scene.run('a');
    scene.worker.crash('Cannot find module');
    scene.worker.crash('Cannot find module');
    expect(await a.promise).toEqual({ kind: 'crashed', reason: 'Cannot find module' });
    expect(scene.workers).toHaveLength(2);
    const b = scene.run('b');
    expect(scene.workers).toHaveLength(3);
    scene.worker.ready();
    scene.worker.answer('B');
    expect(await b.promise).toEqual({ kind: 'answered', response: 'B' });
  });
});

describe('what a new worker must know', () => {
  it('is told to it before what waited', async () => {
    const scene = new Scene();
    const outcomes: Outcome<string>[] = [];
    scene.restorations = [{ request: 'open', timeoutMs: 1_000, settle: (outcome) => outcomes.push(outcome) }];
    scene.run('hostile');
    scene.run('victim');
    scene.worker.ready();
    await jest.advanceTimersByTimeAsync(1_000);
    scene.worker.ready();
    scene.worker.answer('OPENED');
    expect(scene.worker.received).toEqual(['open', 'victim']);
    expect(outcomes).toEqual([{ kind: 'answered', response: 'OPENED' }]);
  });

  it('is told once, also when workers are lost in a row', async () => {
    const scene = new Scene();
    scene.restorations = [{ request: 'open', timeoutMs: 1_000, settle: () => {} }];
    scene.run('a');
    scene.worker.ready();
    scene.worker.crash('one');
    scene.worker.crash('two');
    scene.worker.ready();
    scene.worker.answer('OPENED');
    expect(scene.worker.received).toEqual(['open', 'a']);
  });

  it('can itself be what crashes it, and is then given up', async () => {
    const scene = new Scene();
    const outcomes: Outcome<string>[] = [];
    const settle = (outcome: Outcome<string>) => {
      outcomes.push(outcome);
      scene.restorations = [];
    };
    scene.restorations = [{ request: 'open', timeoutMs: 1_000, settle }];
    const a = scene.run('a');
    scene.worker.ready();
    scene.worker.crash('first');
    for (const _ of [1, 2]) {
      scene.worker.ready();
      scene.worker.crash('too big');
    }
    expect(outcomes).toEqual([{ kind: 'crashed', reason: 'too big' }]);
    scene.worker.ready();
    expect(scene.worker.received).toEqual(['a']);
    scene.worker.answer('A');
    expect(await a.promise).toEqual({ kind: 'answered', response: 'A' });
  });
});

describe('close', () => {
  it('ends the worker and answers all that runs, waits or comes', async () => {
    const scene = new Scene();
    const [running, waiting] = [scene.run('a'), scene.run('b')];
    scene.worker.ready();
    await scene.queue.close();
    const late = await scene.queue.run('c', 1_000);
    expect([await running.promise, await waiting.promise, late]).toEqual([
      { kind: 'closed' },
      { kind: 'closed' },
      { kind: 'closed' },
    ]);
    expect(scene.worker.isTerminated).toBe(true);
    expect(scene.workers).toHaveLength(1);
    expect(jest.getTimerCount()).toBe(0);
  });
});
