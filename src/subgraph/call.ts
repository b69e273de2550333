/**
 * The engine's view of a subgraph: a promise for a parsed answer, or a `SubgraphError`. In: `SubgraphRequest`.
 * Puts the deadline of the request and the time-out of the subgraph over an exchange, and tells of each call.
 * Clock: per request. Never rejects with anything but `SubgraphError`.
 */
import type { HeaderCollector } from '../context/client-headers';
import type { DeadlineListener, Identity, RequestEnd } from '../context/request-context';
import { type ErrorCode, SubgraphError } from '../errors';
import type { SubgraphCall, SubgraphRequest, SubgraphResponse } from '../query-plan/subgraph-call';
import type { CallSpan, TracedExchange } from '../telemetry/traces';
import type { Trail } from '../telemetry/trail';
import { isOurs } from './attempts';
import type { Passage, SubgraphBreaker } from './breaker';
import type { Verdict } from './circuit-state';
import type { ExchangeOutcome, StartExchange, StartedExchange, ToldDeadline } from './http';
import { putAll, type WriteHeaders } from './request-headers';
import { type ResponseRules, readResponse } from './response';

export interface CallSettings {
  readonly timeoutMs: number;
  readonly rules: ResponseRules;
  /** Absent: no header of its answers is for clients. */
  readonly collectors?: { readonly query: HeaderCollector | undefined; readonly mutation: HeaderCollector | undefined };
  /** Absent: whether the subgraph is asked is decided for each instance alone. */
  readonly breaker?: SubgraphBreaker | undefined;
  readonly writeHeaders: { readonly query: WriteHeaders; readonly mutation: WriteHeaders };
  /** Tells the subgraph how many milliseconds are left; lower case. */
  readonly deadlineHeader?: string | undefined;
  /** Calls of one identity go to one instance. */
  readonly keepsIdentities?: boolean;
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
  #passage: Passage | undefined;
  #over = false;
  #outcome: ExchangeOutcome | undefined;

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
    if (settings.breaker !== undefined) {
      this.#passage = settings.breaker.begin(this.#startedAt);
      if (this.#passage === undefined) {
        const message = `Subgraph '${subgraph}' is not available.`;
        this.#fail(new SubgraphError('SUBGRAPH_UNAVAILABLE', subgraph, message, { reason: 'BREAKER_OPEN' }));
        return;
      }
    }
    this.#settings = settings;
    this.#stopTimer = this.dependencies.clock.schedule(() => this.#leave('GATEWAY_TIMEOUT'), settings.timeoutMs);
    deadline.add(this);
    this.#span = context.trace?.call(subgraph, kind);
    const headers: string[] = [];
    settings.writeHeaders[kind](context.subgraphHeaders, headers, this.#span !== undefined);
    if (this.request.headers !== undefined) putAll(headers, this.request.headers);
    if (this.#span !== undefined) headers.push(...this.#span.headers);
    const affinity = settings.keepsIdentities ? affinityOf(context.identity) : '';
    const exchange = { subgraph, body, kind, headers, affinity, deadline: this.#toldDeadline(settings) };
    this.#started = this.dependencies.start(exchange, (outcome) => this.#onOutcome(outcome));
  }

  /** On the clock of calls, though the request's own is another. */
  #toldDeadline({ deadlineHeader: header, timeoutMs }: CallSettings): ToldDeadline | undefined {
    if (header === undefined) return undefined;
    const leftMs = Math.min(timeoutMs, this.request.context.deadline.at - this.dependencies.now());
    return { header, at: this.#startedAt + leftMs };
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
    this.#outcome = outcome;
    if (outcome.kind === 'failed') {
      this.#fail(outcome.error, verdictOf(outcome));
      return;
    }
    this.#collectHeaders(outcome.kept);
    let response: SubgraphResponse;
    try {
      response = readResponse(this.request.subgraph, outcome.status, outcome.text, this.#settings.rules);
    } catch (error) {
      this.#fail(error as SubgraphError);
      return;
    }
    const { errors } = response;
    const isCounted = errors !== undefined && this.#settings.breaker !== undefined && this.#countsAsFailure(errors);
    this.#end(errors === undefined ? 'ok' : 'DOWNSTREAM_SERVICE_ERROR', isCounted ? 'bad' : 'good');
    this.resolve(response);
  }

  #countsAsFailure(errors: NonNullable<SubgraphResponse['errors']>): boolean {
    const codes = this.#settings?.breaker?.settings.codes ?? [];
    return errors.some(({ extensions }) => typeof extensions?.code === 'string' && codes.includes(extensions.code));
  }

  #collectHeaders(kept: readonly string[] = []): void {
    const { context, kind } = this.request;
    const headers = context.told?.headers;
    if (headers !== undefined) this.#settings?.collectors?.[kind]?.collect(headers, kept);
  }

  #fail(error: SubgraphError, end: Verdict = error.code === 'SUBREQUEST_ABORTED' ? 'none' : 'bad'): void {
    const { context, subgraph } = this.request;
    context.calls.failed++;
    this.#collectHeaders();
    this.#end(error.code, end);
    // A client that left is no failure of the subgraph, and one exchange is logged once.
    if (error.code !== 'SUBREQUEST_ABORTED' && this.#started?.shared !== true) {
      context.log.warn({ subgraph, code: error.code, detail: error.detail }, 'A subgraph call failed.');
    }
    this.reject(error);
  }

