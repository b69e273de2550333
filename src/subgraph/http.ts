/**
 * One GraphQL request to one subgraph over HTTP, as bytes out and text back. In: `Exchange`; out: `ExchangeOutcome`.
 * Knows content types, statuses, redirects and sizes, nothing of GraphQL. No time limit but that of the first byte.
 * Clock: per request. Never puts a URL, header or body into a message, never follows a redirect.
 */
import { SubgraphError } from '../errors';
import { BodyCollector, type BodyText, decodeText, inflateText } from './body';
import type { CallClock } from './call';
import type { ConnectionFailure, Connections, ResponseSink } from './connections';
import type { AnswerHeaders } from './http1-response';

/** What goes to a subgraph: everything that its answer may depend on. */
export interface Exchange {
  readonly subgraph: string;
  /** The finished JSON text. */
  readonly body: string;
  readonly kind: 'query' | 'mutation';
  /** Name, value, name, value, ... of the headers of this request, lower case names, already filtered. */
  readonly headers: readonly string[];
  /** The policy `hash` keeps exchanges of equal affinity together. */
  readonly affinity?: string | undefined;
  /** Each attempt tells the subgraph what is left until then. */
  readonly deadline?: ToldDeadline | undefined;
}

export interface ToldDeadline {
  /** Lower case name of the header that tells it, in whole milliseconds. */
  readonly header: string;
  /** On the clock of calls. */
  readonly at: number;
}

/** `status` may be one of failure: then the text counts only if it is a GraphQL response with errors. */
export type ExchangeOutcome =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly text: string;
      /** In how many milliseconds it wants to be asked again. */
      readonly retryAfterMs?: number;
      /** Names (lower case) and values in turn of those that were to be kept. */
      readonly kept?: readonly string[] | undefined;
    }
  | {
      readonly kind: 'failed';
      readonly error: SubgraphError;
      /** The connection failed, and whether the subgraph may have seen the request. */
      readonly connection?: ConnectionFailure;
      /** The answer was of no use because of its HTTP status. */
      readonly status?: number;
      readonly retryAfterMs?: number;
    };

/** Who was asked. */
export interface Route {
  /** Host and port of the instance that was asked last. */
  readonly instance: string | undefined;
  /** How often it was asked again, or another one. */
  readonly retries: number;
}

export interface StartedExchange {
  /** So far; absent where there is but one way. */
  readonly route?: Route | undefined;
  /** Whether an exchange that was under way already answers this one too. */
  readonly shared: boolean;
  /**
   * Ends it: the socket is closed (HTTP/2: the stream), unless somebody else waits for the same exchange.
   * `isLate`: nobody waits any more because it took too long.
   */
  cancel(isLate?: boolean): void;
}

/** `done` is called once, possibly before this returns, and never after the cancellation; it may not throw. */
export type StartExchange = (exchange: Exchange, done: (outcome: ExchangeOutcome) => void) => StartedExchange;

export interface HttpSubgraph {
  readonly name: string;
  /** Path and query of the subgraph's URL. */
  readonly path: string;
  readonly connections: Connections;
  readonly maxResponseBytes: number;
  /** Until the first byte of an answer, from its start; absent: who waits decides. */
  readonly firstByteTimeoutMs?: number | undefined;
  readonly clock: CallClock;
}

/** Sent with every request. No `accept-encoding`: between neighbours, inflating costs more than the bytes it saves. */
const baseHeaders = [
  'content-type',
  'application/json',
  'accept',
  'application/graphql-response+json,application/json',
];

/** A refused body up to this size is read to its end, so that the connection can be kept. */
const maxDiscardedBytes = 64 * 1024;

const jsonMediaType = /^\s*application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;
const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i;

/** The HTTP transport of one subgraph. Fails with SUBREQUEST_HTTP_ERROR or SUBREQUEST_MALFORMED_RESPONSE. */
export function createHttpExchange(subgraph: HttpSubgraph): StartExchange {
  return (exchange, done) => new HttpExchange(subgraph, done).start(exchange);
}

