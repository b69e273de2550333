/**
 * Real: the reading of raw headers, the verifier, the refusal as a client meets it.
 * Fake: the clock and the log. Observed: the identity or the error, its challenge, and the line in the log.
 */
import { type Authenticator, createAuthenticator } from '../../src/context/authenticate';
import { createCredentialReader } from '../../src/context/credentials';
import type { Identity } from '../../src/context/request-context';
import { ClientError } from '../../src/errors';
import { type Clock, claimsOf, createClock, createRecordingLog, createTestVerifier, ec, forge } from './forge';

const key = ec();
const otherKey = ec();
const pem = key.publicKey.export({ format: 'pem', type: 'spki' }).toString();
const good = forge({ alg: 'ES256' }, claimsOf(), 'ES256', key.privateKey);
const bad = forge({ alg: 'ES256' }, claimsOf(), 'ES256', otherKey.privateKey);
const basic = `Basic ${Buffer.from('user:password').toString('base64')}`;

const tokens = () =>
  createTestVerifier([
    { issuer: 'https://issuer.test', audiences: ['supergate'], algorithms: ['ES256'], keys: { kind: 'pem', pem } },
  ]);

const { ofRequest } = createCredentialReader({ header: true, connectionInit: true, extensions: false });

let clock: Clock;
let log: ReturnType<typeof createRecordingLog>;
let open: Authenticator;
let closed: Authenticator;
beforeEach(() => {
  log = createRecordingLog();
  clock = createClock();
  open = createAuthenticator({ tokens: tokens(), required: false, now: clock.now });
  closed = createAuthenticator({ tokens: tokens(), required: true, now: clock.now });
});

const identify = (rawHeaders: readonly string[], authenticator = open): Promise<Identity> =>
  authenticator.authenticate(ofRequest(rawHeaders, undefined), { log, ip: '203.0.113.7' });

async function refusalOf(rawHeaders: readonly string[], authenticator = open): Promise<ClientError> {
  const outcome = await identify(rawHeaders, authenticator).catch((error: unknown) => error);
  if (!(outcome instanceof ClientError)) throw new Error(`expected a refusal, got ${JSON.stringify(outcome)}`);
  return outcome;
}

describe('an Authorization header', () => {
  it.each([
    ['in its usual form', ['Authorization', `Bearer ${good}`]],
    ['with its name in lower case', ['authorization', `Bearer ${good}`]],
    ['with its name in upper case', ['AUTHORIZATION', `Bearer ${good}`]],
    ['with the scheme in lower case', ['Authorization', `bearer ${good}`]],
    ['with the scheme in upper case', ['Authorization', `BEARER ${good}`]],
    ['with several spaces', ['Authorization', `Bearer   ${good}`]],
    ['between other headers', ['Host', 'a', 'Authorization', `Bearer ${good}`, 'X-Authorization', 'Bearer x']],
  ])('is accepted %s', async (_name, rawHeaders) => {
    expect(await identify(rawHeaders)).toMatchObject({ kind: 'authenticated', subject: 'user-1' });
  });

  it.each([
    ['twice with the same token', ['Authorization', `Bearer ${good}`, 'Authorization', `Bearer ${good}`]],
    ['twice, the good one first', ['Authorization', `Bearer ${good}`, 'Authorization', `Bearer ${bad}`]],
    ['twice, the good one last', ['Authorization', `Bearer ${bad}`, 'Authorization', `Bearer ${good}`]],
    ['twice in different spelling', ['Authorization', `Bearer ${good}`, 'aUTHORIZATION', `Bearer ${good}`]],
    ['twice, one of them empty', ['Authorization', `Bearer ${good}`, 'Authorization', '']],
    ['twice, apart', ['Authorization', basic, 'Host', 'a', 'Authorization', `Bearer ${good}`]],
    ['with two tokens and a comma', ['Authorization', `Bearer ${good}, Bearer ${good}`]],
    ['with two tokens and a space', ['Authorization', `Bearer ${good} ${good}`]],
    ['empty', ['Authorization', '']],
    ['of spaces', ['Authorization', '   ']],
    ['with the scheme alone', ['Authorization', 'Bearer']],
    ['with the scheme and a space', ['Authorization', 'Bearer ']],
    ['without scheme', ['Authorization', good]],
    ['with the scheme glued to the token', ['Authorization', `Bearer${good}`]],
    ['with a colon', ['Authorization', `Bearer: ${good}`]],
    ['with a tab', ['Authorization', `Bearer\t${good}`]],
    ['with a no-break space', ['Authorization', `Bearer\u00a0${good}`]],
    ['with quotes', ['Authorization', `Bearer "${good}"`]],
    ['with a parameter', ['Authorization', `Bearer token=${good}`]],
    ['with the scheme twice', ['Authorization', `Bearer Bearer ${good}`]],
    ['with another scheme', ['Authorization', basic]],
    ['with another scheme over a good token', ['Authorization', `Token ${good}`]],
    ['with a proof scheme', ['Authorization', `DPoP ${good}`]],
    ['with a NUL', ['Authorization', `Bearer ${good}\u0000`]],
    ['with a line break', ['Authorization', `Bearer ${good}\r\nX-Role: admin`]],
    ['with a bad token', ['Authorization', `Bearer ${bad}`]],
    ['with a word', ['Authorization', 'Bearer undefined']],
    ['with a megabyte', ['Authorization', `Bearer ${'a'.repeat(1_000_000)}`]],
    ['with a megabyte of spaces', ['Authorization', `Bearer${' '.repeat(1_000_000)}`]],
  ])('is refused %s, with the same words as any other', async (_name, rawHeaders) => {
    const error = await refusalOf(rawHeaders);
    expect(error.code).toBe('UNAUTHENTICATED');
    expect(error.headers).toEqual({ 'www-authenticate': 'Bearer realm="supergate", error="invalid_token"' });
    expect(JSON.stringify(error)).toBe(
      '{"message":"The credentials were refused.","extensions":{"code":"UNAUTHENTICATED"}}',
    );
  });

  it.each([
    ['Proxy-Authorization', `Bearer ${good}`],
    ['X-Authorization', `Bearer ${good}`],
    ['Authorization2', `Bearer ${good}`],
    ['X-User-Id', 'user-1'],
    ['Supergate-Identity', good],
    ['Cookie', `token=${good}`],
  ])('is not what %s is', async (name, value) => {
    expect(await identify([name, value])).toEqual({ kind: 'anonymous' });
  });
});

