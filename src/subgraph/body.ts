/**
 * The bytes of one subgraph answer become text. In: chunks and the content encoding; out: text, or why there is none.
 * Clock: per request. Never holds more than `maxBytes`, neither compressed nor inflated.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';

/** Text, or a code for the log: `TOO_LARGE`, `NOT_UTF8`, `BAD_ENCODING`, `UNKNOWN_ENCODING`. */
export type BodyText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'refused'; readonly reason: string };

const inflaters = new Map([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  ['deflate', inflate],
  ['br', brotliDecompress],
]);

/** Gathers chunks up to a size. They are copied: who reads them reads the next ones to the same place. */
export class BodyCollector {
  #bytes: Buffer | undefined;
  #size = 0;

  constructor(
    private readonly maxBytes: number,
    /** The announced `content-length`, if any; only a hint for the size of the buffer. */
    private readonly announcedBytes: number,
  ) {}

  /** False when the body has become too large: nothing more should be read. */
  add(chunk: Buffer): boolean {
    const size = this.#size + chunk.length;
    if (size > this.maxBytes) return false;
    if (this.#bytes === undefined || size > this.#bytes.length) this.#grow(size);
    if (this.#bytes !== undefined) chunk.copy(this.#bytes, this.#size);
    this.#size = size;
    return true;
  }

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  get bytes(): Buffer {
    return this.#bytes === undefined ? Buffer.alloc(0) : this.#bytes.subarray(0, this.#size);
  }

  #grow(needed: number): void {
    const announced = this.announcedBytes <= this.maxBytes ? this.announcedBytes : 0;
    const larger = Buffer.allocUnsafe(Math.max(announced, Math.min(needed * 2, this.maxBytes)));
    this.#bytes?.copy(larger, 0, 0, this.#size);
    this.#bytes = larger;
  }
}

/**
 * Decodes JSON bytes, which must be UTF-8 (RFC 8259, section 8.1); a byte order mark is dropped.
 * Broken UTF-8 is refused, not patched up: a name with U+FFFD in it would be silently wrong data.
 */
export function decodeText(bytes: Buffer): BodyText {
  // A one-byte string is decoded and parsed several times faster, and most answers are ASCII.
  if (isAscii(bytes)) return { kind: 'text', text: bytes.toString('latin1') };
  if (!isUtf8(bytes)) return { kind: 'refused', reason: 'NOT_UTF8' };
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  return { kind: 'text', text: bytes.toString('utf8', start) };
}

/**
 * Inflates a compressed body, stopping at `maxBytes` of output, and decodes it; `done` is called once, later.
 * `encoding` is the value of `content-encoding`; one coding at most is understood (gzip, deflate, br).
 */
export function inflateText(bytes: Buffer, encoding: string, maxBytes: number, done: (body: BodyText) => void): void {
  const inflater = inflaters.get(encoding.trim().toLowerCase());
  if (inflater === undefined) {
    done({ kind: 'refused', reason: 'UNKNOWN_ENCODING' });
    return;
  }
  inflater(bytes, { maxOutputLength: maxBytes }, (error, inflated) => {
    if (error === null) done(decodeText(inflated));
    else
      done({
        kind: 'refused',
        reason: 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE' ? 'TOO_LARGE' : 'BAD_ENCODING',
      });
  });
}