  #tracedExchange(): TracedExchange {
    const route = this.#started?.route;
    return { status: this.#outcome?.status, instance: route?.instance, retries: route?.retries ?? 0 };
  }

  #leaveTrail(trail: Trail, outcome: string): void {
    const { subgraph, kind, entities } = this.request;
    const durationMs = this.dependencies.clock.elapsed() - this.#startedAt;
    const answer = this.#outcome;
    trail.fetches.push({
      subgraph,
      kind,
      startMs: Math.max(0, trail.ageMs - durationMs),
      durationMs,
      outcome,
      ...this.#tracedExchange(),
      bytes: answer?.kind === 'answered' ? Buffer.byteLength(answer.text) : undefined,
      isShared: this.#started?.shared ?? false,
      entities,
    });
  }

  #end(outcome: CallRecord['outcome'], end: Verdict): void {
    this.#over = true;
    this.#stopTimer?.();
    this.#span?.end(outcome, this.#tracedExchange());
    const { subgraph, kind, context } = this.request;
    context.deadline.remove(this);
    if (context.trail !== undefined) this.#leaveTrail(context.trail, outcome);
    const { onCall, clock } = this.dependencies;
    const now = clock.elapsed();
    const durationMs = now - this.#startedAt;
    // One exchange counts once, however many share it.
    if (this.#passage === 'probe' || (this.#passage !== undefined && this.#started?.shared !== true)) {
      this.#settings?.breaker?.end(this.#passage, end, durationMs, now);
    }
    if (onCall === undefined) return;
    try {
      onCall({ subgraph, kind, durationMs, outcome, shared: this.#started?.shared ?? false });
    } catch (error) {
      context.log.error({ error: String(error) }, 'The listener for subgraph calls threw.');
    }
  }
}

/** Nobody in particular is nobody to keep together. */
export function affinityOf(identity: Identity): string {
  return identity.kind === 'anonymous' ? '' : `${identity.issuer} ${identity.subject}`;
}

/** A refusal of what was asked, and what could not be sent for reasons of our own, say nothing bad of a subgraph. */
function verdictOf({ status, connection }: Extract<ExchangeOutcome, { kind: 'failed' }>): Verdict {
  if (connection !== undefined) return isOurs(connection.reason) ? 'none' : 'bad';
  return status !== undefined && status >= 400 && status < 500 ? 'good' : 'bad';
}
