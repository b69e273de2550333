/**
 * Execution results as finished text, for transports that send many over one connection. Clock: per event.
 * What HTTP would say in headers is in `extensions`.
 */
import type { ErrorCode } from '../errors';
import type { Execution, RequestScope } from './door';
import { codeOf, formatErrors } from './error-format';
import { stringifyResult } from './graphql-response';
import { rateLimitExtension } from './rate-limit-headers';

/** The message of one execution result, which is finished text. */
export function nextMessage(id: string, payload: string): string {
  return `{"id":${JSON.stringify(id)},"type":"next","payload":${payload}}`;
}

/** An executed operation as finished text: what HTTP would say in headers is in `extensions`. */
export function textOf(execution: Execution, scope: RequestScope): string {
  const rateLimits = scope.told?.rateLimits;
  const rateLimit = rateLimits && { rateLimit: rateLimitExtension(rateLimits) };
  if (execution.kind === 'text') {
    if (!rateLimit) return execution.body;
    return `${execution.body.slice(0, -1)},"extensions":${JSON.stringify(rateLimit)}}`;
  }
  const { errors = [], data, extensions } = execution.result;
  return stringifyResult({
    ...(errors.length > 0 && { errors: formatErrors(errors, scope) }),
    ...(data !== undefined && { data }),
    ...((extensions || rateLimit) && { extensions: { ...extensions, ...rateLimit } }),
  });
}

/** The code of the first error of an executed operation. */
export function errorCodeOf(execution: Execution): ErrorCode | undefined {
  if (execution.kind === 'text') return undefined;
  const [first] = execution.result.errors ?? [];
  return first === undefined ? undefined : codeOf(first);
}

/** An execution result with the mark that events before it were lost; one that has `extensions` says it already. */
export function markGap(payload: string, hasExtensions: boolean): string {
  return hasExtensions ? payload : `${payload.slice(0, -1)},"extensions":{"gap":{"reason":"SLOW_CONSUMER"}}}`;
}
