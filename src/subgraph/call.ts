/**
 * The engine's view of a subgraph: a promise for a parsed answer, or a `SubgraphError`. In: `SubgraphRequest`.
 * Puts the deadline of the request and the time-out of the subgraph over an exchange, and tells of each call.
 * Clock: per request. Never rejects with anything but `SubgraphError`.
 */
import type { DeadlineListener, RequestEnd } from '../context/request-context';
import { type ErrorCode, SubgraphError } from '../errors';
import type { SubgraphCall, SubgraphRequest, SubgraphResponse } from '../query-plan/subgraph-call';
import type { CallSpan } from '../telemetry/traces';
import type { ExchangeOutcome, StartExchange, StartedExchange } from './http';
import { type ResponseRules, readResponse } from './response';

export interface CallSettings {
  readonly timeoutMs: number;
  readonly rules: ResponseRules;
  /** Which of the request's subgraph headers this subgraph may have: lower case names, or all. */
  readonly forwardHeaders: ReadonlySet<string> | 'all';
  /** Tells the subgraph how many milliseconds are left; lower case. */
  readonly deadlineHeader?: string | undefined;
}

/** One finished call, for metrics. */
export interface CallRecord {
  readonly subgraph: string;
  readonly kind: 'query' | 'mutation';
  readonly durationMs: number;
  /** DOWNSTREAM_SERVICE_ERROR when the answer held GraphQL errors. */
  readonly outcome: 'ok' | ErrorCode;
  /** Whether another call's exchange answered it, so that the subgraph has not seen this one. */
  readonly shared: boolean;
}

/** Time, as far as calls need it; `systemClock` but in tests. */
export interface CallClock {
  /** Milliseconds, only for differences. */
  elapsed(): number;
  /** Returns what cancels it. */
  schedule(callback: () => void, delayMs: number): () => void;
}

export interface CallDependencies {
  readonly start: StartExchange;
  /** By subgraph name; a subgraph that is not there has no usable URL. */
  readonly settings: ReadonlyMap<string, CallSettings>;
  readonly clock: CallClock;
  /** Milliseconds since the epoch: what is left of a deadline is counted from there. */
  readonly now: () => number;
  /** What it throws is logged and goes no further. */
  readonly onCall?: ((record: CallRecord) => void) | undefined;
}

