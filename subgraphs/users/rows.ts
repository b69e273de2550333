/**
 * What the tables hold, as resolvers get it.
 */
import type { Role } from './generated/resolvers';

/** A user without the password hash: resolvers cannot give away what they do not have. */
export interface UserRow {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  readonly displayName: string;
  readonly bio: string | null;
  readonly avatarUrl: string | null;
  readonly roles: readonly Role[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** An API key without its hashes. */
export interface ApiKeyRow {
  readonly id: string;
  readonly name: string;
  readonly ownerId: string;
  readonly roles: readonly Role[];
  readonly scopes: readonly string[];
  readonly tier: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly rotatedAt: Date | null;
  readonly previousUntil: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
}

/** The columns of an ApiKeyRow. */
export const API_KEY_COLUMNS = `id, name, owner_id as "ownerId", roles, scopes, tier, created_at as "createdAt",
  expires_at as "expiresAt", rotated_at as "rotatedAt", previous_until as "previousUntil", revoked_at as "revokedAt",
  last_used_at as "lastUsedAt"`;

/** The columns of a UserRow, for `select` and `returning`. */
export const USER_COLUMNS = `id, username, email, display_name as "displayName", bio, avatar_url as "avatarUrl", roles,
  created_at as "createdAt", updated_at as "updatedAt"`;
