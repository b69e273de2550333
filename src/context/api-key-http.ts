/**
 * API keys that a service stores, such as a subgraph: `POST url` with ids, and with the uses since the last time.
 * In: ids. Out: records. Clock: per batch of keys. The service never sees a key, only its id: the hash comes here and is
 * compared here. The gateway proves itself with its service token.
 *
 * Asked `{ "ids": ["k2x..."], "used": [{ "id": "k2x...", "at": "2026-11-21T12:00:00.000Z" }] }`, the service answers 200
 * `{ "keys": [{ "id", "subject", "roles", "scopes", "tier", "expiresAt", "hashes": [{ "sha256", "until" }] }] }`,
 * without keys that are unknown, expired or revoked.
 */
import { z } from 'zod';
import { apiKeyFields, toApiKeyRecord } from './api-key';
import type { ApiKeySource } from './api-key-lookups';
import type { PostJson } from './http-fetch';

export interface ApiKeyHttpOptions {
  readonly url: string;
  readonly postJson: PostJson;
  /** What the gateway proves itself with. */
  readonly headers: () => Readonly<Record<string, string>>;
}

const bounds = { timeoutMs: 3_000, maxBytes: 1024 * 1024 };
const answerSchema = z.object({ keys: z.array(z.object(apiKeyFields)) });

/** A source over HTTP. Rejects for every answer but a 200 of that form. */
export function createApiKeyHttpSource({ url, postJson, headers }: ApiKeyHttpOptions): ApiKeySource {
  const ask = (body: unknown) => postJson(url, body, headers(), bounds);
  return {
    async find(ids) {
      const { keys } = answerSchema.parse(JSON.parse(await ask({ ids })));
      return new Map(keys.map((fields) => [fields.id, toApiKeyRecord(fields)]));
    },
    async recordUses(uses) {
      await ask({ ids: [], used: [...uses].map(([id, at]) => ({ id, at: new Date(at).toISOString() })) });
    },
  };
}
