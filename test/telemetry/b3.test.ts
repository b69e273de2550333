import { readB3, writeB3 } from '../../src/telemetry/b3';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

describe('headers of Zipkin', () => {
  it('name a span in either form, and write what they read', () => {
    const span = { traceId, spanId, isSampled: true };
    expect(readB3({ b3: `${traceId}-${spanId}-1-0000000000000001` })).toEqual(span);
    expect(readB3({ b3: `${traceId}-${spanId}-d` })).toEqual(span);
    expect(readB3({ b3: `${traceId}-${spanId}-0` })).toEqual({ ...span, isSampled: false });
    expect(readB3({ b3: `${traceId}-${spanId}` })).toEqual({ ...span, isSampled: false });
    expect(readB3({ 'x-b3-traceid': traceId.toUpperCase(), 'x-b3-spanid': spanId, 'x-b3-flags': '1' })).toEqual(span);
    for (const form of ['single', 'multi'] as const) {
      const written = writeB3(span, form);
      const headers = Object.fromEntries(
        written.flatMap((name, index) => (index % 2 === 0 ? [[name, written[index + 1]]] : [])),
      );
      expect(readB3(headers)).toEqual(span);
    }
    expect(writeB3(span, 'off')).toEqual([]);
  });

  it('may have short ids of traces', () => {
    expect(readB3({ b3: `8448eb211c80319c-${spanId}-1` })?.traceId).toBe('00000000000000008448eb211c80319c');
  });

  it('that are no ids name nothing', () => {
    for (const b3 of [
      '',
      '0',
      '1',
      'd',
      `${traceId}`,
      `${traceId}-short-1`,
      `${'0'.repeat(32)}-${spanId}-1`,
      `x${traceId}-${spanId}-1`,
    ])
      expect(readB3({ b3 })).toBeUndefined();
    expect(readB3({ 'x-b3-traceid': traceId })).toBeUndefined();
    expect(readB3({ 'x-b3-sampled': '1' })).toBeUndefined();
  });
});
