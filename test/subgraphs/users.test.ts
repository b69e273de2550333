/**
 * Real: Postgres with its seed, HTTP. The test stands in for the gateway.
 * Observed: answers, the tables, and the SQL statements that an operation costs.
 */
import { seedUserId } from '../../subgraphs/users/seed';
import { type Answer, anonymous, type call, codes, user } from './shared-call';
import { ada, adaId, grace, graceId, type RunningUsers, startUsers } from './users-support';

let users: RunningUsers;

beforeAll(async () => {
  users = await startUsers();
});

afterAll(() => users.close());

const ask: RunningUsers['ask'] = (caller, query, variables) => users.ask(caller, query, variables);

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
      const list = answer.data.users;
      expect(list.pageInfo.hasPreviousPage).toBe(page > 0);
      seen.push(...list.nodes.map((node: { username: string }) => node.username));
      after = list.pageInfo.endCursor;
      if (!list.pageInfo.hasNextPage) break;
    }
    const all = await users.db.query<{ username: string }>('select username from users order by username');
    expect(seen).toEqual(all.map(({ username }) => username));
    expect(seen.length).toBeGreaterThanOrEqual(12);
  });

  it.each([{ first: 0 }, { first: 101 }, { first: -1 }, { after: 'x' }])('refuses %p', async (variables) => {
    expect(codes(await ask(ada, QUERY, variables))).toEqual(['BAD_USER_INPUT']);
  });
});

describe('updateUser', () => {
  const MUTATION = 'mutation ($id: ID!, $input: UpdateProfileInput!) { updateUser(id: $id, input: $input) { id bio } }';
  const update = (caller: Parameters<typeof ask>[0], id: string) =>
    ask(caller, MUTATION, { id, input: { bio: 'new' } });
  const id = seedUserId(5);

  it('changes a profile for its user and for an ADMIN, and for nobody else', async () => {
    for (const caller of [user(id), ada])
      expect((await update(caller, id)).data.updateUser).toEqual({ id, bio: 'new' });
    expect(codes(await update(user(seedUserId(6)), id))).toEqual(['FORBIDDEN']);
    expect(codes(await update(anonymous, id))).toEqual(['UNAUTHENTICATED']);
  });

  it.each([seedUserId(99), 'no-id'])('tells an ADMIN that there is no user %s', async (unknown) => {
    expect(codes(await update(ada, unknown))).toEqual(['NOT_FOUND']);
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
    const others = await users.db.query(`select id from users where bio = 'mine' and id <> $1`, [seedUserId(4)]);
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
    users.queries.length = 0;
    const ids = [3, 1, 99, 2, 1].map(seedUserId);
    const found = await entities(ids.map((id) => ({ __typename: 'User', id })));
    expect(users.queries).toHaveLength(1);
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
    users.queries.length = 0;
    const found = await entities([
      { __typename: 'User', username: 'ada' },
      { __typename: 'User', username: 'grace' },
      { __typename: 'User', id: graceId },
    ]);
    expect(found.map(({ id }: { id: string }) => id)).toEqual([adaId, graceId, graceId]);
    expect(users.queries).toHaveLength(2);
  });

  it('asks the database nothing for ids that cannot be', async () => {
    users.queries.length = 0;
    expect(
      await entities([
        { __typename: 'User', id: 'x' },
        { __typename: 'User', id: '' },
      ]),
    ).toEqual([null, null]);
    expect(users.queries).toEqual([]);
  });
});
