/**
 * The connection to Redis, for what several gateways share: query plans, counters of rate limits. Clock: per process.
 * Redis is never needed: one that is down, frozen, full or slow is as good as none, and told to the log once. Of a Redis
 * Cluster each node is judged for itself. Nothing here rejects, or waits longer than it is told.
 */
import { openRedisClient, type RedisAddressConfig, type RedisClient } from './redis-client';
import type { Log } from './telemetry/log';

export interface RedisConnection {
  /** Whether it answers, all of its nodes, as far as is known without asking. */
  isUp(): boolean;
  /** The value of a key; undefined when there is none, and when Redis does not answer in time. */
  get(key: string): Promise<string | undefined>;
  /** Sets a value for so long, without waiting. */
  set(key: string, value: string, lifetimeMs: number): void;
  /**
   * A Lua script, to be called with keys and values: one round trip, once Redis knows it. Undefined for everything that
   * is not an answer in time. The keys have equal `{braces}`, as what else the script reads: a cluster has them together.
   */
  script(lua: string): (keys: readonly string[], values: readonly string[]) => Promise<unknown>;
  close(): Promise<void>;
}

export interface RedisOptions extends RedisAddressConfig {
  /** Time for one answer. */
  readonly timeoutMs: number;
  readonly log: Log;
}

/** After an answer that came too late, nobody waits in vain: Redis is asked so often whether it answers again. */
const probeMs = 100;

/** What failed for one kind of command, and was not asked since, may well work again after so long. */
const forgottenMs = 5_000;

/** Begins to connect, and goes on trying until it is closed. Throws an `Error` for files of `tls` that cannot be used. */
export function openRedis(options: RedisOptions): RedisConnection {
  return new GuardedRedis(options);
}

/** What a node may fail at, each on its own: a full one still answers reads. */
type Duty = 'connection' | 'answers' | 'reads' | 'writes' | 'scripts';

class GuardedRedis implements RedisConnection {
  private readonly client: RedisClient;
  /** When each duty of a node failed last. */
  private readonly troubles = new Map<string, Map<Duty, number>>();
  private readonly probed = new Set<string>();
  private readonly patience: Patience;
  private isClosed = false;

  constructor(private readonly options: RedisOptions) {
    this.patience = new Patience(options.timeoutMs);
    this.client = openRedisClient(options, {
      lost: (node, reason) => this.failed(node, 'connection', reason),
      found: (node) => {
        this.succeeded(node, 'connection');
        this.succeeded(node, 'answers');
      },
      nodes: (names) => {
        for (const [node, duties] of this.troubles) {
          if (!names.has(node)) for (const duty of duties.keys()) this.succeeded(node, duty);
        }
      },
    });
  }

  isUp(): boolean {
    const since = performance.now() - forgottenMs;
    const isInTrouble = (duties: ReadonlyMap<Duty, number>) =>
      duties.has('connection') || duties.has('answers') || [...duties.values()].some((failedAt) => failedAt > since);
    return this.client.isReady() && ![...this.troubles.values()].some(isInTrouble);
  }

  async get(key: string): Promise<string | undefined> {
    const value = await this.run('reads', key, () => this.client.get(key));
    return value ?? undefined;
  }

  set(key: string, value: string, lifetimeMs: number): void {
    void this.run('writes', key, () => this.client.set(key, value, lifetimeMs));
  }

  script(lua: string): (keys: readonly string[], values: readonly string[]) => Promise<unknown> {
    const call = this.client.script(lua);
    return (keys, values) => this.run('scripts', keys[0] ?? '', () => call(keys, values));
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.client.close();
  }

  /** Undefined for everything that is not an answer in time. */
  private async run<T>(duty: Duty, key: string, command: () => Promise<T>): Promise<T | undefined> {
    const node = this.client.nodeOf(key);
    if (node === undefined || this.hasFailed(node, 'answers')) return undefined;
    try {
      const answer = await this.patience.wait(command());
      if (answer === late) {
        this.failed(node, 'answers', `none within ${this.options.timeoutMs} ms`);
        void this.probe(node, key);
        return undefined;
      }
      this.succeeded(node, duty);
      return answer;
    } catch (error) {
      // A lost connection is told as such.
      if (this.client.nodeOf(key) === node)
        this.failed(node, duty, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** Asks until an answer comes in time; a new connection ends it as well. */
  private async probe(node: string, key: string): Promise<void> {
    if (this.probed.has(node)) return;
    this.probed.add(node);
    while (this.hasFailed(node, 'answers') && !this.isClosed) {
      const answer = await this.patience.wait(this.client.ping(key)).catch(() => late);
      if (answer !== late) this.succeeded(node, 'answers');
      else await new Promise((resolve) => setTimeout(resolve, probeMs).unref());
    }
    this.probed.delete(node);
  }

  private hasFailed(node: string, duty: Duty): boolean {
    return this.troubles.get(node)?.has(duty) ?? false;
  }

  private failed(node: string, duty: Duty, reason: string): void {
    const wasKnown = this.hasFailed(node, duty);
    this.troubles.set(node, (this.troubles.get(node) ?? new Map()).set(duty, performance.now()));
    if (wasKnown || this.isClosed) return;
    this.options.log.warn({ node, duty, reason }, 'Redis fails: the gateway goes on without it');
  }

  private succeeded(node: string, duty: Duty): void {
    const duties = this.troubles.get(node);
    if (!duties?.delete(duty)) return;
    if (duties.size === 0) this.troubles.delete(node);
    this.options.log.info({ node, duty }, 'Redis works again');
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
