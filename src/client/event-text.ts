/**
 * Execution results as finished text, for transports that send many over one connection. Clock: per event.
 * What HTTP would say in headers is in `extensions`.
 */
import type { ErrorCode } from '../errors';
import type { Execution, LiveSubscription, RequestScope } from './door';
import { codeOf, formatErrors } from './error-format';
import { stringifyResult } from './graphql-response';
import { rateLimitExtension } from './rate-limit-headers';

/** The message of one execution result, up to the result and the brace that ends it. */
export function nextMessagePrefix(id: string): string {
  return `{"id":${JSON.stringify(id)},"type":"next","payload":`;
}

/** The UTF-8 bytes of a text, one in each character: written as latin1, nothing of it is encoded again. */
export function toByteString(text: string): string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString('latin1');
}

/** The parts of an answer as finished texts (incremental delivery, as of 2022-08-24); one where nothing is deferred. */
export async function* textsOf(execution: Execution, scope: RequestScope): AsyncGenerator<string, void> {
  const later = execution.kind === 'result' ? execution.later : undefined;
  const beginning = textOf(execution, scope);
  if (!later) {
    yield beginning;
    return;
  }
  yield `${beginning.slice(0, -1)},"hasNext":true}`;
  while (later.hasNext) {
    const { parts, hasNext } = await later.next();
    const incremental = parts.map(({ path, label, completed: { data, errors } }) => ({
      data,
      path,
      label,
      errors: errors.length > 0 ? formatErrors(errors, scope) : undefined,
    }));
    yield JSON.stringify({ incremental, hasNext });
  }
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

/** What one client is told beside the first event of a subscription: extensions that others do not share. */
export type Aside = Readonly<Record<string, unknown>>;

/** What policies tell of the beginning of a subscription, undefined when that is nothing. */
export function asideOf({ extensions }: LiveSubscription, { told }: RequestScope): Aside | undefined {
  if (!told?.rateLimits) return extensions;
  return { ...extensions, rateLimit: rateLimitExtension(told.rateLimits) };
}

/**
 * The text of an event for one client. `isAfterLoss`: events before it were lost to the client alone; one that has
 * `extensions` says of a gap already.
 */
export function eventText(payload: string, hasExtensions: boolean, isAfterLoss: boolean, aside?: Aside): string {
  const isMarked = isAfterLoss && !hasExtensions;
  const marked = isMarked ? gapText(payload, 'SLOW_CONSUMER') : payload;
  if (!aside) return marked;
  const members = JSON.stringify(aside).slice(1, -1);
  // They come last in the text of every result.
  return hasExtensions || isMarked
    ? `${marked.slice(0, -2)},${members}}}`
    : `${marked.slice(0, -1)},"extensions":{${members}}}`;
}

/** The text of an event without `extensions`, with the mark that events before it are missing. */
export function gapText(payload: string, reason: 'SLOW_CONSUMER' | 'NOT_ADMITTED'): string {
  return `${payload.slice(0, -1)},"extensions":{"gap":{"reason":"${reason}"}}}`;
}
