import { createConfig } from '../../src/config';
import { compileVarying } from '../../src/policy/cache-varying';

/** Plain data: rules in, what answers depend on out. */
const vary = (config: object) => compileVarying(createConfig(config));
const rules = (...requests: object[]) => ({ headers: { requests } });

describe('what an answer depends on', () => {
  it('is told by the headers that rules pass on, and the origin where pages of others may ask', () => {
    expect(vary({})).toMatchObject({
      vary: 'accept',
      privateVary: 'accept, authorization, cookie',
      isHidden: false,
    });
    const all = {
      ...rules({ propagate: ['x-tenant', 'accept'] }),
      server: { cors: { origins: ['https://a.example'] } },
    };
    expect(vary(all)).toMatchObject({ vary: 'accept, origin, x-tenant', isHidden: false });
    expect(vary({ authentication: { apiKeys: { file: 'keys.json', header: 'x-key' } } }).privateVary).toContain(
      'x-key',
    );
  });

  it.each([
    ['a claim', rules({ set: 'x-plan', claim: 'plan' }), true],
    ['the address of the client', rules({ set: 'x-from', context: 'clientAddress' }), true],
    ['any header of a pattern', rules({ propagate: ['x-b3-*'] }), true],
    ['a sign-in that all requests need', { authentication: { required: true } }, true],
    ['the id of the request', rules({ set: 'x-id', context: 'requestId' }), false],
    ['a value of the configuration', rules({ set: 'x-region', value: 'eu' }), false],
  ])('is not told by headers for %s: %j', (_what, config, isHidden) => {
    expect(vary(config).isHidden).toBe(isHidden);
  });

  it('is part of the key, but for what has no say', () => {
    const { keyOf, hasCredential } = vary({});
    const sources = { 'x-tenant': 'a', ':claim.plan': 'gold' };
    const others = { 'x-request-id': '1', traceparent: 't', 'supergate-identity': 'x', ':context.requestId': '1' };
    expect(keyOf({ ...sources, ...others })).toBe(keyOf(sources));
    expect(keyOf({ ...sources, 'x-tenant': 'b' })).not.toBe(keyOf(sources));
    expect(keyOf({ a: 'b","c' })).not.toBe(keyOf({ a: 'b', c: '' }));
    expect([hasCredential(sources), hasCredential({ cookie: 'a=b' })]).toEqual([false, true]);
  });
});
