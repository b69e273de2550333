/**
 * The bytes of one HTTP/1.1 response become status, headers and body (RFC 9112). In: bytes, split anywhere; out: calls.
 * Clock: per request, one parser a socket. Strict: it reads nothing in two ways and repairs nothing, so that no two
 * readers can see different messages. After any doubt it is 'failed', and the socket must not be used again.
 */

/** The headers that a caller wants to know; the empty string and NaN stand for absent. */
export interface AnswerHeaders {
  contentType: string;
  encoding: string;
  /** Of the body as it is announced, in bytes. */
  length: number;
  retryAfter?: string;
  date?: string;
  /** Names (lower case) and values in turn of those that the caller asked to keep. */
  kept?: readonly string[];
}

/** None may throw. Any may call `stop`, after which nothing more is told. */
export interface Http1Listener {
  onHead(status: number, headers: AnswerHeaders): void;
  /** The bytes are lent for the time of the call. `isLast`: nothing but `onComplete` follows. */
  onBody(bytes: Buffer, isLast: boolean): void;
  onComplete(): void;
  onMalformed(reason: string): void;
}

type Phase =
  | 'head'
  | 'length'
  | 'chunk size'
  | 'chunk'
  | 'chunk end'
  | 'trailers'
  | 'until close'
  | 'complete'
  | 'failed';

/** Why a response cannot be trusted, for the log. */
type Problem =
  | 'NOT_HTTP'
  | 'BAD_HEADER'
  | 'BAD_LENGTH'
  | 'BAD_CHUNK'
  | 'HEAD_TOO_LARGE'
  | 'UNASKED_RESPONSE'
  | undefined;

/** Of a head, of a chunk's size with its extensions, of all trailers. */
const maxHeadBytes = 16_384;
const maxInterimResponses = 16;
/** A number that stays exact. */
const bodyLength = /^\d{1,15}$/;
const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const chunkSize = /^([\da-f]{1,8})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/i;

export class ResponseParser {
  /** Whether the connection may carry another request after this response. Known from the head on. */
  keepAlive = false;
  /** What the server says of the time it keeps an idle connection, in seconds; NaN when it says nothing. */
  keepAliveSeconds = Number.NaN;
  #phase: Phase = 'complete';
  /** Of the body or the chunk: bytes still to come. */
  #left = 0;
  /** The beginning of a head or line whose end is still to come. */
  #partial = '';
  #interim = 0;
  #trailerBytes = 0;
  /** One header line; `y` makes it go on where the last one ended. */
  readonly #field = /([!#$%&'*+\-.^_`|~\w]+):([\t\x20-\x7e\x80-\xff]*)(?:\r\n|$)/y;

  /** `keeps`: which headers (lower case names) the caller wants to have besides. */
  constructor(
    private readonly listener: Http1Listener,
    private readonly keeps?: ((name: string) => boolean) | undefined,
  ) {}

  /** Whether a response has begun and not ended. */
  get isReading(): boolean {
    return this.#phase !== 'complete' && this.#phase !== 'failed';
  }

  /** Awaits the response to a request that is being sent. */
  begin(): void {
    this.#phase = 'head';
    this.#partial = '';
    this.#interim = 0;
    this.#trailerBytes = 0;
  }

  stop(): void {
    this.#phase = 'failed';
  }

