/**
 * Real: Postgres with its seed, HTTP, signatures, keys. The test stands in for the gateway.
 * Observed: answers to an admin, what the gateway is told of keys, and the tables.
 */
import { hashOfApiKey } from '../../src/context/api-key';
import { createApiKeyHttpSource } from '../../src/context/api-key-http';
import type { ApiKeySource } from '../../src/context/api-key-lookups';
import { createPostJson } from '../../src/context/http-fetch';
import { type Caller, IDENTITY_HEADER, signIdentity } from '../../subgraphs/shared/identity';
import { type Answer, anonymous, codes, testKey, user } from './shared-call';
import { ada, adaId, grace, graceId, type RunningUsers, startUsers } from './users-support';

const linusId = '00000000-0000-4000-8000-000000000003';
const gateway: Caller = { kind: 'gateway' };

let users: RunningUsers;
let source: ApiKeySource;

beforeAll(async () => {
  users = await startUsers();
  source = createApiKeyHttpSource({
    url: `${users.url}/.well-known/api-keys`,
    postJson: createPostJson(),
    headers: () => ({ [IDENTITY_HEADER]: signIdentity(gateway, testKey) }),
  });
});

afterAll(() => users.close());

const FIELDS =
  'id name owner { username } roles scopes tier createdAt expiresAt rotatedAt previousSecretUntil revokedAt lastUsedAt';
