/** Counting who asks what. Nothing is real but the counting: operations are objects, lines go to a list. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRotatingFile } from '../../src/telemetry/rotating-file';
import { BoundedNames, Usage } from '../../src/telemetry/usage';

interface Asked {
  readonly name: string | undefined;
}

function createUsage(limits: { maxOperations?: number; maxNames?: number } = {}) {
  const lines: Record<string, unknown>[] = [];
  const told: string[] = [];
  let described = 0;
  const usage = new Usage<Asked>({
    maxOperations: 10,
    maxNames: 10,
    ...limits,
    describe: ({ name }) => {
      described += 1;
      return { name, type: 'query', fields: ['Query.me', 'User.name'] };
    },
    write: async (text) => {
      expect(text.endsWith('\n')).toBe(true);
      for (const line of text.trimEnd().split('\n')) lines.push(JSON.parse(line));
    },
    metrics: {
      operation: (name, outcome) => told.push(`${name} ${outcome}`),
      client: (name, version) => told.push(`client ${name} ${version}`),
      field: (coordinate, operations) => told.push(`${coordinate} ${operations}`),
    },
    now: () => 0,
  });
  return { usage, lines, told, described: () => described };
}

const web = { name: 'web', version: '1' };

describe('usage', () => {
  it('is a line for each operation and client: requests, errors, time and fields', async () => {
    const { usage, lines, described } = createUsage();
    const feed = { name: 'Feed' };
    usage.count(feed, web, false, 10);
    usage.count(feed, web, true, 5.4);
    usage.count(feed, { name: 'web', version: '2' }, false, 1);
    usage.count({ name: undefined }, undefined, false, 1);
    expect(described()).toBe(0);
    await usage.flush();
    const fields = ['Query.me', 'User.name'];
    expect(lines).toEqual([
      expect.objectContaining({
        operation: 'Feed',
        client: 'web',
        version: '1',
        requests: 2,
        errors: 1,
        durationMs: 15,
        fields,
      }),
      expect.objectContaining({ operation: 'Feed', client: 'web', version: '2', requests: 1, errors: 0 }),
      expect.objectContaining({ operation: null, client: '', version: '', requests: 1 }),
    ]);
    await usage.flush();
    expect(lines).toHaveLength(3);
  });

  it('is bounded, whatever clients call themselves', async () => {
    const { usage, lines } = createUsage({ maxOperations: 2 });
    const feed = { name: 'Feed' };
    for (let version = 0; version < 100; version++) usage.count(feed, { name: 'bot', version: `${version}` }, false, 1);
    await usage.flush();
    expect(lines.map(({ operation, requests }) => [operation, requests])).toEqual([
      ['Feed', 1],
      ['Feed', 1],
      ['other', 98],
    ]);
  });

  it('tells fields to the metrics once an interval, as often as they were asked', async () => {
    const { usage, told } = createUsage();
    const feed = { name: 'Feed' };
    for (let count = 0; count < 3; count++) usage.count(feed, web, false, 1);
    expect(told.filter((line) => line.startsWith('User.name'))).toEqual([]);
    await usage.flush();
    expect(told.filter((line) => line.startsWith('User.name'))).toEqual(['User.name 3']);
  });

  it('goes on after lines that could not be written', async () => {
    const lines: string[] = [];
    let isBroken = true;
    const metrics = { operation: () => {}, client: () => {}, field: () => {} };
    const usage = new Usage<Asked>({
      maxOperations: 1,
      maxNames: 1,
      describe: ({ name }) => ({ name, type: 'query', fields: [] }),
      write: async (text) => {
        if (isBroken) throw new Error('full');
        lines.push(text);
      },
      metrics,
      now: () => 0,
    });
    usage.count({ name: 'A' }, web, false, 1);
    await expect(usage.flush()).rejects.toThrow('full');
    isBroken = false;
    usage.count({ name: 'B' }, web, false, 1);
    await usage.flush();
    expect(lines.join()).toMatch(/"operation":"B"/);
  });
});

describe('names for labels', () => {
  it('are told apart when they were seen often, as long as there is room', () => {
    const names = new BoundedNames(2, 3);
    expect([names.of('a'), names.of('a'), names.of('a'), names.of('a')]).toEqual(['other', 'other', 'a', 'a']);
    for (let index = 0; index < 1_000; index++) expect(names.of(`once ${index}`)).toBe('other');
    for (let index = 0; index < 3; index++) names.of('b');
    expect(names.of('b')).toBe('b');
    for (let index = 0; index < 10; index++) expect(names.of('c')).toBe('other');
    expect(names.of('a')).toBe('a');
  });
});

describe('a file of lines', () => {
  it('is put aside when it is full, and the oldest is deleted', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'supergate-usage-'));
    const file = join(directory, 'usage.ndjson');
    const write = createRotatingFile({ file, maxFileBytes: 10, maxFiles: 3 });
    for (const text of ['one 1\n', 'two\n', 'three\n', 'four and more\n', 'five\n']) await write(text);
    expect(readdirSync(directory).sort()).toEqual(['usage.ndjson', 'usage.ndjson.1', 'usage.ndjson.2']);
    expect(['', '.1', '.2'].map((end) => readFileSync(file + end, 'utf8'))).toEqual([
      'five\n',
      'four and more\n',
      'three\n',
    ]);
    rmSync(directory, { recursive: true });
  });
});
