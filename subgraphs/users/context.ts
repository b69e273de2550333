/**
 * What the resolvers of users share during one request.
 */
import type { Log } from '../../src/telemetry/log';
import type { Database } from '../shared/database';
import type { Events } from '../shared/events';
import type { Caller } from '../shared/identity';
import { createRowLoader, type Loader } from '../shared/loader';
import type { SubgraphRequest } from '../shared/subgraph';
import type { AccessTokens } from './access-tokens';
import type { Passwords } from './passwords';
import type { Presence } from './presence';
import { USER_COLUMNS, type UserRow } from './rows';

export interface UsersContext {
  readonly caller: Caller;
  readonly db: Database;
  readonly events: Events;
  readonly presence: Presence;
  readonly log: Log;
  readonly accessTokens: AccessTokens;
  readonly passwords: Passwords;
  /** Ids of those who proved in this very request who they are: the caller was decided before. */
  readonly signedInHere: Set<string>;
  readonly usersById: Loader<UserRow | null>;
  readonly usersByUsername: Loader<UserRow | null>;
  /** Null for who is not online. */
  readonly online: Loader<{ readonly id: string } | null>;
}

/** What lives as long as the subgraph. */
export interface UsersParts {
  readonly accessTokens: AccessTokens;
  readonly passwords: Passwords;
  readonly log: Log;
  readonly presence: Presence;
}

/** The context of one request, with loaders of its own. */
export function createUsersContext(
  request: SubgraphRequest,
  db: Database,
  events: Events,
  parts: UsersParts,
): UsersContext {
  const select = (column: 'id' | 'username', type: 'uuid' | 'text') => (keys: readonly string[]) =>
    db.query<UserRow>(`select ${USER_COLUMNS} from users where ${column} = any($1::${type}[])`, [keys]);
  const isUsername = (key: string) => key.length <= 32 && !key.includes('\0');
  return {
    ...parts,
    db,
    events,
    caller: request.caller,
    signedInHere: new Set(),
    usersById: createRowLoader(select('id', 'uuid'), (user) => user.id),
    usersByUsername: createRowLoader(select('username', 'text'), (user) => user.username, isUsername),
    online: createRowLoader(
      (ids) =>
        db.query<{ id: string }>(
          'select distinct user_id as id from live_connections where user_id = any($1::uuid[]) and expires_at > now()',
          [ids],
        ),
      ({ id }) => id,
    ),
  };
}
