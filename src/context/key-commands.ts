/**
 * `supergate key create|list|rotate|revoke`: the API keys of a file. Clock: per call of the CLI.
 * In: the words of the command line. Out: a key, once, on standard output; everything else on standard error.
 */
import { existsSync } from 'node:fs';
import {
  type Arguments,
  type Command,
  type OptionHelp,
  print,
  readNames,
  readSeconds,
  tell,
  UsageError,
} from '../config/command-line';
import { createApiKey } from './api-key';
import { type ApiKeyEntry, changeApiKeyFile, readApiKeyFile, readLastUses } from './api-key-file';

const defaultFile = '.data/api-keys.json';
const defaultOverlap = '24h';
const maxKeyNameLength = 100;

const fileOption: OptionHelp = { type: 'string', value: 'FILE', help: `the file of keys (default ${defaultFile})` };
const id = { name: 'ID', help: 'the part of a key between its underscores' };

/** The commands by their two words. `now` in milliseconds since the epoch. */
export function createKeyCommands(now: () => number = Date.now): Readonly<Record<string, Command>> {
  return {
    'key create': {
      summary: 'Make an API key and print it, once.',
      options: {
        name: { type: 'string', value: 'TEXT', help: 'what it is for (required)' },
        subject: { type: 'string', value: 'ID', help: 'whom its requests count as (required)' },
        roles: { type: 'string', value: 'A,B', help: 'roles, separated by commas' },
        scopes: { type: 'string', value: 'A,B', help: 'scopes, separated by commas' },
        tier: { type: 'string', value: 'NAME', help: 'the tier of rate limits' },
        expires: { type: 'string', value: 'TIME', help: '12h, 90d ... (default: never)' },
        file: fileOption,
      },
      details:
        'The file holds hashes alone. Name it in gateway.yaml: authentication: { apiKeys: { file: .data/api-keys.json } }',
      run: (args) => createKey(args, now()),
    },
    'key list': {
      summary: 'List the API keys of a file.',
      options: { file: fileOption, format: { type: 'string', value: 'text|json', help: 'default text' } },
      run: (args) => listKeys(args, now()),
    },
    'key rotate': {
      summary: 'Give an API key a new secret and print it, once.',
      positional: id,
      options: {
        overlap: {
          type: 'string',
          value: 'TIME',
          help: `how long the old secret counts too, 0 for not at all (default ${defaultOverlap})`,
        },
        file: fileOption,
      },
      run: (args) => rotateKey(args, now()),
    },
    'key revoke': {
      summary: 'End an API key.',
      positional: id,
      options: { file: fileOption },
      details: 'Gateways refuse it as soon as they read the file again: authentication.apiKeys.cacheMs at most.',
      run: (args) => revokeKey(args, now()),
    },
  };
}

function createKey(args: Arguments, nowMs: number): number {
  const name = args.text('name')?.trim() ?? '';
  if (name === '' || name.length > maxKeyNameLength) {
    throw new UsageError(`key create: --name TEXT is required, at most ${maxKeyNameLength} characters`);
  }
  const [subject, ...more] = readNames(args.text('subject')) ?? [];
  if (subject === undefined || more.length > 0) throw new UsageError('key create: --subject ID is required, one name');
  const [tier, ...tiers] = namesIn(args, 'tier');
  if (tiers.length > 0) throw new UsageError('key create: --tier must be one name');
  const lifetime = args.text('expires');
  const { id, key, sha256 } = createApiKey();
  const entry: ApiKeyEntry = {
    id,
    name,
    subject,
    roles: [...namesIn(args, 'roles')],
    scopes: [...namesIn(args, 'scopes')],
    ...(tier !== undefined && { tier }),
    createdAt: iso(nowMs),
    ...(lifetime !== undefined && { expiresAt: iso(nowMs + 1_000 * secondsIn('key create', 'expires', lifetime)) }),
    hashes: [{ sha256: sha256.toString('hex') }],
  };
  const file = args.text('file') ?? defaultFile;
  changeApiKeyFile(file, (entries) => [...entries, entry]);
  tell(`${id} for ${subject}${entry.expiresAt == null ? '' : ` until ${entry.expiresAt}`}, in ${file}`);
  return print(key);
}

