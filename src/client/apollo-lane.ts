/**
 * The lane through Apollo Server: automatic persisted queries, GET, and every Apollo plugin that a user installs.
 * A prepared request in, an `HttpAnswer` out, the same bytes as the express lane. Clock: per request.
 * It is called directly (`executeHTTPGraphQLRequest`), so that reading, refusing and writing stay ours on both lanes.
 */
import {
  ApolloServer,
  type ApolloServerPlugin,
  type GraphQLRequestContextWillSendResponse,
  HeaderMap,
  type HTTPGraphQLRequest,
} from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import type { FormattedExecutionResult, GraphQLError } from 'graphql';
import { InternalError } from '../errors';
import type { Log } from '../telemetry/log';
import type { GraphQLDoor, GraphQLParams, RequestScope } from './door';
import { codeOf, type ErrorSink, formatErrors } from './error-format';
import { answerErrors, failureStatus, type HttpAnswer, responseHeaders, stringifyResult } from './graphql-response';
import type { Negotiated } from './negotiation';

export type { ApolloServerPlugin };

/** What either lane is given: everything that was decided before the lanes part. */
export interface LaneRequest {
  readonly method: 'GET' | 'POST';
  /** Every header of the request, names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly params: GraphQLParams;
  readonly negotiated: Negotiated;
  readonly context: RequestScope;
  /** Where masked errors are logged. */
  readonly sink: ErrorSink;
}

export interface ApolloLane {
  /** Loads the gateway. Rejects when the gateway does. */
  start(): Promise<void>;
  answer(request: LaneRequest): Promise<HttpAnswer>;
  /** The text of a document that was registered by this hash (automatic persisted queries). */
  findPersisted(hash: string): Promise<string | undefined>;
  stop(): Promise<void>;
}

export interface ApolloLaneOptions {
  readonly door: GraphQLDoor;
  readonly introspection: boolean;
  readonly plugins: readonly ApolloServerPlugin[];
  readonly log: Log;
}

/** What one request's hooks leave behind for the code that called Apollo Server. */
interface Passage {
  readonly request: LaneRequest;
  sent?: GraphQLRequestContextWillSendResponse<RequestScope>;
  unexpected?: unknown;
}

/** Apollo Server over the door's gateway. `start` must have resolved before `answer` is called. */
export function createApolloLane(options: ApolloLaneOptions): ApolloLane {
  const passages = new WeakMap<object, Passage>();
  const { gateway } = options.door;
  const server = new ApolloServer<RequestScope>({
    // Who made the gateway stops it: the other doors still use it while this one closes.
    gateway: {
      load: (apollo) => gateway.load(apollo),
      onSchemaLoadOrUpdate: (callback) => gateway.onSchemaLoadOrUpdate(callback),
      stop: async () => {},
    },
    introspection: options.introspection,
    // The door has validated every text before this lane, and does so for the gateway's executor too: graphql-js would
    // compare each field with each other of its name.
    dangerouslyDisableValidation: true,
    plugins: [observe(passages), ...options.plugins, ...disabledDefaults(options.plugins)],
    logger: apolloLogger(options.log),
    // Without these four Apollo Server reads NODE_ENV and decides on its own.
    nodeEnv: 'production',
    csrfPrevention: true,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    // The text is made in `answer`, from what the plugins left.
    stringifyResult: () => '',
  });
  return {
    start: () => server.start(),
    stop: () => server.stop(),
    findPersisted: (hash) => server.cache.get(`apq:${hash}`),
    async answer(request) {
      const httpGraphQLRequest = toApolloRequest(request);
      const passage: Passage = { request };
      passages.set(httpGraphQLRequest, passage);
      const { status, headers } = await server.executeHTTPGraphQLRequest({
        httpGraphQLRequest,
        context: async () => request.context,
      });
      return toAnswer(passage, status ?? 200, headers);
    },
  };
}

