/**
 * Several processes that serve one port: started, replaced when they are lost, restarted one after the other, ended
 * together. In: how many. Out: a server of workers. Clock: per process. The primary serves no request; it adds up metrics.
 * A worker goes only when another one has taken its place, but for a crash and the end of all.
 */
import cluster, { type Worker } from 'node:cluster';
import type { AdminAnswer, AdminRoute } from './client/admin';
import { type MetricSamples, renderAll } from './telemetry/exposition';
import type { Log } from './telemetry/log';
import { createRotatingFile } from './telemetry/rotating-file';
import { type FromPrimary, type FromWorker, Questions } from './worker-messages';

export interface WorkersOptions {
  readonly count: number;
  /** Time for a worker to end; then it is killed. */
  readonly graceMs: number;
  readonly log: Log;
}

/** A worker that ended before it was ready. */
export class WorkerFailed extends Error {
  constructor(readonly status: number) {
    super(`a worker ended with status ${status} before it was ready`);
  }
}

interface WorkerState {
  readonly worker: Worker;
  readonly startedAt: number;
  readonly gone: Promise<void>;
  isReady: boolean;
  isRetiring: boolean;
}

const minBackoffMs = 100;
const maxBackoffMs = 10_000;
/** One that has lived so long was no failure of starting. */
const stableMs = 60_000;

export class Workers {
  private readonly states = new Set<WorkerState>();
  private readonly questions = new Questions();
  /** That workers write, by their settings: one writer, or what one adds is lost when another one puts the file aside. */
  private readonly files = new Map<string, (text: string) => Promise<void>>();
  private url = '';
  private losses = 0;
  private isClosing = false;
  private restarting: Promise<void> = Promise.resolve();

  constructor(private readonly options: WorkersOptions) {}

