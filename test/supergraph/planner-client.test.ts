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

  it('opens every generation again on another thread, except closed ones', async () => {
    const planner = start();
    const [first, second, closed] = await Promise.all(['a', 'b', 'c'].map((sdl) => planner.open(sdl)));
    closed!.close();
    await codeOf(first!.plan('crash'));
    expect(await first!.plan('one')).toMatchObject({ document: 'one' });
    expect(await second!.plan('two')).toMatchObject({ document: 'two' });
    expect(await codeOf(closed!.plan('three'))).toBe('InternalError');
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

  it('plans what waits behind a slow plan on a second thread, meanwhile', async () => {
    const handle = await start({ timeoutMs: 20_000 }).open('a');
    const before = await threadOf(handle, 'zero');
    let isOver = false;
    const hostile = codeOf(handle.plan('never end')).finally(() => {
      isOver = true;
    });
    const first = await Promise.all(['one', 'two'].map((document) => threadOf(handle, document)));
    const later = await threadOf(handle, 'three');
    expect({ isOver, first, later }).toEqual({ isOver: false, first: [later, later], later: expect.any(Number) });
    expect(later).not.toBe(before);
    await thread.close();
    expect(await hostile).toBe('InternalError');
  });

  it('plans on while both threads have a plan that does not end', async () => {
    const handle = await start({ timeoutMs: 1_000 }).open('a');
    await Promise.all([handle.plan('take long'), handle.plan('one')]);
    const hostile = ['never end', 'never end either'].map((document) => codeOf(handle.plan(document)));
    expect(await threadOf(handle, 'two')).toEqual(expect.any(Number));
    expect(await Promise.all(hostile)).toEqual(['QUERY_PLAN_TIMEOUT', 'QUERY_PLAN_TIMEOUT']);
  });

  it('starts no second thread for a slow plan behind which nobody waits', async () => {
    const handle = await start().open('a');
    const alone = await threadOf(handle, 'take long');
    expect(await threadOf(handle, 'one')).toBe(alone);
  });

  it('opens on the second thread what is opened after it was started, and closes what is closed', async () => {
    const planner = start({ timeoutMs: 20_000 });
    const old = await planner.open('a');
    await Promise.all([old.plan('take long'), old.plan('one')]);
    const [primary, handle] = [await threadOf(old, 'two'), await planner.open('b')];
    const hostile = codeOf(handle.plan('never end'));
    expect(await threadOf(handle, 'three')).not.toBe(primary);
    expect(await threadOf(old, 'four')).not.toBe(primary);
    old.close();
    expect(await codeOf(old.plan('five'))).toBe('InternalError');
    await planner.close();
    await hostile;
  });

  it.each([
    ['never end', 'QUERY_PLAN_TIMEOUT', 1],
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
