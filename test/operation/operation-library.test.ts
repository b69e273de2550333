import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AcceptSet, OperationLibrary } from '../../src/operation/operation-library';
import { silentLog } from '../../src/telemetry/log';

// Real: files. Fake: time, and who accepts a changed set. Observed: the sets that are served, and what is logged.
let directory: string;
let library: OperationLibrary | undefined;
let pass: () => void;
let waiting: Promise<void>;
let lines: string[];
let touched = 0;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'supergate-library-'));
  mkdirSync(join(directory, 'operations/deep'), { recursive: true });
  lines = [];
});
afterEach(async () => {
  await library?.close();
  library = undefined;
  rmSync(directory, { recursive: true });
});

function write(name: string, text: string): void {
  const file = join(directory, name);
  writeFileSync(file, text);
  touched += 1;
  utimesSync(file, touched, touched);
}

const log = { ...silentLog, error: (fields: object, message: string) => void lines.push(message + textOf(fields)) };
const textOf = (fields: object) => JSON.stringify(fields).replaceAll(directory, '.');

async function open(files: readonly string[] = [], operations: string | undefined = 'operations') {
  const next = (signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      pass = resolve;
      signal?.addEventListener('abort', () => reject(new Error('over')));
    });
  let arrive = () => {};
  waiting = new Promise((resolve) => {
    arrive = resolve;
  });
  library = await OperationLibrary.open({
    directory: operations && join(directory, operations),
    files: files.map((file) => join(directory, file)),
    log,
    wait: (_milliseconds, signal) => {
      const passed = next(signal);
      arrive();
      waiting = new Promise((resolve) => {
        arrive = resolve;
      });
      return passed;
    },
  });
  return library;
}

/** Two looks at the files: the second one finds them whole. */
async function look(times = 2): Promise<void> {
  for (let index = 0; index < times; index++) {
    const again = waiting;
    pass();
    await again;
  }
}

const ids = () => library?.current.documents.map(({ id }) => id);
const acceptAll: AcceptSet = async () => [];

describe('a library of operations', () => {
  it('reads a directory with those below it, and files and patterns of both kinds', async () => {
    write('operations/a.graphql', 'query A { a }');
    write('operations/deep/b.gql', 'query B { b }');
    write('operations/notes.md', 'nothing');
    write('m1.json', '{"one":"query C { c }"}');
    write('m2.json', '{"two":"query D { d }"}');
    await open(['m*.json']);
    expect(ids()).toEqual(['A', 'B', 'one', 'two']);
    expect(library?.current.operations.map(({ name }) => name)).toEqual(['A', 'B']);
  });

  it.each<[string, () => void, readonly string[], string]>([
    ['a file that is not there', () => {}, ['m.json'], 'cannot be read'],
    ['a file of another kind', () => write('m.txt', ''), ['m.txt'], 'is neither .graphql, .gql nor .json'],
    ['a manifest that is none', () => write('m.json', '[]'), ['m.json'], 'm.json:1:1'],
    ['an operation without a name', () => write('operations/a.graphql', '{ a }'), [], 'must have a name'],
    [
      'two documents of one id',
      () => {
        write('operations/a.graphql', 'query A { a }');
        write('m.json', '{"A":"query B { b }"}');
      },
      ['m.json'],
      'stands for another document',
    ],
  ])('tells %s', async (_name, prepare, files, message) => {
    prepare();
    await expect(open(files)).rejects.toThrow(message);
  });

  it('tells a directory that is not there', async () => {
    await expect(open([], 'nowhere')).rejects.toThrow(/nowhere.*rest.operations|rest.operations.*cannot be read/s);
  });

  it('takes changed, new and removed files once they are whole, and says so', async () => {
    write('operations/a.graphql', 'query A { a }');
    await open(['m*.json']);
    let taken = 0;
    library?.watch(acceptAll, async () => {
      taken += 1;
    });
    await look();
    expect(taken).toBe(0);
    write('operations/a.graphql', 'query B { b }');
    write('m1.json', '{"one":"query C { c }"}');
    await look(1);
    expect(ids()).toEqual(['A']);
    await look(1);
    expect([ids(), taken]).toEqual([['B', 'one'], 1]);
    rmSync(join(directory, 'm1.json'));
    await look();
    expect([ids(), taken]).toEqual([['B'], 2]);
  });

  it('keeps the set before one that is wrong, and takes the next that is right', async () => {
    write('operations/a.graphql', 'query A { a }');
    await open();
    library?.watch(acceptAll, async () => {});
    write('operations/a.graphql', 'query A {');
    await look();
    expect(ids()).toEqual(['A']);
    expect(lines.join()).toContain('Changed operation files are refused');
    expect(lines.join()).toContain('operations/a.graphql');
    write('operations/a.graphql', 'query B { b }');
    await look();
    expect(ids()).toEqual(['B']);
  });

  it('keeps the set before one that is not accepted', async () => {
    write('operations/a.graphql', 'query A { a }');
    await open();
    library?.watch(
      async () => [{ file: 'a.graphql', line: 3, column: 1, message: 'no such field' }],
      async () => {},
    );
    write('operations/a.graphql', 'query B { b }');
    await look();
    expect(ids()).toEqual(['A']);
    expect(lines.join()).toContain('no such field');
  });

  it('survives a directory that goes away and comes back', async () => {
    write('operations/a.graphql', 'query A { a }');
    await open();
    library?.watch(acceptAll, async () => {});
    rmSync(join(directory, 'operations'), { recursive: true });
    await look();
    expect(ids()).toEqual(['A']);
    mkdirSync(join(directory, 'operations'));
    write('operations/b.graphql', 'query B { b }');
    await look();
    expect(ids()).toEqual(['B']);
  });
});
