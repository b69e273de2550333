/**
 * Who asks, as a host says it that makes no request contexts of ours: an app of Apollo Server with our gateway.
 * In: the context value that its `context` function made. Out: what a request context begins with. Clock: per request.
 */
import { randomUUID } from 'node:crypto';
import type { Log } from '../telemetry/log';
import { openDeadline } from './deadline';
import type { ReadHeaderSources } from './header-sources';
import { anonymous, type Identity, type RequestContext } from './request-context';

/** How a host's context values are read. Each may throw: its operation fails then. */
export interface AskerOptions {
  /** Headers for subgraphs when Apollo Server calls, from the context value its `context` function made. */
  readonly subgraphHeaders?: (contextValue: unknown) => Readonly<Record<string, string>>;
  /** Who asks, for authorization, when Apollo Server calls; without it, nobody is signed in. */
  readonly identity?: (contextValue: unknown) => Identity;
  /** By whose address rate limits count, when Apollo Server calls; without it, the unknown count as one. */
  readonly clientAddress?: (contextValue: unknown) => string;
}

export type Asker = Pick<RequestContext, 'subgraphHeaders' | 'identity' | 'clientAddress'>;

/** Without options: nobody is signed in, subgraphs get no headers, and no address is known. */
export function askerOf(options: AskerOptions, contextValue: unknown): Asker {
  return {
    subgraphHeaders: options.subgraphHeaders?.(contextValue) ?? {},
    identity: options.identity?.(contextValue) ?? anonymous,
    clientAddress: options.clientAddress?.(contextValue) ?? '',
  };
}

/** Runs `use` with a context of its own, for callers that have made none. Rejects as `use` does. */
export async function withContext<T>(
  asker: Asker,
  { readHeaderSources, timeoutMs, log }: { readHeaderSources: ReadHeaderSources; timeoutMs: number; log: Log },
  use: (context: RequestContext) => Promise<T>,
): Promise<T> {
  const arrivedAt = Date.now();
  const { deadline, dispose } = openDeadline(arrivedAt + timeoutMs, Date.now);
  const calls = { count: 0, failed: 0 };
  const id = randomUUID();
  try {
    const facts = readHeaderSources({ id, ...asker, rawHeaders: [] });
    const subgraphHeaders = { ...asker.subgraphHeaders, ...facts };
    return await use({ id, ...asker, subgraphHeaders, deadline, arrivedAt, log, calls, told: {} });
  } finally {
    dispose();
  }
}
