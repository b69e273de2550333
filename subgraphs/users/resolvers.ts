/**
 * The fields of the users subgraph. In: a parent row and arguments. Out: rows, or refusals. Clock: per field.
 * Who may see or do what is decided here, by the gateway's word for who calls.
 */

import { requireSelf } from '../shared/access';
import { readPage, toConnection } from '../shared/connection';
import { forbidden, notFound, refusal, unauthenticated } from '../shared/errors';
import type { Caller } from '../shared/identity';
import { notify } from '../shared/notifications';
import { DateTime } from '../shared/scalars';
import { checkPassword, registerUser, setRoles, updateProfile } from './accounts';
import { createKey, listKeys, revokeKey, rotateKey } from './api-keys';
import type { UsersContext } from './context';
import type {
  ApiKeyResolvers,
  MutationResolvers,
  QueryResolvers,
  Resolvers,
  ResolversTypes,
  UserResolvers,
} from './generated/resolvers';
import { Notification, Presence, Subscription, typeOfSubject } from './live';
import { markRead, notificationsOf } from './notifications';
import { USER_COLUMNS, type UserRow } from './rows';
import { beginSession, endSession, refreshSession } from './sessions';

type SignedIn = Extract<Caller, { kind: 'user' }>;

function signedIn({ caller }: UsersContext): SignedIn {
  if (caller.kind !== 'user') throw unauthenticated();
  return caller;
}

function admin(context: UsersContext): SignedIn {
  const caller = signedIn(context);
  if (!caller.roles.includes('ADMIN')) throw forbidden();
  return caller;
}

/** A stolen key must not be able to make itself a successor. */
function keyAdmin(context: UsersContext): SignedIn {
  const caller = admin(context);
  if (caller.apiKey !== undefined) throw forbidden('An API key cannot manage API keys.');
  return caller;
}

function maySeePrivate(user: UserRow, { caller, signedInHere }: UsersContext): boolean {
  if (signedInHere.has(user.id)) return true;
  return caller.kind === 'user' && (caller.id === user.id || caller.roles.includes('ADMIN'));
}

const Query: QueryResolvers = {
  me: (_, _args, { caller, usersById }) => (caller.kind === 'user' ? usersById.load(caller.id) : null),
  user: (_, { id }, { usersById }) => usersById.load(id),
  userByUsername: (_, { username }, { usersByUsername }) => usersByUsername.load(username),
  async users(_, args, context) {
    admin(context);
    const page = readPage('users', ['text'], args);
    const rows = await context.db.query<UserRow>(
      `select ${USER_COLUMNS} from users where $1::text is null or username > $1 order by username limit $2`,
      [page.after?.[0] ?? null, page.limit],
    );
    return toConnection(page, rows, (user) => [user.username]);
  },
  notifications: (_, args, context) => notificationsOf(context.db, signedIn(context).id, args),
  apiKeys(_, args, context) {
    keyAdmin(context);
    return listKeys(context.db, args);
  },
};

const Mutation: MutationResolvers = {
  markNotificationsRead: (_, { ids }, context) => markRead(context.db, signedIn(context).id, ids),
  async register(_, { input }, context) {
    const user = await registerUser(context.db, context.passwords, input);
    return await signIn(user, await beginSession(context.db, user.id), context);
  },
  async login(_, { input }, context) {
    const user = await checkPassword(context.db, context.passwords, input);
    if (!user) throw unauthenticated('The username or the password is wrong.');
    return await signIn(user, await beginSession(context.db, user.id), context);
  },
  async refresh(_, { refreshToken }, context) {
    const outcome = await refreshSession(context.db, refreshToken);
    if (outcome.kind === 'reused') {
      const { userId, sessionId } = outcome;
      context.log.warn({ userId, sessionId }, 'A refresh token was used twice: the session was ended');
    }
    const user = outcome.kind === 'refreshed' ? await context.usersById.load(outcome.userId) : null;
    if (outcome.kind !== 'refreshed' || !user) throw unauthenticated('The refresh token is not valid. Sign in again.');
    return await signIn(user, outcome.refreshToken, context);
  },
  logout: (_, { refreshToken }, { db }) => endSession(db, refreshToken),
  async updateProfile(_, { input }, context) {
    const { id } = signedIn(context);
    const user = await updateProfile(context.db, id, input);
    if (!user) throw notFound('There is no such user.');
    return user;
  },
  async updateUser(_, { id, input }, context) {
    requireSelf(context.caller, id);
    const user = await updateProfile(context.db, id, input);
    if (!user) throw notFound('There is no such user.');
    return user;
  },
  async setRoles(_, { userId, roles }, context) {
    const caller = admin(context);
    if (caller.id.toLowerCase() === userId.toLowerCase() && !roles.includes('ADMIN')) {
      throw refusal('CONFLICT', 'An ADMIN cannot take ADMIN from themselves.');
    }
    const user = await setRoles(context.db, userId, roles);
    if (!user) throw notFound('There is no such user.');
    await notify(context.events, user.id, { kind: 'ACCOUNT', subject: { kind: 'User', id: user.id } });
    return user;
  },
  async createApiKey(_, { input }, context) {
    const { id: by } = keyAdmin(context);
    const created = await createKey(context.db, input);
    context.log.info({ apiKey: created.apiKey.id, ownerId: input.ownerId, by }, 'An API key was created');
    return created;
  },
  async rotateApiKey(_, { id, overlapSeconds }, context) {
    const { id: by } = keyAdmin(context);
    const rotated = await rotateKey(context.db, id, overlapSeconds);
    context.log.info({ apiKey: id, by }, 'An API key was rotated');
    return rotated;
  },
  async revokeApiKey(_, { id }, context) {
    const { id: by } = keyAdmin(context);
    const revoked = await revokeKey(context.db, id);
    context.log.info({ apiKey: id, by }, 'An API key was revoked');
    return revoked;
  },
};

async function signIn(
  user: UserRow,
  refreshToken: string,
  context: UsersContext,
): Promise<ResolversTypes['AuthPayload']> {
  context.signedInHere.add(user.id);
  const { token, expiresAt } = await context.accessTokens.issue(user);
  return { accessToken: token, tokenType: 'Bearer', expiresAt, refreshToken, user };
}

const User: UserResolvers = {
  __resolveReference: (reference, { usersById, usersByUsername }) =>
    'username' in reference ? usersByUsername.load(reference.username) : usersById.load(reference.id),
  email: (user, _args, context) => (maySeePrivate(user, context) ? user.email : null),
  roles: (user, _args, context) => (maySeePrivate(user, context) ? [...user.roles] : null),
  online: async (user, _args, { caller, online }) =>
    caller.kind === 'user' ? (await online.load(user.id)) !== null : null,
  isStaff: (user) => user.roles.includes('ADMIN') || user.roles.includes('EDITOR'),
};

const ApiKey: ApiKeyResolvers = {
  async owner({ ownerId }, _args, { usersById }) {
    const owner = await usersById.load(ownerId);
    if (!owner) throw notFound('The owner is gone.');
    return owner;
  },
  roles: ({ roles }) => [...roles],
  scopes: ({ scopes }) => [...scopes],
  previousSecretUntil: ({ previousUntil }) => (previousUntil && previousUntil > new Date() ? previousUntil : null),
};

export const resolvers: Resolvers = {
  Query,
  Mutation,
  Subscription,
  User,
  ApiKey,
  Presence,
  Notification,
  NotificationSubject: { __resolveType: typeOfSubject },
  DateTime,
};
