/**
 * Real: the whole transport, sockets, subgraph servers behind proxies that can fail. DNS answers and the time of what runs
 * in the background are ours. Observed: what calls are answered, what each server was asked, what is logged.
 */
import type { Identity } from '../../src/context/request-context';
import type { SubgraphError } from '../../src/errors';
import type { Lookup } from '../../src/subgraph/discovery/dns-source';
import { Registrations } from '../../src/subgraph/discovery/registrations';
import { createSubgraphTransport, type SubgraphTransport } from '../../src/subgraph/pools';
import { SharedPools } from '../../src/subgraph/shared-pools';
import { defaultTransportOptions, type SubgraphEndpoint } from '../../src/subgraph/transport-options';
import type { Log } from '../../src/telemetry/log';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy';
import { handClock, rest } from './background';
import { failure, testContext, testEventSources } from './harness';

jest.setTimeout(60_000);

let proxies: FaultProxy[];
let transport: SubgraphTransport | undefined;
let clock: ReturnType<typeof handClock>;
let registrations: Registrations;
let held: (() => void)[] | undefined;
const lines: { level: string; fields: object; message: string }[] = [];
const at = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message });
const log = { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') } as unknown as Log;

beforeEach(async () => {
  lines.length = 0;
  held = undefined;
  const upstream = async () => {
    if (held !== undefined) await new Promise<void>((resolve) => held?.push(resolve));
    return '{"data":{"__typename":"Query"}}';
  };
  proxies = await Promise.all([startFaultProxy({ upstream }), startFaultProxy({ upstream })]);
  clock = handClock();
  registrations = new Registrations({ clock });
});
afterEach(async () => {
  held?.forEach((release) => void release());
  await transport?.destroy();
  transport = undefined;
  await Promise.all(proxies.map((proxy) => proxy.close()));
  expect(clock.due).toEqual([]);
});

function open(endpoint: Partial<SubgraphEndpoint>, lookup?: Lookup, chance = 0.5): SubgraphTransport {
  const pools = new SharedPools({ clock, random: () => chance, registrations, lookup });
  transport = createSubgraphTransport(
    [{ name: 'users', url: proxies[0]!.url, ...endpoint }],
    { ...defaultTransportOptions, timeoutMs: 20_000, sharing: false },
    { log, eventSources: testEventSources(), pools, healthHeaders: () => ({ 'x-gateway': 'yes' }) },
  );
  return transport;
}

const call = (identity?: Identity) => {
  const context = { ...testContext(), ...(identity && { identity }) };
  return transport!.call({ subgraph: 'users', body: '{"query":"{ a }"}', kind: 'query', context });
};
const asked = () => proxies.map(({ requests }) => requests.length);
const register = (index: number) =>
  registrations.register('users', { id: `i${index}`, url: proxies[index]!.url, weight: 1 });
const circuits = () =>
  transport!
    .resilience()
    .get('users')!
    .instances.map(({ circuit }) => circuit);
const until = async (isTrue: () => boolean) => {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2));
};
const byRegistration = { discovery: { kind: 'registration', ttlMs: 10_000 } as const };

