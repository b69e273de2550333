/**
 * What becomes of an answer as it grows old, or as whoever asked for it leaves. Plain data: executions that the test
 * ends when it likes, and a clock that it sets. Observed: answers, reports, and how often something was executed.
 */
import { GraphQLError } from 'graphql';
import { openDeadline } from '../../src/context/deadline';
import { anonymous, type RequestContext } from '../../src/context/request-context';
import type { CacheOutcome } from '../../src/policy/cache-policies';
import { MemoryAnswers } from '../../src/query-plan/answer-store';
import type { Answer } from '../../src/query-plan/engine';
import { RedisAnswers } from '../../src/query-plan/redis-answer-store';
import { ResponseCache } from '../../src/query-plan/response-cache';
import { silentLog } from '../../src/telemetry/log';

const varying = {
  keyOf: () => '',
  hasCredential: () => false,
  vary: 'accept',
  privateVary: 'accept, cookie',
  isHidden: false,
};

function setUp(options: { staleWhileRevalidateMs?: number; staleIfErrorMs?: number; store?: MemoryAnswers } = {}) {
  let time = 1_000_000;
  const outcomes: CacheOutcome[] = [];
  const executions: {
    context: RequestContext;
    answer: (answer: Answer | string) => void;
    fail: (error: Error) => void;
  }[] = [];
  const held = { count: 0 };
  const store = options.store ?? new MemoryAnswers(1_000_000);
  const { store: _store, ...settings } = options;
  const defaults = {
    answers: 'public' as const,
    staleWhileRevalidateMs: 0,
    staleIfErrorMs: 0,
    maxStoredMs: 3_600_000,
    maxAnswerBytes: 1_000,
    timeoutMs: 30_000,
  };
  const cache = new ResponseCache({
    settings: { ...defaults, ...settings },
    openStore: () => store,
    now: () => time,
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  const open = (told: object = {}) => {
    const { deadline, clientLeft, dispose } = openDeadline(
      time + 10_000,
      () => time,
      () => () => {},
    );
    const context: RequestContext = {
      id: 'r',
      identity: anonymous,
      deadline,
      log: silentLog,
      subgraphHeaders: {},
      calls: { count: 0, failed: 0 },
      told,
    };
    return { context, clientLeft, dispose };
  };
  const ask = (context: RequestContext, key = 'a') =>
    cache.answer({
      policy: {
        kind: 'query',
        digest: key,
        maxAgeMs: 10_000,
        isPrivate: false,
        tags: { types: ['Post'], unknown: [], known: [{ path: ['post'], type: 'Post', key: 'id' }] },
        declared: () => [],
      },
      varying,
      scope: 'g1',
      variables: { kind: 'checked', raw: {}, coerced: {}, conditions: '' },
      context,
      execute: (asker) =>
        new Promise<Answer>((resolve, reject) => {
          const answer = (given: Answer | string) =>
            resolve(typeof given === 'string' ? { kind: 'text', body: `{"data":{"post":{"id":"${given}"}}}` } : given);
          executions.push({ context: asker, answer, fail: reject });
        }),
      share: () => Promise.reject(new Error('what is kept is not shared')),
      hold() {
        held.count += 1;
        return () => {
          held.count -= 1;
        };
      },
    });
  /** Asks, and answers what is executed for it with this, if something is. */
  const get = async (value: Answer | string, told: { headers?: unknown; caching?: unknown } = {}) => {
    const { context } = open(told);
    const before = executions.length;
    const asked = ask(context);
    await Promise.resolve();
    if (executions.length > before) executions.at(-1)?.answer(value);
    const answer = await asked;
    const id =
      answer.kind === 'text' ? /"id":"(.*?)"/.exec(answer.body)?.[1] : answer.result.errors?.[0]?.extensions.code;
    return { id, caching: context.told?.caching };
  };
  const pass = (milliseconds: number) => {
    time += milliseconds;
  };
  return { cache, store, executions, outcomes, held, open, ask, get, pass };
}

const turns = async () => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};
const failure = (code: string): Answer => ({
  kind: 'result',
  result: { data: null, errors: [new GraphQLError('no', { extensions: { code } })] },
});

describe('other settings', () => {
  const settings = {
    answers: 'public' as const,
    staleWhileRevalidateMs: 0,
    staleIfErrorMs: 0,
    maxStoredMs: 1_000,
    maxAnswerBytes: 1_000,
    timeoutMs: 1_000,
  };
  const create = (answers: 'none' | 'public') => {
    const invalidated: (readonly string[])[] = [];
    const stores: MemoryAnswers[] = [];
    const cache = new ResponseCache({
      settings: { ...settings, answers },
      openStore() {
        const store = new MemoryAnswers(1_000_000);
        const invalidate = store.invalidate.bind(store);
        store.invalidate = (tags) => {
          invalidated.push(tags);
          return invalidate(tags);
        };
        stores.push(store);
        return store;
      },
      now: () => 0,
    });
    return { cache, invalidated, stores };
  };

  it('begin with nothing of what others kept while this one told nobody of its mutations', () => {
    const { cache, invalidated, stores } = create('none');
    expect(stores).toHaveLength(0);
    cache.reconfigure(settings);
    expect(invalidated).toEqual([['*']]);
    cache.reconfigure({ ...settings, maxStoredMs: 2_000 });
    expect(stores).toHaveLength(1);
  });

  it('end with a store that is told what is old all the same', async () => {
    const { cache, invalidated } = create('public');
    cache.reconfigure({ ...settings, answers: 'none' });
    await cache.invalidate(['Post']);
    expect(invalidated).toEqual([expect.arrayContaining(['Post'])]);
  });

  it('let what is old be remembered for as long as any answer lives', () => {
    const { cache } = create('public');
    cache.reconfigure({ ...settings, maxStoredMs: 5_000 });
    cache.reconfigure({ ...settings, maxStoredMs: 10 });
    expect(cache.maxLifetimeMs).toBe(5_000);
  });
});

describe('an answer that grows old', () => {
  it('is given until its age, which is told, and made anew then', async () => {
    const { get, pass, outcomes } = setUp();
    expect(await get('1')).toMatchObject({ id: '1', caching: { ageMs: 0, maxAgeMs: 10_000 } });
    pass(9_999);
    expect(await get('2')).toMatchObject({ id: '1', caching: { ageMs: 9_999, maxAgeMs: 10_000 } });
    pass(1);
    expect(await get('3')).toMatchObject({ id: '3', caching: { ageMs: 0 } });
    expect(outcomes).toEqual(['miss', 'hit', 'miss']);
  });

  it('is given for a while longer, and asked for once more meanwhile, by a request of its own', async () => {
    const { get, pass, outcomes, executions, open, ask, held } = setUp({ staleWhileRevalidateMs: 5_000 });
    await get('1');
    pass(12_000);
    const { context, clientLeft, dispose } = open();
    expect(await ask(context)).toMatchObject({ body: '{"data":{"post":{"id":"1"}}}' });
    expect(context.told?.caching).toMatchObject({ ageMs: 12_000, staleWhileRevalidateMs: 5_000 });
    await ask(open().context);
    expect([executions.length, held.count]).toEqual([2, 1]);
    // Whoever came first may leave: nobody waits for it.
    clientLeft();
    dispose();
    expect(executions[1]?.context.deadline.ended).toBeUndefined();
    executions[1]?.answer('2');
    await turns();
    expect(held.count).toBe(0);
    expect((await get('3')).id).toBe('2');
    expect(outcomes).toEqual(['miss', 'stale', 'stale', 'hit']);
    pass(16_000);
    expect((await get('4')).id).toBe('4');
  });

  it('stays when what was asked for meanwhile fails, and gives back what it held', async () => {
    const { get, pass, executions, open, ask, held } = setUp({ staleWhileRevalidateMs: 5_000 });
    await get('1');
    pass(11_000);
    for (const code of ['GATEWAY_TIMEOUT', 'thrown']) {
      await ask(open().context);
      if (code === 'thrown') executions.at(-1)?.fail(new Error('a defect'));
      else executions.at(-1)?.answer(failure(code));
      await turns();
      expect(held.count).toBe(0);
    }
    expect(executions).toHaveLength(3);
  });

  it('is not given when it was called old, however patient anybody is', async () => {
    const { get, pass, cache } = setUp({ staleWhileRevalidateMs: 60_000, staleIfErrorMs: 60_000 });
    await get('1');
    pass(12_000);
    await cache.invalidate(['Post:1']);
    expect((await get(failure('GATEWAY_TIMEOUT'))).id).toBe('GATEWAY_TIMEOUT');
  });

  it('is given in place of the failure of a subgraph, and not of what a subgraph refuses', async () => {
    const { get, pass } = setUp({ staleIfErrorMs: 60_000 });
    await get('1');
    pass(11_000);
    expect(await get(failure('SUBREQUEST_HTTP_ERROR'))).toMatchObject({ id: '1', caching: { ageMs: 11_000 } });
    expect(await get(failure('SUBGRAPH_UNAVAILABLE'))).toMatchObject({ id: '1' });
    expect(await get(failure('FORBIDDEN'))).toEqual({ id: 'FORBIDDEN', caching: undefined });
    pass(60_000);
    expect((await get(failure('GATEWAY_TIMEOUT'))).id).toBe('GATEWAY_TIMEOUT');
  });
});

describe('requests for the same at once', () => {
  it('share one execution, and its failure', async () => {
    const { ask, open, executions } = setUp();
    const asked = [ask(open().context), ask(open().context)];
    await turns();
    expect(executions).toHaveLength(1);
    executions[0]?.fail(new Error('a defect'));
    const settled = await Promise.allSettled(asked);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('do without who left: one of those who stayed asks again', async () => {
    const { ask, open, executions } = setUp();
    const first = open();
    const asked = [ask(first.context), ask(open().context), ask(open().context)];
    await turns();
    first.clientLeft();
    executions[0]?.answer(failure('SUBREQUEST_ABORTED'));
    await turns();
    expect(executions).toHaveLength(2);
    executions[1]?.answer('2');
    const answers = await Promise.all(asked.slice(1));
    expect(answers.map((answer) => answer.kind)).toEqual(['text', 'text']);
  });

  it('do not join one that began before something was called old, and what that brings is not kept', async () => {
    const { ask, open, executions, cache, get } = setUp();
    const early = ask(open().context);
    await turns();
    await cache.invalidate(['Post:1']);
    const late = ask(open().context);
    await turns();
    expect(executions).toHaveLength(2);
    executions[1]?.answer('1');
    await late;
    executions[0]?.answer('1');
    await early;
    expect((await get('none')).id).toBe('none');
  });
});

describe('what subgraphs say in headers', () => {
  const saying = (...list: string[]) => ({ headers: { list: () => list, adopt: () => {} } });

  it('shortens an age, forbids to keep, and makes private, and is told again with the answer', async () => {
    const { get, executions, pass } = setUp();
    const said = saying('x-served-by', 'a', 'cache-control', 'public, max-age=3');
    expect((await get('1', said)).caching).toMatchObject({ maxAgeMs: 3_000, headers: ['x-served-by', 'a'] });
    expect((await get('2', saying())).caching).toMatchObject({ maxAgeMs: 3_000, headers: ['x-served-by', 'a'] });
    pass(3_000);
    for (const control of ['no-store', 'no-cache, max-age=5', 'public', 'max-age=0', 'max-age=50, s-maxage=0']) {
      expect([control, (await get('3', saying('cache-control', control))).caching]).toEqual([control, undefined]);
    }
    expect((await get('4', saying('cache-control', 'private, max-age=5'))).caching).toMatchObject({ isPrivate: true });
    expect((await get('5', saying('cache-control', 'max-age=500'))).caching).toMatchObject({ maxAgeMs: 10_000 });
    expect(executions).toHaveLength(8);
  });
});

describe('a mutation', () => {
  const tags = { types: ['Post'], unknown: [], known: [{ path: ['edit'], type: 'Post', key: 'id' }] };
  const answered = (data: object | null, ...codes: string[]): Answer => ({
    kind: 'result',
    result: { data: data as never, errors: codes.map((code) => new GraphQLError('no', { extensions: { code } })) },
  });
  it.each<[string, Answer, boolean]>([
    ['was done', { kind: 'text', body: '{"data":{"edit":{"id":"1"}}}' }, true],
    ['changed another one', { kind: 'text', body: '{"data":{"edit":{"id":"2"}}}' }, false],
    ['was refused by a subgraph', answered({ edit: null }, 'FORBIDDEN'), false],
    ['was refused by a subgraph in other words', answered(null, 'DOWNSTREAM_SERVICE_ERROR'), false],
    ['was refused before', { kind: 'result', result: { errors: [new GraphQLError('no')] } }, false],
    ['got no answer in time', answered({ edit: null }, 'GATEWAY_TIMEOUT'), true],
    ['lost its client meanwhile', answered({ edit: null }, 'SUBREQUEST_ABORTED'), true],
    ['was answered with what the schema does not allow', answered(null, 'INVALID_SUBGRAPH_DATA'), true],
  ])('that %s makes old what it should', async (_what, answer, isOld) => {
    const { get, cache } = setUp();
    await get('1');
    const variables = { kind: 'checked', raw: {}, coerced: {}, conditions: '' } as const;
    await cache.mutated({ kind: 'mutation', tags, configured: () => [] }, variables, answer);
    expect((await get('new')).id).toBe(isOld ? 'new' : '1');
  });
});

describe('answers in Redis', () => {
  it('that nobody can read are none', async () => {
    for (const [meta, body] of [
      ['{', '{}'],
      ['{}', '{}'],
      ['[]', '{}'],
      ['null', '{}'],
      [undefined, undefined],
    ]) {
      const scripts = { script: () => async () => ['1700000000000001', '1700000000000000', meta, body] };
      const store = new RedisAnswers({ scripts, namespace: 'n', maxLifetimeMs: () => 1_000, everything: '*' });
      expect(await store.read('a')).toEqual({ at: 1700000000000001, invalidatedAt: 1700000000000000, kept: undefined });
    }
  });

  it('are not read before Redis knows what is old; of more than it can remember all is', async () => {
    let isUp = false;
    const told: string[] = [];
    const scripts = {
      script: (lua: string) => async (_keys: readonly string[], values: readonly string[]) => {
        if (!isUp) return undefined;
        if (!lua.includes('#ARGV')) return ['2', '1', undefined, undefined];
        told.push(...values.slice(2));
        return 1;
      },
    };
    const store = new RedisAnswers({ scripts, namespace: 'n', maxLifetimeMs: () => 1_000, everything: '*' });
    await store.invalidate(['Post:1']);
    expect(await store.read('a')).toBeUndefined();
    isUp = true;
    expect(await store.read('a')).toBeDefined();
    expect(told).toEqual(['Post:1']);
    isUp = false;
    await store.invalidate(Array.from({ length: 10_001 }, (_, index) => `Post:${index}`));
    isUp = true;
    await store.read('a');
    expect(told).toEqual(['Post:1', '*']);
  });
});

describe('the memory of answers', () => {
  it('is bounded in bytes', async () => {
    const store = new MemoryAnswers(20_000);
    const { ask, open, executions } = setUp({ store });
    for (let index = 0; index < 100; index++) {
      const asked = ask(open().context, `key${index}`);
      await Promise.resolve();
      executions.at(-1)?.answer('x'.repeat(200));
      await asked;
    }
    expect(store.bytes).toBeGreaterThan(10_000);
    expect(store.bytes).toBeLessThanOrEqual(20_000);
  });

  it('forgets tags that were called old long ago, and then gives nothing from before them', () => {
    const store = new MemoryAnswers(1_000_000);
    const kept = { body: '{}', etag: undefined, headers: undefined, isPrivate: false, storedAt: 0, maxAgeMs: 1 };
    const { at } = store.read('a');
    store.write('a', kept, { tags: ['Post:1'], at });
    store.invalidate(['Post:1']);
    for (let index = 0; index < 50_001; index += 1) store.invalidate([`Other:${index}`]);
    expect(store.read('a').kept).toBeUndefined();
    const later = store.read('b');
    store.write('b', kept, { tags: ['Post:2'], at: later.at });
    expect(store.read('b').kept).toBe(kept);
  });
});
