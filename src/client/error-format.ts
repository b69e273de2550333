/**
 * Errors of any stage in; what a client may read of them, and the HTTP status, out. Clock: per request, errors only.
 * The family of the root cause decides (`errors.ts`), never a message: what is not of a family is masked and logged.
 */
import { type ExecutionResult, GraphQLError, type GraphQLFormattedError } from 'graphql';
import { ClientError, type ErrorCode, errorTable, InternalError, SubgraphError } from '../errors';
import type { Log } from '../telemetry/log';

/** More errors than this tell a client nothing new, and an answer must stay under 1 MB whatever was asked. */
const maxErrors = 100;
/** graphql-js quotes the wrong value in its messages, however large it is. */
const maxMessageLength = 1_000;

/** Where a masked error can be found again. */
export interface ErrorSink {
  readonly id: string;
  readonly log: Log;
}

/** The response headers that an error asks for: `WWW-Authenticate` of a refused credential, `Allow` of a 405. */
export function headersOf(error: unknown): Readonly<Record<string, string>> {
  if (!(error instanceof ClientError)) return {};
  if (Object.keys(error.headers).length > 0) return error.headers;
  // RFC 9110, section 15.5.2: a 401 must carry a challenge.
  return error.code === 'UNAUTHENTICATED' ? { 'www-authenticate': 'Bearer' } : {};
}

/**
 * What a client reads of `errors`: at most 100, each message at most 1,000 characters, defects masked.
 * A masked error is `{ message: 'Internal server error', extensions: { code: 'INTERNAL_SERVER_ERROR', requestId } }`.
 */
export function formatErrors(errors: readonly unknown[], sink: ErrorSink): GraphQLFormattedError[] {
  const formatted = errors.slice(0, maxErrors).map((error) => formatError(error, sink));
  const hidden = errors.length - formatted.length;
  if (hidden > 0) {
    const code = formatted[maxErrors - 1]?.extensions?.code;
    formatted.push({ message: `${hidden} more errors are not shown.`, extensions: { code } });
  }
  return formatted;
}

function formatError(error: unknown, sink: ErrorSink): GraphQLFormattedError {
  const cause = rootCause(error);
  if (cause instanceof SubgraphError) return shown(error, { code: cause.code, serviceName: cause.subgraph });
  if (cause instanceof GraphQLError) return shown(error, { code: cause.extensions.code });
  sink.log.error({ id: sink.id, err: cause }, 'masked an internal error');
  return {
    message: 'Internal server error',
    ...whereabouts(error),
    extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: sink.id },
  };
}

/** What was thrown first: graphql-js and Apollo Server wrap an error to add its path and its place in the document. */
function rootCause(error: unknown): unknown {
  let cause = error;
  // A chain of causes may be a ring; no honest one is ten long.
  for (let depth = 0; depth < 10; depth++) {
    if (!(cause instanceof GraphQLError) || cause instanceof ClientError || cause.originalError == null) return cause;
    cause = cause.originalError;
  }
  return new InternalError('an error whose causes do not end', { cause: error });
}

function shown(error: unknown, facts: Readonly<Record<string, unknown>>): GraphQLFormattedError {
  const message = error instanceof Error ? error.message : '';
  const own = error instanceof GraphQLError ? error.extensions : {};
  const { http: _http, stacktrace: _stacktrace, exception: _exception, ...extensions } = own;
  return {
    message: message.length > maxMessageLength ? `${message.slice(0, maxMessageLength)}…` : message,
    ...whereabouts(error),
    extensions: { ...facts, ...extensions, code: extensions.code ?? facts.code ?? 'INTERNAL_SERVER_ERROR' },
  };
}

function whereabouts(error: unknown): Pick<GraphQLFormattedError, 'locations' | 'path'> {
  if (!(error instanceof GraphQLError)) return {};
  return {
    ...(error.locations !== undefined && { locations: error.locations }),
    ...(error.path !== undefined && { path: error.path }),
  };
}

/**
 * The code of an error for status, log and metrics: always one of the table. A code that a subgraph chose itself is
 * DOWNSTREAM_SERVICE_ERROR there, any other that is not in the table INTERNAL_SERVER_ERROR.
 */
export function codeOf(error: unknown): ErrorCode {
  const cause = rootCause(error);
  if (cause instanceof SubgraphError) return cause.code;
  if (!(cause instanceof GraphQLError)) return 'INTERNAL_SERVER_ERROR';
  const code = (error instanceof GraphQLError ? error.extensions.code : undefined) ?? cause.extensions.code;
  if (isErrorCode(code)) return code;
  return cause.extensions.serviceName === undefined ? 'INTERNAL_SERVER_ERROR' : 'DOWNSTREAM_SERVICE_ERROR';
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorTable, code);
}

/** The HTTP status of a request that failed as a whole: the first error's, from the table. */
export function statusOf(errors: readonly unknown[]): number {
  return errorTable[codeOf(errors[0])].httpStatus;
}

/** Apollo Server answers 400 to an operation without data, whatever refused it, unless the error names a status. */
export function withStatus(result: ExecutionResult): ExecutionResult {
  const [first, ...others] = result.errors ?? [];
  if (first === undefined || result.data !== undefined) return result;
  const { httpStatus: status } = errorTable[first.extensions.code as ErrorCode];
  const http: unknown = { status, headers: new Map(Object.entries(headersOf(first))) };
  const extensions: Record<string, unknown> = { ...first.extensions, http };
  const told = new GraphQLError(first.message, { originalError: first, extensions });
  // The refusals of documents know their place without keeping the document.
  Object.assign(told, { locations: first.locations });
  return { errors: [told, ...others] };
}