function rotateKey(args: Arguments, nowMs: number): number {
  const overlap = args.text('overlap') ?? defaultOverlap;
  const overlapMs = overlap === '0' ? 0 : 1_000 * secondsIn('key rotate', 'overlap', overlap);
  const until = iso(nowMs + overlapMs);
  let key = '';
  changeOne(args, 'key rotate', (entry) => {
    if (entry.revokedAt !== undefined) throw new UsageError(`key rotate: ${entry.id} is revoked`);
    const created = createApiKey(entry.id);
    key = created.key;
    // The newest alone overlaps: of two rotations in a row, the first secret ends with the second.
    const old = overlapMs === 0 ? [] : entry.hashes.slice(0, 1).map(({ sha256 }) => ({ sha256, until }));
    return { ...entry, rotatedAt: iso(nowMs), hashes: [{ sha256: created.sha256.toString('hex') }, ...old] };
  });
  tell(overlapMs === 0 ? 'the old secret is refused from now on' : `the old secret counts until ${until}`);
  return print(key);
}

function revokeKey(args: Arguments, nowMs: number): number {
  let revokedAt = '';
  changeOne(args, 'key revoke', (entry) => {
    revokedAt = entry.revokedAt ?? iso(nowMs);
    return { ...entry, revokedAt };
  });
  return print(`${args.positional} is revoked since ${revokedAt}`);
}

function listKeys(args: Arguments, nowMs: number): number {
  const file = args.text('file') ?? defaultFile;
  const format = args.text('format') ?? 'text';
  if (format !== 'text' && format !== 'json')
    throw new UsageError(`key list: --format must be text or json, not "${format}"`);
  if (!existsSync(file)) throw new UsageError(`key list: there is no ${file}`);
  const uses = readLastUses(file);
  const keys = readApiKeyFile(file).map(({ hashes: _, ...entry }) => ({
    ...entry,
    state: stateOf(entry, nowMs),
    lastUsedAt: uses.get(entry.id) ?? null,
  }));
  if (format === 'json') return print(JSON.stringify(keys, null, 2));
  const rows = keys.map((key) => [
    key.id,
    key.state,
    key.subject,
    key.tier ?? '-',
    key.scopes.join(',') || '-',
    `used ${key.lastUsedAt ?? 'never'}`,
    key.name,
  ]);
  return print(rows.map((row) => row.join('  ')).join('\n') || 'no keys');
}

function stateOf({ revokedAt, expiresAt }: Pick<ApiKeyEntry, 'revokedAt' | 'expiresAt'>, nowMs: number): string {
  if (revokedAt !== undefined) return 'revoked';
  return expiresAt != null && Date.parse(expiresAt) <= nowMs ? 'expired' : 'active';
}

function changeOne(args: Arguments, command: string, edit: (entry: ApiKeyEntry) => ApiKeyEntry): void {
  const file = args.text('file') ?? defaultFile;
  const wanted = args.positional;
  if (wanted === undefined) throw new UsageError(`${command}: which key? Give its ID`);
  changeApiKeyFile(file, (entries) => {
    if (!entries.some((entry) => entry.id === wanted)) throw new UsageError(`${command}: ${file} has no key ${wanted}`);
    return entries.map((entry) => (entry.id === wanted ? edit(entry) : entry));
  });
}

function namesIn(args: Arguments, option: string): readonly string[] {
  const names = readNames(args.text(option));
  if (names === undefined) throw new UsageError(`key create: --${option} must be names separated by commas`);
  return names;
}

function secondsIn(command: string, option: string, text: string): number {
  const seconds = readSeconds(text);
  if (seconds === undefined)
    throw new UsageError(`${command}: --${option} must be like 30m, 12h or 90d, not "${text}"`);
  return seconds;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
