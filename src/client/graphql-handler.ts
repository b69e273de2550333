/**
 * The way of a GraphQL request over HTTP, until the lanes part: read, who asks, prepare, then one lane answers.
 * A request whose body was read in, an `HttpAnswer` out; it never throws. Clock: per request.
 */
import type { IncomingMessage } from 'node:http';
import { ClientError } from '../errors';
import type { ApolloLane, LaneRequest } from './apollo-lane';
import { type Condition, withCaching } from './caching-headers';
import { chooseDocument, type TrustedDocuments } from './document-choice';
import type { CreateContext, GraphQLDoor, PreparedOperation, RefusedOperation } from './door';
import {
  type HttpStream,
  isStream,
  type StreamDeps,
  type StreamProtocol,
  streamOperation,
  streamRefusal,
} from './event-streams';
import type { Exchange } from './exchange';
import { checkHeaders, readGet, readPost } from './graphql-request';
import { answerErrors, answerExecution, answerRefusal, type HttpAnswer, withHeaders } from './graphql-response';
import { checkHeaderList } from './http-paths';
import { executeOnce, type Idempotency } from './idempotency';
import type { LoadShedder } from './load-shedding';
import { negotiate, negotiateParts, negotiateStream } from './negotiation';
import { rateLimitHeaders } from './rate-limit-headers';

export interface GraphQLHttpRequest {
  /** Its method is GET or POST. */
  readonly message: IncomingMessage;
  /** The client's address. */
  readonly ip: string;
  /** Of a POST. */
  readonly body: Buffer | undefined;
  readonly exchange: Exchange;
}

/** Never rejects. */
export type GraphQLHandler = (request: GraphQLHttpRequest) => Promise<HttpAnswer | HttpStream>;

export interface GraphQLHandlerOptions {
  readonly door: GraphQLDoor;
  readonly createContext: CreateContext;
  readonly apolloLane: ApolloLane;
  /** Whether a prepared POST may skip Apollo Server. */
  readonly expressLane: boolean;
  readonly maxBodyBytes: number;
  readonly idempotency: Idempotency;
  /** Absent: no document has an id but that of an automatic persisted query. */
  readonly trusted?: TrustedDocuments | undefined;
  /** Absent: nobody is refused for there being too much to do. */
  readonly shedder?: LoadShedder | undefined;
  /** Absent when streams are not served. */
  readonly streams?: StreamDeps | undefined;
}

/**
 * Refuses a request by its headers, before its body is read, and notes the media type of the answer on the exchange.
 * Throws NOT_ACCEPTABLE, REQUEST_HEADERS_TOO_LARGE, CSRF_PREVENTED, UNSUPPORTED_MEDIA_TYPE.
 */
export function admitHeaders(request: IncomingMessage, exchange: Exchange): void {
  const { method, headers } = request;
  exchange.negotiated = negotiate(headers.accept);
  exchange.stream = negotiateStream(headers.accept);
  exchange.takesParts = negotiateParts(headers.accept);
  if (exchange.negotiated === undefined && exchange.stream === undefined && !exchange.takesParts) {
    throw new ClientError('NOT_ACCEPTABLE', 'Accept application/graphql-response+json or application/json.');
  }
  checkHeaderList(request);
  checkHeaders(method === 'POST' ? 'POST' : 'GET', headers);
}

/** The handler of the GraphQL path. `admitHeaders` must have passed before. */
export function createGraphQLHandler(options: GraphQLHandlerOptions): GraphQLHandler {
  return async function handle(request) {
    const { exchange } = request;
    let answered: HttpAnswer | HttpStream | undefined;
    try {
      answered = await answer(options, request);
      return withTold(answered, request, options.expressLane);
    } catch (error) {
      return answerErrors([error], exchange.negotiated?.mediaType ?? 'application/json', exchange);
    } finally {
      // A stream disposes of its context itself.
      if (answered === undefined || !isStream(answered)) exchange.context?.dispose();
    }
  };
}

/** The answer with what was told beside it: what subgraphs say, how long it holds, and what was used of limits. */
function withTold(
  answer: HttpAnswer | HttpStream,
  { message, exchange }: GraphQLHttpRequest,
  isOurText: boolean,
): HttpAnswer | HttpStream {
  const told = exchange.context?.told;
  if (told === undefined || isStream(answer)) return answer;
  const { rateLimits, caching, headers } = told;
  const said = caching?.headers ?? headers?.list(answer.code !== undefined) ?? [];
  const over = withHeaders(answer, said);
  // A plugin may have changed the text since it was reported on.
  const report = caching && !isOurText ? { ...caching, etag: undefined } : caching;
  const cached = report === undefined ? over : withCaching(over, report, conditionOf(message, exchange));
  if (rateLimits === undefined) return cached;
  const { status, body, code } = cached;
  const used = rateLimitHeaders(rateLimits, answer.status >= 400);
  return { status, headers: [...cached.headers, ...used], body, code };
}

function conditionOf({ method, headers }: IncomingMessage, { negotiated }: Exchange): Condition {
  const representation = negotiated?.mediaType === 'application/json' ? '' : '-g';
  return { method, ifNoneMatch: headers['if-none-match'], representation };
}

