/**
 * Events between the instances of all subgraphs, through Redis pub/sub. In and out: `events.ts`. Clock: per event.
 * The only file of the subgraphs that knows ioredis. While Redis is away events are lost, and the log says so; who
 * listens hears again when it is back.
 */
import { Redis } from 'ioredis';
import type { Log } from '../../src/telemetry/log';
import { type EventStream, type Events, Listeners } from './events';

const PREFIX = 'supergate:events:';
const CONNECT_TIMEOUT_MS = 2_000;
const MAX_RECONNECT_DELAY_MS = 1_000;

/** Connects in the background; `redis://` or `rediss://`. */
export function createRedisEvents(url: string, log: Log): Events {
  return new RedisEvents(url, log);
}

class RedisEvents implements Events {
  private readonly local = new Listeners();
  private readonly publisher: Redis;
  private readonly subscriber: Redis;
  private isDown = false;

  constructor(
    url: string,
    private readonly log: Log,
  ) {
    const options = {
      connectTimeout: CONNECT_TIMEOUT_MS,
      maxRetriesPerRequest: 1,
      retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 10), MAX_RECONNECT_DELAY_MS),
    };
    this.publisher = new Redis(url, options);
    this.subscriber = new Redis(url, { ...options, autoResubscribe: true });
    for (const client of [this.publisher, this.subscriber]) {
      client.on('error', (error: Error) => this.failed(error));
      client.on('ready', () => {
        this.isDown = false;
      });
    }
    this.subscriber.on('message', (channel: string, text: string) => {
      this.local.deliver(channel.slice(PREFIX.length), decode(text));
    });
  }

  async publish(topic: string, payload: unknown): Promise<void> {
    try {
      await this.publisher.publish(PREFIX + topic, encode(payload));
    } catch (error) {
      this.failed(error);
    }
  }

  async listen<Payload>(topic: string): Promise<EventStream<Payload>> {
    // Heard by whoever comes next too, so nobody waits for another's unsubscription.
    const listener = this.local.add(topic, () => {
      this.subscriber.unsubscribe(PREFIX + topic).catch((error: unknown) => this.failed(error));
    });
    try {
      await this.subscriber.subscribe(PREFIX + topic);
    } catch (error) {
      await listener.return();
      throw error;
    }
    return listener as EventStream<unknown> as EventStream<Payload>;
  }

  listeners(topic: string): number {
    return this.local.count(topic);
  }

  async close(): Promise<void> {
    this.local.end();
    this.publisher.disconnect();
    this.subscriber.disconnect();
  }

  private failed(error: unknown): void {
    if (this.isDown) return;
    this.isDown = true;
    this.log.warn({ cause: error instanceof Error ? error.message : String(error) }, 'Events are lost: Redis is away');
  }
}

/** JSON that knows a moment from a text. */
function encode(payload: unknown): string {
  return JSON.stringify(payload, function (this: Record<string, unknown>, key, value: unknown) {
    const original = this[key];
    return original instanceof Date ? { $moment: original.getTime() } : value;
  });
}

function decode(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) => {
    const isMoment = typeof value === 'object' && value !== null && '$moment' in value;
    return isMoment ? new Date(Number(value.$moment)) : value;
  });
}