/** The time of this process. */
export const systemClock: CallClock = {
  elapsed: () => performance.now(),
  schedule: (callback, delayMs) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Headers that belong to one connection or to our own request (RFC 9110, section 7.6.1): they never pass. */
const ownHeaders = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-length',
  'content-encoding',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Makes the call that the engine uses. Rejects with GATEWAY_TIMEOUT at the deadline or the subgraph's time-out, with
 * SUBREQUEST_ABORTED when the client left, else with what the exchange or `readResponse` refused.
 */
export function createSubgraphCall(dependencies: CallDependencies): SubgraphCall {
  return (request) => {
    const settings = dependencies.settings.get(request.subgraph);
    request.context.calls.count++;
    return new Promise((resolve, reject) => {
      new PendingCall(request, dependencies, resolve, reject).begin(settings);
    });
  };
}

class PendingCall implements DeadlineListener {
  readonly #startedAt: number;
  #settings: CallSettings | undefined;
  #started: StartedExchange | undefined;
  #stopTimer: (() => void) | undefined;
  #span: CallSpan | undefined;
  #over = false;

  constructor(
    private readonly request: SubgraphRequest,
    private readonly dependencies: CallDependencies,
    private readonly resolve: (response: SubgraphResponse) => void,
    private readonly reject: (error: SubgraphError) => void,
  ) {
    this.#startedAt = dependencies.clock.elapsed();
  }

  begin(settings: CallSettings | undefined): void {
    const { subgraph, body, kind, context } = this.request;
    const { deadline } = context;
    if (settings === undefined) {
      const message = `Subgraph '${subgraph}' could not be reached.`;
      this.#fail(new SubgraphError('SUBREQUEST_HTTP_ERROR', subgraph, message, { reason: 'NO_URL' }));
      return;
    }
    if (deadline.ended !== undefined) {
      this.onRequestEnd(deadline.ended);
      return;
    }
    this.#settings = settings;
    this.#stopTimer = this.dependencies.clock.schedule(() => this.#leave('GATEWAY_TIMEOUT'), settings.timeoutMs);
    deadline.add(this);
    this.#span = context.trace?.call(subgraph, kind);
    const headers = headersFor(context.subgraphHeaders, settings, this.#span);
    if (settings.deadlineHeader !== undefined) {
      const leftMs = Math.min(settings.timeoutMs, deadline.at - this.dependencies.now());
      headers.push(settings.deadlineHeader, String(Math.max(0, Math.floor(leftMs))));
    }
    this.#started = this.dependencies.start({ subgraph, body, kind, headers }, (outcome) => this.#onOutcome(outcome));
  }

  onRequestEnd(reason: RequestEnd): void {
    this.#leave(reason === 'deadline' ? 'GATEWAY_TIMEOUT' : 'SUBREQUEST_ABORTED');
  }

  #leave(code: 'GATEWAY_TIMEOUT' | 'SUBREQUEST_ABORTED'): void {
    if (this.#over) return;
    const { subgraph } = this.request;
    const what = code === 'GATEWAY_TIMEOUT' ? 'did not answer in time' : 'was not waited for: the client left';
    const started = this.#started;
    this.#fail(new SubgraphError(code, subgraph, `Subgraph '${subgraph}' ${what}.`));
    started?.cancel(code === 'GATEWAY_TIMEOUT');
  }

  #onOutcome(outcome: ExchangeOutcome): void {
    if (this.#over || this.#settings === undefined) return;
    if (outcome.kind === 'failed') {
      this.#fail(outcome.error);
      return;
    }
    let response: SubgraphResponse;
    try {
      response = readResponse(this.request.subgraph, outcome.status, outcome.text, this.#settings.rules);
    } catch (error) {
      this.#fail(error as SubgraphError);
      return;
    }
    this.#end(response.errors === undefined ? 'ok' : 'DOWNSTREAM_SERVICE_ERROR');
    this.resolve(response);
  }

  #fail(error: SubgraphError): void {
    const { context, subgraph } = this.request;
    context.calls.failed++;
    this.#end(error.code);
    // A client that left is no failure of the subgraph, and one exchange is logged once.
    if (error.code !== 'SUBREQUEST_ABORTED' && this.#started?.shared !== true) {
      context.log.warn({ subgraph, code: error.code, detail: error.detail }, 'A subgraph call failed.');
    }
    this.reject(error);
  }

  #end(outcome: CallRecord['outcome']): void {
    this.#over = true;
    this.#stopTimer?.();
    this.#span?.end(outcome);
    const { subgraph, kind, context } = this.request;
    context.deadline.remove(this);
    const { onCall, clock } = this.dependencies;
    if (onCall === undefined) return;
    try {
      const durationMs = clock.elapsed() - this.#startedAt;
      onCall({ subgraph, kind, durationMs, outcome, shared: this.#started?.shared ?? false });
    } catch (error) {
      context.log.error({ error: String(error) }, 'The listener for subgraph calls threw.');
    }
  }
}

function headersFor(
  headers: Readonly<Record<string, string>>,
  { forwardHeaders: allowed, deadlineHeader }: CallSettings,
  span: CallSpan | undefined,
): string[] {
  const list = span === undefined ? [] : [...span.headers];
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    // A trace goes on from here, not from what the client sent.
    if (span !== undefined && traceHeaders.has(name)) continue;
    if (value !== undefined && name !== deadlineHeader && mayPass(name, allowed)) list.push(name, value);
  }
  return list;
}

const traceHeaders: ReadonlySet<string> = new Set(['traceparent', 'tracestate']);

function mayPass(name: string, allowed: ReadonlySet<string> | 'all'): boolean {
  return !ownHeaders.has(name) && (allowed === 'all' || allowed.has(name));
}

/** The headers of a request that a subgraph may have. */
export function passingHeaders(
  headers: Readonly<Record<string, string>>,
  allowed: ReadonlySet<string> | 'all',
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => mayPass(name, allowed)));
}