async function answer(options: GraphQLHandlerOptions, request: GraphQLHttpRequest): Promise<HttpAnswer | HttpStream> {
  const { door, apolloLane } = options;
  const { exchange, ip } = request;
  const { headers, rawHeaders, url = '' } = request.message;
  const method = request.message.method === 'POST' ? 'POST' : 'GET';
  const negotiated = exchange.negotiated ?? { mediaType: 'application/json', jsonByName: false };
  const read = method === 'POST' ? readPost(headers, request.body, options.maxBodyBytes) : readGet(searchOf(url));
  const { params, hash, isTrusted } = chooseDocument(read instanceof Promise ? await read : read, options.trusted);
  const { trace } = exchange;
  trace?.enter('context');
  const context = await options.createContext({
    id: exchange.id,
    trace,
    headers,
    rawHeaders,
    ip,
    extensions: params.extensions,
  });
  exchange.opened(context);
  const laneRequest: LaneRequest = { method, headers, params, negotiated, context, sink: exchange };

  const source = params.query || (hash === undefined ? undefined : await apolloLane.findPersisted(hash));
  // A hash that nobody registered: Apollo Server says so, in the words that its clients know.
  if (source === undefined) return apolloLane.answer(laneRequest);

  trace?.enter('operation');
  const { streams } = options;
  const refusal = isTrusted ? undefined : options.trusted?.judge(source, params.operationName);
  const prepared = refusal ? refused(refusal) : await door.prepare(source, params.operationName);
  if (prepared.kind === 'refused') {
    if (streams && exchange.stream === 'sse') return streamRefusal('sse', prepared.errors, context);
    return answerRefusal(prepared.errors, negotiated, exchange);
  }
  exchange.prepared(prepared);
  if (exchange.needsPriority) options.shedder?.demandPriority(prepared.operationName, context);
  const stream = streams && streamFor(exchange.stream, prepared);
  checkOperation(method, prepared, stream !== undefined);
  const key = prepared.operation === 'mutation' ? headers['idempotency-key'] : undefined;
  if (key === undefined) {
    if (streams && stream) return streamOperation(stream, { prepared, params, context }, streams);
    if (streams && exchange.takesParts && prepared.defers) return executeInParts(prepared, laneRequest, streams);
    return execute(options, prepared, laneRequest, hash);
  }
  if (exchange.negotiated === undefined) {
    throw new ClientError('NOT_ACCEPTABLE', 'What is sent with an Idempotency-Key is answered in one piece, as JSON.');
  }
  const { requests, callerOf } = options.idempotency;
  const fingerprint = JSON.stringify([source, prepared.operationName, params.variables]);
  // Who sends it again must find the answer, so it is not ended with the client.
  exchange.outliveClient();
  const keyed = { caller: callerOf(context), key: String(key), fingerprint };
  return executeOnce(requests, keyed, () => execute(options, prepared, laneRequest, hash));
}

async function execute(
  { door, apolloLane, expressLane }: GraphQLHandlerOptions,
  prepared: PreparedOperation,
  request: LaneRequest,
  hash: string | undefined,
): Promise<HttpAnswer> {
  // Apollo Server keeps the text that comes with a hash.
  if (!expressLane || (hash !== undefined && request.params.query)) return apolloLane.answer(request);
  const { params, context, negotiated, sink } = request;
  return answerExecution(await door.execute(prepared, params, context), negotiated, sink);
}

/** The answer as a stream, where something of it comes later. Apollo Server cannot: its plugins are not asked. */
async function executeInParts(
  prepared: PreparedOperation,
  { params, context, negotiated, sink }: LaneRequest,
  streams: StreamDeps,
): Promise<HttpAnswer | HttpStream> {
  const execution = await streams.door.execute(prepared, params, context, true);
  if (execution.kind === 'text' || !execution.later) return answerExecution(execution, negotiated, sink);
  return streamOperation('parts', { prepared, params, context, execution }, streams);
}

function refused(error: ClientError): RefusedOperation {
  return { kind: 'refused', errors: [error] };
}

function searchOf(url: string): string {
  const question = url.indexOf('?');
  return question < 0 ? '' : url.slice(question);
}

/** Multipart is for subscriptions: a client that offers it for others takes an answer of one piece as well. */
function streamFor(wanted: StreamProtocol | undefined, { operation }: PreparedOperation): StreamProtocol | undefined {
  return wanted === 'multipart' && operation !== 'subscription' ? undefined : wanted;
}

function checkOperation(method: 'GET' | 'POST', { operation }: PreparedOperation, isStream: boolean): void {
  if (operation === 'subscription' && !isStream) {
    throw new ClientError(
      'SUBSCRIPTION_NOT_SUPPORTED',
      'A subscription needs a WebSocket, or a stream: accept text/event-stream.',
    );
  }
  if (method === 'GET' && operation === 'mutation') {
    throw new ClientError('METHOD_NOT_ALLOWED', 'A mutation needs a POST: a GET must not change anything.', {
      headers: { allow: 'POST' },
    });
  }
}
