import { WorkCache } from '../../src/query-plan/work-cache';

describe('the cache of work', () => {
  it('shares work under way and remembers what came of it', async () => {
    const cache = new WorkCache<string>(1_000, (value) => value.length);
    let settle: (value: string) => void = () => {};
    const first = cache.get('a', () => new Promise((resolve) => (settle = resolve)));
    const second = cache.get('a', () => Promise.reject(new Error('done twice')));
    settle('result');
    expect(await Promise.all([first, second])).toEqual(['result', 'result']);
    expect(await cache.get('a', () => Promise.reject(new Error('done twice')))).toBe('result');
    expect(cache.state.bytes).toBe(6);
  });

  it('forgets failures', async () => {
    const cache = new WorkCache<string>(1_000, (value) => value.length);
    await expect(cache.get('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await cache.get('a', async () => 'yes')).toBe('yes');
  });

  it('keeps no more than its bytes, the least recently used go', async () => {
    const cache = new WorkCache<string>(100, (value) => value.length);
    const text = 'x'.repeat(40);
    for (const key of ['a', 'b', 'a', 'c']) await cache.get(key, async () => text);
    expect(cache.state.bytes).toBe(80);
    let made = '';
    for (const key of ['a', 'c', 'b']) {
      await cache.get(key, async () => {
        made += key;
        return text;
      });
    }
    expect(made).toBe('b');
    expect(await cache.get('large', async () => 'x'.repeat(101))).toHaveLength(101);
    expect(cache.state.bytes).toBe(80);
  });
});
