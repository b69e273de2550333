/**
 * The gateways side by side, each started as its documentation says for production, over the same subgraphs.
 * `command(site)` gives `{ file, args, env }` for the `site` that `harness.js` makes;
 * it may throw: the reason then stands in the table.
 */
'use strict';

const { existsSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const modules = join(__dirname, 'node_modules');
const node = process.execPath;

/** `more` is what its configuration has beside the usual; it may depend on the site. */
function supergate(name, title, build, more = () => ({})) {
  return {
    name,
    title,
    note: 'access tokens verified, limits, request log to a file, metrics',
    command: (site) => supergateCommand(site, build(site), more(site)),
  };
}

function supergateCommand({ directory, port, supergraphFile, publicKey, issuer }, { cli, flags }, more) {
  if (!existsSync(cli)) throw new Error(`${cli} is not there: run "npm run build"`);
  const keyFile = join(directory, 'public-key.pem');
  writeFileSync(keyFile, publicKey);
  const config = join(directory, 'gateway.yaml');
  // JSON is YAML.
  writeFileSync(
    config,
    JSON.stringify({
      authentication: {
        issuers: [{ issuer, audiences: ['bench'], algorithms: ['ES256'], publicKeyFile: keyFile }],
      },
      limits: { maxDepth: 50, maxTokens: 15_000 },
      ...more,
      telemetry: { logLevel: 'info', metrics: true, ...more.telemetry },
    }),
  );
  return { file: node, args: [...flags, cli, 'serve', supergraphFile, '--config', config, '--port', String(port)] };
}

/** The path of a peer's file. Throws where the benchmark's own packages are not installed. */
function installed(path) {
  const file = join(modules, path);
  if (!existsSync(file)) throw new Error(`${path} is not there: run "npm ci --prefix bench"`);
  return file;
}

const apollo = {
  name: 'apollo',
  title: '`@apollo/gateway` 2.14.4 + `@apollo/server` 5.5.1',
  note: 'no authentication, no log',
  command({ port, supergraphFile }) {
    installed('@apollo/gateway/package.json');
    return { file: node, args: [join(__dirname, 'gateways/apollo.js'), supergraphFile, String(port)] };
  },
};

const mercurius = {
  name: 'mercurius',
  title: 'Mercurius 16 gateway (federation 1, JIT)',
  note: 'no authentication, no log',
  command({ port, subgraphs }) {
    installed('@mercuriusjs/gateway/package.json');
    const urls = subgraphs.map(({ name, url }) => `${name}=${url}`);
    return { file: node, args: [join(__dirname, 'gateways/mercurius.js'), String(port), ...urls] };
  },
};

function hive(name, title, flag) {
  return {
    name,
    title,
    note: 'no authentication; shares identical client queries in the identical runs',
    // What sharing costs must not burden the runs where it cannot pay.
    hasOneProcessPerMode: true,
    command: ({ port, supergraphFile, mode }) => ({
      file: node,
      args: [
        installed('@graphql-hive/gateway/dist/bin.js'),
        'supergraph',
        supergraphFile,
        ...['--config-path', join(__dirname, 'gateways/hive.mjs'), '--host', '127.0.0.1', '--port', String(port)],
        ...['--fork', '1', flag],
      ],
      env: { BENCH_SHARE: String(mode === 'identical') },
    }),
  };
}

const grafbase = {
  name: 'grafbase',
  title: 'Grafbase gateway (Rust)',
  note: 'CLI 0.103 `dev`, no authentication',
  command({ directory, port, subgraphs }) {
    const config = join(directory, 'grafbase.toml');
    const tables = subgraphs.map(
      ({ name, url, file }) => `[subgraphs.${name}]\nurl = "${url}"\nschema_path = "${file}"\n`,
    );
    writeFileSync(config, tables.join('\n'));
    return {
      file: installed('@grafbase/cli-x86_64-unknown-linux-musl/grafbase'),
      args: ['--home', directory, 'dev', '--config', config, '--listen-address', `127.0.0.1:${port}`],
    };
  },
};

const thisBuild = ({ cli, flags }) => ({ cli, flags });

const contenders = [
  supergate('supergate', 'Supergate', thisBuild),
  apollo,
  hive('hive-jit', 'Hive Gateway 2.15.1 (JIT)', '--jit'),
  hive('hive-rust', 'Hive Gateway 2.15.1 (Rust planner)', '--hive-router-runtime'),
  mercurius,
  grafbase,
];

/** Three rules for every operation, of which none refuses: what counting costs. */
const rateLimits = {
  rules: [
    { name: 'general', max: 1_000_000, window: '60s', algorithm: 'token-bucket' },
    { name: 'address', by: 'ip', max: 1_000_000, window: '60s', algorithm: 'token-bucket' },
    { name: 'everybody', by: 'global', max: 100_000, window: '1s' },
  ],
};

/** Nothing is asked twice, told of a deadline, balanced, probed or shed. */
const plain = () => ({
  overload: { shedding: false },
  subgraphs: { defaults: { retries: { attempts: 1 }, deadlineHeader: false } },
});

/** Three URLs of one server are three instances. */
const resilient = ({ subgraphs }) => ({
  headers: { requests: [{ propagate: ['x-tenant'] }, { set: 'x-region', value: 'eu-1' }] },
  subgraphs: {
    zone: 'here',
    defaults: {
      balancing: { policy: 'powerOfTwo' },
      health: { probe: { kind: 'graphql', intervalMs: 1_000 } },
      retries: { attempts: 3 },
      deadlineHeader: 'x-deadline-ms',
      breaker: { enabled: true },
      maxInFlight: 1_000,
    },
    overrides: Object.fromEntries(
      subgraphs.map(({ name, url }) => {
        const instances = [1, 2, 3].map((number) => ({ url: `${url}?instance=${number}`, zone: 'here' }));
        return [name, { instances }];
      }),
    ),
  },
});

/** One trace of a hundred is recorded and sent. */
const traced = ({ subgraphs: [{ url }] }) => ({
  ...plain(),
  telemetry: { tracing: { otlpUrl: new URL('/v1/traces', url).href, sampleRatio: 0.01 } },
});

const cost = { mode: 'enforce', budget: { max: 1_000_000, window: '1s', algorithm: 'token-bucket' } };

const redis = { url: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379' };

/** Run when they are named by `--only`. */
const variants = [
  supergate('limits', 'Supergate with three rate limits', thisBuild, () => ({ rateLimits })),
  supergate('limits-redis', 'Supergate with three rate limits in Redis', thisBuild, () => ({
    redis,
    rateLimits: { ...rateLimits, namespace: `bench-${process.pid}` },
  })),
  supergate('plain', 'Supergate without what helps subgraphs that fail', thisBuild, plain),
  supergate('resilient', 'Supergate with all of it, three instances each', thisBuild, resilient),
  supergate('traced', 'Supergate without it, one request of a hundred traced', thisBuild, traced),
  {
    ...supergate('policies', 'Supergate with all policies', thisBuild),
    note: 'the same with `@authenticated`, `@requiresScopes`, three rate limits, and a budget of cost',
    command: ({ protectedSupergraphFile, ...site }) =>
      supergateCommand({ ...site, supergraphFile: protectedSupergraphFile }, thisBuild(site), { rateLimits, cost }),
  },
];

/** Another build of Supergate, to compare a change with what was before. */
const otherBuild = supergate('before', 'Supergate before', ({ against }) => against);

module.exports = { contenders, otherBuild, variants };
