/**
 * What the client stage asks of the stages behind it: who is asking (context), is the document good (prepare),
 * what is the answer (execute). Declared here because the consumer declares; `src/gateway.ts` hands it in.
 * Nothing of this file runs: it is types only.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { GatewayInterface } from '@apollo/server-gateway-interface';
import type { ExecutionResult, GraphQLError } from 'graphql';
import type { Log } from '../telemetry/log';

export type OperationType = 'query' | 'mutation' | 'subscription';

/** A GraphQL request after its transport is forgotten: GraphQL over HTTP, section 5.1 "Request parameters". */
export interface GraphQLParams {
  readonly query: string | undefined;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>> | undefined;
  readonly extensions: Readonly<Record<string, unknown>> | undefined;
}

/** A document that was parsed, limited and validated, with the operation that this request chose from it. */
export interface PreparedOperation {
  readonly kind: 'prepared';
  readonly operation: OperationType;
  readonly operationName?: string | undefined;
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
  readonly calls: { readonly count: number; readonly failed: number };
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
}

/** Throws `ClientError` UNAUTHENTICATED, with its `WWW-Authenticate` header, when credentials are refused. */
export type CreateContext = (request: IncomingRequest) => Promise<RequestScope>;

/** An executed operation: the finished JSON text of an answer without errors (`{"data":...}`), or a result to print. */
export type Execution =
  | { readonly kind: 'text'; readonly body: string }
  | { readonly kind: 'result'; readonly result: ExecutionResult };

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
  /** Never rejects for what a client or a subgraph did: those are errors in the result. */
  execute(prepared: PreparedOperation, params: GraphQLParams, context: RequestScope): Promise<Execution>;
}