describe('a request without credentials', () => {
  it('is anonymous', async () => {
    expect(await identify(['Host', 'a'])).toEqual({ kind: 'anonymous' });
    expect(await identify([])).toEqual({ kind: 'anonymous' });
  });

  it('is refused where credentials are required, and no error is named', async () => {
    const error = await refusalOf(['Host', 'a'], closed);
    expect(error.code).toBe('UNAUTHENTICATED');
    expect(error.headers).toEqual({ 'www-authenticate': 'Bearer realm="supergate"' });
    expect(error.message).toBe('Credentials are required.');
  });

  it('is not what a request with bad credentials becomes', async () => {
    await refusalOf(['Authorization', `Bearer ${bad}`], open);
    await refusalOf(['Authorization', `Bearer ${bad}`], closed);
  });
});

describe('the log', () => {
  it('has the cause of a refusal, and nothing of the token', async () => {
    await refusalOf(['Authorization', `Bearer ${bad}`]);
    const fields = { cause: 'signature', credential: 'bearer', ip: '203.0.113.7' };
    expect(log.lines).toEqual([{ level: 'info', fields, message: 'A credential was refused' }]);
    expect(JSON.stringify(log.lines)).not.toContain(bad.slice(0, 20));
  });

  it('has at most twenty lines of one cause in ten seconds, and then how many it did not get', async () => {
    for (let index = 0; index < 1_000; index += 1) await refusalOf(['Authorization', `Bearer ${bad}`]);
    expect(log.lines).toHaveLength(20);
    clock.ms += 10_000;
    await refusalOf(['Authorization', `Bearer ${bad}`]);
    await refusalOf(['Authorization', `Bearer ${bad}`]);
    expect(log.lines.slice(20).map(({ fields }) => fields.suppressed)).toEqual([980, undefined]);
  });

  it('has the lines of another cause in the flood of one', async () => {
    for (let index = 0; index < 1_000; index += 1) await refusalOf(['Authorization', 'Basic x']);
    await refusalOf(['Authorization', `Bearer ${bad}`]);
    expect(log.lines.at(-1)).toMatchObject({ fields: { cause: 'signature' } });
  });

  it('is not silenced by a clock that is set back', async () => {
    for (let index = 0; index < 60; index += 1) await refusalOf(['Authorization', 'Basic x']);
    clock.ms -= 3_600_000;
    await refusalOf(['Authorization', 'Basic x']);
    expect(log.lines).toHaveLength(21);
  });

  it('says nothing of a token that is accepted', async () => {
    await identify(['Authorization', `Bearer ${good}`], closed);
    expect(log.lines).toEqual([]);
  });
});

describe('a gateway without issuers', () => {
  it('refuses every token and lets anonymous requests pass', async () => {
    const authenticator = createAuthenticator({ tokens: createTestVerifier([]), required: false, now: clock.now });
    expect(await identify([], authenticator)).toEqual({ kind: 'anonymous' });
    await refusalOf(['Authorization', `Bearer ${good}`], authenticator);
  });
});
