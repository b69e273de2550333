/**
 * Every error a client can meet: one table, three families. The floor: every step may use it.
 * The family decides what a client may read, never the message's text.
 */
import { GraphQLError, type GraphQLErrorOptions } from 'graphql';

/** What follows from an error code, on each transport. */
export interface ErrorDefinition {
  /** HTTP status when the whole request fails with it (a partial answer stays 200). */
  readonly httpStatus: number;
  /** WebSocket close code when it ends the connection, 0 when it only ends the operation. */
  readonly closeCode: number;
  /** Whether the same request may succeed later, unchanged. */
  readonly retry: boolean;
  /** Whether it only ever stands beside data: the HTTP status of such an answer is 200. */
  readonly inAnswer: boolean;
  readonly description: string;
}

function define(
  httpStatus: number,
  description: string,
  { closeCode = 0, retry = false, inAnswer = false }: Partial<ErrorDefinition> = {},
): ErrorDefinition {
  return { httpStatus, closeCode, retry, inAnswer, description };
}

/** What befell a part of the data. */
const inAnswer = true;

/** Codes follow Apollo Server's, then Apollo Router's, before any of our own. */
export const errorTable = {
  BAD_REQUEST: define(
    400,
    'The request is malformed: no valid HTTP, no valid JSON, the wrong shape, a missing query, batching.',
  ),
  GRAPHQL_PARSE_FAILED: define(400, 'The document is not GraphQL: a syntax error, with its position.'),
  GRAPHQL_VALIDATION_FAILED: define(400, 'The document does not fit the schema.'),
  BAD_USER_INPUT: define(400, 'A variable has a value its type does not allow.'),
  OPERATION_RESOLUTION_FAILURE: define(
    400,
    'No operation, an unknown operation name, or several operations and no name.',
  ),
  PERSISTED_QUERY_NOT_FOUND: define(
    200,
    'The hash of an automatic persisted query is unknown: send it again with the text.',
    { retry: true },
  ),
  PERSISTED_QUERY_NOT_IN_LIST: define(404, 'There is no trusted document with the id that the request names.'),
  PERSISTED_QUERY_ID_REQUIRED: define(
    400,
    'Operations must be sent by the id of a trusted document, and this one is sent as text.',
  ),
  QUERY_NOT_IN_SAFELIST: define(403, 'The document is not one of the trusted documents, and nothing else may run.'),
  CANNOT_SEND_PQ_ID_AND_BODY: define(400, 'The request has both the id of a trusted document and a text.'),
  CSRF_PREVENTED: define(
    400,
    'A simple request that a foreign page could have made: send a content type of JSON or a preflight header.',
  ),
  MAX_TOKENS_LIMIT: define(400, 'The document has more tokens than allowed.'),
  MAX_DEPTH_LIMIT: define(400, 'The operation is nested deeper than allowed.'),
  MAX_ALIASES_LIMIT: define(400, 'The operation has more aliases than allowed.'),
  MAX_ROOT_FIELDS_LIMIT: define(400, 'The operation has more root fields than allowed.'),
  MAX_SELECTIONS_LIMIT: define(
    400,
    'The operation has more selections than allowed, counted with its fragments expanded.',
  ),
  MAX_DIRECTIVES_LIMIT: define(400, 'The document has more directives than allowed.'),
  MAX_LIST_DEPTH_LIMIT: define(400, 'The operation nests more lists than allowed: each multiplies the answer.'),
  MAX_VARIABLE_VALUES_LIMIT: define(400, 'The lists and input objects in the variables hold more values than allowed.'),
  COST_ESTIMATED_TOO_EXPENSIVE: define(
    400,
    'The operation would cost more than one may: `extensions.cost` tells both.',
  ),
  LIST_SIZE_ARGUMENT_REQUIRED: define(
    400,
    'A list needs exactly one of the arguments that decide how long it is (`@listSize`), and has none or several.',
  ),
  UNAUTHENTICATED: define(401, 'Credentials are missing or were refused.', { closeCode: 4401 }),
  AUTHENTICATION_UNAVAILABLE: define(503, 'Whether an API key is good cannot be told now: its store does not answer.', {
    closeCode: 4500,
    retry: true,
  }),
  UNAUTHORIZED_FIELD_OR_TYPE: define(
    403,
    'The client may not read a field: null beside the rest of the answer, or, by configuration, the whole operation is refused.',
  ),
  FORBIDDEN_ORIGIN: define(403, 'A page of a foreign origin wants a WebSocket: allow it in `server.cors.origins`.'),
  TOO_MANY_CONNECTIONS: define(
    429,
    'This address or identity, or all together, hold as many connections open as allowed.',
    {
      closeCode: 1013,
      retry: true,
    },
  ),
  MAX_OPERATIONS_LIMIT: define(429, 'One WebSocket runs as many operations at a time as allowed.', { retry: true }),
  IDEMPOTENCY_KEY_CONFLICT: define(
    409,
    'An Idempotency-Key was used for another request, or its first request still runs.',
  ),
  IDEMPOTENCY_UNAVAILABLE: define(
    503,
    'Whether a request was sent before cannot be told: the store does not answer, and nothing is done twice.',
    { retry: true },
  ),
  REQUEST_RATE_LIMITED: define(
    429,
    'A rate limit is reached: of the operation, or of fields that are null then. `extensions.retryAfterSeconds` tells when to try again.',
    { retry: true },
  ),
  COST_BUDGET_EXCEEDED: define(
    429,
    'What operations may cost together in a window is spent. `extensions.retryAfterSeconds` tells when to try again.',
    { retry: true },
  ),
  RATE_LIMITS_UNAVAILABLE: define(503, 'A rate limit that must be checked cannot be, for the store does not answer.', {
    retry: true,
  }),
  METHOD_NOT_ALLOWED: define(405, 'The HTTP method is not one of this path, or a GET asks for a mutation.'),
  NOT_ACCEPTABLE: define(406, 'No media type the client accepts can be produced.'),
  NOT_FOUND: define(404, 'There is nothing at this path.'),
  REQUEST_TIMEOUT: define(408, 'The request did not arrive in time.', { retry: true }),
  OVERLOADED: define(
    503,
    'There is more to do than the gateway can: some requests are refused, so that the others are answered in time.',
    { retry: true },
  ),
  PAYLOAD_TOO_LARGE: define(413, 'The request body is larger than allowed.'),
  UNSUPPORTED_MEDIA_TYPE: define(415, 'The content type or charset of the body is not supported.'),
  REQUEST_HEADERS_TOO_LARGE: define(431, 'The request headers are larger or more numerous than allowed.'),
  SUBREQUEST_HTTP_ERROR: define(502, 'A subgraph could not be reached, or its HTTP answer was an error.', {
    retry: true,
    inAnswer,
  }),
  SUBGRAPH_UNAVAILABLE: define(
    503,
    'No instance of a subgraph is asked at present, for all of them failed again and again: it is tried every few seconds.',
    { retry: true, inAnswer },
  ),
  SUBREQUEST_MALFORMED_RESPONSE: define(502, 'A subgraph answered with something that is not a GraphQL response.', {
    retry: true,
    inAnswer,
  }),
  SUBREQUEST_ABORTED: define(499, 'The client left before the answer was complete: seen in metrics alone.', {
    inAnswer,
  }),
  INVALID_SUBGRAPH_DATA: define(
    502,
    'A subgraph sent a value that the schema does not allow: null where it may not be, or of another type.',
    { inAnswer },
  ),
  DOWNSTREAM_SERVICE_ERROR: define(502, 'A subgraph answered with GraphQL errors of its own.', { inAnswer }),
  GATEWAY_TIMEOUT: define(504, 'A subgraph did not answer before the deadline.', { retry: true, inAnswer }),
  QUERY_PLAN_FAILED: define(500, 'No query plan answers this operation.'),
  QUERY_PLAN_TIMEOUT: define(503, 'The operation could not be planned in time.', { retry: true }),
  QUERY_PLAN_TOO_LARGE: define(400, 'The query plan of the operation needs more fetches than allowed.'),
  SUPERGRAPH_NOT_READY: define(503, 'No supergraph has been loaded yet.', { retry: true }),
  SUBSCRIPTION_NOT_SUPPORTED: define(400, 'Subscriptions are not served on this transport.'),
  SUBSCRIPTION_SCHEMA_RELOAD: define(
    400,
    'The supergraph was reloaded, and the subscription does not fit the new one: the message says why.',
  ),
  SUBSCRIPTION_JWT_EXPIRED: define(401, 'The token of a subscription expired, and was not refreshed in time.'),
  HOOK_FAILED: define(500, 'A function that the operator has set on the way of requests failed, or took too long.'),
  INTERNAL_SERVER_ERROR: define(
    500,
    'A defect of the gateway: the message is masked, the request id finds it in the log.',
  ),
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof errorTable;

/** A refusal whose message the client may read. */
export class ClientError extends GraphQLError {
  readonly kind = 'client';
  /** For HTTP answers that are nothing but this refusal: `WWW-Authenticate`, `Allow`, `Retry-After`. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: ErrorCode,
    message: string,
    { headers = {}, ...options }: GraphQLErrorOptions & { headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message, { ...options, extensions: { ...options.extensions, code } });
    this.headers = headers;
  }
}

/** A failure of a subgraph, in our words: `message` never holds a URL, a body or a header. */
export class SubgraphError extends Error {
  readonly kind = 'subgraph';
  constructor(
    readonly code: ErrorCode,
    readonly subgraph: string,
    message: string,
    /** For the log only. */
    readonly detail?: unknown,
  ) {
    super(message);
  }
}

/** A defect of ours: the client reads only that it happened, and the request id. */
export class InternalError extends Error {
  readonly kind = 'internal';
}
