/** The section `redis`: where it is, whether it is a cluster, and what is wrong with either. Plain data in and out. */
import { readRedisUrl } from '../../src/config/redis';
import { createYamlFile } from './yaml-file';

const { configOf, problemsOf, remove } = createYamlFile();
afterAll(remove);

const plain = { isTls: false, username: undefined, password: undefined, database: 0 };

describe('the URL of Redis', () => {
  it.each([
    ['redis://redis', { ...plain, nodes: [{ host: 'redis', port: 6_379 }] }],
    ['rediss://redis:1/2', { ...plain, isTls: true, nodes: [{ host: 'redis', port: 1 }], database: 2 }],
    [
      'redis://a:7000,b,[::1]:7001',
      {
        ...plain,
        nodes: [
          { host: 'a', port: 7_000 },
          { host: 'b', port: 6_379 },
          { host: '::1', port: 7_001 },
        ],
      },
    ],
    [
      'redis://me:a%40%2Fb:c@redis',
      { ...plain, username: 'me', password: 'a@/b:c', nodes: [{ host: 'redis', port: 6_379 }] },
    ],
    ['redis://:pass@redis', { ...plain, password: 'pass', nodes: [{ host: 'redis', port: 6_379 }] }],
  ])('is read: %s', (url, address) => {
    expect(readRedisUrl(url)).toEqual(address);
  });

  it.each([
    '',
    'http://redis',
    'redis://',
    'redis://a,',
    'redis://a:port',
    'redis://a:99999',
    'redis://a/b',
    'redis://a?x=1',
    'redis://me:%@a',
    'redis://a b',
  ])('is refused: %s', (url) => {
    expect(readRedisUrl(url)).toBeUndefined();
    expect(problemsOf(`redis: { url: "${url}" }`)).toEqual([expect.stringContaining('redis.url: expected a redis')]);
  });
});

describe('the section redis', () => {
  it('comes from the environment alone', () => {
    const env = { REDIS_URL: 'redis://redis:7000', REDIS_CLUSTER: 'true', REDIS_PASSWORD: '007' };
    expect(configOf('', env).redis).toEqual({
      url: 'redis://redis:7000',
      cluster: true,
      password: '007',
      timeoutMs: 100,
    });
  });

  it.each([
    ['url: "redis://a,b", cluster: false', 'redis.cluster: several nodes in `url` are a cluster'],
    ['url: "redis://a,b/1"', 'redis.url: a cluster has no databases'],
    ['url: "redis://a/1", cluster: true', 'redis.url: a cluster has no databases'],
    ['url: "redis://:x@a", password: y', 'redis.password: there is one in `url` already'],
    ['url: "redis://a", tls: {}', 'redis.tls: is for rediss:// URLs'],
    ['password: y', 'redis.url: this key is required'],
  ])('is refused: %s', (yaml, problem) => {
    expect(problemsOf(`redis: { ${yaml} }`)).toEqual([expect.stringContaining(problem)]);
  });
});
