import type { LiveSubscription, RequestScope } from '../../src/client/door';
import { RightsWatch } from '../../src/client/rights-watch';
import { ClientError } from '../../src/errors';
import { silentLog } from '../../src/telemetry/log';

/**
 * How long subscriptions may go on. Real: the watch. Fake: the clock, the subscriptions, what credentials give.
 * Observed: how subscriptions end, who asks for them, and which contexts are left open.
 */
class FakeClock {
  nowMs = 0;
  private readonly timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  readonly now = () => this.nowMs;
  readonly schedule = (callback: () => void, delayMs: number) => {
    const timer = { at: this.nowMs + delayMs, callback };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  };

  get running(): number {
    return this.timers.size;
  }

  async advanceTo(ms: number): Promise<void> {
    this.nowMs = ms;
    for (const timer of [...this.timers]) {
      if (timer.at > ms || !this.timers.delete(timer)) continue;
      timer.callback();
    }
    await settled();
  }
}

/** Whatever promises and turns of the event loop are pending. */
const settled = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
};

interface Scope extends RequestScope {
  readonly expiresAt: number;
  isDisposed: boolean;
}

function scopeOf(id: string, expiresAt = Number.POSITIVE_INFINITY): Scope {
  const scope: Scope = {
    id,
    expiresAt,
    isDisposed: false,
    log: silentLog,
    calls: { count: 0, failed: 0 },
    clientLeft: () => {},
    dispose: () => {
      scope.isDisposed = true;
    },
  };
  return scope;
}

function startWatch(renew: (scope: RequestScope) => Promise<RequestScope | undefined> = async () => undefined) {
  const clock = new FakeClock();
  const rights = { expiryOf: (scope: RequestScope) => (scope as Scope).expiresAt, renew, callerOf: () => undefined };
  const { now, schedule } = clock;
  const watch = new RightsWatch({ rights, recheckMs: 1_000, now, schedule });
  const begin = (scope: RequestScope) => {
    const seen = { codes: [] as string[], askers: [] as string[] };
    const live: LiveSubscription = {
      kind: 'live',
      stop: () => {},
      fail: (error) => void seen.codes.push(error.code),
      reauthorise: async ({ id }) => void seen.askers.push(id),
    };
    return { ...seen, watched: watch.watch(live, scope) };
  };
  return { clock, watch, begin };
}

const refused = new ClientError('UNAUTHENTICATED', 'The credentials were refused.');
const unavailable = new ClientError('AUTHENTICATION_UNAVAILABLE', 'Not now.');

describe('a subscription', () => {
  it('ends at the moment at which its token expires, and is not looked at before that timer has told it', async () => {
    const renew = jest.fn(async () => undefined);
    const { clock, begin } = startWatch(renew);
    const { codes } = begin(scopeOf('a', 999));
    await clock.advanceTo(998);
    expect(codes).toEqual([]);
    await clock.advanceTo(1_000);
    expect(codes).toEqual(['SUBSCRIPTION_JWT_EXPIRED']);
    expect(renew).not.toHaveBeenCalled();
  });

  it('goes on when its token was refreshed, until the new one expires', async () => {
    const { clock, begin } = startWatch();
    const { codes, askers, watched } = begin(scopeOf('a', 500));
    const next = scopeOf('b', 1_500);
    await watched.become(next);
    expect([askers, next.isDisposed]).toEqual([['b'], true]);
    await clock.advanceTo(1_000);
    expect(codes).toEqual([]);
    await clock.advanceTo(1_500);
    expect(codes).toEqual(['SUBSCRIPTION_JWT_EXPIRED']);
  });

  it('ends within one look after its credential was revoked, and no other ends', async () => {
    const { clock, begin } = startWatch(async ({ id }) => {
      if (id === 'revoked') throw refused;
      return undefined;
    });
    const [one, other] = [begin(scopeOf('revoked')), begin(scopeOf('good'))];
    await clock.advanceTo(1_000);
    expect([one.codes, other.codes, other.askers]).toEqual([['UNAUTHENTICATED'], [], []]);
  });

  it('is asked for again as who asks now when the credential gives something else', async () => {
    const next = scopeOf('fewer rights');
    const renew = jest.fn(async ({ id }: RequestScope) => (id === 'a' ? next : undefined));
    const { clock, begin } = startWatch(renew);
    const { codes, askers } = begin(scopeOf('a'));
    await clock.advanceTo(1_000);
    expect([codes, askers, next.isDisposed]).toEqual([[], ['fewer rights'], true]);
    await clock.advanceTo(2_000);
    expect(askers).toHaveLength(1);
    expect(renew).toHaveBeenLastCalledWith(next);
  });

  it('goes on while nobody can tell whether its credential is good', async () => {
    const answers = [unavailable, refused];
    const { clock, begin } = startWatch(async () => {
      throw answers.shift();
    });
    const { codes } = begin(scopeOf('a'));
    await clock.advanceTo(1_000);
    expect(codes).toEqual([]);
    await clock.advanceTo(2_000);
    expect(codes).toEqual(['UNAUTHENTICATED']);
  });

  it.each([
    ['refuses the old credential', () => Promise.reject(refused)],
    ['says what the old credential gives', () => Promise.resolve(scopeOf('stale'))],
  ])('that was refreshed meanwhile does not hear a look that %s', async (_name, answer) => {
    let reply = () => {};
    const asked = new Promise<void>((resolve) => {
      reply = resolve;
    });
    const { clock, begin } = startWatch(() => asked.then(answer));
    const { codes, askers, watched } = begin(scopeOf('a'));
    await clock.advanceTo(1_000);
    await watched.become(scopeOf('b'));
    reply();
    await settled();
    expect([codes, askers]).toEqual([[], ['b']]);
  });

  it('that is over is looked at no more, and leaves no timer', async () => {
    const renew = jest.fn(async () => undefined);
    const { clock, watch, begin } = startWatch(renew);
    const { codes, askers, watched } = begin(scopeOf('a', 1_500));
    watched.stop();
    watched.stop();
    await watched.become(scopeOf('b', 1_200));
    await clock.advanceTo(2_000);
    expect([codes, askers, renew.mock.calls]).toEqual([[], [], []]);
    watch.close();
    expect(clock.running).toBe(0);
  });

  it('is looked at with hundreds of others, each once', async () => {
    const renew = jest.fn(async () => undefined);
    const { watch, begin } = startWatch(renew);
    for (let number = 0; number < 450; number++) begin(scopeOf(String(number)));
    await watch.recheck();
    expect(renew).toHaveBeenCalledTimes(450);
  });
});
