import { openRedis, type RedisConnection } from '../src/redis';
import { silentLog } from '../src/telemetry/log';
import { freePort } from '../subgraphs/shared/embedded-postgres';
import { createAuthority } from './support/certificates';
import { describeWithRedis, startOwnRedis, startTestRedis, type TestRedis } from './support/redis';
import { startTcpProxy, type TcpProxy } from './support/tcp-proxy';

/**
 * The connection to Redis. Real: Redis, behind a TCP proxy that can be slow, frozen or gone.
 * Observed: answers, how long they took, and the log.
 */
jest.setTimeout(30_000);
const timeoutMs = 50;

describeWithRedis('the connection to Redis', () => {
  let redis: TestRedis;
  let proxy: TcpProxy;
  let connection: RedisConnection;
  let logged: string[];

  beforeAll(async () => {
    redis = await startTestRedis();
  });
  afterAll(() => redis.close());

  beforeEach(async () => {
    proxy = await startTcpProxy(Number(new URL(redis.url).port || 6379));
  });
  afterEach(async () => {
    await connection.close();
    await proxy.close();
  });

  function open(): RedisConnection {
    logged = [];
    const write = (level: string) => (fields: object) =>
      void logged.push(`${level} ${(fields as { duty: string }).duty}`);
    const log = { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') };
    connection = openRedis({ url: `redis://127.0.0.1:${proxy.port}`, timeoutMs, log });
    return connection;
  }

  /** Asks until `key` is answered so, in a time that reconnecting and resting need. */
  async function answers(key: string, expected: string | undefined): Promise<void> {
    const endsAt = Date.now() + 10_000;
    let value: string | undefined;
    do {
      await new Promise((resolve) => setTimeout(resolve, 20));
      value = await connection.get(key);
    } while (value !== expected && Date.now() < endsAt);
    expect(value).toBe(expected);
  }

  async function openWith(key: string, value: string): Promise<void> {
    open();
    await settled('nothing', undefined);
    connection.set(key, value, 60_000);
    await answers(key, value);
  }

  /** Until a connection works, whatever it answers. */
  async function settled(key: string, expected: string | undefined): Promise<void> {
    while (proxy.connections.open === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    connection.set('probe', 'there', 60_000);
    const endsAt = Date.now() + 5_000;
    while ((await connection.get('probe')) === undefined && Date.now() < endsAt) {
      connection.set('probe', 'there', 60_000);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(await connection.get(key)).toBe(expected);
  }

  /** How long `count` reads take that are not answered, one after the other. */
  async function timeOf(count: number): Promise<number> {
    const before = performance.now();
    for (let index = 0; index < count; index++) expect(await connection.get('known')).toBeUndefined();
    return performance.now() - before;
  }

  it('tells whether it answers', async () => {
    await openWith('is-up', 'yes');
    expect(connection.isUp()).toBe(true);
    await proxy.close();
    await answers('is-up', undefined);
    expect(connection.isUp()).toBe(false);
  });

  it('keeps a value for its time', async () => {
    await openWith('known', 'value');
    connection.set('brief', 'value', 60);
    await answers('brief', 'value');
    await answers('brief', undefined);
    expect(logged).toEqual([]);
  });

  it('answers nothing, at once, while there is no Redis; tells it once, and works when there is one', async () => {
    await proxy.inject('gone');
    open();
    expect(await timeOf(100)).toBeLessThan(20 * timeoutMs);
    connection.set('known', 'never sent', 1_000);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(logged).toEqual(['warn connection']);
    await proxy.inject('none');
    await settled('absent', undefined);
    expect(logged).toEqual(['warn connection', 'info connection']);
  });

  it('goes on without a Redis that was lost', async () => {
    await openWith('known', 'value');
    await proxy.inject('gone');
    expect(await timeOf(100)).toBeLessThan(20 * timeoutMs);
    await proxy.inject('none');
    await answers('known', 'value');
    expect(logged).toEqual(['warn connection', 'info connection']);
  });

  it.each(['frozen', 'slow'] as const)(
    'waits once for a Redis that is %s, tells it once, and asks it again later',
    async (fault) => {
      await openWith('known', 'value');
      await proxy.inject(fault);
      // Once 50 ms, not a hundred times.
      expect(await timeOf(100)).toBeLessThan(20 * timeoutMs);
      expect(logged).toEqual(['warn answers']);
      await proxy.inject('none');
      await answers('known', 'value');
      expect(logged).toContain('info answers');
      expect(logged.filter((line) => line === 'warn answers')).toHaveLength(1);
    },
  );

  it('gives up a connection on which nothing comes back', async () => {
    await openWith('known', 'value');
    const { accepted } = proxy.connections;
    await proxy.inject('frozen');
    await timeOf(1);
    const endsAt = Date.now() + 6_000;
    while (proxy.connections.accepted === accepted && Date.now() < endsAt) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(proxy.connections.accepted).toBeGreaterThan(accepted);
    await proxy.inject('none');
    await answers('known', 'value');
  });

  it('reads from a Redis that refuses writes', async () => {
    await openWith('known', 'value');
    const admin = (await import('ioredis')).Redis;
    const client = new admin(redis.url);
    try {
      await client.config('SET', 'maxmemory', '1');
      for (let count = 0; count < 5; count++) connection.set(`key ${count}`, 'value', 1_000);
      await answers('known', 'value');
      expect(logged).toEqual(['warn writes']);
      await client.config('SET', 'maxmemory', '0');
      connection.set('other', 'value', 1_000);
      await answers('other', 'value');
      expect(logged).toEqual(['warn writes', 'info writes']);
    } finally {
      await client.config('SET', 'maxmemory', '0');
      client.disconnect();
    }
  });
});

describeWithRedis('the connection to Redis over TLS', () => {
  it('knows the authority that it is told, shows a certificate and a password, and talks to nobody else', async () => {
    const authority = createAuthority();
    const { certFile, keyFile } = authority.issue('redis');
    const tlsPort = await freePort();
    const server = await startOwnRedis(undefined, [
      ...['--tls-port', String(tlsPort), '--tls-cert-file', certFile, '--tls-key-file', keyFile],
      ...['--tls-ca-cert-file', authority.caFile, '--tls-auth-clients', 'yes', '--requirepass', 'sesame'],
    ]);
    const client = authority.issue('client');
    const tls = { caFile: authority.caFile, ...client, minVersion: 'TLSv1.2' as const };
    const url = `rediss://127.0.0.1:${tlsPort}`;
    const reasons: string[] = [];
    const warn = (fields: object) => void reasons.push((fields as { reason: string }).reason);
    const open = (options: Partial<Parameters<typeof openRedis>[0]>) =>
      openRedis({ url, timeoutMs: 5_000, log: { ...silentLog, warn }, ...options });
    const trusted = open({ tls, password: 'sesame' });
    const strangers = [open({ tls }), open({ password: 'sesame' }), open({ url: url.replace('rediss', 'redis') })];
    try {
      while (!trusted.isUp()) await new Promise((resolve) => setTimeout(resolve, 10));
      trusted.set('known', 'value', 60_000);
      expect(await trusted.get('known')).toBe('value');
      while (reasons.length < strangers.length) await new Promise((resolve) => setTimeout(resolve, 10));
      for (const stranger of strangers) {
        expect(stranger.isUp()).toBe(false);
        expect(await stranger.get('known')).toBeUndefined();
      }
      expect(reasons.join()).toMatch(/certificate/);
      expect(reasons.join()).not.toContain('sesame');
    } finally {
      await Promise.all([trusted, ...strangers].map((connection) => connection.close()));
      await server.close();
      authority.remove();
    }
  });
});
