/**
 * What the client stage asks of the stages behind it: who is asking (context), is the document good (prepare),
 * what is the answer (execute). Declared here because the consumer declares; `src/gateway.ts` hands it in.
 * Nothing of this file runs: it is types only.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { GatewayInterface } from '@apollo/server-gateway-interface';
import type { ExecutionResult, GraphQLError } from 'graphql';
import type { ClientError } from '../errors';
import type { Log } from '../telemetry/log';
import type { RequestTrace } from '../telemetry/traces';
import type { CachingReport } from './caching-headers';
import type { RateLimitReport } from './rate-limit-headers';

export type OperationType = 'query' | 'mutation' | 'subscription';

/** A GraphQL request after its transport is forgotten: GraphQL over HTTP, section 5.1 "Request parameters". */
export interface GraphQLParams {
  readonly query: string | undefined;
  /** The id of a trusted document, instead of its text. */
  readonly documentId?: string | undefined;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
  readonly extensions: Readonly<Record<string, unknown>> | undefined;
}

/** A document that was parsed, limited and validated, with the operation that this request chose from it. */
export interface PreparedOperation {
  readonly kind: 'prepared';
  readonly operation: OperationType;
  readonly operationName?: string | undefined;
  /** Whether parts of its answer may come later. */
  readonly defers?: boolean;
}

export interface RefusedOperation {
  readonly kind: 'refused';
  /** At least one, each with its code in `extensions.code`. */
  readonly errors: readonly GraphQLError[];
}

/** What the client stage knows of a request's context: it is made by `CreateContext` and passed on unread. */
export interface RequestScope {
  readonly id: string;
  readonly log: Log;
  /** How long the client waits at most, where it says so. */
  readonly clientTimeoutMs?: number | undefined;
  readonly calls: { readonly count: number; readonly failed: number };
  /** What the answer tells beside its data, once the operation was admitted. An object, for Apollo Server copies the scope. */
  readonly told?: {
    readonly rateLimits?: RateLimitReport | undefined;
    /** How long it holds. */
    readonly caching?: CachingReport | undefined;
    /** What subgraphs say to the client: names and values in turn. */
    readonly headers?: { list(failed: boolean): readonly string[] } | undefined;
  };
  /** The client left before the answer was complete: what works for it may stop. */
  clientLeft(): void;
  /** The answer is made: nothing of this request may fire any more. */
  dispose(): void;
}

/** The part of an HTTP request that decides who asks and until when. */
export interface IncomingRequest {
  /** Already returned as `x-request-id`. */
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came: shows what `headers` joins or drops. */
  readonly rawHeaders: readonly string[];
  readonly ip: string;
  /** Of the GraphQL request: credentials may come there, too. */
  readonly extensions: Readonly<Record<string, unknown>> | undefined;
  readonly trace?: RequestTrace | undefined;
  /** Of a request to a REST route: `GET /users/{id}`. */
  readonly route?: string | undefined;
}

/** Throws `ClientError` UNAUTHENTICATED, with its `WWW-Authenticate` header, when credentials are refused. */
export type CreateContext = (request: IncomingRequest) => Promise<RequestScope>;

/** An executed operation: the finished JSON text of an answer without errors (`{"data":...}`), or a result to print. */
export type Execution =
  | { readonly kind: 'text'; readonly body: string }
  | { readonly kind: 'result'; readonly result: ExecutionResult; readonly later?: LaterAnswer | undefined };

/** What comes after the beginning of an answer. Asked as long as there is more, once at a time; rejects for defects. */
export interface LaterAnswer {
  readonly hasNext: boolean;
  next(): Promise<LaterParts>;
}

export interface LaterParts {
  readonly parts: readonly {
    /** Of the object that it is a part of. */
    readonly path: readonly (string | number)[];
    readonly label: string | undefined;
    readonly completed: { readonly data: unknown; readonly errors: readonly GraphQLError[] };
  }[];
  readonly hasNext: boolean;
}

