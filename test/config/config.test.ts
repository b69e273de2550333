import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configJsonSchema, createConfig, loadConfig, strayOverrides, subgraphSettings } from '../../src/config';
import { createYamlFile } from './yaml-file';

// Real: the YAML file on disk. Given: the environment, as a value. Observed: the configuration, or the printed problems.
const { directory, configOf, problemsOf, remove } = createYamlFile();
afterAll(remove);

/** How a file names a variable: `variable('A:-b')`. */
const variable = (name: string) => `\${env.${name}}`;

const secret = 's3cret-s3cret-s3cret-s3cret-s3cret';

describe('defaults', () => {
  it('fills in every section of an empty file', () => {
    const config = configOf('');
    expect(config.server).toMatchObject({
      host: '127.0.0.1',
      port: 4000,
      graphqlPath: '/graphql',
      introspection: true,
    });
    expect(config.authentication).toEqual({
      required: false,
      issuers: [],
      sources: { header: true, connectionInit: true, extensions: false },
    });
    expect(config.limits.maxDepth).toBe(25);
    expect(config.planner.timeoutMs).toBe(3_000);
    expect(config.telemetry).toMatchObject({ logLevel: 'info', metrics: true });
    expect(config.subgraphIdentity).toBeUndefined();
  });

  it('are the same without a file and for an embedder', () => {
    expect(loadConfig({ env: {} })).toMatchObject({ kind: 'config', config: createConfig() });
    expect(createConfig()).toEqual(configOf('# nothing\n'));
  });

  it('stand for a section whose every line is commented out', () => {
    expect(configOf('server:\n  # port: 1\nlimits:\n').server.port).toBe(4000);
  });

  it('leave what the file says beside what it does not say', () => {
    const { server } = configOf('server:\n  port: 5000\n  cors: { origins: ["https://app.example.com"] }\n');
    expect(server).toMatchObject({
      port: 5000,
      host: '127.0.0.1',
      cors: { origins: ['https://app.example.com'], credentials: false },
    });
  });
});

describe('problems', () => {
  it('are all told at once, in the order of the file, with path, line and column', () => {
    const yaml = 'server:\n  port: 70000\n  compression: maybe\nlimits:\n  maxDepth: 0\n  maxTokens: "12"\n';
    expect(problemsOf(yaml)).toEqual([
      'gateway.yaml:2:9 server.port: must be at most 65535',
      'gateway.yaml:3:16 server.compression: expected boolean, got a string',
      'gateway.yaml:5:13 limits.maxDepth: must be at least 1',
      'gateway.yaml:6:14 limits.maxTokens: expected number, got a string',
    ]);
  });

  it('point at an unknown key and name the nearest known one', () => {
    expect(problemsOf('server:\n  host: a\n  prot: 1\n')).toEqual([
      'gateway.yaml:3:3 server.prot: unknown key "prot"; did you mean "port"?',
    ]);
  });

  it('name the section of a key that was written elsewhere', () => {
    expect(problemsOf('logLevel: debug\n')).toEqual([
      'gateway.yaml:1:1 logLevel: unknown key "logLevel"; did you mean "telemetry.logLevel"?',
    ]);
  });

  it('list the known keys where none is near', () => {
    expect(problemsOf('sharing:\n  colour: red\n')).toEqual([
      'gateway.yaml:2:3 sharing.colour: unknown key "colour"; known here: queries, subgraphQueries',
    ]);
  });

  it('name the nearest value of a choice', () => {
    expect(problemsOf('telemetry: { logLevel: wran }\n')[0]).toMatch(/^gateway.yaml:1:24 .*did you mean "warn"\?$/);
  });

  it('find unknown keys in lists and in maps by name', () => {
    const yaml = 'authentication:\n  issuers:\n    - isuer: a\nsubgraphs:\n  overrides:\n    users: { timeout: 3 }\n';
    const problems = problemsOf(yaml);
    expect(problems).toContain(
      'gateway.yaml:3:7 authentication.issuers[0].isuer: unknown key "isuer"; did you mean "issuer"?',
    );
    expect(problems).toContain(
      'gateway.yaml:6:14 subgraphs.overrides.users.timeout: unknown key "timeout"; did you mean "timeoutMs"?',
    );
  });

  it('tell YAML that cannot be read, with its position', () => {
    expect(problemsOf('server:\n  port: 1\n  port: 2\n')).toEqual(['gateway.yaml:3:3 Map keys must be unique']);
    expect(problemsOf('server: [1\nlimits: {}\n')[0]).toMatch(/^gateway.yaml:2:\d+ /);
  });

  it('refuse a file that is not a map', () => {
    expect(problemsOf('- a\n')).toEqual(['gateway.yaml:1:1 expected object, got a list']);
  });

  it('tell a file that cannot be read', () => {
    const loaded = loadConfig({ file: join(directory, 'missing.yaml'), env: {} });
    expect(loaded).toMatchObject({ kind: 'problems', problems: [{ message: expect.stringContaining('ENOENT') }] });
  });

  it('never repeat a value, for it may be a secret', () => {
    const yaml = `subgraphIdentity:\n  secret: hunter2\nauthentication:\n  issuers:\n    - sharedSecret: hunter2\n      jwksUrl: hunter2\n`;
    expect(problemsOf(yaml).join('\n')).not.toContain('hunter2');
  });

  it('refuse timers that Node would let fire at once', () => {
    expect(problemsOf('timeouts:\n  operationMs: 3000000000\n')).toEqual([
      'gateway.yaml:2:16 timeouts.operationMs: must be at most 2147483647',
    ]);
  });

  it('refuse every origin together with credentials', () => {
    expect(problemsOf('server:\n  cors: { origins: ["*"], credentials: true }\n')[0]).toContain(
      'cannot be combined with credentials',
    );
  });
});

