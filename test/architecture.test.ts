import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** The plan of the house (src/README.md), read off the import lines. */
const root = resolve(__dirname, '..');
const source = join(root, 'src');
const stages = ['client', 'context', 'operation', 'policy', 'query-plan', 'subgraph', 'supergraph'];
const floor = [
  'config',
  'config.ts',
  'errors.ts',
  'file-changes.ts',
  'redis.ts',
  'redis-client.ts',
  'slices.ts',
  'telemetry',
];
const joints = [
  'admin-routes.ts',
  'analyze.ts',
  'cli.ts',
  'doors.ts',
  'explain.ts',
  'observe-operations.ts',
  'gateway.ts',
  'hooks.ts',
  'main.ts',
  'open-generation.ts',
  'open-operations.ts',
  'pipeline.ts',
  'process-end.ts',
  'reload-config.ts',
  'serve-command.ts',
  'subscribe.ts',
  'worker-messages.ts',
  'worker.ts',
  'workers.ts',
];

/** Libraries that are the language of several rooms; every other one is known to a single file. */
const sharedLibraries: Readonly<Record<string, string>> = {
  graphql: 'documents and schemas are its types',
  'lru-cache': 'bounded caches',
  ws: 'the client room takes sockets, the subgraph room opens them',
  undici: 'the keys of issuers and the answers of subgraphs are fetched in different ways',
  zod: 'config.ts checks gateway.yaml, config/ and sources.ts the files around it',
};

interface SourceFile {
  /** Relative to src, with slashes. */
  readonly name: string;
  readonly text: string;
  readonly imports: readonly { readonly specifier: string; readonly isTypeOnly: boolean }[];
}

function listFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return listFiles(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

function readSourceFile(path: string): SourceFile {
  const text = readFileSync(path, 'utf8');
  const imports = [...text.matchAll(/^(?:import|export)\s+([^;]*?)\s+from '([^']+)'/gm)].map((match) => ({
    specifier: match[2] ?? '',
    isTypeOnly: isTypeOnly(match[1] ?? ''),
  }));
  return { name: relative(source, path).split(sep).join('/'), text, imports };
}

function isTypeOnly(clause: string): boolean {
  if (clause.startsWith('type ')) return true;
  const named =
    /^\{([^}]*)\}$/
      .exec(clause)?.[1]
      ?.split(',')
      .filter((part) => part.trim() !== '') ?? [];
  return named.length > 0 && named.every((part) => part.trim().startsWith('type '));
}

const files = listFiles(source).map(readSourceFile);
const roomOf = (name: string): string => name.split('/')[0] ?? name;

/** The files of src that a file imports, relative to src. */
function internalImports(file: SourceFile): string[] {
  return file.imports
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier }) =>
      relative(source, resolve(source, dirname(file.name), specifier))
        .split(sep)
        .join('/'),
    )
    .map((name) => (name.includes('/') ? name : `${name}.ts`));
}

describe('the floor plan of src/', () => {
  it('has no room and no file at the top that the plan does not name', () => {
    const known = [...stages, ...floor, ...joints, 'README.md'];
    expect(readdirSync(source).filter((name) => !known.includes(name))).toEqual([]);
  });

  it('lets a stage import only from stages before it and from the floor', () => {
    const wrong = files.flatMap((file) => {
      const stage = stages.indexOf(roomOf(file.name));
      if (stage < 0) return [];
      return internalImports(file)
        .filter((name) => !floor.includes(roomOf(name)))
        .filter((name) => stages.indexOf(roomOf(name)) < 0 || stages.indexOf(roomOf(name)) > stage)
        .map((name) => `${file.name} imports ${name}`);
    });
    expect(wrong).toEqual([]);
  });

  it('lets the floor import only from the floor', () => {
    const wrong = files
      .filter((file) => floor.includes(roomOf(file.name)))
      .flatMap((file) => internalImports(file).map((name) => ({ file: file.name, name })))
      .filter(({ name }) => !floor.includes(roomOf(name)));
    expect(wrong).toEqual([]);
  });

  it('keeps every file under 400 lines and says at its head what it is', () => {
    const tooLong = files.filter((file) => file.text.split('\n').length > 401).map((file) => file.name);
    const headless = files.filter((file) => !/^(#!.*\n)?\/\*\*/.test(file.text)).map((file) => file.name);
    expect({ tooLong, headless }).toEqual({ tooLong: [], headless: [] });
  });

  it('knows every outside library in one file alone', () => {
    const users = new Map<string, Set<string>>();
    for (const file of files) {
      for (const { specifier, isTypeOnly } of file.imports) {
        if (isTypeOnly || specifier.startsWith('.') || specifier.startsWith('node:')) continue;
        const library = specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/');
        if (library in sharedLibraries) continue;
        users.set(library, (users.get(library) ?? new Set()).add(file.name));
      }
    }
    const spread = [...users]
      .filter(([, names]) => names.size > 1)
      .map(([library, names]) => `${library}: ${[...names]}`);
    expect(spread).toEqual([]);
  });

  it('reads the environment in config.ts alone', () => {
    const readers = files.filter((file) => file.text.includes('process.env')).map((file) => file.name);
    expect(readers).toEqual(['config.ts']);
  });

  it('has no barrels', () => {
    const wrong = files.filter((file) => /^export (\*|\{[^}]*\}) from/m.test(file.text));
    expect(wrong.map((file) => file.name)).toEqual([]);
  });
});
