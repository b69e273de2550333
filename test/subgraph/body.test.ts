import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { BodyCollector, type BodyText, decodeText, inflateText } from '../../src/subgraph/body';

const inflated = (bytes: Buffer, encoding: string, maxBytes: number) =>
  new Promise<BodyText>((resolve) => inflateText(bytes, encoding, maxBytes, resolve));

/** Feeds `bytes` in pieces of `size`; undefined when the collector refused. */
function collect(bytes: Buffer, size: number, maxBytes: number, announced = Number.NaN): Buffer | undefined {
  const collector = new BodyCollector(maxBytes, announced);
  for (let at = 0; at < bytes.length; at += size) {
    // A copy each: undici's chunks do not lie one behind the other either.
    if (!collector.add(Buffer.from(bytes.subarray(at, at + size)))) return undefined;
  }
  return collector.bytes;
}

describe('the body of an answer', () => {
  it('is put together from chunks of any size, so that characters may be split between them', () => {
    const text = '{"name":"Zoë 😀 漢字"}'.repeat(50);
    const bytes = Buffer.from(text);
    for (const size of [1, 2, 3, 7, 100, 10_000]) {
      for (const announced of [Number.NaN, 0, bytes.length, 10, 1e12]) {
        const collected = collect(bytes, size, 100_000, announced);
        expect(decodeText(collected!)).toEqual({ kind: 'text', text });
      }
    }
  });

  it('does not write behind the first chunk', () => {
    const memory = Buffer.from('abcdef');
    const collector = new BodyCollector(100, Number.NaN);
    collector.add(memory.subarray(0, 3));
    collector.add(Buffer.from('XYZ'));
    expect(memory.toString()).toBe('abcdef');
    expect(collector.bytes.toString()).toBe('abcXYZ');
  });

  it('is refused as soon as it is larger than allowed, and not before', () => {
    const bytes = Buffer.alloc(1_000, 'a');
    expect(collect(bytes, 100, 1_000)?.length).toBe(1_000);
    expect(collect(bytes, 100, 999)).toBeUndefined();
    expect(collect(bytes, 1_000, 999)).toBeUndefined();
  });

  it('is empty when no chunk came', () => {
    expect(new BodyCollector(10, Number.NaN).bytes).toHaveLength(0);
  });

  it('loses a byte order mark', () => {
    expect(decodeText(Buffer.from('\ufeff{}'))).toEqual({ kind: 'text', text: '{}' });
  });

  it('is refused when it is not UTF-8, not patched up', () => {
    const reason = 'NOT_UTF8';
    expect(decodeText(Buffer.from([0x22, 0xc3, 0x28, 0x22]))).toEqual({ kind: 'refused', reason });
    expect(decodeText(Buffer.from([0x22, 0xe2, 0x82]))).toEqual({ kind: 'refused', reason });
    expect(decodeText(Buffer.from([0xed, 0xa0, 0x80]))).toEqual({ kind: 'refused', reason });
  });

  it.each([
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    [' GZIP ', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ])('is inflated when its encoding is %s', async (encoding, compress) => {
    expect(await inflated(compress(Buffer.from('{"a":"ö"}')), encoding, 100)).toEqual({
      kind: 'text',
      text: '{"a":"ö"}',
    });
  });

  it('is inflated up to its limit and no further', async () => {
    const bomb = gzipSync(Buffer.alloc(5_000_000));
    expect(bomb.length).toBeLessThan(10_000);
    expect(await inflated(bomb, 'gzip', 100_000)).toEqual({ kind: 'refused', reason: 'TOO_LARGE' });
    expect(await inflated(gzipSync(Buffer.alloc(100)), 'gzip', 100)).toMatchObject({ kind: 'text' });
  });

  it('is refused when its compression is broken, stacked or unknown', async () => {
    const zipped = gzipSync(Buffer.from('{"a":1}'));
    expect(await inflated(zipped.subarray(0, 15), 'gzip', 100)).toEqual({ kind: 'refused', reason: 'BAD_ENCODING' });
    expect(await inflated(Buffer.from('{}'), 'gzip', 100)).toEqual({ kind: 'refused', reason: 'BAD_ENCODING' });
    expect(await inflated(zipped, 'gzip, gzip', 100)).toEqual({ kind: 'refused', reason: 'UNKNOWN_ENCODING' });
    expect(await inflated(zipped, 'zstd', 100)).toEqual({ kind: 'refused', reason: 'UNKNOWN_ENCODING' });
  });
});