describe('environment variables in the file', () => {
  it('stand for text, numbers and booleans', () => {
    const { server } = configOf(
      `server:\n  host: ${variable('H')}\n  port: ${variable('P')}\n  compression: ${variable('C')}\n`,
      {
        H: 'h',
        P: '99',
        C: 'false',
      },
    );
    expect(server).toMatchObject({ host: 'h', port: 99, compression: false });
  });

  it('stand for lists, with commas, and are named by what is wrong with an item', () => {
    const list = '10.0.0.0/8, ::1';
    const trusted = ['10.0.0.0/8', '::1'];
    expect(configOf('', { SUPERGATE_TRUSTED_PROXIES: list }).server.trustedProxies).toEqual(trusted);
    expect(configOf(`server: { trustedProxies: "${variable('T')}" }`, { T: list }).server.trustedProxies).toEqual(
      trusted,
    );
    expect(problemsOf('', { SUPERGATE_TRUSTED_PROXIES: '10.0.0.1,everybody' })).toEqual([
      expect.stringMatching(
        /^environment variable SUPERGATE_TRUSTED_PROXIES server\.trustedProxies\[1\]: expected an address/,
      ),
    ]);
    expect(problemsOf('server: { trustedProxies: 10.0.0.1 }')[0]).toContain('expected array, got a string');
  });

  it('leave a text of digits a text where a text is asked for', () => {
    const digits = '12345678901234567890123456789012';
    expect(configOf(`subgraphIdentity: { secret: "${variable('S')}" }`, { S: digits }).subgraphIdentity?.secret).toBe(
      digits,
    );
  });

  it('have defaults, also where they are empty', () => {
    const yaml = `server:\n  host: ${variable('H:-0.0.0.0')}\n  graphqlPath: /${variable('A:-a')}/${variable('B')}\n`;
    expect(configOf(yaml, { H: '', B: 'b' }).server).toMatchObject({ host: '0.0.0.0', graphqlPath: '/a/b' });
  });

  it('are a problem with a position where they are not set', () => {
    expect(problemsOf(`server:\n  host: ${variable('NOPE')}\n`)).toEqual([
      'gateway.yaml:2:9 environment variable NOPE is not set',
    ]);
  });

  it('are a problem where they are written in another way', () => {
    expect(problemsOf(`server:\n  host: \${env:NOPE}\n`)[0]).toContain(`write ${variable('NAME')}`);
  });

  it('cannot bring structure: what they hold is one value', () => {
    expect(configOf(`server:\n  host: ${variable('H')}\n`, { H: 'a, port: 1' }).server.host).toBe('a, port: 1');
  });
});

describe('environment variables over the file', () => {
  it('stand above what the file says', () => {
    const env = { PORT: '5000', HOST: '0.0.0.0', LOG_LEVEL: 'debug', SUPERGATE_IDENTITY_SECRET: secret };
    const config = configOf('server: { port: 4000 }', env);
    expect(config.server).toMatchObject({ port: 5000, host: '0.0.0.0' });
    expect(config.telemetry.logLevel).toBe('debug');
    expect(config.subgraphIdentity).toEqual({ secret, lifetimeMs: 60_000, claims: [] });
  });

  it('are named where they are wrong', () => {
    expect(problemsOf('', { PORT: 'http', SUBGRAPH_USERS_URL: 'ftp://x', SUPERGATE_IDENTITY_SECRET: 'short' })).toEqual(
      [
        'environment variable PORT server.port: expected number, got a string',
        'environment variable SUPERGATE_IDENTITY_SECRET subgraphIdentity.secret: a secret needs at least 32 bytes',
        'environment variable SUBGRAPH_USERS_URL subgraphs.overrides.users.url: expected an http or https URL',
      ],
    );
  });

  it('are ignored where they are empty', () => {
    expect(configOf('', { PORT: '', SUBGRAPH_USERS_URL: '' })).toEqual(createConfig());
  });

  it('switch introspection and the explorer off in production, unless the file says otherwise', () => {
    const env = { NODE_ENV: 'production' };
    expect(configOf('', env).server).toMatchObject({ introspection: false, explorer: false });
    expect(configOf('server: { introspection: true }', env).server).toMatchObject({
      introspection: true,
      explorer: false,
    });
  });
});

