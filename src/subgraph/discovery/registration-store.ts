/**
 * Registrations in Redis, so that several gateways know the same instances. In and out: `RegistrationStore`.
 * Clock: by registration, and a question a second. Each subgraph is a hash; its entries expire by Redis' own time.
 */
import { z } from 'zod';
import type { RedisConnection } from '../../redis';
import type { RegistrationStore, StoredRegistration } from './registrations';

/** Fields are ids, values JSON with the moment of expiry before it. */
const putScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now + ARGV[3]) .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3] * 2)
return 1`;

const listScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all = redis.call('HGETALL', KEYS[1])
local found = {}
for i = 1, #all, 2 do
  local space = string.find(all[i + 1], ' ', 1, true)
  local left = tonumber(string.sub(all[i + 1], 1, space - 1)) - now
  if left <= 0 then redis.call('HDEL', KEYS[1], all[i])
  else
    found[#found + 1] = string.format('%.0f', left)
    found[#found + 1] = string.sub(all[i + 1], space + 1)
  end
end
return found`;

const storedSchema = z.object({
  id: z.string(),
  url: z.string(),
  weight: z.number().positive(),
  zone: z.string().optional(),
  gone: z.boolean().default(false),
});

/** Over a connection that there is already. */
export function createRegistrationStore(redis: RedisConnection): RegistrationStore {
  const put = redis.script(putScript);
  const list = redis.script(listScript);
  const keyOf = (subgraph: string) => `supergate:instances:${subgraph}`;
  return {
    put: (subgraph, { registration, gone }, ttlMs) => {
      const value = JSON.stringify({ ...registration, ...(gone && { gone }) });
      return put([keyOf(subgraph)], [registration.id, value, String(Math.ceil(ttlMs))]);
    },
    list: async (subgraph) => {
      const answer = await list([keyOf(subgraph)], []);
      return Array.isArray(answer) ? readEntries(answer) : undefined;
    },
  };
}

/** What another version wrote and this one cannot read is left out. */
function readEntries(answer: readonly unknown[]): readonly StoredRegistration[] {
  const entries: StoredRegistration[] = [];
  for (let i = 0; i + 1 < answer.length; i += 2) {
    const read = readEntry(String(answer[i + 1]));
    if (read === undefined) continue;
    const { gone, ...registration } = read;
    entries.push({ registration, gone, leftMs: Number(answer[i]) });
  }
  return entries;
}

function readEntry(text: string) {
  try {
    return storedSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
