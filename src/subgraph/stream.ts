/**
 * What carries the events of subscriptions from one subgraph, as `event-sources.ts` sees it. Implemented for
 * graphql-transport-ws by `websocket.ts`, for GraphQL over SSE by `event-stream.ts`.
 * Nothing of this file runs: it is types only.
 */
import type { TlsSettings } from '../config/tls';

export interface StreamRequest {
  /** The finished JSON text of a GraphQL request. */
  readonly body: string;
  /** Already filtered, lower case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** None may throw. Nothing is told after `onEnd` or a stop; `onEnd` may be told before `open` returns. */
export interface StreamHandlers {
  /** The subgraph is known to have taken the subscription. */
  onEstablished(): void;
  /** What should be the answer to one event, parsed from JSON: it belongs to the receiver. */
  onPayload(payload: unknown): void;
  onEnd(end: StreamEnd): void;
}

export type StreamEnd =
  | { readonly kind: 'complete' }
  /** What should be a list of GraphQL errors. */
  | { readonly kind: 'refused'; readonly errors: unknown }
  /** The answer is this status of failure, and would be again. */
  | { readonly kind: 'status'; readonly status: number }
  /** `reason` is a code such as `ECONNREFUSED`, for the log. */
  | { readonly kind: 'lost'; readonly reason: string };

export interface StreamTransport {
  /** Subscribes; returns what unsubscribes. */
  open(request: StreamRequest, handlers: StreamHandlers): () => void;
  /** Closes all connections; what is open still is lost. */
  close(): void;
}

export interface StreamTransportOptions {
  readonly url: string;
  /** Where to connect to instead of what the host of `url` resolves to. */
  readonly address?: string | undefined;
  readonly maxConnections: number;
  /** From the first byte sent until the subgraph is ready to be subscribed to. */
  readonly connectTimeoutMs: number;
  /** A connection on which nothing was heard for so long, though it was asked, is lost. */
  readonly keepAliveMs: number;
  /** Of one event. */
  readonly maxEventBytes: number;
  readonly tls?: TlsSettings | undefined;
}
