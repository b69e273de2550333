/**
 * No sockets: bytes in, calls out. The fuzzing is seeded, so that a failure comes again; what is compared is what the
 * parser tells of the same bytes in one piece and in random pieces, down to one byte each.
 */
import { type AnswerHeaders, ResponseParser } from '../../src/subgraph/http1-response';

interface Told {
  status: number | undefined;
  headers: AnswerHeaders | undefined;
  body: string;
  end: 'complete' | 'incomplete' | string;
  /** Bytes that belong to the response. */
  read: number;
  keepAlive: boolean;
}

/** Feeds `bytes` in pieces that end at `cuts`, from one lent buffer as a socket does; then the connection ends. */
function parse(bytes: Buffer, cuts: readonly number[] = [], closes = false): Told {
  const told: Told = {
    status: undefined,
    headers: undefined,
    body: '',
    end: 'incomplete',
    read: 0,
    keepAlive: false,
  };
  const parser = new ResponseParser({
    onHead: (status, headers) => {
      if (told.status !== undefined) throw new Error('two heads');
      told.status = status;
      told.headers = { ...headers };
    },
    onBody: (piece, isLast) => {
      told.body += piece.toString('latin1');
      if (isLast && told.body.length !== told.headers?.length) throw new Error('not the last piece');
    },
    onComplete: () => {
      told.end = told.end === 'incomplete' ? 'complete' : 'two ends';
    },
    onMalformed: (reason) => {
      told.end = told.end === 'incomplete' ? reason : 'two ends';
    },
  });
  parser.begin();
  const lent = Buffer.alloc(bytes.length);
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    const length = bytes.copy(lent, 0, from, to);
    if (parser.isReading) told.read += parser.read(lent.subarray(0, length));
    lent.fill('?');
    from = to;
  }
  if (closes) parser.end();
  told.keepAlive = parser.keepAlive;
  return told;
}

const text = (...lines: string[]) => Buffer.from(lines.join('\r\n'), 'latin1');
const ok = (headers: string[], body = '') => text('HTTP/1.1 200 OK', ...headers, '', body);

