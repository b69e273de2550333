/**
 * Real: keys, hashes, the memory of records, the gathering of lookups. Fake: the store, the clock, the timer, the log.
 * Observed: verdicts, what the store is asked and when, and what it is told of uses.
 */
import { type ApiKeyRecord, createApiKey, hashOfApiKey, idOfApiKey, type NewApiKey } from '../../src/context/api-key';
import type { ApiKeySource } from '../../src/context/api-key-lookups';
import { type ApiKeyOptions, createApiKeyVerifier } from '../../src/context/api-keys';
import { type Clock, createClock, createRecordingLog, deferred, nowMs } from './forge';

const cacheMs = 10_000;
const maxStaleMs = 60_000;

let clock: Clock;
let log: ReturnType<typeof createRecordingLog>;
let store: ReturnType<typeof createFakeStore>;
beforeEach(() => {
  clock = createClock();
  log = createRecordingLog();
  store = createFakeStore();
});

function createFakeStore() {
  const records = new Map<string, ApiKeyRecord>();
  const questions: (readonly string[])[] = [];
  const told: (readonly [string, number])[][] = [];
  /** Replaced by a test in which the store is slow or down. */
  const behaviour = { answer: async () => {}, tell: async () => {} };
  const source: ApiKeySource = {
    async find(ids) {
      questions.push(ids);
      await behaviour.answer();
      return new Map([...records].filter(([id]) => ids.includes(id)));
    },
    async recordUses(uses) {
      told.push([...uses]);
      await behaviour.tell();
    },
  };
  return Object.assign(behaviour, { records, questions, told, source });
}

function setup(more: Partial<ApiKeyOptions> = {}) {
  const timer = { running: 0, fire: () => {} };
  const verifier = createApiKeyVerifier({
    sources: [store.source],
    issuer: 'https://users.test',
    cacheMs,
    maxStaleMs,
    now: clock.now,
    log,
    startTimer: (_delayMs, fire) => {
      timer.running += 1;
      timer.fire = fire;
      return () => {
        timer.running -= 1;
      };
    },
    ...more,
  });
  return { verifier, timer, verify: async (key: string) => verifier.verify(key) };
}

function recordOf({ id, sha256 }: NewApiKey, changes: Partial<ApiKeyRecord> = {}): ApiKeyRecord {
  const hashes = [{ sha256, until: undefined }];
  return {
    id,
    subject: 'grace',
    roles: ['USER'],
    scopes: ['read'],
    tier: 'gold',
    expiresAt: undefined,
    hashes,
    ...changes,
  };
}

