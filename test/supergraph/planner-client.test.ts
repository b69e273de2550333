import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type ErrorCode, InternalError } from '../../src/errors';
import { type PlannerHandle, PlannerThread, type PlannerThreadOptions } from '../../src/supergraph/planner-client';
import type { Log } from '../../src/telemetry/log';

// Real: the worker threads, the queue, the deadlines. Fake: what the thread computes (stub-planner-thread.cjs).
jest.setTimeout(30_000);
const workerFile = join(__dirname, 'stub-planner-thread.cjs');
const limits = {
  maxEvaluatedPlans: 1,
  maxPaths: 1,
  maxFetches: 1,
  maxDepth: 1,
  maxQueued: 100,
  maxHeapBytes: 64_000_000,
};

let thread: PlannerThread;
afterEach(() => thread.close());

function start(options: Partial<PlannerThreadOptions> = {}): PlannerThread {
  thread = new PlannerThread({ ...limits, timeoutMs: 500, loadTimeoutMs: 10_000, workerFile, ...options });
  return thread;
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | string> {
  return promise.then(
    () => 'no error',
    (error) => error.code ?? error.constructor.name,
  );
}

/** The id of the thread that made a plan. */
async function threadOf(handle: PlannerHandle, document: string): Promise<number> {
  const { threadId } = (await handle.plan(document)) as unknown as { threadId: number };
  return threadId;
}

describe('PlannerThread', () => {
  it('answers QUERY_PLAN_TIMEOUT for a plan that does not end, and plans the others on another thread', async () => {
    // Time enough for the others to be planned on a cold thread of a busy machine.
    const handle = await start({ timeoutMs: 2_000 }).open('a');
    const hostile = codeOf(handle.plan('never end'));
    const victims = Promise.all(['one', 'two'].map((document) => handle.plan(document)));
    expect(await hostile).toBe('QUERY_PLAN_TIMEOUT');
    const plans = (await victims) as unknown as { document: string; threadId: number }[];
    expect(plans.map(({ document }) => document)).toEqual(['one', 'two']);
  });

  it('opens a supergraph again on another thread when the first is lost, and no other one', async () => {
    const planner = start();
    const [first, second, closed] = await Promise.all(['a', 'b', 'c'].map((sdl) => planner.open(sdl)));
    const before = await threadOf(second!, 'two');
    closed!.close();
    await codeOf(first!.plan('crash'));
    expect(await first!.plan('one')).toMatchObject({ document: 'one' });
    expect(await threadOf(second!, 'two')).toBe(before);
    expect(await codeOf(closed!.plan('three'))).toBe('InternalError');
  });

  it('ends the thread of a plan that does not heed its deadline, and plans the others on another', async () => {
    const handle = await start({ timeoutMs: 2_000 }).open('a');
    const before = await threadOf(handle, 'zero');
    const hostile = codeOf(handle.plan('never heed'));
    const victim = threadOf(handle, 'one');
    expect(await hostile).toBe('QUERY_PLAN_TIMEOUT');
    expect(await victim).not.toBe(before);
  });

  it('answers QUERY_PLAN_FAILED for a plan that ends the thread twice, and tells the log why', async () => {
    const errors: unknown[] = [];
    const log = {
      error: (fields) => errors.push(fields),
      warn: () => {},
      info: () => {},
      debug: () => {},
    } satisfies Log;
    const handle = await start({ log }).open('a');
    const [poison, victim] = [codeOf(handle.plan('crash')), handle.plan('one')];
    expect(await poison).toBe('QUERY_PLAN_FAILED');
    expect(await victim).toMatchObject({ document: 'one' });
    expect(errors).toEqual([{ code: 'QUERY_PLAN_FAILED', reason: expect.any(String) }]);
  });

  it('refuses plans over the number that may wait', async () => {
    const handle = await start({ maxQueued: 2 }).open('a');
    const codes = await Promise.all(
      ['take a while', 'one', 'two', 'three'].map((document) => codeOf(handle.plan(document))),
    );
    expect(codes).toEqual(['no error', 'no error', 'no error', 'QUERY_PLAN_TIMEOUT']);
  });

  it('stops a slow plan for those that wait, and plans them on the same thread', async () => {
    const handle = await start({ timeoutMs: 20_000 }).open('a');
    const before = await threadOf(handle, 'zero');
    const hostile = ['never end', 'never end either', 'never end at all'].map((document) =>
      codeOf(handle.plan(document)),
    );
    const others = await Promise.all(['one', 'two'].map((document) => threadOf(handle, document)));
    expect([...others, await threadOf(handle, 'three')]).toEqual([before, before, before]);
    await thread.close();
    expect(await Promise.all(hostile)).toEqual(['InternalError', 'InternalError', 'InternalError']);
  });

  it('gives a plan that was stopped twice all its time on a second thread', async () => {
    const handle = await start({ timeoutMs: 1_000 }).open('a');
    const before = await threadOf(handle, 'zero');
    const hostile = codeOf(handle.plan('never end'));
    let isOver = false;
    void hostile.then(() => {
      isOver = true;
    });
    while (!isOver) expect(await threadOf(handle, 'one')).toBe(before);
    expect(await hostile).toBe('QUERY_PLAN_TIMEOUT');
  });

  it('starts no second thread for a slow plan behind which nobody waits', async () => {
    const handle = await start().open('a');
    const alone = await threadOf(handle, 'take long');
    expect(await threadOf(handle, 'one')).toBe(alone);
  });

  it('loads a supergraph beside those that are open, and none after it is closed', async () => {
    const planner = start();
    const old = await planner.open('a');
    const before = await threadOf(old, 'one');
    const next = await planner.open('b');
    expect(await threadOf(next, 'two')).not.toBe(before);
    expect(await threadOf(old, 'three')).toBe(before);
    old.close();
    expect(await codeOf(old.plan('four'))).toBe('InternalError');
    expect(await codeOf(next.plan('five'))).toBe('no error');
  });

  it.each([
    ['never end', 'QUERY_PLAN_TIMEOUT', 0],
    ['never heed', 'QUERY_PLAN_TIMEOUT', 1],
    ['crash', 'QUERY_PLAN_FAILED', 2],
    ['too large', 'QUERY_PLAN_TOO_LARGE', 0],
  ])('asks the thread once for a plan that cannot be had: %s', async (document, code, lostThreads) => {
    let lost = 0;
    const log = { error: () => {}, warn: () => lost++, info: () => {}, debug: () => {} } satisfies Log;
    const handle = await start({ log }).open('a');
    for (const _ of [1, 2, 3]) expect(await codeOf(handle.plan(document))).toBe(code);
    expect(lost).toBe(lostThreads);
    // Another name is another operation, and another supergraph may well answer it.
    if (code === 'QUERY_PLAN_TOO_LARGE') expect(await codeOf((await thread.open('b')).plan(document))).toBe(code);
  });

  it('asks again for a plan that only had to wait too long', async () => {
    const handle = await start({ maxQueued: 1 }).open('a');
    const plans = ['take long', 'one', 'two'].map((document) => codeOf(handle.plan(document)));
    expect(await Promise.all(plans)).toEqual(['no error', 'no error', 'QUERY_PLAN_TIMEOUT']);
    expect(await codeOf(handle.plan('two'))).toBe('no error');
  });

  it('composes beside the planning thread while a supergraph is open', async () => {
    const planner = start();
    const before = await planner.compose([]);
    const handle = await planner.open('a');
    const [while_, plan] = await Promise.all([planner.compose([]), handle.plan('one')]);
    const { threadId } = plan as unknown as { threadId: number };
    expect(before).toMatchObject({ supergraphSdl: `thread ${threadId}` });
    expect(while_).not.toEqual(before);
    // What has composed it loads it, too.
    expect(while_).toMatchObject({ supergraphSdl: `thread ${await threadOf(await planner.open('b'), 'two')}` });
  });

  it('rejects what is asked of it before and after it is closed', async () => {
    const planner = start();
    const handle = await planner.open('a');
    const pending = codeOf(handle.plan('take a while'));
    await planner.close();
    expect(await pending).toBe('InternalError');
    await expect(planner.open('b')).rejects.toThrow(InternalError);
    await expect(handle.plan('one')).rejects.toThrow('closed');
  });

  it('rejects with the reason when the thread cannot be loaded', async () => {
    await expect(start({ workerFile: join(__dirname, 'no-such-file.cjs') }).open('a')).rejects.toThrow(
      /Cannot find module/,
    );
  });

  it('keeps no process alive while nothing is asked of it', () => {
    const script = `
      const { PlannerThread } = require('./src/supergraph/planner-client.ts');
      const options = ${JSON.stringify({ ...limits, timeoutMs: 500, loadTimeoutMs: 10_000, workerFile })};
      new PlannerThread(options).open('a').then(() => console.log('opened'));`;
    const child = spawnSync(process.execPath, ['--require', 'tsx/cjs', '-e', script], {
      timeout: 20_000,
      encoding: 'utf8',
    });
    expect(child).toMatchObject({ status: 0, signal: null, stdout: 'opened\n' });
  });
});

describe('the threads of supergraphs that are replaced', () => {
  it('are used in turn: two serve any number of them', async () => {
    const planner = start();
    const used: number[] = [];
    let serving = await planner.open('first');
    for (const sdl of ['a', 'b', 'c', 'd', 'e']) {
      const next = await planner.open(sdl);
      used.push(await threadOf(serving, 'one'));
      serving.close();
      serving = next;
    }
    const [odd, even] = used;
    expect(odd).not.toBe(even);
    expect(used).toEqual([odd, even, odd, even, odd]);
  });

  it('are taken from those that drain, which share another then', async () => {
    const planner = start();
    const opened = [await planner.open('a')];
    const threads = [await threadOf(opened[0]!, 'one')];
    for (const sdl of ['b', 'c', 'd']) {
      const next = await planner.open(sdl);
      opened.at(-1)!.retire();
      opened.push(next);
      threads.push(await threadOf(next, 'one'));
    }
    expect(new Set(threads).size).toBe(2);
    // Until somebody needs its thread, one that drains keeps it.
    const after = await Promise.all(opened.map((handle) => threadOf(handle, 'two')));
    expect(after.slice(2)).toEqual(threads.slice(2));
    expect(after[0]).toBe(after[1]);
    expect(threads).not.toContain(after[0]);
    for (const handle of opened.slice(0, 3)) handle.close();
    expect(await codeOf(opened[0]!.plan('three'))).toBe('InternalError');
    expect(await threadOf(opened[3]!, 'three')).toBe(threads[3]);
  });

  it('are taken from no supergraph that serves', async () => {
    const planner = start();
    const handles = [await planner.open('a'), await planner.open('b'), await planner.open('c')];
    const threads = await Promise.all(handles.map((handle) => threadOf(handle, 'one')));
    expect(new Set(threads).size).toBe(3);
  });

  it('are rid of a plan that does not end for the next supergraph, which finds them free', async () => {
    const planner = start({ timeoutMs: 20_000 });
    const old = await planner.open('a');
    const before = await threadOf(old, 'one');
    const [hostile, serving] = [codeOf(old.plan('never end')), await planner.open('b')];
    old.close();
    const next = await planner.open('c');
    expect(await threadOf(next, 'two')).toBe(before);
    expect(await hostile).toBe('InternalError');
    expect(await codeOf(serving.plan('three'))).toBe('no error');
  });

  it('finish what was asked of them by one that drains', async () => {
    const planner = start();
    const old = await planner.open('a');
    const serving = await planner.open('b');
    const plans = ['take a while', 'one', 'two'].map((document) => codeOf(old.plan(document)));
    old.retire();
    const next = await planner.open('c');
    expect(await Promise.all(plans)).toEqual(['no error', 'no error', 'no error']);
    expect(await threadOf(next, 'three')).not.toBe(await threadOf(serving, 'three'));
  });

  it('end when none came for a minute', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'performance', 'queueMicrotask'] });
    try {
      const planner = start();
      const old = await planner.open('a');
      const before = await threadOf(old, 'one');
      const serving = await planner.open('b');
      old.close();
      jest.advanceTimersByTime(60_001);
      const next = await planner.open('c');
      expect([before, await threadOf(serving, 'two')]).not.toContain(await threadOf(next, 'two'));
    } finally {
      jest.useRealTimers();
    }
  });
});
