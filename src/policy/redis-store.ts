/**
 * Counters in Redis, shared by every gateway of a namespace. All rules of an operation are one script: one round trip.
 * Clock: per request. What Redis does not decide in time it does not charge later either.
 */
import { createHash } from 'node:crypto';
import type { ChargeOutcome, ChargeRequest, CounterUse, RateLimitStore } from './rate-limit-store';
import { readScriptAnswer, type ScriptAnswer, writeScriptRequest } from './redis-script';

/** A script that is known to Redis. Undefined for everything that is not an answer in time. */
export type RunScript = (keys: readonly string[], values: readonly string[]) => Promise<unknown>;

export interface RedisStoreOptions {
  readonly run: RunScript;
  /**
   * What all keys begin with, in braces: Redis Cluster keeps what has equal braces on one node, and a script needs all
   * of its keys there. Rules for one identity, for one address and for all together meet in one operation, so no
   * smaller part of a key could stand there.
   */
  readonly namespace: string;
  /** How long `run` waits. */
  readonly timeoutMs: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/** The clocks of Redis and of this process drift: an old estimate of their difference counts no more. */
const estimateLastsMs = 10_000;

export class RedisStore implements RateLimitStore {
  private readonly now: () => number;
  /** How far the clock of Redis is ahead of ours: the largest that was seen, since answers only come late. */
  private ahead: number | undefined;
  private estimatedAt = 0;

  constructor(private readonly options: RedisStoreOptions) {
    this.now = options.now ?? (() => performance.now());
  }

  async charge(request: ChargeRequest): Promise<ChargeOutcome | undefined> {
    const keys = request.counters.map((use) => this.keyOf(use));
    const first = await this.run(keys, request);
    // The clock of Redis was set, or this process stood still: the new estimate is right.
    const answer = first?.kind === 'late' ? await this.run(keys, request) : first;
    return answer?.kind === 'decided' ? answer.outcome : undefined;
  }

  private async run(keys: readonly string[], request: ChargeRequest): Promise<ScriptAnswer | undefined> {
    const { run, timeoutMs } = this.options;
    const notAfter = this.ahead === undefined ? 0 : Math.ceil(this.now() + this.ahead + timeoutMs);
    const answer = readScriptAnswer(await run(keys, [writeScriptRequest(request, notAfter)]));
    if (answer) this.estimate(answer);
    return answer;
  }

  private estimate({ kind, now }: ScriptAnswer): void {
    const ours = this.now();
    const ahead = now + 1 - ours;
    const isOld = ours - this.estimatedAt > estimateLastsMs;
    if (this.ahead !== undefined && ahead <= this.ahead && kind === 'decided' && !isOld) return;
    this.ahead = ahead;
    this.estimatedAt = ours;
  }

  /** `{supergate}:limit:field:Mutation.login:4Zq…`: who is counted stays out of it. */
  private keyOf({ key }: CounterUse): string {
    const rule = key.slice(0, key.indexOf('|'));
    const digest = createHash('sha256').update(key).digest('base64url').slice(0, 22);
    return `{${this.options.namespace}}:limit:${rule}:${digest}`;
  }
}
