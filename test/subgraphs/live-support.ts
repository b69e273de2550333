/**
 * A socket to a subgraph as the gateway opens it, and what comes on it. Real: graphql-ws, ws, identity tokens.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { type Caller, IDENTITY_HEADER, signIdentity } from '../../subgraphs/shared/identity';
import { testKey } from './shared-call';

// biome-ignore lint/suspicious/noExplicitAny: tests read events whose shape they state themselves
type Data = any;

export interface Heard {
  readonly events: Data[];
  readonly errors: readonly { readonly message: string; readonly extensions?: Record<string, unknown> }[];
  readonly hasEnded: boolean;
  stop(): void;
}

/** One socket to a subgraph; `payload` stands for what the gateway says of itself. */
export function openSocket(
  url: string,
  payload: Record<string, unknown> = { [IDENTITY_HEADER]: signIdentity({ kind: 'gateway' }, testKey) },
): Client {
  return createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: payload,
    retryAttempts: 0,
  });
}

/** Subscribes for `caller` (undefined: without identity). */
export function hear(
  socket: Client,
  caller: Caller | undefined,
  query: string,
  variables: Record<string, unknown> = {},
): Heard {
  const events: Data[] = [];
  const errors: Heard['errors'][number][] = [];
  let hasEnded = false;
  const headers = caller && { [IDENTITY_HEADER]: signIdentity(caller, testKey) };
  const stop = socket.subscribe(
    { query, variables, extensions: { headers } },
    {
      next: ({ data, errors: failed }) => {
        if (failed) errors.push(...(failed as Heard['errors']));
        else events.push(data);
      },
      error: (refused) => {
        errors.push(...(Array.isArray(refused) ? refused : [refused]));
        hasEnded = true;
      },
      complete: () => {
        hasEnded = true;
      },
    },
  );
  return {
    events,
    errors,
    get hasEnded() {
      return hasEnded;
    },
    stop,
  };
}

/** Waits, with generous patience, for what must become true. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 15_000; !(await condition()); ) {
    if (Date.now() > end) throw new Error('It did not become true in time');
    await sleep(10);
  }
}