  /** Reads bytes; returns how many of them belong to the response: any more are one of nobody. */
  read(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && this.isReading) at = this.#readOn(bytes, at);
    return at;
  }

  /** The connection has ended. Only a body without a length ends so; everything else is incomplete. */
  end(): void {
    if (this.#phase === 'until close') this.#complete();
  }

  #readOn(bytes: Buffer, at: number): number {
    switch (this.#phase) {
      case 'head':
        return this.#readTo('\r\n\r\n', bytes, at, (head) => this.#readHead(head));
      case 'chunk size':
        return this.#readTo('\r\n', bytes, at, (line) => this.#readChunkSize(line));
      case 'chunk end':
        return this.#readTo('\r\n', bytes, at, (line) => this.#readChunkEnd(line));
      case 'trailers':
        return this.#readTo('\r\n', bytes, at, (line) => this.#readTrailer(line));
      case 'length':
      case 'chunk':
        return this.#readBody(bytes, at);
      default:
        this.listener.onBody(at === 0 ? bytes : bytes.subarray(at), false);
        return bytes.length;
    }
  }

  /** Gathers text up to `end`, which may come in pieces, and hands it on without it. */
  #readTo(end: string, bytes: Buffer, at: number, take: (text: string) => Problem): number {
    const before = this.#partial.length;
    if (before === 0) {
      const index = bytes.indexOf(end, at, 'latin1');
      if (index !== -1 && index - at <= maxHeadBytes) {
        this.#settle(take(bytes.toString('latin1', at, index)));
        return index + end.length;
      }
    }
    // No more is looked at than may be needed: what follows the end is not ours.
    const gathered =
      this.#partial + bytes.toString('latin1', at, Math.min(bytes.length, at + maxHeadBytes + end.length));
    const index = gathered.indexOf(end, Math.max(0, before - end.length + 1));
    if (index > maxHeadBytes || (index === -1 && gathered.length >= maxHeadBytes + end.length)) {
      this.#settle('HEAD_TOO_LARGE');
      return bytes.length;
    }
    if (index === -1) {
      this.#partial = gathered;
      return bytes.length;
    }
    this.#partial = '';
    this.#settle(take(gathered.slice(0, index)));
    return at + index + end.length - before;
  }

  #settle(problem: Problem): void {
    if (problem === undefined) return;
    this.#phase = 'failed';
    this.listener.onMalformed(problem);
  }

  #readHead(head: string): Problem {
    const lineEnd = head.indexOf('\r\n');
    const start = statusLine.exec(lineEnd === -1 ? head : head.slice(0, lineEnd));
    if (start === null) return 'NOT_HTTP';
    const status = Number(start[2]);
    const fields = this.#readFields(head, lineEnd === -1 ? head.length : lineEnd + 2);
    if (fields === undefined) return 'BAD_HEADER';
    if (status < 200) return this.#passInterim(status);
    const isOld = start[1] === '0';
    this.keepAlive = isOld
      ? fields.connection === 'keep-alive'
      : !/(?:^|,)[\t ]*close[\t ]*(?:,|$)/.test(fields.connection);
    this.keepAliveSeconds = Number(/(?:^|[,\s])timeout=(\d{1,6})/.exec(fields.keepAlive)?.[1] ?? Number.NaN);
    const framing = this.#frame(status, isOld, fields);
    if (framing === undefined) return 'BAD_LENGTH';
    const { contentType, encoding, length, retryAfter, date } = fields;
    this.#phase = framing;
    const headers: AnswerHeaders = { contentType, encoding, length: length === '' ? Number.NaN : Number(length) };
    if (retryAfter !== '') Object.assign(headers, { retryAfter, date });
    if (fields.kept !== undefined) headers.kept = withoutNominated(fields.kept, fields.connection);
    this.listener.onHead(status, headers);
    if (this.#phase === 'length' && this.#left === 0) this.#complete();
    return undefined;
  }

  /** How the end of the body is told (RFC 9112, section 6.3); undefined when it is told in two ways, or badly. */
  #frame(status: number, isOld: boolean, { length, transferEncoding }: Fields): Phase | undefined {
    if (transferEncoding !== '') {
      // A length beside it is how requests are smuggled; other codings than this one nobody has asked for.
      return transferEncoding === 'chunked' && length === '' && !isOld ? 'chunk size' : undefined;
    }
    if (length !== '' && !bodyLength.test(length)) return undefined;
    this.#left = status === 204 || status === 304 ? 0 : Number(length);
    if (length !== '' || status === 204 || status === 304) return 'length';
    this.keepAlive = false;
    return 'until close';
  }

  /** 100 and 103 may come before the answer. 101 may not: nothing was offered. */
  #passInterim(status: number): Problem {
    this.#interim++;
    return status === 101 || this.#interim > maxInterimResponses ? 'UNASKED_RESPONSE' : undefined;
  }

  /** The header lines of `text` from `start` to its end, where the last one ends too. */
  #readFields(text: string, start: number): Fields | undefined {
    const fields = noFields();
    const field = this.#field;
    field.lastIndex = start;
    while (field.lastIndex < text.length) {
      const match = field.exec(text);
      if (match === null) return undefined;
      const [, name = '', value = ''] = match;
      if (!readField(fields, name, value)) return undefined;
      if (this.keeps?.(name.toLowerCase())) {
        fields.kept ??= [];
        fields.kept.push(name.toLowerCase(), value.trim());
      }
    }
    return fields;
  }

  #readBody(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#left -= end - at;
    const isLast = this.#left === 0 && this.#phase === 'length';
    this.listener.onBody(bytes.subarray(at, end), isLast);
    if (this.#left > 0 || !this.isReading) return end;
    if (isLast) this.#complete();
    else this.#phase = 'chunk end';
    return end;
  }

  #readChunkSize(line: string): Problem {
    const digits = chunkSize.exec(line)?.[1];
    if (digits === undefined) return 'BAD_CHUNK';
    this.#left = Number.parseInt(digits, 16);
    this.#phase = this.#left === 0 ? 'trailers' : 'chunk';
    return undefined;
  }

  #readChunkEnd(line: string): Problem {
    this.#phase = 'chunk size';
    return line === '' ? undefined : 'BAD_CHUNK';
  }

  /** Trailers are checked and thrown away. */
  #readTrailer(line: string): Problem {
    if (line === '') {
      this.#complete();
      return undefined;
    }
    this.#trailerBytes += line.length;
    if (this.#trailerBytes > maxHeadBytes) return 'HEAD_TOO_LARGE';
    return this.#readFields(line, 0) === undefined ? 'BAD_HEADER' : undefined;
  }

  #complete(): void {
    this.#phase = 'complete';
    this.listener.onComplete();
  }
}