function stored(changes: Partial<ApiKeyRecord> = {}): NewApiKey {
  const created = createApiKey();
  store.records.set(created.id, recordOf(created, changes));
  return created;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const unknown = { accepted: false, cause: 'unknown key' };

describe('the form of a key', () => {
  it('has a public id and 256 random bits', () => {
    const [one, two] = [createApiKey(), createApiKey()];
    expect(one.key).toMatch(/^sgk_[a-z2-7]{12}_[A-Za-z0-9_-]{43}$/);
    expect(idOfApiKey(one.key)).toBe(one.id);
    expect(one.sha256).toEqual(hashOfApiKey(one.key));
    expect([two.id, two.key]).not.toEqual([one.id, one.key]);
  });

  it('keeps its id in a rotation, with another secret', () => {
    const one = createApiKey();
    const two = createApiKey(one.id);
    expect(two.id).toBe(one.id);
    expect(two.key).not.toBe(one.key);
  });

  const good = createApiKey().key;
  it.each([
    ['', ''],
    ['another prefix', good.replace('sgk', 'sgx')],
    ['a short secret', good.slice(0, -1)],
    ['a long secret', `${good}A`],
    ['an id in capitals', good.replace(/_[a-z2-7]{12}_/, '_ABCDEFGHIJKL_')],
    ['a line break', `${good}\n`],
    ['a space before', ` ${good}`],
    ['padding', `${good}=`],
    ['a megabyte', 'a'.repeat(1_000_000)],
  ])('is not this: %s; the store is not asked', async (_name, key) => {
    expect(await setup().verify(key)).toEqual({ accepted: false, cause: 'malformed' });
    expect(store.questions).toEqual([]);
  });
});

describe('a key', () => {
  it('becomes an identity with all that its record says, which nobody can change', async () => {
    const { id, key } = stored({ expiresAt: nowMs + 5_000 });
    const verdict = await setup().verify(key);
    if (!verdict.accepted) throw new Error(verdict.cause);
    expect(verdict.identity).toEqual({
      kind: 'authenticated',
      credential: { kind: 'apiKey', id },
      subject: 'grace',
      issuer: 'https://users.test',
      roles: ['USER'],
      scopes: ['read'],
      tier: 'gold',
      expiresAt: nowMs + 5_000,
      claims: {},
    });
    expect(() => Object.assign(verdict.identity, { subject: 'root' })).toThrow(TypeError);
    expect(() => Object.assign(verdict.identity, { tier: 'x' })).toThrow(TypeError);
  });

  it('is refused when it is unknown, when its secret is another one, and when it has expired', async () => {
    const { verify } = setup();
    const { id, key } = stored({ expiresAt: nowMs + 5_000 });
    expect(await verify(createApiKey().key)).toEqual(unknown);
    expect(await verify(createApiKey(id).key)).toEqual({ accepted: false, cause: 'wrong secret' });
    expect(await verify(key)).toMatchObject({ accepted: true });
    clock.ms += 5_000;
    expect(await verify(key)).toEqual({ accepted: false, cause: 'expired' });
  });

  it('is refused with any letter of its secret changed', async () => {
    const { verify } = setup();
    const { key } = stored();
    for (let index = key.length - 43; index < key.length; index += 1) {
      const other = key[index] === 'A' ? 'B' : 'A';
      const changed = key.slice(0, index) + other + key.slice(index + 1);
      expect(await verify(changed)).toEqual({ accepted: false, cause: 'wrong secret' });
    }
  });

  it('counts with both secrets while a rotation overlaps, then with the new one', async () => {
    const { verify } = setup();
    const old = createApiKey();
    const next = createApiKey(old.id);
    const hashes = [
      { sha256: next.sha256, until: undefined },
      { sha256: old.sha256, until: nowMs + 4_000 },
    ];
    store.records.set(old.id, recordOf(old, { hashes }));
    expect(await verify(next.key)).toMatchObject({ accepted: true });
    expect(await verify(old.key)).toMatchObject({ accepted: true, identity: { expiresAt: nowMs + 4_000 } });
    clock.ms += 4_000;
    expect(await verify(next.key)).toMatchObject({ accepted: true });
    expect(await verify(old.key)).toEqual({ accepted: false, cause: 'expired' });
    expect(store.questions).toHaveLength(1);
  });
});

describe('the memory of records', () => {
  it('answers at once, without the store, for as long as a record is fresh', async () => {
    const { verifier, verify } = setup();
    const { key } = stored();
    const first = await verify(key);
    clock.ms += cacheMs / 2 - 1;
    expect(verifier.verify(key)).toBe(first);
    expect(store.questions).toHaveLength(1);
  });

  it('reads a record in use again behind the requests, and keeps the identity while it says the same', async () => {
    const { verifier, verify } = setup();
    const { id, key } = stored();
    const first = await verify(key);
    clock.ms += cacheMs / 2;
    expect(verifier.verify(key)).toBe(first);
    await turn();
    expect(store.questions).toEqual([[id], [id]]);
    clock.ms += cacheMs - 1;
    expect(verifier.verify(key)).toBe(first);
  });

  it('refuses a revoked key when the record is read again, after its time at the latest', async () => {
    const { verify } = setup();
    const { id, key } = stored();
    await verify(key);
    store.records.delete(id);
    clock.ms += cacheMs - 1;
    expect(await verify(key)).toMatchObject({ accepted: true });
    await turn();
    expect(await verify(key)).toEqual(unknown);
  });

  it('never answers from a record that is older than its time', async () => {
    const { verify } = setup();
    const { id, key } = stored();
    await verify(key);
    store.records.delete(id);
    clock.ms += cacheMs;
    expect(await verify(key)).toEqual(unknown);
  });

  it('takes over what a record says anew', async () => {
    const { verify } = setup();
    const created = stored();
    await verify(created.key);
    store.records.set(created.id, recordOf(created, { tier: 'silver', roles: [] }));
    clock.ms += cacheMs;
    expect(await verify(created.key)).toMatchObject({ identity: { tier: 'silver', roles: [] } });
  });

  it('remembers for the same time that there is no such key', async () => {
    const { verify } = setup();
    const created = createApiKey();
    for (let index = 0; index < 5; index += 1) expect(await verify(created.key)).toEqual(unknown);
    expect(store.questions).toHaveLength(1);
    store.records.set(created.id, recordOf(created));
    clock.ms += cacheMs;
    expect(await verify(created.key)).toMatchObject({ accepted: true });
  });

  it('knows the new secret of a rotation at once', async () => {
    const { verify } = setup();
    const old = stored();
    await verify(old.key);
    const next = createApiKey(old.id);
    store.records.set(old.id, recordOf(next));
    expect(await verify(next.key)).toMatchObject({ accepted: true });
    expect(await verify(old.key)).toEqual({ accepted: false, cause: 'wrong secret' });
  });

  it('looks for a new secret once a second, however many are guessed, and believes what it has if the store is down', async () => {
    const { verify } = setup();
    const { id, key } = stored();
    await verify(key);
    for (let index = 0; index < 100; index += 1) await verify(createApiKey(id).key);
    expect(store.questions).toHaveLength(2);
    clock.ms += 1_000;
    store.answer = async () => {
      throw new Error('down');
    };
    expect(await verify(createApiKey(id).key)).toEqual({ accepted: false, cause: 'wrong secret' });
    expect(store.questions).toHaveLength(3);
    expect(await verify(key)).toMatchObject({ accepted: true });
  });

  it('is not emptied of keys by guesses', async () => {
    const { verifier, verify } = setup({ maxCachedKeys: 5 });
    const { key } = stored();
    const verdict = await verify(key);
    for (let index = 0; index < 50; index += 1) await verify(createApiKey().key);
    expect(verifier.verify(key)).toBe(verdict);
  });

  it('looks again when the clock is set back', async () => {
    const { verify } = setup();
    const { id, key } = stored();
    await verify(key);
    store.records.delete(id);
    clock.ms -= 3_600_000;
    expect(await verify(key)).toEqual(unknown);
  });
});

describe('a lookup', () => {
  it('is one for a hundred requests with one key, and one question for what comes together', async () => {
    const { verify } = setup();
    const [one, two] = [stored(), stored()];
    const keys = Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? one.key : two.key));
    const verdicts = await Promise.all(keys.map(verify));
    expect(verdicts.every(({ accepted }) => accepted)).toBe(true);
    expect(store.questions).toEqual([[one.id, two.id]]);
  });

  it('is one at a time, of at most a hundred keys, however many are guessed', async () => {
    const { verify } = setup();
    let gate = deferred<void>();
    store.answer = () => gate.promise;
    const first = verify(createApiKey().key);
    await turn();
    const others = Array.from({ length: 250 }, () => verify(createApiKey().key));
    await turn();
    expect(store.questions.map(({ length }) => length)).toEqual([1]);
    for (const sizes of [
      [1, 100],
      [1, 100, 100],
      [1, 100, 100, 50],
    ]) {
      const open = gate;
      gate = deferred();
      open.resolve();
      await turn();
      expect(store.questions.map(({ length }) => length)).toEqual(sizes);
    }
    gate.resolve();
    expect(await first).toEqual(unknown);
    expect(new Set((await Promise.all(others)).map((verdict) => JSON.stringify(verdict)))).toEqual(
      new Set([JSON.stringify(unknown)]),
    );
  });

  it('is refused beyond a thousand that wait, and the store hears of none of them', async () => {
    const { verify } = setup();
    const gate = deferred<void>();
    store.answer = () => gate.promise;
    const first = verify(createApiKey().key);
    await turn();
    const waiting = Array.from({ length: 1_000 }, () => verify(createApiKey().key));
    expect(await verify(createApiKey().key)).toEqual({ accepted: false, cause: 'unavailable' });
    gate.resolve();
    await Promise.all([first, ...waiting]);
    expect(store.questions.flat()).toHaveLength(1_001);
  });
});

