/** Hooks that fail, each in its way. Time is short and real: a bound of a few milliseconds, of which none is measured. */
import { HookRunner, type Hooks } from '../../src/context/hooks';
import { silentLog } from '../../src/telemetry/log';

const patient = {
  log: silentLog,
  deadline: { at: Date.now() + 60_000, ended: undefined, add: () => {}, remove: () => {} },
};
const failed = { code: 'HOOK_FAILED', message: 'A hook of the gateway failed.' };
const noHooks: Hooks = {};

describe('a hook', () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  beforeAll(() => process.on('unhandledRejection', note));
  afterAll(() => {
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it.each<[string, () => Promise<never> | never]>([
    [
      'throws at once',
      () => {
        throw new Error('secret');
      },
    ],
    ['throws what is no error', () => Promise.reject('secret')],
    ['throws nothing', () => Promise.reject(undefined)],
    [
      'throws later',
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        throw new Error('secret');
      },
    ],
    ['never ends', () => new Promise<never>(() => {})],
    [
      'throws when nobody waits for it any more',
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 40));
        throw new Error('secret');
      },
    ],
  ])('that %s is a defined error, which tells nothing', async (_what, hook) => {
    const run = new HookRunner(noHooks, 20).run('onOperation', patient, hook);
    await expect(run).rejects.toMatchObject(failed);
    await new Promise((resolve) => setTimeout(resolve, 50));
  });

  it('is not waited for long after the deadline of its request, however much time it may take', async () => {
    const late = { ...patient, deadline: { ...patient.deadline, at: Date.now() - 1_000 } };
    const run = new HookRunner(noHooks, 60_000).run('onResponse', late, () => new Promise<never>(() => {}));
    await expect(run).rejects.toMatchObject(failed);
    const answered = new HookRunner(noHooks, 60_000).run('onResponse', late, async () => ({ headers: { a: 'b' } }));
    await expect(answered).resolves.toEqual({ headers: { a: 'b' } });
  });

  it.each([
    [{ 'x-a': 'b\r\nc: d' }],
    [{ 'x-a': 'b\0' }],
    [{ 'x-a': '\u{1f600}' }],
    [{ 'x-a\r\n': 'b' }],
    [{ 'X-A': 'b' }],
    [{ '': 'b' }],
    [{ 'x a': 'b' }],
    [{ 'x-a': 7 }],
    [{ 'x-a': undefined }],
    ['x-a: b'],
    [[['x-a', 'b']]],
  ])('writes no header that is none: %j', (headers) => {
    const runner = new HookRunner(noHooks, 20);
    expect(() => runner.headersOf('onSubgraphRequest', silentLog, headers)).toThrow(expect.objectContaining(failed));
  });
});
