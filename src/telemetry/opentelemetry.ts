/**
 * Traces by OpenTelemetry, sent to a collector over OTLP/HTTP. In: what the steps say. Out: spans, in batches.
 * The only file that knows OpenTelemetry; `main.ts` loads it when traces are asked for, and never otherwise.
 * Clock: per request. No document, variable, header or identity is put on a span.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { hostname } from 'node:os';
import {
  type Attributes,
  type Context,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type Tracer as SpanMaker,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import { type B3, readB3, writeB3 } from './b3';
import type { Log } from './log';
import type {
  CallSpan,
  RequestOutcome,
  RequestTrace,
  TracedExchange,
  TracedStep,
  TraceHeaders,
  Tracer,
  TracingOptions,
} from './traces';

const exportTimeoutMs = 3_000;

/** Spans that wait to be sent; more of them are dropped, so that a slow collector costs no memory. */
const maxWaitingSpans = 4_096;
const warnEveryMs = 60_000;

/** Makes a tracer that belongs to this gateway alone: nothing is registered globally. */
export function createTracer({ otlpUrl, headers, sampleRatio, serviceName, b3 }: TracingOptions, log: Log): Tracer {
  const exporter = new OTLPTraceExporter({ url: otlpUrl, headers: { ...headers }, timeoutMillis: exportTimeoutMs });
  const batches = { exportTimeoutMillis: exportTimeoutMs, maxQueueSize: maxWaitingSpans };
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.name': serviceName,
      'host.name': hostname(),
      'process.pid': process.pid,
    }),
    // Of traces that begin here, only those come so far that are recorded.
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    spanProcessors: [new BatchSpanProcessor(new ToldExporter(exporter, log), batches)],
  });
  const maker = provider.getTracer('supergate');
  const propagation = new Propagation(b3);
  return {
    start({ headers: incoming, method = '' }) {
      const parent = propagation.read(incoming);
      const begins = trace.getSpanContext(parent) === undefined;
      if (begins && Math.random() >= sampleRatio) return propagation.beginUnrecorded();
      const attributes = { 'http.request.method': method };
      const span = maker.startSpan('graphql', { kind: SpanKind.SERVER, attributes }, parent);
      const context = trace.setSpan(ROOT_CONTEXT, span);
      return span.isRecording()
        ? new RecordedTrace(span, context, maker, propagation)
        : new UnrecordedTrace(span.spanContext().traceId, propagation.headersOf(context));
    },
    // A collector that is gone must not keep the gateway.
    close: () => provider.shutdown().catch(() => {}),
  };
}

/** Tells the log, once a minute at most, of spans that could not be sent. */
class ToldExporter implements SpanExporter {
  private lost = 0;
  private toldAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly exporter: SpanExporter,
    private readonly log: Log,
  ) {}

  export(spans: Parameters<SpanExporter['export']>[0], done: Parameters<SpanExporter['export']>[1]): void {
    this.exporter.export(spans, (result) => {
      if (result.code !== ExportResultCode.SUCCESS) this.failed(spans.length, result.error);
      done(result);
    });
  }

  private failed(spans: number, error: Error | undefined): void {
    this.lost += spans;
    const now = performance.now();
    if (now - this.toldAt < warnEveryMs) return;
    this.toldAt = now;
    this.log.warn({ spans: this.lost, error: error?.message }, 'Spans could not be sent to the collector');
    this.lost = 0;
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }
}

/** How traces come in and go out. */
class Propagation {
  private readonly w3c = new W3CTraceContextPropagator();

  constructor(private readonly b3: B3) {}

  /** A trace that nobody records: most are, so nothing is asked of the library. */
  beginUnrecorded(): RequestTrace {
    const [traceId, spanId] = [randomHex(16), randomHex(8)];
    const headers = ['traceparent', `00-${traceId}-${spanId}-00`];
    if (this.b3 !== 'off') headers.push(...writeB3({ traceId, spanId, isSampled: false }, this.b3));
    return new UnrecordedTrace(traceId, headers);
  }