interface Fields {
  contentType: string;
  encoding: string;
  length: string;
  transferEncoding: string;
  connection: string;
  keepAlive: string;
  retryAfter: string;
  date: string;
  kept: string[] | undefined;
}

const noFields = (): Fields => ({
  contentType: '',
  encoding: '',
  length: '',
  transferEncoding: '',
  connection: '',
  keepAlive: '',
  retryAfter: '',
  date: '',
  kept: undefined,
});

/** What `Connection` names is for this connection alone (RFC 9110, section 7.6.1). */
function withoutNominated(kept: readonly string[], connection: string): readonly string[] {
  const nominated = connection.split(',').map((name) => name.trim());
  return kept.filter((_item, index) => !nominated.includes(kept[index - (index % 2)] ?? ''));
}

/** Notes the fields that matter. False for one that may stand once only and stands twice, or is empty. */
function readField(fields: Fields, name: string, value: string): boolean {
  // The length of a name rules nearly all others out.
  switch (name.length) {
    case 4:
      if (isNamed(name, 'date')) fields.date = value.trim();
      return true;
    case 10:
      if (isNamed(name, 'connection')) fields.connection = joined(fields.connection, value.trim().toLowerCase());
      else if (isNamed(name, 'keep-alive')) fields.keepAlive = value;
      return true;
    case 11:
      if (isNamed(name, 'retry-after')) fields.retryAfter = value.trim();
      return true;
    case 12:
      if (isNamed(name, 'content-type')) fields.contentType = value.trim();
      return true;
    case 14: {
      if (!isNamed(name, 'content-length')) return true;
      const isFirst = fields.length === '';
      fields.length = value.trim();
      return isFirst && fields.length !== '';
    }
    case 16:
      if (isNamed(name, 'content-encoding')) fields.encoding = joined(fields.encoding, value.trim());
      return true;
    case 17: {
      if (!isNamed(name, 'transfer-encoding')) return true;
      const isFirst = fields.transferEncoding === '';
      fields.transferEncoding = value.trim().toLowerCase();
      return isFirst && fields.transferEncoding !== '';
    }
  }
  return true;
}

function isNamed(name: string, lower: string): boolean {
  return name === lower || name.toLowerCase() === lower;
}

function joined(before: string, value: string): string {
  return before === '' ? value : `${before}, ${value}`;
}
