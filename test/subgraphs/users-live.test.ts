/**
 * Presence and notifications of users. Real: Postgres, sockets of graphql-ws, two instances of the subgraph.
 * Observed: what watchers hear, and what the table of live subscriptions holds.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'graphql-ws';
import { silentLog } from '../../src/telemetry/log';
import { type Database, openDatabase } from '../../subgraphs/shared/database';
import { createLocalEvents } from '../../subgraphs/shared/events';
import type { Caller } from '../../subgraphs/shared/identity';
import { notificationTopic, notify } from '../../subgraphs/shared/notifications';
import { type RunningSubgraph, startSubgraph } from '../../subgraphs/shared/subgraph';
import { createPasswords } from '../../subgraphs/users/passwords';
import { createPresence } from '../../subgraphs/users/presence';
import { seedUserId } from '../../subgraphs/users/seed';
import { createUsersSubgraph } from '../../subgraphs/users/subgraph';
import { createTestDatabase, type TestDatabase } from '../support/postgres';
import { type Heard, hear, openSocket, until } from './live-support';
import { anonymous, call, TEST_SECRET, user } from './shared-call';

jest.setTimeout(30_000);

const keys = mkdtempSync(join(tmpdir(), 'supergate-keys-'));
const events = createLocalEvents();
const [ada, grace, linus] = [user(seedUserId(1), 'ADMIN'), user(seedUserId(2)), user(seedUserId(3))];
const INBOX =
  'subscription { it: notificationReceived { kind subject { __typename ... on User { username } ... on Message { id } } } }';
const WATCH = 'subscription ($ids: [ID!]!) { it: presenceChanged(userIds: $ids) { user { username } online since } }';
let database: TestDatabase;
let db: Database;
let instances: RunningSubgraph[];
let sockets: Client[];

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase(database.url);
  const start = async () =>
    startSubgraph(
      await createUsersSubgraph({ SIGNING_KEYS_DIR: keys }, silentLog, createPasswords({ ln: 10, r: 8, p: 1 })),
      {
        databaseUrl: database.url,
        port: 0,
        identitySecret: TEST_SECRET,
        log: silentLog,
        events,
      },
    );
  instances = [await start(), await start()];
  sockets = instances.map(({ url }) => openSocket(url));
});

afterAll(async () => {
  await Promise.all(sockets.map((socket) => socket.dispose()));
  await until(async () => (await live()) === 0);
  await Promise.all(instances.map((instance) => instance.close()));
  await db.close();
  await database.close();
  rmSync(keys, { recursive: true });
});

const at = (instance: number): Client => sockets[instance] as Client;
const live = async () => (await db.query('select 1 from live_connections')).length;
const isOnline = async (id: string) => {
  const { data } = await call(instances[1]?.url ?? '', ada, 'query ($id: ID!) { user(id: $id) { online } }', { id });
  return data.user.online as boolean | null;
};

/** Grace, watched by Ada at the first instance. */
async function watchGrace(): Promise<Heard> {
  const watcher = hear(at(0), ada, WATCH, { ids: [seedUserId(2), seedUserId(4)] });
  await until(async () => events.listeners('users:presenceChanged') === 1 && (await live()) === 1);
  return watcher;
}

