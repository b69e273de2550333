/**
 * The Dockerfile without a container engine: its steps are carried out in plain directories, one for each stage.
 * Real: npm, the build, the command and health check of the image, in the image's environment. Not done: the base image,
 * Debian's packages, users.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

jest.setTimeout(600_000);

const root = join(__dirname, '../..');
const home = mkdtempSync(join(tmpdir(), 'supergate-image-'));

interface Stage {
  readonly name: string;
  readonly from: string;
  readonly steps: readonly { readonly instruction: string; readonly words: string }[];
}

function readStages(): Stage[] {
  const lines = readFileSync(join(root, 'Dockerfile'), 'utf8')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: { name: string; from: string; steps: { instruction: string; words: string }[] }[] = [];
  for (const line of lines) {
    const [, instruction = '', words = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (instruction === 'FROM') {
      const [from = '', , name = 'final'] = words.split(/\s+/);
      stages.push({ name, from, steps: [] });
    } else stages.at(-1)?.steps.push({ instruction, words });
  }
  return stages;
}

const stages = readStages();
const stageOf = (name: string): Stage => {
  const found = stages.find((stage) => stage.name === name);
  if (!found) throw new Error(`the Dockerfile has no stage ${name}`);
  return found;
};
const wordsOf = (stage: string, instruction: string): string[] =>
  stageOf(stage)
    .steps.filter((step) => step.instruction === instruction)
    .map(({ words }) => words);

/** Carries a stage out in a directory of its own, which stands for /app. */
function build(name: string): string {
  const { from, steps } = stageOf(name);
  const directory = join(home, name);
  if (existsSync(directory)) return directory;
  if (stages.some((stage) => stage.name === from)) link(build(from), directory);
  else mkdirSync(directory);
  for (const { instruction, words } of steps) {
    if (instruction === 'COPY') copy(words, directory);
    else if (instruction === 'RUN' && !words.startsWith('apt-get')) run(words, directory);
  }
  return directory;
}

/** As COPY does it: a directory's content goes into the target, a file into a target that ends with a slash. */
function copy(words: string, directory: string): void {
  const parts = words.split(/\s+/);
  const from = parts[0]?.startsWith('--from=') ? parts.shift()?.slice('--from='.length) : undefined;
  const target = parts.pop() ?? '';
  for (const part of parts) {
    const into = join(directory, target, target.endsWith('/') ? basename(part) : '');
    if (from === undefined) cpSync(join(root, part), into, { recursive: true });
    else link(join(build(from), part.replace(/^\/app\//, '')), into);
  }
}

/** Copies from a stage: by hard links, since node_modules is large and no later step writes into a file. */
function link(source: string, target: string): void {
  execFileSync('cp', ['-al', source, target]);
}

function run(command: string, directory: string): void {
  const env = { ...process.env, npm_config_prefer_offline: 'true' };
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd: directory, encoding: 'utf8', env });
  if (status !== 0) throw new Error(`${command}\n${stdout}\n${stderr}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

let gateway: ChildProcess | undefined;
afterAll(() => {
  gateway?.kill('SIGKILL');
  rmSync(home, { recursive: true, force: true });
});

describe('the image', () => {
  it('is built by its steps, starts by its command, is healthy by its check, and ends with 0', async () => {
    const directory = build('final');
    expect(existsSync(join(directory, 'node_modules/typescript'))).toBe(false);
    expect(existsSync(join(directory, 'src'))).toBe(false);
    const etc = join(home, 'etc');
    mkdirSync(etc);
    cpSync(join(root, 'supergraph.yaml'), join(etc, 'supergraph.yaml'));
    cpSync(join(root, 'subgraphs'), join(etc, 'subgraphs'), { recursive: true });
    writeFileSync(join(etc, 'gateway.yaml'), 'timeouts: { drainMs: 2000 }\n');

    const given = wordsOf('final', 'ENV').flatMap((words) => words.split(' ').map((word) => word.split('=')));
    const env = { ...Object.fromEntries(given), PATH: process.env.PATH, PORT: String(await freePort()) };
    const [entry = '[]'] = wordsOf('final', 'ENTRYPOINT');
    const [command = '[]'] = wordsOf('final', 'CMD');
    const words = [...JSON.parse(entry), ...JSON.parse(command)] as string[];
    expect(words.slice(0, 2)).toEqual(['tini', '--']);
    const [program = '', ...rest] = words.slice(2).map((word) => word.replace('/etc/supergate', etc));
    const child = spawn(program, rest, { cwd: directory, env, stdio: 'ignore' });
    gateway = child;

    const [check = ''] = wordsOf('final', 'HEALTHCHECK');
    const [node = '', ...probe] = JSON.parse(check.slice(check.indexOf('CMD') + 3)) as string[];
    const isHealthy = () => spawnSync(node, probe, { env }).status === 0;
    for (let tries = 0; tries < 200 && !isHealthy() && child.exitCode === null; tries++) await sleep(200);
    expect(isHealthy()).toBe(true);

    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(isHealthy()).toBe(false);
  });

  it('of the reference graph starts its subgraphs', () => {
    const directory = build('reference');
    const [entry = '[]'] = wordsOf('reference', 'ENTRYPOINT');
    const [program = '', ...rest] = JSON.parse(entry) as string[];
    const help = execFileSync(program, [...rest, '--help'], { cwd: directory, encoding: 'utf8' });
    expect(help).toContain('SUBGRAPH_HOST');
  });

  it('runs as nobody special, and keeps what is not for it out', () => {
    for (const stage of ['final', 'reference']) {
      const names = stageOf(stage).steps.map(({ instruction }) => instruction);
      expect(wordsOf(stage, 'USER')).toEqual(['node']);
      expect(names.lastIndexOf('USER')).toBeGreaterThan(names.lastIndexOf('RUN'));
    }
    const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
    expect(ignored).toEqual(expect.arrayContaining(['.git', '.data', 'node_modules', 'dist']));
  });
});
