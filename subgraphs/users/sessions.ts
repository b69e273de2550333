/**
 * Sessions and their refresh tokens: each token works once and names its successor's family.
 * In: a user, or a token that a client kept. Out: a new token. Clock: per sign-in and refresh.
 * Never stores a token: only its hash.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Database } from '../shared/database';

export type RefreshOutcome =
  | { readonly kind: 'refreshed'; readonly userId: string; readonly refreshToken: string }
  /** The token was used before: its session has been ended. */
  | { readonly kind: 'reused'; readonly userId: string; readonly sessionId: string }
  | { readonly kind: 'unknown' };

const LIFETIME = `interval '30 days'`;
const TOKEN_BYTES = 32;
const TOKEN = /^[\w-]{43}$/;

/** Begins a session and answers its first refresh token; clears away what expired of this user. */
export async function beginSession(db: Database, userId: string): Promise<string> {
  return await db.transaction(async (tx) => {
    await tx.query('delete from sessions where user_id = $1 and expires_at < now()', [userId]);
    const [session] = await tx.query<{ id: string }>(
      `insert into sessions (user_id, expires_at) values ($1, now() + ${LIFETIME}) returning id`,
      [userId],
    );
    if (!session) throw new Error('The session was not inserted');
    return await addToken(tx, session.id);
  });
}

/** Exchanges a token for the next one. The second use of one token ends its session, however the two came together. */
export async function refreshSession(db: Database, token: string): Promise<RefreshOutcome> {
  if (!TOKEN.test(token)) return { kind: 'unknown' };
  return await db.transaction(async (tx): Promise<RefreshOutcome> => {
    // The lock on the session's row makes concurrent uses of a family wait for each other.
    const [found] = await tx.query<{ userId: string; sessionId: string; used: boolean; expired: boolean }>(
      `select s.user_id as "userId", s.id as "sessionId", t.used_at is not null as used, t.expires_at < now() as expired
       from refresh_tokens t join sessions s on s.id = t.session_id
       where t.hash = $1 and s.ended_at is null for update`,
      [hash(token)],
    );
    if (!found || found.expired) return { kind: 'unknown' };
    const { userId, sessionId } = found;
    if (found.used) {
      await tx.query('update sessions set ended_at = now() where id = $1', [sessionId]);
      return { kind: 'reused', userId, sessionId };
    }
    await tx.query('update refresh_tokens set used_at = now() where hash = $1', [hash(token)]);
    await tx.query(`update sessions set expires_at = now() + ${LIFETIME} where id = $1`, [sessionId]);
    return { kind: 'refreshed', userId, refreshToken: await addToken(tx, sessionId) };
  });
}

/** Ends the session that a token belongs to, used or not; answers whether there was one. */
export async function endSession(db: Database, token: string): Promise<boolean> {
  if (!TOKEN.test(token)) return false;
  const ended = await db.query(
    `update sessions set ended_at = now()
     where ended_at is null and id = (select session_id from refresh_tokens where hash = $1) returning id`,
    [hash(token)],
  );
  return ended.length > 0;
}

async function addToken(tx: Database, sessionId: string): Promise<string> {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  await tx.query(`insert into refresh_tokens (hash, session_id, expires_at) values ($1, $2, now() + ${LIFETIME})`, [
    hash(token),
    sessionId,
  ]);
  return token;
}

function hash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