  /** With the span that the headers name, if they name one. */
  read(headers: IncomingHttpHeaders): Context {
    if (this.b3 === 'off' && headers.traceparent === undefined) return ROOT_CONTEXT;
    const context = this.w3c.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
    if (this.b3 === 'off' || trace.getSpanContext(context)) return context;
    const span = readB3(headers);
    if (!span) return context;
    const { traceId, spanId, isSampled } = span;
    const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
    return trace.setSpanContext(context, { traceId, spanId, traceFlags, isRemote: true });
  }

  headersOf(context: Context): TraceHeaders {
    const headers: string[] = [];
    this.w3c.inject(context, headers, { set: (list, name, value) => void list.push(name, value) });
    const span = trace.getSpanContext(context);
    if (this.b3 === 'off' || !span) return headers;
    return [...headers, ...writeB3({ ...span, isSampled: (span.traceFlags & TraceFlags.SAMPLED) !== 0 }, this.b3)];
  }
}

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** So many bytes as hexadecimal digits, as random as the library's own. */
function randomHex(bytes: number): string {
  let text = '';
  for (let index = 0; index < bytes; index++) text += hexOfByte[Math.floor(Math.random() * 256)];
  return text;
}

class RecordedTrace implements RequestTrace {
  readonly traceId: string;
  private step: Span | undefined;
  /** Calls are parts of the step in which they are made. */
  private stepContext: Context;

  constructor(
    private readonly span: Span,
    private readonly context: Context,
    private readonly maker: SpanMaker,
    private readonly propagation: Propagation,
  ) {
    this.traceId = span.spanContext().traceId;
    this.stepContext = context;
  }

  enter(step: TracedStep): void {
    this.step?.end();
    this.step = this.maker.startSpan(step, {}, this.context);
    this.stepContext = trace.setSpan(this.context, this.step);
  }

  call(subgraph: string, kind: 'query' | 'mutation'): CallSpan {
    const attributes = {
      'supergate.subgraph': subgraph,
      'graphql.operation.type': kind,
      'http.request.method': 'POST',
    };
    const options = { kind: SpanKind.CLIENT, attributes };
    const span = this.maker.startSpan(`subgraph ${subgraph}`, options, this.stepContext);
    return {
      headers: this.propagation.headersOf(trace.setSpan(ROOT_CONTEXT, span)),
      end(outcome, exchange) {
        if (outcome !== 'ok') fail(span, outcome);
        if (exchange) span.setAttributes(exchangeAttributes(exchange));
        span.end();
      },
    };
  }

  end({ id, operation, operationName, route, status, code }: RequestOutcome): void {
    this.step?.end();
    const { span } = this;
    // Names are of clients, and as many as they like: they are no part of the span's name.
    if (operation !== 'unknown') span.updateName(operation).setAttribute('graphql.operation.type', operation);
    if (route !== undefined) {
      const [, path = ''] = route.split(' ');
      span.updateName(route).setAttribute('http.route', path);
    }
    if (operationName !== undefined) span.setAttribute('graphql.operation.name', operationName);
    span.setAttributes({ 'http.response.status_code': status, 'supergate.request_id': id });
    if (code !== undefined) fail(span, code);
    span.end();
  }
}

function exchangeAttributes({ status, instance, retries }: TracedExchange): Attributes {
  const colon = instance?.lastIndexOf(':') ?? -1;
  return {
    ...(status !== undefined && { 'http.response.status_code': status }),
    ...(instance !== undefined && { 'server.address': colon < 0 ? instance : instance.slice(0, colon) }),
    ...(instance !== undefined && colon >= 0 && { 'server.port': Number(instance.slice(colon + 1)) }),
    ...(retries > 0 && { 'http.request.resend_count': retries }),
  };
}

function fail(span: Span, code: string): void {
  span.setAttribute('error.type', code).setStatus({ code: SpanStatusCode.ERROR });
}

/** Nobody records it here, but subgraphs and the log are told of it. */
class UnrecordedTrace implements RequestTrace {
  private readonly span: CallSpan;

  constructor(
    readonly traceId: string,
    headers: TraceHeaders,
  ) {
    this.span = { headers, end() {} };
  }

  enter(): void {}

  call(): CallSpan {
    return this.span;
  }

  end(): void {}
}
