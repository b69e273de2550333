/**
 * The policies of a gateway, from its configuration: authorization, costs and rate limits. In: configuration and what the host
 * brings. Out: what makes the policies of each supergraph; counters outlive both. Clock: per configuration.
 */
import type { Config } from '../config';
import type { Operation } from '../operation/document';
import type { SlicedWork } from '../slices';
import type { CreatePolicies, Policies, PolicySubject } from './admission';
import { type AuthorizationOptions, createAuthorization } from './authorization';
import type { CacheObserver } from './cache-policies';
import { type CostObserver, type Costs, createCosts } from './cost';
import { MemoryStore } from './memory-store';
import { NamedPolicies, type PolicyFunction } from './named-policies';
import { RateLimiter } from './rate-limiter';
import { createRateLimits, type RateLimitsOptions } from './rate-limits';
import { chargeScript } from './redis-script';
import { RedisStore, type RunScript } from './redis-store';
import { requirementOf } from './requirements';

/** What a host may bring; every part has a default. */
export interface PolicyDependencies {
  /** The functions behind `@policy`, by the names of policies. */
  readonly policies?: Readonly<Record<string, PolicyFunction>>;
  /** Told of fields that clients asked and may not read. */
  readonly onUnauthorized?: AuthorizationOptions['onUnauthorized'];
  /** Told of each rate limit that an operation met. */
  readonly onRateLimit?: RateLimitsOptions['onDecision'];
  /** Told what operations cost, where that is counted. */
  readonly costs?: CostObserver;
  readonly caching?: CacheObserver;
  /** Told of each operation whose limits Redis could not count. */
  readonly onRateLimitStoreFailure?: () => void;
}

/** Where several gateways count together. */
export interface SharedScripts {
  script(lua: string): RunScript;
}

/** The counters of a gateway, which outlive its configurations. `shared`: absent where this process counts alone. */
export function openCounters(
  { rateLimits, redis }: Config,
  { onRateLimitStoreFailure }: PolicyDependencies,
  shared: SharedScripts | undefined,
): RateLimiter {
  const local = new MemoryStore({ maxBytes: rateLimits.maxMemoryBytes });
  if (!shared) return new RateLimiter({ local });
  const run = shared.script(chargeScript());
  const timeoutMs = redis?.timeoutMs ?? defaultTimeoutMs;
  const store = new RedisStore({ run, namespace: rateLimits.namespace, timeoutMs });
  return new RateLimiter({ local, shared: store, onStoreFailure: onRateLimitStoreFailure });
}

/** Of a connection that the host has made. */
const defaultTimeoutMs = 100;

/** The policies that a configuration demands, over these counters. */
export function createPolicies(config: Config, dependencies: PolicyDependencies, limiter: RateLimiter): CreatePolicies {
  const authorization = authorizationOptions(config, dependencies);
  const rateLimits: RateLimitsOptions = {
    config: config.rateLimits,
    budget: config.cost.mode === 'enforce' ? config.cost.budget : undefined,
    limiter,
    onDecision: dependencies.onRateLimit,
  };
  return (subject) => {
    const authorized = createAuthorization(subject, authorization);
    const costs = createCosts(subject, config.cost, dependencies.costs);
    const weigh: Policies['weigh'] = costs && ((request, exclusions) => costs.weigh(request, exclusions));
    const limits = createRateLimits(subject, rateLimits);
    if (!authorized && !weigh && !limits) return undefined;
    return {
      readAhead: createReadAhead(subject, costs),
      authorize: authorized?.authorize,
      isProtected: authorized?.isProtected,
      weigh,
      ...limits,
    };
  };
}

/** Reads the facts of operations, and what they cost. */
function createReadAhead({ facts, slices }: PolicySubject, costs: Costs | undefined): Policies['readAhead'] {
  const reading = new WeakMap<Operation, Promise<void> | 'done'>();
  function* read(operation: Operation): SlicedWork<undefined> {
    yield* costs ? costs.read(operation) : facts.read(operation);
    reading.set(operation, 'done');
  }
  return (operation) => {
    const known = reading.get(operation);
    if (known) return known === 'done' ? undefined : known;
    const begun = slices.begin(read(operation));
    if (begun) reading.set(operation, begun);
    return begun;
  };
}

function authorizationOptions(
  { authorization, limits, server }: Config,
  { policies: functions = {}, onUnauthorized = () => {} }: PolicyDependencies,
): AuthorizationOptions {
  const { mode, dryRun, policies: claims, policyTimeoutMs: timeoutMs } = authorization;
  const policies = new NamedPolicies({ claims, functions, timeoutMs });
  const introspection = typeof server.introspection === 'object' ? requirementOf(server.introspection) : [];
  return { mode, dryRun, policies, introspection, maxErrors: limits.maxErrors, onUnauthorized };
}
