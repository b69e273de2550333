/**
 * A worker's end of the line to its primary (`workers.ts`): it says when it is ready, answers what it is asked, and goes
 * when it is told to. When its primary is gone Node ends it, for the socket it listens on is gone too. In: the process, and the server in it. Clock: per process.
 */
import type { AdminAnswer, AdminRoute } from './client/admin';
import type { RunningGateway } from './main';
import { renderAll } from './telemetry/exposition';
import type { Metrics } from './telemetry/metrics';
import type { RotatingFileOptions } from './telemetry/rotating-file';
import { type FromPrimary, type FromWorker, Questions } from './worker-messages';

export interface PrimaryLink {
  /** The metrics of all workers; of none when the primary does not answer. */
  readonly renderMetrics: Metrics['render'];
  /** Adds text to a file that the primary writes for all workers. Rejects when it cannot be written. */
  appendTo(options: RotatingFileOptions): (text: string) => Promise<void>;
  /** Whether another worker has taken its place already: then balancers need not look away. */
  isReplaced(): boolean;
  /** From now on it serves. `end` lets everything finish and ends the process. */
  attach(server: RunningGateway, end: () => void, maxMemoryBytes: number | undefined): void;
}

const memoryCheckMs = 5_000;
/** A bound below what a worker takes at its start must not make it restart without end, one after the other. */
const settledAfterS = 60;

/** The link of a process that was forked. */
export function linkToPrimary(process: NodeJS.Process): PrimaryLink {
  const questions = new Questions();
  let isReplaced = false;
  const send = (message: FromWorker) => void process.send?.(message);
  return {
    async renderMetrics() {
      const rendered = await questions.ask((id) => send({ kind: 'render', id }));
      return (rendered as Awaited<ReturnType<Metrics['render']>> | undefined) ?? renderAll([]);
    },
    appendTo: (to) => async (text) => {
      const problem =
        (await questions.ask((id) => send({ kind: 'append', id, to, text }))) ?? 'the primary did not answer';
      if (problem !== '') throw new Error(String(problem));
    },
    isReplaced: () => isReplaced,
    attach(server, end, maxMemoryBytes) {
      process.on('message', (message: FromPrimary) => {
        if (message.kind === 'rendered' || message.kind === 'appended') questions.answer(message.id, message.value);
        else if (message.kind === 'samples') {
          void server.samples().then((value) => send({ kind: 'answer', id: message.id, value }));
        } else if (message.kind === 'admin') {
          void answerAdmin(server.adminRoutes, message).then((value) =>
            send({ kind: 'answer', id: message.id, value }),
          );
        } else if (message.kind === 'retire') {
          isReplaced = true;
          end();
        }
      });
      if (maxMemoryBytes !== undefined) watchMemory(maxMemoryBytes, (bytes) => send({ kind: 'heavy', bytes }));
      send({ kind: 'ready', url: server.graphqlUrl });
    },
  };
}

async function answerAdmin(
  routes: readonly AdminRoute[],
  { method, path, query, body }: Extract<FromPrimary, { kind: 'admin' }>,
): Promise<AdminAnswer> {
  const route = routes.find((candidate) => candidate.method === method && candidate.path === path);
  try {
    if (route) return await route.handle({ query: new URLSearchParams(query), body });
  } catch {
    return { status: 500, json: { error: 'The endpoint failed in this worker.' } };
  }
  return { status: 404, json: { error: 'This worker has no such endpoint.' } };
}

/** Tells once. */
function watchMemory(maxBytes: number, tell: (bytes: number) => void): void {
  const timer = setInterval(() => {
    const bytes = process.memoryUsage.rss();
    if (bytes <= maxBytes || process.uptime() < settledAfterS) return;
    clearInterval(timer);
    tell(bytes);
  }, memoryCheckMs).unref();
}