describe('a response', () => {
  it('has status, headers and a body of the announced length', () => {
    const headers = ['Content-Type:application/json', 'CONTENT-LENGTH: \t5 ', 'content-encoding:  gzip', 'x: \xff'];
    expect(parse(ok(headers, 'hello'))).toEqual({
      status: 200,
      headers: { contentType: 'application/json', encoding: 'gzip', length: 5 },
      body: 'hello',
      end: 'complete',
      read: ok(headers, 'hello').length,
      keepAlive: true,
    });
  });

  it('has a body in chunks, with extensions and trailers', () => {
    const chunks = ['5', 'hello', '01;name="value" ; x', ' ', 'A  ', '0123456789', '000', 'x-sum: 1', 'y:', '', ''];
    const good = text('HTTP/1.1 200 OK', 'transfer-encoding: Chunked', '', ...chunks);
    expect(parse(good)).toMatchObject({ body: 'hello 0123456789', end: 'complete', read: good.length });
  });

  it('may be without a reason, without headers, and end with the connection', () => {
    const bytes = text('HTTP/1.1 200', '', 'all that comes');
    expect(parse(bytes)).toMatchObject({ body: 'all that comes', end: 'incomplete', keepAlive: false });
    expect(parse(bytes, [], true)).toMatchObject({ body: 'all that comes', end: 'complete', keepAlive: false });
  });

  it('does not end with the connection when a length was announced', () => {
    expect(parse(ok(['content-length: 5'], 'hell'), [], true).end).toBe('incomplete');
    expect(parse(ok(['transfer-encoding: chunked'], '5\r\nhello\r\n'), [], true).end).toBe('incomplete');
    expect(parse(text('HTTP/1.1 200 OK', 'content-le'), [], true).end).toBe('incomplete');
  });

  it.each([204, 304])('of status %s has no body, whatever it announces', (status) => {
    for (const header of ['content-length: 5', 'x: y']) {
      const head = text(`HTTP/1.1 ${status} Nothing`, header, '', '');
      const told = parse(Buffer.concat([head, Buffer.from('HTTP/1.1 200 OK')]));
      expect(told).toMatchObject({ status, body: '', end: 'complete', read: head.length });
    }
  });

  it('may come after interim ones', () => {
    const bytes = text('HTTP/1.1 100 Continue', '', 'HTTP/1.1 103 Early Hints', 'link: </a>', '', '');
    const told = parse(Buffer.concat([bytes, ok(['content-length: 2'], 'ok')]));
    expect(told).toMatchObject({ status: 200, body: 'ok', end: 'complete' });
  });

  it('leaves the bytes behind it to nobody', () => {
    const bytes = ok(['content-length: 2'], 'ok');
    expect(parse(Buffer.concat([bytes, bytes]))).toMatchObject({ body: 'ok', end: 'complete', read: bytes.length });
  });

  it.each([
    [['connection: close'], 'HTTP/1.1', false],
    [['connection: Keep-Alive, Close'], 'HTTP/1.1', false],
    [['connection: keep-alive', 'connection: close'], 'HTTP/1.1', false],
    [['connection: closed'], 'HTTP/1.1', true],
    [['x: close'], 'HTTP/1.1', true],
    [['x: y'], 'HTTP/1.0', false],
    [['connection: keep-alive'], 'HTTP/1.0', true],
  ])('with %s over %s: is the connection kept? %s', (headers, version, kept) => {
    const bytes = text(`${version} 200 OK`, 'content-length: 0', ...headers, '', '');
    expect(parse(bytes)).toMatchObject({ end: 'complete', keepAlive: kept });
  });

  it.each<[string, Buffer, string]>([
    ['is of another protocol', text('+OK POP3 ready', '', ''), 'NOT_HTTP'],
    ['is of HTTP/2', text('HTTP/2 200 OK', '', ''), 'NOT_HTTP'],
    ['is of HTTP/1.2', text('HTTP/1.2 200 OK', '', ''), 'NOT_HTTP'],
    ['begins with an empty line', text('', 'HTTP/1.1 200 OK', '', ''), 'NOT_HTTP'],
    ['has a status of two digits', text('HTTP/1.1 20 OK', '', ''), 'NOT_HTTP'],
    ['has a status of four digits', text('HTTP/1.1 2000 OK', '', ''), 'NOT_HTTP'],
    ['has a status of 600', text('HTTP/1.1 600 OK', '', ''), 'NOT_HTTP'],
    ['has a status of zero', text('HTTP/1.1 000 OK', '', ''), 'NOT_HTTP'],
    ['has two spaces before its status', text('HTTP/1.1  200 OK', '', ''), 'NOT_HTTP'],
    ['has a NUL in its reason', text('HTTP/1.1 200 O\0K', '', ''), 'NOT_HTTP'],
    ['has a line feed alone in its first line', text('HTTP/1.1 200 OK\nx: y', '', ''), 'NOT_HTTP'],
    ['is an unasked upgrade', text('HTTP/1.1 101 Switching Protocols', 'upgrade: tls', '', ''), 'UNASKED_RESPONSE'],
    ['is interim for ever', Buffer.from('HTTP/1.1 100 Continue\r\n\r\n'.repeat(50)), 'UNASKED_RESPONSE'],
    ['has a header without a colon', ok(['content-length 5']), 'BAD_HEADER'],
    ['has a header without a name', ok([': 5']), 'BAD_HEADER'],
    ['has a space before the colon', ok(['content-length : 5']), 'BAD_HEADER'],
    ['has a folded header', ok(['x: a', ' b']), 'BAD_HEADER'],
    ['has a folded first header', ok([' x: a']), 'BAD_HEADER'],
    ['has a NUL in a header', ok(['x: a\0b']), 'BAD_HEADER'],
    ['has a carriage return alone in a header', ok(['x: a\rcontent-length: 5']), 'BAD_HEADER'],
    ['has a line feed alone in a header', ok(['x: a\ncontent-length: 5']), 'BAD_HEADER'],
    ['has a name in another script', ok(['x\xe9: a']), 'BAD_HEADER'],
    ['has two lengths', ok(['content-length: 5', 'content-length: 6']), 'BAD_HEADER'],
    ['has the same length twice', ok(['content-length: 5', 'Content-Length: 5']), 'BAD_HEADER'],
    ['has an empty length', ok(['content-length:']), 'BAD_HEADER'],
    ['has an empty length before another', ok(['content-length:', 'content-length: 5']), 'BAD_HEADER'],
    ['has a list of lengths', ok(['content-length: 5, 5']), 'BAD_LENGTH'],
    ['has a negative length', ok(['content-length: -5']), 'BAD_LENGTH'],
    ['has a length with a sign', ok(['content-length: +5']), 'BAD_LENGTH'],
    ['has a hexadecimal length', ok(['content-length: 0x5']), 'BAD_LENGTH'],
    ['has a fractional length', ok(['content-length: 5.0']), 'BAD_LENGTH'],
    ['has a length that is no exact number', ok(['content-length: 99999999999999999999']), 'BAD_LENGTH'],
    ['has a length and chunks', ok(['content-length: 5', 'transfer-encoding: chunked']), 'BAD_LENGTH'],
    ['has chunks and a length', ok(['transfer-encoding: chunked', 'content-length: 5']), 'BAD_LENGTH'],
    ['has chunks over HTTP/1.0', text('HTTP/1.0 200 OK', 'transfer-encoding: chunked', '', ''), 'BAD_LENGTH'],
    ['has two codings', ok(['transfer-encoding: gzip, chunked']), 'BAD_LENGTH'],
    ['has a coding that only looks like chunked', ok(['transfer-encoding: xchunked']), 'BAD_LENGTH'],
    ['has chunked with a parameter', ok(['transfer-encoding: chunked;x=1']), 'BAD_LENGTH'],
    ['has chunked with a vertical tab', ok(['transfer-encoding: \x0bchunked']), 'BAD_HEADER'],
    ['has two transfer encodings', ok(['transfer-encoding: chunked', 'transfer-encoding: chunked']), 'BAD_HEADER'],
    ['has a head that is too large', ok([`x: ${'y'.repeat(20_000)}`]), 'HEAD_TOO_LARGE'],
    ['has too many headers', ok(new Array(5_000).fill('x: y')), 'HEAD_TOO_LARGE'],
    ...(
      [
        ['that is no number', 'zz\r\n', 'BAD_CHUNK'],
        ['that is empty', '\r\nhello', 'BAD_CHUNK'],
        ['with a sign', '+5\r\nhello\r\n', 'BAD_CHUNK'],
        ['with a prefix', '0x5\r\nhello\r\n', 'BAD_CHUNK'],
        ['after a space', ' 5\r\nhello\r\n', 'BAD_CHUNK'],
        ['that is beyond all memory', '100000005\r\nhello\r\n', 'BAD_CHUNK'],
        ['with a NUL in its extension', '5;\0\r\nhello\r\n', 'BAD_CHUNK'],
        ['with a line feed alone in its extension', '5;\nx\r\nhello\r\n', 'BAD_CHUNK'],
        ['that ends with a line feed alone', '5\nhello\r\n', 'BAD_CHUNK'],
        ['with an endless extension', `5;${'x'.repeat(20_000)}`, 'HEAD_TOO_LARGE'],
        ['that is too small', '4\r\nhello\r\n0\r\n\r\n', 'BAD_CHUNK'],
        ['that is too large', '6\r\nhello\r\n0\r\n\r\n', 'BAD_CHUNK'],
        ['before a bad trailer', '0\r\nbad trailer\r\n\r\n', 'BAD_HEADER'],
        ['before endless trailers', `0\r\n${'x: y\r\n'.repeat(5_000)}`, 'HEAD_TOO_LARGE'],
      ] as const
    ).map(([name, body, reason]): [string, Buffer, string] => [
      `has a chunk size ${name}`,
      ok(['transfer-encoding: chunked'], body),
      reason,
    ]),
  ])('that %s is refused, in one piece and byte by byte', (_name, bytes, reason) => {
    expect(parse(bytes).end).toBe(reason);
    expect(parse(bytes, Array.from(bytes.keys()), true).end).toBe(reason);
  });

  it('costs no more time than its size, whatever is in it', () => {
    const started = performance.now();
    for (const filling of [' ', '\t', ',', ' ,', 'close,', 'close ', 'timeout=', ';', 'a']) {
      const long = filling.repeat(Math.floor(15_000 / filling.length));
      for (const name of ['x', 'connection', 'keep-alive', 'content-length', 'transfer-encoding', 'content-type']) {
        parse(ok([`${name}:${long}\0`]));
        parse(ok([`${name}:${long}`, 'y: z']));
      }
      parse(ok(['transfer-encoding: chunked'], `5${long}\0\r\n`));
      parse(ok([`${long}\0`]));
    }
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('is not told of any more once its reader has stopped', () => {
    const told: string[] = [];
    const parser: ResponseParser = new ResponseParser({
      onHead: () => void told.push('head'),
      onBody: () => {
        told.push('body');
        parser.stop();
      },
      onComplete: () => void told.push('complete'),
      onMalformed: () => void told.push('malformed'),
    });
    for (const bytes of [
      ok(['content-length: 5'], 'hello'),
      ok(['transfer-encoding: chunked'], '1\r\na\r\n1\r\nb\r\n0\r\n\r\n'),
    ]) {
      parser.begin();
      parser.read(bytes);
      parser.end();
    }
    expect(told).toEqual(['head', 'body', 'head', 'body']);
  });
});

/** A small generator of numbers: the same for the same seed (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Random = ReturnType<typeof random>;
const pick = <T>(next: Random, from: readonly T[]): T => from[next(from.length)]!;

/** A good response, and the body that it carries. */
function generate(next: Random): { bytes: Buffer; body: string } {
  const body = Array.from({ length: next(60) }, () =>
    pick(next, ['a', '\r\n', '0\r\n\r\n', '{"data":1}', '\0', 'é']),
  ).join('');
  const interim = next(4) === 0 ? 'HTTP/1.1 100 Continue\r\n\r\n' : '';
  const noise = Array.from({ length: next(4) }, () =>
    pick(next, ['x: y', 'Date: today', 'x:', 'keep-alive: timeout=5']),
  );
  const framing = next(2) === 0 ? `Content-Length: ${body.length}` : 'Transfer-Encoding: chunked';
  const head = ['HTTP/1.1 200 OK', ...noise, framing, '', ''].join('\r\n');
  if (framing.startsWith('C')) return { bytes: Buffer.from(interim + head + body, 'latin1'), body };
  let chunks = '';
  for (let at = 0; at < body.length; ) {
    const piece = body.slice(at, at + 1 + next(20));
    chunks += `${piece.length.toString(16)}${pick(next, ['', ';x=y', ' '])}\r\n${piece}\r\n`;
    at += piece.length;
  }
  const trailers = next(3) === 0 ? 'x-sum: 1\r\n' : '';
  return { bytes: Buffer.from(`${interim}${head}${chunks}0\r\n${trailers}\r\n`, 'latin1'), body };
}

function randomCuts(next: Random, length: number): number[] {
  const cuts = Array.from({ length: next(8) }, () => next(length + 1));
  return cuts.sort((one, other) => one - other);
}

function mutate(next: Random, bytes: Buffer): Buffer {
  const at = next(bytes.length);
  const inserted = Buffer.from(
    pick(next, ['\r', '\n', '\r\n', ' ', ':', '0', 'content-length: 1\r\n', '\0', ';', 'ÿ']),
    'latin1',
  );
  switch (next(3)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + next(4))]);
    default:
      return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + inserted.length)]);
  }
}

