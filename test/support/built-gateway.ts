/**
 * Support of the probes: `supergate serve` of the built sources in a process of its own, what it prints and what it takes.
 * Real: `dist/cli.js` (run `npm run build` before), its memory after a collection, the kernel's figures of the process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = join(__dirname, '../..');
const mebibyte = 2 ** 20;

/** What the kernel knows of a process: seconds of processor time since its start, resident MiB, descriptors, threads. */
export interface ProcessFigures {
  readonly cpuSeconds: number;
  readonly rss: number;
  readonly fds: number;
  readonly threads: number;
}

export function figuresOf(pid: number): ProcessFigures {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const told = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
    rss: told('VmRSS') / 1_024,
    fds: readdirSync(`/proc/${pid}/fd`).length,
    threads: told('Threads'),
  };
}

/** The value below which this share of the sorted values lies; 0 of none. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

export class BuiltGateway {
  url = '';
  adminUrl = '';
  /** How often it has told that it serves another supergraph. */
  served = 0;
  readonly pid: number;
  private rest = '';

  private constructor(
    private readonly child: ChildProcess,
    private readonly onLine: (line: string) => void,
  ) {
    this.pid = child.pid ?? 0;
    child.stdout?.on('data', (chunk: Buffer) => this.read(chunk));
  }

  /** Resolves when it is ready; `onLine` is called with each line of its log. */
  static async start(
    words: readonly string[],
    env: NodeJS.ProcessEnv = {},
    onLine: (line: string) => void = () => {},
  ): Promise<BuiltGateway> {
    const flags = [
      '--expose-gc',
      '--require',
      join(root, 'bench/report-memory.js'),
      join(root, 'dist/cli.js'),
      'serve',
    ];
    const child = spawn(process.execPath, [...flags, ...words], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const gateway = new BuiltGateway(child, onLine);
    await gateway.until(() => gateway.url !== '');
    return gateway;
  }

  private read(chunk: Buffer): void {
    const lines = (this.rest + chunk).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      this.url ||= /ready at (http[^\s"]+)/.exec(line)?.[1] ?? '';
      if (line.includes('endpoints for operators are open')) this.adminUrl = /"url":"([^"]+)"/.exec(line)?.[1] ?? '';
      if (line.includes('Another supergraph is served')) this.served += 1;
      this.onLine(line);
    }
  }

  async until(isReached: () => boolean): Promise<void> {
    for (let waited = 0; !isReached(); waited += 10) {
      if (this.child.exitCode !== null) throw new Error(`the gateway ended with ${this.child.exitCode}`);
      if (waited > 60_000) throw new Error('the gateway did not come so far');
      await sleep(10);
    }
  }

  /** Heap and resident memory in MiB, after a collection. */
  async memory(): Promise<{ readonly heap: number; readonly rss: number }> {
    this.child.send('memory');
    const [{ heapUsed, rss }] = (await once(this.child, 'message')) as [NodeJS.MemoryUsage];
    return { heap: heapUsed / mebibyte, rss: rss / mebibyte };
  }

  get figures(): ProcessFigures {
    return figuresOf(this.pid);
  }

  /** Resolves to the exit status; null where a signal ended it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, 'exit');
      this.child.kill(signal);
      await ended;
    }
    return this.child.exitCode;
  }
}
