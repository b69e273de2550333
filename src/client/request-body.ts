/**
 * The body of a POST: bytes and headers in, one JSON object out. Clock: per request.
 * It never inflates beyond the limit and never answers: every fault is a `ClientError`.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { ClientError } from '../errors';
import { parseJson } from './json-text';

/** A header such as `application/json; charset=utf-8`, taken apart. */
export interface ContentType {
  /** Lower case, without parameters: `application/json`. */
  readonly essence: string;
  /** Lower case, unquoted. */
  readonly charset: string | undefined;
}

/** Takes a `Content-Type` header apart; what cannot be read becomes an essence that no rule accepts. */
export function parseContentType(header: string): ContentType {
  if (header === 'application/json') return { essence: header, charset: undefined };
  const [essence = '', ...parameters] = header.split(';');
  let charset: string | undefined;
  for (const parameter of parameters) {
    const equals = parameter.indexOf('=');
    if (parameter.slice(0, equals).trim().toLowerCase() !== 'charset') continue;
    charset ??= parameter
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .toLowerCase();
  }
  return { essence: essence.trim().toLowerCase(), charset };
}

/**
 * Refuses a POST by its headers, before a byte of the body is read.
 * Throws UNSUPPORTED_MEDIA_TYPE for another type than JSON, another charset than UTF-8 (GraphQL over HTTP, section 4.1),
 * or a content coding that is not one of ours.
 */
export function checkBodyHeaders(headers: IncomingHttpHeaders, method: string): void {
  checkJsonType(headers['content-type'], method);
  codingOf(headers['content-encoding']);
}

/** Refuses a content type that is not JSON in UTF-8. Throws UNSUPPORTED_MEDIA_TYPE. */
export function checkJsonType(header: string | undefined, method: string): void {
  const type = parseContentType(header ?? '');
  if (type.essence !== 'application/json') {
    throw new ClientError('UNSUPPORTED_MEDIA_TYPE', `A ${method} needs the content type application/json.`);
  }
  if (type.charset !== undefined && type.charset !== 'utf-8' && type.charset !== 'utf8') {
    throw new ClientError('UNSUPPORTED_MEDIA_TYPE', 'The charset of JSON is UTF-8.');
  }
}

type Coding = 'identity' | 'gzip' | 'deflate' | 'br';

function codingOf(header: string | undefined): Coding {
  const coding = header?.trim().toLowerCase() ?? 'identity';
  switch (coding) {
    case 'identity':
    case 'gzip':
    case 'deflate':
    case 'br':
      return coding;
    case 'x-gzip':
      return 'gzip';
    default:
      throw new ClientError('UNSUPPORTED_MEDIA_TYPE', 'The content coding of the body is not supported.', {
        headers: { 'accept-encoding': 'gzip, deflate, br' },
      });
  }
}

const inflaters = { gzip: promisify(gunzip), deflate: promisify(inflate), br: promisify(brotliDecompress) };

/**
 * The body without its content coding. At most `maxBytes` are ever inflated, in zlib's own thread.
 * Throws PAYLOAD_TOO_LARGE beyond them, BAD_REQUEST for data that is not of its coding, UNSUPPORTED_MEDIA_TYPE.
 */
export async function inflateBody(body: Buffer, contentEncoding: string, maxBytes: number): Promise<Buffer> {
  const coding = codingOf(contentEncoding);
  if (coding === 'identity') return body;
  try {
    return await inflaters[coding](body, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes);
    throw new ClientError('BAD_REQUEST', `The body is not valid ${coding} data.`);
  }
}

/** Refuses a body by the length that it announces. Throws PAYLOAD_TOO_LARGE. */
export function checkAnnouncedLength(headers: IncomingHttpHeaders, maxBytes: number): void {
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
}

export function tooLarge(maxBytes: number): ClientError {
  return new ClientError('PAYLOAD_TOO_LARGE', `The request body is larger than ${maxBytes} bytes.`);
}

/** Two readers of one request (a firewall and this gateway) must never see two different ones of these. */
const parameters: readonly string[] = ['query', 'documentId', 'operationName', 'variables', 'extensions'];

/** The JSON object that a body holds. Throws BAD_REQUEST for anything else, and for a parameter that is given twice. */
export function parseJsonBody(body: Buffer | undefined): Readonly<Record<string, unknown>> {
  if (body === undefined || body.length === 0) throw badRequest('The body is empty.');
  const value = parseJsonText(body, parameters);
  if (Array.isArray(value)) throw badRequest('Batching is off: the body is an array, but must be one object.');
  if (typeof value !== 'object' || value === null) throw badRequest('The body must be a JSON object.');
  return value as Readonly<Record<string, unknown>>;
}

/** The value of a body of JSON. Throws BAD_REQUEST for what is none, and for a name of `once` that is given twice. */
export function parseJsonText(body: Buffer, once: readonly string[]): unknown {
  if (!isUtf8(body)) throw badRequest('The body is not valid UTF-8.');
  return parseJson(withoutByteOrderMark(body.toString('utf8')), 'The body', once);
}

function badRequest(message: string): ClientError {
  return new ClientError('BAD_REQUEST', message);
}

/** RFC 8259, section 8.1: a parser may ignore it. */
function withoutByteOrderMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
