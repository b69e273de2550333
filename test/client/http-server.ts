/** A real HTTP door over the fake one, with the defaults of the configuration. */
import { request as httpRequest } from 'node:http';
import type { InjectOptions } from 'fastify';
import { createHttpServer, type HttpConfig, type HttpDeps, type HttpServer } from '../../src/client/http';
import { createIdempotentRequests } from '../../src/client/idempotency';
import type { Log } from '../../src/telemetry/log';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics';
import { createFakeDoor, type FakeDoor } from './fake-door';

export const httpDefaults: HttpConfig = {
  graphqlPath: '/graphql',
  maxBodyBytes: 1_000_000,
  maxHeaderBytes: 16_384,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 72_000,
  compression: true,
  cors: { origins: [], credentials: false },
  introspection: true,
  explorer: true,
  metrics: true,
  expressLane: false,
  trustedProxies: [],
  overload: {
    shedding: false,
    maxEventLoopDelayMs: 20,
    maxInFlight: 1_000,
    priority: { operations: [], tiers: [] },
  },
  subscriptions: {
    websocket: true,
    eventStreams: true,
    maxConnections: 100,
    maxConnectionsPerIp: 100,
    maxConnectionsPerIdentity: 100,
    maxOperationsPerConnection: 10,
    maxMessageBytes: 1_000_000,
    initTimeoutMs: 3_000,
    idleTimeoutMs: 60_000,
    pingIntervalMs: 12_000,
    recheckMs: 15_000,
    slowConsumers: 'dropOldest',
    maxQueuedMessages: 100,
    maxQueuedBytes: 1_000_000,
  },
};

export interface LogLine {
  readonly level: keyof Log;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface TestServer {
  readonly http: HttpServer;
  readonly door: FakeDoor;
  readonly metrics: Metrics;
  /** Everything that was logged. */
  readonly lines: LogLine[];
  readonly health: { ready: boolean };
}

export async function startTestServer(
  config: Partial<HttpConfig> = {},
  deps: Partial<HttpDeps> & { door?: FakeDoor } = {},
): Promise<TestServer> {
  const door = deps.door ?? createFakeDoor();
  const metrics = createMetrics();
  const lines: LogLine[] = [];
  const health = { ready: true };
  const write = (level: keyof Log) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    lines.push({ ...fields, level, message });
  };
  const http = await createHttpServer(
    { ...httpDefaults, ...config },
    {
      createContext: (request) => door.createContext(request),
      sockets: door.sockets,
      tierOf: () => undefined,
      rights: door.rights,
      idempotency: { requests: createIdempotentRequests(60_000, undefined), callerOf: () => undefined },
      health: { ready: () => health.ready, checks: async () => ({ gateway: { status: 'up', generation: 1 } }) },
      metrics,
      log: { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') },
      ...deps,
      door,
    },
  );
  return { http, door, metrics, lines, health };
}

export interface SentAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: the shape is that of fastify's `inject`
  json(): any;
}

/** A way to send a request: `inject`, or a socket. */
export type Send = (request: InjectOptions) => Promise<SentAnswer>;

/** What `inject` does, over sockets: there requests may go past fastify. */
export function sendOver(url: string): Send {
  return ({ method = 'GET', url: path, headers, payload }) =>
    new Promise((resolve, reject) => {
      const outgoing = httpRequest(new URL(url).origin, { path: String(path), method, agent: false, ...{ headers } });
      outgoing.on('error', reject);
      outgoing.on('response', (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => {
          const { statusCode = 0, headers: answerHeaders } = response;
          resolve({ statusCode, headers: answerHeaders, body, json: () => JSON.parse(body) });
        });
      });
      const bytes = payload === undefined ? undefined : Buffer.from(payload as string);
      if (bytes !== undefined) outgoing.setHeader('content-length', bytes.length);
      outgoing.end(bytes);
    });
}

export async function stopTestServer({ http, metrics }: TestServer): Promise<void> {
  metrics.close();
  await http.close({ idleGraceMs: 0, timeoutMs: 2_000 });
}
