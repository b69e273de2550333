/**
 * What a REST client reads: the unwrapped data of an operation, or a problem document (RFC 9457). Clock: per request.
 * In: an execution, or errors. Out: an `HttpAnswer`. Never a stack, a subgraph's address or half an answer.
 */
import { STATUS_CODES } from 'node:http';
import { GraphQLError } from 'graphql';
import { ClientError, errorTable } from '../../errors';
import { type CachingReport, cachingHeaders, digestOf, entityTag, matchesTag, notModified } from '../caching-headers';
import type { Execution } from '../door';
import { codeOf, type ErrorSink, formatErrors, headersOf } from '../error-format';
import type { HttpAnswer } from '../graphql-response';
import { dataSecurityHeaders } from '../security-headers';
import type { FieldProblem } from './parameters';
import type { RestRoute } from './routes';

export interface RestAnswerOptions {
  readonly route: RestRoute;
  readonly sink: ErrorSink;
  /** Whether nobody in particular asks: then a missing right is a missing sign-in. */
  readonly isAnonymous: boolean;
  /** Path and query string of the request. */
  readonly url: string;
  readonly ifNoneMatch: string | undefined;
  /** How long the answer holds; absent: its client may keep it, and asks each time whether it still does. */
  readonly caching: CachingReport | undefined;
}

const security = Object.entries(dataSecurityHeaders).flat();
const jsonHeaders = ['content-type', 'application/json; charset=utf-8', ...security];
/** Answers depend on who asks: only their own client may keep them, and asks each time whether they still hold. */
const forItsClient = ['cache-control', 'private, no-cache', 'vary', 'authorization, cookie'];
const problemHeaders = [
  'content-type',
  'application/problem+json; charset=utf-8',
  'cache-control',
  'no-store',
  ...security,
];

/** Codes that subgraphs use among themselves; what they refuse is the client's matter. */
const subgraphStatuses: Readonly<Record<string, number>> = {
  BAD_USER_INPUT: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
};

/** The answer to an executed route. */
export function answerRoute(execution: Execution, options: RestAnswerOptions): HttpAnswer {
  const { route, sink, isAnonymous } = options;
  const known = knownAnswer(options);
  if (known) return known;
  if (execution.kind === 'text') return answerData(dataOf(execution.body, route), options);
  const { data, errors = [] } = execution.result;
  if (errors.length > 0 && !(route.partial && data)) return problemOf(errors, sink, isAnonymous, route);
  const value = unwrap(data, route.unwrap);
  const answer = answerData({ text: value === undefined ? 'null' : JSON.stringify(value), value }, options);
  if (errors.length === 0) return answer;
  // Whoever takes parts is told that there are fewer than could be.
  return {
    ...answer,
    headers: [...answer.headers, 'x-partial-errors', String(errors.length)],
    code: codeOf(errors[0]),
  };
}

/** 304 for a client that has what is made of an answer that was kept: then it need not be made. */
function knownAnswer({ route, caching, ifNoneMatch }: RestAnswerOptions): HttpAnswer | undefined {
  // Whether there is anything at all must be seen first.
  if (caching?.etag === undefined || ifNoneMatch?.includes('*') || route.method !== 'GET') return undefined;
  const etag = restTag(caching, '');
  if (!matchesTag(ifNoneMatch, etag)) return undefined;
  return { status: 304, headers: [...security, ...cachingHeaders(caching), 'etag', etag], body: '', code: undefined };
}

/** Of the GraphQL answer that it is made of, where that is known. */
function restTag(caching: CachingReport | undefined, text: string): string {
  return caching ? entityTag(caching, '-r', () => text) : `"${digestOf(text)}"`;
}

interface Unwrapped {
  readonly text: string;
  /** Undefined when the text was cut out unread. */
  readonly value: unknown;
}

