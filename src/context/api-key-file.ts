/**
 * API keys in a file: JSON with hashes, changed by `supergate key`, read again by a running gateway when it changes.
 * In: a path. Out: records, or every entry for the command line. Clock: per change of the file (a `stat` per lookup).
 * It must never lose an entry: changes are made under a lock and appear whole. Last uses stand beside it, in
 * `FILE.used`: the gateway never writes to the file itself.
 */
import { mkdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isNativeError } from 'node:util/types';
import { z } from 'zod';
import type { Log } from '../telemetry/log';
import { type ApiKeyRecord, apiKeyFields, toApiKeyRecord } from './api-key';
import type { ApiKeySource } from './api-key-lookups';
import { createLineBudget, reasonOf } from './log-lines';

const moment = () => z.iso.datetime();
const entrySchema = z.strictObject({
  ...apiKeyFields,
  name: z.string().min(1).max(100),
  createdAt: moment(),
  rotatedAt: moment().optional(),
  revokedAt: moment().optional(),
});
const fileSchema = z
  .strictObject({ keys: z.array(entrySchema) })
  .refine(({ keys }) => new Set(keys.map(({ id }) => id)).size === keys.length, { error: 'two keys have the same id' });

export type ApiKeyEntry = z.output<typeof entrySchema>;

const maxFileBytes = 16 * 1024 * 1024;
const ownerOnly = 0o600;

/** The entries of the file, in order. Throws an `Error` that says what is wrong with it. */
export function readApiKeyFile(file: string): readonly ApiKeyEntry[] {
  return parseApiKeyFile(readFileSync(file, 'utf8'));
}

function parseApiKeyFile(text: string): readonly ApiKeyEntry[] {
  const checked = fileSchema.safeParse(JSON.parse(text));
  if (checked.success) return checked.data.keys;
  const [issue] = checked.error.issues;
  throw new Error(`${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'is not a file of API keys'}`);
}

/** Why the file cannot be used, or undefined. A file that is not there yet has no keys. */
export function problemOfApiKeyFile(file: string): string | undefined {
  try {
    readExisting(file);
    return undefined;
  } catch (error) {
    return `cannot be used: ${reasonOf(error)}`;
  }
}

/**
 * Replaces the entries by what `change` makes of them; a file that is missing has none. Throws when the file cannot be
 * read or written, when another change is under way, and what `change` throws.
 */
export function changeApiKeyFile(
  file: string,
  change: (entries: readonly ApiKeyEntry[]) => readonly ApiKeyEntry[],
): void {
  const lock = `${file}.lock`;
  mkdirSync(dirname(file), { recursive: true });
  try {
    mkdirSync(lock);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    throw new Error(`${file} is being changed by somebody else; if nobody is at it, remove ${lock}`);
  }
  try {
    const keys = change(readExisting(file));
    const draft = `${file}.draft`;
    writeFileSync(draft, `${JSON.stringify({ keys }, null, 2)}\n`, { mode: ownerOnly });
    renameSync(draft, file);
  } finally {
    rmdirSync(lock);
  }
}

function readExisting(file: string): readonly ApiKeyEntry[] {
  try {
    return readApiKeyFile(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** When each key was used last, as gateways have told: ISO 8601 by id. */
export function readLastUses(file: string): ReadonlyMap<string, string> {
  try {
    return parseLastUses(readFileSync(usesOf(file), 'utf8'));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return new Map();
    throw error;
  }
}

function parseLastUses(text: string): ReadonlyMap<string, string> {
  return new Map(Object.entries(z.record(z.string(), moment()).parse(JSON.parse(text))));
}

const usesOf = (file: string) => `${file}.used`;

/** A source of the keys in a file. A file that went bad leaves the last good keys in force, and is logged; one
 * that was never there has none yet. */
export function createApiKeyFileSource(file: string, log: Log): ApiKeySource {
  let records: ReadonlyMap<string, ApiKeyRecord> = new Map();
  let version = '';
  const lines = createLineBudget(Date.now, 1);
  const readAgain = async () => {
    const { ino, size, mtimeNs } = await stat(file, { bigint: true });
    const found = `${ino}.${size}.${mtimeNs}`;
    if (found === version) return;
    version = found;
    if (size > maxFileBytes) throw new Error(`is larger than ${maxFileBytes} bytes`);
    const entries = parseApiKeyFile(await readFile(file, 'utf8')).filter(({ revokedAt }) => revokedAt === undefined);
    records = new Map(entries.map((entry) => [entry.id, toApiKeyRecord(entry)]));
  };
  return {
    async find(ids) {
      try {
        await readAgain();
      } catch (error) {
        const isAwaited = version === '' && hasCode(error, 'ENOENT');
        if (!isAwaited && lines.admit() !== undefined) {
          log.error({ file, reason: reasonOf(error) }, 'The file of API keys cannot be read; the known keys stay');
        }
      }
      return new Map(ids.flatMap((id) => [records.get(id) ?? []].flat().map((record) => [id, record] as const)));
    },
    recordUses: (uses) => mergeUses(usesOf(file), uses),
  };
}

/** Later uses win: several gateways may share the file. */
async function mergeUses(file: string, uses: ReadonlyMap<string, number>): Promise<void> {
  const known = await readFile(file, 'utf8')
    .then(parseLastUses)
    .catch(() => undefined);
  const merged = new Map(known);
  for (const [id, at] of uses) {
    const text = new Date(at).toISOString();
    if (text > (merged.get(id) ?? '')) merged.set(id, text);
  }
  const draft = `${file}.${process.pid}.draft`;
  await writeFile(draft, `${JSON.stringify(Object.fromEntries(merged), null, 2)}\n`, { mode: ownerOnly });
  await rename(draft, file);
}

function hasCode(error: unknown, code: string): boolean {
  return isNativeError(error) && 'code' in error && error.code === code;
}
