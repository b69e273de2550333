/** The section `authentication`. Real: the file on disk, and those that it names. Observed: its value, or every problem. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/config';
import { authenticationProblems } from '../../src/context/create-authentication';
import { createYamlFile } from './yaml-file';

const { directory, file, configOf, problemsOf, remove } = createYamlFile();
afterAll(remove);

const secret = 's3cret-s3cret-s3cret-s3cret-s3cret';

describe('files of keys', () => {
  it('are checked with the rest, and told where they are named', () => {
    const issuer = 'issuer: https://a.example\n      audiences: [us]\n      algorithms: [RS256]';
    writeFileSync(file, `authentication:\n  issuers:\n    - ${issuer}\n      publicKeyFile: missing.pem\n`);
    const loaded = loadConfig({ file, env: {}, check: authenticationProblems });
    expect(loaded).toMatchObject({
      kind: 'problems',
      problems: [{ line: 6, column: 22, path: 'authentication.issuers[0].publicKeyFile' }],
    });
  });
});

describe('issuers', () => {
  const issuer = (lines: string) =>
    `authentication:\n  issuers:\n    - issuer: https://a\n      audiences: [x]\n${lines}`;

  it('take their keys from exactly one place', () => {
    const none = problemsOf(issuer('      algorithms: [ES256]\n'));
    expect(none).toEqual([expect.stringMatching(/issuers\[0\]: give exactly one of .*; given: none$/)]);
    const two = problemsOf(
      issuer(`      algorithms: [HS256]\n      jwksUrl: http://k/\n      sharedSecret: ${secret}\n`),
    );
    expect(two).toEqual([expect.stringMatching(/given: jwksUrl, sharedSecret$/)]);
  });

  it('bind HS algorithms to shared secrets and nothing else to them', () => {
    expect(problemsOf(issuer('      algorithms: [ES256, HS256]\n      jwksUrl: http://k/\n'))).toEqual([
      'gateway.yaml:5:27 authentication.issuers[0].algorithms[1]: HS256 needs sharedSecret: a public key must never serve as one',
    ]);
    expect(problemsOf(issuer(`      algorithms: [ES256]\n      sharedSecret: ${secret}\n`))[0]).toContain(
      'ES256 cannot use a shared secret',
    );
  });

  it('refuse secrets below 32 bytes, no audience, a tolerance above a minute, and the same name twice', () => {
    expect(problemsOf(issuer('      algorithms: [HS256]\n      sharedSecret: short\n'))[0]).toContain(
      'at least 32 bytes',
    );
    expect(
      problemsOf(
        'authentication: { issuers: [{ issuer: a, audiences: [], algorithms: [ES256], jwksUrl: "http://k" }] }',
      )[0],
    ).toContain('audience');
    expect(
      problemsOf(issuer('      algorithms: [ES256]\n      jwksUrl: http://k/\n      clockToleranceMs: 60001\n'))[0],
    ).toContain('at most 60000');
    const entry = '{ issuer: a, audiences: [x], algorithms: [ES256], jwksUrl: "http://k" }';
    expect(problemsOf(`authentication: { issuers: [${entry}, ${entry}] }`)[0]).toContain('same name');
  });

  it('become values with one source of keys, its path relative to the file', () => {
    const { issuers } = configOf(issuer('      algorithms: [ES256]\n      jwksFile: keys/set.json\n')).authentication;
    expect(issuers).toEqual([
      {
        issuer: 'https://a',
        audiences: ['x'],
        algorithms: ['ES256'],
        clockToleranceMs: 5000,
        keys: { kind: 'jwksFile', file: join(directory, 'keys/set.json') },
      },
    ]);
  });
});

describe('API keys', () => {
  const section = (lines: string) => `authentication: { apiKeys: { ${lines} } }`;

  it('come from a file, by its path from the configuration, from a service, or from both', () => {
    const { apiKeys } = configOf(section('file: keys/api.json, url: http://k/keys')).authentication;
    expect(apiKeys).toEqual({
      header: 'x-api-key',
      issuer: 'supergate:api-keys',
      cacheMs: 10_000,
      maxStaleMs: 60_000,
      file: join(directory, 'keys/api.json'),
      url: 'http://k/keys',
    });
    expect(configOf(section('url: http://k/keys')).authentication.apiKeys?.file).toBeUndefined();
    expect(configOf('').authentication.apiKeys).toBeUndefined();
    expect(problemsOf(section('header: x-key'))).toEqual([expect.stringContaining('give file or url, or both')]);
  });

  it('are checked in their file with the rest, and told where it is named', () => {
    writeFileSync(join(directory, 'broken.json'), '{"keys":1}');
    writeFileSync(file, section('file: broken.json'));
    expect(loadConfig({ file, env: {}, check: authenticationProblems })).toMatchObject({
      kind: 'problems',
      problems: [{ path: 'authentication.apiKeys.file', message: expect.stringMatching(/^cannot be used: keys/) }],
    });
  });

  it.each([
    ['header: authorization, file: a', 'another meaning'],
    ['header: X-Key, file: a', 'lower case'],
    ['cacheMs: 10, file: a', '1000'],
    ['url: "ftp://k/"', 'http or https'],
  ])('are refused with { %s }', (lines, message) => {
    expect(problemsOf(section(lines))).toEqual([expect.stringContaining(message)]);
  });
});

describe('sources of tokens', () => {
  it('are header and connection_init, and others by name', () => {
    const { sources } = configOf(
      'authentication: { sources: { header: false, cookie: __Host-s, extensions: true } }',
    ).authentication;
    expect(sources).toEqual({ header: false, cookie: '__Host-s', connectionInit: true, extensions: true });
  });

  it('refuse a cookie of an impossible name', () => {
    expect(problemsOf('authentication: { sources: { cookie: "a=b" } }')).toEqual([
      expect.stringContaining('expected the name of a cookie'),
    ]);
  });
});
