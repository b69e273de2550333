/**
 * Answers onto fastify's replies, and fastify's own failures into answers. Clock: per request.
 * Whatever goes wrong on the way to a handler (routing, body, a hook) ends here as a well-formed answer.
 */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { ClientError } from '../errors';
import type { Log } from '../telemetry/log';
import type { AnswerRefusal } from './graphql-response';
import { tooLarge } from './request-body';

export interface FailureOptions {
  readonly answerRefusal: AnswerRefusal;
  readonly log: Log;
  readonly maxBodyBytes: number;
}

/** Sends one error: the handler of everything that was thrown beside the GraphQL path. */
export function sendError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { answerRefusal, log, maxBodyBytes }: FailureOptions,
): FastifyReply {
  // Fastify would cut the connection while the client still sends: it would lose this answer to a reset.
  // Node reads on and throws the rest away, within the time that a request may take.
  reply.removeHeader('connection');
  const family = toFamily(error, maxBodyBytes);
  const { status, headers, body } = answerRefusal(family, request.raw.url, { id: request.id, log });
  for (let index = 0; index + 1 < headers.length; index += 2) reply.header(headers[index] ?? '', headers[index + 1]);
  return reply.code(status).send(body);
}

/** Fastify's errors by their codes: what it blames on the client is ours to word, all else is a defect and masked. */
function toFamily(error: unknown, maxBodyBytes: number): unknown {
  if (error instanceof ClientError) return error;
  const { code, statusCode = 500 } = error as Partial<FastifyError>;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return tooLarge(maxBodyBytes);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ClientError('UNSUPPORTED_MEDIA_TYPE', 'The content type cannot be read.');
  }
  if (statusCode >= 400 && statusCode < 500) return new ClientError('BAD_REQUEST', 'The request is malformed.');
  return error;
}

/**
 * The answer to a method or a path that has no route: 405 with `Allow` where the path is known, else 404.
 * `allowed` maps a path to its methods. OPTIONS on a known path is answered, without any permission for other origins.
 */
export function createNotFoundHandler(allowed: ReadonlyMap<string, string>, options: FailureOptions) {
  return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const url = request.raw.url ?? '';
    const end = url.indexOf('?');
    const allow = allowed.get(end < 0 ? url : url.slice(0, end));
    if (allow !== undefined && request.method === 'OPTIONS') return reply.code(204).header('allow', allow).send();
    const error =
      allow === undefined
        ? new ClientError('NOT_FOUND', 'There is nothing at this path.')
        : new ClientError('METHOD_NOT_ALLOWED', 'This path does not have this method.', { headers: { allow } });
    return sendError(error, request, reply, options);
  };
}

/** For failures so early that no hook ran: a URL that cannot be decoded. */
export function createFrameworkErrorHandler(headers: Readonly<Record<string, string>>, options: FailureOptions) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
    reply.header('x-request-id', request.id).headers(headers);
    sendError(error, request, reply, options);
  };
}

/** Takes the response from fastify, with the headers that its hooks (CORS) have set. */
export function handOver(reply: FastifyReply, securityHeaders: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined && !Object.hasOwn(securityHeaders, name)) reply.raw.setHeader(name, value);
  }
  reply.hijack();
}
