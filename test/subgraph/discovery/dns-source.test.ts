/** DNS answers are given by hand, time is ours. Observed: what is asked when, and which instances are told. */
import {
  type AddressRecord,
  createDnsSource,
  type DnsSettings,
  type Lookup,
  type ServiceRecord,
} from '../../../src/subgraph/discovery/dns-source';
import { handClock, listen, rest } from '../background';

const noSuch = () => Promise.reject(Object.assign(new Error('queryA ENOTFOUND'), { code: 'ENOTFOUND' }));
const url = new URL('https://users.internal:4001/graphql?a=1');

function setUp(more: Partial<DnsSettings> = {}, at: URL = url) {
  const zone: { a: Record<string, AddressRecord[]>; aaaa: Record<string, AddressRecord[]>; srv: ServiceRecord[] } = {
    a: {},
    aaaa: {},
    srv: [],
  };
  const asked: string[] = [];
  const answer = <T>(records: readonly T[] | undefined) => (records?.length ? Promise.resolve(records) : noSuch());
  const lookup: Lookup = {
    resolve4: (name) => {
      asked.push(`A ${name}`);
      return answer(zone.a[name]);
    },
    resolve6: (name) => {
      asked.push(`AAAA ${name}`);
      return answer(zone.aaaa[name]);
    },
    resolveSrv: (name) => {
      asked.push(`SRV ${name}`);
      return answer(zone.srv);
    },
  };
  const clock = handClock();
  const settings: DnsSettings = { kind: 'dns', minTtlMs: 1_000, maxTtlMs: 30_000, ...more };
  const source = createDnsSource(settings, at, { clock, random: () => 0, lookup });
  return { zone, asked, clock, source, ...listen() };
}

const record = (address: string, ttl = 5): AddressRecord => ({ address, ttl });

