/**
 * One request and its answer, as the log and the metrics will tell of it. Clock: per request.
 * Written by the steps as they learn things, read once when the response ends. It never holds a document, a variable,
 * a credential or a URL, so none can reach the log from here.
 */
import type { ServerResponse } from 'node:http';
import { type ErrorCode, errorTable } from '../errors';
import type { Log } from '../telemetry/log';
import type { MeasuredOperation, Metrics } from '../telemetry/metrics';
import type { PreparedOperation, RequestScope } from './door';
import type { Negotiated } from './negotiation';

/** Nobody was there to read the answer: nginx's number for it. */
const clientLeft = 499;

const maxNameLength = 100;

export class Exchange {
  readonly startedAt = performance.now();
  /** Aborted when the client leaves before the answer is complete. */
  readonly leaving = new AbortController();
  negotiated: Negotiated | undefined;
  operation: MeasuredOperation = 'unknown';
  operationName: string | undefined;
  context: RequestScope | undefined;
  /** The code of the answer's first error. */
  code: ErrorCode | undefined;
  /** Whether the last byte of the answer was handed to the socket. */
  sent = false;

  constructor(
    readonly id: string,
    readonly log: Log,
  ) {}

  prepared({ operation, operationName }: PreparedOperation): void {
    this.operation = operation;
    this.operationName = operationName?.slice(0, maxNameLength);
  }
}

export interface ExchangeObserver {
  /** Called once, as soon as the headers of a GraphQL request are there. */
  started(): void;
  /** Called once, when the response was sent or cannot be sent any more. */
  ended(exchange: Exchange, response: ServerResponse, refusedOnSocket: ErrorCode | undefined): void;
}

/** Counts every GraphQL exchange and writes its one log line. */
export function createExchangeObserver(metrics: Metrics): ExchangeObserver {
  return {
    started: () => metrics.requestStarted(),
    ended(exchange, response, refusedOnSocket) {
      const status = statusOf(exchange, response, refusedOnSocket);
      const code = refusedOnSocket ?? exchange.code;
      const duration = performance.now() - exchange.startedAt;
      metrics.requestFinished(exchange.operation, status, duration / 1000, code);
      exchange.log.info(
        {
          id: exchange.id,
          operation: exchange.operationName,
          type: exchange.operation,
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

function statusOf({ sent }: Exchange, response: ServerResponse, refusedOnSocket: ErrorCode | undefined): number {
  if (refusedOnSocket !== undefined) return errorTable[refusedOnSocket].httpStatus;
  return sent ? response.statusCode : clientLeft;
}
