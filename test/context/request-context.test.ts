/**
 * Real: the context with everything in it, the identity token, and once the subgraphs' own helper that reads it.
 * Fake: the clock, the timer, the log. Observed: what later steps and subgraphs read.
 */
import { createSecretKey } from 'node:crypto';
import jsonwebtoken from 'jsonwebtoken';
import { createAuthenticator } from '../../src/context/authenticate';
import { createRequestContexts } from '../../src/context/create-request-context';
import { createCredentialReader } from '../../src/context/credentials';
import { limitTime, openDeadline, startNodeTimer } from '../../src/context/deadline';
import type { RequestContext } from '../../src/context/request-context';
import { anonymous, type Identity, type RequestEnd } from '../../src/context/request-context';
import { createSubgraphIdentity } from '../../src/context/subgraph-identity';
import { identityKey, verifyIdentity } from '../../subgraphs/shared/identity';
import {
  type Clock,
  claimsOf,
  createClock,
  createRecordingLog,
  createTestVerifier,
  ec,
  forge,
  nowMs,
  nowS,
} from './forge';

const key = ec();
const pem = key.publicKey.export({ format: 'pem', type: 'spki' }).toString();
const token = forge({ alg: 'ES256' }, claimsOf(), 'ES256', key.privateKey);
const secret = 'the secret that gateway and subgraphs share';

let clock: Clock;
beforeEach(() => {
  clock = createClock();
});

const user = (changes: Partial<Extract<Identity, { kind: 'authenticated' }>> = {}): Identity => ({
  kind: 'authenticated',
  credential: { kind: 'token' },
  tier: undefined,
  subject: 'user-1',
  issuer: 'https://issuer.test',
  roles: ['USER'],
  scopes: ['read'],
  expiresAt: nowMs + 600_000,
  claims: { sub: 'user-1', tier: 'gold', email: 'user@example.test' },
  ...changes,
});

const read = (identityToken: string, atMs = clock.ms): Record<string, unknown> =>
  jsonwebtoken.verify(identityToken, createSecretKey(Buffer.from(secret)), {
    algorithms: ['HS256'],
    issuer: 'supergate',
    audience: 'subgraphs',
    clockTimestamp: atMs / 1000,
  }) as Record<string, unknown>;

