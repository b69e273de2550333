import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type ErrorCode, InternalError } from '../../src/errors';
import { PlannerThread, type PlannerThreadOptions } from '../../src/supergraph/planner-client';
import type { Log } from '../../src/telemetry/log';

// Real: the worker threads, the queue, the deadlines. Fake: what the thread computes (stub-planner-thread.cjs).
jest.setTimeout(30_000);
const workerFile = join(__dirname, 'stub-planner-thread.cjs');
const limits = { maxEvaluatedPlans: 1, maxFetches: 1, maxDepth: 1, maxQueued: 100, maxHeapBytes: 64_000_000 };

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
