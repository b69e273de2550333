/**
 * Execution results and refusals in, HTTP answers out: status, headers, JSON text. Clock: per request.
 * An answer is a value: whoever made it, one place (`http.ts`) sends it. Both lanes use this file, so their bytes agree.
 */
import type { ExecutionResult, FormattedExecutionResult } from 'graphql';
import type { ErrorCode } from '../errors';
import type { Execution } from './door';
import { codeOf, type ErrorSink, formatErrors, headersOf, statusOf } from './error-format';
import type { Negotiated, ResponseMediaType } from './negotiation';
import { dataSecurityHeaders } from './security-headers';

export interface HttpAnswer {
  readonly status: number;
  /** Names (lower case; several times only `set-cookie`) and values in turn, as node writes them fastest. */
  readonly headers: readonly string[];
  readonly body: string;
  /** The code of the first error, for the log and the metrics. */
  readonly code: ErrorCode | undefined;
}

/** Answers depend on who asks, so no cache may keep them. */
const common = ['cache-control', 'no-store', ...Object.entries(dataSecurityHeaders).flat()];
const baseHeaders: Record<ResponseMediaType, readonly string[]> = {
  'application/json': ['content-type', 'application/json; charset=utf-8', ...common],
  'application/graphql-response+json': ['content-type', 'application/graphql-response+json; charset=utf-8', ...common],
};

/** The headers of a GraphQL answer of a media type, with `more` (lower case names) laid over them. */
export function responseHeaders(
  mediaType: ResponseMediaType,
  more: Readonly<Record<string, string>> = {},
): readonly string[] {
  const over = Object.entries(more).flat();
  if (over.length === 0) return baseHeaders[mediaType];
  const kept = baseHeaders[mediaType].filter((_item, index, all) => {
    const name = all[index - (index % 2)];
    return name === undefined || !Object.hasOwn(more, name);
  });
  return [...kept, ...over];
}

/** An answer with what is told beside its data: `more` (names and values in turn) laid over its headers. */
export function withHeaders<A extends HttpAnswer>(answer: A, more: readonly string[]): A {
  if (more.length === 0) return answer;
  const isName = (index: number) => index % 2 === 0;
  const over = new Set(more.filter((_item, index) => isName(index)));
  const kept = answer.headers.filter((_item, index, all) => !over.has(all[isName(index) ? index : index - 1] ?? ''));
  return { ...answer, headers: [...kept, ...more] };
}

/** The text of a result, errors first, so that a reader of a long answer meets them (GraphQL specification, 7.1). */
export function stringifyResult(result: FormattedExecutionResult): string {
  return JSON.stringify({ errors: result.errors, data: result.data, extensions: result.extensions });
}

/**
 * The status of a well-formed request that failed before execution.
 * 200 instead of 400 when the client named `application/json` (GraphQL over HTTP, section 6.4.1).
 */
export function failureStatus(errors: readonly unknown[], negotiated: Negotiated): number {
  const status = statusOf(errors);
  return status === 400 && negotiated.jsonByName ? 200 : status;
}

/** The answer to an executed operation. Partial data is a success: 200 with its errors (section 6.4.2). */
export function answerExecution(execution: Execution, negotiated: Negotiated, sink: ErrorSink): HttpAnswer {
  if (execution.kind === 'result') return answerResult(execution.result, negotiated, sink);
  return { status: 200, headers: baseHeaders[negotiated.mediaType], body: execution.body, code: undefined };
}

function answerResult(result: ExecutionResult, negotiated: Negotiated, sink: ErrorSink): HttpAnswer {
  const { errors } = result;
  const headers = baseHeaders[negotiated.mediaType];
  if (errors === undefined || errors.length === 0) {
    const { data, extensions } = result;
    return { status: 200, headers, body: JSON.stringify({ data, extensions }), code: undefined };
  }
  return {
    status: result.data === undefined ? failureStatus(errors, negotiated) : 200,
    headers,
    body: stringifyResult({ ...result, errors: formatErrors(errors, sink) }),
    code: codeOf(errors[0]),
  };
}

/** The answer to a well-formed request whose document was refused: the errors, and no `data` entry. */
export function answerRefusal(errors: readonly unknown[], negotiated: Negotiated, sink: ErrorSink): HttpAnswer {
  return { ...answerErrors(errors, negotiated.mediaType, sink), status: failureStatus(errors, negotiated) };
}

/** The answer to a request that is not a GraphQL request, or that failed in ways that no operation explains. */
export function answerErrors(errors: readonly unknown[], mediaType: ResponseMediaType, sink: ErrorSink): HttpAnswer {
  return {
    status: statusOf(errors),
    headers: responseHeaders(mediaType, headersOf(errors[0])),
    body: stringifyResult({ errors: formatErrors(errors, sink) }),
    code: codeOf(errors[0]),
  };
}

/** What whoever asks at a URL reads of an error; undefined: what was sent does not tell where it was for. */
export type AnswerRefusal = (error: unknown, url: string | undefined, sink: ErrorSink) => HttpAnswer;
