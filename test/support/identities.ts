/** Test support: who asks. */
import { anonymous, type Identity } from '../../src/context/request-context';

type Authenticated = Extract<Identity, { kind: 'authenticated' }>;

/** Somebody who is signed in: each call another identity, as another token is. */
export function someone(rights: Partial<Omit<Authenticated, 'kind'>> = {}): Identity {
  return {
    kind: 'authenticated',
    credential: { kind: 'token' },
    subject: 'u1',
    issuer: 'https://issuer.example',
    roles: [],
    scopes: [],
    tier: undefined,
    expiresAt: Number.MAX_SAFE_INTEGER,
    claims: {},
    ...rights,
  };
}

export const nobody = anonymous;
