/** Health over plain data; the clock is given, and no sockets are opened. */
import { createHealthReporter, type HealthCheck, type HealthSource } from '../../src/client/health';
import { startTestServer, stopTestServer } from './http-server';

function source(checks: Record<string, HealthCheck> | Error): HealthSource & { asked: number } {
  return {
    asked: 0,
    ready: () => true,
    async checks() {
      this.asked++;
      if (checks instanceof Error) throw checks;
      return checks;
    },
  };
}

describe('the health report', () => {
  it('is up when every part is up, and tells of the memory', async () => {
    const report = createHealthReporter(source({ gateway: { status: 'up', generation: 3 } }), () => true);
    expect(await report()).toMatchObject({
      status: 'up',
      checks: { gateway: { status: 'up', generation: 3 }, memory: { status: 'up', residentBytes: expect.any(Number) } },
    });
  });

  it.each(['down', 'degraded', 'unknown'] as const)('is degraded when a subgraph is %s', async (status) => {
    const report = createHealthReporter(source({ gateway: { status: 'up' }, users: { status } }), () => true);
    expect((await report()).status).toBe('degraded');
  });

  it('is down when nothing can be answered', async () => {
    const report = createHealthReporter(source({ gateway: { status: 'up' } }), () => false);
    expect((await report()).status).toBe('down');
  });

  it('is degraded, and says nothing of the cause, when the checks fail', async () => {
    const report = createHealthReporter(source(new Error('connect ECONNREFUSED 10.0.0.7:5432')), () => true);
    const answer = await report();
    expect(answer).toMatchObject({ status: 'degraded', checks: { gateway: { status: 'unknown' } } });
    expect(JSON.stringify(answer)).not.toContain('10.0.0.7');
  });

  it('asks the parts once a second, however many ask for it', async () => {
    let now = 1_000;
    const counted = source({ gateway: { status: 'up' } });
    const report = createHealthReporter(
      counted,
      () => true,
      () => now,
    );
    await Promise.all(Array.from({ length: 50 }, () => report()));
    expect(counted.asked).toBe(1);
    now += 999;
    await report();
    expect(counted.asked).toBe(1);
    now += 1;
    await report();
    expect(counted.asked).toBe(2);
  });

  it('does not wait for parts that never answer', async () => {
    jest.useFakeTimers();
    const silent: HealthSource = { ready: () => true, checks: () => new Promise(() => {}) };
    const report = createHealthReporter(silent, () => true)();
    await jest.advanceTimersByTimeAsync(2_000);
    expect(await report).toMatchObject({ status: 'degraded', checks: { gateway: { status: 'unknown' } } });
    jest.useRealTimers();
  });
});

describe('the health routes', () => {
  it('tell alive from ready', async () => {
    const server = await startTestServer();
    const ask = async (path: string) => {
      const { statusCode, body } = await server.http.inject({ url: path });
      return [statusCode, JSON.parse(body).status];
    };
    expect(await ask('/health/live')).toEqual([200, 'up']);
    expect(await ask('/health/ready')).toEqual([200, 'up']);
    expect(await ask('/health')).toEqual([200, 'up']);
    server.health.ready = false;
    expect(await ask('/health/live')).toEqual([200, 'up']);
    expect(await ask('/health/ready')).toEqual([503, 'down']);
    await stopTestServer(server);
  });

  it('answer HEAD, as load balancers ask', async () => {
    const server = await startTestServer();
    const answer = await server.http.inject({ method: 'HEAD', url: '/health/ready' });
    expect(answer.statusCode).toBe(200);
    expect(answer.body).toBe('');
    await stopTestServer(server);
  });
});
