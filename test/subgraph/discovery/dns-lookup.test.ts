/**
 * Real: node's resolver, UDP, a name server of our own that answers from a table. Observed: which instances are told.
 * The time of what runs in the background is ours.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createDnsSource, type DnsSettings } from '../../../src/subgraph/discovery/dns-source';
import { handClock, listen } from '../background';

const types: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA', 33: 'SRV' };

const encodeName = (name: string) =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ]);

const address = (text: string, ttl: number) => ({ ttl, data: Buffer.from(text.split('.').map(Number)) });
function service(priority: number, weight: number, port: number, host: string, ttl: number) {
  const numbers = Buffer.alloc(6);
  for (const [index, value] of [priority, weight, port].entries()) numbers.writeUInt16BE(value, 2 * index);
  return { ttl, data: Buffer.concat([numbers, encodeName(host)]) };
}

/** RFC 1035, section 4: one question, its answers; a name without any does not exist. */
function answer(query: Buffer, table: Readonly<Record<string, readonly { ttl: number; data: Buffer }[]>>): Buffer {
  let end = 12;
  const labels: string[] = [];
  for (; query[end] !== 0; end += 1 + query[end]!)
    labels.push(query.toString('latin1', end + 1, end + 1 + query[end]!));
  const type = query.readUInt16BE(end + 1);
  const records = table[`${types[type]} ${labels.join('.')}`] ?? [];
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(records.length > 0 ? 0x8180 : 0x8183, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  const answers = records.map(({ ttl, data }) => {
    const fixed = Buffer.alloc(12);
    fixed.writeUInt16BE(0xc00c, 0);
    fixed.writeUInt16BE(type, 2);
    fixed.writeUInt16BE(1, 4);
    fixed.writeUInt32BE(ttl, 6);
    fixed.writeUInt16BE(data.length, 10);
    return Buffer.concat([fixed, data]);
  });
  return Buffer.concat([head, query.subarray(12, end + 5), ...answers]);
}

describe('instances by a real name server', () => {
  let server: Socket;
  let servers: string[];
  const table: Record<string, { ttl: number; data: Buffer }[]> = {};
  beforeAll(async () => {
    server = createSocket('udp4', (query, from) => server.send(answer(query, table), from.port, from.address));
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    servers = [`127.0.0.1:${(server.address() as AddressInfo).port}`];
  });
  afterAll(() => server.close());

  const url = new URL('http://users.test:4001/graphql');
  async function learn(settings: Partial<DnsSettings>, count: number) {
    const clock = handClock();
    const { listener, told, failures } = listen();
    const source = createDnsSource({ kind: 'dns', minTtlMs: 1_000, maxTtlMs: 60_000, servers, ...settings }, url, {
      clock,
      random: () => 0,
    });
    const stop = source.open(listener);
    while (told.length + failures.length < count) await new Promise((resolve) => setTimeout(resolve, 2));
    while (clock.due.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    const due = clock.due;
    stop();
    return { last: told.at(-1), failures, due };
  }

  it('are the addresses of the name, for as long as they hold', async () => {
    table['A users.test'] = [address('10.0.0.1', 17), address('10.0.0.2', 17)];
    const { last, due } = await learn({}, 2);
    expect(last?.map((instance) => instance.address).sort()).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(due).toEqual([17_000]);
  });

  it('are those of SRV records', async () => {
    table['SRV _graphql._tcp.users.test'] = [
      service(1, 3, 4_007, 'one.test', 60),
      service(2, 0, 4_008, 'two.test', 60),
    ];
    table['A one.test'] = [address('10.0.1.1', 30)];
    table['A two.test'] = [address('10.0.1.2', 20)];
    const { last, due } = await learn({ kind: 'srv', name: '_graphql._tcp.users.test' }, 1);
    expect([...(last ?? [])].sort((a, b) => b.weight - a.weight)).toEqual([
      { url: 'http://one.test:4007/graphql', weight: 3, priority: 1, address: '10.0.1.1' },
      { url: 'http://two.test:4008/graphql', weight: 0.1, priority: 2, address: '10.0.1.2' },
    ]);
    expect(due).toEqual([20_000]);
  });

  it('cannot be learned of a name that does not exist', async () => {
    delete table['A users.test'];
    const { last, failures } = await learn({}, 2);
    expect([last, failures]).toEqual([[{ url: url.href, weight: 1 }], ['ENOTFOUND']]);
  });
});
