/**
 * `POST /.well-known/api-keys`: the gateway asks which keys there are, by id, and tells when keys were used last.
 * In: `{ "ids": [...], "used": [{ "id", "at" }] }` with the gateway's service token. Out: records with hashes, of keys
 * that are in force, cut to what their owners may do now. Clock: per key and a few seconds.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { Database } from '../shared/database';
import { graphqlRefusal, type HttpRoute, jsonResponse } from '../shared/http-server';
import type { Caller } from '../shared/identity';
import { scopesOf } from './access-tokens';
import type { Role } from './generated/resolvers';

const requestSchema = z.object({
  ids: z.array(z.string().max(64)).max(100),
  used: z
    .array(z.object({ id: z.string().max(64), at: z.iso.datetime() }))
    .max(10_000)
    .default([]),
});

interface KeyRow {
  readonly id: string;
  readonly ownerId: string;
  readonly roles: readonly Role[];
  readonly ownerRoles: readonly Role[];
  readonly scopes: readonly string[];
  readonly tier: string | null;
  readonly expiresAt: Date | null;
  readonly hash: Buffer;
  readonly previousHash: Buffer | null;
  readonly previousUntil: Date | null;
}

/** The route; anybody but the gateway is refused with 401. */
export function apiKeysRoute(db: Database, callerOf: (headers: IncomingHttpHeaders) => Caller | undefined): HttpRoute {
  return {
    method: 'POST',
    path: '/.well-known/api-keys',
    async handle({ headers, body }) {
      if (callerOf(headers)?.kind !== 'gateway') {
        return graphqlRefusal(401, 'UNAUTHENTICATED', 'Only the gateway itself may ask for API keys.');
      }
      const request = requestSchema.safeParse(parseJson(body));
      if (!request.success) return graphqlRefusal(400, 'BAD_REQUEST', 'The body is not { ids, used }.');
      const { ids, used } = request.data;
      if (used.length > 0) await recordUses(db, used);
      const rows = ids.length === 0 ? [] : await findKeys(db, ids);
      return jsonResponse(200, { keys: rows.map(toRecord) });
    },
  };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

async function findKeys(db: Database, ids: readonly string[]): Promise<KeyRow[]> {
  return await db.query<KeyRow>(
    `select k.id, k.owner_id as "ownerId", k.roles, u.roles as "ownerRoles", k.scopes, k.tier,
       k.expires_at as "expiresAt", k.hash, k.previous_hash as "previousHash", k.previous_until as "previousUntil"
     from api_keys k join users u on u.id = k.owner_id
     where k.id = any($1::text[]) and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())`,
    [ids.filter((id) => !id.includes('\0'))],
  );
}

/** The latest moment stays, in whatever order gateways tell; none can lie in the future. */
async function recordUses(db: Database, used: readonly { readonly id: string; readonly at: string }[]): Promise<void> {
  const known = used.filter(({ id }) => !id.includes('\0'));
  await db.query(
    `update api_keys k set last_used_at = greatest(k.last_used_at, least(u.at, now()))
     from (select id, max(at) as at from unnest($1::text[], $2::timestamptz[]) as t(id, at) group by id) u
     where k.id = u.id`,
    [known.map(({ id }) => id), known.map(({ at }) => at)],
  );
}

function toRecord(row: KeyRow): object {
  const ownerScopes = scopesOf(row.ownerRoles);
  const previous =
    row.previousHash && row.previousUntil && row.previousUntil > new Date()
      ? [{ sha256: row.previousHash.toString('hex'), until: row.previousUntil }]
      : [];
  return {
    id: row.id,
    subject: row.ownerId,
    roles: row.roles.filter((role) => row.ownerRoles.includes(role)),
    scopes: row.scopes.filter((scope) => ownerScopes.includes(scope)),
    tier: row.tier,
    expiresAt: row.expiresAt,
    hashes: [{ sha256: row.hash.toString('hex') }, ...previous],
  };
}
