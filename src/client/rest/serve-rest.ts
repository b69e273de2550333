/**
 * One REST request over node's own request and response: route, who asks, parameters, the same `prepare` and `execute`
 * as GraphQL, one answer. Clock: per request. Every failure is a problem document; nothing is executed before every
 * parameter is right.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ClientError, type ErrorCode } from '../../errors';
import { type Log, silentLog } from '../../telemetry/log';
import type { Tracer } from '../../telemetry/traces';
import { personal } from '../caching-headers';
import type { ClientAddress } from '../client-address';
import type { CreateContext, GraphQLDoor, RequestScope } from '../door';
import { Exchange, type ExchangeObserver } from '../exchange';
import { preventCookieCsrf } from '../graphql-request';
import { type HttpAnswer, withHeaders } from '../graphql-response';
import { checkHeaderList, targetOf } from '../http-paths';
import { executeOnce, type Idempotency } from '../idempotency';
import { type LoadShedder, overloaded } from '../load-shedding';
import { rateLimitHeaders } from '../rate-limit-headers';
import { checkAnnouncedLength, checkBodyHeaders, inflateBody, parseJsonText } from '../request-body';
import { readBody, refuseOverloaded, sendAnswer } from '../serve-graphql';
import { readParameters } from './parameters';
import { type ProxyDeps, proxyRequest } from './proxy';
import { answerRoute, parameterProblem, problemOf } from './respond';
import type { AnyRoute, ProxyRoute, RestRoute, RestRoutes } from './routes';

export interface RestOptions {
  readonly door: Pick<GraphQLDoor, 'prepare' | 'execute'>;
  /** The routes of the supergraph that is served. */
  readonly routes: () => RestRoutes;
  /** `/api/v1`, `/api`: each serves every route. */
  readonly prefixes: readonly string[];
  readonly createContext: CreateContext;
  readonly idempotency: Idempotency;
  readonly proxy: ProxyDeps;
  readonly observer: ExchangeObserver;
  readonly log: Log;
  readonly tracer?: Tracer | undefined;
  readonly maxBodyBytes: number;
  readonly compression: boolean;
  /** The code with which the connection of a response was ended beside it, if it was. */
  readonly refusalOf: (response: ServerResponse) => ErrorCode | undefined;
  readonly clientAddress: ClientAddress;
  /** Absent: nobody is refused for there being too much to do. */
  readonly shedder?: LoadShedder | undefined;
}

export interface RestDoor {
  /** What follows the prefix of a REST URL; undefined for a URL that is none. */
  pathOf(url: string): string | undefined;
  serve(request: IncomingMessage, response: ServerResponse, id: string): void;
}

export function createRestDoor(options: RestOptions): RestDoor {
  const prefixes = [...options.prefixes].sort((one, other) => other.length - one.length);
  const pathOf = (url: string): string | undefined => {
    const target = targetOf(url);
    const end = target.indexOf('?');
    const path = end < 0 ? target : target.slice(0, end);
    const prefix = prefixes.find((known) => path === known || (path.startsWith(known) && path[known.length] === '/'));
    return prefix === undefined ? undefined : path.slice(prefix.length);
  };
  return {
    pathOf,
    serve: (request, response, id) => {
      const verdict = options.shedder?.judge(request.rawHeaders) ?? 'admit';
      if (verdict === 'refuse')
        refuseOverloaded(response, id, problemOf([overloaded()], { id, log: silentLog }, false));
      else void new RestExchange(options, request, response, id, pathOf).run(verdict === 'ask');
    },
  };
}

const bodyMethods: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

class RestExchange {
  private readonly exchange: Exchange;
  private readonly url: string;

  constructor(
    private readonly options: RestOptions,
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    id: string,
    private readonly pathOf: RestDoor['pathOf'],
  ) {
    this.url = targetOf(request.url);
    this.exchange = new Exchange(id, options.log, options.tracer?.start(request));
    options.observer.started();
    const leave = options.shedder?.begin();
    response.once('close', () => {
      leave?.();
      this.exchange.closed();
      options.observer.ended(this.exchange, options.refusalOf(response));
    });
  }

  async run(needsPriority: boolean): Promise<void> {
    this.exchange.needsPriority = needsPriority;
    const answer = await this.answer().catch((error: unknown) => this.problem(error));
    const { context } = this.exchange;
    context?.dispose();
    if (!answer) return;
    const { caching, headers } = context?.told ?? {};
    const said = caching?.headers ?? headers?.list(answer.code !== undefined || answer.status >= 400) ?? [];
    await this.send(withHeaders(answer, said));
  }

  private problem(error: unknown): HttpAnswer {
    return problemOf([error], this.exchange, this.isAnonymous());
  }

  private isAnonymous(): boolean {
    const { context } = this.exchange;
    return context === undefined || this.options.idempotency.callerOf(context) === undefined;
  }

