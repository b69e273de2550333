/**
 * Real: Postgres with its seed, HTTP, signatures, scrypt (at a low cost). The test stands in for the gateway.
 * Observed: answers, the tables, and the SQL statements that an operation costs.
 */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';
import { silentLog } from '../../src/telemetry/log';
import { type Database, openDatabase } from '../../subgraphs/shared/database';
import { type RunningSubgraph, startSubgraph } from '../../subgraphs/shared/subgraph';
import { createPasswords } from '../../subgraphs/users/passwords';
import { SEED_PASSWORD, seedUserId } from '../../subgraphs/users/seed';
import { createUsersSubgraph } from '../../subgraphs/users/subgraph';
import { createTestDatabase, type TestDatabase } from '../support/postgres';
import { type Answer, anonymous, call, codes, TEST_SECRET, user } from './shared-call';

// Cheap hashes, for there are many sign-ins here; the recommended cost has its own test.
const passwords = createPasswords({ ln: 10, r: 8, p: 1 });
const adaId = seedUserId(1);
const graceId = seedUserId(2);
const ada = user(adaId, 'ADMIN');
const grace = user(graceId);

let database: TestDatabase;
let db: Database;
let keysDirectory: string;
let subgraph: RunningSubgraph;
const queries: string[] = [];

beforeAll(async () => {
  [database, keysDirectory] = await Promise.all([createTestDatabase(), mkdtemp(join(tmpdir(), 'supergate-keys-'))]);
  db = openDatabase(database.url);
  subgraph = await startSubgraph(await createUsersSubgraph({ SIGNING_KEYS_DIR: keysDirectory }, silentLog, passwords), {
    databaseUrl: database.url,
    port: 0,
    identitySecret: TEST_SECRET,
    log: silentLog,
    onQuery: (sql) => queries.push(sql),
  });
});

afterAll(async () => {
  await subgraph.close();
  await db.close();
  await database.close();
  await rm(keysDirectory, { recursive: true });
});

const ask = (caller: Parameters<typeof call>[1], query: string, variables?: Record<string, unknown>) =>
  call(subgraph.url, caller, query, variables);

const PAYLOAD = '{ accessToken refreshToken expiresAt tokenType user { id username email roles } }';
const login = (username: string, password = SEED_PASSWORD) =>
  ask(anonymous, `mutation ($input: LoginInput!) { login(input: $input) ${PAYLOAD} }`, {
    input: { username, password },
  });
const register = (input: Record<string, unknown>) =>
  ask(anonymous, `mutation ($input: RegisterInput!) { register(input: $input) ${PAYLOAD} }`, { input });
const refresh = (token: string) =>
  ask(anonymous, `mutation ($token: String!) { refresh(refreshToken: $token) ${PAYLOAD} }`, { token });
const logout = (token: string) =>
  ask(anonymous, 'mutation ($token: String!) { logout(refreshToken: $token) }', { token });

