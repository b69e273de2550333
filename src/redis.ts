/**
 * The connection to Redis, for what several gateways share: query plans, counters of rate limits. Clock: per process.
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
  /**
   * A Lua script, to be called with keys and values: one round trip, once Redis knows it. Undefined for everything that
   * is not an answer in time.
   */
  script(lua: string): (keys: readonly string[], values: readonly string[]) => Promise<unknown>;
  close(): Promise<void>;
}

export interface RedisOptions {
  /** `redis://` or, for TLS, `rediss://`; with user, password and database. */
  readonly url: string;
  /** Time for one answer. */
  readonly timeoutMs: number;
  readonly log: Log;
}

const connectTimeoutMs = 1_500;
const maxReconnectDelayMs = 500;
/** A connection on which nothing comes back for so long is given up. */
const silenceMs = 2_000;
/** After an answer that came too late, nobody waits in vain: Redis is asked so often whether it answers again. */
const probeMs = 100;

/** Begins to connect, and goes on trying until it is closed. */
export function openRedis(options: RedisOptions): RedisConnection {
  return new GuardedRedis(options);
}

/** What Redis may fail at, each on its own: a full one still answers reads. */
type Duty = 'connection' | 'answers' | 'reads' | 'writes' | 'scripts';

class GuardedRedis implements RedisConnection {
  private readonly client: Redis;
  private readonly troubles = new Set<Duty>();
  private readonly patience: Patience;
  private isProbing = false;
  private isClosed = false;
  private scripts = 0;
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
    this.patience = new Patience(options.timeoutMs);
    client.on('error', (error: Error) => {
      this.lastError = error.message;
    });
    client.on('close', () => this.failed('connection', this.lastError));
    client.on('ready', () => {
      this.lastError = 'it closed the connection';
      this.succeeded('connection');
      this.succeeded('answers');
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

  script(lua: string): (keys: readonly string[], values: readonly string[]) => Promise<unknown> {
    this.scripts += 1;
    const name = `script${this.scripts}`;
    this.client.defineCommand(name, { lua });
    type Defined = Record<string, (keys: number, ...words: string[]) => Promise<unknown>>;
    const call = (client: Redis, words: string[], keys: number) =>
      (client as unknown as Defined)[name]?.(keys, ...words) ?? Promise.resolve();
    return (keys, values) => this.run('scripts', (client) => call(client, [...keys, ...values], keys.length));
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.client.removeAllListeners('close');
    this.client.disconnect();
  }

  /** Undefined for everything that is not an answer in time. */
  private async run<T>(duty: Duty, command: (client: Redis) => Promise<T>): Promise<T | undefined> {
    const { client } = this;
    if (client.status !== 'ready' || this.troubles.has('answers')) return undefined;
    try {
      const answer = await this.patience.wait(command(client));
      if (answer === late) {
        this.failed('answers', `none within ${this.options.timeoutMs} ms`);
        void this.probe();
        return undefined;
      }
      this.succeeded(duty);
      return answer;
    } catch (error) {
      // A lost connection is told as such.
      if (client.status === 'ready') this.failed(duty, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** Asks until an answer comes in time; a new connection ends it as well. */
  private async probe(): Promise<void> {
    if (this.isProbing) return;
    this.isProbing = true;
    while (this.troubles.has('answers') && !this.isClosed) {
      const answer = await this.patience.wait(this.client.ping()).catch(() => late);
      if (answer !== late) this.succeeded('answers');
      else await new Promise((resolve) => setTimeout(resolve, probeMs).unref());
    }
    this.isProbing = false;
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

/** A wait is measured in so many ticks. */
const ticks = 5;

/**
 * Waits for promises, each for so long at most. Only the time counts in which this thread could read an answer: one
 * clock ticks for all waits, and where the thread is held up it ticks less.
 */
class Patience {
  /** The first ends first. */
  private readonly waits = new Set<{ readonly lastTick: number; readonly giveUp: () => void }>();
  private tick = 0;
  private isTicking = false;

  constructor(private readonly milliseconds: number) {}

  wait<T>(promise: Promise<T>): Promise<T | typeof late> {
    return new Promise((resolve, reject) => {
      const wait = { lastTick: this.tick + ticks, giveUp: () => resolve(late) };
      this.waits.add(wait);
      this.startTicking();
      promise.then(
        (answer) => {
          this.waits.delete(wait);
          resolve(answer);
        },
        (error: unknown) => {
          this.waits.delete(wait);
          reject(error);
        },
      );
    });
  }

  private startTicking(): void {
    if (this.isTicking || this.waits.size === 0) return;
    this.isTicking = true;
    // Whatever held this thread up may have held up answers as well: they are read first.
    const next = () => setImmediate(() => this.ticked());
    setTimeout(next, this.milliseconds / ticks);
  }

  private ticked(): void {
    this.tick += 1;
    for (const wait of this.waits) {
      if (wait.lastTick > this.tick) break;
      this.waits.delete(wait);
      wait.giveUp();
    }
    this.isTicking = false;
    this.startTicking();
  }
}