describe('presence', () => {
  it('stays online when one of two connections ends, at whichever instance, and goes with the last', async () => {
    const watcher = await watchGrace();
    const first = hear(at(0), grace, INBOX);
    await until(() => watcher.events.length === 1);
    const second = hear(at(1), grace, INBOX);
    await until(async () => (await live()) === 3);
    expect(await isOnline(seedUserId(2))).toBe(true);
    first.stop();
    await until(async () => (await live()) === 2);
    expect(await isOnline(seedUserId(2))).toBe(true);
    second.stop();
    await until(() => watcher.events.length === 2);
    const told = (online: boolean) => ({
      it: { user: { username: 'grace' }, online, since: expect.stringMatching(/Z$/) },
    });
    expect(watcher.events).toEqual([told(true), told(false)]);
    expect(await isOnline(seedUserId(2))).toBe(false);
    watcher.stop();
    await until(async () => (await live()) === 0);
  });

  it('tells of nobody who is not watched, and ends up right when many come and go at once', async () => {
    const watcher = await watchGrace();
    const other = hear(at(1), linus, INBOX);
    const many = Array.from({ length: 20 }, (_, index) => hear(at(index % 2), grace, INBOX));
    await until(async () => (await live()) === 22);
    for (const each of many) each.stop();
    await until(async () => (await live()) === 2);
    await until(() => watcher.events.at(-1)?.it.online === false);
    const told = watcher.events.map(({ it }) => it);
    expect(new Set(told.map(({ user: { username } }) => username))).toEqual(new Set(['grace']));
    expect(told.map(({ online }) => online)).toEqual(told.map((_, index) => index % 2 === 0));
    watcher.stop();
    other.stop();
    await until(async () => (await live()) === 0);
  });

  it('of an instance that died expires, and another tells of it', async () => {
    const watcher = await watchGrace();
    await db.query("insert into live_connections values (gen_random_uuid(), $1, now() - interval '1 second')", [
      seedUserId(2),
    ]);
    expect(await isOnline(seedUserId(2))).toBe(false);
    const sweeping = createPresence({ db, events, log: silentLog, lifetimeMs: 300 });
    const leave = await sweeping.enter(seedUserId(3));
    await until(() => watcher.events.length === 1);
    expect(watcher.events[0].it).toMatchObject({ user: { username: 'grace' }, online: false });
    // Longer than its life: what beats stays.
    await sleep(700);
    expect(await isOnline(seedUserId(3))).toBe(true);
    leave();
    watcher.stop();
    await until(async () => (await live()) === 0);
  });

  it('is not for who did not sign in, and not for everybody at once', async () => {
    const refused = [
      hear(at(0), anonymous, WATCH, { ids: [seedUserId(2)] }),
      hear(at(0), ada, WATCH, { ids: [] }),
      hear(at(0), ada, WATCH, { ids: ['grace'] }),
      hear(at(0), ada, WATCH, { ids: Array.from({ length: 101 }, (_, index) => seedUserId(index)) }),
    ];
    await until(() => refused.every(({ hasEnded }) => hasEnded));
    expect(refused.map(({ errors }) => errors[0]?.extensions?.code)).toEqual([
      'UNAUTHENTICATED',
      'BAD_USER_INPUT',
      'BAD_USER_INPUT',
      'BAD_USER_INPUT',
    ]);
    const { data } = await call(instances[0]?.url ?? '', anonymous, '{ userByUsername(username: "ada") { online } }');
    expect(data).toEqual({ userByUsername: { online: null } });
    expect(await live()).toBe(0);
  });
});

