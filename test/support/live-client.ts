/**
 * Test support: a subscriber of a gateway without a door: what it was sent, in order.
 */
import type { SubscriptionEnd } from '../../src/client/door';
import { openDeadline } from '../../src/context/deadline';
import { anonymous, type Identity, type RequestContext } from '../../src/context/request-context';
import type { Gateway } from '../../src/gateway';
import type { ClientSubscription } from '../../src/query-plan/live-subscriptions';
import { silentLog } from '../../src/telemetry/log';
import type { Trail } from '../../src/telemetry/trail';

export interface LiveClient {
  readonly payloads: string[];
  /** The payloads, parsed. */
  readonly results: unknown[];
  readonly end: SubscriptionEnd | undefined;
  readonly subscription: ClientSubscription;
  /** Resolves when so many payloads have come in all. */
  received(count: number): Promise<void>;
  readonly ended: Promise<SubscriptionEnd>;
}

export interface LiveRequest {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly identity?: Identity;
  readonly headers?: Readonly<Record<string, string>>;
  readonly trail?: Trail | undefined;
}

export function liveContext({ identity = anonymous, headers = {}, trail }: Partial<LiveRequest> = {}): RequestContext {
  const { deadline, dispose } = openDeadline(Date.now() + 10_000, Date.now);
  // Events have deadlines of their own.
  dispose();
  const calls = { count: 0, failed: 0 };
  return { id: 'r1', identity, deadline, log: silentLog, subgraphHeaders: headers, calls, trail };
}

/** Subscribes; rejects with the first error of a refusal. */
export async function subscribe(gateway: Gateway, request: LiveRequest): Promise<LiveClient> {
  const prepared = gateway.prepare(request.query, undefined);
  if (prepared.kind === 'refused') throw prepared.errors[0];
  const payloads: string[] = [];
  const waiting = new Set<() => void>();
  let end: SubscriptionEnd | undefined;
  let settle: (end: SubscriptionEnd) => void = () => {};
  const ended = new Promise<SubscriptionEnd>((resolve) => {
    settle = resolve;
  });
  const sink = {
    next: (payload: string) => {
      if (end) throw new Error('an event came after the end');
      payloads.push(payload);
      for (const check of [...waiting]) check();
    },
    end: (reason: SubscriptionEnd) => {
      if (end) throw new Error('a subscription ended twice');
      end = reason;
      settle(reason);
    },
  };
  const subscription = await gateway.subscribe(prepared, request.variables ?? {}, liveContext(request), sink);
  if (subscription.kind === 'refused') throw subscription.errors[0];
  return {
    payloads,
    get results() {
      return payloads.map((payload) => JSON.parse(payload) as unknown);
    },
    get end() {
      return end;
    },
    subscription,
    ended,
    received: (count) =>
      new Promise((resolve) => {
        const check = () => {
          if (payloads.length < count) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  };
}
