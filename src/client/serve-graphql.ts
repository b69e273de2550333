/**
 * One GraphQL request over node's own request and response: admitted, read, answered, told of. Clock: per request.
 * In: a request to the GraphQL path, from the server itself (the usual POST) or through fastify (everything else: what
 * its hooks have set as headers stays). Out: the answer's bytes, once. Every decision is made in the files beside it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, deflate, gzip } from 'node:zlib';
import { ClientError, type ErrorCode } from '../errors';
import { type Log, silentLog } from '../telemetry/log';
import type { Tracer } from '../telemetry/traces';
import type { ClientAddress } from './client-address';
import type { RequestScope } from './door';
import { type HttpStream, isStream, type StreamRegistry } from './event-streams';
import { Exchange, type ExchangeObserver } from './exchange';
import { admitHeaders, type GraphQLHandler } from './graphql-handler';
import { answerErrors, type HttpAnswer } from './graphql-response';
import { type LoadShedder, overloaded } from './load-shedding';
import { type ContentCoding, negotiateCoding } from './negotiation';
import { checkAnnouncedLength, tooLarge } from './request-body';

export interface ServeOptions {
  readonly handle: GraphQLHandler;
  readonly observer: ExchangeObserver;
  readonly log: Log;
  readonly tracer?: Tracer | undefined;
  readonly maxBodyBytes: number;
  readonly compression: boolean;
  /** The code with which the connection of a response was ended beside it, if it was. */
  readonly refusalOf: (response: ServerResponse) => ErrorCode | undefined;
  readonly clientAddress: ClientAddress;
  readonly streams: StreamRegistry;
  /** Who asks, as a text of its own for each; undefined for nobody. */
  readonly callerOf: (context: RequestScope) => string | undefined;
  /** Absent: nobody is refused for there being too much to do. */
  readonly shedder?: LoadShedder | undefined;
}

/** `id` will be the answer's `x-request-id`. */
export type ServeGraphQL = (request: IncomingMessage, response: ServerResponse, id: string) => void;

/** Serves the GraphQL path. Nothing but the exchange itself may have read the request or written to the response. */
export function createServeGraphQL(options: ServeOptions): ServeGraphQL {
  const { handle, observer, maxBodyBytes, tracer } = options;
  return (request, response, id) => {
    const verdict = options.shedder?.judge(request.rawHeaders) ?? 'admit';
    if (verdict === 'refuse') {
      refuseOverloaded(response, id, overloadedAnswer);
      return;
    }
    const leave = options.shedder?.begin();
    const ip = options.clientAddress(request, request.socket.remoteAddress ?? '');
    const exchange = new Exchange(id, options.log, tracer?.start(request));
    exchange.needsPriority = verdict === 'ask';
    observer.started();
    response.once('close', () => {
      leave?.();
      exchange.closed();
      observer.ended(exchange, options.refusalOf(response));
    });
    const send = (answer: HttpAnswer | HttpStream) => {
      if (!isStream(answer)) return sendAnswer(request, response, exchange, answer, options.compression);
      const caller = exchange.context && options.callerOf(exchange.context);
      if (options.streams.take(ip, caller)) {
        // From now on it waits for events.
        leave?.();
        return startStream(response, exchange, answer, options.streams, { ip, caller });
      }
      exchange.context?.dispose();
      throw new ClientError('TOO_MANY_CONNECTIONS', 'Too many connections are open.');
    };
    const refuse = (error: unknown) =>
      void send(answerErrors([error], exchange.negotiated?.mediaType ?? 'application/json', exchange));
    // A plugin may have set a header or a status that node refuses to write: that is an answer too.
    const proceed = (body: Buffer | undefined) => {
      exchange.requestBytes = body?.length ?? 0;
      handle({ message: request, ip, body, exchange }).then(send).catch(refuse);
    };
    try {
      admitHeaders(request, exchange);
      if (request.method === 'POST') checkAnnouncedLength(request.headers, maxBodyBytes);
    } catch (error) {
      refuse(error);
      return;
    }
    if (request.method === 'POST') readBody(request, maxBodyBytes, proceed, refuse);
    else proceed(undefined);
  };
}

const overloadedAnswer = answerErrors([overloaded()], 'application/json', { id: '', log: silentLog });

/**
 * At the cost of a few microseconds, for there is no time: no body is read, no line is logged. What the client still sends
 * is read by node and thrown away.
 */
export function refuseOverloaded(response: ServerResponse, id: string, answer: HttpAnswer): void {
  const { status, headers, body } = answer;
  response.writeHead(status, headers.concat('x-request-id', id, 'content-length', String(body.length)));
  response.end(body, 'latin1');
}