describe('random responses', () => {
  it('that are good are read whole, however they are cut', () => {
    for (let seed = 0; seed < 3_000; seed++) {
      const next = random(seed);
      const { bytes, body } = generate(next);
      const told = parse(bytes, randomCuts(next, bytes.length));
      const good = told.status === 200 && told.body === body && told.end === 'complete' && told.read === bytes.length;
      if (!good) throw new Error(`seed ${seed}: ${JSON.stringify({ bytes: bytes.toString('latin1'), told })}`);
    }
  });

  it('that are damaged are read in one way only, however they are cut', () => {
    const ends = new Set<string>();
    for (let seed = 0; seed < 6_000; seed++) {
      const next = random(seed);
      let { bytes } = generate(next);
      for (let damage = 1 + next(3); damage > 0; damage--) bytes = mutate(next, bytes);
      const whole = parse(bytes, [], true);
      ends.add(whole.end);
      const cut = parse(bytes, randomCuts(next, bytes.length), true);
      // After a fault nobody cares how much of the rest was looked at.
      if (whole.end !== 'complete') cut.read = whole.read;
      const [one, other] = [JSON.stringify(whole), JSON.stringify(cut)];
      if (one !== other) throw new Error(`seed ${seed}: ${JSON.stringify(bytes.toString('latin1'))} ${one} ${other}`);
    }
    expect([...ends]).toEqual(
      expect.arrayContaining(['complete', 'incomplete', 'NOT_HTTP', 'BAD_HEADER', 'BAD_CHUNK']),
    );
  });
});