class HttpExchange implements ResponseSink, StartedExchange {
  readonly shared = false;
  #cancelSend: (() => void) | undefined;
  #stopTimer: (() => void) | undefined;
  #status = 0;
  #encoding = '';
  #retryAfterMs: number | undefined;
  #kept: readonly string[] | undefined;
  #body: BodyCollector | undefined;
  #text: BodyText | undefined;
  /** Set once the answer is known to be of no use; what is left of it is read and forgotten. */
  #refusal: SubgraphError | undefined;
  #over = false;

  constructor(
    private readonly subgraph: HttpSubgraph,
    private readonly done: (outcome: ExchangeOutcome) => void,
  ) {}

  start(exchange: Exchange): this {
    const { path, connections, firstByteTimeoutMs, clock } = this.subgraph;
    if (firstByteTimeoutMs !== undefined) this.#stopTimer = clock.schedule(() => this.#onSilence(), firstByteTimeoutMs);
    // `concat` takes a slow way for arrays like these.
    const headers = [...baseHeaders, ...exchange.headers];
    const { deadline } = exchange;
    if (deadline !== undefined)
      headers.push(deadline.header, String(Math.max(0, Math.floor(deadline.at - clock.elapsed()))));
    this.#cancelSend = connections.send({ path, headers, body: exchange.body, kind: exchange.kind }, this);
    return this;
  }

  cancel(): void {
    this.#over = true;
    this.#stopTimer?.();
    this.#cancelSend?.();
  }