/** The unwrapped part of `{"data":{…}}`. Where each level of the way has one field alone, the text is cut out. */
function dataOf(body: string, route: RestRoute): Unwrapped {
  if (!readsValue(route)) {
    const start = route.unwrap.reduce((text, name) => `${text}{${JSON.stringify(name)}:`, '{"data":');
    if (route.unwrap.length === 0) return { text: body.slice(8, -1), value: undefined };
    if (route.isSole && body.startsWith(start)) {
      return { text: body.slice(start.length, -(route.unwrap.length + 1)), value: undefined };
    }
  }
  const value = unwrap((JSON.parse(body) as { data: unknown }).data, route.unwrap);
  return { text: value === undefined ? 'null' : JSON.stringify(value), value };
}

const readsValue = ({ variables, method }: RestRoute) =>
  method === 'GET' && variables.some(({ name }) => name === 'after');

function unwrap(data: unknown, path: readonly string[]): unknown {
  let value = data;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function answerData({ text, value }: Unwrapped, options: RestAnswerOptions): HttpAnswer {
  const { route, sink, url, ifNoneMatch, caching } = options;
  if (text === 'null' && route.unwrap.length > 0) {
    return problemOf([new ClientError('NOT_FOUND', 'There is no such thing.')], sink, false);
  }
  const isSafe = route.method === 'GET';
  if (route.status === 204)
    return { status: 204, headers: [...security, 'cache-control', 'no-store'], body: '', code: undefined };
  const etag = isSafe ? restTag(caching, text) : undefined;
  const keeping = caching ? cachingHeaders(caching) : forItsClient;
  const headers = etag ? [...jsonHeaders, ...keeping, 'etag', etag] : [...jsonHeaders, 'cache-control', 'no-store'];
  const next = value === undefined ? undefined : nextPage(value, url);
  if (next !== undefined) headers.push('link', `<${next}>; rel="next"`);
  if (etag !== undefined && matchesTag(ifNoneMatch, etag)) return notModified(headers);
  return { status: route.status, headers, body: text, code: undefined };
}

/** The URL of the page after a connection with `pageInfo { hasNextPage endCursor }`. */
function nextPage(value: unknown, url: string): string | undefined {
  const { pageInfo } = (value ?? {}) as { pageInfo?: { hasNextPage?: unknown; endCursor?: unknown } };
  if (pageInfo?.hasNextPage !== true || typeof pageInfo.endCursor !== 'string') return undefined;
  const start = url.indexOf('?');
  const parameters = new URLSearchParams(start < 0 ? '' : url.slice(start + 1));
  parameters.set('after', pageInfo.endCursor);
  return `${start < 0 ? url : url.slice(0, start)}?${parameters}`;
}

/** The status of an error as a REST client understands it. */
function restStatus(error: unknown, isAnonymous: boolean): number {
  const code = codeOf(error);
  const own = error instanceof GraphQLError ? String(error.extensions.code) : '';
  if (code === 'UNAUTHORIZED_FIELD_OR_TYPE') return isAnonymous ? 401 : 403;
  if (code === 'DOWNSTREAM_SERVICE_ERROR') return subgraphStatuses[own] ?? 502;
  return errorTable[code].httpStatus;
}

/**
 * The problem document of a request that failed: of its first error, with the fields that all of them name. `route`: where
 * the variables of its operation came from.
 */
export function problemOf(
  errors: readonly unknown[],
  sink: ErrorSink,
  isAnonymous: boolean,
  route?: VariableSources,
): HttpAnswer {
  const [first] = errors;
  const status = restStatus(first, isAnonymous);
  const formatted = formatErrors(errors, sink);
  const [told] = formatted;
  const fields = formatted.flatMap((error) => fieldOf(error.message, route) ?? []);
  const challenge = status === 401 ? { 'www-authenticate': 'Bearer' } : {};
  return problem(status, {
    code: String(told?.extensions?.code ?? codeOf(first)),
    detail: told?.message ?? '',
    requestId: sink.id,
    fields,
    headers: { ...challenge, ...headersOf(first) },
    answerCode: codeOf(first),
  });
}

type VariableSources = Pick<RestRoute, 'body' | 'headers'>;

/** `Variable "$input" got invalid value 1 at "input.title"; String cannot …` tells of the field `title` of the body. */
function fieldOf(message: string, route: VariableSources | undefined): FieldProblem | undefined {
  const [, variable] = /^Variable "\$(\w+)" /.exec(message) ?? [];
  if (variable === undefined) return undefined;
  const [, path = variable, reason = message] =
    /^\S+ \S+ got invalid value .*?(?: at "([^"]+)")?; (.*)$/s.exec(message) ?? [];
  return { field: fieldAt(path, variable, route), message: reason };
}