describe('login', () => {
  it('answers an ES256 access token with all claims, verifiable by the published keys', async () => {
    const { data } = await login('ada');
    const { accessToken, tokenType, expiresAt } = data.login;
    const { keys } = (await (await fetch(`${subgraph.url}/.well-known/jwks.json`)).json()) as { keys: JsonWebKey[] };
    const { header } = jwt.decode(accessToken, { complete: true })!;
    const jwk = keys.find(({ kid }) => kid === header.kid)!;
    expect(Object.keys(jwk).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    const claims = jwt.verify(accessToken, createPublicKey({ key: jwk, format: 'jwk' }), {
      algorithms: ['ES256'],
      issuer: 'https://users.supergate.local',
      audience: 'supergate',
    }) as jwt.JwtPayload;
    expect(claims).toMatchObject({ sub: adaId, roles: ['USER', 'EDITOR', 'ADMIN'], jti: expect.any(String) });
    expect(claims.scopes).toEqual(expect.arrayContaining(['profile:write', 'users:write']));
    expect(claims.exp! - claims.iat!).toBe(15 * 60);
    expect([tokenType, Date.parse(expiresAt)]).toEqual(['Bearer', claims.exp! * 1000]);
  });

  it('takes the email address for the username, in any case', async () => {
    expect((await login('Grace@Example.com')).data.login.user.username).toBe('grace');
  });

  it('lets the one who signed in see what is private, though the request came from nobody yet', async () => {
    expect((await login('grace')).data.login.user).toEqual({
      id: graceId,
      username: 'grace',
      email: 'grace@example.com',
      roles: ['USER', 'EDITOR'],
    });
  });

  it.each([
    ['a wrong password', 'grace', 'wrong-password'],
    ['an unknown user', 'nobody-of-this-name', SEED_PASSWORD],
    ['an empty password', 'grace', ''],
    ['an endless password', 'grace', 'x'.repeat(100_000)],
    ['NUL in the name', 'gra\0ce', SEED_PASSWORD],
  ])('refuses %s in the same words', async (_name, username, password) => {
    const answer = await login(username, password);
    expect(answer.errors).toEqual([
      expect.objectContaining({
        message: 'The username or the password is wrong.',
        extensions: { code: 'UNAUTHENTICATED' },
      }),
    ]);
    expect(answer.data).toBeNull();
  });
});

describe('register', () => {
  const input = { username: 'hedy', email: ' Hedy@Example.com ', password: 'frequency-hopping' };

  it('makes an account with the role USER and signs it in', async () => {
    const { data } = await register({ ...input, displayName: 'Hedy Lamarr' });
    expect(data.register.user).toMatchObject({ username: 'hedy', email: 'hedy@example.com', roles: ['USER'] });
    expect((await login('hedy', input.password)).data.login.user.id).toBe(data.register.user.id);
  });

  it('stores the password as scrypt with its parameters, salted', async () => {
    await register({ username: 'twin_a', email: 'a@example.com', password: 'the-same-words' });
    await register({ username: 'twin_b', email: 'b@example.com', password: 'the-same-words' });
    const rows = await db.query<{ hash: string }>(
      `select password_hash as hash from users where username like 'twin%'`,
    );
    expect(rows).toHaveLength(2);
    for (const { hash } of rows) expect(hash).toMatch(/^\$scrypt\$ln=10,r=8,p=1\$[\w-]{22}\$[\w-]{43}$/);
    expect(rows[0]!.hash).not.toBe(rows[1]!.hash);
  });

  it('takes a password in any Unicode form', async () => {
    await register({ username: 'cafe', email: 'cafe@example.com', password: 'caf\u00e9-caf\u00e9' });
    expect((await login('cafe', 'cafe\u0301-cafe\u0301')).errors).toBeUndefined();
  });

  it.each([
    ['a short username', { username: 'ab' }, 'input.username'],
    ['capitals in the username', { username: 'Hedy' }, 'input.username'],
    ['an email address as username', { username: 'ada@example.com' }, 'input.username'],
    ['no email address', { email: 'hedy' }, 'input.email'],
    ['two email addresses', { email: 'a@b.com,c@d.com' }, 'input.email'],
    ['a header in the email address', { email: 'a@b.com\nbcc: c@d.com' }, 'input.email'],
    ['NUL in the email address', { email: 'a\0@b.com' }, 'input.email'],
    ['a short password', { password: '1234567' }, 'input.password'],
    ['an endless password', { password: 'x'.repeat(257) }, 'input.password'],
    ['an empty display name', { displayName: ' ' }, 'input.displayName'],
    ['a long display name', { displayName: 'x'.repeat(81) }, 'input.displayName'],
  ])('refuses %s and names the input', async (_name, wrong, argument) => {
    const answer = await register({ username: 'new_one', email: 'new@example.com', password: '12345678', ...wrong });
    expect(answer.errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', argument });
  });

  it('refuses a username or address that is taken', async () => {
    const ok = { username: 'another', email: 'another@example.com', password: '12345678' };
    expect(codes(await register({ ...ok, username: 'ada' }))).toEqual(['CONFLICT']);
    expect(codes(await register({ ...ok, email: 'ADA@example.com' }))).toEqual(['CONFLICT']);
  });

  it('makes one account of two that want the same name at once', async () => {
    const wanted = ['1', '2'].map((n) => ({ username: 'wanted', email: `w${n}@example.com`, password: '12345678' }));
    const answers = await Promise.all(wanted.map(register));
    expect(answers.flatMap(codes)).toEqual(['CONFLICT']);
  });
});

describe('refresh', () => {
  it('exchanges a token for a new pair', async () => {
    const { refreshToken, accessToken } = (await login('linus')).data.login;
    const next = (await refresh(refreshToken)).data.refresh;
    expect(next.user.username).toBe('linus');
    expect(next.refreshToken).not.toBe(refreshToken);
    expect(next.accessToken).not.toBe(accessToken);
    expect((await refresh(next.refreshToken)).errors).toBeUndefined();
  });

  it('ends the whole family when an old token is used again, and no other session', async () => {
    const other = (await login('linus')).data.login.refreshToken;
    const first = (await login('linus')).data.login.refreshToken;
    const second = (await refresh(first)).data.refresh.refreshToken;
    expect(codes(await refresh(first))).toEqual(['UNAUTHENTICATED']);
    expect(codes(await refresh(second))).toEqual(['UNAUTHENTICATED']);
    expect((await refresh(other)).errors).toBeUndefined();
  });

  it('gives one of two simultaneous uses a token, and ends the family', async () => {
    const { refreshToken } = (await login('linus')).data.login;
    const answers = await Promise.all([refresh(refreshToken), refresh(refreshToken)]);
    expect(answers.flatMap(codes)).toEqual(['UNAUTHENTICATED']);
    const winner = answers.find(({ errors }) => !errors)!.data.refresh.refreshToken;
    expect(codes(await refresh(winner))).toEqual(['UNAUTHENTICATED']);
  });

  it('refuses an expired token', async () => {
    const { refreshToken } = (await login('alan')).data.login;
    await db.query(`update refresh_tokens set expires_at = now() - interval '1 second'`);
    expect(codes(await refresh(refreshToken))).toEqual(['UNAUTHENTICATED']);
  });

  it('lasts thirty days from its last use, and clears away what expired', async () => {
    await db.query(`update sessions set expires_at = now() - interval '1 second' where user_id = $1`, [seedUserId(5)]);
    await login('alan');
    const rows = await db.query(
      `select round(extract(epoch from s.expires_at - now()) / 86400) as session, round(extract(epoch from t.expires_at - now()) / 86400) as token
       from sessions s join refresh_tokens t on t.session_id = s.id where user_id = $1`,
      [seedUserId(5)],
    );
    expect(rows).toEqual([{ session: '30', token: '30' }]);
  });

  it.each(['', 'x', 'a'.repeat(43), '\0'.repeat(43), 'a'.repeat(10_000)])('refuses a made-up token', async (token) => {
    const answer = await refresh(token);
    expect(answer.errors).toEqual([
      expect.objectContaining({ message: 'The refresh token is not valid. Sign in again.' }),
    ]);
  });

  it('gives roles as they are now', async () => {
    const { refreshToken } = (await login('tim')).data.login;
    await ask(ada, 'mutation ($id: ID!) { setRoles(userId: $id, roles: [USER, EDITOR]) { id } }', {
      id: seedUserId(12),
    });
    const { accessToken } = (await refresh(refreshToken)).data.refresh;
    expect((jwt.decode(accessToken) as jwt.JwtPayload).roles).toEqual(['USER', 'EDITOR']);
  });

  it('stores no token, only hashes', async () => {
    const { refreshToken } = (await login('dennis')).data.login;
    const dump = await db.query<{ row: string }>('select row_to_json(t)::text as row from refresh_tokens t');
    expect(dump.length).toBeGreaterThan(0);
    expect(dump.filter(({ row }) => row.includes(refreshToken))).toEqual([]);
    const asHex = Buffer.from(refreshToken, 'base64url').toString('hex');
    expect(dump.filter(({ row }) => row.includes(asHex))).toEqual([]);
  });
});

describe('logout', () => {
  it('ends the session', async () => {
    const { refreshToken } = (await login('radia')).data.login;
    expect((await logout(refreshToken)).data).toEqual({ logout: true });
    expect(codes(await refresh(refreshToken))).toEqual(['UNAUTHENTICATED']);
    expect((await logout(refreshToken)).data).toEqual({ logout: false });
  });

  it('ends the session by an older token of it, too', async () => {
    const first = (await login('radia')).data.login.refreshToken;
    const second = (await refresh(first)).data.refresh.refreshToken;
    expect((await logout(first)).data).toEqual({ logout: true });
    expect(codes(await refresh(second))).toEqual(['UNAUTHENTICATED']);
  });

  it('answers false for a token of nobody', async () => {
    expect((await logout('x')).data).toEqual({ logout: false });
  });
});

describe('who may see what', () => {
  const FIELDS = '{ id username email roles }';

  it('answers me to the one who is signed in, and null to nobody and to an unknown subject', async () => {
    expect((await ask(grace, '{ me { username email } }')).data.me).toEqual({
      username: 'grace',
      email: 'grace@example.com',
    });
    expect((await ask(anonymous, '{ me { username } }')).data).toEqual({ me: null });
    expect((await ask(user('auth0|42'), '{ me { username } }')).data).toEqual({ me: null });
    expect((await ask(user(seedUserId(99)), '{ me { username } }')).data).toEqual({ me: null });
  });

  it.each([
    ['nobody', anonymous, null],
    ['another user', user(seedUserId(3)), null],
    ['an EDITOR', user(seedUserId(3), 'EDITOR'), null],
    ['the user', grace, 'grace@example.com'],
    ['an ADMIN', ada, 'grace@example.com'],
  ])('shows email and roles of grace to %s as it should', async (_name, caller, email) => {
    const { data } = await ask(caller, `query ($id: ID!) { user(id: $id) ${FIELDS} }`, { id: graceId });
    const roles = email === null ? null : ['USER', 'EDITOR'];
    expect(data.user).toEqual({ id: graceId, username: 'grace', email, roles });
  });

  it.each(['', 'x', seedUserId(99), `${graceId}'--`])('answers null for the unknown id "%s"', async (id) => {
    expect(await ask(anonymous, 'query ($id: ID!) { user(id: $id) { id } }', { id })).toMatchObject({
      data: { user: null },
      errors: undefined,
    });
  });

  it('finds users by username', async () => {
    const query = '{ a: userByUsername(username: "ada") { id } b: userByUsername(username: "no\\u0000") { id } }';
    expect((await ask(anonymous, query)).data).toEqual({ a: { id: adaId }, b: null });
  });
});

describe('users', () => {
  const QUERY =
    'query ($first: Int, $after: String) { users(first: $first, after: $after) { nodes { username } pageInfo { hasNextPage hasPreviousPage endCursor } } }';

  it('is for an ADMIN', async () => {
    expect(codes(await ask(anonymous, QUERY))).toEqual(['UNAUTHENTICATED']);
    expect(codes(await ask(user(graceId, 'EDITOR'), QUERY))).toEqual(['FORBIDDEN']);
    expect((await ask(ada, QUERY)).errors).toBeUndefined();
  });

  it('walks all users in pages, each once and in order', async () => {
    const seen: string[] = [];
    let after: string | null = null;
    for (let page = 0; page < 50; page++) {
      const answer: Answer = await ask(ada, QUERY, { first: 5, after });
      const { users } = answer.data;
      expect(users.pageInfo.hasPreviousPage).toBe(page > 0);
      seen.push(...users.nodes.map((node: { username: string }) => node.username));
      after = users.pageInfo.endCursor;
      if (!users.pageInfo.hasNextPage) break;
    }
    const all = await db.query<{ username: string }>('select username from users order by username');
    expect(seen).toEqual(all.map(({ username }) => username));
    expect(seen.length).toBeGreaterThanOrEqual(12);
  });

  it.each([{ first: 0 }, { first: 101 }, { first: -1 }, { after: 'x' }])('refuses %p', async (variables) => {
    expect(codes(await ask(ada, QUERY, variables))).toEqual(['BAD_USER_INPUT']);
  });
});

describe('updateProfile', () => {
  const MUTATION =
    'mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) { displayName bio avatarUrl updatedAt } }';
  const margaret = user(seedUserId(4));
  const update = (input: Record<string, unknown>, caller = margaret) => ask(caller, MUTATION, { input });

  it('changes what is named and leaves the rest', async () => {
    const { bio, updatedAt } = (await update({})).data.updateProfile;
    const { data } = await update({ displayName: ' Maggie ' });
    expect(data.updateProfile).toMatchObject({ displayName: 'Maggie', bio });
    expect(Date.parse(data.updateProfile.updatedAt)).toBeGreaterThanOrEqual(Date.parse(updatedAt));
    expect((await update({ bio: null, avatarUrl: null })).data.updateProfile).toMatchObject({
      displayName: 'Maggie',
      bio: null,
      avatarUrl: null,
    });
  });

  it('changes the caller alone', async () => {
    await update({ bio: 'mine' });
    const others = await db.query(`select id from users where bio = 'mine' and id <> $1`, [seedUserId(4)]);
    expect(others).toEqual([]);
  });

  it.each([
    ['no display name', { displayName: null }],
    ['a long bio', { bio: 'x'.repeat(501) }],
    ['NUL in a bio', { bio: 'a\0b' }],
    ['a script as avatar', { avatarUrl: 'javascript:alert(1)' }],
    ['plain http', { avatarUrl: 'http://example.com/a.png' }],
    ['credentials in a URL', { avatarUrl: 'https://a:b@example.com/' }],
  ])('refuses %s', async (_name, input) => {
    expect(codes(await update(input))).toEqual(['BAD_USER_INPUT']);
  });

  it('is for somebody who is signed in and known', async () => {
    expect(codes(await ask(anonymous, MUTATION, { input: {} }))).toEqual(['UNAUTHENTICATED']);
    expect(codes(await update({}, user(seedUserId(99))))).toEqual(['NOT_FOUND']);
    expect(codes(await update({}, user('auth0|42')))).toEqual(['NOT_FOUND']);
  });
});

describe('setRoles', () => {
  const MUTATION = 'mutation ($id: ID!, $roles: [Role!]!) { setRoles(userId: $id, roles: $roles) { roles } }';
  const set = (caller: Parameters<typeof call>[1], id: string, roles: string[]) => ask(caller, MUTATION, { id, roles });

  it('is for an ADMIN', async () => {
    expect(codes(await set(anonymous, graceId, ['ADMIN']))).toEqual(['UNAUTHENTICATED']);
    expect(codes(await set(grace, graceId, ['ADMIN']))).toEqual(['FORBIDDEN']);
    expect((await set(ada, seedUserId(6), ['USER', 'EDITOR', 'USER'])).data.setRoles.roles).toEqual(['USER', 'EDITOR']);
  });

  it('does not let an ADMIN lock themselves out, whatever the case of the id', async () => {
    expect(codes(await set(ada, adaId, ['USER']))).toEqual(['CONFLICT']);
    expect(
      codes(
        await set(user('0000000A-0000-4000-8000-000000000001', 'ADMIN'), '0000000a-0000-4000-8000-000000000001', [
          'USER',
        ]),
      ),
    ).toEqual(['CONFLICT']);
  });

  it('refuses no roles, unknown roles and unknown users', async () => {
    expect(codes(await set(ada, graceId, []))).toEqual(['BAD_USER_INPUT']);
    expect((await set(ada, graceId, ['ROOT'])).status).toBe(400);
    expect(codes(await set(ada, seedUserId(99), ['USER']))).toEqual(['NOT_FOUND']);
    expect(codes(await set(ada, 'x', ['USER']))).toEqual(['NOT_FOUND']);
  });
});

describe('references', () => {
  const QUERY = `query ($representations: [_Any!]!) {
    _entities(representations: $representations) { ... on User { id username isStaff createdAt } }
  }`;
  const entities = async (representations: object[]) =>
    (await ask(anonymous, QUERY, { representations })).data._entities;

  it('resolves many in one SQL statement, in their order, with null for the unknown', async () => {
    queries.length = 0;
    const ids = [3, 1, 99, 2, 1].map(seedUserId);
    const found = await entities(ids.map((id) => ({ __typename: 'User', id })));
    expect(queries).toHaveLength(1);
    expect(found.map((found: { username: string } | null) => found?.username ?? null)).toEqual([
      'linus',
      'ada',
      null,
      'grace',
      'ada',
    ]);
    expect(found[1]).toEqual({ id: adaId, username: 'ada', isStaff: true, createdAt: '2026-01-01T09:00:00.000Z' });
  });

  it('resolves by username as well, one statement for each key', async () => {
    queries.length = 0;
    const found = await entities([
      { __typename: 'User', username: 'ada' },
      { __typename: 'User', username: 'grace' },
      { __typename: 'User', id: graceId },
    ]);
    expect(found.map(({ id }: { id: string }) => id)).toEqual([adaId, graceId, graceId]);
    expect(queries).toHaveLength(2);
  });

  it('asks the database nothing for ids that cannot be', async () => {
    queries.length = 0;
    expect(
      await entities([
        { __typename: 'User', id: 'x' },
        { __typename: 'User', id: '' },
      ]),
    ).toEqual([null, null]);
    expect(queries).toEqual([]);
  });
});
