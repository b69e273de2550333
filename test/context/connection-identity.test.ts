/**
 * Real: the reading of payloads, the verifier, the refusals. Fake: the clock and the log.
 * Observed: whom a connection belongs to, at its beginning, at each operation and after a ping.
 */
import { type ApiKeyRecord, createApiKey } from '../../src/context/api-key';
import { createApiKeyVerifier } from '../../src/context/api-keys';
import { createAuthenticator } from '../../src/context/authenticate';
import { type ConnectionIdentities, createConnectionIdentities } from '../../src/context/connection-identity';
import { createCredentialReader } from '../../src/context/credentials';
import { anonymous, type Identity } from '../../src/context/request-context';
import { type Clock, claimsOf, createClock, createRecordingLog, createTestVerifier, ec, forge, nowS } from './forge';

const key = ec();
const pem = key.publicKey.export({ format: 'pem', type: 'spki' }).toString();
const signed = (claims: Record<string, unknown> = {}) =>
  forge({ alg: 'ES256' }, claimsOf(claims), 'ES256', key.privateKey);
const said = (claims?: Record<string, unknown>) => ({ authorization: `Bearer ${signed(claims)}` });
const refused = { code: 'UNAUTHENTICATED' };

const { id, key: apiKey, sha256 } = createApiKey();
const record = { id, subject: 'acme', roles: [], scopes: [], tier: undefined, expiresAt: undefined };

/** What the store of API keys holds. */
let keys: Map<string, ApiKeyRecord>;
let clock: Clock;
let log: ReturnType<typeof createRecordingLog>;
beforeEach(() => {
  keys = new Map([[id, { ...record, hashes: [{ sha256, until: undefined }] }]]);
  clock = createClock();
  log = createRecordingLog();
});

function setup({ required = false, extensions = true } = {}) {
  const tokens = createTestVerifier(
    [{ issuer: 'https://issuer.test', audiences: ['supergate'], algorithms: ['ES256'], keys: { kind: 'pem', pem } }],
    { clock },
  );
  const apiKeys = createApiKeyVerifier({
    sources: [{ find: async (ids) => (ids.includes(id) ? keys : new Map()), recordUses: async () => {} }],
    ...{ issuer: 'i', cacheMs: 10_000, maxStaleMs: 0, now: clock.now, log, startTimer: () => () => {} },
  });
  const sources = { header: true, cookie: 'session', connectionInit: true, extensions, apiKeyHeader: 'x-api-key' };
  const identities = createConnectionIdentities({
    authenticator: createAuthenticator({ tokens, apiKeys, required, now: clock.now }),
    credentials: createCredentialReader(sources),
  });
  return {
    connect: (payload?: unknown, rawHeaders: string[] = []) => identities.connect({ log, rawHeaders, payload }),
    operate: (connection: Identity, given?: unknown) => identities.operate(connection, { log, extensions: given }),
    renew: (connection: Identity) => identities.renew(connection, { log }),
    refresh: (connection: Identity, payload?: unknown) => identities.refresh(connection, { log, payload }),
  } satisfies Record<keyof ConnectionIdentities, unknown>;
}

describe('a connection', () => {
  it('belongs to whom the payload of connection_init names', async () => {
    expect(await setup().connect(said())).toMatchObject({ subject: 'user-1' });
  });

  it.each([
    ['the header', ['Authorization', `Bearer ${signed()}`]],
    ['the cookie', ['Cookie', `session=${signed()}`]],
  ])('belongs to whom %s of its upgrade names, if the payload names nobody', async (_name, rawHeaders) => {
    const { connect } = setup();
    expect(await connect(undefined, rawHeaders)).toMatchObject({ subject: 'user-1' });
    await expect(connect(said(), rawHeaders)).rejects.toMatchObject(refused);
  });

  it('is anonymous without credentials, and refused where they are required', async () => {
    expect(await setup().connect()).toBe(anonymous);
    await expect(setup({ required: true, extensions: false }).connect({})).rejects.toMatchObject(refused);
  });

  it('is refused with bad credentials, and the log has the cause', async () => {
    await expect(setup().connect(said({ exp: nowS - 100 }))).rejects.toMatchObject(refused);
    expect(log.lines).toMatchObject([{ fields: { cause: 'expired' } }]);
  });
});

