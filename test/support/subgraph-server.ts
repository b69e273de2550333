/**
 * Test support: real subgraphs over real HTTP. One listening server carries many subgraphs, one path each.
 * In: schemas (or SDL and resolvers). Out: their URLs and a log of every request they got.
 * Every document is parsed and validated as a subgraph would, so a malformed subgraph request shows as its error.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { type DocumentNode, execute, GraphQLError, type GraphQLSchema, parse, validate } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { type WebSocket, WebSocketServer } from 'ws';

type Resolvers = NonNullable<Extract<Parameters<typeof buildSubgraphSchema>[0], { typeDefs: unknown }>['resolvers']>;

/** A subgraph in its source form, or as a schema that is ready to execute. */
export type SubgraphDefinition = { readonly name: string } & (
  | { readonly typeDefs: DocumentNode; readonly resolvers?: Resolvers }
  | { readonly schema: GraphQLSchema }
);

/** One request as a subgraph received it, in order of arrival. */
export interface LoggedRequest {
  readonly subgraph: string;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly operationName?: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body that was answered, once it was. */
  answer?: string;
}

/** One subscription as a subgraph received it over a WebSocket, in order of arrival. */
export interface LoggedSubscription {
  readonly subgraph: string;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  isOpen: boolean;
}

/** What resolvers get as context value. */
export interface SubgraphContext {
  readonly headers: LoggedRequest['headers'];
}

/** An answer given instead of executing: for failing, slow or lying subgraphs. */
export interface RawAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SubgraphServerOptions {
  /** Looks at each request first; `undefined` lets it pass to the schema. May wait. */
  readonly intercept?: (request: LoggedRequest) => RawAnswer | undefined | Promise<RawAnswer | undefined>;
  /** Keeps no log: for long runs. */
  readonly silent?: boolean;
}

export interface SubgraphServer {
  /** Every request so far. Empty it with `requests.length = 0`. */
  readonly requests: LoggedRequest[];
  /** Every subscription so far, over graphql-transport-ws at the same URLs. */
  readonly subscriptions: LoggedSubscription[];
  /** Takes no socket any more, while it is true. */
  refuseSockets: boolean;
  /** Sockets of subscriptions that are open. */
  readonly sockets: ReadonlySet<WebSocket>;
  /** Where a subgraph is served, or will be. */
  urlOf(name: string, group?: string): string;
  /** Serves a schema; returns its URL. `group` keeps equal subgraph names of different graphs apart. */
  mount(definition: SubgraphDefinition, group?: string): string;
  unmount(group: string): void;
  close(): Promise<void>;
}

interface Mounted {
  readonly name: string;
  readonly schema: GraphQLSchema;
  readonly documents: Map<string, DocumentNode | readonly GraphQLError[]>;
}

