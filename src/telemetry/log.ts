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

/** A log whose level can be changed while it is used. */
export interface AdjustableLog extends Log {
  level: LogLevel;
}

export const logLevels: readonly LogLevel[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** A line waits at most so long: one write for many lines costs a busy gateway a fifth of one write for each. */
const flushIntervalMs = 200;
const blockLength = 8_192;

/**
 * A log that writes JSON lines to standard output, at `level` and above. `hidden`: paths of fields that no line has, such
 * as `fetches.*.instance`.
 */
export function createLog(level: LogLevel, hidden: readonly string[] = []): AdjustableLog {
  const paths = hidden.map((path) => path.split('.'));
  const lines = new LineBuffer();
  setInterval(() => lines.flush(), flushIntervalMs).unref();
  process.once('exit', () => lines.flush());
  const now = createTimestamp();
  const log = pino({ level, base: null, timestamp: () => `,"time":"${now()}"`, formatters: { log: redact } }, lines);
  const writer = (name: keyof Log): Write => {
    if (!log.isLevelEnabled(name)) return () => {};
    const head = `{"level":${log.levels.values[name]},"time":"`;
    return (given, message) => {
      const fields = paths.reduce<Fields>((rest, path) => withoutPath(rest, path) as Fields, given);
      // What one line a request costs counts: pino takes six times as long for the same bytes.
      const text = plainText(fields);
      if (text === undefined) log[name](fields, message);
      else lines.write(`${head}${now()}"${text},"msg":${quoted(message)}}\n`);
    };
  };
  const writers = () => ({
    error: writer('error'),
    warn: writer('warn'),
    info: writer('info'),
    debug: writer('debug'),
  });
  return {
    ...writers(),
    get level() {
      return log.level as LogLevel;
    },
    set level(next) {
      log.level = next;
      Object.assign(this, writers());
    },
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** A copy without what is at the path, of which `*` is any name or index; the same value where nothing is. */
function withoutPath(value: unknown, [step = '', ...rest]: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const names = step === '*' ? Object.keys(value) : Object.hasOwn(value, step) ? [step] : [];
  if (names.length === 0) return value;
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
  for (const name of names) copy[name] = rest.length === 0 ? undefined : withoutPath(copy[name], rest);
  return copy;
}

/** Gathers lines into blocks. Pino's own buffer counts the bytes of all that it holds again with each line. */
class LineBuffer {
  readonly #destination = pino.destination({ fd: 1, sync: true });
  #text = '';

  write(line: string): void {
    this.#text += line;
    if (this.#text.length >= blockLength) this.flush();
  }

  flush(): void {
    const text = this.#text;
    this.#text = '';
    // Written before it returns; `flushSync` would also wait for the disk.
    if (text !== '') this.#destination.write(text);
  }
}

/** `{ a: 1, b: 'c' }` becomes `,"a":1,"b":"c"`; undefined where something must be hidden, or is no plain value. */
function plainText(fields: Readonly<Record<string, unknown>>): string | undefined {
  let text = '';
  for (const name in fields) {
    const value = fields[name];
    switch (typeof value) {
      case 'string':
        if (secretNames.has(name)) return undefined;
        text += `,${quoted(name)}:${quoted(value)}`;
        break;
      case 'number':
        text += `,${quoted(name)}:${Number.isFinite(value) ? value : null}`;
        break;
      case 'boolean':
        text += `,${quoted(name)}:${value}`;
        break;
      case 'undefined':
        break;
      default:
        return undefined;
    }
  }
  return text;
}

const needsNoEscape = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** As JSON. */
function quoted(text: string): string {
  return needsNoEscape.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** The time in ISO 8601; all of it but the milliseconds is remembered for a second. */
function createTimestamp(clock: () => number = Date.now): () => string {
  let second = Number.NaN;
  let prefix = '';
  return () => {
    const now = clock();
    const current = Math.floor(now / 1000);
    if (current !== second) {
      second = current;
      prefix = new Date(current * 1000).toISOString().slice(0, -4);
    }
    return `${prefix}${String(now - current * 1000).padStart(3, '0')}Z`;
  };
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
