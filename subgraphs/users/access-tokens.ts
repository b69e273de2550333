/**
 * Access tokens: what a client shows to the gateway for fifteen minutes. ES256, by the key ring's newest key.
 * In: a user. Out: a JWT with `sub roles scopes iss aud exp iat jti`. Clock: per sign-in and refresh.
 */
import { randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { Role } from './generated/resolvers';
import type { KeyRing } from './key-ring';
import type { UserRow } from './rows';

export interface AccessToken {
  readonly token: string;
  readonly expiresAt: Date;
}

export interface AccessTokens {
  issue(user: UserRow): Promise<AccessToken>;
}

export interface AccessTokensOptions {
  readonly keys: KeyRing;
  readonly issuer: string;
  readonly audience: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

const LIFETIME_S = 15 * 60;

/** What each role may do, in the words of `@requiresScopes`. */
const scopesOfRole: Readonly<Record<Role, readonly string[]>> = {
  USER: ['profile:read', 'profile:write', 'content:write', 'payments:read', 'payments:write'],
  EDITOR: ['content:moderate'],
  ADMIN: ['content:moderate', 'users:read', 'users:write', 'payments:refund', 'payments:admin'],
};

/** The scopes that these roles give, each once. */
export function scopesOf(roles: readonly Role[]): readonly string[] {
  return [...new Set(roles.flatMap((role) => scopesOfRole[role]))];
}

/** Makes the issuer of access tokens; tokens name it as `iss`. */
export function createAccessTokens({ keys, issuer, audience, now = Date.now }: AccessTokensOptions): AccessTokens {
  return {
    async issue(user) {
      const { kid, privateKey } = await keys.signingKey();
      const iat = Math.floor(now() / 1000);
      const claims = {
        sub: user.id,
        roles: user.roles,
        scopes: scopesOf(user.roles),
        iss: issuer,
        aud: audience,
        iat,
        exp: iat + LIFETIME_S,
      };
      const token = jwt.sign({ ...claims, jti: randomUUID() }, privateKey, { algorithm: 'ES256', keyid: kid });
      return { token, expiresAt: new Date((iat + LIFETIME_S) * 1000) };
    },
  };
}
