/**
 * docs/getting-started.md and docs/your-own-graph.md, followed word by word: files are written, commands are run.
 * Real: bash, curl, npm with a tarball of this tree, every process. Not as written: the ports, so that tests do not meet;
 * and `npm ci`, which is what this tree was made by.
 * Observed: each answer that the page shows.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

jest.setTimeout(300_000);

const root = join(__dirname, '../..');
const home = mkdtempSync(join(tmpdir(), 'supergate-walk-'));
// Started by root, Postgres runs as another user, who must get in.
chmodSync(home, 0o755);

interface Block {
  readonly language: string;
  /** What follows the language: the name of a file, or which terminal. */
  readonly title: string;
  readonly text: string;
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, 'docs', page), 'utf8');
  return [...text.matchAll(/^```(\w+)(?: (.+))?\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', title = '', body = '']) => ({
      language,
      title,
      text: body,
    }),
  );
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** A terminal: commands run one after the other in one bash, so that variables and background jobs stay. */
class Terminal {
  private readonly bash: ChildProcess;
  private output = '';
  private errors = '';
  private commands = 0;

  constructor(directory: string, env: NodeJS.ProcessEnv) {
    // A process group of its own, so that what runs in the background ends with it.
    this.bash = spawn('bash', [], { cwd: directory, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    this.bash.stdout?.on('data', (chunk) => {
      this.output += chunk;
    });
    this.bash.stderr?.on('data', (chunk) => {
      this.errors += chunk;
    });
  }

  /** Answers what the commands print until they are done. Throws when the last one fails. */
  async run(text: string): Promise<string> {
    const marker = `done-${++this.commands}`;
    const from = this.output.length;
    this.bash.stdin?.write(`${text}\necho "\n${marker} $?"\n`);
    const end = new RegExp(`\\n${marker} (\\d+)\\n`);
    await this.until(() => end.test(this.output.slice(from)), text);
    const printed = this.output.slice(from);
    const [whole, status] = end.exec(printed) ?? [];
    if (status !== '0') throw new Error(`${text}\nexit status ${status}\n${printed}\n${this.errors}`);
    return printed.slice(0, printed.indexOf(whole ?? ''));
  }

  /** Runs what does not end, and waits until it has printed `sign`. */
  async start(text: string, sign: string): Promise<void> {
    this.bash.stdin?.write(`${text}\n`);
    await this.until(() => this.output.includes(sign), text);
  }

  private async until(isSo: () => boolean, what: string): Promise<void> {
    for (let waited = 0; !isSo(); waited += 50) {
      if (waited > 120_000) throw new Error(`${what}\ndoes not end:\n${this.output}\n${this.errors}`);
      await sleep(50);
    }
  }

  end(): void {
    try {
      process.kill(-(this.bash.pid ?? 0), 'SIGKILL');
    } catch {
      // Nobody is left in it.
    }
  }
}

const terminals: Terminal[] = [];
function openTerminal(directory: string, env: NodeJS.ProcessEnv = {}): Terminal {
  const { PATH, HOME } = process.env;
  const terminal = new Terminal(directory, { PATH, HOME, APOLLO_TELEMETRY_DISABLED: 'true', ...env });
  terminals.push(terminal);
  return terminal;
}

async function untilReady(url: string): Promise<void> {
  for (let waited = 0; ; waited += 100) {
    const isReady = await fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return;
    if (waited > 60_000) throw new Error(`${url} is not ready`);
    await sleep(100);
  }
}

afterAll(() => {
  for (const terminal of terminals) terminal.end();
  rmSync(home, { recursive: true, force: true, maxRetries: 10 });
});

describe('docs/getting-started.md', () => {
  it('says what happens', async () => {
    const [port = 0] = await freePorts(1);
    const ports = { PORT: String(port), PORT_USERS: '0', PORT_PAYMENTS: '0', PORT_CONTENT: '0' };
    const terminal = openTerminal(root);
    let printed = '';
    let compared = 0;
    for (const { language, title, text } of blocksOf('getting-started.md')) {
      const here = text.replaceAll('127.0.0.1:4000', `127.0.0.1:${port}`);
      if (here === 'npm ci\n') continue;
      if (title === 'first terminal') {
        const first = openTerminal(root, { SUPERGATE_DATA_DIR: join(home, 'data'), ...ports });
        await first.start(here, 'Ctrl-C stops everything');
      } else if (language === 'sh') printed = await terminal.run(here);
      else if (language === 'json') {
        expect(JSON.parse(printed)).toEqual(JSON.parse(here));
        compared += 1;
      }
      if (here.includes('users(first: 2)')) expect(printed).toContain('UNAUTHORIZED_FIELD_OR_TYPE');
      if (here.startsWith('for try')) expect(printed.trim().split(' ').at(-1)).toBe('429');
      if (here.includes('supergate plan')) expect(printed).toContain('payments');
      if (here.includes('/api/v1/')) expect(JSON.parse(printed)).toMatchObject({ nodes: [{}] });
    }
    expect(compared).toBe(2);
  });
});

describe('docs/your-own-graph.md', () => {
  it('says what happens', async () => {
    const directory = join(home, 'own');
    mkdirSync(directory);
    execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', home], { cwd: root, stdio: 'ignore' });
    const [gateway = 0, products = 0, reviews = 0] = await freePorts(3);
    const ports = new Map([
      ['4000', gateway],
      ['4101', products],
      ['4102', reviews],
    ]);
    const terminal = openTerminal(directory, { PORT: String(gateway), npm_config_prefer_offline: 'true' });
    let printed = '';
    let compared = 0;
    for (const { language, title, text } of blocksOf('your-own-graph.md')) {
      const here = text.replaceAll(/\b(4000|4101|4102)\b/g, (shown) => String(ports.get(shown)));
      if (title !== '') writeFileSync(join(directory, title), here);
      else if (language === 'sh') printed = await terminal.run(here);
      else if (language === 'json') {
        expect(JSON.parse(printed)).toEqual(JSON.parse(here));
        compared += 1;
      }
      if (here.includes('supergate serve')) await untilReady(`http://127.0.0.1:${gateway}`);
    }
    expect(compared).toBe(2);
  });
});
