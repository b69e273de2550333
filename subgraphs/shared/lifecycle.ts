/**
 * How the process ends: whatever asks for it, everything that was started is closed, in reverse order.
 * In: signals, crashes, `end`. Out: an exit code. Clock: once per process.
 * A second signal stops waiting for requests, but never leaves another process behind; a third exits at once.
 * One Ctrl-C may arrive several times: from the terminal, and again from npm and tsx, which pass it on.
 */
import type { Log } from '../../src/telemetry/log';
import { loggable } from './errors';

export interface Lifecycle {
  /** Registers something to close. `essential` things are closed even when a second signal cuts the drain short. */
  onEnd(name: string, close: () => Promise<void>, essential?: boolean): void;
  /** Closes everything and exits. Later calls change nothing. */
  end(exitCode: number): void;
}

export interface LifecycleOptions {
  readonly log: Log;
  /** The process, or what stands for it in a test. */
  readonly process: Pick<NodeJS.Process, 'on' | 'exit'>;
  /** After this time the drain is cut short as by a second signal. */
  readonly drainMs: number;
  /** Milliseconds, from any origin. */
  readonly now?: () => number;
}

interface Closer {
  readonly name: string;
  readonly close: () => Promise<void>;
  readonly essential: boolean;
}

/** Signals that follow one another within this time are one. */
const SAME_SIGNAL_MS = 300;

type Phase = 'running' | 'draining' | 'forced';

/** Listens for SIGINT, SIGTERM, SIGHUP and for exceptions that nobody caught (exit code 1). */
export function createLifecycle(options: LifecycleOptions): Lifecycle {
  const { log, now = () => performance.now() } = options;
  const closers: Closer[] = [];
  let phase: Phase = 'running';

  const closeAll = async (chosen: readonly Closer[]) => {
    for (const { name, close } of chosen) {
      await close().catch((error: unknown) => log.error(loggable(error), `${name} did not close`));
    }
  };
  const force = (exitCode: number) => {
    if (phase === 'forced') return options.process.exit(exitCode);
    phase = 'forced';
    const essential = closers.filter((closer) => closer.essential).reverse();
    void closeAll(essential).then(() => options.process.exit(exitCode));
  };
  const end = (exitCode: number) => {
    if (phase !== 'running') return;
    phase = 'draining';
    setTimeout(() => force(exitCode || 1), options.drainMs).unref();
    void closeAll(closers.toReversed()).then(() => {
      if (phase === 'draining') options.process.exit(exitCode);
    });
  };
  let signalledAt = Number.NEGATIVE_INFINITY;
  const onSignal = (exitCode: number) => () => {
    const isEcho = now() - signalledAt < SAME_SIGNAL_MS;
    if (isEcho) return;
    signalledAt = now();
    if (phase === 'running') end(0);
    else force(exitCode);
  };
  const onCrash = (error: unknown) => {
    log.error(loggable(error), 'Something failed unexpectedly: the process ends');
    end(1);
  };
  options.process.on('SIGINT', onSignal(130));
  options.process.on('SIGTERM', onSignal(143));
  options.process.on('SIGHUP', onSignal(129));
  options.process.on('uncaughtException', onCrash);
  options.process.on('unhandledRejection', onCrash);
  return {
    onEnd: (name, close, essential = false) => void closers.push({ name, close, essential }),
    end,
  };
}
