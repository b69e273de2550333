/**
 * A route that a subgraph answers itself: its body is passed on as it comes and within its limit, the answer likewise.
 * In: a request whose caller is known. Out: the answer, streamed, or a problem. Clock: per request.
 * Nothing passes that the configuration does not name: neither headers nor parameters, nor what a subgraph says of itself.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ClientError, SubgraphError } from '../../errors';
import type { RequestScope } from '../door';
import type { Exchange } from '../exchange';
import { preventCookieCsrf } from '../graphql-request';
import { type HttpAnswer, withHeaders } from '../graphql-response';
import { rateLimitHeaders } from '../rate-limit-headers';
import { checkAnnouncedLength, parseContentType, tooLarge } from '../request-body';
import { dataSecurityHeaders } from '../security-headers';
import { needsSignIn } from './openapi-proxy';
import { readSearch } from './parameters';
import { problemOf, subgraphProblem } from './respond';
import type { ProxyRoute } from './routes';

export interface ProxiedRequest {
  readonly subgraph: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable | undefined;
  readonly signal: AbortSignal;
  /** After which the signal ends it. */
  readonly timeoutMs: number;
}

export interface ProxyDeps {
  /** Rejects with a `SubgraphError`. */
  readonly forward: (request: ProxiedRequest, context: RequestScope) => Promise<IncomingMessage>;
  /** Charges the request; resolves with why it is refused, if it is. */
  readonly limit: (context: RequestScope) => Promise<readonly ClientError[]>;
  readonly isOfAudience: (context: RequestScope, audience: NonNullable<ProxyRoute['audience']>) => boolean;
}

export interface ProxyParts {
  readonly route: ProxyRoute;
  /** Of the variables of its path. */
  readonly values: ReadonlyMap<string, string>;
  /** The query string, without its `?`. */
  readonly search: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly exchange: Exchange;
  readonly context: RequestScope;
  readonly isAnonymous: boolean;
}

/** Of the client, whatever the route: they say what of the answer is wanted. */
const wishes = ['accept', 'range', 'if-range', 'if-none-match', 'if-modified-since'];

/** Of the subgraph: they say what the answer is. None names a place, a cookie or a server. */
const facts = [
  'content-type',
  'content-length',
  'content-disposition',
  'content-language',
  'content-range',
  'accept-ranges',
  'cache-control',
  'etag',
  'last-modified',
];

/**
 * Answers the request; undefined when the answer was streamed. Throws BAD_REQUEST, UNAUTHENTICATED, PAYLOAD_TOO_LARGE,
 * UNSUPPORTED_MEDIA_TYPE, CSRF_PREVENTED, and the `SubgraphError` of a subgraph that cannot be asked.
 */
export async function proxyRequest(parts: ProxyParts, deps: ProxyDeps): Promise<HttpAnswer | undefined> {
  const { route, request, exchange, context, isAnonymous } = parts;
  checkRights(parts, deps);
  checkBody(route, request.headers);
  const path = targetOf(parts);
  const refusals = await deps.limit(context);
  if (refusals.length > 0) return withLimits(problemOf(refusals, exchange, isAnonymous), context);
  const call = new ProxiedCall(parts);
  try {
    const { subgraph, method } = route;
    const headers = headersFor(route, request.headers);
    const { body, signal, timeoutMs } = call;
    const answer = await deps.forward({ subgraph, method, path, headers, body, signal, timeoutMs }, context);
    const status = answer.statusCode ?? 502;
    if (status < 300 || status === 304) return await call.send(answer, status);
    return withLimits(await call.refuse(answer, status), context);
  } catch (error) {
    throw call.failure ?? error;
  } finally {
    call.end();
  }
}

function withLimits(answer: HttpAnswer, { told }: RequestScope): HttpAnswer {
  if (!told?.rateLimits) return answer;
  return withHeaders(answer, rateLimitHeaders(told.rateLimits, answer.status >= 400));
}

function checkRights({ route, request: { headers }, context, isAnonymous }: ProxyParts, deps: ProxyDeps): void {
  if (needsSignIn(route) && isAnonymous) throw new ClientError('UNAUTHENTICATED', 'Sign in first.');
  if (route.audience && !deps.isOfAudience(context, route.audience))
    throw new ClientError('UNAUTHORIZED_FIELD_OR_TYPE', 'This is for others.');
  // A form of another site comes with its reader's cookies, and with nothing that only a script could send.
  if (route.method !== 'GET') preventCookieCsrf(headers);
}

function checkBody({ contentTypes, maxRequestBytes, method }: ProxyRoute, headers: IncomingHttpHeaders): void {
  if (!hasBody(headers)) {
    if (contentTypes.length > 0) throw new ClientError('BAD_REQUEST', 'The request has no body.');
    return;
  }
  if (contentTypes.length === 0) throw new ClientError('BAD_REQUEST', `This ${method} has no body.`);
  const { essence } = parseContentType(headers['content-type'] ?? '');
  if (!contentTypes.includes(essence))
    throw new ClientError('UNSUPPORTED_MEDIA_TYPE', `The body must be ${contentTypes.join(' or ')}.`);
  // What a signature is over, and what a limit is of, are the bytes themselves.
  if (headers['content-encoding'] !== undefined)
    throw new ClientError('UNSUPPORTED_MEDIA_TYPE', 'The body must come without a content coding.');
  checkAnnouncedLength(headers, maxRequestBytes);
}

