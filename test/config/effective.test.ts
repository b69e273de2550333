/** The section `admin`, and the configuration as operators are shown it. */
import { configJsonSchema, createConfig, loadConfig, withReloadable } from '../../src/config';
import { compareSettings, effectiveSettings, shownValue } from '../../src/config/effective';
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

  it('have a token for instances only beside that of operators, and never the same', () => {
    const registrationToken = 'another-token-of-thirty-two-bytes-or-more';
    const given = { SUPERGATE_ADMIN_TOKEN: token, SUPERGATE_REGISTRATION_TOKEN: registrationToken };
    expect(configOf('', given).admin).toMatchObject({ token, registrationToken });
    expect(problemsOf(`admin: { registrationToken: ${registrationToken} }`)).toEqual([
      expect.stringContaining('admin.registrationToken: without admin.token whoever is on this machine may do'),
    ]);
    expect(problemsOf(`admin: { token: ${token}, registrationToken: ${token} }`)).toEqual([
      expect.stringContaining('admin.registrationToken: must not be the token of operators'),
    ]);
  });
});

describe('the settings of a configuration', () => {
  const settingsOf = (yaml: string, env: Record<string, string> = {}) => {
    const loaded = load(yaml, env);
    if (loaded.kind === 'problems') throw new Error(JSON.stringify(loaded.problems));
    return new Map(
      loaded.settings().map((setting) => [setting.path, { value: shownValue(setting), source: setting.source }]),
    );
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
    expect(loaded.settings()).toContainEqual(
      expect.objectContaining({ path: 'server.port', value: 4_200, source: 'option --port' }),
    );
  });

  it('hide what is secret', () => {
    const settings = settingsOf(
      `admin: { token: ${token}, registrationToken: another-${token} }\nheaders: { requests: [{ set: authorization, value: ${token} }] }\nsupergraph: { headers: { authorization: ${token} } }\nsubgraphIdentity: { secret: ${token} }\nredis: { url: "redis://me:pass@redis:6379" }\ntelemetry: { tracing: { otlpUrl: "http://t/", headers: { key: ${token} } } }\nauthentication: { issuers: [{ issuer: a, audiences: [x], algorithms: [HS256], sharedSecret: ${token} }] }\n`,
    );
    const text = JSON.stringify([...settings]);
    expect(text).not.toContain(token);
    expect(text).not.toContain('pass');
    for (const path of [
      'admin.token',
      'admin.registrationToken',
      'telemetry.tracing.headers',
      'authentication.issuers[0].sharedSecret',
    ])
      expect(settings.get(path)?.value).toBe('(hidden)');
    expect(settings.get('redis.url')?.value).toBe('redis://(hidden)@redis:6379');
    const ofCluster = settingsOf('redis: { url: "rediss://me:pass@a:7000,b:7001", tls: {} }');
    expect(ofCluster.get('redis.url')?.value).toBe('rediss://(hidden)@a:7000,b:7001');
    expect(settingsOf('redis: { url: "redis://a", password: pass }').get('redis.password')?.value).toBe('(hidden)');
  });
});

describe('two readings of a configuration', () => {
  const read = (yaml: string) => {
    const loaded = load(yaml);
    if (loaded.kind === 'problems') throw new Error(JSON.stringify(loaded.problems));
    return loaded;
  };
  const compare = (before: string, after: string) => {
    const settings = read(before).settings();
    return compareSettings(settings, read(after).settings());
  };

  it('differ in what can change while the gateway runs, and in what cannot', () => {
    const before = 'server: { port: 1 }\nlimits: { maxDepth: 5 }\ntelemetry: { logLevel: info, metrics: true }';
    const after = 'server: { port: 2 }\nlimits: { maxDepth: 6 }\ntelemetry: { logLevel: debug, metrics: false }';
    const { reloadable, needRestart, settings } = compare(before, after);
    expect(reloadable).toEqual(['limits.maxDepth', 'telemetry.logLevel']);
    expect(needRestart).toEqual(['server.port', 'telemetry.metrics']);
    const now = new Map(settings.map(({ path, value }) => [path, value]));
    expect(now.get('limits.maxDepth')).toBe(6);
    expect(now.get('server.port')).toBe(1);
  });

  it('differ in a secret that nobody sees, in what is gone, and in nothing by where a value stands', () => {
    const issuer = (sharedSecret: string) =>
      `authentication: { issuers: [{ issuer: a, audiences: [x], algorithms: [HS256], sharedSecret: ${sharedSecret} }] }`;
    expect(compare(issuer(token), issuer(`${token}2`)).reloadable).toEqual(['authentication.issuers[0].sharedSecret']);
    expect(compare(issuer(token), '').reloadable).toContain('authentication.issuers[0].issuer');
    expect(
      compare('rateLimits: { namespace: a, onRefusal: filter }', 'rateLimits: { namespace: b, onRefusal: reject }'),
    ).toMatchObject({
      reloadable: ['rateLimits.onRefusal'],
      needRestart: ['rateLimits.namespace'],
    });
    expect(compare('limits: { maxDepth: 5 }', '# moved\nlimits:\n  maxDepth: 5')).toMatchObject({
      reloadable: [],
      needRestart: [],
    });
  });

  it('are joined by section as the schema says', () => {
    const { properties } = configJsonSchema() as { properties: Record<string, { reloadable?: boolean }> };
    const other = createConfig({
      limits: { maxDepth: 3 },
      server: { port: 9 },
      telemetry: { logLevel: 'error', metrics: false },
    });
    const joined = withReloadable(createConfig(), other);
    expect(joined).toEqual({
      ...createConfig(),
      limits: other.limits,
      telemetry: { ...createConfig().telemetry, logLevel: 'error' },
    });
    const names = Object.entries(properties).flatMap(([name, { reloadable }]) => (reloadable ? name : []));
    expect(names).toEqual([
      'authentication',
      'authorization',
      'limits',
      'rateLimits',
      'cost',
      'cache',
      'timeouts',
      'headers',
      'subgraphs',
    ]);
  });

  /** The same with another value at each key. */
  const otherwise = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return { otherwise: value };
    return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, otherwise(child)]));
  };
  const everything = createConfig({
    admin: {},
    redis: { url: 'redis://r' },
    subgraphIdentity: { secret: token },
    telemetry: { slowOperationMs: 1, explain: { token }, usage: {}, tracing: { otlpUrl: 'http://t/' } },
    server: { tls: { certFile: 'c', keyFile: 'k' } },
    authentication: { apiKeys: { file: 'f' } },
    cache: { staleIfErrorMs: 1, staleWhileRevalidateMs: 1, defaultMaxAgeMs: 1 },
  });
  const at = (value: unknown, path: string) =>
    path.split('.').reduce<unknown>((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], value);
  const marked = effectiveSettings(configJsonSchema(), everything, { locate: () => ({ file: 'f', line: 1 }) } as never)
    .filter(({ path }) => at(everything, path) !== undefined && !path.includes('['))
    .map(({ path, isReloadable }) => [path, isReloadable ? 'new' : 'old'] as const);

  it('are all of them known', () => {
    expect(marked.length).toBeGreaterThan(120);
    expect(new Set(marked.map(([, which]) => which))).toEqual(new Set(['new', 'old']));
  });

  const next = otherwise(everything);
  const joined = withReloadable(everything, next as never);

  it.each(marked)('%s has the %s value after a reload, as it is told', (path, which) => {
    expect(at(joined, path)).toEqual(at(which === 'new' ? next : everything, path));
  });
});
