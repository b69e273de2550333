/** Counting who asks what. Nothing is real but the counting: operations are objects, lines go to a list. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMetrics } from '../../src/telemetry/metrics';
import { createRotatingFile } from '../../src/telemetry/rotating-file';
import { TopNames, Usage } from '../../src/telemetry/usage';

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
      dropOperation: (name) => told.push(`drop ${name}`),
      dropClient: (name, version) => told.push(`drop client ${name} ${version}`),
      dropField: () => {},
    },
    isTrusted: (name) => name === 'Trusted',
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
    const { usage: metrics, close } = createMetrics();
    close();
    const usage = new Usage<Asked>({
      maxOperations: 1,
      maxNames: 1,
      describe: ({ name }) => ({ name, type: 'query', fields: [] }),
      write: async (text) => {
        if (isBroken) throw new Error('full');
        lines.push(text);
      },
      metrics,
      isTrusted: () => false,
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
  const dropped: string[] = [];
  const createNames = (max: number, seenOften?: number) => new TopNames(max, (name) => dropped.push(name), seenOften);
  const ask = (names: TopNames, name: string, times: number) => {
    for (let time = 0; time < times; time++) names.of(name);
    return names.of(name);
  };
  beforeEach(() => {
    dropped.length = 0;
  });

  it('are told apart when they were seen often, as long as there is room', () => {
    const names = createNames(2, 3);
    expect([names.of('a'), names.of('a'), names.of('a'), names.of('a')]).toEqual(['other', 'other', 'a', 'a']);
    for (let index = 0; index < 1_000; index++) expect(names.of(`once ${index}`)).toBe('other');
    expect(ask(names, 'b', 3)).toBe('b');
    expect(ask(names, 'c', 5)).toBe('other');
    expect([names.of('a'), dropped]).toEqual(['a', []]);
  });

  it('are those that are asked most: one takes the place of another that is asked less than half as often', () => {
    const names = createNames(2, 3);
    ask(names, 'much', 50);
    ask(names, 'little', 10);
    expect(ask(names, 'more', 21)).toBe('other');
    expect([ask(names, 'more', 2), dropped]).toEqual(['more', ['little']]);
    expect([names.of('much'), names.of('little')]).toEqual(['much', 'other']);
  });

  it('are those of now: what is long ago counts less', () => {
    const names = createNames(1);
    ask(names, 'old', 1_000);
    for (let interval = 0; interval < 6; interval++) names.age();
    expect([ask(names, 'new', 40), dropped]).toEqual(['new', ['old']]);
  });

  it('always are those of documents that are trusted, whatever clients make up beside them', () => {
    const { usage, told } = createUsage({ maxNames: 1 });
    for (let index = 0; index < 100; index++) usage.count({ name: 'Own' }, web, false, 1);
    usage.count({ name: 'Trusted' }, web, false, 1);
    usage.count({ name: 'Else' }, web, false, 1);
    expect(new Set(told.slice(-6))).toEqual(new Set(['Own ok', 'Trusted ok', 'other ok', 'client web 1']));
  });

  it('are no labels any more when others have their place', async () => {
    const metrics = createMetrics();
    metrics.usage.operation('A', 'ok');
    metrics.usage.operation('B', 'error');
    metrics.usage.client('web', '1');
    metrics.usage.client('web', '2');
    metrics.usage.dropOperation('A');
    metrics.usage.dropClient('web', '1');
    const { body } = await metrics.render();
    metrics.close();
    expect(body.match(/^supergate_(operations|clients)_total\{.*$/gm)).toEqual([
      'supergate_operations_total{operation="B",outcome="error"} 1',
      'supergate_clients_total{client="web",version="2"} 1',
    ]);
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
