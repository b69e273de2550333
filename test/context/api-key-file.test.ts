/**
 * Real: files, keys, the whole of `supergate key` but the process. Fake: the clock of the commands, the log.
 * Observed: what is in the file, what a gateway reads of it, and what is told on both outputs.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readArguments } from '../../src/config/command-line';
import { hashOfApiKey, idOfApiKey } from '../../src/context/api-key';
import {
  changeApiKeyFile,
  createApiKeyFileSource,
  problemOfApiKeyFile,
  readApiKeyFile,
} from '../../src/context/api-key-file';
import { createKeyCommands } from '../../src/context/key-commands';
import { createRecordingLog, nowMs } from './forge';

let directory: string;
let file: string;
let log: ReturnType<typeof createRecordingLog>;
let now: number;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'api-keys-'));
  file = join(directory, 'api-keys.json');
  log = createRecordingLog();
  now = nowMs;
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Runs one command in this process and answers what it prints. Throws what it throws. */
async function run(name: string, ...words: string[]): Promise<{ stdout: string; stderr: string }> {
  const command = createKeyCommands(() => now)[name];
  if (command === undefined) throw new Error(`there is no ${name}`);
  const output = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    jest.spyOn(process[stream], 'write').mockImplementation((text) => {
      output[stream] += String(text);
      return true;
    }),
  );
  try {
    await command.run(readArguments(name, command, [...words, '--file', file]));
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return output;
}

async function create(...words: string[]): Promise<{ id: string; key: string }> {
  const key = (await run('key create', '--name', 'Partner', '--subject', 'grace', ...words)).stdout.trim();
  return { id: idOfApiKey(key) ?? '', key };
}

const hash = (key: string) => hashOfApiKey(key).toString('hex');
const entryOf = (id: string) => readApiKeyFile(file).find((entry) => entry.id === id);
const iso = (ms: number) => new Date(ms).toISOString();