/** Where the events of one subscription go. May be told before `subscribe` has resolved. None may throw. */
export interface SubscriptionSink {
  /**
   * One execution result, as finished JSON text: the same string for all who share it. `hasGap`: events may have been
   * lost before this one, and `extensions.gap` of the text says so; without it the text has no `extensions`.
   */
  next(payload: string, hasGap: boolean): void;
  /** Nothing is told after it. Not called after `stop`. */
  end(end: SubscriptionEnd): void;
}

export type SubscriptionEnd =
  | { readonly kind: 'complete' }
  /** At least one, each with its code in `extensions.code`, to be formatted like those of any answer. */
  | { readonly kind: 'error'; readonly errors: readonly GraphQLError[] };

/** A subscription that goes on. */
export interface LiveSubscription {
  readonly kind: 'live';
  /** What policies tell of its beginning, to this client alone. Never empty. */
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
  /** The client is told nothing more: it left, wants no more, or reads too slowly. May be called twice. */
  stop(reason: StopReason): void;
  /** Ends it for the client: `sink.end` is told this error. */
  fail(error: ClientError): void;
  /**
   * Another identity asks from now on (the token was refreshed). Ends the subscription, through `sink.end`, if that
   * identity may not ask it; else no event is lost.
   */
  reauthorise(context: RequestScope): Promise<void>;
}

export type StopReason = 'client' | 'slow' | 'shutdown';

/**
 * The way behind every HTTP request.
 * Methods, not function properties: an implementation narrows `PreparedOperation` and `RequestScope` to its own types.
 */
export interface GraphQLDoor {
  /** For Apollo Server. `stop` is not called: who made the gateway stops it, after every door is closed. */
  readonly gateway: GatewayInterface;
  /** Parses, limits and validates once per document. Never throws. Runs before Apollo Server sees the document. */
  prepare(
    source: string,
    operationName: string | undefined,
  ): PreparedOperation | RefusedOperation | Promise<PreparedOperation | RefusedOperation>;
  /**
   * Never rejects for what a client or a subgraph did: those are errors in the result. `inParts`: the client takes what
   * it defers later.
   */
  execute(
    prepared: PreparedOperation,
    params: GraphQLParams,
    context: RequestScope,
    inParts?: boolean,
  ): Promise<Execution>;
  /**
   * Begins a subscription; what befalls it later is told to `sink`. `context` is kept as who asks, and may be disposed
   * of at once: each event gets a deadline of its own. Never rejects.
   */
  subscribe(
    prepared: PreparedOperation,
    params: GraphQLParams,
    context: RequestScope,
    sink: SubscriptionSink,
  ): Promise<LiveSubscription | RefusedOperation>;
}

/** How long what was asked may go on. */
export interface Rights {
  /** When the credential behind a context expires, in milliseconds since the epoch; infinite where it does not. */
  expiryOf(scope: RequestScope): number;
  /**
   * Who asks now: undefined when nothing has changed, else a context with what the credential gives by now. Rejects with
   * a `ClientError` when it gives nothing any more (UNAUTHENTICATED) or nobody can tell (AUTHENTICATION_UNAVAILABLE).
   */
  renew(scope: RequestScope): Promise<RequestScope | undefined>;
  /** Who asks, as a text of its own for each; undefined for nobody. */
  callerOf(scope: RequestScope): string | undefined;
}

/** Who speaks on a socket; the door knows no more of it. */
export interface SocketIdentity {
  /** A text of its own for each; undefined for nobody. */
  readonly caller?: string | undefined;
  /** When its credential expires, in milliseconds since the epoch; infinite where it does not. */
  readonly expiresAt: number;
}

/** What a socket asks of the context stage. All reject with a `ClientError` alone. */
export interface SocketContexts<Identity extends SocketIdentity = SocketIdentity> {
  connect(upgrade: SocketUpgrade, payload: unknown): Promise<Identity>;
  /** The identity with the credential of a `ping`; the same one when the payload has none. */
  refresh(identity: Identity, upgrade: SocketUpgrade, payload: unknown): Promise<Identity>;
  /** The context of one operation. */
  open(identity: Identity, upgrade: SocketUpgrade, extensions: unknown): Promise<RequestScope>;
}

/** The request that became the socket. */
export interface SocketUpgrade {
  readonly id: string;
  readonly rawHeaders: readonly string[];
  readonly ip: string;
  readonly log: Log;
}
