/**
 * The log: one JSON object a line, written by pino. The floor: every step may use it.
 * Never write tokens, passwords, variables or a subgraph's raw answer here.
 */
import pino from 'pino';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void;

/** What the stages may ask of the log: a level, fields, one sentence. */
export interface Log {
  readonly error: Write;
  readonly warn: Write;
  readonly info: Write;
  readonly debug: Write;
}

/** A log that writes JSON lines to standard output, at `level` and above. */
export function createLog(level: LogLevel): Log {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, redact: redactedPaths });
}

/** Fields that must never be readable, wherever a caller puts them. */
const redactedPaths = [
  'authorization',
  '*.authorization',
  'cookie',
  '*.cookie',
  'token',
  '*.token',
  'password',
  '*.password',
];

/** A log that swallows everything, for tests and embedders without one. */
export const silentLog: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };
