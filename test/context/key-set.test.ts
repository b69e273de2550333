/**
 * Real: keys, signatures, the verifier over one issuer with a JWKS by URL.
 * Fake: the clock, the server of the key set. Observed: verdicts, and how often the set was fetched.
 */
import type { TokenVerifier } from '../../src/context/tokens';
import {
  type Clock,
  claimsOf,
  createClock,
  createFakeJwks,
  createRecordingLog,
  createTestVerifier,
  deferred,
  ec,
  type FakeJwks,
  forge,
  jwkOf,
} from './forge';

const first = ec();
const second = ec();
const third = ec();
const issuer = 'https://issuer.test';
const minute = 60_000;

const published = (key: ReturnType<typeof ec>, kid: string, more = {}) => jwkOf(key.publicKey, { kid, ...more });
const tokenOf = (key: ReturnType<typeof ec>, kid?: string, claims = {}) =>
  forge({ alg: 'ES256', kid }, claimsOf({ exp: 4_000_000_000, ...claims }), 'ES256', key.privateKey);
const body = (...keys: unknown[]) => JSON.stringify({ keys });

let clock: Clock;
let jwks: FakeJwks;
let log: ReturnType<typeof createRecordingLog>;
let verifier: TokenVerifier;
beforeEach(() => {
  clock = createClock();
  jwks = createFakeJwks([published(first, 'k1')]);
  log = createRecordingLog();
  verifier = createTestVerifier(
    [
      {
        issuer,
        audiences: ['supergate'],
        algorithms: ['ES256', 'RS256', 'PS256'],
        keys: { kind: 'jwksUrl', url: 'https://issuer.test/jwks.json', refreshMs: 10 * minute },
      },
    ],
    { clock, jwks, log },
  );
});

const accepted = async (token: string): Promise<boolean> => (await verifier.verify(token)).accepted;
const flood = (count: number, round = 0) =>
  Promise.all(Array.from({ length: count }, (_, i) => verifier.verify(tokenOf(first, `unknown-${round}-${i}`))));

describe('loading a key set', () => {
  it('waits for the first token, not for start-up', async () => {
    expect(jwks.fetches).toBe(0);
    expect(await accepted(tokenOf(first, 'k1'))).toBe(true);
    expect(jwks.fetches).toBe(1);
  });

  it('can be done before the first token', async () => {
    await verifier.warm();
    expect(jwks.fetches).toBe(1);
    expect(verifier.verify(tokenOf(first, 'k1'))).toMatchObject({ accepted: true });
  });

  it('is not an error at start when the issuer is down', async () => {
    jwks.answer = () => Promise.reject(new Error('connect ECONNREFUSED'));
    await expect(verifier.warm()).resolves.toBeUndefined();
    expect(log.lines).toEqual([
      expect.objectContaining({ level: 'warn', fields: expect.objectContaining({ issuer }) }),
    ]);
  });

  it('is one fetch for a hundred tokens at once', async () => {
    const answer = deferred<string>();
    jwks.answer = () => answer.promise;
    const verdicts = Promise.all(Array.from({ length: 100 }, () => verifier.verify(tokenOf(first, 'k1'))));
    answer.resolve(body(published(first, 'k1')));
    expect((await verdicts).every((verdict) => verdict.accepted)).toBe(true);
    expect(jwks.fetches).toBe(1);
  });

  it('is not caused by a token that is refused anyhow', async () => {
    await verifier.verify(tokenOf(first, 'k1', { exp: 1 }));
    await verifier.verify(tokenOf(first, 'k1', { aud: 'elsewhere' }));
    await verifier.verify(tokenOf(first, 'k1', { iss: 'https://attacker.test' }));
    await verifier.verify(forge({ alg: 'ES384', kid: 'k1' }, claimsOf(), 'ES256', first.privateKey));
    expect(jwks.fetches).toBe(0);
  });

  it('refuses a token that expired while its keys were fetched', async () => {
    const answer = deferred<string>();
    jwks.answer = () => answer.promise;
    const verdict = verifier.verify(tokenOf(first, 'k1', { exp: clock.ms / 1000 + 1 }));
    clock.ms += 10_000;
    answer.resolve(body(published(first, 'k1')));
    expect(await verdict).toEqual({ accepted: false, cause: 'expired' });
  });

  it('is tried again after 1, 2, 4, 8, 16 and 30 s while nothing was ever loaded', async () => {
    jwks.answer = () => Promise.reject(new Error('down'));
    const moments: number[] = [];
    for (let second = 0; second <= 95; second += 1) {
      const before = jwks.fetches;
      await flood(3, second);
      if (jwks.fetches > before) moments.push(second);
      clock.ms += 1000;
    }
    expect(moments).toEqual([0, 1, 3, 7, 15, 31, 61, 91]);
  });

  it('recovers when the issuer does', async () => {
    jwks.answer = () => Promise.reject(new Error('down'));
    expect(await accepted(tokenOf(first, 'k1'))).toBe(false);
    jwks.answer = () => body(published(first, 'k1'));
    clock.ms += 1000;
    expect(await accepted(tokenOf(first, 'k1'))).toBe(true);
  });
});

