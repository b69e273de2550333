import type { InstancePool } from '../../src/subgraph/instance-pool';
import { SharedPools } from '../../src/subgraph/shared-pools';
import { failureCode, testContext, testTransport } from './harness';

/** What pools are closed, and how. Pools themselves are fake: they only tell. */
function setUp() {
  const told: string[] = [];
  const pools = new SharedPools();
  let made = 0;
  const lease = (key: string) =>
    pools.lease(key, () => {
      const name = `${key}${++made}`;
      const tell = (what: string) => async () => void told.push(`${what} ${name}`);
      return { name, close: tell('close'), destroy: tell('destroy') } as unknown as InstancePool;
    });
  return { told, lease };
}

describe('the instance pools of a gateway', () => {
  it('are one for equal keys, and close with the last lease', async () => {
    const { told, lease } = setUp();
    const [one, other] = [lease('a'), lease('a')];
    expect(other.pool).toBe(one.pool);
    await one.release('destroy');
    expect(told).toEqual([]);
    await other.release('close');
    expect(told).toEqual(['close a1']);
  });

  it('are closed once though a lease is given back twice', async () => {
    const { told, lease } = setUp();
    const [one, other] = [lease('a'), lease('a')];
    await one.release('close');
    await one.release('close');
    expect(told).toEqual([]);
    await other.release('destroy');
    expect(told).toEqual(['destroy a1']);
  });

  it('are made anew after that, with another serial', async () => {
    const { lease } = setUp();
    const first = lease('a');
    await first.release('close');
    const second = lease('a');
    expect(second.pool).not.toBe(first.pool);
    expect(second.serial).not.toBe(first.serial);
    await first.release('destroy');
    expect(lease('a').pool).toBe(second.pool);
  });

  it('can be destroyed while they close', async () => {
    const { told, lease } = setUp();
    const one = lease('a');
    await Promise.all([one.release('close'), one.release('destroy')]);
    expect(told).toEqual(['close a1', 'destroy a1']);
  });
});

describe('what is known of the instances of a subgraph', () => {
  it('outlives a generation whose endpoint and options are those of the next one', async () => {
    const pools = new SharedPools();
    // Nobody listens there.
    const open = (timeoutMs: number) => testTransport('http://127.0.0.1:9/graphql', { timeoutMs }, { pools });
    const circuitOf = (transport: ReturnType<typeof open>) =>
      transport.resilience().get('users')?.instances[0]?.circuit;
    const [before, changed] = [open(5_000), open(4_000)];
    const ask = () =>
      failureCode(before.call({ subgraph: 'users', body: '{"query":"{ a }"}', kind: 'query', context: testContext() }));
    while (circuitOf(before) === 'closed') await ask();
    const after = open(5_000);
    await before.close();
    expect([circuitOf(after), circuitOf(changed)]).toEqual(['open', 'closed']);
    await Promise.all([after.close(), changed.close()]);
    const anew = open(5_000);
    expect(circuitOf(anew)).toBe('closed');
    await anew.close();
  });
});
