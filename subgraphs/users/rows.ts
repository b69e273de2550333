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

/** The columns of a UserRow, for `select` and `returning`. */
export const USER_COLUMNS = `id, username, email, display_name as "displayName", bio, avatar_url as "avatarUrl", roles,
  created_at as "createdAt", updated_at as "updatedAt"`;
