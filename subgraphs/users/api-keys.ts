/**
 * API keys of users' integrations: made, listed, rotated, ended.
 * In: an admin's input. Out: rows, and a key's text once. Clock: per change.
 * Never stores a key: only its hash. Never lets a key do more than its owner.
 */
import { createApiKey } from '../../src/context/api-key';
import { type Connection, readPage, toConnection } from '../shared/connection';
import { type Database, isUuid } from '../shared/database';
import { badUserInput, conflict, notFound } from '../shared/errors';
import { scopesOf } from './access-tokens';
import type { CreateApiKeyInput, QueryApiKeysArgs, Role } from './generated/resolvers';
import { API_KEY_COLUMNS, type ApiKeyRow } from './rows';

export interface CreatedKey {
  readonly apiKey: ApiKeyRow;
  readonly key: string;
}

const MAX_NAME = 100;
const MAX_OVERLAP_S = 30 * 86_400;

/** Makes a key. Throws BAD_USER_INPUT for what is not allowed and for what its owner may not do. */
export async function createKey(db: Database, input: CreateApiKeyInput): Promise<CreatedKey> {
  const name = checkName(input.name);
  const tier = checkTier(input.tier ?? null);
  const expiresAt = input.expiresAt ?? null;
  if (expiresAt && expiresAt.getTime() <= Date.now()) {
    throw badUserInput('The key would have expired already.', 'input.expiresAt');
  }
  return await db.transaction(async (tx) => {
    const owner = await lockRoles(tx, input.ownerId);
    const roles = someOf('roles', input.roles ?? [], owner);
    const scopes = someOf('scopes', input.scopes ?? [], scopesOf(owner));
    const { id, key, sha256 } = createApiKey();
    const [apiKey] = await tx.query<ApiKeyRow>(
      `insert into api_keys (id, name, owner_id, hash, roles, scopes, tier, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8) returning ${API_KEY_COLUMNS}`,
      [id, name, input.ownerId, sha256, roles, scopes, tier, expiresAt],
    );
    if (!apiKey) throw new Error('The API key was not inserted');
    return { apiKey, key };
  });
}

function checkName(value: string): string {
  const name = value.trim();
  if (name === '' || [...name].length > MAX_NAME || /\p{Cc}/u.test(name)) {
    throw badUserInput(`The name must have 1 to ${MAX_NAME} characters.`, 'input.name');
  }
  return name;
}

function checkTier(tier: string | null): string | null {
  if (tier === null || /^[a-z][a-z0-9-]{0,31}$/.test(tier)) return tier;
  const rule = '1 to 32 lower-case letters, digits and dashes, beginning with a letter';
  throw badUserInput(`The tier must be ${rule}.`, 'input.tier');
}

function someOf<Name extends string>(
  what: 'roles' | 'scopes',
  wanted: readonly Name[],
  all: readonly string[],
): Name[] {
  if (wanted.every((name) => all.includes(name))) return [...new Set(wanted)];
  throw badUserInput(`The owner does not have all of these ${what}.`, `input.${what}`);
}

async function lockRoles(tx: Database, userId: string): Promise<readonly Role[]> {
  const [owner] = isUuid(userId)
    ? await tx.query<{ roles: Role[] }>('select roles from users where id = $1 for share', [userId])
    : [];
  if (!owner) throw badUserInput('There is no such user.', 'input.ownerId');
  return owner.roles;
}

/**
 * Gives a key a new secret; the one before counts for `overlapSeconds` more.
 * Throws BAD_USER_INPUT for another overlap than 0 to 30 days, NOT_FOUND, and CONFLICT for a key that has ended.
 */
export async function rotateKey(db: Database, id: string, overlapSeconds: number): Promise<CreatedKey> {
  if (overlapSeconds < 0 || overlapSeconds > MAX_OVERLAP_S) {
    throw badUserInput(`overlapSeconds must be between 0 and ${MAX_OVERLAP_S}.`, 'overlapSeconds');
  }
  const { key, sha256 } = createApiKey(isKeyId(id) ? id : undefined);
  // One statement: of two rotations at once, the later one sees the secret of the earlier as the one before.
  const [apiKey] = isKeyId(id)
    ? await db.query<ApiKeyRow>(
        `update api_keys set hash = $2, rotated_at = now(),
           previous_hash = case when $3::int > 0 then hash end,
           previous_until = case when $3::int > 0 then now() + $3::int * interval '1 second' end
         where id = $1 and revoked_at is null and (expires_at is null or expires_at > now())
         returning ${API_KEY_COLUMNS}`,
        [id, sha256, overlapSeconds],
      )
    : [];
  if (apiKey) return { apiKey, key };
  await requireKey(db, id);
  throw conflict('The key has ended: make a new one.');
}

/** Ends a key; the second time changes nothing. Throws NOT_FOUND. */
export async function revokeKey(db: Database, id: string): Promise<ApiKeyRow> {
  if (isKeyId(id)) await db.query('update api_keys set revoked_at = now() where id = $1 and revoked_at is null', [id]);
  return await requireKey(db, id);
}

/** A page of keys, the newest first. Throws BAD_USER_INPUT for bad paging. */
export async function listKeys(db: Database, args: QueryApiKeysArgs): Promise<Connection<ApiKeyRow>> {
  const page = readPage('apiKeys', ['timestamp', 'text'], args);
  const ownerId = args.ownerId ?? null;
  if (ownerId !== null && !isUuid(ownerId)) return toConnection(page, [], noKeys);
  const rows = await db.query<ApiKeyRow>(
    `select ${API_KEY_COLUMNS} from api_keys
     where ($1::uuid is null or owner_id = $1) and ($2::timestamptz is null or (created_at, id) < ($2, $3))
     order by created_at desc, id desc limit $4`,
    [ownerId, page.after?.[0] ?? null, page.after?.[1] ?? null, page.limit],
  );
  return toConnection(page, rows, ({ createdAt, id }) => [createdAt, id]);
}

const noKeys = (): [Date, string] => {
  throw new Error('An empty list has no cursor');
};

async function requireKey(db: Database, id: string): Promise<ApiKeyRow> {
  const [row] = isKeyId(id)
    ? await db.query<ApiKeyRow>(`select ${API_KEY_COLUMNS} from api_keys where id = $1`, [id])
    : [];
  if (!row) throw notFound('There is no such API key.');
  return row;
}

const isKeyId = (id: string): boolean => /^[a-z2-7]{12}$/.test(id);
