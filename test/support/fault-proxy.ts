/**
 * Test support: a real HTTP and WebSocket server that stands for a subgraph, or before one, and injects one of `faults.ts`.
 * In: what a healthy subgraph would answer, or its URL. Out: a URL, what was asked, which sockets are still open.
 * Who asks for an event stream, or subscribes over graphql-transport-ws, gets the healthy answer, or what a fault makes of
 * it, as the one event of a subscription.
 */
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  bodyFaults,
  type FaultKind,
  type FaultyExchange,
  isBodyFault,
  jsonHeaders,
  type ProxiedRequest,
  transportFaults,
} from './faults';

export interface FaultProxyOptions {
  /** The healthy answer: JSON text, or the URL of a subgraph that gives it. */
  readonly upstream: string | ((request: ProxiedRequest) => string | Promise<string>);
  /** How long slow faults wait: before the first byte, and between two bytes. */
  readonly slowMs?: number;
}

export interface FaultProxy {
  readonly url: string;
  readonly requests: ProxiedRequest[];
  /** Sockets that are open now, and connections accepted ever. */
  readonly sockets: { readonly open: number; readonly accepted: number };
  /**
   * From now on this happens to each request; `refused` closes the port until another fault is set. Answers of a fixed body
   * get `extraHeaders` too.
   */
  inject(fault: FaultKind, extraHeaders?: Readonly<Record<string, string>>): Promise<void>;
  /** Closes all sockets of clients, as a restart does. */
  dropConnections(): void;
  /** Waits, a second at most, until so many sockets are open; returns how many are. */
  settled(open: number): Promise<number>;
  close(): Promise<void>;
}

/** Starts the proxy on a free port; it is healthy until `inject`. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const sockets = new Set<Socket>();
  const carried = new WeakMap<Socket, number>();
  const requests: ProxiedRequest[] = [];
  const { slowMs = 50 } = options;
  let accepted = 0;
  let fault: FaultKind = 'none';
  let extraHeaders: Readonly<Record<string, string>> = {};

  const note = ({ url = '', headers, socket }: IncomingMessage, body: string): ProxiedRequest => {
    const earlierOnSocket = carried.get(socket) ?? 0;
    carried.set(socket, earlierOnSocket + 1);
    const request = { path: url, body, headers, earlierOnSocket };
    requests.push(request);
    return request;
  };
  const exchangeOf = (request: ProxiedRequest, response: ServerResponse, socket: Socket): FaultyExchange => {
    const healthy = async () => askUpstream(options.upstream, request);
    return { request, response, socket, slowMs, extraHeaders, healthy };
  };

  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('error', () => {});
    response.on('error', () => {});
    incoming.on('end', () => {
      const request = note(incoming, Buffer.concat(chunks).toString());
      void inject(fault, exchangeOf(request, response, incoming.socket));
    });
  });
  const webSockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    if (fault === 'none' || isBodyFault(fault)) {
      webSockets.handleUpgrade(incoming, socket, head, (opened) =>
        serveSubscriptions(opened, async (body) => {
          const exchange = exchangeOf(note(incoming, body), new ServerResponse(incoming), socket);
          return bodyOf(fault, await exchange.healthy());
        }),
      );
      return;
    }
    const response = new ServerResponse(incoming);
    response.assignSocket(socket);
    response.on('error', () => {});
    void inject(fault, exchangeOf(note(incoming, ''), response, socket));
  });
  server.on('connection', (socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  const port = await listen(server, 0);
  const dropConnections = () => {
    for (const socket of sockets) socket.destroy();
  };

  return {
    url: `http://127.0.0.1:${port}/graphql`,
    requests,
    sockets: {
      get open() {
        return sockets.size;
      },
      get accepted() {
        return accepted;
      },
    },
    dropConnections,
    inject: async (next, headers = {}) => {
      // Those that were half open notice now what happened since.
      for (const socket of sockets) socket.resume();
      fault = next;
      extraHeaders = headers;
      if (next === 'refused') await stop(server, dropConnections);
      else if (!server.listening) await listen(server, port);
    },
    settled: async (open) => {
      for (let waited = 0; sockets.size !== open && waited < 1_000; waited += 5) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return sockets.size;
    },
    close: () => stop(server, dropConnections),
  };
}

/** What a healthy answer becomes. */
function bodyOf(fault: FaultKind, healthy: string): Buffer {
  return Buffer.from(isBodyFault(fault) ? bodyFaults[fault](healthy) : healthy);
}

async function inject(fault: FaultKind, exchange: FaultyExchange): Promise<void> {
  const { request, response, healthy } = exchange;
  const isStream = request.headers.accept === 'text/event-stream' && (fault === 'none' || isBodyFault(fault));
  if (!isStream && !isBodyFault(fault)) {
    await transportFaults[fault](exchange);
    return;
  }
  const body = bodyOf(fault, await healthy());
  if (!isStream) {
    response.writeHead(200, { ...jsonHeaders, 'content-length': body.length }).end(body);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(Buffer.concat([Buffer.from('event: next\ndata: '), body, Buffer.from('\n\n')]));
  response.end('event: complete\n\n');
}

/** One event for each subscription, then its end. */
function serveSubscriptions(socket: WebSocket, payloadOf: (body: string) => Promise<Buffer>): void {
  socket.on('error', () => {});
  socket.on('message', async (data) => {
    const { id, type, payload } = JSON.parse(String(data)) as { id?: string; type: string; payload?: unknown };
    if (type === 'connection_init') socket.send('{"type":"connection_ack"}');
    else if (type === 'ping') socket.send('{"type":"pong"}');
    else if (type === 'subscribe') {
      const event = Buffer.from(`{"id":"${id}","type":"next","payload":`);
      const message = Buffer.concat([event, await payloadOf(JSON.stringify(payload)), Buffer.from('}')]);
      socket.send(message, { binary: false });
      socket.send(`{"id":"${id}","type":"complete"}`);
    }
  });
}

async function askUpstream(upstream: FaultProxyOptions['upstream'], request: ProxiedRequest): Promise<string> {
  if (typeof upstream !== 'string') return upstream(request);
  const { host, connection, 'content-length': length, ...headers } = request.headers;
  const forwarded = Object.entries(headers).map(([name, value]) => [name, String(value)] as [string, string]);
  const answered = await fetch(upstream, { method: 'POST', headers: forwarded, body: request.body });
  return answered.text();
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function stop(server: Server, dropConnections: () => void): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  dropConnections();
  await closed;
}