const CREATE = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { key apiKey { ${FIELDS} } } }`;
const ROTATE = `mutation ($id: ID!, $overlap: Int! = 86400) { rotateApiKey(id: $id, overlapSeconds: $overlap) { key apiKey { ${FIELDS} } } }`;
const REVOKE = `mutation ($id: ID!) { revokeApiKey(id: $id) { ${FIELDS} } }`;
const LIST = `query ($first: Int, $after: String, $ownerId: ID) { apiKeys(first: $first, after: $after, ownerId: $ownerId) { nodes { id name } pageInfo { hasNextPage endCursor } } }`;

const create = (input: Record<string, unknown> = {}, caller: Caller = ada): Promise<Answer> =>
  users.ask(caller, CREATE, { input: { name: 'Partner', ownerId: graceId, ...input } });

async function created(input: Record<string, unknown> = {}): Promise<{ id: string; key: string }> {
  const { data } = await create(input);
  return { id: data.createApiKey.apiKey.id, key: data.createApiKey.key };
}

const recordOf = async (id: string) => (await source.find([id])).get(id);
/** The secrets that count now, as the gateway is told of them. */
const hashesOf = async (id: string) => (await recordOf(id))?.hashes.map(({ sha256 }) => sha256.toString('hex'));
const hash = (key: string) => hashOfApiKey(key).toString('hex');

describe('an API key', () => {
  it('is made by an ADMIN for a user, and shown once', async () => {
    const expiresAt = '2100-01-01T00:00:00.000Z';
    const { data, errors } = await create({ roles: ['EDITOR'], scopes: ['payments:read'], tier: 'gold', expiresAt });
    expect(errors).toBeUndefined();
    const { key, apiKey } = data.createApiKey;
    expect(apiKey).toMatchObject({
      name: 'Partner',
      owner: { username: 'grace' },
      roles: ['EDITOR'],
      scopes: ['payments:read'],
      tier: 'gold',
      expiresAt,
      rotatedAt: null,
      previousSecretUntil: null,
      revokedAt: null,
      lastUsedAt: null,
    });
    expect(key).toMatch(new RegExp(`^sgk_${apiKey.id}_[A-Za-z0-9_-]{43}$`));
  });

  it('is stored as a hash alone', async () => {
    const { id, key } = await created();
    const rows = await users.db.query<{ text: string }>(
      'select to_jsonb(k)::text as text from api_keys k where id = $1',
      [id],
    );
    expect(rows[0]?.text).toContain(hash(key));
    expect(rows[0]?.text).not.toContain(key.slice(-43));
  });

  it.each<[string, Caller, string]>([
    ['nobody', anonymous, 'UNAUTHENTICATED'],
    ['the gateway itself', gateway, 'UNAUTHENTICATED'],
    ['a user', grace, 'FORBIDDEN'],
    ['an API key of an ADMIN', { ...ada, apiKey: 'abcdefghijkl' } as Caller, 'FORBIDDEN'],
  ])('is not made, listed, rotated or ended by %s', async (_name, caller, code) => {
    const { id } = await created();
    expect(codes(await create({}, caller))).toEqual([code]);
    expect(codes(await users.ask(caller, LIST))).toEqual([code]);
    expect(codes(await users.ask(caller, ROTATE, { id }))).toEqual([code]);
    expect(codes(await users.ask(caller, REVOKE, { id }))).toEqual([code]);
    expect(await recordOf(id)).toBeDefined();
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['an empty name', { name: ' ' }, 'input.name'],
    ['a long name', { name: 'x'.repeat(101) }, 'input.name'],
    ['a name with a control character', { name: 'a\u0000' }, 'input.name'],
    ['an owner that is no id', { ownerId: 'grace' }, 'input.ownerId'],
    ['an owner that is not there', { ownerId: '00000000-0000-4000-8000-000000000099' }, 'input.ownerId'],
    ['a role that the owner does not have', { roles: ['USER', 'ADMIN'] }, 'input.roles'],
    ["a scope that the owner's roles do not give", { scopes: ['payments:refund'] }, 'input.scopes'],
    ['a tier with a space', { tier: 'very gold' }, 'input.tier'],
    ['an expiry in the past', { expiresAt: '2020-01-01T00:00:00Z' }, 'input.expiresAt'],
  ])('is not made with %s', async (_name, input, argument) => {
    const { errors } = await create(input);
    expect(errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', argument });
  });

  it('loses at once what its owner loses', async () => {
    const { id } = await created({ ownerId: linusId, scopes: ['content:write'] });
    await users.db.query(`update users set roles = '{EDITOR}' where id = $1`, [linusId]);
    expect(await recordOf(id)).toMatchObject({ subject: linusId, roles: [], scopes: [] });
    await users.db.query(`update users set roles = '{USER}' where id = $1`, [linusId]);
    expect(await recordOf(id)).toMatchObject({ roles: ['USER'], scopes: ['content:write'] });
  });

  it('is listed in pages, the newest first, of all users or of one', async () => {
    await users.db.query('delete from api_keys');
    for (const name of ['a', 'b', 'c']) await created({ name, ownerId: name === 'b' ? adaId : graceId });
    const first = await users.ask(ada, LIST, { first: 2 });
    expect(first.data.apiKeys.nodes.map(({ name }: { name: string }) => name)).toEqual(['c', 'b']);
    const { endCursor } = first.data.apiKeys.pageInfo;
    const second = await users.ask(ada, LIST, { first: 2, after: endCursor });
    expect(second.data.apiKeys).toMatchObject({ nodes: [{ name: 'a' }], pageInfo: { hasNextPage: false } });
    const own = await users.ask(ada, LIST, { ownerId: adaId });
    expect(own.data.apiKeys.nodes).toMatchObject([{ name: 'b' }]);
    expect((await users.ask(ada, LIST, { ownerId: "x' or true--" })).data.apiKeys.nodes).toEqual([]);
  });
});

describe('a rotation', () => {
  it('gives a new secret to the same key, and the old one until the overlap ends', async () => {
    const { id, key } = await created();
    const { data } = await users.ask(ada, ROTATE, { id, overlap: 3600 });
    const rotated = data.rotateApiKey;
    expect(rotated.apiKey.id).toBe(id);
    const overlap = Date.parse(rotated.apiKey.previousSecretUntil) - Date.parse(rotated.apiKey.rotatedAt);
    expect(overlap).toBe(3_600_000);
    expect(await hashesOf(id)).toEqual([hash(rotated.key), hash(key)]);
    await users.db.query(`update api_keys set previous_until = now() - interval '1 second' where id = $1`, [id]);
    expect(await hashesOf(id)).toEqual([hash(rotated.key)]);
  });

  it('without overlap ends the old secret at once', async () => {
    const { id } = await created();
    const { data } = await users.ask(ada, ROTATE, { id, overlap: 0 });
    expect(data.rotateApiKey.apiKey.previousSecretUntil).toBeNull();
    expect(await hashesOf(id)).toEqual([hash(data.rotateApiKey.key)]);
  });

  it('after a rotation ends the first secret, however long it would have counted', async () => {
    const { id } = await created();
    const [one, two] = [await users.ask(ada, ROTATE, { id }), await users.ask(ada, ROTATE, { id })];
    expect(await hashesOf(id)).toEqual([hash(two.data.rotateApiKey.key), hash(one.data.rotateApiKey.key)]);
  });

  it('at the same time as another leaves the secrets of both, and no third', async () => {
    const { id } = await created();
    const answers = await Promise.all([users.ask(ada, ROTATE, { id }), users.ask(ada, ROTATE, { id })]);
    const hashes = answers.map(({ data }) => hash(data.rotateApiKey.key));
    expect((await hashesOf(id))?.sort()).toEqual(hashes.sort());
  });

  it.each([-1, 2_592_001])('is refused with an overlap of %d seconds', async (overlap) => {
    const { id, key } = await created();
    expect(codes(await users.ask(ada, ROTATE, { id, overlap }))).toEqual(['BAD_USER_INPUT']);
    expect(await hashesOf(id)).toEqual([hash(key)]);
  });

  it.each(['', 'abcdefghijkl', 'no\u0000', 'x'.repeat(1000)])('of the unknown key "%s" finds nothing', async (id) => {
    expect(codes(await users.ask(ada, ROTATE, { id }))).toEqual(['NOT_FOUND']);
    expect(codes(await users.ask(ada, REVOKE, { id }))).toEqual(['NOT_FOUND']);
  });

  it('cannot bring a key back that was revoked or has expired', async () => {
    const revoked = await created();
    await users.ask(ada, REVOKE, { id: revoked.id });
    expect(codes(await users.ask(ada, ROTATE, { id: revoked.id }))).toEqual(['CONFLICT']);
    const expired = await created();
    await users.db.query(`update api_keys set expires_at = now() - interval '1 second' where id = $1`, [expired.id]);
    expect(codes(await users.ask(ada, ROTATE, { id: expired.id }))).toEqual(['CONFLICT']);
  });
});

describe('a revocation', () => {
  it('takes the key away, and says the same when it is asked again', async () => {
    const { id } = await created();
    const { data } = await users.ask(ada, REVOKE, { id });
    expect(data.revokeApiKey.revokedAt).not.toBeNull();
    expect(await recordOf(id)).toBeUndefined();
    expect((await users.ask(ada, REVOKE, { id })).data).toEqual(data);
  });
});

describe('what the gateway is told', () => {
  const ask = async (caller: Caller | undefined, body: unknown) => {
    const headers = caller && { [IDENTITY_HEADER]: signIdentity(caller, testKey) };
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(`${users.url}/.well-known/api-keys`, {
      method: 'POST',
      headers: headers ?? {},
      body: text,
    });
    return { status: response.status, text: await response.text() };
  };

  it('is subject, roles, scopes, tier and expiry of the keys that are in force, in one question', async () => {
    const gold = await created({ tier: 'gold', scopes: ['profile:read'], expiresAt: '2100-01-01T00:00:00Z' });
    const plain = await created();
    const expired = await created();
    await users.db.query(`update api_keys set expires_at = now() where id = $1`, [expired.id]);
    const found = await source.find([gold.id, plain.id, expired.id, 'abcdefghijkl', 'no\u0000']);
    expect([...found.keys()].sort()).toEqual([gold.id, plain.id].sort());
    expect(found.get(gold.id)).toMatchObject({
      subject: graceId,
      roles: ['USER'],
      scopes: ['profile:read'],
      tier: 'gold',
      expiresAt: Date.UTC(2100, 0, 1),
    });
  });

  it.each<[string, Caller | undefined]>([
    ['somebody without a token', undefined],
    ['an anonymous request', anonymous],
    ['a user', user(graceId)],
    ['an ADMIN', ada],
  ])('is not told to %s', async (_name, caller) => {
    const { id } = await created();
    const answer = await ask(caller, { ids: [id] });
    expect(answer.status).toBe(401);
    expect(answer.text).not.toContain(id);
  });

  it.each(['', '{', '[]', '{"ids":"x"}', '{"ids":[1]}', `{"ids":${JSON.stringify(Array(101).fill('a'))}}`])(
    'is nothing for the body %s',
    async (body) => expect((await ask(gateway, body)).status).toBe(400),
  );

  it('comes back as the last use of a key: the latest that any gateway tells, and never in the future', async () => {
    const { id } = await created();
    const lastUse = async () => {
      const { data } = await users.ask(ada, `{ apiKeys(first: 1) { nodes { id lastUsedAt } } }`);
      return data.apiKeys.nodes[0].lastUsedAt;
    };
    const at = Date.now() - 60_000;
    await source.recordUses(new Map([[id, at]]));
    await source.recordUses(
      new Map([
        [id, at - 5_000],
        ['abcdefghijkl', at],
      ]),
    );
    expect(await lastUse()).toBe(new Date(at).toISOString());
    await source.recordUses(new Map([[id, Date.now() + 3_600_000]]));
    expect(Date.parse(await lastUse())).toBeLessThanOrEqual(Date.now() + 1_000);
  });
});
