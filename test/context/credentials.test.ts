/** Plain values in, a credential out: which sources count, and what is refused rather than chosen. */
import { type Credential, type CredentialSources, createCredentialReader } from '../../src/context/credentials';

const sources: CredentialSources = {
  header: true,
  cookie: '__Host-session',
  connectionInit: true,
  extensions: true,
  apiKeyHeader: 'x-api-key',
};
const reader = createCredentialReader(sources);
const bearer = (token: string): Credential => ({ kind: 'bearer', token });
const apiKey = (key: string): Credential => ({ kind: 'apiKey', key });
const none: Credential = { kind: 'none' };
const several = { kind: 'unreadable', cause: 'several credentials' };
const unreadable = { kind: 'unreadable' };

describe('a cookie', () => {
  it.each([
    ['alone', '__Host-session=a.b.c'],
    ['first', '__Host-session=a.b.c; theme=dark'],
    ['last', 'theme=dark; lang=en;__Host-session=a.b.c'],
    ['with spaces', ' __Host-session = a.b.c ; x=1'],
    ['beside a name that contains its own', 'x__Host-session=z; __Host-sessions=y; __Host-session=a.b.c'],
    ['beside text that is no pair', 'junk; ;=; __Host-session=a.b.c'],
  ])('holds a token: %s', (_name, cookie) => {
    expect(reader.ofRequest(['Cookie', cookie], undefined)).toEqual(bearer('a.b.c'));
  });

  it.each([
    ['of another name', 'session=a.b.c'],
    ['of the name in another case', '__host-session=a.b.c'],
    ['without value or equals sign', '__Host-session'],
  ])('is none: %s', (_name, cookie) => {
    expect(reader.ofRequest(['Cookie', cookie], undefined)).toEqual(none);
  });

  it.each([
    ['empty', '__Host-session='],
    ['in quotes', '__Host-session="a.b.c"'],
    ['with a scheme', '__Host-session=Bearer a.b.c'],
    ['percent-encoded', '__Host-session=a%2Eb.c'],
    ['given twice', '__Host-session=a.b.c; __Host-session=a.b.c'],
    ['given twice, a bad one first', '__Host-session=; __Host-session=a.b.c'],
  ])('is refused: %s', (_name, cookie) => {
    expect(reader.ofRequest(['Cookie', cookie], undefined)).toMatchObject(unreadable);
  });

  it('is refused in two headers, whichever is looked at first', () => {
    const twice = ['Cookie', '__Host-session=a.b.c', 'cookie', '__Host-session=d.e.f'];
    expect(reader.ofRequest(twice, undefined)).toEqual(several);
  });

  it('counts only where it is configured', () => {
    const { ofRequest } = createCredentialReader({ ...sources, cookie: undefined });
    expect(ofRequest(['Cookie', '__Host-session=a.b.c; undefined=x'], undefined)).toEqual(none);
  });
});

describe('an API key', () => {
  it('is the text of its header, in any case of the name', () => {
    expect(reader.ofRequest(['X-Api-Key', 'sgk_a_b'], undefined)).toEqual(apiKey('sgk_a_b'));
    expect(reader.ofRequest(['x-aPI-key', 'anything'], undefined)).toEqual(apiKey('anything'));
  });

  it.each(['', ' ', 'a b', 'a\u0000', 'ключ'])('is refused as "%s"', (value) => {
    expect(reader.ofRequest(['x-api-key', value], undefined)).toEqual({ kind: 'unreadable', cause: 'not an API key' });
  });

  it('is refused twice', () => {
    expect(reader.ofRequest(['x-api-key', 'a', 'x-api-key', 'a'], undefined)).toEqual(several);
  });

  it('counts only where it is configured', () => {
    const { ofRequest } = createCredentialReader({ ...sources, apiKeyHeader: undefined });
    expect(ofRequest(['x-api-key', 'a'], { 'x-api-key': 'b' })).toEqual(none);
  });
});

describe('the Authorization header', () => {
  it('is not looked at where it is switched off: it may be for somebody else', () => {
    const { ofRequest } = createCredentialReader({ ...sources, header: false });
    expect(ofRequest(['Authorization', 'Basic dTpw', 'x-api-key', 'a'], undefined)).toEqual(apiKey('a'));
  });
});

describe('extensions and payloads', () => {
  it.each<[string, unknown, unknown]>([
    ['a token as the header has it', { authorization: 'Bearer a.b.c' }, bearer('a.b.c')],
    ['a token in another case', { Authorization: 'bearer a.b.c' }, bearer('a.b.c')],
    ['an API key', { 'X-API-Key': 'k' }, apiKey('k')],
    ['neither', { persistedQuery: { version: 1 } }, none],
    ['null, which means absent', { authorization: null }, none],
    ['an inherited name', Object.create({ authorization: 'Bearer a.b.c' }), none],
    ['nothing', undefined, none],
    ['null', null, none],
    ['text', 'Bearer a.b.c', none],
    ['a token without its scheme', { authorization: 'a.b.c' }, unreadable],
    ['an empty text', { authorization: '' }, unreadable],
    ['a number', { authorization: 1 }, unreadable],
    ['a list', { authorization: ['Bearer a.b.c'] }, unreadable],
    ['a key that is a list', { 'x-api-key': ['k'] }, unreadable],
    ['two spellings', { authorization: 'Bearer a.b.c', Authorization: 'Bearer a.b.c' }, several],
    ['a token and a key', { authorization: 'Bearer a.b.c', 'x-api-key': 'k' }, several],
  ])('say %s', (_name, value, expected) => {
    for (const read of [
      reader.ofOperation(value),
      reader.ofPayload(value),
      reader.ofRequest(['Host', 'a'], value),
      reader.ofConnection(['Host', 'a'], value),
    ]) {
      expect(read).toMatchObject(expected as object);
    }
  });

  it('count only where they are configured', () => {
    const closed = createCredentialReader({ ...sources, connectionInit: false, extensions: false });
    const value = { authorization: 'Bearer a.b.c' };
    expect(closed.ofOperation(value)).toEqual(none);
    expect(closed.ofPayload(value)).toEqual(none);
    expect(closed.ofRequest([], value)).toEqual(none);
    expect(closed.ofConnection([], value)).toEqual(none);
    expect([closed.perOperation, reader.perOperation]).toEqual([false, true]);
  });
});

describe('two sources', () => {
  const header = ['Authorization', 'Bearer a.b.c'];
  const cookie = ['Cookie', '__Host-session=a.b.c'];
  const key = ['X-Api-Key', 'k'];
  const payload = { authorization: 'Bearer a.b.c' };

  it.each<[string, string[], unknown]>([
    ['header and cookie', [...header, ...cookie], undefined],
    ['cookie and header', [...cookie, ...header], undefined],
    ['header and API key', [...header, ...key], undefined],
    ['cookie and API key', [...cookie, ...key], undefined],
    ['header and payload', header, payload],
    ['cookie and payload', cookie, payload],
    ['API key and payload', key, payload],
    ['a bad header and a good cookie', ['Authorization', 'Basic x', ...cookie], undefined],
    ['a good header and a bad payload', header, { authorization: '' }],
  ])('are refused, even with the same token: %s', (_name, rawHeaders, value) => {
    expect(reader.ofRequest(rawHeaders, value)).toEqual(several);
    expect(reader.ofConnection(rawHeaders, value)).toEqual(several);
  });
});