  onHeaders(status: number, headers: AnswerHeaders): void {
    this.#stopTimer?.();
    this.#status = status;
    this.#encoding = headers.encoding;
    if (headers.retryAfter !== undefined) this.#retryAfterMs = readRetryAfter(headers.retryAfter, headers.date);
    this.#kept = headers.kept;
    const { maxResponseBytes } = this.subgraph;
    this.#refusal = this.#refuse(headers.contentType);
    if (this.#refusal === undefined && headers.length > maxResponseBytes) this.#refusal = this.#malformed('TOO_LARGE');
    if (this.#refusal === undefined) this.#body = new BodyCollector(maxResponseBytes, headers.length);
    // Without a length it may go on for ever.
    else if (!(headers.length <= maxDiscardedBytes)) this.#stop(this.#refusal);
  }

  onData(bytes: Buffer, isLast: boolean): void {
    if (this.#over || this.#body === undefined) return;
    // Most answers come in one piece: there is nothing to put together.
    if (isLast && this.#body.isEmpty && this.#isPlain) this.#text = decodeText(bytes);
    else if (!this.#body.add(bytes)) this.#stop(this.#malformed('TOO_LARGE'));
  }

  onEnd(): void {
    if (this.#over) return;
    if (this.#body === undefined) this.#fail(this.#refusal ?? this.#malformed('NO_BODY'));
    else if (this.#text !== undefined) this.#finish(this.#text);
    else if (this.#isPlain) this.#finish(decodeText(this.#body.bytes));
    else inflateText(this.#body.bytes, this.#encoding, this.subgraph.maxResponseBytes, (body) => this.#finish(body));
  }

  onFailure(failure: ConnectionFailure): void {
    if (this.#over) return;
    if (this.#refusal !== undefined) {
      this.#fail(this.#refusal);
      return;
    }
    const { name } = this.subgraph;
    const message = failure.sent
      ? `Subgraph '${name}' closed the connection before its answer was complete.`
      : `Subgraph '${name}' could not be reached.`;
    const detail = { reason: failure.reason, ...(this.#status === 0 ? {} : { status: this.#status }) };
    this.#fail(new SubgraphError('SUBREQUEST_HTTP_ERROR', name, message, detail), failure);
  }

  /** As good as a lost connection: another instance may know the answer. */
  #onSilence(): void {
    if (this.#over) return;
    const { name } = this.subgraph;
    const error = new SubgraphError('GATEWAY_TIMEOUT', name, `Subgraph '${name}' did not answer in time.`);
    this.#fail(error, { reason: 'FIRST_BYTE_TIMEOUT', sent: true });
    this.#cancelSend?.();
  }

  get #isPlain(): boolean {
    return this.#encoding === '' || this.#encoding === 'identity';
  }

  #refuse(contentType: string): SubgraphError | undefined {
    const ok = this.#status >= 200 && this.#status < 300;
    if (ok && contentType === '') return undefined;
    const isJson = isUtf8Json(contentType);
    // Only an answer that says that it is JSON may explain a status of failure by GraphQL errors.
    if (!ok && (!isJson || this.#status < 400)) return httpError(this.subgraph.name, this.#status);
    return isJson ? undefined : this.#malformed('CONTENT_TYPE');
  }

  #finish(body: BodyText): void {
    if (this.#over) return;
    if (body.kind === 'refused') this.#fail(this.#malformed(body.reason));
    else {
      this.#over = true;
      this.done({
        kind: 'answered',
        status: this.#status,
        text: body.text,
        ...(this.#retryAfterMs !== undefined && { retryAfterMs: this.#retryAfterMs }),
        ...(this.#kept !== undefined && { kept: this.#kept }),
      });
    }
  }

  #stop(error: SubgraphError): void {
    this.#fail(error);
    this.#cancelSend?.();
  }

  #fail(error: SubgraphError, connection?: ConnectionFailure): void {
    this.#over = true;
    this.#stopTimer?.();
    this.done({
      kind: 'failed',
      error,
      ...(connection && { connection }),
      ...(this.#status >= 300 && { status: this.#status }),
      ...(this.#retryAfterMs !== undefined && { retryAfterMs: this.#retryAfterMs }),
    });
  }

  #malformed(reason: string): SubgraphError {
    return malformedError(this.subgraph.name, this.#status, reason);
  }
}

/** The error for an HTTP status of failure whose body does not explain it. */
export function httpError(subgraph: string, status: number): SubgraphError {
  const message = `Subgraph '${subgraph}' answered with an HTTP error.`;
  return new SubgraphError('SUBREQUEST_HTTP_ERROR', subgraph, message, { reason: 'STATUS', status });
}

/** The error for an answer that is not a GraphQL response; `reason` is a code for the log. */
export function malformedError(subgraph: string, status: number, reason: string): SubgraphError {
  const message = `Subgraph '${subgraph}' answered with something that is not a GraphQL response.`;
  return new SubgraphError('SUBREQUEST_MALFORMED_RESPONSE', subgraph, message, { reason, status });
}

/** The three forms of a date (RFC 9110, section 5.6.7), two of which only old servers send. */
const httpDate = /^(?:[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4}|[A-Z][a-z]+, \d\d-[A-Z][a-z]{2}-\d\d) [\d:]{8} GMT$/;
const ctimeDate = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4}$/;

/** RFC 9110, section 10.2.3. A date counts from the `Date` of the answer, if it has one: clocks differ. */
function readRetryAfter(value: string, date = ''): number | undefined {
  if (/^\d{1,6}$/.test(value)) return Number(value) * 1_000;
  const at = momentOf(value);
  if (at === undefined) return undefined;
  return Math.max(0, at - (momentOf(date) ?? Date.now()));
}

function momentOf(date: string): number | undefined {
  if (!httpDate.test(date) && !ctimeDate.test(date)) return undefined;
  const at = Date.parse(date.endsWith('GMT') ? date : `${date} GMT`);
  return Number.isNaN(at) ? undefined : at;
}

/** GraphQL over HTTP, "Media Types": application/json or application/graphql-response+json, in UTF-8. */
function isUtf8Json(contentType: string): boolean {
  if (contentType === 'application/json; charset=utf-8' || contentType === 'application/json') return true;
  if (!jsonMediaType.test(contentType)) return false;
  const named = charset.exec(contentType)?.[1]?.toLowerCase();
  return named === undefined || named === 'utf-8' || named === 'utf8' || named === 'us-ascii';
}
