/**
 * The users subgraph: accounts, sessions, and the tokens that the gateway believes.
 * In: environment variables. Out: a definition to start. Clock: once per process.
 */
import { join } from 'node:path';
import type { Log } from '../../src/telemetry/log';
import { jsonResponse } from '../shared/http-server';
import type { SubgraphDefinition } from '../shared/subgraph';
import { createAccessTokens } from './access-tokens';
import { apiKeysRoute } from './api-key-route';
import { createUsersContext, type UsersContext } from './context';
import { openKeyRing } from './key-ring';
import { keepNotifications } from './notifications';
import { createPasswords } from './passwords';
import { createPresence, type Presence } from './presence';
import { resolvers } from './resolvers';
import { seedUsers } from './seed';

export const DEFAULT_TOKEN_ISSUER = 'https://users.supergate.local';
const DEFAULT_TOKEN_AUDIENCE = 'supergate';
const DEFAULT_KEYS_DIRECTORY = '.data/keys';

/**
 * Reads `SIGNING_KEYS_DIR` (default `.data/keys`), `TOKEN_ISSUER` and `TOKEN_AUDIENCE`.
 * Rejects when the directory of keys holds something else.
 */
export async function createUsersSubgraph(
  env: NodeJS.ProcessEnv,
  log: Log,
  passwords = createPasswords(),
): Promise<SubgraphDefinition<UsersContext>> {
  const keys = await openKeyRing({ directory: env.SIGNING_KEYS_DIR || DEFAULT_KEYS_DIRECTORY, log });
  const accessTokens = createAccessTokens({
    keys,
    issuer: env.TOKEN_ISSUER || DEFAULT_TOKEN_ISSUER,
    audience: env.TOKEN_AUDIENCE || DEFAULT_TOKEN_AUDIENCE,
  });
  let presence: Presence | undefined;
  return {
    name: 'users',
    schemaFile: join(__dirname, 'schema.graphql'),
    migrationsDirectory: join(__dirname, 'migrations'),
    resolvers,
    seed: (db) => seedUsers(db, passwords),
    createContext(request, db, events) {
      presence ??= createPresence({ db, events, log });
      return createUsersContext(request, db, events, { accessTokens, passwords, log, presence });
    },
    run: (db, events) => keepNotifications(db, events, log),
    routes: (db, callerOf) => [
      apiKeysRoute(db, callerOf),
      {
        method: 'GET',
        path: '/.well-known/jwks.json',
        handle: async () => jsonResponse(200, await keys.publicKeys(), { 'cache-control': 'public, max-age=60' }),
      },
    ],
  };
}