describe('two stores', () => {
  it('are asked in their order, and each is told of the uses of its own keys', async () => {
    const second = createFakeStore();
    const { verifier, verify } = setup({ sources: [store.source, second.source] });
    const one = stored();
    const two = createApiKey();
    second.records.set(two.id, recordOf(two));
    expect(await verify(one.key)).toMatchObject({ accepted: true });
    expect(await verify(two.key)).toMatchObject({ accepted: true });
    expect(await verify(createApiKey().key)).toEqual(unknown);
    expect(second.questions.flat()).not.toContain(one.id);
    await verifier.close();
    expect([store.told, second.told]).toEqual([[[[one.id, nowMs]]], [[[two.id, nowMs]]]]);
  });

  it('do not need each other: the keys of the first count while the second is down', async () => {
    const second = createFakeStore();
    second.answer = async () => {
      throw new Error('down');
    };
    const { verify } = setup({ sources: [store.source, second.source] });
    const { key } = stored();
    const verdicts = await Promise.all([verify(key), verify(createApiKey().key)]);
    expect(verdicts).toMatchObject([{ accepted: true }, { cause: 'unavailable' }]);
  });
});

describe('a store that does not answer', () => {
  const unavailable = { accepted: false, cause: 'unavailable' };
  const fail = async () => {
    throw new Error('connect ECONNREFUSED');
  };

  it('makes an unknown key neither good nor bad, and the log says why', async () => {
    const { verify } = setup();
    const { key } = stored();
    store.answer = fail;
    expect(await verify(key)).toEqual(unavailable);
    expect(log.lines).toEqual([
      {
        level: 'warn',
        fields: { reason: 'connect ECONNREFUSED', keys: 1 },
        message: 'API keys could not be looked up',
      },
    ]);
    expect(JSON.stringify(log.lines)).not.toContain(key);
  });

  it('is left alone for a second, and the key counts as soon as it answers', async () => {
    const { verify } = setup();
    const { key } = stored();
    store.answer = fail;
    for (let index = 0; index < 100; index += 1) expect(await verify(key)).toEqual(unavailable);
    expect(store.questions).toHaveLength(1);
    clock.ms += 1_000;
    store.answer = async () => {};
    expect(await verify(key)).toMatchObject({ accepted: true });
  });

  it('leaves known keys in force for the time that is configured, and no longer', async () => {
    const { verify } = setup();
    const { key } = stored();
    await verify(key);
    store.answer = fail;
    clock.ms += cacheMs + maxStaleMs - 1;
    expect(await verify(key)).toMatchObject({ accepted: true });
    clock.ms += 1;
    expect(await verify(key)).toEqual(unavailable);
  });

  it('cannot bring back an expired key', async () => {
    const { verify } = setup();
    const { key } = stored({ expiresAt: nowMs + cacheMs + 1 });
    await verify(key);
    store.answer = fail;
    clock.ms += cacheMs + 1;
    expect(await verify(key)).toEqual({ accepted: false, cause: 'expired' });
  });

  it('does not become a rejection that nobody handles when a record is read again behind a request', async () => {
    const { verify } = setup();
    const { key } = stored();
    await verify(key);
    store.answer = fail;
    clock.ms += cacheMs / 2;
    expect(await verify(key)).toMatchObject({ accepted: true });
    await turn();
    expect(log.lines).toHaveLength(1);
  });
});

