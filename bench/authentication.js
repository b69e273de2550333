/**
 * Processor time that authentication takes of one request, by kind of credential: `npm run build && node bench/authentication.js`.
 * From raw headers to the identity, in this process, with everything remembered that a busy gateway remembers.
 */
const { generateKeyPairSync, randomUUID } = require('node:crypto');
const jsonwebtoken = require('jsonwebtoken');
const { createApiKey } = require('../dist/context/api-key');
const { createApiKeyVerifier } = require('../dist/context/api-keys');
const { createAuthenticator } = require('../dist/context/authenticate');
const { createCredentialReader } = require('../dist/context/credentials');
const { createIssuers } = require('../dist/context/issuers');
const { createTokenVerifier } = require('../dist/context/tokens');

const rounds = 3;
const requests = 200_000;
const newTokens = 2_000;

const log = { error() {}, warn() {}, info() {}, debug() {} };
const now = Date.now;
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
const issuer = { issuer: 'i', audiences: ['a'], algorithms: ['ES256'], keys: { kind: 'pem', pem } };
const { id, key, sha256 } = createApiKey();
const record = { id, subject: 's', roles: ['USER'], scopes: [], hashes: [{ sha256 }] };

const apiKeys = createApiKeyVerifier({
  sources: [{ find: async () => new Map([[id, record]]), recordUses: async () => {} }],
  ...{ issuer: 'i', cacheMs: 10_000, maxStaleMs: 0, now, log },
});
const tokens = createTokenVerifier({ issuers: createIssuers([issuer], { fetchText: undefined, now, log }), now });
const sources = { header: true, cookie: 'session', connectionInit: true, extensions: true, apiKeyHeader: 'x-api-key' };
const reader = createCredentialReader(sources);
const authenticator = createAuthenticator({ tokens, apiKeys, required: false, now });

const sign = (sub) =>
  jsonwebtoken.sign({ sub, roles: ['USER'] }, privateKey, {
    ...{ algorithm: 'ES256', issuer: 'i', audience: 'a', expiresIn: 600 },
  });
const usual = ['Host', 'localhost:4000', 'Accept', '*/*', 'Content-Type', 'application/json', 'Content-Length', '120'];
const cases = {
  'no credentials': [],
  'a token that is known': ['Authorization', `Bearer ${sign('s')}`],
  'the same in a cookie': ['Cookie', `theme=dark; lang=en; session=${sign('s')}`],
  'an API key that is known': ['X-Api-Key', key],
};

/** Microseconds of processor time for each call. */
async function measure(count, rawHeadersOf) {
  const before = process.cpuUsage();
  for (let index = 0; index < count; index += 1) {
    await authenticator.authenticate(reader.ofRequest(rawHeadersOf(index), undefined), { log });
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

async function main() {
  for (const [name, credential] of Object.entries(cases)) {
    const rawHeaders = [...usual, ...credential];
    await measure(requests / 10, () => rawHeaders);
    const results = [];
    for (let round = 0; round < rounds; round += 1) results.push(await measure(requests, () => rawHeaders));
    console.log(`${name.padEnd(28)} ${Math.min(...results).toFixed(2)} µs`);
  }
  const fresh = Array.from({ length: newTokens }, () => [...usual, 'Authorization', `Bearer ${sign(randomUUID())}`]);
  console.log(
    `${'an ES256 token that is new'.padEnd(28)} ${(await measure(newTokens, (index) => fresh[index])).toFixed(0)} µs`,
  );
  await apiKeys.close();
}

void main();
