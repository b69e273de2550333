/**
 * Who is online: who has a live subscription at any instance. In: subscriptions that begin and end. Out: an event when
 * the first one of a user begins, and when the last one ends. Clock: per subscription.
 * What the table holds of a user is what was told last: both change under one lock. An instance that dies leaves rows
 * that expire; another one sweeps them, and tells.
 */
import { randomUUID } from 'node:crypto';
import type { Log } from '../../src/telemetry/log';
import type { Database } from '../shared/database';
import { loggable } from '../shared/errors';
import type { Events } from '../shared/events';

export interface PresenceEvent {
  readonly userId: string;
  readonly online: boolean;
  readonly since: Date;
}

export interface Presence {
  /** A subscription of the user begins. The function that comes back, called once, ends it; it never throws. */
  enter(userId: string): Promise<() => void>;
}

export interface PresenceOptions {
  readonly db: Database;
  readonly events: Events;
  readonly log: Log;
  /** After so long without a sign of life, a subscription counts as gone. */
  readonly lifetimeMs?: number;
}

export const PRESENCE_TOPIC = 'users:presenceChanged';
const DEFAULT_LIFETIME_MS = 45_000;
const MAX_SWEPT = 100;

/** Keeps the presence of one instance. Its timer runs only while there are subscriptions. */
export function createPresence(options: PresenceOptions): Presence {
  return new LivePresence(options);
}

class LivePresence implements Presence {
  private readonly ids = new Set<string>();
  private readonly lifetimeMs: number;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: PresenceOptions) {
    this.lifetimeMs = options.lifetimeMs ?? DEFAULT_LIFETIME_MS;
  }

  async enter(userId: string): Promise<() => void> {
    const id = randomUUID();
    await this.change(userId, (tx) =>
      tx.query(
        `insert into live_connections (id, user_id, expires_at)
         values ($1, $2, now() + $3::integer * interval '1 millisecond')`,
        [id, userId, this.lifetimeMs],
      ),
    );
    this.ids.add(id);
    this.timer ??= setInterval(() => this.attempt(this.beat()), this.lifetimeMs / 3).unref();
    return () => this.attempt(this.leave(id, userId));
  }

  private async leave(id: string, userId: string): Promise<void> {
    this.ids.delete(id);
    if (this.ids.size === 0) {
      clearInterval(this.timer);
      this.timer = undefined;
    }
    await this.change(userId, (tx) => tx.query('delete from live_connections where id = $1', [id]));
  }

  private async beat(): Promise<void> {
    const { db } = this.options;
    await db.query(
      `update live_connections set expires_at = now() + $2::integer * interval '1 millisecond' where id = any($1)`,
      [[...this.ids], this.lifetimeMs],
    );
    const gone = await db.query<{ userId: string }>(
      'select distinct user_id as "userId" from live_connections where expires_at < now() limit $1',
      [MAX_SWEPT],
    );
    for (const { userId } of gone) {
      await this.change(userId, (tx) =>
        tx.query('delete from live_connections where user_id = $1 and expires_at < now()', [userId]),
      );
    }
  }

  /** Told while the lock is held: nobody hears that a user went after hearing that the user came back. */
  private async change(userId: string, work: (tx: Database) => Promise<unknown>): Promise<void> {
    const { db, events } = this.options;
    await db.transaction(async (tx) => {
      await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [userId]);
      const before = await isThere(tx, userId);
      await work(tx);
      const online = await isThere(tx, userId);
      const event: PresenceEvent = { userId, online, since: new Date() };
      if (online !== before) await events.publish(PRESENCE_TOPIC, event);
    });
  }

  private attempt(work: Promise<void>): void {
    work.catch((error: unknown) => this.options.log.warn(loggable(error), 'The presence of a user was not kept'));
  }
}

async function isThere(tx: Database, userId: string): Promise<boolean> {
  return (await tx.query('select 1 from live_connections where user_id = $1 limit 1', [userId])).length > 0;
}