  /** Undefined when it was sent already. */
  private async answer(): Promise<HttpAnswer | undefined> {
    const { method = 'GET', headers } = this.request;
    checkHeaderList(this.request);
    const found = this.options.routes().find(method, this.pathOf(this.url) ?? '');
    if (found.kind === 'none') throw new ClientError('NOT_FOUND', 'There is nothing at this path.');
    if (found.kind === 'malformed') throw new ClientError('BAD_REQUEST', found.message);
    if (found.kind === 'method') {
      if (method === 'OPTIONS') return { status: 204, headers: ['allow', found.allow], body: '', code: undefined };
      throw new ClientError('METHOD_NOT_ALLOWED', 'This path does not have this method.', {
        headers: { allow: found.allow },
      });
    }
    const { route, values } = found;
    this.exchange.route = route.name;
    if (route.kind === 'proxy') return this.proxy(route, values);
    checkAccept(headers.accept);
    const body = await this.readBody(route);
    const context = await this.openContext(route);
    if (route.authenticated && this.isAnonymous()) throw new ClientError('UNAUTHENTICATED', 'Sign in first.');
    const parameters = readParameters(route, { values, search: this.search, headers, body });
    if (parameters.kind === 'problems') return parameterProblem(parameters.problems, this.exchange.id);
    const { variables } = parameters;
    const key = headers['idempotency-key'];
    if (route.operation === 'query' || key === undefined) return this.execute(route, variables, context);
    return this.executeOnce(route, variables, context, String(key));
  }

  private get search(): string {
    const start = this.url.indexOf('?');
    return start < 0 ? '' : this.url.slice(start + 1);
  }

  private async openContext({ name }: AnyRoute): Promise<RequestScope> {
    const { headers, rawHeaders, socket } = this.request;
    const { id, trace } = this.exchange;
    trace?.enter('context');
    const ip = this.options.clientAddress(this.request, socket.remoteAddress ?? '');
    const asker = { id, trace, headers, rawHeaders, ip, extensions: undefined, route: name };
    const context = await this.options.createContext(asker);
    this.exchange.opened(context);
    return context;
  }

  private async proxy(route: ProxyRoute, values: ReadonlyMap<string, string>): Promise<HttpAnswer | undefined> {
    const { request, response, exchange, search } = this;
    const context = await this.openContext(route);
    const parts = { route, values, search, request, response, exchange, context, isAnonymous: this.isAnonymous() };
    return proxyRequest(parts, this.options.proxy);
  }

  private async readBody(route: RestRoute): Promise<unknown> {
    const { method = 'GET', headers } = this.request;
    const { maxBodyBytes } = this.options;
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    if (!bodyMethods.has(method)) {
      if (hasBody) throw new ClientError('BAD_REQUEST', `A ${method} has no body.`);
      return undefined;
    }
    if (!hasBody) {
      preventCookieCsrf(headers);
      return undefined;
    }
    // JSON is no type that a page of another site could send.
    checkBodyHeaders(headers, method);
    checkAnnouncedLength(headers, maxBodyBytes);
    const bytes = await new Promise<Buffer>((resolve, reject) => readBody(this.request, maxBodyBytes, resolve, reject));
    const coding = headers['content-encoding'];
    const plain = coding === undefined ? bytes : await inflateBody(bytes, coding, maxBodyBytes);
    return plain.length === 0 ? undefined : parseJsonText(plain, route.bodyNames);
  }

  private async execute(
    route: RestRoute,
    variables: Readonly<Record<string, unknown>>,
    context: RequestScope,
  ): Promise<HttpAnswer> {
    const { door } = this.options;
    this.exchange.trace?.enter('operation');
    const prepared = await door.prepare(route.source, route.operationName);
    if (prepared.kind === 'refused') return problemOf(prepared.errors, this.exchange, false);
    this.exchange.prepared(prepared);
    if (this.exchange.needsPriority) this.options.shedder?.demandPriority(prepared.operationName, context);
    const params = { query: route.source, operationName: route.operationName, variables, extensions: undefined };
    const execution = await door.execute(prepared, params, context);
    const answer = answerRoute(execution, {
      route,
      sink: this.exchange,
      isAnonymous: this.isAnonymous(),
      url: this.url,
      ifNoneMatch: this.request.headers['if-none-match'],
      caching: route.authenticated ? personal(context.told?.caching) : context.told?.caching,
    });
    const limits = context.told?.rateLimits;
    if (limits === undefined) return answer;
    return withHeaders(answer, rateLimitHeaders(limits, answer.status >= 400));
  }

  private executeOnce(
    route: RestRoute,
    variables: Readonly<Record<string, unknown>>,
    context: RequestScope,
    key: string,
  ): Promise<HttpAnswer> {
    const { requests, callerOf } = this.options.idempotency;
    const fingerprint = JSON.stringify([route.operationName, variables]);
    // Who sends it again must find the answer, so it is not ended with the client.
    this.exchange.outliveClient();
    const request = { caller: callerOf(context), key, fingerprint };
    return executeOnce(requests, request, () => this.execute(route, variables, context));
  }

  private async send(answer: HttpAnswer): Promise<void> {
    const { request, response, exchange } = this;
    this.exchange.code = answer.code;
    if (answer.status !== 204 && answer.status !== 304 && request.method !== 'HEAD') {
      await sendAnswer(request, response, exchange, answer, this.options.compression);
      return;
    }
    if (response.destroyed || response.headersSent) return;
    const length = request.method === 'HEAD' ? ['content-length', String(Buffer.byteLength(answer.body))] : [];
    response.writeHead(answer.status, answer.headers.concat('x-request-id', exchange.id, length));
    response.end(() => exchange.sent(answer.status));
  }
}

const acceptable = /(^|,)\s*(\*\/\*|application\/(\*|json|problem\+json))\s*(;(?!\s*q=0(\.0*)?\s*(,|$))[^,]*)?(,|$)/i;

function checkAccept(accept: string | undefined): void {
  if (accept === undefined || accept === '' || acceptable.test(accept)) return;
  throw new ClientError('NOT_ACCEPTABLE', 'Accept application/json.');
}
