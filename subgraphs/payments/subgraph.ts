/**
 * The payments subgraph as one value: schema, resolvers, tables, data, webhook. Clock: once per start.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../src/telemetry/log';
import type { SubgraphDefinition } from '../shared/subgraph';
import type { PaymentsContext } from './context';
import { createLoaders } from './loaders';
import { createQuotes } from './quotes';
import { resolvers } from './resolvers';
import { webhookRoute } from './webhook';

/** Published here, so it protects nothing: it serves `npm start` on a laptop, and production refuses it. */
const DEVELOPMENT_WEBHOOK_SECRET = 'whsec_development_only';
const MIN_SECRET_BYTES = 32;

/**
 * Reads `PAYMENTS_WEBHOOK_SECRET` (several, separated by commas, while one is being changed) and
 * `PAYMENTS_QUOTE_SECRET` (random when missing: quotes then hold within this process only).
 * `now` in milliseconds since the epoch. Throws when a secret is shorter than 32 bytes, or missing in production.
 */
export function createPaymentsSubgraph(
  env: NodeJS.ProcessEnv,
  log: Log,
  now: () => number = Date.now,
): SubgraphDefinition<PaymentsContext> {
  const quotes = createQuotes(env.PAYMENTS_QUOTE_SECRET ?? randomBytes(32).toString('hex'), now);
  const secrets = webhookSecrets(env);
  return {
    name: 'payments',
    schemaFile: join(__dirname, 'schema.graphql'),
    resolvers,
    migrationsDirectory: join(__dirname, 'migrations'),
    async seed(db) {
      await db.query(await readFile(join(__dirname, 'seed.sql'), 'utf8'));
    },
    createContext: ({ caller }, db, events) => ({ caller, db, events, quotes, loaders: createLoaders(db, caller) }),
    routes: (db, _, events) => [webhookRoute(db, events, { secrets, now, log })],
  };
}

function webhookSecrets(env: NodeJS.ProcessEnv): readonly string[] {
  const configured = env.PAYMENTS_WEBHOOK_SECRET;
  if (configured === undefined || configured === '') {
    if (env.NODE_ENV === 'production') throw new Error('PAYMENTS_WEBHOOK_SECRET must be set in production');
    return [DEVELOPMENT_WEBHOOK_SECRET];
  }
  const secrets = configured.split(',').map((secret) => secret.trim());
  if (secrets.some((secret) => Buffer.byteLength(secret) < MIN_SECRET_BYTES)) {
    throw new Error(`PAYMENTS_WEBHOOK_SECRET must be at least ${MIN_SECRET_BYTES} bytes long`);
  }
  return secrets;
}