describe('supergate key create', () => {
  it('prints the key alone on standard output, and keeps its hash alone, for the owner of the file', async () => {
    const { stdout, stderr } = await run(
      'key create',
      ...['--name', 'Partner', '--subject', 'grace', '--roles', 'USER, EDITOR', '--scopes', 'a:read,b:write'],
      ...['--tier', 'gold', '--expires', '90d'],
    );
    const key = stdout.trim();
    const id = idOfApiKey(key) ?? '';
    expect(stdout).toBe(`${key}\n`);
    expect(stderr).toContain(`${id} for grace until ${iso(nowMs + 90 * 86_400_000)}`);
    expect(entryOf(id)).toEqual({
      id,
      name: 'Partner',
      subject: 'grace',
      roles: ['USER', 'EDITOR'],
      scopes: ['a:read', 'b:write'],
      tier: 'gold',
      createdAt: iso(nowMs),
      expiresAt: iso(nowMs + 90 * 86_400_000),
      hashes: [{ sha256: hash(key) }],
    });
    expect(readFileSync(file, 'utf8')).not.toContain(key.slice(-43));
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('adds to the keys that are there', async () => {
    const [one, two] = [await create(), await create()];
    expect(readApiKeyFile(file).map(({ id }) => id)).toEqual([one.id, two.id]);
  });

  it.each<[string, string[], RegExp]>([
    ['no name', ['--subject', 'a'], /--name/],
    ['no subject', ['--name', 'a'], /--subject/],
    ['two subjects', ['--name', 'a', '--subject', 'a,b'], /--subject/],
    ['roles with a gap', ['--name', 'a', '--subject', 'a', '--roles', 'A,,B'], /--roles/],
    ['a scope with a space', ['--name', 'a', '--subject', 'a', '--scopes', 'a b'], /--scopes/],
    ['two tiers', ['--name', 'a', '--subject', 'a', '--tier', 'a,b'], /--tier/],
    ['a time without unit', ['--name', 'a', '--subject', 'a', '--expires', '90'], /--expires/],
  ])('makes nothing with %s', async (_name, words, message) => {
    await expect(run('key create', ...words)).rejects.toThrow(message);
    expect(() => readApiKeyFile(file)).toThrow(/ENOENT/);
  });
});

describe('supergate key rotate', () => {
  it('gives a new secret, and leaves the old one for a day', async () => {
    const { id, key } = await create();
    const next = (await run('key rotate', id)).stdout.trim();
    expect(idOfApiKey(next)).toBe(id);
    expect(entryOf(id)).toMatchObject({
      rotatedAt: iso(nowMs),
      hashes: [{ sha256: hash(next) }, { sha256: hash(key), until: iso(nowMs + 86_400_000) }],
    });
  });

  it('leaves it as long as it is told, or not at all; the one before it ends', async () => {
    const { id } = await create();
    const two = (await run('key rotate', id)).stdout.trim();
    const three = (await run('key rotate', id, '--overlap', '1h')).stdout.trim();
    expect(entryOf(id)?.hashes).toEqual([
      { sha256: hash(three) },
      { sha256: hash(two), until: iso(nowMs + 3_600_000) },
    ]);
    const four = (await run('key rotate', id, '--overlap', '0')).stdout.trim();
    expect(entryOf(id)?.hashes).toEqual([{ sha256: hash(four) }]);
  });

  it('refuses a key that is unknown or revoked, and words that make no sense', async () => {
    const { id } = await create();
    const before = readFileSync(file, 'utf8');
    await expect(run('key rotate', 'abcdefghijkl')).rejects.toThrow(/has no key abcdefghijkl/);
    await expect(run('key rotate')).rejects.toThrow(/Give its ID/);
    await expect(run('key rotate', id, '--overlap', 'long')).rejects.toThrow(/--overlap/);
    expect(readFileSync(file, 'utf8')).toBe(before);
    await run('key revoke', id);
    await expect(run('key rotate', id)).rejects.toThrow(/is revoked/);
  });
});

describe('supergate key revoke', () => {
  it('ends a key, once', async () => {
    const { id } = await create();
    const { stdout } = await run('key revoke', id);
    expect(stdout).toBe(`${id} is revoked since ${iso(nowMs)}\n`);
    now += 1_000;
    expect((await run('key revoke', id)).stdout).toBe(stdout);
    expect(entryOf(id)).toMatchObject({ revokedAt: iso(nowMs) });
  });
});

describe('supergate key list', () => {
  it('tells every key with its state and its last use, and no hash', async () => {
    const [active, revoked, expired] = [
      await create('--tier', 'gold'),
      await create(),
      await create('--expires', '1h'),
    ];
    await run('key revoke', revoked.id);
    now += 3_600_000;
    await createApiKeyFileSource(file, log).recordUses(new Map([[active.id, nowMs + 5_000]]));
    const { stdout } = await run('key list', '--format', 'json');
    expect(JSON.parse(stdout)).toMatchObject([
      { id: active.id, state: 'active', tier: 'gold', lastUsedAt: iso(nowMs + 5_000) },
      { id: revoked.id, state: 'revoked', lastUsedAt: null },
      { id: expired.id, state: 'expired', lastUsedAt: null },
    ]);
    expect(stdout).not.toMatch(/[0-9a-f]{64}/);
    const text = (await run('key list')).stdout;
    expect(text.trim().split('\n')).toHaveLength(3);
    expect(text).toContain(`${active.id}  active  grace  gold`);
  });

  it('refuses a file that is not there, and a format that there is not', async () => {
    await expect(run('key list')).rejects.toThrow(/there is no/);
    await create();
    await expect(run('key list', '--format', 'xml')).rejects.toThrow(/--format/);
  });
});

describe('a change of the file', () => {
  it('waits for nobody: while another is under way it is refused, and the file stays', async () => {
    await create();
    const before = readFileSync(file, 'utf8');
    mkdirSync(`${file}.lock`);
    await expect(create()).rejects.toThrow(/being changed by somebody else.*remove/);
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('leaves the file and no lock when it fails', async () => {
    const { id } = await create();
    expect(() =>
      changeApiKeyFile(file, () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(entryOf(id)).toBeDefined();
    await create();
  });

  it('does not touch a file that it does not understand', async () => {
    writeFileSync(file, '{"keys":[{"id":"x"}]}');
    await expect(create()).rejects.toThrow(/keys\.0/);
    expect(readFileSync(file, 'utf8')).toBe('{"keys":[{"id":"x"}]}');
  });
});

describe('a file that cannot be used', () => {
  it.each<[string, string, RegExp]>([
    ['is not JSON', '{', /JSON/],
    ['has no keys', '{}', /keys/],
    ['has another field', '{"keys":[],"more":1}', /more/],
    ['has a key with a field of another name', '', /owner/],
    ['has a short hash', '', /sha256/],
    ['has two keys of one id', '', /same id/],
  ])('is told of at the start: it %s', async (name, text, message) => {
    await create();
    const [entry] = readApiKeyFile(file);
    const made: Record<string, unknown> = {
      'has a key with a field of another name': [{ ...entry, owner: 'x' }],
      'has a short hash': [{ ...entry, hashes: [{ sha256: 'ab' }] }],
      'has two keys of one id': [entry, entry],
    };
    writeFileSync(file, text || JSON.stringify({ keys: made[name] }));
    expect(problemOfApiKeyFile(file)).toMatch(message);
  });

  it('is not one that is missing: it has no keys yet', async () => {
    expect(problemOfApiKeyFile(file)).toBeUndefined();
    const source = createApiKeyFileSource(file, log);
    expect((await source.find(['abcdefghijkl'])).size).toBe(0);
    expect(log.lines).toEqual([]);
    const { id } = await create();
    expect((await source.find([id])).size).toBe(1);
  });
});

describe('what a gateway reads', () => {
  it('is every key that is not revoked, with both secrets of a rotation', async () => {
    const [one, two] = [await create('--tier', 'gold'), await create()];
    await run('key revoke', two.id);
    const next = (await run('key rotate', one.id)).stdout.trim();
    const found = await createApiKeyFileSource(file, log).find([one.id, two.id, 'abcdefghijkl']);
    expect([...found.keys()]).toEqual([one.id]);
    expect(found.get(one.id)).toEqual({
      id: one.id,
      subject: 'grace',
      roles: [],
      scopes: [],
      tier: 'gold',
      expiresAt: undefined,
      hashes: [
        { sha256: hashOfApiKey(next), until: undefined },
        { sha256: hashOfApiKey(one.key), until: nowMs + 86_400_000 },
      ],
    });
  });

  it('follows the file', async () => {
    const one = await create();
    const source = createApiKeyFileSource(file, log);
    expect((await source.find([one.id])).size).toBe(1);
    await run('key revoke', one.id);
    expect((await source.find([one.id])).size).toBe(0);
    const two = await create();
    expect((await source.find([two.id])).size).toBe(1);
  });

  it.each<[string, () => void]>([
    ['is gone', () => rmSync(file)],
    ['is half written', () => writeFileSync(file, '{"keys":[{"id"')],
  ])('stays when the file %s, with one line in the log', async (_name, spoil) => {
    const { id } = await create();
    const source = createApiKeyFileSource(file, log);
    await source.find([id]);
    spoil();
    for (let index = 0; index < 5; index += 1) expect((await source.find([id])).size).toBe(1);
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatchObject({ level: 'error', fields: { file } });
  });
});

describe('last uses', () => {
  it('stand beside the file, the latest of each key, and leave the file alone', async () => {
    const { id } = await create();
    utimesSync(file, 1, 1);
    const [one, two] = [createApiKeyFileSource(file, log), createApiKeyFileSource(file, log)];
    await one.recordUses(
      new Map([
        [id, nowMs],
        ['abcdefghijkl', nowMs],
      ]),
    );
    await two.recordUses(
      new Map([
        [id, nowMs - 1_000],
        ['abcdefghijkl', nowMs + 1_000],
      ]),
    );
    expect(JSON.parse(readFileSync(`${file}.used`, 'utf8'))).toEqual({
      [id]: iso(nowMs),
      abcdefghijkl: iso(nowMs + 1_000),
    });
    expect(statSync(file).mtimeMs).toBe(1_000);
  });

  it('begin anew when what stands there is spoilt', async () => {
    writeFileSync(`${file}.used`, 'nonsense');
    await createApiKeyFileSource(file, log).recordUses(new Map([['abcdefghijkl', nowMs]]));
    expect(JSON.parse(readFileSync(`${file}.used`, 'utf8'))).toEqual({ abcdefghijkl: iso(nowMs) });
  });

  it('are refused where the directory is gone', async () => {
    const source = createApiKeyFileSource(join(directory, 'gone', 'keys.json'), log);
    await expect(source.recordUses(new Map([['abcdefghijkl', nowMs]]))).rejects.toThrow(/ENOENT/);
  });
});