describe('an operation of a connection', () => {
  it('is asked by whom the connection belongs to, as long as its credential lives', async () => {
    const { connect, operate } = setup();
    const connection = await connect(said());
    expect(await operate(connection)).toBe(connection);
    clock.ms += 600_000;
    await expect(operate(connection)).rejects.toMatchObject(refused);
  });

  it('is asked by whom its extensions name, on an anonymous connection', async () => {
    const { operate } = setup();
    expect(await operate(anonymous, said())).toMatchObject({ subject: 'user-1' });
    await expect(operate(anonymous, said({ aud: 'other' }))).rejects.toMatchObject(refused);
  });

  it('is refused when connection and extensions both name somebody, were it the same', async () => {
    const { connect, operate } = setup();
    await expect(operate(await connect(said()), said())).rejects.toMatchObject(refused);
  });

  it('needs credentials of its own where they are required and the connection could do without', async () => {
    const { connect, operate } = setup({ required: true });
    const connection = await connect();
    expect(connection).toBe(anonymous);
    await expect(operate(connection)).rejects.toMatchObject(refused);
    expect(await operate(connection, said())).toMatchObject({ subject: 'user-1' });
  });

  it('is not asked by whom extensions name where they are no source', async () => {
    const { operate } = setup({ extensions: false });
    expect(await operate(anonymous, said())).toBe(anonymous);
  });
});

describe('what runs on a connection', () => {
  it('may go on until the token expires', async () => {
    const { connect, renew } = setup();
    const connection = await connect(said());
    clock.ms += 599_999;
    expect(await renew(connection)).toBe(connection);
    clock.ms += 1;
    await expect(renew(connection)).rejects.toMatchObject(refused);
    expect(await renew(anonymous)).toBe(anonymous);
  });

  it('may go on until the API key is revoked, and then no operation begins', async () => {
    const { connect, operate, renew } = setup();
    const connection = await connect({ 'x-api-key': apiKey });
    expect(await renew(connection)).toBe(connection);
    keys.clear();
    clock.ms += 10_000;
    await expect(renew(connection)).rejects.toMatchObject(refused);
    await expect(operate(connection)).rejects.toMatchObject(refused);
    expect(log.lines[0]).toMatchObject({ fields: { cause: 'unknown key', credential: 'apiKey' } });
  });

  it('goes on with what the API key may do now', async () => {
    const { connect, operate, renew } = setup();
    const connection = await connect({ 'x-api-key': apiKey });
    keys.set(id, { ...record, tier: 'gold', hashes: [{ sha256, until: undefined }] });
    clock.ms += 10_000;
    const now = await renew(connection);
    expect(now).toMatchObject({ subject: 'acme', tier: 'gold' });
    expect(await renew(now)).toBe(now);
    expect(await operate(connection)).toBe(now);
  });

  it('ends with the overlap of a rotation, if the connection was made with the old secret', async () => {
    const { connect, renew } = setup();
    const connection = await connect({ 'x-api-key': apiKey });
    const next = { sha256: createApiKey(id).sha256, until: undefined };
    keys.set(id, { ...record, hashes: [next, { sha256, until: clock.ms + 12_000 }] });
    clock.ms += 10_000;
    const now = await renew(connection);
    clock.ms += 2_000;
    await expect(renew(now)).rejects.toMatchObject(refused);
  });
});

describe('a ping', () => {
  it('brings the next token of the same subject', async () => {
    const { connect, operate, refresh } = setup();
    const connection = await connect(said());
    clock.ms += 500_000;
    const next = await refresh(connection, said({ exp: nowS + 2_000, roles: ['ADMIN'] }));
    expect(next).toMatchObject({ subject: 'user-1', roles: ['ADMIN'], expiresAt: (nowS + 2_000) * 1_000 });
    clock.ms += 200_000;
    expect(await operate(next)).toBe(next);
  });

  it('changes nothing without credentials', async () => {
    const { connect, refresh } = setup();
    const connection = await connect(said());
    for (const payload of [undefined, null, {}, { at: 1 }]) expect(await refresh(connection, payload)).toBe(connection);
  });

  it('cannot hand the connection to somebody else', async () => {
    const { connect, refresh } = setup();
    const connection = await connect(said());
    await expect(refresh(connection, said({ sub: 'user-2' }))).rejects.toMatchObject(refused);
    await expect(refresh(anonymous, said())).rejects.toMatchObject(refused);
  });

  it('with a bad token is refused', async () => {
    const { connect, refresh } = setup();
    await expect(refresh(await connect(said()), { authorization: 'Bearer x' })).rejects.toMatchObject(refused);
  });
});