describe('an unknown kid', () => {
  it('causes one fetch in 30 s, however many come', async () => {
    await verifier.warm();
    for (let second = 0; second < 30; second += 1) {
      await flood(20, second);
      clock.ms += 1000;
    }
    expect(jwks.fetches).toBe(2);
    await flood(20, 30);
    expect(jwks.fetches).toBe(3);
  });

  it('causes one fetch when it is the very first token, and then none for 30 s', async () => {
    await flood(50);
    expect(jwks.fetches).toBe(1);
    clock.ms += 29_999;
    await flood(50, 1);
    expect(jwks.fetches).toBe(1);
    clock.ms += 1;
    await flood(50, 2);
    expect(jwks.fetches).toBe(2);
  });

  it('causes one fetch in 30 s when fetching fails, too', async () => {
    await verifier.warm();
    jwks.answer = () => Promise.reject(new Error('down'));
    for (let second = 0; second < 60; second += 1) {
      await flood(5, second);
      clock.ms += 1000;
    }
    expect(jwks.fetches).toBe(3);
  });

  it('is found at once after a rotation, with one fetch for a hundred requests', async () => {
    await verifier.warm();
    jwks.answer = () => body(published(first, 'k1'), published(second, 'k2'));
    const verdicts = await Promise.all(Array.from({ length: 100 }, () => verifier.verify(tokenOf(second, 'k2'))));
    expect(verdicts.every((verdict) => verdict.accepted)).toBe(true);
    expect(jwks.fetches).toBe(2);
  });

  it('does not make the requests with a known kid wait', async () => {
    await verifier.warm();
    const answer = deferred<string>();
    jwks.answer = () => answer.promise;
    const unknown = verifier.verify(tokenOf(first, 'k9'));
    expect(verifier.verify(tokenOf(first, 'k1'))).toMatchObject({ accepted: true });
    answer.resolve(body());
    expect(await unknown).toEqual({ accepted: false, cause: 'unknown key' });
  });

  it('is refused at once within the 30 s', async () => {
    await flood(1);
    expect(verifier.verify(tokenOf(first, 'k9'))).toEqual({ accepted: false, cause: 'unknown key' });
  });

  it.each<[string, () => string | Promise<string>]>([
    ['a set', () => body(published(first, 'k1'))],
    ['nothing', () => Promise.reject(new Error('down'))],
  ])('is not held off for ever by a clock that was set back, after %s was loaded', async (_name, answer) => {
    jwks.answer = answer;
    await flood(1);
    clock.ms -= 24 * 60 * minute;
    jwks.answer = () => body(published(second, 'k2'));
    expect(await accepted(tokenOf(second, 'k2', { iat: undefined }))).toBe(true);
  });
});

describe('the last good set', () => {
  it.each<[string, () => string | Promise<string>]>([
    ['fails', () => Promise.reject(new Error('status 500'))],
    [
      'throws at once',
      () => {
        throw new Error('bad');
      },
    ],
    ['is empty', () => ''],
    ['is HTML', () => '<!doctype html><title>Sign in</title>'],
    ['is cut', () => body(published(second, 'k2')).slice(0, -5)],
    ['is null', () => 'null'],
    ['is a list', () => JSON.stringify([published(second, 'k2')])],
    ['has no keys', () => '{}'],
    ['has keys that are no list', () => JSON.stringify({ keys: { k2: published(second, 'k2') } })],
    ['is an OAuth error', () => '{"error":"server_error"}'],
    ['has 101 keys', () => body(...Array.from({ length: 101 }, (_, i) => published(second, `k${i}`)))],
  ])('is kept when the next one %s', async (_name, answer) => {
    await verifier.warm();
    jwks.answer = answer;
    clock.ms += 11 * minute;
    for (let minutes = 0; minutes < 60; minutes += 1) {
      expect(await accepted(tokenOf(first, 'k1'))).toBe(true);
      expect(await accepted(tokenOf(second, 'k2'))).toBe(false);
      clock.ms += minute;
    }
    expect(log.lines.some(({ level }) => level === 'warn')).toBe(true);
    jwks.answer = () => body(published(second, 'k2'));
    await verifier.verify(tokenOf(second, 'k2'));
    expect(await accepted(tokenOf(first, 'k1'))).toBe(false);
  });

  it('is replaced by an empty one, which withdraws every key', async () => {
    await verifier.warm();
    jwks.answer = () => body();
    clock.ms += 21 * minute;
    expect(await accepted(tokenOf(first, 'k1'))).toBe(false);
  });

  it('is not replaced by half of a set: bad entries are left out, good ones count', async () => {
    jwks.answer = () =>
      body(null, 7, 'key', [], {}, { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }, published(first, 'k1'));
    expect(await accepted(tokenOf(first, 'k1'))).toBe(true);
  });
});

