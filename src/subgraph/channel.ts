/**
 * What carries requests to one origin, as `connections.ts` sees it: at most one socket, opened when it is needed, and
 * again when it was closed. Implemented for HTTP/1.1 by `http1-channel.ts`, for HTTP/2 by `undici-channel.ts`.
 * Nothing of this file runs: it is types only.
 */
import type { Socket } from 'node:net';
import type { TlsSettings } from '../config/tls';
import type { AnswerHeaders } from './http1-response';

export interface OutgoingRequest {
  readonly path: string;
  /** Name, value, name, value, ... with lower case names. */
  readonly headers: string[];
  readonly body: string;
  /** GET: a probe without a body. */
  readonly method?: 'POST' | 'GET';
  /** A query may be sent a second time when a kept-alive connection turns out to be closed. */
  readonly kind: 'query' | 'mutation';
}

/** Told what becomes of one request: `onComplete` or `onError` ends it. None may throw. */
export interface ChannelHandler {
  /** From now on the subgraph may have seen it. `abort` ends it, where the channel carries others beside it. */
  onSent(abort: () => void): void;
  onHeaders(status: number, headers: AnswerHeaders): void;
  /** The bytes are lent for the time of the call. `isLast`: there is nothing more, as far as that is known already. */
  onData(bytes: Buffer, isLast: boolean): void;
  onComplete(): void;
  /** `reason` is a code such as `ECONNRESET`, for the log. */
  onError(reason: string): void;
}

export interface ChannelOptions {
  readonly connectTimeoutMs: number;
  /** Where to connect to instead of what the origin's host resolves to. */
  readonly address?: string | undefined;
  readonly tls?: TlsSettings | undefined;
  /** Which headers of answers (lower case names) are wanted besides those that are always told. */
  readonly keepsHeader?: ((name: string) => boolean) | undefined;
  /** Told of each socket at its birth. */
  onSocket(socket: Socket): void;
  /** A socket is connected, which takes so many requests at a time. */
  onConnected(capacity: number): void;
}

export interface Channel {
  readonly isDestroyed: boolean;
  /** Sends a request. The owner heeds the capacity. */
  dispatch(request: OutgoingRequest, handler: ChannelHandler): void;
  /** Closes the socket, whatever is under way, which is told of it; nothing can be sent any more. */
  destroy(): Promise<void>;
}
