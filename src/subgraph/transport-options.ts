/**
 * What can be set for the transport to subgraphs, and what holds where nothing is set.
 * Values only. Clock: made once per generation.
 */
import type { RequestHeaderRule, ResponseHeaderRule } from '../config/headers';
import type { TlsSettings } from '../config/tls';
import { traceHeaderNames } from '../telemetry/traces';
import type { RetrySettings } from './attempts';
import type { BreakerSettings } from './breaker';
import type { CircuitSettings } from './circuit';
import type { Discovery } from './discovery/instance-source';
import type { BalancingSettings, ProbeThresholds } from './instances';
import type { RetryBudgetSettings } from './retry-budget';

export interface SubgraphTransportOptions {
  /** Until a connection is made. */
  readonly connectTimeoutMs: number;
  /** Of one attempt, until the first byte of its answer; absent: as long as the whole may take. */
  readonly firstByteTimeoutMs?: number | undefined;
  /** Calls under way at a time, over all instances; absent: what the connections to instances allow. */
  readonly maxInFlight?: number | undefined;
  /** Calls that wait for one of those; further ones fail at once. */
  readonly maxQueued: number;
  /** From the call to the last byte of the answer, waiting for a connection included. */
  readonly timeoutMs: number;
  /** Of an answer's body, before and after decompression. */
  readonly maxResponseBytes: number;
  /** Sockets to one instance; further calls wait for one. */
  readonly maxConnections: number;
  /** Calls that wait for a socket to one instance; further ones fail at once. */
  readonly maxWaiting: number;
  /** Offer HTTP/2 to `https:` subgraphs. */
  readonly http2: boolean;
  /** Of all subgraphs. */
  readonly headerRules: readonly RequestHeaderRule[];
  /** Of all subgraphs. */
  readonly responseRules: readonly ResponseHeaderRule[];
  /** Lower case names of the request's subgraph headers that pass before every rule, or all. */
  readonly ownHeaders: readonly string[] | 'all';
  /** Lower case names that the transport writes itself, to whatever subgraph: no rule does. */
  readonly reservedHeaders: readonly string[];
  /** Absent: there is none for the subgraph as a whole. */
  readonly breaker?: BreakerSettings | undefined;
  /** Lower case name of a header that tells a subgraph how many milliseconds are left; without it, none does. */
  readonly deadlineHeader?: string | undefined;
  /** For `https:` and `wss:`. */
  readonly tls?: TlsSettings | undefined;
  /** Names in a subgraph's `errors[].extensions` that may pass beside `code`. */
  readonly errorExtensions: readonly string[];
  /** Names in a subgraph's response `extensions` that may pass. */
  readonly extensions: readonly string[];
  readonly subscription: SubscriptionSettings;
  readonly balancing: BalancingSettings & {
    /** The policy `hash` keeps equal values of this header, one that the subgraph gets, together; else identities. */
    readonly hashHeader?: string | undefined;
  };
  /** Instances are asked by the gateway itself whether they are well; without it, only calls tell. */
  readonly probe?: ProbeSettings | undefined;
  /** Where this gateway runs: instances of the same zone are preferred. */
  readonly zone?: string | undefined;
  readonly retries: RetrySettings & { readonly budget: RetryBudgetSettings };
  /** Identical queries under way share one exchange, unless false; see `SharingOptions` for the headers. */
  readonly sharing: false | { readonly ignoredHeaders: readonly string[] };
}

export interface SubscriptionSettings {
  readonly protocol: 'websocket' | 'sse';
  /** Instead of the subgraph's own. */
  readonly url?: string | undefined;
  /** Instead of that of the URL. */
  readonly path?: string | undefined;
  readonly maxConnections: number;
  /** Until a subgraph is ready to be subscribed to. */
  readonly connectTimeoutMs: number;
  /** A connection that is silent for so long, though it is asked, is lost. */
  readonly keepAliveMs: number;
  /** A subscription that is lost is asked for again for so long. */
  readonly reconnectMs: number;
}

