/**
 * B3, the trace headers of Zipkin, in their single form (`b3`) and their several (`X-B3-TraceId` ...). The floor.
 * In: headers of a request, or a span. Out: the span they name, or headers. Clock: per request; it knows no library.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { TraceHeaders } from './traces';

/** `off`: none are read or written; else which form is written. Both are read. */
export type B3 = 'off' | 'single' | 'multi';

export interface B3Span {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

const traceIdForm = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/i;
const spanIdForm = /^[0-9a-f]{16}$/i;
const zeros = /^0+$/;

/** Undefined where the headers name no span; what they say of sampling alone is left out. */
export function readB3(headers: IncomingHttpHeaders): B3Span | undefined {
  const single = headers.b3;
  if (typeof single === 'string') {
    const [traceId, spanId, sampled] = single.split('-');
    return toSpan(traceId, spanId, sampled === '1' || sampled === 'd');
  }
  const { 'x-b3-traceid': traceId, 'x-b3-spanid': spanId, 'x-b3-sampled': sampled, 'x-b3-flags': flags } = headers;
  return toSpan(traceId, spanId, sampled === '1' || sampled === 'true' || flags === '1');
}

function toSpan(traceId: unknown, spanId: unknown, isSampled: boolean): B3Span | undefined {
  if (typeof traceId !== 'string' || typeof spanId !== 'string') return undefined;
  if (!traceIdForm.test(traceId) || !spanIdForm.test(spanId) || zeros.test(traceId) || zeros.test(spanId))
    return undefined;
  return { traceId: traceId.toLowerCase().padStart(32, '0'), spanId: spanId.toLowerCase(), isSampled };
}

/** Names and values in turn. */
export function writeB3({ traceId, spanId, isSampled }: B3Span, form: B3): TraceHeaders {
  if (form === 'off') return [];
  const sampled = isSampled ? '1' : '0';
  if (form === 'single') return ['b3', `${traceId}-${spanId}-${sampled}`];
  return ['x-b3-traceid', traceId, 'x-b3-spanid', spanId, 'x-b3-sampled', sampled];
}
