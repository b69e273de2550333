/**
 * The gateways side by side, each started as its documentation says for production, over the same subgraphs.
 * `command(site)` gives `{ file, args, env }` for a `site` of `{ directory, port, supergraphFile, subgraphs, token }`;
 * it may throw: the reason then stands in the table.
 */
'use strict';

const { existsSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const modules = join(__dirname, 'node_modules');
const node = process.execPath;
const grafbase = join(modules, '@grafbase/cli-x86_64-unknown-linux-musl/grafbase');

const supergate = {
  name: 'supergate',
  title: 'Supergate',
  note: 'access tokens verified, limits, request log to a file, metrics',
  command({ directory, port, supergraphFile, publicKey, issuer, cli }) {
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
        telemetry: { logLevel: 'info', metrics: true },
      }),
    );
    return { file: node, args: [cli, 'serve', supergraphFile, '--config', config, '--port', String(port)] };
  },
};

const apollo = {
  name: 'apollo',
  title: '`@apollo/gateway` 2.14.4 + `@apollo/server` 5.5.1',
  note: 'no authentication, no log',
  command: ({ port, supergraphFile }) => ({
    file: node,
    args: [join(__dirname, 'gateways/apollo.js'), supergraphFile, String(port)],
  }),
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
        join(modules, '@graphql-hive/gateway/dist/bin.js'),
        'supergraph',
        supergraphFile,
        ...['--config-path', join(__dirname, 'gateways/hive.mjs'), '--host', '127.0.0.1', '--port', String(port)],
        ...['--fork', '1', flag],
      ],
      env: { BENCH_SHARE: String(mode === 'identical') },
    }),
  };
}

const grafbaseGateway = {
  name: 'grafbase',
  title: 'Grafbase gateway (Rust)',
  note: 'CLI 0.103 `dev`, no authentication',
  command({ directory, port, subgraphs }) {
    if (!existsSync(grafbase)) throw new Error('its npm package has no binary for this platform');
    const config = join(directory, 'grafbase.toml');
    const tables = subgraphs.map(
      ({ name, url, file }) => `[subgraphs.${name}]\nurl = "${url}"\nschema_path = "${file}"\n`,
    );
    writeFileSync(config, tables.join('\n'));
    return {
      file: grafbase,
      args: ['--home', directory, 'dev', '--config', config, '--listen-address', `127.0.0.1:${port}`],
    };
  },
};

const contenders = [
  supergate,
  apollo,
  hive('hive-jit', 'Hive Gateway 2.15.1 (JIT)', '--jit'),
  hive('hive-rust', 'Hive Gateway 2.15.1 (Rust planner)', '--hive-router-runtime'),
  grafbaseGateway,
];

module.exports = { contenders };
