/**
 * What the steps say of themselves to a trace. The floor: no library of traces is known here, `opentelemetry.ts` has it.
 * Clock: per request. Where there is no tracer there is no trace, and nothing is paid but the question whether there is.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { B3 } from './b3';

/** Those that tell of a trace and have no say in an answer: W3C Trace Context, and B3. */
export const traceHeaderNames: readonly string[] = [
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
];

/** Of these: names and values in turn. */
export type TraceHeaders = readonly string[];

/** One call of a subgraph. */
export interface CallSpan {
  /** By which the subgraph continues the trace. */
  readonly headers: TraceHeaders;
  /** `ok`, or the code of what went wrong; what is known of the exchange, where there was one. */
  end(outcome: string, exchange?: TracedExchange): void;
}

export interface TracedExchange {
  /** Of the answer. */
  readonly status: number | undefined;
  /** Host and port that were asked last. */
  readonly instance: string | undefined;
  readonly retries: number;
}

export type TracedStep = 'context' | 'operation' | 'admission' | 'execution';

/** One request on its way. */
export interface RequestTrace {
  /** 32 hexadecimal digits, for the log. */
  readonly traceId: string;
  /** The request enters this step, and has left the one before. */
  enter(step: TracedStep): void;
  call(subgraph: string, kind: 'query' | 'mutation'): CallSpan;
  /** Called once. */
  end(outcome: RequestOutcome): void;
}

export interface RequestOutcome {
  readonly id: string;
  readonly operation: string;
  readonly operationName: string | undefined;
  /** Of a REST route: `GET /users/{id}`. */
  readonly route: string | undefined;
  readonly status: number;
  readonly code: string | undefined;
}

export interface TracedRequest {
  readonly headers: IncomingHttpHeaders;
  readonly method?: string | undefined;
}

export interface Tracer {
  /** Continues the trace that the headers name, or begins one. */
  start(request: TracedRequest): RequestTrace;
  /** Sends what is not sent yet. Never rejects, and waits a few seconds at most. */
  close(): Promise<void>;
}

export interface TracingOptions {
  /** Of the collector, `http://127.0.0.1:4318/v1/traces`. */
  readonly otlpUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of traces that begin here, from 0 to 1; others are recorded when whoever began them does. */
  readonly sampleRatio: number;
  readonly serviceName: string;
  /** Whether headers of Zipkin are read where there is no `traceparent`, and written beside it. */
  readonly b3: B3;
}
