/**
 * The context of each event of a subscription: that of its request, which is long over, opened again.
 * In: the context that began it. Out: one with a deadline of its own and headers that are fresh. Clock: per event.
 */
import type { Trail } from '../telemetry/trail';
import { headersWithoutSay, type OpenRequest, openRequest } from './create-request-context';
import type { RequestContext } from './request-context';
import { type SubgraphIdentity, subgraphIdentityHeader } from './subgraph-identity';

export interface SubscriptionContexts {
  /** The same request again, with this trail. Who opens it disposes of it. */
  reopen(context: RequestContext, trail?: Trail): OpenRequest;
  /** The same text for requests that subgraphs cannot tell apart. */
  scopeOf(context: RequestContext): string;
}

export interface SubscriptionContextOptions {
  /** Absent: subgraphs are told of who asks what the headers of the request say, and nothing else. */
  readonly subgraphIdentity?: SubgraphIdentity | undefined;
  readonly now: () => number;
  /** For the join of one event. */
  readonly timeoutMs: () => number;
}

export function createSubscriptionContexts(options: SubscriptionContextOptions): SubscriptionContexts {
  const { subgraphIdentity, now } = options;
  return {
    reopen({ id, identity, log, subgraphHeaders, clientAddress = '' }, trail) {
      const settings = { now, timeoutMs: options.timeoutMs(), ...(subgraphIdentity && { subgraphIdentity }) };
      return openRequest(settings, {
        id,
        identity,
        arrivedAt: now(),
        log,
        forwarded: subgraphHeaders,
        clientAddress,
        trail,
      });
    },
    scopeOf({ identity, subgraphHeaders }) {
      const isOwn = (name: string) =>
        headersWithoutSay.has(name) || (subgraphIdentity && name === subgraphIdentityHeader);
      const headers = Object.entries(subgraphHeaders).filter(([name]) => !isOwn(name));
      return JSON.stringify([subgraphIdentity?.scopeOf(identity), headers.sort()]);
    },
  };
}