describe('instances by the addresses of a name', () => {
  it('are where the URL says, until there is an answer', async () => {
    const { zone, source, listener, told } = setUp();
    zone.a['users.internal'] = [record('10.0.0.1'), record('10.0.0.2')];
    const stop = source.open(listener);
    expect(told).toEqual([[{ url: url.href, weight: 1 }]]);
    await rest();
    expect(told[1]).toEqual([
      { url: url.href, weight: 1, address: '10.0.0.1' },
      { url: url.href, weight: 1, address: '10.0.0.2' },
    ]);
    stop();
  });

  it('are asked for again when the first record expires', async () => {
    const { zone, source, listener, told, clock, asked } = setUp();
    zone.a['users.internal'] = [record('10.0.0.1', 20), record('10.0.0.2', 7)];
    const stop = source.open(listener);
    await rest();
    expect(clock.due).toEqual([7_000]);
    zone.a['users.internal'] = [record('10.0.0.3', 60)];
    await clock.pass(7_000);
    expect(told.at(-1)).toEqual([{ url: url.href, weight: 1, address: '10.0.0.3' }]);
    expect(clock.due).toEqual([30_000]);
    expect(asked).toEqual(['A users.internal', 'A users.internal']);
    stop();
  });

  it.each([
    [0, 1_000],
    [86_400, 30_000],
  ])('with a TTL of %d seconds are asked for after %d ms', async (ttl, ms) => {
    const { zone, source, listener, clock } = setUp();
    zone.a['users.internal'] = [record('10.0.0.1', ttl)];
    const stop = source.open(listener);
    await rest();
    expect(clock.due).toEqual([ms]);
    stop();
    expect(clock.due).toEqual([]);
  });

  it('stay when the name cannot be resolved any more, which is tried less and less often', async () => {
    const { zone, source, listener, told, failures, clock } = setUp();
    zone.a['users.internal'] = [record('10.0.0.1')];
    const stop = source.open(listener);
    await rest();
    zone.a['users.internal'] = [];
    await clock.pass(5_000);
    expect(failures).toEqual(['ENOTFOUND']);
    expect(told).toHaveLength(2);
    const waits: number[] = [];
    for (let i = 0; i < 6; i++) {
      waits.push(clock.due[0]!);
      await clock.pass(clock.due[0]!);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
    zone.a['users.internal'] = [record('10.0.0.2')];
    await clock.pass(30_000);
    expect(told.at(-1)).toEqual([{ url: url.href, weight: 1, address: '10.0.0.2' }]);
    expect(clock.due).toEqual([5_000]);
    stop();
  });

  it('are those of IPv6 where there are none of IPv4', async () => {
    const { zone, source, listener, told, asked } = setUp();
    zone.aaaa['users.internal'] = [record('fd00::1')];
    const stop = source.open(listener);
    await rest();
    expect(told.at(-1)).toEqual([{ url: url.href, weight: 1, address: 'fd00::1' }]);
    expect(asked).toEqual(['A users.internal', 'AAAA users.internal']);
    stop();
  });

  it('are not looked up for an address', async () => {
    for (const at of ['http://127.0.0.1:4001/', 'http://[::1]:4001/']) {
      const { source, listener, told, asked, clock } = setUp({}, new URL(at));
      source.open(listener)();
      await rest();
      expect([told, asked, clock.due]).toEqual([[[{ url: at, weight: 1 }]], [], []]);
    }
  });

  it('are not told any more after the end, though an answer comes', async () => {
    const { zone, source, listener, told, clock } = setUp();
    zone.a['users.internal'] = [record('10.0.0.1')];
    source.open(listener)();
    await rest();
    expect([told.length, clock.due]).toEqual([1, []]);
  });
});

describe('instances by SRV records', () => {
  const name = '_graphql._tcp.users.internal';
  const service = (host: string, more: Partial<ServiceRecord> = {}): ServiceRecord => ({
    name: host,
    port: 4001,
    priority: 10,
    weight: 1,
    ...more,
  });

  it('have the port, weight and priority of their record, and the scheme and path of the URL', async () => {
    const { zone, source, listener, told, asked, clock } = setUp({ kind: 'srv', name });
    zone.srv = [service('a.internal', { weight: 3 }), service('b.internal', { port: 4002, priority: 20, weight: 0 })];
    zone.a = { 'a.internal': [record('10.0.0.1', 9), record('10.0.0.2', 9)], 'b.internal': [record('10.0.0.3', 4)] };
    const stop = source.open(listener);
    expect(told).toEqual([]);
    await rest();
    const a = 'https://a.internal:4001/graphql?a=1';
    expect(told).toEqual([
      [
        { url: a, weight: 3, priority: 10, address: '10.0.0.1' },
        { url: a, weight: 3, priority: 10, address: '10.0.0.2' },
        { url: 'https://b.internal:4002/graphql?a=1', weight: 0.1, priority: 20, address: '10.0.0.3' },
      ],
    ]);
    expect(asked[0]).toBe(`SRV ${name}`);
    expect(clock.due).toEqual([4_000]);
    stop();
  });

  it('are none when the record says that there is no such service', async () => {
    const { zone, source, listener, told } = setUp({ kind: 'srv', name });
    zone.srv = [service('', { port: 0, weight: 0 })];
    const stop = source.open(listener);
    await rest();
    expect(told).toEqual([[]]);
    stop();
  });

  it('stay when one of their hosts cannot be resolved', async () => {
    const { zone, source, listener, told, failures, clock } = setUp({ kind: 'srv', name });
    zone.srv = [service('a.internal'), service('b.internal')];
    zone.a = { 'a.internal': [record('10.0.0.1')], 'b.internal': [record('10.0.0.2')] };
    const stop = source.open(listener);
    await rest();
    zone.a['b.internal'] = [];
    await clock.pass(5_000);
    expect([told.length, failures]).toEqual([1, ['ENOTFOUND']]);
    stop();
  });
});