  /** Resolves to the URL of the GraphQL path when all are ready. Rejects with `WorkerFailed`; then none is left. */
  async start(): Promise<string> {
    try {
      // Where one cannot start the others cannot: it alone says why.
      await this.fork();
      await Promise.all(Array.from({ length: this.options.count - 1 }, () => this.fork()));
      return this.url;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Resolves when the new worker serves. */
  private fork(): Promise<WorkerState> {
    const worker = cluster.fork();
    return new Promise((resolve, reject) => {
      let leave = () => {};
      const gone = new Promise<void>((done) => {
        leave = done;
      });
      const state: WorkerState = { worker, startedAt: performance.now(), gone, isReady: false, isRetiring: false };
      this.states.add(state);
      worker.on('message', (message: FromWorker) => {
        if (message.kind !== 'ready') return this.onMessage(state, message);
        state.isReady = true;
        this.url = message.url;
        resolve(state);
      });
      worker.once('exit', (status, signal) => {
        this.states.delete(state);
        leave();
        if (!state.isReady) reject(new WorkerFailed(status ?? 1));
        else if (!state.isRetiring && !this.isClosing) this.replaceLost(state, { status, signal });
      });
    });
  }

  private onMessage(state: WorkerState, message: Exclude<FromWorker, { kind: 'ready' }>): void {
    if (message.kind === 'answer') this.questions.answer(message.id, message.value);
    else if (message.kind === 'render') {
      void this.renderMetrics().then((value) => send(state, { kind: 'rendered', id: message.id, value }));
    } else if (message.kind === 'append') {
      void this.append(message).then((value) => send(state, { kind: 'appended', id: message.id, value }));
    } else {
      const { log } = this.options;
      log.warn(
        { worker: state.worker.process.pid, bytes: message.bytes },
        'A worker takes much memory: it is replaced',
      );
      void this.restart([state]);
    }
  }

  /** Resolves to what went wrong, or an empty text. */
  private append({ to, text }: Extract<FromWorker, { kind: 'append' }>): Promise<string> {
    // Settings may change with a restart of the workers.
    const key = JSON.stringify(to);
    const append = this.files.get(key) ?? createRotatingFile(to);
    this.files.set(key, append);
    return append(text).then(() => '', String);
  }

  private replaceLost({ worker, startedAt }: WorkerState, end: { status: number | null; signal: string | null }): void {
    if (performance.now() - startedAt > stableMs) this.losses = 0;
    const waitMs = Math.min(maxBackoffMs, minBackoffMs * 2 ** this.losses);
    this.losses += 1;
    this.options.log.error({ worker: worker.process.pid, ...end, waitMs }, 'A worker was lost: another one is started');
    this.startAfter(waitMs);
  }

  private startAfter(waitMs: number): void {
    setTimeout(() => {
      if (this.isClosing) return;
      this.fork().catch(() => {
        if (this.isClosing) return;
        this.losses += 1;
        this.startAfter(Math.min(maxBackoffMs, minBackoffMs * 2 ** this.losses));
      });
    }, waitMs);
  }

  /** Replaces workers one after the other, each once another one serves. Stops where a new one does not start. */
  restart(which: readonly WorkerState[] = [...this.states]): Promise<void> {
    this.restarting = this.restarting.then(async () => {
      for (const old of which) {
        if (this.isClosing || !this.states.has(old) || old.isRetiring) continue;
        try {
          await this.fork();
        } catch (error) {
          this.options.log.error({ error: String(error) }, 'A new worker does not start: the old ones stay');
          return;
        }
        await this.retire(old);
      }
    });
    return this.restarting;
  }

  private async retire(state: WorkerState): Promise<void> {
    state.isRetiring = true;
    send(state, { kind: 'retire' });
    await this.untilGone(state);
  }

  /** Whether it ended by itself. */
  private async untilGone({ worker, gone }: WorkerState): Promise<boolean> {
    let isKilled = false;
    const timer = setTimeout(() => {
      isKilled = true;
      worker.process.kill('SIGKILL');
    }, this.options.graceMs);
    await gone;
    clearTimeout(timer);
    return !isKilled;
  }

  /** Hands a signal on. */
  signal(signal: NodeJS.Signals): void {
    for (const { worker } of this.states) worker.process.kill(signal);
  }

  /** Ends all. Rejects when one had to be killed. */
  async close(): Promise<void> {
    this.isClosing = true;
    this.signal('SIGTERM');
    const ended = await Promise.all([...this.states].map((state) => this.untilGone(state)));
    if (ended.includes(false)) throw new Error('a worker did not end in time');
  }

  private get ready(): readonly WorkerState[] {
    return [...this.states].filter(({ isReady }) => isReady);
  }

  /** The metrics of all workers, as one. */
  async renderMetrics(): Promise<{ contentType: string; body: string }> {
    const all = await Promise.all(
      this.ready.map((state) => this.questions.ask((id) => send(state, { kind: 'samples', id }))),
    );
    return renderAll(all.filter((samples): samples is MetricSamples => samples !== undefined));
  }

  /** Endpoints that ask every worker, and answer by their process ids. */
  adminRoutes(routes: readonly AdminRoute[], drain: () => void): readonly AdminRoute[] {
    return routes.map(({ method, path, summary }) => ({
      method,
      path,
      summary,
      handle: async ({ query, body }) => {
        if (path === '/metrics') {
          const { contentType, body: text } = await this.renderMetrics();
          return { contentType, text };
        }
        if (path === '/drain') {
          drain();
          return { status: 202, json: { draining: true } };
        }
        return this.askAll({ method, path, query: query.toString(), body });
      },
    }));
  }

  private async askAll(asked: { method: string; path: string; query: string; body: unknown }): Promise<AdminAnswer> {
    const answers = await Promise.all(
      this.ready.map(async (state) => {
        const answer = await this.questions.ask((id) => send(state, { kind: 'admin', id, ...asked }));
        const { status = 200, json } = (answer ?? { status: 504, json: {} }) as { status?: number; json: unknown };
        return { pid: String(state.worker.process.pid), status, json };
      }),
    );
    const status = Math.max(200, ...answers.map((answer) => answer.status));
    return { status, json: Object.fromEntries(answers.map(({ pid, json }) => [pid, json])) };
  }
}

function send({ worker }: WorkerState, message: FromPrimary): void {
  // One that is going hears nothing any more.
  if (worker.isConnected()) worker.send(message, () => {});
}
