/**
 * Real: keys, signatures, the verifier with three issuers (a JWKS by URL, a PEM, a shared secret).
 * Fake: the clock, the key set server. Observed: the verdict with its cause.
 */
import type { TokenVerifier } from '../../src/context/tokens';
import { claimsOf, forge } from './forge';
import { hostileClaimRows, hostileShapeRows, hostileSignatureRows } from './hostile-claims';
import { hostileHeaderRows } from './hostile-headers';
import { createVerifier, es, header, key } from './world';

let verifier: TokenVerifier;
beforeEach(() => {
  verifier = createVerifier();
});

describe('a hostile token', () => {
  it.each([...hostileHeaderRows])('is refused by its header: %s (%s)', async (_name, cause, token) => {
    expect(await verifier.verify(token())).toEqual({ accepted: false, cause });
  });

  it.each(hostileSignatureRows)('is refused by its signature: %s (%s)', async (_name, cause, token) => {
    expect(await verifier.verify(token())).toEqual({ accepted: false, cause });
  });

  it.each(hostileClaimRows)('is refused by its claims: %s (%s)', async (_name, cause, token) => {
    expect(await verifier.verify(token())).toEqual({ accepted: false, cause });
  });

  it.each(hostileShapeRows)('is refused by its shape: %s (%s)', async (_name, cause, token) => {
    expect(await verifier.verify(token())).toEqual({ accepted: false, cause });
  });

  it('leaves a good token of the same verifier accepted', async () => {
    const rows = [...hostileHeaderRows, ...hostileSignatureRows, ...hostileClaimRows, ...hostileShapeRows];
    for (const [, , token] of rows) await verifier.verify(token());
    expect(await verifier.verify(es())).toMatchObject({ accepted: true });
  });

  it('changes no prototype', async () => {
    const payload = JSON.stringify(claimsOf()).replace(
      '{',
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},',
    );
    const verdict = await verifier.verify(forge(header, payload, 'ES256', key.privateKey));
    expect(verdict).toMatchObject({ accepted: true, identity: { subject: 'user-1' } });
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.getPrototypeOf((verdict as { identity: { claims: object } }).identity.claims)).toBeNull();
  });
});