/** Starts an HTTP server on a free loopback port that carries any number of subgraphs. */
export async function createSubgraphServer(options: SubgraphServerOptions = {}): Promise<SubgraphServer> {
  const mounted = new Map<string, Mounted>();
  const requests: LoggedRequest[] = [];
  const server = createServer((request, response) => {
    answer(request, mounted, requests, options).then(
      (raw) => send(response, raw),
      (error: unknown) =>
        send(response, { status: 500, body: JSON.stringify({ errors: [{ message: String(error) }] }) }),
    );
  });
  const subscriptions: LoggedSubscription[] = [];
  const webSockets = serveSubscriptions(mounted, subscriptions);
  server.on('upgrade', (request, socket, head) => {
    if (subgraphServer.refuseSockets) socket.destroy();
    else webSockets.handleUpgrade(request, socket, head, (opened) => webSockets.emit('connection', opened, request));
  });
  server.keepAliveTimeout = 60_000;
  const port = await listen(server);
  const pathOf = (name: string, group = ''): string => `/${group}/${encodeURIComponent(name)}`;
  const urlOf = (name: string, group?: string): string => `http://127.0.0.1:${port}${pathOf(name, group)}`;
  const subgraphServer: SubgraphServer = {
    requests,
    subscriptions,
    refuseSockets: false,
    sockets: webSockets.clients,
    urlOf,
    mount(definition, group) {
      const schema = schemaOf(definition);
      mounted.set(pathOf(definition.name, group), { name: definition.name, schema, documents: new Map() });
      return urlOf(definition.name, group);
    },
    unmount(group) {
      for (const path of [...mounted.keys()]) if (path.startsWith(`/${group}/`)) mounted.delete(path);
    },
    close: () =>
      new Promise((resolve, reject) => {
        for (const socket of webSockets.clients) socket.terminate();
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
  return subgraphServer;
}

export interface StartedSubgraphs {
  /** By subgraph name. */
  readonly urls: Readonly<Record<string, string>>;
  readonly requests: LoggedRequest[];
  close(): Promise<void>;
}

/**
 * Starts the subgraphs of one graph.
 *
 *     const { urls, requests, close } = await startSubgraphs([{ name: 'users', typeDefs: gql`...`, resolvers }]);
 */
export async function startSubgraphs(
  definitions: readonly SubgraphDefinition[],
  options: SubgraphServerOptions = {},
): Promise<StartedSubgraphs> {
  const server = await createSubgraphServer(options);
  const urls = Object.fromEntries(
    definitions.map((definition) => [definition.name, server.mount(definition, 'graph')]),
  );
  return { urls, requests: server.requests, close: server.close };
}

function schemaOf(definition: SubgraphDefinition): GraphQLSchema {
  if ('schema' in definition) return definition.schema;
  const { typeDefs, resolvers } = definition;
  return buildSubgraphSchema(resolvers ? { typeDefs, resolvers } : { typeDefs });
}

function serveSubscriptions(
  mounted: ReadonlyMap<string, Mounted>,
  subscriptions: LoggedSubscription[],
): WebSocketServer {
  const webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'graphql-transport-ws' });
  const open = new WeakMap<WebSocket, Map<string, LoggedSubscription>>();
  const end = (socket: WebSocket, id: string): void => {
    const logged = open.get(socket)?.get(id);
    if (logged) logged.isOpen = false;
  };
  useServer(
    {
      onConnect: ({ extra }) => {
        open.set(extra.socket, new Map());
      },
      onSubscribe: ({ extra }, id, { query, variables, extensions }) => {
        const target = mounted.get(extra.request.url ?? '');
        if (!target) return [new GraphQLError(`no subgraph at ${extra.request.url}`)];
        const headers = (extensions?.headers ?? {}) as Readonly<Record<string, string>>;
        const logged = { subgraph: target.name, query, variables: variables ?? {}, headers, isOpen: true };
        subscriptions.push(logged);
        open.get(extra.socket)?.set(id, logged);
        const document = prepare(target, query);
        if (!('kind' in document)) return document;
        return { schema: target.schema, document, variableValues: variables, contextValue: { headers } };
      },
      onComplete: ({ extra }, id) => end(extra.socket, id),
      onError: ({ extra }, id) => end(extra.socket, id),
      onDisconnect: ({ extra }) => {
        for (const id of open.get(extra.socket)?.keys() ?? []) end(extra.socket, id);
      },
    },
    webSockets,
  );
  return webSockets;
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

async function answer(
  request: IncomingMessage,
  mounted: ReadonlyMap<string, Mounted>,
  requests: LoggedRequest[],
  options: SubgraphServerOptions,
): Promise<RawAnswer> {
  const body = await read(request);
  const target = mounted.get(request.url ?? '');
  if (!target) return { status: 404, body: JSON.stringify({ errors: [{ message: `no subgraph at ${request.url}` }] }) };
  const { query, variables, operationName } = JSON.parse(body) as Partial<LoggedRequest>;
  const logged: LoggedRequest = {
    subgraph: target.name,
    query: query ?? '',
    variables: variables ?? {},
    ...(operationName ? { operationName } : {}),
    headers: request.headers,
  };
  if (!options.silent) requests.push(logged);
  const raw = options.intercept ? await options.intercept(logged) : undefined;
  const finished = raw ?? { body: JSON.stringify(await run(target, logged)) };
  if (!options.silent) logged.answer = finished.body;
  return finished;
}

async function run(target: Mounted, request: LoggedRequest): Promise<unknown> {
  const document = prepare(target, request.query);
  if (!('kind' in document)) return { errors: document };
  const context: SubgraphContext = { headers: request.headers };
  return execute({
    schema: target.schema,
    document,
    variableValues: request.variables,
    operationName: request.operationName ?? null,
    contextValue: context,
  });
}

function prepare(target: Mounted, query: string): DocumentNode | readonly GraphQLError[] {
  const known = target.documents.get(query);
  if (known) return known;
  const document = parseAndValidate(target.schema, query);
  if (target.documents.size > 2000) target.documents.clear();
  target.documents.set(query, document);
  return document;
}

function parseAndValidate(schema: GraphQLSchema, query: string): DocumentNode | readonly GraphQLError[] {
  try {
    const document = parse(query);
    const errors = validate(schema, document);
    return errors.length > 0 ? errors : document;
  } catch (error) {
    return [error instanceof GraphQLError ? error : new GraphQLError(String(error))];
  }
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, raw: RawAnswer): void {
  response.writeHead(raw.status ?? 200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(raw.body),
    ...raw.headers,
  });
  response.end(raw.body);
}
