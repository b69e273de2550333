/**
 * Real: the whole transport, sockets, three subgraph servers behind proxies that can fail, time.
 * Observed: what calls are answered, and what each server was asked.
 */
import type { SubgraphError } from '../../src/errors';
import { createSubgraphTransport, type SubgraphTransport } from '../../src/subgraph/pools';
import { defaultTransportOptions } from '../../src/subgraph/transport-options';
import { silentLog } from '../../src/telemetry/log';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy';
import { testContext, testEventSources } from './harness';

jest.setTimeout(60_000);

const slowMs = 1_500;

describe('three instances of a subgraph under load', () => {
  let proxies: FaultProxy[];
  let transport: SubgraphTransport;
  let asked = 0;

  beforeEach(async () => {
    const start = () => startFaultProxy({ upstream: () => '{"data":{"user":{"id":"1"}}}', slowMs });
    proxies = await Promise.all([start(), start(), start()]);
    const instances = proxies.map(({ url }) => ({ url, weight: 1 }));
    transport = createSubgraphTransport(
      [{ name: 'users', url: instances[0]!.url, instances }],
      {
        ...defaultTransportOptions,
        timeoutMs: 20_000,
        sharing: false,
        retries: { ...defaultTransportOptions.retries, anotherAfterMs: 300 },
      },
      { log: silentLog, eventSources: testEventSources() },
    );
  });
  afterEach(async () => {
    await transport.destroy();
    await Promise.all(proxies.map((proxy) => proxy.close()));
  });

  const ask = (kind: 'query' | 'mutation' = 'query') => {
    const body = `{"query":"{ user { id } }","variables":{"n":${asked++}}}`;
    return transport.call({ subgraph: 'users', body, kind, context: testContext() }).then(
      () => 'ok' as const,
      (error: SubgraphError) => error.code,
    );
  };

  /** Ten clients, each asking one after the other until the time is over or so much is done. */
  async function load(requests: number): Promise<Map<string, number>> {
    const tally = new Map<string, number>();
    let left = requests;
    const client = async () => {
      while (left-- > 0) {
        const outcome = await ask();
        tally.set(outcome, (tally.get(outcome) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: 10 }, client));
    return tally;
  }

  const states = () =>
    transport
      .resilience()
      .get('users')!
      .instances.map(({ circuit }) => circuit);

  it.each(['refused', 'reset before headers', 'half-open', 'never answers', 'slow first byte', 'status 503'] as const)(
    'fails no query when one of them goes wrong: %s',
    async (fault) => {
      await load(300);
      const underLoad = load(600);
      await proxies[1]!.inject(fault);
      expect(await underLoad).toEqual(new Map([['ok', 600]]));
      expect(await load(300)).toEqual(new Map([['ok', 300]]));
    },
  );

  it('share the calls, and one that is killed gets hardly any', async () => {
    await load(600);
    for (const { requests } of proxies) expect(requests.length).toBeGreaterThan(60);
    await proxies[0]!.inject('status 502');
    const before = proxies[0]!.requests.length;
    await load(600);
    expect(proxies[0]!.requests.length - before).toBeLessThan(30);
    expect(states()[0]).not.toBe('closed');
  });

  it('are taken back within five seconds', async () => {
    await load(100);
    for (const proxy of proxies) await proxy.inject('refused');
    while (states().includes('closed')) await load(20);
    expect(await ask()).toBe('SUBGRAPH_UNAVAILABLE');
    for (const proxy of proxies) await proxy.inject('none');
    const healedAt = Date.now();
    while ((await ask()) !== 'ok') await new Promise((resolve) => setTimeout(resolve, 50));
    expect(Date.now() - healedAt).toBeLessThan(5_000);
    while (states().some((state) => state !== 'closed')) {
      await ask();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(Date.now() - healedAt).toBeLessThan(10_000);
  });

  it('fail fast when all are dead, and are tried at most twice a second', async () => {
    for (const proxy of proxies) await proxy.inject('status 503');
    while (states().includes('closed')) await load(20);
    const seen = () => proxies.reduce((sum, { requests }) => sum + requests.length, 0);
    const before = seen();
    const startedAt = Date.now();
    const waits: number[] = [];
    while (Date.now() - startedAt < 4_000) {
      const at = Date.now();
      expect(['SUBGRAPH_UNAVAILABLE', 'SUBREQUEST_HTTP_ERROR']).toContain(await ask());
      waits.push(Date.now() - at);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(seen() - before).toBeLessThanOrEqual(9);
    expect(waits.filter((ms) => ms < 50).length / waits.length).toBeGreaterThanOrEqual(0.95);
  });

  it('carry a mutation once, whatever befalls it', async () => {
    await proxies[0]!.inject('reset before headers');
    await proxies[1]!.inject('status 503');
    await proxies[2]!.inject('refused');
    for (let i = 0; i < 20; i++) await ask('mutation');
    const bodies = proxies.flatMap(({ requests }) => requests.map(({ body }) => body));
    expect(new Set(bodies).size).toBe(bodies.length);
    expect(bodies.length).toBeGreaterThan(0);
  });
});