function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function targetOf({ route: { targetParts, parameters }, values, search }: ProxyParts): string {
  const parts = targetParts.map((part) =>
    part.kind === 'literal' ? part.text : encodeURIComponent(values.get(part.name) ?? ''),
  );
  const { given, problems } = readSearch(search);
  const [problem] = problems;
  if (problem) throw new ClientError('BAD_REQUEST', `"${problem.field}" ${problem.message}.`);
  const unknown = [...given.keys()].find((name) => !parameters.includes(name));
  if (unknown !== undefined) throw new ClientError('BAD_REQUEST', `There is no parameter "${unknown.slice(0, 60)}".`);
  const pairs = [...given].flatMap(([name, texts]) => texts.map((text) => [name, text]));
  return `/${parts.join('/')}${pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : ''}`;
}

function headersFor(route: ProxyRoute, given: IncomingHttpHeaders): Record<string, string> {
  const ofBody = hasBody(given) ? ['content-type', 'content-length'] : [];
  const names = [...ofBody, ...wishes, ...route.requestHeaders];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = given[name];
      return value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]];
    }),
  );
}

/** Longer refusals are not read: they are no words for a client. */
const maxRefusalBytes = 64_000;

/** One request on its way, with all that may end it. */
class ProxiedCall {
  readonly body: Readable | undefined;
  /** Why it was ended here. */
  failure: Error | undefined;
  /** Of the route, or what the client waits at most. */
  readonly timeoutMs: number;
  private readonly ending = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private readonly onClosed = () => this.ending.abort();

  constructor(private readonly parts: ProxyParts) {
    const { route, request, response, context } = parts;
    const { subgraph, maxRequestBytes } = route;
    this.timeoutMs = Math.min(route.timeoutMs, context.clientTimeoutMs ?? Number.POSITIVE_INFINITY);
    this.timer = setTimeout(() => {
      this.fail(new SubgraphError('GATEWAY_TIMEOUT', subgraph, `Subgraph '${subgraph}' did not answer in time.`));
    }, this.timeoutMs);
    response.once('close', this.onClosed);
    if (hasBody(request.headers))
      this.body = request.pipe(limitBytes(maxRequestBytes, () => this.fail(tooLarge(maxRequestBytes))));
  }

  get signal(): AbortSignal {
    return this.ending.signal;
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.ending.abort(error);
  }

  /** Streams a good answer. What goes wrong on the way ends the connection, so that nobody takes a part for the whole. */
  async send(answer: IncomingMessage, status: number): Promise<undefined> {
    const { route, request, response, exchange, context } = this.parts;
    const { maxResponseBytes, subgraph } = route;
    const oversized = new SubgraphError('SUBREQUEST_HTTP_ERROR', subgraph, `Subgraph '${subgraph}' answered too much.`);
    if (Number(answer.headers['content-length'] ?? 0) > maxResponseBytes) {
      answer.destroy();
      throw oversized;
    }
    const own = { status, headers: headersOf(answer), body: '', code: undefined };
    const { headers } = withLimits(withHeaders(own, context.told?.headers?.list(false) ?? []), context);
    response.writeHead(status, [...headers, 'x-request-id', exchange.id]);
    if (request.method === 'HEAD' || status === 204 || status === 304) {
      answer.destroy();
      response.end();
    } else {
      exchange.code = 'SUBREQUEST_HTTP_ERROR';
      await pipeline(
        answer,
        limitBytes(maxResponseBytes, () => answer.destroy(oversized)),
        response,
      );
      exchange.code = undefined;
    }
    exchange.sent(status);
    return undefined;
  }

  /** A refusal of the subgraph as a problem document, with the words that it has for clients. */
  async refuse(answer: IncomingMessage, status: number): Promise<HttpAnswer> {
    const { exchange } = this.parts;
    const retryAfter = answer.headers['retry-after'];
    const isJson = /^application\/(problem\+)?json\b/.test(answer.headers['content-type'] ?? '');
    const text = isJson ? await readText(answer) : undefined;
    answer.destroy();
    return subgraphProblem(status, { text, retryAfter }, exchange);
  }

  end(): void {
    clearTimeout(this.timer);
    this.parts.response.off('close', this.onClosed);
    // What still comes is read and thrown away: a connection that is cut would lose the answer.
    if (this.body) this.parts.request.unpipe().resume();
    this.ending.abort();
  }
}

/** Passes so many bytes, then nothing more, and tells once. */
function limitBytes(maxBytes: number, onExceeded: () => void): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const before = bytes;
      bytes += chunk.length;
      if (bytes <= maxBytes) done(null, chunk);
      else {
        if (before <= maxBytes) onExceeded();
        done();
      }
    },
  });
}

/** Nothing that was stored by somebody may run in a page of this origin. */
const security = Object.entries({ ...dataSecurityHeaders, 'content-security-policy': "default-src 'none'; sandbox" });

function headersOf({ headers }: IncomingMessage): string[] {
  const told = facts.flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [name, String(value)];
  });
  const cache = headers['cache-control'] === undefined ? ['cache-control', 'no-store'] : [];
  return [...told, ...cache, ...security.flat()];
}

async function readText(answer: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxRefusalBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
