/**
 * The connection to Redis, for what several gateways share: query plans. The floor. Clock: per process.
 * Redis is never needed: one that is down, frozen, full or slow is as good as none, and told to the log once.
 * The only file that knows ioredis. Nothing here rejects, or waits longer than it is told.
 */
import { Redis } from 'ioredis';
import type { Log } from './telemetry/log';

export interface RedisConnection {
  /** Whether it answers, as far as is known without asking. */
  isUp(): boolean;
  /** The value of a key; undefined when there is none, and when Redis does not answer in time. */
  get(key: string): Promise<string | undefined>;
  /** Sets a value for so long, without waiting. */
  set(key: string, value: string, lifetimeMs: number): void;
  close(): Promise<void>;
}

export interface RedisOptions {
  /** `redis://` or, for TLS, `rediss://`; with user, password and database. */
  readonly url: string;
  /** Time for one answer. */
  readonly timeoutMs: number;
  readonly log: Log;
}

const connectTimeoutMs = 5_000;
const maxReconnectDelayMs = 2_000;
/** A connection on which nothing comes back for so long is given up. */
const silenceMs = 2_000;
/** After an answer that came too late, Redis is not asked for so long: not every operation waits in vain. */
const restMs = 1_000;

/** Begins to connect, and goes on trying until it is closed. */
export function openRedis(options: RedisOptions): RedisConnection {
  return new GuardedRedis(options);
}

/** What Redis may fail at, each on its own: a full one still answers reads. */
type Duty = 'connection' | 'reads' | 'writes';

class GuardedRedis implements RedisConnection {
  private readonly client: Redis;
  private readonly troubles = new Set<Duty>();
  private restsUntil = 0;
  private lastError = 'it closed the connection';

  constructor(private readonly options: RedisOptions) {
    const client = new Redis(options.url, {
      connectTimeout: connectTimeoutMs,
      socketTimeout: silenceMs,
      retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), maxReconnectDelayMs),
      // What cannot be sent now is not sent later.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      disableClientInfo: true,
    });
    this.client = client;
    client.on('error', (error: Error) => {
      this.lastError = error.message;
    });
    client.on('close', () => this.failed('connection', this.lastError));
    client.on('ready', () => {
      this.lastError = 'it closed the connection';
      this.restsUntil = 0;
      this.succeeded('connection');
    });
  }

  isUp(): boolean {
    return this.client.status === 'ready' && this.troubles.size === 0;
  }

  async get(key: string): Promise<string | undefined> {
    const value = await this.run('reads', (client) => client.get(key));
    return value ?? undefined;
  }

  set(key: string, value: string, lifetimeMs: number): void {
    void this.run('writes', (client) => client.set(key, value, 'PX', Math.ceil(lifetimeMs)));
  }

  async close(): Promise<void> {
    this.client.removeAllListeners('close');
    this.client.disconnect();
  }

  /** Undefined for everything that is not an answer in time. */
  private async run<T>(duty: Duty, command: (client: Redis) => Promise<T>): Promise<T | undefined> {
    const { client } = this;
    if (client.status !== 'ready' || performance.now() < this.restsUntil) return undefined;
    const timer = startTimer(this.options.timeoutMs);
    try {
      const answer = await Promise.race([command(client), timer.elapsed]);
      if (answer === late) {
        this.restsUntil = performance.now() + restMs;
        this.failed(duty, `no answer within ${this.options.timeoutMs} ms`);
        return undefined;
      }
      this.succeeded(duty);
      return answer;
    } catch (error) {
      // A lost connection is told as such.
      if (client.status === 'ready') this.failed(duty, error instanceof Error ? error.message : String(error));
      return undefined;
    } finally {
      timer.stop();
    }
  }

  private failed(duty: Duty, reason: string): void {
    if (this.troubles.has(duty)) return;
    this.troubles.add(duty);
    this.options.log.warn({ duty, reason }, 'Redis fails: the gateway goes on without it');
  }

  private succeeded(duty: Duty): void {
    if (this.troubles.delete(duty)) this.options.log.info({ duty }, 'Redis works again');
  }
}

const late = Symbol('late');

function startTimer(milliseconds: number): { readonly elapsed: Promise<typeof late>; readonly stop: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const elapsed = new Promise<typeof late>((resolve) => {
    // Whatever held this thread up may have held up the answer as well: it is read first.
    timer = setTimeout(() => setImmediate(() => setImmediate(() => resolve(late))), milliseconds);
  });
  return { elapsed, stop: () => clearTimeout(timer) };
}
