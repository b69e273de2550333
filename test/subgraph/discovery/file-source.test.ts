/** Real: files. The time is ours. Observed: which instances are told, and which failures. */
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFileSource, readTargetFile } from '../../../src/subgraph/discovery/file-source';
import { listen } from '../background';

const url = new URL('http://users.internal:4001/graphql');
const read = (text: string) => readTargetFile('targets.yaml', text, url);

describe('a file of targets', () => {
  it('is JSON as Prometheus reads it', () => {
    const text =
      '[{"targets": ["10.0.0.1:4001", "10.0.0.2:4001"], "labels": {"weight": "2", "zone": "a", "job": "x"}}]';
    expect(read(text)).toEqual({
      kind: 'read',
      addresses: [
        { url: 'http://10.0.0.1:4001/graphql', weight: 2, zone: 'a' },
        { url: 'http://10.0.0.2:4001/graphql', weight: 2, zone: 'a' },
      ],
    });
  });

  it('is YAML, too, with several groups, names, IPv6 and whole URLs', () => {
    const text = `
- targets: [users-1, 'users-2:81']
- targets:
    - '[fd00::1]:4001'
    - https://users-3.internal/api
  labels: { weight: 0.5 }
`;
    expect(read(text)).toEqual({
      kind: 'read',
      addresses: [
        { url: 'http://users-1/graphql', weight: 1 },
        { url: 'http://users-2:81/graphql', weight: 1 },
        { url: 'http://[fd00::1]:4001/graphql', weight: 0.5 },
        { url: 'https://users-3.internal/api', weight: 0.5 },
      ],
    });
  });

  it('may have none', () => {
    expect(read('[]')).toEqual({ kind: 'read', addresses: [] });
  });

  it.each([
    ['', /targets\.yaml/],
    ['[{"targets": ["10.0.0.1:4001"', /targets\.yaml/],
    ['{"targets": []}', /expected array/],
    ['[{"target": ["10.0.0.1:4001"]}]', /unknown key "target"; did you mean "targets"\?/],
    ['[{"targets": "10.0.0.1:4001"}]', /targets/],
    ['[{"targets": ["10.0.0.1:4001/path"]}]', /"10\.0\.0\.1:4001\/path" is neither host:port nor an http URL/],
    ['[{"targets": ["user@10.0.0.1"]}]', /neither/],
    ['[{"targets": ["10.0.0.1:99999"]}]', /neither/],
    ['[{"targets": ["a"], "labels": {"weight": "heavy"}}]', /weight.*expected a number/],
    ['[{"targets": ["a"], "labels": {"weight": "0"}}]', /weight.*expected a number/],
    ['[{"targets": ["a"], "labels": {"zone": ["a"]}}]', /zone/],
    [' '.repeat(4_000_001), /more than/],
  ])('that is wrong is told with its place: %.60j', (text, message) => {
    expect(read(text)).toEqual({ kind: 'problem', message: expect.stringMatching(message) });
  });
});

describe('instances by a watched file', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'targets-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));
  let files = 0;

  /** `tick`: it is looked at the file, which takes as long as it takes. */
  function setUp() {
    const path = join(directory, `targets-${++files}.json`);
    let scheduled: { callback: () => void; delayMs: number }[] = [];
    let onScheduled = () => {};
    const clock = {
      elapsed: () => 0,
      schedule: (callback: () => void, delayMs: number) => {
        const timer = { callback, delayMs };
        scheduled.push(timer);
        onScheduled();
        return () => {
          scheduled = scheduled.filter((other) => other !== timer);
        };
      },
    };
    const tick = () =>
      new Promise<void>((resolve) => {
        const [timer] = scheduled.splice(0);
        onScheduled = resolve;
        timer!.callback();
      });
    const write = (...targets: string[]) => writeFileSync(path, JSON.stringify([{ targets }]));
    const source = createFileSource({ kind: 'file', path, pollMs: 700 }, url, { clock });
    const { told, failures, listener } = listen();
    const hosts = () => told.map((addresses) => addresses.map((address) => new URL(address.url).host));
    return { path, write, tick, source, listener, hosts, failures, waiting: () => scheduled.map((t) => t.delayMs) };
  }

  it('are known at once, and change with the file, once it was the same twice', async () => {
    const { write, tick, source, listener, hosts, waiting } = setUp();
    write('a:1');
    const stop = source.open(listener);
    expect([hosts(), waiting()]).toEqual([[['a:1']], [700]]);
    await tick();
    write('a:1', 'b:2');
    await tick();
    expect(hosts()).toHaveLength(1);
    await tick();
    await tick();
    expect(hosts()).toEqual([['a:1'], ['a:1', 'b:2']]);
    stop();
    expect(waiting()).toEqual([]);
  });

  it('stay when the file is broken or gone, and are told again when it is good', async () => {
    const { path, write, tick, source, listener, hosts, failures } = setUp();
    write('a:1');
    const stop = source.open(listener);
    writeFileSync(path, '[{"targets": ["b:2"');
    for (let i = 0; i < 4; i++) await tick();
    expect(failures).toEqual([expect.stringContaining(path)]);
    unlinkSync(path);
    await tick();
    expect(failures[1]).toMatch(/ENOENT/);
    expect(hosts()).toHaveLength(1);
    write('a:1');
    await tick();
    await tick();
    expect(hosts()).toEqual([['a:1'], ['a:1']]);
    stop();
  });

  it('may begin without the file', async () => {
    const { write, tick, source, listener, hosts, failures } = setUp();
    const stop = source.open(listener);
    expect(failures).toEqual([expect.stringMatching(/ENOENT/)]);
    write('a:1');
    await tick();
    await tick();
    expect(hosts()).toEqual([['a:1']]);
    stop();
  });
});
