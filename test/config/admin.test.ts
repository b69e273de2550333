/** The section `admin`, and the configuration as operators are shown it. */
import { loadConfig } from '../../src/config';
import { createYamlFile } from './yaml-file';

const { configOf, problemsOf, load, file, remove } = createYamlFile();
afterAll(remove);

const token = 'a-token-of-thirty-two-bytes-or-more';

describe('the endpoints for operators', () => {
  it('are on this machine alone, unless there is a token', () => {
    expect(configOf('admin: {}').admin).toEqual({ port: 9_091, host: '127.0.0.1' });
    for (const host of ['localhost', '127.0.0.2', '::1']) configOf(`admin: { host: "${host}" }`);
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.evil.example']) {
      expect(problemsOf(`admin: { host: "${host}" }`)).toEqual([
        expect.stringContaining('admin.host: others than this machine reach this address: set admin.token'),
      ]);
      expect(configOf(`admin: { host: "${host}", token: ${token} }`).admin).toMatchObject({ host });
    }
    expect(configOf('admin: { host: 0.0.0.0 }', { SUPERGATE_ADMIN_TOKEN: token }).admin).toMatchObject({ token });
    expect(problemsOf('admin: { token: short }')[0]).toContain('at least 32 bytes');
  });
});

describe('the settings of a configuration', () => {
  const settingsOf = (yaml: string, env: Record<string, string> = {}) => {
    const loaded = load(yaml, env);
    if (loaded.kind === 'problems') throw new Error(JSON.stringify(loaded.problems));
    return new Map(loaded.settings().map(({ path, ...rest }) => [path, rest]));
  };

  it('tell each value and where it comes from', () => {
    const settings = settingsOf(
      'limits:\n  maxDepth: 7\nauthentication:\n  issuers:\n    - issuer: https://a.example\n      audiences: [x, y]\n      algorithms: [ES256]\n      jwksUrl: http://k/\n',
      { PORT: '4100', SUBGRAPH_USERS_URL: 'http://users/' },
    );
    expect(settings.get('limits.maxDepth')).toEqual({ value: 7, source: `${file}:2` });
    expect(settings.get('limits.maxTokens')).toEqual({ value: 10_000, source: 'default' });
    expect(settings.get('server.port')).toEqual({ value: 4_100, source: 'environment variable PORT' });
    expect(settings.get('authentication.issuers[0].audiences')).toEqual({ value: ['x', 'y'], source: `${file}:6` });
    expect(settings.get('subgraphs.overrides.users.url')).toEqual({
      value: 'http://users/',
      source: 'environment variable SUBGRAPH_USERS_URL',
    });
    expect([...settings.keys()].some((path) => path.startsWith('admin'))).toBe(false);
  });

  it('tell options of the command line above all others', () => {
    const loaded = loadConfig({ env: { PORT: '4100' }, flags: { port: 4_200 } });
    if (loaded.kind === 'problems') throw new Error('refused');
    expect(loaded.config.server.port).toBe(4_200);
    expect(loaded.settings()).toContainEqual({ path: 'server.port', value: 4_200, source: 'option --port' });
  });

  it('hide what is secret', () => {
    const settings = settingsOf(
      `admin: { token: ${token} }\nsupergraph: { headers: { authorization: ${token} } }\nsubgraphIdentity: { secret: ${token} }\nredis: { url: "redis://me:pass@redis:6379" }\ntelemetry: { tracing: { otlpUrl: "http://t/", headers: { key: ${token} } } }\nauthentication: { issuers: [{ issuer: a, audiences: [x], algorithms: [HS256], sharedSecret: ${token} }] }\n`,
    );
    const text = JSON.stringify([...settings]);
    expect(text).not.toContain(token);
    expect(text).not.toContain('pass');
    for (const path of ['admin.token', 'telemetry.tracing.headers', 'authentication.issuers[0].sharedSecret'])
      expect(settings.get(path)?.value).toBe('(hidden)');
    expect(settings.get('redis.url')?.value).toBe('redis://(hidden)@redis:6379');
  });
});
