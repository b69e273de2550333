/**
 * One request and its answer, as the log and the metrics will tell of it. Clock: per request.
 * Written by the steps as they learn things, read once when the response ends. It never holds a document, a variable,
 * a credential or a URL, so none can reach the log from here.
 */
import { type ErrorCode, errorTable } from '../errors';
import type { Log } from '../telemetry/log';
import type { MeasuredOperation, Metrics } from '../telemetry/metrics';
import type { RequestTrace } from '../telemetry/traces';
import type { PreparedOperation, RequestScope } from './door';
import type { Negotiated } from './negotiation';

/** Nobody was there to read the answer: nginx's number for it. */
const clientLeft = 499;

const maxNameLength = 100;

export class Exchange {
  readonly startedAt = performance.now();
  negotiated: Negotiated | undefined = undefined;
  stream: 'sse' | 'multipart' | undefined = undefined;
  /** Whether what is deferred may come later, where the answer is no stream. */
  takesParts = false;
  operation: MeasuredOperation = 'unknown';
  operationName: string | undefined = undefined;
  /** Of a REST route: `GET /users/{id}`. */
  route: string | undefined = undefined;
  /** Of the answer; 499 until all of it was handed to the socket. */
  status = clientLeft;
  /** The code of the answer's first error. */
  code: ErrorCode | undefined = undefined;
  /** There is too much to do: without priority it is refused as soon as it is known whose, and what, it is. */
  needsPriority = false;
  requestBytes = 0;
  responseBytes = 0;
  #context: RequestScope | undefined = undefined;
  #clientLeft = false;
  #outlivesClient = false;

  constructor(
    readonly id: string,
    readonly log: Log,
    readonly trace?: RequestTrace | undefined,
  ) {}

  get context(): RequestScope | undefined {
    return this.#context;
  }

  opened(context: RequestScope): void {
    this.#context = context;
    if (this.#clientLeft) context.clientLeft();
  }

  prepared({ operation, operationName }: PreparedOperation): void {
    this.operation = operation;
    this.operationName = operationName?.slice(0, maxNameLength);
  }

  /** What runs for it goes on though the client leaves. */
  outliveClient(): void {
    this.#outlivesClient = true;
  }

  /** The last byte of the answer was handed to the socket. */
  sent(status: number): void {
    this.status = status;
  }

  /** Nothing more can be sent: when that comes before the end of the answer, the client has left. */
  closed(): void {
    if (this.status !== clientLeft) return;
    this.#clientLeft = true;
    if (!this.#outlivesClient) this.#context?.clientLeft();
  }
}

export interface ExchangeObserver {
  /** Called once, as soon as the headers of a GraphQL request are there. */
  started(): void;
  /** Called once, when the response was sent or cannot be sent any more. */
  ended(exchange: Exchange, refusedOnSocket: ErrorCode | undefined): void;
}

/** Counts every GraphQL exchange and writes its one log line. */
export function createExchangeObserver(metrics: Metrics): ExchangeObserver {
  return {
    started: () => metrics.requestStarted(),
    ended(exchange, refusedOnSocket) {
      const status = refusedOnSocket === undefined ? exchange.status : errorTable[refusedOnSocket].httpStatus;
      const code = refusedOnSocket ?? exchange.code;
      const duration = performance.now() - exchange.startedAt;
      metrics.requestSizes(exchange.requestBytes, exchange.responseBytes);
      metrics.requestFinished(exchange.operation, status, duration / 1000, code);
      const { id, trace, operation, operationName, route } = exchange;
      trace?.end({ id, operation, operationName, route, status, code });
      exchange.log.info(
        {
          id,
          traceId: trace?.traceId,
          route,
          operation: operationName,
          type: operation,
          status,
          code,
          durationMs: Math.round(duration * 100) / 100,
          subgraphCalls: exchange.context?.calls.count ?? 0,
        },
        'request',
      );
    },
  };
}
