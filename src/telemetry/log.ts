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

/** A line waits at most so long: one write for many lines costs a busy gateway a fifth of one write for each. */
const flushIntervalMs = 200;
const bufferBytes = 8_192;

/** A log that writes JSON lines to standard output, at `level` and above. */
export function createLog(level: LogLevel): Log {
  const destination = pino.destination({ fd: 1, sync: true, minLength: bufferBytes });
  setInterval(() => destination.flush(), flushIntervalMs).unref();
  process.once('exit', () => destination.flushSync());
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { log: redact } },
    destination,
  );
}

/** Fields that must never be readable, wherever a caller puts them. */
const secretNames = new Set(['authorization', 'cookie', 'password', 'secret', 'token']);

function redact(fields: Record<string, unknown>): Record<string, unknown> {
  for (const name in fields) {
    const value = fields[name];
    if (secretNames.has(name) && value !== undefined) return redact({ ...fields, [name]: undefined });
    if (typeof value === 'object' && value !== null && hasSecret(value as Record<string, unknown>)) {
      return redact({ ...fields, [name]: redact(value as Record<string, unknown>) });
    }
  }
  return fields;
}

function hasSecret(fields: Record<string, unknown>): boolean {
  return Object.keys(fields).some((name) => secretNames.has(name) && fields[name] !== undefined);
}

/** A log that swallows everything, for tests and embedders without one. */
export const silentLog: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} };