describe('settings of a subgraph', () => {
  it('are the defaults with its overrides over them', () => {
    const config = configOf('subgraphs:\n  defaults: { timeoutMs: 1000 }\n  overrides:\n    users: { http2: true }\n');
    expect(subgraphSettings(config, 'users')).toMatchObject({ timeoutMs: 1000, http2: true });
    expect(subgraphSettings(config, 'posts')).toMatchObject({ timeoutMs: 1000, http2: false });
  });

  it('take the URL of the variable that is written for its name', () => {
    const config = configOf('subgraphs: { overrides: { my-users: { url: "http://file", timeoutMs: 5 } } }', {
      SUBGRAPH_MY_USERS_URL: 'http://env',
      SUBGRAPH_POSTS_URL: 'http://posts',
    });
    expect(subgraphSettings(config, 'my-users')).toMatchObject({ url: 'http://env', timeoutMs: 5 });
    expect(subgraphSettings(config, 'Posts').url).toBe('http://posts');
  });

  it('are as the chapter on subgraphs that fail shows them', () => {
    const chapter = readFileSync(join(__dirname, '../../docs/resilience.md'), 'utf8');
    const config = configOf(/```yaml\n([\s\S]*?)```/.exec(chapter)![1]!);
    expect(config.subgraphs.defaults).toEqual({ ...createConfig().subgraphs.defaults, timeoutMs: 5_000 });
    expect(subgraphSettings(config, 'users')).toMatchObject({
      instances: [{ weight: 2 }, { weight: 1 }],
      retries: { attempts: 2, anotherAfterMs: 300, backoffMs: 25 },
    });
  });

  it('take the URLs of instances from a variable, and its own part of a section over the defaults', () => {
    const config = configOf(
      'subgraphs: { defaults: { retries: { attempts: 2 } }, overrides: { users: { retries: { backoffMs: 7 } } } }',
      { SUBGRAPH_USERS_URLS: 'http://a:1/graphql, http://b:2/graphql' },
    );
    expect(subgraphSettings(config, 'users')).toMatchObject({
      instances: [
        { url: 'http://a:1/graphql', weight: 1 },
        { url: 'http://b:2/graphql', weight: 1 },
      ],
      retries: { attempts: 2, backoffMs: 7, statuses: [502, 503, 504] },
    });
    expect(problemsOf('', { SUBGRAPH_USERS_URLS: 'http://a,ftp://b' })).toEqual([
      expect.stringContaining('subgraphs.overrides.users.instances[1].url: expected an http or https URL'),
    ]);
  });

  it('are not read from what every object has', () => {
    expect(subgraphSettings(createConfig(), 'constructor')).toEqual(createConfig().subgraphs.defaults);
    expect(subgraphSettings(createConfig(), '__proto__')).toEqual(createConfig().subgraphs.defaults);
  });
});

describe('settings of a subgraph that there is not', () => {
  it('are told with the nearest name, also when they come from a variable', () => {
    const config = configOf('subgraphs: { overrides: { my-users: {}, uzers: {} } }', {
      SUBGRAPH_CATALOG_URL: 'http://c',
    });
    expect(strayOverrides(config, ['my-users', 'users'])).toEqual([
      'settings for "uzers", which the supergraph does not have; did you mean "users"?',
      'settings for "catalog", which the supergraph does not have; it has my-users, users',
    ]);
    expect(strayOverrides(config, ['my-users', 'uzers', 'Catalog'])).toEqual([]);
  });
});

describe('for embedders and editors', () => {
  it('createConfig throws every problem of a value', () => {
    expect(() => createConfig({ limits: { maxDeph: 3 } } as never)).toThrow(
      'config limits.maxDeph: unknown key "maxDeph"; did you mean "maxDepth"?',
    );
  });

  it('createConfig leaves its argument as it is', () => {
    const input = { server: { port: 1 } };
    createConfig(input);
    expect(input).toEqual({ server: { port: 1 } });
  });

  it('the JSON Schema knows the keys and their limits', () => {
    expect(configJsonSchema()).toMatchObject({
      properties: {
        server: {
          properties: { port: { type: 'integer', maximum: 65_535, default: 4000 } },
          additionalProperties: false,
        },
      },
    });
  });
});
