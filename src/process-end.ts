/**
 * How a serving process ends: the first signal lets everything finish, a later one ends at once, and so does a crash,
 * but with status 1. In: signals, errors that nobody caught. Out: the exit status. Clock: the process.
 */
import type { Log } from './telemetry/log';

export interface ProcessEnd {
  /** The process, or what stands for it in a test. */
  readonly process: Pick<NodeJS.Process, 'on' | 'exit'>;
  /** Lets what runs finish, in a time of its own. */
  readonly close: () => Promise<void>;
  readonly log: Log;
  /** Tells whoever sits at the terminal. */
  readonly tell: (text: string) => void;
  /** Milliseconds, from any origin. */
  readonly now?: () => number;
}

/** The terminal signals the whole group, and npm and npx hand the same signal on: that is still the first. */
const sameSignalMs = 500;

/**
 * Listens for SIGINT, SIGTERM and uncaught errors; exits with 0 after a signal, 1 after an error or a failed close.
 * What it answers does the same as the first signal.
 */
export function endProcess({ process, close, log, tell, now = () => performance.now() }: ProcessEnd): () => void {
  let closingSince: number | undefined;
  let status = 0;

  const fail = (error: unknown, message: string) => {
    status = 1;
    log.error({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }, message);
  };
  const end = () => {
    closingSince = now();
    close()
      .catch((error: unknown) => fail(error, 'The gateway did not close as it should'))
      .then(() => process.exit(status));
  };
  const onSignal = (signal: 'SIGINT' | 'SIGTERM') => {
    if (closingSince === undefined) {
      tell(`${signal}: closing; again to end at once`);
      end();
    } else if (now() - closingSince >= sameSignalMs) {
      process.exit(signal === 'SIGINT' ? 130 : 143);
    }
  };
  process.on('SIGINT', () => onSignal('SIGINT'));
  process.on('SIGTERM', () => onSignal('SIGTERM'));
  // Rejections that nobody handles come here, too. What runs is not suspect of the error, and may finish.
  process.on('uncaughtException', (error: unknown) => {
    fail(error, 'Something failed unexpectedly: the process ends');
    if (closingSince === undefined) end();
  });
  return () => {
    if (closingSince === undefined) end();
  };
}
