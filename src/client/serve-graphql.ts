/**
 * One GraphQL request over node's own request and response: admitted, read, answered, told of. Clock: per request.
 * In: a request to the GraphQL path, from the server itself (the usual POST) or through fastify (everything else: what
 * its hooks have set as headers stays). Out: the answer's bytes, once. Every decision is made in the files beside it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, deflate, gzip } from 'node:zlib';
import type { ErrorCode } from '../errors';
import type { Log } from '../telemetry/log';
import { Exchange, type ExchangeObserver } from './exchange';
import { admitHeaders, type GraphQLHandler } from './graphql-handler';
import { answerErrors, type HttpAnswer } from './graphql-response';
import { type ContentCoding, negotiateCoding } from './negotiation';
import { checkAnnouncedLength, tooLarge } from './request-body';

export interface ServeOptions {
  readonly handle: GraphQLHandler;
  readonly observer: ExchangeObserver;
  readonly log: Log;
  readonly maxBodyBytes: number;
  readonly compression: boolean;
  /** The code with which the connection of a response was ended beside it, if it was. */
  readonly refusalOf: (response: ServerResponse) => ErrorCode | undefined;
}

/** `id` will be the answer's `x-request-id`; `ip` is the client's address. */
export type ServeGraphQL = (request: IncomingMessage, response: ServerResponse, id: string, ip: string) => void;

/** Serves the GraphQL path. Nothing but the exchange itself may have read the request or written to the response. */
export function createServeGraphQL(options: ServeOptions): ServeGraphQL {
  const { handle, observer, maxBodyBytes } = options;
  return (request, response, id, ip) => {
    const exchange = new Exchange(id, options.log);
    observer.started();
    response.once('close', () => {
      exchange.closed();
      observer.ended(exchange, options.refusalOf(response));
    });
    const send = (answer: HttpAnswer) => sendAnswer(request, response, exchange, answer, options.compression);
    const refuse = (error: unknown) =>
      void send(answerErrors([error], exchange.negotiated?.mediaType ?? 'application/json', exchange));
    // A plugin may have set a header or a status that node refuses to write: that is an answer too.
    const proceed = (body: Buffer | undefined) =>
      void handle({ message: request, ip, body, exchange }).then(send).catch(refuse);
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

/**
 * Calls back once: with the whole body, or with PAYLOAD_TOO_LARGE as soon as it is; with neither when the client leaves.
 * What follows a refusal is read by node and thrown away, within the time that a request may take: a connection that
 * is cut while the client still sends would lose the answer to a reset.
 */
function readBody(
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

function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  exchange: Exchange,
  answer: HttpAnswer,
  compression: boolean,
): void | Promise<void> {
  const { body } = answer;
  const bytes = Buffer.byteLength(body);
  const coding =
    compression && bytes >= compressionThresholdBytes
      ? negotiateCoding(request.headers['accept-encoding'], codings)
      : undefined;
  if (coding === undefined) {
    // Text of ASCII alone is written without being encoded.
    end(response, exchange, answer, body, bytes, bytes === body.length ? 'latin1' : 'utf8');
    return;
  }
  return compressors[coding](body).then((compressed) => {
    const { headers } = answer;
    const vary = [response.getHeader('vary') ?? [], 'accept-encoding'].flat().join(', ');
    const coded = { ...answer, headers: [...headers, 'content-encoding', coding, 'vary', vary] };
    end(response, exchange, coded, compressed, compressed.length, 'latin1');
  });
}

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
  response.writeHead(status, headers.concat('x-request-id', exchange.id, 'content-length', String(bytes)));
  response.end(body, encoding, () => exchange.sent(status));
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
