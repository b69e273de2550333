/**
 * Who asks and until when: made once per request, before anything of the operation is known.
 * Every later step reads it, none changes it. Clock: per request.
 */
import type { CachingReport } from '../client/caching-headers';
import type { RateLimitReport } from '../client/rate-limit-headers';
import type { Log } from '../telemetry/log';
import type { RequestTrace } from '../telemetry/traces';
import type { Trail } from '../telemetry/trail';
import type { ClientName } from '../telemetry/usage';
import type { ClientHeaders } from './client-headers';

/** What proved it. An API key has an id, which names it and opens nothing. */
export type AcceptedCredential = { readonly kind: 'token' } | { readonly kind: 'apiKey'; readonly id: string };

/** Who asks. A credential that was refused never becomes an identity: the request ends with 401 before. */
export type Identity =
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'authenticated';
      readonly credential: AcceptedCredential;
      /** Unique within `issuer`. */
      readonly subject: string;
      readonly issuer: string;
      readonly roles: readonly string[];
      readonly scopes: readonly string[];
      /** What the caller has paid for, where limits differ by it: `gold`. */
      readonly tier: string | undefined;
      /** Milliseconds since the epoch; may be farther away than a timer can wait. */
      readonly expiresAt: number;
      readonly claims: Readonly<Record<string, unknown>>;
    };

export const anonymous: Identity = { kind: 'anonymous' };

/** Why a request is over before its answer. */
export type RequestEnd = 'deadline' | 'client left';

/** Who works for a request and stops when it is over. */
export interface DeadlineListener {
  /** Called at most once. May not throw. */
  onRequestEnd(reason: RequestEnd): void;
}

/** A moment, and those who are told when it comes or when the client leaves before. */
export interface Deadline {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Undefined as long as the request goes on. */
  readonly ended: RequestEnd | undefined;
  /** Another moment, sooner or later: for what is asked. Absent where it is settled. */
  move?(at: number): void;
  /** For a deadline that has not ended. */
  add(listener: DeadlineListener): void;
  remove(listener: DeadlineListener): void;
}

export interface RequestContext {
  /** Returned as `x-request-id`, written in every log line and every masked error. */
  readonly id: string;
  readonly identity: Identity;
  /** The address of the client, behind the proxies that are trusted; empty or absent where nobody knows. */
  readonly clientAddress?: string;
  /** Of a request to a REST route: `GET /users/{id}`. */
  readonly route?: string | undefined;
  readonly deadline: Deadline;
  /** Milliseconds since the epoch. Absent: the deadline is what it is, whatever is asked. */
  readonly arrivedAt?: number;
  /** How long the client waits, if it says so: within what the configuration allows. */
  readonly clientTimeoutMs?: number | undefined;
  readonly log: Log;
  /** Absent: nobody traces it. */
  readonly trace?: RequestTrace | undefined;
  /**
   * What the headers of subgraph calls are made of: identity, request id, and what `header-sources.ts` has read. Requests
   * for which it is equal may share an answer.
   */
  readonly subgraphHeaders: Readonly<Record<string, string>>;
  /** What was asked of subgraphs so far; the request's log line tells it. */
  readonly calls: { count: number; failed: number };
  /** Who sent it, as it says itself. Absent: nobody counts clients. */
  readonly client?: ClientName | undefined;
  /** Absent: nobody wants to know what it does at subgraphs. */
  readonly trail?: Trail | undefined;
  /** The client wants to be told what its operation costs. */
  readonly asksCost?: boolean;
  /** What the answer is to tell beside its data: noted when it is admitted and answered. Absent: nobody reads it. */
  readonly told?: {
    rateLimits?: RateLimitReport | undefined;
    caching?: CachingReport | undefined;
    readonly headers?: ClientHeaders | undefined;
  };
}
