/**
 * Who asks and until when: made once per request, before anything of the operation is known.
 * Every later step reads it, none changes it. Clock: per request.
 */
import type { Log } from '../telemetry/log';

/** Who asks. A credential that was refused never becomes an identity: the request ends with 401 before. */
export type Identity =
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'authenticated';
      /** `sub`, unique within `issuer`. */
      readonly subject: string;
      readonly issuer: string;
      readonly roles: readonly string[];
      readonly scopes: readonly string[];
      /** Milliseconds since the epoch. */
      readonly expiresAt: number;
      readonly claims: Readonly<Record<string, unknown>>;
    };

export const anonymous: Identity = { kind: 'anonymous' };

/** A moment, and the signal that fires then or when the client leaves. */
export interface Deadline {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly signal: AbortSignal;
}

export interface RequestContext {
  /** Returned as `x-request-id`, written in every log line and every masked error. */
  readonly id: string;
  readonly identity: Identity;
  readonly deadline: Deadline;
  readonly log: Log;
  /** Headers (lower case names) that every subgraph call of this request carries: identity, request id. */
  readonly subgraphHeaders: Readonly<Record<string, string>>;
  /** What was asked of subgraphs so far; the request's log line tells it. */
  readonly calls: { count: number; failed: number };
}