export const defaultTransportOptions: SubgraphTransportOptions = {
  timeoutMs: 30_000,
  connectTimeoutMs: 5_000,
  maxQueued: 1_000,
  maxResponseBytes: 10 * 1024 * 1024,
  maxConnections: 256,
  maxWaiting: 1_000,
  http2: false,
  headerRules: [],
  responseRules: [],
  ownHeaders: 'all',
  reservedHeaders: [],
  errorExtensions: [],
  extensions: [],
  subscription: {
    protocol: 'websocket',
    maxConnections: 10,
    connectTimeoutMs: 5_000,
    keepAliveMs: 15_000,
    reconnectMs: 60_000,
  },
  balancing: {
    policy: 'powerOfTwo',
    slowStartMs: 10_000,
    maxEjectedShare: 1,
    circuit: { consecutiveFailures: 5, failureShare: 0.5, minimumCalls: 20, openMs: 1_000, maxOpenMs: 4_000 },
  },
  retries: {
    attempts: 3,
    statuses: [502, 503, 504],
    backoffMs: 25,
    maxBackoffMs: 1_000,
    anotherAfterMs: 1_000,
    budget: { share: 0.08, burst: 30 },
  },
  sharing: { ignoredHeaders: ['x-request-id', ...traceHeaderNames] },
};

/** An active probe: `{ __typename }`, or a GET of `path` that is answered with a status from 200 to 299. */
export interface ProbeSettings extends ProbeThresholds {
  readonly kind: 'graphql' | 'http';
  readonly path: string;
  /** Each wait is up to a quarter shorter or longer. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** `options` lays over those of all subgraphs; sharing is common to all. */
export interface SubgraphEndpoint {
  readonly name: string;
  readonly url: string;
  /** Where it runs, if not at `url` alone; `url` is asked for subscriptions then. */
  readonly instances?: readonly InstanceAddress[] | undefined;
  /** Where the instances are learned, instead of these. */
  readonly discovery?: Discovery | undefined;
  readonly options?: Partial<Omit<SubgraphTransportOptions, 'sharing'>>;
}

export interface InstanceAddress {
  readonly url: string;
  /** Its share of the calls, beside that of the others. */
  readonly weight: number;
  /** Where it runs; without it, it is near to everybody. */
  readonly zone?: string | undefined;
  /** Those of a higher one are asked when too many of the lower ones fail. */
  readonly priority?: number | undefined;
  /** Instead of what the host of `url` resolves to; that stays its name for TLS and in the `host` header. */
  readonly address?: string | undefined;
}

/** The sections of the configuration that say how instances are chosen, left out and asked again. */
export interface ResilienceSettings {
  readonly balancing: Omit<SubgraphTransportOptions['balancing'], 'maxEjectedShare' | 'circuit'>;
  readonly health: Omit<CircuitSettings, 'openMs' | 'maxOpenMs'> & {
    readonly ejectionMs: number;
    readonly maxEjectionMs: number;
    readonly maxEjectedShare: number;
    readonly probe: Omit<ProbeSettings, 'kind'> & { readonly kind: ProbeSettings['kind'] | 'off' };
  };
  readonly retries: RetrySettings & { readonly budgetShare: number; readonly budgetBurst: number };
  readonly breaker: BreakerSettings & { readonly enabled: boolean };
}

/** The same as options of the transport. */
export function resilienceOptions(
  settings: ResilienceSettings,
): Pick<SubgraphTransportOptions, 'balancing' | 'retries' | 'probe' | 'breaker'> {
  const { maxEjectedShare, ejectionMs, maxEjectionMs, probe, ...failures } = settings.health;
  const { budgetShare, budgetBurst, ...retries } = settings.retries;
  const { enabled: hasBreaker, ...breaker } = settings.breaker;
  return {
    balancing: {
      ...settings.balancing,
      maxEjectedShare,
      circuit: { ...failures, openMs: ejectionMs, maxOpenMs: maxEjectionMs },
    },
    retries: { ...retries, budget: { share: budgetShare, burst: budgetBurst } },
    breaker: hasBreaker ? breaker : undefined,
    probe: probe.kind === 'off' ? undefined : { ...probe, kind: probe.kind },
  };
}