describe('a refresh', () => {
  it('happens behind the request when the set is older than its time', async () => {
    await verifier.warm();
    const answer = deferred<string>();
    jwks.answer = () => answer.promise;
    clock.ms += 10 * minute;
    expect(verifier.verify(tokenOf(first, 'k1'))).toMatchObject({ accepted: true });
    expect(jwks.fetches).toBe(2);
    answer.resolve(body(published(first, 'k1')));
  });

  it('does not happen before', async () => {
    await verifier.warm();
    clock.ms += 10 * minute - 1;
    verifier.verify(tokenOf(first, 'k1'));
    expect(jwks.fetches).toBe(1);
  });

  it('is waited for when nobody has asked for twice its time', async () => {
    await verifier.warm();
    jwks.answer = () => body(published(second, 'k2'));
    clock.ms += 20 * minute;
    expect(await verifier.verify(tokenOf(first, 'k1'))).toEqual({ accepted: false, cause: 'unknown key' });
  });

  it('that hangs is not joined by another one', async () => {
    await verifier.warm();
    const answer = deferred<string>();
    jwks.answer = () => answer.promise;
    for (let round = 0; round < 3; round += 1) {
      clock.ms += 10 * minute;
      expect(verifier.verify(tokenOf(first, 'k1'))).toMatchObject({ accepted: true });
      void verifier.verify(tokenOf(second, 'k2'));
    }
    expect(jwks.fetches).toBe(2);
    answer.resolve(body());
  });

  it('that fails is tried again after 30 s, without a request waiting', async () => {
    await verifier.warm();
    jwks.answer = () => Promise.reject(new Error('down'));
    clock.ms += 10 * minute;
    for (let second = 0; second < 90; second += 1) {
      expect(verifier.verify(tokenOf(first, 'k1'))).toMatchObject({ accepted: true });
      await Promise.resolve();
      await Promise.resolve();
      clock.ms += 1000;
    }
    expect(jwks.fetches).toBe(4);
  });
});

describe('a remembered token', () => {
  const token = () => tokenOf(first, 'k1', { exp: clock.ms / 1000 + 60 });

  it('is answered with the same identity, without a second verification', async () => {
    const text = token();
    expect(await verifier.verify(text)).toBe(verifier.verify(text));
  });

  it('does not outlive its expiry, not even within the tolerance', async () => {
    const text = token();
    const before = await verifier.verify(text);
    clock.ms += 60_000;
    const within = await verifier.verify(text);
    expect(within).toMatchObject({ accepted: true });
    expect(within).not.toBe(before);
    clock.ms += 5_000;
    expect(await verifier.verify(text)).toEqual({ accepted: false, cause: 'expired' });
  });

  it('does not survive its key', async () => {
    const text = tokenOf(first, 'k1');
    expect(await accepted(text)).toBe(true);
    jwks.answer = () => body(published(second, 'k2'));
    expect(await accepted(tokenOf(second, 'k2'))).toBe(true);
    expect(await accepted(text)).toBe(false);
  });

  it('does not survive another key under the same kid', async () => {
    const text = tokenOf(first, 'k1');
    expect(await accepted(text)).toBe(true);
    jwks.answer = () => body(published(third, 'k1'), published(second, 'k2'));
    await verifier.verify(tokenOf(second, 'k2'));
    expect(await verifier.verify(text)).toEqual({ accepted: false, cause: 'signature' });
  });

  it('is not accepted from memory when the set is overdue and its key is gone', async () => {
    const text = tokenOf(first, 'k1');
    expect(await accepted(text)).toBe(true);
    jwks.answer = () => body(published(second, 'k2'));
    clock.ms += 20 * minute;
    expect(await accepted(text)).toBe(false);
  });

  it('stays when the set is read again and is the same in another order', async () => {
    jwks.answer = () => body(published(first, 'k1'), published(second, 'k2'));
    const text = tokenOf(first, 'k1');
    const before = await verifier.verify(text);
    jwks.answer = () => body(published(second, 'k2'), published(first, 'k1'));
    clock.ms += 10 * minute;
    verifier.verify(text);
    await new Promise(setImmediate);
    expect(jwks.fetches).toBe(2);
    expect(verifier.verify(text)).toBe(before);
  });

  it('is never one that was refused', async () => {
    const bad = tokenOf(second, 'k1');
    expect(await accepted(bad)).toBe(false);
    jwks.answer = () => body(published(second, 'k1'));
    clock.ms += 20 * minute;
    expect(await accepted(bad)).toBe(true);
  });

  it('leaves when more recent ones fill the memory', async () => {
    const small = createTestVerifier(
      [{ issuer, audiences: ['supergate'], keys: { kind: 'jwksUrl', url: 'https://issuer.test/jwks' } }],
      { clock, jwks, maxCachedTokens: 2 },
    );
    const [a, b, c] = ['a', 'b', 'c'].map((sub) => tokenOf(first, 'k1', { sub })) as [string, string, string];
    const verdictOfA = await small.verify(a);
    const verdictOfB = await small.verify(b);
    await small.verify(a);
    await small.verify(c);
    expect(await small.verify(a)).toBe(verdictOfA);
    expect(await small.verify(b)).not.toBe(verdictOfB);
  });
});