/** Formats errors and sets the status, before the plugins of a user see (and may change) the response. */
function observe(passages: WeakMap<object, Passage>): ApolloServerPlugin<RequestScope> {
  const passageOf = (http: object | undefined) => (http === undefined ? undefined : passages.get(http));
  return {
    async requestDidStart() {
      return {
        async willSendResponse(context) {
          const passage = passageOf(context.request.http);
          if (passage === undefined) return;
          passage.sent = context;
          const { body, http } = context.response;
          if (body.kind !== 'single' || context.errors === undefined || context.errors.length === 0) return;
          body.singleResult.errors = formatErrors(context.errors, passage.request.sink);
          if (context.errors.some(setsStatus)) return;
          const failed = body.singleResult.data === undefined;
          http.status = failed ? failureStatus(context.errors, passage.request.negotiated) : 200;
        },
      };
    },
    async unexpectedErrorProcessingRequest({ requestContext, error }) {
      const passage = passageOf(requestContext.request.http);
      if (passage !== undefined) passage.unexpected = error;
    },
  };
}

/** An error whose author chose the status, as Apollo plugins do; Apollo Server's own choices for us are in the table. */
function setsStatus(error: GraphQLError): boolean {
  const { http, code } = error.extensions;
  const chosen = typeof http === 'object' && http !== null && 'status' in http && http.status !== undefined;
  return chosen && !apolloCodes.has(String(code));
}

const apolloCodes = new Set(['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'OPERATION_RESOLUTION_FAILURE']);

function toAnswer(passage: Passage, status: number, headers: HeaderMap): HttpAnswer {
  const { request, sent, unexpected } = passage;
  const { mediaType } = request.negotiated;
  if (unexpected !== undefined) return answerErrors([unexpected], mediaType, request.sink);
  if (sent?.response.body.kind !== 'single') {
    // Everything that Apollo Server refuses before its pipeline was checked before this lane.
    return answerErrors([new InternalError('Apollo Server did not answer a checked request')], mediaType, request.sink);
  }
  const result: FormattedExecutionResult = sent.response.body.singleResult;
  return {
    status,
    headers: responseHeaders(mediaType, pluginHeaders(headers)),
    body: stringifyResult(result),
    code: result.errors?.[0] === undefined ? undefined : codeOf(sent.errors?.[0]),
  };
}

/** What plugins have set: the media type and the length are ours to tell. */
function pluginHeaders(headers: HeaderMap): Record<string, string> {
  const { 'content-type': _type, 'content-length': _length, ...others } = Object.fromEntries(headers);
  return others;
}

/** The request as Apollo Server reads it: the checked parameters alone, and the media type that was decided. */
function toApolloRequest({ method, headers, params, negotiated }: LaneRequest): HTTPGraphQLRequest {
  const map = new HeaderMap();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) map.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  map.set('accept', negotiated.mediaType);
  return method === 'POST'
    ? { method, headers: map, search: '', body: toBody(params) }
    : { method, headers: map, search: toSearch(params), body: undefined };
}

/** Apollo Server refuses a parameter that is there and undefined, but takes null. */
function toBody(params: GraphQLParams): Readonly<Record<string, unknown>> {
  return {
    query: params.query ?? null,
    operationName: params.operationName ?? null,
    variables: params.variables ?? null,
    extensions: params.extensions ?? null,
  };
}

function toSearch(params: GraphQLParams): string {
  const search = new URLSearchParams();
  if (params.query !== undefined) search.set('query', params.query);
  if (params.operationName !== undefined) search.set('operationName', params.operationName);
  if (params.variables !== undefined) search.set('variables', JSON.stringify(params.variables));
  if (params.extensions !== undefined) search.set('extensions', JSON.stringify(params.extensions));
  return `?${search}`;
}

/** Apollo Server's own defaults, off: each is ours (landing page, caching) or none of a gateway's (reports to Apollo). */
function disabledDefaults(plugins: readonly ApolloServerPlugin[]): ApolloServerPlugin[] {
  const installed = new Set(
    plugins.map((plugin) => ('__internal_plugin_id__' in plugin ? String(plugin.__internal_plugin_id__) : '')),
  );
  const disabled: [string, () => ApolloServerPlugin][] = [
    ['CacheControl', ApolloServerPluginCacheControlDisabled],
    ['InlineTrace', ApolloServerPluginInlineTraceDisabled],
    ['LandingPageDisabled', ApolloServerPluginLandingPageDisabled],
    ['SchemaReporting', ApolloServerPluginSchemaReportingDisabled],
    ['UsageReporting', ApolloServerPluginUsageReportingDisabled],
  ];
  return disabled.filter(([id]) => !installed.has(id)).map(([, create]) => create());
}

function apolloLogger(log: Log) {
  const write = (level: keyof Log) => (message: unknown) => log[level]({ from: 'apollo-server' }, String(message));
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