describe('instances that come and go', () => {
  it('leave calls under way alone, get no further ones, and lose their sockets when those have ended', async () => {
    open(byRegistration);
    register(0);
    held = [];
    const calls = [call(), call(), call()];
    await until(() => asked()[0] === 3);
    register(1);
    registrations.deregister('users', 'i0');
    const further = Array.from({ length: 5 }, () => call());
    await until(() => asked()[1] === 5);
    expect(asked()[0]).toBe(3);
    expect(proxies[0]!.sockets.open).toBe(3);
    for (const release of held.splice(0)) release();
    held = undefined;
    for (const one of [...calls, ...further]) expect((await one).data).toEqual({ __typename: 'Query' });
    expect(await proxies[0]!.settled(0)).toBe(0);
    expect(transport!.resilience().get('users')!.instances).toHaveLength(1);
  });

  it('fail no call, however often they change', async () => {
    open(byRegistration);
    register(0);
    let isOver = false;
    const client = async () => {
      let answered = 0;
      for (; !isOver; answered++) await call();
      return answered;
    };
    const clients = Array.from({ length: 8 }, client);
    for (let i = 0; i < 100; i++) {
      register((i + 1) % 2);
      registrations.deregister('users', `i${i % 2}`);
      await until(() => asked()[(i + 1) % 2]! > 0);
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    isOver = true;
    const answered = (await Promise.all(clients)).reduce((sum, count) => sum + count, 0);
    expect(answered).toBeGreaterThan(100);
    expect(asked().every((count) => count > 0)).toBe(true);
  });

  it('are told in the log, each change once', async () => {
    open(byRegistration);
    register(0);
    register(0);
    registrations.deregister('users', 'i0');
    const { host } = new URL(proxies[0]!.url);
    const changes = lines.filter(({ message }) => message === 'The instances of a subgraph changed.');
    expect(changes.map(({ fields }) => fields)).toEqual([
      { subgraph: 'users', added: [host], removed: [] },
      { subgraph: 'users', added: [], removed: [host] },
    ]);
    expect(transport!.resilience().get('users')!.discovery).toMatchObject({ kind: 'registration', changes: 2 });
  });

  it('fail calls at once while there is none, with a code', async () => {
    open(byRegistration);
    await transport!.discovered();
    const error: SubgraphError = await failure(call());
    expect([error.code, error.detail]).toEqual(['SUBGRAPH_UNAVAILABLE', { reason: 'NO_INSTANCES' }]);
    expect(asked()).toEqual([0, 0]);
  });

  it('without a usable URL are not asked, and told', async () => {
    open({
      instances: [
        { url: 'http://user:secret@127.0.0.1/', weight: 1 },
        { url: proxies[0]!.url, weight: 1 },
      ],
    });
    await call();
    expect(transport!.resilience().get('users')!.instances).toHaveLength(1);
    expect(lines.filter(({ level }) => level === 'warn')).toEqual([
      expect.objectContaining({ fields: { subgraph: 'users' } }),
    ]);
  });

  it('stay when their source fails, which is logged once and seen by operators', async () => {
    const ports = proxies.map(({ url }) => Number(new URL(url).port));
    let isBroken = false;
    const lookup: Lookup = {
      resolve4: async () => {
        if (isBroken) throw Object.assign(new Error('no'), { code: 'ESERVFAIL' });
        return [{ address: '127.0.0.1', ttl: 1 }];
      },
      resolve6: () => Promise.reject(new Error('no')),
      resolveSrv: () => Promise.reject(new Error('no')),
    };
    const discovery = { kind: 'dns', minTtlMs: 1_000, maxTtlMs: 2_000 } as const;
    open({ url: `http://users.internal:${ports[0]}/graphql`, discovery }, lookup);
    await rest();
    expect((await call()).data).toEqual({ __typename: 'Query' });
    expect(proxies[0]!.requests[0]!.headers.host).toBe(`users.internal:${ports[0]}`);
    expect(transport!.resilience().get('users')!.instances[0]!.host).toBe(`127.0.0.1:${ports[0]}`);
    isBroken = true;
    await clock.pass(10_000);
    await call();
    expect(lines.filter(({ level }) => level === 'warn')).toEqual([
      expect.objectContaining({ fields: { subgraph: 'users', discovery: 'dns', reason: 'ESERVFAIL' } }),
    ]);
    expect(transport!.resilience().get('users')!.discovery).toMatchObject({ isStale: true });
    isBroken = false;
    await clock.pass(3_000);
    expect(transport!.resilience().get('users')!.discovery).toMatchObject({ isStale: false });
  });
});

describe('the instances of the own zone', () => {
  it('are asked alone, until they are left out', async () => {
    const instances = proxies.map(({ url }, index) => ({ url, weight: 1, zone: index === 0 ? 'here' : 'there' }));
    const { balancing } = defaultTransportOptions;
    open({ instances, options: { zone: 'here', balancing: { ...balancing, policy: 'roundRobin' } } });
    for (let i = 0; i < 20; i++) await call();
    expect(asked()).toEqual([20, 0]);
    await proxies[0]!.inject('status 503');
    for (let i = 0; i < 20; i++) await call();
    expect(circuits()).toEqual(['open', 'closed']);
    expect(asked()[1]).toBeGreaterThanOrEqual(20);
  });
});

describe('calls of an identity', () => {
  it('go to one instance by the policy hash, those of other identities and of nobody elsewhere, too', async () => {
    const { balancing } = defaultTransportOptions;
    const instances = proxies.map(({ url }) => ({ url, weight: 1 }));
    open({ instances, options: { balancing: { ...balancing, policy: 'hash' } } });
    const homes = new Set<number>();
    for (let user = 0; user < 20; user++) {
      const before = asked();
      const identity = { kind: 'user', issuer: 'https://id', subject: `u${user}` } as unknown as Identity;
      for (let i = 0; i < 5; i++) await call(identity);
      const gained = asked().map((count, index) => count - before[index]!);
      expect([...gained].sort()).toEqual([0, 5]);
      homes.add(gained.indexOf(5));
    }
    expect(homes.size).toBe(2);
    const before = asked();
    for (let i = 0; i < 60; i++) await call();
    for (const [index, count] of asked().entries()) expect(count).toBeGreaterThan(before[index]!);
  });
});

describe('active probes', () => {
  const probe = { intervalMs: 1_000, timeoutMs: 500, failures: 2, successes: 2, path: '/health?deep' };
  const probed = (kind: 'graphql' | 'http') => {
    const instances = proxies.map(({ url }) => ({ url, weight: 1 }));
    open({ instances, options: { probe: { ...probe, kind } } });
  };
  /** So many probes of each instance begin and end. */
  async function rounds(count: number) {
    for (let i = 0; i < count; i++) {
      const before = asked();
      // The first one comes after half of the interval, the others after all of it.
      await clock.pass(clock.due.at(-1)!);
      await until(() => asked().every((seen, index) => seen > before[index]! || proxies[index]!.sockets.open === 0));
      await until(() => clock.due.every((due) => due > probe.timeoutMs));
    }
  }

  it('ask each instance for its type name, with the headers of the gateway, and nobody else', async () => {
    probed('graphql');
    await rounds(1);
    expect(asked()).toEqual([1, 1]);
    expect(proxies[1]!.requests[0]).toMatchObject({
      body: '{"query":"{ __typename }"}',
      headers: { 'x-gateway': 'yes', 'content-type': 'application/json' },
    });
  });

  it('ask for a path', async () => {
    probed('http');
    await rounds(1);
    expect(proxies[1]!.requests[0]).toMatchObject({ path: '/health?deep', body: '', headers: { 'x-gateway': 'yes' } });
  });

  it.each(['graphql', 'http'] as const)(
    'leave out who fails twice, and take it back after two answers: %s',
    async (kind) => {
      probed(kind);
      await rounds(1);
      await proxies[0]!.inject('status 503');
      await rounds(1);
      expect(circuits()).toEqual(['closed', 'closed']);
      await rounds(1);
      expect(circuits()).toEqual(['open', 'closed']);
      expect(lines.at(-1)).toMatchObject({
        level: 'warn',
        message: 'An instance is left out.',
        fields: { ejections: 1, instances: 2, available: 1 },
      });
      await proxies[0]!.inject('none');
      await rounds(1);
      expect(circuits()).toEqual(['open', 'closed']);
      await rounds(1);
      expect(circuits()).toEqual(['closed', 'closed']);
      expect(lines.at(-1)).toMatchObject({ level: 'info', message: 'An instance is back.' });
    },
  );

  it.each([
    [0, 0, 750],
    [0.5, 500, 1_000],
    [1, 1_000, 1_250],
  ])('are spread by chance: %d', async (chance, firstMs, nextMs) => {
    open({ options: { probe: { ...probe, kind: 'graphql' } } }, undefined, chance);
    expect(clock.due).toEqual([firstMs]);
    await clock.pass(firstMs);
    await until(() => asked()[0] === 1 && clock.due[0] !== probe.timeoutMs);
    expect(clock.due).toEqual([nextMs]);
  });

  it('leave out who does not answer in time', async () => {
    probed('http');
    await rounds(1);
    held = [];
    for (let i = 0; i < 2; i++) {
      const before = asked();
      await clock.pass(1_000);
      await until(() => asked().every((seen, index) => seen > before[index]!));
      await clock.pass(500);
    }
    expect(circuits()).toEqual(['open', 'open']);
    const error: SubgraphError = await failure(call());
    expect([error.code, error.detail]).toEqual(['SUBGRAPH_UNAVAILABLE', { reason: 'ALL_INSTANCES_FAILED' }]);
  });
});
