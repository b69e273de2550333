/**
 * Subscriptions of one subgraph over graphql-transport-ws, on the port and path of its queries.
 * In: sockets of the gateway, which names itself in `connection_init`, and who asks in `extensions.headers` of each
 * operation. Out: events. Clock: per operation and event. Queries and mutations are not for sockets.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  createSourceEventStream,
  type ExecutionArgs,
  execute,
  GraphQLError,
  type GraphQLFormattedError,
  type GraphQLSchema,
  getOperationAST,
  parse,
  validate,
} from 'graphql';
import type { SubscribePayload } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { badUserInput, unauthenticated } from './errors';
import { type EventStream, mapEvents } from './events';
import type { Caller } from './identity';

export interface LiveOptions {
  readonly schema: GraphQLSchema;
  readonly maxMessageBytes: number;
  /** Whom a token speaks for; undefined when it is not to be believed. */
  callerOf(headers: IncomingHttpHeaders): Caller | undefined;
  /** Runs for every subscription, and for every event: nothing that was loaded for one is shown for the next. */
  createContext(caller: Caller, headers: IncomingHttpHeaders): object;
  readonly formatError: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;
}

export interface LiveServer {
  /** Takes a connection that asks to become a socket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends all sockets with 1001, after a second by force. */
  close(): Promise<void>;
}

const GOING_AWAY = 1001;
const KEEP_ALIVE_MS = 12_000;
const CLOSE_MS = 1_000;

/** Serves the subscriptions of a schema. */
export function createLiveServer(options: LiveOptions): LiveServer {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: options.maxMessageBytes,
    perMessageDeflate: false,
    handleProtocols: (protocols) => protocols.has('graphql-transport-ws') && 'graphql-transport-ws',
  });
  const toClient = (error: GraphQLError) => options.formatError(error.toJSON(), error);
  useServer(
    {
      // False closes the socket with 4403.
      onConnect: ({ connectionParams }) => options.callerOf(asHeaders(connectionParams))?.kind === 'gateway',
      onSubscribe: (_, _id, payload) => prepare(options, payload),
      subscribe: (args) => subscribe(args as LiveArgs),
      onNext: (_, _id, _payload, _args, { data, errors }) => ({
        ...(data !== undefined && { data }),
        ...(errors && { errors: errors.map(toClient) }),
      }),
      onError: (_, _id, _payload, errors) => errors.map(toClient),
    },
    server,
    KEEP_ALIVE_MS,
  );
  return {
    upgrade: (request, socket, head) => {
      server.handleUpgrade(request, socket, head, (opened) => server.emit('connection', opened, request));
    },
    close: () => closeAll(server),
  };
}

async function closeAll(server: WebSocketServer): Promise<void> {
  const end = (each: (socket: WebSocket) => void) => {
    for (const socket of server.clients) each(socket);
  };
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  end((socket) => socket.close(GOING_AWAY, 'Going away'));
  const force = setTimeout(() => end((socket) => socket.terminate()), CLOSE_MS);
  await closed;
  clearTimeout(force);
}

interface LiveArgs extends ExecutionArgs {
  readonly createContext: () => object;
}

/** What a bad document or identity ends is its own operation, never the socket. */
function prepare(options: LiveOptions, payload: SubscribePayload): LiveArgs | GraphQLError[] {
  const headers = asHeaders(payload.extensions?.headers);
  const caller = options.callerOf(headers);
  if (!caller) return [unauthenticated('Only the gateway may call this subgraph.')];
  try {
    const document = parse(payload.query);
    const errors = validate(options.schema, document);
    if (errors.length > 0) return errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED'));
    const operation = getOperationAST(document, payload.operationName);
    if (operation?.operation !== 'subscription') return [badUserInput('Only subscriptions are served over sockets.')];
    const createContext = () => options.createContext(caller, headers);
    return {
      schema: options.schema,
      document,
      operationName: payload.operationName ?? null,
      variableValues: payload.variables ?? null,
      contextValue: createContext(),
      createContext,
    };
  } catch (error) {
    return [error instanceof GraphQLError ? withCode(error, 'GRAPHQL_PARSE_FAILED') : internalError(error)];
  }
}

function withCode(error: GraphQLError, code: string): GraphQLError {
  error.extensions.code = code;
  return error;
}

/** Masked, and written to the log, by `formatError`. */
const internalError = (cause: unknown): GraphQLError =>
  new GraphQLError('Internal server error', {
    originalError: cause instanceof Error ? cause : new Error(String(cause)),
  });

/** An object of text values: headers as the gateway would send them over HTTP. Anything else is as good as none. */
function asHeaders(value: unknown): IncomingHttpHeaders {
  return typeof value === 'object' && value !== null ? (value as IncomingHttpHeaders) : {};
}

async function subscribe(args: LiveArgs) {
  const stream = await createSourceEventStream(args);
  if (!(Symbol.asyncIterator in stream)) return stream;
  const events = stream[Symbol.asyncIterator]();
  return mapEvents(events, (rootValue) =>
    execute({ ...args, rootValue, contextValue: args.createContext() }),
  ) as EventStream<Awaited<ReturnType<typeof execute>>> as AsyncGenerator<
    Awaited<ReturnType<typeof execute>>,
    void,
    void
  >;
}
