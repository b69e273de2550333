/**
 * Real: Postgres with its seed, HTTP, signatures, scrypt (at a low cost). The test stands in for the gateway.
 * Observed: answers, tokens, and what the tables hold of them.
 */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { SEED_PASSWORD, seedUserId } from '../../subgraphs/users/seed';
import { anonymous, codes } from './shared-call';
import { ada, adaId, graceId, type RunningUsers, startUsers } from './users-support';

let users: RunningUsers;

beforeAll(async () => {
  users = await startUsers();
});

afterAll(() => users.close());

const ask: RunningUsers['ask'] = (caller, query, variables) => users.ask(caller, query, variables);

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
    const { keys } = (await (await fetch(`${users.url}/.well-known/jwks.json`)).json()) as { keys: JsonWebKey[] };
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
    const rows = await users.db.query<{ hash: string }>(
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
    await users.db.query(`update refresh_tokens set expires_at = now() - interval '1 second'`);
    expect(codes(await refresh(refreshToken))).toEqual(['UNAUTHENTICATED']);
  });

  it('lasts thirty days from its last use, and clears away what expired', async () => {
    await users.db.query(`update sessions set expires_at = now() - interval '1 second' where user_id = $1`, [
      seedUserId(5),
    ]);
    await login('alan');
    const rows = await users.db.query(
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
    const dump = await users.db.query<{ row: string }>('select row_to_json(t)::text as row from refresh_tokens t');
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