/**
 * Calls back once: with the whole body, or with PAYLOAD_TOO_LARGE as soon as it is; with neither when the client leaves.
 * What follows a refusal is read by node and thrown away, within the time that a request may take: a connection that
 * is cut while the client still sends would lose the answer to a reset.
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  done: (body: Buffer) => void,
  refuse: (error: unknown) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    const before = size;
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else if (before <= maxBytes) refuse(tooLarge(maxBytes));
  });
  request.on('end', () => {
    if (size > maxBytes) return;
    const [first] = chunks;
    done(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size));
  });
}

/** Smaller answers fit a packet or two as they are. */
const compressionThresholdBytes = 1_024;

export function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  exchange: Exchange,
  answer: HttpAnswer,
  compression: boolean,
): void | Promise<void> {
  const { body, headers } = answer;
  const bytes = Buffer.byteLength(body);
  const isLong = compression && bytes >= compressionThresholdBytes;
  const coding = isLong ? negotiateCoding(request.headers['accept-encoding'], codings) : undefined;
  if (coding === undefined) {
    // Who keeps it must not give it to somebody who would get it compressed.
    const plain = isLong && headers.includes('vary') ? addVary(headers, 'accept-encoding') : headers;
    // Text of ASCII alone is written without being encoded.
    end(response, exchange, { ...answer, headers: plain }, body, bytes, bytes === body.length ? 'latin1' : 'utf8');
    return;
  }
  return compressors[coding](body).then((compressed) => {
    const varied = addVary(headers, 'accept-encoding').concat('content-encoding', coding);
    // Other bytes, and the same meaning: a weak tag (RFC 9110, section 8.8.3).
    const coded = varied.map((value, index) => (varied[index - 1] === 'etag' ? `W/${value}` : value));
    end(response, exchange, { ...answer, headers: coded }, compressed, compressed.length, 'latin1');
  });
}

/** The headers with one more name in their one `vary`. */
function addVary(headers: readonly string[], name: string, place: 'first' | 'last' = 'last'): string[] {
  const at = headers.indexOf('vary');
  if (at < 0) return [...headers, 'vary', name];
  const known = headers[at + 1] ?? '';
  if (known.toLowerCase().split(', ').includes(name.toLowerCase())) return [...headers];
  return headers.with(at + 1, place === 'first' ? `${name}, ${known}` : `${known}, ${name}`);
}

function startStream(
  response: ServerResponse,
  exchange: Exchange,
  stream: HttpStream,
  registry: StreamRegistry,
  { ip, caller }: { readonly ip: string; readonly caller: string | undefined },
): void {
  if (response.destroyed || response.headersSent) {
    registry.giveBack(ip, caller);
    exchange.context?.dispose();
    return;
  }
  exchange.sent(200);
  response.writeHead(200, stream.headers.concat('x-request-id', exchange.id));
  const running = stream.start({
    get bufferedBytes() {
      return response.writableLength;
    },
    send: (message) => response.write(message),
    onDrain: (callback) => response.on('drain', callback),
    end: (text) => response.end(text),
    destroy: () => response.destroy(),
  });
  registry.add(running, ip, caller);
  response.once('close', () => {
    registry.remove(running);
    running.closed();
  });
}

/** Up to here one piece is cheaper to write than two. */
const maxJoinedBytes = 8_192;

function end(
  response: ServerResponse,
  exchange: Exchange,
  { status, headers, code }: HttpAnswer,
  body: string | Buffer,
  bytes: number,
  encoding: 'latin1' | 'utf8',
): void {
  // The client left, or what it sent after its headers was refused on the socket.
  if (response.destroyed || response.headersSent) return;
  exchange.code = code;
  exchange.responseBytes = bytes;
  const vary = response.getHeader('vary');
  const all = vary === undefined ? headers : addVary(headers, String(vary), 'first');
  if (status === 304) {
    response.writeHead(status, [...all, 'x-request-id', exchange.id]);
    response.end(() => exchange.sent(status));
    return;
  }
  response.writeHead(status, [...all, 'x-request-id', exchange.id, 'content-length', String(bytes)]);
  const { socket } = response;
  if (socket === null) {
    response.end(body, encoding, () => exchange.sent(status));
    return;
  }
  // `end` with a body would hand the socket two pieces, of which the second is empty: that costs more than this.
  socket.cork();
  // Node would join headers and body to one text: of a long one that is a copy for nothing.
  if (bytes > maxJoinedBytes) response.flushHeaders();
  response.write(body, encoding);
  socket.uncork();
  response.end(() => exchange.sent(status));
}

/** The best first. */
const codings: readonly ContentCoding[] = ['br', 'gzip', 'deflate'];

/** Brotli's own default (11) takes a hundred times as long as this level, for a tenth of the bytes. */
const brotliQuality = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

const compressBrotli = promisify<string, typeof brotliQuality, Buffer>(brotliCompress);

const compressors: Readonly<Record<ContentCoding, (text: string) => Promise<Buffer>>> = {
  br: (text) => compressBrotli(text, brotliQuality),
  gzip: promisify<string, Buffer>(gzip),
  deflate: promisify<string, Buffer>(deflate),
};