/** As the client wrote it: a member of the body, a header, or the parameter that is called like the variable. */
function fieldAt(path: string, variable: string, route: VariableSources | undefined): string {
  if (variable === route?.body) return path === variable ? 'body' : path.slice(variable.length).replace(/^\./, '');
  for (const [header, name] of route?.headers ?? []) if (name === variable) return header;
  return path;
}

/** Of a subgraph that answers a route itself: what its refusals are called when it does not say. */
const refusalCodes: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'REQUEST_RATE_LIMITED',
};

/**
 * The problem document of a subgraph that refuses what was passed on. `text`: its JSON, of which `code` and `detail` are
 * told. What is wrong with the subgraph itself is 502, and nothing of it is told; 503 and 504 stay.
 */
export function subgraphProblem(
  status: number,
  { text, retryAfter }: { readonly text: string | undefined; readonly retryAfter: string | undefined },
  sink: ErrorSink,
): HttpAnswer {
  const isRefusal = status >= 400 && status < 500;
  const told = isRefusal ? wordsOf(text) : {};
  const own = status === 503 || status === 504 ? status : 502;
  return problem(isRefusal ? status : own, {
    code: told.code ?? (isRefusal ? (refusalCodes[status] ?? 'BAD_REQUEST') : 'SUBREQUEST_HTTP_ERROR'),
    detail: told.detail ?? (isRefusal ? 'The request was refused.' : 'The request could not be answered.'),
    requestId: sink.id,
    fields: [],
    headers: {
      ...(status === 401 && { 'www-authenticate': 'Bearer' }),
      ...(retryAfter !== undefined && /^[\w ,:]{1,40}$/.test(retryAfter) && { 'retry-after': retryAfter }),
    },
    answerCode: isRefusal ? 'DOWNSTREAM_SERVICE_ERROR' : 'SUBREQUEST_HTTP_ERROR',
  });
}

function wordsOf(text: string | undefined): { readonly code?: string; readonly detail?: string } {
  try {
    const { code, detail } = JSON.parse(text ?? '{}') as { code?: unknown; detail?: unknown };
    return {
      ...(typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) && { code }),
      ...(typeof detail === 'string' && { detail: detail.slice(0, 500) }),
    };
  } catch {
    return {};
  }
}

/** Parameters that are wrong, all at once. */
export function parameterProblem(problems: readonly FieldProblem[], requestId: string): HttpAnswer {
  const names = problems.map(({ field, message }) => `${field} ${message}`).join('; ');
  return problem(400, {
    code: 'BAD_USER_INPUT',
    detail: names,
    requestId,
    fields: problems,
    answerCode: 'BAD_USER_INPUT',
  });
}

function problem(
  status: number,
  parts: {
    readonly code: string;
    readonly detail: string;
    readonly requestId: string;
    readonly fields: readonly FieldProblem[];
    readonly headers?: Readonly<Record<string, string>>;
    readonly answerCode: HttpAnswer['code'];
  },
): HttpAnswer {
  const { code, detail, requestId, fields, headers = {}, answerCode } = parts;
  const body = JSON.stringify({
    type: `urn:supergate:problem:${code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    code,
    requestId,
    ...(fields.length > 0 && { errors: fields }),
  });
  return { status, headers: [...problemHeaders, ...Object.entries(headers).flat()], body, code: answerCode };
}
