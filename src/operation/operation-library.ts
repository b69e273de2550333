/**
 * The operations that are known before anybody asks: operation files and manifests, read, and read again when they
 * change. In: patterns of files. Out: one set at a time, taken whole or not at all. Clock: per start, and per change.
 * A set that is wrong ends nothing: it is told, and the one before it stays.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { glob, isDynamicPattern } from 'tinyglobby';
import { ConfigError } from '../config';
import { FileChanges, fileTickMs, signatureOf } from '../file-changes';
import type { Log } from '../telemetry/log';
import { documentsOf, findConflictingIds, readManifest, type TrustedDocument } from './manifests';
import { type FileOperation, type FileProblem, readOperationFiles } from './operation-files';

export interface OperationSet {
  readonly operations: readonly FileOperation[];
  /** The same operations, and those of manifests. */
  readonly documents: readonly TrustedDocument[];
  /** Of the operations in all of them. */
  readonly names: ReadonlySet<string>;
}

export interface LibraryOptions {
  /** Whose `.graphql` files are operation files, with those of all directories below it. */
  readonly directory: string | undefined;
  /** Absolute files or patterns: `.graphql` and `.gql` are operation files, `.json` are manifests. */
  readonly files: readonly string[];
  readonly log: Log;
  /** Rejects when the signal aborts. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** Whether a changed set can be served: what keeps it from that, or nothing. */
export type AcceptSet = (next: OperationSet) => Promise<readonly FileProblem[]>;

export class OperationLibrary {
  private readonly ending = new AbortController();
  private readonly wait: NonNullable<LibraryOptions['wait']>;
  private loop: Promise<void> = Promise.resolve();

  private constructor(
    private readonly options: LibraryOptions,
    private set: OperationSet,
    private readonly changes: FileChanges,
  ) {
    this.wait = options.wait ?? ((milliseconds, signal) => sleep(milliseconds, undefined, { signal, ref: false }));
  }

  /** Reads everything. Rejects with `ConfigError`, which names every problem. */
  static async open(options: LibraryOptions): Promise<OperationLibrary> {
    const files = await listFiles(options);
    const changes = new FileChanges(await signatureOf(files));
    const { set, problems } = await readSet(files);
    if (problems.length > 0) throw problemsError(problems);
    return new OperationLibrary(options, set, changes);
  }

  get current(): OperationSet {
    return this.set;
  }

  /** Looks for changes until `close`; a changed set is taken when `accept` finds nothing wrong, and then `taken` called. */
  watch(accept: AcceptSet, taken: () => Promise<void>): void {
    this.loop = this.run(accept, taken);
  }

  private async run(accept: AcceptSet, taken: () => Promise<void>): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      try {
        await this.wait(fileTickMs, signal);
      } catch {
        return;
      }
      try {
        const files = await listFiles(this.options);
        if (!this.changes.hasChanged(await signatureOf(files))) continue;
        if (await this.take(files, accept)) await taken();
      } catch (error) {
        this.options.log.error({ reason: String(error) }, 'Operation files cannot be read; those that were read stay');
      }
    }
  }

  private async take(files: readonly string[], accept: AcceptSet): Promise<boolean> {
    const { log } = this.options;
    const { set, problems } = await readSet(files);
    const wrong = problems.length > 0 ? problems : await accept(set);
    for (const { file, line, message } of wrong.slice(0, maxTold))
      log.error({ file, line, message }, 'Changed operation files are refused; those that are served stay');
    if (wrong.length > 0 || this.ending.signal.aborted) return false;
    this.set = set;
    log.info(
      { operations: set.operations.length, documents: set.documents.length },
      'Changed operation files are served',
    );
    return true;
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.loop;
  }
}

/** A manifest of a large client may be wrong as a whole. */
export const maxTold = 20;

/** Problems of files, as the start tells them. */
export function problemsError(problems: readonly FileProblem[]): ConfigError {
  return new ConfigError(problems.map((problem) => ({ ...problem, path: '' })));
}

async function readSet(files: readonly string[]): Promise<{ set: OperationSet; problems: readonly FileProblem[] }> {
  const texts = new Map(
    await Promise.all(files.map(async (file): Promise<[string, string]> => [file, await readFile(file, 'utf8')])),
  );
  const isManifest = ([file]: readonly [string, string]) => file.endsWith('.json');
  const { operations, problems } = readOperationFiles(new Map([...texts].filter((entry) => !isManifest(entry))));
  const manifests = [...texts].filter(isManifest).map(([file, json]) => readManifest(file, json));
  const documents = [...documentsOf(operations), ...manifests.flatMap((manifest) => manifest.documents)];
  const wrong = [...problems, ...manifests.flatMap((manifest) => manifest.problems), ...findConflictingIds(documents)];
  return { set: { operations, documents, names: namesIn(documents) }, problems: wrong };
}

function namesIn(documents: readonly TrustedDocument[]): ReadonlySet<string> {
  const named = /\b(?:query|mutation|subscription)\s+(\w+)/g;
  return new Set(documents.flatMap(({ text }) => [...text.matchAll(named)].map(([, name = '']) => name)));
}

/** Every file once, sorted. Rejects with `ConfigError` for what is not there. */
async function listFiles({ directory, files }: LibraryOptions): Promise<readonly string[]> {
  const found = new Set<string>();
  if (directory !== undefined) for (const file of await listDirectory(directory)) found.add(file);
  for (const pattern of files) {
    if (!isDynamicPattern(pattern)) found.add(await present(pattern));
    else for (const file of await glob(pattern, { absolute: true, expandDirectories: false })) found.add(file);
  }
  const wrong = [...found].find((file) => !/\.(graphql|gql|json)$/.test(file));
  if (wrong !== undefined) throw configError('trustedDocuments.files', wrong, 'is neither .graphql, .gql nor .json');
  return [...found].sort();
}

async function listDirectory(directory: string): Promise<readonly string[]> {
  try {
    return await listOperationFiles(directory);
  } catch (error) {
    throw configError('rest.operations', directory, `cannot be read: ${error}`);
  }
}

async function present(file: string): Promise<string> {
  try {
    await stat(file);
    return file;
  } catch (error) {
    throw configError('trustedDocuments.files', file, `cannot be read: ${error}`);
  }
}

function configError(path: string, file: string, message: string): ConfigError {
  return new ConfigError([{ file, path, message }]);
}

/** The paths of every `.graphql` file of a directory and those below it. Rejects when the directory cannot be read. */
export async function listOperationFiles(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true });
  return names
    .filter((name) => /\.(graphql|gql)$/.test(name))
    .sort()
    .map((name) => join(directory, name));
}