describe('notifications', () => {
  it('reach their user alone, from this and other subgraphs, on all connections', async () => {
    const own = [hear(at(0), grace, INBOX), hear(at(1), grace, INBOX)];
    const other = hear(at(0), linus, INBOX);
    await until(async () => events.listeners(notificationTopic(seedUserId(2))) === 2 && (await live()) === 3);
    const query = 'mutation ($id: ID!) { setRoles(userId: $id, roles: [USER, EDITOR]) { id } }';
    expect((await call(instances[0]?.url ?? '', ada, query, { id: seedUserId(2) })).errors).toBeUndefined();
    await notify(events, seedUserId(2), { kind: 'MESSAGE', subject: { kind: 'Message', id: 'm1' } });
    await until(() => own.every(({ events: told }) => told.length === 2));
    for (const { events: told } of own) {
      expect(told.map(({ it }) => it)).toEqual([
        { kind: 'ACCOUNT', subject: { __typename: 'User', username: 'grace' } },
        { kind: 'MESSAGE', subject: { __typename: 'Message', id: 'm1' } },
      ]);
    }
    expect(other.events).toEqual([]);
    for (const each of [...own, other]) each.stop();
    await until(async () => (await live()) === 0 && events.listeners(notificationTopic(seedUserId(2))) === 0);
  });

  const LIST = `query ($after: String, $unread: Boolean! = false) {
    it: notifications(first: 2, after: $after, unread: $unread) {
      nodes { id kind readAt subject { __typename ... on Message { id } } } pageInfo { hasNextPage endCursor } unreadCount
    } }`;
  const MARK = 'mutation ($ids: [ID!]) { it: markNotificationsRead(ids: $ids) }';
  const ask = (caller: Caller, query: string, variables: Record<string, unknown> = {}, instance = 0) =>
    call(instances[instance]?.url ?? '', caller, query, variables);
  /** One after the other: moments are kept in milliseconds. */
  const tell = async (who: Caller, userId: string, ...ids: string[]) => {
    const { unreadCount } = (await ask(who, LIST)).data.it;
    for (const [index, id] of ids.entries()) {
      await notify(events, userId, { kind: 'MESSAGE', subject: { kind: 'Message', id } });
      await until(async () => (await ask(who, LIST)).data.it.unreadCount === unreadCount + index + 1);
      await sleep(2);
    }
  };

  it('are kept once for who is away, whichever instance hears of them, the newest first', async () => {
    const alan = user(seedUserId(5));
    await tell(alan, seedUserId(5), 'm1', 'm2', 'm3');
    const first = (await ask(alan, LIST, {}, 1)).data.it;
    expect(first.unreadCount).toBe(3);
    expect(first.nodes.map(({ subject }: { subject: { id: string } }) => subject.id)).toEqual(['m3', 'm2']);
    expect(first.nodes[0]).toMatchObject({ kind: 'MESSAGE', readAt: null });
    const second = (await ask(alan, LIST, { after: first.pageInfo.endCursor })).data.it;
    expect([second.nodes.length, second.pageInfo.hasNextPage]).toEqual([1, false]);
    expect((await ask(linus, LIST)).data.it.nodes).toEqual([]);
  });

  it('are marked as read by their user alone, some or all', async () => {
    const margaret = user(seedUserId(4));
    await tell(margaret, seedUserId(4), 'm1', 'm2', 'm3');
    const [newest] = (await ask(margaret, LIST)).data.it.nodes;
    expect((await ask(linus, MARK, { ids: [newest.id] })).data.it).toBe(0);
    expect((await ask(margaret, MARK, { ids: [newest.id] })).data.it).toBe(1);
    expect((await ask(margaret, MARK, { ids: [newest.id] })).data.it).toBe(0);
    const unread = (await ask(margaret, LIST, { unread: true })).data.it;
    expect([unread.unreadCount, unread.nodes.length]).toEqual([2, 2]);
    const { nodes } = (await ask(margaret, LIST)).data.it;
    expect(nodes[0].readAt).toEqual(expect.stringMatching(/Z$/));
    expect((await ask(margaret, MARK)).data.it).toBe(2);
    expect((await ask(margaret, LIST, { unread: true })).data.it).toMatchObject({ unreadCount: 0, nodes: [] });
  });

  it('are refused to mark when ids are none, or too many', async () => {
    for (const ids of [['no id'], Array.from({ length: 101 }, () => seedUserId(1))])
      expect((await ask(grace, MARK, { ids })).errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
    for (const query of [LIST, MARK])
      expect((await ask(anonymous, query)).errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED');
  });

  it('are not for who did not sign in', async () => {
    const refused = hear(at(0), anonymous, INBOX);
    await until(() => refused.hasEnded);
    expect(refused.errors.map(({ extensions }) => extensions?.code)).toEqual(['UNAUTHENTICATED']);
  });
});