describe('the identity that subgraphs read', () => {
  const signer = (more = {}) => createSubgraphIdentity({ secret, now: clock.now, ...more });

  it('has subject, issuer of the subject, roles, scopes and sixty seconds', () => {
    expect(read(signer().tokenFor(user()))).toEqual({
      iss: 'supergate',
      aud: 'subgraphs',
      iat: nowS,
      exp: nowS + 60,
      sub: 'user-1',
      sub_iss: 'https://issuer.test',
      roles: ['USER'],
      scopes: ['read'],
    });
  });

  it("is what the subgraphs' own helper accepts", () => {
    const { tokenFor } = createSubgraphIdentity({ secret, now: Date.now, claims: ['tier'] });
    const caller = { kind: 'user', id: 'user-1', roles: ['USER'], scopes: ['read'] };
    expect(verifyIdentity(tokenFor(user()), identityKey(secret))).toMatchObject(caller);
    expect(verifyIdentity(tokenFor(anonymous), identityKey(secret))).toEqual({ kind: 'anonymous' });
  });

  it('names the API key that proved it, for a subgraph that allows keys less than people', () => {
    const keyed = user({ credential: { kind: 'apiKey', id: 'k2xabcdefghi' } });
    expect(read(signer().tokenFor(keyed))).toMatchObject({ sub: 'user-1', api_key: 'k2xabcdefghi' });
    expect(signer().tokenFor(keyed)).not.toBe(signer().tokenFor(user()));
  });

  it('has a service token for what the gateway asks for itself, which is nobody and no client', () => {
    const { ownToken, tokenFor } = signer();
    const claims = {
      iss: 'supergate',
      aud: 'subgraphs',
      iat: nowS,
      exp: nowS + 60,
      svc: 'gateway',
      roles: [],
      scopes: [],
    };
    expect(read(ownToken())).toEqual(claims);
    expect(ownToken()).toBe(ownToken());
    expect(tokenFor(anonymous)).not.toBe(ownToken());
    const posing = signer({ claims: ['svc'] }).tokenFor(user({ claims: { svc: 'gateway' } }));
    expect(read(posing)).not.toHaveProperty('svc');
    clock.ms += 30_000;
    expect(read(ownToken())).toMatchObject({ exp: nowS + 90 });
  });

  it('has no subject when nobody signed in', () => {
    const claims = { iss: 'supergate', aud: 'subgraphs', iat: nowS, exp: nowS + 60, roles: [], scopes: [] };
    expect(read(signer().tokenFor(anonymous))).toEqual(claims);
  });

  it('has the claims that are on the list, below a name of their own', () => {
    const claims = { tier: 'gold', sub: 'root', email: 'user@example.test' };
    const identityToken = signer({ claims: ['tier', 'sub', 'absent', 'toString', '__proto__'] }).tokenFor(
      user({ claims }),
    );
    expect(read(identityToken)).toMatchObject({ sub: 'user-1', claims: { tier: 'gold', sub: 'root' } });
    expect(Object.keys(read(identityToken).claims as object)).toEqual(['tier', 'sub']);
  });

  it('is the identical string for equal identities for half a lifetime', () => {
    const { tokenFor } = signer();
    const one = tokenFor(user());
    clock.ms += 29_999;
    expect(tokenFor(user({ expiresAt: nowMs + 1_000_000 }))).toBe(one);
    clock.ms += 1;
    const next = tokenFor(user());
    expect(next).not.toBe(one);
    expect(read(next)).toMatchObject({ exp: nowS + 90 });
  });

  it('is another one as soon as anything that subgraphs read differs', () => {
    const { tokenFor } = signer({ claims: ['tier'] });
    const identities = [
      anonymous,
      user(),
      user({ subject: 'user-2' }),
      user({ issuer: 'https://other.test' }),
      user({ roles: ['ADMIN'] }),
      user({ roles: ['USER', 'read'], scopes: [] }),
      user({ scopes: [] }),
      user({ claims: { tier: 'silver' } }),
    ];
    expect(new Set(identities.map((identity) => tokenFor(identity))).size).toBe(identities.length);
  });

  it('is valid whenever it is sent', () => {
    const { tokenFor } = signer();
    for (let second = 0; second < 200; second += 1) {
      expect(read(tokenFor(user()))).toMatchObject({ sub: 'user-1' });
      clock.ms += 1000;
    }
  });

  it('is forgotten when more recent identities fill the memory, and is then made anew', () => {
    const { tokenFor } = signer({ maxCachedIdentities: 2 });
    const one = tokenFor(user());
    clock.ms += 5000;
    tokenFor(user({ subject: 'b' }));
    tokenFor(user({ subject: 'c' }));
    expect(tokenFor(user())).not.toBe(one);
  });

  it.each([
    ['a short secret', { secret: 'short' }, /shorter than 32 bytes/],
    ['a lifetime over a minute', { lifetimeMs: 60_001 }, /between 2000 and 60000/],
    ['a lifetime of nothing', { lifetimeMs: 0 }, /between/],
  ])('is not signed with %s', (_name, options, message) => {
    expect(() => signer(options)).toThrow(message);
  });
});

/** A timer that is fired by hand. */
function createFakeTimer() {
  const timer = {
    running: 0,
    delays: [] as number[],
    fire: () => {},
    start: (delayMs: number, fire: () => void) => {
      timer.running += 1;
      timer.delays.push(delayMs);
      timer.fire = fire;
      return () => {
        timer.running -= 1;
      };
    },
  };
  return timer;
}

