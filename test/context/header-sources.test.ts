import { createConfig } from '../../src/config';
import type { RequestHeaderRule } from '../../src/config/headers';
import { compileHeaderSources } from '../../src/context/header-sources';
import { anonymous, type Identity } from '../../src/context/request-context';

const rulesOf = (requests: object[]): readonly RequestHeaderRule[] =>
  createConfig({ headers: { requests: requests as never } }).headers.requests;

const identityWith = (claims: Record<string, unknown>, roles: string[] = []): Identity => ({
  kind: 'authenticated',
  credential: { kind: 'token' },
  subject: 'ann',
  issuer: 'tests',
  roles,
  scopes: [],
  tier: undefined,
  expiresAt: 0,
  claims,
});

const read = (requests: object[], rawHeaders: string[], identity: Identity = anonymous, clientAddress?: string) => ({
  ...compileHeaderSources(rulesOf(requests), ['x-api-key'])({ id: 'r1', identity, clientAddress, rawHeaders }),
});

describe('what headers for subgraphs are made of', () => {
  it('are the headers that rules name, however they are written, and no others', () => {
    const rules = [{ propagate: ['x-tenant'] }, { propagate: ['x-b3-*'] }];
    const raw = ['X-Tenant', 'a', 'x-other', 'b', 'X-B3-TraceId', 'c', 'x-tenant', 'd'];
    expect(read(rules, raw)).toEqual({ 'x-tenant': 'a, d', 'x-b3-traceid': 'c' });
    expect(read([{ propagate: ['cookie'] }], ['cookie', 'a=1', 'Cookie', 'b=2'])).toEqual({ cookie: 'a=1; b=2' });
  });

  it('are never headers of one connection, and those that Connection names are', () => {
    const raw = ['Connection', 'close, X-Hop', 'x-hop', 'a', 'x-stays', 'b', 'te', 'c', 'Upgrade', 'd'];
    const more = ['sec-websocket-key', 'e', 'host', 'f', 'content-length', '7', 'http2-settings', 'g'];
    expect(read([{ propagate: ['*'] }], raw.concat(more))).toEqual({ 'x-stays': 'b' });
    expect(read([{ propagate: ['x-hop'] }], raw)).toEqual({});
  });

  it('are credentials only by their full name', () => {
    const raw = ['authorization', 'a', 'cookie', 'b', 'x-api-key', 'c', 'supergate-identity', 'd', 'x-request-id', 'e'];
    expect(read([{ propagate: ['*'] }], raw)).toEqual({});
    expect(read([{ propagate: ['authorization', 'x-api-key'] }], raw)).toEqual({
      authorization: 'a',
      'x-api-key': 'c',
    });
  });

  it('are names like any other, whatever they mean in JavaScript', () => {
    const sources = compileHeaderSources(
      rulesOf([{ propagate: ['*'] }]),
      [],
    )({
      id: 'r1',
      identity: anonymous,
      rawHeaders: ['__proto__', 'a', 'constructor', 'b'],
    });
    expect(Object.entries(sources)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
    expect(({} as { a?: unknown }).a).toBeUndefined();
  });

  it('are claims and facts, under names that no header has', () => {
    const rules = [
      { set: 'x-plan', claim: 'account.plan' },
      { set: 'x-level', claim: 'level' },
      { set: 'x-groups', claim: 'groups' },
      { set: 'x-odd', claim: 'account' },
      { set: 'x-none', claim: 'none' },
      { set: 'x-subject', context: 'subject' },
      { set: 'x-roles', context: 'roles' },
      { set: 'x-address', context: 'clientAddress' },
    ];
    const identity = identityWith({ account: { plan: 'gold' }, level: 3, groups: ['a', 'b'] }, ['ADMIN', 'USER']);
    expect(read(rules, [':claim.level', '9'], identity, '10.0.0.1')).toEqual({
      ':claim.account.plan': 'gold',
      ':claim.level': '3',
      ':claim.groups': 'a,b',
      ':context.subject': 'ann',
      ':context.roles': 'ADMIN,USER',
      ':context.clientAddress': '10.0.0.1',
    });
    expect(read(rules, [], anonymous)).toEqual({});
  });

  it('are refused when a claim would break out of its header or its list', () => {
    const rules = [{ set: 'x-plan', claim: 'plan' }];
    for (const plan of ['gold\r\nx-admin: yes', 'a\u0000', ['a', 'b,c'], ['a\n']]) {
      expect(() => read(rules, [], identityWith({ plan }))).toThrow(
        'The claim "plan" cannot be written into a header.',
      );
    }
  });

  it('hold other letters as the bytes of UTF-8', () => {
    const { ':claim.name': name = '' } = read([{ set: 'x-name', claim: 'name' }], [], identityWith({ name: 'Łuk' }));
    expect(Buffer.from(name, 'latin1').toString('utf8')).toBe('Łuk');
  });
});
