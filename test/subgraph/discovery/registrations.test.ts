/** Time is ours; the store that gateways share is an object that may be down. Observed: what followers are told. */
import {
  type RegistrationStore,
  Registrations,
  type StoredRegistration,
} from '../../../src/subgraph/discovery/registrations';
import { handClock, rest } from '../background';

const ttlMs = 10_000;
const at = (id: string) => ({ id, url: `http://${id}/graphql`, weight: 1 });

function sharedStore(now: () => number) {
  const entries = new Map<string, StoredRegistration & { until: number }>();
  const state = { isUp: true };
  const store: RegistrationStore = {
    put: async (subgraph, entry, lifetimeMs) => {
      if (state.isUp) entries.set(`${subgraph} ${entry.registration.id}`, { ...entry, until: now() + lifetimeMs });
    },
    list: async () => {
      if (!state.isUp) return undefined;
      return [...entries.values()].flatMap((entry) =>
        entry.until > now() ? [{ ...entry, leftMs: entry.until - now() }] : [],
      );
    },
  };
  return { store, state, entries };
}

function setUp(gateways = 1, withStore = false) {
  const clock = handClock();
  const shared = sharedStore(clock.elapsed);
  const all = Array.from({ length: gateways }, () => {
    const registrations = new Registrations({ clock, ...(withStore && { store: shared.store }) });
    const told: string[][] = [];
    const stop = registrations.follow('users', ttlMs, (addresses) =>
      told.push(addresses.map(({ url }) => new URL(url).host)),
    );
    return { registrations, told, stop, now: () => told.at(-1) };
  });
  return { clock, shared, all, first: all[0]!, second: all[1]! };
}

describe('instances that register themselves', () => {
  it('are told at once, and only when there is a change', async () => {
    const { first } = setUp();
    const { registrations, told, stop } = first;
    expect(told).toEqual([[]]);
    expect(registrations.register('users', at('a'))).toEqual({ kind: 'registered', isNew: true, ttlMs });
    expect(registrations.register('users', at('a'))).toEqual({ kind: 'registered', isNew: false, ttlMs });
    expect(told).toEqual([[], ['a']]);
    registrations.register('users', { ...at('a'), url: 'http://moved/' });
    expect(told.at(-1)).toEqual(['moved']);
    stop();
  });

  it('are gone when they do not register again in time', async () => {
    const { clock, first } = setUp();
    const { registrations, now, stop } = first;
    registrations.register('users', at('a'));
    registrations.register('users', at('b'));
    for (let i = 0; i < 5; i++) {
      await clock.pass(4_000);
      registrations.register('users', at('a'));
    }
    expect(now()).toEqual(['a']);
    expect(registrations.list().get('users')).toEqual([{ ...at('a'), expiresInMs: ttlMs }]);
    await clock.pass(ttlMs + 1_000);
    expect(now()).toEqual([]);
    stop();
  });

  it('can be taken back, once', async () => {
    const { first } = setUp();
    const { registrations, now, stop } = first;
    registrations.register('users', at('a'));
    expect(registrations.deregister('users', 'a')).toBe(true);
    expect(now()).toEqual([]);
    expect(registrations.deregister('users', 'a')).toBe(false);
    expect(registrations.deregister('orders', 'a')).toBe(false);
    stop();
  });

  it('are refused for a subgraph whose instances are not found so, and beyond a thousand', () => {
    const { registrations, stop } = setUp().first;
    expect(registrations.register('orders', at('a'))).toEqual({ kind: 'unknown' });
    for (let i = 0; i < 1_000; i++) registrations.register('users', at(`a${i}`));
    expect(registrations.register('users', at('b'))).toEqual({ kind: 'full', maximum: 1_000 });
    expect(registrations.register('users', at('a5'))).toMatchObject({ isNew: false });
    stop();
  });

  it('are remembered for the next generation, and nothing runs while nobody follows', async () => {
    const { clock, first } = setUp();
    const { registrations, stop } = first;
    registrations.register('users', at('a'));
    stop();
    expect(clock.due).toEqual([]);
    expect(registrations.register('users', at('b'))).toEqual({ kind: 'unknown' });
    const told: unknown[] = [];
    const stopAgain = registrations.follow('users', 2 * ttlMs, (addresses) => told.push(addresses.length));
    expect(told).toEqual([1]);
    expect(registrations.register('users', at('a'))).toMatchObject({ ttlMs: 2 * ttlMs });
    await clock.pass(ttlMs + 1_000);
    expect(told).toEqual([1]);
    await clock.pass(ttlMs + 1_000);
    expect(told).toEqual([1, 0]);
    stopAgain();
    expect(clock.due).toEqual([]);
  });
});

describe('gateways that share a store', () => {
  it('learn within a second what one of them is told, and when it is taken back', async () => {
    const { clock, first, second } = setUp(2, true);
    await rest();
    expect([first.told, second.told]).toEqual([[[]], [[]]]);
    first.registrations.register('users', at('a'));
    second.registrations.register('users', at('b'));
    await clock.pass(1_000);
    expect([first.now(), second.now()]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    expect(second.registrations.deregister('users', 'a')).toBe(true);
    await clock.pass(1_000);
    expect([first.now(), second.now()]).toEqual([['b'], ['b']]);
    first.registrations.register('users', at('a'));
    await clock.pass(1_000);
    expect(second.now()).toEqual(['a', 'b']);
    first.stop();
    second.stop();
  });

  it('take a heartbeat to any of them for one to all', async () => {
    const { clock, first, second } = setUp(2, true);
    first.registrations.register('users', at('a'));
    for (let i = 0; i < 6; i++) {
      await clock.pass(4_000);
      (i % 2 === 0 ? second : first).registrations.register('users', at('a'));
    }
    expect([first.now(), second.now()]).toEqual([['a'], ['a']]);
    await clock.pass(ttlMs + 2_000);
    expect([first.now(), second.now()]).toEqual([[], []]);
    first.stop();
    second.stop();
  });

  it('lose no instance while the store is down, whomever it tells that it is there', async () => {
    const { clock, shared, first, second } = setUp(2, true);
    first.registrations.register('users', at('a'));
    await clock.pass(1_000);
    shared.state.isUp = false;
    await clock.pass(60_000);
    expect([first.now(), second.now()]).toEqual([['a'], ['a']]);
    shared.state.isUp = true;
    await clock.pass(5_000);
    expect([first.now(), second.now()]).toEqual([[], []]);
    first.stop();
    second.stop();
  });

  it('lose no instance when the store forgets all, as long as it goes on to register', async () => {
    const { clock, shared, first, second } = setUp(2, true);
    first.registrations.register('users', at('a'));
    await clock.pass(1_000);
    shared.entries.clear();
    for (let i = 0; i < 5; i++) {
      await clock.pass(4_000);
      first.registrations.register('users', at('a'));
    }
    expect(first.told.slice(-1)).toEqual([['a']]);
    expect(second.told).toEqual([[], ['a']]);
    first.stop();
    second.stop();
  });

  it('tell nothing before the store was asked: it may know of many', async () => {
    const { shared, first } = setUp(1, true);
    expect(first.told).toEqual([]);
    await rest();
    expect(first.told).toEqual([[]]);
    expect(shared.entries.size).toBe(0);
    first.stop();
  });
});
