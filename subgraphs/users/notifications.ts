/**
 * What users are notified of: kept for them, and told to those who listen. In: events of all subgraphs.
 * Out: rows, and one event for each on the topic of its user. Clock: per event.
 * Every instance hears every event; the one whose insert wins tells it, so that it is told once and can be read by then.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../src/telemetry/log';
import { type Connection, readPage, toConnection } from '../shared/connection';
import { type Database, isUuid } from '../shared/database';
import { badUserInput, loggable } from '../shared/errors';
import type { EventStream, Events } from '../shared/events';
import { NOTIFICATIONS_TOPIC, type NotificationEvent, notificationTopic } from '../shared/notifications';
import type { QueryNotificationsArgs } from './generated/resolvers';

const MAX_MARKED = 100;
const RETRY_MS = 1_000;
const KEPT = `interval '90 days'`;

interface NotificationRow extends Pick<NotificationEvent, 'id' | 'userId' | 'kind' | 'createdAt' | 'readAt'> {
  readonly subjectKind: NotificationEvent['subject']['kind'];
  readonly subjectId: string;
}

const COLUMNS = `id, user_id as "userId", kind, subject_kind as "subjectKind", subject_id as "subjectId",
  created_at as "createdAt", read_at as "readAt"`;

const toEvent = ({ subjectKind, subjectId, ...rest }: NotificationRow): NotificationEvent => ({
  ...rest,
  subject: { kind: subjectKind, id: subjectId },
});

/** Keeps and tells what comes until it is ended. Never throws: what cannot be kept is logged, and not told. */
export function keepNotifications(db: Database, events: Events, log: Log): () => Promise<void> {
  let stream: EventStream<NotificationEvent> | undefined;
  let hasEnded = false;
  const work = async () => {
    while (!hasEnded) {
      try {
        stream = await events.listen<NotificationEvent>(NOTIFICATIONS_TOPIC);
        if (hasEnded) await stream.return();
        for await (const event of stream) await keep(db, events, log, event);
        return;
      } catch (error) {
        log.warn(loggable(error), 'Notifications cannot be heard for a moment');
        await sleep(RETRY_MS, undefined, { ref: false });
      }
    }
  };
  const working = work();
  return async () => {
    hasEnded = true;
    await stream?.return();
    // One that waits to listen again has nothing to finish.
    if (stream) await working;
  };
}

async function keep(db: Database, events: Events, log: Log, event: NotificationEvent): Promise<void> {
  const { id, userId, kind, subject, createdAt } = event;
  try {
    const kept = await db.query(
      `insert into notifications (id, user_id, kind, subject_kind, subject_id, created_at)
       values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning id`,
      [id, userId, kind, subject.kind, subject.id, createdAt],
    );
    if (kept.length === 0) return;
    await events.publish(notificationTopic(userId), event);
    await db.query(`delete from notifications where user_id = $1 and created_at < now() - ${KEPT}`, [userId]);
  } catch (error) {
    log.warn(loggable(error), 'A notification could not be kept');
  }
}

/** A page of what the user was notified of. Throws BAD_USER_INPUT. */
export async function notificationsOf(
  db: Database,
  userId: string,
  args: QueryNotificationsArgs,
): Promise<Connection<NotificationEvent> & { readonly unreadCount: number }> {
  const page = readPage('notifications', ['timestamp', 'uuid'], args);
  const after = page.after ?? ['infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];
  const [rows, [counted]] = await Promise.all([
    db.query<NotificationRow>(
      `select ${COLUMNS} from notifications
       where user_id = $1 and (created_at, id) < ($2::timestamptz, $3::uuid) and (read_at is null or not $4::boolean)
       order by created_at desc, id desc limit $5`,
      [userId, ...after, args.unread, page.limit],
    ),
    db.query<{ count: number }>(
      'select count(*)::integer as count from notifications where user_id = $1 and read_at is null',
      [userId],
    ),
  ]);
  const connection = toConnection(page, rows.map(toEvent), ({ createdAt, id }) => [createdAt, id]);
  return { ...connection, unreadCount: counted?.count ?? 0 };
}

/** Answers how many of the user's own were not read. Throws BAD_USER_INPUT. */
export async function markRead(
  db: Database,
  userId: string,
  ids: readonly string[] | null | undefined,
): Promise<number> {
  if (ids && (ids.length > MAX_MARKED || !ids.every(isUuid))) {
    throw badUserInput(`ids must be at most ${MAX_MARKED} ids.`, 'ids');
  }
  const marked = await db.query(
    `update notifications set read_at = now()
     where user_id = $1 and read_at is null and ($2::uuid[] is null or id = any($2)) returning id`,
    [userId, ids ?? null],
  );
  return marked.length;
}
