/**
 * Real: keys, signatures, the verifier with three issuers (a JWKS by URL, a PEM, a shared secret).
 * Fake: the clock, the key set server. Observed: the identity that a good token becomes.
 */
import type { TokenVerifier } from '../../src/context/tokens';
import { claimsOf, createTestVerifier, forge, nowS } from './forge';
import {
  createVerifier,
  es,
  hs,
  key384,
  key521,
  pem,
  pemIssuer,
  pemKey,
  rs,
  rsaKey,
  secret,
  secretIssuer,
  urlIssuer,
} from './world';

let verifier: TokenVerifier;
beforeEach(() => {
  verifier = createVerifier();
});

describe('a token that is right', () => {
  it.each([
    ['ES256 by kid', () => es()],
    ['ES384 by kid', () => forge({ alg: 'ES384', kid: 'es384' }, claimsOf(), 'ES384', key384.privateKey)],
    ['ES512 by kid', () => forge({ alg: 'ES512', kid: 'es512' }, claimsOf(), 'ES512', key521.privateKey)],
    ['RS256 by kid', () => forge({ alg: 'RS256', kid: 'rs' }, claimsOf(), 'RS256', rsaKey.privateKey)],
    ['PS256 with an RSA key', () => forge({ alg: 'PS256', kid: 'rs' }, claimsOf(), 'PS256', rsaKey.privateKey)],
    ['no kid where one key fits', () => es({}, { kid: undefined })],
    ['RS256 with the one PEM', () => rs()],
    [
      'a kid where the only key has no name',
      () => forge({ alg: 'RS256', kid: 'x' }, claimsOf({ iss: pemIssuer }), 'RS256', pemKey.privateKey),
    ],
    ['HS256 with the shared secret', () => hs()],
    ['the access token type', () => es({}, { typ: 'at+jwt' })],
    ['no type', () => es({}, { typ: undefined })],
    ['several audiences, one of them ours', () => es({ aud: ['elsewhere', 'supergate'] })],
    ['the second of our audiences', () => es({ aud: 'other-api' })],
    ['no iat', () => es({ iat: undefined })],
    ['an expiry within the tolerance', () => es({ exp: nowS - 4 })],
    ['a start within the tolerance', () => es({ nbf: nowS + 4 })],
    ['a subject in another script', () => es({ sub: 'Ваня 🙂' })],
    ['a fractional expiry', () => es({ exp: nowS + 60.5 })],
  ])('is accepted: %s', async (_name, token) => {
    expect(await verifier.verify(token())).toMatchObject({ accepted: true, identity: { kind: 'authenticated' } });
  });

  it('becomes an identity with subject, issuer, roles, scopes, expiry and claims', async () => {
    const verdict = await verifier.verify(es({ roles: ['ADMIN', 'USER'], scopes: ['read', 'write'], tier: 'gold' }));
    expect(verdict).toMatchObject({
      accepted: true,
      identity: {
        kind: 'authenticated',
        credential: { kind: 'token' },
        tier: 'gold',
        subject: 'user-1',
        issuer: urlIssuer,
        roles: ['ADMIN', 'USER'],
        scopes: ['read', 'write'],
        expiresAt: (nowS + 600) * 1000,
        claims: expect.objectContaining({ tier: 'gold' }),
      },
    });
  });
});
describe('roles and scopes', () => {
  const granted = async (claims: Record<string, unknown>): Promise<unknown> => {
    const verdict = await verifier.verify(es(claims));
    if (!verdict.accepted || verdict.identity.kind !== 'authenticated') return verdict;
    return { roles: verdict.identity.roles, scopes: verdict.identity.scopes };
  };

  it.each<[string, Record<string, unknown>, readonly string[], readonly string[]]>([
    ['lists', { roles: ['A'], scopes: ['r', 'w'] }, ['A'], ['r', 'w']],
    ['scopes separated by spaces', { scopes: 'r  w' }, ['USER'], ['r', 'w']],
    ['scope, where scopes is missing', { scopes: undefined, scope: 'r w' }, ['USER'], ['r', 'w']],
    ['scopes before scope', { scopes: ['r'], scope: 'w' }, ['USER'], ['r']],
    ['nothing', { roles: undefined, scopes: undefined }, [], []],
  ])('are read from %s', async (_name, claims, roles, scopes) => {
    expect(await granted(claims)).toEqual({ roles, scopes });
  });

  it.each<[string, Record<string, unknown>]>([
    ['a role in text', { roles: 'ADMIN' }],
    ['an object of roles', { roles: { ADMIN: true } }],
    ['a list with a number', { roles: ['ADMIN', 1] }],
    ['a list in a list', { roles: [['ADMIN']] }],
    ['a role with a control character', { roles: ['ADMIN\u0000'] }],
    ['an inherited list', { roles: { __proto__: ['ADMIN'] } }],
    ['null', { roles: null }],
  ])('grant nothing in another shape: %s', async (_name, claims) => {
    expect(await granted(claims)).toMatchObject({ roles: [] });
  });

  it('come from the claims that the issuer is configured with, by name or by path', async () => {
    const configured = createTestVerifier([
      {
        issuer: secretIssuer,
        audiences: ['supergate'],
        keys: { kind: 'sharedSecret', secret },
        rolesClaim: 'realm_access.roles',
        scopesClaim: 'https://a.test/scp',
      },
    ]);
    const token = hs({ realm_access: { roles: ['ADMIN'] }, 'https://a.test/scp': 'r w', roles: ['X'], scopes: ['x'] });
    expect(await configured.verify(token)).toMatchObject({ identity: { roles: ['ADMIN'], scopes: ['r', 'w'] } });
  });

  it.each<[string, unknown, string | undefined]>([
    ['a name', 'gold', 'gold'],
    ['nothing', undefined, undefined],
    ['a list', ['gold'], undefined],
    ['an empty text', '', undefined],
    ['a control character', 'gold\u0000', undefined],
  ])('come with a tier, read from %s', async (_name, tier, expected) => {
    const verdict = await verifier.verify(es({ tier }));
    expect(verdict).toMatchObject({ accepted: true, identity: { tier: expected } });
  });

  it('come with the subject and the tier that the issuer is configured to have elsewhere', async () => {
    const configured = createTestVerifier([
      {
        issuer: secretIssuer,
        audiences: ['supergate'],
        keys: { kind: 'sharedSecret', secret },
        subjectClaim: 'https://a.test/user.id',
        tierClaim: 'plan.name',
      },
      {
        issuer: pemIssuer,
        audiences: ['supergate'],
        algorithms: ['RS256'],
        keys: { kind: 'pem', pem },
        subjectClaim: 'oid',
      },
    ]);
    const named = hs({ 'https://a.test/user.id': 'u-7', plan: { name: 'silver' }, tier: 'gold' });
    expect(await configured.verify(named)).toMatchObject({ identity: { subject: 'u-7', tier: 'silver' } });
    expect(await configured.verify(rs({ oid: ' padded' }))).toEqual({ accepted: false, cause: 'subject' });
    expect(await configured.verify(rs())).toEqual({ accepted: false, cause: 'subject' });
  });

  it('cannot be changed by one request for the next', async () => {
    const token = es({ nested: { list: [1] } });
    const verdict = await verifier.verify(token);
    if (!verdict.accepted || verdict.identity.kind !== 'authenticated') throw new Error('expected an identity');
    const { identity } = verdict;
    expect(() => (identity.roles as string[]).push('ADMIN')).toThrow(TypeError);
    expect(() => (identity.claims.nested as { list: number[] }).list.push(2)).toThrow(TypeError);
    expect(() => Object.assign(identity, { subject: 'root' })).toThrow(TypeError);
  });
});
