/**
 * Processor time that the policies take of one hot operation, each alone and all together:
 * `npm run build && node bench/policies.js [--redis redis://127.0.0.1:6379]`
 * In this process, without sockets, from raw headers to the admitted operation and the headers that tell of limits; with
 * everything remembered that a busy gateway remembers. The configurations take turns; the best turn of each counts.
 */
'use strict';

const { generateKeyPairSync } = require('node:crypto');
const { parseArgs } = require('node:util');
const jsonwebtoken = require('jsonwebtoken');
const { rateLimitHeaders } = require('../dist/client/rate-limit-headers');
const { createConfig } = require('../dist/config');
const { createAuthentication } = require('../dist/context/create-authentication');
const { createRequestContexts } = require('../dist/context/create-request-context');
const { createGateway } = require('../dist/gateway');
const { checkVariables } = require('../dist/operation/variables');
const { admit } = require('../dist/pipeline');
const { cases } = require('./cases');
const { composeSupergraph, protectSubgraphs, readSubgraphs } = require('./graph/compose');

const { values: options } = parseArgs({
  options: { redis: { type: 'string' }, rounds: { type: 'string', default: '8' }, requests: { type: 'string' } },
});
const rounds = Number(options.rounds);
const requests = Number(options.requests ?? (options.redis ? 5_000 : 30_000));
const together = 10;

const log = { error: console.error, warn() {}, info() {}, debug() {} };
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicKeyFile = `/tmp/supergate-bench-${process.pid}.pem`;
require('node:fs').writeFileSync(publicKeyFile, publicKey.export({ format: 'pem', type: 'spki' }));
process.once('exit', () => require('node:fs').unlinkSync(publicKeyFile));

const signing = { algorithm: 'ES256', issuer: 'i', audience: 'a', subject: 's', expiresIn: 3_600 };
const token = jsonwebtoken.sign({ scope: 'read write' }, privateKey, signing);
const usual = ['Host', 'localhost:4000', 'Accept', '*/*', 'Content-Type', 'application/json', 'Content-Length', '120'];

const issuer = { issuer: 'i', audiences: ['a'], algorithms: ['ES256'], publicKeyFile };
const authentication = { authentication: { issuers: [issuer] } };
const rules = [
  { name: 'general', max: 1_000_000, window: '60s', algorithm: 'token-bucket' },
  { name: 'address', by: 'ip', max: 1_000_000, window: '60s', algorithm: 'token-bucket' },
  { name: 'everybody', by: 'global', max: 1_000_000, window: '1s', algorithm: 'token-bucket' },
];
const store = options.redis && { redis: { url: options.redis } };
const rateLimits = { rateLimits: { rules, namespace: `bench-${process.pid}` }, ...store };
const budget = { max: 1_000_000, window: '1s', algorithm: 'token-bucket' };
const cost = { cost: { mode: 'enforce', budget }, ...store };

/** Each with what it adds to the row that it is compared with. */
const rows = [
  { title: 'nothing', config: {} },
  { title: 'authentication (a token that is known)', config: authentication, hasToken: true },
  {
    title: 'authorization (`@authenticated`, `@requiresScopes`), with it',
    config: authentication,
    hasToken: true,
    isProtected: true,
  },
  { title: 'three rate limits', config: rateLimits },
  { title: 'cost, with a budget', config: cost },
  {
    title: 'all of it',
    config: { ...authentication, ...rateLimits, ...cost },
    hasToken: true,
    isProtected: true,
  },
];

async function open({ config: input, hasToken = false, isProtected = false }) {
  const config = createConfig(input);
  const urls = { accounts: 'http://a', inventory: 'http://i', products: 'http://p', reviews: 'http://r' };
  const subgraphs = readSubgraphs(urls);
  const sdl = composeSupergraph(isProtected ? protectSubgraphs(subgraphs) : subgraphs);
  const gateway = createGateway({ supergraph: { sdl }, config }, { log });
  await gateway.load();
  const { authenticator, credentials } = createAuthentication(config.authentication, { log, now: Date.now });
  const contexts = createRequestContexts({ authenticator, credentials, log, now: Date.now, timeoutMs: 30_000 });
  const { query, variables } = cases.find(({ name }) => name === 'small');
  const rawHeaders = hasToken ? [...usual, 'Authorization', `Bearer ${token}`] : usual;
  const ask = async (id) => {
    const context = await contexts.openHttp({ id, rawHeaders, ip: '10.0.0.1' });
    const prepared = gateway.prepare(query);
    const { generation, target } = prepared;
    const checked = checkVariables(generation.apiSchema, target, variables(id));
    const admitted = await admit(prepared, checked, context);
    const report = context.told.rateLimits;
    if (report) rateLimitHeaders(report, false);
    context.dispose();
    if (admitted.kind !== 'admitted' || admitted.exclusions) throw new Error(`refused: ${JSON.stringify(admitted)}`);
  };
  return { ask, close: () => gateway.stop() };
}

/** Microseconds of processor time for each request, of which some are under way together. */
async function measure({ ask }, count) {
  const before = process.cpuUsage();
  const client = async () => {
    for (let index = 0; index < count / together; index += 1) await ask('s00000001');
  };
  await Promise.all(Array.from({ length: together }, client));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

async function main() {
  const opened = [];
  for (const row of rows) opened.push({ ...row, ...(await open(row)), best: Number.POSITIVE_INFINITY });
  for (const entry of opened) await measure(entry, requests);
  for (let round = 0; round < rounds; round += 1) {
    for (const entry of opened) entry.best = Math.min(entry.best, await measure(entry, requests));
  }
  const [{ best: bare }] = opened;
  console.log(
    `| ${options.redis ? 'counters in Redis' : 'counters in memory'} | µs | more than nothing |\n| --- | --: | --: |`,
  );
  for (const { title, best } of opened) console.log(`| ${title} | ${best.toFixed(1)} | ${(best - bare).toFixed(1)} |`);
  for (const { close } of opened) await close();
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