describe('a deadline', () => {
  const open = (inMs: number) => {
    const timer = createFakeTimer();
    return { timer, ...openDeadline(clock.ms + inMs, clock.now, timer.start) };
  };
  /** Names what it is told, and then does what it is given. */
  const listener = (told: string[], name: string, then = () => {}) => ({
    onRequestEnd(reason: RequestEnd) {
      told.push(`${name}: ${reason}`);
      then();
    },
  });

  it('tells its listeners when the moment comes', () => {
    const { timer, deadline } = open(5000);
    const told: string[] = [];
    deadline.add(listener(told, 'a'));
    expect(timer.delays).toEqual([5000]);
    expect(deadline.ended).toBeUndefined();
    timer.fire();
    expect(deadline.ended).toBe('deadline');
    expect(told).toEqual(['a: deadline']);
    expect(timer.running).toBe(0);
  });

  it('tells its listeners when the client leaves, and stops its timer', () => {
    const { timer, deadline, clientLeft } = open(5000);
    const told: string[] = [];
    deadline.add(listener(told, 'a'));
    clientLeft();
    expect(deadline.ended).toBe('client left');
    expect(told).toEqual(['a: client left']);
    expect(timer.running).toBe(0);
  });

  it('tells nobody once it is disposed', () => {
    const { timer, deadline, clientLeft, dispose } = open(5000);
    const told: string[] = [];
    deadline.add(listener(told, 'a'));
    dispose();
    clientLeft();
    timer.fire();
    expect(deadline.ended).toBeUndefined();
    expect(told).toEqual([]);
    expect(timer.running).toBe(0);
  });

  it('keeps its first reason, and tells it once', () => {
    const { timer, deadline, clientLeft } = open(5000);
    const told: string[] = [];
    deadline.add(listener(told, 'a'));
    timer.fire();
    clientLeft();
    timer.fire();
    expect(told).toEqual(['a: deadline']);
  });

  it('does not tell those who have gone, in whatever order they went', () => {
    const { deadline, clientLeft } = open(5000);
    const told: string[] = [];
    const listeners = ['a', 'b', 'c', 'd', 'e'].map((name) => listener(told, name));
    for (const one of listeners) deadline.add(one);
    for (const index of [1, 4, 0]) deadline.remove(listeners[index]!);
    deadline.remove(listeners[1]!);
    clientLeft();
    expect(told.sort()).toEqual(['c: client left', 'd: client left']);
  });

  it('tells all, though each of them takes itself and others away', () => {
    const { deadline, clientLeft } = open(5000);
    const told: string[] = [];
    const listeners = ['a', 'b', 'c'].map((name) =>
      listener(told, name, () => {
        for (const one of listeners) deadline.remove(one);
      }),
    );
    for (const one of listeners) deadline.add(one);
    clientLeft();
    expect(told).toEqual(['a: client left', 'b: client left', 'c: client left']);
  });

  it('that has passed already is due at once', () => {
    expect(open(-5000).timer.delays).toEqual([0]);
  });

  it("runs on node's timers, which dispose clears", () => {
    jest.useFakeTimers();
    try {
      const { deadline, dispose } = openDeadline(Date.now() + 1000, Date.now, startNodeTimer);
      expect(jest.getTimerCount()).toBe(1);
      dispose();
      expect(jest.getTimerCount()).toBe(0);
      const other = openDeadline(Date.now() + 1000, Date.now, startNodeTimer);
      jest.advanceTimersByTime(1000);
      expect(other.deadline.ended).toBe('deadline');
      expect(deadline.ended).toBeUndefined();
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('the time that an operation has', () => {
  const timed = (clientTimeoutMs?: number) => {
    const timer = createFakeTimer();
    const { deadline, dispose } = openDeadline(clock.ms + 30_000, clock.now, timer.start);
    const context = { deadline, arrivedAt: clock.ms, clientTimeoutMs } as unknown as RequestContext;
    return { timer, deadline, dispose, context };
  };
  const rules = [
    { names: ['Report'], timeoutMs: 60_000 },
    { types: ['mutation'], timeoutMs: 5_000 },
  ];
  const query = (operationName?: string) => ({ operation: 'query', operationName });

  it('is that of the first rule that fits its name and type', () => {
    for (const [operation, leftMs] of [
      [query('Report'), 60_000],
      [{ operation: 'mutation', operationName: 'Report' }, 60_000],
      [{ operation: 'mutation', operationName: undefined }, 5_000],
      [query('Other'), 30_000],
      [query(), 30_000],
    ] as const) {
      const { deadline, context } = timed();
      limitTime(rules, context, operation);
      expect(deadline.at - clock.ms).toBe(leftMs);
    }
  });

  it('is no longer than its client waits', () => {
    const { deadline, context } = timed(2_000);
    limitTime(rules, context, query('Report'));
    expect(deadline.at - clock.ms).toBe(2_000);
  });

  it('ends at the new moment alone, and not at all once it is over', () => {
    const { timer, deadline, dispose, context } = timed();
    limitTime(rules, context, query('Report'));
    expect(timer.running).toBe(1);
    timer.fire();
    expect(deadline.ended).toBe('deadline');
    dispose();
    const other = timed();
    other.dispose();
    limitTime(rules, other.context, query('Report'));
    expect(other.timer.running).toBe(0);
  });
});

describe('a request context', () => {
  function createTestContexts(more = {}) {
    const timer = createFakeTimer();
    const log = createRecordingLog();
    const tokens = createTestVerifier(
      [{ issuer: 'https://issuer.test', audiences: ['supergate'], algorithms: ['ES256'], keys: { kind: 'pem', pem } }],
      { clock },
    );
    const contexts = createRequestContexts({
      authenticator: createAuthenticator({ tokens, required: false, now: clock.now }),
      credentials: createCredentialReader({ header: true, connectionInit: true, extensions: true }),
      subgraphIdentity: createSubgraphIdentity({ secret, now: clock.now }),
      log,
      now: clock.now,
      timeoutMs: 30_000,
      startTimer: timer.start,
      ...more,
    });
    return { contexts, timer, log };
  }
  const signedIn = { id: 'r1', rawHeaders: ['Authorization', `Bearer ${token}`] };

  it('has the time that the client waits, up to a maximum, and refuses what is no number', async () => {
    const { contexts } = createTestContexts({ clientTimeout: { header: 'x-timeout-ms', maxMs: 60_000 } });
    const timeOf = async (...rawHeaders: string[]) => {
      const context = await contexts.openHttp({ id: 'r1', rawHeaders });
      return [context.deadline.at - clock.now(), context.clientTimeoutMs];
    };
    expect(await timeOf()).toEqual([30_000, undefined]);
    expect(await timeOf('X-Timeout-Ms', '1500')).toEqual([1_500, 1_500]);
    expect(await timeOf('x-timeout-ms', '999999')).toEqual([60_000, 60_000]);
    for (const value of ['0', '-1', '1.5', 'soon', '', '1e3', '99999999999'])
      await expect(timeOf('x-timeout-ms', value)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await expect(timeOf('x-timeout-ms', '1', 'x-timeout-ms', '2')).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  it('holds id, identity, deadline and the headers for subgraphs', async () => {
    const { contexts } = createTestContexts();
    const context = await contexts.openHttp(signedIn);
    expect(context).toMatchObject({
      id: 'r1',
      identity: { kind: 'authenticated', subject: 'user-1' },
      deadline: { at: nowMs + 30_000 },
      calls: { count: 0, failed: 0 },
    });
    expect(Object.keys(context.subgraphHeaders).sort()).toEqual(['supergate-identity', 'x-request-id']);
    expect(context.subgraphHeaders['x-request-id']).toBe('r1');
    expect(read(context.subgraphHeaders['supergate-identity']!)).toMatchObject({ sub: 'user-1' });
  });

  it("never hands on the client's token or headers", async () => {
    const { contexts } = createTestContexts();
    const rawHeaders = [...signedIn.rawHeaders, 'Supergate-Identity', 'forged', 'X-User-Id', 'root'];
    const context = await contexts.openHttp({ id: 'r1', rawHeaders });
    expect(JSON.stringify(context.subgraphHeaders)).not.toContain(token);
    expect(JSON.stringify(context.subgraphHeaders)).not.toMatch(/forged|root/);
  });

  it('carries the identical identity header for two requests of one identity', async () => {
    const { contexts } = createTestContexts();
    const one = await contexts.openHttp(signedIn);
    clock.ms += 10_000;
    const two = await contexts.openHttp({ ...signedIn, id: 'r2' });
    expect(two.subgraphHeaders['supergate-identity']).toBe(one.subgraphHeaders['supergate-identity']);
  });

  it('tells subgraphs nothing of the identity where that is not configured', async () => {
    const { contexts } = createTestContexts({ subgraphIdentity: undefined });
    const context = await contexts.openHttp(signedIn);
    expect(context.subgraphHeaders).toEqual({ 'x-request-id': 'r1' });
  });

  it('knows the identity that the extensions of the request bring', async () => {
    const { contexts } = createTestContexts();
    const extensions = { authorization: `Bearer ${token}` };
    const context = await contexts.openHttp({ id: 'r1', rawHeaders: [], extensions });
    expect(context.identity).toMatchObject({ subject: 'user-1' });
    await expect(contexts.openHttp({ ...signedIn, extensions })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('is not made, and starts no timer, when the credentials are refused', async () => {
    const { contexts, timer, log } = createTestContexts();
    const rawHeaders = ['Authorization', 'Bearer nonsense'];
    await expect(contexts.openHttp({ id: 'r1', rawHeaders, ip: '::1' })).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    expect(timer.delays).toEqual([]);
    expect(log.lines).toEqual([
      {
        level: 'info',
        fields: { requestId: 'r1', cause: 'malformed', credential: 'bearer', ip: '::1' },
        message: 'A credential was refused',
      },
    ]);
  });

  it('counts the time of authentication', async () => {
    const slow = {
      authenticate: async () => {
        clock.ms += 2000;
        return anonymous;
      },
      renew: async (identity: Identity) => identity,
    };
    const { contexts, timer } = createTestContexts({ authenticator: slow });
    const context = await contexts.openHttp(signedIn);
    expect(context.deadline.at).toBe(nowMs + 30_000);
    expect(timer.delays).toEqual([28_000]);
  });

  it('writes its id in every line of its log', () => {
    const { contexts, log } = createTestContexts();
    const context = contexts.open({ id: 'r7', identity: anonymous });
    context.log.error({ a: 1 }, 'one');
    context.log.warn({}, 'two');
    context.log.info({}, 'three');
    context.log.debug({}, 'four');
    expect(log.lines.map(({ level, fields }) => [level, fields.requestId])).toEqual([
      ['error', 'r7'],
      ['warn', 'r7'],
      ['info', 'r7'],
      ['debug', 'r7'],
    ]);
  });

  it('leaves nothing behind once it is disposed', async () => {
    const { contexts, timer } = createTestContexts();
    const context = await contexts.openHttp(signedIn);
    expect(timer.running).toBe(1);
    context.dispose();
    expect(timer.running).toBe(0);
    context.clientLeft();
    expect(context.deadline.ended).toBeUndefined();
  });

  it('ends when the client leaves', async () => {
    const { contexts } = createTestContexts();
    const context = await contexts.openHttp(signedIn);
    context.clientLeft();
    expect(context.deadline.ended).toBe('client left');
  });
});