describe('the last use of a key', () => {
  it('is told to the store twice a minute, once for each key that was accepted', async () => {
    const { verify, timer } = setup();
    const [one, two] = [stored(), stored()];
    await verify(one.key);
    clock.ms += 1_000;
    await verify(one.key);
    await verify(two.key);
    await verify(createApiKey(two.id).key);
    await verify(createApiKey().key);
    timer.fire();
    await turn();
    expect(store.told).toEqual([
      [
        [one.id, nowMs + 1_000],
        [two.id, nowMs + 1_000],
      ],
    ]);
    timer.fire();
    await turn();
    expect(store.told).toHaveLength(1);
  });

  it('is told again when the store could not take it, and a later use wins', async () => {
    const { verify, timer } = setup();
    const [one, two] = [stored(), stored()];
    await verify(one.key);
    await verify(two.key);
    const gate = deferred<void>();
    store.tell = () => gate.promise;
    timer.fire();
    clock.ms += 2_000;
    await verify(one.key);
    gate.reject(new Error('read-only'));
    await turn();
    store.tell = async () => {};
    timer.fire();
    await turn();
    expect(new Map(store.told[1])).toEqual(
      new Map([
        [one.id, nowMs + 2_000],
        [two.id, nowMs],
      ]),
    );
    expect(log.lines).toMatchObject([{ level: 'warn', fields: { reason: 'read-only' } }]);
  });

  it('is told at the end, and no timer is left', async () => {
    const { verifier, verify, timer } = setup();
    const { id, key } = stored();
    await verify(key);
    await verifier.close();
    expect(store.told).toEqual([[[id, nowMs]]]);
    expect(timer.running).toBe(0);
  });

  it('takes no more memory than the keys that are remembered', async () => {
    const { verifier, verify } = setup({ maxCachedKeys: 3 });
    for (let index = 0; index < 10; index += 1) await verify(stored().key);
    await verifier.close();
    expect(store.told[0]).toHaveLength(3);
  });
});
